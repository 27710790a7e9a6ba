//! Reads `notified.csv`: every fault with its line and what to do about it.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate};
use thiserror::Error;

use super::super::nearest;
use super::{ENTRIES_MAX, Entry, FILE_BYTES_MAX, Notified, Recipient, SIMULATED, TEXT_CHARS_MAX};
use crate::period::Day;
use crate::view::text::is_hidden;

/// Faults that are listed; further ones are found when these are mended.
pub(super) const FAULTS_MAX: usize = 100;
/// Columns, those that must be there first.
const COLUMNS: [&str; 5] = ["notified", "address", "kind", "recipient", "reason"];
/// How many must be there.
const REQUIRED: usize = 3;
/// Letters of a value that a message repeats.
const REPEATED_CHARS: usize = 60;

/// What is wrong with a `notified.csv`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotifiedError {
    /// The file is too large.
    #[error(
        "cannot read notifications of {bytes} bytes; hint: at most {FILE_BYTES_MAX} bytes are read; move those of past years to another file"
    )]
    Size {
        /// Its size.
        bytes: usize,
    },
    /// There are too many.
    #[error("line {line}: cannot take more than {ENTRIES_MAX} notifications; hint: move those of past years to another file")]
    Count {
        /// Line of the first one too many.
        line: u32,
    },
    /// The head does not say what the columns are.
    #[error("line {line}: cannot take this head, {why}; hint: {hint}")]
    Head {
        /// Line.
        line: u32,
        /// What is wrong with it.
        why: String,
        /// What to write.
        hint: String,
    },
    /// A line that is no row.
    #[error(
        "line {line}: cannot read this row, {why}; hint: a row has as many fields as the head, and a comma within a field stands between double quotes"
    )]
    Row {
        /// Line.
        line: u32,
        /// What is wrong with it.
        why: String,
    },
    /// A value that cannot be taken.
    #[error("line {line}: cannot take `{value}` as `{column}`; hint: {hint}")]
    Value {
        /// Line.
        line: u32,
        /// Its column.
        column: &'static str,
        /// The value, or its beginning.
        value: String,
        /// How it is written.
        hint: String,
    },
}

impl NotifiedError {
    /// The line, from 1; 0 for the whole file.
    #[must_use]
    pub const fn line(&self) -> u32 {
        match self {
            NotifiedError::Size { .. } => 0,
            NotifiedError::Count { line }
            | NotifiedError::Head { line, .. }
            | NotifiedError::Row { line, .. }
            | NotifiedError::Value { line, .. } => *line,
        }
    }
}

/// Reads the whole file; see [`Notified::parse`].
pub(super) fn notified(text: &str) -> Result<Notified, Vec<NotifiedError>> {
    if text.len() > FILE_BYTES_MAX {
        return Err(vec![NotifiedError::Size { bytes: text.len() }]);
    }
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let Some((line, head)) = lines.next() else {
        return Ok(Notified::default());
    };
    let places = places(head, line).map_err(|fault| vec![fault])?;
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for (line, text) in lines {
        if faults.len() >= FAULTS_MAX {
            break;
        }
        if entries.len() >= ENTRIES_MAX {
            faults.push(NotifiedError::Count { line });
            break;
        }
        match entry(text, line, &places) {
            Ok(entry) => entries.push(entry),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(Notified { entries }) } else { Err(faults) }
}

/// Where each of [`COLUMNS`] stands in a row, and how many fields a row has.
struct Places {
    at: [Option<usize>; COLUMNS.len()],
    fields: usize,
}

fn places(head: &str, line: u32) -> Result<Places, NotifiedError> {
    let wrong = |why: String, hint: String| NotifiedError::Head { line, why, hint };
    let whole = || format!("write `{}` (the last two may be left out)", COLUMNS.join(","));
    let names = fields(head).map_err(|why| wrong(why.to_owned(), whole()))?;
    let mut at = [None; COLUMNS.len()];
    for (place, name) in names.iter().enumerate() {
        let known = COLUMNS.iter().position(|column| name.trim().eq_ignore_ascii_case(column));
        let Some(cell) = known.and_then(|known| at.get_mut(known)) else {
            let hint = nearest::hint(name.trim(), COLUMNS, &whole());
            return Err(wrong(format!("nothing is known of a column `{}`", shown(name)), hint));
        };
        if cell.replace(place).is_some() {
            return Err(wrong(format!("the column `{}` stands there twice", shown(name)), whole()));
        }
    }
    let mut missing = COLUMNS.iter().zip(&at).take(REQUIRED).filter(|(_, at)| at.is_none());
    if let Some((column, _)) = missing.next() {
        return Err(wrong(format!("there is no column `{column}`"), whole()));
    }
    Ok(Places { at, fields: names.len() })
}

fn entry(text: &str, line: u32, places: &Places) -> Result<Entry, NotifiedError> {
    let row = |why: String| NotifiedError::Row { line, why };
    let fields = fields(text).map_err(|why| row(why.to_owned()))?;
    if fields.len() != places.fields {
        return Err(row(format!("it has {} fields and the head {}", fields.len(), places.fields)));
    }
    let field = |column: usize| {
        let at = places.at.get(column).copied().flatten();
        at.and_then(|at| fields.get(at)).map_or("", |field| field.trim())
    };
    let value = |at: usize, hint: String| NotifiedError::Value {
        line,
        column: COLUMNS.get(at).copied().unwrap_or_default(),
        value: shown(field(at)),
        hint,
    };
    let day = day(field(0)).ok_or_else(|| {
        value(
            0,
            "write a day, `2022-05-10`, or a time with its zone, `2022-05-10T09:30:00+09:00`".to_owned(),
        )
    })?;
    let address: IpAddr = field(1)
        .parse()
        .map_err(|_| value(1, "write one address, as `203.0.113.7` or `2001:db8::7`".to_owned()))?;
    let tags = Recipient::ALL.map(Recipient::tag);
    let recipient = Recipient::ALL.into_iter().find(|kind| field(2).eq_ignore_ascii_case(kind.tag()));
    let recipient = recipient.ok_or_else(|| value(2, nearest::hint(field(2), tags, &format!("write one of {}", tags.join(", ")))))?;
    for text in [3, 4] {
        if field(text).chars().count() > TEXT_CHARS_MAX || field(text).chars().any(is_hidden) {
            return Err(value(
                text,
                format!("write at most {TEXT_CHARS_MAX} letters, none of them a control character"),
            ));
        }
    }
    Ok(Entry {
        line,
        day,
        address: address.to_canonical(),
        recipient,
        name: Some(field(3)).filter(|name| !name.is_empty()).map(str::to_owned),
        is_simulated: field(4).eq_ignore_ascii_case(SIMULATED),
    })
}

/// A day, or the day in UTC of a time.
fn day(text: &str) -> Option<Day> {
    let is_day = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_day {
        return NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Day::from_date);
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Day::from_date(time.to_utc().date_naive()))
}

/// The fields of one line of CSV.
fn fields(line: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            Some(quoted) => closed(quoted)?,
            None => match rest.split_once(',') {
                Some((field, behind)) => (field.to_owned(), Some(behind)),
                None => (rest.to_owned(), None),
            },
        };
        if !rest.starts_with('"') && field.contains('"') {
            return Err("a double quote stands within a field that does not begin with one");
        }
        fields.push(field);
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(fields),
        }
    }
}

/// A field behind its opening quote, and what follows the comma behind it.
fn closed(quoted: &str) -> Result<(String, Option<&str>), &'static str> {
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let Some((part, behind)) = rest.split_once('"') else {
            return Err("a quoted field does not end on its line");
        };
        field.push_str(part);
        match behind.chars().next() {
            Some('"') => {
                field.push('"');
                rest = behind.get(1..).unwrap_or_default();
            }
            Some(',') => return Ok((field, behind.get(1..))),
            None => return Ok((field, None)),
            Some(_) => return Err("something other than a comma follows a quoted field"),
        }
    }
}

/// A value as a message repeats it.
fn shown(value: &str) -> String {
    value
        .trim()
        .chars()
        .filter(|letter| !is_hidden(*letter))
        .take(REPEATED_CHARS)
        .collect()
}
