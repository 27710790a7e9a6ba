//! All findings of one subject as a short flowing text, each sentence with the findings that it states.

use super::course::{rises, to};
use super::{Context, Fact, Link, Names, Opening, Voice};
use crate::Day;
use crate::finding::{Course, Finding, Measure, Subject};

/// All findings of a subject as sentences to be read one after the other (joined by a space in English, by nothing in
/// Japanese).
///
/// The subject is named once, later sentences refer to it. They go by day; growth over the whole period comes last;
/// surges in the same direction, and curves passed, are put together. Findings about packets come before those about
/// sources. A steady course is left out where there is anything else to say. Findings of several subjects make one
/// text for each, in the order in which the subjects appear first.
#[must_use]
pub fn story(findings: &[&Finding], names: &dyn Names, context: &Context) -> Vec<Fact> {
    let voice = Voice { names, context: *context };
    let mut facts = Vec::new();
    for subject in subjects(findings) {
        let mut told = false;
        for measure in [Measure::Packets, Measure::Sources] {
            let groups = groups(findings, subject, measure);
            let first = match measure {
                Measure::Sources if told && is_port_or_tool(subject) => Opening::SourcesOfThese,
                Measure::Packets | Measure::Sources => Opening::Named,
            };
            told |= !groups.is_empty();
            facts.extend(tell(&voice, &groups, first));
        }
    }
    facts
}

fn subjects<'f>(findings: &[&'f Finding]) -> Vec<&'f Subject> {
    let mut subjects: Vec<&Subject> = Vec::new();
    for finding in findings {
        if !subjects.contains(&&finding.subject) {
            subjects.push(&finding.subject);
        }
    }
    subjects
}

/// "These packets" need a name that says packets; sources of all packets are better named again.
fn is_port_or_tool(subject: &Subject) -> bool {
    match subject {
        Subject::Total | Subject::Region(_) | Subject::Network(_) => false,
        Subject::Port { .. } | Subject::Tool(_) | Subject::ToolRegion { .. } | Subject::PortRegion { .. } => true,
    }
}

/// Findings in the order of telling, those that make one sentence together.
fn groups<'f>(findings: &[&'f Finding], subject: &Subject, measure: Measure) -> Vec<Vec<&'f Finding>> {
    let mut chosen: Vec<&Finding> = findings
        .iter()
        .copied()
        .filter(|finding| finding.subject == *subject && finding.measure == measure)
        .collect();
    if chosen.iter().any(|finding| !is_steady(finding)) {
        chosen.retain(|finding| !is_steady(finding));
    } else {
        chosen.truncate(1);
    }
    chosen.sort_by(|one, other| order(one).cmp(&order(other)));
    chosen.dedup_by(|one, other| one.id == other.id);
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in chosen {
        match groups
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| goes_with(first, finding)))
        {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

fn is_steady(finding: &Finding) -> bool {
    matches!(finding.course, Course::Steady { .. })
}

fn is_growth(finding: &Finding) -> bool {
    matches!(finding.course, Course::Growth { .. })
}

fn order(finding: &Finding) -> (bool, Option<Day>, &str) {
    (is_growth(finding), finding.course.from(), &finding.id)
}

/// Whether two findings are told in one sentence.
fn goes_with(first: &Finding, next: &Finding) -> bool {
    match (&first.course, &next.course) {
        (Course::Surge { .. }, Course::Surge { .. }) => rises(&first.course) == rises(&next.course),
        (Course::Cross { .. }, Course::Cross { .. }) => true,
        (
            Course::Trend(_)
            | Course::Jump(_)
            | Course::Bulge { .. }
            | Course::Swing { .. }
            | Course::Surge { .. }
            | Course::Appear { .. }
            | Course::Cross { .. }
            | Course::Growth { .. }
            | Course::Steady { .. },
            _,
        ) => false,
    }
}

fn tell(voice: &Voice, groups: &[Vec<&Finding>], first: Opening) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut opening = first;
    let mut last_day: Option<Day> = None;
    for group in groups {
        let begin = group.first().and_then(|finding| finding.course.from());
        if !facts.is_empty() {
            let overall = group.iter().any(|finding| is_growth(finding));
            opening = Opening::Again(link(opening, overall, begin > last_day));
        }
        facts.push(Fact {
            text: voice.sentence(group, opening),
            findings: group.iter().map(|finding| finding.id.clone()).collect(),
        });
        last_day = group.iter().filter_map(|finding| to(&finding.course)).max().max(last_day);
    }
    facts
}

/// How to go on after a sentence with this opening.
fn link(before: Opening, overall: bool, later: bool) -> Link {
    match (overall, later, before) {
        (true, _, _) => Link::Overall,
        (false, true, Opening::Again(Link::Then)) => Link::AfterThat,
        (false, true, _) => Link::Then,
        (false, false, Opening::Again(Link::Also)) => Link::Plain,
        (false, false, _) => Link::Also,
    }
}
