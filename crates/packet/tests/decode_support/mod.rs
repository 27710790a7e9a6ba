//! Packets that the decoder's tests start from, and short ways to build and read them.
#![allow(dead_code, reason = "each test uses a part of it")]

use hirundo_packet::LinkType;
use hirundo_packet::decode::{Decoded, Reason, decode};
use hirundo_packet::encode::{Addresses, Framing, IpHeader, Tcp, Transport, encode};
use hirundo_packet::flag;

/// A documentation address (RFC 5737), who sends.
pub(crate) const SRC: u32 = 0xc633_6401;
/// Another one, whom it is sent to.
pub(crate) const DST: u32 = 0xcb00_7109;
/// Header of an IPv4 packet between them.
pub(crate) const V4: IpHeader = IpHeader {
    addresses: Addresses::V4 { src: SRC, dst: DST },
    ttl: 57,
    id: 54321,
    part: 0,
};
/// Header of an IPv6 packet.
pub(crate) const V6: IpHeader = IpHeader {
    addresses: Addresses::V6 {
        src: [0x20; 16],
        dst: [0x3f; 16],
    },
    ttl: 57,
    id: 0,
    part: 0,
};
/// What Mirai sends, but for the option.
pub(crate) const SYN: Transport<'_> = Transport::Tcp(Tcp {
    src_port: 40_000,
    dst_port: 23,
    seq: DST,
    ack: 0,
    flags: flag::SYN,
    window: 1024,
    options: &[2, 4, 5, 180],
    payload: &[],
});

/// An IP packet without link header.
pub(crate) fn ip(header: &IpHeader, transport: &Transport<'_>) -> Vec<u8> {
    let mut packet = Vec::new();
    encode(Framing::RawIp, header, transport, &mut packet).unwrap_or_else(|error| panic!("{error}"));
    packet
}

/// Decodes a frame captured at time 0.
pub(crate) fn read(link: u32, frame: &[u8]) -> Result<Decoded<'_>, Reason> {
    decode(LinkType(link), frame, 0)
}
