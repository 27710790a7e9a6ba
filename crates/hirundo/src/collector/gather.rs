//! Batches that wait to be stored together, and what becomes of them: stored, known, or tried again.
//!
//! Nobody is answered before what they sent is durable. A batch that comes again while its first self still waits waits with
//! it. When the lake refuses, senders are told to try again, and what is in memory is tried again here too.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use super::centre::Centre;
use super::limits::InFlight;
use super::quarantine::{self, Aside};
use super::shipment::{Name, Shipment};
use crate::store::batches::Stored;

/// Packets from which on a commit takes no further batch: half of what a segment holds.
const PACKETS_ENOUGH: u64 = 1 << 19;
/// Most batches of a commit.
const BATCHES_MAX: usize = 4_096;
/// Senders that may wait for one batch; a sensor sends it again when its connection broke.
const SENDERS_MAX: usize = 16;
/// First pause after the lake refused.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What became of a batch in the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landed {
    /// It is durable now.
    Stored,
    /// It was durable before.
    Known,
}

/// Why batches were not stored.
#[derive(Debug)]
pub enum Trouble {
    /// The lake refuses: try the same again later.
    Lake(anyhow::Error),
    /// Something is wrong with a batch among them.
    Batch(anyhow::Error),
}

/// Stores batches durably.
pub trait Landing: Send {
    /// Stores all that are not stored yet; what became of each. On an error some may be stored: they are known the next time.
    ///
    /// # Errors
    /// [`Trouble`], whose kind says whether trying again can help.
    fn land(&mut self, shipments: &[Shipment]) -> Result<Vec<Landed>, Trouble>;
}

/// The way into the lake, while it is open.
type Way = Option<Box<dyn Landing>>;

/// Opens the way into the lake, again after trouble.
pub type Opener = Box<dyn Fn() -> Result<Box<dyn Landing>> + Send>;

/// What a sender is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Landed(Landed),
    /// Not now.
    Later,
    /// Held in quarantine, with the reason.
    Held(String),
}

/// What happens with a batch that is handed over.
#[derive(Debug)]
pub enum Handed {
    /// Its outcome will come here.
    Waits(oneshot::Receiver<Outcome>),
    /// Another batch of the same name waits already.
    Conflict,
    /// No more are taken.
    Closed,
}

/// Memory and place of a batch, given back when it is dropped.
#[derive(Debug, Default)]
pub struct Hold {
    /// Its memory.
    pub room: Option<OwnedSemaphorePermit>,
    /// Its place among what its sensor has on the way.
    pub in_flight: Option<InFlight>,
}

#[derive(Debug)]
struct Entry {
    shipment: Shipment,
    since: Instant,
    alone: bool,
    _hold: Hold,
}

#[derive(Debug)]
struct Waiting {
    sha256: [u8; 32],
    senders: Vec<oneshot::Sender<Outcome>>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Entry>,
    waiting: HashMap<Name, Waiting>,
    packets: u64,
    closed: bool,
}

/// The batches that wait.
#[derive(Debug, Default)]
pub struct Gather {
    state: Mutex<State>,
    wake: Notify,
}

impl Gather {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a batch over.
    pub fn hand(&self, shipment: Shipment, hold: Hold, now: Instant) -> Handed {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        if state.closed {
            return Handed::Closed;
        }
        if let Some(waiting) = state.waiting.get_mut(&shipment.name) {
            if waiting.sha256 != shipment.sha256 {
                return Handed::Conflict;
            }
            waiting.senders.retain(|sender| !sender.is_closed());
            // One too many is not answered and tries again.
            if waiting.senders.len() < SENDERS_MAX {
                waiting.senders.push(sender);
            }
            return Handed::Waits(receiver);
        }
        let waiting = Waiting {
            sha256: shipment.sha256,
            senders: vec![sender],
        };
        state.waiting.insert(shipment.name.clone(), waiting);
        state.packets += shipment.packets;
        state.queue.push_back(Entry {
            shipment,
            since: now,
            alone: false,
            _hold: hold,
        });
        drop(state);
        self.wake.notify_one();
        Handed::Waits(receiver)
    }

    /// Takes no more; what waits is stored at once.
    pub fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
    }

    /// Batches and packets that wait.
    #[must_use]
    pub fn waiting(&self) -> (usize, u64) {
        let state = self.state();
        (state.queue.len(), state.packets)
    }

    /// How long to wait until something is to be stored: `None` when there is nothing.
    fn due(&self, every: Duration, urgent: bool, now: Instant) -> Option<Duration> {
        let state = self.state();
        let oldest = state.queue.front()?;
        if urgent || state.closed || state.packets >= PACKETS_ENOUGH || state.queue.len() >= BATCHES_MAX {
            return Some(Duration::ZERO);
        }
        Some(every.saturating_sub(now.saturating_duration_since(oldest.since)))
    }

    fn is_over(&self) -> bool {
        let state = self.state();
        state.closed && state.queue.is_empty()
    }

    /// Takes out what is stored next.
    fn take(&self) -> Vec<Entry> {
        let mut state = self.state();
        let mut taken = Vec::new();
        let mut packets = 0;
        while packets < PACKETS_ENOUGH && taken.len() < BATCHES_MAX {
            let alone = state.queue.front().is_some_and(|entry| entry.alone);
            if alone && !taken.is_empty() {
                break;
            }
            let Some(entry) = state.queue.pop_front() else { break };
            packets += entry.shipment.packets;
            taken.push(entry);
            if alone {
                break;
            }
        }
        state.packets -= packets;
        taken
    }

    /// Puts back what was taken, in front.
    fn put_back(&self, entries: Vec<Entry>, alone: bool) {
        let mut state = self.state();
        for mut entry in entries.into_iter().rev() {
            entry.alone |= alone;
            state.packets += entry.shipment.packets;
            state.queue.push_front(entry);
        }
    }

    /// Tells those who wait for a batch, which is done with.
    fn tell(&self, name: &Name, outcome: &Outcome) {
        if let Some(waiting) = self.state().waiting.remove(name) {
            answer(waiting.senders, outcome);
        }
    }

    /// Tells everybody to try again, while what they sent stays here.
    fn tell_all_later(&self) {
        let mut state = self.state();
        for waiting in state.waiting.values_mut() {
            answer(std::mem::take(&mut waiting.senders), &Outcome::Later);
        }
    }
}

fn answer(senders: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for sender in senders {
        // Whoever does not wait any more asks again.
        drop(sender.send(outcome.clone()));
    }
}

/// Stores what waits, until the gather is closed and empty, or is closed and the lake refuses.
pub async fn run(centre: Arc<Centre>, open: Opener) {
    let gather = &centre.gather;
    let mut open = Some(open);
    let mut landing: Way = None;
    let mut pause = PAUSE_MIN;
    while wait(&centre).await {
        let entries = gather.take();
        let (Some(opener), held) = (open.take(), landing.take()) else {
            return;
        };
        let begun = Instant::now();
        let shipments: Vec<Shipment> = entries.iter().map(|entry| entry.shipment.clone()).collect();
        let work = tokio::task::spawn_blocking(move || {
            let (landing, landed) = land(held, &opener, &shipments);
            (opener, landing, landed)
        });
        let Ok((opener, left, landed)) = work.await else { return };
        (open, landing) = (Some(opener), left);
        match landed {
            Ok(landed) => {
                pause = PAUSE_MIN;
                let secs = begun.elapsed().as_secs_f64();
                settle(&centre, entries, &landed, secs).await;
            }
            Err(Trouble::Batch(error)) if entries.len() == 1 => hold(&centre, entries, &error).await,
            Err(Trouble::Batch(error)) => {
                tracing::warn!(
                    "{} batches could not be stored together and are tried one by one: {error:#}",
                    entries.len()
                );
                gather.put_back(entries, true);
            }
            Err(Trouble::Lake(error)) => {
                centre.counters.commits_failed.inc();
                tracing::error!("the lake refuses, {} batches wait: {error:#}", entries.len());
                gather.put_back(entries, false);
                gather.tell_all_later();
                if gather.state().closed {
                    return;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Waits until something is to be stored; false when nothing will be any more.
async fn wait(centre: &Centre) -> bool {
    let gather = &centre.gather;
    loop {
        let woken = gather.wake.notified();
        if gather.is_over() {
            return false;
        }
        // More than half of the memory is taken: do not wait for more.
        let urgent = centre.budget.used_bytes() > centre.budget.bytes() / 2;
        match gather.due(centre.settings.commit_every, urgent, Instant::now()) {
            Some(Duration::ZERO) => return true,
            Some(left) => drop(tokio::time::timeout(left.min(Duration::from_millis(500)), woken).await),
            None => woken.await,
        }
    }
}

/// Stores on a thread that may block. After trouble or a panic the way into the lake is opened anew.
fn land(held: Way, open: &Opener, shipments: &[Shipment]) -> (Way, Result<Vec<Landed>, Trouble>) {
    let opened = std::panic::catch_unwind(AssertUnwindSafe(|| held.map_or_else(open, Ok)));
    let mut landing = match opened {
        Ok(Ok(landing)) => landing,
        Ok(Err(error)) => return (None, Err(Trouble::Lake(error))),
        Err(_) => return (None, Err(Trouble::Lake(anyhow!("opening the lake ended at an internal error")))),
    };
    let landed = std::panic::catch_unwind(AssertUnwindSafe(|| landing.land(shipments)))
        .unwrap_or_else(|_| Err(Trouble::Batch(anyhow!("storing it ended at an internal error"))));
    match landed {
        Ok(landed) if landed.len() == shipments.len() => (Some(landing), Ok(landed)),
        Ok(_) => (None, Err(Trouble::Lake(anyhow!("the lake did not say what became of each batch")))),
        Err(trouble) => (None, Err(trouble)),
    }
}

/// Notes what is durable now and answers.
async fn settle(centre: &Centre, entries: Vec<Entry>, landed: &[Landed], secs: f64) {
    let stored: Vec<Stored> = entries
        .iter()
        .zip(landed)
        .filter(|(_, landed)| **landed == Landed::Stored)
        .map(|(entry, _)| Stored {
            sensor: entry.shipment.name.sensor.clone(),
            epoch: entry.shipment.name.epoch,
            number: entry.shipment.name.number,
            digest: entry.shipment.sha256,
            packets: entry.shipment.packets,
        })
        .collect();
    let packets: u64 = stored.iter().map(|stored| stored.packets).sum();
    centre.counters.committed(packets, secs);
    if let Err(error) = centre.store.stored(&stored, super::now_secs()).await {
        // They are durable in the lake, which also knows their names.
        tracing::error!("{error:#}");
    }
    for (entry, landed) in entries.iter().zip(landed) {
        centre.gather.tell(&entry.shipment.name, &Outcome::Landed(*landed));
    }
}

/// Puts a batch aside that cannot be stored although it could be read.
async fn hold(centre: &Centre, entries: Vec<Entry>, error: &anyhow::Error) {
    for entry in entries {
        let Shipment { name, bytes, packets, .. } = &entry.shipment;
        let reason = format!("it could not be stored: {error:#}");
        tracing::error!("batch {:016x}/{} of {}: {reason}", name.epoch, name.number, name.sensor);
        let aside = Aside {
            name,
            bytes,
            packets: *packets,
            held: true,
            reason: &reason,
        };
        let outcome = match quarantine::keep(&centre.store, aside, super::now_secs()).await {
            Ok(true) => Outcome::Held("it could not be stored".to_owned()),
            Ok(false) => Outcome::Later,
            Err(error) => {
                tracing::error!("{error:#}");
                Outcome::Later
            }
        };
        centre.gather.tell(name, &outcome);
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
