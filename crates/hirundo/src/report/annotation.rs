//! What the analyst knows of the world outside: dated events as numbered marks on figures, and the references.

mod parse;
#[cfg(test)]
mod tests;

use hirundo_press::document::Reference;

use crate::period::{Lang, Period};
use crate::plot::Mark;

pub use parse::AnnotationError;
pub(crate) use parse::link_fault;

/// Largest file of annotations.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Most annotations and references in a file; a decade of quarters with a dozen each.
pub const ENTRIES_MAX: usize = 500;
/// Longest text of an entry.
pub const TEXT_CHARS_MAX: usize = 400;
/// Longest name of who says so.
pub const SOURCE_CHARS_MAX: usize = 200;
/// Longest address.
pub const LINK_CHARS_MAX: usize = 2_000;

/// Figures that draw marks, by the names that `figures` of an annotation takes: those of daily courses.
/// `phenomena` are the figures of all sections about findings; one of them alone is named by what it is about, as
/// findings are: `port-5501-tcp`, `region-tw` (see [`is_subject`]).
pub const FIGURES: [&str; 8] = [
    "ports",
    "regions",
    "mirai",
    "mirai-regions",
    "mirai-home",
    "phenomena",
    "region-outages",
    "scanners",
];
/// How names of what a finding is about begin.
const SUBJECTS: [&str; 4] = ["port-", "region-", "tool-", "as"];

/// A text in each language it was written in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Japanese.
    pub ja: Option<String>,
    /// English.
    pub en: Option<String>,
}

/// An entry of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Line of the file it begins on, from 1.
    pub line: u32,
    /// The day or days it is about; `None` for a reference without a date.
    pub days: Option<Period>,
    /// What happened, or the title.
    pub text: Texts,
    /// Where to read it (http, https).
    pub link: Option<String>,
    /// Who says so.
    pub source: Texts,
    /// The figures it is drawn on, of [`FIGURES`]; empty means every figure.
    pub figures: Vec<String>,
}

/// The entries of a file, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The entries.
    pub entries: Vec<Annotation>,
}

impl Texts {
    /// The text in the language, else in the other one; empty when there is none.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        let (own, other) = match lang {
            Lang::Japanese => (&self.ja, &self.en),
            Lang::English => (&self.en, &self.ja),
        };
        own.as_deref().or(other.as_deref()).unwrap_or("")
    }

    /// The text in that language and no other.
    #[must_use]
    pub fn only(&self, lang: Lang) -> Option<&str> {
        match lang {
            Lang::Japanese => self.ja.as_deref(),
            Lang::English => self.en.as_deref(),
        }
    }
}

impl Annotations {
    /// Reads the text of an `annotations.toml`; unknown keys are refused.
    ///
    /// # Errors
    /// Everything that is wrong with it (at most a hundred faults), in the order of lines.
    pub fn parse(text: &str) -> Result<Annotations, Vec<AnnotationError>> {
        parse::annotations(text)
    }

    /// The entries that a report on the period shows, each with its number: first the dated ones by day
    /// (those of one day in the order of the file), then the references without date.
    #[must_use]
    pub fn numbered(&self, period: &Period) -> Vec<(u32, &Annotation)> {
        let mut dated: Vec<_> = self
            .entries
            .iter()
            .filter_map(|entry| Some((shown_days(entry, period)?.first(), entry)))
            .collect();
        dated.sort_by_key(|(day, _)| *day);
        let undated = self.entries.iter().filter(|entry| entry.days.is_none());
        (1..).zip(dated.into_iter().map(|(_, entry)| entry).chain(undated)).collect()
    }

    /// The dated entries that have no day within the period and are not shown.
    #[must_use]
    pub fn outside(&self, period: &Period) -> Vec<&Annotation> {
        let is_outside = |entry: &&Annotation| entry.days.is_some() && shown_days(entry, period).is_none();
        self.entries.iter().filter(is_outside).collect()
    }

    /// The marks of a figure: those for it (its name of [`FIGURES`], and what it is about) whose day it shows. `report` is the
    /// period of the report, which the numbers go by; `shown` the days that the figure shows. What lasts
    /// several days is marked on the first of them that the figure shows.
    #[must_use]
    pub fn marks(&self, report: &Period, shown: &Period, figure: &[&str], lang: Lang) -> Vec<Mark> {
        let on_figure = |entry: &Annotation| entry.figures.is_empty() || entry.figures.iter().any(|name| figure.contains(&name.as_str()));
        self.numbered(report)
            .into_iter()
            .filter(|(_, entry)| on_figure(entry))
            .filter_map(|(number, entry)| {
                let text = entry.text.get(lang).to_owned();
                let day = shown_days(entry, report)?.first().max(shown.first());
                (shown.contains(day) && entry.days?.contains(day)).then_some(Mark { number, day, text })
            })
            .collect()
    }

    /// The entries of the references, numbered like the marks.
    #[must_use]
    pub fn references(&self, period: &Period, lang: Lang) -> Vec<Reference> {
        self.numbered(period)
            .into_iter()
            .map(|(number, entry)| Reference {
                number,
                date: entry.days.map_or_else(String::new, |days| days.label(lang)),
                text: entry.text.get(lang).to_owned(),
                source: entry.source.get(lang).to_owned(),
                url: entry.link.clone(),
            })
            .collect()
    }
}

/// Whether a name is one that findings have for what they are about: `port-5501-tcp`, `region-tw`, `as64500`.
#[must_use]
pub fn is_subject(name: &str) -> bool {
    let rest = SUBJECTS.iter().find_map(|begin| name.strip_prefix(begin));
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_letter) && rest.chars().any(char::is_alphanumeric))
        && (!name.starts_with("as") || name.chars().skip(2).all(|letter| letter.is_ascii_digit()))
}

/// The part of the entry's days that lies within the period.
fn shown_days(entry: &Annotation, period: &Period) -> Option<Period> {
    let days = entry.days?;
    Period::new(days.first().max(period.first()), days.last().min(period.last())).ok()
}
