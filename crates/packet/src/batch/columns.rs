//! The rows of a batch as columns, and back.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::bytes::{put_varint, unzigzag, zigzag};
use super::planes::{Number, PlaneReader, PlaneWriter};
use super::{BatchError, PACKETS_MAX};
use crate::decode::{Decoded, protocol};
use crate::mark::{MASSCAN_ID, MASSCAN_NEW, MASSCAN_OLD, MIRAI, MarkTable};
use crate::options::{OPTIONS_MAX_BYTES, without_values};
use crate::probe::PROBES;
use crate::{Kind, Packet, Present, Wide};

/// TCP options of one signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) bytes: [u8; OPTIONS_MAX_BYTES],
    pub(super) len: u8,
}

impl Options {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}

/// Every bit that [`Present`] knows.
const PRESENT_BITS: u32 = 9;
/// Bits of a word above those of [`Present`]: the kind, in 3 bits.
const KIND_SHIFT: u32 = PRESENT_BITS;
/// The sequence number is the destination, as in Mirai's SYNs, and is not written.
const SEQ_IS_DST: u16 = 1 << 12;
/// The IP identification is made as Masscan makes it, and is not written.
const ID_IS_XOR: u16 = 1 << 13;
/// Bits that no word has.
const NO_BITS: u16 = 0b11 << 14;

const fn has(word: u16, present: Present) -> bool {
    Present(word).has(present)
}

/// Masscan's identification: destination, port and sequence number, exclusive or.
fn xor_id(packet: &Packet) -> u16 {
    let [low, high, ..] = (packet.dst ^ u32::from(packet.dst_port) ^ packet.tcp_seq).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// What says which columns a row stands in.
#[inline]
fn word(packet: &Packet) -> u16 {
    let is_plain = !packet.present.has(Present::HIDDEN);
    let is_masscan = matches!(packet.mark, MASSCAN_ID | MASSCAN_NEW | MASSCAN_OLD);
    // Without a branch: marks come as they like.
    let seq_is_dst = is_plain & (packet.mark == MIRAI) & (packet.tcp_seq == packet.dst);
    let id_is_xor = is_plain & is_masscan & (packet.ip_id == xor_id(packet));
    packet.present.0
        | u16::from(packet.kind as u8) << KIND_SHIFT
        | if seq_is_dst { SEQ_IS_DST } else { 0 }
        | if id_is_xor { ID_IS_XOR } else { 0 }
}

/// What many packets have in common; each such combination is written once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    word: u16,
    packet: Packet,
}

impl Shape {
    /// The combination as one number; `options_at` and `payload_len` are those of the batch.
    #[inline]
    fn key(word: u16, packet: &Packet, options_at: u16, payload_len: u8) -> u128 {
        let Packet {
            proto,
            probe,
            mark,
            icmp_type,
            icmp_code,
            ..
        } = *packet;
        let low = u64::from(word)
            | u64::from(proto) << 16
            | u64::from(probe) << 24
            | u64::from(mark) << 32
            | u64::from(packet.tcp_flags) << 40
            | u64::from(icmp_type) << 56;
        let high = u64::from(icmp_code) | u64::from(options_at) << 8 | u64::from(payload_len) << 24 | u64::from(packet.ip_len) << 32;
        u128::from(low) | u128::from(high) << 64
    }

    fn of_key(key: u128, options: usize) -> Result<Shape, BatchError> {
        let [
            w0,
            w1,
            proto,
            probe,
            mark,
            f0,
            f1,
            icmp_type,
            icmp_code,
            o0,
            o1,
            payload_len,
            l0,
            l1,
            l2,
            l3,
        ] = key.to_le_bytes();
        let word = u16::from_le_bytes([w0, w1]);
        let kind = Kind::ALL.get(usize::from(word >> KIND_SHIFT & 0b111));
        let packet = Packet {
            present: Present(word & ((1 << PRESENT_BITS) - 1)),
            kind: *kind.ok_or(BatchError::Wrong { what: "kind of a packet" })?,
            proto,
            probe,
            mark,
            tcp_flags: u16::from_le_bytes([f0, f1]),
            icmp_type,
            icmp_code,
            options_at: u16::from_le_bytes([o0, o1]),
            payload_len,
            ip_len: u32::from_le_bytes([l0, l1, l2, l3]),
            ..Packet::default()
        };
        check(&packet, options)?;
        let is_derived = word & (SEQ_IS_DST | ID_IS_XOR) != 0;
        if word & NO_BITS != 0 || (is_derived && (!packet.present.has(Present::TCP) || packet.present.has(Present::HIDDEN))) {
            return Err(BatchError::Wrong { what: "word of a packet" });
        }
        Ok(Shape { word, packet })
    }
}

/// Refuses what no decoder makes: values without their bit, bits that exclude each other, unknown numbers.
pub(super) fn check(packet: &Packet, options: usize) -> Result<(), BatchError> {
    static MARKS: LazyLock<MarkTable> = LazyLock::new(MarkTable::built_in);
    let has = |present| packet.present.has(present);
    let is_wide = has(Present::WIDE);
    let only_if = |bit, holds: bool| !has(bit) || holds;
    let bits = packet.present.0 < 1 << PRESENT_BITS
        && only_if(Present::TCP, packet.proto == protocol::TCP && has(Present::PORTS))
        && only_if(Present::PORTS, matches!(packet.proto, protocol::TCP | protocol::UDP))
        && only_if(
            Present::ICMP,
            packet.proto == if is_wide { protocol::ICMPV6 } else { protocol::ICMP },
        )
        && only_if(Present::VICTIM, has(Present::ICMP))
        && only_if(Present::LATER_FRAGMENT, has(Present::FRAGMENT))
        && only_if(Present::LATER_FRAGMENT, !has(Present::PORTS) && !has(Present::ICMP))
        && only_if(Present::HIDDEN, !has(Present::IP_ID));
    let values = (has(Present::TCP) || (packet.tcp_flags, packet.options_at) == (0, 0))
        && packet.tcp_flags < 1 << 9
        && usize::from(packet.options_at) <= options
        && (has(Present::ICMP) || (packet.icmp_type, packet.icmp_code) == (0, 0))
        && (has(Present::PORTS) || packet.payload_len == 0);
    let numbers = usize::from(packet.probe) <= PROBES.len() && (packet.mark == 0 || MARKS.entry(packet.mark).is_some());
    match (bits, values, numbers) {
        (true, true, true) => Ok(()),
        (false, _, _) => Err(BatchError::Wrong { what: "bits of a packet" }),
        (_, false, _) => Err(BatchError::Wrong {
            what: "fields of a packet",
        }),
        (_, _, false) => Err(BatchError::Wrong {
            what: "mark or probe of a packet",
        }),
    }
}

/// A field of some of the rows.
struct Column {
    what: &'static str,
    /// Bytes of a number.
    width_max: usize,
    /// Whether a row with this word has it.
    of: fn(u16) -> bool,
    set: fn(&mut Packet, u64),
}

/// A column of the field of that name.
macro_rules! column {
    ($field:ident, $type:ty, $of:expr) => {
        Column {
            what: stringify!($field),
            width_max: size_of::<$type>(),
            of: $of,
            // The width was checked.
            set: |packet, value| packet.$field = <$type>::try_from(value).unwrap_or(<$type>::MAX),
        }
    };
}

/// Every field that is neither in the shape nor the time, in the order of the form.
const COLUMNS: [Column; 9] = [
    column!(ttl, u8, |_| true),
    column!(src, u32, is_narrow),
    column!(dst, u32, is_narrow),
    column!(src_port, u16, has_ports),
    column!(dst_port, u16, has_ports),
    column!(tcp_window, u16, is_tcp),
    column!(tcp_seq, u32, has_seq),
    column!(ip_id, u16, has_id),
    column!(victim, u32, has_victim),
];

const fn is_narrow(word: u16) -> bool {
    !has(word, Present::WIDE)
}

const fn has_ports(word: u16) -> bool {
    has(word, Present::PORTS)
}

const fn is_tcp(word: u16) -> bool {
    has(word, Present::TCP)
}

const fn has_seq(word: u16) -> bool {
    is_tcp(word) && word & SEQ_IS_DST == 0 && !has(word, Present::HIDDEN)
}

const fn has_id(word: u16) -> bool {
    has(word, Present::IP_ID) && word & ID_IS_XOR == 0
}

const fn has_victim(word: u16) -> bool {
    has(word, Present::VICTIM) && is_narrow(word)
}

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
    // Those of [`COLUMNS`].
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
    fields: [usize; COLUMNS.len()],
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

    /// What [`read`] needs to know to read what is written from here on.
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            shapes: &self.shapes.keys,
            options: self.options.len(),
            before_us: self.before_us,
        }
    }

    /// Refuses packets that [`read`] would refuse.
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

/// What was read before, that further columns refer to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    /// Shapes in the order of their numbers.
    pub(super) shapes: &'a [u128],
    /// TCP options.
    pub(super) options: usize,
    /// Time of the last packet.
    pub(super) before_us: i64,
}

/// What columns hold.
pub(super) struct Rows {
    pub(super) packets: Vec<Packet>,
    pub(super) wides: Vec<Wide>,
    pub(super) payloads: Vec<u8>,
    pub(super) options: Vec<Options>,
}

/// Reads the columns of `count` rows that follow on what is known.
pub(super) fn read(planes: &mut PlaneReader<'_>, count: usize, known: Known<'_>) -> Result<Rows, BatchError> {
    let options = read_options(planes, count)?;
    let options_known = known.options + options.len();
    let shapes = read_shapes(planes, count, options_known)?;
    let mut values = Vec::new();
    planes.column("shapes", count, 4, &mut values)?;
    let mut packets = Vec::with_capacity(count);
    let mut words = Vec::with_capacity(count);
    for index in &values {
        let index = usize::try_from(*index).unwrap_or(usize::MAX);
        let shape = match known.shapes.get(index) {
            Some(key) => Some(Shape::of_key(*key, options_known)?),
            None => shapes.get(index - known.shapes.len()).copied(),
        };
        let shape = shape.ok_or(BatchError::Wrong { what: "shape of a packet" })?;
        packets.push(shape.packet);
        words.push(shape.word);
    }
    planes.column("times", count, 8, &mut values)?;
    let mut before_us = known.before_us;
    for (packet, distance) in packets.iter_mut().zip(&values) {
        before_us = before_us.wrapping_add(unzigzag(*distance));
        packet.time_us = before_us;
    }
    for column in &COLUMNS {
        let chosen = words.iter().filter(|word| (column.of)(**word)).count();
        planes.column(column.what, chosen, column.width_max, &mut values)?;
        let chosen = packets.iter_mut().zip(&words).filter(|(_, word)| (column.of)(**word));
        for ((packet, _), value) in chosen.zip(&values) {
            (column.set)(packet, *value);
        }
    }
    let mut payload_bytes = 0;
    for (packet, word) in packets.iter_mut().zip(&words) {
        if word & SEQ_IS_DST != 0 {
            packet.tcp_seq = packet.dst;
        }
        if word & ID_IS_XOR != 0 {
            packet.ip_id = xor_id(packet);
        }
        packet.payload_at = u32::try_from(payload_bytes).unwrap_or(u32::MAX);
        payload_bytes += usize::from(packet.payload_len);
    }
    let wides = read_wides(planes, &mut packets)?;
    let payloads = planes.plane("payloads", payload_bytes)?.to_vec();
    Ok(Rows {
        packets,
        wides,
        payloads,
        options,
    })
}

fn read_options(planes: &mut PlaneReader<'_>, rows: usize) -> Result<Vec<Options>, BatchError> {
    let count = planes.reader.count("TCP options", rows.min(PACKETS_MAX - 1))?;
    let lengths = planes.plane("lengths of TCP options", count)?.to_vec();
    if lengths.iter().any(|len| !(1..=OPTIONS_MAX_BYTES).contains(&usize::from(*len))) {
        return Err(BatchError::Wrong {
            what: "lengths of TCP options",
        });
    }
    let sum = lengths.iter().map(|len| usize::from(*len)).sum();
    let mut rest = planes.plane("TCP options", sum)?;
    let mut options = Vec::with_capacity(count);
    for len in lengths {
        let (found, after) = rest.split_at_checked(usize::from(len)).ok_or(BatchError::Cut)?;
        rest = after;
        let mut bytes = [0; OPTIONS_MAX_BYTES];
        bytes.iter_mut().zip(found).for_each(|(to, from)| *to = *from);
        // Values that the signature leaves out are never written.
        if without_values(found).0 != bytes {
            return Err(BatchError::Wrong { what: "TCP options" });
        }
        options.push(Options { bytes, len });
    }
    Ok(options)
}

fn read_shapes(planes: &mut PlaneReader<'_>, rows: usize, options: usize) -> Result<Vec<Shape>, BatchError> {
    let count = planes.reader.count("shapes", rows)?;
    let keys = planes.plane("shapes", count * size_of::<u128>())?;
    let (keys, _) = keys.as_chunks::<16>();
    keys.iter().map(|key| Shape::of_key(u128::from_le_bytes(*key), options)).collect()
}

fn read_wides(planes: &mut PlaneReader<'_>, packets: &mut [Packet]) -> Result<Vec<Wide>, BatchError> {
    let mut count = 0;
    let mut with_victim = Vec::new();
    for packet in packets.iter_mut().filter(|packet| packet.present.has(Present::WIDE)) {
        packet.wide_at = count;
        if packet.present.has(Present::VICTIM) {
            with_victim.push(count as usize);
        }
        count += 1;
    }
    let mut wides = vec![Wide::default(); count as usize];
    for place in 0..16 {
        let plane = planes.plane("src6", wides.len())?;
        wides.iter_mut().zip(plane).for_each(|(wide, byte)| wide.src6[place] = *byte);
    }
    for place in 0..16 {
        let plane = planes.plane("dst6", wides.len())?;
        wides.iter_mut().zip(plane).for_each(|(wide, byte)| wide.dst6[place] = *byte);
    }
    for place in 0..16 {
        let plane = planes.plane("victim6", with_victim.len())?;
        for (at, byte) in with_victim.iter().zip(plane) {
            if let Some(wide) = wides.get_mut(*at) {
                wide.victim6[place] = *byte;
            }
        }
    }
    Ok(wides)
}
