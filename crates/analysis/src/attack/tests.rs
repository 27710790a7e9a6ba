//! Attacks planted in backscatter must be found, with their rate, and the background must not.

use std::net::{Ipv4Addr, Ipv6Addr};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

fn victim(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(number))
}

fn row(number: u32, sensor: usize, begin_secs: i64, packets: u64) -> Row<'static> {
    Row {
        victim: victim(number),
        proto: 6,
        port: Some(80),
        region: "US",
        sensor,
        begin_secs,
        packets,
    }
}

fn sensors(count: usize, addresses: u64) -> Observation {
    Observation {
        addresses: vec![addresses; count],
        bin_secs: 10,
    }
}

fn unit(dice: &mut ChaCha8Rng) -> f64 {
    (dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn below(dice: &mut ChaCha8Rng, end: usize) -> usize {
    usize::try_from(dice.next_u64() % end as u64).unwrap()
}

/// Answers at `pps` of the whole, for some time, as `count` sensors of one address each see them.
fn flood(dice: &mut ChaCha8Rng, number: u32, pps: f64, secs: f64, count: usize) -> Vec<Row<'static>> {
    let seen_pps = pps * count as f64 / ALL_ADDRESSES;
    let mut rows = Vec::new();
    let mut time = 0.0;
    loop {
        time -= (1.0 - unit(dice)).ln() / seen_pps;
        if time > secs {
            return rows;
        }
        #[allow(clippy::cast_possible_truncation, reason = "below the seconds of a day")]
        let begin = (time as i64).div_euclid(10) * 10;
        rows.push(row(number, below(dice, count), begin, 1));
    }
}

/// Hosts that are set up wrongly: each talks to one sensor again and again, one in fifty as much to a second one.
fn background(dice: &mut ChaCha8Rng, hosts: u32, count: usize) -> Vec<Row<'static>> {
    (0..hosts)
        .flat_map(|host| {
            let (home, other) = (below(dice, count), below(dice, count));
            (0..20).map(move |turn| {
                let sensor = if host % 50 == 0 && turn % 2 == 0 { other } else { home };
                row(1_000_000 + host, sensor, 100 * turn, 2)
            })
        })
        .collect()
}

#[test]
fn floods_are_found_with_their_rate_among_wrongly_set_hosts() {
    let mut covered = 0;
    for seed in 0..20 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut rows = background(&mut dice, 2_000, 20);
        // A million answers a second for two hours: about 33 packets at 20 addresses.
        rows.extend(flood(&mut dice, 7, 1e6, 7_200.0, 20));
        let found = attacks(rows, &sensors(20, 1)).unwrap();
        let sure: Vec<&Attack> = found
            .attacks
            .iter()
            .filter(|attack| attack.confidence > Confidence::Possible)
            .collect();
        assert_eq!(sure.len(), 1, "seed {seed}, {} sensors needed", found.sensors_min);
        assert_eq!((sure[0].victim, sure[0].confidence), (victim(7), Confidence::Likely));
        assert!(found.false_alarms <= FALSE_ALARMS_MAX);
        let rate = sure[0].rate.unwrap();
        assert!(rate.pps_low < rate.pps && rate.pps < rate.pps_high);
        covered += usize::from((rate.pps_low..rate.pps_high).contains(&1e6));
    }
    assert!(covered >= 17, "the true rate lay within the 95 % interval {covered} times of 20");
}

#[test]
fn background_alone_gives_no_likely_attack() {
    for seed in 0..20 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let found = attacks(background(&mut dice, 5_000, 20), &sensors(20, 1)).unwrap();
        assert!(
            found.attacks.iter().all(|attack| attack.confidence == Confidence::Possible),
            "seed {seed}"
        );
    }
}

/// The published rule at the telescope it was made for: each of its three numbers, reached and just missed.
#[test]
fn published_rule() {
    let large = sensors(16, 1 << 20);
    let bins = |times: &[i64], packets: u64| -> Vec<Row<'static>> {
        times
            .iter()
            .flat_map(|time| (0..16).map(move |sensor| row(1, sensor, *time, packets)))
            .collect()
    };
    for (rows, expected) in [
        (bins(&[0, 10, 60], 1), Some(Confidence::Certain)),
        (bins(&[0, 10, 50], 1), None),
        (bins(&[0, 60], 1), None),
        (bins(&[0, 60], 2), Some(Confidence::Certain)),
        ((0..7).map(|step| row(1, 3, step * 10, 10)).collect(), Some(Confidence::Likely)),
    ] {
        let found = attacks(rows, &large).unwrap();
        assert_eq!((found.packets_min, found.window_packets_min, found.timeout_secs), (25, 30, 300));
        assert_eq!(found.attacks.first().map(|attack| attack.confidence), expected);
    }
}

#[test]
fn scaling() {
    for (addresses, packets, window, timeout) in [
        (20, 5, 1, 3_600),
        (65_536, 5, 1, 3_600),
        (1 << 22, 7, 8, 1_200),
        (1 << 24, 25, 30, 300),
        (1 << 25, 50, 60, 300),
    ] {
        let found = attacks(Vec::new(), &sensors(1, addresses)).unwrap();
        assert_eq!(
            (found.packets_min, found.window_packets_min, found.timeout_secs),
            (packets, window, timeout)
        );
    }
}

#[test]
fn the_window_slides_by_ten_seconds() {
    let of = |rows: &[Row<'_>]| Vector::new(rows).window_packets();
    assert_eq!(of(&[row(1, 0, 0, 5), row(1, 0, 50, 5)]), 10);
    assert_eq!(of(&[row(1, 0, 0, 5), row(1, 0, 60, 5)]), 5);
    assert_eq!(of(&[row(1, 0, 9, 5), row(1, 0, 60, 6), row(1, 0, 69, 1)]), 7);
    assert_eq!(of(&[row(1, 0, -60, 5), row(1, 0, -10, 6)]), 11);
}

#[test]
fn ports_silence_and_rate() {
    let mut rows: Vec<Row<'static>> = (0..20)
        .map(|sensor| row(1, sensor, 100 * i64::try_from(sensor).unwrap(), 1))
        .collect();
    rows.push(Row {
        port: Some(443),
        ..row(1, 0, 0, 30)
    });
    rows.push(row(1, 0, 1_900 + 3_601, 1));
    let found = attacks(rows, &sensors(20, 1)).unwrap();
    assert_eq!(found.vectors, 2);
    let attack = &found.attacks[0];
    assert_eq!(
        (attack.packets, attack.begin_secs, attack.end_secs, attack.sensors),
        (50, 0, 1_910, 20)
    );
    assert_eq!(attack.ports, [(Some(443), 30), (Some(80), 20)]);
    assert_eq!(attack.confidence, Confidence::Possible, "31 of 50 at one of twenty sensors");
    let expected = 49.0 / 1_900.0 * ALL_ADDRESSES / 20.0;
    assert!((attack.rate.unwrap().pps / expected - 1.0).abs() < 1e-12);
    // Exact interval of a Poisson count of 49: 36.25 to 64.78 (its lower end for 49, its upper end for 49).
    let rate = attack.rate.unwrap();
    assert!((rate.pps_low / rate.pps * 49.0 - 36.25).abs() < 0.1 && (rate.pps_high / rate.pps * 49.0 - 64.78).abs() < 0.1);
}

#[test]
fn hostile_input() {
    assert!(attacks(vec![row(1, 1, 0, 1)], &sensors(1, 1)).is_err(), "unknown sensor");
    assert!(attacks(Vec::new(), &sensors(0, 1)).is_err(), "no sensor");
    assert!(attacks(Vec::new(), &sensors(1, 0)).is_err(), "no address");
    assert!(attacks(Vec::new(), &sensors(2, u64::MAX)).is_err(), "more addresses than there are");
    let long_bins = Observation {
        addresses: vec![1],
        bin_secs: 61,
    };
    assert!(attacks(Vec::new(), &long_bins).is_err());
    let six = Row {
        victim: IpAddr::V6(Ipv6Addr::LOCALHOST),
        ..row(1, 0, 0, u64::MAX)
    };
    let rows = vec![
        six,
        Row { begin_secs: 3_000, ..six },
        row(1, 0, i64::MIN, u64::MAX),
        row(1, 0, i64::MAX, u64::MAX),
        row(2, 0, 0, 0),
        row(2, 0, 100, 0),
    ];
    let found = attacks(rows, &sensors(3, 1)).unwrap();
    assert_eq!((found.vectors, found.attacks.len()), (3, 1));
    assert_eq!((found.attacks[0].packets, found.attacks[0].rate), (u64::MAX, None));
    assert_eq!(found.attacks[0].window_packets, u64::MAX);
}
