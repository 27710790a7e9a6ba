//! Which frames are taken, as a program for the kernel: packets to the watched networks, without the sensor's own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Result, anyhow};
use ipnet::IpNet;

use super::assembler::{Assembler, INSTRUCTIONS_MAX, Instruction, Label, Step, Test};

/// VLAN tags followed in one frame; as many as the decoder follows.
const TAGS_MAX: u32 = 4;
/// EtherTypes that announce a tag: 802.1Q, 802.1ad, and that of older equipment.
const TAGS: [u32; 3] = [0x8100, 0x88a8, 0x9100];
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
/// Protocols with ports.
const TCP: u32 = 6;
const UDP: u32 = 17;

/// How frames of an interface begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With an Ethernet header.
    Ethernet,
    /// With the IP header.
    Network,
}

/// One end of the sensor's own traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Its port of TCP or UDP; without one, everything from and to the address is the sensor's own.
    pub port: Option<u16>,
}

/// Which frames are taken.
///
/// With watched networks: IPv4 and IPv6 packets to them, in Ethernet frames with up to four VLAN tags or without a
/// link header. Without: every frame. Never: packets from or to an excluded network, or the sensor's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Networks whose packets are taken; empty for all.
    pub watched: Vec<IpNet>,
    /// Networks from and to which nothing is taken.
    pub excluded: Vec<IpNet>,
    /// The sensor's own traffic: what comes from or goes to one of these.
    pub own: Vec<Endpoint>,
}

impl Filter {
    /// The program for frames that begin so, taking at most `snap_bytes` of each.
    ///
    /// # Errors
    /// When it would be longer than the kernel takes.
    pub fn compile(&self, form: Form, snap_bytes: u32) -> Result<Vec<Instruction>> {
        let mut program = Assembler::default();
        let accept = program.finish(snap_bytes);
        if *self == Filter::default() {
            return Ok(program.assemble(accept).unwrap_or_default());
        }
        let reject = program.finish(0);
        let ends = Ends { accept, reject };
        // What is cut before its addresses, or not IP: nobody can say that it is for a watched network.
        let other = if self.watched.is_empty() { accept } else { reject };
        let v6 = self.version(&mut program, &V6, ends, other);
        let v4 = self.version(&mut program, &V4, ends, other);
        let entry = match form {
            Form::Ethernet => ethernet(&mut program, v4, v6, other),
            Form::Network => {
                let not4 = program.branch(Test::Equal(0x60), v6, other);
                let version = program.branch(Test::Equal(0x40), v4, not4);
                program.block(&[Step::SetX(0), Step::LoadByte(0), Step::And(0xf0)], version)
            }
        };
        program.assemble(entry).map_err(|instructions| {
            anyhow!(
                "compile the filter of addresses: it needs {instructions} instructions, the kernel takes {INSTRUCTIONS_MAX}; \
                 hint: write `addresses` and `exclude` as fewer, larger networks"
            )
        })
    }

    /// The program that takes no frame.
    pub(super) fn nothing() -> Vec<Instruction> {
        let mut program = Assembler::default();
        let reject = program.finish(0);
        program.assemble(reject).unwrap_or_default()
    }

    /// Tests of a packet of one IP version; X is where its header begins.
    fn version(&self, program: &mut Assembler, ip: &Version, ends: Ends, other: Label) -> Label {
        let own = own_ends(&self.own, ip);
        let excluded: Vec<Range> = disjoint(&self.excluded, ip).iter().map(|net| net.to(ends.reject)).collect();
        let mut entry = ends.accept;
        for side in [ip.dst, ip.src] {
            entry = find_own(program, ip, side, &own, ends.reject, entry);
        }
        for side in [ip.dst, ip.src] {
            entry = find(program, side.address, ip.words, &excluded, entry);
        }
        if !self.watched.is_empty() {
            let watched: Vec<Range> = disjoint(&self.watched, ip).iter().map(|net| net.to(entry)).collect();
            entry = find(program, ip.dst.address, ip.words, &watched, ends.reject);
        }
        let whole = program.branch(Test::AtLeast(ip.header_bytes), entry, other);
        program.block(&[Step::LoadLength, Step::SubtractX], whole)
    }
}

/// Where every test ends.
#[derive(Clone, Copy)]
struct Ends {
    accept: Label,
    reject: Label,
}

/// Where source or destination stand: the address in the IP header, the port behind it.
#[derive(Clone, Copy)]
struct Side {
    address: u32,
    port: u32,
}

/// One IP version's header.
struct Version {
    header_bytes: u32,
    /// 32-bit words of an address.
    words: u32,
    src: Side,
    dst: Side,
    protocol: u32,
}

static V4: Version = Version {
    header_bytes: 20,
    words: 1,
    src: Side { address: 12, port: 0 },
    dst: Side { address: 16, port: 2 },
    protocol: 9,
};

static V6: Version = Version {
    header_bytes: 40,
    words: 4,
    src: Side { address: 8, port: 0 },
    dst: Side { address: 24, port: 2 },
    protocol: 6,
};

/// Ports of an address that are the sensor's own; `None` for all.
type Ports = Option<BTreeSet<u16>>;

/// A network as its first address, left-aligned in 128 bits, and the length of its prefix.
#[derive(Clone, Copy)]
struct Net {
    first: u128,
    prefix: u32,
}

impl Net {
    fn to(self, label: Label) -> Range {
        Range { net: self, label }
    }
}

/// Where to go for the addresses of a network.
#[derive(Clone, Copy)]
struct Range {
    net: Net,
    label: Label,
}

/// The networks of one IP version, sorted and without overlaps.
fn disjoint(networks: &[IpNet], ip: &Version) -> Vec<Net> {
    let is_v4 = ip.words == 1;
    let of_version: Vec<IpNet> = networks.iter().filter(|net| net.addr().is_ipv4() == is_v4).copied().collect();
    let mut nets: Vec<Net> = IpNet::aggregate(&of_version)
        .iter()
        .map(|net| Net {
            first: aligned(net.network()),
            prefix: net.prefix_len().into(),
        })
        .collect();
    nets.sort_by_key(|net| net.first);
    nets
}

/// Own ends of one IP version.
fn own_ends(own: &[Endpoint], ip: &Version) -> BTreeMap<u128, Ports> {
    let is_v4 = ip.words == 1;
    let mut ends: BTreeMap<u128, Ports> = BTreeMap::new();
    for end in own.iter().filter(|end| end.address.is_ipv4() == is_v4) {
        let ports = ends.entry(aligned(end.address)).or_insert_with(|| Some(BTreeSet::new()));
        match (end.port, ports.as_mut()) {
            (Some(port), Some(set)) => {
                set.insert(port);
            }
            (None, _) => *ports = None,
            (Some(_), None) => {}
        }
    }
    ends
}

/// An address in the uppermost bits.
fn aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Through VLAN tags to the IP header.
fn ethernet(program: &mut Assembler, v4: Label, v6: Label, other: Label) -> Label {
    let mut deeper = other;
    for tag in (0..=TAGS_MAX).rev() {
        let begin = Step::SetX(14 + 4 * tag);
        let is4 = program.block(&[begin], v4);
        let is6 = program.block(&[begin], v6);
        let mut kind = other;
        for ethertype in TAGS {
            kind = program.branch(Test::Equal(ethertype), deeper, kind);
        }
        kind = program.branch(Test::Equal(IPV6), is6, kind);
        kind = program.branch(Test::Equal(IPV4), is4, kind);
        deeper = program.block(&[Step::LoadHalf(12 + 4 * tag)], kind);
    }
    deeper
}

/// Finds an address among networks that do not overlap, word by word; `no` without one.
fn find(program: &mut Assembler, address: u32, words: u32, ranges: &[Range], no: Label) -> Label {
    if ranges.is_empty() {
        return no;
    }
    find_word(program, address, words, 0, ranges, no)
}

fn find_word(program: &mut Assembler, address: u32, words: u32, word: u32, ranges: &[Range], no: Label) -> Label {
    let value = |net: Net| u32::try_from(net.first << (32 * word) >> 96).unwrap_or(u32::MAX);
    let mut parts: Vec<(u32, u32, Label)> = Vec::new();
    for same in ranges.chunk_by(|one, other| value(one.net) == value(other.net)) {
        let Range { net, label } = same[0];
        let first = value(net);
        if net.prefix > 32 * (word + 1) && word + 1 < words {
            let label = find_word(program, address, words, word + 1, same, no);
            parts.push((first, first, label));
        } else {
            let bits = net.prefix - 32 * word;
            let last = first | u32::MAX.checked_shr(bits).unwrap_or(0);
            parts.push((first, last, label));
        }
    }
    let entry = program.search(&parts, no);
    program.block(&[Step::LoadWordX(address + 4 * word)], entry)
}

/// Leads packets of which this side is the sensor's own to `reject`, all others to `next`.
fn find_own(program: &mut Assembler, ip: &Version, side: Side, own: &BTreeMap<u128, Ports>, reject: Label, next: Label) -> Label {
    let mut tests: BTreeMap<&BTreeSet<u16>, Label> = BTreeMap::new();
    let mut ranges = Vec::new();
    for (&first, ports) in own {
        let label = match ports {
            None => reject,
            Some(ports) => *tests
                .entry(ports)
                .or_insert_with(|| own_ports(program, ip, side, ports, reject, next)),
        };
        let net = Net {
            first,
            prefix: 32 * ip.words,
        };
        ranges.push(net.to(label));
    }
    find(program, side.address, ip.words, &ranges, next)
}

/// The ports of one side, where there is a TCP or UDP header and the frame holds it.
fn own_ports(program: &mut Assembler, ip: &Version, side: Side, ports: &BTreeSet<u16>, reject: Label, next: Label) -> Label {
    let next = program.block(&[Step::RecallX], next);
    let ranges: Vec<(u32, u32, Label)> = ports.iter().map(|&port| (port.into(), port.into(), reject)).collect();
    let ours = program.search(&ranges, next);
    let port = program.block(&[Step::LoadHalfX(side.port)], ours);
    let whole = program.branch(Test::AtLeast(4), port, next);
    // Below zero: the IP header says that it is longer than the frame.
    let whole = program.branch(Test::AtLeast(1 << 31), next, whole);
    let begin = [Step::AddX, Step::AToX, Step::LoadLength, Step::SubtractX];
    let begin = program.block(&begin, whole);
    let begin = if ip.words == 1 {
        // Version and header length in words share a byte.
        let length = [Step::LoadByteX(0), Step::And(0xf), Step::ShiftLeft(2)];
        let length = program.block(&length, begin);
        // Fragments after the first have no ports.
        let first = program.branch(Test::AnyBit(0x1fff), next, length);
        program.block(&[Step::LoadHalfX(6)], first)
    } else {
        program.block(&[Step::Load(ip.header_bytes)], begin)
    };
    let udp = program.branch(Test::Equal(UDP), begin, next);
    let either = program.branch(Test::Equal(TCP), begin, udp);
    program.block(&[Step::LoadByteX(ip.protocol)], either)
}
