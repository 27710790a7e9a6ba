//! Findings in English.

use super::calendar::Precision;
use super::number::{Amount, quantity};
use super::{Link, Opening, Voice, capitalized};
use crate::Day;
use crate::finding::{Course, Finding, Measure, Subject, Trend};

/// What the surge of a day is measured against.
const WEEKS_BEFORE: &str = "the level of the weeks before";

/// Who the sentence is about.
struct Topic {
    /// In lower case, unless it begins with a name.
    text: String,
    /// "They" rather than "it".
    plural: bool,
}

impl Topic {
    fn their(&self) -> &'static str {
        if self.plural { "their" } else { "its" }
    }
}

/// One sentence of findings of the same subject, measure and kind of course.
pub(super) fn sentence(voice: &Voice, group: &[&Finding], opening: Opening) -> String {
    let Some(first) = group.first() else {
        return String::new();
    };
    let topic = topic(voice, first);
    let predicate = predicate(voice, group, &topic);
    let pronoun = if topic.plural { "they" } else { "it" };
    let begin = match opening {
        Opening::Named => topic.text,
        Opening::SourcesOfThese => "the number of source addresses sending these packets".to_owned(),
        Opening::Again(Link::Plain) => pronoun.to_owned(),
        Opening::Again(Link::Then) => format!("then {pronoun}"),
        Opening::Again(Link::AfterThat) => format!("after that, {pronoun}"),
        Opening::Again(Link::Also) => format!("in addition, {pronoun}"),
        Opening::Again(Link::Overall) => format!("overall, {pronoun}"),
    };
    format!("{} {predicate}.", capitalized(&begin))
}

fn topic(voice: &Voice, finding: &Finding) -> Topic {
    match finding.measure {
        Measure::Packets => Topic {
            text: packets(voice, &finding.subject, "packets"),
            plural: true,
        },
        Measure::Sources => Topic {
            text: format!("the number of {}", sources(voice, &finding.subject, "source addresses")),
            plural: false,
        },
    }
}

/// `packets to 23/TCP (telnet)`; with another head `those to 23/TCP (telnet)`.
fn packets(voice: &Voice, subject: &Subject, head: &str) -> String {
    match subject {
        Subject::Total => "all packets".to_owned(),
        Subject::Port { proto, port: None } => format!("{} packets", voice.port(*proto, None)),
        Subject::Port { proto, port } => format!("{head} to {}", voice.port(*proto, *port)),
        Subject::Region(region) => format!("{head} from {}", voice.region(region)),
        Subject::Network(asn) => format!("{head} from {}", voice.network(*asn)),
        Subject::Tool(tool) => format!("{head} with the mark of {}", voice.tool(tool)),
        Subject::ToolRegion { tool, region } => {
            format!("{head} from {} with the mark of {}", voice.region(region), voice.tool(tool))
        }
        Subject::PortRegion { proto, port: None, region } => {
            format!("{} packets from {}", voice.port(*proto, None), voice.region(region))
        }
        Subject::PortRegion { proto, port, region } => {
            format!("{head} to {} from {}", voice.port(*proto, *port), voice.region(region))
        }
    }
}

/// `source addresses sending to 23/TCP (telnet)`; with another head `those sending to 23/TCP (telnet)`.
fn sources(voice: &Voice, subject: &Subject, head: &str) -> String {
    match subject {
        Subject::Total => "all source addresses".to_owned(),
        Subject::Port { proto, port: None } => format!("{head} sending {} packets", voice.port(*proto, None)),
        Subject::Port { proto, port } => format!("{head} sending to {}", voice.port(*proto, *port)),
        Subject::Region(region) => format!("{head} from {}", voice.region(region)),
        Subject::Network(asn) => format!("{head} from {}", voice.network(*asn)),
        Subject::Tool(tool) => format!("{head} sending packets with the mark of {}", voice.tool(tool)),
        Subject::ToolRegion { tool, region } => {
            let (region, tool) = (voice.region(region), voice.tool(tool));
            format!("{head} from {region} sending packets with the mark of {tool}")
        }
        Subject::PortRegion { proto, port: None, region } => {
            let (region, port) = (voice.region(region), voice.port(*proto, None));
            format!("{head} from {region} sending {port} packets")
        }
        Subject::PortRegion { proto, port, region } => {
            format!("{head} from {} sending to {}", voice.region(region), voice.port(*proto, *port))
        }
    }
}

/// What a part of something consists of, for shares: `packets to 23/TCP (telnet) from Japan`.
pub(super) fn packets_of(voice: &Voice, subject: &Subject) -> String {
    packets(voice, subject, "packets")
}

fn predicate(voice: &Voice, group: &[&Finding], topic: &Topic) -> String {
    let Some(finding) = group.first() else {
        return String::new();
    };
    let context = &voice.context;
    match &finding.course {
        Course::Trend(trend) => movement(voice, trend, topic),
        Course::Jump(trend) => jump(voice, trend, topic),
        Course::Bulge {
            from, to, peak, factor, ..
        } => {
            let precision = Precision::of_movement(*from, *to);
            let amount = Amount::of(*factor);
            let (verb, extreme) = match amount.is_more() {
                Some(false) => ("fell", "low"),
                Some(true) | None => ("rose", "peak"),
            };
            format!(
                "{verb} temporarily {}, with a {extreme} {} {}",
                context.stretch(*from, *to, precision),
                context.at(*peak, precision),
                placed(&amount, "the level before and after")
            )
        }
        Course::Swing { from, to, factor, .. } => format!(
            "rose and fell repeatedly {} without a lasting trend, the upper level being {} the lower",
            context.stretch(*from, *to, Precision::Third),
            upper(&Amount::of(*factor))
        ),
        Course::Surge { .. } => surges(voice, group),
        Course::Appear { from, to, level } => appear(voice, finding.measure, (*from, *to), *level),
        Course::Cross { .. } => crosses(voice, group),
        Course::Growth { from, to, factor, .. } => growth(voice, (*from, *to), *factor, topic),
        Course::Steady { .. } => format!("showed no notable change during the {}", context.span().name(context.lang)),
    }
}

/// "at about 5 times the level before", "about 30 % above the level before".
fn placed(amount: &Amount, than: &str) -> String {
    let preposition = match amount {
        Amount::Above(_) | Amount::Below(_) | Amount::SlightlyAbove | Amount::SlightlyBelow | Amount::FromNothing => "",
        Amount::Times(_) | Amount::MoreThanTimes(_) | Amount::Double | Amount::Half | Amount::Same | Amount::Nothing | Amount::Unknown => {
            "at "
        }
    };
    format!("{preposition}{}", level(amount, than))
}

/// "about 5 times the level before"; to stand after "to".
fn level(amount: &Amount, level: &str) -> String {
    match amount {
        Amount::Times(times) => format!("about {times} times {level}"),
        Amount::MoreThanTimes(times) => format!("more than {times} times {level}"),
        Amount::Double => format!("about double {level}"),
        Amount::Above(percent) => format!("about {percent} % above {level}"),
        Amount::Below(percent) => format!("about {percent} % below {level}"),
        Amount::Half => format!("about half {level}"),
        Amount::SlightlyAbove => format!("slightly above {level}"),
        Amount::SlightlyBelow => format!("slightly below {level}"),
        Amount::Same => format!("about {level}"),
        Amount::Nothing => "practically nothing".to_owned(),
        Amount::FromNothing => format!("far above {level}"),
        Amount::Unknown => format!("another level than {level}"),
    }
}

/// "about 5 times" of "the upper level being about 5 times the lower".
fn upper(amount: &Amount) -> String {
    match amount {
        Amount::SlightlyAbove => "slightly above".to_owned(),
        Amount::Same => "about as high as".to_owned(),
        Amount::Nothing | Amount::FromNothing | Amount::Unknown => "far from".to_owned(),
        Amount::Times(_)
        | Amount::MoreThanTimes(_)
        | Amount::Double
        | Amount::Above(_)
        | Amount::Below(_)
        | Amount::Half
        | Amount::SlightlyBelow => level(amount, "").trim_end().to_owned(),
    }
}

/// `, to about 5 times their earlier level`; empty where the verb says it all.
fn change(amount: &Amount, topic: &Topic, earlier: &str) -> String {
    match amount {
        Amount::Times(_) | Amount::MoreThanTimes(_) | Amount::Double => {
            format!(" to {}", level(amount, &format!("{} {earlier} level", topic.their())))
        }
        Amount::Above(percent) | Amount::Below(percent) => format!(" by about {percent} %"),
        Amount::Half => " by about half".to_owned(),
        Amount::Nothing => " to practically nothing".to_owned(),
        Amount::FromNothing => " from practically nothing".to_owned(),
        Amount::SlightlyAbove | Amount::SlightlyBelow | Amount::Same | Amount::Unknown => String::new(),
    }
}

fn verb(amount: &Amount, up: &'static str, down: &'static str) -> &'static str {
    match amount {
        Amount::SlightlyAbove => "rose slightly",
        Amount::SlightlyBelow => "fell slightly",
        Amount::Same => "hardly changed",
        Amount::Unknown => "changed",
        Amount::Times(_) | Amount::MoreThanTimes(_) | Amount::Double | Amount::Above(_) | Amount::FromNothing => up,
        Amount::Below(_) | Amount::Half | Amount::Nothing => down,
    }
}

fn movement(voice: &Voice, trend: &Trend, topic: &Topic) -> String {
    let context = &voice.context;
    let precision = Precision::of_movement(trend.from, trend.to);
    let amount = Amount::of(trend.factor);
    let steeper = super::course::steeper_from(trend, context);
    let manner = match (steeper, super::course::Slope::of(trend)) {
        (None, Some(super::course::Slope::Gentle)) => " gradually",
        (None, Some(super::course::Slope::Steep)) => " steeply",
        (None, None) | (Some(_), _) => "",
    };
    let mut text = verb(&amount, "rose", "fell").to_owned();
    text.push_str(manner);
    match (trend.open, steeper) {
        (false, None) => text.push_str(&format!(" {}", context.stretch(trend.from, trend.to, precision))),
        (true, None) => text.push_str(&format!(" from {} on", context.day(trend.from, precision))),
        (false, Some((day, steeper))) => text.push_str(&format!(
            " {}, more steeply from {} on",
            context.stretch(trend.from, trend.to, precision),
            context.day(day, steeper)
        )),
        (true, Some((day, steeper))) => text.push_str(&format!(
            " from {} on, and more steeply from {} on",
            context.day(trend.from, precision),
            context.day(day, steeper)
        )),
    }
    let earlier = if context.is_beginning(trend.from) { "initial" } else { "earlier" };
    let change = change(&amount, topic, earlier);
    if !change.is_empty() {
        text.push_str(&format!(",{change}"));
    }
    if trend.open {
        let were = if topic.plural { "were" } else { "was" };
        let doing = match amount.is_more() {
            Some(true) => "rising",
            Some(false) => "falling",
            None => "changing",
        };
        text.push_str(&format!(", and {were} still {doing} {}", end_of_series(voice, trend.to)));
    }
    text
}

/// When something was last seen going on.
fn end_of_series(voice: &Voice, to: Day) -> String {
    let context = &voice.context;
    if super::course::is_end(context, to) {
        format!("at the end of the {}", context.span().name(context.lang))
    } else {
        context.at(to, Precision::Exact)
    }
}

fn jump(voice: &Voice, trend: &Trend, topic: &Topic) -> String {
    let context = &voice.context;
    let amount = Amount::of(trend.factor);
    let until = if super::course::is_end(context, trend.from) {
        format!(" until the end of the {}", context.span().name(context.lang))
    } else {
        String::new()
    };
    format!(
        "{}{} {} and stayed at that level{until}",
        verb(&amount, "jumped", "dropped"),
        change(&amount, topic, "earlier"),
        context.at(trend.from, Precision::Exact)
    )
}

fn surges(voice: &Voice, group: &[&Finding]) -> String {
    let context = &voice.context;
    let surges = super::course::Surges::of(group);
    let verb = if surges.up { "surged" } else { "dropped sharply" };
    if let [one] = surges.largest.as_slice() {
        let stretch = context.stretch(one.from, one.to, Precision::Exact);
        let amount = one.factor.map(Amount::of);
        if one.from == one.to {
            return amount.map_or_else(
                || format!("{verb} {stretch}, after practically nothing in the weeks before"),
                |amount| format!("{verb} {stretch} to {}", level(&amount, WEEKS_BEFORE)),
            );
        }
        let extreme = if surges.up { "peak" } else { "low" };
        let peak = context.at(one.peak, Precision::Exact);
        return amount.map_or_else(
            || format!("{verb} {stretch}, with a {extreme} {peak}, after practically nothing in the weeks before"),
            |amount| format!("{verb} {stretch}, with a {extreme} {peak} {}", placed(&amount, WEEKS_BEFORE)),
        );
    }
    let mut is_measure_named = false;
    let items: Vec<String> = surges
        .largest
        .iter()
        .map(|surge| {
            let size = match surge.factor.map(Amount::of) {
                None => "after practically nothing".to_owned(),
                Some(amount) if is_measure_named => upper(&amount),
                Some(amount) => {
                    is_measure_named = true;
                    level(&amount, WEEKS_BEFORE)
                }
            };
            format!("{} ({size})", context.stretch(surge.from, surge.to, Precision::Exact))
        })
        .collect();
    if surges.total > surges.largest.len() {
        return format!("{verb} {} times, most of all {}", surges.total, context.list(&items));
    }
    format!("{verb} {}", context.list(&items))
}

fn appear(voice: &Voice, measure: Measure, days: (Day, Day), rate: f64) -> String {
    let context = &voice.context;
    let (from, to) = days;
    let day = context.at(from, Precision::Exact);
    let begin = match measure {
        Measure::Packets => format!("began to arrive {day}, after practically none before"),
        Measure::Sources => format!("rose from practically nothing {day}"),
    };
    let Some(rate) = quantity(rate) else {
        return begin;
    };
    if from == to {
        return match measure {
            Measure::Packets => format!("came to about {rate} (all sensors together) {day}, after practically none before"),
            Measure::Sources => format!("rose from practically nothing to about {rate} (all sensors together) {day}"),
        };
    }
    let until = if to == context.period.1 {
        format!("the end of the {}", context.span().name(context.lang))
    } else {
        context.day(to, Precision::Exact)
    };
    format!("{begin}, and averaged about {rate} a day (all sensors together) until {until}")
}

fn crosses(voice: &Voice, group: &[&Finding]) -> String {
    let items: Vec<String> = super::course::crossings(group)
        .map(|(other, day, measure)| {
            let other = match measure {
                Measure::Packets => packets(voice, other, "those"),
                Measure::Sources => format!("the number of {}", sources(voice, other, "those")),
            };
            format!("{other} from {} on", voice.context.day(day, Precision::Around))
        })
        .collect();
    format!("exceeded {}", voice.context.list(&items))
}

fn growth(voice: &Voice, days: (Day, Day), factor: f64, topic: &Topic) -> String {
    let context = &voice.context;
    let were = if topic.plural { "were" } else { "was" };
    let amount = Amount::of(factor);
    if days == context.period {
        let first = format!("{} first-week level", topic.their());
        let span = context.span().name(context.lang);
        return format!("{were} {} in the last week of the {span}", placed(&amount, &first));
    }
    let first = format!("{} level in the week from {}", topic.their(), context.day(days.0, Precision::Exact));
    let last = context.day(days.1, Precision::Exact);
    format!("{were}, in the week to {last}, {}", placed(&amount, &first))
}
