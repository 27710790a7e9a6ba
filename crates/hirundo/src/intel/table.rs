//! Lookup tables flattened out of address ranges: three levels of 16, 8 and 8 bits for IPv4, sorted steps for IPv6.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::Place;

/// Entries of a page: one for each value of the byte it resolves.
const PAGE: usize = 256;

/// Set in an entry that names a page; clear in one that names a place.
const CHILD: u32 = 1 << 31;

/// Most pages of all tables together: 262,144 × 1 KiB = 256 MiB. Two databases of today need about 40,000.
const PAGES_MAX: usize = 1 << 18;

/// Most steps of one IPv6 table (20 bytes each, 160 MiB). Two databases of today need about 400,000.
const STEPS_MAX: usize = 1 << 23;

/// From `first` up to the next step's address, all addresses are in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// First address (IPv4: in the low 32 bits).
    pub(super) first: u128,
    /// What is known of the addresses.
    pub(super) place: Place,
}

/// The tables would grow over a named limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overflow {
    /// What there is too much of.
    pub(super) what: &'static str,
    /// The limit.
    pub(super) max: usize,
}

/// Places and pages that the tables of several dates share: databases of neighbouring months differ in few.
#[derive(Debug, Default)]
pub(super) struct Arena {
    places: Vec<Place>,
    pages: Vec<[u32; PAGE]>,
}

/// Fills an [`Arena`]; what is in already is found again by its content.
#[derive(Default)]
pub(super) struct Builder {
    arena: Arena,
    place_numbers: HashMap<Place, u32>,
    page_numbers: HashMap<u64, Vec<u32>>,
    hasher: RandomState,
}

/// The first level of an IPv4 table: an entry for each /16.
pub(super) type Root = Box<[u32]>;

/// The IPv6 addresses at which the answer changes, each with the number of its place.
#[derive(Debug, Default)]
pub(super) struct Steps {
    firsts: Vec<u128>,
    entries: Vec<u32>,
    /// For each value of the upper 16 bits, how many steps begin below it; one more at the end.
    below: Vec<u32>,
}

/// One date's lookup table.
#[derive(Debug)]
pub(super) struct Table {
    arena: Arc<Arena>,
    root: Root,
    steps: Steps,
}

impl Builder {
    /// The first level for steps that cover IPv4 from 0 (sorted, the first at 0).
    pub(super) fn root(&mut self, steps: &[Step]) -> Result<Root, Overflow> {
        let steps = self.numbered(steps)?;
        let mut root = Vec::with_capacity(1 << 16);
        let mut at = 0;
        for high in 0..1_u128 << 16 {
            root.push(self.entry(&steps, &mut at, high << 16, 16)?);
        }
        Ok(root.into_boxed_slice())
    }

    /// The sorted steps of IPv6 (sorted, the first at 0).
    pub(super) fn steps(&mut self, steps: &[Step]) -> Result<Steps, Overflow> {
        if steps.len() > STEPS_MAX {
            return Err(Overflow {
                what: "IPv6 networks",
                max: STEPS_MAX,
            });
        }
        let numbered = self.numbered(steps)?;
        let mut table = Steps::default();
        for high in 0..=1_u128 << 16 {
            let below = match high.checked_mul(1 << 112).filter(|_| high >> 16 == 0) {
                Some(address) => numbered.partition_point(|(first, _)| *first < address),
                None => numbered.len(),
            };
            table.below.push(u32::try_from(below).unwrap_or(u32::MAX));
        }
        (table.firsts, table.entries) = numbered.into_iter().unzip();
        Ok(table)
    }

    /// The filled arena.
    pub(super) fn finish(self) -> Arena {
        let mut arena = self.arena;
        arena.places.shrink_to_fit();
        arena.pages.shrink_to_fit();
        arena
    }

    /// Steps with the numbers of their places.
    fn numbered(&mut self, steps: &[Step]) -> Result<Vec<(u128, u32)>, Overflow> {
        steps.iter().map(|step| Ok((step.first, self.place(step.place)?))).collect()
    }

    fn place(&mut self, place: Place) -> Result<u32, Overflow> {
        if let Some(number) = self.place_numbers.get(&place) {
            return Ok(*number);
        }
        let max = CHILD as usize;
        let number = u32::try_from(self.arena.places.len())
            .ok()
            .filter(|number| number & CHILD == 0)
            .ok_or(Overflow {
                what: "different places",
                max,
            })?;
        self.arena.places.push(place);
        self.place_numbers.insert(place, number);
        Ok(number)
    }

    /// The entry for the 2^`bits` addresses from `base` on; `at` is the step that covers `base`, and is
    /// moved to the one that covers their last address.
    fn entry(&mut self, steps: &[(u128, u32)], at: &mut usize, base: u128, bits: u32) -> Result<u32, Overflow> {
        while steps.get(*at + 1).is_some_and(|(first, _)| *first <= base) {
            *at += 1;
        }
        let last = base + ((1 << bits) - 1);
        if steps.get(*at + 1).is_none_or(|(first, _)| *first > last) {
            return Ok(steps.get(*at).map_or(0, |(_, number)| *number));
        }
        // Two different addresses differ in a byte below, so `bits` is 16 or 8 here and ends at 0.
        let below = bits.saturating_sub(8);
        let mut page = [0; PAGE];
        for (slot, child) in page.iter_mut().zip(0_u128..) {
            *slot = self.entry(steps, at, base + (child << below), below)?;
        }
        self.page(page)
    }

    /// The entry of a page with this content.
    fn page(&mut self, page: [u32; PAGE]) -> Result<u32, Overflow> {
        let alike = self.page_numbers.entry(self.hasher.hash_one(page)).or_default();
        let arena = &mut self.arena.pages;
        let same = alike.iter().find(|number| arena.get(**number as usize) == Some(&page));
        if let Some(number) = same {
            return Ok(CHILD | *number);
        }
        let full = Overflow {
            what: "pages of split networks",
            max: PAGES_MAX,
        };
        let number = u32::try_from(arena.len()).map_err(|_| full)?;
        if arena.len() >= PAGES_MAX {
            return Err(full);
        }
        arena.push(page);
        alike.push(number);
        Ok(CHILD | number)
    }
}

impl Arena {
    /// Bytes of memory it holds.
    pub(super) fn len_bytes(&self) -> usize {
        size_of_val(self.places.as_slice()) + size_of_val(self.pages.as_slice())
    }

    #[inline]
    fn child(&self, entry: u32, byte: usize) -> u32 {
        let page = self.pages.get((entry & !CHILD) as usize);
        page.and_then(|page| page.get(byte)).copied().unwrap_or(0)
    }

    #[inline]
    fn place(&self, number: u32) -> Place {
        self.places.get(number as usize).copied().unwrap_or_default()
    }
}

impl Table {
    /// The table of one date.
    pub(super) fn new(arena: Arc<Arena>, root: Root, steps: Steps) -> Self {
        Table { arena, root, steps }
    }

    /// What is known of an IPv4 address.
    #[inline]
    pub(super) fn v4(&self, address: u32) -> Place {
        let mut entry = self.root.get((address >> 16) as usize).copied().unwrap_or(0);
        if entry & CHILD != 0 {
            entry = self.arena.child(entry, (address >> 8 & 0xff) as usize);
            if entry & CHILD != 0 {
                entry = self.arena.child(entry, (address & 0xff) as usize);
            }
        }
        self.arena.place(entry)
    }

    /// What is known of an IPv6 address.
    #[inline]
    pub(super) fn v6(&self, address: u128) -> Place {
        let steps = &self.steps;
        let high = (address >> 112) as usize;
        let bound = |at: usize| steps.below.get(at).map_or(0, |below| *below as usize);
        let (from, to) = (bound(high), bound(high + 1));
        let within = steps.firsts.get(from..to).unwrap_or_default();
        let covering = (from + within.partition_point(|first| *first <= address)).checked_sub(1);
        let entry = covering.and_then(|at| steps.entries.get(at)).copied();
        entry.map_or_else(Place::default, |entry| self.arena.place(entry))
    }

    /// Bytes of memory that this date alone holds, without what the dates share.
    pub(super) fn len_bytes(&self) -> usize {
        size_of_val(&*self.root)
            + size_of_val(self.steps.firsts.as_slice())
            + size_of_val(self.steps.entries.as_slice())
            + size_of_val(self.steps.below.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(asn: u32) -> Place {
        Place { asn, ..Place::default() }
    }

    fn table(v4: &[(u32, u32)], v6: &[(u128, u32)]) -> Table {
        let mut builder = Builder::default();
        let v4: Vec<_> = v4
            .iter()
            .map(|&(first, asn)| Step {
                first: first.into(),
                place: place(asn),
            })
            .collect();
        let v6: Vec<_> = v6.iter().map(|&(first, asn)| Step { first, place: place(asn) }).collect();
        let root = builder.root(&v4).unwrap();
        let steps = builder.steps(&v6).unwrap();
        Table::new(Arc::new(builder.finish()), root, steps)
    }

    #[test]
    fn every_boundary_is_where_the_steps_say() {
        let steps = [
            (0, 1),
            (0x0100_0000, 2),
            (0x0101_0000, 3),
            (0x0101_0100, 4),
            (0x0101_0180, 5),
            (0x0101_0181, 6),
            (0x0101_02ff, 7),
            (0x0200_0000, 8),
            (0xffff_ffff, 9),
        ];
        let table = table(&steps, &[(0, 0)]);
        for &(first, asn) in &steps {
            let expected = |address: u32| steps.iter().rev().find(|(first, _)| *first <= address).map(|(_, asn)| *asn);
            assert_eq!(table.v4(first).asn, asn, "{first:#x}");
            for address in [first.wrapping_sub(1), first, first.wrapping_add(1), first ^ 0xff] {
                assert_eq!(Some(table.v4(address).asn), expected(address), "{address:#x}");
            }
        }
    }

    #[test]
    fn every_boundary_of_ipv6_too() {
        let steps = [
            (0, 1),
            (0x2001 << 112, 2),
            ((0x2001 << 112) + 1, 3),
            ((0x2002 << 112) - 1, 4),
            (0x2a00 << 112, 5),
            (u128::MAX, 6),
        ];
        let table = table(&[(0, 0)], &steps);
        for &(first, _) in &steps {
            for address in [first.wrapping_sub(1), first, first.wrapping_add(1), first ^ 1 << 111] {
                let expected = steps.iter().rev().find(|(first, _)| *first <= address);
                assert_eq!(Some(table.v6(address).asn), expected.map(|(_, asn)| *asn), "{address:#x}");
            }
        }
    }

    #[test]
    fn pages_with_the_same_content_are_kept_once() {
        // Each even /24 of 1/8 and 2/8 in one place, the odd ones in another.
        let steps: Vec<_> = [(0, 0)]
            .into_iter()
            .chain((0x0001_0000..0x0003_0000).map(|block| (block << 8, block & 1)))
            .chain([(0x0300_0000, 0)])
            .collect();
        let table = table(&steps, &[(0, 0)]);
        assert_eq!(table.arena.pages.len(), 1);
        assert_eq!(table.v4(0x0203_0405).asn, 0);
        assert_eq!(table.v4(0x0203_0505).asn, 1);
    }

    #[test]
    fn an_empty_table_knows_nothing() {
        let table = Table::new(Arc::default(), Box::default(), Steps::default());
        assert_eq!(table.v4(1), Place::default());
        assert_eq!(table.v6(u128::MAX), Place::default());
    }
}
