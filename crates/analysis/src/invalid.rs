//! What was handed to an analysis and cannot be worked with, and what it would have to be.

use std::fmt;

/// Why an analysis refused its input.
#[derive(Clone, Debug, PartialEq)]
pub enum Invalid {
    /// A number out of its range, or none at all (NaN).
    Number {
        /// What it stands for.
        what: &'static str,
        /// The number.
        value: f64,
        /// What it must be.
        must: &'static str,
    },
    /// A list that does not fit the others.
    Length {
        /// What it lists.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Number { what, value, must } => write!(formatter, "could not analyse: {what} is {value}, but must be {must}"),
            Invalid::Length { what, found, expected } => {
                write!(formatter, "could not analyse: {found} {what}, but must be {expected}")
            }
        }
    }
}

impl std::error::Error for Invalid {}

/// The number itself when it is finite and not negative.
///
/// # Errors
/// When it is not.
pub fn amount(what: &'static str, value: f64) -> Result<f64, Invalid> {
    within(what, value, 0.0, f64::MAX, "finite and not negative")
}

/// The number itself when it lies between two others, both included.
///
/// # Errors
/// When it does not, or is none (NaN).
pub fn within(what: &'static str, value: f64, least: f64, most: f64, must: &'static str) -> Result<f64, Invalid> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(Invalid::Number { what, value, must })
    }
}
