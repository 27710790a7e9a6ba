//! Who may write, and how a batch or a change becomes part of the lake.
//!
//! A commit only adds files and a record; a change only takes away files that were recorded when it was prepared. So any
//! number of committers, one ingest and one maintenance may work at the same time.
//!
//! In a folder they take turns by locks:
//!
//! | lock | held | by |
//! |---|---|---|
//! | `write.lock` | for a commit, an exchange, or clearing up | one at a time, others wait |
//! | `ingest.lock` | from begin to end | the one `hirundo ingest` |
//! | `maintain.lock` | from begin to end | the one compaction or retention |
//! | `read.lock` | shared while reading; alone for an exchange | readers, and who exchanges files |
//!
//! They are taken in the order of `ingest` or `maintain`, `read`, `write`.
//!
//! In a bucket nobody can be kept from writing, and `ingest.lock` and `maintain.lock` are leases that may run out. There,
//! numbers decide: records of batches, and those of changes, are numbered without gaps, and each is put only where none is.
//! Who finds the number taken has not seen what others did meanwhile, and looks again. Files have names that are used once.
//! Who wants to delete files without a record first takes a number with an empty record, a *fence*: whatever was prepared
//! before it can then no longer be recorded, and what is put after it is younger than it.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::lake::{Lake, READ_LOCK, RETAINED};
use crate::piece::{Known, Piece, PieceId};
use crate::record::{self, BATCHES, Batch, CHANGES, Change, FileRecord, Journal, Retained};
use crate::seal::TableFile;
use crate::store::{self, Lock};

pub(crate) const WRITE_LOCK: &str = "_hirundo/write.lock";
const INGEST_LOCK: &str = "_hirundo/ingest.lock";
pub(crate) const MAINTAIN_LOCK: &str = "_hirundo/maintain.lock";
pub(crate) const JOURNAL: &str = "_hirundo/journal.json";
/// Suffix of files that a change will put in place.
pub(crate) const WAITING: &str = "waiting";
/// Most times that a commit finds its number taken. Each time somebody else has stored something.
const ATTEMPTS_MAX: u32 = 1000;

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is durable in the lake.
    Stored,
    /// Nothing of it was stored, because these pieces are stored already. Without them it can be.
    Known(Vec<PieceId>),
}

/// Stores batches, beside any number of others that do.
#[derive(Debug)]
pub struct Committer {
    pub(crate) lake: Lake,
    pub(crate) known: Known,
    /// Number of the next record, unless others have written in the meantime.
    pub(crate) next: u64,
    /// In a bucket: what the names of its files have that no others have.
    pub(crate) nonce: u64,
    /// Times that it gave names to files.
    pub(crate) names: u64,
}

/// The one ingest: a committer that may rely on no other reading captures.
#[derive(Debug)]
pub struct Writer {
    committer: Committer,
    _lock: Lock,
}

/// The one that exchanges files and takes them away.
#[derive(Debug)]
pub struct Maintainer {
    pub(crate) lake: Lake,
    pub(crate) next: u64,
    nonce: u64,
    _lock: Lock,
}

impl Lake {
    /// The right to store batches; ends a change that a crash interrupted and deletes what a crash left behind.
    ///
    /// # Errors
    /// When the lake may not be written to, or a record of it cannot be read.
    pub fn committer(&self) -> Result<Committer> {
        self.clear_up(true)
    }

    /// The right to ingest captures; clears up as [`Lake::committer`] does.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process ingests.
    pub fn writer(&self) -> Result<Writer> {
        let lock = self.alone(INGEST_LOCK)?;
        Ok(Writer {
            committer: self.committer()?,
            _lock: lock,
        })
    }

    /// The right to compact and to retain; clears up as [`Lake::committer`] does.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process has it.
    pub fn maintainer(&self) -> Result<Maintainer> {
        let lock = self.alone(MAINTAIN_LOCK)?;
        self.clear_up(false)?;
        let log = self.log()?;
        let mut maintainer = Maintainer {
            lake: self.clone(),
            next: log.next_change(),
            nonce: store::nonce(),
            _lock: lock,
        };
        maintainer.clear_up_changes(&log)?;
        Ok(maintainer)
    }

    fn alone(&self, lock: &str) -> Result<Lock> {
        self.store().alone(lock)?.ok_or_else(|| self.busy())
    }

    fn busy(&self) -> Error {
        Error::Busy { path: self.store().root() }
    }

    /// Changes a file of the lake's own while others may do the same: `change` gets what is in it, and gives what should
    /// be, or nothing to leave it as it is.
    ///
    /// # Errors
    /// When the store refuses, or `change` does.
    pub(crate) fn update(&self, path: &str, change: &mut dyn FnMut(Option<Vec<u8>>) -> Result<Option<Vec<u8>>>) -> Result<()> {
        let _lock = self.store().turn(WRITE_LOCK)?;
        for _ in 0..ATTEMPTS_MAX {
            let (bytes, version) = self.store().get_version(path)?.unzip();
            let Some(bytes) = change(bytes)? else { return Ok(()) };
            if self.store().replace(path, version, &bytes)? {
                return Ok(());
            }
        }
        Err(self.busy())
    }

    /// Carries out what a journal says; under the locks for reading and for writing.
    pub(crate) fn exchange(&self, journal: &Journal) -> Result<()> {
        for (waiting, place) in &journal.add {
            self.store().rename(waiting, place)?;
        }
        self.store().delete(journal.remove.iter().map(String::as_str))?;
        self.store().delete([JOURNAL])
    }
}

impl Committer {
    /// The lake.
    #[must_use]
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// The pieces that were stored when it last looked, which it does at every commit.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Stores a batch: its files, then the record. When it says [`Committed::Stored`], it is durable.
    ///
    /// # Errors
    /// When the store refuses, or a piece is in it twice. Then nothing of it counts as stored; only if an object store's
    /// answer was lost it may be, which the next attempt to store it tells.
    pub fn commit(&mut self, pieces: &[Piece], files: &[TableFile]) -> Result<Committed> {
        let mut ids = HashSet::new();
        if let Some(piece) = pieces.iter().find(|piece| !ids.insert(&piece.id)) {
            return Err(Error::Twice {
                piece: piece.id.to_string(),
            });
        }
        let records: Vec<FileRecord> = files.iter().map(|file| FileRecord::new(file.rows, &file.bytes)).collect();
        let store = self.lake.store().clone();
        let _lock = store.turn(WRITE_LOCK)?;
        let mut put: Option<(Batch, Vec<String>)> = None;
        for _ in 0..ATTEMPTS_MAX {
            let fenced = self.refresh()?;
            let known: Vec<PieceId> = pieces
                .iter()
                .map(|piece| &piece.id)
                .filter(|id| self.known.contains(id))
                .cloned()
                .collect();
            if !known.is_empty() {
                if let Some((batch, paths)) = &put {
                    self.forget(batch, paths, None);
                }
                return Ok(Committed::Known(known));
            }
            if let Some((batch, paths)) = put.take_if(|_| fenced) {
                // Its files may be gone by now, and their names are used up.
                self.forget(&batch, &paths, None);
            }
            let (batch, paths) = match put.take() {
                Some(put) => put,
                None => {
                    let (batch, paths) = Batch::new(pieces, files, &records, &self.salt());
                    let contents = files.iter().map(|file| file.bytes.as_slice());
                    if let Err(error) = store.put_all(paths.iter().cloned().zip(contents)) {
                        self.forget(&batch, &paths, None);
                        return Err(error);
                    }
                    (batch, paths)
                }
            };
            match self.record(&batch) {
                Ok(true) => {
                    self.add(&batch);
                    return Ok(Committed::Stored);
                }
                Ok(false) => put = Some((batch, paths)),
                Err(error) => {
                    self.forget(&batch, &paths, Some(self.next));
                    return Err(error);
                }
            }
        }
        Err(self.lake.busy())
    }

    /// Puts the record of a batch under the next number; false when another is there.
    fn record(&self, batch: &Batch) -> Result<bool> {
        let path = record::numbered(BATCHES, self.next);
        self.lake.store().create(&path, &record::json(batch))
    }

    /// What names of files are made of besides what is in them. In a folder nothing, so that the same captures make the
    /// same lake; in a bucket, where another may just be deleting files of that name, something new every time.
    fn salt(&mut self) -> String {
        self.names += 1;
        match self.lake.store().bucket() {
            Some(_) => format!("{:016x}.{}", self.nonce, self.names),
            None => String::new(),
        }
    }

    /// Takes away what was written of a batch that could not be stored, as far as the store lets us. Without its record
    /// it does not count; with it, it counts whole, and whoever stores its pieces again is told that they are known.
    fn forget(&self, batch: &Batch, paths: &[String], record: Option<u64>) {
        let store = self.lake.store();
        let record = record.map(|number| record::numbered(BATCHES, number));
        if record.is_some() && store.bucket().is_some() {
            // It may be there, and others may have gone on behind it.
            return;
        }
        debug_assert!(batch.files.len() == paths.len(), "every file of a batch has a path of its own");
        let gone = store
            .delete(record.as_deref())
            .and_then(|()| store.delete(paths.iter().map(String::as_str)));
        if let Err(error) = gone {
            tracing::warn!("files of a batch that could not be stored are left over until the lake is next opened for writing: {error}");
        }
    }

    /// Reads the records that others have written since; whether a fence is among them.
    pub(crate) fn refresh(&mut self) -> Result<bool> {
        let mut fenced = false;
        loop {
            let path = record::numbered(BATCHES, self.next);
            let Some(batch) = self.lake.record(&path, |batch: &Batch| batch.version)? else {
                return Ok(fenced);
            };
            fenced |= batch.is_fence();
            self.add(&batch);
        }
    }

    /// Takes the next number with a fence; the path of that record.
    pub(crate) fn fence(&mut self) -> Result<String> {
        for _ in 0..ATTEMPTS_MAX {
            self.refresh()?;
            let path = record::numbered(BATCHES, self.next);
            if self.record(&Batch::fence())? {
                self.next += 1;
                return Ok(path);
            }
        }
        Err(self.lake.busy())
    }

    fn add(&mut self, batch: &Batch) {
        for piece in &batch.pieces {
            self.known.insert(&piece.id, piece.frames);
        }
        self.next += 1;
    }
}

impl Writer {
    /// The lake.
    #[must_use]
    pub fn lake(&self) -> &Lake {
        self.committer.lake()
    }

    /// See [`Committer::known`].
    #[must_use]
    pub fn known(&self) -> &Known {
        self.committer.known()
    }

    /// See [`Committer::commit`]. Captures are ingested by nobody else, so that a piece is known by now is an error.
    ///
    /// # Errors
    /// As [`Committer::commit`], and [`Error::Busy`] when another process stored the same.
    pub fn commit(&mut self, pieces: &[Piece], files: &[TableFile]) -> Result<()> {
        match self.committer.commit(pieces, files)? {
            Committed::Stored => Ok(()),
            Committed::Known(_) => Err(self.lake().busy()),
        }
    }
}

impl Maintainer {
    /// The lake.
    #[must_use]
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Puts a new file where it waits for [`Maintainer::change`]; it is durable, and no reader sees it.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn wait(&mut self, change: &mut Change, path: String, rows: u64, bytes: &[u8]) -> Result<()> {
        match self.lake.store().bucket() {
            // No record names it yet.
            Some(_) => self.lake.store().put(&path, bytes)?,
            None => self.lake.store().put(&waiting(&path), bytes)?,
        }
        change.files.insert(path, FileRecord::new(rows, bytes));
        Ok(())
    }

    /// What names of files are made of besides what is in them, see [`Committer`].
    pub(crate) fn salt(&self) -> String {
        match self.lake.store().bucket() {
            Some(_) => format!("{:016x}", self.nonce),
            None => String::new(),
        }
    }

    /// Makes a change as one step that a crash cannot halve: the waiting files come, the removed ones go. In a folder it
    /// waits for readers to end; batches are stored in the meantime. In a bucket, the removed ones stay for a while.
    ///
    /// # Errors
    /// When the store refuses; who next opens the lake for writing then ends what was begun. [`Error::Busy`] when another
    /// made a change since this began.
    pub fn change(&mut self, mut change: Change) -> Result<()> {
        let store = self.lake.store();
        change.removed.retain(|path| !change.files.contains_key(path));
        let record = record::numbered(CHANGES, self.next);
        if store.bucket().is_some() {
            return self.record_change(&record, &change);
        }
        let _read = store.turn(READ_LOCK)?;
        let _write = store.turn(WRITE_LOCK)?;
        store.put(&waiting(&record), &record::json(&change))?;
        let places = change.files.into_keys().chain([record]);
        let journal = Journal {
            add: places.map(|place| (waiting(&place), place)).collect(),
            remove: change.removed,
        };
        store.put(JOURNAL, &record::json(&journal))?;
        self.lake.exchange(&journal)?;
        self.next += 1;
        Ok(())
    }

    /// Puts the record of a change where none is.
    pub(crate) fn record_change(&mut self, path: &str, change: &Change) -> Result<()> {
        if !self.lake.store().create(path, &record::json(change))? {
            return Err(self.lake.busy());
        }
        self.next += 1;
        Ok(())
    }

    /// Notes what retention takes away, before it does.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn set_retained(&mut self, retained: &Retained) -> Result<()> {
        self.lake.store().put(RETAINED, &record::json(retained))
    }
}

fn waiting(place: &str) -> String {
    format!("{place}.{WAITING}")
}
