//! Puts the parts together: what each command does with sources, identity, spool and uplink.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::check::{Asked, Certificate, Parts, Site};
use crate::commands::Done;
use crate::config::{Config, Loaded};
use crate::confine::Plan;
use crate::outbox::Waiting;

const MISSING: &str = "this part of the sensor is not in this build";

/// Captures until told to stop or the files are at their end.
///
/// The order matters: sources are opened with the privileges there are, then these are given up, then everything else
/// is opened by the user that is left; threads come last.
///
/// # Errors
/// When something cannot be opened, or the capture ends by an error.
pub fn run(loaded: &Loaded) -> Result<Done> {
    let report = crate::confine::apply(&plan(&loaded.config, Vec::new()))?;
    tracing::info!("privileges given up: {report}");
    bail!(MISSING)
}

/// What is to be left of the process; `readable` are captures to replay.
#[must_use]
pub fn plan(config: &Config, readable: Vec<PathBuf>) -> Plan {
    Plan {
        user: config.run.user.clone(),
        group: config.run.group.clone(),
        state_folder: config.run.state.clone(),
        readable,
        sandbox: config.run.sandbox,
    }
}

/// Makes the key and has it certified; what to tell the operator.
///
/// # Errors
/// When the token is none, the centre refuses, or the state folder cannot be written to.
pub fn enroll(_config: &Config, _token: &str, _force: bool) -> Result<String> {
    bail!(MISSING)
}

/// What `check` looks at.
#[must_use]
pub fn site(loaded: &Loaded) -> Site {
    Site {
        config: loaded.path.clone(),
        state: loaded.config.run.state.clone(),
        spool: loaded.config.run.state.join("spool"),
        user: loaded.config.run.user.clone(),
        ..Site::default()
    }
}

/// The sensor's own parts, for `check`.
#[derive(Debug)]
pub struct Equipment<'a> {
    config: &'a Config,
}

impl<'a> Equipment<'a> {
    /// Those of a configuration.
    #[must_use]
    pub const fn new(config: &'a Config) -> Self {
        Self { config }
    }
}

impl Parts for Equipment<'_> {
    fn open_ring(&self, _interface: &str) -> Result<String, String> {
        Err(MISSING.to_owned())
    }

    fn certificate(&self) -> Result<Option<Certificate>, String> {
        let _state = &self.config.run.state;
        Err(MISSING.to_owned())
    }

    fn ask_centres(&self) -> Result<Vec<Asked>, String> {
        Err(MISSING.to_owned())
    }

    fn waiting(&self) -> Result<Option<Waiting>, String> {
        Err(MISSING.to_owned())
    }
}

/// How the sensor is, without asking anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Name in the certificate; none when not enrolled.
    pub sensor: Option<String>,
    /// End of the certificate, seconds since 1970.
    pub not_after_secs: Option<i64>,
    /// Batches that wait.
    pub batches: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Most bytes they may have.
    pub bytes_max: u64,
    /// First packet of the oldest, microseconds since 1970; none without one.
    pub oldest_us: Option<i64>,
    /// Batches that the centre refused.
    pub rejected: u64,
    /// When the centre acknowledged a batch last, microseconds since 1970; none when it is not known.
    pub acknowledged_us: Option<i64>,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now_us = crate::clock::now_us();
        let ago = |then_us: i64| span(now_us.saturating_sub(then_us) / 1_000_000);
        match &self.sensor {
            Some(sensor) => writeln!(formatter, "sensor        {sensor}")?,
            None => writeln!(formatter, "sensor        not enrolled; hint: hirundo-sensor enroll TOKEN")?,
        }
        if let Some(end) = self.not_after_secs {
            let left = end.saturating_sub(now_us / 1_000_000);
            let text = if left > 0 {
                format!("good for {}", span(left))
            } else {
                format!("ended {} ago", span(-left))
            };
            writeln!(formatter, "certificate   {text}")?;
        }
        writeln!(
            formatter,
            "spool         {} batches, {} of {} bytes",
            self.batches, self.bytes, self.bytes_max
        )?;
        if let Some(oldest) = self.oldest_us {
            writeln!(formatter, "oldest        {} ago", ago(oldest))?;
        }
        if self.rejected > 0 {
            writeln!(formatter, "refused       {} batches", self.rejected)?;
        }
        match self.acknowledged_us {
            Some(then) => writeln!(formatter, "acknowledged  {} ago", ago(then)),
            None => writeln!(formatter, "acknowledged  not known"),
        }
    }
}

/// How the sensor is.
///
/// # Errors
/// When identity or spool cannot be read.
pub fn status(_config: &Config) -> Result<Status> {
    bail!(MISSING)
}

/// A span of time for people.
fn span(secs: i64) -> String {
    match secs {
        172_800.. => format!("{} days", secs / 86_400),
        7_200.. => format!("{} hours", secs / 3_600),
        120.. => format!("{} minutes", secs / 60),
        _ => format!("{secs} seconds"),
    }
}

/// The filter that the kernel is given, as `tcpdump -d` shows one.
///
/// # Errors
/// When an interface is not there, or the filter would be too long.
pub fn filter(_config: &Config, _interface: Option<&str>) -> Result<String> {
    bail!(MISSING)
}
