//! A simulated source: where it is, how far away, how busy, and the values that its running process keeps.

use serde::Deserialize;

use crate::day::Day;
use crate::dice::{Dice, Purpose, mix};
use crate::region::Region;

/// How unevenly packets are spread over the sources of a population (Pareto distribution of the rates).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tail {
    /// Every source sends as much as the others.
    Even,
    /// Pareto with exponent 2.
    Light,
    /// Pareto with exponent 4/3, near what telescopes see.
    #[default]
    Heavy,
    /// Pareto with exponent 1: a few sources send nearly everything.
    Extreme,
}

impl Tail {
    /// A weight from 2^16 to 2^32 for a uniform draw; whole-number roots, so the same on every platform.
    fn weight(self, dice: &mut Dice) -> u64 {
        let uniform = u64::from(dice.u16()) + 1;
        let divisor = match self {
            Tail::Even => 65_536,
            Tail::Light => (uniform << 16).isqrt(),
            Tail::Heavy => (uniform * (uniform << 16).isqrt()).isqrt(),
            Tail::Extreme => uniform,
        };
        (1 << 32) / divisor.max(1)
    }
}

/// One source on one day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    /// Its address.
    pub(crate) address: u32,
    /// Routers on the way to any sensor, 8 to 24.
    pub(crate) hops: u8,
    /// Source port that its process keeps, 1024 and up.
    pub(crate) source_port: u16,
    /// TCP window that its process keeps (Mirai).
    pub(crate) window: u16,
    /// Session key of its process (nmap, unicornscan).
    pub(crate) key: u32,
    /// Chooses among variants of a stack.
    pub(crate) flavour: u32,
    /// How busy it is against the others.
    pub(crate) weight: u64,
}

/// A pool of sources of one population in one region, whose members change their address now and then.
pub(crate) struct Pool<'a> {
    pub(crate) seed: u64,
    /// Tells pools apart.
    pub(crate) label: u64,
    pub(crate) region: &'a Region,
    /// Mean days for which a source keeps its address and process.
    pub(crate) lease_days: u32,
    pub(crate) tail: Tail,
}

impl Pool<'_> {
    /// The source that holds place `slot` on `day`: the same from day to day until its lease ends.
    pub(crate) fn host(&self, slot: u64, day: Day) -> Host {
        let mean = u64::from(self.lease_days.max(1));
        let place = mix(mix(self.seed, self.label), slot);
        // Leases from half to one and a half times the mean, ending on different days.
        let lease = (mean / 2 + place % (mean + 1)).max(1);
        let elapsed = u64::from(day.0.unsigned_abs()) + (place >> 32) % lease;
        let mut dice = Dice::new(self.seed, Purpose::Host, self.label, mix(slot, elapsed / lease));
        Host {
            address: self.region.address(&mut dice),
            hops: u8::try_from(dice.port(8, 24)).unwrap_or(8),
            source_port: dice.port(1024, 65_535),
            window: dice.port(1, 65_535),
            key: dice.u32(),
            flavour: dice.u32(),
            weight: self.tail.weight(&mut dice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::{REGIONS, region_index};

    fn pool(lease_days: u32, tail: Tail) -> Pool<'static> {
        Pool {
            seed: 5,
            label: 9,
            region: &REGIONS[region_index("KR").unwrap()],
            lease_days,
            tail,
        }
    }

    #[test]
    fn leases_end_after_about_their_length() {
        let pool = pool(10, Tail::Heavy);
        let changes: usize = (0..200)
            .map(|slot| {
                let of = |day| pool.host(slot, Day(19_000 + day)).address;
                (0..100).filter(|&day| of(day) != of(day + 1)).count()
            })
            .sum();
        // 200 slots over 100 days with leases of 5 to 15 days: about 100/10 × 1.1 changes each.
        assert!((1900..2500).contains(&changes), "{changes}");
    }

    #[test]
    fn tails_differ() {
        let share_of_busiest = |tail| {
            let pool = pool(10, tail);
            let mut weights: Vec<u64> = (0..1000).map(|slot| pool.host(slot, Day(0)).weight).collect();
            weights.sort_unstable();
            weights[990..].iter().sum::<u64>() * 100 / weights.iter().sum::<u64>()
        };
        let shares = [Tail::Even, Tail::Light, Tail::Heavy, Tail::Extreme].map(share_of_busiest);
        assert!(shares.is_sorted() && shares[0] == 1 && shares[3] > 30, "{shares:?}");
    }
}
