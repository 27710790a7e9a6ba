//! The journal of an open batch: what went into it, written along, so that a killed process loses nothing.
//!
//! A file begins with what the batch is, and goes on with records: length, when the sensor was alive, the counters of
//! its interfaces, a piece of the batch (`packet::batch`), digest. A record that is cut or damaged ends it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use hirundo_packet::batch::{Builder, Header};
use hirundo_packet::wire::{NAME_BYTES_MAX, is_sensor_name};
use twox_hash::XxHash3_128;

use super::disk::Disk;
use super::{Account, Accounts};

/// Begin of a journal, its version behind it.
const MAGIC: [u8; 8] = *b"hirundoj";
/// Version of the form, beside that of batches.
const VERSION: u8 = 1;
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

/// A journal being written.
#[derive(Debug)]
pub(super) struct Journal {
    disk: Disk,
    path: PathBuf,
    file: Option<File>,
    /// Bytes that are right.
    good: u64,
    /// Bytes that the disk has not taken yet.
    pending: Vec<u8>,
    /// Something beyond `good` may be in the file.
    torn: bool,
}

impl Journal {
    /// A journal for the batch of that header; the file is made by the first [`Journal::write`].
    pub(super) fn new(disk: Disk, path: PathBuf, header: &Header) -> Journal {
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
            path,
            file: None,
            good: 0,
            pending,
            torn: false,
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
        let digest = XxHash3_128::oneshot(out.get(begin..).unwrap_or_default());
        out.extend(digest.to_le_bytes());
    }

    /// Writes what is pending. What the disk does not take now is tried again the next time.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.disk.create(&self.path)?),
        };
        if self.torn {
            self.disk.cut(file, self.good)?;
            self.torn = false;
        }
        self.torn = true;
        self.disk.append(file, &self.pending)?;
        self.torn = false;
        self.good += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
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
    let header = read_header(&mut rest)?;
    let mut replayed = Replayed {
        header,
        builder: Box::default(),
        accounts: Accounts::new(),
        alive_us: None,
        torn_bytes: 0,
    };
    while !rest.is_empty() {
        let before = rest;
        if read_record(&mut rest, &mut replayed).is_none() {
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

/// Takes the digest of what was taken since `begin`, and whether it is right.
fn take_digest(begin: &[u8], rest: &mut &[u8]) -> Option<()> {
    let covered = begin.get(..begin.len() - rest.len())?;
    let digest = take(rest, DIGEST_BYTES)?;
    (digest == XxHash3_128::oneshot(covered).to_le_bytes()).then_some(())
}

fn read_header(rest: &mut &[u8]) -> Option<Header> {
    let begin = *rest;
    let magic = take(rest, MAGIC.len())?;
    let [version, hidden] = *take(rest, 2)?.first_chunk::<2>()?;
    if magic != MAGIC || version != VERSION {
        return None;
    }
    let (epoch, number) = (take_u64(rest)?, take_u64(rest)?);
    let sensor = take_text(rest, NAME_BYTES_MAX).filter(|name| is_sensor_name(name))?.to_owned();
    take_digest(begin, rest)?;
    Some(Header {
        sensor,
        epoch,
        number,
        sealed_us: 0,
        hidden: hidden == 1,
    })
}

fn read_record(rest: &mut &[u8], replayed: &mut Replayed) -> Option<()> {
    let begin = *rest;
    let length = u32::from_le_bytes(*take(rest, 4)?.first_chunk::<4>()?);
    let mut body = take(rest, usize::try_from(length).ok()?)?;
    take_digest(begin, rest)?;
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
        let mut journal = Journal::new(Disk::default(), path.clone(), &header);
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
            ends.push(std::fs::metadata(&path).unwrap().len());
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
}
