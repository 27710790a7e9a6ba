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

/// Most frames or packets that a minute of a sensor's health is believed to count; no interface brings more.
pub const MINUTE_FRAMES_MAX: u64 = 1 << 40;

/// What one sensor showed in one hour. What a capture does not say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Bit n: up in the n-th five minutes.
    pub up_slots: u16,
    /// Frames read.
    pub seen: u64,
    /// Of them stored.
    pub kept: u64,
    /// Of them without a readable IP header.
    pub unreadable: u64,
    /// Frames the kernel dropped.
    pub dropped_kernel: Option<u64>,
    /// Packets the sensor's spool dropped.
    pub dropped_spool: Option<u64>,
    /// Sensor clock less centre clock, the greatest absolute, µs.
    pub clock_skew_us: Option<u64>,
    /// Frames the interface received while the sensor was not running, at most.
    pub missed: Option<u64>,
}

impl Seen {
    /// Adds what was seen besides in the same hour.
    pub fn unite(&mut self, other: Seen) {
        let sum = |one: Option<u64>, two: Option<u64>| match (one, two) {
            (Some(one), Some(two)) => Some(one.saturating_add(two)),
            (one, two) => one.or(two),
        };
        self.up_slots |= other.up_slots;
        self.seen = self.seen.saturating_add(other.seen);
        self.kept = self.kept.saturating_add(other.kept);
        self.unreadable = self.unreadable.saturating_add(other.unreadable);
        self.dropped_kernel = sum(self.dropped_kernel, other.dropped_kernel);
        self.dropped_spool = sum(self.dropped_spool, other.dropped_spool);
        self.clock_skew_us = self.clock_skew_us.max(other.clock_skew_us);
        self.missed = sum(self.missed, other.missed);
    }
}

/// A minute of a sensor's health, as the sensor says and the centre completes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Begin of the minute, microseconds since 1970.
    pub begin_us: i64,
    /// Whether the sensor was listening in it.
    pub up: bool,
    /// Frames read.
    pub seen: u64,
    /// Of them stored.
    pub kept: u64,
    /// Of them without a readable IP header.
    pub unreadable: u64,
    /// Frames the kernel dropped.
    pub dropped_kernel: u64,
    /// Packets the sensor's spool dropped.
    pub dropped_spool: u64,
    /// Frames the interface received while the sensor was not running, at most.
    pub missed: u64,
    /// Sensor clock less centre clock, microseconds, where known.
    pub clock_skew_us: Option<i64>,
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
            self.seen.entry(key).or_default().unite(part);
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

    /// Adds a packet of a capture; at most `payload_bytes_max` of its payload are kept.
    #[inline]
    pub fn push(&mut self, decoded: &Decoded<'_>, sensor: u16, payload_bytes_max: u8) {
        self.piece.count(decoded.packet.time_us, sensor, true);
        self.add(decoded, sensor, payload_bytes_max);
    }

    /// Adds a packet that a sensor shipped. It says nothing of up-time: the sensor's minutes do, see
    /// [`Segment::push_health`].
    #[inline]
    pub fn push_shipped(&mut self, decoded: &Decoded<'_>, sensor: u16) {
        self.piece.count_day(decoded.packet.time_us);
        self.add(decoded, sensor, u8::MAX);
    }

    /// Adds a minute of a sensor's health; several of one minute add up.
    pub fn push_health(&mut self, sensor: u16, health: Health) {
        self.piece.count_day(health.begin_us);
        let hour_us = health.begin_us.div_euclid(HOUR_US).saturating_mul(HOUR_US);
        let slot = health.begin_us.rem_euclid(HOUR_US) / SLOT_US;
        let frames = |count: u64| count.min(MINUTE_FRAMES_MAX);
        let seen = Seen {
            up_slots: u16::from(health.up) << slot,
            seen: frames(health.seen),
            kept: frames(health.kept),
            unreadable: frames(health.unreadable),
            dropped_kernel: Some(frames(health.dropped_kernel)),
            dropped_spool: Some(frames(health.dropped_spool)),
            clock_skew_us: health.clock_skew_us.map(i64::unsigned_abs),
            missed: Some(frames(health.missed)),
        };
        self.piece.seen.entry((hour_us, sensor)).or_default().unite(seen);
    }

    #[inline]
    fn add(&mut self, decoded: &Decoded<'_>, sensor: u16, payload_bytes_max: u8) {
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
            self.count_day(time_us);
        }
        self.slot.seen += 1;
        self.slot.kept += u64::from(kept);
    }

    #[inline]
    fn count_day(&mut self, time_us: i64) {
        if self.days.is_empty() || !(0..DAY_US).contains(&time_us.wrapping_sub(self.day_begin_us)) {
            let day = time_us.div_euclid(DAY_US);
            self.day_begin_us = day.saturating_mul(DAY_US);
            self.days.insert(day);
        }
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

#[cfg(test)]
mod tests {
    use hirundo_packet::Packet;

    use super::*;

    const MINUTE_US: i64 = SLOT_US / 5;

    fn minute(begin_us: i64) -> Health {
        Health {
            begin_us,
            up: true,
            seen: 10,
            kept: 7,
            unreadable: 3,
            dropped_kernel: 2,
            dropped_spool: 1,
            missed: 4,
            clock_skew_us: Some(-50),
        }
    }

    fn shipped(segment: &mut Segment, time_us: i64, sensor: u16) {
        let packet = Packet {
            time_us,
            ..Packet::default()
        };
        segment.push_shipped(
            &Decoded {
                packet,
                ..Decoded::default()
            },
            sensor,
        );
    }

    #[test]
    fn minutes_add_up_to_hours() {
        let mut segment = Segment::default();
        segment.begin_piece();
        let sensor = segment.sensor("tokyo");
        segment.push_health(sensor, minute(0));
        segment.push_health(sensor, minute(0));
        segment.push_health(
            sensor,
            Health {
                up: false,
                clock_skew_us: Some(9),
                ..minute(SLOT_US)
            },
        );
        segment.push_health(
            sensor,
            Health {
                clock_skew_us: None,
                ..minute(2 * SLOT_US + 4 * MINUTE_US)
            },
        );
        segment.push_health(
            sensor,
            Health {
                seen: u64::MAX,
                ..minute(-1)
            },
        );
        assert!(segment.seen.is_empty(), "nothing counts before the piece is kept");
        segment.keep_piece();
        let expected = Seen {
            up_slots: 0b101,
            seen: 40,
            kept: 28,
            unreadable: 12,
            dropped_kernel: Some(8),
            dropped_spool: Some(4),
            clock_skew_us: Some(50),
            missed: Some(16),
        };
        assert_eq!(segment.seen[&(0, sensor)], expected);
        let before = segment.seen[&(-HOUR_US, sensor)];
        assert_eq!((before.up_slots, before.seen), (1 << 11, MINUTE_FRAMES_MAX));
        assert_eq!(segment.seen.len(), 2);
    }

    #[test]
    fn packets_of_sensors_say_nothing_of_up_time() {
        let mut segment = Segment::default();
        segment.begin_piece();
        let sensor = segment.sensor("tokyo");
        shipped(&mut segment, 5, sensor);
        shipped(&mut segment, DAY_US + 5, sensor);
        assert_eq!(segment.piece_days(), 2);
        segment.keep_piece();
        assert!(segment.seen.is_empty() && segment.rows.len() == 2);
    }

    #[test]
    fn a_dropped_batch_leaves_nothing() {
        let mut segment = Segment::default();
        segment.begin_piece();
        let tokyo = segment.sensor("tokyo");
        shipped(&mut segment, 5, tokyo);
        segment.push_health(tokyo, minute(0));
        segment.keep_piece();
        let (seen, rows) = (segment.seen.clone(), segment.rows.len());
        segment.begin_piece();
        let osaka = segment.sensor("osaka");
        shipped(&mut segment, DAY_US, osaka);
        segment.push_health(osaka, minute(DAY_US));
        segment.push_health(tokyo, minute(0));
        segment.drop_piece();
        assert_eq!((&segment.seen, segment.rows.len(), segment.sensors.len()), (&seen, rows, 1));
        assert_eq!(segment.days.len(), 1);
    }

    #[test]
    fn what_captures_do_not_say_stays_unknown() {
        let mut segment = Segment::default();
        segment.begin_piece();
        let sensor = segment.sensor("tokyo");
        segment.push(&Decoded::default(), sensor, 64);
        segment.push_unreadable(SLOT_US, sensor);
        segment.keep_piece();
        let seen = segment.seen[&(0, sensor)];
        assert_eq!((seen.up_slots, seen.seen, seen.kept, seen.unreadable), (0b11, 2, 1, 1));
        assert_eq!(
            (seen.dropped_kernel, seen.dropped_spool, seen.clock_skew_us, seen.missed),
            (None, None, None, None)
        );
    }
}
