//! New ports: a subject of which there was practically nothing, and then a sustained presence.

use crate::daily::Daily;

/// Fewest observed days before the appearance.
const HISTORY_DAYS_MIN: usize = 21;

/// Most of the history, as part of the level afterwards.
const HISTORY_PART_MAX: f64 = 0.03;

/// Most of the history, in counts a day.
const HISTORY_RATE_MAX: f64 = 1.0;

/// Fewest days of presence.
const PRESENCE_DAYS_MIN: usize = 6;

/// Part of the days from the first to the last on which it must be there.
const PRESENCE_PART_MIN: f64 = 0.7;

/// Least level afterwards, in counts a day.
const LEVEL_MIN: f64 = 3.0;

/// An appearance; indices into the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Appearance {
    /// First day.
    pub(crate) from: usize,
    /// Last day on which it was there.
    pub(crate) to: usize,
    /// Mean rate from the first to the last.
    pub(crate) level: f64,
    /// Size in standard errors of a Poisson count of the history's rate.
    pub(crate) surprise: f64,
}

/// The appearance in `daily`, when there is one.
pub(crate) fn appearance(daily: &Daily) -> Option<Appearance> {
    let known: Vec<(usize, f64)> = daily
        .raw
        .iter()
        .enumerate()
        .filter_map(|(day, rate)| rate.map(|rate| (day, rate)))
        .collect();
    let (&(last, _), total) = (known.last()?, known.iter().map(|(_, rate)| rate).sum::<f64>());
    if total <= 0.0 || known.len() < HISTORY_DAYS_MIN + PRESENCE_DAYS_MIN {
        return None;
    }
    let mut before = 0.0;
    let mut best: Option<Appearance> = None;
    for (nth, &(from, rate)) in known.iter().enumerate() {
        let history = before / nth.max(1) as f64;
        let rest = &known[nth..];
        let level = (total - before) / rest.len() as f64;
        before += rate;
        if nth < HISTORY_DAYS_MIN || rate <= 0.0 || history > HISTORY_RATE_MAX || rest.len() < PRESENCE_DAYS_MIN {
            continue;
        }
        // Single packets of sweeps over all ports are no presence.
        let there = (4.0 * history).max(0.5);
        let start = rest.iter().take(4).filter(|(_, rate)| *rate > there).count();
        if rate <= there || start < 3 {
            continue;
        }
        let to = rest.iter().rev().find(|(_, rate)| *rate > there).map_or(last, |(day, _)| *day);
        let present: Vec<f64> = rest.iter().filter(|(day, _)| *day <= to).map(|(_, rate)| *rate).collect();
        let days = present.iter().filter(|rate| **rate > there).count();
        let present_level = present.iter().sum::<f64>() / present.len() as f64;
        let sustained = days >= PRESENCE_DAYS_MIN && days as f64 >= PRESENCE_PART_MIN * present.len() as f64;
        if !sustained || present_level < LEVEL_MIN || history > HISTORY_PART_MAX * level.max(present_level) {
            continue;
        }
        let error = ((history + 1.0 / nth as f64) * days as f64).sqrt();
        best = Some(Appearance {
            from,
            to,
            level: present_level,
            surprise: (present_level - history) * days as f64 / error,
        });
        break;
    }
    best
}
