//! A spool in memory that notices what must not be.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Mutex;

use hirundo_sensor::outbox::{BatchName, Outbox, Waiting};

#[derive(Default)]
struct Held {
    waiting: BTreeMap<BatchName, Vec<u8>>,
    stored: Vec<BatchName>,
    rejected: Vec<(BatchName, String)>,
    disk_refuses: bool,
}

/// Batches in memory.
#[derive(Default)]
pub struct TestOutbox(Mutex<Held>);

/// Bytes of a batch that say which one it is.
pub fn content(number: u64, bytes: usize) -> Vec<u8> {
    let mut content = number.to_be_bytes().to_vec();
    content.resize(bytes.max(8), u8::try_from(number % 251).unwrap());
    content
}

impl TestOutbox {
    /// With this many batches of this many bytes.
    pub fn with(batches: u64, bytes: usize) -> std::sync::Arc<Self> {
        let outbox = Self::default();
        for number in 0..batches {
            outbox.put(number, bytes);
        }
        std::sync::Arc::new(outbox)
    }

    pub fn put(&self, number: u64, bytes: usize) {
        let name = BatchName { epoch: 7, number };
        self.0.lock().unwrap().waiting.insert(name, content(number, bytes));
    }

    /// Numbers of the batches that were acknowledged, in this order.
    pub fn stored(&self) -> Vec<u64> {
        self.0.lock().unwrap().stored.iter().map(|name| name.number).collect()
    }

    pub fn rejected(&self) -> Vec<(u64, String)> {
        let held = self.0.lock().unwrap();
        held.rejected.iter().map(|(name, reason)| (name.number, reason.clone())).collect()
    }

    pub fn left(&self) -> Vec<u64> {
        self.0.lock().unwrap().waiting.keys().map(|name| name.number).collect()
    }

    pub fn disk_refuses(&self, refuses: bool) {
        self.0.lock().unwrap().disk_refuses = refuses;
    }
}

impl Outbox for TestOutbox {
    fn waiting(&self, max: usize, flying: &HashSet<BatchName>) -> Vec<BatchName> {
        let held = self.0.lock().unwrap();
        held.waiting
            .keys()
            .filter(|name| !flying.contains(name))
            .take(max)
            .copied()
            .collect()
    }

    fn read(&self, name: BatchName) -> io::Result<Option<Vec<u8>>> {
        let held = self.0.lock().unwrap();
        if held.disk_refuses {
            return Err(io::Error::other("the disk refuses"));
        }
        Ok(held.waiting.get(&name).cloned())
    }

    fn stored(&self, name: BatchName) -> io::Result<()> {
        let mut held = self.0.lock().unwrap();
        held.waiting.remove(&name).ok_or(io::ErrorKind::NotFound)?;
        held.stored.push(name);
        Ok(())
    }

    fn rejected(&self, name: BatchName, reason: &str) -> io::Result<()> {
        let mut held = self.0.lock().unwrap();
        held.waiting.remove(&name).ok_or(io::ErrorKind::NotFound)?;
        held.rejected.push((name, reason.to_owned()));
        Ok(())
    }

    fn state(&self) -> Waiting {
        let held = self.0.lock().unwrap();
        Waiting {
            batches: held.waiting.len() as u64,
            bytes: held.waiting.values().map(|bytes| bytes.len() as u64).sum(),
            bytes_max: 1 << 30,
            oldest_us: 0,
            rejected: held.rejected.len() as u64,
            dropped: 3,
        }
    }
}
