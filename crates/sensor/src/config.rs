//! `sensor.toml`: what a sensor is told, checked before any work.

use serde::Deserialize;

use crate::{hide, source, spool, uplink};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is captured.
    pub capture: source::Settings,
    /// What is hidden.
    pub hide: hide::Settings,
    /// What is kept on disk.
    pub spool: spool::Settings,
    /// How it gets to the centre.
    pub uplink: uplink::Settings,
}
