//! The IPv4 header (RFC 791).

use super::transport::{self, Segment};
use super::{Decoded, Reason};
use crate::Present;

/// Reads the header and goes on with what stands above it.
#[inline]
pub(super) fn read<'a>(bytes: &'a [u8], out: &mut Decoded<'a>) -> Result<(), Reason> {
    let Some(header) = bytes.first_chunk::<20>() else {
        return Err(Reason::Ipv4Cut);
    };
    let [
        version_length,
        _,
        total0,
        total1,
        id0,
        id1,
        part0,
        part1,
        ttl,
        proto,
        _,
        _,
        addresses @ ..,
    ] = header;
    if version_length >> 4 != 4 {
        return Err(Reason::Ipv4BadVersion);
    }
    let header_len = usize::from(version_length & 0x0f) * 4;
    if header_len < 20 {
        return Err(Reason::Ipv4BadHeaderLength);
    }
    let Some(captured) = bytes.get(header_len..) else {
        return Err(Reason::Ipv4Cut);
    };
    let [s0, s1, s2, s3, d0, d1, d2, d3] = *addresses;
    let total = u16::from_be_bytes([*total0, *total1]);
    let part = u16::from_be_bytes([*part0, *part1]);
    let packet = &mut out.packet;
    packet.src = u32::from_be_bytes([s0, s1, s2, s3]);
    packet.dst = u32::from_be_bytes([d0, d1, d2, d3]);
    packet.ip_id = u16::from_be_bytes([*id0, *id1]);
    packet.ip_len = u32::from(total);
    packet.ttl = *ttl;
    packet.proto = *proto;
    packet.present.set(Present::IP_ID);
    // 0x2000: more fragments; the low 13 bits: where this one starts.
    let is_fragment = part & 0x3fff != 0;
    if is_fragment {
        packet.present.set(Present::FRAGMENT);
        if part & 0x1fff != 0 {
            packet.present.set(Present::LATER_FRAGMENT);
        }
    }
    let stated_len = match usize::from(total).checked_sub(header_len) {
        Some(stated_len) => stated_len,
        None => without_total(total, bytes, captured, out),
    };
    if part & 0x1fff == 0 {
        let bytes = captured.get(..stated_len).unwrap_or(captured);
        transport::read(
            *proto,
            &Segment {
                bytes,
                stated_len,
                is_fragment,
            },
            out,
        );
    }
    Ok(())
}

/// The total length cannot hold even the header: what was captured stands for it.
///
/// A total of 0 is what a sending kernel's capture shows before the network card cuts a large packet
/// (segmentation offload) and is not worth a note; the captured length is then the packet's.
#[cold]
fn without_total(total: u16, bytes: &[u8], captured: &[u8], out: &mut Decoded<'_>) -> usize {
    if total == 0 {
        out.packet.ip_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    } else {
        out.remark(Reason::Ipv4BadTotalLength);
    }
    captured.len()
}
