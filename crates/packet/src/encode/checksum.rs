//! The Internet checksum (RFC 1071).

/// A running sum of big-endian 16-bit words, not folded yet.
#[derive(Clone, Copy, Default)]
pub(super) struct Checksum(u64);

impl Checksum {
    /// Adds bytes; only the last piece of a sum may have an odd length.
    pub(super) fn add(self, bytes: &[u8]) -> Checksum {
        // Packets are under 64 KiB: the 64-bit sum of 32-bit words cannot overflow.
        let (words, rest) = bytes.as_chunks::<4>();
        let sum = words.iter().fold(self.0, |sum, word| sum + u64::from(u32::from_be_bytes(*word)));
        let last = match *rest {
            [a] => [a, 0, 0, 0],
            [a, b] => [a, b, 0, 0],
            [a, b, c] => [a, b, c, 0],
            _ => [0; 4],
        };
        Checksum(sum + u64::from(u32::from_be_bytes(last)))
    }

    /// Adds one word.
    pub(super) fn add_word(self, word: u16) -> Checksum {
        Checksum(self.0 + u64::from(word))
    }

    /// Folds to 16 bits and inverts.
    pub(super) fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let check = |bytes: &[u8], expected: u16| {
            assert_eq!(Checksum::default().add(bytes).finish(), expected, "{bytes:02x?}");
        };
        check(&[], 0xffff);
        check(&[0xff, 0xff], 0);
        // RFC 1071, section 3: the words sum to 0xddf2.
        check(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], !0xddf2);
        // An odd last byte is the high half of a word.
        check(&[0x12], !0x1200);
        check(&[0, 0, 0, 0, 0x12, 0x34, 0x56], !(0x1234 + 0x5600));
    }
}
