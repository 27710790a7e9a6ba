//! A whole simulation: determined by its seed, silent in outages, and exactly what its truth says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use hirundo_simulator::{BenchmarkCapture, Day, Scenario, SimulatorError, simulate, truth};
use wire::Seen;

/// FNV-1a of the sample scenario's truth and of its captures with seed 1. A change of these is a change of what
/// everybody's seeds mean: check that it is wanted, then put in the new numbers that the failing test prints.
const GOLDEN: (u64, u64) = (0xe1cd_b52e_0ca7_0de6, 0x0a56_9633_a646_2f9e);

fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

const FNV_START: u64 = 0xCBF2_9CE4_8422_2325;

/// Every file under `folder` with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

fn run(name: &str, seed: u64) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let scenario = Scenario::shipped(name).unwrap().unwrap();
    let mut days = Vec::new();
    let summary = simulate(&scenario, seed, folder.path(), &mut |progress| days.push(progress.day)).unwrap();
    let files = files(folder.path());
    assert_eq!(days, scenario.days().collect::<Vec<_>>());
    // The truth and what the sensors are lie beside the captures.
    assert_eq!(summary.files, files.len() as u64 - 2);
    let capture_bytes: usize = files.iter().filter(|(name, _)| name.ends_with(".pcap")).map(|(_, b)| b.len()).sum();
    assert_eq!(summary.capture_bytes, capture_bytes as u64);
    files
}

#[test]
fn the_seed_determines_every_byte() {
    let (first, again, other) = (run("sample", 1), run("sample", 1), run("sample", 2));
    assert!(first == again);
    assert!(first.keys().eq(other.keys()));
    assert!(first.iter().zip(&other).all(|((_, a), (_, b))| a != b));
    let truth_hash = fnv1a(FNV_START, &first["truth.json"]);
    let captures = first.iter().filter(|(name, _)| name.ends_with(".pcap"));
    let capture_hash = captures.fold(FNV_START, |hash, (name, bytes)| fnv1a(fnv1a(hash, name.as_bytes()), bytes));
    assert_eq!((truth_hash, capture_hash), GOLDEN, "now {truth_hash:#018x}, {capture_hash:#018x}");
}

/// A port as the truth writes it.
fn target(p: &Seen) -> String {
    match p.proto {
        1 => "icmp".to_owned(),
        6 => format!("{}/tcp", p.dst_port),
        _ => format!("{}/udp", p.dst_port),
    }
}

fn counts(names: impl Iterator<Item = String>) -> serde_json::Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    serde_json::to_value(counts).unwrap()
}

fn region(address: u32) -> String {
    hirundo_simulator::REGIONS[hirundo_simulator::region_of(address).unwrap()]
        .code
        .to_owned()
}

#[test]
fn the_truth_is_what_the_captures_hold() {
    for name in ["sample", "outage"] {
        let files = run(name, 3);
        let truth: serde_json::Value = serde_json::from_slice(&files["truth.json"]).unwrap();
        let mut ip_bytes = 0;
        for day in truth["days"].as_array().unwrap() {
            let suffix = format!("/{}.pcap", day["day"].as_str().unwrap());
            let mut all: Vec<Seen> = Vec::new();
            for (file, bytes) in files.iter().filter(|(file, _)| file.ends_with(&suffix)) {
                let packets = wire::parse(bytes);
                assert_eq!(day["sensors"][file.trim_end_matches(&suffix)], packets.len(), "{name} {file}");
                assert!(packets.is_sorted_by_key(|p| p.time_us), "{name} {file}");
                let start_us = Day::parse(day["day"].as_str().unwrap()).unwrap().start_us();
                assert!(packets.iter().all(|p| (0..86_400_000_000).contains(&(p.time_us - start_us))));
                all.extend(packets);
            }
            ip_bytes += all.iter().map(|p| u64::from(p.ip_len)).sum::<u64>();
            let mirai: Vec<&Seen> = all.iter().filter(|p| p.is_mirai()).collect();
            let sources: BTreeSet<u32> = all.iter().map(|p| p.src).collect();
            let mirai_sources: BTreeSet<u32> = mirai.iter().map(|p| p.src).collect();
            assert_eq!(day["packets"], all.len());
            assert_eq!(day["mirai_packets"], mirai.len());
            assert_eq!(day["sources"], sources.len());
            assert_eq!(day["mirai_sources"], mirai_sources.len());
            assert_eq!(day["ports"], counts(all.iter().map(target)));
            assert_eq!(day["mirai_ports"], counts(mirai.iter().map(|p| target(p))));
            assert_eq!(day["regions"], counts(all.iter().map(|p| region(p.src))));
            assert_eq!(day["mirai_regions"], counts(mirai.iter().map(|p| region(p.src))));
            assert_eq!(day["region_sources"], counts(sources.into_iter().map(region)));
            assert_eq!(day["mirai_region_sources"], counts(mirai_sources.into_iter().map(region)));
        }
        assert_eq!(truth["ip_bytes"], ip_bytes);
    }
}

#[test]
fn sums_agree() {
    for (name, _) in hirundo_simulator::SHIPPED {
        let scenario = Scenario::shipped(name).unwrap().unwrap();
        let truth = truth(&scenario, 4).unwrap();
        assert_eq!(truth.days.len(), scenario.days().len());
        for day in &truth.days {
            for (what, counts) in [
                ("ports", &day.ports),
                ("regions", &day.regions),
                ("tools", &day.tools),
                ("sensors", &day.sensors),
            ] {
                assert_eq!(counts.values().sum::<u64>(), day.packets, "{name} {} {what}", day.day);
            }
            for counts in [&day.mirai_ports, &day.mirai_regions] {
                assert_eq!(counts.values().sum::<u64>(), day.mirai_packets, "{name} {}", day.day);
            }
            assert_eq!(
                day.tools.get("mirai").copied().unwrap_or(0),
                day.mirai_packets,
                "{name} {}",
                day.day
            );
            assert!(day.region_sources.values().sum::<u64>() == day.sources && day.mirai_sources <= day.sources);
        }
        let quarters: u64 = truth.quarters.iter().map(|quarter| quarter.packets).sum();
        let sensors: u64 = truth.sensors.iter().map(|sensor| sensor.packets).sum();
        let days: u64 = truth.days.iter().map(|day| day.packets).sum();
        assert_eq!((truth.packets, quarters, sensors), (days, days, days), "{name}");
    }
}

#[test]
fn outages_are_silent() {
    let files = run("outage", 1);
    for day in 1..=31u32 {
        let out = (5..=14).contains(&day);
        for sensor in ["jp-2", "us-1", "sg-1"] {
            assert_eq!(
                files.contains_key(&format!("{sensor}/2022-08-{day:02}.pcap")),
                !out,
                "{sensor} {day}"
            );
        }
        assert!(files.contains_key(&format!("jp-1/2022-08-{day:02}.pcap")));
    }
    // Within a day, too: the sample's jp-2 is down from 08:00 to 14:00 of its second day.
    let noon = Day::parse("2022-04-02").unwrap().start_us();
    let hours: BTreeSet<i64> = wire::parse(&run("sample", 1)["jp-2/2022-04-02.pcap"])
        .iter()
        .map(|p| (p.time_us - noon) / 3_600_000_000)
        .collect();
    assert_eq!(hours, (0..8).chain(14..24).collect());
}

#[test]
fn a_directory_that_holds_something_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "kept").unwrap();
    let scenario = Scenario::shipped("sample").unwrap().unwrap();
    let error = simulate(&scenario, 1, folder.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, SimulatorError::NotEmpty { .. }), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("mine")).unwrap(), "kept");
}

#[test]
fn benchmark_captures_are_sound() {
    for (days, span_us) in [(0, 3_600_000_000), (3, 3 * 86_400_000_000)] {
        let capture = BenchmarkCapture::hour(20_000, 9);
        let capture = if days > 0 { capture.over_days(days) } else { capture };
        let mut bytes = Vec::new();
        assert_eq!(capture.write(&mut bytes).unwrap(), bytes.len() as u64);
        let packets = wire::parse(&bytes);
        assert_eq!(packets.len(), 20_000);
        let span = packets[19_999].time_us - packets[0].time_us;
        assert!((span_us * 99 / 100..span_us).contains(&span), "{span}");
        // Some 81 bytes a record, as the captures that other programs were measured with.
        assert!((79..84).contains(&(bytes.len() / 20_000)), "{}", bytes.len());
        for p in &packets {
            assert!(p.dst >> 16 == 0xC612 && hirundo_simulator::region_of(p.src).is_some(), "{p:?}");
        }
    }
}
