//! `hirundo simulate`: captures with a known truth, always called simulated.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use hirundo_simulator::{BenchmarkCapture, SHIPPED, Scenario};
use indicatif::ProgressBar;

use super::Done;
use crate::cli::{self, Global};
use crate::screen::may_show_progress;
use crate::view::text::count;

/// Runs the command.
pub fn run(global: &Global, options: &cli::Simulate) -> Result<Done> {
    let mut out = std::io::stdout().lock();
    if options.list {
        for (name, text) in SHIPPED {
            let first = text.lines().next().unwrap_or("").trim_start_matches(['#', ' ']);
            writeln!(out, "{name:<20} {first}")?;
        }
        return Ok(Done::Yes);
    }
    if let Some(packets) = options.benchmark {
        return benchmark(global, options, packets);
    }
    let Some(name) = &options.scenario else {
        bail!("no scenario was named; hint: `hirundo simulate --list` shows those that come with the program");
    };
    let scenario = match Scenario::shipped(name) {
        Some(scenario) => scenario?,
        None if Path::new(name).exists() => Scenario::read(Path::new(name))?,
        None => bail!("there is no scenario {name:?}; hint: `hirundo simulate --list`, or give the path of a file"),
    };
    let bar = if may_show_progress(global.quiet) {
        ProgressBar::new(scenario.days().len() as u64)
    } else {
        ProgressBar::hidden()
    };
    let summary = hirundo_simulator::simulate(&scenario, options.seed, &options.out, &mut |progress| {
        bar.set_position(progress.days_done as u64);
    })?;
    bar.finish_and_clear();
    if !global.quiet {
        writeln!(
            out,
            "simulated {} packets of {} sensors over {} days into {} captures in {}; the truth is {}",
            count(summary.packets),
            summary.sensors,
            summary.days,
            count(summary.files),
            options.out.display(),
            summary.truth_path.display()
        )?;
    }
    Ok(Done::Yes)
}

fn benchmark(global: &Global, options: &cli::Simulate, packets: u64) -> Result<Done> {
    let mut capture = BenchmarkCapture::hour(packets, options.seed);
    if options.benchmark_days > 0 {
        capture = capture.over_days(options.benchmark_days);
    }
    let file = File::create(&options.out).with_context(|| format!("could not create {}", options.out.display()))?;
    let bytes = capture.write(file)?;
    if !global.quiet {
        writeln!(
            std::io::stdout().lock(),
            "simulated {} packets, {} bytes, into {}",
            count(packets),
            count(bytes),
            options.out.display()
        )?;
    }
    Ok(Done::Yes)
}
