//! `hirundo top`, `trend` and `query` against counts made here, from the packets themselves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ask_support;
mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::process::Stdio;
use std::sync::OnceLock;

use ask_support::{Known, day, key, lake, ranking, within, world};
use serde_json::Value;
use support::{HOUR_US, MINUTE_US, at, run};

/// Compares the program's ranking of April against March with ours.
#[track_caller]
fn check_top(what: &str, by: &str, options: &[&str], counts: impl Fn(&Known) -> bool) {
    let case = format!("top {what} --by {by} {options:?}");
    let all: Vec<Known> = world().packets.iter().filter(|packet| counts(packet)).cloned().collect();
    let (now, before) = (
        ranking(what, by, &within(&all, "2022-04-01", "2022-04-30")),
        ranking(what, by, &within(&all, "2022-03-01", "2022-03-31")),
    );
    assert!(!now.is_empty(), "{case}: nothing to rank tests nothing");
    let total: i64 = now.iter().map(|(_, value)| value).sum();
    let mut args = vec!["top", what, "--by", by, "--period", "2022-04", "--format", "json", "--limit", "0"];
    args.extend(options);
    let rows = lake().run(&args).expect(0).rows();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(rows.len(), now.len(), "{case}: {names:?}");
    for (n, (row, (name, value))) in rows.iter().zip(&now).enumerate() {
        let at = format!("{case}: row {row}");
        assert_eq!(row["rank"].as_u64(), Some(n as u64 + 1), "{at}");
        assert!(row["name"].as_str().unwrap().starts_with(name.as_str()), "{at}: not {name}");
        assert_eq!(row["value"].as_i64(), Some(*value), "{at}: {name}");
        let share = row["share"].as_f64().unwrap() - 100.0 * *value as f64 / total as f64;
        assert!(share.abs() < 0.0051, "{at}: share is {share} off");
        let was = before.iter().position(|(known, _)| known == name);
        assert_eq!(row["rank_before"].as_u64(), was.map(|rank| rank as u64 + 1), "{at}");
        assert_eq!(row["value_before"].as_i64(), was.map(|rank| before[rank].1), "{at}");
    }
}

#[test]
fn rankings_of_everything_by_everything() {
    for what in ["ports", "regions", "sources", "tools", "networks", "kinds", "sensors"] {
        for by in ["packets", "bytes", "sources", "cumulative-sources"] {
            check_top(what, by, &[], |_| true);
        }
    }
}

#[test]
fn filters_say_which_packets_count() {
    check_top("ports", "packets", &["--sensor", "tokyo"], |packet| packet.sensor == "tokyo");
    check_top("ports", "packets", &["--sensor", "tokyo", "--sensor", "osaka"], |_| true);
    check_top("ports", "packets", &["--region", "se"], |packet| packet.region == "SE");
    check_top("ports", "sources", &["--region", "uk", "--region", "JP"], |packet| {
        matches!(packet.region, "GB" | "JP")
    });
    check_top("regions", "packets", &["--port", "23/tcp"], |packet| {
        (packet.proto, packet.port) == (6, Some(23))
    });
    check_top("regions", "sources", &["--port", "23/tcp", "--port", "53/udp"], |packet| {
        matches!((packet.proto, packet.port), (6, Some(23)) | (17, Some(53)))
    });
    check_top("sources", "packets", &["--port", "icmp"], |packet| packet.proto == 1);
    check_top("sources", "packets", &["--port", "icmpv6"], |packet| packet.proto == 58);
    check_top("kinds", "packets", &["--port", "tcp"], |packet| packet.proto == 6);
    check_top("ports", "packets", &["--tool", "mirai"], |packet| packet.tool.is_some());
    check_top("ports", "bytes", &["--tool", "none"], |packet| packet.tool.is_none());
    check_top("ports", "cumulative-sources", &["--mark", "mirai"], |packet| packet.tool.is_some());
    check_top("regions", "packets", &["--mark", "none"], |packet| packet.tool.is_none());
    check_top("ports", "packets", &["--kind", "backscatter", "--kind", "probe"], |packet| {
        packet.kind != "scan"
    });
    check_top("ports", "packets", &["--network", "AS35908"], |packet| packet.asn == 35_908);
    check_top(
        "sources",
        "cumulative-sources",
        &["--network", "29518", "--network", "as209"],
        |packet| matches!(packet.asn, 29_518 | 209),
    );
    let in_gb = |packet: &Known| packet.src.to_string().starts_with("81.2.69.1");
    check_top("sources", "packets", &["--source", "81.2.69.128/25"], in_gb);
    check_top(
        "ports",
        "sources",
        &["--source", "81.2.69.161", "--source", "2001:218::/32"],
        |packet| matches!(packet.src.to_string().as_str(), "81.2.69.161" | "2001:218::1" | "2001:218::2"),
    );
    check_top("sensors", "packets", &["--source", "0.0.0.0/0"], |packet| packet.src.is_ipv4());
    check_top("sensors", "packets", &["--source", "::/0"], |packet| packet.src.is_ipv6());
    check_top("regions", "packets", &["--scanner", "none"], |_| true);
    check_top(
        "tools",
        "sources",
        &["--sensor", "osaka", "--region", "GB", "--port", "23/tcp", "--kind", "scan"],
        |packet| (packet.sensor, packet.region, packet.proto, packet.port, packet.kind) == ("osaka", "GB", 6, Some(23), "scan"),
    );
    // Nothing left is an empty answer, not an error; what cannot be read as a filter is one.
    assert_eq!(
        lake()
            .run(&["top", "ports", "--sensor", "nara' OR '1'='1", "--format", "json"])
            .expect(0)
            .rows(),
        Vec::<Value>::new()
    );
    for wrong in [
        ["--port", "23/sctp"],
        ["--port", "70000/tcp"],
        ["--kind", "scans"],
        ["--network", "ASx"],
        ["--source", "1.2.3"],
        ["--source", "1.2.3.4/33"],
        ["--period", "2022Q5"],
        ["--limit", "-1"],
    ] {
        let words = if wrong[0] == "--limit" { "--help" } else { "hint: " };
        lake().run(&[&["top", "ports"], &wrong[..]].concat()).expect(2).says(&[words]);
    }
}

#[test]
fn people_read_the_rank_before() {
    let (march, april) = (
        within(&world().packets, "2022-03-01", "2022-03-31"),
        within(&world().packets, "2022-04-01", "2022-04-30"),
    );
    let (before, now) = (ranking("ports", "packets", &march), ranking("ports", "packets", &april));
    let table = lake()
        .run(&["top", "ports", "--period", "2022-04", "--limit", "0"])
        .expect(0)
        .stdout;
    let mut seen = BTreeSet::new();
    for (name, _) in &now {
        let was = match before.iter().position(|(known, _)| known == name) {
            Some(rank) if rank < 10 => (rank + 1).to_string(),
            Some(_) => "outside the top 10".to_owned(),
            None => "new".to_owned(),
        };
        let line = table
            .lines()
            .find(|line| line.contains(&format!(" {name}")))
            .unwrap_or_else(|| panic!("{name} is not in\n{table}"));
        let last = line.trim_end_matches(['│', '|', ' ']).rsplit(['│', '|', ' ']).next().unwrap();
        assert!(
            line.trim_end_matches(['│', '|', ' ']).ends_with(&was),
            "{name} was {was}, not {last}:\n{table}"
        );
        seen.insert(was);
    }
    assert!(
        seen.contains("new") && seen.contains("outside the top 10") && seen.contains("1"),
        "{seen:?}"
    );
    // Ten rows unless told otherwise, and their shares are of everything.
    let ten = lake()
        .run(&["top", "ports", "--period", "2022-04", "--format", "json"])
        .expect(0)
        .rows();
    assert_eq!(ten.len(), 10);
    let shares: f64 = ten.iter().map(|row| row["share"].as_f64().unwrap()).sum();
    assert!(shares < 99.9, "{shares}");
    // Before the first day there is nothing to compare with: no rank before, and nobody is new.
    let first = lake().run(&["top", "ports", "--period", "2022-03"]).expect(0).stdout;
    assert!(!first.contains("new") && !first.contains("outside"), "{first}");
    let japanese = lake()
        .run(&["top", "ports", "--period", "2022-04", "--limit", "0", "--lang", "ja"])
        .expect(0)
        .stdout;
    assert!(
        japanese.contains("新規") && japanese.contains("10位圏外") && japanese.contains("2022年4月"),
        "{japanese}"
    );
    // The period before may be named.
    let same = lake()
        .run(&["top", "ports", "--period", "2022-04", "--before", "2022-04", "--format", "json"])
        .expect(0)
        .rows();
    assert!(
        same.iter()
            .all(|row| row["rank"] == row["rank_before"] && row["value"] == row["value_before"]),
        "{same:?}"
    );
}

/// The five-minute slots in which each sensor was up: those with a packet, and those between two packets of
/// its capture whose slots begin at most an hour apart.
fn slots(packets: &[Known]) -> BTreeSet<(&'static str, i64)> {
    let mut slots = BTreeSet::new();
    let mut last: Option<(&str, i64)> = None;
    for packet in packets {
        let slot = packet.time_us / (5 * MINUTE_US);
        let near = last.filter(|(sensor, last)| *sensor == packet.sensor && (1..=12).contains(&(slot - last)));
        let from = near.map_or(slot, |(_, last)| last);
        slots.extend((from..=slot).map(|slot| (packet.sensor, slot)));
        last = Some((packet.sensor, slot));
    }
    slots
}

/// Days of up-time of a day: five minutes for each slot.
fn sensor_days(day: i32, sensor: Option<&str>) -> f64 {
    static SLOTS: OnceLock<BTreeSet<(&str, i64)>> = OnceLock::new();
    let count = SLOTS
        .get_or_init(|| slots(&world().packets))
        .iter()
        .filter(|(name, slot)| slot / 288 == i64::from(day) && sensor.is_none_or(|sensor| *name == sensor))
        .count();
    count as f64 * 300.0 / 86_400.0
}

/// Compares the program's daily numbers of April with ours, gaps and means too.
fn check_trend(options: &[&str], sensor: Option<&str>, per_sensor: bool, counts: impl Fn(&Known) -> bool) {
    let packets = &world().packets;
    let mut args = vec!["trend", "ports", "--period", "2022-04", "--limit", "12", "--format", "json"];
    args.extend(options);
    let rows = lake().run(&args).expect(0).rows();
    let april: Vec<Known> = within(packets, "2022-04-01", "2022-04-30")
        .into_iter()
        .filter(|packet| counts(packet))
        .collect();
    let largest = ranking("ports", "packets", &april);
    assert_eq!(rows.len(), 30 * largest.len().min(12), "{options:?}");
    let value = |name: &str, day: i32| {
        let observed = sensor_days(day, sensor);
        let count = packets
            .iter()
            .filter(|packet| packet.day == day && counts(packet) && key("ports", packet).unwrap().1 == name)
            .count() as f64;
        (observed > 0.0).then_some(if per_sensor { count / observed } else { count })
    };
    let (mut zeros, mut gaps) = (0, 0);
    for row in &rows {
        let shown = row["series"].as_str().unwrap();
        let (name, _) = largest
            .iter()
            .find(|(name, _)| shown.starts_with(name.as_str()))
            .unwrap_or_else(|| panic!("{shown} is not among the largest"));
        let today = day(row["day"].as_str().unwrap());
        let expected = value(name, today);
        check_number(&row["value"], expected, &format!("{options:?}: value of {row}"));
        let week: Vec<f64> = (0..7).filter_map(|back| value(name, today - back)).collect();
        let mean = (expected.is_some() && week.len() >= 4).then(|| week.iter().sum::<f64>() / week.len() as f64);
        check_number(&row["mean_7_days"], mean, &format!("{options:?}: mean of {row}"));
        zeros += u32::from(expected == Some(0.0));
        gaps += u32::from(expected.is_none());
    }
    assert!(zeros > 0 && gaps > 0, "{options:?}: {zeros} zeros and {gaps} gaps");
}

fn check_number(found: &Value, expected: Option<f64>, case: &str) {
    match (found.as_f64(), expected) {
        (None, None) => assert!(found.is_null(), "{case}"),
        (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-9, "{case}: {found} is not {expected}"),
        (found, expected) => panic!("{case}: {found:?} is not {expected:?}"),
    }
}

#[test]
fn trends_tell_a_gap_from_a_zero() {
    check_trend(&[], None, false, |_| true);
    check_trend(&["--per-sensor"], None, true, |_| true);
    check_trend(&["--sensor", "osaka"], Some("osaka"), false, |packet| packet.sensor == "osaka");
    check_trend(&["--sensor", "osaka", "--per-sensor"], Some("osaka"), true, |packet| {
        packet.sensor == "osaka"
    });
    check_trend(&["--region", "GB"], None, false, |packet| packet.region == "GB");
}

#[test]
fn a_trend_of_everything() {
    let rows = lake()
        .run(&["trend", "--period", "2022-04-08..2022-04-13", "--by", "sources", "--format", "json"])
        .expect(0)
        .rows();
    let expected: Vec<Value> = (day("2022-04-08")..=day("2022-04-13"))
        .map(|today| {
            let sources: BTreeSet<IpAddr> = world()
                .packets
                .iter()
                .filter(|packet| packet.day == today)
                .map(|packet| packet.src)
                .collect();
            if sources.is_empty() {
                Value::Null
            } else {
                Value::from(sources.len() as f64)
            }
        })
        .collect();
    assert_eq!(rows.iter().map(|row| row["value"].clone()).collect::<Vec<_>>(), expected);
    assert!(expected[3].is_null(), "nobody observed on 11 April");
    let svg = world().place.path("figure.svg");
    let plot = lake()
        .run(&["trend", "ports", "--period", "2022-04", "--svg", svg.to_str().unwrap()])
        .expect(0);
    assert!(plot.stdout.contains("23/TCP"), "{}", plot.stdout);
    let figure = std::fs::read_to_string(svg).unwrap();
    assert!(
        roxmltree::Document::parse(&figure)
            .unwrap()
            .descendants()
            .any(|node| node.text().is_some_and(|text| text.contains("telnet")))
    );
}

#[test]
fn questions_in_sql() {
    let lake = lake();
    let packets = &world().packets;
    let count = |test: &dyn Fn(&Known) -> bool| i64::try_from(packets.iter().filter(|packet| test(packet)).count()).unwrap();
    let cases: Vec<(&str, i64)> = vec![
        ("SELECT count(*) FROM packets", count(&|_| true)),
        (
            "SELECT count(*) FROM packets WHERE src = ip_parse('67.43.156.1')",
            count(&|packet| packet.src.to_string() == "67.43.156.1"),
        ),
        (
            "SELECT count(*) FROM packets WHERE ip(src) = '67.43.156.1'",
            count(&|packet| packet.src.to_string() == "67.43.156.1"),
        ),
        (
            "SELECT count(*) FROM packets WHERE src6 = ip6_parse('2001:218::2')",
            count(&|packet| packet.src.to_string() == "2001:218::2"),
        ),
        (
            "SELECT count(*) FROM packets WHERE ip(src6) = '2001:218::2'",
            count(&|packet| packet.src.to_string() == "2001:218::2"),
        ),
        (
            "SELECT count(*) FROM packets WHERE in_network(src, '67.43.156.2/31')",
            count(&|packet| matches!(packet.src.to_string().as_str(), "67.43.156.2" | "67.43.156.3")),
        ),
        (
            "SELECT count(*) FROM packets WHERE in_network(src6, '2001:218::2/127')",
            count(&|packet| packet.src.to_string() == "2001:218::2"),
        ),
        (
            "SELECT count(*) FROM packets WHERE NOT in_network(src, '67.0.0.0/8')",
            count(&|packet| packet.src.is_ipv4() && !packet.src.to_string().starts_with("67.")),
        ),
        (
            "SELECT count(*) FROM packets WHERE in_network(src, concat('67.43.156.', '2'))",
            count(&|packet| packet.src.to_string() == "67.43.156.2"),
        ),
        ("SELECT slot_secs(7)", 900),
        (
            "SELECT CAST(sum(slot_secs(up_slots)) / 300 AS BIGINT) FROM sensors",
            count_slots(packets),
        ),
        (
            "SELECT count(*) FROM packets WHERE day = DATE '2022-04-12'",
            count(&|packet| packet.day == day("2022-04-12")),
        ),
        (
            "SELECT count(*) FROM packets WHERE time >= TIMESTAMP '2022-04-12T06:00:00Z' AND time < TIMESTAMP '2022-04-12T07:00:00Z'",
            count(&|packet| packet.time_us / HOUR_US == at("2022-04-12T06:00:00") / HOUR_US),
        ),
        (
            "SELECT count(*) FROM packets WHERE probe = 'dns-query'",
            count(&|packet| packet.kind == "probe"),
        ),
        (
            "SELECT sum(bytes) FROM sources WHERE region = 'JP'",
            packets
                .iter()
                .filter(|packet| packet.region == "JP")
                .map(|packet| packet.bytes)
                .sum(),
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(lake.number(sql), expected, "{sql}");
    }
}

#[test]
fn functions_and_questions_from_standard_input() {
    let lake = lake();
    assert_eq!(lake.texts("SELECT ip(ip_parse('255.255.255.255'))"), ["255.255.255.255"]);
    assert_eq!(lake.texts("SELECT ip(ip6_parse('2001:DB8:0::1'))"), ["2001:db8::1"]);
    assert_eq!(lake.texts("SELECT ip_parse('67.43.156.256')"), ["null"]);
    // Long or odd questions from standard input; CSV with its line ends.
    let mut command = lake.command(&["query", "--format", "csv", "-"]);
    let file = world().place.path("question.sql");
    std::fs::write(&file, "-- a comment\nSELECT 1 AS one, 'a,\"b' AS \"two, three\", NULL AS four;\n").unwrap();
    let answer = run(command.stdin(std::fs::File::open(file).unwrap())).expect(0).stdout;
    assert_eq!(answer, "one,\"two, three\",four\r\n1,\"a,\"\"b\",\r\n");
}

fn count_slots(packets: &[Known]) -> i64 {
    i64::try_from(slots(packets).len()).unwrap()
}

#[test]
fn questions_change_nothing() {
    let lake = lake();
    lake.number("SELECT count(*) FROM packets");
    let before = lake.files();
    let target = world().place.path("stolen.csv");
    let copy = format!("COPY packets TO '{}'", target.display());
    let outside = format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{}'", target.display());
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        &outside,
        "INSERT INTO packets SELECT * FROM packets",
        "DELETE FROM packets",
        "UPDATE packets SET ttl = 1",
        "DROP TABLE packets",
        "TRUNCATE TABLE packets",
        &copy,
        "SET datafusion.execution.batch_size = 1",
        "BEGIN",
        "SELECT 1; DROP TABLE packets",
        "PREPARE p AS SELECT 1",
    ] {
        let ran = lake.run(&["query", sql]).expect(2);
        assert!(ran.stderr.starts_with("error: ") && ran.stdout.is_empty(), "{sql}: {ran:?}");
    }
    assert!(!target.exists() && before == lake.files());
}

#[test]
fn questions_that_cannot_be_asked_are_told_why() {
    let lake = lake();
    let cases: [(&str, &[&str]); 9] = [
        ("SELEC 1", &["SELEC"]),
        ("SELECT * FROM", &["xpected"]),
        ("", &["error: "]),
        ("SELECT nothing FROM packets", &["nothing"]),
        ("SELECT * FROM nowhere", &["nowhere"]),
        ("SELECT in_network(src, '1.2.3') FROM packets", &["1.2.3", "not a network"]),
        ("SELECT in_network(src, sensor) FROM packets", &["not a network"]),
        ("SELECT ip('x')", &["ip()"]),
        ("SELECT 1/0", &["ivide by zero"]),
    ];
    for (sql, words) in cases {
        let ran = lake.run(&["query", sql]).expect(2).says(&["error: "]).says(words);
        assert!(!ran.stderr.contains("panicked") && ran.stderr.len() < 2000, "{sql}: {}", ran.stderr);
    }
    let deep = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
    let ran = lake.run(&["query", &deep]);
    assert_eq!(
        ran.status,
        Some(2),
        "a deep question must not end it: {}",
        &ran.stderr[..ran.stderr.len().min(500)]
    );
}

#[test]
fn plans_are_shown() {
    let plan = lake()
        .run(&[
            "query",
            "--explain",
            "SELECT count(*) FROM packets WHERE day = DATE '2022-04-12' AND in_network(src, '67.43.156.0/24')",
        ])
        .expect(0)
        .stdout;
    assert!(
        plan.contains("day=2022-04-12") && !plan.contains("day=2022-04-13"),
        "other days are read too:\n{plan}"
    );
    assert!(!plan.contains("in_network"), "the network should be a range:\n{plan}");
    let plan = lake().run(&["query", "--analyze", "SELECT count(*) FROM packets"]).expect(0).stdout;
    assert!(plan.contains("output_rows"), "{plan}");
    let by_port = "SELECT dst_port, count(*), count(DISTINCT src) FROM packets GROUP BY dst_port";
    let plan = lake().run(&["query", "--explain", by_port]).expect(0).stdout;
    assert!(
        plan.contains("GroupRuns"),
        "equal ports that stand together should be grouped as one:\n{plan}"
    );
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    for format in ["csv", "json", "table"] {
        let mut command = lake().command(&[
            "query",
            "--format",
            format,
            "--limit",
            "0",
            "SELECT a.*, b.time FROM packets AS a, packets AS b LIMIT 3000000",
        ]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(100, child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "{format}");
        assert!(!line.is_empty());
    }
}
