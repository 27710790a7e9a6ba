//! Address space that belongs to nobody's network: IANA's special-purpose and reserved blocks, named instead of located.

use super::span::{Span, flatten};

/// What a block of special addresses is for. Stands in the place of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Area {
    /// "This host on this network" (0/8, RFC 791; `::`).
    ThisNetwork = 1,
    /// Private use (RFC 1918; unique local IPv6 addresses, RFC 4193).
    Private = 2,
    /// Shared address space behind a provider's NAT (100.64/10, RFC 6598).
    Shared = 3,
    /// Loopback (127/8, `::1`).
    Loopback = 4,
    /// Link-local (169.254/16, RFC 3927; fe80::/10).
    LinkLocal = 5,
    /// IETF protocol assignments (192.0.0/24, RFC 6890; 2001::/23; segment routing, RFC 9602).
    Protocol = 6,
    /// Documentation (RFC 5737, RFC 3849, RFC 9637).
    Documentation = 7,
    /// Benchmarking (198.18/15, RFC 2544; 2001:2::/48, RFC 5180).
    Benchmarking = 8,
    /// Multicast (224/4, ff00::/8).
    Multicast = 9,
    /// Reserved or not allocated (240/4; IPv6 outside 2000::/3).
    Reserved = 10,
    /// Limited broadcast (255.255.255.255).
    Broadcast = 11,
    /// Discard-only (100::/64, RFC 6666; dummy prefix, RFC 9780).
    Discard = 12,
    /// IPv6 addresses that stand for IPv4 ones: mapped, NAT64, 6to4, Teredo.
    Transition = 13,
}

impl Area {
    /// Every area, in the order of its number.
    pub const ALL: [Area; 13] = [
        Area::ThisNetwork,
        Area::Private,
        Area::Shared,
        Area::Loopback,
        Area::LinkLocal,
        Area::Protocol,
        Area::Documentation,
        Area::Benchmarking,
        Area::Multicast,
        Area::Reserved,
        Area::Broadcast,
        Area::Discard,
        Area::Transition,
    ];

    /// The area's number where a region's two letters stand otherwise.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The area with this number.
    #[must_use]
    pub fn of_code(code: u16) -> Option<Area> {
        Area::ALL.into_iter().find(|area| area.code() == code)
    }

    /// The name in the lake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Area::ThisNetwork => "this-network",
            Area::Private => "private",
            Area::Shared => "shared",
            Area::Loopback => "loopback",
            Area::LinkLocal => "link-local",
            Area::Protocol => "protocol",
            Area::Documentation => "documentation",
            Area::Benchmarking => "benchmarking",
            Area::Multicast => "multicast",
            Area::Reserved => "reserved",
            Area::Broadcast => "broadcast",
            Area::Discard => "discard",
            Area::Transition => "transition",
        }
    }

    /// The name for people, in English.
    #[must_use]
    pub const fn english(self) -> &'static str {
        match self {
            Area::ThisNetwork => "This network",
            Area::Private => "Private addresses",
            Area::Shared => "Shared address space (carrier NAT)",
            Area::Loopback => "Loopback",
            Area::LinkLocal => "Link-local",
            Area::Protocol => "IETF protocol assignments",
            Area::Documentation => "Documentation",
            Area::Benchmarking => "Benchmarking",
            Area::Multicast => "Multicast",
            Area::Reserved => "Reserved",
            Area::Broadcast => "Broadcast",
            Area::Discard => "Discard-only",
            Area::Transition => "IPv4 in IPv6",
        }
    }

    /// The name for people, in Japanese.
    #[must_use]
    pub const fn japanese(self) -> &'static str {
        match self {
            Area::ThisNetwork => "自ネットワーク",
            Area::Private => "プライベートアドレス",
            Area::Shared => "共有アドレス空間 (キャリアNAT)",
            Area::Loopback => "ループバック",
            Area::LinkLocal => "リンクローカル",
            Area::Protocol => "IETFプロトコル割り当て",
            Area::Documentation => "文書用",
            Area::Benchmarking => "ベンチマーク用",
            Area::Multicast => "マルチキャスト",
            Area::Reserved => "予約済み",
            Area::Broadcast => "ブロードキャスト",
            Area::Discard => "破棄専用",
            Area::Transition => "IPv6内のIPv4",
        }
    }
}

/// IPv4: the IANA special-purpose address registry and the multicast and reserved classes.
/// `None` are blocks inside another that the registry calls globally reachable.
const V4: [(u32, u8, Option<Area>); 17] = [
    (0x0000_0000, 8, Some(Area::ThisNetwork)),
    (0x0a00_0000, 8, Some(Area::Private)),
    (0x6440_0000, 10, Some(Area::Shared)),
    (0x7f00_0000, 8, Some(Area::Loopback)),
    (0xa9fe_0000, 16, Some(Area::LinkLocal)),
    (0xac10_0000, 12, Some(Area::Private)),
    (0xc000_0000, 24, Some(Area::Protocol)),
    (0xc000_0009, 32, None),
    (0xc000_000a, 32, None),
    (0xc000_0200, 24, Some(Area::Documentation)),
    (0xc0a8_0000, 16, Some(Area::Private)),
    (0xc612_0000, 15, Some(Area::Benchmarking)),
    (0xc633_6400, 24, Some(Area::Documentation)),
    (0xcb00_7100, 24, Some(Area::Documentation)),
    (0xe000_0000, 4, Some(Area::Multicast)),
    (0xf000_0000, 4, Some(Area::Reserved)),
    (0xffff_ffff, 32, Some(Area::Broadcast)),
];

/// IPv6: as [`V4`], and everything outside the global unicast block 2000::/3 (RFC 4291).
const V6: [(u128, u8, Option<Area>); 27] = [
    (0, 3, Some(Area::Reserved)),
    (0, 128, Some(Area::ThisNetwork)),
    (1, 128, Some(Area::Loopback)),
    (0xffff << 32, 96, Some(Area::Transition)),
    (0x0064_ff9b << 96, 96, Some(Area::Transition)),
    (0x0064_ff9b_0001 << 80, 48, Some(Area::Transition)),
    (0x0100 << 112, 64, Some(Area::Discard)),
    (0x0100_0000_0000_0001 << 64, 64, Some(Area::Discard)),
    (0x2001 << 112, 23, Some(Area::Protocol)),
    (0x2001 << 112, 32, Some(Area::Transition)),
    (0x2001_0001_0000_0000_0000_0000_0000_0001, 128, None),
    (0x2001_0001_0000_0000_0000_0000_0000_0002, 128, None),
    (0x2001_0001_0000_0000_0000_0000_0000_0003, 128, None),
    (0x2001_0002 << 96, 48, Some(Area::Benchmarking)),
    (0x2001_0003 << 96, 32, None),
    (0x2001_0004_0112 << 80, 48, None),
    (0x2001_0020 << 96, 28, None),
    (0x2001_0030 << 96, 28, None),
    (0x2001_0db8 << 96, 32, Some(Area::Documentation)),
    (0x2002 << 112, 16, Some(Area::Transition)),
    (0x3fff << 112, 20, Some(Area::Documentation)),
    (0x4000 << 112, 2, Some(Area::Reserved)),
    (0x5f00 << 112, 16, Some(Area::Protocol)),
    (0x8000 << 112, 1, Some(Area::Reserved)),
    (0xfc00 << 112, 7, Some(Area::Private)),
    (0xfe80 << 112, 10, Some(Area::LinkLocal)),
    (0xff00 << 112, 8, Some(Area::Multicast)),
];

/// The special areas of IPv4, sorted and disjoint, as region codes.
pub(super) fn spans_v4() -> Vec<Span<u16>> {
    spans(
        V4.into_iter().map(|(address, prefix, area)| (u128::from(address), prefix, area)),
        32,
    )
}

/// The special areas of IPv6, sorted and disjoint, as region codes.
pub(super) fn spans_v6() -> Vec<Span<u16>> {
    spans(V6.into_iter(), 128)
}

fn spans(table: impl Iterator<Item = (u128, u8, Option<Area>)>, bits: u8) -> Vec<Span<u16>> {
    let all = table.filter_map(|(address, prefix, area)| Span::of_prefix(address, prefix, bits, area));
    flatten(all.collect())
        .into_iter()
        .filter_map(|span| {
            let area = span.value?;
            Some(Span {
                first: span.first,
                last: span.last,
                value: area.code(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::intel::span::Reader;

    fn check_v4(address: &str, expected: Option<Area>) {
        let number: Ipv4Addr = address.parse().unwrap();
        let found = Reader::new(&spans_v4()).at(u128::from(number.to_bits())).0;
        assert_eq!(found.and_then(Area::of_code), expected, "{address}");
    }

    fn check_v6(address: &str, expected: Option<Area>) {
        let number: Ipv6Addr = address.parse().unwrap();
        let found = Reader::new(&spans_v6()).at(number.to_bits()).0;
        assert_eq!(found.and_then(Area::of_code), expected, "{address}");
    }

    #[test]
    fn special_ipv4_is_named() {
        check_v4("0.0.0.0", Some(Area::ThisNetwork));
        check_v4("1.0.0.0", None);
        check_v4("9.255.255.255", None);
        check_v4("10.0.0.0", Some(Area::Private));
        check_v4("100.63.255.255", None);
        check_v4("100.64.0.0", Some(Area::Shared));
        check_v4("100.127.255.255", Some(Area::Shared));
        check_v4("100.128.0.0", None);
        check_v4("127.255.255.255", Some(Area::Loopback));
        check_v4("169.254.1.1", Some(Area::LinkLocal));
        check_v4("172.15.255.255", None);
        check_v4("172.31.255.255", Some(Area::Private));
        check_v4("172.32.0.0", None);
        check_v4("192.0.0.8", Some(Area::Protocol));
        check_v4("192.0.0.9", None);
        check_v4("192.0.0.11", Some(Area::Protocol));
        check_v4("192.0.1.0", None);
        check_v4("192.0.2.255", Some(Area::Documentation));
        check_v4("192.168.255.255", Some(Area::Private));
        check_v4("198.19.255.255", Some(Area::Benchmarking));
        check_v4("198.20.0.0", None);
        check_v4("198.51.100.7", Some(Area::Documentation));
        check_v4("203.0.113.7", Some(Area::Documentation));
        check_v4("223.255.255.255", None);
        check_v4("239.255.255.255", Some(Area::Multicast));
        check_v4("240.0.0.0", Some(Area::Reserved));
        check_v4("255.255.255.255", Some(Area::Broadcast));
    }

    #[test]
    fn special_ipv6_is_named() {
        check_v6("::", Some(Area::ThisNetwork));
        check_v6("::1", Some(Area::Loopback));
        check_v6("::2", Some(Area::Reserved));
        check_v6("::ffff:1.2.3.4", Some(Area::Transition));
        check_v6("64:ff9b::1", Some(Area::Transition));
        check_v6("64:ff9b:1::1", Some(Area::Transition));
        check_v6("100::1", Some(Area::Discard));
        check_v6("2001::1", Some(Area::Transition));
        check_v6("2001:1::1", None);
        check_v6("2001:1::4", Some(Area::Protocol));
        check_v6("2001:2::1", Some(Area::Benchmarking));
        check_v6("2001:4:112::1", None);
        check_v6("2001:200::1", None);
        check_v6("2001:db8::1", Some(Area::Documentation));
        check_v6("2002::1", Some(Area::Transition));
        check_v6("2003::1", None);
        check_v6("3fff:fff::1", Some(Area::Documentation));
        check_v6("3fff:1000::1", None);
        check_v6("4000::1", Some(Area::Reserved));
        check_v6("5f00::1", Some(Area::Protocol));
        check_v6("8000::", Some(Area::Reserved));
        check_v6("fd00::1", Some(Area::Private));
        check_v6("fe80::1", Some(Area::LinkLocal));
        check_v6("fec0::1", Some(Area::Reserved));
        check_v6("ff02::1", Some(Area::Multicast));
        check_v6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Area::Multicast));
    }

    #[test]
    fn codes_are_no_letters_and_come_back() {
        for area in Area::ALL {
            assert!(area.code() < 0x4141);
            assert_eq!(Area::of_code(area.code()), Some(area));
        }
        assert_eq!(Area::of_code(0), None);
        assert_eq!(Area::of_code(14), None);
    }
}
