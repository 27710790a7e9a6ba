//! `sensor.toml`: what a sensor is told, checked before any work.

use std::path::{Path, PathBuf};

use hirundo_packet::wire;
use serde::Deserialize;

use crate::{hide, source, spool, uplink};

/// Where the configuration is looked for.
pub const PATH_DEFAULT: &str = "/etc/hirundo-sensor/sensor.toml";
/// Where the sensor keeps its key, certificate and spool.
pub const STATE_DEFAULT: &str = "/var/lib/hirundo-sensor";
/// Whom the sensor runs as when it was started by root.
pub const USER_DEFAULT: &str = "hirundo-sensor";
/// Most bytes of a configuration file.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most bytes of a user's or group's name (`useradd` allows 32).
const ACCOUNT_BYTES_MAX: usize = 32;

/// An annotated configuration in which every key has its default; the package installs it.
pub const EXAMPLE: &str = include_str!("../data/sensor.toml");

/// Why a configuration does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error(
        "could not read the configuration {}; hint: `hirundo-sensor config --example` prints one to start from, --config FILE says where it is",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is far too large to be one.
    #[error("the configuration {} has more than {FILE_BYTES_MAX} bytes; hint: is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is no TOML, or has unknown keys.
    #[error(
        "could not understand the configuration {}{}: {message}; hint: `hirundo-sensor config --example` shows every key",
        path.display(),
        line.map(|line| format!(", line {line}")).unwrap_or_default()
    )]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: Option<usize>,
        /// What the parser says.
        message: String,
    },
    /// An option of the command line is none.
    #[error("could not use the options of the command line: {message}; hint: `hirundo-sensor run --help`")]
    Option {
        /// What the parser says.
        message: String,
    },
    /// A section does not serve.
    #[error("{0:#}")]
    Section(anyhow::Error),
    /// A value is not one.
    #[error("[{section}] {key} = {value:?} will not do: {why}; hint: {hint}")]
    Value {
        /// Section of the file.
        section: &'static str,
        /// Key in it.
        key: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        why: &'static str,
        /// What to write.
        hint: &'static str,
    },
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How the process runs.
    pub run: Run,
    /// What is captured.
    pub capture: source::Settings,
    /// What is hidden.
    pub hide: hide::Settings,
    /// What is kept on disk.
    pub spool: spool::Settings,
    /// How it gets to the centre.
    pub uplink: uplink::Settings,
}

/// Section `[run]`: how the process runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Name of the sensor where it is not enrolled (replay); the certificate's name counts where it is.
    pub name: Option<String>,
    /// Folder of the key, the certificate and the spool.
    pub state: PathBuf,
    /// User to become after the sockets are open, when started by root.
    pub user: String,
    /// Group to become; the user's own without it.
    pub group: Option<String>,
    /// Whether Landlock and seccomp must, may or shall not be used.
    pub sandbox: Sandbox,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            name: None,
            state: PathBuf::from(STATE_DEFAULT),
            user: USER_DEFAULT.to_owned(),
            group: None,
            sandbox: Sandbox::Available,
        }
    }
}

/// How much of a sandbox there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// Everything must hold, else the sensor does not start
    Required,
    /// What this kernel offers
    #[default]
    Available,
    /// None (to look for an error)
    Off,
}

/// What options of the command line say instead of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `[run] state`.
    pub state: Option<PathBuf>,
    /// `[run] user`.
    pub user: Option<String>,
    /// `[run] sandbox`.
    pub sandbox: Option<Sandbox>,
    /// `[capture] sources`, when there are any.
    pub sources: Vec<String>,
    /// `[capture] pace`.
    pub speed: Option<String>,
}

/// A configuration that counts: the file's, or the defaults without one, with what options said instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The file; the default one without a choice, whether it is there or not.
    pub path: PathBuf,
    /// Whether the file is there.
    pub is_file: bool,
    /// What counts.
    pub config: Config,
    /// Every key that has a value.
    keys: toml::Table,
}

impl Loaded {
    /// Reads `path`, or the default one if that is there, puts `overrides` in place and checks everything.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, has an unknown key, or a value will not do.
    pub fn read(path: Option<&Path>, overrides: &Overrides) -> Result<Self, Error> {
        let (path, text) = match path {
            Some(path) => (path, Some(read_bounded(path)?)),
            None => (Path::new(PATH_DEFAULT), optional(read_bounded(Path::new(PATH_DEFAULT)))?),
        };
        let is_file = text.is_some();
        let text = text.unwrap_or_default();
        Config::parse(&text, path)?;
        let mut keys = table(EXAMPLE, path)?;
        overlay(&mut keys, table(&text, path)?);
        overlay(&mut keys, overrides.table());
        let config = Config::deserialize(keys.clone()).map_err(|error| Error::Option { message: one_line(&error) })?;
        config.validate()?;
        Ok(Self {
            path: path.to_owned(),
            is_file,
            config,
            keys,
        })
    }

    /// The configuration as it counts, as TOML.
    #[must_use]
    pub fn printed(&self) -> String {
        written(&self.keys)
    }
}

impl Overrides {
    fn table(&self) -> toml::Table {
        let text = |value: &str| toml::Value::String(value.to_owned());
        let mut run = toml::Table::new();
        if let Some(state) = &self.state {
            run.insert("state".to_owned(), text(&state.to_string_lossy()));
        }
        if let Some(user) = &self.user {
            run.insert("user".to_owned(), text(user));
        }
        if let Some(sandbox) = self.sandbox {
            run.insert("sandbox".to_owned(), text(sandbox.name()));
        }
        let mut capture = toml::Table::new();
        if !self.sources.is_empty() {
            let sources = self.sources.iter().map(|source| text(source)).collect();
            capture.insert("sources".to_owned(), toml::Value::Array(sources));
        }
        if let Some(speed) = &self.speed {
            capture.insert("pace".to_owned(), text(speed));
        }
        [("run", run), ("capture", capture)]
            .into_iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(section, keys)| (section.to_owned(), toml::Value::Table(keys)))
            .collect()
    }
}

impl Sandbox {
    /// As the file spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Available => "available",
            Self::Off => "off",
        }
    }
}

impl Config {
    /// Reads and checks the text of a configuration; `path` is for errors only.
    ///
    /// # Errors
    /// When it is no TOML, has an unknown key or a value that will not do.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|error| syntax(text, path, &error))?;
        config.validate()?;
        Ok(config)
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// A value that will not do.
    pub fn validate(&self) -> Result<(), Error> {
        self.run.validate()?;
        self.capture.check_values().map_err(Error::Section)?;
        self.spool.check().map_err(|error| Error::Section(error.into()))?;
        self.uplink.validate().map_err(Error::Section)
    }
}

impl Run {
    fn validate(&self) -> Result<(), Error> {
        let refuse = |key, value: &str, why, hint| {
            Err(Error::Value {
                section: "run",
                key,
                value: value.to_owned(),
                why,
                hint,
            })
        };
        if let Some(name) = &self.name
            && !wire::is_sensor_name(name)
        {
            return refuse(
                "name",
                name,
                "it is no sensor's name",
                "1 to 63 letters, digits, - and _, beginning with a letter or digit",
            );
        }
        if !self.state.is_absolute() || self.state == Path::new("/") {
            return refuse(
                "state",
                &self.state.display().to_string(),
                "it is no folder of the sensor's own",
                "give an absolute path such as /var/lib/hirundo-sensor",
            );
        }
        for (key, name) in [("user", Some(&self.user)), ("group", self.group.as_ref())] {
            if let Some(name) = name
                && !is_account(name)
            {
                return refuse(key, name, "it is no account's name", "give a name from /etc/passwd, or a number");
            }
        }
        Ok(())
    }
}

fn is_account(name: &str) -> bool {
    (1..=ACCOUNT_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'$'))
        && !name.starts_with('-')
}

fn read_bounded(path: &Path) -> Result<String, Error> {
    use std::io::Read;
    let refuse = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(refuse)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(refuse)?;
    if u64::try_from(text.len()).is_ok_and(|len| len <= FILE_BYTES_MAX) {
        Ok(text)
    } else {
        Err(Error::TooLarge { path: path.to_owned() })
    }
}

/// The parser's error in one line.
fn syntax(text: &str, path: &Path, error: &toml::de::Error) -> Error {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| before.matches('\n').count() + 1);
    Error::Syntax {
        path: path.to_owned(),
        line,
        message: one_line(error),
    }
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().split('\n').collect::<Vec<_>>().join(", ")
}

fn table(text: &str, path: &Path) -> Result<toml::Table, Error> {
    text.parse().map_err(|error| syntax(text, path, &error))
}

/// A file that need not be there.
fn optional(read: Result<String, Error>) -> Result<Option<String>, Error> {
    match read {
        Err(Error::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Sections are merged, values replaced.
fn overlay(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => overlay(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// Sections and their keys, one a line; tables within sections in one line.
fn written(table: &toml::Table) -> String {
    let mut out = String::new();
    for (name, section) in table {
        if !out.is_empty() {
            out.push('\n');
        }
        match section.as_table() {
            Some(keys) => {
                out.push_str(&format!("[{name}]\n"));
                for (key, value) in keys {
                    out.push_str(&format!("{key} = {}\n", value_text(value)));
                }
            }
            None => out.push_str(&format!("{name} = {}\n", value_text(section))),
        }
    }
    out
}

fn value_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => quoted(text),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => format!("{number:?}"),
        toml::Value::Boolean(yes) => yes.to_string(),
        toml::Value::Datetime(when) => when.to_string(),
        toml::Value::Array(values) => format!("[{}]", values.iter().map(value_text).collect::<Vec<_>>().join(", ")),
        toml::Value::Table(keys) => {
            let keys: Vec<_> = keys
                .iter()
                .map(|(key, value)| format!("{} = {}", quoted(key), value_text(value)))
                .collect();
            format!("{{ {} }}", keys.join(", "))
        }
    }
}

/// A basic string of TOML; what a terminal would act on is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            letter if letter.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("sensor.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_is_all_defaults() {
        assert_eq!(parse(EXAMPLE), Ok(Config::default()));
    }

    #[test]
    fn what_will_not_do_is_refused() {
        for (text, expected) in [
            ("[run]\nusr = 'x'", "line 2: unknown field `usr`, expected one of"),
            ("[ran]", "line 1: unknown field `ran`"),
            ("[run", "line 1: "),
            ("[run]\nname = 'a b'", "it is no sensor's name"),
            ("[run]\nname = '-a'", "it is no sensor's name"),
            ("[run]\nstate = 'here'", "no folder of the sensor's own"),
            ("[run]\nstate = '/'", "no folder of the sensor's own"),
            ("[run]\nuser = ''", "it is no account's name"),
            ("[run]\ngroup = 'a:b'", "it is no account's name"),
            ("[run]\nsandbox = 'perhaps'", "unknown variant `perhaps`"),
            ("[capture]\naddresses = ['192.0.2.0/33']", "is no network"),
            ("[capture]\nsources = ['eth0']", "is no source"),
            ("[capture]\nsnap_bytes = 1", "snap_bytes is 1"),
            ("[spool]\nbytes_max = 7", "bytes_max to 7"),
            ("[spool]\ndays_max = 0", "days_max to 0"),
            ("[uplink]\ncentres = ['ftp://x']", "line 2"),
            ("[uplink]\nheartbeat_secs = 0", "heartbeat_secs"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
            assert!(error.contains("; hint: ") && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn the_effective_configuration_is_read_back_as_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sensor.toml");
        std::fs::write(&path, "[run]\nname = 'jp-01'\nsandbox = 'off'\nuser = 'pcap'\n").expect("written");
        let overrides = Overrides {
            state: Some(PathBuf::from("/tmp/a \"b\" \u{7}")),
            user: Some("nobody".to_owned()),
            ..Overrides::default()
        };
        let loaded = Loaded::read(Some(&path), &overrides).expect("read");
        let run = &loaded.config.run;
        assert_eq!(
            (run.name.as_deref(), run.user.as_str(), run.sandbox),
            (Some("jp-01"), "nobody", Sandbox::Off)
        );
        let printed = loaded.printed();
        assert!(printed.contains("user = \"nobody\"") && !printed.contains('\u{7}'), "{printed}");
        assert_eq!(parse(&printed), Ok(loaded.config));
    }

    #[test]
    fn an_option_that_will_not_do_is_refused() {
        let read = |overrides: Overrides| Loaded::read(None, &overrides).expect_err("refused").to_string();
        let error = read(Overrides {
            user: Some("a:b".to_owned()),
            ..Overrides::default()
        });
        assert!(error.contains("no account's name"), "{error}");
        let error = read(Overrides {
            state: Some(PathBuf::from("here")),
            ..Overrides::default()
        });
        assert!(error.contains("absolute path"), "{error}");
    }

    #[test]
    fn a_file_that_is_none_is_told_with_a_hint() {
        let error = Loaded::read(Some(Path::new("/nowhere/sensor.toml")), &Overrides::default()).expect_err("none");
        let error = error.to_string();
        assert!(error.contains("/nowhere/sensor.toml") && error.contains("--example"), "{error}");
    }
}
