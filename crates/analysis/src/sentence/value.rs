//! Every number and day of a finding under a stable name, to check what people quote.

use serde::Serialize;

use crate::Day;
use crate::finding::{Course, Finding};

/// A number or a day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A day.
    Day(Day),
    /// A level, rate, factor, count or share (per cent), in the unit of the finding's field.
    Number(f64),
}

/// Every number and day of a finding: `ID.factor`, `ID.from`, `ID.to`, `ID.before`, `ID.after`, `ID.peak` and so on, after
/// the names of the fields; a contribution is `ID.share.SLUG` with the slug of its subject.
///
/// Numbers that are not finite have no name: nobody can quote them.
#[must_use]
pub fn values(finding: &Finding) -> Vec<(String, Value)> {
    let mut named = course(&finding.course);
    named.push(("surprise".to_owned(), Value::Number(finding.surprise)));
    let origin = &finding.origin;
    for contribution in &origin.contributions {
        named.push((
            format!("share.{}", contribution.subject.slug()),
            Value::Number(contribution.percent),
        ));
    }
    if let Some(percent) = origin.busiest_source_percent {
        named.push(("busiest_source_percent".to_owned(), Value::Number(percent)));
    }
    if let Some((seeing, observing)) = origin.sensors {
        named.push(("sensors_seeing".to_owned(), Value::Number(f64::from(seeing))));
        named.push(("sensors_observing".to_owned(), Value::Number(f64::from(observing))));
    }
    named.retain(|(_, value)| match value {
        Value::Day(_) => true,
        Value::Number(number) => number.is_finite(),
    });
    named
        .into_iter()
        .map(|(name, value)| (format!("{}.{name}", finding.id), value))
        .collect()
}

fn course(course: &Course) -> Vec<(String, Value)> {
    let day = |name: &str, day: Day| (name.to_owned(), Value::Day(day));
    let number = |name: &str, number: f64| (name.to_owned(), Value::Number(number));
    match course {
        Course::Trend(trend) | Course::Jump(trend) => {
            let mut named = vec![
                day("from", trend.from),
                day("to", trend.to),
                number("before", trend.before),
                number("after", trend.after),
                number("factor", trend.factor),
                number("factor_low", trend.factor_low),
                number("factor_high", trend.factor_high),
            ];
            named.extend(trend.steeper_from.map(|steeper| day("steeper_from", steeper)));
            named
        }
        Course::Bulge {
            from,
            to,
            peak,
            base,
            factor,
        } => vec![
            day("from", *from),
            day("to", *to),
            day("peak", *peak),
            number("base", *base),
            number("factor", *factor),
        ],
        Course::Swing { from, to, turns, factor } => vec![
            day("from", *from),
            day("to", *to),
            number("turns", f64::from(*turns)),
            number("factor", *factor),
        ],
        Course::Surge {
            from,
            to,
            peak,
            base,
            factor,
            seconded: _,
        } => {
            let mut named = vec![day("from", *from), day("to", *to), day("peak", *peak), number("base", *base)];
            named.extend(factor.map(|factor| number("factor", factor)));
            named
        }
        Course::Appear { from, to, level } => vec![day("from", *from), day("to", *to), number("level", *level)],
        Course::Cross { other: _, day: on } => vec![day("day", *on)],
        Course::Growth {
            from,
            to,
            before,
            after,
            factor,
        } => vec![
            day("from", *from),
            day("to", *to),
            number("before", *before),
            number("after", *after),
            number("factor", *factor),
        ],
        Course::Steady { level } => vec![number("level", *level)],
    }
}
