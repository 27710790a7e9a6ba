//! TCP options: their order and values as a short text, and a small number for each text.
//!
//! The text (the "signature") names the options in the order they were sent, joined by commas:
//!
//! | piece | option |
//! |---|---|
//! | `M1460` | maximum segment size, its value |
//! | `W8` | window scale, its value |
//! | `S` | selective acknowledgement permitted |
//! | `K` | selective acknowledgement blocks, values left out |
//! | `T` | timestamps, values left out |
//! | `N` | no operation |
//! | `E` | end of options; what follows is padding and left out |
//! | `?34` | any other option by its number, and these when their length is wrong; value left out |
//! | `!` | malformed: an option's length is under 2 or runs over the end; the rest is left out |
//!
//! What is left out is what changes from packet to packet of one sender, or what a sender chooses freely.
//! Numbers are those of the IANA registry "TCP Option Kind Numbers".

use std::collections::HashMap;
use std::fmt::Write as _;

/// Option bytes that a TCP header can hold.
pub(crate) const OPTIONS_MAX_BYTES: usize = 40;

/// One option as it counts for the signature.
enum Piece {
    SegmentSize(u16),
    WindowScale(u8),
    SackPermitted,
    Sack,
    Timestamps,
    NoOperation,
    End,
    Unknown(u8),
    Malformed,
}

/// Splits the first option off `options`: what it is, and the bytes after it.
#[inline]
fn next(options: &[u8]) -> Option<(Piece, &[u8])> {
    let (kind, after_kind) = options.split_first()?;
    match kind {
        0 => return Some((Piece::End, &[])),
        1 => return Some((Piece::NoOperation, after_kind)),
        _ => {}
    }
    let whole = after_kind.first().map(|len| usize::from(*len)).filter(|len| *len >= 2);
    let Some((option, rest)) = whole.and_then(|len| options.split_at_checked(len)) else {
        return Some((Piece::Malformed, &[]));
    };
    let piece = match *option {
        [2, _, high, low] => Piece::SegmentSize(u16::from_be_bytes([high, low])),
        [3, _, shift] => Piece::WindowScale(shift),
        [4, _] => Piece::SackPermitted,
        // Blocks of 8 bytes.
        [5, len, ..] if len > 2 && len % 8 == 2 => Piece::Sack,
        [8, 10, ..] => Piece::Timestamps,
        _ => Piece::Unknown(*kind),
    };
    Some((piece, rest))
}

/// Appends the signature of `options` to `out`; see the top of this file for its form.
pub fn signature(options: &[u8], out: &mut String) {
    let mut rest = options;
    let mut separator = "";
    while let Some((piece, after)) = next(rest) {
        out.push_str(separator);
        separator = ",";
        rest = after;
        let written = match piece {
            Piece::SegmentSize(size) => write!(out, "M{size}"),
            Piece::WindowScale(shift) => write!(out, "W{shift}"),
            Piece::SackPermitted => out.write_str("S"),
            Piece::Sack => out.write_str("K"),
            Piece::Timestamps => out.write_str("T"),
            Piece::NoOperation => out.write_str("N"),
            Piece::End => out.write_str("E"),
            Piece::Unknown(kind) => write!(out, "?{kind}"),
            Piece::Malformed => out.write_str("!"),
        };
        debug_assert!(written.is_ok(), "writing to a string does not fail");
    }
}

/// The pieces of a signature in few bytes, zeros behind them: equal exactly when the signatures are.
///
/// A piece never takes more bytes than its option did, so that 40 always suffice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Key([u64; OPTIONS_MAX_BYTES / 8]);

impl Key {
    /// `options` beyond 40 bytes, which no TCP header can hold, are left out.
    #[inline]
    fn new(options: &[u8]) -> Key {
        let mut rest = options.get(..OPTIONS_MAX_BYTES).unwrap_or(options);
        let mut bytes = [[0_u8; 8]; OPTIONS_MAX_BYTES / 8];
        let mut free = bytes.as_flattened_mut();
        while let Some((piece, after)) = next(rest) {
            rest = after;
            // Numbers 253 and up stand for pieces that are no option of their own.
            let (code, len): ([u8; 3], usize) = match piece {
                Piece::SegmentSize(size) => {
                    let [high, low] = size.to_be_bytes();
                    ([2, high, low], 3)
                }
                Piece::WindowScale(shift) => ([3, shift, 0], 2),
                Piece::SackPermitted => ([4, 0, 0], 1),
                Piece::Sack => ([5, 0, 0], 1),
                Piece::Timestamps => ([8, 0, 0], 1),
                Piece::NoOperation => ([1, 0, 0], 1),
                Piece::End => ([253, 0, 0], 1),
                Piece::Unknown(kind) => ([254, kind, 0], 2),
                Piece::Malformed => ([255, 0, 0], 1),
            };
            for (to, from) in free.iter_mut().zip(code) {
                *to = from;
            }
            free = free.get_mut(len..).unwrap_or(&mut []);
        }
        Key(bytes.map(u64::from_le_bytes))
    }
}

/// Option bytes as little-endian words, zeros behind them.
type Words = [u64; OPTIONS_MAX_BYTES / 8];

/// Loads options into words; `None` for a length that no whole TCP header has.
#[inline]
fn load(options: &[u8]) -> Option<Words> {
    let (words, rest) = options.as_chunks::<8>();
    let last = match rest {
        [] => 0,
        [a, b, c, d] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => return None,
    };
    if options.len() > OPTIONS_MAX_BYTES {
        return None;
    }
    // One by one, so that they stay in registers.
    let word = |at: usize| match words.get(at) {
        Some(word) => u64::from_le_bytes(*word),
        None if at == words.len() => last,
        None => 0,
    };
    Some([word(0), word(1), word(2), word(3), word(4)])
}

/// All ones where a byte of `options` counts for the signature, zeros where it is left out.
fn counting(options: &[u8]) -> Words {
    let mut mask = [[0_u8; 8]; OPTIONS_MAX_BYTES / 8];
    let bytes = mask.as_flattened_mut();
    let mut rest = options;
    while let Some((piece, after)) = next(rest) {
        let counts = match piece {
            Piece::SegmentSize(_) => 4,
            Piece::WindowScale(_) => 3,
            Piece::NoOperation | Piece::End => 1,
            Piece::SackPermitted | Piece::Sack | Piece::Timestamps | Piece::Unknown(_) | Piece::Malformed => 2,
        };
        let from = options.len() - rest.len();
        if let Some(counted) = bytes.get_mut(from..(from + counts).min(options.len())) {
            counted.fill(0xff);
        }
        rest = after;
    }
    mask.map(u64::from_le_bytes)
}

/// The first 40 bytes of `options` with zeros for what the signature leaves out, and how many there are.
pub(crate) fn without_values(options: &[u8]) -> ([u8; OPTIONS_MAX_BYTES], usize) {
    let options = options.get(..OPTIONS_MAX_BYTES).unwrap_or(options);
    let mut bytes = [0; OPTIONS_MAX_BYTES];
    let mask = counting(options).map(u64::to_le_bytes);
    for ((to, from), mask) in bytes.iter_mut().zip(options).zip(mask.as_flattened()) {
        *to = from & mask;
    }
    (bytes, options.len())
}

/// What the cache remembers: options whose bytes under the mask are these, and so many, have this number.
///
/// The mask leaves out only values whose place follows from bytes under it, so that options which agree
/// under the mask have one signature.
#[derive(Clone, Copy, Debug, Default)]
struct Remembered {
    mask: Words,
    bytes: Words,
    /// Length of the options in bytes; 0 marks an empty entry.
    len: u8,
    number: u16,
}

impl Remembered {
    #[inline]
    fn is(&self, bytes: &Words, len: usize) -> bool {
        // Spelled out: iterators over arrays are calls here, and this runs for every packet with options.
        let ([b0, b1, b2, b3, b4], [m0, m1, m2, m3, m4]) = (bytes, &self.mask);
        let [k0, k1, k2, k3, k4] = &self.bytes;
        let first = (b0 & m0 ^ k0) | (b1 & m1 ^ k1) | (b2 & m2 ^ k2);
        let differing = first | (b3 & m3 ^ k3) | (b4 & m4 ^ k4);
        differing == 0 && usize::from(self.len) == len
    }
}

/// The cache has 2 to this many entries (of 88 bytes): few stacks and tools make up nearly all of the traffic.
const CACHE_BITS: u32 = 7;

/// Position in the cache, from the length and the first and last 4 bytes: there stand segment size and,
/// in the layouts of Linux and Windows, window scale, and seldom timestamps. Collisions cost time only.
#[inline]
fn slot(options: &[u8]) -> usize {
    let ends = match (options.first_chunk::<4>(), options.last_chunk::<4>()) {
        (Some(first), Some(last)) => u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)),
        (None, _) | (_, None) => 0,
    };
    // The golden ratio as a 64-bit fraction, after Knuth; the high bits depend on every bit.
    let mixed = (ends ^ options.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> (u64::BITS - CACHE_BITS)).unwrap_or(0)
}

/// Numbers for TCP options: equal signatures get equal numbers, counted up from 1; no options are 0.
///
/// Bounded: after [`Interner::DISTINCT_MAX`] signatures every new one gets the shared number whose
/// signature is `…`, so that hostile packets cannot make it grow (at most some 15 MB).
#[derive(Debug)]
pub struct Interner {
    /// Entries by [`slot`].
    cache: Box<[Remembered]>,
    numbers: HashMap<Key, u16>,
    /// Signatures by number.
    signatures: Vec<Box<str>>,
}

impl Default for Interner {
    fn default() -> Interner {
        Interner::new()
    }
}

impl Interner {
    /// Signatures that get a number of their own.
    pub const DISTINCT_MAX: u16 = 65_000;
    /// Number of every signature after those.
    const SHARED: u16 = Interner::DISTINCT_MAX + 1;

    /// An interner that knows only the empty signature.
    #[must_use]
    pub fn new() -> Interner {
        Interner {
            cache: vec![Remembered::default(); 1 << CACHE_BITS].into_boxed_slice(),
            numbers: HashMap::new(),
            signatures: vec![Box::default()],
        }
    }

    /// The number of the signature of these option bytes.
    #[inline]
    pub fn intern(&mut self, options: &[u8]) -> u16 {
        if options.is_empty() {
            return 0;
        }
        let Some(bytes) = load(options) else {
            return self.number(options);
        };
        let slot = slot(options);
        match self.cache.get(slot) {
            Some(remembered) if remembered.is(&bytes, options.len()) => remembered.number,
            Some(_) | None => self.remember(options, &bytes, slot),
        }
    }

    /// Looks behind the cache, and remembers.
    #[cold]
    fn remember(&mut self, options: &[u8], bytes: &Words, slot: usize) -> u16 {
        let number = self.number(options);
        if let (Some(entry), Ok(len)) = (self.cache.get_mut(slot), u8::try_from(options.len())) {
            let mask = counting(options);
            let mut counted = *bytes;
            counted.iter_mut().zip(&mask).for_each(|(word, mask)| *word &= mask);
            *entry = Remembered {
                mask,
                bytes: counted,
                len,
                number,
            };
        }
        number
    }

    /// The number by the map alone.
    fn number(&mut self, options: &[u8]) -> u16 {
        let key = Key::new(options);
        match self.numbers.get(&key) {
            Some(number) => *number,
            None => self.add(key, options),
        }
    }

    fn add(&mut self, key: Key, options: &[u8]) -> u16 {
        let next = u16::try_from(self.signatures.len()).unwrap_or(Interner::SHARED);
        if next > Interner::DISTINCT_MAX {
            if next == Interner::SHARED {
                self.signatures.push("…".into());
            }
            return Interner::SHARED;
        }
        let mut text = String::new();
        signature(options.get(..OPTIONS_MAX_BYTES).unwrap_or(options), &mut text);
        self.signatures.push(text.into());
        self.numbers.insert(key, next);
        next
    }

    /// The signature of a number; empty for 0 and for numbers never given.
    #[must_use]
    pub fn signature(&self, number: u16) -> &str {
        self.signatures.get(usize::from(number)).map_or("", |text| text)
    }

    /// How many numbers are in use, 0 among them: all are below this.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "never empty: the number 0 is always in use")]
    pub fn len(&self) -> usize {
        self.signatures.len()
    }

    /// Forgets every number but 0, and keeps the memory.
    pub fn clear(&mut self) {
        self.cache.fill(Remembered::default());
        self.numbers.clear();
        self.signatures.truncate(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux's SYN: segment size, SACK permitted, timestamps, no operation, window scale.
    const LINUX: &[u8] = &[2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7];

    fn text(options: &[u8]) -> String {
        let mut text = String::new();
        signature(options, &mut text);
        text
    }

    #[test]
    fn signatures() {
        let check = |options: &[u8], expected: &str| assert_eq!(text(options), expected, "{options:02x?}");
        check(&[], "");
        check(&[2, 4, 5, 180], "M1460");
        check(&[2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2], "M1460,N,W8,N,N,S");
        check(LINUX, "M1460,S,T,N,W7");
        check(&[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2], "N,N,K");
        check(&[2, 4, 0, 0, 0, 0xff, 0xff, 0xff], "M0,E");
        check(&[34, 2, 254, 4, 1, 2], "?34,?254");
        check(&[2, 3, 1, 3, 2, 4, 3, 0, 8, 4, 1, 2, 5, 2], "?2,?3,?4,?8,?5");
        check(&[1, 2], "N,!");
        check(&[1, 2, 0, 4], "N,!");
        check(&[2, 1, 1, 1], "!");
        check(&[2, 5, 1, 1], "!");
        check(&[1; 40], &["N"; 40].join(","));
    }

    #[test]
    fn numbers_follow_signatures() {
        let mut interner = Interner::new();
        assert_eq!((interner.intern(&[]), interner.len(), interner.signature(0)), (0, 1, ""));
        assert_eq!(interner.intern(LINUX), 1);
        let mut later = LINUX.to_vec();
        later[8..16].fill(0xee);
        assert_eq!(interner.intern(&later), 1, "timestamp values do not count");
        assert_eq!(interner.intern(&[2, 4, 5, 180]), 2);
        assert_eq!(interner.intern(&[2, 4, 5, 181]), 3);
        assert_eq!(interner.intern(&[2, 4, 5, 180, 0, 0, 0, 0]), 4);
        assert_eq!(interner.intern(&[2, 4, 5, 180, 0, 9, 9, 9]), 4, "padding does not count");
        assert_eq!((interner.signature(1), interner.signature(4)), ("M1460,S,T,N,W7", "M1460,E"));
        assert_eq!((interner.signature(9), interner.len()), ("", 5));
        interner.clear();
        assert_eq!((interner.intern(&[2, 4, 5, 181]), interner.len()), (1, 2));
    }

    #[test]
    fn keys_are_equal_exactly_when_signatures_are() {
        // Short strings over bytes that matter: kinds, lengths, and the codes of keys.
        let alphabet = [0, 1, 2, 3, 4, 5, 8, 10, 34, 253, 254, 255];
        let mut keys = HashMap::new();
        let mut texts = HashMap::new();
        for number in 0..12_usize.pow(5) {
            let options: Vec<u8> = (0..5).map(|place| alphabet[number / 12_usize.pow(place) % 12]).collect();
            for len in 1..=5 {
                let (key, text) = (Key::new(&options[..len]), text(&options[..len]));
                assert_eq!(*keys.entry(key).or_insert_with(|| text.clone()), text, "{options:?}");
                assert_eq!(*texts.entry(text).or_insert(key), key, "{options:?}");
            }
        }
    }

    #[test]
    fn the_cache_changes_nothing() {
        // Few layouts with many values in one cache: hits, misses and collisions all happen.
        let mut interner = Interner::new();
        let mut state = 1_u32;
        for _ in 0..200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, d] = state.to_be_bytes();
            let mut options = match a % 8 {
                0 => vec![2, 4, 5, b % 4],
                1 => vec![2, 4, 5, 180, 4, 2, 8, 10, b, c, d, 4, 5, 6, 7, 8, 1, 3, 3, b % 4],
                2 => vec![1, 1, 8, 10, b, c, d, 4, 5, 6, c, d],
                3 => vec![1, 1, 5, 18, b, c, d, 4, 5, 6, c, d, 1, 2, 3, 4, 5, 6, 7, 8],
                4 => vec![2, 4, 5, 180, 1, 0, b, c],
                5 => vec![b % 9, c % 12, d % 9, 2, b, c, d, 1],
                6 => vec![34, 10, b, c, d, 4, 5, 6, c, d, 1, 1],
                _ => [b % 3, c % 5, d % 3, 4].repeat(usize::from(b % 10) + 1),
            };
            options.truncate(options.len() - usize::from(d == 0));
            let number = interner.intern(&options);
            assert_eq!(interner.signature(number), text(&options), "{options:?}");
            assert_eq!(number, interner.number(&options));
        }
    }

    #[test]
    fn hostile_options_do_not_grow_it() {
        let mut interner = Interner::new();
        for number in 0..70_000_u32 {
            let [_, shift, high, low] = number.to_be_bytes();
            interner.intern(&[2, 4, high, low, 3, 3, shift, 0]);
        }
        assert_eq!(interner.len(), 65_002);
        assert_eq!(interner.numbers.len(), 65_000);
        let shared = interner.intern(&[2, 4, 0, 0, 3, 3, 9, 1]);
        assert_eq!((shared, interner.signature(shared)), (65_001, "…"));
        let early = interner.intern(&[2, 4, 0, 7, 3, 3, 0, 0]);
        assert_eq!(interner.signature(early), "M7,W0,E");
        assert_eq!(interner.intern(&[9; 100]), shared);
    }
}
