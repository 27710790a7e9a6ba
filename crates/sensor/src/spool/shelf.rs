//! Sealed batches on disk: which wait, how many bytes they have, and what becomes of those that cannot stay.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hirundo_packet::batch::{ENCODED_BYTES_MAX, Summary};
use tracing::warn;

use super::disk::{Disk, PARTIAL};
use crate::outbox::BatchName;

/// Ending of a sealed batch.
pub(super) const BATCH: &str = "batch";
/// Most batches that wait without their packets.
const EMPTIED_MAX: usize = 4096;
/// Most files set aside because they were damaged.
const DAMAGED_FILES_MAX: usize = 64;
/// Share of the spool's bytes that refused batches may have.
const REJECTED_SHARE: u64 = 10;
/// Bytes that a file has on disk at least: emptying a smaller one frees nothing.
const BLOCK_BYTES: u64 = 4096;
/// Most bytes of a reason that is kept with a refused batch.
const REASON_BYTES_MAX: usize = 1000;

/// A sealed batch.
#[derive(Clone, Debug)]
struct Entry {
    name: BatchName,
    path: PathBuf,
    bytes: u64,
    /// When it was sealed by the shelf's clock.
    stamp_us: i64,
    /// It has no packets any more, or never had.
    emptied: bool,
}

/// What waits, oldest first.
#[derive(Debug, Default)]
struct Index {
    entries: BTreeMap<u64, Entry>,
    places: HashMap<BatchName, u64>,
    next: u64,
    bytes: u64,
    emptied: usize,
    /// Goes forward with the sensor's clock, but never back, and never far at once.
    now_us: i64,
    last_us: Option<i64>,
}

/// Longest step of the clock that makes batches older: a clock that is set must not empty the spool.
const STEP_US_MAX: i64 = 3_600_000_000;

impl Index {
    fn insert(&mut self, entry: Entry) {
        self.remove(entry.name);
        self.bytes += entry.bytes;
        self.emptied += usize::from(entry.emptied);
        self.places.insert(entry.name, self.next);
        self.entries.insert(self.next, entry);
        self.next += 1;
    }

    fn remove(&mut self, name: BatchName) -> Option<Entry> {
        let entry = self.places.remove(&name).and_then(|place| self.entries.remove(&place))?;
        self.bytes -= entry.bytes;
        self.emptied -= usize::from(entry.emptied);
        Some(entry)
    }

    fn get(&self, name: BatchName) -> Option<&Entry> {
        self.places.get(&name).and_then(|place| self.entries.get(place))
    }

    /// Changes an entry in its place.
    fn replace(&mut self, entry: Entry) {
        if let Some(place) = self.places.get(&entry.name)
            && let Some(before) = self.entries.insert(*place, entry.clone())
        {
            self.bytes = self.bytes - before.bytes + entry.bytes;
            self.emptied = self.emptied - usize::from(before.emptied) + usize::from(entry.emptied);
        }
    }

    fn advance(&mut self, now_us: i64) {
        let step = self.last_us.map_or(0, |last_us| now_us.saturating_sub(last_us));
        self.last_us = Some(now_us);
        self.now_us = self.now_us.saturating_add(step.clamp(0, STEP_US_MAX));
    }
}

/// The sealed batches of a spool. `index` is only held for looking things up, so that asking never waits for the
/// disk; what changes files takes turns by `turn`.
#[derive(Debug)]
pub(super) struct Shelf {
    disk: Disk,
    folder: PathBuf,
    bytes_max: u64,
    age_us_max: i64,
    index: std::sync::Mutex<Index>,
    turn: std::sync::Mutex<()>,
    /// Packets that had to be dropped.
    pub(super) dropped: std::sync::atomic::AtomicU64,
    /// Batches that were refused, in all.
    pub(super) rejected: std::sync::atomic::AtomicU64,
}

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{MutexGuard, PoisonError};

impl Shelf {
    /// What lies in the folder from earlier runs.
    pub(super) fn open(disk: Disk, folder: &Path, bytes_max: u64, days_max: u32, now_us: i64) -> io::Result<Shelf> {
        for part in ["batches", "damaged", "rejected"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let mut found = Vec::new();
        for item in fs::read_dir(folder.join("batches"))? {
            let path = item?.path();
            if path.extension().is_some_and(|ending| ending == PARTIAL) {
                disk.remove(&path)?;
                continue;
            }
            let Some((name, sealed_us, _)) = read_file_name(&path) else {
                warn!(path = %path.display(), "a file in the spool that is no batch is left alone");
                continue;
            };
            let bytes = fs::metadata(&path)?.len();
            found.push((
                sealed_us,
                Entry {
                    name,
                    path,
                    bytes,
                    stamp_us: sealed_us.min(now_us),
                    emptied: false,
                },
            ));
        }
        found.sort_by_key(|(sealed_us, entry)| (*sealed_us, entry.name));
        let mut index = Index {
            now_us,
            last_us: Some(now_us),
            ..Index::default()
        };
        found.into_iter().for_each(|(_, entry)| index.insert(entry));
        let rejected = fs::read_dir(folder.join("rejected"))?.flatten();
        let rejected = rejected
            .filter(|item| item.path().extension().is_some_and(|ending| ending == BATCH))
            .count();
        Ok(Shelf {
            disk,
            folder: folder.to_owned(),
            bytes_max,
            age_us_max: i64::from(days_max) * 86_400_000_000,
            index: std::sync::Mutex::new(index),
            turn: std::sync::Mutex::new(()),
            dropped: 0.into(),
            rejected: (rejected as u64).into(),
        })
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn holds(&self, name: BatchName) -> bool {
        self.index().get(name).is_some()
    }

    /// Batches, their bytes, since when the oldest waits.
    pub(super) fn state(&self) -> (u64, u64, i64) {
        let index = self.index();
        let oldest_us = index.entries.values().next().map(|entry| entry.stamp_us);
        (index.entries.len() as u64, index.bytes, oldest_us.unwrap_or(0))
    }

    pub(super) fn waiting(&self, max: usize, flying: &HashSet<BatchName>) -> Vec<BatchName> {
        let index = self.index();
        let names = index.entries.values().map(|entry| entry.name);
        names.filter(|name| !flying.contains(name)).take(max).collect()
    }

    /// Puts a sealed batch there, durably.
    pub(super) fn put(&self, summary: &Summary, bytes: &[u8]) -> io::Result<()> {
        let header = &summary.header;
        let name = BatchName {
            epoch: header.epoch,
            number: header.number,
        };
        let path = self
            .folder
            .join("batches")
            .join(file_name(name, header.sealed_us, summary.first_us));
        self.disk.put(&path, bytes)?;
        let mut index = self.index();
        index.advance(header.sealed_us);
        let stamp_us = index.now_us;
        index.insert(Entry {
            name,
            path,
            bytes: bytes.len() as u64,
            stamp_us,
            emptied: summary.packets == 0,
        });
        Ok(())
    }

    pub(super) fn read(&self, name: BatchName) -> io::Result<Option<Vec<u8>>> {
        let Some(entry) = self.index().get(name).cloned() else {
            return Ok(None);
        };
        let Some((bytes, is_longer)) = self.disk.read(&entry.path, ENCODED_BYTES_MAX)? else {
            self.index().remove(name);
            return Ok(None);
        };
        match Summary::read(&bytes) {
            Ok(_) if !is_longer => Ok(Some(bytes)),
            Ok(_) => self.set_aside(&entry, "it is too long").map(|()| None),
            // It may have been replaced by itself without packets between looking and reading.
            Err(error) => self.set_aside(&entry, &error.to_string()).map(|()| None),
        }
    }

    pub(super) fn stored(&self, name: BatchName) -> io::Result<()> {
        let _turn = self.turn();
        let Some(entry) = self.index().get(name).cloned() else {
            return Ok(());
        };
        self.disk.remove(&entry.path)?;
        self.index().remove(name);
        Ok(())
    }

    pub(super) fn rejected(&self, name: BatchName, reason: &str) -> io::Result<()> {
        let _turn = self.turn();
        let Some(entry) = self.index().get(name).cloned() else {
            return Ok(());
        };
        let folder = self.folder.join("rejected");
        let to = folder.join(entry.path.file_name().unwrap_or_default());
        self.disk.rename(&entry.path, &to)?;
        self.index().remove(name);
        self.rejected.fetch_add(1, Relaxed);
        let reason: String = reason.chars().filter(|sign| !sign.is_control()).take(REASON_BYTES_MAX).collect();
        warn!(batch = %to.display(), reason, "the centre refused a batch; it is set aside");
        // What it was refused for is in the log too.
        self.disk.put(&to.with_added_extension("reason"), reason.as_bytes()).ok();
        self.prune(&folder, usize::MAX, self.bytes_max / REJECTED_SHARE)
    }

    /// A batch that cannot be read any more.
    fn set_aside(&self, entry: &Entry, reason: &str) -> io::Result<()> {
        let folder = self.folder.join("damaged");
        self.disk
            .rename(&entry.path, &folder.join(entry.path.file_name().unwrap_or_default()))?;
        self.index().remove(entry.name);
        warn!(batch = %entry.path.display(), reason, "a batch in the spool is damaged; it is set aside, its packets are lost");
        self.prune(&folder, DAMAGED_FILES_MAX, self.bytes_max / REJECTED_SHARE)
    }

    /// Sets a journal aside that cannot be read.
    pub(super) fn set_aside_journal(&self, path: &Path) -> io::Result<()> {
        let folder = self.folder.join("damaged");
        self.disk.rename(path, &folder.join(path.file_name().unwrap_or_default()))?;
        warn!(journal = %path.display(), "a journal in the spool is damaged; it is set aside, its packets are lost");
        self.prune(&folder, DAMAGED_FILES_MAX, self.bytes_max / REJECTED_SHARE)
    }

    /// Deletes the oldest files of a folder until it keeps to its limits.
    fn prune(&self, folder: &Path, files_max: usize, bytes_max: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for item in fs::read_dir(folder)? {
            let item = item?;
            let metadata = item.metadata()?;
            files.push((metadata.modified()?, item.path(), metadata.len()));
        }
        files.sort();
        let (mut count, mut bytes) = (files.len(), files.iter().map(|(_, _, len)| len).sum::<u64>());
        for (_, path, len) in files {
            if count <= files_max && bytes <= bytes_max {
                break;
            }
            self.disk.remove(&path)?;
            (count, bytes) = (count - 1, bytes - len);
        }
        Ok(())
    }

    /// Takes the packets out of the oldest batches until the limits of bytes and age are kept. They are counted in
    /// the batch that is left in their place, under the same name: so the change is one renaming, and whoever has the
    /// whole batch already takes neither twice.
    pub(super) fn keep_limits(&self) -> io::Result<()> {
        loop {
            let next = {
                let index = self.index();
                let oldest = index.entries.values().find(|entry| !entry.emptied);
                let is_over =
                    |entry: &&Entry| index.bytes > self.bytes_max || index.now_us.saturating_sub(entry.stamp_us) > self.age_us_max;
                oldest.filter(is_over).cloned()
            };
            let Some(entry) = next else {
                break;
            };
            self.empty(&entry)?;
        }
        loop {
            let next = {
                let index = self.index();
                let is_over = index.emptied > EMPTIED_MAX || index.bytes > self.bytes_max;
                let oldest = index.entries.values().find(|entry| entry.emptied);
                oldest.filter(|_| is_over).map(|entry| entry.name)
            };
            let Some(name) = next else {
                return Ok(());
            };
            warn!(
                epoch = name.epoch,
                number = name.number,
                "the oldest health is lost, because too much of it waits"
            );
            self.stored(name)?;
        }
    }

    /// Empties the oldest batch whose packets take room; whether there was one.
    pub(super) fn make_room(&self) -> io::Result<bool> {
        let oldest = {
            let index = self.index();
            index
                .entries
                .values()
                .find(|entry| !entry.emptied && entry.bytes > BLOCK_BYTES)
                .cloned()
        };
        let Some(entry) = oldest else {
            return Ok(false);
        };
        self.empty(&entry)?;
        Ok(true)
    }

    fn empty(&self, entry: &Entry) -> io::Result<()> {
        let _turn = self.turn();
        if !self.holds(entry.name) {
            return Ok(());
        }
        let Some((bytes, _)) = self.disk.read(&entry.path, ENCODED_BYTES_MAX)? else {
            self.index().remove(entry.name);
            return Ok(());
        };
        let summary = match Summary::read(&bytes) {
            Ok(summary) => summary,
            Err(error) => return self.set_aside(entry, &error.to_string()),
        };
        let packets = summary.packets;
        let mut emptied = Vec::new();
        if packets > 0 {
            let rest = summary.without_packets();
            rest.encode(&mut emptied).map_err(io::Error::other)?;
            self.disk.put(&entry.path, &emptied)?;
            self.dropped.fetch_add(packets as u64, Relaxed);
            warn!(packets, batch = %entry.path.display(), "the spool is full: the packets of its oldest batch are dropped and counted");
        }
        self.index().replace(Entry {
            bytes: if packets > 0 { emptied.len() as u64 } else { entry.bytes },
            emptied: true,
            ..entry.clone()
        });
        Ok(())
    }
}

fn file_name(name: BatchName, sealed_us: i64, first_us: i64) -> String {
    format!("{:016x}.{}.{sealed_us}.{first_us}.{BATCH}", name.epoch, name.number)
}

/// Name, when it was sealed, first packet.
pub(super) fn read_file_name(path: &Path) -> Option<(BatchName, i64, i64)> {
    let mut parts = path.file_name()?.to_str()?.split('.');
    let mut next = || parts.next();
    let (epoch, number, sealed_us, first_us) = (next()?, next()?, next()?, next()?);
    if next() != Some(BATCH) || next().is_some() || epoch.len() != 16 {
        return None;
    }
    let name = BatchName {
        epoch: u64::from_str_radix(epoch, 16).ok()?,
        number: number.parse().ok()?,
    };
    Some((name, sealed_us.parse().ok()?, first_us.parse().ok()?))
}
