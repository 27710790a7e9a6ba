//! What an analyst should mend before a report is published: missing texts, stale numbers, findings nobody speaks of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::annotation::{self, Annotations, FIGURES};
use super::commentary::{self, Commentary, Facts, Place, Section, Verdict, judge, shown};
use super::nearest;
use super::notified::{self, NOTIFIED_FILE, Notified};
use super::skeleton::ANNOTATIONS_FILE;
use crate::period::{Lang, Period};

#[cfg(test)]
mod tests;

/// Findings without commentary that are listed.
const SILENT_MAX: usize = 20;
/// Problems up to which the name that may be meant is looked for.
const HINTS_MAX: usize = 50;
/// Problems that are listed; further ones are found when these are mended.
const PROBLEMS_MAX: usize = 500;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The report must not be published so.
    Error,
    /// Worth a look.
    Warning,
}

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// The file, relative to the folder of reports.
    pub file: PathBuf,
    /// Its line, from 1; 0 for the whole file.
    pub line: u32,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

/// The analyst's files of a period, as they are; `None` is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Commentary in Japanese.
    pub japanese: Option<String>,
    /// Commentary in English.
    pub english: Option<String>,
    /// Annotations.
    pub annotations: Option<String>,
    /// Notifications.
    pub notified: Option<String>,
}

/// A finding that commentary could speak of.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    /// Its id.
    pub id: String,
    /// How far it stands out.
    pub surprise: f64,
    /// Its sentence, for the analyst to recognise it.
    pub sentence: String,
}

/// What the system knows of the period.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The period.
    pub period: &'a Period,
    /// What can be quoted.
    pub facts: &'a Facts,
    /// What was found.
    pub findings: &'a [Noted],
    /// The languages that the report is made in; files of others are not looked at.
    pub langs: &'a [Lang],
    /// Findings from this surprise on are worth a word.
    pub surprise_min: f64,
}

/// `commentary/2022Q2.ja.md:12: error: ...; hint: ...`.
impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(formatter, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(formatter, "{}:", self.line)?;
        }
        write!(formatter, " {severity}: {}; hint: {}", self.what, self.hint)
    }
}

impl Files {
    /// Reads the files of the period below the folder of reports; one that is not there is `None`.
    ///
    /// # Errors
    /// When a file is there and cannot be read, or is no UTF-8. Of a file that is too large as much is read as
    /// shows that it is.
    pub fn read(folder: &Path, period: &Period) -> io::Result<Files> {
        Ok(Files {
            japanese: read(&commentary::path(folder, period, Lang::Japanese), commentary::FILE_BYTES_MAX)?,
            english: read(&commentary::path(folder, period, Lang::English), commentary::FILE_BYTES_MAX)?,
            annotations: read(&folder.join(ANNOTATIONS_FILE), annotation::FILE_BYTES_MAX)?,
            notified: read(&folder.join(NOTIFIED_FILE), notified::FILE_BYTES_MAX)?,
        })
    }
}

fn read(path: &Path, bytes_max: usize) -> io::Result<Option<String>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(named(error)),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(named)?;
    if bytes.len() > bytes_max {
        // Too large whatever it holds; a letter may have been cut.
        return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|error| named(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    Ok(Some(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned)))
}

/// Looks at everything, errors first, in the order of files and lines. Nothing is asked of the network: links
/// are judged by their form.
#[must_use]
pub fn check(files: &Files, known: &Known<'_>) -> Vec<Problem> {
    let mut list = List { problems: Vec::new() };
    let mut commentary = |text: &Option<String>, lang| {
        let is_wanted = known.langs.contains(&lang);
        is_wanted.then(|| list.commentary(text.as_deref(), lang, known)).flatten()
    };
    let japanese = commentary(&files.japanese, Lang::Japanese);
    let english = commentary(&files.english, Lang::English);
    if let (Some(japanese), Some(english)) = (&japanese, &english) {
        list.one_sided(japanese, english, &file(known.period, Lang::English));
        list.one_sided(english, japanese, &file(known.period, Lang::Japanese));
    }
    list.silent(&[japanese, english], known);
    list.annotations(files.annotations.as_deref(), known);
    list.notified(files.notified.as_deref());
    list.problems
        .sort_by(|first, second| (first.severity, &first.file, first.line).cmp(&(second.severity, &second.file, second.line)));
    list.problems
}

/// Whether the id of a finding is about that subject.
fn is_about(id: &str, subject: &str) -> bool {
    id.strip_prefix(subject).is_some_and(|rest| rest.starts_with('.'))
}

/// The file of commentary, relative to the folder of reports.
fn file(period: &Period, lang: Lang) -> PathBuf {
    commentary::path(Path::new(""), period, lang)
}

/// The problems found so far.
struct List {
    problems: Vec<Problem>,
}

impl List {
    fn add(&mut self, severity: Severity, file: &Path, line: u32, what: impl Into<String>, hint: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem {
                severity,
                file: file.to_owned(),
                line,
                what: what.into(),
                hint: hint.into(),
            });
        }
    }

    /// An error of a reader, whose message names line and hint.
    fn fault(&mut self, file: &Path, line: u32, message: &str) {
        let (what, hint) = message.split_once("; hint: ").unwrap_or((message, "see the guide"));
        let what = what.strip_prefix(&format!("line {line}: ")).unwrap_or(what);
        self.add(Severity::Error, file, line, what, hint);
    }

    /// One file of commentary.
    fn commentary(&mut self, text: Option<&str>, lang: Lang, known: &Known<'_>) -> Option<Commentary> {
        let file = file(known.period, lang);
        let Some(text) = text else {
            let hint = format!("`hirundo report init {}` writes one to begin with", known.period);
            self.add(Severity::Error, &file, 0, "no commentary in this language", hint);
            return None;
        };
        let (commentary, faults) = Commentary::read(text);
        for fault in faults {
            self.fault(&file, fault.line(), &fault.to_string());
        }
        let missing: Vec<String> = Place::ALL
            .iter()
            .filter(|place| commentary.section(place).is_none())
            .map(Place::mark)
            .collect();
        if !missing.is_empty() {
            let what = format!("places without commentary: {}", missing.join(" "));
            self.add(
                Severity::Warning,
                &file,
                0,
                what,
                "add the marks that you have something to say for",
            );
        }
        for section in &commentary.sections {
            self.section(section, &file, known);
        }
        Some(commentary)
    }

    fn section(&mut self, section: &Section, file: &Path, known: &Known<'_>) {
        let place = &section.place;
        if section.text.is_empty() {
            let what = format!("nothing is written at `{place}`");
            self.add(
                Severity::Warning,
                file,
                section.line,
                what,
                "write something, or take the mark away",
            );
        }
        if let Place::Phenomenon(id) = place
            && !known.findings.iter().any(|finding| finding.id == *id)
        {
            let ids = known.findings.iter().map(|finding| finding.id.as_str());
            let hint = nearest::hint(id, ids, "take the id from the comments that `report init` writes");
            self.add(Severity::Error, file, section.line, format!("no finding is named `{id}`"), hint);
        }
        for line in &section.todos {
            let what = format!("a TODO is left at `{place}`");
            self.add(Severity::Error, file, *line, what, "write the text, or delete the line");
        }
        for (line, claim) in &section.claims {
            let what = format!("`{claim}` looks like a fact and is not checked");
            self.add(
                Severity::Warning,
                file,
                *line,
                what,
                format!("quote the fact, `[{claim}](fact:NAME)`, if there is one"),
            );
        }
        for link in &section.links {
            let why = annotation::link_fault(&link.url);
            if link.is_image {
                let what = format!("the image `{}` is shown as a link", link.url);
                self.add(Severity::Warning, file, link.line, what, "take it away, or write a link");
            } else if let Some(why) = why {
                let what = format!("cannot take the link `{}`, {why}", link.url);
                self.add(Severity::Error, file, link.line, what, "write the whole address, `https://...`");
            }
        }
        self.quotes(section, file, known);
    }

    /// The facts that a section quotes.
    fn quotes(&mut self, section: &Section, file: &Path, known: &Known<'_>) {
        for quote in &section.quotes {
            let Some(fact) = known.facts.get(&quote.fact) else {
                // Comparing with every name costs; past some dozens the first hints have told what is wrong.
                let compared = if self.problems.len() < HINTS_MAX { usize::MAX } else { 0 };
                let names = known.facts.keys().map(String::as_str).take(compared);
                let hint = nearest::hint(
                    &quote.fact,
                    names,
                    "the finding may be gone since; see what `report init` lists now",
                );
                self.add(
                    Severity::Error,
                    file,
                    quote.line,
                    format!("no fact is named `{}`", quote.fact),
                    hint,
                );
                continue;
            };
            let (name, text, present) = (&quote.fact, &quote.text, shown(fact));
            let (what, hint) = match judge(text, name, fact) {
                Verdict::Agrees => continue,
                Verdict::Stale => (
                    format!("`{text}` does not agree with `{name}`, which is {present}"),
                    "write it anew, and read the sentence around it again".to_owned(),
                ),
                Verdict::Unit(ending) => {
                    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
                    let other = format!("{stem}.{ending}");
                    let hint = if known.facts.contains_key(&other) {
                        format!("quote `{other}`")
                    } else {
                        format!("quote a fact whose name ends in `{ending}`")
                    };
                    (format!("`{text}` counts in another unit than `{name}`, which is {present}"), hint)
                }
                Verdict::Unreadable => (
                    format!("cannot compare `{text}` with `{name}`, which is {present}"),
                    "put one number or date, in digits, between the brackets".to_owned(),
                ),
            };
            self.add(Severity::Error, file, quote.line, what, hint);
        }
    }

    /// Places that one language has text for and the other has none.
    fn one_sided(&mut self, written: &Commentary, other: &Commentary, file: &Path) {
        for section in written.sections.iter().filter(|section| !section.text.is_empty()) {
            if other.text(&section.place).is_none() {
                let line = other.section(&section.place).map_or(0, |section| section.line);
                let what = format!("`{}` has text in the other language only", section.place);
                self.add(Severity::Error, file, line, what, "translate it, or take it away there");
            }
        }
    }

    /// Surprising findings that no commentary quotes or has a section for.
    fn silent(&mut self, commentaries: &[Option<Commentary>], known: &Known<'_>) {
        let sections = || commentaries.iter().flatten().flat_map(|commentary| &commentary.sections);
        let mut spoken: BTreeSet<&str> = BTreeSet::new();
        for section in sections() {
            spoken.extend(section.quotes.iter().map(|quote| quote.fact.as_str()));
            if let Place::Phenomenon(id) = &section.place {
                spoken.insert(id);
            }
        }
        // A fact's name begins with the finding's id: the first name from the id on tells.
        let is_spoken = |id: &str| {
            let fact = format!("{id}.");
            spoken.contains(id) || spoken.range(fact.as_str()..).next().is_some_and(|name| name.starts_with(&fact))
        };
        let is_silent = |finding: &&Noted| finding.surprise >= known.surprise_min && !is_spoken(&finding.id);
        let mut silent: Vec<&Noted> = known.findings.iter().filter(is_silent).collect();
        silent.sort_by(|first, second| second.surprise.total_cmp(&first.surprise));
        let file = file(known.period, known.langs.first().copied().unwrap_or_default());
        for finding in silent.iter().take(SILENT_MAX) {
            let what = format!(
                "nothing is said about `{}` (surprise {:.1}): {}",
                finding.id, finding.surprise, finding.sentence
            );
            self.add(
                Severity::Warning,
                &file,
                0,
                what,
                "quote one of its facts, or give it a section of its own",
            );
        }
        if silent.len() > SILENT_MAX {
            let what = format!("nothing is said about {} further surprising findings", silent.len() - SILENT_MAX);
            self.add(Severity::Warning, &file, 0, what, "start with those listed");
        }
    }

    /// Notifications; there need not be any.
    fn notified(&mut self, text: Option<&str>) {
        let file = Path::new(NOTIFIED_FILE);
        let notified = match Notified::parse(text.unwrap_or_default()) {
            Ok(notified) => notified,
            Err(faults) => {
                for fault in faults {
                    self.fault(file, fault.line(), &fault.to_string());
                }
                return;
            }
        };
        let mut lines = BTreeMap::new();
        for entry in &notified.entries {
            let same = (entry.day, entry.address, entry.recipient, &entry.name);
            if let Some(first) = lines.insert(same, entry.line) {
                let what = format!("the same notification as in line {first}");
                self.add(Severity::Warning, file, entry.line, what, "take one of them away");
            }
        }
    }

    fn annotations(&mut self, text: Option<&str>, known: &Known<'_>) {
        let period = known.period;
        let file = Path::new(ANNOTATIONS_FILE);
        let Some(text) = text else {
            let hint = format!("`hirundo report init {period}` writes one with examples");
            self.add(Severity::Warning, file, 0, "no annotations", hint);
            return;
        };
        let annotations = match Annotations::parse(text) {
            Ok(annotations) => annotations,
            Err(faults) => {
                for fault in faults {
                    self.fault(file, fault.line(), &fault.to_string());
                }
                return;
            }
        };
        for (_, entry) in annotations.numbered(period) {
            for (lang, key) in [(Lang::Japanese, "text.ja"), (Lang::English, "text.en")] {
                if known.langs.contains(&lang) && entry.text.only(lang).is_none() {
                    let what = format!("an entry without `{key}`; the other language stands in");
                    self.add(Severity::Warning, file, entry.line, what, format!("add `{key}`"));
                }
            }
        }
        for (_, entry) in annotations.numbered(period) {
            let is_known = |name: &str| FIGURES.contains(&name) || known.findings.iter().any(|finding| is_about(&finding.id, name));
            for name in entry.figures.iter().filter(|name| !is_known(name)) {
                let what = format!("no finding is about `{name}`, so the mark is on no figure");
                self.add(
                    Severity::Warning,
                    file,
                    entry.line,
                    what,
                    "take the name from an id that `report findings` lists",
                );
            }
        }
        let outside = annotations.outside(period);
        if let Some(first) = outside.first() {
            let lines: Vec<String> = outside.iter().take(SILENT_MAX).map(|entry| entry.line.to_string()).collect();
            let what = format!(
                "{} annotations lie outside {period} and are not shown (lines {})",
                outside.len(),
                lines.join(", ")
            );
            self.add(
                Severity::Warning,
                file,
                first.line,
                what,
                "nothing to do if they belong to other reports",
            );
        }
    }
}
