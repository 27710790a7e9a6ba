use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ipcrypt_rs::IpcryptPfx;

/// Name in the state folder.
const FILE: &str = "hide.key";

/// 32 bytes, two different halves. Not shown and not logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; IpcryptPfx::KEY_BYTES]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The disk refused.
    #[error("{attempt} the key of hidden addresses {path}; hint: the state folder must belong to the sensor's user")]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others may read it.
    #[error("use the key of hidden addresses {path}: others may read it; hint: chmod 600 {path}")]
    Readable {
        /// The file.
        path: PathBuf,
    },
    /// It was changed.
    #[error(
        "use the key of hidden addresses {path}: it is no key of 32 bytes; hint: bring it back from a backup, or delete it: \
         the same addresses then get other pseudonyms than before"
    )]
    Wrong {
        /// The file.
        path: PathBuf,
    },
}

impl Key {
    /// The key in the state folder; made if there is none.
    ///
    /// # Errors
    /// When it can be neither read nor made, or is none, or others may read it.
    pub fn load_or_make(folder: &Path) -> Result<Key, KeyError> {
        let path = folder.join(FILE);
        let io = |attempt| {
            let path = path.clone();
            move |source| KeyError::Io { attempt, path, source }
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Key::make(folder, &path).map_err(io("make")),
            Err(error) => return Err(io("read")(error)),
        };
        if file.metadata().map_err(io("read"))?.mode() & 0o077 != 0 {
            return Err(KeyError::Readable { path });
        }
        let mut bytes = Vec::new();
        file.take(IpcryptPfx::KEY_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(io("read"))?;
        let key = bytes.try_into().ok().and_then(Key::new);
        key.ok_or(KeyError::Wrong { path })
    }

    /// A key of these bytes; none when the halves are equal, which the cipher does not allow.
    #[must_use]
    pub fn new(bytes: [u8; IpcryptPfx::KEY_BYTES]) -> Option<Key> {
        let (one, other) = bytes.split_at(IpcryptPfx::KEY_BYTES / 2);
        (one != other).then_some(Key(bytes))
    }

    fn make(folder: &Path, path: &Path) -> io::Result<Key> {
        let mut bytes = [0; IpcryptPfx::KEY_BYTES];
        // By a system call: the sensor has closed all files but its own by then.
        let random = rustls::crypto::ring::default_provider().secure_random;
        random
            .fill(&mut bytes)
            .map_err(|_| io::Error::other("the system gives no random numbers"))?;
        let key = Key::new(bytes).ok_or_else(|| io::Error::other("the system's randomness is none"))?;
        let partial = path.with_extension("partial");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)?;
        File::open(folder)?.sync_all()?;
        Ok(key)
    }

    pub(super) fn cipher(&self) -> IpcryptPfx {
        IpcryptPfx::new(self.0)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::load_or_make(folder.path()).unwrap();
        assert_eq!(Key::load_or_make(folder.path()).unwrap(), key);
        assert_eq!(format!("{key:?}"), "Key(…)");
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Key::load_or_make(other.path()).unwrap(), key);
    }

    #[test]
    fn wrong_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let check = |bytes: &[u8], mode: u32, expected: &str| {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = Key::load_or_make(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("; hint: "), "{error}");
        };
        check(&[1; 31], 0o600, "no key of 32 bytes");
        check(&[1; 33], 0o600, "no key of 32 bytes");
        check(&[1; 32], 0o600, "no key of 32 bytes");
        check(&[1; 32], 0o640, "others may read it");
        assert!(Key::load_or_make(&folder.path().join("none")).is_err());
    }
}
