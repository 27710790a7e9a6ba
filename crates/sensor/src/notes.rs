//! What a running sensor notes for `status` in another process: `status.json` in the state folder.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{clock, uplink};

const FILE: &str = "status.json";
const FILE_BYTES_MAX: u64 = 64 << 10;

/// How the way to the centre was, when it last changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    /// When the centre acknowledged a batch last, microseconds since 1970; 0 before.
    pub acknowledged_us: i64,
    /// Centre that the sensor is connected to.
    pub centre: Option<String>,
    /// What went wrong last, until something goes right.
    pub trouble: Option<String>,
}

/// Keeps the notes up to date.
#[derive(Debug)]
pub struct Noting {
    folder: PathBuf,
    notes: Notes,
    /// Batches that the centre stored in this run, when it was looked last.
    stored: u64,
}

impl Notes {
    /// Those in a state folder; empty where there are none that can be read.
    #[must_use]
    pub fn load(state: &Path) -> Self {
        let mut text = String::new();
        let read = fs::File::open(state.join(FILE)).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
        match read {
            Ok(_) => serde_json::from_str(&text).unwrap_or_default(),
            Err(_) => Self::default(),
        }
    }

    /// A reader sees the ones before or these. Not forced to disk: nothing depends on them.
    fn keep(&self, state: &Path) -> io::Result<()> {
        let partial = state.join(format!("{FILE}.partial"));
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        serde_json::to_writer(&file, self)?;
        fs::rename(partial, state.join(FILE))
    }
}

impl Noting {
    /// Goes on from what an earlier run noted.
    #[must_use]
    pub fn begin(state: &Path) -> Self {
        Self {
            folder: state.to_owned(),
            notes: Notes::load(state),
            stored: 0,
        }
    }

    /// Looks how the uplink is, and writes that down if it is anything new.
    pub fn look(&mut self, uplink: Option<&uplink::Handle>) {
        if let Some(uplink) = uplink {
            self.follow(&uplink.state(), clock::now_us());
        }
    }

    fn follow(&mut self, uplink: &uplink::State, now_us: i64) {
        let before = self.notes.clone();
        if uplink.stored > self.stored {
            self.stored = uplink.stored;
            self.notes.acknowledged_us = now_us;
        }
        self.notes.centre.clone_from(&uplink.centre);
        self.notes.trouble.clone_from(&uplink.trouble);
        if self.notes != before
            && let Err(error) = self.notes.keep(&self.folder)
        {
            tracing::debug!("notes for `status` could not be written: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_is_noted_when_it_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut noting = Noting::begin(folder.path());
        let mut uplink = uplink::State::default();
        noting.follow(&uplink, 5);
        assert!(!folder.path().join(FILE).exists(), "nothing to note");
        uplink.stored = 3;
        uplink.centre = Some("https://centre:8443".to_owned());
        noting.follow(&uplink, 9);
        uplink.trouble = Some("refused".to_owned());
        noting.follow(&uplink, 10);
        let found = Notes::load(folder.path());
        assert_eq!((found.acknowledged_us, found.trouble.as_deref()), (9, Some("refused")));
        // The next run counts anew.
        let mut next = Noting::begin(folder.path());
        uplink = uplink::State::default();
        next.follow(&uplink, 20);
        assert_eq!(Notes::load(folder.path()).acknowledged_us, 9);
        uplink.stored = 1;
        next.follow(&uplink, 21);
        assert_eq!(Notes::load(folder.path()).acknowledged_us, 21);
        fs::write(folder.path().join(FILE), "{ damaged").expect("written");
        assert_eq!(Notes::load(folder.path()), Notes::default());
    }
}
