//! The IPv6 header and its extension headers (RFC 8200).

use super::transport::{self, Segment};
use super::{Decoded, Reason, protocol};
use crate::Present;

/// Extension headers followed in one packet; RFC 8504 lets a receiver set such a limit, and real packets
/// have three at most.
const EXTENSIONS_MAX: usize = 16;
/// An Ethernet frame is padded to 60 bytes: 14 of Ethernet, 40 of IPv6, so up to 6 without a meaning.
const ETHERNET_PADDING_MAX_BYTES: usize = 6;
/// Length of the fixed header.
const HEADER_LEN: u32 = 40;

/// Reads the header and goes on with what stands above it.
pub(super) fn read<'a>(bytes: &'a [u8], out: &mut Decoded<'a>) -> Result<(), Reason> {
    let Some((header, captured)) = bytes.split_first_chunk::<40>() else {
        return Err(Reason::Ipv6Cut);
    };
    let [version, _, _, _, length0, length1, next, hops, addresses @ ..] = header;
    if version >> 4 != 6 {
        return Err(Reason::Ipv6BadVersion);
    }
    let (src, dst) = addresses.split_at(16);
    out.wide.src6.copy_from_slice(src);
    out.wide.dst6.copy_from_slice(dst);
    out.packet.present.set(Present::WIDE);
    out.packet.ttl = *hops;
    let length = u16::from_be_bytes([*length0, *length1]);
    let stated = if length == 0 {
        length_when_zero(*next, captured, out)
    } else {
        u32::from(length)
    };
    out.packet.ip_len = HEADER_LEN.saturating_add(stated);
    let stated_len = usize::try_from(stated).unwrap_or(usize::MAX);
    let bytes = captured.get(..stated_len).unwrap_or(captured);
    extensions(
        *next,
        Segment {
            bytes,
            stated_len,
            is_fragment: false,
        },
        out,
    );
    Ok(())
}

/// What a payload length of 0 stands for, in bytes: a jumbogram's own length (RFC 2675), nothing, or a
/// large TCP packet that the network card has still to cut, for which the captured length has to do.
#[cold]
fn length_when_zero(next: u8, captured: &[u8], out: &mut Decoded<'_>) -> u32 {
    if next == protocol::HOP_BY_HOP
        && let Some(length) = jumbo_length(captured)
    {
        out.remark(Reason::Ipv6Jumbo);
        return length;
    }
    if next == protocol::TCP && captured.len() > ETHERNET_PADDING_MAX_BYTES {
        return u32::try_from(captured.len()).unwrap_or(u32::MAX);
    }
    0
}

/// The jumbo payload option (0xc2, 4 bytes) of a hop-by-hop header.
fn jumbo_length(extension: &[u8]) -> Option<u32> {
    let length = usize::from(*extension.get(1)?) * 8 + 8;
    let mut options = extension.get(2..length)?;
    loop {
        match options {
            [0, rest @ ..] => options = rest,
            [0xc2, 4, a, b, c, d, ..] => return Some(u32::from_be_bytes([*a, *b, *c, *d])),
            [_, length, rest @ ..] => options = rest.get(usize::from(*length)..)?,
            [] | [_] => return None,
        }
    }
}

/// Follows the extension headers to the transport header, which `out.packet.proto` then names.
fn extensions<'a>(mut next: u8, mut segment: Segment<'a>, out: &mut Decoded<'a>) {
    for _ in 0..=EXTENSIONS_MAX {
        out.packet.proto = next;
        let length = match next {
            protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::DESTINATION
            | protocol::MOBILITY
            | protocol::HOST_IDENTITY
            | protocol::SHIM6 => segment.bytes.get(1).map(|units| usize::from(*units) * 8 + 8),
            // The authentication header counts in 4 bytes (RFC 4302).
            protocol::AUTHENTICATION => segment.bytes.get(1).map(|units| usize::from(*units) * 4 + 8),
            protocol::FRAGMENT => Some(8),
            transport => return transport::read(transport, &segment, out),
        };
        let Some((extension, rest)) = length.and_then(|length| segment.bytes.split_at_checked(length)) else {
            return out.remark(Reason::Ipv6ExtensionCut);
        };
        let follows = extension.first().copied().unwrap_or(protocol::NO_NEXT_HEADER);
        segment.bytes = rest;
        segment.stated_len = segment.stated_len.saturating_sub(extension.len());
        if next == protocol::FRAGMENT {
            segment.is_fragment |= fragment(extension, out);
            if out.packet.present.has(Present::LATER_FRAGMENT) {
                out.packet.proto = follows;
                return;
            }
        }
        next = follows;
    }
    out.remark(Reason::Ipv6TooManyExtensions);
}

/// Reads a fragment header; whether the packet really is in parts (RFC 6946 has fragments that are whole).
fn fragment(extension: &[u8], out: &mut Decoded<'_>) -> bool {
    let Some([_, _, part0, part1, _, _, id0, id1]) = extension.first_chunk::<8>() else {
        return false;
    };
    let part = u16::from_be_bytes([*part0, *part1]);
    out.packet.ip_id = u16::from_be_bytes([*id0, *id1]);
    out.packet.present.set(Present::IP_ID);
    // The high 13 bits: where this one starts; the lowest: more fragments.
    if part & 0xfff9 != 0 {
        out.packet.present.set(Present::FRAGMENT);
    }
    if part & 0xfff8 != 0 {
        out.packet.present.set(Present::LATER_FRAGMENT);
    }
    part & 0xfff9 != 0
}
