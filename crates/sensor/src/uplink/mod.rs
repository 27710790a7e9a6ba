//! Ships batches to the centre over HTTP/2 and mutual TLS, and says how the sensor is.
//!
//! One thread with a runtime of its own: [`spawn`]. It keeps one connection (`connect`) to one of the centres, with many
//! batches on the way (`session`), each deleted only when the centre said that it is durable. Whatever happens else, a
//! batch stays in the spool and is sent again.

mod body;
mod centre;
mod connect;
mod pace;
mod proxy;
mod request;
mod session;
mod settings;
mod time;
pub(crate) mod tls;
mod trouble;
mod work;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use hirundo_packet::wire;
use serde::Serialize;

pub use centre::Centre;
pub use settings::{Order, Proxy, Settings};
pub use trouble::Trouble;

pub(crate) use request::{Ask, SOFTWARE, once};
pub(crate) use trouble::clean;

use crate::identity::Identity;
use crate::outbox::Outbox;

/// What the sensor knows about itself for a heartbeat.
///
/// The uplink fills in what it knows: versions, the clock, the spool's state, refused and dropped batches.
pub trait Vital: Send + Sync {
    /// Epoch, begin and totals of this run.
    fn vital(&self) -> wire::Heartbeat;
}

impl<F: Fn() -> wire::Heartbeat + Send + Sync> Vital for F {
    fn vital(&self) -> wire::Heartbeat {
        self()
    }
}

/// How the uplink is, for `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// Centre that it is connected to.
    pub centre: Option<String>,
    /// Batches the centre stored, in this run.
    pub stored: u64,
    /// Batches the centre refused for good, in this run.
    pub rejected: u64,
    /// Requests that have to be repeated, in this run.
    pub again: u64,
    /// Connections made, in this run.
    pub connections: u64,
    /// How far the centre's clock is ahead of ours, microseconds; `None` before it was measured.
    pub clock_offset_us: Option<i64>,
    /// End of the certificate's validity, seconds since 1970.
    pub not_after_secs: i64,
    /// What went wrong last, until something goes right.
    pub trouble: Option<String>,
}

/// [`State`] as it is shared between the uplink's thread and who looks.
pub(crate) type SharedState = Arc<Mutex<State>>;

/// A state is whole at any moment, so a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The running uplink.
#[derive(Debug)]
pub struct Handle {
    thread: JoinHandle<()>,
    state: SharedState,
    stop: Arc<AtomicBool>,
}

impl Handle {
    /// How it is.
    #[must_use]
    pub fn state(&self) -> State {
        lock(&self.state).clone()
    }

    /// Lets what is on the way arrive (a few seconds at most), closes the connection and ends the thread. What is not
    /// acknowledged by then is sent by the next run.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            tracing::error!("the uplink's thread ended by a panic");
        }
    }

    /// Whether the thread still runs; it ends before [`Handle::stop`] only by a defect.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }
}

/// Starts the uplink on a thread of its own; `stop` ends it from elsewhere, as [`Handle::stop`] does.
///
/// # Errors
/// When the identity's key or certificate cannot be used, a setting is wrong, or the system gives no thread.
pub fn spawn(
    settings: Settings,
    identity: Identity,
    outbox: Arc<dyn Outbox>,
    vital: Arc<dyn Vital>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Handle> {
    settings.validate()?;
    let state = SharedState::default();
    let mut work = work::Work::new(settings, identity, outbox, vital, Arc::clone(&stop), Arc::clone(&state))?;
    let runtime = runtime()?;
    let thread = std::thread::Builder::new()
        .name("uplink".to_owned())
        .spawn(move || runtime.block_on(work.run()))?;
    Ok(Handle { thread, state, stop })
}

/// A centre as [`probe`] found it.
#[derive(Debug)]
pub struct Probe {
    /// Which one.
    pub centre: Centre,
    /// How far its clock is ahead of ours (microseconds) and how long the answer took, or why there is none.
    pub result: Result<(i64, std::time::Duration), Trouble>,
}

/// Asks every centre for its time under the sensor's certificate: for `check`.
///
/// # Errors
/// When the identity or the settings cannot be used; what is wrong with a centre stands in its [`Probe`].
pub fn probe(settings: &Settings, identity: &Identity) -> anyhow::Result<Vec<Probe>> {
    settings.validate()?;
    let clock = Arc::new(time::CentreClock::default());
    let tls = tls::for_identity(identity, &clock)?;
    let centres = settings.centres_or(&identity.centres)?;
    Ok(runtime()?.block_on(async {
        let mut probes = Vec::with_capacity(centres.len());
        for centre in centres {
            let result = request::ask_time(settings, &centre, Arc::clone(&tls)).await;
            probes.push(Probe { centre, result });
        }
        probes
    }))
}

/// A runtime of one thread; resolving names takes another one for the moment.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(2)
        .enable_all()
        .build()
}
