//! Every shared capture, decoded, against counts that tshark made of it; and every prefix and many damaged
//! copies of its frames, which must decode to something without panic.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use hirundo_packet::capture::Capture;
use hirundo_packet::decode::{Decoded, Reason, decode, protocol};
use hirundo_packet::{LinkType, Present, flag, options};

/// Files that are no captures in a form that is read; the capture reader's own tests say how they fail.
const NOT_CAPTURES: [&str; 2] = ["lp_pcap-invalid-version-1.pcap", "lt_5_packets.erf"];

/// Counts of one file where tshark and we differ on purpose.
struct Difference {
    file: &'static str,
    /// Name of the count, tshark's, ours.
    counts: &'static [(&'static str, u64, u64)],
    /// Why ours is right.
    why: &'static str,
}

/// Every difference that is allowed; one that no longer exists fails the test too.
const DIFFERENCES: &[Difference] = &[
    Difference {
        file: "hk_output_le__difficult__test202.pcapng",
        counts: &[("family.non_ip", 3, 0)],
        why: "tshark counts 3 blocks of the file that are no packets",
    },
    Difference {
        file: "nd_ip_fragmented_garbage.pcap",
        counts: &[
            ("tcpflags.0x026", 0, 1),
            ("tcpflags.0x023", 0, 1),
            ("l4.tcp_syn/ipv4", 0, 2),
            ("l4.tcp_rst/ipv4", 0, 1),
            ("dport:tcp_syn/ipv4.10792", 0, 1),
            ("dport:tcp_syn/ipv4.16419", 0, 1),
        ],
        why: "the TCP header length is under 20 bytes, where tshark stops reading; the flags stand at a fixed place \
              and are there, and the note tcp-bad-offset tells such packets apart",
    },
    Difference {
        file: "sv_bug-6875-01__fuzz.pcap",
        counts: &[
            ("family.non_ip", 2, 0),
            ("family.ipv4", 0, 1),
            ("ipproto.ipv4/6", 0, 1),
            ("l4.tcp/ipv4", 0, 1),
            ("dport:tcp/ipv4.0", 0, 1),
            ("tcpflags.0x000", 0, 1),
            ("unique.src_ipv4", 0, 1),
            ("unique.dst_ipv4", 0, 1),
        ],
        why: "after the first frame the file is damaged; from that tshark guesses a variant of the format with record \
              headers of 24 bytes and reads every frame 8 bytes too late, whereas the first is plain Ethernet and IPv4",
    },
];

fn traces() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/traces")).to_path_buf()
}

/// Names of the captures that the table of truth lists.
fn names() -> Vec<String> {
    let table = traces().join("truth.csv");
    let text = std::fs::read_to_string(&table)
        .unwrap_or_else(|error| panic!("the shared captures are needed, cannot read {}: {error}", table.display()));
    text.lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .map(str::to_owned)
        .collect()
}

/// Frames of a capture up to its end or to where it is damaged.
fn frames(name: &str) -> Vec<(LinkType, Vec<u8>)> {
    let file = File::open(traces().join(name)).unwrap_or_else(|error| panic!("open {name}: {error}"));
    let mut frames = Vec::new();
    let Ok(mut capture) = Capture::open(Box::new(file)) else {
        assert!(NOT_CAPTURES.contains(&name), "{name} was not recognised as a capture");
        return frames;
    };
    while let Ok(Some(frame)) = capture.next() {
        frames.push((frame.link, frame.data.to_vec()));
    }
    frames
}

type Counts = BTreeMap<String, u64>;

/// Sets of addresses as text, by the name of their count.
#[derive(Default)]
struct Unique(BTreeMap<&'static str, BTreeSet<[u8; 16]>>);

fn add(counts: &mut Counts, key: &str) {
    *counts.entry(key.to_owned()).or_default() += 1;
}

/// What the truth tables count, counted from what we decoded.
fn count(frames: &[(LinkType, Vec<u8>)]) -> Counts {
    let mut counts = Counts::new();
    let mut unique = Unique::default();
    for (link, frame) in frames {
        match decode(*link, frame, 0) {
            Ok(decoded) => count_row(&decoded, &mut counts, &mut unique),
            Err(Reason::Ipv4Cut | Reason::Ipv4BadVersion | Reason::Ipv4BadHeaderLength) => {
                add(&mut counts, "family.ipv4_malformed");
            }
            Err(Reason::Ipv6Cut | Reason::Ipv6BadVersion) => add(&mut counts, "family.ipv6_malformed"),
            Err(_) => add(&mut counts, "family.non_ip"),
        }
    }
    for (key, addresses) in unique.0 {
        counts.insert(format!("unique.{key}"), addresses.len() as u64);
    }
    counts
}

fn count_row(decoded: &Decoded<'_>, counts: &mut Counts, unique: &mut Unique) {
    let packet = &decoded.packet;
    let is_ipv6 = packet.present.has(Present::WIDE);
    let (family, src, dst) = if is_ipv6 {
        ("ipv6", ("src_ipv6", decoded.wide.src6), ("dst_ipv6", decoded.wide.dst6))
    } else {
        let wide = |address: u32| u128::from(address).to_be_bytes();
        ("ipv4", ("src_ipv4", wide(packet.src)), ("dst_ipv4", wide(packet.dst)))
    };
    for (key, address) in [src, dst] {
        unique.0.entry(key).or_default().insert(address);
    }
    add(counts, &format!("family.{family}"));
    if !is_ipv6 {
        add(counts, &format!("ipproto.ipv4/{}", packet.proto));
    }
    // The truth does not tell IPv6's first fragments from whole packets.
    if packet.present.has(Present::LATER_FRAGMENT) {
        add(counts, &format!("frag.{family}_nonfirst"));
    } else if packet.present.has(Present::FRAGMENT) && !is_ipv6 {
        add(counts, "frag.ipv4_first");
    }
    if packet.present.has(Present::IP_ID) && !is_ipv6 && packet.ip_id == 54321 {
        add(counts, "fingerprint.ipid54321_any");
        if packet.is_syn() {
            add(counts, "fingerprint.ipid54321_syn");
        }
    }
    if packet.present.has(Present::LATER_FRAGMENT) {
        return;
    }
    let transport = match packet.proto {
        protocol::TCP => "tcp",
        protocol::UDP => "udp",
        protocol::ICMP if !is_ipv6 => "icmp",
        protocol::ICMPV6 if is_ipv6 => "icmpv6",
        _ => return,
    };
    add(counts, &format!("l4.{transport}/{family}"));
    if packet.present.has(Present::PORTS) {
        add(counts, &format!("dport:{transport}/{family}.{}", packet.dst_port));
    }
    if packet.present.has(Present::ICMP) {
        add(counts, &format!("icmp.{transport}/{}/{}", packet.icmp_type, packet.icmp_code));
    }
    if packet.present.has(Present::TCP) {
        count_tcp(decoded, family, counts);
    }
}

fn count_tcp(decoded: &Decoded<'_>, family: &str, counts: &mut Counts) {
    let packet = &decoded.packet;
    add(counts, &format!("tcpflags.{:#05x}", packet.tcp_flags));
    if packet.is_syn() {
        add(counts, &format!("l4.tcp_syn/{family}"));
        add(counts, &format!("dport:tcp_syn/{family}.{}", packet.dst_port));
        if family == "ipv4" && packet.tcp_seq == packet.dst {
            add(counts, "fingerprint.mirai_syn_seq_eq_dst");
        }
    }
    if packet.tcp_flags & (flag::SYN | flag::ACK) == flag::SYN | flag::ACK {
        add(counts, &format!("l4.tcp_synack/{family}"));
    }
    if packet.tcp_flags & flag::RST != 0 {
        add(counts, &format!("l4.tcp_rst/{family}"));
    }
}

/// The counts of a truth table that we make too; zeros are left out on both sides.
fn truth(name: &str) -> Counts {
    let table = traces().join(format!("{name}.truth.csv"));
    let text = std::fs::read_to_string(&table).unwrap_or_else(|error| panic!("read {}: {error}", table.display()));
    let mut counts = Counts::new();
    for line in text.lines().skip(1) {
        let Some((key, Ok(value @ 1..))) = line.rsplit_once(',').map(|(key, value)| (key, value.parse::<u64>())) else {
            continue;
        };
        let Some((metric, rest)) = key.split_once(',') else {
            continue;
        };
        let is_ours = match metric {
            "family" | "unique" | "frag" | "icmp" => true,
            "l4" => !rest.starts_with("other("),
            "ipproto" => rest.starts_with("ipv4/"),
            "fingerprint" => !rest.starts_with("masscan") && !rest.starts_with("mirai_unique"),
            "tcpflags" => rest != "none",
            other => other.starts_with("dport:"),
        };
        if !is_ours {
            continue;
        }
        // tshark's flags are 12 bits; we keep the 9 that have a meaning, not the 3 reserved ones.
        let flags = rest.strip_prefix("0x").and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let key = match flags {
            Some(flags) if metric == "tcpflags" => format!("tcpflags.{:#05x}", flags & 0x1ff),
            Some(_) | None => format!("{metric}.{rest}"),
        };
        *counts.entry(key).or_default() += value;
    }
    counts
}

#[test]
fn counts_agree_with_tshark() {
    let names = names();
    assert!(names.len() > 50, "only {} shared captures listed", names.len());
    let mut found = BTreeSet::new();
    for name in names.iter().filter(|name| !NOT_CAPTURES.contains(&name.as_str())) {
        let (ours, truth) = (count(&frames(name)), truth(name));
        let keys: BTreeSet<&String> = ours.keys().chain(truth.keys()).collect();
        for key in keys {
            let value = |counts: &Counts| counts.get(key).copied().unwrap_or(0);
            if value(&ours) != value(&truth) {
                found.insert((name.clone(), key.clone(), value(&truth), value(&ours)));
            }
        }
    }
    let mut allowed = BTreeSet::new();
    for Difference { file, counts, why } in DIFFERENCES {
        assert!(!why.is_empty(), "{file}: a difference needs a reason");
        let rows = counts
            .iter()
            .map(|(count, truth, ours)| ((*file).to_owned(), (*count).to_owned(), *truth, *ours));
        allowed.extend(rows);
    }
    let new: Vec<_> = found.difference(&allowed).collect();
    let gone: Vec<_> = allowed.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "(file, count, tshark, ours)\nnew: {new:#?}\ngone: {gone:#?}"
    );
}

/// What must hold for whatever bytes come.
fn decode_checked(link: LinkType, frame: &[u8]) {
    match decode(link, frame, 1) {
        Ok(decoded) => {
            assert!(decoded.options.len() <= 40);
            assert!(decoded.payload.len() <= frame.len());
            assert!(decoded.note.is_none_or(|note| !note.loses_packet()), "{:?}", decoded.note);
            assert_eq!(decoded.packet.time_us, 1);
            options::signature(decoded.options, &mut String::new());
        }
        Err(reason) => assert!(reason.loses_packet(), "{reason:?}"),
    }
}

/// Every link type that is read.
const LINKS: [u32; 16] = [0, 1, 9, 12, 50, 51, 101, 104, 105, 108, 113, 127, 228, 229, 239, 276];

#[test]
fn every_prefix_of_every_frame_decodes() {
    for name in names() {
        for (link, frame) in frames(&name) {
            // Beyond 300 bytes there are only payloads.
            for len in (0..frame.len().min(300)).chain([frame.len()]) {
                decode_checked(link, &frame[..len]);
            }
        }
    }
}

#[test]
fn damaged_frames_decode() {
    // A fixed seed: the same damage in every run (xorshift64, Marsaglia 2003).
    let mut state = 0x5eed_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
    };
    for name in names() {
        for (link, mut frame) in frames(&name) {
            frame.truncate(200);
            for _ in 0..40 {
                let mut damaged = frame.clone();
                for _ in 0..=random(4) {
                    let at = random(damaged.len().min(90));
                    if let Some(byte) = damaged.get_mut(at) {
                        *byte ^= 1 << random(8);
                    }
                }
                damaged.truncate(random(damaged.len() * 2));
                decode_checked(link, &damaged);
                decode_checked(LinkType(LINKS[random(LINKS.len())]), &damaged);
            }
        }
    }
}
