//! Which captures to read, in which order, and which sensor each is from.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hirundo_packet::capture::Capture;

/// Most files of one ingest.
const FILES_MAX: usize = 5_000_000;
/// Sensor of a capture whose place says nothing.
pub const SENSOR_DEFAULT: &str = "local";
/// Longest name of a sensor, bytes.
const SENSOR_BYTES_MAX: usize = 64;

/// One capture to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Where it is; `-` is standard input.
    pub path: PathBuf,
    /// Name of the sensor that captured it.
    pub sensor: String,
    /// Length of the file, bytes; 0 unknown.
    pub len_bytes: u64,
    first_ns: i64,
}

impl Input {
    /// Opens it for reading.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(&self) -> std::io::Result<Box<dyn Read + Send>> {
        if self.path.as_os_str() == "-" {
            return Ok(Box::new(std::io::stdin()));
        }
        Ok(Box::new(File::open(&self.path)?))
    }
}

/// The captures that `paths` name: files, folders (all files below), globs, `-`.
///
/// They come in order of their first packet, so that packets of one day are stored together. In a
/// folder with sub-folders the first sub-folder is the sensor's name, unless `sensor` names it.
///
/// # Errors
/// When a path names nothing.
pub fn find(paths: &[PathBuf], sensor: Option<&str>) -> Result<Vec<Input>> {
    if let Some(name) = sensor {
        check_sensor(name)?;
    }
    let mut inputs = Vec::new();
    for path in paths {
        let before = inputs.len();
        if path.as_os_str() == "-" || path.exists() {
            add(path, sensor, &mut inputs)?;
        } else if let Some(pattern) = path.to_str() {
            // As in a shell: what begins with a dot is not meant by `*`.
            let options = glob::MatchOptions {
                require_literal_leading_dot: true,
                ..glob::MatchOptions::default()
            };
            for found in glob::glob_with(pattern, options).with_context(|| format!("could not read {pattern:?} as a path or a pattern"))? {
                add(&found?, sensor, &mut inputs)?;
            }
        }
        if inputs.len() == before {
            let path = path.display();
            bail!("{path} names no file; hint: give captures, folders of them, or a quoted pattern such as 'data/*.pcap.gz'");
        }
    }
    inputs.sort_by(|a, b| (a.first_ns, &a.path).cmp(&(b.first_ns, &b.path)));
    inputs.dedup_by(|a, b| a.path == b.path);
    Ok(inputs)
}

fn add(path: &Path, sensor: Option<&str>, inputs: &mut Vec<Input>) -> Result<()> {
    if !path.is_dir() {
        return push(path.to_owned(), sensor.unwrap_or(SENSOR_DEFAULT), inputs);
    }
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
            } else if entry.path().is_file() && looks_like_data(&entry.path()) {
                let place = entry.path();
                let below = place.strip_prefix(path).unwrap_or(&place);
                let first = below.parent().and_then(|parent| parent.components().next());
                let folder = first.map(|part| part.as_os_str().to_string_lossy().into_owned());
                let name = sensor.map(str::to_owned).or(folder).unwrap_or_else(|| SENSOR_DEFAULT.to_owned());
                push(entry.path(), &name, inputs)?;
            }
        }
    }
    Ok(())
}

/// In a folder, files that are plainly notes about captures are passed over; every other file is tried. What is
/// no file (a pipe, a link to a folder) is passed over too: reading it might never end.
fn looks_like_data(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    !matches!(
        extension.as_deref(),
        Some("json" | "csv" | "txt" | "md" | "toml" | "log" | "yaml" | "yml" | "html" | "partial")
    )
}

fn push(path: PathBuf, sensor: &str, inputs: &mut Vec<Input>) -> Result<()> {
    check_sensor(sensor)?;
    if inputs.len() >= FILES_MAX {
        bail!("more than {FILES_MAX} files; hint: ingest them a folder at a time");
    }
    let len_bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let mut input = Input {
        path,
        sensor: sensor.to_owned(),
        len_bytes,
        first_ns: i64::MAX,
    };
    if input.path.as_os_str() != "-" && std::fs::metadata(&input.path).is_ok_and(|metadata| metadata.is_file()) {
        input.first_ns = first_time(&input).unwrap_or(i64::MAX);
    }
    inputs.push(input);
    Ok(())
}

/// Time of the first packet; `None` for what cannot be read, which is reported when its turn comes.
fn first_time(input: &Input) -> Option<i64> {
    let mut capture = Capture::open(input.open().ok()?).ok()?;
    capture.next().ok()?.map(|frame| frame.time_ns)
}

pub(super) fn check_sensor(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > SENSOR_BYTES_MAX || name.chars().any(char::is_control) {
        bail!(
            "{name:?} cannot be a sensor's name: it needs 1 to {SENSOR_BYTES_MAX} bytes and no control characters; hint: name it with --sensor"
        );
    }
    Ok(())
}
