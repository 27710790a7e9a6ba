//! Days and periods of days, in UTC: read as people write them, stepped back, and named for titles.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate};

pub use parse::PeriodError;

/// The first year a period may touch: Unix time begins there.
pub const YEAR_MIN: i32 = 1970;
/// The last year a period may touch; a bound on what hostile input can ask for, beyond any observation.
pub const YEAR_MAX: i32 = 2199;

/// The language of titles, dates and labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    #[value(name = "en")]
    English,
    /// Japanese.
    #[value(name = "ja")]
    Japanese,
}

impl Lang {
    /// As names of files have it: `ja`, `en`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Lang::Japanese => "ja",
            Lang::English => "en",
        }
    }
}

/// Names of the months in English, January first.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Name of a month in English; `month` counts from 1, and what is no month is named "?".
pub fn month_name(month: u32) -> &'static str {
    let index = usize::try_from(month.wrapping_sub(1)).unwrap_or(usize::MAX);
    MONTHS.get(index).copied().unwrap_or("?")
}

/// A day in UTC: the number of days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The day of a calendar date. Total: every date of `chrono` fits.
    pub fn from_date(date: NaiveDate) -> Day {
        Day(date.to_epoch_days())
    }

    /// The calendar date; a number outside the calendar of `chrono` (±262,000 years) becomes its first or last date.
    pub fn to_date(self) -> NaiveDate {
        let outside = if self.0 < 0 { NaiveDate::MIN } else { NaiveDate::MAX };
        NaiveDate::from_epoch_days(self.0).unwrap_or(outside)
    }

    /// The day `count` days later (earlier when negative); stops at the ends of the number.
    pub fn plus(self, count: i32) -> Day {
        Day(self.0.saturating_add(count))
    }

    /// The day for titles: `1 April 2022`, `2022年4月1日`.
    pub fn label(self, lang: Lang) -> String {
        let date = self.to_date();
        let (year, month, day) = (date.year(), date.month(), date.day());
        match lang {
            Lang::English => format!("{day} {} {year}", month_name(month)),
            Lang::Japanese => format!("{year}年{month}月{day}日"),
        }
    }
}

impl From<NaiveDate> for Day {
    fn from(date: NaiveDate) -> Day {
        Day::from_date(date)
    }
}

impl From<Day> for NaiveDate {
    fn from(day: Day) -> NaiveDate {
        day.to_date()
    }
}

/// `YYYY-MM-DD`.
impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_date().format("%Y-%m-%d").fmt(formatter)
    }
}

/// Days from `first` to `last`, both included, in UTC.
///
/// Made by [`Period::new`] or [`Period::parse`], which keep `first <= last` and the years within
/// [`YEAR_MIN`] and [`YEAR_MAX`], so that nothing that walks a period can be made to walk for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    first: Day,
    last: Day,
}

impl Period {
    /// The days from `first` to `last`, both included.
    ///
    /// # Errors
    /// [`PeriodError::Backwards`] when `last` is before `first`, [`PeriodError::Range`] when a year is
    /// outside [`YEAR_MIN`] to [`YEAR_MAX`].
    pub fn new(first: Day, last: Day) -> Result<Period, PeriodError> {
        for day in [first, last] {
            let year = day.to_date().year();
            if !(YEAR_MIN..=YEAR_MAX).contains(&year) {
                return Err(PeriodError::Range { year: i64::from(year) });
            }
        }
        if last < first {
            return Err(PeriodError::Backwards { first, last });
        }
        Ok(Period { first, last })
    }

    /// The first day.
    pub fn first(&self) -> Day {
        self.first
    }

    /// The last day, which belongs to the period.
    pub fn last(&self) -> Day {
        self.last
    }

    /// The days in order.
    pub fn days(&self) -> impl DoubleEndedIterator<Item = Day> + use<> {
        (self.first.0..=self.last.0).map(Day)
    }

    /// How many days; at least 1, at most 84,006 ([`YEAR_MIN`] to [`YEAR_MAX`]).
    pub fn len_days(&self) -> usize {
        usize::try_from(i64::from(self.last.0) - i64::from(self.first.0) + 1).unwrap_or(1)
    }

    /// Whether the day belongs to the period.
    pub fn contains(&self, day: Day) -> bool {
        self.first <= day && day <= self.last
    }

    /// Where the day stands in the period, counted from 0; `None` outside it.
    pub fn index_of(&self, day: Day) -> Option<usize> {
        if !self.contains(day) {
            return None;
        }
        usize::try_from(i64::from(day.0) - i64::from(self.first.0)).ok()
    }

    /// The period before this one, of the same kind: whole months (and so quarters and years) give as many
    /// whole months, other days the same number of days. `None` before [`YEAR_MIN`].
    ///
    /// The kind is read off the two days, so the same days always have the same predecessor, however
    /// they were written.
    pub fn previous(&self) -> Option<Period> {
        let last = self.first.plus(-1);
        let first = match self.whole_months() {
            Some(count) => Day::from_date(self.first.to_date().checked_sub_months(Months::new(count))?),
            None => Day(last.0.checked_sub(self.last.0)?.checked_add(self.first.0)?),
        };
        Period::new(first, last).ok()
    }

    /// How many whole calendar months these days are; `None` when they are not.
    pub fn whole_months(&self) -> Option<u32> {
        let (first, next) = (self.first.to_date(), self.last.plus(1).to_date());
        if first.day() != 1 || next.day() != 1 {
            return None;
        }
        u32::try_from(month_number(next) - month_number(first)).ok()
    }

    /// The period for titles: `April–June 2022`, `2022年4月～6月`, `4–10 April 2022`, `2022年`.
    pub fn label(&self, lang: Lang) -> String {
        let (first, last) = (self.first.to_date(), self.last.to_date());
        match (lang, self.whole_months()) {
            (Lang::English, Some(months)) => months_english(first, last, months),
            (Lang::English, None) => days_english(first, last),
            (Lang::Japanese, Some(months)) => months_japanese(first, last, months),
            (Lang::Japanese, None) => days_japanese(first, last),
        }
    }

    /// The calendar year.
    fn of_year(year: i32) -> Option<Period> {
        Period::of_months(year, 1, 12)
    }

    /// `count` months from the first of `month` (from 1) on.
    fn of_months(year: i32, month: u32, count: u32) -> Option<Period> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let next = first.checked_add_months(Months::new(count))?;
        Period::new(first.into(), next.pred_opt()?.into()).ok()
    }

    /// The seven days from `monday` on.
    fn of_week(monday: NaiveDate) -> Option<Period> {
        Period::new(monday.into(), monday.checked_add_days(Days::new(6))?.into()).ok()
    }
}

/// The shortest text that [`Period::parse`] reads back: `2022`, `2022Q2`, `2022-04`, `2022-04..2022-05`,
/// `2022-04-01`, `2022-04-01..2022-04-10`.
impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first.to_date(), self.last.to_date());
        match self.whole_months() {
            Some(12) if first.month() == 1 => write!(formatter, "{}", first.format("%Y")),
            Some(3) if first.month() % 3 == 1 => {
                write!(formatter, "{}Q{}", first.format("%Y"), first.month().div_ceil(3))
            }
            Some(1) => write!(formatter, "{}", first.format("%Y-%m")),
            Some(_) => write!(formatter, "{}..{}", first.format("%Y-%m"), last.format("%Y-%m")),
            None if first == last => write!(formatter, "{}", self.first),
            None => write!(formatter, "{}..{}", self.first, self.last),
        }
    }
}

/// Months since year 0: the difference of two is the months between them.
fn month_number(date: NaiveDate) -> i32 {
    date.year() * 12 + i32::try_from(date.month0()).unwrap_or(0)
}

fn months_english(first: NaiveDate, last: NaiveDate, months: u32) -> String {
    let (from, to) = (month_name(first.month()), month_name(last.month()));
    let (year, year_last) = (first.year(), last.year());
    match (months, year == year_last) {
        (12, true) => format!("{year}"),
        (1, _) => format!("{from} {year}"),
        (_, true) => format!("{from}–{to} {year}"),
        (_, false) if first.month() == 1 && last.month() == 12 => format!("{year}–{year_last}"),
        (_, false) => format!("{from} {year} – {to} {year_last}"),
    }
}

fn months_japanese(first: NaiveDate, last: NaiveDate, months: u32) -> String {
    let (from, to) = (first.month(), last.month());
    let (year, year_last) = (first.year(), last.year());
    match (months, year == year_last) {
        (12, true) => format!("{year}年"),
        (1, _) => format!("{year}年{from}月"),
        (_, true) => format!("{year}年{from}月～{to}月"),
        (_, false) if from == 1 && to == 12 => format!("{year}年～{year_last}年"),
        (_, false) => format!("{year}年{from}月～{year_last}年{to}月"),
    }
}

fn days_english(first: NaiveDate, last: NaiveDate) -> String {
    let end = Day::from_date(last).label(Lang::English);
    if first == last {
        end
    } else if first.year() != last.year() {
        format!("{} – {end}", Day::from_date(first).label(Lang::English))
    } else if first.month() != last.month() {
        format!("{} {} – {end}", first.day(), month_name(first.month()))
    } else {
        format!("{}–{end}", first.day())
    }
}

fn days_japanese(first: NaiveDate, last: NaiveDate) -> String {
    let start = Day::from_date(first).label(Lang::Japanese);
    if first == last {
        start
    } else if first.year() != last.year() {
        format!("{start}～{}", Day::from_date(last).label(Lang::Japanese))
    } else if first.month() != last.month() {
        format!("{start}～{}月{}日", last.month(), last.day())
    } else {
        format!("{start}～{}日", last.day())
    }
}
