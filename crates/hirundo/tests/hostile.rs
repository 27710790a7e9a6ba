//! Names, options, files and records that mean harm or were damaged: refused in words or harmless, never a panic, never a wrong count.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{DAY_US, Lake, MINUTE_US, Place, Ran, Sent, at, pcap};

/// Packets of each of the three days.
const PACKETS: i64 = 40;

/// What the tests count: rows of packets, and what the daily and the sensors' table say.
const SUMS: &str =
    "SELECT count(*) AS packets, (SELECT sum(packets) FROM daily) AS daily, (SELECT sum(seen) FROM sensors) AS seen FROM packets";

/// SYNs of a day, to ports from 1 on; `day` counts from 1 April 2022.
fn packets(day: i64) -> Vec<Sent> {
    let begin = at("2022-04-01T00:00:00") + day * DAY_US;
    (0..PACKETS)
        .map(|n| {
            Sent::syn(
                begin + n * 30 * MINUTE_US,
                &format!("192.0.2.{}", n + 1),
                "198.18.0.1",
                u16::try_from(n).unwrap() + 1,
            )
        })
        .collect()
}

/// A lake with three days.
fn three_days(place: &Place) -> Lake {
    for day in 0..3 {
        place.capture(&format!("captures/{day}.pcap"), &packets(day));
    }
    let lake = place.lake();
    lake.ingest(&[place.path("captures")]).expect(0);
    lake
}

/// The sums of [`SUMS`].
#[track_caller]
fn sums(lake: &Lake) -> Vec<i64> {
    let row = lake.ask(SUMS).remove(0);
    ["packets", "daily", "seen"]
        .iter()
        .map(|name| row[name].as_i64().unwrap())
        .collect()
}

/// Fails the test when the program did not end by itself and in its own words.
#[track_caller]
fn ended(ran: Ran, statuses: &[i32]) -> Ran {
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert!(ran.status.is_some_and(|status| statuses.contains(&status)), "{ran:?}");
    assert!(ran.status != Some(2) || ran.stderr.contains("error: "), "{ran:?}");
    ran
}

/// Files below a folder of the lake, by relative path.
fn files_of(lake: &Lake, folder: &str) -> Vec<String> {
    lake.files().into_keys().filter(|path| path.starts_with(folder)).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

#[test]
fn names_of_files_are_only_names() {
    let place = Place::new();
    let folder = place.path("odd");
    fs::create_dir(&folder).unwrap();
    let names: [&[u8]; 7] = [
        b"new\nline.pcap",
        b"\xff\xfe.pcap",
        b"-rf",
        b"--lake=x",
        b"[a]*?.pcap",
        b"\x1b[31mred.pcap",
        b"a b'\"$(id).pcap",
    ];
    for (day, name) in (0..).zip(names) {
        fs::write(folder.join(OsString::from_vec(name.to_vec())), pcap(&packets(day))).unwrap();
    }
    let report = ended(place.lake().ingest(&[&folder]), &[0]).json();
    assert_eq!(report["packets"], PACKETS * 7);
    fs::write(folder.join("\u{1b}[31mbad\n.pcap"), "no capture").unwrap();
    let ran = ended(place.lake().ingest(&[&folder]), &[1]);
    assert!(
        !ran.stderr.contains('\u{1b}'),
        "a file's name reached the terminal as it is: {:?}",
        ran.stderr
    );
    assert_eq!(
        ran.json()["damaged"][0]["file"],
        folder.join("\u{1b}[31mbad\n.pcap").to_str().unwrap()
    );
    // One by one: a name that looks like a pattern is still a name when there is such a file.
    let mut command = support::hirundo([OsStr::new("--lake"), place.lake().0.as_os_str()]);
    command.current_dir(&folder).args([
        "ingest",
        "--format",
        "json",
        "[a]*?.pcap",
        "new\nline.pcap",
        "--",
        "-rf",
        "--lake=x",
    ]);
    assert_eq!(ended(support::run(&mut command), &[0]).json()["known"], PACKETS * 4);
}

#[test]
fn names_of_sensors_do_no_harm() {
    let place = Place::new();
    let lake = place.lake();
    let capture = place.capture("day.pcap", &packets(0));
    let capture = capture.to_str().unwrap();
    let names = [
        "'; DROP TABLE packets; --",
        "' OR ''='",
        "a\"b",
        "\\",
        "日本-🐦",
        "../../etc",
        "none",
        "NULL",
        "%",
        "{keys}",
        "{filter}",
        "{table}",
        "$first",
        "x$last",
        "-s",
        "--lake",
        "\u{202e}gnp",
        "a\u{0}b",
        "a\nb",
        "a\u{7f}",
        "",
    ];
    for (stored, name) in (1..).zip(names) {
        let sensor = format!("--sensor={name}");
        if name.is_empty() || name.chars().any(char::is_control) {
            if !name.contains('\0') {
                ended(lake.ingest(&[capture, &sensor]), &[2]).says(&["cannot be a sensor's name"]);
            }
            continue;
        }
        ended(lake.ingest(&[capture, &sensor]), &[0]);
        assert_eq!(sums(&lake), [PACKETS * stored; 3], "{name}");
        let ran = ended(lake.run(&["top", "ports", "-n", "0", "--format", "json", &sensor]), &[0]);
        assert_eq!(ran.rows().len(), 40, "{name}");
        assert!(
            ran.rows().iter().all(|row| row["value"] == 1),
            "{name}: other sensors' packets count"
        );
        let ran = ended(lake.run(&["trend", "--format", "json", "--per-sensor", &sensor]), &[0]);
        assert!(!ran.rows().is_empty(), "{name}");
        let ran = ended(lake.run(&["export", "--as", "csv", "--quiet", &sensor]), &[0]);
        assert_eq!(ran.stdout.lines().count(), 41, "{name}");
    }
    let ran = ended(lake.run(&["top", "sensors", "-n", "0"]), &[0]);
    assert!(
        !ran.stdout.contains('\u{202e}'),
        "a name that turns the line round reached the terminal"
    );
    ended(lake.run(&["lake", "compact"]), &[0]);
    ended(lake.run(&["lake", "verify"]), &[0]);
    assert_eq!(sums(&lake), [PACKETS * 17; 3]);
}

/// What cannot be read is refused; what can be read but is not there selects nothing.
#[test]
fn options_do_not_become_sql() {
    let place = Place::new();
    let lake = three_days(&place);
    #[rustfmt::skip]
    let refused = [
        "--port=1/tcp' OR 1=1", "--port=1/tcp) OR (1=1", "--port=proto:999", "--port=99999/tcp", "--port=/tcp", "--port=-1/tcp",
        "--port=", "--source=0.0.0.0/0' OR '1'='1", "--source=1.2.3.4/33", "--source=fe80::1%eth0", "--source=", "--network=AS1 OR 1=1",
        "--network=4294967296", "--network=-1", "--kind=' OR ''='", "--kind=", "--period=2022-04-01' OR '1'='1", "--period=2022Q5",
        "--period=2022-02-30", "--period=0001-01-01..9999-12-31", "--period=2022-04-03..2022-04-01", "--period=",
        "--period=last 99999999999999999999 days", "--limit=4294967296",
    ];
    for option in refused {
        for command in [&["top", "ports"][..], &["trend", "ports"]] {
            let ran = ended(lake.run(&[command, &[option]].concat()), &[2]);
            assert!(ran.stdout.is_empty(), "{option}: {}", ran.stdout);
        }
    }
    let nothing = [
        "--region=' OR ''='",
        "--region=J'",
        "--tool=' OR ''='",
        "--mark='; DROP TABLE packets; --",
        "--scanner=') OR (1=1",
        "--sensor={table}",
        "--period=2199",
    ];
    for option in nothing {
        let ran = ended(lake.run(&["top", "ports", "--format", "json", option]), &[0]);
        assert_eq!(ran.rows(), [Value::Null; 0], "{option}");
    }
    for limit in ["0", "40", "4294967295"] {
        let ran = ended(lake.run(&["top", "ports", "--format", "json", "-n", limit]), &[0]);
        assert_eq!(ran.rows().len(), 40, "{limit}");
    }
    assert_eq!(sums(&lake), [PACKETS * 3; 3]);
}

#[test]
fn queries_only_read() {
    let place = Place::new();
    let lake = three_days(&place);
    let before = lake.files();
    let secret = place.path("secret.csv");
    fs::write(&secret, "a\nsecret\n").unwrap();
    let (secret, target) = (secret.display(), place.path("written.csv"));
    let statements = [
        "DROP TABLE packets".to_owned(),
        "DELETE FROM packets".to_owned(),
        "INSERT INTO daily SELECT * FROM daily".to_owned(),
        format!("COPY packets TO '{}'", target.display()),
        format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{secret}'"),
        format!("SELECT * FROM '{secret}'"),
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "SELECT 1; DROP TABLE packets".to_owned(),
        "SELECT $first".to_owned(),
        String::new(),
        ";".to_owned(),
        "SELECT in_network(src, 'x') FROM packets".to_owned(),
        format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000)),
    ];
    for sql in statements {
        let ran = ended(lake.run(&["query", &sql]), &[2]);
        assert!(!ran.stdout.contains("secret"), "{sql}");
        // A plan may be shown although it could not be run.
        ended(lake.run(&["query", "--explain", &sql]), &[0, 2]);
    }
    assert!(!target.exists(), "a query wrote a file");
    assert!(before == lake.files(), "a query changed the lake");
}

#[test]
fn an_empty_lake_says_so() {
    let place = Place::new();
    let lake = place.lake();
    let words = |command: &str| -> Vec<String> { command.split(' ').map(str::to_owned).collect() };
    for command in [
        "top ports",
        "trend",
        "export",
        "query 1",
        "lake compact",
        "lake verify",
        "lake stats",
        "lake retain --packets 1",
    ] {
        ended(lake.run(&words(command)), &[2]).says(&["there is no lake here", "hint"]);
        assert!(!lake.0.exists(), "{command:?} made a lake");
    }
    fs::write(place.path("empty.pcap"), "").unwrap();
    ended(lake.ingest(&[place.path("empty.pcap")]), &[2]);
    for command in ["top ports", "trend --per-sensor", "export"] {
        ended(lake.run(&words(command)), &[2]).says(&["the lake is empty"]);
    }
    for command in ["top ports -p 2022Q2", "trend -p 2022Q2", "lake stats", "lake retain --packets 1"] {
        ended(lake.run(&words(command)), &[0]);
    }
    for command in ["lake compact", "lake compact --force", "lake verify --repair"] {
        ended(lake.run(&words(command)), &[0]);
    }
    assert_eq!(lake.number("SELECT count(*) FROM packets"), 0);
}

/// A damaged file: verify names it, a query that needs it fails with its name, one that does not goes on, nothing panics.
fn check_damages(damage: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    let place = Place::new();
    let whole = three_days(&place);
    let path = files_of(&whole, "packets/").remove(1);
    let bytes = fs::read(whole.0.join(&path)).unwrap();
    let lake = Lake(place.path("damaged"));
    copy(&whole.0, &lake.0);
    for (at, damaged) in damage(&bytes).into_iter().enumerate() {
        fs::write(lake.0.join(&path), &damaged).unwrap();
        let ran = ended(lake.run(&["lake", "verify"]), &[1]);
        assert!(ran.stdout.contains(&path), "damage {at}: {}", ran.stdout);
        // A flipped bit can pass for data here; verify has a sum over the whole file.
        let ran = ended(lake.run(&["query", "--format", "csv", "SELECT * FROM packets"]), &[0, 2]);
        assert!(
            ran.status == Some(0) || ran.stderr.contains("the query failed") || ran.stderr.contains("is damaged"),
            "damage {at}: {}",
            ran.stderr
        );
        // A file of another length is refused whoever asks: its day must not look quiet.
        let expected = if damaged.len() == bytes.len() { 0 } else { 2 };
        ended(lake.run(&["top", "ports"]), &[expected]);
        assert_eq!(ended(lake.ingest(&[place.path("captures")]), &[0]).json()["packets"], 0);
        // Compaction must not turn damage into a file whose sums are right.
        let compacting = Lake(place.path("compacting"));
        copy(&lake.0, &compacting.0);
        if ended(compacting.run(&["lake", "compact"]), &[0, 2]).status == Some(0) {
            assert_eq!(sums(&compacting), [PACKETS * 3; 3], "damage {at}");
        }
        fs::remove_dir_all(&compacting.0).unwrap();
    }
    fs::remove_file(lake.0.join(&path)).unwrap();
    let ran = ended(lake.run(&["lake", "verify"]), &[1]);
    assert!(ran.stdout.contains(&format!("{path}: it is missing")), "{}", ran.stdout);
    fs::write(lake.0.join(&path), &bytes).unwrap();
    ended(lake.run(&["lake", "verify"]), &[0]);
}

/// The bytes from `from` on, each `every`-th of them changed.
fn flipped(bytes: &[u8], from: usize, every: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.iter_mut().skip(from).step_by(every).for_each(|byte| *byte ^= 0x55);
    bytes
}

#[test]
fn cut_files_are_named() {
    check_damages(|bytes| {
        let lengths = [1, 8, 13, bytes.len() / 2, bytes.len() - 1].into_iter();
        let cut = lengths.map(|len| bytes[..len].to_vec());
        // The magic number at the end.
        cut.chain([1, 2, 4].map(|back| flipped(bytes, bytes.len() - back, usize::MAX)))
            .chain([flipped(bytes, 0, 1)])
            .collect()
    });
}

/// Every part in turn: pages, their heads, the footer, the footer's length.
#[test]
fn flipped_bytes_are_named() {
    check_damages(|bytes| {
        let step = bytes.len() / 61;
        let single = (0..bytes.len())
            .step_by(step)
            .chain(bytes.len() - 8..bytes.len())
            .map(|at| flipped(bytes, at, usize::MAX));
        single.chain([flipped(bytes, 4, 97)]).collect()
    });
}

#[test]
fn damaged_records_stop_writers() {
    let place = Place::new();
    let whole = three_days(&place);
    let record = files_of(&whole, "_hirundo/batches/").remove(0);
    let text = fs::read_to_string(whole.0.join(&record)).unwrap();
    let half = &text[..text.len() / 2];
    for (path, damaged) in [
        (record.as_str(), half),
        (&record, ""),
        (&record, "[]"),
        ("_hirundo/journal.json", "{"),
        ("_hirundo/format.json", "x"),
        ("_hirundo/format.json", "{\"format\":99}"),
    ] {
        let lake = Lake(place.path("damaged"));
        copy(&whole.0, &lake.0);
        fs::write(lake.0.join(path), damaged).unwrap();
        let before = lake.files();
        let captures = place.path("captures");
        for command in [
            &["ingest", captures.to_str().unwrap()][..],
            &["lake", "compact"],
            &["lake", "retain", "--packets", "1"],
        ] {
            let ran = ended(lake.run(command), &[2]);
            let told = ran.stderr.contains(path) || ran.stderr.contains("format 99");
            assert!(told, "{path}, {command:?}: {}", ran.stderr);
        }
        assert!(
            before == lake.files(),
            "{path}: a writer changed a lake whose records it could not read"
        );
        fs::remove_dir_all(&lake.0).unwrap();
    }
}

/// The state in which a crash leaves an exchange of files: `renamed` of its files in place, `removed` of the old ones gone.
/// Old ones go when all new ones are in place.
fn halfway(whole: &Lake, compacted: &Lake, lake: &Lake, renamed: usize, removed: usize) {
    copy(&whole.0, &lake.0);
    let record = files_of(compacted, "_hirundo/changes/").remove(0);
    let change: Value = serde_json::from_slice(&fs::read(compacted.0.join(&record)).unwrap()).unwrap();
    let mut places: Vec<String> = change["files"].as_object().unwrap().keys().cloned().collect();
    places.push(record);
    let pairs: Vec<[String; 2]> = places.into_iter().map(|place| [format!("{place}.waiting"), place]).collect();
    for (at, [waiting, to]) in pairs.iter().enumerate() {
        let name = lake.0.join(if at < renamed { to } else { waiting });
        fs::create_dir_all(name.parent().unwrap()).unwrap();
        fs::copy(compacted.0.join(to), name).unwrap();
    }
    for path in change["removed"].as_array().unwrap().iter().take(removed) {
        fs::remove_file(lake.0.join(path.as_str().unwrap())).unwrap();
    }
    fs::write(
        lake.0.join("_hirundo/journal.json"),
        json!({ "add": pairs, "remove": change["removed"] }).to_string(),
    )
    .unwrap();
}

#[test]
fn a_writer_ends_what_a_crash_interrupted() {
    let place = Place::new();
    let whole = three_days(&place);
    let compacted = Lake(place.path("compacted"));
    copy(&whole.0, &compacted.0);
    compacted.run(&["lake", "compact"]).expect(0);
    let captures = place.path("captures");
    let writers: [&[&str]; 4] = [
        &["ingest", captures.to_str().unwrap()],
        &["lake", "compact"],
        &["lake", "retain", "--packets", "99999"],
        &["lake", "verify", "--repair"],
    ];
    const ALL: usize = usize::MAX;
    for (renamed, removed) in [(0, 0), (1, 0), (4, 0), (ALL, 0), (ALL, 2), (ALL, ALL)] {
        for writer in writers {
            let lake = Lake(place.path("halfway"));
            halfway(&whole, &compacted, &lake, renamed, removed);
            ended(lake.run(&["top", "ports", "--quiet"]), &[0]);
            // Where all new files are in place or none, there is nothing to repair, and the next writer does the rest.
            let is_repair_of_nothing = writer[1] == "verify" && (renamed == 0 || removed == ALL);
            ended(lake.run(writer), &[0]);
            assert_eq!(
                sums(&lake),
                [PACKETS * 3; 3],
                "{renamed} renamed, {removed} removed, then {writer:?}"
            );
            ended(lake.run(&["lake", "verify"]), &[0]);
            let left = lake
                .files()
                .into_keys()
                .any(|path| path.ends_with("journal.json") || path.ends_with(".waiting"));
            assert!(!left || is_repair_of_nothing, "{writer:?} left the exchange unfinished");
            fs::remove_dir_all(&lake.0).unwrap();
        }
    }
}

#[test]
fn leftovers_are_passed_over_and_swept() {
    let place = Place::new();
    let lake = three_days(&place);
    let names = [
        "packets/day=2022-04-01/x.parquet.partial",
        "daily/day=2022-04-02/x.parquet.waiting",
        "_hirundo/batches/x.json.partial",
        "_hirundo/changes/x.json.waiting",
        "sources/day=2030-01-01/x.parquet.waiting",
    ];
    let leftovers: Vec<PathBuf> = names.iter().map(|name| lake.0.join(name)).collect();
    for path in &leftovers {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "half a fi").unwrap();
    }
    assert_eq!(sums(&lake), [PACKETS * 3; 3]);
    ended(lake.run(&["lake", "verify"]), &[0]);
    assert!(leftovers.iter().all(|path| path.exists()), "a reader deleted something");
    ended(lake.ingest(&[place.path("captures")]), &[0]);
    assert!(!leftovers.iter().any(|path| path.exists()), "a writer left something");
    assert_eq!(sums(&lake), [PACKETS * 3; 3]);
}

/// The files of an ingest that was cut short before its record: verify says so, and repair takes them away.
#[test]
fn files_without_a_record_are_found() {
    let place = Place::new();
    let lake = three_days(&place);
    let record = files_of(&lake, "_hirundo/batches/").remove(0);
    fs::remove_file(lake.0.join(record)).unwrap();
    let ran = ended(lake.run(&["lake", "verify"]), &[1]);
    assert!(ran.stdout.contains("no record knows it"), "{}", ran.stdout);
    ended(lake.run(&["lake", "verify", "--repair"]), &[0]);
    assert_eq!(lake.number("SELECT count(*) FROM packets"), 0);
    assert_eq!(ended(lake.ingest(&[place.path("captures")]), &[0]).json()["packets"], PACKETS * 3);
    assert_eq!(sums(&lake), [PACKETS * 3; 3]);
}

/// After a crash between a batch's files and its record, other captures (or the same ones grouped otherwise) come first.
#[test]
fn files_without_a_record_do_not_count() {
    let place = Place::new();
    let lake = three_days(&place);
    let record = files_of(&lake, "_hirundo/batches/").remove(0);
    fs::remove_file(lake.0.join(record)).unwrap();
    ended(lake.ingest(&[place.path("captures/1.pcap")]), &[0]);
    assert_eq!(sums(&lake), [PACKETS; 3]);
    ended(lake.ingest(&[place.path("captures")]), &[0]);
    assert_eq!(sums(&lake), [PACKETS * 3; 3]);
}

#[test]
fn a_missing_file_is_no_quiet_day() {
    let place = Place::new();
    let lake = three_days(&place);
    let path = lake.0.join(files_of(&lake, "packets/").remove(1));
    fs::write(&path, "").unwrap();
    ended(lake.run(&["query", "SELECT count(*) FROM packets"]), &[2]);
    fs::remove_file(&path).unwrap();
    ended(lake.run(&["query", "SELECT count(*) FROM packets"]), &[2]);
}

#[test]
fn verification_lists_damaged_records() {
    let place = Place::new();
    let lake = three_days(&place);
    let record = files_of(&lake, "_hirundo/batches/").remove(0);
    fs::write(lake.0.join(&record), "{").unwrap();
    let ran = ended(lake.run(&["lake", "verify"]), &[1]);
    assert!(ran.stdout.contains(&record), "{}", ran.stdout);
}

#[test]
fn records_of_a_later_version_are_refused() {
    let place = Place::new();
    let lake = three_days(&place);
    let record = lake.0.join(files_of(&lake, "_hirundo/batches/").remove(0));
    let text = fs::read_to_string(&record).unwrap().replace("\"version\": 2", "\"version\": 99");
    fs::write(&record, text).unwrap();
    ended(lake.run(&["lake", "compact"]), &[2]).says(&["99"]);
}

#[test]
fn a_journal_reaches_nothing_outside_the_lake() {
    let place = Place::new();
    let lake = three_days(&place);
    let outside = place.path("outside.txt");
    fs::write(&outside, "mine").unwrap();
    fs::write(lake.0.join("_hirundo/journal.json"), r#"{"add":[],"remove":["../outside.txt"]}"#).unwrap();
    ended(lake.run(&["lake", "compact"]), &[2]).says(&["journal.json"]);
    assert!(outside.exists(), "a journal deleted a file outside the lake");
}

/// What `--out` names may be a link (or a pipe, or a device): it is written to, not replaced.
#[test]
fn an_export_does_not_replace_what_is_no_file() {
    let place = Place::new();
    let lake = three_days(&place);
    let (link, target, other) = (place.path("out.csv"), place.path("target"), place.path("out.partial"));
    fs::write(&target, "").unwrap();
    fs::write(&other, "mine").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    ended(lake.run(&["export", "--as", "csv", "--out", link.to_str().unwrap()]), &[0]);
    assert!(link.is_symlink(), "the link became a file");
    assert_eq!(fs::read_to_string(&target).unwrap().lines().count(), 121);
    assert_eq!(fs::read_to_string(&other).unwrap(), "mine", "somebody's file was overwritten");
}

#[test]
fn a_name_that_is_not_utf8_can_be_given() {
    let place = Place::new();
    let path = place.path("x").with_file_name(OsString::from_vec(b"\xff.pcap".to_vec()));
    fs::write(&path, pcap(&packets(0))).unwrap();
    ended(place.lake().ingest(&[&path]), &[0]);
}

#[test]
fn a_warning_is_one_line() {
    let place = Place::new();
    let path = place.path("bad\nerror: all is lost.pcap");
    fs::write(&path, "no capture").unwrap();
    let ran = ended(place.lake().ingest(&[&path]), &[2]);
    assert!(
        !ran.stderr.lines().any(|line| line.starts_with("error: all is lost")),
        "{}",
        ran.stderr
    );
}
