//! What a scenario says it planted, so that analyses can be held against it.

use serde::{Deserialize, Serialize};

use crate::day::Day;

/// What a planted phenomenon is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Packets to a destination port (`23/tcp`, `icmp`).
    Port,
    /// Packets from a region.
    Region,
    /// Packets with Mirai's mark.
    Mirai,
    /// Packets with Mirai's mark from a region.
    MiraiRegion,
    /// Packets at a sensor, or at the sensors of a group.
    Sensor,
    /// All packets.
    Total,
}

/// How it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The 7-day mean rises from `from` to `to`.
    Rise,
    /// It falls.
    Fall,
    /// Up and down several times, without a trend.
    Swing,
    /// Up at `from` and down again by `to`.
    Bulge,
    /// From one day to the next, at `from`.
    Jump,
    /// Its 7-day mean passes that of `against` between `from` and `to`.
    Cross,
    /// It was not there before `from`.
    Appear,
    /// Nothing is observed from `from` to `to`, because of an outage.
    Outage,
    /// Nothing but noise.
    Steady,
}

/// One planted phenomenon.
#[derive(Clone, Debug, PartialEq)]
pub struct Planted {
    /// What it is about.
    pub what: Subject,
    /// Which port, region, sensor or group; `None` where `what` says it all.
    pub subject: Option<String>,
    /// With [`Direction::Cross`]: which other it passes.
    pub against: Option<String>,
    /// How it moves.
    pub direction: Direction,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// By what factor the scenario means it to move, as nearly as the author knows.
    pub factor: Option<f64>,
    /// One sentence for people.
    pub note: String,
}
