//! The sensor: captures, marks, hides addresses, spools, ships. It never answers anything.
//!
//! The way of a packet: [`source`] lends frames, [`observe`] decodes and marks them, [`hide`] takes away what would
//! show where the sensor is, [`spool`] keeps batches until the centre has them, [`uplink`] brings them there.

pub mod check;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod confine;
pub mod hide;
pub mod identity;
pub mod manual;
pub mod notes;
pub mod observe;
pub mod outbox;
pub mod own;
pub mod run;
pub mod said;
pub mod signals;
pub mod source;
pub mod spool;
pub mod uplink;
