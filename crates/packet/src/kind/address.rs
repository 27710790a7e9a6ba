//! Addresses that no packet on the Internet should bear: private, reserved, loopback, multicast, broadcast.

use crate::{Packet, Present, Wide};

/// How the first byte of an IPv4 source decides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    /// Every such address is fine.
    Plain,
    /// Every such address is absurd.
    Absurd,
    /// Look at the rest.
    Mixed,
}

/// By first byte: 0/8, 10/8, 127/8 and from 224 on are absurd, six more hold absurd parts.
const FIRST: [First; 256] = {
    let mut table = [First::Plain; 256];
    table[0] = First::Absurd;
    table[10] = First::Absurd;
    table[127] = First::Absurd;
    let mixed = [100, 169, 172, 192, 198, 203];
    let mut at = 0;
    while at < mixed.len() {
        table[mixed[at]] = First::Mixed;
        at += 1;
    }
    let mut multicast = 224;
    while multicast < 256 {
        table[multicast] = First::Absurd;
        multicast += 1;
    }
    table
};

/// The absurd parts as (network, prefix length): IANA IPv4 Special-Purpose Address Registry, entries
/// that are not globally reachable.
const PARTS: [(u32, u32); 9] = [
    (0x6440_0000, 10), // 100.64.0.0, shared by carriers' address translation
    (0xa9fe_0000, 16), // 169.254.0.0, link-local
    (0xac10_0000, 12), // 172.16.0.0, private
    (0xc0a8_0000, 16), // 192.168.0.0, private
    (0xc000_0000, 24), // 192.0.0.0, protocol assignments
    (0xc000_0200, 24), // 192.0.2.0, documentation
    (0xc612_0000, 15), // 198.18.0.0, benchmarks
    (0xc633_6400, 24), // 198.51.100.0, documentation
    (0xcb00_7100, 24), // 203.0.113.0, documentation
];

/// A source nobody can have on the Internet, a destination that is many, or both the same address.
///
/// A private destination is fine: sensors stand behind address translation.
#[inline(always)]
pub(super) fn is_absurd(packet: &Packet) -> bool {
    if packet.present.has(Present::WIDE) {
        return false;
    }
    let many = packet.dst >= 0xe000_0000;
    let source = match FIRST[usize::from(packet.src.to_be_bytes()[0])] {
        First::Plain => false,
        First::Absurd => true,
        First::Mixed => in_parts(packet.src),
    };
    source || many || packet.src == packet.dst
}

#[inline(never)]
fn in_parts(address: u32) -> bool {
    PARTS.iter().any(|(network, len)| (address ^ network) >> (32 - len) == 0)
}

/// The same for IPv6, by the IANA IPv6 Special-Purpose Address Registry.
pub(super) fn is_absurd_wide(wide: &Wide) -> bool {
    let many = wide.dst6[0] == 0xff;
    let source = match wide.src6 {
        // Unspecified, loopback and embedded IPv4 addresses; 64:ff9b::/96 (translation) is reachable.
        [0, 0, 0, 0, ..] => true,
        // Unique local, link-local, site-local, multicast.
        [0xfc | 0xfd | 0xff, ..] | [0xfe, 0x80..=0xff, ..] => true,
        // Documentation: 2001:db8::/32 and 3fff::/20; discard-only 100::/64.
        [0x20, 1, 0x0d, 0xb8, ..] | [0x3f, 0xff, 0..=0x0f, ..] => true,
        [1, 0, 0, 0, 0, 0, 0, 0, ..] => true,
        _ => false,
    };
    source || many || wide.src6 == wide.dst6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> u32 {
        u32::from(text.parse::<std::net::Ipv4Addr>().unwrap())
    }

    #[test]
    fn absurd_sources_are_exactly_the_registry() {
        let check = |text: &str, absurd: bool| {
            let packet = Packet {
                src: ip(text),
                dst: ip("8.8.4.4"),
                ..Packet::default()
            };
            assert_eq!(is_absurd(&packet), absurd, "{text}");
        };
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.0.0",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.2.255",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.0",
            "255.255.255.255",
        ] {
            check(text, true);
        }
        for text in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn destinations_that_are_many_or_the_source_are_absurd() {
        let check = |src: &str, dst: &str, absurd: bool| {
            let packet = Packet {
                src: ip(src),
                dst: ip(dst),
                ..Packet::default()
            };
            assert_eq!(is_absurd(&packet), absurd, "{src} to {dst}");
        };
        check("8.8.8.8", "239.255.255.250", true);
        check("8.8.8.8", "255.255.255.255", true);
        check("8.8.8.8", "8.8.8.8", true);
        check("8.8.8.8", "10.0.0.5", false);
        check("8.8.8.8", "192.168.1.5", false);
    }

    #[test]
    fn ipv6_addresses_count() {
        let check = |src: &str, dst: &str, absurd: bool| {
            let octets = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
            let wide = Wide {
                src6: octets(src),
                dst6: octets(dst),
                victim6: [0; 16],
            };
            assert_eq!(is_absurd_wide(&wide), absurd, "{src} to {dst}");
        };
        check("2600::1", "2a00::1", false);
        check("64:ff9b::808:808", "2a00::1", false);
        check("2600::1", "ff02::1", true);
        for src in [
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "fe80::1",
            "fc00::1",
            "fec0::1",
            "2001:db8::1",
            "100::1",
        ] {
            check(src, "2a00::1", true);
        }
        check("2a00::1", "2a00::1", true);
    }
}
