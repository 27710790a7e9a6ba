//! Names of services by transport protocol and port, as IANA registers them.

use std::sync::OnceLock;

/// Port, transports (`t`, `u` or `tu`) and name. IANA, see the data folder's README.
const REGISTRY: &str = include_str!("../../data/services.tsv");

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The registered name of a TCP (6) or UDP (17) port; `None` for other protocols and ports without a name.
#[must_use]
pub fn name(proto: u8, port: u16) -> Option<&'static str> {
    let (tcp, udp) = tables();
    let table = match proto {
        TCP => tcp,
        UDP => udp,
        _ => return None,
    };
    let at = table.binary_search_by_key(&port, |(port, _)| *port).ok()?;
    table.get(at).map(|(_, name)| *name)
}

/// How a report writes a destination: `23/TCP (telnet)`, `37215/TCP` without a registered name, `ICMP`,
/// and other protocols without a port by their name or number.
#[must_use]
pub fn label(proto: u8, port: u16) -> String {
    if !matches!(proto, TCP | UDP) {
        return protocol(proto);
    }
    match name(proto, port) {
        Some(name) => format!("{port}/{} ({name})", protocol(proto)),
        None => format!("{port}/{}", protocol(proto)),
    }
}

/// The name of an IP protocol, `protocol 99` for one that has none here. Numbers: IANA protocol numbers.
#[must_use]
pub fn protocol(proto: u8) -> String {
    let known = match proto {
        ICMP => "ICMP",
        2 => "IGMP",
        4 => "IPv4",
        TCP => "TCP",
        UDP => "UDP",
        33 => "DCCP",
        41 => "IPv6",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        ICMPV6 => "ICMPv6",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        132 => "SCTP",
        136 => "UDPLite",
        other => return format!("protocol {other}"),
    };
    known.to_owned()
}

type Table = Vec<(u16, &'static str)>;

/// TCP and UDP, each sorted by port.
fn tables() -> &'static (Table, Table) {
    static TABLES: OnceLock<(Table, Table)> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut tables = (Table::new(), Table::new());
        for line in REGISTRY.lines() {
            let mut columns = line.split('\t');
            let (Some(port), Some(transports), Some(name)) =
                (columns.next().and_then(|port| port.parse().ok()), columns.next(), columns.next())
            else {
                continue;
            };
            if transports.contains('t') {
                tables.0.push((port, name));
            }
            if transports.contains('u') {
                tables.1.push((port, name));
            }
        }
        tables.0.sort_by_key(|(port, _)| *port);
        tables.1.sort_by_key(|(port, _)| *port);
        tables
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_labelled_as_reports_write_them() {
        let check = |proto: u8, port: u16, expected: &str| assert_eq!(label(proto, port), expected);
        check(TCP, 23, "23/TCP (telnet)");
        check(TCP, 22, "22/TCP (ssh)");
        check(TCP, 80, "80/TCP (http)");
        check(TCP, 443, "443/TCP (https)");
        check(TCP, 445, "445/TCP (microsoft-ds)");
        check(TCP, 3389, "3389/TCP (ms-wbt-server)");
        check(TCP, 6379, "6379/TCP (redis)");
        check(TCP, 5555, "5555/TCP (personal-agent)");
        check(TCP, 8080, "8080/TCP (http-alt)");
        check(TCP, 37215, "37215/TCP");
        check(UDP, 53, "53/UDP (domain)");
        check(UDP, 123, "123/UDP (ntp)");
        check(UDP, 1900, "1900/UDP (ssdp)");
        check(UDP, 53413, "53413/UDP");
        check(ICMP, 8, "ICMP");
        check(ICMPV6, 0, "ICMPv6");
        check(47, 0, "GRE");
        check(99, 0, "protocol 99");
    }

    #[test]
    fn ports_have_one_name_for_a_transport() {
        let (tcp, udp) = tables();
        for table in [tcp, udp] {
            assert!(table.len() > 5_000, "{}", table.len());
            for pair in table.windows(2) {
                assert!(pair[0].0 < pair[1].0, "{pair:?}");
            }
        }
    }
}
