//! Damage: cut at every byte, flipped bits, inputs that fail, through every compression; never a panic, and
//! always the packets before the damage.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod capture_support;

use std::io::{self, Read, Write};

use capture_support::*;
use hirundo_packet::capture::CaptureError;

/// The formats that the cuts and flips are made to.
fn samples() -> Vec<Vec<u8>> {
    vec![pcap(LITTLE, MICROSECONDS, 12), pcap(BIG, NANOSECONDS, 12), pcapng()]
}

#[test]
fn cut_at_every_byte_gives_the_packets_before() {
    for bytes in samples() {
        let whole = read_bytes(&bytes).unwrap();
        let mut clean = 0;
        for len in 0..bytes.len() {
            let Ok(reading) = read_bytes(&bytes[..len]) else {
                assert!(len < 24, "cut at {len}");
                continue;
            };
            assert!(whole.frames.starts_with(&reading.frames), "cut at {len}");
            match reading.error {
                None => clean += 1,
                Some(CaptureError::Damaged { offset, packet, .. }) => {
                    assert_eq!(packet, reading.frames.len() as u64 + 1, "cut at {len}");
                    assert!(offset <= len as u64, "cut at {len}");
                }
                Some(other) => panic!("cut at {len}: {other}"),
            }
        }
        // Without an error only between two records or blocks.
        assert!(clean >= 11 && clean <= whole.frames.len() + 8, "{clean} clean cuts");
    }
}

#[test]
fn flipped_bits_never_panic() {
    let mut random = Random(20_240_229);
    for bytes in samples() {
        for _ in 0..2_000 {
            let mut flipped = bytes.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(flipped.len());
                flipped[at] ^= 1 << random.below(8);
            }
            if let Ok(reading) = read_bytes(&flipped) {
                assert!(reading.offset <= flipped.len() as u64);
            }
        }
    }
}

#[test]
fn noise_after_a_good_header_never_panics() {
    let mut random = Random(7);
    for _ in 0..2_000 {
        let len = random.below(300);
        for mut bytes in [pcap(LITTLE, MICROSECONDS, 0), section(BIG), section(LITTLE)] {
            bytes.extend(random.bytes(len));
            drop(read_bytes(&bytes));
        }
    }
}

type Compress = fn(&[u8]) -> Vec<u8>;

/// Every way to compress, by name as the format shows it.
fn compressions() -> [(&'static str, Compress); 4] {
    [("gzip", gzip), ("zstd", zstd_frame), ("xz", xz), ("lz4", lz4)]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(0);
    options.set_block_size(std::num::NonZeroU64::new(4096));
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut info = lz4_flex::frame::FrameInfo::new();
    info.block_size = lz4_flex::frame::BlockSize::Max64KB;
    info.content_checksum = true;
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A skippable frame of zstd and lz4.
fn skippable(len: u32) -> Vec<u8> {
    let mut bytes = 0x184d_2a53_u32.to_le_bytes().to_vec();
    bytes.extend(len.to_le_bytes());
    bytes.extend(vec![0x55; len as usize]);
    bytes
}

#[test]
fn every_compression_gives_the_same_frames_and_digest() {
    for bytes in samples() {
        let plain = read_bytes(&bytes).unwrap();
        for (name, compress) in compressions() {
            let (first, second) = bytes.split_at(bytes.len() / 3);
            let whole = compress(&bytes);
            // Several members, frames or streams after each other are one input.
            let parts = [compress(first), compress(b""), compress(second)].concat();
            for (what, compressed) in [("whole", whole), ("parts", parts)] {
                for step in [1, 13, usize::MAX] {
                    let bytes = io::Cursor::new(compressed.clone());
                    let reading =
                        read_all(Trickle { bytes, step, calls: 0 }).unwrap_or_else(|error| panic!("{name} {what} {step}: {error:?}"));
                    assert!(reading.error.is_none(), "{name} {what} {step}: {:?}", reading.error);
                    assert_eq!(reading.frames, plain.frames, "{name} {what} {step}");
                    assert_eq!(reading.digest, plain.digest, "{name} {what} {step}");
                    assert_eq!(reading.bytes_read, compressed.len() as u64, "{name} {what} {step}");
                    assert_eq!(reading.format, format!("{}, in {name}", plain.format));
                }
            }
        }
    }
}

#[test]
fn compression_is_undone_twice_and_no_more() {
    let bytes = pcap(LITTLE, MICROSECONDS, 30);
    let plain = read_bytes(&bytes).unwrap();
    for (outer_name, outer) in compressions() {
        for (inner_name, inner) in compressions() {
            let twice = outer(&inner(&bytes));
            let reading = read_bytes(&twice).unwrap();
            assert!(reading.error.is_none(), "{outer_name} {inner_name}: {:?}", reading.error);
            assert_eq!(reading.frames, plain.frames);
            assert!(
                reading.format.ends_with(&format!("in {inner_name} in {outer_name}")),
                "{}",
                reading.format
            );
        }
        let thrice = outer(&gzip(&gzip(&bytes)));
        assert!(matches!(read_bytes(&thrice), Err(CaptureError::CompressedTooOften { max: 2 })));
    }
}

#[test]
fn skippable_frames_are_skipped() {
    let bytes = pcap(LITTLE, MICROSECONDS, 30);
    let plain = read_bytes(&bytes).unwrap();
    let (first, second) = bytes.split_at(500);
    for compress in [zstd_frame, lz4] {
        let parts = [
            skippable(0),
            skippable(100_000),
            compress(first),
            skippable(3),
            compress(second),
            skippable(9),
        ];
        let reading = read_bytes(&parts.concat()).unwrap();
        assert!(reading.error.is_none(), "{:?}", reading.error);
        assert_eq!(reading.frames, plain.frames);
    }
}

#[test]
fn cut_compressed_data_gives_packets_and_then_an_error() {
    // Incompressible enough for several blocks of each compression.
    let mut bytes = pcap(LITTLE, MICROSECONDS, 0);
    let mut random = Random(3);
    for at in 0..500 {
        let data = random.bytes(400);
        bytes.extend(pcap_record(LITTLE, [at, 0, 400, 400], &data));
    }
    let whole = read_bytes(&bytes).unwrap();
    for (name, compress) in compressions() {
        let compressed = compress(&bytes);
        let mut most = 0;
        let cuts = (0..60)
            .chain((60..compressed.len()).step_by(4_001))
            .chain(compressed.len() - 20..compressed.len());
        for len in cuts {
            match read_bytes(&compressed[..len]) {
                Ok(reading) => {
                    assert!(whole.frames.starts_with(&reading.frames), "{name} cut at {len}");
                    let error = reading.error.unwrap_or_else(|| panic!("{name} cut at {len}: no error"));
                    assert!(matches!(error, CaptureError::Decompress { .. }), "{name} cut at {len}: {error}");
                    most = most.max(reading.frames.len());
                }
                Err(CaptureError::NotACapture { .. } | CaptureError::Decompress { .. }) => {
                    // A zstd block of 128 KiB comes whole or not at all.
                    assert!(len < 1 << 17, "{name} cut at {len}");
                }
                Err(other) => panic!("{name} cut at {len}: {other}"),
            }
        }
        assert!(most >= 300, "{name}: at most {most} packets before a cut");
    }
}

#[test]
fn flipped_bits_in_compressed_data_never_panic() {
    let mut random = Random(99);
    let bytes = pcapng();
    for (_, compress) in compressions() {
        let compressed = compress(&bytes);
        for _ in 0..800 {
            let mut flipped = compressed.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(flipped.len());
                flipped[at] ^= 1 << random.below(8);
            }
            drop(read_bytes(&flipped));
        }
    }
}

/// CRC-32 as xz and gzip use it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn xz_that_asks_for_too_much_memory_is_refused() {
    let mut bytes = xz(&pcap(LITTLE, MICROSECONDS, 30));
    let header_len = (usize::from(bytes[12]) + 1) * 4;
    let header = 12..12 + header_len - 4;
    // The LZMA2 filter's only property byte stands behind its number and its size.
    let at = header.clone().find(|&at| bytes[at..at + 2] == [0x21, 1]).unwrap() + 2;
    bytes[at] = 40;
    let crc = crc32(&bytes[header.clone()]);
    bytes[header.end..header.end + 4].copy_from_slice(&crc.to_le_bytes());
    let error = read_bytes(&bytes).unwrap_err();
    let CaptureError::Decompress { source, .. } = error else {
        panic!("{error}")
    };
    assert!(
        source.to_string().contains("dictionary of 4294967295 bytes, more than 134217728"),
        "{source}"
    );
}

#[test]
fn zstd_that_asks_for_too_much_memory_is_refused() {
    // Frame header: magic, no single segment, window of 2^(10 + 31 - 0) bytes, one raw block of nothing.
    let bytes = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 31 << 3, 1, 0, 0];
    assert!(matches!(read_bytes(&bytes), Err(CaptureError::Decompress { .. })));
}

/// Gives `bytes` and then fails.
struct Failing {
    bytes: io::Cursor<Vec<u8>>,
}

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(buffer)? {
            0 => Err(io::Error::other("the disk is gone")),
            count => Ok(count),
        }
    }
}

#[test]
fn a_failing_input_gives_its_packets_and_its_own_error() {
    let bytes = pcap(LITTLE, MICROSECONDS, 30);
    let plain = read_bytes(&bytes).unwrap();
    let mut inputs = vec![("plain", bytes.clone())];
    inputs.extend(compressions().iter().map(|(name, compress)| (*name, compress(&bytes))));
    for (name, input) in inputs {
        let reading = read_all(Failing {
            bytes: io::Cursor::new(input),
        })
        .unwrap();
        assert_eq!(reading.frames, plain.frames, "{name}");
        let Some(CaptureError::Read { packet: 31, source, .. }) = reading.error else {
            panic!("{name}: {:?}", reading.error);
        };
        assert_eq!(source.to_string(), "the disk is gone");
    }
    let at_once = read_all(Failing {
        bytes: io::Cursor::new(Vec::new()),
    });
    assert!(matches!(at_once, Err(CaptureError::Read { packet: 1, offset: 0, .. })));
}
