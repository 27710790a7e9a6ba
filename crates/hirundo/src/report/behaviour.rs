//! What sources do: scans as events, groups that behave alike, ports that go together, out of the last days of a period.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result};
use hirundo_analysis::campaign::{Campaign, DAYS_MAX, Profile, Rhythm, campaigns};
use hirundo_analysis::scan::{Activity, Event, Port, Row, Rule, Scans, Shape, activities, surveyors};
use hirundo_analysis::together::{Rule as PairRule, Together, together};
use hirundo_lake::{Question, Session};

use super::facts::Facts;
use super::rows::Rows;
use super::study::addresses;

/// Packets of the days looked at: as many of the last days of the period as have no more.
const PACKETS_MAX: f64 = 10_000_000.0;
/// Packets up to which every source is looked at;
const PACKETS_OF_ALL: f64 = 2_000_000.0;
/// of more packets, so many sources as have about this many.
const PACKETS_SAMPLED: f64 = 500_000.0;
/// Groups that are told.
const GROUPS_MAX: usize = 10;
const DAY_SECS: i64 = 86_400;
const HOURS: u32 = 24;

/// Which days and sources are looked at, so that the work is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First and last day.
    pub days: (i32, i32),
    /// One source in so many; a power of two.
    pub one_in: u64,
}

/// Scans to one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortScans {
    /// The port.
    pub port: Port,
    /// Events.
    pub events: u64,
    /// Sources.
    pub sources: u64,
    /// Of the events, those that reached several sensors.
    pub several_sensors: u64,
    /// Of the events, those on several days.
    pub several_days: u64,
}

/// A group of sources that behave alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What they share. `first_day` and `last_day` count from the begin of the days looked at.
    pub campaign: Campaign<Port>,
    /// Sensors that they reached.
    pub sensors: usize,
    /// Their packets.
    pub packets: u64,
}

/// What sources did. All numbers are of the sources looked at.
pub struct Behaviour {
    /// Days and part of the sources.
    pub extent: Extent,
    /// What was asked.
    pub question: Question,
    /// Silence that ends an event, seconds.
    pub timeout_secs: i64,
    /// Events of all ports.
    pub events: u64,
    /// Their sources.
    pub sources: u64,
    /// Of the events, those that reached several sensors.
    pub several_sensors: u64,
    /// Of the events, those on several days.
    pub several_days: u64,
    /// By port, most events first.
    pub ports: Vec<PortScans>,
    /// Sources by the widest shape that any of their activities had.
    pub shapes: BTreeMap<Shape, u64>,
    /// Addresses that tried more ports than a worm, counted once a day: all, and those of the home region.
    pub surveyors: (u64, u64),
    /// Groups worth telling, largest first.
    pub groups: Vec<Group>,
    /// Ports that go together.
    pub together: Together<Port>,
}

/// A row of the answer, with what is text as numbers.
struct Sent {
    row: Row,
    region: usize,
    tool: Option<usize>,
    day: i32,
    hours: u32,
}

/// The answer.
struct Answer {
    sent: Vec<Sent>,
    regions: Vec<String>,
    tools: Vec<String>,
}

/// The last days of a period, and the part of the sources, that are looked at. `kept` is packets of each day from `first` on.
pub fn extent(kept: &[f64], first: i32, period: (i32, i32)) -> Extent {
    let of = |day: i32| {
        usize::try_from(day - first)
            .ok()
            .and_then(|at| kept.get(at))
            .copied()
            .unwrap_or(0.0)
    };
    let earliest = period.0.max(period.1 - i32::try_from(DAYS_MAX).unwrap_or(i32::MAX) + 1);
    let (mut begin, mut packets) = (period.1, of(period.1));
    while begin > earliest && packets + of(begin - 1) <= PACKETS_MAX {
        begin -= 1;
        packets += of(begin);
    }
    let mut one_in = 1;
    while packets > PACKETS_OF_ALL && packets / one_in as f64 > PACKETS_SAMPLED {
        one_in *= 2;
    }
    Extent {
        days: (begin, period.1),
        one_in,
    }
}

impl Behaviour {
    /// Asks what sources did.
    pub async fn ask(session: &Session, extent: Extent) -> Result<Rows> {
        Rows::ask(session, Question::scans(extent.days, extent.one_in)).await
    }

    /// Looks at the answer to [`Behaviour::ask`].
    pub fn of(facts: &Facts, extent: Extent, rows: Rows, home: &str) -> Result<Behaviour> {
        let answer = Answer::read(facts, &rows)?;
        let rule = Rule::for_addresses(addresses(facts).iter().sum());
        let sent = || answer.sent.iter().map(|sent| sent.row);
        let mut scans = Scans::new(rule);
        let mut events = Vec::new();
        for day in answer.sent.chunk_by(|left, right| left.day == right.day) {
            let end_secs = day.first().map_or(0, |sent| i64::from(sent.day) + 1).saturating_mul(DAY_SECS);
            events.extend(scans.advance(day.iter().map(|sent| sent.row).collect(), end_secs));
        }
        events.extend(scans.finish());
        let homes = answer.regions.iter().position(|region| region == home);
        let at_home: BTreeSet<IpAddr> = answer
            .sent
            .iter()
            .filter(|sent| Some(sent.region) == homes)
            .map(|sent| sent.row.source)
            .collect();
        let surveyors = surveyors(&sent().collect::<Vec<Row>>());
        let surveyors_home = surveyors.iter().filter(|one| at_home.contains(&one.source)).count();
        let pairs = sent().filter(|row| row.port.number.is_some()).map(|row| (row.source, row.port));
        let sources: BTreeSet<IpAddr> = sent().map(|row| row.source).collect();
        let count = |is: &dyn Fn(&Event) -> bool| events.iter().filter(|event| is(event)).count() as u64;
        Ok(Behaviour {
            extent,
            timeout_secs: rule.timeout_secs,
            events: events.len() as u64,
            sources: sources.len() as u64,
            several_sensors: count(&|event| event.sensors.len() > 1),
            several_days: count(&|event| event.days > 1),
            ports: by_port(&events),
            shapes: shapes(&activities(&events, rule.timeout_secs)),
            surveyors: (surveyors.len() as u64, surveyors_home as u64),
            groups: answer.groups(extent)?,
            together: together(pairs.collect(), &PairRule::default()),
            question: rows.question,
        })
    }

    /// What a number of the sources looked at comes to for all sources.
    pub fn scaled(&self, number: u64) -> f64 {
        number as f64 * self.extent.one_in as f64
    }

    /// Days looked at.
    pub fn days(&self) -> f64 {
        f64::from(self.extent.days.1 - self.extent.days.0 + 1)
    }
}

impl Answer {
    fn read(facts: &Facts, rows: &Rows) -> Result<Answer> {
        let (src, proto, port) = (rows.integers("src")?, rows.integers("proto")?, rows.integers("dst_port")?);
        let (first, last, hours) = (rows.integers("first_secs")?, rows.integers("last_secs")?, rows.integers("hours")?);
        let (packets, day) = (rows.integers("packets")?, rows.days("day")?);
        let ((region, regions), (tool, tools)) = (rows.codes("region")?, rows.codes("tool")?);
        let ((kind, _), (sensor, sensors)) = (rows.codes("kind")?, rows.codes("sensor")?);
        let known: Vec<Option<u16>> = sensors
            .iter()
            .map(|name| facts.sensors.iter().position(|sensor| sensor == name))
            .map(|at| u16::try_from(at?).ok())
            .collect();
        let number = |values: &[Option<i64>], at: usize| values.get(at).copied().flatten();
        let code = |values: &[Option<usize>], at: usize| values.get(at).copied().flatten();
        let mut sent = Vec::with_capacity(rows.len());
        for (at, day) in day.into_iter().enumerate() {
            let source = number(&src, at).and_then(|source| u32::try_from(source).ok());
            let sensor = code(&sensor, at).and_then(|sensor| *known.get(sensor)?);
            let (Some(source), Some(sensor)) = (source, sensor) else { continue };
            sent.push(Sent {
                row: Row {
                    source: IpAddr::V4(Ipv4Addr::from(source)),
                    port: Port {
                        proto: number(&proto, at).and_then(|proto| u8::try_from(proto).ok()).unwrap_or(u8::MAX),
                        number: number(&port, at).and_then(|port| u16::try_from(port).ok()),
                    },
                    kind: code(&kind, at).and_then(|kind| u8::try_from(kind).ok()).unwrap_or(u8::MAX),
                    sensor,
                    first_secs: number(&first, at).unwrap_or_default(),
                    last_secs: number(&last, at).unwrap_or_default(),
                    packets: number(&packets, at).map_or(0, i64::unsigned_abs),
                },
                region: code(&region, at).unwrap_or_default(),
                tool: code(&tool, at),
                day,
                hours: number(&hours, at).and_then(|hours| u32::try_from(hours).ok()).unwrap_or_default(),
            });
        }
        // The engine gives no order, and whatever is made of them must be the same every time.
        sent.sort_unstable_by_key(|sent| (sent.day, sent.row.source, sent.row.port, sent.row.kind, sent.row.sensor));
        Ok(Answer { sent, regions, tools })
    }

    /// Groups of sources that share a set of ports, or keep to hours of the day. That many sources go to one port is told
    /// with the port.
    fn groups(&self, extent: Extent) -> Result<Vec<Group>> {
        let mut by_source: BTreeMap<IpAddr, Vec<&Sent>> = BTreeMap::new();
        for sent in &self.sent {
            by_source.entry(sent.row.source).or_default().push(sent);
        }
        let sources: Vec<(IpAddr, Vec<&Sent>)> = by_source.into_iter().collect();
        let profiles = sources.iter().map(|(source, all)| self.profile(*source, all, extent.days.0));
        let profiles: Vec<Profile<'_, Port>> = profiles.collect::<Result<_>>()?;
        let is_told = |campaign: &Campaign<Port>| {
            let ports = campaign.ports.iter().filter(|port| port.number.is_some()).count();
            ports > 1 || (ports == 1 && matches!(campaign.rhythm, Rhythm::Clock(_)))
        };
        let found = campaigns(&profiles).campaigns.into_iter().filter(is_told).take(GROUPS_MAX);
        Ok(found
            .map(|campaign| {
                let members = campaign.members.iter().filter_map(|at| sources.get(*at));
                let sent: Vec<&Sent> = members.flat_map(|(_, all)| all).copied().collect();
                Group {
                    sensors: sent.iter().map(|sent| sent.row.sensor).collect::<BTreeSet<u16>>().len(),
                    packets: sent.iter().map(|sent| sent.row.packets).sum(),
                    campaign,
                }
            })
            .collect())
    }

    fn profile(&self, source: IpAddr, all: &[&Sent], first: i32) -> Result<Profile<'_, Port>> {
        let region = all
            .last()
            .and_then(|sent| self.regions.get(sent.region))
            .map_or("ZZ", String::as_str);
        let tool = all.iter().find_map(|sent| self.tools.get(sent.tool?)).map(String::as_str);
        let mut profile = Profile::new(source, region, tool);
        for sent in all {
            let day = u32::try_from(sent.day - first).context("a scan of a day before those asked for")?;
            for hour in (0..HOURS).filter(|hour| sent.hours >> hour & 1 == 1) {
                profile.add(sent.row.port, day, hour)?;
            }
        }
        Ok(profile)
    }
}

fn by_port(events: &[Event]) -> Vec<PortScans> {
    let mut ports: HashMap<Port, (PortScans, BTreeSet<IpAddr>)> = HashMap::new();
    for event in events {
        let (scans, sources) = ports.entry(event.port).or_insert_with(|| {
            let none = PortScans {
                port: event.port,
                events: 0,
                sources: 0,
                several_sensors: 0,
                several_days: 0,
            };
            (none, BTreeSet::new())
        });
        scans.events += 1;
        scans.several_sensors += u64::from(event.sensors.len() > 1);
        scans.several_days += u64::from(event.days > 1);
        sources.insert(event.source);
    }
    let mut ports: Vec<PortScans> = ports
        .into_values()
        .map(|(scans, sources)| PortScans {
            sources: sources.len() as u64,
            ..scans
        })
        .collect();
    ports.sort_by(|a, b| b.events.cmp(&a.events).then(a.port.cmp(&b.port)));
    ports
}

fn shapes(activities: &[Activity]) -> BTreeMap<Shape, u64> {
    let mut widest: HashMap<IpAddr, Shape> = HashMap::new();
    for activity in activities {
        let shape = widest.entry(activity.source).or_insert(activity.shape);
        *shape = (*shape).max(activity.shape);
    }
    let mut shapes = BTreeMap::new();
    for shape in widest.into_values() {
        *shapes.entry(shape).or_default() += 1;
    }
    shapes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_bounded() {
        for (a_day, days, expected_days, one_in) in [
            (12_000.0, 91, 91, 1),
            (21_000.0, 91, 91, 1),
            (100_000.0, 91, 91, 32),
            (1_100_000.0, 91, 9, 32),
            // More than is looked at in a single day: a smaller part of its sources.
            (40_000_000.0, 91, 1, 128),
            (0.0, 200, 128, 1),
            (100.0, 1, 1, 1),
        ] {
            let last = 100 + days - 1;
            let found = extent(&vec![a_day; usize::try_from(days).unwrap()], 100, (100, last));
            assert_eq!(found.days, (last - expected_days + 1, last), "{a_day}");
            assert_eq!(found.one_in, one_in, "{a_day}");
        }
    }
}
