//! What stands before the columns, and is read without them.

use twox_hash::XxHash3_128;

use super::bytes::{Reader, put_varint, unzigzag, zigzag};
use super::gather::{Columns, Lengths};
use super::planes::PlaneWriter;
use super::{
    BatchError, DIGEST_BYTES, ENCODED_BYTES_MAX, Header, MAGIC, MINUTE_US, MINUTES_MAX, Minute, PACKETS_MAX, VERSION, append_digest,
};
use crate::decode::Reason;
use crate::wire::is_sensor_name;

/// Begin of a batch: magic, version, length of the head.
const PREFIX_BYTES: usize = MAGIC.len() + 1 + 4;
/// Flag in the head: addresses are hidden.
const HIDDEN: u8 = 1;

/// What a batch is and counts, without its packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What it is.
    pub header: Header,
    /// How many packets it holds.
    pub packets: usize,
    /// Earliest time of a packet, microseconds since 1970; 0 without packets.
    pub first_us: i64,
    /// Latest time of a packet, microseconds since 1970; 0 without packets.
    pub last_us: i64,
    /// Health, by minute in the order of time, each minute once.
    pub minutes: Vec<Minute>,
    /// Frames and parts of packets that could not be read, by [`Reason::index`].
    pub reasons: [u64; Reason::COUNT],
}

impl Summary {
    /// Reads it from a whole batch, whose checksum must be right.
    ///
    /// # Errors
    /// [`BatchError`] when the bytes are no batch, are damaged, or state what cannot be.
    pub fn read(bytes: &[u8]) -> Result<Summary, BatchError> {
        Ok(split(bytes)?.0)
    }

    /// What is left when the packets have to go: all health, and the packets counted as `dropped_spool` in their minutes.
    #[must_use]
    pub fn without_packets(mut self) -> Summary {
        for minute in &mut self.minutes {
            minute.dropped_spool = minute.dropped_spool.saturating_add(std::mem::take(&mut minute.kept));
        }
        (self.packets, self.first_us, self.last_us) = (0, 0, 0);
        self
    }

    /// Appends a batch without packets.
    ///
    /// # Errors
    /// [`BatchError::NotMade`] when it states packets, which stand elsewhere.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), BatchError> {
        if self.packets > 0 {
            return Err(BatchError::NotMade {
                what: "its packets are not here",
            });
        }
        let begin = out.len();
        self.write(out);
        Columns::default().write(&Lengths::default(), &mut PlaneWriter::default(), out);
        append_digest(out, begin);
        Ok(())
    }

    /// Appends everything that stands before the columns.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(MAGIC);
        out.push(VERSION);
        let length_at = out.len();
        out.extend([0; 4]);
        let begin = out.len();
        let header = &self.header;
        out.push(if header.hidden { HIDDEN } else { 0 });
        put_varint(out, header.sensor.len() as u64);
        out.extend(header.sensor.as_bytes());
        out.extend(header.epoch.to_le_bytes());
        put_varint(out, header.number);
        out.extend(header.sealed_us.to_le_bytes());
        put_varint(out, self.packets as u64);
        out.extend(self.first_us.to_le_bytes());
        out.extend(self.last_us.to_le_bytes());
        self.reasons.iter().for_each(|count| put_varint(out, *count));
        put_varint(out, self.minutes.len() as u64);
        let mut before_us = 0_i64;
        for minute in &self.minutes {
            put_minute(minute, &mut before_us, out);
        }
        let length = u32::try_from(out.len() - begin).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(place) = out.get_mut(length_at..begin) {
            place.copy_from_slice(&length);
        }
    }

    fn read_head(reader: &mut Reader<'_>) -> Result<Summary, BatchError> {
        let flags = reader.u8()?;
        if flags > HIDDEN {
            return Err(BatchError::Wrong { what: "flags" });
        }
        let length = reader.count("bytes of a sensor's name", crate::wire::NAME_BYTES_MAX)?;
        let sensor = std::str::from_utf8(reader.take(length)?).ok().filter(|name| is_sensor_name(name));
        let header = Header {
            sensor: sensor.ok_or(BatchError::Wrong { what: "name of a sensor" })?.to_owned(),
            epoch: reader.u64()?,
            number: reader.varint()?,
            sealed_us: reader.i64()?,
            hidden: flags == HIDDEN,
        };
        let packets = reader.count("packets", PACKETS_MAX)?;
        let (first_us, last_us) = (reader.i64()?, reader.i64()?);
        if first_us > last_us || (packets == 0 && (first_us, last_us) != (0, 0)) {
            return Err(BatchError::Wrong {
                what: "first and last time",
            });
        }
        let mut reasons = [0; Reason::COUNT];
        for count in &mut reasons {
            *count = reader.varint()?;
        }
        let count = reader.count("minutes", MINUTES_MAX)?;
        // A row has 9 bytes at least, so this is bounded by what is there.
        let mut minutes = Vec::with_capacity(count.min(reader.0.len() / 9));
        let mut before_us = 0;
        for nth in 0..count {
            let last_us = before_us;
            minutes.push(read_minute(reader, &mut before_us)?);
            if nth > 0 && before_us <= last_us {
                return Err(BatchError::Wrong { what: "order of minutes" });
            }
        }
        let kept = minutes.iter().try_fold(0_u64, |sum, minute| sum.checked_add(minute.kept));
        if kept != Some(packets as u64) {
            return Err(BatchError::Wrong {
                what: "count of packets by minute",
            });
        }
        Ok(Summary {
            header,
            packets,
            first_us,
            last_us,
            minutes,
            reasons,
        })
    }
}

/// Splits a whole batch into what it says of itself and its columns.
pub(super) fn split(bytes: &[u8]) -> Result<(Summary, Reader<'_>), BatchError> {
    let mut reader = Reader(bytes);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(BatchError::NoBatch);
    }
    let found = reader.u8()?;
    if found != VERSION {
        return Err(BatchError::OtherVersion { found });
    }
    if bytes.len() > ENCODED_BYTES_MAX {
        return Err(BatchError::TooMany {
            what: "bytes",
            found: bytes.len() as u64,
            max: ENCODED_BYTES_MAX as u64,
        });
    }
    let covered = bytes.len().checked_sub(DIGEST_BYTES).and_then(|len| bytes.split_at_checked(len));
    let (covered, digest) = covered.ok_or(BatchError::Cut)?;
    if digest != XxHash3_128::oneshot(covered).to_le_bytes() {
        return Err(BatchError::Damaged);
    }
    let mut reader = Reader(covered.get(PREFIX_BYTES - 4..).ok_or(BatchError::Cut)?);
    let length = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    let mut head = Reader(reader.take(length)?);
    let summary = Summary::read_head(&mut head)?;
    if !head.0.is_empty() {
        return Err(BatchError::LeftOver { left: head.0.len() });
    }
    Ok((summary, reader))
}

/// Appends a minute; its begin is written as the distance in minutes from the one before.
pub(super) fn put_minute(minute: &Minute, before_us: &mut i64, out: &mut Vec<u8>) {
    let minutes = i128::from(minute.begin_us.div_euclid(MINUTE_US)) - i128::from(before_us.div_euclid(MINUTE_US));
    put_varint(out, zigzag(i64::try_from(minutes).unwrap_or(0)));
    *before_us = minute.begin_us;
    out.push(u8::from(minute.up));
    let Minute {
        begin_us: _,
        up: _,
        seen,
        kept,
        unreadable,
        dropped_kernel,
        dropped_spool,
        missed,
        ring_fill_permille,
    } = *minute;
    let counts = [
        seen,
        kept,
        unreadable,
        dropped_kernel,
        dropped_spool,
        missed,
        u64::from(ring_fill_permille),
    ];
    counts.into_iter().for_each(|count| put_varint(out, count));
}

/// Reads a minute.
pub(super) fn read_minute(reader: &mut Reader<'_>, before_us: &mut i64) -> Result<Minute, BatchError> {
    let wrong = || BatchError::Wrong { what: "begin of a minute" };
    let distance = i128::from(unzigzag(reader.varint()?));
    let begin_us = (i128::from(before_us.div_euclid(MINUTE_US)) + distance) * i128::from(MINUTE_US);
    // The very first minute begins before there are numbers for it.
    let begin_us = begin_us.max(i128::from(i64::MIN));
    let begin_us = i64::try_from(begin_us).map_err(|_| wrong())?;
    *before_us = begin_us;
    let up = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(BatchError::Wrong { what: "flag of a minute" }),
    };
    let mut counts = [0; 6];
    for count in &mut counts {
        *count = reader.varint()?;
    }
    let [seen, kept, unreadable, dropped_kernel, dropped_spool, missed] = counts;
    let fill = reader.count("thousandths of the ring", 1000)?;
    Ok(Minute {
        begin_us,
        up,
        seen,
        kept,
        unreadable,
        dropped_kernel,
        dropped_spool,
        missed,
        ring_fill_permille: u16::try_from(fill).unwrap_or(1000),
    })
}
