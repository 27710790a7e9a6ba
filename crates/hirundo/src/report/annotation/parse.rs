//! Reads `annotations.toml` strictly: every fault with its line and what to do about it.

use chrono::NaiveDate;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::nearest;
use super::{
    Annotation, Annotations, ENTRIES_MAX, FIGURES, FILE_BYTES_MAX, LINK_CHARS_MAX, SOURCE_CHARS_MAX, TEXT_CHARS_MAX, Texts, is_subject,
};
use crate::period::{Day, Period};
use crate::view::text::is_hidden;

/// Faults that are listed; further ones are found when these are mended.
pub(super) const FAULTS_MAX: usize = 100;

/// Keys at the top of the file.
const TABLES: [&str; 2] = ["annotation", "reference"];
/// Keys of an `[[annotation]]`.
const ANNOTATION_KEYS: [&str; 5] = ["date", "text", "link", "source", "figures"];
/// Keys of a `[[reference]]`.
const REFERENCE_KEYS: [&str; 3] = ["text", "link", "source"];
/// Languages.
const LANGUAGES: [&str; 2] = ["ja", "en"];
/// How dates are written.
const DATE_HINT: &str = "write `date = 2022-05-18`, or `date = [2022-05-18, 2022-05-20]` for the days from one to the other";

/// What is wrong with an `annotations.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnnotationError {
    /// The file is too large.
    #[error("cannot read annotations of {bytes} bytes; hint: at most {FILE_BYTES_MAX} bytes are read")]
    Size {
        /// Its size.
        bytes: usize,
    },
    /// There are too many entries.
    #[error("line {line}: cannot take more than {ENTRIES_MAX} annotations and references; hint: move those of past years to another file")]
    Count {
        /// Line of the first one too many.
        line: u32,
    },
    /// It is no TOML.
    #[error("line {line}: cannot read this as TOML: {why}; hint: entries begin with `[[annotation]]`, texts stand between double quotes")]
    Syntax {
        /// Line.
        line: u32,
        /// What the reader of TOML says.
        why: String,
    },
    /// A key that means nothing.
    #[error("line {line}: cannot take the key `{key}` in {place}; hint: {hint}")]
    Key {
        /// Line.
        line: u32,
        /// The key.
        key: String,
        /// Where it stands.
        place: &'static str,
        /// What may be meant.
        hint: String,
    },
    /// A key that must be there is not.
    #[error("line {line}: {place} without `{key}`; hint: {hint}")]
    Missing {
        /// Line of the entry.
        line: u32,
        /// The key.
        key: &'static str,
        /// Of what.
        place: &'static str,
        /// How it is written.
        hint: &'static str,
    },
    /// A value that cannot be taken.
    #[error("line {line}: cannot take the value of `{key}`, {why}; hint: {hint}")]
    Value {
        /// Line.
        line: u32,
        /// The key.
        key: String,
        /// What is wrong with it.
        why: String,
        /// How it is written.
        hint: String,
    },
}

impl AnnotationError {
    /// The line, from 1; 0 for the whole file.
    #[must_use]
    pub const fn line(&self) -> u32 {
        match self {
            AnnotationError::Size { .. } => 0,
            AnnotationError::Count { line }
            | AnnotationError::Syntax { line, .. }
            | AnnotationError::Key { line, .. }
            | AnnotationError::Missing { line, .. }
            | AnnotationError::Value { line, .. } => *line,
        }
    }
}

/// What is being read, and what was wrong so far.
struct Reader {
    /// Where each line but the first begins, in bytes.
    starts: Vec<usize>,
    faults: Vec<AnnotationError>,
}

/// Reads the whole file; see [`Annotations::parse`].
pub(super) fn annotations(text: &str) -> Result<Annotations, Vec<AnnotationError>> {
    if text.len() > FILE_BYTES_MAX {
        return Err(vec![AnnotationError::Size { bytes: text.len() }]);
    }
    let starts = text.match_indices('\n').map(|(place, _)| place + 1).collect();
    let faults = Vec::new();
    let mut reader = Reader { starts, faults };
    let root = DeTable::parse(text).map_err(|error| {
        let line = reader.line(error.span().map_or(0, |span| span.start));
        let why = error.message().lines().next().unwrap_or("unreadable").to_owned();
        vec![AnnotationError::Syntax { line, why }]
    })?;
    let mut entries = Vec::new();
    for (key, value) in root.get_ref() {
        match key.get_ref().as_ref() {
            "annotation" => reader.entries(value, true, &mut entries),
            "reference" => reader.entries(value, false, &mut entries),
            _ => reader.unknown(key, "the file", &TABLES),
        }
    }
    entries.sort_by_key(|entry: &Annotation| entry.line);
    if let Some(extra) = entries.get(ENTRIES_MAX) {
        reader.fault(AnnotationError::Count { line: extra.line });
    }
    reader.faults.sort_by_key(AnnotationError::line);
    if reader.faults.is_empty() {
        Ok(Annotations { entries })
    } else {
        Err(reader.faults)
    }
}

impl Reader {
    /// The line of a place in the text, from 1.
    fn line(&self, offset: usize) -> u32 {
        let before = self.starts.partition_point(|start| *start <= offset);
        u32::try_from(before).unwrap_or(u32::MAX - 1) + 1
    }

    fn fault(&mut self, fault: AnnotationError) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    fn unknown(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, place: &'static str, known: &[&str]) {
        let line = self.line(key.span().start);
        let name: String = key.get_ref().chars().take(40).collect();
        let hint = nearest::hint(&name, known.iter().copied(), &format!("it takes {}", known.join(", ")));
        self.fault(AnnotationError::Key {
            line,
            key: name,
            place,
            hint,
        });
    }

    fn value(&mut self, at: usize, key: &str, why: impl Into<String>, hint: impl Into<String>) {
        let (line, key) = (self.line(at), key.to_owned());
        let (why, hint) = (why.into(), hint.into());
        self.fault(AnnotationError::Value { line, key, why, hint });
    }

    /// All `[[annotation]]` or `[[reference]]` of the file.
    fn entries(&mut self, value: &Spanned<DeValue<'_>>, dated: bool, entries: &mut Vec<Annotation>) {
        let name = if dated { "annotation" } else { "reference" };
        let Some(list) = value.get_ref().as_array() else {
            let hint = format!("begin each entry with `[[{name}]]`, two brackets on either side");
            self.value(value.span().start, name, "which is no list of entries", hint);
            return;
        };
        for entry in list {
            if entries.len() > ENTRIES_MAX {
                return;
            }
            match entry.get_ref().as_table() {
                Some(table) => {
                    let read = self.entry(entry.span().start, table, dated);
                    entries.push(read);
                }
                None => self.value(
                    entry.span().start,
                    name,
                    "which is no entry",
                    format!("begin each with `[[{name}]]`"),
                ),
            }
        }
    }

    fn entry(&mut self, at: usize, table: &DeTable<'_>, dated: bool) -> Annotation {
        let (place, keys): (_, &[&str]) = if dated {
            ("an annotation", &ANNOTATION_KEYS)
        } else {
            ("a reference", &REFERENCE_KEYS)
        };
        let line = self.line(at);
        let mut entry = Annotation {
            line,
            days: None,
            text: Texts::default(),
            link: None,
            source: Texts::default(),
            figures: Vec::new(),
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "text" => entry.text = self.texts("text", value, TEXT_CHARS_MAX),
                "source" => entry.source = self.texts("source", value, SOURCE_CHARS_MAX),
                "link" => entry.link = self.link(value),
                "date" if dated => entry.days = self.days(value),
                "figures" if dated => entry.figures = self.figures(value),
                "date" | "figures" => {
                    let hint = "a dated entry begins with `[[annotation]]`".to_owned();
                    let (line, key) = (self.line(key.span().start), key.get_ref().to_string());
                    self.fault(AnnotationError::Key { line, key, place, hint });
                }
                _ => self.unknown(key, place, keys),
            }
        }
        let missing = |key, hint| AnnotationError::Missing { line, key, place, hint };
        if dated && !table.contains_key("date") {
            self.fault(missing("date", DATE_HINT));
        }
        if !table.contains_key("text") {
            self.fault(missing("text", "write `text.ja = \"...\"` and `text.en = \"...\"`"));
        }
        entry
    }

    /// A text for both languages, or a table with one for each.
    fn texts(&mut self, key: &str, value: &Spanned<DeValue<'_>>, chars_max: usize) -> Texts {
        let at = value.span().start;
        let mut texts = Texts::default();
        if key == "source" && value.get_ref().is_str() {
            texts.en = self.text(key, value, chars_max);
            texts.ja.clone_from(&texts.en);
            return texts;
        }
        let Some(table) = value.get_ref().as_table() else {
            let hint = format!("write `{key}.ja = \"...\"` and `{key}.en = \"...\"`");
            self.value(at, key, "which is not given for each language", hint);
            return texts;
        };
        for (lang, text) in table {
            match lang.get_ref().as_ref() {
                "ja" => texts.ja = self.text(&format!("{key}.ja"), text, chars_max),
                "en" => texts.en = self.text(&format!("{key}.en"), text, chars_max),
                _ => self.unknown(lang, "a text", &LANGUAGES),
            }
        }
        texts
    }

    /// One line of text.
    fn text(&mut self, key: &str, value: &Spanned<DeValue<'_>>, chars_max: usize) -> Option<String> {
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            self.value(at, key, "which is no text", "put it between double quotes");
            return None;
        };
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            self.value(at, key, "which is empty", "write a text, or leave the key out");
        } else if line.chars().count() > chars_max {
            self.value(at, key, "which is too long", format!("at most {chars_max} characters"));
        } else if line.chars().any(is_hidden) {
            self.value(at, key, "which holds characters that cannot be seen", "type it anew");
        } else {
            return Some(line);
        }
        None
    }

    fn link(&mut self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let link = self.text("link", value, LINK_CHARS_MAX)?;
        if let Some(why) = link_fault(&link) {
            let hint = "write the whole address, `https://...`, without spaces";
            self.value(value.span().start, "link", why, hint);
            return None;
        }
        Some(link)
    }

    fn figures(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<String> {
        let at = value.span().start;
        let Some(list) = value.get_ref().as_array() else {
            let hint = "write `figures = [\"ports\", \"mirai\"]`, or leave it out for all figures";
            self.value(at, "figures", "which is no list", hint);
            return Vec::new();
        };
        let mut figures: Vec<String> = Vec::new();
        for name in list {
            let known = format!(
                "figures are {}, or what a section is about, such as port-5501-tcp",
                FIGURES.join(", ")
            );
            match name.get_ref().as_str() {
                Some(name) if figures.iter().any(|known| known == name) => {}
                Some(name) if FIGURES.contains(&name) || is_subject(name) => figures.push(name.to_owned()),
                Some(unknown) => {
                    let unknown: String = unknown.chars().take(40).collect();
                    let hint = nearest::hint(&unknown, FIGURES, &known);
                    self.value(name.span().start, "figures", format!("no figure is named `{unknown}`"), hint);
                }
                None => self.value(name.span().start, "figures", "which holds something other than names", known),
            }
        }
        if list.is_empty() {
            self.value(at, "figures", "which is empty", "leave it out for all figures");
        }
        figures
    }

    fn days(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Period> {
        let at = value.span().start;
        let mut ends = Vec::new();
        let parts: Vec<&Spanned<DeValue<'_>>> = value.get_ref().as_array().map_or_else(|| vec![value], |list| list.iter().collect());
        for part in parts.iter().take(3) {
            match day(part.get_ref()) {
                Some(day) => ends.push(day),
                None => {
                    self.value(part.span().start, "date", "which is no day of the calendar", DATE_HINT);
                    return None;
                }
            }
        }
        let (first, last) = match ends.as_slice() {
            [only] => (*only, *only),
            [first, last] => (*first, *last),
            _ => {
                self.value(at, "date", "which is neither one day nor two", DATE_HINT);
                return None;
            }
        };
        let days = Period::new(first, last);
        if let Err(error) = &days {
            self.value(at, "date", error.to_string().replace("; hint: ", ", "), DATE_HINT);
        }
        days.ok()
    }
}

/// A day, as TOML knows it or as text.
fn day(value: &DeValue<'_>) -> Option<Day> {
    if let Some(text) = value.as_str() {
        let date = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()?;
        return Some(date.into());
    }
    let date = value.as_datetime().filter(|moment| moment.time.is_none())?.date?;
    let date = NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day))?;
    Some(date.into())
}

/// What is wrong with an address of the Web, by its form alone.
pub(crate) fn link_fault(link: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = link.split_once("://") else {
        return Some("which is no address of the Web");
    };
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        return Some("which is neither http nor https");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            host
        } else {
            authority
        }
    });
    if link
        .chars()
        .any(|character| character.is_whitespace() || is_hidden(character) || matches!(character, '<' | '>' | '"' | '`'))
    {
        return Some("which holds a space or a character that no address has");
    }
    if authority.contains('@') {
        return Some("which holds a user name");
    }
    let is_named = host.contains('.') && !host.starts_with('.') && !host.contains("..");
    if is_named || (host.starts_with('[') && host.ends_with(']')) {
        None
    } else {
        Some("which names no host")
    }
}
