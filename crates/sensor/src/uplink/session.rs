//! One connection at work: batches out, verdicts in, heartbeat and renewal beside them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use hirundo_packet::wire::{self, Verdict};
use http::Method;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connect::Link;
use super::lock;
use super::pace::Backoff;
use super::request::{self, Answer, Ask, BATCH_WAIT};
use super::trouble::{Trouble, clean};
use super::work::Work;
use crate::identity::{Identity, Renewal};
use crate::outbox::BatchName;

/// How often the spool is asked for new batches, and whether to stop.
pub(super) const TICK: Duration = Duration::from_millis(250);
/// How long what is on the way may take once no more is sent.
const DRAIN: Duration = Duration::from_secs(30);
/// The same when the sensor ends.
const DRAIN_AT_END: Duration = Duration::from_secs(5);
/// Age from which on a connection that takes heartbeats counts as a good one.
const SETTLED: Duration = Duration::from_secs(30);
/// Failures in a row after which another connection is tried.
const FAILURES_MAX: u32 = 8;
/// Batches that each wait for their next attempt; beyond, everything waits.
const RESTING_MAX: usize = 1024;
/// A batch's first and longest pause after a failure of its own.
const REST: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));
/// The same when the centre refuses it by 401 or 403.
const REST_REFUSED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// First and longest pause when the centre is busy and does not say for how long.
const BUSY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Busy answers in a row after which another centre is tried, where there is one.
const BUSY_MAX: u32 = 8;
/// Notes of the centre that are logged, of one heartbeat.
const NOTES_MAX: usize = 8;
/// First and longest pause between attempts to renew.
const RENEW: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));

/// Why a connection is not used any more.
#[derive(Debug)]
pub(super) enum End {
    /// The sensor ends.
    Stopped,
    /// There is a new certificate to connect with.
    Renewed,
    /// It broke, or too much failed on it.
    Failed(Trouble),
    /// The centre does not want this sensor.
    Refused(Trouble),
}

/// What a task comes back with.
enum Done {
    Batch(BatchName, usize, Result<Answer, Trouble>),
    Heartbeat(Result<Answer, Trouble>),
    Renewal(Box<Renewal>, Result<Answer, Trouble>),
}

/// Batches that failed and when they are tried again; outlives a connection.
#[derive(Debug, Default)]
pub(super) struct Resting(HashMap<BatchName, (Backoff, Instant)>);

impl Resting {
    /// Those whose time has not come.
    fn add_to(&self, names: &mut HashSet<BatchName>) {
        let now = Instant::now();
        names.extend(self.0.iter().filter(|(_, (_, until))| *until > now).map(|(name, _)| *name));
    }

    fn is_full(&mut self) -> bool {
        if self.0.len() >= RESTING_MAX {
            // Those that are long due have left the spool.
            let now = Instant::now();
            self.0.retain(|_, (_, until)| *until + DRAIN * 2 > now);
        }
        self.0.len() >= RESTING_MAX
    }
}

/// A connection at work.
pub(super) struct Session<'a> {
    work: &'a mut Work,
    link: Link,
    begun: Instant,
    tasks: JoinSet<Done>,
    flying: HashSet<BatchName>,
    flying_bytes: usize,
    /// Batches that may fly: halved when the centre is busy, one more after every success.
    window: usize,
    busy: Backoff,
    busy_in_a_row: u32,
    failures: u32,
    /// No batch goes out before.
    paused_until: Option<Instant>,
    /// Whether the centre has answered the first heartbeat: before, it may not want us at all.
    greeted: bool,
    heartbeat_at: Instant,
    heartbeat_flies: bool,
    renewal_flies: bool,
    /// Set when no more is sent: why, and until when what flies is waited for.
    leaving: Option<(End, Instant)>,
}

impl<'a> Session<'a> {
    pub(super) fn new(work: &'a mut Work, link: Link) -> Self {
        let window = work.settings.in_flight_max;
        Self {
            work,
            link,
            begun: Instant::now(),
            tasks: JoinSet::new(),
            flying: HashSet::new(),
            flying_bytes: 0,
            window,
            busy: Backoff::new(BUSY.0, BUSY.1),
            busy_in_a_row: 0,
            failures: 0,
            paused_until: None,
            greeted: false,
            heartbeat_at: Instant::now(),
            heartbeat_flies: false,
            renewal_flies: false,
            leaving: None,
        }
    }

    /// Works until there is a reason to end.
    pub(super) async fn run(mut self) -> End {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if self.work.stopping() {
                self.leave(End::Stopped, DRAIN_AT_END);
            }
            self.fill();
            if let Some((end, until)) = self.leaving.take() {
                if self.tasks.is_empty() || Instant::now() >= until {
                    return end;
                }
                self.leaving = Some((end, until));
            }
            tokio::select! {
                biased;
                Some(done) = self.tasks.join_next() => {
                    if let Ok(done) = done {
                        self.settle(done);
                    }
                }
                trouble = self.link.ended() => return self.ended(trouble).await,
                _ = tick.tick() => {}
            }
        }
    }

    /// The connection is gone; answers that had come are still heard.
    async fn ended(mut self, trouble: Trouble) -> End {
        let heard = async {
            while let Some(done) = self.tasks.join_next().await {
                if let Ok(done) = done {
                    self.settle(done);
                }
            }
        };
        if tokio::time::timeout(Duration::from_secs(1), heard).await.is_err() {
            tracing::debug!("requests hang on a connection that has ended");
        }
        match self.leaving.take() {
            Some((end @ (End::Stopped | End::Renewed | End::Refused(_)), _)) => end,
            Some((End::Failed(_), _)) | None if trouble.is_refusal() => End::Refused(trouble),
            Some((End::Failed(first), _)) => End::Failed(first),
            None => End::Failed(trouble),
        }
    }

    /// No more is sent; the first reason counts, but the end of the sensor beats all.
    fn leave(&mut self, end: End, drain: Duration) {
        let stops = matches!(end, End::Stopped) && !matches!(self.leaving, Some((End::Stopped, _)));
        if self.leaving.is_none() || stops {
            self.leaving = Some((end, Instant::now() + drain));
        }
    }

    /// Sends what is due.
    fn fill(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        if !self.heartbeat_flies && Instant::now() >= self.heartbeat_at {
            self.send_heartbeat();
        }
        if self.greeted && !self.renewal_flies && self.work.renewal_due() {
            self.send_renewal();
        }
        if self.greeted && self.paused_until.is_none_or(|until| Instant::now() >= until) {
            self.send_batches();
        }
    }

    fn send_batches(&mut self) {
        let room = self.window.saturating_sub(self.flying.len());
        if room == 0 || self.work.resting.is_full() {
            return;
        }
        let mut not_these = self.flying.clone();
        self.work.resting.add_to(&mut not_these);
        for name in self.work.outbox.waiting(room, &not_these) {
            if self.flying_bytes >= self.work.settings.in_flight_bytes_max {
                return;
            }
            match self.work.outbox.read(name) {
                Ok(Some(bytes)) => self.send_batch(name, bytes.into()),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!("reading batch {:016x}/{} from the spool: {error}", name.epoch, name.number);
                    self.rest(name, REST);
                }
            }
        }
    }

    fn send_batch(&mut self, name: BatchName, body: Bytes) {
        let bytes = body.len();
        let ask = Ask {
            method: Method::POST,
            path: wire::batch_path(name.epoch, name.number),
            body,
            pacer: Some(self.work.pacer.clone()),
            wait: BATCH_WAIT,
        };
        let asked = request::ask(self.link.sender.clone(), self.link.reasons(), self.work.clock.clone(), ask);
        self.tasks.spawn(async move { Done::Batch(name, bytes, asked.await) });
        self.flying.insert(name);
        self.flying_bytes += bytes;
    }

    fn send_heartbeat(&mut self) {
        let Ok(ask) = Ask::json(wire::HEARTBEAT_PATH, &self.work.heartbeat()) else {
            return;
        };
        let asked = request::ask(self.link.sender.clone(), self.link.reasons(), self.work.clock.clone(), ask);
        self.tasks.spawn(async move { Done::Heartbeat(asked.await) });
        self.heartbeat_flies = true;
        self.heartbeat_at = Instant::now() + Duration::from_secs(self.work.settings.heartbeat_secs);
    }

    fn send_renewal(&mut self) {
        self.work.renewal_tried();
        let begun = self.work.identity.begin_renewal(request::SOFTWARE);
        let asked = begun.and_then(|renewal| {
            let ask = Ask::json(wire::RENEW_PATH, &renewal.request).map_err(anyhow::Error::from)?;
            Ok((renewal, ask))
        });
        match asked {
            Ok((renewal, ask)) => {
                let asked = request::ask(self.link.sender.clone(), self.link.reasons(), self.work.clock.clone(), ask);
                self.tasks.spawn(async move { Done::Renewal(Box::new(renewal), asked.await) });
                self.renewal_flies = true;
            }
            Err(error) => tracing::error!("asking for a new certificate: {error:#}"),
        }
    }

    fn settle(&mut self, done: Done) {
        match done {
            Done::Batch(name, bytes, result) => {
                self.flying.remove(&name);
                self.flying_bytes = self.flying_bytes.saturating_sub(bytes);
                match result {
                    Ok(answer) => self.judge(name, &answer),
                    Err(trouble) => self.fails(name, trouble),
                }
            }
            Done::Heartbeat(result) => {
                self.heartbeat_flies = false;
                self.hear(result);
            }
            Done::Renewal(renewal, result) => {
                self.renewal_flies = false;
                self.renewed(*renewal, result);
            }
        }
    }

    /// What an answer to a batch means.
    fn judge(&mut self, name: BatchName, answer: &Answer) {
        match wire::verdict(answer.status) {
            // A status alone could come from a program in between; only a centre says it in these words.
            Verdict::Stored => match answer.json::<wire::BatchResponse>() {
                Ok(response) => self.stored(name, &response),
                Err(garbage) => self.fails(name, garbage),
            },
            Verdict::Rejected => match answer.refusal() {
                Trouble::Refused { status, error, .. } => self.rejected(name, status, &error),
                garbage @ (Trouble::Garbage { .. }
                | Trouble::Address { .. }
                | Trouble::Resolve { .. }
                | Trouble::Connect { .. }
                | Trouble::Proxy { .. }
                | Trouble::Tls { .. }
                | Trouble::Lost { .. }
                | Trouble::Slow { .. }) => self.fails(name, garbage),
            },
            Verdict::Again => match answer.status {
                429 | 503 => self.is_busy(answer),
                401 | 403 => self.is_refused(name, answer.refusal()),
                _ => self.fails(name, answer.refusal()),
            },
        }
    }

    fn stored(&mut self, name: BatchName, response: &wire::BatchResponse) {
        if let Some(reason) = &response.held {
            tracing::warn!(
                "the centre holds batch {:016x}/{} in quarantine: {}; hint: its operator decides; is this sensor's clock right",
                name.epoch,
                name.number,
                clean(reason)
            );
        }
        if let Err(error) = self.work.outbox.stored(name) {
            // It will be sent again, and the centre will know it.
            tracing::warn!("removing batch {:016x}/{} from the spool: {error}", name.epoch, name.number);
            self.rest(name, REST);
        } else {
            self.work.resting.0.remove(&name);
        }
        lock(&self.work.state).stored += 1;
        self.goes_well();
    }

    fn goes_well(&mut self) {
        self.window = (self.window + 1).min(self.work.settings.in_flight_max);
        self.busy.reset();
        self.busy_in_a_row = 0;
        self.failures = 0;
        self.work.went_well();
    }

    fn rejected(&mut self, name: BatchName, status: u16, error: &str) {
        let reason = format!("{status}: {error}");
        tracing::error!(
            "the centre refuses batch {:016x}/{} for good ({reason}); hint: it is set aside in the spool, tell both operators",
            name.epoch,
            name.number
        );
        if let Err(error) = self.work.outbox.rejected(name, &reason) {
            tracing::warn!("setting batch {:016x}/{} aside: {error}", name.epoch, name.number);
            self.rest(name, REST_REFUSED);
        } else {
            self.work.resting.0.remove(&name);
        }
        lock(&self.work.state).rejected += 1;
        // The connection and the centre are in order.
        self.failures = 0;
        self.work.went_well();
    }

    /// The centre has too much to do: fewer at a time, later.
    fn is_busy(&mut self, answer: &Answer) {
        lock(&self.work.state).again += 1;
        self.window = (self.window / 2).max(1);
        self.busy_in_a_row = self.busy_in_a_row.saturating_add(1);
        let pause = match answer.retry_after {
            Some(wait) => wait + self.work.jitter.upto((wait / 4).max(TICK)),
            None => self.busy.pause(&mut self.work.jitter),
        };
        let until = Instant::now() + pause;
        self.paused_until = Some(self.paused_until.map_or(until, |before| before.max(until)));
        tracing::debug!("{} is busy; next batch in {pause:?}", self.link.centre);
        if self.busy_in_a_row >= BUSY_MAX && self.work.has_other_centre() {
            self.leave(End::Failed(answer.refusal()), DRAIN);
        }
    }

    /// 401 or 403 on a batch. If the centre answered the heartbeat, it is about this batch (made under an earlier name,
    /// perhaps); otherwise about the sensor.
    fn is_refused(&mut self, name: BatchName, trouble: Trouble) {
        lock(&self.work.state).again += 1;
        tracing::error!(
            "batch {:016x}/{} is not accepted: {trouble}; hint: it stays in the spool; was the sensor enrolled anew under another name",
            name.epoch,
            name.number
        );
        lock(&self.work.state).trouble = Some(trouble.to_string());
        self.rest(name, REST_REFUSED);
    }

    /// A batch that has to be sent again, for a reason of its own or the connection's.
    fn fails(&mut self, name: BatchName, trouble: Trouble) {
        lock(&self.work.state).again += 1;
        tracing::debug!("batch {:016x}/{} has to be sent again: {trouble}", name.epoch, name.number);
        // A broken connection is no fault of the batch; it goes again on the next.
        if !matches!(trouble, Trouble::Lost { .. }) {
            self.rest(name, REST);
        } else if !self.link.sender.is_closed() {
            self.rest(name, (TICK, REST.1));
        }
        self.failures = self.failures.saturating_add(1);
        if self.link.sender.is_closed() || self.failures >= FAILURES_MAX {
            self.leave(End::Failed(trouble), DRAIN);
        }
    }

    fn rest(&mut self, name: BatchName, (first, longest): (Duration, Duration)) {
        let entry = self.work.resting.0.entry(name);
        let (backoff, until) = entry.or_insert_with(|| (Backoff::new(first, longest), Instant::now()));
        *until = Instant::now() + first / 2 + backoff.pause(&mut self.work.jitter);
    }

    /// The answer to a heartbeat.
    fn hear(&mut self, result: Result<Answer, Trouble>) {
        let trouble = match result.and_then(|answer| answer.ok::<wire::HeartbeatResponse>()) {
            Ok(response) => {
                self.greeted = true;
                self.work
                    .note(response.notes.iter().take(NOTES_MAX).map(|note| clean(note)).collect());
                let mut state = lock(&self.work.state);
                state.clock_offset_us = self.work.clock.offset_us();
                state.trouble = None;
                drop(state);
                // One that takes heartbeats but no batches has not earned that pauses start anew.
                if self.begun.elapsed() >= SETTLED {
                    self.work.went_well();
                }
                return;
            }
            Err(trouble) => trouble,
        };
        // Above all, no batch must be refused for what is the sensor's fault: its certificate, or its version.
        let refused =
            matches!(trouble, Trouble::Refused { status: 400..=499, .. }) && !matches!(trouble, Trouble::Refused { status: 429, .. });
        if refused || trouble.is_refusal() {
            return self.leave(End::Refused(trouble), Duration::ZERO);
        }
        tracing::warn!("the centre did not take the heartbeat: {trouble}");
        // Batches are worth more than heartbeats, so they go all the same.
        self.greeted = true;
        if self.link.sender.is_closed() {
            self.leave(End::Failed(trouble), DRAIN);
        }
    }

    fn renewed(&mut self, renewal: Renewal, result: Result<Answer, Trouble>) {
        let identity = result
            .and_then(|answer| answer.ok::<wire::EnrollResponse>())
            .map_err(anyhow::Error::from)
            .and_then(|response| self.work.identity.finish_renewal(renewal, response).map_err(Into::into));
        match identity {
            Ok(identity) => {
                if let Err(error) = self.work.adopt(identity) {
                    tracing::error!("the new certificate cannot be used: {error:#}");
                    return;
                }
                self.leave(End::Renewed, DRAIN);
            }
            Err(error) => {
                let left = self.work.identity.secs_left(self.work.clock.now_us() / 1_000_000);
                tracing::error!(
                    "the certificate could not be renewed, it holds for {} more: {error:#}",
                    Identity::days(left)
                );
            }
        }
    }
}

/// Pauses between attempts to renew.
pub(super) fn renewal_pauses() -> Backoff {
    Backoff::new(RENEW.0, RENEW.1)
}
