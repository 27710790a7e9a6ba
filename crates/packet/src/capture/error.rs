//! Why a capture cannot be opened or read on: every error with its place, its reason and what to do.

use std::{fmt, io};

use super::format::Compressions;

/// Why a capture could not be opened, or could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The (decompressed) input begins like nothing that is read here.
    #[error(
        "tell what the input is: {likeness}, not a pcap or pcapng capture (first bytes: {first}); hint: {}",
        likeness.hint()
    )]
    NotACapture {
        /// What the first bytes look like.
        likeness: Likeness,
        /// The first bytes themselves.
        first: FirstBytes,
    },
    /// The container is known, this version of it is not.
    #[error(
        "open {container} capture: version {major}.{minor} is not supported; \
         hint: rewrite it with a current capture tool, for example `editcap -F pcap`"
    )]
    UnsupportedVersion {
        /// `pcap` or `pcapng`.
        container: &'static str,
        /// Major version in the header.
        major: u16,
        /// Minor version in the header.
        minor: u16,
    },
    /// The input is compressed more often than is undone here.
    #[error("decompress the input: it is compressed more than {max} times over; hint: decompress it once by hand")]
    CompressedTooOften {
        /// How many layers are undone.
        max: usize,
    },
    /// The capture is damaged or cut off; every packet before this place was delivered.
    #[error("read packet {packet} at byte {offset} of the capture: {reason}")]
    Damaged {
        /// Where the damaged record or block begins, in bytes of the decompressed stream.
        offset: u64,
        /// Number of the packet that should have come, counted from 1.
        packet: u64,
        /// What is wrong there.
        reason: Damage,
    },
    /// The input itself could not be read.
    #[error("read packet {packet} at byte {offset} of the capture")]
    Read {
        /// Where the record or block begins that could not be completed (decompressed stream, bytes).
        offset: u64,
        /// Number of the packet that should have come, counted from 1.
        packet: u64,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The compressed data is damaged or cut off; every packet before this place was delivered.
    #[error(
        "decompress packet {packet} at byte {offset} of the capture ({compressions}): \
         the compressed data is damaged or cut off"
    )]
    Decompress {
        /// The layers of compression, outermost first.
        compressions: Compressions,
        /// Where the record or block begins that could not be completed (decompressed stream, bytes).
        offset: u64,
        /// Number of the packet that should have come, counted from 1.
        packet: u64,
        /// What the decompressor said.
        #[source]
        source: io::Error,
    },
}

/// What is wrong at one place of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The input ends inside a header, record or block.
    #[error("the input ends after {found} of {needed} bytes")]
    Cut {
        /// Bytes that were needed from the offset on.
        needed: u64,
        /// Bytes that were there.
        found: u64,
    },
    /// A packet claims more captured bytes than [`super::RECORD_BYTES_MAX`].
    #[error("the packet claims {len} captured bytes, more than {max}")]
    PacketTooLong {
        /// Claimed length, bytes.
        len: u32,
        /// The limit, bytes.
        max: u32,
    },
    /// A pcapng block that has to be kept in memory is longer than [`super::BLOCK_BYTES_MAX`].
    #[error("block of type {kind:#x} is {len} bytes long, more than {max}")]
    BlockTooLong {
        /// Block type.
        kind: u32,
        /// Total length, bytes.
        len: u32,
        /// The limit, bytes.
        max: u32,
    },
    /// A pcapng block is too short for what its type has to hold.
    #[error("block of type {kind:#x} is {len} bytes long, less than {min}")]
    BlockTooShort {
        /// Block type.
        kind: u32,
        /// Total length, bytes.
        len: u32,
        /// The least length of this type, bytes.
        min: u32,
    },
    /// The total length of a pcapng block is not a multiple of four.
    #[error("block of type {kind:#x} is {len} bytes long, not a multiple of 4")]
    BlockUneven {
        /// Block type.
        kind: u32,
        /// Total length, bytes.
        len: u32,
    },
    /// The two copies of a pcapng block's total length differ.
    #[error("block of type {kind:#x} begins with length {len} but ends with {trailer}")]
    TrailerDiffers {
        /// Block type.
        kind: u32,
        /// Length at its beginning, bytes.
        len: u32,
        /// Length at its end, bytes.
        trailer: u32,
    },
    /// A pcapng packet is longer than the block around it.
    #[error("the packet claims {len} captured bytes in a block with room for {room}")]
    PacketOverBlock {
        /// Claimed length, bytes.
        len: u32,
        /// Bytes that the block has for it.
        room: u32,
    },
    /// An option of an interface description is longer than the block around it.
    #[error("an option of {len} bytes does not fit the {room} bytes left of its block")]
    OptionOverBlock {
        /// Claimed length, bytes.
        len: u32,
        /// Bytes left.
        room: u32,
    },
    /// A pcapng section begins with a byte-order magic that is neither order.
    #[error("section with byte-order magic {found:#010x}")]
    ByteOrderMagic {
        /// What stands there, read as big-endian.
        found: u32,
    },
    /// A later section of a pcapng file has a version that is not known.
    #[error("section of pcapng version {major}.{minor}, which is not supported")]
    SectionVersion {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// A packet names an interface that its section has not described.
    #[error("the packet is of interface {interface}, but its section has described {known}")]
    UnknownInterface {
        /// Index that the packet names, from 0.
        interface: u32,
        /// How many interfaces the section has described so far.
        known: usize,
    },
    /// A section describes more than [`super::INTERFACES_MAX`] interfaces.
    #[error("section with more than {max} interfaces")]
    TooManyInterfaces {
        /// The limit.
        max: usize,
    },
}

/// What an input that is no capture looks like, judged from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Nothing at all.
    Empty,
    /// Endace's extensible record format; it has no magic number, so this is a guess.
    Erf,
    /// Solaris snoop (RFC 1761).
    Snoop,
    /// Microsoft Network Monitor.
    NetworkMonitor,
    /// Readable text, such as CSV or a log.
    Text,
    /// An archive or a compression that is not undone here.
    Archive,
    /// A Parquet file.
    Parquet,
    /// Too few bytes to tell, or nothing known.
    Unknown,
}

impl Likeness {
    /// What the bytes at the beginning of an input look like; `head` is all that is known of it.
    #[must_use]
    pub fn of(head: &[u8]) -> Likeness {
        const ARCHIVES: [&[u8]; 6] = [
            b"BZh",
            b"PK\x03\x04",
            b"7z\xbc\xaf\x27\x1c",
            b"Rar!",
            b"\x1f\x9d",
            b"\x02\x21\x4c\x18",
        ];
        if head.is_empty() {
            Likeness::Empty
        } else if head.starts_with(b"snoop\0\0\0") {
            Likeness::Snoop
        } else if head.starts_with(b"GMBU") || head.starts_with(b"RTSS") {
            Likeness::NetworkMonitor
        } else if head.starts_with(b"PAR1") {
            Likeness::Parquet
        } else if ARCHIVES.iter().any(|magic| head.starts_with(magic)) {
            Likeness::Archive
        } else if is_text(head) {
            Likeness::Text
        } else if is_erf(head) {
            Likeness::Erf
        } else {
            Likeness::Unknown
        }
    }

    /// What to do about it, for people.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Likeness::Empty => "check that the capture was written and copied completely",
            Likeness::Erf | Likeness::Snoop | Likeness::NetworkMonitor => "convert it with `editcap -F pcap in out.pcap`",
            Likeness::Text => "pass the capture itself, not its listing",
            Likeness::Archive => "unpack it first; gzip, zstd, xz and lz4 frames are undone here, archives and others are not",
            Likeness::Parquet => "it is a table, not a capture; query it in the lake",
            Likeness::Unknown => {
                "pcap and pcapng are read, plain or in gzip, zstd, xz or lz4; \
                 `editcap -F pcap in out.pcap` converts many others"
            }
        }
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Likeness::Empty => "it is empty",
            Likeness::Erf => "it looks like ERF",
            Likeness::Snoop => "it is a snoop capture",
            Likeness::NetworkMonitor => "it is a Network Monitor capture",
            Likeness::Text => "it is text",
            Likeness::Archive => "it is an archive or compressed in a way not undone here",
            Likeness::Parquet => "it is a Parquet file",
            Likeness::Unknown => "it is nothing known",
        })
    }
}

fn is_text(head: &[u8]) -> bool {
    head.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..))
        && std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// ERF has no magic: a record begins with a 64-bit time (whole seconds in the upper, little-endian half),
/// a type of which 1 to 27 and 48 are assigned (bit 7: extension headers follow), flags, and a big-endian
/// record length that covers at least the 16 bytes of the header itself.
fn is_erf(head: &[u8]) -> bool {
    let Some(&[_, _, _, _, s0, s1, s2, s3, kind, _, len0, len1, ..]) = head.first_chunk::<16>() else {
        return false;
    };
    let seconds = u32::from_le_bytes([s0, s1, s2, s3]);
    let len = u16::from_be_bytes([len0, len1]);
    seconds > 0 && matches!(kind & 0x7f, 1..=27 | 48) && len >= 16
}

/// The first bytes of an input, shown in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstBytes {
    bytes: [u8; 8],
    len: usize,
}

impl FirstBytes {
    /// Keeps up to eight bytes of `head`.
    #[must_use]
    pub fn of(head: &[u8]) -> FirstBytes {
        let mut bytes = [0; 8];
        let len = head.len().min(bytes.len());
        bytes.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        FirstBytes { bytes, len }
    }
}

impl fmt::Display for FirstBytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len == 0 {
            return out.write_str("none");
        }
        for (at, byte) in self.bytes.iter().take(self.len).enumerate() {
            write!(out, "{}{byte:02x}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// Why a container's reader stopped; [`super::Capture`] adds the place.
#[derive(Debug)]
pub(super) enum Stop {
    /// The bytes are wrong.
    Damage(Damage),
    /// The bytes could not be had.
    Io(io::Error),
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Stop {
        Stop::Damage(damage)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_of_known_beginnings() {
        let cases: [(&[u8], Likeness); 9] = [
            (b"", Likeness::Empty),
            (b"snoop\0\0\0\0\0\0\x02", Likeness::Snoop),
            (b"time,src,dst\n2024-01-01", Likeness::Text),
            ("観測点,日付\n".as_bytes(), Likeness::Text),
            (b"PK\x03\x04\x14\0", Likeness::Archive),
            (b"BZh91AY&SY\x01\x02", Likeness::Archive),
            (b"PAR1\x15\0", Likeness::Parquet),
            (b"\0\x47\x2f\0\x81\xd7\x48\x41\x02\x05\0\x48\0\0\x03\x3b", Likeness::Erf),
            (&[0; 24], Likeness::Unknown),
        ];
        for (head, expected) in cases {
            assert_eq!(Likeness::of(head), expected, "{head:02x?}");
        }
    }

    #[test]
    fn first_bytes_are_shown_in_hexadecimal() {
        assert_eq!(FirstBytes::of(b"\0\x47/").to_string(), "00 47 2f");
        assert_eq!(FirstBytes::of(&[255; 30]).to_string(), "ff ff ff ff ff ff ff ff");
        assert_eq!(FirstBytes::of(b"").to_string(), "none");
    }
}
