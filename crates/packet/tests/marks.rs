//! The built-in marks on packets made field by field: each rule, and each of its conditions broken alone.

use hirundo_packet::mark::{MASSCAN_ID, MASSCAN_NEW, MASSCAN_OLD, MIRAI, MarkTable, NMAP, ZMAP_ID, ZMAP_NEW, ZMAP_OR_XMAP};
use hirundo_packet::{Packet, Present, flag};

const MSS: &[u8] = &[2, 4, 5, 0xb4];
const WINDOWS: &[u8] = &[2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
/// 2025-01-02 03:04:05 UTC.
const NOW_SECS: u32 = 1_735_787_045;

/// A SYN that bears no mark: 10.20.30.40 → 5.6.7.8, TTL 50, no options.
fn syn() -> Packet {
    let mut present = Present::default();
    for part in [Present::TCP, Present::PORTS, Present::IP_ID] {
        present.set(part);
    }
    Packet {
        time_us: i64::from(NOW_SECS) * 1_000_000,
        src: 0x0a14_1e28,
        dst: 0x0506_0708,
        tcp_seq: 0x1234_5678,
        ip_len: 40,
        src_port: 40_000,
        dst_port: 23,
        tcp_flags: flag::SYN,
        tcp_window: 29_200,
        ip_id: 7,
        present,
        proto: 6,
        ttl: 50,
        ..Packet::default()
    }
}

fn masscan_id(packet: &Packet) -> u16 {
    u16::try_from((packet.dst ^ u32::from(packet.dst_port) ^ packet.tcp_seq) & 0xffff).expect("16 bits")
}

#[track_caller]
fn check(packet: Packet, options: &[u8], expected: u8) {
    let table = MarkTable::built_in();
    let mark = table.mark(&packet, options, &[]);
    assert_eq!(table.name(mark), table.name(expected), "{packet:?} {options:?}");
}

/// What is broken, how, and the mark that is then expected.
type Change = (&'static str, fn(&mut Packet), u8);

/// Breaks `packet` by each change alone and expects the mark that is given with it.
#[track_caller]
fn check_broken(packet: Packet, options: &[u8], changes: &[Change]) {
    let table = MarkTable::built_in();
    for (what, change, expected) in changes {
        let mut broken = packet;
        change(&mut broken);
        let mark = table.mark(&broken, options, &[]);
        assert_eq!(table.name(mark), table.name(*expected), "{what}");
    }
}

#[test]
fn a_plain_syn_bears_no_mark() {
    check(syn(), &[], 0);
    check(Packet::default(), &[], 0);
}

#[test]
fn mirai_is_sequence_number_equal_destination() {
    let packet = Packet {
        tcp_seq: 0x0506_0708,
        ..syn()
    };
    check(packet, &[], MIRAI);
    // Options, other flags, ports and everything else do not matter.
    check(packet, MSS, MIRAI);
    check(
        Packet {
            tcp_flags: flag::SYN | flag::ECE | flag::CWR,
            ..packet
        },
        &[],
        MIRAI,
    );
    check_broken(
        packet,
        &[],
        &[
            ("one bit of the sequence number", |p| p.tcp_seq ^= 1, 0),
            ("bytes reversed", |p| p.tcp_seq = p.dst.swap_bytes(), 0),
            ("ACK too", |p| p.tcp_flags |= flag::ACK, 0),
            ("no SYN", |p| p.tcp_flags = flag::FIN, 0),
            ("not TCP", |p| p.present = Present::PORTS, 0),
        ],
    );
    // An IPv6 packet has 0 for its destination here, and may have sequence number 0.
    let mut wide = Packet {
        dst: 0,
        tcp_seq: 0,
        ..syn()
    };
    wide.present.set(Present::WIDE);
    check(wide, &[], 0);
}

#[test]
fn mirai_outranks_every_other_mark() {
    let mut packet = Packet {
        tcp_seq: 0x0506_0708,
        tcp_window: 1024,
        ttl: 250,
        ..syn()
    };
    packet.ip_id = masscan_id(&packet);
    check(packet, &[], MIRAI);
    check(
        Packet {
            ip_id: 54321,
            tcp_window: 65535,
            ..packet
        },
        &[],
        MIRAI,
    );
}

#[test]
fn masscan_old_and_its_near_misses() {
    let mut packet = Packet {
        tcp_window: 1024,
        ttl: 240,
        ..syn()
    };
    packet.ip_id = masscan_id(&packet);
    check(packet, &[], MASSCAN_OLD);
    check(Packet { ttl: 255, ..packet }, &[], MASSCAN_OLD);
    check(Packet { ttl: 192, ..packet }, &[], MASSCAN_OLD);
    check_broken(
        packet,
        &[],
        &[
            ("id", |p| p.ip_id ^= 1, 0),
            ("id from the upper half", |p| p.ip_id = 0x1732, 0),
            ("window", |p| p.tcp_window = 1025, MASSCAN_ID),
            ("length", |p| p.ip_len = 41, MASSCAN_ID),
            ("TTL too low", |p| p.ttl = 191, MASSCAN_ID),
            ("another flag", |p| p.tcp_flags |= flag::PSH, MASSCAN_ID),
            ("ECN", |p| p.tcp_flags |= flag::ECE, MASSCAN_ID),
            ("id not known", |p| p.present = Present(Present::TCP.0 | Present::PORTS.0), 0),
            ("IPv6", |p| p.present.set(Present::WIDE), 0),
            ("not a SYN", |p| p.tcp_flags = flag::RST, 0),
        ],
    );
    check(Packet { ip_len: 44, ..packet }, MSS, MASSCAN_ID);
}

#[test]
fn masscan_new_and_its_near_misses() {
    let mut packet = Packet {
        tcp_window: 1025,
        ttl: 240,
        ip_len: 44,
        ..syn()
    };
    packet.ip_id = masscan_id(&packet);
    check(packet, MSS, MASSCAN_NEW);
    check_broken(
        packet,
        MSS,
        &[
            ("id", |p| p.ip_id = p.ip_id.wrapping_add(1), 0),
            ("window", |p| p.tcp_window = 1026, MASSCAN_ID),
            ("length", |p| p.ip_len = 48, MASSCAN_ID),
            ("TTL", |p| p.ttl = 128, MASSCAN_ID),
        ],
    );
    check(packet, &[2, 4, 5, 0xb5], MASSCAN_ID);
    check(packet, &[], MASSCAN_ID);
}

#[test]
fn zmap_or_xmap_and_its_near_misses() {
    let packet = Packet {
        ip_id: 54321,
        tcp_window: 65535,
        ttl: 238,
        ..syn()
    };
    check(packet, &[], ZMAP_OR_XMAP);
    // Between March and April 2024 ZMap had options and still TTL 255.
    check(Packet { ip_len: 52, ..packet }, WINDOWS, ZMAP_OR_XMAP);
    check_broken(
        packet,
        &[],
        &[
            ("id", |p| p.ip_id = 54320, 0),
            ("id bytes reversed", |p| p.ip_id = 54321_u16.swap_bytes(), 0),
            ("window", |p| p.tcp_window = 65534, ZMAP_ID),
            ("TTL", |p| p.ttl = 64, ZMAP_ID),
            ("flags", |p| p.tcp_flags |= flag::FIN, ZMAP_ID),
            ("SYN and ACK", |p| p.tcp_flags |= flag::ACK, 0),
            (
                "UDP",
                |p| {
                    p.proto = 17;
                    p.present = Present(Present::PORTS.0 | Present::IP_ID.0);
                },
                0,
            ),
        ],
    );
}

fn timestamped(layout: &str, secs: u32) -> Vec<u8> {
    let time = secs.to_be_bytes();
    match layout {
        "linux" => [MSS, &[4, 2, 8, 10], &time, &[0, 0, 0, 0, 1, 3, 3, 7]].concat(),
        _ => [MSS, &[1, 3, 3, 6, 1, 1, 8, 10], &time, &[0, 0, 0, 0, 4, 2, 0, 0]].concat(),
    }
}

#[test]
fn zmap_new_in_its_four_layouts() {
    let packet = Packet {
        tcp_window: 65535,
        ttl: 47,
        ..syn()
    };
    let sized = |options: &[u8]| Packet {
        ip_len: 40 + u32::try_from(options.len()).unwrap(),
        ..packet
    };
    let layouts = [
        MSS.to_vec(),
        WINDOWS.to_vec(),
        timestamped("linux", NOW_SECS - 3600),
        timestamped("bsd", NOW_SECS - 86_400 * 30),
    ];
    for options in &layouts {
        let packet = sized(options);
        check(packet, options, ZMAP_NEW);
        check_broken(
            packet,
            options,
            &[
                ("window", |p| p.tcp_window = 64240, 0),
                ("TTL of Windows", |p| p.ttl = 118, 0),
                ("TTL just too high", |p| p.ttl = 65, 0),
                ("TTL 0", |p| p.ttl = 0, 0),
                ("data", |p| p.ip_len += 1, 0),
                ("flags", |p| p.tcp_flags |= flag::URG, 0),
                ("IPv6", |p| p.present.set(Present::WIDE), 0),
            ],
        );
        for at in 0..options.len() {
            let mut broken = options.clone();
            // The timestamp's lower bytes may move within a month.
            if matches!((options.len(), at), (20, 10 | 11) | (24, 14 | 15)) {
                continue;
            }
            broken[at] ^= 0x40;
            check(packet, &broken, 0);
        }
        for len in 0..options.len() {
            let cut = &options[..len];
            check(sized(cut), cut, if cut == MSS { ZMAP_NEW } else { 0 });
        }
    }
}

#[test]
fn a_timestamp_that_is_no_unix_time_is_not_zmaps() {
    let check_age = |layout: &str, secs: u32, expected: u8| {
        let options = timestamped(layout, secs);
        let ip_len = 40 + u32::try_from(options.len()).unwrap();
        check(
            Packet {
                tcp_window: 65535,
                ttl: 60,
                ip_len,
                ..syn()
            },
            &options,
            expected,
        );
    };
    for layout in ["linux", "bsd"] {
        check_age(layout, NOW_SECS, ZMAP_NEW);
        check_age(layout, NOW_SECS + 86_400, ZMAP_NEW);
        check_age(layout, NOW_SECS + 86_401, 0);
        check_age(layout, NOW_SECS - 31 * 86_400, ZMAP_NEW);
        check_age(layout, NOW_SECS - 31 * 86_400 - 1, 0);
        // A Mac or a phone: milliseconds since some start.
        check_age(layout, 0x0123_4567, 0);
        check_age(layout, 0, 0);
        check_age(layout, u32::MAX, 0);
    }
}

#[test]
fn nmap_and_its_near_misses() {
    let packet = Packet {
        tcp_window: 1024,
        ip_len: 44,
        ttl: 41,
        ..syn()
    };
    check(packet, MSS, NMAP);
    check(Packet { ttl: 59, ..packet }, MSS, NMAP);
    check(Packet { ttl: 12, ..packet }, MSS, NMAP);
    check_broken(
        packet,
        MSS,
        &[
            ("window", |p| p.tcp_window = 1025, 0),
            ("length", |p| p.ip_len = 45, 0),
            ("TTL", |p| p.ttl = 60, 0),
            ("TTL 0", |p| p.ttl = 0, 0),
            ("flags", |p| p.tcp_flags |= flag::ECE, 0),
            ("IPv6", |p| p.present.set(Present::WIDE), 0),
        ],
    );
    check(packet, &[2, 4, 5, 0xa0], 0);
    check(Packet { ip_len: 40, ..packet }, &[], 0);
}

#[test]
fn the_shape_of_nmap_outranks_a_chance_ip_id() {
    let mut packet = Packet {
        tcp_window: 1024,
        ip_len: 44,
        ttl: 41,
        ip_id: 54321,
        ..syn()
    };
    check(packet, MSS, NMAP);
    packet.ip_id = masscan_id(&packet);
    check(packet, MSS, NMAP);
}

#[test]
fn masscan_id_outranks_zmap_id() {
    let mut packet = Packet {
        tcp_seq: 0x1111_0000 | 0x0708 ^ 23 ^ 54321,
        ip_id: 54321,
        ..syn()
    };
    assert_eq!(masscan_id(&packet), 54321);
    check(packet, &[], MASSCAN_ID);
    packet.tcp_seq ^= 1;
    check(packet, &[], ZMAP_ID);
}

#[test]
fn every_entry_can_be_found_and_is_said_in_words() {
    let table = MarkTable::built_in();
    let mut last = 0;
    for entry in table.entries() {
        assert_eq!(entry.number, last + 1, "{}", entry.name);
        last = entry.number;
        assert_eq!(table.name(entry.number), entry.name);
        assert!(!entry.rule.is_empty() || !entry.pair.is_empty(), "{}", entry.name);
        assert!(!entry.source.is_empty(), "{}", entry.name);
    }
    assert!(last < hirundo_packet::mark::FIRST_RULE);
    assert_eq!(table.name(0), "");
    for unknown in last + 1..=255 {
        assert_eq!(table.name(unknown), "", "{unknown}");
    }
}
