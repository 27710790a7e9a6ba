//! Everything a report needs from the lake, asked once: what was observed, rankings, and daily counts by sensor.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hirundo_analysis::finding::{Measure as Counted, Subject as About};
use hirundo_analysis::series::{Counts, Coverage};
use hirundo_lake::{Filter, Measure, Question, Roster, Session, Subject};

use super::rows::{Rows, whole};
use crate::period::{Day, Period};

/// Days before the period that give its first days a history.
pub const LEAD_IN_DAYS: i32 = 92;
/// Ports followed day by day: more than any report shows, so that a surge of a small one is found.
const PORTS_FOLLOWED: u32 = 300;
/// Autonomous systems followed day by day.
const NETWORKS_FOLLOWED: u32 = 60;
/// Regions followed day by day.
const REGIONS_FOLLOWED: usize = 120;
/// Packets in the period below which a port is not followed: no rule could say anything about it.
const PORT_PACKETS_MIN: u64 = 50;
/// The mark that a report always speaks of.
pub const MARK: &str = "mirai";
/// What is counted day by day, in the order in which it is asked.
const ASKED: [&str; 7] = [
    "networks",
    "region-sources",
    "mirai-region-sources",
    "regions",
    "mirai-regions",
    "ports",
    "marks",
];
/// The same in the order in which it is told of.
const COUNTED: [&str; 7] = [
    "ports",
    "regions",
    "region-sources",
    "mirai-regions",
    "mirai-region-sources",
    "marks",
    "networks",
];
/// Rows that a ranking is asked for: enough to find the rank of the home region.
const RANKS_ASKED: i64 = 300;

/// One row of a ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// What it is.
    pub subject: About,
    /// Rank, from 1.
    pub rank: u64,
    /// Value.
    pub value: f64,
    /// Share of all, per cent.
    pub percent: f64,
    /// Rank in the period before; `None`: not seen then.
    pub rank_before: Option<u64>,
    /// Value in the period before.
    pub value_before: Option<f64>,
}

/// A ranking with the data behind it.
pub struct Ranking {
    /// Rows, largest first.
    pub rows: Vec<Ranked>,
    /// As it was asked and answered.
    pub source: Rows,
}

/// Sums over a period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Packets stored.
    pub packets: f64,
    /// Distinct sources.
    pub sources: f64,
    /// Frames read.
    pub seen: f64,
    /// Frames without a readable IP header.
    pub unreadable: f64,
    /// Frames that sensors' kernels dropped, where known.
    pub dropped_kernel: Option<f64>,
    /// Packets that their spools had to drop, where known.
    pub dropped_spool: Option<f64>,
    /// Frames that came while they were not running, at most, where known.
    pub missed: Option<f64>,
    /// The greatest difference of a sensor's clock from the centre's, microseconds, where known.
    pub clock_skew_us: Option<f64>,
}

/// When what observed, in a period and before it.
pub struct Cover {
    /// The period.
    pub period: Period,
    before: Option<Period>,
    /// First day of the history.
    pub lead_in: i32,
    sensors: Vec<String>,
    coverage: Coverage,
    rows: Rows,
    /// Packets kept each day, all sensors together, from `lead_in` on.
    pub kept: Vec<f64>,
}

/// What is known of the traffic of a period.
pub struct Facts {
    /// The period.
    pub period: Period,
    /// The period before, when anything was observed in it.
    pub before: Option<Period>,
    /// First day of the history.
    pub lead_in: Day,
    /// Names of the sensors, in the order of everything counted by sensor.
    pub sensors: Vec<String>,
    /// What else is known of sensors.
    pub roster: Roster,
    /// When each sensor observed, from `lead_in` to the end of the period.
    pub coverage: Coverage,
    /// Its source.
    pub coverage_rows: Rows,
    /// Sums over the period.
    pub totals: Totals,
    /// The questions behind those of packets and sources.
    pub totals_sql: String,
    /// Ports by packets.
    pub ports: Ranking,
    /// Regions by packets.
    pub regions: Ranking,
    /// Regions by packets with the mark.
    pub mark_regions: Ranking,
    /// Regions by cumulative sources.
    pub region_hosts: Ranking,
    /// Regions by cumulative sources of the marked tool.
    pub mark_region_hosts: Ranking,
    /// Research scanners by packets.
    pub scanners: Ranking,
    /// Their packets, day by day at each sensor.
    pub scanner_counts: Vec<Counts>,
    /// The question behind them.
    pub scanner_days: Rows,
    /// Daily counts by sensor.
    pub counts: Vec<Counts>,
    /// The questions behind `counts`, by name of what they count.
    pub sources: BTreeMap<&'static str, Rows>,
}

impl Facts {
    /// Asks when each sensor observed: the ground that everything else stands on.
    pub async fn cover(session: &Session, period: Period, span: (i32, i32)) -> Result<Cover> {
        let days = (period.first().0, period.last().0);
        let lead_in = span.0.max(days.0 - LEAD_IN_DAYS).min(days.0);
        let rows = Rows::ask(session, Question::coverage(lead_in, days.1)).await?;
        let (sensors, coverage) = coverage_of(&rows, lead_in, days.1)?;
        let mut kept = vec![0.0; coverage.up.first().map_or(0, Vec::len)];
        for (day, packets) in rows.days("day")?.into_iter().zip(rows.counts("kept")?) {
            if let Some(sum) = usize::try_from(day - lead_in).ok().and_then(|at| kept.get_mut(at)) {
                *sum += packets;
            }
        }
        Ok(Cover {
            period,
            before: period.previous().filter(|before| before.last().0 >= span.0),
            lead_in,
            sensors,
            coverage,
            rows,
            kept,
        })
    }

    /// Asks everything else.
    pub async fn gather(session: &Session, roster: Roster, cover: Cover) -> Result<Facts> {
        let Cover {
            period,
            before,
            lead_in,
            sensors,
            coverage,
            rows: coverage_rows,
            kept: _,
        } = cover;
        let days = (period.first().0, period.last().0);
        let questions = questions(session, days, before, lead_in);
        let mut answers = Rows::ask_all(session, questions).await?.into_iter();
        let mut next = || answers.next().context("a question of the report has no answer");
        let sources = next()?;
        let region_hosts = ranked(Subject::Regions, next()?)?;
        let mark_region_hosts = ranked(Subject::Regions, next()?)?;
        let scanners = ranked(Subject::Scanners, next()?)?;
        let series: Vec<(&'static str, Rows)> = ASKED.into_iter().map(|name| Ok((name, next()?))).collect::<Result<_>>()?;
        let ports = ranked(Subject::Ports, next()?)?;
        let regions = ranked(Subject::Regions, next()?)?;
        let mark_regions = ranked(Subject::Regions, next()?)?;
        let packets = next()?;
        let scanner_days = next()?;
        let mut facts = Facts {
            totals: totals(&packets, &sources, &coverage_rows, days)?,
            totals_sql: format!("{};\n\n{}", packets.question.sql, sources.question.sql),
            ports,
            regions,
            mark_regions,
            region_hosts,
            mark_region_hosts,
            scanners,
            scanner_counts: Vec::new(),
            scanner_days,
            period,
            before,
            lead_in: Day(lead_in),
            sensors,
            roster,
            coverage,
            coverage_rows,
            counts: Vec::new(),
            sources: BTreeMap::new(),
        };
        facts.count(series)?;
        Ok(facts)
    }

    /// Takes daily counts by sensor, in the order in which series are told of.
    fn count(&mut self, mut answers: Vec<(&'static str, Rows)>) -> Result<()> {
        let table = Table {
            sensors: self.sensors.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect(),
            first: self.lead_in.0,
            days: self.coverage.up.first().map_or(0, Vec::len),
        };
        self.scanner_counts = table.of_scanners(&self.scanner_days)?;
        answers.sort_by_key(|(name, _)| COUNTED.iter().position(|known| known == name));
        for (name, rows) in answers {
            table.count(name, &rows, &mut self.counts)?;
            self.sources.insert(name, rows);
        }
        Ok(())
    }

    /// Daily counts of a subject.
    pub fn counts_of(&self, subject: &About, measure: Counted) -> Option<&Counts> {
        self.counts
            .iter()
            .find(|counts| counts.subject == *subject && counts.measure == measure)
    }
}

/// The questions of [`Facts::gather`]: the first, those counted day by day in the order of [`ASKED`], the last.
fn questions(session: &Session, days: (i32, i32), before: Option<Period>, lead_in: i32) -> Vec<Question> {
    let marked = Filter {
        marks: vec![MARK.to_owned()],
        ..Filter::default()
    };
    let of_tool = Filter {
        tools: vec![MARK.to_owned()],
        ..Filter::default()
    };
    let all = Filter::default();
    let settled = session.is_settled((lead_in, days.1));
    let days_before = before.map_or((1, 0), |before| (before.first().0, before.last().0));
    let ranking = |subject, measure, filter: &Filter| Question::ranking(session, subject, measure, filter, days, days_before, RANKS_ASKED);
    // Those that take longest first, so that at the end all threads have something to do.
    vec![
        Question::distinct_sources(days),
        ranking(Subject::Regions, Measure::CumulativeSources, &all),
        ranking(Subject::Regions, Measure::CumulativeSources, &of_tool),
        ranking(Subject::Scanners, Measure::Packets, &all),
        Question::network_days(lead_in, days, NETWORKS_FOLLOWED),
        Question::region_sources(lead_in, days.1, &all, settled),
        Question::region_sources(lead_in, days.1, &of_tool, settled),
        Question::region_days(lead_in, days.1, &all),
        Question::region_days(lead_in, days.1, &marked),
        Question::port_days(lead_in, days, PORT_PACKETS_MIN, PORTS_FOLLOWED),
        Question::mark_days(lead_in, days.1),
        ranking(Subject::Ports, Measure::Packets, &all),
        ranking(Subject::Regions, Measure::Packets, &all),
        ranking(Subject::Regions, Measure::Packets, &marked),
        Question::totals(days),
        Question::scanner_days(lead_in, days.1),
    ]
}

fn totals(packets: &Rows, sources: &Rows, coverage: &Rows, days: (i32, i32)) -> Result<Totals> {
    let day = coverage.days("day")?;
    let sum = |name: &str| -> Result<f64> {
        let values = coverage.counts(name)?;
        let inside = day.iter().zip(values).filter(|(day, _)| (days.0..=days.1).contains(day));
        Ok(inside.map(|(_, value)| value).sum())
    };
    let known = |name: &str, together: fn(f64, f64) -> f64| -> Result<Option<f64>> {
        let values = coverage.numbers(name)?;
        let inside = day.iter().zip(values).filter(|(day, _)| (days.0..=days.1).contains(day));
        Ok(inside.filter_map(|(_, value)| value).reduce(together))
    };
    Ok(Totals {
        packets: packets.counts("packets")?.into_iter().sum(),
        sources: sources.counts("sources")?.into_iter().sum(),
        seen: sum("seen")?,
        unreadable: sum("unreadable")?,
        dropped_kernel: known("dropped_kernel", |one, other| one + other)?,
        dropped_spool: known("dropped_spool", |one, other| one + other)?,
        missed: known("missed", |one, other| one + other)?,
        clock_skew_us: known("clock_skew_us", f64::max)?,
    })
}

impl Totals {
    /// Frames and packets that kernels and spools dropped, where known.
    #[must_use]
    pub fn dropped(&self) -> f64 {
        self.dropped_kernel.unwrap_or_default() + self.dropped_spool.unwrap_or_default()
    }
}

/// A ranking out of the answer to its question.
fn ranked(subject: Subject, source: Rows) -> Result<Ranking> {
    let subjects = match subject {
        Subject::Ports => ports_of(&source)?,
        Subject::Scanners => source.texts("scanner")?.into_iter().map(|name| Some(About::Tool(name?))).collect(),
        Subject::Regions | Subject::Sources | Subject::Tools | Subject::Networks | Subject::Kinds | Subject::Sensors | Subject::All => {
            source.texts("region")?.into_iter().map(|name| Some(About::Region(name?))).collect()
        }
    };
    let (value, percent) = (source.counts("value")?, source.counts("share")?);
    let (rank_before, value_before) = (source.numbers("rank_before")?, source.numbers("value_before")?);
    let mut rows = Vec::with_capacity(subjects.len());
    for (at, subject) in subjects.into_iter().enumerate() {
        let (Some(subject), Some(&value), Some(&percent)) = (subject, value.get(at), percent.get(at)) else {
            continue;
        };
        rows.push(Ranked {
            subject,
            rank: at as u64 + 1,
            value,
            percent,
            rank_before: rank_before.get(at).copied().flatten().map(whole),
            value_before: value_before.get(at).copied().flatten(),
        });
    }
    Ok(Ranking { rows, source })
}

/// Ports of the columns `proto` and `dst_port`.
pub fn ports_of(rows: &Rows) -> Result<Vec<Option<About>>> {
    let port = |(proto, port): (f64, Option<f64>)| {
        Some(About::Port {
            proto: super::rows::proto(proto),
            port: port.map(super::rows::port),
        })
    };
    Ok(rows.counts("proto")?.into_iter().zip(rows.numbers("dst_port")?).map(port).collect())
}

/// Names of the sensors, and when each observed.
pub fn coverage_of(rows: &Rows, first: i32, last: i32) -> Result<(Vec<String>, Coverage)> {
    let days = usize::try_from(last - first + 1).context("a period ends before it begins")?;
    let mut sensors: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let (day, up) = (rows.days("day")?, rows.counts("up")?);
    for ((sensor, day), up) in rows.texts("sensor")?.into_iter().zip(day).zip(up) {
        let of = sensors.entry(sensor.unwrap_or_default()).or_insert_with(|| vec![0.0; days]);
        if let Some(cell) = usize::try_from(day - first).ok().and_then(|at| of.get_mut(at)) {
            *cell = up.clamp(0.0, 1.0);
        }
    }
    let (names, up) = sensors.into_iter().unzip();
    Ok((names, Coverage { first, up }))
}

/// Puts rows of (day, sensor, key, values) into tables of sensors and days.
struct Table {
    sensors: BTreeMap<String, usize>,
    first: i32,
    days: usize,
}

impl Table {
    fn count(&self, name: &str, rows: &Rows, out: &mut Vec<Counts>) -> Result<()> {
        let subjects: Vec<Option<About>> = match name {
            "ports" => ports_of(rows)?,
            "regions" | "region-sources" => rows
                .texts("region")?
                .into_iter()
                .map(|region| Some(About::Region(region?)))
                .collect(),
            "mirai-regions" | "mirai-region-sources" => {
                let of = |region: Option<String>| {
                    Some(About::ToolRegion {
                        tool: MARK.to_owned(),
                        region: region?,
                    })
                };
                rows.texts("region")?.into_iter().map(of).collect()
            }
            // The mark that regions are counted of is their sum.
            "marks" => {
                let others = |mark: &String| mark != MARK;
                rows.texts("mark")?
                    .into_iter()
                    .map(|mark| Some(About::Tool(mark.filter(others)?)))
                    .collect()
            }
            _ => rows
                .numbers("asn")?
                .into_iter()
                .map(|asn| Some(About::Network(super::rows::word(asn?))))
                .collect(),
        };
        for (column, measure) in [("packets", Counted::Packets), ("sources", Counted::Sources)] {
            let Ok(values) = rows.counts(column) else { continue };
            let mut counts = self.of(rows, &subjects, &values, measure)?;
            if let Ok(pairs) = rows.counts("pairs") {
                let pairs = match measure {
                    Counted::Packets => pairs,
                    Counted::Sources => values,
                };
                for (counts, pairs) in counts.iter_mut().zip(self.of(rows, &subjects, &pairs, measure)?) {
                    counts.pairs = pairs.counts;
                }
            }
            counts.sort_by(|a, b| total(b).total_cmp(&total(a)));
            if name.contains("region") {
                out.push(sum(&counts, sum_of(name), measure, self));
                counts.truncate(REGIONS_FOLLOWED);
            }
            out.append(&mut counts);
        }
        Ok(())
    }

    /// Research scanners, as tools by the names of their organisations.
    fn of_scanners(&self, rows: &Rows) -> Result<Vec<Counts>> {
        let names = rows.texts("scanner")?.into_iter();
        let subjects: Vec<Option<About>> = names.map(|name| Some(About::Tool(name?))).collect();
        self.of(rows, &subjects, &rows.counts("packets")?, Counted::Packets)
    }

    fn of(&self, rows: &Rows, subjects: &[Option<About>], values: &[f64], measure: Counted) -> Result<Vec<Counts>> {
        let mut tables: BTreeMap<&About, Vec<Vec<f64>>> = BTreeMap::new();
        let days = rows.days("day")?;
        for (((sensor, day), subject), value) in rows.texts("sensor")?.iter().zip(days).zip(subjects).zip(values) {
            let Some(subject) = subject else { continue };
            let sensor = sensor.as_ref().and_then(|sensor| self.sensors.get(sensor));
            let counts = tables
                .entry(subject)
                .or_insert_with(|| vec![vec![0.0; self.days]; self.sensors.len()]);
            let day = usize::try_from(day - self.first).unwrap_or(usize::MAX);
            if let Some(cell) = sensor
                .and_then(|&sensor| counts.get_mut(sensor))
                .and_then(|counts| counts.get_mut(day))
            {
                *cell += value;
            }
        }
        Ok(tables
            .into_iter()
            .map(|(subject, counts)| Counts {
                subject: subject.clone(),
                measure,
                counts,
                pairs: Vec::new(),
            })
            .collect())
    }
}

/// What the regions of a question add up to.
fn sum_of(name: &str) -> About {
    if name.starts_with("mirai") {
        About::Tool(MARK.to_owned())
    } else {
        About::Total
    }
}

fn total(counts: &Counts) -> f64 {
    counts.counts.iter().flatten().sum()
}

fn sum(all: &[Counts], subject: About, measure: Counted, table: &Table) -> Counts {
    let mut counts = vec![vec![0.0; table.days]; table.sensors.len()];
    for one in all {
        for (sums, values) in counts.iter_mut().zip(&one.counts) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }
    Counts {
        subject,
        measure,
        counts,
        pairs: Vec::new(),
    }
}
