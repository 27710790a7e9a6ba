//! Every tool's packets, read back from capture files, must obey the rule of the tool's mark.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wire;

use std::collections::{BTreeMap, BTreeSet};

use hirundo_simulator::{Scenario, simulate};
use wire::Seen;

/// One population with `tool` at two sensors for two days.
fn packets(tool: &str, ports: &str) -> Vec<Seen> {
    let text = format!(
        r#"
        version = 1
        name = "one-tool"
        description = ""
        first_day = "2022-04-01"
        last_day = "2022-04-02"
        packets_max = 10000
        [[sensors]]
        name = "a"
        group = "home"
        region = "JP"
        addresses = ["198.18.0.0/28", "198.18.7.7"]
        [[sensors]]
        name = "b"
        group = "abroad"
        region = "DE"
        link = "ethernet"
        addresses = ["198.19.200.0/24"]
        [[populations]]
        name = "p"
        tool = "{tool}"
        packets = 1500
        sources = 40
        lease_days = 100
        regions = {{ KR = 2, US = 1 }}
        ports = {ports}
        "#
    );
    let folder = tempfile::tempdir().unwrap();
    simulate(&Scenario::parse(&text).unwrap(), 11, folder.path(), &mut |_| {}).unwrap();
    let files = ["a/2022-04-01", "a/2022-04-02", "b/2022-04-01", "b/2022-04-02"];
    let packets: Vec<Seen> = files
        .iter()
        .flat_map(|file| wire::read(&folder.path().join(format!("{file}.pcap"))))
        .collect();
    assert!((2900..3100).contains(&packets.len()), "{}", packets.len());
    for packet in &packets {
        assert!((198 << 24 | 18 << 16..198 << 24 | 20 << 16).contains(&packet.dst));
    }
    packets
}

const MSS: [u8; 4] = [2, 4, 5, 180];
const WINDOWS: [u8; 12] = [2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2];

/// Checks that every packet of `tool` is a SYN to one of the ports and obeys `rule`.
fn check_syn(tool: &str, rule: impl Fn(&Seen) -> bool) -> Vec<Seen> {
    let packets = packets(tool, r#"{ "23/tcp" = 9, "2323/tcp" = 1 }"#);
    for packet in &packets {
        assert!(packet.proto == 6 && packet.flags == 0x02 && packet.ack == 0, "{tool}: {packet:?}");
        assert!(
            matches!(packet.dst_port, 23 | 2323) && packet.src_port >= 1024,
            "{tool}: {packet:?}"
        );
        assert!(rule(packet), "{tool}: {packet:?}");
    }
    let tenth = packets.iter().filter(|packet| packet.dst_port == 2323).count();
    assert!(tenth.abs_diff(packets.len() / 10) < 10, "{tool}: {tenth}");
    packets
}

fn masscan_id(p: &Seen) -> bool {
    u32::from(p.id) == (p.dst ^ u32::from(p.dst_port) ^ p.seq) & 0xFFFF
}

fn by_source(packets: &[Seen]) -> BTreeMap<u32, Vec<&Seen>> {
    let mut sources: BTreeMap<u32, Vec<&Seen>> = BTreeMap::new();
    packets
        .iter()
        .for_each(|packet| sources.entry(packet.src).or_default().push(packet));
    sources
}

#[test]
fn mirai_marks() {
    let packets = check_syn("mirai", |p| {
        p.is_mirai() && p.header_words == 5 && p.ip_len == 40 && (40..64).contains(&p.ttl)
    });
    for (source, sent) in by_source(&packets) {
        let process: BTreeSet<_> = sent.iter().map(|p| (p.src_port, p.window)).collect();
        // A source may change its process once when its lease ends.
        assert!(process.len() <= 2, "{source:08x}: {process:?}");
    }
    let ids: BTreeSet<u16> = packets.iter().map(|p| p.id).collect();
    assert!(ids.len() > 2500, "IP ids are random: {}", ids.len());
}

#[test]
fn masscan_marks() {
    let old = |p: &Seen| masscan_id(p) && p.window == 1024 && p.ip_len == 40 && p.ttl >= 200;
    check_syn("masscan", old);
    let new = |p: &Seen| masscan_id(p) && p.window == 1025 && p.options == MSS && p.ip_len == 44 && p.ttl >= 200;
    check_syn("masscan_2023", new);
}

#[test]
fn zmap_marks() {
    check_syn("zmap", |p| {
        p.id == 54_321 && p.window == 65_535 && p.header_words == 5 && p.ttl >= 200
    });
    let new = check_syn("zmap_4", |p| {
        p.window == 65_535 && p.options == WINDOWS && p.ip_len == 52 && p.ttl < 64
    });
    assert!(new.iter().filter(|p| p.id == 54_321).count() < 3);
}

#[test]
fn nmap_marks() {
    let packets = check_syn("nmap", |p| p.window == 1024 && p.options == MSS && p.ip_len == 44 && p.ttl <= 59);
    assert!(packets.iter().filter(|p| masscan_id(p)).count() < 3);
    check_pairs(&packets, |a, b| {
        let x = a.seq ^ b.seq;
        x >> 16 == x & 0xFFFF && x & 0xFF00_FF00 == 0
    });
}

#[test]
fn unicornscan_marks() {
    let packets = check_syn("unicornscan", |p| p.window == 4128);
    let key = |p: &Seen| p.seq ^ p.dst.swap_bytes() ^ (u32::from(p.dst_port) << 16 | u32::from(p.src_port));
    check_pairs(&packets, |a, b| key(a) == key(b));
}

/// Two packets of one source on one day belong to one session, but for a lease that ends between the days.
fn check_pairs(packets: &[Seen], rule: impl Fn(&Seen, &Seen) -> bool) {
    let mut pairs = 0;
    for sent in by_source(packets).values() {
        for pair in sent.windows(2) {
            if pair[0].time_us / 86_400_000_000 == pair[1].time_us / 86_400_000_000 {
                assert!(rule(pair[0], pair[1]), "{pair:?}");
                pairs += 1;
            }
        }
    }
    assert!(pairs > 2000, "{pairs}");
}

#[test]
fn ordinary_stacks_bear_no_mark() {
    check_syn("linux", |p| {
        p.options.len() == 20 && p.options[..6] == [2, 4, 5, 180, 4, 2] && p.ttl < 64
    });
    let old_windows = [2, 4, 5, 180, 1, 1, 4, 2];
    check_syn("windows", |p| {
        (p.options == WINDOWS || p.options == old_windows) && (100..128).contains(&p.ttl)
    });
}

#[test]
fn udp_requests_name_their_service() {
    let expected: [(u16, &[u8]); 4] = [
        (123, b"\x17\x00\x03\x2a"),
        (1900, b"M-SEARCH * HTTP/1.1\r\n"),
        (11211, b"\x00\x01\x00\x00\x00\x01\x00\x00stats items\r\n"),
        (7, b"\n"),
    ];
    for packet in packets("udp", r#"{ "123/udp" = 1, "1900/udp" = 1, "11211/udp" = 1, "7/udp" = 1 }"#) {
        let (_, start) = expected.iter().find(|(port, _)| *port == packet.dst_port).unwrap();
        assert!(packet.proto == 17 && packet.segment[8..].starts_with(start), "{packet:?}");
    }
    let questions = packets("udp", r#"{ "53/udp" = 1 }"#);
    let ids: BTreeSet<[u8; 2]> = questions.iter().map(|p| [p.segment[8], p.segment[9]]).collect();
    assert!(ids.len() > 2000, "DNS identifiers differ: {}", ids.len());
    assert!(
        questions
            .iter()
            .all(|p| p.segment[20..].starts_with(b"\x07version\x04bind\x00\x00\x10\x00\x03"))
    );
}

#[test]
fn echo_and_backscatter() {
    assert!(
        packets("echo", "{ icmp = 1 }")
            .iter()
            .all(|p| p.proto == 1 && p.segment[..2] == [8, 0])
    );
    let answers = packets("backscatter", r#"{ "80/tcp" = 3, "53/udp" = 2, icmp = 1 }"#);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for p in &answers {
        let kind = match (p.proto, p.flags, p.segment.first()) {
            (6, 0x12, _) if p.src_port == 80 => "syn+ack",
            (6, 0x14, _) if p.src_port == 80 => "rst+ack",
            (6, 0x04, _) if p.src_port == 80 => "rst",
            (1, _, Some(0)) => "reply",
            (1, _, Some(3)) => {
                // Port unreachable, quoting what bore our address on its way to the victim.
                assert!(p.segment[1] == 3 && p.segment[8] == 0x45 && p.segment[17] == 17, "{p:?}");
                assert_eq!(p.segment[20..24], p.dst.to_be_bytes(), "{p:?}");
                assert_eq!(p.segment[24..28], p.src.to_be_bytes(), "{p:?}");
                assert_eq!((p.segment[30], p.segment[31], p.segment.len()), (0, 53, 36), "{p:?}");
                "unreachable"
            }
            _ => panic!("no backscatter: {p:?}"),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    // A victim answers while it is attacked: two hours at most.
    let mut days: BTreeMap<(u32, i64), (i64, i64)> = BTreeMap::new();
    for p in &answers {
        let span = days.entry((p.src, p.time_us / 86_400_000_000)).or_insert((p.time_us, p.time_us));
        *span = (span.0.min(p.time_us), span.1.max(p.time_us));
    }
    assert!(days.values().all(|(first, last)| last - first <= 7_200_000_000));
}

#[test]
fn misconfigured_hosts_repeat_themselves() {
    let packets = packets("misconfiguration", r#"{ "514/udp" = 1 }"#);
    let sources = by_source(&packets);
    assert!(sources.len() >= 40);
    for sent in sources.values() {
        let same: BTreeSet<_> = sent.iter().map(|p| (p.dst, p.src_port, p.dst_port, &p.segment[8..])).collect();
        assert!(same.len() <= 2, "{same:?}");
    }
}
