//! Fingerprints as Rapid7's recog publishes them: loads the XML files a user points to and finds what a banner matches.

mod input;
mod literal;
mod pattern;
mod xml;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::class::Class;
use super::evidence::{Confidence, Evidence};
use super::host::{Banner, bounded};
use literal::Index;
use pattern::Pattern;

#[cfg(test)]
mod tests;

/// Longest XML file that is read, in bytes; the longest published one has 400,000.
pub const XML_BYTES_MAX: u64 = 16 << 20;

/// Most XML files of a folder that are read.
pub const FILES_MAX: usize = 500;

/// Most fingerprints of a file.
pub const FINGERPRINTS_MAX: usize = 20_000;

/// Longest text that fingerprints are matched against, in bytes.
pub const INPUT_BYTES_MAX: usize = 1024;

/// `hw.certainty` at and above which a device is held for sure; recog's own default is 0.85.
const CERTAINTY_HIGH: f32 = 0.75;

/// `hw.certainty` under which a device is only a guess.
const CERTAINTY_LOW: f32 = 0.5;

/// Why fingerprints could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RecogError {
    /// A file or folder cannot be read.
    #[error("cannot read the fingerprints {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is too long.
    #[error("the fingerprints {} have more than {XML_BYTES_MAX} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A file is no XML, or not of this kind.
    #[error("{} is no file of fingerprints: {reason}; hint: the files are those of the folder xml of github.com/rapid7/recog", path.display())]
    Xml {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No file was found.
    #[error("{} holds no fingerprints; hint: give the folder xml of github.com/rapid7/recog", path.display())]
    Nothing {
        /// The folder.
        path: PathBuf,
    },
}

/// A pattern that does not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file's name.
    pub file: String,
    /// The line of the fingerprint, from 1.
    pub line: u32,
    /// Why it does not compile.
    pub reason: String,
}

/// What a fingerprint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Names (`hw.vendor`) and values, the pattern's groups filled in.
    pub params: BTreeMap<String, String>,
    /// Where the fingerprint stands: `recog:http_servers.xml:3067`.
    pub rule: String,
}

/// Fingerprints, by what they are matched against.
#[derive(Debug, Default)]
pub struct Recog {
    databases: Vec<Database>,
    /// Patterns that were left out.
    pub refused: Vec<Refused>,
    /// Files left out because banners hold nothing that they could be matched against.
    pub files_unused: Vec<String>,
}

/// The fingerprints of one file, in its order.
#[derive(Debug)]
struct Database {
    matches: String,
    file: String,
    fingerprints: Vec<Fingerprint>,
    index: Index,
}

#[derive(Debug)]
struct Fingerprint {
    line: u32,
    pattern: Pattern,
    params: Vec<Param>,
}

/// A name and its value: group `group` of the pattern, or for group 0 the text, in which `{name}` stands for another value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Param {
    group: usize,
    name: String,
    value: String,
}

impl Recog {
    /// Loads an XML file, or all of a folder.
    ///
    /// # Errors
    /// When nothing can be read, or a file is not of this kind. Patterns that do not compile are counted in `refused`.
    pub fn load(path: &Path) -> Result<Recog, RecogError> {
        let read_error = |source| RecogError::Read {
            path: path.to_path_buf(),
            source,
        };
        let mut files = Vec::new();
        if fs::metadata(path).map_err(read_error)?.is_dir() {
            for entry in fs::read_dir(path).map_err(read_error)? {
                let file = entry.map_err(read_error)?.path();
                if file.extension().is_some_and(|extension| extension == "xml") && files.len() < FILES_MAX {
                    files.push(file);
                }
            }
            files.sort();
        } else {
            files.push(path.to_path_buf());
        }
        let mut recog = Recog::default();
        for file in &files {
            recog.add(file)?;
        }
        if recog.databases.is_empty() {
            return Err(RecogError::Nothing { path: path.to_path_buf() });
        }
        Ok(recog)
    }

    /// How many fingerprints are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.databases.iter().map(|database| database.fingerprints.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&mut self, path: &Path) -> Result<(), RecogError> {
        let read_error = |source| RecogError::Read {
            path: path.to_path_buf(),
            source,
        };
        if fs::metadata(path).map_err(read_error)?.len() > XML_BYTES_MAX {
            return Err(RecogError::TooLong { path: path.to_path_buf() });
        }
        let text = fs::read_to_string(path).map_err(read_error)?;
        let file = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let (database, refused) = Database::read(&text, &file).map_err(|reason| RecogError::Xml {
            path: path.to_path_buf(),
            reason,
        })?;
        if input::known(&database.matches) {
            self.refused.extend(refused);
            self.databases.push(database);
        } else {
            self.files_unused.push(file);
        }
        Ok(())
    }

    /// What the fingerprints say of one kind of text (`http_header.server`): in each file, the first that matches.
    #[must_use]
    pub fn identify(&self, matches: &str, text: &str) -> Vec<Identity> {
        let databases = self.databases.iter().filter(|database| database.matches == matches);
        databases.filter_map(|database| database.identify(text)).collect()
    }

    /// Adds what the fingerprints say of a banner's device.
    pub(super) fn look(&self, banner: &Banner, each: &mut dyn FnMut(Evidence)) {
        for database in &self.databases {
            let identity = input::text(banner, &database.matches).and_then(|text| database.identify(text));
            if let Some(evidence) = identity.and_then(|identity| evidence(&identity, banner.port)) {
                each(evidence);
            }
        }
    }
}

impl Database {
    /// Reads a file's text.
    fn read(text: &str, file: &str) -> Result<(Database, Vec<Refused>), String> {
        let read = xml::read(text)?;
        let mut refused = Vec::new();
        let mut fingerprints = Vec::with_capacity(read.fingerprints.len());
        for raw in read.fingerprints {
            match Pattern::new(&raw.pattern, raw.flags) {
                Ok(pattern) => fingerprints.push(Fingerprint {
                    line: raw.line,
                    pattern,
                    params: raw.params,
                }),
                Err(reason) => refused.push(Refused {
                    file: file.to_owned(),
                    line: raw.line,
                    reason,
                }),
            }
        }
        let index = Index::new(fingerprints.iter().map(|fingerprint| fingerprint.pattern.literal()));
        let database = Database {
            matches: read.matches,
            file: file.to_owned(),
            fingerprints,
            index,
        };
        Ok((database, refused))
    }

    fn identify(&self, text: &str) -> Option<Identity> {
        let text = bounded(text, INPUT_BYTES_MAX);
        let possible = self.index.possible(text);
        possible
            .into_iter()
            .find_map(|at| self.fingerprints.get(at)?.identify(text, &self.file))
    }
}

impl Fingerprint {
    fn identify(&self, text: &str, file: &str) -> Option<Identity> {
        let groups = self.pattern.groups(text)?;
        let mut params = BTreeMap::new();
        for param in &self.params {
            let value = if param.group == 0 {
                Some(param.value.clone())
            } else {
                groups.get(param.group).cloned().flatten()
            };
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                params.insert(param.name.clone(), value);
            }
        }
        fill(&mut params);
        Some(Identity {
            params,
            rule: format!("recog:{file}:{}", self.line),
        })
    }
}

/// Puts values in the place of `{name}`; a value that names one that is not there goes.
fn fill(params: &mut BTreeMap<String, String>) {
    let named: Vec<String> = params
        .iter()
        .filter(|(_, value)| value.contains('{'))
        .map(|(name, _)| name.clone())
        .collect();
    for name in named {
        let Some(mut value) = params.remove(&name) else { continue };
        for (other, text) in params.iter().filter(|(_, text)| !text.contains('{')) {
            value = value.replace(&format!("{{{other}}}"), text);
        }
        // Published CPEs end in `{service.version}` when the version is optional; recog writes `-` for "not known".
        let missing = value.contains('{');
        if !missing {
            params.insert(name, value);
        } else if name.contains(".cpe") {
            let known = value.split('{').next().unwrap_or("").to_owned();
            params.insert(name, format!("{known}-"));
        }
    }
}

/// What an identity says of the device; `None` when it says nothing of its class.
fn evidence(identity: &Identity, port: u16) -> Option<Evidence> {
    let get = |name: &str| identity.params.get(name).map(String::as_str);
    let certainty = |name: &str| get(name).and_then(|value| value.parse::<f32>().ok());
    for kind in ["hw", "os", "service"] {
        let certainty = certainty(&format!("{kind}.certainty")).unwrap_or(1.0);
        let class = get(&format!("{kind}.device")).and_then(Class::of_word);
        let (Some(class), true) = (class, certainty > 0.0) else { continue };
        let confidence = match certainty {
            sure if sure >= CERTAINTY_HIGH => Confidence::High,
            guess if guess < CERTAINTY_LOW => Confidence::Low,
            _ => Confidence::Medium,
        };
        let named = |what: &str| {
            [kind, "hw", "os", "service"]
                .iter()
                .find_map(|kind| get(&format!("{kind}.{what}")))
                .map(str::to_owned)
        };
        return Some(Evidence::new(
            class,
            named("vendor"),
            named("product"),
            &identity.rule,
            Some(port),
            confidence,
        ));
    }
    let family = get("os.family").or_else(|| get("os.product"))?;
    let sure = certainty("os.certainty").unwrap_or(1.0) >= CERTAINTY_LOW;
    let vendor = get("os.vendor");
    let (class, confidence) = match family {
        "Windows" if sure => (Class::WindowsHost, Confidence::Medium),
        "Windows" => (Class::WindowsHost, Confidence::Low),
        // A distribution's own build is a server; bare Linux is in every recorder and router.
        "Linux" if vendor.is_some_and(|vendor| DISTRIBUTIONS.contains(&vendor)) => (Class::LinuxServer, Confidence::Medium),
        "Linux" => (Class::LinuxServer, Confidence::Low),
        _ => return None,
    };
    Some(Evidence::new(
        class,
        vendor.map(str::to_owned),
        get("os.product").map(str::to_owned),
        &identity.rule,
        Some(port),
        confidence,
    ))
}

/// Values of `os.vendor` in recog that are distributions for servers.
const DISTRIBUTIONS: [&str; 16] = [
    "Ubuntu",
    "Debian",
    "CentOS",
    "Red Hat",
    "Fedora Project",
    "Fedora",
    "SUSE",
    "SuSE",
    "openSUSE",
    "Amazon",
    "Oracle",
    "Gentoo",
    "Alpine",
    "Rocky Linux",
    "AlmaLinux",
    "Scientific Linux",
];
