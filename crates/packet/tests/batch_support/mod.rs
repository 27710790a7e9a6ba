//! Frames of every sort out of random bytes, and packets that own what they refer to.
#![allow(dead_code, reason = "each test uses a part of it")]

use arbtest::arbitrary::{Arbitrary, Result, Unstructured};
use hirundo_packet::batch::Header;
use hirundo_packet::decode::{Decoded, Reason, decode};
use hirundo_packet::encode::{Addresses, Framing, Icmp, IpHeader, Tcp, Transport, Udp, encode};
use hirundo_packet::kind::classify_wide;
use hirundo_packet::mark::MarkTable;
use hirundo_packet::{Packet, Present, Wide, options};

/// What a sensor would push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) packet: Packet,
    pub(crate) wide: Wide,
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Owned {
    pub(crate) fn of(decoded: &Decoded<'_>) -> Owned {
        Owned {
            packet: decoded.packet,
            wide: decoded.wide,
            options: decoded.options.to_vec(),
            payload: decoded.payload.to_vec(),
        }
    }

    pub(crate) fn decoded(&self) -> Decoded<'_> {
        Decoded {
            packet: self.packet,
            wide: self.wide,
            options: &self.options,
            payload: &self.payload,
            note: None,
        }
    }

    /// As it comes out of a batch: the signature in place of the options, the payload cut.
    pub(crate) fn kept(&self, payload_bytes_max: u8) -> (Packet, Wide, String, &[u8]) {
        let mut text = String::new();
        options::signature(&self.options, &mut text);
        let kept = self.payload.len().min(usize::from(payload_bytes_max));
        (self.packet, self.wide, text, &self.payload[..kept])
    }
}

pub(crate) fn header(hidden: bool) -> Header {
    Header {
        sensor: "jp-01".to_owned(),
        epoch: 0x0123_4567_89ab_cdef,
        number: 7,
        sealed_us: 1_650_000_010_000_000,
        hidden,
    }
}

/// A frame, mostly whole and right; few distinct values, so that rules of marks hold now and then.
pub(crate) fn frame(random: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let few = [0xcb00_7109, 0xcb00_7110, 0x0a00_0001, random.arbitrary()?];
    let dst = *random.choose(&few)?;
    let addresses = match random.ratio(1, 4)? {
        true => Addresses::V6 {
            src: random.arbitrary()?,
            dst: [0x3f; 16],
        },
        false => Addresses::V4 {
            src: random.arbitrary()?,
            dst,
        },
    };
    let (dst_port, seq) = (one_of(random, &[23, 80, 53])?, *random.choose(&few)?);
    let [low, high, ..] = (dst ^ u32::from(dst_port) ^ seq).to_le_bytes();
    let header = IpHeader {
        addresses,
        ttl: random.arbitrary()?,
        id: one_of(random, &[54321, u16::from_le_bytes([low, high])])?,
        part: *random.choose(&[0, 0, 0, 0x4000, 0x2000, 0x0001])?,
    };
    let payload_len = random.int_in_range(0..=300)?;
    let payload = random.bytes(payload_len.min(random.len()))?;
    let options_len = random.int_in_range(0..=40)?;
    let options = match random.arbitrary::<u8>()? % 4 {
        0 => &[2, 4, 5, 180][..],
        1 => &[2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7],
        2 => random.bytes(options_len.min(random.len()))?,
        _ => &[],
    };
    let quoted = encoded(
        &header,
        &Transport::Udp(Udp {
            src_port: 1,
            dst_port: 53,
            payload: b"",
        }),
    );
    let transport = match random.arbitrary::<u8>()? % 6 {
        0..=2 => Transport::Tcp(Tcp {
            src_port: random.arbitrary()?,
            dst_port,
            seq,
            ack: random.arbitrary()?,
            flags: one_of(random, &[2, 2, 18, 4])? & 0x1ff,
            window: one_of(random, &[1024, 1025, 65535])?,
            options,
            payload: if random.arbitrary()? { payload } else { b"" },
        }),
        3 => Transport::Udp(Udp {
            src_port: random.arbitrary()?,
            dst_port,
            payload,
        }),
        4 => Transport::Icmp(Icmp {
            kind: one_of(random, &[8, 0, 3, 1, 11])?,
            code: random.arbitrary()?,
            rest: [0; 4],
            body: &quoted,
        }),
        _ => Transport::Other {
            proto: random.arbitrary()?,
            bytes: payload,
        },
    };
    let mut frame = encoded(&header, &transport);
    if random.ratio(1, 10)? {
        frame.truncate(random.int_in_range(0..=frame.len())?);
    }
    Ok(frame)
}

/// One of these, or now and then any.
fn one_of<'a, T: Arbitrary<'a> + Copy>(random: &mut Unstructured<'a>, usual: &[T]) -> Result<T> {
    if random.ratio(1, 5)? {
        return random.arbitrary();
    }
    random.choose(usual).copied()
}

fn encoded(header: &IpHeader, transport: &Transport<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    encode(Framing::RawIp, header, transport, &mut frame).unwrap();
    frame
}

/// A packet as a sensor has it after marking and classifying, or why there is none.
pub(crate) fn packet(frame: &[u8], time_us: i64, marks: &MarkTable, hidden: bool) -> std::result::Result<Owned, Reason> {
    let decoded = decode(Framing::RawIp.link(), frame, time_us)?;
    let mut owned = Owned::of(&decoded);
    owned.packet.mark = marks.mark(&decoded.packet, decoded.options, decoded.payload);
    (owned.packet.kind, owned.packet.probe) = classify_wide(&decoded.packet, &decoded.wide, decoded.payload);
    if hidden {
        owned.packet.present.set(Present::HIDDEN);
        owned.packet.present.0 &= !Present::IP_ID.0;
        (owned.packet.tcp_seq, owned.packet.ip_id) = (0, 0);
    }
    Ok(owned)
}
