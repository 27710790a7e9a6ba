//! Where frames come from: a live interface or a capture file, one path for both.

use serde::Deserialize;

/// Section `[capture]` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {}
