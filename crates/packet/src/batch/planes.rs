//! Columns of numbers as planes of bytes, each plane one value, plain or compressed.

use zstd::bulk::{Compressor, Decompressor};

use super::BatchError;
use super::bytes::{Reader, put_varint};

/// Level of compression: higher ones save under one percent of a batch.
const LEVEL: i32 = 1;
/// Shortest plane that is worth an attempt to compress it.
const COMPRESSED_FROM_BYTES: usize = 24;

/// One byte, repeated.
const SAME: u8 = 0;
/// Bytes as they are.
const PLAIN: u8 = 1;
/// A zstd frame.
const ZSTD: u8 = 2;

/// Writes planes; keeps its memory from batch to batch.
#[derive(Default)]
pub(super) struct PlaneWriter {
    compressor: Option<Compressor<'static>>,
    plane: Vec<u8>,
    compressed: Vec<u8>,
}

impl PlaneWriter {
    /// Appends a column: how many bytes its numbers need, and a plane for each of these.
    pub(super) fn column<N: Number>(&mut self, values: &[N], out: &mut Vec<u8>) {
        if values.is_empty() {
            return;
        }
        let width = N::width(values);
        out.extend(width.to_le_bytes().first());
        let mut plane = std::mem::take(&mut self.plane);
        for place in 0..width {
            plane.clear();
            plane.extend(values.iter().map(|value| value.byte(place)));
            self.plane(&plane, out);
        }
        self.plane = plane;
    }

    /// Appends one plane; one without bytes is left out.
    pub(super) fn plane(&mut self, plane: &[u8], out: &mut Vec<u8>) {
        let Some((first, rest)) = plane.split_first() else {
            return;
        };
        if rest.iter().all(|byte| byte == first) {
            out.extend([SAME, *first]);
        } else if plane.len() >= COMPRESSED_FROM_BYTES && self.compress(plane) && self.compressed.len() + 4 < plane.len() {
            out.push(ZSTD);
            put_varint(out, self.compressed.len() as u64);
            out.extend_from_slice(&self.compressed);
        } else {
            out.push(PLAIN);
            out.extend_from_slice(plane);
        }
    }

    /// Whether it worked: without memory for it, a plane is kept as it is.
    fn compress(&mut self, plane: &[u8]) -> bool {
        if self.compressor.is_none() {
            self.compressor = Compressor::new(LEVEL).ok();
        }
        let Some(compressor) = &mut self.compressor else {
            return false;
        };
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(plane.len()));
        compressor.compress_to_buffer(plane, &mut self.compressed).is_ok()
    }
}

/// What columns are made of.
pub(super) trait Number: Copy {
    /// Bytes that the largest of them needs.
    fn width(values: &[Self]) -> u32;
    /// One of its bytes, the lowest at place 0.
    fn byte(self, place: u32) -> u8;
}

/// For one of the unsigned types.
macro_rules! number {
    ($type:ty) => {
        impl Number for $type {
            fn width(values: &[$type]) -> u32 {
                let used = values.iter().fold(0, |used, value| used | value);
                <$type>::BITS.div_ceil(8) - used.leading_zeros() / 8
            }

            #[inline]
            fn byte(self, place: u32) -> u8 {
                (self >> (8 * place)).to_le_bytes()[0]
            }
        }
    };
}
number!(u32);
number!(u64);

/// Reads planes.
pub(super) struct PlaneReader<'a> {
    pub(super) reader: Reader<'a>,
    decompressor: Decompressor<'static>,
    plane: Vec<u8>,
}

impl<'a> PlaneReader<'a> {
    pub(super) fn new(reader: Reader<'a>) -> Result<PlaneReader<'a>, BatchError> {
        Ok(PlaneReader {
            reader,
            decompressor: Decompressor::new().map_err(|_| BatchError::NotMade {
                what: "no memory to decompress",
            })?,
            plane: Vec::new(),
        })
    }

    /// A column of `count` numbers of at most `width_max` bytes, into `values`.
    pub(super) fn column(&mut self, what: &'static str, count: usize, width_max: usize, values: &mut Vec<u64>) -> Result<(), BatchError> {
        values.clear();
        if count == 0 {
            return Ok(());
        }
        let width = self.reader.u8()?;
        if usize::from(width) > width_max {
            return Err(BatchError::Wrong { what });
        }
        values.resize(count, 0);
        for place in 0..width {
            let plane = self.plane(what, count)?;
            for (value, byte) in values.iter_mut().zip(plane) {
                *value |= u64::from(*byte) << (8 * place);
            }
        }
        Ok(())
    }

    /// One plane of exactly `len` bytes.
    pub(super) fn plane(&mut self, what: &'static str, len: usize) -> Result<&[u8], BatchError> {
        self.plane.clear();
        if len == 0 {
            return Ok(&self.plane);
        }
        match self.reader.u8()? {
            SAME => self.plane.resize(len, self.reader.u8()?),
            PLAIN => self.plane.extend_from_slice(self.reader.take(len)?),
            ZSTD => {
                let stored = self.reader.count(what, self.reader.0.len())?;
                let stored = self.reader.take(stored)?;
                // Never writes beyond the capacity that is here, whatever the frame says of itself.
                self.plane.resize(len, 0);
                let written = self.decompressor.decompress_to_buffer(stored, self.plane.as_mut_slice());
                if written.ok() != Some(len) {
                    return Err(BatchError::Wrong { what });
                }
            }
            _ => return Err(BatchError::Wrong { what }),
        }
        Ok(&self.plane)
    }
}
