//! What the centre's clock says, as far as its answers tell; it goes on by the monotonic clock, so ours may jump.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use super::lock;
use crate::clock;

/// How long a measurement with a short round trip is preferred to later ones with longer ones.
const PREFERRED: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug)]
struct Measured {
    at: Instant,
    round_trip: Duration,
    centre_us: i64,
}

/// The centre's clock.
#[derive(Debug, Default)]
pub(crate) struct CentreClock(Mutex<Option<Measured>>);

impl CentreClock {
    /// Learns from an answer: the centre's clock stood at `centre_us` somewhere between `sent` and `received`.
    pub(crate) fn learn(&self, sent: Instant, received: Instant, centre_us: i64) {
        let round_trip = received.saturating_duration_since(sent);
        let mut measured = lock(&self.0);
        let keep =
            measured.is_some_and(|before| before.round_trip * 2 < round_trip && received.saturating_duration_since(before.at) < PREFERRED);
        if !keep {
            // In the middle is the best guess; it is off by half the round trip at most.
            let at = sent + round_trip / 2;
            *measured = Some(Measured { at, round_trip, centre_us });
        }
    }

    /// The centre's clock now, microseconds since 1970; our own clock's before any answer.
    pub(crate) fn now_us(&self) -> i64 {
        self.measured_us().unwrap_or_else(clock::now_us)
    }

    /// How far the centre's clock is ahead of ours, microseconds; `None` before any answer.
    pub(crate) fn offset_us(&self) -> Option<i64> {
        self.measured_us().map(|centre_us| centre_us.saturating_sub(clock::now_us()))
    }

    fn measured_us(&self) -> Option<i64> {
        let measured = *lock(&self.0);
        measured.map(|measured| {
            let since_us = i64::try_from(measured.at.elapsed().as_micros()).unwrap_or(i64::MAX);
            measured.centre_us.saturating_add(since_us)
        })
    }
}

/// Certificates are judged by the centre's clock where it is known: a sensor whose clock jumps stays connected.
impl TimeProvider for CentreClock {
    fn current_time(&self) -> Option<UnixTime> {
        let now_us = u64::try_from(self.now_us()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_micros(now_us)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_round_trip_counts() {
        let clock = CentreClock::default();
        assert_eq!(clock.offset_us(), None);
        let now = Instant::now();
        let ahead_us = 3_600_000_000;
        clock.learn(now, now + Duration::from_millis(10), crate::clock::now_us() + ahead_us);
        clock.learn(now, now + Duration::from_secs(20), crate::clock::now_us() - ahead_us);
        let offset_us = clock.offset_us().unwrap();
        assert!((offset_us - ahead_us).abs() < 1_000_000, "{offset_us}");
        // Much later, a slow answer is better than none.
        clock.learn(now + PREFERRED, now + PREFERRED + Duration::from_secs(20), crate::clock::now_us());
        assert!(clock.offset_us().unwrap() < ahead_us / 2);
    }
}
