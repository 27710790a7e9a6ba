//! One value of an Arrow column, read into the few kinds that the formats tell apart.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enum matched here is Arrow's list of types, and whatever is added to it has a fallback"
)]

use std::io;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, RecordBatch, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::DateTime;

use super::{json, text};
use crate::period::Day;

/// How deep lists and structures are followed; deeper ones are shown as Arrow's text.
const DEPTH_MAX: usize = 16;

/// A value as the formats need it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Nothing is known.
    Null,
    Boolean(bool),
    /// Any integer type.
    Integer(i128),
    /// A decimal number's text.
    Decimal(String),
    /// Any float type; a 32-bit one as its shortest decimal reads in 64 bits, so that 0.1 stays 0.1.
    Float(f64),
    /// Text, or what is written as text: timestamps and dates in ISO 8601, bytes in hexadecimal.
    Text(String),
    /// Lists, structures and maps: JSON.
    Nested(String),
}

/// How a column is laid out in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// To the left.
    Text,
    /// To the right, digits as they are: 8 to 32 bits wide, which are ports, AS numbers and addresses here.
    Identifier,
    /// To the right, with thousands separators: 64-bit integers and decimals, which are counts and sums.
    Count,
    /// To the right, with as many digits as make sense.
    Float,
}

impl Layout {
    pub(super) fn of(data_type: &DataType) -> Layout {
        match data_type {
            DataType::Dictionary(_, values) => Layout::of(values),
            _ if data_type.is_floating() => Layout::Float,
            DataType::Int64 | DataType::UInt64 => Layout::Count,
            _ if data_type.is_integer() => Layout::Identifier,
            _ if data_type.is_decimal() => Layout::Count,
            _ => Layout::Text,
        }
    }
}

/// The columns of a batch, made ready for reading rows.
pub(super) struct Reader {
    columns: Vec<ArrayRef>,
}

impl Reader {
    /// Unpacks dictionaries once for the whole batch.
    pub(super) fn new(batch: &RecordBatch) -> io::Result<Reader> {
        let columns = batch.columns().iter().map(unpacked).collect::<io::Result<_>>()?;
        Ok(Reader { columns })
    }

    /// The values of a row.
    pub(super) fn row(&self, row: usize) -> Vec<Value> {
        self.columns.iter().map(|column| read(column.as_ref(), row, 0)).collect()
    }
}

fn unpacked(column: &ArrayRef) -> io::Result<ArrayRef> {
    match column.data_type() {
        DataType::Dictionary(_, values) => cast(column, values).map_err(|source| io::Error::new(io::ErrorKind::InvalidData, source)),
        _ => Ok(column.clone()),
    }
}

/// The value at a row; the row must be within the array.
pub(super) fn read(array: &dyn Array, row: usize, depth: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Boolean(array.as_boolean().value(row)),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row).to_owned()),
        DataType::Binary => hexadecimal(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => hexadecimal(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => hexadecimal(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => hexadecimal(array.as_fixed_size_binary().value(row)),
        DataType::Float16 => single(array.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => single(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => date(i64::from(array.as_primitive::<Date32Type>().value(row))),
        DataType::Date64 => date(array.as_primitive::<Date64Type>().value(row).div_euclid(86_400_000)),
        DataType::Timestamp(unit, zone) => timestamp(array, row, *unit, zone.is_some()),
        data_type if data_type.is_integer() => integer(array, row),
        data_type if data_type.is_decimal() => written(array, row).map_or(Value::Null, Value::Decimal),
        data_type if data_type.is_nested() && depth < DEPTH_MAX => nested(array, row, depth),
        _ => shown(array, row),
    }
}

fn integer(array: &dyn Array, row: usize) -> Value {
    Value::Integer(match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        _ => return shown(array, row),
    })
}

/// A 32-bit float by its shortest decimal.
fn single(value: f32) -> Value {
    Value::Float(format!("{value:?}").parse().unwrap_or(f64::from(value)))
}

/// Bytes in hexadecimal, lower case.
fn hexadecimal(bytes: &[u8]) -> Value {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    Value::Text(bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect())
}

/// A day as `YYYY-MM-DD`; what no calendar has, as its number of days.
fn date(days: i64) -> Value {
    match i32::try_from(days) {
        Ok(days) if Day::from_date(Day(days).to_date()) == Day(days) => Value::Text(Day(days).to_string()),
        Ok(_) | Err(_) => Value::Text(days.to_string()),
    }
}

/// `YYYY-MM-DDThh:mm:ss[.fraction]`, with `Z` when the column says its zone (the value is UTC then); what no
/// calendar has, as its number.
fn timestamp(array: &dyn Array, row: usize, unit: TimeUnit, zoned: bool) -> Value {
    let (value, per_second): (i64, i64) = match unit {
        TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1),
        TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000),
        TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000),
        TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000),
    };
    let nanoseconds = value.rem_euclid(per_second) * (1_000_000_000 / per_second);
    let time = u32::try_from(nanoseconds)
        .ok()
        .and_then(|nanoseconds| DateTime::from_timestamp(value.div_euclid(per_second), nanoseconds));
    match time {
        Some(time) if zoned => Value::Text(time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()),
        Some(time) => Value::Text(time.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
        None => Value::Text(value.to_string()),
    }
}

/// Lists, structures and maps as JSON.
fn nested(array: &dyn Array, row: usize, depth: usize) -> Value {
    let mut out = String::new();
    match array.data_type() {
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref(), depth, &mut out),
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref(), depth, &mut out),
        DataType::FixedSizeList(_, _) => {
            let lists: &FixedSizeListArray = array.as_fixed_size_list();
            list(lists.value(row).as_ref(), depth, &mut out);
        }
        DataType::Struct(_) => structure(array.as_struct(), row, depth, &mut out),
        DataType::Map(_, _) => map(&array.as_map().value(row), depth, &mut out),
        DataType::Dictionary(_, _) => match array.as_any_dictionary_opt() {
            Some(dictionary) => {
                let keys = dictionary.normalized_keys();
                let values = dictionary.values().as_ref();
                return match keys.get(row) {
                    Some(&key) if key < values.len() => read(values, key, depth + 1),
                    Some(_) | None => Value::Null,
                };
            }
            None => return shown(array, row),
        },
        _ => return shown(array, row),
    }
    Value::Nested(out)
}

fn list(values: &dyn Array, depth: usize, out: &mut String) {
    out.push('[');
    for index in 0..values.len() {
        if index > 0 {
            out.push(',');
        }
        json::push(&read(values, index, depth + 1), out);
    }
    out.push(']');
}

fn structure(values: &StructArray, row: usize, depth: usize, out: &mut String) {
    out.push('{');
    for (index, (field, column)) in values.fields().iter().zip(values.columns()).enumerate() {
        if index > 0 {
            out.push(',');
        }
        text::push_json(field.name(), out);
        out.push(':');
        json::push(&read(column.as_ref(), row, depth + 1), out);
    }
    out.push('}');
}

/// A map's entries; JSON has text keys only, so other keys are written as their JSON in quotes.
fn map(entries: &StructArray, depth: usize, out: &mut String) {
    let (Some(keys), Some(values)) = (entries.columns().first(), entries.columns().get(1)) else {
        out.push_str("{}");
        return;
    };
    out.push('{');
    for index in 0..entries.len() {
        if index > 0 {
            out.push(',');
        }
        match read(keys.as_ref(), index, depth + 1) {
            Value::Text(key) => text::push_json(&key, out),
            other => {
                let mut key = String::new();
                json::push(&other, &mut key);
                text::push_json(&key, out);
            }
        }
        out.push(':');
        json::push(&read(values.as_ref(), index, depth + 1), out);
    }
    out.push('}');
}

/// Everything else (times of day, durations, intervals, unions …) as Arrow writes it.
fn shown(array: &dyn Array, row: usize) -> Value {
    written(array, row).map_or(Value::Null, Value::Text)
}

/// A value as Arrow writes it; `None` for what it cannot.
fn written(array: &dyn Array, row: usize) -> Option<String> {
    let options = FormatOptions::default();
    ArrayFormatter::try_new(array, &options).ok()?.value(row).try_to_string().ok()
}
