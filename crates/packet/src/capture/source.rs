//! From the raw input to the capture's own bytes: counts what is read and undoes compression by content.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::format::{Compression, Compressions};
use super::xz::XzGuard;

/// How many bytes decide what an input is: the pcap file header, and more than any magic number.
pub(super) const HEAD_BYTES: usize = 24;
/// Buffer before each decompressor, bytes.
const COMPRESSED_BUFFER_BYTES: usize = 1 << 17;
/// Most bytes asked of a decompressor at once. When it meets damage it drops what the same call had made
/// before, so this is how much good data damage in the middle can cost.
const DECOMPRESSED_READ_BYTES: usize = 1 << 14;
/// Largest window of a zstd frame, power of two: the format's own recommended limit for streams, 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// First of the sixteen magic numbers of skippable frames, which zstd and lz4 share (RFC 8878, 3.1.2).
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;

/// What is known of the raw input while other layers own it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    bytes: AtomicU64,
    failed: AtomicBool,
}

impl Progress {
    /// Bytes of the raw input read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the raw input itself failed, rather than a layer above it.
    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

/// The raw input, counted; interrupted reads are tried again here, so that no layer above sees them.
struct Counted {
    inner: Box<dyn Read + Send>,
    progress: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Ok(count) => {
                    self.progress.bytes.fetch_add(count as u64, Ordering::Relaxed);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.progress.failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    }
}

/// A stream whose first bytes have been looked at and are still to be read.
pub(super) struct Peeked {
    head: [u8; HEAD_BYTES],
    /// `head[from..to]` is still to be read.
    from: usize,
    to: usize,
    /// A failure met while looking; it comes after the bytes before it.
    failure: Option<io::Error>,
    ended: bool,
    inner: Box<dyn Read + Send>,
}

impl Peeked {
    fn new(inner: Box<dyn Read + Send>) -> Peeked {
        let mut peeked = Peeked {
            head: [0; HEAD_BYTES],
            from: 0,
            to: 0,
            failure: None,
            ended: false,
            inner,
        };
        peeked.look();
        peeked
    }

    /// Up to [`HEAD_BYTES`] bytes that come next; fewer only before the end or a failure.
    pub(super) fn head(&self) -> &[u8] {
        self.head.get(self.from..self.to).unwrap_or_default()
    }

    /// The failure that comes after [`Peeked::head`], if there is one already.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    fn look(&mut self) {
        self.head.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        while !self.ended
            && let Some(free) = self.head.get_mut(self.to..).filter(|free| !free.is_empty())
        {
            match self.inner.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => self.to += count,
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                }
            }
        }
    }

    /// Passes over a skippable frame that comes next; `false` when there is none.
    fn skip_frame(&mut self) -> io::Result<bool> {
        let Some(len) = skippable_bytes(self.head()) else {
            return Ok(false);
        };
        let skipped = io::copy(&mut self.by_ref().take(len), &mut io::sink())?;
        if skipped < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.look();
        Ok(true)
    }
}

/// Length of the skippable frame that begins `head`, its header included, bytes.
fn skippable_bytes(head: &[u8]) -> Option<u64> {
    let &[m0, m1, m2, m3, l0, l1, l2, l3] = head.first_chunk::<8>()?;
    let is_skippable = u32::from_le_bytes([m0, m1, m2, m3]) & !0xf == SKIPPABLE_MAGIC;
    is_skippable.then(|| u64::from(u32::from_le_bytes([l0, l1, l2, l3])) + 8)
}

impl Read for Peeked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.from < self.to {
            let count = self.head().len().min(buffer.len());
            buffer.iter_mut().zip(self.head()).for_each(|(to, from)| *to = *from);
            self.from += count;
            return Ok(count);
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.ended { Ok(0) } else { self.inner.read(buffer) }
    }
}

/// Why the layers around a capture could not be undone.
pub(super) enum LayerError {
    /// There are more than [`super::COMPRESSIONS_MAX`].
    TooMany,
    /// One could not be read.
    Io(io::Error),
}

/// Undoes the compression around a capture, told by magic numbers.
///
/// Says what it undid in `compressions`, also when it then fails.
pub(super) fn undo_compression(
    raw: Box<dyn Read + Send>,
    progress: &Arc<Progress>,
    compressions: &mut Compressions,
) -> Result<Peeked, LayerError> {
    let mut peeked = Peeked::new(Box::new(Counted {
        inner: raw,
        progress: Arc::clone(progress),
    }));
    loop {
        while peeked.skip_frame().map_err(LayerError::Io)? {}
        let Some(compression) = Compression::of(peeked.head()) else {
            return Ok(peeked);
        };
        if !compressions.push(compression) {
            return Err(LayerError::TooMany);
        }
        peeked = Peeked::new(decompressor(compression, peeked).map_err(LayerError::Io)?);
    }
}

fn decompressor(compression: Compression, compressed: Peeked) -> io::Result<Box<dyn Read + Send>> {
    let buffered = BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, compressed);
    Ok(match compression {
        Compression::Gzip => Box::new(Sips(flate2::bufread::MultiGzDecoder::new(buffered))),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(Sips(decoder))
        }
        Compression::Xz => Box::new(Sips(lzma_rust2::XzReader::new(XzGuard::new(buffered), true))),
        Compression::Lz4 => Box::new(Lz4Frames::new(buffered)),
    })
}

/// Asks for little at a time, see [`DECOMPRESSED_READ_BYTES`].
struct Sips<R>(R);

impl<R: Read> Read for Sips<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(DECOMPRESSED_READ_BYTES);
        self.0.read(buffer.get_mut(..len).unwrap_or_default())
    }
}

/// Any number of LZ4 frames after each other.
///
/// The frame decoder takes the end of its input for the end of the data even between two blocks of a frame;
/// here only an end between two frames is one.
struct Lz4Frames<R: Read> {
    decoder: lz4_flex::frame::FrameDecoder<Tap<R>>,
    between_frames: bool,
}

/// Notices when the compressed data ends, and gives back the magic number that was looked at.
struct Tap<R> {
    inner: R,
    looked: Option<[u8; 4]>,
    ended: bool,
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(bytes) = self.looked {
            if let Some(to) = buffer.first_chunk_mut::<4>() {
                *to = bytes;
                self.looked = None;
                return Ok(bytes.len());
            }
            return Err(io::Error::other("lz4 magic number read in parts"));
        }
        let count = self.inner.read(buffer)?;
        self.ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl<R: Read> Lz4Frames<R> {
    fn new(inner: R) -> Lz4Frames<R> {
        let tap = Tap {
            inner,
            looked: None,
            ended: false,
        };
        Lz4Frames {
            decoder: lz4_flex::frame::FrameDecoder::new(tap),
            between_frames: true,
        }
    }

    /// Looks at the next frame's magic number; `false` at the end of the input.
    fn begin_frame(&mut self) -> io::Result<bool> {
        let tap = self.decoder.get_mut();
        loop {
            let mut magic = [0; 4];
            let mut filled = 0;
            while let Some(free) = magic.get_mut(filled..).filter(|free| !free.is_empty()) {
                match tap.inner.read(free)? {
                    0 if filled == 0 => return Ok(false),
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => filled += count,
                }
            }
            if u32::from_le_bytes(magic) & !0xf != SKIPPABLE_MAGIC {
                tap.looked = Some(magic);
                return Ok(true);
            }
            let mut len = [0; 4];
            tap.inner.read_exact(&mut len)?;
            let len = u64::from(u32::from_le_bytes(len));
            if io::copy(&mut tap.inner.by_ref().take(len), &mut io::sink())? < len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl<R: Read> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.between_frames && !self.begin_frame()? {
                return Ok(0);
            }
            self.between_frames = false;
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if self.decoder.get_ref().ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.between_frames = true;
        }
    }
}
