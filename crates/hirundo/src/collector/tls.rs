//! TLS of the collector: version 1.3 only, our own authority, a certificate that renews itself.

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::address::Address;
use super::authority::{Authority, SERVER_SECS};
use crate::store::Store;

/// The only protocol spoken: HTTP/2.
const ALPN: &[u8] = b"h2";

/// The collector's own certificate, as long as it holds.
#[derive(Debug)]
pub struct OwnCertificate {
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
}

#[derive(Clone, Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    hosts: Vec<String>,
    ends_secs: i64,
}

impl OwnCertificate {
    /// For the hosts that sensors are told of.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn make(store: &Store, authority: &Authority) -> Result<Arc<OwnCertificate>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let current = make(&provider, authority, hosts(store).await?)?;
        Ok(Arc::new(OwnCertificate {
            provider,
            current: RwLock::new(current),
        }))
    }

    /// Makes the next one when a third of the time is left or the hosts are others; whether it did.
    ///
    /// # Errors
    /// When it cannot be made; the one there is stays.
    pub async fn renew(&self, store: &Store, authority: &Authority) -> Result<bool> {
        let hosts = hosts(store).await?;
        let fresh = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            current.ends_secs - super::now_secs() > SERVER_SECS / 3 && current.hosts == hosts
        };
        if fresh {
            return Ok(false);
        }
        let next = make(&self.provider, authority, hosts)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(true)
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current.key))
    }
}

/// Hosts of all addresses that sensors are told of, each once.
async fn hosts(store: &Store) -> Result<Vec<String>> {
    let mut hosts = Vec::new();
    for text in store.centre().await?.addresses {
        let address: Address = text.parse().map_err(anyhow::Error::msg)?;
        if !hosts.contains(&address.host) {
            hosts.push(address.host);
        }
    }
    Ok(hosts)
}

fn make(provider: &CryptoProvider, authority: &Authority, hosts: Vec<String>) -> Result<Current> {
    let made = authority.certify_server(&hosts, super::now_secs())?;
    let key = CertifiedKey::from_der(made.chain, made.key, provider).context("could not use the collector's certificate")?;
    Ok(Current {
        key: Arc::new(key),
        hosts,
        ends_secs: made.ends_secs,
    })
}

/// What the collector demands of TLS. A certificate may be missing (enrolment needs none); one that is shown must be ours.
///
/// # Errors
/// When the authority's certificates cannot be used.
pub fn config(authority: &Authority, own: Arc<OwnCertificate>) -> Result<ServerConfig> {
    let provider = Arc::clone(&own.provider);
    let mut roots = RootCertStore::empty();
    for certificate in authority.certificates() {
        roots
            .add(certificate.clone())
            .context("could not use a certificate of the authority")?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .context("could not make the check of sensors' certificates")?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("could not set TLS up")?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(own);
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Every connection proves anew who it is.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
