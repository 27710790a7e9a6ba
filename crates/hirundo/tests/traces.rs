//! Every shared capture through the real program into a lake, and what SQL counts there against what tshark
//! counted in the file; the differences that are right are the tables of `docs/traces.md`, which this test reads.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use support::{Lake, Place, shared};

/// (capture, name of the count) and the count.
type Counts = BTreeMap<(String, String), String>;

/// Questions whose answer is a column `sensor`, perhaps a column `key`, and columns named like the counts of
/// the truth; `{}` in a name is the key.
const QUESTIONS: &[&str] = &[
    "SELECT sensor, sum(seen) AS \"packets.total\" FROM sensors GROUP BY sensor",
    "SELECT sensor,
        count(src) AS \"family.ipv4\", count(src6) AS \"family.ipv6\",
        count(DISTINCT src) AS \"unique.src_ipv4\", count(DISTINCT dst) AS \"unique.dst_ipv4\",
        count(DISTINCT src6) AS \"unique.src_ipv6\", count(DISTINCT dst6) AS \"unique.dst_ipv6\",
        min(time) AS \"ts.min\", max(time) AS \"ts.max\",
        count(*) FILTER (WHERE tcp_seq = dst AND tcp_flags & 18 = 2) AS \"fingerprint.mirai_syn_seq_eq_dst\",
        count(*) FILTER (WHERE ip_id = 54321 AND src IS NOT NULL) AS \"fingerprint.ipid54321_any\",
        count(*) FILTER (WHERE ip_id = 54321 AND src IS NOT NULL AND tcp_flags & 18 = 2) AS \"fingerprint.ipid54321_syn\"
     FROM packets GROUP BY sensor",
    "SELECT sensor, CASE WHEN src IS NULL THEN 'ipv6' ELSE 'ipv4' END AS key,
        count(*) FILTER (WHERE proto = 6 AND tcp_flags IS NOT NULL) AS \"l4.tcp/{}\",
        count(*) FILTER (WHERE proto = 6 AND tcp_flags & 18 = 2) AS \"l4.tcp_syn/{}\",
        count(*) FILTER (WHERE proto = 6 AND tcp_flags & 18 = 18) AS \"l4.tcp_synack/{}\",
        count(*) FILTER (WHERE proto = 6 AND tcp_flags & 4 = 4) AS \"l4.tcp_rst/{}\",
        count(*) FILTER (WHERE proto = 17 AND dst_port IS NOT NULL) AS \"l4.udp/{}\",
        count(*) FILTER (WHERE proto = 1 AND icmp_type IS NOT NULL) AS \"l4.icmp/{}\",
        count(*) FILTER (WHERE proto = 58 AND icmp_type IS NOT NULL) AS \"l4.icmpv6/{}\"
     FROM packets GROUP BY sensor, 2",
    "SELECT sensor, proto AS key, count(*) AS \"ipproto.ipv4/{}\" FROM packets WHERE src IS NOT NULL GROUP BY sensor, proto",
    "SELECT sensor, concat(CASE WHEN src IS NULL THEN 'icmpv6' ELSE 'icmp' END, '/', icmp_type, '/', icmp_code) AS key,
        count(*) AS \"icmp.{}\" FROM packets WHERE icmp_type IS NOT NULL GROUP BY sensor, 2",
    "SELECT sensor, concat(CASE proto WHEN 6 THEN 'tcp' ELSE 'udp' END, CASE WHEN src IS NULL THEN '/ipv6' ELSE '/ipv4' END, '.', dst_port) AS key,
        count(*) AS \"dport:{}\" FROM packets WHERE dst_port IS NOT NULL GROUP BY sensor, 2",
    "SELECT sensor, concat(CASE WHEN src IS NULL THEN 'ipv6' ELSE 'ipv4' END, '.', dst_port) AS key,
        count(*) AS \"dport:tcp_syn/{}\" FROM packets WHERE tcp_flags & 18 = 2 GROUP BY sensor, 2",
];

/// Counts of a truth table that the questions above count too.
fn is_ours(metric: &str, key: &str) -> bool {
    match metric {
        "packets" => key == "total",
        "family" => matches!(key, "ipv4" | "ipv6"),
        "ts" => matches!(key, "min" | "max"),
        "l4" => !key.starts_with("other("),
        "ipproto" => key.starts_with("ipv4/"),
        "fingerprint" => matches!(key, "mirai_syn_seq_eq_dst" | "ipid54321_any" | "ipid54321_syn"),
        "unique" | "icmp" => true,
        other => other.starts_with("dport:"),
    }
}

fn names() -> Vec<String> {
    let text = std::fs::read_to_string(shared("traces/truth.csv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect()
}

/// What the truth tables say; zeros are left out on both sides.
fn truth(name: &str, counts: &mut Counts) {
    let text = std::fs::read_to_string(shared(&format!("traces/{name}.truth.csv"))).unwrap();
    for line in text.lines().skip(1) {
        let Some((key, value)) = line.rsplit_once(',') else { continue };
        let Some((metric, key)) = key.split_once(',') else { continue };
        if is_ours(metric, key) && value != "0" && !value.is_empty() {
            let value = if metric == "ts" { microseconds(value) } else { value.to_owned() };
            counts.insert((name.to_owned(), format!("{metric}.{key}")), value);
        }
    }
}

/// Seconds with nine decimals as RFC 3339 to the microsecond.
fn microseconds(text: &str) -> String {
    let text = if text == "0E-9" { "0.000000000" } else { text };
    let (secs, nanos) = text.split_once('.').unwrap();
    // One capture has a fraction of ten digits: a second and more.
    let micros = secs.parse::<i64>().unwrap() * 1_000_000 + nanos.parse::<i64>().unwrap() / 1000;
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
    time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// What SQL counts in the lake.
fn found(lake: &Lake) -> Counts {
    let mut counts = Counts::new();
    for question in QUESTIONS {
        for row in lake.ask(question) {
            let row = row.as_object().unwrap();
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let key = row.get("key").map(text).unwrap_or_default();
            for (name, value) in row.iter().filter(|(name, _)| !matches!(name.as_str(), "sensor" | "key")) {
                let value = match value.as_str() {
                    Some(time) => {
                        let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
                        time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
                    }
                    None => value.to_string(),
                };
                if value != "0" {
                    counts.insert((row["sensor"].as_str().unwrap().to_owned(), name.replace("{}", &key)), value);
                }
            }
        }
    }
    counts
}

/// Rows of a table of `docs/traces.md`, by its heading; the table's head is left out.
fn documented(heading: &str) -> Vec<Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/traces.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .unwrap_or_else(|| panic!("{path} has no section {heading:?}"));
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        row.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect()
    })
    .collect()
}

/// Ingests every capture as its own sensor and checks how that ended; those that were no captures.
fn ingest_all(lake: &Lake) -> Vec<String> {
    let mut refused = Vec::new();
    let mut damaged: BTreeMap<String, (i32, String)> = BTreeMap::new();
    for row in documented("Damaged files and files that are no captures") {
        let [file, status, words, why] = &row[..] else {
            panic!("{row:?} has not four cells")
        };
        assert!(!why.is_empty(), "{file}: it needs a reason");
        damaged.insert(file.clone(), (status.parse().unwrap(), words.clone()));
    }
    for name in names() {
        let (status, words) = damaged.remove(&name).unwrap_or((0, String::new()));
        let path = shared(&format!("traces/{name}"));
        lake.ingest(&[path.to_str().unwrap(), "--sensor", &name])
            .expect(status)
            .says(&[&words]);
        if status == 2 {
            refused.push(name);
        }
    }
    assert!(damaged.is_empty(), "documented, but not among the captures: {damaged:?}");
    refused
}

#[test]
fn counts_of_every_trace_agree_with_tshark() {
    let place = Place::new();
    let lake = place.lake();
    let refused = ingest_all(&lake);
    let names: Vec<String> = names().into_iter().filter(|name| !refused.contains(name)).collect();
    assert!(names.len() > 50, "only {} shared captures listed", names.len());
    let ours = found(&lake);
    let mut theirs = Counts::new();
    names.iter().for_each(|name| truth(name, &mut theirs));
    assert!(theirs.len() > 1000, "only {} counts in the truth", theirs.len());
    let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let none = "–".to_owned();
    let mut differences = BTreeSet::new();
    for key in keys {
        let (truth, found) = (theirs.get(key).unwrap_or(&none), ours.get(key).unwrap_or(&none));
        if truth != found {
            differences.insert((key.0.clone(), key.1.clone(), truth.clone(), found.clone()));
        }
    }
    let mut allowed = BTreeSet::new();
    for row in documented("Differences") {
        let [file, count, truth, found, why] = &row[..] else {
            panic!("{row:?} has not five cells")
        };
        assert!(why.len() > 20, "{file}, {count}: a difference needs a reason");
        allowed.insert((file.clone(), count.clone(), truth.clone(), found.clone()));
    }
    let show = |rows: Vec<&(String, String, String, String)>| -> String {
        rows.iter()
            .map(|(file, count, truth, found)| format!("| `{file}` | `{count}` | {truth} | {found} | |\n"))
            .collect()
    };
    let new = show(differences.difference(&allowed).collect());
    let gone = show(allowed.difference(&differences).collect());
    assert!(
        new.is_empty() && gone.is_empty(),
        "not in docs/traces.md:\n{new}\nonly in docs/traces.md:\n{gone}"
    );
    check_marks(&lake, &names);
    check_again(&lake, &names);
}

/// The mark of Mirai stands exactly on the packets whose sequence number is their destination.
fn check_marks(lake: &Lake, names: &[String]) {
    let by_mark = lake.number("SELECT count(*) FROM packets WHERE mark = 'mirai'");
    let by_number = lake.number("SELECT count(*) FROM packets WHERE tcp_seq = dst AND tcp_flags & 18 = 2 AND proto = 6");
    assert_eq!(by_mark, by_number);
    // One SYN of an Nmap scan has ZMap's IP id by chance: the packet may bear the mark, its source must not be ZMap.
    let chance = "sensor = 'nd_synscan.pcap' AND ip_id = 54321";
    assert_eq!(lake.number(&format!("SELECT count(*) FROM packets WHERE {chance}")), 1);
    assert_eq!(
        lake.number(&format!("SELECT count(*) FROM packets WHERE {chance} AND tool LIKE 'zmap%'")),
        0
    );
    assert_eq!(
        lake.number("SELECT count(DISTINCT sensor) FROM sensors"),
        i64::try_from(names.len()).unwrap() - 1,
        "all but the empty one"
    );
}

/// The same capture of the same sensor once more changes nothing.
fn check_again(lake: &Lake, names: &[String]) {
    let before = lake.files();
    let name = names.iter().find(|name| name.ends_with("gnutella.pcap")).unwrap();
    let again = lake
        .ingest(&[shared(&format!("traces/{name}")).to_str().unwrap(), "--sensor", name])
        .expect(0)
        .json();
    assert_eq!((&again["packets"], &again["known"]), (&Value::from(0), &Value::from(3882)));
    assert!(before == lake.files(), "a capture that is known changed the lake");
}

#[test]
fn every_capture_is_documented() {
    let listed: Vec<String> = documented("Captures").into_iter().map(|row| row[0].clone()).collect();
    let (mut listed, mut names) = (listed, names());
    listed.sort();
    names.sort();
    assert_eq!(listed, names);
}
