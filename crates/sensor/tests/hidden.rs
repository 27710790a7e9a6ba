//! Somebody who has everything that leaves a sensor, and knows all but its key, does not learn its addresses.
//!
//! For every kind of packet that is known to give a destination away there is a way to get it back. On what a sensor
//! sends that hides nothing each way works, or it would prove nothing; on what a hiding sensor sends none does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use hirundo_packet::batch::{Batch, Builder, Header};
use hirundo_packet::decode::{Decoded, decode};
use hirundo_packet::encode::{Addresses, Framing, Icmp, IpHeader, Tcp, Transport, Udp, encode};
use hirundo_packet::kind::classify_wide;
use hirundo_packet::mark::{MASSCAN_NEW, MASSCAN_OLD, MIRAI, MarkTable, ZMAP_NEW};
use hirundo_packet::{Packet, Present, flag};
use hirundo_sensor::hide::{Hider, Key};

/// 203.0.113.9, the address of the sensor.
const HOME: u32 = 0xcb00_7109;
/// 8.8.4.4, far away.
const FAR: u32 = 0x0808_0404;
/// 2001:db8:7:1::a9, its address of IPv6.
const HOME6: u128 = 0x2001_0db8_0007_0001_0000_0000_0000_00a9;
/// 2a00::1, far away.
const FAR6: u128 = 0x2a00_0000_0000_0000_0000_0000_0000_0001;
const START_US: i64 = 1_650_000_000_000_000;
/// The key of a Unicornscan session, which the scanner knows.
const SESSION: u32 = 0x5eed_1234;

/// A frame and when it came.
type Frame = (Vec<u8>, i64);

fn ip(header: IpHeader, transport: &Transport<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    encode(Framing::RawIp, &header, transport, &mut frame).unwrap();
    frame
}

fn v4(src: u32, dst: u32) -> IpHeader {
    IpHeader {
        addresses: Addresses::V4 { src, dst },
        ttl: 53,
        id: 1,
        part: 0,
    }
}

fn v6(src: u128, dst: u128) -> IpHeader {
    IpHeader {
        addresses: Addresses::V6 {
            src: src.to_be_bytes(),
            dst: dst.to_be_bytes(),
        },
        ttl: 53,
        id: 0,
        part: 0,
    }
}

fn syn(dst_port: u16, seq: u32, window: u16, options: &[u8]) -> Transport<'_> {
    Transport::Tcp(Tcp {
        src_port: 40_000,
        dst_port,
        seq,
        flags: flag::SYN,
        window,
        options,
        ..Tcp::default()
    })
}

fn udp(port: u16, payload: &[u8]) -> Transport<'_> {
    Transport::Udp(Udp {
        src_port: port,
        dst_port: port,
        payload,
    })
}

/// What a collector reads: decoded, marked, classified, hidden or not.
fn shipped(frames: &[Frame], hider: Option<&Hider>) -> Batch {
    let marks = MarkTable::built_in();
    let mut builder = Builder::new();
    for (frame, time_us) in frames {
        let mut decoded = decode(Framing::RawIp.link(), frame, *time_us).unwrap();
        decoded.packet.mark = marks.mark(&decoded.packet, decoded.options, decoded.payload);
        (decoded.packet.kind, decoded.packet.probe) = classify_wide(&decoded.packet, &decoded.wide, decoded.payload);
        if let Some(hider) = hider {
            hider.hide(&mut decoded);
        }
        assert!(builder.push(&decoded, 255));
    }
    let header = Header {
        sensor: "jp-01".to_owned(),
        hidden: hider.is_some(),
        ..Header::default()
    };
    let mut bytes = Vec::new();
    builder.encode(&header, &mut bytes).unwrap();
    Batch::decode(&bytes).unwrap()
}

/// Every byte that a batch says of its packets, field after field.
fn laid_out(batch: &Batch) -> Vec<u8> {
    let mut bytes = Vec::new();
    for decoded in batch.packets() {
        let packet = &decoded.packet;
        bytes.extend(packet.time_us.to_le_bytes());
        for number in [packet.src, packet.dst, packet.victim, packet.tcp_seq, packet.ip_len] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [packet.src_port, packet.dst_port, packet.tcp_window, packet.ip_id] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([packet.ttl, packet.icmp_type, packet.icmp_code]);
        for address in [decoded.wide.src6, decoded.wide.dst6, decoded.wide.victim6] {
            bytes.extend(address);
        }
        bytes.extend(decoded.options);
        bytes.extend(decoded.payload);
    }
    bytes
}

fn hider() -> Hider {
    let key: Vec<u8> = (0..32).map(|place| place * 7 + 3).collect();
    let watched = ["203.0.113.9/32", "2001:db8:7:1::a9/128"].map(|network| network.parse().unwrap());
    Hider::new(&Key::new(key.try_into().unwrap()).unwrap(), &watched)
}

/// Addresses that an attacker takes from what they read: of IPv4 in the low 32 bits.
type Candidates = BTreeSet<u128>;
/// How they do it.
type Recover = fn(&[Decoded<'_>]) -> Candidates;

/// A kind of packet, and how its destination is got back.
struct Attack {
    name: &'static str,
    frames: Vec<Frame>,
    home: u128,
    recover: Recover,
}

fn attack(name: &'static str, frames: Vec<Vec<u8>>, home: u128, recover: Recover) -> Attack {
    Attack {
        name,
        frames: frames.into_iter().map(|frame| (frame, START_US)).collect(),
        home,
        recover,
    }
}

fn each(packets: &[Decoded<'_>], of: impl Fn(&Packet) -> u32) -> Candidates {
    packets.iter().map(|decoded| u128::from(of(&decoded.packet))).collect()
}

fn wide(packets: &[Decoded<'_>], of: impl Fn(&Decoded<'_>) -> [u8; 16]) -> Candidates {
    packets.iter().map(|decoded| u128::from_be_bytes(of(decoded))).collect()
}

/// Sixteen bits are found, and the network is known to be in 203.0.0.0/16.
fn in_network(low: u16) -> u32 {
    HOME & 0xffff_0000 | u32::from(low)
}

fn masscan_id(packet: &Packet) -> u32 {
    let [low, high, ..] = (u32::from(packet.ip_id) ^ u32::from(packet.dst_port) ^ packet.tcp_seq).to_le_bytes();
    in_network(u16::from_le_bytes([low, high]))
}

/// Ports as Unicornscan combines them.
fn ports(dst_port: u16, src_port: u16) -> u32 {
    (u32::from(dst_port) << 16).wrapping_add(u32::from(src_port))
}

fn unicornscan(packet: &Packet) -> u32 {
    packet.tcp_seq ^ SESSION ^ ports(packet.dst_port, packet.src_port)
}

/// What stands in payloads as text or bytes, read as whoever wrote it would.
fn payloads(packets: &[Decoded<'_>]) -> Candidates {
    packets.iter().flat_map(|decoded| in_payload(decoded.payload)).collect()
}

fn in_payload(payload: &[u8]) -> Candidates {
    let mut found = Candidates::new();
    for window in payload.windows(4) {
        let bytes = [window[0], window[1], window[2], window[3]];
        let (big, little) = (u32::from_be_bytes(bytes), u32::from_le_bytes(bytes));
        found.extend([big, little, big ^ 0x2112_a442].map(u128::from));
    }
    found.extend(payload.windows(16).map(|window| u128::from_be_bytes(window.try_into().unwrap())));
    for run in payload.split(|byte| !byte.is_ascii_hexdigit() && *byte != b'.' && *byte != b':') {
        let text = String::from_utf8_lossy(run);
        let text = text.trim_matches(['.', ':']);
        let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
        found.extend(host.parse::<Ipv4Addr>().map(|address| u128::from(address.to_bits())));
        found.extend(text.parse::<Ipv6Addr>().map(|address| address.to_bits()));
        found.extend(text.parse::<u32>().map(u128::from));
        found.extend(u32::from_str_radix(text, 16).map(u128::from));
    }
    let text = String::from_utf8_lossy(payload);
    let numbers: Vec<u8> = text
        .split(|sign: char| !sign.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    for window in numbers.windows(4) {
        let octets = [window[0], window[1], window[2], window[3]];
        found.extend([u32::from_be_bytes(octets), u32::from_le_bytes(octets)].map(u128::from));
    }
    let digits: String = text.chars().rev().filter(char::is_ascii_hexdigit).collect();
    let nibbles = (0..digits.len()).filter_map(|from| digits.get(from..from + 32));
    found.extend(nibbles.filter_map(|nibbles| u128::from_str_radix(nibbles, 16).ok()));
    found
}

/// Tools whose headers hold the destination, and such whose headers do not.
fn tools() -> Vec<Attack> {
    let home = u128::from(HOME);
    let masscan = |dst_port: u16, seq: u32, window, options| {
        let [low, high, ..] = (HOME ^ u32::from(dst_port) ^ seq).to_le_bytes();
        let header = IpHeader {
            id: u16::from_le_bytes([low, high]),
            ttl: 240,
            ..v4(FAR, HOME)
        };
        ip(header, &syn(dst_port, seq, window, options))
    };
    let zmap = |id, ttl, options| {
        let header = IpHeader { id, ttl, ..v4(FAR, HOME) };
        ip(header, &syn(443, 0x9abc_def0, 65_535, options))
    };
    let windows = &[2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2];
    let session = |dst_port, home: u32| ip(v4(FAR, HOME), &syn(dst_port, SESSION ^ home ^ ports(dst_port, 40_000), 4128, &[]));
    let nmap_header = IpHeader { ttl: 41, ..v4(FAR, HOME) };
    let nmap = |nonce: u32| ip(nmap_header, &syn(22, 0x7777_7777 ^ (nonce << 16 | nonce), 1024, &[2, 4, 5, 180]));
    let dst: Recover = |packets| each(packets, |packet| packet.dst);
    let swapped = HOME.swap_bytes();
    vec![
        attack("mirai", vec![ip(v4(FAR, HOME), &syn(23, HOME, 14_600, &[]))], home, |packets| {
            each(packets, |packet| packet.tcp_seq)
        }),
        attack("masscan, old", vec![masscan(80, 0x1234_5678, 1024, &[])], home, |packets| {
            each(packets, masscan_id)
        }),
        attack(
            "masscan, new",
            vec![masscan(80, 0x8765_4321, 1025, &[2, 4, 5, 180])],
            home,
            |packets| each(packets, masscan_id),
        ),
        attack("zmap, old, and xmap", vec![zmap(54_321, 240, &[])], home, dst),
        attack("zmap, new", vec![zmap(777, 53, windows)], home, dst),
        attack("unicornscan", vec![session(80, HOME), session(443, HOME)], home, |packets| {
            each(packets, unicornscan)
        }),
        attack(
            "unicornscan, other order",
            vec![session(80, swapped), session(443, swapped)],
            home,
            |packets| each(packets, |packet| unicornscan(packet).swap_bytes()),
        ),
        attack("nmap", vec![nmap(3), nmap(200)], home, dst),
        attack("land", vec![ip(v4(HOME, HOME), &syn(80, 1, 512, &[]))], home, |packets| {
            each(packets, |packet| packet.src)
        }),
        attack(
            "a router beside it",
            vec![ip(v4(HOME & !0xff | 1, u32::MAX), &udp(67, b"\x01"))],
            home,
            |packets| each(packets, |packet| packet.src & !0xff | HOME & 0xff),
        ),
    ]
}

/// ICMP errors that quote a packet to the sensor, and what is different in IPv6.
fn errors() -> Vec<Attack> {
    let quoted = ip(v4(FAR, HOME), &syn(80, HOME, 1024, &[]));
    let quoted6 = ip(v6(FAR6, HOME6), &syn(80, 1, 1024, &[]));
    let far6 = |transport: &Transport<'_>| vec![ip(v6(FAR6, HOME6), transport)];
    // A fragment header whose identification is the low half of the destination.
    let fragment = [&[17_u8, 0, 0, 1, 0, 0, 0, 0xa9][..], &[0; 16]].concat();
    let fragment = Transport::Other {
        proto: 44,
        bytes: &fragment,
    };
    let error = ip(v4(FAR, HOME), &Transport::Icmp(Icmp::error(3, 1, &quoted)));
    let error6 = Transport::Icmp(Icmp::error(1, 4, &quoted6));
    let land6 = vec![ip(v6(HOME6, HOME6), &syn(22, 1, 1024, &[]))];
    vec![
        attack("an error about a packet to it", vec![error], u128::from(HOME), |packets| {
            each(packets, |packet| packet.victim)
        }),
        attack("an error about a packet to it, IPv6", far6(&error6), HOME6, |packets| {
            wide(packets, |decoded| decoded.wide.victim6)
        }),
        attack("IPv6", far6(&syn(22, 1, 1024, &[])), HOME6, |packets| {
            wide(packets, |decoded| decoded.wide.dst6)
        }),
        attack("land, IPv6", land6, HOME6, |packets| wide(packets, |decoded| decoded.wide.src6)),
        attack("fragments, IPv6", far6(&fragment), HOME6, |packets| {
            let id = |packet: &Packet| HOME6 & !0xffff | u128::from(packet.ip_id);
            packets.iter().map(|decoded| id(&decoded.packet)).collect()
        }),
    ]
}

/// Payloads that hold the address.
fn echoes() -> Vec<Attack> {
    let home = HOME.to_be_bytes();
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0";
    let ptr = [&question[..], b"\x019\x03113\x010\x03203\x07in-addr\x04arpa\0\0\x0c\0\x01"].concat();
    let mut ptr6 = question.to_vec();
    for digit in format!("{HOME6:032x}").chars().rev() {
        ptr6.extend([1, u8::try_from(digit).unwrap()]);
    }
    ptr6.extend(b"\x03ip6\x04arpa\0\0\x0c\0\x01");
    let stun = b"\x01\x01\0\x0c\x21\x12\xa4\x42transaction.\0\x20\0\x08\0\x01\x12\x34";
    let stun = [&stun[..], &(HOME ^ 0x2112_a442).to_be_bytes()].concat();
    let sip = b"OPTIONS sip:100@203.0.113.9 SIP/2.0\r\nVia: SIP/2.0/UDP 8.8.4.4:5060\r\n";
    let v4s: [(&str, u16, Vec<u8>); 11] = [
        ("DNS, PTR", 53, ptr),
        ("SIP", 5060, sip.to_vec()),
        ("HTTP, Host", 80, b"GET / HTTP/1.1\r\nHost: 203.0.113.9\r\n\r\n".to_vec()),
        ("HTTP, port", 8080, b"GET / HTTP/1.1\r\nHost: 203.0.113.9:8080\r\n\r\n".to_vec()),
        ("binary", 9999, [&b"\x01\x02"[..], &home, b"\x03"].concat()),
        (
            "binary, little-endian",
            9999,
            [&b"\x01\x02"[..], &HOME.to_le_bytes(), b"\x03"].concat(),
        ),
        ("binary, mapped", 8333, [&[0; 10][..], &[0xff, 0xff], &home].concat()),
        ("STUN", 3478, stun),
        ("hexadecimal", 53, format!("x{HOME:08x}-host").into_bytes()),
        ("decimal", 53, format!("id-{HOME}-").into_bytes()),
        ("FTP", 21, b"PORT 203,0,113,9,4,1\r\n".to_vec()),
    ];
    let v6s: [(&str, Vec<u8>); 3] = [
        ("DNS, PTR, IPv6", ptr6),
        ("text, IPv6", b"Host: [2001:db8:7:1::a9]".to_vec()),
        ("binary, IPv6", [&b"ab"[..], &HOME6.to_be_bytes()].concat()),
    ];
    let data = Transport::Tcp(Tcp {
        dst_port: 80,
        flags: flag::SYN,
        payload: b"GET / HTTP/1.1\r\nHost: 203.0.113.9\r\n",
        ..Tcp::default()
    });
    let mut attacks = vec![attack("SYN with data", vec![ip(v4(FAR, HOME), &data)], u128::from(HOME), payloads)];
    for (name, port, payload) in v4s {
        attacks.push(attack(
            name,
            vec![ip(v4(FAR, HOME), &udp(port, &payload))],
            u128::from(HOME),
            payloads,
        ));
    }
    for (name, payload) in v6s {
        attacks.push(attack(name, vec![ip(v6(FAR6, HOME6), &udp(53, &payload))], HOME6, payloads));
    }
    attacks
}

/// Markers of a sender's own: an octet in each of four TTLs, or a half in the microseconds.
fn markers() -> Vec<Attack> {
    let frame = |ttl| ip(IpHeader { ttl, ..v4(FAR, HOME) }, &syn(80, 1, 1024, &[]));
    let home = u128::from(HOME);
    let mut time = attack("time", vec![frame(53)], home, |packets| {
        each(packets, |packet| in_network(u16::try_from(packet.time_us % 1_000_000).unwrap_or(0)))
    });
    time.frames[0].1 += i64::from(HOME & 0xffff);
    let ttl = attack("time to live", HOME.to_be_bytes().map(frame).to_vec(), home, |packets| {
        let ttls: Vec<u8> = packets.iter().map(|decoded| decoded.packet.ttl).collect();
        let octets: [u8; 4] = ttls.try_into().unwrap();
        [u128::from(u32::from_be_bytes(octets))].into()
    });
    vec![time, ttl]
}

fn holds_home(bytes: &[u8]) -> bool {
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let (big, little, big6) = (HOME.to_be_bytes(), HOME.to_le_bytes(), HOME6.to_be_bytes());
    has(&big[..3]) || has(&little[1..]) || has(&big6[..8]) || has(b"203.0.113") || has(b"2001:db8:7:1")
}

#[test]
fn no_way_back_to_an_address_works() {
    let hider = hider();
    let attacks: Vec<Attack> = [tools(), errors(), echoes(), markers()].into_iter().flatten().collect();
    assert!(attacks.len() > 30, "{}", attacks.len());
    for attack in &attacks {
        let recover = |batch: &Batch| (attack.recover)(&batch.packets().collect::<Vec<_>>());
        let plain = shipped(&attack.frames, None);
        assert!(recover(&plain).contains(&attack.home), "{}: the attack does not work", attack.name);
        assert!(holds_home(&laid_out(&plain)), "{}: the search does not work", attack.name);
        let hidden = shipped(&attack.frames, Some(&hider));
        assert_eq!(hidden.len(), attack.frames.len(), "{}", attack.name);
        assert!(
            !recover(&hidden).contains(&attack.home),
            "{}: the address is recovered",
            attack.name
        );
        // No way at all: neither its bytes, nor those of its network, stand anywhere in it.
        assert!(!holds_home(&laid_out(&hidden)), "{}: the address stands in the batch", attack.name);
        for decoded in hidden.packets() {
            let packet = &decoded.packet;
            assert!(
                packet.present.has(Present::HIDDEN) && !packet.present.has(Present::IP_ID),
                "{}",
                attack.name
            );
            let numbers = [packet.src, packet.dst, packet.victim, packet.tcp_seq];
            assert!(
                numbers.iter().all(|number| number >> 8 != HOME >> 8),
                "{}: {numbers:x?}",
                attack.name
            );
        }
    }
}

#[test]
fn an_address_that_is_cut_by_keeping_less_is_found() {
    let payload = [&[b'.'; 60][..], b"203.0.113.9", &[b'.'; 60]].concat();
    let frame = ip(v4(FAR, HOME), &udp(53, &payload));
    let kept = |payload_bytes_max| {
        let mut decoded = decode(Framing::RawIp.link(), &frame, START_US).unwrap();
        hider().keeping(payload_bytes_max).hide(&mut decoded);
        decoded.payload.len()
    };
    assert_eq!([0, 10, 64, 255].map(kept), [0; 4]);
    let far = ip(v4(FAR, HOME), &udp(53, &[&[b'.'; 400][..], b"203.0.113.9"].concat()));
    let mut decoded = decode(Framing::RawIp.link(), &far, START_US).unwrap();
    hider().keeping(64).hide(&mut decoded);
    assert_eq!(decoded.payload.len(), 411, "so far behind it is never kept");
}

#[test]
fn options_carry_no_values() {
    let [a, b, c, d] = HOME.to_be_bytes();
    let options: [&[u8]; 3] = [
        &[8, 10, a, b, c, d, a, b, c, d, 1, 1],
        &[254, 6, a, b, c, d, 1, 1],
        &[5, 10, a, b, c, d, 0, 0, 0, 0, 0, a],
    ];
    for options in options {
        let frame = (ip(v4(FAR, FAR), &syn(80, 1, 1024, options)), START_US);
        assert!(holds_home(&frame.0));
        let hidden = shipped(&[frame], Some(&hider()));
        let bytes = laid_out(&hidden);
        let options = hidden.packets().next().unwrap().options.to_vec();
        assert!(!options.is_empty() && !options.contains(&a), "{options:?}");
        assert!(!holds_home(&bytes));
    }
}

#[test]
fn what_says_nothing_of_the_sensor_is_kept() {
    let hider = hider();
    let seen = |frame: &[u8]| {
        let batch = shipped(&[(frame.to_vec(), START_US)], Some(&hider));
        let decoded = batch.packets().next().unwrap();
        (decoded.packet, decoded.payload.to_vec(), decoded.wide)
    };
    let tools = tools();
    let mark = |at: usize| seen(&tools[at].frames[0].0).0.mark;
    assert_eq!([mark(0), mark(1), mark(2), mark(4)], [MIRAI, MASSCAN_OLD, MASSCAN_NEW, ZMAP_NEW]);
    let (packet, _, _) = seen(&tools[0].frames[0].0);
    assert_eq!((packet.src, packet.dst_port, packet.tcp_window), (FAR, 23, 14_600));
    let query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind\x00\x00\x10\x00\x03";
    let (packet, payload, _) = seen(&ip(v4(FAR, HOME), &udp(53, query)));
    assert_eq!((payload.as_slice(), packet.time_us, packet.ttl), (&query[..], START_US, 64));
    // Backscatter: who was hit is no secret, and what the quoted packet says of its source is not kept by anybody.
    let victim = 0x0101_0101;
    let quoted = ip(v4(HOME, victim), &udp(53, query));
    let frame = ip(v4(FAR, HOME), &Transport::Icmp(Icmp::error(3, 1, &quoted)));
    let (packet, _, _) = seen(&frame);
    assert_eq!((packet.victim, packet.present.has(Present::VICTIM)), (victim, true));
    assert!(!holds_home(&laid_out(&shipped(&[(frame, START_US)], Some(&hider)))));
    let (_, _, wide) = seen(&ip(v6(FAR6, HOME6), &syn(22, 1, 1, &[])));
    assert_eq!(u128::from_be_bytes(wide.src6), FAR6);
}

#[test]
fn pseudonyms_are_those_of_ipcrypt_and_keep_prefixes() {
    // Vectors published with the algorithm (draft-denis-ipcrypt).
    let key = [
        0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba,
        0xdc, 0xfe, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,
    ];
    let hider = Hider::new(&Key::new(key).unwrap(), &[]);
    let check = |address: &str, expected: &str| {
        // Twice: from the cipher, then from the cache.
        for _ in 0..2 {
            let found = hider.pseudonym_v4(address.parse::<Ipv4Addr>().unwrap().to_bits());
            assert_eq!(Ipv4Addr::from_bits(found).to_string(), expected);
        }
    };
    check("0.0.0.0", "151.82.155.134");
    check("255.255.255.255", "94.185.169.89");
    check("192.0.2.1", "100.115.72.131");
    let address: Ipv6Addr = "2001:db8::1".parse().unwrap();
    for _ in 0..2 {
        let found = Ipv6Addr::from_bits(hider.pseudonym_v6(address.to_bits()));
        assert_eq!(found.to_string(), "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88");
    }
    let common = |one: u32, other: u32| (hider.pseudonym_v4(one) ^ hider.pseudonym_v4(other)).leading_zeros();
    for bits in 0..32 {
        assert_eq!(common(HOME, HOME ^ 1 << (31 - bits)), bits, "addresses with {bits} bits in common");
    }
    // Many that share a place in the cache, forth and back.
    let aliases: Vec<u32> = (0..200).map(|high| HOME ^ high << 16).collect();
    let pseudonyms: Vec<u32> = aliases.iter().map(|address| hider.pseudonym_v4(*address)).collect();
    assert_eq!(pseudonyms.iter().collect::<BTreeSet<_>>().len(), aliases.len());
    assert!(
        aliases
            .iter()
            .zip(&pseudonyms)
            .rev()
            .all(|(address, pseudonym)| hider.pseudonym_v4(*address) == *pseudonym)
    );
}
