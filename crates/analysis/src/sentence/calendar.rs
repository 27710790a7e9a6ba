//! Days in words, no more precise than is known: on 26 June, around 18 May, in mid-May.

use super::Context;
use crate::{Day, Lang};

/// Movements that last longer than this many days have no begin that could be told to the day.
const AROUND_DAYS_MAX: i64 = 21;
/// A slow movement that begins and ends this close to the ends of the period lasted throughout.
const THROUGHOUT_DAYS: i64 = 3;

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

/// How precisely a day is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// To the day.
    Exact,
    /// To some days.
    Around,
    /// To a third of a month.
    Third,
}

impl Precision {
    /// For begin, end and extreme of a movement of the 7-day mean.
    pub(super) fn of_movement(from: Day, to: Day) -> Self {
        if distance(from, to) <= AROUND_DAYS_MAX {
            Precision::Around
        } else {
            Precision::Third
        }
    }
}

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

/// Days from one day to another.
pub(super) fn distance(from: Day, to: Day) -> i64 {
    i64::from(to) - i64::from(from)
}

/// The date of a day, by counting in eras of 400 years that begin on 1 March.
pub(super) fn date(day: Day) -> Date {
    let since_era_zero = i64::from(day) + 719_468;
    let era = since_era_zero.div_euclid(146_097);
    let day_of_era = since_era_zero.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    Date {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
    }
}

/// What the period is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Month,
    Quarter,
    Year,
    Other,
}

impl Span {
    /// `quarter`; `四半期`.
    pub(super) fn name(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Span::Month, Lang::English) => "month",
            (Span::Quarter, Lang::English) => "quarter",
            (Span::Year, Lang::English) => "year",
            (Span::Other, Lang::English) => "period",
            (Span::Month, Lang::Japanese) => "月",
            (Span::Quarter, Lang::Japanese) => "四半期",
            (Span::Year, Lang::Japanese) => "年",
            (Span::Other, Lang::Japanese) => "期間",
        }
    }
}

impl Context {
    /// Whether the period is a whole calendar month, quarter or year.
    pub(super) fn span(&self) -> Span {
        let (first, last) = (date(self.period.0), date(self.period.1));
        let ends_month = self.period.1.checked_add(1).is_some_and(|next| date(next).day == 1);
        if first.day != 1 || !ends_month || first.year != last.year {
            return Span::Other;
        }
        match (last.month - first.month, first.month % 3) {
            (0, _) => Span::Month,
            (2, 1) => Span::Quarter,
            (11, _) => Span::Year,
            (_, _) => Span::Other,
        }
    }

    /// Whether a slow movement that is seen from `day` on was there when the period began.
    pub(super) fn is_beginning(&self, day: Day) -> bool {
        distance(self.period.0, day) <= THROUGHOUT_DAYS
    }

    /// Whether a movement from `from` to `to` covers practically the whole period.
    fn is_throughout(&self, from: Day, to: Day) -> bool {
        self.is_beginning(from) && distance(to, self.period.1) <= THROUGHOUT_DAYS
    }

    /// Whether years must be named: one of the days lies in a year that the period does not touch.
    fn names_years(&self, days: &[Day]) -> bool {
        let years = date(self.period.0).year..=date(self.period.1).year;
        days.iter().any(|day| !years.contains(&date(*day).year))
    }

    /// `26 June`, `around 18 May`, `mid-May`; `6月26日`, `5月18日頃`, `5月中旬`.
    pub(super) fn day(&self, day: Day, precision: Precision) -> String {
        self.label(day, precision, self.names_years(&[day]))
    }

    /// The same with the year in any case.
    pub(super) fn day_of_year(&self, day: Day) -> String {
        self.label(day, Precision::Exact, true)
    }

    /// First and last day of the period, the year named once where it is the same.
    pub(super) fn period_days(&self) -> (String, String) {
        let (first, last) = self.period;
        let crosses_years = date(first).year != date(last).year;
        let english = self.lang == Lang::English;
        (
            self.label(first, Precision::Exact, !english || crosses_years),
            self.label(last, Precision::Exact, english || crosses_years),
        )
    }

    /// `on 26 June`, `around 18 May`, `in mid-May`. Japanese as [`Self::day`], without particle.
    pub(super) fn at(&self, day: Day, precision: Precision) -> String {
        let label = self.day(day, precision);
        match (self.lang, precision) {
            (Lang::Japanese, _) | (Lang::English, Precision::Around) => label,
            (Lang::English, Precision::Exact) => format!("on {label}"),
            (Lang::English, Precision::Third) => format!("in {label}"),
        }
    }

    /// `from early to late May`, `on 3 May`, `throughout the quarter`; `5月上旬から下旬にかけて`, `5月3日に`, `四半期を通じて`.
    pub(super) fn stretch(&self, from: Day, to: Day, precision: Precision) -> String {
        if precision == Precision::Third && self.is_throughout(from, to) {
            let span = self.span().name(self.lang);
            return self.either(format!("{span}を通じて"), format!("throughout the {span}"));
        }
        match (self.lang, self.range(from, to, precision)) {
            (Lang::Japanese, Some(range)) => format!("{range}にかけて"),
            (Lang::English, Some(range)) => format!("from {range}"),
            (Lang::Japanese, None) => format!("{}に", self.at(from, precision)),
            (Lang::English, None) => self.at(from, precision),
        }
    }

    /// `14 to 16 May`; `5月14日から16日`; `None` where begin and end have the same name.
    pub(super) fn range(&self, from: Day, to: Day, precision: Precision) -> Option<String> {
        let years = self.names_years(&[from, to]);
        if self.label(from, precision, years) == self.label(to, precision, years) {
            return None;
        }
        let (begin, end) = (date(from), date(to));
        let same_year = begin.year == end.year;
        let same_month = same_year && begin.month == end.month;
        Some(match self.lang {
            Lang::English => {
                let end = self.label(to, precision, years);
                if same_month {
                    let short = part(begin, precision, self.lang);
                    let hyphen = if short == "mid" { "-" } else { "" };
                    format!("{short}{hyphen} to {end}")
                } else {
                    format!("{} to {end}", self.label(from, precision, years && !same_year))
                }
            }
            Lang::Japanese => {
                let start = self.label(from, precision, years);
                if same_month {
                    format!("{start}から{}", part(end, precision, self.lang))
                } else {
                    format!("{start}から{}", self.label(to, precision, years && !same_year))
                }
            }
        })
    }

    fn label(&self, day: Day, precision: Precision, year: bool) -> String {
        let date = date(day);
        let part = part(date, precision, self.lang);
        match self.lang {
            Lang::English => {
                let month = usize::try_from(date.month - 1).ok().and_then(|index| MONTHS.get(index)).copied();
                let gap = if part == "mid" { "-" } else { " " };
                let year = if year { format!(" {}", date.year) } else { String::new() };
                format!("{part}{gap}{}{year}", month.unwrap_or_default())
            }
            Lang::Japanese => {
                let year = if year { format!("{}年", date.year) } else { String::new() };
                format!("{year}{}月{part}", date.month)
            }
        }
    }
}

/// What stands beside the month.
fn part(date: Date, precision: Precision, lang: Lang) -> String {
    let day = date.day;
    match (lang, precision) {
        (Lang::English, Precision::Exact) => day.to_string(),
        (Lang::English, Precision::Around) => format!("around {day}"),
        (Lang::Japanese, Precision::Exact) => format!("{day}日"),
        (Lang::Japanese, Precision::Around) => format!("{day}日頃"),
        (Lang::English, Precision::Third) => third(day, ["early", "mid", "late"]).to_owned(),
        (Lang::Japanese, Precision::Third) => third(day, ["上旬", "中旬", "下旬"]).to_owned(),
    }
}

fn third(day: i64, names: [&'static str; 3]) -> &'static str {
    let [early, mid, late] = names;
    match day {
        ..=10 => early,
        11..=20 => mid,
        21.. => late,
    }
}
