//! The same seen from different places: the largest of each side by side, what only one sees, and how far they differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::invalid::{Invalid, within};

/// Entries of each place; the published table of six sensors has ten.
pub const TOP: usize = 10;
/// Elsewhere at most this part of the rate here, to be "only here". Our own choice: a tenth.
pub const ONLY_RATIO: f64 = 0.1;
/// So many packets must have been expected elsewhere, were it there as it is here, before their lack means anything:
/// at most one of ten then comes by chance once in 2,000 times.
pub const ONLY_EXPECTED_MIN: f64 = 10.0;
/// Places whose packets a sensor-day differ by less are alike, per cent (the remark in the published text).
pub const ALIKE_PERCENT: f64 = 10.0;
/// Pairs of places that are compared; more places than 100 would make more.
pub const PAIRS_MAX: usize = 4_950;

/// What a sensor, or a group of sensors, saw in a period.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a, P, K> {
    /// Which.
    pub place: P,
    /// Key (a port, as a rule) and packets, in any order; a key that comes twice is added up.
    pub rows: &'a [(K, u64)],
    /// Packets of all keys, those not in the rows too.
    pub packets: u64,
    /// Sensor-days really observed.
    pub sensor_days: f64,
    /// Whether a key that is not in the rows really had nothing; else it had at most as much as the smallest row.
    pub complete: bool,
}

/// One of the largest of a place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry<K> {
    /// Which.
    pub key: K,
    /// Packets.
    pub packets: u64,
    /// Share of the packets of the place, per cent.
    pub percent: f64,
    /// Packets a sensor-day.
    pub per_sensor_day: f64,
    /// Whether it is seen at this place and (nearly) nowhere else.
    pub only_here: bool,
}

/// The largest of a place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View<P, K> {
    /// Which place.
    pub place: P,
    /// Packets a sensor-day, of all keys.
    pub per_sensor_day: f64,
    /// Largest first, equal ones by key.
    pub top: Vec<Entry<K>>,
}

/// How far two places differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference<P> {
    /// One.
    pub left: P,
    /// The other.
    pub right: P,
    /// Difference of their packets a sensor-day, per cent of the mean of both.
    pub volume_percent: f64,
    /// Part of the packets that would have to go to other keys to make the mixtures the same, per cent (total
    /// variation). Keys that are not in the rows of both count as one, so with incomplete rows it is a lower bound.
    pub mixture_percent: f64,
}

/// All places side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Places<P, K> {
    /// In the order handed in, without those that did not observe.
    pub views: Vec<View<P, K>>,
    /// Every two of them, at most [`PAIRS_MAX`].
    pub differences: Vec<Difference<P>>,
    /// Largest less smallest of the packets a sensor-day, per cent of their mean; `None` for fewer than two places.
    pub volume_spread_percent: Option<f64>,
    /// Whether every two differ by less than [`ALIKE_PERCENT`] in volume; `None` for fewer than two places.
    pub alike: Option<bool>,
}

/// A place, summed up.
struct Seen<'a, P, K> {
    place: &'a Place<'a, P, K>,
    by_key: BTreeMap<&'a K, u64>,
    packets: f64,
    rate: f64,
    /// Most that a key can have which is not in the rows.
    unlisted_max: u64,
}

/// Puts places side by side, with the `top` largest of each. Places with no observed sensor-day are left out.
///
/// # Errors
/// When a number of sensor-days is negative, infinite or NaN.
pub fn places<P: Clone, K: Ord + Clone>(places: &[Place<'_, P, K>], top: usize) -> Result<Places<P, K>, Invalid> {
    let mut seen = Vec::with_capacity(places.len());
    for place in places {
        // Less than a second is none, and would only make rates overflow.
        let days = within("sensor-days", place.sensor_days, 0.0, f64::MAX, "finite and not negative")?;
        if days * 86_400.0 >= 1.0 {
            seen.push(Seen::new(place));
        }
    }
    let views = seen.iter().map(|here| here.view(&seen, top)).collect();
    let pairs = seen
        .iter()
        .enumerate()
        .flat_map(|(place, left)| seen.iter().skip(place + 1).map(move |right| (left, right)));
    let differences = pairs
        .take(PAIRS_MAX)
        .map(|(left, right)| Difference {
            left: left.place.place.clone(),
            right: right.place.place.clone(),
            volume_percent: apart(left.rate, right.rate),
            mixture_percent: left.mixture_percent(right),
        })
        .collect();
    let rates = || seen.iter().map(|place| place.rate);
    let (least, most) = (rates().fold(f64::MAX, f64::min), rates().fold(0.0, f64::max));
    let mean = rates().sum::<f64>() / seen.len().max(1) as f64;
    let several = seen.len() > 1;
    Ok(Places {
        views,
        differences,
        volume_spread_percent: several.then(|| if mean > 0.0 { 100.0 * (most - least) / mean } else { 0.0 }),
        // Of all pairs the largest and the smallest differ most.
        alike: several.then(|| apart(least, most) < ALIKE_PERCENT),
    })
}

/// Difference of two, per cent of their mean.
fn apart(left: f64, right: f64) -> f64 {
    let mean = f64::midpoint(left, right);
    if mean > 0.0 { 100.0 * (left - right).abs() / mean } else { 0.0 }
}

impl<'a, P, K: Ord + Clone> Seen<'a, P, K> {
    fn new(place: &'a Place<'a, P, K>) -> Self {
        let mut by_key: BTreeMap<&K, u64> = BTreeMap::new();
        for (key, packets) in place.rows {
            let sum = by_key.entry(key).or_default();
            *sum = sum.saturating_add(*packets);
        }
        let listed = by_key.values().fold(0, |sum: u64, packets| sum.saturating_add(*packets));
        let packets = place.packets.max(listed);
        let smallest = by_key.values().copied().min().unwrap_or(u64::MAX);
        Seen {
            place,
            packets: packets as f64,
            rate: packets as f64 / place.sensor_days,
            unlisted_max: if place.complete { 0 } else { smallest.min(packets - listed) },
            by_key,
        }
    }

    fn view(&self, all: &[Seen<'_, P, K>], top: usize) -> View<P, K>
    where
        P: Clone,
    {
        let mut order: Vec<(&K, u64)> = self
            .by_key
            .iter()
            .map(|(key, packets)| (*key, *packets))
            .filter(|row| row.1 > 0)
            .collect();
        order.sort_by_key(|row| std::cmp::Reverse(row.1));
        let entries = order.into_iter().take(top).map(|(key, packets)| Entry {
            key: key.clone(),
            packets,
            percent: 100.0 * packets as f64 / self.packets,
            per_sensor_day: packets as f64 / self.place.sensor_days,
            only_here: self.only_here(all, key, packets),
        });
        View {
            place: self.place.place.clone(),
            per_sensor_day: self.rate,
            top: entries.collect(),
        }
    }

    fn only_here(&self, all: &[Seen<'_, P, K>], key: &K, packets: u64) -> bool {
        let rate = packets as f64 / self.place.sensor_days;
        let mut others = all.iter().filter(|other| !std::ptr::eq(other.place, self.place)).peekable();
        others.peek().is_some()
            && others.all(|other| {
                let expected = rate * other.place.sensor_days;
                let most = other.by_key.get(key).copied().unwrap_or(other.unlisted_max);
                expected >= ONLY_EXPECTED_MIN && most as f64 <= ONLY_RATIO * expected
            })
    }

    fn mixture_percent(&self, other: &Seen<'_, P, K>) -> f64 {
        if self.packets <= 0.0 || other.packets <= 0.0 {
            return if self.packets > 0.0 || other.packets > 0.0 { 100.0 } else { 0.0 };
        }
        let keys: BTreeSet<&K> = self.by_key.keys().chain(other.by_key.keys()).copied().collect();
        let (mut sum, mut rest, mut other_rest) = (0.0, self.packets, other.packets);
        for key in keys {
            let packets = self.by_key.get(key).copied().or(self.place.complete.then_some(0));
            let other_packets = other.by_key.get(key).copied().or(other.place.complete.then_some(0));
            if let (Some(packets), Some(other_packets)) = (packets, other_packets) {
                sum += (packets as f64 / self.packets - other_packets as f64 / other.packets).abs();
                rest -= packets as f64;
                other_rest -= other_packets as f64;
            }
        }
        sum += (rest / self.packets - other_rest / other.packets).abs();
        (50.0 * sum).min(100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(name: &'a str, rows: &'a [(u16, u64)], sensor_days: f64) -> Place<'a, &'a str, u16> {
        Place {
            place: name,
            rows,
            packets: rows.iter().fold(0, |sum: u64, row| sum.saturating_add(row.1)),
            sensor_days,
            complete: true,
        }
    }

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn side_by_side() {
        let all = [
            place("home", &[(23, 600), (22, 300), (80, 100), (80, 0)], 10.0),
            place("abroad", &[(22, 1_200), (23, 700), (80, 100)], 20.0),
        ];
        let found = places(&all, 2).unwrap();
        let tops: Vec<Vec<u16>> = found
            .views
            .iter()
            .map(|view| view.top.iter().map(|entry| entry.key).collect())
            .collect();
        assert_eq!(tops, [[23, 22], [22, 23]]);
        let first = &found.views[0].top[0];
        assert_eq!((first.percent, first.per_sensor_day, first.only_here), (60.0, 60.0, false));
        let pair = &found.differences[0];
        assert_eq!((pair.left, pair.right, pair.volume_percent), ("home", "abroad", 0.0));
        // Shares 60, 30, 10 and 35, 60, 5: half of 25 + 30 + 5.
        assert!(near(pair.mixture_percent, 30.0), "{pair:?}");
        assert_eq!(found.alike, Some(true));
    }

    #[test]
    fn only_here() {
        let base = [(23, 1_000), (5_555, 500)];
        let other = |packets: u64| [(23, 1_000), (5_555, packets)];
        for (packets, days, complete, expected) in [
            (0, 10.0, true, true),
            (50, 10.0, true, true),
            (51, 10.0, true, false),
            // A place that observed too shortly to miss it.
            (0, 0.1, true, false),
            // It may be there, just below what was listed.
            (0, 10.0, false, false),
        ] {
            let rows = other(packets);
            let listed = if packets == 0 { &rows[..1] } else { &rows[..] };
            let there = Place {
                complete,
                packets: if complete { 1_000 + packets } else { 5_000 },
                ..place("there", listed, days)
            };
            let found = places(&[place("here", &base, 10.0), there], TOP).unwrap();
            let entry = found.views[0].top.iter().find(|entry| entry.key == 5_555).unwrap();
            assert_eq!(entry.only_here, expected, "{packets} {days} {complete}");
        }
        let alone = places(&[place("here", &base, 10.0)], TOP).unwrap();
        assert!(alone.views[0].top.iter().all(|entry| !entry.only_here));
        assert_eq!((alone.alike, alone.volume_spread_percent), (None, None));
    }

    #[test]
    fn volume() {
        let rows = |packets: u64| [(23, packets)];
        for (volumes, spread, alike) in [
            ([100, 105, 109], 9.0 / 104.666_666_666_666_67 * 100.0, true),
            ([100, 100, 120], 20.0 / 106.666_666_666_666_67 * 100.0, false),
            ([0, 0, 0], 0.0, true),
        ] {
            let rows: Vec<_> = volumes.iter().map(|packets| rows(*packets)).collect();
            let all: Vec<_> = rows.iter().map(|rows| place("p", rows, 1.0)).collect();
            let found = places(&all, TOP).unwrap();
            assert!(near(found.volume_spread_percent.unwrap(), spread));
            assert_eq!((found.alike, found.differences.len()), (Some(alike), 3));
        }
    }

    #[test]
    fn incomplete_rows_bound_the_mixture_from_below() {
        let (left, right) = ([(1, 50), (2, 30)], [(1, 50), (3, 30)]);
        let cut = |name, rows| Place {
            packets: 100,
            complete: false,
            ..place(name, rows, 1.0)
        };
        let found = places(&[cut("a", &left), cut("b", &right)], TOP).unwrap();
        assert_eq!(found.differences[0].mixture_percent, 0.0);
    }

    #[test]
    fn hostile_input() {
        for days in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(places(&[place("a", &[(1, 1)], days)], TOP).is_err(), "{days}");
        }
        let rows = [(1, u64::MAX), (1, u64::MAX), (2, u64::MAX)];
        let all = [
            place("a", &rows, 1e-4),
            place("b", &[], f64::MAX),
            place("off", &rows, 0.0),
            place("c", &rows, 1.0),
        ];
        let found = places(&all, usize::MAX).unwrap();
        assert_eq!(found.views.len(), 3);
        assert!(
            found
                .differences
                .iter()
                .all(|pair| (0.0..=100.0).contains(&pair.mixture_percent) && pair.volume_percent <= 200.0)
        );
        let empty = places::<&str, u16>(&[], TOP).unwrap();
        assert!(empty.views.is_empty() && empty.differences.is_empty());
        let many: Vec<_> = (0..200).map(|_| place("p", &[], 1.0)).collect();
        assert_eq!(places(&many, TOP).unwrap().differences.len(), PAIRS_MAX);
    }
}
