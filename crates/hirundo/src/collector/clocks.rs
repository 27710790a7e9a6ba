//! How far each sensor's clock is from ours, from the times at which it says it sent.
//!
//! The way takes time, so a sensor's clock seems slower than it is, never faster: the largest difference of the last
//! minutes is the best.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a difference counts: between one and two of these.
const WINDOW: Duration = Duration::from_secs(150);
/// Most sensors remembered; beyond, the memory starts anew.
const SENSORS_MAX: usize = 20_000;

/// The clocks of all sensors.
#[derive(Debug, Default)]
pub struct Clocks {
    windows: Mutex<HashMap<String, Window>>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    begun: Instant,
    now_us: i64,
    before_us: Option<i64>,
}

impl Clocks {
    /// Takes note of one request: when the sensor says it sent it, and when it came, both microseconds since 1970.
    pub fn observe(&self, sensor: &str, sent_us: i64, came_us: i64, at: Instant) {
        let skew_us = sent_us.saturating_sub(came_us);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= SENSORS_MAX && !windows.contains_key(sensor) {
            windows.clear();
        }
        let fresh = Window {
            begun: at,
            now_us: skew_us,
            before_us: None,
        };
        let window = windows.entry(sensor.to_owned()).or_insert(fresh);
        let age = at.saturating_duration_since(window.begun);
        if age < WINDOW {
            window.now_us = window.now_us.max(skew_us);
        } else {
            let before_us = (age < 2 * WINDOW).then_some(window.now_us);
            *window = Window { before_us, ..fresh };
        }
    }

    /// A sensor's clock less ours, microseconds, where it is known.
    #[must_use]
    pub fn skew_us(&self, sensor: &str) -> Option<i64> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.get(sensor)?;
        Some(window.before_us.map_or(window.now_us, |before_us| before_us.max(window.now_us)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_do_not_make_a_clock_slow() {
        let clocks = Clocks::default();
        let begin = Instant::now();
        assert_eq!(clocks.skew_us("a"), None);
        // Two seconds fast; the ways take 900, 30 and 400 ms.
        for (n, way_us) in [900_000, 30_000, 400_000].into_iter().enumerate() {
            let came_us = 1_000_000 * n as i64;
            clocks.observe("a", came_us - way_us + 2_000_000, came_us, begin + Duration::from_secs(n as u64));
        }
        assert_eq!(clocks.skew_us("a"), Some(1_970_000));
        assert_eq!(clocks.skew_us("b"), None);
    }

    #[test]
    fn a_clock_that_was_set_is_believed_after_a_while() {
        let clocks = Clocks::default();
        let begin = Instant::now();
        clocks.observe("a", 5_000_000, 0, begin);
        clocks.observe("a", 0, 0, begin + WINDOW);
        assert_eq!(clocks.skew_us("a"), Some(5_000_000));
        clocks.observe("a", 0, 0, begin + 2 * WINDOW);
        assert_eq!(clocks.skew_us("a"), Some(0));
        clocks.observe("a", i64::MIN, i64::MAX, begin + 9 * WINDOW);
        assert_eq!(clocks.skew_us("a"), Some(i64::MIN));
    }
}
