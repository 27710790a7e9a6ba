//! Clearing up: who opens a lake for writing ends what a crash interrupted and deletes what it left.

use std::collections::HashSet;
use std::time::Duration;

use crate::compact::is_compact;
use crate::error::{Error, Result};
use crate::lake::{Lake, READ_LOCK};
use crate::ledger::Log;
use crate::record::{self, CHANGES, Change, Journal};
use crate::store::{self, Bucket, PARTIAL};
use crate::writer::{Committer, JOURNAL, MAINTAIN_LOCK, Maintainer, WAITING, WRITE_LOCK};

/// In a bucket, files without a record are deleted when they are older than their fence by so much: clocks of the
/// store's machines may differ.
const OLDER: Duration = Duration::from_secs(5);

impl Lake {
    /// Ends what a crash interrupted and deletes what it left; on the way what is stored is learnt. What waits for a
    /// change is only looked after when `with_waiting`: the caller holds no `maintain.lock`.
    pub(crate) fn clear_up(&self, with_waiting: bool) -> Result<Committer> {
        self.check_conditions()?;
        self.end_exchange()?;
        let store = self.store();
        let _lock = store.turn(WRITE_LOCK)?;
        let (log, known) = self.log_with_pieces()?;
        let (snapshot, next) = (log.snapshot(), log.next_batch());
        let mut committer = Committer {
            lake: self.clone(),
            known,
            next,
            nonce: store::nonce(),
            names: 0,
        };
        if let Some(bucket) = store.bucket() {
            let mut orphans = snapshot.orphans(store, self.table_files()?);
            orphans.retain(|path| !is_compact(path));
            if !orphans.is_empty() {
                let fence = committer.fence()?;
                self.delete_older(bucket, &fence, &|path| !is_compact(path))?;
            }
            return Ok(committer);
        }
        let mut partial = store.list("", PARTIAL)?;
        partial.retain(|path| !is_waiting(path));
        store.delete(partial.iter().map(String::as_str))?;
        // Half of an exchange would look like files without a record; who interrupts it now leaves its journal.
        if store.get(JOURNAL)?.is_none() {
            let orphans = snapshot.orphans(store, self.table_files()?);
            store.delete(orphans.iter().map(String::as_str))?;
        }
        if with_waiting && !self.waiting()?.is_empty() {
            // Of a maintainer at work, or of one that was killed.
            if let Some(_maintain) = store.alone(MAINTAIN_LOCK)? {
                self.sweep_waiting()?;
            }
        }
        Ok(committer)
    }

    /// In a bucket: deletes those files without a record that are older than a fence.
    fn delete_older(&self, bucket: &Bucket, fence: &str, is_meant: &dyn Fn(&str) -> bool) -> Result<()> {
        let older = chrono::TimeDelta::from_std(OLDER.min(bucket.grace())).unwrap_or_default();
        let before = bucket.modified(fence)? - older;
        let snapshot = self.snapshot()?;
        for table in crate::schema::TABLES {
            let listed = bucket.list(table.name)?.into_iter();
            let older = listed.filter(|listed| listed.modified < before).map(|listed| listed.path);
            let orphans = snapshot.orphans(self.store(), older.filter(|path| is_meant(path)).collect());
            self.store().delete(orphans.iter().map(String::as_str))?;
        }
        Ok(())
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
        if self.store().bucket().is_some() || self.store().get(JOURNAL)?.is_none() {
            return Ok(());
        }
        let _read = self.store().turn(READ_LOCK)?;
        let _write = self.store().turn(WRITE_LOCK)?;
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
}

impl Maintainer {
    /// Deletes what others left behind that only a maintainer may: what waits for a change that was never made, and, in a
    /// bucket, what changes took away long enough ago.
    pub(crate) fn clear_up_changes(&mut self, log: &Log) -> Result<()> {
        let lake = self.lake.clone();
        let Some(bucket) = lake.store().bucket() else {
            // Nobody else prepares a change: what waits was left behind.
            return lake.sweep_waiting();
        };
        let tables = lake.table_files()?;
        let mut orphans = lake.snapshot()?.orphans(lake.store(), tables.clone());
        orphans.retain(|path| is_compact(path));
        if !orphans.is_empty() {
            let fence = record::numbered(CHANGES, self.next);
            self.record_change(&fence, &Change::fence())?;
            lake.delete_older(bucket, &fence, &is_compact)?;
        }
        let there: HashSet<String> = tables.into_iter().collect();
        let grace = chrono::TimeDelta::from_std(bucket.grace()).unwrap_or(chrono::TimeDelta::MAX);
        let ledger = (Maintainer::ledger_path(), log.gone().iter().collect::<Vec<_>>());
        let changes = log
            .changes
            .iter()
            .map(|(path, change)| (path.as_str(), change.removed.iter().collect()));
        let mut now = None;
        for (path, mut gone) in changes.chain([ledger]) {
            gone.retain(|path| there.contains(*path));
            if gone.is_empty() {
                continue;
            }
            let now = match now {
                Some(now) => now,
                None => *now.insert(bucket.now()?),
            };
            if now - bucket.modified(path)? >= grace {
                lake.store().delete(gone.into_iter().map(String::as_str))?;
            }
        }
        Ok(())
    }
}

/// Whether a file waits for a change, or is one being written that will.
fn is_waiting(path: &str) -> bool {
    path.strip_suffix(PARTIAL)
        .map_or(path, |path| path.trim_end_matches('.'))
        .ends_with(&format!(".{WAITING}"))
}
