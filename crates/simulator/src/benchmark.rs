//! One large telescope-like capture, written as fast as packets can be encoded, for measurements.
//!
//! Shape: destinations in one /16; a tenth bears Mirai's mark, a quarter masscan's, a tenth zmap's; the rest are
//! SYNs of ordinary stacks over heavy-tailed ports, UDP requests, echo requests and backscatter. Sources are drawn
//! log-uniformly by rank (Zipf's law with exponent 1), some 430,000 in five million packets, over all regions.

use std::io::{BufWriter, Write};

use hirundo_packet::encode::{Framing, PcapWriter};

use crate::datagram::{Datagram, protocol};
use crate::day::{DAY_US, Day};
use crate::dice::{Dice, Purpose, mix};
use crate::error::SimulatorError;
use crate::host::Host;
use crate::region::{PRIVATE, REGIONS};
use crate::tool::{Tool, headers};
use crate::wire::Wire;

/// First address of the /16 that the capture watches (198.18.0.0, RFC 2544).
const TELESCOPE: u32 = 0xC612_0000;

/// How many sources a tool can have, per 64 of its packets; chosen so that five million packets come from about
/// 430,000 sources, as those did that other programs were measured with.
const SOURCES_PER_64_PACKETS: u64 = 7;

/// Protocols and ports that a sender draws from, equally; none stands for the scanners' favourites.
type Targets = &'static [(u8, u16)];

/// Senders, the share of the packets of each in percent, and what each sends to.
const MIX: [(Tool, u64, Targets); 12] = [
    (
        Tool::Mirai,
        10,
        &[
            (6, 23),
            (6, 23),
            (6, 23),
            (6, 23),
            (6, 23),
            (6, 23),
            (6, 23),
            (6, 23),
            (6, 23),
            (6, 2323),
        ],
    ),
    (Tool::Masscan, 17, &[]),
    (Tool::Masscan2023, 8, &[]),
    (Tool::Zmap, 7, &[]),
    (Tool::Zmap4, 3, &[]),
    (Tool::Nmap, 2, &[]),
    (Tool::Unicornscan, 1, &[]),
    (Tool::Linux, 22, &[]),
    (Tool::Windows, 12, &[(6, 445), (6, 445), (6, 445), (6, 1433), (6, 3389), (6, 139)]),
    (Tool::Udp, 7, &UDP_PORTS),
    (Tool::Echo, 4, &[(1, 0)]),
    (Tool::Backscatter, 7, &[(6, 80), (6, 443), (6, 443), (6, 22), (17, 53), (6, 25565)]),
];

/// UDP services asked for, the commoner ones more than once.
const UDP_PORTS: [(u8, u16); 12] = [
    (17, 53),
    (17, 53),
    (17, 123),
    (17, 123),
    (17, 1900),
    (17, 161),
    (17, 11211),
    (17, 5060),
    (17, 5060),
    (17, 389),
    (17, 111),
    (17, 53413),
];

/// The ports that scanners like best, in falling order; drawn by rank.
const TOP_PORTS: [u16; 64] = [
    6379, 22, 80, 443, 8080, 445, 3389, 5555, 1433, 8443, 81, 2222, 3306, 5900, 21, 8000, 37215, 60023, 8888, 8081, 52869, 25, 5432, 2375,
    9200, 27017, 11211, 110, 143, 993, 995, 3128, 1723, 8291, 8728, 5060, 7547, 49152, 9000, 10000, 8009, 4443, 5038, 1080, 2376, 5985,
    9090, 8545, 6443, 10250, 50070, 7001, 5601, 102, 502, 47808, 20000, 1911, 44818, 789, 9600, 2404, 111, 135,
];

/// A benchmark capture yet to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BenchmarkCapture {
    /// Packets.
    pub packets: u64,
    /// Seed; the same numbers give the same bytes.
    pub seed: u64,
    /// Time of the first packet, microseconds since 1970-01-01 UTC.
    pub start_us: i64,
    /// Over how many microseconds the packets are spread evenly.
    pub span_us: u64,
}

impl BenchmarkCapture {
    /// `packets` packets in one hour from 2022-04-01 00:00 UTC.
    #[must_use]
    pub const fn hour(packets: u64, seed: u64) -> BenchmarkCapture {
        BenchmarkCapture {
            packets,
            seed,
            start_us: Day(19_083).start_us(),
            span_us: 3_600_000_000,
        }
    }

    /// The same spread over `days` whole days instead (at least one).
    #[must_use]
    pub const fn over_days(self, days: u32) -> BenchmarkCapture {
        let days = if days == 0 { 1 } else { days as u64 };
        BenchmarkCapture {
            span_us: days * DAY_US.unsigned_abs(),
            ..self
        }
    }

    /// Writes the capture (pcap, microseconds, Ethernet); how many bytes it has.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::Output`] when `out` fails, or when the packets' times do not fit the format (1970–2106).
    pub fn write(&self, out: impl Write) -> Result<u64, SimulatorError> {
        self.write_frames(out).map_err(|source| SimulatorError::Output { source })
    }

    fn write_frames(&self, out: impl Write) -> std::io::Result<u64> {
        let framing = Framing::Ethernet;
        let mut writer = PcapWriter::new(BufWriter::with_capacity(1 << 18, out), framing.link())?;
        let mut wire = Wire::new();
        let mut dice = Dice::new(self.seed, Purpose::Benchmark, 0, 0);
        let mut bytes = 24;
        for nth in 0..self.packets {
            let datagram = self.datagram(nth, &mut dice);
            let frame = wire.frame(framing, &datagram).map_err(std::io::Error::other)?;
            writer.write(datagram.time_us, frame)?;
            bytes += 16 + frame.len() as u64;
        }
        writer.finish()?.flush()?;
        Ok(bytes)
    }

    /// The packet of this number.
    fn datagram(&self, nth: u64, dice: &mut Dice) -> Datagram {
        let (tool, share, ports) = draw_tool(dice);
        let ranks = (self.packets * share / 100 * SOURCES_PER_64_PACKETS / 64).max(1);
        let word = mix(mix(self.seed, tool as u64 + 1), rank(ranks, dice));
        let (host, region) = host(word);
        let dst = TELESCOPE | u32::from(dice.u16());
        let target = match ports.get(dice.index(ports.len())) {
            Some(&target) => target,
            None => (protocol::TCP, scanned_port(dice)),
        };
        let headers = headers(tool, &host, dst, target, 0, dice);
        let offset = u128::from(nth) * u128::from(self.span_us) / u128::from(self.packets.max(1));
        Datagram {
            time_us: self.start_us.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX)),
            src: host.address,
            dst,
            id: headers.id,
            ttl: headers.ttl.saturating_sub(host.hops),
            dont_fragment: headers.dont_fragment,
            sensor: 0,
            region,
            tool,
            body: headers.body,
        }
    }
}

/// Writes a benchmark capture of one hour, see [`BenchmarkCapture`]; how many bytes it has.
///
/// # Errors
///
/// Those of [`BenchmarkCapture::write`].
pub fn benchmark_capture(out: impl Write, packets: u64, seed: u64) -> Result<u64, SimulatorError> {
    BenchmarkCapture::hour(packets, seed).write(out)
}

fn draw_tool(dice: &mut Dice) -> (Tool, u64, Targets) {
    let mut at = dice.below(100);
    for (tool, share, ports) in MIX {
        if at < share {
            return (tool, share, ports);
        }
        at -= share;
    }
    (Tool::Linux, 1, &[])
}

/// A rank below `count`, each octave as likely as the others: Zipf's law with exponent 1.
fn rank(count: u64, dice: &mut Dice) -> u64 {
    let octaves = u64::from(count.max(2).ilog2());
    let high = (count >> dice.below(octaves)).max(1);
    let low = high / 2;
    low + dice.below((high - low).max(1))
}

/// Nine times in ten one of the favourite ports by rank, otherwise any, low ones rather than high ones.
fn scanned_port(dice: &mut Dice) -> u16 {
    if dice.below(10) < 9 {
        let at = usize::try_from(rank(TOP_PORTS.len() as u64, dice)).unwrap_or(0);
        return TOP_PORTS.get(at).copied().unwrap_or(80);
    }
    u16::try_from(rank(65_536, dice)).unwrap_or(80).max(1)
}

/// The source that a word stands for: all its traits are cut out of the word, so none needs remembering.
fn host(word: u64) -> (Host, u8) {
    // The smaller of two draws: regions early in the table have more sources than late ones.
    let pick = |word: u64| usize::try_from(word % PRIVATE as u64).unwrap_or(0);
    let region = pick(word & 0xFFFF).min(pick((word >> 16) & 0xFFFF));
    let other = mix(word, 1);
    let halves = [word.to_be_bytes(), other.to_be_bytes()];
    let part = |at: usize| u16::from_be_bytes([halves[1][at], halves[1][at + 1]]);
    let blocks = REGIONS[region].blocks;
    let block = blocks[usize::from(halves[0][0]) % blocks.len()];
    let spread = u32::from_be_bytes([halves[0][1], halves[0][2], halves[0][3], 0]) & (block.len() - 1);
    let host = Host {
        address: block.first | spread | (u32::from(halves[0][4]) % 254 + 1),
        hops: halves[0][5] % 17 + 8,
        source_port: part(0).max(1024),
        window: part(2).max(1),
        key: u32::from_be_bytes([halves[1][4], halves[1][5], halves[1][6], halves[1][7]]),
        flavour: u32::from(part(6)),
        weight: 1,
    };
    (host, u8::try_from(region).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn shares_and_shape_are_as_told() {
        assert_eq!(MIX.iter().map(|(_, share, _)| share).sum::<u64>(), 100);
        let capture = BenchmarkCapture::hour(200_000, 1);
        let mut dice = Dice::new(1, Purpose::Benchmark, 0, 0);
        let (mut mirai, mut sources, mut tools) = (0u64, BTreeSet::new(), BTreeMap::new());
        let mut last_us = i64::MIN;
        for nth in 0..capture.packets {
            let datagram = capture.datagram(nth, &mut dice);
            mirai += u64::from(datagram.is_mirai());
            sources.insert(datagram.src);
            *tools.entry(datagram.tool.name()).or_insert(0u64) += 1;
            assert!(datagram.time_us >= last_us && datagram.dst >> 16 == TELESCOPE >> 16);
            last_us = datagram.time_us;
        }
        assert!(mirai.abs_diff(20_000) < 800, "{mirai}");
        assert!((tools["masscan"] + tools["masscan_2023"]).abs_diff(50_000) < 1200, "{tools:?}");
        assert!((tools["zmap"] + tools["zmap_4"]).abs_diff(20_000) < 800, "{tools:?}");
        assert!((10_000..30_000).contains(&sources.len()), "{}", sources.len());
        assert!(last_us < capture.start_us + 3_600_000_000);
    }

    #[test]
    fn the_same_numbers_give_the_same_bytes() {
        let bytes = |seed| {
            let mut out = Vec::new();
            let len = benchmark_capture(&mut out, 2000, seed).unwrap();
            assert_eq!(len, out.len() as u64);
            out
        };
        assert!(bytes(1) == bytes(1) && bytes(1) != bytes(2));
    }
}
