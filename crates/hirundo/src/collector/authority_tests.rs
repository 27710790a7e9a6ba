//! What the authority's certificates say, and which requests it refuses.

use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::*;

const NOW: i64 = 1_700_000_000;

fn request(params: CertificateParams) -> (String, KeyPair) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let csr = params.serialize_request(&key).unwrap().pem().unwrap();
    (csr, key)
}

#[test]
fn a_sensors_certificate_says_what_the_centre_decided_and_not_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(folder.path(), "test", NOW).unwrap();
    let mut wish = CertificateParams::new(vec!["collector.example".to_owned()]).unwrap();
    wish.distinguished_name = common_name("someone-else");
    wish.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    wish.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let (csr, key) = request(wish);
    let made = authority.certify_sensor(&csr, "jp-01", NOW).unwrap();
    let der = CertificateDer::from_pem_slice(made.pem.as_bytes()).unwrap();
    let (_, certificate) = parse_x509_certificate(&der).unwrap();
    assert_eq!(certificate.subject().to_string(), "CN=jp-01");
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert!(matches!(names.as_slice(), [GeneralName::URI("hirundo:sensor:jp-01")]), "{names:?}");
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    assert!(!certificate.is_ca());
    assert_eq!(certificate.validity().not_after.timestamp(), NOW + SENSOR_SECS);
    assert_eq!(certificate.public_key().subject_public_key.data.as_ref(), key.der_bytes());
    assert_eq!(hex(certificate.raw_serial()), made.serial);
    let (_, ca) = parse_x509_certificate(&authority.certificates()[0]).unwrap();
    certificate.verify_signature(Some(ca.public_key())).unwrap();
}

#[test]
fn requests_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(folder.path(), "test", NOW).unwrap();
    let refused = |csr: &str| authority.certify_sensor(csr, "jp-01", NOW).unwrap_err();
    refused("");
    refused("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    // A request signed by another key than the one in it: its sender does not have the key.
    let (csr, key) = request(CertificateParams::default());
    let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut der = CertificateSigningRequestDerBytes::of(&csr);
    der.exchange(key.public_key_raw(), other.public_key_raw());
    refused(&der.pem());
    assert!(authority.certify_sensor(&csr, "jp-01", NOW).is_ok());
}

/// The bytes of a request, to damage them.
struct CertificateSigningRequestDerBytes(Vec<u8>);

impl CertificateSigningRequestDerBytes {
    fn of(pem: &str) -> Self {
        let der = rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap();
        CertificateSigningRequestDerBytes(der.to_vec())
    }

    fn exchange(&mut self, from: &[u8], to: &[u8]) {
        let at = self.0.windows(from.len()).position(|window| window == from).unwrap();
        self.0[at..at + to.len()].copy_from_slice(to);
    }

    fn pem(&self) -> String {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(&self.0);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    Authority::create(folder.path(), "test", NOW).unwrap();
    Authority::create(folder.path(), "test", NOW).unwrap_err();
    let key = folder.path().join(KEY_FILE);
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = Authority::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("hint: chmod 600"), "{error}");
}

#[test]
fn authorities_are_exchanged_one_after_the_other() {
    let (now, next) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Authority::create(now.path(), "test", NOW).unwrap();
    let second = Authority::create(next.path(), "test", NOW).unwrap();
    let path = now.path().join(CERTIFICATE_FILE);
    std::fs::write(&path, format!("{}{}", first.pem(), second.pem())).unwrap();
    let both = Authority::open(now.path()).unwrap();
    assert_eq!((both.certificates().len(), both.sha256()), (2, first.sha256()));
    // The one that signs is the one whose key is there.
    std::fs::write(&path, format!("{}{}", second.pem(), first.pem())).unwrap();
    let error = Authority::open(now.path()).unwrap_err().to_string();
    assert!(error.contains("authority's own certificate comes first"), "{error}");
    std::fs::copy(next.path().join(KEY_FILE), now.path().join(KEY_FILE)).unwrap();
    assert_eq!(Authority::open(now.path()).unwrap().sha256(), second.sha256());
    for wrong in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        &first.pem().repeat(9),
    ] {
        std::fs::write(&path, wrong).unwrap();
        Authority::open(now.path()).unwrap_err();
    }
}

#[test]
fn a_collectors_certificate_names_its_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(folder.path(), "test", NOW).unwrap();
    let made = authority
        .certify_server(
            &["collector.example".to_owned(), "192.0.2.1".to_owned(), "2001:db8::1".to_owned()],
            NOW,
        )
        .unwrap();
    assert_eq!(made.chain.len(), 2);
    let (_, certificate) = parse_x509_certificate(&made.chain[0]).unwrap();
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert!(
        matches!(
            names.as_slice(),
            [
                GeneralName::DNSName("collector.example"),
                GeneralName::IPAddress(_),
                GeneralName::IPAddress(_)
            ]
        ),
        "{names:?}"
    );
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth);
}
