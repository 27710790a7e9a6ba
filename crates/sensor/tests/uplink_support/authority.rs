//! A certificate authority for tests.

use hirundo_packet::wire;
use hirundo_sensor::clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

/// From when to when a certificate holds, seconds from now.
#[derive(Clone, Copy, Debug)]
pub struct Validity(pub i64, pub i64);

impl Validity {
    /// As a fresh certificate of a sensor.
    pub const FRESH: Self = Self(-3600, 30 * 86_400);
    /// Less than a third is left.
    pub const LATE: Self = Self(-25 * 86_400, 5 * 86_400);
    /// Nothing is left.
    pub const EXPIRED: Self = Self(-31 * 86_400, -86_400);
}

/// A CA.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

fn hold(params: &mut CertificateParams, validity: Validity) {
    let time = |secs: i64| {
        let at = clock::now_us() / 1_000_000 + secs;
        x509_parser::time::ASN1Time::from_timestamp(at).unwrap().to_datetime()
    };
    params.not_before = time(validity.0);
    params.not_after = time(validity.1);
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = named("Test centre");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        hold(&mut params, Validity(-86_400, 3650 * 86_400));
        let certificate = params.self_signed(&key).unwrap();
        Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub fn sha256(&self) -> String {
        Sha256::digest(&self.der).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A server's chain and key.
    pub fn server(&self, name: &str, validity: Validity) -> (Vec<CertificateDer<'static>>, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let mut params = named("Test collector");
        params.subject_alt_names = vec![match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.try_into().unwrap()),
        }];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        hold(&mut params, validity);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (vec![certificate.der().clone(), self.der.clone()], key.serialize_der())
    }

    fn sensor_params(name: &str, validity: Validity) -> CertificateParams {
        let mut params = named(name);
        let uri = format!("{}{name}", wire::SENSOR_URI);
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        hold(&mut params, validity);
        params
    }

    /// A sensor's certificate and key, PEM.
    pub fn sensor(&self, name: &str, validity: Validity) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = Self::sensor_params(name, validity).signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Certifies a request's key.
    pub fn certify(&self, csr: &str, name: &str, validity: Validity) -> String {
        let request = CertificateSigningRequestParams::from_pem(csr).unwrap();
        let params = Self::sensor_params(name, validity);
        params.signed_by(&request.public_key, &self.issuer).unwrap().pem()
    }
}
