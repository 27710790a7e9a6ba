//! How full a spool is, for who only looks: the sensor that has it open goes on.

use std::fs;
use std::io;
use std::path::Path;

use super::Settings;
use super::shelf::{BATCH, read_file_name};
use crate::outbox::Waiting;

/// Most files that are looked at.
const FILES_MAX: usize = 1 << 20;

/// What waits in the spool in `folder`; `None` when there is no spool yet.
///
/// # Errors
/// When the folder cannot be read.
pub fn look(folder: &Path, settings: &Settings) -> io::Result<Option<Waiting>> {
    let batches = match fs::read_dir(folder.join("batches")) {
        Ok(batches) => batches,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut waiting = Waiting {
        bytes_max: settings.bytes_max,
        ..Waiting::default()
    };
    for item in batches.take(FILES_MAX) {
        let item = item?;
        // One that was shipped meanwhile waits no more.
        let (Some((_, sealed_us, _)), Ok(about)) = (read_file_name(&item.path()), item.metadata()) else {
            continue;
        };
        waiting.batches += 1;
        waiting.bytes += about.len();
        if waiting.oldest_us == 0 || sealed_us < waiting.oldest_us {
            waiting.oldest_us = sealed_us;
        }
    }
    let rejected = fs::read_dir(folder.join("rejected")).into_iter().flatten().flatten();
    let is_batch = |item: &fs::DirEntry| item.path().extension().is_some_and(|ending| ending == BATCH);
    waiting.rejected = rejected.take(FILES_MAX).filter(is_batch).count() as u64;
    Ok(Some(waiting))
}
