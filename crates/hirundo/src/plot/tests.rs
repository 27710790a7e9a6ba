//! The mean, the axes and the labels; golden charts for terminals; what must hold of every SVG.

use super::axis::{Values, day_ticks};
use super::label::spread;
use super::series::{Line, gaps};
use super::terminal::Terminal;
use super::{Chart, SERIES_MAX, Series, Window, seven_day_mean, svg, terminal};
use crate::period::{Day, Lang, Period};
use crate::view::text::width;

pub(super) fn period(text: &str) -> Period {
    Period::parse(text, Day(19_000)).unwrap().unwrap()
}

fn days(values: &[i32]) -> Vec<Option<f64>> {
    values.iter().map(|value| (*value >= 0).then_some(f64::from(*value))).collect()
}

/// A saw whose teeth differ by series; whole numbers, so that goldens do not depend on rounding.
pub(super) fn saw(series: usize, count: usize) -> Vec<Option<f64>> {
    (0..count)
        .map(|day| Some(((day * (series + 3)) % 40 + 25 * (6 - series % 6) + day % 7 * 4) as f64))
        .collect()
}

/// Three ports in a quarter, with a gap of everything, a gap of one, and two marks.
pub(super) fn quarter(lang: Lang) -> Chart {
    let (title, unit, names) = match lang {
        Lang::English => (
            "Destination ports",
            "packets per sensor-day",
            ["23/TCP (telnet)", "ICMP", "22/TCP <ssh>"],
        ),
        Lang::Japanese => ("宛先ポート番号別", "1日あたりのパケット数", ["中国", "日本", "アメリカ合衆国"]),
    };
    let mut chart = Chart::new(title, unit, period("2022Q2"), lang);
    for (number, name) in names.into_iter().enumerate() {
        let mut values = saw(number, 91);
        values[40..46].fill(None);
        if number == 1 {
            values[10..20].fill(None);
            values[15] = Some(90.0);
        }
        chart.series.push(Series::new(name, values));
    }
    chart.mark(Day(19_083 + 20), "CVE-2022-1388 \u{1b}[2J & more");
    chart.mark(Day(19_083 + 70), "taken down");
    chart
}

/// Charts at the edges: each must be drawn by both renderers.
pub(super) fn edges() -> Vec<Chart> {
    let chart = |text: &str, series: Vec<Vec<Option<f64>>>| {
        let mut chart = Chart::new("title", "unit", period(text), Lang::Japanese);
        for (number, values) in series.into_iter().enumerate() {
            chart.series.push(Series::new(format!("series {number}"), values));
        }
        chart
    };
    let mut hostile = chart("2022-04", vec![days(&[1, 2])]);
    hostile.title = "]]><script>alert('x')</script>&\u{0}\u{1b}[31m\u{202e}\u{ffff}".repeat(50);
    hostile.unit = "\"\n<!--".to_owned();
    hostile.series[0].name = "<b>&amp;\u{7}".repeat(500);
    for number in 0..500 {
        hostile.mark(Day(19_083 + number), "</text>\n]]>");
    }
    vec![
        quarter(Lang::English),
        quarter(Lang::Japanese),
        hostile,
        chart("2022Q2", vec![]),
        chart("2022Q2", vec![vec![]]),
        chart("2022-04-01", vec![days(&[5]), days(&[0]), days(&[-1])]),
        chart("2022-04-01..2022-04-02", vec![days(&[5, 7])]),
        chart("2022-04", vec![vec![Some(0.0); 30]]),
        chart(
            "2022-04",
            vec![vec![Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(f64::MAX)]],
        ),
        chart("2022-04", vec![vec![Some(-1e300), Some(1e300), Some(-5.0)], vec![Some(1e17); 30]]),
        chart("2022-04", vec![vec![Some(f64::MIN_POSITIVE), Some(5e-324)], vec![Some(1e-20)]]),
        chart("2022-04", vec![vec![Some(-3.0), Some(-1e-9)]]),
        chart("1970..2199", vec![saw(0, 84_006)]),
        chart("2022", (0..9).map(|series| saw(series, 365)).collect()),
        chart("2022Q2", (0..100).map(|series| saw(series, 91)).collect()),
        chart("2022-04", vec![days(&[1; 1_000])]),
    ]
}

#[test]
fn the_mean_counts_what_was_observed() {
    let check = |values: &[i32], window: Window, expected: &[i32]| {
        assert_eq!(seven_day_mean(&days(values), window), days(expected), "{values:?}");
    };
    let trailing = Window::Trailing;
    check(&[], trailing, &[]);
    check(&[7, 7, 7], trailing, &[-1, -1, -1]);
    check(&[4, 8, 4, 8, 6, 6, 6, 11], trailing, &[-1, -1, -1, 6, 6, 6, 6, 7]);
    // A missing day is neither a zero nor a mean.
    check(&[5, 5, 5, -1, 5, 5, 5], trailing, &[-1, -1, -1, -1, 5, 5, 5]);
    // Three of seven are too few.
    check(
        &[9, 9, 9, 9, -1, -1, -1, -1, 9, 9, 9, 9],
        trailing,
        &[-1, -1, -1, 9, -1, -1, -1, -1, -1, -1, -1, 9],
    );
    check(&[420, 0, 0, 0, 0, 0, 0], Window::Centred, &[105, 84, 70, 60, 0, 0, 0]);
    let odd = [Some(f64::NAN), Some(1.0), Some(f64::INFINITY), Some(1.0), Some(1.0), Some(1.0)];
    assert_eq!(seven_day_mean(&odd, trailing), [None, None, None, None, None, Some(1.0)]);
}

#[test]
fn days_before_the_period_complete_the_mean() {
    let mut series = Series::new("s", days(&[7, 7]));
    assert_eq!(series.mean(2), days(&[-1, -1]));
    series.lead_in = days(&[1_000_000, 0, 0, 0, 0, 0, 0]);
    assert_eq!(series.mean(2), days(&[1, 2]));
    assert_eq!(series.mean(4), days(&[1, 2, -1, -1]));
}

#[test]
fn gaps_are_days_that_nobody_observed() {
    let line = |values: &[i32]| Line {
        name: String::new(),
        daily: days(values),
        mean: Vec::new(),
    };
    let both = [line(&[-1, 1, -1, -1, 1, -1]), line(&[-1, -1, -1, -1, 0, -1])];
    assert_eq!(gaps(&both, 6), [(0, 1), (2, 2), (5, 1)]);
    assert_eq!(gaps(&[], 3), [(0, 3)]);
}

#[test]
fn values_have_round_ticks() {
    let check = |values: Vec<f64>, expected: &[&str]| {
        let daily = values.into_iter().map(Some).collect();
        let axis = Values::of(
            &[Line {
                name: String::new(),
                daily,
                mean: Vec::new(),
            }],
            5,
        );
        let labels: Vec<String> = axis.ticks.iter().map(|tick| axis.label(*tick)).collect();
        assert_eq!(labels, expected);
        assert!(axis.high > axis.low);
    };
    check(vec![], &["0", "1"]);
    check(vec![0.0], &["0", "1"]);
    check(vec![100.0], &["0", "20", "40", "60", "80", "100"]);
    check(vec![1_234.0], &["0", "250", "500", "750", "1,000", "1,250"]);
    check(
        vec![2_345_678.0],
        &["0", "500,000", "1,000,000", "1,500,000", "2,000,000", "2,500,000"],
    );
    check(vec![1.0], &["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    check(vec![0.012], &["0", "0.0025", "0.0050", "0.0075", "0.0100", "0.0125"]);
    check(vec![-30.0, 60.0], &["-40", "-20", "0", "20", "40", "60"]);
    check(vec![4e17], &["0", "1.0e17", "2.0e17", "3.0e17", "4.0e17"]);
    check(vec![4e-9], &["0", "1.0e-9", "2.0e-9", "3.0e-9", "4.0e-9"]);
}

#[test]
fn days_have_ticks_at_beginnings() {
    let check = |text: &str, lang: Lang, labels_max: usize, expected: &str| {
        let ticks = day_ticks(&period(text), lang, labels_max);
        let labelled = ticks.iter().filter(|tick| !tick.label.is_empty());
        let found: Vec<String> = labelled.map(|tick| format!("{}:{}{}", tick.index, tick.year, tick.label)).collect();
        assert_eq!(found.join(" "), expected, "{text}");
    };
    check("2022Q2", Lang::English, 10, "0:2022Apr 30:May 61:Jun");
    check("2022Q2", Lang::Japanese, 10, "0:2022年4月 30:5月 61:6月");
    check("2021-11..2022-01", Lang::English, 10, "0:2021Nov 30:Dec 61:2022Jan");
    check("2022-04-01", Lang::Japanese, 10, "0:2022年4/1");
    check("2022-04-01..2022-04-03", Lang::English, 10, "0:20221 Apr 1:2 Apr 2:3 Apr");
    check("2022-04", Lang::English, 5, "0:20221 Apr 7:8 Apr 14:15 Apr 21:22 Apr 28:29 Apr");
    check("2020..2023", Lang::English, 5, "0:2020 366:2021 731:2022 1096:2023");
    check("2022-04", Lang::English, 0, "0:20221 Apr");
    assert!(day_ticks(&period("1970..2199"), Lang::English, 10).len() <= 10);
}

#[test]
fn labels_keep_apart() {
    let check = |wanted: &[f64], expected: &[f64]| assert_eq!(spread(wanted, 10.0, 0.0, 100.0), expected);
    check(&[], &[]);
    check(&[50.0], &[50.0]);
    check(&[-5.0], &[0.0]);
    check(&[20.0, 80.0], &[20.0, 80.0]);
    check(&[50.0, 50.0], &[45.0, 55.0]);
    check(&[52.0, 50.0, 48.0], &[60.0, 50.0, 40.0]);
    check(&[100.0, 99.0, 98.0], &[100.0, 90.0, 80.0]);
    check(&[0.0, 1.0, 11.0], &[0.0, 10.0, 20.0]);
}

/// Compares with the file of that name; with `HIRUNDO_UPDATE_GOLDEN` set, writes it instead.
pub(super) fn golden(found: &str, name: &str) {
    let path = format!("{}/tests/golden/plot/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("HIRUNDO_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    assert_eq!(found, expected, "found:\n{found}");
}

#[test]
fn charts_for_terminals() {
    let wide = Terminal {
        width: 100,
        height: 24,
        colour: false,
        utf8: true,
    };
    golden(&terminal::render(&quarter(Lang::English), &wide), "quarter.txt");
    golden(&terminal::render(&quarter(Lang::Japanese), &wide), "quarter_ja.txt");
    let colour = Terminal {
        colour: true,
        height: 12,
        ..wide
    };
    golden(&terminal::render(&quarter(Lang::English), &colour), "quarter_colour.txt");
    let narrow = Terminal {
        width: 60,
        height: 16,
        colour: false,
        utf8: false,
    };
    golden(&terminal::render(&quarter(Lang::Japanese), &narrow), "quarter_ascii.txt");
}

#[test]
fn a_chart_stays_within_its_terminal() {
    for chart in edges() {
        for (columns, lines) in [(0, 0), (30, 10), (79, 24), (100, 30), (10_000, 10_000)] {
            for utf8 in [false, true] {
                let text = terminal::render(
                    &chart,
                    &Terminal {
                        width: columns,
                        height: lines,
                        colour: false,
                        utf8,
                    },
                );
                for line in text.lines() {
                    assert!(width(line) <= columns.clamp(40, 400), "{columns} columns: {line:?}");
                    assert!(utf8 || line.is_ascii(), "{line:?}");
                }
                assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
                assert!(!text.replace('\n', "").chars().any(crate::view::text::is_hidden), "{text:?}");
            }
        }
    }
}

#[test]
fn every_svg_is_well_formed_and_finite() {
    for chart in edges() {
        for (columns, lines) in [(0, 0), (480, 240), (960, 460), (u32::MAX, u32::MAX)] {
            let options = svg::Options {
                width: columns,
                height: lines,
                id: "1 <\"x".to_owned(),
                ..Default::default()
            };
            let text = svg::render(&chart, &options);
            let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
            for node in document.descendants() {
                assert!(node.tag_name().name() != "script" && node.tag_name().name() != "foreignObject");
                for attribute in node.attributes() {
                    let numbers = !["font-family", "id", "role"].contains(&attribute.name());
                    let odd = ["NaN", "inf"].iter().any(|word| attribute.value().contains(word));
                    assert!(!(numbers && odd), "{}={:?}", attribute.name(), attribute.value());
                }
            }
            assert!(text.len() < 1_500_000, "{} bytes", text.len());
        }
    }
}

#[test]
fn an_svg_says_what_it_shows() {
    let text = svg::render(
        &quarter(Lang::Japanese),
        &svg::Options {
            id: "ports".to_owned(),
            ..Default::default()
        },
    );
    let document = roxmltree::Document::parse(&text).unwrap();
    let texts = |name: &str| -> Vec<String> {
        let nodes = document.descendants().filter(|node| node.tag_name().name() == name);
        nodes.map(|node| node.text().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(texts("title")[0], "宛先ポート番号別");
    assert!(texts("desc")[0].contains("2022年4月～6月"), "{:?}", texts("desc"));
    assert!(texts("desc")[0].contains("観測のない日: 6日"), "{:?}", texts("desc"));
    for expected in [
        "4月",
        "2022年",
        "アメリカ合衆国",
        "斜線: 観測なし",
        "2022年6月10日  taken down",
        "2",
    ] {
        assert!(texts("text").iter().any(|text| text == expected), "{expected}: {:?}", texts("text"));
    }
    assert_eq!(document.root_element().attribute("id"), Some("fig-ports"));
    // One band: the gap that all series share, six of ninety-one days wide.
    let bands = document
        .descendants()
        .filter(|node| node.attribute("fill") == Some("url(#fig-ports-g)"));
    assert_eq!(bands.count(), 1);
}

#[test]
fn a_gap_ends_a_line() {
    let mut chart = Chart::new("t", "u", period("2022-04-01..2022-04-10"), Lang::English);
    chart.series.push(Series::new("s", days(&[1, 1, -1, 1, 1, -1, 1, -1, -1, -1])));
    let text = svg::render(&chart, &svg::Options::default());
    let document = roxmltree::Document::parse(&text).unwrap();
    let daily = document
        .descendants()
        .find(|node| node.attribute("stroke-opacity") == Some("0.5"))
        .unwrap();
    let path = daily.attribute("d").unwrap();
    assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 2), "{path}");
}

#[test]
fn what_is_not_drawn_is_told() {
    let mut chart = Chart::new("t", "u", period("2022Q2"), Lang::English);
    for number in 0..SERIES_MAX + 3 {
        chart.series.push(Series::new(format!("s{number}"), saw(number, 91)));
    }
    assert!(svg::render(&chart, &svg::Options::default()).contains("3 more series are not drawn"));
    let wide = Terminal {
        width: 100,
        height: 24,
        colour: false,
        utf8: true,
    };
    assert!(terminal::render(&chart, &wide).contains("and 3 more series, not drawn"));
}
