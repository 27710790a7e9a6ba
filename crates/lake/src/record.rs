//! Records: what was stored in which files, what took whose place, and how both are written down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lake::OWN;
use crate::piece::Piece;
use crate::seal::TableFile;

/// Version of records.
pub(crate) const VERSION: u32 = 2;
/// Folder of the records of batches.
pub(crate) const BATCHES: &str = "_hirundo/batches";
/// Folder of the records of changes.
pub(crate) const CHANGES: &str = "_hirundo/changes";
/// Digits of a record's number.
const DIGITS: usize = 12;

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

impl Batch {
    /// Of pieces and their files (which `records` describes), with the files' paths: made of all of them and `salt`, so that
    /// nothing else has the same.
    #[must_use]
    pub fn new(pieces: &[Piece], files: &[TableFile], records: &[FileRecord], salt: &str) -> (Batch, Vec<String>) {
        let mut hasher = twox_hash::XxHash3_128::new();
        for piece in pieces {
            hasher.write(piece.id.to_string().as_bytes());
            hasher.write(b"\n");
        }
        for record in records {
            hasher.write(record.digest.as_bytes());
        }
        hasher.write(salt.as_bytes());
        let name = format!("{:032x}", hasher.finish_128());
        let paths: Vec<String> = files.iter().map(|file| file_path(file.table.name, file.day, &name)).collect();
        let batch = Batch {
            version: VERSION,
            pieces: pieces.to_vec(),
            files: paths.iter().cloned().zip(records.iter().cloned()).collect(),
        };
        (batch, paths)
    }

    /// One that stores nothing: whoever prepared a record with its number finds that number taken, see [`crate::writer`].
    pub(crate) fn fence() -> Batch {
        Batch {
            version: VERSION,
            pieces: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    pub(crate) fn is_fence(&self) -> bool {
        self.pieces.is_empty() && self.files.is_empty()
    }
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

impl Change {
    /// One that changes nothing, see [`Batch::fence`].
    pub(crate) fn fence() -> Change {
        Change {
            version: VERSION,
            removed: Vec::new(),
            files: BTreeMap::new(),
        }
    }
}

/// Exchange of files that must happen as one: written before it begins, deleted when it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// New files: (where they wait, where they belong).
    pub(crate) add: Vec<(String, String)>,
    /// Files they replace.
    pub(crate) remove: Vec<String>,
}

impl Journal {
    /// Whether it names nothing but files of the lake; the first that is none.
    pub(crate) fn check(&self) -> Result<(), &str> {
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

/// Path of a record by its number.
pub(crate) fn numbered(folder: &str, number: u64) -> String {
    format!("{folder}/{number:0DIGITS$}.json")
}

/// Number of a record by its path; records of earlier versions have none.
pub(crate) fn number_of(path: &str) -> Option<u64> {
    let name = path.rsplit('/').next()?.strip_suffix(".json")?;
    let is_number = name.len() == DIGITS && name.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| name.parse().ok()).flatten()
}

/// The number after those of all records.
pub(crate) fn next_number<'a>(paths: impl Iterator<Item = &'a String>) -> u64 {
    paths.filter_map(|path| number_of(path)).max().map_or(0, |last| last + 1)
}

/// A record as bytes.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    // Our own records hold only text and numbers, which always serialise.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_records() {
        assert_eq!(numbered(BATCHES, 7), "_hirundo/batches/000000000007.json");
        for (path, number) in [
            ("_hirundo/batches/000000000007.json", Some(7)),
            ("_hirundo/batches/0123456789abcdef0123456789abcdef.json", None),
            ("_hirundo/batches/00000000007.json", None),
            ("_hirundo/batches/+00000000007.json", None),
            ("_hirundo/batches/000000000007", None),
        ] {
            assert_eq!(number_of(path), number, "{path}");
        }
        let paths = ["a/000000000003.json".to_owned(), "a/x.json".to_owned()];
        assert_eq!((next_number(paths.iter()), next_number([].iter())), (4, 0));
    }
}
