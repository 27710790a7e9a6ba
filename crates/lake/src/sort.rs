//! Radix sorts of row numbers: stable, linear, two passes over memory for a 16-bit key.

/// Sorts `(key << 32) | row` words by the key's 32 bits, stable; `scratch` is overwritten.
pub fn by_key32(words: &mut Vec<u64>, scratch: &mut Vec<u64>) {
    for (shift, bits) in [(32, 11), (43, 11), (54, 10)] {
        pass(words, scratch, shift, bits);
    }
}

/// Sorts `(key << 32) | row` words by the key's low 17 bits, stable; `scratch` is overwritten.
pub fn by_key17(words: &mut Vec<u64>, scratch: &mut Vec<u64>) {
    for (shift, bits) in [(32, 9), (41, 8)] {
        pass(words, scratch, shift, bits);
    }
}

/// One counting pass over `bits` bits from `shift` on; skipped when all words agree in them.
#[allow(clippy::cast_possible_truncation, reason = "the mask keeps at most 11 bits")]
fn pass(words: &mut Vec<u64>, scratch: &mut Vec<u64>, shift: u32, bits: u32) {
    let mask = (1usize << bits) - 1;
    let digit = |word: u64| (word >> shift) as usize & mask;
    let mut starts = vec![0u32; mask + 1];
    for &word in words.iter() {
        starts[digit(word)] += 1;
    }
    if starts.iter().any(|&count| count as usize == words.len()) {
        return;
    }
    let mut next = 0;
    for start in &mut starts {
        next += std::mem::replace(start, next);
    }
    scratch.resize(words.len(), 0);
    for &word in words.iter() {
        let at = &mut starts[digit(word)];
        scratch[*at as usize] = word;
        *at += 1;
    }
    std::mem::swap(words, scratch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_stable_sort() {
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        for length in [0usize, 1, 2, 1000, 70_000] {
            let words: Vec<u64> = (0..length as u64)
                .map(|row| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    ((seed >> 33) % 5000 * 70_001 % (1 << 32)) << 32 | row
                })
                .collect();
            let (mut sorted, mut scratch) = (words.clone(), Vec::new());
            by_key32(&mut sorted, &mut scratch);
            let mut expected = words.clone();
            expected.sort_by_key(|word| word >> 32);
            assert_eq!(sorted, expected);
            by_key17(&mut sorted, &mut scratch);
            expected.sort_by_key(|word| word >> 32 & 0x1_ffff);
            assert_eq!(sorted, expected);
        }
    }
}
