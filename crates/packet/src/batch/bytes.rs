//! Numbers in and out of bytes: little-endian of fixed width, and variable length with 7 bits a byte.

use super::BatchError;

/// Reads from the front of bytes that come from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], BatchError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(BatchError::Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], BatchError> {
        let (taken, rest) = self.0.split_first_chunk::<LEN>().ok_or(BatchError::Cut)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, BatchError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, BatchError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, BatchError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, BatchError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A number of variable length.
    pub(super) fn varint(&mut self) -> Result<u64, BatchError> {
        let mut value = 0_u64;
        for place in 0..10_u32 {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                break;
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(BatchError::Wrong {
            what: "a number of variable length",
        })
    }

    /// A count of variable length that is at most `max`.
    pub(super) fn count(&mut self, what: &'static str, max: usize) -> Result<usize, BatchError> {
        let found = self.varint()?;
        match usize::try_from(found) {
            Ok(count) if count <= max => Ok(count),
            Ok(_) | Err(_) => Err(BatchError::TooMany {
                what,
                found,
                max: max as u64,
            }),
        }
    }
}

/// Appends a number of variable length.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = value.to_le_bytes()[0];
        value >>= 7;
        if value == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

/// A signed number as an unsigned one that is small when it is near zero.
pub(super) const fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

/// The way back from [`zigzag`].
pub(super) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader(&out);
            assert_eq!((reader.varint(), reader.0), (Ok(value), &[][..]));
            assert_eq!(zigzag(unzigzag(value)), value);
        }
        assert_eq!([0, -1, 1, i64::MIN].map(zigzag), [0, 1, 2, u64::MAX]);
    }

    #[test]
    fn wrong_numbers_are_refused() {
        assert_eq!(Reader(&[0x80]).varint(), Err(BatchError::Cut));
        assert!(Reader(&[0xff; 10]).varint().is_err());
        assert!(Reader(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint().is_err());
        assert!(Reader(&[9]).count("things", 8).is_err());
    }
}
