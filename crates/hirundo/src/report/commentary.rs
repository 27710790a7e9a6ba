//! The analyst's words: CommonMark with named places, and quoted facts that are checked against the data.

mod date;
mod number;
mod quote;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::period::{Lang, Period};

pub use quote::{QUOTE_CHARS_MAX, Verdict, claims, judge, offered, shown};

/// Largest file of commentary.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Most quoted facts and links in a file.
pub const QUOTES_MAX: usize = 2_000;
/// Sections about findings in a file.
pub const PHENOMENA_MAX: usize = 50;

/// What the system found, for quotations: by the finding's id and the field, as in
/// `tool-mirai-region-jp.packets.growth.2022-04-01.factor`.
pub type Facts = BTreeMap<String, Fact>;

/// A value that can be quoted. Names of numbers in per cent end in `percent` (a growth of -30 is a fall), or are
/// shares, `FINDING.share.SUBJECT`.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A number.
    Number(f64),
    /// A day, counted from 1970-01-01 (UTC).
    Day(i32),
    /// Words, such as the name of a region.
    Text(String),
}

/// A place of the report that takes commentary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The summary on the title page.
    Summary,
    /// Destination ports.
    Ports,
    /// Source regions.
    Regions,
    /// Traffic with the mark of Mirai.
    Mirai,
    /// The same, by region.
    MiraiRegions,
    /// The same, of the home region.
    MiraiHome,
    /// What the sources are.
    Devices,
    /// Begin of the other phenomena.
    Phenomena,
    /// Seen from different places.
    PlacesCompared,
    /// Falls of the number of a region's sources.
    RegionOutages,
    /// Scans as events.
    Scans,
    /// Groups of sources that behave alike.
    Campaigns,
    /// Victims of denial of service.
    Backscatter,
    /// Known research scanners.
    Scanners,
    /// What was done.
    Notifications,
    /// Closing words.
    Closing,
    /// A section about the finding of that id.
    Phenomenon(String),
}

/// The text of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Which.
    pub place: Place,
    /// Line of its mark in the file, from 1.
    pub line: u32,
    /// Heading that a [`Place::Phenomenon`] begins with (`# ...`); taken out of `text`.
    pub title: Option<String>,
    /// CommonMark for the report: without comments, quoted facts as plain text. Empty when nothing is written.
    pub text: String,
    /// Facts quoted.
    pub quotes: Vec<Quote>,
    /// Other links and images.
    pub links: Vec<Link>,
    /// What looks like a fact in plain text and is none that is checked.
    pub claims: Vec<(u32, String)>,
    /// Lines with a TODO.
    pub todos: Vec<u32>,
}

/// A fact quoted: `[text](fact:name)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Line in the file.
    pub line: u32,
    /// As it reads.
    pub text: String,
    /// Name of the fact.
    pub fact: String,
}

/// A link that is no quotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Line in the file.
    pub line: u32,
    /// Where to.
    pub url: String,
    /// Whether it is an image.
    pub is_image: bool,
}

/// A file of commentary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commentary {
    /// Its places, in the order of the file.
    pub sections: Vec<Section>,
}

/// What is wrong with the form of a commentary.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommentaryError {
    /// The file is too large.
    #[error("cannot read commentary of {bytes} bytes; hint: at most {FILE_BYTES_MAX} bytes are read")]
    Size {
        /// Its size.
        bytes: usize,
    },
    /// There are too many of something.
    #[error("line {line}: cannot take more than {most} {what} in one file; hint: say less")]
    Count {
        /// Line of the first one too many.
        line: u32,
        /// Of what.
        what: &'static str,
        /// How many are taken.
        most: usize,
    },
    /// Text that belongs nowhere.
    #[error("line {line}: text before the first place; hint: put a line `<!-- place: summary -->` above it")]
    Before {
        /// Line of the text.
        line: u32,
    },
    /// A place that the report does not have.
    #[error("line {line}: no place is named `{name}`; hint: {hint}")]
    Unknown {
        /// Line.
        line: u32,
        /// As written.
        name: String,
        /// What may be meant.
        hint: String,
    },
    /// A place that was there already.
    #[error("line {line}: the place `{place}` begins a second time, after line {first}; hint: put both texts under one mark")]
    Twice {
        /// Line.
        line: u32,
        /// The place.
        place: Place,
        /// Line where it was first.
        first: u32,
    },
    /// A mark that does not stand alone on its line.
    #[error("line {line}: a mark of a place within other text; hint: put `{mark}` on a line of its own, not indented, not in a list")]
    Misplaced {
        /// Line.
        line: u32,
        /// As written.
        mark: String,
    },
    /// A comment that does not end.
    #[error("line {line}: a comment that does not end and hides all that follows; hint: end it with `-->`")]
    Unclosed {
        /// Line it begins on.
        line: u32,
    },
    /// A link to a fact that does not read as one.
    #[error(
        "line {line}: a quoted fact that cannot be read as a link; hint: write `[5](fact:NAME)`, without spaces in the name and not within another link"
    )]
    Quotation {
        /// Line.
        line: u32,
    },
}

impl CommentaryError {
    /// The line, from 1; 0 for the whole file.
    #[must_use]
    pub const fn line(&self) -> u32 {
        match self {
            CommentaryError::Size { .. } => 0,
            CommentaryError::Count { line, .. }
            | CommentaryError::Before { line }
            | CommentaryError::Unknown { line, .. }
            | CommentaryError::Twice { line, .. }
            | CommentaryError::Misplaced { line, .. }
            | CommentaryError::Unclosed { line }
            | CommentaryError::Quotation { line } => *line,
        }
    }
}

impl Place {
    /// The places that every report has, in its order.
    pub const ALL: [Place; 16] = [
        Place::Summary,
        Place::Ports,
        Place::Regions,
        Place::Mirai,
        Place::MiraiRegions,
        Place::MiraiHome,
        Place::Devices,
        Place::Phenomena,
        Place::PlacesCompared,
        Place::RegionOutages,
        Place::Scans,
        Place::Campaigns,
        Place::Backscatter,
        Place::Scanners,
        Place::Notifications,
        Place::Closing,
    ];

    /// Its name in the files; the same for all sections about findings.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Place::Summary => "summary",
            Place::Ports => "ports",
            Place::Regions => "regions",
            Place::Mirai => "mirai",
            Place::MiraiRegions => "mirai-regions",
            Place::MiraiHome => "mirai-home",
            Place::Devices => "devices",
            Place::Phenomena => "phenomena",
            Place::PlacesCompared => "places-compared",
            Place::RegionOutages => "region-outages",
            Place::Scans => "scans",
            Place::Campaigns => "campaigns",
            Place::Backscatter => "backscatter",
            Place::Scanners => "scanners",
            Place::Notifications => "notifications",
            Place::Closing => "closing",
            Place::Phenomenon(_) => "phenomenon",
        }
    }

    /// The line that begins its text in a file.
    #[must_use]
    pub fn mark(&self) -> String {
        match self {
            Place::Phenomenon(finding) => format!("<!-- phenomenon: {finding} -->"),
            Place::Summary
            | Place::Ports
            | Place::Regions
            | Place::Mirai
            | Place::MiraiRegions
            | Place::MiraiHome
            | Place::Devices
            | Place::Phenomena
            | Place::PlacesCompared
            | Place::RegionOutages
            | Place::Scans
            | Place::Campaigns
            | Place::Backscatter
            | Place::Scanners
            | Place::Notifications
            | Place::Closing => format!("<!-- place: {} -->", self.name()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Phenomenon(finding) => write!(formatter, "phenomenon: {finding}"),
            other @ (Place::Summary
            | Place::Ports
            | Place::Regions
            | Place::Mirai
            | Place::MiraiRegions
            | Place::MiraiHome
            | Place::Devices
            | Place::Phenomena
            | Place::PlacesCompared
            | Place::RegionOutages
            | Place::Scans
            | Place::Campaigns
            | Place::Backscatter
            | Place::Scanners
            | Place::Notifications
            | Place::Closing) => formatter.write_str(other.name()),
        }
    }
}

impl Section {
    /// Whether the analyst wrote anything: a place with nothing but its TODO is as good as empty.
    #[must_use]
    pub fn is_written(&self) -> bool {
        !matches!(self.text.trim(), "" | "TODO")
    }
}

impl Commentary {
    /// Reads a file of commentary.
    ///
    /// # Errors
    /// Everything that is wrong with its form (at most a hundred faults), in the order of lines. Whether the
    /// facts quoted are still true is not looked at here; see [`judge`].
    pub fn parse(text: &str) -> Result<Commentary, Vec<CommentaryError>> {
        let (commentary, faults) = Commentary::read(text);
        if faults.is_empty() { Ok(commentary) } else { Err(faults) }
    }

    /// As [`Commentary::parse`], with what can be read besides the faults.
    #[must_use]
    pub fn read(text: &str) -> (Commentary, Vec<CommentaryError>) {
        read::commentary(text)
    }

    /// The section of a place.
    #[must_use]
    pub fn section(&self, place: &Place) -> Option<&Section> {
        self.sections.iter().find(|section| section.place == *place)
    }

    /// The text of a place, as CommonMark; `None` when nothing is written there.
    #[must_use]
    pub fn text(&self, place: &Place) -> Option<&str> {
        self.section(place)
            .map(|section| section.text.as_str())
            .filter(|text| !text.is_empty())
    }

    /// The sections about findings, in the order of the file, each with the finding's id.
    pub fn phenomena(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.sections.iter().filter_map(|section| match &section.place {
            Place::Phenomenon(finding) => Some((finding.as_str(), section)),
            Place::Summary
            | Place::Ports
            | Place::Regions
            | Place::Mirai
            | Place::MiraiRegions
            | Place::MiraiHome
            | Place::Devices
            | Place::Phenomena
            | Place::PlacesCompared
            | Place::RegionOutages
            | Place::Scans
            | Place::Campaigns
            | Place::Backscatter
            | Place::Scanners
            | Place::Notifications
            | Place::Closing => None,
        })
    }
}

/// The file of the commentary on a period: `commentary/2022Q2.ja.md` below the folder of reports.
#[must_use]
pub fn path(folder: &Path, period: &Period, lang: Lang) -> PathBuf {
    folder.join("commentary").join(format!("{period}.{}.md", lang.tag()))
}
