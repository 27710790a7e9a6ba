//! One function a command: options and configuration checked first, then the work, then what is read of it.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::CommandFactory;

use crate::cli::{self, Cli, Command, Format, Global};
use crate::config::{self, Loaded, Overrides};
use crate::{check, confine, run};

/// Most bytes of a token from standard input.
const TOKEN_BYTES_MAX: u64 = 16 << 10;
/// Columns where the terminal does not say.
const WIDTH_DEFAULT: usize = 110;

/// How a command that ran to its end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// All of it.
    Yes,
    /// The answer is no, or something was left out.
    No,
}

/// Runs a command.
///
/// # Errors
/// When nothing, or not all of it, could be done.
pub fn run(cli: Cli) -> Result<Done> {
    let global = &cli.global;
    match cli.command {
        Command::Run(options) => run::run(&load(global, &options)?, options.leave),
        Command::Enroll(options) => enroll(global, &options),
        Command::Check(options) => make_checks(global, &options),
        Command::Status => status(global),
        Command::Config(options) => print_config(global, &options),
        Command::Filter(options) => filter(global, &options),
        Command::Man => manual(),
    }
}

fn load(global: &Global, options: &cli::Run) -> Result<Loaded> {
    let overrides = Overrides {
        state: global.state.clone(),
        user: options.user.clone(),
        sandbox: options.sandbox,
        sources: options.sources.clone(),
        speed: options.speed.clone(),
    };
    Ok(Loaded::read(global.config.as_deref(), &overrides)?)
}

fn enroll(global: &Global, options: &cli::Enroll) -> Result<Done> {
    let loaded = load(global, &cli::Run::default())?;
    let token = if options.token == "-" {
        let mut text = String::new();
        io::stdin()
            .take(TOKEN_BYTES_MAX)
            .read_to_string(&mut text)
            .context("could not read the token from standard input")?;
        text
    } else {
        options.token.clone()
    };
    // Before anything is written: the key must be the service's, not root's.
    confine::become_user(&run::plan(&loaded.config))?;
    let said = run::enroll(&loaded.config, token.trim(), options.force)?;
    writeln!(io::stdout().lock(), "{said}")?;
    Ok(Done::Yes)
}

fn make_checks(global: &Global, options: &cli::Check) -> Result<Done> {
    let loaded = load(global, &cli::Run::default())?;
    let site = check::Site {
        listen: Duration::from_secs(options.listen.into()),
        offline: options.offline,
        ..run::site(&loaded)
    };
    if !loaded.is_file {
        tracing::warn!(
            "there is no {}, so the defaults are checked; hint: `hirundo-sensor config --example` prints one to start from",
            loaded.path.display()
        );
    }
    let rows = check::run(&site, &run::Equipment::new(&loaded.config));
    let mut out = io::stdout().lock();
    match global.format {
        Format::Json => check::json(&mut out, &rows)?,
        Format::Table => {
            let terminal = io::stdout().is_terminal();
            let colour = terminal && std::env::var_os("NO_COLOR").is_none();
            check::table(&mut out, &rows, width(), colour)?;
        }
    }
    Ok(if check::worst(&rows) == check::State::Fail {
        Done::No
    } else {
        Done::Yes
    })
}

/// Columns of the terminal, as the shell says; more than people read are of no use.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.unwrap_or(WIDTH_DEFAULT).clamp(40, WIDTH_DEFAULT)
}

fn status(global: &Global) -> Result<Done> {
    let loaded = load(global, &cli::Run::default())?;
    let status = run::status(&loaded.config)?;
    let mut out = io::stdout().lock();
    match global.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &status)?;
            writeln!(out)?;
        }
        Format::Table => write!(out, "{status}")?,
    }
    Ok(if status.sensor.is_some() { Done::Yes } else { Done::No })
}

fn print_config(global: &Global, options: &cli::Config) -> Result<Done> {
    let mut out = io::stdout().lock();
    if options.example {
        out.write_all(config::EXAMPLE.as_bytes())?;
        return Ok(Done::Yes);
    }
    let loaded = load(global, &cli::Run::default())?;
    let from: PathBuf = loaded.path.clone();
    if loaded.is_file {
        writeln!(out, "# {} and the defaults", from.display())?;
    } else {
        writeln!(out, "# the defaults; there is no {}", from.display())?;
    }
    out.write_all(loaded.printed().as_bytes())?;
    Ok(Done::Yes)
}

fn filter(global: &Global, options: &cli::Filter) -> Result<Done> {
    let loaded = load(global, &cli::Run::default())?;
    let text = run::filter(&loaded.config, options.interface.as_deref())?;
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Done::Yes)
}

fn manual() -> Result<Done> {
    let text = crate::manual::page(&Cli::command());
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Done::Yes)
}
