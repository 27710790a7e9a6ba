//! A scenario as it stands in its TOML file, before anything is checked; unknown keys are errors.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::host::Tail;
use crate::rhythm::{Pacing, Rhythm};
use crate::tool::Tool;

/// A number, or knots of date and value.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a number or a list of [\"YYYY-MM-DD\", number]")]
pub(super) enum CurveText {
    Constant(f64),
    Knots(Vec<(String, f64)>),
}

/// One region, or shares of several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a region code or a table of region codes and shares")]
pub(super) enum RegionsText {
    One(String),
    Shares(BTreeMap<String, CurveText>),
}

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioText {
    pub(super) version: u32,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) first_day: String,
    pub(super) last_day: String,
    pub(super) packets_max: u64,
    pub(super) sensors: Vec<SensorText>,
    #[serde(default)]
    pub(super) populations: Vec<PopulationText>,
    #[serde(default)]
    pub(super) surveys: Vec<SurveyText>,
    #[serde(default)]
    pub(super) planted: Vec<PlantedText>,
}

/// `[[sensors]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SensorText {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) region: String,
    pub(super) addresses: Vec<String>,
    #[serde(default)]
    pub(super) link: LinkText,
    #[serde(default = "one")]
    pub(super) weight: f64,
    #[serde(default)]
    pub(super) prefers: BTreeMap<String, f64>,
    #[serde(default)]
    pub(super) outages: Vec<OutageText>,
}

/// Link layer of a sensor's capture files.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LinkText {
    #[default]
    Raw,
    Ethernet,
}

/// A time in which a sensor saw nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutageText {
    pub(super) from: String,
    pub(super) to: String,
}

/// `[[populations]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PopulationText {
    pub(super) name: String,
    pub(super) tool: Tool,
    pub(super) packets: CurveText,
    pub(super) sources: CurveText,
    pub(super) regions: RegionsText,
    #[serde(default)]
    pub(super) source_shares: Option<BTreeMap<String, CurveText>>,
    pub(super) ports: BTreeMap<String, CurveText>,
    #[serde(default)]
    pub(super) sensors: Option<Vec<String>>,
    #[serde(default = "lease_days")]
    pub(super) lease_days: u32,
    #[serde(default)]
    pub(super) tail: Tail,
    #[serde(default)]
    pub(super) pacing: Pacing,
    #[serde(default)]
    pub(super) rhythm: Rhythm,
    #[serde(default = "hundred")]
    pub(super) weekend_percent: u32,
    #[serde(default = "noise_percent")]
    pub(super) noise_percent: u32,
}

/// `[[surveys]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SurveyText {
    pub(super) name: String,
    pub(super) tool: Tool,
    pub(super) region: String,
    pub(super) addresses: u32,
    pub(super) ports: Vec<String>,
    pub(super) every_hours: u32,
    #[serde(default)]
    pub(super) start_hour: u32,
    #[serde(default = "sweep_minutes")]
    pub(super) sweep_minutes: u32,
    #[serde(default)]
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) to: Option<String>,
}

/// `[[planted]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlantedText {
    pub(super) what: crate::planted::Subject,
    #[serde(default)]
    pub(super) subject: Option<String>,
    #[serde(default)]
    pub(super) against: Option<String>,
    pub(super) direction: crate::planted::Direction,
    pub(super) from: String,
    pub(super) to: String,
    #[serde(default)]
    pub(super) factor: Option<f64>,
    pub(super) note: String,
}

const fn one() -> f64 {
    1.0
}

const fn hundred() -> u32 {
    100
}

const fn noise_percent() -> u32 {
    3
}

const fn sweep_minutes() -> u32 {
    60
}

/// Two weeks: between the daily renumbering of some access networks and months of fixed lines.
const fn lease_days() -> u32 {
    14
}
