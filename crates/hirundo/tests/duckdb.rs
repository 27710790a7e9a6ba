//! The real DuckDB reads the lake's Parquet files as they are, and finds in every column of every table what
//! `hirundo query` finds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use hirundo_packet::flag;
use serde_json::Value;
use support::{Content, DAY_US, Dice, Lake, Place, Sent, at};

/// Asks DuckDB: argv[1] is the lake, then come its tables; standard input is a JSON list of questions. An answer a line: a list of
/// rows, each a list of values as `hirundo` writes them in JSON.
const PROGRAM: &str = r#"
import datetime, json, sys, duckdb
lake = sys.argv[1]
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
for table in sys.argv[2:]:
    connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{lake}/{table}/**/*.parquet', hive_partitioning = true)")
def plain(value):
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, datetime.datetime):
        value = value.astimezone(datetime.timezone.utc)
        digits = "auto" if value.microsecond == 0 or value.microsecond % 1000 else "milliseconds"
        return value.isoformat(timespec=digits).replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value
for sql in json.load(sys.stdin):
    rows = connection.execute(sql).fetchall()
    print(json.dumps([[plain(value) for value in row] for row in rows]))
"#;

/// The python of an environment with the pinned DuckDB, made when it is not there.
fn python() -> PathBuf {
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../setup/duckdb.sh"));
    let output = Command::new(script)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    assert!(
        output.status.success(),
        "{}:\n{}",
        script.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// DuckDB's answers, question by question.
fn duckdb(lake: &Lake, questions: &[String]) -> Vec<Vec<Value>> {
    use std::io::Write;
    let mut child = Command::new(python())
        .args(["-c", PROGRAM])
        .arg(&lake.0)
        .args(lake.tables())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&serde_json::to_vec(questions).unwrap())
        .unwrap();
    let ran = support::Ran::from(child.wait_with_output().unwrap()).expect(0);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The same from our own program: rows as lists of values. (Columns come in order of their names here.)
fn hirundo(lake: &Lake, sql: &str) -> Vec<Value> {
    lake.ask(sql)
        .into_iter()
        .map(|row| {
            let Value::Object(row) = row else { panic!("{row} is no row") };
            Value::Array(row.into_iter().map(|(_, value)| value).collect())
        })
        .collect()
}

/// Every kind of content there is, over three days, from two sensors and two ingests.
fn fill(place: &Place) -> Lake {
    let lake = place.lake();
    for (sensor, seed) in [("tokyo", 1), ("osaka", 2)] {
        let mut dice = Dice::new(seed);
        let packets: Vec<Sent> = (0..2500)
            .map(|n| one(&mut dice, at("2022-03-31T12:00:00") + n * 2 * DAY_US / 2500))
            .collect();
        let path = place.capture(&format!("in/{sensor}/a.pcap"), &packets);
        lake.ingest(&["--sensor", sensor, path.to_str().unwrap()]).expect(0);
    }
    lake
}

fn one(dice: &mut Dice, time_us: i64) -> Sent {
    let is_ipv6 = dice.below(4) == 0;
    let (src, dst) = if is_ipv6 {
        (
            format!("2001:db8:{:x}::{:x}", dice.below(5), dice.below(50)),
            format!("2001:db8::{:x}", 1 + dice.below(9)),
        )
    } else {
        (
            format!("{}.{}.7.{}", 1 + dice.below(222), dice.below(256), dice.below(256)),
            format!("198.51.100.{}", dice.below(256)),
        )
    };
    let port = [23, 22, 80, 0, 65_535][dice.below(5) as usize];
    let payload: Vec<u8> = (0..dice.below(90)).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
    let options = [
        vec![],
        vec![2, 4, 5, 180],
        vec![2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7],
    ][dice.below(3) as usize]
        .clone();
    let word = |dice: &mut Dice| u16::try_from(dice.below(65_536)).unwrap();
    let content = match dice.below(5) {
        0 => Content::Udp {
            src_port: word(dice),
            dst_port: if port == 0 { 53 } else { port },
            payload,
        },
        1 => Content::Icmp {
            kind: if is_ipv6 { 128 } else { 8 },
            code: 0,
            body: payload,
        },
        // An error that quotes a packet to a victim.
        2 => {
            let mut quoted = Vec::new();
            Sent::syn(0, &dst, &src, 80).frame(&mut quoted);
            Content::Icmp {
                kind: if is_ipv6 { 1 } else { 3 },
                code: if is_ipv6 { 4 } else { 1 },
                body: quoted[14..].to_vec(),
            }
        }
        3 => Content::Tcp {
            src_port: word(dice),
            dst_port: port,
            flags: flag::SYN,
            seq: dice.below(u32::MAX),
            window: word(dice),
            options,
            payload: vec![],
        },
        _ => Content::Tcp {
            src_port: port,
            dst_port: word(dice),
            flags: word(dice) & 0x1ff,
            seq: dice.below(u32::MAX),
            window: word(dice),
            options,
            payload,
        },
    };
    let mut packet = Sent::new(time_us, &src, &dst, content);
    packet.ttl = u8::try_from(dice.below(256)).unwrap();
    packet.id = word(dice);
    packet
}

/// Columns of a table with their types, as `DESCRIBE` of our own program gives them.
fn columns(lake: &Lake, table: &str) -> Vec<(String, String)> {
    let sql =
        format!("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let columns: Vec<(String, String)> = lake
        .ask(&sql)
        .iter()
        .map(|row| (text(&row["column_name"]), text(&row["data_type"])))
        .collect();
    assert!(
        columns.iter().any(|(name, _)| name == "day") && columns.len() > 4,
        "{table}: {columns:?}"
    );
    columns
}

#[test]
fn every_aggregate_of_every_column_agrees() {
    let place = Place::new();
    let lake = fill(&place);
    let mut questions = Vec::new();
    for table in lake.tables() {
        for (name, kind) in columns(&lake, &table) {
            let mut aggregates = format!(
                "count(*) AS a, count(\"{name}\") AS b, count(DISTINCT \"{name}\") AS c, min(\"{name}\") AS d, max(\"{name}\") AS e"
            );
            if kind.starts_with("UInt") {
                aggregates += &format!(", CAST(sum(CAST(\"{name}\" AS BIGINT)) AS BIGINT) AS f");
            }
            questions.push(format!("SELECT {aggregates} FROM {table}"));
        }
        questions.push(format!("SELECT day, count(*) AS n FROM {table} GROUP BY day ORDER BY day"));
    }
    questions.push("SELECT dst_port, count(*) AS n, count(DISTINCT src) AS s FROM packets WHERE src IS NOT NULL GROUP BY dst_port ORDER BY n DESC, dst_port NULLS LAST LIMIT 20".to_owned());
    let theirs = duckdb(&lake, &questions);
    assert_eq!(theirs.len(), questions.len());
    for (sql, theirs) in questions.iter().zip(theirs) {
        assert_eq!(hirundo(&lake, sql), theirs, "{sql}");
    }
    // The comparison means something only where there is something in every column that this traffic can fill.
    for column in [
        "src",
        "src6",
        "victim",
        "victim6",
        "payload",
        "icmp_type",
        "tcp_options",
        "tcp_seq",
        "ip_id",
    ] {
        let filled = lake.number(&format!("SELECT count({column}) FROM packets"));
        assert!(filled > 0 && filled < 5000, "{column}: {filled}");
    }
}

#[test]
fn every_row_agrees() {
    let place = Place::new();
    let lake = fill(&place);
    for table in lake.tables() {
        let mut names: Vec<String> = columns(&lake, &table).into_iter().map(|(name, _)| format!("\"{name}\"")).collect();
        names.sort();
        let sql = format!("SELECT {} FROM {table}", names.join(", "));
        let sorted = |mut rows: Vec<Value>| {
            rows.sort_by_key(Value::to_string);
            rows
        };
        let (ours, theirs) = (sorted(hirundo(&lake, &sql)), sorted(duckdb(&lake, &[sql]).remove(0)));
        assert_eq!(ours.len(), theirs.len(), "{table}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{table}: {names:?}");
        }
    }
}
