//! Measures how long decoding takes: `cargo run --release -p hirundo-packet --example decode_speed`.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use hirundo_packet::decode::{Decoded, decode, decode_into};
use hirundo_packet::encode::{Addresses, Framing, Icmp, IpHeader, Tcp, Transport, Udp, encode};
use hirundo_packet::options::Interner;
use hirundo_packet::{LinkType, flag};

/// Frames in one pass: together they fit the second-level cache, as a reader's buffer does.
const FRAMES: usize = 2_000;
/// Passes over the frames in one measurement.
const PASSES: usize = 50;
/// Measurements; the fastest is the one least disturbed by other programs.
const ROUNDS: usize = 150;

const LINUX_OPTIONS: [u8; 20] = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];

/// The frames of a capture, one after another, and where each ends.
struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    fn new(framing: Framing, packet: impl Fn(u32) -> (IpHeader, Transport<'static>)) -> Frames {
        let mut frames = Frames {
            bytes: Vec::new(),
            ends: Vec::new(),
        };
        let mut frame = Vec::new();
        for number in 0..u32::try_from(FRAMES).unwrap_or(0) {
            let (header, transport) = packet(number.wrapping_mul(0x9e37_79b9));
            if encode(framing, &header, &transport, &mut frame).is_ok() {
                frames.bytes.extend_from_slice(&frame);
                frames.ends.push(frames.bytes.len());
            }
        }
        frames
    }

    /// Nanoseconds that `work` takes for a frame.
    fn measure(&self, mut work: impl FnMut(&[u8])) -> f64 {
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..PASSES {
                let mut from = 0;
                for end in &self.ends {
                    work(self.bytes.get(from..*end).unwrap_or(&[]));
                    from = *end;
                }
            }
            best = best.min(start.elapsed().as_secs_f64());
        }
        best * 1e9 / (PASSES * self.ends.len()) as f64
    }
}

fn v4(random: u32) -> IpHeader {
    let addresses = Addresses::V4 { src: random, dst: !random };
    IpHeader {
        addresses,
        ttl: 64,
        id: 1,
        part: 0,
    }
}

fn v6(_random: u32) -> IpHeader {
    IpHeader {
        addresses: Addresses::V6 {
            src: [0x20; 16],
            dst: [0x3f; 16],
        },
        ttl: 64,
        id: 0,
        part: 0,
    }
}

fn syn(random: u32, options: &'static [u8]) -> Transport<'static> {
    let flags = flag::SYN;
    Transport::Tcp(Tcp {
        src_port: 999,
        dst_port: 23,
        seq: random,
        flags,
        options,
        window: 1024,
        ..Tcp::default()
    })
}

/// What a telescope sees: mostly TCP SYNs with and without options, some UDP and ICMP.
fn mixed(random: u32) -> Transport<'static> {
    match random >> 28 {
        0..=5 => syn(random, &[]),
        6..=8 => syn(random, &[2, 4, 5, 180]),
        9..=11 => syn(random, &LINUX_OPTIONS),
        12..=14 => Transport::Udp(Udp {
            src_port: 5060,
            dst_port: 5060,
            payload: b"OPTIONS sip:100@",
        }),
        _ => Transport::Icmp(Icmp::echo_request(1, 1, b"abcdefgh")),
    }
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let cases = [
        (
            "Ethernet, IPv4, SYN without options",
            Frames::new(Framing::Ethernet, |n| (v4(n), syn(n, &[]))),
        ),
        (
            "Ethernet, IPv4, SYN of Linux",
            Frames::new(Framing::Ethernet, |n| (v4(n), syn(n, &LINUX_OPTIONS))),
        ),
        ("Ethernet, IPv4, mixed", Frames::new(Framing::Ethernet, |n| (v4(n), mixed(n)))),
        (
            "Ethernet, IPv6, SYN of Linux",
            Frames::new(Framing::Ethernet, |n| (v6(n), syn(n, &LINUX_OPTIONS))),
        ),
        ("raw IP, IPv4, mixed", Frames::new(Framing::RawIp, |n| (v4(n), mixed(n)))),
    ];
    for (position, (name, frames)) in cases.iter().enumerate() {
        // Opaque, as in a reader: the link type comes from the file.
        let link = black_box(LinkType(if position == 4 { 101 } else { 1 }));
        let decode_ns = frames.measure(|frame| {
            black_box(&decode(link, frame, 0));
        });
        let into_ns = frames.measure(|frame| {
            let mut decoded = Decoded::default();
            black_box(decode_into(link, frame, 0, &mut decoded).is_ok());
            black_box(&decoded);
        });
        let mut interner = Interner::new();
        let intern_ns = frames.measure(|frame| {
            let mut decoded = Decoded::default();
            if decode_into(link, frame, 0, &mut decoded).is_ok() {
                black_box(interner.intern(decoded.options));
            }
            black_box(&decoded);
        });
        writeln!(
            out,
            "{name:<36} decode {decode_ns:5.1} ns, decode_into {into_ns:5.1} ns, with options numbered {intern_ns:5.1} ns"
        )?;
    }
    Ok(())
}
