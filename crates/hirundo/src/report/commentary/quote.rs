//! Whether a number or date that the analyst quotes still agrees with the fact behind it.

use chrono::Datelike;

use super::Fact;
use super::date::dates;
use super::number::{Amount, Unit, amounts, begins, plain};
use crate::period::{Day, Lang, month_name};
use crate::view::text::thousands;

/// Characters of a quoted text that are read; a quotation is a few words.
pub const QUOTE_CHARS_MAX: usize = 200;

/// How a quoted text stands to its fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would still be written so.
    Agrees,
    /// It would not.
    Stale,
    /// The text counts in another unit than the fact; the ending that the fact's name should have.
    Unit(&'static str),
    /// There is no number or date in the text, or more than can be compared.
    Unreadable,
}

/// Compares a quoted text with its fact. `name` tells the unit: names that end in `percent`,
/// and shares (`FINDING.share.SUBJECT`), are of per cent.
///
/// A number agrees when it is the fact's value rounded to the digits written: 5 with 4.5 to 5.5, 5.2 with 5.15
/// to 5.25, 12万 with 115,000 to 125,000. Words widen it: after "about" (約) zeros at the end are round, at most
/// 15 % to either side; "over" (以上) up to twice the number; "nearly" (弱) and "just over" (強) 15 %;
/// fractions ("a third") 10 %. A direction (増, "fell by") must be that of the fact's sign. All numbers of the
/// text must agree. A date agrees to the day, after "around" (頃) to within one; parts of a month (中旬,
/// "mid-May") are ten days.
#[must_use]
pub fn judge(text: &str, name: &str, fact: &Fact) -> Verdict {
    if text.chars().count() > QUOTE_CHARS_MAX {
        return Verdict::Unreadable;
    }
    let plain = plain(text);
    match fact {
        Fact::Day(day) => match dates(&plain).as_slice() {
            [date] if date.agrees(Day(*day)) => Verdict::Agrees,
            [_] => Verdict::Stale,
            _ => Verdict::Unreadable,
        },
        Fact::Number(value) => {
            let amounts = amounts(&plain);
            let is_percent = is_percent(name);
            let verdicts = amounts.iter().map(|amount| number(&plain, amount, is_percent, *value));
            verdicts.reduce(worse).unwrap_or(Verdict::Unreadable)
        }
        Fact::Text(known) => {
            let only = |text: &[char]| -> String { text.iter().filter(|letter| !letter.is_whitespace()).collect() };
            if only(&plain).contains(&only(&self::plain(known))) {
                Verdict::Agrees
            } else {
                Verdict::Stale
            }
        }
    }
}

/// Whether the fact of that name is of per cent: a field that ends in `percent`, or a contribution
/// (`FINDING.share.SUBJECT`).
fn is_percent(name: &str) -> bool {
    name.ends_with("percent") || name.contains(".share.")
}

/// What in a text looks like a fact: multiples, per cent, counts of something, fractions, days.
#[must_use]
pub fn claims(text: &str) -> Vec<String> {
    let mut plain = plain(text);
    let mut found: Vec<(usize, usize)> = dates(&plain)
        .iter()
        // 5/18 may be anything.
        .filter(|date| date.is_full() && (date.end - date.start > 5 || !part(&plain, date.start, date.end).contains(&'/')))
        .map(|date| (date.start, date.end))
        .collect();
    for (start, end) in &found {
        plain.get_mut(*start..*end).unwrap_or_default().fill(' ');
    }
    let is_claim = |amount: &&Amount| match amount.unit {
        Unit::Percent | Unit::Times | Unit::Counted => true,
        // "1/3" may be anything; "half" too.
        Unit::Fraction => part(&plain, amount.start, amount.end).contains(&'の'),
        Unit::Plain => false,
    };
    found.extend(amounts(&plain).iter().filter(is_claim).map(|amount| (amount.start, amount.end)));
    found.sort_unstable();
    // As written; the plain form has as many characters unless something hidden was taken out.
    let written: Vec<char> = text
        .chars()
        .filter(|character| character.is_whitespace() || !crate::view::text::is_hidden(*character))
        .collect();
    found
        .iter()
        .map(|(start, end)| part(&written, *start, *end).iter().collect())
        .collect()
}

fn part(text: &[char], start: usize, end: usize) -> &[char] {
    text.get(start..end).unwrap_or_default()
}

/// The fact as a person would write it, in figures.
#[must_use]
pub fn shown(fact: &Fact) -> String {
    match fact {
        Fact::Number(value) if value.abs() >= 100.0 => thousands(&format!("{value:.0}")),
        Fact::Number(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Fact::Number(value) => format!("{value:.2}"),
        Fact::Day(day) => Day(*day).to_string(),
        Fact::Text(text) => text.clone(),
    }
}

/// The fact as a quotation of it would begin: round, so that it stays true for a while, and as the language writes
/// it (`約4.6倍`, `18 May`). [`judge`] agrees with it.
#[must_use]
pub fn offered(name: &str, fact: &Fact, lang: Lang) -> String {
    let value = match fact {
        Fact::Number(value) => *value,
        Fact::Text(text) => return text.clone(),
        Fact::Day(day) => {
            let date = Day(*day).to_date();
            return match lang {
                Lang::Japanese => format!("{}月{}日", date.month(), date.day()),
                Lang::English => format!("{} {}", date.day(), month_name(date.month())),
            };
        }
    };
    let field = name.rsplit('.').next().unwrap_or(name);
    let (about, unit) = match (lang, field) {
        (Lang::Japanese, _) if is_percent(name) => ("約", "%"),
        (Lang::English, _) if is_percent(name) => ("about ", " %"),
        (Lang::Japanese, field) if field.starts_with("factor") => ("約", "倍"),
        (Lang::English, field) if field.starts_with("factor") => ("about ", " times"),
        (_, field) if matches!(field, "rank" | "turns") || field.starts_with("sensors") => ("", ""),
        (Lang::Japanese, _) => ("約", ""),
        (Lang::English, _) => ("about ", ""),
    };
    if about.is_empty() {
        return thousands(&format!("{value:.0}"));
    }
    format!("{about}{}{unit}", rounded(value))
}

/// The number to two digits or, from 100 on, three; whole numbers below 1,000 as they are.
fn rounded(value: f64) -> String {
    let size = value.abs();
    if (1_000.0..1e15).contains(&size) {
        let step = 10_f64.powf(size.log10().floor() - 2.0);
        return thousands(&format!("{:.0}", (value / step).round() * step));
    }
    if (value - value.round()).abs() < f64::EPSILON || size >= 10.0 {
        return format!("{value:.0}");
    }
    if size >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn number(text: &[char], amount: &Amount, is_percent: bool, value: f64) -> Verdict {
    match (amount.unit, is_percent) {
        (Unit::Percent, false) => return Verdict::Unit("percent"),
        (Unit::Times, true) => return Verdict::Unit("factor"),
        (Unit::Plain | Unit::Counted | Unit::Fraction, _) | (Unit::Percent, true) | (Unit::Times, false) => {}
    }
    // Part of a hundred, when the fact is.
    let scale = if is_percent && amount.unit == Unit::Fraction { 100.0 } else { 1.0 };
    let value = match direction(text, amount) {
        _ if !is_percent && !amount.is_negative() => value,
        Some(true) => value,
        Some(false) => -value,
        None => value.abs(),
    };
    let slack = value.abs() * 1e-9;
    if (amount.low * scale - slack..=amount.high * scale + slack).contains(&value) {
        Verdict::Agrees
    } else {
        Verdict::Stale
    }
}

/// Whether the text says up (`true`) or down.
fn direction(text: &[char], amount: &Amount) -> Option<bool> {
    if amount.is_negative() {
        return Some(false);
    }
    if amount.start > 0 && text.get(amount.start - 1) == Some(&'+') {
        return Some(true);
    }
    let ups = [
        "増",
        "上昇",
        "up",
        "rose",
        "rise",
        "increase",
        "increased",
        "grew",
        "growth",
        "higher",
        "gain",
    ];
    let downs = [
        "減",
        "低下",
        "下落",
        "down",
        "fell",
        "fall",
        "decrease",
        "decreased",
        "decline",
        "declined",
        "drop",
        "dropped",
        "lower",
        "less",
        "fewer",
    ];
    let says = |words: &[&str]| {
        (0..text.len()).any(|place| {
            // "Less than" bounds a number and tells no direction.
            let is_word = words.iter().any(|word| begins(text, place, word));
            let is_bound = ["less than", "fewer than"].iter().any(|bound| begins(text, place, bound));
            is_word && !is_bound && !(place > 0 && text.get(place - 1).is_some_and(char::is_ascii_alphabetic))
        })
    };
    match (says(&ups), says(&downs)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        (true, true) | (false, false) => None,
    }
}

/// The worse of two.
fn worse(first: Verdict, second: Verdict) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Agrees => 0,
        Verdict::Unreadable => 1,
        Verdict::Unit(_) => 2,
        Verdict::Stale => 3,
    };
    if rank(&second) > rank(&first) { second } else { first }
}
