//! What was really simulated, counted from the datagrams as they were written and not through any decoder.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::datagram::{Datagram, target_name};
use crate::day::Day;
use crate::planted::{Direction, Planted, Subject};
use crate::region::REGIONS;
use crate::scenario::Scenario;

/// The version of `truth.json`'s form.
pub const TRUTH_VERSION: u32 = 1;

/// How many ranks a quarter's tables have.
pub const RANKS: usize = 10;

/// Days of a moving mean.
const WEEK: i32 = 7;

/// Counts by name, in the order of the names.
pub type Counts = BTreeMap<String, u64>;

/// Everything known about one simulation; `truth.json` is this.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Truth {
    /// Version of this form, [`TRUTH_VERSION`].
    pub version: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// FNV-1a (64 bits) of the scenario's text, hexadecimal.
    pub scenario_hash: String,
    /// Seed of the simulation.
    pub seed: u64,
    /// First day, `YYYY-MM-DD`.
    pub first_day: String,
    /// Last day, `YYYY-MM-DD`.
    pub last_day: String,
    /// Packets written.
    pub packets: u64,
    /// IP bytes of those packets (without link-layer headers).
    pub ip_bytes: u64,
    /// Distinct source addresses over the whole time.
    pub sources: u64,
    /// Sensors, in the order of the scenario.
    pub sensors: Vec<SensorTruth>,
    /// What the scenario planted, with what can be measured of it.
    pub planted: Vec<PlantedTruth>,
    /// Calendar quarters (or what the scenario covers of them), in order.
    pub quarters: Vec<QuarterTruth>,
    /// Days, in order.
    pub days: Vec<DayTruth>,
}

/// A sensor and when it saw nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SensorTruth {
    /// Name, also of its folder.
    pub name: String,
    /// Group.
    pub group: String,
    /// Hosting region.
    pub region: String,
    /// Packets written.
    pub packets: u64,
    /// Outages, from and to (exclusive), microseconds since 1970-01-01 UTC.
    pub outages_us: Vec<(i64, i64)>,
}

/// One day (UTC).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DayTruth {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// Packets written.
    pub packets: u64,
    /// Packets with Mirai's mark: SYN without ACK whose sequence number is the destination address.
    pub mirai_packets: u64,
    /// Distinct source addresses.
    pub sources: u64,
    /// Distinct source addresses of packets with Mirai's mark.
    pub mirai_sources: u64,
    /// Packets by sensor.
    pub sensors: Counts,
    /// Packets by the tool that made them.
    pub tools: Counts,
    /// Packets by source region (`ZZ`: private addresses).
    pub regions: Counts,
    /// Packets with Mirai's mark by source region.
    pub mirai_regions: Counts,
    /// Distinct sources by region.
    pub region_sources: Counts,
    /// Distinct sources of packets with Mirai's mark by region.
    pub mirai_region_sources: Counts,
    /// Packets with Mirai's mark by destination port.
    pub mirai_ports: Counts,
    /// Packets by destination port: `23/tcp`, `123/udp`; all ICMP as `icmp`.
    pub ports: Counts,
}

/// A place in a ranking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rank {
    /// From 1.
    pub rank: usize,
    /// Port or region.
    pub name: String,
    /// Packets.
    pub packets: u64,
}

/// A calendar quarter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarterTruth {
    /// E.g. `2022-Q2`.
    pub quarter: String,
    /// Packets written.
    pub packets: u64,
    /// Packets with Mirai's mark.
    pub mirai_packets: u64,
    /// Distinct source addresses over the quarter.
    pub sources: u64,
    /// The ports with most packets, equal counts in order of the name.
    pub ports: Vec<Rank>,
    /// The regions with most packets, equal counts in order of the name.
    pub regions: Vec<Rank>,
    /// Packets by region.
    pub region_packets: Counts,
    /// Packets with Mirai's mark by region.
    pub mirai_region_packets: Counts,
    /// Distinct sources a day by region, added up over the days.
    pub cumulative_sources: Counts,
    /// Distinct sources a day of packets with Mirai's mark by region, added up over the days.
    pub cumulative_mirai_sources: Counts,
}

/// A planted phenomenon with what was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlantedTruth {
    /// What it is about.
    pub what: Subject,
    /// Which port, region, sensor or group.
    pub subject: Option<String>,
    /// Which other it passes.
    pub against: Option<String>,
    /// How it moves.
    pub direction: Direction,
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// The factor that the scenario states.
    pub factor: Option<f64>,
    /// Mean packets a day of its subject in the seven days before `from`, in thousandths; `null` when the
    /// scenario has none.
    pub before_mean_milli: Option<u64>,
    /// The same of the last seven days up to `to` that are not before `from`.
    pub end_mean_milli: Option<u64>,
    /// The scenario's sentence about it.
    pub note: String,
}

/// Counts datagrams, day by day.
pub(crate) struct Tally<'a> {
    scenario: &'a Scenario,
    seed: u64,
    ip_bytes: u64,
    days: Vec<DayTruth>,
    sensor_packets: Vec<u64>,
    /// Distinct sources over the whole time and of the running quarter, sorted.
    sources: Vec<u32>,
    quarter_sources: Vec<u32>,
    quarters: Vec<(String, u64)>,
}

/// Running counts of one day.
#[derive(Default)]
struct DayTally {
    ports: BTreeMap<(u8, u16), u64>,
    mirai_ports: BTreeMap<(u8, u16), u64>,
    tools: BTreeMap<&'static str, u64>,
    sensors: Vec<u64>,
    /// Region and source of every packet, and of every packet with Mirai's mark.
    sources: Vec<(u8, u32)>,
    mirai_sources: Vec<(u8, u32)>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(scenario: &'a Scenario, seed: u64) -> Tally<'a> {
        Tally {
            scenario,
            seed,
            ip_bytes: 0,
            days: Vec::new(),
            sensor_packets: vec![0; scenario.sensors.len()],
            sources: Vec::new(),
            quarter_sources: Vec::new(),
            quarters: Vec::new(),
        }
    }

    /// Counts the packets of `day`, which were `ip_bytes` long together.
    pub(crate) fn day(&mut self, day: Day, datagrams: &[Datagram], ip_bytes: u64) {
        let mut tally = DayTally {
            sensors: vec![0; self.scenario.sensors.len()],
            ..DayTally::default()
        };
        for datagram in datagrams {
            tally.count(datagram);
        }
        self.ip_bytes += ip_bytes;
        let truth = tally.finish(day, self.scenario);
        for (sum, today) in self.sensor_packets.iter_mut().zip(&tally.sensors) {
            *sum += today;
        }
        self.remember_sources(day, &tally);
        self.days.push(truth);
    }

    /// Adds a day's distinct sources to those of the quarter and of the whole time.
    fn remember_sources(&mut self, day: Day, tally: &DayTally) {
        let quarter = day.quarter();
        if self.quarters.last().is_none_or(|(last, _)| *last != quarter) {
            self.close_quarter();
            self.quarters.push((quarter, 0));
        }
        self.quarter_sources.extend(tally.sources.iter().map(|&(_, src)| src));
        // Sorting out doubles only when the list has grown keeps this cheap.
        if self.quarter_sources.len() > 4_000_000 {
            distinct(&mut self.quarter_sources);
        }
    }

    fn close_quarter(&mut self) {
        distinct(&mut self.quarter_sources);
        if let Some((_, sources)) = self.quarters.last_mut() {
            *sources = self.quarter_sources.len() as u64;
        }
        self.sources.append(&mut self.quarter_sources);
        distinct(&mut self.sources);
    }

    /// The truth of all days counted.
    pub(crate) fn finish(mut self) -> Truth {
        self.close_quarter();
        let scenario = self.scenario;
        let sensors = scenario
            .sensors
            .iter()
            .zip(&self.sensor_packets)
            .map(|(sensor, &packets)| SensorTruth {
                name: sensor.name.clone(),
                group: sensor.group.clone(),
                region: sensor.region.clone(),
                packets,
                outages_us: sensor.outages.clone(),
            });
        let quarters = self.quarters.iter().map(|(name, sources)| {
            let days: Vec<&DayTruth> = self.days.iter().filter(|day| is_in(day, name)).collect();
            quarter(name, *sources, &days)
        });
        Truth {
            version: TRUTH_VERSION,
            scenario: scenario.name.clone(),
            scenario_hash: scenario.hash(),
            seed: self.seed,
            first_day: scenario.first_day.to_string(),
            last_day: scenario.last_day.to_string(),
            packets: self.days.iter().map(|day| day.packets).sum(),
            ip_bytes: self.ip_bytes,
            sources: self.sources.len() as u64,
            sensors: sensors.collect(),
            planted: scenario
                .planted
                .iter()
                .map(|planted| measured(planted, scenario, &self.days))
                .collect(),
            quarters: quarters.collect(),
            days: self.days,
        }
    }
}

impl DayTally {
    fn count(&mut self, datagram: &Datagram) {
        *self.ports.entry(datagram.target()).or_default() += 1;
        *self.tools.entry(datagram.tool.name()).or_default() += 1;
        if let Some(count) = self.sensors.get_mut(usize::from(datagram.sensor)) {
            *count += 1;
        }
        self.sources.push((datagram.region, datagram.src));
        if datagram.is_mirai() {
            *self.mirai_ports.entry(datagram.target()).or_default() += 1;
            self.mirai_sources.push((datagram.region, datagram.src));
        }
    }

    /// The day's counts by name; leaves the distinct sources behind.
    fn finish(&mut self, day: Day, scenario: &Scenario) -> DayTruth {
        let (regions, mirai_regions) = (by_region(&self.sources), by_region(&self.mirai_sources));
        let (packets, mirai_packets) = (self.sources.len() as u64, self.mirai_sources.len() as u64);
        distinct(&mut self.sources);
        distinct(&mut self.mirai_sources);
        let by_port = |ports: &BTreeMap<(u8, u16), u64>| {
            ports
                .iter()
                .map(|(&(protocol, port), &count)| (target_name(protocol, port), count))
                .collect()
        };
        let sensors = scenario
            .sensors
            .iter()
            .zip(&self.sensors)
            .map(|(sensor, &count)| (sensor.name.clone(), count));
        DayTruth {
            day: day.to_string(),
            packets,
            mirai_packets,
            sources: self.sources.len() as u64,
            mirai_sources: self.mirai_sources.len() as u64,
            sensors: sensors.collect(),
            tools: self.tools.iter().map(|(&tool, &count)| (tool.to_owned(), count)).collect(),
            regions,
            mirai_regions,
            region_sources: by_region(&self.sources),
            mirai_region_sources: by_region(&self.mirai_sources),
            mirai_ports: by_port(&self.mirai_ports),
            ports: by_port(&self.ports),
        }
    }
}

fn distinct<T: Ord>(items: &mut Vec<T>) {
    items.sort_unstable();
    items.dedup();
}

fn by_region(rows: &[(u8, u32)]) -> Counts {
    let mut counts = vec![0u64; REGIONS.len()];
    for &(region, _) in rows {
        if let Some(count) = counts.get_mut(usize::from(region)) {
            *count += 1;
        }
    }
    let named = REGIONS.iter().zip(counts).filter(|(_, count)| *count > 0);
    named.map(|(region, count)| (region.code.to_owned(), count)).collect()
}

fn is_in(day: &DayTruth, quarter: &str) -> bool {
    Day::parse(&day.day).is_some_and(|day| day.quarter() == quarter)
}

fn quarter(name: &str, sources: u64, days: &[&DayTruth]) -> QuarterTruth {
    let sum = |of: fn(&DayTruth) -> &Counts| {
        let mut sum = Counts::new();
        for (name, count) in days.iter().flat_map(|day| of(day)) {
            *sum.entry(name.clone()).or_default() += count;
        }
        sum
    };
    let region_packets = sum(|day| &day.regions);
    QuarterTruth {
        quarter: name.to_owned(),
        packets: days.iter().map(|day| day.packets).sum(),
        mirai_packets: days.iter().map(|day| day.mirai_packets).sum(),
        sources,
        ports: ranks(&sum(|day| &day.ports)),
        regions: ranks(&region_packets),
        region_packets,
        mirai_region_packets: sum(|day| &day.mirai_regions),
        cumulative_sources: sum(|day| &day.region_sources),
        cumulative_mirai_sources: sum(|day| &day.mirai_region_sources),
    }
}

/// The first [`RANKS`] by count, equal counts in order of the name.
fn ranks(counts: &Counts) -> Vec<Rank> {
    let mut order: Vec<(&String, u64)> = counts.iter().map(|(name, &count)| (name, count)).collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let ranked = (1..).zip(order).take(RANKS);
    ranked
        .map(|(rank, (name, packets))| Rank {
            rank,
            name: name.clone(),
            packets,
        })
        .collect()
}

impl DayTruth {
    /// Packets of a planted phenomenon's subject on this day; sensors also by group.
    #[must_use]
    pub fn packets_of(&self, what: Subject, subject: Option<&str>, scenario: &Scenario) -> u64 {
        let name = subject.unwrap_or_default();
        match what {
            Subject::Port => self.ports.get(name).copied().unwrap_or(0),
            Subject::Region => self.regions.get(name).copied().unwrap_or(0),
            Subject::Mirai => self.mirai_packets,
            Subject::MiraiRegion => self.mirai_regions.get(name).copied().unwrap_or(0),
            Subject::Sensor => {
                let named = scenario.sensors.iter().filter(|sensor| sensor.name == name || sensor.group == name);
                named.filter_map(|sensor| self.sensors.get(&sensor.name)).sum()
            }
            Subject::Total => self.packets,
        }
    }
}

fn measured(planted: &Planted, scenario: &Scenario, days: &[DayTruth]) -> PlantedTruth {
    let mean = |from: i32, to: i32| {
        let offset = |day: i32| usize::try_from(day - scenario.first_day.0).unwrap_or(0);
        let days = days.get(offset(from)..offset(to).min(days.len())).filter(|days| !days.is_empty())?;
        let packets = days
            .iter()
            .map(|day| day.packets_of(planted.what, planted.subject.as_deref(), scenario));
        Some(packets.sum::<u64>() * 1000 / days.len() as u64)
    };
    let (from, end) = (planted.from.0, planted.to.0 + 1);
    PlantedTruth {
        what: planted.what,
        subject: planted.subject.clone(),
        against: planted.against.clone(),
        direction: planted.direction,
        from: planted.from.to_string(),
        to: planted.to.to_string(),
        factor: planted.factor,
        before_mean_milli: mean(from - WEEK, from),
        end_mean_milli: mean(from.max(end - WEEK), end),
        note: planted.note.clone(),
    }
}
