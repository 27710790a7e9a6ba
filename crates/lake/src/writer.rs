//! Who may write, and how a batch or a change becomes part of the lake.
//!
//! | lock | held | by |
//! |---|---|---|
//! | `write.lock` | for a commit, an exchange, or clearing up | one at a time, others wait |
//! | `ingest.lock` | from begin to end | the one `hirundo ingest` |
//! | `maintain.lock` | from begin to end | the one compaction or retention |
//! | `read.lock` | shared while reading; alone for an exchange | readers, and who exchanges files |
//!
//! They are taken in the order of `ingest` or `maintain`, `read`, `write`. Committers, ingest and maintenance may
//! run at the same time: a commit only adds files and a record, a change only takes away files that were recorded
//! when it was prepared.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::lake::{Lake, READ_LOCK, RETAINED};
use crate::piece::{Known, Piece, PieceId};
use crate::record::{self, BATCHES, Batch, CHANGES, Change, FileRecord, Journal, Retained};
use crate::seal::TableFile;
use crate::store::{Lock, PARTIAL};

pub(crate) const WRITE_LOCK: &str = "_hirundo/write.lock";
const INGEST_LOCK: &str = "_hirundo/ingest.lock";
const MAINTAIN_LOCK: &str = "_hirundo/maintain.lock";
const JOURNAL: &str = "_hirundo/journal.json";
/// Suffix of files that a change will put in place.
const WAITING: &str = "waiting";

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
    lake: Lake,
    known: Known,
    /// Number of the next record, unless others have written in the meantime.
    next: u64,
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
    lake: Lake,
    next: u64,
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
        // Nobody else prepares a change: what waits was left behind.
        self.sweep_waiting()?;
        let changes = self.changes()?;
        Ok(Maintainer {
            lake: self.clone(),
            next: record::next_number(changes.iter().map(|(path, _)| path)),
            _lock: lock,
        })
    }

    fn alone(&self, lock: &str) -> Result<Lock> {
        self.store().lock(lock, false)?.ok_or_else(|| Error::Busy {
            path: self.store().root().to_owned(),
        })
    }

    /// Ends what a crash interrupted and deletes what it left; on the way what is stored is learnt. What waits for a
    /// change is only looked after when `with_waiting`: the caller holds no `maintain.lock`.
    fn clear_up(&self, with_waiting: bool) -> Result<Committer> {
        let store = self.store();
        self.end_exchange()?;
        let _lock = store.lock(WRITE_LOCK, true)?;
        let batches = self.batches()?;
        let next = record::next_number(batches.iter().map(|(path, _)| path));
        let mut known = Known::default();
        for piece in batches.iter().flat_map(|(_, batch)| &batch.pieces) {
            known.insert(&piece.id, piece.frames);
        }
        let files = self.snapshot_of(batches)?.files;
        let mut partial = store.list("", PARTIAL)?;
        partial.retain(|path| !is_waiting(path));
        store.delete(partial.iter().map(String::as_str))?;
        // Half of an exchange would look like files without a record; who interrupts it now leaves its journal.
        if store.get(JOURNAL)?.is_none() {
            let orphans = self.orphans_beside(&files)?;
            store.delete(orphans.iter().map(String::as_str))?;
        }
        if with_waiting && !self.waiting()?.is_empty() {
            // Of a maintainer at work, or of one that was killed.
            if let Some(_maintain) = store.lock(MAINTAIN_LOCK, false)? {
                self.sweep_waiting()?;
            }
        }
        Ok(Committer {
            lake: self.clone(),
            known,
            next,
        })
    }

    /// Files that wait for a change, whole or half written.
    fn waiting(&self) -> Result<Vec<String>> {
        let mut paths = self.store().list("", WAITING)?;
        paths.extend(self.store().list("", PARTIAL)?.into_iter().filter(|path| is_waiting(path)));
        Ok(paths)
    }

    fn sweep_waiting(&self) -> Result<()> {
        let waiting = self.waiting()?;
        self.store().delete(waiting.iter().map(String::as_str))
    }

    /// Ends an exchange of files that a crash interrupted.
    fn end_exchange(&self) -> Result<()> {
        if self.store().get(JOURNAL)?.is_none() {
            return Ok(());
        }
        let _read = self.store().lock(READ_LOCK, true)?;
        let _write = self.store().lock(WRITE_LOCK, true)?;
        // Whoever was at it may have ended it while we waited.
        let Some(journal) = self.parsed::<Journal>(JOURNAL)? else {
            return Ok(());
        };
        journal.check().map_err(|path| Error::Damaged {
            path: self.store().path(JOURNAL),
            reason: format!("it names {path:?}, which is no file of a lake"),
        })?;
        self.exchange(&journal)
    }

    /// Carries out what a journal says; under both locks.
    fn exchange(&self, journal: &Journal) -> Result<()> {
        for (waiting, place) in &journal.add {
            let (from, to) = (self.store().path(waiting), self.store().path(place));
            match std::fs::rename(&from, &to) {
                Ok(()) => {}
                // Renamed before the crash.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && to.exists() => {}
                Err(error) => return Err(crate::error::io("rename into place", to)(error)),
            }
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
    /// When the disk refuses, or a piece is in it twice; then nothing of it counts as stored.
    pub fn commit(&mut self, pieces: &[Piece], files: &[TableFile]) -> Result<Committed> {
        let mut ids = HashSet::new();
        if let Some(piece) = pieces.iter().find(|piece| !ids.insert(&piece.id)) {
            return Err(Error::Twice {
                piece: piece.id.to_string(),
            });
        }
        let (batch, paths) = Batch::new(pieces, files);
        let store = self.lake.store().clone();
        let _lock = store.lock(WRITE_LOCK, true)?;
        self.refresh()?;
        let known: Vec<PieceId> = pieces
            .iter()
            .map(|piece| &piece.id)
            .filter(|id| self.known.contains(id))
            .cloned()
            .collect();
        if !known.is_empty() {
            return Ok(Committed::Known(known));
        }
        let record = record::numbered(BATCHES, self.next);
        let contents = files.iter().map(|file| file.bytes.as_slice());
        let stored = store
            .put_all(paths.iter().cloned().zip(contents))
            .and_then(|()| store.put(&record, &record::json(&batch)));
        if let Err(error) = stored {
            self.forget(&record, &paths);
            return Err(error);
        }
        self.add(&batch);
        Ok(Committed::Stored)
    }

    /// Takes away what was written of a batch that could not be stored, as far as the disk lets us. Without its record
    /// it does not count; with it, it counts whole, and whoever stores its pieces again is told that they are known.
    fn forget(&self, record: &str, paths: &[String]) {
        let store = self.lake.store();
        let gone = store.delete([record]).and_then(|()| store.delete(paths.iter().map(String::as_str)));
        if let Err(error) = gone {
            tracing::warn!("files of a batch that could not be stored are left over until the lake is next opened for writing: {error}");
        }
    }

    /// Reads the records that others have written since.
    fn refresh(&mut self) -> Result<()> {
        loop {
            let path = record::numbered(BATCHES, self.next);
            let Some(batch) = self.lake.record(&path, |batch: &Batch| batch.version)? else {
                return Ok(());
            };
            self.add(&batch);
        }
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
            Committed::Known(_) => Err(Error::Busy {
                path: self.lake().store().root().to_owned(),
            }),
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
    /// When the disk refuses.
    pub fn wait(&mut self, change: &mut Change, path: String, rows: u64, bytes: &[u8]) -> Result<()> {
        self.lake.store().put(&waiting(&path), bytes)?;
        change.files.insert(path, FileRecord::new(rows, bytes));
        Ok(())
    }

    /// Makes a change as one step that a crash cannot halve: the waiting files come, the removed ones go. Waits for
    /// readers to end; batches are stored in the meantime.
    ///
    /// # Errors
    /// When the disk refuses; who next opens the lake for writing then ends what was begun.
    pub fn change(&mut self, mut change: Change) -> Result<()> {
        let store = self.lake.store();
        change.removed.retain(|path| !change.files.contains_key(path));
        let record = record::numbered(CHANGES, self.next);
        let _read = store.lock(READ_LOCK, true)?;
        let _write = store.lock(WRITE_LOCK, true)?;
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

/// Whether a file waits for a change, or is one being written that will.
fn is_waiting(path: &str) -> bool {
    path.strip_suffix(PARTIAL)
        .map_or(path, |path| path.trim_end_matches('.'))
        .ends_with(&format!(".{WAITING}"))
}
