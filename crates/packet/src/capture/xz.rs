//! A limit on the memory that an xz stream can ask for, and reads that are never short.
//!
//! The decompressor allocates whatever dictionary a block's header names, up to 4 GiB, and a list as long as
//! the index claims. So its input is watched on the way: the container's structure is followed, and a header
//! that asks for too much is an error before the decompressor sees it. It also takes short reads for the end
//! of the input in places, so reads through here are filled.
//!
//! Format: The .xz File Format 1.2.1 (tukaani.org).

use std::io::{self, Read};

/// Largest dictionary of a block, bytes: twice that of `xz -9`.
pub(super) const XZ_DICTIONARY_BYTES_MAX: u64 = 1 << 27;
/// Most blocks in one stream; their index is kept in memory (16 bytes each) until it is checked.
const XZ_BLOCKS_MAX: u64 = 1 << 20;

const STREAM_HEADER_BYTES: usize = 12;
const STREAM_FOOTER_BYTES: u64 = 12;
const FILTER_LZMA2: u64 = 0x21;
/// Length of a block's check, bytes, by the low four bits of the stream's flags.
const CHECK_BYTES: [u64; 16] = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/// Where in the container the next bytes belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    StreamHeader,
    BlockSize,
    BlockHeader,
    ChunkControl,
    ChunkStored,
    ChunkPacked { with_properties: bool },
    IndexCount,
    IndexEntries { left: u64 },
    BetweenStreams,
}

/// Passes an xz file on, following its structure.
pub(super) struct XzGuard<R> {
    inner: R,
    place: Place,
    /// Bytes to pass over before the next that matter.
    skip: u64,
    /// The bytes that matter so far, until there are `want`; a block header is at most 1024.
    held: Vec<u8>,
    want: usize,
    check_bytes: u64,
    blocks: u64,
    /// Bytes of the block's data, or of the index, so far; both are padded to four.
    part_bytes: u64,
}

impl<R: Read> XzGuard<R> {
    pub(super) fn new(inner: R) -> XzGuard<R> {
        XzGuard {
            inner,
            place: Place::StreamHeader,
            skip: 0,
            held: Vec::with_capacity(1024),
            want: STREAM_HEADER_BYTES,
            check_bytes: 0,
            blocks: 0,
            part_bytes: 0,
        }
    }

    fn watch(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let here = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= here as u64;
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
            let here = (self.want - self.held.len()).min(bytes.len());
            let (now, later) = bytes.split_at(here);
            self.held.extend_from_slice(now);
            bytes = later;
            if self.held.len() == self.want {
                self.step()?;
            }
        }
        Ok(())
    }

    /// The bytes that were wanted are all held.
    fn step(&mut self) -> io::Result<()> {
        let byte = self.held.last().copied().unwrap_or(0);
        match self.place {
            Place::StreamHeader => {
                let flags = self.held.get(7).copied().unwrap_or(0);
                self.check_bytes = CHECK_BYTES.get(usize::from(flags & 0x0f)).copied().unwrap_or(0);
                self.blocks = 0;
                self.go(Place::BlockSize, 1);
            }
            Place::BlockSize if byte == 0 => {
                self.part_bytes = 1;
                self.go(Place::IndexCount, 1);
            }
            Place::BlockSize => {
                self.place = Place::BlockHeader;
                self.want = (usize::from(byte) + 1) * 4;
            }
            Place::BlockHeader => {
                check_dictionary(&self.held)?;
                self.part_bytes = 0;
                self.blocks += 1;
                self.go(Place::ChunkControl, 1);
            }
            Place::ChunkControl => self.chunk(byte)?,
            Place::ChunkStored => self.pass_chunk(3, 0),
            Place::ChunkPacked { with_properties } => self.pass_chunk(5, u64::from(with_properties)),
            Place::IndexCount => self.index_count(byte)?,
            Place::IndexEntries { left } => self.index_entry(byte, left),
            Place::BetweenStreams if byte == 0 => self.go(Place::BetweenStreams, 1),
            Place::BetweenStreams => {
                self.place = Place::StreamHeader;
                self.want = STREAM_HEADER_BYTES;
            }
        }
        Ok(())
    }

    fn go(&mut self, place: Place, want: usize) {
        self.place = place;
        self.want = want;
        self.held.clear();
    }

    /// An LZMA2 chunk's control byte: 0 ends the block, 1 and 2 store, 0x80 and above compress, and bring
    /// new properties from 0xc0 on.
    fn chunk(&mut self, control: u8) -> io::Result<()> {
        match control {
            0 => {
                self.part_bytes += 1;
                self.skip = padding(self.part_bytes) + self.check_bytes;
                self.go(Place::BlockSize, 1);
            }
            1 | 2 => self.go(Place::ChunkStored, 2),
            3..0x80 => return Err(invalid("the xz data has an unknown kind of chunk")),
            0x80.. => self.go(
                Place::ChunkPacked {
                    with_properties: control >= 0xc0,
                },
                4,
            ),
        }
        Ok(())
    }

    /// The chunk's length less one stands in the last two bytes held.
    fn pass_chunk(&mut self, header_bytes: u64, extra_bytes: u64) {
        let len = self.held.last_chunk::<2>().map_or(0, |len| u64::from(u16::from_be_bytes(*len)));
        self.skip = len + 1 + extra_bytes;
        self.part_bytes += header_bytes + self.skip;
        self.go(Place::ChunkControl, 1);
    }

    fn index_count(&mut self, byte: u8) -> io::Result<()> {
        if byte & 0x80 != 0 {
            if self.held.len() >= 9 {
                return Err(invalid("the xz index has a number longer than 9 bytes"));
            }
            self.want += 1;
            return Ok(());
        }
        let count = number(&mut self.held.iter().copied()).unwrap_or(u64::MAX);
        if count != self.blocks || count > XZ_BLOCKS_MAX {
            return Err(invalid("the xz index does not have as many entries as there were blocks"));
        }
        self.part_bytes += self.held.len() as u64;
        if count == 0 {
            self.end_index();
        } else {
            self.go(Place::IndexEntries { left: count * 2 }, 1);
        }
        Ok(())
    }

    fn index_entry(&mut self, byte: u8, left: u64) {
        self.part_bytes += 1;
        let left = if byte & 0x80 == 0 { left - 1 } else { left };
        if left == 0 {
            self.end_index();
        } else {
            self.go(Place::IndexEntries { left }, 1);
        }
    }

    /// Padding, the index's CRC-32 and the stream footer follow.
    fn end_index(&mut self) {
        self.skip = padding(self.part_bytes) + 4 + STREAM_FOOTER_BYTES;
        self.go(Place::BetweenStreams, 1);
    }
}

impl<R: Read> Read for XzGuard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            match self.inner.read(free)? {
                0 => break,
                count => filled += count,
            }
        }
        self.watch(buffer.get(..filled).unwrap_or_default())?;
        Ok(filled)
    }
}

/// Refuses a block whose header asks for a larger dictionary than [`XZ_DICTIONARY_BYTES_MAX`].
fn check_dictionary(header: &[u8]) -> io::Result<()> {
    let broken = || invalid("the xz block header is too short for its filters");
    let mut bytes = header.iter().copied();
    let (_size, flags) = (bytes.next(), bytes.next().ok_or_else(broken)?);
    for with_size in [flags & 0x40 != 0, flags & 0x80 != 0] {
        if with_size {
            number(&mut bytes).ok_or_else(broken)?;
        }
    }
    for _ in 0..=(flags & 3) {
        let filter = number(&mut bytes).ok_or_else(broken)?;
        let properties = number(&mut bytes).ok_or_else(broken)?;
        for at in 0..properties {
            let property = bytes.next().ok_or_else(broken)?;
            if filter == FILTER_LZMA2 && at == 0 && dictionary_bytes(property) > XZ_DICTIONARY_BYTES_MAX {
                return Err(invalid(&format!(
                    "the xz block needs a dictionary of {} bytes, more than {XZ_DICTIONARY_BYTES_MAX}; \
                     hint: decompress it by hand",
                    dictionary_bytes(property)
                )));
            }
        }
    }
    Ok(())
}

/// An LZMA2 dictionary size: 2 or 3 times a power of two; 40 stands for 4 GiB less one.
fn dictionary_bytes(property: u8) -> u64 {
    match property {
        0..40 => u64::from(2 | (property & 1)) << (property / 2 + 11),
        40 => u64::from(u32::MAX),
        41.. => u64::MAX,
    }
}

/// A number of up to nine bytes, seven bits each, low ones first.
fn number(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = bytes.next()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn padding(len: u64) -> u64 {
    (4 - len % 4) % 4
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionary_sizes_of_the_format() {
        // Section 5.3.1 of the format: 0 is 4 KiB, 1 is 6 KiB, 30 is 128 MiB, 40 is 4 GiB less one byte.
        for (property, expected) in [(0, 4096), (1, 6144), (30, 1 << 27), (31, 3 << 26), (40, 0xffff_ffff)] {
            assert_eq!(dictionary_bytes(property), expected, "{property}");
        }
        let header = |property| [2, 0, 0x21, 1, property, 0, 0, 0, 0, 0, 0, 0];
        assert!(check_dictionary(&header(30)).is_ok());
        assert!(check_dictionary(&header(31)).unwrap_err().to_string().contains("201326592"));
    }
}
