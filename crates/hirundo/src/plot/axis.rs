//! Axes: round numbers for values, beginnings of days, months and years for time, and their labels.

use chrono::{Datelike, NaiveDate};

use super::series::Line;
use crate::period::{Day, Lang, Period, month_name};
use crate::view::text::thousands;

/// Days beyond which the axis is ticked by months.
const DAYS_BY_DAY_MAX: usize = 62;
/// Powers of ten that a logarithmic axis shows.
const POWERS_MAX: f64 = 8.0;
/// Distances of ticks tried, in days, for short periods.
const DAY_STEPS: [usize; 5] = [1, 2, 4, 7, 14];
/// Distances of ticks tried, in months.
const MONTH_STEPS: [i32; 10] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600];

/// The axis of values: from `low` to `high`, with round ticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// The value at the bottom.
    pub low: f64,
    /// The value at the top; above `low`.
    pub high: f64,
    /// The ticks, from the bottom to the top.
    pub ticks: Vec<f64>,
    step: f64,
    logarithmic: bool,
}

impl Values {
    /// The axis for some lines, from zero (or below, if values are) to a round number above them, with about
    /// `ticks_max` ticks.
    pub fn of(lines: &[Line], ticks_max: usize) -> Values {
        let (mut low, mut high) = (0.0_f64, 0.0_f64);
        for value in lines.iter().flat_map(|line| line.daily.iter().chain(&line.mean)).flatten() {
            low = low.min(*value);
            high = high.max(*value);
        }
        // Below the smallest normal numbers, logarithms and quotients lose their digits.
        if high - low < 1e-280 {
            return Values {
                low: 0.0,
                high: 1.0,
                ticks: vec![0.0, 1.0],
                step: 1.0,
                logarithmic: false,
            };
        }
        let raw = (high - low) / real(ticks_max.max(1));
        let unit = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .map(|factor| factor * unit)
            .into_iter()
            .find(|step| *step >= raw);
        let step = step.unwrap_or(10.0 * unit);
        // A hair's breadth of rounding must not add a tick.
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let count = index(last - first, 4 * ticks_max.max(1));
        let ticks = (0..=count).map(|number| (first + real(number)) * step).collect();
        Values {
            low: first * step,
            high: last * step,
            ticks,
            step,
            logarithmic: false,
        }
    }

    /// The logarithmic axis for some lines: from the power of ten at or below the smallest value above zero to
    /// a round number above the largest, eight powers at most. Without values above zero, the axis of [`Values::of`].
    pub fn logarithmic_of(lines: &[Line], ticks_max: usize) -> Values {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in lines.iter().flat_map(|line| line.daily.iter().chain(&line.mean)).flatten() {
            if *value > 1e-280 {
                low = low.min(*value);
                high = high.max(*value);
            }
        }
        if high == 0.0 {
            return Values::of(lines, ticks_max);
        }
        let last = (high.log10() - 1e-9).ceil();
        let first = (low.log10() + 1e-9).floor().max(last - POWERS_MAX).min(last - 1.0);
        let powers = last - first;
        // Twice and five times a power are ticks where there are few.
        let factors: &[f64] = if powers <= 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let all = (0..=index(powers, 8)).flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powf(first + real(power))));
        let mut ticks: Vec<f64> = all.collect();
        let enough = ticks
            .iter()
            .position(|tick| *tick >= high * (1.0 - 1e-9))
            .unwrap_or(ticks.len() - 1);
        ticks.truncate(enough + 1);
        let low = 10_f64.powf(first);
        Values {
            low,
            high: ticks.last().copied().unwrap_or(low * 10.0),
            ticks,
            step: low,
            logarithmic: true,
        }
    }

    /// Whether equal distances are equal factors.
    pub fn logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// Where a value stands: 0 at the bottom, 1 at the top. On a logarithmic axis zero is at the bottom.
    pub fn share(&self, value: f64) -> f64 {
        if self.logarithmic {
            let value = value.max(self.low);
            return ((value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10())).clamp(0.0, 1.0);
        }
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The label of a tick: thousands separators, as many decimals as the ticks need; an exponent where the
    /// digits would be too many.
    pub fn label(&self, value: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if value == 0.0 {
            return "0".to_owned();
        }
        if self.logarithmic {
            return power_label(value);
        }
        if largest >= 1e12 || self.step < 1e-5 {
            let digits = index(value.abs().log10().floor() - self.step.log10().floor() + 1.0, 4);
            return format!("{value:.digits$e}");
        }
        let whole = |decimals: &i32| {
            let scaled = self.step * 10_f64.powi(*decimals);
            (scaled - scaled.round()).abs() < 1e-6 * scaled
        };
        let decimals = (0..=6).find(whole).and_then(|decimals| usize::try_from(decimals).ok()).unwrap_or(6);
        thousands(&format!("{value:.decimals$}"))
    }
}

/// The label of a tick of a logarithmic axis: its own digits only.
fn power_label(value: f64) -> String {
    if !(1e-5..1e12).contains(&value) {
        return format!("{value:.0e}");
    }
    let decimals = index(-(value.log10() + 1e-9).floor(), 6);
    thousands(&format!("{value:.decimals$}"))
}

/// A tick of the axis of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayTick {
    /// The place of the day in the period, from 0.
    pub index: usize,
    /// The day or month; empty for a tick without label.
    pub label: String,
    /// The year, where it is to be written: at the first label and at the first of each year.
    pub year: String,
}

/// The ticks of a period, with at most about `labels_max` labels.
pub fn day_ticks(period: &Period, lang: Lang, labels_max: usize) -> Vec<DayTick> {
    let labels_max = labels_max.max(1);
    let days = period.len_days();
    if days <= DAYS_BY_DAY_MAX {
        let fits = |step: &usize| days.div_ceil(*step) <= labels_max;
        let step = DAY_STEPS.into_iter().find(fits).unwrap_or_else(|| days.div_ceil(labels_max).max(1));
        return by_days(period, lang, step);
    }
    let months = days / 30;
    let fits = |step: &i32| months / usize::try_from(*step).unwrap_or(1).max(1) < labels_max;
    by_months(period, lang, MONTH_STEPS.into_iter().find(fits).unwrap_or(600))
}

fn by_days(period: &Period, lang: Lang, step: usize) -> Vec<DayTick> {
    let mut shown = None;
    period
        .days()
        .enumerate()
        .map(|(index, day)| {
            if index % step != 0 {
                return DayTick {
                    index,
                    label: String::new(),
                    year: String::new(),
                };
            }
            let date = day.to_date();
            let label = match lang {
                Lang::English => format!("{} {}", date.day(), short(date.month())),
                Lang::Japanese => format!("{}/{}", date.month(), date.day()),
            };
            DayTick {
                index,
                label,
                year: year_once(date, lang, &mut shown),
            }
        })
        .collect()
}

/// Months, with ticks without label in between: weeks in a month, months in a quarter, years in a decade.
fn by_months(period: &Period, lang: Lang, step: i32) -> Vec<DayTick> {
    let mut shown = None;
    let mut ticks = Vec::new();
    for (index, day) in period.days().enumerate() {
        let date = day.to_date();
        let month = date.year() * 12 + i32::try_from(date.month0()).unwrap_or(0);
        let minor = match step {
            1 => (date.day() - 1) % 7 == 0 && date.day() < 28,
            2..=12 => date.day() == 1,
            _ => date.day() == 1 && date.month() == 1,
        };
        if date.day() == 1 && month % step == 0 {
            let (label, year) = match (lang, step < 12) {
                (Lang::English, true) => (short(date.month()).to_owned(), year_once(date, lang, &mut shown)),
                (Lang::Japanese, true) => (format!("{}月", date.month()), year_once(date, lang, &mut shown)),
                (Lang::English, false) => (date.year().to_string(), String::new()),
                (Lang::Japanese, false) => (format!("{}年", date.year()), String::new()),
            };
            ticks.push(DayTick { index, label, year });
        } else if minor && step < 120 {
            ticks.push(DayTick {
                index,
                label: String::new(),
                year: String::new(),
            });
        }
    }
    ticks
}

/// The year, if it was not the one shown last.
fn year_once(date: NaiveDate, lang: Lang, shown: &mut Option<i32>) -> String {
    if shown.replace(date.year()) == Some(date.year()) {
        return String::new();
    }
    match lang {
        Lang::English => date.year().to_string(),
        Lang::Japanese => format!("{}年", date.year()),
    }
}

/// The first three letters of a month.
fn short(month: u32) -> &'static str {
    month_name(month).get(..3).unwrap_or("?")
}

/// A day in full, for lists: `2022-04-01`, in Japanese `2022年4月1日`.
pub fn day_text(day: Day, lang: Lang) -> String {
    match lang {
        Lang::English => day.to_string(),
        Lang::Japanese => day.label(lang),
    }
}

/// A count as a number to calculate with; exact below 2^53, and nothing drawn has more parts.
pub(super) fn real(count: usize) -> f64 {
    count as f64
}

/// A number as an index from 0 to `max`: rounded, what is below or not a number is 0.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range just before; a conversion that checks does not exist for floats"
)]
pub(super) fn index(number: f64, max: usize) -> usize {
    number.round().clamp(0.0, real(max)) as usize
}
