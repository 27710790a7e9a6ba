//! A batch while it is open: packets and health go in, bytes come out.

use super::columns::Options;
use super::gather::{Columns, Lengths};
use super::minutes::Minutes;
use super::planes::PlaneWriter;
use super::{BatchError, ENCODED_BYTES_MAX, Header, MINUTES_MAX, Minute, PACKETS_MAX, PAYLOAD_BYTES_ENOUGH, Summary, append_digest};
use crate::Present;
use crate::decode::{Decoded, Reason};
use crate::options::{self, Interner};
use crate::wire::is_sensor_name;

/// Gathers a batch. Cleared and used again it takes no memory that it does not have already.
#[derive(Default)]
pub struct Builder {
    pub(super) columns: Columns,
    interner: Interner,
    /// What was journalled already, and what came since.
    pub(super) settled: Health,
    pub(super) fresh: Health,
    pub(super) journalled: Lengths,
    planes: PlaneWriter,
    pub(super) plain: PlainWriter,
}

/// A writer of planes that does not compress.
pub(super) struct PlainWriter(pub(super) PlaneWriter);

impl Default for PlainWriter {
    fn default() -> PlainWriter {
        PlainWriter(PlaneWriter::plain())
    }
}

/// What is counted beside the packets.
#[derive(Default)]
pub(super) struct Health {
    pub(super) minutes: Minutes,
    pub(super) reasons: [u64; Reason::COUNT],
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
        let mut options_at = 0;
        if !decoded.options.is_empty() {
            options_at = self.interner.intern(decoded.options);
            if usize::from(options_at) > self.columns.options().len() {
                self.add_options(decoded.options);
            }
        }
        let mut payload: &[u8] = &[];
        if decoded.packet.present.has(Present::PORTS) {
            let kept = decoded.payload.len().min(usize::from(payload_bytes_max));
            payload = decoded.payload.get(..kept).unwrap_or_default();
        }
        self.columns.push(decoded, options_at, payload);
    }

    #[cold]
    fn add_options(&mut self, options: &[u8]) {
        let (bytes, len) = options::without_values(options);
        self.columns.add_options(Options {
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
        self.columns.len()
    }

    /// Whether nothing at all went in, neither packets nor health.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_still = |health: &Health| health.minutes.rows().is_empty() && health.reasons.iter().all(|count| *count == 0);
        self.columns.len() == 0 && is_still(&self.settled) && is_still(&self.fresh)
    }

    /// Whether it takes no further packet.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.columns.len() >= PACKETS_MAX
            || self.columns.payload_bytes() >= PAYLOAD_BYTES_ENOUGH
            || self.columns.options().len() >= usize::from(Interner::DISTINCT_MAX)
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
        if self.columns.hidden() != if header.hidden { self.len() } else { 0 } {
            return not_made("packets with hidden and with plain addresses do not go together");
        }
        if self.columns.check().is_err() {
            return not_made("a packet in it is none that a decoder makes");
        }
        let summary = self.summary(header);
        let begin = out.len();
        summary.write(out);
        self.columns.write(&Lengths::default(), &mut self.planes, out);
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
        let (first_us, last_us) = self.columns.span();
        let mut minutes = self.settled.minutes.rows().to_vec();
        minutes.sort_unstable_by_key(|minute| minute.begin_us);
        Summary {
            header: header.clone(),
            packets: self.len(),
            first_us,
            last_us,
            minutes,
            reasons: self.settled.reasons,
        }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.columns.clear();
        self.interner.clear();
        for health in [&mut self.settled, &mut self.fresh] {
            health.minutes.clear();
            health.reasons = [0; Reason::COUNT];
        }
        self.journalled = Lengths::default();
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
