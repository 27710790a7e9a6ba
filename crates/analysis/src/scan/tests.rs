//! Scans planted in rows must come out as they were planted.

use std::net::Ipv4Addr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const HOUR: i64 = 3_600;

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(number))
}

fn tcp(number: u16) -> Port {
    Port {
        proto: 6,
        number: Some(number),
    }
}

fn row(source: u32, number: u16, sensor: u16, first_secs: i64, last_secs: i64) -> Row {
    Row {
        source: address(source),
        port: tcp(number),
        kind: 0,
        sensor,
        first_secs,
        last_secs,
        packets: 1,
    }
}

fn rule(timeout_secs: i64) -> Rule {
    Rule {
        timeout_secs,
        open_max: OPEN_MAX,
    }
}

/// All events of rows handed over day by day.
fn events(rows: &[Row], rule: Rule) -> Vec<Event> {
    let mut days: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for row in rows {
        days.entry(row.first_secs.div_euclid(DAY_SECS)).or_default().push(*row);
    }
    let mut scans = Scans::new(rule);
    let mut events = Vec::new();
    for (day, rows) in days {
        events.extend(scans.advance(rows, day.saturating_add(1).saturating_mul(DAY_SECS)));
    }
    events.extend(scans.finish());
    in_order(events)
}

fn told(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            format!(
                "{} {}..{} n{} s{:?} d{}",
                event.port.number.unwrap_or(0),
                event.first_secs / HOUR,
                event.last_secs / HOUR,
                event.packets,
                event.sensors,
                event.days
            )
        })
        .collect()
}

#[test]
fn silence_longer_than_the_timeout_cuts() {
    let rows = [
        row(1, 23, 0, 0, HOUR),
        row(1, 23, 1, 20 * HOUR, 26 * HOUR),
        row(1, 23, 0, 49 * HOUR, 49 * HOUR),
        row(1, 80, 2, HOUR, HOUR),
    ];
    for (timeout_secs, expected) in [
        (DAY_SECS, vec!["23 0..49 n3 s[0, 1] d3", "80 1..1 n1 s[2] d1"]),
        (
            20 * HOUR,
            vec!["23 0..26 n2 s[0, 1] d2", "23 49..49 n1 s[0] d1", "80 1..1 n1 s[2] d1"],
        ),
        (
            HOUR,
            vec![
                "23 0..1 n1 s[0] d1",
                "23 20..26 n1 s[1] d2",
                "23 49..49 n1 s[0] d1",
                "80 1..1 n1 s[2] d1",
            ],
        ),
    ] {
        assert_eq!(told(&events(&rows, rule(timeout_secs))), expected, "{timeout_secs}");
    }
}

#[test]
fn kinds_and_sources_are_kept_apart() {
    let other = Row {
        kind: 2,
        ..row(1, 23, 0, 5, 5)
    };
    let found = events(&[row(1, 23, 0, 0, 1), other, row(2, 23, 0, 2, 2)], rule(DAY_SECS));
    assert_eq!(found.len(), 3);
}

#[test]
fn order_within_a_batch_does_not_matter_and_truth_comes_back() {
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    let mut rows = Vec::new();
    // 500 sources, each with two events of four days, nine days apart, seen in twelve rows each.
    for source in 0..500 {
        for begin in [0, 13] {
            for part in 0..12 {
                let first = (begin * DAY_SECS) + part * 8 * HOUR + i64::from(dice.next_u32() % 3_600);
                rows.push(row(source, 23, u16::try_from(dice.next_u32() % 20).unwrap(), first, first + 60));
            }
        }
    }
    let found = events(&rows, Rule::for_addresses(20));
    assert_eq!(found.len(), 1_000);
    assert!(found.iter().all(|event| event.packets == 12 && event.days == 4));
    for index in (1..rows.len()).rev() {
        let other = usize::try_from(dice.next_u64() % (index as u64 + 1)).unwrap();
        rows.swap(index, other);
    }
    assert_eq!(events(&rows, Rule::for_addresses(20)), found);
}

#[test]
fn timeout_grows_as_the_telescope_shrinks() {
    for (addresses, expected) in [(0, 86_400), (20, 86_400), (10_000, 29_640), (475_000, 624), (16_777_216, 624)] {
        assert_eq!(Rule::for_addresses(addresses).timeout_secs, expected, "{addresses}");
    }
}

#[test]
fn room_is_bounded_and_cuts_are_told() {
    let rows: Vec<Row> = (0..100)
        .map(|source| row(source, 23, 0, i64::from(source), i64::from(source)))
        .collect();
    let mut scans = Scans::new(Rule {
        timeout_secs: DAY_SECS,
        open_max: 10,
    });
    let closed = scans.advance(rows, 200);
    assert_eq!((closed.len(), scans.cut), (90, 90));
    assert!(closed.iter().all(|event| event.cut && event.last_secs < 90));
    assert_eq!(scans.finish().len(), 10);
}

#[test]
fn hostile_rows() {
    let backwards = row(1, 23, 0, 10, 9);
    let whole = Row {
        packets: u64::MAX,
        ..row(1, 23, 0, i64::MIN, i64::MAX)
    };
    let mut scans = Scans::new(rule(i64::MAX));
    assert!(scans.advance(vec![backwards, whole, whole], i64::MAX).is_empty());
    assert_eq!(scans.refused, 1);
    let found = scans.finish();
    assert_eq!((found[0].packets, found[0].days), (u64::MAX, u32::MAX));
    assert_eq!(activities(&found, i64::MAX).len(), 1);
    assert!(Scans::new(rule(0)).advance(Vec::new(), 0).is_empty());
    assert!(activities(&[], 0).is_empty() && surveyors(&[]).is_empty());
}

#[test]
fn late_rows_are_events_of_their_own() {
    let mut scans = Scans::new(rule(HOUR));
    assert!(scans.advance(vec![row(1, 23, 0, 50 * HOUR, 51 * HOUR)], 51 * HOUR).is_empty());
    let late = scans.advance(vec![row(1, 23, 3, HOUR, 2 * HOUR)], 52 * HOUR);
    assert_eq!(told(&late), ["23 1..2 n1 s[3] d1"]);
    assert_eq!(told(&scans.finish()), ["23 50..51 n1 s[0] d1"]);
}

#[test]
fn shapes() {
    let ports = |count: u16, sensors: &[u16]| -> Vec<Row> {
        (1..=count)
            .flat_map(|number| sensors.iter().map(move |sensor| row(1, number, *sensor, i64::from(number), 100)))
            .collect()
    };
    for (rows, expected) in [
        (ports(1, &[0]), Shape::Spot),
        (ports(10, &[0]), Shape::Spot),
        (ports(11, &[0]), Shape::Vertical),
        (ports(1, &[0, 1]), Shape::Horizontal),
        (ports(10, &[0, 1, 2]), Shape::Horizontal),
        (ports(11, &[0, 1]), Shape::Block),
        ([ports(11, &[0]), ports(1, &[1])].concat(), Shape::Vertical),
    ] {
        let found = activities(&events(&rows, rule(DAY_SECS)), DAY_SECS);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].shape, expected, "{} rows", rows.len());
    }
    let apart = [row(1, 1, 0, 0, 0), row(1, 2, 0, 10 * DAY_SECS, 10 * DAY_SECS), row(2, 1, 0, 0, 0)];
    assert_eq!(activities(&events(&apart, rule(DAY_SECS)), DAY_SECS).len(), 3);
}

#[test]
fn more_than_ten_ports_in_a_day_is_a_survey() {
    let mut rows: Vec<Row> = (1..=10).map(|number| row(1, number, 0, 0, 0)).collect();
    rows.push(row(1, 1, 5, 1, 1));
    rows.push(row(1, 11, 0, DAY_SECS, DAY_SECS));
    rows.push(Row {
        port: Port { proto: 1, number: None },
        ..row(1, 0, 0, 0, 0)
    });
    assert!(surveyors(&rows).is_empty(), "ten ports, and one the next day");
    rows.push(row(1, 11, 3, 2, 2));
    let expected = Surveyor {
        day: 0,
        source: address(1),
        ports: 11,
    };
    assert_eq!(surveyors(&rows), [expected]);
}
