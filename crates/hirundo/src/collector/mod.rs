//! The centre's side of the sensors: enrolment, intake of batches, their way into the lake, health.
//!
//! The way of a batch: [`server`] lets a connection in and knows whose it is, [`intake`] reads and checks, [`gather`] waits
//! until there is enough or it is time, [`crate::ingest::land`] makes it rows of the lake, and then the sensor is answered. What is refused
//! or held goes to [`quarantine`].

pub mod address;
pub mod api;
pub mod authority;
pub mod body;
pub mod centre;
pub mod clocks;
pub mod gather;
pub mod health;
pub mod intake;
pub mod limits;
pub mod metrics;
pub mod peer;
pub mod quarantine;
pub mod refusal;
pub mod server;
pub mod shipment;
pub mod tls;
pub mod token;

use anyhow::{Result, anyhow};

/// Bytes as hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok());
    }
    text
}

/// Fills with bytes that nobody can foresee.
///
/// # Errors
/// When the system has none.
pub fn random(bytes: &mut [u8]) -> Result<()> {
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(bytes)
        .map_err(|_| anyhow!("the system gave no random bytes"))
}

/// Now, seconds since 1970.
#[must_use]
pub fn now_secs() -> i64 {
    crate::clock::now().timestamp()
}

/// Now, microseconds since 1970.
#[must_use]
pub fn now_us() -> i64 {
    crate::clock::now().timestamp_micros()
}
