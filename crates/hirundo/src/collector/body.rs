//! Reading the body of a request: as much as is allowed, as fast as is decent, into memory that is there.

use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use super::limits::Budget;
use super::refusal::Refused;

/// How patient reading is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Longest silence.
    pub silence_max: Duration,
    /// Time that every body has, however slow.
    pub grace: Duration,
    /// Beyond it, bytes a second that must have come on average. Low: 64 batches may share a slow line.
    pub bytes_a_second_min: u64,
    /// Longest wait for memory.
    pub memory_wait: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            silence_max: Duration::from_secs(20),
            grace: Duration::from_secs(30),
            bytes_a_second_min: 256,
            memory_wait: Duration::from_secs(5),
        }
    }
}

/// A body, and the memory it was given.
#[derive(Debug)]
pub struct Read {
    /// The bytes.
    pub bytes: Bytes,
    /// Their memory; given back when dropped.
    pub room: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `bytes_max`. Memory is taken as the bytes come, so that who announces much and sends little
/// has little.
///
/// # Errors
/// When it is too long, too slow, cut short, or there is no memory for it now.
pub async fn read(body: Body, bytes_max: usize, budget: &Budget, patience: Patience) -> Result<Read, Refused> {
    let begun = Instant::now();
    let mut body = body;
    let mut bytes = Vec::new();
    let mut room: Option<OwnedSemaphorePermit> = None;
    let mut roomy = 0;
    loop {
        let allowed = patience.grace + Duration::from_secs(bytes.len() as u64 / patience.bytes_a_second_min.max(1));
        let left = allowed.saturating_sub(begun.elapsed()).min(patience.silence_max);
        let frame = match tokio::time::timeout(left, body.frame()).await {
            Err(_) => return Err(slow()),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(cut()),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > bytes_max {
            return Err(long(bytes_max));
        }
        if bytes.len() + data.len() > roomy {
            let more = data.len().max(ROOM_BYTES);
            let taken = budget.take(more, patience.memory_wait).await.ok_or_else(full)?;
            match room.as_mut() {
                Some(room) => room.merge(taken),
                None => room = Some(taken),
            }
            roomy += more;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Read {
        bytes: Bytes::from(bytes),
        room,
    })
}

/// Memory is taken in steps of this, bytes.
const ROOM_BYTES: usize = 16 << 10;

fn slow() -> Refused {
    Refused::new(StatusCode::REQUEST_TIMEOUT, "slow", "the body came too slowly").again(5)
}

fn cut() -> Refused {
    // Nobody hears this most likely: the connection or the stream is gone.
    Refused::new(StatusCode::REQUEST_TIMEOUT, "cut", "the body was cut short").again(1)
}

/// A body is longer than is allowed.
pub(super) fn long(bytes_max: usize) -> Refused {
    Refused::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "oversized",
        format!("the body has more than {bytes_max} bytes"),
    )
}

fn full() -> Refused {
    Refused::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "memory",
        "the centre has no memory for more right now",
    )
    .again(5)
}
