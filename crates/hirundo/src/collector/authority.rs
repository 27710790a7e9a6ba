//! The centre's own small certificate authority: who it is, and the certificates it gives to sensors and collectors.
//!
//! `ca.key` and `ca.pem` in the centre's folder. `ca.pem` may hold further certificates behind the first: authorities
//! whose certificates still count while sensors move to the first one.

use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use hirundo_packet::wire;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use x509_parser::time::ASN1Time;

use super::hex;

/// The authority's key, PKCS #8 as PEM, readable by its owner only.
pub const KEY_FILE: &str = "ca.key";
/// The authority's certificate, and those that still count, PEM.
pub const CERTIFICATE_FILE: &str = "ca.pem";

/// How long the authority holds, seconds: ten years.
const CA_SECS: i64 = 3_652 * 86_400;
/// How long a sensor's certificate holds, seconds.
pub const SENSOR_SECS: i64 = 30 * 86_400;
/// How long a collector's certificate holds, seconds; the collector makes the next when a third is left.
pub const SERVER_SECS: i64 = 30 * 86_400;
/// A certificate begins this much before it is made: clocks differ.
const EARLY_SECS: i64 = 3_600;
/// Longest file of certificates or keys, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most certificates of authorities that count.
const CERTIFICATES_MAX: usize = 8;

/// The authority, able to sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificates: Vec<CertificateDer<'static>>,
    pem: String,
}

/// A certificate for a sensor.
#[derive(Clone, Debug)]
pub struct SensorCertificate {
    /// PEM.
    pub pem: String,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// From when on it does not hold, seconds since 1970.
    pub ends_secs: i64,
}

/// A collector's certificate with its key.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The collector's, then the authority's, so that a sensor that knows only the digest can check it.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// From when on it does not hold, seconds since 1970.
    pub ends_secs: i64,
}

impl Authority {
    /// Makes an authority and writes it into a folder where there is none.
    ///
    /// # Errors
    /// When there is one, or the files cannot be written.
    pub fn create(folder: &Path, name: &str, now_secs: i64) -> Result<Authority> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("could not make the key of the centre's authority")?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&format!("Hirundo centre {name}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(serial()?);
        hold(&mut params, now_secs, now_secs + CA_SECS)?;
        let certificate = params
            .self_signed(&key)
            .context("could not make the certificate of the centre's authority")?;
        write_new(&folder.join(KEY_FILE), key.serialize_pem().as_bytes(), 0o600)?;
        write_new(&folder.join(CERTIFICATE_FILE), certificate.pem().as_bytes(), 0o644)?;
        Authority::open(folder)
    }

    /// Reads the authority of a folder.
    ///
    /// # Errors
    /// When a file is missing or is not what it should be, or others may read the key.
    pub fn open(folder: &Path) -> Result<Authority> {
        let key_path = folder.join(KEY_FILE);
        let pem_path = folder.join(CERTIFICATE_FILE);
        check_private(&key_path)?;
        let what = || format!("could not use {}", key_path.display());
        let key = KeyPair::from_pem(&read(&key_path)?).with_context(what)?;
        let pem = read(&pem_path)?;
        let what = || format!("could not use {}", pem_path.display());
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .take(CERTIFICATES_MAX + 1)
            .collect::<Result<_, _>>()
            .with_context(what)?;
        let Some(first) = certificates.first().filter(|_| certificates.len() <= CERTIFICATES_MAX) else {
            bail!("{}: it holds no certificate, or more than {CERTIFICATES_MAX}", what());
        };
        let (_, parsed) = x509_parser::parse_x509_certificate(first).with_context(what)?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            bail!(
                "{}: its first certificate is not that of {KEY_FILE}; hint: the authority's own certificate comes first",
                what()
            );
        }
        let issuer = Issuer::from_ca_cert_der(first, key).with_context(what)?;
        Ok(Authority { issuer, certificates, pem })
    }

    /// Certificates of the authorities that count; the first signs.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The same as PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// SHA-256 of the signing certificate, hexadecimal: how a sensor knows its centre.
    #[must_use]
    pub fn sha256(&self) -> String {
        self.certificates
            .first()
            .map(|first| hex(&Sha256::digest(first)))
            .unwrap_or_default()
    }

    /// From when on the signing certificate does not hold, seconds since 1970.
    #[must_use]
    pub fn ends_secs(&self) -> i64 {
        let first = self.certificates.first();
        let parsed = first.and_then(|first| x509_parser::parse_x509_certificate(first).ok());
        parsed.map_or(0, |(_, parsed)| parsed.validity().not_after.timestamp())
    }

    /// A certificate for a sensor over the public key of a request. Nothing else of the request counts, but it must be
    /// signed with the key that belongs to it.
    ///
    /// # Errors
    /// When the request is not one, or its signature or kind of key is not good.
    pub fn certify_sensor(&self, csr: &str, sensor: &str, now_secs: i64) -> Result<SensorCertificate> {
        let request = CertificateSigningRequestParams::from_pem(csr).context("could not use the certificate signing request")?;
        let algorithm = request.public_key.algorithm();
        let good = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519];
        if !good.into_iter().any(|good| good == algorithm) {
            bail!("could not use the certificate signing request: its key is none of ECDSA P-256, P-384 and Ed25519");
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(sensor);
        let uri = format!("{}{sensor}", wire::SENSOR_URI);
        params.subject_alt_names = vec![SanType::URI(uri.try_into().context("could not write the sensor's name")?)];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let serial = serial()?;
        params.serial_number = Some(serial.clone());
        let ends_secs = now_secs + SENSOR_SECS;
        hold(&mut params, now_secs, ends_secs)?;
        let certificate = params
            .signed_by(&request.public_key, &self.issuer)
            .context("could not sign the sensor's certificate")?;
        Ok(SensorCertificate {
            pem: certificate.pem(),
            serial: hex(&serial.to_bytes()),
            ends_secs,
        })
    }

    /// A certificate and key for a collector under these hosts (names or addresses).
    ///
    /// # Errors
    /// When a host cannot stand in a certificate.
    pub fn certify_server(&self, hosts: &[String], now_secs: i64) -> Result<ServerCertificate> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("could not make the collector's key")?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("Hirundo collector");
        for host in hosts {
            params.subject_alt_names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(
                    host.as_str()
                        .try_into()
                        .with_context(|| format!("could not write the host {host:?} into a certificate"))?,
                ),
            });
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial()?);
        let ends_secs = (now_secs + SERVER_SECS).min(self.ends_secs());
        hold(&mut params, now_secs, ends_secs)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .context("could not sign the collector's certificate")?;
        let mut chain = vec![certificate.der().clone()];
        chain.extend(self.certificates.first().cloned());
        Ok(ServerCertificate {
            chain,
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            ends_secs,
        })
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authority")
            .field("sha256", &self.sha256())
            .finish_non_exhaustive()
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// Says from when to when a certificate holds.
fn hold(params: &mut CertificateParams, now_secs: i64, ends_secs: i64) -> Result<()> {
    let time = |secs: i64| {
        ASN1Time::from_timestamp(secs)
            .map(|time| time.to_datetime())
            .context("the clock shows no time that a certificate can hold")
    };
    params.not_before = time(now_secs - EARLY_SECS)?;
    params.not_after = time(ends_secs)?;
    Ok(())
}

/// A serial number nobody can foresee: 16 random bytes, positive (RFC 5280, 4.1.2.2).
fn serial() -> Result<SerialNumber> {
    let mut bytes = [0; 16];
    super::random(&mut bytes)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn read(path: &Path) -> Result<String> {
    let what = || format!("could not read {}", path.display());
    if std::fs::metadata(path).with_context(what)?.len() > FILE_BYTES_MAX {
        bail!("{}: it has more than {FILE_BYTES_MAX} bytes", what());
    }
    std::fs::read_to_string(path).with_context(what)
}

/// Others may not read the key, or it is not the centre's alone any more.
fn check_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let mode = std::fs::metadata(path)
        .with_context(|| format!("could not read {}", path.display()))?
        .mode();
    if mode & 0o077 != 0 {
        let path = path.display();
        bail!("{path} can be read by others than its owner; hint: chmod 600 {path}");
    }
    Ok(())
}

/// Writes a file that must not be there yet, and forces it to disk.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let what = || format!("could not write {}", path.display());
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .with_context(what)?;
    file.write_all(bytes).with_context(what)?;
    file.sync_all().with_context(what)
}

#[cfg(test)]
#[path = "authority_tests.rs"]
mod tests;
