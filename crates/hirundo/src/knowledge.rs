//! What is known of ports: CISA's catalogue of exploited vulnerabilities, and tables of services, malware and tools.
//!
//! The catalogue names vendors and products, no ports. The table says which product listens where, each with the page
//! that says so; an entry of the catalogue that no service of the table fits is known of no port and fits nothing.
//! Nothing is fetched: both are files that somebody names.

mod kev;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::Datelike;
use hirundo_analysis::correlate::{Entry, Kind, Known, Port};

use crate::period::{Day, Lang};

pub use kev::{Catalogue, ENTRIES_MAX, FILE_BYTES_MAX, KevError, ODD_KEPT_MAX, Vulnerability};
pub use table::{ROWS_MAX, TABLE_BYTES_MAX, Table, TableError};

/// Where the catalogue is published.
pub const CATALOGUE_URL: &str = "https://www.cisa.gov/known-exploited-vulnerabilities-catalog";
/// How the catalogue's file is named by its publisher; in a folder only files that begin so are taken for one.
pub const CATALOGUE_NAME: &str = "known_exploited_vulnerabilities";
/// Files of a folder that are looked at.
const FILES_MAX: usize = 100;

/// A service, malware or tool that says of a port what listens or who comes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The ports it speaks of; none for tools.
    pub ports: Vec<Port>,
    /// Its name.
    pub name: String,
    /// Its name in Japanese, where it is another.
    pub name_ja: Option<String>,
    /// The page that says so.
    pub url: String,
}

/// What a reader is told of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// CVE, or name of the malware or tool, in English.
    pub title: String,
    /// Vendor, product and kind of vulnerability; empty for malware and tools.
    pub what: String,
    /// Day or month from which on it was known, as it is written.
    pub known: Option<String>,
    /// Who says that it is known of its ports.
    pub sources: Vec<Source>,
}

/// What is known of the catalogue itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its version, as it names it.
    pub version: String,
    /// Day of its release.
    pub released: Option<Day>,
    /// Entries read.
    pub entries: usize,
    /// Entries that could not be read.
    pub odd: usize,
    /// Entries that are known of a port.
    pub placed: usize,
}

/// Everything known, by port.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// For the analysis.
    pub known: Known,
    /// For readers, by the place of the entry.
    about: Vec<About>,
    /// The catalogue; `None` when none was given.
    pub catalogue: Option<Origin>,
    /// Services, malware and tools in the tables.
    pub rows: (usize, usize, usize),
}

impl Knowledge {
    /// Reads the catalogue and further tables out of files and folders; `None` when no path is named. In a folder
    /// `known_exploited_vulnerabilities*.json` and `*.toml` are taken, everything else is left.
    ///
    /// # Errors
    /// When a file cannot be read or is none of the two, or there are two catalogues.
    pub fn load(paths: &[PathBuf]) -> Result<Option<Knowledge>> {
        if paths.is_empty() {
            return Ok(None);
        }
        let mut table = Table::built_in()?;
        let mut catalogue: Option<(PathBuf, Catalogue)> = None;
        for path in files(paths)? {
            let what = || format!("could not read what is known from {}", path.display());
            match path.extension().and_then(|end| end.to_str()) {
                Some("json") => {
                    let read = Catalogue::read(&path).with_context(what)?;
                    if let Some((other, _)) = catalogue.replace((path.clone(), read)) {
                        let (other, path) = (other.display(), path.display());
                        bail!("there are two catalogues, {other} and {path}; hint: name one of them with --known");
                    }
                }
                Some("toml") => {
                    let text = table::read(&path).with_context(what)?;
                    table.add(&text, &path.display().to_string()).with_context(what)?;
                }
                Some(_) | None => bail!(
                    "{} is neither a catalogue (.json) nor a table (.toml); hint: --known takes CISA's {CATALOGUE_NAME}.json, tables, and folders of them",
                    path.display()
                ),
            }
        }
        if let Some((path, catalogue)) = &catalogue {
            tell_odd(path, catalogue);
        }
        Ok(Some(Knowledge::new(&table, catalogue.as_ref().map(|(_, catalogue)| catalogue))))
    }

    /// Puts a catalogue to the ports of a table.
    #[must_use]
    pub fn new(table: &Table, catalogue: Option<&Catalogue>) -> Knowledge {
        let (mut entries, mut about) = (Vec::new(), Vec::new());
        for vulnerability in catalogue.iter().flat_map(|catalogue| &catalogue.vulnerabilities) {
            let sources = table.services_of(vulnerability);
            if sources.is_empty() {
                continue;
            }
            let ports: BTreeSet<Port> = sources.iter().flat_map(|source| source.ports.iter().copied()).collect();
            entries.push(Entry {
                id: vulnerability.cve.clone(),
                kind: Kind::Vulnerability,
                product: format!("{}\u{1f}{}", vulnerability.vendor, vulnerability.product).to_lowercase(),
                ports: ports.into_iter().collect(),
                known: Some(vulnerability.added.0),
                published: vulnerability.published(),
                known_year: Some(vulnerability.added.to_date().year()),
                founding: vulnerability.added == kev::FIRST_DAY,
                marks: Vec::new(),
            });
            about.push(About {
                title: vulnerability.cve.clone(),
                what: vulnerability.name.clone(),
                known: Some(vulnerability.added.to_string()),
                sources,
            });
        }
        let placed = entries.len();
        for (entry, source, known) in table.others() {
            about.push(About {
                title: source.name.clone(),
                what: String::new(),
                known,
                sources: vec![source],
            });
            entries.push(entry);
        }
        Knowledge {
            known: Known::new(entries),
            about,
            catalogue: catalogue.map(|catalogue| Origin {
                version: catalogue.version.clone(),
                released: catalogue.released,
                entries: catalogue.vulnerabilities.len(),
                odd: catalogue.odd,
                placed,
            }),
            rows: table.rows(),
        }
    }

    /// What a reader is told of an entry, by its place.
    #[must_use]
    pub fn about(&self, at: usize) -> Option<&About> {
        self.about.get(at)
    }
}

impl Source {
    /// Its name in a language.
    #[must_use]
    pub fn name(&self, lang: Lang) -> &str {
        match lang {
            Lang::Japanese => self.name_ja.as_deref().unwrap_or(&self.name),
            Lang::English => &self.name,
        }
    }
}

impl About {
    /// CVE, or name of the malware or tool, in a language.
    #[must_use]
    pub fn title(&self, lang: Lang) -> &str {
        match self.sources.first() {
            Some(source) if self.what.is_empty() => source.name(lang),
            Some(_) | None => &self.title,
        }
    }

    /// Who says that it is known of that port; for tools, that it has its mark.
    #[must_use]
    pub fn source(&self, port: Port) -> Option<&Source> {
        let named = self.sources.iter().find(|source| source.ports.contains(&port));
        named.or_else(|| self.sources.iter().find(|source| source.ports.is_empty()))
    }
}

/// Files that are named or lie in folders that are named, each once; those of a folder in the order of their names.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| format!("could not list {}", path.display()))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_file() && is_ours(path))
            .take(FILES_MAX)
            .collect();
        if found.is_empty() {
            bail!(
                "there is nothing in {}; hint: put CISA's {CATALOGUE_NAME}.json there ({CATALOGUE_URL})",
                path.display()
            );
        }
        found.sort();
        files.append(&mut found);
    }
    let mut seen = HashSet::new();
    files.retain(|path| seen.insert(path.clone()));
    Ok(files)
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".toml") || (name.starts_with(CATALOGUE_NAME) && name.ends_with(".json") && !name.contains("schema"))
}

fn tell_odd(path: &Path, catalogue: &Catalogue) {
    if catalogue.odd > 0 {
        let first = catalogue.odd_kept.join("; ");
        tracing::warn!("{}: {} entries are left out ({first})", path.display(), catalogue.odd);
    }
    let found = catalogue.vulnerabilities.len().saturating_add(catalogue.odd);
    if catalogue.count.is_some_and(|count| count != found as u64) {
        tracing::warn!(
            "{}: the catalogue says that it has {} entries, and has {found}; hint: download it again",
            path.display(),
            catalogue.count.unwrap_or_default()
        );
    }
}
