//! `hirundo collect`: takes what sensors send into the lake until it is told to end.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use hirundo_lake::{Lake, Roster};
use tokio::signal::unix::{SignalKind, signal};

use super::centre::tell;
use super::{Done, block_on, ingest, location};
use crate::cli::centre::Collect;
use crate::cli::{Geo, Global};
use crate::collector::authority::Authority;
use crate::collector::centre::{Centre, Settings};
use crate::collector::gather::{Landing, Opener};
use crate::collector::server::Collector;
use crate::collector::shipment::Times;
use crate::ingest::land::{Ground, Land};
use crate::store::Store;

/// Runs the command.
pub fn run(global: &Global, options: &Collect) -> Result<Done> {
    let ground = ground(global, options.rules.as_deref(), &options.geo)?;
    let settings = Settings {
        metrics: options.metrics.0,
        commit_every: options.commit_every,
        memory_bytes: usize::try_from(options.memory).unwrap_or(usize::MAX) << 20,
        times: if options.any_time { Times::Any } else { Times::Present },
        ..Settings::new(options.listen)
    };
    block_on(global, async {
        // Asked for first: a signal that comes while starting is not lost.
        let mut terminate = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("could not listen for SIGINT")?;
        let store = Store::open(&options.folder.centre).await?;
        let authority = Authority::open(&options.folder.centre)?;
        let collector = Collector::start(Centre::new(store, authority, settings), opener(ground)).await?;
        let metrics = collector
            .metrics_address
            .map_or_else(String::new, |address| format!(", metrics at http://{address}/metrics"));
        tell(
            global,
            &format!("collecting at {} into {}{metrics}", collector.address, global.lake),
        )?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tell(global, "ending: what waits is stored")?;
        collector.stop().await;
        Ok(Done::Yes)
    })
}

/// What is needed to make rows of batches; the lake is there afterwards, and knows the databases.
pub(super) fn ground(global: &Global, rules: Option<&Path>, geo: &Geo) -> Result<Ground> {
    let marks = ingest::marks(rules)?;
    let location = location(global)?;
    let lake = Lake::open_or_create(&location)?;
    let intel = ingest::intel(geo, global.quiet)?;
    lake.merge_roster(Roster {
        databases: ingest::databases(&intel),
        ..Roster::default()
    })?;
    Ok(Ground {
        lake: location,
        intel: Arc::new(intel),
        marks: Arc::new(marks),
    })
}

fn opener(ground: Ground) -> Opener {
    Box::new(move || Ok(Box::new(Land::open(&ground)?) as Box<dyn Landing>))
}
