//! Bytes from a sensor to packets.

use super::columns::{self, Known, Rows};
use super::planes::PlaneReader;
use super::{BatchError, DECODED_BYTES_MAX, Header, MINUTES_MAX, Minute, PACKETS_MAX, Summary, head};
use crate::decode::{Decoded, Reason};
use crate::{Packet, Present, Wide};

/// A batch that was read and checked.
pub struct Batch {
    /// What it is.
    pub header: Header,
    /// Health, by minute in the order of time, each minute once.
    pub minutes: Vec<Minute>,
    /// Frames and parts of packets that could not be read, by [`Reason::index`].
    pub reasons: [u64; Reason::COUNT],
    /// Earliest time of a packet, microseconds since 1970; 0 without packets.
    pub first_us: i64,
    /// Latest time of a packet, microseconds since 1970; 0 without packets.
    pub last_us: i64,
    rows: Rows,
}

/// What a packet takes at most: its row, its addresses, its payload, its own options and shape, and twice 8 bytes on
/// the way.
const PACKET_BYTES_MAX: usize = size_of::<Packet>() + size_of::<Wide>() + 2 * 255 + 3 * 41 + size_of::<Packet>() + 16 + 16;
const _: () = assert!(PACKETS_MAX * PACKET_BYTES_MAX + MINUTES_MAX * size_of::<Minute>() <= DECODED_BYTES_MAX);

impl Batch {
    /// Reads a batch, in at most [`DECODED_BYTES_MAX`] of memory beside `bytes`.
    ///
    /// # Errors
    /// [`BatchError`] when the bytes are no batch, are damaged, or state what cannot be.
    pub fn decode(bytes: &[u8]) -> Result<Batch, BatchError> {
        let (summary, reader) = head::split(bytes)?;
        let Summary {
            header,
            packets,
            first_us,
            last_us,
            minutes,
            reasons,
        } = summary;
        let mut planes = PlaneReader::new(reader)?;
        let rows = columns::read(&mut planes, packets, Known::default())?;
        let left = planes.reader.0.len();
        if left > 0 {
            return Err(BatchError::LeftOver { left });
        }
        if span(&rows.packets) != (first_us, last_us) {
            return Err(BatchError::Wrong {
                what: "first and last time",
            });
        }
        let hidden = |packet: &Packet| packet.present.has(Present::HIDDEN);
        if rows.packets.iter().any(|packet| hidden(packet) != header.hidden) {
            return Err(BatchError::Wrong { what: "hidden packets" });
        }
        Ok(Batch {
            header,
            minutes,
            reasons,
            first_us,
            last_us,
            rows,
        })
    }

    /// How many packets it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.packets.len()
    }

    /// Whether it holds no packets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.packets.is_empty()
    }

    /// The packets in the order they were pushed: TCP options without the values that their signature leaves out,
    /// payloads cut to what was kept, no notes (they are counted in `reasons`).
    pub fn packets(&self) -> impl Iterator<Item = Decoded<'_>> {
        self.rows.packets.iter().map(|row| {
            let payload_at = row.payload_at as usize;
            let options = usize::from(row.options_at).checked_sub(1);
            Decoded {
                packet: Packet {
                    wide_at: 0,
                    payload_at: 0,
                    payload_len: 0,
                    options_at: 0,
                    ..*row
                },
                wide: match row.present.has(Present::WIDE) {
                    true => self.rows.wides.get(row.wide_at as usize).copied().unwrap_or_default(),
                    false => Wide::default(),
                },
                options: options
                    .and_then(|at| self.rows.options.get(at))
                    .map_or(&[], |options| options.as_slice()),
                payload: self
                    .rows
                    .payloads
                    .get(payload_at..payload_at + usize::from(row.payload_len))
                    .unwrap_or_default(),
                note: None,
            }
        })
    }
}

/// Earliest and latest time; zeros without packets.
fn span(rows: &[Packet]) -> (i64, i64) {
    let times = rows.iter().map(|row| row.time_us);
    (times.clone().min().unwrap_or(0), times.max().unwrap_or(0))
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Batch")
            .field("header", &self.header)
            .field("packets", &self.len())
            .field("minutes", &self.minutes)
            .finish_non_exhaustive()
    }
}
