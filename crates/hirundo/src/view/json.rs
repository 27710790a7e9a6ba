//! JSON: a row as an object on one line.

use std::io::{self, Write};

use arrow::datatypes::SchemaRef;

use super::Value;
use super::text::push_json;

/// Writes a row as an object, without a line end.
pub(super) fn row(schema: &SchemaRef, values: &[Value], out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::from("{");
    for (index, (field, value)) in schema.fields().iter().zip(values).enumerate() {
        if index > 0 {
            line.push(',');
        }
        push_json(field.name(), &mut line);
        line.push(':');
        push(value, &mut line);
    }
    line.push('}');
    out.write_all(line.as_bytes())
}

/// Appends a value. Integers keep all their digits; NaN and the infinities, which JSON lacks, are null.
pub(super) fn push(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(true) => out.push_str("true"),
        Value::Boolean(false) => out.push_str("false"),
        Value::Integer(number) => out.push_str(&number.to_string()),
        // Debug writes the shortest digits that read back the same, with an exponent where it is shorter.
        Value::Float(number) if number.is_finite() => out.push_str(&format!("{number:?}")),
        Value::Float(_) => out.push_str("null"),
        Value::Decimal(number) => out.push_str(number),
        Value::Text(text) => push_json(text, out),
        Value::Nested(json) => out.push_str(json),
    }
}
