//! Colours, fonts and characters of SVG figures: right in print, on light and on dark.

use std::fmt::Write;

use crate::view::text::{is_hidden, width};

/// Colours of the series on light and on dark, in their order of use.
///
/// Found by search near the hues of Okabe and Ito's set for colour-blind readers (jfly.uni-koeln.de/color): all
/// have a contrast of 3 and more on their paper (WCAG 2.2, 1.4.11), the first five also differ in lightness, so
/// that they keep apart for protanopes, deuteranopes and tritanopes.
pub(super) const SERIES: [(&str, &str); 12] = [
    ("#2350c8", "#6590ff"),
    ("#a9450a", "#f06432"),
    ("#379bb3", "#7cecf0"),
    ("#701a58", "#b877a4"),
    ("#e07800", "#f8cc30"),
    ("#8a72ee", "#b3a4ff"),
    ("#553708", "#cf9f80"),
    ("#6d7096", "#8d95ad"),
    ("#39824f", "#7fc98a"),
    ("#c23575", "#ff8fbe"),
    ("#7d8500", "#c5cf52"),
    ("#005f6b", "#52a8b3"),
];

/// Characters of a text that are drawn.
const TEXT_CHARS_MAX: usize = 1_000;

/// Fonts that have Japanese where there are such, else whatever the reader has.
pub(super) const FONTS: &str = "'Noto Sans', 'Noto Sans CJK JP', 'Noto Sans JP', 'Hiragino Sans', 'Yu Gothic', \
                                Meiryo, 'Helvetica Neue', Arial, sans-serif";

/// A colour of the frame: the attribute, its class, and its values on light and on dark.
#[derive(Clone, Copy)]
pub(super) struct Tone {
    class: &'static str,
    attribute: &'static str,
    pub(super) light: &'static str,
    pub(super) dark: &'static str,
}

const fn tone(class: &'static str, attribute: &'static str, light: &'static str, dark: &'static str) -> Tone {
    Tone {
        class,
        attribute,
        light,
        dark,
    }
}

pub(super) const PAPER: Tone = tone("hp", "fill", "#ffffff", "#15181d");
/// Outlines that keep shapes apart from what lies below them.
pub(super) const HALO: Tone = tone("ho", "stroke", "#ffffff", "#15181d");
pub(super) const TEXT: Tone = tone("ht", "fill", "#1b1f24", "#eceff2");
pub(super) const SOFT: Tone = tone("hs", "fill", "#555e68", "#a7b1bb");
pub(super) const GRID: Tone = tone("hg", "stroke", "#e6e9ec", "#2a3038");
pub(super) const AXIS: Tone = tone("ha", "stroke", "#7a848e", "#7a848e");
pub(super) const VEIL: Tone = tone("hv", "fill", "#f6f7f8", "#1b1f25");
pub(super) const HATCH: Tone = tone("hh", "stroke", "#d5dae0", "#363d47");
pub(super) const BADGE: Tone = tone("hb", "fill", "#3a434d", "#d5dbe1");
pub(super) const BADGE_TEXT: Tone = tone("hn", "fill", "#ffffff", "#15181d");
/// What is not told apart, and what is written on it.
pub(super) const REST: Tone = tone("hr", "fill", "#c3c9d0", "#4a535e");
pub(super) const REST_TEXT: Tone = tone("hx", "fill", "#1b1f24", "#eceff2");

pub(super) const TONES: [Tone; 12] = [PAPER, HALO, TEXT, SOFT, GRID, AXIS, VEIL, HATCH, BADGE, BADGE_TEXT, REST, REST_TEXT];

impl Tone {
    /// The attributes of an element in this tone: right without style sheets, and changed by the one below.
    pub(super) fn attributes(self) -> String {
        format!("class=\"{}\" {}=\"{}\"", self.class, self.attribute, self.light)
    }
}

/// The attributes of a line of a series.
pub(super) fn stroke(series: usize) -> String {
    let place = series % SERIES.len();
    format!("class=\"hl{place}\" stroke=\"{}\"", SERIES[place].0)
}

/// The attributes of a filled shape of a series.
pub(super) fn fill(series: usize) -> String {
    let place = series % SERIES.len();
    format!("class=\"hf{place}\" fill=\"{}\"", SERIES[place].0)
}

/// The attributes of text on a filled shape of a series.
pub(super) fn text_on(series: usize) -> String {
    let place = series % SERIES.len();
    format!("class=\"hi{place}\" fill=\"{}\"", readable_on(SERIES[place].0))
}

/// Black or white, whichever is read better on a colour.
pub(super) fn readable_on(colour: &str) -> &'static str {
    let (white, black) = ("#ffffff", "#101317");
    if contrast(colour, white) >= contrast(colour, black) {
        white
    } else {
        black
    }
}

/// The contrast of two colours written `#rrggbb`, 1 to 21 (WCAG 2.2, definition of contrast ratio).
pub(super) fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

/// The relative luminance of a colour (WCAG 2.2).
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = colour.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let value = f64::from(value.unwrap_or(0)) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

/// The style sheet of the dark look; everything else is in attributes. Rules hold below the element of the given
/// id only, so that a figure set into a page changes nothing but itself, and only for classes that `body` uses.
pub(super) fn dark_style(id: &str, body: &str) -> String {
    let mut rules: Vec<(String, String)> = Vec::new();
    for tone in TONES {
        rules.push((tone.class.to_owned(), format!("{}:{}", tone.attribute, tone.dark)));
    }
    for (place, (_, dark)) in SERIES.iter().enumerate() {
        rules.push((format!("hl{place}"), format!("stroke:{dark}")));
        rules.push((format!("hf{place}"), format!("fill:{dark}")));
        rules.push((format!("hi{place}"), format!("fill:{}", readable_on(dark))));
    }
    rules.retain(|(class, _)| body.contains(&format!("class=\"{class}\"")));
    let mut below = [String::new(), String::new()];
    let roots = [":root:not([data-theme=\"light\"])", ":root[data-theme=\"dark\"]"];
    for (out, root) in below.iter_mut().zip(roots) {
        for (class, rule) in &rules {
            // Writing to a String cannot fail.
            write!(out, "{root} #{id} .{class}{{{rule}}}").unwrap_or_default();
        }
    }
    let [preferred, chosen] = below;
    format!(
        "<style>@media screen and (prefers-color-scheme:dark){{{preferred}}}@media screen{{{chosen}}}\
         @media print{{#{id} .day{{display:none}}}}#{id} .day:hover rect{{fill-opacity:.07}}</style>"
    )
}

/// The text for element content and attribute values: markup escaped, characters that XML 1.0 forbids or that
/// hide or reverse other text replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            hidden if is_hidden(hidden) => out.push('\u{fffd}'),
            plain => out.push(plain),
        }
    }
    out
}

/// About how wide a text is in pixels, without knowing the reader's font: rather too wide than too narrow.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// About the advance of a character, in em: as in the usual sans-serif fonts.
fn advance(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '(' | ')' | '/' | 't' | 'f' | 'r' | '-' => 0.37,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        '0'..='9' | 'a'..='z' => 0.58,
        'A'..='Z' => 0.68,
        // Drawn as a replacement character.
        '\u{fffd}' => 1.0,
        hidden if is_hidden(hidden) => 1.0,
        other => match width(other.encode_utf8(&mut [0; 4])) {
            0 => 0.0,
            1 => 0.62,
            // Pictures are wider than their square.
            _ if u32::from(other) > 0x1_f000 => 1.4,
            _ => 1.0,
        },
    }
}

/// The text, or as much of it as fits into `room` pixels with a `…` at its end.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    let mut cut = String::new();
    let (mut used, ellipsis) = (0.0, advance('…') * size);
    let mut chars = text.chars();
    // A text of many megabytes, or of many marks without width, is not measured to its end.
    for character in chars.by_ref().take(TEXT_CHARS_MAX) {
        used += advance(character) * size;
        if used > room {
            while !cut.is_empty() && text_width(&cut, size) + ellipsis > room {
                cut.pop();
            }
            return if room > ellipsis { cut + "…" } else { cut };
        }
        cut.push(character);
    }
    if chars.next().is_some() { cut + "…" } else { cut }
}

/// An id of an element: letters, digits, `-`; never empty, never beginning with a digit.
pub(super) fn identifier(text: &str) -> String {
    let kept = text
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '-');
    format!("fig-{}", kept.take(64).collect::<String>())
}
