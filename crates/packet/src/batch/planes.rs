//! Columns of numbers as planes of bytes, each plane one value, plain or compressed.

use zstd::bulk::{Compressor, Decompressor};

use super::BatchError;
use super::bytes::{Reader, put_varint};

/// Level of compression: with 3 and 9 the batches of `examples/batch.rs` are no smaller.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(frame: &[u8]) -> Vec<u8> {
        let mut bytes = vec![ZSTD];
        put_varint(&mut bytes, frame.len() as u64);
        bytes.extend(frame);
        bytes
    }

    fn read(bytes: &[u8], len: usize) -> Result<Vec<u8>, BatchError> {
        PlaneReader::new(Reader(bytes))?.plane("plane", len).map(<[u8]>::to_vec)
    }

    #[test]
    fn planes_come_back() {
        let random: Vec<u8> = (0..500_u32)
            .map(|nth| (nth.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0])
            .collect();
        let text = b"again and again and again and again and again".to_vec();
        for (plane, tag) in [
            (vec![7; 300], SAME),
            (vec![1], SAME),
            (vec![1, 2, 3], PLAIN),
            (random, PLAIN),
            (text, ZSTD),
        ] {
            let mut out = Vec::new();
            PlaneWriter::default().plane(&plane, &mut out);
            assert_eq!((out.first(), read(&out, plane.len())), (Some(&tag), Ok(plane.clone())));
            assert!(read(&out, plane.len() + 1).is_err() || tag == SAME);
            assert!(read(out.get(..out.len() - 1).unwrap_or_default(), plane.len()).is_err());
        }
        let mut out = Vec::new();
        PlaneWriter::default().plane(&[], &mut out);
        assert_eq!((out.len(), read(&[], 0)), (0, Ok(Vec::new())));
    }

    #[test]
    fn a_frame_that_grows_beyond_its_plane_is_refused() {
        // 100 MB of zeros in some 10 kB, a bomb.
        let bomb = zstd::bulk::compress(&vec![0; 100 << 20], 19).unwrap();
        assert!(bomb.len() < 20_000);
        for len in [1, 1000, 1 << 16] {
            assert_eq!(read(&stored(&bomb), len), Err(BatchError::Wrong { what: "plane" }));
        }
        let whole = zstd::bulk::compress(&[5; 1000], 1).unwrap();
        assert_eq!(read(&stored(&whole), 1000), Ok(vec![5; 1000]));
        assert!(read(&stored(&whole), 999).is_err() && read(&stored(&whole), 1001).is_err());
        // Two frames one after the other, none, and something else.
        assert!(read(&stored(&[whole.clone(), whole].concat()), 1000).is_err());
        assert!(read(&stored(&[]), 1000).is_err() && read(&stored(b"no frame"), 8).is_err());
        assert!(read(&[3, 0, 0], 1).is_err());
    }

    #[test]
    fn columns_take_the_bytes_that_their_numbers_need() {
        let check = |values: &[u64], width: u8| {
            let (mut out, mut found) = (Vec::new(), Vec::new());
            PlaneWriter::default().column(values, &mut out);
            assert_eq!(out.first(), Some(&width));
            let mut planes = PlaneReader::new(Reader(&out)).unwrap();
            planes.column("column", values.len(), usize::from(width), &mut found).unwrap();
            assert_eq!((found.as_slice(), planes.reader.0.len()), (values, 0));
            let narrow = usize::from(width).checked_sub(1);
            let mut planes = PlaneReader::new(Reader(&out)).unwrap();
            assert!(narrow.is_none_or(|narrow| planes.column("column", values.len(), narrow, &mut found).is_err()));
        };
        check(&[0, 0, 0], 0);
        check(&[0, 255], 1);
        check(&[256, 1, 2], 2);
        check(&[u64::MAX, 0], 8);
    }
}
