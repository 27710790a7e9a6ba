//! `hirundo ingest` as people use it: the same input twice, every way to name inputs, damage, days, growth.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{Content, DAY_US, HOUR_US, Lake, Place, Sent, at, check_rows, counts, minutes, pcap, run, text};

/// Runs a program of the system that every test machine has.
fn tool(program: &str, args: &[&str]) {
    let output = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The path of a compressed copy, under a name that tells nothing.
fn compressed(place: &Place, capture: &Path, program: &str) -> PathBuf {
    let path = place.path(&format!("{program}-copy"));
    let bytes = fs::read(capture).unwrap();
    if program == "zstd" {
        fs::write(&path, zstd::encode_all(&bytes[..], 3).unwrap()).unwrap();
        return path;
    }
    let output = Command::new(program)
        .args(["-c", text(capture)])
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    assert!(output.status.success() && output.stdout.len() < bytes.len());
    fs::write(&path, output.stdout).unwrap();
    path
}

#[test]
fn the_same_capture_again_changes_nothing() {
    let place = Place::new();
    let lake = place.lake();
    let capture = place.capture("a.pcap", &minutes("2022-04-01T00:00:00", 600));
    let first = lake.ingest(&[text(&capture)]).expect(0);
    assert_eq!(counts(&first.json()), (600, 0, 0));
    check_rows(&lake, 600);
    let before = lake.files();
    assert!(
        before.len() == lake.tables().len() + 2,
        "a file a table, a record and the format: {:?}",
        before.keys()
    );
    let copies = ["gzip", "zstd", "xz"].map(|program| compressed(&place, &capture, program));
    for path in [&capture, &copies[0], &copies[1], &copies[2]] {
        let again = lake.ingest(&[text(path)]).expect(0);
        assert_eq!(counts(&again.json()), (0, 600, 0), "{}", path.display());
        assert!(lake.files() == before, "{} changed the lake", path.display());
    }
    let mut command = lake.command(&["ingest", "--format", "json", "-"]);
    let again = run(command.stdin(File::open(&copies[0]).unwrap())).expect(0);
    assert_eq!(counts(&again.json()), (0, 600, 0), "from standard input");
    assert!(lake.files() == before);
    let again = lake.ingest(&[text(&capture), "--payload", "9", "--threads", "1"]).expect(0);
    assert_eq!(counts(&again.json()), (0, 600, 0), "with other options");
    assert!(lake.files() == before);
}

#[test]
fn the_same_capture_twice_in_one_command_counts_once() {
    let place = Place::new();
    let lake = place.lake();
    let capture = place.capture("a.pcap", &minutes("2022-04-01T00:00:00", 100));
    let copy = place.path("b.pcap");
    fs::copy(&capture, &copy).unwrap();
    let packed = compressed(&place, &capture, "gzip");
    let other_way = place.path("./lake/../a.pcap");
    fs::create_dir(&lake.0).unwrap();
    let report = lake
        .ingest(&[text(&capture), text(&copy), text(&packed), text(&capture), text(&other_way)])
        .expect(0);
    let (stored, known, damaged) = counts(&report.json());
    assert_eq!((stored, damaged), (100, 0));
    assert!(known == 300 || known == 400, "{known}: the same path may be left out or read");
    check_rows(&lake, 100);
}

#[test]
fn standard_input() {
    let place = Place::new();
    let lake = place.lake();
    let capture = place.capture("a.pcap", &minutes("2022-04-01T00:00:00", 50));
    let mut command = lake.command(&["ingest", "--format", "json", "--sensor", "tokyo", "-"]);
    let report = run(command.stdin(File::open(capture).unwrap())).expect(0);
    assert_eq!(counts(&report.json()), (50, 0, 0));
    assert_eq!(lake.texts("SELECT DISTINCT sensor FROM packets"), ["tokyo"]);
}

#[test]
fn folders_give_sensors_their_names() {
    let place = Place::new();
    place.capture("in/top.pcap", &minutes("2022-04-01T00:00:00", 1));
    place.capture("in/tokyo/a.pcap", &minutes("2022-04-01T01:00:00", 2));
    place.capture("in/tokyo/2022/04/b.pcap", &minutes("2022-04-02T02:00:00", 4));
    place.capture("in/osaka/a", &minutes("2022-04-01T03:00:00", 8));
    place.capture("in/osaka/.hidden.pcap", &minutes("2022-04-01T04:00:00", 16));
    fs::write(place.path("in/osaka/notes.txt"), "no capture").unwrap();
    fs::write(place.path("in/truth.json"), "{}").unwrap();
    let folder = place.path("in");
    let by_sensor = "SELECT concat(sensor, ' ', count(*)) FROM packets GROUP BY sensor ORDER BY sensor";
    let lake = place.lake();
    assert_eq!(counts(&lake.ingest(&[text(&folder)]).expect(0).json()), (15, 0, 0));
    assert_eq!(lake.texts(by_sensor), ["local 1", "osaka 8", "tokyo 6"]);
    let named = Lake(place.path("named"));
    assert_eq!(
        counts(&named.ingest(&[text(&folder), "--sensor", "kyoto"]).expect(0).json()),
        (15, 0, 0)
    );
    assert_eq!(named.texts(by_sensor), ["kyoto 15"]);
    let globbed = Lake(place.path("globbed"));
    let pattern = place.path("in/*/*.pcap");
    assert_eq!(counts(&globbed.ingest(&[text(&pattern)]).expect(0).json()).0, 2);
    globbed
        .ingest(&[place.path("in/*.nothing")])
        .expect(2)
        .says(&["names no file", "\nhint: "]);
    for name in ["", "a\nb", &"x".repeat(65)] {
        globbed.ingest(&[text(&folder), "--sensor", name]).expect(2).says(&["sensor"]);
    }
}

#[test]
fn two_sensors_with_the_same_packets_both_count() {
    let place = Place::new();
    let lake = place.lake();
    let packets = minutes("2022-04-01T00:00:00", 30);
    place.capture("in/tokyo/a.pcap", &packets);
    place.capture("in/osaka/a.pcap", &packets);
    let folder = place.path("in");
    assert_eq!(counts(&lake.ingest(&[text(&folder)]).expect(0).json()), (60, 0, 0));
    assert_eq!(counts(&lake.ingest(&[text(&folder)]).expect(0).json()), (0, 60, 0));
    check_rows(&lake, 60);
    assert_eq!(lake.number("SELECT count(DISTINCT src) FROM packets"), 30);
}

#[test]
fn damage_keeps_what_was_before_it() {
    let place = Place::new();
    let whole = pcap(&minutes("2022-04-01T00:00:00", 20));
    let last_at = 24 + 19 * ((whole.len() - 24) / 20);
    let cut = place.path("cut.pcap");
    fs::write(&cut, &whole[..whole.len() - 5]).unwrap();
    let good = place.capture("good.pcap", &minutes("2022-04-02T00:00:00", 7));
    let nonsense = place.path("nonsense.pcap");
    fs::write(&nonsense, "this is no capture at all").unwrap();
    let gone = place.path("gone.pcap");
    let byte = format!("at byte {last_at} ");
    type Case<'a> = (&'a [&'a Path], i32, (u64, u64, u64), &'a [&'a str]);
    let cases: [Case<'_>; 4] = [
        (&[&cut], 1, (19, 0, 1), &["cut.pcap: ", "packet 20 ", &byte, "19 packets before"]),
        (&[&cut, &good, &nonsense], 1, (26, 0, 2), &["cut.pcap: ", "nonsense.pcap: "]),
        (
            &[&nonsense],
            2,
            (0, 0, 1),
            &["nonsense.pcap: ", "error: none of the 1 inputs could be read", "\nhint: "],
        ),
        (&[&good, &gone], 2, (0, 0, 0), &["error: ", "gone.pcap names no file", "\nhint: "]),
    ];
    for (n, (paths, status, expected, words)) in cases.into_iter().enumerate() {
        let lake = Lake(place.path(&format!("lake{n}")));
        let ran = lake.ingest(paths).expect(status).says(words);
        if ran.stdout.is_empty() {
            assert!(!lake.0.exists(), "a command that failed before it began left a lake behind");
            continue;
        }
        assert_eq!(counts(&ran.json()), expected, "{paths:?}");
        if expected.0 > 0 {
            check_rows(&lake, i64::try_from(expected.0).unwrap());
        }
    }
    // Quiet says nothing, and the status still tells.
    let lake = Lake(place.path("quiet"));
    let ran = lake.run(&["ingest", "--quiet", text(&cut), text(&good)]).expect(1);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
}

#[test]
fn a_capture_that_has_grown_adds_only_what_is_new() {
    let place = Place::new();
    let lake = place.lake();
    let whole = pcap(&minutes("2022-04-01T00:00:00", 500));
    let frame = (whole.len() - 24) / 500;
    let path = place.path("growing.pcap");
    // Read at times when it ends with a frame, inside one, and when it is whole; with other captures in between.
    for (n, (len, status, stored, known)) in [(200 * frame, 0, 200, 0), (300 * frame + 9, 1, 100, 200), (500 * frame, 0, 200, 300)]
        .into_iter()
        .enumerate()
    {
        fs::write(&path, &whole[..24 + len]).unwrap();
        let other = place.capture(
            &format!("other{n}.pcap"),
            &minutes("2022-04-02T00:00:00", 150 + u32::try_from(n).unwrap()),
        );
        lake.ingest(&[text(&other), "--sensor", "other"]).expect(0);
        let report = lake.ingest(&[&path]).expect(status).json();
        assert_eq!((counts(&report).0, counts(&report).1), (stored, known), "{len} bytes");
    }
    assert_eq!(lake.number("SELECT count(*) FROM packets WHERE sensor = 'local'"), 500);
    assert_eq!(lake.number("SELECT count(DISTINCT time) FROM packets WHERE sensor = 'local'"), 500);
    let before = lake.files();
    assert_eq!(counts(&lake.ingest(&[&path]).expect(0).json()), (0, 500, 0));
    assert!(before == lake.files());
}

#[test]
fn what_is_known_leaves_no_trace_in_what_is_new() {
    let place = Place::new();
    let lake = place.lake();
    // As many option signatures as get a number of their own in a segment, and then one more.
    let with_options = |n: u16| {
        let [high, low] = n.to_be_bytes();
        let mut packet = Sent::syn(at("2022-04-01T00:00:00") + i64::from(n), "203.0.113.1", "198.51.100.7", 23);
        let Content::Tcp { options, .. } = &mut packet.content else {
            panic!("a SYN is TCP")
        };
        *options = vec![2, 4, high, low];
        packet
    };
    let many = place.capture("in/osaka/many.pcap", &(0..65_400).map(with_options).collect::<Vec<_>>());
    let one = place.capture("in/tokyo/one.pcap", &[with_options(65_401)]);
    lake.ingest(&["--sensor", "osaka", text(&many)]).expect(0);
    lake.ingest(&[place.path("in")]).expect(0);
    assert_eq!(lake.texts("SELECT tcp_options FROM packets WHERE sensor = 'tokyo'"), ["M65401"]);
    let alone = Lake(place.path("alone"));
    alone.ingest(&["--sensor", "tokyo", text(&one)]).expect(0);
    let (files, expected) = (lake.files(), alone.files());
    for (name, bytes) in expected.iter().filter(|(name, _)| name.ends_with(".parquet")) {
        assert!(files[name] == *bytes, "{name} is not as if the other capture had not been read");
    }
}

#[test]
fn what_is_said_to_a_file_has_no_colours() {
    let place = Place::new();
    let lake = place.lake();
    let ran = lake
        .run(&["ingest", text(&place.capture("a.pcap", &minutes("2022-04-01T00:00:00", 3)))])
        .expect(0)
        .says(&["WARN", "ZZ"]);
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stdout.contains('\u{1b}'), "{ran:?}");
}

#[test]
fn what_is_no_file_in_a_folder_does_not_hang_it() {
    let place = Place::new();
    place.capture("in/tokyo/a.pcap", &minutes("2022-04-01T00:00:00", 3));
    tool("mkfifo", &[text(&place.path("in/tokyo/pipe"))]);
    std::os::unix::fs::symlink(place.path("in"), place.path("in/tokyo/round")).unwrap();
    let lake = place.lake();
    let mut child = lake
        .command(&["ingest", text(&place.path("in"))])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let ended = loop {
        if child.try_wait().unwrap().is_some() {
            break true;
        }
        if begun.elapsed() > Duration::from_secs(20) {
            break false;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    if !ended {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(ended, "the ingest waits for a pipe that nobody writes");
    check_rows(&lake, 3);
}

#[test]
fn packets_stand_under_their_days() {
    let place = Place::new();
    let lake = place.lake();
    let start = at("2022-02-27T23:59:59");
    let mut packets: Vec<Sent> = (0..40)
        .map(|day| Sent::syn(start + day * DAY_US, "203.0.113.1", "198.51.100.7", 23))
        .collect();
    packets.push(Sent::syn(at("2022-03-01T00:00:00") - 1, "203.0.113.2", "198.51.100.7", 80));
    packets.push(Sent::syn(at("2022-03-01T00:00:00"), "203.0.113.2", "198.51.100.7", 80));
    let late = place.capture("late.pcap", &packets);
    lake.ingest(&[&late]).expect(0);
    check_rows(&lake, 42);
    // Older packets that come later, among them the first second of all.
    let old = [0, HOUR_US, 20_000 * DAY_US].map(|time_us| Sent::syn(time_us, "203.0.113.3", "198.51.100.7", 23));
    lake.ingest(&[place.capture("old.pcap", &old)]).expect(0);
    check_rows(&lake, 45);
    for table in lake.tables() {
        let mut days: BTreeMap<String, usize> = BTreeMap::new();
        for file in lake.files().keys().filter(|file| file.starts_with(&format!("{table}/"))) {
            *days.entry(file.split('/').nth(1).unwrap().to_owned()).or_default() += 1;
        }
        assert_eq!(days.len(), 42, "{table}: 40 days, 1970-01-01 and 2024-10-04: {days:?}");
        assert!(
            days.contains_key("day=1970-01-01") && days.contains_key("day=2024-10-04") && days.contains_key("day=2022-02-28"),
            "{table}: {days:?}"
        );
        assert!(days.values().all(|files| *files == 1), "{table}: {days:?}");
    }
    for (table, time) in [
        ("packets", "time"),
        ("hourly", "hour"),
        ("sources", "first"),
        ("sources", "last"),
        ("sensors", "hour"),
    ] {
        let strangers = format!("SELECT count(*) FROM {table} WHERE CAST(\"{time}\" AS DATE) <> day");
        assert_eq!(lake.number(&strangers), 0, "{table}.{time}");
    }
    assert_eq!(
        lake.number("SELECT count(*) FROM packets WHERE day = DATE '2022-02-28' AND dst_port = 80"),
        1
    );
}

#[test]
fn ipv6_and_an_empty_capture() {
    let place = Place::new();
    let lake = place.lake();
    let empty = place.capture("empty.pcap", &[]);
    assert_eq!(counts(&lake.ingest(&[&empty]).expect(0).json()), (0, 0, 0));
    assert_eq!(lake.number("SELECT count(*) FROM packets"), 0);
    lake.run(&["top", "ports"]).expect(2).says(&["the lake is empty", "\nhint: "]);
    lake.run(&["trend"]).expect(2).says(&["the lake is empty", "\nhint: "]);
    let start = at("2022-04-01T00:00:00");
    let packets = [
        Sent::syn(start, "2001:218::1", "2001:db8::7", 23),
        Sent::new(
            start + 1,
            "2001:218::1",
            "2001:db8::7",
            Content::Icmp {
                kind: 128,
                code: 0,
                body: vec![1, 2, 3],
            },
        ),
        Sent::syn(start + 2, "203.0.113.1", "198.51.100.7", 23),
    ];
    lake.ingest(&[place.capture("six.pcap", &packets)]).expect(0);
    check_rows(&lake, 3);
    let shown = lake.texts(
        "SELECT concat(ip(src6), ' ', ip(dst6), ' ', proto, ' ', dst_port, ' ', icmp_type) FROM packets WHERE src IS NULL ORDER BY time",
    );
    assert_eq!(shown, ["2001:218::1 2001:db8::7 6 23 ", "2001:218::1 2001:db8::7 58  128"]);
    assert_eq!(
        lake.number("SELECT sum(packets) FROM sources WHERE src6 = ip6_parse('2001:218::1')"),
        2
    );
}

#[test]
fn a_folder_that_is_no_lake_is_left_alone() {
    let place = Place::new();
    let capture = place.capture("a.pcap", &minutes("2022-04-01T00:00:00", 1));
    let full = Lake(place.path("full"));
    fs::create_dir(&full.0).unwrap();
    fs::write(full.0.join("thesis.doc"), "years of work").unwrap();
    full.ingest(&[&capture])
        .expect(2)
        .says(&["full is not a lake", "something is there", "\nhint: "]);
    assert_eq!(full.files().len(), 1);
    let file = Lake(capture.clone());
    file.ingest(&[&capture]).expect(2).says(&["a.pcap"]);
    file.run(&["query", "SELECT 1"]).expect(2).says(&["a.pcap"]);
    let nowhere = Lake(place.path("nowhere"));
    nowhere
        .run(&["query", "SELECT 1"])
        .expect(2)
        .says(&["there is no lake here", "\nhint: "]);
    assert!(!nowhere.0.exists());
    let newer = Lake(place.path("newer"));
    newer.ingest(&[&capture]).expect(0);
    fs::write(newer.0.join("_hirundo/format.json"), "{\"format\":999}").unwrap();
    newer.ingest(&[&capture]).expect(2).says(&["format 999", "\nhint: "]);
    newer.run(&["query", "SELECT 1"]).expect(2).says(&["format 999", "\nhint: "]);
    newer.run(&["--lake", "s3://bucket/lake", "top", "ports"]).expect(2);
}
