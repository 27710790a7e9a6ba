//! The other requests of sensors: enrolment, renewal, heartbeats, the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hirundo_packet::wire::{
    self, EnrollRequest, EnrollResponse, Heartbeat, HeartbeatResponse, JSON_BYTES_MAX, NOW_HEADER, RenewRequest, SENT_HEADER, TimeResponse,
    VERSION_HEADER,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::authority::SensorCertificate;
use super::body;
use super::centre::Centre;
use super::intake;
use super::peer::Peer;
use super::refusal::{Refused, json};
use crate::store::tokens::{Issue, TokenRefusal};

/// Longest text of a version of software, bytes.
const SOFTWARE_BYTES_MAX: usize = 64;

/// Everything a sensor may ask.
pub fn router(centre: Arc<Centre>) -> Router {
    Router::new()
        .route(wire::ENROLL_PATH, post(enroll))
        .route(wire::RENEW_PATH, post(renew))
        .route(wire::HEARTBEAT_PATH, post(heartbeat))
        .route(wire::TIME_PATH, get(time))
        .route(&intake::route(), post(intake::batch))
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(axum::middleware::map_response(stamp))
        .with_state(centre)
}

/// Every answer bears our time.
async fn stamp(mut response: Response) -> Response {
    response.headers_mut().insert(NOW_HEADER, HeaderValue::from(super::now_us()));
    response
}

async fn nothing() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "path", "there is nothing here")
        .hint("sensor and centre may be of different versions: compare hirundo-sensor --version and hirundo --version")
}

/// Whether both sides speak the same version; a sender that says none is believed. The status lets a sensor keep the batch
/// until the older side is updated.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), Refused> {
    match headers.get(VERSION_HEADER) {
        None => Ok(()),
        Some(value) if value.to_str().ok().and_then(|text| text.parse().ok()) == Some(wire::VERSION) => Ok(()),
        Some(value) => {
            let found: String = value.to_str().unwrap_or("?").chars().take(10).collect();
            let refused = other_version(&found).again(600);
            Err(Refused {
                status: StatusCode::UPGRADE_REQUIRED,
                ..refused
            })
        }
    }
}

fn other_version(found: &str) -> Refused {
    let ours = wire::VERSION;
    Refused::new(
        StatusCode::BAD_REQUEST,
        "version",
        format!("the sensor speaks version {found} and the centre version {ours}"),
    )
    .hint("update the older of sensor and centre")
}

/// Takes note of the sensor's clock.
pub(super) fn observe_clock(centre: &Centre, sensor: &str, headers: &HeaderMap) {
    let sent_us = headers
        .get(SENT_HEADER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    if let Some(sent_us) = sent_us {
        centre.clocks.observe(sensor, sent_us, super::now_us(), Instant::now());
    }
}

async fn read_json<T: DeserializeOwned>(centre: &Centre, body: Body) -> Result<T, Refused> {
    let mut patience = centre.settings.patience;
    patience.grace = patience.grace.min(Duration::from_secs(10));
    let read = body::read(body, JSON_BYTES_MAX, &centre.budget, patience).await?;
    let wrong = |_| {
        Refused::new(StatusCode::BAD_REQUEST, "json", "the body is not what is expected here")
            .hint("sensor and centre may be of different versions")
    };
    // The version first: a later one may have other fields.
    let spoken: Spoken = serde_json::from_slice(&read.bytes).map_err(wrong)?;
    if spoken.version != wire::VERSION {
        return Err(other_version(&spoken.version.to_string()));
    }
    serde_json::from_slice(&read.bytes).map_err(wrong)
}

/// What every request says first.
#[derive(Deserialize)]
struct Spoken {
    version: u32,
}

/// A version of software as we keep it: short, and nothing but plain characters.
fn software(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(SOFTWARE_BYTES_MAX)
        .collect()
}

fn counted(centre: &Centre, answer: Result<Response, Refused>) -> Response {
    answer.unwrap_or_else(|refused| {
        centre.counters.refused(refused.reason);
        refused.into_response()
    })
}

async fn time(State(_): State<Arc<Centre>>) -> Response {
    json(&TimeResponse { now_us: super::now_us() })
}

async fn enroll(State(centre): State<Arc<Centre>>, Extension(peer): Extension<Arc<Peer>>, body: Body) -> Response {
    let answer = try_enroll(&centre, &peer, body).await;
    counted(&centre, answer)
}

async fn try_enroll(centre: &Centre, peer: &Peer, body: Body) -> Result<Response, Refused> {
    let _call = centre.call(&peer.address.to_string())?;
    let request: EnrollRequest = read_json(centre, body).await?;
    let unknown = || refusal_of(TokenRefusal::Unknown);
    if !wire::is_sensor_name(&request.sensor) {
        return Err(unknown());
    }
    let certificate = certify(centre, &request.csr, &request.sensor)?;
    let issue = Issue {
        serial: &certificate.serial,
        ends_secs: certificate.ends_secs,
    };
    let enrolled = centre.store.enrol(&request.sensor, &request.secret, issue, super::now_secs()).await;
    if let Err(refusal) = enrolled.map_err(|error| Refused::ours(&error))? {
        if refusal != TokenRefusal::Unknown {
            let words = format!("an enrolment was refused: {}", refusal_of(refusal).error);
            centre.note(Some(&request.sensor), "refused", &words).await;
        }
        return Err(refusal_of(refusal));
    }
    let words = format!("enrolled with software {}", software(&request.software));
    centre.note(Some(&request.sensor), "enrolled", &words).await;
    answer(centre, &request.sensor, certificate).await
}

fn refusal_of(refusal: TokenRefusal) -> Refused {
    let why = match refusal {
        TokenRefusal::Unknown => "the centre does not know this token",
        TokenRefusal::Used => "the token was used before",
        TokenRefusal::Over => "the token's time is over",
        TokenRefusal::Revoked => "the sensor is revoked",
    };
    Refused::new(StatusCode::FORBIDDEN, "token", why).hint("ask the centre for a new token: hirundo sensor token NAME")
}

fn certify(centre: &Centre, csr: &str, sensor: &str) -> Result<SensorCertificate, Refused> {
    let made = centre.authority.certify_sensor(csr, sensor, super::now_secs());
    made.map_err(|error| {
        tracing::info!("{sensor}: {error:#}");
        Refused::new(StatusCode::BAD_REQUEST, "csr", "the certificate signing request is not good")
            .hint("it needs a key of ECDSA P-256, P-384 or Ed25519, and to be signed with it")
    })
}

async fn answer(centre: &Centre, sensor: &str, certificate: SensorCertificate) -> Result<Response, Refused> {
    let own = centre.store.centre().await.map_err(|error| Refused::ours(&error))?;
    Ok(json(&EnrollResponse {
        version: wire::VERSION,
        sensor: sensor.to_owned(),
        certificate: certificate.pem,
        ca: centre.authority.pem().to_owned(),
        centres: own.addresses,
        not_after_secs: certificate.ends_secs,
    }))
}

async fn renew(State(centre): State<Arc<Centre>>, Extension(peer): Extension<Arc<Peer>>, headers: HeaderMap, body: Body) -> Response {
    let answer = try_renew(&centre, &peer, &headers, body).await;
    counted(&centre, answer)
}

async fn try_renew(centre: &Centre, peer: &Peer, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    let (identity, _) = centre.admit(peer).await?;
    let _call = centre.call(&identity.name)?;
    observe_clock(centre, &identity.name, headers);
    let request: RenewRequest = read_json(centre, body).await?;
    let certificate = certify(centre, &request.csr, &identity.name)?;
    let issue = Issue {
        serial: &certificate.serial,
        ends_secs: certificate.ends_secs,
    };
    let renewed = centre.store.renew(&identity.name, issue, super::now_secs()).await;
    if !renewed.map_err(|error| Refused::ours(&error))? {
        return Err(refusal_of(TokenRefusal::Revoked));
    }
    let words = format!("certificate renewed with software {}", software(&request.software));
    centre.note(Some(&identity.name), "renewed", &words).await;
    answer(centre, &identity.name, certificate).await
}

async fn heartbeat(State(centre): State<Arc<Centre>>, Extension(peer): Extension<Arc<Peer>>, headers: HeaderMap, body: Body) -> Response {
    let answer = try_heartbeat(&centre, &peer, &headers, body).await;
    counted(&centre, answer)
}

async fn try_heartbeat(centre: &Centre, peer: &Peer, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    let (identity, _) = centre.admit(peer).await?;
    let _call = centre.call(&identity.name)?;
    observe_clock(centre, &identity.name, headers);
    let mut beat: Heartbeat = read_json(centre, body).await?;
    beat.software = software(&beat.software);
    let skew_us = centre.clocks.skew_us(&identity.name);
    let beaten = centre.store.beat(&identity.name, &beat, skew_us, super::now_secs()).await;
    beaten.map_err(|error| Refused::ours(&error))?;
    Ok(json(&HeartbeatResponse {
        now_us: super::now_us(),
        notes: super::health::notes(&beat, skew_us),
    }))
}
