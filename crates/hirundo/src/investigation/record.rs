//! Cuts a stream into JSON records of bounded size: lines, or the elements of one document.

use std::io::{self, BufRead};

/// Longest record, in bytes. A page of 100 Censys hosts with their bodies fits; a parsed record needs at most some 20 times as much memory.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// How much of the stream's start decides whether the records are lines, in bytes.
pub(super) const FIRST_LINE_BYTES_MAX: u64 = 4096;

/// A piece of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// One record: the line it starts at, from 1, and its bytes.
    Record(u64, &'a [u8]),
    /// A record longer than the limit, passed over.
    TooLong(u64),
    /// The stream ended within a record.
    Cut(u64),
}

/// How the records stand in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// One a line.
    Lines,
    /// Values one after the other, over as many lines as they like; an array's elements are records of their own.
    Document,
}

/// Cuts a stream into records.
#[derive(Debug)]
pub(super) struct Records<R> {
    input: R,
    layout: Option<Layout>,
    line: u64,
    record: Vec<u8>,
    bytes_max: usize,
}

impl<R: BufRead> Records<R> {
    /// Records of at most `bytes_max` bytes.
    pub(super) fn new(input: R, bytes_max: usize) -> Records<R> {
        Records {
            input,
            layout: None,
            line: 1,
            record: Vec::new(),
            bytes_max,
        }
    }

    /// The stream.
    pub(super) fn get_ref(&self) -> &R {
        &self.input
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        let layout = match self.layout {
            Some(layout) => layout,
            None => {
                let layout = self.look()?;
                self.layout = Some(layout);
                layout
            }
        };
        match layout {
            Layout::Lines => self.next_line(),
            Layout::Document => self.next_value(),
        }
    }

    /// Decides the layout from the first line: one that opens a list, or breaks off after `{`, `[` or `,`, is not a record.
    fn look(&mut self) -> io::Result<Layout> {
        if self.input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            self.input.consume(3);
        }
        loop {
            let buffer = self.input.fill_buf()?;
            let blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let ends = buffer.get(..blank).unwrap_or(&[]).iter().filter(|byte| **byte == b'\n').count();
            self.line = self.line.saturating_add(ends as u64);
            if blank == 0 || buffer.is_empty() {
                break;
            }
            self.input.consume(blank);
        }
        let buffer = self.input.fill_buf()?;
        let first = buffer.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
        let breaks_off = first.len() < buffer.len() && first.trim_ascii_end().last().is_some_and(|last| b"{[,".contains(last));
        Ok(if first.starts_with(b"[") || breaks_off {
            Layout::Document
        } else {
            Layout::Lines
        })
    }

    fn next_line(&mut self) -> io::Result<Option<Piece<'_>>> {
        loop {
            self.record.clear();
            let line = self.line;
            let mut too_long = false;
            loop {
                let buffer = self.input.fill_buf()?;
                if buffer.is_empty() {
                    break;
                }
                let end = buffer.iter().position(|byte| *byte == b'\n');
                let take = end.unwrap_or(buffer.len());
                if self.record.len().saturating_add(take) > self.bytes_max {
                    too_long = true;
                } else if !too_long {
                    self.record.extend_from_slice(buffer.get(..take).unwrap_or(&[]));
                }
                self.input.consume(take + usize::from(end.is_some()));
                if end.is_some() {
                    self.line = self.line.saturating_add(1);
                    break;
                }
            }
            if too_long {
                self.record.clear();
                return Ok(Some(Piece::TooLong(line)));
            }
            if !self.record.trim_ascii().is_empty() {
                return Ok(Some(Piece::Record(line, &self.record)));
            }
            if self.line == line {
                return Ok(None);
            }
        }
    }

    /// The next object. Brackets and commas around objects are passed over, which opens lists; anything else is a bad record.
    fn next_value(&mut self) -> io::Result<Option<Piece<'_>>> {
        self.record.clear();
        let mut scan = Scan::default();
        let mut start = self.line;
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                let nothing = self.record.is_empty() && !scan.too_long;
                return Ok((!nothing).then_some(Piece::Cut(start)));
            }
            let mut used = 0;
            let mut done = false;
            for byte in buffer.iter().copied() {
                used += 1;
                if scan.depth == 0 && byte != b'{' {
                    self.line = self.line.saturating_add(u64::from(byte == b'\n'));
                    continue;
                }
                if scan.depth == 0 {
                    start = self.line;
                }
                self.line = self.line.saturating_add(u64::from(byte == b'\n'));
                done = scan.step(byte);
                if self.record.len() < self.bytes_max {
                    self.record.push(byte);
                } else {
                    scan.too_long = true;
                }
                if done {
                    break;
                }
            }
            self.input.consume(used);
            if done {
                let too_long = scan.too_long;
                return Ok(Some(if too_long {
                    Piece::TooLong(start)
                } else {
                    Piece::Record(start, &self.record)
                }));
            }
        }
    }
}

/// Where in a JSON value a byte stands.
#[derive(Debug, Default)]
struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
    too_long: bool,
}

impl Scan {
    /// Takes a byte; true when it closes the value.
    fn step(&mut self, byte: u8) -> bool {
        if self.in_string {
            let escape = byte == b'\\' && !self.escaped;
            if byte == b'"' && !self.escaped {
                self.in_string = false;
            }
            self.escaped = escape;
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
