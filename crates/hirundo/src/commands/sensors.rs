//! `hirundo sensors`: how the sensors are, kept current on a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result};

use super::centre::{numbers, table, text, time};
use super::{Done, block_on};
use crate::cli::Global;
use crate::cli::centre::Sensors;
use crate::collector::health::{self, Row, State};
use crate::collector::now_secs;
use crate::collector::shipment::span_text;
use crate::screen::screen;
use crate::store::Store;
use crate::view::Format;

/// How often the table is made anew.
const EVERY: Duration = Duration::from_secs(2);

/// Columns of a terminal from which on everything is shown.
const WIDE: usize = 110;

/// Runs the command.
pub fn run(global: &Global, options: &Sensors) -> Result<Done> {
    block_on(global, async {
        let store = Store::open(&options.folder.centre).await?;
        let live = global.format == Format::Table && !options.once && std::io::stdout().is_terminal();
        if !live {
            let rows = health::rows(&store, now_secs()).await?;
            store.close().await;
            return print(global, &rows);
        }
        let terminal = console::Term::stdout();
        loop {
            let rows = health::rows(&store, now_secs()).await?;
            terminal.clear_screen()?;
            print(global, &rows)?;
            writeln!(
                std::io::stdout().lock(),
                "{} UTC, {}; Ctrl-C ends",
                time(now_secs()),
                summary(&rows)
            )?;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                ended = tokio::signal::ctrl_c() => {
                    ended.context("could not listen for the end")?;
                    store.close().await;
                    return Ok(Done::Yes);
                }
            }
        }
    })
}

/// How many sensors are in each state.
fn summary(rows: &[Row]) -> String {
    let count = |state: State| (state, rows.iter().filter(|row| row.state == state).count());
    let parts: Vec<String> = State::ALL
        .into_iter()
        .map(count)
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {}", state.name()))
        .collect();
    if parts.is_empty() {
        "no sensors yet".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Prints rows in the form asked for.
pub(super) fn print(global: &Global, rows: &[Row]) -> Result<Done> {
    match global.format {
        Format::Json => {
            let mut out = std::io::stdout().lock();
            serde_json::to_writer(&mut out, rows)?;
            writeln!(out)?;
            Ok(Done::Yes)
        }
        Format::Csv => csv(global, rows),
        Format::Table => people(global, rows),
    }
}

fn reasons(row: &Row) -> Option<String> {
    let words: Vec<&str> = row.reasons.iter().map(|(_, words)| words.as_str()).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn people(global: &Global, rows: &[Row]) -> Result<Done> {
    let each = || rows.iter();
    let ago = |secs: Option<i64>| secs.map(span_text);
    let mut columns = vec![
        ("sensor", text(each().map(|row| Some(row.name.clone())))),
        ("state", text(each().map(|row| Some(row.state.name())))),
        ("heard", text(each().map(|row| ago(row.heard_secs)))),
        ("packets/min", numbers(each().map(|row| row.packets_a_minute))),
        ("dropped", numbers(each().map(|row| i64::try_from(row.dropped).ok()))),
        ("spool", text(each().map(|row| Some(spool(row))))),
        ("clock", text(each().map(|row| row.skew_us.map(skew)))),
    ];
    // On a narrow terminal what is wrong with these still stands under `why`.
    if screen().width.is_none_or(|width| width >= WIDE) {
        columns.insert(1, ("group", text(each().map(|row| row.group.clone()))));
        columns.push(("version", text(each().map(|row| row.software.clone()))));
        columns.push(("certificate", text(each().map(|row| ago(row.certificate_secs)))));
    }
    columns.push(("why", text(each().map(reasons))));
    table(global, None, columns)
}

fn spool(row: &Row) -> String {
    match row.spool_secs {
        None => "empty".to_owned(),
        Some(secs) if row.spool_batches == 1 => format!("1 batch, {}", span_text(secs)),
        Some(secs) => format!("{} batches, {}", row.spool_batches, span_text(secs)),
    }
}

fn skew(skew_us: i64) -> String {
    format!("{:+.2} s", skew_us as f64 / 1e6)
}

fn csv(global: &Global, rows: &[Row]) -> Result<Done> {
    let each = || rows.iter();
    let count = |value: u64| Some(i64::try_from(value).unwrap_or(i64::MAX));
    table(
        global,
        None,
        vec![
            ("sensor", text(each().map(|row| Some(row.name.clone())))),
            ("group", text(each().map(|row| row.group.clone()))),
            ("region", text(each().map(|row| row.region.clone()))),
            ("state", text(each().map(|row| Some(row.state.name())))),
            ("heard_secs", numbers(each().map(|row| row.heard_secs))),
            ("stored_secs", numbers(each().map(|row| row.stored_secs))),
            ("packets", numbers(each().map(|row| Some(row.packets)))),
            ("packets_a_minute", numbers(each().map(|row| row.packets_a_minute))),
            ("dropped", numbers(each().map(|row| count(row.dropped)))),
            ("missed", numbers(each().map(|row| count(row.missed)))),
            ("spool_batches", numbers(each().map(|row| count(row.spool_batches)))),
            ("spool_bytes", numbers(each().map(|row| count(row.spool_bytes)))),
            ("spool_secs", numbers(each().map(|row| row.spool_secs))),
            ("skew_us", numbers(each().map(|row| row.skew_us))),
            ("software", text(each().map(|row| row.software.clone()))),
            ("certificate_secs", numbers(each().map(|row| row.certificate_secs))),
            ("quarantined", numbers(each().map(|row| Some(row.quarantined)))),
            ("why", text(each().map(reasons))),
        ],
    )
}
