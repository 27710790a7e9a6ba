//! What can go wrong between a sensor and a centre: whose fault it is and what to do about it.

use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

/// Most characters that are taken over from what a peer says.
const WORDS_MAX: usize = 300;

/// Why a centre could not be reached or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Not an address.
    #[error("{text:?} is no centre; hint: https://host:port is one")]
    Address {
        /// What it is.
        text: String,
    },
    /// The name is not known.
    #[error("resolving {host}: {source}; hint: check DNS, or name addresses in uplink.resolve")]
    Resolve {
        /// Name.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// No connection.
    #[error("connecting to {peer}: {source}; hint: is a firewall between, does the collector run")]
    Connect {
        /// `host:port`.
        peer: String,
        /// Why.
        source: io::Error,
    },
    /// The proxy does not let us through.
    #[error("proxy {proxy} does not connect to {centre}: {reason}{}", .hint.map(|hint| format!("; hint: {hint}")).unwrap_or_default())]
    Proxy {
        /// `host:port`.
        proxy: String,
        /// `host:port`.
        centre: String,
        /// Why.
        reason: String,
        /// What to do.
        hint: Option<&'static str>,
    },
    /// The peer is not our centre, or does not take us for its sensor.
    #[error("TLS with {centre}: {source}{}", tls_hint(.source).map(|hint| format!("; hint: {hint}")).unwrap_or_default())]
    Tls {
        /// `host:port`.
        centre: String,
        /// Why.
        source: io::Error,
    },
    /// The connection broke or the peer does not speak HTTP/2.
    #[error("connection to {centre}: {reason}")]
    Lost {
        /// `host:port`.
        centre: String,
        /// Why.
        reason: String,
    },
    /// It took too long.
    #[error("{centre} did not answer {what} within {} s", .after.as_secs())]
    Slow {
        /// `host:port`.
        centre: String,
        /// What it was asked.
        what: &'static str,
        /// How long it was given.
        after: Duration,
    },
    /// An answer that is an error.
    #[error("{centre} answered {status}: {error}{}", .hint.as_ref().map(|hint| format!("; hint: {hint}")).unwrap_or_default())]
    Refused {
        /// `host:port`.
        centre: String,
        /// HTTP status.
        status: u16,
        /// What is wrong.
        error: String,
        /// What to do.
        hint: Option<String>,
    },
    /// An answer that is not understood.
    #[error("{centre} answered {status} with what is no answer of a centre: {reason}; hint: does another program stand between")]
    Garbage {
        /// `host:port`.
        centre: String,
        /// HTTP status.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
}

impl Trouble {
    /// Whether the centre, or the TLS under it, says that it does not want this sensor: only people can change that.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(status, 401 | 403),
            Self::Tls { source, .. } => matches!(rustls_error(source), Some(rustls::Error::AlertReceived(_))),
            Self::Address { .. }
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Proxy { .. }
            | Self::Lost { .. }
            | Self::Slow { .. }
            | Self::Garbage { .. } => false,
        }
    }
}

/// The error of rustls in an I/O error.
fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

/// What to do about an error in a handshake.
fn tls_hint(error: &io::Error) -> Option<&'static str> {
    #[allow(clippy::wildcard_enum_match_arm, reason = "errors of another crate, most of which need no hint")]
    match rustls_error(error)? {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Some("if this sensor's clock is right, the centre's certificate has run out")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Some("is this sensor's clock right"),
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Some("this is not the centre that the sensor was enrolled at; is somebody in between")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Some("the centre's certificate must name this host; see --name of the centre")
            }
            _ => None,
        },
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateExpired => {
                Some("this sensor's certificate has run out; have a new token made and enrol again with --force")
            }
            AlertDescription::CertificateRevoked | AlertDescription::AccessDenied => {
                Some("the centre does not want this sensor any more; ask its operator")
            }
            AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::DecryptError => {
                Some("the centre does not know this sensor's certificate; enrol again with --force")
            }
            _ => Some("the centre refused the connection; ask its operator"),
        },
        rustls::Error::PeerIncompatible(_) => Some("the peer must speak TLS 1.3"),
        _ => None,
    }
}

/// What a peer said, fit for a log: one line, no control signs, bounded.
pub(crate) fn clean(text: &str) -> String {
    let mut words: String = text
        .chars()
        .take(WORDS_MAX)
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .collect();
    if text.chars().nth(WORDS_MAX).is_some() {
        words.push('…');
    }
    words
}

/// An error with all it was caused by, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    if let Some(end) = text.find(": https://") {
        text.truncate(end);
    }
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // Where rustls explains an error to programmers, it is of no use to operators.
        let words = words.split(": https://").next().unwrap_or_default().to_owned();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    clean(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_cannot_spoil_a_log() {
        assert_eq!(clean("a\x1b[2J\nb"), "a [2J b");
        assert_eq!(clean(&"x".repeat(301)).chars().count(), 301);
        assert!(clean(&"x".repeat(301)).ends_with('…'));
        assert!(!clean(&"x".repeat(300)).ends_with('…'));
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_without_addresses_for_programmers() {
        let inner = io::Error::other("peer closed: https://docs.example/a#b");
        assert_eq!(chain(&inner), "peer closed");
        let host = "a.example".to_owned();
        let outer = Trouble::Resolve {
            host,
            source: io::Error::other("no answer"),
        };
        assert_eq!(
            chain(&outer),
            "resolving a.example: no answer; hint: check DNS, or name addresses in uplink.resolve"
        );
    }
}
