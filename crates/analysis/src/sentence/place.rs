//! The same seen from different places: how much, how far apart, and what only one of them sees.

use super::number::{count, quantity, share};
use super::{Context, clean};
use crate::place::{ALIKE_PERCENT, ONLY_RATIO};

/// Ports named of a place.
const PORTS_NAMED_MAX: usize = 5;

/// Packets a day at one sensor, by place.
#[derive(Clone, Debug, PartialEq)]
pub struct Volumes {
    /// Place, by name in the language of the sentence (in English within a sentence), and packets a sensor-day.
    pub places: Vec<(String, f64)>,
    /// Whether every two places differ by less than [`ALIKE_PERCENT`].
    pub alike: bool,
}

/// How far two places differ in what they see.
#[derive(Clone, Debug, PartialEq)]
pub struct Apart {
    /// One, by name in the language of the sentence.
    pub left: String,
    /// The other, likewise.
    pub right: String,
    /// Part of the packets that would have to go to other ports to make the mixtures the same, per cent.
    pub percent: f64,
}

/// "A domestic sensor received about 1,600 packets a day on average, an overseas sensor about 1,700." `None` when the numbers make
/// no sense.
#[must_use]
pub fn volumes(volumes: &Volumes, context: &Context) -> Option<String> {
    let one = |(name, rate): &(String, f64)| {
        let (name, rate) = (clean(name), quantity(*rate)?);
        Some(context.either(format!("{name}で約{rate}件"), format!("about {rate} at {name}")))
    };
    let places: Vec<String> = volumes.places.iter().map(one).collect::<Option<_>>()?;
    if places.len() < 2 {
        return None;
    }
    let list = context.list(&places);
    let alike = format!("{ALIKE_PERCENT:.0}");
    let first = context.either(
        format!("センサー一台が1日に受信したパケット数の平均は、{list}でした。"),
        format!("The packets that one sensor received in a day averaged {list}."),
    );
    let second = if volumes.alike {
        context.either(
            format!("その差は{alike}％未満です。"),
            format!("They differ by less than {alike} %."),
        )
    } else {
        String::new()
    };
    Some(
        [first, second]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(context.lang.gap()),
    )
}

/// "To make the ports of domestic and overseas sensors the same, 12 % of the packets would have to go to other ports." `None` when it
/// is no share.
#[must_use]
pub fn apart(apart: &Apart, context: &Context) -> Option<String> {
    let (left, right) = (clean(&apart.left), clean(&apart.right));
    let percent = share(apart.percent, context.lang)?;
    Some(context.either(
        format!("{left}と{right}とでは、宛先ポートの構成が{percent}異なります（構成を同じにするために、宛先ポートを入れ替える必要のあるパケットの割合）。"),
        format!("Between {left} and {right}, the mixture of ports differs by {percent} (the part of the packets that would have to go to other ports to make it the same)."),
    ))
}

/// "Of the sensors, domestic sensor 1 and overseas sensor 2 differ most in their ports (34 %), …" `None` when it is no share.
#[must_use]
pub fn extremes(most: &Apart, least: &Apart, context: &Context) -> Option<String> {
    let (most_percent, least_percent) = (share(most.percent, context.lang)?, share(least.percent, context.lang)?);
    let pair = |pair: &Apart| {
        let (left, right) = (clean(&pair.left), clean(&pair.right));
        context.either(format!("{left}と{right}"), format!("{left} and {right}"))
    };
    let (apart, near) = (pair(most), pair(least));
    Some(context.either(
        format!("センサー同士では、{apart}の違いが最も大きく（{most_percent}）、{near}の違いが最も小さくなっています（{least_percent}）。"),
        format!("Of single sensors, {apart} differ most ({most_percent}), {near} least ({least_percent})."),
    ))
}

/// "Of the leading ports, (nearly) only overseas sensors saw 5555/TCP." `None` without ports.
#[must_use]
pub fn only_here(place: &str, ports: &[String], context: &Context) -> Option<String> {
    let mut named: Vec<String> = ports.iter().map(|port| clean(port)).take(PORTS_NAMED_MAX).collect();
    if named.is_empty() {
        return None;
    }
    let further = ports.len() - named.len();
    if further > 0 {
        let rest = count(further as u64);
        named.push(context.either(format!("ほか{rest}件"), format!("{rest} more")));
    }
    let (place, list) = (clean(place), context.list(&named));
    Some(context.either(
        format!("上位の宛先ポートのうち、ほぼ{place}のみで観測されたものは、{list}です。"),
        format!("Of the leading ports, (nearly) only {place} saw {list}."),
    ))
}

/// "Of the top 10 ports, 7 are the same at all 6 sensors shown." `None` for fewer than two sensors.
#[must_use]
pub fn common(top: usize, common: usize, sensors: usize, context: &Context) -> Option<String> {
    let (top, common, number) = (count(top as u64), count(common as u64), count(sensors as u64));
    (sensors > 1).then(|| {
        context.either(
            format!("表に示した{number}台のセンサーすべてで上位{top}位に入ったポートは{common}件でした。"),
            format!("Of the top {top} ports, {common} are the same at all {number} sensors shown."),
        )
    })
}

/// What "(nearly) only here" means, for a note.
#[must_use]
pub fn only_here_means(context: &Context) -> String {
    let percent = format!("{:.0}", ONLY_RATIO * 100.0);
    context.either(
        format!("「*」は、ほぼその地点のみで観測されたもの（センサー日あたりの件数が、他の地点ではいずれも{percent}％以下）。"),
        format!("*: seen (nearly) only there; at each other place at most {percent} % as many a sensor-day."),
    )
}
