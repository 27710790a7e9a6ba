//! An open batch written along piece by piece, so that it can be put together again after its process was killed.

use super::bytes::{Reader, put_varint};
use super::columns;
use super::head::{put_minute, read_minute};
use super::planes::PlaneReader;
use super::{BatchError, Builder, MINUTES_MAX, Minute, PACKETS_MAX};
use crate::Present;
use crate::decode::{Decoded, Reason};

impl Builder {
    /// Appends what went in since the last call to `out`, columns as in a batch but not compressed, for
    /// [`Builder::replay`]; whether there was anything.
    pub fn journal(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.has_news() {
            return false;
        }
        self.fresh.reasons.iter().for_each(|count| put_varint(out, *count));
        put_varint(out, self.fresh.minutes.rows().len() as u64);
        let mut before_us = 0;
        for minute in self.fresh.minutes.rows() {
            put_minute(minute, &mut before_us, out);
        }
        put_varint(out, (self.columns.len() - self.journalled.rows()) as u64);
        self.columns.write(&self.journalled, &mut self.plain.0, out);
        self.settle();
        self.journalled = self.columns.lengths();
        true
    }

    /// Whether anything went in since the last [`Builder::journal`].
    #[must_use]
    pub fn has_news(&self) -> bool {
        let fresh = &self.fresh;
        self.columns.len() > self.journalled.rows() || !fresh.minutes.rows().is_empty() || fresh.reasons.iter().any(|count| *count > 0)
    }

    /// Takes back what [`Builder::journal`] wrote; pieces come in the order they were written. On an error the
    /// builder is as before.
    ///
    /// # Errors
    /// [`BatchError`] when the bytes are no such piece, or one that does not follow those before.
    pub fn replay(&mut self, piece: &[u8]) -> Result<(), BatchError> {
        let mut reader = Reader(piece);
        let mut reasons = [0; Reason::COUNT];
        for count in &mut reasons {
            *count = reader.varint()?;
        }
        let minutes = self.read_minutes(&mut reader)?;
        let count = reader.count("packets", PACKETS_MAX - self.columns.len())?;
        let mut planes = PlaneReader::new(reader)?;
        let known = self.columns.known();
        let before = known.options;
        let rows = columns::read(&mut planes, count, known)?;
        let left = planes.reader.0.len();
        if left > 0 {
            return Err(BatchError::LeftOver { left });
        }
        for row in &rows.packets {
            let payload_at = row.payload_at as usize;
            let at = usize::from(row.options_at).checked_sub(1);
            // Copied, because the options are the builder's own.
            let options = at.and_then(|at| match at.checked_sub(before) {
                Some(at) => rows.options.get(at).copied(),
                None => self.columns.options().get(at).copied(),
            });
            let wide = row.present.has(Present::WIDE).then(|| rows.wides.get(row.wide_at as usize));
            let decoded = Decoded {
                packet: *row,
                wide: wide.flatten().copied().unwrap_or_default(),
                options: options.as_ref().map_or(&[], |options| options.as_slice()),
                payload: rows
                    .payloads
                    .get(payload_at..payload_at + usize::from(row.payload_len))
                    .unwrap_or_default(),
                note: None,
            };
            self.add(&decoded, row.payload_len);
        }
        for minute in minutes {
            if let Some(row) = self.settled.minutes.at(minute.begin_us) {
                row.add(&minute);
            }
        }
        for (settled, more) in self.settled.reasons.iter_mut().zip(reasons) {
            *settled = settled.saturating_add(more);
        }
        self.journalled = self.columns.lengths();
        Ok(())
    }

    fn read_minutes(&self, reader: &mut Reader<'_>) -> Result<Vec<Minute>, BatchError> {
        let room = MINUTES_MAX - self.settled.minutes.rows().len();
        let count = reader.count("minutes", MINUTES_MAX)?;
        let mut minutes = Vec::with_capacity(count.min(reader.0.len()));
        let mut before_us = 0;
        for _ in 0..count {
            minutes.push(read_minute(reader, &mut before_us)?);
        }
        let is_new = |minute: &&Minute| self.settled.minutes.rows().iter().all(|row| row.begin_us != minute.begin_us);
        // Compared one by one only where it could matter.
        if count > room && minutes.iter().filter(is_new).count() > room {
            return Err(BatchError::Wrong { what: "count of minutes" });
        }
        Ok(minutes)
    }
}
