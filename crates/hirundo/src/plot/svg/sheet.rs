//! What a figure is drawn on: elements in order, texts, the head above and the notes below a drawing.

use std::fmt::Write;

use super::Options;
use super::ink::{FONTS, PAPER, SOFT, TEXT, dark_style, escaped, fitted, identifier};
use crate::period::Lang;

/// Space around everything.
pub(super) const PAD: f64 = 12.0;
/// Sizes of text. In a figure made 720 wide and printed 170 mm wide, a unit is 0.669 pt: 10.5 are 7 pt.
pub(super) const TITLE: f64 = 15.0;
pub(super) const LABEL: f64 = 12.0;
pub(super) const SMALL: f64 = 11.0;
pub(super) const TINY: f64 = 10.5;
/// Height of a row of a legend or of notes.
pub(super) const ROW: f64 = 18.0;

/// A figure being drawn, from the top to the bottom.
pub(super) struct Sheet {
    /// Width in pixels.
    pub(super) width: f64,
    /// What the ids of its elements begin with.
    pub(super) id: String,
    /// The language of its words.
    pub(super) lang: Lang,
    body: String,
}

impl Sheet {
    pub(super) fn new(options: &Options, lang: Lang) -> Sheet {
        Sheet {
            width: options.size().0,
            id: identifier(&options.id),
            lang,
            body: String::new(),
        }
    }

    /// The word in the figure's language.
    pub(super) fn word(&self, english: &'static str, japanese: &'static str) -> &'static str {
        match self.lang {
            Lang::English => english,
            Lang::Japanese => japanese,
        }
    }

    pub(super) fn push(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    /// A text whose baseline begins at the place.
    pub(super) fn text(&mut self, (x, y): (f64, f64), attributes: &str, text: &str) {
        let text = escaped(text);
        self.push(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{text}</text>"));
    }

    /// The title, if it is drawn, and the unit below it in what `key` leaves of the width. Returns where the next
    /// thing may begin.
    pub(super) fn head(&mut self, title: Option<&str>, unit: &str, key: f64) -> f64 {
        let mut y = PAD;
        if let Some(title) = title {
            let attributes = format!("font-size=\"{TITLE}\" font-weight=\"bold\" {}", TEXT.attributes());
            let title = fitted(title, TITLE * 1.06, self.width - 2.0 * PAD);
            self.text((PAD, y + TITLE - 2.0), &attributes, &title);
            y += TITLE + 8.0;
        }
        let unit = fitted(unit, SMALL, self.width - 2.0 * PAD - key);
        self.text((PAD, y + SMALL - 1.0), &SOFT.attributes(), &unit);
        y + SMALL + 9.0
    }

    /// Lines of text from `y` downwards, those of marks with their numbers. Returns where they end.
    pub(super) fn notes(&mut self, mut y: f64, notes: &[(Option<String>, String)]) -> f64 {
        if !notes.is_empty() {
            y += 4.0;
        }
        for (number, text) in notes {
            let mut x = PAD;
            if let Some(number) = number {
                let attributes = format!("font-weight=\"bold\" {}", TEXT.attributes());
                self.text((x, y + SMALL), &attributes, number);
                x += 24.0;
            }
            let text = fitted(text, SMALL, self.width - PAD - x);
            self.text((x, y + SMALL), &SOFT.attributes(), &text);
            y += ROW;
        }
        y
    }

    /// The whole element, `height` high, with what it is called and what it shows in words.
    pub(super) fn finish(self, height: f64, title: &str, description: &str) -> String {
        let (width, id) = (self.width, &self.id);
        let inner = format!("{id}-f");
        let paper = format!("<rect width=\"{width:.0}\" height=\"{height:.0}\" {}/>", PAPER.attributes());
        let body = format!("{paper}\n{}", self.body);
        let mut out = String::with_capacity(body.len() + 4_096);
        // Writing to a String cannot fail.
        write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"{id}\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
             font-family=\"{FONTS}\" font-size=\"{SMALL}\">\n\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\n{}\n<g id=\"{inner}\">\n{body}</g>\n</svg>\n",
            escaped(title),
            escaped(description),
            dark_style(&inner, &body),
        )
        .unwrap_or_default();
        out
    }
}
