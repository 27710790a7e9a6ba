//! Files for the analyst to begin with: every place of the commentary with what the system found there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::commentary::{Place, path};
use super::notified::NOTIFIED_FILE;
use crate::period::{Lang, Period};
use crate::view::text::is_hidden;

/// Findings listed for a place; the number of those left out is written.
const FOUND_MAX: usize = 20;
/// Facts of a finding offered for quotation.
const FACTS_MAX: usize = 16;
/// Name of the file of annotations, which all periods share.
pub const ANNOTATIONS_FILE: &str = "annotations.toml";

/// What the system found, as the analyst of one language reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Id of the finding.
    pub id: String,
    /// The sentence of fact, in that language.
    pub sentence: String,
    /// How far it stands out; larger is more surprising.
    pub surprise: f64,
    /// What can be quoted: name of the fact, and its value as that language writes it (`5.2倍`, `18 May`).
    pub facts: Vec<(String, String)>,
    /// What is known that fits it, a line each; to look at, and no cause.
    pub fits: Vec<String>,
}

/// What the files of a period are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Skeleton {
    /// The period.
    pub period: Period,
    /// What was found for each place, in Japanese; places not named have nothing.
    pub japanese: BTreeMap<Place, Vec<Found>>,
    /// In English.
    pub english: BTreeMap<Place, Vec<Found>>,
}

/// What [`Skeleton::write`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files made.
    pub made: Vec<PathBuf>,
    /// Files that were there and were left as they are.
    pub kept: Vec<PathBuf>,
}

/// Why the files could not be written.
#[derive(Debug, Error)]
#[error("cannot write {path}, the beginning of a report; hint: is the folder there, and may it be written to?")]
pub struct SkeletonError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// What the files say in each language.
struct Words {
    head: &'static str,
    found: &'static str,
    nothing: &'static str,
    more: &'static str,
    finding: &'static str,
    surprise: &'static str,
    fits: &'static str,
    todo: &'static str,
}

const JAPANESE: Words = Words {
    head: "分析者のコメント（CommonMark）。各区画の「TODO」の行を本文に置き換え、書くことがなければ消す。
このようなコメントは公開されない。事実の引用は各区画の [値](fact:名前) を本文に写す。値の書き方は変えてよい
（例: 約5倍、5月18日頃）。データと合わなくなれば report check が知らせる。
個々の検知結果を独立した節にするには、下の区画の印と同じ形の行を「place: ...」の代わりに「phenomenon: ID」と
書いて加え、「# 見出し」で始める。",
    found: "この区画の検知結果（意外さの順）",
    nothing: "この区画の検知結果はない。",
    more: "ほか",
    finding: "ID",
    surprise: "意外さ",
    fits: "該当しうるもの（原因とは限らない）",
    todo: "TODO",
};

const ENGLISH: Words = Words {
    head: "The analyst's commentary (CommonMark). Replace the line TODO of each place by text, or delete it.
Comments such as this one are not published. To quote a fact, copy its [value](fact:name) from the list of the
place into the text; the value may be written otherwise (about 5 times, around 18 May), and report check tells
when it no longer agrees with the data.
For a section about one finding, add a line like the marks of places below, with \"phenomenon: ID\" instead of
\"place: ...\", and begin it with \"# Heading\".",
    found: "Found here, the most surprising first",
    nothing: "Nothing was found here.",
    more: "and further",
    finding: "ID",
    surprise: "surprise",
    fits: "fits (which is no cause)",
    todo: "TODO",
};

/// The commented examples of a new file of annotations.
const ANNOTATIONS: &str = r##"# Events of the world outside: numbered marks on the figures, and entries of the references.
# All reports share this file; each shows the entries of its period, numbered by date.
# Take the number sign away from the lines of an example and change it.
#
# [[annotation]]
# date = DATE                      # or the first and the last day: [DATE, DATE]
# text.ja = "ルーターの脆弱性が公表された"
# text.en = "A vulnerability of a router was published"
# link = "https://jvn.example.jp/JVN00000000/"
# source.ja = "JVN"
# source.en = "JVN"
# figures = ["ports", "mirai-home"] # without this line: on every figure that shows the day
#
# A source without a date:
#
# [[reference]]
# text.ja = "サービス名とポート番号の登録簿"
# text.en = "Registry of service names and port numbers"
# link = "https://www.iana.org/assignments/service-names-port-numbers/"
# source = "IANA"
"##;

/// The file of notifications to begin with.
const NOTIFIED: &str =
    "# Addresses that were notified, a line each; all reports share this file. How many were still seen later is counted from it.
# notified   day, 2022-05-10, or time with its zone, 2022-05-10T09:30:00+09:00
# address    one address
# kind       of the recipient: isp, csirt, owner, vendor or other
# recipient  its name, which only editions for members show; may be empty
# reason     for yourselves, no report shows it; may be empty
# Example:
# 2022-05-10,203.0.113.7,isp,Example Telecom,Mirai
notified,address,kind,recipient,reason
";

impl Skeleton {
    /// Writes the commentary of some languages, the annotations and the notifications below the folder. A file that is there
    /// is never written over.
    ///
    /// # Errors
    /// When a folder or file cannot be made.
    pub fn write(&self, folder: &Path, langs: &[Lang]) -> Result<Written, SkeletonError> {
        let mut written = Written::default();
        let commentary = langs.iter().map(|lang| (path(folder, &self.period, *lang), self.commentary(*lang)));
        let annotations = (folder.join(ANNOTATIONS_FILE), self.annotations());
        let notified = (folder.join(NOTIFIED_FILE), NOTIFIED.to_owned());
        for (path, text) in commentary.chain([annotations, notified]) {
            let failed = |source| SkeletonError {
                path: path.clone(),
                source,
            };
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed)?;
            }
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(text.as_bytes()).map_err(failed)?;
                    written.made.push(path);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => written.kept.push(path),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(written)
    }

    /// The commentary to begin with, in a language.
    #[must_use]
    pub fn commentary(&self, lang: Lang) -> String {
        let (words, places) = match lang {
            Lang::Japanese => (&JAPANESE, &self.japanese),
            Lang::English => (&ENGLISH, &self.english),
        };
        let mut text = format!("<!-- {}\n\n{} -->\n", self.period.label(lang), words.head);
        for place in Place::ALL {
            let found = places.get(&place).map_or(&[][..], Vec::as_slice);
            text.push_str(&format!("\n{}\n{}\n{}\n", place.mark(), listed(found, words), words.todo));
        }
        text
    }

    /// The annotations to begin with.
    #[must_use]
    pub fn annotations(&self) -> String {
        ANNOTATIONS.replace("DATE", &self.period.first().to_string())
    }
}

/// The comment of a place.
fn listed(found: &[Found], words: &Words) -> String {
    if found.is_empty() {
        return format!("<!-- {} -->", words.nothing);
    }
    let mut found: Vec<&Found> = found.iter().collect();
    found.sort_by(|first, second| second.surprise.total_cmp(&first.surprise));
    let mut text = format!("<!-- {}:\n", words.found);
    for one in found.iter().take(FOUND_MAX) {
        let links: Vec<String> = one.facts.iter().take(FACTS_MAX).map(|(name, value)| link(name, value)).collect();
        let (sentence, id) = (quiet(&one.sentence), quiet(&one.id));
        let lines = write!(
            text,
            "\n* {sentence}\n  {}: {id}  ({} {:.1})\n  {}\n",
            words.finding,
            words.surprise,
            one.surprise,
            links.join("  ")
        );
        debug_assert!(lines.is_ok(), "writing to a string does not fail");
        for fit in &one.fits {
            text.push_str(&format!("  {}: {}\n", words.fits, quiet(fit)));
        }
    }
    if let Some(rest) = found.len().checked_sub(FOUND_MAX).filter(|rest| *rest > 0) {
        text.push_str(&format!("\n* {} {rest}\n", words.more));
    }
    text.push_str("-->");
    text
}

/// A quotation of a fact, to be copied.
fn link(name: &str, value: &str) -> String {
    let value: String = quiet(value).chars().filter(|letter| !matches!(letter, '[' | ']' | '\\')).collect();
    format!("[{value}](fact:{})", quiet(name).replace([' ', '(', ')'], ""))
}

/// One line that does not end the comment it stands in.
fn quiet(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars()
        .filter(|letter| !is_hidden(*letter))
        .collect::<String>()
        .replace("--", "- -")
}

#[cfg(test)]
mod tests;
