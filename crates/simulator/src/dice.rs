//! Chance: a portable stream of random numbers for each purpose, and the few integer draws made from it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of numbers is for; streams of different purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Packets of one population from one region on one day.
    Traffic = 1,
    /// Day-to-day noise of a population.
    Noise = 2,
    /// The lasting traits of one host.
    Host = 3,
    /// One sweep of a survey.
    Survey = 4,
    /// A benchmark capture.
    Benchmark = 5,
}

/// A stream of random numbers fixed by a seed, a purpose and two labels. ChaCha8: the same on every platform.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream for `purpose`, told apart by two labels.
    pub(crate) fn new(seed: u64, purpose: Purpose, first: u64, second: u64) -> Dice {
        let mut key = [0u8; 32];
        for (at, word) in [seed, purpose as u64, first, second].into_iter().enumerate() {
            key[at * 8..at * 8 + 8].copy_from_slice(&word.to_le_bytes());
        }
        Dice(ChaCha8Rng::from_seed(key))
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// The upper half of a word.
    #[inline]
    pub(crate) fn u16(&mut self) -> u16 {
        let bytes = self.0.next_u32().to_be_bytes();
        u16::from_be_bytes([bytes[0], bytes[1]])
    }

    /// A number below `bound` (0 for bound 0), by multiply and shift; the bias is below 2^-32 for our bounds.
    #[inline]
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()) * u128::from(bound);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a 64-bit number times bound, shifted by 64, is below bound"
        )]
        let high = (wide >> 64) as u64;
        high
    }

    /// An index below `len` (0 for an empty range).
    #[inline]
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A port from `low` to `high`, both included.
    #[inline]
    pub(crate) fn port(&mut self, low: u16, high: u16) -> u16 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        low.saturating_add(u16::try_from(self.below(span)).unwrap_or(0))
    }

    /// An index drawn by weight, where `sums` are the running sums of the weights (0 when all are nought).
    #[inline]
    pub(crate) fn weighted(&mut self, sums: &[u64]) -> usize {
        let total = sums.last().copied().unwrap_or(0);
        let at = self.below(total);
        sums.partition_point(|&sum| sum <= at).min(sums.len().saturating_sub(1))
    }

    /// Puts `items` in random order (Fisher–Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

/// Mixes two words into one (the finaliser of SplitMix64), for labels.
pub(crate) const fn mix(first: u64, second: u64) -> u64 {
    let mut z = first
        .wrapping_add(second.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// FNV-1a over bytes, 64 bits: names scenarios and goldens; no protection against anybody who tries.
#[must_use]
pub(crate) const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01B3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_and_apart() {
        let first = |purpose, label| Dice::new(7, purpose, label, 0).u64();
        assert_eq!(first(Purpose::Traffic, 1), first(Purpose::Traffic, 1));
        assert_ne!(first(Purpose::Traffic, 1), first(Purpose::Traffic, 2));
        assert_ne!(first(Purpose::Traffic, 1), first(Purpose::Noise, 1));
        // FNV-1a's published test vector for "foobar".
        assert_eq!(fnv1a(b"foobar"), 0x85944171F73967E8);
    }

    #[test]
    fn draws_stay_in_range_and_follow_weights() {
        let mut dice = Dice::new(1, Purpose::Traffic, 0, 0);
        let mut counts = [0u32; 3];
        for _ in 0..10_000 {
            assert!(dice.below(5) < 5);
            assert!((1024..=1030).contains(&dice.port(1024, 1030)));
            counts[dice.weighted(&[1, 1, 10])] += 1;
        }
        assert_eq!((dice.below(0), dice.weighted(&[]), dice.weighted(&[0, 0])), (0, 0, 1));
        assert_eq!(counts[1], 0);
        assert!((800..1200).contains(&counts[0]), "{counts:?}");
        let mut items: Vec<u32> = (0..100).collect();
        dice.shuffle(&mut items);
        assert_ne!(items[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
