//! Ranks of the largest, beside their ranks of the period before.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::invalid::{Invalid, amount};

/// Rows of a table in the report, by default; the quarterly report's tables have five.
pub const SHOWN: u32 = 5;
/// Ranks of the period before that are told by number; below it says "outside the top 10", as the published tables do.
pub const KNOWN: u32 = 10;

/// Values of a period by key, in any order. A key that comes twice is added up; a value of zero has no rank.
#[derive(Clone, Copy, Debug)]
pub struct Period<'a, K> {
    /// Key and value: packets, packets a sensor-day, distinct or cumulative sources. Finite, not negative.
    pub rows: &'a [(K, f64)],
    /// What shares are taken of; `None`: the sum of the rows. Needed where the rows are only the largest, and
    /// where they overlap (distinct sources by port).
    pub total: Option<f64>,
    /// Whether a key that is not in the rows really had nothing, which is not so when only the largest were asked for.
    pub complete: bool,
}

/// How deep to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Entries returned; "entered" and "left" speak of these.
    pub shown: u32,
    /// Previous ranks told by number.
    pub known: u32,
}

/// The rank in the period before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Previous {
    /// This one.
    Rank(u32),
    /// Below this many, which are the known ones.
    Outside(u32),
    /// Nothing at all was seen of it.
    New,
    /// There is no period before.
    Unobserved,
}

/// One of the largest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry<K> {
    /// Which.
    pub key: K,
    /// Rank from 1; equal values have the same rank and stand in the order of their keys (1, 2, 2, 4).
    pub rank: u32,
    /// Its value.
    pub value: f64,
    /// Share of the total, per cent; `None` when the total is zero.
    pub percent: Option<f64>,
    /// Rank in the period before.
    pub previous: Previous,
    /// Value in the period before, where it is known.
    pub previous_value: Option<f64>,
    /// Whether it was not among the shown in the period before.
    pub entered: bool,
}

/// One that was among the shown in the period before and is no more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Left<K> {
    /// Which.
    pub key: K,
    /// Its rank then.
    pub previous: u32,
    /// Its rank now; `None` when nothing is listed of it.
    pub rank: Option<u32>,
}

/// The largest of a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranking<K> {
    /// The largest, at most [`Depth::shown`].
    pub entries: Vec<Entry<K>>,
    /// Who fell out of them, by previous rank.
    pub left: Vec<Left<K>>,
    /// What the shares are taken of.
    pub total: f64,
}

struct Placed {
    rank: u32,
    value: f64,
}

impl Default for Depth {
    fn default() -> Self {
        Depth {
            shown: SHOWN,
            known: KNOWN,
        }
    }
}

/// Ranks the keys of a period.
///
/// # Errors
/// When a value or total is NaN, infinite or negative, a sum overflows, or a value is larger than its total.
pub fn rank<K: Ord + Clone>(now: &Period<'_, K>, before: Option<&Period<'_, K>>, depth: Depth) -> Result<Ranking<K>, Invalid> {
    let (order, total) = place(now)?;
    let earlier = before.map(place).transpose()?.map(|(order, _)| order);
    let earlier_ranks: BTreeMap<&K, &Placed> = earlier.iter().flatten().map(|(key, placed)| (key, placed)).collect();
    let shown = usize::try_from(depth.shown).unwrap_or(usize::MAX);
    let was_shown = |key: &K| earlier.iter().flatten().take(shown).any(|(other, _)| other == key);
    let entries: Vec<Entry<K>> = order
        .iter()
        .take(shown)
        .map(|(key, placed)| {
            let earlier_placed = earlier_ranks.get(key);
            Entry {
                key: key.clone(),
                rank: placed.rank,
                value: placed.value,
                percent: (total > 0.0).then(|| 100.0 * (placed.value / total)),
                previous: previous(before, earlier_placed.map(|placed| placed.rank), depth.known),
                previous_value: earlier_placed.map(|placed| placed.value),
                entered: before.is_some() && !was_shown(key),
            }
        })
        .collect();
    let left = earlier
        .iter()
        .flatten()
        .take(shown)
        .filter(|(key, _)| !entries.iter().any(|entry| entry.key == *key))
        .map(|(key, placed)| Left {
            key: key.clone(),
            previous: placed.rank,
            rank: order.iter().find(|(other, _)| other == key).map(|(_, placed)| placed.rank),
        })
        .collect();
    Ok(Ranking { entries, left, total })
}

fn previous<K>(before: Option<&Period<'_, K>>, rank: Option<u32>, known: u32) -> Previous {
    match (before, rank) {
        (None, _) => Previous::Unobserved,
        (Some(_), Some(rank)) if rank <= known => Previous::Rank(rank),
        (Some(_), Some(_)) => Previous::Outside(known),
        (Some(period), None) if period.complete => Previous::New,
        (Some(_), None) => Previous::Outside(known),
    }
}

/// Keys by falling value, equal ones by key, and the total.
fn place<K: Ord + Clone>(period: &Period<'_, K>) -> Result<(Vec<(K, Placed)>, f64), Invalid> {
    let mut sums: BTreeMap<&K, f64> = BTreeMap::new();
    for (key, value) in period.rows {
        *sums.entry(key).or_default() += amount("a value to be ranked", *value)?;
    }
    let sum = amount("the sum of the values to be ranked", sums.values().sum())?;
    let mut order: Vec<(&K, f64)> = sums.into_iter().filter(|(_, value)| *value > 0.0).collect();
    // Stable: equal values keep the order of the keys.
    order.sort_by(|left, right| right.1.total_cmp(&left.1));
    let total = amount("the total of a ranking", period.total.unwrap_or(sum))?;
    if order.first().is_some_and(|(_, largest)| *largest > total) {
        return Err(Invalid::Number {
            what: "the total of a ranking",
            value: total,
            must: "at least as large as each value",
        });
    }
    let mut placed: Vec<(K, Placed)> = Vec::with_capacity(order.len());
    for (index, (key, value)) in order.into_iter().enumerate() {
        let rank = match placed.last() {
            // Equal as counted, so the same bits; a tolerance would make a chain of near values one rank.
            Some((_, above)) if above.value.total_cmp(&value).is_eq() => above.rank,
            Some(_) | None => u32::try_from(index + 1).unwrap_or(u32::MAX),
        };
        placed.push((key.clone(), Placed { rank, value }));
    }
    Ok((placed, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<'a>(rows: &'a [(&'a str, f64)]) -> Period<'a, &'a str> {
        Period {
            rows,
            total: None,
            complete: true,
        }
    }

    /// Entries as `rank key previous`, with `+` for entered; then who left.
    fn told(ranking: &Ranking<&str>) -> String {
        let mut text: Vec<String> = ranking
            .entries
            .iter()
            .map(|entry| {
                let previous = match entry.previous {
                    Previous::Rank(rank) => rank.to_string(),
                    Previous::Outside(top) => format!(">{top}"),
                    Previous::New => "new".to_owned(),
                    Previous::Unobserved => "?".to_owned(),
                };
                format!("{} {} {previous}{}", entry.rank, entry.key, if entry.entered { "+" } else { "" })
            })
            .collect();
        text.extend(
            ranking
                .left
                .iter()
                .map(|left| format!("-{} {} {:?}", left.previous, left.key, left.rank)),
        );
        text.join(", ")
    }

    /// The quarterly table of Apr-Jun 2022: 23 was 2, 6379 was 1, 22 was 4, 80 was 6, ICMP 10.
    #[test]
    fn published_table() {
        let now = [
            ("23", 90.0),
            ("6379", 50.0),
            ("22", 40.0),
            ("80", 30.0),
            ("icmp", 20.0),
            ("445", 10.0),
        ];
        let before = [
            ("6379", 90.0),
            ("23", 80.0),
            ("445", 70.0),
            ("22", 60.0),
            ("123", 50.0),
            ("80", 40.0),
            ("8080", 30.0),
            ("5555", 20.0),
            ("81", 10.0),
            ("icmp", 5.0),
        ];
        let ranking = rank(&all(&now), Some(&all(&before)), Depth::default()).unwrap();
        assert_eq!(
            told(&ranking),
            "1 23 2, 2 6379 1, 3 22 4, 4 80 6+, 5 icmp 10+, -3 445 Some(6), -5 123 None"
        );
        assert_eq!(ranking.entries[0].percent, Some(37.5));
    }

    #[test]
    fn ties_new_outside_unobserved() {
        let now = [("b", 5.0), ("a", 5.0), ("c", 9.0), ("d", 1.0), ("zero", 0.0), ("d", 2.0)];
        let depth = Depth { shown: 4, known: 1 };
        let none: [(&str, f64); 0] = [];
        for (before, complete, expected) in [
            (None, true, "1 c ?, 2 a ?, 2 b ?, 4 d ?"),
            (Some(&none[..]), true, "1 c new+, 2 a new+, 2 b new+, 4 d new+"),
            (Some(&none[..]), false, "1 c >1+, 2 a >1+, 2 b >1+, 4 d >1+"),
            (Some(&[("a", 1.0), ("b", 3.0)][..]), true, "1 c new+, 2 a >1, 2 b 1, 4 d new+"),
        ] {
            let before = before.map(|rows| Period {
                rows,
                total: None,
                complete,
            });
            assert_eq!(told(&rank(&all(&now), before.as_ref(), depth).unwrap()), expected);
        }
    }

    #[test]
    fn order_does_not_depend_on_the_order_of_rows() {
        let rows = [("a", 2.0), ("b", 2.0), ("c", 2.0), ("d", 1.0)];
        let reversed: Vec<_> = rows.into_iter().rev().collect();
        let ranked = |rows| rank(&all(rows), None, Depth::default()).unwrap();
        assert_eq!(ranked(&rows), ranked(&reversed));
    }

    #[test]
    fn hostile_values_are_refused_or_survived() {
        for value in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(rank(&all(&[("a", value)]), None, Depth::default()).is_err(), "{value}");
        }
        assert!(rank(&all(&[("a", f64::MAX), ("b", f64::MAX)]), None, Depth::default()).is_err());
        let small_total = Period {
            rows: &[("a", 2.0)],
            total: Some(1.0),
            complete: false,
        };
        assert!(rank(&small_total, None, Depth::default()).is_err());
        let huge = u64::MAX as f64;
        let rows = [("a", huge), ("b", huge)];
        let ranking = rank(&all(&rows), None, Depth::default()).unwrap();
        assert_eq!(ranking.entries[1].percent, Some(50.0));
        let empty = rank(&all(&[]), None, Depth::default()).unwrap();
        assert!(empty.entries.is_empty() && empty.left.is_empty());
        assert!(
            rank(&all(&[("a", 1.0)]), None, Depth { shown: 0, known: 0 })
                .unwrap()
                .entries
                .is_empty()
        );
    }
}
