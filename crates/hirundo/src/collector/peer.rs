//! Who is at the other end of a connection, by the certificate that TLS has verified.

use std::net::IpAddr;

use hirundo_packet::wire;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;

/// The other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address; never logged together with a sensor's name.
    pub address: IpAddr,
    /// The sensor, when it showed a certificate.
    pub sensor: Option<Identity>,
}

/// A sensor by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name, from the URI among the alternative names.
    pub name: String,
    /// Serial number of the certificate, hexadecimal.
    pub serial: String,
    /// From when on it does not hold, seconds since 1970.
    pub ends_secs: i64,
}

/// The sensor a verified certificate is for; `None` when it is not one of a sensor.
#[must_use]
pub fn identity(certificate: &CertificateDer<'_>) -> Option<Identity> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
        return None;
    };
    let name = uri.strip_prefix(wire::SENSOR_URI)?;
    if !wire::is_sensor_name(name) || certificate.is_ca() {
        return None;
    }
    Some(Identity {
        name: name.to_owned(),
        serial: super::hex(certificate.raw_serial()),
        ends_secs: certificate.validity().not_after.timestamp(),
    })
}
