//! What is known of ports (vulnerabilities, malware, tools) held against what rose there: what fits, how well, and how
//! often as good a fit comes by chance.
//!
//! A fit is no cause. It says that an entry names the port, that it became known near the day on which the rise began,
//! and, for malware and tools, that the packets bear its mark. Each part gives points, at most 100 together; see
//! [`Weights`]. A port that many products share gives few, for whatever rises there fits something. What remains is
//! held against chance: how many days of the period, taken as the onset, would have had a candidate as good, and how
//! many of the other ports observed. A good score that most days or ports would reach as well is a weak fit.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::Day;
use crate::finding::{Course, Finding, Subject};

/// A destination port: IP protocol number, port.
pub type Port = (u8, u16);

/// In so many days between the onset and the day on which an entry became known, the points for the date halve. Half of
/// the spikes that precede a published vulnerability do so by up to three weeks (GreyNoise 2025).
pub const HALF_LIFE_DAYS: f64 = 21.0;
/// An entry that was published so many years before it became known here is old knowledge that was written down late,
pub const LATE_YEARS: i32 = 2;
/// so that its day counts for this part of the points. Our own choice.
pub const LATE_FACTOR: f64 = 0.5;
/// Points from which on a fit may be called strong. Our own choice, as the following.
pub const STRONG_POINTS: f64 = 80.0;
/// Largest part of days (or ports) with a candidate as good at which it may.
pub const STRONG_CHANCE: f64 = 0.25;
/// Points from which on a fit may be called moderate: more than the best date alone can give where 25 products or more
/// share the port.
pub const MODERATE_POINTS: f64 = 60.0;
/// Largest part of days (or ports) with a candidate as good at which it may.
pub const MODERATE_CHANCE: f64 = 0.5;
/// Points below which an entry is no candidate.
pub const POINTS_MIN: f64 = 20.0;

/// Difference of points below which two are the same.
const SAME_POINTS: f64 = 1e-9;

/// What is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A vulnerability of a product.
    Vulnerability,
    /// Malware that tries certain ports.
    Malware,
    /// A tool that goes to any port, known by its mark.
    Tool,
}

/// Most points of each part, 100 together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// For the port, when nothing else is known of it.
    pub port: f64,
    /// For the day on which it became known, when it is that of the onset.
    pub date: f64,
    /// For the mark, when all of the increase bears it.
    pub mark: f64,
}

/// Something that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is called in the list it is from; unlike all others.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// What it is a vulnerability of, or the malware's or tool's own id: entries with the same count once at a port.
    pub product: String,
    /// The ports it is known of; none for tools.
    pub ports: Vec<Port>,
    /// Day on which it became known: it was added to the catalogue, or first reported.
    pub known: Option<Day>,
    /// Year of its publication, where that is known apart.
    pub published: Option<i32>,
    /// Year of the day on which it became known.
    pub known_year: Option<i32>,
    /// Whether it was there when the list it is from began, so that its day says nothing.
    pub founding: bool,
    /// Marks that its packets bear.
    pub marks: Vec<String>,
}

/// A rise of the packets to a port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rise<'a> {
    /// The port.
    pub port: Port,
    /// First day of the rise.
    pub onset: Day,
    /// Tools' marks and their shares of the increase, per cent; `None` where nobody asked.
    pub marks: Option<&'a [(String, f64)]>,
}

/// Points of a candidate by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Points {
    /// For the port.
    pub port: f64,
    /// For the date.
    pub date: f64,
    /// For the mark.
    pub mark: f64,
}

/// How often a candidate as good is there by chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Chance {
    /// Days which, taken as the onset, have one at this port.
    pub days: usize,
    /// Of so many.
    pub days_of: usize,
    /// Other ports that have one for this onset.
    pub ports: usize,
    /// Of so many.
    pub ports_of: usize,
}

/// How well something fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Few points, or no better than chance.
    Weak,
    /// [`MODERATE_POINTS`] and [`MODERATE_CHANCE`].
    Moderate,
    /// [`STRONG_POINTS`] and [`STRONG_CHANCE`].
    Strong,
}

/// An entry that fits a rise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Place of the entry in the list.
    #[serde(skip)]
    pub entry: usize,
    /// Points by part.
    pub points: Points,
    /// Their sum, 0 to 100.
    pub score: f64,
    /// Products and malware known of the port, this one included.
    pub products: usize,
    /// Days from the onset to the day on which it became known; negative when it was known before.
    pub days_after: Option<i64>,
    /// Whether it was published years before it became known here.
    pub late: bool,
    /// Whether it was there when the list began, so that its day gave no points.
    pub founding: bool,
    /// Share of the increase that bears its mark, per cent; `None` when it has none, or nobody asked.
    pub mark_percent: Option<f64>,
    /// How often a candidate as good is there by chance; `None` for a tool, which its mark shows.
    pub chance: Option<Chance>,
    /// How well it fits.
    pub fit: Fit,
}

/// Everything known, by port.
#[derive(Clone, Debug, Default)]
pub struct Known {
    entries: Vec<Entry>,
    by_port: BTreeMap<Port, Vec<usize>>,
    /// Products at each port.
    products: BTreeMap<Port, usize>,
    tools: Vec<usize>,
}

impl Weights {
    /// Those of a kind: of a vulnerability port and date are known, of a tool the mark, of malware all three.
    #[must_use]
    pub const fn of(kind: Kind) -> Weights {
        let (port, date, mark) = match kind {
            Kind::Vulnerability => (50.0, 50.0, 0.0),
            Kind::Malware => (40.0, 30.0, 30.0),
            Kind::Tool => (0.0, 0.0, 100.0),
        };
        Weights { port, date, mark }
    }
}

impl Points {
    fn sum(self) -> f64 {
        (self.port + self.date + self.mark).clamp(0.0, 100.0)
    }
}

impl Chance {
    /// Part of the days, 0 to 1; 1 when there is no day to compare with.
    #[must_use]
    pub fn of_days(self) -> f64 {
        part(self.days, self.days_of)
    }

    /// Part of the other ports, 0 to 1; 1 when there is none to compare with.
    #[must_use]
    pub fn of_ports(self) -> f64 {
        part(self.ports, self.ports_of)
    }
}

fn part(some: usize, all: usize) -> f64 {
    if all == 0 {
        1.0
    } else {
        (some as f64 / all as f64).clamp(0.0, 1.0)
    }
}

/// Where and when a finding's rise began; `None` when it is about no port, or what it tells has no onset or falls.
#[must_use]
pub fn rise(finding: &Finding) -> Option<(Port, Day)> {
    let Subject::Port { proto, port: Some(port) } = finding.subject else {
        return None;
    };
    let rises = match &finding.course {
        Course::Trend(trend) | Course::Jump(trend) => trend.factor > 1.0,
        Course::Bulge { factor, .. } => *factor > 1.0,
        Course::Surge { factor, .. } => factor.is_none_or(|factor| factor > 1.0),
        Course::Appear { .. } => true,
        Course::Swing { .. } | Course::Cross { .. } | Course::Growth { .. } | Course::Steady { .. } => false,
    };
    let onset = finding.course.from().filter(|_| rises)?;
    Some(((proto, port), onset))
}

/// Shares of tools in a finding's increase, per cent; `None` where nobody asked where it came from.
#[must_use]
pub fn marks(finding: &Finding) -> Option<Vec<(String, f64)>> {
    let origin = &finding.origin;
    if origin.contributions.is_empty() && origin.sensors.is_none() && origin.busiest_source_percent.is_none() {
        return None;
    }
    let share = |subject: &Subject, percent: f64| match subject {
        Subject::Tool(tool) => Some((tool.clone(), percent)),
        Subject::Total
        | Subject::Port { .. }
        | Subject::Region(_)
        | Subject::Network(_)
        | Subject::ToolRegion { .. }
        | Subject::PortRegion { .. } => None,
    };
    let shares = origin.contributions.iter();
    Some(shares.filter_map(|part| share(&part.subject, part.percent)).collect())
}

impl Known {
    /// Sorts entries by port.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Known {
        let mut by_port: BTreeMap<Port, Vec<usize>> = BTreeMap::new();
        let mut products: BTreeMap<Port, BTreeSet<&str>> = BTreeMap::new();
        let mut tools = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            if entry.kind == Kind::Tool {
                tools.push(at);
                continue;
            }
            let ports: BTreeSet<Port> = entry.ports.iter().copied().collect();
            for port in ports {
                by_port.entry(port).or_default().push(at);
                products.entry(port).or_default().insert(&entry.product);
            }
        }
        let products = products.into_iter().map(|(port, names)| (port, names.len())).collect();
        Known {
            by_port,
            products,
            tools,
            entries,
        }
    }

    /// An entry by its place.
    #[must_use]
    pub fn entry(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    /// Everything, in the order it was given.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is known of a port, the newest first.
    #[must_use]
    pub fn at(&self, port: Port) -> Vec<usize> {
        let mut found = self.by_port.get(&port).cloned().unwrap_or_default();
        found.sort_by_key(|at| std::cmp::Reverse(self.entry(*at).and_then(|entry| entry.known)));
        found
    }

    /// The ports of which anything is known.
    #[must_use]
    pub fn ports(&self) -> Vec<Port> {
        self.by_port.keys().copied().collect()
    }

    /// How many products and malware are known of a port.
    #[must_use]
    pub fn products(&self, port: Port) -> usize {
        self.products.get(&port).copied().unwrap_or(0)
    }

    /// What fits a rise, the best first. `days` are the days that could have been the onset as well, `ports` those that
    /// were observed.
    #[must_use]
    pub fn candidates(&self, rise: &Rise<'_>, days: (Day, Day), ports: &[Port]) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = self.fitting(rise).chain(self.shown(rise)).collect();
        found.retain(|candidate| candidate.score >= POINTS_MIN);
        let by_day: Vec<f64> = (days.0..=days.1).map(|onset| self.best(&Rise { onset, ..*rise })).collect();
        let others: BTreeSet<Port> = ports.iter().copied().filter(|port| *port != rise.port).collect();
        let by_port: Vec<f64> = others.into_iter().map(|port| self.best(&Rise { port, ..*rise })).collect();
        let as_good = |scores: &[f64], score: f64| scores.iter().filter(|other| **other >= score - SAME_POINTS).count();
        for candidate in &mut found {
            let is_tool = self.entry(candidate.entry).is_none_or(|entry| entry.kind == Kind::Tool);
            let chance = Chance {
                days: as_good(&by_day, candidate.score),
                days_of: by_day.len(),
                ports: as_good(&by_port, candidate.score),
                ports_of: by_port.len(),
            };
            candidate.chance = (!is_tool).then_some(chance);
            candidate.fit = fit(candidate);
        }
        let key = |candidate: &Candidate| self.entry(candidate.entry).map(|entry| (std::cmp::Reverse(entry.known), &entry.id));
        found.sort_by(|a, b| {
            let better = b.fit.cmp(&a.fit).then_with(|| b.score.total_cmp(&a.score));
            better.then_with(|| key(a).cmp(&key(b)))
        });
        found
    }

    /// Points of the best entry for a rise, tools aside; 0 without any.
    fn best(&self, rise: &Rise<'_>) -> f64 {
        self.fitting(rise).map(|candidate| candidate.score).fold(0.0, f64::max)
    }

    /// Entries of the rise's port.
    fn fitting(&self, rise: &Rise<'_>) -> impl Iterator<Item = Candidate> {
        let at = self.by_port.get(&rise.port).map_or(&[][..], Vec::as_slice);
        let products = self.products(rise.port);
        let rise = *rise;
        at.iter()
            .filter_map(move |at| Some(candidate(*at, self.entry(*at)?, &rise, products)))
    }

    /// Tools whose mark the increase bears.
    fn shown(&self, rise: &Rise<'_>) -> impl Iterator<Item = Candidate> {
        let rise = *rise;
        let tools = self.tools.iter();
        tools.filter_map(move |at| Some(candidate(*at, self.entry(*at)?, &rise, 0)))
    }
}

/// An entry against a rise; how well it fits is not judged yet.
fn candidate(at: usize, entry: &Entry, rise: &Rise<'_>, products: usize) -> Candidate {
    let weights = Weights::of(entry.kind);
    let days_after = entry.known.map(|known| i64::from(known) - i64::from(rise.onset));
    let late = match (entry.published, entry.known_year) {
        (Some(published), Some(known)) => known.saturating_sub(published) >= LATE_YEARS,
        (Some(_) | None, _) => false,
    };
    let mark_percent = rise.marks.filter(|_| !entry.marks.is_empty()).map(|shares| {
        let own = shares.iter().filter(|(mark, _)| entry.marks.contains(mark));
        own.map(|(_, percent)| percent.max(0.0)).sum::<f64>().min(100.0)
    });
    let points = Points {
        port: weights.port / (products.max(1) as f64).sqrt(),
        date: match days_after {
            Some(days) if !entry.founding => weights.date * nearness(days) * if late { LATE_FACTOR } else { 1.0 },
            Some(_) | None => 0.0,
        },
        mark: weights.mark * mark_percent.unwrap_or(0.0) / 100.0,
    };
    Candidate {
        entry: at,
        points,
        score: points.sum(),
        products,
        days_after,
        late,
        founding: entry.founding,
        mark_percent,
        chance: None,
        fit: Fit::Weak,
    }
}

/// 1 for the day of the onset, and half as much every [`HALF_LIFE_DAYS`] before and after.
fn nearness(days_after: i64) -> f64 {
    (-(days_after.unsigned_abs() as f64) / HALF_LIFE_DAYS).exp2()
}

/// A mark in the packets is evidence that does not hang on the day, so that other ports are the comparison as well.
fn fit(candidate: &Candidate) -> Fit {
    let chance = match candidate.chance {
        None => 0.0,
        Some(chance) if candidate.points.mark > 0.0 => chance.of_days().min(chance.of_ports()),
        Some(chance) => chance.of_days(),
    };
    let reaches = |points: f64, most: f64| candidate.score >= points && chance <= most;
    if reaches(STRONG_POINTS, STRONG_CHANCE) {
        Fit::Strong
    } else if reaches(MODERATE_POINTS, MODERATE_CHANCE) {
        Fit::Moderate
    } else {
        Fit::Weak
    }
}

#[cfg(test)]
#[path = "correlate/tests.rs"]
mod tests;
