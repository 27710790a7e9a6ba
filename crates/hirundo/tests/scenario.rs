//! What the simulator put into its captures against what the program gets out of them, to the packet.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scenario_support;
mod support;

use std::collections::{BTreeMap, HashMap};

use hirundo_packet::mark::MarkTable;
use hirundo_simulator::Tool;
use scenario_support::page::{Found, Judged, Ranked, check_page};
use scenario_support::{Counts, Simulated, counts, region_of, same, table_of, text};
use serde_json::Value;
use support::Lake;

/// Everything that the truth counts by day.
fn check_days(simulated: &Simulated, lake: &Lake, when: &str) {
    check_packets(simulated, lake, when);
    check_sources(simulated, lake, when);
    // The other tables that count packets.
    for (table, count) in [
        ("hourly", "sum(packets)"),
        ("sources", "sum(packets)"),
        ("packets", "count(*)"),
        ("sensors", "sum(seen)"),
        ("sensors", "sum(kept)"),
    ] {
        let found = counts(lake, &format!("SELECT day, sensor, {count} AS number FROM {table} GROUP BY ALL"));
        same(&format!("{count} of {table}, {when}"), &simulated.by_day("sensors"), &found);
    }
    let bytes = lake.number("SELECT sum(bytes) FROM daily");
    assert_eq!(Some(bytes), simulated.truth["ip_bytes"].as_i64(), "bytes, {when}");
    let sources = lake.number("SELECT count(DISTINCT src) FROM sources");
    assert_eq!(
        Some(sources),
        simulated.truth["sources"].as_i64(),
        "distinct sources of the whole time, {when}"
    );
}

/// Packets by day and everything else, from the table of days.
fn check_packets(simulated: &Simulated, lake: &Lake, when: &str) {
    let rows = [
        ("ports", "day, proto, dst_port", "true"),
        ("regions", "day, region", "true"),
        ("sensors", "day, sensor", "true"),
        ("mirai_regions", "day, region", "mark = 'mirai'"),
        ("mirai_ports", "day, proto, dst_port", "mark = 'mirai'"),
    ];
    let ask = |keys: &str, filter: &str| {
        counts(
            lake,
            &format!("SELECT {keys}, sum(packets) AS number FROM daily WHERE {filter} GROUP BY ALL"),
        )
    };
    for (table, keys, filter) in rows {
        same(&format!("{table}, {when}"), &simulated.by_day(table), &ask(keys, filter));
    }
    for (total, filter) in [("packets", "true"), ("mirai_packets", "mark = 'mirai'")] {
        same(&format!("{total}, {when}"), &simulated.totals(total), &ask("day", filter));
    }
}

/// Distinct sources by day and region: from sources and from packets, Mirai's by the verdict and by the mark.
fn check_sources(simulated: &Simulated, lake: &Lake, when: &str) {
    let rows = [
        ("sources", "region_sources", "sources"),
        ("sources", "region_sources", "packets"),
        ("mirai_sources", "mirai_region_sources", "sources WHERE tool = 'mirai'"),
        ("mirai_sources", "mirai_region_sources", "packets WHERE mark = 'mirai'"),
    ];
    for (total, by_region, from) in rows {
        let ask = |keys: &str| {
            counts(
                lake,
                &format!("SELECT {keys}, count(DISTINCT src) AS number FROM {from} GROUP BY ALL"),
            )
        };
        same(&format!("{total} from {from}, {when}"), &simulated.totals(total), &ask("day"));
        same(
            &format!("{by_region} from {from}, {when}"),
            &simulated.by_day(by_region),
            &ask("day, region"),
        );
    }
}

/// Up-time: exactly the slots with a packet, none in an outage, nearly all elsewhere.
fn check_up_time(simulated: &Simulated, lake: &Lake, share_min: f64, when: &str) {
    let slots = "SELECT sensor, CAST(date_part('epoch', hour) AS BIGINT) AS begin, bit_or(up_slots) AS slots FROM sensors GROUP BY ALL";
    let found = counts(lake, slots);
    same(&format!("five-minute slots, {when}"), &simulated.slots(), &found);
    for sensor in &simulated.scenario.sensors {
        let mut up_secs = 0;
        for (key, slots) in &found {
            let (name, hour) = key.split_once(' ').unwrap();
            if name != sensor.name {
                continue;
            }
            for slot in (0..12).filter(|slot| slots & (1 << slot) != 0) {
                let from = (hour.parse::<i64>().unwrap() + slot * 300) * 1_000_000;
                let to = from + 300_000_000;
                up_secs += 300;
                for (begin, end) in simulated.outages(name) {
                    assert!(
                        to <= begin || end <= from || from < begin || end < to,
                        "{key}: up in an outage, slot {slot}, {when}"
                    );
                }
            }
        }
        let (truth, found) = (simulated.up_secs(&sensor.name) as f64, f64::from(up_secs));
        assert!(
            found <= truth + 600.0 && found >= truth * share_min,
            "{}: up {found} s, by the scenario {truth} s, {when}",
            sensor.name
        );
    }
}

/// Rows of `hirundo top` in JSON.
fn top(lake: &Lake, args: &[&str]) -> Vec<Value> {
    let mut command = lake.command(&["top", "--format", "json"]);
    support::run(command.args(args)).expect(0).rows()
}

/// The truth's word for a label of `hirundo top`.
fn word(row: &Value) -> String {
    let label = text(&row["name"]);
    let first = label.split(' ').next().unwrap();
    if first == "ICMP" || first.contains('/') {
        first.to_lowercase()
    } else {
        region_of(first).to_owned()
    }
}

/// Ranks by count: equal counts share the first of their places in the truth and take turns in our tables.
struct Ranks<'a> {
    counts: &'a Counts,
    /// Largest first.
    sorted: Vec<u64>,
}

impl<'a> Ranks<'a> {
    fn of(counts: &'a Counts) -> Ranks<'a> {
        let mut sorted: Vec<u64> = counts.values().copied().collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        Ranks { counts, sorted }
    }

    /// The places that `name` may have, from and to (exclusive).
    fn places(&self, name: &str) -> Option<(u64, u64)> {
        let count = self.counts.get(name)?;
        let place = |at: usize| 1 + at as u64;
        Some((
            place(self.sorted.partition_point(|other| other > count)),
            place(self.sorted.partition_point(|other| other >= count)),
        ))
    }
}

/// Counts of a quarter by port, out of its days: the truth keeps only the first ten.
fn quarter_ports(simulated: &Simulated, quarter: &str) -> Counts {
    let months = match quarter {
        "2022-Q1" => ["2022-01", "2022-02", "2022-03"],
        "2022-Q2" => ["2022-04", "2022-05", "2022-06"],
        other => panic!("{other}"),
    };
    let mut counts = Counts::new();
    for day in simulated
        .days()
        .iter()
        .filter(|day| months.iter().any(|month| text(&day["day"]).starts_with(month)))
    {
        for (port, packets) in table_of(day, "ports") {
            *counts.entry(port).or_default() += packets;
        }
    }
    counts
}

/// Every row of a ranking of the second quarter: rank, count, share, and both of the first quarter.
fn check_ranking(rows: &[Value], now: &Counts, before: &Counts, what: &str) {
    assert_eq!(rows.len(), now.len(), "{what}");
    let total: u64 = now.values().sum();
    let (ranks, ranks_before) = (Ranks::of(now), Ranks::of(before));
    for (row, place) in rows.iter().zip(1u64..) {
        let name = word(row);
        let count = now.get(&name).copied();
        assert_eq!((row["rank"].as_u64(), row["value"].as_u64()), (Some(place), count), "{what}: {row}");
        let (first, end) = ranks.places(&name).unwrap();
        assert!((first..end).contains(&place), "{what}: {row}");
        let share = count.unwrap() as f64 * 100.0 / total as f64;
        assert!(
            (row["share"].as_f64().unwrap() - share).abs() <= 0.005 + 1e-9,
            "{what}: {row}, share {share}"
        );
        assert_eq!(row["value_before"].as_u64(), before.get(&name).copied(), "{what}: {row}");
        match (row["rank_before"].as_u64(), ranks_before.places(&name)) {
            (Some(found), Some((first, end))) => assert!((first..end).contains(&found), "{what}: {row}"),
            (found, truth) => assert_eq!((found, truth), (None, None), "{what}: {row}"),
        }
    }
}

/// Rank, name and rank before as planted: what the published report has, and so must our table for people.
const PORTS_PLANTED: [(&str, &str, &str); 5] = [
    ("1", "23/TCP", "2"),
    ("2", "6379/TCP", "1"),
    ("3", "22/TCP", "4"),
    ("4", "80/TCP", "6"),
    ("5", "ICMP", "10"),
];
const REGIONS_PLANTED: [(&str, &str, &str); 5] = [
    ("1", "US", "1"),
    ("2", "GB", "2"),
    ("3", "RU", "4"),
    ("4", "CN", "3"),
    ("5", "KR", "6"),
];

/// The first rows of the table that people see: rank, name, rank before.
fn printed(lake: &Lake, what: &str) -> Vec<[String; 3]> {
    let ran = lake.run(&["top", what, "--period", "2022Q2", "-n", "5"]).expect(0);
    let rows = ran.stdout.lines().filter(|line| line.starts_with('│')).skip(1);
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('│').split('┆').map(str::trim).collect();
        let name = cells[1].split(' ').next().unwrap();
        [cells[0], name, cells[4]].map(str::to_owned)
    })
    .collect()
}

fn check_rankings(simulated: &Simulated, lake: &Lake, when: &str) {
    for (what, planted) in [("ports", PORTS_PLANTED), ("regions", REGIONS_PLANTED)] {
        let planted = planted.map(|(rank, name, before)| [rank, name, before].map(str::to_owned));
        assert_eq!(printed(lake, what), planted, "{what}, {when}");
    }
    let quarters = ["2022-Q2", "2022-Q1"].map(|name| simulated.quarter(name));
    let [now, before] = ["2022-Q2", "2022-Q1"].map(|name| quarter_ports(simulated, name));
    check_ranking(
        &top(lake, &["ports", "-p", "2022Q2", "-n", "0"]),
        &now,
        &before,
        &format!("ports, {when}"),
    );
    for quarter in quarters {
        let ranks = |table: &str| -> Counts {
            let rows = quarter[table].as_array().unwrap().iter();
            rows.map(|row| (format!("{} {}", row["rank"], text(&row["name"])), row["packets"].as_u64().unwrap()))
                .collect()
        };
        let period = text(&quarter["quarter"]).replace('-', "");
        for table in ["ports", "regions"] {
            let rows = top(lake, &[table, "-p", &period]);
            let found: Counts = rows
                .iter()
                .map(|row| (format!("{} {}", row["rank"], word(row)), row["value"].as_u64().unwrap()))
                .collect();
            same(&format!("the first ten {table} of {period}, {when}"), &ranks(table), &found);
        }
    }
    let regions: [(&str, &[&str]); 4] = [
        ("region_packets", &[]),
        ("mirai_region_packets", &["--mark", "mirai"]),
        ("cumulative_sources", &["--by", "cumulative-sources"]),
        ("cumulative_mirai_sources", &["--by", "cumulative-sources", "--mark", "mirai"]),
    ];
    for (table, options) in regions {
        let rows = top(lake, &[&["regions", "-p", "2022Q2", "-n", "0"], options].concat());
        let [now, before] = quarters.map(|quarter| table_of(quarter, table));
        check_ranking(&rows, &now, &before, &format!("{table}, {when}"));
        let japan = rows.iter().find(|row| word(row) == "JP").unwrap();
        match table {
            "cumulative_sources" => assert_eq!(japan["rank"], 19, "{when}"),
            "cumulative_mirai_sources" => assert_eq!(japan["rank"], 8, "{when}"),
            _ => {}
        }
    }
    for quarter in quarters {
        let of_quarter = format!(
            "FROM sources WHERE concat(date_part('year', day), '-Q', date_part('quarter', day)) = '{}'",
            text(&quarter["quarter"])
        );
        let sources = lake.number(&format!("SELECT count(DISTINCT src) {of_quarter}"));
        assert_eq!(Some(sources), quarter["sources"].as_i64(), "{when}");
    }
}

/// The rankings of the page: planted by the truth, and as `hirundo top` has them.
fn rankings(simulated: &Simulated, lake: &Lake) -> Vec<(&'static str, Vec<Ranked>, Vec<Ranked>)> {
    let [now, before] = ["2022-Q2", "2022-Q1"].map(|name| simulated.quarter(name));
    let by_region = |table: &str| [now, before].map(|quarter| table_of(quarter, table));
    let by_port = ["2022-Q2", "2022-Q1"].map(|name| quarter_ports(simulated, name));
    let asked: [(&str, [Counts; 2], Vec<&str>); 5] = [
        ("Ports", by_port, vec!["ports"]),
        ("Regions", by_region("region_packets"), vec!["regions"]),
        (
            "Regions of packets with Mirai's mark",
            by_region("mirai_region_packets"),
            vec!["regions", "--mark", "mirai"],
        ),
        (
            "Regions by cumulative sources",
            by_region("cumulative_sources"),
            vec!["regions", "--by", "cumulative-sources", "-n", "19"],
        ),
        (
            "Regions by cumulative Mirai-type sources",
            by_region("cumulative_mirai_sources"),
            vec!["regions", "--by", "cumulative-sources", "--mark", "mirai"],
        ),
    ];
    let shown = asked.map(|(heading, [now, before], options)| {
        let rows = top(lake, &[&options[..], &["-p", "2022Q2"]].concat());
        let found: Vec<Ranked> = rows
            .iter()
            .map(|row| {
                (
                    row["rank"].as_u64().unwrap(),
                    word(row),
                    row["rank_before"].as_u64(),
                    row["value"].as_u64().unwrap(),
                )
            })
            .collect();
        let (ranks, ranks_before) = (Ranks::of(&now), Ranks::of(&before));
        let first = |ranks: &Ranks<'_>, name: &str| ranks.places(name).map(|(first, _)| first);
        let planted = now
            .iter()
            .map(|(name, count)| (first(&ranks, name).unwrap(), name.clone(), first(&ranks_before, name), *count));
        let mut planted: Vec<Ranked> = planted.collect();
        planted.sort();
        planted.truncate(found.len());
        (heading, planted, found)
    });
    shown.into()
}

/// The verdict that a tool's sources should get, and how many packets of a day the rule asks for.
fn verdict(tool: Tool) -> Option<(&'static str, u32)> {
    let marks = MarkTable::built_in();
    let name = match tool {
        Tool::Mirai => "mirai",
        Tool::Masscan => "masscan-old",
        Tool::Masscan2023 => "masscan-new",
        Tool::Zmap => "zmap-or-xmap",
        Tool::Zmap4 => "zmap-new",
        Tool::Nmap => "nmap",
        Tool::Unicornscan => "unicornscan",
        Tool::Linux | Tool::Windows | Tool::Udp | Tool::Echo | Tool::Backscatter | Tool::Misconfiguration => return None,
    };
    let entry = marks.entries().find(|entry| entry.name == name).unwrap();
    // A mark of its own tells with few packets, a comparison of pairs takes three SYNs.
    Some((name, if entry.rule.is_empty() { 3 } else { entry.min_packets }))
}

/// Every source of every day against its verdict, by tool; the sources with a verdict that none of its tools explains.
fn judge(simulated: &Simulated, lake: &Lake) -> (BTreeMap<&'static str, Judged>, Vec<String>) {
    let mut verdicts: HashMap<(String, u32), String> = HashMap::new();
    let csv = lake
        .run(&["query", "--format", "csv", "SELECT DISTINCT day, src, tool FROM sources"])
        .expect(0)
        .stdout;
    for line in csv.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let key = (cells[0].to_owned(), cells[1].parse().unwrap());
        assert!(
            verdicts.insert(key, cells[2].to_owned()).is_none(),
            "{line}: two verdicts on one day"
        );
    }
    let senders = simulated.senders();
    assert_eq!(senders.len(), verdicts.len());
    let mut judged: BTreeMap<&'static str, Judged> = Tool::ALL.iter().map(|tool| (tool.name(), Judged::default())).collect();
    let mut false_verdicts = Vec::new();
    for (key, tools) in &senders {
        let found = verdicts[key].as_str();
        let explains = tools.iter().any(|(tool, _)| verdict(*tool).is_some_and(|(name, _)| name == found));
        if !found.is_empty() && !explains {
            false_verdicts.push(format!("{key:?} {tools:?}: {found}"));
        }
        if let Some(tool) = Tool::ALL.iter().find(|tool| verdict(**tool).is_some_and(|(name, _)| name == found)) {
            let (right, all) = &mut judged.entry(tool.name()).or_default().verdicts;
            (*right, *all) = (*right + u64::from(explains), *all + 1);
        }
        let [(tool, packets)] = tools[..] else { continue };
        let expected = verdict(tool);
        let row = judged.entry(tool.name()).or_default();
        row.sources += 1;
        row.wrong += u64::from(!found.is_empty() && expected.is_none_or(|(name, _)| name != found));
        if packets >= expected.map_or(1, |(_, packets_min)| packets_min) {
            row.enough += 1;
            row.right += u64::from(found == expected.map_or("", |(name, _)| name));
        }
    }
    (judged, false_verdicts)
}

/// Mean packets a day of what is planted, out of the lake, as the truth has it: thousandths.
fn means(simulated: &Simulated, lake: &Lake, planted: &Value) -> [Option<u64>; 2] {
    let subject = planted["subject"].as_str().unwrap_or_default();
    let filter = match (planted["what"].as_str().unwrap(), subject.split_once('/')) {
        ("port", Some((port, proto))) => format!("proto = {} AND dst_port = {port}", if proto == "tcp" { 6 } else { 17 }),
        ("port", None) => "proto = 1".to_owned(),
        ("region", _) => format!("region = '{subject}'"),
        ("mirai", _) => "mark = 'mirai'".to_owned(),
        ("mirai_region", _) => format!("mark = 'mirai' AND region = '{subject}'"),
        ("sensor", _) => {
            let sensors = simulated
                .scenario
                .sensors
                .iter()
                .filter(|sensor| sensor.name == subject || sensor.group == subject);
            let names: Vec<String> = sensors.map(|sensor| format!("'{}'", sensor.name)).collect();
            format!("sensor IN ({})", names.join(", "))
        }
        ("total", _) => "true".to_owned(),
        (other, _) => panic!("{other}"),
    };
    let date = |day: &Value| chrono::NaiveDate::parse_from_str(day.as_str().unwrap(), "%Y-%m-%d").unwrap();
    let (from, to) = (date(&planted["from"]), date(&planted["to"]));
    let week = chrono::TimeDelta::days(7);
    let first_day = date(&simulated.truth["first_day"]);
    let mean = |from: chrono::NaiveDate, end: chrono::NaiveDate| {
        let days = u64::try_from((end - from).num_days()).unwrap();
        if days == 0 {
            return None;
        }
        let sql = format!("SELECT coalesce(sum(packets), 0) FROM daily WHERE day >= DATE '{from}' AND day < DATE '{end}' AND {filter}");
        Some(u64::try_from(lake.number(&sql)).unwrap() * 1000 / days)
    };
    let end = to + chrono::TimeDelta::days(1);
    [mean((from - week).max(first_day), from), mean(from.max(end - week), end)]
}

/// Every planted phenomenon: what the truth measured of it must be what the lake says.
fn check_planted(simulated: &Simulated, lake: &Lake) {
    for planted in simulated.truth["planted"].as_array().unwrap() {
        let truth = ["before_mean_milli", "end_mean_milli"].map(|mean| planted[mean].as_u64());
        assert_eq!(means(simulated, lake, planted), truth, "{planted}");
    }
}

#[test]
fn sample_is_recovered() {
    let simulated = Simulated::new("sample");
    let lake = simulated.ingest();
    check_days(&simulated, &lake, "as it arrived");
    check_up_time(&simulated, &lake, 0.99, "as it arrived");
    lake.run(&["lake", "compact"]).expect(0);
    check_days(&simulated, &lake, "compacted");
    check_up_time(&simulated, &lake, 0.99, "compacted");
    check_planted(&simulated, &lake);
    lake.run(&["lake", "verify"]).expect(0);
    // Every tool is in it, and no source is taken for another's.
    let (judged, false_verdicts) = judge(&simulated, &lake);
    assert_eq!(judged.len(), Tool::ALL.len());
    assert_eq!(false_verdicts, [""; 0]);
    for (tool, judged) in judged {
        assert!(
            judged.wrong == 0 && judged.enough > 0 && judged.right * 100 >= judged.enough * 98,
            "{tool}: {judged:?}"
        );
    }
}

/// While half of the sensors are down there are half as many sensor-days and packets, and as many packets a sensor-day.
#[test]
fn an_outage_is_no_fall() {
    let simulated = Simulated::new("outage");
    let lake = simulated.ingest();
    check_days(&simulated, &lake, "as it arrived");
    check_up_time(&simulated, &lake, 0.75, "as it arrived");
    check_planted(&simulated, &lake);
    let series = |options: &[&str]| -> (f64, f64) {
        let mut command = lake.command(&["trend", "all", "--format", "json"]);
        let rows = support::run(command.args(options)).expect(0).rows();
        let is_down = |row: &&Value| ("2022-08-05"..="2022-08-14").contains(&row["day"].as_str().unwrap());
        let (down, up): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(is_down);
        assert_eq!((down.len(), up.len()), (10, 80));
        let mean = |rows: &[&Value]| rows.iter().map(|row| row["value"].as_f64().unwrap()).sum::<f64>() / rows.len() as f64;
        (mean(&down), mean(&up))
    };
    let (down, up) = series(&[]);
    assert!(
        (0.48..0.52).contains(&(down / up)),
        "packets a day: {down} in the outage, {up} outside"
    );
    let (down, up) = series(&["--per-sensor"]);
    assert!(
        (0.97..1.03).contains(&(down / up)),
        "packets a sensor-day: {down} in the outage, {up} outside"
    );
    let sensors = counts(&lake, "SELECT day, count(DISTINCT sensor) AS sensors FROM sensors GROUP BY ALL");
    for (day, sensors) in sensors {
        let expected = if ("2022-08-05"..="2022-08-14").contains(&day.as_str()) {
            3
        } else {
            6
        };
        assert_eq!(sensors, expected, "{day}");
    }
}

#[test]
fn two_quarters_are_recovered() {
    let simulated = Simulated::new("two-quarters-2022");
    let lake = simulated.ingest();
    for when in ["as it arrived", "compacted"] {
        if when == "compacted" {
            lake.run(&["lake", "compact"]).expect(0);
        }
        check_days(&simulated, &lake, when);
        check_rankings(&simulated, &lake, when);
        check_up_time(&simulated, &lake, 0.97, when);
    }
    lake.run(&["lake", "verify"]).expect(0);
    check_planted(&simulated, &lake);
    let (judged, false_verdicts) = judge(&simulated, &lake);
    for (tool, judged) in &judged {
        assert!(judged.right * 1000 >= judged.enough * 995, "{tool}: {judged:?}");
    }
    let sources: u64 = judged.values().map(|judged| judged.sources).sum();
    assert!(
        false_verdicts.len() as u64 * 100_000 <= sources,
        "{} of {sources} sources: {false_verdicts:?}",
        false_verdicts.len()
    );
    let means = simulated.truth["planted"]
        .as_array()
        .unwrap()
        .iter()
        .map(|planted| means(&simulated, &lake, planted));
    let verdicts = Tool::ALL.iter().filter_map(|tool| Some((tool.name(), verdict(*tool)?.0)));
    check_page(&Found {
        rankings: rankings(&simulated, &lake),
        means: means.collect(),
        judged: &judged,
        verdicts: verdicts.collect(),
        simulated: &simulated,
        lake: &lake,
    });
}
