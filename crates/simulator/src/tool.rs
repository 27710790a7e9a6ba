//! What makes packets: each tool's header marks, exactly as the tool's own source or measured packets have them.
//!
//! The rules are those of the field notes, section C1 and C2: Mirai's `scanner.c`, masscan's `templ-pkt.c`,
//! zmap's `packet.c`, nmap's `tcpip.cc` and `scan_engine_raw.cc`, unicornscan's `tcphash.h`.

use hirundo_packet::flag;
use serde::Deserialize;

use crate::datagram::{Body, Options, protocol};
use crate::dice::Dice;
use crate::host::Host;
use crate::payload;

/// A kind of sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// Mirai's scanner: sequence number = destination, no options, TTL from 64, window and port fixed per process.
    Mirai,
    /// masscan before November 2023: IP id = destination ^ port ^ sequence number, window 1024, no options.
    Masscan,
    /// masscan since November 2023: the same id, window 1025, MSS.
    #[serde(rename = "masscan_2023")]
    Masscan2023,
    /// zmap before 2024: IP id 54321, window 65535, TTL from 255, no options.
    Zmap,
    /// zmap 4.1 and later: random id, window 65535, TTL from 64, options as Windows has them.
    #[serde(rename = "zmap_4")]
    Zmap4,
    /// nmap's SYN scan: window 1024, MSS, TTL started at random from 37 to 59.
    Nmap,
    /// unicornscan: sequence number ^ destination ^ ports is constant in a session; window 4128.
    Unicornscan,
    /// A program that connects through a Linux TCP stack: brute force, hand-made scanners.
    Linux,
    /// A program that connects through a Windows TCP stack.
    Windows,
    /// Requests to UDP services.
    Udp,
    /// ICMP echo requests.
    Echo,
    /// Answers of victims of denial of service with spoofed sources; `ports` are the attacked services.
    Backscatter,
    /// A host set up wrongly that repeats one packet at one sensor.
    Misconfiguration,
}

impl Tool {
    /// Every tool, in the order of declaration.
    pub const ALL: [Tool; 13] = [
        Tool::Mirai,
        Tool::Masscan,
        Tool::Masscan2023,
        Tool::Zmap,
        Tool::Zmap4,
        Tool::Nmap,
        Tool::Unicornscan,
        Tool::Linux,
        Tool::Windows,
        Tool::Udp,
        Tool::Echo,
        Tool::Backscatter,
        Tool::Misconfiguration,
    ];

    /// The name in scenarios and in the truth.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Tool::Mirai => "mirai",
            Tool::Masscan => "masscan",
            Tool::Masscan2023 => "masscan_2023",
            Tool::Zmap => "zmap",
            Tool::Zmap4 => "zmap_4",
            Tool::Nmap => "nmap",
            Tool::Unicornscan => "unicornscan",
            Tool::Linux => "linux",
            Tool::Windows => "windows",
            Tool::Udp => "udp",
            Tool::Echo => "echo",
            Tool::Backscatter => "backscatter",
            Tool::Misconfiguration => "misconfiguration",
        }
    }

    /// Whether the tool can send to this protocol.
    pub(crate) const fn speaks(self, protocol: u8) -> bool {
        match self {
            Tool::Mirai
            | Tool::Masscan
            | Tool::Masscan2023
            | Tool::Zmap
            | Tool::Zmap4
            | Tool::Nmap
            | Tool::Unicornscan
            | Tool::Linux
            | Tool::Windows => protocol == protocol::TCP,
            Tool::Udp => protocol == protocol::UDP,
            Tool::Echo => protocol == protocol::ICMP,
            Tool::Backscatter => true,
            Tool::Misconfiguration => protocol != protocol::ICMP,
        }
    }
}

/// The headers of one packet as they leave the sender.
pub(crate) struct Headers {
    /// IP identification.
    pub(crate) id: u16,
    /// Time to live at the start of the way.
    pub(crate) ttl: u8,
    /// The don't-fragment bit.
    pub(crate) dont_fragment: bool,
    /// The rest.
    pub(crate) body: Body,
}

/// One packet of `tool` on `host` to a port of `dst`; `nth` counts the host's packets of the day.
pub(crate) fn headers(tool: Tool, host: &Host, dst: u32, target: (u8, u16), nth: u32, dice: &mut Dice) -> Headers {
    let (protocol, port) = target;
    match tool {
        Tool::Mirai
        | Tool::Masscan
        | Tool::Masscan2023
        | Tool::Zmap
        | Tool::Zmap4
        | Tool::Nmap
        | Tool::Unicornscan
        | Tool::Linux
        | Tool::Windows => syn(tool, host, dst, port, dice),
        Tool::Udp => udp(port, dice.port(1024, 65535), nth, 64, dice),
        Tool::Echo => echo(host, nth, dice),
        Tool::Backscatter => backscatter(host, target, dice),
        Tool::Misconfiguration if protocol == protocol::UDP => udp(port, host.source_port, nth, 128, dice),
        Tool::Misconfiguration => syn(Tool::Windows, host, dst, port, dice),
    }
}

/// What differs between the SYNs of tools.
struct Syn {
    id: u16,
    ttl: u8,
    dont_fragment: bool,
    src_port: u16,
    seq: u32,
    window: u16,
    options: Options,
}

/// The SYN of a tool that speaks TCP.
fn syn(tool: Tool, host: &Host, dst: u32, port: u16, dice: &mut Dice) -> Headers {
    let plain = Syn {
        seq: dice.u32(),
        id: dice.u16(),
        src_port: dice.port(32_768, 60_999),
        ttl: 64,
        dont_fragment: false,
        window: 65_535,
        options: Options::None,
    };
    let syn = match tool {
        Tool::Mirai => Syn {
            src_port: host.source_port,
            seq: dst,
            window: host.window,
            ..plain
        },
        Tool::Masscan => masscan(plain, host, dst, port, (1024, Options::None)),
        Tool::Masscan2023 => masscan(plain, host, dst, port, (1025, Options::Mss)),
        Tool::Zmap => Syn {
            id: 54_321,
            ttl: 255,
            ..plain
        },
        Tool::Zmap4 => Syn {
            options: Options::Windows,
            ..plain
        },
        Tool::Nmap => nmap(plain, host, dice),
        Tool::Unicornscan => unicornscan(plain, host, dst, port),
        Tool::Windows => windows(plain, host, dice),
        // Those that do not speak TCP never come here; a Linux stack stands in for them.
        Tool::Linux | Tool::Udp | Tool::Echo | Tool::Backscatter | Tool::Misconfiguration => {
            let window = if host.flavour.is_multiple_of(3) { 29_200 } else { 64_240 };
            Syn {
                dont_fragment: true,
                window,
                options: Options::Linux(dice.u32()),
                ..plain
            }
        }
    };
    let Syn {
        id,
        ttl,
        dont_fragment,
        src_port,
        seq,
        window,
        options,
    } = syn;
    let body = Body::Tcp {
        src_port,
        dst_port: port,
        seq,
        ack: 0,
        flags: flag::SYN,
        window,
        options,
    };
    Headers {
        id,
        ttl,
        dont_fragment,
        body,
    }
}

/// masscan keeps one high source port for a whole scan; its version shows in window and options.
fn masscan(plain: Syn, host: &Host, dst: u32, port: u16, (window, options): (u16, Options)) -> Syn {
    let id = masscan_id(dst, port, plain.seq);
    Syn {
        id,
        ttl: 255,
        src_port: host.source_port | 0x8000,
        window,
        options,
        ..plain
    }
}

/// nmap has one mask per session: two of its SYNs differ only by eight bits repeated in both halves.
fn nmap(plain: Syn, host: &Host, dice: &mut Dice) -> Syn {
    let nfo = plain.seq & 0xFF;
    let seq = host.key ^ (nfo << 16 | nfo);
    let ttl = u8::try_from(dice.port(37, 59)).unwrap_or(37);
    Syn {
        seq,
        ttl,
        src_port: host.source_port | 0x8000,
        window: 1024,
        options: Options::Mss,
        ..plain
    }
}

/// unicornscan hashes address and ports into the sequence number under the session's key.
fn unicornscan(plain: Syn, host: &Host, dst: u32, port: u16) -> Syn {
    // The address enters the hash as it lies in a little-endian machine's memory. The TTL is no mark.
    let ports = u32::from(port) << 16 | u32::from(plain.src_port);
    Syn {
        seq: host.key ^ dst.swap_bytes() ^ ports,
        ttl: 128,
        window: 4128,
        ..plain
    }
}

/// A quarter of the Windows hosts is XP or 2003, a quarter 10 or later, the rest in between.
fn windows(plain: Syn, host: &Host, dice: &mut Dice) -> Syn {
    let plain = Syn {
        ttl: 128,
        dont_fragment: true,
        ..plain
    };
    if host.flavour.is_multiple_of(4) {
        return Syn {
            src_port: dice.port(1025, 5000),
            options: Options::OldWindows,
            ..plain
        };
    }
    let window = if host.flavour % 4 == 1 { 64_240 } else { 8192 };
    Syn {
        src_port: dice.port(49_152, 65_535),
        window,
        options: Options::Windows,
        ..plain
    }
}

/// masscan's IP id, see `templ-pkt.c`: what the sixteen bits of the field keep of the xor.
const fn masscan_id(dst: u32, port: u16, seq: u32) -> u16 {
    let bytes = (dst ^ port as u32 ^ seq).to_be_bytes();
    u16::from_be_bytes([bytes[2], bytes[3]])
}

fn udp(port: u16, src_port: u16, nth: u32, ttl: u8, dice: &mut Dice) -> Headers {
    let (payload, has_transaction) = payload::for_port(port);
    let transaction = has_transaction.then(|| dice.u16());
    let id = dice.u16().wrapping_add(low_half(nth));
    Headers {
        id,
        ttl,
        dont_fragment: false,
        body: Body::Udp {
            src_port,
            dst_port: port,
            payload,
            transaction,
        },
    }
}

fn echo(host: &Host, nth: u32, dice: &mut Dice) -> Headers {
    let windows = host.flavour.is_multiple_of(3);
    let payload = if windows { payload::ECHO_WINDOWS } else { payload::ECHO_LINUX };
    let identifier = if windows { 1 } else { host.source_port };
    Headers {
        id: dice.u16(),
        ttl: if windows { 128 } else { 64 },
        dont_fragment: !windows,
        body: Body::Echo {
            reply: false,
            identifier,
            sequence: low_half(nth).wrapping_add(1),
            payload,
        },
    }
}

/// What a flooded victim answers to packets that bore our address: by its TCP, UDP or ICMP.
fn backscatter(host: &Host, target: (u8, u16), dice: &mut Dice) -> Headers {
    let (protocol, service) = target;
    let spoofed_port = dice.port(1024, 65_535);
    let (id, seq, ack) = (dice.u16(), dice.u32(), dice.u32());
    let body = match protocol {
        protocol::TCP => {
            let tcp = |flags, seq, window, options| Body::Tcp {
                src_port: service,
                dst_port: spoofed_port,
                seq,
                ack,
                flags,
                window,
                options,
            };
            match host.flavour % 10 {
                0..=5 => tcp(flag::SYN | flag::ACK, seq, 29_200, Options::Mss),
                6..=8 => tcp(flag::RST | flag::ACK, 0, 0, Options::None),
                _ => tcp(flag::RST, seq, 0, Options::None),
            }
        }
        protocol::UDP => Body::Unreachable {
            quoted_src_port: spoofed_port,
            quoted_dst_port: service,
            quoted_id: low_half(seq),
            quoted_ttl: 49,
        },
        _ => Body::Echo {
            reply: true,
            identifier: spoofed_port,
            sequence: 0,
            payload: payload::ECHO_LINUX,
        },
    };
    Headers {
        id,
        ttl: if host.flavour.is_multiple_of(4) { 128 } else { 64 },
        dont_fragment: true,
        body,
    }
}

/// The lower sixteen bits.
const fn low_half(word: u32) -> u16 {
    let bytes = word.to_be_bytes();
    u16::from_be_bytes([bytes[2], bytes[3]])
}
