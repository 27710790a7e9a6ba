//! A batch that came: what it says, checked against who sent it, where it was sent, and the clock.

use bytes::Bytes;
use hirundo_packet::batch::{Batch, BatchError};

/// Packets may be this far in our future, after the sensor's measured skew, microseconds.
pub const FUTURE_US: i64 = 10 * 60 * 1_000_000;
/// Skew that is made allowance for, microseconds: a sensor's own word moves no packet farther than this.
pub const SKEW_TRUSTED_US: i64 = 3_600 * 1_000_000;
/// Packets may be this old, microseconds: what a spool may hold after a month without a link, and a little more.
pub const PAST_US: i64 = 35 * 86_400 * 1_000_000;

/// Longest stretch of time that the packets of a batch may span, microseconds: a batch is ten seconds, and every day in it
/// makes a file in every table.
const SPAN_US_MAX: i64 = 2 * 86_400 * 1_000_000;
/// … when old captures are replayed as fast as can be.
const REPLAY_SPAN_US_MAX: i64 = 400 * 86_400 * 1_000_000;

/// Name of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Sensor.
    pub sensor: String,
    /// Run of the sensor process.
    pub epoch: u64,
    /// Number in the run.
    pub number: u64,
}

/// A batch on its way into the lake.
#[derive(Clone, Debug)]
pub struct Shipment {
    /// Its name.
    pub name: Name,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Packets in it.
    pub packets: u64,
    /// The batch as it came.
    pub bytes: Bytes,
    /// The sensor's clock less ours, microseconds, where it is known.
    pub skew_us: Option<i64>,
}

/// Which times packets may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Those of sensors that listen: not ahead of our clock, and no older than a spool keeps them.
    Present,
    /// Any: sensors replay old captures.
    Any,
}

/// What is wrong with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be read.
    Unreadable(BatchError),
    /// It says that it is another sensor's.
    OtherSensor(String),
    /// It says that it is another batch than the path does.
    OtherBatch,
    /// Its times cannot be right; packets in it.
    Time(u64, String),
}

/// Reads a batch and checks it; the number of its packets.
///
/// # Errors
/// What is wrong with it.
pub fn check(bytes: &[u8], name: &Name, skew_us: Option<i64>, now_us: i64, allowed: Times) -> Result<u64, Fault> {
    let batch = Batch::decode(bytes).map_err(Fault::Unreadable)?;
    let header = &batch.header;
    if header.sensor != name.sensor {
        return Err(Fault::OtherSensor(header.sensor.clone()));
    }
    if (header.epoch, header.number) != (name.epoch, name.number) {
        return Err(Fault::OtherBatch);
    }
    let packets = batch.len() as u64;
    let span_us = batch.last_us.saturating_sub(batch.first_us);
    let span_us_max = match allowed {
        Times::Present => SPAN_US_MAX,
        Times::Any => REPLAY_SPAN_US_MAX,
    };
    if span_us > span_us_max {
        return Err(Fault::Time(packets, format!("its packets span {}", ago(span_us))));
    }
    if allowed == Times::Any {
        return Ok(packets);
    }
    // A slow clock is no excuse for packets of the future.
    let trusted_us = skew_us.unwrap_or(0).clamp(0, SKEW_TRUSTED_US);
    let latest_us = now_us.saturating_add(trusted_us).saturating_add(FUTURE_US);
    let earliest_us = now_us.saturating_sub(PAST_US);
    for (what, time_us) in times(&batch) {
        let words = if time_us > latest_us {
            format!("{what} is {} ahead of the centre's clock", ago(time_us.saturating_sub(now_us)))
        } else if time_us < earliest_us {
            format!("{what} is {} old", ago(now_us.saturating_sub(time_us)))
        } else {
            continue;
        };
        return Err(Fault::Time(packets, words));
    }
    Ok(packets)
}

/// The outermost times of a batch.
fn times(batch: &Batch) -> Vec<(&'static str, i64)> {
    let mut times = Vec::new();
    if !batch.is_empty() {
        times.extend([("a packet", batch.first_us), ("a packet", batch.last_us)]);
    }
    let minutes = batch.minutes.iter().map(|minute| minute.begin_us);
    times.extend(minutes.clone().min().map(|time_us| ("a minute of health", time_us)));
    times.extend(minutes.max().map(|time_us| ("a minute of health", time_us)));
    times
}

/// A span for people.
#[must_use]
pub fn ago(span_us: i64) -> String {
    span_text(span_us.saturating_abs() / 1_000_000)
}

/// Seconds for people: `45 s`, `12 min`, `3 h`, `5 d`.
#[must_use]
pub fn span_text(secs: i64) -> String {
    match secs {
        ..=119 => format!("{secs} s"),
        120..=7_199 => format!("{} min", secs / 60),
        7_200..=172_799 => format!("{} h", secs / 3_600),
        172_800.. => format!("{} d", secs / 86_400),
    }
}
