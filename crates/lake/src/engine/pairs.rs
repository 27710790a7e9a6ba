//! A set of pairs of a group and a number, for counting what is distinct in each group.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// A slot that holds nothing; no group has the number `u32::MAX`.
const EMPTY: u64 = u64::MAX;
/// Slots of the smallest table.
const SLOTS_MIN: usize = 1 << 10;
/// Pairs whose slots are fetched together before the first of them is looked at.
const BLOCK: usize = 64;
/// Slots from which on a table is fetched from: 512 KiB, about what the second-level cache holds.
const FETCHED_SLOTS_MIN: usize = 1 << 16;

/// Multiplier of the hash: odd, the same for all sets of a process, unknown to who sends packets.
static FACTOR: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish() | 1);

/// Of how many slots at most this many hold a pair: at three quarters most searches still end in one cache line.
const FULL: (usize, usize) = (3, 4);

/// Pairs, each once. Open addressing over one vector of 8 bytes a slot.
///
/// The slot of a pair is its product with [`FACTOR`], scaled to the table: pairs of one group that are read out
/// in the order of one table come in the order of any other, so that merging walks through memory.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    slots: Vec<u64>,
    factor: u64,
    shift: u32,
    len: usize,
}

/// A pair as the set holds it.
#[inline(always)]
pub(super) fn pair(group: usize, number: u32) -> u64 {
    (group as u64) << 32 | u64::from(number)
}

/// Group and number of a pair.
#[inline(always)]
pub(super) fn parts(pair: u64) -> (usize, u32) {
    (index(pair >> 32), (pair & 0xffff_ffff) as u32)
}

#[inline(always)]
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Pairs {
    /// Bytes it takes.
    pub(super) fn size_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }

    /// Makes room for as many more pairs.
    pub(super) fn reserve(&mut self, more: usize) {
        let slots = ((self.len + more) * FULL.1 / FULL.0 + 1).next_power_of_two().max(SLOTS_MIN);
        if slots > self.slots.len() {
            self.resize(slots);
        }
    }

    /// Adds all of `pairs`; `added` is called with the group of each that was not there.
    pub(super) fn extend(&mut self, pairs: &[u64], mut added: impl FnMut(usize)) {
        self.reserve(0);
        for block in pairs.chunks(BLOCK) {
            if self.slots.len() >= FETCHED_SLOTS_MIN {
                // Loads that wait for nothing overlap; those of the loop below wait for each other's comparison.
                let fetched = block.iter().fold(0, |all, &pair| all ^ self.slots[self.home(pair)]);
                std::hint::black_box(fetched);
            }
            for &pair in block {
                if self.insert(pair) {
                    added(parts(pair).0);
                }
            }
        }
    }

    /// All pairs, in the order of the table.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.slots.iter().copied().filter(|&slot| slot != EMPTY)
    }

    /// Forgets the pairs of the first `groups` groups and counts the others from there.
    pub(super) fn forget_first(&mut self, groups: usize) {
        let old = std::mem::take(self);
        let kept = old.iter().filter(|&pair| parts(pair).0 >= groups).count();
        self.reserve(kept);
        for pair in old.iter().filter(|&pair| parts(pair).0 >= groups) {
            self.insert(pair - ((groups as u64) << 32));
        }
    }

    #[inline(always)]
    fn home(&self, pair: u64) -> usize {
        index(pair.wrapping_mul(self.factor) >> self.shift)
    }

    #[inline(always)]
    fn insert(&mut self, pair: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = self.home(pair) & mask;
        loop {
            let slot = self.slots[at];
            if slot == pair {
                return false;
            }
            if slot == EMPTY {
                break;
            }
            at = (at + 1) & mask;
        }
        self.slots[at] = pair;
        self.len += 1;
        if self.len * FULL.1 > self.slots.len() * FULL.0 {
            self.resize(self.slots.len() * 2);
        }
        true
    }

    #[cold]
    fn resize(&mut self, slots: usize) {
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; slots]);
        self.factor = *FACTOR;
        self.shift = 64 - slots.trailing_zeros();
        let mask = slots - 1;
        for pair in old.into_iter().filter(|&slot| slot != EMPTY) {
            let mut at = self.home(pair) & mask;
            while self.slots[at] != EMPTY {
                at = (at + 1) & mask;
            }
            self.slots[at] = pair;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Numbers that repeat, cluster as addresses do, and touch both ends.
    fn number(state: &mut u64) -> u32 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let word = *state >> 32;
        let number = match word % 5 {
            0 => word & 0xff,
            1 => 0xc612_0000 | word & 0xffff,
            2 => word,
            3 => (word & 0xff) << 24,
            _ => 0xffff_ffff - (word & 0xf),
        };
        u32::try_from(number & 0xffff_ffff).unwrap()
    }

    #[test]
    fn holds_what_a_plain_set_holds() {
        for (seed, groups, length) in [(1, 1, 10), (2, 3, 5_000), (3, 1_000, 200_000), (4, 1, 300_000)] {
            let (mut state, mut pairs, mut plain, mut counts) = (seed, Pairs::default(), HashSet::new(), vec![0; groups]);
            while plain.len() < length / 2 {
                let batch: Vec<u64> = (0..777)
                    .map(|n| pair(usize::try_from(state >> 40).unwrap() % groups, number(&mut state)).max(n % 2))
                    .collect();
                pairs.extend(&batch, |group| counts[group] += 1);
                plain.extend(batch);
            }
            assert_eq!(pairs.iter().collect::<HashSet<_>>(), plain);
            assert_eq!(pairs.iter().count(), plain.len());
            for (group, &count) in counts.iter().enumerate() {
                assert_eq!(count, plain.iter().filter(|&&one| parts(one).0 == group).count(), "group {group}");
            }
        }
    }

    #[test]
    fn forgets_the_first_groups_only() {
        let (mut state, mut pairs) = (7, Pairs::default());
        let batch: Vec<u64> = (0..10_000).map(|n| pair(n % 10, number(&mut state))).collect();
        pairs.extend(&batch, |_| {});
        pairs.forget_first(4);
        let rest: HashSet<u64> = batch.iter().filter(|&&one| parts(one).0 >= 4).map(|one| one - (4 << 32)).collect();
        assert_eq!(pairs.iter().collect::<HashSet<_>>(), rest);
    }

    #[test]
    fn merging_in_order_of_another_table_stays_cheap() {
        // A table filled in hash order without room for all would fill its front alone and search it again and again.
        let (mut one, mut other) = (Pairs::default(), Pairs::default());
        let batch: Vec<u64> = (0..200_000).map(|n| pair(0, n * 7)).collect();
        one.extend(&batch, |_| {});
        let ordered: Vec<u64> = one.iter().collect();
        other.reserve(ordered.len());
        other.extend(&ordered, |_| {});
        let far = |pairs: &Pairs| {
            let mask = pairs.slots.len() - 1;
            let away = |(at, &slot): (usize, &u64)| (slot != EMPTY).then(|| at.wrapping_sub(pairs.home(slot)) & mask);
            pairs.slots.iter().enumerate().filter_map(away).max()
        };
        assert!(far(&other) < Some(1_000), "{:?}", far(&other));
    }
}
