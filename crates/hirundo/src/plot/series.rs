//! What a chart shows: series of daily values with gaps, their 7-day mean, and numbered marks.

use crate::period::{Day, Lang, Period};

/// Days that the mean runs over.
pub const MEAN_DAYS: usize = 7;
/// Days of the seven that must have been observed for there to be a mean: more than half.
pub const OBSERVED_DAYS_MIN: usize = 4;
/// Series a chart draws; the number of those left out is written under it.
pub const SERIES_MAX: usize = 12;
/// Marks a chart draws; further ones are left out.
pub const MARKS_MAX: usize = 40;
/// Larger values are taken for no observation: differences of such numbers overflow.
const VALUE_MAX: f64 = 1e300;

/// Which seven days the mean of a day runs over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// The day and the six before it: what was known on that day.
    #[default]
    Trailing,
    /// The day, three before and three after: no delay, but the last days change when more are observed.
    Centred,
}

/// The mean over seven days, a value for each day of `values`; `None` in `values` is a day without observation.
///
/// The sum of the observed days is divided by their number, so that a missing day does not count as zero.
/// There is no mean on a day that was not observed itself (a gap stays a gap), nor where fewer than
/// [`OBSERVED_DAYS_MIN`] of the seven days were observed or lie within `values`. Numbers that are not finite,
/// or beyond ±1e300, count as not observed.
pub fn seven_day_mean(values: &[Option<f64>], window: Window) -> Vec<Option<f64>> {
    let (before, after) = match window {
        Window::Trailing => (MEAN_DAYS - 1, 0),
        Window::Centred => (MEAN_DAYS / 2, MEAN_DAYS / 2),
    };
    (0..values.len())
        .map(|day| {
            let start = day.saturating_sub(before);
            let end = day.saturating_add(after + 1).min(values.len());
            observed(*values.get(day)?)?;
            let (mut sum, mut count) = (0.0, 0_u8);
            for value in values.get(start..end)?.iter().filter_map(|value| observed(*value)) {
                sum += value;
                count += 1;
            }
            (usize::from(count) >= OBSERVED_DAYS_MIN).then(|| sum / f64::from(count))
        })
        .collect()
}

/// The value, if it is one that can be drawn.
fn observed(value: Option<f64>) -> Option<f64> {
    value.filter(|number| number.abs() <= VALUE_MAX)
}

/// A value for each day of a chart's period; `None` where nothing was observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// The values, the first day first. Too few: the rest are gaps; too many: the rest are ignored.
    pub values: Vec<Option<f64>>,
    /// The values of the days before the period, the last of them the day before it: with six of them the
    /// mean is complete from the first day on. May be empty.
    pub lead_in: Vec<Option<f64>>,
}

impl Series {
    /// A series without days before the period.
    pub fn new(name: impl Into<String>, values: Vec<Option<f64>>) -> Series {
        Series {
            name: name.into(),
            values,
            lead_in: Vec::new(),
        }
    }

    /// The values of `days` days, those that cannot be drawn turned into gaps.
    pub fn daily(&self, days: usize) -> Vec<Option<f64>> {
        (0..days).map(|day| observed(self.values.get(day).copied().flatten())).collect()
    }

    /// The trailing 7-day mean of `days` days.
    pub fn mean(&self, days: usize) -> Vec<Option<f64>> {
        let lead = self.lead_in.len().min(MEAN_DAYS - 1);
        let before = self.lead_in.iter().skip(self.lead_in.len() - lead).copied();
        let all: Vec<_> = before.chain(self.daily(days)).collect();
        seven_day_mean(&all, Window::Trailing).split_off(lead)
    }
}

/// A numbered annotation of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number drawn; the report gives its references the same.
    pub number: u32,
    /// The day; a mark outside the chart's period is not drawn.
    pub day: Day,
    /// What happened.
    pub text: String,
}

/// A line chart of daily values.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The line above the chart.
    pub title: String,
    /// What the values count, as in `packets per day`.
    pub unit: String,
    /// The days shown.
    pub period: Period,
    /// The lines, the most important first.
    pub series: Vec<Series>,
    /// The annotations.
    pub marks: Vec<Mark>,
    /// The language of dates and of what the chart itself writes.
    pub lang: Lang,
}

impl Chart {
    /// A chart without lines yet.
    pub fn new(title: impl Into<String>, unit: impl Into<String>, period: Period, lang: Lang) -> Chart {
        let (title, unit) = (title.into(), unit.into());
        Chart {
            title,
            unit,
            period,
            series: Vec::new(),
            marks: Vec::new(),
            lang,
        }
    }

    /// Adds a mark with the next number.
    pub fn mark(&mut self, day: Day, text: impl Into<String>) {
        let last = self.marks.iter().map(|mark| mark.number).max().unwrap_or(0);
        self.marks.push(Mark {
            number: last.saturating_add(1),
            day,
            text: text.into(),
        });
    }

    /// The lines that are drawn.
    pub fn drawn(&self) -> impl Iterator<Item = Line> + use<'_> {
        let days = self.period.len_days();
        self.series.iter().take(SERIES_MAX).map(move |series| Line {
            name: series.name.clone(),
            daily: series.daily(days),
            mean: series.mean(days),
        })
    }

    /// How many series are left out, being more than [`SERIES_MAX`].
    pub fn left_out(&self) -> usize {
        self.series.len().saturating_sub(SERIES_MAX)
    }

    /// The marks that are drawn, each with the place of its day in the period.
    pub fn marks_drawn(&self) -> impl Iterator<Item = (usize, &Mark)> {
        let placed = self.marks.iter().filter_map(|mark| Some((self.period.index_of(mark.day)?, mark)));
        placed.take(MARKS_MAX)
    }
}

/// A series made ready for drawing: as many values as the period has days, all of them finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Name in the legend, as given.
    pub name: String,
    /// The daily values.
    pub daily: Vec<Option<f64>>,
    /// The 7-day mean.
    pub mean: Vec<Option<f64>>,
}

impl Line {
    /// The last day with a value, and the value that is drawn boldest there: the mean, else the day's.
    pub fn end(&self) -> Option<(usize, f64)> {
        let day = self.daily.iter().rposition(Option::is_some)?;
        let mean = self.mean.get(day).copied().flatten();
        Some((day, mean.or(self.daily.get(day).copied().flatten())?))
    }
}

/// The runs of days on which no line has a value: first day and number of days, counted within the period.
pub fn gaps(lines: &[Line], days: usize) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for day in 0..days {
        if lines.iter().any(|line| line.daily.get(day).is_some_and(Option::is_some)) {
            continue;
        }
        match found.last_mut() {
            Some((first, count)) if *first + *count == day => *count += 1,
            Some(_) | None => found.push((day, 1)),
        }
    }
    found
}
