//! Characters that can be printed: hidden ones are made visible, those that no font has are replaced.

use std::collections::BTreeSet;

use super::PdfError;
use super::fonts::Fonts;

/// Stands for what cannot be shown; the typesetter's own fonts have it.
const REPLACEMENT: char = '\u{fffd}';
/// Stands for an ideograph that no font has, as printers do in Japan.
const GETA: char = '〓';

/// Makes text printable in given fonts, and notes Japanese that is not.
pub(super) struct Characters<'a> {
    fonts: &'a Fonts,
    missing: BTreeSet<char>,
}

impl<'a> Characters<'a> {
    pub(super) fn new(fonts: &'a Fonts) -> Self {
        Self {
            fonts,
            missing: BTreeSet::new(),
        }
    }

    /// The text on one line, in characters that are there.
    pub(super) fn line(&mut self, text: &str) -> String {
        text.chars()
            .filter(|character| !is_selector(*character))
            .map(|character| self.shown(character))
            .collect()
    }

    /// The text with its lines, in characters that are there.
    pub(super) fn lines(&mut self, text: &str) -> String {
        let lines: Vec<String> = text.lines().map(|line| self.line(&line.replace('\t', "    "))).collect();
        lines.join("\n")
    }

    /// The SVG in characters that the first family has: figures do not fall back to others as text does.
    pub(super) fn svg(&mut self, svg: &str) -> String {
        let place = [REPLACEMENT, GETA]
            .into_iter()
            .find(|place| self.fonts.has_first(*place))
            .unwrap_or('?');
        let mut shown = String::with_capacity(svg.len());
        for character in svg.chars() {
            // Marks and white space of the markup are ASCII, and stay what they are.
            if character.is_ascii() || self.fonts.has_first(character) && !is_hidden(character) {
                shown.push(character);
            } else {
                self.note(character);
                shown.push(place);
            }
        }
        shown
    }

    /// # Errors
    /// Where Japanese text came by that no font has.
    pub(super) fn finish(self) -> Result<(), PdfError> {
        if self.missing.is_empty() {
            return Ok(());
        }
        Err(PdfError::NoJapanese {
            sample: self.missing.into_iter().take(8).collect(),
        })
    }

    fn shown(&mut self, character: char) -> char {
        if matches!(character, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}') {
            return ' ';
        }
        if is_hidden(character) {
            return REPLACEMENT;
        }
        if self.fonts.has(character) {
            return character;
        }
        if !is_japanese(character) {
            return REPLACEMENT;
        }
        self.note(character);
        if self.fonts.has_japanese() { GETA } else { REPLACEMENT }
    }

    /// Japanese cannot be left out where no font has any.
    fn note(&mut self, character: char) {
        if is_japanese(character) && !self.fonts.has_japanese() {
            self.missing.insert(character);
        }
    }
}

/// Controls, and what hides or reverses other text.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Chooses a form of the character before it; print shows the usual form.
fn is_selector(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Kana, ideographs, and the punctuation and wide forms that go with them.
pub(super) fn is_japanese(character: char) -> bool {
    matches!(character,
        '\u{2e80}'..='\u{2fdf}' | '\u{3000}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3200}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}
