//! Measures what each stage of an ingest costs: `cargo run --release -p hirundo --example stages -- CAPTURE`.
//!
//! One thread, CPU time of that thread (user and system), nanoseconds a packet. The stages up to the
//! segment are cumulative passes over the whole capture, interleaved round by round; the stages of
//! sealing are measured apart, segment by segment. Without a capture one is made.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use cpu_time::ThreadTime;
use hirundo::ingest::inputs::{self, Input};
use hirundo::ingest::reader::{Outcome, Reader, Watch};
use hirundo::intel::{Intel, IntelOptions};
use hirundo_lake::names::{Atlas, World};
use hirundo_lake::rollup::{Counts, Sources, find_sources};
use hirundo_lake::schema::TABLES;
use hirundo_lake::seal::Sealer;
use hirundo_lake::segment::{DAY_US, PAYLOAD_BYTES_DEFAULT, Segment};
use hirundo_lake::sort;
use hirundo_lake::tables::Writers;
use hirundo_packet::Present;
use hirundo_packet::capture::Capture;
use hirundo_packet::decode::{Decoded, decode_into};
use hirundo_packet::kind;
use hirundo_packet::mark::MarkTable;
use hirundo_simulator::BenchmarkCapture;
use serde::Serialize;

/// Packets of the capture that is made when none is named.
const PACKETS_DEFAULT: u64 = 2_000_000;
/// Measurements of each stage; the median counts.
const ROUNDS_DEFAULT: usize = 3;

/// What to measure.
struct Plan {
    capture: Option<String>,
    packets: u64,
    rounds: usize,
    geo: Vec<String>,
    json: bool,
}

/// One stage: its median over the rounds, and the least and greatest.
#[derive(Debug, Serialize)]
struct Stage {
    name: &'static str,
    ns_per_packet: f64,
    least: f64,
    greatest: f64,
}

/// A table as sealed, before compaction.
#[derive(Debug, Serialize)]
struct Sealed {
    table: &'static str,
    rows: u64,
    bytes: u64,
}

/// Everything found.
#[derive(Debug, Serialize)]
struct Findings {
    packets: u64,
    segments: u64,
    /// Sources of all segments, a source of two segments twice: the look-ups that an ingest needs.
    sources: u64,
    stages: Vec<Stage>,
    sealed: Vec<Sealed>,
}

/// CPU time of every stage by round, in nanoseconds.
#[derive(Default)]
struct Clock {
    order: Vec<&'static str>,
    rounds: BTreeMap<&'static str, Vec<f64>>,
}

impl Clock {
    /// Runs `work` and books its CPU time to a stage of the present round.
    fn time<T>(&mut self, stage: &'static str, round: usize, work: impl FnOnce() -> T) -> T {
        let start = ThreadTime::now();
        let result = work();
        let spent_ns = start.elapsed().as_nanos() as f64;
        if !self.rounds.contains_key(stage) {
            self.order.push(stage);
        }
        let rounds = self.rounds.entry(stage).or_default();
        rounds.resize(rounds.len().max(round + 1), 0.0);
        if let Some(sum) = rounds.get_mut(round) {
            *sum += spent_ns;
        }
        result
    }

    /// Median, least and greatest of each stage, in the order they were first measured.
    fn stages(self, packets: u64) -> Vec<Stage> {
        let mut all = self.rounds;
        let per_packet = |ns: Option<&f64>| (ns.copied().unwrap_or(0.0) / packets.max(1) as f64 * 100.0).round() / 100.0;
        let stage = |name: &'static str| {
            let mut rounds = all.remove(name).unwrap_or_default();
            rounds.sort_by(f64::total_cmp);
            let median = rounds.get(rounds.len() / 2);
            Stage {
                name,
                ns_per_packet: per_packet(median),
                least: per_packet(rounds.first()),
                greatest: per_packet(rounds.last()),
            }
        };
        self.order.into_iter().map(stage).collect()
    }
}

/// Keeps what the reader says of damage, so that no half-read capture is measured.
#[derive(Clone, Default)]
struct Damage(Arc<Mutex<Option<String>>>);

impl Watch for Damage {
    fn progress(&mut self, _bytes: u64, _frames: u64) {}

    fn done(&mut self, _input: &Input, outcome: &Outcome) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&outcome.damage);
    }
}

fn main() -> Result<()> {
    let plan = plan(std::env::args().skip(1))?;
    let findings = measure(&plan)?;
    let mut out = std::io::stdout().lock();
    if plan.json {
        serde_json::to_writer(&mut out, &findings)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{} packets, {} segments, {} sources of segments; CPU ns a packet, one thread",
        findings.packets, findings.segments, findings.sources
    )?;
    for stage in &findings.stages {
        writeln!(
            out,
            "{:<52} {:8.1}  ({:.1}–{:.1})",
            stage.name, stage.ns_per_packet, stage.least, stage.greatest
        )?;
    }
    for sealed in &findings.sealed {
        let per_packet = sealed.bytes as f64 / findings.packets.max(1) as f64;
        writeln!(
            out,
            "{:<10} {:>10} rows {:>12} bytes, {per_packet:6.2} a packet",
            sealed.table, sealed.rows, sealed.bytes
        )?;
    }
    Ok(())
}

/// The plan that the arguments ask for.
fn plan(mut arguments: impl Iterator<Item = String>) -> Result<Plan> {
    let mut plan = Plan {
        capture: None,
        packets: PACKETS_DEFAULT,
        rounds: ROUNDS_DEFAULT,
        geo: Vec::new(),
        json: false,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--packets" => plan.packets = value()?.parse().context("--packets needs a number")?,
            "--rounds" => plan.rounds = value()?.parse().context("--rounds needs a number")?,
            "--geo" => plan.geo.push(value()?),
            "--json" => plan.json = true,
            option if option.starts_with('-') => {
                bail!("unknown option {option}; hint: stages [--packets N] [--rounds N] [--geo FILE|DIR] [--json] [CAPTURE]")
            }
            _ => plan.capture = Some(argument),
        }
    }
    Ok(plan)
}

/// Measures every stage of the plan.
fn measure(plan: &Plan) -> Result<Findings> {
    let folder = tempfile::tempdir().context("could not make a folder for the capture")?;
    let path = match &plan.capture {
        Some(path) => PathBuf::from(path),
        None => {
            let path = folder.path().join("made.pcap");
            BenchmarkCapture::hour(plan.packets, 1).write(std::fs::File::create(&path)?)?;
            path
        }
    };
    let inputs = inputs::find(&[path.to_owned()], None)?;
    let search = plan.geo.is_empty() && plan.capture.is_some();
    let intel = Intel::load(&IntelOptions {
        databases: plan.geo.clone(),
        search,
        ..IntelOptions::default()
    })?;
    let marks = MarkTable::built_in();
    let world = World {
        atlas: &intel,
        marks: &marks,
    };
    let mut clock = Clock::default();
    let mut findings = Findings {
        packets: 0,
        segments: 0,
        sources: 0,
        stages: Vec::new(),
        sealed: Vec::new(),
    };
    for round in 0..plan.rounds.max(1) {
        for input in &inputs {
            clock.time("read frames", round, || pass(input, Depth::Read, &marks))?;
            clock.time("… + decode", round, || pass(input, Depth::Decode, &marks))?;
            clock.time("… + mark and kind", round, || pass(input, Depth::Judge, &marks))?;
        }
        segments(&inputs, world, round, &mut clock, &mut findings)?;
    }
    findings.stages = clock.stages(findings.packets);
    Ok(findings)
}

/// How far a pass over the capture goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    Read,
    Decode,
    Judge,
}

/// One pass over a capture; nothing is kept.
fn pass(input: &Input, depth: Depth, marks: &MarkTable) -> Result<()> {
    let mut capture = Capture::open(input.open()?)?;
    while let Some(frame) = capture.next()? {
        if depth == Depth::Read {
            black_box(frame.data);
            continue;
        }
        let mut decoded = Decoded::default();
        let readable = decode_into(frame.link, frame.data, frame.time_ns.div_euclid(1000), &mut decoded).is_ok();
        if readable && depth == Depth::Judge {
            decoded.packet.mark = marks.mark(&decoded.packet, decoded.options, decoded.payload);
            (decoded.packet.kind, decoded.packet.probe) = kind::classify_wide(&decoded.packet, &decoded.wide, decoded.payload);
        }
        black_box(&decoded);
    }
    black_box(capture.take_digest());
    Ok(())
}

/// The same pass into segments, as the ingest's own reader does it, and then everything that sealing is made of.
fn segments(inputs: &[Input], world: World<'_>, round: usize, clock: &mut Clock, findings: &mut Findings) -> Result<()> {
    let damage = Damage::default();
    let known = hirundo_lake::Known::default();
    let mut reader = Reader::new(inputs.to_vec(), known, world.marks, PAYLOAD_BYTES_DEFAULT, Box::new(damage.clone()));
    let mut segment = Segment::default();
    let mut sealing = Sealing::new()?;
    let (mut packets, mut count, mut sources) = (0, 0, 0);
    let mut sizes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    loop {
        segment.clear();
        if clock.time("… + into segments", round, || reader.fill(&mut segment)).is_none() {
            break;
        }
        packets += segment.rows.len() as u64;
        count += 1;
        locate(&segment, world.atlas, round, clock);
        sources += sealing.parts(&mut segment, world, round, clock)?;
        let files = clock.time("seal, whole", round, || sealing.sealer.seal(&segment, world))?;
        for file in &files {
            let size = sizes.entry(file.table.name).or_default();
            *size = (size.0 + file.rows, size.1 + file.bytes.len() as u64);
        }
    }
    if let Some(damage) = damage.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        bail!("could not measure a damaged capture: {damage}");
    }
    (findings.packets, findings.segments, findings.sources) = (packets, count, sources);
    let sealed = |table: &&'static hirundo_lake::schema::Table| {
        let (rows, bytes) = sizes.get(table.name).copied().unwrap_or_default();
        Sealed {
            table: table.name,
            rows,
            bytes,
        }
    };
    findings.sealed = TABLES.iter().map(sealed).collect();
    Ok(())
}

/// Looks every packet up in the order it came, then every source once in order of address as sealing does.
fn locate(segment: &Segment, atlas: &dyn Atlas, round: usize, clock: &mut Clock) {
    let narrow = segment.rows.iter().filter(|packet| !packet.present.has(Present::WIDE));
    let day = segment.rows.first().map_or(0, |packet| packet.time_us.div_euclid(DAY_US));
    let mut addresses: Vec<u32> = narrow.map(|packet| packet.src).collect();
    let look_up = |addresses: &[u32]| {
        for &address in addresses {
            black_box(atlas.place_v4(day, address));
        }
    };
    clock.time("locate every packet, in order of time", round, || look_up(&addresses));
    addresses.sort_unstable();
    addresses.dedup();
    clock.time("locate every source once, in order of address", round, || look_up(&addresses));
}

/// What sealing a segment needs again and again.
struct Sealing {
    sealer: Sealer,
    writers: Writers,
    order: Vec<u64>,
    scratch: Vec<u64>,
    sources: Sources,
    counts: Counts,
}

impl Sealing {
    fn new() -> Result<Sealing> {
        let (sealer, writers) = (Sealer::new()?, Writers::new(false)?);
        Ok(Sealing {
            sealer,
            writers,
            order: Vec::new(),
            scratch: Vec::new(),
            sources: Sources::default(),
            counts: Counts::default(),
        })
    }

    /// The steps of `Sealer::seal`, one by one; how many sources there were.
    fn parts(&mut self, segment: &mut Segment, world: World<'_>, round: usize, clock: &mut Clock) -> Result<u64> {
        let mut days: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        for (row, packet) in segment.rows.iter().enumerate() {
            days.entry(packet.time_us.div_euclid(DAY_US)).or_default().push(row as u64);
        }
        let mut count = 0;
        for (day, rows) in days {
            self.order = rows;
            clock.time("seal: sources (sort, locate, judge, sum up)", round, || {
                find_sources(segment, world, day, &mut self.order, &mut self.scratch, &mut self.sources)
            });
            count += self.sources.sources.len() as u64;
            clock.time("seal: sort by destination port", round, || {
                sort::by_key17(&mut self.order, &mut self.scratch)
            });
            let (sources, order) = (&self.sources, &self.order);
            let counts = &mut self.counts;
            let file = clock.time("seal: encode and compress packets, counting along", round, || {
                counts.begin(day);
                let file = self
                    .writers
                    .packets(segment, world, sources, order, |packet, source| counts.observe(packet, source));
                counts.close_port();
                file
            })?;
            black_box(file);
            let file = clock.time("(the same without counting)", round, || {
                self.writers.packets(segment, world, sources, order, |_, _| {})
            })?;
            black_box(file);
            let file = clock.time("seal: encode and compress hourly", round, || {
                self.writers.hourly(segment, world, &self.counts.hourly)
            })?;
            black_box(file);
            let file = clock.time("seal: encode and compress daily", round, || {
                self.writers.daily(segment, world, &self.counts.daily)
            })?;
            black_box(file);
            let file = clock.time("seal: encode and compress sources", round, || {
                self.writers.sources(segment, world, sources)
            })?;
            black_box(file);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_run_measures_every_stage_and_keeps_every_packet() {
        let arguments = ["--packets", "20000", "--rounds", "1"].map(str::to_owned);
        let findings = measure(&plan(arguments.into_iter()).unwrap()).unwrap();
        assert_eq!(findings.packets, 20_000);
        assert!(findings.stages.len() >= 14, "{:?}", findings.stages);
        assert!(
            findings.stages.iter().all(|stage| stage.ns_per_packet > 0.0),
            "{:?}",
            findings.stages
        );
        let rows = |table: &str| {
            findings
                .sealed
                .iter()
                .find(|sealed| sealed.table == table)
                .map(|sealed| (sealed.rows, sealed.bytes > 0))
        };
        assert_eq!(rows("packets"), Some((20_000, true)));
        assert!(
            TABLES
                .iter()
                .all(|table| rows(table.name).is_some_and(|(rows, bytes)| rows > 0 && bytes)),
            "{:?}",
            findings.sealed
        );
        assert!(findings.sources > 100 && findings.sources < 20_000);
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(plan(["--packet".to_owned()].into_iter()).is_err());
    }
}
