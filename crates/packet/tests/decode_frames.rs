//! IP packets, whole, cut and wrong, and what must be read from them.

mod decode_support;

use decode_support::{DST, SRC, SYN, V4, V6, ip, read};
use hirundo_packet::decode::{Decoded, Reason, decode};
use hirundo_packet::encode::{Addresses, Framing, Icmp, IpHeader, Tcp, Transport, Udp, encode};
use hirundo_packet::{LinkType, Packet, Present, Wide, flag};

#[test]
fn a_syn_gives_every_field() {
    let mut frame = Vec::new();
    encode(Framing::Ethernet, &V4, &SYN, &mut frame).unwrap();
    frame.resize(60, 0xee); // Ethernet padding must not become payload.
    let mut present = Present::default();
    [Present::PORTS, Present::TCP, Present::IP_ID]
        .iter()
        .for_each(|field| present.set(*field));
    let packet = Packet {
        time_us: 1_700_000_000_123_456,
        src: SRC,
        dst: DST,
        tcp_seq: DST,
        ip_len: 44,
        src_port: 40_000,
        dst_port: 23,
        tcp_flags: flag::SYN,
        tcp_window: 1024,
        ip_id: 54321,
        present,
        proto: 6,
        ttl: 57,
        ..Packet::default()
    };
    let expected = Decoded {
        packet,
        wide: Wide::default(),
        options: &[2, 4, 5, 180],
        payload: &[],
        note: None,
    };
    assert_eq!(decode(LinkType(1), &frame, 1_700_000_000_123_456), Ok(expected));
}

/// Reads raw IP and tells what of it came out: note, presence, protocol, length, payload length.
fn summary(packet: &[u8]) -> (Option<Reason>, Vec<&'static str>, u8, u32, usize) {
    let decoded = read(101, packet).unwrap_or_else(|reason| panic!("{packet:02x?}: {reason:?}"));
    let names = [
        (Present::PORTS, "ports"),
        (Present::ICMP, "icmp"),
        (Present::TCP, "tcp"),
        (Present::IP_ID, "id"),
        (Present::VICTIM, "victim"),
        (Present::LATER_FRAGMENT, "later"),
        (Present::FRAGMENT, "fragment"),
    ];
    let present = names
        .iter()
        .filter(|(field, _)| decoded.packet.present.has(*field))
        .map(|(_, name)| *name);
    (
        decoded.note,
        present.collect(),
        decoded.packet.proto,
        decoded.packet.ip_len,
        decoded.payload.len(),
    )
}

#[test]
fn ipv4_lengths_and_options() {
    let udp = Transport::Udp(Udp {
        src_port: 5,
        dst_port: 6,
        payload: b"payload",
    });
    let whole = ip(&V4, &udp);
    let with_total = |total: u16| {
        let mut packet = whole.clone();
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        packet
    };
    let ports = || vec!["ports", "id"];
    assert_eq!(summary(&whole), (None, ports(), 17, 35, 7));
    assert_eq!(summary(&whole[..31]), (None, ports(), 17, 35, 3), "cut by the capture");
    assert_eq!(summary(&with_total(1500)), (None, ports(), 17, 1500, 7), "cut by the capture");
    assert_eq!(summary(&with_total(0)), (None, ports(), 17, 35, 7), "segmentation offload");
    assert_eq!(summary(&with_total(19)), (Some(Reason::Ipv4BadTotalLength), ports(), 17, 19, 7));
    assert_eq!(summary(&with_total(30)), (Some(Reason::UdpBadLength), ports(), 17, 30, 2));
    assert_eq!(summary(&with_total(26)), (Some(Reason::UdpCut), ports(), 17, 26, 0));
    assert_eq!(summary(&with_total(20)), (Some(Reason::UdpCut), vec!["id"], 17, 20, 0));
    // Options of the IPv4 header shift what follows.
    let mut options = whole.clone();
    options.splice(20..20, [7, 4, 0, 0]);
    options[0] = 0x46;
    options[3] = 39;
    assert_eq!(summary(&options), (None, ports(), 17, 39, 7));
}

#[test]
fn ipv4_fragments() {
    let udp = Transport::Udp(Udp {
        src_port: 5,
        dst_port: 6,
        payload: b"payload",
    });
    let part = |part: u16| ip(&IpHeader { part, ..V4 }, &udp);
    let ports = || vec!["ports", "id"];
    assert_eq!(summary(&part(0x4000)), (None, ports(), 17, 35, 7), "do not fragment");
    assert_eq!(summary(&part(0x8000)), (None, ports(), 17, 35, 7), "reserved bit");
    assert_eq!(summary(&part(0x2000)), (None, vec!["ports", "id", "fragment"], 17, 35, 7));
    assert_eq!(summary(&part(0x2001)), (None, vec!["id", "later", "fragment"], 17, 35, 0));
    assert_eq!(summary(&part(0x1fff)), (None, vec!["id", "later", "fragment"], 17, 35, 0));
}

#[test]
fn tcp_headers_cut_or_wrong() {
    let tcp = |offset: u8, payload: &[u8]| {
        let mut packet = ip(
            &V4,
            &Transport::Tcp(Tcp {
                payload,
                options: &[1; 8],
                ..Tcp::default()
            }),
        );
        packet[32] = offset << 4 | 1;
        packet
    };
    let all = || vec!["ports", "tcp", "id"];
    let whole = tcp(7, b"abc");
    assert_eq!(summary(&whole), (None, all(), 6, 51, 3));
    assert_eq!(read(101, &whole).unwrap().packet.tcp_flags, flag::NS);
    assert_eq!(read(101, &whole).unwrap().options, &[1; 8]);
    let cut = |len: usize| summary(&whole[..len]);
    assert_eq!(cut(20), (Some(Reason::TcpCut), vec!["id"], 6, 51, 0));
    assert_eq!(cut(23), (Some(Reason::TcpCut), vec!["id"], 6, 51, 0));
    assert_eq!(cut(24), (Some(Reason::TcpCut), vec!["ports", "id"], 6, 51, 0));
    assert_eq!(cut(35), (Some(Reason::TcpCut), vec!["ports", "id"], 6, 51, 0));
    assert_eq!(cut(36), (Some(Reason::TcpCut), all(), 6, 51, 0));
    assert_eq!(cut(47), (Some(Reason::TcpCut), all(), 6, 51, 0));
    assert_eq!(cut(48), (None, all(), 6, 51, 0));
    assert_eq!(read(101, &whole[..45]).unwrap().options, &[1; 5], "options as far as captured");
    assert_eq!(summary(&tcp(4, b"")), (Some(Reason::TcpBadOffset), all(), 6, 48, 0));
    assert_eq!(summary(&tcp(15, b"")), (Some(Reason::TcpBadOffset), all(), 6, 48, 0));
    assert_eq!(summary(&tcp(15, b"")[..40]), (Some(Reason::TcpBadOffset), all(), 6, 48, 0));
}

#[test]
fn udp_lengths() {
    let udp = |length: u16| {
        let mut packet = ip(
            &V4,
            &Transport::Udp(Udp {
                src_port: 5,
                dst_port: 6,
                payload: b"payload",
            }),
        );
        packet[24..26].copy_from_slice(&length.to_be_bytes());
        packet
    };
    let check = |length: u16, note: Option<Reason>, payload_len: usize| {
        assert_eq!(summary(&udp(length)), (note, vec!["ports", "id"], 17, 35, payload_len), "{length}");
    };
    check(15, None, 7);
    check(8, None, 0);
    check(11, None, 3);
    check(7, Some(Reason::UdpBadLength), 7);
    check(0, Some(Reason::UdpBadLength), 7);
    check(16, Some(Reason::UdpBadLength), 7);
    assert_eq!(summary(&udp(15)[..24]).0, Some(Reason::UdpCut));
    assert_eq!(summary(&udp(15)[..24]).1, ["ports", "id"]);
}

#[test]
fn icmp_errors_tell_their_victim() {
    let quoted = ip(
        &IpHeader {
            addresses: Addresses::V4 {
                src: DST,
                dst: 0x0102_0304,
            },
            ..V4
        },
        &SYN,
    );
    for kind in [3, 4, 5, 11, 12] {
        let packet = ip(&V4, &Transport::Icmp(Icmp::error(kind, 1, &quoted[..28])));
        assert_eq!(summary(&packet), (None, vec!["icmp", "id", "victim"], 1, 56, 0));
        let decoded = read(101, &packet).unwrap();
        assert_eq!((decoded.packet.icmp_type, decoded.packet.icmp_code), (kind, 1));
        assert_eq!((decoded.packet.victim, decoded.packet.dst_port), (0x0102_0304, 0));
    }
    let error = |quote: &[u8]| summary(&ip(&V4, &Transport::Icmp(Icmp::error(3, 3, quote))));
    assert_eq!(error(&quoted[..20]).0, None);
    assert_eq!(error(&quoted[..19]).0, Some(Reason::IcmpBadQuote));
    assert_eq!(error(&[0x60; 40]).0, Some(Reason::IcmpBadQuote));
    assert_eq!(error(&[0x44; 40]).1, ["icmp", "id"]);
    let echo = ip(&V4, &Transport::Icmp(Icmp::echo_reply(1, 1, &quoted)));
    assert_eq!(summary(&echo).1, ["icmp", "id"]);
    assert_eq!(summary(&echo[..21]).0, Some(Reason::IcmpCut));
    assert_eq!(summary(&echo[..22]).1, ["icmp", "id"]);

    let quoted = ip(
        &IpHeader {
            addresses: Addresses::V6 {
                src: [1; 16],
                dst: [9; 16],
            },
            ..V6
        },
        &SYN,
    );
    let packet = ip(&V6, &Transport::Icmp(Icmp::error(3, 0, &quoted)));
    let decoded = read(101, &packet).unwrap();
    assert_eq!((summary(&packet).1, decoded.wide.victim6), (vec!["icmp", "victim"], [9; 16]));
    assert_eq!(summary(&packet[..87]).0, Some(Reason::IcmpBadQuote));
    assert_eq!(
        summary(&ip(
            &V6,
            &Transport::Icmp(Icmp {
                kind: 128,
                ..Icmp::default()
            })
        ))
        .1,
        ["icmp"]
    );
}

#[test]
fn tunnels_are_named_and_not_entered() {
    let check = |header: &IpHeader, proto: u8, note: Option<Reason>| {
        let inner = ip(&V4, &SYN);
        let packet = ip(header, &Transport::Other { proto, bytes: &inner });
        let decoded = read(101, &packet).unwrap();
        assert_eq!((decoded.note, decoded.packet.proto), (note, proto));
        assert!(!decoded.packet.present.has(Present::PORTS));
    };
    for header in [&V4, &V6] {
        check(header, 47, Some(Reason::TunnelGre));
        check(header, 4, Some(Reason::TunnelIpInIp));
        check(header, 41, Some(Reason::TunnelIpInIp));
        check(header, 132, None);
        check(header, 50, None);
    }
    // Each ICMP belongs to its own IP.
    check(&V4, 58, None);
    check(&V6, 1, None);
}

/// An IPv6 packet whose payload starts with the given extension headers, the last of them leading to TCP.
fn extended(first: u8, extensions: &[u8]) -> Vec<u8> {
    let syn = ip(&V6, &SYN);
    let bytes = [extensions, &syn[40..]].concat();
    ip(
        &V6,
        &Transport::Other {
            proto: first,
            bytes: &bytes,
        },
    )
}

#[test]
fn ipv6_extension_headers() {
    let tcp = |len: u32| (None, vec!["ports", "tcp"], 6, 64 + len, 0);
    let pad = [1, 4, 0, 0, 0, 0];
    let to = |next: u8| [&[next, 0][..], &pad].concat();
    for kind in [0, 43, 60, 135, 139, 140] {
        assert_eq!(summary(&extended(kind, &to(6))), tcp(8), "{kind}");
    }
    assert_eq!(
        summary(&extended(
            51,
            &[6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]
        )),
        tcp(24)
    );
    assert_eq!(summary(&extended(0, &[to(43), to(60), to(6)].concat())), tcp(24));
    assert_eq!(summary(&extended(60, &[to(60).repeat(15), to(6)].concat())), tcp(128));
    assert_eq!(
        summary(&extended(60, &[to(60).repeat(16), to(6)].concat())).0,
        Some(Reason::Ipv6TooManyExtensions)
    );
    assert_eq!(summary(&extended(59, &[])), (None, vec![], 59, 64, 0));
    assert_eq!(summary(&extended(60, &to(59))), (None, vec![], 59, 72, 0));
    assert_eq!(summary(&extended(60, &to(50))), (None, vec![], 50, 72, 0));
    assert_eq!(summary(&extended(60, &[6, 200])).0, Some(Reason::Ipv6ExtensionCut));
    assert_eq!(
        summary(&extended(0, &to(6))[..41]),
        (Some(Reason::Ipv6ExtensionCut), vec![], 0, 72, 0)
    );
    // Fragment header: next, reserved, offset and more, identification.
    let fragment = |part: u16| [&[6, 0][..], &part.to_be_bytes(), &[1, 2, 3, 4]].concat();
    let part = |part: u16| summary(&extended(44, &fragment(part)));
    assert_eq!(part(0), (None, vec!["ports", "tcp", "id"], 6, 72, 0), "a fragment that is whole");
    assert_eq!(part(1), (None, vec!["ports", "tcp", "id", "fragment"], 6, 72, 0));
    assert_eq!(part(8), (None, vec!["id", "later", "fragment"], 6, 72, 0));
    assert_eq!(part(6), (None, vec!["ports", "tcp", "id"], 6, 72, 0), "reserved bits");
    assert_eq!(read(101, &extended(44, &fragment(0))).unwrap().packet.ip_id, 0x0304);
}

#[test]
fn ipv6_payload_length_zero() {
    let zero = |mut packet: Vec<u8>| {
        packet[4..6].fill(0);
        packet
    };
    let syn = zero(ip(&V6, &SYN));
    assert_eq!(summary(&syn), (None, vec!["ports", "tcp"], 6, 64, 0), "segmentation offload");
    assert_eq!(summary(&syn[..46]), (Some(Reason::TcpCut), vec![], 6, 40, 0), "Ethernet padding");
    let jumbo = zero(extended(0, &[6, 0, 0xc2, 4, 0, 1, 0, 32]));
    assert_eq!(
        summary(&jumbo),
        (Some(Reason::Ipv6Jumbo), vec!["ports", "tcp"], 6, 40 + 0x1_0020, 0)
    );
    let other = zero(extended(0, &[6, 0, 5, 2, 0, 0, 1, 0]));
    assert_eq!(summary(&other), (Some(Reason::Ipv6ExtensionCut), vec![], 0, 40, 0));
    let broken = zero(extended(0, &[6, 0, 0xc2, 4, 0, 1]));
    assert_eq!(read(101, &broken[..46]).map(|decoded| decoded.packet.ip_len), Ok(40));
}
