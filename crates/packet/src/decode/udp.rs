//! The UDP header (RFC 768).

use super::transport::{Segment, ports_of_cut};
use super::{Decoded, Reason};
use crate::Present;

/// Reads ports from 4 bytes on, and the payload up to the UDP length.
#[inline]
pub(super) fn read<'a>(segment: &Segment<'a>, out: &mut Decoded<'a>) {
    let Some((header, captured)) = segment.bytes.split_first_chunk::<8>() else {
        ports_of_cut(segment, out);
        return out.remark(Reason::UdpCut);
    };
    let [s0, s1, d0, d1, l0, l1, _, _] = *header;
    out.packet.src_port = u16::from_be_bytes([s0, s1]);
    out.packet.dst_port = u16::from_be_bytes([d0, d1]);
    out.packet.present.set(Present::PORTS);
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    // What stands behind the UDP length but inside the IP length is not payload (RFC 9868).
    out.payload = match length.checked_sub(8) {
        Some(payload_len) => captured.get(..payload_len).unwrap_or(captured),
        None => captured,
    };
    // A length of 0 is right for what does not fit 16 bits (RFC 2675, and offload before cutting).
    let is_oversized = length == 0 && segment.stated_len > usize::from(u16::MAX);
    if (length < 8 && !is_oversized) || segment.is_short_of(length) {
        out.remark(Reason::UdpBadLength);
    }
}
