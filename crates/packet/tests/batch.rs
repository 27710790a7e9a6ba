//! Batches: what goes in comes out, what was changed is refused, hostile bytes do no harm.

mod batch_support;

use std::collections::BTreeMap;

use arbtest::arbitrary::{Result, Unstructured};
use batch_support::{Owned, frame, header, packet};
use hirundo_packet::batch::{Batch, BatchError, Builder, Minute, PACKETS_MAX, Summary, append_digest};
use hirundo_packet::decode::Reason;
use hirundo_packet::mark::MarkTable;
use hirundo_packet::{Kind, Packet, Present};

/// What went into a builder.
#[derive(Debug, Default)]
struct Pushed {
    packets: Vec<Owned>,
    minutes: BTreeMap<i64, Minute>,
    reasons: [u64; Reason::COUNT],
}

impl Pushed {
    fn minute(&mut self, time_us: i64) -> &mut Minute {
        let begin_us = Minute::begin_of(time_us);
        let row = self.minutes.entry(begin_us).or_default();
        row.begin_us = begin_us;
        row
    }
}

/// Pushes random frames and health.
fn fill(random: &mut Unstructured<'_>, builder: &mut Builder, hidden: bool, payload_bytes_max: u8) -> Result<Pushed> {
    let marks = MarkTable::built_in();
    let mut pushed = Pushed::default();
    let mut time_us = 1_650_000_000_000_000;
    for _ in 0..random.int_in_range(0..=40)? {
        time_us = match random.arbitrary::<u8>()? % 8 {
            0 => random.arbitrary()?,
            1 => i64::wrapping_sub(time_us, 1_000_000),
            _ => i64::wrapping_add(time_us, random.int_in_range(0..=30_000_000)?),
        };
        match packet(&frame(random)?, time_us, &marks, hidden) {
            Ok(owned) => {
                assert!(builder.push(&owned.decoded(), payload_bytes_max));
                let minute = pushed.minute(time_us);
                (minute.seen, minute.kept) = (minute.seen + 1, minute.kept + 1);
                pushed.packets.push(owned);
            }
            Err(reason) => {
                builder.push_unreadable(time_us, reason);
                let minute = pushed.minute(time_us);
                (minute.seen, minute.unreadable) = (minute.seen + 1, minute.unreadable + 1);
                pushed.reasons[reason.index()] += 1;
            }
        }
        if random.ratio(1, 8)? {
            let more = Minute {
                begin_us: time_us,
                up: random.arbitrary()?,
                kept: 9,
                dropped_kernel: random.int_in_range(0..=1 << 40)?,
                missed: random.arbitrary::<u16>()?.into(),
                ring_fill_permille: random.int_in_range(0..=1000)?,
                ..Minute::default()
            };
            assert!(builder.minute(more));
            pushed.minute(time_us).add(&Minute { kept: 0, ..more });
            builder.note(Reason::TcpCut);
            pushed.reasons[Reason::TcpCut.index()] += 1;
        }
    }
    Ok(pushed)
}

fn compare(batch: &Batch, pushed: &Pushed, payload_bytes_max: u8) {
    let packets: Vec<Owned> = batch.packets().map(|decoded| Owned::of(&decoded)).collect();
    assert_eq!(packets.len(), pushed.packets.len());
    assert_eq!(batch.len(), packets.len());
    for (found, expected) in packets.iter().zip(&pushed.packets) {
        assert_eq!(found.kept(u8::MAX), expected.kept(payload_bytes_max));
    }
    assert_eq!(batch.minutes, pushed.minutes.values().copied().collect::<Vec<_>>());
    assert_eq!(batch.reasons, pushed.reasons);
}

#[test]
fn what_goes_in_comes_out() {
    let mut builder = Builder::new();
    let mut seen = 0;
    arbtest::arbtest(|random| {
        let hidden = random.arbitrary()?;
        let payload_bytes_max = *random.choose(&[0, 1, 64, 255])?;
        let pushed = fill(random, &mut builder, hidden, payload_bytes_max)?;
        assert_eq!(builder.is_empty(), pushed.minutes.is_empty());
        let mut bytes = b"before".to_vec();
        let summary = builder.encode(&header(hidden), &mut bytes).unwrap();
        let bytes = bytes.strip_prefix(b"before").unwrap();
        let batch = Batch::decode(bytes).unwrap();
        compare(&batch, &pushed, payload_bytes_max);
        assert_eq!(batch.header, header(hidden));
        assert_eq!(Summary::read(bytes).unwrap(), summary);
        assert_eq!((&summary.minutes, summary.packets), (&batch.minutes, pushed.packets.len()));
        assert_eq!(summary.encode(&mut Vec::new()).is_ok(), pushed.packets.is_empty());
        let mut rest = Vec::new();
        summary.without_packets().encode(&mut rest).unwrap();
        let rest = Batch::decode(&rest).unwrap();
        assert_eq!((rest.len(), &rest.header, rest.reasons), (0, &batch.header, batch.reasons));
        let sums = |minutes: &[Minute]| {
            minutes
                .iter()
                .map(|minute| (minute.seen, minute.kept + minute.dropped_spool))
                .collect::<Vec<_>>()
        };
        assert_eq!(sums(&rest.minutes), sums(&batch.minutes));
        seen += pushed.packets.len();
        builder.clear();
        assert!(builder.is_empty());
        Ok(())
    })
    .budget_ms(1500)
    .size_max(1 << 15)
    .run();
    assert!(seen > 1000, "{seen} packets are too few to say anything");
}

#[test]
fn a_journal_gives_the_same_batch() {
    arbtest::arbtest(|random| {
        let hidden = random.arbitrary()?;
        let (mut builder, mut again) = (Builder::new(), Builder::new());
        for _ in 0..random.int_in_range(1..=4)? {
            fill(random, &mut builder, hidden, 64)?;
            let mut piece = Vec::new();
            if builder.journal(&mut piece) {
                again.replay(&piece).unwrap();
            }
            assert!(!builder.journal(&mut piece));
        }
        let encode = |builder: &mut Builder| {
            let mut bytes = Vec::new();
            builder.encode(&header(hidden), &mut bytes).unwrap();
            bytes
        };
        assert_eq!(encode(&mut builder), encode(&mut again));
        Ok(())
    })
    .budget_ms(800)
    .size_max(1 << 15)
    .run();
}

#[test]
fn wrong_journals_change_nothing() {
    let mut builder = Builder::new();
    arbtest::arbtest(|random| {
        fill(random, &mut builder, false, 64)?;
        let mut piece = Vec::new();
        builder.journal(&mut piece);
        builder.clear();
        if !piece.is_empty() {
            let at = random.int_in_range(0..=piece.len() - 1)?;
            piece[at] ^= random.int_in_range(1..=255)?;
            if random.ratio(1, 3)? {
                piece.truncate(at);
            }
        }
        if builder.replay(&piece).is_err() {
            assert!(builder.is_empty());
        } else {
            // Changed, and still a piece: then it makes a batch.
            let hidden = |builder: &mut Builder| builder.encode(&header(true), &mut Vec::new());
            let made = builder.encode(&header(false), &mut Vec::new()).or_else(|_| hidden(&mut builder));
            assert!(matches!(made, Ok(_) | Err(BatchError::NotMade { .. })), "{made:?}");
        }
        builder.clear();
        Ok(())
    })
    .budget_ms(500)
    .size_max(1 << 14)
    .run();
}

fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    append_digest(&mut bytes, 0);
    bytes
}

#[test]
fn changed_bytes_are_refused_and_do_no_harm() {
    let mut builder = Builder::new();
    let (mut refused, mut taken) = (0, 0);
    arbtest::arbtest(|random| {
        let hidden = random.arbitrary()?;
        fill(random, &mut builder, hidden, 64)?;
        let mut bytes = Vec::new();
        builder.encode(&header(hidden), &mut bytes).unwrap();
        builder.clear();
        let at = random.int_in_range(0..=bytes.len() - 1)?;
        let flip = random.int_in_range(1..=255)?;
        assert!(Batch::decode(&bytes[..at]).is_err(), "cut");
        let mut changed = bytes.clone();
        changed[at] ^= flip;
        assert!(Batch::decode(&changed).is_err(), "one byte changed");
        assert!(Summary::read(&changed).is_err(), "one byte changed");
        changed = [&bytes[..], &[flip]].concat();
        assert!(Batch::decode(&changed).is_err(), "one byte more");
        // By somebody who puts the checksum right again.
        let mut body = bytes[..bytes.len() - 16].to_vec();
        for _ in 0..random.int_in_range(1..=3)? {
            let at = random.int_in_range(0..=body.len() - 1)?;
            body[at] = *random.choose(&[0, 1, 0x7f, 0x80, 0xff, body[at] ^ flip])?;
        }
        match Batch::decode(&sealed(&body)) {
            Err(_) => refused += 1,
            Ok(batch) => {
                taken += 1;
                // What is taken can be encoded again: all of it is something that a decoder could have made.
                for decoded in batch.packets() {
                    assert!(builder.push(&decoded, u8::MAX));
                }
                builder.encode(&batch.header, &mut Vec::new()).unwrap();
                builder.clear();
            }
        }
        Ok(())
    })
    .budget_ms(2000)
    .size_max(1 << 14)
    .run();
    assert!(refused > 50 && taken > 5, "{refused} refused, {taken} taken");
}

#[test]
fn what_is_no_batch_is_told_apart() {
    let mut bytes = Vec::new();
    Builder::new().encode(&header(false), &mut bytes).unwrap();
    let check = |bytes: &[u8], expected: BatchError| assert_eq!(Batch::decode(bytes).map(|batch| batch.len()), Err(expected));
    check(b"", BatchError::Cut);
    check(b"GET / HTTP/1.1\r\n", BatchError::NoBatch);
    check(b"hirundo", BatchError::Cut);
    check(b"hirundo\x01", BatchError::Cut);
    check(b"hirundo\x02", BatchError::OtherVersion { found: 2 });
    check(&bytes[..bytes.len() - 1], BatchError::Damaged);
    check(&sealed(b"hirundo\x01\xff\xff\xff\xff"), BatchError::Cut);
    assert!(Batch::decode(&bytes).unwrap().is_empty());
}

#[test]
fn hidden_and_plain_packets_do_not_mix() {
    let mut builder = Builder::new();
    let mut owned = Owned::default();
    builder.push(&owned.decoded(), 64);
    assert!(builder.encode(&header(true), &mut Vec::new()).is_err());
    owned.packet.present.set(Present::HIDDEN);
    builder.push(&owned.decoded(), 64);
    assert!(builder.encode(&header(true), &mut Vec::new()).is_err());
    assert!(builder.encode(&header(false), &mut Vec::new()).is_err());
    let check = |packet: Packet| {
        let mut builder = Builder::new();
        let owned = Owned {
            packet,
            ..Owned::default()
        };
        builder.push(&owned.decoded(), 64);
        assert!(builder.encode(&header(false), &mut Vec::new()).is_err(), "{packet:?}");
    };
    check(Packet {
        tcp_flags: 2,
        ..Packet::default()
    });
    check(Packet {
        mark: 200,
        ..Packet::default()
    });
    check(Packet {
        probe: 255,
        kind: Kind::Probe,
        ..Packet::default()
    });
    check(Packet {
        present: Present(1 << 12),
        ..Packet::default()
    });
}

#[test]
fn a_full_batch_takes_no_more() {
    let mut builder = Builder::new();
    let owned = Owned::default();
    for _ in 0..PACKETS_MAX {
        assert!(!builder.is_full() && builder.push(&owned.decoded(), 64));
    }
    assert!(builder.is_full() && !builder.push(&owned.decoded(), 64));
    assert_eq!(builder.len(), PACKETS_MAX);
    let mut bytes = Vec::new();
    builder.encode(&header(false), &mut bytes).unwrap();
    assert_eq!(Batch::decode(&bytes).unwrap().len(), PACKETS_MAX);
    // Times that jump from minute to minute.
    builder.clear();
    let mut owned = Owned::default();
    while builder.push(&owned.decoded(), 64) {
        owned.packet.time_us += 60_000_000;
    }
    assert!(builder.is_full() && builder.len() > 16_000);
    let mut bytes = Vec::new();
    builder.encode(&header(false), &mut bytes).unwrap();
    assert_eq!(Batch::decode(&bytes).unwrap().minutes.len(), builder.len());
}

#[test]
fn the_worst_packets_fit() {
    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state ^ (state >> 31)).to_be_bytes()
    };
    let mut builder = Builder::new();
    loop {
        let ([a, b, c, d, e, f, g, h], second) = (random(), random());
        let packet = Packet {
            present: Present(Present::TCP.0 | Present::PORTS.0 | Present::WIDE.0 | Present::IP_ID.0),
            time_us: i64::from_be_bytes(second),
            proto: 6,
            tcp_seq: u32::from_be_bytes([a, b, c, d]),
            ip_id: u16::from_be_bytes([e, f]),
            tcp_window: u16::from_be_bytes([g, h]),
            ip_len: u32::from_be_bytes([e, f, a, b]),
            ..Packet::default()
        };
        let mut owned = Owned {
            packet,
            ..Owned::default()
        };
        let bytes: Vec<u8> = (0..48).flat_map(|_| random()).collect();
        owned.wide.src6.copy_from_slice(&bytes[..16]);
        owned.wide.dst6.copy_from_slice(&bytes[16..32]);
        owned.options = bytes[32..72].to_vec();
        owned.payload = bytes[72..].to_vec();
        if !builder.push(&owned.decoded(), 64) {
            break;
        }
    }
    let mut bytes = Vec::new();
    builder.encode(&header(false), &mut bytes).unwrap();
    assert_eq!(Batch::decode(&bytes).unwrap().len(), builder.len());
}
