//! Sentences of fact made from findings, in Japanese and English, every number of them out of the finding.

use crate::finding::Finding;
use crate::{Day, Lang};

pub mod behaviour;
mod calendar;
mod course;
mod english;
pub mod fit;
mod japanese;
pub mod notified;
mod number;
pub mod observation;
pub mod origin;
pub mod place;
pub mod population;
pub mod ranking;
pub mod story;
pub mod value;

#[cfg(test)]
mod tests;

pub use origin::origin;
pub use ranking::{Rank, RankDifference, named, rank_difference, ranking_changes};
pub use story::story;
pub use value::{Value, values};

/// Longest name that is taken into a sentence, in characters; longer ones are cut (names of networks come from feeds).
const NAME_CHARS_MAX: usize = 120;

/// What things are called, in the language the sentences are asked for in.
pub trait Names {
    /// A destination port: `23/TCP (telnet)`, in Japanese `23/TCP（telnet）`; a protocol without ports: `ICMP`.
    fn port(&self, proto: u8, port: Option<u16>) -> String;
    /// A region by ISO 3166-1 alpha-2 code, as it stands after "from": `the United States`, `米国`.
    fn region(&self, code: &str) -> String;
    /// A network by number of the autonomous system: `Example Telecom (AS64500)`.
    fn network(&self, asn: u32) -> String;
    /// A tool by mark: `Mirai`.
    fn tool(&self, tool: &str) -> String;
}

/// What a sentence is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Language.
    pub lang: Lang,
    /// First and last day of the period reported on.
    pub period: (Day, Day),
}

/// A sentence of fact and the findings it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// One or more complete sentences.
    pub text: String,
    /// Ids of the findings that it states.
    pub findings: Vec<String>,
}

impl Lang {
    /// What stands between two sentences.
    #[must_use]
    pub const fn gap(self) -> &'static str {
        match self {
            Lang::Japanese => "",
            Lang::English => " ",
        }
    }
}

/// One finding as one complete sentence that names its subject.
#[must_use]
pub fn sentence(finding: &Finding, names: &dyn Names, context: &Context) -> String {
    Voice { names, context: *context }.sentence(&[finding], Opening::Named)
}

/// How a sentence begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// With its subject by name.
    Named,
    /// About the sources of the packets that the sentences before were about.
    SourcesOfThese,
    /// With a short form of the subject of the sentence before.
    Again(Link),
}

/// How a sentence follows on the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// It lies later in time.
    Then,
    /// It lies later in time once more.
    AfterThat,
    /// It lies (partly) at the same time.
    Also,
    /// It speaks of the same time as the one before, which said "also" already.
    Plain,
    /// It sums up.
    Overall,
}

/// Names and context: what is needed to say something.
#[derive(Clone, Copy)]
struct Voice<'a> {
    names: &'a dyn Names,
    context: Context,
}

impl Voice<'_> {
    /// One sentence of one finding, or of several of the same subject, measure and kind of course.
    fn sentence(&self, group: &[&Finding], opening: Opening) -> String {
        match self.context.lang {
            Lang::Japanese => japanese::sentence(self, group, opening),
            Lang::English => english::sentence(self, group, opening),
        }
    }

    fn port(&self, proto: u8, port: Option<u16>) -> String {
        clean(&self.names.port(proto, port))
    }

    fn region(&self, code: &str) -> String {
        clean(&self.names.region(code))
    }

    fn network(&self, asn: u32) -> String {
        clean(&self.names.network(asn))
    }

    fn tool(&self, tool: &str) -> String {
        clean(&self.names.tool(tool))
    }
}

impl Context {
    /// Whichever of the two is in the language asked for.
    fn either(&self, japanese: String, english: String) -> String {
        match self.lang {
            Lang::Japanese => japanese,
            Lang::English => english,
        }
    }

    /// `A, B and C`; `A、B、C`.
    fn list(&self, items: &[String]) -> String {
        match (self.lang, items) {
            (Lang::English, [first @ .., before_last, last]) => {
                let mut text: String = first.iter().map(|item| format!("{item}, ")).collect();
                text.push_str(&format!("{before_last} and {last}"));
                text
            }
            (Lang::Japanese | Lang::English, items) => items.join("、"),
        }
    }

    /// A name with a remark in parentheses, within those that it ends with if it does: `23/TCP (telnet, 62 %)`.
    fn remark(&self, name: &str, remark: &str) -> String {
        let name = clean(name);
        match self.lang {
            Lang::Japanese => name
                .strip_suffix('）')
                .map_or_else(|| format!("{name}（{remark}）"), |open| format!("{open}、{remark}）")),
            Lang::English => name
                .strip_suffix(')')
                .map_or_else(|| format!("{name} ({remark})"), |open| format!("{open}, {remark})")),
        }
    }
}

/// With a capital letter, to begin an English sentence.
fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A name fit for a sentence: one line, single spaces, no control characters, not endless.
fn clean(name: &str) -> String {
    let visible: String = name
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(NAME_CHARS_MAX)
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}
