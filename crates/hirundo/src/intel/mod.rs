//! What is known of an address beside the packet: its region and AS as of a day, and whether a research organisation scans from it.
//!
//! Databases and lists are read once and flattened into lookup tables (`table`); nothing changes after
//! [`Intel::load`], so every thread reads without a lock.

pub mod bogon;
pub mod database;
pub mod delimited;
pub mod mmdb;
pub mod region;
pub mod scanner;
pub mod service;
mod span;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use database::{Database, DatabaseError, Names, Spans, Version};
use scanner::{ScannerError, ScannerList, Scanners};
use span::{Layers, Span};
use table::{Builder, Overflow, Step, Table};

/// Most databases; four years of monthly pairs.
const DATABASES_MAX: usize = 100;

/// Folder of the databases, below the working directory and below the user's data folder.
const FOLDER: &str = "data/geo";

/// Endings of the files in a folder that are databases.
const ENDINGS: [&str; 3] = ["mmdb", "csv", "tsv"];

/// What is known of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Autonomous system that announces it; 0 when not known.
    pub asn: u32,
    /// Region: two ASCII letters, big-endian, [`region::UNKNOWN`] when not known, or the code of a special
    /// area ([`bogon::Area`]). [`region::code_text`] gives the text that the lake keeps.
    pub region: u16,
    /// Number of the research organisation that scans from it ([`Intel::scanner_name`]); 0 for none.
    pub scanner: u16,
}

impl Default for Place {
    fn default() -> Self {
        Place {
            asn: 0,
            region: region::UNKNOWN,
            scanner: 0,
        }
    }
}

/// What to load.
#[derive(Clone, Debug)]
pub struct IntelOptions {
    /// Databases: files, or folders of them, in order of precedence; `PATH@2022-04-01` gives a file's date.
    pub databases: Vec<String>,
    /// Whether to look in the usual folders when `databases` is empty.
    pub search: bool,
    /// Lists of research scanners: files, or folders of them, in order of precedence.
    pub scanners: Vec<PathBuf>,
    /// Whether to take the list that the binary carries too, behind `scanners`.
    pub bundled_scanners: bool,
}

impl Default for IntelOptions {
    fn default() -> Self {
        IntelOptions {
            databases: Vec::new(),
            search: true,
            scanners: Vec::new(),
            bundled_scanners: true,
        }
    }
}

/// Why loading failed.
#[derive(Debug, thiserror::Error)]
pub enum IntelError {
    /// A database was refused.
    #[error("failed to load the database {}: {source}", file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: DatabaseError,
    },
    /// A list of scanners was refused.
    #[error("failed to load the scanner list {}: {source}", file.display())]
    Scanner {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: ScannerError,
    },
    /// A folder that was named holds no database.
    #[error("failed to find a database in {}: no file ends in .mmdb, .csv or .tsv", folder.display())]
    EmptyFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// More databases than the limit.
    #[error("failed to load {count} databases: {max} at most")]
    TooMany {
        /// How many there are.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// The databases are too large for the lookup tables.
    #[error("failed to build the lookup tables: more than {max} {what}; hint: give fewer databases at once")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
}

impl From<Overflow> for IntelError {
    fn from(overflow: Overflow) -> Self {
        IntelError::TooLarge {
            what: overflow.what,
            max: overflow.max,
        }
    }
}

/// Regions, ASes and research scanners of addresses, for every day that there are databases of.
#[derive(Debug)]
pub struct Intel {
    versions: Vec<Version>,
    gazetteers: Vec<Gazetteer>,
    shared_bytes: usize,
    scanner_names: Vec<String>,
    scanner_lists: Vec<ScannerList>,
    names: Names,
    warnings: Vec<String>,
}

/// The databases valid on a day, as one lookup table.
#[derive(Debug)]
pub struct Gazetteer {
    from_day: i32,
    chosen: Chosen,
    table: Table,
}

/// Numbers of the databases that answer for a kind of record and an address family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Chosen {
    region_v4: Vec<usize>,
    region_v6: Vec<usize>,
    asn_v4: Vec<usize>,
    asn_v6: Vec<usize>,
}

impl Intel {
    /// Loads databases and lists and builds the tables.
    ///
    /// # Errors
    /// When a file that was named cannot be used. That there is no database at all is a warning
    /// ([`Intel::warnings`]): every region is then `ZZ`.
    pub fn load(options: &IntelOptions) -> Result<Intel, IntelError> {
        let mut warnings = Vec::new();
        let databases = load_databases(options, &mut warnings)?;
        let mut scanners = load_scanners(options)?;
        for (file, why) in scanners.passed_over.drain(..) {
            warnings.push(format!("passed over the scanner list {}: {why}", file.display()));
        }
        let scanner_lists = std::mem::take(&mut scanners.lists);
        let (scanner_names, scanner_v4, scanner_v6) = scanners.finish();
        let (gazetteers, shared_bytes) = gazetteers(&databases, &scanner_v4, &scanner_v6)?;
        let mut names = Names::default();
        let mut versions = Vec::with_capacity(databases.len());
        for database in databases {
            names.extend(database.names);
            versions.push(database.version);
        }
        Ok(Intel {
            versions,
            gazetteers,
            shared_bytes,
            scanner_names,
            scanner_lists,
            names,
            warnings,
        })
    }

    /// The databases valid on a day (days since 1970): of each kind the newest that are not younger, else
    /// the oldest there are.
    #[must_use]
    pub fn on(&self, day: i32) -> &Gazetteer {
        let behind = self.gazetteers.partition_point(|gazetteer| gazetteer.from_day <= day);
        // The first is valid from the beginning of time, see `gazetteers`.
        &self.gazetteers[behind.saturating_sub(1)]
    }

    /// The name of a research organisation; empty for 0 and numbers that [`Place::scanner`] never has.
    #[must_use]
    pub fn scanner_name(&self, number: u16) -> &str {
        self.scanner_names.get(usize::from(number)).map_or("", String::as_str)
    }

    /// The name of an AS, where a database tells it.
    #[must_use]
    pub fn as_name(&self, asn: u32) -> Option<&str> {
        self.names.get(asn)
    }

    /// The databases that were loaded, in order of precedence.
    pub fn versions(&self) -> impl ExactSizeIterator<Item = &Version> {
        self.versions.iter()
    }

    /// The databases that a day's answers come from, for a report's appendix.
    pub fn versions_on(&self, day: i32) -> impl Iterator<Item = &Version> {
        let chosen = &self.on(day).chosen;
        let lists = [&chosen.region_v4, &chosen.region_v6, &chosen.asn_v4, &chosen.asn_v6];
        let is_used = move |number: &usize| lists.iter().any(|list| list.contains(number));
        self.versions
            .iter()
            .enumerate()
            .filter(move |(number, _)| is_used(number))
            .map(|(_, version)| version)
    }

    /// The scanner lists that were loaded, in order of precedence.
    #[must_use]
    pub fn scanner_lists(&self) -> &[ScannerList] {
        &self.scanner_lists
    }

    /// What the operator should know: no database found, a kind of record missing, lists passed over.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Bytes of memory that the lookup tables hold.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.shared_bytes + self.gazetteers.iter().map(|gazetteer| gazetteer.table.len_bytes()).sum::<usize>()
    }
}

impl Gazetteer {
    /// What is known of an IPv4 address (`1.2.3.4` is 0x01020304).
    #[inline]
    #[must_use]
    pub fn place_v4(&self, address: u32) -> Place {
        self.table.v4(address)
    }

    /// What is known of an IPv6 address, in network order.
    #[inline]
    #[must_use]
    pub fn place_v6(&self, address: &[u8; 16]) -> Place {
        self.table.v6(u128::from_be_bytes(*address))
    }
}

fn load_databases(options: &IntelOptions, warnings: &mut Vec<String>) -> Result<Vec<Database>, IntelError> {
    let mut files: Vec<(PathBuf, Option<i32>)> = Vec::new();
    for text in &options.databases {
        let refused = |source| IntelError::Database {
            file: PathBuf::from(text),
            source,
        };
        let (path, day) = database::split_date(text).map_err(refused)?;
        if !path.is_dir() {
            files.push((path.to_owned(), day));
            continue;
        }
        let found = databases_in(path);
        if found.is_empty() {
            return Err(IntelError::EmptyFolder { folder: path.to_owned() });
        }
        files.extend(found.into_iter().map(|file| (file, day)));
    }
    if options.databases.is_empty() && options.search {
        let found = usual_folders()
            .iter()
            .map(|folder| databases_in(folder))
            .find(|found| !found.is_empty());
        files.extend(found.unwrap_or_default().into_iter().map(|file| (file, None)));
    }
    if files.len() > DATABASES_MAX {
        return Err(IntelError::TooMany {
            count: files.len(),
            max: DATABASES_MAX,
        });
    }
    // Files do not depend on each other, and reading them is most of the time until an ingest begins.
    let loaded: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = files.iter().map(|(file, day)| scope.spawn(|| database::load(file, *day))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut databases = Vec::with_capacity(files.len());
    for (loaded, (file, _)) in loaded.into_iter().zip(files) {
        databases.push(loaded.map_err(|source| IntelError::Database { file, source })?);
    }
    let nothing = |has: fn(&Version) -> bool| !databases.iter().any(|database| has(&database.version));
    if nothing(|version| version.has_regions) {
        warnings.push("no database of regions: every region will be ZZ; hint: run setup/geo.sh, or give a database with --geo".to_owned());
    }
    if nothing(|version| version.has_ases) {
        warnings.push("no database of ASes: every AS will be 0; hint: run setup/geo.sh, or give a database with --geo".to_owned());
    }
    Ok(databases)
}

fn load_scanners(options: &IntelOptions) -> Result<Scanners, IntelError> {
    let mut scanners = Scanners::default();
    for path in &options.scanners {
        scanners.add(path).map_err(|source| IntelError::Scanner {
            file: path.clone(),
            source,
        })?;
    }
    if options.bundled_scanners {
        let bundled = scanners.add_bundled();
        bundled.map_err(|source| IntelError::Scanner {
            file: PathBuf::from("(bundled)"),
            source,
        })?;
    }
    Ok(scanners)
}

/// The database files of a folder, sorted by name; none where there is no folder.
fn databases_in(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let is_database = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        ENDINGS.contains(&ending.as_str()) && path.is_file()
    };
    let mut files: Vec<_> = entries.filter(is_database).collect();
    files.sort_unstable();
    files
}

/// Where databases are looked for: the working directory's data folder, then the user's.
fn usual_folders() -> Vec<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
    [Some(PathBuf::from(FOLDER)), data.map(|data| data.join("hirundo/geo"))]
        .into_iter()
        .flatten()
        .collect()
}

/// A table for each day from which other databases are valid, and the bytes that the tables share.
fn gazetteers(databases: &[Database], scanner_v4: &[Span<u16>], scanner_v6: &[Span<u16>]) -> Result<(Vec<Gazetteer>, usize), IntelError> {
    let mut days: Vec<i32> = databases.iter().map(|database| database.version.day).collect();
    days.sort_unstable();
    // What is valid on the oldest day is also what answers for the days before it.
    let mut dated: Vec<(i32, Chosen)> = vec![(i32::MIN, choose(databases, i32::MIN))];
    for day in days {
        let chosen = choose(databases, day);
        if dated.last().is_none_or(|(_, before)| *before != chosen) {
            dated.push((day, chosen));
        }
    }
    let special = (bogon::spans_v4(), bogon::spans_v6());
    let mut builder = Builder::default();
    let mut parts = Vec::new();
    for (from_day, chosen) in dated {
        let regions = pick(databases, &chosen.region_v4, |spans| &spans.region_v4);
        let ases = pick(databases, &chosen.asn_v4, |spans| &spans.asn_v4);
        let root = builder.root(&merge(&special.0, regions, ases, scanner_v4, u128::from(u32::MAX)))?;
        let regions = pick(databases, &chosen.region_v6, |spans| &spans.region_v6);
        let ases = pick(databases, &chosen.asn_v6, |spans| &spans.asn_v6);
        let steps = builder.steps(&merge(&special.1, regions, ases, scanner_v6, u128::MAX))?;
        parts.push((from_day, chosen, root, steps));
    }
    let arena = Arc::new(builder.finish());
    let shared_bytes = arena.len_bytes();
    let with_arena = parts.into_iter().map(|(from_day, chosen, root, steps)| Gazetteer {
        from_day,
        chosen,
        table: Table::new(Arc::clone(&arena), root, steps),
    });
    Ok((with_arena.collect(), shared_bytes))
}

/// The databases valid on a day, for each kind of record and address family.
fn choose(databases: &[Database], day: i32) -> Chosen {
    let newest = |has: fn(&Spans) -> bool| -> Vec<usize> {
        let able = || databases.iter().enumerate().filter(|(_, database)| has(&database.spans));
        let days = || able().map(|(_, database)| database.version.day);
        let valid = days().filter(|candidate| *candidate <= day).max().or_else(|| days().min());
        let of_that_day = able().filter(|(_, database)| Some(database.version.day) == valid);
        of_that_day.map(|(number, _)| number).collect()
    };
    Chosen {
        region_v4: newest(|spans| !spans.region_v4.is_empty()),
        region_v6: newest(|spans| !spans.region_v6.is_empty()),
        asn_v4: newest(|spans| !spans.asn_v4.is_empty()),
        asn_v6: newest(|spans| !spans.asn_v6.is_empty()),
    }
}

/// The spans of the chosen databases as layers, the first named on top.
fn pick<'a, T: Copy>(databases: &'a [Database], chosen: &[usize], spans: fn(&Spans) -> &Vec<Span<T>>) -> Layers<'a, T> {
    let of = |number: &usize| databases.get(*number).map(|database| spans(&database.spans).as_slice());
    Layers::new(chosen.iter().filter_map(of))
}

/// One pass over all layers from address 0 to `end`: a step wherever the answer changes. Special areas
/// hide whatever the databases say of them.
fn merge(special: &[Span<u16>], mut regions: Layers<'_, u16>, mut ases: Layers<'_, u32>, scanners: &[Span<u16>], end: u128) -> Vec<Step> {
    let mut special = Layers::new([special]);
    let mut scanners = Layers::new([scanners]);
    let mut steps: Vec<Step> = Vec::new();
    let mut next = Some(0_u128);
    while let Some(first) = next {
        let (area, area_until) = special.at(first);
        let (region, region_until) = regions.at(first);
        let (asn, asn_until) = ases.at(first);
        let (scanner, scanner_until) = scanners.at(first);
        let (place, until) = match area {
            Some(area) => (
                Place {
                    region: area,
                    ..Place::default()
                },
                area_until,
            ),
            None => (
                Place {
                    asn: asn.unwrap_or(0),
                    region: region.unwrap_or(region::UNKNOWN),
                    scanner: scanner.unwrap_or(0),
                },
                area_until.min(region_until).min(asn_until).min(scanner_until),
            ),
        };
        if steps.last().is_none_or(|before| before.place != place) {
            steps.push(Step { first, place });
        }
        next = until.checked_add(1).filter(|next| *next <= end);
    }
    steps
}
