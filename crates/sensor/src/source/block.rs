//! Frames of one block of a ring, as the kernel laid them out (TPACKET_V3); nothing in it is believed unchecked.

use hirundo_packet::LinkType;
use hirundo_packet::capture::Frame;

use super::filter::Form;

/// LINKTYPE_ETHERNET.
const ETHERNET: LinkType = LinkType(1);
/// LINKTYPE_RAW: IP by its version.
const RAW: LinkType = LinkType(101);
/// LINKTYPE_IPV4 and LINKTYPE_IPV6.
const RAW_IPV4: LinkType = LinkType(228);
const RAW_IPV6: LinkType = LinkType(229);

/// Bytes of `struct tpacket_block_desc`.
pub(super) const HEADER_BYTES: usize = 48;
/// Where a block's number of frames and the offset of the first stand (linux/if_packet.h).
const FRAMES_AT: usize = 12;
const FIRST_AT: usize = 16;
/// Bytes of a frame's header: `struct tpacket3_hdr` and the `struct sockaddr_ll` behind it.
const FRAME_HEADER_BYTES: usize = 68;
/// `PACKET_OUTGOING`.
const OUTGOING: u8 = 4;

/// What was in a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    /// Frames that were lent.
    pub(super) frames: u64,
    /// Frames that the machine itself sent.
    pub(super) outgoing: u64,
    /// Frames that cannot be lent because the block contradicts itself.
    pub(super) broken: u64,
}

/// Lends every frame of a block.
#[inline]
pub(super) fn walk(block: &[u8], form: Form, interface: u32, mut visit: impl FnMut(Frame<'_>)) -> Walked {
    let mut walked = Walked::default();
    let (Some(frames), Some(first)) = (number32(block, FRAMES_AT), number32(block, FIRST_AT)) else {
        return walked;
    };
    let mut at = first as usize;
    for number in 0..frames {
        let rest = block.get(at..).unwrap_or_default();
        let Some((frame, outgoing, next)) = read(rest, form, interface) else {
            walked.broken = u64::from(frames - number);
            return walked;
        };
        if outgoing {
            walked.outgoing += 1;
        } else {
            walked.frames += 1;
            visit(frame);
        }
        // The last one's is 0; a block that says there are more lends the same frame no second time.
        if next == 0 && number + 1 < frames {
            walked.broken = u64::from(frames - number - 1);
            return walked;
        }
        at += next;
    }
    walked
}

/// The frame at the begin of `rest`, whether it went out, and how far the next one is.
#[inline]
fn read(rest: &[u8], form: Form, interface: u32) -> Option<(Frame<'_>, bool, usize)> {
    let header: &[u8; FRAME_HEADER_BYTES] = rest.first_chunk()?;
    let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let half = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    // tp_mac; for sockets that give no link header it is where the network header is.
    let from = usize::from(half(24));
    let data = rest.get(from..)?.get(..word(12) as usize)?;
    let link = match form {
        Form::Ethernet => ETHERNET,
        // sll_protocol, network order.
        Form::Network => match u16::from_be_bytes([header[50], header[51]]) {
            0x0800 => RAW_IPV4,
            0x86dd => RAW_IPV6,
            _ => RAW,
        },
    };
    let frame = Frame {
        time_ns: i64::from(word(4)) * 1_000_000_000 + i64::from(word(8)),
        link,
        wire_len: word(16),
        data,
        interface,
    };
    Some((frame, header[58] == OUTGOING, word(0) as usize))
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with one frame: 1 second, 2 nanoseconds, 4 bytes of 60.
    fn block() -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[FRAMES_AT..][..4].copy_from_slice(&1_u32.to_ne_bytes());
        bytes[FIRST_AT..][..4].copy_from_slice(&48_u32.to_ne_bytes());
        let mut frame = vec![0; 88];
        for (at, value) in [(4, 1_u32), (8, 2), (12, 4), (16, 60)] {
            frame[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        frame[24..26].copy_from_slice(&82_u16.to_ne_bytes());
        frame[50..52].copy_from_slice(&[0x08, 0x00]);
        frame[82..86].copy_from_slice(b"abcd");
        bytes.extend(frame);
        bytes
    }

    /// Time, link type, length on the wire, bytes.
    type Lent = (i64, u32, u32, Vec<u8>);

    fn lent(block: &[u8], form: Form) -> (Walked, Vec<Lent>) {
        let mut frames = Vec::new();
        let walked = walk(block, form, 0, |frame| {
            frames.push((frame.time_ns, frame.link.0, frame.wire_len, frame.data.to_vec()));
        });
        (walked, frames)
    }

    #[test]
    fn a_frame_is_lent_as_it_stands() {
        let whole = Walked {
            frames: 1,
            ..Walked::default()
        };
        let frame = |link| vec![(1_000_000_002, link, 60, b"abcd".to_vec())];
        assert_eq!(lent(&block(), Form::Ethernet), (whole, frame(1)));
        assert_eq!(lent(&block(), Form::Network), (whole, frame(228)));
    }

    #[test]
    fn what_the_machine_sent_is_not_lent() {
        let mut sent = block();
        sent[HEADER_BYTES + 58] = OUTGOING;
        let walked = Walked {
            outgoing: 1,
            ..Walked::default()
        };
        assert_eq!(lent(&sent, Form::Ethernet), (walked, Vec::new()));
    }

    #[test]
    fn a_block_that_contradicts_itself_ends_there() {
        let mut more = block();
        more[FRAMES_AT..][..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        let (walked, frames) = lent(&more, Form::Ethernet);
        assert_eq!((walked.frames, frames.len()), (1, 1));
        assert_eq!(walked.broken, u64::from(u32::MAX) - 1);
    }

    #[test]
    fn no_block_makes_it_panic() {
        arbtest::arbtest(|random| {
            let mut bytes = block();
            for _ in 0..random.int_in_range(1..=8)? {
                let at = random.choose_index(bytes.len())?;
                bytes[at] = random.arbitrary()?;
            }
            bytes.truncate(random.int_in_range(0..=bytes.len())?);
            let (walked, frames) = lent(&bytes, Form::Network);
            assert_eq!(walked.frames, frames.len() as u64);
            Ok(())
        });
    }
}
