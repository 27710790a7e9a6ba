//! ChangeFinder: two stages of sequentially discounting autoregression that score how badly each value was foretold.
//!
//! Takeuchi and Yamanishi, IEEE TKDE 18(4), 2006. Darknet monitoring runs it on ten-minute counts with order 2,
//! forgetting 0.005, smoothing over 10 and then 5 points and the first 15 left out. A memory of 1/0.005 = 200 points
//! is a day and a half there; on daily values it would be half a year. [`Parameters::DAILY`] keeps the order and
//! remembers about a month; [`Parameters::HOURLY`] about four days.

use crate::mean::{median, spread};

/// How fast it forgets and how much it smooths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Part of the past that is forgotten at each value, between 0 and 1.
    pub forgetting: f64,
    /// Values over which the first score is averaged.
    pub smoothing_first: usize,
    /// Scores over which the second is averaged.
    pub smoothing_second: usize,
    /// Values at the begin that are not scored, while it learns.
    pub learning: usize,
}

impl Parameters {
    /// For one value a day: a memory of 33 days, scores over three and two days.
    pub const DAILY: Parameters = Parameters {
        forgetting: 0.03,
        smoothing_first: 3,
        smoothing_second: 2,
        learning: 15,
    };

    /// For one value an hour: a memory of 100 hours, scores over ten and five hours.
    pub const HOURLY: Parameters = Parameters {
        forgetting: 0.01,
        smoothing_first: 10,
        smoothing_second: 5,
        learning: 48,
    };
}

/// Largest score of one value, so that a single one does not stay in the mean for ever.
const SCORE_MAX: f64 = 50.0;

/// Score of each value (natural logarithms of the probability density, negative, smoothed twice); `None` while it learns.
///
/// The logarithm of one plus the value is foretold, so that scores mean the same at every level. Values that are not
/// finite count as nought.
#[must_use]
pub fn scores(values: &[f64], parameters: &Parameters) -> Vec<Option<f64>> {
    let mut first = Regression::new(parameters.forgetting, Floor::Counts);
    let mut second = Regression::new(parameters.forgetting, Floor::Scores);
    let mut smooth_first = Smoothing::new(parameters.smoothing_first);
    let mut smooth_second = Smoothing::new(parameters.smoothing_second);
    let mut found = Vec::with_capacity(values.len());
    for (nth, value) in values.iter().enumerate() {
        let value = if value.is_finite() { value.max(0.0).ln_1p() } else { 0.0 };
        let outlier = first.next(value);
        // The scores of a first stage that has learnt next to nothing would teach the second nonsense.
        if nth < parameters.learning / 2 {
            found.push(None);
            continue;
        }
        let change = smooth_second.next(second.next(smooth_first.next(outlier)));
        found.push((nth >= parameters.learning).then_some(change));
    }
    found
}

/// Whether any day from `from` to `to` scores clearly above what the days before `from` scored: more than their median
/// and five standard deviations, as the median absolute deviation says them.
#[must_use]
pub fn seconds(scores: &[Option<f64>], from: usize, to: usize) -> bool {
    let mut past: Vec<f64> = scores.iter().take(from).flatten().copied().collect();
    if past.len() < 7 {
        return false;
    }
    let middle = median(&mut past);
    past.iter_mut().for_each(|score| *score -= middle);
    let limit = middle + 5.0 * spread(&mut past).max(0.1);
    scores
        .iter()
        .take(to.saturating_add(1))
        .skip(from)
        .flatten()
        .any(|score| *score > limit)
}

/// What values are, for the least variance that is believed of them.
enum Floor {
    /// Logarithms of one plus a count: a fifth of what Poisson's noise gives them, about exp(−value).
    Counts,
    /// Scores.
    Scores,
}

/// Sequentially discounting autoregression of order 2.
struct Regression {
    forgetting: f64,
    floor: Floor,
    mean: f64,
    /// Discounted covariances at lags 0, 1 and 2.
    covariances: [f64; 3],
    variance: f64,
    /// The last value and the one before.
    past: [f64; 2],
    seen: u32,
}

impl Regression {
    fn new(forgetting: f64, floor: Floor) -> Regression {
        Regression {
            floor,
            forgetting: if forgetting.is_finite() { forgetting.clamp(1e-4, 0.5) } else { 0.5 },
            mean: 0.0,
            covariances: [0.0; 3],
            variance: 0.0,
            past: [0.0; 2],
            seen: 0,
        }
    }

    /// Scores a value by what was learnt before it, then learns from it.
    fn next(&mut self, value: f64) -> f64 {
        if self.seen == 0 {
            (self.mean, self.past, self.seen) = (value, [value; 2], 1);
            return 0.0;
        }
        // A discount slower than the plain mean's would keep the arbitrary start alive.
        let rate = self.forgetting.max(1.0 / (f64::from(self.seen) + 1.0));
        let (a, b) = self.coefficients();
        let foretold = self.mean + a * (self.past[0] - self.mean) + b * (self.past[1] - self.mean);
        let least = match self.floor {
            Floor::Counts => 0.2 * (-self.mean).exp(),
            Floor::Scores => 1e-3,
        };
        let variance = self.variance.max(least);
        let miss = value - foretold;
        let score = ((std::f64::consts::TAU * variance).ln() + miss * miss / variance) / 2.0;
        self.mean += rate * (value - self.mean);
        let centred = [value - self.mean, self.past[0] - self.mean, self.past[1] - self.mean];
        for (lag, covariance) in self.covariances.iter_mut().enumerate() {
            *covariance += rate * (centred[0] * centred[lag] - *covariance);
        }
        self.variance += rate * (miss * miss - self.variance);
        self.past = [value, self.past[0]];
        self.seen = self.seen.saturating_add(1);
        if self.seen <= 3 { 0.0 } else { score.clamp(-SCORE_MAX, SCORE_MAX) }
    }

    /// Solves the Yule–Walker equations of order 2; nought where they have no stable solution.
    fn coefficients(&self) -> (f64, f64) {
        let [c0, c1, c2] = self.covariances;
        let determinant = c0 * c0 - c1 * c1;
        if determinant <= 1e-12 * c0 * c0 || c0 <= 0.0 {
            return (0.0, 0.0);
        }
        let a = (c0 * c1 - c1 * c2) / determinant;
        let b = (c0 * c2 - c1 * c1) / determinant;
        if a.abs() > 2.0 || b.abs() > 1.0 { (0.0, 0.0) } else { (a, b) }
    }
}

/// Mean of the last few values.
struct Smoothing {
    values: std::collections::VecDeque<f64>,
    window: usize,
}

/// Most values that are averaged.
const WINDOW_MAX: usize = 1000;

impl Smoothing {
    fn new(window: usize) -> Smoothing {
        let window = window.clamp(1, WINDOW_MAX);
        Smoothing {
            values: std::collections::VecDeque::with_capacity(window),
            window,
        }
    }

    fn next(&mut self, value: f64) -> f64 {
        if self.values.len() == self.window {
            self.values.pop_front();
        }
        self.values.push_back(value);
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(day: usize) -> f64 {
        // A fixed jitter of a few per cent.
        let jitter = [0.3, -0.7, 0.9, -0.1, 0.5, -0.9, 0.1, -0.4, 0.8, -0.6, 0.2];
        1000.0 * (1.0 + 0.05 * jitter[day * 7 % 11])
    }

    #[test]
    fn a_new_level_scores_and_a_level_does_not() {
        let values: Vec<f64> = (0..120).map(|day| noisy(day) * if day >= 80 { 2.0 } else { 1.0 }).collect();
        let scores = scores(&values, &Parameters::DAILY);
        assert!(scores[..15].iter().all(Option::is_none));
        assert!(seconds(&scores, 80, 82));
        for day in 30..78 {
            assert!(!seconds(&scores, day, day), "day {day}");
        }
    }

    #[test]
    fn hostile_values_give_finite_scores() {
        let values = [f64::NAN, f64::INFINITY, -5.0, 0.0, 1e300, 0.0, 0.0].repeat(20);
        for parameters in [
            Parameters::DAILY,
            Parameters::HOURLY,
            Parameters {
                forgetting: f64::NAN,
                smoothing_first: 0,
                smoothing_second: usize::MAX,
                learning: 0,
            },
        ] {
            assert!(scores(&values, &parameters).iter().flatten().all(|score| score.is_finite()));
        }
        assert!(scores(&[], &Parameters::DAILY).is_empty());
        assert!(!seconds(&[], 5, usize::MAX));
    }
}
