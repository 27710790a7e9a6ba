//! Reads captures piece by piece into segments; a piece that is stored already is read past.

use std::collections::BTreeMap;

use hirundo_lake::segment::Segment;
use hirundo_lake::{Known, Piece, PieceId};
use hirundo_packet::capture::{Capture, CaptureError};
use hirundo_packet::decode::{self, Decoded, Reason};
use hirundo_packet::kind;
use hirundo_packet::mark::MarkTable;

use super::inputs::Input;

/// Frames of a piece; two whole pieces fill a segment.
const PIECE_FRAMES_MAX: u64 = 1 << 19;
/// Captured bytes of a piece, so that jumbo frames do not swell a segment.
const PIECE_BYTES_MAX: u64 = 256 << 20;
/// Days of a piece: each makes a file in every table.
const PIECE_DAYS_MAX: usize = 200;
/// Rows from which on a segment takes no further piece.
const SEGMENT_ROWS_ENOUGH: usize = 1 << 19;

/// What happened to one capture.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Frames read.
    pub frames: u64,
    /// Packets that went into the lake now.
    pub packets: u64,
    /// Packets that were in the lake already.
    pub known: u64,
    /// Frames and parts of packets that could not be read, by reason.
    pub unreadable: BTreeMap<&'static str, u64>,
    /// Why reading ended early, where it did.
    pub damage: Option<String>,
    /// What the file is.
    pub format: Option<String>,
}

/// Told of progress: bytes of the inputs read, frames read, and captures that are done.
pub trait Watch: Send {
    /// So far, over all inputs.
    fn progress(&mut self, bytes: u64, frames: u64);
    /// One capture is done.
    fn done(&mut self, input: &Input, outcome: &Outcome);
}

/// Reads all inputs, one after the other.
pub struct Reader<'a> {
    inputs: std::vec::IntoIter<Input>,
    open: Option<Open>,
    known: Known,
    marks: &'a MarkTable,
    payload_bytes_max: u8,
    watch: Box<dyn Watch + 'a>,
    bytes_done: u64,
    frames: u64,
}

/// The capture being read.
struct Open {
    input: Input,
    capture: Capture,
    pieces: u64,
    outcome: Outcome,
}

impl<'a> Reader<'a> {
    /// Over `inputs`, with the pieces that are stored already.
    pub fn new(inputs: Vec<Input>, known: Known, marks: &'a MarkTable, payload_bytes_max: u8, watch: Box<dyn Watch + 'a>) -> Reader<'a> {
        Reader {
            inputs: inputs.into_iter(),
            open: None,
            known,
            marks,
            payload_bytes_max,
            watch,
            bytes_done: 0,
            frames: 0,
        }
    }

    /// Fills a segment; its pieces, or `None` when there is nothing more to read.
    pub fn fill(&mut self, segment: &mut Segment) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        while segment.rows.len() <= SEGMENT_ROWS_ENOUGH && !segment.is_full() {
            let Some(mut open) = self.open.take().or_else(|| self.open_next()) else {
                return if pieces.is_empty() { None } else { Some(pieces) };
            };
            let ended = self.piece(&mut open, segment, &mut pieces);
            self.watch.progress(self.bytes_done + open.capture.bytes_read(), self.frames);
            if ended {
                self.bytes_done += open.capture.bytes_read();
                self.watch.done(&open.input, &open.outcome);
            } else {
                self.open = Some(open);
            }
        }
        Some(pieces)
    }

    fn open_next(&mut self) -> Option<Open> {
        for input in self.inputs.by_ref() {
            let opened = input.open().map_err(|error| error.to_string());
            match opened.and_then(|file| Capture::open(file).map_err(|error| chain(&error))) {
                Ok(capture) => {
                    let outcome = Outcome {
                        format: Some(capture.format().to_string()),
                        ..Outcome::default()
                    };
                    return Some(Open {
                        input,
                        capture,
                        pieces: 0,
                        outcome,
                    });
                }
                Err(damage) => self.watch.done(
                    &input,
                    &Outcome {
                        damage: Some(damage),
                        ..Outcome::default()
                    },
                ),
            }
        }
        None
    }

    /// Reads one piece; whether the capture ended with it.
    ///
    /// A capture that was read while it was still being written is stored up to where it then ended. Its
    /// longer self begins with the same bytes: at each length that a stored piece of the sensor has, the
    /// digest so far is looked up, and what is stored already is not counted again.
    fn piece(&mut self, open: &mut Open, segment: &mut Segment, pieces: &mut Vec<Piece>) -> bool {
        let lengths = self.known.lengths(&open.input.sensor).cloned().unwrap_or_default();
        let mut left = PIECE_FRAMES_MAX;
        while left > 0 {
            let mut stretch = Stretch::begin(segment, &open.input.sensor);
            let (mut ended, mut is_stored) = (false, false);
            for length in lengths.range(1..left).copied().chain([left]) {
                ended = stretch.read(open, segment, self.marks, self.payload_bytes_max, length - stretch.frames);
                if ended || stretch.full {
                    break;
                }
                let id = PieceId::new(open.capture.digest(), &open.input.sensor);
                is_stored = length < left && self.known.contains(&id);
                if is_stored {
                    break;
                }
            }
            left -= stretch.frames;
            self.book(open, segment, pieces, stretch);
            if !is_stored {
                return ended;
            }
        }
        false
    }

    /// Books a stretch of frames as a piece, or forgets it when it is stored.
    fn book(&mut self, open: &mut Open, segment: &mut Segment, pieces: &mut Vec<Piece>, stretch: Stretch) {
        let id = PieceId::new(open.capture.take_digest(), &open.input.sensor);
        self.frames += stretch.frames;
        open.outcome.frames += stretch.frames;
        if stretch.frames == 0 {
            segment.drop_piece();
            return;
        }
        let packets = (segment.rows.len() - stretch.rows_from) as u64;
        open.pieces += 1;
        let unreadable = Reason::ALL.iter().zip(stretch.reasons).filter(|(_, count)| *count > 0);
        for (reason, count) in unreadable.clone() {
            *open.outcome.unreadable.entry(reason.name()).or_default() += count;
        }
        if self.known.insert(&id, stretch.frames) {
            segment.keep_piece();
            open.outcome.packets += packets;
            let unreadable = unreadable.map(|(reason, count)| (reason.name().to_owned(), count)).collect();
            let origin = format!("{}#{}", open.input.path.display(), open.pieces);
            pieces.push(Piece {
                id,
                origin,
                frames: stretch.frames,
                packets,
                unreadable,
            });
        } else {
            segment.drop_piece();
            open.outcome.known += packets;
        }
    }
}

/// Frames read one after the other that will be booked together.
struct Stretch {
    sensor: u16,
    rows_from: usize,
    frames: u64,
    bytes: u64,
    full: bool,
    reasons: [u64; Reason::ALL.len()],
}

impl Stretch {
    fn begin(segment: &mut Segment, sensor: &str) -> Stretch {
        segment.begin_piece();
        let sensor = segment.sensor(sensor);
        Stretch {
            sensor,
            rows_from: segment.rows.len(),
            frames: 0,
            bytes: 0,
            full: false,
            reasons: [0; Reason::ALL.len()],
        }
    }

    /// Reads up to `frames_max` frames more; whether the capture ended.
    fn read(&mut self, open: &mut Open, segment: &mut Segment, marks: &MarkTable, payload_bytes_max: u8, frames_max: u64) -> bool {
        match read(&mut open.capture, segment, marks, payload_bytes_max, self, frames_max) {
            End::Full => false,
            End::Capture => true,
            End::Damage(error) => {
                open.outcome.damage = Some(chain(&error));
                true
            }
        }
    }
}

/// Why a piece ended.
enum End {
    Full,
    Capture,
    Damage(CaptureError),
}

/// The hot loop: frames to marked and classified rows.
fn read(
    capture: &mut Capture,
    segment: &mut Segment,
    marks: &MarkTable,
    payload_bytes_max: u8,
    stretch: &mut Stretch,
    frames_max: u64,
) -> End {
    for _ in 0..frames_max {
        let frame = match capture.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => return End::Capture,
            Err(error) => return End::Damage(error),
        };
        stretch.frames += 1;
        stretch.bytes += frame.data.len() as u64;
        let time_us = frame.time_ns.div_euclid(1000);
        let mut decoded = Decoded::default();
        match decode::decode_into(frame.link, frame.data, time_us, &mut decoded) {
            Ok(()) => {
                if let Some(note) = decoded.note {
                    stretch.reasons[note as usize] += 1;
                }
                decoded.packet.mark = marks.mark(&decoded.packet, decoded.options, decoded.payload);
                (decoded.packet.kind, decoded.packet.probe) = kind::classify_wide(&decoded.packet, &decoded.wide, decoded.payload);
                segment.push(&decoded, stretch.sensor, payload_bytes_max);
            }
            Err(reason) => {
                stretch.reasons[reason as usize] += 1;
                segment.push_unreadable(time_us, stretch.sensor);
            }
        }
        if stretch.bytes >= PIECE_BYTES_MAX || segment.piece_days() >= PIECE_DAYS_MAX {
            stretch.full = true;
            return End::Full;
        }
    }
    End::Full
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
