//! When in the day packets are sent: the hours of people and machines, and how one source spaces its packets.

use serde::Deserialize;

use crate::day::{DAY_US, Day};
use crate::dice::Dice;
use crate::region::Region;

/// How active the sources of a population are by the hour of their own day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rhythm {
    /// The same at every hour: servers, infected devices that are always on.
    Flat,
    /// Follows people at home: least at five in the morning, most at eight in the evening.
    #[default]
    Evening,
    /// Follows working hours.
    Office,
}

impl Rhythm {
    /// Running sums of the weights of the 24 local hours.
    pub(crate) fn sums(self) -> [u64; 24] {
        let weights: [u64; 24] = match self {
            Rhythm::Flat => [100; 24],
            Rhythm::Evening => [
                90, 80, 72, 68, 65, 64, 68, 76, 84, 92, 98, 102, 106, 108, 110, 112, 116, 120, 126, 130, 132, 128, 116, 102,
            ],
            Rhythm::Office => [
                60, 58, 56, 55, 55, 58, 66, 84, 112, 140, 150, 150, 138, 146, 152, 150, 142, 126, 104, 90, 80, 74, 68, 64,
            ],
        };
        let mut sum = 0;
        weights.map(|weight| {
            sum += weight;
            sum
        })
    }

    /// A time on `day` (microseconds since 1970-01-01 UTC), more likely in the region's busy hours.
    pub(crate) fn time_us(self, sums: &[u64; 24], day: Day, region: &Region, dice: &mut Dice) -> i64 {
        let within_hour = i64::try_from(dice.below(3_600_000_000)).unwrap_or(0);
        let local_hour = i64::try_from(dice.weighted(sums)).unwrap_or(0);
        let local_us = local_hour * 3_600_000_000 + within_hour;
        let utc_us = local_us - i64::from(region.utc_offset_minutes) * 60_000_000;
        day.start_us() + utc_us.rem_euclid(DAY_US)
    }
}

/// How one source spaces its packets of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pacing {
    /// Each on its own, by the rhythm.
    #[default]
    Spread,
    /// All within a few minutes to two hours.
    Burst,
    /// At even intervals through the day.
    Even,
}

/// Start and length of a burst that ends within the day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burst {
    start_us: i64,
    len_us: i64,
}

impl Burst {
    /// A burst of 2 to 120 minutes that starts at `start_us`, or earlier where the day would end first.
    pub(crate) fn new(start_us: i64, day: Day, dice: &mut Dice) -> Burst {
        let len_us = 120_000_000 + i64::try_from(dice.below(118 * 60_000_000)).unwrap_or(0);
        let latest = day.start_us() + DAY_US - len_us;
        Burst {
            start_us: start_us.min(latest),
            len_us,
        }
    }

    /// A time within the burst.
    pub(crate) fn time_us(self, dice: &mut Dice) -> i64 {
        self.start_us + i64::try_from(dice.below(self.len_us.unsigned_abs())).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Purpose;
    use crate::region::{REGIONS, region_index};

    #[test]
    fn times_stay_in_the_day_and_follow_the_sun() {
        let day = Day(19_000);
        let busiest = |code: &str| {
            let region = &REGIONS[region_index(code).unwrap()];
            let mut dice = Dice::new(1, Purpose::Traffic, 0, 0);
            let mut hours = [0u32; 24];
            for _ in 0..200_000 {
                let at = Rhythm::Evening.time_us(&Rhythm::Evening.sums(), day, region, &mut dice) - day.start_us();
                assert!((0..DAY_US).contains(&at));
                hours[usize::try_from(at / 3_600_000_000).unwrap()] += 1;
            }
            (0..24).max_by_key(|&hour| hours[hour]).unwrap()
        };
        // 20 o'clock at home is 11 UTC in Japan and 23 UTC in Brazil; its neighbours are within 2 %.
        assert!(matches!(busiest("JP"), 10..=12));
        assert!(matches!(busiest("BR"), 22..=23 | 0));
    }

    #[test]
    fn bursts_end_within_the_day() {
        let (day, mut dice) = (Day(19_000), Dice::new(2, Purpose::Traffic, 0, 0));
        for _ in 0..1000 {
            let burst = Burst::new(day.start_us() + DAY_US - 1, day, &mut dice);
            let at = burst.time_us(&mut dice) - day.start_us();
            assert!((0..DAY_US).contains(&at), "{at}");
        }
    }
}
