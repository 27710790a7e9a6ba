//! Roll-ups made while sealing: hourly and daily counts, sources, and what the sensors showed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use hirundo_packet::mark::Evidence;
use hirundo_packet::{Kind, Packet, Present};

use crate::names::{Place, World};
use crate::segment::{DAY_US, HOUR_US, Segment};
use crate::sort;

/// Mixes a 64-bit key well enough for our own tables; keys are packed fields, never raw outside bytes.
#[derive(Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    #[inline(always)]
    fn write_u64(&mut self, key: u64) {
        // The upper half holds what all bits of the key made of it; the map looks at both ends.
        let product = (self.0 ^ key ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd6e8_feb8_6659_fd93);
        self.0 = product ^ product >> 32;
    }
}

/// A map with [`Mix`].
pub type MixMap<V> = HashMap<u64, V, BuildHasherDefault<Mix>>;

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Number of packets.
    pub packets: u64,
    /// Sum of IP lengths, bytes.
    pub bytes: u64,
}

impl Volume {
    /// Adds another.
    #[inline(always)]
    pub fn add(&mut self, other: Volume) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// What a source turned out to be, found once and used by each of its packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source {
    /// Where it is.
    pub place: Place,
    /// Verdict over its packets, 0 none.
    pub tool: u8,
}

/// One row of the table `sources`, texts still as numbers.
#[derive(Clone, Copy, Debug)]
pub struct SourceRow {
    /// Position in [`Sources::packets`] of a packet of the source, for its address.
    pub row: u32,
    /// Which source.
    pub source: Source,
    /// Sensor number.
    pub sensor: u16,
    /// Kind of the packets counted.
    pub kind: Kind,
    /// Packets and bytes.
    pub volume: Volume,
    /// TCP SYN without ACK among them.
    pub syns: u64,
    /// Distinct (protocol, destination port).
    pub ports: u32,
    /// First packet, µs.
    pub first_us: i64,
    /// Last packet, µs.
    pub last_us: i64,
    /// Whether it is the first row of its source.
    pub is_host: bool,
    /// Whether it is the first row of its source at its sensor.
    pub is_sensor_host: bool,
}

/// The packets of one day of a segment, in order of source, and what their sources are.
#[derive(Default)]
pub struct Sources {
    /// The packets: source by source, those of a source in the order they came. Copied together so that
    /// everything after this walks through memory instead of jumping about in it.
    pub packets: Vec<Packet>,
    /// What each source is, numbered by `Packet::source_at`.
    pub sources: Vec<Source>,
    /// Rows of the table, in order of address, sensor and kind.
    pub rows: Vec<SourceRow>,
    scratch: Vec<(u64, u32)>,
}

/// Finds the sources of the day's packets, whose row numbers `order` holds. `order` is replaced by
/// `(port key << 32) | position in Sources::packets`; the port key is 0 without ports, else the port plus one.
pub fn find_sources(segment: &Segment, world: World<'_>, day: i64, order: &mut Vec<u64>, scratch: &mut Vec<u64>, out: &mut Sources) {
    out.packets.clear();
    out.sources.clear();
    out.rows.clear();
    let mut wide: Vec<u32> = Vec::new();
    for word in order.iter_mut() {
        let row = row_of(*word);
        let packet = &segment.rows[row as usize];
        if packet.present.has(Present::WIDE) {
            wide.push(row);
        }
        *word = u64::from(packet.src) << 32 | u64::from(row);
    }
    if !wide.is_empty() {
        order.retain(|&word| !segment.rows[row_of(word) as usize].present.has(Present::WIDE));
    }
    sort::by_key32(order, scratch);
    out.packets.extend(order.iter().map(|&word| segment.rows[row_of(word) as usize]));
    let narrow = out.packets.len();
    let address = |packet: &Packet| segment.wides.get(packet.wide_at as usize).map_or([0; 16], |wide| wide.src6);
    wide.sort_by_key(|&row| address(&segment.rows[row as usize]));
    out.packets.extend(wide.iter().map(|&row| segment.rows[row as usize]));
    let mut from = 0;
    while let Some(first) = out.packets.get(from) {
        let (place, to) = if from < narrow {
            let source = first.src;
            let same = |packet: &Packet| packet.src == source;
            (world.atlas.place_v4(day, source), run_end(&out.packets[..narrow], from, same))
        } else {
            let source = address(first);
            (
                world.atlas.place_v6(day, &source),
                run_end(&out.packets, from, |packet| address(packet) == source),
            )
        };
        out.one_source(world, place, from, to);
        from = to;
    }
    order.clear();
    order.extend(out.packets.iter().enumerate().map(|(at, packet)| {
        let port_key = if packet.present.has(Present::PORTS) {
            u64::from(packet.dst_port) + 1
        } else {
            0
        };
        port_key << 32 | at as u64
    }));
}

fn run_end(packets: &[Packet], from: usize, same: impl Fn(&Packet) -> bool) -> usize {
    packets[from..]
        .iter()
        .position(|packet| !same(packet))
        .map_or(packets.len(), |length| from + length)
}

/// Row number of an order word.
#[inline(always)]
#[must_use]
pub fn row_of(word: u64) -> u32 {
    (word & 0xffff_ffff) as u32
}

impl Sources {
    /// Books the packets `from..to`, which are all those of one source.
    fn one_source(&mut self, world: World<'_>, place: Place, from: usize, to: usize) {
        let number = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        let mut evidence = Evidence::default();
        self.scratch.clear();
        let mut differ = false;
        for (at, packet) in self.packets[from..to].iter_mut().enumerate() {
            packet.source_at = number;
            evidence.observe(packet);
            let key = group_key(packet);
            differ |= self.scratch.first().is_some_and(|first| first.0 != key);
            self.scratch.push((key, u32::try_from(from + at).unwrap_or(u32::MAX)));
        }
        let source = Source {
            place,
            tool: evidence.verdict(world.marks),
        };
        self.sources.push(source);
        if differ {
            self.scratch.sort_unstable();
        }
        let mut sensor = None;
        for group in self.scratch.chunk_by(|a, b| a.0 >> 24 == b.0 >> 24) {
            let ports = 1 + group.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
            let mut row = book(&self.packets, source, group, ports);
            row.is_host = sensor.is_none();
            row.is_sensor_host = sensor != Some(row.sensor);
            sensor = Some(row.sensor);
            self.rows.push(row);
        }
    }
}

/// Sensor, kind, then protocol and destination port, so that equal groups stand together.
#[inline(always)]
fn group_key(packet: &Packet) -> u64 {
    u64::from(packet.sensor_at) << 32 | (packet.kind as u64) << 24 | u64::from(packet.proto) << 16 | u64::from(packet.dst_port)
}

fn book(packets: &[Packet], source: Source, group: &[(u64, u32)], ports: usize) -> SourceRow {
    let first = group.first().map_or(0, |entry| entry.1);
    let head = &packets[first as usize];
    let mut row = SourceRow {
        row: first,
        source,
        sensor: head.sensor_at,
        kind: head.kind,
        volume: Volume::default(),
        syns: 0,
        ports: u32::try_from(ports).unwrap_or(u32::MAX),
        first_us: i64::MAX,
        last_us: i64::MIN,
        is_host: false,
        is_sensor_host: false,
    };
    for &(_, at) in group {
        let packet = &packets[at as usize];
        row.volume.add(Volume {
            packets: 1,
            bytes: u64::from(packet.ip_len),
        });
        row.syns += u64::from(packet.is_syn());
        row.first_us = row.first_us.min(packet.time_us);
        row.last_us = row.last_us.max(packet.time_us);
    }
    row
}

/// One row of `hourly` or `daily`, texts still as numbers.
#[derive(Clone, Copy, Debug)]
pub struct CountRow {
    /// Begin of the hour or day, µs.
    pub time_us: i64,
    /// Destination port, none for ICMP and others without.
    pub dst_port: Option<u16>,
    /// Packed rest of the key, see [`CountKey`].
    pub key: CountKey,
    /// Packets and bytes.
    pub volume: Volume,
    /// Distinct sources; counted in rows of `ports` only.
    pub hosts: u64,
}

/// Hour of the day, sensor, protocol, region, tool, mark and kind in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CountKey(u64);

impl CountKey {
    /// Of one packet.
    #[inline(always)]
    #[must_use]
    pub fn new(packet: &Packet, source: &Source, day_begin_us: i64) -> CountKey {
        let hour = ((packet.time_us - day_begin_us) / HOUR_US) as u64 & 31;
        CountKey(
            hour << 59
                | u64::from(packet.sensor_at) << 43
                | u64::from(packet.proto) << 35
                | u64::from(source.place.region) << 19
                | u64::from(source.tool) << 11
                | u64::from(packet.mark) << 3
                | packet.kind as u64,
        )
    }

    /// Hour of the day.
    #[must_use]
    pub fn hour(self) -> i64 {
        (self.0 >> 59).cast_signed()
    }
    /// Sensor number.
    #[must_use]
    pub fn sensor(self) -> u16 {
        (self.0 >> 43 & 0xffff) as u16
    }
    /// IP protocol.
    #[must_use]
    pub fn proto(self) -> u8 {
        (self.0 >> 35 & 0xff) as u8
    }
    /// Region number.
    #[must_use]
    pub fn region(self) -> u16 {
        (self.0 >> 19 & 0xffff) as u16
    }
    /// Tool number, 0 none.
    #[must_use]
    pub fn tool(self) -> u8 {
        (self.0 >> 11 & 0xff) as u8
    }
    /// Mark number, 0 none.
    #[must_use]
    pub fn mark(self) -> u8 {
        (self.0 >> 3 & 0xff) as u8
    }
    /// Kind.
    #[must_use]
    pub fn kind(self) -> Kind {
        Kind::ALL.into_iter().find(|kind| *kind as u64 == self.0 & 7).unwrap_or_default()
    }
    /// Sensor and protocol alone.
    fn of_port(self) -> CountKey {
        CountKey(self.0 & ((1 << 59) - (1 << 35)))
    }
    /// The same without the hour.
    fn of_day(self) -> CountKey {
        CountKey(self.0 & ((1 << 59) - 1))
    }
}

/// Counts by hour and day, made in the pass over a day's packets in order of destination port.
#[derive(Default)]
pub struct Counts {
    /// Rows of `hourly`, by port, then key.
    pub hourly: Vec<CountRow>,
    /// Rows of `daily`, by port, then key.
    pub daily: Vec<CountRow>,
    /// Rows of `ports`, by port, then sensor and protocol; the rest of their keys means nothing.
    pub ports: Vec<CountRow>,
    open: MixMap<Volume>,
    /// Of each sensor and protocol of the open port: number of distinct sources, and the last of them.
    hosts: MixMap<(u64, u32)>,
    port: Option<u16>,
    last: Option<(CountKey, Volume)>,
    last_source: Option<(CountKey, u32)>,
    day_begin_us: i64,
}

impl Counts {
    /// Starts a day.
    pub fn begin(&mut self, day: i64) {
        self.hourly.clear();
        self.daily.clear();
        self.ports.clear();
        self.open.clear();
        self.hosts.clear();
        self.last = None;
        self.last_source = None;
        self.day_begin_us = day * DAY_US;
    }

    /// Counts a packet; packets come in order of destination port, those of a port in order of source.
    #[inline(always)]
    pub fn observe(&mut self, packet: &Packet, source: &Source) {
        let port = packet.present.has(Present::PORTS).then_some(packet.dst_port);
        if port != self.port {
            self.close_port();
            self.port = port;
        }
        let key = CountKey::new(packet, source, self.day_begin_us);
        let one = Volume {
            packets: 1,
            bytes: u64::from(packet.ip_len),
        };
        let of_source = (key.of_port(), packet.source_at);
        if self.last_source != Some(of_source) {
            self.last_source = Some(of_source);
            let (hosts, last) = self.hosts.entry(of_source.0.0).or_insert((0, u32::MAX));
            if *last != packet.source_at {
                (*hosts, *last) = (*hosts + 1, packet.source_at);
            }
        }
        match &mut self.last {
            Some((last, volume)) if *last == key => volume.add(one),
            Some(_) | None => {
                if let Some((last, volume)) = self.last.replace((key, one)) {
                    self.open.entry(last.0).or_default().add(volume);
                }
            }
        }
    }

    /// Books the open port; call at the end of the day too.
    pub fn close_port(&mut self) {
        if let Some((last, volume)) = self.last.take() {
            self.open.entry(last.0).or_default().add(volume);
        }
        let from = self.hourly.len();
        for (key, volume) in self.open.drain() {
            let key = CountKey(key);
            let time_us = self.day_begin_us + key.hour() * HOUR_US;
            self.hourly.push(CountRow {
                time_us,
                dst_port: self.port,
                key,
                volume,
                hosts: 0,
            });
        }
        let rows = &mut self.hourly[from..];
        rows.sort_unstable_by_key(|row| row.key.of_day());
        sum_up(rows, CountKey::of_day, self.day_begin_us, &mut self.daily);
        let ports_from = self.ports.len();
        sum_up(rows, CountKey::of_port, self.day_begin_us, &mut self.ports);
        for row in &mut self.ports[ports_from..] {
            row.hosts = self.hosts.get(&row.key.0).map_or(0, |hosts| hosts.0);
        }
        self.hosts.clear();
        self.last_source = None;
        rows.sort_unstable_by_key(|row| row.key);
    }
}

/// Adds up rows that stand in order of `key`, a row for each value of it.
fn sum_up(rows: &[CountRow], key: impl Fn(CountKey) -> CountKey, time_us: i64, out: &mut Vec<CountRow>) {
    for group in rows.chunk_by(|a, b| key(a.key) == key(b.key)) {
        let Some(&head) = group.first() else { continue };
        let mut row = CountRow {
            time_us,
            key: key(head.key),
            volume: Volume::default(),
            ..head
        };
        for part in group {
            row.volume.add(part.volume);
        }
        out.push(row);
    }
}
