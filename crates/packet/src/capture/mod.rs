//! Frames out of capture files: pcap and pcapng, plain or compressed, told by content and never by name.
//!
//! [`Capture::open`] looks at the first bytes, undoes compression, and [`Capture::next`] then lends one
//! [`Frame`] after another out of one reused buffer. Memory does not grow with the input: the buffer is
//! 1 MiB, and each layer of compression has a limit of its own (zstd window and xz dictionary 128 MiB).
//! Damage ends a capture with one error after all packets before it; where compressed data is damaged rather
//! than cut off, the decompressor may drop up to 16 KiB (zstd and lz4: one block) of what came before.

mod error;
mod format;
mod pcap;
mod pcapng;
mod source;
mod window;
mod xz;

use std::fmt;
use std::io::Read;
use std::sync::Arc;

pub use error::{CaptureError, Damage, FirstBytes, Likeness};
pub use format::{ByteOrder, COMPRESSIONS_MAX, Compression, Compressions, Container, Format, Resolution};

use crate::LinkType;
use error::Stop;
use pcap::{FILE_HEADER_BYTES, PcapReader};
use pcapng::PcapngReader;
use source::{LayerError, Progress};
use window::Window;

/// Most captured bytes of one packet; a record that claims more is damage. The same as libpcap's and
/// Wireshark's maximum (MAXIMUM_SNAPLEN, WTAP_MAX_PACKET_SIZE_STANDARD).
pub const RECORD_BYTES_MAX: u32 = 262_144;

/// Longest pcapng block that is kept in memory, bytes: a packet of [`RECORD_BYTES_MAX`] with its options, or
/// an interface with its own. Blocks of other types may be longer; they are skipped, not kept.
pub const BLOCK_BYTES_MAX: u32 = 1 << 20;

/// Most interfaces in one section of a pcapng file.
pub const INTERFACES_MAX: usize = 1 << 16;

/// One packet as it was captured, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Nanoseconds since 1970-01-01 UTC, saturating. A Simple Packet Block of pcapng has no time and gets
    /// that of the packet before it, 0 when it is the first.
    pub time_ns: i64,
    /// Link-layer type.
    pub link: LinkType,
    /// Length on the wire as the capture says, bytes; more than `data` when the capture kept only a part.
    pub wire_len: u32,
    /// The captured bytes.
    pub data: &'a [u8],
    /// Index of the interface in its pcapng section; 0 for pcap.
    pub interface: u32,
}

/// A frame before its bytes are lent: positions in the window.
struct Record {
    time_ns: i64,
    link: LinkType,
    wire_len: u32,
    interface: u32,
    from: usize,
    to: usize,
}

/// Reads the frames of one capture.
pub struct Capture {
    window: Window,
    reader: Reader,
    format: Format,
    progress: Arc<Progress>,
    packets: u64,
    done: bool,
}

enum Reader {
    Pcap(PcapReader),
    Pcapng(PcapngReader),
}

impl Capture {
    /// Finds out what `input` is; nothing is taken from its name.
    ///
    /// Reads up to 24 bytes of the (decompressed) input, so it waits for those on a pipe.
    ///
    /// # Errors
    /// When the input is no capture, a version that is not supported, compressed more than
    /// [`COMPRESSIONS_MAX`] times, cut off inside its first header, or cannot be read.
    pub fn open(input: Box<dyn Read + Send>) -> Result<Capture, CaptureError> {
        let progress = Arc::new(Progress::default());
        let mut compressions = Compressions::default();
        let mut peeked = match source::undo_compression(input, &progress, &mut compressions) {
            Ok(peeked) => peeked,
            Err(LayerError::TooMany) => {
                return Err(CaptureError::CompressedTooOften { max: COMPRESSIONS_MAX });
            }
            Err(LayerError::Io(source)) => {
                return Err(place(Stop::Io(source), &progress, compressions, 0, 0));
            }
        };
        let head = peeked.head();
        let Some(container) = PcapReader::container(head).or_else(|| PcapngReader::container(head)) else {
            let (likeness, first) = (Likeness::of(head), FirstBytes::of(head));
            return Err(match peeked.take_failure() {
                Some(source) => place(Stop::Io(source), &progress, compressions, 0, 0),
                None => CaptureError::NotACapture { likeness, first },
            });
        };
        if let Container::Pcapng { order } = container
            && let Some((major, minor)) = PcapngReader::unsupported(head, order)
        {
            return Err(CaptureError::UnsupportedVersion {
                container: "pcapng",
                major,
                minor,
            });
        }
        let mut window = Window::new(Box::new(peeked));
        let reader = match container {
            Container::Pcap {
                resolution,
                order,
                modified,
            } => {
                let header = file_header(&mut window).map_err(|stop| place(stop, &progress, compressions, 0, 0))?;
                let reader = PcapReader::new(&header, order, resolution, modified).map_err(|version| {
                    let (major, minor) = (version.major, version.minor);
                    CaptureError::UnsupportedVersion {
                        container: "pcap",
                        major,
                        minor,
                    }
                })?;
                window.hash_context(&reader.context());
                Reader::Pcap(reader)
            }
            Container::Pcapng { order } => Reader::Pcapng(PcapngReader::new(order)),
        };
        let format = Format { container, compressions };
        Ok(Capture {
            window,
            reader,
            format,
            progress,
            packets: 0,
            done: false,
        })
    }

    /// The next frame, `None` at the end; after `None` or an error always `None`.
    ///
    /// # Errors
    /// Once, after all packets before it, when the capture is damaged, cut off or cannot be read on.
    // An Iterator cannot lend from itself.
    #[allow(clippy::should_implement_trait, reason = "a lending iterator: the frame borrows from the buffer")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if self.done {
            return Ok(None);
        }
        let record = match &mut self.reader {
            Reader::Pcap(reader) => reader.next(&mut self.window),
            Reader::Pcapng(reader) => reader.next(&mut self.window),
        };
        match record {
            Ok(Some(Record {
                time_ns,
                link,
                wire_len,
                interface,
                from,
                to,
            })) => {
                self.packets += 1;
                let data = self.window.slice(from, to);
                Ok(Some(Frame {
                    time_ns,
                    link,
                    wire_len,
                    data,
                    interface,
                }))
            }
            Ok(None) => {
                self.done = true;
                Ok(None)
            }
            Err(stop) => Err(self.stop(stop)),
        }
    }

    /// What the capture turned out to be.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Bytes of the decompressed stream consumed so far, headers included.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Bytes of the raw input read so far, for progress bars; ahead of [`Capture::offset`] by what is
    /// buffered.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.progress.bytes()
    }

    /// Packets delivered so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// How many packets of a pcap file had a fraction of a second or more in their time stamp. It was added
    /// to the seconds, as other tools do.
    #[must_use]
    pub fn times_over(&self) -> u64 {
        match &self.reader {
            Reader::Pcap(reader) => reader.times_over(),
            Reader::Pcapng(_) => 0,
        }
    }

    /// What [`Capture::take_digest`] would give, without beginning anew.
    #[must_use]
    pub fn digest(&mut self) -> u128 {
        self.window.digest()
    }

    /// XXH3-128 of what was consumed since the last call, or since opening.
    ///
    /// What is hashed: first a context that the bytes themselves do not hold, then the decompressed bytes
    /// of the records or blocks as they stand. For pcap the context is link type and units in a second (two
    /// u32, little-endian), in every digest, and the rest of the file header is left out. For pcapng it is
    /// link type, if_tsresol and if_tsoffset (u32, u8, i64, little-endian) of each interface in force when
    /// the digest begins; blocks that are skipped are hashed too. The digest depends on the packets taken
    /// between two calls and on nothing else.
    pub fn take_digest(&mut self) -> u128 {
        let digest = self.window.take_digest();
        match &self.reader {
            Reader::Pcap(reader) => self.window.hash_context(&reader.context()),
            Reader::Pcapng(reader) => self.window.hash_context(&reader.context()),
        }
        digest
    }

    #[cold]
    fn stop(&mut self, stop: Stop) -> CaptureError {
        self.done = true;
        place(stop, &self.progress, self.format.compressions, self.window.offset(), self.packets)
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Capture")
            .field("format", &self.format)
            .field("packets", &self.packets)
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

/// Takes the pcap file header, which is left out of the digest.
fn file_header(window: &mut Window) -> Result<[u8; FILE_HEADER_BYTES], Stop> {
    window.fill(FILE_HEADER_BYTES)?;
    let Some(&header) = window.rest().first_chunk() else {
        let found = window.rest().len() as u64;
        return Err(Damage::Cut {
            needed: FILE_HEADER_BYTES as u64,
            found,
        }
        .into());
    };
    window.consume(FILE_HEADER_BYTES);
    window.forget_consumed();
    Ok(header)
}

/// Adds the place to what stopped a reader, and tells a failing input from failing decompression.
#[cold]
fn place(stop: Stop, progress: &Progress, compressions: Compressions, offset: u64, delivered: u64) -> CaptureError {
    let packet = delivered + 1;
    match stop {
        Stop::Damage(reason) => CaptureError::Damaged { offset, packet, reason },
        Stop::Io(source) if progress.failed() || compressions.is_empty() => CaptureError::Read { offset, packet, source },
        Stop::Io(source) => CaptureError::Decompress {
            compressions,
            offset,
            packet,
            source,
        },
    }
}
