//! The threads of an ingest: each fills a segment in turn and seals it by itself; one more commits them in order.
//!
//! Reading is the short part and happens under a lock, so segments come in the order of the input;
//! sealing (sorting, locating, rolling up, encoding) is the long part and runs on all cores. Committing
//! mostly waits for the disk, so it has a thread of its own. Commits are in the order of the input, so
//! what a crash leaves in the lake is always the beginning of the whole.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use hirundo_lake::names::World;
use hirundo_lake::seal::{Sealer, TableFile};
use hirundo_lake::segment::Segment;
use hirundo_lake::{Piece, Writer};

use super::inputs::Input;
use super::reader::{Reader, Watch};

/// Sealed segments that may wait for the disk, about 25 MB each; the threads wait when there are more.
const WAITING_MAX: usize = 2;

/// How to ingest.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Threads; each holds one segment, about 250 MB at most.
    pub threads: usize,
    /// First bytes of a payload to keep.
    pub payload_bytes_max: u8,
}

/// A sealed segment on its way to the disk.
struct Sealed {
    ticket: u64,
    pieces: Vec<Piece>,
    files: Vec<TableFile>,
}

/// Ingests all inputs; on return everything read is durable in the lake.
///
/// # Errors
/// When the lake cannot be written. Damage of inputs is told to `watch` and ends only that input.
pub fn run(inputs: Vec<Input>, writer: &mut Writer, world: World<'_>, settings: Settings, watch: Box<dyn Watch + '_>) -> Result<()> {
    let known = writer.known().clone();
    let reader = Mutex::new((Reader::new(inputs, known, world.marks, settings.payload_bytes_max, watch), 0u64));
    let (sender, receiver) = sync_channel(WAITING_MAX);
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..settings.threads.max(1) {
            let (reader, sender) = (&reader, sender.clone());
            workers.push(scope.spawn(move || work(reader, &sender, world)));
        }
        drop(sender);
        let committed = commit(&receiver, writer);
        // Without a receiver the workers stop at their next segment.
        drop(receiver);
        let panicked = |_| Err(anyhow::anyhow!("a thread of the ingest panicked"));
        let worked: Vec<Result<()>> = workers.into_iter().map(|worker| worker.join().unwrap_or_else(panicked)).collect();
        committed.and(worked.into_iter().collect())
    })
}

/// Commits what was sealed, in order of ticket.
fn commit(receiver: &Receiver<Sealed>, writer: &mut Writer) -> Result<()> {
    let mut early: BTreeMap<u64, Sealed> = BTreeMap::new();
    let mut next = 0;
    for sealed in receiver {
        early.insert(sealed.ticket, sealed);
        while let Some(sealed) = early.remove(&next) {
            writer.commit(&sealed.pieces, &sealed.files)?;
            next += 1;
        }
    }
    Ok(())
}

/// Fills and seals until there is nothing more to read or nobody to commit it.
fn work(reader: &Mutex<(Reader<'_>, u64)>, sender: &SyncSender<Sealed>, world: World<'_>) -> Result<()> {
    let mut sealer = Sealer::new()?;
    let mut segment = Segment::default();
    loop {
        segment.clear();
        let (pieces, ticket) = {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(pieces) = reader.0.fill(&mut segment) else { return Ok(()) };
            let ticket = reader.1;
            reader.1 += 1;
            (pieces, ticket)
        };
        let files = sealer.seal(&segment, world)?;
        if sender.send(Sealed { ticket, pieces, files }).is_err() {
            return Ok(());
        }
    }
}
