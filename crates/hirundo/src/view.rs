//! Showing Arrow record batches to people (table) and to programs (JSON, CSV), row by row into any writer.

mod cell;
mod csv;
mod json;
mod table;
#[cfg(test)]
mod tests;
pub mod text;

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use cell::{Reader, Value};
use table::Pages;

/// Rows of a table shown when the caller does not say how many.
pub const ROWS_MAX_DEFAULT: usize = 50;

/// What the rows are written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people: aligned, with thousands separators, fitted to the terminal.
    #[default]
    Table,
    /// One array of objects, an object a line.
    Json,
    /// Comma-separated values after RFC 4180, with a header line.
    Csv,
}

/// How the rows are shown. All but `guard` concern the table only: JSON and CSV are data and always complete.
#[derive(Clone, Debug)]
pub struct Options {
    /// A line above the table.
    pub title: Option<String>,
    /// Lines below the table.
    pub notes: Vec<String>,
    /// How many rows the table shows before it only counts them; 0 shows all.
    pub rows_max: usize,
    /// Columns of the terminal; `None` when there is no terminal, and then nothing is shrunk.
    pub width: Option<usize>,
    /// Whether the frame may use box-drawing characters; otherwise it is ASCII.
    pub utf8: bool,
    /// CSV for a spreadsheet or a terminal: text that a spreadsheet would take for a formula gets a leading
    /// `'`, and control characters are written as escapes. Off, the CSV holds exactly the data.
    pub guard: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            title: None,
            notes: Vec::new(),
            rows_max: ROWS_MAX_DEFAULT,
            width: None,
            utf8: true,
            guard: false,
        }
    }
}

/// Writes all batches at once; see [`View`] for one after the other.
///
/// # Errors
/// As [`View::write`].
pub fn show(format: Format, schema: &SchemaRef, batches: &[RecordBatch], options: Options, out: &mut dyn Write) -> io::Result<()> {
    let mut view = View::new(format, schema, options, out)?;
    for batch in batches {
        view.write(batch)?;
    }
    view.finish()
}

/// Record batches on their way to a writer. Holds at most one page of a table, whatever the number of rows.
pub struct View<'a> {
    out: &'a mut dyn Write,
    schema: SchemaRef,
    options: Options,
    state: State,
}

/// What has been written so far.
enum State {
    Table(Pages),
    Json { empty: bool },
    Csv,
}

impl<'a> View<'a> {
    /// Starts the output: the opening bracket of JSON, the header line of CSV, the title of a table.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn new(format: Format, schema: &SchemaRef, options: Options, out: &'a mut dyn Write) -> io::Result<View<'a>> {
        let state = match format {
            Format::Table => {
                if let Some(title) = &options.title {
                    writeln!(out, "{}", text::visible(title))?;
                }
                State::Table(Pages::new(schema))
            }
            Format::Json => {
                out.write_all(b"[")?;
                State::Json { empty: true }
            }
            Format::Csv => {
                csv::header(schema, options.guard, out)?;
                State::Csv
            }
        };
        Ok(View {
            out,
            schema: schema.clone(),
            options,
            state,
        })
    }

    /// Writes the rows of a batch (a table may hold them back until its page is full).
    ///
    /// # Errors
    /// Whatever the writer says, unchanged, so that a closed pipe can be told by its
    /// [`io::ErrorKind::BrokenPipe`]; [`io::ErrorKind::InvalidInput`] when the batch has not the columns of
    /// the schema, [`io::ErrorKind::InvalidData`] when Arrow cannot read a column.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        if batch.num_columns() != self.schema.fields().len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "cannot show a batch of {} columns under a schema of {}",
                    batch.num_columns(),
                    self.schema.fields().len()
                ),
            ));
        }
        let reader = Reader::new(batch)?;
        for row in 0..batch.num_rows() {
            match &mut self.state {
                State::Table(pages) => {
                    // Rows past the limit are only counted.
                    let left = batch.num_rows() - row;
                    if pages.is_over(self.options.rows_max) {
                        pages.skip(left);
                        break;
                    }
                    pages.push(reader.row(row), &self.options, self.out)?;
                }
                State::Json { empty } => {
                    let start: &[u8] = if *empty { b"\n" } else { b",\n" };
                    *empty = false;
                    self.out.write_all(start)?;
                    json::row(&self.schema, &reader.row(row), self.out)?;
                }
                State::Csv => csv::row(&reader.row(row), self.options.guard, self.out)?,
            }
        }
        Ok(())
    }

    /// Ends the output and flushes the writer.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn finish(self) -> io::Result<()> {
        match self.state {
            State::Table(pages) => pages.finish(&self.options, self.out)?,
            State::Json { empty } => {
                let end: &[u8] = if empty { b"]\n" } else { b"\n]\n" };
                self.out.write_all(end)?;
            }
            State::Csv => {}
        }
        self.out.flush()
    }
}

/// A row's values, in the order of the columns.
type Row = Vec<Value>;
