//! Where frames come from: a live interface or a capture file, one path for both.

mod assembler;
mod block;
pub mod filter;
mod interface;
mod listing;
mod live;
mod replay;
mod ring;

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hirundo_packet::capture::Frame;
use ipnet::IpNet;
use serde::Deserialize;

pub use assembler::{INSTRUCTIONS_MAX, Instruction};
pub use listing::listing;
pub use ring::attach;

use filter::{Endpoint, Filter};
use interface::Interface;
use live::Live;
use replay::Replay;

/// Most frames that one [`Sources::read`] lends: a block of 256 KiB holds 2,730 of them if they are all header.
pub const ROUND_FRAMES_MAX: usize = 1 << 12;
/// Most sources of a sensor.
pub const SOURCES_MAX: usize = 64;

/// Section `[capture]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What is captured: `live:INTERFACE`, or `pcap:FILE` and `-` (standard input) for replays; not both kinds together.
    /// Default: none.
    pub sources: Vec<String>,
    /// Watched networks and addresses: only packets to them are taken. Default: none, that is all packets. Replays are
    /// not filtered.
    pub addresses: Vec<Network>,
    /// Networks and addresses from and to which nothing is taken. Default: none.
    pub exclude: Vec<Network>,
    /// Further ends of the sensor's own traffic, `ADDRESS` or `ADDRESS:PORT`: what comes from or goes to one of them is
    /// not taken. The centre's are known. Default: none.
    pub own: Vec<End>,
    /// Whether frames for other machines are taken too. Default: false.
    pub promiscuous: bool,
    /// First bytes of a frame that are looked at, 64 to 65535. Default: 512.
    pub snap_bytes: u32,
    /// Memory for frames that wait to be read, for each interface, 1 to 1024 MiB. Default: 32.
    pub ring_mib: u32,
    /// After how long waiting frames are handed over even if few, 1 to 1000 milliseconds. Default: 100.
    pub block_ms: u32,
    /// First bytes of a payload that are kept, 0 to 255. Default: 64.
    pub payload_bytes: u8,
    /// How fast files are replayed: `fastest`, `captured`, or a factor like `10x`. Default: `fastest`.
    pub pace: Pace,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sources: Vec::new(),
            addresses: Vec::new(),
            exclude: Vec::new(),
            own: Vec::new(),
            promiscuous: false,
            snap_bytes: 512,
            ring_mib: 32,
            block_ms: 100,
            payload_bytes: 64,
            pace: Pace::Fastest,
        }
    }
}

impl Settings {
    /// Whether the values make sense, before anything is opened.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn check_values(&self) -> Result<()> {
        let within = |name: &str, value: u32, least: u32, most: u32| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            bail!("[capture] {name} is {value}; hint: it can be {least} to {most}")
        };
        within("snap_bytes", self.snap_bytes, 64, 65_535)?;
        within("ring_mib", self.ring_mib, 1, 1024)?;
        within("block_ms", self.block_ms, 1, 1000)?;
        if self.sources.len() > SOURCES_MAX {
            bail!("[capture] {} sources are too many; hint: at most {SOURCES_MAX}", self.sources.len());
        }
        self.names().map(|_| ())
    }

    /// What is kept from and to the interfaces, with the ends of the sensor's own traffic that `own` adds.
    #[must_use]
    pub fn filter(&self, own: &[Endpoint]) -> Filter {
        Filter {
            watched: self.addresses.iter().map(|network| network.0).collect(),
            excluded: self.exclude.iter().map(|network| network.0).collect(),
            own: self.own.iter().map(|end| end.0).chain(own.iter().copied()).collect(),
        }
    }

    /// Names of the interfaces that are captured; none for a replay.
    #[must_use]
    pub fn interfaces(&self) -> Vec<&str> {
        self.names().map_or_else(|_| Vec::new(), |(live, _)| live)
    }

    /// The program for an interface, as it is put into words by [`listing`], with the ends that `own` adds.
    ///
    /// # Errors
    /// When there is no such interface, it cannot be asked, or the program would be too long.
    pub fn program(&self, interface: &str, own: &[Endpoint]) -> Result<Vec<Instruction>> {
        let form = Interface::find(interface)?.form;
        self.filter(own).compile(form, self.snap_bytes)
    }

    /// Names of interfaces, or paths of files.
    fn names(&self) -> Result<(Vec<&str>, Vec<String>)> {
        let (mut live, mut files) = (Vec::new(), Vec::new());
        for source in &self.sources {
            match source.split_once(':') {
                Some(("live", name)) => live.push(name),
                Some(("pcap", path)) => files.push(path.to_owned()),
                _ if source == "-" => files.push(source.clone()),
                _ => bail!("[capture] {source:?} is no source; hint: live:INTERFACE, pcap:FILE or -"),
            }
        }
        if !live.is_empty() && !files.is_empty() {
            bail!("[capture] interfaces and files cannot be captured together; hint: run two sensors");
        }
        live.sort_unstable();
        if live.windows(2).any(|two| two[0] == two[1]) {
            bail!("[capture] an interface stands there twice; hint: each would count everything again");
        }
        Ok((live, files))
    }
}

/// How fast a file is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Pace {
    /// As fast as it can be read.
    Fastest,
    /// So many times as fast as it was captured.
    Times(NonZeroU32),
}

impl TryFrom<String> for Pace {
    type Error = String;

    fn try_from(text: String) -> Result<Pace, String> {
        match text.as_str() {
            "fastest" => Ok(Pace::Fastest),
            "captured" => Ok(Pace::Times(NonZeroU32::MIN)),
            other => other
                .strip_suffix('x')
                .and_then(|factor| factor.parse().ok())
                .map(Pace::Times)
                .ok_or_else(|| format!("{other:?} is no pace; hint: fastest, captured, or a whole factor like 10x")),
        }
    }
}

/// A network, or an address as a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(pub IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Network, String> {
        let network = text.parse::<IpNet>();
        match network.ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)) {
            Some(network) => Ok(Network(network)),
            None => Err(format!(
                "{text:?} is no network; hint: like 192.0.2.0/24, 192.0.2.1 or 2001:db8::/32"
            )),
        }
    }
}

/// An end of the sensor's own traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct End(pub Endpoint);

impl TryFrom<String> for End {
    type Error = String;

    fn try_from(text: String) -> Result<End, String> {
        let with_port = text.parse::<std::net::SocketAddr>().map(|end| Endpoint {
            address: end.ip(),
            port: Some(end.port()),
        });
        let end = with_port.or_else(|_| text.parse().map(|address| Endpoint { address, port: None }));
        end.map(End)
            .map_err(|_| format!("{text:?} is no address; hint: like 192.0.2.1, 192.0.2.1:22 or [2001:db8::1]:22"))
    }
}

/// What one [`Sources::read`] gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Frames lent.
    pub frames: u64,
    /// Another capture begins: what comes has nothing to do with what came.
    pub begun: bool,
    /// Nothing more will come.
    pub ended: bool,
}

/// What the kernel knows of the last while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Frames dropped because a ring was full.
    pub dropped: u64,
    /// Fill of the fullest ring at its worst, thousandths.
    pub fill_permille: u16,
    /// Whether at least one interface is up.
    pub listening: bool,
}

/// How much of what an interface received is accounted for: read, dropped, refused by the filter, or missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounted {
    /// Name of the interface.
    pub interface: String,
    /// Changes when the interface's counter begins anew.
    pub identity: u64,
    /// The interface's counter of received frames up to there.
    pub received: u64,
}

/// All sources of a sensor.
pub struct Sources(Kind);

enum Kind {
    Live { all: Vec<Live>, next: usize, rest: Rest },
    Replay(Box<Replay>),
}

impl Sources {
    /// Opens them all; frames of interfaces come from now on. `own` are the ends of the sensor's own traffic.
    ///
    /// # Errors
    /// What cannot be opened, and what to do.
    pub fn open(settings: &Settings, own: &[Endpoint]) -> Result<Sources> {
        settings.check_values()?;
        let (names, files) = settings.names()?;
        if names.is_empty() && files.is_empty() {
            bail!("[capture] nothing is to be captured; hint: sources = [\"live:eth0\"], or --source live:eth0");
        }
        if names.is_empty() {
            return Ok(Sources(Kind::Replay(Box::new(Replay::open(&files, settings.pace)?))));
        }
        let filter = settings.filter(own);
        let all: Result<Vec<Live>> = names.iter().map(|name| Live::open(name, settings, &filter)).collect();
        Ok(Sources(Kind::Live {
            all: all?,
            next: 0,
            rest: Rest::of(settings),
        }))
    }

    /// The sensor's own traffic has other ends now.
    ///
    /// # Errors
    /// When the filter would be too long, or the kernel refuses it; the one before holds then.
    pub fn refilter(&mut self, settings: &Settings, own: &[Endpoint]) -> Result<()> {
        if let Kind::Live { all, .. } = &mut self.0 {
            let filter = settings.filter(own);
            for live in all {
                live.refilter(settings, &filter)?;
            }
        }
        Ok(())
    }

    /// Whether these are interfaces.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.0, Kind::Live { .. })
    }

    /// Lends the frames of one block of a ring, or some thousand of a file, waiting for them at most `wait`.
    ///
    /// # Errors
    /// When waiting is refused. A damaged file is logged and counted, and the next one begins.
    #[inline]
    pub fn read(&mut self, wait: Duration, visit: impl FnMut(Frame<'_>)) -> Result<Round> {
        match &mut self.0 {
            Kind::Live { all, next, rest } => read_live(all, next, rest, wait, visit),
            Kind::Replay(replay) => Ok(replay.read(wait, visit)),
        }
    }

    /// Takes nothing new; [`Sources::read`] gives what is left, then says that it ended.
    pub fn stop(&mut self) {
        match &mut self.0 {
            Kind::Live { all, .. } => {
                let now = Instant::now();
                all.iter_mut().for_each(|live| live.stop(now));
            }
            Kind::Replay(replay) => replay.stop(),
        }
    }

    /// What the kernel counted since the last call.
    ///
    /// # Errors
    /// When an interface is gone or its counters cannot be read.
    pub fn count(&mut self) -> Result<Health> {
        let mut health = Health::default();
        let Kind::Live { all, .. } = &mut self.0 else {
            return Ok(health);
        };
        for live in all {
            let (dropped, fill_permille) = live.count(Instant::now())?;
            health.dropped += dropped;
            health.fill_permille = health.fill_permille.max(fill_permille);
            health.listening |= live.is_listening()?;
        }
        Ok(health)
    }

    /// Up to where each interface is accounted for, as far as that can be known.
    #[must_use]
    pub fn accounted(&self) -> Vec<Accounted> {
        match &self.0 {
            Kind::Live { all, .. } => all.iter().filter_map(Live::accounted).collect(),
            Kind::Replay(_) => Vec::new(),
        }
    }

    /// Captures that could not be read to their end.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        match &self.0 {
            Kind::Live { .. } => 0,
            Kind::Replay(replay) => replay.damaged(),
        }
    }
}

/// Frames that interfaces received between two runs of the sensor; `None` when nothing is known about any of them.
#[must_use]
pub fn missed(before: &[Accounted], now: &[Accounted]) -> Option<u64> {
    let differences = now.iter().filter_map(|now| {
        let same = |before: &&Accounted| before.interface == now.interface && before.identity == now.identity;
        now.received.checked_sub(before.iter().find(same)?.received)
    });
    differences.reduce(u64::saturating_add)
}

/// How long the sensor sleeps where blocks come quickly, so that it is woken for some of them together: to be woken costs
/// as much as many frames.
#[derive(Debug)]
struct Rest {
    time: Duration,
    /// Whether blocks come more quickly than that.
    is_due: bool,
}

/// Longest rest, and the part of it that a MiB of a ring is good for: a ring then is full only where more than 800 MB of
/// frames come in a second.
const REST_MAX: Duration = Duration::from_millis(40);
const REST_PER_MIB: Duration = Duration::from_micros(1250);

impl Rest {
    fn of(settings: &Settings) -> Rest {
        Rest {
            time: REST_MAX.min(REST_PER_MIB * settings.ring_mib),
            is_due: false,
        }
    }

    fn take(&self) {
        if self.is_due {
            std::thread::sleep(self.time);
        }
    }
}

fn read_live(all: &mut [Live], next: &mut usize, rest: &mut Rest, wait: Duration, visit: impl FnMut(Frame<'_>)) -> Result<Round> {
    let mut round = Round::default();
    let count = all.len();
    let ready = |all: &[Live], next: usize| (0..count).map(|ahead| (next + ahead) % count).find(|&at| all[at].is_ready());
    let mut found = ready(all, *next);
    if found.is_none() {
        let now = Instant::now();
        if all.iter().all(|live| live.is_drained(now)) {
            round.ended = true;
            return Ok(round);
        }
        rest.take();
        found = ready(all, *next);
    }
    if found.is_none() {
        let begun = Instant::now();
        let sockets: Vec<_> = all.iter().map(AsFd::as_fd).collect();
        ring::poll(&sockets, wait)?;
        found = ready(all, *next);
        rest.is_due = found.is_some() && begun.elapsed() < rest.time;
        if found.is_none() {
            all.iter().for_each(Live::note_error);
        }
    }
    if let Some(at) = found {
        *next = (at + 1) % count;
        round.frames = all[at].read(u32::try_from(at).unwrap_or(u32::MAX), visit);
    }
    Ok(round)
}

impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Live { all, .. } => formatter.debug_tuple("Live").field(all).finish(),
            Kind::Replay(_) => formatter.write_str("Replay"),
        }
    }
}
