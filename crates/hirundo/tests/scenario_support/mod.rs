//! A simulated scenario, what was put into it, and counts read out of a lake in the same words.

pub(crate) mod page;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hirundo_packet::capture::Capture;
use hirundo_simulator::{Scenario, TRUTH_FILE, Tool, senders, simulate};
use serde_json::Value;

use crate::support::{HOUR_US, Lake, MINUTE_US, Place};

/// Seed of every simulation here.
const SEED: u64 = 1;
/// Differences that a failure shows.
const SHOWN_MAX: usize = 20;

/// Counts by name: the key's columns joined by spaces.
pub(crate) type Counts = BTreeMap<String, u64>;

/// The free databases of regions; fails when they are not there yet.
pub(crate) fn geo() -> PathBuf {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/geo"));
    let has_regions = std::fs::read_dir(folder).is_ok_and(|entries| {
        let names = entries.flatten().map(|entry| entry.file_name());
        names.into_iter().any(|name| name.to_string_lossy().ends_with(".mmdb"))
    });
    assert!(
        has_regions,
        "these tests locate sources with the free databases, and {} has none; run setup/geo.sh first",
        folder.display()
    );
    folder.to_owned()
}

/// A scenario as it was simulated.
pub(crate) struct Simulated {
    pub(crate) scenario: Scenario,
    /// `truth.json`.
    pub(crate) truth: Value,
    pub(crate) place: Place,
}

impl Simulated {
    /// Simulates one of the scenarios that come with the program.
    pub(crate) fn new(name: &str) -> Simulated {
        let scenario = Scenario::shipped(name)
            .expect("a scenario of that name")
            .expect("a scenario without errors");
        let place = Place::new();
        simulate(&scenario, SEED, &place.path("captures"), &mut |_| {}).expect("simulate");
        let text = std::fs::read_to_string(place.path("captures").join(TRUTH_FILE)).expect("read the truth");
        Simulated {
            scenario,
            truth: serde_json::from_str(&text).expect("the truth is JSON"),
            place,
        }
    }

    /// The lake with all its captures; how many packets went in is checked here.
    pub(crate) fn ingest(&self) -> Lake {
        let lake = self.place.lake();
        let captures = self.place.path("captures");
        let report = lake
            .ingest(&[captures.as_os_str(), "--geo".as_ref(), geo().as_os_str()])
            .expect(0)
            .json();
        assert_eq!(report["packets"], self.truth["packets"]);
        assert_eq!((&report["known"], &report["damaged_count"]), (&Value::from(0), &Value::from(0)));
        assert_eq!(
            report["unreadable"],
            Value::Object(serde_json::Map::new()),
            "simulated packets are all readable"
        );
        lake
    }

    /// The days of the truth.
    pub(crate) fn days(&self) -> &[Value] {
        self.truth["days"].as_array().expect("days")
    }

    /// A table of the truth's days, keys as `DAY NAME`; a lake has no rows for what is not there, so zeros (a sensor
    /// in an outage) are left out.
    pub(crate) fn by_day(&self, table: &str) -> Counts {
        let mut counts = Counts::new();
        for day in self.days() {
            let date = text(&day["day"]);
            let rows = table_of(day, table).into_iter().filter(|(_, count)| *count > 0);
            counts.extend(rows.map(|(name, count)| (format!("{date} {name}"), count)));
        }
        counts
    }

    /// A number of the truth's days, keys as `DAY`; days with none are left out.
    pub(crate) fn totals(&self, number: &str) -> Counts {
        let rows = self
            .days()
            .iter()
            .map(|day| (text(&day["day"]), day[number].as_u64().expect("a number")));
        rows.filter(|(_, count)| *count > 0).collect()
    }

    /// A quarter of the truth.
    pub(crate) fn quarter(&self, name: &str) -> &Value {
        let mut quarters = self.truth["quarters"].as_array().expect("quarters").iter();
        quarters
            .find(|quarter| quarter["quarter"] == name)
            .unwrap_or_else(|| panic!("no quarter {name}"))
    }

    /// Who sent what: packets by (day, source) and tool.
    pub(crate) fn senders(&self) -> HashMap<(String, u32), Vec<(Tool, u32)>> {
        let mut sources: HashMap<(String, u32), Vec<(Tool, u32)>> = HashMap::new();
        let mut date = (None, String::new());
        senders(&self.scenario, SEED, &mut |day, source, tool| {
            if date.0 != Some(day) {
                date = (Some(day), day.to_string());
            }
            let tools = sources.entry((date.1.clone(), source)).or_default();
            match tools.iter_mut().find(|(known, _)| *known == tool) {
                Some((_, packets)) => *packets += 1,
                None => tools.push((tool, 1)),
            }
        })
        .expect("simulate once more");
        sources
    }

    /// The five-minute slots of each sensor and hour that have a packet in the captures, or lie between two
    /// packets of a capture whose slots begin at most an hour apart, as the lake's bits; keys as `SENSOR HOUR` (seconds since 1970).
    pub(crate) fn slots(&self) -> Counts {
        let mut slots = Counts::new();
        for sensor in &self.scenario.sensors {
            let folder = self.place.path("captures").join(&sensor.name);
            for entry in std::fs::read_dir(folder).expect("list the captures") {
                let file = File::open(entry.expect("list the captures").path()).expect("open a capture");
                let mut capture = Capture::open(Box::new(file)).expect("read a capture");
                let mut last: Option<i64> = None;
                while let Some(frame) = capture.next().expect("read a capture") {
                    let begin = (frame.time_ns / 1000).div_euclid(5 * MINUTE_US);
                    let from = last.filter(|last| (1..=12).contains(&(begin - last))).unwrap_or(begin);
                    for slot in from.min(begin)..=begin {
                        let hour = slot.div_euclid(12) * (HOUR_US / 1_000_000);
                        *slots.entry(format!("{} {hour}", sensor.name)).or_default() |= 1 << slot.rem_euclid(12);
                    }
                    last = Some(begin);
                }
            }
        }
        slots
    }

    /// Time that a sensor was up by the scenario, seconds.
    pub(crate) fn up_secs(&self, sensor: &str) -> i64 {
        let days = i64::try_from(self.days().len()).expect("few days");
        days * 86_400 - self.outages(sensor).iter().map(|(from, to)| (to - from) / 1_000_000).sum::<i64>()
    }

    /// Outages of a sensor by the truth, microseconds since 1970.
    pub(crate) fn outages(&self, sensor: &str) -> Vec<(i64, i64)> {
        let sensors = self.truth["sensors"].as_array().expect("sensors");
        let found = sensors.iter().find(|found| found["name"] == sensor).expect("a sensor of that name");
        serde_json::from_value(found["outages_us"].clone()).expect("pairs of times")
    }
}

/// A table of counts in the truth.
pub(crate) fn table_of(value: &Value, table: &str) -> Counts {
    serde_json::from_value(value[table].clone()).unwrap_or_else(|error| panic!("{table}: {error}"))
}

/// A text in the truth.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The answer of a query, all but the last column as the key; the truth's words for regions and ports.
///
/// Two neighbouring columns `proto` and `dst_port` become one such as `23/tcp`.
#[track_caller]
pub(crate) fn counts(lake: &Lake, sql: &str) -> Counts {
    let ran = lake.run(&["query", "--format", "csv", sql]).expect(0);
    let mut counts = Counts::new();
    let mut lines = ran.stdout.lines();
    let heads: Vec<&str> = lines.next().expect("a head").split(',').collect();
    let proto = heads.iter().position(|head| *head == "proto");
    let region = heads.iter().position(|head| *head == "region");
    for line in lines {
        let mut cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), heads.len(), "{sql}: {line}");
        let count = cells
            .pop()
            .expect("a last column")
            .parse()
            .unwrap_or_else(|error| panic!("{sql}: {line}: {error}"));
        if let Some(at) = region {
            cells[at] = region_of(cells[at]);
        }
        let port = proto.map(|at| (at, port_of(cells[at], cells[at + 1])));
        let mut key: Vec<&str> = cells.clone();
        if let Some((at, port)) = &port {
            key.splice(*at..at + 2, [port.as_str()]);
        }
        assert_eq!(counts.insert(key.join(" "), count), None, "{sql}: the key of {line} comes twice");
    }
    counts
}

/// The scenarios call private addresses' region `ZZ`, the lake `private`.
pub(crate) fn region_of(region: &str) -> &str {
    if region == "private" { "ZZ" } else { region }
}

fn port_of(proto: &str, port: &str) -> String {
    match proto {
        "1" => "icmp".to_owned(),
        "6" => format!("{port}/tcp"),
        "17" => format!("{port}/udp"),
        other => format!("{port}/ip{other}"),
    }
}

/// Fails with the differences when two tables differ.
#[track_caller]
pub(crate) fn same<V: PartialEq + Debug>(what: &str, truth: &BTreeMap<String, V>, found: &BTreeMap<String, V>) {
    assert!(!truth.is_empty(), "{what}: the truth is empty");
    let keys: std::collections::BTreeSet<&String> = truth.keys().chain(found.keys()).collect();
    let differing: Vec<String> = keys
        .into_iter()
        .filter(|key| truth.get(*key) != found.get(*key))
        .map(|key| format!("{key}: put in {:?}, found {:?}", truth.get(key), found.get(key)))
        .collect();
    let shown = &differing[..differing.len().min(SHOWN_MAX)];
    assert!(
        differing.is_empty(),
        "{what}: {} of {} differ:\n{}",
        differing.len(),
        truth.len(),
        shown.join("\n")
    );
}

/// The lake of two quarters, made once for all tests of a file.
#[allow(dead_code, reason = "not every test needs it")]
pub(crate) fn quarters() -> &'static (Simulated, Lake) {
    static QUARTERS: OnceLock<(Simulated, Lake)> = OnceLock::new();
    QUARTERS.get_or_init(|| {
        let simulated = Simulated::new("two-quarters-2022");
        let lake = simulated.ingest();
        (simulated, lake)
    })
}
