//! Whether the packet filter certainly drops what arrives for a network, as far as its rules can be understood.
//!
//! Understood are rules that compare destination addresses, interfaces and the state of a connection. Any other
//! condition may hold or not; a verdict behind it counts only when it speaks against us.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::host::overlap;

/// Hooks that a packet to this machine passes.
const HOOKS: [&str; 3] = ["ingress", "prerouting", "input"];

/// What is known about a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Certainly dropped, in this table and chain.
    Dropped(String),
    /// Rules look at it, but what they do cannot be told for certain.
    Unclear(String),
    /// No rule would drop it.
    Untouched,
}

/// Whether a rule's conditions hold for every packet in question, for none, or nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    Never,
    Perhaps,
    Always,
}

/// What a rule does when its conditions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Drop,
    /// Lets it pass, answers it, or goes elsewhere.
    Other,
    None,
}

/// A packet in question: unsolicited, to any address of a network, through any of the interfaces.
struct Question<'a> {
    net: &'a IpNet,
    interfaces: &'a [String],
    sets: HashMap<(&'a str, &'a str, &'a str), &'a Value>,
}

/// What `nft -j list ruleset` printed says about packets to `net` through `interfaces`.
pub(super) fn fate(ruleset: &Value, net: &IpNet, interfaces: &[String]) -> Fate {
    let objects: Vec<&Value> = ruleset.get("nftables").and_then(Value::as_array).into_iter().flatten().collect();
    let of = |kind: &'static str| objects.iter().filter_map(move |object| object.get(kind));
    let question = Question {
        net,
        interfaces,
        sets: of("set").map(|set| (key(set), set.get("elem").unwrap_or(&Value::Null))).collect(),
    };
    let mut unclear = None;
    for chain in of("chain").filter(|chain| is_asked(chain, net, interfaces)) {
        let (family, table, name) = key(chain);
        let rules: Vec<_> = of("rule")
            .filter(|rule| (text(rule, "family"), text(rule, "table"), text(rule, "chain")) == (family, table, name))
            .collect();
        let place = format!("table {family} {table}, chain {name}");
        match question.walk(&rules, text(chain, "policy") == "drop") {
            Some(true) => return Fate::Dropped(place),
            Some(false) => {}
            None => unclear = unclear.or(Some(place)),
        }
    }
    unclear.map_or(Fate::Untouched, Fate::Unclear)
}

/// Whether all packets to the network come through a chain.
fn is_asked(chain: &Value, net: &IpNet, interfaces: &[String]) -> bool {
    let family = match net {
        IpNet::V4(_) => "ip",
        IpNet::V6(_) => "ip6",
    };
    // One device is a word, several are a list.
    let devices = chain.get("dev").map(words);
    let passes = devices.is_none_or(|devices| interfaces.iter().all(|interface| devices.contains(&interface.as_str())));
    passes
        && [family, "inet", "netdev"].contains(&text(chain, "family"))
        && HOOKS.contains(&text(chain, "hook"))
        && text(chain, "type") == "filter"
}

impl Question<'_> {
    /// Whether a chain certainly drops the packet; `None` when nobody knows.
    fn walk(&self, rules: &[&Value], policy_drops: bool) -> Option<bool> {
        for rule in rules {
            let place = (text(rule, "family"), text(rule, "table"));
            let statements = rule.get("expr").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let holds = statements
                .iter()
                .filter_map(|statement| statement.get("match"))
                .map(|condition| self.holds(condition, place))
                .min()
                .unwrap_or(Holds::Always);
            let verdict = statements.iter().map(verdict).find(|verdict| *verdict != Verdict::None);
            match (holds, verdict) {
                (Holds::Always, Some(Verdict::Drop)) => return Some(true),
                (Holds::Always | Holds::Perhaps, Some(Verdict::Other)) => return None,
                (Holds::Never, _) | (_, None | Some(Verdict::None)) | (Holds::Perhaps, Some(Verdict::Drop)) => {}
            }
        }
        Some(policy_drops)
    }

    fn holds(&self, condition: &Value, place: (&str, &str)) -> Holds {
        let op = text(condition, "op");
        let (Some(left), Some(right)) = (condition.get("left"), condition.get("right")) else {
            return Holds::Perhaps;
        };
        let holds = if let Some(field) = left.get("payload") {
            self.payload(text(field, "protocol"), text(field, "field"), right, place)
        } else if let Some(meta) = left.get("meta") {
            self.interface(text(meta, "key"), right)
        } else if left.get("ct").is_some_and(|ct| text(ct, "key") == "state") {
            // Unsolicited packets are new or invalid.
            let known = |state: &&str| ["established", "related"].contains(state);
            if words(right).iter().all(known) {
                Holds::Never
            } else {
                Holds::Perhaps
            }
        } else {
            Holds::Perhaps
        };
        match (op, holds) {
            ("==" | "in", holds) => holds,
            ("!=", Holds::Never) => Holds::Always,
            ("!=", Holds::Always) => Holds::Never,
            _ => Holds::Perhaps,
        }
    }

    fn payload(&self, protocol: &str, field: &str, right: &Value, place: (&str, &str)) -> Holds {
        let ours = match self.net {
            IpNet::V4(_) => "ip",
            IpNet::V6(_) => "ip6",
        };
        match (protocol, field) {
            (protocol, "daddr") if protocol == ours => self.addresses(right, place, 0),
            // Rules for the other version of IP never see the packet.
            ("ip" | "ip6", _) if protocol != ours => Holds::Never,
            // Neighbour discovery is how addresses on a link are found; it is no answer to a stranger.
            ("icmpv6", "type") if words(right).iter().all(|kind| kind.starts_with("nd-")) => Holds::Never,
            _ => Holds::Perhaps,
        }
    }

    /// Always, when one entry holds the whole network; never, when none touches it.
    fn addresses(&self, right: &Value, place: (&str, &str), depth: u8) -> Holds {
        if let Some(name) = right.as_str().and_then(|text| text.strip_prefix('@')) {
            return match self.sets.get(&(place.0, place.1, name)) {
                Some(elements) if depth == 0 => self.addresses(elements, place, 1),
                _ => Holds::Perhaps,
            };
        }
        let right = right.get("set").unwrap_or(right);
        let entries: &[Value] = match right.as_array() {
            Some(entries) => entries,
            None if right.is_null() => &[],
            None => std::slice::from_ref(right),
        };
        entries.iter().map(|entry| self.entry(entry)).max().unwrap_or(Holds::Never)
    }

    fn entry(&self, entry: &Value) -> Holds {
        // Elements with a timeout, counter or comment are wrapped.
        if let Some(inner) = entry.get("elem").and_then(|element| element.get("val")) {
            return if entry.get("elem").is_some_and(|element| element.get("expires").is_some()) {
                self.entry(inner).min(Holds::Perhaps)
            } else {
                self.entry(inner)
            };
        }
        if let Some([from, to]) = entry.get("range").and_then(Value::as_array).map(Vec::as_slice) {
            let bounds = (from.as_str().and_then(address), to.as_str().and_then(address));
            let (Some(from), Some(to)) = bounds else { return Holds::Perhaps };
            let (first, last) = (self.net.network(), self.net.broadcast());
            return if from <= first && last <= to {
                Holds::Always
            } else if to < first || last < from {
                Holds::Never
            } else {
                Holds::Perhaps
            };
        }
        let net = if let Some(prefix) = entry.get("prefix") {
            let len = prefix.get("len").and_then(Value::as_u64).and_then(|len| u8::try_from(len).ok());
            address(text(prefix, "addr"))
                .zip(len)
                .and_then(|(address, len)| IpNet::new(address, len).ok())
        } else {
            entry.as_str().and_then(address).map(IpNet::from)
        };
        match net {
            None => Holds::Perhaps,
            Some(net) if net.contains(self.net) => Holds::Always,
            Some(net) if overlap(&net, self.net) => Holds::Perhaps,
            Some(_) => Holds::Never,
        }
    }

    /// An interface is one of ours always, when all of ours are named; never, when none is.
    fn interface(&self, key: &str, right: &Value) -> Holds {
        if !["iif", "iifname"].contains(&key) {
            return Holds::Perhaps;
        }
        let named = words(right);
        let is_named = |interface: &String| {
            named.iter().any(|name| {
                name.strip_suffix('*')
                    .map_or(*name == interface, |begin| interface.starts_with(begin))
            })
        };
        let count = self.interfaces.iter().filter(|interface| is_named(interface)).count();
        if count == 0 && !named.is_empty() {
            Holds::Never
        } else if count == self.interfaces.len() && count > 0 {
            Holds::Always
        } else {
            Holds::Perhaps
        }
    }
}

fn verdict(statement: &Value) -> Verdict {
    const OTHERS: [&str; 12] = [
        "accept", "reject", "jump", "goto", "return", "queue", "dnat", "redirect", "tproxy", "vmap", "fwd", "synproxy",
    ];
    if statement.get("drop").is_some() {
        Verdict::Drop
    } else if OTHERS.iter().any(|other| statement.get(*other).is_some()) {
        Verdict::Other
    } else {
        Verdict::None
    }
}

/// A word, or those of a set; what is no word makes none.
fn words(value: &Value) -> Vec<&str> {
    let value = value.get("set").unwrap_or(value);
    let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    all.iter().filter_map(Value::as_str).collect()
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn key(value: &Value) -> (&str, &str, &str) {
    (text(value, "family"), text(value, "table"), text(value, "name"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A ruleset of one chain at a hook, with these rules.
    fn ruleset(hook: &str, policy: &str, rules: &[Value]) -> Value {
        let mut objects = vec![
            json!({"metainfo": {"version": "1.0.6"}}),
            json!({"table": {"family": "inet", "name": "t"}}),
            json!({"set": {"family": "inet", "table": "t", "name": "watched", "elem": [{"prefix": {"addr": "192.0.2.0", "len": 24}}, "2001:db8::1"]}}),
            json!({"chain": {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": hook, "prio": 0, "policy": policy}}),
        ];
        objects.extend(
            rules
                .iter()
                .map(|expr| json!({"rule": {"family": "inet", "table": "t", "chain": "c", "expr": expr}})),
        );
        json!({"nftables": objects})
    }

    fn daddr(protocol: &str, right: Value) -> Value {
        json!({"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": "daddr"}}, "right": right}})
    }

    fn condition(left: Value, right: Value) -> Value {
        json!({"match": {"op": "==", "left": left, "right": right}})
    }

    fn check(hook: &str, policy: &str, rules: &[Value], expected: &str) {
        let net = "192.0.2.0/25".parse().expect("a network");
        let found = match fate(&ruleset(hook, policy, rules), &net, &["eth0".to_owned()]) {
            Fate::Dropped(_) => "dropped",
            Fate::Unclear(_) => "unclear",
            Fate::Untouched => "untouched",
        };
        assert_eq!(found, expected, "{hook} {policy} {rules:?}");
    }

    #[test]
    fn drops_are_found_and_others_are_not_believed() {
        let drop = json!({"drop": null});
        let accept = json!({"accept": null});
        let reject = json!({"reject": {"type": "icmpx", "expr": "port-unreachable"}});
        let counter = json!({"counter": {"packets": 0, "bytes": 0}});
        let whole = daddr("ip", json!({"prefix": {"addr": "192.0.2.0", "len": 24}}));
        let half = daddr("ip", json!({"prefix": {"addr": "192.0.2.0", "len": 26}}));
        let other = daddr("ip", json!("198.51.100.1"));
        let iif = |name: &str| condition(json!({"meta": {"key": "iifname"}}), json!(name));
        let established = condition(json!({"ct": {"key": "state"}}), json!({"set": ["established", "related"]}));
        let ssh = condition(json!({"payload": {"protocol": "tcp", "field": "dport"}}), json!(22));
        let nd = condition(
            json!({"payload": {"protocol": "icmpv6", "field": "type"}}),
            json!({"set": ["nd-neighbor-solicit", "nd-neighbor-advert"]}),
        );
        check("prerouting", "accept", &[json!([whole, counter, drop])], "dropped");
        check("prerouting", "accept", &[json!([daddr("ip", json!("@watched")), drop])], "dropped");
        check("prerouting", "accept", &[json!([daddr("ip", json!("@other")), drop])], "untouched");
        check(
            "input",
            "accept",
            &[json!([daddr("ip", json!({"range": ["192.0.2.0", "192.0.2.127"]})), drop])],
            "dropped",
        );
        check(
            "input",
            "accept",
            &[json!([daddr("ip", json!({"range": ["192.0.2.0", "192.0.2.126"]})), drop])],
            "untouched",
        );
        check("input", "accept", &[json!([half, drop])], "untouched");
        check("input", "accept", &[json!([daddr("ip6", json!("2001:db8::1")), drop])], "untouched");
        check("forward", "drop", &[], "untouched");
        check("output", "drop", &[], "untouched");
        check("input", "drop", &[], "dropped");
        check("input", "accept", &[], "untouched");
        check("input", "accept", &[json!([iif("eth0"), drop])], "dropped");
        check("input", "accept", &[json!([iif("eth*"), drop])], "dropped");
        check("input", "accept", &[json!([iif("eth1"), drop])], "untouched");
        check(
            "input",
            "drop",
            &[json!([iif("lo"), accept]), json!([established, accept]), json!([nd, accept])],
            "dropped",
        );
        check("input", "drop", &[json!([ssh, accept])], "unclear");
        check("input", "drop", &[json!([other, accept])], "dropped");
        check("input", "accept", &[json!([ssh, accept]), json!([whole, drop])], "unclear");
        check("input", "accept", &[json!([whole, drop]), json!([ssh, accept])], "dropped");
        check("input", "drop", &[json!([whole, reject])], "unclear");
        check("input", "drop", &[json!([counter, {"jump": {"target": "elsewhere"}}])], "unclear");
        let not_other = json!({"match": {"op": "!=", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "198.51.100.1"}});
        check("input", "accept", &[json!([not_other, drop])], "dropped");
    }

    #[test]
    fn nonsense_is_untouched() {
        let net = "192.0.2.1/32".parse().expect("a network");
        for text in [
            "null",
            "{}",
            r#"{"nftables": 7}"#,
            r#"{"nftables": [{"rule": []}, {"chain": {"hook": "input"}}]}"#,
        ] {
            let value = serde_json::from_str(text).expect("JSON");
            assert_eq!(fate(&value, &net, &[]), Fate::Untouched, "{text}");
        }
    }
}
