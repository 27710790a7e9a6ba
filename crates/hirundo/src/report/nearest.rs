//! The known word nearest to one that is not known, for hints.

/// Words longer than this are not compared: no name is, and the work grows with the square.
const WORD_CHARS_MAX: usize = 120;

/// The candidate that differs least from `word`, if it differs by at most a third of its letters.
#[must_use]
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.to_lowercase().chars().take(WORD_CHARS_MAX + 1).collect();
    if letters.is_empty() || letters.len() > WORD_CHARS_MAX {
        return None;
    }
    let allowed = letters.len().div_ceil(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= allowed * 4)
        .map(|candidate| (distance(&letters, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean ...?`, or what there is otherwise.
#[must_use]
pub(super) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone, otherwise: &str) -> String {
    nearest(word, candidates).map_or_else(|| otherwise.to_owned(), |found| format!("did you mean `{found}`?"))
}

/// Letters to insert, take away or exchange to get from one word to the other (Levenshtein).
fn distance(letters: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=letters.len()).collect();
    for (line, other) in candidate.to_lowercase().chars().take(WORD_CHARS_MAX).enumerate() {
        let mut left = line + 1;
        let mut corner = line;
        for (letter, cell) in letters.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            left = (corner + usize::from(*letter != other)).min(above + 1).min(left + 1);
            corner = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest() {
        for (word, expected) in [
            ("prots", Some("ports")),
            ("Region", Some("regions")),
            ("mirai_home", Some("mirai-home")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, ["ports", "regions", "mirai", "mirai-home"]), expected, "{word}");
        }
        assert_eq!(distance(&['a', 'b'], ""), 2);
        assert_eq!(distance(&['k', 'i', 't', 't', 'e', 'n'], "sitting"), 3);
    }
}
