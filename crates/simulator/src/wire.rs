//! Datagrams to bytes, through the encoder of `hirundo_packet`.

use hirundo_packet::encode::{Addresses, EncodeError, Framing, Icmp, IpHeader, Tcp, Transport, Udp, encode};

use crate::datagram::{Body, Datagram, Options};

/// The don't-fragment bit in [`IpHeader::part`].
const DONT_FRAGMENT: u16 = 0x4000;

/// Room for the longest UDP payload of [`crate::payload`].
const PAYLOAD_BYTES_MAX: usize = 512;

/// Turns datagrams into frames, one at a time, reusing its memory.
pub(crate) struct Wire {
    /// The frame made last.
    frame: Vec<u8>,
    /// The packet that an ICMP error quotes.
    quoted: Vec<u8>,
}

impl Wire {
    pub(crate) fn new() -> Wire {
        Wire {
            frame: Vec::with_capacity(1024),
            quoted: Vec::with_capacity(256),
        }
    }

    /// The frame of `datagram`.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when a length does not fit its field, which no datagram of this crate can cause.
    #[inline]
    pub(crate) fn frame(&mut self, framing: Framing, datagram: &Datagram) -> Result<&[u8], EncodeError> {
        let header = ip_header(datagram);
        let Wire { frame, quoted } = self;
        match datagram.body {
            Body::Tcp {
                src_port,
                dst_port,
                seq,
                ack,
                flags,
                window,
                options,
            } => {
                let mut bytes = [0u8; 20];
                let options = option_bytes(options, &mut bytes);
                let tcp = Tcp {
                    src_port,
                    dst_port,
                    seq,
                    ack,
                    flags,
                    window,
                    options,
                    payload: &[],
                };
                encode(framing, &header, &Transport::Tcp(tcp), frame)?;
            }
            Body::Udp {
                src_port,
                dst_port,
                payload,
                transaction,
            } => {
                let mut bytes = [0u8; PAYLOAD_BYTES_MAX];
                let payload = payload_bytes(payload, transaction, &mut bytes);
                let udp = Udp {
                    src_port,
                    dst_port,
                    payload,
                };
                encode(framing, &header, &Transport::Udp(udp), frame)?;
            }
            Body::Echo {
                reply,
                identifier,
                sequence,
                payload,
            } => {
                let echo = if reply { Icmp::echo_reply } else { Icmp::echo_request };
                let icmp = echo(identifier, sequence, payload);
                encode(framing, &header, &Transport::Icmp(icmp), frame)?;
            }
            Body::Unreachable { .. } => {
                let quote = quote(datagram, quoted)?;
                // Type 3, code 3: port unreachable.
                encode(framing, &header, &Transport::Icmp(Icmp::error(3, 3, quote)), frame)?;
            }
        }
        Ok(frame)
    }
}

fn ip_header(datagram: &Datagram) -> IpHeader {
    IpHeader {
        addresses: Addresses::V4 {
            src: datagram.src,
            dst: datagram.dst,
        },
        ttl: datagram.ttl,
        id: datagram.id,
        part: if datagram.dont_fragment { DONT_FRAGMENT } else { 0 },
    }
}

/// The start of the UDP datagram that an [`Body::Unreachable`] answers: its header and eight bytes (RFC 792).
fn quote<'a>(datagram: &Datagram, quoted: &'a mut Vec<u8>) -> Result<&'a [u8], EncodeError> {
    let Body::Unreachable {
        quoted_src_port,
        quoted_dst_port,
        quoted_id,
        quoted_ttl,
    } = datagram.body
    else {
        return Ok(&[]);
    };
    let inner = IpHeader {
        addresses: Addresses::V4 {
            src: datagram.dst,
            dst: datagram.src,
        },
        ttl: quoted_ttl,
        id: quoted_id,
        part: 0,
    };
    let udp = Udp {
        src_port: quoted_src_port,
        dst_port: quoted_dst_port,
        payload: &FLOOD,
    };
    encode(Framing::RawIp, &inner, &Transport::Udp(udp), quoted)?;
    Ok(quoted.get(..28).unwrap_or(quoted))
}

/// A payload with its identifier put in.
fn payload_bytes<'a>(payload: &[u8], transaction: Option<u16>, bytes: &'a mut [u8; PAYLOAD_BYTES_MAX]) -> &'a [u8] {
    let len = payload.len().min(PAYLOAD_BYTES_MAX);
    bytes[..len].copy_from_slice(&payload[..len]);
    if let Some(identifier) = transaction {
        bytes[..2].copy_from_slice(&identifier.to_be_bytes());
    }
    &bytes[..len]
}

/// What a simulated UDP flood carries.
const FLOOD: [u8; 32] = [0xFF; 32];

/// Option bytes in the order that [`Options`] names; RFC 9293 and RFC 7323 for the kinds.
#[inline]
fn option_bytes(options: Options, bytes: &mut [u8; 20]) -> &[u8] {
    const WINDOWS: [u8; 12] = [2, 4, 0x05, 0xB4, 1, 3, 3, 8, 1, 1, 4, 2];
    const OLD_WINDOWS: [u8; 8] = [2, 4, 0x05, 0xB4, 1, 1, 4, 2];
    match options {
        Options::None => &[],
        Options::Mss => &WINDOWS[..4],
        Options::Windows => {
            bytes[..12].copy_from_slice(&WINDOWS);
            &bytes[..12]
        }
        Options::OldWindows => {
            bytes[..8].copy_from_slice(&OLD_WINDOWS);
            &bytes[..8]
        }
        Options::Linux(clock) => {
            bytes[..8].copy_from_slice(&[2, 4, 0x05, 0xB4, 4, 2, 8, 10]);
            bytes[8..12].copy_from_slice(&clock.to_be_bytes());
            bytes[16..20].copy_from_slice(&[1, 3, 3, 7]);
            bytes
        }
    }
}
