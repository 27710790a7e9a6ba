//! Swings: ups and downs from day to day and week to week that are clearly larger than the noise and come back.

use crate::daily::LEVEL_OF_COUNTS;
use crate::mean::{centred, median, quantile};

/// Half the days of the mean from which a swing is measured: waves up to about twice this long are seen.
const AROUND_HALF: usize = 7;

/// Least size of an up or a down, in standard deviations of a mean of three days.
const LEG_SDS: f64 = 4.5;

/// Least size of three in four of the ups and downs of a swing, in standard deviations of a day: noise that remembers
/// for some days makes waves of three, and the sides of a bulge give only a few large ones.
const SIZE_MIN: f64 = 3.4;

/// Least size of an up or a down relative to the level.
const LEG_PART: f64 = 0.06;

/// Least size of the first and of the last up or down, relative to the median of all.
const END_LEG_PART: f64 = 0.5;

/// Most days from a turn to the next.
const LEG_DAYS_MAX: usize = 10;

/// Fewest ups and downs in a row.
const LEGS_MIN: usize = 5;

/// A time in which a series swung; indices into its window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Zone {
    /// First day.
    pub(crate) from: usize,
    /// Last day.
    pub(crate) to: usize,
    /// Turns between.
    pub(crate) turns: u32,
    /// Days from one crest to the next.
    pub(crate) period: usize,
    /// Typical crest divided by typical trough.
    pub(crate) factor: f64,
    /// Size that three in four of the ups and downs exceed, in standard deviations of a day.
    pub(crate) size: f64,
}

/// A turn: where, and whether it is a crest.
#[derive(Clone, Copy, Debug)]
struct Turn {
    at: usize,
    crest: bool,
}

/// Where `rates` swing, given their slow `level` and the standard deviation of each day.
pub(crate) fn zones(rates: &[f64], level: &[f64], noise: &[f64]) -> Vec<Zone> {
    if rates.len() < 2 * AROUND_HALF {
        return Vec::new();
    }
    let short = centred(rates, 1);
    let around = centred(rates, AROUND_HALF);
    let wave: Vec<f64> = short.iter().zip(&around).map(|(short, around)| short - around).collect();
    let least: Vec<f64> = noise
        .iter()
        .zip(level)
        .map(|(noise, level)| {
            // Where most days count next to nothing every packet would be a crest.
            if *level < LEVEL_OF_COUNTS {
                f64::INFINITY
            } else {
                (LEG_SDS * noise / 3.0f64.sqrt()).max(LEG_PART * level)
            }
        })
        .collect();
    let turns = turns(&wave, &least);
    let mut found = Vec::new();
    let mut start = 0;
    for next in 1..=turns.len() {
        let goes_on = next < turns.len() && turns[next].at - turns[next - 1].at <= LEG_DAYS_MAX;
        if !goes_on {
            let of_swing = trimmed(&turns[start..next], &short);
            if of_swing.len() > LEGS_MIN {
                let zone = zone(of_swing, &wave, &short, noise);
                if zone.size >= SIZE_MIN {
                    found.push(zone);
                }
            }
            start = next;
        }
    }
    found
}

/// Turns of `wave` between which it moves by at least `least`.
fn turns(wave: &[f64], least: &[f64]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    let (mut high, mut low) = (0, 0);
    // Whether the last turn was a trough, so that a crest is looked for; `None` before the first.
    let mut rising: Option<bool> = None;
    for day in 1..wave.len() {
        if wave[day] > wave[high] {
            high = day;
        }
        if wave[day] < wave[low] {
            low = day;
        }
        if rising != Some(false) && wave[high] - wave[day] >= least[day] {
            turns.push(Turn { at: high, crest: true });
            rising = Some(false);
            low = day;
        } else if rising != Some(true) && wave[day] - wave[low] >= least[day] {
            turns.push(Turn { at: low, crest: false });
            rising = Some(true);
            high = day;
        }
    }
    turns
}

/// `turns` without those at the ends whose leg is small beside the others in the means themselves: a calm beside a
/// swing looks like a leg of it, as the mean around its days has part of the swing.
fn trimmed<'a>(mut turns: &'a [Turn], short: &[f64]) -> &'a [Turn] {
    let leg = |pair: &[Turn]| (short[pair[0].at] - short[pair[1].at]) * if pair[0].crest { 1.0 } else { -1.0 };
    let mut legs: Vec<f64> = turns.windows(2).map(leg).collect();
    let least = END_LEG_PART * median(&mut legs);
    while turns.len() > 2 && leg(&turns[..2]) < least {
        turns = &turns[1..];
    }
    while turns.len() > 2 && leg(&turns[turns.len() - 2..]) < least {
        turns = &turns[..turns.len() - 1];
    }
    turns
}

fn zone(turns: &[Turn], wave: &[f64], short: &[f64], noise: &[f64]) -> Zone {
    let (first, last) = (turns[0], turns[turns.len() - 1]);
    // The first turn is the extreme of a long calm; the swing starts where the first leg leaves it.
    let near = |at: usize, turn: Turn, next: Turn| (wave[at] - wave[turn.at]).abs() <= 0.15 * (wave[next.at] - wave[turn.at]).abs();
    let second = turns[1];
    let from = (first.at..second.at).rev().find(|&at| near(at, first, second)).unwrap_or(first.at);
    let before = turns[turns.len() - 2];
    let to = (before.at + 1..=last.at).find(|&at| near(at, last, before)).unwrap_or(last.at);
    let middle = |crest: bool| {
        let mut levels: Vec<f64> = turns.iter().filter(|turn| turn.crest == crest).map(|turn| short[turn.at]).collect();
        median(&mut levels)
    };
    let (upper, lower) = (middle(true), middle(false));
    let mut legs: Vec<f64> = turns
        .windows(2)
        .map(|pair| (wave[pair[0].at] - wave[pair[1].at]).abs() / noise[pair[1].at])
        .collect();
    let inner = turns.len() - 1;
    Zone {
        from,
        to,
        turns: u32::try_from(turns.len().saturating_sub(2)).unwrap_or(u32::MAX),
        period: (2 * (last.at - first.at) + inner / 2)
            .checked_div(inner)
            .unwrap_or(7)
            .clamp(3, 2 * LEG_DAYS_MAX),
        // A trough without a packet is as good as one with half a packet.
        factor: upper.max(0.5) / lower.max(0.5),
        size: quantile(&mut legs, 0.25),
    }
}
