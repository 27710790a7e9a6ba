//! A file of regions or ASes: its date, its kind, whose it is, and its ranges.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};

use super::delimited::{self, DelimitedError};
use super::mmdb::{self, MmdbError};
use super::span::{Span, flatten};

/// Largest database file, 1 GiB; the largest free ones have about 200 MB.
const DATABASE_BYTES_MAX: u64 = 1 << 30;

/// Most ranges of one database; today's largest have a few million.
pub(super) const RANGES_MAX: usize = 1 << 23;

/// Most ASes whose names are kept; about 120,000 are assigned.
const NAMES_MAX: usize = 1 << 20;

/// Longest name of an AS that is kept, longer ones are cut.
const NAME_CHARS_MAX: usize = 120;

/// Days from 0001-01-01, day 1 of the common era, to 1970-01-01.
const EPOCH_FROM_CE_DAYS: i32 = 719_163;

/// What an MMDB file's metadata begins with; it stands in the last 128 KiB of the file.
const MMDB_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// A database that was loaded, for the appendix of reports and the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The file.
    pub file: PathBuf,
    /// The day whose state it tells, in days since 1970-01-01.
    pub day: i32,
    /// How that day is known.
    pub dated: Dated,
    /// Whether it locates addresses in regions.
    pub has_regions: bool,
    /// Whether it knows the AS of addresses.
    pub has_ases: bool,
    /// Its type as its metadata says; empty for text.
    pub database_type: String,
    /// Whose it is, with the credit that its licence asks for; `unknown` when the file does not tell.
    pub source: &'static str,
    /// Its licence; `unknown` when the file does not tell.
    pub licence: &'static str,
    /// Ranges of addresses in it.
    pub ranges: usize,
    /// Lines of a text database that could not be read.
    pub bad_lines: usize,
    /// The first of them: its number from 1, and what is wrong with it.
    pub first_bad: Option<(usize, &'static str)>,
}

/// How the day of a database is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dated {
    /// The user gave it (`PATH@2022-04-01`).
    Given,
    /// The build date in its metadata.
    Metadata,
    /// A date in the file's name.
    FileName,
}

impl Version {
    /// Its day as `2022-04-01`.
    #[must_use]
    pub fn date(&self) -> String {
        NaiveDate::from_num_days_from_ce_opt(self.day.saturating_add(EPOCH_FROM_CE_DAYS))
            .map_or_else(|| format!("day {}", self.day), |date| date.format("%Y-%m-%d").to_string())
    }

    /// What its records say: `region`, `AS` or `region, AS`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match (self.has_regions, self.has_ases) {
            (true, true) => "region, AS",
            (true, false) => "region",
            (false, true) => "AS",
            (false, false) => "nothing",
        }
    }
}

/// Ranges with a region or an AS, sorted and disjoint in each list.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) region_v4: Vec<Span<u16>>,
    pub(super) region_v6: Vec<Span<u16>>,
    pub(super) asn_v4: Vec<Span<u32>>,
    pub(super) asn_v6: Vec<Span<u32>>,
}

impl Spans {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.region_v4.len() + self.region_v6.len() + self.asn_v4.len() + self.asn_v6.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorted and disjoint.
    pub(super) fn flattened(self) -> Spans {
        Spans {
            region_v4: flatten(self.region_v4),
            region_v6: flatten(self.region_v6),
            asn_v4: flatten(self.asn_v4),
            asn_v6: flatten(self.asn_v6),
        }
    }
}

/// Names of ASes.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<u32, Box<str>>);

impl Names {
    /// Keeps the first name that is given for an AS.
    pub(super) fn add(&mut self, asn: u32, name: &str) {
        if !name.is_empty() && self.0.len() < NAMES_MAX && !self.0.contains_key(&asn) {
            let clean = name.chars().filter(|char| !char.is_control()).take(NAME_CHARS_MAX);
            self.0.insert(asn, clean.collect::<String>().into_boxed_str());
        }
    }

    /// Takes over the names that are not known yet.
    pub(super) fn extend(&mut self, other: Names) {
        for (asn, name) in other.0 {
            self.add(asn, &name);
        }
    }

    /// The name of an AS.
    pub(super) fn get(&self, asn: u32) -> Option<&str> {
        self.0.get(&asn).map(AsRef::as_ref)
    }
}

/// A loaded database.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) version: Version,
    pub(super) spans: Spans,
    pub(super) names: Names,
}

/// Why a database was refused.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Not readable.
    #[error("it cannot be read: {source}")]
    Read {
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Over the limit.
    #[error("the file is larger than {max} bytes")]
    TooLarge {
        /// The limit.
        max: u64,
    },
    /// Still compressed.
    #[error("the file is compressed; hint: unpack it first")]
    Compressed,
    /// A date that does not exist.
    #[error("{text:?} is no date; hint: write PATH@2022-04-01")]
    BadDate {
        /// What stood behind the `@`.
        text: String,
    },
    /// Nothing tells its date.
    #[error("neither its metadata nor its name tells the day it is from; hint: write PATH@2022-04-01")]
    NoDate,
    /// Refused by the MMDB reader.
    #[error(transparent)]
    Mmdb(#[from] MmdbError),
    /// Refused by the reader of text databases.
    #[error(transparent)]
    Delimited(#[from] DelimitedError),
}

/// Splits `PATH@2022-04-01` into the path and the day (days since 1970); an `@` without a date behind it
/// belongs to the path.
///
/// # Errors
/// When what stands behind the `@` is written like a date but is none.
pub(super) fn split_date(text: &str) -> Result<(&Path, Option<i32>), DatabaseError> {
    let Some((path, date)) = text.rsplit_once('@') else {
        return Ok((Path::new(text), None));
    };
    let is_date_like = date.len() >= 8 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if !is_date_like {
        return Ok((Path::new(text), None));
    }
    let bad = || DatabaseError::BadDate { text: date.to_owned() };
    Ok((Path::new(path), Some(day_of(date).ok_or_else(bad)?)))
}

/// Loads a database, told by its content.
///
/// # Errors
/// When it cannot be read, is damaged, or nothing tells its date.
pub(super) fn load(path: &Path, given: Option<i32>) -> Result<Database, DatabaseError> {
    let bytes = read_limited(path, DATABASE_BYTES_MAX)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if bytes.starts_with(b"\x1f\x8b") || bytes.starts_with(b"PK\x03\x04") {
        return Err(DatabaseError::Compressed);
    }
    let tail = bytes.get(bytes.len().saturating_sub(128 << 10)..).unwrap_or_default();
    let is_mmdb = name.ends_with(".mmdb") || tail.windows(MMDB_MARKER.len()).any(|window| window == MMDB_MARKER);
    let mut built = None;
    let mut database_type = String::new();
    let (mut bad_lines, mut first_bad) = (0, None);
    let (spans, names) = if is_mmdb {
        let content = mmdb::read(&bytes)?;
        built = day_of_epoch(content.build_epoch);
        database_type = content.database_type;
        (content.spans.flattened(), content.names)
    } else {
        let content = delimited::read(&bytes)?;
        (bad_lines, first_bad) = (content.bad_lines, content.first_bad);
        (content.spans, content.names)
    };
    let by = |dated| move |day| (day, dated);
    let (day, dated) = given
        .map(by(Dated::Given))
        .or_else(|| built.map(by(Dated::Metadata)))
        .or_else(|| day_in_name(&name).map(by(Dated::FileName)))
        .ok_or(DatabaseError::NoDate)?;
    let (source, licence) = credit(&name.to_lowercase(), &database_type.to_lowercase());
    let version = Version {
        file: path.to_owned(),
        day,
        dated,
        has_regions: !(spans.region_v4.is_empty() && spans.region_v6.is_empty()),
        has_ases: !(spans.asn_v4.is_empty() && spans.asn_v6.is_empty()),
        database_type,
        source,
        licence,
        ranges: spans.len(),
        bad_lines,
        first_bad,
    };
    Ok(Database { version, spans, names })
}

/// A file's bytes, up to a limit.
pub(super) fn read_limited(path: &Path, max: u64) -> Result<Vec<u8>, DatabaseError> {
    let failed = |source| DatabaseError::Read { source };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > max {
        return Err(DatabaseError::TooLarge { max });
    }
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err(DatabaseError::TooLarge { max });
    }
    Ok(bytes)
}

/// An AS number as `2907` or `AS2907`.
pub(super) fn asn_of(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text);
    // `parse` would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The day (since 1970) of `2022-04-01` or `20220401`.
fn day_of(text: &str) -> Option<i32> {
    let form = if text.contains('-') { "%Y-%m-%d" } else { "%Y%m%d" };
    let date = NaiveDate::parse_from_str(text, form).ok()?;
    (1990..2100)
        .contains(&date.year())
        .then(|| date.num_days_from_ce() - EPOCH_FROM_CE_DAYS)
}

/// The day of seconds since 1970; `None` for 0 and for what lies beyond the year 2100, which no builder's
/// clock says in earnest.
fn day_of_epoch(seconds: u64) -> Option<i32> {
    let day = i32::try_from(seconds / 86_400).ok()?;
    (1..47_482).contains(&day).then_some(day)
}

/// The first date in a file's name.
fn day_in_name(name: &str) -> Option<i32> {
    let dashed = (0..name.len()).filter_map(|at| name.get(at..at + 10)).find_map(|text| {
        let is_date = text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        is_date.then(|| day_of(text)).flatten()
    });
    let runs = || name.split(|char: char| !char.is_ascii_digit());
    dashed.or_else(|| runs().filter_map(|run| run.get(..8)).find_map(day_of))
}

/// Whose a database is and its licence, told by its file's name and its type (both in lower case).
fn credit(name: &str, database_type: &str) -> (&'static str, &'static str) {
    let stem = name.split('.').next().unwrap_or_default();
    if name.contains("geo-whois-asn-country") {
        (
            "ip-location-db geo-whois-asn-country; WHOIS and registry data by the NRO (nro.net)",
            "CC0-1.0; NRO data CC-BY-4.0",
        )
    } else if name.contains("iptoasn") || name.starts_with("ip2asn") {
        ("IPtoASN (iptoasn.com)", "PDDL-1.0")
    } else if matches!(stem, "asn" | "asn-ipv4" | "asn-ipv6" | "asn-ipv4-num" | "asn-ipv6-num") {
        (
            "RouteViews (routeviews.org), NRO (nro.net), IP Geolocation by DB-IP (db-ip.com), merged by ip-location-db",
            "CC-BY-4.0",
        )
    } else if database_type.starts_with("geolite2") {
        (
            "GeoLite2 data created by MaxMind (www.maxmind.com)",
            "GeoLite2 EULA, not to be redistributed",
        )
    } else if database_type.starts_with("geoip") {
        ("GeoIP2 by MaxMind (www.maxmind.com)", "commercial")
    } else if database_type.starts_with("dbip") {
        let free = database_type.contains("lite");
        ("IP Geolocation by DB-IP (db-ip.com)", if free { "CC-BY-4.0" } else { "commercial" })
    } else if database_type.contains("ipinfo") || name.contains("ipinfo") {
        ("IPinfo (ipinfo.io)", "CC-BY-SA-4.0 (free editions)")
    } else if name.contains("pfx2as") {
        (
            "RouteViews prefix-to-AS mapping by CAIDA (caida.org)",
            "CAIDA acceptable use agreement",
        )
    } else {
        ("unknown", "unknown")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_behind_the_path_is_split_off() {
        let check = |text: &str, path: &str, day: Option<i32>| {
            assert_eq!(split_date(text).unwrap(), (Path::new(path), day), "{text}");
        };
        check("a.mmdb", "a.mmdb", None);
        check("a.mmdb@1990-01-01", "a.mmdb", Some(7305));
        check("a.mmdb@2022-04-01", "a.mmdb", Some(19_083));
        check("a.mmdb@20220401", "a.mmdb", Some(19_083));
        check("node_modules/@scope/a.mmdb", "node_modules/@scope/a.mmdb", None);
        check("@scope/a@2022-04-01", "@scope/a", Some(19_083));
        for bad in ["a@2022-13-01", "a@2022-02-30", "a@99999999", "a@0000-00-00"] {
            assert!(matches!(split_date(bad), Err(DatabaseError::BadDate { .. })), "{bad}");
        }
    }

    #[test]
    fn a_name_can_tell_the_date() {
        let check = |name: &str, day: Option<i32>| assert_eq!(day_in_name(name), day, "{name}");
        check("asn-ipv4.2022-04-01.csv", Some(19_083));
        check("routeviews-rv2-20220401-1200.pfx2as", Some(19_083));
        check("dbip-country-lite-2022-04.mmdb", None);
        check("asn-ipv4.csv", None);
        check("日本-2022-04-01.csv", Some(19_083));
        check("123456789012", None);
    }

    #[test]
    fn absurd_build_dates_are_no_dates() {
        assert_eq!(day_of_epoch(0), None);
        assert_eq!(day_of_epoch(1_648_771_200), Some(19_083));
        assert_eq!(day_of_epoch(u64::MAX), None);
        assert_eq!(day_of_epoch(i64::MAX as u64), None);
    }

    #[test]
    fn as_numbers_are_digits() {
        assert_eq!(asn_of("AS2907"), Some(2907));
        assert_eq!(asn_of("2907"), Some(2907));
        for bad in ["", "AS", "+1", "-1", "4294967296", "AS 1", "JP"] {
            assert_eq!(asn_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_are_kept_once_cut_and_clean() {
        let mut names = Names::default();
        names.add(1, "");
        names.add(1, "one\n");
        names.add(1, "uno");
        names.add(2, &"x".repeat(1000));
        assert_eq!(names.get(1), Some("one"));
        assert_eq!(names.get(2).map(str::len), Some(NAME_CHARS_MAX));
        assert_eq!(names.get(3), None);
    }
}
