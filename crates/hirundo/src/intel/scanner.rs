//! Known research scanners: lists of addresses that organisations scan from, in the forms they are published.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

use super::database::{DatabaseError, read_limited};
use super::delimited::wide;
use super::span::{Span, flatten};

/// Prefix and organisation of the list that the binary carries. MISP warning lists, see the data folder's
/// README.
const BUNDLED: &str = include_str!("../../data/scanners.txt");

/// Largest list; the largest published one has 0.7 MB.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// Most prefixes of all lists together.
const PREFIXES_MAX: usize = 2_000_000;

/// Most files and folders that are looked at below a folder, and how deep.
const FILES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 6;

/// A wider prefix than these is a mistake or an attempt to declare half the Internet harmless.
const PREFIX_V4_MIN: u8 = 8;
const PREFIX_V6_MIN: u8 = 16;

/// Longest name of an organisation.
const NAME_CHARS_MAX: usize = 48;

/// The organisation of entries that do not tell theirs.
const UNNAMED: &str = "unnamed";

/// Names of one organisation in different lists.
const ALIASES: [(&str, &str); 4] = [
    ("alphastrike-research", "alphastrike"),
    ("circl-security", "circl"),
    ("circl-ssh", "circl"),
    ("cortex-xpanse", "paloaltonetworks"),
];

/// Second labels that are part of a public suffix (`ac.uk`, `go.jp`).
const SECOND_LEVEL: [&str; 10] = ["ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"];

/// A list that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerList {
    /// The file; empty for the list that the binary carries.
    pub file: PathBuf,
    /// Prefixes taken from it.
    pub prefixes: usize,
    /// Lines or entries that could not be read.
    pub bad_lines: usize,
    /// The first of them: its number from 1, and what is wrong with it.
    pub first_bad: Option<(usize, &'static str)>,
}

/// Why a list was refused.
#[derive(Debug, thiserror::Error)]
pub enum ScannerError {
    /// Not readable or too large.
    #[error(transparent)]
    Read(#[from] DatabaseError),
    /// Not a warning list.
    #[error("the file is JSON but no warning list: {source}")]
    Json {
        /// What the reader says, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// Nothing of use in it.
    #[error("no prefix in it could be read{}", .first_bad.map(|(line, why)| format!(", line {line}: {why}")).unwrap_or_default())]
    Nothing {
        /// The first bad line, and what is wrong with it.
        first_bad: Option<(usize, &'static str)>,
    },
    /// More than the limit.
    #[error("the lists hold more than {max} prefixes")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

/// Scanners by address while lists are read.
#[derive(Debug, Default)]
pub(super) struct Scanners {
    names: Vec<String>,
    numbers: HashMap<String, u16>,
    v4: Vec<Span<u16>>,
    v6: Vec<Span<u16>>,
    /// What was read.
    pub(super) lists: Vec<ScannerList>,
    /// Files below a folder that were passed over, and why.
    pub(super) passed_over: Vec<(PathBuf, ScannerError)>,
}

/// A MISP warning list.
#[derive(Deserialize)]
struct WarningList {
    #[serde(default)]
    name: String,
    list: Vec<String>,
}

impl Scanners {
    /// Adds the list that the binary carries.
    pub(super) fn add_bundled(&mut self) -> Result<(), ScannerError> {
        let list = self.read_lines(BUNDLED, PathBuf::new())?;
        self.lists.push(list);
        Ok(())
    }

    /// Adds a file, or every list below a folder. What comes first wins where two name the same prefix.
    ///
    /// # Errors
    /// When a file that was named holds no list; below a folder such files are passed over.
    pub(super) fn add(&mut self, path: &Path) -> Result<(), ScannerError> {
        if !path.is_dir() {
            let list = self.read(path)?;
            self.lists.push(list);
            return Ok(());
        }
        let mut files = Vec::new();
        walk(path, 0, &mut files)?;
        files.sort_unstable();
        for file in files {
            match self.read(&file) {
                Ok(list) => self.lists.push(list),
                Err(full @ ScannerError::TooMany { .. }) => return Err(full),
                Err(why @ (ScannerError::Read(_) | ScannerError::Json { .. } | ScannerError::Nothing { .. })) => {
                    self.passed_over.push((file, why))
                }
            }
        }
        Ok(())
    }

    /// The names by number (0 is nobody), and the ranges of IPv4 and IPv6, sorted and disjoint.
    pub(super) fn finish(self) -> (Vec<String>, Vec<Span<u16>>, Vec<Span<u16>>) {
        (self.names, flatten(self.v4), flatten(self.v6))
    }

    fn read(&mut self, path: &Path) -> Result<ScannerList, ScannerError> {
        let bytes = read_limited(path, LIST_BYTES_MAX)?;
        if bytes.trim_ascii_start().starts_with(b"{") {
            return self.read_warning_list(&bytes, path);
        }
        // A few bytes that are no UTF-8 make a bad line, not a bad file.
        self.read_lines(&String::from_utf8_lossy(&bytes), path.to_owned())
    }

    fn read_warning_list(&mut self, bytes: &[u8], path: &Path) -> Result<ScannerList, ScannerError> {
        let parsed: WarningList = serde_json::from_slice(bytes).map_err(|source| ScannerError::Json { source })?;
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let organisation = ["-nt-scanning", "-scanning", "-scanner"]
            .into_iter()
            .find_map(|suffix| folder.strip_suffix(suffix))
            .map(normalise)
            .or_else(|| organisation_of_title(&parsed.name));
        let Some(organisation) = organisation else {
            return Err(ScannerError::Nothing {
                first_bad: Some((1, "its name does not speak of scanning")),
            });
        };
        let mut list = ScannerList {
            file: path.to_owned(),
            prefixes: 0,
            bad_lines: 0,
            first_bad: None,
        };
        for (entry, number) in parsed.list.iter().zip(1..) {
            self.take(&mut list, number, entry, &organisation)?;
        }
        nothing_read(list)
    }

    /// ipset files (`add NAME PREFIX`) and plain ones (`PREFIX # hostname or organisation`).
    fn read_lines(&mut self, text: &str, file: PathBuf) -> Result<ScannerList, ScannerError> {
        let by_file = organisation_of_file(&file);
        let mut list = ScannerList {
            file,
            prefixes: 0,
            bad_lines: 0,
            first_bad: None,
        };
        for (line, number) in text.lines().zip(1..) {
            let (entry, comment) = line.split_once('#').unwrap_or((line, ""));
            let mut words = entry.split_ascii_whitespace();
            match (words.next(), words.next(), words.next()) {
                (None, ..) | (Some("create"), ..) => {}
                (Some("add"), Some(set), Some(prefix)) => {
                    self.take(&mut list, number, prefix, &normalise(set))?;
                }
                (Some(prefix), None, None) => {
                    let told = organisation_of_comment(comment);
                    self.take(&mut list, number, prefix, told.as_deref().unwrap_or(&by_file))?;
                }
                (Some(_), ..) => list.bad(number, "the line has more than a prefix"),
            }
        }
        nothing_read(list)
    }

    fn take(&mut self, list: &mut ScannerList, line: usize, prefix: &str, name: &str) -> Result<(), ScannerError> {
        let (address, length) = match (prefix.parse::<IpNet>(), prefix.parse::<IpAddr>()) {
            (Ok(network), _) => (network.addr(), network.prefix_len()),
            (Err(_), Ok(address)) => (address, wide(address).1),
            (Err(_), Err(_)) => {
                list.bad(line, "neither an address nor a prefix");
                return Ok(());
            }
        };
        if length < if address.is_ipv4() { PREFIX_V4_MIN } else { PREFIX_V6_MIN } {
            list.bad(line, "the prefix covers too much of the Internet to be a scanner's");
            return Ok(());
        }
        if self.v4.len() + self.v6.len() >= PREFIXES_MAX {
            return Err(ScannerError::TooMany { max: PREFIXES_MAX });
        }
        let Some(number) = self.number(name) else {
            list.bad(line, "there are too many organisations");
            return Ok(());
        };
        let (address, bits) = wide(address);
        let spans = if bits == 32 { &mut self.v4 } else { &mut self.v6 };
        spans.extend(Span::of_prefix(address, length, bits, number));
        list.prefixes += 1;
        Ok(())
    }

    /// The number of an organisation, from 1; `None` when they have run out.
    fn number(&mut self, name: &str) -> Option<u16> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        if self.names.is_empty() {
            self.names.push(String::new());
        }
        let number = u16::try_from(self.names.len()).ok()?;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        Some(number)
    }
}

impl ScannerList {
    fn bad(&mut self, line: usize, reason: &'static str) {
        self.bad_lines += 1;
        self.first_bad.get_or_insert((line, reason));
    }
}

fn nothing_read(list: ScannerList) -> Result<ScannerList, ScannerError> {
    if list.prefixes == 0 {
        return Err(ScannerError::Nothing { first_bad: list.first_bad });
    }
    Ok(list)
}

/// The files below a folder that may be lists, told by their names' endings.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ScannerError> {
    let failed = |source| DatabaseError::Read { source };
    for entry in folder.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && depth < DEPTH_MAX {
            walk(&path, depth + 1, files)?;
        }
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let may_be = matches!(ending.as_str(), "ipset" | "ip6set" | "netset" | "txt" | "json");
        if kind.is_file() && may_be && files.len() < FILES_MAX {
            files.push(path);
        }
    }
    Ok(())
}

/// An organisation's name as all lists spell it: `nethash.censys.io`, `censys.io-ipv6` and
/// `census.censys.io` are `censys`; words become one with dashes.
fn normalise(text: &str) -> String {
    let lower = text.trim().trim_end_matches('.').to_lowercase();
    let mut name = lower.strip_prefix("nethash.").unwrap_or(&lower);
    for suffix in ["-ipv6", "-ipv4", "-nt-scanning", "-scanning", "-scanner"] {
        name = name.strip_suffix(suffix).unwrap_or(name);
    }
    if !name.contains(char::is_whitespace) {
        name = domain_label(name);
    }
    let words = name.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    let short: String = joined.chars().take(NAME_CHARS_MAX).collect();
    let alias = ALIASES.into_iter().find(|(from, _)| *from == short);
    match alias {
        Some((_, to)) => to.to_owned(),
        None if short.is_empty() => UNNAMED.to_owned(),
        None => short,
    }
}

/// The label of a host name that somebody registered: `censys` of `a.b.censys.io`, `ncsc` of `ncsc.gov.uk`.
fn domain_label(host: &str) -> &str {
    let mut labels = host.rsplit('.');
    match (labels.next(), labels.next(), labels.next()) {
        (Some(top), Some(second), Some(third)) if top.len() == 2 && SECOND_LEVEL.contains(&second) => third,
        (Some(_), Some(second), _) => second,
        _ => host,
    }
}

/// The organisation that a comment behind an address tells: a host name or a few words.
fn organisation_of_comment(comment: &str) -> Option<String> {
    let told = comment.split(['(', '/', ',']).next().unwrap_or_default().trim();
    if told.is_empty() || told.contains(':') || told.parse::<IpAddr>().is_ok() {
        return None;
    }
    Some(normalise(told))
}

/// The organisation of a list of bare addresses: the file's name (`censys.txt`), or its folder's where
/// the file is only called `ips`.
fn organisation_of_file(file: &Path) -> String {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let stem = text(file.file_stem());
    match stem.as_str() {
        "ips" | "ip" | "list" => normalise(&text(file.parent().and_then(Path::file_name))),
        collected if collected.starts_with("mass_scanner") => UNNAMED.to_owned(),
        _ => normalise(&stem),
    }
}

/// The organisation in a warning list's title, where it speaks of scanning: `Censys IP Ranges Used for
/// Scanning`.
fn organisation_of_title(title: &str) -> Option<String> {
    let lower = title.to_lowercase();
    if !lower.contains("scan") {
        return None;
    }
    let words: Vec<_> = lower.split_whitespace().collect();
    let end = words.iter().position(|word| word.starts_with("ip") || word.starts_with("scan"))?;
    let name = words.get(..end)?.join(" ");
    (!name.is_empty()).then(|| normalise(&name))
}
