//! A scenario: sensors, the populations of sources that reach them, and what was planted, checked and bounded.

mod check;
mod text;

use std::path::Path;

use hirundo_packet::encode::Framing;

use crate::curve::Curve;
use crate::day::Day;
use crate::error::SimulatorError;
use crate::host::Tail;
use crate::planted::Planted;
use crate::rhythm::{Pacing, Rhythm};
use crate::tool::Tool;

/// Most packets that any scenario may make.
pub const PACKETS_MAX: u64 = 20_000_000;
/// Most sensors.
pub const SENSORS_MAX: usize = 256;
/// Most days from the first to the last.
pub const DAYS_MAX: i32 = 800;
/// Most populations and most surveys.
pub const POPULATIONS_MAX: usize = 500;
/// Most ports of one population or survey.
pub const PORTS_MAX: usize = 1000;
/// Most knots of one curve.
pub const KNOTS_MAX: usize = 2000;
/// Most addresses of one sensor.
pub const SENSOR_ADDRESSES_MAX: u32 = 4096;
/// Longest scenario file in bytes.
pub const TEXT_BYTES_MAX: u64 = 1 << 20;

/// The scenarios that come with the simulator: name and text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("two-quarters-2022", include_str!("../../scenarios/two-quarters-2022.toml")),
    ("flat-noise", include_str!("../../scenarios/flat-noise.toml")),
    ("outage", include_str!("../../scenarios/outage.toml")),
    ("one-source-flood", include_str!("../../scenarios/one-source-flood.toml")),
    ("region-swap", include_str!("../../scenarios/region-swap.toml")),
    ("new-worm", include_str!("../../scenarios/new-worm.toml")),
    ("sample", include_str!("../../scenarios/sample.toml")),
];

/// A sensor: where packets arrive.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// Its name, also that of its folder.
    pub name: String,
    /// The group it is compared in, e.g. `home` or `abroad`.
    pub group: String,
    /// Region that hosts it, ISO 3166-1 alpha-2.
    pub region: String,
    /// First address and number of addresses of each range that it watches.
    pub addresses: Vec<(u32, u32)>,
    /// Times in which it saw nothing, from and to (exclusive), microseconds since 1970-01-01 UTC.
    pub outages: Vec<(i64, i64)>,
    /// Link layer of its capture files.
    pub(crate) framing: Framing,
    /// Share of the traffic, in millionths of the average sensor's.
    pub(crate) weight: u64,
    /// Ports that come to it more or less often than to others, with the factor in millionths.
    pub(crate) prefers: Vec<((u8, u16), u64)>,
}

impl Sensor {
    /// How many addresses it watches.
    #[must_use]
    pub fn address_count(&self) -> u32 {
        self.addresses.iter().map(|&(_, count)| count).sum()
    }

    /// Its `nth` address, counted from 0 and round again at the end.
    pub(crate) fn address(&self, nth: u64) -> u32 {
        let mut left = u32::try_from(nth % u64::from(self.address_count().max(1))).unwrap_or(0);
        for &(first, count) in &self.addresses {
            if left < count {
                return first.wrapping_add(left);
            }
            left -= count;
        }
        0
    }

    /// Whether it was out of order at `time_us`.
    #[must_use]
    pub fn is_down(&self, time_us: i64) -> bool {
        self.outages.iter().any(|&(from, to)| (from..to).contains(&time_us))
    }

    /// Whether it was out of order from the first to the last microsecond of `day`.
    #[must_use]
    pub fn is_down_all(&self, day: Day) -> bool {
        let (from, to) = (day.start_us(), Day(day.0 + 1).start_us());
        self.outages.iter().any(|&(start, end)| start <= from && to <= end)
    }
}

/// A target that a population sends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Protocol and port.
    Port(u8, u16),
    /// Any port of a protocol, each packet another.
    Any(u8),
}

/// Many sources that do the same thing with the same tool.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    pub(crate) name: String,
    pub(crate) tool: Tool,
    /// Packets a day at all its sensors together.
    pub(crate) packets: Curve,
    /// Distinct sources a day in all its regions together.
    pub(crate) sources: Curve,
    /// Index in [`crate::region::REGIONS`], share of the packets, share of the sources.
    pub(crate) regions: Vec<(usize, Curve, Curve)>,
    pub(crate) ports: Vec<(Target, Curve)>,
    /// Indices of the sensors that it reaches.
    pub(crate) sensors: Vec<usize>,
    pub(crate) lease_days: u32,
    pub(crate) tail: Tail,
    pub(crate) pacing: Pacing,
    pub(crate) rhythm: Rhythm,
    pub(crate) weekend_percent: u32,
    pub(crate) noise_percent: u32,
}

/// A research scanner: regular sweeps over all sensors from few addresses.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    pub(crate) name: String,
    pub(crate) tool: Tool,
    /// Index in [`crate::region::REGIONS`].
    pub(crate) region: usize,
    pub(crate) addresses: u32,
    pub(crate) ports: Vec<(u8, u16)>,
    pub(crate) every_hours: u32,
    pub(crate) start_hour: u32,
    pub(crate) sweep_minutes: u32,
    pub(crate) from: Day,
    pub(crate) to: Day,
}

/// A checked scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it is for, in a few sentences.
    pub description: String,
    /// First day.
    pub first_day: Day,
    /// Last day.
    pub last_day: Day,
    /// The simulation stops with an error when it would make more packets.
    pub packets_max: u64,
    /// Sensors, in the order of the file.
    pub sensors: Vec<Sensor>,
    /// What is planted.
    pub planted: Vec<Planted>,
    pub(crate) populations: Vec<Population>,
    pub(crate) surveys: Vec<Survey>,
    pub(crate) hash: u64,
}

impl Scenario {
    /// Reads a scenario from its TOML text; see `docs/simulator.md` for the form.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::Syntax`] and [`SimulatorError::Invalid`].
    pub fn parse(text: &str) -> Result<Scenario, SimulatorError> {
        if text.len() as u64 > TEXT_BYTES_MAX {
            return Err(SimulatorError::invalid("the file", format!("longer than {TEXT_BYTES_MAX} bytes")));
        }
        check::scenario(text)
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::File`] and those of [`Scenario::parse`].
    pub fn read(path: &Path) -> Result<Scenario, SimulatorError> {
        use std::io::Read as _;
        let failed = |source| SimulatorError::File {
            action: "read",
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut text = String::new();
        // One byte more than allowed, so that the limit is noticed.
        file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
        Scenario::parse(&text)
    }

    /// One of the scenarios that come with the simulator, by name (see [`SHIPPED`]).
    #[must_use]
    pub fn shipped(name: &str) -> Option<Result<Scenario, SimulatorError>> {
        SHIPPED
            .iter()
            .find(|(shipped, _)| *shipped == name)
            .map(|(_, text)| Scenario::parse(text))
    }

    /// FNV-1a (64 bits) of the scenario's text, 16 hexadecimal digits: tells which text a truth belongs to.
    #[must_use]
    pub fn hash(&self) -> String {
        format!("{:016x}", self.hash)
    }

    /// Every day from the first to the last.
    pub fn days(&self) -> impl ExactSizeIterator<Item = Day> + use<> {
        (self.first_day.0..self.last_day.0 + 1).map(Day)
    }
}
