//! A quantity over time: straight lines between dated knots, in whole millionths so that every platform agrees.

use crate::day::Day;

/// One whole unit of a curve's value.
pub(crate) const MICRO: i64 = 1_000_000;

/// Largest value that a knot may have, in whole units; keeps all products inside 64 bits.
pub(crate) const VALUE_MAX: f64 = 10_000_000.0;

/// Values at dated knots, linear between them, constant before the first and after the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Curve {
    /// Day and value in millionths, days strictly rising, never empty.
    knots: Vec<(Day, i64)>,
}

impl Curve {
    /// The same value on every day; `None` when the value is not a number from 0 to [`VALUE_MAX`].
    pub(crate) fn constant(value: f64) -> Option<Curve> {
        Some(Curve {
            knots: vec![(Day(0), micro(value)?)],
        })
    }

    /// A curve through `knots`; `None` when there are none, days do not rise or a value is out of range.
    pub(crate) fn through(knots: &[(Day, f64)]) -> Option<Curve> {
        if knots.is_empty() || knots.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return None;
        }
        let knots = knots.iter().map(|&(day, value)| Some((day, micro(value)?)));
        Some(Curve {
            knots: knots.collect::<Option<_>>()?,
        })
    }

    /// The value on `day` in millionths.
    pub(crate) fn at(&self, day: Day) -> i64 {
        let after = self.knots.partition_point(|&(knot, _)| knot <= day);
        let left = after.checked_sub(1).and_then(|at| self.knots.get(at));
        match (left, self.knots.get(after)) {
            (Some(&(from, a)), Some(&(to, b))) => a + (b - a) * i64::from(day.0 - from.0) / i64::from(to.0 - from.0),
            (Some(&(_, value)), None) | (None, Some(&(_, value))) => value,
            (None, None) => 0,
        }
    }

    /// Whether the value is nought on every day.
    pub(crate) fn is_zero(&self) -> bool {
        self.knots.iter().all(|&(_, value)| value == 0)
    }
}

fn micro(value: f64) -> Option<i64> {
    if !(0.0..=VALUE_MAX).contains(&value) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "at most 10^13 by the check above, exact in both types")]
    Some((value * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_between_knots_and_flat_outside() {
        let curve = Curve::through(&[(Day(10), 1.0), (Day(14), 3.0), (Day(15), 0.0)]).unwrap();
        for (day, expected) in [
            (0, 1_000_000),
            (10, 1_000_000),
            (11, 1_500_000),
            (13, 2_500_000),
            (14, 3_000_000),
            (15, 0),
            (99, 0),
        ] {
            assert_eq!(curve.at(Day(day)), expected, "day {day}");
        }
    }

    #[test]
    fn what_is_no_curve_is_refused() {
        assert_eq!(Curve::through(&[]), None);
        assert_eq!(Curve::through(&[(Day(3), 1.0), (Day(3), 2.0)]), None);
        for value in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(Curve::constant(value), None, "{value}");
        }
    }
}
