//! Batches: the form in which a sensor's packets are spooled and shipped, version 1.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `hirundo` and the version |
//! | 4 | length of the head |
//! | … | head: whose batch it is, counts, first and last time, reasons, minutes; not compressed |
//! | … | columns, each field split into planes of one byte a packet, each plane compressed by zstd where that pays |
//! | 16 | XXH3-128 of all that, against damage (who wrote it is known from the connection it came by) |
//!
//! Numbers are little-endian. A field is only written for packets that have it. TCP options are kept once for each
//! signature, without the values that the signature leaves out.
//!
//! The reader trusts nothing: every count is bounded before memory is taken for it, a plane has exactly the
//! length that follows from the counts, and what no decoder of ours would make is refused.

mod builder;
mod bytes;
mod columns;
mod decoded;
mod gather;
mod head;
mod journal;
mod minutes;
mod planes;

pub use builder::Builder;
pub use decoded::Batch;
pub use head::Summary;

use twox_hash::XxHash3_128;

/// Version of the form.
pub const VERSION: u8 = 1;
/// Most packets of a batch.
pub const PACKETS_MAX: usize = 1 << 16;
/// Most bytes of an encoded batch.
pub const ENCODED_BYTES_MAX: usize = 16 << 20;
/// Most bytes that a batch may take in memory once decoded.
pub const DECODED_BYTES_MAX: usize = 64 << 20;
/// Most rows of [`Minute`] in a batch.
pub const MINUTES_MAX: usize = 1 << 14;
/// Bytes of payload from which on a batch is full: what else there is then fits [`ENCODED_BYTES_MAX`] uncompressed.
pub const PAYLOAD_BYTES_ENOUGH: usize = 4 << 20;

/// Begin of every batch, the version behind it.
const MAGIC: [u8; 7] = *b"hirundo";
/// Bytes of the digest at the end.
pub const DIGEST_BYTES: usize = 16;
/// Appends the digest of all bytes from `begin` on: what a batch ends with.
pub fn append_digest(bytes: &mut Vec<u8>, begin: usize) {
    let digest = XxHash3_128::oneshot(bytes.get(begin..).unwrap_or_default());
    bytes.extend(digest.to_le_bytes());
}

/// Microseconds of a minute.
const MINUTE_US: i64 = 60_000_000;

/// What a batch is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Name of the sensor.
    pub sensor: String,
    /// Run of the sensor process.
    pub epoch: u64,
    /// Number in the run, from 0.
    pub number: u64,
    /// The sensor's clock when it was sealed, microseconds since 1970.
    pub sealed_us: i64,
    /// Whether destination addresses are pseudonyms and what gives them away is blanked.
    pub hidden: bool,
}

/// A minute of a sensor's health; several of one minute add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Begin of the minute, microseconds since 1970.
    pub begin_us: i64,
    /// Whether the sensor was listening in it.
    pub up: bool,
    /// Frames read.
    pub seen: u64,
    /// Of them packets in batches.
    pub kept: u64,
    /// Of them without a readable IP header.
    pub unreadable: u64,
    /// Frames the kernel dropped because the ring was full.
    pub dropped_kernel: u64,
    /// Packets that the spool had to drop.
    pub dropped_spool: u64,
    /// Frames the interface received while the sensor was not running, at most.
    pub missed: u64,
    /// Fill of the ring at its worst, thousandths.
    pub ring_fill_permille: u16,
}

/// Why bytes are no batch, or a batch could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end early.
    #[error("read a batch: it ends too early")]
    Cut,
    /// Bytes follow that do not belong to it.
    #[error("read a batch: {left} bytes are left over")]
    LeftOver {
        /// How many.
        left: usize,
    },
    /// No batch at all.
    #[error("read a batch: the bytes do not begin as a batch does")]
    NoBatch,
    /// A batch of another version.
    #[error("read a batch of version {found}: version {VERSION} is understood; hint: update the older of sensor and centre")]
    OtherVersion {
        /// Its version.
        found: u8,
    },
    /// The bytes changed since they were written.
    #[error("read a batch: its checksum does not match, so it was damaged")]
    Damaged,
    /// A count over its limit.
    #[error("read a batch: it states {found} {what}, {max} are the most")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much is stated.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// A value that cannot be.
    #[error("read a batch: wrong {what}")]
    Wrong {
        /// What is wrong.
        what: &'static str,
    },
    /// A batch that must not be made.
    #[error("make a batch: {what}")]
    NotMade {
        /// Why not.
        what: &'static str,
    },
}
