//! Tests of commentary: places and quotations, and which quoted numbers and dates are still true.

use super::*;
use crate::period::Day;

fn number(text: &str, value: f64) -> Verdict {
    judge(text, "a.factor", &Fact::Number(value))
}

#[test]
fn numbers_agree_at_the_precision_written() {
    // Text; values it is true of; values it is not.
    let cases: &[(&str, &[f64], &[f64])] = &[
        ("5", &[4.5, 4.6, 5.0, 5.5], &[4.4, 5.6, -5.0]),
        ("約5倍", &[4.5, 4.6, 5.5], &[4.4, 5.6]),
        ("５倍", &[4.6], &[4.4]),
        ("5.2", &[5.15, 5.2, 5.25], &[5.14, 5.26, 5.0]),
        ("約5.2倍", &[5.15, 5.25], &[5.1, 5.3]),
        ("about 5 times", &[4.6], &[4.4]),
        ("5-fold", &[5.4], &[5.6]),
        ("five-fold", &[5.4], &[5.6]),
        ("fivefold", &[5.4], &[5.6]),
        ("a factor of 5.0", &[4.96], &[4.9]),
        ("x5", &[], &[5.0]),
        ("5x", &[5.4], &[5.6]),
        ("doubled", &[1.6, 2.4], &[1.4, 2.6]),
        ("倍増", &[2.1], &[3.0]),
        ("twice", &[2.0], &[2.9]),
        ("halved", &[0.5, 0.45], &[0.4, 0.6, 2.0]),
        ("半減", &[0.5], &[0.7]),
        ("3分の1", &[0.33, 0.31], &[0.25, 3.0]),
        ("1/5", &[0.2, 0.19], &[0.25, 5.0]),
        ("a third", &[0.33], &[0.25]),
        ("1,234", &[1234.0, 1233.6], &[1235.0, 1200.0, 1.0]),
        ("1,200", &[1200.0], &[1234.0]),
        ("約1,200", &[1234.0, 1170.0], &[1260.0]),
        ("about 1,000", &[900.0, 1100.0], &[800.0, 1200.0]),
        ("12万", &[115_000.0, 124_000.0], &[126_000.0]),
        ("1万2,345", &[12_345.0], &[12_300.0]),
        ("1億2000万", &[120_000_000.0], &[121_000_000.0]),
        ("1.2億件", &[123_000_000.0], &[126_000_000.0]),
        ("3.5千", &[3_540.0], &[3_600.0]),
        ("1.2 million", &[1_240_000.0], &[1_260_000.0]),
        ("12k", &[12_400.0], &[12_600.0]),
        ("5倍以上", &[5.0, 9.0], &[4.8, 11.0]),
        ("5倍を超える", &[5.1], &[4.9]),
        ("over 5 times", &[5.1, 9.9], &[4.9, 10.5]),
        ("more than 5", &[5.1], &[4.9]),
        ("no more than 5", &[4.9], &[5.1]),
        ("at least 5", &[5.0], &[4.9]),
        ("5倍未満", &[4.9], &[5.1, 2.0]),
        ("less than 5", &[4.0], &[5.1]),
        ("5倍弱", &[4.8], &[5.1, 4.0]),
        ("5倍強", &[5.3], &[4.9, 6.0]),
        ("nearly 5", &[4.8], &[5.1]),
        ("30程度", &[31.0, 33.0], &[36.0]),
        ("3～5倍", &[2.6, 4.0, 5.4], &[2.4, 5.6]),
        ("3–5 times", &[4.0], &[6.0]),
        ("3-5 times", &[4.0], &[6.0]),
        ("3 to 5", &[4.0], &[6.0]),
        ("3から5倍", &[4.0], &[6.0]),
        ("3～5万", &[30_000.0, 54_000.0], &[20_000.0, 3.0]),
        ("23/TCPで約5倍", &[4.6], &[23.0]),
        ("5 (4.6)", &[4.6], &[5.2]),
        ("0", &[0.0, 0.4], &[0.6]),
    ];
    for (text, holds, fails) in cases {
        for value in *holds {
            assert_eq!(number(text, *value), Verdict::Agrees, "{text:?} with {value}");
        }
        for value in *fails {
            assert_ne!(number(text, *value), Verdict::Agrees, "{text:?} with {value}");
        }
    }
    for text in ["", "five or so", "CVE-2022-1388", "Q2", "急増", "23/TCP"] {
        let expected = if text.starts_with("five") {
            Verdict::Agrees
        } else {
            Verdict::Unreadable
        };
        assert_eq!(number(text, 5.0), expected, "{text:?}");
    }
}

#[test]
fn per_cent_needs_a_fact_in_per_cent_and_its_direction() {
    let percent = |text: &str, value| judge(text, "a.percent", &Fact::Number(value));
    for (text, value, expected) in [
        ("30%", 31.0, Verdict::Stale),
        ("約30%増", 31.0, Verdict::Agrees),
        ("約30％増", 31.0, Verdict::Agrees),
        ("約30%増", -31.0, Verdict::Stale),
        ("約30%減", -31.0, Verdict::Agrees),
        ("30パーセント", 30.2, Verdict::Agrees),
        ("3割", 33.0, Verdict::Agrees),
        ("3割減", -33.0, Verdict::Agrees),
        ("3割", 36.0, Verdict::Stale),
        ("-31%", -31.0, Verdict::Agrees),
        ("−31 %", -31.0, Verdict::Agrees),
        ("-31%", 31.0, Verdict::Stale),
        ("+31%", 31.0, Verdict::Agrees),
        ("+31%", -31.0, Verdict::Stale),
        ("31%", -31.0, Verdict::Agrees),
        ("fell by 31%", -31.0, Verdict::Agrees),
        ("fell by 31%", 31.0, Verdict::Stale),
        ("31 per cent", 31.4, Verdict::Agrees),
        ("less than 35%", 31.0, Verdict::Agrees),
        ("about a third", 33.0, Verdict::Agrees),
        ("半数", 48.0, Verdict::Agrees),
        ("30～40%", 36.0, Verdict::Agrees),
        ("12.3%", 12.34, Verdict::Agrees),
        ("12.3%", 12.36, Verdict::Stale),
        ("5倍", 400.0, Verdict::Unit("factor")),
    ] {
        assert_eq!(percent(text, value), expected, "{text:?} with {value}");
    }
    let share = "port-23-tcp.packets.surge.2022-05-08.share.region-jp";
    assert_eq!(judge("約3割", share, &Fact::Number(31.0)), Verdict::Agrees);
    assert_eq!(number("約30%増", 1.31), Verdict::Unit("percent"));
    assert_eq!(number("3割増", 1.31), Verdict::Unit("percent"));
}

#[test]
fn dates_agree_to_the_day() {
    let day = |text: &str| Day::from_date(chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap()).0;
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("5月18日", &["2022-05-18"], &["2022-05-17", "2022-05-19", "2022-04-18"]),
        ("５月１８日", &["2022-05-18"], &["2022-05-19"]),
        (
            "5月18日頃",
            &["2022-05-17", "2022-05-18", "2022-05-19"],
            &["2022-05-16", "2022-05-20"],
        ),
        ("5月18日ごろから", &["2022-05-19"], &["2022-05-20"]),
        ("5月1日前後", &["2022-04-30"], &["2022-04-29"]),
        ("2022年5月18日", &["2022-05-18"], &["2021-05-18"]),
        ("2022年5月", &["2022-05-01", "2022-05-31"], &["2021-05-18", "2022-06-01"]),
        ("5月上旬", &["2022-05-01", "2022-05-10"], &["2022-05-11"]),
        ("5月中旬", &["2022-05-11", "2022-05-20"], &["2022-05-10", "2022-05-21"]),
        ("5月中旬頃", &["2022-05-21"], &["2022-05-22"]),
        ("5月下旬", &["2022-05-21", "2022-05-31"], &["2022-05-20", "2022-06-01"]),
        ("2月末", &["2022-02-28", "2022-02-22", "2024-02-23"], &["2022-02-21", "2024-02-22"]),
        ("5月初め", &["2022-05-03"], &["2022-05-09"]),
        ("18日", &["2022-05-18"], &["2022-05-19"]),
        ("18 May", &["2022-05-18"], &["2022-05-19", "2022-06-18"]),
        ("18 May 2022", &["2022-05-18"], &["2021-05-18"]),
        ("around 18 May", &["2022-05-17", "2022-05-19"], &["2022-05-20"]),
        ("around the 18th of May", &["2022-05-17", "2022-05-19"], &["2022-05-20"]),
        ("about May 18", &["2022-05-19"], &["2022-05-20"]),
        ("since May 18, 2022", &["2022-05-18"], &["2022-05-19"]),
        ("May 18th", &["2022-05-18"], &["2022-05-17"]),
        ("Sept. 3", &["2022-09-03"], &["2022-09-04"]),
        ("3 Sep", &["2022-09-03"], &["2022-09-04"]),
        ("in May", &["2022-05-30"], &["2022-06-01"]),
        ("May 2022", &["2022-05-30"], &["2021-05-30"]),
        ("early May", &["2022-05-10"], &["2022-05-11"]),
        ("mid-May", &["2022-05-11", "2022-05-20"], &["2022-05-21"]),
        ("late May", &["2022-05-21"], &["2022-05-20"]),
        ("the end of May", &["2022-05-25"], &["2022-05-24"]),
        ("2022-05-18", &["2022-05-18"], &["2022-05-19"]),
        ("5/18", &["2022-05-18"], &["2022-05-19"]),
        ("2022/5/18", &["2022-05-18"], &["2023-05-18"]),
    ];
    for (text, holds, fails) in cases {
        for value in *holds {
            assert_eq!(
                judge(text, "a.from", &Fact::Day(day(value))),
                Verdict::Agrees,
                "{text:?} with {value}"
            );
        }
        for value in *fails {
            assert_ne!(
                judge(text, "a.from", &Fact::Day(day(value))),
                Verdict::Agrees,
                "{text:?} with {value}"
            );
        }
    }
    for text in ["", "spring", "5月32日", "13/40", "from 18 May to 20 May"] {
        assert_eq!(judge(text, "a.from", &Fact::Day(19_000)), Verdict::Unreadable, "{text:?}");
    }
}

#[test]
fn what_is_offered_agrees() {
    for (name, value, japanese, english) in [
        ("a.factor", 4.63, "約4.6倍", "about 4.6 times"),
        ("a.factor_low", 0.234, "約0.23倍", "about 0.23 times"),
        ("a.percent", -31.4, "約-31%", "about -31 %"),
        ("a.before", 123_456.0, "約123,000", "about 123,000"),
        ("a.rank", 3.0, "3", "3"),
    ] {
        let fact = Fact::Number(value);
        assert_eq!(offered(name, &fact, Lang::Japanese), japanese);
        assert_eq!(offered(name, &fact, Lang::English), english);
    }
    assert_eq!(offered("a.from", &Fact::Day(19_130), Lang::Japanese), "5月18日");
    assert_eq!(offered("a.from", &Fact::Day(19_130), Lang::English), "18 May");
    for lang in [Lang::Japanese, Lang::English] {
        let mut value = 0.004_f64;
        while value < 1e13 {
            for (name, value) in [
                ("a.factor", value),
                ("a.percent", value),
                ("a.percent", -value),
                ("a.before", value),
                ("a.rank", value.round()),
            ] {
                let fact = Fact::Number(value);
                let text = offered(name, &fact, lang);
                assert_eq!(judge(&text, name, &fact), Verdict::Agrees, "{text} for {name} {value}");
            }
            value *= 1.0377;
        }
        for day in 19_000..19_400 {
            let fact = Fact::Day(day);
            assert_eq!(judge(&offered("a.from", &fact, lang), "a.from", &fact), Verdict::Agrees);
        }
    }
}

#[test]
fn words_must_be_those_of_the_fact() {
    let japan = Fact::Text("日本".to_owned());
    assert_eq!(judge("日本", "a.region", &japan), Verdict::Agrees);
    assert_eq!(judge("韓国", "a.region", &japan), Verdict::Stale);
    assert_eq!(
        judge("the United  States", "a", &Fact::Text("United States".to_owned())),
        Verdict::Agrees
    );
}

#[test]
fn claims_are_what_looks_like_a_fact() {
    for (text, expected) in [
        ("約5倍に増え、5月18日に30％となった", vec!["5月18日", "5倍", "30％"]),
        (
            "rose to 1,234 packets, a 12.5 % rise, on 18 May",
            vec!["1,234 packets", "12.5 %", "18 May"],
        ),
        (
            "23/TCP, CVE-2022-1388, port 8080, 2022年, 図1, 第2四半期, version 1.2.3, 24/7",
            vec![],
        ),
        ("3分の1", vec!["3分の1"]),
        ("It doubled; one may say so", vec!["doubled"]),
    ] {
        let mut found = claims(text);
        let mut expected = expected;
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{text}");
    }
}

const FILE: &str = "<!-- Written by the analyst.
Two lines of it. -->

<!-- place: summary -->
In brief: [**about 5** times](fact:a.factor).
<!-- - a finding: [5](fact:hidden) -->
On <!-- inline --> we go, 30 % more.

[18. May](fact:a.from) was the day; see [a page](https://a.example/) and TODO.

<!-- place: ports -->
<!-- place: regions -->
* a list

  ```
  <!-- place: mirai -->
  ```
<!-- phenomenon: port-23-tcp.packets.trend.2022-05-08 -->
<!-- why -->
# Telnet *again*

Text.
";

#[test]
fn reads_places_and_quotations() {
    let read = Commentary::parse(FILE).unwrap();
    let places: Vec<_> = read
        .sections
        .iter()
        .map(|section| (section.place.to_string(), section.line))
        .collect();
    let expected = [
        ("summary", 4),
        ("ports", 11),
        ("regions", 12),
        ("phenomenon: port-23-tcp.packets.trend.2022-05-08", 18),
    ];
    assert_eq!(places, expected.map(|(name, line)| (name.to_owned(), line)));
    let summary = read.section(&Place::Summary).unwrap();
    assert_eq!(
        summary.text,
        "In brief: **about 5** times.\n\n\nOn  we go, 30 % more.\n\n18\\. May was the day; see [a page](https://a.example/) and TODO."
    );
    let quotes: Vec<_> = summary
        .quotes
        .iter()
        .map(|quote| (quote.line, quote.text.as_str(), quote.fact.as_str()))
        .collect();
    assert_eq!(quotes, [(5, "about 5 times", "a.factor"), (9, "18. May", "a.from")]);
    assert_eq!(
        summary.links.iter().map(|link| (link.line, link.url.as_str())).collect::<Vec<_>>(),
        [(9, "https://a.example/")]
    );
    assert_eq!(summary.claims, [(7, "30 %".to_owned())]);
    assert_eq!(summary.todos, [9]);
    assert_eq!(read.text(&Place::Ports), None);
    assert_eq!(read.text(&Place::Mirai), None);
    assert!(read.text(&Place::Regions).unwrap().contains("<!-- place: mirai -->"));
    let (finding, section) = read.phenomena().next().unwrap();
    assert_eq!(finding, "port-23-tcp.packets.trend.2022-05-08");
    assert_eq!((section.title.as_deref(), section.text.as_str()), (Some("Telnet again"), "Text."));
}

#[test]
fn refuses_with_line_and_hint() {
    for (text, line, says) in [
        ("Hello\n<!-- place: ports -->\n", 1, "above it"),
        ("\n<!-- c -->\n\nHello\n", 4, "above it"),
        ("<!-- place: prots -->\n", 1, "did you mean `ports`?"),
        ("<!-- place: zzz -->\n", 1, "places are summary"),
        ("<!-- place: ports -->\na\n\n<!-- place: ports -->\n", 4, "after line 1"),
        ("<!-- phenomenon: -->\n", 1, "id of a finding"),
        ("<!-- phenomenon: a b -->\n", 1, "id of a finding"),
        ("<!-- place: ports --> Text\n", 1, "line of its own"),
        ("<!-- place: ports -->\nText <!-- place: regions -->\n", 2, "line of its own"),
        ("<!-- place: ports -->\n* Text\n\n  <!-- place: regions -->\n", 4, "line of its own"),
        ("<!-- place: ports -->\n\n<!-- open\n\nText\n", 3, "does not end"),
        ("<!-- place: ports -->\n\nIt is [5](fact:a b) today\n", 3, "without spaces"),
        (
            "<!-- place: ports -->\n\nIt is [[5](fact:a)](fact:b) today\n",
            3,
            "within another link",
        ),
    ] {
        let faults = Commentary::parse(text).unwrap_err();
        let found = faults.iter().any(|fault| fault.line() == line && fault.to_string().contains(says));
        assert!(found, "{text}\nexpected line {line} to say {says:?}, got {faults:#?}");
        assert!(faults.iter().all(|fault| fault.to_string().contains("hint: ")), "{faults:#?}");
    }
    assert!(matches!(
        Commentary::parse(&"x".repeat(FILE_BYTES_MAX + 1)).unwrap_err()[0],
        CommentaryError::Size { .. }
    ));
    let many = format!("<!-- place: ports -->\n{}", "[5](fact:a)\n".repeat(QUOTES_MAX + 5));
    assert!(matches!(
        Commentary::parse(&many).unwrap_err()[0],
        CommentaryError::Count { line: 2002, .. }
    ));
}

#[test]
fn quoted_text_does_not_become_markup() {
    for (written, expected) in [
        ("[+5%](fact:a)", "\\+5%"),
        ("[-5%](fact:a)", "\\-5%"),
        ("[5](fact:a)", "5"),
        ("[1) 5](fact:a)", "1\\) 5"),
        ("x [-5%](fact:a)", "x \\-5%"),
        ("* [-5%](fact:a)", "* \\-5%"),
        ("> [-5%](fact:a)", "> \\-5%"),
        ("[5][f]\n\n[f]: fact:a", "5\n\n[f]: fact:a"),
    ] {
        let read = Commentary::parse(&format!("<!-- place: ports -->\n{written}\n")).unwrap();
        assert_eq!(read.sections[0].text, expected, "{written}");
        assert_eq!(read.sections[0].quotes.len(), 1, "{written}");
    }
}

#[test]
fn hostile_text_is_read_in_time() {
    let size = 100_000;
    for piece in [
        "[",
        "![",
        "<!--",
        "<!-- place: ports -->",
        "`",
        "*a_",
        "> ",
        "[5](fact:",
        "5～",
        "1/",
        "約",
        "5月1日,",
        "18 May ",
        "\u{0}",
    ] {
        let text = format!("<!-- place: summary -->\n{}", piece.repeat(size / piece.len()));
        let started = std::time::Instant::now();
        let (_, faults) = Commentary::read(&text);
        assert!(faults.len() <= 101);
        assert!(started.elapsed().as_secs() < 20, "{piece:?} took {:?}", started.elapsed());
    }
}
