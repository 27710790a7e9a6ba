//! The classic pcap container: its file header, and one record after another.

use super::error::{Damage, Stop};
use super::format::{ByteOrder, Container, Resolution};
use super::window::Window;
use super::{RECORD_BYTES_MAX, Record};
use crate::LinkType;

/// Length of the file header, bytes.
pub(super) const FILE_HEADER_BYTES: usize = 24;
/// Length of a record header, bytes: seconds, fraction, captured length, length on the wire.
const RECORD_HEADER_BYTES: usize = 16;
/// Length of a record header of the modified variant: interface, protocol and packet type follow.
const MODIFIED_HEADER_BYTES: usize = 24;

/// The magic numbers, as big-endian: libpcap's microseconds, nanoseconds, and Kuznetzov's modified format.
const MAGICS: [(u32, Resolution, bool); 3] = [
    (0xa1b2_c3d4, Resolution::Microseconds, false),
    (0xa1b2_3c4d, Resolution::Nanoseconds, false),
    (0xa1b2_cd34, Resolution::Microseconds, true),
];

/// The one major version there is.
const VERSION_MAJOR: u16 = 2;
/// Files before this minor version have the two lengths of a record the other way round; files of just
/// this version may have (libpcap's sf-pcap.c).
const VERSION_MINOR_LENGTHS: u16 = 3;

/// Which order the two lengths of a record stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    WireFirst,
    /// The smaller one is the captured length.
    Unsure,
}

/// Reads records; made from a file header.
#[derive(Debug)]
pub(super) struct PcapReader {
    order: ByteOrder,
    resolution: Resolution,
    /// Nanoseconds in one unit of the fraction.
    fraction_ns: i64,
    header_bytes: usize,
    lengths: Lengths,
    link: LinkType,
    /// Records whose fraction was a second or more.
    times_over: u64,
}

/// What is wrong with a file header whose magic number is right.
pub(super) struct Version {
    pub(super) major: u16,
    pub(super) minor: u16,
}

impl PcapReader {
    /// The container that a magic number at the beginning of `head` names.
    pub(super) fn container(head: &[u8]) -> Option<Container> {
        let bytes = *head.first_chunk::<4>()?;
        [ByteOrder::Big, ByteOrder::Little].into_iter().find_map(|order| {
            let found = order.number32(bytes);
            let &(_, resolution, modified) = MAGICS.iter().find(|(magic, _, _)| *magic == found)?;
            Some(Container::Pcap {
                resolution,
                order,
                modified,
            })
        })
    }

    /// Reads the rest of the file header.
    ///
    /// # Errors
    /// The version, when it is not one that can be read.
    pub(super) fn new(
        header: &[u8; FILE_HEADER_BYTES],
        order: ByteOrder,
        resolution: Resolution,
        modified: bool,
    ) -> Result<PcapReader, Version> {
        let [_, _, _, _, ma0, ma1, mi0, mi1, .., n0, n1, n2, n3] = *header;
        let major = order.number16([ma0, ma1]);
        let minor = order.number16([mi0, mi1]);
        if major != VERSION_MAJOR {
            return Err(Version { major, minor });
        }
        // The upper half of the field says how long the frame check sequence is, if it was captured; it
        // stands behind the packet, where the decoder does not look.
        let link = LinkType(order.number32([n0, n1, n2, n3]) & 0xffff);
        Ok(PcapReader {
            order,
            resolution,
            fraction_ns: match resolution {
                Resolution::Microseconds => 1000,
                Resolution::Nanoseconds => 1,
            },
            header_bytes: if modified { MODIFIED_HEADER_BYTES } else { RECORD_HEADER_BYTES },
            lengths: match minor {
                0..VERSION_MINOR_LENGTHS => Lengths::WireFirst,
                VERSION_MINOR_LENGTHS => Lengths::Unsure,
                _ => Lengths::CapturedFirst,
            },
            link,
            times_over: 0,
        })
    }

    /// What the records mean and their bytes do not say: link type and units in a second.
    pub(super) fn context(&self) -> [u8; 8] {
        let [l0, l1, l2, l3] = self.link.0.to_le_bytes();
        let [u0, u1, u2, u3] = self.resolution.per_second().to_le_bytes();
        [l0, l1, l2, l3, u0, u1, u2, u3]
    }

    /// How many records had a fraction of a second or more.
    pub(super) fn times_over(&self) -> u64 {
        self.times_over
    }

    /// The next record, `None` at the end between two records.
    #[inline]
    pub(super) fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Stop> {
        if !window.fill(self.header_bytes)? {
            return end(window, self.header_bytes);
        }
        let Some(&[s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3]) = window.rest().first_chunk::<RECORD_HEADER_BYTES>()
        else {
            return end(window, self.header_bytes);
        };
        let seconds = self.order.number32([s0, s1, s2, s3]);
        let fraction = self.order.number32([f0, f1, f2, f3]);
        let mut captured = self.order.number32([c0, c1, c2, c3]);
        let mut wire_len = self.order.number32([w0, w1, w2, w3]);
        if self.lengths != Lengths::CapturedFirst && (self.lengths == Lengths::WireFirst || captured > wire_len) {
            std::mem::swap(&mut captured, &mut wire_len);
        }
        if captured > RECORD_BYTES_MAX {
            return Err(Damage::PacketTooLong {
                len: captured,
                max: RECORD_BYTES_MAX,
            }
            .into());
        }
        let len = self.header_bytes + captured as usize;
        if !window.fill(len)? {
            return end(window, len);
        }
        if fraction >= self.resolution.per_second() {
            self.times_over += 1;
        }
        let from = window.consume(len);
        Ok(Some(Record {
            // Below 2^32 · 10^9 + 2^32 · 10^3, far from what an i64 holds.
            time_ns: i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * self.fraction_ns,
            link: self.link,
            wire_len,
            interface: 0,
            from: from + self.header_bytes,
            to: from + len,
        }))
    }
}

/// What the end of the input means when `needed` bytes are not there.
#[cold]
fn end(window: &Window, needed: usize) -> Result<Option<Record>, Stop> {
    let found = window.rest().len() as u64;
    if found == 0 {
        Ok(None)
    } else {
        Err(Damage::Cut {
            needed: needed as u64,
            found,
        }
        .into())
    }
}
