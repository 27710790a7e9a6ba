//! Any text as a rule file: refused with a reason, or rules whose marks have names.
#![no_main]

use hirundo_packet::decode::decode;
use hirundo_packet::encode::{Addresses, Framing, Icmp, IpHeader, Tcp, Transport, Udp, encode};
use hirundo_packet::mark::{Evidence, FIRST_RULE, MarkTable, RULES_MAX};
use hirundo_packet::{Packet, flag};
use libfuzzer_sys::fuzz_target;

/// Packets for the rules to hold for, or not.
fn frames() -> Vec<Vec<u8>> {
    let addresses = [
        Addresses::V4 {
            src: 0x0102_0304,
            dst: 0xc612_0001,
        },
        Addresses::V6 {
            src: [0x20; 16],
            dst: [0x3f; 16],
        },
    ];
    let syn = Tcp {
        src_port: 40_000,
        dst_port: 23,
        seq: 0xc612_0001,
        flags: flag::SYN,
        window: 1024,
        options: &[2, 4, 5, 180],
        ..Tcp::default()
    };
    let push = Tcp {
        flags: flag::PSH | flag::ACK,
        payload: b"GET / HTTP/1.0\r\n\r\n",
        ..syn
    };
    let transports = [
        Transport::Tcp(syn),
        Transport::Tcp(push),
        Transport::Udp(Udp {
            src_port: 53,
            dst_port: 53,
            payload: b"\0\0\0\0\0\x10\0\0\0\0\0\0\0\0",
        }),
        Transport::Icmp(Icmp::echo_request(1, 2, b"abcdefgh")),
        Transport::Other { proto: 47, bytes: &[0; 8] },
    ];
    let mut frames = Vec::new();
    for addresses in addresses {
        for transport in &transports {
            let mut frame = Vec::new();
            let header = IpHeader {
                addresses,
                ttl: 64,
                id: 54_321,
                part: 0,
            };
            encode(Framing::RawIp, &header, transport, &mut frame).expect("a packet that can be encoded");
            frames.push(frame);
        }
    }
    frames
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let table = match MarkTable::with_rules(&text) {
        Ok(table) => table,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let rules = table.entries().filter(|entry| entry.number >= FIRST_RULE).count();
    assert!(rules <= RULES_MAX);
    for entry in table.entries() {
        assert!(!entry.name.is_empty() && entry.name.len() <= 32, "{:?}", entry.name);
        assert!(entry.min_packets > 0);
        assert_eq!(table.name(entry.number), entry.name);
    }
    let mut evidence = Evidence::default();
    for frame in frames() {
        let decoded = decode(Framing::RawIp.link(), &frame, 0).expect("a packet that can be decoded");
        let mark = table.mark(&decoded.packet, decoded.options, decoded.payload);
        assert_eq!(mark == 0, table.entry(mark).is_none());
        evidence.observe(&Packet { mark, ..decoded.packet });
    }
    let tool = evidence.verdict(&table);
    assert!(tool == 0 || table.entry(tool).is_some());
});
