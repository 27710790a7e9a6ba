//! TLS as a sensor speaks it: version 1.3, the centre's own CA and no other, the provider named and never the process's.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};

use super::time::CentreClock;
use crate::identity::Identity;

/// Most certificates in a PEM bundle.
const CERTIFICATES_MAX: usize = 16;

/// The ring provider, explicitly: what another part of the process sets as default does not matter.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// SHA-256 of a certificate.
pub(crate) fn sha256(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate.as_ref()).into()
}

/// Certificates of a PEM text, at least one.
///
/// # Errors
/// When there is none, too many, or one is damaged.
pub(crate) fn certificates(pem: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        anyhow::ensure!(certificates.len() < CERTIFICATES_MAX, "more than {CERTIFICATES_MAX} certificates");
        certificates.push(certificate.map_err(|error| anyhow::anyhow!("a certificate is damaged: {error}"))?);
    }
    anyhow::ensure!(!certificates.is_empty(), "no certificate");
    Ok(certificates)
}

fn roots(certificates: Vec<CertificateDer<'static>>) -> anyhow::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate)?;
    }
    Ok(Arc::new(roots))
}

/// For a sensor that is enrolled: its certificate, its centre's CA.
///
/// # Errors
/// When the key, the certificate or the CA cannot be used.
pub(crate) fn for_identity(identity: &Identity, clock: &Arc<CentreClock>) -> anyhow::Result<Arc<ClientConfig>> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(certificates(&identity.ca)?)?, provider()).build()?;
    let key = PrivateKeyDer::from_pem_slice(identity.key().as_bytes()).map_err(|error| anyhow::anyhow!("the key is damaged: {error}"))?;
    let clock: Arc<CentreClock> = Arc::clone(clock);
    let mut config = ClientConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_webpki_verifier(verifier)
        .with_client_auth_cert(certificates(&identity.certificate)?, key)?;
    finish(&mut config);
    Ok(Arc::new(config))
}

/// For a sensor that has only a token: no certificate of its own, and exactly the CA whose SHA-256 stands in the token.
///
/// # Errors
/// When the provider lacks TLS 1.3, which it does not.
pub(crate) fn for_token(ca_sha256: [u8; 32], clock: &Arc<CentreClock>) -> anyhow::Result<Arc<ClientConfig>> {
    let clock: Arc<CentreClock> = Arc::clone(clock);
    let provider = provider();
    let verifier = Pinned {
        ca_sha256,
        algorithms: provider.signature_verification_algorithms,
    };
    let mut config = ClientConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    finish(&mut config);
    Ok(Arc::new(config))
}

fn finish(config: &mut ClientConfig) {
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would go on under a certificate that has been replaced or revoked.
    config.resumption = rustls::client::Resumption::disabled();
}

/// Whether a certificate is one that the CA gave for clients, whatever the time.
///
/// # Errors
/// When it is not.
pub(crate) fn check_issued(certificate: &CertificateDer<'_>, ca: &str, at_secs: u64) -> anyhow::Result<()> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(certificates(ca)?)?, provider()).build()?;
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at_secs));
    verifier.verify_client_cert(certificate, &[], at)?;
    Ok(())
}

/// Accepts a server whose chain ends in the CA with this digest; names and times are checked as ever.
#[derive(Debug)]
struct Pinned {
    ca_sha256: [u8; 32],
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let ca = intermediates
            .iter()
            .take(CERTIFICATES_MAX)
            .find(|certificate| sha256(certificate) == self.ca_sha256)
            .ok_or(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
