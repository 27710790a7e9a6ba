//! The commands of the centre: itself, its sensors, collecting, quarantine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::Geo;

/// Where the centre keeps what it knows.
#[derive(Clone, Debug, Args)]
pub struct Folder {
    /// Folder of the centre: its authority's key, what it knows of the sensors, quarantine
    #[arg(long, global = true, env = "HIRUNDO_CENTRE", default_value = "centre", value_name = "DIR")]
    pub centre: PathBuf,
}

/// `centre`.
#[derive(Debug, Args)]
pub struct Centre {
    /// Where it is.
    #[command(flatten)]
    pub folder: Folder,
    /// What to do.
    #[command(subcommand)]
    pub command: CentreCommand,
}

/// Commands of `centre`.
#[derive(Debug, Subcommand)]
pub enum CentreCommand {
    /// Make a centre: its certificate authority, and the file of what it knows
    Init {
        /// Name of the centre, for people
        #[arg(long)]
        name: String,
        /// Where sensors find a collector; give it again for each collector or balancer
        #[arg(long = "address", required = true, value_name = "https://HOST:PORT")]
        addresses: Vec<String>,
    },
    /// Show what the centre is
    Show,
    /// Say anew where sensors find collectors; they learn it when they renew their certificate
    Address {
        /// All of them
        #[arg(required = true, value_name = "https://HOST:PORT")]
        addresses: Vec<String>,
    },
}

/// `sensor`.
#[derive(Debug, Args)]
pub struct Sensor {
    /// Where the centre is.
    #[command(flatten)]
    pub folder: Folder,
    /// What to do.
    #[command(subcommand)]
    pub command: SensorCommand,
}

/// Commands of `sensor`.
#[derive(Debug, Subcommand)]
pub enum SensorCommand {
    /// Add a sensor and print its one-time token, good for seven days
    Add {
        /// Its name: letters, digits, - and _
        name: String,
        /// Group it is counted in: home, abroad, …
        #[arg(long)]
        group: Option<String>,
        /// Region that hosts it (JP, US, …)
        #[arg(long, value_name = "CODE")]
        region: Option<String>,
        /// Where it finds a collector, instead of what the centre says
        #[arg(long = "address", value_name = "https://HOST:PORT")]
        addresses: Vec<String>,
        /// Address or network it watches (192.0.2.0/28), for the lake's own records; leave it out where it is hidden
        #[arg(long = "watches", value_name = "CIDR")]
        watches: Vec<String>,
    },
    /// Print a new one-time token; those not used yet are void
    Token {
        /// Its name
        name: String,
        /// Take a revoked sensor back
        #[arg(long)]
        readmit: bool,
        /// Where it finds a collector, instead of what the centre says
        #[arg(long = "address", value_name = "https://HOST:PORT")]
        addresses: Vec<String>,
    },
    /// List the sensors
    List,
    /// Show one sensor: how it is and what happened
    Show {
        /// Its name
        name: String,
    },
    /// Refuse a sensor from now on
    Revoke {
        /// Its name
        name: String,
        /// Why, for the record
        #[arg(long, default_value = "")]
        why: String,
    },
    /// Forget a sensor; what it sent stays in the lake
    Remove {
        /// Its name
        name: String,
    },
    /// Say what a sensor may send
    Limit {
        /// Its name
        name: String,
        /// Batches a minute
        #[arg(long, default_value_t = crate::store::sensors::BATCHES_A_MINUTE, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
        batches: i64,
        /// Bytes a minute
        #[arg(long, default_value_t = crate::store::sensors::BYTES_A_MINUTE, value_parser = clap::value_parser!(i64).range(1..=1_000_000_000_000))]
        bytes: i64,
    },
}

/// Options of `sensors`.
#[derive(Debug, Args)]
pub struct Sensors {
    /// Where the centre is.
    #[command(flatten)]
    pub folder: Folder,
    /// Show the table once, although there is a terminal to keep it on
    #[arg(long)]
    pub once: bool,
}

/// Options of `collect`.
#[derive(Debug, Args)]
pub struct Collect {
    /// Where the centre is.
    #[command(flatten)]
    pub folder: Folder,
    /// Where sensors come in
    #[arg(long, default_value = "0.0.0.0:4443", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Where Prometheus may ask, in plain HTTP; `none` to ask nowhere
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "ADDRESS:PORT", value_parser = metrics)]
    pub metrics: Metrics,
    /// Longest time that packets wait to be stored with others; fewer commits make fewer, larger files
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub commit_every: Duration,
    /// Memory for batches that come in and wait, MiB
    #[arg(long, default_value_t = 256, value_name = "MIB", value_parser = clap::value_parser!(u32).range(80..=65_536))]
    pub memory: u32,
    /// Take packets of any time, for sensors that replay old captures; without it, what is ahead of the clock or
    /// older than 35 days is held in quarantine
    #[arg(long)]
    pub any_time: bool,
    /// Further marks of tools, for sensors that hide nothing: a rule file (see `hirundo docs marks`)
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Where sources are.
    #[command(flatten)]
    pub geo: Geo,
}

/// Where metrics are served, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics(pub Option<SocketAddr>);

/// `quarantine`.
#[derive(Debug, Args)]
pub struct Quarantine {
    /// Where the centre is.
    #[command(flatten)]
    pub folder: Folder,
    /// What to do.
    #[command(subcommand)]
    pub command: QuarantineCommand,
}

/// Commands of `quarantine`.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List what is kept aside, and why
    List {
        /// Only this sensor's
        sensor: Option<String>,
    },
    /// Show one batch: what it says of itself, its minutes, its first packets
    Show {
        /// Its number in the list
        id: i64,
    },
    /// Put batches into the lake as if nothing were wrong with them
    Release {
        /// Their numbers in the list
        #[arg(required = true)]
        ids: Vec<i64>,
        /// Further marks of tools: a rule file
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
        /// Where sources are.
        #[command(flatten)]
        geo: Geo,
    },
    /// Delete batches for good
    Delete {
        /// Their numbers in the list
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

fn metrics(text: &str) -> Result<Metrics, String> {
    if text == "none" {
        return Ok(Metrics(None));
    }
    let address = text.parse().map_err(|_| "give ADDRESS:PORT, or none".to_owned())?;
    Ok(Metrics(Some(address)))
}

/// Longest commit interval, seconds: a sensor waits two minutes for its answer.
const COMMIT_SECS_MAX: f64 = 60.0;

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "give a time between 10ms and 60s: 500ms, 10s".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(wrong()),
    };
    let secs = digits.parse::<f64>().map_err(|_| wrong())? * factor;
    if !(0.01..=COMMIT_SECS_MAX).contains(&secs) {
        return Err(wrong());
    }
    Ok(Duration::from_secs_f64(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration(text).ok().map(|time| time.as_millis()), expected.map(u128::from), "{text}")
        };
        check("10s", Some(10_000));
        check("500ms", Some(500));
        check("1m", Some(60_000));
        check("0.5s", Some(500));
        check("2m", None);
        check("0s", None);
        check("10", None);
        check("-1s", None);
        check("NaNs", None);
        check("", None);
    }
}
