//! A calendar day in UTC, as the number of days since 1970-01-01.

use std::fmt;

/// Microseconds in a day.
pub(crate) const DAY_US: i64 = 86_400_000_000;

/// A day in UTC, counted from 1970-01-01 (day 0). Shown and read as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The day of a Gregorian date; `None` when there is no such date or the year is outside 1970–2199.
    #[must_use]
    pub fn from_date(year: i32, month: u32, day: u32) -> Option<Day> {
        if !(1970..=2199).contains(&year) || !(1..=12).contains(&month) {
            return None;
        }
        if day == 0 || day > month_days(year, month) {
            return None;
        }
        let years: i32 = (1970..year).map(|y| if is_leap(y) { 366 } else { 365 }).sum();
        let months: u32 = (1..month).map(|m| month_days(year, m)).sum();
        Some(Day(years + i32::try_from(months + day - 1).ok()?))
    }

    /// Reads `YYYY-MM-DD`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Day> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        if !text.bytes().all(|b| b == b'-' || b.is_ascii_digit()) {
            return None;
        }
        Day::from_date(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }

    /// Year, month (1–12) and day of the month (1–31).
    #[must_use]
    pub fn date(self) -> (i32, u32, u32) {
        let mut left = self.0.max(0).unsigned_abs();
        let mut year = 1970;
        loop {
            let days = if is_leap(year) { 366 } else { 365 };
            if left < days {
                break;
            }
            left -= days;
            year += 1;
        }
        let mut month = 1;
        while month < 12 && left >= month_days(year, month) {
            left -= month_days(year, month);
            month += 1;
        }
        (year, month, left + 1)
    }

    /// Day of the week, 0 for Monday to 6 for Sunday (1970-01-01 was a Thursday).
    #[must_use]
    pub const fn weekday(self) -> i32 {
        (self.0 + 3).rem_euclid(7)
    }

    /// The calendar quarter, e.g. `2022-Q2`.
    #[must_use]
    pub fn quarter(self) -> String {
        let (year, month, _) = self.date();
        format!("{year}-Q{}", (month - 1) / 3 + 1)
    }

    /// Microseconds from 1970-01-01 to the start of this day.
    #[must_use]
    pub const fn start_us(self) -> i64 {
        self.0 as i64 * DAY_US
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Reads `YYYY-MM-DD` (midnight) or `YYYY-MM-DDTHH:MM` as microseconds since 1970-01-01 UTC.
pub(crate) fn parse_minute(text: &str) -> Option<i64> {
    let Some((date, clock)) = text.split_once('T') else {
        return Some(Day::parse(text)?.start_us());
    };
    let (hour, minute) = clock.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 || !clock.bytes().all(|b| b == b':' || b.is_ascii_digit()) {
        return None;
    }
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    if hour > 23 || minute > 59 {
        return None;
    }
    Some(Day::parse(date)?.start_us() + (hour * 60 + minute) * 60_000_000)
}

const fn is_leap(year: i32) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

const fn month_days(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + is_leap(year) as u32,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_both_ways() {
        // Known day numbers, e.g. from `date -d 2022-01-01 +%s` / 86400.
        for (text, number, weekday, quarter) in [
            ("1970-01-01", 0, 3, "1970-Q1"),
            ("2000-02-29", 11_016, 1, "2000-Q1"),
            ("2022-01-01", 18_993, 5, "2022-Q1"),
            ("2022-06-30", 19_173, 3, "2022-Q2"),
            ("2024-12-31", 20_088, 1, "2024-Q4"),
        ] {
            let day = Day::parse(text).unwrap();
            assert_eq!((day.0, day.weekday()), (number, weekday), "{text}");
            assert_eq!((day.to_string().as_str(), day.quarter().as_str()), (text, quarter));
        }
        for number in 0..40_000 {
            assert_eq!(Day::parse(&Day(number).to_string()), Some(Day(number)));
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2022",
            "2022-1-01",
            "2022-02-29",
            "2022-13-01",
            "2022-00-10",
            "2022-01-00",
            "+022-01-01",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        for text in ["2022-01-01T24:00", "2022-01-01T1:00", "2022-01-01T10:60", "2022-01-01 10:00"] {
            assert_eq!(parse_minute(text), None, "{text}");
        }
        assert_eq!(parse_minute("1970-01-02T01:02"), Some(DAY_US + 3_720_000_000));
    }
}
