//! Where an excess (or a lack) came from: who contributed, how much was the busiest source, how many sensors saw it.

use serde::Serialize;

use crate::finding::{Contribution, Origin, Subject};
use crate::invalid::{Invalid, within};

/// Contributions told of each dimension (regions, networks, tools, ports). Our own choice.
pub const CONTRIBUTIONS_MAX: usize = 3;
/// Smaller shares are not told, per cent. Our own choice.
pub const PERCENT_MIN: f64 = 10.0;
/// Share of the excess above which one source is the whole story, per cent: most of it.
pub const ONE_SOURCE_PERCENT: f64 = 50.0;
/// Sensors that must have observed before "only one saw it" means anything. Our own choice.
pub const SENSORS_MIN: u32 = 3;
/// Standard errors (of a Poisson count) by which a sensor's count must have moved to have seen it.
pub const SENSOR_SCORE: f64 = 3.0;
/// And the part of the relative change of the whole that its own must be: a quarter. Our own choice.
pub const SENSOR_PART: f64 = 0.25;

/// A count in the days of a finding, and in the days before that it is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// In the days of the finding.
    pub now: u64,
    /// In the days before.
    pub before: u64,
}

/// What is known of a finding's days.
#[derive(Clone, Debug, Default)]
pub struct Evidence<'a> {
    /// All that the finding is about.
    pub total: Shift,
    /// Observed sensor-days of the finding divided by those before: 1 when both are as long and as well observed.
    pub scale: f64,
    /// Its parts, a list for each way to divide it: by region, by network, by tool, by port. Subjects within a list
    /// do not overlap; a list may hold the largest only.
    pub parts: &'a [Vec<(Subject, Shift)>],
    /// The source with most packets in the days of the finding; `None` unknown.
    pub busiest_source: Option<Shift>,
    /// Each sensor that observed in both; empty unknown.
    pub sensors: &'a [Shift],
}

/// Why a finding should not be told as something that the Internet did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Damping {
    /// One source's burst.
    OneSource {
        /// Its share of the excess, per cent.
        percent: f64,
    },
    /// Only one of the sensors saw it.
    OneSensor {
        /// Sensors that observed.
        observing: u32,
    },
}

/// Tells where the difference between now and before came from; for a fall the same of what is missing.
///
/// A part's share is its own difference, in the direction of the whole, divided by the difference of the whole or by
/// the sum of all such parts of its list, whichever is larger: where some parts grew and others shrank, shares of the
/// net difference would pass 100. A part that moved the other way is not told.
///
/// # Errors
/// When the scale is not a positive finite number.
pub fn origin(evidence: &Evidence<'_>) -> Result<Origin, Invalid> {
    within(
        "ratio of sensor-days",
        evidence.scale,
        f64::MIN_POSITIVE,
        f64::MAX,
        "positive and finite",
    )?;
    let scale = evidence.scale;
    let whole = difference(evidence.total, scale);
    let direction = if whole < 0.0 { -1.0 } else { 1.0 };
    let mut contributions: Vec<Contribution> = evidence
        .parts
        .iter()
        .flat_map(|parts| contributions(parts, scale, whole.abs(), direction))
        .collect();
    contributions.sort_by(|left, right| {
        right
            .percent
            .total_cmp(&left.percent)
            .then_with(|| left.subject.cmp(&right.subject))
    });
    let busiest_source_percent = evidence.busiest_source.filter(|_| whole != 0.0).map(|source| {
        let share = 100.0 * (difference(source, scale) * direction / whole.abs());
        share.clamp(0.0, 100.0)
    });
    Ok(Origin {
        contributions,
        busiest_source_percent,
        sensors: sensors(evidence, whole, direction),
    })
}

/// Why it should be damped, if it should: the source before the sensor, as the source is the better explanation.
#[must_use]
pub fn damping(origin: &Origin) -> Option<Damping> {
    if let Some(percent) = origin.busiest_source_percent.filter(|percent| *percent > ONE_SOURCE_PERCENT) {
        return Some(Damping::OneSource { percent });
    }
    match origin.sensors {
        Some((1, observing)) if observing >= SENSORS_MIN => Some(Damping::OneSensor { observing }),
        Some(_) | None => None,
    }
}

/// Whether it should be damped.
#[must_use]
pub fn damped(origin: &Origin) -> bool {
    damping(origin).is_some()
}

fn difference(shift: Shift, scale: f64) -> f64 {
    shift.now as f64 - expected(shift, scale)
}

/// Bounded, since a count near the largest times a hostile scale is infinite.
fn expected(shift: Shift, scale: f64) -> f64 {
    (shift.before as f64 * scale).min(f64::MAX / 1e6)
}

/// All divided by a million first, so that the sum of many largest numbers stays finite.
fn contributions(parts: &[(Subject, Shift)], scale: f64, whole: f64, direction: f64) -> Vec<Contribution> {
    let own = |shift: &Shift| (difference(*shift, scale) * direction).max(0.0);
    let gross: f64 = parts.iter().map(|(_, shift)| own(shift) / 1e6).sum::<f64>().max(whole / 1e6);
    if gross <= 0.0 {
        return Vec::new();
    }
    let mut contributions: Vec<Contribution> = parts
        .iter()
        .map(|(subject, shift)| Contribution {
            subject: subject.clone(),
            percent: (100.0 * (own(shift) / 1e6 / gross)).min(100.0),
        })
        .filter(|contribution| contribution.percent >= PERCENT_MIN)
        .collect();
    contributions.sort_by(|left, right| {
        right
            .percent
            .total_cmp(&left.percent)
            .then_with(|| left.subject.cmp(&right.subject))
    });
    contributions.truncate(CONTRIBUTIONS_MAX);
    contributions
}

fn sensors(evidence: &Evidence<'_>, whole: f64, direction: f64) -> Option<(u32, u32)> {
    let usual = expected(evidence.total, evidence.scale);
    let saw = evidence.sensors.iter().filter(|sensor| {
        let own_usual = expected(**sensor, evidence.scale);
        let moved = difference(**sensor, evidence.scale) * direction;
        // One is added, so that a single packet where there was none is not seen as something.
        let significant = moved > SENSOR_SCORE * (own_usual + 1.0).sqrt();
        significant && (usual <= 0.0 || moved >= SENSOR_PART * whole.abs() * (own_usual / usual))
    });
    let saw = u32::try_from(saw.count()).unwrap_or(u32::MAX);
    let observing = u32::try_from(evidence.sensors.len()).unwrap_or(u32::MAX);
    (observing > 0).then_some((saw, observing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(now: u64, before: u64) -> Shift {
        Shift { now, before }
    }

    fn region(name: &str, now: u64, before: u64) -> (Subject, Shift) {
        (Subject::Region(name.to_owned()), shift(now, before))
    }

    fn told(parts: &[Vec<(Subject, Shift)>], total: Shift, scale: f64) -> Vec<(String, String)> {
        let evidence = Evidence {
            total,
            scale,
            parts,
            ..Evidence::default()
        };
        let found = origin(&evidence).unwrap().contributions;
        found
            .iter()
            .map(|part| (part.subject.slug(), format!("{:.1}", part.percent)))
            .collect()
    }

    #[test]
    fn shares_of_the_excess() {
        let two = [vec![region("CN", 900, 100), region("US", 300, 100), region("JP", 100, 100)]];
        for (parts, total, scale, expected) in [
            (&two[..], shift(1_300, 300), 1.0, vec![("region-cn", "80.0"), ("region-us", "20.0")]),
            // The list is not all there is: shares are of the whole.
            (&two, shift(2_300, 300), 1.0, vec![("region-cn", "40.0"), ("region-us", "10.0")]),
            // Half as well observed before: a doubled count is no excess.
            (&two, shift(1_300, 300), 2.0, vec![("region-cn", "87.5"), ("region-us", "12.5")]),
            // One grows while another shrinks: of what grew, not of the net.
            (
                &[vec![region("CN", 200, 100), region("US", 10, 100)]],
                shift(210, 200),
                1.0,
                vec![("region-cn", "100.0")],
            ),
            // A fall: of what is missing.
            (
                &[vec![region("IR", 10, 100), region("IL", 70, 100), region("CN", 200, 100)]],
                shift(280, 300),
                1.0,
                vec![("region-ir", "75.0"), ("region-il", "25.0")],
            ),
            (&[vec![region("CN", 5, 5)]], shift(5, 5), 1.0, vec![]),
            (&[], shift(9, 1), 1.0, vec![]),
        ] {
            let expected: Vec<(String, String)> = expected
                .into_iter()
                .map(|(name, percent): (&str, &str)| (name.to_owned(), percent.to_owned()))
                .collect();
            assert_eq!(told(parts, total, scale), expected, "{total:?} {scale}");
        }
    }

    #[test]
    fn several_dimensions_are_sorted_together_and_bounded() {
        let regions: Vec<_> = (0..8).map(|number| region(&format!("R{number}"), 125, 0)).collect();
        let networks = vec![(Subject::Network(64_500), shift(700, 0))];
        let names: Vec<String> = told(&[regions, networks], shift(1_000, 0), 1.0)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["as64500", "region-r0", "region-r1", "region-r2"]);
    }

    #[test]
    fn one_source_and_one_sensor_are_damped() {
        let even: Vec<Shift> = (0..10).map(|_| shift(300, 100)).collect();
        let mut one: Vec<Shift> = (0..10).map(|_| shift(101, 100)).collect();
        one[3] = shift(2_100, 100);
        let lone = [shift(2_100, 100)];
        for (source, sensors, seen, expected) in [
            (Some(shift(100, 0)), &even[..], Some((10, 10)), None),
            (Some(shift(1_000, 0)), &even, Some((10, 10)), None),
            (
                Some(shift(1_200, 0)),
                &even,
                Some((10, 10)),
                Some(Damping::OneSource { percent: 60.0 }),
            ),
            // It was as busy before: not its excess.
            (Some(shift(1_200, 1_200)), &even, Some((10, 10)), None),
            (None, &one, Some((1, 10)), Some(Damping::OneSensor { observing: 10 })),
            (None, &lone, Some((1, 1)), None),
            (None, &[], None, None),
        ] {
            let evidence = Evidence {
                total: shift(3_000, 1_000),
                scale: 1.0,
                parts: &[],
                busiest_source: source,
                sensors,
            };
            let found = origin(&evidence).unwrap();
            assert_eq!((found.sensors, damping(&found)), (seen, expected));
            assert_eq!(damped(&found), expected.is_some());
        }
    }

    #[test]
    fn a_sensor_saw_it_when_its_own_count_moved_beyond_noise() {
        for (total, sensor, expected) in [
            // 3 to 6 is noise, 30 to 60 is not, and 3 % more is not the doubling of the whole.
            (shift(60, 30), shift(6, 3), 0),
            (shift(600, 300), shift(60, 30), 1),
            (shift(600_000, 300_000), shift(30_900, 30_000), 0),
            (shift(300, 600), shift(30, 60), 1),
            (shift(300, 600), shift(120, 60), 0),
            (shift(10, 0), shift(1, 0), 0),
            (shift(10, 0), shift(4, 0), 1),
        ] {
            let evidence = Evidence {
                total,
                scale: 1.0,
                sensors: &[sensor],
                ..Evidence::default()
            };
            assert_eq!(origin(&evidence).unwrap().sensors, Some((expected, 1)), "{total:?} {sensor:?}");
        }
    }

    #[test]
    fn hostile_numbers() {
        for scale in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
            let evidence = Evidence {
                scale,
                ..Evidence::default()
            };
            assert!(origin(&evidence).is_err(), "{scale}");
        }
        for scale in [1.0, f64::MAX, f64::MIN_POSITIVE] {
            for total in [shift(u64::MAX, 0), shift(0, u64::MAX), shift(u64::MAX, u64::MAX), shift(0, 0)] {
                let evidence = Evidence {
                    total,
                    scale,
                    parts: &[vec![
                        region("A", u64::MAX, 0),
                        region("B", 0, u64::MAX),
                        region("C", u64::MAX, u64::MAX),
                    ]],
                    busiest_source: Some(total),
                    sensors: &[total, shift(0, 0)],
                };
                let found = origin(&evidence).unwrap();
                assert!(found.contributions.iter().all(|part| (0.0..=100.0).contains(&part.percent)));
                assert!(found.busiest_source_percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)));
            }
        }
    }
}
