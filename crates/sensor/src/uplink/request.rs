//! One request and its answer, and requests on a connection of their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hirundo_packet::wire;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http2::SendRequest;
use rustls::ClientConfig;
use serde::de::DeserializeOwned;

use super::body::{Progress, Upload};
use super::centre::Centre;
use super::connect::{Link, Reasons, connect};
use super::pace::Pacer;
use super::settings::Settings;
use super::time::CentreClock;
use super::trouble::{Trouble, chain, clean};
use crate::clock;

/// How long a centre may keep silent on a batch that has arrived: it answers when the batch is durable.
pub(crate) const BATCH_WAIT: Duration = Duration::from_secs(600);
/// How long it may keep silent on anything else.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// How long to wait for the reason of a broken connection.
const REASON_WAIT: Duration = Duration::from_secs(1);
/// Longest pause that a centre can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(900);

/// Version of the sensor's software.
pub(crate) const SOFTWARE: &str = env!("CARGO_PKG_VERSION");

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// How long the centre asks to wait.
    pub(crate) retry_after: Option<Duration>,
    body: Bytes,
    /// Who gave it.
    centre: String,
}

impl Answer {
    /// The body as what it must be.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body).map_err(|error| Trouble::Garbage {
            centre: self.centre.clone(),
            status: self.status,
            reason: clean(&error.to_string()),
        })
    }

    /// An answer that is not what was hoped for, as an error.
    pub(crate) fn refusal(&self) -> Trouble {
        match self.json::<wire::Refusal>() {
            Ok(refusal) => Trouble::Refused {
                centre: self.centre.clone(),
                status: self.status,
                error: clean(&refusal.error),
                hint: refusal.hint.as_deref().map(clean),
            },
            Err(garbage) => garbage,
        }
    }

    /// The body of an answer 200.
    ///
    /// # Errors
    /// When the status is another or the body is something else.
    pub(crate) fn ok<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        if self.status == 200 { self.json() } else { Err(self.refusal()) }
    }
}

/// What is asked.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Bytes,
    /// Limit of bytes a second; only batches have one.
    pub(crate) pacer: Option<Arc<Pacer>>,
    /// How long the centre may keep silent once the body has gone out.
    pub(crate) wait: Duration,
}

impl Ask {
    /// A `POST` of JSON.
    ///
    /// # Errors
    /// When the body cannot be written as JSON, which it can.
    pub(crate) fn json<T: serde::Serialize>(path: &str, body: &T) -> Result<Self, serde_json::Error> {
        Ok(Self {
            method: Method::POST,
            path: path.to_owned(),
            body: serde_json::to_vec(body)?.into(),
            pacer: None,
            wait: ANSWER_WAIT,
        })
    }

    /// A `GET`.
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: Method::GET,
            path: path.to_owned(),
            body: Bytes::new(),
            pacer: None,
            wait: ANSWER_WAIT,
        }
    }
}

/// Sends a request and reads its answer.
pub(crate) async fn ask(mut sender: SendRequest<Upload>, reasons: Reasons, clock: Arc<CentreClock>, ask: Ask) -> Result<Answer, Trouble> {
    let progress = Progress::new();
    let measures = ask.method == Method::GET || ask.wait == ANSWER_WAIT;
    let request = Request::builder()
        .method(ask.method)
        .uri(format!("{}{}", reasons.centre, ask.path))
        .header(wire::SENT_HEADER, clock::now_us())
        .header(wire::SOFTWARE_HEADER, SOFTWARE)
        .header(wire::VERSION_HEADER, wire::VERSION)
        .header(
            http::header::CONTENT_TYPE,
            if ask.pacer.is_some() {
                "application/octet-stream"
            } else {
                "application/json"
            },
        )
        .body(Upload::new(ask.body, ask.pacer, progress.clone()))
        .map_err(|error| reasons.trouble(error.to_string()))?;
    let exchange = async {
        sender.ready().await?;
        let sent = Instant::now();
        let response = sender.send_request(request).await?;
        Ok((sent, Instant::now(), response))
    };
    let (sent, received, response) = patiently(&progress, ask.wait, &reasons, exchange)
        .await?
        .map_err(|error: hyper::Error| reasons.trouble(chain(&error)))?;
    let (head, body) = response.into_parts();
    // A batch is answered when it is durable, which says little about clocks.
    if measures && let Some(now_us) = number(&head.headers, wire::NOW_HEADER) {
        clock.learn(sent, received, now_us);
    }
    let centre = reasons.centre.authority();
    let body = tokio::time::timeout(ANSWER_WAIT, Limited::new(body, wire::JSON_BYTES_MAX).collect())
        .await
        .map_err(|_| Trouble::Slow {
            centre: centre.clone(),
            what: "the end of its answer",
            after: ANSWER_WAIT,
        })?
        .map_err(|error| reasons.trouble(clean(&error.to_string())))?;
    Ok(Answer {
        status: head.status.as_u16(),
        retry_after: retry_after(&head.headers),
        body: body.to_bytes(),
        centre,
    })
}

/// Waits as long as the body moves, and then for `wait`.
async fn patiently<F: Future>(progress: &Progress, wait: Duration, reasons: &Reasons, future: F) -> Result<F::Output, Trouble> {
    tokio::pin!(future);
    loop {
        let deadline = progress.last() + wait;
        match tokio::time::timeout_at(deadline, &mut future).await {
            Ok(output) => return Ok(output),
            Err(_) if progress.last() + wait > deadline => {}
            Err(_) => {
                return Err(Trouble::Slow {
                    centre: reasons.centre.authority(),
                    what: "a request",
                    after: wait,
                });
            }
        }
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Only seconds are understood; a date would be by a clock that may differ from ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs = u64::try_from(number(headers, http::header::RETRY_AFTER.as_str())?).ok()?;
    Some(Duration::from_secs(secs).min(RETRY_AFTER_MAX))
}

/// Connects, asks one thing, and closes.
pub(crate) async fn once(settings: &Settings, centre: &Centre, tls: Arc<ClientConfig>, asked: Ask) -> Result<Answer, Trouble> {
    ask_and_end(connect(settings, centre, tls).await?, asked).await
}

async fn ask_and_end(mut link: Link, asked: Ask) -> Result<Answer, Trouble> {
    let result = ask(link.sender.clone(), link.reasons(), Arc::new(CentreClock::default()), asked).await;
    if matches!(result, Err(Trouble::Lost { .. }))
        && let Ok(reason) = tokio::time::timeout(REASON_WAIT, link.ended()).await
    {
        // The connection knows better than the request why it broke.
        return Err(reason);
    }
    result
}

/// Asks a centre for its time: how far ahead of ours it is, microseconds, and how long the answer took.
pub(crate) async fn ask_time(settings: &Settings, centre: &Centre, tls: Arc<ClientConfig>) -> Result<(i64, Duration), Trouble> {
    let link = connect(settings, centre, tls).await?;
    let (begun, begun_us) = (Instant::now(), clock::now_us());
    let answer = ask_and_end(link, Ask::get(wire::TIME_PATH)).await?;
    let took = begun.elapsed();
    let time: wire::TimeResponse = answer.ok()?;
    let half_us = i64::try_from(took.as_micros() / 2).unwrap_or(i64::MAX);
    Ok((time.now_us.saturating_sub(begun_us.saturating_add(half_us)), took))
}
