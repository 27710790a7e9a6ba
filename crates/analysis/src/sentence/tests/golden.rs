//! All kinds of sentences in both languages, against files read by people.

use std::path::PathBuf;

use super::*;
use crate::ranking::Previous;
use crate::sentence::observation::{
    FalseAlarms, Overview, Place, SensorOutage, Visibility, detection_limit, false_alarms, overview, sensor_outage, visibility,
};
use crate::sentence::population::{Devices, Scanners, Together, ToolShare, Victims};
use crate::sentence::population::{devices, scanner_share, together, tool_share, victims};

#[test]
fn sentences_are_those_of_the_golden_files() {
    for (lang, name) in [(Lang::Japanese, "ja"), (Lang::English, "en")] {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "golden", &format!("sentences.{name}.txt")]
            .iter()
            .collect();
        let text = all(lang);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            text == golden,
            "{} differs; run with UPDATE_GOLDEN=1 and review the difference",
            path.display()
        );
    }
}

#[test]
fn both_languages_say_the_same_numbers() {
    let (english, japanese) = (all(Lang::English), all(Lang::Japanese));
    assert_eq!(english.lines().count(), japanese.lines().count());
    for (english, japanese) in english.lines().zip(japanese.lines()) {
        // "One sensor abroad" is the only number in letters.
        let english = english.replace("one sensor", "1 sensor");
        assert_eq!(
            super::property::numbers(&english, Lang::English),
            super::property::numbers(japanese, Lang::Japanese),
            "{english}\n{japanese}"
        );
    }
}

fn all(lang: Lang) -> String {
    let mut text = String::new();
    for (title, sentences) in [
        ("courses", courses(lang)),
        ("subjects", subjects(lang)),
        ("stories", stories(lang)),
        ("origins", origins(lang)),
        ("rankings", rankings(lang)),
        ("observation", observations(lang)),
        ("populations", populations(lang)),
        ("behaviour", super::behaviours::sentences(lang)),
        ("done", super::done::sentences(lang)),
    ] {
        text.push_str(&format!("# {title}\n"));
        for sentence in sentences {
            text.push_str(&format!("{sentence}\n"));
        }
        text.push('\n');
    }
    text
}

fn trends() -> Vec<Course> {
    let moving = |from, to, factor, open, steeper_from| {
        Course::Trend(Trend {
            open,
            steeper_from,
            ..trend(from, to, factor)
        })
    };
    vec![
        moving(day(5, 14), day(6, 5), 2.3, false, None),
        moving(day(5, 14), day(6, 5), 1.31, false, None),
        moving(day(5, 14), day(5, 26), 8.2, false, None),
        moving(day(5, 14), day(5, 26), 1.8, false, None),
        moving(day(5, 12), day(6, 30), 1.31, true, None),
        moving(day(5, 12), day(6, 30), 5.1, true, None),
        moving(day(5, 12), day(6, 30), 5.1, true, Some(day(6, 3))),
        moving(day(5, 12), day(6, 30), 1.6, true, Some(day(5, 18))),
        moving(day(5, 12), day(6, 20), 5.1, false, Some(day(6, 3))),
        moving(day(5, 12), day(6, 20), 0.62, false, Some(day(6, 3))),
        moving(day(4, 1), day(6, 30), 2.0, false, None),
        moving(day(4, 2), day(6, 30), 0.8, false, None),
        moving(day(4, 20), day(6, 10), 0.5, false, None),
        moving(day(4, 20), day(6, 30), 0.7, true, None),
        moving(day(4, 20), day(6, 12), 1.4, true, None),
        moving(day(5, 3), day(5, 12), 1.05, false, None),
        moving(day(5, 3), day(5, 12), 0.001, false, None),
        moving(NEW_YEAR - 20, day(4, 20), 1.5, false, None),
    ]
}

fn excursions() -> Vec<Course> {
    let bulge = |from, to, peak, factor| Course::Bulge {
        from,
        to,
        peak,
        base: 1000.0,
        factor,
    };
    let surge = |from, to, peak, factor| Course::Surge {
        from,
        to,
        peak,
        base: if factor == 0.0 { 0.0 } else { 1000.0 },
        factor: (factor > 0.0).then_some(factor),
        seconded: true,
    };
    vec![
        bulge(day(5, 2), day(5, 30), day(5, 12), 3.1),
        bulge(day(5, 28), day(6, 8), day(6, 2), 1.42),
        bulge(day(5, 28), day(6, 8), day(6, 2), 0.58),
        Course::Swing {
            from: day(4, 1),
            to: day(6, 30),
            turns: 6,
            factor: 1.8,
        },
        Course::Swing {
            from: day(4, 20),
            to: day(6, 8),
            turns: 4,
            factor: 2.6,
        },
        surge(day(5, 14), day(5, 14), day(5, 14), 8.3),
        surge(day(5, 14), day(5, 16), day(5, 15), 8.3),
        surge(day(5, 31), day(6, 2), day(6, 1), 0.25),
        surge(day(5, 14), day(5, 14), day(5, 14), 0.0),
        surge(day(5, 14), day(5, 16), day(5, 15), 0.0),
    ]
}

fn courses(lang: Lang) -> Vec<String> {
    let mut courses = trends();
    courses.extend([
        Course::Jump(trend(day(6, 8), day(6, 8), 5.2)),
        Course::Jump(trend(day(6, 8), day(6, 8), 1.33)),
        Course::Jump(trend(day(6, 8), day(6, 8), 0.6)),
        Course::Jump(trend(day(6, 26), day(6, 26), 2.0)),
        Course::Jump(trend(day(6, 8), day(6, 8), 1.04)),
        Course::Jump(trend(day(6, 8), day(6, 8), f64::INFINITY)),
    ]);
    courses.extend(excursions());
    courses.extend([
        Course::Appear {
            from: day(6, 8),
            to: day(6, 30),
            level: 1285.0,
        },
        Course::Appear {
            from: day(6, 8),
            to: day(6, 19),
            level: 1285.0,
        },
        Course::Appear {
            from: day(6, 8),
            to: day(6, 8),
            level: 1285.0,
        },
        Course::Cross {
            other: port(22),
            day: day(6, 26),
        },
    ]);
    for factor in [5.1, 2.0, 1.3, 1.04, 1.0, 0.95, 0.7, 0.5, 0.0] {
        courses.push(Course::Growth {
            from: day(4, 1),
            to: day(6, 30),
            before: 1000.0,
            after: 1000.0 * factor,
            factor,
        });
    }
    courses.extend([
        Course::Growth {
            from: day(4, 4),
            to: day(6, 26),
            before: 1000.0,
            after: 3000.0,
            factor: 3.0,
        },
        Course::Steady { level: 5351.0 },
    ]);
    courses
        .into_iter()
        .map(|course| sentence(&finding(port(23), Measure::Packets, course), &Plain(lang), &quarter(lang)))
        .collect()
}

fn all_subjects() -> Vec<Subject> {
    let (tool, region) = ("mirai".to_owned(), "JP".to_owned());
    vec![
        Subject::Total,
        port(23),
        Subject::Port { proto: 1, port: None },
        Subject::Region("US".to_owned()),
        Subject::Network(64_500),
        Subject::Tool(tool.clone()),
        Subject::ToolRegion {
            tool,
            region: region.clone(),
        },
        Subject::PortRegion {
            proto: 6,
            port: Some(23),
            region: region.clone(),
        },
        Subject::PortRegion {
            proto: 1,
            port: None,
            region,
        },
    ]
}

fn subjects(lang: Lang) -> Vec<String> {
    let mut texts = Vec::new();
    for measure in [Measure::Packets, Measure::Sources] {
        for subject in all_subjects() {
            let course = Course::Trend(Trend {
                open: true,
                ..trend(day(5, 12), day(6, 30), 5.1)
            });
            texts.push(sentence(&finding(subject, measure, course), &Plain(lang), &quarter(lang)));
        }
        for subject in all_subjects() {
            let course = Course::Cross {
                other: subject,
                day: day(6, 26),
            };
            texts.push(sentence(&finding(port(6379), measure, course), &Plain(lang), &quarter(lang)));
        }
        for course in [
            Course::Appear {
                from: day(6, 8),
                to: day(6, 30),
                level: 1285.0,
            },
            Course::Steady { level: 3.0 },
            Course::Jump(trend(day(6, 26), day(6, 26), 5.2)),
        ] {
            texts.push(sentence(&finding(port(5501), measure, course), &Plain(lang), &quarter(lang)));
        }
    }
    texts
}

fn told(findings: &[Finding], lang: Lang) -> String {
    let findings: Vec<&Finding> = findings.iter().collect();
    let facts = story(&findings, &Plain(lang), &quarter(lang));
    facts.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>().join(lang.gap())
}

fn stories(lang: Lang) -> Vec<String> {
    let packets = |course| finding(port(23), Measure::Packets, course);
    let surge = |on, factor| {
        packets(Course::Surge {
            from: on,
            to: on + 1,
            peak: on,
            base: 1000.0,
            factor: Some(factor),
            seconded: false,
        })
    };
    let cross = |number, day| packets(Course::Cross { other: port(number), day });
    let growth = Course::Growth {
        from: day(4, 1),
        to: day(6, 30),
        before: 1000.0,
        after: 5100.0,
        factor: 5.1,
    };
    let rise = Course::Trend(Trend {
        open: true,
        steeper_from: Some(day(6, 3)),
        ..trend(day(5, 12), day(6, 30), 5.1)
    });
    let first = vec![
        packets(growth.clone()),
        packets(Course::Trend(trend(day(4, 3), day(4, 20), 0.7))),
        packets(rise),
        surge(day(5, 25), 3.2),
        cross(22, day(6, 10)),
        cross(80, day(6, 17)),
        finding(port(23), Measure::Sources, growth.clone()),
    ];
    let second = vec![
        surge(day(4, 5), 3.2),
        surge(day(5, 25), 8.3),
        surge(day(6, 25), 1.6),
        packets(Course::Jump(trend(day(6, 8), day(6, 8), 0.6))),
    ];
    let third: Vec<Finding> = (0..7).map(|week| surge(day(4, 5) + 10 * week, 3.0 + f64::from(week % 4))).collect();
    let region = |course| finding(Subject::Region("US".to_owned()), Measure::Packets, course);
    let fourth = vec![
        region(Course::Bulge {
            from: day(4, 8),
            to: day(4, 22),
            peak: day(4, 15),
            base: 900.0,
            factor: 1.7,
        }),
        region(Course::Trend(trend(day(5, 2), day(5, 20), 1.3))),
        region(Course::Jump(trend(day(6, 2), day(6, 2), 0.75))),
        finding(Subject::Region("US".to_owned()), Measure::Sources, Course::Steady { level: 2.0 }),
    ];
    [first, second, third, fourth].iter().map(|findings| told(findings, lang)).collect()
}

fn origins(lang: Lang) -> Vec<String> {
    let part = |subject, percent| Contribution { subject, percent };
    let region = |code: &str| Subject::Region(code.to_owned());
    let origin_of = |course, contributions, busiest_source_percent, sensors| {
        let mut found = finding(port(5501), Measure::Packets, course);
        found.origin = Origin {
            contributions,
            busiest_source_percent,
            sensors,
        };
        let facts = origin(&found, &Plain(lang), &quarter(lang));
        facts.into_iter().map(|fact| fact.text).collect::<Vec<_>>()
    };
    let jump = |factor| Course::Jump(trend(day(6, 8), day(6, 8), factor));
    let port_region = Subject::PortRegion {
        proto: 6,
        port: Some(23),
        region: "JP".to_owned(),
    };
    [
        origin_of(
            jump(5.0),
            vec![
                part(region("JP"), 62.3),
                part(region("TW"), 12.1),
                part(region("BR"), 8.0),
                part(region("US"), 4.0),
                part(Subject::Network(64_500), 40.2),
                part(Subject::Tool("mirai".to_owned()), 97.0),
            ],
            Some(12.0),
            Some((24, 24)),
        ),
        origin_of(
            jump(0.5),
            vec![part(port(23), 35.0), part(port(22), 12.0)],
            Some(99.6),
            Some((3, 24)),
        ),
        origin_of(jump(5.0), vec![part(region("JP"), 88.0), part(port_region, 30.0)], None, None),
        origin_of(
            Course::Steady { level: 1.0 },
            vec![part(region("JP"), f64::NAN), part(region("TW"), 0.2)],
            Some(2.0),
            Some((1, 1)),
        ),
    ]
    .concat()
}

fn rankings(lang: Lang) -> Vec<String> {
    let names = Plain(lang);
    let rank = |number, rank, previous| Rank {
        name: names.port(6, Some(number)),
        rank,
        previous: Previous::Rank(previous),
    };
    let icmp = Rank {
        name: names.port(1, None),
        rank: Some(5),
        previous: Previous::Rank(10),
    };
    let changed = [
        rank(6379, Some(2), 1),
        rank(23, Some(1), 2),
        rank(22, Some(3), 4),
        rank(80, Some(4), 6),
        icmp,
        rank(3389, Some(7), 3),
        rank(5555, None, 5),
    ];
    let same = [rank(23, Some(1), 1), rank(22, Some(2), 2)];
    let new = [Previous::Outside(10), Previous::New, Previous::Unobserved].map(|previous| Rank {
        previous,
        ..rank(5501, Some(2), 1)
    });
    let unknown = [Rank {
        previous: Previous::Unobserved,
        ..rank(23, Some(1), 1)
    }];
    let region = |code: &str, rank, previous| Rank {
        name: names.region(code),
        rank,
        previous: Previous::Rank(previous),
    };
    let regions = [region("JP", Some(1), 1), region("US", Some(2), 6), region("BR", Some(3), 2)];
    let difference = |by_tool, by_all, again| {
        let difference = RankDifference {
            name: names.region("JP"),
            tool: names.tool("mirai"),
            by_tool,
            by_all,
        };
        rank_difference(&difference, again, &quarter(lang))
    };
    let mut texts = ranking_changes(&changed, 5, &quarter(lang));
    texts.extend(ranking_changes(&same, 2, &quarter(lang)));
    assert_eq!(ranking_changes(&unknown, 2, &quarter(lang)), [""; 0]);
    texts.extend(ranking_changes(&new, 2, &quarter(lang)));
    texts.extend(ranking_changes(&regions, 2, &quarter(lang)));
    texts.extend([
        difference(8, 19, false),
        difference(2, 2, false),
        difference(19, 3, true),
        difference(1, 1, true),
    ]);
    texts
}

fn observations(lang: Lang) -> Vec<String> {
    let context = quarter(lang);
    let names = Plain(lang);
    let mut whole = Overview {
        sensors: 24,
        regions: ["BR", "JP", "TW"].map(|code| names.region(code)).into(),
        days: 91,
        sensor_days: 2150.6,
        sensor_days_possible: 2184.0,
        packets: 12_345_678,
        sources: 1_234_567,
        lost_percent: Some(0.023),
    };
    let mut texts = vec![overview(&whole, &context)];
    whole.lost_percent = Some(0.0);
    whole.sensors = 1;
    whole.regions.truncate(1);
    whole.days = 1;
    whole.sensor_days_possible = 0.0;
    texts.push(overview(&whole, &context));
    for (from, to, sensors, place) in [
        (day(4, 15), day(4, 17), 1, Place::Abroad),
        (day(4, 30), day(5, 2), 3, Place::Home),
        (day(4, 15), day(4, 15), 2, Place::Anywhere),
    ] {
        texts.push(sensor_outage(&SensorOutage { from, to, sensors, place }, &context));
    }
    let unseen = Visibility {
        addresses: 3072,
        rate_pps: 0.5387,
        missed_percent: 5.0,
    };
    texts.extend(visibility(&unseen, &context));
    texts.extend(detection_limit(&names.port(6, Some(23)), 124.0, &context));
    let alarms = FalseAlarms {
        expected: 0.4,
        series: 350,
    };
    texts.extend(false_alarms(&alarms, &context));
    texts
}

fn populations(lang: Lang) -> Vec<String> {
    let context = quarter(lang);
    let names = Plain(lang);
    let port_name = |number| names.port(6, Some(number));
    let pair = |both| {
        let pair = Together {
            port: port_name(5501),
            other: port_name(23),
            sources: 1285,
            both,
        };
        together(&pair, &context)
    };
    let marked = |number, packets, marked| {
        let part = ToolShare {
            port: port_name(number),
            tool: names.tool("mirai"),
            packets,
            marked,
        };
        tool_share(&part, &context)
    };
    let text = |japanese: &str, english: &str| context.either(japanese.to_owned(), english.to_owned());
    let scanners = Scanners {
        packets: 12_345_678,
        organisations: vec![
            ("Censys".to_owned(), 812_345),
            ("Shodan".to_owned(), 112_345),
            ("X".to_owned(), 900),
        ],
    };
    let nobody = Scanners {
        packets: 12_345_678,
        organisations: vec![],
    };
    let struck = Victims {
        addresses: 312,
        regions: vec![(names.region("US"), 120), (names.region("BR"), 44)],
        ports: vec![(port_name(443), 88), (port_name(80), 61)],
    };
    let none = Victims {
        addresses: 0,
        regions: vec![],
        ports: vec![],
    };
    let investigated = Devices {
        region: names.region("JP"),
        investigated: 1200,
        classes: vec![
            (text("ビデオレコーダー", "video recorders"), 720),
            (text("ルーター", "routers"), 120),
            (text("種類不明の機器", "of unknown kind"), 360),
        ],
        date: day(7, 5),
    };
    let mut texts = Vec::new();
    texts.extend([pair(670), pair(4)].into_iter().flatten());
    texts.extend([marked(23, 54_555, 51_468), marked(5501, 1285, 1285)].into_iter().flatten());
    texts.extend(
        [scanner_share(&scanners, &context), scanner_share(&nobody, &context)]
            .into_iter()
            .flatten(),
    );
    texts.extend([victims(&struck, &context), victims(&none, &context)]);
    texts.extend(devices(&investigated, &context));
    texts
}
