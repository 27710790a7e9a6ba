//! What a series did in a period: one coherent list of findings out of trends, surges, appearances and growth.

use crate::Day;
use crate::appear::{Appearance, appearance};
use crate::change::{Movement, movements};
use crate::changefinder::{Parameters, scores, seconds};
use crate::cross::{Compared, passes};
use crate::crowd::{self, Seen};
use crate::daily::Daily;
use crate::finding::{Course, Finding, Measure, Origin, Subject};
use crate::mean::{WEEK, mean_between};
use crate::series::Series;
use crate::surge::{self, Burst, Thresholds, bursts};

/// What is worth telling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Smallest factor of a trend or jump (its inverse for declines).
    pub factor_min: f64,
    /// Smallest factor between the last and the first week to be told as growth (its inverse for decline).
    pub growth_factor_min: f64,
    /// Least mean rate in the period, in counts a day, for a series to be fitted; below it only surges and appearances are told.
    pub rate_min: f64,
    /// The surge rule.
    pub thresholds: Thresholds,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            factor_min: 1.1,
            growth_factor_min: 1.5,
            rate_min: 2.0,
            thresholds: Thresholds::default(),
        }
    }
}

/// Most series that are compared with each other; of more, those with the highest weekly means.
pub const CROSSING_SERIES_MAX: usize = 200;

/// Fewest days of a movement inside the period for it to be told.
const INSIDE_DAYS_MIN: i32 = 3;

/// Days after an appearance in which its growth belongs to it.
const APPEARANCE_DAYS: usize = 28;

/// How far beyond the level that a movement reaches a day must lie to be a surge of its own, in standard deviations.
const BEYOND_DEVIATIONS: f64 = 6.0;

/// Chance that a trend, jump, bulge, swing or growth is told of a level series of a quarter with a quarter before it:
/// 7 in 45,000 drawn series of the kinds that a test draws fewer of, rounded up.
pub const MOVEMENT_CHANCE: f64 = 2e-4;

/// Fewest standard errors between the first and the last week.
const GROWTH_ERRORS_MIN: f64 = 4.0;

/// What `series` did in `period` (first and last day), most surprising first; the days before it are history.
///
/// Findings do not contradict or repeat each other: a surge that is part of a jump, bulge, swing or trend is left
/// out, and so is a fall inside a rise. A movement that began before the period is told with its real begin, when it
/// goes on for some days in it. Nothing but a steady course is told of a series without any; nothing at all of one
/// without an observed day in the period. Origins are left to the caller.
#[must_use]
pub fn courses(series: &Series, period: (Day, Day), options: &Options) -> Vec<Finding> {
    courses_seen(series, None, period, options)
}

/// As [`courses`]; with what the series was made of, nothing is told that only those sensors saw which did not observe
/// all the while.
#[must_use]
pub fn courses_seen(series: &Series, seen: Option<&Seen<'_>>, period: (Day, Day), options: &Options) -> Vec<Finding> {
    let Some(daily) = Daily::new(series, period) else {
        return Vec::new();
    };
    let start = daily.index(period.0);
    let Some(level) = mean_between(&daily.raw, start, daily.len()) else {
        return Vec::new();
    };
    let appearance = appearance(&daily).filter(|appearance| appearance.to >= start);
    let mut told: Vec<Movement> = Vec::new();
    if level >= options.rate_min {
        told.extend(movements(&daily, start, options.factor_min));
        told.extend(swings(&daily));
    }
    told.retain(|movement| touches(&daily, movement, period));
    if let Some(appearance) = &appearance {
        told.retain(|movement| movement.from > appearance.from + APPEARANCE_DAYS);
    }
    let surges = surges(&daily, &told, appearance.as_ref(), start, &options.thresholds);
    let growth = growth(&daily, start, &surges, options).filter(|_| appearance.is_none() && level >= options.rate_min);
    told.extend(surges);
    told.extend(appearance.map(|appearance| appeared(&daily, &appearance)));
    told.extend(growth);
    told.retain_mut(|movement| {
        let surprise = crowd::surprise(&daily, &movement.course, (movement.from, movement.to), movement.surprise);
        movement.surprise = surprise.unwrap_or(0.0);
        let alike = |seen| crowd::seen_alike(&daily, &movement.course, (movement.from, movement.to), seen);
        // What appears was nowhere before.
        surprise.is_some() && (matches!(movement.course, Course::Appear { .. }) || seen.is_none_or(alike))
    });
    if told.is_empty() {
        told.push(Movement {
            course: Course::Steady { level },
            from: start,
            to: daily.len() - 1,
            up: None,
            surprise: 0.0,
        });
    }
    let mut findings: Vec<Finding> = told
        .into_iter()
        .map(|movement| finding(series, movement.course, movement.surprise, daily.day(movement.from)))
        .collect();
    sort(&mut findings);
    findings
}

/// How many findings noise alone would give in all of `series` in `period`: surges by the noise of each, other courses by
/// [`MOVEMENT_CHANCE`].
#[must_use]
pub fn expected_false_alarms(series: &[Series], period: (Day, Day), options: &Options) -> f64 {
    let fitted = |series: &&Series| {
        let rates = series.rates.iter().flatten();
        let (sum, days) = rates.fold((0.0, 0.0), |(sum, days), rate| (sum + rate, days + 1.0));
        sum >= options.rate_min * days && days > 0.0
    };
    let fitted = series.iter().filter(fitted).count();
    surge::expected_false_alarms(series, period, &options.thresholds) + MOVEMENT_CHANCE * fitted as f64
}

/// Where the seven-day means of two of `series` cross for good within `period`, most surprising first. Series of
/// different measures are not compared.
#[must_use]
pub fn crossings(series: &[Series], period: (Day, Day), options: &Options) -> Vec<Finding> {
    let mut compared: Vec<(&Series, Compared)> = series
        .iter()
        .filter_map(|one| Some((one, Compared::new(&Daily::new(one, period)?))))
        .filter(|(_, compared)| compared.most() >= options.rate_min)
        .collect();
    compared.sort_by(|a, b| b.1.most().total_cmp(&a.1.most()).then_with(|| a.0.subject.cmp(&b.0.subject)));
    compared.truncate(CROSSING_SERIES_MAX);
    let mut findings = Vec::new();
    for (nth, (one, of_one)) in compared.iter().enumerate() {
        for (other, of_other) in &compared[nth + 1..] {
            if one.measure != other.measure || one.subject == other.subject {
                continue;
            }
            for (above, below, passed) in [
                (one, other, passes(of_one, of_other, period)),
                (other, one, passes(of_other, of_one, period)),
            ] {
                if let Some((day, surprise)) = passed {
                    let course = Course::Cross {
                        other: below.subject.clone(),
                        day,
                    };
                    findings.push(finding(above, course, surprise, day));
                }
            }
        }
    }
    sort(&mut findings);
    findings
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| b.surprise.total_cmp(&a.surprise).then_with(|| a.id.cmp(&b.id)));
}

fn finding(series: &Series, course: Course, surprise: f64, day: Day) -> Finding {
    Finding {
        id: id(&series.subject, series.measure, &course, day),
        subject: series.subject.clone(),
        measure: series.measure,
        course,
        // A surprise without bound (no noise at all) would not survive JSON.
        surprise: if surprise.is_finite() { surprise.clamp(0.0, 1e6) } else { 1e6 },
        origin: Origin::default(),
    }
}

/// The name of a finding: subject, measure, course, the other subject of a crossing, and day.
fn id(subject: &Subject, measure: Measure, course: &Course, day: Day) -> String {
    let measure = match measure {
        Measure::Packets => "packets",
        Measure::Sources => "sources",
    };
    let other = match course {
        Course::Cross { other, .. } => format!(".{}", other.slug()),
        Course::Trend(_)
        | Course::Jump(_)
        | Course::Bulge { .. }
        | Course::Swing { .. }
        | Course::Surge { .. }
        | Course::Appear { .. }
        | Course::Growth { .. }
        | Course::Steady { .. } => String::new(),
    };
    format!("{}.{measure}.{}{other}.{}", subject.slug(), course.slug(), date(day))
}

/// `YYYY-MM-DD` of a day, by the Gregorian calendar's cycle of 400 years (146,097 days) counted from March.
pub(crate) fn date(day: Day) -> String {
    let days = i64::from(day) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{of_month:02}", year_of_era + era * 400 + carry)
}

/// Whether a movement goes on for some days in the period, or is all in it.
fn touches(daily: &Daily, movement: &Movement, period: (Day, Day)) -> bool {
    let (from, to) = (daily.day(movement.from), daily.day(movement.to));
    from >= period.0 || to.saturating_sub(period.0) >= INSIDE_DAYS_MIN
}

fn swings(daily: &Daily) -> impl Iterator<Item = Movement> + '_ {
    daily.zones.iter().map(|zone| Movement {
        course: Course::Swing {
            from: daily.day(zone.from),
            to: daily.day(zone.to),
            turns: zone.turns,
            factor: zone.factor,
        },
        from: zone.from,
        to: zone.to,
        up: None,
        surprise: zone.size * f64::from(zone.turns.max(1)).sqrt(),
    })
}

/// Surges that say something of their own.
fn surges(daily: &Daily, told: &[Movement], appearance: Option<&Appearance>, start: usize, thresholds: &Thresholds) -> Vec<Movement> {
    let scores = scores(&daily.rates, &Parameters::DAILY);
    let own = |burst: &Burst| {
        let of_appearance =
            appearance.is_some_and(|appearance| burst.to >= appearance.from && burst.from <= appearance.from + APPEARANCE_DAYS);
        burst.to >= start && !of_appearance && told.iter().all(|movement| !explains(movement, burst, daily))
    };
    bursts(daily, thresholds)
        .into_iter()
        .filter(own)
        .map(|burst| Movement {
            course: Course::Surge {
                from: daily.day(burst.from),
                to: daily.day(burst.to),
                peak: daily.day(burst.peak),
                base: burst.base,
                factor: (burst.base > 0.0).then(|| daily.rates[burst.peak] / burst.base),
                seconded: seconds(&scores, burst.from, burst.to + 2),
            },
            from: burst.from,
            to: burst.to,
            up: Some(burst.up),
            surprise: burst.size,
        })
        .collect()
}

/// Whether a burst only repeats, or contradicts, what a movement says.
fn explains(movement: &Movement, burst: &Burst, daily: &Daily) -> bool {
    let reached = match &movement.course {
        Course::Trend(trend) | Course::Jump(trend) => Some(trend.after),
        Course::Bulge { base, factor, .. } => Some(base * factor),
        Course::Swing { .. }
        | Course::Surge { .. }
        | Course::Appear { .. }
        | Course::Cross { .. }
        | Course::Growth { .. }
        | Course::Steady { .. } => None,
    };
    let slack = match movement.course {
        // The history of the surge rule needs some days to take a new level for usual.
        Course::Jump(_) => 2 * WEEK,
        Course::Trend(_) | Course::Bulge { .. } | Course::Swing { .. } => WEEK,
        Course::Surge { .. } | Course::Appear { .. } | Course::Cross { .. } | Course::Growth { .. } | Course::Steady { .. } => 0,
    };
    if burst.from > movement.to + slack || burst.to + 2 < movement.from {
        return false;
    }
    let peak = daily.rates[burst.peak];
    let margin = BEYOND_DEVIATIONS * daily.noise[burst.peak];
    let beyond = reached.is_some_and(|reached| {
        if burst.up {
            peak > reached + margin
        } else {
            peak < reached - margin
        }
    });
    match (&movement.course, movement.up) {
        (Course::Trend(_) | Course::Jump(_), Some(up)) if up != burst.up => {
            // A spike upwards inside a decline is news; a dip inside a rise would read as a contradiction.
            let inside = burst.from <= movement.to && burst.to >= movement.from;
            inside && !burst.up
        }
        (_, Some(up)) => up != burst.up || !beyond,
        (_, None) => true,
    }
}

fn appeared(daily: &Daily, appearance: &Appearance) -> Movement {
    Movement {
        course: Course::Appear {
            from: daily.day(appearance.from),
            to: daily.day(appearance.to),
            level: appearance.level,
        },
        from: appearance.from,
        to: appearance.to,
        up: Some(true),
        surprise: appearance.surprise,
    }
}

/// The last week of the period against the first, when no surge lies in either.
fn growth(daily: &Daily, start: usize, surges: &[Movement], options: &Options) -> Option<Movement> {
    let end = daily.len();
    if end < start + 4 * WEEK {
        return None;
    }
    let weeks = [(start, start + WEEK), (end - WEEK, end)];
    let disturbed = |(from, to): (usize, usize)| surges.iter().any(|surge| surge.from < to && surge.to >= from);
    if weeks.into_iter().any(disturbed) {
        return None;
    }
    let [before, after] = weeks.map(|(from, to)| mean_between(&daily.raw, from, to));
    let (before, after) = (before?, after?);
    if before <= 0.0 || after <= 0.0 {
        return None;
    }
    let error = weeks
        .into_iter()
        .zip([before, after])
        .map(|((from, _), level)| (daily.noise[from] / level).powi(2) / WEEK as f64)
        .sum::<f64>()
        .sqrt();
    let log = (after / before).ln();
    let surprise = log.abs() / error;
    (log.abs() >= options.growth_factor_min.ln() && surprise >= GROWTH_ERRORS_MIN).then(|| Movement {
        course: Course::Growth {
            from: daily.day(start),
            to: daily.day(end - 1),
            before,
            after,
            factor: after / before,
        },
        from: start,
        to: end - 1,
        up: Some(log > 0.0),
        surprise,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        for (day, expected) in [
            (0, "1970-01-01"),
            (19_050, "2022-02-27"),
            (11_016, "2000-02-29"),
            (-1, "1969-12-31"),
            (19_083, "2022-04-01"),
        ] {
            assert_eq!(date(day), expected);
        }
        assert!(!date(Day::MAX).is_empty() && !date(Day::MIN).is_empty());
    }
}
