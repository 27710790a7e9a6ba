//! `hirundo quarantine`: batches that were refused or held: list, show, release, delete.

use std::io::Write;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hirundo_packet::batch::Batch;
use sha2::{Digest, Sha256};

use super::centre::{numbers, table, tell, text, time};
use super::{Done, block_on, collect};
use crate::cli::Global;
use crate::cli::centre::{Quarantine, QuarantineCommand};
use crate::collector::gather::{Landed, Landing, Trouble};
use crate::collector::shipment::{Name, Shipment};
use crate::collector::{now_secs, quarantine};
use crate::ingest::land::{Ground, Land};
use crate::store::Store;
use crate::store::batches::Stored;
use crate::store::quarantine::Kept;

/// Packets shown of a batch.
const PACKETS_SHOWN: usize = 10;
/// Minutes shown of a batch.
const MINUTES_SHOWN: usize = 10;

/// Runs the command.
pub fn run(global: &Global, options: &Quarantine) -> Result<Done> {
    let ground = match &options.command {
        QuarantineCommand::Release { rules, geo, .. } => Some(collect::ground(global, rules.as_deref(), geo)?),
        QuarantineCommand::List { .. } | QuarantineCommand::Show { .. } | QuarantineCommand::Delete { .. } => None,
    };
    block_on(global, async {
        let store = Store::open(&options.folder.centre).await?;
        let done = match (&options.command, ground) {
            (QuarantineCommand::List { sensor }, _) => list(global, &store, sensor.as_deref()).await,
            (QuarantineCommand::Show { id }, _) => show(&store, *id).await,
            (QuarantineCommand::Release { ids, .. }, Some(ground)) => release(global, &store, ids, &ground).await,
            (QuarantineCommand::Release { .. }, None) => bail!("there is no lake to release into"),
            (QuarantineCommand::Delete { ids }, _) => delete(global, &store, ids).await,
        };
        store.close().await;
        done
    })
}

async fn list(global: &Global, store: &Store, sensor: Option<&str>) -> Result<Done> {
    let all = store.quarantine(sensor).await?;
    let each = || all.iter();
    table(
        global,
        None,
        vec![
            ("id", numbers(each().map(|kept| Some(kept.id)))),
            ("time", text(each().map(|kept| Some(time(kept.at_secs))))),
            ("sensor", text(each().map(|kept| Some(kept.sensor.clone())))),
            (
                "batch",
                text(each().map(|kept| Some(format!("{:016x}/{}", kept.epoch, kept.number)))),
            ),
            ("packets", numbers(each().map(|kept| Some(kept.packets)))),
            ("bytes", numbers(each().map(|kept| Some(kept.bytes)))),
            ("kept", text(each().map(|kept| Some(if kept.held { "held" } else { "refused" })))),
            ("why", text(each().map(|kept| Some(kept.reason.clone())))),
        ],
    )
}

async fn entry(store: &Store, id: i64) -> Result<Kept> {
    match store.kept(id).await? {
        Some(kept) => Ok(kept),
        None => bail!("nothing is in quarantine under number {id}; hint: `hirundo quarantine list`"),
    }
}

async fn show(store: &Store, id: i64) -> Result<Done> {
    let kept = entry(store, id).await?;
    let bytes = quarantine::read(store, &kept)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "number {id}, from {} at {} UTC, {} bytes",
        kept.sensor,
        time(kept.at_secs),
        kept.bytes
    )?;
    writeln!(out, "sent as batch {:016x}/{}", kept.epoch, kept.number)?;
    writeln!(
        out,
        "{}: {}",
        if kept.held { "held" } else { "refused" },
        crate::view::text::visible(&kept.reason)
    )?;
    let batch = match Batch::decode(&bytes) {
        Ok(batch) => batch,
        Err(error) => {
            writeln!(out, "it cannot be read: {error}")?;
            return Ok(Done::No);
        }
    };
    let header = &batch.header;
    let hidden = if header.hidden { ", addresses hidden" } else { "" };
    writeln!(
        out,
        "it says: sensor {}, batch {:016x}/{}{hidden}",
        header.sensor, header.epoch, header.number
    )?;
    writeln!(
        out,
        "{} packets from {} to {} UTC",
        batch.len(),
        time(batch.first_us.div_euclid(1_000_000)),
        time(batch.last_us.div_euclid(1_000_000))
    )?;
    for minute in batch.minutes.iter().take(MINUTES_SHOWN) {
        let begin = time(minute.begin_us.div_euclid(1_000_000));
        writeln!(
            out,
            "  minute {begin}: seen {}, kept {}, dropped {}",
            minute.seen, minute.kept, minute.dropped_kernel
        )?;
    }
    for decoded in batch.packets().take(PACKETS_SHOWN) {
        let packet = &decoded.packet;
        writeln!(
            out,
            "  packet {}: protocol {}, port {}, {} bytes",
            time(packet.time_us.div_euclid(1_000_000)),
            packet.proto,
            packet.dst_port,
            packet.ip_len
        )?;
    }
    Ok(Done::Yes)
}

async fn release(global: &Global, store: &Store, ids: &[i64], ground: &Ground) -> Result<Done> {
    for &id in ids {
        let kept = entry(store, id).await?;
        let bytes = quarantine::read(store, &kept)?;
        let batch = Batch::decode(&bytes).with_context(|| format!("could not release number {id}; hint: it can only be deleted"))?;
        let header = &batch.header;
        if header.sensor != kept.sensor {
            bail!(
                "could not release number {id}: it says it is of {}, and came from {}; hint: it can only be deleted",
                header.sensor,
                kept.sensor
            );
        }
        let shipment = Shipment {
            name: Name {
                sensor: header.sensor.clone(),
                epoch: header.epoch,
                number: header.number,
            },
            sha256: Sha256::digest(&bytes).into(),
            packets: batch.len() as u64,
            bytes: Bytes::from(bytes),
            skew_us: None,
        };
        let (packets, landed) = land(ground.clone(), shipment.clone()).await?;
        if landed == Landed::Stored {
            let stored = Stored {
                sensor: shipment.name.sensor,
                epoch: shipment.name.epoch,
                number: shipment.name.number,
                digest: shipment.sha256,
                packets,
            };
            store.stored(&[stored], now_secs()).await?;
        }
        // Only now: it is durable in the lake.
        quarantine::delete(store, &kept).await?;
        let words = match landed {
            Landed::Stored => format!("{packets} packets of number {id} are in the lake"),
            Landed::Known => format!("a batch of this name is in the lake already; number {id} was not stored beside it"),
        };
        store.note(Some(&kept.sensor), "released", &words, now_secs()).await?;
        tell(global, &words)?;
    }
    Ok(Done::Yes)
}

async fn land(ground: Ground, shipment: Shipment) -> Result<(u64, Landed)> {
    let packets = shipment.packets;
    let work = tokio::task::spawn_blocking(move || -> Result<Vec<Landed>> {
        Land::open(&ground)?.land(&[shipment]).map_err(|trouble| match trouble {
            Trouble::Lake(error) | Trouble::Batch(error) => error,
        })
    });
    let landed = work.await.context("storing it ended at an internal error")??;
    let landed = landed.first().copied().context("the lake did not say what became of it")?;
    Ok((packets, landed))
}

async fn delete(global: &Global, store: &Store, ids: &[i64]) -> Result<Done> {
    for &id in ids {
        let kept = entry(store, id).await?;
        quarantine::delete(store, &kept).await?;
        let words = format!("number {id} was deleted from quarantine: {}", kept.reason);
        store.note(Some(&kept.sensor), "deleted", &words, now_secs()).await?;
        tell(global, &format!("number {id} of {} is deleted", kept.sensor))?;
    }
    Ok(Done::Yes)
}
