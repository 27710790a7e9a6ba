//! What the packets of one source together say of its tool: counts of marks and tests over pairs of SYNs.

use super::rules::Scope;
use super::{MIRAI, MarkTable, NMAP, UNICORNSCAN};
use crate::{Packet, Present};

/// Distinct marks counted for a source.
const SLOTS: usize = 4;
/// Pair tests: Nmap, Unicornscan with the destination in network order, and reversed.
const PAIR_TESTS: usize = 3;
/// SYNs a pair test needs.
const PAIR_SYNS_MIN: u32 = 3;
/// Of so many SYNs one may fail a pair test (90 % must pass).
const PAIR_SYNS_PER_MISS: u32 = 10;
/// Where the seen bit of the Mirai mark stands; the pair tests' bits are below.
const MIRAI_SEEN: u8 = 1 << 7;

/// The marks and SYNs of one source so far. 48 bytes, no allocation, merges.
///
/// The counts of marks do not depend on the order of the packets while a source bears at most four
/// distinct marks; from the fifth on they are lower bounds (Misra and Gries 1982), and a mark borne by
/// more than a fifth of the marked packets is never lost. A Mirai mark is never lost. The pair tests
/// compare with the source's first SYN: a source whose first SYN is a stranger to the rest gets no
/// verdict from them, never a wrong one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    packets: u32,
    syns: u32,
    counts: [u32; SLOTS],
    first: FirstSyn,
    misses: [u16; PAIR_TESTS],
    marks: [u8; SLOTS],
    /// Bit k: a SYN passed pair test k and differed from the first where it must; [`MIRAI_SEEN`].
    seen: u8,
    /// Of the SYNs, those that the pair tests can be made with; of more than this can count it is as good as all.
    pairable: u8,
}

const _: () = assert!(size_of::<Evidence>() <= 48);

/// What of the first SYN the pair tests need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FirstSyn {
    seq: u32,
    dst: u32,
    ports: u32,
}

impl Evidence {
    /// Takes one packet of the source, whose [`Packet::mark`] is set.
    ///
    /// The pair tests need true sequence numbers and destinations: SYNs of sensors that hide theirs are left out.
    #[inline]
    pub fn observe(&mut self, packet: &Packet) {
        self.packets = self.packets.saturating_add(1);
        if packet.mark != 0 {
            self.add_mark(packet.mark, 1);
        }
        if !packet.is_syn() {
            return;
        }
        self.syns = self.syns.saturating_add(1);
        if packet.present.has(Present::HIDDEN) {
            return;
        }
        self.pairable = self.pairable.saturating_add(1);
        let syn = FirstSyn {
            seq: packet.tcp_seq,
            dst: packet.dst,
            ports: (u32::from(packet.dst_port) << 16) | u32::from(packet.src_port),
        };
        if self.pairable == 1 {
            self.first = syn;
            return;
        }
        let wide = packet.present.has(Present::WIDE);
        for test in 0..PAIR_TESTS {
            self.compare(test, syn, wide, 0, 1);
        }
    }

    /// Adds what another has of the same source, as if its packets had come after.
    pub fn merge(&mut self, other: &Evidence) {
        self.packets = self.packets.saturating_add(other.packets);
        for (mark, count) in other.marks.iter().zip(other.counts) {
            if count > 0 {
                self.add_mark(*mark, count);
            }
        }
        self.seen |= other.seen & MIRAI_SEEN;
        let pairs = other.pairs();
        if pairs == 0 {
            self.syns = self.syns.saturating_add(other.syns);
            return;
        }
        if self.pairable == 0 {
            (self.first, self.misses) = (other.first, other.misses);
            self.seen |= other.seen;
        } else {
            for (test, misses) in other.misses.into_iter().enumerate() {
                // Of an IPv6 source the destinations are all 0; the ports then tell no session apart.
                let wide = self.first.dst == 0;
                if self.compare(test, other.first, wide, misses, pairs) {
                    self.seen |= other.seen & (1 << test);
                }
            }
        }
        self.syns = self.syns.saturating_add(other.syns);
        self.pairable = self.pairable.saturating_add(other.pairable);
    }

    /// SYNs that the pair tests were made with.
    fn pairs(&self) -> u32 {
        match self.pairable {
            u8::MAX => self.syns,
            few => few.into(),
        }
    }

    /// The tool of the source, 0 for none: a number of `table`.
    ///
    /// Mirai with one marked SYN. Otherwise the mark that most packets bear, if they are as many as its
    /// entry asks and at least half of the source's SYNs (for a rule that is not about SYNs, of its other
    /// packets; for one that may be on both, of all); ties go to the lower number. Otherwise the pair tests:
    /// at least three SYNs, nine of ten passing, with sequence numbers (for Unicornscan also ports) that differ.
    #[must_use]
    pub fn verdict(&self, table: &MarkTable) -> u8 {
        if self.seen & MIRAI_SEEN != 0 {
            return MIRAI;
        }
        let mut best = (0, 0);
        for (&mark, &count) in self.marks.iter().zip(&self.counts) {
            let Some(entry) = table.entry(mark).filter(|_| count > 0) else {
                continue;
            };
            let base = match table.scope(mark) {
                Scope::Syns => self.syns,
                Scope::Others => self.packets.saturating_sub(self.syns),
                Scope::All => self.packets,
            };
            let enough = count >= entry.min_packets && u64::from(count) * 2 >= u64::from(base);
            let better = count > best.1 || (count == best.1 && mark < best.0);
            if enough && better {
                best = (mark, count);
            }
        }
        if best.0 != 0 {
            best.0
        } else if self.passes(0) {
            NMAP
        } else if self.passes(1) || self.passes(2) {
            UNICORNSCAN
        } else {
            0
        }
    }

    /// Packets observed, whatever they are; saturates.
    #[must_use]
    pub fn packets(&self) -> u32 {
        self.packets
    }

    /// SYNs observed; saturates.
    #[must_use]
    pub fn syns(&self) -> u32 {
        self.syns
    }

    /// Packets observed that bear `mark` (a lower bound from the fifth distinct mark on).
    #[must_use]
    pub fn marked(&self, mark: u8) -> u32 {
        let slot = self
            .marks
            .iter()
            .zip(&self.counts)
            .find(|(slot, count)| **slot == mark && **count > 0);
        slot.map_or(0, |(_, count)| *count)
    }

    fn passes(&self, test: usize) -> bool {
        let misses = self.misses.get(test).copied().unwrap_or(u16::MAX);
        self.pairs() >= PAIR_SYNS_MIN
            && self.seen & (1 << test) != 0
            && misses != u16::MAX
            && u32::from(misses).saturating_mul(PAIR_SYNS_PER_MISS) <= self.pairs()
    }

    /// Compares a SYN with the first and books `on_pass` or `on_miss` misses; whether it passed.
    #[inline(always)]
    fn compare(&mut self, test: usize, syn: FirstSyn, wide: bool, on_pass: u16, on_miss: u32) -> bool {
        let differs = self.first.seq ^ syn.seq;
        let ports = self.first.ports ^ syn.ports;
        let (passed, distinct) = match test {
            0 => (differs >> 16 == differs & 0xffff && differs & 0xff00_ff00 == 0, differs != 0),
            1 => (!wide && differs ^ self.first.dst ^ syn.dst == ports, differs != 0 && ports != 0),
            _ => {
                let dst = (self.first.dst ^ syn.dst).swap_bytes();
                (!wide && differs ^ dst == ports, differs != 0 && ports != 0)
            }
        };
        let missed = if passed {
            on_pass
        } else {
            u16::try_from(on_miss).unwrap_or(u16::MAX)
        };
        if let Some(misses) = self.misses.get_mut(test) {
            *misses = misses.saturating_add(missed);
        }
        if passed && distinct {
            self.seen |= 1 << test;
        }
        passed
    }

    /// Counts a mark; a fifth distinct one takes as much from every slot as it needs to be let in.
    fn add_mark(&mut self, mark: u8, mut count: u32) {
        if mark == MIRAI {
            self.seen |= MIRAI_SEEN;
        }
        let mut slots = self.marks.iter_mut().zip(&mut self.counts);
        if let Some((_, held)) = slots.find(|(slot, held)| **slot == mark && **held > 0) {
            *held = held.saturating_add(count);
            return;
        }
        let least = self.counts.iter().copied().min().unwrap_or(0).min(count);
        for held in &mut self.counts {
            *held -= least;
        }
        count -= least;
        let mut slots = self.marks.iter_mut().zip(&mut self.counts);
        if let Some((slot, held)) = slots.find(|(_, held)| **held == 0 && count > 0) {
            (*slot, *held) = (mark, count);
        }
    }
}
