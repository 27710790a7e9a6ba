//! The files of a lake, wherever it is: in a folder, or in a bucket of an object store.
//!
//! Both write a file whole or not at all, and have it durable on return. In a folder, who writes takes turns by locks
//! of the file system. In a bucket nobody can be kept from writing; there, records and nothing else decide, and a record
//! is only ever put where none is.

mod bucket;
mod folder;
mod lease;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::{ObjectStore, UpdateVersion};

pub use bucket::Bucket;
pub use folder::{FileLock, Folder};
pub use lease::Lease;

use crate::error::{Result, io};
use crate::location::Location;
use crate::record::numbered;

/// Suffix of files being written into a folder; anything with it is left over from a crash and may be deleted.
pub(crate) const PARTIAL: &str = folder::PARTIAL;
/// Files read at a time.
const READ_MAX: usize = 1 << 10;

/// The files of a lake. Paths are relative, parts joined by `/`.
#[derive(Clone, Debug)]
pub enum Store {
    /// In a folder.
    Folder(Folder),
    /// In a bucket.
    Bucket(Bucket),
}

/// Held while writing or reading; let go when dropped.
#[derive(Debug)]
pub enum Lock {
    /// In a folder.
    File(FileLock),
    /// In a bucket.
    Lease(Lease),
}

/// Which version of an object was read, for [`Store::replace`]; a folder has none, its locks do.
#[derive(Clone, Debug, Default)]
pub struct Version(Option<UpdateVersion>);

impl Store {
    /// The files at a location; whether something is there shows when they are read.
    ///
    /// # Errors
    /// When the surroundings do not say how to reach the object store.
    pub fn open(location: &Location) -> Result<Store> {
        match location {
            Location::Folder(root) => Ok(Store::Folder(Folder { root: root.clone() })),
            Location::Bucket { bucket, prefix } => Bucket::open(bucket, prefix, location.to_string()).map(Store::Bucket),
        }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        match self {
            Store::Folder(folder) => folder.root.clone(),
            Store::Bucket(bucket) => PathBuf::from(bucket.name()),
        }
    }

    /// Where a relative path is, for people.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// The bucket, where it is one.
    #[must_use]
    pub fn bucket(&self) -> Option<&Bucket> {
        match self {
            Store::Folder(_) => None,
            Store::Bucket(bucket) => Some(bucket),
        }
    }

    /// The same files for the query engine.
    ///
    /// # Errors
    /// When the folder cannot be found.
    pub fn objects(&self) -> Result<Arc<dyn ObjectStore>> {
        match self {
            Store::Folder(folder) => folder.objects(),
            Store::Bucket(bucket) => Ok(bucket.objects()),
        }
    }

    /// Writes files durably: each whole or not at all; on return all are there to stay.
    ///
    /// # Errors
    /// When the store refuses; files already written stay.
    pub fn put_all<'a>(&self, files: impl IntoIterator<Item = (String, &'a [u8])>) -> Result<()> {
        match self {
            Store::Folder(folder) => folder.put_all(files),
            Store::Bucket(bucket) => bucket.put_all(files),
        }
    }

    /// Writes one file durably.
    ///
    /// # Errors
    /// As [`Store::put_all`].
    pub fn put(&self, relative: &str, bytes: &[u8]) -> Result<()> {
        self.put_all([(relative.to_owned(), bytes)])
    }

    /// Writes one file durably where none is; false when one is. In a folder the caller holds the lock that keeps others
    /// from doing the same.
    ///
    /// # Errors
    /// When the store refuses, or cannot do it.
    pub fn create(&self, relative: &str, bytes: &[u8]) -> Result<bool> {
        match self {
            Store::Folder(folder) if folder.length(relative)?.is_some() => Ok(false),
            Store::Folder(folder) => folder.put(relative, bytes).map(|()| true),
            Store::Bucket(bucket) => bucket.create(relative, bytes),
        }
    }

    /// Reads a whole file, `None` when there is none.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn get(&self, relative: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Store::Folder(folder) => folder.get(relative),
            Store::Bucket(bucket) => bucket.get(relative),
        }
    }

    /// Reads small files and hands each to `visit` in order, `None` for those that are not there.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn get_all(&self, paths: &[String], mut visit: impl FnMut(&str, Result<Option<Vec<u8>>>)) -> Result<()> {
        match self {
            Store::Folder(folder) => paths.iter().for_each(|path| visit(path, folder.get(path))),
            Store::Bucket(bucket) => {
                for paths in paths.chunks(READ_MAX) {
                    for (path, bytes) in paths.iter().zip(bucket.get_all(paths)?) {
                        visit(path, bytes);
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads a whole file with what [`Store::replace`] needs to know.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn get_version(&self, relative: &str) -> Result<Option<(Vec<u8>, Version)>> {
        match self {
            Store::Folder(folder) => Ok(folder.get(relative)?.map(|bytes| (bytes, Version::default()))),
            Store::Bucket(bucket) => Ok(bucket
                .get_version(relative)?
                .map(|(bytes, version)| (bytes, Version(Some(version))))),
        }
    }

    /// Writes a file durably in place of the version that was read, or of none; false when another came in between. In a
    /// folder the caller holds the lock that rules that out.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn replace(&self, relative: &str, version: Option<Version>, bytes: &[u8]) -> Result<bool> {
        match (self, version) {
            (Store::Folder(folder), _) => folder.put(relative, bytes).map(|()| true),
            (Store::Bucket(bucket), Some(Version(Some(version)))) => Ok(bucket.replace(relative, version, bytes)?.is_some()),
            (Store::Bucket(bucket), Some(Version(None)) | None) => bucket.create(relative, bytes),
        }
    }

    /// A file to read from at any place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(&self, relative: &str) -> Result<File> {
        match self {
            Store::Folder(folder) => File::open(folder.path(relative)).map_err(io("open", folder.path(relative))),
            Store::Bucket(bucket) => {
                let failed = |error| io("keep for reading", self.path(relative))(error);
                let bytes = bucket.get(relative)?.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
                let mut file = tempfile::tempfile().map_err(failed)?;
                file.write_all(&bytes)
                    .and_then(|()| file.seek(SeekFrom::Start(0)))
                    .map_err(failed)?;
                Ok(file)
            }
        }
    }

    /// Deletes files; one that is gone already is no error. On return they are gone.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn delete<'a>(&self, files: impl IntoIterator<Item = &'a str>) -> Result<()> {
        match self {
            Store::Folder(folder) => folder.delete(files),
            Store::Bucket(bucket) => bucket.delete(files),
        }
    }

    /// Relative paths of the files below `prefix` with the suffix `.suffix`, sorted. No folder: none.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn list(&self, prefix: &str, suffix: &str) -> Result<Vec<String>> {
        match self {
            Store::Folder(folder) => folder.list(prefix, suffix),
            Store::Bucket(bucket) => {
                let end = format!(".{suffix}");
                let found = bucket.list(prefix)?.into_iter().map(|listed| listed.path);
                Ok(found.filter(|path| path.ends_with(&end)).collect())
            }
        }
    }

    /// Paths of the records of a folder numbered from `from` on, without a gap.
    ///
    /// # Errors
    /// When the store refuses.
    pub(crate) fn numbered_from(&self, folder: &str, from: u64) -> Result<Vec<String>> {
        match self {
            // Cheaper than to list a folder of millions.
            Store::Folder(files) => {
                let mut paths = Vec::new();
                for number in from.. {
                    let path = numbered(folder, number);
                    if files.length(&path)?.is_none() {
                        break;
                    }
                    paths.push(path);
                }
                Ok(paths)
            }
            Store::Bucket(bucket) => bucket.list_after(folder, from.checked_sub(1).map(|before| numbered(folder, before))),
        }
    }

    /// Waits for the lock of that name, for one holder alone. `None` in a bucket, where nobody waits for another.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub fn turn(&self, name: &str) -> Result<Option<Lock>> {
        match self {
            Store::Folder(folder) => Ok(folder.lock(name, true)?.map(Lock::File)),
            Store::Bucket(_) => Ok(None),
        }
    }

    /// The lock of that name, for one holder alone; `None` when somebody holds it.
    ///
    /// # Errors
    /// When it cannot be made or looked at.
    pub fn alone(&self, name: &str) -> Result<Option<Lock>> {
        match self {
            Store::Folder(folder) => Ok(folder.lock(name, false)?.map(Lock::File)),
            Store::Bucket(bucket) => Ok(Lease::take(bucket, name)?.map(Lock::Lease)),
        }
    }

    /// Waits for the lock of that name, shared; `None` where nobody can disturb: in a folder that may not be written to,
    /// and in a bucket, where files stay for a while after they were taken away.
    ///
    /// # Errors
    /// When the file cannot be locked.
    pub fn lock_shared(&self, name: &str) -> Result<Option<Lock>> {
        match self {
            Store::Folder(folder) => Ok(folder.lock_shared(name)?.map(Lock::File)),
            Store::Bucket(_) => Ok(None),
        }
    }

    /// Moves a file; one that was moved before is no error. Only in a folder.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        match self {
            Store::Folder(folder) => folder.rename(from, to),
            Store::Bucket(_) => Ok(()),
        }
    }

    /// Whether there is nothing but, perhaps, the folder `own`.
    ///
    /// # Errors
    /// When the store refuses.
    pub(crate) fn is_free(&self, own: &str) -> Result<bool> {
        match self {
            Store::Folder(folder) => Ok(folder.is_free(own)),
            Store::Bucket(bucket) => Ok(bucket.list("")?.iter().all(|listed| listed.path.starts_with(&format!("{own}/")))),
        }
    }

    /// Makes the folder that readers expect to be there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn make_folder(&self, relative: &str) -> Result<()> {
        match self {
            Store::Folder(folder) => folder.make_folder(relative),
            Store::Bucket(_) => Ok(()),
        }
    }

    /// Whether a file in a folder is as long as it should be; what it is otherwise. What is in a bucket is not looked at:
    /// it cannot be cut short, and one that is missing cannot be overlooked.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn is_as_long(&self, relative: &str, bytes: u64) -> Result<Result<(), String>> {
        let Store::Folder(folder) = self else { return Ok(Ok(())) };
        Ok(match folder.length(relative)? {
            Some(length) if length == bytes => Ok(()),
            Some(length) => Err(format!("it has {length} bytes, and {bytes} were written")),
            None => Err("it is recorded and cannot be found".to_owned()),
        })
    }
}

/// A file of a bucket as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Relative path.
    pub path: String,
    /// When it was written, by the clock of the store.
    pub modified: DateTime<Utc>,
}

/// A number nobody else has.
pub(crate) fn nonce() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
