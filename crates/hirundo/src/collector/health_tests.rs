//! Every cause of trouble alone, and the state that follows.

use super::*;

const NOW: i64 = 1_700_000_000;

struct Case {
    sensor: Sensor,
    health: Health,
    rates: Vec<Rate>,
    ends_secs: Option<i64>,
    quarantined: i64,
}

fn good() -> Case {
    Case {
        sensor: Sensor::new("jp-01", Some("home".to_owned()), Some("JP".to_owned()), NOW - 86_400),
        health: Health {
            sensor: "jp-01".to_owned(),
            beat_secs: Some(NOW - 30),
            beat: Some(Heartbeat {
                software: env!("CARGO_PKG_VERSION").to_owned(),
                now_us: NOW * 1_000_000,
                spool_bytes_max: 1_000,
                clock_synchronised: Some(true),
                ..Heartbeat::default()
            }),
            skew_us: Some(-40_000),
            ..Health::default()
        },
        rates: (1..=300).rev().map(|ago| rate(ago, 500)).collect(),
        ends_secs: Some(NOW + 20 * 86_400),
        quarantined: 0,
    }
}

fn rate(minutes_ago: i64, packets: i64) -> Rate {
    Rate {
        minute: NOW / 60 - minutes_ago,
        packets,
        dropped: 0,
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Case), state: State, causes: &[Cause]) -> Row {
    let mut case = good();
    change(&mut case);
    let known = Known {
        sensor: &case.sensor,
        health: &case.health,
        rates: &case.rates,
        certificate_ends_secs: case.ends_secs,
        quarantined: case.quarantined,
    };
    let row = judge(known, NOW);
    let found: Vec<Cause> = row.reasons.iter().map(|(cause, _)| *cause).collect();
    assert_eq!((row.state, found.as_slice()), (state, causes), "{:?}", row.reasons);
    row
}

fn beat(case: &mut Case) -> &mut Heartbeat {
    case.health.beat.as_mut().unwrap()
}

#[test]
fn each_trouble_alone() {
    let row = check(|_| {}, State::Good, &[]);
    assert_eq!(row.packets_a_minute, Some(500));
    check(|case| case.health.beat_secs = Some(NOW - 180), State::Good, &[]);
    check(|case| case.health.beat_secs = Some(NOW - 181), State::Silent, &[Cause::Silent]);
    check(|case| case.ends_secs = Some(NOW + 86_400), State::Trouble, &[Cause::Certificate]);
    check(|case| case.ends_secs = None, State::Trouble, &[Cause::Certificate]);
    check(|case| case.health.skew_us = Some(3_000_000), State::Trouble, &[Cause::Clock]);
    check(|case| case.health.skew_us = Some(-3_000_000), State::Trouble, &[Cause::Clock]);
    check(|case| beat(case).clock_synchronised = Some(false), State::Trouble, &[Cause::Clock]);
    check(|case| beat(case).software = "0.0.1".to_owned(), State::Trouble, &[Cause::Version]);
    check(|case| beat(case).spool_bytes = 801, State::Good, &[]);
    check(|case| beat(case).spool_bytes = 811, State::Trouble, &[Cause::Full]);
    check(
        |case| {
            case.rates.push(Rate {
                dropped: 3,
                ..rate(0, 500)
            })
        },
        State::Trouble,
        &[Cause::Losing],
    );
    check(|case| case.quarantined = 1, State::Trouble, &[Cause::Quarantine]);
    check(|case| case.health.beat = None, State::Awaited, &[]);
    check(|case| case.sensor.revoked_secs = Some(NOW), State::Revoked, &[]);
}

#[test]
fn a_spool_that_is_not_emptied_is_told_by_its_age() {
    let waits = |secs: i64| {
        move |case: &mut Case| {
            beat(case).spool_batches = 7;
            beat(case).spool_oldest_us = (NOW - secs) * 1_000_000;
        }
    };
    check(waits(600), State::Good, &[]);
    let row = check(waits(3_000), State::Trouble, &[Cause::Behind]);
    assert_eq!(row.reasons[0].1, "7 batches wait in its spool, the oldest for 50 min");
}

#[test]
fn a_drop_is_one_only_against_what_is_usual() {
    let lately = |packets: i64| move |case: &mut Case| case.rates.iter_mut().rev().take(4).for_each(|rate| rate.packets = packets);
    check(lately(50), State::Good, &[]);
    check(lately(49), State::Trouble, &[Cause::Drop]);
    // Nothing is usual for a sensor that has just begun, or sees next to nothing.
    check(
        |case| {
            lately(0)(case);
            case.rates.drain(..280);
        },
        State::Good,
        &[],
    );
    check(
        |case| case.rates.iter_mut().for_each(|rate| rate.packets = rate.minute % 5),
        State::Good,
        &[],
    );
}

#[test]
fn hostile_numbers_do_not_overflow() {
    check(
        |case| {
            let beat = beat(case);
            beat.spool_bytes = u64::MAX;
            beat.spool_batches = u64::MAX;
            beat.spool_oldest_us = 1;
            beat.now_us = i64::MIN;
            beat.dropped_kernel = u64::MAX;
            beat.dropped_spool = u64::MAX;
            case.health.skew_us = Some(i64::MIN);
        },
        State::Trouble,
        &[Cause::Full, Cause::Clock],
    );
}
