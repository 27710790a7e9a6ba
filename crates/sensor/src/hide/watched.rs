//! Which addresses a sensor watches.

use ipnet::IpNet;

/// Networks as ranges without overlap, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Watched {
    pub(super) fn new(networks: &[IpNet]) -> Watched {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match network {
                IpNet::V4(network) => v4.push((network.network().to_bits(), network.broadcast().to_bits())),
                IpNet::V6(network) => v6.push((network.network().to_bits(), network.broadcast().to_bits())),
            }
        }
        Watched {
            v4: merged(v4),
            v6: merged(v6),
        }
    }

    /// Whether nothing was named: then every destination counts as watched.
    pub(super) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    pub(super) fn knows_v4(&self) -> bool {
        !self.v4.is_empty()
    }

    pub(super) fn knows_v6(&self) -> bool {
        !self.v6.is_empty()
    }

    #[inline]
    pub(super) fn has_v4(&self, address: u32) -> bool {
        has(&self.v4, address)
    }

    #[inline]
    pub(super) fn has_v6(&self, address: u128) -> bool {
        has(&self.v6, address)
    }
}

#[inline]
fn has<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    // Nearly every address that is asked for is beyond them all.
    match (ranges.first(), ranges.last()) {
        (Some((first, _)), Some((_, last))) if address >= *first && address <= *last => has_within(ranges, address),
        _ => false,
    }
}

#[cold]
fn has_within<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    let before = after.checked_sub(1).and_then(|at| ranges.get(at));
    before.is_some_and(|(_, last)| address <= *last)
}

fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            Some(_) | None => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let networks = ["203.0.113.0/28", "203.0.113.8/32", "192.0.2.7/32", "2001:db8::/64"];
        let watched = Watched::new(&networks.map(|network| network.parse().unwrap()));
        let check = |address: &str, expected: bool| {
            let found = match address.parse().unwrap() {
                std::net::IpAddr::V4(address) => watched.has_v4(address.to_bits()),
                std::net::IpAddr::V6(address) => watched.has_v6(address.to_bits()),
            };
            assert_eq!(found, expected, "{address}");
        };
        for address in [
            "203.0.113.0",
            "203.0.113.8",
            "203.0.113.15",
            "192.0.2.7",
            "2001:db8::",
            "2001:db8::ffff:0:0:1",
        ] {
            check(address, true);
        }
        for address in [
            "203.0.112.255",
            "203.0.113.16",
            "192.0.2.6",
            "0.0.0.0",
            "255.255.255.255",
            "2001:db8:0:1::",
            "::",
        ] {
            check(address, false);
        }
        assert!(Watched::default().is_empty() && !watched.is_empty());
    }
}
