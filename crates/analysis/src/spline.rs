//! Fits a curve of straight lines with bends and steps to daily values, with as many of them as a penalty allows.

/// Most bends and steps of one curve.
const CHANGES_MAX: usize = 14;

/// Days that must lie between a change and the next, and between the last and the end.
const GAP_DAYS: usize = 3;

/// Series up to this many days are also searched for pairs of changes that only pay together (a bulge).
const PAIR_DAYS_MAX: usize = 400;

/// Rounds in which every change may move to a better day.
const ROUNDS: usize = 4;

/// Two bends at most this many days apart may be a step.
const COLLAPSE_DAYS: usize = 6;

/// Part of a candidate's own variation that earlier ones must leave over for it to be told apart from them.
const APART: f64 = 1e-7;

/// How the curve changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Another slope after the day.
    Bend,
    /// Another level from the day on.
    Step,
}

/// A change of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Day, as index.
    pub(crate) at: usize,
    /// Which.
    pub(crate) kind: Kind,
}

/// A fitted curve.
#[derive(Clone, Debug)]
pub(crate) struct Fit {
    /// Changes in order of their days; a bend at day 0 is the slope from the start.
    pub(crate) changes: Vec<Change>,
    /// Value on each day.
    pub(crate) values: Vec<f64>,
}

/// Fits `values` with `weights` (inverse variances, nought for days that do not count); each change must lower the
/// weighted sum of squares by `penalty`, a step by half as much again: what can be told as a slope is told as one.
///
/// Bends alone are tried first and then bends and steps together, and also both together from the start; the cheaper
/// curve is taken. From the start alone a slope can become a stair, as the first step in its middle leaves no single
/// bend that would pay; from bends alone a block can become a hill.
///
/// Where anything changes, the curve may also slope from the start for nothing: a drift that would not pay by itself
/// draws the first change away from its day when it is taken for a level.
pub(crate) fn fit(values: &[f64], weights: &[f64], penalty: f64) -> Fit {
    let mut problem = Problem::new(values, weights, penalty);
    let mut sloped: Vec<Change> = Vec::new();
    problem.grow(&mut sloped, &[Kind::Bend]);
    if sloped.is_empty() && !problem.any_step_pays() {
        return problem.finish(sloped);
    }
    problem.collapse(&mut sloped);
    problem.settle(&mut sloped);
    problem.grow(&mut sloped, &BOTH);
    problem.settle(&mut sloped);
    let mut stepped: Vec<Change> = Vec::new();
    problem.grow(&mut stepped, &BOTH);
    problem.settle(&mut stepped);
    let best = if problem.cost(&stepped) < problem.cost(&sloped) {
        stepped
    } else {
        sloped
    };
    problem.tilted(best)
}

/// `found` without the changes that do not pay a higher `penalty`.
pub(crate) fn simplified(found: &Fit, values: &[f64], weights: &[f64], penalty: f64) -> Fit {
    Problem::new(values, weights, penalty).tilted(found.changes.clone())
}

/// The slope from the start.
const TILT: Change = Change { at: 0, kind: Kind::Bend };

const BOTH: [Kind; 2] = [Kind::Bend, Kind::Step];

/// How much more a step must pay than a bend.
const STEP_PRICE: f64 = 1.5;

struct Problem<'a> {
    values: &'a [f64],
    /// Square roots of the weights.
    roots: Vec<f64>,
    /// For each day: sums over the days from it on of the weight, times the distance, times its square.
    tails: Vec<[f64; 3]>,
    /// First and last day that count.
    first: usize,
    last: usize,
    penalty: f64,
    /// Whether every curve slopes from the start, without a price.
    is_tilted: bool,
}

/// Orthonormal vectors of a curve's changes, and what they leave of the values (all times the weights' roots).
struct Basis {
    vectors: Vec<Vec<f64>>,
    rest: Vec<f64>,
}

impl<'a> Problem<'a> {
    fn new(values: &'a [f64], weights: &[f64], penalty: f64) -> Problem<'a> {
        let mut tails = vec![[0.0; 3]; values.len() + 1];
        for day in (0..values.len()).rev() {
            let [sum, first, second] = tails[day + 1];
            // Moving the origin a day back adds one to every distance.
            tails[day] = [sum + weights[day], first + sum, second + 2.0 * first + sum];
        }
        let counts = |day: &usize| weights[*day] > 0.0;
        Problem {
            values,
            roots: weights.iter().map(|weight| weight.sqrt()).collect(),
            first: (0..values.len()).find(counts).unwrap_or(0),
            last: (0..values.len()).rev().find(counts).unwrap_or(0),
            tails,
            penalty,
            is_tilted: false,
        }
    }

    /// The curve of `changes` when it may slope from the start for nothing; without other changes that must pay.
    fn tilted(&mut self, mut changes: Vec<Change>) -> Fit {
        changes.retain(|change| *change != TILT);
        self.is_tilted = true;
        self.settle(&mut changes);
        if changes.is_empty() {
            self.is_tilted = false;
            changes.push(TILT);
            self.settle(&mut changes);
        } else {
            changes.push(TILT);
        }
        self.is_tilted = false;
        self.finish(changes)
    }

    /// Adds changes of these kinds while they pay.
    fn grow(&self, changes: &mut Vec<Change>, kinds: &[Kind]) {
        while changes.len() < CHANGES_MAX {
            let basis = self.basis(changes);
            let best = self.best(&basis, changes, kinds).filter(|(_, worth)| *worth > 0.0);
            if let Some((change, _)) = best {
                changes.push(change);
            } else if let Some(pair) = self.best_pair(&basis, changes, kinds) {
                changes.extend(pair);
            } else {
                return;
            }
            self.refine(changes, kinds, 1);
        }
    }

    /// Moves and takes out changes until nothing pays any more.
    fn settle(&self, changes: &mut Vec<Change>) {
        self.refine(changes, &BOTH, ROUNDS);
        self.prune(changes, &BOTH);
    }

    /// Puts a step in place of two bends within days of each other where that pays: neither can become it alone.
    fn collapse(&self, changes: &mut Vec<Change>) {
        changes.sort_unstable_by_key(|change| change.at);
        let mut nth = 1;
        while nth < changes.len() {
            let (left, right) = (changes[nth - 1], changes[nth]);
            if right.at - left.at <= COLLAPSE_DAYS && left.at > 0 {
                let mut others = changes.clone();
                others.drain(nth - 1..=nth);
                let basis = self.basis(&others);
                if let Some((step, _)) = self.best(&basis, &others, &[Kind::Step]) {
                    // The step need not lie where the two were.
                    others.push(step);
                    others.sort_unstable_by_key(|change| change.at);
                    if self.cost(&others) < self.cost(changes) {
                        *changes = others;
                        continue;
                    }
                }
            }
            nth += 1;
        }
    }

    /// The penalised sum of squares.
    fn cost(&self, changes: &[Change]) -> f64 {
        let rest = self.basis(changes).rest;
        dot(&rest, &rest) + changes.iter().map(|change| self.price(change.kind)).sum::<f64>()
    }

    fn any_step_pays(&self) -> bool {
        let basis = self.basis(&[]);
        let pays = |worth: f64| worth > 0.0;
        self.best(&basis, &[], &[Kind::Step]).is_some_and(|(_, worth)| pays(worth)) || self.best_pair(&basis, &[], &[Kind::Step]).is_some()
    }

    fn price(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Bend => self.penalty,
            Kind::Step => STEP_PRICE * self.penalty,
        }
    }

    /// The sum over days of a change's vector and `vector`, for all days of change at once: bends, steps.
    fn products(&self, vector: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let days = vector.len();
        let (mut bends, mut steps) = (vec![0.0; days + 1], vec![0.0; days + 1]);
        for day in (0..days).rev() {
            bends[day] = bends[day + 1] + steps[day + 1];
            steps[day] = steps[day + 1] + vector[day] * self.roots[day];
        }
        (bends, steps)
    }

    fn norm(&self, change: Change) -> f64 {
        let [sum, _, second] = self.tails[change.at];
        match change.kind {
            Kind::Bend => second,
            Kind::Step => sum,
        }
    }

    /// Product of two changes' vectors.
    fn cross(&self, one: Change, other: Change) -> f64 {
        let (left, right) = if one.at <= other.at { (one, other) } else { (other, one) };
        let apart = (right.at - left.at) as f64;
        let [sum, first, second] = self.tails[right.at];
        match (left.kind, right.kind) {
            (Kind::Step, Kind::Step) => sum,
            (Kind::Bend, Kind::Step) => first + apart * sum,
            (Kind::Step, Kind::Bend) => first,
            (Kind::Bend, Kind::Bend) => second + apart * first,
        }
    }

    fn vector(&self, change: Option<Change>) -> Vec<f64> {
        let value = |day: usize| match change {
            None => 1.0,
            Some(change) if day < change.at => 0.0,
            Some(change) => match change.kind {
                Kind::Bend => (day - change.at) as f64,
                Kind::Step => 1.0,
            },
        };
        (0..self.values.len()).map(|day| value(day) * self.roots[day]).collect()
    }

    fn basis(&self, changes: &[Change]) -> Basis {
        let mut basis = Basis {
            vectors: Vec::with_capacity(changes.len() + 1),
            rest: self.values.iter().zip(&self.roots).map(|(value, root)| value * root).collect(),
        };
        let tilt = self.is_tilted.then_some(Some(TILT));
        for change in std::iter::once(None).chain(tilt).chain(changes.iter().copied().map(Some)) {
            let mut vector = self.vector(change);
            let whole = dot(&vector, &vector);
            for earlier in &basis.vectors {
                take_out(&mut vector, earlier);
            }
            let left = dot(&vector, &vector);
            if left > APART * whole && left > 0.0 {
                let scale = left.sqrt().recip();
                vector.iter_mut().for_each(|value| *value *= scale);
                take_out(&mut basis.rest, &vector);
                basis.vectors.push(vector);
            }
        }
        basis
    }

    /// Whether a change may stand at a day beside the others.
    fn fits(&self, change: Change, others: &[Change]) -> bool {
        let start = match change.kind {
            Kind::Bend => (change.at == 0 && !self.is_tilted) || change.at >= self.first + GAP_DAYS,
            Kind::Step => change.at >= self.first + GAP_DAYS,
        };
        start
            && change.at + GAP_DAYS <= self.last + 1
            && others.iter().all(|other| {
                // A level and a slope may change on the same day.
                other.at.abs_diff(change.at) >= GAP_DAYS || (other.at == change.at && other.kind != change.kind && change.at > 0)
            })
    }

    /// The change that lowers the penalised sum of squares most, and by how much.
    fn best(&self, basis: &Basis, changes: &[Change], kinds: &[Kind]) -> Option<(Change, f64)> {
        let search = Search::new(self, basis);
        let mut best: Option<(Change, f64)> = None;
        for at in 0..self.values.len() {
            for &kind in kinds {
                let change = Change { at, kind };
                if !self.fits(change, changes) {
                    continue;
                }
                let worth = search.gain(self, change) - self.price(kind);
                if best.is_none_or(|(_, most)| worth > most) {
                    best = Some((change, worth));
                }
            }
        }
        best
    }

    /// Two changes of one kind that together lower the penalised sum of squares: up and down again.
    fn best_pair(&self, basis: &Basis, changes: &[Change], kinds: &[Kind]) -> Option<[Change; 2]> {
        let days = self.values.len();
        if days > PAIR_DAYS_MAX || changes.len() + 2 > CHANGES_MAX {
            return None;
        }
        let search = Search::new(self, basis);
        let stride = 1 + days / 100;
        let mut best: Option<([Change; 2], f64)> = None;
        for &kind in kinds {
            let price = 2.0 * self.price(kind);
            let places: Vec<(Change, Candidate)> = (1..days)
                .step_by(stride)
                .map(|at| Change { at, kind })
                .filter(|change| self.fits(*change, changes))
                .map(|change| (change, search.candidate(self, change)))
                .filter(|(_, candidate)| candidate.norm > 0.0)
                .collect();
            for (nth, (left, one)) in places.iter().enumerate() {
                for (right, other) in places.iter().skip(nth + 1) {
                    if right.at - left.at < GAP_DAYS {
                        continue;
                    }
                    let shared = self.cross(*left, *right) - dot(&one.parts, &other.parts);
                    let both = one.norm * other.norm - shared * shared;
                    if both <= APART * one.norm * other.norm {
                        continue;
                    }
                    let gain = (one.product * one.product * other.norm - 2.0 * one.product * other.product * shared
                        + other.product * other.product * one.norm)
                        / both;
                    if gain - price > best.as_ref().map_or(0.0, |(_, most)| *most) {
                        best = Some(([*left, *right], gain - price));
                    }
                }
            }
        }
        best.map(|(pair, _)| pair)
    }

    /// Moves each change in turn to its best day and kind, given the others.
    fn refine(&self, changes: &mut [Change], kinds: &[Kind], rounds: usize) {
        for _ in 0..rounds {
            let mut moved = false;
            for nth in 0..changes.len() {
                let mut others = changes.to_vec();
                others.remove(nth);
                let basis = self.basis(&others);
                let search = Search::new(self, &basis);
                let Some((change, worth)) = self.best(&basis, &others, kinds) else {
                    continue;
                };
                let now = search.gain(self, changes[nth]) - self.price(changes[nth].kind);
                // Only for a gain that rounding does not explain, or two days could change places for ever.
                if change != changes[nth] && worth > now + 1e-6 {
                    changes[nth] = change;
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// Takes out changes that no longer pay.
    fn prune(&self, changes: &mut Vec<Change>, kinds: &[Kind]) {
        while !changes.is_empty() {
            let mut least: Option<(usize, f64)> = None;
            for nth in 0..changes.len() {
                let mut others = changes.clone();
                let taken = others.remove(nth);
                let basis = self.basis(&others);
                let worth = Search::new(self, &basis).gain(self, taken) - self.price(taken.kind);
                if least.is_none_or(|(_, smallest)| worth < smallest) {
                    least = Some((nth, worth));
                }
            }
            match least {
                Some((nth, worth)) if worth < 0.0 => {
                    changes.remove(nth);
                    self.refine(changes, kinds, 1);
                }
                Some(_) | None => return,
            }
        }
    }

    fn finish(&self, mut changes: Vec<Change>) -> Fit {
        changes.sort_unstable_by_key(|change| (change.at, change.kind == Kind::Bend));
        let (constant, slopes) = self.coefficients(&changes);
        let value = |day: usize| {
            let parts = changes.iter().zip(&slopes).filter(|(change, _)| change.at <= day);
            constant
                + parts
                    .map(|(change, slope)| match change.kind {
                        Kind::Bend => slope * (day - change.at) as f64,
                        Kind::Step => *slope,
                    })
                    .sum::<f64>()
        };
        Fit {
            values: (0..self.values.len()).map(value).collect(),
            changes,
        }
    }

    /// Coefficients of the constant and of each change, by orthogonal vectors and back substitution.
    fn coefficients(&self, changes: &[Change]) -> (f64, Vec<f64>) {
        let columns: Vec<Vec<f64>> = std::iter::once(None)
            .chain(changes.iter().copied().map(Some))
            .map(|change| self.vector(change))
            .collect();
        let mut rest: Vec<f64> = self.values.iter().zip(&self.roots).map(|(value, root)| value * root).collect();
        let mut vectors: Vec<Vec<f64>> = Vec::new();
        // Rows of the triangle: parts of each column along the vectors before it, and its own length.
        let mut triangle: Vec<Vec<f64>> = Vec::new();
        let mut along: Vec<f64> = Vec::new();
        for column in &columns {
            let mut vector = column.clone();
            let mut parts: Vec<f64> = vectors.iter().map(|earlier| take_out(&mut vector, earlier)).collect();
            let length = dot(&vector, &vector).sqrt();
            let usable = length * length > APART * dot(column, column) && length > 0.0;
            parts.push(if usable { length } else { 0.0 });
            let scale = if usable { length.recip() } else { 0.0 };
            vector.iter_mut().for_each(|value| *value *= scale);
            along.push(take_out(&mut rest, &vector));
            vectors.push(vector);
            triangle.push(parts);
        }
        let mut found = vec![0.0; columns.len()];
        for nth in (0..columns.len()).rev() {
            let later: f64 = (nth + 1..columns.len()).map(|other| triangle[other][nth] * found[other]).sum();
            let length = triangle[nth][nth];
            found[nth] = if length > 0.0 { (along[nth] - later) / length } else { 0.0 };
        }
        let slopes = found.split_off(1);
        (found[0], slopes)
    }
}

/// A candidate's products with what is there.
struct Candidate {
    /// With each vector of the basis.
    parts: Vec<f64>,
    /// With what is left of the values.
    product: f64,
    /// What the basis leaves of its own square; nought where it cannot be told apart.
    norm: f64,
}

/// Products of all candidates with a basis.
struct Search {
    vectors: Vec<(Vec<f64>, Vec<f64>)>,
    rest: (Vec<f64>, Vec<f64>),
}

impl Search {
    fn new(problem: &Problem<'_>, basis: &Basis) -> Search {
        Search {
            vectors: basis.vectors.iter().map(|vector| problem.products(vector)).collect(),
            rest: problem.products(&basis.rest),
        }
    }

    fn gain(&self, problem: &Problem<'_>, change: Change) -> f64 {
        let whole = problem.norm(change);
        let left = whole - self.vectors.iter().map(|products| of(products, change).powi(2)).sum::<f64>();
        if left > APART * whole && left > 0.0 {
            of(&self.rest, change).powi(2) / left
        } else {
            0.0
        }
    }

    fn candidate(&self, problem: &Problem<'_>, change: Change) -> Candidate {
        let parts: Vec<f64> = self.vectors.iter().map(|products| of(products, change)).collect();
        let whole = problem.norm(change);
        let left = whole - dot(&parts, &parts);
        Candidate {
            parts,
            product: of(&self.rest, change),
            norm: if left > APART * whole { left } else { 0.0 },
        }
    }
}

fn of((bends, steps): &(Vec<f64>, Vec<f64>), change: Change) -> f64 {
    match change.kind {
        Kind::Bend => bends[change.at],
        Kind::Step => steps[change.at],
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// Takes the part along the unit vector `along` out of `vector`, and says how much it was.
fn take_out(vector: &mut [f64], along: &[f64]) -> f64 {
    let part = dot(vector, along);
    for (value, along) in vector.iter_mut().zip(along) {
        *value -= part * along;
    }
    part
}
