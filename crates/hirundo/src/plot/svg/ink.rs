//! Colours, fonts and characters of SVG figures: right in print, on light and on dark.

use std::fmt::Write;

use crate::view::text::{is_hidden, width};

/// Colours of the series on light and on dark, in their order of use. The light ones follow Okabe and Ito's
/// set for colour-blind readers (jfly.uni-koeln.de/color), its light tones darkened for lines on white.
pub(super) const SERIES: [(&str, &str); 9] = [
    ("#0072b2", "#5aaeea"),
    ("#d55e00", "#ff8f50"),
    ("#009e73", "#2fcb9f"),
    ("#b5579a", "#e39ccb"),
    ("#a87900", "#e8b93c"),
    ("#3d9bd6", "#9ad6ff"),
    ("#6a4fa3", "#b9a2f5"),
    ("#6b7075", "#b4bac0"),
    ("#7b3f1d", "#cf9a74"),
];

/// Fonts that have Japanese where there are such, else whatever the reader has.
pub(super) const FONTS: &str = "'Noto Sans', 'Noto Sans CJK JP', 'Noto Sans JP', 'Hiragino Sans', 'Yu Gothic', \
                                Meiryo, 'Helvetica Neue', Arial, sans-serif";

/// A colour of the frame: the attribute, its class, and its values on light and on dark.
#[derive(Clone, Copy)]
pub(super) struct Tone {
    class: &'static str,
    attribute: &'static str,
    pub(super) light: &'static str,
    dark: &'static str,
}

pub(super) const PAPER: Tone = Tone {
    class: "hp",
    attribute: "fill",
    light: "#ffffff",
    dark: "#15181d",
};
pub(super) const TEXT: Tone = Tone {
    class: "ht",
    attribute: "fill",
    light: "#1b1f24",
    dark: "#eceff2",
};
pub(super) const SOFT: Tone = Tone {
    class: "hs",
    attribute: "fill",
    light: "#59626c",
    dark: "#a2acb6",
};
pub(super) const GRID: Tone = Tone {
    class: "hg",
    attribute: "stroke",
    light: "#e4e7eb",
    dark: "#2b3139",
};
pub(super) const AXIS: Tone = Tone {
    class: "ha",
    attribute: "stroke",
    light: "#7a848e",
    dark: "#7a848e",
};
pub(super) const VEIL: Tone = Tone {
    class: "hv",
    attribute: "fill",
    light: "#f4f5f7",
    dark: "#1c2026",
};
pub(super) const HATCH: Tone = Tone {
    class: "hh",
    attribute: "stroke",
    light: "#c9cfd6",
    dark: "#3d4550",
};
pub(super) const BADGE: Tone = Tone {
    class: "hb",
    attribute: "fill",
    light: "#3a434d",
    dark: "#d5dbe1",
};
pub(super) const BADGE_TEXT: Tone = Tone {
    class: "hn",
    attribute: "fill",
    light: "#ffffff",
    dark: "#15181d",
};

const TONES: [Tone; 9] = [PAPER, TEXT, SOFT, GRID, AXIS, VEIL, HATCH, BADGE, BADGE_TEXT];

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

/// The attributes of a filled shape or text of a series.
pub(super) fn fill(series: usize) -> String {
    let place = series % SERIES.len();
    format!("class=\"hf{place}\" fill=\"{}\"", SERIES[place].0)
}

/// The style sheet for readers who prefer dark; everything else is in attributes. Rules hold below the
/// element of the given id only, so that a figure set into a page changes nothing but itself.
pub(super) fn dark_style(id: &str) -> String {
    let mut rules = String::new();
    for tone in TONES {
        // Writing to a String cannot fail.
        write!(rules, "#{id} .{}{{{}:{}}}", tone.class, tone.attribute, tone.dark).unwrap_or_default();
    }
    for (place, (_, dark)) in SERIES.iter().enumerate() {
        write!(rules, "#{id} .hl{place}{{stroke:{dark}}}#{id} .hf{place}{{fill:{dark}}}").unwrap_or_default();
    }
    format!("<style>@media (prefers-color-scheme: dark){{{rules}}}</style>")
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

/// About how wide a text is in pixels, without knowing the reader's font: half an em and a little a column.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    super::real(width(text)) * size * 0.56
}

/// An id of an element: letters, digits, `-`; never empty, never beginning with a digit.
pub(super) fn identifier(text: &str) -> String {
    let kept = text
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '-');
    format!("fig-{}", kept.take(64).collect::<String>())
}
