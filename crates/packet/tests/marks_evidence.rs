//! The verdict on a source: thresholds, pair tests, merging, chance, and real captures.

use hirundo_packet::capture::Capture;
use hirundo_packet::decode;
use hirundo_packet::mark::{Evidence, MASSCAN_ID, MASSCAN_OLD, MIRAI, MarkTable, NMAP, UNICORNSCAN, ZMAP_ID, ZMAP_OR_XMAP};
use hirundo_packet::{Packet, Present, flag};
use std::collections::{BTreeMap, HashMap};

/// A seeded generator (SplitMix64), so that no test depends on luck.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    #[allow(clippy::cast_possible_truncation, reason = "random bits")]
    fn u32(&mut self) -> u32 {
        self.next() as u32
    }
    #[allow(clippy::cast_possible_truncation, reason = "random bits")]
    fn u16(&mut self) -> u16 {
        self.next() as u16
    }
}

fn syn(seq: u32, dst: u32, src_port: u16, dst_port: u16, mark: u8) -> Packet {
    let present = Present(Present::TCP.0 | Present::PORTS.0 | Present::IP_ID.0);
    Packet {
        tcp_seq: seq,
        dst,
        src_port,
        dst_port,
        mark,
        present,
        tcp_flags: flag::SYN,
        proto: 6,
        ttl: 50,
        ip_len: 40,
        ..Packet::default()
    }
}

fn marked(mark: u8, random: &mut Random) -> Packet {
    syn(random.u32(), random.u32(), random.u16(), 80, mark)
}

fn gather(packets: &[Packet]) -> Evidence {
    let mut evidence = Evidence::default();
    packets.iter().for_each(|packet| evidence.observe(packet));
    evidence
}

#[track_caller]
fn check(packets: &[Packet], expected: u8) {
    let table = MarkTable::built_in();
    assert_eq!(table.name(gather(packets).verdict(&table)), table.name(expected));
}

/// `count` SYNs for each mark, in the order given, with random fields.
fn mixture(counts: &[(u8, usize)]) -> Vec<Packet> {
    let mut random = Random(7);
    counts
        .iter()
        .flat_map(|(mark, count)| vec![*mark; *count])
        .map(|mark| marked(mark, &mut random))
        .collect()
}

#[test]
fn the_thresholds_of_a_verdict() {
    check(&[], 0);
    check(&mixture(&[(0, 5)]), 0);
    check(&mixture(&[(MIRAI, 1)]), MIRAI);
    check(&mixture(&[(0, 1000), (MIRAI, 1)]), MIRAI);
    check(&mixture(&[(ZMAP_OR_XMAP, 500), (MIRAI, 1)]), MIRAI);
    for mark in [MASSCAN_OLD, ZMAP_OR_XMAP, NMAP, MASSCAN_ID, ZMAP_ID] {
        check(&mixture(&[(mark, 1)]), 0);
        check(&mixture(&[(mark, 2)]), mark);
        check(&mixture(&[(mark, 2), (0, 2)]), mark);
        check(&mixture(&[(mark, 2), (0, 3)]), 0);
        check(&mixture(&[(mark, 1), (0, 1)]), 0);
        check(&mixture(&[(mark, 100), (0, 100)]), mark);
    }
    check(&mixture(&[(ZMAP_ID, 4), (MASSCAN_OLD, 6)]), MASSCAN_OLD);
    check(&mixture(&[(ZMAP_ID, 5), (MASSCAN_OLD, 5)]), MASSCAN_OLD);
    check(&mixture(&[(MASSCAN_OLD, 3), (ZMAP_OR_XMAP, 3), (NMAP, 3)]), 0);
}

#[test]
fn packets_that_are_no_syns_do_not_dilute_a_mark_of_syns() {
    let mut packets = mixture(&[(MASSCAN_OLD, 4)]);
    packets.extend(
        [Packet {
            proto: 17,
            present: Present::PORTS,
            ..Packet::default()
        }; 50],
    );
    check(&packets, MASSCAN_OLD);
}

#[test]
fn a_mirai_mark_is_not_lost_among_many_others() {
    let mut packets = mixture(&[(MIRAI, 1)]);
    for round in 0..60 {
        packets.extend(mixture(&[(2 + round % 7, 1)]));
    }
    check(&packets, MIRAI);
}

#[test]
fn the_greater_part_survives_more_marks_than_there_are_slots() {
    // Four strangers first, then the tool: it must get in, and keep what is its.
    check(&mixture(&[(3, 1), (4, 1), (5, 1), (7, 1), (MASSCAN_OLD, 100)]), MASSCAN_OLD);
    check(&mixture(&[(MASSCAN_OLD, 100), (3, 1), (4, 1), (5, 1), (7, 1), (8, 1)]), MASSCAN_OLD);
}

/// SYNs as Unicornscan makes them: sequence number = key ^ destination ^ ports.
fn unicornscan(key: u32, reversed: bool, count: usize) -> Vec<Packet> {
    let mut random = Random(u64::from(key));
    let one = |_| {
        let (dst, src_port, dst_port) = (random.u32(), random.u16(), random.u16() % 1024);
        let address = if reversed { dst.swap_bytes() } else { dst };
        syn(
            key ^ address ^ ((u32::from(dst_port) << 16) + u32::from(src_port)),
            dst,
            src_port,
            dst_port,
            0,
        )
    };
    (0..count).map(one).collect()
}

#[test]
fn unicornscan_needs_three_syns_of_one_key() {
    for reversed in [false, true] {
        let packets = unicornscan(0xdead_beef, reversed, 40);
        check(&packets[..2], 0);
        check(&packets[..3], UNICORNSCAN);
        check(&packets, UNICORNSCAN);
        // Nine of ten: four strangers among 40 are too few to matter, five too many.
        let strange = |strangers: usize| {
            let mut mixed = packets.clone();
            mixed.iter_mut().skip(3).take(strangers).for_each(|packet| packet.tcp_seq ^= 0x0100);
            mixed
        };
        check(&strange(4), UNICORNSCAN);
        check(&strange(5), 0);
    }
}

#[test]
fn what_only_looks_like_unicornscan() {
    // One SYN sent again and again: the key is constant because everything is.
    check(&vec![syn(99, 5, 1000, 80, 0); 20], 0);
    // Sequence numbers made of the destination alone, ports fixed: a bot of Mirai's kind, not Unicornscan.
    let mut random = Random(3);
    let bot: Vec<Packet> = (0..20)
        .map(|_| random.u32())
        .map(|dst| syn(dst.swap_bytes() ^ 0x55, dst, 1000, 23, 0))
        .collect();
    check(&bot, 0);
    // IPv6 has no destination here.
    let mut wide = unicornscan(1, false, 20);
    wide.iter_mut().for_each(|packet| packet.present.set(Present::WIDE));
    check(&wide, 0);
}

/// SYNs as Nmap makes them: sequence number = mask ^ (n << 16 | n) with an 8-bit n.
fn nmap(mask: u32, numbers: &[u32]) -> Vec<Packet> {
    let mut random = Random(u64::from(mask));
    numbers
        .iter()
        .map(|number| syn(mask ^ (number << 16) ^ number, random.u32(), random.u16(), 443, 0))
        .collect()
}

#[test]
fn nmap_by_its_sequence_numbers() {
    check(&nmap(0xcafe_f00d, &[0, 1]), 0);
    check(&nmap(0xcafe_f00d, &[0, 1, 0]), NMAP);
    check(&nmap(0xcafe_f00d, &[7, 255, 16, 0]), NMAP);
    // Always the same number: any bot with a constant sequence number.
    check(&nmap(0xcafe_f00d, &[3, 3, 3, 3]), 0);
    // A ninth bit, or halves that differ.
    check(&nmap(0xcafe_f00d, &[0, 256, 0, 256]), 0);
    let mut uneven = nmap(0xcafe_f00d, &[0, 1, 2, 3, 4]);
    uneven.iter_mut().for_each(|packet| packet.tcp_seq ^= packet.dst & 0xff);
    check(&uneven, 0);
}

#[test]
fn merging_parts_gives_the_verdict_of_the_whole() {
    let table = MarkTable::built_in();
    let wholes = [
        mixture(&[(MASSCAN_OLD, 7), (0, 5), (ZMAP_ID, 1)]),
        mixture(&[(0, 30), (MIRAI, 1), (NMAP, 3)]),
        mixture(&[(ZMAP_OR_XMAP, 2), (0, 3)]),
        unicornscan(42, false, 25),
        unicornscan(42, true, 25),
        nmap(0x0102_0304, &[0, 1, 2, 3, 0, 0, 0, 1]),
    ];
    for packets in wholes {
        let whole = gather(&packets);
        for cut in 0..=packets.len() {
            let (head, tail) = packets.split_at(cut);
            for (one, other) in [(head, tail), (tail, head)] {
                let mut merged = gather(one);
                merged.merge(&gather(other));
                assert_eq!(merged.verdict(&table), whole.verdict(&table), "cut at {cut}");
                assert_eq!((merged.packets(), merged.syns()), (whole.packets(), whole.syns()));
                for mark in 1..10 {
                    assert_eq!(merged.marked(mark), whole.marked(mark), "mark {mark}, cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn counts_saturate_instead_of_wrapping() {
    let table = MarkTable::built_in();
    let mut evidence = gather(&mixture(&[(MASSCAN_OLD, 3)]));
    for _ in 0..40 {
        let same = evidence;
        evidence.merge(&same);
    }
    assert_eq!(evidence.syns(), u32::MAX);
    assert_eq!(evidence.marked(MASSCAN_OLD), u32::MAX);
    assert_eq!(evidence.verdict(&table), MASSCAN_OLD);
}

/// Chance alone: 16-bit tests hit about one packet in 32,768, and no source may be named for it.
#[test]
fn two_million_random_syns_name_no_tool() {
    let table = MarkTable::built_in();
    let mut random = Random(20_220_401);
    let mut sources = vec![Evidence::default(); 200_000];
    let mut by_mark = BTreeMap::new();
    for _ in 0..2_000_000 {
        let mut packet = syn(random.u32(), random.u32(), random.u16(), random.u16(), 0);
        packet.ip_id = random.u16();
        packet.tcp_window = random.u16();
        packet.ttl = random.next().to_le_bytes()[0];
        packet.mark = table.mark(&packet, &[], &[]);
        *by_mark.entry(packet.mark).or_insert(0_u32) += 1;
        let at = usize::try_from(random.next() % 200_000).unwrap();
        sources[at].observe(&packet);
    }
    // Each of the two 16-bit tests is expected 30 times: the test would be empty if none had hit.
    for mark in [MASSCAN_ID, ZMAP_ID] {
        let count = by_mark.get(&mark).copied().unwrap_or(0);
        assert!((10..=60).contains(&count), "{} on {count} packets", table.name(mark));
    }
    let named: Vec<&str> = sources
        .iter()
        .map(|source| table.name(source.verdict(&table)))
        .filter(|name| !name.is_empty())
        .collect();
    assert!(named.is_empty(), "{named:?}");
}

/// Every readable packet of a capture of the shared set, with its mark.
fn packets_of(name: &str) -> Vec<Packet> {
    let path = format!("{}/../../../shared/traces/{name}", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("the shared captures are needed: {path}: {error}"));
    let mut capture = Capture::open(Box::new(file)).expect("a capture");
    let table = MarkTable::built_in();
    let mut packets = Vec::new();
    while let Some(frame) = capture.next().expect("a whole capture") {
        if let Ok(decoded) = decode::decode(frame.link, frame.data, frame.time_ns / 1000) {
            let mut packet = decoded.packet;
            packet.mark = table.mark(&packet, decoded.options, decoded.payload);
            packets.push(packet);
        }
    }
    assert!(!packets.is_empty(), "{name} holds no packet");
    packets
}

/// The sources of a capture that have a verdict, by name.
fn verdicts(packets: &[Packet]) -> HashMap<u32, String> {
    let table = MarkTable::built_in();
    let mut sources: HashMap<u32, Evidence> = HashMap::new();
    for packet in packets {
        sources.entry(packet.src).or_default().observe(packet);
    }
    let named = sources
        .iter()
        .map(|(src, evidence)| (*src, table.name(evidence.verdict(&table)).to_owned()));
    named.filter(|(_, name)| !name.is_empty()).collect()
}

#[test]
fn ip_id_54321_on_udp_is_no_zmap_syn() {
    let packets = packets_of("nd_ripe_atlas.pcap");
    assert!(packets.iter().any(|packet| packet.ip_id == 54321 && packet.proto == 17));
    assert!(packets.iter().all(|packet| packet.mark == 0));
    assert!(verdicts(&packets).is_empty());
}

#[test]
fn a_chance_ip_id_does_not_make_nmap_into_zmap() {
    let packets = packets_of("nd_synscan.pcap");
    assert!(packets.iter().any(|packet| packet.ip_id == 54321 && packet.is_syn()));
    let named = verdicts(&packets);
    assert_eq!(named.values().collect::<Vec<_>>(), ["nmap"]);
    // The sequence numbers say the same without the shape.
    let table = MarkTable::built_in();
    let bare: Vec<Packet> = packets
        .iter()
        .filter(|packet| packet.is_syn())
        .map(|packet| Packet { mark: 0, ..*packet })
        .collect();
    assert_eq!(table.name(gather(&bare).verdict(&table)), "nmap");
}

#[test]
fn other_captures_name_no_tool() {
    for name in [
        "sv_firewall__tcp-session-syn-flood-drop-precedence__input.pcap",
        "nd_gnutella.pcap",
        "nd_upnp.pcap",
        "nd_dns_fragmented.pcap",
        "ws_icmp.pcapng.gz",
        "lt_100_packetsns.pcap",
    ] {
        assert_eq!(verdicts(&packets_of(name)), HashMap::new(), "{name}");
    }
}

/// A sensor that hides its addresses blanks sequence numbers: such SYNs say nothing, and do not speak against others.
#[test]
fn hidden_syns_leave_the_pair_tests_alone() {
    let mut random = Random(11);
    let hidden = |random: &mut Random| {
        let mut packet = syn(0, random.u32(), random.u16(), 80, 0);
        packet.present.set(Present::HIDDEN);
        packet
    };
    let plain = |nonce: u32, random: &mut Random| syn(0x7777_7777 ^ (nonce << 16 | nonce), random.u32(), random.u16(), 80, 0);
    let mut packets: Vec<Packet> = (0..40).map(|_| hidden(&mut random)).collect();
    check(&packets, 0);
    packets.extend([3, 200].map(|nonce| plain(nonce, &mut random)));
    check(&packets, 0);
    packets.push(plain(77, &mut random));
    check(&packets, NMAP);
    let (front, back) = packets.split_at(41);
    for (first, second) in [(front, back), (back, front)] {
        let mut merged = gather(first);
        merged.merge(&gather(second));
        let table = MarkTable::built_in();
        assert_eq!((merged.verdict(&table), merged.syns()), (NMAP, 43));
    }
}
