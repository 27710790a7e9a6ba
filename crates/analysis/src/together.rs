//! Ports that go together: of the sources that tried one, how many tried another.

use std::collections::HashMap;
use std::hash::Hash;

use serde::Serialize;

/// Sources that must have tried the first port: with 50 a share of one half is known to ±14 points.
pub const SOURCES_MIN: u64 = 50;
/// Sources that must have tried both.
pub const BOTH_MIN: u64 = 10;
/// How many times as many as by chance there must be. Our own choice: twice.
pub const LIFT_MIN: f64 = 2.0;
/// Ports looked at: those with the most sources. The work for a source grows with the square of its ports.
pub const PORTS_MAX: usize = 300;
/// A source with more ports than this tries everything, so that its pairs say nothing; it is left out.
pub const PORTS_OF_SOURCE_MAX: usize = 64;

/// 97.5 % point of the normal distribution, for intervals of 95 %.
const NORMAL_95: f64 = 1.959_964;

/// What pairs are worth telling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Sources that must have tried the first port.
    pub sources_min: u64,
    /// Sources that must have tried both.
    pub both_min: u64,
    /// How many times as many as by chance.
    pub lift_min: f64,
    /// Ports looked at.
    pub ports_max: usize,
    /// Ports of a source above which it is left out.
    pub ports_of_source_max: usize,
}

/// Two ports, in one direction: "`percent` of the sources of `port` also tried `other`".
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair<P> {
    /// The port whose sources are meant.
    pub port: P,
    /// The port they also tried.
    pub other: P,
    /// Sources of `port`.
    pub sources: u64,
    /// Of them, sources of `other` too.
    pub both: u64,
    /// `both / sources`, per cent.
    pub percent: f64,
    /// Lower end of its 95 % interval (Wilson).
    pub percent_low: f64,
    /// Upper end of it.
    pub percent_high: f64,
    /// How many times as many as if the two ports were independent among the sources counted.
    pub lift: f64,
}

/// The pairs, and what they rest on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Together<P> {
    /// By falling percentage, then by ports.
    pub pairs: Vec<Pair<P>>,
    /// Sources counted.
    pub sources: u64,
    /// Sources left out because they tried too many ports.
    pub wide: u64,
    /// Ports that have enough sources and yet were not looked at, for want of room.
    pub ports_left_out: usize,
}

impl Default for Rule {
    fn default() -> Self {
        Rule {
            sources_min: SOURCES_MIN,
            both_min: BOTH_MIN,
            lift_min: LIFT_MIN,
            ports_max: PORTS_MAX,
            ports_of_source_max: PORTS_OF_SOURCE_MAX,
        }
    }
}

/// Counts ports that go together, from (source, port) in any order, repeated or not. Sources are of equal weight,
/// however many packets they sent. With few sensors a source is seen at a part of its ports only, so that every
/// percentage is a lower bound of what the sources do. Memory: the rows, and `ports_max` squared counters.
#[must_use]
pub fn together<S: Ord + Copy, P: Ord + Hash + Copy>(mut rows: Vec<(S, P)>, rule: &Rule) -> Together<P> {
    rows.sort_unstable();
    rows.dedup();
    let mut sources = 0;
    let mut wide = 0;
    let mut by_port: HashMap<P, u64> = HashMap::new();
    for ports in of_each_source(&rows) {
        if ports.len() > rule.ports_of_source_max {
            wide += 1;
            continue;
        }
        sources += 1;
        for (_, port) in ports {
            *by_port.entry(*port).or_default() += 1;
        }
    }
    // A port with fewer sources than both need cannot be in any pair.
    let mut largest: Vec<(P, u64)> = by_port.into_iter().filter(|(_, count)| *count >= rule.both_min.max(1)).collect();
    largest.sort_unstable_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
    let ports_left_out = largest.len().saturating_sub(rule.ports_max);
    largest.truncate(rule.ports_max);
    let both = count_both(&rows, &largest, rule.ports_of_source_max);
    Together {
        pairs: pairs(&largest, &both, sources, rule),
        sources,
        wide,
        ports_left_out,
    }
}

fn of_each_source<S: PartialEq, P>(rows: &[(S, P)]) -> impl Iterator<Item = &[(S, P)]> {
    rows.chunk_by(|left, right| left.0 == right.0)
}

/// Sources of each two of `ports`: `counts[a * ports + b]` for a < b.
fn count_both<S: PartialEq, P: Hash + Eq + Copy>(rows: &[(S, P)], ports: &[(P, u64)], ports_of_source_max: usize) -> Vec<u64> {
    let places: HashMap<P, usize> = ports.iter().enumerate().map(|(place, (port, _))| (*port, place)).collect();
    let mut counts = vec![0_u64; ports.len() * ports.len()];
    let mut here: Vec<usize> = Vec::new();
    for source in of_each_source(rows).filter(|source| source.len() <= ports_of_source_max) {
        here.clear();
        here.extend(source.iter().filter_map(|(_, port)| places.get(port).copied()));
        here.sort_unstable();
        for (index, first) in here.iter().enumerate() {
            for second in here.iter().skip(index + 1) {
                if let Some(count) = counts.get_mut(first * ports.len() + second) {
                    *count += 1;
                }
            }
        }
    }
    counts
}

fn pairs<P: Ord + Copy>(ports: &[(P, u64)], both: &[u64], sources: u64, rule: &Rule) -> Vec<Pair<P>> {
    let mut pairs = Vec::new();
    for (a, (port, count)) in ports.iter().enumerate().filter(|(_, (_, count))| *count >= rule.sources_min) {
        for (b, (other, other_count)) in ports.iter().enumerate().filter(|(b, _)| *b != a) {
            let both = both.get(a.min(b) * ports.len() + a.max(b)).copied().unwrap_or(0);
            let share = both as f64 / *count as f64;
            let lift = share * sources as f64 / *other_count as f64;
            if both >= rule.both_min.max(1) && lift >= rule.lift_min {
                let (low, high) = wilson(both as f64, *count as f64);
                pairs.push(Pair {
                    port: *port,
                    other: *other,
                    sources: *count,
                    both,
                    percent: 100.0 * share,
                    percent_low: 100.0 * low,
                    percent_high: 100.0 * high,
                    lift,
                });
            }
        }
    }
    pairs.sort_by(|left, right| {
        (right.percent.total_cmp(&left.percent))
            .then(left.port.cmp(&right.port))
            .then(left.other.cmp(&right.other))
    });
    pairs
}

/// Interval of 95 % of a share by Wilson's formula: inside 0 to 1, and good for small counts too.
fn wilson(hits: f64, of: f64) -> (f64, f64) {
    let square = NORMAL_95 * NORMAL_95;
    let share = hits / of;
    let centre = (share + square / (2.0 * of)) / (1.0 + square / of);
    let half = NORMAL_95 / (1.0 + square / of) * (share * (1.0 - share) / of + square / (4.0 * of * of)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn pair(found: &Together<u16>, port: u16, other: u16) -> Option<&Pair<u16>> {
        found.pairs.iter().find(|pair| (pair.port, pair.other) == (port, other))
    }

    /// 52 % of the sources of 5555 also try 23; 80 and 443 are independent of all.
    fn planted(seed: u64) -> Vec<(u32, u16)> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut hit = |percent: u32| dice.next_u32() % 100 < percent;
        let mut rows = Vec::new();
        for source in 0..20_000_u32 {
            let carrier = source % 20 == 0;
            if carrier {
                rows.push((source, 5555));
            }
            if hit(if carrier { 52 } else { 10 }) {
                rows.push((source, 23));
            }
            if hit(30) {
                rows.push((source, 80));
            }
            if hit(20) {
                rows.push((source, 443));
            }
        }
        rows
    }

    #[test]
    fn planted_pair_is_found_with_its_share() {
        for seed in 0..10 {
            let found = together(planted(seed), &Rule::default());
            let pair_found = pair(&found, 5555, 23).unwrap();
            assert!((47.0..57.0).contains(&pair_found.percent), "{pair_found:?}");
            assert!(pair_found.percent_low < pair_found.percent && pair_found.percent < pair_found.percent_high);
            assert!(pair_found.lift > 2.0);
            assert!(
                pair(&found, 80, 443).is_none() && pair(&found, 443, 80).is_none(),
                "independent ports"
            );
            let back = pair(&found, 23, 5555).unwrap();
            assert_eq!(back.both, pair_found.both);
        }
    }

    #[test]
    fn exact_numbers_and_repeated_rows() {
        // 100 sources: 25 try both, 25 only 1, 50 only 3.
        let mut rows: Vec<(u32, u16)> = (0..50).map(|source| (source, 1)).collect();
        rows.extend((0..25).map(|source| (source, 2)));
        rows.extend((50..100).map(|source| (source, 3)));
        rows.extend(rows.clone());
        let found = together(rows, &Rule::default());
        assert_eq!(found.sources, 100);
        let only = &found.pairs[0];
        assert_eq!((only.port, only.other, only.both, only.percent, only.lift), (1, 2, 25, 50.0, 2.0));
        assert_eq!(found.pairs.len(), 1, "2 has 25 sources only, too few to speak of");
        // Wilson for 25 of 50: 0.5 ± 0.1338.
        assert!((only.percent_low - 36.645).abs() < 0.01 && (only.percent_high - 63.355).abs() < 0.01);
    }

    #[test]
    fn wide_sources_and_too_many_ports_do_not_swamp() {
        let mut rows = planted(1);
        let plain = together(rows.clone(), &Rule::default());
        for source in 100_000..100_100 {
            rows.extend((0..u16::MAX).step_by(100).map(|port| (source, port)));
        }
        let found = together(rows, &Rule::default());
        assert_eq!((found.wide, found.pairs), (100, plain.pairs));

        let many = (0..1_000_u32).flat_map(|port| (0..20).map(move |source| (port * 20 + source, u16::try_from(port).unwrap())));
        let found = together(many.collect(), &Rule::default());
        assert_eq!((found.ports_left_out, found.pairs.len()), (700, 0));
    }

    #[test]
    fn empty_and_extreme_rules() {
        let empty = together(Vec::<(u32, u16)>::new(), &Rule::default());
        assert_eq!((empty.sources, empty.pairs.len()), (0, 0));
        let nothing_needed = Rule {
            sources_min: 0,
            both_min: 0,
            lift_min: f64::NAN,
            ports_max: 0,
            ports_of_source_max: 0,
        };
        assert!(together(planted(2), &nothing_needed).pairs.is_empty());
    }
}
