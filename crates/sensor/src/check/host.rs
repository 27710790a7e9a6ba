//! What the kernel shows of its addresses and settings under `/proc` and `/sys`, parsed.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use ipnet::IpNet;

/// Most bytes read of a file of the kernel; a full routing table of the Internet is longer, and nothing to run a
/// sensor on.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// `RTF_GATEWAY` and `RTF_LOCAL` of linux/route.h and linux/ipv6_route.h.
const ROUTE_GATEWAY: u32 = 0x0002;
const ROUTE_LOCAL: u32 = 0x8000_0000;
/// `RTF_REJECT`: an unreachable route.
const ROUTE_REJECT: u32 = 0x0200;

/// Which addresses are the kernel's own, and which are on a link of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    /// Packets to these are taken as its own.
    pub(super) local: Vec<IpNet>,
    /// Neighbours: found by ARP or neighbour discovery.
    pub(super) on_link: Vec<IpNet>,
}

impl Addresses {
    /// As the kernel says now.
    pub(super) fn now() -> Self {
        let mut all = Self::default();
        all.read_fib_trie(&text("/proc/net/fib_trie").unwrap_or_default());
        all.read_ipv6_routes(&text("/proc/net/ipv6_route").unwrap_or_default());
        all
    }

    /// `/proc/net/fib_trie`: an address on a line of `|--`, its prefix lengths and types below.
    fn read_fib_trie(&mut self, text: &str) {
        let mut address: Option<Ipv4Addr> = None;
        for line in text.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            match words.as_slice() {
                ["|--", text] => address = text.parse().ok(),
                [prefix, scope, kind, ..] if prefix.starts_with('/') => {
                    let len = prefix.get(1..).and_then(|len| len.parse().ok());
                    let (Some(address), Some(len)) = (address, len) else { continue };
                    let Ok(net) = IpNet::new(IpAddr::V4(address), len) else { continue };
                    match (*scope, *kind) {
                        (_, "LOCAL") => push(&mut self.local, net),
                        ("link", "UNICAST") => push(&mut self.on_link, net),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }

    /// `/proc/net/ipv6_route`: destination, length, source, length, next hop, metric, two counters, flags, device.
    fn read_ipv6_routes(&mut self, text: &str) {
        for line in text.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            let [destination, len, _, _, next_hop, _, _, _, flags, device] = words.as_slice() else {
                continue;
            };
            let parsed = (
                u128::from_str_radix(destination, 16),
                u8::from_str_radix(len, 16),
                u128::from_str_radix(next_hop, 16),
                u32::from_str_radix(flags, 16),
            );
            let (Ok(destination), Ok(len), Ok(next_hop), Ok(flags)) = parsed else {
                continue;
            };
            let Ok(net) = IpNet::new(IpAddr::V6(Ipv6Addr::from(destination)), len) else {
                continue;
            };
            let multicast = destination >> 120 == 0xff;
            if multicast || flags & ROUTE_REJECT != 0 {
                continue;
            }
            if flags & ROUTE_LOCAL != 0 {
                push(&mut self.local, net);
            } else if flags & ROUTE_GATEWAY == 0 && next_hop == 0 && *device != "lo" && len > 0 {
                push(&mut self.on_link, net);
            }
        }
    }

    /// Those of the kernel's own that lie in `net`, or in which `net` lies.
    pub(super) fn local_in(&self, net: &IpNet) -> Vec<IpNet> {
        self.local.iter().filter(|local| overlap(local, net)).copied().collect()
    }
}

fn push(nets: &mut Vec<IpNet>, net: IpNet) {
    if !nets.contains(&net) {
        nets.push(net);
    }
}

/// Whether two networks have an address in common: then one holds the other.
pub(super) fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// A file of the kernel, as far as it is sensible.
pub(super) fn text(path: impl AsRef<Path>) -> Option<String> {
    let mut text = String::new();
    std::fs::File::open(path)
        .ok()?
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// A switch under `/proc/sys`: `None` where there is none.
pub(super) fn sysctl(name: &str) -> Option<bool> {
    let value = text(Path::new("/proc/sys").join(name))?;
    Some(value.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().expect("a network")).collect()
    }

    #[test]
    fn addresses_are_read_from_the_routing_tables() {
        let fib_trie = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 10.0.0.0
        /24 link UNICAST
     |-- 198.51.100.0
        /24 universe UNICAST
Local:
  +-- 0.0.0.0/0 2 0 2
     +-- 10.0.0.0/24 2 0 2
        |-- 10.0.0.0
           /32 link BROADCAST
        |-- 10.0.0.7
           /32 host LOCAL
     |-- 127.0.0.0
        /32 link BROADCAST
        /8 host LOCAL
     |-- 203.0.113.0
        /25 host LOCAL
     |-- nonsense
        /8 host LOCAL
     |-- 1.1.1.1
        /99 host LOCAL
";
        let ipv6_route = "\
20010db8000000010000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 1 0 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 1 0 00000003     eth0
20010db8000000010000000000000007 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 3 0 80200001     eth0
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 4 0 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 1 0 00200200       lo
short line
";
        let mut found = Addresses::default();
        found.read_fib_trie(fib_trie);
        found.read_ipv6_routes(ipv6_route);
        assert_eq!(
            found.local,
            nets(&["10.0.0.7/32", "127.0.0.0/8", "203.0.113.0/25", "2001:db8:0:1::7/128"])
        );
        assert_eq!(found.on_link, nets(&["10.0.0.0/24", "2001:db8:0:1::/64"]));
        let watched = nets(&["203.0.113.64/26", "192.0.2.0/24", "10.0.0.0/8"]);
        let local: Vec<_> = watched.iter().map(|net| found.local_in(net).len()).collect();
        assert_eq!(local, [1, 0, 1]);
    }

    #[test]
    fn this_machine_knows_its_loopback() {
        assert!(Addresses::now().local.contains(&"127.0.0.0/8".parse().expect("a network")));
    }
}
