//! Intake of a batch: who sends it, whether they may, what it is, and what they are told.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use hirundo_packet::batch::{BatchError, ENCODED_BYTES_MAX};
use hirundo_packet::wire::{self, BatchResponse};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

use super::body;
use super::centre::{Centre, enough};
use super::gather::{Handed, Hold, Landed, Outcome};
use super::limits::InFlight;
use super::peer::Peer;
use super::quarantine::{self, Aside};
use super::refusal::{Refused, json};
use super::shipment::{self, Fault, Name, Shipment};

/// `POST /v1/batches/{epoch}/{number}`.
pub async fn batch(
    State(centre): State<Arc<Centre>>,
    Extension(peer): Extension<Arc<Peer>>,
    Path((epoch, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match take(&centre, &peer, &epoch, &number, &headers, body).await {
        Ok(response) => response,
        Err(refused) => {
            centre.counters.refused(refused.reason);
            refused.into_response()
        }
    }
}

async fn take(centre: &Centre, peer: &Peer, epoch: &str, number: &str, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    let (identity, allowance) = centre.admit(peer).await?;
    super::api::check_version(headers)?;
    let sensor = identity.name.as_str();
    super::api::observe_clock(centre, sensor, headers);
    let name = name(sensor, epoch, number)?;
    let announced = announced(headers)?;
    let in_flight = centre
        .meters
        .enter(sensor, announced.unwrap_or(ENCODED_BYTES_MAX), allowance, Instant::now())
        .map_err(enough)?;
    let read = body::read(body, ENCODED_BYTES_MAX, &centre.budget, centre.settings.patience).await?;
    centre.counters.received(read.bytes.len());
    let shipment = Shipment {
        sha256: Sha256::digest(&read.bytes).into(),
        packets: 0,
        skew_us: centre.clocks.skew_us(sensor),
        bytes: read.bytes,
        name,
    };
    let shipment = checked(centre, shipment).await?;
    match shipment {
        Checked::Good(shipment) => {
            let room = read.room;
            store(centre, shipment, room, in_flight).await
        }
        Checked::Answered(response) => Ok(response),
    }
}

/// The batch's name, from the certificate and the path.
fn name(sensor: &str, epoch: &str, number: &str) -> Result<Name, Refused> {
    let wrong = || Refused::new(StatusCode::BAD_REQUEST, "path", "the path names no batch");
    let is_hex = epoch.len() == 16 && epoch.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let epoch = u64::from_str_radix(epoch, 16).ok().filter(|_| is_hex).ok_or_else(wrong)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| is_number).ok_or_else(wrong)?;
    Ok(Name {
        sensor: sensor.to_owned(),
        epoch,
        number,
    })
}

/// Length that the sender announces.
fn announced(headers: &HeaderMap) -> Result<Option<usize>, Refused> {
    let Some(value) = headers.get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length: Option<u64> = value.to_str().ok().and_then(|text| text.parse().ok());
    match length.and_then(|length| usize::try_from(length).ok()) {
        Some(length) if length <= ENCODED_BYTES_MAX => Ok(Some(length)),
        Some(_) | None => Err(body::long(ENCODED_BYTES_MAX)),
    }
}

/// A batch that was looked at.
enum Checked {
    Good(Shipment),
    /// Held, or known.
    Answered(Response),
}

/// Looks at a batch; what is wrong goes to quarantine.
async fn checked(centre: &Centre, mut shipment: Shipment) -> Result<Checked, Refused> {
    let name = shipment.name.clone();
    let before = centre
        .store
        .digest_of(&name.sensor, name.epoch, name.number)
        .await
        .map_err(|error| Refused::ours(&error))?;
    let other = before.is_some_and(|digest| digest != shipment.sha256);
    // The semaphore is never closed.
    let permit = centre.decoding.acquire().await.ok();
    let (bytes, skew_us, to_check) = (shipment.bytes.clone(), shipment.skew_us, name.clone());
    let times = centre.settings.times;
    let work = tokio::task::spawn_blocking(move || shipment::check(&bytes, &to_check, skew_us, super::now_us(), times));
    let checked = work.await.unwrap_or(Err(Fault::Unreadable(BatchError::Wrong { what: "content" })));
    drop(permit);
    if other {
        // A sensor that did not hear that we have a batch may have had to drop its packets; we have them.
        if checked == Ok(0) {
            let known = BatchResponse { known: true, held: None };
            centre.counters.answered(true);
            return Ok(Checked::Answered(json(&known)));
        }
        return Err(conflict(centre, &shipment).await);
    }
    let fault = match checked {
        Ok(packets) => {
            shipment.packets = packets;
            return Ok(Checked::Good(shipment));
        }
        Err(fault) => fault,
    };
    match fault {
        Fault::Time(packets, words) => {
            shipment.packets = packets;
            held(centre, &shipment, &words).await.map(Checked::Answered)
        }
        // Nothing is wrong with it: the sensor keeps it until the older side is updated.
        Fault::Unreadable(error @ BatchError::OtherVersion { .. }) => Err(Refused {
            status: StatusCode::UPGRADE_REQUIRED,
            ..unreadable(&error).again(600)
        }),
        Fault::Unreadable(error) => {
            let refused = unreadable(&error);
            Err(aside(centre, &shipment, refused, &format!("{error}")).await)
        }
        Fault::OtherBatch => {
            let refused = Refused::new(
                StatusCode::BAD_REQUEST,
                "other_batch",
                "the batch is not the one that the path names",
            );
            Err(aside(centre, &shipment, refused, "it is not the batch that the path named").await)
        }
        Fault::OtherSensor(other) => {
            let refused = Refused::new(
                StatusCode::FORBIDDEN,
                "other_sensor",
                "the batch is another sensor's than the certificate",
            )
            .hint("batches made under an earlier name are sent under a certificate of that name");
            Err(aside(centre, &shipment, refused, &format!("it says that it is of sensor {other}")).await)
        }
    }
}

fn unreadable(error: &BatchError) -> Refused {
    let status = StatusCode::BAD_REQUEST;
    // The words are ours and hold nothing but numbers.
    let text = error.to_string();
    let (text, hint) = text
        .split_once("; hint: ")
        .map_or((text.as_str(), None), |(text, hint)| (text, Some(hint.to_owned())));
    let reason = match error {
        BatchError::OtherVersion { .. } => "version",
        BatchError::TooMany { .. } => "bomb",
        BatchError::Cut
        | BatchError::LeftOver { .. }
        | BatchError::NoBatch
        | BatchError::Damaged
        | BatchError::Wrong { .. }
        | BatchError::NotMade { .. } => "unreadable",
    };
    Refused {
        hint,
        ..Refused::new(status, reason, text)
    }
}

/// The same name with other bytes than before.
async fn conflict(centre: &Centre, shipment: &Shipment) -> Refused {
    let refused = Refused::new(StatusCode::CONFLICT, "conflict", "another batch of this name was sent before");
    aside(centre, shipment, refused, "another batch of this name was sent before").await
}

/// Keeps a copy of what is refused, when there is room, and notes the event.
async fn aside(centre: &Centre, shipment: &Shipment, refused: Refused, reason: &str) -> Refused {
    let kept = keep(centre, shipment, false, reason).await;
    let Name { sensor, epoch, number } = &shipment.name;
    let copy = match kept {
        Ok(true) => "a copy is in quarantine",
        Ok(false) => "no copy is kept: its quarantine is full",
        Err(error) => {
            tracing::error!("{error:#}");
            "no copy could be kept"
        }
    };
    let words = format!(
        "batch {epoch:016x}/{number} refused with status {}: {reason}; {copy}",
        refused.status.as_u16()
    );
    tracing::warn!("{sensor}: {words}");
    centre.note(Some(sensor), "refused", &words).await;
    refused
}

async fn keep(centre: &Centre, shipment: &Shipment, held: bool, reason: &str) -> anyhow::Result<bool> {
    let aside = Aside {
        name: &shipment.name,
        bytes: &shipment.bytes,
        packets: shipment.packets,
        held,
        reason,
    };
    quarantine::keep(&centre.store, aside, super::now_secs()).await
}

/// Holds a batch until an operator decides; the sensor need not keep it.
async fn held(centre: &Centre, shipment: &Shipment, words: &str) -> Result<Response, Refused> {
    if !keep(centre, shipment, true, words).await.map_err(|error| Refused::ours(&error))? {
        return Err(Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "quarantine_full",
            "the quarantine has no room for more",
        )
        .again(60));
    }
    let Name { sensor, epoch, number } = &shipment.name;
    let text = format!("batch {epoch:016x}/{number} is held: {words}");
    tracing::warn!("{sensor}: {text}");
    centre.note(Some(sensor), "held", &text).await;
    centre.counters.refused("time");
    Ok(accepted(words.to_owned()))
}

fn accepted(why: String) -> Response {
    let body = BatchResponse {
        known: false,
        held: Some(why),
    };
    (StatusCode::ACCEPTED, json(&body)).into_response()
}

/// Hands a batch over and waits until it is durable.
async fn store(
    centre: &Centre,
    shipment: Shipment,
    room: Option<tokio::sync::OwnedSemaphorePermit>,
    in_flight: InFlight,
) -> Result<Response, Refused> {
    let later = |reason| Refused::new(StatusCode::SERVICE_UNAVAILABLE, reason, "the batch could not be stored now").again(10);
    let hold = Hold {
        room,
        in_flight: Some(in_flight),
    };
    let copy = shipment.clone();
    let receiver = match centre.gather.hand(shipment, hold, Instant::now()) {
        Handed::Waits(receiver) => receiver,
        // The batch with its packets is being stored; whether it was is known the next time.
        Handed::Conflict if copy.packets == 0 => return Err(later("conflict")),
        Handed::Conflict => return Err(conflict(centre, &copy).await),
        Handed::Closed => return Err(later("closing")),
    };
    drop(copy);
    let outcome = tokio::time::timeout(centre.settings.answer_max, receiver).await;
    match outcome {
        Ok(Ok(Outcome::Landed(landed))) => {
            let known = landed == Landed::Known;
            centre.counters.answered(known);
            Ok(json(&BatchResponse { known, held: None }))
        }
        Ok(Ok(Outcome::Held(why))) => Ok(accepted(why)),
        Ok(Ok(Outcome::Later) | Err(_)) => Err(later("lake")),
        Err(_) => Err(later("late")),
    }
}

/// The path under which axum finds [`batch`].
#[must_use]
pub fn route() -> String {
    format!("{}/{{epoch}}/{{number}}", wire::BATCHES_PATH)
}
