//! The loop: frames of a source into batches, minute by minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use hirundo_packet::batch::{Minute, PACKETS_MAX};
use hirundo_packet::capture::Frame;
use hirundo_packet::decode::{self, Decoded};
use hirundo_packet::kind;
use hirundo_packet::mark::MarkTable;

use crate::clock;
use crate::hide::Hider;
use crate::source::{Accounted, ROUND_FRAMES_MAX, Sources, missed};
use crate::spool::{Account, Open, Spool};

/// Longest wait for frames: how late a signal to stop, a minute's end or a batch's age may be noticed.
const WAIT: Duration = Duration::from_millis(100);
/// How often the kernel's counters are read.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// After how long a batch without packets is sealed, for what it says of the sensor's health.
const QUIET: Duration = Duration::from_secs(60);
/// How far the clock may be from what passed, to be taken as running.
const JUMP_US: u64 = 2_000_000;
/// Minutes that one look at the clock may add.
const MINUTES_AT_ONCE_MAX: i64 = 24 * 60;
/// Microseconds of a minute.
const MINUTE_US: i64 = 60_000_000;
/// Microseconds of one slot of the lake's up-time: five minutes.
const SLOT_US: i64 = 5 * MINUTE_US;
/// Longest silence inside a capture that is taken for a quiet Internet, between the slots on both sides, as the lake's
/// ingest does it.
const BRIDGE_US: i64 = 12 * SLOT_US;

/// What this run counted, for whoever looks.
#[derive(Debug, Default)]
pub struct Totals {
    /// Frames read.
    pub seen: AtomicU64,
    /// Packets in batches.
    pub kept: AtomicU64,
    /// Frames the kernel dropped.
    pub dropped_kernel: AtomicU64,
    /// Frames missed before this run, at most.
    pub missed: AtomicU64,
    /// Fill of the ring at its worst in the last minute, thousandths.
    pub ring_fill_permille: AtomicU16,
}

/// How packets are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// First bytes of a payload that are kept.
    pub payload_bytes: u8,
    /// Most age of a batch with packets in it.
    pub batch: Duration,
}

/// Makes batches of frames.
pub struct Observer {
    spool: Arc<Spool>,
    /// Always there but while it is being sealed.
    open: Option<Open>,
    hider: Option<Hider>,
    marks: MarkTable,
    treatment: Treatment,
    totals: Arc<Totals>,
    /// When something first came into the open batch.
    opened: Option<Instant>,
    uptime: Uptime,
    fill: Fill,
    /// Whether the disk refused the journal the last time.
    refused: bool,
    /// Of the block being read.
    seen: u64,
    kept: u64,
}

impl Observer {
    /// Ready to run; with a hider, what leaves the sensor does not show its addresses.
    pub fn new(spool: Arc<Spool>, hider: Option<Hider>, treatment: Treatment, totals: Arc<Totals>) -> Observer {
        Observer {
            open: Some(spool.begin()),
            spool,
            hider,
            marks: MarkTable::built_in(),
            treatment,
            totals,
            opened: None,
            uptime: Uptime::default(),
            fill: Fill::default(),
            refused: false,
            seen: 0,
            kept: 0,
        }
    }

    /// Observes until the sources end, or `stop` is set and what they had taken by then is read. `before` are the
    /// accounts that an earlier run left; `tick` is called once a second. Everything is sealed at the end, also when
    /// that is an error.
    ///
    /// # Errors
    /// When an interface is gone or its ring cannot be read on.
    pub fn run(
        &mut self,
        sources: &mut Sources,
        before: &[Accounted],
        stop: &AtomicBool,
        tick: &mut dyn FnMut(&mut Sources),
    ) -> Result<()> {
        self.begin(sources, before);
        let ended = self.observe(sources, stop, tick);
        if sources.is_live() {
            // What the kernel dropped until the last moment.
            let counted = self.count(sources, Instant::now());
            if ended.is_ok() {
                counted?;
            }
        }
        let accounts = sources.accounted();
        self.flush(&accounts);
        if !self.batch().is_empty() {
            self.seal(&accounts);
        }
        ended
    }

    fn begin(&mut self, sources: &Sources, before: &[Accounted]) {
        if !sources.is_live() {
            return;
        }
        let accounts = sources.accounted();
        let now_us = clock::now_us();
        let mut minute = Minute {
            begin_us: Minute::begin_of(now_us),
            up: true,
            ..Minute::default()
        };
        match missed(before, &accounts) {
            Some(missed) => {
                minute.missed = missed;
                self.totals.missed.store(missed, Ordering::Relaxed);
                if missed > 0 {
                    tracing::warn!("up to {missed} frames came while the sensor was not running");
                }
            }
            None if before.is_empty() => {}
            None => tracing::warn!("how many frames came while the sensor was not running is not known: the counters began anew"),
        }
        self.uptime.seen = Some((Instant::now(), now_us));
        self.minute(minute);
        self.flush(&accounts);
    }

    fn observe(&mut self, sources: &mut Sources, stop: &AtomicBool, tick: &mut dyn FnMut(&mut Sources)) -> Result<()> {
        let live = sources.is_live();
        let mut stopped = false;
        let mut counted = Instant::now();
        loop {
            if !stopped && stop.load(Ordering::Relaxed) {
                stopped = true;
                sources.stop();
            }
            self.make_room(sources);
            let round = sources.read(WAIT, |frame| self.take(&frame, live))?;
            self.settle();
            if round.begun {
                self.uptime.forget();
            }
            let now = Instant::now();
            let count = now.duration_since(counted) >= COUNT_EVERY;
            if count {
                counted = now;
                tick(sources);
                if live {
                    self.count(sources, now)?;
                }
            }
            if round.frames > 0 || count {
                self.flush(&sources.accounted());
            }
            self.seal_old(sources, now);
            if round.ended {
                return Ok(());
            }
        }
    }

    /// The hot part: a frame into the open batch.
    #[inline]
    fn take(&mut self, frame: &Frame<'_>, live: bool) {
        self.seen += 1;
        let time_us = frame.time_ns.div_euclid(1000);
        if !live && !self.uptime.is_current(time_us) {
            self.turn_to(time_us);
        }
        let mut decoded = Decoded::default();
        match decode::decode_into(frame.link, frame.data, time_us, &mut decoded) {
            Ok(()) => {
                if let Some(note) = decoded.note {
                    self.batch().note(note);
                }
                decoded.packet.mark = self.marks.mark(&decoded.packet, decoded.options, decoded.payload);
                (decoded.packet.kind, decoded.packet.probe) = kind::classify_wide(&decoded.packet, &decoded.wide, decoded.payload);
                if let Some(hider) = &self.hider {
                    hider.hide(&mut decoded);
                }
                let payload_bytes = self.treatment.payload_bytes;
                if !self.batch().push(&decoded, payload_bytes) {
                    self.push_into_next(&decoded);
                }
                self.kept += 1;
            }
            Err(reason) => self.batch().push_unreadable(time_us, reason),
        }
    }

    /// The batch was full before the block was at its end.
    #[cold]
    fn push_into_next(&mut self, decoded: &Decoded<'_>) {
        self.seal(&[]);
        let payload_bytes = self.treatment.payload_bytes;
        if !self.batch().push(decoded, payload_bytes) {
            // An empty batch takes any packet.
            self.kept = self.kept.saturating_sub(1);
            tracing::error!("a packet was lost: an empty batch refused it; this is a defect");
        }
    }

    /// Seals the open batch before it could become full in the midst of a block: a batch holds whole blocks, so that the
    /// interfaces' accounts belong to it.
    fn make_room(&mut self, sources: &Sources) {
        let batch = self.batch();
        if batch.len() + ROUND_FRAMES_MAX > PACKETS_MAX || batch.is_full() {
            self.seal(&sources.accounted());
        }
    }

    fn seal_old(&mut self, sources: &Sources, now: Instant) {
        let batch = self.batch();
        if batch.is_empty() {
            self.opened = None;
            return;
        }
        let most = match batch.len() {
            0 => QUIET,
            _ => self.treatment.batch,
        };
        let opened = *self.opened.get_or_insert(now);
        if now.duration_since(opened) >= most {
            self.seal(&sources.accounted());
        }
    }

    /// The open batch.
    #[inline]
    fn batch(&mut self) -> &mut Open {
        self.open.get_or_insert_with(|| self.spool.begin())
    }

    /// Writes down what came into the open batch since the last time, with the interfaces' accounts. What the disk
    /// refuses stays in memory; capture goes on.
    fn flush(&mut self, accounts: &[Accounted]) {
        self.account(accounts);
        match self.batch().flush(clock::now_us()) {
            Ok(()) if self.refused => {
                self.refused = false;
                tracing::info!("the disk takes the journal again");
            }
            Ok(()) => {}
            Err(error) if !self.refused => {
                self.refused = true;
                tracing::warn!("the disk refuses the journal, capture goes on: {error}");
            }
            Err(_) => {}
        }
    }

    /// Seals the open batch and begins the next one. Without accounts, those noted last still hold.
    fn seal(&mut self, accounts: &[Accounted]) {
        self.account(accounts);
        if let Some(open) = self.open.take() {
            self.open = Some(self.spool.seal(open, clock::now_us()));
        }
        self.opened = None;
    }

    fn account(&mut self, accounts: &[Accounted]) {
        for account in accounts {
            let Accounted {
                interface,
                identity,
                received,
            } = account;
            let account = Account {
                identity: *identity,
                received: *received,
            };
            if !self.batch().account(interface, account) {
                tracing::debug!("{interface} has no room among the accounts");
            }
        }
    }

    /// Adds what was counted in a block to the totals.
    fn settle(&mut self) {
        self.totals.seen.fetch_add(std::mem::take(&mut self.seen), Ordering::Relaxed);
        self.totals.kept.fetch_add(std::mem::take(&mut self.kept), Ordering::Relaxed);
    }

    /// What the kernel counted, and whether anybody was listening, by the clock.
    fn count(&mut self, sources: &mut Sources, now: Instant) -> Result<()> {
        let health = sources.count()?;
        let now_us = clock::now_us();
        self.totals.dropped_kernel.fetch_add(health.dropped, Ordering::Relaxed);
        self.totals
            .ring_fill_permille
            .store(self.fill.worst(now, health.fill_permille), Ordering::Relaxed);
        let minutes = self.uptime.see(now, now_us);
        for begin_us in minutes {
            self.minute(Minute {
                begin_us,
                up: health.listening,
                ..Minute::default()
            });
        }
        self.minute(Minute {
            begin_us: Minute::begin_of(now_us),
            up: health.listening,
            dropped_kernel: health.dropped,
            ring_fill_permille: health.fill_permille,
            ..Minute::default()
        });
        Ok(())
    }

    fn minute(&mut self, minute: Minute) {
        if !self.batch().minute(minute) {
            self.seal(&[]);
            self.batch().minute(minute);
        }
    }

    /// A replay comes to another minute: it was up then, and in between if that was not long.
    #[cold]
    fn turn_to(&mut self, time_us: i64) {
        let minutes = self.uptime.turn_to(time_us);
        for begin_us in minutes {
            self.minute(Minute {
                begin_us,
                up: true,
                ..Minute::default()
            });
        }
    }
}

/// In which minutes the sensor was up.
#[derive(Debug, Default)]
struct Uptime {
    /// Live: when the clock was last looked at, and what it said.
    seen: Option<(Instant, i64)>,
    /// Replayed: begin of the minute that packets are in.
    minute_us: Option<i64>,
}

/// Begins of minutes, one after the other.
type Minutes = std::iter::StepBy<std::ops::RangeInclusive<i64>>;

impl Uptime {
    /// Live: minutes that passed since the last look. When the clock jumped meanwhile, nobody knows which.
    fn see(&mut self, now: Instant, now_us: i64) -> Minutes {
        let to = Minute::begin_of(now_us);
        let from = match self.seen.replace((now, now_us)) {
            Some((then, then_us)) => {
                let passed_us = i64::try_from(now.duration_since(then).as_micros()).unwrap_or(i64::MAX);
                let ran = now_us.saturating_sub(then_us).abs_diff(passed_us) <= JUMP_US;
                if ran { Minute::begin_of(then_us) } else { to }
            }
            None => to,
        };
        minutes(from, to)
    }

    /// Replayed: whether a time is in the minute of the packet before.
    #[inline]
    fn is_current(&self, time_us: i64) -> bool {
        self.minute_us
            .is_some_and(|begin_us| matches!(time_us.checked_sub(begin_us), Some(0..MINUTE_US)))
    }

    /// Replayed: minutes from the packet before to this one, or this one's alone after a long silence.
    fn turn_to(&mut self, time_us: i64) -> Minutes {
        let to = Minute::begin_of(time_us);
        let slot = |time_us: i64| time_us.div_euclid(SLOT_US).saturating_mul(SLOT_US);
        let from = match self.minute_us.replace(to) {
            Some(from) if (0..=BRIDGE_US).contains(&slot(to).saturating_sub(slot(from))) => from.min(to),
            Some(_) | None => to,
        };
        minutes(from, to)
    }

    /// Replayed: what comes has nothing to do with what came.
    fn forget(&mut self) {
        self.minute_us = None;
    }
}

fn minutes(from: i64, to: i64) -> Minutes {
    const STEP: usize = 60_000_000;
    let from = from.max(to.saturating_sub(MINUTES_AT_ONCE_MAX * MINUTE_US));
    (from..=to).step_by(STEP)
}

/// Fill of the ring at its worst in this minute and the one before.
#[derive(Debug, Default)]
struct Fill {
    since: Option<Instant>,
    now: u16,
    before: u16,
}

impl Fill {
    fn worst(&mut self, now: Instant, permille: u16) -> u16 {
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) >= QUIET {
            self.since = Some(now);
            self.before = std::mem::take(&mut self.now);
        }
        self.now = self.now.max(permille);
        self.now.max(self.before)
    }
}

#[cfg(test)]
mod tests;
