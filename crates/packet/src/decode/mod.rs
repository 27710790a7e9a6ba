//! Frames to packets: the outermost IP header of a captured frame and what stands directly above it.
//!
//! Decoding never fails in the sense of stopping a run. A frame without a readable IP header gives a
//! [`Reason`] to count instead of a row; a frame whose IP header is readable always gives a row, and
//! what could not be read inside it is left absent and told by [`Decoded::note`]. Nothing is put
//! together again: fragments stay fragments, tunnels are named and not entered.

mod icmp;
mod ipv4;
mod ipv6;
mod link;
mod reason;
mod tcp;
mod transport;
mod udp;
mod wireless;

pub use reason::Reason;

use crate::{LinkType, Packet, Wide};

/// IP protocol numbers that the decoder or its callers treat by name (IANA "Protocol Numbers").
pub mod protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// IPv4 inside IP (RFC 2003).
    pub const IPV4: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 inside IP (RFC 4213, "6in4").
    pub const IPV6: u8 = 41;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// Generic routing encapsulation.
    pub const GRE: u8 = 47;
    /// Encapsulating security payload: what follows is encrypted.
    pub const ESP: u8 = 50;
    /// Authentication header.
    pub const AUTHENTICATION: u8 = 51;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// IPv6: nothing follows.
    pub const NO_NEXT_HEADER: u8 = 59;
    /// IPv6 destination options.
    pub const DESTINATION: u8 = 60;
    /// IPv6 mobility header (RFC 6275).
    pub const MOBILITY: u8 = 135;
    /// Host identity protocol (RFC 7401).
    pub const HOST_IDENTITY: u8 = 139;
    /// Shim6 (RFC 5533).
    pub const SHIM6: u8 = 140;
}

/// What one frame holds: the row, and slices of the frame that belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The row; see [`crate::Present`] for which of its fields hold a value.
    pub packet: Packet,
    /// IPv6 addresses, all zeros for IPv4.
    pub wide: Wide,
    /// TCP option bytes as captured, at most 40; empty without options, or when the header was cut before them.
    pub options: &'a [u8],
    /// TCP or UDP payload as captured, bounded by the lengths that the IP and UDP headers state (so
    /// without Ethernet padding); empty for everything else and for fragments other than the first.
    pub payload: &'a [u8],
    /// What of the packet could not be read or was not entered, where there is such a thing.
    pub note: Option<Reason>,
}

impl Default for Decoded<'_> {
    #[inline]
    fn default() -> Self {
        // Spelled out: the derived default of a byte array is a call.
        let wide = Wide {
            src6: [0; 16],
            dst6: [0; 16],
            victim6: [0; 16],
        };
        Decoded {
            packet: Packet::default(),
            wide,
            options: &[],
            payload: &[],
            note: None,
        }
    }
}

impl Decoded<'_> {
    /// Keeps the first reason: it is the outermost, and the others follow from it.
    #[inline]
    fn remark(&mut self, reason: Reason) {
        self.note.get_or_insert(reason);
    }
}

/// Decodes one frame of link type `link`, captured at `time_us` (microseconds since 1970-01-01 UTC).
///
/// The row's `wide_at`, `payload_at`, `options_at`, `payload_len`, `mark`, `kind` and `probe` are left at
/// their defaults for the store and the classifiers.
///
/// # Errors
///
/// The [`Reason`] why there is no readable IP header, and so no row: exactly those reasons for which
/// [`Reason::loses_packet`] is true.
#[inline]
pub fn decode(link: LinkType, frame: &[u8], time_us: i64) -> Result<Decoded<'_>, Reason> {
    let mut decoded = Decoded::default();
    decode_into(link, frame, time_us, &mut decoded)?;
    Ok(decoded)
}

/// [`decode`] for loops over many frames: writes the row where the caller keeps it, which saves moving its
/// 192 bytes. Whatever `out` held before is replaced.
///
/// # Errors
///
/// As [`decode`]; `out` then holds no row.
#[inline]
pub fn decode_into<'a>(link: LinkType, frame: &'a [u8], time_us: i64, out: &mut Decoded<'a>) -> Result<(), Reason> {
    *out = Decoded {
        packet: Packet {
            time_us,
            ..Packet::default()
        },
        ..Decoded::default()
    };
    match link::network(link, frame)? {
        link::Network::Ipv4(bytes) => ipv4::read(bytes, out),
        link::Network::Ipv6(bytes) => ipv6::read(bytes, out),
    }
}
