//! Connections: who may connect, how long they may take, and how a collector starts and ends.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::api;
use super::centre::{Centre, Doors};
use super::gather::{self, Opener};
use super::limits::Places;
use super::metrics;
use super::peer::{Peer, identity};
use super::quarantine;
use super::tls::{self, OwnCertificate};

/// Streams a sensor may have open at a time: its batches, and room for a heartbeat.
const STREAMS_MAX: u32 = 64 + 8;
const _: () = assert!(hirundo_packet::wire::IN_FLIGHT_MAX == 64);
/// … without a certificate.
const STRANGER_STREAMS_MAX: u32 = 2;
/// Bytes in flight on a sensor's connection: what one connection may have in our memory before we read it.
const WINDOW_BYTES: u32 = 1 << 20;
/// … on one of its streams.
const STREAM_WINDOW_BYTES: u32 = 512 << 10;
/// … without a certificate.
const STRANGER_WINDOW_BYTES: u32 = 64 << 10;
/// Most bytes of a request's headers.
const HEADER_BYTES_MAX: u32 = 8 << 10;
/// Streams that a client opened and reset and that we have not looked at yet; more end the connection (rapid reset).
const RESETS_MAX: usize = 16;
/// Answers that wait for a client to take them, bytes.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Whether the other end is still there is asked this often, and answered within the same.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How often idleness is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often the collector's own certificate is looked at, and old notes are forgotten.
const UPKEEP: Duration = Duration::from_secs(600);

/// A collector that runs.
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where Prometheus may ask.
    pub metrics_address: Option<SocketAddr>,
    /// What its connections share.
    pub centre: Arc<Centre>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    gathering: JoinHandle<()>,
    beside: JoinSet<()>,
}

impl Collector {
    /// Starts one.
    ///
    /// # Errors
    /// When it cannot listen, or its certificate cannot be made.
    pub async fn start(centre: Centre, open: Opener) -> Result<Collector> {
        let own = OwnCertificate::make(&centre.store, &centre.authority).await?;
        let config = tls::config(&centre.authority, Arc::clone(&own))?;
        let listen = centre.settings.listen;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("could not listen at {listen}"))?;
        let address = listener.local_addr().context("could not tell where the collector listens")?;
        let centre = Arc::new(centre);
        let mut beside = JoinSet::new();
        let metrics_address = match centre.settings.metrics {
            Some(wanted) => Some(metrics::serve(&centre, wanted, &mut beside).await?),
            None => None,
        };
        beside.spawn(keep_up(Arc::clone(&centre), own));
        let (stop, stopped) = watch::channel(false);
        let door = Door {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            router: api::router(Arc::clone(&centre)),
            all: Arc::new(Semaphore::new(centre.settings.doors.connections_max)),
            strangers: Arc::new(Semaphore::new(centre.settings.doors.strangers_max)),
            shaking: Arc::new(Places::new(centre.settings.doors.shaking_max)),
            strangers_of_address: Arc::new(Places::new(centre.settings.doors.strangers_of_address_max)),
            of_address: Arc::new(Places::new(centre.settings.doors.of_address_max)),
            of_sensor: Arc::new(Places::new(centre.settings.doors.of_sensor_max)),
            centre: Arc::clone(&centre),
            stopped,
        };
        Ok(Collector {
            address,
            metrics_address,
            gathering: tokio::spawn(gather::run(Arc::clone(&centre), open)),
            accepting: tokio::spawn(accept(listener, Arc::new(door))),
            centre,
            stop,
            beside,
        })
    }

    /// Ends it: no more connections, what is held is stored and answered.
    pub async fn stop(mut self) {
        self.centre.gather.close();
        self.stop.send_replace(true);
        let farewell = self.centre.settings.doors.farewell_max;
        for (what, task) in [("store what waits", self.gathering), ("end connections", self.accepting)] {
            if tokio::time::timeout(farewell, task).await.is_err() {
                tracing::warn!("the collector had no time to {what}; sensors will send again what they have no answer for");
            }
        }
        self.beside.abort_all();
        self.centre.store.close().await;
    }
}

/// Renews what runs out and forgets what is old.
async fn keep_up(centre: Arc<Centre>, own: Arc<OwnCertificate>) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        match own.renew(&centre.store, &centre.authority).await {
            Ok(true) => tracing::info!("the collector has a new certificate"),
            Ok(false) => {}
            Err(error) => tracing::error!("the collector's certificate could not be renewed: {error:#}"),
        }
        let forgotten = centre.store.forget(super::now_secs()).await;
        for done in [forgotten, quarantine::sweep(&centre.store).await] {
            if let Err(error) = done {
                tracing::error!("{error:#}");
            }
        }
    }
}

/// Everything that decides about a connection.
struct Door {
    acceptor: TlsAcceptor,
    router: Router,
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    shaking: Arc<Places<IpAddr>>,
    strangers_of_address: Arc<Places<IpAddr>>,
    of_address: Arc<Places<IpAddr>>,
    of_sensor: Arc<Places<String>>,
    centre: Arc<Centre>,
    stopped: watch::Receiver<bool>,
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    let mut connections = JoinSet::new();
    let mut stopped = door.stopped.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, address)) => {
                let counters = &door.centre.counters;
                let Ok(all) = Arc::clone(&door.all).try_acquire_owned() else {
                    counters.turned_away("connections");
                    continue;
                };
                let Some(place) = door.of_address.take(neighbourhood(address.ip())) else {
                    counters.turned_away("address");
                    continue;
                };
                let door = Arc::clone(&door);
                connections.spawn(async move {
                    let open = door.centre.counters.connection();
                    serve(&door, stream, address.ip().to_canonical()).await;
                    drop((open, place, all));
                });
            }
            Err(error) => {
                // Too many open files, or the like: it gets better when connections end.
                tracing::warn!("no connection could be taken: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Whom an address is counted with: itself, or the /64 of an IPv6 address, which one host has all of.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

/// One connection from its handshake to its end.
async fn serve(door: &Door, stream: TcpStream, address: IpAddr) {
    let doors = door.centre.settings.doors;
    let counters = &door.centre.counters;
    // Who only begins to shake hands takes the room of his own neighbours, not of everybody.
    let Some(shaking) = door.shaking.take(neighbourhood(address)) else {
        return counters.turned_away("handshakes");
    };
    // Answers are small and waited for. Where it cannot be set they are merely later.
    drop(stream.set_nodelay(true));
    let shaken = tokio::time::timeout(doors.handshake_max, door.acceptor.accept(stream)).await;
    drop(shaking);
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!("a handshake failed: {error}");
            return counters.turned_away("handshake");
        }
        Err(_) => return counters.turned_away("handshake_slow"),
    };
    let (_, session) = stream.get_ref();
    let sensor = session.peer_certificates().and_then(|chain| chain.first()).and_then(identity);
    let peer = Arc::new(Peer { address, sensor });
    match &peer.sensor {
        Some(identity) => {
            let Some(_place) = door.of_sensor.take(identity.name.clone()) else {
                return counters.turned_away("sensor");
            };
            speak(door, stream, &peer, doors).await;
        }
        None => {
            let Some(_place) = door.strangers_of_address.take(neighbourhood(address)) else {
                return counters.turned_away("strangers");
            };
            let Ok(_permit) = door.strangers.try_acquire() else {
                return counters.turned_away("strangers");
            };
            // A stranger has time to enrol, and no more.
            if tokio::time::timeout(doors.stranger_max, speak(door, stream, &peer, doors))
                .await
                .is_err()
            {
                counters.turned_away("stranger_slow");
            }
        }
    }
}

/// When a connection was last asked something.
#[derive(Debug, Default)]
struct Activity {
    open: AtomicUsize,
    last_secs: AtomicU64,
}

/// Counts a request as open until it is dropped.
struct Asking {
    activity: Arc<Activity>,
    begun: Instant,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.activity.last_secs.store(self.begun.elapsed().as_secs(), Ordering::Relaxed);
        self.activity.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers requests until the other end has no more, is idle for too long, or the collector stops.
async fn speak(door: &Door, stream: TlsStream<TcpStream>, peer: &Arc<Peer>, doors: Doors) {
    let begun = Instant::now();
    let activity = Arc::new(Activity::default());
    let service = {
        let (router, peer, activity) = (door.router.clone(), Arc::clone(peer), Arc::clone(&activity));
        hyper::service::service_fn(move |mut request: Request<Incoming>| {
            activity.open.fetch_add(1, Ordering::Relaxed);
            let asking = Asking {
                activity: Arc::clone(&activity),
                begun,
            };
            request.extensions_mut().insert(Arc::clone(&peer));
            let answer = router.clone().oneshot(request);
            async move {
                let answered = answer.await;
                drop(asking);
                answered
            }
        })
    };
    let connection = protocol(peer.sensor.is_some()).serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut stopped = door.stopped.clone();
    let mut ticks = tokio::time::interval(TICK);
    let mut leaving: Option<Instant> = None;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!("a connection ended: {error}");
                }
                return;
            }
            _ = stopped.wait_for(|stop| *stop), if leaving.is_none() => {
                leaving = Some(Instant::now());
                connection.as_mut().graceful_shutdown();
            }
            _ = ticks.tick() => {
                let idle = begun.elapsed().saturating_sub(Duration::from_secs(activity.last_secs.load(Ordering::Relaxed)));
                if leaving.is_some_and(|since| since.elapsed() > doors.farewell_max) {
                    return;
                }
                if leaving.is_none() && activity.open.load(Ordering::Relaxed) == 0 && idle > doors.idle_max {
                    return door.centre.counters.turned_away("idle");
                }
            }
        }
    }
}

fn protocol(is_sensor: bool) -> http2::Builder<TokioExecutor> {
    let (streams, window, stream_window) = if is_sensor {
        (STREAMS_MAX, WINDOW_BYTES, STREAM_WINDOW_BYTES)
    } else {
        (STRANGER_STREAMS_MAX, STRANGER_WINDOW_BYTES, STRANGER_WINDOW_BYTES)
    };
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        .initial_connection_window_size(window)
        .initial_stream_window_size(stream_window)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .max_send_buf_size(SEND_BYTES_MAX)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
    builder
}
