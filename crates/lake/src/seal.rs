//! Sealing: a segment's packets become the files of every table, day by day, in one go and without a second read.

use std::collections::BTreeMap;

use parquet::errors::Result;

use crate::names::World;
use crate::rollup::{Counts, Sources, find_sources};
use crate::schema::{self, Table};
use crate::segment::{DAY_US, SeenRow, Segment};
use crate::sort;
use crate::tables::Writers;

/// One file of one table, ready to be stored.
#[derive(Debug)]
pub struct TableFile {
    /// Which table.
    pub table: &'static Table,
    /// Day in UTC, days since 1970.
    pub day: i64,
    /// Number of rows.
    pub rows: u64,
    /// The whole Parquet file.
    pub bytes: Vec<u8>,
}

/// Everything sealing needs again and again; one for each thread.
pub struct Sealer {
    writers: Writers,
    order: Vec<u64>,
    scratch: Vec<u64>,
    sources: Sources,
    counts: Counts,
}

impl Sealer {
    /// For packets as they arrive.
    ///
    /// # Errors
    /// When a compressor cannot be made.
    pub fn new() -> Result<Sealer> {
        Ok(Sealer::of(Writers::new(false)?))
    }

    /// For whole days, whose files are there to stay: they get bloom filters.
    ///
    /// # Errors
    /// When a compressor cannot be made.
    pub fn for_days() -> Result<Sealer> {
        Ok(Sealer::of(Writers::new(true)?))
    }

    fn of(writers: Writers) -> Sealer {
        Sealer {
            writers,
            order: Vec::new(),
            scratch: Vec::new(),
            sources: Sources::default(),
            counts: Counts::default(),
        }
    }

    /// The files of all tables for a segment, days in order.
    ///
    /// # Errors
    /// When a page cannot be written.
    pub fn seal(&mut self, segment: &Segment, world: World<'_>) -> Result<Vec<TableFile>> {
        let mut files = Vec::new();
        for (day, rows) in rows_by_day(segment) {
            self.order.clear();
            match rows {
                Rows::All => self.order.extend(0..segment.rows.len() as u64),
                Rows::Some(rows) => self.order.extend(rows.into_iter().map(u64::from)),
            }
            self.seal_day(segment, world, day, &mut files)?;
        }
        let mut seen: BTreeMap<i64, Vec<SeenRow>> = BTreeMap::new();
        for (&key, &value) in &segment.seen {
            seen.entry(key.0.div_euclid(DAY_US)).or_default().push((key, value));
        }
        for (day, rows) in seen {
            let bytes = self.writers.sensors(segment, &rows)?;
            files.push(TableFile {
                table: &schema::SENSORS,
                day,
                rows: rows.len() as u64,
                bytes,
            });
        }
        Ok(files)
    }

    /// The file of `sensors` for rows that were united.
    ///
    /// # Errors
    /// When a page cannot be written.
    pub fn sensors(&mut self, segment: &Segment, rows: &[SeenRow]) -> Result<Vec<u8>> {
        self.writers.sensors(segment, rows)
    }

    fn seal_day(&mut self, segment: &Segment, world: World<'_>, day: i64, files: &mut Vec<TableFile>) -> Result<()> {
        let rows = self.order.len() as u64;
        find_sources(segment, world, day, &mut self.order, &mut self.scratch, &mut self.sources);
        sort::by_key17(&mut self.order, &mut self.scratch);
        self.counts.begin(day);
        let counts = &mut self.counts;
        let bytes = self.writers.packets(segment, world, &self.sources, &self.order, |packet, source| {
            counts.observe(packet, source)
        })?;
        self.counts.close_port();
        files.push(TableFile {
            table: &schema::PACKETS,
            day,
            rows,
            bytes,
        });
        let bytes = self.writers.hourly(segment, world, &self.counts.hourly)?;
        files.push(TableFile {
            table: &schema::HOURLY,
            day,
            rows: self.counts.hourly.len() as u64,
            bytes,
        });
        let bytes = self.writers.daily(segment, world, &self.counts.daily)?;
        files.push(TableFile {
            table: &schema::DAILY,
            day,
            rows: self.counts.daily.len() as u64,
            bytes,
        });
        let bytes = self.writers.ports(segment, &self.counts.ports)?;
        files.push(TableFile {
            table: &schema::PORTS,
            day,
            rows: self.counts.ports.len() as u64,
            bytes,
        });
        let bytes = self.writers.sources(segment, world, &self.sources)?;
        files.push(TableFile {
            table: &schema::SOURCES,
            day,
            rows: self.sources.rows.len() as u64,
            bytes,
        });
        Ok(())
    }
}

/// Which rows of a segment belong to a day.
enum Rows {
    All,
    Some(Vec<u32>),
}

fn rows_by_day(segment: &Segment) -> BTreeMap<i64, Rows> {
    let mut days: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    let Some(first) = segment.rows.first() else {
        return BTreeMap::new();
    };
    let day = first.time_us.div_euclid(DAY_US);
    let begin_us = day * DAY_US;
    if segment
        .rows
        .iter()
        .all(|packet| (0..DAY_US).contains(&packet.time_us.wrapping_sub(begin_us)))
    {
        return BTreeMap::from([(day, Rows::All)]);
    }
    for (row, packet) in segment.rows.iter().enumerate() {
        days.entry(packet.time_us.div_euclid(DAY_US))
            .or_default()
            .push(u32::try_from(row).unwrap_or(u32::MAX));
    }
    days.into_iter().map(|(day, rows)| (day, Rows::Some(rows))).collect()
}
