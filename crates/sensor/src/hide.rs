//! Takes away what would show which addresses a sensor watches, after marks are known.

use serde::Deserialize;

/// Section `[hide]` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {}
