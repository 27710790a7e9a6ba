//! Any bytes as the fields of packets: what was encoded and written to a capture is read and decoded as it was.
#![no_main]

use std::io::Cursor;

use hirundo_packet::capture::Capture;
use hirundo_packet::decode::decode;
use hirundo_packet::encode::{Addresses, Framing, Icmp, IpHeader, PcapWriter, Tcp, Transport, Udp, encode};
use hirundo_packet::{Present, Wide};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// Largest time of a capture with 32 bits of seconds, microseconds.
const TIME_MAX_US: i64 = u32::MAX as i64 * 1_000_000 + 999_999;

/// The fields of a packet.
#[derive(Arbitrary, Debug)]
struct Fields<'a> {
    time_us: u64,
    addresses: Pair,
    ttl: u8,
    id: u16,
    ports: (u16, u16),
    words: (u32, u32),
    flags: u16,
    window: u16,
    form: u8,
    options: &'a [u8],
    payload: &'a [u8],
    padding: u8,
}

/// Source and destination.
#[derive(Arbitrary, Debug)]
enum Pair {
    Four(u32, u32),
    Six([u8; 16], [u8; 16]),
}

fuzz_target!(|input: (bool, Vec<Fields<'_>>)| {
    let (is_ethernet, packets) = input;
    let framing = if is_ethernet { Framing::Ethernet } else { Framing::RawIp };
    let mut writer = PcapWriter::new(Vec::new(), framing.link()).expect("write to memory");
    let mut frames = Vec::new();
    for fields in &packets {
        let Some(mut frame) = check(framing, fields) else { continue };
        let time_us = i64::try_from(fields.time_us).unwrap_or(i64::MAX) % (TIME_MAX_US + 1);
        frame.resize(frame.len() + usize::from(fields.padding), 0xaa);
        writer.write(time_us, &frame).expect("write to memory");
        frames.push((time_us, frame));
    }
    let bytes = writer.finish().expect("write to memory");
    let mut capture = Capture::open(Box::new(Cursor::new(bytes))).expect("our own capture");
    for (time_us, written) in frames {
        let frame = capture.next().expect("our own capture").expect("as many packets as were written");
        assert_eq!(
            (frame.time_ns, frame.link, frame.data),
            (time_us * 1000, framing.link(), &written[..])
        );
    }
    assert!(capture.next().expect("our own capture").is_none());
});

/// Encodes a packet and compares what is decoded; the frame.
fn check(framing: Framing, fields: &Fields<'_>) -> Option<Vec<u8>> {
    let addresses = match fields.addresses {
        Pair::Four(src, dst) => Addresses::V4 { src, dst },
        Pair::Six(src, dst) => Addresses::V6 { src, dst },
    };
    let (src_port, dst_port) = fields.ports;
    let (seq, ack) = fields.words;
    let (flags, window) = (fields.flags & 0x1ff, fields.window);
    let [code, kind] = fields.flags.to_be_bytes();
    let (options, payload) = (fields.options, fields.payload);
    let transport = match fields.form % 4 {
        0 => Transport::Tcp(Tcp {
            src_port,
            dst_port,
            seq,
            ack,
            flags,
            window,
            options,
            payload,
        }),
        1 => Transport::Udp(Udp {
            src_port,
            dst_port,
            payload,
        }),
        2 => Transport::Icmp(Icmp {
            kind,
            code,
            rest: seq.to_be_bytes(),
            body: payload,
        }),
        _ => Transport::Other {
            proto: fields.ttl,
            bytes: payload,
        },
    };
    let header = IpHeader {
        addresses,
        ttl: fields.ttl,
        id: fields.id,
        part: 0x4000,
    };
    let mut frame = Vec::new();
    if encode(framing, &header, &transport, &mut frame).is_err() {
        assert!(frame.is_empty());
        return None;
    }
    let decoded = match decode(framing.link(), &frame, 7) {
        Ok(decoded) => decoded,
        // Bytes given as an extension header or another protocol may be too few for it.
        Err(reason) => {
            assert!(matches!(transport, Transport::Other { .. }), "{reason:?}");
            return Some(frame);
        }
    };
    let (packet, wide) = (decoded.packet, decoded.wide);
    assert_eq!((packet.time_us, packet.ttl), (7, fields.ttl));
    let link_bytes = if framing == Framing::Ethernet { 14 } else { 0 };
    assert_eq!(packet.ip_len as usize, frame.len() - link_bytes);
    match fields.addresses {
        Pair::Four(src, dst) => assert_eq!((packet.src, packet.dst, packet.ip_id), (src, dst, fields.id)),
        Pair::Six(src6, dst6) => assert_eq!(
            Wide {
                victim6: wide.victim6,
                ..wide
            },
            Wide {
                src6,
                dst6,
                victim6: wide.victim6
            }
        ),
    }
    match transport {
        Transport::Tcp(tcp) => {
            assert!(packet.present.has(Present::TCP) && packet.present.has(Present::PORTS));
            assert_eq!((packet.src_port, packet.dst_port, packet.tcp_seq), (src_port, dst_port, seq));
            assert_eq!((packet.tcp_flags, packet.tcp_window), (flags, window));
            // The encoder fills up with zeros: end of options.
            assert_eq!(&decoded.options[..tcp.options.len()], tcp.options);
            assert!(decoded.options[tcp.options.len()..].iter().all(|&byte| byte == 0));
            assert_eq!(decoded.payload, payload);
        }
        Transport::Udp(_) => {
            assert!(packet.present.has(Present::PORTS) && !packet.present.has(Present::TCP));
            assert_eq!((packet.src_port, packet.dst_port, decoded.payload), (src_port, dst_port, payload));
        }
        Transport::Icmp(_) => {
            assert!(packet.present.has(Present::ICMP));
            assert_eq!((packet.icmp_type, packet.icmp_code), (kind, code));
        }
        Transport::Other { .. } => {}
    }
    Some(frame)
}
