//! Parquet's RLE/bit-packed hybrid: runs as runs, the rest bit-packed; for definition levels and dictionary codes.

/// Which rows have a value. Runs are kept, since rows sorted by port come in long runs of one protocol.
#[derive(Debug, Default)]
pub struct Validity {
    runs: Vec<(bool, u32)>,
    pub(crate) rows: u32,
    pub(crate) nulls: u32,
}

impl Validity {
    /// Adds `rows` rows that all have a value, or none.
    #[inline]
    pub fn push(&mut self, valid: bool, rows: u32) {
        if rows == 0 {
            return;
        }
        self.rows += rows;
        if !valid {
            self.nulls += rows;
        }
        match self.runs.last_mut() {
            Some((last, length)) if *last == valid => *length += rows,
            Some(_) | None => self.runs.push((valid, rows)),
        }
    }

    /// Starts again.
    pub fn clear(&mut self) {
        *self = Validity {
            runs: std::mem::take(&mut self.runs),
            rows: 0,
            nulls: 0,
        };
        self.runs.clear();
    }

    /// Definition levels in the RLE/bit-packed hybrid of width 1, no length in front (page version 2).
    pub(crate) fn levels(&self, out: &mut Vec<u8>) {
        let mut hybrid = Hybrid::new(1, out);
        for &(valid, rows) in &self.runs {
            hybrid.run(u32::from(valid), rows);
        }
        hybrid.finish();
    }
}

/// Writer of the RLE/bit-packed hybrid: runs of eight and more as runs, the rest bit-packed.
pub(crate) struct Hybrid<'a> {
    width: u32,
    out: &'a mut Vec<u8>,
    /// Values waiting to be bit-packed; always fewer than `LITERALS_MAX`.
    literals: Vec<u32>,
    run_value: u32,
    run_length: u32,
}

/// Most values of one bit-packed stretch: its header then fits two bytes.
const LITERALS_MAX: usize = 8 * 63;

impl<'a> Hybrid<'a> {
    pub(crate) fn new(width: u32, out: &'a mut Vec<u8>) -> Self {
        Hybrid {
            width,
            out,
            literals: Vec::with_capacity(LITERALS_MAX),
            run_value: 0,
            run_length: 0,
        }
    }

    #[inline]
    pub(crate) fn run(&mut self, value: u32, length: u32) {
        if value == self.run_value {
            self.run_length += length;
        } else {
            self.end_run();
            (self.run_value, self.run_length) = (value, length);
        }
    }

    fn end_run(&mut self) {
        let mut length = self.run_length;
        self.run_length = 0;
        // A bit-packed stretch holds whole groups of eight, so a run first fills the open group.
        if !self.literals.len().is_multiple_of(8) {
            let fill = (8 - self.literals.len() % 8).min(length as usize);
            self.literals.extend(std::iter::repeat_n(self.run_value, fill));
            length -= u32::try_from(fill).unwrap_or(0);
        }
        if length >= 8 {
            self.end_literals();
            varint(u64::from(length) << 1, self.out);
            let bytes = self.run_value.to_le_bytes();
            self.out.extend_from_slice(&bytes[..self.width.div_ceil(8) as usize]);
        } else {
            self.literals.extend(std::iter::repeat_n(self.run_value, length as usize));
        }
        if self.literals.len() >= LITERALS_MAX - 8 && self.literals.len().is_multiple_of(8) {
            self.end_literals();
        }
    }

    fn end_literals(&mut self) {
        if self.literals.is_empty() {
            return;
        }
        let groups = self.literals.len().div_ceil(8);
        self.literals.resize(groups * 8, 0);
        varint(((groups as u64) << 1) | 1, self.out);
        let (mut bits, mut held) = (0u64, 0u32);
        for &value in &self.literals {
            bits |= u64::from(value) << held;
            held += self.width;
            while held >= 8 {
                self.out.push((bits & 0xff) as u8);
                bits >>= 8;
                held -= 8;
            }
        }
        self.literals.clear();
    }

    pub(crate) fn finish(mut self) {
        self.end_run();
        self.end_literals();
    }
}

/// Dictionary codes in the same hybrid, eight at a time: a group of eight that are all equal begins a run,
/// any other is bit-packed. Runs that begin inside a group cost up to seven packed values more than they
/// could; looking at eight codes at once costs a tenth of looking at each.
pub(crate) fn pack_codes(codes: &[u16], width: u32, out: &mut Vec<u8>) {
    let (groups, rest) = codes.as_chunks::<8>();
    let mut at = 0;
    let mut open: Option<(usize, usize)> = None;
    while at < groups.len() {
        let group = &groups[at];
        if *group == [group[0]; 8] {
            close_packed(&mut open, out);
            let length = groups[at..].iter().take_while(|other| *other == group).count();
            varint((length as u64 * 8) << 1, out);
            out.extend_from_slice(&group[0].to_le_bytes()[..width.div_ceil(8) as usize]);
            at += length;
            continue;
        }
        let (_, count) = open.get_or_insert_with(|| {
            out.push(0);
            (out.len() - 1, 0)
        });
        *count += 1;
        let is_full = *count == PACKED_GROUPS_MAX;
        pack_group(group, width, out);
        if is_full {
            close_packed(&mut open, out);
        }
        at += 1;
    }
    if rest.is_empty() {
        close_packed(&mut open, out);
        return;
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let (_, count) = open.get_or_insert_with(|| {
        out.push(0);
        (out.len() - 1, 0)
    });
    *count += 1;
    pack_group(&last, width, out);
    close_packed(&mut open, out);
}

/// Most groups of one bit-packed stretch: its header is then one byte.
const PACKED_GROUPS_MAX: usize = 63;

/// Writes the header of the bit-packed stretch that stands open, whose place was kept.
fn close_packed(open: &mut Option<(usize, usize)>, out: &mut [u8]) {
    if let Some((header, groups)) = open.take() {
        out[header] = u8::try_from(groups << 1 | 1).unwrap_or(u8::MAX);
    }
}

/// Eight codes of `width` bits are `width` bytes.
#[inline(always)]
fn pack_group(group: &[u16; 8], width: u32, out: &mut Vec<u8>) {
    let bits = group.iter().rev().fold(0u128, |bits, &code| bits << width | u128::from(code));
    out.extend_from_slice(&bits.to_le_bytes()[..width as usize]);
}

pub(crate) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the hybrid back, by the format's own words.
    fn unpack(bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let (mut at, mut values) = (0, Vec::new());
        while values.len() < count {
            let (mut header, mut shift) = (0u64, 0);
            loop {
                header |= u64::from(bytes[at] & 0x7f) << shift;
                at += 1;
                shift += 7;
                if bytes[at - 1] < 0x80 {
                    break;
                }
            }
            if header & 1 == 0 {
                let size = width.div_ceil(8) as usize;
                let value = bytes[at..at + size]
                    .iter()
                    .rev()
                    .fold(0, |value, &byte| value << 8 | u32::from(byte));
                values.extend(std::iter::repeat_n(value, (header >> 1) as usize));
                at += size;
            } else {
                let packed = (header >> 1) as usize * width as usize;
                for n in 0..(header >> 1) as usize * 8 {
                    let bit = |m: usize| u32::from(bytes[at + m / 8] >> (m % 8) & 1);
                    values.push((0..width as usize).fold(0, |value, b| value | bit(n * width as usize + b) << b));
                }
                at += packed;
            }
        }
        values.truncate(count);
        values
    }

    /// Codes in runs and noise, of every length around the edges of groups and stretches.
    fn codes(length: usize, width: u32, seed: u64) -> Vec<u16> {
        let mut state = seed;
        let mut codes = Vec::new();
        while codes.len() < length {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let code = u16::try_from(state >> 33 & ((1 << width) - 1)).unwrap();
            let run = if state >> 20 & 3 == 0 { (state >> 40 & 63) as usize } else { 1 };
            codes.extend(std::iter::repeat_n(code, run));
        }
        codes.truncate(length);
        codes
    }

    #[test]
    fn codes_come_back() {
        for width in 1..=16 {
            for length in [1, 7, 8, 9, 16, 63, 64, 65, 500, 505, 512, 4097] {
                let codes = codes(length, width, u64::from(width) * 1000 + length as u64);
                let mut bytes = Vec::new();
                pack_codes(&codes, width, &mut bytes);
                let expected: Vec<u32> = codes.iter().map(|&code| u32::from(code)).collect();
                assert_eq!(unpack(&bytes, width, length), expected, "width {width}, length {length}");
            }
        }
    }

    #[test]
    fn levels_come_back() {
        for seed in 0..50u16 {
            let valid = codes(700 + usize::from(seed), 1, u64::from(seed));
            let mut validity = Validity::default();
            for &code in &valid {
                validity.push(code == 1, 1);
            }
            let mut bytes = Vec::new();
            validity.levels(&mut bytes);
            let expected: Vec<u32> = valid.iter().map(|&code| u32::from(code)).collect();
            assert_eq!(unpack(&bytes, 1, valid.len()), expected);
        }
    }
}
