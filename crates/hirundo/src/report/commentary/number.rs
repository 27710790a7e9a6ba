//! Numbers as people write them in Japanese and English: which values each would still be true of.

/// A part of a round number by which "about" may miss: 約30 is said of 25.5 to 34.5.
const ABOUT_PART: f64 = 0.15;
/// A part of a fraction by which it may miss: a third is said of 0.3 to 0.37.
const FRACTION_PART: f64 = 0.1;
/// "Over 5" is said of 5 to 10: beyond that it is true and says nothing.
const BOUND_FACTOR: f64 = 2.0;
/// Digits of a number that are read; no count has more.
const DIGITS_MAX: usize = 15;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Anything.
    Plain,
    /// Something that stands beside it: packets, addresses, hosts, a rank.
    Counted,
    /// Per cent.
    Percent,
    /// Multiples.
    Times,
    /// Part of one: a third.
    Fraction,
}

/// A number in a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Amount {
    /// Least value it would be said of.
    pub(super) low: f64,
    /// Largest.
    pub(super) high: f64,
    /// What it counts.
    pub(super) unit: Unit,
    /// First character of it in the plain text.
    pub(super) start: usize,
    /// The one after its last, the unit included.
    pub(super) end: usize,
    /// What its last digit stands for.
    step: f64,
    /// 10^(zeros at its end) times `step`.
    round_step: f64,
    /// Multiplier of the last part (万).
    scale: f64,
    negative: bool,
}

/// Multipliers, the longest words first.
const SCALES: [(&str, f64); 9] = [
    ("百万", 1e6),
    ("兆", 1e12),
    ("億", 1e8),
    ("万", 1e4),
    ("千", 1e3),
    ("thousand", 1e3),
    ("million", 1e6),
    ("billion", 1e9),
    ("k", 1e3),
];

/// Units after a number.
const UNITS: [(&str, Unit); 36] = [
    ("%", Unit::Percent),
    ("パーセント", Unit::Percent),
    ("ポイント", Unit::Percent),
    ("percent", Unit::Percent),
    ("per cent", Unit::Percent),
    ("pct", Unit::Percent),
    ("倍", Unit::Times),
    ("times", Unit::Times),
    ("-fold", Unit::Times),
    ("fold", Unit::Times),
    ("x", Unit::Times),
    ("×", Unit::Times),
    ("パケット", Unit::Counted),
    ("アドレス", Unit::Counted),
    ("ipアドレス", Unit::Counted),
    ("ホスト", Unit::Counted),
    ("件", Unit::Counted),
    ("台", Unit::Counted),
    ("個", Unit::Counted),
    ("位", Unit::Counted),
    ("か国", Unit::Counted),
    ("packet", Unit::Counted),
    ("packets", Unit::Counted),
    ("address", Unit::Counted),
    ("addresses", Unit::Counted),
    ("ip addresses", Unit::Counted),
    ("distinct sources", Unit::Counted),
    ("source", Unit::Counted),
    ("sources", Unit::Counted),
    ("source addresses", Unit::Counted),
    ("host", Unit::Counted),
    ("hosts", Unit::Counted),
    ("device", Unit::Counted),
    ("devices", Unit::Counted),
    ("routers", Unit::Counted),
    ("victims", Unit::Counted),
];

/// Words that are numbers.
const WORDS: [(&str, f64, Unit); 30] = [
    ("quadrupled", 4.0, Unit::Times),
    ("tripled", 3.0, Unit::Times),
    ("trebled", 3.0, Unit::Times),
    ("triple", 3.0, Unit::Times),
    ("doubled", 2.0, Unit::Times),
    ("double", 2.0, Unit::Times),
    ("twice", 2.0, Unit::Times),
    ("halved", 0.5, Unit::Times),
    ("倍増", 2.0, Unit::Times),
    ("半減", 0.5, Unit::Times),
    ("半分", 0.5, Unit::Fraction),
    ("半数", 0.5, Unit::Fraction),
    ("half", 0.5, Unit::Fraction),
    ("two thirds", 2.0 / 3.0, Unit::Fraction),
    ("three quarters", 0.75, Unit::Fraction),
    ("a third", 1.0 / 3.0, Unit::Fraction),
    ("one third", 1.0 / 3.0, Unit::Fraction),
    ("a quarter", 0.25, Unit::Fraction),
    ("one quarter", 0.25, Unit::Fraction),
    ("a fifth", 0.2, Unit::Fraction),
    ("two", 2.0, Unit::Plain),
    ("three", 3.0, Unit::Plain),
    ("four", 4.0, Unit::Plain),
    ("five", 5.0, Unit::Plain),
    ("six", 6.0, Unit::Plain),
    ("seven", 7.0, Unit::Plain),
    ("eight", 8.0, Unit::Plain),
    ("nine", 9.0, Unit::Plain),
    ("ten", 10.0, Unit::Plain),
    ("twelve", 12.0, Unit::Plain),
];

/// What a word beside a number does to it, and whether it stands before or behind.
const BEFORE: [(&str, Qualifier); 27] = [
    ("約", Qualifier::About),
    ("およそ", Qualifier::About),
    ("おおよそ", Qualifier::About),
    ("ほぼ", Qualifier::About),
    ("概ね", Qualifier::About),
    ("about", Qualifier::About),
    ("around", Qualifier::About),
    ("roughly", Qualifier::About),
    ("approximately", Qualifier::About),
    ("some", Qualifier::About),
    ("~", Qualifier::About),
    ("nearly", Qualifier::Nearly),
    ("almost", Qualifier::Nearly),
    ("close to", Qualifier::Nearly),
    ("just under", Qualifier::Nearly),
    ("just over", Qualifier::Slightly),
    ("not over", Qualifier::Under),
    ("over", Qualifier::Over),
    ("no more than", Qualifier::Under),
    ("more than", Qualifier::Over),
    ("above", Qualifier::Over),
    ("at least", Qualifier::Over),
    ("under", Qualifier::Under),
    ("less than", Qualifier::Under),
    ("fewer than", Qualifier::Under),
    ("below", Qualifier::Under),
    ("at most", Qualifier::Under),
];

/// As [`BEFORE`], behind the number and its unit.
const BEHIND: [(&str, Qualifier); 18] = [
    ("程度", Qualifier::About),
    ("ほど", Qualifier::About),
    ("前後", Qualifier::About),
    ("くらい", Qualifier::About),
    ("ぐらい", Qualifier::About),
    ("or so", Qualifier::About),
    ("弱", Qualifier::Nearly),
    ("近く", Qualifier::Nearly),
    ("足らず", Qualifier::Nearly),
    ("強", Qualifier::Slightly),
    ("余", Qualifier::Slightly),
    ("以上", Qualifier::Over),
    ("超", Qualifier::Over),
    ("を超", Qualifier::Over),
    ("を上回", Qualifier::Over),
    ("or more", Qualifier::Over),
    ("未満", Qualifier::Under),
    ("以下", Qualifier::Under),
];

/// How a number is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Qualifier {
    /// Round, if it ends in zeros.
    About,
    /// A little less.
    Nearly,
    /// A little more.
    Slightly,
    /// That or more.
    Over,
    /// That or less.
    Under,
}

/// The text in one form: full-width letters and digits narrow, dashes of ranges as `~`, lower case, spaces
/// plain, hidden characters gone. Characters, so that places in it can be named.
pub(super) fn plain(text: &str) -> Vec<char> {
    text.chars()
        .filter_map(|character| match character {
            '−' => Some('-'),
            '～' | '〜' | '–' | '—' | '‒' => Some('~'),
            '\u{ff01}'..='\u{ff5d}' => char::from_u32(u32::from(character) - 0xfee0).map(|narrow| narrow.to_ascii_lowercase()),
            character if character.is_whitespace() => Some(' '),
            character if crate::view::text::is_hidden(character) => None,
            character => Some(character.to_ascii_lowercase()),
        })
        .collect()
}

/// Whether the characters from `at` on are those of the word; a word of letters must end there.
pub(super) fn begins(text: &[char], at: usize, word: &str) -> bool {
    let mut place = at;
    for letter in word.chars() {
        if text.get(place) != Some(&letter) {
            return false;
        }
        place += 1;
    }
    let ends_in_letter = word.ends_with(|letter: char| letter.is_ascii_alphabetic());
    !(ends_in_letter && text.get(place).is_some_and(char::is_ascii_alphanumeric))
}

/// Whether the characters before `at` are those of the word; a word of letters must begin there.
pub(super) fn ends(text: &[char], at: usize, word: &str) -> bool {
    let Some(start) = at.checked_sub(word.chars().count()) else {
        return false;
    };
    let is_inside = start > 0
        && word.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.get(start - 1).is_some_and(char::is_ascii_alphanumeric);
    let head = text.get(..at).unwrap_or(text);
    !is_inside && begins(head, start, word)
}

/// The numbers of a text in the form of [`plain`], ranges (3～5) as one.
pub(super) fn amounts(text: &[char]) -> Vec<Amount> {
    let mut found: Vec<Amount> = Vec::new();
    let mut place = 0;
    while let Some(character) = text.get(place) {
        let read = if character.is_ascii_digit() {
            digits(text, place, found.last().map_or(0, |last| last.end))
        } else {
            word(text, place)
        };
        match read {
            Some(mut amount) => {
                place = amount.end;
                match found.last_mut().filter(|last| is_range(text, last, &amount)) {
                    Some(last) => join(last, &amount),
                    None => {
                        qualify(text, &mut amount);
                        found.push(amount);
                    }
                }
            }
            None => place = skipped(text, place),
        }
    }
    found
}

/// The place behind what begins here and is no number: the rest of a run of digits and letters.
fn skipped(text: &[char], place: usize) -> usize {
    let is_name = |at: usize| text.get(at).is_some_and(char::is_ascii_alphanumeric);
    if !is_name(place) {
        return place + 1;
    }
    (place..text.len()).find(|at| !is_name(*at)).unwrap_or(text.len())
}

/// A number of digits at `start`; `None` for a part of a name (CVE-2022-1388, 23/TCP, Q2). `last` is where the
/// number before it ended: 3-5 is a range.
fn digits(text: &[char], start: usize, last: usize) -> Option<Amount> {
    let before = |count: usize| start.checked_sub(count).and_then(|at| text.get(at)).copied();
    let is_named = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '/'));
    if is_named(before(1)) || (before(1) == Some('-') && is_named(before(2)) && last + 1 != start) {
        return None;
    }
    let mut amount = Amount {
        low: 0.0,
        high: 0.0,
        unit: Unit::Plain,
        start,
        end: start,
        step: 1.0,
        round_step: 1.0,
        scale: 1.0,
        negative: matches!(before(1), Some('-' | '▲')),
    };
    let mut value = 0.0;
    let mut scale_last = f64::INFINITY;
    while let Some((number, decimals, zeros, end)) = decimal(text, amount.end) {
        let spaced = spaces(text, end);
        let scale = SCALES.iter().find(|(word, _)| begins(text, spaced, word));
        let multiplier = scale.map_or(1.0, |(_, multiplier)| *multiplier);
        if multiplier >= scale_last {
            break;
        }
        amount.scale = multiplier;
        amount.end = scale.map_or(end, |(word, _)| spaced + word.chars().count());
        value += number * amount.scale;
        amount.step = amount.scale / 10_f64.powi(decimals);
        amount.round_step = amount.step * 10_f64.powi(zeros);
        scale_last = amount.scale;
        if scale.is_none() {
            break;
        }
    }
    (amount.low, amount.high) = (value - amount.step / 2.0, value + amount.step / 2.0);
    if !fraction(text, &mut amount, value) {
        unit(text, &mut amount);
        let next = text.get(amount.end);
        let is_name = next == Some(&'/') && text.get(amount.end + 1).is_some_and(char::is_ascii_alphabetic);
        let is_glued = amount.unit == Unit::Plain && next.is_some_and(|next| next.is_ascii_alphabetic() || *next == '_');
        if is_name || is_glued {
            return None;
        }
    }
    Some(amount)
}

/// Digits with thousands separators and decimals: value, decimals, zeros at the end, and the place behind.
fn decimal(text: &[char], start: usize) -> Option<(f64, i32, i32, usize)> {
    let is_digit = |at: usize| text.get(at).is_some_and(char::is_ascii_digit);
    let is_group = |at: usize| text.get(at) == Some(&',') && (1..=3).all(|step| is_digit(at + step)) && !is_digit(at + 4);
    let mut written = String::new();
    let mut place = start;
    while is_digit(place) || is_group(place) {
        written.extend(text.get(place).filter(|digit| **digit != ','));
        place += 1;
    }
    let mut decimals = 0;
    if !written.is_empty() && text.get(place) == Some(&'.') && is_digit(place + 1) {
        written.push('.');
        place += 1;
        while is_digit(place) {
            written.extend(text.get(place));
            decimals += 1;
            place += 1;
        }
    }
    if written.is_empty() || written.len() > DIGITS_MAX {
        return None;
    }
    let zeros = if decimals == 0 {
        written.chars().rev().take_while(|digit| *digit == '0').count()
    } else {
        0
    };
    Some((written.parse().ok()?, decimals, i32::try_from(zeros).ok()?, place))
}

/// The place of the next character that is no space.
fn spaces(text: &[char], start: usize) -> usize {
    (start..text.len()).find(|at| text.get(*at) != Some(&' ')).unwrap_or(text.len())
}

/// Reads on where the number is part of a fraction: 1/3, 3分の1.
fn fraction(text: &[char], amount: &mut Amount, value: f64) -> bool {
    let (mark, is_japanese) = if begins(text, amount.end, "分の") {
        (2, true)
    } else if text.get(amount.end) == Some(&'/') {
        (1, false)
    } else {
        return false;
    };
    let Some((other, 0, _, end)) = decimal(text, amount.end + mark) else {
        return false;
    };
    let part = if is_japanese { other / value } else { value / other };
    if !part.is_finite() || part <= 0.0 || part >= 1.0 {
        return false;
    }
    amount.end = end;
    amount.unit = Unit::Fraction;
    (amount.low, amount.high) = (part * (1.0 - FRACTION_PART), part * (1.0 + FRACTION_PART));
    true
}

/// Takes the unit behind a number into it.
fn unit(text: &[char], amount: &mut Amount) {
    let place = spaces(text, amount.end);
    if begins(text, place, "割") && !begins(text, place, "割合") {
        amount.end = place + 1;
        amount.unit = Unit::Percent;
        for number in [
            &mut amount.low,
            &mut amount.high,
            &mut amount.step,
            &mut amount.round_step,
            &mut amount.scale,
        ] {
            *number *= 10.0;
        }
        return;
    }
    let known = UNITS.iter().filter(|(word, _)| begins(text, place, word));
    if let Some((word, unit)) = known.max_by_key(|(word, _)| word.len()) {
        amount.end = place + word.chars().count();
        amount.unit = *unit;
    }
}

/// A word that is a number.
fn word(text: &[char], start: usize) -> Option<Amount> {
    let is_inside =
        start > 0 && text.get(start).is_some_and(char::is_ascii_alphabetic) && text.get(start - 1).is_some_and(char::is_ascii_alphanumeric);
    if is_inside {
        return None;
    }
    // "five-fold" and "fivefold" are units behind a word.
    let (written, value, known) = WORDS.iter().find(|(word, _, unit)| {
        let end = start + word.chars().count();
        begins(text, start, word) || (*unit == Unit::Plain && begins(text, start, &format!("{word}fold")) && end < text.len())
    })?;
    let mut amount = Amount {
        low: value - 0.5,
        high: value + 0.5,
        unit: *known,
        start,
        end: start + written.chars().count(),
        step: 1.0,
        round_step: 1.0,
        scale: 1.0,
        negative: false,
    };
    match known {
        Unit::Fraction => (amount.low, amount.high) = (value * (1.0 - FRACTION_PART), value * (1.0 + FRACTION_PART)),
        Unit::Times if *value < 1.0 => (amount.low, amount.high) = (value * 0.85, value * 1.15),
        Unit::Times | Unit::Percent | Unit::Counted => {}
        Unit::Plain => unit(text, &mut amount),
    }
    Some(amount)
}

/// Widens or narrows what the number is said of, by the words beside it.
fn qualify(text: &[char], amount: &mut Amount) {
    let mut place = amount.start;
    while place > 0 && matches!(text.get(place - 1), Some(' ' | '-' | '▲' | '+')) {
        place -= 1;
    }
    let behind = spaces(text, amount.end);
    let before = BEFORE.iter().find(|(word, _)| ends(text, place, word));
    let qualifier = before.or_else(|| BEHIND.iter().find(|(word, _)| begins(text, behind, word)));
    let middle = f64::midpoint(amount.low, amount.high);
    match qualifier.map(|(_, qualifier)| *qualifier) {
        None => {}
        Some(Qualifier::About) => {
            let half = (amount.round_step / 2.0)
                .min(middle * ABOUT_PART)
                .max((amount.high - amount.low) / 2.0);
            (amount.low, amount.high) = (middle - half, middle + half);
        }
        Some(Qualifier::Nearly) => (amount.low, amount.high) = (middle * (1.0 - ABOUT_PART), middle),
        Some(Qualifier::Slightly) => (amount.low, amount.high) = (middle, middle * (1.0 + ABOUT_PART)),
        Some(Qualifier::Over) => (amount.low, amount.high) = (middle, middle * BOUND_FACTOR),
        Some(Qualifier::Under) => (amount.low, amount.high) = (middle / BOUND_FACTOR, middle),
    }
}

/// Whether the two are the ends of a range.
fn is_range(text: &[char], first: &Amount, second: &Amount) -> bool {
    let between: String = text.get(first.end..second.start).unwrap_or(&[]).iter().collect();
    let is_unit_fit = first.unit == second.unit || first.unit == Unit::Plain;
    is_unit_fit && matches!(between.trim(), "~" | "-" | "から" | "to" | "and" | "or" | "か")
}

/// Makes the first end of a range the whole of it; 3～5万 is 3万～5万.
fn join(first: &mut Amount, second: &Amount) {
    let mut low = first.low;
    if first.unit == Unit::Plain && (first.scale - 1.0).abs() < f64::EPSILON {
        let middle = f64::midpoint(first.low, first.high) * second.scale;
        low = middle - second.step / 2.0;
    }
    (first.low, first.high) = (low.min(second.low), second.high);
    first.unit = second.unit;
    first.end = second.end;
}

impl Amount {
    /// Whether a minus stands before it.
    pub(super) const fn is_negative(&self) -> bool {
        self.negative
    }
}
