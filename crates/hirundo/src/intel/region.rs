//! Regions as two letters in an integer, their names in English and Japanese, and the special areas that stand beside them.

use std::sync::OnceLock;

use super::bogon::Area;

/// Not known where: an address that no database locates.
pub const UNKNOWN: u16 = u16::from_be_bytes(*b"ZZ");

/// Code, English and Japanese name, sorted by code. CLDR 48, see the data folder's README.
const NAMES: &str = include_str!("../../data/regions.tsv");

/// AA, AB, … ZZ one behind the other.
const PAIRS: [u8; 26 * 26 * 2] = pairs();

/// A language of the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Japanese.
    Japanese,
}

const fn pairs() -> [u8; 26 * 26 * 2] {
    let mut all = [0; 26 * 26 * 2];
    let mut first = 0;
    while first < 26 {
        let mut second = 0;
        while second < 26 {
            let at = (first as usize * 26 + second as usize) * 2;
            all[at] = b'A' + first;
            all[at + 1] = b'A' + second;
            second += 1;
        }
        first += 1;
    }
    all
}

/// The code of what a database calls a region: ISO 3166-1 alpha-2 in any case, and the pseudo codes `EU`
/// and `AP` that registries use. `UK` is taken for `GB`. `None` for anything that names no region
/// (not two letters, `XX`, `ZZ`, the satellite and proxy codes `A1`, `A2`).
#[must_use]
pub fn code_of(text: &str) -> Option<u16> {
    let &[first, second] = text.as_bytes() else {
        return None;
    };
    if !(first.is_ascii_alphabetic() && second.is_ascii_alphabetic()) {
        return None;
    }
    match &[first.to_ascii_uppercase(), second.to_ascii_uppercase()] {
        b"UK" => Some(u16::from_be_bytes(*b"GB")),
        b"ZZ" | b"XX" => None,
        letters => Some(u16::from_be_bytes(*letters)),
    }
}

/// What stands in the lake for a code: two capital letters, the name of a special area such as `private`,
/// or `ZZ` when it is neither.
#[must_use]
pub fn code_text(code: u16) -> &'static str {
    if let Some(area) = Area::of_code(code) {
        return area.name();
    }
    let [first, second] = code.to_be_bytes();
    if !(first.is_ascii_uppercase() && second.is_ascii_uppercase()) {
        return "ZZ";
    }
    let at = (usize::from(first - b'A') * 26 + usize::from(second - b'A')) * 2;
    PAIRS.get(at..at + 2).and_then(|pair| str::from_utf8(pair).ok()).unwrap_or("ZZ")
}

/// The code of what stands in the lake: the inverse of [`code_text`]. `None` for text that it never gives.
#[must_use]
pub fn code(text: &str) -> Option<u16> {
    if let Some(area) = Area::ALL.into_iter().find(|area| area.name() == text) {
        return Some(area.code());
    }
    match text.as_bytes() {
        &[first, second] if first.is_ascii_uppercase() && second.is_ascii_uppercase() => Some(u16::from_be_bytes([first, second])),
        _ => None,
    }
}

/// The name of a region or special area for people. `None` for letters that are no region.
#[must_use]
pub fn name(code: u16, language: Language) -> Option<&'static str> {
    if let Some(area) = Area::of_code(code) {
        return Some(match language {
            Language::English => area.english(),
            Language::Japanese => area.japanese(),
        });
    }
    let pseudo = match &code.to_be_bytes() {
        // Addresses of a registry that says no more than the continent.
        b"EU" => Some(("Europe (region not given)", "ヨーロッパ (地域不明)")),
        b"AP" => Some(("Asia-Pacific (region not given)", "アジア太平洋 (地域不明)")),
        _ => None,
    };
    let (english, japanese) = pseudo.or_else(|| {
        let table = names();
        let at = table.binary_search_by_key(&code, |(code, _, _)| *code).ok()?;
        table.get(at).map(|(_, english, japanese)| (*english, *japanese))
    })?;
    Some(match language {
        Language::English => english,
        Language::Japanese => japanese,
    })
}

/// Whether the code is a special area, so that no network announces it.
#[must_use]
pub fn is_special(code: u16) -> bool {
    Area::of_code(code).is_some()
}

fn names() -> &'static [(u16, &'static str, &'static str)] {
    static TABLE: OnceLock<Vec<(u16, &'static str, &'static str)>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: Vec<_> = NAMES
            .lines()
            .filter_map(|line| {
                let mut columns = line.split('\t');
                Some((code(columns.next()?)?, columns.next()?, columns.next()?))
            })
            .collect();
        table.sort_unstable_by_key(|(code, _, _)| *code);
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_spell_regions_in_many_ways() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(code_of(text).map(code_text), expected, "{text:?}");
        };
        check("JP", Some("JP"));
        check("jp", Some("JP"));
        check("UK", Some("GB"));
        check("GB", Some("GB"));
        check("XK", Some("XK"));
        check("EU", Some("EU"));
        check("AP", Some("AP"));
        for nothing in ["", "J", "JPN", "--", "A1", "T1", "XX", "ZZ", "Ｊ", "日本"] {
            check(nothing, None);
        }
    }

    #[test]
    fn text_and_code_round_trip() {
        for number in 0..=u16::MAX {
            let text = code_text(number);
            let back = code(text).unwrap();
            assert!(back == number || text == "ZZ", "{number:#x} {text}");
        }
        for area in Area::ALL {
            assert_eq!(code(area.name()), Some(area.code()));
            assert!(is_special(area.code()));
        }
        assert_eq!(code_text(UNKNOWN), "ZZ");
        assert_eq!(code("zz"), None);
        assert_eq!(code("home"), None);
        assert!(!is_special(UNKNOWN));
    }

    #[test]
    fn every_region_has_both_names() {
        assert!(names().len() > 250, "{}", names().len());
        for (code, english, japanese) in names() {
            assert!(!english.is_empty() && !japanese.is_empty(), "{}", code_text(*code));
            assert!(!japanese.is_ascii(), "{japanese}");
        }
        let check = |text: &str, english: Option<&str>, japanese: Option<&str>| {
            let code = code(text).unwrap();
            assert_eq!(name(code, Language::English), english, "{text}");
            assert_eq!(name(code, Language::Japanese), japanese, "{text}");
        };
        check("JP", Some("Japan"), Some("日本"));
        check("US", Some("United States"), Some("アメリカ合衆国"));
        check("HK", Some("Hong Kong"), Some("香港"));
        check("XK", Some("Kosovo"), Some("コソボ"));
        check("ZZ", Some("Unknown Region"), Some("不明な地域"));
        check("EU", Some("Europe (region not given)"), Some("ヨーロッパ (地域不明)"));
        check("private", Some("Private addresses"), Some("プライベートアドレス"));
        check("QX", None, None);
    }
}
