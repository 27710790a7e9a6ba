//! What the spool does to the disk, so that tests can make it fail at every single step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Suffix of files being written; anything with it is left over from a crash.
pub(super) const PARTIAL: &str = "partial";

/// The disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) faults: std::sync::Arc<super::tests::faults::Faults>,
}

impl Disk {
    /// Before each step that changes something: how many of `bytes` may be written.
    #[cfg(test)]
    fn step(&self, bytes: usize) -> io::Result<usize> {
        self.faults.step(bytes)
    }

    #[cfg(not(test))]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "tests make it fail")]
    fn step(&self, bytes: usize) -> io::Result<usize> {
        Ok(bytes)
    }

    /// An empty file.
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        self.step(0)?;
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Opens a file to be written over.
    pub(super) fn reopen(&self, path: &Path) -> io::Result<File> {
        self.step(0)?;
        OpenOptions::new().write(true).open(path)
    }

    /// Writes at an offset with one `pwrite`, where the disk takes all of it.
    pub(super) fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let may = self.step(bytes.len());
        let whole = matches!(may, Ok(may) if may == bytes.len());
        let part = bytes.get(..may.unwrap_or(0)).unwrap_or_default();
        file.write_all_at(part, offset)?;
        if whole { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    /// Writes a file durably: whole, under its name and on disk, or not at all.
    pub(super) fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let partial = path.with_added_extension(PARTIAL);
        let written = self.create(&partial).and_then(|file| {
            self.write_at(&file, bytes, 0)?;
            self.step(0)?;
            file.sync_all()
        });
        let placed = written.and_then(|()| self.rename(&partial, path));
        if placed.is_err() && self.step(0).is_ok() {
            // It may not have been made at all.
            fs::remove_file(&partial).ok();
        }
        placed?;
        self.sync_folder_of(path)
    }

    /// Renames, over what is there.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(0)?;
        fs::rename(from, to)
    }

    /// Forces the entries of a file's folder to disk.
    pub(super) fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        self.step(0)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Deletes a file; one that is not there is deleted already.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(0)?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// At most `max` bytes of a file and whether there are more; `None` when it is not there.
    pub(super) fn read(&self, path: &Path, max: usize) -> io::Result<Option<(Vec<u8>, bool)>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut bytes = Vec::new();
        file.take(max as u64 + 1).read_to_end(&mut bytes)?;
        let is_longer = bytes.len() > max;
        bytes.truncate(max);
        Ok(Some((bytes, is_longer)))
    }
}
