//! What the scenarios say they plant must be there, with margins, whatever the seed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use hirundo_simulator::{Counts, DayTruth, Direction, PlantedTruth, QuarterTruth, Rank, Scenario, Truth, truth};

/// Every rank that matters must lead the next by this much, in percent.
const MARGIN_PERCENT: u64 = 5;

fn simulated(name: &str, seed: u64) -> Truth {
    truth(&Scenario::shipped(name).unwrap().unwrap(), seed).unwrap()
}

fn check_ranks(ranks: &[Rank], expected: &[(usize, &str)], margins_to: usize, seed: u64) {
    for &(rank, name) in expected {
        assert_eq!(ranks[rank - 1].name, name, "seed {seed}, rank {rank} of {ranks:?}");
    }
    for pair in ranks.windows(2).take(margins_to) {
        let enough = pair[0].packets * 100 >= pair[1].packets * (100 + MARGIN_PERCENT);
        assert!(enough, "seed {seed}, too close: {pair:?}");
    }
}

/// That `name` is at `rank` by count, clear of both neighbours.
fn check_place(counts: &Counts, name: &str, rank: usize, seed: u64) {
    let mut order: Vec<(u64, &str)> = counts.iter().map(|(name, &count)| (count, name.as_str())).collect();
    order.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(order[rank - 1].1, name, "seed {seed}: {order:?}");
    for at in [rank - 2, rank - 1] {
        let enough = order[at].0 * 100 >= order[at + 1].0 * (100 + MARGIN_PERCENT);
        assert!(enough, "seed {seed}, too close: {:?}", &order[at..at + 2]);
    }
}

fn quarter<'a>(truth: &'a Truth, name: &str) -> &'a QuarterTruth {
    truth.quarters.iter().find(|quarter| quarter.quarter == name).unwrap()
}

#[test]
fn two_quarters_have_the_planted_ranks_for_any_seed() {
    for seed in 1..=5 {
        let truth = simulated("two-quarters-2022", seed);
        assert!((1_500_000..2_500_000).contains(&truth.packets), "{}", truth.packets);
        let (q1, q2) = (quarter(&truth, "2022-Q1"), quarter(&truth, "2022-Q2"));
        let ports = [(2, "23/tcp"), (1, "6379/tcp"), (4, "22/tcp"), (6, "80/tcp"), (10, "icmp")];
        check_ranks(&q1.ports, &ports, 9, seed);
        let ports = [(1, "23/tcp"), (2, "6379/tcp"), (3, "22/tcp"), (4, "80/tcp"), (5, "icmp")];
        check_ranks(&q2.ports, &ports, 9, seed);
        // The tenth place against the eleventh, which the table leaves out.
        let mut q1_ports: BTreeMap<&str, u64> = BTreeMap::new();
        for (port, count) in truth.days.iter().filter(|day| *day.day < *"2022-04-01").flat_map(|day| &day.ports) {
            *q1_ports.entry(port).or_default() += count;
        }
        let mut q1_counts: Vec<u64> = q1_ports.into_values().collect();
        q1_counts.sort_unstable_by(|a, b| b.cmp(a));
        assert!(
            q1_counts[9] * 100 >= q1_counts[10] * (100 + MARGIN_PERCENT),
            "seed {seed}: {:?}",
            &q1_counts[..11]
        );
        check_ranks(&q1.regions, &[(1, "US"), (2, "GB"), (3, "CN"), (4, "RU"), (6, "KR")], 6, seed);
        check_ranks(&q2.regions, &[(1, "US"), (2, "GB"), (3, "RU"), (4, "CN"), (5, "KR")], 5, seed);
        check_place(&q2.cumulative_mirai_sources, "JP", 8, seed);
        check_place(&q2.cumulative_sources, "JP", 19, seed);
        sources_differ_between_the_populations(q2, seed);
        courses_are_as_told(&truth, seed);
    }
}

/// China, the US and Korea are high in both, India and Taiwan only among all sources.
fn sources_differ_between_the_populations(q2: &QuarterTruth, seed: u64) {
    let rank = |counts: &Counts, name: &str| counts.values().filter(|&&count| count > counts[name]).count() + 1;
    for name in ["CN", "US", "KR"] {
        assert!(
            rank(&q2.cumulative_mirai_sources, name) <= 4 && rank(&q2.cumulative_sources, name) <= 4,
            "{seed} {name}"
        );
    }
    for name in ["IN", "TW"] {
        assert!(
            rank(&q2.cumulative_mirai_sources, name) > 10 && rank(&q2.cumulative_sources, name) <= 10,
            "{seed} {name}"
        );
    }
}

/// 7-day means ending on each day, in sevenths of a packet, from the seventh day on.
fn week_sums(days: &[DayTruth], of: impl Fn(&DayTruth) -> u64) -> BTreeMap<&str, u64> {
    let week = |week: &[DayTruth]| week.iter().map(&of).sum();
    days.windows(7).map(|days| (days[6].day.as_str(), week(days))).collect()
}

#[allow(clippy::too_many_lines, reason = "one line for each planted course")]
fn courses_are_as_told(truth: &Truth, seed: u64) {
    let days = &truth.days;
    let of_region = |code: &'static str| week_sums(days, move |day| day.regions[code]);
    let (russia, china, korea) = (of_region("RU"), of_region("CN"), of_region("KR"));
    let crossed: Vec<&str> = russia
        .iter()
        .skip_while(|(day, _)| **day < "2022-04-08")
        .map(|(day, _)| *day)
        .filter(|day| russia[day] > china[day])
        .collect();
    assert!(("2022-05-15".."2022-05-22").contains(&crossed[0]), "seed {seed}: {}", crossed[0]);
    assert!(
        crossed.contains(&"2022-05-24") && crossed.last() == Some(&"2022-06-30"),
        "seed {seed}"
    );
    assert!(korea["2022-04-30"] * 10 > korea["2022-04-02"] * 15, "seed {seed}");
    assert!(korea["2022-05-20"] * 10 < korea["2022-04-30"] * 7, "seed {seed}");
    assert!(korea["2022-06-30"] * 10 > korea["2022-06-17"] * 11, "seed {seed}");
    let telnet = week_sums(days, |day| day.ports["23/tcp"]);
    assert!(telnet["2022-05-24"] > telnet["2022-05-11"] && telnet["2022-06-30"] * 10 > telnet["2022-05-11"] * 12);
    let swing = |from: &str, to: &str| {
        let counts = days
            .iter()
            .filter(|day| (from..=to).contains(&&*day.day))
            .map(|day| day.ports["23/tcp"]);
        let (low, high) = counts.fold((u64::MAX, 0), |(low, high), count| (low.min(count), high.max(count)));
        high * 100 / low
    };
    assert!(
        swing("2022-04-01", "2022-05-31") > 140 && swing("2022-02-01", "2022-02-28") < 125,
        "seed {seed}"
    );
    let mirai = week_sums(days, |day| day.mirai_packets);
    assert!(mirai["2022-04-26"] * 100 > mirai["2022-04-04"] * 120, "seed {seed}");
    assert!(mirai["2022-05-12"] * 100 < mirai["2022-04-26"] * 96, "seed {seed}");
    assert!(mirai["2022-06-24"] * 100 > mirai["2022-05-12"] * 110, "seed {seed}");
    let taiwan = |day: &str| days.iter().find(|one| one.day == day).unwrap().mirai_regions["TW"];
    assert!(taiwan("2022-06-26") > 3 * taiwan("2022-06-25"), "seed {seed}");
    let japan = week_sums(days, |day| day.mirai_regions["JP"]);
    let growth = japan["2022-06-30"] * 10 / japan["2022-04-07"];
    assert!((45..=55).contains(&growth), "seed {seed}: {growth} tenths");
    assert!(
        japan["2022-06-30"] - japan["2022-05-31"] > japan["2022-05-31"] - japan["2022-04-25"],
        "seed {seed}"
    );
}

/// Holds each planted phenomenon of each scenario against what was written.
#[test]
fn stated_phenomena_are_measurable() {
    for (name, _) in hirundo_simulator::SHIPPED {
        for planted in simulated(name, 7).planted {
            check_planted(name, &planted);
        }
    }
}

fn check_planted(scenario: &str, planted: &PlantedTruth) {
    let end = planted.end_mean_milli.unwrap();
    let before = planted.before_mean_milli.unwrap_or(end);
    let at_least = |percent: u64| end * 100 >= before * percent;
    let holds = match planted.direction {
        Direction::Rise => at_least(110),
        Direction::Fall => !at_least(90),
        Direction::Bulge => at_least(130),
        Direction::Jump => at_least(200),
        Direction::Appear => before == 0 && end > 0,
        Direction::Outage => before > 0 && end == 0,
        Direction::Swing | Direction::Cross => end > 0,
        Direction::Steady => at_least(90) && !at_least(110),
    };
    assert!(holds, "{scenario}: {planted:?}");
    #[allow(clippy::cast_precision_loss, reason = "a ratio of small counts")]
    if let Some(factor) = planted.factor {
        let measured = end as f64 / before as f64;
        assert!(
            (factor * 0.92..factor * 1.09).contains(&measured),
            "{scenario}: {measured} in {planted:?}"
        );
    }
}

#[test]
fn swapped_regions_cross_once() {
    let truth = simulated("region-swap", 2);
    let (india, brazil) = (
        week_sums(&truth.days, |day| day.regions["IN"]),
        week_sums(&truth.days, |day| day.regions["BR"]),
    );
    let changes: Vec<&str> = india
        .keys()
        .zip(india.keys().skip(1))
        .filter(|(a, b)| (india[*a] > brazil[*a]) != (india[*b] > brazil[*b]))
        .map(|(_, day)| *day)
        .collect();
    assert!(
        changes.len() == 1 && ("2022-08-10".."2022-08-23").contains(&changes[0]),
        "{changes:?}"
    );
}

#[test]
fn one_source_makes_the_flood() {
    let truth = simulated("one-source-flood", 2);
    let day = truth.days.iter().find(|day| day.day == "2022-08-11").unwrap();
    assert!(day.ports["8291/tcp"] > 8500 && day.sensors["de-1"] > 8500, "{day:?}");
    assert!(day.sources < 1500, "{}", day.sources);
}
