//! Whether this machine's kernel keeps silent on watched addresses: by its addresses and rules, and by listening.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hirundo_packet::decode::{Decoded, decode};
use hirundo_packet::{LinkType, Present};
use ipnet::IpNet;
use serde_json::Value;

use super::host::{Addresses, sysctl, text};
use super::kernel::{Ear, Heard, buffer};
use super::ruleset::{Fate, fate};
use super::{Row, Site};

const RULES_HINT: &str = "/usr/share/doc/hirundo-sensor/examples/hirundo-sensor.nft drops such packets after the sensor has seen them";
/// Where the program that lists rules is.
const NFT: [&str; 3] = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"];
/// Most bytes of a ruleset.
const RULES_BYTES_MAX: usize = 64 << 20;
/// Between two looks at what was heard.
const LOOK: Duration = Duration::from_millis(20);
/// Most packets between two looks; the rest waits or is lost, which a check survives.
const HEARD_MAX: usize = 20_000;
/// `LINKTYPE_RAW`: a packet that begins with its IP header.
const RAW: LinkType = LinkType(101);
const ICMPV6: u8 = 58;
/// ICMPv6 types of neighbour discovery (RFC 4861): how a router finds an address on a link.
const NEIGHBOUR_DISCOVERY: std::ops::RangeInclusive<u8> = 133..=137;

/// By addresses and rules, by forwarding, by listening.
pub(super) fn rows(site: &Site) -> Vec<Row> {
    if site.interfaces.is_empty() {
        return Vec::new();
    }
    let mut rows = rules(site);
    rows.extend(forwarding(site));
    rows.push(listen(site));
    rows
}

/// What rules there are.
enum Rules {
    Known(Value),
    /// Why not.
    Unknown(&'static str),
}

fn rules(site: &Site) -> Vec<Row> {
    const NAME: &str = "silence (rules)";
    let addresses = Addresses::now();
    let watched: Vec<IpNet> = if site.watched.is_empty() {
        Vec::new()
    } else {
        let own = site.watched.iter().flat_map(|net| narrow(&addresses.local_in(net), net));
        own.collect::<BTreeSet<_>>().into_iter().collect()
    };
    if watched.is_empty() {
        let found = if site.watched.is_empty() {
            "no watched addresses are named, so it cannot be said which of this machine's are"
        } else {
            "no watched address is this machine's own, so its kernel takes no such packet for itself"
        };
        return vec![if site.watched.is_empty() {
            Row::warn(
                NAME,
                found,
                "name them in [capture], or see that the interface has no address at all",
            )
        } else {
            Row::ok(NAME, found)
        }];
    }
    let rules = list();
    let judged: Vec<_> = watched.iter().map(|net| judge(NAME, net, &rules, &site.interfaces)).collect();
    if judged.iter().all(|row| row.state == super::State::Ok) {
        let nets: Vec<_> = watched.iter().map(ToString::to_string).collect();
        let first = judged.into_iter().next().map(|row| row.found).unwrap_or_default();
        return vec![Row::ok(NAME, format!("{}: {first}", nets.join(", ")))];
    }
    judged.into_iter().filter(|row| row.state != super::State::Ok).collect()
}

/// The smaller of two that overlap is what both have in common.
fn narrow(local: &[IpNet], net: &IpNet) -> Vec<IpNet> {
    local.iter().map(|local| if local.contains(net) { *net } else { *local }).collect()
}

fn judge(name: &str, net: &IpNet, rules: &Rules, interfaces: &[String]) -> Row {
    match rules {
        Rules::Unknown(why) => Row::warn(
            name,
            format!("{net} is this machine's own, and its rules could not be read: {why}"),
            format!("run this as root with nftables installed; {RULES_HINT}"),
        ),
        Rules::Known(ruleset) => match fate(ruleset, net, interfaces) {
            Fate::Dropped(place) => Row::ok(name, format!("dropped by {place}")),
            Fate::Unclear(place) => Row::warn(
                name,
                format!("{net} is this machine's own, and {place} may let packets to it through"),
                format!("put a drop for all watched addresses before anything else; {RULES_HINT}"),
            ),
            Fate::Untouched => Row::fail(
                name,
                format!(
                    "{net} is this machine's own and no rule drops packets to it: the kernel answers {}",
                    answers()
                ),
                RULES_HINT,
            ),
        },
    }
}

/// How a kernel that is let answers.
fn answers() -> &'static str {
    if sysctl("net/ipv4/icmp_echo_ignore_all") == Some(true) {
        "connection attempts and datagrams (not pings: icmp_echo_ignore_all)"
    } else {
        "pings, connection attempts and datagrams"
    }
}

fn list() -> Rules {
    if text("/proc/net/ip_tables_names").is_some_and(|names| !names.trim().is_empty()) {
        return Rules::Unknown("they are of the old iptables, which this check does not read");
    }
    let Some(program) = NFT.iter().find(|path| std::path::Path::new(path).exists()) else {
        return Rules::Unknown("nft is not installed");
    };
    let output = Command::new(program)
        .args(["-j", "list", "ruleset"])
        .env_clear()
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() && output.stdout.len() <= RULES_BYTES_MAX => {
            serde_json::from_slice(&output.stdout).map_or(Rules::Unknown("nft printed something else than JSON"), Rules::Known)
        }
        Ok(_) => Rules::Unknown("nft lists them for root only"),
        Err(_) => Rules::Unknown("nft could not be started"),
    }
}

/// A machine that forwards sends packets on that are not its own, or says that it cannot.
fn forwarding(site: &Site) -> Option<Row> {
    const NAME: &str = "forwarding";
    let mut on = Vec::new();
    for (version, all) in [("ipv4", "net/ipv4/ip_forward"), ("ipv6", "net/ipv6/conf/all/forwarding")] {
        let here = |interface: &String| sysctl(&format!("net/{version}/conf/{interface}/forwarding")) == Some(true);
        if sysctl(all) == Some(true) || site.interfaces.iter().any(here) {
            on.push(version);
        }
    }
    if on.is_empty() {
        return Some(Row::ok(NAME, "off"));
    }
    Some(Row::warn(
        NAME,
        format!(
            "this machine forwards {}: packets to watched addresses may be sent on, or answered by ICMP",
            on.join(" and ")
        ),
        format!("`sysctl -w net.ipv4.ip_forward=0`, unless it is a router on purpose; {RULES_HINT}"),
    ))
}

/// What was heard.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    /// Packets to watched addresses that came in.
    asked: u64,
    /// Packets from watched addresses that went out, by address.
    answered: BTreeMap<IpAddr, u64>,
}

impl Count {
    /// Most addresses told.
    const ADDRESSES_MAX: usize = 3;

    fn note(&mut self, heard: &Heard<'_>, watched: &[IpNet]) {
        let Ok(decoded) = decode(RAW, heard.bytes, 0) else { return };
        let (source, destination) = addresses(&decoded);
        let is_watched = |address: IpAddr| watched.iter().any(|net| net.contains(&address));
        let discovery = decoded.packet.proto == ICMPV6 && NEIGHBOUR_DISCOVERY.contains(&decoded.packet.icmp_type);
        if discovery {
            return;
        }
        if heard.outgoing && is_watched(source) {
            *self.answered.entry(source).or_default() += 1;
        } else if !heard.outgoing && is_watched(destination) {
            self.asked += 1;
        }
    }
}

/// From whom, to whom.
fn addresses(decoded: &Decoded<'_>) -> (IpAddr, IpAddr) {
    if decoded.packet.present.has(Present::WIDE) {
        (decoded.wide.src6.into(), decoded.wide.dst6.into())
    } else {
        let v4 = |address: u32| IpAddr::V4(address.into());
        (v4(decoded.packet.src), v4(decoded.packet.dst))
    }
}

/// Listens whether this machine sends anything from a watched address. It sends nothing itself.
fn listen(site: &Site) -> Row {
    const NAME: &str = "silence (heard)";
    if site.listen.is_zero() {
        return Row::warn(
            NAME,
            "not listened (--listen 0)",
            "--listen 30, and ping a watched address from elsewhere meanwhile",
        );
    }
    if site.watched.is_empty() {
        return Row::warn(
            NAME,
            "not listened, because no watched addresses are named",
            "name them in [capture]",
        );
    }
    let mut ears = Vec::new();
    for interface in &site.interfaces {
        match Ear::open(interface) {
            Ok(ear) => ears.push(ear),
            // Its own row says so.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
            Err(error) => {
                return Row::warn(NAME, format!("could not listen at {interface}: {error}"), "run this as root");
            }
        }
    }
    if ears.is_empty() {
        return Row::warn(NAME, "there is no interface to listen at", "`ip -br link` lists them");
    }
    let mut count = Count::default();
    let begin = Instant::now();
    while begin.elapsed() < site.listen {
        for ear in &ears {
            drain(ear, &mut count, &site.watched);
        }
        std::thread::sleep(LOOK);
    }
    judge_heard(NAME, &count, site.listen.as_secs())
}

fn drain(ear: &Ear, count: &mut Count, watched: &[IpNet]) {
    let mut bytes = buffer();
    for _ in 0..HEARD_MAX {
        match ear.hear(&mut bytes) {
            Ok(Some(heard)) => count.note(&heard, watched),
            // An interface that goes away is another row's.
            Ok(None) | Err(_) => return,
        }
    }
}

fn judge_heard(name: &str, count: &Count, secs: u64) -> Row {
    let answers: u64 = count.answered.values().sum();
    if answers > 0 {
        let from: Vec<_> = count.answered.keys().take(Count::ADDRESSES_MAX).map(ToString::to_string).collect();
        return Row::fail(
            name,
            format!(
                "in {secs} s this machine sent {answers} packets from watched addresses ({}), {} came in",
                from.join(", "),
                count.asked
            ),
            RULES_HINT,
        );
    }
    if count.asked == 0 {
        return Row::warn(
            name,
            format!("in {secs} s nothing came in for watched addresses, so there was nothing to answer"),
            "--listen 60, and meanwhile `ping` and `nc -vz` a watched address from another network; if nothing comes then either, nothing is routed here",
        );
    }
    Row::ok(
        name,
        format!(
            "in {secs} s {} packets came in for watched addresses and none was answered",
            count.asked
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn an_answer_fails_and_nothing_heard_is_not_well() {
        let count = |asked, answered: u64| {
            let answered = (answered > 0).then(|| ("192.0.2.1".parse().expect("an address"), answered));
            Count {
                asked,
                answered: answered.into_iter().collect(),
            }
        };
        for (asked, answered, expected) in [(9, 0, State::Ok), (0, 0, State::Warn), (9, 1, State::Fail), (0, 1, State::Fail)] {
            assert_eq!(judge_heard("silence", &count(asked, answered), 5).state, expected);
        }
    }

    #[test]
    fn what_is_local_and_watched_is_judged() {
        let net = |text: &str| text.parse::<IpNet>().expect("a network");
        assert_eq!(
            narrow(&[net("192.0.2.7/32"), net("192.0.0.0/16")], &net("192.0.2.0/24")),
            [net("192.0.2.7/32"), net("192.0.2.0/24")]
        );
    }
}
