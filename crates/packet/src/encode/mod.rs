//! Packets to frames, with right lengths and checksums, for the simulator and the tests.

mod checksum;
mod pcap;

pub use pcap::PcapWriter;

use crate::LinkType;
use crate::decode::protocol;
use checksum::Checksum;

/// What stands before the IP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// An Ethernet header between two locally administered addresses, without padding to 60 bytes.
    #[default]
    Ethernet,
    /// Nothing.
    RawIp,
}

impl Framing {
    /// The link type to announce such frames with.
    #[must_use]
    pub const fn link(self) -> LinkType {
        match self {
            Framing::Ethernet => LinkType(1),
            Framing::RawIp => LinkType(101),
        }
    }
}

/// Who sends to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// IPv4 as integers: `1.2.3.4` is 0x01020304.
    V4 {
        /// Source.
        src: u32,
        /// Destination.
        dst: u32,
    },
    /// IPv6, network order.
    V6 {
        /// Source.
        src: [u8; 16],
        /// Destination.
        dst: [u8; 16],
    },
}

/// The fields of an IP header that are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// Source and destination.
    pub addresses: Addresses,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// IPv4 identification; IPv6 has none.
    pub id: u16,
    /// IPv4 flags and fragment offset as they stand in the header (0x4000: do not fragment, 0x2000: more
    /// fragments, low 13 bits: offset in 8 bytes); IPv6 has none.
    pub part: u16,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags, see [`crate::flag`]; 9 bits.
    pub flags: u16,
    /// Window, not scaled.
    pub window: u16,
    /// Option bytes, at most 40; filled up with zeros (end of options) to a multiple of 4.
    pub options: &'a [u8],
    /// Data.
    pub payload: &'a [u8],
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Udp<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Data.
    pub payload: &'a [u8],
}

/// An ICMP message; ICMPv6 when the addresses are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Icmp<'a> {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// What stands between checksum and body: identifier and sequence of an echo, zeros in most errors.
    pub rest: [u8; 4],
    /// Echo data, or the packet that an error quotes.
    pub body: &'a [u8],
}

impl<'a> Icmp<'a> {
    /// Echo request (type 8).
    #[must_use]
    pub fn echo_request(identifier: u16, sequence: u16, body: &'a [u8]) -> Icmp<'a> {
        Icmp {
            kind: 8,
            code: 0,
            rest: echo_rest(identifier, sequence),
            body,
        }
    }

    /// Echo reply (type 0).
    #[must_use]
    pub fn echo_reply(identifier: u16, sequence: u16, body: &'a [u8]) -> Icmp<'a> {
        Icmp {
            kind: 0,
            code: 0,
            rest: echo_rest(identifier, sequence),
            body,
        }
    }

    /// Error of type `kind` that quotes `packet`, which starts with its IP header (see [`Framing::RawIp`]).
    ///
    /// Quote as much as the imitated system does: the header and 8 bytes (RFC 792), or up to 548 (RFC 1812).
    #[must_use]
    pub const fn error(kind: u8, code: u8, packet: &'a [u8]) -> Icmp<'a> {
        Icmp {
            kind,
            code,
            rest: [0; 4],
            body: packet,
        }
    }
}

fn echo_rest(identifier: u16, sequence: u16) -> [u8; 4] {
    let ([i0, i1], [s0, s1]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
    [i0, i1, s0, s1]
}

/// What stands above IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// TCP.
    Tcp(Tcp<'a>),
    /// UDP.
    Udp(Udp<'a>),
    /// ICMP, or ICMPv6 when the addresses are IPv6.
    Icmp(Icmp<'a>),
    /// Any protocol by its number, bytes as given.
    Other {
        /// IP protocol number.
        proto: u8,
        /// All that follows the IP header.
        bytes: &'a [u8],
    },
}

/// Why a packet could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// TCP options that the header length cannot express.
    #[error("encode a TCP header: {len_bytes} bytes of options, 40 at most")]
    OptionsTooLong {
        /// Length of the options.
        len_bytes: usize,
    },
    /// More than the 16-bit length of the IP header can express.
    #[error("encode an IP packet: {len_bytes} bytes above the IP header do not fit its 16-bit length")]
    PacketTooLong {
        /// Length of everything above the IP header.
        len_bytes: usize,
    },
}

/// Ethernet header: destination, source (locally administered), EtherType of IPv4.
const ETHERNET_V4: [u8; 14] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
/// The same with the EtherType of IPv6.
const ETHERNET_V6: [u8; 14] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd];

/// Writes one frame into `out`, in place of what was there; `out` grows once and is then reused.
///
/// # Errors
///
/// [`EncodeError`] when a length does not fit its field; `out` is then empty.
pub fn encode(framing: Framing, header: &IpHeader, transport: &Transport<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.clear();
    let length = segment_len(transport)?;
    let is_ipv6 = matches!(header.addresses, Addresses::V6 { .. });
    let proto = match transport {
        Transport::Tcp(_) => protocol::TCP,
        Transport::Udp(_) => protocol::UDP,
        Transport::Icmp(_) if is_ipv6 => protocol::ICMPV6,
        Transport::Icmp(_) => protocol::ICMP,
        Transport::Other { proto, .. } => *proto,
    };
    let pseudo = match header.addresses {
        Addresses::V4 { src, dst } => {
            let total = length.checked_add(20);
            let total = total.ok_or(EncodeError::PacketTooLong {
                len_bytes: usize::from(length),
            })?;
            if framing == Framing::Ethernet {
                out.extend_from_slice(&ETHERNET_V4);
            }
            ipv4(header, (src, dst), proto, total, out);
            Checksum::default().add(&src.to_be_bytes()).add(&dst.to_be_bytes())
        }
        Addresses::V6 { src, dst } => {
            if framing == Framing::Ethernet {
                out.extend_from_slice(&ETHERNET_V6);
            }
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&[proto, header.ttl]);
            out.extend_from_slice(&src);
            out.extend_from_slice(&dst);
            Checksum::default().add(&src).add(&dst)
        }
    };
    let pseudo = pseudo.add_word(u16::from(proto)).add_word(length);
    match transport {
        Transport::Tcp(tcp) => write_tcp(tcp, pseudo, out),
        Transport::Udp(udp) => write_udp(udp, length, pseudo, out),
        // Only ICMPv6 sums the addresses too.
        Transport::Icmp(icmp) => write_icmp(icmp, if is_ipv6 { pseudo } else { Checksum::default() }, out),
        Transport::Other { bytes, .. } => out.extend_from_slice(bytes),
    }
    Ok(())
}

/// Length of everything above the IP header.
fn segment_len(transport: &Transport<'_>) -> Result<u16, EncodeError> {
    let len_bytes = match transport {
        Transport::Tcp(tcp) if tcp.options.len() > 40 => {
            return Err(EncodeError::OptionsTooLong {
                len_bytes: tcp.options.len(),
            });
        }
        Transport::Tcp(tcp) => 20 + tcp.options.len().next_multiple_of(4) + tcp.payload.len(),
        Transport::Udp(udp) => 8 + udp.payload.len(),
        Transport::Icmp(icmp) => 8 + icmp.body.len(),
        Transport::Other { bytes, .. } => bytes.len(),
    };
    u16::try_from(len_bytes).map_err(|_| EncodeError::PacketTooLong { len_bytes })
}

fn ipv4(header: &IpHeader, (src, dst): (u32, u32), proto: u8, total: u16, out: &mut Vec<u8>) {
    let (s, d) = (src.to_be_bytes(), dst.to_be_bytes());
    let (total, id, part) = (total.to_be_bytes(), header.id.to_be_bytes(), header.part.to_be_bytes());
    let start = [0x45, 0, total[0], total[1], id[0], id[1], part[0], part[1], header.ttl, proto];
    let sum = Checksum::default().add(&start).add(&s).add(&d).finish();
    out.extend_from_slice(&start);
    out.extend_from_slice(&sum.to_be_bytes());
    out.extend_from_slice(&s);
    out.extend_from_slice(&d);
}

fn write_tcp(tcp: &Tcp<'_>, pseudo: Checksum, out: &mut Vec<u8>) {
    let mut options = [0_u8; 40];
    if let Some(filled) = options.get_mut(..tcp.options.len()) {
        filled.copy_from_slice(tcp.options);
    }
    let options_len = tcp.options.len().next_multiple_of(4).min(40);
    let options = options.get(..options_len).unwrap_or(&[]);
    let words = u16::try_from(5 + options_len / 4).unwrap_or(15);
    let mut fixed = [0_u8; 20];
    let fields = [tcp.src_port.to_be_bytes(), tcp.dst_port.to_be_bytes()];
    fixed[0..4].copy_from_slice(fields.as_flattened());
    fixed[4..8].copy_from_slice(&tcp.seq.to_be_bytes());
    fixed[8..12].copy_from_slice(&tcp.ack.to_be_bytes());
    fixed[12..14].copy_from_slice(&(words << 12 | (tcp.flags & 0x01ff)).to_be_bytes());
    fixed[14..16].copy_from_slice(&tcp.window.to_be_bytes());
    let sum = pseudo.add(&fixed).add(options).add(tcp.payload).finish();
    fixed[16..18].copy_from_slice(&sum.to_be_bytes());
    out.extend_from_slice(&fixed);
    out.extend_from_slice(options);
    out.extend_from_slice(tcp.payload);
}

fn write_udp(udp: &Udp<'_>, length: u16, pseudo: Checksum, out: &mut Vec<u8>) {
    let fields = [udp.src_port.to_be_bytes(), udp.dst_port.to_be_bytes(), length.to_be_bytes()];
    let sum = match pseudo.add(fields.as_flattened()).add(udp.payload).finish() {
        // 0 stands for "no checksum", so a sum of 0 is sent as its other form (RFC 768).
        0 => 0xffff,
        sum => sum,
    };
    out.extend_from_slice(fields.as_flattened());
    out.extend_from_slice(&sum.to_be_bytes());
    out.extend_from_slice(udp.payload);
}

fn write_icmp(icmp: &Icmp<'_>, start: Checksum, out: &mut Vec<u8>) {
    let sum = start.add(&[icmp.kind, icmp.code]).add(&icmp.rest).add(icmp.body).finish();
    out.extend_from_slice(&[icmp.kind, icmp.code]);
    out.extend_from_slice(&sum.to_be_bytes());
    out.extend_from_slice(&icmp.rest);
    out.extend_from_slice(icmp.body);
}
