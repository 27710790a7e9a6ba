//! Ranges of addresses that share an answer: flattened, looked up in order and merged into steps.

use std::cmp::Reverse;

/// The addresses `first..=last` (IPv4: in the low 32 bits) and what is said of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span<T> {
    /// First address.
    pub(super) first: u128,
    /// Last address, never below `first`.
    pub(super) last: u128,
    /// What is said of the addresses.
    pub(super) value: T,
}

impl<T> Span<T> {
    /// The span of a prefix; host bits in `address` are cleared, `bits` is the address family's width
    /// (32 or 128). `None` when the prefix is longer than the address.
    pub(super) fn of_prefix(address: u128, prefix: u8, bits: u8, value: T) -> Option<Self> {
        let host_bits = bits.checked_sub(prefix)?;
        let hosts = match host_bits {
            128.. => u128::MAX,
            0..128 => (1_u128 << host_bits) - 1,
        };
        let first = address & !hosts;
        Some(Span {
            first,
            last: first | hosts,
            value,
        })
    }
}

/// Makes overlapping spans disjoint and sorted: where several cover an address the one that starts last
/// answers (for prefixes: the longest), among equals the one that came first in `spans`.
pub(super) fn flatten<T: Copy + PartialEq>(spans: Vec<Span<T>>) -> Vec<Span<T>> {
    if is_disjoint(&spans) {
        return spans;
    }
    let mut ordered: Vec<(usize, Span<T>)> = spans.into_iter().enumerate().collect();
    ordered.sort_unstable_by_key(|(order, span)| (span.first, Reverse(span.last), Reverse(*order)));
    let mut flat = Vec::with_capacity(ordered.len());
    let mut open: Vec<Span<T>> = Vec::new();
    // The first address not yet answered; `None` when the whole address space is.
    let mut cursor = Some(0_u128);
    for (_, span) in ordered {
        while let Some(top) = open.last().copied() {
            if top.last >= span.first {
                break;
            }
            close(&mut flat, &mut cursor, top);
            open.pop();
        }
        if let (Some(top), Some(from)) = (open.last(), cursor)
            && from < span.first
        {
            append(
                &mut flat,
                Span {
                    first: from,
                    last: span.first - 1,
                    value: top.value,
                },
            );
        }
        if cursor.is_some_and(|from| from < span.first) {
            cursor = Some(span.first);
        }
        open.push(span);
    }
    while let Some(top) = open.pop() {
        close(&mut flat, &mut cursor, top);
    }
    flat
}

/// Whether the spans are sorted and no two overlap, as well-made databases are.
fn is_disjoint<T>(spans: &[Span<T>]) -> bool {
    spans.windows(2).all(|pair| matches!(pair, [one, two] if one.last < two.first))
}

/// Answers what is left of `top` and moves the cursor behind it.
fn close<T: Copy + PartialEq>(flat: &mut Vec<Span<T>>, cursor: &mut Option<u128>, top: Span<T>) {
    if let Some(from) = *cursor
        && from <= top.last
    {
        append(
            flat,
            Span {
                first: from,
                last: top.last,
                value: top.value,
            },
        );
        *cursor = top.last.checked_add(1);
    }
}

/// Appends a span, joined to the one before it where both touch and say the same.
pub(super) fn append<T: Copy + PartialEq>(flat: &mut Vec<Span<T>>, span: Span<T>) {
    if let Some(before) = flat.last_mut()
        && before.value == span.value
        && before.last.checked_add(1) == Some(span.first)
    {
        before.last = span.last;
    } else {
        flat.push(span);
    }
}

/// Reads disjoint sorted spans at positions that only go up.
pub(super) struct Reader<'a, T> {
    spans: &'a [Span<T>],
    at: usize,
}

impl<'a, T: Copy> Reader<'a, T> {
    /// A reader before the first span of `spans` (as [`flatten`] gives them).
    pub(super) fn new(spans: &'a [Span<T>]) -> Self {
        Reader { spans, at: 0 }
    }

    /// What is said of `address`, and the last address up to which that stays so; `address` must not be
    /// below that of an earlier call.
    pub(super) fn at(&mut self, address: u128) -> (Option<T>, u128) {
        while let Some(span) = self.spans.get(self.at) {
            if address < span.first {
                return (None, span.first - 1);
            }
            if address <= span.last {
                return (Some(span.value), span.last);
            }
            self.at += 1;
        }
        (None, u128::MAX)
    }
}

/// Several layers of spans, of which the first that says anything answers.
pub(super) struct Layers<'a, T> {
    layers: Vec<Reader<'a, T>>,
}

impl<'a, T: Copy> Layers<'a, T> {
    /// Layers in order of precedence.
    pub(super) fn new(layers: impl IntoIterator<Item = &'a [Span<T>]>) -> Self {
        Layers {
            layers: layers.into_iter().map(Reader::new).collect(),
        }
    }

    /// As [`Reader::at`].
    pub(super) fn at(&mut self, address: u128) -> (Option<T>, u128) {
        let mut until = u128::MAX;
        for layer in &mut self.layers {
            let (value, last) = layer.at(address);
            until = until.min(last);
            if value.is_some() {
                return (value, until);
            }
        }
        (None, until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spans: &[(u128, u128, char)], expected: &[(u128, u128, char)]) {
        let spans = spans.iter().map(|&(first, last, value)| Span { first, last, value }).collect();
        let flat: Vec<_> = flatten(spans).into_iter().map(|span| (span.first, span.last, span.value)).collect();
        assert_eq!(flat, expected);
    }

    #[test]
    fn the_narrowest_answers_and_the_wider_goes_on_behind_it() {
        check(&[], &[]);
        check(&[(1, 2, 'a'), (4, 5, 'b')], &[(1, 2, 'a'), (4, 5, 'b')]);
        check(&[(0, 9, 'a'), (3, 4, 'b')], &[(0, 2, 'a'), (3, 4, 'b'), (5, 9, 'a')]);
        check(&[(3, 4, 'b'), (0, 9, 'a')], &[(0, 2, 'a'), (3, 4, 'b'), (5, 9, 'a')]);
        check(&[(0, 9, 'a'), (0, 9, 'b')], &[(0, 9, 'a')]);
        check(
            &[(0, 9, 'a'), (0, 3, 'b'), (1, 1, 'c')],
            &[(0, 0, 'b'), (1, 1, 'c'), (2, 3, 'b'), (4, 9, 'a')],
        );
        // Overlaps that no prefixes can make: the later start wins, nothing is answered twice.
        check(
            &[(0, 5, 'a'), (3, 8, 'b'), (7, 7, 'c')],
            &[(0, 2, 'a'), (3, 6, 'b'), (7, 7, 'c'), (8, 8, 'b')],
        );
        check(&[(2, 9, 'a'), (4, 5, 'a')], &[(2, 9, 'a')]);
        check(
            &[(5, u128::MAX, 'a'), (u128::MAX, u128::MAX, 'b')],
            &[(5, u128::MAX - 1, 'a'), (u128::MAX, u128::MAX, 'b')],
        );
    }

    #[test]
    fn flattening_equals_asking_every_span() {
        // A small address space, every span that two bytes of a counter can name.
        let mut state = 1_u64;
        for _ in 0..500 {
            let mut spans = Vec::new();
            for order in 0..8_u64 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let first = u128::from(state >> 60);
                let last = first + u128::from(state >> 56 & 7);
                spans.push(Span { first, last, value: order });
            }
            let flat = flatten(spans.clone());
            assert!(is_disjoint(&flat), "{flat:?}");
            let mut reader = Reader::new(&flat);
            for address in 0..24_u128 {
                let expected = spans
                    .iter()
                    .filter(|span| span.first <= address && address <= span.last)
                    .max_by_key(|span| (span.first, Reverse(span.last), Reverse(span.value)))
                    .map(|span| span.value);
                assert_eq!(reader.at(address).0, expected, "{address} in {spans:?}");
            }
        }
    }

    #[test]
    fn a_prefix_covers_its_addresses() {
        assert_eq!(
            Span::of_prefix(0x0a01_0203, 8, 32, ()).map(|s| (s.first, s.last)),
            Some((0x0a00_0000, 0x0aff_ffff))
        );
        assert_eq!(Span::of_prefix(7, 32, 32, ()).map(|s| (s.first, s.last)), Some((7, 7)));
        assert_eq!(Span::of_prefix(7, 0, 128, ()).map(|s| (s.first, s.last)), Some((0, u128::MAX)));
        assert_eq!(Span::of_prefix(7, 33, 32, ()), None);
    }
}
