//! Where a finding came from: regions, networks, tools, ports, a single source, and how many sensors saw it.

use super::course::rises;
use super::number::{count, share};
use super::{Context, Fact, Names, Voice, english, japanese};
use crate::Lang;
use crate::finding::{Finding, Subject};

/// Contributions named for each kind of subject.
const NAMED_MAX: usize = 3;
/// Shares below this are not worth naming, per cent.
const NAMED_PERCENT_MIN: f64 = 1.0;
/// A single source is worth a sentence from this share on, per cent.
const BUSIEST_PERCENT_MIN: f64 = 5.0;

/// What a contribution is counted by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Region,
    Network,
    Tool,
    Port,
    Mixed,
}

impl Kind {
    fn of(subject: &Subject) -> Option<Self> {
        match subject {
            Subject::Total => None,
            Subject::Region(_) => Some(Kind::Region),
            Subject::Network(_) => Some(Kind::Network),
            Subject::Tool(_) => Some(Kind::Tool),
            Subject::Port { .. } => Some(Kind::Port),
            Subject::ToolRegion { .. } | Subject::PortRegion { .. } => Some(Kind::Mixed),
        }
    }
}

/// Where a finding came from, as far as its evidence says: a sentence for each kind of contribution, one for a single busy
/// source, one for the sensors that saw it. Empty where nothing is known.
#[must_use]
pub fn origin(finding: &Finding, names: &dyn Names, context: &Context) -> Vec<Fact> {
    let voice = Voice { names, context: *context };
    let excess = excess(finding, context.lang);
    let mut texts: Vec<String> = [Kind::Region, Kind::Network, Kind::Tool, Kind::Port, Kind::Mixed]
        .into_iter()
        .filter_map(|kind| contributions(&voice, kind, finding))
        .collect();
    texts.extend(
        finding
            .origin
            .busiest_source_percent
            .and_then(|percent| burst(percent, excess, context)),
    );
    texts.extend(finding.origin.sensors.and_then(|sensors| seen_at(sensors, context)));
    texts
        .into_iter()
        .map(|text| Fact {
            text,
            findings: vec![finding.id.clone()],
        })
        .collect()
}

fn excess(finding: &Finding, lang: Lang) -> &'static str {
    match (rises(&finding.course), lang) {
        (Some(true), Lang::English) => "increase",
        (Some(false), Lang::English) => "decrease",
        (None, Lang::English) => "excess",
        (Some(true), Lang::Japanese) => "増加分",
        (Some(false), Lang::Japanese) => "減少分",
        (None, Lang::Japanese) => "超過分",
    }
}

fn contributions(voice: &Voice, kind: Kind, finding: &Finding) -> Option<String> {
    let context = &voice.context;
    let excess = excess(finding, context.lang);
    let falls = rises(&finding.course) == Some(false);
    let items: Vec<(f64, String)> = finding
        .origin
        .contributions
        .iter()
        .filter(|part| Kind::of(&part.subject) == Some(kind) && part.percent >= NAMED_PERCENT_MIN)
        .filter_map(|part| {
            let share = share(part.percent, context.lang)?;
            Some((part.percent, context.remark(&name(voice, &part.subject), &share)))
        })
        .take(NAMED_MAX)
        .collect();
    let ((percent, first), rest) = items.split_first()?;
    let most = *percent > 50.0;
    let rest: Vec<String> = rest.iter().map(|(_, text)| text.clone()).collect();
    Some(match context.lang {
        Lang::English => {
            let part = if most { "Most" } else { "The largest part" };
            let verb = match (kind, falls) {
                (Kind::Region | Kind::Network, false) => "came from",
                (Kind::Tool, false) => "carried the mark of",
                (Kind::Port, false) => "went to",
                (Kind::Mixed, false) => "consisted of",
                (Kind::Region | Kind::Network, true) => "was in packets from",
                (Kind::Tool, true) => "was in packets with the mark of",
                (Kind::Port, true) => "was in packets to",
                (Kind::Mixed, true) => "was in",
            };
            let followed = if rest.is_empty() {
                String::new()
            } else {
                format!(", followed by {}", context.list(&rest))
            };
            format!("{part} of the {excess} {verb} {first}{followed}.")
        }
        Lang::Japanese => {
            let by = match kind {
                Kind::Region => "を送信元地域別に",
                Kind::Network => "を送信元ネットワーク別に",
                Kind::Tool => "をツールの特徴別に",
                Kind::Port => "を宛先ポート別に",
                Kind::Mixed => "の内訳を",
            };
            let part = if most {
                format!("{first}が大部分を占め")
            } else {
                format!("{first}が最も多く")
            };
            match (rest.is_empty(), most) {
                (true, true) => format!("{excess}{by}見ると、{first}が大部分を占めました。"),
                (true, false) => format!("{excess}{by}見ると、{first}が最も多くを占めました。"),
                (false, _) => format!("{excess}{by}見ると、{part}、{}が続きました。", context.list(&rest)),
            }
        }
    })
}

fn name(voice: &Voice, subject: &Subject) -> String {
    match subject {
        Subject::Port { proto, port } => voice.port(*proto, *port),
        Subject::Region(region) => voice.region(region),
        Subject::Network(asn) => voice.network(*asn),
        Subject::Tool(tool) => voice.tool(tool),
        Subject::Total | Subject::ToolRegion { .. } | Subject::PortRegion { .. } => match voice.context.lang {
            Lang::Japanese => japanese::packets_of(voice, subject),
            Lang::English => english::packets_of(voice, subject),
        },
    }
}

fn burst(percent: f64, excess: &str, context: &Context) -> Option<String> {
    if percent < BUSIEST_PERCENT_MIN {
        return None;
    }
    let share = share(percent, context.lang)?;
    Some(if percent > 50.0 {
        context.either(
            format!("{excess}の大部分（{share}）は、単一の送信元IPアドレスからのパケットでした。"),
            format!("Most of the {excess} ({share}) was in packets from a single source address."),
        )
    } else {
        context.either(
            format!("最も多くのパケットを送信した送信元IPアドレスの割合は、{excess}の{share}でした。"),
            format!("Packets from the busiest single source address were {share} of the {excess}."),
        )
    })
}

fn seen_at(sensors: (u32, u32), context: &Context) -> Option<String> {
    let (seeing, observing) = sensors;
    if seeing == 0 || seeing > observing {
        return None;
    }
    let (some, all) = (count(u64::from(seeing)), count(u64::from(observing)));
    Some(match (observing, seeing == observing) {
        (1, _) => return None,
        (_, true) => context.either(
            format!("この変化は、{all}台すべてのセンサーで観測されました。"),
            format!("This was seen at all {all} sensors."),
        ),
        (_, false) => context.either(
            format!("この変化は、{all}台のセンサーのうち{some}台で観測されました。"),
            format!("This was seen at {some} of {all} sensors."),
        ),
    })
}
