//! The program itself on a real interface: started, stopped and killed, in network namespaces of the tests' own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and shows what the sensor said"
)]

mod live_support;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hirundo_packet::batch::{Batch, Minute};
use hirundo_packet::encode::Framing;
use hirundo_sensor::outbox::Outbox;
use hirundo_sensor::spool::{Settings, Spool};
use live_support::{Sender, inside, pair, syn};

const PATIENCE: Duration = Duration::from_secs(30);

/// A sensor that runs.
struct Sensor(Child);

impl Sensor {
    /// Starts it and waits until it captures.
    fn start(folder: &Path, capture: &str) -> Sensor {
        let config = folder.join("sensor.toml");
        let text = format!("[run]\nname = \"jp-01\"\nuser = \"nobody\"\n[capture]\nsources = [\"live:v0\"]\nblock_ms = 10\n{capture}\n");
        fs::write(&config, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_hirundo-sensor"))
            .args([
                "--config".as_ref(),
                config.as_os_str(),
                "--state".as_ref(),
                folder.join("state").as_os_str(),
            ])
            .arg("run")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("captures live:v0") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended before it captured");
            print!("{line}");
        }
        // Read on, so that it is never kept from writing.
        std::thread::spawn(move || said.lines().for_each(|line| println!("{}", line.unwrap())));
        Sensor(child)
    }

    /// Asks it to stop; it must end well.
    fn stop(mut self) {
        let status = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Sequence numbers of all packets in the spool, and its minutes added up.
fn spooled(folder: &Path) -> (Vec<u32>, Minute) {
    let (spool, _) = Spool::open(&folder.join("state/spool"), &Settings::default(), "jp-01", 1, false, 0).unwrap();
    let (mut numbers, mut all) = (Vec::new(), Minute::default());
    for name in spool.waiting(usize::MAX, &HashSet::new()) {
        let bytes = spool.read(name).unwrap().unwrap();
        let batch = Batch::decode(&bytes).unwrap();
        numbers.extend(batch.packets().map(|decoded| decoded.packet.tcp_seq));
        batch.minutes.iter().for_each(|minute| all.add(minute));
    }
    (numbers, all)
}

fn send(sender: &Sender, numbers: std::ops::Range<u32>) {
    numbers.for_each(|number| sender.send(&syn(Framing::Ethernet, 1, number)));
}

#[test]
fn a_sensor_told_to_stop_keeps_everything() {
    if !inside("a_sensor_told_to_stop_keeps_everything") {
        return;
    }
    pair("v0", "v1");
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new("v1");
    let sensor = Sensor::start(folder.path(), "payload_bytes = 0");
    send(&sender, 0..5000);
    sensor.stop();
    let (numbers, all) = spooled(folder.path());
    assert_eq!(numbers, (0..5000).collect::<Vec<u32>>());
    assert!(all.up && all.missed == 0 && all.dropped_kernel == 0, "{all:?}");
    assert_eq!((all.seen, all.kept), (5000, 5000));
}

#[test]
fn what_a_killed_sensor_did_not_keep_is_counted() {
    if !inside("what_a_killed_sensor_did_not_keep_is_counted") {
        return;
    }
    pair("v0", "v1");
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new("v1");
    let mut sent = 0;
    for round in 0..4_u32 {
        let sensor = Sensor::start(folder.path(), "");
        // Killed in the midst of what comes, at another moment each time.
        for _ in 0..=round * 7 {
            send(&sender, sent..sent + 100);
            sent += 100;
            std::thread::sleep(Duration::from_millis(2));
        }
        sensor.kill();
        send(&sender, sent..sent + 50);
        sent += 50;
    }
    Sensor::start(folder.path(), "").stop();
    let (numbers, all) = spooled(folder.path());
    let distinct: HashSet<&u32> = numbers.iter().collect();
    assert_eq!(distinct.len(), numbers.len(), "no packet is there twice");
    assert!(numbers.len() > 100 && all.missed >= 200, "{} kept, {all:?}", numbers.len());
    assert_eq!(numbers.len() as u64 + all.missed + all.dropped_kernel, u64::from(sent), "{all:?}");
}
