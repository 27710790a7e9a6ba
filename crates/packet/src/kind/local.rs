//! UDP that belongs to a local network or to a peer-to-peer network, and strayed to us.

use crate::probe::read::{DnsHead, be16, be32};

/// Connection identifier that opens a BitTorrent tracker session (BEP 15).
const TRACKER: [u8; 8] = [0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80];

/// Whether a UDP payload (not empty) is local or peer-to-peer chatter.
pub(super) fn is_local(src_port: u16, dst_port: u16, payload: &[u8]) -> bool {
    is_local_service(src_port, dst_port, payload) || is_peer_to_peer(payload)
}

fn is_local_service(src_port: u16, dst_port: u16, payload: &[u8]) -> bool {
    match dst_port {
        // DHCP between client and server; DHCPv6.
        67 | 68 => matches!(src_port, 67 | 68),
        546 | 547 => matches!(src_port, 546 | 547),
        // NetBIOS name queries, registrations and refreshes; node status questions are probes.
        137 => DnsHead::read(payload).is_some_and(|head| !head.is_response() && !asks_status(payload)),
        138 => src_port == 138,
        // SNMP traps go to a manager; nobody's manager is here.
        162 => payload.first() == Some(&0x30),
        514 => is_syslog(payload),
        // RIP responses are announcements.
        520 => matches!(payload, [2, 1 | 2, 0, 0, ..]),
        1900 => payload.starts_with(b"NOTIFY "),
        // HSRP, GLBP.
        1985 | 3222 => src_port == dst_port,
        // Link-local multicast name resolution has no business off the link.
        5355 => DnsHead::read(payload).is_some(),
        // Dropbox looks for its like on the local network.
        17500 => payload.starts_with(b"{\"host_int\""),
        _ => false,
    }
}

/// Type of the question: node status, 34 bytes behind the 12 of the head.
fn asks_status(payload: &[u8]) -> bool {
    be16(payload, 46) == Some(0x21)
}

/// `<priority>`, one to three digits.
fn is_syslog(payload: &[u8]) -> bool {
    let Some(rest) = payload.strip_prefix(b"<") else {
        return false;
    };
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    (1..=3).contains(&digits) && rest.get(digits) == Some(&b'>')
}

fn is_peer_to_peer(payload: &[u8]) -> bool {
    is_dht(payload) || is_tracker_connect(payload) || is_utp_start(payload)
}

/// BitTorrent's distributed table (BEP 5): a bencoded dictionary whose first key is the arguments,
/// the response, an error or the sender's address (BEP 42).
fn is_dht(payload: &[u8]) -> bool {
    [b"d1:ad2:id20:".as_slice(), b"d1:rd2:id20:", b"d1:eli2", b"d2:ip6:"]
        .iter()
        .any(|start| payload.starts_with(start))
}

/// BEP 15: the magic identifier and action 0.
fn is_tracker_connect(payload: &[u8]) -> bool {
    payload.starts_with(&TRACKER) && be32(payload, 8) == Some(0)
}

/// BEP 29: type 4 (SYN), version 1, nothing measured and nothing acknowledged yet.
fn is_utp_start(payload: &[u8]) -> bool {
    matches!(payload, [0x41, 0..=2, ..])
        && (20..=40).contains(&payload.len())
        && be32(payload, 8) == Some(0)
        && be16(payload, 18) == Some(0)
}
