//! What sources do: scans as events, surveys, groups of sources that behave alike, falls of a region's sources, scanners a day.

use super::calendar::Precision;
use super::number::{count, quantity, share_of};
use super::{Context, capitalized, clean};
use crate::{Day, Lang};

/// Ports named of a group.
const PORTS_NAMED_MAX: usize = 6;
/// Regions named of a group.
const REGIONS_NAMED_MAX: usize = 3;
const HOUR_SECS: i64 = 3_600;

/// Scans as events: one source at one port, until it is silent for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanEvents {
    /// First day looked at.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Silence that ends an event, seconds.
    pub timeout_secs: i64,
    /// Events.
    pub events: u64,
    /// Source addresses of them.
    pub sources: u64,
    /// Of the events, those that reached several sensors.
    pub several_sensors: u64,
    /// Of the events, those that went on for several days.
    pub several_days: u64,
    /// One source address in so many was looked at.
    pub one_in: u64,
}

/// Addresses that try many ports in a day, as surveys do.
#[derive(Clone, Debug, PartialEq)]
pub struct Surveyors {
    /// More ports than this.
    pub ports: u64,
    /// Addresses a day, on average.
    pub a_day: f64,
    /// Of them, from the home region.
    pub home_a_day: f64,
    /// The home region, by name in the language of the sentence.
    pub home: String,
}

/// Sources that behave alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Ports that they share, by name.
    pub ports: Vec<String>,
    /// Tool whose mark they share, by name.
    pub tool: Option<String>,
    /// Source addresses, of those looked at.
    pub sources: u64,
    /// One source address in so many was looked at.
    pub one_in: u64,
    /// Regions by name, most first, and addresses of each.
    pub regions: Vec<(String, u64)>,
    /// First day that they were seen, where they were not seen from the beginning.
    pub from: Option<Day>,
    /// Last day, where they were not seen to the end.
    pub to: Option<Day>,
    /// First of the three hours of the day (UTC) that most of them keep to.
    pub clock: Option<u8>,
}

/// How a fall of a region's sources ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallEnd {
    /// With this last day.
    Back(Day),
    /// Not within the period.
    Open,
    /// Not within two weeks: it is the new level.
    Lasting,
}

/// A fall of the number of a region's sources.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionFall {
    /// The region, by name in the language of the sentence.
    pub region: String,
    /// First day.
    pub from: Day,
    /// How it ended.
    pub end: FallEnd,
    /// Source addresses a day that were to be expected.
    pub expected: f64,
    /// Those observed.
    pub observed: f64,
    /// Whether the other regions went on as usual; `None` when too few can be compared.
    pub alone: Option<bool>,
}

/// Research scanners a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScannersDaily {
    /// Organisations.
    pub organisations: u64,
    /// Their source addresses a day, on average.
    pub addresses_a_day: f64,
}

/// "From 1 April to 30 June, 12,345 scan events (one source at one port, until it is silent for 24 hours) of 6,789 source
/// addresses were seen; 12 % of them reached several sensors, and 8 % went on over several days." `None` without events.
#[must_use]
pub fn scan_events(events: &ScanEvents, context: &Context) -> Option<String> {
    let (sensors, days) = (
        share_of(events.several_sensors, events.events, context.lang)?,
        share_of(events.several_days, events.events, context.lang)?,
    );
    let number = |value: u64| {
        if events.one_in > 1 {
            quantity(value as f64 * events.one_in as f64)
        } else {
            Some(count(value))
        }
    };
    let (all, sources) = (number(events.events)?, number(events.sources)?);
    let (about, about_ja) = if events.one_in > 1 { ("about ", "約") } else { ("", "") };
    let sample = match (events.one_in, context.lang) {
        (..=1, _) => String::new(),
        (one_in, Lang::English) => format!(" This is estimated from one source address in {}.", count(one_in)),
        (one_in, Lang::Japanese) => format!(
            "これらの件数は、送信元IPアドレスを{}件につき一件の割合で抽出した推計値です。",
            count(one_in)
        ),
    };
    let silence = silence(events.timeout_secs, context.lang);
    Some(match context.lang {
        Lang::English => format!(
            "{}, {about}{all} scan events (one source address at one port, until it is silent for {silence}) of {about}{sources} source addresses were seen; {sensors} of the events reached several sensors, and {days} went on over several days.{sample}",
            capitalized(&context.stretch(events.from, events.to, Precision::Exact)),
        ),
        Lang::Japanese => format!(
            "{}、送信元IPアドレス{about_ja}{sources}件による{about_ja}{all}件のスキャンイベント（同じ送信元IPアドレスから同じ宛先ポートへの、{silence}以上途絶えることのない一連の送信）を観測しました。このうち複数のセンサーに及んだものは{sensors}、複数の日に及んだものは{days}でした。{sample}",
            context.stretch(events.from, events.to, Precision::Exact),
        ),
    })
}

fn silence(secs: i64, lang: Lang) -> String {
    let (hours, minutes) = (secs / HOUR_SECS, secs % HOUR_SECS / 60);
    match (lang, minutes) {
        (Lang::English, 0) if hours > 1 => format!("{hours} hours"),
        (Lang::Japanese, 0) => format!("{hours}時間"),
        (Lang::English, _) => format!("{} minutes", secs / 60),
        (Lang::Japanese, _) => format!("{}分", secs / 60),
    }
}

/// "On average about 31 source addresses a day sent packets to more than 10 ports, as surveys do; about 4 of them came from Japan."
/// `None` when the numbers make no sense.
#[must_use]
pub fn surveyors(surveyors: &Surveyors, context: &Context) -> Option<String> {
    let all = quantity(surveyors.a_day)?;
    let home = quantity(surveyors.home_a_day)?;
    let home = if surveyors.home_a_day < 1.0 {
        context.either("1件未満".to_owned(), "less than 1".to_owned())
    } else {
        context.either(format!("約{home}件"), format!("about {home}"))
    };
    let (ports, region) = (count(surveyors.ports), clean(&surveyors.home));
    Some(context.either(
        format!("1日（協定世界時）に{ports}を超えるポートへパケットを送信した、調査目的とみられる送信元IPアドレスは1日平均約{all}件で、このうち{region}を送信元地域とするものは{home}でした。"),
        format!("On average about {all} source addresses a day (UTC) sent packets to more than {ports} ports, as surveys do; {home} of them came from {region}."),
    ))
}

/// "120 source addresses, most often from China (45 %) and Vietnam (20 %), sent packets to 23/TCP (telnet) and 2323/TCP with the
/// mark of Mirai." and when. `None` without ports or sources.
#[must_use]
pub fn group(group: &Group, context: &Context) -> Option<String> {
    if group.ports.is_empty() || group.sources == 0 {
        return None;
    }
    let mut ports: Vec<String> = group.ports.iter().take(PORTS_NAMED_MAX).map(|port| clean(port)).collect();
    let more = group.ports.len().saturating_sub(ports.len());
    if more > 0 {
        ports.push(context.either(format!("ほか{more}ポート"), format!("{more} more")));
    }
    let regions: Vec<String> = group
        .regions
        .iter()
        .take(REGIONS_NAMED_MAX)
        .filter_map(|(name, sources)| Some(context.remark(name, &share_of(*sources, group.sources, context.lang)?)))
        .collect();
    let (ports, regions) = (context.list(&ports), context.list(&regions));
    let sources = if group.one_in > 1 {
        let number = quantity(group.sources as f64 * group.one_in as f64)?;
        context.either(format!("約{number}"), format!("about {number}"))
    } else {
        count(group.sources)
    };
    let tool = group.tool.as_ref().map(|tool| clean(tool));
    let (tool_english, tool_japanese) = tool.map_or_else(
        || (String::new(), String::new()),
        |tool| (format!(" with the mark of {tool}"), format!("{tool}の特徴を持つ")),
    );
    let (together_english, together_japanese) = if group.ports.len() > 1 {
        ("the same ports, ", "の組み合わせ")
    } else {
        ("", "")
    };
    let mut texts = vec![context.either(
        format!("{ports}{together_japanese}に{tool_japanese}パケットを送信した送信元IPアドレスが{sources}件ありました。送信元地域は、多い順に{regions}でした。"),
        capitalized(&format!("{sources} source addresses, most often from {regions}, sent packets{tool_english} to {together_english}{ports}.")),
    )];
    let exact = |day| context.at(day, Precision::Exact);
    texts.extend(match (group.from, group.to) {
        (None, None) => None,
        (Some(from), Some(to)) => Some({
            let when = context.stretch(from, to, Precision::Exact);
            context.either(
                format!("観測されたのは、{}です。", trimmed(&when)),
                format!("They were seen {when} only."),
            )
        }),
        (Some(from), None) => Some(context.either(
            format!("観測されたのは、{}以降です。", exact(from)),
            format!("They were first seen {}.", exact(from)),
        )),
        (None, Some(to)) => Some(context.either(
            format!("{}を最後に観測されなくなりました。", exact(to)),
            format!("They were last seen {}.", exact(to)),
        )),
    });
    texts.extend(group.clock.map(|hour| {
        let end = (u32::from(hour) + 3) % 24;
        context.either(
            format!("活動は、協定世界時の{hour}:00から{end}:00までの時間帯に限られていました。"),
            format!("They kept to the hours from {hour}:00 to {end}:00 (UTC)."),
        )
    }));
    Some(texts.join(context.lang.gap()))
}

/// A stretch of days in Japanese before `です`: without particle.
fn trimmed(when: &str) -> String {
    when.strip_suffix("にかけて")
        .map(|range| format!("{range}まで"))
        .or_else(|| when.strip_suffix('に').map(str::to_owned))
        .unwrap_or_else(|| when.to_owned())
}

/// "From 10 to 14 May, the number of source addresses from Iran fell to about 40 a day, where the weeks before let expect about
/// 180; other regions went on as usual." `None` when the numbers make no sense.
#[must_use]
pub fn region_fall(fall: &RegionFall, context: &Context) -> Option<String> {
    let region = clean(&fall.region);
    let (expected, observed) = (quantity(fall.expected)?, quantity(fall.observed)?);
    let when = match fall.end {
        FallEnd::Back(to) => context.stretch(fall.from, to, Precision::Exact),
        FallEnd::Open | FallEnd::Lasting => context.either(
            format!("{}以降", context.at(fall.from, Precision::Exact)),
            format!("from {} on", context.day(fall.from, Precision::Exact)),
        ),
    };
    let mut texts = vec![context.either(
        format!("{when}、{region}を送信元地域とする送信元IPアドレスの数は、それまでの状況から見込まれる1日約{expected}件に対して、約{observed}件に減少しました。"),
        format!("{}, the number of source addresses from {region} fell to about {observed} a day, where the weeks before let expect about {expected}.", capitalized(&when)),
    )];
    texts.extend(match fall.end {
        FallEnd::Back(_) => None,
        FallEnd::Open => Some(context.either(
            format!("{}の終わりまでに回復していません。", context.span().name(context.lang)),
            format!("It had not come back by the end of the {}.", context.span().name(context.lang)),
        )),
        FallEnd::Lasting => Some(context.either(
            "2週間を過ぎても元の水準に戻っていません。".to_owned(),
            "After 2 weeks it was not back at its earlier level.".to_owned(),
        )),
    });
    texts.push(match fall.alone {
        Some(true) => context.either(
            "同じ時期に、他の多くの地域では同様の減少はみられませんでした。".to_owned(),
            "Most other regions did not fall at that time.".to_owned(),
        ),
        Some(false) => context.either(
            "他の地域でも同時に減少しており、観測側の要因によるものと考えられます。".to_owned(),
            "Other regions fell at the same time, so the cause is probably on the side of the observation.".to_owned(),
        ),
        None => context.either(
            "比較できる地域が少ないため、この地域に限られた減少かどうかは判断できません。".to_owned(),
            "Too few other regions can be compared to tell whether it was this region's alone.".to_owned(),
        ),
    });
    Some(texts.join(context.lang.gap()))
}

/// "On an average day, about 54 source addresses of 7 organisations were seen." `None` when the numbers make no sense.
#[must_use]
pub fn scanners_daily(scanners: &ScannersDaily, context: &Context) -> Option<String> {
    let addresses = quantity(scanners.addresses_a_day)?;
    let number = count(scanners.organisations);
    let noun = if scanners.organisations == 1 {
        "organisation"
    } else {
        "organisations"
    };
    Some(context.either(
        format!("これらのスキャンの送信元IPアドレスは、{number}組織で1日平均約{addresses}件でした。"),
        format!("On an average day, about {addresses} source addresses of {number} {noun} were seen."),
    ))
}
