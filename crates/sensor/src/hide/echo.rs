//! Whether a payload echoes an address, in any form that a program is known to write one.
//!
//! An address of IPv4 is looked for as 4 bytes in either order, complemented, or combined with the cookie of STUN
//! (RFC 8489); as four numbers in a row with anything between them (dotted, with commas or hyphens, as labels of a
//! name in DNS), either way round, decimal, octal or hexadecimal; as one decimal, octal or hexadecimal number. One
//! of IPv6 as 16 bytes in either order or combined with a STUN transaction; as text; as hexadecimal digits with
//! anything between them, either way round; as a decimal number. All that once more after percent signs, zero bytes
//! (UTF-16) and base64 are undone.
//!
//! The first 24 bits of the destination (64 for IPv6) suffice, so that an address cut at the end is found too.

use std::net::Ipv6Addr;

use super::watched::Watched;

/// Bytes behind those that are kept which are looked at too: the longest form that can begin in the last one kept
/// is an address of IPv6 with percent signs.
pub(super) const FORM_BYTES_MAX: usize = 129;
/// Bytes of a payload that are looked at, at most: a batch never keeps more than 255.
const BYTES_MAX: usize = 255 + FORM_BYTES_MAX;
/// Cookie of STUN, with which it combines addresses.
const STUN_COOKIE: u32 = 0x2112_a442;

/// What must not be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secret<'a> {
    /// Destination of the packet, of either family.
    pub(super) dst: Destination,
    /// All other addresses.
    pub(super) watched: &'a Watched,
}

/// A destination.
#[derive(Clone, Copy, Debug)]
pub(super) enum Destination {
    V4(u32),
    V6(u128),
}

impl Secret<'_> {
    #[inline]
    fn is_v4(&self, address: u32) -> bool {
        self.is_dst_v4(address) || self.watched.has_v4(address)
    }

    /// By its first 24 bits.
    #[inline]
    fn is_dst_v4(&self, address: u32) -> bool {
        matches!(self.dst, Destination::V4(dst) if dst >> 8 == address >> 8)
    }

    #[inline]
    fn is_v6(&self, address: u128) -> bool {
        matches!(self.dst, Destination::V6(dst) if dst >> 64 == address >> 64) || self.watched.has_v6(address)
    }

    /// Whether there is anything to look for in a family at all.
    fn is_in_v4(&self) -> bool {
        matches!(self.dst, Destination::V4(_)) || self.watched.knows_v4()
    }

    fn is_in_v6(&self) -> bool {
        matches!(self.dst, Destination::V6(_)) || self.watched.knows_v6()
    }

    /// Numbers that follow one another, each at most 255.
    fn are_octets(&self, octets: [u8; 4]) -> bool {
        self.is_v4(u32::from_be_bytes(octets)) || self.is_v4(u32::from_le_bytes(octets))
    }

    /// The first three octets of the destination, the fourth being cut off or something else.
    fn begins_as(&self, [a, b, c]: [u8; 3]) -> bool {
        self.is_dst_v4(u32::from_be_bytes([a, b, c, 0])) || self.is_dst_v4(u32::from_be_bytes([c, b, a, 0]))
    }
}

/// Whether the part of `payload` that could be kept holds an address.
pub(super) fn echoes(payload: &[u8], secret: &Secret<'_>) -> bool {
    let payload = payload.get(..BYTES_MAX).unwrap_or(payload);
    if in_bytes(payload, secret) || in_text(payload, secret) {
        return true;
    }
    let mut undone = Undone::default();
    (payload.contains(&b'%') && in_text(undone.percent(payload), secret))
        || (payload.contains(&0) && in_text(undone.without_zeros(payload), secret))
        || in_base64(payload, secret, &mut undone)
}

/// Room for a payload in another form.
struct Undone {
    bytes: [u8; BYTES_MAX],
    len: usize,
}

impl Default for Undone {
    fn default() -> Undone {
        Undone {
            bytes: [0; BYTES_MAX],
            len: 0,
        }
    }
}

impl Undone {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }

    fn percent(&mut self, payload: &[u8]) -> &[u8] {
        self.len = 0;
        let mut rest = payload;
        while let Some((byte, after)) = rest.split_first() {
            let pair = match after {
                [high, low, ..] if *byte == b'%' => hex(*high).zip(hex(*low)),
                _ => None,
            };
            match pair {
                Some((high, low)) => {
                    self.push(high << 4 | low);
                    rest = after.get(2..).unwrap_or_default();
                }
                None => {
                    self.push(*byte);
                    rest = after;
                }
            }
        }
        self.as_slice()
    }

    fn without_zeros(&mut self, payload: &[u8]) -> &[u8] {
        self.len = 0;
        payload.iter().filter(|byte| **byte != 0).for_each(|byte| self.push(*byte));
        self.as_slice()
    }

    /// Whole groups of 6 bits, from the first on.
    fn base64(&mut self, run: &[u8]) -> &[u8] {
        self.len = 0;
        let (mut held, mut bits) = (0_u32, 0);
        for digit in run.iter().filter_map(|byte| base64(*byte)) {
            held = held << 6 | u32::from(digit);
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                self.push((held >> bits).to_le_bytes()[0]);
            }
        }
        self.as_slice()
    }
}

/// In the bytes as they are.
fn in_bytes(payload: &[u8], secret: &Secret<'_>) -> bool {
    (secret.is_in_v4() && in_bytes_v4(payload, secret)) || (secret.is_in_v6() && in_bytes_v6(payload, secret))
}

fn in_bytes_v4(payload: &[u8], secret: &Secret<'_>) -> bool {
    let whole = payload.windows(4).any(|window| {
        let Some(bytes) = window.first_chunk::<4>() else {
            return false;
        };
        let (big, little) = (u32::from_be_bytes(*bytes), u32::from_le_bytes(*bytes));
        [big, little, !big, !little, big ^ STUN_COOKIE]
            .into_iter()
            .any(|address| secret.is_v4(address))
    });
    // Cut at the end, or 24 bits alone.
    whole
        || payload
            .windows(3)
            .filter_map(|window| window.first_chunk())
            .any(|bytes| secret.begins_as(*bytes))
}

fn in_bytes_v6(payload: &[u8], secret: &Secret<'_>) -> bool {
    // Cookie and transaction stand behind 4 bytes of a STUN message.
    let stun = payload
        .get(4..20)
        .and_then(|bytes| bytes.first_chunk())
        .map(|bytes| u128::from_be_bytes(*bytes));
    let whole = payload.windows(16).filter_map(|window| window.first_chunk::<16>()).any(|bytes| {
        let (big, little) = (u128::from_be_bytes(*bytes), u128::from_le_bytes(*bytes));
        // By words of 32 and 16 bits, each the other way round.
        let words = bytes.as_chunks::<4>().0.iter().flat_map(|word| word.iter().rev());
        let halves = bytes.as_chunks::<2>().0.iter().flat_map(|half| half.iter().rev());
        let (words, halves) = (number_of(words), number_of(halves));
        [
            Some(big),
            Some(little),
            Some(!big),
            Some(words),
            Some(halves),
            stun.map(|stun| big ^ stun),
        ]
        .into_iter()
        .flatten()
        .any(|address| secret.is_v6(address))
    });
    whole || cut_v6(payload, secret)
}

fn number_of<'a>(bytes: impl Iterator<Item = &'a u8>) -> u128 {
    bytes.fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The first 8 bytes of an address of IPv6, anywhere.
fn cut_v6(payload: &[u8], secret: &Secret<'_>) -> bool {
    let Destination::V6(dst) = secret.dst else {
        return false;
    };
    let prefix = (dst >> 64).to_be_bytes();
    let prefix = prefix.get(8..).unwrap_or_default();
    payload.windows(8).any(|window| window == prefix || window.iter().rev().eq(prefix))
}

/// Written out.
fn in_text(text: &[u8], secret: &Secret<'_>) -> bool {
    in_numbers(text, secret) || in_hexadecimal(text, secret) || (secret.is_in_v6() && (in_nibbles(text, secret) || as_v6(text, secret)))
}

/// Longest that stands between two numbers of an address.
const BETWEEN_BYTES_MAX: usize = 3;

/// The last numbers of a text that stand close together.
#[derive(Clone, Copy, Default)]
struct Row {
    octets: [u8; 4],
    count: usize,
}

impl Row {
    fn push(&mut self, octet: Option<u8>) {
        let Some(octet) = octet else {
            self.count = 0;
            return;
        };
        let [_, b, c, d] = self.octets;
        self.octets = [b, c, d, octet];
        self.count += 1;
    }

    fn is(&self, secret: &Secret<'_>) -> bool {
        let [_, b, c, d] = self.octets;
        (self.count >= 4 && secret.are_octets(self.octets)) || (self.count >= 3 && secret.begins_as([b, c, d]))
    }
}

/// Decimal and octal numbers: four in a row, or one that is a whole address.
fn in_numbers(text: &[u8], secret: &Secret<'_>) -> bool {
    let (mut decimal, mut octal) = (Row::default(), Row::default());
    let mut between = 0;
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        if !byte.is_ascii_digit() {
            between += 1;
            rest = after;
            continue;
        }
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (run, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        rest = after;
        if between > BETWEEN_BYTES_MAX {
            (decimal, octal) = (Row::default(), Row::default());
        }
        between = 0;
        let (as_decimal, as_octal) = (number(run, 10), number(run, 8));
        decimal.push(as_decimal.and_then(|value| u8::try_from(value).ok()));
        octal.push(as_octal.and_then(|value| u8::try_from(value).ok()));
        if decimal.is(secret) || octal.is(secret) {
            return true;
        }
        if [as_decimal, as_octal].into_iter().flatten().any(|value| is_whole(value, secret)) {
            return true;
        }
    }
    false
}

/// The value of digits; none where they are not of that base or too many.
fn number(digits: &[u8], base: u8) -> Option<u128> {
    digits.iter().try_fold(0_u128, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit >= base {
            return None;
        }
        value.checked_mul(u128::from(base))?.checked_add(u128::from(digit))
    })
}

/// A number that is a whole address. Small numbers are everywhere and no address that could be watched.
fn is_whole(value: u128, secret: &Secret<'_>) -> bool {
    match u32::try_from(value) {
        Ok(value) if value < 1 << 24 => false,
        Ok(value) => secret.is_v4(value) || secret.is_v4(value.swap_bytes()),
        Err(_) => secret.is_v6(value) || secret.is_v6(value.swap_bytes()),
    }
}

/// Hexadecimal digits: in one run, or in groups of two.
fn in_hexadecimal(text: &[u8], secret: &Secret<'_>) -> bool {
    let mut row = Row::default();
    let mut between = 0;
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        if hex(*byte).is_none() {
            between += 1;
            rest = after;
            continue;
        }
        let len = rest.iter().take_while(|byte| hex(**byte).is_some()).count();
        let (run, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        rest = after;
        // The 0 of "0x" is no number of its own.
        if run == b"0" && matches!(rest.first(), Some(b'x' | b'X')) {
            continue;
        }
        if between > BETWEEN_BYTES_MAX {
            row = Row::default();
        }
        between = 0;
        let octet = run
            .iter()
            .filter_map(|byte| hex(*byte))
            .fold(0_u8, |value, digit| value << 4 | digit);
        row.push((run.len() <= 2).then_some(octet));
        if row.is(secret) || in_run(run, secret) {
            return true;
        }
    }
    false
}

/// Six digits of the destination, eight of any address, sixteen and 32 of IPv6, at any place of a run.
fn in_run(run: &[u8], secret: &Secret<'_>) -> bool {
    let mut last = 0_u128;
    run.iter().filter_map(|byte| hex(*byte)).enumerate().any(|(nth, digit)| {
        last = last << 4 | u128::from(digit);
        let [a, b, c, d, ..] = last.to_le_bytes();
        (nth >= 5 && secret.begins_as([c, b, a]))
            || (nth >= 7 && secret.are_octets([d, c, b, a]))
            || (nth >= 15 && secret.is_v6(last << 64) && matches!(secret.dst, Destination::V6(_)))
            || (nth >= 31 && (secret.is_v6(last) || secret.is_v6(last.swap_bytes())))
    })
}

/// Single hexadecimal digits with one byte between them, as in names under ip6.arpa, last digit first.
fn in_nibbles(text: &[u8], secret: &Secret<'_>) -> bool {
    [0, 1].into_iter().any(|from| {
        let (mut forth, mut back, mut count) = (0_u128, 0_u128, 0);
        text.iter().skip(from).step_by(2).any(|byte| {
            let Some(digit) = hex(*byte) else {
                count = 0;
                return false;
            };
            forth = forth << 4 | u128::from(digit);
            back = back >> 4 | u128::from(digit) << 124;
            count += 1;
            let prefix = matches!(secret.dst, Destination::V6(_)) && count >= 16;
            (count >= 32 && (secret.is_v6(forth) || secret.is_v6(back))) || (prefix && (secret.is_v6(forth << 64) || secret.is_v6(back)))
        })
    })
}

/// As RFC 4291 writes addresses.
fn as_v6(text: &[u8], secret: &Secret<'_>) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    text.split(|byte| !is_part(byte))
        .filter(|run| run.len() >= 2 && run.contains(&b':'))
        .any(|run| {
            let run = std::str::from_utf8(run).unwrap_or_default();
            let whole = |run: &str| run.parse::<Ipv6Addr>().is_ok_and(|address| secret.is_v6(address.to_bits()));
            // With a port behind it, or cut in the middle of a group.
            let shorter = run.rsplit_once(':').map_or("", |(begin, _)| begin);
            whole(run) || whole(run.trim_end_matches(['.', ':'])) || whole(shorter) || first_groups(run, secret)
        })
}

/// The first four groups of an address that is cut behind them.
fn first_groups(run: &str, secret: &Secret<'_>) -> bool {
    let mut groups = run.split(':').map(|group| u16::from_str_radix(group, 16).ok());
    let mut next = || groups.next().flatten().map(u128::from);
    match (next(), next(), next(), next(), secret.dst) {
        (Some(a), Some(b), Some(c), Some(d), Destination::V6(dst)) => dst >> 64 == a << 48 | b << 32 | c << 16 | d,
        _ => false,
    }
}

/// Shortest run that holds an address: 4 bytes.
const BASE64_RUN_MIN: usize = 6;

/// Shortest text that says 24 bits of an address: `1.1.1`.
const WRITTEN_BYTES_MIN: usize = 5;

/// Whether so many bytes in a row could be part of a written address. What base64 makes of words seldom has them.
fn may_be_written(bytes: &[u8]) -> bool {
    let mut row = 0;
    bytes.iter().any(|byte| {
        row = if byte.is_ascii_hexdigit() || matches!(byte, b'.' | b',' | b':' | b'-') {
            row + 1
        } else {
            0
        };
        row >= WRITTEN_BYTES_MIN
    })
}

/// Behind base64, of either alphabet, from each of the four places where a group can begin.
fn in_base64(payload: &[u8], secret: &Secret<'_>, undone: &mut Undone) -> bool {
    payload
        .split(|byte| base64(*byte).is_none())
        .filter(|run| run.len() >= BASE64_RUN_MIN)
        .any(|run| {
            (0..4).any(|from| {
                let bytes = undone.base64(run.get(from..).unwrap_or_default());
                in_bytes(bytes, secret) || (may_be_written(bytes) && in_text(bytes, secret))
            })
        })
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

const fn base64(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
