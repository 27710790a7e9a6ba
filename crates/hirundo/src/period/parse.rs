//! Reading a period as people write it: `2022Q2`, `2022-04..2022-06`, `last 7 days`, `先月`, `all`.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use super::{Day, MONTHS, Period, YEAR_MAX, YEAR_MIN};

/// The longest text looked at, in bytes; the longest accepted form is far shorter.
const TEXT_LEN_MAX: usize = 80;
/// How many characters of a rejected text an error repeats.
const SHOWN_MAX: usize = 40;

/// Why a text is not a period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// No accepted form fits the text.
    #[error(
        "cannot read {text:?} as a period; hint: write 2022Q2, 2022-04, 2022, 2022-04-01, 2022W14, \
         2022-04-01..2022-06-30, 2022-04.. , today, yesterday, last 7 days, last quarter, this month, or all"
    )]
    Form {
        /// The text, shortened.
        text: String,
    },
    /// The form is right, but the calendar has no such day, month, quarter or week.
    #[error("cannot read {text:?} as a period: the calendar has no such {what}; hint: {hint}")]
    Calendar {
        /// The text, shortened.
        text: String,
        /// What does not exist: day, month, quarter, week.
        what: &'static str,
        /// What exists.
        hint: &'static str,
    },
    /// A year before [`YEAR_MIN`] or after [`YEAR_MAX`].
    #[error("cannot take a period in the year {year}; hint: years {YEAR_MIN} to {YEAR_MAX} are accepted")]
    Range {
        /// The year asked for.
        year: i64,
    },
    /// The end comes before the start.
    #[error("cannot take a period from {first} to {last}, which ends before it starts; hint: swap the two ends")]
    Backwards {
        /// The start.
        first: Day,
        /// The end.
        last: Day,
    },
    /// An open end (`2030-01-01..`) that starts after today.
    #[error(
        "cannot take the period from {first} until today, {today}, which ends before it starts; \
         hint: write its end as well, {first}..YYYY-MM-DD"
    )]
    Future {
        /// The start.
        first: Day,
        /// Today, as handed in.
        today: Day,
    },
}

impl Period {
    /// Reads a period as people write it, as seen on the day `today` (UTC). `Ok(None)` is `all`: no bounds.
    ///
    /// | written | days |
    /// |---|---|
    /// | `2022Q2`, `2022-Q2`, `q2 2022`, `2022年第2四半期` | the quarter |
    /// | `2022-04`, `2022/4`, `202204`, `April 2022`, `2022年4月` | the month |
    /// | `2022`, `2022年` | the year |
    /// | `2022-04-01`, `2022/4/1`, `20220401`, `2022年4月1日` | the day |
    /// | `2022W14`, `2022-W14` | the ISO week, Monday to Sunday |
    /// | `A..B`, `A to B`, `A～B` | from the first day of A to the last day of B |
    /// | `A..` | from the first day of A until today |
    /// | `..B` | from 1970-01-01 to the last day of B |
    /// | `today`, `yesterday`, `今日`, `昨日` | the day |
    /// | `this week`, `month`, `quarter`, `year` | the whole of it, days to come included |
    /// | `last week`, `month`, `quarter`, `year`, `先月` … | the whole of the one before the present one |
    /// | `last 7 days`, `last 2 weeks`, `last 3 months` … | that many *whole* ones, the last of them before the present one |
    /// | `all` | `None` |
    ///
    /// `last 7 days` ends yesterday: today is not over and would look like a fall. Letter case and spaces
    /// do not matter, full-width digits are read.
    ///
    /// # Errors
    /// [`PeriodError`], each with what would be accepted.
    pub fn parse(text: &str, today: Day) -> Result<Option<Period>, PeriodError> {
        if text.len() > TEXT_LEN_MAX {
            return Err(form(text));
        }
        let plain = plain(text);
        if matches!(plain.as_str(), "all" | "全期間" | "すべて") {
            return Ok(None);
        }
        let Some((start, end)) = split(&plain) else {
            return atom(&plain, text, today).map(Some);
        };
        let first = match start {
            "" => Day(0),
            start => atom(start, text, today)?.first,
        };
        let last = match end {
            "" if start.is_empty() => return Err(form(text)),
            "" if first > today => return Err(PeriodError::Future { first, today }),
            "" => today,
            end => atom(end, text, today)?.last,
        };
        Period::new(first, last).map(Some)
    }
}

/// Lower case, full-width ASCII made half-width, one space between words, none at the ends.
fn plain(text: &str) -> String {
    let narrow: String = text
        .chars()
        .map(|character| match character {
            '～' | '〜' => '～',
            '－' | '−' | '‐' | '‑' => '-',
            '\u{ff01}'..='\u{ff5d}' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
            other => other.to_ascii_lowercase(),
        })
        .collect();
    let lower = narrow.to_ascii_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The two ends of a range, if the text is one.
fn split(plain: &str) -> Option<(&str, &str)> {
    ["..", "～", "–", "—", " to ", " until "]
        .iter()
        .find_map(|separator| plain.split_once(separator))
        .map(|(start, end)| (start.trim(), end.trim()))
}

/// One period without a range mark; `text` is what was written, for errors.
fn atom(plain: &str, text: &str, today: Day) -> Result<Period, PeriodError> {
    if let Some(period) = relative(plain, text, today) {
        return period;
    }
    let japanese = plain
        .strip_suffix("四半期")
        .map(|rest| rest.replacen("年第", "q", 1).replacen('年', "q", 1));
    let western = japanese.unwrap_or_else(|| match plain.strip_suffix(['年', '月', '日']) {
        Some(rest) => rest.replace(['年', '月'], "-"),
        None => plain.to_owned(),
    });
    let parts = tokens(&western).ok_or_else(|| form(text))?;
    match parts.as_slice() {
        [Token::Number(year, 4)] => of_year(*year),
        [Token::Number(number, 6)] => month(number / 100, number % 100, text),
        [Token::Number(number, 8)] => day(number / 10_000, number / 100 % 100, number % 100, text),
        [Token::Number(year, 4), Token::Number(number, 1 | 2)] => month(*year, *number, text),
        [Token::Number(year, 4), Token::Number(number, 1 | 2), Token::Number(date, 1 | 2)] => day(*year, *number, *date, text),
        [Token::Number(year, 4), Token::Word("q"), Token::Number(number, 1)]
        | [Token::Word("q"), Token::Number(number, 1), Token::Number(year, 4)] => quarter(*year, *number, text),
        [Token::Number(year, 4), Token::Word("w"), Token::Number(number, 1 | 2)] => week(*year, *number, text),
        [Token::Word(name), Token::Number(year, 4)] | [Token::Number(year, 4), Token::Word(name)] => {
            month(*year, month_named(name).ok_or_else(|| form(text))?, text)
        }
        [Token::Number(date, 1 | 2), Token::Word(name), Token::Number(year, 4)] => {
            day(*year, month_named(name).ok_or_else(|| form(text))?, *date, text)
        }
        _ => Err(form(text)),
    }
}

/// A run of digits (value, how many digits) or of letters.
#[derive(Debug)]
enum Token<'a> {
    Number(u32, usize),
    Word(&'a str),
}

/// Cuts into runs of digits and letters, with at most one of `-`, `/` or space between; `None` for anything else.
fn tokens(plain: &str) -> Option<Vec<Token<'_>>> {
    let mut found = Vec::new();
    let mut rest = plain;
    while let Some(head) = rest.chars().next() {
        let digits = head.is_ascii_digit();
        let end = rest
            .find(|character: char| {
                if digits {
                    !character.is_ascii_digit()
                } else {
                    !character.is_ascii_alphabetic()
                }
            })
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        // No form has more than three runs, nor a number of more than eight digits.
        if run.is_empty() || found.len() == 3 || (digits && run.len() > 8) {
            return None;
        }
        found.push(if digits {
            Token::Number(run.parse().ok()?, run.len())
        } else {
            Token::Word(run)
        });
        rest = after.strip_prefix(['-', '/', ' ']).unwrap_or(after);
        if rest.is_empty() && !after.is_empty() {
            return None;
        }
    }
    Some(found)
}

/// The periods named from today; `None` when the text is not of that kind.
fn relative(plain: &str, text: &str, today: Day) -> Option<Result<Period, PeriodError>> {
    let single = |day: Day| Some(Period::new(day, day));
    let (shift, unit) = match plain {
        "today" | "今日" | "本日" => return single(today),
        "yesterday" | "昨日" => return single(today.plus(-1)),
        "今週" => (0, "week"),
        "先週" => (1, "week"),
        "今月" => (0, "month"),
        "先月" => (1, "month"),
        "今四半期" => (0, "quarter"),
        "前四半期" => (1, "quarter"),
        "今年" => (0, "year"),
        "昨年" | "去年" => (1, "year"),
        other => {
            let (word, rest) = other.split_once([' ', '-', '_'])?;
            match word {
                "this" | "current" => (0, rest),
                "last" | "past" | "previous" => match rest.split_once([' ', '-', '_']) {
                    Some((count, unit)) => return Some(last_counted(count, unit, text, today)),
                    None => (1, rest),
                },
                _ => return None,
            }
        }
    };
    let date = today.to_date();
    let period = match (unit, shift) {
        ("day", _) => return single(today.plus(-shift)),
        ("week", _) => Period::of_week(monday(date)),
        ("month", _) => Period::of_months(date.year(), date.month(), 1),
        ("quarter", _) => Period::of_months(date.year(), quarter_month(date), 3),
        ("year", _) => Period::of_year(date.year()),
        _ => return Some(Err(form(text))),
    };
    let period = if shift == 0 {
        period
    } else {
        period.and_then(|present| present.previous())
    };
    Some(period.ok_or(PeriodError::Range {
        year: i64::from(date.year()),
    }))
}

/// `last 7 days`: that many whole units, ending before the present one.
fn last_counted(count: &str, unit: &str, text: &str, today: Day) -> Result<Period, PeriodError> {
    let count: u32 = match count.parse() {
        Ok(count @ 1..=99_999) if !unit.is_empty() => count,
        Ok(_) | Err(_) => return Err(form(text)),
    };
    let date = today.to_date();
    let first_of = |month: u32| NaiveDate::from_ymd_opt(date.year(), month, 1);
    let months = |start: Option<NaiveDate>, months: u32| Some((start?.checked_sub_months(Months::new(months))?, start?));
    let days = |start: NaiveDate, days: u32| Some((start.checked_sub_days(Days::new(u64::from(days)))?, start));
    let ends = match unit.strip_suffix('s').unwrap_or(unit) {
        "day" => days(date, count),
        "week" => days(monday(date), count * 7),
        "month" => months(first_of(date.month()), count),
        "quarter" => months(first_of(quarter_month(date)), count * 3),
        "year" => months(first_of(1), count * 12),
        _ => return Err(form(text)),
    };
    let (first, next) = ends.ok_or(PeriodError::Range {
        year: i64::from(date.year()) - i64::from(count),
    })?;
    Period::new(first.into(), Day::from(next).plus(-1))
}

/// The Monday of the date's week.
fn monday(date: NaiveDate) -> NaiveDate {
    date.week(Weekday::Mon).checked_first_day().unwrap_or(date)
}

/// The first month (from 1) of the date's quarter.
fn quarter_month(date: NaiveDate) -> u32 {
    date.month0() / 3 * 3 + 1
}

/// The number (from 1) of a month by its English name or the first three letters of it.
fn month_named(name: &str) -> Option<u32> {
    let position = MONTHS
        .iter()
        .position(|month| month.eq_ignore_ascii_case(name) || month.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(name)))?;
    u32::try_from(position + 1).ok()
}

/// The year as `chrono` counts it, if it is one we accept.
fn year_checked(year: u32) -> Result<i32, PeriodError> {
    match i32::try_from(year) {
        Ok(checked @ YEAR_MIN..=YEAR_MAX) => Ok(checked),
        Ok(_) | Err(_) => Err(PeriodError::Range { year: i64::from(year) }),
    }
}

fn of_year(year: u32) -> Result<Period, PeriodError> {
    let checked = year_checked(year)?;
    Period::of_year(checked).ok_or(PeriodError::Range { year: i64::from(year) })
}

fn quarter(year: u32, number: u32, text: &str) -> Result<Period, PeriodError> {
    let checked = year_checked(year)?;
    let found = if (1..=4).contains(&number) {
        Period::of_months(checked, number * 3 - 2, 3)
    } else {
        None
    };
    found.ok_or_else(|| calendar(text, "quarter", "quarters are Q1 to Q4"))
}

fn month(year: u32, number: u32, text: &str) -> Result<Period, PeriodError> {
    Period::of_months(year_checked(year)?, number, 1).ok_or_else(|| calendar(text, "month", "months are 01 to 12, written YYYY-MM"))
}

fn day(year: u32, number: u32, date: u32, text: &str) -> Result<Period, PeriodError> {
    let checked = year_checked(year)?;
    let found = NaiveDate::from_ymd_opt(checked, number, date)
        .ok_or_else(|| calendar(text, "day", "days are written YYYY-MM-DD, within the length of the month"))?;
    Period::new(found.into(), found.into())
}

/// The ISO 8601 week; its days may reach into the year before or after.
fn week(year: u32, number: u32, text: &str) -> Result<Period, PeriodError> {
    let monday = NaiveDate::from_isoywd_opt(year_checked(year)?, number, Weekday::Mon)
        .ok_or_else(|| calendar(text, "week", "ISO weeks are W01 to W52, in some years W53"))?;
    Period::of_week(monday).ok_or(PeriodError::Range { year: i64::from(year) })
}

fn form(text: &str) -> PeriodError {
    PeriodError::Form { text: shown(text) }
}

fn calendar(text: &str, what: &'static str, hint: &'static str) -> PeriodError {
    PeriodError::Calendar {
        text: shown(text),
        what,
        hint,
    }
}

/// The text as an error repeats it: shortened; `{:?}` in the message escapes what a terminal would obey.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
