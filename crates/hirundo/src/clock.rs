//! The one place that reads the clock.

use chrono::{DateTime, Utc};

/// Now, UTC.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
