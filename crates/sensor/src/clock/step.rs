//! A clock that tests can step, without touching the machine's: an offset in a file, where the environment names one.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

/// Environment variable with the path of a file whose content is an offset, microseconds. For tests only.
pub const VARIABLE: &str = "HIRUNDO_CLOCK_OFFSET_FILE";
/// How long an offset counts before the file is read again, milliseconds.
const FRESH_MS: u64 = 200;
/// Most bytes of the file.
const FILE_BYTES_MAX: u64 = 64;

/// An offset and when it was read.
#[derive(Debug)]
struct Step {
    path: PathBuf,
    begun: Instant,
    /// Milliseconds after `begun` from which on the file is read again.
    due_ms: AtomicU64,
    offset_us: AtomicI64,
}

impl Step {
    fn new(path: PathBuf) -> Self {
        let offset_us = read(&path).unwrap_or(0);
        Self {
            path,
            begun: Instant::now(),
            due_ms: AtomicU64::new(FRESH_MS),
            offset_us: AtomicI64::new(offset_us),
        }
    }

    /// What cannot be read changes nothing.
    fn offset_us(&self) -> i64 {
        let now_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now_ms >= self.due_ms.load(Ordering::Relaxed) {
            self.due_ms.store(now_ms.saturating_add(FRESH_MS), Ordering::Relaxed);
            if let Some(offset_us) = read(&self.path) {
                self.offset_us.store(offset_us, Ordering::Relaxed);
            }
        }
        self.offset_us.load(Ordering::Relaxed)
    }
}

fn read(path: &Path) -> Option<i64> {
    let mut text = String::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// By how much the clock is to be off, microseconds; 0 unless a test asks for it.
#[must_use]
pub fn offset_us() -> i64 {
    static STEP: OnceLock<Option<Step>> = OnceLock::new();
    STEP.get_or_init(|| {
        let step = Step::new(std::env::var_os(VARIABLE)?.into());
        tracing::warn!(
            "the clock is stepped by {}, as {VARIABLE} says; this is for tests only",
            step.path.display()
        );
        Some(step)
    })
    .as_ref()
    .map_or(0, Step::offset_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_steps_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offset");
        std::fs::write(&path, " -5000000 \n").unwrap();
        let step = Step::new(path.clone());
        assert_eq!(step.offset_us(), -5_000_000);
        let reads = |text: &str| {
            std::fs::write(&path, text).unwrap();
            step.due_ms.store(0, Ordering::Relaxed);
            step.offset_us()
        };
        assert_eq!(reads("7"), 7);
        assert_eq!(reads(""), 7);
        assert_eq!(reads("x"), 7);
        assert_eq!(reads(&"1".repeat(100)), 7);
        assert_eq!(reads("0"), 0);
        std::fs::remove_file(&path).unwrap();
        step.due_ms.store(0, Ordering::Relaxed);
        assert_eq!(step.offset_us(), 0);
    }
}
