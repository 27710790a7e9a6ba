//! Whole packets out of fractional shares, so that a day's sum is exact and rounding never piles up over the days.

/// Divides whole numbers among cells in proportion to weights, remembering what rounding owes each cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apportion {
    /// What each cell is still owed, in millionths of a packet (negative when it had too much).
    owed: Vec<i64>,
}

impl Apportion {
    /// Divides `total` among `weights.len()` cells; the result adds up to `total` (all nought when the weights are).
    pub(crate) fn divide(&mut self, total: u64, weights: &[u64]) -> Vec<u64> {
        self.owed.resize(weights.len(), 0);
        let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
        if sum == 0 {
            return vec![0; weights.len()];
        }
        let mut shares = Vec::with_capacity(weights.len());
        let mut given = 0u64;
        for (owed, &weight) in self.owed.iter_mut().zip(weights) {
            let due = u128::from(total) * 1_000_000 * u128::from(weight) / sum;
            *owed = owed.saturating_add(i64::try_from(due).unwrap_or(i64::MAX));
            // A cell without weight today keeps its claim for a day when it has some.
            let whole = if weight == 0 {
                0
            } else {
                u64::try_from((*owed).max(0) / 1_000_000).unwrap_or(0)
            };
            *owed -= i64::try_from(whole).unwrap_or(0) * 1_000_000;
            given += whole;
            shares.push(whole);
        }
        self.settle(total, given, weights, &mut shares);
        shares
    }

    /// Moves single packets to the cells that are owed most, or back from those owed least, until the sum is right.
    fn settle(&mut self, total: u64, mut given: u64, weights: &[u64], shares: &mut [u64]) {
        if given == total {
            return;
        }
        let mut order: Vec<usize> = (0..weights.len()).filter(|&cell| weights[cell] > 0).collect();
        order.sort_unstable_by_key(|&cell| (-self.owed[cell], cell));
        while given < total {
            for &cell in order.iter().take(usize::try_from(total - given).unwrap_or(usize::MAX)) {
                shares[cell] += 1;
                self.owed[cell] -= 1_000_000;
                given += 1;
            }
        }
        while given > total {
            let before = given;
            for &cell in order.iter().rev() {
                if given > total && shares[cell] > 0 {
                    shares[cell] -= 1;
                    self.owed[cell] += 1_000_000;
                    given -= 1;
                }
            }
            if before == given {
                return;
            }
        }
    }
}

/// Turns millionths into whole numbers day after day without losing the rest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carry(i64);

impl Carry {
    /// The whole part of what is due today and what was left over.
    pub(crate) fn whole(&mut self, due_micro: i64) -> u64 {
        self.0 = self.0.saturating_add(due_micro.max(0));
        let whole = self.0 / 1_000_000;
        self.0 -= whole * 1_000_000;
        u64::try_from(whole).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_and_shares_hold_in_the_long_run() {
        let mut apportion = Apportion::default();
        let weights = [700, 200, 90, 9, 1, 0];
        let mut sums = [0u64; 6];
        let mut total = 0;
        for day in 0..1000u64 {
            let today = day % 7;
            let shares = apportion.divide(today, &weights);
            assert_eq!(shares.iter().sum::<u64>(), today);
            shares.iter().zip(&mut sums).for_each(|(share, sum)| *sum += share);
            total += today;
        }
        for (sum, weight) in sums.iter().zip(weights) {
            assert!(sum.abs_diff(total * weight / 1000) <= 2, "{sums:?} of {total}");
        }
        assert_eq!(Apportion::default().divide(10, &[0, 0]), [0, 0]);
    }

    #[test]
    fn changing_weights_keep_the_sum() {
        let mut apportion = Apportion::default();
        for day in 0..300u64 {
            let weights = [day % 3, 5, day % 11, 0, u64::from(day == 200)];
            assert_eq!(apportion.divide(day % 5, &weights).iter().sum::<u64>(), day % 5, "day {day}");
        }
    }

    #[test]
    fn fractions_come_out_whole_later() {
        let mut carry = Carry::default();
        let days: u64 = (0..10).map(|_| carry.whole(300_000)).sum();
        assert_eq!(days, 3);
    }
}
