//! The real program run as a process, lakes in folders that go away, and captures made to order.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hirundo_packet::encode::{Addresses, Framing, Icmp, IpHeader, PcapWriter, Tcp, Transport, Udp, encode};
use hirundo_packet::flag;
use serde_json::Value;
use tempfile::TempDir;

/// Microseconds of a minute.
pub(crate) const MINUTE_US: i64 = 60_000_000;
/// Microseconds of an hour.
pub(crate) const HOUR_US: i64 = 60 * MINUTE_US;
/// Microseconds of a day.
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

/// A file of the shared data; fails with its path when it is not there.
pub(crate) fn shared(path: &str) -> PathBuf {
    let full = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(path);
    assert!(full.exists(), "the shared data are needed, there is no {}", full.display());
    full
}

/// The program, in surroundings that are always the same.
pub(crate) fn hirundo<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Command {
    settle(Command::new(env!("CARGO_BIN_EXE_hirundo")), args)
}

/// Arguments and fixed surroundings for a command that runs the program.
pub(crate) fn settle<I: IntoIterator<Item: AsRef<OsStr>>>(mut command: Command, args: I) -> Command {
    command.args(args).stdin(Stdio::null());
    for name in [
        "HIRUNDO_LAKE",
        "HIRUNDO_GEO",
        "HIRUNDO_KNOWN",
        "HIRUNDO_LANG",
        "HIRUNDO_LOG",
        "LC_CTYPE",
        "LANG",
        "NO_COLOR",
    ] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command
}

/// How a run ended and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails the test unless it ended with this exit status.
    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Ran {
        assert_eq!(self.status, Some(status), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless standard error holds all of these.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Ran {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is not in:\n{}", self.stderr);
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.stdout, self.stderr))
    }

    /// Standard output as JSON rows.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        self.json().as_array().expect("an array of rows").clone()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    command.output().unwrap_or_else(|error| panic!("run {command:?}: {error}")).into()
}

/// A folder that goes away, with room for a lake and captures.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lake.
    pub(crate) fn lake(&self) -> Lake {
        Lake(self.path("lake"))
    }

    /// A capture of these packets; folders are made as needed.
    pub(crate) fn capture(&self, name: &str, packets: &[Sent]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
        std::fs::write(&path, pcap(packets)).expect("write the capture");
        path
    }
}

/// A lake, there already or not yet.
#[derive(Clone, Debug)]
pub(crate) struct Lake(pub(crate) PathBuf);

impl Lake {
    /// The program on this lake.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = hirundo(args);
        command.arg("--lake").arg(&self.0);
        command
    }

    /// Runs the program on this lake.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        run(&mut self.command(args))
    }

    /// Ingests, reporting in JSON; arguments are paths and options.
    pub(crate) fn ingest<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        let mut command = self.command(&["ingest", "--format", "json"]);
        run(command.args(args))
    }

    /// Rows of a query.
    #[track_caller]
    pub(crate) fn ask(&self, sql: &str) -> Vec<Value> {
        self.run(&["query", "--format", "json", sql]).expect(0).rows()
    }

    /// The one number that a query gives.
    #[track_caller]
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let rows = self.ask(sql);
        let [Value::Object(row)] = &rows[..] else {
            panic!("{sql}: not one row: {rows:?}")
        };
        row.values()
            .next()
            .and_then(Value::as_i64)
            .unwrap_or_else(|| panic!("{sql}: no number: {rows:?}"))
    }

    /// The one column of a query, as text.
    #[track_caller]
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let text = |row: &Value| {
            let value = row.as_object().and_then(|row| row.values().next()).expect("a column");
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        };
        self.ask(sql).iter().map(text).collect()
    }

    /// Names of the tables.
    pub(crate) fn tables(&self) -> Vec<String> {
        let tables = self.texts("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name");
        assert!(tables.len() >= 5 && tables.iter().any(|table| table == "packets"), "{tables:?}");
        tables
    }

    /// Every file but the locks, with its bytes.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("list the lake") {
                let path = entry.expect("list the lake").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension() != Some(OsStr::new("lock")) {
                    let name = path.strip_prefix(&self.0).expect("below the lake").to_string_lossy().into_owned();
                    files.insert(name, std::fs::read(&path).expect("read a file of the lake"));
                }
            }
        }
        files
    }
}

/// One packet of a capture made to order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) time_us: i64,
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) ttl: u8,
    pub(crate) id: u16,
    pub(crate) content: Content,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Tcp {
        src_port: u16,
        dst_port: u16,
        flags: u16,
        seq: u32,
        window: u16,
        options: Vec<u8>,
        payload: Vec<u8>,
    },
    Udp {
        src_port: u16,
        dst_port: u16,
        payload: Vec<u8>,
    },
    Icmp {
        kind: u8,
        code: u8,
        body: Vec<u8>,
    },
}

impl Sent {
    /// A packet; addresses as text.
    pub(crate) fn new(time_us: i64, src: &str, dst: &str, content: Content) -> Sent {
        let address = |text: &str| text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        Sent {
            time_us,
            src: address(src),
            dst: address(dst),
            ttl: 50,
            id: 7,
            content,
        }
    }

    /// A SYN that bears no tool's mark (sequence number 1 is no address, and the window is no tool's).
    pub(crate) fn syn(time_us: i64, src: &str, dst: &str, dst_port: u16) -> Sent {
        let options = vec![2, 4, 5, 180];
        Sent::new(
            time_us,
            src,
            dst,
            Content::Tcp {
                src_port: 40_000,
                dst_port,
                flags: flag::SYN,
                seq: 1,
                window: 29_200,
                options,
                payload: vec![],
            },
        )
    }

    /// The frame as it stands in a capture.
    pub(crate) fn frame(&self, out: &mut Vec<u8>) {
        let addresses = match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Addresses::V4 {
                src: src.into(),
                dst: dst.into(),
            },
            (IpAddr::V6(src), IpAddr::V6(dst)) => Addresses::V6 {
                src: src.octets(),
                dst: dst.octets(),
            },
            (src, dst) => panic!("{src} cannot send to {dst}"),
        };
        let header = IpHeader {
            addresses,
            ttl: self.ttl,
            id: self.id,
            part: 0,
        };
        let transport = match &self.content {
            Content::Tcp {
                src_port,
                dst_port,
                flags,
                seq,
                window,
                options,
                payload,
            } => Transport::Tcp(Tcp {
                src_port: *src_port,
                dst_port: *dst_port,
                seq: *seq,
                ack: 0,
                flags: *flags,
                window: *window,
                options,
                payload,
            }),
            Content::Udp {
                src_port,
                dst_port,
                payload,
            } => Transport::Udp(Udp {
                src_port: *src_port,
                dst_port: *dst_port,
                payload,
            }),
            Content::Icmp { kind, code, body } => Transport::Icmp(Icmp {
                kind: *kind,
                code: *code,
                rest: [0; 4],
                body,
            }),
        };
        encode(Framing::Ethernet, &header, &transport, out).expect("a packet that can be encoded");
    }
}

/// Bytes of a capture file with these packets.
pub(crate) fn pcap(packets: &[Sent]) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), Framing::Ethernet.link()).expect("write to memory");
    let mut frame = Vec::new();
    for packet in packets {
        packet.frame(&mut frame);
        writer.write(packet.time_us, &frame).expect("write to memory");
    }
    writer.finish().expect("write to memory")
}

/// A large capture in one go: `count` SYNs from `start_us` on, evenly over `span_us`, different for each seed.
pub(crate) fn flood(path: &Path, seed: u64, count: u32, start_us: i64, span_us: i64) {
    let mut dice = Dice::new(seed);
    let out = std::io::BufWriter::new(std::fs::File::create(path).expect("make the capture"));
    let mut writer = PcapWriter::new(out, Framing::Ethernet.link()).expect("write the capture");
    let mut frame = Vec::new();
    for n in 0..count {
        let word = dice.next();
        let (src, dst) = (0x0100_0000 + dice.below(300_000) * 97, 0xcb00_7100 + dice.below(256));
        let mirai = word & 7 == 0;
        let tcp = Tcp {
            src_port: low16(word >> 8),
            dst_port: if word & 3 == 0 {
                23
            } else {
                u16::try_from(dice.below(2000)).expect("small")
            },
            seq: if mirai { dst } else { dice.below(u32::MAX) },
            ack: 0,
            flags: flag::SYN,
            window: low16(word >> 24),
            options: &[2, 4, 5, 180],
            payload: &[],
        };
        let header = IpHeader {
            addresses: Addresses::V4 { src, dst },
            ttl: 50,
            id: low16(word >> 40),
            part: 0,
        };
        encode(Framing::Ethernet, &header, &Transport::Tcp(tcp), &mut frame).expect("a packet that can be encoded");
        writer
            .write(start_us + span_us * i64::from(n) / i64::from(count), &frame)
            .expect("write the capture");
    }
    writer.finish().expect("write the capture");
}

fn low16(word: u64) -> u16 {
    u16::try_from(word & 0xffff).expect("16 bits")
}

/// Microseconds since 1970 of a time such as `2022-04-01T12:30:00`, UTC.
pub(crate) fn at(text: &str) -> i64 {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").unwrap_or_else(|error| panic!("{text}: {error}"));
    time.and_utc().timestamp_micros()
}

/// Numbers that look random and are the same in every run (xorshift64, Marsaglia 2003).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        // Small seeds would give small numbers at first; 0 would stay 0.
        Dice(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        u32::try_from((self.next() >> 32) % u64::from(limit.max(1))).expect("below 2^32")
    }
}

/// `count` SYNs, one a minute from `start` on.
pub(crate) fn minutes(start: &str, count: u32) -> Vec<Sent> {
    let syn = |n: u32| {
        Sent::syn(
            at(start) + i64::from(n) * MINUTE_US,
            &format!("203.0.113.{}", n % 250),
            "198.51.100.7",
            23,
        )
    };
    (0..count).map(syn).collect()
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// (stored now, known before, damaged) of a report.
pub(crate) fn counts(report: &Value) -> (u64, u64, u64) {
    let number = |name: &str| report[name].as_u64().unwrap();
    (number("packets"), number("known"), number("damaged_count"))
}

/// Rows of `packets`, and packets as each roll-up counts them.
#[track_caller]
pub(crate) fn check_rows(lake: &Lake, rows: i64) {
    let sums = "SELECT count(*) AS packets, (SELECT sum(packets) FROM hourly) AS hourly, (SELECT sum(packets) FROM daily) AS daily,
        (SELECT sum(packets) FROM sources) AS sources, (SELECT sum(kept) FROM sensors) AS sensors FROM packets";
    let found = &lake.ask(sums)[0];
    for column in ["packets", "hourly", "daily", "sources", "sensors"] {
        assert_eq!(found[column].as_i64(), Some(rows), "{column}");
    }
}
