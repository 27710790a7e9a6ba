//! The spool as the capture and the uplink use it, case by case.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(in crate::spool) mod faults;
mod model;

use std::path::Path;
use std::sync::Arc;

use hirundo_packet::batch::{Batch, Minute};
use hirundo_packet::decode::Decoded;

use super::*;

const NOW_US: i64 = 1_650_000_000_000_000;
const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 86_400_000_000;
/// Payload that does not compress.
fn noise(seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    })
    .take(200)
    .collect()
}

/// A packet that is known again by its source, in a minute of its own.
fn push(open: &mut Open, number: u32) {
    let mut decoded = Decoded::default();
    decoded.packet.src = number;
    decoded.packet.time_us = i64::from(number) * MINUTE_US;
    decoded.packet.proto = 17;
    decoded.packet.present = hirundo_packet::Present::PORTS;
    let payload = noise(number);
    decoded.payload = &payload;
    assert!(open.push(&decoded, 255));
}

fn settings(bytes_max: u64) -> Settings {
    Settings {
        bytes_max,
        ..Settings::default()
    }
}

/// Without a thread: sealing is done where the test says so.
fn open_with(folder: &Path, settings: &Settings, epoch: u64, disk: &Disk) -> (Arc<Inner>, Recovered) {
    let header = Header {
        sensor: "jp-01".to_owned(),
        epoch,
        ..Header::default()
    };
    Inner::open(folder, settings, header, NOW_US, disk.clone()).unwrap()
}

fn open(folder: &Path, epoch: u64, disk: &Disk) -> (Arc<Inner>, Recovered) {
    open_with(folder, &Settings::default(), epoch, disk)
}

fn seal_all(inner: &Inner) {
    while inner.sealer.seal_next(&inner.shelf).unwrap() {}
}

/// Sources of the packets that wait, and packets counted as dropped.
fn held(outbox: &dyn Outbox) -> (Vec<u32>, u64) {
    let (mut sources, mut dropped) = (Vec::new(), 0);
    for name in outbox.waiting(usize::MAX, &HashSet::new()) {
        let batch = Batch::decode(&outbox.read(name).unwrap().unwrap()).unwrap();
        assert_eq!((batch.header.epoch, batch.header.number), (name.epoch, name.number));
        sources.extend(batch.packets().map(|decoded| decoded.packet.src));
        dropped += batch.minutes.iter().map(|minute| minute.dropped_spool).sum::<u64>();
    }
    (sources, dropped)
}

#[test]
fn a_batch_goes_from_open_to_the_centre() {
    let folder = tempfile::tempdir().unwrap();
    let open = |epoch| Spool::open(folder.path(), &Settings::default(), "jp-01", epoch, false, NOW_US);
    let (spool, recovered) = open(9).unwrap();
    assert_eq!(recovered, Recovered::default());
    assert!(matches!(open(10), Err(SpoolError::Locked { .. })), "two at a time");
    let mut batch = spool.begin();
    batch = spool.seal(batch, NOW_US);
    assert_eq!(spool.state().batches, 0, "nothing went in, so nothing comes out");
    for number in 1..=5 {
        push(&mut batch, number);
        batch.flush(NOW_US).unwrap();
        if number % 2 == 0 {
            batch = spool.seal(batch, NOW_US + i64::from(number));
        }
    }
    assert!(spool.wait(Duration::from_secs(60)));
    let names = spool.waiting(10, &HashSet::new());
    assert_eq!(names, [0, 1].map(|number| BatchName { epoch: 9, number }));
    assert_eq!(spool.waiting(10, &names[..1].iter().copied().collect()), names[1..]);
    assert_eq!(spool.waiting(1, &HashSet::new()), names[..1]);
    let state = spool.state();
    assert_eq!((state.batches, state.oldest_us, state.bytes_max), (2, NOW_US + 2, 2 << 30));
    let bytes = spool.read(names[0]).unwrap().unwrap();
    assert_eq!(Batch::decode(&bytes).unwrap().header.sealed_us, NOW_US + 2);
    spool.stored(names[0]).unwrap();
    spool.stored(names[0]).unwrap();
    assert_eq!((spool.read(names[0]).unwrap(), spool.state().batches), (None, 1));
    spool.rejected(names[1], "of another\nsensor").unwrap();
    assert_eq!((spool.state().batches, spool.state().rejected, spool.state().bytes), (0, 1, 0));
    drop(spool);
    drop(batch);
    // The fifth was in an open batch of that run.
    let (spool, recovered) = open(10).unwrap();
    assert_eq!(
        (recovered.batches, recovered.packets, recovered.last_alive_us),
        (1, 1, Some(NOW_US))
    );
    assert_eq!(spool.waiting(10, &HashSet::new()), [BatchName { epoch: 9, number: 2 }]);
    assert_eq!((held(&*spool), spool.state().rejected), ((vec![5], 0), 1));
    let reason = std::fs::read_dir(folder.path().join("rejected")).unwrap().flatten();
    let reason = reason
        .map(|item| item.path())
        .find(|path| path.extension().is_some_and(|ending| ending == "reason"));
    assert_eq!(std::fs::read_to_string(reason.unwrap()).unwrap(), "of anothersensor");
}

#[test]
fn accounts_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let account = |identity, received| Account { identity, received };
    let (inner, recovered) = open(folder.path(), 1, &disk);
    assert_eq!((recovered.accounts.len(), recovered.last_alive_us), (0, None));
    let mut batch = inner.begin();
    assert!(batch.account("eth0", account(1000, 0)));
    assert!(batch.account("eth1", account(7, 2)));
    push(&mut batch, 1);
    batch.flush(NOW_US).unwrap();
    batch.account("eth0", account(1000, 5));
    batch = inner.seal(batch, NOW_US + 1);
    seal_all(&inner);
    batch.account("eth0", account(1000, 6));
    drop((inner, batch));
    let expected: Accounts = [("eth0".to_owned(), account(1000, 5)), ("eth1".to_owned(), account(7, 2))].into();
    // Twice: a start that is killed at once loses nothing of what the start before it found.
    for epoch in 2..4 {
        let (_, recovered) = open(folder.path(), epoch, &disk);
        assert_eq!((recovered.accounts, recovered.last_alive_us), (expected.clone(), Some(NOW_US + 1)));
    }
    let mut many = inner_open(folder.path(), &disk);
    assert!(
        (0..journal::INTERFACES_MAX * 2)
            .filter(|nth| many.account(&nth.to_string(), account(0, 0)))
            .count()
            < journal::INTERFACES_MAX
    );
    assert!(!many.account(&"x".repeat(300), account(0, 0)));
}

fn inner_open(folder: &Path, disk: &Disk) -> Open {
    open(folder, 99, disk).0.begin()
}

#[test]
fn what_does_not_fit_goes_oldest_first_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let (inner, _) = open_with(folder.path(), &settings(5_000), 1, &disk);
    let mut batch = inner.begin();
    for number in 0..40 {
        push(&mut batch, number);
        if number % 10 == 9 {
            batch.minute(Minute {
                begin_us: 0,
                up: true,
                dropped_kernel: 3,
                ..Minute::default()
            });
            batch = inner.seal(batch, NOW_US);
            seal_all(&inner);
        }
    }
    let (sources, dropped) = held(&*inner);
    assert_eq!(
        (sources.first().map(|first| u64::from(*first)), sources.len() as u64 + dropped),
        (Some(dropped), 40)
    );
    let state = inner.state();
    assert!(
        dropped >= 10 && state.dropped == dropped && state.bytes <= 5_000 && state.batches == 4,
        "{state:?}"
    );
    let oldest = inner.waiting(1, &HashSet::new());
    let oldest = Batch::decode(&inner.read(oldest[0]).unwrap().unwrap()).unwrap();
    let sums = oldest.minutes.iter().fold(Minute::default(), |mut sum, minute| {
        sum.add(minute);
        sum
    });
    assert_eq!(
        (sums.seen, sums.kept, sums.dropped_spool, sums.dropped_kernel, sums.up),
        (10, 0, 10, 3, true)
    );
}

#[test]
fn age_follows_the_clock_but_not_its_jumps() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let (inner, _) = open(folder.path(), 1, &disk);
    let mut now_us = NOW_US;
    let mut seal = |batch: Open, number, step_us: i64| {
        let mut batch = batch;
        now_us += step_us;
        push(&mut batch, number);
        let batch = inner.seal(batch, now_us);
        seal_all(&inner);
        batch
    };
    let mut batch = seal(inner.begin(), 0, 0);
    batch = seal(batch, 1, 400 * DAY_US);
    batch = seal(batch, 2, -400 * DAY_US);
    assert_eq!(held(&*inner), (vec![0, 1, 2], 0));
    for hour in 3..14 * 24 {
        batch = seal(batch, hour, 3_600_000_000);
    }
    assert_eq!(held(&*inner).1, 0);
    for hour in 14 * 24..14 * 24 + 5 {
        batch = seal(batch, hour, 3_600_000_000);
    }
    let (sources, dropped) = held(&*inner);
    // An hour each from the second on, since a jump counts as one.
    assert_eq!((sources[0], dropped), (4, 4));
    drop((inner, batch));
    // Old at the next start, too.
    let header = Header {
        sensor: "jp-01".to_owned(),
        epoch: 2,
        ..Header::default()
    };
    let (inner, _) = Inner::open(folder.path(), &Settings::default(), header, now_us + 20 * DAY_US, disk).unwrap();
    inner.shelf.keep_limits().unwrap();
    assert_eq!(held(&*inner).0, [] as [u32; 0]);
}

#[test]
fn a_stuck_disk_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let (inner, _) = open(folder.path(), 1, &disk);
    disk.faults.set_full(true);
    let mut batch = inner.begin();
    for number in 0..8 {
        push(&mut batch, number);
        assert!(batch.flush(NOW_US).is_err());
        batch = inner.seal(batch, NOW_US);
        assert!(inner.sealer.seal_next(&inner.shelf).is_err());
    }
    assert_eq!(inner.state().dropped, 5);
    disk.faults.set_full(false);
    push(&mut batch, 8);
    batch.flush(NOW_US).unwrap();
    drop(inner.seal(batch, NOW_US));
    seal_all(&inner);
    // One more lost its packets when the next came; three waited with theirs.
    assert_eq!(held(&*inner), (vec![6, 7, 8], 6));
    assert_eq!(inner.waiting(99, &HashSet::new()).len(), 9, "no number is missing");
}

#[test]
fn on_a_full_disk_older_batches_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let (inner, _) = open(folder.path(), 1, &disk);
    // Too little for all batches, enough for what is left of them.
    disk.faults.set_capacity(folder.path(), 150_000);
    let mut batch = inner.begin();
    for number in 0..400 {
        push(&mut batch, number);
        if number % 20 == 19 {
            batch = inner.seal(batch, NOW_US);
            seal_all(&inner);
        }
    }
    let (sources, dropped) = held(&*inner);
    assert_eq!(
        (sources.first().map(|first| u64::from(*first)), sources.len() as u64 + dropped),
        (Some(dropped), 400)
    );
    assert!(dropped >= 100 && sources.len() >= 100, "{dropped}");
    assert!(folder.path().join("reserve").exists());
}

#[test]
fn damaged_files_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let (inner, _) = open(folder.path(), 1, &disk);
    let mut batch = inner.begin();
    for number in 0..3 {
        push(&mut batch, number);
        batch = inner.seal(batch, NOW_US);
    }
    seal_all(&inner);
    let names = inner.waiting(9, &HashSet::new());
    let path = |name: BatchName| {
        let begin = format!("{:016x}.{}.", name.epoch, name.number);
        let mut items = std::fs::read_dir(folder.path().join("batches")).unwrap().flatten();
        items
            .find(|item| item.file_name().to_str().unwrap().starts_with(&begin))
            .unwrap()
            .path()
    };
    std::fs::write(path(names[0]), b"hirundo\x01 and nothing").unwrap();
    let mut bytes = std::fs::read(path(names[1])).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(path(names[1]), bytes).unwrap();
    std::fs::write(folder.path().join("batches/notes.txt"), b"mine").unwrap();
    assert_eq!((inner.read(names[0]).unwrap(), inner.read(names[1]).unwrap()), (None, None));
    assert_eq!(held(&*inner), (vec![2], 0));
    assert_eq!(std::fs::read_dir(folder.path().join("damaged")).unwrap().count(), 2);
    drop((inner, batch));
    std::fs::write(folder.path().join("journal/x.journal"), [b'x'; 500]).unwrap();
    let (inner, recovered) = open(folder.path(), 2, &disk);
    assert_eq!((recovered.damaged, held(&*inner)), (1, (vec![2], 0)));
    assert!(folder.path().join("batches/notes.txt").exists());
}

#[test]
fn settings_have_defaults() {
    let settings: Settings = toml::from_str("days_max = 3").unwrap();
    assert_eq!((settings.bytes_max, settings.days_max, settings.batch_secs), (2 << 30, 3, 10));
    assert!(toml::from_str::<Settings>("day_max = 3").is_err());
    assert_eq!(settings.check(), Ok(()));
    let check = |text: &str| toml::from_str::<Settings>(text).unwrap().check().unwrap_err().to_string();
    for wrong in ["bytes_max = 1000", "days_max = 0", "batch_secs = 0", "batch_secs = 100000"] {
        assert!(check(wrong).contains("; hint: "), "{wrong}");
    }
}
