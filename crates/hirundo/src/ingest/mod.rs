//! Captures into the lake: find the files, read and decode them on all cores, store them in order.

mod atlas;
pub mod inputs;
pub mod land;
pub mod pipeline;
pub mod reader;
pub mod report;
pub mod roster;

pub use inputs::Input;
pub use pipeline::{Settings, run};
pub use report::Report;
