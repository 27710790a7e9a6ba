//! Why a frame gave no row, or why a row is not complete: the names under which such frames are counted.

/// Why a frame gave no row ([`Reason::loses_packet`]) or what of a row could not be read or was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Whole frame, but not of IP.
    NotIp = 0,
    /// Link type that is not read.
    UnsupportedLink = 1,
    /// The frame ends inside its link header.
    LinkCut = 2,
    /// More VLAN tags or MPLS labels than are followed.
    LinkTooDeep = 3,
    /// The frame ends inside the IPv4 header.
    Ipv4Cut = 4,
    /// IPv4 announced, another version found.
    Ipv4BadVersion = 5,
    /// IPv4 header length under 20 bytes.
    Ipv4BadHeaderLength = 6,
    /// The frame ends inside the IPv6 header.
    Ipv6Cut = 7,
    /// IPv6 announced, another version found.
    Ipv6BadVersion = 8,
    /// IPv4 total length under the header length.
    Ipv4BadTotalLength = 9,
    /// The packet ends inside an IPv6 extension header.
    Ipv6ExtensionCut = 10,
    /// More IPv6 extension headers than are followed.
    Ipv6TooManyExtensions = 11,
    /// IPv6 jumbogram.
    Ipv6Jumbo = 12,
    /// The packet ends inside the TCP header.
    TcpCut = 13,
    /// TCP header length under 20 bytes, or more than the packet holds.
    TcpBadOffset = 14,
    /// The packet ends inside the UDP header.
    UdpCut = 15,
    /// UDP length under 8 bytes, or more than the packet holds.
    UdpBadLength = 16,
    /// The packet ends before ICMP type and code.
    IcmpCut = 17,
    /// ICMP error without a readable quoted IP header.
    IcmpBadQuote = 18,
    /// GRE tunnel, not entered.
    TunnelGre = 19,
    /// IPv4 or IPv6 inside IP, not entered.
    TunnelIpInIp = 20,
}

impl Reason {
    /// How many reasons there are, for tables of counters indexed by [`Reason::index`].
    pub const COUNT: usize = 21;

    /// Every reason, in the order of its number.
    pub const ALL: [Reason; Reason::COUNT] = [
        Reason::NotIp,
        Reason::UnsupportedLink,
        Reason::LinkCut,
        Reason::LinkTooDeep,
        Reason::Ipv4Cut,
        Reason::Ipv4BadVersion,
        Reason::Ipv4BadHeaderLength,
        Reason::Ipv6Cut,
        Reason::Ipv6BadVersion,
        Reason::Ipv4BadTotalLength,
        Reason::Ipv6ExtensionCut,
        Reason::Ipv6TooManyExtensions,
        Reason::Ipv6Jumbo,
        Reason::TcpCut,
        Reason::TcpBadOffset,
        Reason::UdpCut,
        Reason::UdpBadLength,
        Reason::IcmpCut,
        Reason::IcmpBadQuote,
        Reason::TunnelGre,
        Reason::TunnelIpInIp,
    ];

    /// Position in [`Reason::ALL`], for tables of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether a frame with this reason gives no row; the other reasons only annotate a row.
    #[must_use]
    pub const fn loses_packet(self) -> bool {
        (self as u8) < (Reason::Ipv4BadTotalLength as u8)
    }

    /// The name in metrics and output: lower case, words joined by hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Reason::NotIp => "not-ip",
            Reason::UnsupportedLink => "unsupported-link",
            Reason::LinkCut => "link-cut",
            Reason::LinkTooDeep => "link-too-deep",
            Reason::Ipv4Cut => "ipv4-cut",
            Reason::Ipv4BadVersion => "ipv4-bad-version",
            Reason::Ipv4BadHeaderLength => "ipv4-bad-header-length",
            Reason::Ipv6Cut => "ipv6-cut",
            Reason::Ipv6BadVersion => "ipv6-bad-version",
            Reason::Ipv4BadTotalLength => "ipv4-bad-total-length",
            Reason::Ipv6ExtensionCut => "ipv6-extension-cut",
            Reason::Ipv6TooManyExtensions => "ipv6-too-many-extensions",
            Reason::Ipv6Jumbo => "ipv6-jumbo",
            Reason::TcpCut => "tcp-cut",
            Reason::TcpBadOffset => "tcp-bad-offset",
            Reason::UdpCut => "udp-cut",
            Reason::UdpBadLength => "udp-bad-length",
            Reason::IcmpCut => "icmp-cut",
            Reason::IcmpBadQuote => "icmp-bad-quote",
            Reason::TunnelGre => "tunnel-gre",
            Reason::TunnelIpInIp => "tunnel-ip-in-ip",
        }
    }

    /// One sentence for people: what such a frame is and what became of it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Reason::NotIp => "the frame carries something other than IP (ARP, LLDP, PPPoE discovery, encrypted 802.11)",
            Reason::UnsupportedLink => "the capture's link type is not one that is read",
            Reason::LinkCut => "the frame ends inside its link-layer header",
            Reason::LinkTooDeep => "the frame has more than 4 VLAN tags or 16 MPLS labels",
            Reason::Ipv4Cut => "the frame ends inside the IPv4 header",
            Reason::Ipv4BadVersion => "the link layer announces IPv4, the header states another version",
            Reason::Ipv4BadHeaderLength => "the IPv4 header states a header length under 20 bytes",
            Reason::Ipv6Cut => "the frame ends inside the IPv6 header",
            Reason::Ipv6BadVersion => "the link layer announces IPv6, the header states another version",
            Reason::Ipv4BadTotalLength => "the IPv4 total length is under the header length; read as far as the frame goes",
            Reason::Ipv6ExtensionCut => "the packet ends inside an IPv6 extension header; no transport header read",
            Reason::Ipv6TooManyExtensions => "the packet has more than 16 IPv6 extension headers; no transport header read",
            Reason::Ipv6Jumbo => "an IPv6 jumbogram: the length stands in a hop-by-hop option",
            Reason::TcpCut => "the packet ends inside the TCP header; read as far as it goes",
            Reason::TcpBadOffset => "the TCP header length is under 20 bytes or more than the packet holds",
            Reason::UdpCut => "the packet ends inside the UDP header; read as far as it goes",
            Reason::UdpBadLength => "the UDP length is under 8 bytes or more than the packet holds",
            Reason::IcmpCut => "the packet ends before ICMP type and code",
            Reason::IcmpBadQuote => "an ICMP error without a readable quoted IP header; no victim",
            Reason::TunnelGre => "a GRE tunnel packet; counted by its outer header, not entered",
            Reason::TunnelIpInIp => "IPv4 or IPv6 inside IP; counted by its outer header, not entered",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_distinct_and_in_order() {
        for (position, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), position, "{reason:?}");
        }
        let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::COUNT);
        assert!(Reason::Ipv6BadVersion.loses_packet());
        assert!(!Reason::Ipv4BadTotalLength.loses_packet());
    }
}
