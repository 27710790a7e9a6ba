//! The pcapng container: sections of blocks, each with its own byte order and interfaces.
//!
//! Format: draft-ietf-opsawg-pcapng. Section length is ignored (it may be unknown, and a block that begins
//! a section says so itself); blocks that carry no packet are skipped without being kept in memory.

use super::error::{Damage, Stop};
use super::format::{ByteOrder, Container};
use super::window::Window;
use super::{BLOCK_BYTES_MAX, INTERFACES_MAX, RECORD_BYTES_MAX, Record};
use crate::LinkType;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
/// The obsolete Packet Block.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type and length at the beginning of a block, length again at its end, bytes.
const FRAME_BYTES: u32 = 12;
/// Type and length at the beginning of a block, bytes.
const HEAD_BYTES: usize = 8;
const SECTION_BYTES_MIN: u32 = 28;
const INTERFACE_BYTES_MIN: u32 = 20;
const SIMPLE_BYTES_MIN: u32 = 16;
const PACKET_BYTES_MIN: u32 = 32;
/// What stands before the packet's bytes in a block: head and packet header.
const SIMPLE_HEADER_BYTES: u32 = 12;
const PACKET_HEADER_BYTES: u32 = 28;
/// Type, length, byte-order magic, version.
const SECTION_START_BYTES: usize = 16;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

const OPTION_END: u16 = 0;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

/// How a time stamp's units become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Multiply(u64),
    Divide(u128),
    /// Units are 2⁻ⁿ seconds.
    Binary(u32),
}

impl Scale {
    /// From an if_tsresol octet: negative power of 10, or of 2 when the top bit is set.
    fn of(resolution: u8) -> Scale {
        let power = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            Scale::Binary(power)
        } else if let Some(up) = 9_u32.checked_sub(power) {
            Scale::Multiply(10_u64.pow(up))
        } else {
            // Units so fine that 64 bits of them are no nanosecond all become 0.
            Scale::Divide(10_u128.checked_pow(power - 9).unwrap_or(u128::MAX))
        }
    }

    #[inline(always)]
    fn nanoseconds(self, units: u64) -> i64 {
        match self {
            Scale::Multiply(by) => i64::try_from(units.saturating_mul(by)).unwrap_or(i64::MAX),
            Scale::Divide(by) => i64::try_from(u128::from(units) / by).unwrap_or(i64::MAX),
            // Below 2^64 · 10^9 < 2^94; powers go up to 127.
            Scale::Binary(power) => i64::try_from((u128::from(units) * 1_000_000_000) >> power).unwrap_or(i64::MAX),
        }
    }
}

/// What a section said of one interface.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// Most bytes kept of a packet, 0 for no limit.
    snap_len: u32,
    scale: Scale,
    resolution: u8,
    /// Added to every time stamp.
    offset_secs: i64,
}

impl Interface {
    #[inline(always)]
    fn time_ns(&self, high: u32, low: u32) -> i64 {
        let ns = self.scale.nanoseconds((u64::from(high) << 32) | u64::from(low));
        ns.saturating_add(self.offset_secs.saturating_mul(1_000_000_000))
    }
}

/// One block's type and total length.
#[derive(Clone, Copy, Debug)]
struct Block {
    kind: u32,
    len: u32,
}

impl Block {
    fn at_least(self, min: u32) -> Result<(), Damage> {
        if self.len < min {
            return Err(Damage::BlockTooShort {
                kind: self.kind,
                len: self.len,
                min,
            });
        }
        Ok(())
    }
}

/// Reads blocks and gives out the packets among them.
#[derive(Debug)]
pub(super) struct PcapngReader {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    last_time_ns: i64,
}

impl PcapngReader {
    /// The container that a section header at the beginning of `head` names.
    pub(super) fn container(head: &[u8]) -> Option<Container> {
        let &[t0, t1, t2, t3, _, _, _, _, m0, m1, m2, m3] = head.first_chunk::<12>()?;
        if u32::from_be_bytes([t0, t1, t2, t3]) != SECTION_HEADER {
            return None;
        }
        Some(Container::Pcapng {
            order: order_of([m0, m1, m2, m3]).ok()?,
        })
    }

    /// The version in the section header that begins `head`, unless it can be read here.
    pub(super) fn unsupported(head: &[u8], order: ByteOrder) -> Option<(u16, u16)> {
        let &[.., ma0, ma1, mi0, mi1] = head.first_chunk::<SECTION_START_BYTES>()?;
        let (major, minor) = (order.number16([ma0, ma1]), order.number16([mi0, mi1]));
        (!is_supported(major, minor)).then_some((major, minor))
    }

    pub(super) fn new(order: ByteOrder) -> PcapngReader {
        PcapngReader {
            order,
            interfaces: Vec::new(),
            last_time_ns: 0,
        }
    }

    /// What the packets mean and their blocks do not say: the interfaces described so far.
    pub(super) fn context(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.interfaces.len() * 13);
        for interface in &self.interfaces {
            bytes.extend(interface.link.0.to_le_bytes());
            bytes.push(interface.resolution);
            bytes.extend(interface.offset_secs.to_le_bytes());
        }
        bytes
    }

    /// The next packet, `None` at the end between two blocks.
    pub(super) fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Stop> {
        loop {
            if !window.fill(FRAME_BYTES as usize)? {
                let found = window.rest().len() as u64;
                let needed = u64::from(FRAME_BYTES);
                return if found == 0 {
                    Ok(None)
                } else {
                    Err(Damage::Cut { needed, found }.into())
                };
            }
            let block = self.block(window)?;
            match block.kind {
                ENHANCED_PACKET | PACKET => return self.packet(window, block).map(Some),
                SIMPLE_PACKET => return self.simple_packet(window, block).map(Some),
                INTERFACE_DESCRIPTION => self.interface(window, block)?,
                SECTION_HEADER => self.section(window)?,
                _ => self.skip(window, block)?,
            }
        }
    }

    /// Type and checked length of the block that begins at the window's start.
    #[inline(always)]
    fn block(&self, window: &Window) -> Result<Block, Damage> {
        let Some(&[t0, t1, t2, t3, l0, l1, l2, l3]) = window.rest().first_chunk::<HEAD_BYTES>() else {
            return Err(cut(window, FRAME_BYTES));
        };
        let kind = self.order.number32([t0, t1, t2, t3]);
        let len = self.order.number32([l0, l1, l2, l3]);
        if kind == SECTION_HEADER {
            // Its length is in the order that the block itself sets.
            return Ok(Block { kind, len });
        }
        check_len(Block { kind, len })
    }

    /// Brings a whole block into memory and checks the copy of its length.
    #[inline(always)]
    fn hold(&self, window: &mut Window, block: Block, min: u32) -> Result<(), Stop> {
        block.at_least(min)?;
        if block.len > BLOCK_BYTES_MAX {
            return Err(Damage::BlockTooLong {
                kind: block.kind,
                len: block.len,
                max: BLOCK_BYTES_MAX,
            }
            .into());
        }
        if !window.fill(block.len as usize)? {
            return Err(cut(window, block.len).into());
        }
        let trailer = number32(self.order, window.rest(), block.len as usize - 4);
        if trailer != block.len {
            return Err(Damage::TrailerDiffers {
                kind: block.kind,
                len: block.len,
                trailer,
            }
            .into());
        }
        Ok(())
    }

    /// Enhanced Packet Block, or the obsolete Packet Block, which differs in the interface field only.
    #[inline(always)]
    fn packet(&mut self, window: &mut Window, block: Block) -> Result<Record, Stop> {
        self.hold(window, block, PACKET_BYTES_MIN)?;
        let order = self.order;
        let Some(&[i0, i1, i2, i3, ref times @ .., c0, c1, c2, c3, w0, w1, w2, w3]) =
            window.rest().get(HEAD_BYTES..).and_then(|rest| rest.first_chunk::<20>())
        else {
            return Err(cut(window, block.len).into());
        };
        let interface_at = if block.kind == PACKET {
            // The upper half counts drops.
            u32::from(order.number16([i0, i1]))
        } else {
            order.number32([i0, i1, i2, i3])
        };
        let captured = order.number32([c0, c1, c2, c3]);
        let room = block.len - PACKET_BYTES_MIN;
        if captured > RECORD_BYTES_MAX {
            return Err(Damage::PacketTooLong {
                len: captured,
                max: RECORD_BYTES_MAX,
            }
            .into());
        }
        if captured > room {
            return Err(Damage::PacketOverBlock { len: captured, room }.into());
        }
        let interface = self.known(interface_at)?;
        let link = interface.link;
        let time_ns = interface.time_ns(number32(order, times, 0), number32(order, times, 4));
        self.last_time_ns = time_ns;
        let from = window.consume(block.len as usize) + PACKET_HEADER_BYTES as usize;
        Ok(Record {
            time_ns,
            link,
            wire_len: order.number32([w0, w1, w2, w3]),
            interface: interface_at,
            from,
            to: from + captured as usize,
        })
    }

    /// Simple Packet Block: of the first interface, its captured length follows from the snap length. It
    /// has no time, so it gets that of the packet before it, 0 when it is the first.
    fn simple_packet(&mut self, window: &mut Window, block: Block) -> Result<Record, Stop> {
        self.hold(window, block, SIMPLE_BYTES_MIN)?;
        let wire_len = number32(self.order, window.rest(), HEAD_BYTES);
        let interface = self.known(0)?;
        let link = interface.link;
        let limit = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
        let captured = wire_len.min(limit).min(block.len - SIMPLE_BYTES_MIN);
        if captured > RECORD_BYTES_MAX {
            return Err(Damage::PacketTooLong {
                len: captured,
                max: RECORD_BYTES_MAX,
            }
            .into());
        }
        let from = window.consume(block.len as usize) + SIMPLE_HEADER_BYTES as usize;
        let to = from + captured as usize;
        Ok(Record {
            time_ns: self.last_time_ns,
            link,
            wire_len,
            interface: 0,
            from,
            to,
        })
    }

    #[inline(always)]
    fn known(&self, interface: u32) -> Result<&Interface, Damage> {
        usize::try_from(interface)
            .ok()
            .and_then(|at| self.interfaces.get(at))
            .ok_or(Damage::UnknownInterface {
                interface,
                known: self.interfaces.len(),
            })
    }

    fn interface(&mut self, window: &mut Window, block: Block) -> Result<(), Stop> {
        self.hold(window, block, INTERFACE_BYTES_MIN)?;
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(Damage::TooManyInterfaces { max: INTERFACES_MAX }.into());
        }
        let body = window.rest().get(HEAD_BYTES..block.len as usize - 4).unwrap_or_default();
        let mut interface = Interface {
            link: LinkType(u32::from(number16(self.order, body, 0))),
            snap_len: number32(self.order, body, 4),
            scale: Scale::of(6),
            resolution: 6,
            offset_secs: 0,
        };
        self.read_options(&mut interface, body.get(8..).unwrap_or_default())?;
        self.interfaces.push(interface);
        window.consume(block.len as usize);
        Ok(())
    }

    /// Takes what concerns time from an interface's options; the time zone (if_tzone) is not applied to
    /// UTC time stamps by anyone, and a frame check sequence (if_fcslen) stands behind the packet.
    fn read_options(&self, interface: &mut Interface, options: &[u8]) -> Result<(), Damage> {
        let mut rest = options;
        while rest.len() >= 4 {
            let code = number16(self.order, rest, 0);
            let len = usize::from(number16(self.order, rest, 2));
            if code == OPTION_END {
                return Ok(());
            }
            let Some(value) = rest.get(4..4 + len) else {
                let room = u32::try_from(rest.len() - 4).unwrap_or(u32::MAX);
                return Err(Damage::OptionOverBlock {
                    len: u32::try_from(len).unwrap_or(u32::MAX),
                    room,
                });
            };
            match (code, value) {
                (OPTION_TSRESOL, &[resolution, ..]) => {
                    interface.resolution = resolution;
                    interface.scale = Scale::of(resolution);
                }
                (OPTION_TSOFFSET, value) if value.len() >= 8 => {
                    let (first, second) = (number32(self.order, value, 0), number32(self.order, value, 4));
                    let (high, low) = match self.order {
                        ByteOrder::Big => (first, second),
                        ByteOrder::Little => (second, first),
                    };
                    interface.offset_secs = ((u64::from(high) << 32) | u64::from(low)).cast_signed();
                }
                _ => {}
            }
            rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(())
    }

    /// Begins a section: sets its byte order and forgets the interfaces of the one before.
    fn section(&mut self, window: &mut Window) -> Result<(), Stop> {
        if !window.fill(SECTION_START_BYTES)? {
            return Err(cut(window, SECTION_BYTES_MIN).into());
        }
        let Some(&[_, _, _, _, l0, l1, l2, l3, m0, m1, m2, m3, ma0, ma1, mi0, mi1]) = window.rest().first_chunk::<SECTION_START_BYTES>()
        else {
            return Err(cut(window, SECTION_BYTES_MIN).into());
        };
        self.order = order_of([m0, m1, m2, m3])?;
        let (major, minor) = (self.order.number16([ma0, ma1]), self.order.number16([mi0, mi1]));
        if !is_supported(major, minor) {
            return Err(Damage::SectionVersion { major, minor }.into());
        }
        let block = check_len(Block {
            kind: SECTION_HEADER,
            len: self.order.number32([l0, l1, l2, l3]),
        })?;
        block.at_least(SECTION_BYTES_MIN)?;
        self.interfaces.clear();
        self.skip(window, block)
    }

    /// Passes over a block of any length, checking the copy of its length.
    fn skip(&self, window: &mut Window, block: Block) -> Result<(), Stop> {
        let Block { kind, len } = block;
        let before = window.offset();
        if !window.skip(u64::from(len - 4))? || !window.fill(4)? {
            let found = window.offset() + window.rest().len() as u64 - before;
            return Err(Damage::Cut {
                needed: u64::from(len),
                found,
            }
            .into());
        }
        let trailer = number32(self.order, window.rest(), 0);
        if trailer != len {
            return Err(Damage::TrailerDiffers { kind, len, trailer }.into());
        }
        window.consume(4);
        Ok(())
    }
}

/// 1.0 is what everybody writes; 1.2 was written by some and means the same.
fn is_supported(major: u16, minor: u16) -> bool {
    major == 1 && matches!(minor, 0 | 2)
}

fn check_len(block: Block) -> Result<Block, Damage> {
    block.at_least(FRAME_BYTES)?;
    if !block.len.is_multiple_of(4) {
        return Err(Damage::BlockUneven {
            kind: block.kind,
            len: block.len,
        });
    }
    Ok(block)
}

fn order_of(magic: [u8; 4]) -> Result<ByteOrder, Damage> {
    if u32::from_le_bytes(magic) == BYTE_ORDER_MAGIC {
        Ok(ByteOrder::Little)
    } else if u32::from_be_bytes(magic) == BYTE_ORDER_MAGIC {
        Ok(ByteOrder::Big)
    } else {
        Err(Damage::ByteOrderMagic {
            found: u32::from_be_bytes(magic),
        })
    }
}

#[cold]
fn cut(window: &Window, needed: u32) -> Damage {
    Damage::Cut {
        needed: u64::from(needed),
        found: window.rest().len() as u64,
    }
}

/// The number at `at`; 0 where there is none, which the callers have ruled out by the block's length.
#[inline(always)]
fn number32(order: ByteOrder, bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |four| order.number32(*four))
}

#[inline(always)]
fn number16(order: ByteOrder, bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |two| order.number16(*two))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_of_every_resolution() {
        let cases = [
            (6, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
            (9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
            (0, 1_700_000_000, 1_700_000_000_000_000_000),
            (3, 1_700_000_000_123, 1_700_000_000_123_000_000),
            (12, 1_700_000_000_123_456_789, 1_700_000_000_123_456),
            (28, u64::MAX, 1),
            (29, u64::MAX, 0),
            (127, u64::MAX, 0),
            (0x80, 1_700_000_000, 1_700_000_000_000_000_000),
            (0x80 | 10, 1_536, 1_500_000_000),
            (0x80 | 32, 3 << 31, 1_500_000_000),
            (0x80 | 127, u64::MAX, 0),
            (6, u64::MAX, i64::MAX),
            (9, u64::MAX, i64::MAX),
            (0x80, u64::MAX, i64::MAX),
        ];
        for (resolution, units, expected) in cases {
            assert_eq!(Scale::of(resolution).nanoseconds(units), expected, "if_tsresol {resolution:#x}");
        }
    }
}
