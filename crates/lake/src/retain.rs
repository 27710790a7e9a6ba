//! Retention and sizes: which days of which table are deleted, and what everything takes.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::lake::Lake;
use crate::record::{Change, VERSION, day_of};
use crate::schema;
use crate::writer::Maintainer;

/// What the files of one table take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Days with files.
    pub days: u64,
    /// First such day, days since 1970.
    pub first: Option<i64>,
    /// Last such day.
    pub last: Option<i64>,
    /// Number of files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Sizes of all tables, in the order of the schema.
///
/// # Errors
/// When the records cannot be read.
pub fn sizes(lake: &Lake) -> Result<Vec<(&'static str, Size)>> {
    let mut sizes: BTreeMap<&str, (Size, BTreeSet<i64>)> = BTreeMap::new();
    let files = lake.files()?;
    for (path, record) in &files {
        let (size, days) = sizes.entry(path.split('/').next().unwrap_or("")).or_default();
        size.files += 1;
        size.rows += record.rows;
        size.bytes += record.bytes;
        days.extend(day_of(path));
    }
    Ok(schema::TABLES
        .into_iter()
        .map(|table| {
            let (mut size, days) = sizes.remove(table.name).unwrap_or_default();
            (size.first, size.last, size.days) = (days.first().copied(), days.last().copied(), days.len() as u64);
            (table.name, size)
        })
        .collect())
}

/// Files of `table` of days before `day`, with their bytes.
///
/// # Errors
/// When the records cannot be read.
pub fn before(lake: &Lake, table: &str, day: i64) -> Result<Vec<(String, u64)>> {
    let files = lake.files()?;
    let old = |path: &str| path.split('/').next() == Some(table) && day_of(path).is_some_and(|of| of < day);
    Ok(files
        .into_iter()
        .filter(|(path, _)| old(path))
        .map(|(path, record)| (path, record.bytes))
        .collect())
}

/// Deletes the files of `table` of days before `day`. That they were stored stays recorded, so the same
/// captures ingested again do not bring them back.
///
/// # Errors
/// When the disk refuses; what was begun is ended by the next maintainer.
pub fn delete(maintainer: &mut Maintainer, table: &'static str, day: i64) -> Result<usize> {
    let removed: Vec<String> = before(maintainer.lake(), table, day)?.into_iter().map(|(path, _)| path).collect();
    let count = removed.len();
    let mut retained = maintainer.lake().retained()?;
    retained.forget(table, day);
    maintainer.set_retained(&retained)?;
    if count > 0 {
        maintainer.change(Change {
            version: VERSION,
            removed,
            files: BTreeMap::new(),
        })?;
    }
    Ok(count)
}
