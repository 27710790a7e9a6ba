//! A lake on disk: its folders, its log of what was stored, and the rule that nothing counts twice.
//!
//! What is stored is known by *pieces*: a stretch of one capture, named by a digest of its bytes and its
//! sensor. Pieces are stored in *batches*: the files of a sealed segment, then, last, the record that
//! lists the pieces in it. A piece that some record lists is never stored again; a batch cut short by a
//! crash has no record, and comes out with the same file names when it is made again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::seal::TableFile;
use crate::store::{Lock, Store};

/// Version of the layout on disk.
pub(crate) const FORMAT: u32 = 2;
/// Folder of everything that is not a table.
const OWN: &str = "_hirundo";
const FORMAT_FILE: &str = "_hirundo/format.json";
const WRITE_LOCK: &str = "_hirundo/write.lock";
const READ_LOCK: &str = "_hirundo/read.lock";
const BATCHES: &str = "_hirundo/batches";
const CHANGES: &str = "_hirundo/changes";
const JOURNAL: &str = "_hirundo/journal.json";
/// Suffix of files that a change will put in place.
const WAITING: &str = "waiting";
const RETAINED: &str = "_hirundo/retained.json";

/// Name of a piece: digest over its bytes, and the sensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PieceId(String);

impl PieceId {
    /// From the digest of the bytes and the sensor's name.
    #[must_use]
    pub fn new(digest: u128, sensor: &str) -> PieceId {
        PieceId(format!("{digest:032x}-{sensor}"))
    }

    /// The sensor in it.
    fn sensor(&self) -> &str {
        self.0.split_once('-').map_or("", |(_, sensor)| sensor)
    }
}

/// One piece as a record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its name.
    pub id: PieceId,
    /// Where it came from, for people.
    pub origin: String,
    /// Frames read.
    pub frames: u64,
    /// Of them stored as packets.
    pub packets: u64,
    /// Frames and parts of packets that could not be read, by reason.
    pub unreadable: BTreeMap<String, u64>,
}

/// Record of a batch: what was stored, in which files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Version of this record.
    pub version: u32,
    /// What is in it.
    pub pieces: Vec<Piece>,
    /// Its files by relative path.
    pub files: BTreeMap<String, FileRecord>,
}

/// What a record says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Rows in it.
    pub rows: u64,
    /// Length, bytes.
    pub bytes: u64,
    /// XXH3-128 of all its bytes, hexadecimal.
    pub digest: String,
}

impl FileRecord {
    /// Of a file's rows and bytes.
    #[must_use]
    pub fn new(rows: u64, bytes: &[u8]) -> FileRecord {
        FileRecord {
            rows,
            bytes: bytes.len() as u64,
            digest: digest(bytes),
        }
    }
}

/// XXH3-128 of bytes, hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("{:032x}", twox_hash::XxHash3_128::oneshot(bytes))
}

/// Record of files that took the place of others (compaction), or of files taken away (retention).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Version of this record.
    pub version: u32,
    /// Relative paths of the files that are gone.
    pub removed: Vec<String>,
    /// The new files by relative path.
    pub files: BTreeMap<String, FileRecord>,
}

/// Exchange of files that must happen as one: written before it begins, deleted when it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Journal {
    /// New files: (where they wait, where they belong).
    add: Vec<(String, String)>,
    /// Files they replace.
    remove: Vec<String>,
}

impl Journal {
    /// Whether it names nothing but files of the lake; the first that is none.
    fn check(&self) -> std::result::Result<(), &str> {
        let mut paths = self.add.iter().flat_map(|(waiting, place)| [waiting, place]).chain(&self.remove);
        paths.find(|path| !is_of_lake(path)).map_or(Ok(()), |path| Err(path))
    }
}

/// Whether a relative path stays in the folder of a table or of the lake's records.
fn is_of_lake(path: &str) -> bool {
    let mut parts = path.split('/');
    let folder = parts.next().unwrap_or("");
    let known = folder == OWN || crate::schema::TABLES.iter().any(|table| table.name == folder);
    known && parts.all(|part| !matches!(part, "" | "." | ".."))
}

/// What retention took away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    /// By table: days before this one (days since 1970) may be gone.
    pub from: BTreeMap<String, i64>,
}

impl Retained {
    /// Whether a table's rows of that day may be gone.
    #[must_use]
    pub fn days_gone(&self, table: &str, day: i64) -> bool {
        self.from.get(table).is_some_and(|&from| day < from)
    }

    /// Notes that a table's days before `day` may be gone.
    pub fn forget(&mut self, table: &str, day: i64) {
        let from = self.from.entry(table.to_owned()).or_insert(day);
        *from = day.max(*from);
    }
}

/// A lake open for reading.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Store,
}

/// A lake open for writing: one process at a time.
#[derive(Debug)]
pub struct Writer {
    lake: Lake,
    pieces: HashSet<PieceId>,
    lengths: HashMap<String, BTreeSet<u64>>,
    _lock: Lock,
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
            if occupied {
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

    /// The right to write; ends a change that a crash interrupted and deletes what a crash left behind.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process writes.
    pub fn writer(&self) -> Result<Writer> {
        let Some(lock) = self.store.lock(WRITE_LOCK, false)? else {
            return Err(Error::Busy {
                path: self.store.root().to_owned(),
            });
        };
        self.store.sweep()?;
        if let Some(bytes) = self.store.get(JOURNAL)? {
            let journal: Journal = parse(&self.store, JOURNAL, &bytes)?;
            journal.check().map_err(|path| Error::Damaged {
                path: self.store.path(JOURNAL),
                reason: format!("it names {path:?}, which is no file of a lake"),
            })?;
            self.finish(&journal)?;
        }
        let waiting = self.store.list("", WAITING)?;
        self.store.delete(waiting.iter().map(String::as_str))?;
        let orphans = self.orphans()?;
        self.store.delete(orphans.iter().map(String::as_str))?;
        let mut pieces = HashSet::new();
        let mut lengths: HashMap<String, BTreeSet<u64>> = HashMap::new();
        for (_, batch) in self.batches()? {
            for piece in batch.pieces {
                lengths.entry(piece.id.sensor().to_owned()).or_default().insert(piece.frames);
                pieces.insert(piece.id);
            }
        }
        Ok(Writer {
            lake: self.clone(),
            pieces,
            lengths,
            _lock: lock,
        })
    }

    /// Every record with its path, in order of path.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn batches(&self) -> Result<Vec<(String, Batch)>> {
        self.records(BATCHES, |batch: &Batch| batch.version)?.into_iter().collect()
    }

    /// Every record of a folder, in order of path, each as it could be read.
    fn records<T: DeserializeOwned>(&self, folder: &str, version: impl Fn(&T) -> u32) -> Result<Vec<Result<(String, T)>>> {
        let read = |path: String| {
            let bytes = self.store.get(&path).transpose()?;
            Some(bytes.and_then(|bytes| {
                let record: T = parse(&self.store, &path, &bytes)?;
                self.check_version(&path, version(&record))?;
                Ok((path, record))
            }))
        };
        Ok(self.store.list(folder, "json")?.into_iter().filter_map(read).collect())
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

    fn check_version(&self, path: &str, version: u32) -> Result<()> {
        if version == FORMAT {
            return Ok(());
        }
        let reason =
            format!("{path} has version {version} and this program knows {FORMAT}; hint: use the version of hirundo that wrote it");
        Err(Error::NotALake {
            path: self.store.root().to_owned(),
            reason,
        })
    }

    /// Checks that every recorded file is there with its recorded length: a file that is gone would make
    /// its day look quiet.
    ///
    /// # Errors
    /// [`Error::Damaged`] for the first that is not.
    pub fn check_present(&self) -> Result<()> {
        for (relative, record) in self.files()? {
            let path = self.store.path(&relative);
            let reason = match std::fs::metadata(&path) {
                Ok(metadata) if metadata.len() == record.bytes => continue,
                Ok(metadata) => format!("it has {} bytes, and {} were written", metadata.len(), record.bytes),
                Err(error) => format!("it is recorded and cannot be found ({error})"),
            };
            return Err(Error::Damaged { path, reason });
        }
        Ok(())
    }

    /// Every change with its path, in order of path.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn changes(&self) -> Result<Vec<(String, Change)>> {
        self.records(CHANGES, |change: &Change| change.version)?.into_iter().collect()
    }

    /// The files that count, by relative path: recorded, and not gone by a later change.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn files(&self) -> Result<BTreeMap<String, FileRecord>> {
        let mut files = BTreeMap::new();
        let mut removed = HashSet::new();
        for (_, batch) in self.batches()? {
            files.extend(batch.files);
        }
        for (_, change) in self.changes()? {
            files.extend(change.files);
            removed.extend(change.removed);
        }
        files.retain(|path, _| !removed.contains(path));
        Ok(files)
    }

    /// Files of tables that no record knows: a batch whose record a crash prevented, or one being stored
    /// right now. The next writer deletes them, so that its own batches never stand beside half of another.
    ///
    /// # Errors
    /// When the records or folders cannot be read.
    pub fn orphans(&self) -> Result<Vec<String>> {
        let files = self.files()?;
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
        match self.store.get(RETAINED)? {
            Some(bytes) => parse(&self.store, RETAINED, &bytes),
            None => Ok(Retained::default()),
        }
    }

    fn finish(&self, journal: &Journal) -> Result<()> {
        let _lock = self.store.lock(READ_LOCK, true)?;
        for (waiting, place) in &journal.add {
            let (from, to) = (self.store.path(waiting), self.store.path(place));
            match std::fs::rename(&from, &to) {
                Ok(()) => {}
                // Renamed before the crash.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && to.exists() => {}
                Err(error) => return Err(crate::error::io("rename into place", to)(error)),
            }
        }
        self.store.delete(journal.remove.iter().map(String::as_str))?;
        self.store.delete([JOURNAL])
    }
}

impl Writer {
    /// The lake.
    #[must_use]
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// The pieces stored already.
    #[must_use]
    pub fn pieces(&self) -> &HashSet<PieceId> {
        &self.pieces
    }

    /// Frame counts of the stored pieces of each sensor: where a capture that has grown since it was last
    /// read may go on.
    #[must_use]
    pub fn lengths(&self) -> &HashMap<String, BTreeSet<u64>> {
        &self.lengths
    }

    /// Stores a batch: its files, then the record. On return it is durable.
    ///
    /// # Errors
    /// When the disk refuses; then nothing of it counts as stored.
    pub fn commit(&mut self, pieces: Vec<Piece>, files: &[TableFile]) -> Result<()> {
        let name = batch_name(&pieces);
        let paths: Vec<String> = files.iter().map(|file| file_path(file.table.name, file.day, &name)).collect();
        self.lake
            .store
            .put_all(paths.iter().cloned().zip(files.iter().map(|file| file.bytes.as_slice())))?;
        let records = files.iter().map(|file| FileRecord::new(file.rows, &file.bytes));
        let batch = Batch {
            version: FORMAT,
            pieces,
            files: paths.into_iter().zip(records).collect(),
        };
        self.lake.store.put(&format!("{BATCHES}/{name}.json"), &json(&batch))?;
        self.pieces.extend(batch.pieces.into_iter().map(|piece| piece.id));
        Ok(())
    }

    /// Puts a new file where it waits for [`Writer::change`]; it is durable, and no reader sees it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn wait(&mut self, change: &mut Change, path: String, rows: u64, bytes: &[u8]) -> Result<()> {
        self.lake.store.put(&waiting(&path), bytes)?;
        change.files.insert(path, FileRecord::new(rows, bytes));
        Ok(())
    }

    /// Makes a change as one step that a crash cannot halve: the waiting files come, the removed ones go.
    ///
    /// # Errors
    /// When the disk refuses; the next [`Lake::writer`] then ends what was begun.
    pub fn change(&mut self, name: &str, mut change: Change) -> Result<()> {
        change.removed.retain(|path| !change.files.contains_key(path));
        let record = format!("{CHANGES}/{name}.json");
        self.lake.store.put(&waiting(&record), &json(&change))?;
        let places = change.files.into_keys().chain([record]);
        let journal = Journal {
            add: places.map(|place| (waiting(&place), place)).collect(),
            remove: change.removed,
        };
        self.lake.store.put(JOURNAL, &json(&journal))?;
        self.lake.finish(&journal)
    }

    /// Notes what retention takes away, before it does.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn set_retained(&mut self, retained: &Retained) -> Result<()> {
        self.lake.store.put(RETAINED, &json(retained))
    }
}

fn waiting(place: &str) -> String {
    format!("{place}.{WAITING}")
}

/// Path of a table's file for a day.
#[must_use]
pub fn file_path(table: &str, day: i64, name: &str) -> String {
    format!("{table}/day={}/{name}.parquet", day_text(day))
}

/// A day (days since 1970) as the folders write it, `2022-04-01`.
#[must_use]
pub fn day_text(day: i64) -> String {
    let date = chrono::DateTime::from_timestamp(day.saturating_mul(86_400), 0).unwrap_or_default();
    date.format("%Y-%m-%d").to_string()
}

/// The day of a file path of [`file_path`], days since 1970.
#[must_use]
pub fn day_of(path: &str) -> Option<i64> {
    let text = path.split('/').find_map(|part| part.strip_prefix("day="))?;
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.signed_duration_since(chrono::NaiveDate::default()).num_days())
}

/// A batch is named by its pieces, so that the same pieces make the same files.
fn batch_name(pieces: &[Piece]) -> String {
    let mut hasher = twox_hash::XxHash3_128::new();
    for piece in pieces {
        hasher.write(piece.id.0.as_bytes());
        hasher.write(b"\n");
    }
    format!("{:032x}", hasher.finish_128())
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Our own records hold only text and numbers, which always serialise.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn parse<T: for<'a> Deserialize<'a>>(store: &Store, path: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::Damaged {
        path: store.path(path),
        reason: error.to_string(),
    })
}
