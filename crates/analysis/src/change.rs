//! Turns a fitted curve into what people would say of it: trends, jumps, bulges and swings.

use crate::daily::Daily;
use crate::finding::{Course, Trend};
use crate::mean::{WEEK, mean_between, spread};
use crate::run::{Direction, Piece, Rule, Run, pieces, runs, steeper};
use crate::spline::{Fit, fit, simplified};

/// Each bend or step must lower the sum of squared standardised residuals by this many times the logarithm of the
/// number of days: a day to choose and a size to fit cost more than BIC's single logarithm, as noise is not quite
/// normal and hundreds of series are looked at.
const PENALTY_LOGS: f64 = 4.0;

/// Longest bulge.
const BULGE_DAYS_MAX: usize = 60;

/// Days from the end of a bulge that must have been seen.
const RETURN_DAYS_MIN: usize = 4;

/// Part of a bulge's height by which the levels before and after it may differ.
const BULGE_REST: f64 = 0.35;

/// Smallest bulge, relative to its base.
const BULGE_FACTOR_MIN: f64 = 1.15;

/// Longest up or down of a swing, and fewest of them.
const LEG_DAYS_MAX: usize = 35;
const LEGS_MIN: usize = 4;

/// Least number of standard errors for a movement to be told.
const ERRORS_MIN: f64 = 4.0;

/// Least level, in counts a day, that a factor is taken of: one count in three weeks.
const LEVEL_MIN: f64 = 0.05;

/// Days before a bend that may already belong to the movement, and how far they must lie beyond the level on the mean, in
/// standard deviations of a day.
const DEPARTURE_DAYS_MAX: usize = 10;
const DEPARTURE_DEVIATIONS: f64 = 1.0;

/// How much steeper a movement must become for it to have begun slowly.
const GROWING: f64 = 1.5;

/// How many of its standard errors the day of a bend may lie from the first day of the period to be taken for it, where
/// the curve moves that way on both sides of the bend.
const BEGIN_ERRORS: f64 = 2.0;

/// Correlation between residuals of neighbouring days above which the penalty grows.
const CORRELATION_FREE: f64 = 0.2;

/// How much more than independent days weekly means may vary before the penalty grows: the estimate is made from few
/// weeks.
const WEEKS_FREE: f64 = 1.3;

/// Fewest weeks for it.
const WEEKS_MIN: usize = 8;

/// A course, where it lies in the window, and how far it stands out of the noise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Movement {
    /// What to say.
    pub(crate) course: Course,
    /// First and last index.
    pub(crate) from: usize,
    /// Last index.
    pub(crate) to: usize,
    /// Whether upwards; a swing is neither.
    pub(crate) up: Option<bool>,
    /// Size in standard errors.
    pub(crate) surprise: f64,
}

/// Penalty of a change in a series of `days` days.
pub(crate) fn penalty(days: usize) -> f64 {
    PENALTY_LOGS * (days.max(2) as f64).ln()
}

/// What `daily` did, in order of time; movements smaller than `factor_min` (or its inverse) are left out. The period
/// that is spoken of begins at index `start`.
pub(crate) fn movements(daily: &Daily, start: usize, factor_min: f64) -> Vec<Movement> {
    if daily.usable.iter().filter(|usable| **usable).count() < 2 * WEEK {
        return Vec::new();
    }
    let curve = curve(daily);
    let rule = Rule {
        start,
        log_min: factor_min.max(1.0).ln(),
    };
    let runs = runs(&pieces(&curve.fit), daily, &rule);
    let mut found = Vec::new();
    let mut at = 0;
    while at < runs.len() {
        if let Some((movement, next)) = bulge(&runs, at, &curve, daily) {
            found.push(movement);
            at = next;
        } else if let Some((movement, next)) = alternation(&runs, at, &curve, daily) {
            found.push(movement);
            at = next;
        } else {
            let movement = movement(&runs, at, &curve, daily, &rule);
            // What went the same way more slowly up to the period's first day is not of the period.
            let ends = |before: &mut Movement| {
                movement
                    .as_ref()
                    .is_some_and(|movement| movement.from == start && before.up == movement.up)
            };
            found.pop_if(|before| matches!(before.course, Course::Trend(_)) && before.to > start && ends(before));
            found.extend(movement);
            at += 1;
        }
    }
    found
}

/// The fitted curve of a series.
struct Curve {
    fit: Fit,
    /// By how much larger the errors of weekly means are than independent days would have it, 1 or more.
    inflation: f64,
}

/// The fitted curve; where residuals of neighbouring days or weeks go together, changes must pay accordingly more.
fn curve(daily: &Daily) -> Curve {
    let weights: Vec<f64> = daily
        .noise
        .iter()
        .zip(&daily.usable)
        .map(|(noise, usable)| if *usable && *noise > 0.0 { noise.powi(-2) } else { 0.0 })
        .collect();
    let penalty = penalty(daily.len());
    let found = fit(&daily.smooth, &weights, penalty);
    let correlation = neighbours(daily, &found.values);
    // Variance of a mean of many such days, relative to independent ones.
    let by_days = if correlation > CORRELATION_FREE {
        (1.0 + correlation) / (1.0 - correlation.min(0.9))
    } else {
        1.0
    };
    let growth = by_days.max(by_weeks(daily, &found.values) / WEEKS_FREE).max(1.0);
    let fit = if growth <= 1.0 || found.changes.is_empty() {
        found
    } else {
        simplified(&found, &daily.smooth, &weights, penalty * growth)
    };
    Curve {
        fit,
        inflation: growth.sqrt(),
    }
}

/// Correlation of the residuals of neighbouring days outside swings, each cut at three standard deviations.
fn neighbours(daily: &Daily, values: &[f64]) -> f64 {
    let residual = |day: usize| ((daily.smooth[day] - values[day]) / daily.noise[day]).clamp(-3.0, 3.0);
    let calm = |day: usize| daily.usable[day] && !daily.zones.iter().any(|zone| (zone.from..=zone.to).contains(&day));
    let (mut product, mut square, mut pairs) = (0.0, 0.0, 0usize);
    for day in 1..daily.len() {
        if calm(day) && calm(day - 1) {
            product += residual(day) * residual(day - 1);
            square += (residual(day).powi(2) + residual(day - 1).powi(2)) / 2.0;
            pairs += 1;
        }
    }
    if pairs < 4 * WEEK || square <= 0.0 { 0.0 } else { product / square }
}

/// By how much more weekly means of the residuals vary than independent days would let them, by the median absolute
/// mean against the noise.
fn by_weeks(daily: &Daily, values: &[f64]) -> f64 {
    let mut weeks: Vec<f64> = (0..daily.len() / WEEK)
        .map(|week| {
            let days = week * WEEK..(week + 1) * WEEK;
            let sum: f64 = days
                .map(|day| (daily.smooth[day] - values[day]) / daily.noise[day])
                .map(|residual| residual.clamp(-4.0, 4.0))
                .sum();
            sum / (WEEK as f64).sqrt()
        })
        .collect();
    if weeks.len() < WEEKS_MIN { 1.0 } else { spread(&mut weeks).powi(2) }
}

/// Whether from run `at` on the curve goes up (or down) and back within weeks; then the index of the run after it.
fn bulge(runs: &[Run], at: usize, curve: &Curve, daily: &Daily) -> Option<(Movement, usize)> {
    let first = &runs[at];
    let (up, back) = match first.direction {
        Direction::Up => (true, Direction::Down),
        Direction::Down => (false, Direction::Up),
        Direction::Level => return None,
    };
    // A slower part of a rise is not the begin of a bulge.
    if at > 0 && runs[at - 1].direction == first.direction {
        return None;
    }
    let base = first.start();
    for (nth, run) in runs.iter().enumerate().skip(at + 1) {
        if run.to() - first.from() > BULGE_DAYS_MAX + 2 {
            return None;
        }
        // A level after it must have been seen for some days.
        if run.direction != back || run.to() + RETURN_DAYS_MIN > daily.len() {
            continue;
        }
        let days = first.from()..=run.to();
        let peak = days.clone().max_by(|a, b| {
            let height = |day: usize| if up { curve.fit.values[day] } else { -curve.fit.values[day] };
            height(*a).total_cmp(&height(*b))
        })?;
        let height = (curve.fit.values[peak] - base).abs();
        if (run.end() - base).abs() > BULGE_REST * height {
            continue;
        }
        return told_bulge(first, run, up, curve, daily).map(|movement| (movement, nth + 1));
    }
    None
}

fn told_bulge(first: &Run, last: &Run, up: bool, curve: &Curve, daily: &Daily) -> Option<Movement> {
    let from = first.first_day();
    let to = last
        .pieces
        .last()
        .map(|piece| if piece.step { piece.from } else { piece.to - 1 })?
        .max(from);
    let before = mean_between(&daily.raw, from.saturating_sub(WEEK), from);
    let after = mean_between(&daily.raw, to + 1, to + 1 + WEEK);
    let levels: Vec<f64> = before.into_iter().chain(after).collect();
    let base = levels.iter().sum::<f64>() / levels.len().max(1) as f64;
    let width = WEEK.min(to + 1 - from);
    let mut best: Option<(usize, f64)> = None;
    for start in from..=(to + 1 - width) {
        let Some(level) = mean_between(&daily.raw, start, start + width) else {
            continue;
        };
        if best.is_none_or(|(_, most)| if up { level > most } else { level < most }) {
            best = Some((start, level));
        }
    }
    let (start, extreme) = best?;
    let factor = extreme / base.max(LEVEL_MIN);
    let peak = (start..start + width).max_by(|a, b| {
        let height = |day: usize| if up { daily.rates[day] } else { -daily.rates[day] };
        height(*a).total_cmp(&height(*b))
    })?;
    let error = curve.inflation * daily.noise[peak] / (width as f64).sqrt();
    let surprise = (extreme - base).abs() / error;
    let large = if up {
        factor >= BULGE_FACTOR_MIN
    } else {
        factor <= BULGE_FACTOR_MIN.recip()
    };
    (large && surprise >= ERRORS_MIN).then(|| Movement {
        course: Course::Bulge {
            from: daily.day(from),
            to: daily.day(to),
            peak: daily.day(peak),
            base,
            factor,
        },
        from,
        to,
        up: Some(up),
        surprise,
    })
}

/// Several ups and downs of some weeks each that come to little together; then the index of the run after them.
fn alternation(runs: &[Run], at: usize, curve: &Curve, daily: &Daily) -> Option<(Movement, usize)> {
    let is_leg = |run: &Run| run.direction != Direction::Level && run.to() - run.from() <= LEG_DAYS_MAX;
    let mut end = at;
    while end < runs.len() && is_leg(&runs[end]) && (end == at || runs[end].direction != runs[end - 1].direction) {
        end += 1;
    }
    let legs = &runs[at..end];
    let net: f64 = legs.iter().map(Run::log).sum::<f64>().abs();
    let size = legs.iter().map(|run| run.log().abs()).sum::<f64>() / legs.len().max(1) as f64;
    if legs.len() < LEGS_MIN || net > size {
        return None;
    }
    let (from, to) = (legs.first()?.from(), legs.last()?.to());
    let level = mean_between(&daily.raw, from, to + 1)?;
    Some((
        Movement {
            course: Course::Swing {
                from: daily.day(from),
                to: daily.day(to),
                turns: u32::try_from(legs.len() - 1).unwrap_or(u32::MAX),
                factor: size.exp(),
            },
            from,
            to,
            up: None,
            surprise: size * level / (curve.inflation * daily.noise[to] * (2.0 / WEEK as f64).sqrt()),
        },
        end,
    ))
}

/// The trend or jump that a run is, when it is large enough.
fn movement(runs: &[Run], at: usize, curve: &Curve, daily: &Daily, rule: &Rule) -> Option<Movement> {
    let run = &runs[at];
    if run.direction == Direction::Level {
        return None;
    }
    let last = daily.len() - 1;
    let jump = run.jump();
    let mut from = match (jump, run.pieces.first()) {
        (Some(jump), _) => jump.to,
        (None, Some(first)) if first.step => first.to,
        (None, _) => begin(runs, at, curve, daily, rule),
    };
    // What follows a faster movement of the same direction is measured from where the mean has left that behind.
    if jump.is_none() && at > 0 && runs[at - 1].direction == run.direction && runs[at - 1].log_slope() > run.log_slope() {
        from += WEEK;
        if from + WEEK > run.to() || run.log().abs() < rule.log_min {
            return None;
        }
    }
    // The seven-day mean goes on for six days after the curve has become level.
    let room = runs.get(at + 1).map_or(0, |next| match next.direction {
        Direction::Level => (WEEK - 1).min(next.to() - next.from()),
        Direction::Up | Direction::Down if next.direction == run.direction && next.log_slope() < run.log_slope() => WEEK - 1,
        Direction::Up | Direction::Down => 0,
    });
    let end = if jump.is_some() { from } else { run.to() };
    let to = (end.max(from) + room).min(last);
    let to = if jump.is_some() {
        to.max((from + WEEK - 1).min(run.to().max(from)))
    } else {
        to
    };
    let open = run.to() == last;
    let to = if open { last } else { to };
    let before = mean_between(&daily.raw, from.saturating_sub(WEEK), from)
        .filter(|_| from >= 4)
        .unwrap_or(curve.fit.values[from].max(0.0));
    let after = mean_between(&daily.raw, (to + 1).saturating_sub(WEEK).max(from), to + 1)?;
    let up = run.direction == Direction::Up;
    let (log, error) = log_factor((before, from), (after, to), curve, daily);
    let surprise = log.abs() / error;
    if log.abs() < rule.log_min || surprise < ERRORS_MIN || (log > 0.0) != up {
        return None;
    }
    let trend = Trend {
        from: daily.day(from),
        to: daily.day(to),
        before,
        after,
        factor: log.exp(),
        factor_low: (log - 1.96 * error).exp(),
        factor_high: (log + 1.96 * error).exp(),
        open,
        steeper_from: if jump.is_some() {
            None
        } else {
            steeper(run).map(|day| daily.day(day))
        },
    };
    let course = if jump.is_some() {
        Course::Jump(trend)
    } else {
        Course::Trend(trend)
    };
    Some(Movement {
        course,
        from,
        to,
        up: Some(up),
        surprise,
    })
}

/// Logarithm of the factor between the level before the day `from` and that up to the day `to`, and its standard error.
fn log_factor((before, from): (f64, usize), (after, to): (f64, usize), curve: &Curve, daily: &Daily) -> (f64, f64) {
    let (before, after) = (before.max(LEVEL_MIN), after.max(LEVEL_MIN));
    let days_after = (to + 1 - from).min(WEEK) as f64;
    let variance = (daily.noise[from.saturating_sub(1)] / before).powi(2) / WEEK as f64 + (daily.noise[to] / after).powi(2) / days_after;
    ((after / before).ln(), variance.sqrt() * curve.inflation)
}

/// The day from which a run goes its way.
///
/// Where the curve went the same way before, only more slowly, the run does not begin but bends, and the day of a slight
/// bend is known to some days only: it is the crossing of two lines, each of which is uncertain at its end by two
/// standard errors of its mean. A movement of the whole period is then told from the period's first day.
fn begin(runs: &[Run], at: usize, curve: &Curve, daily: &Daily, rule: &Rule) -> usize {
    let run = &runs[at];
    let slower = at
        .checked_sub(1)
        .and_then(|before| runs.get(before))
        .filter(|before| before.direction == run.direction);
    let pieces = slower.and_then(|before| Some((before.pieces.last()?, run.pieces.first()?)));
    let Some((before, after)) = pieces.filter(|(before, after)| !before.step && !after.step) else {
        return departure(runs, at, &curve.fit, daily);
    };
    let slope = |piece: &Piece| (piece.end - piece.start) / piece.days().max(1) as f64;
    let days = [before, after].map(|piece| 1.0 / piece.days().max(1) as f64);
    let spread = 2.0 * curve.inflation * daily.noise[run.from()] * (days[0] + days[1]).sqrt();
    let error = spread / (slope(after) - slope(before)).abs().max(f64::MIN_POSITIVE);
    if run.from().abs_diff(rule.start) as f64 <= BEGIN_ERRORS * error && slope(before).abs() < slope(after).abs() {
        rule.start
    } else if slower.is_some_and(|slower| slower.log().abs() < rule.log_min) {
        departure(runs, at, &curve.fit, daily)
    } else {
        run.from()
    }
}

/// The day from which a run leaves the level before it. A movement that grows steeper (by a factor a day) has left it
/// before the straight line that fits its first part best does. The days that may belong to it already have no say in what
/// the level before was.
fn departure(runs: &[Run], at: usize, fit: &Fit, daily: &Daily) -> usize {
    let run = &runs[at];
    let from = run.from();
    let level_or_drift = |before: &&Run| before.direction == Direction::Level || before.direction == run.direction;
    let Some(before) = at
        .checked_sub(1)
        .and_then(|before| runs.get(before))
        .filter(level_or_drift)
        .map(Run::from)
    else {
        return from;
    };
    // Of a straight movement the line that fits it best knows the begin best.
    let grows = |pair: &[Piece]| pair[1].log_slope().abs() >= GROWING * pair[0].log_slope().abs();
    if !run.pieces.windows(2).next().is_some_and(grows) {
        return from;
    }
    let sign = if run.direction == Direction::Up { 1.0 } else { -1.0 };
    let calm = before..from.saturating_sub(DEPARTURE_DAYS_MAX);
    let line = if calm.len() >= 2 * WEEK { line(daily, calm.clone()) } else { None };
    let level = |day: usize| {
        line.as_ref()
            .map_or(fit.values[day], |line| line.level + line.slope * (day as f64 - line.middle))
    };
    let least = before.max(from.saturating_sub(DEPARTURE_DAYS_MAX));
    // Page's cumulative sum: from its lowest day on, the days together lie beyond the level by more than that.
    let (mut sum, mut lowest, mut start) = (0.0, 0.0, least);
    for day in least..from {
        let beyond = sign * (daily.smooth[day] - level(day)) / daily.noise[day];
        // One large day is no begin.
        sum += beyond.min(2.0 * DEPARTURE_DEVIATIONS) - DEPARTURE_DEVIATIONS;
        if sum <= lowest {
            (lowest, start) = (sum, day + 1);
        }
    }
    start
}

/// A straight line through some days.
struct Line {
    middle: f64,
    /// Value in the middle.
    level: f64,
    slope: f64,
}

/// The line through the usable days of `days`.
fn line(daily: &Daily, days: std::ops::Range<usize>) -> Option<Line> {
    let usable: Vec<(f64, f64)> = days
        .filter(|day| daily.usable[*day])
        .map(|day| (day as f64, daily.smooth[day]))
        .collect();
    let count = usable.len() as f64;
    let middle = usable.iter().map(|(day, _)| day).sum::<f64>() / count;
    let level = usable.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let sum = |of: &dyn Fn(f64, f64) -> f64| usable.iter().map(|(day, rate)| of(day - middle, rate - level)).sum::<f64>();
    let slope = sum(&|day, rate| day * rate) / sum(&|day, _| day * day);
    (usable.len() >= WEEK && slope.is_finite()).then_some(Line { middle, level, slope })
}
