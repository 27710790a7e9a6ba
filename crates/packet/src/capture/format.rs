//! What a capture turned out to be: its container, byte order, resolution and the compression around it.

use std::fmt;

/// How many layers of compression are undone; a third is an error, so that nothing unpacks for ever.
pub const COMPRESSIONS_MAX: usize = 2;

/// What a capture turned out to be, told from its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The capture file format.
    pub container: Container,
    /// The compression around it.
    pub compressions: Compressions,
}

/// A capture file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// The classic libpcap format.
    Pcap {
        /// Unit of the time stamps' fraction.
        resolution: Resolution,
        /// Order of the file's own numbers.
        order: ByteOrder,
        /// Alexey Kuznetzov's variant, whose record headers are eight bytes longer.
        modified: bool,
    },
    /// pcapng; each section has its own byte order and each interface its own resolution.
    Pcapng {
        /// Order of the first section.
        order: ByteOrder,
    },
}

/// Unit of the fraction of a second in a pcap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Millionths of a second.
    Microseconds,
    /// Billionths of a second.
    Nanoseconds,
}

impl Resolution {
    /// Units in a second.
    #[must_use]
    pub const fn per_second(self) -> u32 {
        match self {
            Resolution::Microseconds => 1_000_000,
            Resolution::Nanoseconds => 1_000_000_000,
        }
    }
}

/// Order of the bytes in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// Two bytes as a number.
    #[inline(always)]
    pub(super) const fn number16(self, bytes: [u8; 2]) -> u16 {
        match self {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    /// Four bytes as a number.
    #[inline(always)]
    pub(super) const fn number32(self, bytes: [u8; 4]) -> u32 {
        match self {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// One layer of compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip (RFC 1952), any number of members.
    Gzip,
    /// Zstandard (RFC 8878), any number of frames.
    Zstd,
    /// xz, any number of streams.
    Xz,
    /// LZ4 frame format, any number of frames.
    Lz4,
}

impl Compression {
    /// The compression whose magic number begins `head`.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Compression> {
        const MAGICS: [(&[u8], Compression); 4] = [
            (b"\x1f\x8b\x08", Compression::Gzip),
            (b"\x28\xb5\x2f\xfd", Compression::Zstd),
            (b"\xfd7zXZ\0", Compression::Xz),
            (b"\x04\x22\x4d\x18", Compression::Lz4),
        ];
        MAGICS
            .iter()
            .find(|(magic, _)| head.starts_with(magic))
            .map(|&(_, compression)| compression)
    }

    /// Its usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
            Compression::Lz4 => "lz4",
        }
    }
}

/// The layers of compression around a capture, outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compressions(pub [Option<Compression>; COMPRESSIONS_MAX]);

impl Compressions {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Adds one inside the others; `false` when there are already [`COMPRESSIONS_MAX`].
    pub(super) fn push(&mut self, compression: Compression) -> bool {
        match self.0.iter_mut().find(|layer| layer.is_none()) {
            Some(free) => {
                *free = Some(compression);
                true
            }
            None => false,
        }
    }
}

impl fmt::Display for Compressions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().rev().flatten().map(|layer| layer.name()).collect();
        if names.is_empty() {
            out.write_str("not compressed")
        } else {
            out.write_str(&names.join(" in "))
        }
    }
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ByteOrder::Little => "little-endian",
            ByteOrder::Big => "big-endian",
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.container {
            Container::Pcap {
                resolution,
                order,
                modified,
            } => {
                let unit = match resolution {
                    Resolution::Microseconds => "microseconds",
                    Resolution::Nanoseconds => "nanoseconds",
                };
                write!(out, "{}pcap, {unit}, {order}", if modified { "modified " } else { "" })?;
            }
            Container::Pcapng { order } => write!(out, "pcapng, {order}")?,
        }
        if self.compressions.is_empty() {
            Ok(())
        } else {
            write!(out, ", in {}", self.compressions)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_shown_for_people() {
        let pcap = Container::Pcap {
            resolution: Resolution::Nanoseconds,
            order: ByteOrder::Big,
            modified: false,
        };
        let mut compressions = Compressions::default();
        let shown = |container, compressions| Format { container, compressions }.to_string();
        assert_eq!(shown(pcap, compressions), "pcap, nanoseconds, big-endian");
        assert!(compressions.push(Compression::Zstd));
        assert!(compressions.push(Compression::Gzip));
        assert!(!compressions.push(Compression::Gzip));
        let pcapng = Container::Pcapng { order: ByteOrder::Little };
        assert_eq!(shown(pcapng, compressions), "pcapng, little-endian, in gzip in zstd");
    }
}
