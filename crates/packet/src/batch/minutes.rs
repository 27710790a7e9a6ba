//! Minutes of health while a batch is open: rows of one minute add up.

use std::collections::HashMap;

use super::{MINUTE_US, MINUTES_MAX, Minute};

impl Minute {
    /// Begin of the minute that a time is in; both in microseconds since 1970.
    #[inline]
    #[must_use]
    pub const fn begin_of(time_us: i64) -> i64 {
        // Only the first minute of all that can be said begins before there are numbers for it.
        time_us.saturating_sub(time_us.rem_euclid(MINUTE_US))
    }

    /// Adds what another row says of the same minute.
    pub fn add(&mut self, other: &Minute) {
        self.up |= other.up;
        self.seen = self.seen.saturating_add(other.seen);
        self.kept = self.kept.saturating_add(other.kept);
        self.unreadable = self.unreadable.saturating_add(other.unreadable);
        self.dropped_kernel = self.dropped_kernel.saturating_add(other.dropped_kernel);
        self.dropped_spool = self.dropped_spool.saturating_add(other.dropped_spool);
        self.missed = self.missed.saturating_add(other.missed);
        self.ring_fill_permille = self.ring_fill_permille.max(other.ring_fill_permille);
    }
}

/// Rows by minute, in the order they were first told of.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    rows: Vec<Minute>,
    places: HashMap<i64, usize>,
    /// Place of the minute that was last asked for.
    current: usize,
}

impl Minutes {
    /// The row of the minute that `time_us` is in; none when there are too many.
    #[inline]
    pub(super) fn at(&mut self, time_us: i64) -> Option<&mut Minute> {
        let is_current = |minute: &Minute| matches!(time_us.checked_sub(minute.begin_us), Some(0..MINUTE_US));
        if !self.rows.get(self.current).is_some_and(is_current) {
            self.turn_to(Minute::begin_of(time_us))?;
        }
        self.rows.get_mut(self.current)
    }

    #[cold]
    fn turn_to(&mut self, begin_us: i64) -> Option<()> {
        self.current = match self.places.get(&begin_us) {
            Some(place) => *place,
            None if self.rows.len() >= MINUTES_MAX => return None,
            None => {
                self.places.insert(begin_us, self.rows.len());
                self.rows.push(Minute {
                    begin_us,
                    ..Minute::default()
                });
                self.rows.len() - 1
            }
        };
        Some(())
    }

    pub(super) fn rows(&self) -> &[Minute] {
        &self.rows
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.places.clear();
        self.current = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_find_their_minute() {
        let mut minutes = Minutes::default();
        for time_us in [0, 59_999_999, 60_000_000, -1, 1, i64::MAX, i64::MIN, 60_000_001] {
            minutes.at(time_us).unwrap().seen += 1;
        }
        let seen: Vec<(i64, u64)> = minutes.rows().iter().map(|row| (row.begin_us, row.seen)).collect();
        let last = Minute::begin_of(i64::MAX);
        assert_eq!(seen, [(0, 3), (60_000_000, 2), (-60_000_000, 1), (last, 1), (i64::MIN, 1)]);
    }
}
