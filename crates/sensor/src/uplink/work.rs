//! The uplink's life: which centre next, how long to wait before, what outlives a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hirundo_packet::wire;
use rustls::ClientConfig;
use tokio::time::Instant;

use super::centre::Centre;
use super::connect::connect;
use super::pace::{Backoff, Jitter, Pacer};
use super::session::{End, Resting, Session, TICK, renewal_pauses};
use super::settings::{Order, Settings};
use super::time::CentreClock;
use super::{SharedState, Vital, lock, request, tls};
use crate::clock;
use crate::identity::Identity;
use crate::outbox::Outbox;

/// First pause after no centre could be reached.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest pause before the next of several centres is tried.
const NEXT_CENTRE: Duration = Duration::from_millis(200);
/// First and longest pause after a refusal: only people can change it.
const REFUSED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(900));

/// What the uplink has, whatever the connection.
pub(super) struct Work {
    pub(super) settings: Settings,
    pub(super) identity: Identity,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) clock: Arc<CentreClock>,
    pub(super) pacer: Arc<Pacer>,
    pub(super) jitter: Jitter,
    pub(super) resting: Resting,
    pub(super) state: SharedState,
    /// What the centre said last.
    notes: Vec<String>,
    vital: Arc<dyn Vital>,
    stop: Arc<AtomicBool>,
    tls: Arc<ClientConfig>,
    centres: Vec<Centre>,
    /// Which of the centres is tried next.
    next: usize,
    /// Centres in a row that failed.
    failed: usize,
    retry: Backoff,
    refused: Backoff,
    renewal: Backoff,
    renewal_at: Instant,
}

impl Work {
    pub(super) fn new(
        settings: Settings,
        identity: Identity,
        outbox: Arc<dyn Outbox>,
        vital: Arc<dyn Vital>,
        stop: Arc<AtomicBool>,
        state: SharedState,
    ) -> anyhow::Result<Self> {
        let clock = Arc::new(CentreClock::default());
        let mut jitter = Jitter::new(settings.seed);
        let mut centres = settings.centres_or(&identity.centres)?;
        if settings.order == Order::Random {
            jitter.shuffle(&mut centres);
        }
        lock(&state).not_after_secs = identity.not_after_secs;
        Ok(Self {
            tls: tls::for_identity(&identity, &clock)?,
            pacer: Arc::new(Pacer::new(settings.bytes_per_sec_max)),
            retry: Backoff::new(RETRY_FIRST, Duration::from_secs(settings.pause_secs_max)),
            refused: Backoff::new(REFUSED.0, REFUSED.1.max(Duration::from_secs(settings.pause_secs_max))),
            renewal: renewal_pauses(),
            renewal_at: Instant::now(),
            resting: Resting::default(),
            notes: Vec::new(),
            next: 0,
            failed: 0,
            settings,
            identity,
            outbox,
            clock,
            jitter,
            state,
            vital,
            stop,
            centres,
        })
    }

    /// Connects and works until it is told to stop.
    pub(super) async fn run(&mut self) {
        while !self.stopping() {
            let centre = self.next_centre();
            let connected = connect(&self.settings, &centre, Arc::clone(&self.tls)).await;
            let end = match connected {
                Ok(link) => {
                    tracing::info!("connected to {centre}");
                    {
                        let mut state = lock(&self.state);
                        state.centre = Some(centre.to_string());
                        state.connections += 1;
                    }
                    let end = Session::new(self, link).run().await;
                    lock(&self.state).centre = None;
                    end
                }
                Err(trouble) if trouble.is_refusal() => End::Refused(trouble),
                Err(trouble) => End::Failed(trouble),
            };
            let pause = self.pause_after(end, &centre);
            self.sleep(pause).await;
        }
    }

    /// Says what happened and how long to wait.
    fn pause_after(&mut self, end: End, centre: &Centre) -> Duration {
        let (trouble, pause) = match end {
            End::Stopped => return Duration::ZERO,
            End::Renewed => {
                self.failed = 0;
                return Duration::ZERO;
            }
            End::Failed(trouble) => {
                self.failed += 1;
                self.next += 1;
                let round_is_over = self.failed.is_multiple_of(self.centres.len());
                let pause = if round_is_over {
                    self.retry.pause(&mut self.jitter)
                } else {
                    self.jitter.upto(NEXT_CENTRE)
                };
                (trouble, pause)
            }
            End::Refused(trouble) => {
                self.failed += 1;
                self.next += 1;
                let pause = REFUSED.0 / 2 + self.refused.pause(&mut self.jitter);
                tracing::error!(
                    "the centre does not accept this sensor ({}; certificate: {}); batches stay in the spool as long as it has \
                     room; hint: ask the centre's operator; a new token and `hirundo-sensor enroll TOKEN --force` make a new identity",
                    self.identity.sensor,
                    Identity::days(self.identity.secs_left(self.clock.now_us() / 1_000_000)),
                );
                (trouble, pause)
            }
        };
        tracing::warn!("{centre}: {trouble} (next attempt in {:.1} s)", pause.as_secs_f64());
        lock(&self.state).trouble = Some(trouble.to_string());
        pause
    }

    /// Home first, unless it has just failed.
    fn next_centre(&mut self) -> Centre {
        if self.failed == 0 && self.settings.order == Order::Given {
            self.next = 0;
        }
        self.centres[self.next % self.centres.len()].clone()
    }

    pub(super) fn has_other_centre(&self) -> bool {
        self.centres.len() > 1
    }

    /// Sleeps, but not through a stop.
    async fn sleep(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.stopping() && Instant::now() < until {
            tokio::time::sleep(TICK.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Logs what the centre says, once as long as it goes on saying it.
    pub(super) fn note(&mut self, notes: Vec<String>) {
        for note in notes.iter().filter(|note| !self.notes.contains(note)) {
            tracing::warn!("the centre says: {note}");
        }
        self.notes = notes;
    }

    /// A centre did what it was asked.
    pub(super) fn went_well(&mut self) {
        self.failed = 0;
        self.retry.reset();
        self.refused.reset();
        lock(&self.state).trouble = None;
    }

    pub(super) fn heartbeat(&self) -> wire::Heartbeat {
        let waiting = self.outbox.state();
        wire::Heartbeat {
            version: wire::VERSION,
            software: request::SOFTWARE.to_owned(),
            now_us: clock::now_us(),
            dropped_spool: waiting.dropped,
            spool_batches: waiting.batches,
            spool_bytes: waiting.bytes,
            spool_oldest_us: waiting.oldest_us,
            spool_bytes_max: waiting.bytes_max,
            rejected: waiting.rejected,
            ..self.vital.vital()
        }
    }

    /// Whether it is time for a new certificate, by the centre's clock.
    pub(super) fn renewal_due(&self) -> bool {
        Instant::now() >= self.renewal_at && self.identity.renewal_due(self.clock.now_us() / 1_000_000)
    }

    /// An attempt is being made; the next one, should this fail, comes later.
    pub(super) fn renewal_tried(&mut self) {
        self.renewal_at = Instant::now() + RETRY_FIRST + self.renewal.pause(&mut self.jitter);
    }

    /// Goes on under a new certificate.
    pub(super) fn adopt(&mut self, identity: Identity) -> anyhow::Result<()> {
        self.tls = tls::for_identity(&identity, &self.clock)?;
        tracing::info!(
            "the certificate is renewed: {}",
            Identity::days(identity.secs_left(self.clock.now_us() / 1_000_000))
        );
        lock(&self.state).not_after_secs = identity.not_after_secs;
        if self.settings.centres.is_empty() {
            match self.settings.centres_or(&identity.centres) {
                Ok(centres) => {
                    self.centres = centres;
                    if self.settings.order == Order::Random {
                        self.jitter.shuffle(&mut self.centres);
                    }
                }
                Err(error) => tracing::warn!("the centre names centres that are not understood: {error:#}"),
            }
        }
        self.identity = identity;
        self.renewal.reset();
        Ok(())
    }
}
