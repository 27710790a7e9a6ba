//! What a sensor and a collector say to each other over HTTP: paths, headers, limits and JSON bodies, version 1.
//!
//! Pure data; who sends and receives it is elsewhere. Every request but enrolment is made under the sensor's
//! certificate, whose name counts whatever the body says.

use serde::{Deserialize, Serialize};

/// Version of this protocol; a peer with another one is refused with both numbers.
pub const VERSION: u32 = 1;

/// `POST`, server-authenticated only: [`EnrollRequest`] to [`EnrollResponse`].
pub const ENROLL_PATH: &str = "/v1/enroll";
/// `POST`, mTLS: [`RenewRequest`] to [`EnrollResponse`].
pub const RENEW_PATH: &str = "/v1/renew";
/// `POST`, mTLS: [`Heartbeat`] to [`HeartbeatResponse`].
pub const HEARTBEAT_PATH: &str = "/v1/heartbeat";
/// `GET`: [`TimeResponse`], without a certificate too.
pub const TIME_PATH: &str = "/v1/time";
/// `POST`, mTLS: a batch as encoded by `packet::batch`; see [`batch_path`].
pub const BATCHES_PATH: &str = "/v1/batches";

/// Request header: the sensor's clock when it began to send, microseconds since 1970.
pub const SENT_HEADER: &str = "hirundo-sent-us";
/// Response header: the centre's clock, microseconds since 1970.
pub const NOW_HEADER: &str = "hirundo-now-us";
/// Request header: version of the sensor's software.
pub const SOFTWARE_HEADER: &str = "hirundo-software";
/// Request header: [`VERSION`] of the sender.
pub const VERSION_HEADER: &str = "hirundo-wire";

/// Most bytes of a JSON body.
pub const JSON_BYTES_MAX: usize = 64 << 10;
/// Most bytes of a sensor's name.
pub const NAME_BYTES_MAX: usize = 63;
/// Most batches a sensor has on the way at a time.
pub const IN_FLIGHT_MAX: usize = 64;
/// Prefix of the URI in a sensor's certificate (subject alternative name); the name follows.
pub const SENSOR_URI: &str = "hirundo:sensor:";
/// Begin of every token, so that people recognise one.
pub const TOKEN_PREFIX: &str = "hirundo1.";

/// Path of a batch.
#[must_use]
pub fn batch_path(epoch: u64, number: u64) -> String {
    format!("{BATCHES_PATH}/{epoch:016x}/{number}")
}

/// Whether a text may be a sensor's name: letters, digits, `-` and `_`, 1 to [`NAME_BYTES_MAX`], no sign first.
#[must_use]
pub fn is_sensor_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

/// What a token holds: base64url (no padding) of this as JSON, after [`TOKEN_PREFIX`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// [`VERSION`].
    pub version: u32,
    /// Where collectors are: `https://host:port`, at least one.
    pub centres: Vec<String>,
    /// Name under which the sensor is known.
    pub sensor: String,
    /// SHA-256 of the CA's certificate (DER), hexadecimal: how the sensor knows that it talks to its centre.
    pub ca_sha256: String,
    /// What is good for one enrolment, 32 random bytes, hexadecimal. Never logged.
    pub secret: String,
}

/// Asks for the first certificate.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollRequest {
    /// [`VERSION`].
    pub version: u32,
    /// Name in the token.
    pub sensor: String,
    /// Secret in the token.
    pub secret: String,
    /// Certificate signing request, PEM. Only its public key counts.
    pub csr: String,
    /// Version of the sensor's software.
    pub software: String,
}

/// Asks for the next certificate, under the one that still holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    /// [`VERSION`].
    pub version: u32,
    /// Certificate signing request, PEM. Only its public key counts.
    pub csr: String,
    /// Version of the sensor's software.
    pub software: String,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrollResponse {
    /// [`VERSION`].
    pub version: u32,
    /// Name it is for.
    pub sensor: String,
    /// Certificate, PEM.
    pub certificate: String,
    /// Certificates of the centre's CAs that count, PEM, one after the other.
    pub ca: String,
    /// Where collectors are, `https://host:port`; replaces what the token said.
    pub centres: Vec<String>,
    /// From when on it does not hold any more, seconds since 1970.
    pub not_after_secs: i64,
}

/// How a sensor is, once a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// [`VERSION`].
    pub version: u32,
    /// Version of the sensor's software.
    pub software: String,
    /// The sensor's clock, microseconds since 1970.
    pub now_us: i64,
    /// Epoch of this run.
    pub epoch: u64,
    /// When this run began, microseconds since 1970.
    pub started_us: i64,
    /// Totals of this run: frames seen.
    pub seen: u64,
    /// … packets kept.
    pub kept: u64,
    /// … frames the kernel dropped.
    pub dropped_kernel: u64,
    /// … packets the spool dropped.
    pub dropped_spool: u64,
    /// … frames missed while the sensor was not running, as found at this start.
    pub missed: u64,
    /// Batches that wait in the spool.
    pub spool_batches: u64,
    /// Their bytes.
    pub spool_bytes: u64,
    /// Since when the oldest of them waits, microseconds since 1970; 0 without one.
    pub spool_oldest_us: i64,
    /// Most bytes the spool may hold.
    pub spool_bytes_max: u64,
    /// Batches that the centre refused, in all.
    pub rejected: u64,
    /// Fill of the ring at its worst in the last minute, thousandths.
    pub ring_fill_permille: u16,
    /// Whether destination addresses are hidden.
    pub hidden: bool,
    /// Whether the clock is synchronised, where the kernel says so.
    pub clock_synchronised: Option<bool>,
}

/// Answer to a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatResponse {
    /// The centre's clock, microseconds since 1970.
    pub now_us: i64,
    /// Something the operator of the sensor should know, in words.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// The centre's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeResponse {
    /// Microseconds since 1970.
    pub now_us: i64,
}

/// Answer to a batch with status 200 (stored, now or before) or 202 (held in quarantine).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchResponse {
    /// It was stored before.
    #[serde(default)]
    pub known: bool,
    /// Why it is held, with status 202.
    #[serde(default)]
    pub held: Option<String>,
}

/// Body of every answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong, in words that give nothing away.
    pub error: String,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
}

/// What an answer's status means for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Durable at the centre: delete it.
    Stored,
    /// Will never be taken: set it aside and count it.
    Rejected,
    /// Not now: keep it, wait, send it again.
    Again,
}

/// What an HTTP status means for a batch that was sent.
#[must_use]
pub fn verdict(status: u16) -> Verdict {
    match status {
        200 | 202 => Verdict::Stored,
        // What a batch itself is to blame for. 401 and 403 are about the sender, who may be enrolled again.
        400 | 409 | 413 | 415 | 422 => Verdict::Rejected,
        _ => Verdict::Again,
    }
}

impl std::fmt::Debug for EnrollRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EnrollRequest")
            .field("sensor", &self.sensor)
            .finish_non_exhaustive()
    }
}
