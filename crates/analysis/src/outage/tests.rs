//! Outages planted in noisy counts must be found with their days, and nothing else.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Gamma, Poisson};

use super::*;

const DAY: i64 = 86_400;

fn grid(steps: usize, step_secs: u32) -> Grid {
    Grid {
        first_secs: 0,
        step_secs,
        coverage: vec![1.0; steps],
    }
}

/// Counts around a level with twice the variance of a Poisson count, times `part(step)`.
fn noisy(dice: &mut ChaCha8Rng, steps: usize, level: f64, part: impl Fn(usize) -> f64) -> Vec<u64> {
    (0..steps)
        .map(|step| {
            let mean = level * part(step);
            if mean == 0.0 {
                return 0;
            }
            let mean: f64 = Gamma::new(mean, 1.0).unwrap().sample(dice);
            let count: f64 = Poisson::new(mean.max(1e-9)).unwrap().sample(dice);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
            let count = count as u64;
            count
        })
        .collect()
}

const NAMES: [&str; 8] = ["AA", "BB", "CC", "DD", "EE", "FF", "GG", "IR"];

fn find(grid: &Grid, counts: &[Vec<u64>]) -> Vec<Outage> {
    let regions: Vec<Region<'_>> = NAMES
        .iter()
        .zip(counts)
        .map(|(region, sources)| Region { region, sources })
        .collect();
    outages(grid, &regions).unwrap()
}

#[test]
fn one_region_goes_dark_for_three_days() {
    for seed in 0..10 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut counts: Vec<Vec<u64>> = (0..7).map(|_| noisy(&mut dice, 90, 200.0, |_| 1.0)).collect();
        counts.push(noisy(&mut dice, 90, 200.0, |day| if (60..63).contains(&day) { 0.1 } else { 1.0 }));
        let found = find(&grid(90, 86_400), &counts);
        assert_eq!(found.len(), 1, "seed {seed}: {found:?}");
        let outage = &found[0];
        assert_eq!(
            (outage.region.as_str(), outage.begin_secs, outage.end),
            ("IR", 60 * DAY, End::Back(63 * DAY))
        );
        assert_eq!(outage.cause, Cause::Theirs);
        assert!((80.0..=95.0).contains(&outage.depth_percent) && outage.deepest_percent >= outage.depth_percent);
        assert!((150.0..250.0).contains(&outage.expected));
    }
}

#[test]
fn noise_alone_gives_nothing() {
    for seed in 0..20 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let counts: Vec<Vec<u64>> = (0..8)
            .map(|region| noisy(&mut dice, 120, 15.0 * f64::from(region + 1), |_| 1.0))
            .collect();
        assert_eq!(find(&grid(120, 86_400), &counts), [], "seed {seed}");
    }
}

#[test]
fn by_the_hour_with_a_daily_rhythm() {
    let mut dice = ChaCha8Rng::seed_from_u64(5);
    let rhythm = |hour: usize| 0.3 + 0.7 * ((hour % 24) as f64 / 24.0);
    let mut counts: Vec<Vec<u64>> = (0..7).map(|_| noisy(&mut dice, 40 * 24, 150.0, rhythm)).collect();
    let dark = 30 * 24 + 10..30 * 24 + 16;
    counts.push(noisy(&mut dice, 40 * 24, 150.0, |hour| {
        if dark.contains(&hour) { 0.0 } else { rhythm(hour) }
    }));
    let found = find(&grid(40 * 24, 3_600), &counts);
    assert_eq!(found.len(), 1, "{found:?}");
    let begin = 30 * DAY + 10 * 3_600;
    assert_eq!(
        (found[0].begin_secs, found[0].end, found[0].cause),
        (begin, End::Back(begin + 6 * 3_600), Cause::Theirs)
    );
    assert!((found[0].depth_percent - 100.0).abs() < 1e-9);
}

#[test]
fn all_at_once_is_ours_and_known_gaps_are_nothing() {
    let mut dice = ChaCha8Rng::seed_from_u64(6);
    let fall = |day: usize| if day == 50 { 0.2 } else { 1.0 };
    let counts: Vec<Vec<u64>> = (0..8).map(|_| noisy(&mut dice, 60, 100.0, fall)).collect();
    let mut known = grid(60, 86_400);
    let found = find(&known, &counts);
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|outage| outage.cause == Cause::Ours));
    known.coverage[50] = 0.2;
    assert_eq!(find(&known, &counts), []);
}

#[test]
fn partial_coverage_is_taken_into_account() {
    let mut dice = ChaCha8Rng::seed_from_u64(8);
    // Three quarters of the network see 48 of 100: a fall to 64, which is not yet an outage.
    let fall = |day: usize| if day >= 40 { 0.48 } else { 1.0 };
    let counts: Vec<Vec<u64>> = (0..8).map(|_| noisy(&mut dice, 60, 4_000.0, fall)).collect();
    let mut partial = grid(60, 86_400);
    partial.coverage[40..].fill(0.75);
    assert_eq!(find(&partial, &counts), []);
}

#[test]
fn an_outage_does_not_become_the_usual() {
    let mut dice = ChaCha8Rng::seed_from_u64(12);
    let level = |day: usize| {
        if (30..42).contains(&day) || (44..52).contains(&day) {
            0.1
        } else {
            1.0
        }
    };
    let sources = noisy(&mut dice, 60, 300.0, level);
    let region = Region {
        region: "IR",
        sources: &sources,
    };
    let found = outages(&grid(60, 86_400), &[region]).unwrap();
    let ends: Vec<(i64, End)> = found.iter().map(|outage| (outage.begin_secs / DAY, outage.end)).collect();
    assert_eq!(ends, [(30, End::Back(42 * DAY)), (44, End::Back(52 * DAY))]);
}

#[test]
fn few_regions_open_and_lasting() {
    let mut dice = ChaCha8Rng::seed_from_u64(9);
    for (from, days, expected) in [(50, 60, End::Open), (40, 90, End::Lasting)] {
        let counts = noisy(&mut dice, days, 100.0, |day| if day >= from { 0.2 } else { 1.0 });
        let regions = [Region {
            region: "IR",
            sources: &counts,
        }];
        let found = outages(&grid(days, 86_400), &regions).unwrap();
        let ends: Vec<(i64, End)> = found.iter().map(|outage| (outage.begin_secs / DAY, outage.end)).collect();
        assert_eq!(ends, [(i64::try_from(from).unwrap(), expected)]);
        assert_eq!(found[0].cause, Cause::Undecided);
    }
}

/// The history thins out while a region is down; it must come back to being judged all the same.
#[test]
fn a_lasting_fall_with_gaps_is_followed_by_a_second_one() {
    let mut dice = ChaCha8Rng::seed_from_u64(11);
    let level = |day: usize| match day {
        0..30 => 1.0,
        70..72 => 0.02,
        _ => 0.2,
    };
    let sources = noisy(&mut dice, 80, 500.0, level);
    let mut gaps = grid(80, 86_400);
    for day in [10, 20, 25, 33, 40] {
        gaps.coverage[day] = 0.1;
    }
    let found = outages(
        &gaps,
        &[Region {
            region: "IR",
            sources: &sources,
        }],
    )
    .unwrap();
    let ends: Vec<(i64, End)> = found.iter().map(|outage| (outage.begin_secs / DAY, outage.end)).collect();
    assert_eq!(ends, [(30, End::Lasting), (70, End::Back(72 * DAY))]);
}

#[test]
fn hostile_input() {
    let counts = vec![0_u64; 30];
    let regions = [Region {
        region: "IR",
        sources: &counts,
    }];
    for coverage in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        let mut bad = grid(30, 86_400);
        bad.coverage[3] = coverage;
        assert!(outages(&bad, &regions).is_err(), "{coverage}");
    }
    for step_secs in [0, 7, 86_401, u32::MAX] {
        assert!(outages(&grid(30, step_secs), &regions).is_err(), "{step_secs}");
    }
    assert!(outages(&grid(29, 86_400), &regions).is_err());
    assert_eq!(outages(&grid(30, 86_400), &regions).unwrap(), []);
    assert_eq!(outages(&grid(0, 86_400), &[]).unwrap(), []);
    let mut huge = vec![u64::MAX; 30];
    huge[29] = 0;
    let mut far = grid(30, 86_400);
    far.first_secs = i64::MAX;
    let regions = [Region {
        region: "",
        sources: &huge,
    }];
    let found = outages(&far, &regions).unwrap();
    assert_eq!((found.len(), found[0].begin_secs, found[0].end), (1, i64::MAX, End::Open));
    assert!(found[0].score.is_finite());
}
