//! Charts as SVG 1.1 without scripts: right in print by attributes alone, dark where the page or the reader is.
//!
//! A figure set 170 mm wide is made [`WIDTH_PRINT`] units wide: its smallest text is then 7 pt. Colours of the
//! dark look hold where the root element of the page has `data-theme="dark"`, or the reader prefers dark and the
//! page does not have `data-theme="light"`; never in print.

mod badge;
mod bars;
mod figure;
mod hover;
mod ink;
mod legend;
mod multiples;
mod panel;
mod path;
mod sheet;
mod slope;
#[cfg(test)]
mod tests;

use super::axis::real;
use super::bars::Bars;
use super::label::spread;
use super::ranks::Ranks;
use super::series::{Chart, Line};

/// Width of a figure that is printed 170 mm wide.
pub const WIDTH_PRINT: u32 = 720;
/// Bounds of a figure, in pixels.
const WIDTH_MIN: u32 = 240;
const HEIGHT_MIN: u32 = 200;
const SIZE_MAX: u32 = 4_000;
/// Lines from which on they may be too many for one drawing.
const CROWD_MIN: usize = 5;
/// Largest of the series over the smallest, from which on a linear axis shows the small ones as a flat line.
const RATIO_LOGARITHMIC: f64 = 50.0;

/// How the lines of a chart stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// In one drawing.
    #[default]
    Together,
    /// Each in a small one with an axis of values of its own.
    Apart,
}

/// The axis of values of line charts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// From zero, in equal steps.
    #[default]
    Linear,
    /// By powers of ten; a value of zero stands on the lower edge, which is written under the figure.
    Logarithmic,
    /// Logarithmic where the largest series has more than fifty times the values of the smallest, else linear.
    Automatic,
}

/// How a figure is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Width in pixels; 240 to 4,000. Sizes of text do not depend on it.
    pub width: u32,
    /// Height of a line chart in pixels; 200 to 4,000. A legend, marks and notes add to it; the other charts are
    /// as high as their rows need.
    pub height: u32,
    /// What this figure's ids begin with: must differ between figures set into the same page.
    pub id: String,
    /// Whether the title is drawn; a page that sets a caption of its own leaves it out (it stays in the
    /// alternative text). The unit is always drawn.
    pub titled: bool,
    /// Whether the texts of the marks are listed below; a report lists them among its references.
    pub marks_listed: bool,
    /// Whether each day and each bar says its values under the pointer: for screens. Off, the file is smaller.
    pub interactive: bool,
    /// How the lines stand.
    pub layout: Layout,
    /// The axis of values.
    pub scale: Scale,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            width: WIDTH_PRINT,
            height: 340,
            id: "chart".to_owned(),
            titled: true,
            marks_listed: true,
            interactive: true,
            layout: Layout::Together,
            scale: Scale::Linear,
        }
    }
}

impl Options {
    /// Width and height within their bounds.
    fn size(&self) -> (f64, f64) {
        let width = self.width.clamp(WIDTH_MIN, SIZE_MAX);
        (f64::from(width), f64::from(self.height.clamp(HEIGHT_MIN, SIZE_MAX)))
    }
}

/// Draws a line chart as one `<svg>` element, without an XML declaration, so that it can also be set into HTML.
pub fn render(chart: &Chart, options: &Options) -> String {
    match options.layout {
        Layout::Together => figure::draw(chart, options),
        Layout::Apart => multiples::draw(chart, options),
    }
}

/// Draws a bar chart as one `<svg>` element.
pub fn render_bars(chart: &Bars, options: &Options) -> String {
    bars::draw(chart, options)
}

/// Draws a slope chart of ranks as one `<svg>` element.
pub fn render_ranks(chart: &Ranks, options: &Options) -> String {
    slope::draw(chart, options)
}

/// Whether the lines of a chart are better drawn [`Layout::Apart`]: five or more, of which most run so close to
/// another that they cannot be followed.
pub fn crowded(chart: &Chart) -> bool {
    let lines: Vec<Line> = chart.drawn().collect();
    if lines.len() < CROWD_MIN {
        return false;
    }
    let highest = lines
        .iter()
        .flat_map(|line| line.mean.iter().flatten())
        .copied()
        .fold(0.0, f64::max);
    // Less than this apart, bold lines touch.
    let near = highest / 40.0;
    let (mut days, mut close) = (0_usize, 0_usize);
    for day in 0..chart.period.len_days() {
        let mut values: Vec<f64> = lines.iter().filter_map(|line| line.mean.get(day).copied().flatten()).collect();
        values.sort_by(f64::total_cmp);
        days += values.len().saturating_sub(1);
        close += values.windows(2).filter(|pair| pair[1] - pair[0] < near).count();
    }
    2 * close > days
}

/// Whether [`Scale::Automatic`] means the logarithmic axis for these lines.
fn wants_logarithm(lines: &[Line]) -> bool {
    let typical = lines.iter().filter_map(|line| {
        let (count, sum) = line
            .daily
            .iter()
            .flatten()
            .fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
        (count > 0 && sum > 0.0).then(|| sum / real(count))
    });
    let (low, high) = typical.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    high > RATIO_LOGARITHMIC * low
}
