//! Link-layer headers: from a frame to the IP header in it, for each link type that captures come in.
//!
//! Numbers of link types are those of the tcpdump.org LINKTYPE registry, of EtherTypes those of IEEE.

use super::{Reason, wireless};
use crate::LinkType;

/// The bytes from the IP header on, link padding still behind them.
pub(super) enum Network<'a> {
    /// Announced as IPv4.
    Ipv4(&'a [u8]),
    /// Announced as IPv6.
    Ipv6(&'a [u8]),
}

type Found<'a> = Result<Network<'a>, Reason>;

/// VLAN tags followed in one frame: QinQ has 2, provider backbones 3.
const TAGS_MAX: usize = 4;
/// MPLS labels followed in one frame.
const LABELS_MAX: usize = 16;

/// EtherTypes.
mod ethertype {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86dd;
    /// IEEE 802.1Q customer tag.
    pub(super) const VLAN: u16 = 0x8100;
    /// IEEE 802.1ad service tag.
    pub(super) const SERVICE_VLAN: u16 = 0x88a8;
    /// Service tags of equipment older than 802.1ad.
    pub(super) const OLD_SERVICE_VLAN: u16 = 0x9100;
    pub(super) const MPLS: u16 = 0x8847;
    pub(super) const MPLS_MULTICAST: u16 = 0x8848;
    pub(super) const PPPOE_SESSION: u16 = 0x8864;
    /// Below this the field is the length of an LLC frame (IEEE 802.3).
    pub(super) const LOWEST: u16 = 0x0600;
    /// Linux cooked captures write this for frames that start with an LLC header.
    pub(super) const COOKED_LLC: u16 = 0x0004;
}

/// Finds the IP header of `frame`.
#[inline]
pub(super) fn network(link: LinkType, frame: &[u8]) -> Found<'_> {
    match link.0 {
        1 => ethernet(frame),
        0 | 108 => loopback(frame),
        9 => ppp(frame),
        50 => ppp_serial(frame),
        51 => pppoe(frame),
        12 | 14 | 101 => by_version(frame),
        104 => cisco_hdlc(frame),
        105 => wireless::read(frame),
        113 => cooked(frame),
        127 => wireless::radiotap(frame),
        228 => Ok(Network::Ipv4(frame)),
        229 => Ok(Network::Ipv6(frame)),
        239 => netfilter_log(frame),
        276 => cooked_v2(frame),
        _ => Err(Reason::UnsupportedLink),
    }
}

/// Two addresses of 6 bytes, then the EtherType.
#[inline]
fn ethernet(frame: &[u8]) -> Found<'_> {
    let Some(([.., high, low], rest)) = frame.split_first_chunk::<14>() else {
        return Err(Reason::LinkCut);
    };
    match u16::from_be_bytes([*high, *low]) {
        ethertype::IPV4 => Ok(Network::Ipv4(rest)),
        other => by_ethertype(other, rest),
    }
}

/// What an EtherType announces, through VLAN tags.
pub(super) fn by_ethertype(mut announced: u16, mut rest: &[u8]) -> Found<'_> {
    for _ in 0..=TAGS_MAX {
        match announced {
            ethertype::IPV4 => return Ok(Network::Ipv4(rest)),
            ethertype::IPV6 => return Ok(Network::Ipv6(rest)),
            ethertype::VLAN | ethertype::SERVICE_VLAN | ethertype::OLD_SERVICE_VLAN => {
                let Some(([_, _, high, low], inside)) = rest.split_first_chunk::<4>() else {
                    return Err(Reason::LinkCut);
                };
                announced = u16::from_be_bytes([*high, *low]);
                rest = inside;
            }
            ethertype::MPLS | ethertype::MPLS_MULTICAST => return mpls(rest),
            ethertype::PPPOE_SESSION => return pppoe(rest),
            length if length < ethertype::LOWEST => return llc(rest),
            _ => return Err(Reason::NotIp),
        }
    }
    Err(Reason::LinkTooDeep)
}

/// LLC with SNAP (RFC 1042) can announce IP; every other LLC frame is something else.
pub(super) fn llc(bytes: &[u8]) -> Found<'_> {
    match bytes.split_first_chunk::<8>() {
        // Organisation 0 means that an EtherType follows; 00-00-f8 is the bridge-tunnel one (802.1H).
        Some(([0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, high, low], rest)) => match u16::from_be_bytes([*high, *low]) {
            ethertype::IPV4 => Ok(Network::Ipv4(rest)),
            ethertype::IPV6 => Ok(Network::Ipv6(rest)),
            _ => Err(Reason::NotIp),
        },
        None if bytes.starts_with(&[0xaa, 0xaa]) => Err(Reason::LinkCut),
        Some(_) | None => Err(Reason::NotIp),
    }
}

/// Label stack of 4-byte entries up to the one marked as the bottom (RFC 3032), then IP by its version.
fn mpls(mut rest: &[u8]) -> Found<'_> {
    for _ in 0..LABELS_MAX {
        let Some(([_, _, bottom, _], inside)) = rest.split_first_chunk::<4>() else {
            return Err(Reason::LinkCut);
        };
        rest = inside;
        if bottom & 1 == 1 {
            return by_version(rest);
        }
    }
    Err(Reason::LinkTooDeep)
}

/// No announcement at all: the version nibble decides.
fn by_version(bytes: &[u8]) -> Found<'_> {
    match bytes.first() {
        Some(first) if first >> 4 == 4 => Ok(Network::Ipv4(bytes)),
        Some(first) if first >> 4 == 6 => Ok(Network::Ipv6(bytes)),
        Some(_) => Err(Reason::NotIp),
        None => Err(Reason::LinkCut),
    }
}

/// PPPoE session header (RFC 2516): version and type 1, code 0, session, length; then PPP.
fn pppoe(bytes: &[u8]) -> Found<'_> {
    match bytes.split_first_chunk::<6>() {
        Some(([0x11, 0, ..], rest)) => ppp_protocol(rest),
        Some(_) => Err(Reason::NotIp),
        None => Err(Reason::LinkCut),
    }
}

/// PPP, with or without the address and control bytes of HDLC-like framing (RFC 1662).
fn ppp(frame: &[u8]) -> Found<'_> {
    ppp_protocol(frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame))
}

/// PPP in HDLC-like framing, or Cisco HDLC where the address byte is Cisco's (LINKTYPE_PPP_HDLC).
fn ppp_serial(frame: &[u8]) -> Found<'_> {
    match frame.first() {
        Some(0x0f | 0x8f) => cisco_hdlc(frame),
        Some(_) => ppp(frame),
        None => Err(Reason::LinkCut),
    }
}

/// PPP protocol field: 2 bytes, or 1 when compressed, which its odd first byte shows (RFC 1661, 6.5).
fn ppp_protocol(bytes: &[u8]) -> Found<'_> {
    let (protocol, rest) = match bytes {
        [first, rest @ ..] if first & 1 == 1 => (u16::from(*first), rest),
        [first, second, rest @ ..] => (u16::from_be_bytes([*first, *second]), rest),
        [] | [_] => return Err(Reason::LinkCut),
    };
    match protocol {
        0x0021 => Ok(Network::Ipv4(rest)),
        0x0057 => Ok(Network::Ipv6(rest)),
        0x0281 | 0x0283 => mpls(rest),
        _ => Err(Reason::NotIp),
    }
}

/// Address, control, EtherType.
fn cisco_hdlc(frame: &[u8]) -> Found<'_> {
    match frame.split_first_chunk::<4>() {
        Some(([_, _, high, low], rest)) => by_ethertype(u16::from_be_bytes([*high, *low]), rest),
        None => Err(Reason::LinkCut),
    }
}

/// Address family in 4 bytes, in the byte order of the machine that captured (null) or network order (loop).
fn loopback(frame: &[u8]) -> Found<'_> {
    let Some((family @ [_, _, high, low], rest)) = frame.split_first_chunk::<4>() else {
        return Err(Reason::LinkCut);
    };
    // Families are small numbers: in the wrong byte order they are over 16 million.
    match u32::from_le_bytes(*family).min(u32::from_be_bytes(*family)) {
        2 => Ok(Network::Ipv4(rest)),
        // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
        10 | 24 | 28 | 30 => Ok(Network::Ipv6(rest)),
        // Some captures have an EtherType here.
        _ => match u16::from_be_bytes([*high, *low]) {
            ethertype::IPV4 => Ok(Network::Ipv4(rest)),
            ethertype::IPV6 => Ok(Network::Ipv6(rest)),
            _ => Err(Reason::NotIp),
        },
    }
}

/// Linux cooked capture, version 1: 16 bytes, the EtherType last.
fn cooked(frame: &[u8]) -> Found<'_> {
    match frame.split_first_chunk::<16>() {
        Some(([.., high, low], rest)) => by_cooked_protocol(u16::from_be_bytes([*high, *low]), rest),
        None => Err(Reason::LinkCut),
    }
}

/// Linux cooked capture, version 2: 20 bytes, the EtherType first.
fn cooked_v2(frame: &[u8]) -> Found<'_> {
    match frame.split_first_chunk::<20>() {
        Some(([high, low, ..], rest)) => by_cooked_protocol(u16::from_be_bytes([*high, *low]), rest),
        None => Err(Reason::LinkCut),
    }
}

/// An EtherType, or one of Linux's own small numbers, of which only LLC can lead to IP.
fn by_cooked_protocol(protocol: u16, rest: &[u8]) -> Found<'_> {
    match protocol {
        ethertype::COOKED_LLC => llc(rest),
        own if own < ethertype::LOWEST => Err(Reason::NotIp),
        other => by_ethertype(other, rest),
    }
}

/// Linux netfilter log: address family, version, group; then attributes of which number 9 is the packet.
fn netfilter_log(frame: &[u8]) -> Found<'_> {
    /// `NFULA_PAYLOAD`.
    const PAYLOAD: u16 = 9;
    /// Attributes have numbers below 32 (linux/netfilter/nfnetlink_log.h), each at most once.
    const ATTRIBUTES_MAX: usize = 32;
    let Some(([family, ..], mut rest)) = frame.split_first_chunk::<4>() else {
        return Err(Reason::LinkCut);
    };
    // AF_INET and AF_INET6 of Linux; netfilter also logs ARP and bridged frames.
    if !matches!(family, 2 | 10) {
        return Err(Reason::NotIp);
    }
    // Length and number are in the byte order of the machine that captured. Numbers are small, so the
    // first one tells: its high byte is 0.
    let little = rest.get(3) == Some(&0);
    let number = |bytes: [u8; 2]| {
        if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        }
    };
    for _ in 0..ATTRIBUTES_MAX {
        let Some(([length0, length1, kind0, kind1], inside)) = rest.split_first_chunk::<4>() else {
            return Err(Reason::LinkCut);
        };
        let Some(length) = usize::from(number([*length0, *length1])).checked_sub(4) else {
            return Err(Reason::LinkCut);
        };
        if number([*kind0, *kind1]) == PAYLOAD {
            return by_version(inside.get(..length).unwrap_or(inside));
        }
        // Attributes are padded to 4 bytes.
        rest = inside.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Err(Reason::LinkTooDeep)
}
