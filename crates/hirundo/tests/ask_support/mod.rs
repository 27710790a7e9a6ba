//! The lake that the questions are put to, with everything that is in it, and counts made from that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::OnceLock;

use hirundo_packet::flag;

use crate::support::{Content, DAY_US, Dice, Lake, MINUTE_US, Place, Sent, at, shared};

/// Sources, with what MaxMind's test databases say of them: region and AS (0 unknown).
pub(crate) const SOURCES: [(&str, &str, u32); 12] = [
    ("67.43.156.1", "BT", 35_908),
    ("67.43.156.2", "BT", 35_908),
    ("67.43.156.3", "BT", 35_908),
    ("89.160.20.113", "SE", 29_518),
    ("89.160.20.114", "SE", 29_518),
    ("216.160.83.57", "US", 209),
    ("81.2.69.143", "GB", 0),
    ("81.2.69.161", "GB", 0),
    ("81.2.69.193", "GB", 0),
    ("202.196.224.9", "PH", 0),
    ("2001:218::1", "JP", 0),
    ("2001:218::2", "JP", 0),
];
/// These send only what bears Mirai's mark.
pub(crate) const MIRAI: [&str; 3] = ["67.43.156.2", "81.2.69.161", "89.160.20.114"];
/// Destination ports of SYNs, the busiest first; the last two appear in April only.
pub(crate) const PORTS: [u16; 14] = [23, 22, 80, 443, 445, 3389, 8080, 5555, 2323, 5900, 1433, 6379, 9530, 37_215];
/// A DNS question for `example.`, type A.
pub(crate) const QUESTION: [u8; 25] = [
    0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, b'e', b'x', b'a', b'm', b'p', b'l', b'e', 0, 0, 1, 0, 1,
];

/// A packet with what the lake should say of it.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) sensor: &'static str,
    pub(crate) day: i32,
    pub(crate) src: IpAddr,
    pub(crate) region: &'static str,
    pub(crate) asn: u32,
    pub(crate) tool: Option<&'static str>,
    pub(crate) kind: &'static str,
    pub(crate) proto: u8,
    pub(crate) port: Option<u16>,
    pub(crate) bytes: i64,
    pub(crate) time_us: i64,
}

/// The lake of all tests here, and what is in it.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) packets: Vec<Known>,
}

pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let place = Place::new();
        let mut packets = Vec::new();
        for (sensor, seed) in [("tokyo", 1), ("osaka", 2)] {
            let sent = sent(sensor, seed);
            let name = format!("in/{sensor}/a.pcap");
            place.capture(&name, &sent);
            packets.extend(sent.iter().map(|packet| known(sensor, packet)));
        }
        let geo =
            ["GeoLite2-Country-Test.mmdb", "GeoLite2-ASN-Test.mmdb"].map(|name| shared(&format!("feeds/maxmind-test/test-data/{name}")));
        let folder = place.path("in");
        let [regions, ases] = geo.each_ref().map(|path| path.to_str().unwrap());
        place
            .lake()
            .ingest(&[folder.to_str().unwrap(), "--geo", regions, "--geo", ases])
            .expect(0);
        World { place, packets }
    })
}

pub(crate) fn lake() -> Lake {
    world().place.lake()
}

/// March and April 2022. Nobody observes on 11 April; osaka observes nothing from 20 April on.
pub(crate) fn sent(sensor: &str, seed: u64) -> Vec<Sent> {
    let mut dice = Dice::new(seed);
    let mut sent = Vec::new();
    for day in 0..61 {
        let april = day - 31;
        if april == 10 || (sensor == "osaka" && april >= 19) {
            continue;
        }
        for _ in 0..30 + dice.below(20) {
            let time = at("2022-03-01T00:00:00") + i64::from(day) * DAY_US + i64::from(dice.below(1440)) * MINUTE_US;
            sent.push(one(&mut dice, time, april >= 0));
        }
    }
    sent.sort_by_key(|packet| packet.time_us);
    sent
}

pub(crate) fn one(dice: &mut Dice, time_us: i64, april: bool) -> Sent {
    let (src, ..) = SOURCES[dice.below(12) as usize];
    let dst = if src.contains(':') {
        "2001:db8::7".to_owned()
    } else {
        format!("198.51.100.{}", dice.below(200))
    };
    // The product of two dice leans to the front of the list.
    let ports = if april { 14 } else { 12 };
    let at = (dice.below(ports) * (1 + dice.below(ports))) / ports;
    let dst_port = PORTS[at as usize];
    let mut packet = Sent::syn(time_us, src, &dst, dst_port);
    if MIRAI.contains(&src) {
        let IpAddr::V4(dst) = packet.dst else { panic!("{dst} is not IPv4") };
        packet.content = Content::Tcp {
            src_port: 5,
            dst_port: if at.is_multiple_of(2) { 23 } else { 2323 },
            flags: flag::SYN,
            seq: dst.into(),
            window: 14_600,
            options: vec![],
            payload: vec![],
        };
        return packet;
    }
    let ping = if src.contains(':') { 128 } else { 8 };
    match dice.below(10) {
        0 => {
            packet.content = Content::Udp {
                src_port: 4000,
                dst_port: 53,
                payload: QUESTION.to_vec(),
            }
        }
        1 => {
            packet.content = Content::Icmp {
                kind: ping,
                code: 0,
                body: vec![7; 8],
            }
        }
        2 => {
            packet.content = Content::Tcp {
                src_port: 80,
                dst_port: 40_000,
                flags: flag::SYN | flag::ACK,
                seq: 9,
                window: 8192,
                options: vec![],
                payload: vec![],
            }
        }
        _ => {}
    }
    packet
}

pub(crate) fn known(sensor: &'static str, packet: &Sent) -> Known {
    let (src, region, asn) = SOURCES.into_iter().find(|(src, ..)| *src == packet.src.to_string()).unwrap();
    let (proto, port, kind, above) = match &packet.content {
        Content::Tcp {
            dst_port, flags, options, ..
        } => (
            6,
            Some(*dst_port),
            if flags & flag::ACK == 0 { "scan" } else { "backscatter" },
            20 + options.len(),
        ),
        Content::Udp { dst_port, payload, .. } => (17, Some(*dst_port), "probe", 8 + payload.len()),
        Content::Icmp { body, .. } => (if packet.src.is_ipv4() { 1 } else { 58 }, None, "scan", 8 + body.len()),
    };
    let header = if packet.src.is_ipv4() { 20 } else { 40 };
    Known {
        sensor,
        day: i32::try_from(packet.time_us / DAY_US).unwrap(),
        src: packet.src,
        region,
        asn,
        tool: MIRAI.contains(&src).then_some("mirai"),
        kind,
        proto,
        port,
        bytes: header + i64::try_from(above).unwrap(),
        time_us: packet.time_us,
    }
}

pub(crate) fn day(text: &str) -> i32 {
    i32::try_from(at(&format!("{text}T00:00:00")) / DAY_US).unwrap()
}

pub(crate) fn within(packets: &[Known], first: &str, last: &str) -> Vec<Known> {
    let days = day(first)..=day(last);
    packets.iter().filter(|packet| days.contains(&packet.day)).cloned().collect()
}

/// What is ranked: the values that sort equal counts, and the name shown.
pub(crate) fn key(what: &str, packet: &Known) -> Option<(Vec<u128>, String)> {
    let service = |port: u16| match (packet.proto, port) {
        (6, 23) => "23/TCP (telnet)".to_owned(),
        (6, 22) => "22/TCP (ssh)".to_owned(),
        (17, 53) => "53/UDP (domain)".to_owned(),
        (6, 37_215) => "37215/TCP".to_owned(),
        (_, port) => format!("{port}/"),
    };
    let text = |text: &str| (text.bytes().map(u128::from).collect(), text.to_owned());
    Some(match what {
        "ports" => match packet.port {
            Some(port) => (vec![u128::from(packet.proto), u128::from(port)], service(port)),
            None => (
                vec![u128::from(packet.proto), u128::MAX],
                if packet.proto == 1 { "ICMP" } else { "ICMPv6" }.to_owned(),
            ),
        },
        "regions" => text(packet.region),
        "sources" => match packet.src {
            IpAddr::V4(src) => (vec![u128::from(u32::from(src))], src.to_string()),
            IpAddr::V6(src) => (vec![u128::MAX, u128::from(src)], src.to_string()),
        },
        "tools" => match packet.tool {
            Some(tool) => text(tool),
            None => (vec![u128::MAX], "none".to_owned()),
        },
        "networks" if packet.asn == 0 => return None,
        "networks" => (vec![u128::from(packet.asn)], format!("AS{}", packet.asn)),
        "kinds" => text(packet.kind),
        "sensors" => text(packet.sensor),
        other => panic!("{other}"),
    })
}

pub(crate) fn measure(by: &str, packets: &[&Known]) -> i64 {
    let count = match by {
        "packets" => packets.len(),
        "bytes" => return packets.iter().map(|packet| packet.bytes).sum(),
        "sources" => packets.iter().map(|packet| packet.src).collect::<BTreeSet<_>>().len(),
        "cumulative-sources" => packets.iter().map(|packet| (packet.day, packet.src)).collect::<BTreeSet<_>>().len(),
        other => panic!("{other}"),
    };
    i64::try_from(count).unwrap()
}

/// Names and values, the largest first.
pub(crate) fn ranking(what: &str, by: &str, packets: &[Known]) -> Vec<(String, i64)> {
    let mut groups: BTreeMap<Vec<u128>, (String, Vec<&Known>)> = BTreeMap::new();
    for packet in packets {
        if let Some((order, name)) = key(what, packet) {
            groups.entry(order).or_insert((name, Vec::new())).1.push(packet);
        }
    }
    // The map is in order of the keys, and the sort keeps that among equals.
    let mut ranking: Vec<(String, i64)> = groups.into_values().map(|(name, packets)| (name, measure(by, &packets))).collect();
    ranking.sort_by_key(|(_, value)| std::cmp::Reverse(*value));
    ranking
}
