//! The first rows of data in CSV, bounded in rows, columns and length of a cell.

use std::iter::Peekable;
use std::str::Chars;

use crate::document::Align;

/// Columns shown of data; a page has no room for more.
const COLUMNS_MAX: usize = 48;
/// Characters shown of a cell.
const CELL_CHARS_MAX: usize = 300;

/// What is shown of data.
pub(super) struct Sheet {
    /// Heads of the columns and how they stand: numbers right.
    pub(super) columns: Vec<(String, Align)>,
    /// The first rows.
    pub(super) rows: Vec<Vec<String>>,
    /// Number of all rows.
    pub(super) rows_all: usize,
}

impl Sheet {
    /// Reads CSV (RFC 4180) with a head, keeping the first `rows_max` rows and counting the others.
    pub(super) fn read(csv: &str, rows_max: usize) -> Sheet {
        let mut characters = csv.chars().peekable();
        let head = record(&mut characters).unwrap_or_default();
        let (mut rows, mut rows_all) = (Vec::new(), 0_usize);
        while let Some(row) = record(&mut characters) {
            rows_all += 1;
            if rows.len() < rows_max {
                rows.push(row);
            }
        }
        let columns = head.into_iter().enumerate().map(|(place, name)| (name, align(&rows, place)));
        Sheet {
            columns: columns.collect(),
            rows,
            rows_all,
        }
    }
}

/// The next record; `None` at the end. Blank lines are none.
fn record(characters: &mut Peekable<Chars>) -> Option<Vec<String>> {
    while characters.next_if(|next| matches!(next, '\r' | '\n')).is_some() {}
    characters.peek()?;
    let mut cells = Vec::new();
    loop {
        let (cell, more) = field(characters);
        if cells.len() < COLUMNS_MAX {
            cells.push(cell);
        }
        if !more {
            return Some(cells);
        }
    }
}

/// The next field, and whether another follows in its record.
fn field(characters: &mut Peekable<Chars>) -> (String, bool) {
    let (mut cell, mut length) = (String::new(), 0_usize);
    let mut keep = |character: char| {
        length += 1;
        match length.cmp(&(CELL_CHARS_MAX + 1)) {
            std::cmp::Ordering::Less => cell.push(character),
            std::cmp::Ordering::Equal => cell.push('…'),
            std::cmp::Ordering::Greater => {}
        }
    };
    let mut quoted = characters.next_if_eq(&'"').is_some();
    let mut more = false;
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => keep('"'),
            '"' if quoted => quoted = false,
            ',' if !quoted => {
                more = true;
                break;
            }
            '\n' if !quoted => break,
            '\r' if !quoted => {}
            other => keep(other),
        }
    }
    (cell, more)
}

/// Right for a column of numbers.
fn align(rows: &[Vec<String>], place: usize) -> Align {
    let mut cells = rows
        .iter()
        .filter_map(|row| row.get(place))
        .filter(|cell| !cell.is_empty())
        .peekable();
    let numeric = |cell: &String| cell.parse::<f64>().is_ok_and(f64::is_finite);
    if cells.peek().is_some() && cells.all(numeric) {
        Align::Right
    } else {
        Align::Left
    }
}
