//! What was observed and how well: extent, outages, what cannot be seen, false alarms to expect.

use super::calendar::Precision;
use super::number::{count, quantity, share, whole};
use super::{Context, clean};
use crate::{Day, Lang};

/// Regions named in the overview; of more, only their number.
const REGIONS_NAMED_MAX: usize = 12;

/// The extent of the observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Sensors that observed at all.
    pub sensors: u64,
    /// Regions hosting them, by name in the language of the sentence.
    pub regions: Vec<String>,
    /// Days on which any of them observed.
    pub days: u64,
    /// Sensor-days observed, parts of days added up.
    pub sensor_days: f64,
    /// Sensor-days there would have been without outages.
    pub sensor_days_possible: f64,
    /// Packets recorded.
    pub packets: u64,
    /// Distinct source addresses over the whole period.
    pub sources: u64,
    /// Packets lost of those that arrived, per cent; `None` when not known.
    pub lost_percent: Option<f64>,
}

/// Where sensors stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the home region.
    Home,
    /// Elsewhere.
    Abroad,
    /// Not told.
    Anywhere,
}

/// Sensors that observed nothing for whole days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SensorOutage {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Sensors.
    pub sensors: u32,
    /// Where they stand.
    pub place: Place,
}

/// What is too small to be seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Visibility {
    /// Addresses on which all sensors together listen.
    pub addresses: u64,
    /// Packets a second to random addresses of the whole IPv4 space, throughout the period, below which a phenomenon is missed.
    pub rate_pps: f64,
    /// Probability of missing one of just that rate, per cent.
    pub missed_percent: f64,
}

/// Alarms that chance alone makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FalseAlarms {
    /// Expected number over the period.
    pub expected: f64,
    /// Series examined.
    pub series: u64,
}

/// Who observed, for how long, how much, and what was lost: some sentences.
#[must_use]
pub fn overview(overview: &Overview, context: &Context) -> String {
    let text = match context.lang {
        Lang::English => overview_english(overview, context),
        Lang::Japanese => overview_japanese(overview, context),
    };
    text.join(context.lang.gap())
}

fn region_names(overview: &Overview, context: &Context) -> Option<String> {
    let names: Vec<String> = overview.regions.iter().map(|name| clean(name)).collect();
    (!names.is_empty() && names.len() <= REGIONS_NAMED_MAX).then(|| context.list(&names))
}

/// Observed and possible sensor-days and their ratio, where they make sense.
fn sensor_days(overview: &Overview, lang: Lang) -> Option<(String, String, String)> {
    let (observed, possible) = (overview.sensor_days, overview.sensor_days_possible);
    let percent = share(observed / possible * 100.0, lang)?;
    Some((whole(observed)?, whole(possible)?, percent))
}

fn lost(overview: &Overview) -> Option<String> {
    overview.lost_percent.filter(|percent| *percent <= 100.0).and_then(quantity)
}

fn overview_english(overview: &Overview, context: &Context) -> Vec<String> {
    let (first, last) = context.period_days();
    let number = |count_of: u64, one: &str, many: &str| {
        let noun = if count_of == 1 { one } else { many };
        format!("{} {noun}", count(count_of))
    };
    let pronoun = if overview.sensors == 1 { "It" } else { "They" };
    let regions = u64::try_from(overview.regions.len()).unwrap_or(u64::MAX);
    let place = match (regions, region_names(overview, context)) {
        (0, _) => String::new(),
        (1, Some(name)) => format!(" in {name}"),
        (_, Some(names)) => format!(" in {} ({names})", number(regions, "region", "regions")),
        (_, None) => format!(" in {}", number(regions, "region", "regions")),
    };
    let mut texts = vec![format!(
        "From {first} to {last}, {}{place} observed Internet traffic on {}.",
        number(overview.sensors, "sensor", "sensors"),
        number(overview.days, "day", "days")
    )];
    if let Some((observed, possible, percent)) = sensor_days(overview, context.lang) {
        texts.push(format!(
            "{pronoun} observed for {observed} of {possible} possible sensor-days ({percent})."
        ));
    }
    texts.push(format!(
        "{pronoun} recorded {} from {}.",
        number(overview.packets, "packet", "packets"),
        number(overview.sources, "distinct source address", "distinct source addresses")
    ));
    texts.extend(lost(overview).map(|lost| match lost.as_str() {
        "0" => "No packets were lost.".to_owned(),
        some => format!("Of the packets that arrived, {some} % were lost."),
    }));
    texts
}

fn overview_japanese(overview: &Overview, context: &Context) -> Vec<String> {
    let (first, last) = context.period_days();
    let place = match (overview.regions.len(), region_names(overview, context)) {
        (0, _) => String::new(),
        (1, Some(name)) => format!("{name}に設置した"),
        (regions, Some(names)) => format!("{regions}地域（{names}）に設置した"),
        (regions, None) => format!("{regions}地域に設置した"),
    };
    let mut texts = vec![format!(
        "{first}から{last}までの期間、{place}{}台のセンサーにより、{}日にわたって観測を行いました。",
        count(overview.sensors),
        count(overview.days)
    )];
    if let Some((observed, possible, percent)) = sensor_days(overview, context.lang) {
        texts.push(format!(
            "センサーの稼働は、延べ{possible}台日のうち{observed}台日（{percent}）でした。"
        ));
    }
    texts.push(format!(
        "観測したパケットは{}件、送信元IPアドレスは重複を除いて{}件でした。",
        count(overview.packets),
        count(overview.sources)
    ));
    texts.extend(lost(overview).map(|lost| match lost.as_str() {
        "0" => "パケットの損失はありませんでした。".to_owned(),
        some => format!("到着したパケットのうち{some}％が失われました。"),
    }));
    texts
}

/// "From 15 to 17 April one sensor abroad observed nothing; the rates are corrected for this."
#[must_use]
pub fn sensor_outage(outage: &SensorOutage, context: &Context) -> String {
    let when = context.stretch(outage.from, outage.to, Precision::Exact);
    let number = count(u64::from(outage.sensors));
    let (many, noun) = if outage.sensors == 1 {
        ("one".to_owned(), "sensor")
    } else {
        (number.clone(), "sensors")
    };
    let (sensors, place) = match outage.place {
        Place::Home => (format!("{many} domestic {noun}"), "国内の"),
        Place::Abroad => (format!("{many} {noun} abroad"), "海外の"),
        Place::Anywhere => (format!("{many} {noun}"), ""),
    };
    let when_english = when.strip_prefix("on ").map(|day| format!("On {day}"));
    let when_english = when_english.or_else(|| when.strip_prefix("from ").map(|days| format!("From {days}")));
    context.either(
        format!("{when}、{place}センサー{number}台で観測データが得られませんでしたが、1日あたりの値はこれを補正しています。"),
        format!(
            "{}, {sensors} observed nothing; daily rates are corrected for this.",
            when_english.unwrap_or_default()
        ),
    )
}

/// "… a phenomenon that sends fewer than about 0.54 packets a second to random addresses … is missed with a probability of
/// 5 % or more." `None` when the numbers make no sense.
#[must_use]
pub fn visibility(visibility: &Visibility, context: &Context) -> Option<String> {
    let rate = quantity(visibility.rate_pps)?;
    let span = context.span().name(context.lang);
    let missed = share(visibility.missed_percent, context.lang)?;
    let addresses = count(visibility.addresses);
    Some(context.either(
        format!("全センサーの観測対象は合計{addresses}アドレスであり、{span}を通じて毎秒約{rate}パケットに満たない頻度でIPv4アドレス空間全体へ無作為に送信する現象は、{missed}以上の確率で観測できません。"),
        format!("The sensors listen on {addresses} addresses together; a phenomenon that sends fewer than about {rate} packets a second to random addresses of the IPv4 space throughout the {span} is missed with a probability of {missed} or more."),
    ))
}

/// "At 23/TCP (telnet), an increase of less than about 120 packets a day cannot be told from the usual variation." `None`
/// when the rate makes no sense. `name` is what is counted, in the language of the sentence; `rate` a day, of all sensors.
#[must_use]
pub fn detection_limit(name: &str, rate: f64, context: &Context) -> Option<String> {
    let rate = quantity(rate)?;
    let name = clean(name);
    Some(context.either(
        format!("{name}では、1日約{rate}パケット（全センサー合計）に満たない増加は、通常の変動と区別できません。"),
        format!(
            "At {name}, an increase of less than about {rate} packets a day, all sensors together, cannot be told from the usual variation."
        ),
    ))
}

/// "By chance alone about 0.4 false alarms are to be expected among the 350 series examined." `None` when the number makes no sense.
#[must_use]
pub fn false_alarms(alarms: &FalseAlarms, context: &Context) -> Option<String> {
    let expected = quantity(alarms.expected)?;
    let series = count(alarms.series);
    Some(context.either(
        format!("調べた{series}系列では、偶然の変動だけでも約{expected}件の誤検知が見込まれます。"),
        format!("By chance alone about {expected} false alarms are to be expected among the {series} series examined."),
    ))
}
