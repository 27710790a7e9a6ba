//! An ingest killed at any moment, and what the next one makes of it: the lake that would have been.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{DAY_US, Dice, Lake, Place, Sent, at, flood};

/// Captures of the killed ingest: with the pieces of two captures in a batch, six batches.
const CAPTURES: u32 = 12;
/// Packets of each. Over 2^18 and under 2^19: two fill a segment.
const PACKETS_EACH: u32 = 270_000;
/// Kills one after the other on the same lake.
const KILLS_IN_A_ROW: u32 = 20;
/// Lakes that are killed once.
const FRESH_LAKES: u32 = 4;

/// Captures of two sensors, in turns.
fn captures(place: &Place) -> PathBuf {
    let folder = place.path("in");
    for n in 0..CAPTURES {
        let sensor = folder.join(if n % 3 == 1 { "osaka" } else { "tokyo" });
        fs::create_dir_all(&sensor).unwrap();
        let start = at("2022-04-01T00:00:00") + i64::from(n) * DAY_US / 4;
        flood(&sensor.join(format!("{n:02}.pcap")), u64::from(n), PACKETS_EACH, start, DAY_US / 4);
    }
    folder
}

/// Starts an ingest and kills it after a while; whether it was killed before it ended.
fn kill_after(lake: &Lake, folder: &str, wait: Duration) -> bool {
    let mut child = lake
        .command(&["ingest", "--quiet", "--threads", "2", folder])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while begun.elapsed() < wait {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// What is there after a kill can be asked; the sums of a batch that has a record agree.
fn check_half(lake: &Lake) {
    if !lake.0.join("_hirundo/format.json").exists() || !lake.0.join("sensors").exists() {
        return;
    }
    let rows = lake.number("SELECT count(*) FROM packets");
    assert!(rows <= i64::from(CAPTURES * PACKETS_EACH), "{rows}");
}

fn check_same(expected: &BTreeMap<String, Vec<u8>>, lake: &Lake, what: &str) {
    let found = lake.files();
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(expected), names(&found), "{what}");
    if let Some((name, bytes)) = expected.iter().find(|(name, bytes)| *bytes != &found[*name]) {
        let text = |bytes: &[u8]| {
            if name.ends_with(".json") {
                String::from_utf8_lossy(bytes).into_owned()
            } else {
                format!("{} bytes", bytes.len())
            }
        };
        panic!("{what}: {name} has other bytes\n{}\n{}", text(bytes), text(&found[name]));
    }
}

#[test]
fn a_killed_ingest_is_completed_by_the_next() {
    let place = Place::new();
    let folder = captures(&place);
    let folder = folder.to_str().unwrap();
    let whole = Lake(place.path("whole"));
    let begun = Instant::now();
    whole.ingest(&["--threads", "2", folder]).expect(0);
    let undisturbed = begun.elapsed();
    let expected = whole.files();
    let records = expected.keys().filter(|name| name.starts_with("_hirundo/batches/")).count();
    assert_eq!(records, 6, "the kills should fall between batches too");
    assert_eq!(whole.number("SELECT count(*) FROM packets"), i64::from(CAPTURES * PACKETS_EACH));
    let mut dice = Dice::new(20_220_401);
    let mut moment = |part: u32| undisturbed * dice.below(1000) / 1000 / part;
    let records = |lake: &Lake| fs::read_dir(lake.0.join("_hirundo/batches")).map_or(0, |entries| entries.flatten().count());
    let complete = |lake: &Lake, what: &str| {
        lake.ingest(&["--threads", "2", folder]).expect(0);
        check_same(&expected, lake, what);
        fs::remove_dir_all(&lake.0).unwrap();
    };
    let (mut kills, mut after) = (0, Vec::new());
    let lake = Lake(place.path("often"));
    while kills < KILLS_IN_A_ROW {
        // Soon, so that several kills come before it gets to the end; then it begins anew.
        if kill_after(&lake, folder, moment(2)) {
            kills += 1;
            check_half(&lake);
            after.push(records(&lake));
        } else {
            complete(&lake, "killed many times, then ended by itself");
        }
    }
    complete(&lake, "killed many times");
    for n in 0..FRESH_LAKES {
        let lake = Lake(place.path(&format!("fresh{n}")));
        if kill_after(&lake, folder, moment(1)) {
            after.push(records(&lake));
        }
        complete(&lake, &format!("fresh lake {n}"));
    }
    println!("undisturbed {undisturbed:?}, batches after each kill: {after:?}");
    assert!(
        after.iter().any(|records| (1..6).contains(records)),
        "no kill came between two batches: {after:?}"
    );
    // One thread makes the same lake as two.
    let alone = Lake(place.path("alone"));
    alone.ingest(&["--threads", "1", folder]).expect(0);
    check_same(&expected, &alone, "one thread");
    alone.run(&["lake", "verify"]).expect(0);
}

/// Twenty SYNs of a day.
fn twenty(day: &str) -> Vec<Sent> {
    (0..20).map(|n| Sent::syn(at(day) + n, "203.0.113.1", "198.51.100.7", 23)).collect()
}

/// Sums of every table; they must agree.
fn sums(lake: &Lake) -> Vec<String> {
    lake.texts(
        "SELECT concat((SELECT count(*) FROM packets), ' ', (SELECT sum(packets) FROM hourly), ' ', (SELECT sum(packets) FROM daily), ' ',
            (SELECT sum(packets) FROM sources), ' ', (SELECT sum(kept) FROM sensors))",
    )
}

/// A batch whose files are in place, but that was killed before its record was: nothing of it may count, and
/// nothing may count twice, whatever is ingested next.
#[test]
fn files_without_a_record_never_count() {
    let place = Place::new();
    let first = place.capture("first.pcap", &twenty("2022-04-01T00:00:00"));
    let second = place.capture("second.pcap", &twenty("2022-04-02T00:00:00"));
    let third = place.capture("third.pcap", &twenty("2022-04-03T00:00:00"));
    for (n, next) in [vec![&second], vec![&first, &second], vec![&second, &third], vec![&third]]
        .into_iter()
        .enumerate()
    {
        let lake = Lake(place.path(&format!("lake{n}")));
        lake.ingest(&[&first]).expect(0);
        let before: Vec<String> = lake.files().into_keys().collect();
        lake.ingest(&[&second]).expect(0);
        for record in lake
            .files()
            .into_keys()
            .filter(|name| name.starts_with("_hirundo/batches/") && !before.contains(name))
        {
            fs::remove_file(lake.0.join(record)).unwrap();
        }
        lake.ingest(&next).expect(0);
        let captures = 1 + next.iter().filter(|path| **path != &first).count();
        let rows = captures * 20;
        assert_eq!(sums(&lake), [format!("{rows} {rows} {rows} {rows} {rows}")], "next {next:?}");
    }
}

/// Killed while the files of a batch were being put in place: some tables have them, some not. What looks after
/// the lake says so and takes them away.
#[test]
fn half_a_batch_is_found_and_taken_away() {
    let place = Place::new();
    let lake = place.lake();
    lake.ingest(&[place.capture("first.pcap", &twenty("2022-04-01T00:00:00"))])
        .expect(0);
    let before = lake.files();
    lake.ingest(&[place.capture("second.pcap", &twenty("2022-04-02T00:00:00"))])
        .expect(0);
    for file in lake
        .files()
        .into_keys()
        .filter(|name| !before.contains_key(name) && !name.starts_with("packets/"))
    {
        fs::remove_file(lake.0.join(file)).unwrap();
    }
    let found = lake.run(&["lake", "verify"]).expect(1);
    assert!(
        format!("{}{}", found.stdout, found.stderr).contains("packets/day=2022-04-02/"),
        "{found:?}"
    );
    lake.run(&["lake", "verify", "--repair"]);
    lake.run(&["lake", "verify"]).expect(0);
    assert!(before == lake.files(), "{:?}", lake.files().keys());
    assert_eq!(sums(&lake), ["20 20 20 20 20"]);
}
