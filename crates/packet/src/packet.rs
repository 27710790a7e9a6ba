//! One decoded packet: the fixed-size row that everything downstream works on.

/// Which optional fields of a [`Packet`] hold a value; a field whose bit is clear is null in the lake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present(pub u16);

impl Present {
    /// `src_port` and `dst_port` (TCP and UDP whose header was whole enough to read them).
    pub const PORTS: Present = Present(1);
    /// `icmp_type` and `icmp_code` (ICMP and ICMPv6).
    pub const ICMP: Present = Present(1 << 1);
    /// `tcp_flags`, `tcp_seq`, `tcp_window` and the options.
    pub const TCP: Present = Present(1 << 2);
    /// `ip_id` (IPv4, or an IPv6 fragment header's low 16 bits).
    pub const IP_ID: Present = Present(1 << 3);
    /// The addresses are IPv6 and stand in [`Wide`]; `src` and `dst` of the packet are then 0.
    pub const WIDE: Present = Present(1 << 4);
    /// `victim` (IPv4) or `victim6` (IPv6, when [`Present::WIDE`] is set too) was quoted by an ICMP error.
    pub const VICTIM: Present = Present(1 << 5);
    /// The packet is a fragment other than the first, so it carries no transport header.
    pub const LATER_FRAGMENT: Present = Present(1 << 6);
    /// More fragments follow, or this is one: any fragmented packet.
    pub const FRAGMENT: Present = Present(1 << 7);
    /// The sensor hides its addresses: `dst` is a pseudonym, and `tcp_seq` was blanked (null in the lake, 0 here).
    pub const HIDDEN: Present = Present(1 << 8);

    /// Whether every bit of `other` is set.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, other: Present) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets every bit of `other`.
    #[inline(always)]
    pub const fn set(&mut self, other: Present) {
        self.0 |= other.0;
    }
}

/// What a packet is, judged from its own headers and payload alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Looks for open services: TCP SYN and other unsolicited TCP probes, ICMP echo requests.
    Scan = 0,
    /// An answer to something we never sent: SYN+ACK, RST, ICMP errors and replies, UDP replies.
    Backscatter = 1,
    /// A UDP request to a service that its payload names (see [`Packet::probe`]).
    Probe = 2,
    /// Traffic of a host that is set up wrongly: local-only protocols, private or absurd sources.
    Misconfiguration = 3,
    /// None of the above.
    #[default]
    Other = 4,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Kind; 5] = [Kind::Scan, Kind::Backscatter, Kind::Probe, Kind::Misconfiguration, Kind::Other];

    /// The name in the lake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Scan => "scan",
            Kind::Backscatter => "backscatter",
            Kind::Probe => "probe",
            Kind::Misconfiguration => "misconfiguration",
            Kind::Other => "other",
        }
    }
}

/// TCP flag bits as they stand in the header, low bit first; NS is the ninth.
pub mod flag {
    /// Sender has finished sending.
    pub const FIN: u16 = 1;
    /// Opens a connection.
    pub const SYN: u16 = 1 << 1;
    /// Refuses or breaks a connection.
    pub const RST: u16 = 1 << 2;
    /// Push.
    pub const PSH: u16 = 1 << 3;
    /// The acknowledgement number holds.
    pub const ACK: u16 = 1 << 4;
    /// Urgent pointer holds.
    pub const URG: u16 = 1 << 5;
    /// ECN echo (RFC 3168).
    pub const ECE: u16 = 1 << 6;
    /// Congestion window reduced (RFC 3168).
    pub const CWR: u16 = 1 << 7;
    /// Nonce sum (RFC 3540, historic; now AE).
    pub const NS: u16 = 1 << 8;
}

/// One packet. Plain numbers, no ownership, 64 bytes: a cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Packet {
    /// Microseconds since 1970-01-01 UTC, as the capture says.
    pub time_us: i64,
    /// Source, IPv4 as an integer (`1.2.3.4` is 0x01020304); 0 for IPv6.
    pub src: u32,
    /// Destination, IPv4 as an integer; 0 for IPv6.
    pub dst: u32,
    /// TCP sequence number.
    pub tcp_seq: u32,
    /// Destination of the packet that an ICMP error quotes, IPv4.
    pub victim: u32,
    /// Length of the whole IP packet in bytes as its header says (IPv6: 40 + payload length).
    pub ip_len: u32,
    /// Where the store keeps what does not fit here (IPv6 addresses); the decoder leaves it 0.
    pub wide_at: u32,
    /// Where the store keeps the payload's first bytes; the decoder leaves it 0.
    pub payload_at: u32,
    /// Which source of the store's segment sent it; the decoder leaves it 0.
    pub source_at: u32,
    /// Which TCP options (the store's number for a signature, 0 for none); the decoder leaves it 0.
    pub options_at: u16,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// TCP flags, see [`flag`].
    pub tcp_flags: u16,
    /// TCP window as sent, not scaled.
    pub tcp_window: u16,
    /// IP identification.
    pub ip_id: u16,
    /// Which sensor of the store's segment received it; the decoder leaves it 0.
    pub sensor_at: u16,
    /// Which optional fields hold a value.
    pub present: Present,
    /// How many bytes of payload the store keeps; the decoder leaves it 0.
    pub payload_len: u8,
    /// IP protocol of the transport header (IPv6: after the extension headers).
    pub proto: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// ICMP or ICMPv6 type.
    pub icmp_type: u8,
    /// ICMP or ICMPv6 code.
    pub icmp_code: u8,
    /// Tool mark of this packet, 0 for none: a number of [`crate::mark::MarkTable`].
    pub mark: u8,
    /// What the packet is.
    pub kind: Kind,
    /// Service that a UDP payload asks for, 0 for none: a number of [`crate::probe::PROBES`] plus one.
    pub probe: u8,
}

const _: () = assert!(size_of::<Packet>() == 64);

impl Packet {
    /// A TCP packet with SYN and without ACK, whatever the other flags.
    #[inline(always)]
    #[must_use]
    pub const fn is_syn(&self) -> bool {
        self.present.has(Present::TCP) && self.tcp_flags & (flag::SYN | flag::ACK) == flag::SYN
    }
}

/// What an IPv6 packet carries beside its [`Packet`]: bytes in network order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wide {
    /// Source.
    pub src6: [u8; 16],
    /// Destination.
    pub dst6: [u8; 16],
    /// Destination of the packet that an ICMPv6 error quotes; zeros without [`Present::VICTIM`].
    pub victim6: [u8; 16],
}
