//! The threads of an ingest: each fills a segment in turn, seals it by itself, and commits when its turn comes.
//!
//! Reading is the short part and happens under a lock, so segments come in the order of the input;
//! sealing (sorting, locating, rolling up, encoding) is the long part and runs on all cores. Commits are
//! in order too, so what a crash leaves in the lake is always the beginning of the whole.

use std::sync::{Condvar, Mutex, PoisonError};

use anyhow::Result;
use hirundo_lake::Writer;
use hirundo_lake::names::World;
use hirundo_lake::seal::Sealer;
use hirundo_lake::segment::Segment;

use super::inputs::Input;
use super::reader::{Known, Reader, Watch};

/// How to ingest.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Threads; each holds one segment, about 250 MB at most.
    pub threads: usize,
    /// First bytes of a payload to keep.
    pub payload_bytes_max: u8,
}

struct Commits<'a> {
    writer: &'a mut Writer,
    next: u64,
    failed: Option<anyhow::Error>,
}

/// Ingests all inputs; on return everything read is durable in the lake.
///
/// # Errors
/// When the lake cannot be written. Damage of inputs is told to `watch` and ends only that input.
pub fn run(inputs: Vec<Input>, writer: &mut Writer, world: World<'_>, settings: Settings, watch: Box<dyn Watch + '_>) -> Result<()> {
    let known = Known { pieces: writer.pieces().clone(), lengths: writer.lengths().clone() };
    let reader = Mutex::new((Reader::new(inputs, known, world.marks, settings.payload_bytes_max, watch), 0u64));
    let commits = Mutex::new(Commits { writer, next: 0, failed: None });
    let turn = Condvar::new();
    std::thread::scope(|scope| {
        for _ in 0..settings.threads.max(1) {
            scope.spawn(|| {
                if let Err(error) = work(&reader, &commits, &turn, world) {
                    let mut commits = commits.lock().unwrap_or_else(PoisonError::into_inner);
                    commits.failed.get_or_insert(error);
                    turn.notify_all();
                }
            });
        }
    });
    match commits.into_inner().unwrap_or_else(PoisonError::into_inner).failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn work(reader: &Mutex<(Reader<'_>, u64)>, commits: &Mutex<Commits<'_>>, turn: &Condvar, world: World<'_>) -> Result<()> {
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
        let guard = commits.lock().unwrap_or_else(PoisonError::into_inner);
        let mut commits = turn.wait_while(guard, |commits| commits.next != ticket && commits.failed.is_none()).unwrap_or_else(PoisonError::into_inner);
        if commits.failed.is_some() {
            return Ok(());
        }
        commits.writer.commit(pieces, &files)?;
        commits.next += 1;
        turn.notify_all();
    }
}
