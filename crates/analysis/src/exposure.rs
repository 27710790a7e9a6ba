//! What share of a subject each sensor usually sees, and from it the rate that all sensors together would have counted.

use crate::finding::Measure;
use crate::mean::{WEEK, finite, median};
use crate::series::{Counts, Coverage, Series};

/// Least exposure of a day for its rate to be said: below it a few sensors would have to speak for all.
pub const EXPOSURE_MIN: f64 = 0.3;

/// Counts that the sensor's overall share weighs: a subject counted less often than this has no shares of its own.
const PRIOR_COUNT: f64 = 200.0;

/// Days with more than this many times the median day's count do not count for shares: one source's burst at one
/// sensor says nothing of what the sensor usually sees.
const BURST_FACTOR: f64 = 3.0;

/// Rounds of the alternation between shares and daily levels; it converges within a few.
const ROUNDS: usize = 6;

/// Least part of the network that must have been up for a day to count for shares.
const UP_MIN: f64 = 0.5;

/// Usual share of each sensor in `counts`, adding up to 1; `overall` (the shares in the total, or `None` for the
/// total itself) is what small counts are drawn towards.
///
/// Shares and daily levels explain each other: a share is the sensor's count divided by the levels of the days on
/// which it was up, a level the day's count divided by the shares that were up (the maximum likelihood of a Poisson
/// model with a factor for each sensor and day). A sensor that was never up has share 0.
#[must_use]
pub fn usual_shares(coverage: &Coverage, counts: &Counts, overall: Option<&[f64]>) -> Vec<f64> {
    let sensors = coverage.up.len().min(counts.counts.len());
    let days = days(coverage, counts);
    let ever: Vec<bool> = (0..sensors)
        .map(|sensor| (0..days).any(|day| up(coverage, sensor, day) > 0.0))
        .collect();
    let even = normalised(ever.iter().map(|&ever| f64::from(u8::from(ever))).collect());
    let prior = overall.map_or_else(
        || even.clone(),
        |overall| {
            let known = |sensor: usize| overall.get(sensor).copied().filter(|share| share.is_finite() && *share >= 0.0);
            let shares = normalised(
                (0..sensors)
                    .map(|sensor| if ever[sensor] { known(sensor).unwrap_or(0.0) } else { 0.0 })
                    .collect(),
            );
            if shares.iter().sum::<f64>() > 0.0 { shares } else { even.clone() }
        },
    );
    let mut shares = prior.clone();
    for _ in 0..ROUNDS {
        let levels = usable_levels(coverage, counts, &shares, days);
        let total: f64 = levels.iter().flatten().sum();
        if total <= 0.0 {
            break;
        }
        let next = (0..sensors).map(|sensor| {
            let (mut seen, mut due) = (0.0, 0.0);
            for (day, level) in levels.iter().enumerate() {
                let Some(level) = level else { continue };
                let part = up(coverage, sensor, day);
                if part > 0.0 {
                    seen += count(counts, sensor, day);
                    due += part * level;
                }
            }
            (seen + PRIOR_COUNT * prior[sensor]) / (due + PRIOR_COUNT)
        });
        shares = normalised(next.collect());
    }
    shares
}

/// The daily rates of `counts`, as if all sensors had observed all day; `shares` are those of [`usual_shares`].
///
/// A count of a sensor on a day on which it is not known to have been up at all is left out.
#[must_use]
pub fn series(coverage: &Coverage, counts: &Counts, shares: &[f64]) -> Series {
    let days = days(coverage, counts);
    let mut made = Series {
        subject: counts.subject.clone(),
        measure: counts.measure,
        first: coverage.first,
        counts: Vec::with_capacity(days),
        exposure: Vec::with_capacity(days),
        rates: Vec::with_capacity(days),
        squares: Vec::new(),
    };
    for day in 0..days {
        let (seen, exposure) = seen_and_exposure(coverage, counts, shares, day);
        if !counts.pairs.is_empty() {
            made.squares.push(squares(coverage, counts, day, exposure));
        } else if counts.measure == Measure::Sources {
            made.squares.push(seen / exposure.max(EXPOSURE_MIN));
        }
        made.counts.push(seen);
        made.exposure.push(exposure);
        made.rates.push((exposure >= EXPOSURE_MIN).then(|| seen / exposure));
    }
    made
}

fn days(coverage: &Coverage, counts: &Counts) -> usize {
    let longest = |rows: &[Vec<f64>]| rows.iter().map(Vec::len).max().unwrap_or(0);
    longest(&coverage.up).min(longest(&counts.counts))
}

/// The part of a day in which a sensor was up; nought where it is not known.
fn up(coverage: &Coverage, sensor: usize, day: usize) -> f64 {
    let part = coverage.up.get(sensor).and_then(|days| days.get(day)).copied();
    part.filter(|part| part.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0)
}

fn count(counts: &Counts, sensor: usize, day: usize) -> f64 {
    let count = counts.counts.get(sensor).and_then(|days| days.get(day)).copied();
    finite(count).unwrap_or(0.0)
}

fn seen_and_exposure(coverage: &Coverage, counts: &Counts, shares: &[f64], day: usize) -> (f64, f64) {
    let (mut seen, mut exposure) = (0.0, 0.0);
    for (sensor, share) in shares.iter().enumerate() {
        let part = up(coverage, sensor, day);
        if part > 0.0 {
            seen += count(counts, sensor, day);
            exposure += share * part;
        }
    }
    (seen, exposure.min(1.0))
}

/// The squares of what each source sends all sensors together, added up over the sources.
///
/// Each sensor knows those of its own part of them. A source that sends to all sensors as others do is what joins them
/// most (by the inequality of Cauchy and Schwarz), and sources that matter do: the roots of the sensors' sums are added.
/// The root of a day's few pairs lies below that of their mean, so the week around the day is asked as well. Of sources
/// nothing more need be known: each counts at least once.
fn squares(coverage: &Coverage, counts: &Counts, day: usize, exposure: f64) -> f64 {
    let of = |sensor: usize, pairs: &[f64], from: usize, to: usize| {
        let known = (from..to).filter(|day| up(coverage, sensor, *day) > 0.0);
        let known = known.filter_map(|day| pairs.get(day).copied().filter(|pairs| pairs.is_finite() && *pairs >= 0.0));
        let (sum, days) = known.fold((0.0, 0.0), |(sum, days), pairs| (sum + pairs, days + 1.0));
        if days > 0.0 { (sum / days).sqrt() } else { 0.0 }
    };
    let all = |from: usize, to: usize| -> f64 {
        let sensors = counts
            .pairs
            .iter()
            .enumerate()
            .filter(|(sensor, _)| up(coverage, *sensor, day) > 0.0);
        sensors.map(|(sensor, pairs)| of(sensor, pairs, from, to)).sum()
    };
    let root = all(day, day + 1).max(all(day.saturating_sub(WEEK / 2), day + WEEK / 2 + 1));
    (root / exposure.max(EXPOSURE_MIN)).powi(2)
}

/// Level of each day that may count for shares.
fn usable_levels(coverage: &Coverage, counts: &Counts, shares: &[f64], days: usize) -> Vec<Option<f64>> {
    let level = |day: usize| {
        let (seen, exposure) = seen_and_exposure(coverage, counts, shares, day);
        (exposure >= UP_MIN).then(|| seen / exposure)
    };
    let levels: Vec<Option<f64>> = (0..days).map(level).collect();
    let mut known: Vec<f64> = levels.iter().flatten().copied().collect();
    let limit = BURST_FACTOR * median(&mut known);
    // With a median of nought a subject is there on few days only, and all of them are needed.
    let keep = |level: &f64| limit <= 0.0 || *level <= limit;
    levels.into_iter().map(|level| level.filter(keep)).collect()
}

fn normalised(mut shares: Vec<f64>) -> Vec<f64> {
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 {
        for share in &mut shares {
            *share /= sum;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Subject;

    fn counts(rows: &[Vec<f64>]) -> Counts {
        Counts {
            subject: Subject::Total,
            measure: Measure::Packets,
            counts: rows.to_vec(),
            pairs: Vec::new(),
        }
    }

    #[test]
    fn an_outage_of_half_the_sensors_is_no_fall() {
        // Three unequal sensors; the largest is down on days 10 to 19 and half a day on day 20.
        let shares = [0.5, 0.3, 0.2];
        let up: Vec<Vec<f64>> = (0..3)
            .map(|sensor| {
                let down = |day: usize| {
                    if sensor == 0 {
                        if (10..20).contains(&day) {
                            0.0
                        } else if day == 20 {
                            0.5
                        } else {
                            1.0
                        }
                    } else {
                        1.0
                    }
                };
                (0..40).map(down).collect()
            })
            .collect();
        let rows: Vec<Vec<f64>> = (0..3)
            .map(|sensor| up[sensor].iter().map(|up| 1000.0 * shares[sensor] * up).collect())
            .collect();
        let coverage = Coverage { first: 7, up };
        let counts = counts(&rows);
        let estimated = usual_shares(&coverage, &counts, None);
        for (share, expected) in estimated.iter().zip(shares) {
            assert!((share - expected).abs() < 0.005, "{estimated:?}");
        }
        for rate in series(&coverage, &counts, &estimated).rates {
            assert!((rate.unwrap() - 1000.0).abs() < 15.0, "{rate:?}");
        }
    }

    #[test]
    fn small_counts_take_the_overall_share_and_little_observation_says_nothing() {
        let coverage = Coverage {
            first: 0,
            up: vec![vec![1.0, 1.0, 0.0], vec![1.0, 1.0, 1.0]],
        };
        let rare = counts(&[vec![0.0, 0.0, 0.0], vec![1.0, 0.0, 1.0]]);
        let shares = usual_shares(&coverage, &rare, Some(&[0.9, 0.1]));
        assert!((shares[0] - 0.9).abs() < 0.01, "{shares:?}");
        let series = series(&coverage, &rare, &shares);
        assert_eq!(series.rates[2], None);
        assert_eq!(series.rates[1], Some(0.0));
    }

    #[test]
    fn one_burst_does_not_move_the_shares() {
        let coverage = Coverage {
            first: 0,
            up: vec![vec![1.0; 30]; 2],
        };
        let mut rows = vec![vec![100.0; 30]; 2];
        rows[1][12] = 9000.0;
        let shares = usual_shares(&coverage, &counts(&rows), None);
        assert!((shares[0] - 0.5).abs() < 1e-9, "{shares:?}");
    }

    #[test]
    fn hostile_numbers_are_left_out() {
        let coverage = Coverage {
            first: 0,
            up: vec![vec![f64::NAN, f64::INFINITY, -1.0, 5.0], vec![1.0; 2]],
        };
        let counts = counts(&[vec![f64::NAN, 1.0, f64::INFINITY, -3.0], vec![], vec![1.0]]);
        let shares = usual_shares(&coverage, &counts, Some(&[f64::NAN]));
        let series = series(&coverage, &counts, &shares);
        assert_eq!(series.rates.len(), 4);
        assert!(series.rates.iter().flatten().all(|rate| rate.is_finite()));
        assert!(usual_shares(&Coverage { first: 0, up: vec![] }, &counts, None).is_empty());
    }

    #[test]
    fn the_squares_of_sources_are_joined_over_sensors() {
        // Three sources with 10 packets a day at each of two sensors: 3 × 20² together; the pairs leave Poisson's part out.
        let coverage = Coverage {
            first: 0,
            up: vec![vec![1.0, 1.0], vec![1.0, 0.0]],
        };
        let mut counts = counts(&[vec![30.0, 30.0], vec![30.0, 0.0]]);
        assert!(series(&coverage, &counts, &[0.5, 0.5]).squares.is_empty());
        let of_sources = Counts {
            measure: Measure::Sources,
            ..counts.clone()
        };
        assert_eq!(series(&coverage, &of_sources, &[0.5, 0.5]).squares, [60.0, 60.0]);
        counts.pairs = vec![vec![300.0, 300.0], vec![300.0, f64::NAN]];
        // The second day speaks for the sensor that was down.
        for square in series(&coverage, &counts, &[0.5, 0.5]).squares {
            assert!((square - 1200.0).abs() < 1e-6, "{square}");
        }
    }
}
