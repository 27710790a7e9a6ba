//! Pieces of a fitted curve and the runs of one direction that they make, as people would take them together.

use crate::daily::Daily;
use crate::mean::WEEK;
use crate::spline::{Fit, Kind};

/// A piece of the curve that changes by less than this factor, or two standard errors, counts as level.
const LEVEL_LOG: f64 = 0.025;

/// Two movements in one direction with a level stretch of at most this many days between are one.
const PAUSE_DAYS: usize = 10;

/// A movement against the two around it of at most this factor, this part of either and this many days is a pause in
/// theirs: it would not be told by itself.
const SETBACK_LOG: f64 = 0.07;
const SETBACK_PART: f64 = 0.5;
const SETBACK_DAYS: usize = 21;

/// Before a movement, a drift with less than this part of its relative slope is something else.
const DRIFT_BEFORE: f64 = 0.5;

/// After a movement likewise.
const DRIFT_AFTER: f64 = 0.35;

/// With less than this part of the slope a drift is something else however far it leads.
const DRIFT_APART: f64 = 0.1;

/// Fewest days of such a drift.
const DRIFT_DAYS_MIN: usize = 14;

/// Part of a run's movement that must happen from one day to the next for it to be a jump.
const JUMP_PART: f64 = 0.7;

/// How much steeper, in rate a day, a later part of a trend must be for its begin to be told.
const STEEPER: f64 = 1.6;

/// Shortest part of a trend that can be steeper.
const STEEPER_DAYS_MIN: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
    Level,
}

/// A straight part of the curve, or a step of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) step: bool,
}

/// Pieces that go the same way.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) direction: Direction,
    pub(crate) pieces: Vec<Piece>,
}

impl Piece {
    pub(crate) fn log(&self) -> f64 {
        (self.end / self.start).ln()
    }

    pub(crate) fn days(&self) -> usize {
        self.to - self.from
    }

    pub(crate) fn log_slope(&self) -> f64 {
        self.log() / self.days().max(1) as f64
    }

    pub(crate) fn direction(&self, daily: &Daily) -> Direction {
        let error = daily.noise[self.to] * (2.0 / WEEK as f64).sqrt();
        if self.log().abs() < LEVEL_LOG || (self.end - self.start).abs() < 2.0 * error {
            Direction::Level
        } else if self.end > self.start {
            Direction::Up
        } else {
            Direction::Down
        }
    }
}

impl Run {
    pub(crate) fn from(&self) -> usize {
        self.pieces.first().map_or(0, |piece| piece.from)
    }

    pub(crate) fn to(&self) -> usize {
        self.pieces.last().map_or(0, |piece| piece.to)
    }

    pub(crate) fn days(&self) -> usize {
        self.to() - self.from()
    }

    pub(crate) fn start(&self) -> f64 {
        self.pieces.first().map_or(0.0, |piece| piece.start)
    }

    pub(crate) fn end(&self) -> f64 {
        self.pieces.last().map_or(0.0, |piece| piece.end)
    }

    pub(crate) fn log(&self) -> f64 {
        (self.end() / self.start()).ln()
    }

    /// Relative change a day, without sign.
    pub(crate) fn log_slope(&self) -> f64 {
        (self.log() / self.days().max(1) as f64).abs()
    }

    /// The step that makes most of the run, if one does.
    pub(crate) fn jump(&self) -> Option<&Piece> {
        self.pieces
            .iter()
            .find(|piece| piece.step && piece.log().abs() >= JUMP_PART * self.log().abs())
    }

    /// First day above (or below) the level before.
    pub(crate) fn first_day(&self) -> usize {
        self.pieces
            .first()
            .map_or(0, |piece| if piece.step { piece.to } else { piece.from + 1 })
    }
}

/// The pieces of a curve, with values kept above nought so that ratios can be taken.
pub(crate) fn pieces(fit: &Fit) -> Vec<Piece> {
    let last = fit.values.len() - 1;
    let most = fit.values.iter().copied().fold(0.0, f64::max);
    let value = |day: usize| fit.values[day].max(0.01 * most).max(1e-9);
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut push = |from: usize, to: usize, step: bool| {
        if to > from {
            pieces.push(Piece {
                from,
                to,
                start: value(from),
                end: value(to),
                step,
            });
        }
    };
    for change in &fit.changes {
        match change.kind {
            Kind::Bend => {
                push(from, change.at, false);
                from = from.max(change.at);
            }
            Kind::Step => {
                push(from, change.at - 1, false);
                push(change.at - 1, change.at, true);
                from = change.at;
            }
        }
    }
    push(from, last, false);
    pieces
}

/// Pieces put together into runs of one direction.
pub(crate) fn runs(pieces: &[Piece], daily: &Daily, rule: &Rule) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for piece in pieces {
        let direction = piece.direction(daily);
        match runs.last_mut() {
            // The begin of a movement may be too short to count by itself.
            Some(last) if direction != Direction::Level && begins(last, piece) => {
                last.direction = direction;
                last.pieces.push(*piece);
            }
            Some(last) if last.direction == direction && !rule.parts(last, piece) => last.pieces.push(*piece),
            Some(_) | None => runs.push(Run {
                direction,
                pieces: vec![*piece],
            }),
        }
    }
    while let Some(at) = pause(&runs, rule) {
        let after = runs.remove(at + 1);
        let between = runs.remove(at);
        if let Some(before) = runs.get_mut(at - 1) {
            before.pieces.extend(between.pieces);
            before.pieces.extend(after.pieces);
        }
    }
    runs
}

/// Whether a level run is only the first days of the movement that `piece` goes on with.
fn begins(run: &Run, piece: &Piece) -> bool {
    run.direction == Direction::Level
        && run.days() <= PAUSE_DAYS
        && run.log() * piece.log() > 0.0
        && run.log_slope() >= DRIFT_BEFORE * piece.log_slope()
}

/// The run that matters least among those that only interrupt two of one direction, if there is one.
fn pause(runs: &[Run], rule: &Rule) -> Option<usize> {
    let mut least: Option<(usize, f64)> = None;
    for (nth, around) in runs.windows(3).enumerate() {
        let [before, between, after] = around else { continue };
        if before.direction != after.direction || before.direction == Direction::Level || between.direction == before.direction {
            continue;
        }
        let size = between.log().abs();
        let is_pause = if between.direction == Direction::Level {
            between.days() <= PAUSE_DAYS
        } else {
            between.days() <= SETBACK_DAYS && size < SETBACK_LOG.min(SETBACK_PART * before.log().abs().min(after.log().abs()))
        };
        // Put together they must not be a fast movement and a slow drift.
        let apart = after.pieces.iter().any(|piece| rule.parts(before, piece));
        if is_pause && !apart && least.is_none_or(|(_, smallest)| size < smallest) {
            least = Some((nth + 1, size));
        }
    }
    least.map(|(at, _)| at)
}

/// When two movements of one direction are told apart.
pub(crate) struct Rule {
    /// Index of the first day of the period that is spoken of.
    pub(crate) start: usize,
    /// Logarithm of the smallest factor that is told.
    pub(crate) log_min: f64,
}

impl Rule {
    /// Whether `piece` is another movement than the run before it, though of the same direction: one of them is most of
    /// it within a day, or one of them is a slow drift that would not be told, or that the period does not see.
    pub(crate) fn parts(&self, run: &Run, piece: &Piece) -> bool {
        let (run_size, size) = (run.log().abs(), piece.log().abs());
        let run_is_step = run.pieces.iter().all(|piece| piece.step);
        if piece.step || run_is_step {
            let (jump, rest) = if run_is_step { (run_size, size) } else { (size, run_size) };
            return jump >= JUMP_PART * (jump + rest) && piece.days().max(run.days()) >= DRIFT_DAYS_MIN;
        }
        let (run_slope, slope) = (run.log_slope(), piece.log_slope().abs());
        let is_before = run.days() >= DRIFT_DAYS_MIN && run_slope < DRIFT_BEFORE * slope && run_size < size;
        let is_after = piece.days() >= DRIFT_DAYS_MIN && slope < DRIFT_AFTER * run_slope && size < run_size;
        let unseen = run.to() < self.start + WEEK;
        let apart = slope.min(run_slope) < DRIFT_APART * slope.max(run_slope);
        is_before && (unseen || apart || run_size < self.log_min) || is_after && (apart || size < self.log_min)
    }
}

/// The day from which a run is notably steeper than before.
pub(crate) fn steeper(run: &Run) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for nth in 1..run.pieces.len() {
        let slope = |pieces: &[Piece]| {
            let (first, last) = (pieces.first()?, pieces.last()?);
            let days = last.to - first.from;
            Some(((last.end - first.start).abs() / days.max(1) as f64, days))
        };
        let (before, after) = run.pieces.split_at(nth);
        let ((slow, slow_days), (fast, fast_days)) = (slope(before)?, slope(after)?);
        let ratio = fast / slow.max(1e-12);
        let is_step = after.first().is_some_and(|piece| piece.step);
        if slow_days >= STEEPER_DAYS_MIN && fast_days >= STEEPER_DAYS_MIN && ratio >= STEEPER && best.is_none_or(|(_, most)| ratio > most) {
            best = after.first().map(|piece| (if is_step { piece.to } else { piece.from }, ratio));
        }
    }
    best.map(|(day, _)| day)
}
