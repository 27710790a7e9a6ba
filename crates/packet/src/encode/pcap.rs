//! Capture files out: classic pcap, microseconds, little-endian.

use std::io::{self, Write};

use crate::LinkType;

/// Length that the file header states as the longest a frame is captured at: tcpdump's own default.
const SNAPLEN_BYTES: u32 = 262_144;

/// Writes a capture file, one frame after another.
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    out: W,
}

impl<W: Write> PcapWriter<W> {
    /// Starts a file for frames of one link type.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn new(mut out: W, link: LinkType) -> io::Result<PcapWriter<W>> {
        let mut header = [0_u8; 24];
        // Magic number of microsecond files, version 2.4, zone and accuracy 0 as always.
        header[0..4].copy_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
        header[4..6].copy_from_slice(&2_u16.to_le_bytes());
        header[6..8].copy_from_slice(&4_u16.to_le_bytes());
        header[16..20].copy_from_slice(&SNAPLEN_BYTES.to_le_bytes());
        header[20..24].copy_from_slice(&link.0.to_le_bytes());
        out.write_all(&header)?;
        Ok(PcapWriter { out })
    }

    /// Appends a whole frame, captured at `time_us` (microseconds since 1970-01-01 UTC).
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for a time before 1970 or after 2106-02-07 and for a frame over
    /// 262,144 bytes, which the format cannot hold; and those of the writer.
    pub fn write(&mut self, time_us: i64, frame: &[u8]) -> io::Result<()> {
        self.write_cut(time_us, frame, frame.len())
    }

    /// Appends a frame of which only the start was captured, `wire_len` bytes long on the wire.
    ///
    /// # Errors
    ///
    /// As [`PcapWriter::write`].
    pub fn write_cut(&mut self, time_us: i64, frame: &[u8], wire_len: usize) -> io::Result<()> {
        let refuse = |what: &'static str| move |_| io::Error::new(io::ErrorKind::InvalidInput, what);
        let seconds = u32::try_from(time_us.div_euclid(1_000_000));
        let seconds = seconds.map_err(refuse("write a pcap frame: its time does not fit 32-bit seconds"))?;
        let micros = u32::try_from(time_us.rem_euclid(1_000_000)).unwrap_or(0);
        let captured = u32::try_from(frame.len()).map_err(refuse("write a pcap frame: it is too long"))?;
        let wire = u32::try_from(wire_len).map_err(refuse("write a pcap frame: it is too long"))?;
        if captured > SNAPLEN_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "write a pcap frame: it is too long"));
        }
        let fields = [seconds, micros, captured, wire].map(u32::to_le_bytes);
        self.out.write_all(fields.as_flattened())?;
        self.out.write_all(frame)
    }

    /// Flushes and hands the writer back.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_file() {
        let mut writer = PcapWriter::new(Vec::new(), LinkType(101)).unwrap();
        writer.write(1_700_000_000_000_001, &[0x45, 0x00]).unwrap();
        writer.write_cut(0, &[0x60], 40).unwrap();
        let bytes = writer.finish().unwrap();
        let expected = [
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0][..],
            &[0x00, 0xf1, 0x53, 0x65, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0x45, 0x00],
            &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 40, 0, 0, 0, 0x60],
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn what_the_format_cannot_hold_is_refused() {
        let mut writer = PcapWriter::new(Vec::new(), LinkType(1)).unwrap();
        let long = vec![0_u8; 262_145];
        for (time_us, frame) in [(-1, &[][..]), (4_294_967_296_000_000, &[]), (0, &long)] {
            let error = writer.write(time_us, frame).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{time_us} {}", frame.len());
        }
        assert_eq!(writer.finish().unwrap().len(), 24);
    }
}
