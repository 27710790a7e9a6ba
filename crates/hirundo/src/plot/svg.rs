//! Charts as standalone SVG 1.1: no scripts, no fonts, right without style sheets, dark where the reader is.

mod figure;
mod ink;
mod path;

use super::axis::real;
use super::series::Chart;
use figure::Figure;

/// Bounds of a figure, in pixels.
const WIDTH_MIN: u32 = 240;
const HEIGHT_MIN: u32 = 200;
const SIZE_MAX: u32 = 4_000;

/// How a figure is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Width in pixels; 240 to 4,000.
    pub width: u32,
    /// Height in pixels; 200 to 4,000. A legend or a list of marks adds to it.
    pub height: u32,
    /// What this figure's ids begin with: must differ between figures set into the same page.
    pub id: String,
    /// Whether the title and the unit are drawn; a page that sets a caption of its own leaves them out (they
    /// stay in the alternative text).
    pub titled: bool,
    /// Whether the texts of the marks are listed below; a report lists them among its references.
    pub marks_listed: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            width: 960,
            height: 460,
            id: "chart".to_owned(),
            titled: true,
            marks_listed: true,
        }
    }
}

/// Draws a chart as one `<svg>` element, without an XML declaration, so that it can also be set into HTML.
pub fn render(chart: &Chart, options: &Options) -> String {
    let width = f64::from(options.width.clamp(WIDTH_MIN, SIZE_MAX));
    let height = f64::from(options.height.clamp(HEIGHT_MIN, SIZE_MAX));
    Figure::lay_out(chart, options, width, height).draw()
}
