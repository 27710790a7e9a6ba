//! The server: each request is answered by a plan that the test makes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hirundo_packet::wire;
use hirundo_sensor::clock;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::RootCertStore;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, Validity};

/// What a sensor asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    /// Host and port it was sent to.
    pub authority: String,
    /// Which request for this path it is, from 0.
    pub nth: usize,
    pub body: Bytes,
    pub headers: http::HeaderMap,
    /// Name in the certificate; empty without one.
    pub sensor: String,
    /// Certificate.
    pub certificate: Vec<u8>,
    pub at: Instant,
}

impl Asked {
    /// Number of the batch, when it is one.
    pub fn batch(&self) -> Option<u64> {
        self.path.strip_prefix(wire::BATCHES_PATH)?.rsplit('/').next()?.parse().ok()
    }
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub struct Plan {
    pub status: u16,
    pub body: String,
    pub retry_after: Option<&'static str>,
    pub delay: Duration,
    /// The connection is cut when this many bytes of the body have come.
    pub cut_at: Option<usize>,
    /// How far the centre's clock is ahead, microseconds.
    pub ahead_us: i64,
}

impl Plan {
    pub fn answer(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            body: body.into(),
            retry_after: None,
            delay: Duration::ZERO,
            cut_at: None,
            ahead_us: 0,
        }
    }

    /// As a centre that works.
    pub fn good(path: &str) -> Self {
        match path {
            wire::HEARTBEAT_PATH | wire::TIME_PATH => Self::answer(200, format!("{{\"now_us\":{}}}", clock::now_us())),
            _ => Self::answer(200, "{}"),
        }
    }

    pub fn refuse(status: u16) -> Self {
        Self::answer(status, "{\"error\":\"no\",\"hint\":\"none\"}")
    }

    pub fn late(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub fn cut_at(mut self, bytes: usize) -> Self {
        self.cut_at = Some(bytes);
        self
    }
}

type Planner = dyn Fn(&Asked) -> Plan + Send + Sync;

struct Shared {
    plan: Box<Planner>,
    asked: Mutex<Vec<Asked>>,
    begun: Mutex<std::collections::HashMap<String, usize>>,
    flying: Mutex<(usize, usize)>,
    cut: Notify,
}

/// A running centre; it ends when dropped.
pub struct Centre {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    runtime: tokio::runtime::Runtime,
}

/// Who may come, and under which name the server stands.
pub struct Options<'a> {
    pub authority: &'a Authority,
    pub name: &'a str,
    pub validity: Validity,
    /// Whose sensors are taken; none is: without certificates.
    pub sensors_of: Option<&'a Authority>,
}

impl Centre {
    /// One that takes this authority's sensors. The plan sees each request once its body is there, except for `cut_at`,
    /// for which it is asked before.
    pub fn start(authority: &Authority, plan: impl Fn(&Asked) -> Plan + Send + Sync + 'static) -> Self {
        Self::start_as(
            &Options {
                authority,
                name: "127.0.0.1",
                validity: Validity::FRESH,
                sensors_of: Some(authority),
            },
            plan,
        )
    }

    pub fn start_as(options: &Options<'_>, plan: impl Fn(&Asked) -> Plan + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let acceptor = acceptor(options);
        let shared = Arc::new(Shared {
            plan: Box::new(plan),
            asked: Mutex::default(),
            begun: Mutex::default(),
            flying: Mutex::default(),
            cut: Notify::new(),
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let theirs = Arc::clone(&shared);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&theirs)));
            }
        });
        Self { address, shared, runtime }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Requests whose bodies came whole.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Batches among them.
    pub fn batches(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.batch().is_some()).collect()
    }

    /// Most requests that were in work at a time.
    pub fn flying_max(&self) -> usize {
        self.shared.flying.lock().unwrap().1
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.shared.cut.notify_waiters();
    }
}

fn acceptor(options: &Options<'_>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap();
    let builder = match options.sensors_of {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = options.authority.server(options.name, options.validity);
    let mut config = builder.with_single_cert(chain, PrivatePkcs8KeyDer::from(key).into()).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let certificate = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first)
        .map_or_else(Vec::new, |certificate| certificate.to_vec());
    let cut = Arc::new(Notify::new());
    let service = hyper::service::service_fn(|request| {
        let (shared, certificate, cut) = (Arc::clone(&shared), certificate.clone(), Arc::clone(&cut));
        async move { Ok::<_, Infallible>(serve(request, &shared, certificate, &cut).await) }
    });
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = serving => {}
        () = cut.notified() => {}
        () = shared.cut.notified() => {}
    }
}

fn sensor_of(certificate: &[u8]) -> String {
    x509_parser::parse_x509_certificate(certificate).map_or_else(
        |_| String::new(),
        |(_, parsed)| parsed.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned(),
    )
}

async fn serve(request: Request<Incoming>, shared: &Shared, certificate: Vec<u8>, cut: &Notify) -> Response<Full<Bytes>> {
    let (head, mut body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let nth = {
        let mut begun = shared.begun.lock().unwrap();
        let nth = begun.entry(path.clone()).or_default();
        *nth += 1;
        *nth - 1
    };
    let mut asked = Asked {
        path,
        authority: head.uri.authority().map(ToString::to_string).unwrap_or_default(),
        nth,
        body: Bytes::new(),
        headers: head.headers,
        sensor: sensor_of(&certificate),
        certificate,
        at: Instant::now(),
    };
    {
        let mut flying = shared.flying.lock().unwrap();
        flying.0 += 1;
        flying.1 = flying.1.max(flying.0);
    }
    let early = (shared.plan)(&asked).cut_at;
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            // The rest will never come.
            return std::future::pending().await;
        };
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
        if early.is_some_and(|limit| bytes.len() >= limit) {
            cut.notify_one();
            std::future::pending::<()>().await;
        }
    }
    asked.body = bytes.into();
    let plan = (shared.plan)(&asked);
    shared.asked.lock().unwrap().push(asked);
    tokio::time::sleep(plan.delay).await;
    shared.flying.lock().unwrap().0 -= 1;
    let mut response = Response::builder()
        .status(plan.status)
        .header(wire::NOW_HEADER, clock::now_us() + plan.ahead_us);
    if let Some(retry_after) = plan.retry_after {
        response = response.header("retry-after", retry_after);
    }
    response.body(Full::new(plan.body.into())).unwrap()
}
