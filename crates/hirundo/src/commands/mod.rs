//! One module a command: options checked first, then the work, then what a person or a program reads.

pub mod ask;
pub mod centre;
pub mod collect;
pub mod docs;
pub mod export;
pub mod ingest;
pub mod known;
pub mod lake;
pub mod quarantine;
pub mod report;
pub mod sensor;
pub mod sensors;
pub mod simulate;
pub mod top;
pub mod trend;

use anyhow::{Context, Result, bail};
use hirundo_lake::{Lake, Location, Session};

use crate::cli::{Cli, Command, Global, Only};
use crate::period::{Day, Period};

/// How a command that ran to its end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// All of it.
    Yes,
    /// The answer is no, or something was left out.
    No,
}

/// Runs a command.
pub fn run(cli: Cli) -> Result<Done> {
    let global = &cli.global;
    match cli.command {
        Command::Ingest(options) => ingest::run(global, &options),
        Command::Top(options) => top::run(global, &options),
        Command::Trend(options) => trend::run(global, &options),
        Command::Report(command) => report::run(global, &command),
        Command::Query(options) => ask::run(global, &options),
        Command::Export(options) => export::run(global, &options),
        Command::Lake(command) => lake::run(global, &command),
        Command::Simulate(options) => simulate::run(global, &options),
        Command::Centre(command) => centre::run(global, &command),
        Command::Sensor(command) => sensor::run(global, &command),
        Command::Sensors(options) => sensors::run(global, &options),
        Command::Collect(options) => collect::run(global, &options),
        Command::Quarantine(command) => quarantine::run(global, &command),
        Command::Known(options) => known::run(global, &options),
        Command::Docs { page } => docs::run(page),
    }
}

/// Where the lake is.
fn location(global: &Global) -> Result<Location> {
    Ok(Location::parse(&global.lake)?)
}

fn open_lake(global: &Global) -> Result<Lake> {
    Ok(Lake::open(&location(global)?)?)
}

fn session(global: &Global, memory_bytes: usize) -> Result<Session> {
    Ok(Session::open(&open_lake(global)?, global.threads, memory_bytes)?)
}

/// Runs a question to its end.
fn block_on<T>(global: &Global, question: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads(global))
        .enable_all()
        .build()
        .context("could not start the threads of the query engine")?;
    runtime.block_on(question)
}

fn threads(global: &Global) -> usize {
    if global.threads > 0 {
        global.threads
    } else {
        std::thread::available_parallelism().map_or(2, usize::from)
    }
}

fn today() -> Day {
    Day::from_date(crate::clock::now().date_naive())
}

/// A period as days; `all` is the span of what is in the lake. `None` for an empty lake.
async fn period(session: &Session, text: &str) -> Result<Option<Period>> {
    if let Some(period) = Period::parse(text, today())? {
        return Ok(Some(period));
    }
    let Some((first, last)) = session.span().await? else {
        return Ok(None);
    };
    Ok(Some(Period::new(Day(first), Day(last))?))
}

/// The options that say which packets count, checked.
fn filter(only: &Only) -> Result<hirundo_lake::Filter> {
    let none = |values: &[String]| -> Vec<String> {
        values
            .iter()
            .map(|value| if value == "none" { String::new() } else { value.clone() })
            .collect()
    };
    Ok(hirundo_lake::Filter {
        sensors: only.sensor.clone(),
        regions: only.region.iter().map(|code| region(code)).collect(),
        ports: only.port.iter().map(|text| port(text)).collect::<Result<_>>()?,
        tools: none(&only.tool),
        marks: none(&only.mark),
        kinds: only.kind.iter().map(|name| kind(name)).collect::<Result<_>>()?,
        networks: only.network.iter().map(|text| asn(text)).collect::<Result<_>>()?,
        scanners: none(&only.scanner),
        sources: only.source.iter().map(|text| network(text)).collect::<Result<_>>()?,
    })
}

/// Region codes are capitals; names of special areas are not.
fn region(text: &str) -> String {
    match text.to_ascii_uppercase().as_str() {
        "UK" => "GB".to_owned(),
        code if code.len() == 2 => code.to_owned(),
        _ => text.to_ascii_lowercase(),
    }
}

fn port(text: &str) -> Result<(u8, Option<u16>)> {
    const FORMS: &str = "hint: write 23/tcp, 53/udp, tcp, udp, icmp, or proto:47";
    let lower = text.to_ascii_lowercase();
    let (port, proto) = lower
        .split_once('/')
        .map_or((None, lower.as_str()), |(port, proto)| (Some(port), proto));
    let number = match proto {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "icmpv6" => 58,
        other => match other.strip_prefix("proto:").and_then(|number| number.parse().ok()) {
            Some(number) => number,
            None => bail!("could not read {text:?} as a port; {FORMS}"),
        },
    };
    let port = port
        .map(|port| {
            port.parse::<u16>()
                .with_context(|| format!("could not read {text:?} as a port; {FORMS}"))
        })
        .transpose()?;
    Ok((number, port))
}

fn kind(name: &str) -> Result<String> {
    let known = hirundo_packet::Kind::ALL.map(hirundo_packet::Kind::name);
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    bail!("there is no kind {name:?}; hint: {}", known.join(", "))
}

fn asn(text: &str) -> Result<u32> {
    let digits = text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text);
    digits
        .parse()
        .with_context(|| format!("could not read {text:?} as an autonomous system; hint: write AS64496"))
}

fn network(text: &str) -> Result<String> {
    let network = text.parse::<ipnet::IpNet>().map(|network| network.to_string());
    let address = text.parse::<std::net::IpAddr>().map(|address| address.to_string());
    network
        .or(address)
        .ok()
        .with_context(|| format!("could not read {text:?} as a network; hint: write 192.0.2.0/24 or an address"))
}
