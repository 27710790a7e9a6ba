//! The kind of a packet, on packets made field by field.

mod marks_support;

use hirundo_packet::kind::{classify, classify_wide};
use hirundo_packet::probe;
use hirundo_packet::{Kind, Packet, Present, Wide, flag};
use marks_support::{DST, SRC, dns, netbios, requests, rpc, snmp, udp, zeros};

fn tcp(flags: u16) -> Packet {
    let present = Present(Present::TCP.0 | Present::PORTS.0 | Present::IP_ID.0);
    Packet {
        src: SRC,
        dst: DST,
        proto: 6,
        tcp_flags: flags,
        present,
        ..Packet::default()
    }
}

fn icmp(proto: u8, icmp_type: u8) -> Packet {
    Packet {
        src: SRC,
        dst: DST,
        proto,
        icmp_type,
        present: Present::ICMP,
        ..Packet::default()
    }
}

#[test]
fn tcp_by_its_flags() {
    use flag::{ACK, CWR, ECE, FIN, NS, PSH, RST, SYN, URG};
    let check = |flags: u16, payload: &[u8], expected: Kind| {
        assert_eq!(classify(&tcp(flags), payload), (expected, 0), "flags {flags:#x}");
    };
    for flags in [
        SYN,
        SYN | ECE | CWR,
        SYN | FIN,
        SYN | NS,
        0,
        FIN,
        FIN | PSH | URG,
        URG,
        PSH,
        ECE,
        ACK,
    ] {
        check(flags, &[], Kind::Scan);
    }
    check(SYN, b"data", Kind::Scan);
    for flags in [SYN | ACK, SYN | ACK | ECE, RST, RST | ACK, RST | SYN, RST | FIN | ACK] {
        check(flags, &[], Kind::Backscatter);
    }
    check(ACK, b"data", Kind::Other);
    check(PSH | ACK, b"data", Kind::Other);
    check(FIN | ACK, &[], Kind::Other);
    // A later fragment, or a header cut short, has no flags.
    let cut = Packet {
        present: Present::LATER_FRAGMENT,
        ..tcp(0)
    };
    assert_eq!(classify(&cut, &[]), (Kind::Other, 0));
}

#[test]
fn addresses_that_cannot_be() {
    let from = |src: u32, packet: Packet| Packet { src, ..packet };
    let private = 0xc0a8_0101;
    assert_eq!(classify(&from(private, tcp(flag::SYN)), &[]).0, Kind::Misconfiguration);
    assert_eq!(classify(&from(private, tcp(flag::SYN | flag::ACK)), &[]).0, Kind::Misconfiguration);
    assert_eq!(classify(&from(private, udp(1, 53)), &[]).0, Kind::Misconfiguration);
    assert_eq!(classify(&from(private, icmp(1, 8)), &[]).0, Kind::Misconfiguration);
    assert_eq!(classify(&from(DST, tcp(flag::SYN)), &[]).0, Kind::Misconfiguration);
    // Routers in private space answer for others.
    assert_eq!(classify(&from(private, icmp(1, 11)), &[]).0, Kind::Backscatter);
    let wide = Packet {
        present: Present(Present::TCP.0 | Present::PORTS.0 | Present::WIDE.0),
        src: 0,
        dst: 0,
        ..tcp(flag::SYN)
    };
    let addresses = |src: u8, dst: u8| Wide {
        src6: [src; 16],
        dst6: [dst; 16],
        victim6: [0; 16],
    };
    assert_eq!(classify_wide(&wide, &addresses(0x26, 0x2a), &[]).0, Kind::Scan);
    assert_eq!(classify(&wide, &[]).0, Kind::Scan);
    assert_eq!(classify_wide(&wide, &addresses(0xfd, 0x2a), &[]).0, Kind::Misconfiguration);
    assert_eq!(classify_wide(&wide, &addresses(0x26, 0xff), &[]).0, Kind::Misconfiguration);
    assert_eq!(classify_wide(&tcp(flag::SYN), &Wide::default(), &[]).0, Kind::Scan);
}

#[test]
fn icmp_by_its_type() {
    for kind in 0..=255 {
        let expected = match kind {
            0 | 3 | 4 | 5 | 11 | 12 | 14 | 16 | 18 | 43 => Kind::Backscatter,
            8 | 13 | 15 | 17 | 42 => Kind::Scan,
            9 | 10 => Kind::Misconfiguration,
            _ => Kind::Other,
        };
        assert_eq!(classify(&icmp(1, kind), &[]), (expected, 0), "ICMP type {kind}");
    }
    for (kind, expected) in [
        (1, Kind::Backscatter),
        (2, Kind::Backscatter),
        (3, Kind::Backscatter),
        (4, Kind::Backscatter),
        (129, Kind::Backscatter),
        (128, Kind::Scan),
        (133, Kind::Misconfiguration),
        (136, Kind::Misconfiguration),
        (143, Kind::Misconfiguration),
        (200, Kind::Other),
        (0, Kind::Other),
    ] {
        assert_eq!(classify(&icmp(58, kind), &[]), (expected, 0), "ICMPv6 type {kind}");
    }
    let cut = Packet {
        present: Present::default(),
        ..icmp(1, 8)
    };
    assert_eq!(classify(&cut, &[]).0, Kind::Other);
}

#[test]
fn other_protocols() {
    for (proto, expected) in [
        (2, Kind::Misconfiguration),
        (89, Kind::Misconfiguration),
        (88, Kind::Misconfiguration),
        (103, Kind::Misconfiguration),
        (112, Kind::Misconfiguration),
        (47, Kind::Other),
        (132, Kind::Other),
    ] {
        assert_eq!(classify(&Packet { proto, ..icmp(proto, 0) }, &[]).0, expected, "protocol {proto}");
    }
}

#[test]
fn udp_answers_are_backscatter() {
    let response = dns(0x8180, [1, 3, 0, 0], 1, 1);
    let cases: &[(u16, Vec<u8>)] = &[
        (53, dns(0x8400, [1, 1, 0, 0], 1, 1)),
        (9999, response),
        (5060, b"SIP/2.0 200 OK\r\n".to_vec()),
        (137, netbios(0x8400, 0x21)),
        (5353, dns(0x8400, [0, 2, 0, 0], 1, 1)),
        (123, zeros(&[0x24, 1], 48)),
        (123, zeros(&[0x16, 0x82], 48)),
        (123, zeros(&[0xd7, 0, 3, 0x2a], 48)),
        (1900, b"HTTP/1.1 200 OK\r\n".to_vec()),
        (11211, b"\0\0\0\0\0\x01\0\0STAT pid 1\r\n".to_vec()),
        (19, b" !\"#$%&'()*+,-./0123456789:;\r\n".to_vec()),
        (111, rpc(1, 0, 0)),
        (161, snmp(1, b"public", 0xa2)),
        (389, vec![0x30, 0x0c, 2, 1, 1, 0x65, 7, 10, 1, 0]),
        (443, zeros(&[0xc0, 0, 0, 0, 1, 8], 1200)),
        (443, zeros(&[0x80, 0, 0, 0, 0, 8], 60)),
        (4433, {
            let mut hello = zeros(&[22, 0xfe, 0xfd], 60);
            hello[13] = 3;
            hello
        }),
        (27015, b"\xff\xff\xff\xffI\x11name".to_vec()),
        (5683, vec![0x60, 0x45, 0, 0]),
        (3478, zeros(&[1, 1], 20)),
    ];
    for (src_port, payload) in cases {
        let packet = udp(*src_port, 33_333);
        assert_eq!(
            classify(&packet, payload),
            (Kind::Backscatter, 0),
            "from {src_port}: {}",
            payload.escape_ascii()
        );
    }
    // A question from the service's port is still a question; so is text that is too short or not text.
    assert_eq!(classify(&udp(53, 53), &dns(0x0100, [1, 0, 0, 0], 1, 1)).0, Kind::Probe);
    assert_eq!(classify(&udp(123, 123), &zeros(&[0x1b], 48)).0, Kind::Probe);
    assert_eq!(classify(&udp(19, 33_333), b"short").0, Kind::Other);
    assert_eq!(classify(&udp(9999, 33_333), &dns(0x8400, [1, 1, 0, 0], 1, 1)).0, Kind::Other);
    assert_eq!(classify(&udp(9999, 33_333), &dns(0x8180, [1, 10, 0, 0], 1, 1)).0, Kind::Other);
}

#[test]
fn local_and_peer_to_peer_chatter_is_misconfiguration() {
    let utp = zeros(&[0x41, 0, 1, 2, 9, 9, 9, 9], 20);
    let cases: &[(u16, u16, Vec<u8>)] = &[
        (68, 67, zeros(&[1, 1, 6, 0], 300)),
        (137, 137, netbios(0x2910, 0x20)),
        (137, 137, netbios(0x0110, 0x20)),
        (138, 138, vec![0x11, 0x0a]),
        (40_000, 514, b"<134>Jan  1 00:00:00 host".to_vec()),
        (520, 520, zeros(&[2, 2], 24)),
        (1900, 1900, b"NOTIFY * HTTP/1.1\r\n".to_vec()),
        (40_000, 5355, dns(0, [1, 0, 0, 0], 1, 1)),
        (6881, 6881, b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe".to_vec()),
        (6881, 6881, b"d1:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re".to_vec()),
        (
            40_000,
            6969,
            [&[0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80][..], &[0, 0, 0, 0, 1, 2, 3, 4]].concat(),
        ),
        (40_000, 51_413, utp.clone()),
    ];
    for (src_port, dst_port, payload) in cases {
        let packet = udp(*src_port, *dst_port);
        assert_eq!(
            classify(&packet, payload),
            (Kind::Misconfiguration, 0),
            "to {dst_port}: {}",
            payload.escape_ascii()
        );
    }
    let multicast = Packet {
        dst: 0xefff_fffa,
        ..udp(40_000, 1900)
    };
    assert_eq!(classify(&multicast, b"M-SEARCH * HTTP/1.1\r\n").0, Kind::Misconfiguration);
    assert_eq!(classify(&udp(40_000, 514), b"<1345>x").0, Kind::Other);
    assert_eq!(classify(&udp(40_000, 514), b"<>x").0, Kind::Other);
    let mut late = utp;
    late[19] = 1;
    assert_eq!(classify(&udp(40_000, 51_413), &late).0, Kind::Other);
}

#[test]
fn the_rest_of_udp() {
    assert_eq!(classify(&udp(1, 9999), &[]), (Kind::Scan, 0));
    assert_eq!(classify(&udp(1, 9999), b"who knows"), (Kind::Other, 0));
    let later = Packet {
        present: Present::LATER_FRAGMENT,
        ..udp(1, 9999)
    };
    assert_eq!(classify(&later, b"x"), (Kind::Other, 0));
}

/// Nothing from outside panics: every payload of the tests cut at every length and with every byte flipped, at every port.
#[test]
fn hostile_payloads_do_no_harm() {
    for (port, payload, _) in requests() {
        let payload = payload.get(..200).unwrap_or(&payload).to_vec();
        for len in 0..payload.len() {
            let mut broken = payload.clone();
            broken[len] = !broken[len];
            for bytes in [&payload[..len], broken.as_slice()] {
                let (kind, number) = classify(&udp(port, 40_000), bytes);
                assert!(usize::from(number) <= probe::PROBES.len() && Kind::ALL.contains(&kind));
                let (kind, number) = classify(&udp(40_000, port), bytes);
                assert_eq!(kind == Kind::Probe, number != 0);
            }
        }
    }
    let mut state = 1_u64;
    for _ in 0..200_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let bytes = state.to_be_bytes();
        let ports = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let packet = udp(
            u16::from_be_bytes([ports[0] & 7, ports[1]]),
            u16::from_be_bytes([ports[2] & 7, ports[3]]),
        );
        let (kind, number) = classify(&packet, &bytes[..usize::from(bytes[4] % 9)]);
        assert_eq!(kind == Kind::Probe, number != 0);
    }
}
