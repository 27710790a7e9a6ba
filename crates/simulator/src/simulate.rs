//! Runs a scenario day by day: capture files of every sensor, and the truth beside them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use hirundo_packet::encode::{Framing, PcapWriter};

use crate::datagram::Datagram;
use crate::day::Day;
use crate::error::SimulatorError;
use crate::population::Crowd;
use crate::scenario::Scenario;
use crate::survey;
use crate::tool::Tool;
use crate::truth::{Tally, Truth};
use crate::wire::Wire;

/// Name of the truth's file in the output directory; written last, so that it also says "complete".
pub const TRUTH_FILE: &str = "truth.json";

/// Name of the file that says what the sensors are, and that nothing here is real.
const SENSORS_FILE: &str = "sensors.toml";

/// Length of an Ethernet header in bytes.
const ETHERNET_BYTES: u64 = 14;

/// How far a simulation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The day just finished.
    pub day: Day,
    /// Days finished, this one included.
    pub days_done: usize,
    /// Days in all.
    pub days: usize,
    /// Packets so far.
    pub packets: u64,
}

/// What a simulation wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Packets.
    pub packets: u64,
    /// Bytes of all capture files together.
    pub capture_bytes: u64,
    /// Capture files.
    pub files: u64,
    /// Days simulated.
    pub days: usize,
    /// Sensors.
    pub sensors: usize,
    /// Where the truth is.
    pub truth_path: PathBuf,
}

/// Simulates `scenario` into the directory `out`: `<sensor>/<YYYY-MM-DD>.pcap`, `sensors.toml` and `truth.json`.
///
/// `out` is made when it does not exist and must be empty when it does. A sensor that was down for a whole day has
/// no file of that day; one that was up and saw nothing has a file without packets. The same scenario and seed
/// give the same bytes on every platform. `progress` is called after each day.
///
/// # Errors
///
/// [`SimulatorError::NotEmpty`], [`SimulatorError::File`] and [`SimulatorError::TooManyPackets`].
pub fn simulate(scenario: &Scenario, seed: u64, out: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Summary, SimulatorError> {
    prepare(scenario, out)?;
    let (mut files, mut capture_bytes) = (0, 0);
    let mut wire = Wire::new();
    let truth = run(scenario, seed, progress, &mut |day, datagrams| {
        let written = write_day(scenario, day, datagrams, out, &mut wire)?;
        files += written.files;
        capture_bytes += written.capture_bytes;
        Ok(written.ip_bytes)
    })?;
    let sensors_path = out.join(SENSORS_FILE);
    fs::write(&sensors_path, sensors_text(scenario, seed)).map_err(|source| failed("write", &sensors_path, source))?;
    let truth_path = out.join(TRUTH_FILE);
    let file = File::create(&truth_path).map_err(|source| failed("create", &truth_path, source))?;
    let mut file = BufWriter::new(file);
    serde_json::to_writer(&mut file, &truth).map_err(|error| failed("write", &truth_path, error.into()))?;
    file.write_all(b"\n")
        .and_then(|()| file.flush())
        .map_err(|source| failed("write", &truth_path, source))?;
    Ok(Summary {
        packets: truth.packets,
        capture_bytes,
        files,
        days: truth.days.len(),
        sensors: scenario.sensors.len(),
        truth_path,
    })
}

/// The truth of a simulation without its captures: what [`simulate`] would write to `truth.json`.
///
/// # Errors
///
/// [`SimulatorError::TooManyPackets`].
pub fn truth(scenario: &Scenario, seed: u64) -> Result<Truth, SimulatorError> {
    let mut wire = Wire::new();
    run(scenario, seed, &mut |_| {}, &mut |_, datagrams| {
        let mut ip_bytes = 0;
        for datagram in datagrams {
            let frame = wire.frame(Framing::RawIp, datagram).map_err(io::Error::other);
            ip_bytes += frame.map_err(|source| SimulatorError::Output { source })?.len() as u64;
        }
        Ok(ip_bytes)
    })
}

/// Who sent what: tells `visit` the day, the source address and the tool of every packet, in the order of the files.
///
/// This is what a verdict over a source can be held against; the truth has only sums.
///
/// # Errors
///
/// [`SimulatorError::TooManyPackets`].
pub fn senders(scenario: &Scenario, seed: u64, visit: &mut dyn FnMut(Day, u32, Tool)) -> Result<(), SimulatorError> {
    run(scenario, seed, &mut |_| {}, &mut |day, datagrams| {
        for datagram in datagrams {
            visit(day, datagram.src, datagram.tool);
        }
        Ok(0)
    })
    .map(drop)
}

/// What takes a day's packets, sorted by sensor and time, and says how many IP bytes they were.
type Sink<'a> = dyn FnMut(Day, &[Datagram]) -> Result<u64, SimulatorError> + 'a;

/// Makes the packets of every day and counts them.
fn run(scenario: &Scenario, seed: u64, progress: &mut dyn FnMut(Progress), sink: &mut Sink<'_>) -> Result<Truth, SimulatorError> {
    let mut crowds: Vec<Crowd<'_>> = scenario
        .populations
        .iter()
        .map(|population| Crowd::new(scenario, population, seed))
        .collect();
    let mut tally = Tally::new(scenario, seed);
    let mut datagrams: Vec<Datagram> = Vec::new();
    let mut packets = 0u64;
    let days = scenario.days();
    let day_count = days.len();
    for (days_done, day) in (1..).zip(days) {
        datagrams.clear();
        for crowd in &mut crowds {
            let due = crowd.due(day);
            room(scenario, day, packets + datagrams.len() as u64 + due)?;
            crowd.send(day, due, &mut datagrams);
        }
        for one in &scenario.surveys {
            let due = survey::packets_per_sweep(scenario, one) * u64::from(24u32.div_ceil(one.every_hours));
            room(scenario, day, packets + datagrams.len() as u64 + due)?;
            survey::sweep(scenario, one, seed, day, &mut datagrams);
        }
        // Stable: packets of the same microsecond stay in the order in which they were made.
        datagrams.sort_by_key(|datagram| (datagram.sensor, datagram.time_us));
        packets += datagrams.len() as u64;
        let ip_bytes = sink(day, &datagrams)?;
        tally.day(day, &datagrams, ip_bytes);
        progress(Progress {
            day,
            days_done,
            days: day_count,
            packets,
        });
    }
    Ok(tally.finish())
}

/// Refuses what goes over the scenario's limit, before any memory is taken for it.
fn room(scenario: &Scenario, day: Day, packets: u64) -> Result<(), SimulatorError> {
    if packets <= scenario.packets_max {
        return Ok(());
    }
    Err(SimulatorError::TooManyPackets {
        scenario: scenario.name.clone(),
        packets_max: scenario.packets_max,
        day: day.to_string(),
    })
}

/// What an observation knows of its sensors: `sensors.toml`.
fn sensors_text(scenario: &Scenario, seed: u64) -> String {
    let mut text = format!("simulated = \"scenario {}, seed {seed}\"\n", scenario.name);
    for sensor in &scenario.sensors {
        let range = |&(first, count): &(u32, u32)| {
            let last = Ipv4Addr::from(first.saturating_add(count.saturating_sub(1)));
            format!("\"{}-{last}\"", Ipv4Addr::from(first))
        };
        let addresses: Vec<String> = sensor.addresses.iter().map(range).collect();
        text.push_str(&format!(
            "\n[[sensor]]\nname = \"{}\"\ngroup = \"{}\"\nregion = \"{}\"\naddresses = [{}]\n",
            sensor.name,
            sensor.group,
            sensor.region,
            addresses.join(", ")
        ));
    }
    text
}

/// Makes the output directory and a folder for each sensor.
fn prepare(scenario: &Scenario, out: &Path) -> Result<(), SimulatorError> {
    fs::create_dir_all(out).map_err(|source| failed("create", out, source))?;
    let mut entries = fs::read_dir(out).map_err(|source| failed("read", out, source))?;
    if entries.next().is_some() {
        return Err(SimulatorError::NotEmpty { path: out.to_owned() });
    }
    for sensor in &scenario.sensors {
        let folder = out.join(&sensor.name);
        fs::create_dir(&folder).map_err(|source| failed("create", &folder, source))?;
    }
    Ok(())
}

/// What one day's files came to.
#[derive(Default)]
struct Written {
    files: u64,
    capture_bytes: u64,
    ip_bytes: u64,
}

fn write_day(scenario: &Scenario, day: Day, datagrams: &[Datagram], out: &Path, wire: &mut Wire) -> Result<Written, SimulatorError> {
    let mut written = Written::default();
    let mut left = datagrams;
    for (at, sensor) in scenario.sensors.iter().enumerate() {
        let end = left.partition_point(|datagram| usize::from(datagram.sensor) <= at);
        let (mine, others) = left.split_at(end);
        left = others;
        if sensor.is_down_all(day) {
            continue;
        }
        let path = out.join(&sensor.name).join(format!("{day}.pcap"));
        let file = File::create(&path).map_err(|source| failed("create", &path, source))?;
        let frame_bytes = write_file(file, sensor.framing, mine, wire).map_err(|source| failed("write", &path, source))?;
        written.files += 1;
        // 24 bytes before the file's packets, 16 before each.
        written.capture_bytes += 24 + 16 * mine.len() as u64 + frame_bytes;
        let link_bytes = if sensor.framing == Framing::Ethernet { ETHERNET_BYTES } else { 0 };
        written.ip_bytes += frame_bytes - link_bytes * mine.len() as u64;
    }
    Ok(written)
}

/// Writes a sensor's packets of a day; how many bytes of frames they were.
fn write_file(file: File, framing: Framing, datagrams: &[Datagram], wire: &mut Wire) -> io::Result<u64> {
    let mut writer = PcapWriter::new(BufWriter::with_capacity(1 << 16, file), framing.link())?;
    let mut frame_bytes = 0;
    for datagram in datagrams {
        let frame = wire.frame(framing, datagram).map_err(io::Error::other)?;
        writer.write(datagram.time_us, frame)?;
        frame_bytes += frame.len() as u64;
    }
    writer.finish()?;
    Ok(frame_bytes)
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> SimulatorError {
    SimulatorError::File {
        action,
        path: path.to_owned(),
        source,
    }
}
