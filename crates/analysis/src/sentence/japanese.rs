//! Findings in Japanese.
//!
//! Predicates are built as clauses in the continuative form (増加し, となり); the last one becomes the end of the
//! sentence by ました.

use super::calendar::Precision;
use super::number::{Amount, quantity};
use super::{Link, Opening, Voice};
use crate::Day;
use crate::finding::{Course, Finding, Measure, Subject, Trend};

const WEEKS_BEFORE: &str = "直前数週間の水準";

/// One sentence of findings of the same subject, measure and kind of course.
pub(super) fn sentence(voice: &Voice, group: &[&Finding], opening: Opening) -> String {
    let Some(first) = group.first() else {
        return String::new();
    };
    let predicate = predicate(voice, group);
    let begin = match opening {
        Opening::Named => topic(first, noun(voice, &first.subject, first.measure)),
        Opening::SourcesOfThese => topic(first, "これらのパケットの送信元IPアドレス".to_owned()),
        Opening::Again(Link::Plain) => String::new(),
        Opening::Again(Link::Then) => "その後、".to_owned(),
        Opening::Again(Link::AfterThat) => "続いて、".to_owned(),
        Opening::Again(Link::Also) => "また、".to_owned(),
        Opening::Again(Link::Overall) => "全体として、".to_owned(),
    };
    format!("{begin}{predicate}。")
}

/// The noun as a topic: the number of packets in most cases, the packets themselves where they appear.
fn topic(finding: &Finding, noun: String) -> String {
    let particle = match (&finding.course, finding.measure) {
        (Course::Appear { .. }, Measure::Packets) => return format!("{noun}は、"),
        (Course::Steady { .. }, _) => "には、",
        (
            Course::Trend(_)
            | Course::Jump(_)
            | Course::Bulge { .. }
            | Course::Swing { .. }
            | Course::Surge { .. }
            | Course::Appear { .. }
            | Course::Cross { .. }
            | Course::Growth { .. },
            _,
        ) => "は、",
    };
    format!("{}{particle}", number_of(&noun))
}

fn number_of(noun: &str) -> String {
    noun.strip_suffix("全体")
        .map_or_else(|| format!("{noun}数"), |all| format!("{all}の総数"))
}

/// `23/TCP（telnet）宛のパケット`.
fn noun(voice: &Voice, subject: &Subject, measure: Measure) -> String {
    match measure {
        Measure::Packets => packets_of(voice, subject),
        Measure::Sources => sources(voice, subject),
    }
}

/// What a part of something consists of, for shares and as topic: `23/TCP（telnet）宛のパケット`.
pub(super) fn packets_of(voice: &Voice, subject: &Subject) -> String {
    match subject {
        Subject::Total => "パケット全体".to_owned(),
        Subject::Port { proto, port: None } => format!("{}パケット", voice.port(*proto, None)),
        Subject::Port { proto, port } => format!("{}宛のパケット", voice.port(*proto, *port)),
        Subject::Region(region) => format!("{}を送信元地域とするパケット", voice.region(region)),
        Subject::Network(asn) => format!("{}を送信元とするパケット", voice.network(*asn)),
        Subject::Tool(tool) => format!("{}の特徴を持つパケット", voice.tool(tool)),
        Subject::ToolRegion { tool, region } => {
            format!("{}を送信元地域とし、{}の特徴を持つパケット", voice.region(region), voice.tool(tool))
        }
        Subject::PortRegion { proto, port: None, region } => {
            format!("{}を送信元地域とする{}パケット", voice.region(region), voice.port(*proto, None))
        }
        Subject::PortRegion { proto, port, region } => {
            format!(
                "{}を送信元地域とする{}宛のパケット",
                voice.region(region),
                voice.port(*proto, *port)
            )
        }
    }
}

fn sources(voice: &Voice, subject: &Subject) -> String {
    match subject {
        Subject::Total => "送信元IPアドレス全体".to_owned(),
        Subject::Region(region) => format!("{}を送信元地域とする送信元IPアドレス", voice.region(region)),
        Subject::Network(asn) => format!("{}に属する送信元IPアドレス", voice.network(*asn)),
        Subject::Port { .. } | Subject::Tool(_) | Subject::ToolRegion { .. } | Subject::PortRegion { .. } => {
            format!("{}の送信元IPアドレス", packets_of(voice, subject))
        }
    }
}

fn predicate(voice: &Voice, group: &[&Finding]) -> String {
    let Some(finding) = group.first() else {
        return String::new();
    };
    let context = &voice.context;
    match &finding.course {
        Course::Trend(trend) => movement(voice, trend),
        Course::Jump(trend) => jump(voice, trend),
        Course::Bulge {
            from, to, peak, factor, ..
        } => {
            let precision = Precision::of_movement(*from, *to);
            let amount = Amount::of(*factor);
            let (verb, extreme) = match amount.is_more() {
                Some(false) => ("減少", "最も少なかった"),
                Some(true) | None => ("増加", "最も多かった"),
            };
            format!(
                "{}一時的に{verb}し、{extreme}{}には{}ました",
                context.stretch(*from, *to, precision),
                context.day(*peak, precision),
                level(&amount, "前後の水準")
            )
        }
        Course::Swing { from, to, factor, .. } => format!(
            "{}増減を繰り返しましたが、一定の増減傾向は見られず、多い時の水準は少ない時の{}",
            context.stretch(*from, *to, Precision::Third),
            upper(&Amount::of(*factor))
        ),
        Course::Surge { .. } => surges(voice, group),
        Course::Appear { from, to, level } => appear(voice, finding.measure, (*from, *to), *level),
        Course::Cross { .. } => {
            let items: Vec<String> = super::course::crossings(group)
                .map(|(other, day, measure)| {
                    let other = number_of(&noun(voice, other, measure));
                    format!("{}から{other}を", context.day(day, Precision::Around))
                })
                .collect();
            format!("{}上回りました", context.list(&items))
        }
        Course::Growth { from, to, factor, .. } => growth(voice, (*from, *to), *factor),
        Course::Steady { .. } => {
            format!("{}を通じて大きな変化は見られませんでした", context.span().name(context.lang))
        }
    }
}

/// 約5倍に達し: how something stood to a level, as a clause.
fn level(amount: &Amount, level: &str) -> String {
    match amount {
        Amount::Times(times) => format!("{level}の約{times}倍に達し"),
        Amount::MoreThanTimes(times) => format!("{level}の{times}倍を超え"),
        Amount::Double => format!("{level}の約2倍に達し"),
        Amount::Above(percent) => format!("{level}を約{percent}％上回り"),
        Amount::Below(percent) => format!("{level}を約{percent}％下回り"),
        Amount::Half => format!("{level}の約半分となり"),
        Amount::SlightlyAbove => format!("{level}をわずかに上回り"),
        Amount::SlightlyBelow => format!("{level}をわずかに下回り"),
        Amount::Same => format!("{level}とほぼ同じ水準となり"),
        Amount::Nothing => "ほとんど観測されなくなり".to_owned(),
        Amount::FromNothing => format!("{level}を大きく上回り"),
        Amount::Unknown => format!("{level}とは異なる水準となり"),
    }
}

/// 約5倍でした: of 多い時の水準は少ない時の….
fn upper(amount: &Amount) -> String {
    let size = size(amount);
    match amount {
        Amount::Above(_) | Amount::Below(_) | Amount::SlightlyAbove | Amount::SlightlyBelow => {
            format!("水準を{size}ました")
        }
        Amount::Times(_)
        | Amount::MoreThanTimes(_)
        | Amount::Double
        | Amount::Half
        | Amount::Same
        | Amount::Nothing
        | Amount::FromNothing
        | Amount::Unknown => format!("{size}でした"),
    }
}

/// The bare size: 約5倍, 約30％上回り.
fn size(amount: &Amount) -> String {
    match amount {
        Amount::Times(times) => format!("約{times}倍"),
        Amount::MoreThanTimes(times) => format!("{times}倍超"),
        Amount::Double => "約2倍".to_owned(),
        Amount::Above(percent) => format!("約{percent}％上回り"),
        Amount::Below(percent) => format!("約{percent}％下回り"),
        Amount::Half => "約半分".to_owned(),
        Amount::SlightlyAbove => "わずかに上回り".to_owned(),
        Amount::SlightlyBelow => "わずかに下回り".to_owned(),
        Amount::Same => "水準とほぼ同じ".to_owned(),
        Amount::Nothing | Amount::FromNothing | Amount::Unknown => "水準とは大きく異なる値".to_owned(),
    }
}

/// A change done in some manner, as a clause: 緩やかに増加し、それまでの約5倍となり.
fn change(amount: &Amount, manner: &str, (up, down): (&str, &str), earlier: &str) -> String {
    match amount {
        Amount::Times(_) | Amount::MoreThanTimes(_) | Amount::Double if manner.is_empty() => {
            format!("{earlier}の{}に{up}し", size(amount))
        }
        Amount::Times(_) | Amount::MoreThanTimes(_) | Amount::Double => {
            format!("{manner}{up}して、{earlier}の{}となり", size(amount))
        }
        Amount::Above(percent) => format!("{manner}約{percent}％{up}し"),
        Amount::Below(percent) => format!("{manner}約{percent}％{down}し"),
        Amount::Half => format!("{manner}{down}して、{earlier}の約半分となり"),
        Amount::SlightlyAbove => "わずかに増加し".to_owned(),
        Amount::SlightlyBelow => "わずかに減少し".to_owned(),
        Amount::Same => "ほぼ横ばいとなり".to_owned(),
        Amount::Nothing => format!("{manner}{down}して、ほとんど観測されなくなり"),
        Amount::FromNothing => format!("ほとんど観測されていない状態から{manner}{up}し"),
        Amount::Unknown => "変化し".to_owned(),
    }
}

fn movement(voice: &Voice, trend: &Trend) -> String {
    let context = &voice.context;
    let precision = Precision::of_movement(trend.from, trend.to);
    let amount = Amount::of(trend.factor);
    let noun = match amount.is_more() {
        Some(true) => "増加",
        Some(false) => "減少",
        None => "変化",
    };
    let earlier = if context.is_beginning(trend.from) {
        "当初"
    } else {
        "それまで"
    };
    let clause = if let Some((day, steeper)) = super::course::steeper_from(trend, context) {
        let begin = if trend.open {
            format!("{}から{noun}し始め、", context.day(trend.from, precision))
        } else {
            format!("{}{noun}し、特に", context.stretch(trend.from, trend.to, precision))
        };
        let day = context.day(day, steeper);
        format!("{begin}{day}からはより急激に{noun}して{}", total(&amount, noun, earlier))
    } else {
        let manner = match super::course::Slope::of(trend) {
            Some(super::course::Slope::Gentle) => "緩やかに",
            Some(super::course::Slope::Steep) => "急激に",
            None => "",
        };
        let when = if trend.open {
            format!("{}から", context.day(trend.from, precision))
        } else {
            context.stretch(trend.from, trend.to, precision)
        };
        let comma = if manner.is_empty() && when.ends_with("かけて") {
            "、"
        } else {
            ""
        };
        format!("{when}{comma}{}", change(&amount, manner, ("増加", "減少"), earlier))
    };
    if !trend.open {
        return format!("{clause}ました");
    }
    if super::course::is_end(context, trend.to) {
        format!("{clause}、{}末まで{noun}が続きました", context.span().name(context.lang))
    } else {
        format!(
            "{clause}、{}の時点でも{noun}が続いていました",
            context.day(trend.to, Precision::Exact)
        )
    }
}

/// What a movement in two steps came to: 、それまでの約5倍となり.
fn total(amount: &Amount, noun: &str, earlier: &str) -> String {
    match amount {
        Amount::Times(_) | Amount::MoreThanTimes(_) | Amount::Double | Amount::Half => {
            format!("、{earlier}の{}となり", size(amount))
        }
        Amount::Above(percent) | Amount::Below(percent) => format!("、全体で約{percent}％の{noun}となり"),
        Amount::SlightlyAbove | Amount::SlightlyBelow => format!("、全体でわずかな{noun}となり"),
        Amount::Nothing => "、ほとんど観測されなくなり".to_owned(),
        Amount::FromNothing => "、ほとんど観測されていない状態からの増加となり".to_owned(),
        Amount::Same | Amount::Unknown => "、異なる水準となり".to_owned(),
    }
}

fn jump(voice: &Voice, trend: &Trend) -> String {
    let context = &voice.context;
    let until = if super::course::is_end(context, trend.from) {
        format!("{}末まで", context.span().name(context.lang))
    } else {
        "その後も".to_owned()
    };
    format!(
        "{}に{}、{until}その水準が続きました",
        context.day(trend.from, Precision::Exact),
        change(&Amount::of(trend.factor), "", ("急増", "急減"), "それまで")
    )
}

fn surges(voice: &Voice, group: &[&Finding]) -> String {
    let context = &voice.context;
    let surges = super::course::Surges::of(group);
    let verb = if surges.up { "急増" } else { "急減" };
    if let [one] = surges.largest.as_slice() {
        let stretch = context.stretch(one.from, one.to, Precision::Exact);
        let peak = context.day(one.peak, Precision::Exact);
        return match (one.factor.map(Amount::of), one.from == one.to) {
            (None, true) => format!("直前数週間はほとんど観測されていませんでしたが、{stretch}{verb}しました"),
            (None, false) => {
                format!("直前数週間はほとんど観測されていませんでしたが、{stretch}{verb}し、{peak}に最も多くなりました")
            }
            (Some(amount), true) => format!("{stretch}{verb}し、{}ました", level(&amount, WEEKS_BEFORE)),
            (Some(amount), false) => format!("{stretch}{verb}し、{peak}には{}ました", level(&amount, WEEKS_BEFORE)),
        };
    }
    let mut is_measure_named = false;
    let items: Vec<String> = surges
        .largest
        .iter()
        .map(|surge| {
            let days = context
                .range(surge.from, surge.to, Precision::Exact)
                .unwrap_or_else(|| context.day(surge.from, Precision::Exact));
            let size = match surge.factor.map(Amount::of) {
                None => "直前はほとんど観測されず".to_owned(),
                Some(amount) if is_measure_named => against(&amount, "同"),
                Some(amount) => {
                    is_measure_named = true;
                    against(&amount, &format!("{WEEKS_BEFORE}の"))
                }
            };
            format!("{days}（{size}）")
        })
        .collect();
    if surges.total > surges.largest.len() {
        return format!(
            "{}回にわたり{verb}し、特に大きかったのは{}でした",
            surges.total,
            context.list(&items)
        );
    }
    format!("{}に、それぞれ{verb}しました", context.list(&items))
}

/// 直前数週間の水準の約5倍 or 同約5倍, for parentheses.
fn against(amount: &Amount, than: &str) -> String {
    match amount {
        Amount::Times(_) | Amount::MoreThanTimes(_) | Amount::Double | Amount::Half => format!("{than}{}", size(amount)),
        Amount::Above(percent) => format!("{than}約{percent}％増"),
        Amount::Below(percent) => format!("{than}約{percent}％減"),
        Amount::SlightlyAbove => format!("{than}微増"),
        Amount::SlightlyBelow => format!("{than}微減"),
        Amount::Same => "直前数週間と同程度".to_owned(),
        Amount::Nothing => "ほとんど観測されず".to_owned(),
        Amount::FromNothing | Amount::Unknown => "直前数週間とは大きく異なる水準".to_owned(),
    }
}

fn appear(voice: &Voice, measure: Measure, days: (Day, Day), rate: f64) -> String {
    let context = &voice.context;
    let (from, to) = days;
    let begin = context.day(from, Precision::Exact);
    let (before, began, unit) = match measure {
        Measure::Packets => (
            "それまでほとんど観測されていませんでしたが、".to_owned(),
            format!("{begin}から観測されるようになり"),
            "パケット",
        ),
        Measure::Sources => (String::new(), format!("{begin}にほぼゼロの状態から増加し"), "アドレス"),
    };
    let Some(rate) = quantity(rate) else {
        return format!("{before}{began}ました");
    };
    if from == to {
        return match measure {
            Measure::Packets => format!("{before}{begin}に約{rate}{unit}（全センサー合計）が観測されました"),
            Measure::Sources => format!("{begin}にほぼゼロの状態から約{rate}{unit}（全センサー合計）に増加しました"),
        };
    }
    let until = if to == context.period.1 {
        format!("{}末", context.span().name(context.lang))
    } else {
        context.day(to, Precision::Exact)
    };
    format!("{before}{began}、{until}までの平均は1日約{rate}{unit}（全センサー合計）でした")
}

fn growth(voice: &Voice, days: (Day, Day), factor: f64) -> String {
    let context = &voice.context;
    let (last, first) = if days == context.period {
        let span = context.span().name(context.lang);
        (format!("{span}の最終週には"), "最初の週".to_owned())
    } else {
        (
            format!("{}までの週には", context.day(days.1, Precision::Exact)),
            format!("{}からの週", context.day(days.0, Precision::Exact)),
        )
    };
    format!("{last}{}ました", level(&Amount::of(factor), &first))
}
