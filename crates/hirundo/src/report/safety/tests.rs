//! Tests of publication safety: a clean document, and for each rule documents that break exactly it.

use hirundo_press::document::{Align, Block, Fact, Figure, Inline, Lang, Reference, Section, Table};

use super::*;

/// The report is made on 2022-07-15; the data end with June.
const MADE: Day = Day(19_188);
const NEWEST: Day = Day(19_173);

fn rules() -> Rules {
    Rules {
        sensors: ["tokyo-1", "Partner_KR", "東京大手町"].map(str::to_owned).to_vec(),
        addresses: vec![range("192.0.2.0/24".parse().unwrap()), range("2001:db8:5::/48".parse().unwrap())],
        ..Rules::new(Edition::Clear, MADE)
    }
}

fn disclosure(data: &str, granularity: Granularity) -> Disclosure {
    let shown = |name: &str, rank, sensors, packets_per_day| Shown {
        name: name.to_owned(),
        rank,
        sensors,
        packets_per_day,
    };
    Disclosure {
        data: data.to_owned(),
        granularity,
        subjects: vec![shown("23/TCP", Some(1), 1, 5.0), shown("JP", None, 3, 1_000.0)],
        sensors: Vec::new(),
        newest: NEWEST,
        kinds: BTreeMap::new(),
    }
}

fn data(id: &str, csv: &str) -> Data {
    Data {
        id: id.to_owned(),
        title: "Packets".to_owned(),
        csv: csv.to_owned(),
        sql: "SELECT port, count(*) FROM packets WHERE time >= '2022-04-01' AND dst_port::int < 49152 GROUP BY 1".to_owned(),
    }
}

/// Everything but tables and figures.
fn words() -> Vec<Block> {
    let reference = Reference {
        number: 1,
        date: String::new(),
        text: "Firmware V1.0.9.88".to_owned(),
        source: String::new(),
        url: Some("https://198.51.100.7/report".to_owned()),
    };
    let fact = Fact {
        text: "23/TCP rose.".to_owned(),
        finding: "port-23-tcp.packets.trend.2022-05-08".to_owned(),
        data: Some("daily".to_owned()),
    };
    vec![
        Block::Heading("Ports".to_owned()),
        Block::Paragraph(vec![
            Inline::Text("In Tokyo and by ".to_owned()),
            Inline::Ref("table-ports".to_owned()),
            Inline::Cite(1),
        ]),
        Block::Facts(vec![fact]),
        Block::Commentary("About *10* of 12 on tokyo-10.".to_owned()),
        Block::References(vec![reference]),
    ]
}

/// A document with everything in it and nothing against the rules, and what is said of its data.
fn clean() -> (Document, Vec<Disclosure>) {
    let table = Table {
        id: "table-ports".to_owned(),
        caption: "Destination ports, version 1.2.3 of the names".to_owned(),
        columns: ["Rank", "Port", "Packets", "Share", "Previous rank"]
            .map(|head| (head.to_owned(), Align::Left))
            .to_vec(),
        rows: vec![
            ["1", "23/TCP (telnet)", "1,234", "3.2 %", "2"].map(str::to_owned).to_vec(),
            ["2", "ICMP", "<10", "<0.1 %", "new"].map(str::to_owned).to_vec(),
        ],
        note: Some("Ratio 1:2:3 at 12:34:56; see 1.3.6.1.4.1".to_owned()),
        data: Some("ports".to_owned()),
    };
    let figure = Figure {
        id: "figure-ports".to_owned(),
        caption: "Packets per day".to_owned(),
        svg: "<svg viewBox=\"0 0 9 9\"><path d=\"M1.2.3.4\"/><text>1,234</text></svg>".to_owned(),
        alt: "Rises".to_owned(),
        note: None,
        data: Some("daily".to_owned()),
    };
    let mut blocks = words();
    blocks.extend([Block::Table(table), Block::Figure(figure)]);
    let inner = Section {
        id: "ports".to_owned(),
        title: "Ports".to_owned(),
        numbered: true,
        blocks,
        sections: Vec::new(),
    };
    let document = Document {
        lang: Lang::English,
        title: "Report".to_owned(),
        subtitle: "April–June 2022".to_owned(),
        publisher: "CSIRT".to_owned(),
        made: "15 July 2022".to_owned(),
        label: Some("TLP:CLEAR".to_owned()),
        warning: None,
        summary: vec![Block::Paragraph(vec![Inline::Text("Words.".to_owned())])],
        sections: vec![Section {
            id: "overview".to_owned(),
            blocks: Vec::new(),
            sections: vec![inner.clone()],
            ..inner
        }],
        data: vec![
            data(
                "ports",
                "rank,port,packets,share_percent\n1,\"23/TCP, telnet\",1234,3.2\n2,ICMP,<10,<0.1\n",
            ),
            data("daily", "day,23/TCP,JP\n2022-04-01,120,1000\n2022-06-30,,1e3\n"),
        ],
    };
    (
        document,
        vec![disclosure("ports", Granularity::Period), disclosure("daily", Granularity::Day)],
    )
}

/// The rules that are broken after a change to the clean document.
fn broken(change: impl FnOnce(&mut Document, &mut Vec<Disclosure>, &mut Rules)) -> Vec<Violation> {
    let (mut document, mut disclosures) = clean();
    let mut rules = rules();
    change(&mut document, &mut disclosures, &mut rules);
    check(&document, &disclosures, &rules)
}

fn only(rule: Rule, context: &str, found: &[Violation]) {
    assert!(!found.is_empty(), "{context}: nothing was found");
    assert!(found.iter().all(|violation| violation.rule == rule), "{context}: {found:#?}");
    assert!(found.iter().all(|violation| violation.to_string().contains("; hint: ")));
}

/// Puts a text into each kind of place that takes one.
fn everywhere(text: &str, rule: Rule) {
    for place in 0..15 {
        let found = broken(|document, _, _| {
            let svg = format!("<svg><g><text>a {text} b</text></g></svg>");
            match place {
                0 => document.title.push_str(&format!(" {text}")),
                1 => document.warning = Some(text.to_owned()),
                2 => document.summary.push(Block::Paragraph(vec![Inline::Strong(text.to_owned())])),
                3 => document.summary.push(Block::List(vec![vec![Inline::Code(text.to_owned())]])),
                4 => document.summary.push(Block::Commentary(format!("About {text}."))),
                5 => document.summary.push(Block::Heading(text.to_owned())),
                6 => blocks(document).iter_mut().for_each(|block| {
                    if let Block::Table(table) = block {
                        table.rows[0][1] = text.to_owned()
                    }
                }),
                7 => blocks(document).iter_mut().for_each(|block| {
                    if let Block::Table(table) = block {
                        table.note = Some(text.to_owned())
                    }
                }),
                8 => figure(document).svg = svg,
                9 => figure(document).svg = format!("<svg><path id=\"{text}\"/></svg>"),
                10 => figure(document).alt = text.to_owned(),
                11 => document.data[0].csv = format!("rank,port\n1,\"{text}\"\n"),
                12 => document.data[0].sql = format!("SELECT 1 -- {text}"),
                13 => blocks(document).iter_mut().for_each(|block| {
                    if let Block::References(list) = block {
                        list[0].text = text.to_owned()
                    }
                }),
                _ => document.sections[0].sections[0].title = text.to_owned(),
            }
        });
        only(rule, &format!("{text} at {place}"), &found);
    }
}

fn blocks(document: &mut Document) -> &mut Vec<Block> {
    &mut document.sections[0].sections[0].blocks
}

fn figure(document: &mut Document) -> &mut Figure {
    let figures = blocks(document)
        .iter_mut()
        .find_map(|block| if let Block::Figure(figure) = block { Some(figure) } else { None });
    figures.unwrap()
}

#[test]
fn the_clean_document_is_clean() {
    assert_eq!(broken(|_, _, _| {}), []);
}

#[test]
fn a_no_sensor_is_named_anywhere() {
    everywhere("tokyo-1", Rule::SensorName);
    everywhere("partner-kr", Rule::SensorName);
    everywhere("センサー東京大手町で", Rule::SensorName);
    for text in [
        "TOKYO_1",
        "ｔｏｋｙｏ－１",
        "to\u{200b}kyo-1",
        "\"tokyo-1\"",
        "tokyo-1では",
        "x/tokyo-1.csv",
        "tokyo-1-b",
    ] {
        let found = broken(|document, _, _| document.title = text.to_owned());
        only(Rule::SensorName, text, &found);
    }
    for text in ["tokyo-10", "tokyo", "atokyo-1", "partner", "東京"] {
        assert_eq!(broken(|document, _, _| document.title = text.to_owned()), [], "{text}");
    }
    // Split by markup, but read as one word.
    for source in ["tok**yo-1**", "tokyo\\-1", "tokyo&#45;1", "[a](https://a.example/tokyo-1)"] {
        only(
            Rule::SensorName,
            source,
            &broken(|document, _, _| document.summary.push(Block::Commentary(source.to_owned()))),
        );
    }
    for svg in [
        "<svg><text>tok<tspan>yo-1</tspan></text></svg>",
        "<svg><text>tok&#121;o-1</text></svg>",
        "<svg><!-- tokyo-1 --></svg>",
        "<svg>tokyo-1</svg>",
    ] {
        only(
            Rule::SensorName,
            svg,
            &broken(|document, _, _| figure(document).svg = svg.to_owned()),
        );
    }
    let split = vec![Inline::Text("tok".to_owned()), Inline::Strong("yo-1".to_owned())];
    only(
        Rule::SensorName,
        "inlines",
        &broken(|document, _, _| document.summary.push(Block::Paragraph(split))),
    );
}

#[test]
fn a_no_watched_address_is_written_anywhere() {
    everywhere("192.0.2.77", Rule::WatchedAddress);
    everywhere("2001:db8:5::1", Rule::WatchedAddress);
    for text in [
        "192.0.2.0/24",
        "192.0.0.0/16",
        "192.0.2.77:23",
        "(192.0.2.77).",
        "192.0.2[.]77",
        "192.000.002.077",
        "１９２．０．２．７７",
        "v192.0.2.77",
        "192.0.2.x",
        "192.0.2.*",
        "192.0.*.*",
        "77.2.0.192.in-addr.arpa",
        "2.0.192.in-addr.arpa",
        "host-192-0-2-77.example",
        "2001:0DB8:0005:0::77",
        "2001:db8:5::/48",
        "2001:db8::/32",
        "::ffff:192.0.2.77",
        "::ffff:c000:24d",
        "from: 2001:db8:5::1: it",
    ] {
        only(
            Rule::WatchedAddress,
            text,
            &broken(|document, _, _| document.title = text.to_owned()),
        );
    }
    only(
        Rule::WatchedAddress,
        "reference",
        &broken(|document, _, _| {
            blocks(document).iter_mut().for_each(|block| {
                if let Block::References(list) = block {
                    list[0].url = Some("http://192.0.2.77/".to_owned())
                }
            });
        }),
    );
    only(
        Rule::WatchedAddress,
        "integer in SQL",
        &broken(|document, _, _| document.data[0].sql = "WHERE dst BETWEEN 3221225984 AND 3221226239".to_owned()),
    );
    only(
        Rule::WatchedAddress,
        "integer in a label",
        &broken(|document, _, _| document.data[0].csv = "port\n3221225985\n".to_owned()),
    );
    // A count may be any number; and a network may be so wide that it tells nothing.
    assert_eq!(
        broken(|document, _, _| document.data[0].csv = "packets\n3221225985\n".to_owned()),
        []
    );
    for text in ["0.0.0.0/0", "192.0.0.0/4", "::/0", "192.0.2", "192.0.2.77.5", "2022-05-18"] {
        assert_eq!(broken(|document, _, _| document.title = text.to_owned()), [], "{text}");
    }
}

#[test]
fn a_no_source_is_written_outside_of_references() {
    everywhere("203.0.113.9", Rule::SourceAddress);
    for text in ["203.0.113.0/24", "203.0.113[.]9", "2001:db8:9::1", "::1", "203.0.113.x"] {
        only(
            Rule::SourceAddress,
            text,
            &broken(|document, _, _| document.title = text.to_owned()),
        );
    }
    let mut columns = broken(|document, _, _| document.data[0].csv = "src,packets\nunknown,500\n".to_owned());
    only(Rule::SourceAddress, "column", &columns);
    columns = broken(|document, _, rules| {
        document.data[0].csv = "src,packets\n203.0.113.9,500\n".to_owned();
        (document.label, rules.edition) = (Some("TLP:AMBER".to_owned()), Edition::Amber);
    });
    assert_eq!(columns, []);
}

#[test]
fn b_small_counts_are_suppressed() {
    for (head, cell) in [
        ("packets", "9"),
        ("packets", "0"),
        ("Packets per day", "4.6"),
        ("パケット数", "3"),
        ("アドレス数", "９"),
        ("23/TCP", "1"),
        ("国内センサー1", "2"),
        ("sources", "5 addresses"),
        ("x", "1e0"),
    ] {
        let found = broken(|document, _, _| document.data[0].csv = format!("port,{head}\n80,{cell}\n"));
        only(Rule::SmallCount, &format!("{head}: {cell}"), &found);
    }
    for (head, cell) in [
        ("packets", "10"),
        ("packets", "<10"),
        ("packets", ""),
        ("packets", "–"),
        ("packets", "1,234"),
        ("rank", "3"),
        ("順位", "3"),
        ("前四半期の順位", "3"),
        ("share", "0.5"),
        ("packets_percent", "0.5"),
        ("割合 (%)", "3"),
        ("factor", "5.2"),
        ("from", "2022-05-18"),
        ("sensors", "4"),
        ("センサー数", "4"),
        ("days", "3"),
        ("port", "7"),
        ("ポート", "7"),
        ("top", "23/TCP"),
        ("x", "3 %"),
    ] {
        let found = broken(|document, _, _| document.data[0].csv = format!("port,{head}\n80,\"{cell}\"\n"));
        assert_eq!(found, [], "{head}: {cell}");
    }
    let tables = broken(|document, _, _| {
        blocks(document).iter_mut().for_each(|block| {
            if let Block::Table(table) = block {
                table.rows[0][2] = "9".to_owned()
            }
        })
    });
    only(Rule::SmallCount, "table", &tables);
    let beside = broken(|document, _, _| document.data[0].csv = "port,packets,percent\n80,<10,0.5\n81,20,1.0\n82,<10,<0.6\n".to_owned());
    only(Rule::SmallCount, "a percentage beside a suppressed count", &beside);
    let declared = broken(|document, disclosures, _| {
        document.data[0].csv = "port,steps\n80,3\n".to_owned();
        disclosures[0].kinds.insert("steps".to_owned(), DataKind::Extent);
    });
    assert_eq!(declared, []);
}

#[test]
fn c_no_rare_subject_by_day() {
    for (rank, sensors, packets, is_rare) in [
        (Some(10), 0, 0.0, false),
        (Some(11), 3, 1_000.0, false),
        (Some(11), 2, 1_000.0, true),
        (None, 3, 999.0, true),
        (Some(0), 0, 0.0, true),
        (None, 3, f64::NAN, true),
    ] {
        let found = broken(|_, disclosures, _| {
            let subject = &mut disclosures[1].subjects[0];
            (subject.rank, subject.sensors, subject.packets_per_day) = (rank, sensors, packets);
        });
        if is_rare {
            only(Rule::RareDaily, &format!("{rank:?} {sensors} {packets}"), &found);
        } else {
            assert_eq!(found, []);
        }
    }
    only(
        Rule::Undisclosed,
        "no subjects",
        &broken(|_, disclosures, _| disclosures[1].subjects.clear()),
    );
    only(
        Rule::Undisclosed,
        "said to be totals",
        &broken(|_, disclosures, _| disclosures[1].granularity = Granularity::Period),
    );
    only(
        Rule::Fine,
        "hours",
        &broken(|document, _, _| document.data[1].csv = "hour,23/TCP\n5,100\n".to_owned()),
    );
    only(
        Rule::Fine,
        "moments",
        &broken(|document, _, _| document.data[1].csv = "day,23/TCP\n2022-05-01 10:00,100\n".to_owned()),
    );
}

#[test]
fn d_single_sensors_stand_under_neutral_names_with_totals() {
    let with = |names: &[&str], granularity, cell: &str| {
        broken(|document, disclosures, _| {
            disclosures[0].sensors = names.iter().map(|name| (*name).to_owned()).collect();
            disclosures[0].granularity = granularity;
            document.data[0].csv = format!("sensor,packets\n{cell},100\n");
        })
    };
    assert_eq!(
        with(
            &["domestic sensor 1", "Overseas Sensor 12"],
            Granularity::Period,
            "domestic sensor 1"
        ),
        []
    );
    assert_eq!(
        with(&["国内センサー1", "海外センサー２", "home"], Granularity::Period, "国内センサー1"),
        []
    );
    only(
        Rule::PerSensor,
        "name",
        &with(&["Sensor at the university"], Granularity::Period, "Sensor at the university"),
    );
    only(Rule::PerSensor, "undisclosed", &with(&[], Granularity::Period, "sensor 1"));
    only(Rule::PerSensor, "by day", &with(&["sensor 1"], Granularity::Day, "sensor 1"));
}

#[test]
fn e_nothing_new_is_shown() {
    assert_eq!(broken(|_, _, rules| rules.made = NEWEST.plus(7)), []);
    let found = broken(|_, _, rules| rules.made = NEWEST.plus(6));
    only(Rule::Fresh, "made early", &found);
    // Whatever was declared, the days in the data count.
    only(
        Rule::Fresh,
        "in the data",
        &broken(|document, _, _| document.data[1].csv = "day,23/TCP\n2022-07-09,100\n".to_owned()),
    );
    only(Rule::Fresh, "declared", &broken(|_, disclosures, _| disclosures[0].newest = MADE));
}

#[test]
fn f_editions_for_members_see_more_of_their_own() {
    let member = |change: fn(&mut Document, &mut Vec<Disclosure>)| {
        broken(|document, disclosures, rules| {
            rules.edition = Edition::AmberStrict;
            rules.own_sensors = vec!["tokyo-1".to_owned()];
            document.label = Some("TLP:AMBER+STRICT".to_owned());
            change(document, disclosures);
        })
    };
    assert_eq!(member(|document, _| document.title = "tokyo-1 and 203.0.113.9".to_owned()), []);
    assert_eq!(
        member(|_, disclosures| disclosures[1]
            .subjects
            .iter_mut()
            .for_each(|subject| (subject.rank, subject.sensors) = (None, 0))),
        []
    );
    assert_eq!(member(|_, disclosures| disclosures[1].sensors = vec!["tokyo-1".to_owned()]), []);
    only(
        Rule::SensorName,
        "another's",
        &member(|document, _| document.title = "Partner_KR".to_owned()),
    );
    only(
        Rule::PerSensor,
        "another's",
        &member(|_, disclosures| disclosures[1].sensors = vec!["sensor 2".to_owned()]),
    );
    only(
        Rule::WatchedAddress,
        "never",
        &member(|document, _| document.title = "192.0.2.77".to_owned()),
    );
    only(
        Rule::SmallCount,
        "held",
        &member(|document, _| document.data[0].csv = "packets\n3\n".to_owned()),
    );
    only(Rule::Fresh, "held", &member(|_, disclosures| disclosures[0].newest = MADE));
    only(
        Rule::Label,
        "label",
        &member(|document, _| document.label = Some("TLP:CLEAR".to_owned())),
    );
    only(Rule::Label, "no label", &broken(|document, _, _| document.label = None));
    // The community gets what the public gets, whatever is said to be its own.
    let green = broken(|document, _, rules| {
        (document.label, rules.edition, rules.own_sensors) = (Some("TLP:GREEN".to_owned()), Edition::Green, vec!["tokyo-1".to_owned()]);
        document.title = "tokyo-1".to_owned();
    });
    only(Rule::SensorName, "green", &green);
}

#[test]
fn what_is_not_disclosed_or_readable_is_not_published() {
    only(Rule::Undisclosed, "data", &broken(|_, disclosures, _| drop(disclosures.remove(1))));
    only(Rule::Undisclosed, "figure", &broken(|document, _, _| figure(document).data = None));
    only(
        Rule::Undisclosed,
        "unknown data",
        &broken(|document, _, _| figure(document).data = Some("other".to_owned())),
    );
    only(
        Rule::Unreadable,
        "svg",
        &broken(|document, _, _| figure(document).svg = "<svg".to_owned()),
    );
    only(
        Rule::Unreadable,
        "csv",
        &broken(|document, _, _| document.data[0].csv = "port\n\"80".to_owned()),
    );
    only(
        Rule::Unreadable,
        "empty csv",
        &broken(|document, _, _| document.data[0].csv.clear()),
    );
    only(
        Rule::Unreadable,
        "ragged csv",
        &broken(|document, _, _| document.data[0].csv = "port,packets\n80\n".to_owned()),
    );
    let many = broken(|document, _, _| document.summary = vec![Block::Heading("192.0.2.1 ".repeat(50_000))]);
    only(Rule::WatchedAddress, "many", &many);
    assert!(many.len() <= PLACE_MAX);
}

#[test]
fn hostile_text_is_scanned_without_panic() {
    for text in [
        "1.",
        "1.2.3.",
        "::",
        ":a",
        "1-",
        "/",
        "192.0.2.",
        "v1.2.3.4/99",
        "9".repeat(50).as_str(),
        "é1.2.3.4é",
        "…192.0.2.1…",
        "1.2.3.4/",
    ] {
        for repeat in [1, 10_000] {
            let text = scan::folded(&text.repeat(repeat));
            assert!(scan::literals(&text).len() <= text.len());
            assert!(scan::integers(&text).len() <= text.len());
        }
    }
}
