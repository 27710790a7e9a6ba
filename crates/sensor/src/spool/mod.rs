//! Batches on disk until the centre has them: journal, sealed files, bounds, counts of what was lost.

use serde::Deserialize;

/// Section `[spool]` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {}
