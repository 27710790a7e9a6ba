//! What is read as which days, what is refused with which words, what comes before, what it is called.

use chrono::NaiveDate;

use super::{Day, Lang, Period, PeriodError};

fn day(text: &str) -> Day {
    Day::from_date(NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap())
}

/// A Wednesday in the second quarter.
fn today() -> Day {
    day("2022-05-18")
}

fn period(text: &str) -> Period {
    Period::parse(text, today()).unwrap().unwrap()
}

fn check(text: &str, first: &str, last: &str) {
    match Period::parse(text, today()) {
        Ok(Some(found)) => {
            assert_eq!((found.first(), found.last()), (day(first), day(last)), "{text}");
            assert_eq!(
                period(&found.to_string()),
                found,
                "{text} is shown as {found}, which reads differently"
            );
        }
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str, words: &str) {
    match Period::parse(text, today()) {
        Err(error) => assert!(error.to_string().contains(words), "{text:?}: {error}"),
        Ok(found) => panic!("{text:?} was read as {found:?}"),
    }
}

#[test]
fn reads_the_calendar() {
    for text in [
        "2022Q2",
        "2022-Q2",
        "2022q2",
        " 2022 Q2 ",
        "Q2 2022",
        "2022年第2四半期",
        "２０２２Ｑ２",
        "2022/q2",
    ] {
        check(text, "2022-04-01", "2022-06-30");
    }
    for text in [
        "2022-04",
        "2022-4",
        "2022/04",
        "202204",
        "April 2022",
        "apr 2022",
        "2022 apr",
        "2022年4月",
    ] {
        check(text, "2022-04-01", "2022-04-30");
    }
    for text in ["2022", "2022年", "２０２２年"] {
        check(text, "2022-01-01", "2022-12-31");
    }
    for text in ["2022-04-01", "2022/4/1", "20220401", "1 April 2022", "2022年4月1日", "2022-04-01 "] {
        check(text, "2022-04-01", "2022-04-01");
    }
    check("2022Q1", "2022-01-01", "2022-03-31");
    check("2022Q4", "2022-10-01", "2022-12-31");
    check("2024-02", "2024-02-01", "2024-02-29");
    check("2100-02", "2100-02-01", "2100-02-28");
    check("2000-02-29", "2000-02-29", "2000-02-29");
    check("1970", "1970-01-01", "1970-12-31");
    check("2199Q4", "2199-10-01", "2199-12-31");
    check("2199-12-31", "2199-12-31", "2199-12-31");
}

#[test]
fn reads_iso_weeks() {
    check("2022W14", "2022-04-04", "2022-04-10");
    check("2022-W14", "2022-04-04", "2022-04-10");
    check("2020W53", "2020-12-28", "2021-01-03");
    check("2025w1", "2024-12-30", "2025-01-05");
    refused("2022W53", "W53");
    refused("2022W00", "no such week");
    // Its Monday is in 1969.
    refused("1970W01", "1970");
}

#[test]
fn reads_ranges() {
    for text in [
        "2022-04-01..2022-06-30",
        "2022-04..2022-06",
        "2022Q2..2022Q2",
        "2022-04 .. 2022-06",
        "2022-04 to 2022-06",
        "2022年4月～2022年6月",
        "2022-04–2022-06",
    ] {
        check(text, "2022-04-01", "2022-06-30");
    }
    check("2022-04-01..", "2022-04-01", "2022-05-18");
    check("2022-05-18..", "2022-05-18", "2022-05-18");
    check("2022..", "2022-01-01", "2022-05-18");
    check("..2022-06-30", "1970-01-01", "2022-06-30");
    check("2021-12..today", "2021-12-01", "2022-05-18");
    check("2021..yesterday", "2021-01-01", "2022-05-17");
    check("last year..this month", "2021-01-01", "2022-05-31");
}

#[test]
fn reads_from_today() {
    check("today", "2022-05-18", "2022-05-18");
    check("Yesterday", "2022-05-17", "2022-05-17");
    check("last 7 days", "2022-05-11", "2022-05-17");
    check("LAST  30  DAYS", "2022-04-18", "2022-05-17");
    check("past 1 day", "2022-05-17", "2022-05-17");
    check("last-7-days", "2022-05-11", "2022-05-17");
    check("last 2 weeks", "2022-05-02", "2022-05-15");
    check("last 3 months", "2022-02-01", "2022-04-30");
    check("last 2 quarters", "2021-10-01", "2022-03-31");
    check("last 2 years", "2020-01-01", "2021-12-31");
    check("last week", "2022-05-09", "2022-05-15");
    check("last month", "2022-04-01", "2022-04-30");
    check("last quarter", "2022-01-01", "2022-03-31");
    check("last year", "2021-01-01", "2021-12-31");
    check("this week", "2022-05-16", "2022-05-22");
    check("this month", "2022-05-01", "2022-05-31");
    check("this quarter", "2022-04-01", "2022-06-30");
    check("this year", "2022-01-01", "2022-12-31");
    check("先月", "2022-04-01", "2022-04-30");
    check("前四半期", "2022-01-01", "2022-03-31");
    assert_eq!(Period::parse("all", today()), Ok(None));
    assert_eq!(Period::parse(" ALL ", today()), Ok(None));
}

#[test]
fn the_turn_of_the_year_belongs_to_the_right_one() {
    let at = |text: &str, on: &str| Period::parse(text, day(on)).unwrap().unwrap().to_string();
    assert_eq!(at("last month", "2024-01-01"), "2023-12");
    assert_eq!(at("last quarter", "2024-01-31"), "2023Q4");
    assert_eq!(at("last 1 days", "2024-03-01"), "2024-02-29");
    assert_eq!(at("last year", "2024-12-31"), "2023");
    assert_eq!(at("this quarter", "2024-12-31"), "2024Q4");
    assert_eq!(at("last week", "2024-01-01"), "2023-12-25..2023-12-31");
    assert_eq!(at("this week", "2023-12-31"), "2023-12-25..2023-12-31");
}

#[test]
fn refuses_with_a_hint() {
    for text in [
        "",
        "  ",
        "..",
        "hello",
        "2022Q",
        "Q2",
        "22Q2",
        "2022--04",
        "2022-04-",
        "-2022",
        "2022-04-01-02",
    ] {
        refused(text, "hint: write 2022Q2");
    }
    for text in [
        "last",
        "last 0 days",
        "last -7 days",
        "last 7 moons",
        "last 99999999999 days",
        "next week",
        "this day x",
    ] {
        refused(text, "hint: write 2022Q2");
    }
    for text in [
        "2022Q22",
        "2022-04-01T00:00:00",
        "\u{1b}[2J",
        "1e9",
        "2022-04..x",
        "..",
        "2022.04",
        "last 5 s",
    ] {
        refused(text, "hint: write 2022Q2");
    }
    refused(&"2022-04-01".repeat(100_000), "cannot read");
    refused(&"年".repeat(20), "cannot read");
    refused("2022Q5", "quarters are Q1 to Q4");
    refused("2022Q0", "quarters are Q1 to Q4");
    refused("2022-13", "no such month");
    refused("2022-00", "no such month");
    refused("2022-02-29", "no such day");
    refused("2100-02-29", "no such day");
    refused("2022-04-31", "no such day");
    refused("1969", "years 1970 to 2199");
    refused("2200Q1", "years 1970 to 2199");
    refused("0000-01-01", "years 1970 to 2199");
    refused("last 9999 years", "years 1970 to 2199");
    refused("last 99999 quarters", "years 1970 to 2199");
    refused("2022-06..2022-04", "swap the two ends");
    refused("2023-01-01..", "2023-01-01..YYYY-MM-DD");
    let error = Period::parse("\u{1b}[2Jx", today()).unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn steps_back_by_its_own_kind() {
    let before = |text: &str| period(text).previous().map(|found| found.to_string());
    for (text, expected) in [
        ("2022Q2", "2022Q1"),
        ("2022Q1", "2021Q4"),
        ("2022-03", "2022-02"),
        ("2024-03", "2024-02"),
        ("2022-01", "2021-12"),
        ("2022", "2021"),
        ("2022-04..2022-09", "2021-10..2022-03"),
        ("2022-02..2022-03", "2021-12..2022-01"),
        ("2022-04-01..2022-06-29", "2022Q1"),
        ("2022-05-11..2022-05-17", "2022-05-04..2022-05-10"),
        ("2022-03-01", "2022-02-28"),
        ("2022W14", "2022-03-28..2022-04-03"),
    ] {
        assert_eq!(before(text).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(before("1970Q1"), None);
    assert_eq!(before("1970-01-05..1970-01-20"), None);
}

#[test]
fn is_named_in_both_languages() {
    for (text, english, japanese) in [
        ("2022Q2", "April–June 2022", "2022年4月～6月"),
        ("2022-04", "April 2022", "2022年4月"),
        ("2022", "2022", "2022年"),
        ("2021..2022", "2021–2022", "2021年～2022年"),
        ("2021-11..2022-01", "November 2021 – January 2022", "2021年11月～2022年1月"),
        ("2021-07..2022-06", "July 2021 – June 2022", "2021年7月～2022年6月"),
        ("2022-04-01", "1 April 2022", "2022年4月1日"),
        ("2022-04-04..2022-04-10", "4–10 April 2022", "2022年4月4日～10日"),
        ("2022-03-28..2022-04-03", "28 March – 3 April 2022", "2022年3月28日～4月3日"),
        ("2020W53", "28 December 2020 – 3 January 2021", "2020年12月28日～2021年1月3日"),
    ] {
        let found = period(text);
        assert_eq!(found.label(Lang::English), english);
        assert_eq!(found.label(Lang::Japanese), japanese);
    }
}

#[test]
fn counts_its_days() {
    assert_eq!(period("2022Q2").len_days(), 91);
    assert_eq!(period("2024").len_days(), 366);
    assert_eq!(period("1970..2199").len_days(), 84_006);
    assert_eq!(period("2022-04-01").days().collect::<Vec<_>>(), [day("2022-04-01")]);
    assert_eq!(period("2022Q2").days().count(), 91);
    assert_eq!(period("2022Q2").index_of(day("2022-04-01")), Some(0));
    assert_eq!(period("2022Q2").index_of(day("2022-06-30")), Some(90));
    assert_eq!(period("2022Q2").index_of(day("2022-07-01")), None);
}

#[test]
fn days_are_numbers_of_the_calendar() {
    assert_eq!(Day(0).to_string(), "1970-01-01");
    assert_eq!(Day(19_083).to_string(), "2022-04-01");
    assert_eq!(Day::from_date(day("2022-04-01").to_date()), Day(19_083));
    // Numbers no calendar has do not panic.
    assert!(Day(i32::MAX).to_date() > Day(0).to_date());
    assert!(Day(i32::MIN).to_date() < Day(0).to_date());
    assert_eq!(
        Period::new(Day(5), Day(4)),
        Err(PeriodError::Backwards {
            first: Day(5),
            last: Day(4)
        })
    );
    assert!(matches!(Period::new(Day(i32::MIN), Day(i32::MAX)), Err(PeriodError::Range { .. })));
}
