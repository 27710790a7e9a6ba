//! What UDP probes say: the requests that scanners and abusers of open services really send, by port.
//!
//! The bytes are those of the public probe collections named in the field notes (zmap's `udp-probes`,
//! masscan's templates) and of the protocols' own specifications.

/// A request to a UDP service.
struct Request {
    /// Usual port of the service.
    port: u16,
    /// The datagram's data.
    bytes: &'static [u8],
    /// Whether the first two bytes are an identifier that differs from packet to packet.
    transaction: bool,
}

const fn request(port: u16, bytes: &'static [u8]) -> Request {
    Request {
        port,
        bytes,
        transaction: false,
    }
}

/// DNS: question `version.bind`, class CHAOS, type TXT (RFC 4892).
const DNS_VERSION_BIND: &[u8] = b"\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind\x00\x00\x10\x00\x03";
/// NTP private mode, implementation XNTPD, request 42: monitor list.
const NTP_MONLIST: &[u8] = b"\x17\x00\x03\x2a\x00\x00\x00\x00";
/// SNMP version 1, community `public`, get-next of 1.3.6.1.2.1.
const SNMP_PUBLIC: &[u8] = b"\x30\x24\x02\x01\x00\x04\x06public\xa1\x17\x02\x04\x71\xb4\xb5\x68\x02\x01\x00\x02\x01\x00\x30\x09\x30\x07\x06\x03\x2b\x06\x01\x05\x00";
/// SSDP discovery of everything (UPnP device architecture 1.1).
const SSDP: &[u8] = b"M-SEARCH * HTTP/1.1\r\nHost:239.255.255.250:1900\r\nST:ssdp:all\r\nMan:\"ssdp:discover\"\r\nMX:3\r\n\r\n";
/// memcached's UDP frame header and `stats items`.
const MEMCACHED: &[u8] = b"\x00\x01\x00\x00\x00\x01\x00\x00stats items\r\n";
/// ONC RPC call: portmapper (100000) version 2, procedure 4 (dump).
const PORTMAP_DUMP: &[u8] = b"\x65\x72\x0a\x37\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa0\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
/// CoAP confirmable GET of /.well-known/core (RFC 7252).
const COAP: &[u8] = b"\x40\x01\x7d\x70\xbb\x2e\x77\x65\x6c\x6c\x2d\x6b\x6e\x6f\x77\x6e\x04\x63\x6f\x72\x65";
/// Connection-less LDAP search of the root object for its attributes.
const CLDAP: &[u8] = b"\x30\x25\x02\x01\x01\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0b\x6f\x62\x6a\x65\x63\x74\x63\x6c\x61\x73\x73\x30\x00";
/// RMCP presence ping to the baseboard controller (ASF).
const IPMI: &[u8] = b"\x06\x00\xff\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x20\x18\xc8\x81\x00\x38\x8e\x04\xb5";
/// SIP OPTIONS without a route.
const SIP_OPTIONS: &[u8] = b"OPTIONS sip:100@198.18.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.18.0.2:5060;branch=z9hG4bK-1;rport\r\nMax-Forwards: 70\r\nFrom: <sip:100@198.18.0.2>;tag=1\r\nTo: <sip:100@198.18.0.1>\r\nCall-ID: 1@198.18.0.2\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
/// mDNS question for all services.
const MDNS: &[u8] = b"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09_services\x07_dns-sd\x04_udp\x05local\x00\x00\x0c\x00\x01";
/// NetBIOS name service node status of `*`.
const NETBIOS: &[u8] = b"\x80\xf0\x00\x10\x00\x01\x00\x00\x00\x00\x00\x00\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\x00\x00\x21\x00\x01";
/// TFTP read request.
const TFTP: &[u8] = b"\x00\x01a.pdf\x00octet\x00";
/// Ubiquiti discovery.
const UBIQUITI: &[u8] = b"\x01\x00\x00\x00";
/// The Netis router's back door on 53413: a command line after eight bytes of header.
const NETIS: &[u8] = b"AA\x00\x00AAAA cd /tmp || cd /var/run; uname\n\x00";
/// WS-Discovery probe, short form.
const WSD: &[u8] = b"<:/>";
/// One line of a syslog sender that was set to the wrong address (RFC 3164).
const SYSLOG: &[u8] = b"<134>Jan  1 00:00:00 gateway kernel: link up";

const REQUESTS: &[Request] = &[
    Request {
        port: 53,
        bytes: DNS_VERSION_BIND,
        transaction: true,
    },
    request(123, NTP_MONLIST),
    request(161, SNMP_PUBLIC),
    request(1900, SSDP),
    request(11211, MEMCACHED),
    request(111, PORTMAP_DUMP),
    request(5683, COAP),
    request(389, CLDAP),
    request(623, IPMI),
    request(5060, SIP_OPTIONS),
    request(5353, MDNS),
    request(137, NETBIOS),
    request(69, TFTP),
    request(10001, UBIQUITI),
    request(53413, NETIS),
    request(3702, WSD),
    request(514, SYSLOG),
    request(19, b"\x01"),
    request(17, b"\r\n"),
];

/// The request that is usual on `port` and whether it starts with an identifier; a bare newline elsewhere.
pub(crate) fn for_port(port: u16) -> (&'static [u8], bool) {
    REQUESTS
        .iter()
        .find(|request| request.port == port)
        .map_or((b"\n".as_slice(), false), |request| (request.bytes, request.transaction))
}

/// Data of an echo request as Linux `ping` counts it up after its timestamp (48 of the 56 bytes).
pub(crate) const ECHO_LINUX: &[u8] = b"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./01234567";
/// Data of an echo request as Windows `ping` sends it.
pub(crate) const ECHO_WINDOWS: &[u8] = b"abcdefghijklmnopqrstuvwabcdefghi";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_has_one_request_that_fits() {
        for (at, request) in REQUESTS.iter().enumerate() {
            assert!(!request.bytes.is_empty() && request.bytes.len() <= 400, "port {}", request.port);
            assert!(
                REQUESTS[..at].iter().all(|other| other.port != request.port),
                "port {} twice",
                request.port
            );
        }
        // Lengths that the formats themselves announce.
        assert_eq!(usize::from(SNMP_PUBLIC[1]) + 2, SNMP_PUBLIC.len());
        assert_eq!(usize::from(CLDAP[1]) + 2, CLDAP.len());
        assert_eq!(for_port(4), (b"\n".as_slice(), false));
        assert!(for_port(53).1);
    }
}
