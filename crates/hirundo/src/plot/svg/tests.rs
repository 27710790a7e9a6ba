//! What must hold of every figure: colours that can be told apart, texts that can be read and do not touch, golden files.

mod charts;

use roxmltree::{Document, Node};

use super::super::bars::{PARTS_MAX, Part, ROWS_MAX};
use super::super::ranks::Ranked;
use super::super::series::{Chart, SERIES_MAX, Series};
use super::super::tests::{edges, golden, period, quarter, saw};
use super::super::words::{alt, alt_bars, alt_ranks};
use super::ink::{
    AXIS, BADGE, BADGE_TEXT, PAPER, REST, REST_TEXT, SERIES, SOFT, TEXT, TONES, VEIL, contrast, fitted, readable_on, text_width,
};
use super::{Layout, Options, Scale, WIDTH_PRINT, crowded, render, render_bars, render_ranks};
use crate::period::{Day, Lang};
use charts::{grouped, odd_bars, ranks, shares};

/// Points of a unit of a figure printed 170 mm wide.
const POINTS: f64 = 170.0 / 25.4 * 72.0 / WIDTH_PRINT as f64;

/// Every kind of figure, of ordinary and of odd data, in some sizes.
fn figures() -> Vec<String> {
    let mut all = Vec::new();
    for width in [0, 320, WIDTH_PRINT, 1_200] {
        let options = Options {
            width,
            ..Options::default()
        };
        for chart in edges() {
            for layout in [Layout::Together, Layout::Apart] {
                for scale in [Scale::Linear, Scale::Logarithmic, Scale::Automatic] {
                    let options = Options {
                        layout,
                        scale,
                        interactive: width == WIDTH_PRINT,
                        ..options.clone()
                    };
                    all.push(render(&chart, &options));
                }
            }
        }
        all.extend(odd_bars().iter().map(|chart| render_bars(chart, &options)));
        all.extend([Lang::English, Lang::Japanese].map(|lang| render_ranks(&ranks(lang), &options)));
        let mut odd = ranks(Lang::English);
        odd.items.clear();
        all.push(render_ranks(&odd, &options));
        odd.items = (0..500)
            .map(|number| Ranked {
                name: "&<\u{202e}長い名前".repeat(number),
                before: Some(u32::MAX),
                now: Some(0),
            })
            .collect();
        all.push(render_ranks(&odd, &options));
    }
    all
}

fn number(node: &Node, name: &str) -> f64 {
    let value = node.attribute(name).unwrap_or("0");
    value.parse().unwrap_or_else(|_| panic!("{name}={value:?}"))
}

/// A text of a figure: left, right and middle edge, and its size.
struct Placed {
    left: f64,
    right: f64,
    y: f64,
    size: f64,
    text: String,
}

/// The texts that run from left to right, without halos.
fn texts(document: &Document) -> Vec<Placed> {
    let nodes = document.descendants().filter(|node| node.has_tag_name("text"));
    let straight = nodes.filter(|node| node.attribute("transform").is_none() && node.attribute("aria-hidden").is_none());
    straight
        .map(|node| {
            let text = node.text().unwrap_or_default().to_owned();
            let size = node.attribute("font-size").map_or(11.0, |size| size.parse().unwrap());
            let (x, width) = (number(&node, "x"), text_width(&text, size));
            let left = match node.attribute("text-anchor") {
                Some("middle") => x - width / 2.0,
                Some("end") => x - width,
                _ => x,
            };
            Placed {
                left,
                right: left + width,
                y: number(&node, "y"),
                size,
                text,
            }
        })
        .collect()
}

#[test]
fn colours_can_be_told_from_their_paper() {
    for (light, dark) in SERIES {
        for (colour, paper) in [(light, PAPER.light), (dark, PAPER.dark)] {
            assert!(contrast(colour, paper) >= 3.0, "{colour} on {paper}: {}", contrast(colour, paper));
            assert!(contrast(colour, readable_on(colour)) >= 4.5, "text on {colour}");
        }
    }
    let pairs = [
        (TEXT, PAPER, 7.0),
        (SOFT, PAPER, 4.5),
        (SOFT, VEIL, 4.5),
        (BADGE_TEXT, BADGE, 4.5),
        (REST_TEXT, REST, 4.5),
        (AXIS, PAPER, 3.0),
    ];
    for (one, other, least) in pairs {
        for (one, other) in [(one.light, other.light), (one.dark, other.dark)] {
            assert!(contrast(one, other) >= least, "{one} on {other}: {}", contrast(one, other));
        }
    }
}

/// A colour as a reader with that vision sees it, in Oklab (B. Ottosson, 2020). The matrices are those of Machado,
/// Oliveira and Fernandes (2009) for full severity, on linear sRGB.
fn seen(colour: &str, vision: [[f64; 3]; 3]) -> [f64; 3] {
    let linear = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    let apply =
        |matrix: [[f64; 3]; 3], vector: [f64; 3]| matrix.map(|row| row.iter().zip(vector).map(|(one, other)| one * other).sum::<f64>());
    let rgb = apply(vision, [linear(1), linear(3), linear(5)]).map(|value| value.clamp(0.0, 1.0));
    let cones = [
        [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
        [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
        [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
    ];
    let lab = [
        [0.210_454_255_3, 0.793_617_785, -0.004_072_046_8],
        [1.977_998_495_1, -2.428_592_205, 0.450_593_709_9],
        [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766],
    ];
    apply(lab, apply(cones, rgb).map(f64::cbrt))
}

#[test]
fn the_first_five_colours_keep_apart_for_every_reader() {
    let visions = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_82, 0.042_94, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_9],
        ],
    ];
    for vision in visions {
        let first: Vec<(&str, &str)> = SERIES.iter().take(5).copied().collect();
        for (number, one) in first.iter().enumerate() {
            for other in &first[number + 1..] {
                for (one, other) in [(one.0, other.0), (one.1, other.1)] {
                    let squares = seen(one, vision)
                        .into_iter()
                        .zip(seen(other, vision))
                        .map(|(one, other)| (one - other).powi(2));
                    let distance = squares.sum::<f64>().sqrt();
                    assert!(distance >= 0.13, "{one} and {other}: {distance:.3}");
                }
            }
        }
    }
}

#[test]
fn figures_are_well_formed_and_finite() {
    for text in figures() {
        let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
        for node in document.descendants() {
            assert!(!["script", "foreignObject", "image", "a"].contains(&node.tag_name().name()));
            for attribute in node.attributes() {
                assert!(!attribute.name().starts_with("on") && attribute.name() != "href" && attribute.name() != "style");
                let words = ["font-family", "id", "role", "data-label"].contains(&attribute.name());
                let odd = ["NaN", "inf"].iter().any(|word| attribute.value().contains(word));
                assert!(words || !odd, "{}={:?}", attribute.name(), attribute.value());
                if ["width", "height", "r"].contains(&attribute.name()) {
                    assert!(number(&node, attribute.name()) >= 0.0, "{attribute:?}");
                }
            }
        }
        assert!(text.len() < 1_500_000, "{} bytes", text.len());
    }
}

#[test]
fn texts_are_seven_points_or_more_and_stay_in_the_figure() {
    for text in figures() {
        let document = Document::parse(&text).unwrap();
        let root = document.root_element();
        let (width, height) = (number(&root, "width"), number(&root, "height"));
        for placed in texts(&document) {
            assert!(placed.size * POINTS >= 7.0, "{} pt: {:?}", placed.size * POINTS, placed.text);
            assert!(
                placed.y <= height && placed.y >= placed.size * 0.7,
                "{:?} at {} of {height}",
                placed.text,
                placed.y
            );
            // What the narrowest figures cannot hold is cut by their edge.
            if width >= 320.0 {
                assert!(
                    placed.left >= 0.0 && placed.right <= width + 0.1,
                    "{:?} {} {}",
                    placed.text,
                    placed.left,
                    placed.right
                );
            }
        }
    }
}

#[test]
fn texts_do_not_touch() {
    let names = ["アラブ首長国連邦", "ボスニア・ヘルツェゴビナ", "アメリカ合衆国", "中国"];
    let mut charts = Vec::new();
    for (text, count, repeat) in [
        ("2022Q2", 12, 1),
        ("2022Q2", 12, 5),
        ("2024", 12, 2),
        ("2022-04", 7, 1),
        ("2022-04-01", 12, 1),
    ] {
        let mut chart = Chart::new("題名", "1センサー日あたりのパケット数", period(text), Lang::Japanese);
        for series in 0..count {
            let name = format!("{series} {}", names[series % names.len()].repeat(repeat));
            chart.series.push(Series::new(name, saw(series / 3, 366)));
        }
        for mark in 0..45 {
            chart.mark(Day(19_083 + mark / 2), "注記");
        }
        charts.push(chart);
    }
    let mut figures = Vec::new();
    for chart in charts {
        for (width, layout) in [
            (480, Layout::Together),
            (720, Layout::Together),
            (480, Layout::Apart),
            (720, Layout::Apart),
        ] {
            let options = Options {
                width,
                layout,
                ..Options::default()
            };
            figures.push(render(&chart, &options));
        }
    }
    for lang in [Lang::English, Lang::Japanese] {
        let options = Options::default();
        figures.extend([
            render_bars(&shares(lang), &options),
            render_bars(&grouped(lang), &options),
            render_ranks(&ranks(lang), &options),
        ]);
    }
    for figure in figures {
        let document = Document::parse(&figure).unwrap();
        let texts = texts(&document);
        for (number, one) in texts.iter().enumerate() {
            for other in &texts[number + 1..] {
                let beside = one.right <= other.left + 0.5 || other.right <= one.left + 0.5;
                let apart = (one.y - other.y).abs() >= one.size.min(other.size) * 0.95;
                assert!(beside || apart, "{:?} and {:?} at {} {}", one.text, other.text, one.left, one.y);
            }
        }
    }
}

#[test]
fn badges_do_not_touch() {
    for (text, days) in [("2022Q2", 91), ("2022", 365), ("2022-04", 30)] {
        for together in [1, 2, 5] {
            let mut chart = Chart::new("t", "u", period(text), Lang::English);
            chart.series.push(Series::new("s", saw(0, days)));
            for mark in 0..40 {
                chart.mark(chart.period.last().plus(-mark / together), "m");
            }
            let figure = render(&chart, &Options::default());
            let document = Document::parse(&figure).unwrap();
            let badges = document.descendants().filter(|node| node.attribute("class") == Some("hb"));
            let badges: Vec<[f64; 3]> = badges.map(|node| ["x", "y", "width"].map(|name| number(&node, name))).collect();
            assert!(badges.len() > 3);
            for (place, one) in badges.iter().enumerate() {
                assert!(one[0] + one[2] <= f64::from(WIDTH_PRINT), "{one:?}");
                for other in &badges[place + 1..] {
                    let beside = one[0] + one[2] <= other[0] || other[0] + other[2] <= one[0];
                    assert!(
                        beside || (one[1] - other[1]).abs() >= 16.0,
                        "{text} {together}: {one:?} and {other:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn each_day_says_its_values() {
    let mut chart = quarter(Lang::English);
    chart.series[0].lead_in = vec![Some(1_234.0); 6];
    let text = render(&chart, &Options::default());
    let document = Document::parse(&text).unwrap();
    let days: Vec<Node> = document
        .descendants()
        .filter(|node| node.attribute("class") == Some("day"))
        .collect();
    assert_eq!(days.len(), 91);
    let said = |day: usize| {
        let title = days[day].children().find(|node| node.has_tag_name("title")).unwrap();
        title.text().unwrap().to_owned()
    };
    assert_eq!(days[47].attribute("data-label"), Some("18 May"));
    assert_eq!(
        said(0),
        "1 April 2022 (Fri)\n23/TCP (telnet): 150, 7-day mean 1,079\nICMP: 125\n22/TCP <ssh>: 100"
    );
    assert_eq!(
        said(41),
        "12 May 2022 (Thu)\n23/TCP (telnet): not observed\nICMP: not observed\n22/TCP <ssh>: not observed"
    );
    assert!(said(70).ends_with("\n[2] taken down"), "{}", said(70));
    // The pieces cover the drawing without holes.
    let rects: Vec<Node> = days
        .iter()
        .filter_map(|day| day.children().find(|node| node.has_tag_name("rect")))
        .collect();
    for pair in rects.windows(2) {
        let end = number(&pair[0], "x") + number(&pair[0], "width");
        assert!((end - number(&pair[1], "x")).abs() < 0.02);
    }
    let quiet = Options {
        interactive: false,
        ..Options::default()
    };
    let text = render(&chart, &quiet);
    assert!(!text.contains("class=\"day\"") && !text.contains("data-label"));
    let titles = Document::parse(&text)
        .unwrap()
        .descendants()
        .filter(|node| node.has_tag_name("title"))
        .count();
    assert_eq!(titles, 1);
}

#[test]
fn styles_hold_for_their_own_figure_only() {
    let options = Options {
        id: "ports".to_owned(),
        ..Options::default()
    };
    for text in [
        render(&quarter(Lang::English), &options),
        render_bars(&shares(Lang::English), &options),
        render_ranks(&ranks(Lang::English), &options),
    ] {
        let document = Document::parse(&text).unwrap();
        let style = document.descendants().find(|node| node.has_tag_name("style")).unwrap();
        let style = style.text().unwrap();
        assert!(!style.contains("var(") && !text.contains("var("));
        let selectors = style
            .split(['{', '}'])
            .filter(|part| part.contains('#') && !part.contains(':') || part.contains(" #"));
        for selector in selectors {
            assert!(selector.contains("#fig-ports-f "), "{selector}");
        }
        // Every class that has a colour has a dark one, and every element with one a light one.
        for node in document.descendants() {
            let Some(class) = node.attribute("class").filter(|class| class.starts_with('h')) else {
                continue;
            };
            assert!(style.contains(&format!("[data-theme=\"dark\"] #fig-ports-f .{class}{{")), "{class}");
            assert!(node.attribute("fill").or(node.attribute("stroke")).is_some());
        }
        for id in document.descendants().filter_map(|node| node.attribute("id")) {
            assert!(id.starts_with("fig-ports"), "{id}");
        }
    }
    let classes: Vec<String> = TONES.iter().map(|tone| tone.attributes()).collect();
    assert!(classes.iter().enumerate().all(|(number, class)| !classes[..number].contains(class)));
}

#[test]
fn shares_fill_their_bar() {
    let mut chart = shares(Lang::English);
    assert_eq!(chart.parts_drawn().len(), 5);
    chart.parts.extend((0..PARTS_MAX).map(|part| Part::new(format!("p{part}"))));
    chart.rows[0].values.resize(4 + PARTS_MAX, Some(10.0));
    // A whole smaller than its parts is their sum.
    chart.rows[1].of = Some(7.0);
    assert_eq!(chart.parts_drawn().len(), PARTS_MAX + 1);
    for (row, whole, values) in chart.rows_drawn() {
        assert_eq!(values.iter().flatten().sum::<f64>(), whole, "{}", row.name);
    }
    chart.rows = vec![chart.rows[0].clone(); ROWS_MAX + 2];
    assert!(render_bars(&chart, &Options::default()).contains("2 more rows are not drawn"));
    let text = render_bars(&shares(Lang::English), &Options::default());
    for expected in [
        "n = 8,000",
        "37.5%",
        "China: 37.5% (3,000 / 8,000)",
        "Others: 31.1% (2,490 / 8,000)",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
}

#[test]
fn a_logarithmic_axis_where_series_differ_much() {
    let mut chart = Chart::new("t", "u", period("2022Q2"), Lang::English);
    chart.series = vec![
        Series::new("large", vec![Some(5_100.0); 91]),
        Series::new("small", vec![Some(100.0); 91]),
    ];
    let options = Options {
        scale: Scale::Automatic,
        ..Options::default()
    };
    let ticks = |chart: &Chart| -> Vec<String> {
        let text = render(chart, &options);
        let document = Document::parse(&text).unwrap();
        let ends = document.descendants().filter(|node| node.attribute("text-anchor") == Some("end"));
        ends.filter_map(|node| node.text().map(str::to_owned)).collect()
    };
    assert_eq!(ticks(&chart), ["100", "200", "500", "1,000", "2,000", "5,000", "10,000"]);
    chart.series[1].values[3] = Some(0.02);
    assert_eq!(ticks(&chart), ["0.01", "0.1", "1", "10", "100", "1,000", "10,000"]);
    chart.series[1].values = vec![Some(103.0); 91];
    assert_eq!(ticks(&chart)[0], "0");
}

#[test]
fn crowded_lines_are_found() {
    let chart = |count: usize, apart: f64| {
        let mut chart = Chart::new("t", "u", period("2022Q2"), Lang::English);
        for series in 0..count {
            let level = 1_000.0 + apart * series as f64;
            chart.series.push(Series::new(series.to_string(), vec![Some(level); 91]));
        }
        chart
    };
    assert!(crowded(&chart(6, 5.0)));
    assert!(!crowded(&chart(4, 5.0)));
    assert!(!crowded(&chart(6, 900.0)));
    assert!(!crowded(&chart(0, 0.0)));
}

#[test]
fn names_are_cut_to_their_room() {
    for text in [
        "",
        "a",
        "アメリカ合衆国",
        "very long name of a port",
        "🦠🔥",
        "\u{301}\u{301}\u{301}",
    ] {
        for room in [0.0, 5.0, 30.0, 60.0, 1e9] {
            let cut = fitted(text, 12.0, room);
            assert!(text_width(&cut, 12.0) <= room || cut.is_empty(), "{cut:?} in {room}");
            assert!(cut == text || cut.ends_with('…') || cut.is_empty());
        }
    }
    assert!(fitted(&"\u{301}".repeat(1_000_000), 12.0, 10.0).len() < 5_000);
}

#[test]
fn figures_as_files() {
    let print = Options {
        id: "figure".to_owned(),
        titled: false,
        marks_listed: false,
        interactive: false,
        ..Options::default()
    };
    let apart = Options {
        layout: Layout::Apart,
        ..print.clone()
    };
    let mut week = quarter(Lang::Japanese);
    week.period = period("2022-05-08..2022-05-14");
    golden(&render(&week, &Options::default()), "week_ja.svg");
    golden(&render(&quarter(Lang::English), &print), "quarter.svg");
    golden(&render(&quarter(Lang::Japanese), &apart), "apart_ja.svg");
    golden(&render_bars(&shares(Lang::Japanese), &Options::default()), "shares_ja.svg");
    golden(&render_bars(&grouped(Lang::English), &print), "grouped.svg");
    golden(&render_ranks(&ranks(Lang::English), &print), "ranks.svg");
}

#[test]
fn figures_in_words() {
    let mut words = String::new();
    for lang in [Lang::English, Lang::Japanese] {
        let empty = Chart::new("t", "u", period("2022-04-01"), lang);
        for text in [
            alt(&quarter(lang)),
            alt(&empty),
            alt_bars(&shares(lang)),
            alt_bars(&grouped(lang)),
            alt_ranks(&ranks(lang)),
        ] {
            words.push_str(&text);
            words.push('\n');
        }
    }
    golden(&words, "words.txt");
    for chart in edges() {
        let text = alt(&chart);
        assert!(text.chars().count() < 100 * (SERIES_MAX + 40), "{} characters", text.len());
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}
