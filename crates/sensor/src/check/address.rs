//! Whether what is watched can be what the partner meant.

use std::net::{IpAddr, UdpSocket};

use ipnet::IpNet;

use super::host::Addresses;
use super::{Row, Site};

const NAME: &str = "addresses";

/// One row for all networks that are well, one for each that is not.
pub(super) fn plausible(site: &Site) -> Vec<Row> {
    if site.interfaces.is_empty() {
        return vec![Row::ok(NAME, "only files are read")];
    }
    if site.watched.is_empty() {
        return vec![Row::warn(
            NAME,
            "everything that arrives at the interfaces is kept, because no addresses are named",
            "fine on a mirror port or a network of its own; else name them in [capture], or this machine's own traffic counts as observed",
        )];
    }
    let addresses = Addresses::now();
    let odd: Vec<_> = site.watched.iter().filter_map(|net| judge(net, &addresses)).collect();
    let odd: Vec<_> = odd.into_iter().chain(own_address(&own(), &site.watched)).collect();
    if !odd.is_empty() {
        return odd;
    }
    let here = site.watched.iter().filter(|net| !addresses.local_in(net).is_empty()).count();
    vec![Row::ok(
        NAME,
        format!(
            "{} watched, {here} of them assigned to this machine, {} to be routed or mirrored to it",
            networks(site.watched.len()),
            site.watched.len() - here
        ),
    )]
}

fn networks(count: usize) -> String {
    if count == 1 {
        "1 network".to_owned()
    } else {
        format!("{count} networks")
    }
}

fn judge(net: &IpNet, addresses: &Addresses) -> Option<Row> {
    if let Some(what) = unfit(net) {
        return Some(Row::fail(
            NAME,
            format!("{net} is {what}"),
            "name addresses that the Internet can reach",
        ));
    }
    if is_private(net) {
        return Some(Row::warn(
            NAME,
            format!("{net} is private: the Internet does not reach it by itself"),
            "fine behind a one-to-one NAT, in a laboratory, or to watch an inner network",
        ));
    }
    let on_link = addresses.on_link.iter().any(|link| link.contains(net));
    if on_link && addresses.local_in(net).is_empty() {
        return Some(Row::warn(
            NAME,
            format!(
                "{net} is on a link of this machine but not assigned to it, so nobody answers the router's ARP or neighbour solicitation"
            ),
            "route it to this machine, or assign it (`ip address add`) and keep the kernel silent; fine on a mirror port",
        ));
    }
    None
}

/// Addresses that this machine's packets to the Internet leave with. Connecting a datagram socket sends nothing.
fn own() -> Vec<IpAddr> {
    // TEST-NET-3 and the documentation prefix: any route to the Internet covers them (RFC 5737, RFC 3849).
    let ways = [("0.0.0.0:0", "203.0.113.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    let addresses = ways.into_iter().filter_map(|(from, to)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    addresses.collect()
}

/// The way to the centre must not be an address that is to be silent.
fn own_address(own: &[IpAddr], watched: &[IpNet]) -> Option<Row> {
    let own = own.iter().find(|own| watched.iter().any(|net| net.contains(*own)))?;
    Some(Row::warn(
        NAME,
        format!("{own} is watched, and this machine's own packets leave with it: to the centre too"),
        "give the machine another address of its own; with one address only, see the end of the example rules",
    ))
}

fn unfit(net: &IpNet) -> Option<&'static str> {
    let address = net.addr();
    if address.is_loopback() {
        return Some("the loopback");
    }
    if address.is_multicast() {
        return Some("multicast");
    }
    if net.prefix_len() == 0 {
        return Some("the whole Internet");
    }
    None
}

fn is_private(net: &IpNet) -> bool {
    match net.addr() {
        // RFC 1918, RFC 3927, RFC 6598.
        IpAddr::V4(address) => {
            let shared = u32::from(address) >> 22 == 0x6440_0000 >> 22;
            address.is_private() || address.is_link_local() || shared
        }
        // RFC 4193, RFC 4291.
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_watched_way_out_is_told() {
        let own = ["192.0.2.7".parse().expect("an address")];
        let row = |net: &str| own_address(&own, &[net.parse().expect("a network")]);
        assert!(row("192.0.2.0/24").is_some_and(|row| row.state == State::Warn));
        assert_eq!(row("198.51.100.0/24"), None);
        assert_eq!(own_address(&[], &[]), None);
    }

    #[test]
    fn networks_are_judged() {
        let addresses = Addresses {
            local: vec!["192.0.2.9/32".parse().expect("a network")],
            on_link: vec!["192.0.2.0/24".parse().expect("a network")],
        };
        for (net, expected) in [
            ("198.51.100.0/24", None),
            ("192.0.2.9/32", None),
            ("192.0.2.10/32", Some((State::Warn, "not assigned"))),
            ("10.1.0.0/16", Some((State::Warn, "private"))),
            ("100.64.3.0/24", Some((State::Warn, "private"))),
            ("100.128.0.0/24", None),
            ("fd00::/64", Some((State::Warn, "private"))),
            ("127.0.0.0/8", Some((State::Fail, "loopback"))),
            ("224.0.0.0/4", Some((State::Fail, "multicast"))),
            ("0.0.0.0/0", Some((State::Fail, "whole Internet"))),
        ] {
            let row = judge(&net.parse().expect("a network"), &addresses);
            assert_eq!(row.as_ref().map(|row| row.state), expected.map(|(state, _)| state), "{net}");
            if let (Some(row), Some((_, words))) = (row, expected) {
                assert!(row.found.contains(words), "{net}: {}", row.found);
            }
        }
    }
}
