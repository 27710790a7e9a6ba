//! Analyses that SQL cannot say: data in, findings out. No input or output, no clock, no randomness that is not seeded.

mod appear;
pub mod attack;
pub mod campaign;
mod change;
pub mod changefinder;
pub mod correlate;
pub mod course;
mod cross;
pub mod crowd;
mod daily;
pub mod exposure;
pub mod finding;
mod gamma;
pub mod invalid;
pub mod mean;
pub mod notified;
pub mod origin;
pub mod outage;
pub mod place;
pub mod ranking;
mod rhythm;
mod run;
pub mod scan;
pub mod sentence;
pub mod series;
mod spline;
pub mod surge;
mod swing;
pub mod together;
pub mod visibility;

/// A day in UTC: days since 1970-01-01.
pub type Day = i32;

/// Language of sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// Japanese.
    Japanese,
    /// English.
    English,
}
