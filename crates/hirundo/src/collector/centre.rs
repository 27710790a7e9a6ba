//! What all connections of a collector share.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use http::StatusCode;
use tokio::sync::Semaphore;

use super::authority::Authority;
use super::body::Patience;
use super::clocks::Clocks;
use super::gather::Gather;
use super::limits::{Allowance, Budget, Enough, InFlight, Meters};
use super::metrics::Counters;
use super::peer::{Identity, Peer};
use super::refusal::Refused;
use super::shipment::Times;
use crate::store::Store;
use crate::store::certificates::Admission;

/// How long what the store said of a certificate is believed. A revoked sensor is refused after this at the latest.
const ADMISSION_FRESH: Duration = Duration::from_secs(1);
/// Most certificates remembered.
const ADMISSIONS_MAX: usize = 20_000;
/// Requests other than batches that a sensor, or an address without certificate, may make a minute.
const CALLS_A_MINUTE: i64 = 120;

/// How a collector is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where sensors come in.
    pub listen: SocketAddr,
    /// Where Prometheus asks; nowhere without.
    pub metrics: Option<SocketAddr>,
    /// Longest wait of a batch for others to be stored with.
    pub commit_every: Duration,
    /// Memory for batches that come in and wait, bytes.
    pub memory_bytes: usize,
    /// Longest wait of a sender for an answer.
    pub answer_max: Duration,
    /// How patient reading a body is.
    pub patience: Patience,
    /// Which times packets may have.
    pub times: Times,
    /// Who may connect how often.
    pub doors: Doors,
}

/// Limits on connections.
#[derive(Clone, Copy, Debug)]
pub struct Doors {
    /// Connections in all.
    pub connections_max: usize,
    /// … of one address (or IPv6 /64): several sensors may be behind one.
    pub of_address_max: usize,
    /// … of one address that have not shaken hands yet.
    pub shaking_max: usize,
    /// … of one address without a certificate.
    pub strangers_of_address_max: usize,
    /// … of one sensor.
    pub of_sensor_max: usize,
    /// … without a certificate.
    pub strangers_max: usize,
    /// Longest time to shake hands.
    pub handshake_max: Duration,
    /// Longest time without a certificate: enough to enrol.
    pub stranger_max: Duration,
    /// Longest time without a request.
    pub idle_max: Duration,
    /// Longest time to end what was begun when the collector stops.
    pub farewell_max: Duration,
}

impl Default for Doors {
    fn default() -> Doors {
        Doors {
            connections_max: 2_048,
            of_address_max: 128,
            shaking_max: 32,
            strangers_of_address_max: 16,
            of_sensor_max: 8,
            strangers_max: 64,
            handshake_max: Duration::from_secs(10),
            stranger_max: Duration::from_secs(30),
            idle_max: Duration::from_secs(300),
            farewell_max: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// The usual, listening there.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Settings {
        Settings {
            listen,
            metrics: None,
            commit_every: Duration::from_secs(10),
            memory_bytes: 256 << 20,
            answer_max: Duration::from_secs(120),
            patience: Patience::default(),
            times: Times::Present,
            doors: Doors::default(),
        }
    }
}

/// What all connections share.
pub struct Centre {
    /// What is known of the sensors.
    pub store: Store,
    /// The authority.
    pub authority: Authority,
    /// How it is run.
    pub settings: Settings,
    /// Memory for batches.
    pub budget: Budget,
    /// What each sensor sends.
    pub meters: Arc<Meters>,
    /// What each sensor or address asks otherwise.
    pub calls: Arc<Meters>,
    /// The sensors' clocks.
    pub clocks: Clocks,
    /// Batches that wait.
    pub gather: Gather,
    /// How many are decoded at a time: each needs memory of its own.
    pub decoding: Semaphore,
    /// What is counted.
    pub counters: Counters,
    admissions: Mutex<HashMap<(String, String), (Instant, Admission)>>,
}

impl Centre {
    /// Over an open store and authority.
    #[must_use]
    pub fn new(store: Store, authority: Authority, settings: Settings) -> Centre {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Centre {
            budget: Budget::new(settings.memory_bytes),
            // A quarter each: no sensor can take the memory of all.
            meters: Arc::new(Meters::new(2 * hirundo_packet::wire::IN_FLIGHT_MAX, settings.memory_bytes / 4)),
            calls: Arc::new(Meters::new(16, usize::MAX)),
            clocks: Clocks::default(),
            gather: Gather::default(),
            decoding: Semaphore::new(cores),
            counters: Counters::default(),
            admissions: Mutex::default(),
            store,
            authority,
            settings,
        }
    }

    /// The sensor behind a connection, when it may come in now, and what it may send.
    ///
    /// # Errors
    /// When there is no certificate, or it is over, revoked or unknown.
    pub async fn admit<'a>(&self, peer: &'a Peer) -> Result<(&'a Identity, Allowance), Refused> {
        let Some(identity) = &peer.sensor else {
            return Err(
                Refused::new(StatusCode::UNAUTHORIZED, "no_certificate", "this needs a sensor's certificate")
                    .hint("enrol the sensor with a token: hirundo-sensor enroll TOKEN"),
            );
        };
        let over = || {
            Refused::new(StatusCode::FORBIDDEN, "expired", "the certificate's time is over").hint("enrol the sensor again with a new token")
        };
        if identity.ends_secs <= super::now_secs() {
            return Err(over());
        }
        match self.admission(identity).await.map_err(|error| Refused::ours(&error))? {
            Admission::Admitted {
                batches_a_minute,
                bytes_a_minute,
            } => {
                let allowance = Allowance {
                    batches_a_minute,
                    bytes_a_minute,
                };
                Ok((identity, allowance))
            }
            Admission::Revoked => Err(Refused::new(StatusCode::FORBIDDEN, "revoked", "the certificate is revoked")
                .hint("ask the centre; a new token lets the sensor in again")),
            Admission::Unknown => Err(
                Refused::new(StatusCode::FORBIDDEN, "unknown", "the centre does not know this certificate")
                    .hint("enrol the sensor again with a new token"),
            ),
        }
    }

    async fn admission(&self, identity: &Identity) -> Result<Admission> {
        let key = (identity.name.clone(), identity.serial.clone());
        let now = Instant::now();
        let remembered = self.admissions().get(&key).copied();
        if let Some((at, admission)) = remembered
            && now.saturating_duration_since(at) < ADMISSION_FRESH
        {
            return Ok(admission);
        }
        let admission = self.store.admission(&identity.name, &identity.serial).await?;
        let mut admissions = self.admissions();
        if admissions.len() >= ADMISSIONS_MAX {
            admissions.clear();
        }
        admissions.insert(key, (now, admission));
        Ok(admission)
    }

    fn admissions(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), (Instant, Admission)>> {
        self.admissions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request that is no batch through, when its sender does not ask too often.
    ///
    /// # Errors
    /// When it does.
    pub fn call(&self, who: &str) -> Result<InFlight, Refused> {
        let allowance = Allowance {
            batches_a_minute: CALLS_A_MINUTE,
            bytes_a_minute: i64::MAX,
        };
        self.calls.enter(who, 0, allowance, Instant::now()).map_err(enough)
    }

    /// Connections that are open.
    #[must_use]
    pub fn open_connections(&self) -> i64 {
        self.counters.open()
    }

    /// Notes an event; that it could not be noted stands in the log only.
    pub async fn note(&self, sensor: Option<&str>, kind: &str, words: &str) {
        if let Err(error) = self.store.note(sensor, kind, words, super::now_secs()).await {
            tracing::error!("{error:#}");
        }
    }
}

/// The answer to one that sends too much.
pub(super) fn enough(enough: Enough) -> Refused {
    let status = StatusCode::TOO_MANY_REQUESTS;
    match enough {
        Enough::Rate(secs) => Refused::new(status, "rate", "this sensor sends more than it may").again(secs),
        Enough::InFlight => Refused::new(status, "in_flight", "this sensor has too much on the way").again(2),
    }
}
