//! The part of the decompressed stream that is in memory: one buffer, refilled behind its unread tail.

use std::io::{self, Read};

use twox_hash::XxHash3_128;

use super::BLOCK_BYTES_MAX;

/// Size of the buffer, bytes. It never grows: whatever has to be whole in memory is shorter than this.
const WINDOW_BYTES: usize = 1 << 20;
/// Most bytes asked of the source at once, beyond what is needed. Less than the window, so that the bytes are
/// still in the second-level cache when they are parsed and hashed: measured, a third faster than 1 MiB.
const READ_BYTES: usize = 1 << 18;
const _: () = assert!(WINDOW_BYTES >= BLOCK_BYTES_MAX as usize);

/// A sliding window over a stream, which hashes what has been consumed.
///
/// `hashed ≤ start ≤ end ≤ bytes.len()`: bytes before `start` are consumed, `start..end` are still to be
/// read. Hashing waits until the buffer is refilled or the digest is asked for, so that it works on whole
/// regions instead of records; the result does not depend on where the regions end.
pub(super) struct Window {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    hashed: usize,
    /// Offset in the stream of the first byte of the buffer.
    base: u64,
    /// The source has ended or failed and must not be asked again.
    ended: bool,
    /// The failure that comes after the bytes that are left.
    failure: Option<io::Error>,
    hasher: XxHash3_128,
}

impl Window {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Window {
        Window {
            source,
            bytes: vec![0; WINDOW_BYTES],
            start: 0,
            end: 0,
            hashed: 0,
            base: 0,
            ended: false,
            failure: None,
            hasher: XxHash3_128::new(),
        }
    }

    /// Offset in the stream of the next byte to be consumed.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// The bytes in memory that are not consumed yet.
    #[inline(always)]
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The bytes from `from` up to `to`, positions in the buffer as [`Window::consume`] gave them; they
    /// hold until the next call that fills.
    #[inline(always)]
    pub(super) fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// Whether `len` bytes are in memory, after reading on if need be; `false` when the stream ends before.
    ///
    /// # Errors
    /// The source's failure, once the bytes before it do not suffice.
    #[inline(always)]
    pub(super) fn fill(&mut self, len: usize) -> io::Result<bool> {
        if self.end - self.start >= len { Ok(true) } else { self.refill(len) }
    }

    /// Marks `len` bytes as consumed and says where they begin in the buffer.
    #[inline(always)]
    pub(super) fn consume(&mut self, len: usize) -> usize {
        let from = self.start;
        self.start = (from + len).min(self.end);
        from
    }

    /// Consumes `len` bytes that need not fit into memory; `false` when the stream ends before.
    pub(super) fn skip(&mut self, len: u64) -> io::Result<bool> {
        let mut left = len;
        while left > 0 {
            if !self.fill(1)? {
                return Ok(false);
            }
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.start);
            self.consume(here);
            left -= here as u64;
        }
        Ok(true)
    }

    /// Leaves what was consumed so far out of the digest.
    pub(super) fn forget_consumed(&mut self) {
        self.hashed = self.start;
    }

    /// Adds bytes to the digest that are not of the stream.
    pub(super) fn hash_context(&mut self, context: &[u8]) {
        self.hasher.write(context);
    }

    /// The digest of everything consumed since the last [`Window::take_digest`], which goes on.
    pub(super) fn digest(&mut self) -> u128 {
        self.hash_consumed();
        self.hasher.finish_128()
    }

    /// The digest of everything consumed since the last call; begins a new one.
    pub(super) fn take_digest(&mut self) -> u128 {
        self.hash_consumed();
        let digest = self.hasher.finish_128();
        self.hasher = XxHash3_128::new();
        digest
    }

    fn hash_consumed(&mut self) {
        self.hasher.write(self.bytes.get(self.hashed..self.start).unwrap_or_default());
        self.hashed = self.start;
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self, len: usize) -> io::Result<bool> {
        debug_assert!(len <= WINDOW_BYTES, "nothing longer than the window is kept in memory");
        self.hash_consumed();
        self.bytes.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        self.hashed = 0;
        while self.end < len && !self.ended {
            let to = len.max(self.end + READ_BYTES).min(self.bytes.len());
            let free = self.bytes.get_mut(self.end..to).unwrap_or_default();
            match self.source.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end = (self.end + count).min(self.bytes.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                }
            }
        }
        if self.end >= len {
            return Ok(true);
        }
        self.failure.take().map_or(Ok(false), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_does_not_depend_on_where_the_buffer_was_refilled() {
        let bytes: Vec<u8> = (0..=250).cycle().take(WINDOW_BYTES * 3).collect();
        let mut window = Window::new(Box::new(io::Cursor::new(bytes.clone())));
        let mut steps = [1, 1000, 65_537, 400_001].into_iter().cycle();
        let mut left = bytes.len();
        while left > 0 {
            let step = steps.next().unwrap().min(left);
            assert!(window.fill(step).unwrap());
            window.consume(step);
            left -= step;
        }
        assert_eq!(window.offset(), bytes.len() as u64);
        assert_eq!(window.take_digest(), XxHash3_128::oneshot(&bytes));
        assert_eq!(window.take_digest(), XxHash3_128::oneshot(b""));
        assert!(!window.fill(1).unwrap());
    }

    #[test]
    fn skipping_goes_beyond_the_window() {
        let len = WINDOW_BYTES * 2 + 7;
        let mut window = Window::new(Box::new(io::repeat(9).take(len as u64)));
        assert!(window.skip(len as u64 - 1).unwrap());
        assert_eq!(window.offset(), len as u64 - 1);
        assert!(!window.skip(2).unwrap());
        assert_eq!(window.offset(), len as u64);
    }
}
