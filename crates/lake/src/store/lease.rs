//! Being the only one, in a bucket: an object that says who holds it, renewed for as long as they live.
//!
//! A lease keeps two of a kind from working at the same time, which would be waste. That nothing goes wrong should it happen
//! all the same (a process stands still for longer than its lease) does not rest on it: records do, see [`crate::writer`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use object_store::path::Path;
use object_store::{Error as ObjectError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};
use serde::{Deserialize, Serialize};

use super::Bucket;
use crate::error::Result;

/// A lease that was not renewed for so long belongs to nobody.
const LIFE: TimeDelta = TimeDelta::seconds(30);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(8);

/// A lease; given back when dropped.
#[derive(Debug)]
pub struct Lease {
    bucket: Bucket,
    name: String,
    holder: u64,
    /// The version that is ours, `None` once it is somebody else's.
    version: Arc<Mutex<Option<UpdateVersion>>>,
    renewal: Option<tokio::task::AbortHandle>,
}

/// What the object says. Every version differs from the one before, so that none is taken for another.
#[derive(Serialize, Deserialize)]
struct Note {
    holder: Option<u64>,
    renewal: u64,
}

impl Note {
    fn bytes(&self) -> Vec<u8> {
        crate::record::json(self)
    }
}

impl Lease {
    /// Takes the lease of that name; `None` when somebody holds it.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) fn take(bucket: &Bucket, name: &str) -> Result<Option<Lease>> {
        let holder = super::nonce();
        let note = Note {
            holder: Some(holder),
            renewal: 0,
        };
        let version = match bucket.get_version(name)? {
            None => bucket.create_version(name, &note.bytes())?,
            Some((bytes, version)) => {
                let is_held = serde_json::from_slice::<Note>(&bytes).is_ok_and(|note| note.holder.is_some());
                if is_held && bucket.now()? - bucket.modified(name)? < LIFE {
                    return Ok(None);
                }
                bucket.replace(name, version, &note.bytes())?
            }
        };
        // Without a version, another took it first.
        let Some(version) = version else { return Ok(None) };
        let version = Arc::new(Mutex::new(Some(version)));
        let renewal = bucket.spawn(renew(bucket.objects(), name.to_owned(), holder, Arc::clone(&version)));
        Ok(Some(Lease {
            bucket: bucket.clone(),
            name: name.to_owned(),
            holder,
            version,
            renewal,
        }))
    }
}

async fn renew(objects: Arc<dyn ObjectStore>, name: String, holder: u64, version: Arc<Mutex<Option<UpdateVersion>>>) {
    let path = Path::from(name.as_str());
    for renewal in 1.. {
        tokio::time::sleep(RENEWAL).await;
        let Some(before) = version.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return;
        };
        let note = Note {
            holder: Some(holder),
            renewal,
        };
        let mode = PutOptions::from(PutMode::Update(before));
        let put = objects.put_opts(&path, PutPayload::from(note.bytes()), mode).await;
        match put {
            Ok(put) => *version.lock().unwrap_or_else(PoisonError::into_inner) = Some(UpdateVersion::from(put)),
            Err(ObjectError::Precondition { .. } | ObjectError::NotFound { .. }) => {
                // Unless it is our own that only was not answered.
                if let Some(found) = own(&*objects, &path, holder).await {
                    *version.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                    continue;
                }
                tracing::warn!("{name} was taken over by another process; this one stood still for too long");
                *version.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return;
            }
            // The next renewal may get through.
            Err(error) => tracing::warn!("could not renew {name}: {error}"),
        }
    }
}

/// The version of the lease that is there, if it is ours.
async fn own(objects: &dyn ObjectStore, path: &Path, holder: u64) -> Option<UpdateVersion> {
    let got = objects.get(path).await.ok()?;
    let version = UpdateVersion {
        e_tag: got.meta.e_tag.clone(),
        version: got.meta.version.clone(),
    };
    let note: Note = serde_json::from_slice(&got.bytes().await.ok()?).ok()?;
    (note.holder == Some(holder)).then_some(version)
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(renewal) = self.renewal.take() {
            renewal.abort();
        }
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner).take();
        let note = Note {
            holder: None,
            renewal: self.holder,
        };
        let given_back = version.map(|version| self.bucket.replace(&self.name, version, &note.bytes()));
        if let Some(Err(error)) = given_back {
            tracing::debug!("{} runs out by itself: {error}", self.name);
        }
    }
}
