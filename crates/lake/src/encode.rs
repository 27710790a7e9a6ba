//! Columns to Parquet bytes: one page a column chunk, the encoding chosen by the caller who knows the data.
//!
//! The general Parquet writer hashes every value into a dictionary and looks at every level one by one;
//! on rows like ours that is nearly the whole cost of an ingest. Here the caller hands over dense values,
//! or dictionary numbers it already has, and says which encoding fits. The file format itself (page
//! headers, footers) is written by the `parquet` crate.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type as Physical};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

use crate::hybrid::{Hybrid, Validity, pack_codes, varint};
use crate::schema::Table;

/// Rows of a row group. Small enough that a rare port or one source skips most groups, large enough
/// that sizes do not suffer (128 Ki to 4 Mi change bytes little).
pub const ROW_GROUP_ROWS: usize = 1 << 17;

/// Level of zstd: 1 costs least and on sorted, stream-split columns gives nearly all there is to gain.
const ZSTD_LEVEL: i32 = 1;

/// Share of chunks that a bloom filter lets through without need: a twentieth costs about six bits a value.
const BLOOM_FALSE_SHARE: f64 = 0.05;

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
        Statistics::Int32(ValueStatistics::new(
            Some(min.cast_signed()),
            Some(max.cast_signed()),
            None,
            Some(nulls),
            false,
        ))
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
        Statistics::Int64(ValueStatistics::new(
            Some(min.cast_signed()),
            Some(max.cast_signed()),
            None,
            Some(nulls),
            false,
        ))
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
        let properties = WriterProperties::builder()
            .set_created_by(concat!("hirundo ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(Encoder {
            columns: descriptor.columns().to_vec(),
            schema,
            properties: Arc::new(properties),
            zstd,
            plain: Vec::new(),
        })
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
        self.codes(
            column,
            codes,
            Dictionary {
                plain,
                values: dictionary.len(),
            },
            validity,
            statistics,
        )
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
            Statistics::ByteArray(ValueStatistics::new(
                Some(array(min)),
                Some(array(max)),
                None,
                Some(nulls(validity)),
                false,
            ))
        });
        self.codes(
            column,
            codes,
            Dictionary {
                plain,
                values: dictionary.len(),
            },
            validity,
            statistics,
        )
    }

    /// Byte strings of any length, already laid out by [`put_bytes`] (or 16-byte addresses, end to end).
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn bytes(&mut self, column: usize, plain: &[u8], values: usize, validity: Option<&Validity>) -> Result<Chunk> {
        self.chunk(column, plain, values, validity, Encoding::PLAIN, None, true, None)
    }

    fn codes(
        &mut self,
        column: usize,
        codes: &[u16],
        dictionary: Dictionary,
        validity: Option<&Validity>,
        statistics: Option<Statistics>,
    ) -> Result<Chunk> {
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
        let chunk = self.chunk(
            column,
            &plain,
            codes.len(),
            validity,
            Encoding::RLE_DICTIONARY,
            Some(dictionary),
            true,
            statistics,
        );
        self.plain = plain;
        chunk
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of one page; a struct of them would be filled and emptied in the same line"
    )]
    fn chunk(
        &mut self,
        column: usize,
        plain: &[u8],
        values: usize,
        validity: Option<&Validity>,
        encoding: Encoding,
        dictionary: Option<Dictionary>,
        compress: bool,
        statistics: Option<Statistics>,
    ) -> Result<Chunk> {
        let descriptor = self
            .columns
            .get(column)
            .cloned()
            .ok_or_else(|| ParquetError::General(format!("no column {column}")))?;
        let mut levels = levels(&descriptor, values, validity)?;
        let rows = validity.map_or(size(values)?, |validity| validity.rows);
        let packed = if compress && plain.len() > 64 {
            Some(self.compress(plain)?)
        } else {
            None
        };
        let packed = packed.filter(|packed| packed.len() < plain.len() - plain.len() / 16);
        let mut sink = TrackedWrite::new(Vec::with_capacity(plain.len().min(1 << 20) + 128));
        let mut pages = SerializedPageWriter::new(&mut sink);
        let (mut raw_bytes, mut dictionary_offset) = (0, None);
        if let Some(dictionary) = dictionary {
            // A dictionary page of a compressed chunk is always compressed.
            let raw = dictionary.plain.len();
            let buf = Bytes::from(self.compress(&dictionary.plain)?);
            let page = Page::DictionaryPage {
                buf,
                num_values: size(dictionary.values)?,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
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

    /// The same numbers with a bloom filter, so that who looks for one value skips the chunks without it.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn numbers_with_bloom(&mut self, column: usize, values: &[u32], validity: Option<&Validity>, layout: Layout) -> Result<Chunk> {
        let mut chunk = self.numbers(column, values, validity, layout)?;
        // Values come sorted within a port, so runs of one value are most of the repetition.
        let distinct = 1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let mut bloom = Sbbf::new_with_ndv_fpp(distinct as u64, BLOOM_FALSE_SHARE)?;
        for run in values.chunk_by(|a, b| a == b) {
            if let Some(value) = run.first() {
                bloom.insert(&value.cast_signed());
            }
        }
        chunk.close.bloom_filter = Some(bloom);
        Ok(chunk)
    }

    /// The same texts with a bloom filter, so that who looks for one of them skips the chunks without it: bounds
    /// say little of texts, since the names before and after one are nearly always there too.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn dictionary_text_with_bloom(
        &mut self,
        column: usize,
        codes: &[u16],
        dictionary: &[&str],
        validity: Option<&Validity>,
    ) -> Result<Chunk> {
        let mut chunk = self.dictionary_text(column, codes, dictionary, validity)?;
        let mut bloom = Sbbf::new_with_ndv_fpp(dictionary.len().max(1) as u64, BLOOM_FALSE_SHARE)?;
        for text in dictionary {
            bloom.insert(*text);
        }
        chunk.close.bloom_filter = Some(bloom);
        Ok(chunk)
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

/// The definition levels of a column's page: none when it cannot be null.
fn levels(descriptor: &ColumnDescPtr, values: usize, validity: Option<&Validity>) -> Result<Vec<u8>> {
    let mut levels = Vec::new();
    if descriptor.max_def_level() == 0 {
        return Ok(levels);
    }
    match validity {
        Some(validity) => validity.levels(&mut levels),
        None => {
            let mut hybrid = Hybrid::new(1, &mut levels);
            hybrid.run(1, size(values)?);
            hybrid.finish();
        }
    }
    Ok(levels)
}

fn nulls(validity: Option<&Validity>) -> u64 {
    validity.map_or(0, |validity| u64::from(validity.nulls))
}

fn bounds<T: Number>(values: &[T]) -> Option<(T, T)> {
    let first = *values.first()?;
    Some(
        values
            .iter()
            .fold((first, first), |(min, max), &value| (min.min(value), max.max(value))),
    )
}

fn size(bytes: usize) -> Result<u32> {
    u32::try_from(bytes).map_err(|_| ParquetError::General(format!("a page of {bytes} is too large")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    /// Column `sensor` of the table `ports`.
    fn text(with_bloom: bool, texts: &[&str]) -> Chunk {
        let mut encoder = Encoder::new(&schema::PORTS).unwrap();
        let codes: Vec<u16> = (0..u16::try_from(texts.len()).unwrap()).collect();
        if with_bloom {
            encoder.dictionary_text_with_bloom(0, &codes, texts, None).unwrap()
        } else {
            encoder.dictionary_text(0, &codes, texts, None).unwrap()
        }
    }

    #[test]
    fn a_bloom_filter_of_texts_knows_them_all_and_costs_little() {
        let chunk = text(true, &["masscan", "mirai", "zmap"]);
        let bloom = chunk.close.bloom_filter.unwrap();
        assert!(["masscan", "mirai", "zmap"].iter().all(|text| bloom.check(text)));
        let others = (0..1_000).filter(|n| bloom.check(&format!("tool {n}").as_str())).count();
        assert!(others < 200, "{others} of 1,000 others are let through");
        assert_eq!(
            chunk.bytes,
            text(false, &["masscan", "mirai", "zmap"]).bytes,
            "the column itself stays the same"
        );
    }

    #[test]
    fn a_bloom_filter_of_nothing_lets_nothing_through() {
        let bloom = text(true, &[]).close.bloom_filter.unwrap();
        assert!(!bloom.check(&"mirai"));
    }
}
