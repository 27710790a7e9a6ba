//! Comma-separated values after RFC 4180: quoted where needed, lines ended by CR LF.

use std::io::{self, Write};

use arrow::datatypes::SchemaRef;

use super::Value;
use super::text::visible;

/// First characters that make a spreadsheet take a text for a formula (OWASP, "CSV Injection").
const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Writes the line of column names.
pub(super) fn header(schema: &SchemaRef, guard: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    for (index, field) in schema.fields().iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        push(field.name(), guard, &mut line);
    }
    line.push_str("\r\n");
    out.write_all(line.as_bytes())
}

/// Writes a row. Null is an empty field, the empty text `""`.
pub(super) fn row(values: &[Value], guard: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        match value {
            Value::Null => {}
            Value::Boolean(boolean) => line.push_str(if *boolean { "true" } else { "false" }),
            Value::Integer(number) => line.push_str(&number.to_string()),
            Value::Decimal(number) => line.push_str(number),
            Value::Float(number) => line.push_str(&format!("{number:?}")),
            Value::Text(text) | Value::Nested(text) => push(text, guard, &mut line),
        }
    }
    line.push_str("\r\n");
    out.write_all(line.as_bytes())
}

/// Appends a text, quoted when it is empty or holds a comma, a quote, a line end, or a space at an end.
fn push(text: &str, guard: bool, line: &mut String) {
    let shown = if guard { visible(text) } else { text.into() };
    // The guard looks at the text as it came: an escaped tab no longer hides a formula behind it.
    let formula = guard && text.trim_start().starts_with(FORMULA_STARTS);
    let quoted = shown.is_empty()
        || shown.contains([',', '"', '\r', '\n'])
        || shown.starts_with(char::is_whitespace)
        || shown.ends_with(char::is_whitespace);
    if quoted {
        line.push('"');
    }
    if formula {
        line.push('\'');
    }
    if quoted {
        line.push_str(&shown.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(&shown);
    }
}
