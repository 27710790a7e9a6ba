//! Batches on their way to a centre: over real TLS on loopback, whatever the centre and the network do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod uplink_support;

use std::collections::HashSet;
use std::time::Duration;

use hirundo_packet::wire;
use uplink_support::*;

fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}

fn all(batches: u64) -> Vec<u64> {
    (0..batches).collect()
}

#[test]
fn many_fly_at_a_time_and_answers_come_late_and_in_any_order() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| {
        let delay = asked.batch().map_or(0, |number| number * 37 % 11 * 40);
        Plan::good(&asked.path).late(Duration::from_millis(delay))
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(60, 30_000);
    let uplink = start(settings(), identity, &outbox);
    until("all are stored", || outbox.left().is_empty());
    assert_ne!(outbox.stored(), all(60), "answers came in another order than batches went");
    assert_eq!(sorted(outbox.stored()), all(60));
    let batches = centre.batches();
    assert_eq!(batches.len(), 60, "each once");
    for asked in &batches {
        let number = asked.batch().unwrap();
        assert!(asked.body == content(number, 30_000));
        assert_eq!(asked.path, wire::batch_path(7, number));
        assert_eq!(asked.sensor, SENSOR);
        assert_eq!(asked.headers[wire::VERSION_HEADER], "1");
        let sent_us: i64 = asked.headers[wire::SENT_HEADER].to_str().unwrap().parse().unwrap();
        assert!((sent_us - hirundo_sensor::clock::now_us()).abs() < 60_000_000);
    }
    assert!((9..=16 + 1).contains(&centre.flying_max()), "{}", centre.flying_max());
    // What is sealed later goes too.
    outbox.put(60, 10);
    until("the late one is stored", || outbox.left().is_empty());
    assert_eq!(uplink.state().stored, 61);
    uplink.stop();
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_batch_loses_nothing() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| match asked.batch() {
        Some(3 | 9) if asked.nth < 2 => Plan::good(&asked.path).cut_at(50_000),
        _ => Plan::good(&asked.path).late(Duration::from_millis(20)),
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(20, 200_000);
    let uplink = start(settings(), identity, &outbox);
    until("all are stored", || outbox.left().is_empty());
    assert_eq!(sorted(outbox.stored()), all(20));
    assert!(uplink.state().connections > 1);
    for asked in centre.batches() {
        assert!(asked.body == content(asked.batch().unwrap(), 200_000), "whole or not at all");
    }
    centre.cut();
    outbox.put(20, 10);
    until("it goes on after a cut", || outbox.left().is_empty());
    uplink.stop();
}

#[test]
fn nothing_is_deleted_before_the_centre_says_so() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| match asked.batch() {
        Some(_) => Plan::good(&asked.path).late(Duration::from_secs(2)),
        None => Plan::good(&asked.path),
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(3, 100);
    let uplink = start(settings(), identity, &outbox);
    until("they have arrived", || centre.batches().len() == 3);
    assert_eq!(outbox.left(), all(3));
    // What is on the way may arrive while the sensor ends.
    uplink.stop();
    assert_eq!(sorted(outbox.stored()), all(3));
}

#[test]
fn a_busy_centre_is_left_in_peace_as_long_as_it_asks() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| match (asked.batch(), asked.nth) {
        (Some(_), 0) => {
            let mut plan = Plan::refuse(503);
            plan.retry_after = Some("2");
            plan
        }
        _ => Plan::good(&asked.path),
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(1, 100);
    let uplink = start(settings(), identity, &outbox);
    until("it is stored", || outbox.left().is_empty());
    let batches = centre.batches();
    let pause = batches[1].at - batches[0].at;
    assert!((Duration::from_secs(2)..Duration::from_secs(9)).contains(&pause), "{pause:?}");
    assert_eq!((batches.len(), uplink.state().connections), (2, 1));
    uplink.stop();
}

#[test]
fn a_batch_that_is_refused_goes_aside_and_blocks_nobody() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| match asked.batch() {
        Some(0) => Plan::answer(422, "{\"error\":\"a row lies\\u001b[31m in the future\"}"),
        Some(1) => Plan::refuse(400),
        Some(2) => Plan::answer(202, "{\"held\":\"from the past\"}"),
        _ => Plan::good(&asked.path),
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(8, 100);
    let uplink = start(settings(), identity, &outbox);
    until("all are done", || outbox.left().is_empty());
    assert_eq!(sorted(outbox.stored()), (2..8).collect::<Vec<u64>>());
    let mut rejected = outbox.rejected();
    rejected.sort();
    assert_eq!(
        rejected,
        [(0, "422: a row lies [31m in the future".to_owned()), (1, "400: no".to_owned())]
    );
    assert_eq!(uplink.state().rejected, 2);
    uplink.stop();
}

#[test]
fn answers_that_no_centre_gives_change_nothing() {
    // By a program in between: statuses that would count, with bodies that no centre writes.
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| match (asked.batch(), asked.nth) {
        (Some(0), 0) => Plan::answer(200, "<html>Welcome to nginx!</html>"),
        (Some(1), 0) => Plan::answer(413, "<html>413</html>"),
        (Some(2), 0) => Plan::answer(200, "x".repeat(200_000)),
        (Some(3), 0) => Plan::answer(404, ""),
        (Some(4), 0) => Plan::answer(500, "\u{0}\u{1}"),
        _ => Plan::good(&asked.path),
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(6, 100);
    let uplink = start(settings(), identity, &outbox);
    until("the first attempts were made", || centre.batches().len() >= 6);
    until("the good one is stored", || outbox.stored() == [5]);
    until("all are stored in the end", || outbox.left().is_empty());
    assert_eq!(sorted(outbox.stored()), all(6));
    assert_eq!(outbox.rejected(), []);
    assert_eq!(uplink.state().again, 5);
    uplink.stop();
}

#[test]
fn a_batch_that_may_not_come_in_waits_and_others_go() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| match asked.batch() {
        Some(0) => Plan::refuse(403),
        _ => Plan::good(&asked.path),
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(40, 100);
    let uplink = start(settings(), identity, &outbox);
    until("the others are stored", || outbox.left() == [0]);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(outbox.rejected(), []);
    assert_eq!(
        centre.batches().iter().filter(|asked| asked.batch() == Some(0)).count(),
        1,
        "not again at once"
    );
    uplink.stop();
}

/// Because of its name, or of its version (a batch must not be refused for that).
#[test]
fn a_sensor_that_is_not_wanted_sends_nothing_and_keeps_all() {
    for status in [403, 400] {
        not_wanted(status);
    }
}

fn not_wanted(status: u16) {
    let authority = Authority::new();
    let centre = Centre::start(&authority, move |asked| match asked.path.as_str() {
        wire::HEARTBEAT_PATH => Plan::refuse(status),
        _ => Plan::refuse(400),
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(4, 100);
    let uplink = start(settings(), identity, &outbox);
    until("it is refused", || uplink.state().trouble.is_some());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(centre.asked().len(), 1, "one heartbeat, then a long pause");
    assert_eq!(outbox.left(), all(4));
    let trouble = uplink.state().trouble.unwrap();
    assert!(trouble.contains(&format!("answered {status}: no; hint: none")), "{trouble}");
    uplink.stop();
}

#[test]
fn bytes_a_second_are_limited() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| Plan::good(&asked.path));
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(5, 80_000);
    let limited = hirundo_sensor::uplink::Settings {
        bytes_per_sec_max: 100_000,
        ..settings()
    };
    let begun = std::time::Instant::now();
    let uplink = start(limited, identity, &outbox);
    until("all are stored", || outbox.left().is_empty());
    let secs = begun.elapsed().as_secs_f64();
    // 400,000 bytes less a burst of a quarter of a second.
    assert!((3.5..12.0).contains(&secs), "{secs}");
    uplink.stop();
}

#[test]
fn bytes_on_the_way_are_limited() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| Plan::good(&asked.path).late(Duration::from_millis(30)));
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(24, 100_000);
    let limited = hirundo_sensor::uplink::Settings {
        in_flight_bytes_max: 200_000,
        ..settings()
    };
    let uplink = start(limited, identity, &outbox);
    until("all are stored", || outbox.left().is_empty());
    assert!((2..=4).contains(&centre.flying_max()), "{}", centre.flying_max());
    uplink.stop();
}

#[test]
fn the_next_centre_stands_in_for_one_that_is_away() {
    let authority = Authority::new();
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let centre = Centre::start(&authority, |asked| Plan::good(&asked.path));
    let folder = tempfile::tempdir().unwrap();
    let centres = [format!("https://{away}"), centre.url()];
    let identity = enrolled(&authority, &centres, Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(4, 100);
    let uplink = start(settings(), identity, &outbox);
    until("all are stored", || outbox.left().is_empty());
    assert_eq!(uplink.state().centre, Some(centre.url()));
    uplink.stop();
}

#[test]
fn the_heartbeat_says_how_the_sensor_is_and_what_the_centre_s_clock_is() {
    let authority = Authority::new();
    let hour_us = 3_600_000_000;
    let centre = Centre::start(&authority, move |asked| {
        let mut plan = Plan::answer(200, "{\"now_us\":1,\"notes\":[\"your software is old\"]}");
        plan.ahead_us = hour_us;
        if asked.path == wire::HEARTBEAT_PATH {
            plan
        } else {
            Plan::good(&asked.path)
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(0, 0);
    let often = hirundo_sensor::uplink::Settings {
        heartbeat_secs: 1,
        ..settings()
    };
    let uplink = start(often, identity, &outbox);
    until("three heartbeats", || centre.asked().len() >= 3);
    let heartbeat: wire::Heartbeat = serde_json::from_slice(&centre.asked()[1].body).unwrap();
    assert_eq!(
        (heartbeat.version, heartbeat.epoch, heartbeat.seen, heartbeat.kept),
        (1, 7, 100, 90)
    );
    assert_eq!(
        (heartbeat.dropped_spool, heartbeat.spool_bytes_max, heartbeat.hidden),
        (3, 1 << 30, true)
    );
    assert_eq!(heartbeat.software, env!("CARGO_PKG_VERSION"));
    let offset_us = uplink.state().clock_offset_us.unwrap();
    assert!((offset_us - hour_us).abs() < 2_000_000, "{offset_us}");
    uplink.stop();
}

#[test]
fn a_disk_that_cannot_be_read_is_tried_again() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| Plan::good(&asked.path));
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(2, 100);
    outbox.disk_refuses(true);
    let uplink = start(settings(), identity, &outbox);
    until("it is connected", || !centre.asked().is_empty());
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(outbox.left(), all(2));
    outbox.disk_refuses(false);
    until("all are stored", || outbox.left().is_empty());
    let names: HashSet<u64> = outbox.stored().into_iter().collect();
    assert_eq!(names.len(), 2);
    uplink.stop();
}
