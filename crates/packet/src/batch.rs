//! Batches: the form in which a sensor's packets are spooled and shipped, version 1.
//!
//! (Contract while it is being built; the implementation replaces it.)

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
