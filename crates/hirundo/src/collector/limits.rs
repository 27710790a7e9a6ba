//! How much a sensor may send, and how much all of them together may have in memory here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Unit in which memory is given out, bytes.
const UNIT_BYTES: usize = 1024;
/// Most sensors metered at a time; beyond, those at rest are forgotten.
const SENSORS_MAX: usize = 20_000;

/// Memory for the bodies of batches, given out in units.
#[derive(Clone, Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    units_max: usize,
}

impl Budget {
    /// Of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Budget {
        let units_max = (bytes / UNIT_BYTES).max(1);
        Budget {
            units: Arc::new(Semaphore::new(units_max)),
            units_max,
        }
    }

    /// Room for so many bytes, waiting for it no longer than `wait`.
    pub async fn take(&self, bytes: usize, wait: Duration) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        let room = Arc::clone(&self.units).acquire_many_owned(units);
        tokio::time::timeout(wait, room).await.ok()?.ok()
    }

    /// Bytes that are given out.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.units_max.saturating_sub(self.units.available_permits()) * UNIT_BYTES
    }

    /// Bytes there are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.units_max * UNIT_BYTES
    }
}

/// What a sensor may send.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Batches a minute.
    pub batches_a_minute: i64,
    /// Bytes a minute.
    pub bytes_a_minute: i64,
}

/// Why a sensor must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enough {
    /// It sends too much; seconds until it may go on.
    Rate(u64),
    /// It has too much on the way.
    InFlight,
}

/// A minute's allowance that fills up again while time passes.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    filled: Instant,
}

impl Bucket {
    fn full(a_minute: i64, now: Instant) -> Bucket {
        Bucket {
            left: a_minute as f64,
            filled: now,
        }
    }

    /// Takes from it, even below nothing when there was anything left: a batch larger than what is left is not held up for
    /// ever. Seconds to wait when there was not.
    fn take(&mut self, amount: f64, a_minute: i64, now: Instant) -> Result<(), f64> {
        let a_minute = a_minute.max(1) as f64;
        let secs = now.saturating_duration_since(self.filled).as_secs_f64();
        self.left = (self.left + secs * a_minute / 60.0).min(a_minute);
        self.filled = now;
        if self.left <= 0.0 {
            return Err((1.0 - self.left) * 60.0 / a_minute);
        }
        self.left -= amount;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
struct Meter {
    batches: Bucket,
    bytes: Bucket,
    in_flight_bytes: usize,
    in_flight: usize,
}

/// What each sensor sends.
#[derive(Debug)]
pub struct Meters {
    meters: Mutex<HashMap<String, Meter>>,
    in_flight_bytes_max: usize,
    in_flight_max: usize,
}

/// A batch on the way; given back when dropped.
#[derive(Debug)]
pub struct InFlight {
    meters: Arc<Meters>,
    sensor: String,
    bytes: usize,
}

impl Meters {
    /// With limits on what one sensor has on the way.
    #[must_use]
    pub fn new(in_flight_max: usize, in_flight_bytes_max: usize) -> Meters {
        Meters {
            meters: Mutex::default(),
            in_flight_bytes_max,
            in_flight_max,
        }
    }

    /// A sensor begins to send a batch of so many bytes.
    ///
    /// # Errors
    /// When it must wait.
    pub fn enter(self: &Arc<Meters>, sensor: &str, bytes: usize, allowance: Allowance, now: Instant) -> Result<InFlight, Enough> {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        if meters.len() >= SENSORS_MAX && !meters.contains_key(sensor) {
            meters.retain(|_, meter| meter.in_flight > 0);
        }
        let meter = meters.entry(sensor.to_owned()).or_insert_with(|| Meter {
            batches: Bucket::full(allowance.batches_a_minute, now),
            bytes: Bucket::full(allowance.bytes_a_minute, now),
            in_flight_bytes: 0,
            in_flight: 0,
        });
        let bytes_after = meter.in_flight_bytes.saturating_add(bytes);
        if meter.in_flight >= self.in_flight_max || (bytes_after > self.in_flight_bytes_max && meter.in_flight > 0) {
            return Err(Enough::InFlight);
        }
        let wait = |secs: f64| Enough::Rate(Duration::from_secs_f64(secs.ceil().clamp(1.0, 60.0)).as_secs());
        meter.batches.take(1.0, allowance.batches_a_minute, now).map_err(wait)?;
        meter.bytes.take(bytes as f64, allowance.bytes_a_minute, now).map_err(wait)?;
        meter.in_flight += 1;
        meter.in_flight_bytes = bytes_after;
        Ok(InFlight {
            meters: Arc::clone(self),
            sensor: sensor.to_owned(),
            bytes,
        })
    }
}

impl Meters {
    /// Batches that a sensor has on the way.
    #[must_use]
    pub fn in_flight(&self, sensor: &str) -> usize {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.get(sensor).map_or(0, |meter| meter.in_flight)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut meters = self.meters.meters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = meters.get_mut(&self.sensor) {
            meter.in_flight = meter.in_flight.saturating_sub(1);
            meter.in_flight_bytes = meter.in_flight_bytes.saturating_sub(self.bytes);
        }
    }
}

/// Counts what is there by key, up to a most each: connections of an address or a sensor.
#[derive(Debug)]
pub struct Places<K: std::hash::Hash + Eq + Clone> {
    taken: Mutex<HashMap<K, usize>>,
    most: usize,
}

/// A place that is taken; free again when dropped.
#[derive(Debug)]
pub struct Place<K: std::hash::Hash + Eq + Clone> {
    places: Arc<Places<K>>,
    key: K,
}

impl<K: std::hash::Hash + Eq + Clone> Places<K> {
    /// So many of each key.
    #[must_use]
    pub fn new(most: usize) -> Places<K> {
        Places {
            taken: Mutex::default(),
            most,
        }
    }

    /// Takes a place, when one is free.
    #[must_use]
    pub fn take(self: &Arc<Self>, key: K) -> Option<Place<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(key.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place {
            places: Arc::clone(self),
            key,
        })
    }
}

impl<K: std::hash::Hash + Eq + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        batches_a_minute: 60,
        bytes_a_minute: 6_000,
    };

    #[test]
    fn a_sensor_that_sends_too_much_waits_and_others_do_not() {
        let meters = Arc::new(Meters::new(1_000, 1 << 30));
        let begin = Instant::now();
        let enter = |sensor: &str, bytes, secs| meters.enter(sensor, bytes, ALLOWANCE, begin + Duration::from_secs(secs)).map(drop);
        for _ in 0..60 {
            enter("a", 1, 0).unwrap();
        }
        assert_eq!(enter("a", 1, 0), Err(Enough::Rate(1)));
        enter("b", 1, 0).unwrap();
        enter("a", 1, 1).unwrap();
        // One large body is let in, and paid for afterwards: 12,000 bytes are two minutes.
        enter("c", 12_000, 0).unwrap();
        assert_eq!(enter("c", 1, 30), Err(Enough::Rate(31)));
        enter("c", 1, 61).unwrap();
    }

    #[test]
    fn what_is_on_the_way_is_bounded_and_given_back() {
        let meters = Arc::new(Meters::new(3, 1_000));
        let now = Instant::now();
        let enter = |bytes| meters.enter("a", bytes, ALLOWANCE, now);
        let large = enter(5_000).unwrap();
        assert_eq!(enter(1).err(), Some(Enough::InFlight));
        drop(large);
        let three: Vec<_> = (0..3).map(|_| enter(10).unwrap()).collect();
        assert_eq!(enter(10).err(), Some(Enough::InFlight));
        drop(three);
        enter(10).unwrap();
    }

    #[test]
    fn places_are_given_back() {
        let places = Arc::new(Places::new(2));
        let (one, _two) = (places.take("a").unwrap(), places.take("a").unwrap());
        assert!(places.take("a").is_none() && places.take("b").is_some());
        drop(one);
        assert!(places.take("a").is_some());
        assert_eq!(places.taken.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn memory_is_given_out_once() {
        let budget = Budget::new(10 * UNIT_BYTES);
        let most = budget.take(9 * UNIT_BYTES, Duration::ZERO).await.unwrap();
        assert!(budget.take(2 * UNIT_BYTES, Duration::from_millis(1)).await.is_none());
        assert_eq!(budget.used_bytes(), 9 * UNIT_BYTES);
        drop(most);
        assert!(budget.take(2 * UNIT_BYTES, Duration::from_millis(1)).await.is_some());
    }
}
