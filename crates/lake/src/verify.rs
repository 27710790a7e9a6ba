//! Verification: every file is what its record says, every row can be read, and all sums agree.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::Result;
use crate::lake::{Lake, Snapshot};
use crate::record::{FileRecord, Retained, day_of, day_text, digest};
use crate::schema::{self, Table};

/// Most findings listed.
const FINDINGS_MAX: usize = 10_000;

/// What verification found.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Files read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Rows decoded.
    pub rows: u64,
    /// Packets that the records say were stored.
    pub packets: u64,
    /// What is wrong, in words.
    pub findings: Vec<String>,
    /// Files that no record knows: an ingest was cut short. No query should count them.
    pub orphans: Vec<String>,
}

/// Reads everything; `progress` hears the bytes read so far.
///
/// # Errors
/// When the lake cannot be read at all.
pub fn verify(lake: &Lake, progress: &mut dyn FnMut(u64)) -> Result<Verified> {
    let _lock = lake.read_lock()?;
    let mut verified = Verified {
        findings: lake.damaged_records()?,
        ..Verified::default()
    };
    if !verified.findings.is_empty() {
        // Without all records nobody knows which files count.
        verified.find("the files were not checked: what they should be stands in records that cannot be read".to_owned());
        return Ok(verified);
    }
    // In this order: what is stored in the meantime is none of the orphans, and not looked at either.
    verified.orphans = lake.orphans()?;
    let snapshot = lake.snapshot()?;
    let retained = lake.retained()?;
    if let Some(finding) = lake.check_ledger(&lake.batches()?, &lake.changes()?)? {
        verified.find(finding);
    }
    let mut sums: BTreeMap<(i64, &str), u64> = BTreeMap::new();
    for (path, record) in &snapshot.files {
        let Some((table, day)) = path.split('/').next().and_then(Table::named).zip(day_of(path)) else {
            verified.find(format!("{path}: a record names it, and it is no file of a table"));
            continue;
        };
        if let Some(packets) = verified.file(lake, path, record, table)? {
            *sums.entry((day, table.name)).or_default() += packets;
        }
        progress(verified.bytes);
    }
    verified.sums(&snapshot, &sums, &retained);
    Ok(verified)
}

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty() && self.orphans.is_empty()
    }

    fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Checks one file; the packets it stands for.
    fn file(&mut self, lake: &Lake, path: &str, record: &FileRecord, table: &Table) -> Result<Option<u64>> {
        let Some(bytes) = lake.store().get(path)? else {
            self.find(format!("{path}: it is missing"));
            return Ok(None);
        };
        self.files += 1;
        self.bytes += bytes.len() as u64;
        if bytes.len() as u64 != record.bytes || digest(&bytes) != record.digest {
            // Its pages are not looked at: nothing in them can be relied on.
            self.find(format!("{path}: its bytes are not those that were written"));
            return Ok(None);
        }
        match read(Bytes::from(bytes), table) {
            Ok((rows, packets)) => {
                self.rows += rows;
                if rows != record.rows {
                    self.find(format!("{path}: {rows} rows, and {} were written", record.rows));
                }
                Ok(Some(packets))
            }
            Err(reason) => {
                self.find(format!("{path}: {reason}"));
                Ok(None)
            }
        }
    }

    /// Compares what is in the tables with what arrived.
    fn sums(&mut self, snapshot: &Snapshot, sums: &BTreeMap<(i64, &str), u64>, retained: &Retained) {
        self.packets = snapshot.packets;
        let in_files = snapshot.arrived.values().sum::<u64>();
        if in_files != self.packets {
            self.find(format!(
                "the records of batches contradict themselves: {} packets in pieces, {in_files} in files",
                self.packets
            ));
        }
        for (&day, &expected) in &snapshot.arrived {
            for table in [&schema::PACKETS, &schema::HOURLY, &schema::DAILY, &schema::PORTS, &schema::SOURCES] {
                let gone = retained.days_gone(table.name, day);
                let found = sums.get(&(day, table.name)).copied();
                if found != Some(expected) && !gone {
                    let found = found.map_or("nothing".to_owned(), |found| format!("{found} packets"));
                    self.find(format!(
                        "{} of {}: {found}, and {expected} packets were stored",
                        table.name,
                        day_text(day)
                    ));
                }
            }
        }
    }
}

/// Decodes every page; rows, and the packets they stand for.
fn read(bytes: Bytes, table: &Table) -> std::result::Result<(u64, u64), String> {
    let (mut rows, mut packets) = (0, 0);
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| error.to_string())?;
    let names: Vec<&str> = builder.parquet_schema().columns().iter().map(|column| column.name()).collect();
    // Columns that were added later are missing in earlier files, and null.
    let (there, missing) = table.columns.split_at(names.len().min(table.columns.len()));
    if names != there.iter().map(|column| column.name).collect::<Vec<_>>() || missing.iter().any(|column| !column.nullable) {
        return Err("its columns are not those of the table".to_owned());
    }
    let mask = ProjectionMask::all();
    for batch in builder.with_projection(mask).build().map_err(|error| error.to_string())? {
        let batch = batch.map_err(|error| error.to_string())?;
        rows += batch.num_rows() as u64;
        packets += match batch
            .column_by_name("packets")
            .and_then(|column| column.as_primitive_opt::<UInt64Type>())
        {
            Some(counts) => counts.iter().flatten().sum(),
            None => batch.num_rows() as u64,
        };
    }
    Ok((rows, packets))
}
