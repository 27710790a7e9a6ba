//! Sentences against golden files, and properties of those of random findings.

mod behaviours;
mod done;
mod golden;
mod property;

use super::calendar::date;
use super::number::{Amount, quantity, rank, share};
use super::*;
use crate::finding::{Contribution, Course, Measure, Origin, Subject, Trend};

/// Names as a report gives them.
struct Plain(Lang);

impl Names for Plain {
    fn port(&self, proto: u8, port: Option<u16>) -> String {
        let proto = match proto {
            1 => "ICMP",
            6 => "TCP",
            17 => "UDP",
            _ => "GRE",
        };
        let Some(port) = port else {
            return proto.to_owned();
        };
        let service = match port {
            22 => "ssh",
            23 => "telnet",
            80 => "http",
            443 => "https",
            6379 => "redis",
            _ => return format!("{port}/{proto}"),
        };
        match self.0 {
            Lang::Japanese => format!("{port}/{proto}（{service}）"),
            Lang::English => format!("{port}/{proto} ({service})"),
        }
    }

    fn region(&self, code: &str) -> String {
        let (japanese, english) = match code {
            "JP" => ("日本", "Japan"),
            "TW" => ("台湾", "Taiwan"),
            "US" => ("米国", "the United States"),
            "BR" => ("ブラジル", "Brazil"),
            _ => ("不明な地域", "an unknown region"),
        };
        match self.0 {
            Lang::Japanese => japanese.to_owned(),
            Lang::English => english.to_owned(),
        }
    }

    fn network(&self, asn: u32) -> String {
        match self.0 {
            Lang::Japanese => format!("Example Telecom（AS{asn}）"),
            Lang::English => format!("Example Telecom (AS{asn})"),
        }
    }

    fn tool(&self, tool: &str) -> String {
        if tool == "mirai" { "Mirai".to_owned() } else { tool.to_owned() }
    }
}

/// 1 January 2022.
const NEW_YEAR: Day = 18_993;

/// Day of 2022.
fn day(month: i32, day: i32) -> Day {
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    NEW_YEAR + before[usize::try_from(month - 1).unwrap()] + day - 1
}

fn quarter(lang: Lang) -> Context {
    Context {
        lang,
        period: (day(4, 1), day(6, 30)),
    }
}

fn port(number: u16) -> Subject {
    Subject::Port {
        proto: 6,
        port: Some(number),
    }
}

fn finding(subject: Subject, measure: Measure, course: Course) -> Finding {
    let id = format!("{}.{measure:?}.{}.{:?}", subject.slug(), course.slug(), course.from()).to_lowercase();
    Finding {
        id,
        subject,
        measure,
        course,
        surprise: 5.0,
        origin: Origin::default(),
    }
}

fn trend(from: Day, to: Day, factor: f64) -> Trend {
    Trend {
        from,
        to,
        before: 1000.0,
        after: 1000.0 * factor,
        factor,
        factor_low: factor * 0.9,
        factor_high: factor * 1.1,
        open: false,
        steeper_from: None,
    }
}

#[test]
fn dates_are_of_the_calendar() {
    for (number, year, month, of_month) in [
        (0, 1970, 1, 1),
        (-1, 1969, 12, 31),
        (11_016, 2000, 2, 29),
        (11_017, 2000, 3, 1),
        (18_993, 2022, 1, 1),
        (19_173, 2022, 6, 30),
        (19_782, 2024, 2, 29),
        (47_541, 2100, 3, 1),
    ] {
        let found = date(number);
        assert_eq!((found.year, found.month, found.day), (year, month, of_month), "day {number}");
    }
    assert_eq!(day(6, 30), 19_173);
}

#[test]
fn years_are_named_only_outside_the_period() {
    for (from, to, english, japanese) in [
        (day(5, 3), day(5, 5), "from 3 to 5 May", "5月3日から5日にかけて"),
        (day(4, 29), day(5, 5), "from 29 April to 5 May", "4月29日から5月5日にかけて"),
        (day(5, 3), day(5, 3), "on 3 May", "5月3日に"),
        (
            NEW_YEAR - 10,
            NEW_YEAR - 2,
            "from 22 to 30 December 2021",
            "2021年12月22日から30日にかけて",
        ),
        (
            NEW_YEAR - 32,
            NEW_YEAR - 2,
            "from 30 November to 30 December 2021",
            "2021年11月30日から12月30日にかけて",
        ),
        (
            NEW_YEAR - 2,
            NEW_YEAR + 2,
            "from 30 December 2021 to 3 January 2022",
            "2021年12月30日から2022年1月3日にかけて",
        ),
    ] {
        let precision = calendar::Precision::Exact;
        assert_eq!(quarter(Lang::English).stretch(from, to, precision), english);
        assert_eq!(quarter(Lang::Japanese).stretch(from, to, precision), japanese);
    }
}

#[test]
fn periods_have_their_names() {
    use calendar::Span;
    for (first, last, span) in [
        (day(4, 1), day(6, 30), Span::Quarter),
        (day(5, 1), day(7, 31), Span::Other),
        (day(2, 1), day(2, 28), Span::Month),
        (day(1, 1), day(12, 31), Span::Year),
        (day(1, 2), day(3, 31), Span::Other),
        (day(1, 1), day(1, 31) + 365, Span::Other),
        (Day::MIN, Day::MAX, Span::Other),
    ] {
        let context = Context {
            lang: Lang::English,
            period: (first, last),
        };
        assert_eq!(context.span(), span, "{first} to {last}");
    }
}

#[test]
fn factors_are_said_with_two_digits_at_most() {
    let times = |text: &str| Amount::Times(text.to_owned());
    for (factor, amount) in [
        (5.23, times("5")),
        (4.76, times("5")),
        (4.6, times("4.5")),
        (2.34, times("2.3")),
        (2.06, times("2.1")),
        (12.4, times("12")),
        (1234.0, times("1,200")),
        (2.0, Amount::Double),
        (1.95, Amount::Double),
        (1.94, Amount::Above("95".to_owned())),
        (1.31, Amount::Above("30".to_owned())),
        (1.1, Amount::Above("10".to_owned())),
        (1.05, Amount::SlightlyAbove),
        (1.0, Amount::Same),
        (0.95, Amount::SlightlyBelow),
        (0.81, Amount::Below("20".to_owned())),
        (0.5, Amount::Half),
        (0.04, Amount::Below("96".to_owned())),
        (0.006, Amount::Below("99".to_owned())),
        (0.0, Amount::Nothing),
        (1e9, Amount::MoreThanTimes("10,000".to_owned())),
        (f64::INFINITY, Amount::FromNothing),
        (f64::NAN, Amount::Unknown),
        (-1.0, Amount::Unknown),
    ] {
        assert_eq!(Amount::of(factor), amount, "{factor}");
    }
}

#[test]
fn a_said_factor_is_within_a_tenth_of_the_true_one() {
    for step in 0..4000 {
        let factor = 1.1 * 1.002_f64.powi(step);
        let said = match Amount::of(factor) {
            Amount::Times(text) => text.replace(',', "").parse::<f64>().unwrap(),
            Amount::Double => 2.0,
            Amount::Above(percent) => 1.0 + percent.parse::<f64>().unwrap() / 100.0,
            other @ (Amount::MoreThanTimes(_)
            | Amount::Below(_)
            | Amount::Half
            | Amount::SlightlyAbove
            | Amount::SlightlyBelow
            | Amount::Same
            | Amount::Nothing
            | Amount::FromNothing
            | Amount::Unknown) => panic!("{factor} is said as {other:?}"),
        };
        assert!((said / factor - 1.0).abs() <= 0.1, "{factor} is said as {said}");
    }
}

#[test]
fn quantities_and_shares() {
    for (value, text) in [
        (1_340.0, Some("1,300")),
        (0.42, Some("0.42")),
        (12.4, Some("12")),
        (0.0, Some("0")),
        (1e-9, Some("0")),
        (1e300, Some("1,000,000,000,000,000")),
        (-1.0, None),
        (f64::NAN, None),
    ] {
        assert_eq!(quantity(value).as_deref(), text, "{value}");
    }
    for (percent, text) in [
        (62.4, Some("62 %")),
        (0.3, Some("less than 1 %")),
        (0.0, Some("0 %")),
        (99.7, Some("more than 99 %")),
        (100.0, Some("100 %")),
        (101.0, None),
        (f64::NAN, None),
    ] {
        assert_eq!(share(percent, Lang::English).as_deref(), text, "{percent}");
    }
    let ranks: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 112].map(|place| rank(place, Lang::English)).into();
    assert_eq!(ranks.join(" "), "1st 2nd 3rd 4th 11th 12th 13th 21st 112th");
}

#[test]
fn names_from_outside_become_one_short_line() {
    let hostile = format!("  a\u{0}b\n\n c  {}", "x".repeat(10_000));
    let cleaned = clean(&hostile);
    assert!(cleaned.starts_with("a b c xx"));
    assert!(cleaned.chars().count() <= NAME_CHARS_MAX);
}

#[test]
fn a_story_orders_by_day_and_states_every_finding_once() {
    let jump = finding(port(23), Measure::Packets, Course::Jump(trend(day(6, 2), day(6, 2), 3.0)));
    let early = finding(port(23), Measure::Packets, Course::Jump(trend(day(4, 9), day(4, 9), 0.7)));
    let steady = finding(port(23), Measure::Packets, Course::Steady { level: 3.0 });
    let other = finding(port(80), Measure::Packets, Course::Steady { level: 3.0 });
    let names = Plain(Lang::English);
    let facts = story(&[&jump, &steady, &early, &jump, &other], &names, &quarter(Lang::English));
    let ids: Vec<_> = facts.iter().flat_map(|fact| fact.findings.clone()).collect();
    assert_eq!(ids, [early.id, jump.id, other.id]);
    let texts: Vec<_> = facts.iter().map(|fact| fact.text.as_str()).collect();
    assert_eq!(texts.iter().filter(|text| text.contains("23/TCP")).count(), 1);
    assert_eq!(story(&[], &names, &quarter(Lang::English)), []);
}

#[test]
fn values_name_every_number_and_day() {
    let mut course = trend(day(5, 14), day(6, 5), 2.3);
    course.factor_high = f64::INFINITY;
    course.steeper_from = Some(day(6, 1));
    let mut found = finding(port(23), Measure::Packets, Course::Trend(course));
    found.id = "id".to_owned();
    found.origin.sensors = Some((3, 24));
    found.origin.contributions.push(Contribution {
        subject: Subject::Region("JP".to_owned()),
        percent: 62.0,
    });
    let expected = [
        ("id.from", Value::Day(day(5, 14))),
        ("id.to", Value::Day(day(6, 5))),
        ("id.before", Value::Number(1000.0)),
        ("id.after", Value::Number(2300.0)),
        ("id.factor", Value::Number(2.3)),
        ("id.factor_low", Value::Number(2.3 * 0.9)),
        ("id.steeper_from", Value::Day(day(6, 1))),
        ("id.surprise", Value::Number(5.0)),
        ("id.share.region-jp", Value::Number(62.0)),
        ("id.sensors_seeing", Value::Number(3.0)),
        ("id.sensors_observing", Value::Number(24.0)),
    ];
    let found: Vec<(String, Value)> = values(&found)
        .into_iter()
        .map(|(name, value)| match value {
            Value::Number(number) if name == "id.after" => (name, Value::Number(number.round())),
            Value::Number(_) | Value::Day(_) => (name, value),
        })
        .collect();
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
}
