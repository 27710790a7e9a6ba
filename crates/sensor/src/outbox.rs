//! What the uplink asks of the spool: which batches wait, their bytes, and that they are done.

use std::collections::HashSet;
use std::io;

/// Name of a batch of this sensor. Ordered as batches were made within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchName {
    /// Run of the sensor process.
    pub epoch: u64,
    /// Number in the run, from 0.
    pub number: u64,
}

/// How full the outbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Batches.
    pub batches: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Most bytes it may hold.
    pub bytes_max: u64,
    /// Since when the oldest batch waits, microseconds since 1970; 0 without one.
    pub oldest_us: i64,
    /// Batches the centre refused, in all.
    pub rejected: u64,
    /// Packets the spool dropped, in this run.
    pub dropped: u64,
}

/// Sealed, durable batches on their way to the centre.
pub trait Outbox: Send + Sync {
    /// Names of at most `max` batches that wait and are not in `flying`, oldest first.
    fn waiting(&self, max: usize, flying: &HashSet<BatchName>) -> Vec<BatchName>;
    /// Bytes of a batch; `None` when it is gone (dropped meanwhile, or damaged and set aside).
    ///
    /// # Errors
    /// When the disk refuses; the batch still waits.
    fn read(&self, name: BatchName) -> io::Result<Option<Vec<u8>>>;
    /// The centre has it: it may be deleted.
    ///
    /// # Errors
    /// When the disk refuses.
    fn stored(&self, name: BatchName) -> io::Result<()>;
    /// The centre will never take it: it is set aside and counted.
    ///
    /// # Errors
    /// When the disk refuses.
    fn rejected(&self, name: BatchName, reason: &str) -> io::Result<()>;
    /// How full it is.
    fn state(&self) -> Waiting;
}
