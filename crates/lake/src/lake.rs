//! A lake on disk: its folders, its log of what was stored, and the rule that nothing counts twice.
//!
//! What is stored is known by *pieces* ([`crate::piece`]). Pieces are stored in *batches*: the files of a
//! sealed segment, then, last, the record that lists the pieces in it. A piece that some record lists is
//! never stored again; a batch cut short by a crash has no record, and its files never count.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::record::{BATCHES, Batch, CHANGES, Change, FileRecord, Retained, VERSION, day_of, digest};
use crate::store::{Lock, Store};

/// Version of the layout on disk.
pub(crate) const FORMAT: u32 = 2;
/// Folder of everything that is not a table.
pub(crate) const OWN: &str = "_hirundo";
const FORMAT_FILE: &str = "_hirundo/format.json";
pub(crate) const READ_LOCK: &str = "_hirundo/read.lock";
pub(crate) const RETAINED: &str = "_hirundo/retained.json";

/// A lake open for reading.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Store,
}

/// What a lake holds at one moment, by its records.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The files that count, by relative path: recorded, and not gone by a later change.
    pub files: BTreeMap<String, FileRecord>,
    /// Packets in the pieces that were ever stored.
    pub packets: u64,
    /// By day: rows of the files of `packets` that batches ever brought.
    pub arrived: BTreeMap<i64, u64>,
}

impl Lake {
    /// Opens a lake that is there.
    ///
    /// # Errors
    /// When there is none, or one of another version.
    pub fn open(root: &Path) -> Result<Lake> {
        let lake = Lake {
            store: Store::new(root.to_owned()),
        };
        match lake.store.get(FORMAT_FILE)? {
            Some(bytes) => lake.check_format(&bytes)?,
            None => {
                return Err(Error::NotALake {
                    path: root.to_owned(),
                    reason: "there is no lake here; hint: `hirundo ingest` makes one, or name another with --lake".to_owned(),
                });
            }
        }
        Ok(lake)
    }

    /// Opens a lake, making an empty one where there is nothing.
    ///
    /// # Errors
    /// When the folder holds something else, or a lake of another version.
    pub fn open_or_create(root: &Path) -> Result<Lake> {
        let store = Store::new(root.to_owned());
        if store.get(FORMAT_FILE)?.is_none() {
            let occupied = std::fs::read_dir(root).is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name() != OWN));
            // Another process may be making the same lake right now.
            if occupied && store.get(FORMAT_FILE)?.is_none() {
                let reason = "the folder is not empty and holds no lake; hint: name a new folder".to_owned();
                return Err(Error::NotALake {
                    path: root.to_owned(),
                    reason,
                });
            }
            store.put(FORMAT_FILE, format!("{{\"format\":{FORMAT}}}\n").as_bytes())?;
        }
        for table in crate::schema::TABLES {
            let folder = store.path(table.name);
            std::fs::create_dir_all(&folder).map_err(crate::error::io("create the folder", folder))?;
        }
        Lake::open(root)
    }

    fn check_format(&self, bytes: &[u8]) -> Result<()> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let reason = match serde_json::from_slice::<Format>(bytes) {
            Ok(Format { format: FORMAT }) => return Ok(()),
            Ok(Format { format }) => {
                format!("it has format {format} and this program knows {FORMAT}; hint: use the version of hirundo that wrote it")
            }
            Err(error) => format!("{FORMAT_FILE} cannot be read: {error}"),
        };
        Err(Error::NotALake {
            path: self.store.root().to_owned(),
            reason,
        })
    }

    /// Its files.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Held while reading, so that no exchange of files happens in between.
    ///
    /// # Errors
    /// When the lock cannot be had for another reason than a lake that may only be read.
    pub fn read_lock(&self) -> Result<Option<Lock>> {
        self.store.lock_shared(READ_LOCK)
    }

    /// Every record of a batch with its path, in order of path.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn batches(&self) -> Result<Vec<(String, Batch)>> {
        self.records(BATCHES, |batch: &Batch| batch.version)?.into_iter().collect()
    }

    /// Every change with its path, in order of path.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn changes(&self) -> Result<Vec<(String, Change)>> {
        self.records(CHANGES, |change: &Change| change.version)?.into_iter().collect()
    }

    /// Every record of a folder, in order of path, each as it could be read.
    fn records<T: DeserializeOwned>(&self, folder: &str, version: impl Fn(&T) -> u32) -> Result<Vec<Result<(String, T)>>> {
        let read = |path: String| {
            let record = self.record(&path, &version).transpose()?;
            Some(record.map(|record| (path, record)))
        };
        Ok(self.store.list(folder, "json")?.into_iter().filter_map(read).collect())
    }

    /// One record; `None` when there is none.
    pub(crate) fn record<T: DeserializeOwned>(&self, path: &str, version: impl Fn(&T) -> u32) -> Result<Option<T>> {
        let Some(record) = self.parsed(path)? else { return Ok(None) };
        match version(&record) {
            VERSION => Ok(Some(record)),
            other => Err(Error::NotALake {
                path: self.store.root().to_owned(),
                reason: format!(
                    "{path} has version {other} and this program knows {VERSION}; hint: use the version of hirundo that wrote it"
                ),
            }),
        }
    }

    /// A file of JSON; `None` when there is none.
    pub(crate) fn parsed<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let Some(bytes) = self.store.get(path)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::Damaged {
            path: self.store.path(path),
            reason: error.to_string(),
        })
    }

    /// What is wrong with records that cannot be read, in words.
    ///
    /// # Errors
    /// When the folders of records cannot be listed.
    pub fn damaged_records(&self) -> Result<Vec<String>> {
        let batches = self.records(BATCHES, |batch: &Batch| batch.version)?;
        let changes = self.records(CHANGES, |change: &Change| change.version)?;
        let errors = batches
            .into_iter()
            .filter_map(Result::err)
            .chain(changes.into_iter().filter_map(Result::err));
        Ok(errors.map(|error| error.to_string()).collect())
    }

    /// Checks that a file's bytes are those that were written.
    ///
    /// # Errors
    /// [`Error::Damaged`] when they are not, or the file is gone.
    pub fn check_bytes(&self, relative: &str, record: &FileRecord) -> Result<()> {
        let path = self.store.path(relative);
        match self.store.get(relative)? {
            Some(bytes) if bytes.len() as u64 == record.bytes && digest(&bytes) == record.digest => Ok(()),
            Some(_) => Err(Error::Damaged {
                path,
                reason: "its bytes are not those that were written".to_owned(),
            }),
            None => Err(Error::Damaged {
                path,
                reason: "it is recorded and cannot be found".to_owned(),
            }),
        }
    }

    /// What it holds now. Hold the [`Lake::read_lock`] for as long as the files are needed.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot> {
        // Batches first: what a change that is read later took away was then recorded before it.
        self.snapshot_of(self.batches()?)
    }

    /// The same, of batches that were read already.
    pub(crate) fn snapshot_of(&self, batches: Vec<(String, Batch)>) -> Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        for (_, batch) in batches {
            snapshot.packets += batch.pieces.iter().map(|piece| piece.packets).sum::<u64>();
            for (path, record) in batch.files.iter().filter(|(path, _)| path.starts_with("packets/")) {
                *snapshot.arrived.entry(day_of(path).unwrap_or(i64::MIN)).or_default() += record.rows;
            }
            snapshot.files.extend(batch.files);
        }
        let mut removed = HashSet::new();
        for (_, change) in self.changes()? {
            snapshot.files.extend(change.files);
            removed.extend(change.removed);
        }
        snapshot.files.retain(|path, _| !removed.contains(path));
        Ok(snapshot)
    }

    /// The files that count, see [`Lake::snapshot`].
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn files(&self) -> Result<BTreeMap<String, FileRecord>> {
        Ok(self.snapshot()?.files)
    }

    /// Files of tables that no record knows: a batch whose record a crash prevented. They never count, and who
    /// next opens the lake for writing deletes them.
    ///
    /// # Errors
    /// When the records or folders cannot be read.
    pub fn orphans(&self) -> Result<Vec<String>> {
        // No batch that is just being stored is taken for one.
        let _lock = self.store.lock_shared(crate::writer::WRITE_LOCK)?;
        self.orphans_beside(&self.files()?)
    }

    /// Files of tables that are not among these.
    pub(crate) fn orphans_beside(&self, files: &BTreeMap<String, FileRecord>) -> Result<Vec<String>> {
        let mut orphans = Vec::new();
        for table in crate::schema::TABLES {
            orphans.extend(self.store.list(table.name, "parquet")?);
        }
        orphans.retain(|path| !files.contains_key(path));
        Ok(orphans)
    }

    /// What retention took away.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn retained(&self) -> Result<Retained> {
        Ok(self.parsed(RETAINED)?.unwrap_or_default())
    }
}

impl Snapshot {
    /// Checks that every file is there with its recorded length: a file that is gone would make its day look
    /// quiet.
    ///
    /// # Errors
    /// [`Error::Damaged`] for the first that is not.
    pub fn check_present(&self, store: &Store) -> Result<()> {
        for (relative, record) in &self.files {
            let path = store.path(relative);
            let reason = match std::fs::metadata(&path) {
                Ok(metadata) if metadata.len() == record.bytes => continue,
                Ok(metadata) => format!("it has {} bytes, and {} were written", metadata.len(), record.bytes),
                Err(error) => format!("it is recorded and cannot be found ({error})"),
            };
            return Err(Error::Damaged { path, reason });
        }
        Ok(())
    }
}
