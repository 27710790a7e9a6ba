//! Attacks of denial of service, seen by the answers that victims send to addresses forged at random.
//!
//! A victim answers each packet to the address that the packet claims to come from. When the attacker draws those
//! addresses uniformly out of all 2^32 (the one assumption), a telescope of `n` addresses receives `n / 2^32` of the
//! answers. The published rule (RSDoS) was made for 2^24 addresses; the same attack gives `n / 2^24` of its numbers
//! here, so that packets and packets a minute are scaled by that. Below some ten thousand addresses that comes to
//! less than one packet, and other evidence takes its place: an answer to forged addresses falls on the sensors by
//! chance, so that many of them see it, while a host that is merely set up wrongly talks to one. What is estimated
//! is the rate of answers: a victim that repeats its SYN+ACKs answers more often than it is attacked, and one that
//! breaks down less often. Attacks that forge no addresses, or not uniformly, stay unseen.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::invalid::{Invalid, within};

/// Packets of an attack at the telescope the rule was made for (corsaro RSDoS).
pub const PACKETS_MIN: f64 = 25.0;
/// Seconds from its first to its last packet (corsaro RSDoS). Time does not scale with the telescope.
pub const DURATION_SECS_MIN: i64 = 60;
/// Packets within [`WINDOW_SECS`] at the telescope the rule was made for (corsaro RSDoS).
pub const WINDOW_PACKETS_MIN: f64 = 30.0;
/// The window, seconds (corsaro RSDoS).
pub const WINDOW_SECS: i64 = 60;
/// By how much the window slides, seconds (corsaro RSDoS).
pub const STEP_SECS: i64 = 10;
/// Addresses of the telescope the rule was made for: a /8.
pub const REFERENCE_ADDRESSES: f64 = 16_777_216.0;
/// IPv4 addresses there are.
pub const ALL_ADDRESSES: f64 = 4_294_967_296.0;
/// Fewer packets than this are nothing, however small the telescope: five give the rate within a factor of seven.
pub const PACKETS_FLOOR: u64 = 5;
/// Silence that ends an attack at the telescope the rule was made for, seconds (Moore et al. 2001).
pub const TIMEOUT_SECS: f64 = 300.0;
/// The same at the smallest. Our own choice.
pub const TIMEOUT_SECS_MAX: f64 = 3_600.0;
/// With so many addresses the published rule is evidence enough, whatever the sensors: a /16. Our own choice.
pub const LARGE_ADDRESSES: f64 = 65_536.0;
/// Expected number of vectors in one call that reach enough sensors though each sensor was met by chance. Our own choice.
pub const FALSE_ALARMS_MAX: f64 = 0.01;
/// Ports listed of an attack.
pub const PORTS_MAX: usize = 10;

const NORMAL_95: f64 = 1.959_964;

/// Backscatter of one victim in a bin of some seconds at a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Who answered, or was to be reached where a router answered.
    pub victim: IpAddr,
    /// IP protocol number.
    pub proto: u8,
    /// The victim's port.
    pub port: Option<u16>,
    /// The victim's region.
    pub region: &'a str,
    /// Number of the sensor: its place in [`Observation::addresses`].
    pub sensor: usize,
    /// Begin of the bin, seconds since 1970.
    pub begin_secs: i64,
    /// Packets.
    pub packets: u64,
}

/// What watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Number of addresses that each sensor watches.
    pub addresses: Vec<u64>,
    /// Length of the bins, 1 to 60 seconds.
    pub bin_secs: u8,
}

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Enough packets for long enough, but from what sensors saw it may be a host that is set up wrongly.
    Possible,
    /// And spread over so many sensors as hardly comes by chance; or, with [`LARGE_ADDRESSES`], reaches the published
    /// rule whatever the sensors.
    Likely,
    /// Spread so, and reaches the published rule as it stands, unscaled.
    Certain,
}

/// Answers a second, of all that the victim sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Packets a second.
    pub pps: f64,
    /// Lower end of the 95 % interval, from counting alone.
    pub pps_low: f64,
    /// Upper end of it.
    pub pps_high: f64,
}

/// One attack on one victim by one protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attack {
    /// The victim.
    pub victim: IpAddr,
    /// IP protocol number.
    pub proto: u8,
    /// The victim's region.
    pub region: String,
    /// Begin of the first bin, seconds since 1970.
    pub begin_secs: i64,
    /// End of the last bin, seconds since 1970.
    pub end_secs: i64,
    /// Packets seen.
    pub packets: u64,
    /// Most of them within [`WINDOW_SECS`].
    pub window_packets: u64,
    /// Sensors that saw it.
    pub sensors: usize,
    /// Share of the packets at the sensor that saw most, per cent.
    pub busiest_sensor_percent: f64,
    /// The victim's ports with most packets, largest first, at most [`PORTS_MAX`].
    pub ports: Vec<(Option<u16>, u64)>,
    /// Distinct ports.
    pub ports_distinct: usize,
    /// Estimated rate; `None` for IPv6, where addresses are not forged out of a space one can divide by.
    pub rate: Option<Rate>,
    /// How sure it is.
    pub confidence: Confidence,
}

/// The attacks, and the rule as it was scaled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attacks {
    /// By begin, victim and protocol.
    pub attacks: Vec<Attack>,
    /// Vectors looked at: victim, protocol, without a silence.
    pub vectors: usize,
    /// Packets needed.
    pub packets_min: u64,
    /// Packets needed within [`WINDOW_SECS`].
    pub window_packets_min: u64,
    /// Silence that ended a vector, seconds.
    pub timeout_secs: i64,
    /// Sensors needed to be likely; more than there are when the observation cannot tell.
    pub sensors_min: usize,
    /// Vectors expected to reach `sensors_min` by chance.
    pub false_alarms: f64,
}

struct Scaled {
    addresses: f64,
    packets_min: f64,
    window_packets_min: f64,
    timeout_secs: i64,
}

/// A run of rows, summed up.
struct Vector<'a> {
    rows: &'a [Row<'a>],
    packets: u64,
    by_sensor: BTreeMap<usize, u64>,
}

/// Finds attacks in bins of backscatter, in any order. Memory is the rows.
///
/// # Errors
/// When no address is watched, a row names a sensor that the observation has not, or bins are not 1 to 60 seconds long.
pub fn attacks(mut rows: Vec<Row<'_>>, observation: &Observation) -> Result<Attacks, Invalid> {
    let scaled = scale(observation)?;
    if let Some(row) = rows.iter().find(|row| row.sensor >= observation.addresses.len()) {
        return Err(Invalid::Length {
            what: "sensors with a number of addresses",
            found: observation.addresses.len(),
            expected: row.sensor.saturating_add(1),
        });
    }
    rows.retain(|row| row.packets > 0);
    rows.sort_unstable_by_key(|row| (row.victim, row.proto, row.begin_secs, row.sensor, row.port, row.packets));
    let vectors: Vec<Vector<'_>> = rows
        .chunk_by(|left, right| {
            (left.victim, left.proto) == (right.victim, right.proto)
                && right.begin_secs <= left.begin_secs.saturating_add(scaled.timeout_secs)
        })
        .map(Vector::new)
        .collect();
    let (sensors_min, false_alarms) = sensors_min(&vectors, observation.addresses.len());
    let mut attacks: Vec<Attack> = vectors
        .iter()
        .filter_map(|vector| vector.attack(observation, &scaled, sensors_min))
        .collect();
    attacks.sort_by_key(|attack| (attack.begin_secs, attack.victim, attack.proto));
    Ok(Attacks {
        attacks,
        vectors: vectors.len(),
        packets_min: whole(scaled.packets_min),
        window_packets_min: whole(scaled.window_packets_min),
        timeout_secs: scaled.timeout_secs,
        sensors_min,
        false_alarms,
    })
}

fn scale(observation: &Observation) -> Result<Scaled, Invalid> {
    let addresses: f64 = observation.addresses.iter().map(|addresses| *addresses as f64).sum();
    within("number of addresses watched", addresses, 1.0, ALL_ADDRESSES, "between 1 and 2^32")?;
    within(
        "length of a bin in seconds",
        f64::from(observation.bin_secs),
        1.0,
        60.0,
        "between 1 and 60",
    )?;
    let part = addresses / REFERENCE_ADDRESSES;
    let timeout = (TIMEOUT_SECS / part).clamp(TIMEOUT_SECS, TIMEOUT_SECS_MAX);
    #[allow(clippy::cast_possible_truncation, reason = "between 300 and 3,600 by the line above")]
    let timeout_secs = timeout as i64;
    Ok(Scaled {
        addresses,
        packets_min: (PACKETS_MIN * part).ceil().max(PACKETS_FLOOR as f64),
        window_packets_min: (WINDOW_PACKETS_MIN * part).ceil().max(1.0),
        timeout_secs,
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and the thresholds are small"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

/// How many sensors a vector must reach, and how many vectors are expected to by chance.
///
/// Model of the background: a vector that is there at all meets each further sensor by chance, so that the number of
/// further sensors is Poisson. Its mean is the ratio of the vectors at two sensors to those at one, which attacks
/// only make larger and so the demand stricter. With half a vector and one added, no division by zero, and few
/// vectors ask for more.
fn sensors_min(vectors: &[Vector<'_>], sensors: usize) -> (usize, f64) {
    let at = |count: usize| vectors.iter().filter(|vector| vector.by_sensor.len() == count).count() as f64;
    let mean = (at(2) + 0.5) / (at(1) + 1.0);
    let mut tail = 1.0;
    let mut term = (-mean).exp();
    let mut further = 0;
    while tail * vectors.len() as f64 > FALSE_ALARMS_MAX && further < sensors {
        tail = (tail - term).max(0.0);
        further += 1;
        term *= mean / further as f64;
    }
    ((further + 1).max(2), tail * vectors.len() as f64)
}

impl<'a> Vector<'a> {
    fn new(rows: &'a [Row<'a>]) -> Vector<'a> {
        let mut by_sensor: BTreeMap<usize, u64> = BTreeMap::new();
        let mut packets: u64 = 0;
        for row in rows {
            packets = packets.saturating_add(row.packets);
            let sum = by_sensor.entry(row.sensor).or_default();
            *sum = sum.saturating_add(row.packets);
        }
        Vector { rows, packets, by_sensor }
    }

    fn attack(&self, observation: &Observation, scaled: &Scaled, sensors_min: usize) -> Option<Attack> {
        let (first, last) = (self.rows.first()?, self.rows.last()?);
        let duration_secs = last.begin_secs.saturating_sub(first.begin_secs);
        let window_packets = self.window_packets();
        let packets = self.packets as f64;
        let reaches = |packets_min: f64, window_min: f64| packets >= packets_min && window_packets as f64 >= window_min;
        if duration_secs < DURATION_SECS_MIN || !reaches(scaled.packets_min, scaled.window_packets_min) {
            return None;
        }
        let published = reaches(
            scaled.packets_min.max(PACKETS_MIN),
            scaled.window_packets_min.max(WINDOW_PACKETS_MIN),
        );
        let spread = self.by_sensor.len() >= sensors_min && !self.concentrated(observation, scaled.addresses);
        let confidence = match (spread, published) {
            (true, true) => Confidence::Certain,
            (false, true) if scaled.addresses >= LARGE_ADDRESSES => Confidence::Likely,
            (true, false) => Confidence::Likely,
            (false, _) => Confidence::Possible,
        };
        let mut ports: BTreeMap<Option<u16>, u64> = BTreeMap::new();
        for row in self.rows {
            let sum = ports.entry(row.port).or_default();
            *sum = sum.saturating_add(row.packets);
        }
        let ports_distinct = ports.len();
        let mut ports: Vec<(Option<u16>, u64)> = ports.into_iter().collect();
        ports.sort_by_key(|port| std::cmp::Reverse(port.1));
        ports.truncate(PORTS_MAX);
        Some(Attack {
            victim: first.victim,
            proto: first.proto,
            region: first.region.to_owned(),
            begin_secs: first.begin_secs,
            end_secs: last.begin_secs.saturating_add(i64::from(observation.bin_secs)),
            packets: self.packets,
            window_packets,
            sensors: self.by_sensor.len(),
            busiest_sensor_percent: 100.0 * self.by_sensor.values().copied().max().unwrap_or(0) as f64 / packets,
            ports,
            ports_distinct,
            rate: first
                .victim
                .is_ipv4()
                .then(|| rate(packets, duration_secs as f64, scaled.addresses)),
            confidence,
        })
    }

    /// Most packets in any window. A bin counts as of its begin, in steps of the window.
    fn window_packets(&self) -> u64 {
        let (mut most, mut sum) = (0_u128, 0_u128);
        let mut tail = self.rows.iter().peekable();
        for row in self.rows {
            sum += u128::from(row.packets);
            let step = row.begin_secs.div_euclid(STEP_SECS);
            let oldest = step.saturating_sub(WINDOW_SECS / STEP_SECS - 1);
            while let Some(gone) = tail.next_if(|old| old.begin_secs.div_euclid(STEP_SECS) < oldest) {
                sum -= u128::from(gone.packets);
            }
            most = most.max(sum);
        }
        u64::try_from(most).unwrap_or(u64::MAX)
    }

    /// Whether one sensor saw more than half-way from its fair share to everything.
    fn concentrated(&self, observation: &Observation, addresses: f64) -> bool {
        self.by_sensor.iter().any(|(sensor, packets)| {
            let fair = observation.addresses.get(*sensor).map_or(0.0, |own| *own as f64 / addresses);
            *packets as f64 / self.packets as f64 > fair + (1.0 - fair) / 2.0
        })
    }
}

/// Rate of all answers from those seen: the gaps between `packets`, as the time begins and ends with one. The interval
/// is Byar's for a Poisson count.
fn rate(packets: f64, duration_secs: f64, addresses: f64) -> Rate {
    let gaps = packets - 1.0;
    let scale = ALL_ADDRESSES / addresses / duration_secs;
    let more = gaps + 1.0;
    let low = gaps * (1.0 - 1.0 / (9.0 * gaps) - NORMAL_95 / (3.0 * gaps.sqrt())).powi(3);
    let high = more * (1.0 - 1.0 / (9.0 * more) + NORMAL_95 / (3.0 * more.sqrt())).powi(3);
    Rate {
        pps: gaps * scale,
        pps_low: low.max(0.0) * scale,
        pps_high: high * scale,
    }
}

#[cfg(test)]
#[path = "attack/tests.rs"]
mod tests;
