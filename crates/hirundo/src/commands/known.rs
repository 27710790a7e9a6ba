//! `hirundo known`: what is known of a port, and how well each fits a rise that began on a day.

use anyhow::{Result, bail};
use hirundo_analysis::correlate::{Port, Rise};
use hirundo_analysis::sentence::{Context, fit};

use super::centre::{numbers, table, text};
use super::{Done, today};
use crate::cli::{Global, KnownOf};
use crate::knowledge::{CATALOGUE_NAME, Knowledge, Table};
use crate::period::{Day, Lang, Period};
use crate::report::known::{Told, days, told};

/// Runs the command.
pub fn run(global: &Global, options: &KnownOf) -> Result<Done> {
    let (proto, Some(port)) = super::port(&options.port)? else {
        bail!("{:?} names no port; hint: write 8291/tcp or 161/udp", options.port);
    };
    let port = (proto, port);
    let onset = options.onset.as_deref().map(onset).transpose()?;
    let knowledge = match Knowledge::load(&options.known.paths)? {
        Some(knowledge) => knowledge,
        None => {
            tracing::warn!("only the program's own table is asked, which holds no vulnerabilities; hint: --known {CATALOGUE_NAME}.json");
            Knowledge::new(&Table::built_in()?, None)
        }
    };
    match onset {
        Some(onset) => fitting(global, &knowledge, port, onset),
        None => listed(global, &knowledge, port),
    }
}

fn onset(text: &str) -> Result<Day> {
    match Period::parse(text, today())? {
        Some(period) if period.len_days() == 1 => Ok(period.first()),
        Some(_) | None => bail!("{text:?} is no day; hint: --onset 2022-05-21"),
    }
}

fn lang(global: &Global) -> hirundo_analysis::Lang {
    match global.lang() {
        Lang::English => hirundo_analysis::Lang::English,
        Lang::Japanese => hirundo_analysis::Lang::Japanese,
    }
}

fn filled(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// Everything known of a port, the newest first.
fn listed(global: &Global, knowledge: &Knowledge, port: Port) -> Result<Done> {
    let lang = lang(global);
    let at = knowledge.known.at(port);
    let found: Vec<_> = at
        .iter()
        .filter_map(|at| Some((knowledge.known.entry(*at)?, knowledge.about(*at)?)))
        .collect();
    let products = i64::try_from(knowledge.known.products(port)).ok();
    let each = || found.iter();
    table(
        global,
        None,
        vec![
            ("known_on", text(each().map(|(_, about)| about.known.clone()))),
            ("kind", text(each().map(|(entry, _)| Some(entry.kind.word(lang))))),
            ("name", text(each().map(|(_, about)| Some(about.title(global.lang()))))),
            ("what", text(each().map(|(_, about)| filled(&about.what)))),
            ("known_of_port", numbers(each().map(|_| products))),
            (
                "source",
                text(each().map(|(_, about)| about.source(port).map(|source| source.url.clone()))),
            ),
        ],
    )
}

/// What fits a rise that began on that day. Compared with the quarter up to it, and with all ports of the lists.
fn fitting(global: &Global, knowledge: &Knowledge, port: Port, onset: Day) -> Result<Done> {
    let context = Context {
        lang: lang(global),
        period: (onset.0, onset.0),
    };
    let rise = Rise {
        port,
        onset: onset.0,
        marks: None,
    };
    let days = days(Period::new(onset, onset)?);
    let candidates = knowledge.known.candidates(&rise, days, &knowledge.known.ports());
    let found: Vec<Told<'_>> = candidates
        .into_iter()
        .filter_map(|candidate| told(knowledge, candidate, port, onset))
        .collect();
    let each = || found.iter();
    let why = |told: &Told<'_>| fit::why(&told.candidate, told.entry.kind, &context);
    table(
        global,
        None,
        vec![
            ("fit", text(each().map(|told| Some(told.candidate.fit.word(context.lang))))),
            ("score", text(each().map(|told| Some(format!("{:.0}", told.candidate.score))))),
            ("known_on", text(each().map(|told| told.about.known.clone()))),
            ("kind", text(each().map(|told| Some(told.entry.kind.word(context.lang))))),
            ("name", text(each().map(|told| Some(told.about.title(global.lang()))))),
            ("what", text(each().map(|told| filled(&told.about.what)))),
            ("why", text(each().map(|told| Some(why(told))))),
            (
                "as_good_by_chance",
                text(each().map(|told| Some(fit::chance(told.candidate.chance, &context)))),
            ),
            ("source", text(each().map(|told| told.source.map(|source| source.url.clone())))),
        ],
    )
}
