//! Moving means, medians and quantiles of daily values, with gaps left out.

/// Days of the moving mean that reports speak of.
pub const WEEK: usize = 7;

/// Fewest known days of a week for its mean to be said.
const WEEK_KNOWN_MIN: usize = 4;

/// Mean of the known values of each day and the six before; `None` where fewer than four of them are known.
#[must_use]
pub fn week_means(rates: &[Option<f64>]) -> Vec<Option<f64>> {
    let (mut sum, mut known) = (Sum::default(), 0usize);
    let mut means = Vec::with_capacity(rates.len());
    for (day, rate) in rates.iter().enumerate() {
        if let Some(rate) = finite(*rate) {
            sum.add(rate);
            known += 1;
        }
        if let Some(old) = day.checked_sub(WEEK).and_then(|old| rates.get(old)).and_then(|rate| finite(*rate)) {
            sum.add(-old);
            known -= 1;
        }
        means.push((known >= WEEK_KNOWN_MIN).then(|| (sum.value() / known as f64).max(0.0)));
    }
    means
}

/// Mean of the known values from `from` to before `to` (indices, cut to the series); `None` when none is known.
#[must_use]
pub fn mean_between(rates: &[Option<f64>], from: usize, to: usize) -> Option<f64> {
    let days = rates.get(from..to.min(rates.len()))?;
    let (sum, known) = days
        .iter()
        .filter_map(|rate| finite(*rate))
        .fold((0.0, 0usize), |(sum, known), rate| (sum + rate, known + 1));
    (known > 0).then(|| sum / known as f64)
}

/// The value, when it is one that can be reckoned with.
pub(crate) fn finite(rate: Option<f64>) -> Option<f64> {
    rate.filter(|rate| rate.is_finite() && *rate >= 0.0 && *rate < RATE_MAX)
}

/// Larger rates are taken for damage: their squares would leave the range of exact sums.
const RATE_MAX: f64 = 1e15;

/// Running sum that does not drift when values of very different size come and go (Neumaier).
#[derive(Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        let next = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() {
            (self.sum - next) + value
        } else {
            (value - next) + self.sum
        };
        self.sum = next;
    }

    fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

/// Mean of each value and `half` neighbours on both sides, as many as there are.
pub(crate) fn centred(values: &[f64], half: usize) -> Vec<f64> {
    let window = |day: usize| &values[day.saturating_sub(half)..(day + half + 1).min(values.len())];
    (0..values.len())
        .map(|day| window(day).iter().sum::<f64>() / window(day).len() as f64)
        .collect()
}

/// Mean over one period of a swing around each value: as [`centred`] for odd `period`, half weights at the ends for even.
pub(crate) fn over_period(values: &[f64], period: usize) -> Vec<f64> {
    let half = period / 2;
    if period % 2 == 1 {
        return centred(values, half);
    }
    let at = |day: usize, offset: usize| {
        let right = values.get(day + offset);
        let left = day.checked_sub(offset).and_then(|day| values.get(day));
        (left, right)
    };
    (0..values.len())
        .map(|day| {
            let (mut sum, mut weight) = (values[day], 1.0);
            for offset in 1..=half {
                let share = if offset == half { 0.5 } else { 1.0 };
                let (left, right) = at(day, offset);
                for value in [left, right].into_iter().flatten() {
                    sum += share * value;
                    weight += share;
                }
            }
            sum / weight
        })
        .collect()
}

/// Median of each value and `half` neighbours on both sides, as many as there are.
pub(crate) fn running_median(values: &[f64], half: usize) -> Vec<f64> {
    let mut window = Vec::with_capacity(2 * half + 1);
    (0..values.len())
        .map(|day| {
            window.clear();
            window.extend_from_slice(&values[day.saturating_sub(half)..(day + half + 1).min(values.len())]);
            median(&mut window)
        })
        .collect()
}

/// Median; nought of nothing.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// Quantile by linear interpolation between order statistics; nought of nothing.
pub(crate) fn quantile(values: &mut [f64], part: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_unstable_by(f64::total_cmp);
    let place = part.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the length by the clamp"
    )]
    let left = place as usize;
    let right = (left + 1).min(values.len() - 1);
    values[left] + (place - left as f64) * (values[right] - values[left])
}

/// Standard deviation as the median absolute value says it, were the values normal with mean nought.
pub(crate) fn spread(values: &mut [f64]) -> f64 {
    for value in values.iter_mut() {
        *value = value.abs();
    }
    // 1 / quantile(0.75) of the standard normal distribution.
    1.4826 * median(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_mean_leaves_gaps_out() {
        let mut rates: Vec<Option<f64>> = (0..14).map(|day| Some(f64::from(day))).collect();
        assert_eq!(week_means(&rates)[2], None);
        assert_eq!(week_means(&rates)[3], Some(1.5));
        assert_eq!(week_means(&rates)[13], Some(10.0));
        rates[12] = None;
        rates[11] = Some(f64::NAN);
        assert_eq!(week_means(&rates)[13], Some((7.0 + 8.0 + 9.0 + 10.0 + 13.0) / 5.0));
        assert_eq!(mean_between(&rates, 11, 13), None);
        assert_eq!(mean_between(&rates, 13, 99), Some(13.0));
        assert_eq!(mean_between(&rates, 99, 101), None);
    }

    #[test]
    fn huge_values_do_not_spoil_the_weeks_after_them() {
        let mut rates = vec![Some(3.0); 30];
        rates[5] = Some(9e14);
        assert_eq!(week_means(&rates)[20], Some(3.0));
    }

    #[test]
    fn quantiles_interpolate() {
        for (part, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 2.5), (1.0, 4.0)] {
            assert_eq!(quantile(&mut [4.0, 1.0, 3.0, 2.0], part), expected);
        }
        assert_eq!(median(&mut []), 0.0);
    }

    #[test]
    fn a_mean_over_the_period_flattens_the_wave() {
        for period in [6usize, 7, 10] {
            let wave: Vec<f64> = (0..60).map(|day| f64::from(u8::from(day % period < 3))).collect();
            let flat = over_period(&wave, period);
            for level in &flat[10..50] {
                assert!((level - 3.0 / period as f64).abs() < 1e-12, "{period}: {level}");
            }
        }
    }
}
