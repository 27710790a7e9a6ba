//! Where simulated sources live: a small table of regions, their time of day and some of their address blocks.
//!
//! Each block lies wholly in its region, in three country databases of June 2026 that agree on it
//! (geo-whois-asn-country, iptoasn-country and dbip-country as packaged by ip-location-db), and is large and
//! long settled (access networks of big providers), so that any free database locates the simulated sources.

use crate::dice::Dice;

/// A block of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// First address as an integer (`1.2.3.4` is 0x01020304).
    pub first: u32,
    /// Length of the prefix in bits, 8 to 16.
    pub prefix_len: u8,
}

impl Block {
    /// How many addresses the block has.
    #[must_use]
    pub const fn len(&self) -> u32 {
        1 << (32 - self.prefix_len)
    }

    /// Whether the block has no address; never so.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Whether `address` lies in the block.
    #[must_use]
    pub const fn contains(&self, address: u32) -> bool {
        address.wrapping_sub(self.first) < self.len()
    }
}

/// A region that sources can come from.
#[derive(Debug, PartialEq, Eq)]
pub struct Region {
    /// ISO 3166-1 alpha-2 code; `ZZ` for private addresses that belong to no region.
    pub code: &'static str,
    /// Offset of the region's main time zone from UTC in minutes, winter time, for the rhythm of the day.
    pub utc_offset_minutes: i32,
    /// Blocks that lie wholly in the region.
    pub blocks: &'static [Block],
}

impl Region {
    /// An address of the region: each block is as likely as the others, last octets 0 and 255 are left out.
    #[must_use]
    pub(crate) fn address(&self, dice: &mut Dice) -> u32 {
        let Some(block) = self.blocks.get(dice.index(self.blocks.len())) else {
            return 0;
        };
        let high = block.first | (dice.u32() & (block.len() - 1) & !0xFF);
        high | u32::from(dice.port(1, 254))
    }
}

/// Index in [`REGIONS`] of the pseudo-region `ZZ`.
pub(crate) const PRIVATE: usize = REGIONS.len() - 1;

/// Index in [`REGIONS`] of the region with this code.
#[must_use]
pub fn region_index(code: &str) -> Option<usize> {
    REGIONS.iter().position(|region| region.code == code)
}

/// Index in [`REGIONS`] of the region one of whose blocks holds `address`.
#[must_use]
pub fn region_of(address: u32) -> Option<usize> {
    REGIONS
        .iter()
        .position(|region| region.blocks.iter().any(|block| block.contains(address)))
}

/// A block from its first two octets and the length of its prefix.
const fn b(high: u8, low: u8, prefix_len: u8) -> Block {
    Block {
        first: u32::from_be_bytes([high, low, 0, 0]),
        prefix_len,
    }
}

const fn region(code: &'static str, hours: i32, minutes: i32, blocks: &'static [Block]) -> Region {
    Region {
        code,
        utc_offset_minutes: hours * 60 + minutes,
        blocks,
    }
}

/// Every region, `ZZ` last.
#[rustfmt::skip]
pub const REGIONS: &[Region] = &[
    region("US", -6, 0, &[b(73, 0, 9), b(98, 192, 10), b(24, 0, 12), b(71, 224, 12)]),
    region("GB", 0, 0, &[b(86, 128, 10), b(81, 128, 11), b(90, 192, 11), b(92, 16, 12)]),
    region("RU", 3, 0, &[b(5, 136, 13), b(95, 24, 13), b(178, 64, 13), b(37, 144, 14)]),
    region("CN", 8, 0, &[b(39, 128, 10), b(111, 0, 10), b(113, 64, 10), b(120, 192, 10), b(183, 0, 10)]),
    region("KR", 9, 0, &[b(121, 128, 10), b(175, 192, 10), b(14, 32, 11), b(112, 160, 11)]),
    region("JP", 9, 0, &[b(60, 64, 10), b(126, 64, 11), b(153, 160, 11), b(219, 160, 11)]),
    region("TW", 8, 0, &[b(120, 96, 11), b(1, 160, 12), b(36, 224, 12), b(114, 32, 12)]),
    region("IN", 5, 30, &[b(117, 192, 11), b(117, 240, 12), b(157, 32, 12), b(49, 32, 13)]),
    region("BR", -3, 0, &[b(177, 56, 13), b(177, 112, 13), b(179, 88, 13), b(152, 240, 13)]),
    region("DE", 1, 0, &[b(79, 192, 10), b(84, 128, 10), b(87, 128, 10), b(93, 192, 10)]),
    region("NL", 1, 0, &[b(77, 160, 12), b(83, 80, 13), b(84, 24, 13), b(86, 80, 13)]),
    region("FR", 1, 0, &[b(176, 128, 10), b(82, 224, 11), b(88, 160, 11), b(78, 192, 12)]),
    region("VN", 7, 0, &[b(14, 160, 11), b(113, 160, 11), b(171, 224, 11), b(27, 64, 12)]),
    region("ID", 7, 0, &[b(36, 88, 13), b(114, 120, 13), b(36, 68, 14), b(125, 164, 14)]),
    region("TR", 3, 0, &[b(78, 160, 12), b(88, 224, 12), b(85, 96, 13), b(94, 120, 14)]),
    region("IT", 1, 0, &[b(79, 0, 10), b(87, 0, 11), b(95, 224, 11), b(151, 32, 11)]),
    region("MX", -6, 0, &[b(177, 224, 13), b(187, 240, 13), b(189, 224, 13), b(187, 136, 14)]),
    region("TH", 7, 0, &[b(171, 96, 13), b(58, 8, 14), b(118, 172, 14), b(223, 204, 14)]),
    region("UA", 2, 0, &[b(37, 52, 14), b(46, 118, 15), b(46, 200, 15), b(94, 178, 15)]),
    region("IR", 3, 30, &[b(2, 176, 12), b(5, 120, 13), b(5, 208, 13), b(83, 120, 14)]),
    region("EG", 2, 0, &[b(156, 160, 11), b(197, 32, 11), b(41, 32, 12), b(105, 32, 12)]),
    region("AR", -3, 0, &[b(186, 128, 12), b(181, 24, 13), b(190, 224, 13), b(181, 44, 14)]),
    region("PL", 1, 0, &[b(83, 0, 11), b(89, 64, 12), b(79, 184, 13), b(31, 60, 14)]),
    region("ZA", 2, 0, &[b(41, 112, 12), b(105, 208, 12), b(41, 144, 14), b(197, 64, 12)]),
    region("SG", 8, 0, &[b(116, 14, 15), b(118, 200, 15), b(121, 6, 15), b(171, 0, 15)]),
    region("HK", 8, 0, &[b(113, 252, 14), b(221, 124, 14), b(223, 16, 14), b(58, 152, 15)]),
    region("BG", 2, 0, &[b(77, 85, 16), b(78, 83, 16), b(87, 126, 16), b(95, 42, 16)]),
    region("CA", -5, 0, &[b(99, 224, 11), b(24, 64, 13), b(70, 24, 13), b(76, 64, 13)]),
    region("AU", 10, 0, &[b(1, 128, 11), b(58, 160, 12), b(101, 176, 12), b(120, 144, 12)]),
    region("ES", 1, 0, &[b(83, 32, 11), b(88, 0, 11), b(79, 144, 12), b(81, 32, 12)]),
    region("SE", 1, 0, &[b(78, 64, 12), b(81, 224, 12), b(90, 224, 12), b(95, 192, 12)]),
    region("RO", 2, 0, &[b(5, 12, 14), b(82, 76, 14), b(86, 120, 14), b(89, 120, 14)]),
    region("PH", 8, 0, &[b(112, 200, 14), b(180, 192, 14), b(49, 144, 15), b(121, 96, 15)]),
    region("MY", 8, 0, &[b(175, 136, 13), b(60, 48, 14), b(115, 132, 14), b(121, 120, 14)]),
    region("PK", 5, 0, &[b(39, 32, 11), b(182, 176, 12), b(119, 152, 13)]),
    region("CO", -5, 0, &[b(181, 128, 11), b(181, 240, 12), b(190, 248, 13), b(186, 28, 14)]),
    region("CL", -4, 0, &[b(181, 72, 14), b(181, 160, 14), b(186, 104, 14), b(190, 160, 14)]),
    region("SA", 3, 0, &[b(188, 48, 13), b(2, 88, 14), b(5, 108, 14), b(37, 104, 14)]),
    region("ZZ", 0, 0, &[b(10, 0, 8), b(192, 168, 16), b(172, 16, 12)]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Purpose;

    #[test]
    fn blocks_are_aligned_and_disjoint() {
        let blocks: Vec<(&str, Block)> = REGIONS.iter().flat_map(|r| r.blocks.iter().map(|block| (r.code, *block))).collect();
        for (at, (code, block)) in blocks.iter().enumerate() {
            assert_eq!(
                block.first & (block.len() - 1),
                0,
                "{code} {block:?} does not start on its boundary"
            );
            assert!((8..=16).contains(&block.prefix_len) && !block.is_empty());
            for (other_code, other) in &blocks[at + 1..] {
                let overlap = block.contains(other.first) || other.contains(block.first);
                assert!(!overlap, "{code} {block:?} overlaps {other_code} {other:?}");
            }
        }
        assert!(REGIONS.len() >= 30);
        assert_eq!(REGIONS[PRIVATE].code, "ZZ");
    }

    #[test]
    fn addresses_lie_in_their_region() {
        let mut dice = Dice::new(3, Purpose::Host, 0, 0);
        for (index, region) in REGIONS.iter().enumerate() {
            assert_eq!(region_index(region.code), Some(index));
            for _ in 0..200 {
                let address = region.address(&mut dice);
                assert_eq!(region_of(address), Some(index), "{address:08x}");
                assert!(!matches!(address & 0xFF, 0 | 255));
            }
        }
        assert_eq!(region_of(0xC612_0001), None, "sensors' own addresses belong to no region");
    }
}
