//! What both languages need to know of a course before they put it into words.

use super::Context;
use super::calendar::{Precision, distance};
use crate::Day;
use crate::finding::{Course, Finding, Measure, Subject, Trend};

/// Factor a week below which a movement is called gradual.
const GENTLE_WEEKLY: f64 = 1.3;
/// Factor a week from which on a movement is called steep.
const STEEP_WEEKLY: f64 = 2.0;
/// What lasts until so many days before the end of the period lasts to its end: a 7-day mean knows no better.
const END_DAYS: i64 = 7;
/// So many surges are named in one sentence; of more, only [`SURGES_LARGEST`].
const SURGES_LISTED_MAX: usize = 4;
/// The largest ones named when there are too many to list.
const SURGES_LARGEST: usize = 3;

/// How fast a movement went, where that is worth a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slope {
    Gentle,
    Steep,
}

impl Slope {
    /// By the factor a week; `None` between gradual and steep, and where the factor says nothing.
    pub(super) fn of(trend: &Trend) -> Option<Self> {
        if !trend.factor.is_finite() || trend.factor <= 0.0 || (trend.factor - 1.0).abs() < 0.1 {
            return None;
        }
        let days = i32::try_from(distance(trend.from, trend.to).max(1)).unwrap_or(Day::MAX);
        let weekly = trend.factor.ln().abs() / (f64::from(days) / 7.0);
        if weekly < GENTLE_WEEKLY.ln() {
            Some(Slope::Gentle)
        } else if weekly >= STEEP_WEEKLY.ln() {
            Some(Slope::Steep)
        } else {
            None
        }
    }
}

/// The day from which a movement was steeper, if that lies within it and can be told from its begin.
pub(super) fn steeper_from(trend: &Trend, context: &Context) -> Option<(Day, Precision)> {
    if trend.factor.is_nan() || (trend.factor - 1.0).abs() < 0.1 {
        return None;
    }
    let day = trend.steeper_from.filter(|day| trend.from < *day && *day < trend.to)?;
    let precision = Precision::of_movement(trend.from, trend.to);
    if context.day(day, precision) == context.day(trend.from, precision) {
        return Some((day, Precision::Around));
    }
    Some((day, precision))
}

/// Whether something that went on until `day` went on to the end of the period.
pub(super) fn is_end(context: &Context, day: Day) -> bool {
    distance(day, context.period.1) < END_DAYS
}

/// One surge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Surge {
    pub(super) from: Day,
    pub(super) to: Day,
    pub(super) peak: Day,
    pub(super) factor: Option<f64>,
}

/// Surges of one subject in one direction.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Surges {
    /// The ones to name, by day.
    pub(super) largest: Vec<Surge>,
    /// How many there are.
    pub(super) total: usize,
    /// Upward.
    pub(super) up: bool,
}

impl Surges {
    pub(super) fn of(group: &[&Finding]) -> Self {
        let mut surges: Vec<Surge> = group.iter().filter_map(|finding| surge(&finding.course)).collect();
        let total = surges.len();
        let up = surges.first().is_none_or(|surge| surge.factor.is_none_or(|factor| factor >= 1.0));
        if total > SURGES_LISTED_MAX {
            let size = |surge: &Surge| surge.factor.map_or(f64::INFINITY, |factor| factor.ln().abs());
            surges.sort_by(|one, other| size(other).total_cmp(&size(one)).then(one.from.cmp(&other.from)));
            surges.truncate(SURGES_LARGEST);
        }
        surges.sort_by_key(|surge| surge.from);
        Self {
            largest: surges,
            total,
            up,
        }
    }
}

fn surge(course: &Course) -> Option<Surge> {
    match course {
        Course::Surge {
            from, to, peak, factor, ..
        } => Some(Surge {
            from: *from,
            to: *to,
            peak: *peak,
            factor: *factor,
        }),
        Course::Trend(_)
        | Course::Jump(_)
        | Course::Bulge { .. }
        | Course::Swing { .. }
        | Course::Appear { .. }
        | Course::Cross { .. }
        | Course::Growth { .. }
        | Course::Steady { .. } => None,
    }
}

/// What the findings say was passed, and when.
pub(super) fn crossings<'f>(group: &'f [&Finding]) -> impl Iterator<Item = (&'f Subject, Day, Measure)> {
    group.iter().filter_map(|finding| match &finding.course {
        Course::Cross { other, day } => Some((other, *day, finding.measure)),
        Course::Trend(_)
        | Course::Jump(_)
        | Course::Bulge { .. }
        | Course::Swing { .. }
        | Course::Surge { .. }
        | Course::Appear { .. }
        | Course::Growth { .. }
        | Course::Steady { .. } => None,
    })
}

/// Whether it goes up; `None` where neither.
pub(super) fn rises(course: &Course) -> Option<bool> {
    let factor = match course {
        Course::Trend(trend) | Course::Jump(trend) => trend.factor,
        Course::Bulge { factor, .. } | Course::Growth { factor, .. } => *factor,
        Course::Surge { factor, .. } => factor.unwrap_or(f64::INFINITY),
        Course::Appear { .. } => f64::INFINITY,
        Course::Swing { .. } | Course::Cross { .. } | Course::Steady { .. } => return None,
    };
    (factor > 1.0).then_some(true).or((factor < 1.0).then_some(false))
}

/// Last day it speaks of.
pub(super) fn to(course: &Course) -> Option<Day> {
    match course {
        Course::Trend(trend) => Some(trend.to),
        Course::Jump(trend) => Some(trend.from),
        Course::Bulge { to, .. } | Course::Swing { to, .. } | Course::Surge { to, .. } | Course::Growth { to, .. } => Some(*to),
        // It has begun; what comes later is told as such.
        Course::Appear { from, .. } => Some(*from),
        Course::Cross { day, .. } => Some(*day),
        Course::Steady { .. } => None,
    }
}
