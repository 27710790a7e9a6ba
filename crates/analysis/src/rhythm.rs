//! The rhythm of the week: by how much each day of the week usually lies above or below the week's mean.

use crate::Day;
use crate::mean::{centred, quantile};

/// Days of a block from which one estimate of the rhythm is made.
const BLOCK_DAYS: usize = 28;

/// Fewest blocks for a rhythm to be believed.
const BLOCKS_MIN: usize = 3;

/// From this many blocks on, one in four may disagree.
const BLOCKS_MANY: usize = 6;

/// Largest effect of a day of the week, as natural logarithm of the factor; what is larger is something else.
const EFFECT_MAX: f64 = 1.5;

/// Factor of each day of the week, Monday first, mean 1; all 1 where no rhythm holds through the whole time.
///
/// Each block of four weeks is asked on its own, and the smaller of the quartiles of the answers (of their extremes when
/// they are few) is taken, or none when those disagree in direction: a wave of some weeks that happens to have a period of seven days is a
/// phenomenon and no rhythm.
pub(crate) fn week_factors(first: Day, rates: &[f64], known: &[bool]) -> [f64; 7] {
    let blocks = rates.len() / BLOCK_DAYS;
    if blocks < BLOCKS_MIN {
        return [1.0; 7];
    }
    let around = centred(rates, 3);
    let mut estimates: [Vec<f64>; 7] = Default::default();
    for block in 0..blocks {
        // The last block takes the days that are left over.
        let end = if block + 1 == blocks {
            rates.len()
        } else {
            (block + 1) * BLOCK_DAYS
        };
        let mut sums = [(0.0, 0u32); 7];
        // At both ends the mean around a day is not of a whole week.
        for day in (block * BLOCK_DAYS).max(3)..end.min(rates.len() - 3) {
            if known[day] && around[day] > 0.0 {
                let sum = &mut sums[weekday(first, day)];
                // Bursts must not make a rhythm.
                sum.0 += (rates[day] / around[day]).min(2.0);
                sum.1 += 1;
            }
        }
        for (of_day, (sum, days)) in estimates.iter_mut().zip(sums) {
            if days >= 2 && sum > 0.0 {
                of_day.push((sum / f64::from(days)).ln());
            }
        }
    }
    let mut factors = estimates.map(|mut of_day| {
        if of_day.len() < BLOCKS_MIN {
            return 1.0;
        }
        let part = if blocks < BLOCKS_MANY { 0.0 } else { 0.25 };
        let (low, high) = (quantile(&mut of_day, part), quantile(&mut of_day, 1.0 - part));
        let effect = if low > 0.0 {
            low
        } else if high < 0.0 {
            high
        } else {
            0.0
        };
        effect.clamp(-EFFECT_MAX, EFFECT_MAX).exp()
    });
    let mean = factors.iter().sum::<f64>() / 7.0;
    for factor in &mut factors {
        *factor /= mean;
    }
    factors
}

/// Day of the week, 0 for Monday (1970-01-01 was a Thursday), of the day `offset` after `first`.
pub(crate) fn weekday(first: Day, offset: usize) -> usize {
    let days = i64::from(first) + 3 + i64::try_from(offset % 7).unwrap_or(0);
    usize::try_from(days.rem_euclid(7)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weekend_is_found_and_a_month_of_waves_is_not() {
        // 1970-01-05 was a Monday.
        let weekend: Vec<f64> = (0..120).map(|day| if day % 7 >= 5 { 80.0 } else { 108.0 }).collect();
        let factors = week_factors(4, &weekend, &[true; 120]);
        assert!((factors[5] - 0.8).abs() < 0.01 && (factors[0] - 1.08).abs() < 0.01, "{factors:?}");
        let waves: Vec<f64> = (0..120).map(|day| if day >= 60 && day % 7 >= 4 { 151.0 } else { 100.0 }).collect();
        let factors = week_factors(4, &waves, &[true; 120]);
        assert!(factors.iter().all(|factor| (factor - 1.0).abs() < 0.03), "{factors:?}");
    }

    #[test]
    fn days_of_the_week() {
        assert_eq!(weekday(0, 0), 3);
        assert_eq!(weekday(-4, 0), 6);
        assert_eq!(weekday(Day::MAX, usize::MAX), weekday(Day::MAX, usize::MAX % 7));
    }
}
