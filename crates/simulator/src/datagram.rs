//! One simulated IPv4 packet as plain values, before it becomes bytes: what the truth counts and the writer encodes.

use hirundo_packet::flag;

use crate::tool::Tool;

/// Which TCP options a packet carries, in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Options {
    /// None: a header of 20 bytes.
    None,
    /// MSS 1460 alone (nmap, masscan since November 2023).
    Mss,
    /// MSS 1460, NOP, window scale 8, NOP, NOP, SACK permitted (Windows since Vista; zmap 4's default).
    Windows,
    /// MSS 1460, NOP, NOP, SACK permitted (Windows XP and 2003).
    OldWindows,
    /// MSS 1460, SACK permitted, timestamps, NOP, window scale 7 (Linux); the value is the sender's clock.
    Linux(u32),
}

/// What stands behind the IPv4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// A TCP segment without data.
    Tcp {
        src_port: u16,
        dst_port: u16,
        seq: u32,
        ack: u32,
        flags: u16,
        window: u16,
        options: Options,
    },
    /// A UDP datagram; `transaction` replaces the payload's first two bytes (the id of a DNS question, say).
    Udp {
        src_port: u16,
        dst_port: u16,
        payload: &'static [u8],
        transaction: Option<u16>,
    },
    /// An ICMP echo request, or the reply to one.
    Echo {
        reply: bool,
        identifier: u16,
        sequence: u16,
        payload: &'static [u8],
    },
    /// ICMP "port unreachable" from the packet's source, quoting a UDP datagram that it had from its destination.
    Unreachable {
        quoted_src_port: u16,
        quoted_dst_port: u16,
        quoted_id: u16,
        quoted_ttl: u8,
    },
}

/// A packet on its way to a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// Microseconds since 1970-01-01 UTC.
    pub(crate) time_us: i64,
    /// Source address.
    pub(crate) src: u32,
    /// Destination: an address of the sensor.
    pub(crate) dst: u32,
    /// IP identification.
    pub(crate) id: u16,
    /// Time to live on arrival.
    pub(crate) ttl: u8,
    /// The don't-fragment bit.
    pub(crate) dont_fragment: bool,
    /// Index of the sensor in the scenario.
    pub(crate) sensor: u16,
    /// Index of the source's region in [`crate::region::REGIONS`].
    pub(crate) region: u8,
    /// What made the packet.
    pub(crate) tool: Tool,
    /// The rest of it.
    pub(crate) body: Body,
}

/// IP protocol numbers (IANA).
pub(crate) mod protocol {
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
}

impl Datagram {
    /// Protocol number and destination port (0 for ICMP).
    pub(crate) const fn target(&self) -> (u8, u16) {
        match self.body {
            Body::Tcp { dst_port, .. } => (protocol::TCP, dst_port),
            Body::Udp { dst_port, .. } => (protocol::UDP, dst_port),
            Body::Echo { .. } | Body::Unreachable { .. } => (protocol::ICMP, 0),
        }
    }

    /// Whether the packet bears Mirai's mark: SYN without ACK whose sequence number is the destination address.
    pub(crate) const fn is_mirai(&self) -> bool {
        match self.body {
            Body::Tcp { seq, flags, .. } => seq == self.dst && flags & (flag::SYN | flag::ACK) == flag::SYN,
            Body::Udp { .. } | Body::Echo { .. } | Body::Unreachable { .. } => false,
        }
    }
}

/// A port as the scenarios and the truth write it: `23/tcp`, `123/udp`, `icmp`.
pub(crate) fn target_name(protocol: u8, port: u16) -> String {
    match protocol {
        protocol::TCP => format!("{port}/tcp"),
        protocol::UDP => format!("{port}/udp"),
        protocol::ICMP => "icmp".to_owned(),
        other => format!("{port}/ip{other}"),
    }
}
