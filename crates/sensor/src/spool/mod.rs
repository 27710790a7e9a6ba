//! Batches on disk until the centre has them: journal, sealed files, bounds, counts of what was lost.
//!
//! ```text
//!  lock       held as long as the spool is open
//!  reserve    space that is given up when the disk is full
//!  journal/   EPOCH-NUMBER.journal: what went into a batch that is not sealed yet; .spare: to be written over
//!  batches/   EPOCH.NUMBER.SEALED.FIRST.batch: sealed, whole, forced to disk
//!  rejected/  what the centre refused, with the reason; the oldest go first
//!  damaged/   what could not be read any more; the oldest go first
//! ```
//!
//! What was pushed and flushed is, whatever happens, exactly once in a batch that waits or was taken by the centre, or
//! counted as `dropped_spool` in one. A batch that has to go is replaced, under its name and by one renaming, by one
//! that has its health and none of its packets.

mod disk;
mod journal;
mod look;
mod open;
mod seal;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hirundo_packet::batch::Header;
use serde::Deserialize;
use tracing::warn;

use crate::outbox::{BatchName, Outbox, Waiting};
use disk::Disk;
use journal::Journal;
pub use look::look;
pub use open::Open;
use seal::{Content, Item, Sealer};
use shelf::Shelf;

/// Section `[spool]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Most bytes of sealed batches; the packets of the oldest go first.
    pub bytes_max: u64,
    /// Days after which packets go that the centre never took.
    pub days_max: u32,
    /// Seconds after which a batch is sealed, however few packets it has.
    pub batch_secs: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            bytes_max: 2 << 30,
            days_max: 14,
            batch_secs: 10,
        }
    }
}

/// Least bytes of a spool: as many as one batch can have.
const BYTES_MAX_LEAST: u64 = 16 << 20;
/// Most seconds of a batch.
const BATCH_SECS_MOST: u32 = 3600;

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No room for even a few batches.
    #[error("set spool.bytes_max to {found}: too little for a few batches; hint: {BYTES_MAX_LEAST} bytes are the least")]
    TooSmall {
        /// What was set.
        found: u64,
    },
    /// Everything would be too old at once.
    #[error("set spool.days_max to 0: every packet would be dropped at once; hint: 14 days is the default")]
    NoDays,
    /// Batches that never end, or end at once.
    #[error("set spool.batch_secs to {found}; hint: 1 to {BATCH_SECS_MOST} seconds are possible, 10 is the default")]
    BatchSecs {
        /// What was set.
        found: u32,
    },
}

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`SettingsError`] with what to do about it.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.bytes_max < BYTES_MAX_LEAST {
            return Err(SettingsError::TooSmall { found: self.bytes_max });
        }
        if self.days_max == 0 {
            return Err(SettingsError::NoDays);
        }
        if !(1..=BATCH_SECS_MOST).contains(&self.batch_secs) {
            return Err(SettingsError::BatchSecs { found: self.batch_secs });
        }
        Ok(())
    }
}

/// How much of what an interface received is accounted for: what is missing between this and the kernel's counter at
/// the next start was received while no sensor ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Changes when the kernel's counter begins anew: after a boot, or with another interface of the same name.
    pub identity: u64,
    /// The kernel's counter of received frames (`rx_packets`), up to which all were seen, dropped and said so, or refused
    /// by the filter.
    pub received: u64,
}

/// Accounts by interface.
pub type Accounts = BTreeMap<String, Account>;

/// What was found when a spool was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Batches put together again out of journals of processes that were killed.
    pub batches: usize,
    /// Their packets.
    pub packets: usize,
    /// Bytes at the end of journals that were no whole record, and are left out.
    pub torn_bytes: usize,
    /// Journals that could not be read at all, and are set aside.
    pub damaged: usize,
    /// Accounts as last written.
    pub accounts: Accounts,
    /// When a sensor last wrote, microseconds since 1970; none where none ever did.
    pub last_alive_us: Option<i64>,
}

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk refused.
    #[error("open the spool {folder}; hint: the folder must exist or be made, and belong to the sensor's user")]
    Io {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has it.
    #[error("open the spool {folder}: another sensor uses it; hint: give each sensor a folder of its own")]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
}

/// Batches of one sensor on one disk.
pub struct Spool {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Inner {
    shelf: Shelf,
    sealer: Sealer,
    disk: Disk,
    folder: PathBuf,
    bytes_max: u64,
    /// What batches of this run are.
    header: Header,
    /// The first open batch, which was begun with the accounts of the last run.
    first: Mutex<Option<Open>>,
    _lock: File,
}

impl Spool {
    /// Opens the spool in `folder`, which is made if need be, for a run of the sensor `sensor`.
    ///
    /// # Errors
    /// [`SpoolError`] when the disk refuses or another process has it open.
    pub fn open(
        folder: &Path,
        settings: &Settings,
        sensor: &str,
        epoch: u64,
        hidden: bool,
        now_us: i64,
    ) -> Result<(Arc<Spool>, Recovered), SpoolError> {
        let header = Header {
            sensor: sensor.to_owned(),
            epoch,
            number: 0,
            sealed_us: 0,
            hidden,
        };
        let (inner, recovered) = Inner::open(folder, settings, header, now_us, Disk::default())?;
        let io = |source| SpoolError::Io {
            folder: folder.to_owned(),
            source,
        };
        let worker = Arc::clone(&inner);
        let thread = std::thread::Builder::new().name("spool".to_owned());
        let thread = thread.spawn(move || worker.sealer.run(&worker.shelf)).map_err(io)?;
        let spool = Spool {
            inner,
            thread: Mutex::new(Some(thread)),
        };
        Ok((Arc::new(spool), recovered))
    }

    /// The batch to push into. To be asked for once; after that [`Spool::seal`] gives the next.
    #[must_use]
    pub fn begin(&self) -> Open {
        self.inner.begin()
    }

    /// Hands a batch over to be sealed, without waiting for the disk, and begins the next with the same accounts. One
    /// into which nothing went is given back. When the disk lags behind, the packets of the oldest batch that waits
    /// for it are dropped and counted.
    #[must_use]
    pub fn seal(&self, open: Open, sealed_us: i64) -> Open {
        self.inner.seal(open, sealed_us)
    }

    /// Waits until everything handed over is on disk, at most so long; whether it is. What is not is found again at
    /// the next start, in its journal.
    pub fn wait(&self, at_most: Duration) -> bool {
        self.inner.sealer.wait(at_most)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.inner.sealer.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            warn!("the spool's thread ended by a mistake in it");
        }
        if let Err(error) = self.inner.sealer.spare().clear(&self.inner.disk) {
            warn!(%error, "cannot delete a file in the spool; the next start does");
        }
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Spool")
            .field("folder", &self.inner.folder)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn open(folder: &Path, settings: &Settings, header: Header, now_us: i64, disk: Disk) -> Result<(Arc<Inner>, Recovered), SpoolError> {
        let io = |source| SpoolError::Io {
            folder: folder.to_owned(),
            source,
        };
        // What a sensor sees is nobody else's business.
        let mut folders = fs::DirBuilder::new();
        folders.recursive(true).mode(0o700).create(folder.join("journal")).map_err(io)?;
        let lock = File::create(folder.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(SpoolError::Locked { folder: folder.to_owned() });
            }
            Err(fs::TryLockError::Error(source)) => return Err(io(source)),
        }
        let shelf = Shelf::open(disk.clone(), folder, settings.bytes_max, settings.days_max, now_us).map_err(io)?;
        let inner = Inner {
            shelf,
            sealer: Sealer::new(disk.clone(), folder.join("reserve")),
            disk,
            folder: folder.to_owned(),
            bytes_max: settings.bytes_max,
            header,
            first: Mutex::new(None),
            _lock: lock,
        };
        let recovered = inner.recover(now_us).map_err(io)?;
        Ok((Arc::new(inner), recovered))
    }

    /// Turns the journals of earlier runs into batches.
    fn recover(&self, now_us: i64) -> io::Result<Recovered> {
        let mut recovered = Recovered::default();
        let mut found = Vec::new();
        for item in fs::read_dir(self.folder.join("journal"))? {
            let path = item?.path();
            if path.extension().is_some_and(|extension| extension == journal::SPARE) {
                self.disk.remove(&path)?;
                continue;
            }
            let Some((bytes, is_longer)) = self.disk.read(&path, journal::BYTES_MAX)? else {
                continue;
            };
            match journal::read(&bytes) {
                // Killed before anything was in it.
                None if bytes.len() < journal::HEADER_BYTES_MAX => {
                    recovered.torn_bytes += bytes.len();
                    self.disk.remove(&path)?;
                }
                Some(replayed) => {
                    recovered.torn_bytes += replayed.torn_bytes + usize::from(is_longer);
                    found.push((path, replayed));
                }
                None => {
                    recovered.damaged += 1;
                    self.shelf.set_aside_journal(&path)?;
                }
            }
        }
        found.sort_by_key(|(_, replayed)| (replayed.alive_us, replayed.header.number));
        if let Some((_, newest)) = found.last() {
            recovered.accounts.clone_from(&newest.accounts);
            recovered.last_alive_us = newest.alive_us;
        }
        // On disk before the journals go that they are from.
        let mut first = self.next_open(0, recovered.accounts.clone());
        if let Some(alive_us) = recovered.last_alive_us
            && let Err(error) = first.flush(alive_us)
        {
            warn!(%error, "cannot write to the spool");
        }
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(first);
        for (path, replayed) in found {
            if replayed.torn_bytes > 0 {
                warn!(journal = %path.display(), bytes = replayed.torn_bytes, "a journal's end was cut off in writing; it is left out");
            }
            if replayed.builder.is_empty() {
                self.disk.remove(&path)?;
                continue;
            }
            recovered.batches += 1;
            recovered.packets += replayed.builder.len();
            let item = Item {
                header: Header {
                    sealed_us: now_us,
                    ..replayed.header
                },
                journal: path,
                content: Content::Whole(replayed.builder),
            };
            self.sealer.hand_over(item, false);
            // Sealed at once, or, where the disk refuses, by the thread.
            while let Ok(true) = self.sealer.seal_next(&self.shelf) {}
        }
        Ok(recovered)
    }

    fn next_open(&self, number: u64, accounts: Accounts) -> Open {
        let header = Header {
            number,
            ..self.header.clone()
        };
        let name = format!("{:016x}-{number}.journal", header.epoch);
        let journal = Journal::new(
            self.disk.clone(),
            self.sealer.spare(),
            self.folder.join("journal").join(name),
            &header,
        );
        Open::new(header, self.sealer.builder(), journal, accounts)
    }

    fn begin(&self) -> Open {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or_else(|| self.next_open(0, Accounts::new()))
    }

    fn seal(&self, mut open: Open, sealed_us: i64) -> Open {
        // What is not in a journal yet would be lost if the process were killed before the batch is on disk.
        if let Err(error) = open.flush(sealed_us) {
            warn!(%error, "cannot write to the journal of a batch; it is sealed all the same");
        }
        if open.is_empty() {
            return open;
        }
        let mut next = self.next_open(open.header.number + 1, open.accounts.clone());
        // The accounts are in the next journal before this one can go.
        if let Err(error) = next.flush(sealed_us) {
            warn!(%error, "cannot write to the spool");
        }
        let journal = open.journal.path().to_owned();
        let Open { header, builder, .. } = open;
        let item = Item {
            header: Header { sealed_us, ..header },
            journal,
            content: Content::Whole(builder),
        };
        let dropped = self.sealer.hand_over(item, true);
        if dropped > 0 {
            warn!(
                packets = dropped,
                "the disk lags behind: the packets of a batch are dropped and counted"
            );
            self.shelf.dropped.fetch_add(dropped as u64, Relaxed);
        }
        next
    }
}

impl Outbox for Inner {
    fn waiting(&self, max: usize, flying: &HashSet<BatchName>) -> Vec<BatchName> {
        self.shelf.waiting(max, flying)
    }

    fn read(&self, name: BatchName) -> io::Result<Option<Vec<u8>>> {
        self.shelf.read(name)
    }

    fn stored(&self, name: BatchName) -> io::Result<()> {
        self.shelf.stored(name)
    }

    fn rejected(&self, name: BatchName, reason: &str) -> io::Result<()> {
        self.shelf.rejected(name, reason)
    }

    fn state(&self) -> Waiting {
        let (batches, bytes, oldest_us) = self.shelf.state();
        Waiting {
            batches,
            bytes,
            bytes_max: self.bytes_max,
            oldest_us,
            rejected: self.shelf.rejected.load(Relaxed),
            dropped: self.shelf.dropped.load(Relaxed),
        }
    }
}

impl Outbox for Spool {
    fn waiting(&self, max: usize, flying: &HashSet<BatchName>) -> Vec<BatchName> {
        self.inner.waiting(max, flying)
    }

    fn read(&self, name: BatchName) -> io::Result<Option<Vec<u8>>> {
        self.inner.read(name)
    }

    fn stored(&self, name: BatchName) -> io::Result<()> {
        self.inner.stored(name)
    }

    fn rejected(&self, name: BatchName, reason: &str) -> io::Result<()> {
        self.inner.rejected(name, reason)
    }

    fn state(&self) -> Waiting {
        self.inner.state()
    }
}
