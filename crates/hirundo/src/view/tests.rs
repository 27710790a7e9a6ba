//! Golden outputs of each format, and what must not get through.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int64Array, ListArray,
    NullArray, RecordBatch, StringArray, StringViewArray, StructArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt16Array,
    UInt32Array, UInt64Array,
};
use arrow::datatypes::{Field, Int32Type, UInt16Type};

use super::text::{shorten, thousands, visible, width};
use super::{Format, Options, View, show};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn shown(format: Format, batch: &RecordBatch, options: Options) -> String {
    let mut out = Vec::new();
    show(format, &batch.schema(), std::slice::from_ref(batch), options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Compares with the file of that name; with `HIRUNDO_UPDATE_GOLDEN` set, writes it instead.
fn check(format: Format, batch: &RecordBatch, options: Options, golden: &str) {
    let found = shown(format, batch, options);
    let path = format!("{}/tests/golden/view/{golden}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("HIRUNDO_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    assert_eq!(found, expected, "found:\n{found}");
}

/// A ranking as the command line shows it: names in Latin and Japanese, a null, counts, a share.
fn ranking() -> RecordBatch {
    batch(vec![
        ("rank", Arc::new(UInt32Array::from(vec![1, 2, 3])) as ArrayRef),
        ("dst_port", Arc::new(UInt16Array::from(vec![Some(23), Some(37215), None]))),
        (
            "service",
            Arc::new(StringArray::from(vec![Some("23/TCP (telnet)"), Some("日本語の名前"), None])),
        ),
        ("packets", Arc::new(Int64Array::from(vec![Some(1_234_567), Some(-89), None]))),
        (
            "share",
            Arc::new(Float64Array::from(vec![Some(61.728), Some(0.0004), Some(f64::NAN)])),
        ),
    ])
}

/// One column of each kind of type.
fn types() -> RecordBatch {
    let micros = TimestampMicrosecondArray::from(vec![Some(1_648_771_200_000_000), Some(1_648_771_200_000_001), None]);
    let nanos = TimestampNanosecondArray::from(vec![Some(-1), Some(i64::MIN), None]);
    let dictionary: DictionaryArray<Int32Type> = vec![Some("JP"), None, Some("JP")].into_iter().collect();
    let list = ListArray::from_iter_primitive::<UInt16Type, _, _>(vec![Some(vec![Some(23), None, Some(80)]), Some(vec![]), None]);
    let point = StructArray::from(vec![(
        Arc::new(Field::new("a\"b", arrow::datatypes::DataType::Utf8View, true)),
        Arc::new(StringViewArray::from(vec![Some("x"), None, Some("\u{9b}")])) as ArrayRef,
    )]);
    batch(vec![
        ("u64", Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(0), None])) as ArrayRef),
        (
            "f32",
            Arc::new(Float32Array::from(vec![Some(0.1), Some(f32::INFINITY), Some(-1.0e-10)])),
        ),
        ("time", Arc::new(micros.with_timezone("UTC"))),
        ("local", Arc::new(nanos)),
        ("day", Arc::new(Date32Array::from(vec![Some(19_083), Some(i32::MAX), None]))),
        (
            "bytes",
            Arc::new(BinaryArray::from_opt_vec(vec![Some(&[0, 255, 16]), Some(&[]), None])),
        ),
        ("yes", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        (
            "money",
            Arc::new(
                Decimal128Array::from(vec![Some(-123_456_789), Some(5), None])
                    .with_precision_and_scale(20, 2)
                    .unwrap(),
            ),
        ),
        ("region", Arc::new(dictionary)),
        ("ports", Arc::new(list)),
        ("point", Arc::new(point)),
        ("nothing", Arc::new(NullArray::new(3))),
    ])
}

/// What a sender of packets would like to get onto an analyst's screen.
fn hostile() -> RecordBatch {
    batch(vec![(
        "payload",
        Arc::new(StringArray::from(vec![
            "\u{1b}[2J\u{1b}]0;owned\u{7}",
            "a\r\nb\tc",
            "abc\u{202e}txt.exe",
            "=cmd|' /C calc'!A0",
            "\t=1+1",
            "\u{9b}31m, \"q\"",
            "",
            "-1",
        ])) as ArrayRef,
    )])
}

#[test]
fn a_table_is_aligned_grouped_and_framed() {
    let options = Options {
        title: Some("Destination ports, April–June 2022".to_owned()),
        notes: vec!["A service name does not mean the packets speak that protocol.".to_owned()],
        ..Options::default()
    };
    check(Format::Table, &ranking(), options, "table.txt");
}

#[test]
fn a_table_without_utf8_is_framed_in_ascii_and_cut() {
    let options = Options {
        utf8: false,
        rows_max: 1,
        ..Options::default()
    };
    check(Format::Table, &ranking(), options, "table_ascii.txt");
}

#[test]
fn types_in_each_format() {
    check(Format::Json, &types(), Options::default(), "types.json");
    check(Format::Csv, &types(), Options::default(), "types.csv");
    let options = Options {
        width: Some(60),
        ..Options::default()
    };
    check(Format::Table, &types(), options, "records.txt");
}

#[test]
fn json_is_json() {
    for batch in [ranking(), types(), hostile(), hostile().slice(0, 0)] {
        let text = shown(Format::Json, &batch, Options::default());
        let rows: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&text).unwrap();
        assert_eq!(rows.len(), batch.num_rows());
    }
    let rows: serde_json::Value = serde_json::from_str(&shown(Format::Json, &hostile(), Options::default())).unwrap();
    assert_eq!(rows[0]["payload"], "\u{1b}[2J\u{1b}]0;owned\u{7}");
    let rows: serde_json::Value = serde_json::from_str(&shown(Format::Json, &types(), Options::default())).unwrap();
    assert_eq!(rows[0]["u64"], u64::MAX);
    assert_eq!(rows[0]["f32"], 0.1);
    assert!(rows[1]["f32"].is_null());
}

#[test]
fn hostile_text_is_shown_and_not_obeyed() {
    for format in [Format::Table, Format::Json, Format::Csv] {
        let text = shown(
            format,
            &hostile(),
            Options {
                guard: true,
                ..Options::default()
            },
        );
        let obeyed = text.replace("\r\n", "").replace('\n', "");
        assert!(!obeyed.chars().any(super::text::is_hidden), "{format:?}: {text:?}");
    }
    check(Format::Table, &hostile(), Options::default(), "hostile.txt");
}

#[test]
fn csv_is_exact_or_guarded() {
    let exact = "payload\r\n\u{1b}[2J\u{1b}]0;owned\u{7}\r\n\"a\r\nb\tc\"\r\nabc\u{202e}txt.exe\r\n=cmd|' /C calc'!A0\r\n\
                 \"\t=1+1\"\r\n\"\u{9b}31m, \"\"q\"\"\"\r\n\"\"\r\n-1\r\n";
    assert_eq!(shown(Format::Csv, &hostile(), Options::default()), exact);
    let guarded = "payload\r\n\\u{1b}[2J\\u{1b}]0;owned\\u{7}\r\na\\r\\nb\\tc\r\nabc\\u{202e}txt.exe\r\n'=cmd|' /C calc'!A0\r\n\
                   '\\t=1+1\r\n\"\\u{9b}31m, \"\"q\"\"\"\r\n\"\"\r\n'-1\r\n";
    assert_eq!(
        shown(
            Format::Csv,
            &hostile(),
            Options {
                guard: true,
                ..Options::default()
            }
        ),
        guarded
    );
    // A negative number is a number, not a formula.
    assert!(
        shown(
            Format::Csv,
            &ranking(),
            Options {
                guard: true,
                ..Options::default()
            }
        )
        .contains(",-89,")
    );
}

#[test]
fn a_table_fits_its_terminal() {
    let long = "lorem ipsum dolor sit amet ".repeat(50);
    let wide = batch(vec![
        ("packets", Arc::new(Int64Array::from(vec![123_456_789, 1])) as ArrayRef),
        ("名前", Arc::new(StringArray::from(vec!["観測".repeat(60).as_str(), "短い"]))),
        ("text", Arc::new(StringArray::from(vec![long.as_str(), "short"]))),
        ("word", Arc::new(StringArray::from(vec!["x".repeat(10_000).as_str(), ""]))),
    ]);
    for columns in [30, 40, 50, 60, 80, 100, 133, 200] {
        let text = shown(
            Format::Table,
            &wide,
            Options {
                width: Some(columns),
                ..Options::default()
            },
        );
        for line in text.lines() {
            assert!(width(line) <= columns, "{columns}: {line}");
        }
        assert!(text.contains("123,456,789"), "a number was cut at {columns} columns:\n{text}");
    }
    check(
        Format::Table,
        &wide,
        Options {
            width: Some(72),
            ..Options::default()
        },
        "wrapped.txt",
    );
}

#[test]
fn rows_past_the_limit_are_counted() {
    let counts = |rows_max: usize, total: i64| {
        let numbers = batch(vec![("n", Arc::new((0..total).collect::<Int64Array>()) as ArrayRef)]);
        shown(
            Format::Table,
            &numbers,
            Options {
                rows_max,
                ..Options::default()
            },
        )
    };
    assert!(counts(10, 1_244).ends_with("… and 1,234 more rows; hint: --limit 0 shows all\n"));
    assert!(counts(10, 11).ends_with("… and 1 more row; hint: --limit 0 shows all\n"));
    assert!(!counts(10, 10).contains("more row"));
    let all = counts(0, 2_500);
    assert!(!all.contains("more row"));
    assert_eq!(all.lines().filter(|line| line.contains("2,499")).count(), 1);
    assert_eq!(all.matches("╞").count(), 3, "a header for each page of 1,000 rows");
    assert!(counts(10, 0).ends_with("no rows\n"));
}

#[test]
fn batches_may_follow_each_other() {
    let one = batch(vec![("n", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    let mut out = Vec::new();
    let mut view = View::new(Format::Json, &one.schema(), Options::default(), &mut out).unwrap();
    view.write(&one).unwrap();
    view.write(&one.slice(0, 0)).unwrap();
    view.write(&one).unwrap();
    view.finish().unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "[\n{\"n\":1},\n{\"n\":1}\n]\n");
    let mut out = Vec::new();
    let mut view = View::new(Format::Json, &ranking().schema(), Options::default(), &mut out).unwrap();
    assert_eq!(view.write(&one).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// A pipe whose reader has gone after some bytes.
struct Closed(usize);

impl Write for Closed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_told() {
    for format in [Format::Table, Format::Json, Format::Csv] {
        for bytes in [0, 1, 30] {
            let batch = ranking();
            let result = show(format, &batch.schema(), &[batch], Options::default(), &mut Closed(bytes));
            assert_eq!(
                result.unwrap_err().kind(),
                io::ErrorKind::BrokenPipe,
                "{format:?} after {bytes} bytes"
            );
        }
    }
}

#[test]
fn floats_have_sensible_digits() {
    let column = |values: Vec<f64>| -> Vec<String> {
        let floats = batch(vec![("f", Arc::new(Float64Array::from(values)) as ArrayRef)]);
        let text = shown(Format::Table, &floats, Options::default());
        let cells = text.lines().skip(3).filter_map(|line| line.strip_prefix('│')?.strip_suffix('│'));
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    assert_eq!(column(vec![1.0, 20_000.0, -0.0]), ["1", "20,000", "0"]);
    assert_eq!(column(vec![1_234.567, 0.25, 0.001_234_5]), ["1,234.6", "0.2", "0.001234"]);
    assert_eq!(column(vec![1.0 / 3.0, 0.5]), ["0.3333", "0.5000"]);
    assert_eq!(column(vec![2.0 / 3.0, 5.0]), ["0.667", "5.000"]);
    assert_eq!(column(vec![1e300, 1e-300, f64::INFINITY]), ["1.000e300", "1.000e-300", "inf"]);
}

#[test]
fn text_is_measured_cut_and_grouped() {
    for (text, columns, expected) in [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("観測網", 6, "観測網"),
        ("観測網", 5, "観測…"),
        ("観測網", 4, "観…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("", 0, ""),
    ] {
        assert_eq!(shorten(text, columns), expected);
        assert!(width(&shorten(text, columns)) <= columns);
    }
    assert!(shorten(&"a\u{301}".repeat(100_000), 20).len() < 100);
    assert!(shorten(&"\u{301}".repeat(100_000), 20).len() < 400);
    for (number, expected) in [
        ("0", "0"),
        ("999", "999"),
        ("1000", "1,000"),
        ("-1234567.8901", "-1,234,567.8901"),
        ("1e10", "1e10"),
        ("NaN", "NaN"),
        ("", ""),
    ] {
        assert_eq!(thousands(number), expected);
    }
    assert_eq!(visible("plain 日本語 \\n"), "plain 日本語 \\n");
    assert_eq!(visible("\u{200b}\u{feff}\0"), "\\u{200b}\\u{feff}\\u{0}");
}
