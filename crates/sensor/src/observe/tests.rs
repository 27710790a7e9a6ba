//! Replays through the loop: what comes out, in which batches, and in which minutes the sensor was up.

use std::collections::HashSet;
use std::io::Write;

use hirundo_packet::LinkType;
use hirundo_packet::batch::Summary;
use hirundo_packet::encode::{self, Addresses, Framing, IpHeader, PcapWriter, Tcp, Transport};

use super::*;
use crate::outbox::Outbox;
use crate::source::Settings;
use crate::spool;

/// A capture with a frame at each of these seconds, that is a packet or is none.
fn capture(seconds: &[(i64, bool)]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = PcapWriter::new(Vec::new(), LinkType(1)).unwrap();
    let ip = IpHeader {
        addresses: Addresses::V4 {
            src: 0xc000_0201,
            dst: 0xc633_6401,
        },
        ttl: 64,
        id: 1,
        part: 0,
    };
    let mut frame = Vec::new();
    encode::encode(Framing::Ethernet, &ip, &Transport::Tcp(Tcp::default()), &mut frame).unwrap();
    for (second, readable) in seconds {
        let frame = if *readable { &frame } else { &frame[..10] };
        writer.write(second * 1_000_000, frame).unwrap();
    }
    file.write_all(&writer.finish().unwrap()).unwrap();
    file
}

fn replay(files: &[&tempfile::NamedTempFile]) -> (Vec<Summary>, Arc<Totals>) {
    let settings = Settings {
        sources: files.iter().map(|file| format!("pcap:{}", file.path().display())).collect(),
        ..Settings::default()
    };
    let mut sources = Sources::open(&settings, &[]).unwrap();
    let treatment = Treatment {
        payload_bytes: 64,
        batch: Duration::from_secs(3600),
    };
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(folder.path(), &spool::Settings::default(), "test", 1, false, 0).unwrap();
    let totals = Arc::new(Totals::default());
    let mut observer = Observer::new(Arc::clone(&spool), None, treatment, Arc::clone(&totals));
    observer.run(&mut sources, &[], &AtomicBool::new(false), &mut |_| {}).unwrap();
    assert!(spool.wait(Duration::from_secs(60)), "the disk takes everything");
    let names = spool.waiting(usize::MAX, &HashSet::new());
    let batches = names.into_iter().map(|name| spool.read(name).unwrap().unwrap());
    (batches.map(|bytes| Summary::read(&bytes).unwrap()).collect(), totals)
}

fn up_minutes(summaries: &[Summary]) -> Vec<i64> {
    let minutes = summaries.iter().flat_map(|summary| &summary.minutes);
    minutes
        .filter(|minute| minute.up)
        .map(|minute| minute.begin_us / MINUTE_US)
        .collect()
}

#[test]
fn every_frame_is_counted_in_its_minute() {
    let file = capture(&[(0, true), (1, false), (59, true), (60, true), (61, false)]);
    let (sealed, totals) = replay(&[&file]);
    assert_eq!(sealed.len(), 1);
    assert_eq!(sealed[0].packets, 3);
    let minutes: Vec<_> = sealed[0]
        .minutes
        .iter()
        .map(|minute| (minute.up, minute.seen, minute.kept, minute.unreadable))
        .collect();
    assert_eq!(minutes, [(true, 3, 2, 1), (true, 2, 1, 1)]);
    assert_eq!(totals.seen.load(Ordering::Relaxed), 5);
    assert_eq!(totals.kept.load(Ordering::Relaxed), 3);
}

#[test]
fn a_short_silence_is_up_and_a_long_one_is_not() {
    // Slots of five minutes begin at minutes 0, 5, …: from slot 0 to slot 60 is an hour, to slot 65 is more.
    let file = capture(&[(4 * 60, true), (60 * 60, true), (125 * 60, true), (124 * 60, true)]);
    let (sealed, _) = replay(&[&file]);
    let expected: Vec<i64> = (4..=60).chain([124, 125]).collect();
    assert_eq!(up_minutes(&sealed), expected);
}

#[test]
fn silence_between_two_captures_is_not_up() {
    let (first, second) = (capture(&[(0, true)]), capture(&[(600, true)]));
    assert_eq!(up_minutes(&replay(&[&first, &second]).0), [0, 10]);
}

#[test]
fn wild_times_fill_batches_and_lose_nothing() {
    let seconds: Vec<(i64, bool)> = (0..40_000).map(|number| (number * 7919 % 4_000_000 * 60, true)).collect();
    let (sealed, totals) = replay(&[&capture(&seconds)]);
    assert!(sealed.len() >= 3, "{}", sealed.len());
    assert_eq!(sealed.iter().map(|summary| summary.packets).sum::<usize>(), 40_000);
    assert_eq!(totals.kept.load(Ordering::Relaxed), 40_000);
    let seen: u64 = sealed.iter().flat_map(|summary| &summary.minutes).map(|minute| minute.seen).sum();
    assert_eq!(seen, 40_000);
}

#[test]
fn many_packets_fill_batches_that_hold_whole_rounds() {
    let (sealed, _) = replay(&[&capture(&vec![(1, true); 100_000])]);
    assert_eq!(sealed.iter().map(|summary| summary.packets).sum::<usize>(), 100_000);
    assert!(
        sealed.len() == 2 && sealed[0].packets + ROUND_FRAMES_MAX > PACKETS_MAX,
        "{}",
        sealed[0].packets
    );
}

#[test]
fn a_clock_that_jumps_adds_no_minutes() {
    let begin = Instant::now();
    let at = |secs: u64| begin + Duration::from_secs(secs);
    let mut uptime = Uptime::default();
    let mut see = |secs, clock_secs: i64| -> Vec<i64> { uptime.see(at(secs), clock_secs * 1_000_000).map(|us| us / MINUTE_US).collect() };
    assert_eq!(see(0, 600), [10]);
    assert_eq!(see(1, 601), [10]);
    assert_eq!(see(150, 750), [10, 11, 12], "nobody looked for a while, but listened");
    assert_eq!(see(151, 7200), [120], "forth");
    assert_eq!(see(152, 0), [0], "and back");
    assert_eq!(see(200, 48), [0]);
}
