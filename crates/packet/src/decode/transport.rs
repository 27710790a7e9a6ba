//! What stands above IP, by its protocol number.

use super::{Decoded, Reason, icmp, protocol, tcp, udp};
use crate::Present;

/// The bytes above the IP header (and IPv6 extension headers).
pub(super) struct Segment<'a> {
    /// As captured, bounded by the IP length.
    pub(super) bytes: &'a [u8],
    /// How many there are according to the IP header: more than `bytes` when the capture was cut.
    pub(super) stated_len: usize,
    /// The first part of a packet in fragments: the rest comes in other frames.
    pub(super) is_fragment: bool,
}

impl Segment<'_> {
    /// Whether `len` bytes from the start are more than the packet was sent with, so that whoever built
    /// it is at fault and not the capture.
    pub(super) fn is_short_of(&self, len: usize) -> bool {
        !self.is_fragment && len > self.stated_len
    }
}

/// Reads the transport header; protocols without a reader are known by number only.
#[inline]
pub(super) fn read<'a>(proto: u8, segment: &Segment<'a>, out: &mut Decoded<'a>) {
    let is_ipv6 = out.packet.present.has(Present::WIDE);
    match proto {
        protocol::TCP => tcp::read(segment, out),
        protocol::UDP => udp::read(segment, out),
        protocol::ICMP if !is_ipv6 => icmp::read(segment, out),
        protocol::ICMPV6 if is_ipv6 => icmp::read_v6(segment, out),
        protocol::GRE => out.remark(Reason::TunnelGre),
        protocol::IPV4 | protocol::IPV6 => out.remark(Reason::TunnelIpInIp),
        _ => {}
    }
}

/// Source and destination port: the first 4 bytes of TCP and UDP, also when more is missing.
#[cold]
pub(super) fn ports_of_cut(segment: &Segment<'_>, out: &mut Decoded<'_>) {
    if let Some([s0, s1, d0, d1]) = segment.bytes.first_chunk::<4>() {
        out.packet.src_port = u16::from_be_bytes([*s0, *s1]);
        out.packet.dst_port = u16::from_be_bytes([*d0, *d1]);
        out.packet.present.set(Present::PORTS);
    }
}
