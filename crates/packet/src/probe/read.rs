//! Bounded reading of numbers, DNS questions and BER out of payloads that may be cut or hostile.

/// Labels a DNS name can have (RFC 1035: 255 bytes, two at least for a label).
const LABELS_MAX: usize = 128;

/// The 16-bit number at `at`, network order.
pub(crate) fn be16(payload: &[u8], at: usize) -> Option<u16> {
    let bytes = payload.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*bytes))
}

/// The 32-bit number at `at`, network order.
pub(crate) fn be32(payload: &[u8], at: usize) -> Option<u32> {
    let bytes = payload.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes))
}

/// The head of a DNS, mDNS or NetBIOS name message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DnsHead {
    /// Flags and codes, the second word of the message.
    pub(crate) flags: u16,
    /// Questions, answers, authorities, additionals.
    pub(crate) counts: [u16; 4],
}

impl DnsHead {
    /// Reads the 12 bytes.
    pub(crate) fn read(payload: &[u8]) -> Option<DnsHead> {
        let counts = [be16(payload, 4)?, be16(payload, 6)?, be16(payload, 8)?, be16(payload, 10)?];
        Some(DnsHead {
            flags: be16(payload, 2)?,
            counts,
        })
    }

    /// Whether it is a message of a server: the QR bit.
    pub(crate) fn is_response(self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// A question and nothing that only answers hold.
    pub(crate) fn is_question(self) -> bool {
        let [questions, answers, authorities, additionals] = self.counts;
        !self.is_response() && (1..=4).contains(&questions) && answers == 0 && authorities == 0 && additionals <= 2
    }
}

/// Type and class of the first question; none when the capture cut it or it is malformed.
pub(crate) fn dns_question(payload: &[u8]) -> Option<(u16, u16)> {
    let mut at = 12;
    for _ in 0..LABELS_MAX {
        match *payload.get(at)? {
            0 => return Some((be16(payload, at + 1)?, be16(payload, at + 3)?)),
            len @ 1..=63 => at += 1 + usize::from(len),
            _ => return None,
        }
    }
    None
}

/// The content of a BER element with tag `tag` at the start of `bytes`, and what follows it; the
/// content is cut where the capture is.
pub(crate) fn ber(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (long, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let len = long.iter().fold(0_u32, |len, byte| (len << 8) | u32::from(*byte));
            (usize::try_from(len).ok()?, rest)
        }
        _ => return None,
    };
    Some(rest.split_at_checked(len).unwrap_or((rest, &[])))
}

/// Whether `wanted` stands somewhere in the first `within` bytes.
pub(crate) fn holds(payload: &[u8], wanted: &[u8], within: usize) -> bool {
    payload
        .get(..within)
        .unwrap_or(payload)
        .windows(wanted.len().max(1))
        .any(|window| window == wanted)
}
