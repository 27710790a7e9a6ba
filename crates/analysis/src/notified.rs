//! What became of notified addresses: how many were still seen some days later, beside addresses that were not notified.
//!
//! An address is *followed* from its notification on, when it had been seen on that day or in the days just before
//! ([`RECENT_DAYS`]). It is *still seen* so many days later ([`LATER`]) when it is seen in the week that begins then
//! ([`WINDOW_DAYS`]): a telescope of few addresses does not see every source every day. Whether that is known depends on the
//! week alone and never on what was seen in it: its last day must have been looked at, and enough of its days observed.
//!
//! Compared are addresses of the same *stratum* (region and kind of mark), last seen on the same day before the
//! notification, that had not been notified by then. That they were notified later does not take them out: who lasts is
//! notified in the end, so that the others would be those that vanish early. There are always many more or fewer of them than of the notified, day by day; so
//! each notified address weighs the share among its own, and what results is the share that the notified would have had, had
//! they behaved as the others did. An address that serves as comparison for several notifications is one address: the effective
//! number of addresses compared is Kish's, the square of the sum of their weights by the sum of the squares.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde::Serialize;

use crate::Day;
use crate::invalid::Invalid;

/// Days after the notification at which a window begins.
pub const LATER: [i32; 2] = [7, 30];
/// Length of a window in which an address is looked for.
pub const WINDOW_DAYS: i32 = 7;
/// Days up to and with that of the notification on which an address must have been seen to be followed.
pub const RECENT_DAYS: i32 = 7;
/// Days of a window that must have been observed; as of the 7-day mean.
pub const OBSERVED_DAYS_MIN: usize = 4;
/// Standard errors of an interval: 95 %.
const Z: f64 = 1.959_963_984_540_054;
const BITS: i32 = 64;

/// On which days addresses were seen: a row for each address and stratum, as bits of days.
#[derive(Clone, Debug)]
pub struct Sightings {
    first: Day,
    stride: usize,
    addresses: Vec<u32>,
    strata: Vec<u32>,
    words: Vec<u64>,
}

/// When anything was observed, and up to which day is known what was.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// First day of `observed`.
    pub first: Day,
    /// Whether enough of the network observed, day by day; the last of them is the last day that was looked at.
    pub observed: Vec<bool>,
}

/// A notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The address.
    pub address: u32,
    /// When.
    pub day: Day,
    /// Group that it counts with, from 0: a kind of recipient, or a recipient.
    pub group: usize,
}

/// From least to most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Least.
    pub low: f64,
    /// Most.
    pub high: f64,
}

/// A share with what chance leaves open (95 %).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// The share, 0 to 1.
    pub share: f64,
    /// Its interval.
    pub interval: Interval,
}

/// What is seen of a group some days later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// Days after the notification.
    pub later: i32,
    /// Addresses whose week is not over yet.
    pub pending: u64,
    /// Addresses in whose week too little was observed.
    pub unobserved: u64,
    /// Addresses of which it is known whether they were seen.
    pub known: u64,
    /// Of them, still seen.
    pub seen: u64,
    /// Of the known, those that have others to be compared with.
    pub matched: u64,
    /// Of these, still seen.
    pub matched_seen: u64,
    /// Different addresses that they are compared with.
    pub others: u64,
    /// Share of these still seen, each notified address weighing that of its own.
    pub others_share: f64,
    /// Effective number of them, at most `others`.
    pub others_effective: f64,
}

/// What became of the addresses of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Group {
    /// Addresses notified.
    pub notified: u64,
    /// Of them, seen in the week up to the notification: those that are followed.
    pub followed: u64,
    /// At each of [`LATER`].
    pub outcomes: [Outcome; LATER.len()],
}

/// Those not notified that a notification is compared with: what they have in common.
struct Cell {
    day: Day,
    notified: Vec<(usize, u64)>,
    others: u64,
    others_seen: [u64; LATER.len()],
}

/// An address in [`Sightings`].
#[derive(Clone, Copy)]
struct Source<'a> {
    first: Day,
    stride: usize,
    strata: &'a [u32],
    words: &'a [u64],
}

/// Groups and cells while they are filled.
struct Tally<'a> {
    calendar: &'a Calendar,
    groups: Vec<Group>,
    cells: Vec<Cell>,
    /// Cells by stratum and the day on which an address was last seen.
    places: HashMap<(u32, Day), Vec<usize>>,
}

impl Sightings {
    /// None yet, of so many days from the first on.
    #[must_use]
    pub fn new(first: Day, days: usize) -> Sightings {
        Sightings {
            first,
            stride: days.div_ceil(64),
            addresses: Vec::new(),
            strata: Vec::new(),
            words: Vec::new(),
        }
    }

    /// Words of 64 days that a row has.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Adds the row of an address and stratum. Bit n of word m stands for day 64·m + n. On a day with several strata the row that
    /// was added first tells.
    ///
    /// # Errors
    /// When the address is smaller than the one before, or the words are more or fewer than the days need.
    pub fn push(&mut self, address: u32, stratum: u32, words: &[u64]) -> Result<(), Invalid> {
        if words.len() != self.stride {
            return Err(Invalid::Length {
                what: "words of days",
                found: words.len(),
                expected: self.stride,
            });
        }
        if self.addresses.last().is_some_and(|last| *last > address) {
            return Err(Invalid::Number {
                what: "an address",
                value: f64::from(address),
                must: "not smaller than the one before",
            });
        }
        self.addresses.push(address);
        self.strata.push(stratum);
        self.words.extend_from_slice(words);
        Ok(())
    }

    fn source(&self, rows: std::ops::Range<usize>) -> Source<'_> {
        let words = rows.start * self.stride..rows.end * self.stride;
        Source {
            first: self.first,
            stride: self.stride,
            strata: self.strata.get(rows).unwrap_or_default(),
            words: self.words.get(words).unwrap_or_default(),
        }
    }

    fn find(&self, address: u32) -> Source<'_> {
        let from = self.addresses.partition_point(|known| *known < address);
        let to = self.addresses.partition_point(|known| *known <= address);
        self.source(from..to)
    }

    fn sources(&self) -> impl Iterator<Item = (u32, Source<'_>)> {
        let mut from = 0;
        self.addresses.chunk_by(|one, next| one == next).map(move |run| {
            let rows = from..from + run.len();
            from = rows.end;
            (run.first().copied().unwrap_or_default(), self.source(rows))
        })
    }
}

impl Source<'_> {
    fn has(&self, row: usize, day: Day) -> bool {
        let at = day - self.first;
        let word = usize::try_from(at / BITS).ok().filter(|word| at >= 0 && *word < self.stride);
        let word = word.and_then(|word| self.words.get(row * self.stride + word));
        word.is_some_and(|word| word >> (at % BITS) & 1 == 1)
    }

    /// Whether it is seen from one day to another.
    fn is_seen(&self, from: Day, to: Day) -> bool {
        (from..=to).any(|day| self.stratum(day).is_some())
    }

    /// What it counts with on a day; `None` when it was not seen.
    fn stratum(&self, day: Day) -> Option<u32> {
        let rows = self.strata.iter().enumerate();
        rows.filter(|(row, _)| self.has(*row, day)).map(|(_, stratum)| *stratum).next()
    }

    /// The days on which it was seen, with the stratum of each.
    fn days(&self) -> impl Iterator<Item = (Day, u32)> {
        let rows = || self.words.chunks_exact(self.stride.max(1));
        let word = move |word: usize| rows().fold(0, |days, row| days | row.get(word).copied().unwrap_or_default());
        let begins = (self.first..).step_by(64);
        let days = begins.zip((0..self.stride).map(word));
        let days = days.flat_map(|(begin, word)| (begin..begin.saturating_add(BITS)).filter(move |day| word >> (day - begin) & 1 == 1));
        days.filter_map(|day| Some((day, self.stratum(day)?)))
    }
}

impl Calendar {
    fn last(&self) -> Day {
        let days = i32::try_from(self.observed.len()).unwrap_or(i32::MAX);
        self.first.saturating_add(days).saturating_sub(1)
    }

    /// Whether the week so many days after a notification is over, and if so whether enough of it was observed.
    fn is_known(&self, day: Day, later: i32) -> Option<bool> {
        let (from, to) = window(day, later);
        (to <= self.last()).then(|| {
            let at = |day: Day| usize::try_from(day - self.first).ok().and_then(|at| self.observed.get(at));
            (from..=to).filter(|day| at(*day) == Some(&true)).count() >= OBSERVED_DAYS_MIN
        })
    }
}

impl Interval {
    /// Whether it holds a number.
    #[must_use]
    pub fn has(&self, number: f64) -> bool {
        (self.low..=self.high).contains(&number)
    }
}

impl Outcome {
    /// Share of the known that is still seen; `None` when nothing is known.
    #[must_use]
    pub fn share(&self) -> Option<Share> {
        wilson(self.seen as f64, self.known as f64)
    }

    /// The same of those not notified; `None` when there are none.
    #[must_use]
    pub fn others(&self) -> Option<Share> {
        wilson(self.others_share * self.others_effective, self.others_effective)
    }

    /// Share of the notified less that of the others, with its interval (-1 to 1). Both are of those that have others to be compared
    /// with.
    #[must_use]
    pub fn difference(&self) -> Option<Share> {
        let (notified, others) = (wilson(self.matched_seen as f64, self.matched as f64)?, self.others()?);
        // Newcombe's square-and-add interval (Statistics in Medicine 17, 1998, pages 873-890).
        let share = notified.share - others.share;
        let reach = |one: f64, other: f64| one.hypot(other);
        Some(Share {
            share,
            interval: Interval {
                low: share - reach(notified.share - notified.interval.low, others.interval.high - others.share),
                high: share + reach(notified.interval.high - notified.share, others.share - others.interval.low),
            },
        })
    }
}

/// The share of a part in a whole with Wilson's score interval, which is sound for few and for shares near 0 and 1.
#[must_use]
pub fn wilson(part: f64, whole: f64) -> Option<Share> {
    if !(whole > 0.0 && whole.is_finite() && (0.0..=whole * (1.0 + 1e-9)).contains(&part)) {
        return None;
    }
    let share = (part / whole).min(1.0);
    let square = Z * Z;
    let middle = (share + square / (2.0 * whole)) / (1.0 + square / whole);
    let reach = Z * (share * (1.0 - share) / whole + square / (4.0 * whole * whole)).sqrt() / (1.0 + square / whole);
    Some(Share {
        share,
        interval: Interval {
            low: (middle - reach).clamp(0.0, share),
            high: (middle + reach).clamp(share, 1.0),
        },
    })
}

/// First and last day of the week that begins so many days after a notification.
#[must_use]
pub const fn window(day: Day, later: i32) -> (Day, Day) {
    (day + later, day + later + WINDOW_DAYS - 1)
}

/// Which strata, and on which days, the others are needed of: (stratum, day last seen), each once, in order.
#[must_use]
pub fn needed(notifications: &[Notification], sightings: &Sightings) -> Vec<(u32, Day)> {
    let place = |one: &Notification| last_seen(&sightings.find(one.address), one.day);
    let mut places: Vec<(u32, Day)> = notifications.iter().filter_map(place).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Follows the notified addresses and those to compare them with. `sightings` holds the notified, `others` the others; `since`
/// says of any address when it was first notified, if ever. One result for each group, and behind them one for all together. A notification of a
/// group that there is not counts with all only; an address that is handed in twice counts twice.
#[must_use]
pub fn follow(
    notifications: &[Notification],
    groups: usize,
    sightings: &Sightings,
    others: &Sightings,
    since: &HashMap<u32, Day>,
    calendar: &Calendar,
) -> Vec<Group> {
    let mut tally = Tally {
        calendar,
        groups: vec![Group::new(); groups + 1],
        cells: Vec::new(),
        places: HashMap::new(),
    };
    let mut at: HashMap<(u32, Day, Day), usize> = HashMap::new();
    for one in notifications {
        let source = sightings.find(one.address);
        let place = tally.notified(one, groups, &source);
        if let Some((stratum, last)) = place {
            let cell = *at.entry((stratum, last, one.day)).or_insert(tally.cells.len());
            tally.place(cell, stratum, last, one, groups);
        }
    }
    for (address, source) in others.sources() {
        tally.count(&source, since.get(&address).copied());
    }
    tally.matched(notifications, groups, sightings, &at);
    tally.weigh(others, since);
    tally.groups
}

/// The groups that a notification counts with: its own, if there is such, and all together, which stand behind the others.
fn counted_with(one: &Notification, groups: usize) -> impl Iterator<Item = usize> {
    (one.group < groups).then_some(one.group).into_iter().chain([groups])
}

/// Where an address belongs that was seen in the week up to a day: its stratum when last seen, and when.
fn last_seen(source: &Source<'_>, day: Day) -> Option<(u32, Day)> {
    (0..RECENT_DAYS).find_map(|back| Some((source.stratum(day - back)?, day - back)))
}

impl Group {
    fn new() -> Group {
        Group {
            outcomes: LATER.map(|later| Outcome {
                later,
                ..Outcome::default()
            }),
            ..Group::default()
        }
    }
}

impl Tally<'_> {
    /// Counts a notified address; where it belongs, if it is followed.
    fn notified(&mut self, one: &Notification, groups: usize, source: &Source<'_>) -> Option<(u32, Day)> {
        let place = last_seen(source, one.day);
        for group in counted_with(one, groups) {
            let Some(group) = self.groups.get_mut(group) else { continue };
            group.notified += 1;
            if place.is_none() {
                continue;
            }
            group.followed += 1;
            for outcome in &mut group.outcomes {
                let (from, to) = window(one.day, outcome.later);
                match self.calendar.is_known(one.day, outcome.later) {
                    None => outcome.pending += 1,
                    Some(false) => outcome.unobserved += 1,
                    Some(true) => {
                        outcome.known += 1;
                        outcome.seen += u64::from(source.is_seen(from, to));
                    }
                }
            }
        }
        place
    }

    fn place(&mut self, cell: usize, stratum: u32, last: Day, one: &Notification, groups: usize) {
        if cell == self.cells.len() {
            self.cells.push(Cell {
                day: one.day,
                notified: Vec::new(),
                others: 0,
                others_seen: [0; LATER.len()],
            });
            self.places.entry((stratum, last)).or_default().push(cell);
        }
        let Some(cell) = self.cells.get_mut(cell) else { return };
        for group in counted_with(one, groups) {
            match cell.notified.iter_mut().find(|(known, _)| *known == group) {
                Some((_, number)) => *number += 1,
                None => cell.notified.push((group, 1)),
            }
        }
    }

    /// The cells in which an address stands for comparison that is notified from a day on, if ever.
    fn cells_of(&self, source: &Source<'_>, since: Option<Day>) -> Vec<usize> {
        let mut cells = Vec::new();
        for (last, stratum) in source.days() {
            let here = self.places.get(&(stratum, last)).into_iter().flatten();
            let stands = |at: &&usize| {
                let day = self.cells.get(**at).map_or(last, |cell| cell.day);
                since.is_none_or(|since| day < since) && !source.is_seen(last + 1, day)
            };
            cells.extend(here.filter(stands));
        }
        cells
    }

    fn count(&mut self, source: &Source<'_>, since: Option<Day>) {
        for at in self.cells_of(source, since) {
            let Some(cell) = self.cells.get_mut(at) else { continue };
            cell.others += 1;
            for (seen, later) in cell.others_seen.iter_mut().zip(LATER) {
                let (from, to) = window(cell.day, later);
                *seen += u64::from(source.is_seen(from, to));
            }
        }
    }

    /// Counts the notified that have others to be compared with, and what their shares come to.
    fn matched(&mut self, notifications: &[Notification], groups: usize, sightings: &Sightings, at: &HashMap<(u32, Day, Day), usize>) {
        for one in notifications {
            let source = sightings.find(one.address);
            let Some((stratum, last)) = last_seen(&source, one.day) else {
                continue;
            };
            let cell = at.get(&(stratum, last, one.day)).and_then(|at| self.cells.get(*at));
            let Some(cell) = cell.filter(|cell| cell.others > 0) else {
                continue;
            };
            for group in counted_with(one, groups) {
                let Some(group) = self.groups.get_mut(group) else { continue };
                for (outcome, others_seen) in group.outcomes.iter_mut().zip(cell.others_seen) {
                    if self.calendar.is_known(one.day, outcome.later) != Some(true) {
                        continue;
                    }
                    let (from, to) = window(one.day, outcome.later);
                    outcome.matched += 1;
                    outcome.matched_seen += u64::from(source.is_seen(from, to));
                    outcome.others_share += others_seen as f64 / cell.others as f64;
                }
            }
        }
        for outcome in self.groups.iter_mut().flat_map(|group| &mut group.outcomes) {
            if outcome.matched > 0 {
                outcome.others_share /= outcome.matched as f64;
            }
        }
    }

    /// The number of the others, and how many they are in effect.
    fn weigh(&mut self, others: &Sightings, since: &HashMap<u32, Day>) {
        let mut squares = vec![[0.0; LATER.len()]; self.groups.len()];
        let mut weights = squares.clone();
        for (address, source) in others.sources() {
            weights.fill([0.0; LATER.len()]);
            for at in self.cells_of(&source, since.get(&address).copied()) {
                let Some(cell) = self.cells.get(at) else { continue };
                let known = LATER.map(|later| self.calendar.is_known(cell.day, later) == Some(true));
                for (group, notified) in &cell.notified {
                    let (Some(weight), Some(group)) = (weights.get_mut(*group), self.groups.get(*group)) else {
                        continue;
                    };
                    for ((weight, outcome), _) in weight.iter_mut().zip(&group.outcomes).zip(known).filter(|(_, known)| *known) {
                        *weight += *notified as f64 / (cell.others as f64 * outcome.matched.max(1) as f64);
                    }
                }
            }
            for ((group, weight), square) in self.groups.iter_mut().zip(&weights).zip(&mut squares) {
                for ((outcome, weight), square) in group.outcomes.iter_mut().zip(weight).zip(square) {
                    outcome.others += u64::from(*weight > 0.0);
                    *square += weight * weight;
                }
            }
        }
        for (group, square) in self.groups.iter_mut().zip(squares) {
            for (outcome, square) in group.outcomes.iter_mut().zip(square) {
                if square > 0.0 {
                    outcome.others_effective = (1.0 / square).min(outcome.others as f64);
                }
            }
        }
    }
}
