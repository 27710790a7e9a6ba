//! The ledger: a summary of the records, so that a lake into which something was stored every ten seconds for years is
//! opened as fast as a new one.
//!
//! It is made of records, which stay; without it, or when it cannot be read, all of them are read instead. It says up to
//! which number records are in it, so only those after it have to be looked for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::lake::{Lake, Snapshot};
use crate::piece::Known;
use crate::record::{self, BATCHES, Batch, CHANGES, Change, FileRecord};
use crate::writer::Maintainer;

const LEDGER: &str = "_hirundo/ledger.json";
/// What names of lists of pieces begin with.
const PIECES: &str = "_hirundo/ledger.pieces.";
/// Version of the ledger's form; another is not read.
const VERSION: u32 = 1;
/// Records from which on they are summed up anew.
const RECORDS_MIN: usize = 256;

/// The summary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    version: u32,
    /// Records of batches with lower numbers are in it.
    batches: u64,
    /// And records of changes.
    changes: u64,
    /// Records without a number that are in it, by path.
    others: BTreeSet<String>,
    files: BTreeMap<String, FileRecord>,
    packets: u64,
    arrived: BTreeMap<i64, u64>,
    /// Files that changes took away and that are still there.
    gone: BTreeSet<String>,
    /// Where the pieces are listed.
    pieces: String,
}

/// The ledger and all records that are not in it.
pub(crate) struct Log {
    pub(crate) ledger: Ledger,
    pub(crate) batches: Vec<(String, Batch)>,
    pub(crate) changes: Vec<(String, Change)>,
}

impl Log {
    /// What the lake holds.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            files: self.ledger.files.clone(),
            packets: self.ledger.packets,
            arrived: self.ledger.arrived.clone(),
            gone: self.ledger.gone.iter().cloned().collect(),
        };
        self.batches.iter().for_each(|(_, batch)| snapshot.add_batch(batch));
        self.changes.iter().for_each(|(_, change)| snapshot.add_change(change));
        snapshot.files.retain(|path, _| !snapshot.gone.contains(path));
        snapshot
    }

    /// Number of the next record of a batch.
    pub(crate) fn next_batch(&self) -> u64 {
        record::next_number(self.batches.iter().map(|(path, _)| path)).max(self.ledger.batches)
    }

    /// Number of the next record of a change.
    pub(crate) fn next_change(&self) -> u64 {
        record::next_number(self.changes.iter().map(|(path, _)| path)).max(self.ledger.changes)
    }

    /// Files that changes in the ledger took away.
    pub(crate) fn gone(&self) -> &BTreeSet<String> {
        &self.ledger.gone
    }
}

impl Lake {
    /// What the records say, by the ledger where there is one.
    pub(crate) fn log(&self) -> Result<Log> {
        let Some(ledger) = self.ledger()? else { return self.whole_log() };
        // Batches first: what a change that is read later took away was then recorded before it.
        let batches = self.records_after(BATCHES, ledger.batches, |batch: &Batch| batch.version)?;
        let changes = self.records_after(CHANGES, ledger.changes, |change: &Change| change.version)?;
        Ok(Log { ledger, batches, changes })
    }

    /// What all the records say.
    fn whole_log(&self) -> Result<Log> {
        Ok(Log {
            ledger: Ledger::default(),
            batches: self.batches()?,
            changes: self.changes()?,
        })
    }

    /// The same with the pieces that are stored, for who stores more.
    pub(crate) fn log_with_pieces(&self) -> Result<(Log, Known)> {
        let mut log = self.log()?;
        let mut known = Known::default();
        if log.ledger.version == VERSION {
            let listed: Option<Known> = match is_list_of_pieces(&log.ledger.pieces) {
                true => self.sealed(&log.ledger.pieces)?,
                false => None,
            };
            // An earlier program, which does not know of the ledger, may have recorded something since.
            let is_in = |path: &String| record::number_of(path).is_some() || log.ledger.others.contains(path);
            let is_whole = self.store().bucket().is_some() || self.store().list(BATCHES, "json")?.iter().all(is_in);
            match listed.filter(|_| is_whole) {
                Some(listed) => known = listed,
                None => log = self.whole_log()?,
            }
        }
        for piece in log.batches.iter().flat_map(|(_, batch)| &batch.pieces) {
            known.insert(&piece.id, piece.frames);
        }
        Ok((log, known))
    }

    fn ledger(&self) -> Result<Option<Ledger>> {
        let ledger: Option<Ledger> = self.sealed(LEDGER)?;
        Ok(ledger.filter(|ledger| ledger.version == VERSION))
    }

    /// A file behind its digest; `None` also when it is not what was written, because there is another way to know.
    fn sealed<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<Option<T>> {
        let Some(bytes) = self.store().get(path)? else { return Ok(None) };
        let line = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(0);
        let (digest, content) = bytes.split_at(line);
        let content = content.get(1..).unwrap_or_default();
        let value = serde_json::from_slice(content).ok();
        if record::digest(content).as_bytes() != digest || value.is_none() {
            tracing::warn!("{} cannot be read and was passed over", self.store().path(path).display());
            return Ok(None);
        }
        Ok(value)
    }

    fn put_sealed(&self, path: &str, value: &impl Serialize) -> Result<()> {
        let content = record::json(value);
        let mut bytes = record::digest(&content).into_bytes();
        bytes.push(b'\n');
        bytes.extend(content);
        self.store().put(path, &bytes)
    }

    /// What is wrong with the ledger, by records that were all read.
    pub(crate) fn check_ledger(&self, batches: &[(String, Batch)], changes: &[(String, Change)]) -> Result<Option<String>> {
        let Some(ledger) = self.ledger()? else { return Ok(None) };
        let is_in = |path: &String, end: u64| record::number_of(path).map_or(ledger.others.contains(path), |number| number < end);
        let mut snapshot = Snapshot::default();
        let batches = batches.iter().filter(|(path, _)| is_in(path, ledger.batches));
        batches.for_each(|(_, batch)| snapshot.add_batch(batch));
        let changes = changes.iter().filter(|(path, _)| is_in(path, ledger.changes));
        changes.for_each(|(_, change)| snapshot.add_change(change));
        snapshot.files.retain(|path, _| !snapshot.gone.contains(path));
        let agrees = snapshot.files == ledger.files && snapshot.packets == ledger.packets && snapshot.arrived == ledger.arrived;
        Ok((!agrees).then(|| format!("{LEDGER} is not the sum of the records; hint: delete it")))
    }
}

impl Maintainer {
    /// Sums up the records, if there are enough that are not in the ledger yet.
    ///
    /// # Errors
    /// When a record cannot be read, or the store refuses.
    pub fn sum_up(&mut self) -> Result<()> {
        let lake = self.lake.clone();
        let (log, known) = lake.log_with_pieces()?;
        if log.batches.len() + log.changes.len() < RECORDS_MIN {
            return Ok(());
        }
        let snapshot = log.snapshot();
        let paths = log
            .batches
            .iter()
            .map(|(path, _)| path)
            .chain(log.changes.iter().map(|(path, _)| path));
        let others = paths.filter(|path| record::number_of(path).is_none()).cloned();
        // In a folder they are gone indeed.
        let there = match lake.store().bucket() {
            Some(_) => lake.table_files()?,
            None => Vec::new(),
        };
        let ledger = Ledger {
            version: VERSION,
            batches: log.next_batch(),
            changes: log.next_change(),
            others: log.ledger.others.iter().cloned().chain(others).collect(),
            gone: there.into_iter().filter(|path| snapshot.gone.contains(path)).collect(),
            files: snapshot.files,
            packets: snapshot.packets,
            arrived: snapshot.arrived,
            pieces: format!("{PIECES}{:016x}.json", crate::store::nonce()),
        };
        lake.put_sealed(&ledger.pieces, &known)?;
        lake.put_sealed(LEDGER, &ledger)?;
        let before = Some(log.ledger.pieces.as_str()).filter(|path| is_list_of_pieces(path));
        lake.store().delete(before)
    }

    /// The ledger's path, for who asks when it was written.
    pub(crate) fn ledger_path() -> &'static str {
        LEDGER
    }
}

/// Whether a path is one that lists of pieces have, whoever wrote it into a ledger.
fn is_list_of_pieces(path: &str) -> bool {
    path.strip_prefix(PIECES).is_some_and(|rest| !rest.contains(['/', '\\']))
}
