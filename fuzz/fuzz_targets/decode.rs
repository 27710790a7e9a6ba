//! Any bytes as frames of any link types: decoding, classifying and marking must not panic, and must keep their promises.
#![no_main]

use std::sync::LazyLock;

use hirundo_fuzz::Records;
use hirundo_packet::decode::{Decoded, decode};
use hirundo_packet::kind::{classify, classify_wide};
use hirundo_packet::mark::{Evidence, MarkTable};
use hirundo_packet::options::{self, Interner};
use hirundo_packet::{Kind, Packet, Present, probe};
use libfuzzer_sys::fuzz_target;

/// The built-in marks, and those with the rules that come with the program.
static TABLES: LazyLock<[MarkTable; 2]> = LazyLock::new(|| {
    let rules = include_str!("../../crates/packet/rules/example.toml");
    [
        MarkTable::built_in(),
        MarkTable::with_rules(rules).expect("the example rules are right"),
    ]
});

fuzz_target!(|input: &[u8]| {
    let mut interner = Interner::new();
    let mut packets = Vec::new();
    for (link, frame) in Records::new(input) {
        match decode(link, frame, 0) {
            Ok(decoded) => packets.push(check(&decoded, &mut interner)),
            Err(reason) => assert!(reason.loses_packet()),
        }
    }
    check_evidence(&packets);
});

/// Checks one packet; the packet with kind, probe and the marks of both tables.
fn check(decoded: &Decoded<'_>, interner: &mut Interner) -> (Packet, [u8; 2]) {
    let Decoded {
        mut packet,
        wide,
        payload,
        options,
        note,
    } = *decoded;
    assert!(note.is_none_or(|note| !note.loses_packet()));
    assert!(options.len() <= 40);
    assert!(payload.is_empty() || packet.present.has(Present::PORTS));
    assert!(!(packet.present.has(Present::LATER_FRAGMENT) && packet.present.has(Present::PORTS)));
    let mut text = String::new();
    options::signature(options, &mut text);
    let number = interner.intern(options);
    assert_eq!(number == 0, options.is_empty());
    assert_eq!(interner.signature(number), text);
    (packet.kind, packet.probe) = classify_wide(&packet, &wide, payload);
    assert_eq!(packet.kind == Kind::Probe, packet.probe != 0);
    assert_eq!(packet.probe == 0, probe::name(packet.probe).is_empty());
    if !packet.present.has(Present::WIDE) {
        assert_eq!(classify(&packet, payload), (packet.kind, packet.probe));
    }
    let marks = [0, 1].map(|at| TABLES[at].mark(&packet, options, payload));
    for (mark, table) in marks.into_iter().zip(TABLES.iter()) {
        assert_eq!(mark == 0, table.entry(mark).is_none());
    }
    (packet, marks)
}

/// The packets as if they were of one source: seen one by one, and as two halves put together.
fn check_evidence(packets: &[(Packet, [u8; 2])]) {
    for (at, table) in TABLES.iter().enumerate() {
        let observed = |packets: &[(Packet, [u8; 2])]| {
            let mut evidence = Evidence::default();
            for (packet, marks) in packets {
                evidence.observe(&Packet {
                    mark: marks[at],
                    ..*packet
                });
            }
            evidence
        };
        let whole = observed(packets);
        let (first, second) = packets.split_at(packets.len() / 2);
        let mut merged = observed(first);
        merged.merge(&observed(second));
        assert_eq!((merged.packets(), merged.syns()), (whole.packets(), whole.syns()));
        assert_eq!(whole.packets() as usize, packets.len());
        for evidence in [whole, merged] {
            let tool = evidence.verdict(table);
            assert!(tool == 0 || table.entry(tool).is_some());
            assert!(tool == 0 || evidence.packets() > 0);
        }
    }
}
