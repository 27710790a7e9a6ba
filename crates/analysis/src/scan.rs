//! Scans as events: who tried which port from when to when, at how many sensors, and in what shape.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use serde::Serialize;

/// Silence that ends an event at a telescope of [`REFERENCE_ADDRESSES`], seconds (Merit darknet-events, `run_parse.py`).
pub const REFERENCE_TIMEOUT_SECS: f64 = 624.0;
/// About as many addresses as the telescope watches for which the time-out above was chosen (some 1,850 /24).
pub const REFERENCE_ADDRESSES: f64 = 475_000.0;
/// Longest silence within one event, seconds. Few addresses would need months by scaling alone, but an address is
/// not the same host for so long: dynamic ones commonly change hands within a day. Our own choice.
pub const TIMEOUT_SECS_MAX: i64 = 86_400;
/// More ports than this by one address in a day: a survey scanner (JPCERT/CC's rule).
pub const SURVEY_PORTS: usize = 10;
/// More ports than this at one sensor: that sensor's address was scanned vertically. The same number as for surveys,
/// since a random scan of few ports over all addresses reaches one address with few ports only.
pub const VERTICAL_PORTS: usize = SURVEY_PORTS;
/// Events held open at a time, about 200 bytes each; above it the longest silent are closed early.
pub const OPEN_MAX: usize = 2_000_000;

const DAY_SECS: i64 = 86_400;

/// A destination port, or a protocol that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Port {
    /// IP protocol number.
    pub proto: u8,
    /// Port; `None` for protocols without.
    pub number: Option<u16>,
}

/// What one source sent to one port at one sensor within an hour or a day. It is taken to have been at it from the
/// first to the last packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Source address.
    pub source: IpAddr,
    /// Destination port.
    pub port: Port,
    /// Number of the kind of traffic; events do not mix kinds.
    pub kind: u8,
    /// Number of the sensor.
    pub sensor: u16,
    /// First packet, seconds since 1970.
    pub first_secs: i64,
    /// Last packet, seconds since 1970.
    pub last_secs: i64,
    /// Packets.
    pub packets: u64,
}

/// How events are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Silence that ends an event, seconds.
    pub timeout_secs: i64,
    /// Events held open at a time.
    pub open_max: usize,
}

/// One source at one port, without a long silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Source address.
    pub source: IpAddr,
    /// Destination port.
    pub port: Port,
    /// Number of the kind of traffic.
    pub kind: u8,
    /// First packet, seconds since 1970.
    pub first_secs: i64,
    /// Last packet, seconds since 1970.
    pub last_secs: i64,
    /// Packets.
    pub packets: u64,
    /// Sensors reached, ascending.
    pub sensors: Vec<u16>,
    /// Days (UTC) on which it was at it.
    pub days: u32,
    /// Whether it was closed early for want of room, so that its rest may follow as another event.
    pub cut: bool,
}

/// What a source did, as far as few sensors can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One sensor, few ports: may be anything.
    Spot,
    /// Several sensors, few ports at each: one service sought everywhere.
    Horizontal,
    /// Many ports at exactly one sensor.
    Vertical,
    /// Many ports at several sensors.
    Block,
}

/// All events of a source that belong together in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Source address.
    pub source: IpAddr,
    /// Number of the kind of traffic.
    pub kind: u8,
    /// First packet, seconds since 1970.
    pub first_secs: i64,
    /// Last packet, seconds since 1970.
    pub last_secs: i64,
    /// Packets.
    pub packets: u64,
    /// Distinct ports.
    pub ports: usize,
    /// Distinct sensors.
    pub sensors: usize,
    /// Distinct ports at the sensor that saw most of them.
    pub ports_at_one_sensor: usize,
    /// Its shape.
    pub shape: Shape,
}

/// An address that tried more ports in a day than a worm does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Surveyor {
    /// Day (UTC), days since 1970-01-01.
    pub day: i64,
    /// Source address.
    pub source: IpAddr,
    /// Distinct ports on that day.
    pub ports: usize,
}

type Key = (IpAddr, Port, u8);

/// Builds events from rows, batch by batch in the order of time.
#[derive(Debug)]
pub struct Scans {
    rule: Rule,
    open: HashMap<Key, Open>,
    /// Rows that were left out because they end before they begin.
    pub refused: u64,
    /// Events closed early for want of room.
    pub cut: u64,
}

#[derive(Debug)]
struct Open {
    event: Event,
    last_day: i64,
}

impl Rule {
    /// The rule for a telescope of that many addresses: the mean time between two packets of one scan grows as the
    /// number of addresses shrinks, and so does the time-out, up to [`TIMEOUT_SECS_MAX`]. Assumes scans of the
    /// whole address space in random order.
    #[must_use]
    pub fn for_addresses(addresses: u64) -> Rule {
        let scaled = REFERENCE_TIMEOUT_SECS * REFERENCE_ADDRESSES / (addresses.max(1) as f64);
        let bounded = scaled.clamp(REFERENCE_TIMEOUT_SECS, TIMEOUT_SECS_MAX as f64);
        #[allow(clippy::cast_possible_truncation, reason = "between 624 and 86,400 by the line above")]
        let timeout_secs = bounded as i64;
        Rule {
            timeout_secs,
            open_max: OPEN_MAX,
        }
    }
}

impl Scans {
    /// Nothing open yet.
    #[must_use]
    pub fn new(rule: Rule) -> Scans {
        Scans {
            rule,
            open: HashMap::new(),
            refused: 0,
            cut: 0,
        }
    }

    /// Takes the rows of the next hour or day, in any order, up to `end_secs` (seconds since 1970, exclusive), and
    /// returns the events that are over: by source, port, kind and begin. Memory is the rows and the open events.
    pub fn advance(&mut self, mut rows: Vec<Row>, end_secs: i64) -> Vec<Event> {
        rows.sort_unstable_by_key(|row| {
            (
                row.source,
                row.port,
                row.kind,
                row.first_secs,
                row.last_secs,
                row.sensor,
                row.packets,
            )
        });
        let mut closed = Vec::new();
        for row in &rows {
            if row.last_secs < row.first_secs {
                self.refused += 1;
            } else if let Some(event) = self.observe(row) {
                closed.push(event);
            }
        }
        let silent = |open: &Open| open.event.last_secs.saturating_add(self.rule.timeout_secs) < end_secs;
        closed.extend(self.open.extract_if(|_, open| silent(open)).map(|(_, open)| open.event));
        self.make_room(&mut closed);
        in_order(closed)
    }

    /// Ends all events that are open.
    #[must_use]
    pub fn finish(self) -> Vec<Event> {
        in_order(self.open.into_values().map(|open| open.event).collect())
    }

    fn observe(&mut self, row: &Row) -> Option<Event> {
        let key = (row.source, row.port, row.kind);
        let timeout_secs = self.rule.timeout_secs;
        if let Some(open) = self.open.get_mut(&key) {
            if row.last_secs.saturating_add(timeout_secs) < open.event.first_secs {
                // Came late, and belongs to a time before: an event of its own.
                return Some(Open::new(row).event);
            }
            if row.first_secs <= open.event.last_secs.saturating_add(timeout_secs) {
                open.extend(row);
                return None;
            }
        }
        self.open.insert(key, Open::new(row)).map(|open| open.event)
    }

    fn make_room(&mut self, closed: &mut Vec<Event>) {
        let excess = self.open.len().saturating_sub(self.rule.open_max);
        if excess == 0 {
            return;
        }
        let mut keys: Vec<(i64, Key)> = self.open.iter().map(|(key, open)| (open.event.last_secs, *key)).collect();
        keys.sort_unstable();
        for (_, key) in keys.into_iter().take(excess) {
            if let Some(open) = self.open.remove(&key) {
                self.cut += 1;
                closed.push(Event { cut: true, ..open.event });
            }
        }
    }
}

impl Open {
    fn new(row: &Row) -> Open {
        let mut open = Open {
            event: Event {
                source: row.source,
                port: row.port,
                kind: row.kind,
                first_secs: row.first_secs,
                last_secs: row.last_secs,
                packets: 0,
                sensors: Vec::new(),
                days: 0,
                cut: false,
            },
            last_day: i64::MIN,
        };
        open.extend(row);
        open
    }

    fn extend(&mut self, row: &Row) {
        let event = &mut self.event;
        event.first_secs = event.first_secs.min(row.first_secs);
        event.last_secs = event.last_secs.max(row.last_secs);
        event.packets = event.packets.saturating_add(row.packets);
        if let Err(position) = event.sensors.binary_search(&row.sensor) {
            event.sensors.insert(position, row.sensor);
        }
        let (first_day, last_day) = (row.first_secs.div_euclid(DAY_SECS), row.last_secs.div_euclid(DAY_SECS));
        let from = first_day.max(self.last_day.saturating_add(1));
        let days = last_day.saturating_sub(from).saturating_add(1).max(0);
        event.days = event.days.saturating_add(u32::try_from(days).unwrap_or(u32::MAX));
        self.last_day = self.last_day.max(last_day);
    }
}

fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_unstable_by_key(|event| (event.source, event.port, event.kind, event.first_secs, event.last_secs));
    events
}

/// Unites the events of each source and kind that overlap or follow within the time-out, and tells their shape.
/// Memory is the events.
#[must_use]
pub fn activities(events: &[Event], timeout_secs: i64) -> Vec<Activity> {
    let mut order: Vec<&Event> = events.iter().collect();
    order.sort_unstable_by_key(|event| (event.source, event.kind, event.first_secs, event.last_secs, event.port));
    let mut activities = Vec::new();
    let mut together: Vec<&Event> = Vec::new();
    let mut last_secs = i64::MIN;
    for event in order {
        let belongs = together.first().is_some_and(|begin| {
            (begin.source, begin.kind) == (event.source, event.kind) && event.first_secs <= last_secs.saturating_add(timeout_secs)
        });
        if !belongs {
            activities.extend(activity(&together));
            together.clear();
            last_secs = i64::MIN;
        }
        last_secs = last_secs.max(event.last_secs);
        together.push(event);
    }
    activities.extend(activity(&together));
    activities
}

fn activity(events: &[&Event]) -> Option<Activity> {
    let begin = events.first()?;
    let ports: BTreeSet<Port> = events.iter().map(|event| event.port).collect();
    let mut by_sensor: BTreeMap<u16, BTreeSet<Port>> = BTreeMap::new();
    for event in events {
        for sensor in &event.sensors {
            by_sensor.entry(*sensor).or_default().insert(event.port);
        }
    }
    let vertical = by_sensor.values().filter(|ports| ports.len() > VERTICAL_PORTS).count();
    let shape = match (vertical, by_sensor.len()) {
        (0, 0 | 1) => Shape::Spot,
        (0, _) => Shape::Horizontal,
        (1, _) => Shape::Vertical,
        (_, _) => Shape::Block,
    };
    Some(Activity {
        source: begin.source,
        kind: begin.kind,
        first_secs: begin.first_secs,
        last_secs: events.iter().map(|event| event.last_secs).max().unwrap_or(begin.last_secs),
        packets: events.iter().fold(0, |sum: u64, event| sum.saturating_add(event.packets)),
        ports: ports.len(),
        sensors: by_sensor.len(),
        ports_at_one_sensor: by_sensor.values().map(BTreeSet::len).max().unwrap_or(0),
        shape,
    })
}

/// Addresses that tried more than [`SURVEY_PORTS`] ports on one day (UTC; of the first packet of a row), by day and
/// address. Give it rows of scans and probes only: backscatter of a flood with random ports looks the same. Rows of
/// protocols without ports do not count. Memory is the rows; give it a day at a time.
#[must_use]
pub fn surveyors(rows: &[Row]) -> Vec<Surveyor> {
    let mut seen: Vec<(i64, IpAddr, u8, u16)> = rows
        .iter()
        .filter_map(|row| Some((row.first_secs.div_euclid(DAY_SECS), row.source, row.port.proto, row.port.number?)))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    seen.chunk_by(|left, right| (left.0, left.1) == (right.0, right.1))
        .filter(|ports| ports.len() > SURVEY_PORTS)
        .filter_map(|ports| {
            let (day, source, _, _) = *ports.first()?;
            Some(Surveyor {
                day,
                source,
                ports: ports.len(),
            })
        })
        .collect()
}

#[cfg(test)]
#[path = "scan/tests.rs"]
mod tests;
