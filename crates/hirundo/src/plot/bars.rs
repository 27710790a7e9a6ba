//! What a bar chart shows: counts by row and part, with the numbers they are shares of.

use crate::period::Lang;

/// Parts a bar chart tells apart; of shares, the others are drawn as one, of grouped bars they are left out.
pub const PARTS_MAX: usize = 12;
/// Rows a bar chart draws; the number of those left out is written under it.
pub const ROWS_MAX: usize = 40;
/// Larger values are taken for unknown: sums of them may not be finite.
const VALUE_MAX: f64 = 1e100;

/// How the bars stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// One bar a row, as long as all others, cut into its parts: shares of the row.
    #[default]
    Shares,
    /// A bar for each part of a row, from a common zero; shares of the part where [`Part::of`] is given, else values.
    Grouped,
}

/// What the bars, or pieces of bars, of one colour stand for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Name in the legend.
    pub name: String,
    /// What the values are shares of in [`Form::Grouped`], and the denominator in the legend.
    pub of: Option<f64>,
    /// Whether it stands for all that is not told apart, such as "Others" or "Unknown": drawn in grey.
    pub rest: bool,
}

impl Part {
    /// A part without a denominator.
    pub fn new(name: impl Into<String>) -> Part {
        Part {
            name: name.into(),
            of: None,
            rest: false,
        }
    }
}

/// A row: one bar, or one group of bars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// Name at its left.
    pub name: String,
    /// What [`Form::Shares`] are shares of; at least the sum of the values, which it is where this is not given.
    /// What the values leave of it is drawn as "Others".
    pub of: Option<f64>,
    /// A value for each part, in order; `None` is unknown and drawn as such. Negative ones are unknown as well.
    pub values: Vec<Option<f64>>,
}

impl Bar {
    /// A row whose values are all known.
    pub fn new(name: impl Into<String>, values: &[f64]) -> Bar {
        Bar {
            name: name.into(),
            of: None,
            values: values.iter().copied().map(Some).collect(),
        }
    }
}

/// A horizontal bar chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// The line above the chart.
    pub title: String,
    /// What is counted, as in `source addresses, cumulative`.
    pub unit: String,
    /// How the bars stand.
    pub form: Form,
    /// The parts, the most important first.
    pub parts: Vec<Part>,
    /// The rows, from the top.
    pub rows: Vec<Bar>,
    /// The language of what the chart itself writes.
    pub lang: Lang,
}

impl Bars {
    /// A chart without parts and rows yet.
    pub fn new(title: impl Into<String>, unit: impl Into<String>, form: Form, lang: Lang) -> Bars {
        let (title, unit) = (title.into(), unit.into());
        Bars {
            title,
            unit,
            form,
            parts: Vec::new(),
            rows: Vec::new(),
            lang,
        }
    }

    /// How many rows are left out, being more than [`ROWS_MAX`].
    pub fn rows_left_out(&self) -> usize {
        self.rows.len().saturating_sub(ROWS_MAX)
    }

    /// How many parts of grouped bars are left out, being more than [`PARTS_MAX`].
    pub fn parts_left_out(&self) -> usize {
        match self.form {
            Form::Shares => 0,
            Form::Grouped => self.parts.len().saturating_sub(PARTS_MAX),
        }
    }

    /// The parts that are drawn, "Others" among them where shares leave some or there are too many parts.
    pub fn parts_drawn(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = self.parts.iter().take(PARTS_MAX).cloned().collect();
        if self.form == Form::Shares && self.rows.iter().take(ROWS_MAX).any(|row| self.remainder(row) > 0.0) {
            let name = match self.lang {
                Lang::English => "Others",
                Lang::Japanese => "その他",
            };
            parts.push(Part {
                name: name.to_owned(),
                of: None,
                rest: true,
            });
        }
        parts
    }

    /// The rows that are drawn, each with the whole that its shares are of, and a value for each of
    /// [`Bars::parts_drawn`].
    pub fn rows_drawn(&self) -> Vec<(&Bar, f64, Vec<Option<f64>>)> {
        let parts = self.parts_drawn().len();
        let told = self.parts.len().min(PARTS_MAX);
        let each = self.rows.iter().take(ROWS_MAX).map(|row| {
            let mut values: Vec<_> = (0..told).map(|part| known(row, part)).collect();
            if parts > told {
                values.push(Some(self.remainder(row)));
            }
            (row, self.whole(row), values)
        });
        each.collect()
    }

    /// The whole that the shares of a row are of; 0 where nothing is known.
    fn whole(&self, row: &Bar) -> f64 {
        let sum = (0..self.parts.len())
            .filter_map(|part| known(row, part))
            .fold(0.0, std::ops::Add::add);
        row.of.filter(|of| *of <= VALUE_MAX).map_or(sum, |of| of.max(sum))
    }

    /// What the parts told apart leave of the whole.
    fn remainder(&self, row: &Bar) -> f64 {
        let told = (0..self.parts.len().min(PARTS_MAX))
            .filter_map(|part| known(row, part))
            .fold(0.0, std::ops::Add::add);
        let left = self.whole(row) - told;
        // Rounding of sums must not make a part.
        if left > 1e-9 * told { left } else { 0.0 }
    }
}

/// The value of a part, if it is one that can be drawn.
fn known(row: &Bar, part: usize) -> Option<f64> {
    let value = row.values.get(part).copied().flatten();
    value.filter(|value| (0.0..=VALUE_MAX).contains(value))
}
