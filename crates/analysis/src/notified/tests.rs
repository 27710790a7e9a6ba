//! Shares and their intervals, what is known and what is not, and the comparison, each against numbers counted by hand.

use super::*;

const FIRST: Day = 100;
const DAYS: usize = 100;

fn words(days: &[Day]) -> Vec<u64> {
    let mut words = vec![0; DAYS.div_ceil(64)];
    for day in days {
        let at = usize::try_from(day - FIRST).unwrap();
        words[at / 64] |= 1 << (at % 64);
    }
    words
}

fn sightings(rows: &[(u32, u32, &[Day])]) -> Sightings {
    let mut sightings = Sightings::new(FIRST, DAYS);
    for (address, stratum, days) in rows {
        sightings.push(*address, *stratum, &words(days)).unwrap();
    }
    sightings
}

fn calendar() -> Calendar {
    Calendar {
        first: FIRST,
        observed: vec![true; DAYS],
    }
}

fn on(address: u32, day: Day) -> Notification {
    Notification { address, day, group: 0 }
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() < 5e-4
}

#[test]
fn shares_have_wilson_s_interval() {
    // The last row as R computes it; the others worked out apart from the formula.
    for (part, whole, low, high) in [
        (81.0, 263.0, 0.2553, 0.3662),
        (15.0, 148.0, 0.0624, 0.1605),
        (0.0, 20.0, 0.0, 0.1611),
        (1.0, 29.0, 0.0061, 0.1718),
        (6.0, 32.0, 0.088_895, 0.353_092),
    ] {
        let share = wilson(part, whole).unwrap();
        assert!(
            near(share.interval.low, low) && near(share.interval.high, high),
            "{part} of {whole}: {share:?}"
        );
    }
    for (part, whole) in [(0.0, 0.0), (-1.0, 5.0), (6.0, 5.0), (f64::NAN, 5.0), (1.0, f64::INFINITY)] {
        assert_eq!(wilson(part, whole), None, "{part} of {whole}");
    }
}

#[test]
fn a_difference_has_its_interval() {
    // 56 of 70 and 48 of 80, worked out apart from the formula.
    let outcome = Outcome {
        matched: 70,
        matched_seen: 56,
        others: 80,
        others_share: 0.6,
        others_effective: 80.0,
        ..Outcome::default()
    };
    let difference = outcome.difference().unwrap();
    assert!(near(difference.share, 0.2), "{difference:?}");
    assert!(
        near(difference.interval.low, 0.0524) && near(difference.interval.high, 0.3339),
        "{difference:?}"
    );
    assert!(!difference.interval.has(0.0) && difference.interval.has(0.2));
    assert_eq!(Outcome::default().difference(), None);
}

#[test]
fn still_seen_is_seen_in_the_week_that_begins_then() {
    for (days, followed, seen) in [
        (&[150][..], true, [false, false]),
        (&[150, 156], true, [false, false]),
        (&[150, 157], true, [true, false]),
        (&[150, 163], true, [true, false]),
        (&[150, 164, 179], true, [false, false]),
        (&[150, 180], true, [false, true]),
        (&[150, 186], true, [false, true]),
        (&[150, 187], true, [false, false]),
        // Seen six days before the notification: followed; seven: not.
        (&[144, 157], true, [true, false]),
        (&[143, 157], false, [false, false]),
        (&[157], false, [false, false]),
        (&[], false, [false, false]),
    ] {
        let groups = follow(
            &[on(7, 150)],
            1,
            &sightings(&[(7, 0, days)]),
            &sightings(&[]),
            &HashMap::new(),
            &calendar(),
        );
        let group = &groups[0];
        assert_eq!((group.notified, group.followed), (1, u64::from(followed)), "{days:?}");
        let found = [group.outcomes[0].seen == 1, group.outcomes[1].seen == 1];
        assert_eq!(found, seen, "{days:?}");
        assert_eq!(groups[0], groups[1], "one group and all together are the same");
    }
}

#[test]
fn what_is_not_known_counts_apart() {
    let seen = sightings(&[(7, 0, &[150, 157, 180])]);
    for (last, gap, expected) in [
        // The week from 157 to 163 is over on 163; that it was seen on its first day does not make it known earlier.
        (162, 0..0, [(1, 0, 0), (1, 0, 0)]),
        (163, 0..0, [(0, 0, 1), (1, 0, 0)]),
        (185, 0..0, [(0, 0, 1), (1, 0, 0)]),
        (186, 0..0, [(0, 0, 1), (0, 0, 1)]),
        // Three days missing leave four, four leave three.
        (186, 158..161, [(0, 0, 1), (0, 0, 1)]),
        (186, 158..162, [(0, 1, 0), (0, 0, 1)]),
    ] {
        let observed = (FIRST..=last).map(|day| !gap.contains(&day)).collect();
        let calendar = Calendar { first: FIRST, observed };
        let group = &follow(&[on(7, 150)], 1, &seen, &sightings(&[]), &HashMap::new(), &calendar)[0];
        let found = group.outcomes.map(|outcome| (outcome.pending, outcome.unobserved, outcome.known));
        assert_eq!(found, expected, "{last} {gap:?}");
    }
}

#[test]
fn the_others_are_of_the_same_stratum_and_last_seen_on_the_same_day() {
    let notified = sightings(&[(7, 3, &[148])]);
    let others = sightings(&[
        (10, 3, &[148, 157]),
        (11, 3, &[148]),
        // Seen again before the notification, of another stratum, on another day.
        (12, 3, &[148, 149, 157]),
        (13, 4, &[148, 157]),
        (14, 3, &[147, 157]),
        // On the day itself of two strata: the first row tells.
        (15, 3, &[148]),
        (15, 4, &[148, 157]),
        (16, 4, &[148]),
        (16, 3, &[148, 157]),
    ]);
    let one = on(7, 150);
    assert_eq!(needed(&[one, on(8, 150)], &notified), [(3, 148)]);
    let outcome = follow(&[one], 1, &notified, &others, &HashMap::new(), &calendar())[0].outcomes[0];
    assert_eq!((outcome.others, outcome.matched, outcome.matched_seen), (3, 1, 0));
    assert!(
        near(outcome.others_share, 2.0 / 3.0) && near(outcome.others_effective, 3.0),
        "{outcome:?}"
    );
}

#[test]
fn each_notified_address_weighs_the_share_among_its_own() {
    // Stratum 1: three notified, one other, seen. Stratum 2: one notified, three others, one seen.
    let notified = sightings(&[(1, 1, &[150]), (2, 1, &[150]), (3, 1, &[150, 157]), (4, 2, &[150, 158])]);
    let others = sightings(&[(10, 1, &[150, 157]), (11, 2, &[150, 157]), (12, 2, &[150]), (13, 2, &[150])]);
    let all = [1, 2, 3, 4].map(|address| Notification {
        address,
        day: 150,
        group: usize::from(address == 4),
    });
    let groups = follow(&all, 2, &notified, &others, &HashMap::new(), &calendar());
    let first = |group: usize| groups[group].outcomes[0];
    assert_eq!(
        [0, 1, 2].map(|group| (first(group).known, first(group).seen)),
        [(3, 1), (1, 1), (4, 2)]
    );
    assert!(near(first(0).others_share, 1.0) && near(first(1).others_share, 1.0 / 3.0));
    // (3 · 1 + 1 · 1/3) / 4, not (1 + 1) / 4.
    assert!(near(first(2).others_share, 10.0 / 12.0), "{:?}", first(2));
    // Weights 3/4, and three times 1/12.
    assert!(near(first(2).others_effective, 1.0 / (9.0 / 16.0 + 3.0 / 144.0)), "{:?}", first(2));
    assert_eq!(first(2).others, 4);
}

#[test]
fn an_address_that_serves_often_is_one_address() {
    // Every day the same two addresses are all that there is to compare with.
    let days: Vec<Day> = (110..150).collect();
    let mut notified = Sightings::new(FIRST, DAYS);
    let mut notifications = Vec::new();
    for (address, day) in (0..40).zip(&days) {
        notified.push(address, 0, &words(&[*day])).unwrap();
        notifications.push(on(address, *day));
    }
    let others = sightings(&[(100, 0, &days), (101, 0, &days)]);
    let outcome = follow(&notifications, 1, &notified, &others, &HashMap::new(), &calendar())[0].outcomes[0];
    assert_eq!((outcome.matched, outcome.others), (40, 2));
    assert!(near(outcome.others_effective, 2.0), "{outcome:?}");
    // Seen on every day up to 149: a week from 143 on is the last in which they are.
    assert!(near(outcome.others_share, 33.0 / 40.0), "{outcome:?}");
    let interval = outcome.others().unwrap().interval;
    assert!(interval.high - interval.low > 0.6, "two addresses tell little: {interval:?}");
}

#[test]
fn those_without_others_are_not_compared() {
    let notified = sightings(&[(1, 1, &[150, 157]), (2, 9, &[150])]);
    let others = sightings(&[(10, 1, &[150])]);
    let outcome = follow(&[on(1, 150), on(2, 150)], 1, &notified, &others, &HashMap::new(), &calendar())[0].outcomes[0];
    assert_eq!((outcome.known, outcome.seen), (2, 1));
    assert_eq!((outcome.matched, outcome.matched_seen, outcome.others), (1, 1, 1));
    assert!(near(outcome.difference().unwrap().share, 1.0));
}

#[test]
fn who_is_notified_later_serves_until_then() {
    let notified = sightings(&[(1, 0, &[150])]);
    let others = sightings(&[(10, 0, &[150, 157]), (11, 0, &[150])]);
    for (since, share) in [(149, 0.0), (150, 0.0), (151, 0.5)] {
        let since = HashMap::from([(10, since)]);
        let outcome = follow(&[on(1, 150)], 1, &notified, &others, &since, &calendar())[0].outcomes[0];
        assert!(near(outcome.others_share, share), "{since:?}: {outcome:?}");
    }
}

#[test]
fn hostile_input() {
    let mut rows = Sightings::new(FIRST, DAYS);
    assert!(rows.push(5, 0, &[1]).is_err());
    rows.push(5, 0, &[u64::MAX, u64::MAX]).unwrap();
    assert!(rows.push(4, 0, &[1, 1]).is_err());
    let far = [
        on(5, 0),
        on(5, 1_000_000),
        Notification {
            address: 5,
            day: 150,
            group: 9,
        },
    ];
    let groups = follow(&far, 1, &rows, &rows, &HashMap::new(), &calendar());
    assert_eq!((groups[0].notified, groups[1].notified, groups[1].followed), (2, 3, 1));
    assert_eq!(groups[1].outcomes[0].others_share, 1.0);
    let none = follow(
        &[],
        0,
        &Sightings::new(0, 0),
        &Sightings::new(0, 0),
        &HashMap::new(),
        &Calendar {
            first: 0,
            observed: Vec::new(),
        },
    );
    assert_eq!((none.len(), none[0].notified), (1, 0));
}
