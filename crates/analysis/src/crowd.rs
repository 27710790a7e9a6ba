//! Whether a change is one of many sources and of the sensors that observed all the while, or only seems so.

use crate::daily::Daily;
use crate::finding::Course;
use crate::gamma::normal_above;
use crate::mean::{WEEK, centred};
use crate::series::{Counts, Coverage};

/// Least size of a change in standard errors, those included that sources make which come and go.
const ERRORS_MIN: f64 = 4.0;

/// Days before a surge that make its base.
const BASE_DAYS: usize = 4 * WEEK;

/// Part of a day that a sensor must have been up to be compared with itself.
const UP_MIN: f64 = 0.9;

/// Part of a change (of its logarithm) that the sensors which observed all the while must show,
const ALIKE_PART: f64 = 0.5;

/// and by how many standard errors of a Poisson count.
const ALIKE_ERRORS: f64 = 2.0;

/// Least rate that a ratio is taken of: one count in three weeks.
const LEVEL_MIN: f64 = 0.05;

/// What a series was made of.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When each sensor was up.
    pub coverage: &'a Coverage,
    /// What each sensor counted.
    pub counts: &'a Counts,
}

/// The days that a course compares: indices, the last exclusive.
struct Compared {
    usual: Vec<(usize, usize)>,
    now: (usize, usize),
    /// Levels in `usual` and `now`, in counts a day.
    levels: (f64, f64),
}

/// `surprise` (size in standard errors) of a course from index `from` to `to` when the errors are also those that come
/// of few sources; `None` when it then no longer stands out. Where nothing is known of single sources it stays.
///
/// A number of sources that come and go by themselves, each with its own rate, send a sum whose variance is the sum of
/// the squares of their rates, and however many days are averaged it stays while the same sources do. One new source
/// that is all of a change makes it one standard error large, sixteen like ones make it four; and unequal ones less,
/// since the large square is in the error as well. So what heavy sources do is kept out without a bound on how heavy
/// they may be.
pub(crate) fn surprise(daily: &Daily, course: &Course, (from, to): (usize, usize), surprise: f64) -> Option<f64> {
    if daily.squares.is_empty() {
        return Some(surprise);
    }
    let compared = compared(daily, course, from, to)?;
    let squares = |ranges: &[(usize, usize)]| {
        let days = ranges
            .iter()
            .flat_map(|&(from, to)| daily.squares.get(from..to).unwrap_or_default());
        let (sum, count) = days.fold((0.0, 0.0), |(sum, count), square| (sum + square, count + 1.0));
        if count > 0.0 { sum / count } else { 0.0 }
    };
    let size = (compared.levels.1 - compared.levels.0).abs();
    let own = size / surprise.max(f64::MIN_POSITIVE);
    let all = size / (own * own + squares(&compared.usual) + squares(&[compared.now])).sqrt();
    (all >= ERRORS_MIN).then_some(all)
}

/// Chance that sources which come and go make a change as large as is told, were their sums normal; with unequal sources
/// it is less (the errors then grow with the change).
pub(crate) fn chance() -> f64 {
    2.0 * normal_above(ERRORS_MIN)
}

/// Whether the sensors that observed all the while saw the course as well. Where a sensor went or came, a rate rests on
/// what that sensor usually sees; of a subject that one source sends to one sensor nobody knows that.
pub(crate) fn seen_alike(daily: &Daily, course: &Course, (from, to): (usize, usize), seen: &Seen<'_>) -> bool {
    let Some(compared) = compared(daily, course, from, to) else {
        return true;
    };
    let Ok(offset) = usize::try_from(i64::from(daily.first) - i64::from(seen.coverage.first)) else {
        return true;
    };
    let days =
        |ranges: &[(usize, usize)]| -> Vec<usize> { ranges.iter().flat_map(|&(from, to)| from..to).map(|day| day + offset).collect() };
    let (usual, now) = (days(&compared.usual), days(&[compared.now]));
    let is_up = |up: &[f64], day: &usize| up.get(*day).is_some_and(|part| *part >= UP_MIN);
    // Single days without a sensor are left out of the usual ones, which are many.
    let usual_up = |up: &[f64]| -> Vec<usize> { usual.iter().copied().filter(|day| is_up(up, day)).collect() };
    let observed = |up: &[f64]| now.iter().all(|day| is_up(up, day)) && 2 * usual_up(up).len() >= usual.len();
    let sensors = || seen.coverage.up.iter().zip(&seen.counts.counts);
    if sensors().all(|(up, _)| observed(up) || up.iter().all(|part| *part <= 0.0)) {
        return true;
    }
    let all_the_while = || sensors().filter(|(up, _)| observed(up));
    let (before, after) = if matches!(course, Course::Swing { .. }) {
        let sums = now
            .iter()
            .map(|day| all_the_while().filter_map(|(_, counts)| counts.get(*day)).sum());
        thirds(&centred(&sums.collect::<Vec<f64>>(), 1))
    } else {
        let mean = |counts: &[f64], days: &[usize]| days.iter().filter_map(|day| counts.get(*day)).sum::<f64>() / days.len().max(1) as f64;
        let sum = |of: &dyn Fn(&[f64], &[f64]) -> f64| all_the_while().map(|(up, counts)| of(up, counts)).sum::<f64>();
        (sum(&|up, counts| mean(counts, &usual_up(up))), sum(&|_, counts| mean(counts, &now)))
    };
    let log = |after: f64, before: f64| ((after + LEVEL_MIN) / (before + LEVEL_MIN)).ln();
    let told = log(compared.levels.1, compared.levels.0);
    let length = now.len() as f64;
    // Anscombe's transform: the spread of a count's root is 1/2 at every size.
    let root = |rate: f64| (rate * length + 0.375).sqrt();
    let errors = 2.0 * (root(after) - root(before)) / (1.0 + length / usual.len().max(1) as f64).sqrt();
    log(after, before) * told.signum() >= ALIKE_PART * told.abs() && errors * told.signum() >= ALIKE_ERRORS
}

/// Means of the lowest and of the highest third.
fn thirds(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let third = (sorted.len() / 3).max(1).min(sorted.len());
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    (mean(&sorted[..third]), mean(&sorted[sorted.len() - third..]))
}

/// What a course compares; `None` for one that compares nothing.
fn compared(daily: &Daily, course: &Course, from: usize, to: usize) -> Option<Compared> {
    let end = daily.len();
    let cut = |(from, to): (usize, usize)| (from.min(end), to.min(end));
    let before = (from.saturating_sub(WEEK), from);
    // At the begin of the window there is no week before.
    let before = if from > 0 { before } else { cut((0, WEEK)) };
    let last_week = cut(((to + 1).saturating_sub(WEEK).max(from), to + 1));
    Some(match course {
        Course::Trend(trend) | Course::Jump(trend) => Compared {
            usual: vec![before],
            now: last_week,
            levels: (trend.before, trend.after),
        },
        Course::Growth {
            before: first,
            after: last,
            ..
        } => Compared {
            usual: vec![cut((from, from + WEEK))],
            now: last_week,
            levels: (*first, *last),
        },
        Course::Bulge { peak, base, factor, .. } => {
            let peak = daily.index(*peak);
            Compared {
                usual: vec![before, cut((to + 1, to + 1 + WEEK))],
                now: cut((peak.saturating_sub(WEEK / 2).max(from), (peak + WEEK / 2).min(to) + 1)),
                levels: (*base, base * factor),
            }
        }
        Course::Surge { peak, base, .. } => {
            let peak = daily.index(*peak);
            Compared {
                usual: vec![(from.saturating_sub(BASE_DAYS), from)],
                now: cut((peak, peak + 1)),
                levels: (*base, *daily.rates.get(peak)?),
            }
        }
        Course::Appear { level, .. } => Compared {
            usual: vec![before],
            now: cut((from, to + 1)),
            levels: (0.0, *level),
        },
        Course::Swing { factor, .. } => {
            let days = daily.rates.get(from..=to)?;
            let level = days.iter().sum::<f64>() / days.len().max(1) as f64;
            // From the typical trough to the typical crest, which lie evenly about the level.
            let half = level * (factor - 1.0) / (factor + 1.0);
            Compared {
                usual: vec![(from, to + 1)],
                now: (from, to + 1),
                levels: (level - half, level + half),
            }
        }
        Course::Cross { .. } | Course::Steady { .. } => return None,
    })
}
