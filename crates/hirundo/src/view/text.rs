//! Text from outside made safe and sized for a terminal: escaped, measured, shortened, digits grouped.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters kept for each column of width, so that zero-width marks cannot make a short text long.
const CHARS_PER_COLUMN_MAX: usize = 4;

/// Whether a character acts on the terminal or hides instead of showing itself: C0 and C1 controls, line and
/// paragraph separators, zero-width and bidirectional marks, tags (Unicode general categories Cc, Cf, Zl, Zp,
/// as far as they serve to deceive).
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with hidden characters written out, as in `\n`, `\u{1b}`: nothing in it moves a cursor, changes a
/// colour or reverses the reading. A backslash stays as it is.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Columns the text takes on a terminal: a CJK character takes two.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, or as much of it as fits into `columns` with a `…` at its end.
pub fn shorten(text: &str, columns: usize) -> Cow<'_, str> {
    let chars_max = columns.saturating_mul(CHARS_PER_COLUMN_MAX);
    // Reading stops at the bound: a text of many megabytes is not measured.
    let (mut used, mut cut) = (0, 0);
    for (count, (at, character)) in text.char_indices().enumerate() {
        used += character.width().unwrap_or(0);
        if used > columns || count >= chars_max {
            let mut short = text.get(..cut).unwrap_or_default().to_owned();
            if columns > 0 {
                short.push('…');
            }
            return Cow::Owned(short);
        }
        if used < columns {
            cut = at + character.len_utf8();
        }
    }
    Cow::Borrowed(text)
}

/// A count for people: 1234567 is `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    thousands(&number.to_string())
}

/// A decimal number's text with its integer digits in groups of three: `-1234567.89` → `-1,234,567.89`.
/// What does not begin with digits is returned as it is.
pub fn thousands(number: &str) -> String {
    let unsigned = number.trim_start_matches('-');
    let sign = &number[..number.len() - unsigned.len()];
    let end = unsigned
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(unsigned.len());
    let (digits, rest) = unsigned.split_at(end);
    let mut grouped = String::with_capacity(number.len() + digits.len() / 3 + 1);
    grouped.push_str(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(rest);
    grouped
}

/// Appends the text as a JSON string; hidden characters become `\u` escapes, which mean the same to a program
/// and nothing to a terminal.
pub fn push_json(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            hidden if is_hidden(hidden) => {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    write!(out, "\\u{unit:04x}").unwrap_or_default();
                }
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}
