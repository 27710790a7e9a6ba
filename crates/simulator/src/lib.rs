//! Seeded Internet background radiation with a known truth: real packets in capture files, counted as they are made.
//!
//! A [`Scenario`] (a TOML file) names sensors and populations of sources; [`simulate`] turns it and a seed into one
//! capture file for each sensor and day and a [`Truth`]. [`benchmark_capture`] writes one large telescope-like
//! capture for measurements. Everything is whole-number arithmetic on a portable generator (ChaCha8): the same
//! scenario and seed give the same bytes everywhere.

mod apportion;
mod benchmark;
mod curve;
mod datagram;
mod day;
mod dice;
mod error;
mod host;
mod payload;
mod planted;
mod population;
mod region;
mod rhythm;
mod scenario;
mod simulate;
mod survey;
mod tool;
mod truth;
mod wire;

pub use benchmark::{BenchmarkCapture, benchmark_capture};
pub use day::Day;
pub use error::SimulatorError;
pub use planted::{Direction, Planted, Subject};
pub use region::{Block, REGIONS, Region, region_index, region_of};
pub use scenario::{
    DAYS_MAX, KNOTS_MAX, PACKETS_MAX, POPULATIONS_MAX, PORTS_MAX, SENSOR_ADDRESSES_MAX, SENSORS_MAX, SHIPPED, Scenario, Sensor,
    TEXT_BYTES_MAX,
};
pub use simulate::{Progress, Summary, TRUTH_FILE, senders, simulate, truth};
pub use tool::Tool;
pub use truth::{Counts, DayTruth, PlantedTruth, QuarterTruth, RANKS, Rank, SensorTruth, TRUTH_VERSION, Truth};
