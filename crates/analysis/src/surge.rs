//! Surges: days far outside what the weeks before let expect, by two gates, and how many of them noise alone would give.

use std::collections::{BTreeMap, VecDeque};

use crate::Day;
use crate::crowd;
use crate::daily::{Daily, LEVEL_OF_COUNTS, Typical};
use crate::gamma;
use crate::series::Series;

/// When a day is a surge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Days of history that a day is held against.
    pub history_days: usize,
    /// Fewest days of history for a day to be judged.
    pub history_days_min: usize,
    /// First gate: above the median of the history by this many interquartile ranges.
    pub ranges: f64,
    /// Second gate: above the mean of the history by this many standard deviations, of the rates and of their square
    /// roots.
    pub deviations: f64,
    /// Least rate of a surge, and least median for a fall, in counts a day.
    pub count_min: f64,
    /// Least distance from the median, relative to it.
    pub part_min: f64,
}

impl Default for Thresholds {
    /// Both gates are wider than the two interquartile ranges and two standard deviations that have been used on
    /// daily sources: those let noise alone through on one day in forty.
    fn default() -> Thresholds {
        Thresholds {
            history_days: 28,
            history_days_min: 14,
            ranges: 3.0,
            deviations: 4.5,
            count_min: 20.0,
            part_min: 0.3,
        }
    }
}

/// Longest time for which days outside the gates are kept out of the history; after it the new level is the usual one.
const KEPT_OUT_DAYS: usize = 10;

/// A row of days outside the gates; indices into the window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Burst {
    /// First day.
    pub(crate) from: usize,
    /// Last day.
    pub(crate) to: usize,
    /// Day of the extreme.
    pub(crate) peak: usize,
    /// Median of the history before the first day.
    pub(crate) base: f64,
    /// Upwards or downwards.
    pub(crate) up: bool,
    /// Distance of the extreme from the base, in standard deviations.
    pub(crate) size: f64,
}

/// All bursts of the window, in order of time.
pub(crate) fn bursts(daily: &Daily, thresholds: &Thresholds) -> Vec<Burst> {
    let mut history = History::new(thresholds.history_days);
    let mut found: Vec<Burst> = Vec::new();
    let mut kept_out = 0;
    for day in 0..daily.len() {
        // A gap is no value, though it was filled for other purposes.
        if daily.raw[day].is_none() {
            continue;
        }
        let rate = daily.rates[day];
        let gates = history.gates(thresholds);
        // A day of which less was observed than of most is held against wider gates.
        let side = gates
            .as_ref()
            .and_then(|gates| gates.side(gates.median + (rate - gates.median) / daily.stretch[day]));
        let (Some(gates), Some(up)) = (gates, side) else {
            history.push(rate);
            kept_out = 0;
            continue;
        };
        kept_out += 1;
        if kept_out > KEPT_OUT_DAYS {
            history.push(rate);
        }
        let size = (rate - gates.median).abs() / daily.noise[day].max(1e-9);
        match found.last_mut() {
            // A day between that just misses the gates does not end it.
            Some(burst) if burst.up == up && day - burst.to <= 2 => {
                burst.to = day;
                if if up {
                    rate > daily.rates[burst.peak]
                } else {
                    rate < daily.rates[burst.peak]
                } {
                    burst.peak = day;
                    burst.size = size;
                }
            }
            Some(_) | None => found.push(Burst {
                from: day,
                to: day,
                peak: day,
                base: gates.median,
                up,
                size,
            }),
        }
    }
    found
}

/// The last days that were nothing special, in order of time and of size.
struct History {
    days_max: usize,
    by_time: VecDeque<f64>,
    by_size: Vec<f64>,
}

/// What a day must exceed, or fall below.
struct Gates {
    median: f64,
    upper: f64,
    lower: f64,
}

impl Gates {
    /// Whether a rate is above the gates (`true`), below (`false`) or within.
    fn side(&self, rate: f64) -> Option<bool> {
        if rate > self.upper {
            Some(true)
        } else if rate < self.lower {
            Some(false)
        } else {
            None
        }
    }
}

/// Most days of history, whatever the thresholds ask for.
const HISTORY_DAYS_MAX: usize = 366;

impl History {
    fn new(days_max: usize) -> History {
        History {
            days_max: days_max.clamp(2, HISTORY_DAYS_MAX),
            by_time: VecDeque::new(),
            by_size: Vec::new(),
        }
    }

    fn place(&self, rate: f64) -> usize {
        self.by_size.partition_point(|other| other.total_cmp(&rate).is_lt())
    }

    fn push(&mut self, rate: f64) {
        if self.by_time.len() == self.days_max
            && let Some(oldest) = self.by_time.pop_front()
        {
            self.by_size.remove(self.place(oldest));
        }
        self.by_time.push_back(rate);
        self.by_size.insert(self.place(rate), rate);
    }

    fn gates(&self, thresholds: &Thresholds) -> Option<Gates> {
        let days = self.by_size.len();
        if days < thresholds.history_days_min.max(2) {
            return None;
        }
        let quantile = |part: f64| {
            let place = part * (days - 1) as f64;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and days - 1")]
            let left = place as usize;
            let right = (left + 1).min(days - 1);
            self.by_size[left] + (place - left as f64) * (self.by_size[right] - self.by_size[left])
        };
        let median = quantile(0.5);
        let range = quantile(0.75) - quantile(0.25);
        let mean = self.by_size.iter().sum::<f64>() / days as f64;
        let deviation = (self.by_size.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (days - 1) as f64).sqrt();
        // On square roots as well: there the noise of counts is as wide on both sides, and rare large days are usual.
        let roots = self.by_size.iter().map(|rate| rate.max(0.0).sqrt());
        let root_mean = roots.clone().sum::<f64>() / days as f64;
        let root_deviation = (roots.map(|root| (root - root_mean).powi(2)).sum::<f64>() / (days - 1) as f64).sqrt();
        let by_root = (root_mean + thresholds.deviations * root_deviation).powi(2);
        let (by_range, by_deviation) = (thresholds.ranges * range, thresholds.deviations * deviation);
        // Some weeks more regular than Poisson's counts are no promise that the next day will be; the spread of the
        // root of such a count is 1/2 at every size.
        let by_count = |side: f64| (median.max(0.0).sqrt() + side * thresholds.deviations / 2.0).max(0.0).powi(2);
        let upper = by_root
            .max(by_count(1.0))
            .max(median + by_range)
            .max(mean + by_deviation)
            .max(thresholds.count_min)
            .max(median * (1.0 + thresholds.part_min));
        let lower = (median - by_range)
            .min(mean - by_deviation)
            .min(by_count(-1.0))
            .min(median * (1.0 - thresholds.part_min));
        Some(Gates {
            median,
            upper,
            lower: if median >= thresholds.count_min { lower } else { f64::NEG_INFINITY },
        })
    }
}

/// By how much less skew than a negative binomial distribution a series must be to be taken for less skew: two
/// standard errors of the skewness of a quarter.
const SKEWNESS_SLACK: f64 = 0.5;
const SKEWNESS_MIN: f64 = 0.05;

/// Histories that are drawn for each kind of noise.
const DRAWS: usize = 400;

/// Steps to a factor of e in which levels, dispersions and skewnesses are told apart.
const CLASSES_PER_E: f64 = 4.0;

/// Of so many days of a rare subject, one (the largest) is left out when its noise is estimated.
const BURST_DAYS: usize = 50;

/// How many surges noise alone would give in `period` (first and last day) in all of `series`, with their levels and
/// dispersions as they are.
///
/// For each kind of series (level and dispersion, in steps of a quarter of a natural logarithm) histories are drawn
/// from a shifted gamma distribution with the mean, variance and skewness of a negative binomial one (less skew where
/// the series plainly is: scanners that come every other day have two values and no tail); the chance of a day to pass the gates of such a history is taken from the distribution's
/// tails. The generator is seeded: the same series give the same number. Where it is known what single sources send,
/// a surge must also stand out of their coming and going, and the chance of that is the most there can be.
#[must_use]
pub fn expected_false_alarms(series: &[Series], period: (Day, Day), thresholds: &Thresholds) -> f64 {
    let mut classes: BTreeMap<[i32; 3], [f64; 2]> = BTreeMap::new();
    for one in series {
        let last = i64::from(one.first) + i64::try_from(one.rates.len()).unwrap_or(i64::MAX).min(1 << 31) - 1;
        let last = i32::try_from(last).unwrap_or(i32::MAX);
        let Some(daily) = Daily::new(one, (one.first, last)) else {
            continue;
        };
        let judged = |day: &usize| (period.0..=period.1).contains(&daily.day(*day)) && daily.raw[*day].is_some();
        let history = daily.raw.iter().take_while(|rate| rate.is_none()).count() + thresholds.history_days_min;
        let days = (history..daily.len()).filter(judged).count();
        let typical = typical(&daily);
        if typical.level <= 0.0 || days == 0 {
            continue;
        }
        let dispersion = typical.variance / typical.level;
        let skewness = gamma::skewness(typical.level, dispersion)
            .min(typical.skewness + SKEWNESS_SLACK)
            .max(SKEWNESS_MIN);
        let of_class = classes.entry([typical.level, dispersion, skewness].map(class)).or_default();
        of_class[usize::from(!daily.squares.is_empty())] += days as f64;
    }
    let expected = |(kind, [days, of_networks]): ([i32; 3], [f64; 2])| {
        let chance = day_chance(kind, thresholds);
        days * chance + of_networks * chance.min(crowd::chance())
    };
    classes.into_iter().map(expected).sum()
}

/// What a day of a series is like. Of a rare subject most days count next to nothing, and their median says nothing of
/// the noise; there the mean and the variance do, without the largest days: those may be what is looked for.
fn typical(daily: &Daily) -> Typical {
    let typical = daily.typical();
    let mut rates: Vec<f64> = daily.raw.iter().flatten().copied().collect();
    if typical.level >= LEVEL_OF_COUNTS || rates.len() < BURST_DAYS {
        return typical;
    }
    rates.sort_unstable_by(f64::total_cmp);
    rates.truncate(rates.len() - rates.len().div_ceil(BURST_DAYS));
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / rates.len() as f64;
    let level = mean(&mut rates.iter().copied());
    let variance = mean(&mut rates.iter().map(|rate| (rate - level).powi(2)));
    Typical {
        level,
        // Rare counts are Poisson's at least.
        variance: variance.max(level),
        skewness: f64::INFINITY,
    }
}

fn class(value: f64) -> i32 {
    #[allow(clippy::cast_possible_truncation, reason = "a logarithm of a finite number, clamped")]
    let class = (value.max(1e-9).ln() * CLASSES_PER_E).round().clamp(-1000.0, 1000.0) as i32;
    class
}

fn of_class(class: i32) -> f64 {
    (f64::from(class) / CLASSES_PER_E).exp()
}

/// Chance of one day of noise to be outside the gates.
fn day_chance(kind: [i32; 3], thresholds: &Thresholds) -> f64 {
    let [level, dispersion, skewness] = kind.map(of_class);
    let noise = gamma::Noise::new(level, dispersion, skewness);
    let mut dice = gamma::Dice::new(kind);
    let mut sum = 0.0;
    for _ in 0..DRAWS {
        let mut history = History::new(thresholds.history_days);
        for _ in 0..thresholds.history_days.clamp(2, HISTORY_DAYS_MAX) {
            history.push(noise.draw(&mut dice));
        }
        if let Some(gates) = history.gates(thresholds) {
            sum += noise.above(gates.upper);
            if gates.lower.is_finite() {
                sum += 1.0 - noise.above(gates.lower);
            }
        }
    }
    sum / DRAWS as f64
}
