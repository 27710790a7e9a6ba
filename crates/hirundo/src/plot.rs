//! Charts of days, shares and ranks: their data, axes and words, and their drawing for a terminal and as SVG.
//!
//! Drawing computes nothing but 7-day means and shares; a day without observation is drawn as a gap, never as zero.

pub mod axis;
pub mod bars;
pub mod label;
pub mod ranks;
pub mod series;
pub mod svg;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod words;

pub use bars::{Bar, Bars, Form, Part};
pub use ranks::{Ranked, Ranks};
pub use series::{Chart, Mark, SERIES_MAX, Series, Window, seven_day_mean};
pub use words::{alt, alt_bars, alt_ranks};
