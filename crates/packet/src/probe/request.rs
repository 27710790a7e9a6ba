//! The tests behind the table of requests: first by destination port, then by payload alone.

use super::number;
use super::read::{DnsHead, be16, be32, ber, dns_question, holds};

/// Magic number of STUN (RFC 8489).
const STUN_COOKIE: u32 = 0x2112_a442;
/// Program number of the portmapper.
const PORTMAPPER: u32 = 100_000;
/// Program number of the VxWorks debugger.
const WDB: u32 = 0x5555_5555;
/// The magic bytes of RakNet's offline messages.
const RAKNET: [u8; 16] = [
    0, 0xff, 0xff, 0, 0xfe, 0xfe, 0xfe, 0xfe, 0xfd, 0xfd, 0xfd, 0xfd, 0x12, 0x34, 0x56, 0x78,
];

/// A constant of the compiler, so that a match costs no search by name.
macro_rules! numbered {
    ($name:literal) => {
        const { number($name) }
    };
}

/// The request that `payload` (not empty) is at destination port `port`, 0 for none.
pub(super) fn at_port(port: u16, payload: &[u8]) -> u8 {
    match port {
        7 => numbered!("echo-any"),
        13 => numbered!("daytime-any"),
        17 => numbered!("qotd-any"),
        19 => numbered!("chargen-any"),
        53 => dns(payload),
        69 => tftp(payload),
        111 | 17185 => rpc(payload),
        123 => ntp(payload),
        137 => netbios(payload),
        161 => snmp(payload),
        500 => ike(payload),
        4500 => payload.strip_prefix(&[0; 4]).map_or(0, ike),
        1194 => when(
            matches!(payload, [0x38 | 0x50, ..] if payload.len() >= 14),
            numbered!("openvpn-reset"),
        ),
        1645 | 1812 => when(is_radius(payload, 1), numbered!("radius-access")),
        1646 | 1813 => when(is_radius(payload, 4), numbered!("radius-accounting")),
        1701 => when(is_l2tp_start(payload), numbered!("l2tp-start")),
        2123 | 2152 | 3386 => when(is_gtp_echo(payload), numbered!("gtp-echo")),
        3389 => when(is_rdp_start(payload), numbered!("rdp-udp")),
        3478 if payload.len() == 20 && payload.starts_with(&[0, 1, 0, 0]) => {
            numbered!("stun-binding")
        }
        5060 if payload.starts_with(b"OPTIONS") => numbered!("sip-options"),
        5351 => nat(payload),
        5353 => when(is_question(payload), numbered!("mdns-query")),
        5683 => coap(payload),
        11211 => memcached(payload),
        16464 | 16465 | 16470 | 16471 => when(payload.len() == 16, numbered!("zeroaccess-getl")),
        27000..=27050 => source_engine(payload),
        37810 => numbered!("dvr-discovery"),
        53413 => numbered!("netis-backdoor"),
        other => by_prefix(other, payload),
    }
}

/// The request that `payload` is whatever the port, 0 for none.
pub(super) fn anywhere(payload: &[u8]) -> u8 {
    match payload {
        [_] => numbered!("one-byte"),
        [b'M', ..] if payload.starts_with(b"M-SEARCH ") => numbered!("ssdp-search"),
        [b'O', ..] if payload.starts_with(b"OPTIONS sip:") => numbered!("sip-options"),
        [b'R', ..] if payload.starts_with(b"REGISTER sip:") => numbered!("sip-register"),
        [b'I', ..] if payload.starts_with(b"INVITE sip:") => numbered!("sip-invite"),
        [0xff, 0xff, 0xff, 0xff, rest @ ..] => game(rest),
        [0, 1, ..] if be32(payload, 4) == Some(STUN_COOKIE) => numbered!("stun-binding"),
        [1 | 2, ..] if payload.get(9..25).is_some_and(|magic| magic == RAKNET) => {
            numbered!("raknet-ping")
        }
        [1, 0, 0, 0, ..] if payload.len() == 148 => numbered!("wireguard-start"),
        // Handshake record of DTLS 1.0 or 1.2, epoch 0, holding a client hello.
        [22, 0xfe, 0xff | 0xfd, 0, 0, ..] if payload.get(13) == Some(&1) => numbered!("dtls-hello"),
        // Long header with the fixed bit, type initial.
        [0xc0..=0xcf, ..] if is_quic_version(payload) => numbered!("quic-initial"),
        _ => rpc(payload),
    }
}

/// Requests at one port that their first bytes tell.
fn by_prefix(port: u16, payload: &[u8]) -> u8 {
    match (port, payload) {
        // XDMCP version 1; opcodes 1 to 3 are broadcast query, query, indirect query.
        (177, [0, 1, 0, 1..=3, ..]) => numbered!("xdmcp-query"),
        (389, _) => when(is_ldap_search(payload), numbered!("ldap-search")),
        (427, [2, 1 | 9, ..] | [1, 1 | 9, ..]) => numbered!("slp-request"),
        (520, [1, 1 | 2, 0, 0, ..]) => numbered!("rip-request"),
        (523, [b'D', b'B', b'2', b'G', b'E', b'T', ..]) => numbered!("db2-discovery"),
        (623, [6, 0, 0xff, 6 | 7, ..]) => numbered!("ipmi-rmcp"),
        (1434, [2..=4, ..]) => numbered!("mssql-browser"),
        (1604, [0x1e, 0, 1, 0x30, 2, 0xfd, 0xa8, 0xe3, ..]) => numbered!("citrix-browser"),
        (2362, [b'D', b'I', b'G', b'I', ..] | [b'D', b'V', b'K', b'T', ..] | [b'D', b'G', b'D', b'P', ..]) => {
            numbered!("digi-discovery")
        }
        (3283, [0, 0x14, 0, 1, ..]) => numbered!("ard-discovery"),
        (3702, [b'<', ..] | [0xef, 0xbb, 0xbf, b'<', ..]) => numbered!("wsd-discovery"),
        (5093, [0x7a, 0, 0, 0, 0, 0, ..]) => numbered!("sentinel-query"),
        (5632, [b'N', b'Q', ..] | [b'S', b'T', ..]) => numbered!("pcanywhere-query"),
        (10001, [1, 0, 0, 0, ..] | [2, 8, 0, 0, ..]) => numbered!("ubiquiti-discovery"),
        (10074, _) => when(payload.starts_with(b"call.startblast"), numbered!("mitel-startblast")),
        (44818, [0x63, 0, ..]) => numbered!("enip-identity"),
        // BACnet/IP, unicast or broadcast NPDU, network version 1.
        (47808, [0x81, 0x0a | 0x0b, _, _, 1, ..]) => numbered!("bacnet-request"),
        _ => 0,
    }
}

fn when(holds: bool, number: u8) -> u8 {
    if holds { number } else { 0 }
}

fn is_question(payload: &[u8]) -> bool {
    DnsHead::read(payload).is_some_and(DnsHead::is_question)
}

fn dns(payload: &[u8]) -> u8 {
    if !is_question(payload) {
        return 0;
    }
    match dns_question(payload) {
        Some((16, 3)) => numbered!("dns-version"),
        Some((255, _)) => numbered!("dns-any"),
        _ => numbered!("dns-query"),
    }
}

/// Only node status (type 0x21): name queries and registrations (0x20) are what Windows hosts babble.
fn netbios(payload: &[u8]) -> u8 {
    when(
        is_question(payload) && matches!(dns_question(payload), Some((0x21, 1))),
        numbered!("netbios-status"),
    )
}

fn tftp(payload: &[u8]) -> u8 {
    match payload {
        [0, 1, _, ..] => numbered!("tftp-read"),
        [0, 2, _, ..] => numbered!("tftp-write"),
        _ => 0,
    }
}

/// ONC RPC call: transaction, 0 (call), 2 (RPC version), program, version, procedure.
fn rpc(payload: &[u8]) -> u8 {
    if be32(payload, 4) != Some(0) || be32(payload, 8) != Some(2) {
        return 0;
    }
    match (be32(payload, 12), be32(payload, 20)) {
        (Some(PORTMAPPER), Some(4)) => numbered!("portmap-dump"),
        (Some(PORTMAPPER), Some(_)) => numbered!("portmap-other"),
        (Some(WDB), Some(_)) => numbered!("wdbrpc"),
        // Assigned by the RPC registry: 100000 to 199999 and more; fewer is no program.
        (Some(program), Some(_)) if program > PORTMAPPER => numbered!("rpc-call"),
        (Some(_) | None, _) => 0,
    }
}

fn ntp(payload: &[u8]) -> u8 {
    let &[first, second, ..] = payload else {
        return 0;
    };
    let version = (first >> 3) & 7;
    match first & 7 {
        3 if payload.len() >= 12 && (1..=4).contains(&version) => numbered!("ntp-client"),
        6 if second & 0x80 == 0 && second & 0x1f == 2 => numbered!("ntp-readvar"),
        6 if second & 0x80 == 0 => numbered!("ntp-control"),
        7 if first & 0x80 == 0 && payload.get(3) == Some(&42) => numbered!("ntp-monlist"),
        7 if first & 0x80 == 0 && payload.len() >= 4 => numbered!("ntp-private"),
        _ => 0,
    }
}

/// A sequence that starts with the version; versions 1 and 2c go on with the community.
fn snmp(payload: &[u8]) -> u8 {
    let Some((version, rest)) = ber(payload, 0x30).and_then(|(inner, _)| ber(inner, 2)) else {
        return 0;
    };
    let public = matches!(ber(rest, 4), Some((b"public", _)));
    match (version, public) {
        ([0], true) => numbered!("snmp-v1-public"),
        ([0], false) => numbered!("snmp-v1-other"),
        ([1], true) => numbered!("snmp-v2c-public"),
        ([1], false) => numbered!("snmp-v2c-other"),
        ([3], _) => numbered!("snmp-v3"),
        _ => 0,
    }
}

/// An LDAP message whose operation is a search request (tag 0x63).
fn is_ldap_search(payload: &[u8]) -> bool {
    let message = ber(payload, 0x30).and_then(|(inner, _)| ber(inner, 2));
    message.is_some_and(|(_, operation)| operation.first() == Some(&0x63))
}

/// Initiator's cookie, then eight zeros, next payload, version.
fn ike(payload: &[u8]) -> u8 {
    let first = payload.get(8..16).is_some_and(|cookie| cookie == [0; 8]) && payload.len() >= 28;
    match payload.get(17) {
        Some(0x10) if first => numbered!("ike-v1"),
        Some(0x20) if first => numbered!("ike-v2"),
        Some(_) | None => 0,
    }
}

fn is_radius(payload: &[u8], code: u8) -> bool {
    payload.first() == Some(&code) && be16(payload, 2).is_some_and(|len| (20..=4096).contains(&len)) && payload.len() >= 20
}

/// Control message whose first attribute, the message type, is 1.
fn is_l2tp_start(payload: &[u8]) -> bool {
    matches!(payload, [0xc8, 2, ..]) && be16(payload, 16) == Some(0) && be16(payload, 18) == Some(1)
}

/// Versions 0 to 2; message type 1.
fn is_gtp_echo(payload: &[u8]) -> bool {
    matches!(payload, [first, 1, ..] if first >> 5 <= 2 && payload.len() >= 8)
}

/// Real connections start with ff ff ff ff and the SYN flag; ZMap sends zeros and an ff.
fn is_rdp_start(payload: &[u8]) -> bool {
    let syn = be32(payload, 0) == Some(u32::MAX) && be16(payload, 6).is_some_and(|flags| flags & 1 != 0);
    syn || matches!(payload, [0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, ..])
}

fn nat(payload: &[u8]) -> u8 {
    match payload {
        [0, 0, ..] => numbered!("natpmp-address"),
        [2, 0..=0x7f, ..] if payload.len() >= 24 => numbered!("pcp-request"),
        _ => 0,
    }
}

/// Version 1, confirmable or not, a method code (class 0, detail 1 to 7).
fn coap(payload: &[u8]) -> u8 {
    match payload {
        [0x40..=0x5f, 1..=7, ..] if payload.len() >= 4 => {
            if holds(payload, b".well-known", 64) {
                numbered!("coap-discovery")
            } else {
                numbered!("coap-other")
            }
        }
        _ => 0,
    }
}

/// Text after the eight bytes of the datagram header (request, number, total 1, reserved), or without it.
fn memcached(payload: &[u8]) -> u8 {
    let framed = be16(payload, 6) == Some(0) && be16(payload, 2) == Some(0);
    let text = if framed { payload.get(8..).unwrap_or_default() } else { payload };
    if text.starts_with(b"stats") {
        numbered!("memcached-stats")
    } else if text.starts_with(b"get ") || text.starts_with(b"gets ") {
        numbered!("memcached-get")
    } else {
        when(
            framed && text.first().is_some_and(u8::is_ascii_lowercase),
            numbered!("memcached-other"),
        )
    }
}

fn source_engine(payload: &[u8]) -> u8 {
    let &[0xff, 0xff, 0xff, 0xff, question, ..] = payload else {
        return 0;
    };
    when(matches!(question, b'U' | b'V' | b'W' | b'i'), numbered!("source-other"))
}

/// Questions of game servers after their four ff.
fn game(rest: &[u8]) -> u8 {
    if rest.starts_with(b"TSource Engine Query") {
        numbered!("source-info")
    } else {
        when(
            rest.starts_with(b"getstatus") || rest.starts_with(b"getinfo"),
            numbered!("quake3-status"),
        )
    }
}

/// QUIC 1 and 2, drafts, Google's versions in the new framing, and the reserved ?a?a?a?a; connection
/// identifiers no longer than 20 bytes. ZMap's 0xbabababa is a reserved one.
fn is_quic_version(payload: &[u8]) -> bool {
    let Some(version) = be32(payload, 1) else {
        return false;
    };
    let known = matches!(version, 1 | 0x6b33_43cf | 0xff00_0000..=0xff00_00ff)
        || version & 0x0f0f_0f0f == 0x0a0a_0a0a
        || version >> 24 == u32::from(b'Q');
    known && payload.get(5).is_some_and(|len| *len <= 20)
}
