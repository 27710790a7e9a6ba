//! The rows of a batch as columns, and back.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::bytes::put_varint;
use super::planes::{PlaneReader, PlaneWriter};
use super::{BatchError, PACKETS_MAX};
use crate::decode::protocol;
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
fn word(packet: &Packet) -> u16 {
    let mut word = packet.present.0 | u16::from(packet.kind as u8) << KIND_SHIFT;
    if !packet.present.has(Present::HIDDEN) {
        if packet.mark == MIRAI && packet.tcp_seq == packet.dst {
            word |= SEQ_IS_DST;
        }
        if matches!(packet.mark, MASSCAN_ID | MASSCAN_NEW | MASSCAN_OLD) && packet.ip_id == xor_id(packet) {
            word |= ID_IS_XOR;
        }
    }
    word
}

/// What many packets have in common; each such combination is written once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    word: u16,
    packet: Packet,
}

impl Shape {
    fn key(word: u16, packet: &Packet) -> u128 {
        let [w0, w1] = word.to_le_bytes();
        let [f0, f1] = packet.tcp_flags.to_le_bytes();
        let [o0, o1] = packet.options_at.to_le_bytes();
        let [l0, l1, l2, l3] = packet.ip_len.to_le_bytes();
        let Packet {
            proto,
            probe,
            mark,
            icmp_type,
            icmp_code,
            payload_len,
            ..
        } = *packet;
        u128::from_le_bytes([
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
        ])
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

/// Numbers shapes in the order they come.
#[derive(Default)]
pub(super) struct ColumnWriter {
    planes: PlaneWriter,
    /// Fields in the order of [`COLUMNS`].
    columns: [Vec<u32>; COLUMNS.len()],
    times: Vec<u64>,
    keys: Vec<u128>,
    numbers: HashMap<u128, u32>,
    indices: Vec<u32>,
    bytes: Vec<u8>,
}

impl ColumnWriter {
    /// Appends the columns of all rows; refuses rows that [`read`] would refuse.
    pub(super) fn write(
        &mut self,
        rows: &[Packet],
        wides: &[Wide],
        payloads: &[u8],
        options: &[Options],
        out: &mut Vec<u8>,
    ) -> Result<(), BatchError> {
        self.gather(rows);
        for key in &self.keys {
            Shape::of_key(*key, options.len())?;
        }
        put_varint(out, options.len() as u64);
        self.bytes.clear();
        self.bytes.extend(options.iter().map(|options| options.len));
        self.planes.plane(&self.bytes, out);
        self.bytes.clear();
        options.iter().for_each(|options| self.bytes.extend(options.as_slice()));
        self.planes.plane(&self.bytes, out);
        put_varint(out, self.keys.len() as u64);
        self.bytes.clear();
        self.keys.iter().for_each(|key| self.bytes.extend(key.to_le_bytes()));
        self.planes.plane(&self.bytes, out);
        self.planes.column(&self.indices, out);
        self.planes.column(&self.times, out);
        for column in &self.columns {
            self.planes.column(column, out);
        }
        for field in [|wide: &Wide| wide.src6, |wide: &Wide| wide.dst6] {
            self.wide(wides.iter().map(field), out);
        }
        let victims = rows
            .iter()
            .filter(|row| row.present.has(Present::WIDE))
            .zip(wides)
            .filter(|(row, _)| row.present.has(Present::VICTIM));
        self.wide(victims.map(|(_, wide)| wide.victim6), out);
        self.planes.plane(payloads, out);
        Ok(())
    }

    /// Appends addresses of IPv6: a plane for each of their bytes.
    fn wide(&mut self, addresses: impl Iterator<Item = [u8; 16]> + Clone, out: &mut Vec<u8>) {
        for place in 0..16 {
            self.bytes.clear();
            self.bytes.extend(addresses.clone().map(|address| address[place]));
            self.planes.plane(&self.bytes, out);
        }
    }

    /// Takes the rows apart in one pass: each is in the processor's cache once.
    fn gather(&mut self, rows: &[Packet]) {
        self.keys.clear();
        self.numbers.clear();
        self.indices.clear();
        self.times.clear();
        self.columns.iter_mut().for_each(Vec::clear);
        let [ttl, src, dst, src_port, dst_port, tcp_window, tcp_seq, ip_id, victim] = &mut self.columns;
        // Few shapes make up most of the traffic: a small table in front of the large one.
        let mut cache = [(u128::MAX, 0_u32); 1024];
        let mut before_us = 0;
        for row in rows {
            self.times.push(super::bytes::zigzag(row.time_us.wrapping_sub(before_us)));
            before_us = row.time_us;
            let word = word(row);
            ttl.push(row.ttl.into());
            if is_narrow(word) {
                src.push(row.src);
                dst.push(row.dst);
            }
            if has_ports(word) {
                src_port.push(row.src_port.into());
                dst_port.push(row.dst_port.into());
            }
            if is_tcp(word) {
                tcp_window.push(row.tcp_window.into());
            }
            if has_seq(word) {
                tcp_seq.push(row.tcp_seq);
            }
            if has_id(word) {
                ip_id.push(row.ip_id.into());
            }
            if has_victim(word) {
                victim.push(row.victim);
            }
            let key = Shape::key(word, row);
            let [low, high] = [key, key >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
            // The golden ratio as a 64-bit fraction, after Knuth.
            let slot = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
            let entry = &mut cache[usize::try_from(slot).unwrap_or(0)];
            if entry.0 != key {
                let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
                let number = *self.numbers.entry(key).or_insert_with(|| {
                    self.keys.push(key);
                    next
                });
                *entry = (key, number);
            }
            self.indices.push(entry.1);
        }
    }
}

/// What columns hold.
pub(super) struct Rows {
    pub(super) packets: Vec<Packet>,
    pub(super) wides: Vec<Wide>,
    pub(super) payloads: Vec<u8>,
    pub(super) options: Vec<Options>,
}

/// Reads the columns of `count` rows.
pub(super) fn read(planes: &mut PlaneReader<'_>, count: usize) -> Result<Rows, BatchError> {
    let options = read_options(planes, count)?;
    let shapes = read_shapes(planes, count, options.len())?;
    let mut values = Vec::new();
    planes.column("shapes", count, 4, &mut values)?;
    let mut packets = Vec::with_capacity(count);
    let mut words = Vec::with_capacity(count);
    for index in &values {
        let shape = usize::try_from(*index).ok().and_then(|index| shapes.get(index));
        let shape = shape.ok_or(BatchError::Wrong { what: "shape of a packet" })?;
        packets.push(shape.packet);
        words.push(shape.word);
    }
    planes.column("times", count, 8, &mut values)?;
    let mut before_us = 0_i64;
    for (packet, distance) in packets.iter_mut().zip(&values) {
        before_us = before_us.wrapping_add(super::bytes::unzigzag(*distance));
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
