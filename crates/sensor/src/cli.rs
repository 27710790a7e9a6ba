//! The command line of the sensor.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "[run] is a section of the configuration, and this is what --help says"
)]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Sandbox;

/// Sensor of an observation network: takes what arrives at addresses nobody should talk to, never answers, and brings
/// it to the centre.
#[derive(Debug, Parser)]
#[command(
    name = "hirundo-sensor",
    version,
    max_term_width = 110,
    after_help = "\
Examples:
  hirundo-sensor enroll hirundo1.eyJ2ZXJz…        once: make a key and have it certified by the centre
  hirundo-sensor check                            is everything ready, and what to do about what is not
  hirundo-sensor run                              capture as /etc/hirundo-sensor/sensor.toml says (systemd does this)
  hirundo-sensor run --source pcap:day.pcap.zst   replay a capture by the same path
  hirundo-sensor status                           what waits in the spool, how long the certificate holds
  hirundo-sensor config --example                 a configuration to start from

Exit status: 0 done, 1 the answer is no (a check failed, not enrolled), 2 failed."
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Configuration; without it /etc/hirundo-sensor/sensor.toml, if there is one
    #[arg(long, global = true, env = "HIRUNDO_SENSOR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the key, the certificate and the spool; instead of [run] state
    #[arg(long, global = true, env = "HIRUNDO_SENSOR_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// How to print: a table for people, JSON for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Say more (-v, -vv)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Capture, spool and ship until told to stop (SIGTERM, SIGINT) or the files are at their end
    ///
    /// Opens the interfaces, then gives up every privilege (user, capabilities, files, system calls), then works. A
    /// sensor that is not enrolled captures into its spool and ships nothing.
    Run(Run),
    /// Make a key and have it certified by the centre, with the token that `hirundo sensor add` gave
    ///
    /// The key never leaves this machine. Run as root, it writes as the user of [run], so that the service can read it.
    Enroll(Enroll),
    /// Is everything ready, and what to do about what is not
    ///
    /// Rights, ring, addresses, whether the kernel keeps silent, clock, centre, certificate, disk. Exit status 1 when a
    /// check failed; warnings do not count.
    Check(Check),
    /// What the spool holds, how long the certificate is good, what the centre acknowledged last
    Status,
    /// Print the configuration as it counts, or an annotated one to start from
    Config(Config),
    /// Print the filter that the kernel is given, for auditing (the form of `tcpdump -d`)
    Filter(Filter),
    /// Write the manual page, for packages
    #[command(hide = true)]
    Man,
}

/// Options of `run`.
#[derive(Clone, Debug, Default, Args)]
pub struct Run {
    /// Where frames come from, instead of [capture]: live:eth0, pcap:day.pcap.zst, - (standard input); can be repeated
    #[arg(long = "source", value_name = "URI")]
    pub sources: Vec<String>,
    /// How fast files are replayed, instead of [capture] pace: fastest, captured, or 10x
    #[arg(long, value_name = "SPEED")]
    pub speed: Option<String>,
    /// After replaying files, do not wait until the centre has everything: the next run ships it
    #[arg(long)]
    pub leave: bool,
    /// User to become once the interfaces are open, instead of [run] user
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Landlock and seccomp, instead of [run] sandbox
    #[arg(long, value_enum, value_name = "HOW")]
    pub sandbox: Option<Sandbox>,
}

/// Options of `enroll`.
#[derive(Clone, Debug, Args)]
pub struct Enroll {
    /// The token, or - to read it from standard input (so that no other user of this machine sees it)
    #[arg(value_name = "TOKEN")]
    pub token: String,
    /// Replace a key and certificate that are there
    #[arg(long)]
    pub force: bool,
}

/// Options of `check`.
#[derive(Clone, Debug, Args)]
pub struct Check {
    /// Seconds to listen for answers of this machine from watched addresses; 0 leaves that out
    #[arg(long, value_name = "SECS", default_value_t = 5, value_parser = clap::value_parser!(u16).range(0..=3600))]
    pub listen: u16,
    /// Leave out what needs the centre
    #[arg(long)]
    pub offline: bool,
}

/// Options of `config`.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Every key, explained, with its default
    #[arg(long)]
    pub example: bool,
}

/// Options of `filter`.
#[derive(Clone, Debug, Args)]
pub struct Filter {
    /// Interface whose filter is printed; all of [capture] without it
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
}
