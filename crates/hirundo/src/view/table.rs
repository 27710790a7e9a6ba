//! Tables for people: pages of rows, columns fitted to the terminal, records below each other where they cannot be.

use std::io::{self, Write};

use arrow::datatypes::SchemaRef;
use comfy_table::presets::{ASCII_FULL_CONDENSED, UTF8_FULL_CONDENSED};
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};

use super::cell::Layout;
use super::text::{shorten, thousands, visible, width};
use super::{Options, Row, Value};

/// Rows laid out together: what a table holds in memory. A longer table repeats its header.
const PAGE_ROWS: usize = 1_000;
/// Columns a cell may take, in all its lines, where nothing else bounds it.
const CELL_WIDTH_MAX: usize = 200;
/// Lines of a cell that is wrapped.
const CELL_LINES_MAX: usize = 4;
/// A text column is not made narrower than this, unless its text is.
const TEXT_WIDTH_MIN: usize = 8;
/// Significant digits of a float below 1.
const DIGITS: i32 = 4;

/// The rows on their way into a table.
pub(super) struct Pages {
    names: Vec<String>,
    layouts: Vec<Layout>,
    page: Vec<Row>,
    shown: usize,
    skipped: usize,
}

impl Pages {
    pub(super) fn new(schema: &SchemaRef) -> Pages {
        Pages {
            names: schema.fields().iter().map(|field| cut(field.name())).collect(),
            layouts: schema.fields().iter().map(|field| Layout::of(field.data_type())).collect(),
            page: Vec::new(),
            shown: 0,
            skipped: 0,
        }
    }

    /// Whether no further row is to be shown; 0 is no limit.
    pub(super) fn is_over(&self, rows_max: usize) -> bool {
        rows_max > 0 && self.shown >= rows_max
    }

    /// Counts rows that are not shown.
    pub(super) fn skip(&mut self, rows: usize) {
        self.skipped = self.skipped.saturating_add(rows);
    }

    /// Takes a row, and writes the page when it is full.
    pub(super) fn push(&mut self, row: Row, options: &Options, out: &mut dyn Write) -> io::Result<()> {
        self.page.push(row);
        self.shown = self.shown.saturating_add(1);
        if self.page.len() >= PAGE_ROWS {
            self.write_page(options, out)
        } else {
            Ok(())
        }
    }

    /// Writes what is left, how many rows are not shown, and the notes.
    pub(super) fn finish(mut self, options: &Options, out: &mut dyn Write) -> io::Result<()> {
        if !self.page.is_empty() || self.shown == 0 {
            self.write_page(options, out)?;
        }
        if self.shown == 0 {
            writeln!(out, "no rows")?;
        }
        if self.skipped > 0 {
            let (dots, rows) = (
                if options.utf8 { "…" } else { "..." },
                if self.skipped == 1 { "row" } else { "rows" },
            );
            let count = thousands(&self.skipped.to_string());
            writeln!(out, "{dots} and {count} more {rows}; hint: --limit 0 shows all")?;
        }
        for note in &options.notes {
            writeln!(out, "{}", visible(note))?;
        }
        Ok(())
    }

    fn write_page(&mut self, options: &Options, out: &mut dyn Write) -> io::Result<()> {
        let first = self.shown - self.page.len();
        let columns: Vec<Vec<String>> = self
            .layouts
            .iter()
            .enumerate()
            .map(|(index, layout)| self.column(index, *layout))
            .collect();
        let rows = self.page.len();
        self.page.clear();
        match fit(&self.names, &self.layouts, &columns, options.width) {
            Some(widths) => self.write_table(&columns, rows, &widths, options, out),
            None => self.write_records(&columns, rows, first, options, out),
        }
    }

    /// A column's cells as text.
    fn column(&self, index: usize, layout: Layout) -> Vec<String> {
        let values = self.page.iter().map(|row| row.get(index).unwrap_or(&Value::Null));
        let decimals = if layout == Layout::Float { decimals(values.clone()) } else { 0 };
        values.map(|value| cell(value, layout, decimals)).collect()
    }

    fn write_table(
        &self,
        columns: &[Vec<String>],
        rows: usize,
        widths: &[usize],
        options: &Options,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut table = Table::new();
        table.load_preset(if options.utf8 { UTF8_FULL_CONDENSED } else { ASCII_FULL_CONDENSED });
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::MAX);
        table.set_header(self.names.iter().zip(&self.layouts).map(|(name, layout)| aligned(name, *layout)));
        for row in 0..rows {
            table.add_row(columns.iter().zip(widths).zip(&self.layouts).map(|((column, width), layout)| {
                let text = column.get(row).map_or("", String::as_str);
                aligned(&shorten(text, width.saturating_mul(CELL_LINES_MAX)), *layout)
            }));
        }
        for (column, width) in table.column_iter_mut().zip(widths) {
            // Comfy-table's widths include the space on either side.
            let padded = u16::try_from(width + 2).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(padded)));
        }
        if columns.is_empty() {
            return Ok(());
        }
        writeln!(out, "{table}")
    }

    /// For rows that are too wide for a table: each value on a line of its own.
    fn write_records(&self, columns: &[Vec<String>], rows: usize, first: usize, options: &Options, out: &mut dyn Write) -> io::Result<()> {
        let total = options.width.unwrap_or(CELL_WIDTH_MAX);
        let name_width = self.names.iter().map(|name| width(name)).max().unwrap_or(0).min(total / 2);
        let line = if options.utf8 { "─" } else { "-" };
        for row in 0..rows {
            let head = format!("{line}{line} {} ", thousands(&(first + row + 1).to_string()));
            writeln!(out, "{head}{}", line.repeat(total.saturating_sub(width(&head)).min(40)))?;
            for (name, column) in self.names.iter().zip(columns) {
                let name = shorten(name, name_width);
                let pad = " ".repeat(name_width.saturating_sub(width(&name)));
                let text = column.get(row).map_or("", String::as_str);
                let text = shorten(text, total.saturating_sub(name_width + 2).max(TEXT_WIDTH_MIN));
                writeln!(out, "{}", format!("{name}{pad}  {text}").trim_end())?;
            }
        }
        Ok(())
    }
}

/// A text made visible and bounded.
fn cut(text: &str) -> String {
    // Bounded before it is escaped, and after: an escape is longer than what it stands for.
    shorten(&visible(&shorten_raw(text)), CELL_WIDTH_MAX).into_owned()
}

/// At most as many characters as could be shown, and one more, which makes the cut visible.
fn shorten_raw(text: &str) -> String {
    text.chars().take(CELL_WIDTH_MAX * 4 + 1).collect()
}

fn aligned(text: &str, layout: Layout) -> Cell {
    Cell::new(text).set_alignment(match layout {
        Layout::Text => CellAlignment::Left,
        Layout::Identifier | Layout::Count | Layout::Float => CellAlignment::Right,
    })
}

fn cell(value: &Value, layout: Layout, decimals: usize) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Integer(number) if layout == Layout::Count => thousands(&number.to_string()),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => cut(&thousands(number)),
        Value::Float(number) => float(*number, decimals),
        Value::Text(text) | Value::Nested(text) => cut(text),
    }
}

/// Decimals that suit a column of floats: none for whole numbers, else the fewer the larger they are.
fn decimals<'a>(values: impl Iterator<Item = &'a Value>) -> usize {
    let (mut largest, mut whole) = (0.0_f64, true);
    for value in values {
        if let Value::Float(number) = value
            && number.is_finite()
        {
            largest = largest.max(number.abs());
            whole &= number.fract() == 0.0;
        }
    }
    match largest {
        _ if whole => 0,
        100.0.. => 1,
        10.0.. => 2,
        1.0.. => 3,
        _ => 4,
    }
}

/// A float with the column's decimals; very large and very small ones with an exponent.
fn float(number: f64, decimals: usize) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return if number.is_nan() { "NaN".to_owned() } else { format!("{number}") };
    }
    if size >= 1e15 || (size > 0.0 && size < 1e-6) {
        return format!("{number:.3e}");
    }
    // Not a digit would be left: the number gets its own decimals, four significant ones.
    if size > 0.0 && size * 10_f64.powi(i32::try_from(decimals).unwrap_or(0)) < 0.5 {
        let places = (1..=12).find(|places| size * 10_f64.powi(*places) >= 1.0).unwrap_or(12);
        let places = usize::try_from(places + DIGITS - 1).unwrap_or(4);
        return format!("{number:.places$}").trim_end_matches('0').to_owned();
    }
    let text = thousands(&format!("{number:.decimals$}"));
    if size == 0.0 {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

/// The width of each column, without its frame; `None` when a table cannot be made to fit.
///
/// Numbers are never cut. Text columns share what is left: those that need less than an equal share get what
/// they need, the others divide the rest.
fn fit(names: &[String], layouts: &[Layout], columns: &[Vec<String>], total: Option<usize>) -> Option<Vec<usize>> {
    let needed: Vec<usize> = names
        .iter()
        .zip(columns)
        .map(|(name, cells)| cells.iter().map(|text| width(text)).max().unwrap_or(0).max(width(name)).max(1))
        .collect();
    let Some(total) = total else {
        return Some(needed);
    };
    let frame = names.len() * 3 + 1;
    let mut left = total.checked_sub(frame)?;
    let mut widths = needed.clone();
    let mut open: Vec<usize> = Vec::new();
    for (index, layout) in layouts.iter().enumerate() {
        match layout {
            Layout::Text => open.push(index),
            Layout::Identifier | Layout::Count | Layout::Float => left = left.checked_sub(*needed.get(index)?)?,
        }
    }
    open.sort_by_key(|index| needed.get(*index).copied().unwrap_or(0));
    for (done, index) in open.iter().enumerate() {
        let share = left / (open.len() - done);
        let need = *needed.get(*index)?;
        if share < need.min(TEXT_WIDTH_MIN) {
            return None;
        }
        let given = need.min(share);
        *widths.get_mut(*index)? = given;
        left -= given;
    }
    Some(widths)
}
