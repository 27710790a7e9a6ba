//! What is known that fits a finding: the same for report, list of findings, skeleton and command.

use hirundo_analysis::correlate::{Candidate, Entry, Port, Rise, marks, rise};
use hirundo_analysis::finding::{Finding, Measure, Subject};
use hirundo_analysis::sentence::{Context, fit};
use serde_json::{Value, json};

use super::study::Study;
use crate::knowledge::{About, Knowledge, Source};
use crate::period::{Day, Lang, Period};

/// Days that could have been the onset as well: those of the period, at least so many up to its last day,
const DAYS_MIN: i32 = 91;
/// and at most so many.
const DAYS_MAX: i32 = 1_100;

/// What fits the rise of a port.
#[derive(Clone, Debug)]
pub struct Fitting<'a> {
    /// The port.
    pub port: Port,
    /// First day of the rise.
    pub onset: Day,
    /// What fits, the best first.
    pub candidates: Vec<Told<'a>>,
}

/// A candidate with what a reader is told of it.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// How it fits.
    pub candidate: Candidate,
    /// The entry.
    pub entry: &'a Entry,
    /// Its names.
    pub about: &'a About,
    /// Who says that it is known of the port.
    pub source: Option<&'a Source>,
    /// Whether it became known only after the period.
    pub later: bool,
}

/// What fits a finding; `None` when it tells no rise of a port.
#[must_use]
pub fn fitting<'a>(study: &Study, knowledge: &'a Knowledge, finding: &Finding) -> Option<Fitting<'a>> {
    let (port, onset) = rise(finding)?;
    let shares = marks(finding);
    let found = knowledge.known.candidates(
        &Rise {
            port,
            onset,
            marks: shares.as_deref(),
        },
        days(study.facts.period),
        &observed(study),
    );
    let last = study.facts.period.last();
    let told = found.into_iter().filter_map(|candidate| told(knowledge, candidate, port, last));
    Some(Fitting {
        port,
        onset: Day(onset),
        candidates: told.collect(),
    })
}

/// A candidate with its names.
pub fn told(knowledge: &Knowledge, candidate: Candidate, port: Port, last: Day) -> Option<Told<'_>> {
    let entry = knowledge.known.entry(candidate.entry)?;
    let about = knowledge.about(candidate.entry)?;
    Some(Told {
        source: about.source(port),
        later: entry.known.is_some_and(|known| known > last.0),
        candidate,
        entry,
        about,
    })
}

/// Days that could have been the onset as well.
#[must_use]
pub fn days(period: Period) -> (i32, i32) {
    let last = period.last().0;
    let first = period
        .first()
        .0
        .min(last.saturating_sub(DAYS_MIN - 1))
        .max(last.saturating_sub(DAYS_MAX - 1));
    (first, last)
}

/// Ports that are followed day by day.
fn observed(study: &Study) -> Vec<Port> {
    let port = |subject: &Subject| match subject {
        Subject::Port { proto, port: Some(port) } => Some((*proto, *port)),
        Subject::Port { port: None, .. }
        | Subject::Total
        | Subject::Region(_)
        | Subject::Network(_)
        | Subject::Tool(_)
        | Subject::ToolRegion { .. }
        | Subject::PortRegion { .. } => None,
    };
    let of_packets = study.series.iter().filter(|series| series.measure == Measure::Packets);
    of_packets.filter_map(|series| port(&series.subject)).collect()
}

impl Told<'_> {
    /// Name, and what it is of.
    #[must_use]
    pub fn name(&self, lang: Lang) -> String {
        let title = self.about.title(lang);
        match (self.about.what.as_str(), lang) {
            ("", _) => title.to_owned(),
            (what, Lang::English) => format!("{title} ({what})"),
            (what, Lang::Japanese) => format!("{title}（{what}）"),
        }
    }

    /// One line: name, how well, why, how often by chance.
    #[must_use]
    pub fn line(&self, context: &Context) -> String {
        let (candidate, kind) = (&self.candidate, self.entry.kind);
        let (word, why) = (candidate.fit.word(context.lang), fit::why(candidate, kind, context));
        let chance = candidate.chance.map(|_| fit::chance(candidate.chance, context));
        match context.lang {
            hirundo_analysis::Lang::English => {
                let chance = chance.map_or_else(String::new, |chance| format!("; as good by chance: {chance}"));
                format!("{word} ({:.0})  {}: {why}{chance}", candidate.score, self.name(Lang::English))
            }
            hirundo_analysis::Lang::Japanese => {
                let chance = chance.map_or_else(String::new, |chance| format!("。偶然に同程度: {chance}"));
                format!("{word}（{:.0}）  {}: {why}{chance}", candidate.score, self.name(Lang::Japanese))
            }
        }
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut value = json!({
            "id": self.entry.id,
            "kind": self.entry.kind,
            "title": self.about.title,
            "what": self.about.what,
            "known_on": self.about.known,
            "known_later": self.later,
            "source": self.source.map(|source| source.url.clone()),
        });
        let fields = serde_json::to_value(&self.candidate).unwrap_or_default();
        if let (Some(value), Value::Object(fields)) = (value.as_object_mut(), fields) {
            value.extend(fields);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_period_is_held_against_a_quarter_and_a_long_one_is_bounded() {
        let period = |first, last| Period::new(Day(first), Day(last)).unwrap();
        for (first, last, expected) in [
            (19_083, 19_173, (19_083, 19_173)),
            (19_173, 19_173, (19_083, 19_173)),
            (10_000, 19_173, (18_074, 19_173)),
        ] {
            assert_eq!(days(period(first, last)), expected);
        }
    }
}
