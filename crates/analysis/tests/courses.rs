//! Courses found in series whose course is known, and what must not be found in noise.

#![allow(clippy::unwrap_used, reason = "what a test makes itself is sound")]

use hirundo_analysis::Day;
use hirundo_analysis::course::{self, Options, courses, courses_seen, crossings};
use hirundo_analysis::crowd::Seen;
use hirundo_analysis::exposure;
use hirundo_analysis::finding::{Course, Finding, Measure, Subject, Trend};
use hirundo_analysis::series::{Counts, Coverage, Series};
use hirundo_analysis::surge::{Thresholds, expected_false_alarms};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Gamma, Normal, Poisson};

/// First day of every series here, a Saturday; the period begins 90 days later.
const FIRST: Day = 19_000;
const START: Day = FIRST + 90;
const DAYS: i32 = 180;
const PERIOD: (Day, Day) = (START, FIRST + DAYS - 1);

/// A count with this mean and `dispersion` times Poisson's variance.
fn count(mean: f64, dispersion: f64, dice: &mut ChaCha8Rng) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    if dispersion < 1.0 {
        let deviation = (dispersion * mean).sqrt();
        return Normal::new(mean, deviation).unwrap().sample(dice).round().max(0.0);
    }
    let rate = if dispersion > 1.0 {
        Gamma::new(mean / (dispersion - 1.0), dispersion - 1.0).unwrap().sample(dice)
    } else {
        mean
    };
    if rate > 0.0 {
        Poisson::new(rate).unwrap().sample(dice)
    } else {
        0.0
    }
}

fn bare(subject: Subject, rates: Vec<Option<f64>>) -> Series {
    Series {
        subject,
        measure: Measure::Packets,
        first: FIRST,
        counts: rates.iter().map(|rate| rate.unwrap_or(0.0)).collect(),
        exposure: rates.iter().map(|rate| f64::from(u8::from(rate.is_some()))).collect(),
        rates,
        squares: Vec::new(),
    }
}

/// A series around `level` (by day, 0 is the first of the period).
fn noisy(level: impl Fn(i32) -> f64, dispersion: f64, seed: u64) -> Series {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let rates = (0..DAYS).map(|day| Some(count(level(day - 90), dispersion, &mut dice))).collect();
    bare(Subject::Total, rates)
}

/// Level `low` before `from`, `high` after `to`, a straight line between.
fn ramp(from: i32, to: i32, low: f64, high: f64) -> impl Fn(i32) -> f64 {
    move |day| low + (high - low) * f64::from((day - from).clamp(0, to - from)) / f64::from(to - from)
}

fn told(series: &Series) -> Vec<Finding> {
    courses(series, PERIOD, &Options::default())
}

fn near(day: Day, expected: i32, slack: i32) -> bool {
    (day - START - expected).abs() <= slack
}

/// Runs `check` on the findings of twenty seeds of one level and asserts that it holds for at least `least` of them.
fn check(name: &str, least: usize, dispersion: f64, level: impl Fn(i32) -> f64, holds: impl Fn(&[Finding]) -> bool) {
    let mut misses = Vec::new();
    for seed in 0..20 {
        let found = told(&noisy(&level, dispersion, seed));
        if !holds(&found) {
            misses.push((seed, found.into_iter().map(|finding| finding.course).collect::<Vec<_>>()));
        }
    }
    assert!(
        20 - misses.len() >= least,
        "{name}: {} of 20 missed, such as {:?}",
        misses.len(),
        &misses[..misses.len().min(3)]
    );
}

fn trends(findings: &[Finding]) -> Vec<&Trend> {
    findings
        .iter()
        .filter_map(|finding| match &finding.course {
            Course::Trend(trend) => Some(trend),
            Course::Jump(_)
            | Course::Bulge { .. }
            | Course::Swing { .. }
            | Course::Surge { .. }
            | Course::Appear { .. }
            | Course::Cross { .. }
            | Course::Growth { .. }
            | Course::Steady { .. } => None,
        })
        .collect()
}

fn is(findings: &[Finding], kind: &str) -> bool {
    findings.iter().any(|finding| finding.course.slug() == kind)
}

#[test]
fn a_ramp_is_one_trend_with_its_days_and_factor() {
    check("up", 19, 2.0, ramp(20, 50, 400.0, 800.0), |found| {
        let trends = trends(found);
        trends.len() == 1
            && near(trends[0].from, 20, 4)
            && near(trends[0].to, 56, 5)
            && (trends[0].factor / 2.0 - 1.0).abs() < 0.1
            && !trends[0].open
    });
    check("down and open", 19, 2.0, ramp(10, 89, 900.0, 450.0), |found| {
        let trends = trends(found);
        trends.len() == 1 && near(trends[0].from, 10, 8) && trends[0].open && (0.48..0.6).contains(&trends[0].factor)
    });
    check("from before the period", 19, 2.0, ramp(-15, 10, 400.0, 800.0), |found| {
        let trends = trends(found);
        trends.len() == 1 && near(trends[0].from, -15, 4) && (trends[0].factor / 2.0 - 1.0).abs() < 0.1
    });
    check(
        "slow, then steep",
        18,
        1.0,
        |day| ramp(10, 50, 200.0, 300.0)(day) + ramp(50, 89, 0.0, 500.0)(day),
        |found| {
            let trends = trends(found);
            trends.len() == 1 && near(trends[0].from, 10, 8) && trends[0].steeper_from.is_some_and(|day| near(day, 50, 5))
        },
    );
}

#[test]
fn the_interval_of_a_factor_holds_what_it_says() {
    let mut held = 0;
    let mut all = 0;
    for seed in 0..200 {
        for trend in trends(&told(&noisy(ramp(20, 50, 400.0, 800.0), 2.0, seed))) {
            all += 1;
            held += usize::from((trend.factor_low..=trend.factor_high).contains(&2.0));
        }
    }
    assert!(all >= 195 && held * 100 >= 88 * all, "{held} of {all}");
}

#[test]
fn a_step_is_a_jump() {
    let step = |day: i32| if day >= 30 { 300.0 } else { 150.0 };
    check("up", 19, 2.0, step, |found| {
        found.iter().any(
            |finding| matches!(&finding.course, Course::Jump(jump) if near(jump.from, 30, 1) && (jump.factor / 2.0 - 1.0).abs() < 0.18),
        ) && trends(found).is_empty()
            && !is(found, "surge")
    });
    // Five days before the end it is a jump as well.
    check(
        "late",
        18,
        2.0,
        |day| if day >= 85 { 900.0 } else { 300.0 },
        |found| {
            found
                .iter()
                .any(|finding| matches!(&finding.course, Course::Jump(jump) if near(jump.from, 85, 1)))
                && !is(found, "surge")
        },
    );
}

#[test]
fn up_and_back_is_a_bulge() {
    let hill = |day: i32| 300.0 + ramp(10, 16, 0.0, 300.0)(day) - ramp(36, 42, 0.0, 300.0)(day);
    check("hill", 19, 2.0, hill, |found| {
        found.iter().any(|finding| {
            matches!(finding.course, Course::Bulge { from, to, factor, .. } if near(from, 11, 3) && near(to, 41, 3) && (factor / 2.0 - 1.0).abs() < 0.15)
        }) && trends(found).is_empty()
    });
    let block = |day: i32| if (20..30).contains(&day) { 450.0 } else { 300.0 };
    check("block", 19, 2.0, block, |found| {
        found
            .iter()
            .any(|finding| matches!(finding.course, Course::Bulge { from, to, .. } if near(from, 20, 2) && near(to, 29, 2)))
            && !is(found, "surge")
    });
    check(
        "dip",
        19,
        2.0,
        |day| 600.0 - hill(day) / 2.0,
        |found| {
            found
                .iter()
                .any(|finding| matches!(finding.course, Course::Bulge { factor, .. } if factor < 0.85))
        },
    );
}

#[test]
fn weekly_waves_of_two_months_are_a_swing_and_no_trends() {
    let wave = |day: i32| {
        500.0
            + if (10..66).contains(&day) {
                150.0 * (f64::from(day - 10) / 7.0 * std::f64::consts::TAU).sin()
            } else {
                0.0
            }
    };
    check("waves", 19, 2.0, wave, |found| {
        found
            .iter()
            .any(|finding| matches!(finding.course, Course::Swing { from, to, turns, .. } if near(from, 10, 7) && near(to, 65, 7) && turns >= 10))
            && trends(found).is_empty()
            && !is(found, "bulge")
    });
    // A trend may go on under a swing.
    check(
        "waves on a ramp",
        18,
        2.0,
        |day| wave(day) + ramp(30, 89, 0.0, 300.0)(day),
        |found| is(found, "swing") && trends(found).iter().any(|trend| trend.factor > 1.3 && near(trend.from, 30, 10)),
    );
}

#[test]
fn a_rhythm_of_the_week_is_nothing() {
    let weekend = |day: i32| if (day + 90).rem_euclid(7) < 2 { 350.0 } else { 550.0 };
    check("weekend", 20, 2.0, weekend, |found| found.len() == 1 && is(found, "steady"));
}

#[test]
fn a_spike_is_a_surge_and_an_outlier_in_a_trend_leaves_the_trend() {
    let spike = |day: i32| if day == 40 { 900.0 } else { 200.0 };
    check("spike", 20, 2.0, spike, |found| {
        matches!(found, [Finding { course: Course::Surge { from, to, factor: Some(factor), seconded: true, .. }, .. }]
            if near(*from, 40, 0) && near(*to, 40, 0) && *factor > 3.5)
    });
    check(
        "fall",
        20,
        2.0,
        |day| if (40..42).contains(&day) { 20.0 } else { 200.0 },
        |found| {
            matches!(found, [Finding { course: Course::Surge { from, to, factor: Some(factor), .. }, .. }]
            if near(*from, 40, 0) && near(*to, 41, 0) && *factor < 0.3)
        },
    );
    check(
        "on a ramp",
        19,
        2.0,
        |day| ramp(20, 50, 400.0, 800.0)(day) + if day == 60 { 3000.0 } else { 0.0 },
        |found| trends(found).len() == 1 && near(trends(found)[0].from, 20, 4) && is(found, "surge"),
    );
}

#[test]
fn a_new_port_appears_once() {
    let growth = |day: i32| if day < 30 { 0.02 } else { (4.0 * 1.4f64.powi(day - 30)).min(300.0) };
    check("worm", 20, 1.5, growth, |found| {
        found
            .iter()
            .any(|finding| matches!(finding.course, Course::Appear { from, to, .. } if near(from, 30, 1) && near(to, 89, 0)))
            && found.len() == 1
    });
    check(
        "three days",
        20,
        1.5,
        |day| if (30..33).contains(&day) { 500.0 } else { 0.02 },
        |found| {
            !is(found, "appear")
                && found
                    .iter()
                    .any(|finding| matches!(finding.course, Course::Surge { from, to, .. } if near(from, 30, 0) && near(to, 32, 0)))
        },
    );
}

#[test]
fn flat_noise_gives_almost_no_findings() {
    let mut alarms = Vec::new();
    for seed in 0..1000 {
        let level = [3.0, 20.0, 150.0, 2000.0, 50.0][usize::try_from(seed % 5).unwrap()];
        // Up to half the level and more as standard deviation of a day.
        let most = if level < 100.0 { 5.0 } else { 20.0 };
        let dispersion = f64::min(most, [1.0, 2.0, 5.0, 20.0][usize::try_from(seed / 5 % 4).unwrap()]);
        let found = told(&noisy(|_| level, dispersion, 7000 + seed));
        if found.iter().any(|finding| finding.course.slug() != "steady") {
            alarms.push((level, dispersion, found[0].course.clone()));
        }
    }
    assert!(
        alarms.len() <= 10,
        "{} of 1000: {:?}",
        alarms.len(),
        &alarms[..alarms.len().min(12)]
    );
}

#[test]
fn noise_that_remembers_for_days_gives_few_findings() {
    let mut alarms = Vec::new();
    for seed in 0..300 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut state = 0.0f64;
        let rates = (0..DAYS).map(|_| {
            let shock = count(10_000.0, 1.0, &mut dice) / 100.0 - 100.0;
            state = 0.7 * state + 0.05 * shock;
            Some(count(500.0 * state.exp(), 1.0, &mut dice))
        });
        let found = told(&bare(Subject::Total, rates.collect()));
        if found.iter().any(|finding| finding.course.slug() != "steady") {
            alarms.push(found[0].course.clone());
        }
    }
    assert!(alarms.len() <= 30, "{} of 300: {:?}", alarms.len(), &alarms[..alarms.len().min(12)]);
}

#[test]
fn false_alarms_are_as_many_as_expected() {
    let loose = Thresholds {
        ranges: 1.5,
        deviations: 2.5,
        count_min: 5.0,
        part_min: 0.05,
        ..Thresholds::default()
    };
    let options = Options {
        // No trends, so that nothing hides a surge.
        rate_min: f64::INFINITY,
        thresholds: loose,
        ..Options::default()
    };
    for (level, dispersion) in [(30.0, 1.0), (100.0, 3.0), (1000.0, 10.0)] {
        let series: Vec<Series> = (0..300).map(|seed| noisy(|_| level, dispersion, 90_000 + seed)).collect();
        let whole = (FIRST, FIRST + DAYS - 1);
        let expected = expected_false_alarms(&series, whole, &loose);
        let found = series.iter().flat_map(|series| courses(series, whole, &options));
        let alarms = found.filter(|finding| finding.course.slug() == "surge").count() as f64;
        assert!(
            (0.6..1.6).contains(&(alarms / expected)),
            "{level} {dispersion}: {alarms} found, {expected} expected"
        );
    }
}

#[test]
fn an_outage_of_half_the_sensors_is_not_told() {
    for seed in 0..50 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let down = |sensor: usize, day: i32| sensor < 5 && (120..135).contains(&day);
        let up: Vec<Vec<f64>> = (0..10)
            .map(|sensor| (0..DAYS).map(|day| f64::from(u8::from(!down(sensor, day)))).collect())
            .collect();
        let share = |sensor: usize| [0.2, 0.05, 0.1, 0.1, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1][sensor];
        let rows = (0..10).map(|sensor| {
            let day = |day: i32| {
                if down(sensor, day) {
                    0.0
                } else {
                    count(300.0 * share(sensor), 1.5, &mut dice)
                }
            };
            (0..DAYS).map(day).collect()
        });
        let counts = Counts {
            subject: Subject::Total,
            measure: Measure::Packets,
            counts: rows.collect(),
            pairs: Vec::new(),
        };
        let coverage = Coverage { first: FIRST, up };
        let shares = exposure::usual_shares(&coverage, &counts, None);
        let found = told(&exposure::series(&coverage, &counts, &shares));
        assert!(found.len() == 1 && is(&found, "steady"), "seed {seed}: {found:?}");
    }
}

#[test]
fn gaps_and_zeros_are_no_movements() {
    for seed in 0..50 {
        let mut gaps = noisy(|_| 400.0, 2.0, seed);
        for day in (100..112).chain([140, 141, 150]) {
            (gaps.rates[day], gaps.counts[day], gaps.exposure[day]) = (None, 0.0, 0.0);
        }
        assert!(is(&told(&gaps), "steady"), "seed {seed}");
        let found = told(&noisy(|_| 0.3, 1.0, seed));
        assert!(found.len() == 1 && is(&found, "steady"), "seed {seed}: {found:?}");
    }
    let zeros = told(&bare(Subject::Total, vec![Some(0.0); 180]));
    assert_eq!(zeros.len(), 1);
    assert!(is(&zeros, "steady"));
    assert!(told(&bare(Subject::Total, vec![None; 180])).is_empty());
}

#[test]
fn a_crossing_for_good_is_told_and_a_touch_is_not() {
    let region = |code: &str, level: &dyn Fn(i32) -> f64, seed: u64| Series {
        subject: Subject::Region(code.to_owned()),
        ..noisy(level, 2.0, seed)
    };
    for seed in 0..20 {
        let series = [
            region("RU", &ramp(20, 40, 900.0, 1400.0), seed),
            region("CN", &|_| 1100.0, 100 + seed),
            region("KR", &|_| 1080.0, 200 + seed),
            region("BR", &|day| if (20..50).contains(&day) { 1500.0 } else { 800.0 }, 300 + seed),
        ];
        let found = crossings(&series, PERIOD, &Options::default());
        let passes = |above: &str, below: &str| {
            found
                .iter()
                .filter(|finding| finding.subject == Subject::Region(above.to_owned()))
                .find_map(|finding| match &finding.course {
                    Course::Cross { other, day } if *other == Subject::Region(below.to_owned()) => Some(*day),
                    Course::Cross { .. }
                    | Course::Trend(_)
                    | Course::Jump(_)
                    | Course::Bulge { .. }
                    | Course::Swing { .. }
                    | Course::Surge { .. }
                    | Course::Appear { .. }
                    | Course::Growth { .. }
                    | Course::Steady { .. } => None,
                })
        };
        let day = passes("RU", "CN").unwrap_or_else(|| panic!("seed {seed}: {found:?}"));
        // The line reaches 1100 on day 28, its 7-day mean three days later; the means' noise is a day of its slope.
        assert!(near(day, 31, 4), "seed {seed}: {}", day - START);
        assert!(
            passes("CN", "RU").is_none() && passes("BR", "CN").is_none() && passes("CN", "KR").is_none() && passes("KR", "CN").is_none()
        );
    }
}

#[test]
fn hostile_series_are_bounded_and_do_not_panic() {
    let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e308, 5.0, f64::MIN_POSITIVE];
    let rates: Vec<Option<f64>> = (0..DAYS)
        .map(|day| (day % 11 != 0).then(|| wild[usize::try_from(day * 7 % 8).unwrap()]))
        .collect();
    let mut cases = vec![
        bare(Subject::Total, rates),
        bare(Subject::Total, vec![]),
        bare(Subject::Total, vec![Some(5.0)]),
        bare(Subject::Total, vec![Some(1e14); 180]),
        bare(Subject::Total, (0..180).map(|day| Some(f64::from(day % 2) * 1e14)).collect()),
        bare(Subject::Total, (0..1_000_000).map(|day| Some(f64::from(day % 100))).collect()),
    ];
    // Lists of different lengths.
    cases.push(Series {
        exposure: vec![f64::NAN],
        counts: vec![],
        ..noisy(|_| 50.0, 1.0, 1)
    });
    for first in [FIRST, Day::MAX - 10, Day::MIN] {
        for case in &mut cases {
            case.first = first;
            for period in [
                PERIOD,
                (first, first.saturating_add(1_000_000)),
                (Day::MIN, Day::MAX),
                (5, 4),
                (FIRST, FIRST),
            ] {
                for finding in courses(case, period, &Options::default()) {
                    assert!(finding.surprise.is_finite() && finding.surprise >= 0.0);
                    let text = serde_json::to_string(&finding).unwrap();
                    // JSON has no infinity: serde_json writes null, which only an absent factor may be.
                    assert!(
                        !text.replace("\"factor\":null", "").contains("\":null") || text.contains("_percent\":null"),
                        "{text}"
                    );
                }
            }
        }
        assert!(crossings(&cases, PERIOD, &Options::default()).len() < cases.len() * cases.len());
        assert!(expected_false_alarms(&cases, PERIOD, &Thresholds::default()).is_finite());
    }
}

#[test]
fn names_are_the_same_in_every_run_and_say_what_they_are() {
    let series = noisy(ramp(20, 50, 400.0, 800.0), 1.0, 3);
    let (one, other) = (told(&series), told(&series));
    assert_eq!(one, other);
    let trend = one.iter().find(|finding| finding.course.slug() == "trend").unwrap();
    assert!(trend.id.starts_with("total.packets.trend.2022-"), "{}", trend.id);
    assert!(one.windows(2).all(|pair| pair[0].surprise >= pair[1].surprise));
}

/// First day, last day and direction of what a finding says of the level; `None` where it says nothing of it.
fn span(finding: &Finding) -> Option<(Day, Day, bool)> {
    match &finding.course {
        Course::Trend(trend) => Some((trend.from, trend.to, trend.factor > 1.0)),
        Course::Jump(jump) => Some((jump.from, jump.from, jump.factor > 1.0)),
        Course::Bulge { .. }
        | Course::Swing { .. }
        | Course::Surge { .. }
        | Course::Appear { .. }
        | Course::Cross { .. }
        | Course::Growth { .. }
        | Course::Steady { .. } => None,
    }
}

#[test]
fn findings_of_one_series_never_contradict_each_other() {
    for seed in 0..400 {
        let mut dice = ChaCha8Rng::seed_from_u64(50_000 + seed);
        let mut uniform = |low: f64, high: f64| low + (high - low) * count(500.0, 200.0, &mut dice).min(1000.0) / 1000.0;
        // Levels at random days with lines or steps between, sometimes a spike.
        let mut knots: Vec<(f64, f64)> = (0..6).map(|_| (uniform(-90.0, 90.0), uniform(50.0, 600.0))).collect();
        knots.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (spike, steps) = (uniform(-90.0, 90.0).round(), seed % 3 == 0);
        let level = |day: i32| {
            let day = f64::from(day);
            let after = knots.partition_point(|knot| knot.0 <= day);
            let base = match (after.checked_sub(1).map(|left| knots[left]), knots.get(after)) {
                (Some(left), Some(right)) if !steps => left.1 + (right.1 - left.1) * (day - left.0) / (right.0 - left.0),
                (Some(left), _) => left.1,
                (None, Some(right)) => right.1,
                (None, None) => 0.0,
            };
            if (day - spike).abs() < 0.5 && seed % 4 == 0 {
                base * 6.0
            } else {
                base
            }
        };
        let found = told(&noisy(level, 2.0, seed));
        let mut names: Vec<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), found.len(), "seed {seed}: {found:?}");
        assert!(!found.is_empty() && (found.len() == 1 || !is(&found, "steady")), "seed {seed}");
        for (nth, one) in found.iter().enumerate() {
            if let Course::Trend(trend) | Course::Jump(trend) = &one.course {
                assert!(
                    trend.from <= trend.to && trend.factor_low <= trend.factor && trend.factor <= trend.factor_high,
                    "seed {seed}: {one:?}"
                );
                assert!(
                    trend.steeper_from.is_none_or(|day| trend.from <= day && day <= trend.to),
                    "seed {seed}: {one:?}"
                );
                assert!(trend.to >= START && trend.to <= PERIOD.1, "seed {seed}: {one:?}");
            }
            for other in &found[nth + 1..] {
                let (Some((from, to, up)), Some((other_from, other_to, other_up))) = (span(one), span(other)) else {
                    continue;
                };
                let shared = to.min(other_to) - from.max(other_from);
                assert!(up == other_up || shared <= 1, "seed {seed}: {one:?} {other:?}");
            }
        }
    }
}

#[test]
fn a_slight_drift_before_a_fall_leaves_its_begin_where_it_is() {
    // A drift of two per cent in a quarter would not be told; the fall loses two per cent a day.
    let level = |day: i32| {
        if day < 20 {
            1060.0 - 0.3 * f64::from(day - 20)
        } else {
            ramp(20, 39, 1060.0, 640.0)(day)
        }
    };
    check("drift and fall", 20, 0.3, level, |found| {
        let trends = trends(found);
        trends.len() == 1 && near(trends[0].from, 20, 3) && near(trends[0].to, 45, 3)
    });
}

#[test]
fn a_decline_that_goes_on_is_told_from_the_first_day_of_the_period() {
    // It falls by 1.5 a day before the period and by 3.4 in it: the bend's day is known to some days only.
    let bent = |at: i32| move |day: i32| 1440.0 - if day < at { 1.5 } else { 3.4 } * f64::from(day - at);
    check("bend at the first day", 20, 0.25, bent(0), |found| {
        let trends = trends(found);
        trends.len() == 1 && trends[0].from == START && trends[0].open && (trends[0].factor - 0.79).abs() < 0.03
    });
    // A bend well inside the period keeps its day.
    check("bend inside", 19, 0.25, bent(35), |found| {
        let steeper = trends(found).into_iter().filter_map(|trend| trend.steeper_from).next();
        steeper.is_some_and(|day| near(day, 35, 10))
    });
}

#[test]
fn a_count_within_poissons_noise_is_no_surge_however_regular_the_weeks_before_were() {
    let regular = |extra: f64| {
        let rates = (0..DAYS).map(|day| Some(25.0 + f64::from(day % 2) + if day == 130 { extra } else { 0.0 }));
        told(&bare(Subject::Total, rates.collect()))
    };
    assert!(!is(&regular(10.0), "surge"), "{:?}", regular(10.0));
    assert!(is(&regular(40.0), "surge"));
    // Half of the sensors saw fourteen where seven or eight were due.
    let thin = |seen: f64| {
        let mut series = bare(Subject::Total, (0..DAYS).map(|day| Some(15.0 + f64::from(day % 2))).collect());
        for day in 120..130 {
            (series.exposure[day], series.rates[day]) = (0.5, Some(15.0));
        }
        (series.counts[125], series.rates[125]) = (seen, Some(seen / 0.5));
        told(&series)
    };
    assert!(!is(&thin(14.0), "surge"), "{:?}", thin(14.0));
    assert!(is(&thin(60.0), "surge"));
}

/// Days of a network: each source with its rate and the days (0 is the first of the period) on which it is there.
fn network(sources: &[(f64, std::ops::Range<i32>)], seed: u64) -> Series {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut series = bare(Subject::Network(64_500), vec![Some(0.0); 180]);
    series.squares = vec![0.0; 180];
    for (rate, days) in sources {
        for (at, _) in (-90..90).enumerate().filter(|(_, day)| days.contains(day)) {
            let sent = count(*rate, 1.0, &mut dice);
            series.rates[at] = series.rates[at].map(|rate| rate + sent);
            series.squares[at] += sent * (sent - 1.0);
        }
    }
    series.counts = series.rates.iter().map(|rate| rate.unwrap_or(0.0)).collect();
    series
}

#[test]
fn a_heavy_source_that_comes_and_goes_is_no_course_of_its_network() {
    let base = || vec![(8.0, -90..90); 10];
    for seed in 0..20 {
        for days in [20..50, 40..90, 30..31] {
            let mut sources = base();
            sources.push((300.0, days));
            let found = told(&network(&sources, seed));
            assert!(found.len() == 1 && is(&found, "steady"), "seed {seed}: {found:?}");
        }
        // The same of forty sources is.
        let mut sources = base();
        sources.extend(vec![(8.0, 20..50); 40]);
        let found = told(&network(&sources, seed));
        assert!(is(&found, "bulge"), "seed {seed}: {found:?}");
        // And where single sources are not known, the heavy one's days are as well.
        let mut sources = base();
        sources.push((300.0, 20..50));
        let found = told(&Series {
            squares: Vec::new(),
            ..network(&sources, seed)
        });
        assert!(is(&found, "bulge"), "seed {seed}: {found:?}");
    }
}

#[test]
fn sources_that_come_and_go_give_almost_no_findings() {
    let mut alarms = 0;
    for seed in 0..200 {
        let mut dice = ChaCha8Rng::seed_from_u64(900_000 + seed);
        // Thirty places, each held for about two weeks, with Pareto's rates of exponent 4/3.
        let mut sources = Vec::new();
        for place in 0..30 {
            let mut day = -90 - place % 14;
            while day < 90 {
                let uniform = (count(1000.0, 300.0, &mut dice) / 3000.0).clamp(0.001, 0.999);
                let lease = 7 + i32::try_from(seed).unwrap() * 7 % 14;
                sources.push((2.0 * uniform.powf(-0.75), day..day + lease));
                day += lease;
            }
        }
        let found = told(&network(&sources, seed));
        alarms += found.iter().filter(|finding| finding.course.slug() != "steady").count();
    }
    assert!(alarms <= 4, "{alarms} findings in 200 networks");
}

#[test]
fn an_outage_is_no_fall_of_what_was_sent_to_one_sensor() {
    let seen = |down: std::ops::Range<i32>, rate: &dyn Fn(usize, i32) -> f64, seed: u64| {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let is_down = |sensor: usize, day: i32| sensor == 0 && down.contains(&day);
        let up: Vec<Vec<f64>> = (0..4)
            .map(|sensor| (-90..90).map(|day| f64::from(u8::from(!is_down(sensor, day)))).collect())
            .collect();
        let counts = (0..4).map(|sensor| {
            let of_day = |day: i32| {
                if is_down(sensor, day) {
                    0.0
                } else {
                    count(rate(sensor, day), 1.0, &mut dice)
                }
            };
            (-90..90).map(of_day).collect()
        });
        let counts = Counts {
            subject: Subject::Total,
            measure: Measure::Packets,
            counts: counts.collect(),
            pairs: Vec::new(),
        };
        let coverage = Coverage { first: FIRST, up };
        // One source sends to the first sensor and, in other months, to the others: the usual shares know it not.
        let series = exposure::series(&coverage, &counts, &[0.25; 4]);
        let seen = Seen {
            coverage: &coverage,
            counts: &counts,
        };
        (
            courses(&series, PERIOD, &Options::default()),
            courses_seen(&series, Some(&seen), PERIOD, &Options::default()),
        )
    };
    let mut without = 0;
    for seed in 0..20 {
        let one_sensor = |sensor: usize, _: i32| if sensor == 0 { 60.0 } else { 2.0 };
        for days in [20..21, 20..35, 20..60, 60..90] {
            let (told, checked) = seen(days, &one_sensor, seed);
            without += usize::from(!is(&told, "steady"));
            assert!(checked.len() == 1 && is(&checked, "steady"), "seed {seed}: {checked:?}");
        }
        // What the other sensors see as well is told.
        let all = |_: usize, day: i32| if (20..45).contains(&day) { 20.0 } else { 60.0 };
        let (_, checked) = seen(25..40, &all, seed);
        assert!(
            checked
                .iter()
                .any(|finding| matches!(finding.course, Course::Bulge { factor, .. } if factor < 0.5)),
            "seed {seed}: {checked:?}"
        );
    }
    assert!(without >= 60, "the outage must be one that looks like a fall: {without} of 80");
}

#[test]
fn false_alarms_are_expected_of_the_period_and_of_rare_subjects_too() {
    let options = Options::default();
    let series: Vec<Series> = (0..20).map(|seed| noisy(|_| 40.0, 5.0, seed)).collect();
    let whole = expected_false_alarms(&series, (FIRST, FIRST + DAYS - 1), &options.thresholds);
    let period = expected_false_alarms(&series, PERIOD, &options.thresholds);
    assert!(
        period > 0.0 && (0.4..0.7).contains(&(period / whole)),
        "{period} in the period, {whole} in all days"
    );
    // Most days nothing, then many packets at once: the median is nought and says nothing.
    let rare: Vec<Series> = (0..20).map(|seed| noisy(|_| 2.5, 15.0, seed)).collect();
    assert!(expected_false_alarms(&rare, PERIOD, &options.thresholds) > 1.0);
    // Where single sources are known a surge must stand out of them too.
    let known = |series: &Series| Series {
        squares: vec![400.0; 180],
        ..series.clone()
    };
    let known: Vec<Series> = rare.iter().map(known).collect();
    assert!(expected_false_alarms(&known, PERIOD, &options.thresholds) < 0.2);
    // Other courses are expected of every series that is fitted, and of those alone.
    let all = |series: &[Series]| course::expected_false_alarms(series, PERIOD, &options);
    let calm: Vec<Series> = (0..20).map(|seed| noisy(|_| 40.0, 1.0, seed)).collect();
    let surges = expected_false_alarms(&calm, PERIOD, &options.thresholds);
    assert!((all(&calm) - surges - 20.0 * course::MOVEMENT_CHANCE).abs() < 1e-9);
    assert!(all(&[bare(Subject::Total, vec![Some(0.5); 180])]) < 1e-6);
}

#[test]
fn few_sources_more_or_less_for_some_weeks_are_no_course() {
    // Forty sources, five of which stay away for three weeks; then four hundred, of which half do.
    for (all, away, is_told) in [(40.0, 5.0, false), (400.0, 200.0, true)] {
        let rates: Vec<f64> = (-90..90)
            .map(|day| if (20..41).contains(&day) { all - away } else { all })
            .collect();
        let counts = Counts {
            subject: Subject::Region("KR".to_owned()),
            measure: Measure::Sources,
            counts: vec![rates.clone(), rates],
            pairs: Vec::new(),
        };
        let coverage = Coverage {
            first: FIRST,
            up: vec![vec![1.0; 180]; 2],
        };
        let found = told(&exposure::series(&coverage, &counts, &[0.5, 0.5]));
        assert_eq!(is(&found, "bulge"), is_told, "{found:?}");
    }
}

#[test]
fn other_courses_are_as_rare_in_noise_as_expected() {
    let (mut found, mut series) = (0.0, 0.0);
    for (kind, level) in (0..).zip([2.5, 5.0, 12.0, 40.0, 150.0, 2000.0]) {
        for (sort, dispersion) in (0..).zip([0.1, 1.0, 2.0, 5.0, 15.0]) {
            for seed in 0..100 {
                let told = told(&noisy(|_| level, dispersion, 1_000_000 + 10_000 * kind + 1000 * sort + seed));
                let other = |finding: &&Finding| !matches!(finding.course.slug(), "steady" | "surge");
                found += told.iter().filter(other).count() as f64;
                series += 1.0;
            }
        }
    }
    let expected = course::MOVEMENT_CHANCE * series;
    assert!(found <= expected + 3.0 * expected.sqrt(), "{found} found, {expected} expected");
}

#[test]
fn growth_that_begins_slowly_is_told_from_about_its_first_days() {
    // Some days' growth is there before the straight line that fits best leaves the level.
    let level = |day: i32| {
        360.0
            + if day < 20 {
                0.0
            } else {
                (12.0 * 1.35f64.powi(day - 20)).min(420.0)
            }
    };
    check("growth by a third a day", 18, 0.25, level, |found| {
        trends(found).iter().any(|trend| near(trend.from, 20, 3) && trend.factor > 1.6)
    });
    // A straight rise keeps its day.
    check("straight", 20, 0.25, ramp(20, 39, 360.0, 780.0), |found| {
        trends(found).iter().any(|trend| near(trend.from, 20, 2))
    });
}

#[test]
fn a_calm_before_a_swing_is_no_part_of_it() {
    // Waves of a week on a level that they raise: the mean around the last calm days has part of the first wave.
    let wave = |day: i32| {
        let place = f64::from((day - 10).rem_euclid(7));
        1300.0
            + if (10..66).contains(&day) {
                40.0 + 430.0 * (place - 3.5).abs() / 3.5
            } else {
                0.0
            }
    };
    check("waves after a calm", 20, 0.4, wave, |found| {
        found
            .iter()
            .any(|finding| matches!(finding.course, Course::Swing { from, to, .. } if near(from, 10, 4) && near(to, 65, 4)))
    });
}
