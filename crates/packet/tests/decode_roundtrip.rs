//! The encoder: its lengths and checksums, and that the decoder reads back what it wrote.

mod decode_support;

use arbtest::arbitrary::{Result, Unstructured};
use decode_support::{DST, SRC, V4, V6, ip};
use hirundo_packet::decode::{Decoded, decode};
use hirundo_packet::encode::{Addresses, EncodeError, Framing, Icmp, IpHeader, Tcp, Transport, Udp, encode};
use hirundo_packet::{LinkType, Packet, Present, Wide, flag};

#[test]
fn checksums_are_those_of_known_packets() {
    // Sums worked out by hand from RFC 1071 over header and pseudo-header.
    let verify = |bytes: &[u8], extra: u64| {
        let words = bytes
            .chunks(2)
            .map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)));
        let mut sum = words.sum::<u64>() + extra;
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        sum
    };
    let words = |address: u32| u64::from(address >> 16) + u64::from(address & 0xffff);
    for payload in [&b""[..], b"x", b"odd length!", b"four"] {
        let udp = Transport::Udp(Udp {
            src_port: 53,
            dst_port: 5353,
            payload,
        });
        let tcp = Transport::Tcp(Tcp {
            seq: 77,
            options: &[1],
            payload,
            flags: flag::ACK,
            ..Tcp::default()
        });
        let icmp = Transport::Icmp(Icmp::echo_request(1, 2, payload));
        for (transport, proto) in [(udp, 17), (tcp, 6), (icmp, 1)] {
            let packet = ip(&V4, &transport);
            assert_eq!(verify(&packet[..20], 0), 0xffff, "IPv4 header, {transport:?}");
            let pseudo = words(SRC) + words(DST) + proto + (packet.len() as u64 - 20);
            let pseudo = if proto == 1 { 0 } else { pseudo };
            assert_eq!(verify(&packet[20..], pseudo), 0xffff, "{transport:?}");
            let packet = ip(&V6, &transport);
            let proto = if proto == 1 { 58 } else { proto };
            let pseudo = 8 * 0x2020 + 8 * 0x3f3f + proto + (packet.len() as u64 - 40);
            assert_eq!(verify(&packet[40..], pseudo), 0xffff, "IPv6, {transport:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_not_encoded() {
    let mut frame = vec![1, 2, 3];
    let long = vec![0; 65_536];
    let check = |header: &IpHeader, transport: &Transport<'_>, expected, frame: &mut Vec<u8>| {
        assert_eq!(encode(Framing::RawIp, header, transport, frame), expected);
        assert_eq!(frame.is_empty(), expected.is_err());
    };
    let other = |len: usize| Transport::Other {
        proto: 99,
        bytes: &long[..len],
    };
    let too_long = |len_bytes: usize| Err(EncodeError::PacketTooLong { len_bytes });
    check(&V4, &other(65_515), Ok(()), &mut frame);
    check(&V4, &other(65_516), too_long(65_516), &mut frame);
    check(&V6, &other(65_535), Ok(()), &mut frame);
    check(&V6, &other(65_536), too_long(65_536), &mut frame);
    let options = Transport::Tcp(Tcp {
        options: &[1; 41],
        ..Tcp::default()
    });
    check(&V4, &options, Err(EncodeError::OptionsTooLong { len_bytes: 41 }), &mut frame);
}

#[derive(Clone, Debug)]
struct Sample {
    header: IpHeader,
    numbers: (u16, u16, u32, u32, u16, u16),
    options: Vec<u8>,
    payload: Vec<u8>,
    form: u8,
    framing: Framing,
}

/// Any bytes, at most `max`.
fn bytes(any: &mut Unstructured<'_>, max: usize) -> Result<Vec<u8>> {
    let length = any.int_in_range(0..=max)?;
    (0..length).map(|_| any.arbitrary()).collect()
}

fn sample(any: &mut Unstructured<'_>) -> Result<Sample> {
    let addresses = if any.arbitrary()? {
        Addresses::V4 {
            src: any.arbitrary()?,
            dst: any.arbitrary()?,
        }
    } else {
        Addresses::V6 {
            src: any.arbitrary()?,
            dst: any.arbitrary()?,
        }
    };
    // Don't fragment, more fragments, neither: a first fragment is read like a whole packet.
    let part = *any.choose(&[0, 0x4000, 0x2000])?;
    let header = IpHeader {
        addresses,
        ttl: any.arbitrary()?,
        id: any.arbitrary()?,
        part,
    };
    let mut options = bytes(any, 40)?;
    options.truncate(options.len() / 4 * 4);
    let numbers = any.arbitrary()?;
    let form = any.int_in_range(0..=2)?;
    let framing = *any.choose(&[Framing::Ethernet, Framing::RawIp])?;
    Ok(Sample {
        header,
        numbers,
        options,
        payload: bytes(any, 1400)?,
        form,
        framing,
    })
}

#[test]
fn what_was_encoded_is_decoded() {
    arbtest::arbtest(|any| {
        let (sample, time_us, padding) = (sample(any)?, any.arbitrary::<i64>()?, any.int_in_range(0..=19_usize)?);
        let Sample {
            header,
            numbers,
            options,
            payload,
            form,
            framing,
        } = &sample;
        let (src_port, dst_port, seq, ack, flags, window) = *numbers;
        let flags = flags & 0x1ff;
        let [kind, code] = src_port.to_be_bytes();
        let kind = kind | 0x80; // No error: what errors quote has a test of its own.
        let transport = match form {
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
            _ => Transport::Icmp(Icmp {
                kind,
                code,
                rest: seq.to_be_bytes(),
                body: payload,
            }),
        };
        let mut frame = Vec::new();
        encode(*framing, header, &transport, &mut frame).unwrap();
        let link_len = if *framing == Framing::Ethernet { 14 } else { 0 };
        let ip_len = u32::try_from(frame.len() - link_len).unwrap();
        frame.resize(frame.len() + padding, 0xaa);

        let expected = expected(&sample, time_us, ip_len);
        assert_eq!(decode(framing.link(), &frame, time_us), Ok(expected));
        Ok(())
    });
}

/// What decoding a sample must give.
fn expected(sample: &Sample, time_us: i64, ip_len: u32) -> Decoded<'_> {
    let Sample {
        header,
        numbers,
        options,
        payload,
        form,
        ..
    } = sample;
    let (src_port, dst_port, seq, _, flags, window) = *numbers;
    let flags = flags & 0x1ff;
    let [kind, code] = src_port.to_be_bytes();
    let kind = kind | 0x80;
    let mut packet = Packet {
        time_us,
        ttl: header.ttl,
        ip_len,
        ..Packet::default()
    };
    let mut wide = Wide::default();
    let is_ipv6 = match header.addresses {
        Addresses::V4 { src, dst } => {
            (packet.src, packet.dst, packet.ip_id) = (src, dst, header.id);
            packet.present.set(Present::IP_ID);
            if header.part == 0x2000 {
                packet.present.set(Present::FRAGMENT);
            }
            false
        }
        Addresses::V6 { src, dst } => {
            (wide.src6, wide.dst6) = (src, dst);
            packet.present.set(Present::WIDE);
            true
        }
    };
    let mut expected = Decoded {
        packet,
        wide,
        ..Decoded::default()
    };
    let packet = &mut expected.packet;
    if *form < 2 {
        (packet.src_port, packet.dst_port) = (src_port, dst_port);
        packet.present.set(Present::PORTS);
        expected.payload = payload;
    }
    match form {
        0 => {
            (packet.proto, packet.tcp_seq, packet.tcp_flags, packet.tcp_window) = (6, seq, flags, window);
            packet.present.set(Present::TCP);
            expected.options = options;
        }
        1 => packet.proto = 17,
        _ => {
            packet.proto = if is_ipv6 { 58 } else { 1 };
            (packet.icmp_type, packet.icmp_code) = (kind, code);
            packet.present.set(Present::ICMP);
        }
    }
    expected
}

#[test]
fn any_bytes_decode() {
    arbtest::arbtest(|any| {
        let link = LinkType(any.int_in_range(0..=299_u32)?);
        match decode(link, &bytes(any, 200)?, 0) {
            Ok(decoded) => assert!(decoded.note.is_none_or(|note| !note.loses_packet())),
            Err(reason) => assert!(reason.loses_packet()),
        }
        Ok(())
    });
}
