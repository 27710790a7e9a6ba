//! Host investigations: reads what Shodan and Censys say of source addresses, and which devices may be there. It never looks itself.
//!
//! Layouts, told by content, plain or gzip, as JSON lines, a list, or one document:
//! - Shodan: banners (bulk export, stream, `matches` of a search), hosts with their `data`;
//! - InternetDB: `{ip, ports, cpes, hostnames, tags, vulns}`, which gives no date;
//! - Censys: hosts of Search v2 (`result`, `result.hits`) and of the Platform (`result.resource`, `result.hits[].host_v1.resource`).
//!
//! [`Investigation::take`] reads a file and classifies each record as it comes; [`shares`] and [`rows`] give what is published
//! and stored. Addresses of which nothing answered are known, but no part of a share's whole.

mod censys;
mod class;
mod classify;
mod evidence;
mod host;
mod json;
mod read;
mod recog;
mod record;
mod rule;
mod share;
mod shodan;
mod simulate;

pub use class::Class;
pub use classify::{ADDRESSES_MAX, Classifier, Investigation, InvestigationError};
pub use evidence::{Candidates, Confidence, EVIDENCE_MAX, Evidence};
pub use host::{BANNERS_MAX, Banner, FIELD_BYTES_MAX, Host, NAMES_MAX, Provider, TEXT_BYTES_MAX, cpe_name};
pub use read::{BAD_KEPT_MAX, Bad, FILE_BYTES_MAX, ReadError, Summary, read};
pub use recog::{FILES_MAX, FINGERPRINTS_MAX, INPUT_BYTES_MAX, Identity, Recog, RecogError, Refused, XML_BYTES_MAX};
pub use record::RECORD_BYTES_MAX;
pub use rule::{DeviceTable, RULES_MAX, TABLE_BYTES_MAX, TableError};
pub use share::{Row, Share, rows, shares};
pub use simulate::simulate;
