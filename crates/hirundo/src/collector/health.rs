//! How the sensors are: from what was noted of each to a state, with reasons.

use std::collections::HashMap;

use anyhow::Result;
use hirundo_packet::wire::Heartbeat;
use serde::Serialize;

use super::shipment::{ago, span_text};
use crate::store::Store;
use crate::store::health::{Health, Rate, USUAL_SECS};
use crate::store::sensors::Sensor;

/// A sensor speaks once a minute; without a word for three it is silent, seconds.
const SILENT_SECS: i64 = 180;
/// Minutes whose median is the rate now.
const NOW_MINUTES: i64 = 5;
/// Minutes that must be known before a rate is usual.
const USUAL_MINUTES_MIN: usize = 30;
/// Packets a minute below which a usual rate is too small to drop.
const USUAL_MIN: i64 = 10;
/// A rate below the usual one divided by this is a drop.
const DROP_FACTOR: i64 = 10;
/// A batch that waits longer than this shows that the spool is not emptied, seconds.
const BEHIND_SECS: i64 = 600;
/// Minutes within which losses are news.
const LOSING_MINUTES: i64 = 15;
/// A clock farther off than this is wrong, microseconds.
const SKEW_MAX_US: i64 = 2_000_000;
/// Sensors renew their certificate when ten days are left; when fewer than these are, that does not work, seconds.
const CERTIFICATE_SECS_MIN: i64 = 7 * 86_400;
/// A spool fuller than this will lose something soon, percent.
const SPOOL_PERCENT_MAX: u64 = 80;

/// How a sensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// Something is wrong.
    Trouble,
    /// It has not been heard of for too long.
    Silent,
    /// It was added and has not been heard of yet.
    Awaited,
    /// It is refused.
    Revoked,
}

impl State {
    /// Every state.
    pub const ALL: [State; 5] = [State::Good, State::Trouble, State::Silent, State::Awaited, State::Revoked];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Trouble => "trouble",
            State::Silent => "silent",
            State::Awaited => "awaited",
            State::Revoked => "revoked",
        }
    }
}

/// Why a sensor is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// No heartbeat.
    Silent,
    /// Far fewer packets than usual.
    Drop,
    /// The spool is not emptied.
    Behind,
    /// The spool is nearly full.
    Full,
    /// Packets were dropped.
    Losing,
    /// The clock is wrong or not synchronised.
    Clock,
    /// Another version of the software than the centre's.
    Version,
    /// The certificate ends soon, or has.
    Certificate,
    /// Batches of it are in quarantine.
    Quarantine,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Cause; 9] = [
        Cause::Silent,
        Cause::Drop,
        Cause::Behind,
        Cause::Full,
        Cause::Losing,
        Cause::Clock,
        Cause::Version,
        Cause::Certificate,
        Cause::Quarantine,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Cause::Silent => "silent",
            Cause::Drop => "drop",
            Cause::Behind => "behind",
            Cause::Full => "full",
            Cause::Losing => "losing",
            Cause::Clock => "clock",
            Cause::Version => "version",
            Cause::Certificate => "certificate",
            Cause::Quarantine => "quarantine",
        }
    }
}

/// A sensor and how it is.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Name.
    pub name: String,
    /// Group.
    pub group: Option<String>,
    /// Region that hosts it.
    pub region: Option<String>,
    /// How it is.
    pub state: State,
    /// Why, each with words.
    pub reasons: Vec<(Cause, String)>,
    /// Seconds since its last heartbeat.
    pub heard_secs: Option<i64>,
    /// Seconds since a batch of it was last stored.
    pub stored_secs: Option<i64>,
    /// Packets stored of it, in all.
    pub packets: i64,
    /// Packets a minute now.
    pub packets_a_minute: Option<i64>,
    /// Packets dropped in the run, by kernel and spool.
    pub dropped: u64,
    /// Frames missed before the run began, at most.
    pub missed: u64,
    /// Batches that wait in its spool.
    pub spool_batches: u64,
    /// Their bytes.
    pub spool_bytes: u64,
    /// Age of the oldest of them, seconds.
    pub spool_secs: Option<i64>,
    /// Its clock less the centre's, microseconds.
    pub skew_us: Option<i64>,
    /// Fill of its ring at its worst in the last minute, thousandths.
    pub ring_fill_permille: u16,
    /// Whether it hides its addresses.
    pub hidden: Option<bool>,
    /// Its software.
    pub software: Option<String>,
    /// Seconds until its certificate ends.
    pub certificate_secs: Option<i64>,
    /// Batches of it in quarantine.
    pub quarantined: i64,
}

/// What is known of one sensor.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The sensor.
    pub sensor: &'a Sensor,
    /// What was noted.
    pub health: &'a Health,
    /// Its rates of the last hours, in order of time.
    pub rates: &'a [Rate],
    /// When its certificate ends.
    pub certificate_ends_secs: Option<i64>,
    /// Batches in quarantine.
    pub quarantined: i64,
}

/// How every sensor is, by name.
///
/// # Errors
/// When the store cannot be read.
pub async fn rows(store: &Store, now_secs: i64) -> Result<Vec<Row>> {
    let mut rates: HashMap<String, Vec<Rate>> = HashMap::new();
    for (sensor, rate) in store.rates((now_secs - USUAL_SECS) / 60).await? {
        rates.entry(sensor).or_default().push(rate);
    }
    let health: HashMap<String, Health> = store
        .health()
        .await?
        .into_iter()
        .map(|health| (health.sensor.clone(), health))
        .collect();
    let ends = store.certificate_ends().await?;
    let quarantined = store.quarantine_counts().await?;
    let unheard = Health::default();
    let row = |sensor: &Sensor| {
        let known = Known {
            sensor,
            health: health.get(&sensor.name).unwrap_or(&unheard),
            rates: rates.get(&sensor.name).map_or(&[], Vec::as_slice),
            certificate_ends_secs: ends.get(&sensor.name).copied(),
            quarantined: quarantined.get(&sensor.name).copied().unwrap_or(0),
        };
        judge(known, now_secs)
    };
    Ok(store.sensors().await?.iter().map(row).collect())
}

/// How one sensor is.
#[must_use]
pub fn judge(known: Known<'_>, now_secs: i64) -> Row {
    let Known { sensor, health, rates, .. } = known;
    let beat = health.beat.clone().unwrap_or_default();
    let heard = health.beat.is_some();
    let since = |at_secs: i64| now_secs.saturating_sub(at_secs).max(0);
    let reasons = reasons(known, now_secs);
    let state = if sensor.revoked_secs.is_some() {
        State::Revoked
    } else if !heard {
        State::Awaited
    } else if reasons.iter().any(|(cause, _)| *cause == Cause::Silent) {
        State::Silent
    } else if reasons.is_empty() {
        State::Good
    } else {
        State::Trouble
    };
    Row {
        name: sensor.name.clone(),
        group: sensor.group.clone(),
        region: sensor.region.clone(),
        state,
        reasons,
        heard_secs: health.beat_secs.map(since),
        stored_secs: health.batch_secs.map(since),
        packets: health.packets,
        packets_a_minute: rate_now(rates, now_secs),
        dropped: beat.dropped_kernel.saturating_add(beat.dropped_spool),
        missed: beat.missed,
        spool_batches: beat.spool_batches,
        spool_bytes: beat.spool_bytes,
        spool_secs: spool_secs(&beat),
        skew_us: health.skew_us,
        ring_fill_permille: beat.ring_fill_permille,
        hidden: heard.then_some(beat.hidden),
        software: heard.then_some(beat.software),
        certificate_secs: known.certificate_ends_secs.map(|ends_secs| ends_secs.saturating_sub(now_secs)),
        quarantined: known.quarantined,
    }
}

fn reasons(known: Known<'_>, now_secs: i64) -> Vec<(Cause, String)> {
    let Known { sensor, health, rates, .. } = known;
    let mut reasons = Vec::new();
    if sensor.revoked_secs.is_some() {
        return reasons;
    }
    if known.quarantined > 0 {
        let (count, name) = (known.quarantined, &sensor.name);
        reasons.push((
            Cause::Quarantine,
            format!("{count} batches are in quarantine: hirundo quarantine list {name}"),
        ));
    }
    let Some(beat) = &health.beat else { return reasons };
    let silent_secs = now_secs.saturating_sub(health.beat_secs.unwrap_or(0));
    if silent_secs > SILENT_SECS {
        reasons.push((Cause::Silent, format!("not heard of for {}", span_text(silent_secs))));
    }
    if let Some(words) = certificate(known.certificate_ends_secs, now_secs) {
        reasons.push((Cause::Certificate, words));
    }
    if silent_secs > SILENT_SECS {
        // What it said then says nothing about now.
        return reasons;
    }
    if let (Some(now), Some(usual)) = (rate_now(rates, now_secs), rate_usual(rates, now_secs))
        && usual >= USUAL_MIN
        && now.saturating_mul(DROP_FACTOR) < usual
    {
        reasons.push((Cause::Drop, format!("{now} packets a minute, usually {usual}")));
    }
    if let Some(secs) = spool_secs(beat).filter(|secs| *secs > BEHIND_SECS) {
        let batches = beat.spool_batches;
        reasons.push((
            Cause::Behind,
            match batches {
                1 => format!("a batch waits in its spool for {}", span_text(secs)),
                _ => format!("{batches} batches wait in its spool, the oldest for {}", span_text(secs)),
            },
        ));
    }
    let percent = u128::from(beat.spool_bytes) * 100 / u128::from(beat.spool_bytes_max.max(1));
    if beat.spool_bytes_max > 0 && percent > u128::from(SPOOL_PERCENT_MAX) {
        reasons.push((Cause::Full, format!("its spool is full to {percent} %")));
    }
    let recent = now_secs / 60 - LOSING_MINUTES;
    let lost: i64 = rates
        .iter()
        .filter(|rate| rate.minute > recent)
        .fold(0, |sum, rate| sum.saturating_add(rate.dropped));
    if lost > 0 {
        reasons.push((
            Cause::Losing,
            format!("{lost} packets dropped in the last {LOSING_MINUTES} minutes"),
        ));
    }
    reasons.extend(clock(beat, health.skew_us).map(|words| (Cause::Clock, words)));
    reasons.extend(version(beat).map(|words| (Cause::Version, words)));
    reasons
}

/// What the operator of a sensor should know, in words.
#[must_use]
pub fn notes(beat: &Heartbeat, skew_us: Option<i64>) -> Vec<String> {
    clock(beat, skew_us).into_iter().chain(version(beat)).collect()
}

fn certificate(ends_secs: Option<i64>, now_secs: i64) -> Option<String> {
    let Some(ends_secs) = ends_secs else {
        return Some("it has no certificate that holds".to_owned());
    };
    match ends_secs.saturating_sub(now_secs) {
        left if left <= 0 => Some(format!("its certificate ended {} ago", span_text(-left))),
        left if left < CERTIFICATE_SECS_MIN => Some(format!("its certificate ends in {} and was not renewed", span_text(left))),
        _ => None,
    }
}

fn clock(beat: &Heartbeat, skew_us: Option<i64>) -> Option<String> {
    match skew_us {
        Some(skew_us) if skew_us > SKEW_MAX_US => Some(format!("its clock is {} fast", ago(skew_us))),
        Some(skew_us) if skew_us < -SKEW_MAX_US => Some(format!("its clock is {} slow", ago(skew_us))),
        Some(_) | None if beat.clock_synchronised == Some(false) => Some("its clock is not synchronised".to_owned()),
        Some(_) | None => None,
    }
}

fn version(beat: &Heartbeat) -> Option<String> {
    let ours = env!("CARGO_PKG_VERSION");
    let same = beat.software.split_whitespace().any(|word| word == ours);
    (!same).then(|| format!("its software is {:?}, the centre's {ours:?}", beat.software))
}

/// Age of the oldest batch in the spool, by the sensor's own clock.
fn spool_secs(beat: &Heartbeat) -> Option<i64> {
    let waits = beat.spool_batches > 0 && beat.spool_oldest_us > 0;
    waits.then(|| beat.now_us.saturating_sub(beat.spool_oldest_us).max(0) / 1_000_000)
}

/// Packets a minute now: the median of the last minutes.
fn rate_now(rates: &[Rate], now_secs: i64) -> Option<i64> {
    let from = now_secs / 60 - NOW_MINUTES;
    median(rates.iter().filter(|rate| rate.minute > from).map(|rate| rate.packets))
}

/// Packets a minute usually: the median of the hours before.
fn rate_usual(rates: &[Rate], now_secs: i64) -> Option<i64> {
    let from = now_secs / 60 - NOW_MINUTES;
    let before = rates.iter().filter(|rate| rate.minute <= from);
    if before.clone().count() < USUAL_MINUTES_MIN {
        return None;
    }
    median(before.map(|rate| rate.packets))
}

fn median(values: impl Iterator<Item = i64>) -> Option<i64> {
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
