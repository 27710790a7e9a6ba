//! IEEE 802.11 frames, bare or behind a radiotap header: data frames that were not encrypted.

use super::Reason;
use super::link::{Network, llc};

/// Radiotap: version, pad, length (little-endian), presence words, fields; then the 802.11 frame.
pub(super) fn radiotap(frame: &[u8]) -> Result<Network<'_>, Reason> {
    let Some([_, _, low, high, ..]) = frame.first_chunk::<8>() else {
        return Err(Reason::LinkCut);
    };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    match frame.split_at_checked(length) {
        Some((header, rest)) if length >= 8 => data(rest, is_padded(header)),
        Some(_) | None => Err(Reason::LinkCut),
    }
}

/// An 802.11 frame without anything before it.
pub(super) fn read(frame: &[u8]) -> Result<Network<'_>, Reason> {
    data(frame, false)
}

/// Whether the radiotap flags field says that the 802.11 header was padded to 4 bytes (flag 0x20).
fn is_padded(header: &[u8]) -> bool {
    const TIMER_PRESENT: u32 = 1;
    const FLAGS_PRESENT: u32 = 1 << 1;
    const ANOTHER_WORD: u32 = 1 << 31;
    let mut words = header.get(4..).unwrap_or(&[]).chunks_exact(4);
    let mut first = None;
    let mut at = 4_usize;
    for word in words.by_ref() {
        let word = word.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        first.get_or_insert(word);
        at += 4;
        if word & ANOTHER_WORD == 0 {
            break;
        }
    }
    let first = first.unwrap_or(0);
    if first & FLAGS_PRESENT == 0 {
        return false;
    }
    if first & TIMER_PRESENT != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    header.get(at).is_some_and(|flags| flags & 0x20 != 0)
}

/// Only unfragmented, unencrypted data frames lead to IP, by LLC and SNAP.
fn data(frame: &[u8], padded: bool) -> Result<Network<'_>, Reason> {
    let Some([control, flags, ..]) = frame.first_chunk::<2>() else {
        return Err(Reason::LinkCut);
    };
    // Protocol version 0, type data, and not one of the subtypes without a body (bit 0x40).
    let is_data = control & 0x0f == 0x08 && control & 0x40 == 0;
    let (is_encrypted, is_fragmented) = (flags & 0x40 != 0, flags & 0x04 != 0);
    if !is_data || is_encrypted || is_fragmented {
        return Err(Reason::NotIp);
    }
    let mut length = 24;
    if flags & 0x03 == 0x03 {
        // Between access points a fourth address stands in the header.
        length += 6;
    }
    let quality_at = length;
    if control & 0x80 != 0 {
        // Quality-of-service control, and high-throughput control when the order bit is set with it.
        length += if flags & 0x80 != 0 { 6 } else { 2 };
        // Several frames in one (A-MSDU) are not taken apart.
        if frame.get(quality_at).is_some_and(|quality| quality & 0x80 != 0) {
            return Err(Reason::NotIp);
        }
    }
    if padded {
        length = length.next_multiple_of(4);
    }
    // The low 4 bits of sequence control number the fragment.
    match (frame.get(22), frame.get(length..)) {
        (Some(sequence), Some(_)) if sequence & 0x0f != 0 => Err(Reason::NotIp),
        (Some(_), Some(body)) => llc(body),
        (None, _) | (_, None) => Err(Reason::LinkCut),
    }
}
