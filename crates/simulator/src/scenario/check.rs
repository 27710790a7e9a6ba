//! From the text of a scenario to one that can be simulated: every name known, every number in range.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use hirundo_packet::encode::Framing;

use super::text::{CurveText, LinkText, OutageText, PlantedText, PopulationText, RegionsText, ScenarioText};
use super::text::{SensorText, SurveyText};
use super::{DAYS_MAX, KNOTS_MAX, PACKETS_MAX, POPULATIONS_MAX, PORTS_MAX, SENSOR_ADDRESSES_MAX, SENSORS_MAX};
use super::{Population, Scenario, Sensor, Survey, Target};
use crate::curve::Curve;
use crate::datagram::protocol;
use crate::day::{Day, parse_minute};
use crate::dice::fnv1a;
use crate::error::SimulatorError;
use crate::planted::{Direction, Planted};
use crate::region::{REGIONS, region_index, region_of};
use crate::rhythm::Pacing;
use crate::tool::Tool;

type Checked<T> = Result<T, SimulatorError>;

/// The version of the form that this simulator reads.
const VERSION: u32 = 1;

/// Reads and checks a whole scenario.
pub(super) fn scenario(source: &str) -> Checked<Scenario> {
    let text: ScenarioText = toml::from_str(source).map_err(|error| SimulatorError::Syntax {
        reason: error.to_string().trim_end().to_owned(),
    })?;
    let (first_day, last_day) = frame(&text)?;
    let sensors: Vec<Sensor> = text.sensors.iter().map(sensor).collect::<Checked<_>>()?;
    unique(text.sensors.iter().map(|sensor| sensor.name.as_str()), "sensors")?;
    apart(&sensors)?;
    let names = text
        .populations
        .iter()
        .map(|p| p.name.as_str())
        .chain(text.surveys.iter().map(|s| s.name.as_str()));
    unique(names, "populations and surveys")?;
    let populations = text.populations.iter().map(|p| population(p, &sensors)).collect::<Checked<_>>()?;
    let surveys = text
        .surveys
        .iter()
        .map(|s| survey(s, (first_day, last_day)))
        .collect::<Checked<_>>()?;
    let planted = text.planted.iter().map(planted).collect::<Checked<_>>()?;
    Ok(Scenario {
        name: text.name,
        description: text.description,
        first_day,
        last_day,
        packets_max: text.packets_max,
        sensors,
        planted,
        populations,
        surveys,
        hash: fnv1a(source.as_bytes()),
    })
}

/// Checks what stands at the top of the file and how much there is of everything; first and last day.
fn frame(text: &ScenarioText) -> Checked<(Day, Day)> {
    if text.version != VERSION {
        let reason = format!("is {}, but this simulator reads version {VERSION}", text.version);
        return Err(SimulatorError::invalid("version", reason));
    }
    name(&text.name, "name")?;
    let (first_day, last_day) = (day(&text.first_day, "first_day")?, day(&text.last_day, "last_day")?);
    if last_day < first_day || last_day.0 - first_day.0 >= DAYS_MAX {
        return Err(SimulatorError::invalid(
            "last_day",
            format!("must be 0 to {} days after first_day", DAYS_MAX - 1),
        ));
    }
    within(text.packets_max, 1, PACKETS_MAX, "packets_max")?;
    within(text.sensors.len() as u64, 1, SENSORS_MAX as u64, "number of sensors")?;
    within(text.populations.len() as u64, 0, POPULATIONS_MAX as u64, "number of populations")?;
    within(text.surveys.len() as u64, 0, POPULATIONS_MAX as u64, "number of surveys")?;
    Ok((first_day, last_day))
}

fn sensor(text: &SensorText) -> Checked<Sensor> {
    let place = format!("sensor {:?}", text.name);
    name(&text.name, &place)?;
    name(&text.group, &format!("{place}, group"))?;
    region(&text.region, &place)?;
    let addresses: Vec<(u32, u32)> = text
        .addresses
        .iter()
        .map(|range| addresses(range, &place))
        .collect::<Checked<_>>()?;
    let count: u64 = addresses.iter().map(|&(_, count)| u64::from(count)).sum();
    within(count, 1, u64::from(SENSOR_ADDRESSES_MAX), &format!("{place}, number of addresses"))?;
    let prefers = text.prefers.iter().map(|(port, factor)| match target(port, &place)? {
        Target::Port(protocol, port) => Ok(((protocol, port), factor_micro(*factor, &format!("{place}, prefers"))?)),
        Target::Any(_) => Err(SimulatorError::invalid(&place, format!("cannot prefer {port:?}; name one port"))),
    });
    Ok(Sensor {
        name: text.name.clone(),
        group: text.group.clone(),
        region: text.region.clone(),
        addresses,
        outages: text.outages.iter().map(|text| outage(text, &place)).collect::<Checked<_>>()?,
        framing: match text.link {
            LinkText::Raw => Framing::RawIp,
            LinkText::Ethernet => Framing::Ethernet,
        },
        weight: factor_micro(text.weight, &format!("{place}, weight"))?,
        prefers: prefers.collect::<Checked<_>>()?,
    })
}

/// `198.18.0.1` or `198.18.0.0/28` as first address and count.
fn addresses(text: &str, place: &str) -> Checked<(u32, u32)> {
    let wrong = |reason: &str| SimulatorError::invalid(place, format!("address {text:?} {reason}"));
    let (address, prefix_len) = text.split_once('/').unwrap_or((text, "32"));
    let first = address
        .parse::<Ipv4Addr>()
        .map_err(|_| wrong("is no IPv4 address or prefix"))?
        .to_bits();
    let prefix_len = prefix_len.parse::<u32>().ok().filter(|len| (20..=32).contains(len));
    let count = 1u32 << (32 - prefix_len.ok_or_else(|| wrong("must have a prefix of 20 to 32 bits"))?);
    if first % count != 0 {
        return Err(wrong("does not start on its boundary"));
    }
    if region_of(first).is_some() {
        return Err(wrong(
            "lies in a block that simulated sources use; hint: take one from 198.18.0.0/15",
        ));
    }
    Ok((first, count))
}

/// No two sensors may share an address: packets could not be told apart.
fn apart(sensors: &[Sensor]) -> Checked<()> {
    let mut ranges: Vec<(u32, u32, &str)> = sensors
        .iter()
        .flat_map(|sensor| sensor.addresses.iter().map(|&(first, count)| (first, count, sensor.name.as_str())))
        .collect();
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        if pair[1].0 - pair[0].0 < pair[0].1 {
            let reason = format!("{:?} and {:?} share addresses", pair[0].2, pair[1].2);
            return Err(SimulatorError::invalid("sensors", reason));
        }
    }
    Ok(())
}

fn outage(text: &OutageText, place: &str) -> Checked<(i64, i64)> {
    let minute = |text: &str| {
        parse_minute(text).ok_or_else(|| {
            SimulatorError::invalid(
                format!("{place}, outages"),
                format!("{text:?} is not YYYY-MM-DD or YYYY-MM-DDTHH:MM"),
            )
        })
    };
    let (from, to) = (minute(&text.from)?, minute(&text.to)?);
    if from >= to {
        return Err(SimulatorError::invalid(format!("{place}, outages"), "`to` must be after `from`"));
    }
    Ok((from, to))
}

fn population(text: &PopulationText, sensors: &[Sensor]) -> Checked<Population> {
    let place = format!("population {:?}", text.name);
    name(&text.name, &place)?;
    within(text.ports.len() as u64, 1, PORTS_MAX as u64, &format!("{place}, number of ports"))?;
    within(u64::from(text.lease_days), 1, 10_000, &format!("{place}, lease_days"))?;
    within(u64::from(text.weekend_percent), 0, 300, &format!("{place}, weekend_percent"))?;
    within(u64::from(text.noise_percent), 0, 100, &format!("{place}, noise_percent"))?;
    let ports = text.ports.iter().map(|(port, weight)| {
        Ok((
            tool_target(text.tool, port, &place)?,
            curve(weight, &format!("{place}, ports, {port:?}"))?,
        ))
    });
    Ok(Population {
        name: text.name.clone(),
        tool: text.tool,
        packets: curve(&text.packets, &format!("{place}, packets"))?,
        sources: curve(&text.sources, &format!("{place}, sources"))?,
        regions: regions(text, &place)?,
        ports: weighted(ports.collect::<Checked<_>>()?, &format!("{place}, ports"))?,
        sensors: reached(text.sensors.as_deref(), sensors, &place)?,
        lease_days: text.lease_days,
        tail: text.tail,
        // An attack's answers come while it lasts.
        pacing: if text.tool == Tool::Backscatter {
            Pacing::Burst
        } else {
            text.pacing
        },
        rhythm: text.rhythm,
        weekend_percent: text.weekend_percent,
        noise_percent: text.noise_percent,
    })
}

/// Regions with their shares of packets and of sources.
fn regions(text: &PopulationText, place: &str) -> Checked<Vec<(usize, Curve, Curve)>> {
    let place = format!("{place}, regions");
    let whole = BTreeMap::new();
    let shares = match &text.regions {
        RegionsText::One(code) => vec![(code, Curve::constant(1.0))],
        RegionsText::Shares(shares) => shares
            .iter()
            .map(|(code, share)| Ok((code, Some(curve(share, &place)?))))
            .collect::<Checked<_>>()?,
    };
    let of_sources = text.source_shares.as_ref().unwrap_or(&whole);
    if let Some(code) = of_sources.keys().find(|code| shares.iter().all(|(known, _)| known != code)) {
        return Err(SimulatorError::invalid(
            &place,
            format!("source_shares names {code:?}, which regions does not"),
        ));
    }
    let mut rows = Vec::new();
    for (code, share) in shares {
        let share = share.ok_or_else(|| SimulatorError::invalid(&place, "share out of range"))?;
        let sources = match of_sources.get(code) {
            Some(share) => curve(share, &format!("{place}, source_shares, {code:?}"))?,
            None if text.source_shares.is_some() => {
                return Err(SimulatorError::invalid(&place, format!("source_shares leaves out {code:?}")));
            }
            None => share.clone(),
        };
        rows.push((region(code, &place)?, share, sources));
    }
    if rows.is_empty() || rows.iter().all(|(_, share, _)| share.is_zero()) {
        return Err(SimulatorError::invalid(&place, "no region has a share"));
    }
    Ok(rows)
}

/// Indices of the sensors named by name or group; all when nothing is named.
fn reached(named: Option<&[String]>, sensors: &[Sensor], place: &str) -> Checked<Vec<usize>> {
    let Some(named) = named else {
        return Ok((0..sensors.len()).collect());
    };
    let is = |sensor: &Sensor, name: &String| sensor.name == *name || sensor.group == *name;
    if let Some(name) = named.iter().find(|name| !sensors.iter().any(|sensor| is(sensor, name))) {
        return Err(SimulatorError::invalid(place, format!("no sensor and no group is called {name:?}")));
    }
    let reached: Vec<usize> = (0..sensors.len())
        .filter(|&at| named.iter().any(|name| is(&sensors[at], name)))
        .collect();
    if reached.is_empty() {
        return Err(SimulatorError::invalid(place, "reaches no sensor"));
    }
    Ok(reached)
}

fn survey(text: &SurveyText, (first, last): (Day, Day)) -> Checked<Survey> {
    let place = format!("survey {:?}", text.name);
    name(&text.name, &place)?;
    within(text.ports.len() as u64, 1, PORTS_MAX as u64, &format!("{place}, number of ports"))?;
    within(u64::from(text.addresses), 1, 10_000, &format!("{place}, addresses"))?;
    within(u64::from(text.every_hours), 1, 10_000, &format!("{place}, every_hours"))?;
    within(u64::from(text.start_hour), 0, 23, &format!("{place}, start_hour"))?;
    within(u64::from(text.sweep_minutes), 1, 1440, &format!("{place}, sweep_minutes"))?;
    let ports = text.ports.iter().map(|port| match tool_target(text.tool, port, &place)? {
        Target::Port(protocol, port) => Ok((protocol, port)),
        Target::Any(_) => Err(SimulatorError::invalid(&place, format!("{port:?} is no single port"))),
    });
    if matches!(text.tool, Tool::Backscatter | Tool::Misconfiguration | Tool::Mirai) {
        return Err(SimulatorError::invalid(
            &place,
            format!("nobody surveys with {:?}", text.tool.name()),
        ));
    }
    let bound = |text: &Option<String>, otherwise| text.as_deref().map_or(Ok(otherwise), |text| day(text, &place));
    Ok(Survey {
        name: text.name.clone(),
        tool: text.tool,
        region: region(&text.region, &place)?,
        addresses: text.addresses,
        ports: ports.collect::<Checked<_>>()?,
        every_hours: text.every_hours,
        start_hour: text.start_hour,
        sweep_minutes: text.sweep_minutes,
        from: bound(&text.from, first)?,
        to: bound(&text.to, last)?,
    })
}

fn planted(text: &PlantedText) -> Checked<Planted> {
    let place = format!("planted {:?}", text.note);
    let (from, to) = (day(&text.from, &place)?, day(&text.to, &place)?);
    if to < from {
        return Err(SimulatorError::invalid(place, "`to` is before `from`"));
    }
    if (text.direction == Direction::Cross) != text.against.is_some() {
        return Err(SimulatorError::invalid(
            place,
            "`against` belongs to direction \"cross\" and to nothing else",
        ));
    }
    if text.factor.is_some_and(|factor| !(0.0..=1e9).contains(&factor)) {
        return Err(SimulatorError::invalid(place, "factor out of range"));
    }
    Ok(Planted {
        what: text.what,
        subject: text.subject.clone(),
        against: text.against.clone(),
        direction: text.direction,
        from,
        to,
        factor: text.factor,
        note: text.note.clone(),
    })
}

/// A port that the tool can send to.
fn tool_target(tool: Tool, text: &str, place: &str) -> Checked<Target> {
    let target = target(text, place)?;
    let (Target::Port(protocol, _) | Target::Any(protocol)) = target;
    if !tool.speaks(protocol) {
        return Err(SimulatorError::invalid(place, format!("{} cannot send to {text:?}", tool.name())));
    }
    Ok(target)
}

/// `23/tcp`, `123/udp`, `any/tcp`, `icmp`.
fn target(text: &str, place: &str) -> Checked<Target> {
    let wrong = || {
        let reason = format!("{text:?} is no port; hint: write \"23/tcp\", \"123/udp\", \"any/tcp\" or \"icmp\"");
        SimulatorError::invalid(place, reason)
    };
    if text == "icmp" {
        return Ok(Target::Port(protocol::ICMP, 0));
    }
    let (port, protocol) = text.split_once('/').ok_or_else(wrong)?;
    let protocol = match protocol {
        "tcp" => protocol::TCP,
        "udp" => protocol::UDP,
        _ => return Err(wrong()),
    };
    if port == "any" {
        return Ok(Target::Any(protocol));
    }
    Ok(Target::Port(protocol, port.parse().map_err(|_| wrong())?))
}

fn curve(text: &CurveText, place: &str) -> Checked<Curve> {
    let curve = match text {
        CurveText::Constant(value) => Curve::constant(*value),
        CurveText::Knots(knots) => {
            within(knots.len() as u64, 1, KNOTS_MAX as u64, &format!("{place}, number of knots"))?;
            let knots = knots.iter().map(|(date, value)| Ok((day(date, place)?, *value)));
            Curve::through(&knots.collect::<Checked<Vec<_>>>()?)
        }
    };
    let reason = "values must be from 0 to 10,000,000 and the dates of knots must rise";
    curve.ok_or_else(|| SimulatorError::invalid(place, reason))
}

fn weighted(ports: Vec<(Target, Curve)>, place: &str) -> Checked<Vec<(Target, Curve)>> {
    if ports.iter().all(|(_, weight)| weight.is_zero()) {
        return Err(SimulatorError::invalid(place, "no port has a weight"));
    }
    Ok(ports)
}

/// A factor from 0 to 1000 in millionths.
fn factor_micro(factor: f64, place: &str) -> Checked<u64> {
    let factor = (0.0..=1000.0).contains(&factor).then(|| Curve::constant(factor)).flatten();
    let factor = factor.ok_or_else(|| SimulatorError::invalid(place, "must be from 0 to 1000"))?;
    Ok(factor.at(Day(0)).unsigned_abs())
}

fn region(code: &str, place: &str) -> Checked<usize> {
    region_index(code).ok_or_else(|| {
        let known: Vec<&str> = REGIONS.iter().map(|region| region.code).collect();
        SimulatorError::invalid(place, format!("unknown region {code:?}; hint: known are {}", known.join(" ")))
    })
}

fn day(text: &str, place: &str) -> Checked<Day> {
    Day::parse(text).ok_or_else(|| SimulatorError::invalid(place, format!("{text:?} is no date YYYY-MM-DD")))
}

/// Names become folders, so they are short and plain.
fn name(text: &str, place: &str) -> Checked<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if text.len() > 64 || !starts_well || !text.bytes().all(plain) {
        return Err(SimulatorError::invalid(place, "names are 1 to 64 of a-z, 0-9 and hyphen"));
    }
    Ok(())
}

fn unique<'a>(names: impl Iterator<Item = &'a str>, place: &str) -> Checked<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(SimulatorError::invalid(place, format!("{name:?} stands there twice")));
        }
    }
    Ok(())
}

fn within(value: u64, low: u64, high: u64, place: &str) -> Checked<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(SimulatorError::invalid(place, format!("is {value}, must be from {low} to {high}")))
}
