//! What the system found, as the analyst's files take it: values to quote, and sentences to choose from.

use std::collections::BTreeMap;

use hirundo_analysis::finding::{Course, Finding};
use hirundo_analysis::sentence::{Context, Value, sentence, values};

use super::check::Noted;
use super::commentary::{Fact, Facts, Place};
use super::known::fitting;
use super::names::Names;
use super::skeleton::{Found, Skeleton};
use super::study::Study;
use super::{commentary, place_of};
use crate::knowledge::Knowledge;
use crate::period::Lang;

/// Findings offered to the analyst.
const OFFERED_MAX: usize = 200;
/// What fits a finding, at most.
const FITS_MAX: usize = 5;

/// Findings that say something, the most surprising first.
fn told(study: &Study) -> impl Iterator<Item = &Finding> {
    let says = |finding: &&Finding| !matches!(finding.course, Course::Steady { .. });
    study.findings.iter().filter(says).take(OFFERED_MAX)
}

fn context(study: &Study, lang: Lang) -> Context {
    Context {
        lang: match lang {
            Lang::Japanese => hirundo_analysis::Lang::Japanese,
            Lang::English => hirundo_analysis::Lang::English,
        },
        period: (study.facts.period.first().0, study.facts.period.last().0),
    }
}

/// Everything that can be quoted.
pub fn facts(study: &Study) -> Facts {
    let mut facts = Facts::new();
    for finding in &study.findings {
        for (name, value) in values(finding) {
            let fact = match &value {
                Value::Day(day) => Fact::Day(*day),
                Value::Number(number) => Fact::Number(*number),
            };
            if let (Some(stem), Value::Number(factor)) = (name.strip_suffix(".factor"), &value) {
                facts.insert(format!("{stem}.percent"), Fact::Number((factor - 1.0) * 100.0));
            }
            facts.insert(name, fact);
        }
    }
    for (kind, ranking) in [("ports", &study.facts.ports), ("regions", &study.facts.regions)] {
        for row in &ranking.rows {
            let subject = row.subject.slug();
            facts.insert(format!("{kind}.{subject}.rank"), Fact::Number(row.rank as f64));
            facts.insert(format!("{kind}.{subject}.packets"), Fact::Number(row.value));
            facts.insert(format!("{kind}.{subject}.percent"), Fact::Number(row.percent));
        }
    }
    let totals = study.facts.totals;
    facts.insert("total.packets".to_owned(), Fact::Number(totals.packets));
    facts.insert("total.sources".to_owned(), Fact::Number(totals.sources));
    facts
}

/// Findings as the check takes them.
pub fn noted(study: &Study, lang: Lang) -> Vec<Noted> {
    let names = Names(lang);
    let context = context(study, lang);
    let note = |finding: &Finding| Noted {
        id: finding.id.clone(),
        surprise: finding.surprise,
        sentence: sentence(finding, &names, &context),
    };
    told(study).map(note).collect()
}

/// What is known that fits findings, by their ids: the best first, a line each.
pub fn fits(study: &Study, lang: Lang, known: Option<&Knowledge>) -> BTreeMap<String, Vec<String>> {
    let Some(known) = known else { return BTreeMap::new() };
    let context = context(study, lang);
    let lines = |finding: &Finding| -> Option<Vec<String>> {
        let fitting = fitting(study, known, finding)?;
        let lines: Vec<String> = fitting.candidates.iter().take(FITS_MAX).map(|told| told.line(&context)).collect();
        (!lines.is_empty()).then_some(lines)
    };
    told(study)
        .filter_map(|finding| Some((finding.id.clone(), lines(finding)?)))
        .collect()
}

/// What the skeletons are made of.
pub fn skeleton(study: &Study, top: usize, home: &str, known: Option<&Knowledge>) -> Skeleton {
    let of = |lang: Lang| {
        let (names, context) = (Names(lang), context(study, lang));
        let mut fits = fits(study, lang, known);
        let mut places: BTreeMap<Place, Vec<Found>> = BTreeMap::new();
        for finding in told(study) {
            let Some(place) = place_of(study, finding, top, home) else {
                continue;
            };
            let shown = |(name, value): (String, Value)| {
                let value = match value {
                    Value::Day(day) => Fact::Day(day),
                    Value::Number(number) => Fact::Number(number),
                };
                let text = commentary::offered(&name, &value, lang);
                (name, text)
            };
            places.entry(place).or_default().push(Found {
                id: finding.id.clone(),
                sentence: sentence(finding, &names, &context),
                surprise: finding.surprise,
                facts: values(finding).into_iter().map(shown).collect(),
                fits: fits.remove(&finding.id).unwrap_or_default(),
            });
        }
        places
    };
    Skeleton {
        period: study.facts.period,
        japanese: of(Lang::Japanese),
        english: of(Lang::English),
    }
}
