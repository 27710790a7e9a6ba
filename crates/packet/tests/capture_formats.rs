//! Captures made byte by byte: every variant of pcap and pcapng, and what each field means.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod capture_support;

use std::io;

use capture_support::*;
use hirundo_packet::capture::{Capture, CaptureError, Likeness, RECORD_BYTES_MAX};

#[test]
fn pcap_of_every_order_and_resolution() {
    let unit = |magic| if magic == NANOSECONDS { 1 } else { 1000 };
    for (order, name) in [(LITTLE, "little-endian"), (BIG, "big-endian")] {
        for (magic, kind) in [(MICROSECONDS, "pcap, microseconds"), (NANOSECONDS, "pcap, nanoseconds")] {
            let reading = read_bytes(&pcap(order, magic, 20)).unwrap();
            assert_eq!(reading.format, format!("{kind}, {name}"));
            assert_eq!(reading.frames.len(), 20);
            assert!(reading.error.is_none());
            for (at, frame) in reading.frames.iter().enumerate() {
                let number = i64::try_from(at).unwrap();
                assert_eq!(frame.data.len(), at * 7 % 90);
                assert_eq!(frame.wire_len as usize, at * 7 % 90 + at);
                let seconds = 1_700_000_000 + number;
                assert_eq!(frame.time_ns, seconds * 1_000_000_000 + number * 3 * unit(magic));
            }
        }
    }
}

#[test]
fn modified_pcap_has_longer_record_headers() {
    let mut bytes = pcap_header(LITTLE, MODIFIED, (2, 4), 1);
    for at in 0..3 {
        let mut extra = vec![0xee; 8];
        extra.extend([at; 5]);
        bytes.extend(pcap_record(LITTLE, [u32::from(at), 0, 5, 60], &extra));
    }
    let reading = read_bytes(&bytes).unwrap();
    assert_eq!(reading.format, "modified pcap, microseconds, little-endian");
    let data: Vec<_> = reading.frames.iter().map(|frame| frame.data.clone()).collect();
    assert_eq!(data, [[0; 5], [1; 5], [2; 5]]);
}

#[test]
fn lengths_of_old_minor_versions_are_the_other_way_round() {
    for (minor, header) in [(2, [0, 0, 60, 4]), (3, [0, 0, 60, 4]), (3, [0, 0, 4, 60]), (4, [0, 0, 4, 60])] {
        let mut bytes = pcap_header(BIG, MICROSECONDS, (2, minor), 1);
        bytes.extend(pcap_record(BIG, header, b"four"));
        let reading = read_bytes(&bytes).unwrap();
        assert_eq!(reading.frames[0].data, b"four", "2.{minor} {header:?}");
        assert_eq!(reading.frames[0].wire_len, 60);
    }
}

#[test]
fn seconds_of_pcap_are_unsigned_and_reach_2106() {
    let mut bytes = pcap_header(LITTLE, NANOSECONDS, (2, 4), 1);
    bytes.extend(pcap_record(LITTLE, [u32::MAX, u32::MAX, 0, 0], b""));
    let reading = read_bytes(&bytes).unwrap();
    assert_eq!(reading.frames[0].time_ns, 4_294_967_295_000_000_000 + 4_294_967_295);
    assert_eq!(reading.times_over, 1);
}

#[test]
fn frame_check_sequence_bits_are_no_link_type() {
    let mut bytes = pcap_header(LITTLE, MICROSECONDS, (2, 4), 0x4400_0071);
    bytes.extend(pcap_record(LITTLE, [0, 0, 1, 1], b"x"));
    assert_eq!(read_bytes(&bytes).unwrap().frames[0].link.0, 113);
}

#[test]
fn the_longest_record_is_read_and_one_byte_more_is_damage() {
    let longest = vec![5; RECORD_BYTES_MAX as usize];
    let mut bytes = pcap(LITTLE, MICROSECONDS, 3);
    bytes.extend(pcap_record(LITTLE, [9, 9, RECORD_BYTES_MAX, 0], &longest));
    let offset = bytes.len();
    bytes.extend(pcap_record(LITTLE, [9, 9, RECORD_BYTES_MAX + 1, 0], &longest));
    let reading = read_bytes(&bytes).unwrap();
    assert_eq!(reading.frames.len(), 4);
    assert_eq!(reading.frames[3].data, longest);
    assert_eq!(
        reading.error.unwrap().to_string(),
        format!(
            "read packet 5 at byte {offset} of the capture: \
             the packet claims 262145 captured bytes, more than 262144"
        )
    );
    assert_eq!(reading.offset, offset as u64);
}

#[test]
fn pcapng_of_two_sections_with_blocks_of_every_kind() {
    let reading = read_bytes(&pcapng()).unwrap();
    assert!(reading.error.is_none(), "{:?}", reading.error);
    assert_eq!(reading.format, "pcapng, little-endian");
    let shown: Vec<_> = reading
        .frames
        .iter()
        .map(|frame| {
            (
                frame.interface,
                frame.link.0,
                frame.time_ns % 1_000_000_000_000_000,
                frame.data.len(),
            )
        })
        .collect();
    let nano = 700_000_000_000_000;
    let expected = [
        (0, 1, nano, 0),
        (1, 101, 1_000, 13),
        (0, 1, nano + 2, 26),
        (1, 101, 3_000, 39),
        (0, 1, nano + 4, 52),
        (0, 1, nano + 4, 21),
        (0, 1, nano, 0),
        (1, 101, 1_000, 13),
        (0, 1, nano + 2, 26),
        (1, 101, 3_000, 39),
        (0, 1, 3_000, 21),
    ];
    assert_eq!(shown.len(), expected.len());
    for (at, (found, expected)) in shown.iter().zip(expected).enumerate() {
        assert_eq!(*found, expected, "packet {at}");
    }
}

/// One packet through one interface: (options, units, expected nanoseconds).
fn check_time(order: Order, options: &[(u16, &[u8])], units: u64, expected: i64) {
    let mut bytes = section(order);
    bytes.extend(interface(order, 1, 0, options));
    bytes.extend(enhanced(order, 0, units, b"x"));
    let reading = read_bytes(&bytes).unwrap();
    assert!(reading.error.is_none(), "{:?}", reading.error);
    assert_eq!(reading.frames[0].time_ns, expected, "{options:?} {units}");
}

#[test]
fn times_of_pcapng_follow_resolution_and_offset() {
    for order in [LITTLE, BIG] {
        check_time(order, &[], 1_700_000_000_123_456, 1_700_000_000_123_456_000);
        check_time(order, &[(9, &[9])], 1_700_000_000_123_456_789, 1_700_000_000_123_456_789);
        check_time(order, &[(9, &[0x80 | 20])], (5 << 20) + (1 << 19), 5_500_000_000);
        let offset = order.n64(1_700_000_000);
        check_time(order, &[(9, &[3]), (14, &offset)], 250, 1_700_000_000_250_000_000);
        let back = order.n64((-2_i64).cast_unsigned());
        check_time(order, &[(14, &back)], 500_000, -1_500_000_000);
        // A time zone does not move anything, and options after the end do not count.
        check_time(order, &[(10, &[0, 0, 0x7f, 0x7f])], 7, 7_000);
        check_time(order, &[(2, b"eth0"), (0, b""), (9, &[0])], 7, 7_000);
        check_time(order, &[(9, &[0]), (14, &order.n64(u64::MAX >> 1))], u64::MAX, i64::MAX);
        check_time(order, &[(14, &order.n64(1 << 63))], 0, i64::MIN);
    }
}

#[test]
fn simple_packets_are_cut_to_the_snap_length() {
    let mut bytes = section(BIG);
    bytes.extend(interface(BIG, 1, 4, &[]));
    bytes.extend(simple(BIG, 60, &[1, 2, 3, 4]));
    bytes.extend(simple(BIG, 3, &[1, 2, 3]));
    bytes.extend(simple(BIG, 0, &[]));
    let reading = read_bytes(&bytes).unwrap();
    let shown: Vec<_> = reading
        .frames
        .iter()
        .map(|frame| (frame.time_ns, frame.wire_len, frame.data.as_slice()))
        .collect();
    assert_eq!(shown, [(0, 60, &[1_u8, 2, 3, 4][..]), (0, 3, &[1, 2, 3]), (0, 0, &[])]);
}

#[test]
fn obsolete_packet_blocks_are_read() {
    for order in [LITTLE, BIG] {
        let mut bytes = section(order);
        bytes.extend(interface(order, 1, 0, &[]));
        bytes.extend(interface(order, 9, 0, &[]));
        let mut body = order.n16(1).to_vec();
        body.extend(order.n16(0xffff));
        [0, 77, 3, 99].iter().for_each(|&number| body.extend(order.n32(number)));
        body.extend(b"abc\0");
        bytes.extend(block(order, 2, &body));
        let frame = read_bytes(&bytes).unwrap().frames.remove(0);
        assert_eq!((frame.time_ns, frame.wire_len, frame.interface, frame.link.0), (77_000, 99, 1, 9));
        assert_eq!(frame.data, b"abc");
    }
}

#[test]
fn long_unknown_blocks_are_skipped_and_long_packet_blocks_are_damage() {
    let mut bytes = section(LITTLE);
    bytes.extend(interface(LITTLE, 1, 0, &[]));
    bytes.extend(block(LITTLE, 0x8000_0001, &vec![1; 5 << 20]));
    bytes.extend(enhanced(LITTLE, 0, 1, &vec![3; RECORD_BYTES_MAX as usize]));
    let offset = bytes.len();
    bytes.extend(block(LITTLE, 6, &vec![0; 1 << 20]));
    let reading = read_bytes(&bytes).unwrap();
    assert_eq!(reading.frames.len(), 1);
    assert_eq!(
        reading.error.unwrap().to_string(),
        format!(
            "read packet 2 at byte {offset} of the capture: \
             block of type 0x6 is 1048588 bytes long, more than 1048576"
        )
    );
}

/// What follows a section with one interface and one packet is damage, described with `words`.
fn check_damage(block: &[u8], words: &str) {
    let mut bytes = section(LITTLE);
    bytes.extend(interface(LITTLE, 1, 0, &[]));
    bytes.extend(enhanced(LITTLE, 0, 1, b"before"));
    bytes.extend(block);
    bytes.extend(enhanced(LITTLE, 0, 2, b"behind"));
    let reading = read_bytes(&bytes).unwrap();
    assert_eq!(reading.frames.len(), 1, "{words}");
    let error = reading.error.expect(words).to_string();
    assert!(error.contains(words), "{error}\n  does not say: {words}");
}

#[test]
fn damage_in_pcapng_is_named() {
    let with = |mut block: Vec<u8>, at: usize, value: u32| {
        block[at..at + 4].copy_from_slice(&value.to_le_bytes());
        block
    };
    let packet = || enhanced(LITTLE, 0, 1, b"12345678");
    check_damage(&enhanced(LITTLE, 3, 1, b""), "of interface 3, but its section has described 1");
    check_damage(&with(packet(), 4, 8), "block of type 0x6 is 8 bytes long, less than 12");
    check_damage(&with(packet(), 4, 28), "block of type 0x6 is 28 bytes long, less than 32");
    check_damage(&with(packet(), 4, 42), "42 bytes long, not a multiple of 4");
    check_damage(&with(packet(), 36, 41), "begins with length 40 but ends with 41");
    check_damage(&with(packet(), 20, 9), "claims 9 captured bytes in a block with room for 8");
    check_damage(&with(packet(), 20, u32::MAX), "claims 4294967295 captured bytes, more than 262144");
    check_damage(&with(section(LITTLE), 8, 0x1234_5678), "section with byte-order magic 0x78563412");
    check_damage(&with(section(LITTLE), 12, 2), "section of pcapng version 2.0");
    check_damage(&with(block(LITTLE, 99, &[0; 8]), 16, 7), "begins with length 20 but ends with 7");
    check_damage(&with(interface(LITTLE, 1, 0, &[(2, b"eth0")]), 16, 0x0400_0002), "does not fit the");
    check_damage(&with(block(LITTLE, 99, &[0; 8]), 4, 0xffff_fff0), "the input ends after");
}

#[test]
fn a_section_without_interfaces_cannot_have_packets() {
    let mut bytes = pcapng();
    bytes.extend(section(LITTLE));
    bytes.extend(simple(LITTLE, 1, b"x"));
    let reading = read_bytes(&bytes).unwrap();
    assert_eq!(reading.frames.len(), 11);
    assert!(
        reading
            .error
            .unwrap()
            .to_string()
            .contains("interface 0, but its section has described 0")
    );
}

#[test]
fn too_many_interfaces_are_damage() {
    let mut bytes = section(LITTLE);
    let one = interface(LITTLE, 1, 0, &[]);
    (0..=1 << 16).for_each(|_| bytes.extend(&one));
    let reading = read_bytes(&bytes).unwrap();
    assert!(
        reading
            .error
            .unwrap()
            .to_string()
            .ends_with("section with more than 65536 interfaces")
    );
}

#[test]
fn what_is_no_capture_is_rejected_with_a_hint() {
    let cases: [(&[u8], Likeness); 4] = [
        (b"", Likeness::Empty),
        (b"snoop\0\0\0\0\0\0\x02\0\0\0\x04", Likeness::Snoop),
        (b"No.,Time,Source\n1,0.0,192.0.2.1\n", Likeness::Text),
        (b"\xd4\xc3\xb2", Likeness::Unknown),
    ];
    for (bytes, expected) in cases {
        let error = read_bytes(bytes).unwrap_err();
        assert!(error.to_string().contains("; hint: "), "{error}");
        assert!(
            matches!(error, CaptureError::NotACapture { likeness, .. } if likeness == expected),
            "{error}"
        );
    }
    let mut not_pcapng = section(LITTLE);
    not_pcapng[8] = 0;
    assert!(matches!(read_bytes(&not_pcapng), Err(CaptureError::NotACapture { .. })));
    let mut version = section(LITTLE);
    version[12] = 7;
    assert!(matches!(
        read_bytes(&version),
        Err(CaptureError::UnsupportedVersion {
            container: "pcapng",
            major: 7,
            minor: 0
        })
    ));
}

#[test]
fn readers_that_trickle_give_the_same_frames_and_digest() {
    for bytes in [pcap(LITTLE, MICROSECONDS, 50), pcap(BIG, NANOSECONDS, 50), pcapng()] {
        let whole = read_bytes(&bytes).unwrap();
        for step in [1, 2, 3, 7, 16, 1000] {
            let bytes = io::Cursor::new(bytes.clone());
            let trickled = read_all(Trickle { bytes, step, calls: 0 }).unwrap();
            assert!(trickled.error.is_none(), "{:?}", trickled.error);
            assert_eq!(trickled.frames, whole.frames, "step {step}");
            assert_eq!(trickled.digest, whole.digest, "step {step}");
            assert_eq!(trickled.bytes_read, whole.bytes_read, "step {step}");
        }
    }
}

#[test]
fn digests_are_of_the_records_taken_and_their_meaning() {
    let digests = |bytes: &[u8], each: usize| {
        let mut capture = Capture::open(Box::new(io::Cursor::new(bytes.to_vec()))).unwrap();
        let mut digests = Vec::new();
        loop {
            let taken = (0..each).take_while(|_| capture.next().unwrap().is_some()).count();
            if taken == 0 {
                return digests;
            }
            digests.push(capture.take_digest());
        }
    };
    let records: Vec<u8> = pcap(LITTLE, MICROSECONDS, 9).split_off(24);
    let capture = |magic, network, records: &[u8]| {
        let mut bytes = pcap_header(LITTLE, magic, (2, 4), network);
        bytes.extend(records);
        bytes
    };
    let all = digests(&capture(MICROSECONDS, 1, &records), 100);
    assert_eq!(all.len(), 1);
    assert_ne!(all, digests(&capture(NANOSECONDS, 1, &records), 100), "resolution counts");
    assert_ne!(all, digests(&capture(MICROSECONDS, 101, &records), 100), "link type counts");
    let mut other_snap_length = capture(MICROSECONDS, 1, &records);
    other_snap_length[16] ^= 1;
    assert_eq!(all, digests(&other_snap_length, 100), "the rest of the header does not");
    // A batch is the same wherever it stands in a file.
    let twice = [records.clone(), records.clone()].concat();
    let batches = digests(&capture(MICROSECONDS, 1, &twice), 9);
    assert_eq!(batches, [all[0], all[0]]);
    // For pcapng, the same block under another interface is another batch.
    let under = |resolution: u8| {
        let mut bytes = section(LITTLE);
        bytes.extend(interface(LITTLE, 1, 0, &[(9, &[resolution])]));
        (0..2).for_each(|_| bytes.extend(enhanced(LITTLE, 0, 5, b"same")));
        digests(&bytes, 1)
    };
    assert_ne!(under(6)[1], under(9)[1]);
    assert_eq!(under(6)[1], under(6)[1]);
}

#[test]
fn records_across_every_refill_of_the_buffer_are_whole() {
    let mut random = Random(11);
    let (mut pcap, mut pcapng) = (
        pcap_header(BIG, MICROSECONDS, (2, 4), 1),
        [section(BIG), interface(BIG, 1, 0, &[])].concat(),
    );
    let mut expected = Vec::new();
    while pcap.len() < 6 << 20 {
        let most = if random.below(20) == 0 {
            RECORD_BYTES_MAX as usize + 1
        } else {
            1_500
        };
        let len = random.below(most);
        let data = vec![u8::try_from(random.below(256)).unwrap(); len];
        let number = u32::try_from(len).unwrap();
        pcap.extend(pcap_record(BIG, [0, 1, number, number], &data));
        pcapng.extend(enhanced(BIG, 0, 1, &data));
        expected.push(data);
    }
    for bytes in [pcap, pcapng] {
        let whole = read_bytes(&bytes).unwrap();
        assert!(whole.error.is_none(), "{:?}", whole.error);
        assert!(whole.frames.iter().map(|frame| &frame.data).eq(&expected));
        assert_eq!(whole.offset, bytes.len() as u64);
        let trickle = Trickle {
            bytes: io::Cursor::new(bytes),
            step: 4_099,
            calls: 0,
        };
        assert_eq!(read_all(trickle).unwrap().digest, whole.digest);
    }
}
