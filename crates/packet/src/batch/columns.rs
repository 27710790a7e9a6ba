//! The columns of a batch: which there are, whose packets stand in them, and how they are read back.

use std::sync::LazyLock;

use super::bytes::unzigzag;
use super::planes::PlaneReader;
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

pub(super) const fn has(word: u16, present: Present) -> bool {
    Present(word).has(present)
}

/// Masscan's identification: destination, port and sequence number, exclusive or.
fn xor_id(packet: &Packet) -> u16 {
    let [low, high, ..] = (packet.dst ^ u32::from(packet.dst_port) ^ packet.tcp_seq).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// What says which columns a row stands in.
#[inline]
pub(super) fn word(packet: &Packet) -> u16 {
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
    pub(super) fn key(word: u16, packet: &Packet, options_at: u16, payload_len: u8) -> u128 {
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

    pub(super) fn of_key(key: u128, options: usize) -> Result<Shape, BatchError> {
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

/// How many columns there are beside those of shapes and times.
pub(super) const COLUMN_COUNT: usize = COLUMNS.len();

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

pub(super) const fn is_narrow(word: u16) -> bool {
    !has(word, Present::WIDE)
}

pub(super) const fn has_ports(word: u16) -> bool {
    has(word, Present::PORTS)
}

pub(super) const fn is_tcp(word: u16) -> bool {
    has(word, Present::TCP)
}

pub(super) const fn has_seq(word: u16) -> bool {
    is_tcp(word) && word & SEQ_IS_DST == 0 && !has(word, Present::HIDDEN)
}

pub(super) const fn has_id(word: u16) -> bool {
    has(word, Present::IP_ID) && word & ID_IS_XOR == 0
}

pub(super) const fn has_victim(word: u16) -> bool {
    has(word, Present::VICTIM) && is_narrow(word)
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
