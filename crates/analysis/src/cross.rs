//! Crossings: where the seven-day mean of one series passes that of another for good.

use crate::Day;
use crate::daily::Daily;
use crate::mean::week_means;

/// Weeks before and after a crossing in which the order must be clear.
const CLEAR_DAYS: usize = 28;

/// Fewest days on either side.
const SIDE_DAYS_MIN: usize = 7;

/// Mean difference on either side, in standard errors of that mean.
const ERRORS_MIN: f64 = 4.0;

/// Mean difference on either side, relative to the level.
const PART_MIN: f64 = 0.03;

/// How far the mean may touch the other again afterwards, in standard errors of a difference of weekly means.
const TOUCH_ERRORS: f64 = 1.5;

/// A series ready to be compared.
pub(crate) struct Compared {
    first: Day,
    means: Vec<Option<f64>>,
    /// Variance of a weekly mean.
    variances: Vec<f64>,
}

impl Compared {
    pub(crate) fn new(daily: &Daily) -> Compared {
        Compared {
            first: daily.first,
            means: week_means(&daily.raw),
            variances: daily.noise.iter().map(|noise| noise * noise / 7.0).collect(),
        }
    }

    /// Largest weekly mean.
    pub(crate) fn most(&self) -> f64 {
        self.means.iter().flatten().copied().fold(0.0, f64::max)
    }
}

/// The day from which the seven-day mean of `one` lies above that of `other` for good, within `period`, and how clear
/// that is in standard errors; `None` when it was above before, or is not clearly above after.
pub(crate) fn passes(one: &Compared, other: &Compared, period: (Day, Day)) -> Option<(Day, f64)> {
    let first = one.first.max(other.first);
    let skip = |compared: &Compared| usize::try_from(i64::from(first) - i64::from(compared.first)).ok();
    let (skip_one, skip_other) = (skip(one)?, skip(other)?);
    let days = one
        .means
        .len()
        .saturating_sub(skip_one)
        .min(other.means.len().saturating_sub(skip_other));
    // Difference of the means and its variance, days where one is not known left out.
    let rows: Vec<(usize, f64, f64, f64)> = (0..days)
        .filter_map(|day| {
            let (a, b) = (one.means[day + skip_one]?, other.means[day + skip_other]?);
            let variance = one.variances[day + skip_one] + other.variances[day + skip_other];
            Some((day, a - b, variance.sqrt().max(1e-9), a.max(b)))
        })
        .collect();
    // From the end: the last day on which it lay below by more than a touch.
    let below = rows
        .iter()
        .rposition(|(_, difference, error, _)| *difference < -TOUCH_ERRORS * error)?;
    let at = (below + 1..rows.len()).find(|&row| rows[row].1 > 0.0)?;
    let (before, after) = (&rows[at.saturating_sub(CLEAR_DAYS)..at], &rows[at..]);
    let after = &after[..after.len().min(CLEAR_DAYS)];
    let day = i32::try_from(i64::from(first) + i64::try_from(rows[at].0).ok()?).ok()?;
    if day < period.0 || day > period.1 || before.len() < SIDE_DAYS_MIN || after.len() < SIDE_DAYS_MIN {
        return None;
    }
    let clear = |side: &[(usize, f64, f64, f64)], sign: f64| {
        let count = side.len() as f64;
        let mean = sign * side.iter().map(|row| row.1).sum::<f64>() / count;
        // Weekly means of neighbouring days share six of seven days.
        let error = side.iter().map(|row| row.2).sum::<f64>() / count / (count / 7.0).max(1.0).sqrt();
        let level = side.iter().map(|row| row.3).sum::<f64>() / count;
        let last = side.iter().rev().take(SIDE_DAYS_MIN).map(|row| sign * row.1).sum::<f64>();
        (mean >= ERRORS_MIN * error && mean >= PART_MIN * level && (sign < 0.0 || last > 0.0)).then_some(mean / error)
    };
    let surprise = clear(before, -1.0)?.min(clear(after, 1.0)?);
    Some((day, surprise))
}
