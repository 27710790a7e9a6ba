//! Looks into a parsed JSON value without trusting its shape: a field of another type than expected is absent.

use serde_json::Value;

use super::host::{FIELD_BYTES_MAX, NAMES_MAX, TEXT_BYTES_MAX, bounded, printable};

/// The value at a path of keys.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// A short text (or number) at a path, trimmed; `None` when it is empty.
pub(super) fn field(value: &Value, path: &[&str]) -> Option<String> {
    short(at(value, path)?)
}

/// A banner at a path, not trimmed.
pub(super) fn text(value: &Value, path: &[&str]) -> Option<String> {
    let text = bounded(at(value, path)?.as_str()?, TEXT_BYTES_MAX);
    (!text.is_empty()).then(|| printable(text).into_owned())
}

/// Short texts at a path: a list's, or the single one there is.
pub(super) fn fields(value: &Value, path: &[&str]) -> Vec<String> {
    match at(value, path) {
        Some(Value::Array(list)) => list.iter().filter_map(short).take(NAMES_MAX).collect(),
        Some(single) => short(single).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The elements of a list at a path; none when it is no list.
pub(super) fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A port at a path.
pub(super) fn port(value: &Value, path: &[&str]) -> Option<u16> {
    u16::try_from(at(value, path)?.as_u64()?).ok()
}

fn short(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let text = bounded(text.trim(), FIELD_BYTES_MAX);
            (!text.is_empty()).then(|| printable(text).into_owned())
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
