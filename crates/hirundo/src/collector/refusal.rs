//! Answers that are errors: a status, words that give nothing away, and what to do about it.

use axum::response::{IntoResponse, Response};
use hirundo_packet::wire;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Status.
    pub status: StatusCode,
    /// What is wrong.
    pub error: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// When to try again, seconds.
    pub again_secs: Option<u64>,
    /// Short name of the reason, for counting.
    pub reason: &'static str,
}

impl Refused {
    /// With a status, the reason's short name, and words.
    #[must_use]
    pub fn new(status: StatusCode, reason: &'static str, error: impl Into<String>) -> Refused {
        Refused {
            status,
            error: error.into(),
            hint: None,
            again_secs: None,
            reason,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Refused {
        self.hint = Some(hint.into());
        self
    }

    /// When to try again.
    #[must_use]
    pub fn again(mut self, secs: u64) -> Refused {
        self.again_secs = Some(secs);
        self
    }

    /// Something on our side; what it is stands in our log only.
    #[must_use]
    pub fn ours(error: &anyhow::Error) -> Refused {
        tracing::error!("{error:#}");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Refused::new(status, "trouble", "the centre is in trouble").again(30)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = wire::Refusal {
            error: self.error,
            hint: self.hint,
        };
        let mut headers = HeaderMap::new();
        if let Some(secs) = self.again_secs {
            headers.insert(RETRY_AFTER, HeaderValue::from(secs));
        }
        (self.status, headers, json(&body)).into_response()
    }
}

/// A body of JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Response {
    // Our own answers hold only text and numbers, which always serialise.
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
}
