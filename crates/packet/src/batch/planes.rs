//! Columns of numbers as planes of bytes, each plane one value, plain or compressed.

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use super::BatchError;
use super::bytes::{Reader, put_varint};

/// Level of compression: with 3 and 9 the batches of `examples/batch.rs` are no smaller.
const LEVEL: i32 = 1;
/// What zstd looks for in a plane: a repeated byte is found by counting, so only long matches are worth their while, and
/// few places need to be remembered. Batches of `examples/batch.rs` are a little smaller than with what the level says,
/// in four fifths of the time.
const MIN_MATCH: u32 = 7;
const HASH_LOG: u32 = 10;
/// Shortest plane that is worth an attempt to compress it.
const COMPRESSED_FROM_BYTES: usize = 24;

/// Parts of a plane that say whether it is noise, and their bytes; shorter planes are not judged.
const PROBES: usize = 8;
const PROBE_BYTES: usize = 128;
const JUDGED_FROM_BYTES: usize = 4 * PROBES * PROBE_BYTES;
/// Pairs of equal bytes in all parts together, were each byte as likely as any other.
const NOISE_PAIRS: usize = PROBES * PROBE_BYTES * (PROBES * PROBE_BYTES - 1) / 256;
/// A plane is noise with fewer than so many times as many pairs: it would become at most some per cent shorter.
const NOISE_PERCENT: usize = 140;

/// One byte, repeated.
const SAME: u8 = 0;
/// Bytes as they are.
const PLAIN: u8 = 1;
/// A zstd frame.
const ZSTD: u8 = 2;

/// Writes planes; keeps its memory from batch to batch.
#[derive(Default)]
pub(super) struct PlaneWriter {
    /// Whether planes are left as they are.
    plain: bool,
    compressor: Option<Compressor<'static>>,
    plane: Vec<u8>,
    compressed: Vec<u8>,
}

impl PlaneWriter {
    /// One that does not compress.
    pub(super) fn plain() -> PlaneWriter {
        PlaneWriter {
            plain: true,
            ..PlaneWriter::default()
        }
    }

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
        let (Some((first, rest)), Some((_, before))) = (plane.split_first(), plane.split_last()) else {
            return;
        };
        // Each is as the one before it.
        if rest == before {
            out.extend([SAME, *first]);
        } else if self.compress(plane) && self.compressed.len() + 4 < plane.len() {
            out.push(ZSTD);
            put_varint(out, self.compressed.len() as u64);
            out.extend_from_slice(&self.compressed);
        } else {
            out.push(PLAIN);
            out.extend_from_slice(plane);
        }
    }

    /// Whether it was tried and worked: without memory for it, a plane is kept as it is.
    fn compress(&mut self, plane: &[u8]) -> bool {
        if self.plain || plane.len() < COMPRESSED_FROM_BYTES || is_noise(plane) {
            return false;
        }
        if self.compressor.is_none() {
            self.compressor = compressor().ok();
        }
        let Some(compressor) = &mut self.compressor else {
            return false;
        };
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(plane.len()));
        compressor.compress_to_buffer(plane, &mut self.compressed).is_ok()
    }
}

fn compressor() -> std::io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::MinMatch(MIN_MATCH))?;
    compressor.set_parameter(CParameter::HashLog(HASH_LOG))?;
    Ok(compressor)
}

/// Whether a long plane is so even that compressing it would be in vain, as that of sequence numbers and source ports is.
fn is_noise(plane: &[u8]) -> bool {
    if plane.len() < JUDGED_FROM_BYTES {
        return false;
    }
    let mut counts = [0_usize; 256];
    for probe in plane.chunks(plane.len() / PROBES).take(PROBES) {
        for byte in probe.iter().take(PROBE_BYTES) {
            counts[usize::from(*byte)] += 1;
        }
    }
    let pairs: usize = counts.iter().map(|count| count * count.saturating_sub(1)).sum();
    pairs * 100 < NOISE_PAIRS * NOISE_PERCENT
}

/// What columns are made of.
pub(super) trait Number: Copy + Default {
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
number!(u8);
number!(u16);
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

    fn written(plane: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        PlaneWriter::default().plane(plane, &mut out);
        out
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
    fn noise_is_left_as_it_is() {
        let mut dice = 1_u64;
        let mut throw = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let mut even: Vec<u8> = (0..20_000).map(|_| throw(256).to_le_bytes()[0]).collect();
        let uneven: Vec<u8> = (0..20_000).map(|_| throw(100).to_le_bytes()[0]).collect();
        assert!(is_noise(&even) && !is_noise(&uneven) && !is_noise(&even[..JUDGED_FROM_BYTES - 1]));
        assert_eq!(written(&even).first(), Some(&PLAIN));
        assert_eq!(written(&uneven).first(), Some(&ZSTD));
        // Each byte eight times in a row.
        let repeated: Vec<u8> = even.iter().take(4000).flat_map(|byte| [*byte; 8]).collect();
        assert!(!is_noise(&repeated));
        assert_eq!(read(&written(&repeated), repeated.len()).as_ref(), Ok(&repeated));
        // A writer that does not compress.
        let mut out = Vec::new();
        PlaneWriter::plain().plane(&uneven, &mut out);
        assert_eq!((out.first(), out.len()), (Some(&PLAIN), uneven.len() + 1));
        even.truncate(JUDGED_FROM_BYTES);
        assert_eq!(read(&written(&even), even.len()).as_ref(), Ok(&even));
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
