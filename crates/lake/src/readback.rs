//! Rows of `packets` back from Parquet into a segment, for compaction.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::datatypes::{TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type};
use hirundo_packet::mark::MarkTable;
use hirundo_packet::{Kind, Packet, Present, Wide, probe};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter};

use crate::error::{Error, Result, parquet};
use crate::names::{Atlas, Place};
use crate::rollup::MixMap;
use crate::segment::Segment;

/// Rows read at once.
const BATCH_ROWS: usize = 1 << 13;

/// Which sources a pass over a day takes: those whose hash falls on `part` of `parts`.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Which.
    pub part: u64,
    /// Of how many.
    pub parts: u64,
}

impl Part {
    fn takes(self, hash: u64) -> bool {
        (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % self.parts == self.part
    }

    fn takes4(self, source: u32) -> bool {
        self.takes(u64::from(source))
    }

    fn takes6(self, source: &[u8]) -> bool {
        // The upper half: a /64 stays together.
        self.takes(source.iter().take(8).fold(0, |hash, &byte| hash << 8 | u64::from(byte)))
    }
}

/// Places as they stood in the lake, so that compaction changes none.
#[derive(Default)]
pub struct KnownPlaces {
    places: MixMap<Place>,
    places6: HashMap<[u8; 16], Place>,
    regions: Names,
    scanners: Names,
}

/// Texts numbered from 1 in order of appearance.
#[derive(Default)]
struct Names {
    texts: Vec<String>,
    numbers: HashMap<String, u16>,
}

impl Names {
    fn number(&mut self, text: &str) -> u16 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        self.texts.push(text.to_owned());
        let number = u16::try_from(self.texts.len()).unwrap_or(u16::MAX);
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn text(&self, number: u16) -> String {
        self.texts.get(usize::from(number).wrapping_sub(1)).cloned().unwrap_or_default()
    }
}

impl Atlas for KnownPlaces {
    fn place_v4(&self, _day: i64, address: u32) -> Place {
        self.places.get(&u64::from(address)).copied().unwrap_or_default()
    }
    fn place_v6(&self, _day: i64, address: &[u8; 16]) -> Place {
        self.places6.get(address).copied().unwrap_or_default()
    }
    fn region_name(&self, region: u16) -> String {
        self.regions.text(region)
    }
    fn scanner_name(&self, scanner: u16) -> String {
        self.scanners.text(scanner)
    }
}

/// Reads files of `packets` into segments.
pub struct ReadBack<'a> {
    marks: HashMap<&'a str, u8>,
    probes: HashMap<&'static str, u8>,
    options: Names,
    /// Where the sources read so far are.
    pub places: KnownPlaces,
}

impl<'a> ReadBack<'a> {
    /// With the marks that the lake's names are to be understood by.
    #[must_use]
    pub fn new(marks: &'a MarkTable) -> ReadBack<'a> {
        let probes = (1..=u8::MAX)
            .map(|number| (probe::name(number), number))
            .filter(|(name, _)| !name.is_empty());
        ReadBack {
            marks: marks.entries().map(|entry| (entry.name.as_ref(), entry.number)).collect(),
            probes: probes.collect(),
            options: Names::default(),
            places: KnownPlaces::default(),
        }
    }

    /// Appends the rows of a file, which is `path` for people; `full` is called whenever a batch has been added.
    ///
    /// # Errors
    /// When the file cannot be read, or names a mark nobody here knows.
    pub fn file(
        &mut self,
        path: &Path,
        content: File,
        part: Part,
        segment: &mut Segment,
        mut full: impl FnMut(&mut Self, &mut Segment) -> Result<()>,
    ) -> Result<()> {
        let mut builder = ParquetRecordBatchReaderBuilder::try_new(content)
            .map_err(parquet("open"))?
            .with_batch_size(BATCH_ROWS);
        if part.parts > 1 {
            let mask = ProjectionMask::columns(builder.parquet_schema(), ["src", "src6"]);
            let predicate = ArrowPredicateFn::new(mask, move |batch| Ok(takes(part, &batch)));
            builder = builder.with_row_filter(RowFilter::new(vec![Box::new(predicate)]));
        }
        for batch in builder.build().map_err(parquet("read"))? {
            let batch = batch.map_err(|source| Error::Arrow {
                action: "read packets back",
                source,
            })?;
            self.batch(path, &batch, segment)?;
            full(self, segment)?;
        }
        Ok(())
    }

    fn batch(&mut self, path: &Path, batch: &RecordBatch, segment: &mut Segment) -> Result<()> {
        let columns = Columns::new(path, batch)?;
        for row in 0..batch.num_rows() {
            let (mut packet, wide) = columns.packet(row);
            packet.sensor_at = segment.sensor(columns.sensor.value(row));
            if let Some(mark) = text(columns.mark, row) {
                let hint = || {
                    format!(
                        "the lake has marks {mark:?} that this program does not define; hint: give the rule file it was ingested with (--rules)"
                    )
                };
                packet.mark = *self.marks.get(mark).ok_or_else(|| Error::Damaged {
                    path: path.to_owned(),
                    reason: hint(),
                })?;
            }
            if let Some(name) = text(columns.probe, row) {
                let hint = || format!("the probe {name:?} is not known to this version");
                packet.probe = *self.probes.get(name).ok_or_else(|| Error::Damaged {
                    path: path.to_owned(),
                    reason: hint(),
                })?;
            }
            if let Some(signature) = text(columns.tcp_options, row) {
                packet.options_at = self.options.number(signature);
            }
            let place = Place {
                region: self.places.regions.number(columns.region.value(row)),
                asn: value(columns.asn, row).unwrap_or(0),
                scanner: text(columns.scanner, row).map_or(0, |name| self.places.scanners.number(name)),
            };
            match &wide {
                Some(wide) => drop(self.places.places6.insert(wide.src6, place)),
                None => drop(self.places.places.insert(u64::from(packet.src), place)),
            }
            let payload = if columns.payload.is_null(row) {
                &[][..]
            } else {
                columns.payload.value(row)
            };
            segment.push_back(packet, wide, payload);
        }
        Ok(())
    }

    /// Gives the segment the texts of the option numbers used in it.
    pub fn finish(&self, segment: &mut Segment) {
        segment.option_texts = std::iter::once(String::new()).chain(self.options.texts.iter().cloned()).collect();
    }

    /// Forgets sources and options, after a segment was sealed.
    pub fn clear(&mut self) {
        self.options = Names::default();
        self.places = KnownPlaces::default();
    }
}

fn takes(part: Part, batch: &RecordBatch) -> BooleanArray {
    let narrow = batch.column(0).as_primitive::<UInt32Type>();
    let wide = batch.column(1).as_fixed_size_binary();
    let taken = (0..batch.num_rows()).map(|row| {
        if narrow.is_null(row) {
            wide.is_valid(row) && part.takes6(wide.value(row))
        } else {
            part.takes4(narrow.value(row))
        }
    });
    BooleanArray::from(taken.collect::<Vec<bool>>())
}

fn value<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    (!array.is_null(row)).then(|| array.value(row))
}

fn text(array: &StringArray, row: usize) -> Option<&str> {
    (!array.is_null(row)).then(|| array.value(row))
}

fn address(array: &FixedSizeBinaryArray, row: usize) -> Option<[u8; 16]> {
    (!array.is_null(row))
        .then(|| array.value(row))
        .and_then(|bytes| bytes.try_into().ok())
}

/// The columns of a batch of `packets`, by name and with their types.
struct Columns<'a> {
    time: &'a PrimitiveArray<TimestampMicrosecondType>,
    sensor: &'a StringArray,
    src: &'a PrimitiveArray<UInt32Type>,
    dst: &'a PrimitiveArray<UInt32Type>,
    src6: &'a FixedSizeBinaryArray,
    dst6: &'a FixedSizeBinaryArray,
    proto: &'a PrimitiveArray<UInt8Type>,
    src_port: &'a PrimitiveArray<UInt16Type>,
    dst_port: &'a PrimitiveArray<UInt16Type>,
    icmp_type: &'a PrimitiveArray<UInt8Type>,
    icmp_code: &'a PrimitiveArray<UInt8Type>,
    tcp_flags: &'a PrimitiveArray<UInt16Type>,
    tcp_seq: &'a PrimitiveArray<UInt32Type>,
    tcp_window: &'a PrimitiveArray<UInt16Type>,
    tcp_options: &'a StringArray,
    ip_id: &'a PrimitiveArray<UInt16Type>,
    ttl: &'a PrimitiveArray<UInt8Type>,
    ip_len: &'a PrimitiveArray<UInt32Type>,
    region: &'a StringArray,
    asn: &'a PrimitiveArray<UInt32Type>,
    mark: &'a StringArray,
    kind: &'a StringArray,
    probe: &'a StringArray,
    scanner: &'a StringArray,
    victim: &'a PrimitiveArray<UInt32Type>,
    victim6: &'a FixedSizeBinaryArray,
    payload: &'a arrow::array::BinaryArray,
}

impl<'a> Columns<'a> {
    fn new(path: &Path, batch: &'a RecordBatch) -> Result<Columns<'a>> {
        let column = |name: &'static str| -> Result<&'a ArrayRef> {
            batch.column_by_name(name).ok_or_else(|| Error::Damaged {
                path: path.to_owned(),
                reason: format!("it has no column {name}"),
            })
        };
        let wrong = |name: &str| Error::Damaged {
            path: path.to_owned(),
            reason: format!("its column {name} has another type"),
        };
        macro_rules! typed {
            ($name:literal, $how:ident $(::<$kind:ty>)?) => {
                column($name)?.$how$(::<$kind>)?().ok_or_else(|| wrong($name))?
            };
        }
        Ok(Columns {
            time: typed!("time", as_primitive_opt::<TimestampMicrosecondType>),
            sensor: typed!("sensor", as_string_opt::<i32>),
            src: typed!("src", as_primitive_opt::<UInt32Type>),
            dst: typed!("dst", as_primitive_opt::<UInt32Type>),
            src6: typed!("src6", as_fixed_size_binary_opt),
            dst6: typed!("dst6", as_fixed_size_binary_opt),
            proto: typed!("proto", as_primitive_opt::<UInt8Type>),
            src_port: typed!("src_port", as_primitive_opt::<UInt16Type>),
            dst_port: typed!("dst_port", as_primitive_opt::<UInt16Type>),
            icmp_type: typed!("icmp_type", as_primitive_opt::<UInt8Type>),
            icmp_code: typed!("icmp_code", as_primitive_opt::<UInt8Type>),
            tcp_flags: typed!("tcp_flags", as_primitive_opt::<UInt16Type>),
            tcp_seq: typed!("tcp_seq", as_primitive_opt::<UInt32Type>),
            tcp_window: typed!("tcp_window", as_primitive_opt::<UInt16Type>),
            tcp_options: typed!("tcp_options", as_string_opt::<i32>),
            ip_id: typed!("ip_id", as_primitive_opt::<UInt16Type>),
            ttl: typed!("ttl", as_primitive_opt::<UInt8Type>),
            ip_len: typed!("ip_len", as_primitive_opt::<UInt32Type>),
            region: typed!("region", as_string_opt::<i32>),
            asn: typed!("asn", as_primitive_opt::<UInt32Type>),
            mark: typed!("mark", as_string_opt::<i32>),
            kind: typed!("kind", as_string_opt::<i32>),
            probe: typed!("probe", as_string_opt::<i32>),
            scanner: typed!("scanner", as_string_opt::<i32>),
            victim: typed!("victim", as_primitive_opt::<UInt32Type>),
            victim6: typed!("victim6", as_fixed_size_binary_opt),
            payload: typed!("payload", as_binary_opt::<i32>),
        })
    }

    /// A row as the packet it was; sensor, mark, probe and options are the caller's.
    fn packet(&self, row: usize) -> (Packet, Option<Wide>) {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == self.kind.value(row))
            .unwrap_or_default();
        let mut packet = Packet {
            time_us: self.time.value(row),
            proto: self.proto.value(row),
            ttl: self.ttl.value(row),
            ip_len: self.ip_len.value(row),
            kind,
            ..Packet::default()
        };
        if let (Some(source), Some(destination)) = (value(self.src_port, row), value(self.dst_port, row)) {
            (packet.src_port, packet.dst_port) = (source, destination);
            packet.present.set(Present::PORTS);
        }
        if let (Some(number), Some(code)) = (value(self.icmp_type, row), value(self.icmp_code, row)) {
            (packet.icmp_type, packet.icmp_code) = (number, code);
            packet.present.set(Present::ICMP);
        }
        if let Some(flags) = value(self.tcp_flags, row) {
            packet.tcp_flags = flags;
            match value(self.tcp_seq, row) {
                Some(seq) => packet.tcp_seq = seq,
                None => packet.present.set(Present::HIDDEN),
            }
            packet.tcp_window = value(self.tcp_window, row).unwrap_or(0);
            packet.present.set(Present::TCP);
        }
        if let Some(id) = value(self.ip_id, row) {
            packet.ip_id = id;
            packet.present.set(Present::IP_ID);
        }
        if let Some(src6) = address(self.src6, row) {
            let victim6 = address(self.victim6, row);
            if victim6.is_some() {
                packet.present.set(Present::VICTIM);
            }
            packet.present.set(Present::WIDE);
            let wide = Wide {
                src6,
                dst6: address(self.dst6, row).unwrap_or_default(),
                victim6: victim6.unwrap_or_default(),
            };
            return (packet, Some(wide));
        }
        packet.src = value(self.src, row).unwrap_or(0);
        packet.dst = value(self.dst, row).unwrap_or(0);
        if let Some(victim) = value(self.victim, row) {
            packet.victim = victim;
            packet.present.set(Present::VICTIM);
        }
        (packet, None)
    }
}
