//! A disk that fails when it is told to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What goes wrong.
#[derive(Debug, Default)]
pub(in crate::spool) struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Steps until the process is killed.
    steps_left: Option<u64>,
    killed: bool,
    /// No byte more can be written.
    full: bool,
    /// The folder may have so many bytes, counted in blocks.
    capacity: Option<(PathBuf, u64)>,
}

impl Faults {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After so many steps nothing that the process does has an effect any more; the last write is torn.
    pub(super) fn kill_after(&self, steps: u64) {
        self.state().steps_left = Some(steps);
    }

    pub(super) fn is_killed(&self) -> bool {
        self.state().killed
    }

    pub(super) fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    pub(super) fn set_capacity(&self, folder: &Path, bytes: u64) {
        self.state().capacity = Some((folder.to_owned(), bytes));
    }

    pub(in crate::spool) fn step(&self, bytes: usize) -> io::Result<usize> {
        let mut state = self.state();
        if state.killed {
            return Err(io::Error::other("killed"));
        }
        if let Some(left) = &mut state.steps_left {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => {
                    state.killed = true;
                    return if bytes > 0 {
                        Ok(bytes / 2)
                    } else {
                        Err(io::Error::other("killed"))
                    };
                }
            }
        }
        let is_full = |(folder, most): &(PathBuf, u64)| used(folder) + (bytes as u64).next_multiple_of(4096) > *most;
        match bytes > 0 && (state.full || state.capacity.as_ref().is_some_and(is_full)) {
            true => Ok(bytes / 3),
            false => Ok(bytes),
        }
    }
}

fn used(folder: &Path) -> u64 {
    let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
    items
        .map(|item| match item.metadata() {
            Ok(metadata) if metadata.is_dir() => used(&item.path()),
            Ok(metadata) => metadata.len().next_multiple_of(4096),
            Err(_) => 0,
        })
        .sum()
}
