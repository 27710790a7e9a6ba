//! The sensor's program: packets from interfaces or files into the spool, and from there to the centre.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use hirundo_sensor::cli::Cli;
use hirundo_sensor::commands::{self, Done};
use hirundo_sensor::said::one_line;

/// The answer is no.
const EXIT_NO: u8 = 1;
/// Nothing was done.
const EXIT_FAILED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.global.verbose);
    match commands::run(cli) {
        Ok(Done::Yes) => ExitCode::SUCCESS,
        Ok(Done::No) => ExitCode::from(EXIT_NO),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&one_line(&error)),
    }
}

/// Says why, once.
fn failed(why: &str) -> ExitCode {
    // Nothing is left to do about a standard error that cannot be written to.
    let written = writeln!(std::io::stderr().lock(), "error: {why}");
    drop(written);
    ExitCode::from(EXIT_FAILED)
}

/// Whoever reads our output has read enough; that is success.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// To standard error: the journal under systemd, which adds the time itself.
fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("HIRUNDO_SENSOR_LOG").unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colour)
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
}
