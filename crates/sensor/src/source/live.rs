//! A live interface: frames out of a ring, and an exact account of those that never came.

use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hirundo_packet::capture::Frame;

use super::assembler::Instruction;
use super::block;
use super::filter::Filter;
use super::interface::{Interface, refused};
use super::ring::{self, Ring, Size, Socket};
use super::{Accounted, Settings};
use crate::clock;

/// Bytes of a block: it stays in the processor's cache while it is read, and the kernel finds so much memory in one
/// piece without ado.
const BLOCK_BYTES: u32 = 1 << 18;
/// Until then a frame that the interface counts has reached the socket.
const SETTLED: Duration = Duration::from_millis(200);
/// How long counters must stand still to be taken as belonging together: at first long, then less and less, for
/// interfaces that are never quiet.
const STILL: [(usize, Duration); 3] = [
    (20, Duration::from_millis(1)),
    (20, Duration::from_micros(100)),
    (20, Duration::ZERO),
];

/// An interface being captured.
#[derive(Debug)]
pub(super) struct Live {
    interface: Interface,
    ring: Ring,
    /// Until a stopped capture has surely been handed all it took.
    drain: Duration,
    stopped: Option<Instant>,
    /// Totals since the start: frames that the filter took, that were dropped, that were read from the ring.
    taken: u64,
    dropped: u64,
    read: u64,
    /// Of `dropped`, what was not yet told.
    dropped_new: u64,
    fill_permille: u16,
    /// Blocks that waited when they were counted last, and still do.
    counted: usize,
    /// The interface's counter up to which every frame was read, dropped, refused or missed.
    accounted: Option<u64>,
    /// An earlier look at the counter.
    looked: Option<(Instant, u64)>,
}

impl Live {
    /// Opens the interface; frames come from now on.
    pub(super) fn open(name: &str, settings: &Settings, filter: &Filter) -> Result<Live> {
        let interface = Interface::find(name)?;
        let socket = Socket::open(interface.form).with_context(|| refused(name))?;
        // Kernels before 4.20 cannot; what goes out is then left out when it is read.
        if let Err(error) = socket.ignore_outgoing() {
            tracing::debug!("{name}: the kernel does not leave out what goes out: {error}");
        }
        if settings.promiscuous {
            socket
                .be_promiscuous(interface.index)
                .with_context(|| format!("make {name} promiscuous"))?;
        }
        let program = filter.compile(interface.form, settings.snap_bytes)?;
        attach(&socket, name, &program)?;
        let ring = Ring::new(socket, size(settings)).with_context(|| {
            let mib = settings.ring_mib;
            format!("make a ring of {mib} MiB for {name}; hint: a smaller `ring_mib` needs less memory")
        })?;
        ring.socket()
            .bind(interface.index)
            .with_context(|| format!("listen on {name}; hint: `ip link` says whether it is up"))?;
        let mut live = Live {
            interface,
            ring,
            drain: Duration::from_millis(u64::from(settings.block_ms) * 2 + 50),
            stopped: None,
            taken: 0,
            dropped: 0,
            read: 0,
            dropped_new: 0,
            fill_permille: 0,
            counted: 0,
            accounted: None,
            looked: None,
        };
        live.begin_account();
        Ok(live)
    }

    /// Takes other frames from now on.
    pub(super) fn refilter(&mut self, settings: &Settings, filter: &Filter) -> Result<()> {
        if self.stopped.is_some() {
            return Ok(());
        }
        let program = filter.compile(self.interface.form, settings.snap_bytes)?;
        attach(self.ring.socket(), &self.interface.name, &program)
    }

    /// Whether a block can be read without waiting.
    pub(super) fn is_ready(&self) -> bool {
        self.ring.is_ready()
    }

    /// Lends the frames of one block; their number.
    #[inline]
    pub(super) fn read(&mut self, number: u32, mut visit: impl FnMut(Frame<'_>)) -> u64 {
        // Counted anew when those counted last have been read: counting looks at each of them.
        match self.counted.checked_sub(1) {
            Some(less) => self.counted = less,
            None => {
                let (waiting, blocks) = self.ring.fill();
                let permille = u16::try_from(waiting * 1000 / blocks.max(1)).unwrap_or(1000);
                self.fill_permille = self.fill_permille.max(permille);
                self.counted = waiting.saturating_sub(1);
            }
        }
        let form = self.interface.form;
        // The kernel's clock stamps frames; a test that steps ours means theirs too.
        let offset_ns = clock::offset_us().saturating_mul(1000);
        let stepped = |mut frame: Frame<'_>| {
            frame.time_ns = frame.time_ns.saturating_add(offset_ns);
            visit(frame);
        };
        let Some(walked) = self.ring.read(|bytes| block::walk(bytes, form, number, stepped)) else {
            return 0;
        };
        self.read += walked.frames + walked.outgoing + walked.broken;
        self.account(walked.frames + walked.broken);
        self.dropped_new += walked.broken;
        walked.frames
    }

    /// Takes no more frames; what was taken can still be read.
    pub(super) fn stop(&mut self, now: Instant) {
        let nothing = Filter::nothing();
        if let Err(error) = ring::attach(self.ring.socket().as_fd(), &nothing) {
            tracing::warn!("stop listening on {}: {error}", self.interface.name);
        }
        self.stopped.get_or_insert(now);
    }

    /// Whether everything that was taken has been read.
    pub(super) fn is_drained(&self, now: Instant) -> bool {
        let stopped = self.stopped.is_some_and(|stopped| now.duration_since(stopped) >= self.drain);
        stopped && !self.ring.is_ready()
    }

    /// Asks the kernel's counters: frames dropped since the last call, and the ring's fill at its worst.
    pub(super) fn count(&mut self, now: Instant) -> Result<(u64, u16)> {
        self.ask()?;
        let looked = self.looked;
        if looked.is_none_or(|(at, _)| now.duration_since(at) >= SETTLED) {
            // What the filter refused is accounted for as well, as soon as it is known: of all that the interface had
            // received by then, only what waits in the ring is not.
            if let (Some((_, received)), Some(accounted)) = (looked, self.accounted) {
                self.accounted = Some(accounted.max(received.saturating_sub(self.waiting())));
            }
            self.looked = self.interface.received().map(|received| (now, received));
        }
        let fill_permille = std::mem::take(&mut self.fill_permille);
        Ok((std::mem::take(&mut self.dropped_new), fill_permille))
    }

    /// Says what ails the socket, if anything does; only then can it be waited for again.
    pub(super) fn note_error(&self) {
        if let Err(error) = self.ring.take_error() {
            tracing::warn!("listen on {}: {error}", self.interface.name);
        }
    }

    /// Whether the interface is up.
    ///
    /// # Errors
    /// When it is gone: it will not come back under this socket.
    pub(super) fn is_listening(&self) -> Result<bool> {
        let name = &self.interface.name;
        let bound = self.ring.socket().interface().with_context(|| format!("listen on {name}"))?;
        if bound != Some(self.interface.index) {
            bail!("listen on {name}: the interface is gone; hint: start the sensor again when it is back");
        }
        Ok(self.interface.is_up())
    }

    /// Up to where the interface's counter is accounted for.
    pub(super) fn accounted(&self) -> Option<Accounted> {
        Some(Accounted {
            interface: self.interface.name.clone(),
            identity: self.interface.identity,
            received: self.accounted?,
        })
    }

    /// Reads counter and statistics so that they belong together: nothing came in between.
    fn begin_account(&mut self) {
        for (times, still) in STILL {
            for _ in 0..times {
                let before = self.interface.received();
                if self.ask().is_err() {
                    return;
                }
                let taken = self.taken;
                thread::sleep(still);
                let after = self.interface.received();
                if self.ask().is_err() {
                    return;
                }
                self.accounted = before.map(|received| received.saturating_sub(self.waiting()));
                if before == after && taken == self.taken {
                    return;
                }
            }
        }
    }

    /// Adds what the kernel counted since the last time.
    fn ask(&mut self) -> Result<()> {
        let counted = self.ring.statistics();
        let counted = counted.with_context(|| format!("read the kernel's counters of {}", self.interface.name))?;
        self.taken += counted.taken;
        self.dropped += counted.dropped;
        self.dropped_new += counted.dropped;
        self.account(counted.dropped);
        Ok(())
    }

    fn account(&mut self, frames: u64) {
        self.accounted = self.accounted.map(|accounted| accounted.saturating_add(frames));
    }

    /// Frames that wait in the ring.
    fn waiting(&self) -> u64 {
        self.taken.saturating_sub(self.dropped).saturating_sub(self.read)
    }
}

impl AsFd for Live {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.socket().as_fd()
    }
}

fn attach(socket: &Socket, name: &str, program: &[Instruction]) -> Result<()> {
    let instructions = program.len();
    ring::attach(socket.as_fd(), program).with_context(|| {
        format!(
            "give the kernel the filter for {name}, {instructions} instructions; hint: fewer, larger networks in `addresses` \
             make it shorter; `sysctl net.core.optmem_max` limits it"
        )
    })
}

fn size(settings: &Settings) -> Size {
    Size {
        block_bytes: BLOCK_BYTES,
        blocks: settings.ring_mib * ((1 << 20) / BLOCK_BYTES),
        retire_ms: settings.block_ms,
    }
}
