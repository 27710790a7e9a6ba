//! What the numbers in a segment stand for, and where its sources are.

use hirundo_packet::mark::MarkTable;

/// Where a source is, and whose it is, as far as known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the region, see [`Atlas::region_name`].
    pub region: u16,
    /// Autonomous system, 0 unknown.
    pub asn: u32,
    /// Number of the research organisation that scans from there, 0 none.
    pub scanner: u16,
}

/// Who can say where an address was on a day (days since 1970).
pub trait Atlas: Sync {
    /// Place of an IPv4 address.
    fn place_v4(&self, day: i64, address: u32) -> Place;
    /// Place of an IPv6 address.
    fn place_v6(&self, day: i64, address: &[u8; 16]) -> Place;
    /// Name of a region as the lake writes it.
    fn region_name(&self, region: u16) -> String;
    /// Name of a research organisation.
    fn scanner_name(&self, scanner: u16) -> String;
}

/// An atlas that knows nothing: every region is `ZZ`.
pub struct NoAtlas;

impl Atlas for NoAtlas {
    fn place_v4(&self, _day: i64, _address: u32) -> Place {
        Place::default()
    }
    fn place_v6(&self, _day: i64, _address: &[u8; 16]) -> Place {
        Place::default()
    }
    fn region_name(&self, _region: u16) -> String {
        "ZZ".to_owned()
    }
    fn scanner_name(&self, _scanner: u16) -> String {
        String::new()
    }
}

/// What sealing a segment needs to know of the world.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Where sources are.
    pub atlas: &'a dyn Atlas,
    /// What the mark numbers mean, and the rule that makes a verdict of several packets.
    pub marks: &'a MarkTable,
}
