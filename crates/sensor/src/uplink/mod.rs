//! Ships batches to the centre over HTTP/2 and mutual TLS, and says how the sensor is.

use serde::Deserialize;

/// Section `[uplink]` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {}
