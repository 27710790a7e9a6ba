//! A series made ready for fitting: the window of days, gaps filled, the week's rhythm and single spikes taken out, and
//! the noise of each day.

use crate::Day;
use crate::mean::{WEEK, centred, finite, median, over_period, running_median, spread};
use crate::rhythm::{week_factors, weekday};
use crate::series::Series;
use crate::swing::{Zone, zones};

/// Days before the period that are looked at.
pub(crate) const LEAD_IN_DAYS_MAX: usize = 120;

/// Most days of a series that are fitted; of a longer period the last ones.
pub(crate) const DAYS_MAX: usize = 1100;

/// Excursions of up to four days are the surge rule's; the median over nine days does not follow them.
const SPIKE_HALF: usize = 4;

/// A day further than this many standard deviations from the running median is left out of the fit.
const SPIKE_SDS: f64 = 5.0;

/// Half the days from which the noise around a day is estimated.
const NOISE_HALF: usize = 17;

/// Least variance of a rate, relative to that of Poisson noise: counts of regular scanners vary less than that, but
/// an estimate from little data must not become nought.
const DISPERSION_MIN: f64 = 0.2;

/// Below this level the median of residuals says nothing, as most counts are equal; noise is Poisson's at least.
pub(crate) const LEVEL_OF_COUNTS: f64 = 8.0;

/// Days of one series in the window of an analysis.
#[derive(Clone, Debug)]
pub(crate) struct Daily {
    /// First day of the window.
    pub(crate) first: Day,
    /// Rates as they are, gaps `None`.
    pub(crate) raw: Vec<Option<f64>>,
    /// Rates without the week's rhythm, gaps filled by the line between their neighbours.
    pub(crate) rates: Vec<f64>,
    /// As `rates`, with swings averaged over their period: what trends are fitted to.
    pub(crate) smooth: Vec<f64>,
    /// Whether the day counts for a fit: observed, and no spike.
    pub(crate) usable: Vec<bool>,
    /// Standard deviation of a day's rate around its level, from noise alone.
    pub(crate) noise: Vec<f64>,
    /// By how much that is larger than usual at the day's level, because less was observed; 1 or more.
    pub(crate) stretch: Vec<f64>,
    /// Times in which it swung.
    pub(crate) zones: Vec<Zone>,
    /// Sum of the squares of what each source sends, day by day; empty when not known.
    pub(crate) squares: Vec<f64>,
}

/// Median rate, median variance and skewness of a day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typical {
    pub(crate) level: f64,
    pub(crate) variance: f64,
    pub(crate) skewness: f64,
}

impl Daily {
    /// The days of `series` up to the end of `period`; `None` when none of the window is observed.
    pub(crate) fn new(series: &Series, period: (Day, Day)) -> Option<Daily> {
        let (from, to) = window(series, period)?;
        let raw: Vec<Option<f64>> = series.rates[from..to].iter().map(|rate| finite(*rate)).collect();
        let known: Vec<bool> = raw.iter().map(Option::is_some).collect();
        let exposure: Vec<f64> = (from..to)
            .map(|day| series.exposure.get(day).copied().filter(|part| part.is_finite()).unwrap_or(1.0))
            .map(|part| part.clamp(0.05, 1.0))
            .collect();
        let mut rates = filled(&raw)?;
        let first = series.first.saturating_add(i32::try_from(from).ok()?);
        let factors = week_factors(first, &rates, &known);
        for (day, rate) in rates.iter_mut().enumerate() {
            *rate /= factors[weekday(first, day)];
        }
        let mut daily = Daily::prepared(first, raw, rates, &known, &exposure);
        daily.squares = series.squares.get(from..to).map_or_else(Vec::new, <[f64]>::to_vec);
        Some(daily)
    }

    fn prepared(first: Day, raw: Vec<Option<f64>>, rates: Vec<f64>, known: &[bool], exposure: &[f64]) -> Daily {
        let middle = running_median(&rates, SPIKE_HALF);
        let level = centred(&middle, 3);
        let ground = Ground {
            level: &level,
            exposure,
            known,
        };
        let rough = ground.noise(&rates, &[]);
        let calm = capped(&rates, &middle, &rough);
        let zones = zones(&calm, &level, &ground.quick_noise(&calm));
        let mut smooth = rates.clone();
        for zone in &zones {
            let flat = over_period(&calm, zone.period);
            smooth[zone.from..=zone.to].copy_from_slice(&flat[zone.from..=zone.to]);
        }
        let noise = ground.noise(&calm, &zones);
        let relative: Vec<f64> = noise
            .iter()
            .zip(&level)
            .map(|(noise, level)| noise / level.max(0.3).sqrt())
            .collect();
        let usual = median(&mut relative.clone());
        let stretch = relative.iter().map(|relative| (relative / usual).max(1.0)).collect();
        let is_spike = |day: usize| !inside(&zones, day) && (rates[day] - middle[day]).abs() > SPIKE_SDS * noise[day];
        let usable = (0..rates.len()).map(|day| known[day] && !is_spike(day)).collect();
        Daily {
            first,
            raw,
            rates,
            smooth,
            usable,
            noise,
            stretch,
            zones,
            squares: Vec::new(),
        }
    }

    /// Days in the window.
    pub(crate) fn len(&self) -> usize {
        self.rates.len()
    }

    /// The day at `index`.
    pub(crate) fn day(&self, index: usize) -> Day {
        self.first.saturating_add(i32::try_from(index).unwrap_or(i32::MAX))
    }

    /// What a day of this series is like.
    pub(crate) fn typical(&self) -> Typical {
        let around = centred(&self.rates, 3);
        let mut variances: Vec<f64> = self.noise.iter().map(|noise| noise * noise).collect();
        let (mut square, mut cube, mut days) = (0.0, 0.0, 0.0);
        for day in (0..self.len()).filter(|&day| self.usable[day]) {
            let residual = (self.rates[day] - around[day]) / self.noise[day].max(1e-9);
            square += residual * residual;
            cube += residual.powi(3);
            days += 1.0;
        }
        let deviation = (square / f64::max(days, 1.0)).sqrt();
        Typical {
            level: median(&mut self.rates.clone()),
            variance: median(&mut variances),
            skewness: if deviation > 0.0 { cube / days / deviation.powi(3) } else { 0.0 },
        }
    }

    /// The index of `day`, cut to the window.
    pub(crate) fn index(&self, day: Day) -> usize {
        let offset = i64::from(day) - i64::from(self.first);
        usize::try_from(offset.max(0)).unwrap_or(0).min(self.len().saturating_sub(1))
    }
}

fn inside(zones: &[Zone], day: usize) -> bool {
    zones.iter().any(|zone| (zone.from..=zone.to).contains(&day))
}

/// Indices of the days to look at.
fn window(series: &Series, period: (Day, Day)) -> Option<(usize, usize)> {
    let offset = |day: i64| usize::try_from((day - i64::from(series.first)).max(0)).unwrap_or(0);
    if period.1 < period.0 || i64::from(period.1) < i64::from(series.first) {
        return None;
    }
    let to = offset(i64::from(period.1) + 1).min(series.rates.len());
    let lead_in = i64::try_from(LEAD_IN_DAYS_MAX).unwrap_or(0);
    let from = offset(i64::from(period.0) - lead_in).max(to.saturating_sub(DAYS_MAX));
    // A series that ends before the period has nothing to say of it.
    let touches = to > offset(i64::from(period.0));
    (from < to && touches).then_some((from, to))
}

/// Gaps filled by the line between their neighbours, at the ends by the neighbour.
fn filled(raw: &[Option<f64>]) -> Option<Vec<f64>> {
    let mut rates: Vec<f64> = Vec::with_capacity(raw.len());
    let mut last: Option<f64> = None;
    for rate in raw {
        if let Some(right) = *rate {
            let gap = rates.len();
            let start = rates.iter().rposition(|rate| !rate.is_nan()).map_or(0, |at| at + 1);
            let left = last.unwrap_or(right);
            for (nth, hole) in rates[start..].iter_mut().enumerate() {
                *hole = left + (right - left) * (nth + 1) as f64 / (gap - start + 1) as f64;
            }
            last = *rate;
        }
        rates.push(rate.unwrap_or(f64::NAN));
    }
    let last = last?;
    for rate in rates.iter_mut().filter(|rate| rate.is_nan()) {
        *rate = last;
    }
    Some(rates)
}

/// Rates with what exceeds three and a half standard deviations from the running median cut off.
fn capped(rates: &[f64], middle: &[f64], noise: &[f64]) -> Vec<f64> {
    let days = rates.iter().zip(middle).zip(noise);
    days.map(|((rate, middle), noise)| rate.clamp(middle - 3.5 * noise, middle + 3.5 * noise))
        .collect()
}

/// What the noise of a series is measured against.
struct Ground<'a> {
    level: &'a [f64],
    exposure: &'a [f64],
    known: &'a [bool],
}

impl Ground<'_> {
    /// Standard deviation of each day from the median absolute residual around the seven-day mean, outside `zones`;
    /// the larger of what the whole window and the weeks around the day say.
    fn noise(&self, rates: &[f64], zones: &[Zone]) -> Vec<f64> {
        let around = centred(rates, 3);
        // A mean that contains the day itself takes a seventh of its noise along.
        let residual = |day: usize| (rates[day] - around[day]) / self.unit(day) * (7.0f64 / 6.0).sqrt();
        let speaks = self.speaks();
        let counts = |day: &usize| speaks[*day] && !inside(zones, *day);
        let mut all: Vec<f64> = (0..rates.len()).filter(counts).map(residual).collect();
        let whole = if all.len() >= 14 {
            spread(&mut all)
        } else {
            // Everything swings: what changes from day to day more than any wave.
            self.second_differences(rates)
        };
        // Every fifth day is asked; the days between take the answer of the one before.
        let mut local = whole;
        let mut window = Vec::with_capacity(2 * NOISE_HALF + 1);
        (0..rates.len())
            .map(|day| {
                if day % 5 == 0 {
                    window.clear();
                    let days = day.saturating_sub(NOISE_HALF)..(day + NOISE_HALF + 1).min(rates.len());
                    window.extend(days.filter(counts).map(residual));
                    // A median of few days is too uncertain to add anything.
                    local = if window.len() >= NOISE_HALF { spread(&mut window) } else { whole };
                }
                self.deviation(day, whole.max(0.85 * local))
            })
            .collect()
    }

    /// Which days can say how large the noise is: those with counts, where there are enough of them; else all.
    fn speaks(&self) -> Vec<bool> {
        let busy: Vec<bool> = (0..self.level.len())
            .map(|day| self.known[day] && self.level[day] >= LEVEL_OF_COUNTS)
            .collect();
        let enough = busy.iter().filter(|busy| **busy).count() >= 2 * WEEK;
        if enough { busy } else { self.known.to_vec() }
    }

    /// Noise as [`Ground::noise`], blind to waves of six days and longer.
    fn quick_noise(&self, rates: &[f64]) -> Vec<f64> {
        let whole = self.second_differences(rates);
        (0..rates.len()).map(|day| self.deviation(day, whole)).collect()
    }

    fn second_differences(&self, rates: &[f64]) -> f64 {
        let speaks = self.speaks();
        let mut bends: Vec<f64> = (2..rates.len())
            .filter(|&day| speaks[day] && speaks[day - 1] && speaks[day - 2])
            // The variance of a second difference of independent days is six times theirs.
            .map(|day| (rates[day] - 2.0 * rates[day - 1] + rates[day - 2]) / self.unit(day) / 6.0f64.sqrt())
            .collect();
        spread(&mut bends)
    }

    /// Standard deviation of a day's rate, were counts Poisson's.
    fn unit(&self, day: usize) -> f64 {
        (self.level[day].max(0.3) / self.exposure[day]).sqrt()
    }

    /// Standard deviation of a day's rate when fully observed counts have `ratio` times the deviation of Poisson's.
    ///
    /// Which packets a part of the sensors gets is drawn anew each day, however regular the whole is: observing the
    /// part e of a level adds at least (1 − e) / e times the level to the variance.
    fn deviation(&self, day: usize, ratio: f64) -> f64 {
        let least = if self.level[day] < LEVEL_OF_COUNTS { 1.0 } else { DISPERSION_MIN };
        let dispersion = (ratio * ratio).max(least);
        let thinning = dispersion.max(1.0) * (1.0 - self.exposure[day]) / self.exposure[day];
        (self.level[day].max(0.3) * (dispersion + thinning)).sqrt()
    }
}
