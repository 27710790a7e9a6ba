//! Packets taken apart as they come: what a batch and its journal are written from.

use std::collections::HashMap;

use super::bytes::{put_varint, zigzag};
use super::columns::{COLUMN_COUNT, Known, Options, Shape, has, has_id, has_ports, has_seq, has_victim, is_narrow, is_tcp, word};
use super::planes::{Number, PlaneWriter};
use super::{BatchError, PACKETS_MAX};
use crate::decode::Decoded;
use crate::{Present, Wide};

/// Room for one number of each packet of a batch.
struct Field<N> {
    numbers: Vec<N>,
    len: usize,
}

impl<N: Number> Field<N> {
    fn new() -> Field<N> {
        Field {
            numbers: vec![N::default(); PACKETS_MAX + 1],
            len: 0,
        }
    }

    /// Adds a number if `is` says so. It is written in any case and kept by counting it: what traffic is next is nothing
    /// that a processor could guess.
    #[inline]
    fn push(&mut self, number: N, is: bool) {
        if let Some(place) = self.numbers.get_mut(self.len) {
            *place = number;
            self.len += usize::from(is);
        }
    }

    fn since(&self, from: usize) -> &[N] {
        self.numbers.get(from..self.len).unwrap_or_default()
    }
}

/// Numbers shapes in the order they come.
struct Shapes {
    keys: Vec<u128>,
    numbers: HashMap<u128, u16>,
    /// Few shapes make up most of the traffic: a small table in front of the large one.
    recent: Box<[(u128, u16); RECENT]>,
}

/// Shapes that are found without the large table.
const RECENT: usize = 1 << 10;
/// A key that no packet has: its kind is none.
const NO_KEY: u128 = u128::MAX;

impl Shapes {
    fn new() -> Shapes {
        Shapes {
            keys: Vec::new(),
            numbers: HashMap::new(),
            recent: Box::new([(NO_KEY, 0); RECENT]),
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    fn number(&mut self, key: u128) -> u16 {
        let (low, high) = (key as u64, (key >> 64) as u64);
        // The golden ratio as a 64-bit fraction, after Knuth.
        let slot = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        let slot = slot as usize % RECENT;
        let (first, second) = (self.recent[slot], self.recent[slot ^ 1]);
        if first.0 == key {
            return first.1;
        }
        if second.0 == key {
            return second.1;
        }
        self.remember(key, slot)
    }

    /// Looks into the large table, and puts what was found in front of what was there.
    #[cold]
    fn remember(&mut self, key: u128, slot: usize) -> u16 {
        // At most as many as packets, so they fit.
        let next = u16::try_from(self.keys.len()).unwrap_or(u16::MAX);
        let number = *self.numbers.entry(key).or_insert_with(|| {
            self.keys.push(key);
            next
        });
        self.recent[slot ^ 1] = self.recent[slot];
        self.recent[slot] = (key, number);
        number
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.numbers.clear();
        self.recent.fill((NO_KEY, 0));
    }
}

/// Packets taken apart as they come, field by field: what is written is then as it lies here.
pub(super) struct Columns {
    len: usize,
    shapes: Shapes,
    indices: Field<u16>,
    /// Distance of each from the one before, see [`zigzag`].
    times: Field<u64>,
    before_us: i64,
    span: Option<(i64, i64)>,
    hidden: usize,
    // Those of `columns`, in their order.
    ttl: Field<u8>,
    src: Field<u32>,
    dst: Field<u32>,
    src_port: Field<u16>,
    dst_port: Field<u16>,
    tcp_window: Field<u16>,
    tcp_seq: Field<u32>,
    ip_id: Field<u16>,
    victim: Field<u32>,
    wides: Vec<Wide>,
    /// Victims of those of `wides` that have one.
    victims6: Vec<[u8; 16]>,
    payloads: Vec<u8>,
    options: Vec<Options>,
}

/// Up to where columns were written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lengths {
    rows: usize,
    shapes: usize,
    fields: [usize; COLUMN_COUNT],
    wides: usize,
    victims6: usize,
    payloads: usize,
    options: usize,
}

impl Lengths {
    /// Packets.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}

impl Default for Columns {
    fn default() -> Columns {
        Columns {
            len: 0,
            shapes: Shapes::new(),
            indices: Field::new(),
            times: Field::new(),
            before_us: 0,
            span: None,
            hidden: 0,
            ttl: Field::new(),
            src: Field::new(),
            dst: Field::new(),
            src_port: Field::new(),
            dst_port: Field::new(),
            tcp_window: Field::new(),
            tcp_seq: Field::new(),
            ip_id: Field::new(),
            victim: Field::new(),
            wides: Vec::new(),
            victims6: Vec::new(),
            payloads: Vec::new(),
            options: Vec::new(),
        }
    }
}

impl Columns {
    /// Adds a packet; `options_at` is the number of its options from 1 on, 0 for none, and `payload` what is kept. Of
    /// more than [`PACKETS_MAX`] nothing is taken.
    #[inline]
    pub(super) fn push(&mut self, decoded: &Decoded<'_>, options_at: u16, payload: &[u8]) {
        let row = &decoded.packet;
        if self.len >= PACKETS_MAX {
            return;
        }
        self.len += 1;
        self.times.push(zigzag(row.time_us.wrapping_sub(self.before_us)), true);
        self.before_us = row.time_us;
        let (first_us, last_us) = self.span.unwrap_or((row.time_us, row.time_us));
        self.span = Some((first_us.min(row.time_us), last_us.max(row.time_us)));
        let word = word(row);
        self.hidden += usize::from(has(word, Present::HIDDEN));
        let payload_len = u8::try_from(payload.len()).unwrap_or(u8::MAX);
        let number = self.shapes.number(Shape::key(word, row, options_at, payload_len));
        self.indices.push(number, true);
        self.ttl.push(row.ttl, true);
        self.src.push(row.src, is_narrow(word));
        self.dst.push(row.dst, is_narrow(word));
        self.src_port.push(row.src_port, has_ports(word));
        self.dst_port.push(row.dst_port, has_ports(word));
        self.tcp_window.push(row.tcp_window, is_tcp(word));
        self.tcp_seq.push(row.tcp_seq, has_seq(word));
        self.ip_id.push(row.ip_id, has_id(word));
        self.victim.push(row.victim, has_victim(word));
        if has(word, Present::WIDE) {
            self.wides.push(decoded.wide);
            if has(word, Present::VICTIM) {
                self.victims6.push(decoded.wide.victim6);
            }
        }
        if !payload.is_empty() {
            self.payloads.extend_from_slice(payload);
        }
    }

    /// Makes further options known, as the next number.
    pub(super) fn add_options(&mut self, options: Options) {
        self.options.push(options);
    }

    /// Packets.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of payloads.
    #[inline]
    pub(super) fn payload_bytes(&self) -> usize {
        self.payloads.len()
    }

    /// TCP options of all signatures, by their numbers less one.
    #[inline]
    pub(super) fn options(&self) -> &[Options] {
        &self.options
    }

    /// Earliest and latest time, microseconds since 1970; zeros without packets.
    pub(super) fn span(&self) -> (i64, i64) {
        self.span.unwrap_or_default()
    }

    /// Packets whose addresses are hidden.
    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// How much there is.
    pub(super) fn lengths(&self) -> Lengths {
        Lengths {
            rows: self.len,
            shapes: self.shapes.keys.len(),
            fields: [
                self.ttl.len,
                self.src.len,
                self.dst.len,
                self.src_port.len,
                self.dst_port.len,
                self.tcp_window.len,
                self.tcp_seq.len,
                self.ip_id.len,
                self.victim.len,
            ],
            wides: self.wides.len(),
            victims6: self.victims6.len(),
            payloads: self.payloads.len(),
            options: self.options.len(),
        }
    }

    /// What [`super::columns::read`] needs to know to read what is written from here on.
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            shapes: &self.shapes.keys,
            options: self.options.len(),
            before_us: self.before_us,
        }
    }

    /// Refuses packets that [`super::columns::read`] would refuse.
    pub(super) fn check(&self) -> Result<(), BatchError> {
        let mut keys = self.shapes.keys.iter();
        keys.try_for_each(|key| Shape::of_key(*key, self.options.len()).map(drop))
    }

    /// Appends the columns of all rows that came after those of `from`.
    pub(super) fn write(&self, from: &Lengths, planes: &mut PlaneWriter, out: &mut Vec<u8>) {
        let options = self.options.get(from.options..).unwrap_or_default();
        put_varint(out, options.len() as u64);
        let mut bytes: Vec<u8> = options.iter().map(|options| options.len).collect();
        planes.plane(&bytes, out);
        bytes.clear();
        options.iter().for_each(|options| bytes.extend(options.as_slice()));
        planes.plane(&bytes, out);
        let keys = self.shapes.keys.get(from.shapes..).unwrap_or_default();
        put_varint(out, keys.len() as u64);
        bytes.clear();
        keys.iter().for_each(|key| bytes.extend(key.to_le_bytes()));
        planes.plane(&bytes, out);
        planes.column(self.indices.since(from.rows), out);
        planes.column(self.times.since(from.rows), out);
        let [ttl, src, dst, src_port, dst_port, tcp_window, tcp_seq, ip_id, victim] = from.fields;
        planes.column(self.ttl.since(ttl), out);
        planes.column(self.src.since(src), out);
        planes.column(self.dst.since(dst), out);
        planes.column(self.src_port.since(src_port), out);
        planes.column(self.dst_port.since(dst_port), out);
        planes.column(self.tcp_window.since(tcp_window), out);
        planes.column(self.tcp_seq.since(tcp_seq), out);
        planes.column(self.ip_id.since(ip_id), out);
        planes.column(self.victim.since(victim), out);
        // Addresses of IPv6: a plane for each of their bytes.
        let wides = self.wides.get(from.wides..).unwrap_or_default();
        let victims6 = self.victims6.get(from.victims6..).unwrap_or_default();
        for place in 0..if wides.is_empty() { 0 } else { 16 } {
            bytes.clear();
            bytes.extend(wides.iter().map(|wide| wide.src6[place]));
            planes.plane(&bytes, out);
        }
        for place in 0..if wides.is_empty() { 0 } else { 16 } {
            bytes.clear();
            bytes.extend(wides.iter().map(|wide| wide.dst6[place]));
            planes.plane(&bytes, out);
        }
        for place in 0..if victims6.is_empty() { 0 } else { 16 } {
            bytes.clear();
            bytes.extend(victims6.iter().map(|victim6| victim6[place]));
            planes.plane(&bytes, out);
        }
        planes.plane(self.payloads.get(from.payloads..).unwrap_or_default(), out);
    }

    /// Empties it and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.shapes.clear();
        (self.before_us, self.span, self.hidden) = (0, None, 0);
        (self.indices.len, self.times.len) = (0, 0);
        (self.ttl.len, self.src.len, self.dst.len) = (0, 0, 0);
        (self.src_port.len, self.dst_port.len) = (0, 0);
        (self.tcp_window.len, self.tcp_seq.len) = (0, 0);
        (self.ip_id.len, self.victim.len) = (0, 0);
        self.wides.clear();
        self.victims6.clear();
        self.payloads.clear();
        self.options.clear();
    }
}
