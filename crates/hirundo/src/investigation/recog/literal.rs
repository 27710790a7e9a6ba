//! A filter before the patterns: the longest text each needs, and which patterns a text can match at all.

use std::collections::HashMap;

/// Shortest literal that filters.
const LITERAL_BYTES_MIN: usize = 3;

/// The longest run of plain characters that every match of a pattern contains, in lower case; `None` when none of
/// [`LITERAL_BYTES_MIN`] is certain. Only ASCII is looked at, so that case is plain; what it does not understand ends a run.
pub(super) fn of(pattern: &str) -> Option<String> {
    let mut best = String::new();
    let mut run = String::new();
    let mut depth = 0_u32;
    let mut letters = pattern.chars().peekable();
    let mut keep = |run: &mut String| {
        if run.len() > best.len() {
            best.clone_from(run);
        }
        run.clear();
    };
    while let Some(letter) = letters.next() {
        match letter {
            // What stands in a group may be one of several, or not there at all.
            '(' => {
                keep(&mut run);
                depth += 1;
            }
            ')' => depth = depth.saturating_sub(1),
            '[' => {
                keep(&mut run);
                skip_class(&mut letters);
            }
            '\\' => {
                let escaped = letters.next()?;
                if depth == 0 && escaped.is_ascii_punctuation() {
                    run.push(escaped);
                } else {
                    keep(&mut run);
                    // What belongs to an escape (\x41, \x{41}, \p{L}) is no text.
                    if letters.peek() == Some(&'{') {
                        letters.by_ref().find(|letter| *letter == '}');
                    } else if escaped == 'x' {
                        letters.next();
                        letters.next();
                    }
                    if escaped.is_ascii_digit() || matches!(escaped, 'u' | 'c' | 'k' | 'g' | 'Q') {
                        return None;
                    }
                }
            }
            '|' if depth == 0 => return None,
            '?' | '*' | '{' if depth == 0 => {
                run.pop();
                keep(&mut run);
                if letter == '{' {
                    letters.by_ref().find(|letter| *letter == '}');
                }
            }
            '+' | '^' | '$' | '.' => keep(&mut run),
            plain if depth == 0 && plain.is_ascii() => run.push(plain.to_ascii_lowercase()),
            _ => keep(&mut run),
        }
    }
    keep(&mut run);
    (best.len() >= LITERAL_BYTES_MIN).then_some(best)
}

/// Passes over a character class, its opening bracket already taken.
fn skip_class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let mut first = true;
    let mut depth = 0_u32;
    while let Some(letter) = letters.next() {
        match letter {
            '^' if first => continue,
            '\\' => {
                letters.next();
            }
            '[' => depth += 1,
            ']' if first => {}
            ']' if depth > 0 => depth -= 1,
            ']' => return,
            _ => {}
        }
        first = false;
    }
}

/// Which of many patterns a text can match.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Patterns by three bytes of their literal.
    by_start: HashMap<[u8; LITERAL_BYTES_MIN], Vec<(usize, String)>>,
    /// Patterns without a literal.
    always: Vec<usize>,
}

impl Index {
    /// An index of patterns by their literals, in their order.
    pub(super) fn new<'a>(literals: impl Iterator<Item = Option<&'a str>>) -> Index {
        let mut index = Index::default();
        for (at, literal) in literals.enumerate() {
            match literal.and_then(|literal| Some((start(literal.as_bytes())?, literal))) {
                Some((start, literal)) => index.by_start.entry(start).or_default().push((at, literal.to_owned())),
                None => index.always.push(at),
            }
        }
        index
    }

    /// The patterns that a text may match, in their order.
    pub(super) fn possible(&self, text: &str) -> Vec<usize> {
        let text = text.to_ascii_lowercase();
        let mut possible = self.always.clone();
        for (at, window) in text.as_bytes().windows(LITERAL_BYTES_MIN).enumerate() {
            let found = start(window).and_then(|start| self.by_start.get(&start));
            for (pattern, literal) in found.into_iter().flatten() {
                if text.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(literal.as_bytes())) {
                    possible.push(*pattern);
                }
            }
        }
        possible.sort_unstable();
        possible.dedup();
        possible
    }
}

fn start(bytes: &[u8]) -> Option<[u8; LITERAL_BYTES_MIN]> {
    bytes.first_chunk().copied()
}
