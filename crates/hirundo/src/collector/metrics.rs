//! What Prometheus may ask: how the collector works, and how the sensors are. No address of a sensor is in it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::centre::Centre;
use super::health::{self, Cause, Row, State};

/// Longest time to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Content type of the OpenMetrics text format.
const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Limits of the buckets of commit times, seconds.
const COMMIT_SECS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

type Labels = Vec<(&'static str, String)>;
type Measure = Family<Labels, Gauge<f64, AtomicU64>>;

/// What is counted of a collector.
#[derive(Debug)]
pub struct Counters {
    answered: Family<Labels, Counter>,
    refused: Family<Labels, Counter>,
    turned_away: Family<Labels, Counter>,
    received_bytes: Counter,
    packets: Counter,
    commit_secs: Histogram,
    connections: Gauge,
    /// Commits that the lake refused.
    pub commits_failed: Counter,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            answered: Family::default(),
            refused: Family::default(),
            turned_away: Family::default(),
            received_bytes: Counter::default(),
            packets: Counter::default(),
            commit_secs: Histogram::new(COMMIT_SECS),
            connections: Gauge::default(),
            commits_failed: Counter::default(),
        }
    }
}

/// An open connection, counted until it is dropped.
#[derive(Debug)]
pub struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Counters {
    /// A batch was acknowledged.
    pub fn answered(&self, known: bool) {
        let label = if known { "known" } else { "stored" };
        self.answered.get_or_create(&vec![("outcome", label.to_owned())]).inc();
    }

    /// A request was refused, or a batch held.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&vec![("reason", reason.to_owned())]).inc();
    }

    /// A connection was turned away or cut.
    pub fn turned_away(&self, reason: &'static str) {
        self.turned_away.get_or_create(&vec![("reason", reason.to_owned())]).inc();
    }

    /// A body was read.
    pub fn received(&self, bytes: usize) {
        self.received_bytes.inc_by(bytes as u64);
    }

    /// A commit was done.
    pub fn committed(&self, packets: u64, secs: f64) {
        self.packets.inc_by(packets);
        self.commit_secs.observe(secs);
    }

    /// A connection is open.
    #[must_use]
    pub fn connection(&self) -> Open {
        self.connections.inc();
        Open(self.connections.clone())
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> i64 {
        self.connections.get()
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("batches", "Batches acknowledged, by outcome", self.answered.clone());
        registry.register("refused", "Requests refused and batches held, by reason", self.refused.clone());
        registry.register("turned_away", "Connections turned away or cut, by reason", self.turned_away.clone());
        registry.register("received_bytes", "Bytes of batches received", self.received_bytes.clone());
        registry.register("packets", "Packets stored", self.packets.clone());
        registry.register("commit_seconds", "Time to seal and commit", self.commit_secs.clone());
        registry.register("commits_failed", "Commits that the lake refused", self.commits_failed.clone());
        registry.register("connections", "Open connections", self.connections.clone());
    }
}

/// Serves `/metrics` in plain HTTP; where.
///
/// # Errors
/// When it cannot listen there.
pub async fn serve(centre: &Arc<Centre>, wanted: SocketAddr, tasks: &mut JoinSet<()>) -> Result<SocketAddr> {
    let what = || format!("could not listen at {wanted} for metrics");
    let listener = TcpListener::bind(wanted).await.with_context(what)?;
    let address = listener.local_addr().with_context(what)?;
    let router = Router::new().route("/metrics", get(answer)).with_state(Arc::clone(centre));
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("metrics are not served any more: {error}");
        }
    });
    Ok(address)
}

async fn answer(Shared(centre): Shared<Arc<Centre>>) -> Response {
    match tokio::time::timeout(ANSWER_MAX, text(&centre)).await {
        Ok(Ok(text)) => ([(CONTENT_TYPE, CONTENT)], text).into_response(),
        Ok(Err(error)) => {
            tracing::error!("{error:#}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Everything, as text.
///
/// # Errors
/// When the store cannot be read.
pub async fn text(centre: &Centre) -> Result<String> {
    let rows = health::rows(&centre.store, super::now_secs()).await?;
    let mut registry = Registry::with_prefix("hirundo");
    {
        let own = registry.sub_registry_with_prefix("collector");
        centre.counters.register(own);
        let (batches, packets) = centre.gather.waiting();
        let gauge = |value: f64| {
            let gauge = Gauge::<f64, AtomicU64>::default();
            gauge.set(value);
            gauge
        };
        own.register("waiting_batches", "Batches that wait to be stored", gauge(batches as f64));
        own.register("waiting_packets", "Packets in them", gauge(packets as f64));
        own.register("memory_bytes", "Memory that batches take", gauge(centre.budget.used_bytes() as f64));
        own.register(
            "memory_bytes_max",
            "Memory that batches may take",
            gauge(centre.budget.bytes() as f64),
        );
    }
    sensors(registry.sub_registry_with_prefix("sensor"), &rows);
    let mut text = String::new();
    encode(&mut text, &registry).context("could not write the metrics")?;
    Ok(text)
}

fn sensors(registry: &mut Registry, rows: &[Row]) {
    let mut measure = |name: &str, help: &str, value: &dyn Fn(&Row) -> Option<f64>| {
        let family = Measure::default();
        for row in rows {
            if let Some(value) = value(row) {
                family.get_or_create(&labels(row)).set(value);
            }
        }
        registry.register(name, help, family);
    };
    let seconds = |value: Option<i64>| value.map(|value| value as f64);
    measure("heard_seconds", "Seconds since the last heartbeat", &|row| seconds(row.heard_secs));
    measure("stored_seconds", "Seconds since a batch was last stored", &|row| {
        seconds(row.stored_secs)
    });
    measure("stored_packets", "Packets stored, in all", &|row| Some(row.packets as f64));
    measure("packets_per_minute", "Packets a minute, median of the last five", &|row| {
        seconds(row.packets_a_minute)
    });
    measure(
        "dropped_packets",
        "Packets dropped by kernel and spool in the sensor's run",
        &|row| Some(row.dropped as f64),
    );
    measure("missed_frames", "Frames missed before the sensor's run, at most", &|row| {
        Some(row.missed as f64)
    });
    measure("spool_batches", "Batches that wait in the sensor's spool", &|row| {
        Some(row.spool_batches as f64)
    });
    measure("spool_bytes", "Bytes that wait in the sensor's spool", &|row| {
        Some(row.spool_bytes as f64)
    });
    measure("spool_seconds", "Age of the oldest batch in the sensor's spool", &|row| {
        Some(row.spool_secs.unwrap_or(0) as f64)
    });
    measure(
        "ring_fill_ratio",
        "Fill of the sensor's ring at its worst in the last minute",
        &|row| Some(f64::from(row.ring_fill_permille) / 1_000.0),
    );
    measure("clock_skew_seconds", "The sensor's clock less the centre's", &|row| {
        row.skew_us.map(|skew_us| skew_us as f64 / 1e6)
    });
    measure("certificate_seconds", "Seconds until the sensor's certificate ends", &|row| {
        seconds(row.certificate_secs)
    });
    measure("quarantined_batches", "Batches in quarantine", &|row| Some(row.quarantined as f64));
    let states = Measure::default();
    let causes = Measure::default();
    for row in rows {
        for state in State::ALL {
            let labels = with(row, "state", state.name());
            states.get_or_create(&labels).set(f64::from(u8::from(row.state == state)));
        }
        for cause in Cause::ALL {
            let has = row.reasons.iter().any(|(found, _)| *found == cause);
            causes
                .get_or_create(&with(row, "cause", cause.name()))
                .set(f64::from(u8::from(has)));
        }
    }
    registry.register("state", "1 for the state the sensor is in", states);
    registry.register("trouble", "1 for each cause of trouble", causes);
}

fn labels(row: &Row) -> Labels {
    vec![
        ("sensor", row.name.clone()),
        ("group", row.group.clone().unwrap_or_default()),
        ("region", row.region.clone().unwrap_or_default()),
    ]
}

fn with(row: &Row, name: &'static str, value: &str) -> Labels {
    let mut labels = labels(row);
    labels.push((name, value.to_owned()));
    labels
}
