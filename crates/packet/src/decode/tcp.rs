//! The TCP header (RFC 9293).

use super::transport::{Segment, ports_of_cut};
use super::{Decoded, Reason};
use crate::Present;

/// Reads ports from 4 bytes on, flags, sequence number and window from 16, options and payload where whole.
#[inline]
pub(super) fn read<'a>(segment: &Segment<'a>, out: &mut Decoded<'a>) {
    let Some(header) = segment.bytes.first_chunk::<16>() else {
        ports_of_cut(segment, out);
        return out.remark(Reason::TcpCut);
    };
    let [s0, s1, d0, d1, q0, q1, q2, q3, _, _, _, _, offset, flags, w0, w1] = *header;
    let packet = &mut out.packet;
    packet.src_port = u16::from_be_bytes([s0, s1]);
    packet.dst_port = u16::from_be_bytes([d0, d1]);
    packet.tcp_seq = u32::from_be_bytes([q0, q1, q2, q3]);
    // The ninth flag (NS) is the lowest bit of the byte that holds the header length.
    packet.tcp_flags = u16::from_be_bytes([offset & 1, flags]);
    packet.tcp_window = u16::from_be_bytes([w0, w1]);
    packet.present.set(Present::PORTS);
    packet.present.set(Present::TCP);
    let header_len = usize::from(offset >> 4) * 4;
    if header_len < 20 {
        return out.remark(Reason::TcpBadOffset);
    }
    match (segment.bytes.get(20..header_len), segment.bytes.get(header_len..)) {
        (Some(options), Some(payload)) => {
            out.options = options;
            out.payload = payload;
        }
        (None, _) | (_, None) => {
            out.options = segment.bytes.get(20..).unwrap_or(&[]);
            let at_fault = segment.is_short_of(header_len);
            out.remark(if at_fault { Reason::TcpBadOffset } else { Reason::TcpCut });
        }
    }
}
