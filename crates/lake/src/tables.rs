//! Rows to the files of each table, by the encodings that measurement chose (`docs/performance.md`).

use hirundo_packet::{Kind, Packet, Present, probe};
use parquet::errors::Result;

use crate::codes::{CodeBook, Coded, Dense};
use crate::encode::{Chunk, Encoder, Layout, ROW_GROUP_ROWS, put_bytes};
use crate::names::World;
use crate::rollup::{CountRow, Source, SourceRow, Sources, row_of};
use crate::schema;
use crate::segment::{Seen, SeenRow, Segment};

/// Rows copied together before their columns are taken apart: they then sit in the first-level cache.
const BLOCK_ROWS: usize = 256;
/// Distinct values from which on a dictionary no longer pays.
const DICTIONARY_MAX: usize = 4096;

/// Writers of all tables; one for each thread.
pub struct Writers {
    packets: PacketsWriter,
    hourly: Encoder,
    daily: Encoder,
    ports: Encoder,
    sources: Encoder,
    sensors: Encoder,
}

impl Writers {
    /// `with_bloom`: sources get bloom filters, for files that are there to stay.
    ///
    /// # Errors
    /// When a compressor cannot be made.
    pub fn new(with_bloom: bool) -> Result<Writers> {
        Ok(Writers {
            packets: PacketsWriter::new(with_bloom)?,
            hourly: Encoder::new(&schema::HOURLY)?,
            daily: Encoder::new(&schema::DAILY)?,
            ports: Encoder::new(&schema::PORTS)?,
            sources: Encoder::new(&schema::SOURCES)?,
            sensors: Encoder::new(&schema::SENSORS)?,
        })
    }

    /// File of the packets that `order` lists, in that order.
    ///
    /// # Errors
    /// When a page cannot be written.
    pub fn packets(
        &mut self,
        segment: &Segment,
        world: World<'_>,
        sources: &Sources,
        order: &[u64],
        observe: impl FnMut(&Packet, &Source),
    ) -> Result<Vec<u8>> {
        self.packets.file(segment, world, sources, order, observe)
    }

    /// File of `hourly`.
    ///
    /// # Errors
    /// When a page cannot be written.
    pub fn hourly(&mut self, segment: &Segment, world: World<'_>, rows: &[CountRow]) -> Result<Vec<u8>> {
        counts_file(&mut self.hourly, segment, world, rows, true)
    }

    /// File of `daily`.
    ///
    /// # Errors
    /// When a page cannot be written.
    pub fn daily(&mut self, segment: &Segment, world: World<'_>, rows: &[CountRow]) -> Result<Vec<u8>> {
        counts_file(&mut self.daily, segment, world, rows, false)
    }

    /// File of `ports`.
    ///
    /// # Errors
    /// When a page cannot be written.
    pub fn ports(&mut self, segment: &Segment, rows: &[CountRow]) -> Result<Vec<u8>> {
        let groups = rows.chunks(ROW_GROUP_ROWS).map(|rows| ports_group(&mut self.ports, segment, rows));
        let groups = groups.collect::<Result<Vec<_>>>()?;
        self.ports.file(groups)
    }

    /// File of `sources`.
    ///
    /// # Errors
    /// When a page cannot be written.
    pub fn sources(&mut self, segment: &Segment, world: World<'_>, sources: &Sources) -> Result<Vec<u8>> {
        let groups = sources
            .rows
            .chunks(ROW_GROUP_ROWS)
            .map(|rows| sources_group(&mut self.sources, segment, world, &sources.packets, rows));
        let groups = groups.collect::<Result<Vec<_>>>()?;
        self.sources.file(groups)
    }

    /// File of `sensors`.
    ///
    /// # Errors
    /// When a page cannot be written.
    pub fn sensors(&mut self, segment: &Segment, rows: &[SeenRow]) -> Result<Vec<u8>> {
        let groups = rows
            .chunks(ROW_GROUP_ROWS)
            .map(|rows| sensors_group(&mut self.sensors, segment, rows));
        let groups = groups.collect::<Result<Vec<_>>>()?;
        self.sensors.file(groups)
    }
}

/// The columns of `packets` in the making.
struct PacketsWriter {
    encoder: Encoder,
    with_bloom: bool,
    time: Vec<i64>,
    sensor: Coded,
    src: Dense<u32>,
    dst: Dense<u32>,
    src6: Dense<[u8; 16]>,
    dst6: Dense<[u8; 16]>,
    proto: Coded,
    src_port: Dense<u32>,
    dst_port: Coded,
    icmp_type: Coded,
    icmp_code: Coded,
    tcp_flags: Coded,
    tcp_seq: Dense<u32>,
    tcp_window: Coded,
    tcp_options: Coded,
    ip_id: Dense<u32>,
    ttl: Coded,
    ip_len: Dense<u32>,
    region: Coded,
    asn: Dense<u32>,
    mark: Coded,
    tool: Coded,
    kind: Coded,
    probe: Coded,
    scanner: Coded,
    victim: Dense<u32>,
    victim6: Dense<[u8; 16]>,
    payload: Dense<()>,
    payload_plain: Vec<u8>,
    block: Vec<Packet>,
    block_sources: Vec<Source>,
}

impl PacketsWriter {
    fn new(with_bloom: bool) -> Result<PacketsWriter> {
        Ok(PacketsWriter {
            encoder: Encoder::new(&schema::PACKETS)?,
            with_bloom,
            time: Vec::new(),
            sensor: Coded::default(),
            src: Dense::default(),
            dst: Dense::default(),
            src6: Dense::default(),
            dst6: Dense::default(),
            proto: Coded::default(),
            src_port: Dense::default(),
            dst_port: Coded::default(),
            icmp_type: Coded::default(),
            icmp_code: Coded::default(),
            tcp_flags: Coded::default(),
            tcp_seq: Dense::default(),
            tcp_window: Coded::default(),
            tcp_options: Coded::default(),
            ip_id: Dense::default(),
            ttl: Coded::default(),
            ip_len: Dense::default(),
            region: Coded::default(),
            asn: Dense::default(),
            mark: Coded::default(),
            tool: Coded::default(),
            kind: Coded::default(),
            probe: Coded::default(),
            scanner: Coded::default(),
            victim: Dense::default(),
            victim6: Dense::default(),
            payload: Dense::default(),
            payload_plain: Vec::new(),
            block: Vec::new(),
            block_sources: Vec::new(),
        })
    }

    fn file(
        &mut self,
        segment: &Segment,
        world: World<'_>,
        sources: &Sources,
        order: &[u64],
        mut observe: impl FnMut(&Packet, &Source),
    ) -> Result<Vec<u8>> {
        let mut groups = Vec::new();
        for group in order.chunks(ROW_GROUP_ROWS) {
            self.clear();
            for block in group.chunks(BLOCK_ROWS) {
                self.block.clear();
                self.block.extend(block.iter().map(|&word| sources.packets[row_of(word) as usize]));
                self.block_sources.clear();
                self.block_sources
                    .extend(self.block.iter().map(|packet| sources.sources[packet.source_at as usize]));
                for (packet, source) in self.block.iter().zip(&self.block_sources) {
                    observe(packet, source);
                }
                self.absorb(segment);
            }
            groups.push(self.group(segment, world)?);
        }
        self.encoder.file(groups)
    }

    fn clear(&mut self) {
        self.time.clear();
        for coded in [
            &mut self.sensor,
            &mut self.proto,
            &mut self.dst_port,
            &mut self.icmp_type,
            &mut self.icmp_code,
            &mut self.tcp_flags,
            &mut self.tcp_window,
            &mut self.tcp_options,
            &mut self.ttl,
            &mut self.region,
            &mut self.mark,
            &mut self.tool,
            &mut self.kind,
            &mut self.probe,
            &mut self.scanner,
        ] {
            coded.clear();
        }
        for dense in [
            &mut self.src,
            &mut self.dst,
            &mut self.src_port,
            &mut self.tcp_seq,
            &mut self.ip_id,
            &mut self.ip_len,
            &mut self.asn,
            &mut self.victim,
        ] {
            dense.clear();
        }
        for dense in [&mut self.src6, &mut self.dst6, &mut self.victim6] {
            dense.clear();
        }
        self.payload.clear();
        self.payload_plain.clear();
    }

    /// Takes the block's rows apart into columns.
    fn absorb(&mut self, segment: &Segment) {
        let (block, sources) = (&self.block[..], &self.block_sources[..]);
        let has = |bits: Present| move |packet: &Packet| packet.present.has(bits);
        let narrow = |packet: &Packet| !packet.present.has(Present::WIDE);
        let always = |_: &Packet| true;
        self.time.extend(block.iter().map(|packet| packet.time_us));
        self.sensor.extend(block, always, |packet| packet.sensor_at);
        self.src.extend(block, narrow, |packet| packet.src);
        self.dst.extend(block, narrow, |packet| packet.dst);
        let wide = has(Present::WIDE);
        self.src6.extend(block, wide, |packet| segment.wides[packet.wide_at as usize].src6);
        self.dst6.extend(block, wide, |packet| segment.wides[packet.wide_at as usize].dst6);
        self.proto.extend(block, always, |packet| u16::from(packet.proto));
        self.src_port
            .extend(block, has(Present::PORTS), |packet| u32::from(packet.src_port));
        self.dst_port.extend(block, has(Present::PORTS), |packet| packet.dst_port);
        self.icmp_type
            .extend(block, has(Present::ICMP), |packet| u16::from(packet.icmp_type));
        self.icmp_code
            .extend(block, has(Present::ICMP), |packet| u16::from(packet.icmp_code));
        self.tcp_flags.extend(block, has(Present::TCP), |packet| packet.tcp_flags);
        let shows_seq = |packet: &Packet| packet.present.has(Present::TCP) && !packet.present.has(Present::HIDDEN);
        self.tcp_seq.extend(block, shows_seq, |packet| packet.tcp_seq);
        self.tcp_window.extend(block, has(Present::TCP), |packet| packet.tcp_window);
        self.tcp_options
            .extend(block, |packet| packet.options_at != 0, |packet| packet.options_at);
        self.ip_id.extend(block, has(Present::IP_ID), |packet| u32::from(packet.ip_id));
        self.ttl.extend(block, always, |packet| u16::from(packet.ttl));
        self.ip_len.extend(block, always, |packet| packet.ip_len);
        self.region.extend(sources, |_| true, |source| source.place.region);
        self.asn.extend(sources, |source| source.place.asn != 0, |source| source.place.asn);
        self.mark.extend(block, |packet| packet.mark != 0, |packet| u16::from(packet.mark));
        self.tool
            .extend(sources, |source| source.tool != 0, |source| u16::from(source.tool));
        self.kind.extend(block, always, |packet| packet.kind as u16);
        self.probe
            .extend(block, |packet| packet.probe != 0, |packet| u16::from(packet.probe));
        self.scanner
            .extend(sources, |source| source.place.scanner != 0, |source| source.place.scanner);
        self.victim.extend(
            block,
            |packet| packet.present.has(Present::VICTIM) && narrow(packet),
            |packet| packet.victim,
        );
        let wide_victim = has(Present(Present::VICTIM.0 | Present::WIDE.0));
        self.victim6
            .extend(block, wide_victim, |packet| segment.wides[packet.wide_at as usize].victim6);
        self.payload.extend(block, |packet| packet.payload_len != 0, |_| ());
        for packet in block.iter().filter(|packet| packet.payload_len != 0) {
            put_bytes(segment.payload(packet), &mut self.payload_plain);
        }
    }

    /// The columns gathered so far as the chunks of a row group, in the order of the schema.
    fn group(&mut self, segment: &Segment, world: World<'_>) -> Result<Vec<Chunk>> {
        let encoder = &mut self.encoder;
        let region = |number: u16| world.atlas.region_name(number);
        let tool = |number: u16| world.marks.name((number & 0xff) as u8).to_owned();
        let (src, has_src) = (&self.src.values, Some(&self.src.validity));
        let src = if self.with_bloom {
            encoder.numbers_with_bloom(2, src, has_src, Layout::Split)?
        } else {
            encoder.numbers(2, src, has_src, Layout::Split)?
        };
        Ok(vec![
            encoder.numbers(0, &self.time, None, Layout::Split)?,
            texts(encoder, 1, &self.sensor, |number| segment.sensor_name(number))?,
            src,
            encoder.numbers(3, &self.dst.values, Some(&self.dst.validity), Layout::Split)?,
            addresses(encoder, 4, &self.src6)?,
            addresses(encoder, 5, &self.dst6)?,
            codes(encoder, 6, &self.proto)?,
            encoder.numbers(7, &self.src_port.values, Some(&self.src_port.validity), Layout::Split)?,
            codes(encoder, 8, &self.dst_port)?,
            codes(encoder, 9, &self.icmp_type)?,
            codes(encoder, 10, &self.icmp_code)?,
            codes(encoder, 11, &self.tcp_flags)?,
            encoder.numbers(12, &self.tcp_seq.values, Some(&self.tcp_seq.validity), Layout::Noise)?,
            codes(encoder, 13, &self.tcp_window)?,
            texts(encoder, 14, &self.tcp_options, |number| segment.options_text(number))?,
            encoder.numbers(15, &self.ip_id.values, Some(&self.ip_id.validity), Layout::Split)?,
            codes(encoder, 16, &self.ttl)?,
            encoder.numbers(17, &self.ip_len.values, None, Layout::Split)?,
            texts(encoder, 18, &self.region, region)?,
            encoder.numbers(19, &self.asn.values, Some(&self.asn.validity), Layout::Split)?,
            texts(encoder, 20, &self.mark, tool)?,
            texts(encoder, 21, &self.tool, tool)?,
            texts(encoder, 22, &self.kind, kind_name)?,
            texts(encoder, 23, &self.probe, |number| probe::name((number & 0xff) as u8).to_owned())?,
            texts(encoder, 24, &self.scanner, |number| world.atlas.scanner_name(number))?,
            encoder.numbers(25, &self.victim.values, Some(&self.victim.validity), Layout::Plain)?,
            addresses(encoder, 26, &self.victim6)?,
            encoder.bytes(27, &self.payload_plain, self.payload.values.len(), Some(&self.payload.validity))?,
        ])
    }
}

fn kind_name(number: u16) -> String {
    Kind::ALL.get(usize::from(number)).copied().unwrap_or_default().name().to_owned()
}

/// A text column whose codes stand for numbers that `name` can spell.
fn texts(encoder: &mut Encoder, column: usize, coded: &Coded, name: impl Fn(u16) -> String) -> Result<Chunk> {
    let dictionary: Vec<String> = coded.book.values().iter().map(|&number| name(number)).collect();
    let dictionary: Vec<&str> = dictionary.iter().map(String::as_str).collect();
    encoder.dictionary_text(column, &coded.codes, &dictionary, Some(&coded.validity))
}

/// A column of small numbers: through a dictionary while that pays.
fn codes(encoder: &mut Encoder, column: usize, coded: &Coded) -> Result<Chunk> {
    let values = coded.book.values();
    if values.len() > DICTIONARY_MAX && values.len() > coded.codes.len() / 16 {
        let numbers: Vec<u32> = coded.codes.iter().map(|&code| u32::from(values[usize::from(code)])).collect();
        return encoder.numbers(column, &numbers, Some(&coded.validity), Layout::Split);
    }
    let dictionary: Vec<u32> = values.iter().map(|&value| u32::from(value)).collect();
    encoder.dictionary_numbers(column, &coded.codes, &dictionary, Some(&coded.validity))
}

fn addresses(encoder: &mut Encoder, column: usize, dense: &Dense<[u8; 16]>) -> Result<Chunk> {
    encoder.bytes(column, dense.values.as_flattened(), dense.values.len(), Some(&dense.validity))
}

/// Codes one column of rows that are looked at one by one (the roll-ups: off the hot path).
fn column<T>(rows: &[T], value: impl Fn(&T) -> Option<u16>) -> Coded {
    let mut coded = Coded {
        book: CodeBook::default(),
        ..Coded::default()
    };
    for row in rows {
        coded.push(value(row));
    }
    coded
}

fn some_number(number: u8) -> Option<u16> {
    (number != 0).then_some(u16::from(number))
}

fn counts_file(encoder: &mut Encoder, segment: &Segment, world: World<'_>, rows: &[CountRow], with_hour: bool) -> Result<Vec<u8>> {
    let groups = rows
        .chunks(ROW_GROUP_ROWS)
        .map(|rows| counts_group(encoder, segment, world, rows, with_hour));
    let groups = groups.collect::<Result<Vec<_>>>()?;
    encoder.file(groups)
}

fn counts_group(encoder: &mut Encoder, segment: &Segment, world: World<'_>, rows: &[CountRow], with_hour: bool) -> Result<Vec<Chunk>> {
    let mut chunks = Vec::new();
    if with_hour {
        let hours: Vec<i64> = rows.iter().map(|row| row.time_us).collect();
        chunks.push(encoder.numbers(0, &hours, None, Layout::Split)?);
    }
    let at = chunks.len();
    let tool = |number: u16| world.marks.name((number & 0xff) as u8).to_owned();
    chunks.push(texts(encoder, at, &column(rows, |row| Some(row.key.sensor())), |number| {
        segment.sensor_name(number)
    })?);
    chunks.push(codes(encoder, at + 1, &column(rows, |row| Some(u16::from(row.key.proto()))))?);
    chunks.push(codes(encoder, at + 2, &column(rows, |row| row.dst_port))?);
    chunks.push(texts(encoder, at + 3, &column(rows, |row| Some(row.key.region())), |number| {
        world.atlas.region_name(number)
    })?);
    chunks.push(texts(encoder, at + 4, &column(rows, |row| some_number(row.key.tool())), tool)?);
    chunks.push(texts(encoder, at + 5, &column(rows, |row| some_number(row.key.mark())), tool)?);
    chunks.push(texts(encoder, at + 6, &column(rows, |row| Some(row.key.kind() as u16)), kind_name)?);
    chunks.push(volume(encoder, at + 7, rows, |row| row.volume.packets)?);
    chunks.push(volume(encoder, at + 8, rows, |row| row.volume.bytes)?);
    Ok(chunks)
}

fn ports_group(encoder: &mut Encoder, segment: &Segment, rows: &[CountRow]) -> Result<Vec<Chunk>> {
    Ok(vec![
        texts(encoder, 0, &column(rows, |row| Some(row.key.sensor())), |number| {
            segment.sensor_name(number)
        })?,
        codes(encoder, 1, &column(rows, |row| Some(u16::from(row.key.proto()))))?,
        codes(encoder, 2, &column(rows, |row| row.dst_port))?,
        volume(encoder, 3, rows, |row| row.volume.packets)?,
        volume(encoder, 4, rows, |row| row.volume.bytes)?,
        volume(encoder, 5, rows, |row| row.hosts)?,
    ])
}

fn volume<T>(encoder: &mut Encoder, at: usize, rows: &[T], value: impl Fn(&T) -> u64) -> Result<Chunk> {
    let values: Vec<u64> = rows.iter().map(value).collect();
    encoder.numbers(at, &values, None, Layout::Split)
}

fn sources_group(encoder: &mut Encoder, segment: &Segment, world: World<'_>, packets: &[Packet], rows: &[SourceRow]) -> Result<Vec<Chunk>> {
    let (mut src, mut src6, mut asn) = (Dense::default(), Dense::default(), Dense::default());
    for row in rows {
        let packet = &packets[row.row as usize];
        let wide = packet.present.has(Present::WIDE);
        src.push((!wide).then_some(packet.src));
        src6.push(wide.then(|| segment.wides[packet.wide_at as usize].src6));
        asn.push((row.source.place.asn != 0).then_some(row.source.place.asn));
    }
    let tool = |number: u16| world.marks.name((number & 0xff) as u8).to_owned();
    let ports: Vec<u32> = rows.iter().map(|row| row.ports).collect();
    let first: Vec<i64> = rows.iter().map(|row| row.first_us).collect();
    let last: Vec<i64> = rows.iter().map(|row| row.last_us).collect();
    let scanner = column(rows, |row| Some(row.source.place.scanner).filter(|&number| number != 0));
    Ok(vec![
        texts(encoder, 0, &column(rows, |row| Some(row.sensor)), |number| {
            segment.sensor_name(number)
        })?,
        encoder.numbers(1, &src.values, Some(&src.validity), Layout::Split)?,
        addresses(encoder, 2, &src6)?,
        texts(encoder, 3, &column(rows, |row| some_number(row.source.tool)), tool)?,
        texts(encoder, 4, &column(rows, |row| Some(row.kind as u16)), kind_name)?,
        texts(encoder, 5, &column(rows, |row| Some(row.source.place.region)), |number| {
            world.atlas.region_name(number)
        })?,
        encoder.numbers(6, &asn.values, Some(&asn.validity), Layout::Split)?,
        texts(encoder, 7, &scanner, |number| world.atlas.scanner_name(number))?,
        volume(encoder, 8, rows, |row| row.volume.packets)?,
        volume(encoder, 9, rows, |row| row.volume.bytes)?,
        volume(encoder, 10, rows, |row| row.syns)?,
        encoder.numbers(11, &ports, None, Layout::Split)?,
        encoder.numbers(12, &first, None, Layout::Split)?,
        encoder.numbers(13, &last, None, Layout::Split)?,
        codes(encoder, 14, &column(rows, |row| Some(u16::from(row.is_host))))?,
        codes(encoder, 15, &column(rows, |row| Some(u16::from(row.is_sensor_host))))?,
    ])
}

fn sensors_group(encoder: &mut Encoder, segment: &Segment, rows: &[SeenRow]) -> Result<Vec<Chunk>> {
    let hours: Vec<i64> = rows.iter().map(|row| row.0.0).collect();
    let slots = column(rows, |row| Some(row.1.up_slots));
    Ok(vec![
        encoder.numbers(0, &hours, None, Layout::Split)?,
        texts(encoder, 1, &column(rows, |row| Some(row.0.1)), |number| segment.sensor_name(number))?,
        codes(encoder, 2, &slots)?,
        volume(encoder, 3, rows, |row| row.1.seen)?,
        volume(encoder, 4, rows, |row| row.1.kept)?,
        volume(encoder, 5, rows, |row| row.1.unreadable)?,
        known(encoder, 6, rows, |seen| seen.dropped_kernel)?,
        known(encoder, 7, rows, |seen| seen.dropped_spool)?,
        known(encoder, 8, rows, |seen| seen.clock_skew_us)?,
        known(encoder, 9, rows, |seen| seen.missed)?,
    ])
}

fn known(encoder: &mut Encoder, at: usize, rows: &[SeenRow], value: impl Fn(&Seen) -> Option<u64>) -> Result<Chunk> {
    let mut dense = Dense::<u64>::default();
    for (_, seen) in rows {
        dense.push(value(seen));
    }
    encoder.numbers(at, &dense.values, Some(&dense.validity), Layout::Plain)
}
