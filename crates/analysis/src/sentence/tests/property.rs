//! What holds for the sentences of any finding.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn number(random: &mut ChaCha8Rng) -> f64 {
    match random.random_range(0..12) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => 0.0,
        3 => -random.random::<f64>(),
        4 => 1e300,
        5 => 1.0,
        _ => (random.random::<f64>() * 8.0 - 3.0).exp(),
    }
}

fn any_day(random: &mut ChaCha8Rng) -> Day {
    match random.random_range(0..40) {
        0 => Day::MIN,
        1 => Day::MAX,
        2 => NEW_YEAR - 30,
        _ => day(4, 1) + random.random_range(0..91),
    }
}

fn any_subject(random: &mut ChaCha8Rng) -> Subject {
    let port = random.random_bool(0.8).then(|| random.random_range(0..10_000_u16));
    let proto = if port.is_some() { 6 } else { 1 };
    let (tool, region) = ("mirai".to_owned(), "JP".to_owned());
    match random.random_range(0..7) {
        0 => Subject::Total,
        1 => Subject::Port { proto, port },
        2 => Subject::Region(region),
        3 => Subject::Network(64_500),
        4 => Subject::Tool(tool),
        5 => Subject::ToolRegion { tool, region },
        _ => Subject::PortRegion { proto, port, region },
    }
}

fn any_course(random: &mut ChaCha8Rng) -> Course {
    let one = any_day(random);
    let other = any_day(random);
    let (from, to) = if random.random_bool(0.95) {
        (one.min(other), one.max(other))
    } else {
        (one.max(other), one.min(other))
    };
    let peak = any_day(random);
    let factor = number(random);
    let trend = Trend {
        open: random.random_bool(0.5),
        steeper_from: random.random_bool(0.5).then_some(peak),
        ..trend(from, to, factor)
    };
    let base = number(random);
    match random.random_range(0..9) {
        0 => Course::Trend(trend),
        1 => Course::Jump(trend),
        2 => Course::Bulge {
            from,
            to,
            peak,
            base,
            factor,
        },
        3 => Course::Swing {
            from,
            to,
            turns: random.random(),
            factor,
        },
        4 => Course::Surge {
            from,
            to,
            peak,
            base,
            factor: random.random_bool(0.8).then_some(factor),
            seconded: false,
        },
        5 => Course::Appear { from, to, level: base },
        6 => Course::Cross {
            other: any_subject(random),
            day: from,
        },
        7 => Course::Growth {
            from,
            to,
            before: base,
            after: base,
            factor,
        },
        _ => Course::Steady { level: base },
    }
}

fn any_finding(random: &mut ChaCha8Rng) -> Finding {
    let measure = if random.random_bool(0.5) {
        Measure::Packets
    } else {
        Measure::Sources
    };
    let mut found = finding(any_subject(random), measure, any_course(random));
    found.origin = Origin {
        contributions: (0..random.random_range(0..5_u32))
            .map(|_| Contribution {
                subject: any_subject(random),
                percent: number(random) * 10.0,
            })
            .collect(),
        busiest_source_percent: random.random_bool(0.5).then(|| number(random) * 10.0),
        sensors: Some((random.random_range(0..9), random.random_range(0..9))),
    };
    found
}

/// Every number of a text, months and "double" among them. "a day" is said with a 1 in Japanese.
pub(super) fn numbers(text: &str, lang: Lang) -> BTreeSet<String> {
    let months = [
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
    let mut text = text.replace(',', "");
    for idiom in ["1日約", "1日あたり", "1日平均", "1日（協定世界時）"] {
        text = text.replace(idiom, "");
    }
    if lang == Lang::English {
        text = text.replace("double", "2");
        for (index, month) in months.iter().enumerate() {
            text = text.replace(month, &(index + 1).to_string());
        }
    }
    text.split(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .map(|word| word.trim_matches('.').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

fn check(english: &str, japanese: &str, what: &dyn std::fmt::Debug) {
    for (text, end) in [(english, '.'), (japanese, '。')] {
        assert!(text.ends_with(end), "{text} of {what:?}");
        for wrong in [
            "NaN",
            "inf",
            "  ",
            " .",
            " ,",
            "..",
            "。。",
            "、、",
            "、。",
            "-0",
            "はは",
            "しし",
            "ましま",
        ] {
            assert!(!text.contains(wrong), "{wrong:?} in {text:?} of {what:?}");
        }
        assert!(text.len() < 2000, "endless: {text} of {what:?}");
    }
    assert!(
        english.starts_with(|letter: char| letter.is_uppercase() || letter.is_ascii_digit()),
        "{english}"
    );
    assert!(!japanese.contains(' ') || japanese.contains("Example Telecom"), "{japanese}");
    assert_eq!(
        numbers(english, Lang::English),
        numbers(japanese, Lang::Japanese),
        "{english}\n{japanese}\n{what:?}"
    );
}

#[test]
fn sentences_of_any_finding_are_sound_and_say_the_same_numbers() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..6_000 {
        let found = any_finding(&mut random);
        let say = |lang| sentence(&found, &Plain(lang), &quarter(lang));
        check(&say(Lang::English), &say(Lang::Japanese), &found);
        let from = |lang| origin(&found, &Plain(lang), &quarter(lang));
        let (english, japanese) = (from(Lang::English), from(Lang::Japanese));
        assert_eq!(english.len(), japanese.len());
        for (english, japanese) in english.iter().zip(&japanese) {
            check(&english.text, &japanese.text, &found);
        }
        for (name, value) in values(&found) {
            assert!(name.starts_with(&found.id));
            assert!(matches!(value, Value::Day(_)) || matches!(value, Value::Number(number) if number.is_finite()));
        }
    }
}

#[test]
fn stories_of_any_findings_state_each_and_say_the_same_numbers() {
    let mut random = ChaCha8Rng::seed_from_u64(8);
    for _ in 0..1_000 {
        let findings: Vec<Finding> = (0..random.random_range(1..9))
            .map(|index| {
                let mut found = any_finding(&mut random);
                found.subject = port(23);
                found.id = format!("{index}");
                found
            })
            .collect();
        let findings: Vec<&Finding> = findings.iter().collect();
        let tell = |lang| story(&findings, &Plain(lang), &quarter(lang));
        let (english, japanese) = (tell(Lang::English), tell(Lang::Japanese));
        assert_eq!(english, tell(Lang::English), "the same twice");
        assert_eq!(english.len(), japanese.len());
        for (english, japanese) in english.iter().zip(&japanese) {
            assert_eq!(english.findings, japanese.findings);
            check(&english.text, &japanese.text, &findings);
        }
        let stated: BTreeSet<&String> = english.iter().flat_map(|fact| &fact.findings).collect();
        for found in &findings {
            assert!(stated.contains(&found.id) || matches!(found.course, Course::Steady { .. }));
        }
    }
}
