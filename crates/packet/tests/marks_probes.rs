//! The request in a UDP payload: every row of the table, its ports and its near misses.

mod marks_support;

use hirundo_packet::kind::classify;
use hirundo_packet::probe;
use hirundo_packet::{Kind, Packet};
use marks_support::{dns, requests, udp, zeros};

#[track_caller]
fn check_probe(dst_port: u16, payload: &[u8], expected: &str) {
    let packet = udp(40_000, dst_port);
    let number = probe::probe(&packet, payload);
    assert_eq!(probe::name(number), expected, "port {dst_port}: {}", payload.escape_ascii());
    let (kind, seen) = classify(&packet, payload);
    if expected.is_empty() {
        assert_ne!(kind, Kind::Probe, "{}", payload.escape_ascii());
    } else {
        assert_eq!((kind, seen), (Kind::Probe, number), "port {dst_port}: {}", payload.escape_ascii());
    }
}

#[test]
fn every_request_of_the_table_is_recognised() {
    let requests = requests();
    let tested: Vec<&str> = requests.iter().map(|(_, _, name)| *name).collect();
    let table: Vec<&str> = probe::PROBES.iter().map(|probe| probe.name).collect();
    assert_eq!(tested, table);
    for (port, payload, name) in &requests {
        check_probe(*port, payload, name);
    }
    assert_eq!(probe::name(0), "");
    assert_eq!(probe::name(255), "");
}

#[test]
fn the_ports_of_the_table_are_those_of_the_tests() {
    for (port, payload, name) in requests() {
        let probe = probe::PROBES.iter().find(|probe| probe.name == name).unwrap();
        if probe.ports.is_empty() {
            check_probe(60_001, &payload, name);
        } else {
            assert!(probe.ports.iter().any(|(low, high)| (*low..=*high).contains(&port)), "{name}");
            assert_ne!(
                probe::name(probe::probe(&udp(1, 60_001), &payload)),
                name,
                "{name} at a strange port"
            );
            for (low, high) in probe.ports.iter().filter(|_| !name.starts_with("ike")) {
                check_probe(*low, &payload, name);
                check_probe(*high, &payload, name);
            }
        }
    }
}

#[test]
fn near_misses_are_no_requests() {
    check_probe(53, &dns(0x0100, [0, 0, 0, 0], 1, 1), "");
    check_probe(53, &dns(0x0100, [5, 0, 0, 0], 1, 1), "");
    check_probe(53, b"\x12\x34\x01", "");
    check_probe(123, &zeros(&[0x1c, 1], 48), "");
    check_probe(123, &zeros(&[0x9f, 0, 3, 0x2a], 48), "");
    check_probe(161, b"\x30\x05hello", "");
    check_probe(161, b"\x30\x84\xff\xff\xff\xff", "");
    check_probe(500, &zeros(&[9; 17], 60), "");
    check_probe(5683, b"\x80\x01\x00\x00", "");
    check_probe(9999, &zeros(&[0x40, 0, 0, 0, 1, 8], 1200), "");
    check_probe(9999, &zeros(&[0xc0, 0, 0, 0, 7, 8], 1200), "");
    check_probe(9999, b"OPTIONS", "");
    check_probe(27015, b"\xff\xff\xff\xffTSource", "");
    // A cut question still is a question.
    check_probe(53, dns(0x0100, [1, 0, 0, 0], 255, 1).get(..14).unwrap(), "dns-query");
    let not_udp = Packet { proto: 6, ..udp(1, 19) };
    assert_eq!(probe::probe(&not_udp, b"x"), 0);
}
