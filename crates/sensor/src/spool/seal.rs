//! From open to sealed: a thread writes batches to disk, so that capturing never waits for it.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hirundo_packet::batch::{Builder, Header, Summary};
use tracing::{error, warn};

use super::disk::Disk;
use super::journal::Spare;
use super::shelf::Shelf;
use crate::outbox::BatchName;

/// Whole batches that wait for the disk at most; with 65,536 packets each has some 8 MB.
const WHOLE_MAX: usize = 3;
/// Batches without their packets that wait for the disk at most.
const EMPTIED_MAX: usize = 4096;
/// Builders kept for use again.
const SPARE_MAX: usize = 2;
/// How long the thread waits after the disk refused.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Batches emptied at most to make room for one.
const ROOM_TRIES: usize = 16;

/// A batch to be sealed.
pub(super) struct Item {
    pub(super) header: Header,
    /// Given up once the batch is on disk.
    pub(super) journal: PathBuf,
    pub(super) content: Content,
}

/// What is left of it.
pub(super) enum Content {
    /// Everything.
    Whole(Box<Builder>),
    /// Health alone, the packets counted as dropped.
    Emptied(Box<Summary>),
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    /// One is being written.
    working: bool,
    closing: bool,
}

/// Where batches wait for the disk.
pub(super) struct Sealer {
    disk: Disk,
    spare_journal: Spare,
    queue: Mutex<Queue>,
    changed: Condvar,
    #[allow(clippy::vec_box, reason = "they go from hand to hand in their boxes")]
    spare: Mutex<Vec<Box<Builder>>>,
    /// Of the last batch; its memory is used again.
    encoded: Mutex<Vec<u8>>,
    /// Space that is given up to empty a batch when the disk is full.
    reserve: PathBuf,
}

/// Bytes of the reserve.
const RESERVE_BYTES: usize = 16 << 10;

impl Sealer {
    pub(super) fn new(disk: Disk, reserve: PathBuf) -> Sealer {
        let sealer = Sealer {
            disk,
            spare_journal: Spare::default(),
            queue: Mutex::default(),
            changed: Condvar::new(),
            spare: Mutex::default(),
            encoded: Mutex::default(),
            reserve,
        };
        sealer.renew_reserve();
        sealer
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of a journal that is kept for a later one.
    pub(super) fn spare(&self) -> Spare {
        self.spare_journal.clone()
    }

    /// An empty builder.
    pub(super) fn builder(&self) -> Box<Builder> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_default()
    }

    fn give_back(&self, mut builder: Box<Builder>) {
        builder.clear();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_MAX {
            spare.push(builder);
        }
    }

    /// Hands a batch over. When the disk lags behind, the oldest that waits loses its packets, which are counted;
    /// how many.
    pub(super) fn hand_over(&self, item: Item, is_bounded: bool) -> usize {
        let mut queue = self.queue();
        queue.items.push_back(item);
        let is_whole = |item: &Item| matches!(item.content, Content::Whole(_));
        let mut dropped = 0;
        if is_bounded && queue.items.iter().filter(|item| is_whole(item)).count() > WHOLE_MAX {
            if let Some(oldest) = queue.items.iter_mut().find(|item| is_whole(item)) {
                let (emptied, builder) = empty(oldest);
                dropped = emptied;
                builder.into_iter().for_each(|builder| self.give_back(builder));
            }
            // Their journals stay: the next start finds them whole.
            while queue.items.len() > EMPTIED_MAX + WHOLE_MAX {
                queue.items.pop_front();
            }
        }
        drop(queue);
        self.changed.notify_all();
        dropped
    }

    /// Seals the oldest batch that waits; whether there was one.
    pub(super) fn seal_next(&self, shelf: &Shelf) -> io::Result<bool> {
        let mut item = {
            let mut queue = self.queue();
            let Some(item) = queue.items.pop_front() else {
                return Ok(false);
            };
            queue.working = true;
            item
        };
        let sealed = self.seal(&mut item, shelf);
        let mut queue = self.queue();
        queue.working = false;
        let result = match sealed {
            Ok(()) => {
                if let Content::Whole(builder) = item.content {
                    self.give_back(builder);
                }
                Ok(true)
            }
            Err(error) => {
                queue.items.push_front(item);
                Err(error)
            }
        };
        drop(queue);
        self.changed.notify_all();
        result
    }

    fn seal(&self, item: &mut Item, shelf: &Shelf) -> io::Result<()> {
        let name = BatchName {
            epoch: item.header.epoch,
            number: item.header.number,
        };
        // Sealed before, when the process was killed between the batch and its journal.
        if !shelf.holds(name) {
            let mut bytes = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
            let summary = encode(item, shelf, &mut bytes);
            self.put(shelf, &summary, &bytes)?;
        }
        self.spare_journal.keep(&self.disk, &item.journal)?;
        self.renew_reserve();
        if let Err(error) = shelf.keep_limits() {
            warn!(%error, "cannot keep the spool to its limits; it is tried again with the next batch");
        }
        Ok(())
    }

    /// Writes a batch; where the disk is full, older ones make room.
    fn put(&self, shelf: &Shelf, summary: &Summary, bytes: &[u8]) -> io::Result<()> {
        let mut result = shelf.put(summary, bytes);
        for _ in 0..ROOM_TRIES {
            let is_full = |error: &io::Error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            if !result.as_ref().is_err_and(is_full) {
                break;
            }
            // To empty a batch takes a block for a moment.
            self.disk.remove(&self.reserve)?;
            let made_room = shelf.make_room();
            // The reserve comes first, or there would be none the next time.
            let is_renewed = self.renew_reserve();
            if !made_room? {
                break;
            }
            if is_renewed {
                result = shelf.put(summary, bytes);
            }
        }
        result
    }

    /// Makes the reserve if there is none; whether there is one.
    fn renew_reserve(&self) -> bool {
        self.reserve.exists() || self.disk.put(&self.reserve, &[0x55; RESERVE_BYTES]).is_ok()
    }

    /// What the thread does until it is told to close.
    pub(super) fn run(&self, shelf: &Shelf) {
        let mut failed = false;
        loop {
            {
                let mut queue = self.queue();
                while queue.items.is_empty() && !queue.closing {
                    queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                if queue.closing && (queue.items.is_empty() || failed) {
                    return;
                }
            }
            match self.seal_next(shelf) {
                Ok(_) => failed = false,
                Err(error) => {
                    if !failed {
                        error!(%error, "cannot write batches to the spool; capturing goes on, and what cannot be kept is counted");
                    }
                    failed = true;
                    let queue = self.queue();
                    if !queue.closing {
                        let woken = self.changed.wait_timeout(queue, AGAIN_AFTER);
                        drop(woken.unwrap_or_else(PoisonError::into_inner));
                    }
                }
            }
        }
    }

    /// Tells the thread to end once nothing waits or the disk refuses.
    pub(super) fn close(&self) {
        self.queue().closing = true;
        self.changed.notify_all();
    }

    /// Waits until nothing waits for the disk, at most so long; whether nothing does.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let is_busy = |queue: &mut Queue| !queue.items.is_empty() || queue.working;
        let waited = self.changed.wait_timeout_while(self.queue(), at_most, is_busy);
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.items.is_empty() && !queue.working
    }
}

/// Takes the packets out of a batch; how many, and the builder they were in.
fn empty(item: &mut Item) -> (usize, Option<Box<Builder>>) {
    let Content::Whole(builder) = &mut item.content else {
        return (0, None);
    };
    let summary = builder.summary(&item.header);
    let packets = summary.packets;
    match std::mem::replace(&mut item.content, Content::Emptied(Box::new(summary.without_packets()))) {
        Content::Whole(builder) => (packets, Some(builder)),
        Content::Emptied(_) => (packets, None),
    }
}

/// Encodes a batch in place of what is in `bytes`.
fn encode(item: &mut Item, shelf: &Shelf, bytes: &mut Vec<u8>) -> Summary {
    bytes.clear();
    if let Content::Whole(builder) = &mut item.content {
        match builder.encode(&item.header, bytes) {
            Ok(summary) => return summary,
            // A mistake in this program; the packets are counted, as any that are lost.
            Err(error) => error!(%error, "cannot encode a batch; its packets are dropped and counted"),
        }
        let (packets, _) = empty(item);
        shelf.dropped.fetch_add(packets as u64, Relaxed);
        bytes.clear();
    }
    let Content::Emptied(summary) = &item.content else {
        unreachable!("it was emptied above");
    };
    if let Err(error) = summary.encode(bytes) {
        error!(%error, "cannot encode the health of a batch");
    }
    summary.as_ref().clone()
}
