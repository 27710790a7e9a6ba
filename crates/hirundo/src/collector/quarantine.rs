//! Bodies kept aside: files named by their digest in `quarantine` below the centre's folder, indexed in the store.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::hex;
use super::shipment::Name;
use crate::store::Store;
use crate::store::quarantine::Kept;

/// Name of the folder.
const FOLDER: &str = "quarantine";
/// A body without an entry is left over when it is older than this.
const ORPHAN_AGE: Duration = Duration::from_secs(3_600);
/// Longest reason kept, bytes.
const REASON_BYTES_MAX: usize = 300;

/// What is put aside.
#[derive(Clone, Copy, Debug)]
pub struct Aside<'a> {
    /// Under which name it came.
    pub name: &'a Name,
    /// The body.
    pub bytes: &'a Bytes,
    /// Packets in it, 0 when it cannot be read.
    pub packets: u64,
    /// Whether the sensor is told that we have it.
    pub held: bool,
    /// Why.
    pub reason: &'a str,
}

/// Keeps a body; whether there was room. On return it is durable.
///
/// # Errors
/// When the disk or the store refuses.
pub async fn keep(store: &Store, aside: Aside<'_>, now_secs: i64) -> Result<bool> {
    let sha256 = hex(&Sha256::digest(aside.bytes));
    let path = path(store, &sha256);
    let end = aside.reason.floor_char_boundary(REASON_BYTES_MAX);
    let kept = Kept {
        id: 0,
        at_secs: now_secs,
        sensor: aside.name.sensor.clone(),
        epoch: aside.name.epoch,
        number: aside.name.number,
        sha256,
        bytes: i64::try_from(aside.bytes.len()).unwrap_or(i64::MAX),
        packets: i64::try_from(aside.packets).unwrap_or(i64::MAX),
        held: aside.held,
        reason: aside.reason[..end].to_owned(),
    };
    if !store.has_room(&kept).await? {
        return Ok(false);
    }
    // The body first: an entry in the index must have one.
    let (place, bytes) = (path.clone(), aside.bytes.clone());
    tokio::task::spawn_blocking(move || write(&place, &bytes))
        .await
        .context("keeping a batch in quarantine ended at an internal error")?
        .with_context(|| format!("could not keep a batch in quarantine at {}", path.display()))?;
    if store.keep(&kept).await? {
        return Ok(true);
    }
    // The same body may be kept under another name.
    if !store.has_body(&kept.sha256).await? {
        remove(&path)?;
    }
    Ok(false)
}

/// Deletes bodies that no entry names: a crash came between the two, some time ago.
///
/// # Errors
/// When the disk or the store refuses.
pub async fn sweep(store: &Store) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(store.folder().join(FOLDER)) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let sha256 = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // What is younger may be on its way into the index, here or in another collector.
        let age = entry.metadata().ok().and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
        if age.is_some_and(|age| age > ORPHAN_AGE) && !store.has_body(&sha256).await? {
            remove(&path)?;
        }
    }
    Ok(())
}

/// The body of an entry, as it came.
///
/// # Errors
/// When it cannot be read, or is not what came.
pub fn read(store: &Store, kept: &Kept) -> Result<Vec<u8>> {
    let path = path(store, &kept.sha256);
    let bytes = std::fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
    if hex(&Sha256::digest(&bytes)) != kept.sha256 {
        bail!("{} is damaged: it is not what came", path.display());
    }
    Ok(bytes)
}

/// Deletes an entry and, when no other has the same, its body.
///
/// # Errors
/// When the disk or the store refuses.
pub async fn delete(store: &Store, kept: &Kept) -> Result<()> {
    if store.unkeep(kept).await? {
        remove(&path(store, &kept.sha256))?;
    }
    Ok(())
}

fn path(store: &Store, sha256: &str) -> PathBuf {
    store.folder().join(FOLDER).join(format!("{sha256}.batch"))
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not delete {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
