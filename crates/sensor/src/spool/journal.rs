//! The journal of an open batch: what went into it, written along, so that a killed process loses nothing.
//!
//! A file begins with what the batch is, and goes on with records: length, when the sensor was alive, the counters of
//! its interfaces, a piece of the batch (`packet::batch`), digest. A record of length 0, or one that is cut or damaged,
//! ends it. The file of a sealed batch is written over for a later one ([`Spare`]), since files that come and go cost more
//! than what is written into them; digests are of their batch, so that what an earlier one left is nothing.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hirundo_packet::batch::{Builder, Header};
use hirundo_packet::wire::{NAME_BYTES_MAX, is_sensor_name};
use twox_hash::XxHash3_128;

use super::disk::Disk;
use super::{Account, Accounts};

/// Begin of a journal, its version behind it.
const MAGIC: [u8; 8] = *b"hirundoj";
/// Version of the form, beside that of batches.
const VERSION: u8 = 2;
/// Bytes of a digest.
const DIGEST_BYTES: usize = 16;
/// A file shorter than this can be cut in its begin, and then holds nothing.
pub(super) const HEADER_BYTES_MAX: usize = MAGIC.len() + 2 + 16 + 1 + NAME_BYTES_MAX + DIGEST_BYTES;
/// Most bytes of a journal: a batch uncompressed, and a record for each block of the ring.
pub(super) const BYTES_MAX: usize = 64 << 20;
/// Most interfaces of a sensor.
pub(super) const INTERFACES_MAX: usize = 64;
/// Most bytes of an interface's name.
pub(super) const INTERFACE_BYTES_MAX: usize = 255;

/// Suffix of a file that is kept to be written over.
pub(super) const SPARE: &str = "spare";
/// Most bytes of such a file.
const SPARE_BYTES_MAX: u64 = 8 << 20;
/// What ends the records, and is written over by the next.
const END: [u8; 4] = [0; 4];

/// The file of a sealed batch's journal, kept for a later one.
#[derive(Clone, Debug, Default)]
pub(super) struct Spare(Arc<Mutex<Option<PathBuf>>>);

impl Spare {
    fn place(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the journal of a sealed batch, or deletes it where one is kept already; one that is not there is gone.
    pub(super) fn keep(&self, disk: &Disk, journal: &Path) -> io::Result<()> {
        let mut place = self.place();
        let is_fit = journal.metadata().is_ok_and(|metadata| metadata.len() <= SPARE_BYTES_MAX);
        if place.is_some() || !is_fit {
            drop(place);
            return disk.remove(journal);
        }
        let path = journal.with_extension(SPARE);
        disk.rename(journal, &path)?;
        *place = Some(path);
        Ok(())
    }

    /// Deletes what is kept.
    pub(super) fn clear(&self, disk: &Disk) -> io::Result<()> {
        match self.place().take() {
            Some(path) => disk.remove(&path),
            None => Ok(()),
        }
    }
}

/// A journal being written.
#[derive(Debug)]
pub(super) struct Journal {
    disk: Disk,
    spare: Spare,
    path: PathBuf,
    file: Option<File>,
    /// Of the digests of records.
    seed: u64,
    /// Bytes that are right.
    good: u64,
    /// Bytes that the disk has not taken yet.
    pending: Vec<u8>,
}

impl Journal {
    /// A journal for the batch of that header; the file is made by the first [`Journal::write`].
    pub(super) fn new(disk: Disk, spare: Spare, path: PathBuf, header: &Header) -> Journal {
        let mut pending = Vec::new();
        pending.extend(MAGIC);
        pending.push(VERSION);
        pending.push(u8::from(header.hidden));
        pending.extend(header.epoch.to_le_bytes());
        pending.extend(header.number.to_le_bytes());
        pending.extend(u8::try_from(header.sensor.len()).unwrap_or(0).to_le_bytes());
        pending.extend(header.sensor.as_bytes());
        let digest = XxHash3_128::oneshot(&pending);
        pending.extend(digest.to_le_bytes());
        Journal {
            disk,
            spare,
            path,
            file: None,
            seed: seed(digest),
            good: 0,
            pending,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the disk has yet to take something.
    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Adds a record.
    pub(super) fn add(&mut self, alive_us: i64, accounts: &Accounts, builder: &mut Builder) {
        let out = &mut self.pending;
        let begin = out.len();
        out.extend([0; 4]);
        out.extend(alive_us.to_le_bytes());
        out.extend(u8::try_from(accounts.len()).unwrap_or(0).to_le_bytes());
        for (interface, account) in accounts {
            out.extend(u8::try_from(interface.len()).unwrap_or(0).to_le_bytes());
            out.extend(interface.as_bytes());
            out.extend(account.identity.to_le_bytes());
            out.extend(account.received.to_le_bytes());
        }
        builder.journal(out);
        let length = u32::try_from(out.len() - begin - 4).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(place) = out.get_mut(begin..begin + 4) {
            place.copy_from_slice(&length);
        }
        let digest = XxHash3_128::oneshot_with_seed(self.seed, out.get(begin..).unwrap_or_default());
        out.extend(digest.to_le_bytes());
    }

    /// Writes what is pending. What the disk does not take now is tried again the next time.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let length = self.pending.len();
        self.pending.extend(END);
        let written = match &self.file {
            Some(file) => self.disk.write_at(file, &self.pending, self.good),
            None => self.begin(),
        };
        self.pending.truncate(length);
        written?;
        self.good += length as u64;
        self.pending.clear();
        Ok(())
    }

    /// Makes the file, or takes the one that is kept. It has its name only once it no longer says that it is another
    /// batch's.
    fn begin(&mut self) -> io::Result<()> {
        let mut place = self.spare.place();
        let reopened = place.as_deref().and_then(|kept| self.disk.reopen(kept).ok());
        let file = match (reopened, place.take()) {
            (Some(file), Some(kept)) => {
                let written = self.disk.write_at(&file, &self.pending, 0);
                if let Err(error) = written.and_then(|()| self.disk.rename(&kept, &self.path)) {
                    *place = Some(kept);
                    return Err(error);
                }
                file
            }
            _ => {
                let file = self.disk.create(&self.path)?;
                self.disk.write_at(&file, &self.pending, 0)?;
                file
            }
        };
        self.file = Some(file);
        Ok(())
    }
}

fn seed(header: u128) -> u64 {
    (header & u128::from(u64::MAX)).try_into().unwrap_or(0)
}

/// A journal that was read.
pub(super) struct Replayed {
    /// What the batch is; not sealed yet.
    pub(super) header: Header,
    pub(super) builder: Box<Builder>,
    pub(super) accounts: Accounts,
    /// When it was last written, microseconds since 1970; none without a record.
    pub(super) alive_us: Option<i64>,
    /// Bytes at the end that are no whole record.
    pub(super) torn_bytes: usize,
}

/// Reads a journal as far as it is whole; `None` when not even its begin is.
pub(super) fn read(bytes: &[u8]) -> Option<Replayed> {
    let mut rest = bytes;
    let (header, seed) = read_header(&mut rest)?;
    let mut replayed = Replayed {
        header,
        builder: Box::default(),
        accounts: Accounts::new(),
        alive_us: None,
        torn_bytes: 0,
    };
    while !rest.is_empty() && !rest.starts_with(&END) {
        let before = rest;
        if read_record(&mut rest, seed, &mut replayed).is_none() {
            replayed.torn_bytes = before.len();
            break;
        }
    }
    Some(replayed)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let bytes = take(rest, 8)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}

fn take_text<'a>(rest: &mut &'a [u8], max: usize) -> Option<&'a str> {
    let length = usize::from(*take(rest, 1)?.first()?);
    let text = take(rest, length).filter(|text| text.len() <= max)?;
    std::str::from_utf8(text).ok()
}

/// Takes the digest of what was taken since `begin`, if it is right.
fn take_digest(begin: &[u8], rest: &mut &[u8], seed: u64) -> Option<u128> {
    let covered = begin.get(..begin.len() - rest.len())?;
    let digest = u128::from_le_bytes(*take(rest, DIGEST_BYTES)?.first_chunk::<DIGEST_BYTES>()?);
    (digest == XxHash3_128::oneshot_with_seed(seed, covered)).then_some(digest)
}

/// What the batch is, and the seed of its records' digests.
fn read_header(rest: &mut &[u8]) -> Option<(Header, u64)> {
    let begin = *rest;
    let magic = take(rest, MAGIC.len())?;
    let [version, hidden] = *take(rest, 2)?.first_chunk::<2>()?;
    if magic != MAGIC || version != VERSION {
        return None;
    }
    let (epoch, number) = (take_u64(rest)?, take_u64(rest)?);
    let sensor = take_text(rest, NAME_BYTES_MAX).filter(|name| is_sensor_name(name))?.to_owned();
    let digest = take_digest(begin, rest, 0)?;
    let header = Header {
        sensor,
        epoch,
        number,
        sealed_us: 0,
        hidden: hidden == 1,
    };
    Some((header, seed(digest)))
}

fn read_record(rest: &mut &[u8], seed: u64, replayed: &mut Replayed) -> Option<()> {
    let begin = *rest;
    let length = u32::from_le_bytes(*take(rest, 4)?.first_chunk::<4>()?);
    let mut body = take(rest, usize::try_from(length).ok()?)?;
    take_digest(begin, rest, seed)?;
    let alive_us = take_u64(&mut body)?.cast_signed();
    let count = usize::from(*take(&mut body, 1)?.first()?);
    let mut accounts = Accounts::new();
    for _ in 0..count {
        let interface = take_text(&mut body, INTERFACE_BYTES_MAX)?.to_owned();
        let (identity, received) = (take_u64(&mut body)?, take_u64(&mut body)?);
        accounts.insert(interface, Account { identity, received });
    }
    if !body.is_empty() {
        replayed.builder.replay(body).ok()?;
    }
    replayed.accounts = accounts;
    replayed.alive_us = Some(alive_us);
    Some(())
}

#[cfg(test)]
mod tests {
    use hirundo_packet::decode::Decoded;

    use super::*;

    #[test]
    fn a_journal_is_read_as_far_as_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.journal");
        let header = Header {
            sensor: "jp-01".to_owned(),
            epoch: 5,
            number: 3,
            sealed_us: 0,
            hidden: false,
        };
        let mut builder = Builder::new();
        let mut journal = Journal::new(Disk::default(), Spare::default(), path.clone(), &header);
        let mut accounts = Accounts::new();
        let mut ends = Vec::new();
        for nth in 0..4 {
            let mut decoded = Decoded::default();
            decoded.packet.src = nth;
            assert!(builder.push(&decoded, 64));
            accounts.insert(
                "eth0".to_owned(),
                Account {
                    identity: 1000,
                    received: u64::from(nth),
                },
            );
            journal.add(i64::from(nth), &accounts, &mut builder);
            journal.write().unwrap();
            ends.push(std::fs::metadata(&path).unwrap().len() - END.len() as u64);
        }
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut as u64).count();
            let Some(replayed) = read(&bytes[..cut]) else {
                assert!(whole == 0);
                continue;
            };
            assert_eq!((replayed.header.number, replayed.builder.len()), (3, whole));
            assert_eq!(replayed.alive_us, whole.checked_sub(1).map(|last| last as i64));
            assert_eq!(
                replayed.accounts.get("eth0").map_or(0, |account| account.received + 1),
                whole as u64
            );
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(read(&changed).is_none_or(|replayed| replayed.torn_bytes > 0));
        }
    }

    #[test]
    fn what_an_earlier_batch_left_in_a_file_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, spare) = (Disk::default(), Spare::default());
        let mut paths = Vec::new();
        // Records of the same length in each, fewer and fewer of them.
        for number in 0..4_u64 {
            let header = Header {
                sensor: "jp-01".to_owned(),
                epoch: 5,
                number,
                ..Header::default()
            };
            let path = folder.path().join(format!("{number}.journal"));
            let mut journal = Journal::new(disk.clone(), spare.clone(), path.clone(), &header);
            let mut builder = Builder::new();
            for nth in 0..8 - number {
                let mut decoded = Decoded::default();
                decoded.packet.src = u32::try_from(number * 10 + nth).unwrap();
                assert!(builder.push(&decoded, 64));
                journal.add(1, &Accounts::new(), &mut builder);
                journal.write().unwrap();
                let bytes = std::fs::read(&path).unwrap();
                let replayed = read(&bytes).unwrap();
                assert_eq!((replayed.header.number, replayed.torn_bytes), (number, 0));
                assert_eq!(replayed.builder.len() as u64, nth + 1);
                // Without the end, as when the process was killed in the midst of a write: still not what is behind it.
                let mut cut = bytes.clone();
                let end = usize::try_from(journal.good).unwrap();
                cut.drain(end..end + END.len());
                assert_eq!(read(&cut).unwrap().builder.len() as u64, nth + 1);
            }
            spare.keep(&disk, &path).unwrap();
            assert!(!path.exists());
            paths.push(path.with_extension(SPARE));
        }
        // It was the first one's file all along.
        assert_eq!(paths.iter().filter(|path| path.exists()).count(), 1);
        let other = folder.path().join("9.journal");
        std::fs::write(&other, b"x").unwrap();
        spare.keep(&disk, &other).unwrap();
        assert!(!other.exists());
        spare.clear(&disk).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
