//! A client that speaks HTTP/2 over TLS 1.3 as a sensor does, or badly.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hirundo::collector::authority::Authority;
use hirundo::collector::now_us;
use hirundo_packet::wire::{SENT_HEADER, batch_path};
use http::{HeaderMap, Method, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::TlsConnector;

use super::Identity;

/// Longest wait for an answer; a test that needs longer has failed.
const ANSWER_MAX: Duration = Duration::from_secs(30);

type Sent = BoxBody<Bytes, std::io::Error>;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Fails the test unless the status is this one and the body holds the words.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert!(self.text().contains(words), "{words:?} is not in {}", self.text());
    }
}

/// A body that comes in pieces.
pub(crate) struct Drip {
    left: VecDeque<Bytes>,
    every: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    /// What follows the last piece.
    end: End,
}

/// How a body ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// As it should.
    Well,
    /// It does not.
    Never,
    /// The stream is reset.
    Cut,
}

impl Drip {
    pub(crate) fn body(pieces: impl IntoIterator<Item = Vec<u8>>, every: Duration, end: End) -> Sent {
        let drip = Drip {
            left: pieces.into_iter().map(Bytes::from).collect(),
            every,
            sleep: None,
            end,
        };
        drip.boxed()
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(sleep) = &mut self.sleep {
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        if let Some(piece) = self.left.pop_front() {
            let every = self.every;
            self.sleep = (!every.is_zero()).then(|| Box::pin(tokio::time::sleep(every)));
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.end {
            End::Well => Poll::Ready(None),
            End::Never => Poll::Pending,
            End::Cut => Poll::Ready(Some(Err(std::io::Error::other("cut, as planned")))),
        }
    }
}

/// One connection.
#[derive(Clone)]
pub(crate) struct Client {
    sender: SendRequest<Sent>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, authority: &Authority, identity: Option<&Identity>) -> Result<Client, String> {
        let mut roots = RootCertStore::empty();
        for certificate in authority.certificates() {
            roots.add(certificate.clone()).map_err(|error| error.to_string())?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let mut config = match identity.map(Identity::chain) {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let name = ServerName::try_from("127.0.0.1").map_err(|error| error.to_string())?;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| error.to_string())?;
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Client { sender })
    }

    /// Sends any request.
    pub(crate) async fn request(&self, request: Request<Sent>) -> Result<Answer, String> {
        let mut sender = self.sender.clone();
        let exchange = async {
            sender.ready().await.map_err(|error| error.to_string())?;
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            })
        };
        tokio::time::timeout(ANSWER_MAX, exchange)
            .await
            .unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    /// Sends a request with a body and the usual headers.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, String> {
        self.request(request(method, path, now_us(), full(body))).await
    }

    /// Sends a batch.
    pub(crate) async fn batch(&self, epoch: u64, number: u64, body: Vec<u8>) -> Answer {
        self.send(Method::POST, &batch_path(epoch, number), body).await.expect("an answer")
    }

    /// Sends a batch whose body comes in its own way.
    pub(crate) async fn drip(&self, epoch: u64, number: u64, body: Sent) -> Result<Answer, String> {
        self.request(request(Method::POST, &batch_path(epoch, number), now_us(), body))
            .await
    }
}

pub(crate) fn full(body: Vec<u8>) -> Sent {
    Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed()
}

pub(crate) fn request(method: Method, path: &str, sent_us: i64, body: Sent) -> Request<Sent> {
    Request::builder()
        .method(method)
        .uri(format!("https://127.0.0.1{path}"))
        .header(SENT_HEADER, sent_us)
        .body(body)
        .expect("a request")
}
