//! `hirundo-sensor check`: is everything ready, and what to do about what is not.
//!
//! Each check is a [`Row`]: what was looked at, how it is, what was found, what to do. A check that could not look
//! says so as a warning; it never says that all is well.

mod address;
mod clock;
mod host;
mod kernel;
mod machine;
mod ruleset;
mod service;
mod silence;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Serialize;

use crate::outbox::Waiting;

pub use table::{json, table};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All is well.
    Ok,
    /// Works, but somebody should look; or it could not be looked at.
    Warn,
    /// The sensor does not work like this, or gives itself away.
    Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What was looked at.
    pub name: String,
    /// How it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Row {
    fn ok(name: &str, found: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Ok,
            found: found.into(),
            hint: None,
        }
    }

    fn warn(name: &str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Warn,
            found: found.into(),
            hint: Some(hint.into()),
        }
    }

    fn fail(name: &str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            state: State::Fail,
            ..Self::warn(name, found, hint)
        }
    }
}

/// What is to be checked.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Interfaces that are captured from; none when only files are read.
    pub interfaces: Vec<String>,
    /// Addresses that are watched; none means all that arrive.
    pub watched: Vec<IpNet>,
    /// Configuration file.
    pub config: PathBuf,
    /// Folder of the key, the certificate and the spool.
    pub state: PathBuf,
    /// Folder of the spool, if it is another one.
    pub spool: PathBuf,
    /// User that the service runs as.
    pub user: String,
    /// Most bytes that the spool may hold.
    pub spool_bytes_max: u64,
    /// How long to listen for answers of this machine; nothing when zero.
    pub listen: Duration,
    /// Whether the centre is left out.
    pub offline: bool,
}

/// A certificate, as far as a check is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Name of the sensor.
    pub sensor: String,
    /// End, seconds since 1970.
    pub not_after_secs: i64,
}

/// A centre that was asked for its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which.
    pub centre: String,
    /// How far its clock is ahead of ours, microseconds, and how long the answer took; or why there is none.
    pub answer: Result<(i64, Duration), String>,
}

/// The sensor's own parts, as far as a check tries them.
pub trait Parts {
    /// Opens the capture ring on an interface and closes it again.
    ///
    /// # Errors
    /// Why it cannot be opened, with a hint.
    fn open_ring(&self, interface: &str) -> Result<String, String>;
    /// The certificate; `None` when the sensor is not enrolled.
    ///
    /// # Errors
    /// Why it cannot be read or used.
    fn certificate(&self) -> Result<Option<Certificate>, String>;
    /// Asks every centre for its time, under the sensor's certificate.
    ///
    /// # Errors
    /// Why nobody can be asked at all.
    fn ask_centres(&self) -> Result<Vec<Asked>, String>;
    /// What waits in the spool; `None` when there is none yet.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn waiting(&self) -> Result<Option<Waiting>, String>;
}

/// Makes all checks, one after the other.
#[must_use]
pub fn run(site: &Site, parts: &dyn Parts) -> Vec<Row> {
    let mut rows = vec![machine::rights(site)];
    rows.extend(machine::rings(site, parts));
    rows.extend(address::plausible(site));
    rows.extend(silence::rows(site));
    rows.push(clock::synchronised());
    rows.push(service::certificate(parts, crate::clock::now_us()));
    rows.extend(service::centres(site, parts));
    rows.push(machine::disk(site));
    rows.extend(machine::modes(site));
    rows.push(service::backlog(parts, crate::clock::now_us()));
    rows
}

/// The worst of all.
#[must_use]
pub fn worst(rows: &[Row]) -> State {
    rows.iter().map(|row| row.state).max().unwrap_or(State::Ok)
}
