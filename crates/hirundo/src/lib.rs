//! Everything behind the program `hirundo`: its commands and what they are made of.

pub mod cli;
pub mod clock;
pub mod collector;
pub mod commands;
pub mod ingest;
pub mod intel;
pub mod investigation;
pub mod knowledge;
pub mod period;
pub mod plot;
pub mod report;
pub mod screen;
pub mod store;
pub mod view;
