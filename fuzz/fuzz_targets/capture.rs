//! Any bytes as a capture: never a panic, the same result however the bytes arrive, and only packets within the
//! limits.
#![no_main]

use std::io::{self, Read};

use hirundo_packet::capture::{Capture, RECORD_BYTES_MAX};
use libfuzzer_sys::fuzz_target;

/// Most packets taken from one input; a few compressed bytes can hold millions.
const PACKETS_MAX: usize = 10_000;

/// Gives out few bytes at a time.
struct Trickle {
    bytes: io::Cursor<Vec<u8>>,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(7);
        self.bytes.read(&mut buffer[..len])
    }
}

/// What came of one input.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    packets: usize,
    bytes: usize,
    failed: bool,
    digest: u128,
    offset: u64,
}

/// `None` where nothing can be said for certain: damaged compressed data, where the decompressor may drop more or
/// less of what came before.
fn read(input: Box<dyn Read + Send>) -> Option<Outcome> {
    let mut capture = Capture::open(input).ok()?;
    let (mut packets, mut bytes, mut failed) = (0, 0, false);
    let mut at = capture.offset();
    while packets < PACKETS_MAX {
        match capture.next() {
            Ok(Some(frame)) => {
                assert!(frame.data.len() <= RECORD_BYTES_MAX as usize);
                packets += 1;
                bytes += frame.data.len();
            }
            Ok(None) => break,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                failed = true;
                assert!(capture.next().is_ok_and(|frame| frame.is_none()));
                break;
            }
        }
        assert!(capture.offset() > at, "every packet consumes bytes");
        at = capture.offset();
    }
    assert!(!capture.format().to_string().is_empty());
    if failed && !capture.format().compressions.is_empty() {
        return None;
    }
    let digest = capture.take_digest();
    Some(Outcome {
        packets,
        bytes,
        failed,
        digest,
        offset: capture.offset(),
    })
}

fuzz_target!(|bytes: &[u8]| {
    let whole = read(Box::new(io::Cursor::new(bytes.to_vec())));
    let trickled = read(Box::new(Trickle {
        bytes: io::Cursor::new(bytes.to_vec()),
    }));
    if let (Some(whole), Some(trickled)) = (whole, trickled) {
        assert_eq!(whole, trickled, "it matters how the bytes arrive");
    }
});
