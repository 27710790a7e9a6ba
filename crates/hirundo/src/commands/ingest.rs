//! `hirundo ingest`: captures into the lake.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use hirundo_lake::Lake;
use hirundo_lake::names::World;
use hirundo_packet::mark::MarkTable;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Done, location, threads};
use crate::cli::{self, Geo, Global};
use crate::ingest::reader::{Outcome, Watch};
use crate::ingest::{self, Input, Report, Settings, roster};
use crate::intel::{Intel, IntelOptions};
use crate::screen;
use crate::view::Format;

/// Runs the command.
pub fn run(global: &Global, options: &cli::Ingest) -> Result<Done> {
    let marks = marks(options.rules.as_deref())?;
    let inputs = ingest::inputs::find(&options.paths, options.sensor.as_deref())?;
    let lake = Lake::open_or_create(&location(global)?)?;
    let mut writer = lake.writer()?;
    for roster in roster::find(&options.paths, options.sensors.as_deref())? {
        lake.merge_roster(roster)?;
    }
    let intel = intel(&options.geo, global.quiet)?;
    let databases = databases(&intel);
    lake.merge_roster(hirundo_lake::Roster {
        databases,
        ..hirundo_lake::Roster::default()
    })?;
    let bytes = inputs.iter().map(|input| input.len_bytes).sum();
    let report = Arc::new(Mutex::new(Report::default()));
    let watch = Box::new(Progress {
        bar: bar(bytes, global.quiet),
        report: Arc::clone(&report),
        quiet: global.quiet,
    });
    let begun = crate::clock::now();
    let settings = Settings {
        threads: threads(global),
        payload_bytes_max: options.payload,
    };
    let captures = inputs.len();
    ingest::run(
        inputs,
        &mut writer,
        World {
            atlas: &intel,
            marks: &marks,
        },
        settings,
        watch,
    )?;
    let secs = (crate::clock::now() - begun).as_seconds_f64();
    let report = report.lock().unwrap_or_else(PoisonError::into_inner);
    tell(global, &report, captures, secs)?;
    if report.captures == 0 && report.damaged_count > 0 {
        bail!("none of the {captures} inputs could be read; hint: the warnings say what each of them is");
    }
    Ok(if report.damaged_count > 0 { Done::No } else { Done::Yes })
}

/// The marks of tools, with those of a rule file.
pub fn marks(rules: Option<&std::path::Path>) -> Result<MarkTable> {
    let Some(path) = rules else { return Ok(MarkTable::built_in()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read the rule file {}", path.display()))?;
    MarkTable::with_rules(&text).with_context(|| format!("could not use the rule file {}", path.display()))
}

/// The databases, with their dates and licences, as the lake keeps them.
pub(super) fn databases(intel: &Intel) -> std::collections::BTreeSet<String> {
    intel
        .versions()
        .map(|version| {
            let file = version.file.file_name().unwrap_or_default().to_string_lossy();
            format!("{file}: {}, {}", version.source, version.licence)
        })
        .collect()
}

/// What says where sources are.
pub(super) fn intel(geo: &Geo, quiet: bool) -> Result<Intel> {
    let options = IntelOptions {
        databases: geo.databases.clone(),
        scanners: geo.scanners.clone(),
        ..IntelOptions::default()
    };
    let intel = Intel::load(&options)?;
    for warning in intel.warnings().iter().filter(|_| !quiet) {
        tracing::warn!("{warning}");
    }
    Ok(intel)
}

fn bar(bytes: u64, quiet: bool) -> ProgressBar {
    if !screen::may_show_progress(quiet) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes);
    // The template is ours and fixed; should it ever be wrong, the plain bar will do.
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {bytes}/{total_bytes}  {msg}  {bytes_per_sec}  {eta} left") {
        bar.set_style(style);
    }
    bar
}

struct Progress {
    bar: ProgressBar,
    report: Arc<Mutex<Report>>,
    quiet: bool,
}

impl Watch for Progress {
    fn progress(&mut self, bytes: u64, frames: u64) {
        self.bar.set_position(bytes);
        self.bar.set_message(format!("{} frames", crate::view::text::count(frames)));
    }

    fn done(&mut self, input: &Input, outcome: &Outcome) {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).add(input, outcome);
        if let Some(damage) = outcome.damage.as_ref().filter(|_| !self.quiet) {
            let packets = outcome.packets + outcome.known;
            let file = input.path.display().to_string();
            let file = crate::view::text::visible(&file);
            self.bar
                .suspend(|| tracing::warn!("{file}: {damage} ({packets} packets before that are kept)"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn tell(global: &Global, report: &Report, captures: usize, secs: f64) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match global.format {
        Format::Json => {
            serde_json::to_writer(&mut out, report)?;
            writeln!(out)?;
        }
        Format::Csv => {
            writeln!(out, "captures,frames,packets,known,damaged")?;
            writeln!(
                out,
                "{},{},{},{},{}",
                report.captures, report.frames, report.packets, report.known, report.damaged_count
            )?;
        }
        Format::Table if global.quiet => {}
        Format::Table => {
            let number = crate::view::text::count;
            let rate = crate::view::text::thousands(&format!("{:.0}", report.frames as f64 / secs.max(0.001)));
            writeln!(
                out,
                "{} packets stored from {} of {captures} captures in {secs:.1} s ({rate} frames/s)",
                number(report.packets),
                report.captures
            )?;
            if report.known > 0 {
                writeln!(
                    out,
                    "{} packets were in the lake already and were not stored again",
                    number(report.known)
                )?;
            }
            for (reason, count) in &report.unreadable {
                writeln!(out, "{:>12} × {reason}", number(*count))?;
            }
            if report.damaged_count > 0 {
                writeln!(
                    out,
                    "{} inputs were damaged or could not be read, see the warnings",
                    report.damaged_count
                )?;
            }
        }
    }
    Ok(())
}
