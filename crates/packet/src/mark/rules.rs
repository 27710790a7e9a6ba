//! A rule of a rule file, compiled: which packets it holds for and its words for the reference.

use crate::{Packet, Present, flag, options};
use std::fmt::Write as _;

/// Bytes of a payload that a `payload_contains` condition looks through.
pub(super) const PAYLOAD_SEARCHED_BYTES: usize = 512;

/// Inclusive ranges of numbers; an empty list is no condition.
pub(super) type Ranges = Vec<(u32, u32)>;

/// What a rule asks of the sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequence {
    /// This number.
    Equals(u32),
    /// The destination address as an integer (IPv4).
    Destination,
    /// The destination address with its bytes reversed (IPv4).
    DestinationReversed,
}

/// Which packets of a source a mark can be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// TCP SYNs without ACK only.
    Syns,
    /// Never a SYN.
    Others,
    /// Both.
    All,
}

/// One rule; every condition must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    pub(super) mark: u8,
    pub(super) needs: Present,
    pub(super) protocol: Option<u8>,
    pub(super) flags_set: u16,
    pub(super) flags_unset: u16,
    pub(super) dst_port: Ranges,
    pub(super) src_port: Ranges,
    pub(super) ip_id: Ranges,
    pub(super) ttl: Ranges,
    pub(super) window: Ranges,
    pub(super) ip_len: Ranges,
    pub(super) sequence: Option<Sequence>,
    pub(super) options: Option<String>,
    pub(super) prefix: Vec<u8>,
    pub(super) contains: Vec<u8>,
}

/// The hull of a rule's conditions: cheap to test, so that most packets never reach the rule itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    ip_len: (u32, u32),
    dst_port: (u16, u16),
    src_port: (u16, u16),
    ip_id: (u16, u16),
    window: (u16, u16),
    ttl: (u16, u16),
    needs: Present,
    flags_asked: u16,
    flags_set: u16,
    payload_bytes_min: u16,
    protocol: u8,
    protocol_mask: u8,
}

impl Gate {
    /// The hull of `rule`.
    pub(super) fn of(rule: &Rule) -> Gate {
        let hull = |ranges: &Ranges| {
            let low = ranges.iter().map(|(low, _)| *low).min().unwrap_or(0);
            let high = ranges.iter().map(|(_, high)| *high).max().unwrap_or(u32::MAX);
            (low, high)
        };
        let narrow = |ranges: &Ranges| {
            let (low, high) = hull(ranges);
            // Values over 65535 cannot occur in these fields, so the bound may saturate.
            (u16::try_from(low).unwrap_or(u16::MAX), u16::try_from(high).unwrap_or(u16::MAX))
        };
        let payload = rule.prefix.len().max(rule.contains.len());
        Gate {
            ip_len: hull(&rule.ip_len),
            dst_port: narrow(&rule.dst_port),
            src_port: narrow(&rule.src_port),
            ip_id: narrow(&rule.ip_id),
            window: narrow(&rule.window),
            ttl: narrow(&rule.ttl),
            needs: rule.needs,
            flags_asked: rule.flags_set | rule.flags_unset,
            flags_set: rule.flags_set,
            payload_bytes_min: u16::try_from(payload).unwrap_or(u16::MAX),
            protocol: rule.protocol.unwrap_or(0),
            protocol_mask: if rule.protocol.is_some() { 0xff } else { 0 },
        }
    }

    /// Whether the rule may hold; no branches, as most of these tests fail unpredictably.
    #[inline(always)]
    pub(super) fn lets_pass(&self, packet: &Packet, payload: &[u8]) -> bool {
        let inside = |(low, high): (u16, u16), value: u16| (low <= value) & (value <= high);
        packet.present.has(self.needs)
            & (packet.proto & self.protocol_mask == self.protocol)
            & (packet.tcp_flags & self.flags_asked == self.flags_set)
            & inside(self.dst_port, packet.dst_port)
            & inside(self.src_port, packet.src_port)
            & inside(self.ip_id, packet.ip_id)
            & inside(self.window, packet.tcp_window)
            & inside(self.ttl, u16::from(packet.ttl))
            & (self.ip_len.0 <= packet.ip_len)
            & (packet.ip_len <= self.ip_len.1)
            & (payload.len() >= usize::from(self.payload_bytes_min))
    }
}

impl Rule {
    /// Whether the packet meets every condition; the cheap ones come first.
    pub(super) fn holds(&self, packet: &Packet, options: &[u8], payload: &[u8]) -> bool {
        packet.present.has(self.needs)
            && self.protocol.is_none_or(|protocol| protocol == packet.proto)
            && packet.tcp_flags & self.flags_set == self.flags_set
            && packet.tcp_flags & self.flags_unset == 0
            && within(&self.dst_port, packet.dst_port)
            && within(&self.src_port, packet.src_port)
            && within(&self.ip_id, packet.ip_id)
            && within(&self.ttl, packet.ttl)
            && within(&self.window, packet.tcp_window)
            && within(&self.ip_len, packet.ip_len)
            && self.sequence.is_none_or(|sequence| sequence.holds(packet))
            && payload.starts_with(&self.prefix)
            && (self.contains.is_empty() || contains(payload, &self.contains))
            && self.options.as_ref().is_none_or(|wanted| has_signature(options, wanted))
    }

    /// Which packets the rule can hold for.
    pub(super) fn scope(&self) -> Scope {
        let not_tcp = self.protocol.is_some_and(|protocol| protocol != 6);
        if not_tcp || self.flags_unset & flag::SYN != 0 || self.flags_set & flag::ACK != 0 {
            Scope::Others
        } else if self.flags_set & flag::SYN != 0 && self.flags_unset & flag::ACK != 0 {
            Scope::Syns
        } else {
            Scope::All
        }
    }

    /// Log2 of the chance that a random IP id and sequence number pass; none where neither is asked.
    pub(super) fn chance_log2(&self) -> Option<i32> {
        let sequence = self.sequence.map(|_| -32);
        let id = (!self.ip_id.is_empty()).then(|| {
            let wanted: u32 = self.ip_id.iter().map(|(low, high)| high - low + 1).sum();
            // Whole bits, rounded towards the more probable.
            wanted.max(1).ilog2().cast_signed() + i32::from(!wanted.is_power_of_two()) - 16
        });
        match (sequence, id) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0) + other.unwrap_or(0).min(0)),
        }
    }

    /// The conditions in words.
    pub(super) fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        if let Some(protocol) = self.protocol {
            words.push(match protocol {
                1 => "ICMP".to_owned(),
                6 => "TCP".to_owned(),
                17 => "UDP".to_owned(),
                58 => "ICMPv6".to_owned(),
                other => format!("protocol {other}"),
            });
        }
        for (mask, state) in [(self.flags_set, "set"), (self.flags_unset, "clear")] {
            if mask != 0 {
                words.push(format!("{} {state}", flag_names(mask)));
            }
        }
        for (name, ranges) in [
            ("destination port", &self.dst_port),
            ("source port", &self.src_port),
            ("IP id", &self.ip_id),
            ("TTL", &self.ttl),
            ("window", &self.window),
            ("IP length", &self.ip_len),
        ] {
            if !ranges.is_empty() {
                words.push(format!("{name} {}", range_words(ranges)));
            }
        }
        if let Some(sequence) = self.sequence {
            words.push(match sequence {
                Sequence::Equals(number) => format!("sequence number {number}"),
                Sequence::Destination => "sequence number = destination address".to_owned(),
                Sequence::DestinationReversed => "sequence number = destination address with its bytes reversed".to_owned(),
            });
        }
        if let Some(options) = &self.options {
            words.push(if options.is_empty() {
                "no TCP options".to_owned()
            } else {
                format!("TCP options `{options}`")
            });
        }
        for (bytes, verb) in [(&self.prefix, "starts with"), (&self.contains, "contains")] {
            if !bytes.is_empty() {
                words.push(format!("payload {verb} `{}`", bytes.escape_ascii()));
            }
        }
        words.join(", ")
    }
}

impl Sequence {
    fn holds(self, packet: &Packet) -> bool {
        match self {
            Sequence::Equals(number) => packet.tcp_seq == number,
            Sequence::Destination => !packet.present.has(Present::WIDE) && packet.tcp_seq == packet.dst,
            Sequence::DestinationReversed => !packet.present.has(Present::WIDE) && packet.tcp_seq == packet.dst.swap_bytes(),
        }
    }
}

/// The TCP flags a rule file may name, with their bits.
pub(super) const FLAGS: [(&str, u16); 9] = [
    ("FIN", flag::FIN),
    ("SYN", flag::SYN),
    ("RST", flag::RST),
    ("PSH", flag::PSH),
    ("ACK", flag::ACK),
    ("URG", flag::URG),
    ("ECE", flag::ECE),
    ("CWR", flag::CWR),
    ("NS", flag::NS),
];

fn flag_names(mask: u16) -> String {
    let names: Vec<&str> = FLAGS.iter().filter(|(_, bit)| mask & bit != 0).map(|(name, _)| *name).collect();
    names.join("+")
}

fn range_words(ranges: &Ranges) -> String {
    let mut words = String::new();
    for (low, high) in ranges {
        if !words.is_empty() {
            words.push_str(" or ");
        }
        // Writing to a String cannot fail.
        let written = if low == high {
            write!(words, "{low}")
        } else {
            write!(words, "{low} to {high}")
        };
        debug_assert!(written.is_ok(), "a String takes every write");
    }
    words
}

fn within(ranges: &Ranges, value: impl Into<u32>) -> bool {
    let value = value.into();
    ranges.is_empty() || ranges.iter().any(|(low, high)| (*low..=*high).contains(&value))
}

fn contains(payload: &[u8], wanted: &[u8]) -> bool {
    let searched = payload.get(..PAYLOAD_SEARCHED_BYTES).unwrap_or(payload);
    searched.windows(wanted.len()).any(|window| window == wanted)
}

fn has_signature(raw: &[u8], wanted: &str) -> bool {
    let mut signature = String::new();
    options::signature(raw, &mut signature);
    signature == wanted
}
