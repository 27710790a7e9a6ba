//! What the capture tests share: captures made in memory, readers that misbehave, and reading to the end.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{self, Read};
use std::path::PathBuf;

use hirundo_packet::LinkType;
use hirundo_packet::capture::{Capture, CaptureError};

/// A frame that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) time_ns: i64,
    pub(crate) link: LinkType,
    pub(crate) wire_len: u32,
    pub(crate) interface: u32,
    pub(crate) data: Vec<u8>,
}

/// A capture read to its end.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) frames: Vec<Owned>,
    pub(crate) error: Option<CaptureError>,
    pub(crate) digest: u128,
    pub(crate) format: String,
    pub(crate) offset: u64,
    pub(crate) bytes_read: u64,
    pub(crate) times_over: u64,
}

/// Reads everything from `input`; an error while opening is the outer one.
pub(crate) fn read_all(input: impl Read + Send + 'static) -> Result<Reading, CaptureError> {
    let mut capture = Capture::open(Box::new(input))?;
    let mut frames = Vec::new();
    let error = loop {
        match capture.next() {
            Ok(Some(frame)) => frames.push(Owned {
                time_ns: frame.time_ns,
                link: frame.link,
                wire_len: frame.wire_len,
                interface: frame.interface,
                data: frame.data.to_vec(),
            }),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(capture.next().unwrap().is_none(), "after its end a capture stays ended");
    assert_eq!(capture.packets(), frames.len() as u64);
    Ok(Reading {
        frames,
        error,
        digest: capture.take_digest(),
        format: capture.format().to_string(),
        offset: capture.offset(),
        bytes_read: capture.bytes_read(),
        times_over: capture.times_over(),
    })
}

/// [`read_all`] of bytes in memory.
pub(crate) fn read_bytes(bytes: &[u8]) -> Result<Reading, CaptureError> {
    read_all(io::Cursor::new(bytes.to_vec()))
}

/// Gives out at most `step` bytes at a time, and is interrupted before every fifth.
pub(crate) struct Trickle {
    pub(crate) bytes: io::Cursor<Vec<u8>>,
    pub(crate) step: usize,
    pub(crate) calls: usize,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = buffer.len().min(self.step);
        self.bytes.read(&mut buffer[..len])
    }
}

/// A pseudo-random sequence from a seed (xorshift64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}

/// Numbers in one byte order, for building captures.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(crate) big: bool,
}

pub(crate) const LITTLE: Order = Order { big: false };
pub(crate) const BIG: Order = Order { big: true };

impl Order {
    pub(crate) fn n16(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
    pub(crate) fn n32(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
    pub(crate) fn n64(self, value: u64) -> [u8; 8] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

pub(crate) const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(crate) const NANOSECONDS: u32 = 0xa1b2_3c4d;
pub(crate) const MODIFIED: u32 = 0xa1b2_cd34;

/// A pcap file header.
pub(crate) fn pcap_header(order: Order, magic: u32, version: (u16, u16), network: u32) -> Vec<u8> {
    let mut bytes = order.n32(magic).to_vec();
    bytes.extend(order.n16(version.0));
    bytes.extend(order.n16(version.1));
    bytes.extend([0; 8]);
    bytes.extend(order.n32(96));
    bytes.extend(order.n32(network));
    bytes
}

/// A pcap record; the caller says all four numbers of its header.
pub(crate) fn pcap_record(order: Order, header: [u32; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = header.iter().flat_map(|&number| order.n32(number)).collect();
    bytes.extend(data);
    bytes
}

/// A small pcap of `packets` packets of different lengths, the first one empty.
pub(crate) fn pcap(order: Order, magic: u32, packets: u32) -> Vec<u8> {
    let mut random = Random(u64::from(packets) + 1);
    let mut bytes = pcap_header(order, magic, (2, 4), 1);
    for at in 0..packets {
        let data = random.bytes((at as usize * 7) % 90);
        let len = u32::try_from(data.len()).unwrap();
        bytes.extend(pcap_record(order, [1_700_000_000 + at, at * 3, len, len + at], &data));
    }
    bytes
}

/// A pcapng block around a body, which is padded to four.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let len = order.n32(u32::try_from(padded + 12).unwrap());
    let mut bytes = order.n32(kind).to_vec();
    bytes.extend(len);
    bytes.extend(body);
    bytes.resize(8 + padded, 0);
    bytes.extend(len);
    bytes
}

/// A section header of unknown length.
pub(crate) fn section(order: Order) -> Vec<u8> {
    let mut body = order.n32(0x1a2b_3c4d).to_vec();
    body.extend(order.n16(1));
    body.extend(order.n16(0));
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// An interface description with options as (code, value).
pub(crate) fn interface(order: Order, link: u16, snap_len: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = order.n16(link).to_vec();
    body.extend([0; 2]);
    body.extend(order.n32(snap_len));
    for &(code, value) in options {
        body.extend(order.n16(code));
        body.extend(order.n16(u16::try_from(value.len()).unwrap()));
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    if !options.is_empty() {
        body.extend([0; 4]);
    }
    block(order, 1, &body)
}

/// An Enhanced Packet Block whose packet is whole.
pub(crate) fn enhanced(order: Order, interface: u32, time: u64, data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap();
    let [high, low] = [time >> 32, time & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
    let mut body: Vec<u8> = [interface, high, low, len, len]
        .iter()
        .flat_map(|&number| order.n32(number))
        .collect();
    body.extend(data);
    block(order, 6, &body)
}

/// A Simple Packet Block of a packet that was `wire_len` bytes long.
pub(crate) fn simple(order: Order, wire_len: u32, data: &[u8]) -> Vec<u8> {
    let mut body = order.n32(wire_len).to_vec();
    body.extend(data);
    block(order, 3, &body)
}

/// A small pcapng with two sections of different byte order, and blocks of every kind that is read.
pub(crate) fn pcapng() -> Vec<u8> {
    let mut bytes = Vec::new();
    for (order, packets) in [(LITTLE, 5_u8), (BIG, 4)] {
        bytes.extend(section(order));
        bytes.extend(interface(order, 1, 96, &[(9, &[9]), (2, b"eth0")]));
        bytes.extend(interface(order, 101, 0, &[]));
        bytes.extend(block(order, 0x0bad, b"a block that nobody knows"));
        for at in 0..packets {
            let data = Random(u64::from(at) + 1).bytes(usize::from(at) * 13);
            bytes.extend(enhanced(order, u32::from(at) % 2, 1_700_000_000_000_000 + u64::from(at), &data));
        }
        bytes.extend(simple(order, 21, &[7; 21]));
    }
    bytes
}

/// The folder of real captures with independent truth.
pub(crate) fn traces() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/traces"));
    assert!(
        folder.join("truth.csv").is_file(),
        "the captures with independent truth are missing: {} has no truth.csv",
        folder.display()
    );
    folder
}
