//! Version 1 of the form of batches, byte by byte: what was once spooled and shipped must stay readable.
//!
//! `UPDATE_GOLDEN=1` writes the files anew. For a version that was released that is wrong: give the new form a new
//! version, and keep these files and this test.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod batch_support;

use std::fmt::Write as _;
use std::path::PathBuf;

use batch_support::{Owned, header, packet};
use hirundo_packet::batch::{Batch, BatchError, Builder, DIGEST_BYTES, Minute, Summary, append_digest};
use hirundo_packet::decode::Reason;
use hirundo_packet::encode::{Addresses, Framing, Icmp, IpHeader, Tcp, Transport, Udp, encode};
use hirundo_packet::flag;
use hirundo_packet::mark::MarkTable;

const SRC: u32 = 0xc633_6401;
const DST: u32 = 0xcb00_7109;
/// 2022-04-15 04:26:40 UTC.
const START_US: i64 = 1_650_000_000_000_000;

fn ip(addresses: Addresses, id: u16, part: u16, transport: &Transport<'_>) -> Vec<u8> {
    let header = IpHeader {
        addresses,
        ttl: 57,
        id,
        part,
    };
    let mut frame = Vec::new();
    encode(Framing::RawIp, &header, transport, &mut frame).unwrap();
    frame
}

/// Frames of every sort that a batch tells apart.
fn frames() -> Vec<Vec<u8>> {
    let v4 = Addresses::V4 { src: SRC, dst: DST };
    let v6 = Addresses::V6 {
        src: [0x20; 16],
        dst: [0x3f; 16],
    };
    let syn = |dst_port, seq, window, options| {
        Transport::Tcp(Tcp {
            src_port: 40_000,
            dst_port,
            seq,
            flags: flag::SYN,
            window,
            options,
            ..Tcp::default()
        })
    };
    let linux: &[u8] = &[2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
    let query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind\x00\x00\x10\x00\x03";
    let udp = Transport::Udp(Udp {
        src_port: 5353,
        dst_port: 53,
        payload: query,
    });
    let quoted = ip(
        Addresses::V4 {
            src: DST,
            dst: 0x0808_0808,
        },
        1,
        0,
        &udp,
    );
    let quoted6 = ip(v6, 0, 0, &udp);
    let masscan = u16::try_from((DST ^ 443 ^ 0x1234_5678) & 0xffff).unwrap();
    vec![
        ip(v4, 7, 0, &syn(23, DST, 14_600, &[])),
        ip(v4, masscan, 0, &syn(443, 0x1234_5678, 1024, &[])),
        ip(v4, 99, 0x4000, &syn(80, 0xdead_beef, 64_240, linux)),
        ip(v4, 1, 0, &udp),
        ip(v4, 2, 0, &Transport::Icmp(Icmp::error(3, 1, &quoted))),
        ip(v4, 3, 0, &Transport::Icmp(Icmp::echo_request(1, 2, b"abc"))),
        ip(v4, 4, 0x2001, &udp),
        ip(v4, 5, 0, &Transport::Other { proto: 47, bytes: &[0; 8] }),
        ip(v6, 0, 0, &syn(22, 1, 65_535, linux)),
        ip(v6, 0, 0, &Transport::Icmp(Icmp::error(1, 4, &quoted6))),
    ]
}

fn builder() -> (Builder, Vec<Owned>) {
    let marks = MarkTable::built_in();
    let mut builder = Builder::new();
    let mut pushed = Vec::new();
    for (nth, frame) in (0..).zip(frames().iter().cycle().take(30)) {
        let owned = packet(frame, START_US + nth * 5_000_017, &marks, false).unwrap();
        assert!(builder.push(&owned.decoded(), 20));
        pushed.push(owned);
    }
    builder.push_unreadable(START_US, Reason::NotIp);
    builder.note(Reason::TunnelGre);
    builder.minute(Minute {
        begin_us: START_US,
        up: true,
        dropped_kernel: 300,
        missed: 70_000,
        ring_fill_permille: 125,
        ..Minute::default()
    });
    builder.minute(Minute {
        begin_us: START_US - 3_600_000_000,
        seen: 12,
        dropped_spool: 12,
        ..Minute::default()
    });
    (builder, pushed)
}

fn text(batch: &Batch) -> String {
    let mut text = String::new();
    writeln!(text, "{:?}", batch.header).unwrap();
    batch.minutes.iter().for_each(|minute| writeln!(text, "{minute:?}").unwrap());
    writeln!(text, "{:?}", batch.reasons).unwrap();
    for decoded in batch.packets().take(10) {
        writeln!(text, "{:?}", Owned::of(&decoded)).unwrap();
    }
    text
}

#[test]
fn version_1_stays_as_it_is() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (bytes_path, text_path) = (folder.join("batch-1.bin"), folder.join("batch-1.txt"));
    let (mut builder, pushed) = builder();
    let mut made = Vec::new();
    let summary = builder.encode(&header(false), &mut made).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&bytes_path, &made).unwrap();
        std::fs::write(&text_path, text(&Batch::decode(&made).unwrap())).unwrap();
    }
    let golden = std::fs::read(&bytes_path).unwrap();
    let batch = Batch::decode(&golden).unwrap();
    assert_eq!(text(&batch), std::fs::read_to_string(&text_path).unwrap());
    assert_eq!(Summary::read(&golden).unwrap(), summary);
    for (decoded, pushed) in batch.packets().zip(&pushed) {
        assert_eq!(Owned::of(&decoded).kept(u8::MAX), pushed.kept(20));
    }
    // Which planes are compressed, and how, is left to the writer; all else is as it was.
    let made = Batch::decode(&made).unwrap();
    assert_eq!(text(&made), text(&batch));
    assert!(
        made.packets()
            .zip(batch.packets())
            .all(|(made, batch)| Owned::of(&made) == Owned::of(&batch))
    );
}

/// Found by the fuzz target `batch`: values of options were taken that no sensor writes, and that hidden addresses
/// could have come back in.
#[test]
fn values_of_options_are_not_taken() {
    let (mut builder, _) = builder();
    let mut bytes = Vec::new();
    builder.encode(&header(false), &mut bytes).unwrap();
    let kept = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0];
    let at = bytes.windows(kept.len()).position(|window| window == kept).unwrap();
    bytes.truncate(bytes.len() - DIGEST_BYTES);
    let mut changed = bytes.clone();
    changed[at + 11] = 9;
    append_digest(&mut bytes, 0);
    append_digest(&mut changed, 0);
    assert!(Batch::decode(&bytes).is_ok());
    let refused = Batch::decode(&changed).map(|batch| batch.len());
    assert_eq!(refused, Err(BatchError::Wrong { what: "TCP options" }));
}
