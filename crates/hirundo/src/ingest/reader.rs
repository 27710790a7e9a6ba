//! Reads captures piece by piece into segments; a piece that is stored already is read past.

use std::collections::{BTreeMap, HashSet};

use hirundo_lake::segment::Segment;
use hirundo_lake::{Piece, PieceId};
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
    known: HashSet<PieceId>,
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
    pub fn new(inputs: Vec<Input>, known: HashSet<PieceId>, marks: &'a MarkTable, payload_bytes_max: u8, watch: Box<dyn Watch + 'a>) -> Reader<'a> {
        Reader { inputs: inputs.into_iter(), open: None, known, marks, payload_bytes_max, watch, bytes_done: 0, frames: 0 }
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
                    let outcome = Outcome { format: Some(capture.format().to_string()), ..Outcome::default() };
                    return Some(Open { input, capture, pieces: 0, outcome });
                }
                Err(damage) => self.watch.done(&input, &Outcome { damage: Some(damage), ..Outcome::default() }),
            }
        }
        None
    }

    /// Reads one piece; whether the capture ended with it.
    fn piece(&mut self, open: &mut Open, segment: &mut Segment, pieces: &mut Vec<Piece>) -> bool {
        segment.begin_piece();
        let sensor = segment.sensor(&open.input.sensor);
        let rows_from = segment.rows.len();
        let mut reasons = [0u64; Reason::ALL.len()];
        let (frames, end) = read(&mut open.capture, segment, sensor, self.marks, self.payload_bytes_max, &mut reasons);
        let ended = match end {
            End::Full => false,
            End::Capture => true,
            End::Damage(error) => {
                open.outcome.damage = Some(chain(&error));
                true
            }
        };
        self.frames += frames;
        open.outcome.frames += frames;
        let packets = (segment.rows.len() - rows_from) as u64;
        let id = PieceId::new(open.capture.take_digest(), &open.input.sensor);
        if frames == 0 {
            segment.drop_piece();
            return ended;
        }
        open.pieces += 1;
        let unreadable = Reason::ALL.iter().zip(reasons).filter(|(_, count)| *count > 0);
        for (reason, count) in unreadable.clone() {
            *open.outcome.unreadable.entry(reason.name()).or_default() += count;
        }
        if self.known.insert(id.clone()) {
            segment.keep_piece();
            open.outcome.packets += packets;
            let unreadable = unreadable.map(|(reason, count)| (reason.name().to_owned(), count)).collect();
            let origin = format!("{}#{}", open.input.path.display(), open.pieces);
            pieces.push(Piece { id, origin, frames, packets, unreadable });
        } else {
            segment.drop_piece();
            open.outcome.known += packets;
        }
        ended
    }
}

/// Why a piece ended.
enum End {
    Full,
    Capture,
    Damage(CaptureError),
}

/// The hot loop: frames to marked and classified rows.
fn read(capture: &mut Capture, segment: &mut Segment, sensor: u16, marks: &MarkTable, payload_bytes_max: u8, reasons: &mut [u64]) -> (u64, End) {
    let (mut frames, mut bytes) = (0, 0);
    while frames < PIECE_FRAMES_MAX && bytes < PIECE_BYTES_MAX {
        let frame = match capture.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => return (frames, End::Capture),
            Err(error) => return (frames, End::Damage(error)),
        };
        frames += 1;
        bytes += frame.data.len() as u64;
        let time_us = frame.time_ns.div_euclid(1000);
        let mut decoded = Decoded::default();
        match decode::decode_into(frame.link, frame.data, time_us, &mut decoded) {
            Ok(()) => {
                if let Some(note) = decoded.note {
                    reasons[note as usize] += 1;
                }
                decoded.packet.mark = marks.mark(&decoded.packet, decoded.options, decoded.payload);
                (decoded.packet.kind, decoded.packet.probe) = kind::classify_wide(&decoded.packet, &decoded.wide, decoded.payload);
                segment.push(&decoded, sensor, payload_bytes_max);
            }
            Err(reason) => {
                reasons[reason as usize] += 1;
                segment.push_unreadable(time_us, sensor);
            }
        }
        if segment.piece_days() >= PIECE_DAYS_MAX {
            break;
        }
    }
    (frames, End::Full)
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
