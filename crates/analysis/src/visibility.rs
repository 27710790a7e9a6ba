//! What an observation of a given size can and cannot see.
//!
//! A sender that picks addresses at random hits each of the 2³² IPv4 addresses equally often, so an observation of
//! `addresses` addresses over `days` days is hit `rate · 86,400 · addresses · days / 2³²` times on average, and at
//! least once with probability 1 − exp(−that). Solved for 95 %, the average must be −ln 0.05 = 2.996.

use crate::change::penalty;
use crate::surge::Thresholds;

/// The probability with which something is to be seen.
pub const CERTAINTY: f64 = 0.95;

/// Seconds of a day.
const DAY_SECS: f64 = 86_400.0;

/// Addresses of IPv4.
const ADDRESSES: f64 = 4_294_967_296.0;

/// 95 % point of the standard normal distribution.
const NORMAL_95: f64 = 1.645;

/// An observation: how many addresses, for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Addresses of all sensors together.
    pub addresses: f64,
    /// Sensors.
    pub sensors: f64,
    /// Days.
    pub days: f64,
}

impl Observation {
    /// Least rate (packets a second over the whole IPv4 space) that is seen at all with [`CERTAINTY`]; infinite for an
    /// observation of nothing.
    #[must_use]
    pub fn least_rate_pps(&self) -> f64 {
        needed() * ADDRESSES / (DAY_SECS * positive(self.addresses) * positive(self.days))
    }

    /// The same as packets a sensor-day: what a sensor must get on average for one packet to be seen anywhere.
    #[must_use]
    pub fn least_packets_per_sensor_day(&self) -> f64 {
        needed() / (positive(self.sensors) * positive(self.days))
    }

    /// Least number of hosts, each probing `rate_pps` addresses a second at random, of which one is seen at all with
    /// [`CERTAINTY`].
    #[must_use]
    pub fn least_hosts(&self, rate_pps: f64) -> f64 {
        self.least_rate_pps() / positive(rate_pps)
    }

    /// Part of such hosts that are seen on one day: 1 − exp(−rate · 86,400 · addresses / 2³²), 0 to 1.
    #[must_use]
    pub fn part_of_hosts_seen_a_day(&self, rate_pps: f64) -> f64 {
        let hits = rate_pps.max(0.0) * DAY_SECS * self.addresses.max(0.0) / ADDRESSES;
        -(-hits).exp_m1()
    }
}

/// Smallest relative change of level (0.2 = 20 %) between `days_before` and `days_after` days that the trend rule
/// finds with [`CERTAINTY`], for a series with `level` counts a day and variance `dispersion` times the level:
/// (√penalty + 1.645) · √(dispersion / level · (1/before + 1/after)), and not less than `factor_min` − 1.
#[must_use]
pub fn least_change(level: f64, dispersion: f64, days_before: f64, days_after: f64, factor_min: f64) -> f64 {
    let (before, after) = (positive(days_before), positive(days_after));
    let variance = dispersion.max(0.0) / positive(level) * (1.0 / before + 1.0 / after);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of days, clamped")]
    let days = (before + after).clamp(2.0, 1e6) as usize;
    let found = (penalty(days).sqrt() + NORMAL_95) * variance.sqrt();
    found.max(factor_min - 1.0)
}

/// Smallest relative rise of one day that the surge rule finds with [`CERTAINTY`]: the widest of its gates (normal
/// noise has an interquartile range of 1.349 standard deviations), the least count and the least distance.
#[must_use]
pub fn least_surge(level: f64, dispersion: f64, thresholds: &Thresholds) -> f64 {
    let level = positive(level);
    let deviation = (dispersion.max(0.0) / level).sqrt();
    let gates = (1.349 * thresholds.ranges).max(thresholds.deviations) + NORMAL_95;
    (gates * deviation).max(thresholds.count_min / level - 1.0).max(thresholds.part_min)
}

fn needed() -> f64 {
    -(1.0 - CERTAINTY).ln()
}

/// A number that can be divided by: what is not above nought gives infinity in the end.
fn positive(value: f64) -> f64 {
    if value > 0.0 { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_addresses_for_a_quarter() {
        let observation = Observation {
            addresses: 10.0,
            sensors: 10.0,
            days: 91.0,
        };
        // 2.9957 · 2^32 / (86,400 · 910) = 163.6 packets a second.
        assert!((observation.least_rate_pps() - 163.65).abs() < 0.1);
        assert!((observation.least_packets_per_sensor_day() - 0.003_292).abs() < 1e-6);
        // A Mirai bot at 160 packets a second hits ten addresses 0.032 times a day.
        assert!((observation.part_of_hosts_seen_a_day(160.0) - 0.031_68).abs() < 1e-4);
        assert!((observation.least_hosts(160.0) - 1.0228).abs() < 1e-3);
    }

    #[test]
    fn an_observation_of_nothing_sees_nothing() {
        let nothing = Observation {
            addresses: 0.0,
            sensors: 0.0,
            days: f64::NAN,
        };
        assert_eq!(nothing.least_rate_pps(), f64::INFINITY);
        assert_eq!(nothing.least_packets_per_sensor_day(), f64::INFINITY);
        assert_eq!(nothing.part_of_hosts_seen_a_day(100.0), 0.0);
        assert_eq!(least_change(0.0, 1.0, 7.0, 7.0, 1.1), f64::INFINITY);
    }

    #[test]
    fn more_counts_show_smaller_changes() {
        let at = |level: f64| least_change(level, 2.0, 30.0, 30.0, 1.0);
        assert!(at(10.0) > 2.0 * at(1000.0) && at(1000.0) > 0.0);
        assert!(least_change(1e9, 1.0, 30.0, 30.0, 1.1) >= 0.099);
        assert!(least_surge(4.0, 1.0, &Thresholds::default()) >= 4.0);
        assert!((least_surge(1e9, 1.0, &Thresholds::default()) - 0.3).abs() < 1e-9);
    }
}
