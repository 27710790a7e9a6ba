//! The answer to a named question as plain values, and as the CSV that is published with it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use futures::{StreamExt, TryStreamExt};
use hirundo_lake::{Question, Session};

use crate::view::{self, Format, Options};

/// Most rows of an answer that is taken into memory; more is refused.
const ROWS_MAX: usize = 4_000_000;

/// Questions asked side by side: while one of them is planned or gathers its last rows on one thread, others use the rest.
const SIDE_BY_SIDE: usize = 4;

/// An answer, with the question.
pub struct Rows {
    /// What was asked.
    pub question: Question,
    batches: Vec<RecordBatch>,
}

/// A count as the whole number it was before it came through the engine's floating point.
#[allow(clippy::cast_possible_truncation, reason = "a cast of floating point saturates")]
pub const fn whole(number: f64) -> u64 {
    number as u64
}

/// A column that holds 32 bits: addresses, autonomous systems.
pub fn word(number: f64) -> u32 {
    u32::try_from(whole(number)).unwrap_or(u32::MAX)
}

/// A port.
pub fn port(number: f64) -> u16 {
    u16::try_from(whole(number)).unwrap_or(u16::MAX)
}

/// An IP protocol.
pub fn proto(number: f64) -> u8 {
    u8::try_from(whole(number)).unwrap_or(u8::MAX)
}

impl Rows {
    /// Asks.
    pub async fn ask(session: &Session, question: Question) -> Result<Rows> {
        let what = || format!("could not answer the question {}", question.name);
        let begun = crate::clock::now();
        let mut answer = session.answer(&question).await.with_context(what)?;
        let mut batches = Vec::new();
        let mut rows = 0;
        while let Some(batch) = answer.next().await.with_context(what)? {
            rows += batch.num_rows();
            anyhow::ensure!(rows <= ROWS_MAX, "{}: more than {ROWS_MAX} rows came back", what());
            batches.push(batch);
        }
        let secs = (crate::clock::now() - begun).as_seconds_f64();
        tracing::debug!("{}: {rows} rows in {secs:.2} s", question.name);
        Ok(Rows { question, batches })
    }

    /// Asks several questions side by side; the answers in the order of the questions.
    pub async fn ask_all(session: &Session, questions: Vec<Question>) -> Result<Vec<Rows>> {
        let asked = questions.into_iter().map(|question| Rows::ask(session, question));
        futures::stream::iter(asked).buffered(SIDE_BY_SIDE).try_collect().await
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Whether nothing came back.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column of that name as numbers.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>> {
        let mut values = Vec::with_capacity(self.len());
        for array in self.column(name)? {
            let array = cast(&array, &DataType::Float64).with_context(|| format!("the column {name} holds no numbers"))?;
            values.extend(array.as_primitive::<Float64Type>().iter());
        }
        Ok(values)
    }

    /// The column of that name as numbers that are always there; none counts as zero.
    pub fn counts(&self, name: &str) -> Result<Vec<f64>> {
        Ok(self.numbers(name)?.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// The column of that name as whole numbers.
    pub fn integers(&self, name: &str) -> Result<Vec<Option<i64>>> {
        let mut values = Vec::with_capacity(self.len());
        for array in self.column(name)? {
            let array = cast(&array, &DataType::Int64).with_context(|| format!("the column {name} holds no whole numbers"))?;
            values.extend(array.as_primitive::<Int64Type>().iter());
        }
        Ok(values)
    }

    /// The column of that name as the place of each text among its different ones, and these in order.
    pub fn codes(&self, name: &str) -> Result<(Vec<Option<usize>>, Vec<String>)> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut values = Vec::with_capacity(self.len());
        for array in self.column(name)? {
            let array = cast(&array, &DataType::Utf8).with_context(|| format!("the column {name} holds no texts"))?;
            for text in array.as_string::<i32>() {
                let next = seen.len();
                values.push(text.map(|text| match seen.get(text) {
                    Some(code) => *code,
                    None => *seen.entry(text.to_owned()).or_insert(next),
                }));
            }
        }
        // Numbered in the order of the texts, whichever came first.
        let mut places = vec![0; seen.len()];
        for (place, code) in seen.values().enumerate() {
            if let Some(of) = places.get_mut(*code) {
                *of = place;
            }
        }
        for value in values.iter_mut().flatten() {
            *value = places.get(*value).copied().unwrap_or_default();
        }
        Ok((values, seen.into_keys().collect()))
    }

    /// The column of that name as days since 1970.
    pub fn days(&self, name: &str) -> Result<Vec<i32>> {
        let mut values = Vec::with_capacity(self.len());
        for array in self.column(name)? {
            let array = cast(&array, &DataType::Date32).with_context(|| format!("the column {name} holds no days"))?;
            values.extend(array.as_primitive::<Date32Type>().iter().map(Option::unwrap_or_default));
        }
        Ok(values)
    }

    /// The column of that name as texts.
    pub fn texts(&self, name: &str) -> Result<Vec<Option<String>>> {
        let mut values = Vec::with_capacity(self.len());
        for array in self.column(name)? {
            let array = cast(&array, &DataType::Utf8).with_context(|| format!("the column {name} holds no texts"))?;
            values.extend(array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)));
        }
        Ok(values)
    }

    fn column(&self, name: &str) -> Result<Vec<ArrayRef>> {
        let of = |batch: &RecordBatch| {
            let column = batch.column_by_name(name).cloned();
            column.with_context(|| format!("the question {} has no column {name}", self.question.name))
        };
        self.batches.iter().map(of).collect()
    }

    /// The first rows, for a session to keep.
    pub fn first(&self, rows: usize) -> Vec<RecordBatch> {
        let mut left = rows;
        let mut first = Vec::new();
        for batch in &self.batches {
            let part = batch.slice(0, left.min(batch.num_rows()));
            left -= part.num_rows();
            first.push(part);
        }
        first
    }

    /// All of it as CSV with a head.
    pub fn csv(&self) -> Result<String> {
        let Some(first) = self.batches.first() else {
            return Ok(String::new());
        };
        let mut text = Vec::new();
        view::show(Format::Csv, &first.schema(), &self.batches, Options::default(), &mut text)?;
        Ok(String::from_utf8(text)?)
    }
}
