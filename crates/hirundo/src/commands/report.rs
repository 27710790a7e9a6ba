//! `hirundo report`: the report of a period, skeletons for the analyst, and the check before it goes out.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hirundo_press::document::Document;
use hirundo_press::pdf::Fonts;

use super::{Done, block_on, open_lake, threads, today};
use crate::cli::{self, Global, Knowing, ReportAbout, ReportCommand, ReportExtent, ReportForm, ReportOptions};
use crate::ingest::roster::range;
use crate::knowledge::Knowledge;
use crate::period::{Day, Lang, Period};
use crate::report::annotation::Annotations;
use crate::report::assemble::{Order, document, edition};
use crate::report::check::{Files, Known, Problem, Severity, check};
use crate::report::commentary::Commentary;
use crate::report::devices::{self, Devices};
use crate::report::facts::MARK;
use crate::report::figures::quoted;
use crate::report::followed::{self, followed};
use crate::report::known::{Told, fitting};
use crate::report::notified::{NOTIFIED_FILE, Notified};
use crate::report::safety::{self, Edition, Rules, Violation};
use crate::report::study::{Study, on_threads};
use crate::report::{quotes, write};
use crate::view::Format;

/// Folder of host investigations within the folder of reports.
const INVESTIGATIONS: &str = "investigations";
/// Where setup/fonts.sh puts the fonts.
const FONTS_DEFAULT: &str = "data/fonts";
/// Findings from this surprise on are worth a word of the analyst.
const SURPRISE_MIN: f64 = 8.0;
/// Broken rules that are listed; the number of all is told.
const VIOLATIONS_SHOWN: usize = 20;
/// The home region where a command does not show it.
const HOME_DEFAULT: &str = "JP";
/// Rows of the tables of ports and regions, at most.
const TOP_MAX: usize = 10;

/// Runs the command.
pub fn run(global: &Global, command: &cli::Report) -> Result<Done> {
    match &command.command {
        None => make(global, &command.options),
        Some(ReportCommand::Init { about, extent, known }) => init(global, about, extent, known),
        Some(ReportCommand::Check(about)) => look(global, about),
        Some(ReportCommand::Findings { period, known }) => findings(global, period, known),
        Some(ReportCommand::Investigate { about, seed, out }) => investigate(global, about, *seed, out),
        Some(ReportCommand::Notified { about, home, seed, out }) => notified(global, about, home, *seed, out),
    }
}

/// What can be wrong with the extent of a report.
fn fits(extent: &ReportExtent) -> Result<()> {
    if extent.top == 0 || extent.top > TOP_MAX {
        bail!("a table of {} rows cannot be had; hint: --top takes 1 to {TOP_MAX}", extent.top);
    }
    if crate::intel::region::code(&extent.home).is_none() {
        bail!("{:?} is no region; hint: --home JP", extent.home);
    }
    Ok(())
}

/// What every command of `report` begins with. Findings do not depend on the home region.
async fn study(global: &Global, text: &str, home: &str) -> Result<(hirundo_lake::Session, Study)> {
    let lake = open_lake(global)?;
    let roster = lake.roster()?;
    let session = hirundo_lake::Session::open(&lake, global.threads, hirundo_lake::session::MEMORY_BYTES_DEFAULT)?;
    let Some(span) = session.span().await? else {
        bail!("the lake is empty; hint: fill it with `hirundo ingest PATH`");
    };
    let Some(period) = Period::parse(text, today())? else {
        bail!("a report needs a period; hint: 2022Q2, 2022-04 or 2022-06-26");
    };
    if period.last().0 < span.0 || period.first().0 > span.1 {
        bail!(
            "nothing was observed in {text}; hint: the lake has {} to {}",
            Day(span.0).to_date(),
            Day(span.1).to_date()
        );
    }
    if roster.sensors.iter().all(|sensor| sensor.addresses.is_empty()) {
        tracing::warn!(
            "the addresses that the sensors watch are not known, so nothing checks that the report does not show them; hint: `hirundo ingest --sensors FILE`"
        );
    }
    let study = Study::make(&session, roster, period, span, home, threads(global)).await?;
    Ok((session, study))
}

fn make(global: &Global, options: &ReportOptions) -> Result<Done> {
    let langs = langs(global);
    let made = match &options.made {
        Some(text) => match Period::parse(text, today())? {
            Some(day) => day.last(),
            None => bail!("{text:?} is no day; hint: --made 2022-07-20"),
        },
        None => today(),
    };
    fits(&options.extent)?;
    let fonts = fonts(options)?;
    let known = Knowledge::load(&options.known.paths)?;
    block_on(global, async {
        let (session, study) = study(global, &options.about.period, &options.extent.home).await?;
        let period = study.facts.period;
        let files = Files::read(&options.about.dir, &period)?;
        fit(&files, &study, global)?;
        let annotations = annotations(&files)?;
        let devices = found_devices(&session, options, period).await?;
        let rules = rules(&study, options, made);
        let notified = notified_in(&files)?;
        let followed = followed(&session, &notified, period, rules.newest()).await?;
        let begun = crate::clock::now();
        // A language does not wait for the other: setting pages takes a thread and a second.
        let documents = on_threads(threads(global), &langs, |lang| {
            let commentary = commentary(&files, *lang)?;
            let (document, disclosures) = document(&Order {
                study: &study,
                lang: *lang,
                top: options.extent.top,
                home: &options.extent.home,
                rules: &rules,
                publisher: &options.publisher,
                made,
                commentary: &commentary,
                annotations: &annotations,
                devices: devices.as_ref(),
                known: known.as_ref(),
                followed: followed.as_ref(),
            });
            publishable(&safety::check(&document, &disclosures, &rules), rules.edition)?;
            Ok((format!("{period}.{}", lang.tag()), document))
        });
        // Nothing is written unless all of it may be published.
        let documents: Vec<(String, Document)> = documents.into_iter().collect::<Result<_>>()?;
        let folder = options.about.dir.join(period.to_string());
        let written = on_threads(threads(global), &documents, |(name, document)| {
            write::write(&folder, name, document, &options.forms, fonts.as_ref())
        });
        let written: Vec<Vec<PathBuf>> = written.into_iter().collect::<Result<_>>()?;
        tracing::debug!("written in {:.2} s", (crate::clock::now() - begun).as_seconds_f64());
        tell(global, &written.concat())
    })
}

/// The languages asked for, each once; both when none is.
fn langs(global: &Global) -> Vec<Lang> {
    let mut langs: Vec<Lang> = Vec::new();
    for lang in &global.langs {
        if !langs.contains(lang) {
            langs.push(*lang);
        }
    }
    if langs.is_empty() {
        langs = vec![Lang::Japanese, Lang::English];
    }
    langs
}

fn tell(global: &Global, written: &[PathBuf]) -> Result<Done> {
    let mut out = std::io::stdout().lock();
    match global.format {
        Format::Json => {
            let paths: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
            serde_json::to_writer(&mut out, &paths)?;
            writeln!(out)?;
        }
        Format::Csv | Format::Table if global.quiet => {}
        Format::Csv | Format::Table => {
            for path in written {
                writeln!(out, "{}", path.display())?;
            }
        }
    }
    Ok(Done::Yes)
}

/// Fonts for the PDF; without them there is none, and a warning says what to do.
fn fonts(options: &ReportOptions) -> Result<Option<Fonts>> {
    if !options.forms.contains(&ReportForm::Pdf) {
        return Ok(None);
    }
    let folder = options.fonts.clone().unwrap_or_else(|| PathBuf::from(FONTS_DEFAULT));
    if options.fonts.is_none() && !folder.is_dir() {
        tracing::warn!("no PDF is written: there are no fonts in {FONTS_DEFAULT}; hint: run setup/fonts.sh, or name a folder with --fonts");
        return Ok(None);
    }
    Ok(Some(Fonts::load(&folder)?))
}

/// What may be published: the sensors and their addresses never.
fn rules(study: &Study, options: &ReportOptions, made: Day) -> Rules {
    let mut rules = Rules::new(edition(options.tlp), made);
    rules.sensors.clone_from(&study.facts.sensors);
    let watched = study.facts.roster.sensors.iter().flat_map(|sensor| &sensor.addresses);
    rules.addresses = watched.filter_map(|text| range(text)).map(|(first, last)| first..=last).collect();
    rules
}

/// Refuses to publish what would show where the sensors are.
fn publishable(violations: &[Violation], edition: Edition) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    for violation in violations.iter().take(VIOLATIONS_SHOWN) {
        tracing::error!("{violation}");
    }
    bail!(
        "the report is not written: {} things in it break the rules of publication for {}; hint: --tlp amber makes an edition for members",
        violations.len(),
        edition.label()
    );
}

/// Refuses the analyst's words while something in them is wrong: a number that no longer agrees, a fact that is
/// not there. What is missing is only told by `report check`.
fn fit(files: &Files, study: &Study, global: &Global) -> Result<()> {
    let (facts, findings) = (quotes::facts(study), quotes::noted(study, global.lang()));
    let known = Known {
        period: &study.facts.period,
        facts: &facts,
        findings: &findings,
        langs: &langs(global),
        surprise_min: f64::INFINITY,
    };
    let written = [
        files.japanese.is_some(),
        files.english.is_some(),
        files.annotations.is_some(),
        files.notified.is_some(),
    ];
    let missing = |problem: &Problem| problem.what.ends_with("has text in the other language only");
    let unwritten: BTreeSet<u32> = [&files.japanese, &files.english]
        .into_iter()
        .flatten()
        .flat_map(|text| Commentary::read(text).0.sections)
        .filter(|section| !section.is_written())
        .flat_map(|section| section.todos)
        .collect();
    let problems = check(files, &known);
    let wrong: Vec<_> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error && problem.line > 0)
        .filter(|problem| !unwritten.contains(&problem.line) && !missing(problem))
        .collect();
    if wrong.is_empty() || !written.contains(&true) {
        return Ok(());
    }
    for problem in wrong.iter().take(VIOLATIONS_SHOWN) {
        tracing::error!("{problem}");
    }
    bail!(
        "the report is not written: {} things in the analyst's files are wrong; hint: hirundo report check",
        wrong.len()
    );
}

fn annotations(files: &Files) -> Result<Annotations> {
    let Some(text) = &files.annotations else {
        return Ok(Annotations::default());
    };
    Annotations::parse(text).map_err(|errors| {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("could not read annotations.toml: {}", list.join("; "))
    })
}

fn commentary(files: &Files, lang: Lang) -> Result<Commentary> {
    let text = match lang {
        Lang::Japanese => &files.japanese,
        Lang::English => &files.english,
    };
    let Some(text) = text else {
        return Ok(Commentary::default());
    };
    Commentary::parse(text).map_err(|errors| {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("could not read the commentary: {}", list.join("; "))
    })
}

fn notified_in(files: &Files) -> Result<Notified> {
    let Some(text) = &files.notified else {
        return Ok(Notified::default());
    };
    Notified::parse(text).map_err(|errors| {
        let list: Vec<String> = errors.iter().take(VIOLATIONS_SHOWN).map(ToString::to_string).collect();
        anyhow::anyhow!("could not read {NOTIFIED_FILE}: {}", list.join("; "))
    })
}

async fn found_devices(session: &hirundo_lake::Session, options: &ReportOptions, period: Period) -> Result<Option<Devices>> {
    let folder = options.about.dir.join(INVESTIGATIONS).join(period.to_string());
    devices::devices(session, &folder, options.recog.as_deref(), MARK, &options.extent.home, period).await
}

fn init(global: &Global, about: &ReportAbout, extent: &ReportExtent, known: &Knowing) -> Result<Done> {
    fits(extent)?;
    let known = Knowledge::load(&known.paths)?;
    block_on(global, async {
        let (_session, study) = study(global, &about.period, &extent.home).await?;
        let skeleton = quotes::skeleton(&study, extent.top, &extent.home, known.as_ref());
        let written = skeleton.write(&about.dir, &langs(global))?;
        let mut out = std::io::stdout().lock();
        for path in &written.made {
            writeln!(out, "written  {}", path.display())?;
        }
        for path in &written.kept {
            writeln!(out, "was there already and is left as it is  {}", path.display())?;
        }
        Ok(Done::Yes)
    })
}

fn look(global: &Global, about: &ReportAbout) -> Result<Done> {
    block_on(global, async {
        let (_session, study) = study(global, &about.period, HOME_DEFAULT).await?;
        let files = Files::read(&about.dir, &study.facts.period)?;
        let facts = quotes::facts(&study);
        let findings = quotes::noted(&study, global.lang());
        let problems = check(
            &files,
            &Known {
                period: &study.facts.period,
                facts: &facts,
                findings: &findings,
                langs: &langs(global),
                surprise_min: SURPRISE_MIN,
            },
        );
        let mut out = std::io::stdout().lock();
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
        if problems.is_empty() && !global.quiet {
            writeln!(out, "nothing is missing, and every quoted number agrees with the data")?;
        }
        let is_wrong = problems.iter().any(|problem| problem.severity == Severity::Error);
        Ok(if is_wrong { Done::No } else { Done::Yes })
    })
}

fn findings(global: &Global, period: &str, known: &Knowing) -> Result<Done> {
    let known = Knowledge::load(&known.paths)?;
    block_on(global, async {
        let (_session, study) = study(global, period, HOME_DEFAULT).await?;
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let fits = quotes::fits(&study, global.lang(), known.as_ref());
        let of = |id: &str| fits.get(id).map_or(&[][..], Vec::as_slice);
        match global.format {
            Format::Json => writeln!(out, "{}", findings_json(&study, known.as_ref()))?,
            Format::Csv => {
                let head = if known.is_some() { ",fits" } else { "" };
                writeln!(out, "id,surprise,sentence{head}")?;
                for noted in quotes::noted(&study, global.lang()) {
                    let sentence = quoted(&noted.sentence);
                    write!(out, "{},{:.2},{sentence}", noted.id, noted.surprise)?;
                    if known.is_some() {
                        write!(out, ",{}", quoted(&of(&noted.id).join(" | ")))?;
                    }
                    writeln!(out)?;
                }
            }
            Format::Table => {
                for noted in quotes::noted(&study, global.lang()) {
                    writeln!(out, "{:>7.1}  {}\n         {}", noted.surprise, noted.sentence, noted.id)?;
                    for line in of(&noted.id) {
                        writeln!(out, "         ~ {line}")?;
                    }
                }
            }
        }
        out.flush()?;
        Ok(Done::Yes)
    })
}

/// Findings for programs; what fits each stands in it when a catalogue was given.
fn findings_json(study: &Study, known: Option<&Knowledge>) -> serde_json::Value {
    let mut findings = serde_json::json!(study.findings);
    let told = study.findings.iter().zip(findings.as_array_mut().into_iter().flatten());
    for (finding, value) in told {
        let fitting = known.and_then(|known| fitting(study, known, finding));
        if let (Some(fitting), Some(value)) = (fitting, value.as_object_mut()) {
            let candidates = fitting.candidates.iter().map(Told::json).collect();
            value.insert("fits".to_owned(), candidates);
        }
    }
    let catalogue = known.and_then(|known| known.catalogue.as_ref());
    serde_json::json!({
        "period": [study.facts.period.first().to_date().to_string(), study.facts.period.last().to_date().to_string()],
        "series": study.series.len(),
        "expected_false_alarms": study.false_alarms,
        "catalogue": catalogue.map(|catalogue| catalogue.version.clone()),
        "findings": findings,
    })
}

fn investigate(global: &Global, about: &ReportAbout, seed: u64, out: &Option<PathBuf>) -> Result<Done> {
    block_on(global, async {
        let session = super::session(global, hirundo_lake::session::MEMORY_BYTES_DEFAULT)?;
        let Some(period) = super::period(&session, &about.period).await? else {
            bail!("the lake is empty; hint: fill it with `hirundo ingest PATH`");
        };
        let text = devices::simulated(&session, MARK, period, seed).await?;
        let path = out
            .clone()
            .unwrap_or_else(|| about.dir.join(INVESTIGATIONS).join(period.to_string()).join("simulated.ndjson"));
        put(&path, &text)?;
        if !global.quiet {
            writeln!(
                std::io::stdout().lock(),
                "simulated host investigation of {} hosts: {}",
                text.lines().count(),
                path.display()
            )?;
        }
        Ok(Done::Yes)
    })
}

/// Makes up notifications. A file that is there is left as it is: it may hold real ones.
fn notified(global: &Global, about: &ReportAbout, home: &str, seed: u64, out: &Option<PathBuf>) -> Result<Done> {
    block_on(global, async {
        let session = super::session(global, hirundo_lake::session::MEMORY_BYTES_DEFAULT)?;
        let Some(period) = super::period(&session, &about.period).await? else {
            bail!("the lake is empty; hint: fill it with `hirundo ingest PATH`");
        };
        let path = out.clone().unwrap_or_else(|| about.dir.join(NOTIFIED_FILE));
        if path.exists() {
            bail!(
                "{} is there already and may hold real notifications; hint: name another file with --out",
                path.display()
            );
        }
        let text = followed::simulated(&session, MARK, home, period, seed).await?;
        put(&path, &text)?;
        if !global.quiet {
            let number = Notified::parse(&text).map_or(0, |made| made.entries.len());
            writeln!(std::io::stdout().lock(), "{number} simulated notifications: {}", path.display())?;
        }
        Ok(Done::Yes)
    })
}

fn put(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("could not make the folder {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("could not write {}", path.display()))
}
