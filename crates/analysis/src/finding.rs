//! What the analyses find: each with its subject, days, size and evidence, so that a sentence can be made and checked.

use serde::{Serialize, Serializer};

use crate::Day;
use crate::course::date;

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Everything.
    Total,
    /// Destination port, or a protocol without ports (ICMP: `proto` 1, `port` none).
    Port {
        /// IP protocol number.
        proto: u8,
        /// Port; `None` for the whole protocol.
        port: Option<u16>,
    },
    /// Region of the sources, ISO 3166-1 alpha-2.
    Region(String),
    /// Autonomous system of the sources.
    Network(u32),
    /// Tool of the packets, by mark (`mirai`).
    Tool(String),
    /// A tool's packets from one region.
    ToolRegion {
        /// Tool.
        tool: String,
        /// Region.
        region: String,
    },
    /// Packets to one port from one region.
    PortRegion {
        /// IP protocol number.
        proto: u8,
        /// Port.
        port: Option<u16>,
        /// Region.
        region: String,
    },
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Packets.
    Packets,
    /// Distinct source addresses a day at each sensor, added up over the sensors.
    Sources,
}

/// What a series did. Rates are a day's, of all sensors as if all had observed all day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// A sustained rise of the 7-day mean (`factor` > 1) or decline (`factor` < 1), from one level to another.
    Trend(Trend),
    /// From one day to the next to another level, and it stayed (up: `factor` > 1; down: `factor` < 1).
    Jump(Trend),
    /// A temporary excursion of at most some weeks: up (or down), and back. Days are begin and end of it.
    Bulge {
        /// First day above (or below) the level around it.
        #[serde(serialize_with = "iso")]
        from: Day,
        /// Last such day.
        #[serde(serialize_with = "iso")]
        to: Day,
        /// Day of the extreme.
        #[serde(serialize_with = "iso")]
        peak: Day,
        /// Level before and after.
        base: f64,
        /// Rate (7-day mean where it lasts that long) at the extreme, divided by the base.
        factor: f64,
    },
    /// Up and down several times without a trend; `factor` is upper divided by lower level.
    Swing {
        /// First day.
        #[serde(serialize_with = "iso")]
        from: Day,
        /// Last day.
        #[serde(serialize_with = "iso")]
        to: Day,
        /// Number of turns.
        turns: u32,
        /// Typical upper level divided by typical lower level.
        factor: f64,
    },
    /// A few days far above (or below) what the weeks before let expect: both gates of the surge rule.
    Surge {
        /// First day.
        #[serde(serialize_with = "iso")]
        from: Day,
        /// Last day.
        #[serde(serialize_with = "iso")]
        to: Day,
        /// Day of the extreme.
        #[serde(serialize_with = "iso")]
        peak: Day,
        /// Median of the weeks before.
        base: f64,
        /// Rate at the extreme divided by the base; `None` when the base is zero.
        factor: Option<f64>,
        /// Whether the other detector (ChangeFinder) says so too.
        seconded: bool,
    },
    /// Practically nothing before `from` (new port), then this much.
    Appear {
        /// First day.
        #[serde(serialize_with = "iso")]
        from: Day,
        /// Last day of it within the period.
        #[serde(serialize_with = "iso")]
        to: Day,
        /// Mean rate from then on.
        level: f64,
    },
    /// Its 7-day mean passes that of `other` for good.
    Cross {
        /// Which it passes.
        other: Subject,
        /// Day from which it lies above.
        #[serde(serialize_with = "iso")]
        day: Day,
    },
    /// Last week of the period divided by the first, whatever lies between.
    Growth {
        /// First day of the first week.
        #[serde(serialize_with = "iso")]
        from: Day,
        /// Last day of the last week.
        #[serde(serialize_with = "iso")]
        to: Day,
        /// Mean of the first week.
        before: f64,
        /// Mean of the last week.
        after: f64,
        /// `after / before`.
        factor: f64,
    },
    /// Nothing worth saying: level within noise.
    Steady {
        /// Mean rate.
        level: f64,
    },
}

/// Days leave the program as people write them: `2022-05-18`.
fn iso<S: Serializer>(day: &Day, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&date(*day))
}

fn iso_or_none<S: Serializer>(day: &Option<Day>, serializer: S) -> Result<S::Ok, S::Error> {
    day.map(date).serialize(serializer)
}

/// From one level to another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trend {
    /// First day of the movement.
    #[serde(serialize_with = "iso")]
    pub from: Day,
    /// Last day of it.
    #[serde(serialize_with = "iso")]
    pub to: Day,
    /// Level at the begin: mean of the week before `from` where there is one, else as fitted.
    pub before: f64,
    /// Level at the end: mean of the last week up to `to`.
    pub after: f64,
    /// `after / before`.
    pub factor: f64,
    /// 95 % interval of the factor.
    pub factor_low: f64,
    /// Its upper end.
    pub factor_high: f64,
    /// Whether the movement was still going on at the end of the series.
    pub open: bool,
    /// When the slope changed notably within the movement ("steeply from June on"): that day.
    #[serde(serialize_with = "iso_or_none")]
    pub steeper_from: Option<Day>,
}

/// A share that something had in a finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// What contributed.
    pub subject: Subject,
    /// Its share of the excess, per cent (0 to 100).
    pub percent: f64,
}

/// Who or what made it, as far as the data say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Origin {
    /// Regions, networks, tools, ports with the largest shares of the excess, largest first.
    pub contributions: Vec<Contribution>,
    /// Share of the packets of the excess that came from the one busiest source, per cent; `None` unknown.
    pub busiest_source_percent: Option<f64>,
    /// Sensors that saw it, of those that observed.
    pub sensors: Option<(u32, u32)>,
}

/// A finding: a course of a subject, how surprising it is, and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Name for people and programs to refer to, the same in every run: `port-23-tcp.packets.trend.2022-05-08`.
    pub id: String,
    /// What it is about.
    pub subject: Subject,
    /// What was counted.
    pub measure: Measure,
    /// What it did.
    pub course: Course,
    /// How far it stands out of the noise: size of the change in standard errors. Larger is more surprising.
    pub surprise: f64,
    /// Where it came from.
    pub origin: Origin,
}

impl Subject {
    /// Name within ids: lower-case letters, digits and hyphens.
    #[must_use]
    pub fn slug(&self) -> String {
        let port = |proto: u8, port: Option<u16>| {
            let proto = match proto {
                1 => "icmp".to_owned(),
                6 => "tcp".to_owned(),
                17 => "udp".to_owned(),
                other => format!("proto-{other}"),
            };
            port.map_or_else(|| proto.clone(), |port| format!("{port}-{proto}"))
        };
        let text = match self {
            Subject::Total => "total".to_owned(),
            Subject::Port { proto, port: number } => format!("port-{}", port(*proto, *number)),
            Subject::Region(region) => format!("region-{region}"),
            Subject::Network(asn) => format!("as{asn}"),
            Subject::Tool(tool) => format!("tool-{tool}"),
            Subject::ToolRegion { tool, region } => format!("tool-{tool}-region-{region}"),
            Subject::PortRegion {
                proto,
                port: number,
                region,
            } => format!("port-{}-region-{region}", port(*proto, *number)),
        };
        text.to_lowercase()
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
            .collect()
    }
}

impl Course {
    /// First day it speaks of; `None` for a steady course.
    #[must_use]
    pub fn from(&self) -> Option<Day> {
        match self {
            Course::Trend(trend) | Course::Jump(trend) => Some(trend.from),
            Course::Bulge { from, .. }
            | Course::Swing { from, .. }
            | Course::Surge { from, .. }
            | Course::Appear { from, .. }
            | Course::Growth { from, .. } => Some(*from),
            Course::Cross { day, .. } => Some(*day),
            Course::Steady { .. } => None,
        }
    }

    /// Name of the kind of course, for ids.
    #[must_use]
    pub const fn slug(&self) -> &'static str {
        match self {
            Course::Trend(_) => "trend",
            Course::Jump(_) => "jump",
            Course::Bulge { .. } => "bulge",
            Course::Swing { .. } => "swing",
            Course::Surge { .. } => "surge",
            Course::Appear { .. } => "appear",
            Course::Cross { .. } => "cross",
            Course::Growth { .. } => "growth",
            Course::Steady { .. } => "steady",
        }
    }
}
