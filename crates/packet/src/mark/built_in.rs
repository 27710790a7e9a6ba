//! The built-in marks: tools that the headers of a single SYN give away, and the table's words for them.

use super::Entry;
use crate::{Packet, Present, flag};

/// Mirai-type: the sequence number is the destination address.
pub const MIRAI: u8 = 1;
/// Masscan until November 2023.
pub const MASSCAN_OLD: u8 = 2;
/// Masscan since November 2023.
pub const MASSCAN_NEW: u8 = 3;
/// ZMap until April 2024, or XMap: their SYNs are the same.
pub const ZMAP_OR_XMAP: u8 = 4;
/// ZMap since April 2024, by its option layouts.
pub const ZMAP_NEW: u8 = 5;
/// Nmap's SYN scan.
pub const NMAP: u8 = 6;
/// Masscan's IP identification in a header that is not Masscan's default.
pub const MASSCAN_ID: u8 = 7;
/// ZMap's IP identification in a header that is not ZMap's default.
pub const ZMAP_ID: u8 = 8;
/// Unicornscan: no packet bears it, only a source's verdict.
pub const UNICORNSCAN: u8 = 9;

/// IP identification of ZMap until 2024 and of XMap.
const ZMAP_IP_ID: u16 = 54321;
/// Hops a packet may have behind it; paths on the Internet are shorter.
const HOPS_MAX: u8 = 64;
/// Nmap draws the TTL from 37 to 59.
const NMAP_TTL_MAX: u8 = 59;
/// How old the timestamp in a ZMap SYN may be: it is the Unix time at which the scan started.
const ZMAP_SCAN_SECS_MAX: i64 = 31 * 86_400;
/// How far the clocks of scanner and sensor may differ.
const CLOCK_SECS_MAX: i64 = 86_400;

/// Maximum segment size 1460: all that Masscan and Nmap send, and the first of ZMap's options.
const MSS_1460: [u8; 4] = [2, 4, 0x05, 0xb4];
/// ZMap's "windows" layout after the segment size.
const ZMAP_WINDOWS: [u8; 8] = [1, 3, 3, 8, 1, 1, 4, 2];

/// The built-in entries, ordered by number.
#[allow(clippy::too_many_lines, reason = "a table")]
pub(super) fn entries() -> Vec<Entry> {
    let entry = |number, name: &str, chance_log2, min_packets, rule: &str, pair: &str, source: &str| Entry {
        number,
        name: name.to_owned(),
        rule: rule.to_owned(),
        pair: pair.to_owned(),
        chance_log2,
        source: source.to_owned(),
        min_packets,
        confirmed: true,
    };
    vec![
        entry(
            MIRAI,
            "mirai",
            Some(-32),
            1,
            "SYN without ACK (other flags do not matter), IPv4, sequence number = destination address",
            "",
            "Mirai scanner.c; Merit darknet-events annotate.go",
        ),
        entry(
            MASSCAN_OLD,
            "masscan-old",
            Some(-16),
            2,
            "SYN alone, IP id = low 16 bits of (destination ^ destination port ^ sequence number), window 1024, no options, IP length 40, TTL started at 255",
            "",
            "Masscan templ-pkt.c before commit 4f89257 of 2023-11-07",
        ),
        entry(
            MASSCAN_NEW,
            "masscan-new",
            Some(-16),
            2,
            "SYN alone, IP id as masscan-old, window 1025, options exactly MSS 1460, IP length 44, TTL started at 255",
            "",
            "Masscan templ-pkt.c since commit 4f89257 of 2023-11-07 (its comment says 1024, its bytes 1025)",
        ),
        entry(
            ZMAP_OR_XMAP,
            "zmap-or-xmap",
            Some(-16),
            2,
            "SYN alone, IP id 54321, window 65535, TTL started at 255",
            "",
            "ZMap packet.c before commits b0190cc of 2024-03-04 (IP id) and 5d90505 of 2024-04-16 (TTL); XMap packet.c",
        ),
        entry(
            ZMAP_NEW,
            "zmap-new",
            None,
            2,
            "SYN alone, window 65535, TTL started at 64, no payload, and one of ZMap's option layouts byte by byte: \
             windows (MSS 1460, NOP, WS 8, NOP, NOP, SACK permitted), smallest (MSS 1460), \
             linux (MSS 1460, SACK permitted, timestamp, NOP, WS 7), bsd (MSS 1460, NOP, WS 6, NOP, NOP, timestamp, SACK permitted, two EOL); \
             the timestamp of linux and bsd must be a Unix time of the last 31 days, which tells them from real systems",
            "",
            "ZMap packet.c and module_tcp_synscan.c since commit 76b1123 of 2024-03-01",
        ),
        entry(
            NMAP,
            "nmap",
            None,
            2,
            "SYN alone, window 1024, options exactly MSS 1460, IP length 44, TTL from 1 to 59 (sent with 37 to 59)",
            "sequence numbers x and y of two SYNs: x ^ y has equal halves and no bit of 0xFF00FF00",
            "Nmap tcpip.cc (window), scan_engine_raw.cc (sequence number)",
        ),
        entry(
            MASSCAN_ID,
            "masscan-id",
            Some(-16),
            2,
            "SYN without ACK, IPv4, IP id as masscan-old in any other header (--ttl, other window or options)",
            "",
            "Masscan templ-pkt.c; the rule that Merit and Spoki use",
        ),
        entry(
            ZMAP_ID,
            "zmap-id",
            Some(-16),
            2,
            "SYN without ACK, IPv4, IP id 54321 in any other header (forks, --probe-ttl)",
            "",
            "ZMap packet.c; the rule that Merit and Spoki use",
        ),
        entry(
            UNICORNSCAN,
            "unicornscan",
            Some(-63),
            3,
            "",
            "sequence number ^ destination ^ ((destination port << 16) + source port) is constant, with the destination in either byte order, while sequence numbers and ports differ",
            "Unicornscan tcphash.h, send_packet.c (Wolpertinger has the same formula)",
        ),
    ]
}

/// A mark that a default header with a 16-bit (Mirai: 32-bit) test of its own gives, 0 none.
///
/// `packet` must be an IPv4 SYN with ports.
#[inline]
pub(super) fn strong(packet: &Packet, options: &[u8]) -> u8 {
    if packet.tcp_seq == packet.dst {
        return MIRAI;
    }
    let (masscan, zmap) = (has_masscan_id(packet), has_zmap_id(packet));
    if !(masscan || zmap) || !is_syn_alone(packet) || !started_at(255, packet.ttl) {
        return 0;
    }
    if masscan && packet.tcp_window == 1024 && options.is_empty() && packet.ip_len == 40 {
        return MASSCAN_OLD;
    }
    if masscan && packet.tcp_window == 1025 && options == MSS_1460 && packet.ip_len == 44 {
        return MASSCAN_NEW;
    }
    if zmap && packet.tcp_window == 65535 {
        return ZMAP_OR_XMAP;
    }
    0
}

/// A mark that rests on a common shape or on 16 bits alone, 0 none.
///
/// `packet` must be an IPv4 SYN with ports.
#[inline]
pub(super) fn weak(packet: &Packet, options: &[u8]) -> u8 {
    if packet.tcp_window == 65535 && is_zmap_shape(packet, options) {
        return ZMAP_NEW;
    }
    if packet.tcp_window == 1024 && is_nmap_shape(packet, options) {
        return NMAP;
    }
    if has_masscan_id(packet) {
        return MASSCAN_ID;
    }
    if has_zmap_id(packet) {
        return ZMAP_ID;
    }
    0
}

/// IP id = low 16 bits of destination ^ destination port ^ sequence number.
#[inline(always)]
fn has_masscan_id(packet: &Packet) -> bool {
    let id = (packet.dst ^ u32::from(packet.dst_port) ^ packet.tcp_seq) & 0xffff;
    id == u32::from(packet.ip_id) && packet.present.has(Present::IP_ID)
}

#[inline(always)]
fn has_zmap_id(packet: &Packet) -> bool {
    packet.ip_id == ZMAP_IP_ID && packet.present.has(Present::IP_ID)
}

/// SYN set and every other of the nine flags clear.
#[inline(always)]
fn is_syn_alone(packet: &Packet) -> bool {
    packet.tcp_flags & 0x1ff == flag::SYN
}

/// Whether a packet sent with TTL `start` can arrive with `ttl`: at most [`HOPS_MAX`] - 1 hops behind it.
#[inline(always)]
const fn started_at(start: u8, ttl: u8) -> bool {
    ttl <= start && ttl > start - HOPS_MAX
}

fn is_nmap_shape(packet: &Packet, options: &[u8]) -> bool {
    is_syn_alone(packet) && options == MSS_1460 && packet.ip_len == 44 && (1..=NMAP_TTL_MAX).contains(&packet.ttl)
}

fn is_zmap_shape(packet: &Packet, options: &[u8]) -> bool {
    let Some(rest) = options.strip_prefix(&MSS_1460) else {
        return false;
    };
    let bare = usize::try_from(packet.ip_len).is_ok_and(|len| len == 40 + options.len());
    if !bare || !is_syn_alone(packet) || !started_at(64, packet.ttl) {
        return false;
    }
    match rest {
        [] => true,
        // linux: SACK permitted, timestamp with no echo, NOP, window scale 7
        [4, 2, 8, 10, a, b, c, d, 0, 0, 0, 0, 1, 3, 3, 7]
        // bsd: NOP, window scale 6, NOP, NOP, timestamp with no echo, SACK permitted, end, end
        | [1, 3, 3, 6, 1, 1, 8, 10, a, b, c, d, 0, 0, 0, 0, 4, 2, 0, 0] => {
            is_recent(u32::from_be_bytes([*a, *b, *c, *d]), packet.time_us)
        }
        other => other == ZMAP_WINDOWS,
    }
}

/// Whether `timestamp` is a Unix time at which a scan seen at `time_us` may have started.
fn is_recent(timestamp: u32, time_us: i64) -> bool {
    let age_secs = (time_us / 1_000_000).saturating_sub(i64::from(timestamp));
    (-CLOCK_SECS_MAX..=ZMAP_SCAN_SECS_MAX).contains(&age_secs)
}
