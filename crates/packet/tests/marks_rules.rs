//! Rule files: the shipped example, every condition alone, the verdict's base, and refusals that explain themselves.

use hirundo_packet::mark::{Evidence, FIRST_RULE, MASSCAN_OLD, MIRAI, MarkTable, NMAP, RULES_MAX};
use hirundo_packet::{Packet, Present, flag};

const EXAMPLE: &str = include_str!("../rules/example.toml");

fn rule(conditions: &str) -> String {
    format!("[[rule]]\nname = \"mine\"\nsource = \"a test\"\n{conditions}\n")
}

fn packet() -> Packet {
    Packet {
        dst: 0x0506_0708,
        tcp_seq: 1000,
        ip_len: 60,
        src_port: 4000,
        dst_port: 2323,
        tcp_flags: flag::SYN,
        tcp_window: 14600,
        ip_id: 300,
        present: Present(Present::TCP.0 | Present::PORTS.0 | Present::IP_ID.0),
        proto: 6,
        ttl: 50,
        ..Packet::default()
    }
}

#[track_caller]
fn check(conditions: &str, packet: &Packet, options: &[u8], payload: &[u8], holds: bool) {
    let table = MarkTable::with_rules(&rule(conditions)).expect("a good rule");
    let mark = table.mark(packet, options, payload);
    assert_eq!(mark == FIRST_RULE, holds, "{conditions}: mark {mark}");
}

#[test]
fn each_condition_holds_and_fails() {
    let syn = "flags_set = [\"SYN\"]\n";
    for (yes, no) in [
        ("protocol = \"tcp\"\nttl = 50", "protocol = \"udp\"\nttl = 50"),
        ("protocol = 6\nttl = 50", "protocol = 132\nttl = 50"),
        ("flags_set = [\"SYN\"]", "flags_set = [\"SYN\", \"ECE\"]"),
        ("flags_unset = [\"ACK\", \"NS\"]", "flags_unset = [\"SYN\"]"),
        ("dst_port = 2323", "dst_port = 23"),
        ("dst_port = [23, \"2300-2400\"]", "dst_port = [23, \"2324-2400\"]"),
        ("src_port = \"4000-4000\"", "src_port = \"0-3999\""),
        ("ip_id = 300", "ip_id = [299, 301]"),
        ("ttl = \"33-64\"", "ttl = \"51-64\""),
        ("window = [1, 14600]", "window = 14601"),
        ("ip_len = \"60\"", "ip_len = 61"),
        ("seq = 1000", "seq = 1001"),
        ("payload_text = \"GET /\"", "payload_text = \"GET //\""),
        ("payload_hex = \"47 45 54\"", "payload_hex = \"4745 55\""),
        ("payload_contains = \"zgrab\"", "payload_contains = \"zgrub\""),
    ] {
        let (yes, no) = (yes.replace("\"60\"", "60"), no);
        check(&yes, &packet(), &[], b"GET / zgrab", true);
        check(no, &packet(), &[], b"GET / zgrab", false);
    }
    check(&format!("{syn}options = \"M1460\""), &packet(), &[2, 4, 5, 0xb4], &[], true);
    check(&format!("{syn}options = \"M1460\""), &packet(), &[2, 4, 5, 0xb5], &[], false);
    check(&format!("{syn}options = \"\""), &packet(), &[], &[], true);
    check(&format!("{syn}options = \"\""), &packet(), &[1], &[], false);
}

#[test]
fn sequence_numbers_made_of_the_destination() {
    let reversed = Packet {
        tcp_seq: 0x0807_0605,
        ..packet()
    };
    check("seq = \"destination-reversed\"", &reversed, &[], &[], true);
    check("seq = \"destination-reversed\"", &packet(), &[], &[], false);
    let mut wide = Packet {
        dst: 0,
        tcp_seq: 0,
        ..packet()
    };
    wide.present.set(Present::WIDE);
    check("seq = \"destination-reversed\"", &wide, &[], &[], false);
    check("seq = \"destination\"", &wide, &[], &[], false);
    let answer = Packet {
        tcp_seq: 0x0506_0708,
        tcp_flags: flag::SYN | flag::ACK,
        ..packet()
    };
    check("seq = \"destination\"", &answer, &[], &[], true);
}

#[test]
fn a_field_that_is_null_meets_no_condition() {
    let bare = |present: Present| Packet { present, ..packet() };
    check("window = 14600", &bare(Present(Present::PORTS.0)), &[], &[], false);
    check("flags_unset = [\"ACK\"]", &bare(Present(Present::PORTS.0)), &[], &[], false);
    check("dst_port = 2323", &bare(Present(Present::TCP.0)), &[], &[], false);
    check("ip_id = 300", &bare(Present(Present::TCP.0 | Present::PORTS.0)), &[], &[], false);
}

#[test]
fn a_payload_condition_looks_so_far_and_no_farther() {
    let far = |zeros: usize| [vec![b'.'; zeros], b"zgrab".to_vec()].concat();
    check("payload_contains = \"zgrab\"", &packet(), &[], &far(507), true);
    check("payload_contains = \"zgrab\"", &packet(), &[], &far(508), false);
    check("payload_contains = \"zgrab\"", &packet(), &[], b"zgra", false);
}

#[test]
fn rules_stand_between_default_headers_and_common_shapes() {
    let table = MarkTable::with_rules(&rule("ttl = \"1-255\"")).unwrap();
    let mss = [2, 4, 5, 0xb4];
    let nmap = Packet {
        tcp_window: 1024,
        ip_len: 44,
        ttl: 40,
        ..packet()
    };
    assert_eq!(MarkTable::built_in().mark(&nmap, &mss, &[]), NMAP);
    assert_eq!(table.mark(&nmap, &mss, &[]), FIRST_RULE);
    let mirai = Packet {
        tcp_seq: 0x0506_0708,
        ..packet()
    };
    assert_eq!(table.mark(&mirai, &[], &[]), MIRAI);
    let id = u16::try_from((0x0506_0708_u32 ^ 2323 ^ 1000) & 0xffff).unwrap();
    let masscan = Packet {
        ip_id: id,
        tcp_window: 1024,
        ip_len: 40,
        ttl: 250,
        ..packet()
    };
    assert_eq!(table.mark(&masscan, &[], &[]), MASSCAN_OLD);
}

#[test]
fn the_first_rule_that_holds_gives_the_mark() {
    let two = format!("{}{}", rule("ttl = 50"), rule("window = 14600").replace("mine", "second"));
    let table = MarkTable::with_rules(&two).unwrap();
    assert_eq!(table.name(table.mark(&packet(), &[], &[])), "mine");
    let other = Packet { ttl: 51, ..packet() };
    assert_eq!(table.mark(&other, &[], &[]), FIRST_RULE + 1);
    assert_eq!(table.name(FIRST_RULE + 1), "second");
    assert_eq!(table.name(FIRST_RULE + 2), "");
}

#[test]
fn a_rule_about_udp_is_measured_against_what_is_no_syn() {
    let table = MarkTable::with_rules(&rule("protocol = \"udp\"\ndst_port = 53\nmin_packets = 3")).unwrap();
    let datagram = |dst_port| Packet {
        proto: 17,
        present: Present::PORTS,
        dst_port,
        ..Packet::default()
    };
    let verdict = |hits: usize, misses: usize, syns: usize| {
        let mut evidence = Evidence::default();
        let packets = [vec![datagram(53); hits], vec![datagram(54); misses], vec![packet(); syns]].concat();
        for mut packet in packets {
            packet.mark = table.mark(&packet, &[], &[]);
            evidence.observe(&packet);
        }
        evidence.verdict(&table)
    };
    assert_eq!(verdict(2, 0, 0), 0);
    assert_eq!(verdict(3, 3, 0), FIRST_RULE);
    assert_eq!(verdict(3, 4, 0), 0);
    assert_eq!(verdict(3, 0, 100), FIRST_RULE);
}

#[test]
fn the_example_is_in_force_as_it_says() {
    let table = MarkTable::with_rules(EXAMPLE).unwrap();
    let rules: Vec<_> = table.entries().filter(|entry| entry.number >= FIRST_RULE).collect();
    let names: Vec<&str> = rules.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "hajime-type",
            "mirai-reversed",
            "zgrab",
            "sipvicious",
            "masscan-udp",
            "corsaro-large-scale"
        ]
    );
    assert!(!rules[0].confirmed && !rules[1].confirmed && rules[2].confirmed);
    assert_eq!((rules[0].min_packets, rules[0].chance_log2), (3, None));
    assert_eq!((rules[1].min_packets, rules[1].chance_log2), (1, Some(-32)));
    assert_eq!(rules[0].rule, "TCP, SYN set, ACK clear, destination port 23 or 5358, window 14600");

    let hajime = Packet { dst_port: 23, ..packet() };
    assert_eq!(table.name(table.mark(&hajime, &[], &[])), "hajime-type");
    assert_eq!(table.name(table.mark(&packet(), &[], &[])), "");
    let large = Packet {
        tcp_window: 1024,
        ttl: 230,
        ..packet()
    };
    assert_eq!(table.name(table.mark(&large, &[], &[])), "corsaro-large-scale");
    assert_eq!(table.name(table.mark(&large, &[2, 4, 5, 0xb4], &[])), "");
}

#[test]
fn chance_is_counted_from_ip_id_and_sequence_number() {
    let check = |conditions: &str, chance: Option<i32>| {
        let table = MarkTable::with_rules(&rule(conditions)).unwrap();
        assert_eq!(table.entry(FIRST_RULE).unwrap().chance_log2, chance, "{conditions}");
    };
    check("window = 5", None);
    check("ip_id = 5", Some(-16));
    check("ip_id = [5, 6]", Some(-15));
    check("ip_id = [5, 6, 7]", Some(-14));
    check("ip_id = \"0-65535\"", Some(0));
    check("ip_id = [\"0-65535\", \"0-65535\"]", Some(0));
    check("ip_id = 5\nseq = 0", Some(-48));
}

/// The whole chain of an error, as `main` would print it.
fn refusal(text: &str) -> String {
    let error = MarkTable::with_rules(text).expect_err(text);
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn refusals_name_the_rule_and_what_is_wrong() {
    let check = |text: &str, parts: &[&str]| {
        let words = refusal(text);
        for part in parts {
            assert!(words.contains(part), "{words:?} does not say {part:?}");
        }
    };
    check("[[rule]", &["no TOML", "line 1"]);
    check("rules = 1", &["unknown key `rules`", "hint"]);
    check("rule = 1", &["[[rule]]"]);
    check("rule = [1]", &["[[rule]]"]);
    check(&rule("windows = 5"), &["`mine`", "`windows`", "did you mean `window`?"]);
    check(&rule("zzz = 5"), &["`mine`", "`zzz`", "the keys are name, source"]);
    check("[[rule]]\nsource = \"x\"\nttl = 5", &["`number 1`", "`name` is missing"]);
    check("[[rule]]\nname = \"x\"\nttl = 5", &["`x`", "`source` is missing"]);
    check("[[rule]]\nname = \"x\"\nttl = 5\nsource = \"\"", &["`source` is missing"]);
    check("[[rule]]\nname = \"Mirai 2\"\nttl = 5\nsource = \"x\"", &["`name` must be made of"]);
    check(
        &rule("ttl = 5").replace("mine", &"m".repeat(33)),
        &["`name` must be a text of at most 32"],
    );
    check(&rule("ttl = 5").replace("mine", "mirai"), &["`mirai`", "taken"]);
    check(&format!("{}{}", rule("ttl = 5"), rule("ttl = 6")), &["`mine`", "taken"]);
    check(&rule(""), &["`mine`", "no condition"]);
    check(&rule("protocol = \"udp\""), &["no condition"]);
    check(&rule("protocol = \"sctp\"\nttl = 1"), &["`protocol` must be"]);
    check(&rule("protocol = 256\nttl = 1"), &["`protocol` must be"]);
    check(&rule("protocol = \"udp\"\nwindow = 1"), &["`protocol` is not tcp"]);
    check(&rule("flags_set = \"SYN\""), &["`flags_set` must be a list"]);
    check(&rule("flags_set = []"), &["`flags_set` must be a list"]);
    check(&rule("flags_set = [\"syn\"]"), &["`flags_set` must be a list of FIN, SYN"]);
    check(
        &rule("flags_set = [\"SYN\"]\nflags_unset = [\"SYN\"]"),
        &["`flags_unset` names a flag"],
    );
    check(&rule("ttl = 256"), &["`ttl` must be numbers from 0 to 255", "not 256"]);
    check(&rule("ttl = -1"), &["not -1"]);
    check(&rule("ttl = \"9-3\""), &["not \"9-3\""]);
    check(&rule("ttl = \"a-b\""), &["not \"a-b\""]);
    check(&rule("ttl = 1.5"), &["a value of type float"]);
    check(&rule("dst_port = []"), &["`dst_port` must hold 1 to 64"]);
    check(&rule(&format!("dst_port = {:?}", vec![1; 65])), &["`dst_port` must hold 1 to 64"]);
    check(&rule("seq = 4294967296"), &["`seq` must be a number below 2^32"]);
    check(&rule("seq = \"dst\""), &["`seq`", "destination-reversed"]);
    check(&rule("options = \"M1460\""), &["`options` needs flags_set"]);
    check(&rule("payload_hex = \"abc\""), &["`payload_hex` must be 1 to 64 bytes"]);
    check(&rule("payload_hex = \"xy\""), &["`payload_hex` must be"]);
    check(&rule(&format!("payload_hex = \"{}\"", "ab".repeat(65))), &["`payload_hex` must be"]);
    check(&rule("payload_hex = \"ab\"\npayload_text = \"a\""), &["one prefix is enough"]);
    check(&rule("payload_text = \"\""), &["`payload_text` is empty"]);
    check(&rule(&format!("payload_contains = \"{}\"", "a".repeat(65))), &["at most 64 bytes"]);
    check(&rule("ttl = 5\nmin_packets = 0"), &["`min_packets` must be a number from 1"]);
    check(&rule("ttl = 5\nconfirmed = 1"), &["`confirmed` must be true or false"]);
    check(&"#".repeat(300_000), &["300000 bytes"]);
}

#[test]
fn as_many_rules_as_there_are_numbers_and_no_more() {
    let many = |count: usize| -> String {
        (0..count)
            .map(|at| rule(&format!("ttl = {}", at % 256)).replace("mine", &format!("mine-{at}")))
            .collect()
    };
    let table = MarkTable::with_rules(&many(RULES_MAX)).unwrap();
    let last = u8::try_from(RULES_MAX - 1).unwrap() + FIRST_RULE;
    assert_eq!(table.name(last), "mine-199");
    let odd = Packet { ttl: 199, ..packet() };
    assert_eq!(table.mark(&odd, &[], &[]), last);
    assert!(refusal(&many(RULES_MAX + 1)).contains("201 rules, at most 200"));
    assert_eq!(
        MarkTable::with_rules("").unwrap().entries().count(),
        MarkTable::built_in().entries().count()
    );
}
