//! `hirundo lake`: compact, verify, stats, retain.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use hirundo_lake::{compact, retain, verify};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Done, open_lake, today};
use crate::cli::{Global, LakeCommand};
use crate::period::{Day, Period};
use crate::screen::{may_show_progress, screen};
use crate::view::text::count;
use crate::view::{self, Format, Options};

/// Runs the command.
pub fn run(global: &Global, command: &LakeCommand) -> Result<Done> {
    match command {
        LakeCommand::Compact { period, force, rules } => compact(global, period, *force, rules.as_deref()),
        LakeCommand::Verify { repair } => verify(global, *repair),
        LakeCommand::Stats => stats(global),
        LakeCommand::Retain {
            packets,
            hourly,
            sources,
            from,
            dry_run,
        } => {
            let days = [("packets", *packets), ("hourly", *hourly), ("sources", *sources)];
            retain(global, &days, from.as_deref(), *dry_run)
        }
    }
}

fn compact(global: &Global, period: &str, force: bool, rules: Option<&Path>) -> Result<Done> {
    let marks = super::ingest::marks(rules)?;
    let mut maintainer = open_lake(global)?.maintainer()?;
    let span = Period::parse(period, today())?;
    let first = span.map_or(i64::MIN, |span| i64::from(span.first().0));
    let mut last = span.map_or(i64::MAX, |span| i64::from(span.last().0));
    if !force {
        // Today is not over: more will arrive.
        last = last.min(i64::from(today().0) - 1);
    }
    let days = compact::days(&maintainer, first, last, force)?;
    let bar = bar(days.len() as u64, global.quiet, "{bar:32} {pos}/{len} days  {eta} left");
    let (mut packets, mut files, mut bytes) = (0, (0, 0), (0, 0));
    for &day in &days {
        let compacted = compact::day(&mut maintainer, &marks, day)?;
        packets += compacted.packets;
        files = (files.0 + compacted.files_before, files.1 + compacted.files_after);
        bytes = (bytes.0 + compacted.bytes_before, bytes.1 + compacted.bytes_after);
        bar.inc(1);
    }
    maintainer.sum_up()?;
    bar.finish_and_clear();
    let mut out = std::io::stdout().lock();
    match global.format {
        Format::Table if global.quiet => {}
        Format::Table if days.is_empty() => writeln!(out, "nothing to compact")?,
        Format::Table => writeln!(
            out,
            "compacted {} days with {} packets: {} files became {}, {} bytes became {}",
            days.len(),
            count(packets),
            count(files.0 as u64),
            count(files.1 as u64),
            count(bytes.0),
            count(bytes.1)
        )?,
        Format::Json | Format::Csv => {
            let batch = RecordBatch::try_from_iter([
                ("days", int(days.len() as u64)),
                ("packets", int(packets)),
                ("files_before", int(files.0 as u64)),
                ("files_after", int(files.1 as u64)),
                ("bytes_before", int(bytes.0)),
                ("bytes_after", int(bytes.1)),
            ])?;
            view::show(global.format, &batch.schema(), &[batch], Options::default(), &mut out)?;
        }
    }
    Ok(Done::Yes)
}

fn int(value: u64) -> ArrayRef {
    Arc::new(Int64Array::from(vec![i64::try_from(value).unwrap_or(i64::MAX)]))
}

fn bar(length: u64, quiet: bool, template: &str) -> ProgressBar {
    if !may_show_progress(quiet) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn verify(global: &Global, repair: bool) -> Result<Done> {
    let lake = open_lake(global)?;
    // A record that cannot be read is what verification is to tell; there is just no telling how long it takes.
    let total: u64 = retain::sizes(&lake).map_or(0, |sizes| sizes.iter().map(|(_, size)| size.bytes).sum());
    let bar = bar(total, global.quiet, "{bar:32} {bytes}/{total_bytes}  {eta} left");
    let mut verified = verify::verify(&lake, &mut |bytes| bar.set_position(bytes))?;
    bar.finish_and_clear();
    let mut out = std::io::stdout().lock();
    let records_are_sound = verified.findings.is_empty() || !verified.orphans.is_empty();
    if repair && records_are_sound {
        let orphans = std::mem::take(&mut verified.orphans);
        // Whoever opens the lake for writing clears up.
        lake.committer()?;
        if global.format == Format::Table && !orphans.is_empty() {
            writeln!(out, "deleted {} files that an ingest cut short had left", orphans.len())?;
        }
    }
    let mut findings = verified.findings.clone();
    findings.extend(
        verified
            .orphans
            .iter()
            .map(|path| format!("{path}: no record knows it; an ingest was cut short")),
    );
    if global.format == Format::Table {
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
        let state = if verified.is_sound() {
            "everything agrees".to_owned()
        } else {
            format!("{} things are wrong", findings.len())
        };
        writeln!(
            out,
            "{} files, {} bytes, {} rows read; {} packets were stored; {state}",
            count(verified.files),
            count(verified.bytes),
            count(verified.rows),
            count(verified.packets)
        )?;
        if !verified.orphans.is_empty() {
            writeln!(
                out,
                "hint: run the ingest again to complete it, or `hirundo lake verify --repair` to delete what it left"
            )?;
        }
    } else {
        let batch = RecordBatch::try_from_iter([("finding", Arc::new(StringArray::from(findings)) as ArrayRef)])?;
        view::show(global.format, &batch.schema(), &[batch], Options::default(), &mut out)?;
    }
    Ok(if verified.is_sound() { Done::Yes } else { Done::No })
}

fn stats(global: &Global) -> Result<Done> {
    let sizes = retain::sizes(&open_lake(global)?)?;
    let number = |value: &dyn Fn(&retain::Size) -> u64| -> ArrayRef {
        Arc::new(
            sizes
                .iter()
                .map(|(_, size)| i64::try_from(value(size)).ok())
                .collect::<Int64Array>(),
        )
    };
    let date = |value: &dyn Fn(&retain::Size) -> Option<i64>| -> ArrayRef {
        Arc::new(
            sizes
                .iter()
                .map(|(_, size)| value(size).and_then(|day| i32::try_from(day).ok()))
                .collect::<Date32Array>(),
        )
    };
    let per_row = sizes
        .iter()
        .map(|(_, size)| (size.rows > 0).then(|| (size.bytes as f64 / size.rows as f64 * 100.0).round() / 100.0));
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "table",
            Arc::new(StringArray::from_iter_values(sizes.iter().map(|(name, _)| *name))),
        ),
        ("first_day", date(&|size| size.first)),
        ("last_day", date(&|size| size.last)),
        ("days", number(&|size| size.days)),
        ("files", number(&|size| size.files)),
        ("rows", number(&|size| size.rows)),
        ("bytes", number(&|size| size.bytes)),
        ("bytes_per_row", Arc::new(per_row.collect::<Float64Array>())),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let batch = RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, column)| column).collect(),
    )?;
    let screen = screen();
    let options = Options {
        width: screen.width,
        utf8: screen.utf8,
        ..Options::default()
    };
    view::show(global.format, &batch.schema(), &[batch], options, &mut std::io::stdout().lock())?;
    Ok(Done::Yes)
}

fn retain(global: &Global, keep: &[(&'static str, Option<u32>)], from: Option<&str>, dry_run: bool) -> Result<Done> {
    if keep.iter().all(|(_, days)| days.is_none()) {
        bail!("nothing was said about how long to keep what; hint: `hirundo lake retain --packets 60` keeps 60 days of packets");
    }
    let base = match from {
        Some(text) => Period::parse(text, today())?
            .with_context(|| format!("{text:?} is no day; hint: write 2022-06-30"))?
            .last(),
        None => today(),
    };
    let lake = open_lake(global)?;
    let mut out = std::io::stdout().lock();
    let mut maintainer = if dry_run { None } else { Some(lake.maintainer()?) };
    for (table, days) in keep {
        let Some(days) = days else { continue };
        let cut = i64::from(base.0) - i64::from(*days) + 1;
        let old = retain::before(&lake, table, cut)?;
        let bytes: u64 = old.iter().map(|(_, bytes)| bytes).sum();
        if let Some(maintainer) = &mut maintainer {
            retain::delete(maintainer, table, cut)?;
        }
        if !global.quiet {
            let verb = if dry_run { "would delete" } else { "deleted" };
            let day = i32::try_from(cut).map_or_else(|_| cut.to_string(), |day| Day(day).to_string());
            writeln!(
                out,
                "{table}: {verb} {} files, {} bytes, of days before {day}",
                count(old.len() as u64),
                count(bytes)
            )?;
        }
    }
    Ok(Done::Yes)
}
