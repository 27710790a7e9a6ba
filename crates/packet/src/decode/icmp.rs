//! ICMP (RFC 792) and ICMPv6 (RFC 4443): type, code, and whom a quoted packet was sent to.

use super::transport::Segment;
use super::{Decoded, Reason};
use crate::Present;

/// ICMP over IPv4. Errors (unreachable, quench, redirect, time exceeded, bad parameter) quote a packet.
pub(super) fn read(segment: &Segment<'_>, out: &mut Decoded<'_>) {
    let Some(kind) = kind(segment, out) else {
        return;
    };
    if !matches!(kind, 3 | 4 | 5 | 11 | 12) {
        return;
    }
    match quoted::<20>(segment) {
        // Version 4 and a header length of 20 bytes at least; the destination is the last field.
        Some([0x45..=0x4f, .., d0, d1, d2, d3]) => {
            out.packet.victim = u32::from_be_bytes([*d0, *d1, *d2, *d3]);
            out.packet.present.set(Present::VICTIM);
        }
        Some(_) | None => out.remark(Reason::IcmpBadQuote),
    }
}

/// ICMPv6. Errors (unreachable, too big, time exceeded, bad parameter) quote a packet.
pub(super) fn read_v6(segment: &Segment<'_>, out: &mut Decoded<'_>) {
    let Some(kind) = kind(segment, out) else {
        return;
    };
    if !matches!(kind, 1..=4) {
        return;
    }
    match quoted::<40>(segment).and_then(|header| header.split_last_chunk::<16>()) {
        Some(([0x60..=0x6f, ..], destination)) => {
            out.wide.victim6 = *destination;
            out.packet.present.set(Present::VICTIM);
        }
        Some(_) | None => out.remark(Reason::IcmpBadQuote),
    }
}

/// Type and code; the type.
fn kind(segment: &Segment<'_>, out: &mut Decoded<'_>) -> Option<u8> {
    let Some([kind, code]) = segment.bytes.first_chunk::<2>() else {
        out.remark(Reason::IcmpCut);
        return None;
    };
    out.packet.icmp_type = *kind;
    out.packet.icmp_code = *code;
    out.packet.present.set(Present::ICMP);
    Some(*kind)
}

/// The quoted packet's IP header, behind 8 bytes of ICMP.
fn quoted<'a, const LEN: usize>(segment: &Segment<'a>) -> Option<&'a [u8; LEN]> {
    segment.bytes.get(8..)?.first_chunk::<LEN>()
}
