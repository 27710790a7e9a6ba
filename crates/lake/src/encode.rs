//! Columns to Parquet bytes: one page a column chunk, the encoding chosen by the caller who knows the data.
//!
//! The general Parquet writer hashes every value into a dictionary and looks at every level one by one;
//! on rows like ours that is nearly the whole cost of an ingest. Here the caller hands over dense values,
//! or dictionary numbers it already has, and says which encoding fits. The file format itself (page
//! headers, footers) is written by the `parquet` crate.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type as Physical};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

use crate::schema::Table;

/// Rows of a row group. Small enough that a rare port or one source skips most groups, large enough
/// that sizes do not suffer (128 Ki to 4 Mi change bytes little).
pub const ROW_GROUP_ROWS: usize = 1 << 17;

/// Level of zstd: 1 costs least and on sorted, stream-split columns gives nearly all there is to gain.
const ZSTD_LEVEL: i32 = 1;

/// How values are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As they are, not compressed: for noise.
    Noise,
    /// Bytes of equal weight together, then compressed: for numbers whose high bytes repeat.
    Split,
    /// As they are, then compressed.
    Plain,
}

/// Which rows have a value. Runs are kept, since rows sorted by port come in long runs of one protocol.
#[derive(Debug, Default)]
pub struct Validity {
    runs: Vec<(bool, u32)>,
    rows: u32,
    nulls: u32,
}

impl Validity {
    /// Adds `rows` rows that all have a value, or none.
    #[inline]
    pub fn push(&mut self, valid: bool, rows: u32) {
        if rows == 0 {
            return;
        }
        self.rows += rows;
        if !valid {
            self.nulls += rows;
        }
        match self.runs.last_mut() {
            Some((last, length)) if *last == valid => *length += rows,
            Some(_) | None => self.runs.push((valid, rows)),
        }
    }

    /// Starts again.
    pub fn clear(&mut self) {
        *self = Validity { runs: std::mem::take(&mut self.runs), rows: 0, nulls: 0 };
        self.runs.clear();
    }

    /// Definition levels in the RLE/bit-packed hybrid of width 1, no length in front (page version 2).
    fn levels(&self, out: &mut Vec<u8>) {
        let mut hybrid = Hybrid::new(1, out);
        for &(valid, rows) in &self.runs {
            hybrid.run(u32::from(valid), rows);
        }
        hybrid.finish();
    }
}

/// Writer of the RLE/bit-packed hybrid: runs of eight and more as runs, the rest bit-packed.
struct Hybrid<'a> {
    width: u32,
    out: &'a mut Vec<u8>,
    /// Values waiting to be bit-packed; always fewer than `LITERALS_MAX`.
    literals: Vec<u32>,
    run_value: u32,
    run_length: u32,
}

/// Most values of one bit-packed stretch: its header then fits two bytes.
const LITERALS_MAX: usize = 8 * 63;

impl<'a> Hybrid<'a> {
    fn new(width: u32, out: &'a mut Vec<u8>) -> Self {
        Hybrid { width, out, literals: Vec::with_capacity(LITERALS_MAX), run_value: 0, run_length: 0 }
    }

    #[inline]
    fn run(&mut self, value: u32, length: u32) {
        if value == self.run_value {
            self.run_length += length;
        } else {
            self.end_run();
            (self.run_value, self.run_length) = (value, length);
        }
    }

    fn end_run(&mut self) {
        let mut length = self.run_length;
        self.run_length = 0;
        // A bit-packed stretch holds whole groups of eight, so a run first fills the open group.
        if !self.literals.len().is_multiple_of(8) {
            let fill = (8 - self.literals.len() % 8).min(length as usize);
            self.literals.extend(std::iter::repeat_n(self.run_value, fill));
            length -= u32::try_from(fill).unwrap_or(0);
        }
        if length >= 8 {
            self.end_literals();
            varint(u64::from(length) << 1, self.out);
            let bytes = self.run_value.to_le_bytes();
            self.out.extend_from_slice(&bytes[..self.width.div_ceil(8) as usize]);
        } else {
            self.literals.extend(std::iter::repeat_n(self.run_value, length as usize));
        }
        if self.literals.len() >= LITERALS_MAX - 8 && self.literals.len().is_multiple_of(8) {
            self.end_literals();
        }
    }

    fn end_literals(&mut self) {
        if self.literals.is_empty() {
            return;
        }
        let groups = self.literals.len().div_ceil(8);
        self.literals.resize(groups * 8, 0);
        varint(((groups as u64) << 1) | 1, self.out);
        let (mut bits, mut held) = (0u64, 0u32);
        for &value in &self.literals {
            bits |= u64::from(value) << held;
            held += self.width;
            while held >= 8 {
                self.out.push((bits & 0xff) as u8);
                bits >>= 8;
                held -= 8;
            }
        }
        self.literals.clear();
    }

    fn finish(mut self) {
        self.end_run();
        self.end_literals();
    }
}

/// Dictionary codes in the same hybrid, eight at a time: a group of eight that are all equal begins a run,
/// any other is bit-packed. Runs that begin inside a group cost up to seven packed values more than they
/// could; looking at eight codes at once costs a tenth of looking at each.
fn pack_codes(codes: &[u16], width: u32, out: &mut Vec<u8>) {
    let (groups, rest) = codes.as_chunks::<8>();
    let mut at = 0;
    let mut open: Option<(usize, usize)> = None;
    while at < groups.len() {
        let group = &groups[at];
        if *group == [group[0]; 8] {
            close_packed(&mut open, out);
            let length = groups[at..].iter().take_while(|other| *other == group).count();
            varint((length as u64 * 8) << 1, out);
            out.extend_from_slice(&group[0].to_le_bytes()[..width.div_ceil(8) as usize]);
            at += length;
            continue;
        }
        let (_, count) = open.get_or_insert_with(|| {
            out.push(0);
            (out.len() - 1, 0)
        });
        *count += 1;
        let is_full = *count == PACKED_GROUPS_MAX;
        pack_group(group, width, out);
        if is_full {
            close_packed(&mut open, out);
        }
        at += 1;
    }
    if rest.is_empty() {
        close_packed(&mut open, out);
        return;
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let (_, count) = open.get_or_insert_with(|| {
        out.push(0);
        (out.len() - 1, 0)
    });
    *count += 1;
    pack_group(&last, width, out);
    close_packed(&mut open, out);
}

/// Most groups of one bit-packed stretch: its header is then one byte.
const PACKED_GROUPS_MAX: usize = 63;

/// Writes the header of the bit-packed stretch that stands open, whose place was kept.
fn close_packed(open: &mut Option<(usize, usize)>, out: &mut [u8]) {
    if let Some((header, groups)) = open.take() {
        out[header] = u8::try_from(groups << 1 | 1).unwrap_or(u8::MAX);
    }
}

/// Eight codes of `width` bits are `width` bytes.
#[inline(always)]
fn pack_group(group: &[u16; 8], width: u32, out: &mut Vec<u8>) {
    let bits = group.iter().rev().fold(0u128, |bits, &code| bits << width | u128::from(code));
    out.extend_from_slice(&bits.to_le_bytes()[..width as usize]);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Numbers that can be laid out by byte.
pub trait Number: Copy + Ord + Default {
    /// Bytes of the Parquet type: 4 or 8.
    const WIDTH: usize;
    /// Appends the little-endian bytes.
    fn put(self, out: &mut Vec<u8>);
    /// Byte `n`, counted from the low end.
    fn byte(self, n: usize) -> u8;
    /// Page and chunk statistics of these bounds.
    fn statistics(min: Self, max: Self, nulls: u64) -> Statistics;
}

impl Number for u32 {
    const WIDTH: usize = 4;
    #[inline(always)]
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    #[inline(always)]
    fn byte(self, n: usize) -> u8 {
        ((self >> (8 * n)) & 0xff) as u8
    }
    fn statistics(min: Self, max: Self, nulls: u64) -> Statistics {
        Statistics::Int32(ValueStatistics::new(Some(min.cast_signed()), Some(max.cast_signed()), None, Some(nulls), false))
    }
}

impl Number for i64 {
    const WIDTH: usize = 8;
    #[inline(always)]
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    #[inline(always)]
    fn byte(self, n: usize) -> u8 {
        ((self >> (8 * n)) & 0xff) as u8
    }
    fn statistics(min: Self, max: Self, nulls: u64) -> Statistics {
        Statistics::Int64(ValueStatistics::new(Some(min), Some(max), None, Some(nulls), false))
    }
}

impl Number for u64 {
    const WIDTH: usize = 8;
    #[inline(always)]
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    #[inline(always)]
    fn byte(self, n: usize) -> u8 {
        ((self >> (8 * n)) & 0xff) as u8
    }
    fn statistics(min: Self, max: Self, nulls: u64) -> Statistics {
        Statistics::Int64(ValueStatistics::new(Some(min.cast_signed()), Some(max.cast_signed()), None, Some(nulls), false))
    }
}

/// A column chunk ready to be spliced into a file.
#[derive(Debug)]
pub struct Chunk {
    bytes: Bytes,
    close: ColumnCloseResult,
}

/// The dictionary of a chunk: its values, encoded plain.
struct Dictionary {
    plain: Vec<u8>,
    values: usize,
}

/// Encodes the columns of one table. Holds a compressor and scratch space; one for each thread.
pub struct Encoder {
    columns: Vec<ColumnDescPtr>,
    schema: parquet::schema::types::TypePtr,
    properties: WriterPropertiesPtr,
    zstd: zstd::bulk::Compressor<'static>,
    plain: Vec<u8>,
}

impl Encoder {
    /// For the files of `table`.
    ///
    /// # Errors
    /// When the compressor cannot be made.
    pub fn new(table: &Table) -> Result<Encoder> {
        let schema = table.parquet()?;
        let descriptor = SchemaDescriptor::new(Arc::clone(&schema));
        let properties = WriterProperties::builder().set_created_by(concat!("hirundo ", env!("CARGO_PKG_VERSION")).to_owned()).build();
        let zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(Encoder { columns: descriptor.columns().to_vec(), schema, properties: Arc::new(properties), zstd, plain: Vec::new() })
    }

    /// Numbers, dense (without the nulls), in the layout named.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn numbers<T: Number>(&mut self, column: usize, values: &[T], validity: Option<&Validity>, layout: Layout) -> Result<Chunk> {
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        let encoding = match layout {
            Layout::Noise | Layout::Plain => {
                for value in values {
                    value.put(&mut plain);
                }
                Encoding::PLAIN
            }
            Layout::Split => {
                for n in 0..T::WIDTH {
                    plain.extend(values.iter().map(|value| value.byte(n)));
                }
                Encoding::BYTE_STREAM_SPLIT
            }
        };
        let statistics = bounds(values).map(|(min, max)| T::statistics(min, max, nulls(validity)));
        let compress = layout != Layout::Noise;
        let chunk = self.chunk(column, &plain, values.len(), validity, encoding, None, compress, statistics);
        self.plain = plain;
        chunk
    }

    /// Numbers (4 bytes each in the file) through a dictionary: `codes` are dense, each below `dictionary.len()`.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn dictionary_numbers(&mut self, column: usize, codes: &[u16], dictionary: &[u32], validity: Option<&Validity>) -> Result<Chunk> {
        let mut plain = Vec::with_capacity(dictionary.len() * 4);
        for &value in dictionary {
            value.put(&mut plain);
        }
        let statistics = bounds(dictionary).map(|(min, max)| u32::statistics(min, max, nulls(validity)));
        self.codes(column, codes, Dictionary { plain, values: dictionary.len() }, validity, statistics)
    }

    /// Text through a dictionary: `codes` are dense, each below `dictionary.len()`.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn dictionary_text(&mut self, column: usize, codes: &[u16], dictionary: &[&str], validity: Option<&Validity>) -> Result<Chunk> {
        let mut plain = Vec::new();
        for value in dictionary {
            put_bytes(value.as_bytes(), &mut plain);
        }
        let array = |text: &str| parquet::data_type::ByteArray::from(text.as_bytes().to_vec());
        let statistics = dictionary.iter().min().zip(dictionary.iter().max()).map(|(min, max)| {
            Statistics::ByteArray(ValueStatistics::new(Some(array(min)), Some(array(max)), None, Some(nulls(validity)), false))
        });
        self.codes(column, codes, Dictionary { plain, values: dictionary.len() }, validity, statistics)
    }

    /// Byte strings of any length, already laid out by [`put_bytes`] (or 16-byte addresses, end to end).
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn bytes(&mut self, column: usize, plain: &[u8], values: usize, validity: Option<&Validity>) -> Result<Chunk> {
        self.chunk(column, plain, values, validity, Encoding::PLAIN, None, true, None)
    }

    fn codes(&mut self, column: usize, codes: &[u16], dictionary: Dictionary, validity: Option<&Validity>, statistics: Option<Statistics>) -> Result<Chunk> {
        let width = usize::BITS - dictionary.values.saturating_sub(1).leading_zeros();
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        plain.push(u8::try_from(width).unwrap_or(32));
        if width == 0 {
            // One value: a single run of nothing.
            varint((codes.len() as u64) << 1, &mut plain);
        } else {
            pack_codes(codes, width, &mut plain);
        }
        let chunk = self.chunk(column, &plain, codes.len(), validity, Encoding::RLE_DICTIONARY, Some(dictionary), true, statistics);
        self.plain = plain;
        chunk
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one page; a struct of them would be filled and emptied in the same line")]
    fn chunk(&mut self, column: usize, plain: &[u8], values: usize, validity: Option<&Validity>, encoding: Encoding, dictionary: Option<Dictionary>, compress: bool, statistics: Option<Statistics>) -> Result<Chunk> {
        let descriptor = self.columns.get(column).cloned().ok_or_else(|| ParquetError::General(format!("no column {column}")))?;
        let mut levels = Vec::new();
        if descriptor.max_def_level() > 0 {
            match validity {
                Some(validity) => validity.levels(&mut levels),
                None => {
                    let mut hybrid = Hybrid::new(1, &mut levels);
                    hybrid.run(1, size(values)?);
                    hybrid.finish();
                }
            }
        }
        let rows = validity.map_or(size(values)?, |validity| validity.rows);
        let packed = if compress && plain.len() > 64 { Some(self.compress(plain)?) } else { None };
        let packed = packed.filter(|packed| packed.len() < plain.len() - plain.len() / 16);
        let mut sink = TrackedWrite::new(Vec::with_capacity(plain.len().min(1 << 20) + 128));
        let mut pages = SerializedPageWriter::new(&mut sink);
        let (mut raw_bytes, mut dictionary_offset) = (0, None);
        if let Some(dictionary) = dictionary {
            // A dictionary page of a compressed chunk is always compressed.
            let raw = dictionary.plain.len();
            let buf = Bytes::from(self.compress(&dictionary.plain)?);
            let page = Page::DictionaryPage { buf, num_values: size(dictionary.values)?, encoding: Encoding::PLAIN, is_sorted: false };
            raw_bytes += pages.write_page(CompressedPage::new(page, raw))?.uncompressed_size;
            dictionary_offset = Some(0);
        }
        let levels_len = size(levels.len())?;
        let raw = levels.len() + plain.len();
        let is_compressed = packed.is_some();
        levels.extend_from_slice(packed.as_deref().unwrap_or(plain));
        let page = Page::DataPageV2 {
            buf: Bytes::from(levels),
            num_values: rows,
            encoding,
            num_nulls: validity.map_or(0, |validity| validity.nulls),
            num_rows: rows,
            def_levels_byte_len: levels_len,
            rep_levels_byte_len: 0,
            is_compressed,
            statistics: None,
        };
        let spec = pages.write_page(CompressedPage::new(page, raw))?;
        raw_bytes += spec.uncompressed_size;
        let bytes = Bytes::from(sink.into_inner()?);
        let mut metadata = ColumnChunkMetaData::builder(descriptor)
            .set_encodings(vec![encoding, Encoding::PLAIN, Encoding::RLE])
            .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_num_values(i64::from(rows))
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(raw_bytes as i64)
            .set_data_page_offset(spec.offset as i64)
            .set_dictionary_page_offset(dictionary_offset);
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: u64::from(rows),
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Chunk { bytes, close })
    }

    fn compress(&mut self, plain: &[u8]) -> Result<Vec<u8>> {
        self.zstd.compress(plain).map_err(|error| ParquetError::External(Box::new(error)))
    }

    /// Puts row groups together into a whole file.
    ///
    /// # Errors
    /// When chunks and schema do not fit.
    pub fn file(&self, groups: Vec<Vec<Chunk>>) -> Result<Vec<u8>> {
        let size_bytes: usize = groups.iter().flatten().map(|chunk| chunk.bytes.len()).sum();
        let sink = Vec::with_capacity(size_bytes + (1 << 16));
        let mut writer = SerializedFileWriter::new(sink, Arc::clone(&self.schema), Arc::clone(&self.properties))?;
        for group in groups {
            let mut row_group = writer.next_row_group()?;
            for chunk in group {
                row_group.append_column(&chunk.bytes, chunk.close)?;
            }
            row_group.close()?;
        }
        writer.into_inner()
    }

    /// Physical type of a column, for those who lay out bytes themselves.
    #[must_use]
    pub fn physical(&self, column: usize) -> Option<Physical> {
        self.columns.get(column).map(|descriptor| descriptor.physical_type())
    }
}

/// Appends one byte string as Parquet's PLAIN encoding has it: length, then bytes.
pub fn put_bytes(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(value);
}

fn nulls(validity: Option<&Validity>) -> u64 {
    validity.map_or(0, |validity| u64::from(validity.nulls))
}

fn bounds<T: Number>(values: &[T]) -> Option<(T, T)> {
    let first = *values.first()?;
    Some(values.iter().fold((first, first), |(min, max), &value| (min.min(value), max.max(value))))
}

fn size(bytes: usize) -> Result<u32> {
    u32::try_from(bytes).map_err(|_| ParquetError::General(format!("a page of {bytes} is too large")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the hybrid back, by the format's own words.
    fn unpack(bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let (mut at, mut values) = (0, Vec::new());
        while values.len() < count {
            let (mut header, mut shift) = (0u64, 0);
            loop {
                header |= u64::from(bytes[at] & 0x7f) << shift;
                at += 1;
                shift += 7;
                if bytes[at - 1] < 0x80 {
                    break;
                }
            }
            if header & 1 == 0 {
                let size = width.div_ceil(8) as usize;
                let value = bytes[at..at + size].iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
                values.extend(std::iter::repeat_n(value, (header >> 1) as usize));
                at += size;
            } else {
                let packed = (header >> 1) as usize * width as usize;
                for n in 0..(header >> 1) as usize * 8 {
                    let bit = |m: usize| u32::from(bytes[at + m / 8] >> (m % 8) & 1);
                    values.push((0..width as usize).fold(0, |value, b| value | bit(n * width as usize + b) << b));
                }
                at += packed;
            }
        }
        values.truncate(count);
        values
    }

    /// Codes in runs and noise, of every length around the edges of groups and stretches.
    fn codes(length: usize, width: u32, seed: u64) -> Vec<u16> {
        let mut state = seed;
        let mut codes = Vec::new();
        while codes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let code = u16::try_from(state >> 33 & ((1 << width) - 1)).unwrap();
            let run = if state >> 20 & 3 == 0 { (state >> 40 & 63) as usize } else { 1 };
            codes.extend(std::iter::repeat_n(code, run));
        }
        codes.truncate(length);
        codes
    }

    #[test]
    fn codes_come_back() {
        for width in 1..=16 {
            for length in [1, 7, 8, 9, 16, 63, 64, 65, 500, 505, 512, 4097] {
                let codes = codes(length, width, u64::from(width) * 1000 + length as u64);
                let mut bytes = Vec::new();
                pack_codes(&codes, width, &mut bytes);
                let expected: Vec<u32> = codes.iter().map(|&code| u32::from(code)).collect();
                assert_eq!(unpack(&bytes, width, length), expected, "width {width}, length {length}");
            }
        }
    }

    #[test]
    fn levels_come_back() {
        for seed in 0..50 {
            let valid = codes(700 + seed as usize, 1, seed);
            let mut validity = Validity::default();
            for &code in &valid {
                validity.push(code == 1, 1);
            }
            let mut bytes = Vec::new();
            validity.levels(&mut bytes);
            let expected: Vec<u32> = valid.iter().map(|&code| u32::from(code)).collect();
            assert_eq!(unpack(&bytes, 1, valid.len()), expected);
        }
    }
}
