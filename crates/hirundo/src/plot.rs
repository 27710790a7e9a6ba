//! Line charts of days: the data of a chart, its axes, and its drawing for a terminal and as SVG.
//!
//! Drawing computes nothing but the 7-day mean; a day without observation is drawn as a gap, never as zero.

pub mod axis;
pub mod label;
pub mod series;
pub mod svg;
pub mod terminal;
#[cfg(test)]
mod tests;

pub use series::{Chart, Mark, SERIES_MAX, Series, Window, seven_day_mean};
