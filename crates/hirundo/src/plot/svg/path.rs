//! Lines with gaps as SVG paths.

use std::fmt::Write;

use super::real;

/// Points of a line drawn as they are; of longer lines, the lowest and the highest of each part.
const POINTS_MAX: usize = 2_000;

/// A line cut at its gaps.
pub(super) struct Drawn {
    /// The path; empty if there are no two days next to each other.
    pub(super) path: String,
    /// Days without a neighbour.
    pub(super) alone: Vec<(f64, f64)>,
}

/// The path of some values, each placed by `at` (day, value → x, y).
pub(super) fn draw(values: &[Option<f64>], at: impl Fn(f64, f64) -> (f64, f64)) -> Drawn {
    let mut drawn = Drawn {
        path: String::new(),
        alone: Vec::new(),
    };
    let mut run: Vec<(usize, f64)> = Vec::new();
    for (day, value) in values.iter().enumerate() {
        match value {
            Some(value) => run.push((day, *value)),
            None => finish(&mut run, values.len(), &at, &mut drawn),
        }
    }
    finish(&mut run, values.len(), &at, &mut drawn);
    drawn
}

fn finish(run: &mut Vec<(usize, f64)>, days: usize, at: &impl Fn(f64, f64) -> (f64, f64), drawn: &mut Drawn) {
    let points = thinned(std::mem::take(run), days);
    if let [(day, value)] = points.as_slice() {
        drawn.alone.push(at(real(*day), *value));
        return;
    }
    for (number, (day, value)) in points.into_iter().enumerate() {
        let (x, y) = at(real(day), value);
        let command = if number == 0 { 'M' } else { 'L' };
        // Writing to a String cannot fail.
        write!(drawn.path, "{command}{x:.1} {y:.1}").unwrap_or_default();
    }
}

/// Of each part of a long line, its lowest and highest point: what the eye would see of it.
fn thinned(run: Vec<(usize, f64)>, days: usize) -> Vec<(usize, f64)> {
    let part = (2 * days).div_ceil(POINTS_MAX);
    if days <= POINTS_MAX || run.len() <= 2 {
        return run;
    }
    let mut kept = Vec::new();
    for chunk in run.chunks(part) {
        let by_value = |left: &&(usize, f64), right: &&(usize, f64)| left.1.total_cmp(&right.1);
        let (Some(low), Some(high)) = (chunk.iter().min_by(by_value), chunk.iter().max_by(by_value)) else {
            continue;
        };
        let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
        kept.push(*first);
        if first.0 != second.0 {
            kept.push(*second);
        }
    }
    kept
}
