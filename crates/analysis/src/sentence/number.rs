//! Numbers in words, with two significant digits at most where they are estimates.

use crate::Lang;

/// Changes of less than this have no number, only "slightly".
const SLIGHT: f64 = 0.1;
/// Changes of less than this are none.
const SAME: f64 = 0.01;
/// Above this many times a factor says nothing but "very many".
const TIMES_MAX: f64 = 10_000.0;
/// Falls to less than this part are falls to practically nothing.
const NOTHING: f64 = 0.005;
/// Quantities above this are cut to it, so that no text grows endless.
const QUANTITY_MAX: f64 = 1e15;

/// A factor as it is said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Amount {
    /// So many times as much (more than twice).
    Times(String),
    /// More than this many times as much.
    MoreThanTimes(String),
    /// About twice as much.
    Double,
    /// Per cent more.
    Above(String),
    /// Per cent less.
    Below(String),
    /// About half.
    Half,
    /// A little more.
    SlightlyAbove,
    /// A little less.
    SlightlyBelow,
    /// As much.
    Same,
    /// Now there is practically nothing.
    Nothing,
    /// There was practically nothing before.
    FromNothing,
    /// The factor is not a number.
    Unknown,
}

impl Amount {
    /// How a factor is said: in times from 2 on, below in per cent to the next 5, very small ones without number.
    pub(super) fn of(factor: f64) -> Self {
        if factor.is_nan() || factor < 0.0 {
            return Amount::Unknown;
        }
        if factor.is_infinite() {
            return Amount::FromNothing;
        }
        let percent = (factor - 1.0).abs() * 100.0;
        match factor {
            f if f < NOTHING => Amount::Nothing,
            f if (0.475..0.525).contains(&f) => Amount::Half,
            f if f <= 1.0 - SLIGHT => Amount::Below(if percent > 92.5 {
                format!("{:.0}", percent.min(99.0))
            } else {
                to_five(percent)
            }),
            f if f <= 1.0 - SAME => Amount::SlightlyBelow,
            f if f < 1.0 + SAME => Amount::Same,
            f if f < 1.0 + SLIGHT => Amount::SlightlyAbove,
            f if f < 1.95 => Amount::Above(to_five(percent)),
            f if f < 2.05 => Amount::Double,
            f if f > TIMES_MAX => Amount::MoreThanTimes(separated(&format!("{TIMES_MAX:.0}"))),
            f => Amount::Times(times(f)),
        }
    }

    /// Whether it is more than before; `None` when neither more nor less.
    pub(super) fn is_more(&self) -> Option<bool> {
        match self {
            Amount::Times(_)
            | Amount::MoreThanTimes(_)
            | Amount::Double
            | Amount::Above(_)
            | Amount::SlightlyAbove
            | Amount::FromNothing => Some(true),
            Amount::Below(_) | Amount::Half | Amount::SlightlyBelow | Amount::Nothing => Some(false),
            Amount::Same | Amount::Unknown => None,
        }
    }
}

/// Tenths below 3, halves below 5, then whole numbers of two significant digits: no step is more than a tenth.
fn times(factor: f64) -> String {
    let rounded = if factor < 2.95 {
        (factor * 10.0).round() / 10.0
    } else if factor < 5.0 {
        (factor * 2.0).round() / 2.0
    } else if factor < 100.0 {
        factor.round()
    } else {
        two_digits(factor)
    };
    separated(&rounded.to_string())
}

fn to_five(percent: f64) -> String {
    format!("{:.0}", (percent / 5.0).round() * 5.0)
}

fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// An estimated quantity with two significant digits: `1,300`, `12`, `0.4`; `None` when it is not a quantity.
pub(super) fn quantity(value: f64) -> Option<String> {
    (value.is_finite() && value >= 0.0).then(|| {
        // Below a millionth nothing is worth digits.
        let value = if value < 1e-6 { 0.0 } else { value.min(QUANTITY_MAX) };
        separated(&two_digits(value).to_string())
    })
}

/// A quantity rounded to a whole number that is counted and not estimated: `2,151`.
pub(super) fn whole(value: f64) -> Option<String> {
    (value.is_finite() && value >= 0.0).then(|| separated(&format!("{:.0}", value.min(QUANTITY_MAX))))
}

/// A count: `12,345,678`.
pub(super) fn count(value: u64) -> String {
    separated(&value.to_string())
}

/// A share in whole per cent: `62 %`, `less than 1 %`; `62％`, `1％未満`; `None` when it is not a share.
pub(super) fn share(percent: f64, lang: Lang) -> Option<String> {
    // A share may come out a hair above the whole; anything more is an error not to be printed.
    if !(0.0..=100.5).contains(&percent) {
        return None;
    }
    let text = match lang {
        Lang::English if percent > 0.0 && percent < 1.0 => "less than 1 %".to_owned(),
        Lang::Japanese if percent > 0.0 && percent < 1.0 => "1％未満".to_owned(),
        Lang::English if percent > 99.0 && percent < 100.0 => "more than 99 %".to_owned(),
        Lang::Japanese if percent > 99.0 && percent < 100.0 => "99％超".to_owned(),
        Lang::English => format!("{percent:.0} %"),
        Lang::Japanese => format!("{percent:.0}％"),
    };
    Some(text)
}

/// The share of a part in a whole; `None` when there is no whole or the part is larger.
pub(super) fn share_of(part: u64, whole: u64, lang: Lang) -> Option<String> {
    if whole == 0 || part > whole {
        return None;
    }
    // Precise to 53 bits, which is more than whole per cent need.
    share(part as f64 / whole as f64 * 100.0, lang)
}

/// `1st`, `2nd`, `11th`; `1位`.
pub(super) fn rank(rank: u32, lang: Lang) -> String {
    let number = count(u64::from(rank));
    match (lang, rank % 10, rank % 100) {
        (Lang::Japanese, _, _) => format!("{number}位"),
        (Lang::English, _, 11..=13) => format!("{number}th"),
        (Lang::English, 1, _) => format!("{number}st"),
        (Lang::English, 2, _) => format!("{number}nd"),
        (Lang::English, 3, _) => format!("{number}rd"),
        (Lang::English, _, _) => format!("{number}th"),
    }
}

/// Commas between the thousands of a decimal number without sign.
fn separated(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}
