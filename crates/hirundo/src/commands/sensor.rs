//! `hirundo sensor`: adds, shows, revokes and removes sensors, and prints their tokens.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};
use hirundo_lake::{Lake, Roster};
use hirundo_packet::wire;

use super::centre::{addresses, numbers, table, tell, text, time};
use super::{Done, block_on, location};
use crate::cli::Global;
use crate::cli::centre::{Sensor as Options, SensorCommand};
use crate::collector::authority::Authority;
use crate::collector::{health, now_secs, token};
use crate::ingest::roster::range;
use crate::intel::region;
use crate::store::Store;
use crate::store::sensors::Sensor;
use crate::store::tokens::TOKEN_SECS;
use crate::view::Format;

/// Events shown of a sensor.
const EVENTS_SHOWN: i64 = 20;
/// Longest name of a group, bytes.
const GROUP_BYTES_MAX: usize = 63;
/// Most addresses and networks of a sensor.
const WATCHES_MAX: usize = 1_000;

/// Runs the command.
pub fn run(global: &Global, options: &Options) -> Result<Done> {
    let folder = &options.folder.centre;
    block_on(global, async {
        let store = Store::open(folder).await?;
        let done = match &options.command {
            SensorCommand::Add {
                name,
                group,
                region,
                addresses,
                watches,
            } => {
                let sensor = checked(name, group.as_deref(), region.as_deref())?;
                add(global, &store, &sensor, addresses, watches).await
            }
            SensorCommand::Token { name, readmit, addresses } => again(global, &store, name, *readmit, addresses).await,
            SensorCommand::List => list(global, &store).await,
            SensorCommand::Show { name } => show(global, &store, name).await,
            SensorCommand::Revoke { name, why } => revoke(global, &store, name, why).await,
            SensorCommand::Remove { name } => remove(global, &store, name).await,
            SensorCommand::Limit { name, batches, bytes } => {
                known(&store, name).await?;
                store.limit_sensor(name, *batches, *bytes).await?;
                tell(global, &format!("{name} may send {batches} batches and {bytes} bytes a minute"))?;
                Ok(Done::Yes)
            }
        };
        store.close().await;
        done
    })
}

/// A sensor as the options describe it.
fn checked(name: &str, group: Option<&str>, region: Option<&str>) -> Result<Sensor> {
    if !wire::is_sensor_name(name) {
        bail!(
            "{name:?} cannot be a sensor's name; hint: letters, digits, - and _, at most {}, a letter or digit first",
            wire::NAME_BYTES_MAX
        );
    }
    if let Some(group) = group
        && (group.is_empty() || group.len() > GROUP_BYTES_MAX || group.chars().any(char::is_control))
    {
        bail!("{group:?} cannot be a group's name; hint: home, abroad, …");
    }
    let code = region.map(str::to_ascii_uppercase);
    if let Some(code) = &code
        && region::code(code).is_none()
    {
        bail!("{code:?} is no region; hint: JP, US, …");
    }
    Ok(Sensor::new(name, group.map(str::to_owned), code, now_secs()))
}

async fn add(global: &Global, store: &Store, sensor: &Sensor, wanted: &[String], watches: &[String]) -> Result<Done> {
    if watches.len() > WATCHES_MAX {
        bail!("{} addresses are too many; hint: name networks", watches.len());
    }
    if let Some(wrong) = watches.iter().find(|text| range(text).is_none()) {
        bail!("{wrong:?} is no address; hint: 192.0.2.1, 192.0.2.0/28 or 192.0.2.1-192.0.2.9");
    }
    let wanted = addresses(wanted)?;
    if store.sensor(&sensor.name).await?.is_none() {
        tokio::task::block_in_place(|| enter(global, sensor, watches))?;
    }
    store.add_sensor(sensor).await?;
    store.note(Some(&sensor.name), "added", "added", now_secs()).await?;
    give_token(global, store, &sensor.name, &wanted).await
}

/// Enters it in the lake's own record, so that reports know group and region.
fn enter(global: &Global, sensor: &Sensor, watches: &[String]) -> Result<()> {
    let lake = Lake::open_or_create(&location(global)?)?;
    // Addresses that captures of it came with stay, unless others are named.
    let before = lake.roster()?.sensor(&sensor.name).map(|known| known.addresses.clone());
    let addresses = if watches.is_empty() {
        before.unwrap_or_default()
    } else {
        watches.to_vec()
    };
    lake.merge_roster(Roster {
        sensors: vec![hirundo_lake::roster::Sensor {
            name: sensor.name.clone(),
            group: sensor.group.clone(),
            region: sensor.region.clone(),
            addresses,
        }],
        ..Roster::default()
    })?;
    Ok(())
}

async fn again(global: &Global, store: &Store, name: &str, readmit: bool, wanted: &[String]) -> Result<Done> {
    let sensor = known(store, name).await?;
    if sensor.revoked_secs.is_some() {
        if !readmit {
            bail!("{name} is revoked; hint: --readmit takes it back");
        }
        store.readmit_sensor(name).await?;
        store.note(Some(name), "readmitted", "taken back", now_secs()).await?;
    }
    give_token(global, store, name, &addresses(wanted)?).await
}

async fn give_token(global: &Global, store: &Store, name: &str, wanted: &[String]) -> Result<Done> {
    let authority = Authority::open(store.folder())?;
    let centre = store.centre().await?;
    let centres = if wanted.is_empty() { &centre.addresses } else { wanted };
    let now = now_secs();
    let token = token::make(name, centres, &authority.sha256())?;
    store.add_token(name, &token.secret, now).await?;
    store.note(Some(name), "token", "a token was made", now).await?;
    let written = token::write(&token)?;
    let ends = time(now + TOKEN_SECS);
    let mut out = std::io::stdout().lock();
    match global.format {
        Format::Table => writeln!(out, "{written}")?,
        Format::Json => {
            serde_json::to_writer(
                &mut out,
                &serde_json::json!({ "sensor": name, "token": written, "good_until": ends }),
            )?;
            writeln!(out)?;
        }
        Format::Csv => writeln!(out, "sensor,token,good_until\n{name},{written},{ends}")?,
    }
    drop(out);
    tell(
        global,
        &format!("on the sensor: hirundo-sensor enroll TOKEN; it is good once, until {ends} UTC, for whoever has it"),
    )?;
    Ok(Done::Yes)
}

async fn list(global: &Global, store: &Store) -> Result<Done> {
    let sensors = store.sensors().await?;
    let each = || sensors.iter();
    table(
        global,
        None,
        vec![
            ("name", text(each().map(|sensor| Some(sensor.name.clone())))),
            ("group", text(each().map(|sensor| sensor.group.clone()))),
            ("region", text(each().map(|sensor| sensor.region.clone()))),
            ("added", text(each().map(|sensor| Some(time(sensor.added_secs))))),
            ("revoked", text(each().map(|sensor| sensor.revoked_secs.map(time)))),
            ("batches_a_minute", numbers(each().map(|sensor| Some(sensor.batches_a_minute)))),
            ("bytes_a_minute", numbers(each().map(|sensor| Some(sensor.bytes_a_minute)))),
        ],
    )
}

async fn show(global: &Global, store: &Store, name: &str) -> Result<Done> {
    let sensor = known(store, name).await?;
    let now = now_secs();
    let row = health::rows(store, now).await?.into_iter().find(|row| row.name == name);
    let events = store.events(Some(name), EVENTS_SHOWN).await?;
    let mut out = std::io::stdout().lock();
    if global.format == Format::Json {
        serde_json::to_writer(&mut out, &serde_json::json!({ "sensor": sensor, "health": row, "events": events }))?;
        writeln!(out)?;
        return Ok(Done::Yes);
    }
    drop(out);
    if let Some(row) = row.filter(|_| global.format == Format::Table) {
        super::sensors::print(global, &[row])?;
    }
    let each = || events.iter();
    table(
        global,
        Some("the latest events".to_owned()),
        vec![
            ("time", text(each().map(|event| Some(time(event.at_secs))))),
            ("event", text(each().map(|event| Some(event.kind.clone())))),
            ("words", text(each().map(|event| Some(event.words.clone())))),
        ],
    )
}

async fn revoke(global: &Global, store: &Store, name: &str, why: &str) -> Result<Done> {
    known(store, name).await?;
    if !store.revoke_sensor(name, why, now_secs()).await? {
        tell(global, &format!("{name} was revoked before"))?;
        return Ok(Done::No);
    }
    store
        .note(Some(name), "revoked", if why.is_empty() { "revoked" } else { why }, now_secs())
        .await?;
    tell(global, &format!("{name} is refused from now on; what it sent stays in the lake"))?;
    Ok(Done::Yes)
}

async fn remove(global: &Global, store: &Store, name: &str) -> Result<Done> {
    known(store, name).await?;
    store.remove_sensor(name).await?;
    store.note(Some(name), "removed", "removed", now_secs()).await?;
    tell(global, &format!("{name} is forgotten; what it sent stays in the lake"))?;
    Ok(Done::Yes)
}

async fn known(store: &Store, name: &str) -> Result<Sensor> {
    match store.sensor(name).await? {
        Some(sensor) => Ok(sensor),
        None => bail!(
            "there is no sensor {name:?} in {}; hint: `hirundo sensor list`",
            Path::new(store.folder()).display()
        ),
    }
}
