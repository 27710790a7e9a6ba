//! Compaction: a closed day's many files become few, sorted over the whole day, with roll-ups exact for it.
//!
//! The day's packets are read back, judged again (a tool's rule for several packets sees all packets of
//! the day, not only those that arrived together), and sealed by the same code that sealed them first.
//! A day too large for memory goes in parts, each with all packets of its sources.

use std::collections::BTreeMap;

use hirundo_packet::mark::MarkTable;

use crate::error::{Error, Result, parquet};
use crate::names::World;
use crate::readback::{Part, ReadBack};
use crate::record::{self, Change, FileRecord, day_of, file_path};
use crate::schema;
use crate::seal::{Sealer, TableFile};
use crate::segment::{Seen, Segment};
use crate::sensors;
use crate::writer::Maintainer;

/// Rows of a part: 256 MB of them. Days with more are compacted in several passes.
const PART_ROWS: u64 = 4 << 20;
/// Rows of a part at which it is sealed and a new one begun, should one source have more than that.
const PART_ROWS_MAX: usize = 8 << 20;
/// Name of files that compaction wrote.
const PREFIX: &str = "compact-";

/// What compacting a day did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The day, days since 1970.
    pub day: i64,
    /// Packets in it.
    pub packets: u64,
    /// Files of all tables before.
    pub files_before: usize,
    /// And after.
    pub files_after: usize,
    /// Bytes of all tables before.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
}

/// Days that have something to compact, or all of the span when `force`.
///
/// # Errors
/// When the records cannot be read.
pub fn days(maintainer: &Maintainer, first: i64, last: i64, force: bool) -> Result<Vec<i64>> {
    // Roll-ups are made from packets; where those are gone, the roll-ups stay as they are.
    let retained = maintainer.lake().retained()?;
    let from = retained.from.values().copied().max().unwrap_or(i64::MIN).max(first);
    let mut days: BTreeMap<i64, bool> = BTreeMap::new();
    for path in maintainer.lake().files()?.into_keys() {
        if let Some(day) = day_of(&path).filter(|day| (from..=last).contains(day)) {
            *days.entry(day).or_default() |= force || !is_compact(&path);
        }
    }
    Ok(days.into_iter().filter(|(_, open)| *open).map(|(day, _)| day).collect())
}

pub(crate) fn is_compact(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with(PREFIX))
}

/// Compacts one day.
///
/// # Errors
/// When files cannot be read or written; the lake is then as it was.
pub fn day(maintainer: &mut Maintainer, marks: &MarkTable, day: i64) -> Result<Compacted> {
    let mut before: BTreeMap<String, FileRecord> = maintainer.lake().files()?;
    before.retain(|path, _| day_of(path) == Some(day));
    let of = |table: &str| -> Vec<String> {
        before
            .keys()
            .filter(|path| path.split('/').next() == Some(table))
            .cloned()
            .collect()
    };
    let packets_files = of(schema::PACKETS.name);
    let rows: u64 = packets_files
        .iter()
        .filter_map(|path| before.get(path))
        .map(|record| record.rows)
        .sum();
    let mut named = before.keys().map(String::as_str).collect::<Vec<_>>().join("\n");
    named.push_str(&maintainer.salt());
    let name = record::digest(named.as_bytes());
    for (path, record) in &before {
        maintainer.lake().check_bytes(path, record)?;
    }
    let mut change = Change {
        version: record::VERSION,
        removed: before.keys().cloned().collect(),
        files: BTreeMap::new(),
    };
    let mut day_writer = DayWriter {
        maintainer,
        change: &mut change,
        name: &name,
        sealer: Sealer::for_days().map_err(parquet("write"))?,
        marks,
        packets: 0,
    };
    let parts = rows.div_ceil(PART_ROWS).max(1);
    for part in 0..parts {
        day_writer.part(&packets_files, Part { part, parts })?;
    }
    day_writer.sensors(day, &of(schema::SENSORS.name))?;
    let packets = day_writer.packets;
    if packets != rows {
        let path = day_writer
            .maintainer
            .lake()
            .store()
            .path(&format!("packets/day={}", record::day_text(day)));
        return Err(Error::Damaged {
            path,
            reason: format!("{rows} packets were recorded and {packets} were read back"),
        });
    }
    let sum = |files: &BTreeMap<String, FileRecord>| files.values().map(|record| record.bytes).sum::<u64>();
    let compacted = Compacted {
        day,
        packets,
        files_before: before.len(),
        files_after: change.files.len(),
        bytes_before: sum(&before),
        bytes_after: sum(&change.files),
    };
    maintainer.change(change)?;
    Ok(compacted)
}

struct DayWriter<'a> {
    maintainer: &'a mut Maintainer,
    change: &'a mut Change,
    name: &'a str,
    sealer: Sealer,
    marks: &'a MarkTable,
    packets: u64,
}

impl DayWriter<'_> {
    fn part(&mut self, files: &[String], part: Part) -> Result<()> {
        let mut back = ReadBack::new(self.marks);
        let mut segment = Segment::default();
        for file in files {
            let store = self.maintainer.lake().store();
            let (path, content) = (store.path(file), store.file(file)?);
            back.file(&path, content, part, &mut segment, |back, segment| {
                if segment.rows.len() < PART_ROWS_MAX {
                    return Ok(());
                }
                self.seal(back, segment)
            })?;
        }
        self.seal(&mut back, &mut segment)
    }

    fn seal(&mut self, back: &mut ReadBack<'_>, segment: &mut Segment) -> Result<()> {
        if segment.rows.is_empty() {
            return Ok(());
        }
        back.finish(segment);
        // Files come sorted by port; judging a source by its first packets needs them in order of time.
        segment.rows.sort_by_key(|packet| packet.time_us);
        self.packets += segment.rows.len() as u64;
        let world = World {
            atlas: &back.places,
            marks: self.marks,
        };
        let files = self.sealer.seal(segment, world).map_err(parquet("write"))?;
        for file in &files {
            self.wait(file)?;
        }
        segment.clear();
        back.clear();
        Ok(())
    }

    fn wait(&mut self, file: &TableFile) -> Result<()> {
        let count = self.change.files.len();
        let path = file_path(file.table.name, file.day, &format!("{PREFIX}{}-{count:03}", self.name));
        self.maintainer.wait(self.change, path, file.rows, &file.bytes)
    }

    /// The day's rows of `sensors`, united.
    fn sensors(&mut self, day: i64, files: &[String]) -> Result<()> {
        let mut segment = Segment::default();
        let mut united: BTreeMap<(i64, u16), Seen> = BTreeMap::new();
        for file in files {
            let store = self.maintainer.lake().store();
            sensors::unite(&store.path(file), store.file(file)?, &mut segment, &mut united)?;
        }
        let rows: Vec<_> = united.into_iter().collect();
        if rows.is_empty() {
            return Ok(());
        }
        let bytes = self.sealer.sensors(&segment, &rows).map_err(parquet("write"))?;
        self.wait(&TableFile {
            table: &schema::SENSORS,
            day,
            rows: rows.len() as u64,
            bytes,
        })
    }
}
