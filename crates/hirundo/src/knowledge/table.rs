//! Tables of services, malware and tools: which ports they are known of, and who says so. A user's file has the same form.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use chrono::{Datelike, NaiveDate};
use hirundo_analysis::correlate::{Entry, Kind, Port};
use serde::Deserialize;

use super::Source;
use super::kev::{Vulnerability, clean, is_cve};
use crate::period::{Day, YEAR_MAX, YEAR_MIN};
use crate::report::annotation::link_fault;

/// The table that comes with the program.
const BUILT_IN: &str = include_str!("table.toml");
/// Longest table, bytes.
pub const TABLE_BYTES_MAX: usize = 4 << 20;
/// Most rows of all tables together.
pub const ROWS_MAX: usize = 10_000;
/// Most ports of a row.
const PORTS_MAX: usize = 1_000;
/// Most marks or conditions of a row.
const CONDITIONS_MAX: usize = 1_000;
/// Longest name, characters.
const NAME_CHARS_MAX: usize = 120;
/// Longest address of a page, characters.
const LINK_CHARS_MAX: usize = 500;
/// Shortest text that a condition may look for.
const PART_CHARS_MIN: usize = 3;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Why a table was refused.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read.
    #[error("could not read the table {name}; hint: is it there, and is it UTF-8?")]
    File {
        /// The table's name.
        name: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not TOML of this form.
    #[error("could not read the table {name}; hint: the built-in one, crates/hirundo/src/knowledge/table.toml, shows the form")]
    Form {
        /// The table's name.
        name: String,
        /// Why not.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A row says something impossible.
    #[error("{id:?} of the table {name}: {reason}")]
    Row {
        /// The table's name.
        name: String,
        /// The row.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is too long.
    #[error("the table {name} has more than {TABLE_BYTES_MAX} bytes, or with the others more than {ROWS_MAX} rows")]
    TooLong {
        /// The table's name.
        name: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    #[serde(default)]
    service: Vec<Service>,
    #[serde(default)]
    malware: Vec<Malware>,
    #[serde(default)]
    tool: Vec<Tool>,
}

/// A product at its ports.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    id: String,
    name: String,
    #[serde(rename = "name-ja")]
    name_ja: Option<String>,
    ports: Vec<String>,
    source: String,
    any: Vec<Condition>,
}

/// What an entry of the catalogue must say; without regard to case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    vendor: Option<String>,
    product: Option<String>,
    text: Option<String>,
    cve: Option<String>,
}

/// Malware that tries ports.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Malware {
    id: String,
    name: String,
    #[serde(rename = "name-ja")]
    name_ja: Option<String>,
    ports: Vec<String>,
    #[serde(default)]
    marks: Vec<String>,
    reported: Option<String>,
    source: String,
}

/// A tool known by its marks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    id: String,
    name: String,
    #[serde(rename = "name-ja")]
    name_ja: Option<String>,
    marks: Vec<String>,
    source: String,
}

/// Services, malware and tools of the built-in table and of those that a user adds.
#[derive(Clone, Debug, Default)]
pub struct Table {
    services: Vec<(Source, Vec<Condition>)>,
    malware: Vec<(Entry, Source, Option<String>)>,
    tools: Vec<(Entry, Source, Option<String>)>,
    ids: BTreeSet<String>,
}

/// The text of a table's file.
pub(super) fn read(path: &Path) -> Result<String, TableError> {
    let name = || path.display().to_string();
    let failed = |source| TableError::File { name: name(), source };
    let mut text = String::new();
    let limit = TABLE_BYTES_MAX as u64 + 1;
    let file = File::open(path).map_err(failed)?;
    file.take(limit).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

impl Table {
    /// The table that comes with the program.
    ///
    /// # Errors
    /// Never with the table as released; tests hold it to that.
    pub fn built_in() -> Result<Table, TableError> {
        let mut table = Table::default();
        table.add(BUILT_IN, "table.toml")?;
        Ok(table)
    }

    /// Adds the rows of a table's text; `name` is said in errors.
    ///
    /// # Errors
    /// When it is not of the form of the built-in table, or a row says something impossible. Nothing is added then.
    pub fn add(&mut self, text: &str, name: &str) -> Result<(), TableError> {
        let too_long = || TableError::TooLong { name: name.to_owned() };
        if text.len() > TABLE_BYTES_MAX {
            return Err(too_long());
        }
        let sheet: Sheet = toml::from_str(text).map_err(|source| TableError::Form {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        let (services, malware, tools) = self.rows();
        let rows = [services, malware, tools, sheet.service.len(), sheet.malware.len(), sheet.tool.len()];
        if rows.iter().sum::<usize>() > ROWS_MAX {
            return Err(too_long());
        }
        let row = |id: &str, reason| TableError::Row {
            name: name.to_owned(),
            id: id.chars().take(NAME_CHARS_MAX).collect(),
            reason,
        };
        let mut all = self.clone();
        for service in sheet.service {
            let id = service.id.clone();
            all.service(service).map_err(|reason| row(&id, reason))?;
        }
        for malware in sheet.malware {
            let id = malware.id.clone();
            all.malware(malware).map_err(|reason| row(&id, reason))?;
        }
        for tool in sheet.tool {
            let id = tool.id.clone();
            all.tool(tool).map_err(|reason| row(&id, reason))?;
        }
        *self = all;
        Ok(())
    }

    /// Numbers of services, malware and tools.
    #[must_use]
    pub fn rows(&self) -> (usize, usize, usize) {
        (self.services.len(), self.malware.len(), self.tools.len())
    }

    /// The services that an entry of the catalogue is one of.
    pub(super) fn services_of(&self, vulnerability: &Vulnerability) -> Vec<Source> {
        let (vendor, product) = (vulnerability.vendor.to_lowercase(), vulnerability.product.to_lowercase());
        let holds = |condition: &Condition| {
            let is = |wanted: &Option<String>, test: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(test);
            is(&condition.vendor, &|wanted| vendor == wanted)
                && is(&condition.product, &|wanted| product.contains(wanted))
                && is(&condition.text, &|wanted| vulnerability.text.contains(wanted))
                && is(&condition.cve, &|wanted| vulnerability.cve == wanted)
        };
        let fitting = self.services.iter().filter(|(_, any)| any.iter().any(holds));
        fitting.map(|(source, _)| source.clone()).collect()
    }

    /// Malware and tools, with the day or month from which on each was reported.
    pub(super) fn others(&self) -> impl Iterator<Item = (Entry, Source, Option<String>)> {
        self.malware.iter().chain(&self.tools).cloned()
    }

    fn service(&mut self, service: Service) -> Result<(), &'static str> {
        let ports = ports(&service.ports)?;
        let source = self.source(&service.id, (&service.name, service.name_ja.as_deref()), &service.source, ports)?;
        if service.any.is_empty() || service.any.len() > CONDITIONS_MAX {
            return Err("it has no condition, or too many");
        }
        let any = service.any.into_iter().map(Condition::checked);
        self.services.push((source, any.collect::<Result<_, _>>()?));
        Ok(())
    }

    fn malware(&mut self, malware: Malware) -> Result<(), &'static str> {
        let ports = ports(&malware.ports)?;
        let source = self.source(&malware.id, (&malware.name, malware.name_ja.as_deref()), &malware.source, ports)?;
        let reported = malware.reported.as_deref().map(reported).transpose()?;
        let entry = Entry {
            known: reported.map(|date| Day::from_date(date).0),
            known_year: reported.map(|date| date.year()),
            marks: marks(malware.marks)?,
            ..bare(malware.id, Kind::Malware, &source)
        };
        self.malware.push((entry, source, malware.reported));
        Ok(())
    }

    fn tool(&mut self, tool: Tool) -> Result<(), &'static str> {
        let source = self.source(&tool.id, (&tool.name, tool.name_ja.as_deref()), &tool.source, Vec::new())?;
        if tool.marks.is_empty() {
            return Err("a tool is known by its marks, and it has none");
        }
        let entry = Entry {
            marks: marks(tool.marks)?,
            ..bare(tool.id, Kind::Tool, &source)
        };
        self.tools.push((entry, source, None));
        Ok(())
    }

    /// What every row has: an id of its own, a name, and a page that says so.
    fn source(&mut self, id: &str, names: (&str, Option<&str>), url: &str, ports: Vec<Port>) -> Result<Source, &'static str> {
        let is_id = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if id.is_empty() || id.len() > NAME_CHARS_MAX || !id.chars().all(is_id) {
            return Err("its id must be lower-case letters, digits and hyphens");
        }
        if !self.ids.insert(id.to_owned()) {
            return Err("another row has this id");
        }
        let is_name = |name: &str| !name.is_empty() && clean(name, NAME_CHARS_MAX) == name;
        if !is_name(names.0) || !names.1.is_none_or(is_name) {
            return Err("its name is empty, too long, or holds characters that do not show");
        }
        if url.chars().count() > LINK_CHARS_MAX || link_fault(url).is_some() {
            return Err("its source must be the address of a page (https://…) that says so");
        }
        Ok(Source {
            ports,
            name: names.0.to_owned(),
            name_ja: names.1.map(str::to_owned),
            url: url.to_owned(),
        })
    }
}

impl Condition {
    fn checked(self) -> Result<Condition, &'static str> {
        if let Some(cve) = &self.cve
            && !is_cve(cve)
        {
            return Err("cve is no CVE");
        }
        let said = [&self.vendor, &self.product, &self.text, &self.cve];
        if said.iter().all(|part| part.is_none()) {
            return Err("a condition says nothing");
        }
        let is_short = |part: &Option<String>| part.as_ref().is_some_and(|part| part.trim().chars().count() < PART_CHARS_MIN);
        if is_short(&self.product) || is_short(&self.text) || self.vendor.as_ref().is_some_and(|vendor| vendor.trim().is_empty()) {
            return Err("a text to look for is too short");
        }
        let lower = |part: Option<String>| part.map(|part| part.to_lowercase());
        Ok(Condition {
            vendor: lower(self.vendor),
            product: lower(self.product),
            text: lower(self.text),
            cve: self.cve,
        })
    }
}

fn bare(id: String, kind: Kind, source: &Source) -> Entry {
    Entry {
        product: id.clone(),
        id,
        kind,
        ports: source.ports.clone(),
        known: None,
        published: None,
        known_year: None,
        founding: false,
        marks: Vec::new(),
    }
}

fn ports(texts: &[String]) -> Result<Vec<Port>, &'static str> {
    if texts.is_empty() || texts.len() > PORTS_MAX {
        return Err("it has no port, or too many");
    }
    let port = |text: &String| {
        let (number, proto) = text.split_once('/')?;
        let proto = match proto {
            "tcp" => TCP,
            "udp" => UDP,
            _ => return None,
        };
        Some((proto, number.parse().ok()?))
    };
    let ports: Option<Vec<Port>> = texts.iter().map(port).collect();
    ports.ok_or("its ports must be written 23/tcp or 161/udp")
}

fn marks(marks: Vec<String>) -> Result<Vec<String>, &'static str> {
    let is_name = |mark: &String| !mark.is_empty() && mark.len() <= NAME_CHARS_MAX && !mark.contains(char::is_control);
    if marks.len() > CONDITIONS_MAX || !marks.iter().all(is_name) {
        return Err("its marks must be names of marks");
    }
    Ok(marks)
}

/// A day, or the first of a month.
fn reported(text: &str) -> Result<NaiveDate, &'static str> {
    let whole = if text.len() == 7 { format!("{text}-01") } else { text.to_owned() };
    let date = NaiveDate::parse_from_str(&whole, "%Y-%m-%d").ok();
    let date = date.filter(|date| (YEAR_MIN..=YEAR_MAX).contains(&date.year()));
    date.ok_or("reported must be a day (2018-02-03) or a month (2018-02)")
}
