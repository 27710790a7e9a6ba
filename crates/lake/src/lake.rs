//! A lake on disk: its folders, its log of what was stored, and the rule that nothing counts twice.
//!
//! What is stored is known by *pieces* ([`crate::piece`]). Pieces are stored in *batches*: the files of a
//! sealed segment, then, last, the record that lists the pieces in it. A piece that some record lists is
//! never stored again; a batch cut short by a crash has no record, and its files never count.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::location::Location;
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
    /// Files that changes took away. In a bucket they stay for a while.
    pub gone: HashSet<String>,
}

impl Lake {
    /// Opens a lake that is there.
    ///
    /// # Errors
    /// When there is none, or one of another version.
    pub fn open(location: impl Into<Location>) -> Result<Lake> {
        Lake::of(Store::open(&location.into())?)
    }

    /// Opens a lake in a store.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub fn of(store: Store) -> Result<Lake> {
        let lake = Lake { store };
        match lake.store.get(FORMAT_FILE)? {
            Some(bytes) => lake.check_format(&bytes)?,
            None => {
                return Err(Error::NotALake {
                    path: lake.store.root(),
                    reason: "there is no lake here; hint: `hirundo ingest` makes one, or name another with --lake".to_owned(),
                });
            }
        }
        Ok(lake)
    }

    /// Opens a lake, making an empty one where there is nothing.
    ///
    /// # Errors
    /// When something else is there, or a lake of another version.
    pub fn open_or_create(location: impl Into<Location>) -> Result<Lake> {
        Lake::create_in(Store::open(&location.into())?)
    }

    /// Opens a lake in a store, making an empty one where there is nothing.
    ///
    /// # Errors
    /// As [`Lake::open_or_create`].
    pub fn create_in(store: Store) -> Result<Lake> {
        if store.get(FORMAT_FILE)?.is_none() {
            // Another process may be making the same lake right now.
            if !store.is_free(OWN)? && store.get(FORMAT_FILE)?.is_none() {
                let reason = "something is there, and it is no lake; hint: name a new folder or prefix".to_owned();
                return Err(Error::NotALake {
                    path: store.root(),
                    reason,
                });
            }
            store.create(FORMAT_FILE, &format_bytes())?;
        }
        for table in crate::schema::TABLES {
            store.make_folder(table.name)?;
        }
        Lake::of(store)
    }

    /// Whether the store heeds the conditions of conditional puts; in a folder there are none.
    pub(crate) fn check_conditions(&self) -> Result<()> {
        let Some(bucket) = self.store.bucket() else { return Ok(()) };
        // It is there, so it cannot be created; if it is all the same, nothing has changed.
        if !bucket.heeds_conditions(FORMAT_FILE, &format_bytes())? {
            return Err(Error::NoConditions { path: self.store.root() });
        }
        Ok(())
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
            path: self.store.root(),
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
        Ok(self.read_records(&self.store.list(folder, "json")?, version))
    }

    fn read_records<T: DeserializeOwned>(&self, paths: &[String], version: impl Fn(&T) -> u32) -> Vec<Result<(String, T)>> {
        let mut records = Vec::new();
        let read = self.store.get_all(paths, |path, bytes| {
            let record = bytes.and_then(|bytes| bytes.map(|bytes| self.record_of(path, &bytes, &version)).transpose());
            records.extend(record.transpose().map(|record| record.map(|record| (path.to_owned(), record))));
        });
        records.extend(read.err().map(Err));
        records
    }

    /// The numbered records of a folder from a number on.
    pub(crate) fn records_after<T: DeserializeOwned>(
        &self,
        folder: &str,
        from: u64,
        version: impl Fn(&T) -> u32,
    ) -> Result<Vec<(String, T)>> {
        self.read_records(&self.store.numbered_from(folder, from)?, version)
            .into_iter()
            .collect()
    }

    /// One record; `None` when there is none.
    pub(crate) fn record<T: DeserializeOwned>(&self, path: &str, version: impl Fn(&T) -> u32) -> Result<Option<T>> {
        let bytes = self.store.get(path)?;
        bytes.map(|bytes| self.record_of(path, &bytes, &version)).transpose()
    }

    fn record_of<T: DeserializeOwned>(&self, path: &str, bytes: &[u8], version: impl Fn(&T) -> u32) -> Result<T> {
        let record = self.parse(path, bytes)?;
        match version(&record) {
            VERSION => Ok(record),
            other => Err(Error::NotALake {
                path: self.store.root(),
                reason: format!(
                    "{path} has version {other} and this program knows {VERSION}; hint: use the version of hirundo that wrote it"
                ),
            }),
        }
    }

    /// A file of JSON; `None` when there is none.
    pub(crate) fn parsed<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let bytes = self.store.get(path)?;
        bytes.map(|bytes| self.parse(path, &bytes)).transpose()
    }

    fn parse<T: DeserializeOwned>(&self, path: &str, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| Error::Damaged {
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
        Ok(self.log()?.snapshot())
    }

    /// The files that count, see [`Lake::snapshot`].
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn files(&self) -> Result<BTreeMap<String, FileRecord>> {
        Ok(self.snapshot()?.files)
    }

    /// Files of tables that no record knows: a batch whose record a crash prevented. They never count, and who
    /// next opens the lake for writing deletes them. In a bucket, what is being stored right now looks the same.
    ///
    /// # Errors
    /// When the records or folders cannot be read.
    pub fn orphans(&self) -> Result<Vec<String>> {
        // No batch that is just being stored is taken for one.
        let _lock = self.store.lock_shared(crate::writer::WRITE_LOCK)?;
        let tables = self.table_files()?;
        Ok(self.snapshot()?.orphans(&self.store, tables))
    }

    /// Every file of the tables, recorded or not.
    pub(crate) fn table_files(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        for table in crate::schema::TABLES {
            files.extend(self.store.list(table.name, "parquet")?);
        }
        Ok(files)
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
    /// Adds what a batch brought.
    pub(crate) fn add_batch(&mut self, batch: &Batch) {
        self.packets += batch.pieces.iter().map(|piece| piece.packets).sum::<u64>();
        for (path, record) in batch.files.iter().filter(|(path, _)| path.starts_with("packets/")) {
            *self.arrived.entry(day_of(path).unwrap_or(i64::MIN)).or_default() += record.rows;
        }
        self.files
            .extend(batch.files.iter().map(|(path, record)| (path.clone(), record.clone())));
    }

    /// Adds what a change brought and took away; files that are gone are taken out at the end.
    pub(crate) fn add_change(&mut self, change: &Change) {
        self.files
            .extend(change.files.iter().map(|(path, record)| (path.clone(), record.clone())));
        self.gone.extend(change.removed.iter().cloned());
    }

    /// Checks that every file is there with its recorded length: a file that is gone would make its day look
    /// quiet.
    ///
    /// # Errors
    /// [`Error::Damaged`] for the first that is not.
    pub fn check_present(&self, store: &Store) -> Result<()> {
        for (relative, record) in &self.files {
            store.is_as_long(relative, record.bytes)?.map_err(|reason| Error::Damaged {
                path: store.path(relative),
                reason,
            })?;
        }
        Ok(())
    }

    /// Of files of tables, those that no record knows.
    pub(crate) fn orphans(&self, store: &Store, mut files: Vec<String>) -> Vec<String> {
        let may_stay = store.bucket().is_some();
        let is_known = |path: &String| self.files.contains_key(path) || may_stay && self.gone.contains(path);
        files.retain(|path| !is_known(path));
        files
    }
}

fn format_bytes() -> Vec<u8> {
    format!("{{\"format\":{FORMAT}}}\n").into_bytes()
}
