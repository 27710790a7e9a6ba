//! Packets on their way into the lake: a bounded stretch of rows in memory, with what they refer to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hirundo_packet::decode::Decoded;
use hirundo_packet::options::Interner;
use hirundo_packet::{Packet, Present, Wide};

/// Most rows of a segment: 64 MiB of them. Larger segments sort a little better and cost memory.
pub const SEGMENT_ROWS_MAX: usize = 1 << 20;
/// Most bytes of payload a segment keeps before it is closed early.
pub const SEGMENT_PAYLOAD_BYTES_MAX: usize = 128 << 20;
/// Most days a segment spans before it is closed early: each makes a file in every table.
pub const SEGMENT_DAYS_MAX: usize = 400;
/// Most sensors of a segment.
pub const SEGMENT_SENSORS_MAX: usize = 10_000;
/// First bytes kept of a payload unless the caller says otherwise.
pub const PAYLOAD_BYTES_DEFAULT: u8 = 64;

/// Microseconds of an hour.
pub const HOUR_US: i64 = 3_600_000_000;
/// Microseconds of a day.
pub const DAY_US: i64 = 24 * HOUR_US;
/// Microseconds of one slot of up-time: five minutes.
const SLOT_US: i64 = 300_000_000;

/// Longest silence inside a capture that is taken for a quiet Internet and not for a sensor that was down.
const BRIDGE_US: i64 = 12 * SLOT_US;

/// What one sensor showed in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Bit n: something was seen in the n-th five minutes.
    pub up_slots: u16,
    /// Frames read.
    pub seen: u64,
    /// Of them stored.
    pub kept: u64,
    /// Of them without a readable IP header.
    pub unreadable: u64,
}

/// A row of the table `sensors`: (begin of the hour in µs, sensor number), and what was seen.
pub type SeenRow = ((i64, u16), Seen);

/// A stretch of rows.
#[derive(Default)]
pub struct Segment {
    /// The packets, in the order they came.
    pub rows: Vec<Packet>,
    /// Addresses of the IPv6 packets, at `Packet::wide_at`.
    pub wides: Vec<Wide>,
    /// First bytes of payloads, at `Packet::payload_at`.
    pub payloads: Vec<u8>,
    /// TCP option signatures, numbered by `Packet::options_at`.
    pub options: Interner,
    /// Signatures of TCP options of rows read back from the lake; empty otherwise. They replace `options`.
    pub option_texts: Vec<String>,
    /// Names of the sensors, numbered by `Packet::sensor_at`.
    pub sensors: Vec<String>,
    /// What each sensor showed, by (begin of the hour in µs, sensor).
    pub seen: BTreeMap<(i64, u16), Seen>,
    sensor_numbers: HashMap<String, u16>,
    days: BTreeSet<i64>,
    piece: OpenPiece,
}

/// What belongs to the piece being read: booked when it is kept, forgotten when it turns out to be known.
#[derive(Default)]
struct OpenPiece {
    rows_from: usize,
    wides_from: usize,
    payloads_from: usize,
    sensors_from: usize,
    seen: BTreeMap<(i64, u16), Seen>,
    days: BTreeSet<i64>,
    day_begin_us: i64,
    slot: OpenSlot,
}

/// The five minutes that frames are being counted into, so that a frame costs one comparison.
#[derive(Clone, Copy, Default)]
struct OpenSlot {
    begin_us: i64,
    sensor: u16,
    open: bool,
    seen: u64,
    kept: u64,
}

impl Segment {
    /// Number of the sensor of that name, a new one if need be.
    pub fn sensor(&mut self, name: &str) -> u16 {
        if let Some(&number) = self.sensor_numbers.get(name) {
            return number;
        }
        let number = u16::try_from(self.sensors.len()).unwrap_or(u16::MAX);
        self.sensors.push(name.to_owned());
        self.sensor_numbers.insert(name.to_owned(), number);
        number
    }

    /// Name of a sensor by its number.
    #[must_use]
    pub fn sensor_name(&self, number: u16) -> String {
        self.sensors.get(usize::from(number)).cloned().unwrap_or_default()
    }

    /// Signature of TCP options by its number.
    #[must_use]
    pub fn options_text(&self, number: u16) -> String {
        match self.option_texts.get(usize::from(number)) {
            Some(text) => text.clone(),
            None => self.options.signature(number).to_owned(),
        }
    }

    /// The bytes kept of a packet's payload.
    #[must_use]
    pub fn payload(&self, packet: &Packet) -> &[u8] {
        let at = packet.payload_at as usize;
        self.payloads.get(at..at + usize::from(packet.payload_len)).unwrap_or_default()
    }

    /// Whether it must be closed before more goes in.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows.len() >= SEGMENT_ROWS_MAX
            || self.payloads.len() >= SEGMENT_PAYLOAD_BYTES_MAX
            || self.days.len() >= SEGMENT_DAYS_MAX
            || self.sensors.len() >= SEGMENT_SENSORS_MAX
    }

    /// Whether nothing went in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.seen.is_empty()
    }

    /// Days of the piece being read.
    #[must_use]
    pub fn piece_days(&self) -> usize {
        self.piece.days.len()
    }

    /// Begins a piece: what is pushed from now on is booked by [`Segment::keep_piece`].
    pub fn begin_piece(&mut self) {
        self.piece = OpenPiece {
            rows_from: self.rows.len(),
            wides_from: self.wides.len(),
            payloads_from: self.payloads.len(),
            sensors_from: self.sensors.len(),
            ..OpenPiece::default()
        };
    }

    /// Books the piece.
    pub fn keep_piece(&mut self) {
        self.piece.close_slot();
        let piece = std::mem::take(&mut self.piece);
        for (key, part) in piece.seen {
            let seen = self.seen.entry(key).or_default();
            seen.up_slots |= part.up_slots;
            seen.seen += part.seen;
            seen.kept += part.kept;
            seen.unreadable += part.unreadable;
        }
        self.days.extend(piece.days);
    }

    /// Forgets the piece: the segment is then as if it had never been read, so that an ingest that reads past
    /// what is stored makes the same files as one that was never cut short.
    pub fn drop_piece(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.rows.truncate(piece.rows_from);
        self.wides.truncate(piece.wides_from);
        self.payloads.truncate(piece.payloads_from);
        for name in self.sensors.drain(piece.sensors_from..) {
            self.sensor_numbers.remove(&name);
        }
        // Signatures of what is stored must not use up the numbers of what comes.
        if self.is_empty() {
            self.options.clear();
        }
    }

    /// Adds a packet; at most `payload_bytes_max` of its payload are kept.
    #[inline]
    pub fn push(&mut self, decoded: &Decoded<'_>, sensor: u16, payload_bytes_max: u8) {
        let mut packet = decoded.packet;
        packet.sensor_at = sensor;
        if packet.present.has(Present::WIDE) {
            packet.wide_at = number(self.wides.len());
            self.wides.push(decoded.wide);
        }
        if !decoded.options.is_empty() {
            packet.options_at = self.options.intern(decoded.options);
        }
        if !decoded.payload.is_empty() {
            let kept = decoded.payload.len().min(usize::from(payload_bytes_max));
            packet.payload_at = number(self.payloads.len());
            packet.payload_len = u8::try_from(kept).unwrap_or(u8::MAX);
            self.payloads.extend_from_slice(&decoded.payload[..kept]);
        }
        self.piece.count(packet.time_us, sensor, true);
        self.rows.push(packet);
    }

    /// Adds a packet as it was read back from the lake: everything about it is known already.
    pub fn push_back(&mut self, mut packet: Packet, wide: Option<Wide>, payload: &[u8]) {
        if let Some(wide) = wide {
            packet.wide_at = number(self.wides.len());
            self.wides.push(wide);
        }
        packet.payload_at = number(self.payloads.len());
        packet.payload_len = u8::try_from(payload.len()).unwrap_or(u8::MAX);
        self.payloads.extend_from_slice(&payload[..usize::from(packet.payload_len)]);
        self.rows.push(packet);
    }

    /// Counts a frame that had no readable IP header.
    #[inline]
    pub fn push_unreadable(&mut self, time_us: i64, sensor: u16) {
        self.piece.count(time_us, sensor, false);
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.wides.clear();
        self.payloads.clear();
        self.options.clear();
        self.sensors.clear();
        self.option_texts.clear();
        self.seen.clear();
        self.sensor_numbers.clear();
        self.days.clear();
        self.piece = OpenPiece::default();
    }
}

impl OpenPiece {
    #[inline]
    fn count(&mut self, time_us: i64, sensor: u16, kept: bool) {
        let slot = &mut self.slot;
        if !slot.open || slot.sensor != sensor || !(0..SLOT_US).contains(&time_us.wrapping_sub(slot.begin_us)) {
            let last = *slot;
            self.close_slot();
            let begin_us = time_us.div_euclid(SLOT_US) * SLOT_US;
            if last.open && last.sensor == sensor {
                self.bridge(last.begin_us, begin_us, sensor);
            }
            self.slot = OpenSlot {
                begin_us,
                sensor,
                open: true,
                seen: 0,
                kept: 0,
            };
            if self.days.is_empty() || !(0..DAY_US).contains(&time_us.wrapping_sub(self.day_begin_us)) {
                let day = time_us.div_euclid(DAY_US);
                self.day_begin_us = day * DAY_US;
                self.days.insert(day);
            }
        }
        self.slot.seen += 1;
        self.slot.kept += u64::from(kept);
    }

    /// Counts the slots between two packets of one capture as up-time when they are few: a quiet quarter of
    /// an hour at a small sensor is no outage.
    fn bridge(&mut self, from_us: i64, to_us: i64, sensor: u16) {
        if !(SLOT_US..=BRIDGE_US).contains(&to_us.saturating_sub(from_us)) {
            return;
        }
        let mut begin_us = from_us + SLOT_US;
        while begin_us < to_us {
            let hour_us = begin_us.div_euclid(HOUR_US) * HOUR_US;
            self.seen.entry((hour_us, sensor)).or_default().up_slots |= 1 << ((begin_us - hour_us) / SLOT_US);
            begin_us += SLOT_US;
        }
    }

    fn close_slot(&mut self) {
        let slot = std::mem::take(&mut self.slot);
        if !slot.open {
            return;
        }
        let hour_us = slot.begin_us.div_euclid(HOUR_US) * HOUR_US;
        let bit = (slot.begin_us - hour_us) / SLOT_US;
        let seen = self.seen.entry((hour_us, slot.sensor)).or_default();
        seen.up_slots |= 1 << bit;
        seen.seen += slot.seen;
        seen.kept += slot.kept;
        seen.unreadable += slot.seen - slot.kept;
    }
}

/// Position in a segment as its packets keep it; segments are closed long before 2^32.
fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
