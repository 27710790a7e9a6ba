//! Capture files instead of an interface: as fast as possible, as captured, or by a factor.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hirundo_packet::LinkType;
use hirundo_packet::capture::{Capture, Frame};

use super::{Pace, Round};

/// Most frames that are lent at a time.
const FRAMES_MAX: u64 = 4096;

/// Captures, one after the other.
pub(super) struct Replay {
    waiting: VecDeque<(String, Box<dyn Read + Send>)>,
    open: Option<Open>,
    pace: Pace,
    stopped: bool,
    damaged: u64,
}

/// The capture being replayed.
struct Open {
    name: String,
    capture: Capture,
    /// When its first frame was lent, and that frame's time.
    begun: Option<(Instant, i64)>,
    held: Option<Held>,
}

/// A frame whose time has not come.
struct Held {
    time_ns: i64,
    link: LinkType,
    wire_len: u32,
    interface: u32,
    data: Vec<u8>,
}

impl Replay {
    /// Opens the files (`-` is standard input), reads nothing yet.
    pub(super) fn open(paths: &[String], pace: Pace) -> Result<Replay> {
        let mut waiting: VecDeque<(String, Box<dyn Read + Send>)> = VecDeque::new();
        for path in paths {
            let input: Box<dyn Read + Send> = if path == "-" {
                Box::new(io::stdin())
            } else {
                Box::new(File::open(Path::new(path)).with_context(|| format!("open capture {path}"))?)
            };
            waiting.push_back((path.clone(), input));
        }
        Ok(Replay {
            waiting,
            open: None,
            pace,
            stopped: false,
            damaged: 0,
        })
    }

    /// Lends up to some thousand frames that are due, waiting for the first at most `wait`.
    #[inline]
    pub(super) fn read(&mut self, wait: Duration, mut visit: impl FnMut(Frame<'_>)) -> Round {
        let mut round = Round::default();
        if self.stopped {
            round.ended = true;
            return round;
        }
        let Some(open) = self.open.as_mut() else {
            self.begin_next(&mut round);
            return round;
        };
        if open.lend_held(self.pace, wait, &mut visit, &mut round) {
            return round;
        }
        while round.frames < FRAMES_MAX {
            let frame = match open.capture.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    self.open = None;
                    return round;
                }
                Err(error) => {
                    tracing::error!("replay {}: {:#}", open.name, anyhow::Error::new(error));
                    self.damaged += 1;
                    self.open = None;
                    return round;
                }
            };
            if self.pace != Pace::Fastest && !is_due(&mut open.begun, self.pace, frame.time_ns) {
                open.held = Some(Held {
                    time_ns: frame.time_ns,
                    link: frame.link,
                    wire_len: frame.wire_len,
                    interface: frame.interface,
                    data: frame.data.to_vec(),
                });
                return round;
            }
            visit(frame);
            round.frames += 1;
        }
        round
    }

    /// Reads no more.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Captures that could not be read to their end.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }

    fn begin_next(&mut self, round: &mut Round) {
        round.begun = true;
        let Some((name, input)) = self.waiting.pop_front() else {
            round.ended = true;
            return;
        };
        match Capture::open(input) {
            Ok(capture) => {
                tracing::info!("replay {name}: {}", capture.format());
                self.open = Some(Open {
                    name,
                    capture,
                    begun: None,
                    held: None,
                });
            }
            Err(error) => {
                tracing::error!("replay {name}: {:#}", anyhow::Error::new(error));
                self.damaged += 1;
            }
        }
    }
}

impl Open {
    /// Lends the frame that was held back, once it is due; whether it still is not.
    fn lend_held(&mut self, pace: Pace, wait: Duration, visit: &mut impl FnMut(Frame<'_>), round: &mut Round) -> bool {
        let Some(held) = self.held.take() else {
            return false;
        };
        let until = due(&mut self.begun, pace, held.time_ns);
        let left = until.saturating_duration_since(Instant::now());
        thread::sleep(left.min(wait));
        if left > wait {
            self.held = Some(held);
            return true;
        }
        visit(Frame {
            time_ns: held.time_ns,
            link: held.link,
            wire_len: held.wire_len,
            data: &held.data,
            interface: held.interface,
        });
        round.frames += 1;
        false
    }
}

fn is_due(begun: &mut Option<(Instant, i64)>, pace: Pace, time_ns: i64) -> bool {
    due(begun, pace, time_ns) <= Instant::now()
}

/// When a frame is to be lent; the first one is at once, and so is one that is older than it.
fn due(begun: &mut Option<(Instant, i64)>, pace: Pace, time_ns: i64) -> Instant {
    let (at, first_ns) = *begun.get_or_insert_with(|| (Instant::now(), time_ns));
    let after_ns = u64::try_from(time_ns.saturating_sub(first_ns)).unwrap_or(0);
    let after_ns = match pace {
        Pace::Fastest => 0,
        Pace::Times(factor) => after_ns / u64::from(factor.get()),
    };
    at.checked_add(Duration::from_nanos(after_ns)).unwrap_or(at)
}
