//! Series as figures, each with the data behind it.

use hirundo_analysis::finding::{Measure, Subject};
use hirundo_analysis::series::Series;
use hirundo_press::document::{Data, Figure};

use super::names::Names;
use crate::period::{Day, Lang, Period};
use crate::plot::{self, Chart, Mark, Series as Line, svg};

/// A figure shows at least so many days: a day's or week's report shows what led up to it.
const DAYS_MIN: i32 = 28;
/// Counts below this are not published: they could be a probe's own.
pub const COUNT_MIN: f64 = 10.0;
/// Days before the first that the 7-day mean of the first days needs.
const MEAN_LEAD: i32 = 6;

/// What is set around a figure.
pub struct Frame {
    /// Id, also of its data.
    pub id: &'static str,
    /// Caption.
    pub caption: String,
    /// Text under it.
    pub note: Option<String>,
    /// SQL behind it.
    pub sql: String,
}

/// A line chart of rates, and its data.
pub fn lines(names: Names, frame: Frame, period: Period, series: &[&Series], marks: &[Mark]) -> (Figure, Data) {
    lines_named(&|subject| names.label(subject), names, frame, period, series, marks)
}

/// The same with names of its own.
pub fn lines_named(
    label: &dyn Fn(&Subject) -> String,
    names: Names,
    frame: Frame,
    period: Period,
    series: &[&Series],
    marks: &[Mark],
) -> (Figure, Data) {
    let shown = shown(period, series);
    let mut chart = Chart::new(frame.caption.clone(), unit(names, series), shown, names.0);
    for one in series {
        let at = |day: Day| rate(one, day.0);
        let mut line = Line::new(label(&one.subject), shown.days().map(at).collect());
        line.lead_in = (1..=MEAN_LEAD).rev().map(|back| at(shown.first().plus(-back))).collect();
        chart.series.push(line);
    }
    chart.marks = marks.to_vec();
    let data = Data {
        id: frame.id.to_owned(),
        title: frame.caption.clone(),
        csv: csv(&chart, shown, series, label),
        sql: frame.sql,
    };
    (figure(&chart, frame.id, frame.caption, frame.note), data)
}

/// A chart as a figure of the document.
pub fn figure(chart: &Chart, id: &str, caption: String, note: Option<String>) -> Figure {
    let options = svg::Options {
        id: id.to_owned(),
        titled: false,
        marks_listed: false,
        layout: if svg::crowded(chart) {
            svg::Layout::Apart
        } else {
            svg::Layout::Together
        },
        ..svg::Options::default()
    };
    Figure {
        id: id.to_owned(),
        caption,
        svg: svg::render(chart, &options),
        alt: plot::alt(chart),
        note,
        data: Some(id.to_owned()),
    }
}

/// The days that a figure shows.
fn shown(period: Period, series: &[&Series]) -> Period {
    let known = series.iter().map(|series| series.first).min().unwrap_or(period.first().0);
    let first = period.first().0.min((period.last().0 - DAYS_MIN + 1).max(known));
    Period::new(Day(first), period.last()).unwrap_or(period)
}

fn rate(series: &Series, day: i32) -> Option<f64> {
    let at = usize::try_from(day.checked_sub(series.first)?).ok()?;
    series.rates.get(at).copied().flatten()
}

fn unit(names: Names, series: &[&Series]) -> String {
    let of_sources = series.iter().any(|series| series.measure == Measure::Sources);
    match (of_sources, names.0) {
        (false, Lang::English) => "packets a day".to_owned(),
        (false, Lang::Japanese) => "1日あたりのパケット数".to_owned(),
        (true, Lang::English) => "source addresses a day".to_owned(),
        (true, Lang::Japanese) => "1日あたりの送信元アドレス数".to_owned(),
    }
}

/// Day, series, what was counted, the part of the network that observed, the rate drawn and its mean.
fn csv(chart: &Chart, shown: Period, series: &[&Series], label: &dyn Fn(&Subject) -> String) -> String {
    let mut text = String::from("day,series,counted,observed_share,rate,mean_7_days\n");
    let days = shown.len_days();
    for (one, line) in series.iter().zip(&chart.series) {
        let name = quoted(&label(&one.subject));
        for (day, mean) in shown.days().zip(line.mean(days)) {
            let at = usize::try_from(day.0 - one.first).ok();
            let cell = |values: &[f64]| at.and_then(|at| values.get(at).copied());
            text.push_str(&format!(
                "{},{name},{},{},{},{}\n",
                day.to_date(),
                published(cell(&one.counts), 0),
                number(cell(&one.exposure), 4),
                published(rate(one, day.0), 1),
                published(mean, 1),
            ));
        }
    }
    text
}

/// A count as it is published: small ones only as such.
pub fn published(value: Option<f64>, digits: usize) -> String {
    if value.is_some_and(|value| value < COUNT_MIN) {
        return format!("<{COUNT_MIN}");
    }
    number(value, digits)
}

/// Per cent that a count makes of a whole, as it is published: of a small one only as a bound, for from the
/// percentage and the whole the count could be computed.
pub fn portion(part: f64, whole: f64, digits: usize) -> String {
    if whole < COUNT_MIN {
        return "–".to_owned();
    }
    if part >= COUNT_MIN {
        return number(Some(100.0 * part / whole), digits);
    }
    let unit = (0..digits).fold(1.0, |unit, _| unit * 10.0);
    format!("<{:.digits$}", (100.0 * COUNT_MIN / whole * unit).ceil() / unit)
}

/// Which of the parts of a told whole are not told: those that are small, and of the others the smallest while what is not told
/// would still be small in sum or one part alone, for it could be computed from the rest.
pub fn untold(parts: &[f64]) -> Vec<bool> {
    let mut untold: Vec<bool> = parts.iter().map(|part| *part < COUNT_MIN).collect();
    loop {
        let (number, sum) = untold
            .iter()
            .zip(parts)
            .filter(|(untold, _)| **untold)
            .fold((0, 0.0), |(number, sum), (_, part)| (number + 1, sum + part));
        let enough = number == 0 || (number > 1 && sum >= COUNT_MIN);
        let rest = parts.iter().enumerate().filter(|(at, _)| untold.get(*at) == Some(&false));
        let least = rest.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(at, _)| at);
        match least.filter(|_| !enough).and_then(|at| untold.get_mut(at)) {
            Some(cell) => *cell = true,
            None => return untold,
        }
    }
}

/// A number, or nothing.
pub fn number(value: Option<f64>, digits: usize) -> String {
    value.map(|value| format!("{value:.digits$}")).unwrap_or_default()
}

/// A text as a field of CSV.
pub fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The series of a subject.
pub fn find<'a>(all: &'a [Series], subject: &Subject, measure: Measure) -> Option<&'a Series> {
    all.iter().find(|series| series.subject == *subject && series.measure == measure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_not_told_cannot_be_computed() {
        for (parts, expected) in [
            (&[40.0, 30.0, 20.0][..], &[false, false, false][..]),
            (&[40.0, 30.0, 3.0], &[false, true, true]),
            (&[40.0, 0.0, 3.0], &[true, true, true]),
            (&[40.0, 30.0, 8.0, 7.0], &[false, false, true, true]),
            (&[40.0, 9.0], &[true, true]),
            (&[9.0], &[true]),
            (&[], &[]),
        ] {
            assert_eq!(untold(parts), expected, "{parts:?}");
        }
    }

    #[test]
    fn a_percentage_does_not_tell_a_small_count() {
        for (part, whole, expected) in [
            (50.0, 400.0, "12.5"),
            (10.0, 400.0, "2.5"),
            (9.0, 400.0, "<2.5"),
            (0.0, 400.0, "<2.5"),
            (3.0, 70.0, "<14.3"),
            (4.0, 9.0, "–"),
            (0.0, 0.0, "–"),
        ] {
            assert_eq!(portion(part, whole, 1), expected, "{part} of {whole}");
        }
        assert_eq!(portion(3.0, 70.0, 0), "<15");
    }
}
