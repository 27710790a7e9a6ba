//! Outages of networks in a region: its number of distinct sources falls, and it is not us who went blind.
//!
//! Expected is the median of the same hour (or the day) over the last four weeks without outage, times our own coverage. A count
//! is compared with it on the scale of square roots, on which a Poisson count has the same spread at every size,
//! widened by the dispersion that the four weeks show. Distinct sources shrink less than coverage does, since
//! sensors share sources; so little coverage is left out rather than corrected.

use serde::Serialize;

use crate::invalid::{Invalid, within};

/// Days of history, four weeks (as published surge rules have), so that each weekday counts the same.
pub const HISTORY_DAYS: usize = 28;
/// They are looked for so far back, since days without coverage and in an outage do not count.
pub const LOOKBACK_DAYS: usize = 56;
/// Of them there must be so many with coverage and without outage.
pub const HISTORY_MIN: usize = 14;
/// Part of the network that must have observed. Our own choice.
pub const COVERAGE_MIN: f64 = 0.7;
/// Fewer expected sources cannot fall significantly.
pub const EXPECTED_MIN: f64 = 12.0;
/// Standard errors by which the count must fall: by chance 3 times in ten million, and 250 regions by the hour
/// make half a million tests a quarter.
pub const SCORE_MIN: f64 = 5.0;
/// Observed over expected, at most, for an outage to begin. Our own choice: half is gone.
pub const BEGIN_RATIO: f64 = 0.5;
/// Observed over expected above which it is over. Our own choice: above where it began, lest it flicker.
pub const END_RATIO: f64 = 0.7;
/// Standard errors by which another region must have fallen (to [`END_RATIO`]) to count as fallen at the same time.
pub const NEIGHBOUR_SCORE: f64 = 2.0;
/// Part of the regions that fall at once above which it is probably us. Our own choice.
pub const OURS_PART: f64 = 1.0 / 3.0;
/// With fewer regions to compare with nothing can be said about whose outage it is.
pub const NEIGHBOURS_MIN: usize = 5;
/// A fall that stays longer is a new level and no outage, days. Our own choice.
pub const LASTING_DAYS: usize = 14;

const DAY_SECS: u32 = 86_400;
/// Makes the median absolute deviation a standard deviation for normal data.
const MAD_SCALE: f64 = 1.482_6;

/// The time axis, and how much of the network observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Begin of the first step, seconds since 1970.
    pub first_secs: i64,
    /// Length of a step: a day, or a part of it such as an hour, seconds.
    pub step_secs: u32,
    /// Part of the network that observed in each step, 0 to 1.
    pub coverage: Vec<f64>,
}

/// Distinct sources of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region<'a> {
    /// Region, ISO 3166-1 alpha-2.
    pub region: &'a str,
    /// Distinct sources in each step of the grid.
    pub sources: &'a [u64],
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The region's: most others went on as usual.
    Theirs,
    /// Probably our own: many regions fell at once.
    Ours,
    /// Too few other regions to compare with.
    Undecided,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Back at this time, seconds since 1970.
    Back(i64),
    /// Not back at the end of the grid.
    Open,
    /// Not back after [`LASTING_DAYS`]: from the begin on, this is the level.
    Lasting,
}

/// A fall of a region's sources.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outage {
    /// Region.
    pub region: String,
    /// Begin of the first step of it, seconds since 1970.
    pub begin_secs: i64,
    /// End.
    pub end: End,
    /// Sources expected a step, mean over its steps.
    pub expected: f64,
    /// Sources observed a step, mean.
    pub observed: f64,
    /// Part that was missing over all of it, per cent.
    pub depth_percent: f64,
    /// Part that was missing in the deepest step, per cent.
    pub deepest_percent: f64,
    /// Standard errors by which it fell, in the clearest step.
    pub score: f64,
    /// Whose it is.
    pub cause: Cause,
}

/// A count beside what was expected.
#[derive(Clone, Copy)]
struct Test {
    observed: f64,
    expected: f64,
    score: f64,
}

/// An outage as steps of the grid, `end` exclusive.
struct Run {
    begin: usize,
    end: usize,
    kind: RunEnd,
}

#[derive(Clone, Copy)]
enum RunEnd {
    Back,
    Open,
    Lasting,
}

/// Finds outages in the distinct sources of regions. The first [`HISTORY_MIN`] days cannot be judged. By begin, then
/// region.
///
/// # Errors
/// When steps do not divide the day, the coverage is not between 0 and 1, or a region has not one count a step.
pub fn outages(grid: &Grid, regions: &[Region<'_>]) -> Result<Vec<Outage>, Invalid> {
    if grid.step_secs == 0 || !DAY_SECS.is_multiple_of(grid.step_secs) {
        return Err(Invalid::Number {
            what: "length of a step in seconds",
            value: f64::from(grid.step_secs),
            must: "a day or an even part of it",
        });
    }
    for coverage in &grid.coverage {
        within("coverage", *coverage, 0.0, 1.0, "between 0 and 1")?;
    }
    if let Some(region) = regions.iter().find(|region| region.sources.len() != grid.coverage.len()) {
        return Err(Invalid::Length {
            what: "counts of a region's sources",
            found: region.sources.len(),
            expected: grid.coverage.len(),
        });
    }
    let judged: Vec<(Vec<Option<Test>>, Vec<Run>)> = regions.iter().map(|region| judge(grid, region.sources)).collect();
    let steps: Vec<Neighbours> = (0..grid.coverage.len())
        .map(|step| Neighbours::count(judged.iter().filter_map(|(tests, _)| *tests.get(step)?)))
        .collect();
    let mut outages: Vec<Outage> = regions
        .iter()
        .zip(&judged)
        .flat_map(|(region, (tests, runs))| runs.iter().filter_map(|run| outage(grid, region.region, tests, run, &steps)))
        .collect();
    outages.sort_by(|left, right| (left.begin_secs, &left.region).cmp(&(right.begin_secs, &right.region)));
    Ok(outages)
}

/// Regions that could be tested in a step, and those that fell.
struct Neighbours {
    tested: usize,
    fallen: usize,
}

impl Neighbours {
    fn count(tests: impl Iterator<Item = Test>) -> Neighbours {
        let mut neighbours = Neighbours { tested: 0, fallen: 0 };
        for test in tests {
            neighbours.tested += 1;
            neighbours.fallen += usize::from(test.score >= NEIGHBOUR_SCORE && test.observed <= END_RATIO * test.expected);
        }
        neighbours
    }

    /// Without the region itself, which is one of the tested and, as a rule, of the fallen.
    fn cause(&self) -> Cause {
        let (tested, fallen) = (self.tested.saturating_sub(1), self.fallen.saturating_sub(1));
        if tested < NEIGHBOURS_MIN {
            Cause::Undecided
        } else if fallen as f64 >= OURS_PART * tested as f64 {
            Cause::Ours
        } else {
            Cause::Theirs
        }
    }
}

/// Walks through a region's steps: the test of each, and the runs of steps that are outages.
fn judge(grid: &Grid, sources: &[u64]) -> (Vec<Option<Test>>, Vec<Run>) {
    let season = (DAY_SECS / grid.step_secs) as usize;
    let mut tests: Vec<Option<Test>> = Vec::with_capacity(sources.len());
    let mut runs = Vec::new();
    // Rates that may serve as history: covered, and not in an outage.
    let mut history: Vec<Option<f64>> = Vec::with_capacity(sources.len());
    let mut open: Option<usize> = None;
    let mut level_from = 0;
    for (step, (count, coverage)) in sources.iter().zip(&grid.coverage).enumerate() {
        let rate = (*coverage >= COVERAGE_MIN).then(|| *count as f64 / coverage);
        let test = rate.and_then(|_| test(*count as f64, *coverage, &past(&history, level_from, season)));
        tests.push(test);
        let ratio = test.map(|test| test.observed / test.expected);
        match open {
            None if test.is_some_and(|test| test.score >= SCORE_MIN) && ratio.is_some_and(|ratio| ratio <= BEGIN_RATIO) => {
                open = Some(step);
            }
            Some(begin) if ratio.is_some_and(|ratio| ratio > END_RATIO) => {
                runs.push(Run {
                    begin,
                    end: step,
                    kind: RunEnd::Back,
                });
                open = None;
            }
            // Also when there is no test, lest a region whose history ran out stay in an outage for ever.
            Some(begin) if step - begin >= LASTING_DAYS * season => {
                runs.push(Run {
                    begin,
                    end: step,
                    kind: RunEnd::Lasting,
                });
                // From here on the history is what came since the fall.
                for (past, (count, coverage)) in history.iter_mut().zip(sources.iter().zip(&grid.coverage)).skip(begin) {
                    *past = (*coverage >= COVERAGE_MIN).then(|| *count as f64 / coverage);
                }
                (open, level_from) = (None, begin);
            }
            None | Some(_) => {}
        }
        history.push(rate.filter(|_| open.is_none()));
    }
    if let Some(begin) = open {
        runs.push(Run {
            begin,
            end: sources.len(),
            kind: RunEnd::Open,
        });
    }
    (tests, runs)
}

/// Rates at the same time of the last days.
fn past(history: &[Option<f64>], level_from: usize, season: usize) -> Vec<f64> {
    let step = history.len();
    (1..=LOOKBACK_DAYS)
        .filter_map(|days| step.checked_sub(days * season).filter(|past| *past >= level_from))
        .filter_map(|past| *history.get(past)?)
        .take(HISTORY_DAYS)
        .collect()
}

fn test(observed: f64, coverage: f64, past: &[f64]) -> Option<Test> {
    if past.len() < HISTORY_MIN {
        return None;
    }
    let usual = median(past.to_vec());
    let expected = usual * coverage;
    if expected < EXPECTED_MIN {
        return None;
    }
    let deviation = MAD_SCALE * median(past.iter().map(|rate| (rate - usual).abs()).collect());
    let dispersion = (deviation * deviation / usual).max(1.0);
    // Anscombe's transform: the spread is 1/2 at every size.
    let score = 2.0 * ((expected + 0.375).sqrt() - (observed + 0.375).sqrt()) / dispersion.sqrt();
    Some(Test { observed, expected, score })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(0.0);
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
    // Halved first, as the sum of two largest values would overflow.
    upper / 2.0 + lower / 2.0
}

fn outage(grid: &Grid, region: &str, tests: &[Option<Test>], run: &Run, steps: &[Neighbours]) -> Option<Outage> {
    let begin_of = |step: usize| {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        grid.first_secs.saturating_add(step.saturating_mul(i64::from(grid.step_secs)))
    };
    let (mut expected, mut observed, mut deepest, mut score, mut count) = (0.0, 0.0, 0.0_f64, 0.0_f64, 0.0);
    let mut causes = [0_usize; 3];
    for (test, neighbours) in tests.iter().zip(steps).take(run.end).skip(run.begin) {
        let Some(test) = test else { continue };
        expected += test.expected;
        observed += test.observed;
        deepest = deepest.max(1.0 - test.observed / test.expected);
        score = score.max(test.score);
        count += 1.0;
        match neighbours.cause() {
            Cause::Theirs => causes[0] += 1,
            Cause::Ours => causes[1] += 1,
            Cause::Undecided => causes[2] += 1,
        }
    }
    let [theirs, ours, undecided] = causes;
    let cause = if undecided > theirs + ours {
        Cause::Undecided
    } else if ours >= theirs {
        Cause::Ours
    } else {
        Cause::Theirs
    };
    (count > 0.0).then(|| Outage {
        region: region.to_owned(),
        begin_secs: begin_of(run.begin),
        end: match run.kind {
            RunEnd::Back => End::Back(begin_of(run.end)),
            RunEnd::Open => End::Open,
            RunEnd::Lasting => End::Lasting,
        },
        expected: expected / count,
        observed: observed / count,
        depth_percent: 100.0 * (1.0 - observed / expected),
        deepest_percent: 100.0 * deepest,
        score,
        cause,
    })
}

#[cfg(test)]
#[path = "outage/tests.rs"]
mod tests;
