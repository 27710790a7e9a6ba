//! A batch while it is open: packets and health go in, bytes come out.

use super::columns::{ColumnWriter, Options};
use super::minutes::Minutes;
use super::{
    BatchError, ENCODED_BYTES_MAX, Header, MINUTES_MAX, Minute, PACKETS_MAX, PAYLOAD_BYTES_ENOUGH, Summary, append_digest, decoded,
};
use crate::decode::{Decoded, Reason};
use crate::options::{self, Interner};
use crate::wire::is_sensor_name;
use crate::{Packet, Present, Wide};

/// Gathers a batch. Cleared and used again it takes no memory that it does not have already.
#[derive(Default)]
pub struct Builder {
    pub(super) rows: Vec<Packet>,
    pub(super) wides: Vec<Wide>,
    pub(super) payloads: Vec<u8>,
    pub(super) interner: Interner,
    /// By the interner's numbers, less one.
    pub(super) options: Vec<Options>,
    /// What was journalled already, and what came since.
    pub(super) settled: Health,
    pub(super) fresh: Health,
    pub(super) journalled: Journalled,
    columns: ColumnWriter,
}

/// What is counted beside the packets.
#[derive(Default)]
pub(super) struct Health {
    pub(super) minutes: Minutes,
    pub(super) reasons: [u64; Reason::COUNT],
}

/// How much of a builder is in its journal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Journalled {
    pub(super) rows: usize,
    pub(super) wides: usize,
    pub(super) payloads: usize,
    pub(super) options: usize,
}

impl Builder {
    /// An empty one.
    #[must_use]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds a packet with at most `payload_bytes_max` of its payload, and counts it as seen and kept in its minute.
    /// Whether it was taken: a full batch takes nothing. [`Decoded::note`] is not looked at, see [`Builder::note`].
    #[inline]
    pub fn push(&mut self, decoded: &Decoded<'_>, payload_bytes_max: u8) -> bool {
        if self.is_full() {
            return false;
        }
        let Some(minute) = self.fresh.minutes.at(decoded.packet.time_us) else {
            return false;
        };
        minute.seen += 1;
        minute.kept += 1;
        self.add(decoded, payload_bytes_max);
        true
    }

    /// Adds a packet without counting it.
    #[inline]
    pub(super) fn add(&mut self, decoded: &Decoded<'_>, payload_bytes_max: u8) {
        let mut row = decoded.packet;
        (row.wide_at, row.payload_at, row.source_at, row.sensor_at) = (0, 0, 0, 0);
        (row.options_at, row.payload_len) = (0, 0);
        if row.present.has(Present::WIDE) {
            self.wides.push(decoded.wide);
        }
        if !decoded.options.is_empty() {
            row.options_at = self.interner.intern(decoded.options);
            if usize::from(row.options_at) > self.options.len() {
                self.add_options(decoded.options);
            }
        }
        if !decoded.payload.is_empty() && row.present.has(Present::PORTS) {
            let kept = decoded.payload.len().min(usize::from(payload_bytes_max));
            row.payload_len = u8::try_from(kept).unwrap_or(u8::MAX);
            self.payloads.extend_from_slice(decoded.payload.get(..kept).unwrap_or_default());
        }
        self.rows.push(row);
    }

    #[cold]
    fn add_options(&mut self, options: &[u8]) {
        let (bytes, len) = options::without_values(options);
        self.options.push(Options {
            bytes,
            len: u8::try_from(len).unwrap_or(u8::MAX),
        });
    }

    /// Counts a frame without a readable IP header, as seen and unreadable in its minute, and its reason.
    #[inline]
    pub fn push_unreadable(&mut self, time_us: i64, reason: Reason) {
        if let Some(minute) = self.fresh.minutes.at(time_us) {
            minute.seen += 1;
            minute.unreadable += 1;
        }
        self.note(reason);
    }

    /// Counts a reason: for [`Decoded::note`] of packets that are pushed.
    #[inline]
    pub fn note(&mut self, reason: Reason) {
        if let Some(count) = self.fresh.reasons.get_mut(reason.index()) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds health to its minute: what is counted neither by [`Builder::push`] nor by [`Builder::push_unreadable`].
    /// `kept` is left out, since only packets in the batch are kept. Whether there was room.
    pub fn minute(&mut self, minute: Minute) -> bool {
        if self.minutes_left() == 0 {
            return false;
        }
        let Some(row) = self.fresh.minutes.at(minute.begin_us) else {
            return false;
        };
        row.add(&Minute {
            kept: 0,
            ring_fill_permille: minute.ring_fill_permille.min(1000),
            ..minute
        });
        true
    }

    /// How many more minutes it has room for, at least.
    #[must_use]
    pub fn minutes_left(&self) -> usize {
        // A minute can be in both.
        let used = self.settled.minutes.rows().len() + self.fresh.minutes.rows().len();
        (MINUTES_MAX - 1).saturating_sub(used)
    }

    /// Packets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing at all went in, neither packets nor health.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_still = |health: &Health| health.minutes.rows().is_empty() && health.reasons.iter().all(|count| *count == 0);
        self.rows.is_empty() && is_still(&self.settled) && is_still(&self.fresh)
    }

    /// Whether it takes no further packet.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows.len() >= PACKETS_MAX
            || self.payloads.len() >= PAYLOAD_BYTES_ENOUGH
            || self.options.len() >= usize::from(Interner::DISTINCT_MAX)
            || self.minutes_left() == 0
    }

    /// Brings what came since the last time to what was there before.
    pub(super) fn settle(&mut self) {
        for minute in self.fresh.minutes.rows() {
            if let Some(row) = self.settled.minutes.at(minute.begin_us) {
                row.add(minute);
            }
        }
        for (settled, fresh) in self.settled.reasons.iter_mut().zip(&mut self.fresh.reasons) {
            *settled = settled.saturating_add(std::mem::take(fresh));
        }
        self.fresh.minutes.clear();
    }

    /// Appends the batch to `out`; the builder is as before.
    ///
    /// # Errors
    /// [`BatchError::NotMade`] when the name of the sensor is none, or when packets are in it whose addresses are
    /// not hidden although the header says so (or the other way round). `out` is then as before.
    pub fn encode(&mut self, header: &Header, out: &mut Vec<u8>) -> Result<Summary, BatchError> {
        let not_made = |what| Err(BatchError::NotMade { what });
        if !is_sensor_name(&header.sensor) {
            return not_made("the sensor's name is none");
        }
        if self.rows.iter().any(|row| row.present.has(Present::HIDDEN) != header.hidden) {
            return not_made("packets with hidden and with plain addresses do not go together");
        }
        let summary = self.summary(header);
        let begin = out.len();
        summary.write(out);
        let written = self.columns.write(&self.rows, &self.wides, &self.payloads, &self.options, out);
        if written.is_err() {
            out.truncate(begin);
            return not_made("a packet in it is none that a decoder makes");
        }
        append_digest(out, begin);
        if out.len() - begin > ENCODED_BYTES_MAX {
            out.truncate(begin);
            return not_made("it is too long");
        }
        Ok(summary)
    }

    /// What [`Summary::read`] will say of it.
    pub fn summary(&mut self, header: &Header) -> Summary {
        self.settle();
        let (first_us, last_us) = decoded::span(&self.rows);
        let mut minutes = self.settled.minutes.rows().to_vec();
        minutes.sort_unstable_by_key(|minute| minute.begin_us);
        Summary {
            header: header.clone(),
            packets: self.rows.len(),
            first_us,
            last_us,
            minutes,
            reasons: self.settled.reasons,
        }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.wides.clear();
        self.payloads.clear();
        self.interner.clear();
        self.options.clear();
        for health in [&mut self.settled, &mut self.fresh] {
            health.minutes.clear();
            health.reasons = [0; Reason::COUNT];
        }
        self.journalled = Journalled::default();
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("packets", &self.len())
            .finish_non_exhaustive()
    }
}
