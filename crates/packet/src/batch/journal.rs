//! An open batch written along piece by piece, so that it can be put together again after its process was killed.

use super::bytes::{Reader, put_varint};
use super::columns::check;
use super::head::{put_minute, read_minute};
use super::{BatchError, Builder, MINUTES_MAX, Minute, PACKETS_MAX};
use crate::decode::{Decoded, Reason};
use crate::options::OPTIONS_MAX_BYTES;
use crate::{Kind, Packet, Present, Wide};

/// Bytes of a row.
const ROW_BYTES: usize = 50;

impl Builder {
    /// Appends what went in since the last call to `out`, not compressed, for [`Builder::replay`]; whether there was
    /// anything.
    pub fn journal(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.has_news() {
            return false;
        }
        let from = self.journalled;
        let options = self.options.get(from.options..).unwrap_or_default();
        put_varint(out, options.len() as u64);
        for options in options {
            out.push(options.len);
            out.extend(options.as_slice());
        }
        let rows = self.rows.get(from.rows..).unwrap_or_default();
        put_varint(out, rows.len() as u64);
        out.reserve(rows.len() * ROW_BYTES);
        rows.iter().for_each(|row| out.extend(row_to_bytes(row)));
        for wide in self.wides.get(from.wides..).unwrap_or_default() {
            [&wide.src6, &wide.dst6, &wide.victim6]
                .into_iter()
                .for_each(|address| out.extend(address));
        }
        out.extend(self.payloads.get(from.payloads..).unwrap_or_default());
        self.fresh.reasons.iter().for_each(|count| put_varint(out, *count));
        put_varint(out, self.fresh.minutes.rows().len() as u64);
        let mut before_us = 0;
        for minute in self.fresh.minutes.rows() {
            put_minute(minute, &mut before_us, out);
        }
        self.settle();
        self.note_journalled();
        true
    }

    /// Whether anything went in since the last [`Builder::journal`].
    #[must_use]
    pub fn has_news(&self) -> bool {
        let fresh = &self.fresh;
        self.rows.len() > self.journalled.rows || !fresh.minutes.rows().is_empty() || fresh.reasons.iter().any(|count| *count > 0)
    }

    fn note_journalled(&mut self) {
        self.journalled = super::builder::Journalled {
            rows: self.rows.len(),
            wides: self.wides.len(),
            payloads: self.payloads.len(),
            options: self.options.len(),
        };
    }

    /// Takes back what [`Builder::journal`] wrote; pieces come in the order they were written. On an error the
    /// builder is as before.
    ///
    /// # Errors
    /// [`BatchError`] when the bytes are no such piece, or one that does not follow those before.
    pub fn replay(&mut self, piece: &[u8]) -> Result<(), BatchError> {
        let mut reader = Reader(piece);
        let options = read_options(&mut reader)?;
        let known = self.options.len() + options.len();
        let count = reader.count("packets", PACKETS_MAX - self.rows.len())?;
        let (rows, _) = reader.take(count * ROW_BYTES)?.as_chunks::<ROW_BYTES>();
        let rows: Vec<Packet> = rows
            .iter()
            .map(|bytes| {
                let row = row_of_bytes(bytes)?;
                check(&row, known)?;
                Ok(row)
            })
            .collect::<Result<_, BatchError>>()?;
        let wides = rows.iter().filter(|row| row.present.has(Present::WIDE)).count();
        let (wides, _) = reader.take(wides * size_of::<Wide>())?.as_chunks::<16>();
        let payload_bytes = rows.iter().map(|row| usize::from(row.payload_len)).sum();
        let mut payloads = Reader(reader.take(payload_bytes)?);
        let mut reasons = [0; Reason::COUNT];
        for count in &mut reasons {
            *count = reader.varint()?;
        }
        let minutes = self.read_minutes(&mut reader)?;
        if !reader.0.is_empty() {
            return Err(BatchError::LeftOver { left: reader.0.len() });
        }
        let before = self.options.len();
        let mut wides = wides.as_chunks::<3>().0.iter();
        for row in &rows {
            let wide = match row.present.has(Present::WIDE) {
                true => wides.next().copied().unwrap_or_default(),
                false => [[0; 16]; 3],
            };
            let [src6, dst6, victim6] = wide;
            let at = usize::from(row.options_at).checked_sub(1);
            // Copied, because the options are the builder's own.
            let own = at.and_then(|at| match at.checked_sub(before) {
                Some(at) => options.get(at).copied(),
                None => self.options.get(at).copied(),
            });
            let decoded = Decoded {
                packet: *row,
                wide: Wide { src6, dst6, victim6 },
                options: own.as_ref().map_or(&[], |options| options.as_slice()),
                payload: payloads.take(usize::from(row.payload_len))?,
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
        self.note_journalled();
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

fn read_options(reader: &mut Reader<'_>) -> Result<Vec<super::columns::Options>, BatchError> {
    let count = reader.count("TCP options", PACKETS_MAX)?;
    let mut options = Vec::with_capacity(count.min(reader.0.len()));
    for _ in 0..count {
        let len = reader.u8()?;
        let found = reader.take(usize::from(len))?;
        if !(1..=OPTIONS_MAX_BYTES).contains(&found.len()) {
            return Err(BatchError::Wrong { what: "TCP options" });
        }
        let mut bytes = [0; OPTIONS_MAX_BYTES];
        bytes.iter_mut().zip(found).for_each(|(to, from)| *to = *from);
        options.push(super::columns::Options { bytes, len });
    }
    Ok(options)
}

fn row_to_bytes(row: &Packet) -> [u8; ROW_BYTES] {
    let mut bytes = [0; ROW_BYTES];
    bytes[0..8].copy_from_slice(&row.time_us.to_le_bytes());
    let words = [row.src, row.dst, row.tcp_seq, row.victim, row.ip_len].map(u32::to_le_bytes);
    bytes[8..28].copy_from_slice(words.as_flattened());
    let Packet {
        options_at,
        src_port,
        dst_port,
        tcp_flags,
        tcp_window,
        ip_id,
        present,
        ..
    } = *row;
    let halves = [options_at, src_port, dst_port, tcp_flags, tcp_window, ip_id, present.0].map(u16::to_le_bytes);
    bytes[28..42].copy_from_slice(halves.as_flattened());
    let Packet {
        payload_len,
        proto,
        ttl,
        icmp_type,
        icmp_code,
        mark,
        kind,
        probe,
        ..
    } = *row;
    bytes[42..50].copy_from_slice(&[payload_len, proto, ttl, icmp_type, icmp_code, mark, kind as u8, probe]);
    bytes
}

fn row_of_bytes(bytes: &[u8; ROW_BYTES]) -> Result<Packet, BatchError> {
    let mut reader = Reader(bytes);
    Ok(Packet {
        time_us: reader.i64()?,
        src: reader.u32()?,
        dst: reader.u32()?,
        tcp_seq: reader.u32()?,
        victim: reader.u32()?,
        ip_len: reader.u32()?,
        options_at: reader.u16()?,
        src_port: reader.u16()?,
        dst_port: reader.u16()?,
        tcp_flags: reader.u16()?,
        tcp_window: reader.u16()?,
        ip_id: reader.u16()?,
        present: Present(reader.u16()?),
        payload_len: reader.u8()?,
        proto: reader.u8()?,
        ttl: reader.u8()?,
        icmp_type: reader.u8()?,
        icmp_code: reader.u8()?,
        mark: reader.u8()?,
        kind: *Kind::ALL
            .get(usize::from(reader.u8()?))
            .ok_or(BatchError::Wrong { what: "kind of a packet" })?,
        probe: reader.u8()?,
        ..Packet::default()
    })
}
