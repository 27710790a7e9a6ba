//! A lake's files in a folder: durable and atomic writes, listing, locks.
//!
//! A file is written beside its place under a name no reader looks at, forced to disk, and renamed into
//! place; the folder is forced to disk too. So a reader sees all of a file or nothing, and what has been
//! reported as stored survives a power cut.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use crate::error::{Error, Result, io};

/// Suffix of files being written; anything with it is left over from a crash and may be deleted.
pub(super) const PARTIAL: &str = "partial";

/// A folder whose files are written durably. Paths are relative, parts joined by `/`.
#[derive(Clone, Debug)]
pub struct Folder {
    pub(super) root: PathBuf,
}

/// A lock of the file system; let go when dropped.
#[derive(Debug)]
pub struct FileLock(#[allow(dead_code, reason = "holding the file open holds the lock")] File);

impl Folder {
    /// Where a relative path is on disk.
    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The same files for the query engine.
    ///
    /// # Errors
    /// When the folder cannot be found.
    pub(super) fn objects(&self) -> Result<Arc<dyn ObjectStore>> {
        let files = LocalFileSystem::new_with_prefix(&self.root).map_err(|error| io("find the lake", &self.root)(error.into()))?;
        Ok(Arc::new(files))
    }

    /// Writes files durably: each whole or not at all; on return all are on disk.
    ///
    /// # Errors
    /// When the disk refuses; files already renamed stay.
    pub(super) fn put_all<'a>(&self, files: impl IntoIterator<Item = (String, &'a [u8])>) -> Result<()> {
        let mut folders = BTreeSet::new();
        let mut written = Vec::new();
        for (relative, bytes) in files {
            let path = self.path(&relative);
            if let Some(folder) = path.parent().filter(|folder| folders.insert((*folder).to_owned())) {
                fs::create_dir_all(folder).map_err(io("create the folder", folder))?;
            }
            let partial = partial(&path);
            let mut file = File::create(&partial).map_err(io("create", &partial))?;
            file.write_all(bytes).map_err(io("write", &partial))?;
            written.push((file, partial, path));
        }
        // Written first, forced after: the disk then gets them together.
        for (file, partial, _) in &written {
            file.sync_all().map_err(io("force to disk", partial))?;
        }
        for (_, partial, path) in &written {
            fs::rename(partial, path).map_err(io("rename into place", path))?;
        }
        let mut parents: BTreeSet<PathBuf> = BTreeSet::new();
        for folder in &folders {
            parents.extend(
                folder
                    .ancestors()
                    .take_while(|ancestor| ancestor.starts_with(&self.root))
                    .map(Path::to_owned),
            );
        }
        parents.iter().try_for_each(|folder| sync_folder(folder))
    }

    /// Writes one file durably.
    ///
    /// # Errors
    /// As [`Store::put_all`].
    pub(super) fn put(&self, relative: &str, bytes: &[u8]) -> Result<()> {
        self.put_all([(relative.to_owned(), bytes)])
    }

    /// Moves a file; one that was moved before is no error.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        match fs::rename(&from, &to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && to.exists() => Ok(()),
            Err(error) => Err(io("rename into place", to)(error)),
        }
    }

    /// Whether nothing is there but what may be of a lake that is being made.
    pub(super) fn is_free(&self, own: &str) -> bool {
        !fs::read_dir(&self.root).is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name() != own))
    }

    /// Length of a file, bytes; `None` when there is none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn length(&self, relative: &str) -> Result<Option<u64>> {
        let path = self.path(relative);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("look at", path)(error)),
        }
    }

    /// Makes folders that readers expect.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn make_folder(&self, relative: &str) -> Result<()> {
        let folder = self.path(relative);
        fs::create_dir_all(&folder).map_err(io("create the folder", folder))
    }

    /// Reads a whole file, `None` when there is none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn get(&self, relative: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(relative);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("read", path)(error)),
        }
    }

    /// Deletes files; one that is gone already is no error. On return the deletions are on disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn delete<'a>(&self, files: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let mut folders = BTreeSet::new();
        for relative in files {
            let path = self.path(relative);
            match fs::remove_file(&path) {
                Ok(()) => folders.extend(path.parent().map(Path::to_owned)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(io("delete", path)(error)),
            }
        }
        for folder in folders {
            // A folder of a day without files goes too; it stays when something is in it.
            if fs::remove_dir(&folder).is_err() {
                sync_folder(&folder)?;
            }
        }
        Ok(())
    }

    /// Relative paths of the files below `prefix` with the suffix `.suffix`, sorted. No folder: none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn list(&self, prefix: &str, suffix: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        self.walk(prefix, &mut |relative| {
            if Path::new(&relative).extension().is_some_and(|extension| extension == suffix) {
                found.push(relative);
            }
        })?;
        found.sort();
        Ok(found)
    }

    fn walk(&self, prefix: &str, visit: &mut dyn FnMut(String)) -> Result<()> {
        let folder = self.path(prefix);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io("list", folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(io("list", &folder))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let kind = entry.file_type().map_err(io("look at", entry.path()))?;
            if kind.is_dir() {
                self.walk(&relative, visit)?;
            } else {
                visit(relative);
            }
        }
        Ok(())
    }

    /// The lock of that name, for one holder alone; `None` when somebody holds it and `wait` is false.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub(super) fn lock(&self, name: &str, wait: bool) -> Result<Option<FileLock>> {
        let (file, path) = self.lock_file(name)?;
        if wait {
            file.lock().map_err(io("lock", path))?;
            return Ok(Some(FileLock(file)));
        }
        match file.try_lock() {
            Ok(()) => Ok(Some(FileLock(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(io("lock", path)(error)),
        }
    }

    /// The lock of that name, shared; `None` when the lake may not be written to, where nobody can disturb.
    ///
    /// # Errors
    /// When the file cannot be locked.
    pub(super) fn lock_shared(&self, name: &str) -> Result<Option<FileLock>> {
        match self.lock_file(name) {
            Ok((file, path)) => {
                file.lock_shared().map_err(io("lock", path))?;
                Ok(Some(FileLock(file)))
            }
            Err(Error::Io { source, .. })
                if matches!(
                    source.kind(),
                    std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn lock_file(&self, name: &str) -> Result<(File, PathBuf)> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io("create the folder", folder))?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io("open", &path))?;
        Ok((file, path))
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(PARTIAL);
    PathBuf::from(name)
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(io("force to disk", folder))
}
