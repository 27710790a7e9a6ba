//! CISA's Known Exploited Vulnerabilities catalogue, as JSON as it is published.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use chrono::NaiveDate;
use serde_json::Value;

use crate::period::{Day, YEAR_MAX, YEAR_MIN};
use crate::view::text::is_hidden;

/// The day on which the catalogue began, 2021-11-03, with 287 entries whose numbers go back to 2010.
pub(super) const FIRST_DAY: Day = Day(18_934);
/// Largest file: more than ten times that of August 2025.
pub const FILE_BYTES_MAX: u64 = 16 << 20;
/// Most entries: 1,404 in August 2025, some 200 more a year.
pub const ENTRIES_MAX: usize = 100_000;
/// Entries left out that are named; of further ones only the number is told.
pub const ODD_KEPT_MAX: usize = 5;
/// Longest text that is kept of a field, characters; the longest name of August 2025 has 136.
const FIELD_CHARS_MAX: usize = 300;
/// Longest description that is searched, characters; the longest of August 2025 has 572.
const TEXT_CHARS_MAX: usize = 5_000;
/// Digits of the number of a CVE, by the catalogue's schema.
const CVE_DIGITS: std::ops::RangeInclusive<usize> = 4..=19;

/// Why a catalogue was refused.
#[derive(Debug, thiserror::Error)]
pub enum KevError {
    /// The file cannot be read.
    #[error("could not read the file; hint: is it there, and may it be read?")]
    File(#[source] std::io::Error),
    /// It is too large.
    #[error("the file has more than {FILE_BYTES_MAX} bytes or {ENTRIES_MAX} entries, as no catalogue has; hint: is it the right file?")]
    TooLong,
    /// It is no JSON.
    #[error("the file is no JSON, or ends too early; hint: download it again")]
    Json(#[source] serde_json::Error),
    /// It is other JSON.
    #[error("the file is JSON, but no catalogue: {0}; hint: download known_exploited_vulnerabilities.json as CISA publishes it")]
    Form(&'static str),
}

/// The catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Its version, as it names it.
    pub version: String,
    /// Day of its release.
    pub released: Option<Day>,
    /// Number of entries, as it says.
    pub count: Option<u64>,
    /// Its entries, in its order.
    pub vulnerabilities: Vec<Vulnerability>,
    /// Entries left out.
    pub odd: usize,
    /// The first [`ODD_KEPT_MAX`] of them, and why.
    pub odd_kept: Vec<String>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vulnerability {
    /// `CVE-2018-14847`.
    pub cve: String,
    /// Vendor or project.
    pub vendor: String,
    /// Product.
    pub product: String,
    /// Its name.
    pub name: String,
    /// Name and description in lower case, to be searched.
    pub(super) text: String,
    /// Day on which it was added.
    pub added: Day,
}

impl Vulnerability {
    /// Year of the CVE.
    #[must_use]
    pub fn published(&self) -> Option<i32> {
        self.cve.split('-').nth(1)?.parse().ok()
    }
}

impl Catalogue {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is too large or no catalogue. Single entries that cannot be used are left out, counted
    /// and named.
    pub fn read(path: &Path) -> Result<Catalogue, KevError> {
        let file = File::open(path).map_err(KevError::File)?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(KevError::File)?;
        Catalogue::parse(&bytes)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// As [`Catalogue::read`].
    pub fn parse(bytes: &[u8]) -> Result<Catalogue, KevError> {
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(KevError::TooLong);
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let value: Value = serde_json::from_slice(bytes).map_err(KevError::Json)?;
        let list = value
            .get("vulnerabilities")
            .ok_or(KevError::Form("there is no list of vulnerabilities"))?;
        let list = list.as_array().ok_or(KevError::Form("its vulnerabilities are no list"))?;
        if list.len() > ENTRIES_MAX {
            return Err(KevError::TooLong);
        }
        let version = field(&value, "catalogVersion").ok_or(KevError::Form("it says no version"))?;
        let mut catalogue = Catalogue {
            version,
            released: value.get("dateReleased").and_then(Value::as_str).and_then(day),
            count: value.get("count").and_then(Value::as_u64),
            ..Catalogue::default()
        };
        let mut seen = HashSet::new();
        for (number, entry) in (1..).zip(list) {
            match vulnerability(entry) {
                Ok(one) if seen.insert(one.cve.clone()) => catalogue.vulnerabilities.push(one),
                Ok(one) => catalogue.leave_out(number, &format!("{} is there twice", one.cve)),
                Err(why) => catalogue.leave_out(number, why),
            }
        }
        if catalogue.vulnerabilities.is_empty() && !list.is_empty() {
            return Err(KevError::Form("none of its entries can be read"));
        }
        Ok(catalogue)
    }

    fn leave_out(&mut self, number: usize, why: &str) {
        self.odd += 1;
        if self.odd_kept.len() < ODD_KEPT_MAX {
            self.odd_kept.push(format!("entry {number}: {why}"));
        }
    }
}

fn vulnerability(entry: &Value) -> Result<Vulnerability, &'static str> {
    let cve = field(entry, "cveID").filter(|cve| is_cve(cve)).ok_or("cveID is no CVE")?;
    let vendor = field(entry, "vendorProject").ok_or("vendorProject is missing")?;
    let product = field(entry, "product").ok_or("product is missing")?;
    let name = field(entry, "vulnerabilityName").ok_or("vulnerabilityName is missing")?;
    let added = entry.get("dateAdded").and_then(Value::as_str).and_then(day);
    let added = added.ok_or("dateAdded is no day")?;
    let description = entry.get("shortDescription").and_then(Value::as_str).unwrap_or_default();
    let description = clean(description, TEXT_CHARS_MAX);
    Ok(Vulnerability {
        text: format!("{name}\n{description}").to_lowercase(),
        cve,
        vendor,
        product,
        name,
        added,
    })
}

/// `CVE-2018-14847`.
pub(super) fn is_cve(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_number = |part: Option<&str>, digits: std::ops::RangeInclusive<usize>| {
        part.is_some_and(|part| digits.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    parts.next() == Some("CVE") && is_number(parts.next(), 4..=4) && is_number(parts.next(), CVE_DIGITS) && parts.next().is_none()
}

/// The day that a text begins with, within the years that periods may touch.
fn day(text: &str) -> Option<Day> {
    let date = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    let years = (YEAR_MIN..=YEAR_MAX).contains(&chrono::Datelike::year(&date));
    years.then(|| Day::from_date(date))
}

/// A text, one line, bounded; `None` when it is empty or none.
fn field(value: &Value, key: &str) -> Option<String> {
    let text = clean(value.get(key)?.as_str()?, FIELD_CHARS_MAX);
    (!text.is_empty()).then_some(text)
}

/// One line without what hides.
pub(super) fn clean(text: &str, chars_max: usize) -> String {
    let bounded: String = text.chars().take(chars_max).collect();
    let line = bounded.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars()
        .filter(|letter| !is_hidden(*letter))
        .collect::<String>()
        .trim()
        .to_owned()
}
