//! The program `hirundo`: reads the command line, runs one command, prints an error once.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use hirundo::cli::Cli;
use hirundo::{commands, screen};

/// The answer is no, or something was left out that a warning names.
const EXIT_NO: u8 = 1;
/// Nothing was done.
const EXIT_FAILED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.global.verbose);
    tell_panics();
    // A panic has been told by then; what is left is to fail like any other command.
    let Ok(ended) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| commands::run(cli))) else {
        return failed("the command ended at an internal error, which is told above");
    };
    match ended {
        Ok(commands::Done::Yes) => ExitCode::SUCCESS,
        Ok(commands::Done::No) => ExitCode::from(EXIT_NO),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&screen::one_line(&error)),
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

/// Libraries may panic on damaged files; the command then fails, and this says what can be done.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("unknown");
        tracing::error!(
            "internal error at {place}: {what}; hint: `hirundo lake verify` says whether a file is damaged; if none is, please report this"
        );
    }));
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("HIRUNDO_LOG").unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colour)
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
}
