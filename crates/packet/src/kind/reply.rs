//! UDP answers to questions we never asked: judged by source port and payload, as no flow is kept.

use crate::probe::read::{DnsHead, be16, be32, ber};

/// Bytes from which printable text from a character generator or quote server counts as an answer.
const TEXT_BYTES_MIN: usize = 16;

/// Whether a UDP payload (not empty) is a server's answer.
pub(super) fn is_reply(src_port: u16, dst_port: u16, payload: &[u8]) -> bool {
    is_reply_of(src_port, dst_port, payload) || is_reply_anywhere(payload)
}

/// Answers whose source port must be the service's.
fn is_reply_of(src_port: u16, dst_port: u16, payload: &[u8]) -> bool {
    match src_port {
        // An echo server repeats what it was sent; two echo ports are a loop somebody forged.
        7 => true,
        17 | 19 => payload.len() >= TEXT_BYTES_MIN && is_text(payload),
        53 | 137 | 5353 => DnsHead::read(payload).is_some_and(DnsHead::is_response),
        111 => be32(payload, 4) == Some(1),
        123 => is_ntp_reply(payload),
        161 => is_snmp_reply(payload),
        // XDMCP willing or unwilling.
        177 => matches!(payload, [0, 1, 0, 5 | 6, ..]),
        389 => is_ldap_reply(payload),
        443 => is_quic(payload),
        500 => payload.get(8..16).is_some_and(|cookie| cookie != [0; 8]) && payload.len() >= 28,
        // RIP responses to a port other than RIP's were asked for.
        520 => dst_port != 520 && matches!(payload, [2, 1 | 2, 0, 0, ..]),
        623 => matches!(payload, [6, 0, 0xff, 6 | 7, ..]) && dst_port != 623,
        // OpenVPN: hard reset of the server.
        1194 => matches!(payload, [0x40, ..]),
        // SQL Server's list starts with 5 and its length.
        1434 => matches!(payload, [5, ..]),
        // L2TP: any control message but the first.
        1701 => matches!(payload, [0xc8, 2, ..]) && be16(payload, 18) != Some(1),
        3478 => matches!(payload, [1, 1 | 0x11, ..]),
        3702 => payload.first() == Some(&b'<') && dst_port != 3702,
        // CoAP: classes 2, 4 and 5 are responses.
        5683 => matches!(payload, [0x40..=0x7f, 0x40..=0x5f | 0x80..=0xbf, ..]),
        // Ubiquiti version 1: the length of what follows is not 0.
        10001 => matches!(payload, [1, 0, ..]) && be16(payload, 2) != Some(0) && payload.len() > 4,
        11211 => is_memcached_reply(payload),
        37810 => payload.len() > 4,
        // BACnet: simple or complex acknowledgement, error, reject, abort.
        47808 => {
            matches!(payload, [0x81, 0x0a, _, _, 1, 0, kind, ..] if (0x20..=0x7f).contains(kind))
        }
        _ => false,
    }
}

/// Answers that their payload alone gives away.
fn is_reply_anywhere(payload: &[u8]) -> bool {
    match payload {
        [b'S', b'I', b'P', b'/', b'2', b'.', b'0', b' ', ..] => true,
        // The answer to an SSDP search comes as HTTP, often from another port.
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', ..] => true,
        // Game servers: Source information, challenge, players, rules; Quake III.
        [0xff, 0xff, 0xff, 0xff, b'I' | b'A' | b'D' | b'E', ..] => true,
        [0xff, 0xff, 0xff, 0xff, rest @ ..] => rest.starts_with(b"statusResponse") || rest.starts_with(b"infoResponse"),
        // DTLS handshake: server hello or hello verify request.
        [22, 0xfe, 0xff | 0xfd, 0, 0, ..] => matches!(payload.get(13), Some(2 | 3)),
        _ => is_dns_response(payload),
    }
}

/// corsaro's test, for answers from resolvers behind other ports: response with recursion asked for and
/// available, fewer than ten of everything.
fn is_dns_response(payload: &[u8]) -> bool {
    DnsHead::read(payload).is_some_and(|head| head.flags & 0xfff0 == 0x8180 && head.counts.iter().all(|count| *count < 10))
}

/// Mode 4 (server), or modes 6 and 7 with their response bits.
fn is_ntp_reply(payload: &[u8]) -> bool {
    let &[first, second, ..] = payload else {
        return false;
    };
    match first & 7 {
        4 => true,
        6 => second & 0x80 != 0,
        7 => first & 0x80 != 0,
        _ => false,
    }
}

/// Version, community, then a response (tag 0xa2); version 3 hides it, but agents say 0xa8 (report).
fn is_snmp_reply(payload: &[u8]) -> bool {
    let after_version = ber(payload, 0x30).and_then(|(inner, _)| ber(inner, 2));
    match after_version {
        Some(([3], rest)) => ber(rest, 0x30).and_then(|(_, rest)| ber(rest, 4)).is_some_and(|(_, rest)| {
            ber(rest, 0x30)
                .and_then(|(inner, _)| ber(inner, 4))
                .and_then(|(_, rest)| ber(rest, 4))
                .is_some_and(|(_, pdu)| matches!(pdu.first(), Some(0xa2 | 0xa8)))
        }),
        Some((_, rest)) => ber(rest, 4).is_some_and(|(_, pdu)| pdu.first() == Some(&0xa2)),
        None => false,
    }
}

/// Search result entry (0x64) or done (0x65).
fn is_ldap_reply(payload: &[u8]) -> bool {
    let message = ber(payload, 0x30).and_then(|(inner, _)| ber(inner, 2));
    message.is_some_and(|(_, operation)| matches!(operation.first(), Some(0x64 | 0x65)))
}

/// QUIC long header from the server's port: version negotiation, or initial to retry (Nawrocki et al.,
/// "QUICsand", IMC 2021: floods with forged sources).
fn is_quic(payload: &[u8]) -> bool {
    let version = be32(payload, 1);
    matches!(payload, [0x80..=0xff, ..])
        && version.is_some_and(|version| version <= 1 || version == 0x6b33_43cf || version >> 16 == 0xff00)
        && payload.get(5).is_some_and(|len| *len <= 20)
}

/// Text after the datagram header.
fn is_memcached_reply(payload: &[u8]) -> bool {
    let Some((head, text)) = payload.split_at_checked(8) else {
        return false;
    };
    be16(head, 6) == Some(0)
        && [
            b"STAT ".as_slice(),
            b"VALUE ",
            b"END",
            b"VERSION ",
            b"ERROR",
            b"CLIENT_ERROR",
            b"SERVER_ERROR",
        ]
        .iter()
        .any(|start| text.starts_with(start))
}

fn is_text(payload: &[u8]) -> bool {
    payload
        .iter()
        .take(64)
        .all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~'))
}
