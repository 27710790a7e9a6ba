//! The one place that reads the clock.

mod kernel;
mod step;

use std::time::{SystemTime, UNIX_EPOCH};

pub use kernel::{Discipline, discipline};
pub use step::{VARIABLE as OFFSET_VARIABLE, offset_us};

/// Now, microseconds since 1970-01-01 UTC; it can jump.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
#[must_use]
pub fn now_us() -> i64 {
    let now_us = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, i64::wrapping_neg),
    };
    now_us.saturating_add(offset_us())
}

/// Whether something keeps the clock right, where the kernel says so.
#[must_use]
pub fn synchronised() -> Option<bool> {
    discipline().map(|discipline| discipline.synchronised)
}
