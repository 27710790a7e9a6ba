//! Reads an investigation of any known layout, gzip or not, a record at a time.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use chrono::{DateTime, Utc};
use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

use super::host::Host;
use super::record::{FIRST_LINE_BYTES_MAX, Piece, RECORD_BYTES_MAX, Records};
use super::{censys, shodan};

/// Most bytes of a file that are read, after decompression.
pub const FILE_BYTES_MAX: u64 = 64 << 30;

/// Bad records whose place and reason are kept; more are only counted.
pub const BAD_KEPT_MAX: usize = 100;

/// How deep answers of programming interfaces are opened (`result.hits[].host_v1.resource`).
const WRAPPERS_MAX: usize = 6;

/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 16;

/// Why an investigation could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read or decompressed.
    #[error("cannot read the investigation after line {line}")]
    Read {
        /// The line reached, from 1.
        line: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing in it is a record of a known layout.
    #[error(
        "none of {bad} records is in a known layout, the first is at line {line}: {reason}; hint: known are Shodan banners and hosts, InternetDB, and Censys hosts, as JSON or JSON lines"
    )]
    UnknownLayout {
        /// Records that could not be read.
        bad: u64,
        /// Line of the first, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is longer than the limit.
    #[error("the investigation has more than {bytes_max} bytes; hint: split it")]
    TooLong {
        /// The limit.
        bytes_max: u64,
    },
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The line it starts at, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that were read.
    pub records: u64,
    /// Records that were not.
    pub bad: u64,
    /// The first [`BAD_KEPT_MAX`] of them.
    pub bad_kept: Vec<Bad>,
    /// Records that say they were made up for a demonstration.
    pub simulated: u64,
    /// Records without a date, for which the given one was used.
    pub undated: u64,
}

impl Summary {
    fn refuse(&mut self, line: u64, reason: impl Into<String>) {
        self.bad = self.bad.saturating_add(1);
        if self.bad_kept.len() < BAD_KEPT_MAX {
            let reason = reason.into();
            self.bad_kept.push(Bad { line, reason });
        }
    }
}

/// Reads an investigation and hands each host over. One address may come many times: a Shodan export has a record for each
/// port. Records without a date (InternetDB) get `undated`, the day of the look-up if the caller knows it.
///
/// # Errors
/// When the input cannot be read, is too long, or holds no record of a known layout. A bad record among good ones is counted.
pub fn read(input: impl Read, undated: Option<DateTime<Utc>>, mut each: impl FnMut(Host)) -> Result<Summary, ReadError> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let start = input.fill_buf().map_err(|source| ReadError::Read { line: 1, source })?;
    let gzip = start.starts_with(b"\x1f\x8b");
    if gzip {
        let plain = MultiGzDecoder::new(input);
        read_plain(
            BufReader::with_capacity(BUFFER_BYTES, plain.take(FILE_BYTES_MAX)),
            undated,
            &mut each,
        )
    } else {
        read_plain(input.take(FILE_BYTES_MAX), undated, &mut each)
    }
}

fn read_plain(mut input: impl BufRead, undated: Option<DateTime<Utc>>, each: &mut dyn FnMut(Host)) -> Result<Summary, ReadError> {
    // The start decides the layout; a pipe may give it in small pieces.
    let mut start = Vec::new();
    let got = input.by_ref().take(FIRST_LINE_BYTES_MAX).read_to_end(&mut start);
    got.map_err(|source| ReadError::Read { line: 1, source })?;
    let input = Cursor::new(start).chain(input);
    let mut records = Records::new(Counted { input, bytes: 0 }, RECORD_BYTES_MAX);
    let mut summary = Summary::default();
    let mut line_last = 1;
    loop {
        let piece = match records.next() {
            Ok(piece) => piece,
            Err(source) if summary.records == 0 => return Err(ReadError::Read { line: line_last, source }),
            // A broken end (a download that stopped) does not take away what was read before.
            Err(error) => {
                summary.refuse(line_last, error.to_string());
                break;
            }
        };
        match piece {
            None => break,
            Some(Piece::TooLong(line)) => summary.refuse(line, format!("longer than {RECORD_BYTES_MAX} bytes")),
            Some(Piece::Cut(line)) => summary.refuse(line, "the file ends within the record"),
            Some(Piece::Record(line, bytes)) => {
                line_last = line;
                take(line, bytes, undated, &mut summary, each);
            }
        }
    }
    if records.get_ref().bytes >= FILE_BYTES_MAX {
        return Err(ReadError::TooLong { bytes_max: FILE_BYTES_MAX });
    }
    match summary.bad_kept.first() {
        Some(first) if summary.records == 0 => Err(ReadError::UnknownLayout {
            bad: summary.bad,
            line: first.line,
            reason: first.reason.clone(),
        }),
        Some(_) | None => Ok(summary),
    }
}

fn take(line: u64, bytes: &[u8], undated: Option<DateTime<Utc>>, summary: &mut Summary, each: &mut dyn FnMut(Host)) {
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => return summary.refuse(line, error.to_string()),
    };
    let mut bad = None;
    open(&value, WRAPPERS_MAX, &mut |found| match found {
        Ok(mut host) => {
            summary.records = summary.records.saturating_add(1);
            summary.simulated = summary.simulated.saturating_add(u64::from(host.simulated));
            if host.looked_up.is_none() {
                summary.undated = summary.undated.saturating_add(1);
                host.looked_up = undated;
            }
            each(host);
        }
        Err(reason) => bad = Some(reason),
    });
    if let Some(reason) = bad {
        summary.refuse(line, reason);
    }
}

/// Hands over the hosts of a record, opening the wrappers of programming interfaces.
fn open(value: &Value, depth: usize, each: &mut dyn FnMut(Result<Host, &'static str>)) {
    let has = |key: &str| value.get(key).is_some();
    let list = |key: &str| value.get(key).is_some_and(Value::is_array);
    if let Value::Array(elements) = value {
        if depth == 0 {
            return each(Err("nested too deep"));
        }
        return elements.iter().for_each(|element| open(element, depth - 1, each));
    }
    if list("services") && has("ip") {
        return each(censys::host(value));
    }
    if has("port") && (has("ip_str") || has("ip")) {
        return each(shodan::banner_host(value));
    }
    if has("ip_str") && (list("data") || list("ports")) {
        return each(shodan::host(value));
    }
    if list("ports") && has("ip") {
        return each(shodan::internet_db(value));
    }
    // Shodan: matches; Censys v2: result.hits; Platform: result.resource, result.hits[].host_v1.resource, host.
    for key in ["result", "matches", "hits", "host_v1", "resource", "resources", "host"] {
        if let Some(inner) = value.get(key).filter(|inner| inner.is_object() || inner.is_array()) {
            if depth == 0 {
                return each(Err("nested too deep"));
            }
            return open(inner, depth - 1, each);
        }
    }
    // A host that Censys knows nothing of has no services at all.
    if has("ip") && (has("last_updated_at") || has("autonomous_system") || has("location")) {
        return each(censys::host(value));
    }
    each(Err(if value.is_object() {
        "not a record of a known layout"
    } else {
        "not an object"
    }));
}

/// Counts the bytes that went through.
struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes = self.bytes.saturating_add(count as u64);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes = self.bytes.saturating_add(amount as u64);
        self.input.consume(amount);
    }
}
