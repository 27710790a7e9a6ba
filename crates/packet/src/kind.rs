//! What kind of packet a packet is: scan, backscatter, probe, misconfiguration or other.
//!
//! The choices, each with its reason, are in `docs/marks.md`. A packet is judged by itself: no flow state.

mod address;
mod local;
mod reply;

use crate::{Kind, Packet, Present, Wide, flag, probe};

/// The kind of a packet and the number of the request its UDP payload is ([`probe::PROBES`], 0 none).
///
/// Needs the true destination address; call it before pseudonymisation. IPv6 addresses are not looked
/// at: see [`classify_wide`].
#[inline]
#[must_use]
pub fn classify(packet: &Packet, payload: &[u8]) -> (Kind, u8) {
    if packet.proto == 6 {
        let kind = if address::is_absurd(packet) {
            Kind::Misconfiguration
        } else {
            tcp(packet, payload)
        };
        return (kind, 0);
    }
    slow(packet, payload, address::is_absurd(packet))
}

/// As [`classify`], but an IPv6 packet's addresses count too.
#[must_use]
pub fn classify_wide(packet: &Packet, wide: &Wide, payload: &[u8]) -> (Kind, u8) {
    if !packet.present.has(Present::WIDE) {
        return classify(packet, payload);
    }
    let absurd = address::is_absurd_wide(wide);
    if packet.proto == 6 && absurd {
        return (Kind::Misconfiguration, 0);
    }
    if absurd {
        slow(packet, payload, true)
    } else {
        classify(packet, payload)
    }
}

/// Everything but TCP.
#[inline(never)]
fn slow(packet: &Packet, payload: &[u8], absurd: bool) -> (Kind, u8) {
    match packet.proto {
        1 => (icmp(packet, absurd), 0),
        58 => (icmp6(packet, absurd), 0),
        _ if absurd => (Kind::Misconfiguration, 0),
        17 => udp(packet, payload),
        // IGMP, EIGRP, OSPF, PIM, VRRP: spoken between neighbours only.
        2 | 88 | 89 | 103 | 112 => (Kind::Misconfiguration, 0),
        _ => (Kind::Other, 0),
    }
}

/// By the flags alone. A connection is never open with us, so what follows a handshake is not ours.
#[inline(always)]
fn tcp(packet: &Packet, payload: &[u8]) -> Kind {
    const KNOWN: u16 = flag::FIN | flag::SYN | flag::RST | flag::PSH | flag::ACK | flag::URG;
    if packet.is_syn() && packet.tcp_flags & flag::RST == 0 {
        return Kind::Scan;
    }
    if !packet.present.has(Present::TCP) {
        return Kind::Other;
    }
    let flags = packet.tcp_flags & KNOWN;
    if flags & flag::RST != 0 || flags & flag::SYN != 0 {
        // A SYN here bears an ACK: the answer to a SYN with our address forged into it.
        Kind::Backscatter
    } else if flags & flag::ACK == 0 {
        // NULL, FIN, XMAS and their mixtures: no connection has a segment without ACK.
        Kind::Scan
    } else if flags == flag::ACK && payload.is_empty() {
        Kind::Scan
    } else {
        Kind::Other
    }
}

/// ICMP types by their IANA numbers; the answers are corsaro's backscatter list and RFC 8335's reply.
fn icmp(packet: &Packet, absurd: bool) -> Kind {
    if !packet.present.has(Present::ICMP) {
        return if absurd { Kind::Misconfiguration } else { Kind::Other };
    }
    match packet.icmp_type {
        // Routers in private space answer too, so an absurd source does not matter here.
        0 | 3 | 4 | 5 | 11 | 12 | 14 | 16 | 18 | 43 => Kind::Backscatter,
        _ if absurd => Kind::Misconfiguration,
        // Echo, timestamp, information, address mask and extended echo request.
        8 | 13 | 15 | 17 | 42 => Kind::Scan,
        // Router advertisement and solicitation.
        9 | 10 => Kind::Misconfiguration,
        _ => Kind::Other,
    }
}

/// ICMPv6 types by their IANA numbers.
fn icmp6(packet: &Packet, absurd: bool) -> Kind {
    if !packet.present.has(Present::ICMP) {
        return if absurd { Kind::Misconfiguration } else { Kind::Other };
    }
    match packet.icmp_type {
        // Errors, echo reply, node information reply, extended echo reply.
        1..=4 | 129 | 140 | 161 => Kind::Backscatter,
        _ if absurd => Kind::Misconfiguration,
        // Echo, node information and extended echo request.
        128 | 139 | 160 => Kind::Scan,
        // Multicast listeners, neighbour and router discovery, mobile prefixes: local links only.
        130..=138 | 141..=149 | 151..=153 => Kind::Misconfiguration,
        _ => Kind::Other,
    }
}

fn udp(packet: &Packet, payload: &[u8]) -> (Kind, u8) {
    if !packet.present.has(Present::PORTS) {
        return (Kind::Other, 0);
    }
    if payload.is_empty() {
        return (Kind::Scan, 0);
    }
    if reply::is_reply(packet.src_port, packet.dst_port, payload) {
        return (Kind::Backscatter, 0);
    }
    if local::is_local(packet.src_port, packet.dst_port, payload) {
        return (Kind::Misconfiguration, 0);
    }
    match probe::probe(packet, payload) {
        0 => (Kind::Other, 0),
        number => (Kind::Probe, number),
    }
}
