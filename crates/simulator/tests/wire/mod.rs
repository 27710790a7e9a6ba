//! A reader of capture files of the tests' own, so that simulated packets are not judged by the code that made them.

#![allow(dead_code, reason = "each test file uses its part of the fields")]

use std::path::Path;

/// One packet as it lies in a capture file.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub time_us: i64,
    pub src: u32,
    pub dst: u32,
    pub id: u16,
    pub ttl: u8,
    pub proto: u8,
    pub ip_len: u16,
    pub src_port: u16,
    pub dst_port: u16,
    pub seq: u32,
    pub ack: u32,
    pub header_words: u8,
    pub flags: u8,
    pub window: u16,
    pub options: Vec<u8>,
    /// All behind the IP header.
    pub segment: Vec<u8>,
}

impl Seen {
    pub(crate) fn is_mirai(&self) -> bool {
        self.proto == 6 && self.flags & 0x12 == 0x02 && self.seq == self.dst
    }
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Ones' complement sum of 16-bit words (RFC 1071): 0xFFFF over a header with its right checksum.
fn ones_sum(parts: &[&[u8]]) -> u16 {
    let bytes: Vec<u8> = parts.concat();
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

/// Every packet of a capture file; all lengths and checksums must be right.
pub(crate) fn read(path: &Path) -> Vec<Seen> {
    parse(&std::fs::read(path).unwrap())
}

/// Every packet of a capture.
pub(crate) fn parse(file: &[u8]) -> Vec<Seen> {
    assert_eq!(le32(file, 0), 0xA1B2_C3D4, "magic number of µs pcap");
    let link_len = match le32(file, 20) {
        1 => 14,
        101 => 0,
        other => panic!("link type {other}"),
    };
    let mut packets = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let time_us = i64::from(le32(file, at)) * 1_000_000 + i64::from(le32(file, at + 4));
        let len = le32(file, at + 8) as usize;
        assert_eq!(le32(file, at + 12) as usize, len, "captured whole");
        packets.push(packet(time_us, &file[at + 16 + link_len..at + 16 + len]));
        at += 16 + len;
    }
    packets
}

fn packet(time_us: i64, ip: &[u8]) -> Seen {
    assert_eq!(ip[0], 0x45);
    assert_eq!(usize::from(be16(ip, 2)), ip.len(), "IP length");
    assert_eq!(ones_sum(&[&ip[..20]]), 0xFFFF, "IP checksum");
    let (proto, segment) = (ip[9], &ip[20..]);
    let pseudo = [&ip[12..20], &[0, proto], &be16(ip, 2).wrapping_sub(20).to_be_bytes()].concat();
    let with_pseudo: &[u8] = if proto == 1 { &[] } else { &pseudo };
    assert_eq!(ones_sum(&[with_pseudo, segment]), 0xFFFF, "checksum of protocol {proto}");
    let mut seen = Seen {
        time_us,
        src: be32(ip, 12),
        dst: be32(ip, 16),
        id: be16(ip, 4),
        ttl: ip[8],
        proto,
        ip_len: be16(ip, 2),
        src_port: 0,
        dst_port: 0,
        seq: 0,
        ack: 0,
        header_words: 0,
        flags: 0,
        window: 0,
        options: Vec::new(),
        segment: segment.to_vec(),
    };
    if proto != 1 {
        (seen.src_port, seen.dst_port) = (be16(segment, 0), be16(segment, 2));
    }
    if proto == 6 {
        (seen.seq, seen.ack) = (be32(segment, 4), be32(segment, 8));
        (seen.header_words, seen.flags, seen.window) = (segment[12] >> 4, segment[13], be16(segment, 14));
        seen.options = segment[20..usize::from(seen.header_words) * 4].to_vec();
    }
    if proto == 17 {
        assert_eq!(usize::from(be16(segment, 4)), segment.len(), "UDP length");
    }
    seen
}
