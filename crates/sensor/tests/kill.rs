//! A process that spools is killed with SIGKILL, again and again: what it flushed is there, once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hirundo_packet::Present;
use hirundo_packet::batch::Batch;
use hirundo_packet::decode::Decoded;
use hirundo_sensor::outbox::Outbox;
use hirundo_sensor::spool::{Account, Settings, Spool};

/// Set in the process that is killed: its folder, its epoch, its first packet.
const CHILD: &str = "HIRUNDO_KILL_TEST";
const NOW_US: i64 = 1_650_000_000_000_000;

fn open(folder: &Path, epoch: u64) -> (std::sync::Arc<Spool>, hirundo_sensor::spool::Recovered) {
    Spool::open(folder, &Settings::default(), "jp-01", epoch, false, NOW_US).unwrap()
}

/// Pushes numbered packets and says after each flush which was the last, until it is killed.
#[test]
fn child() {
    let Ok(told) = std::env::var(CHILD) else {
        return;
    };
    let mut told = told.split('|');
    let folder = told.next().unwrap().to_owned();
    let epoch = told.next().unwrap().parse().unwrap();
    let mut number: u32 = told.next().unwrap().parse().unwrap();
    let (spool, _) = open(Path::new(&folder), epoch);
    let mut batch = spool.begin();
    let mut out = std::io::stdout();
    // Bounded, should nobody kill it.
    for round in 0..100_000_u32 {
        for _ in 0..37 {
            let mut decoded = Decoded::default();
            decoded.packet.src = number;
            decoded.packet.time_us = NOW_US + i64::from(number);
            decoded.packet.proto = 17;
            decoded.packet.present = Present::PORTS;
            decoded.payload = b"something";
            assert!(batch.push(&decoded, 64));
            number += 1;
        }
        let received = u64::from(number);
        batch.account("eth0", Account { identity: 5, received });
        batch.flush(NOW_US + i64::from(round)).unwrap();
        writeln!(out, "flushed {number}").unwrap();
        if round % 7 == 6 {
            batch = spool.seal(batch, NOW_US + i64::from(round));
        }
        // Faster than any sensor: a slow disk would lag behind, and packets be dropped and counted.
        if round % 14 == 13 {
            spool.wait(Duration::from_secs(60));
        }
    }
}

#[test]
fn nothing_flushed_is_lost_or_there_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0_u32;
    let mut flushed = Vec::new();
    for epoch in 1..=6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, format!("{}|{epoch}|{number}", folder.path().display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut last = number;
        for _ in 0..epoch * 13 {
            // What the test harness says of its own stands between.
            last = loop {
                let line = lines.next().unwrap().unwrap();
                if let Some(last) = line.rsplit_once("flushed ").and_then(|(_, last)| last.parse().ok()) {
                    break last;
                }
            };
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let said: Vec<String> = lines.map_while(Result::ok).collect();
        let said = said.iter().filter_map(|line| line.rsplit_once("flushed ")?.1.parse::<u32>().ok());
        last = said.max().unwrap_or(last);
        flushed.extend(number..last);
        // Packets that it pushed and did not speak of any more have numbers of their own.
        number = last + 1_000_000;
    }
    let (spool, recovered) = open(folder.path(), 99);
    assert!(recovered.accounts["eth0"].received >= u64::from(*flushed.last().unwrap()));
    let mut found: Vec<u32> = Vec::new();
    let (mut kept, mut dropped) = (0, 0);
    for name in spool.waiting(usize::MAX, &HashSet::new()) {
        let batch = Batch::decode(&spool.read(name).unwrap().unwrap()).unwrap();
        found.extend(batch.packets().map(|decoded| decoded.packet.src));
        kept += batch.minutes.iter().map(|minute| minute.kept).sum::<u64>();
        dropped += batch.minutes.iter().map(|minute| minute.dropped_spool).sum::<u64>();
    }
    assert_eq!((found.len() as u64, dropped), (kept, 0));
    let distinct: HashSet<u32> = found.iter().copied().collect();
    assert_eq!(distinct.len(), found.len(), "nothing is there twice");
    assert!(flushed.iter().all(|number| distinct.contains(number)), "something flushed is lost");
    assert!(flushed.len() > 5_000, "{}", flushed.len());
    assert_eq!(
        (
            spool.state().dropped,
            std::fs::read_dir(folder.path().join("damaged")).unwrap().count()
        ),
        (0, 0)
    );
}
