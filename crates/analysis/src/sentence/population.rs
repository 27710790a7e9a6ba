//! What the sources are: tools, known scanners, victims, device classes, and the ports they go to together.

use super::number::{count, share_of};
use super::{Context, capitalized, clean};
use crate::Day;

/// Items named in one sentence.
const NAMED_MAX: usize = 4;

/// How many of the sources of one port went to another too.
#[derive(Clone, Debug, PartialEq)]
pub struct Together {
    /// The port, by name in the language of the sentence.
    pub port: String,
    /// The other port, likewise.
    pub other: String,
    /// Sources of `port`.
    pub sources: u64,
    /// Of them, sources of `other` too.
    pub both: u64,
}

/// A tool's share of what was sent to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolShare {
    /// The port, by name in the language of the sentence.
    pub port: String,
    /// The tool, likewise.
    pub tool: String,
    /// Packets to the port.
    pub packets: u64,
    /// Those with the mark of the tool.
    pub marked: u64,
}

/// What known research scanners sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanners {
    /// All packets.
    pub packets: u64,
    /// Packets by organisation, most first.
    pub organisations: Vec<(String, u64)>,
}

/// Victims of denial of service, seen by what they answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victims {
    /// Distinct addresses.
    pub addresses: u64,
    /// Addresses by region (name in the language of the sentence), most first.
    pub regions: Vec<(String, u64)>,
    /// Addresses by port attacked (likewise), most first.
    pub ports: Vec<(String, u64)>,
}

/// What the sources of a region are, by imported host investigation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices {
    /// Region, by name in the language of the sentence.
    pub region: String,
    /// Addresses investigated that gave an answer: the denominator.
    pub investigated: u64,
    /// Addresses by class of device (as it stands after "were", or before `が`: `video recorders`), most first; unknown ones among them.
    pub classes: Vec<(String, u64)>,
    /// Day of the investigation.
    pub date: Day,
}

/// "52 % of the 1,285 source addresses that sent packets to 5501/TCP also sent packets to 23/TCP (telnet)." `None` when it is no share.
#[must_use]
pub fn together(together: &Together, context: &Context) -> Option<String> {
    let (port, other) = (clean(&together.port), clean(&together.other));
    let share = share_of(together.both, together.sources, context.lang)?;
    let all = count(together.sources);
    Some(context.either(
        format!("{port}宛にパケットを送信した送信元IPアドレス{all}件のうち{share}は、{other}宛にもパケットを送信していました。"),
        capitalized(&format!(
            "{share} of the {all} source addresses that sent packets to {port} also sent packets to {other}."
        )),
    ))
}

/// "Of the 54,555 packets to 23/TCP (telnet), 51,468 (94 %) carried the mark of Mirai." `None` when it is no share.
#[must_use]
pub fn tool_share(part: &ToolShare, context: &Context) -> Option<String> {
    let (port, tool) = (clean(&part.port), clean(&part.tool));
    let percent = share_of(part.marked, part.packets, context.lang)?;
    let (all, marked) = (count(part.packets), count(part.marked));
    Some(if part.marked == part.packets {
        context.either(
            format!("{port}宛のパケット{all}件は、すべて{tool}の特徴を持つものでした。"),
            format!("All of the {all} packets to {port} carried the mark of {tool}."),
        )
    } else {
        context.either(
            format!("{port}宛のパケット{all}件のうち、{marked}件（{percent}）が{tool}の特徴を持つものでした。"),
            format!("Of the {all} packets to {port}, {marked} ({percent}) carried the mark of {tool}."),
        )
    })
}

/// "Of all 9,876 packets, 1,234 (12 %) came from known research scanners; …" `None` when it is no share.
#[must_use]
pub fn scanner_share(scanners: &Scanners, context: &Context) -> Option<String> {
    let sent = scanners
        .organisations
        .iter()
        .fold(0_u64, |sum, (_, packets)| sum.saturating_add(*packets));
    let percent = share_of(sent, scanners.packets, context.lang)?;
    let (sent_text, all) = (count(sent), count(scanners.packets));
    if sent == 0 {
        return Some(context.either(
            format!("全パケット{all}件の中に、既知の調査用スキャナーからのパケットはありませんでした。"),
            format!("None of the {all} packets came from known research scanners."),
        ));
    }
    let items: Vec<String> = named(&scanners.organisations, scanners.packets, context);
    let items = context.list(&items);
    Some(context.either(
        format!(
            "全パケット{all}件のうち{sent_text}件（{percent}）は既知の調査用スキャナーからのもので、全パケットに占める割合を組織別に見ると、多い順に{items}でした。"
        ),
        format!("Of all {all} packets, {sent_text} ({percent}) came from known research scanners; by organisation, the largest shares of all packets: {items}."),
    ))
}

/// The first items with their share of the whole in parentheses.
fn named(items: &[(String, u64)], whole: u64, context: &Context) -> Vec<String> {
    items
        .iter()
        .filter(|(_, number)| *number > 0)
        .filter_map(|(name, number)| Some(context.remark(name, &share_of(*number, whole, context.lang)?)))
        .take(NAMED_MAX)
        .collect()
}

/// "Backscatter showed 312 addresses that appear to be victims of denial of service …" and by what they stand out.
#[must_use]
pub fn victims(victims: &Victims, context: &Context) -> String {
    let number = count(victims.addresses);
    let noun = if victims.addresses == 1 {
        "address that appears to be a victim"
    } else {
        "addresses that appear to be victims"
    };
    let mut texts = vec![if victims.addresses == 0 {
        context.either(
            "跳ね返りパケット（バックスキャッター）からは、サービス運用妨害（DoS）攻撃を受けたとみられるIPアドレスは観測されませんでした。"
                .to_owned(),
            "Backscatter showed no address that appears to be a victim of denial of service (DoS) attacks.".to_owned(),
        )
    } else {
        context.either(
            format!("跳ね返りパケット（バックスキャッター）から、サービス運用妨害（DoS）攻撃を受けたとみられるIPアドレスが{number}件観測されました。"),
            format!("Backscatter showed {number} {noun} of denial of service (DoS) attacks."),
        )
    }];
    let regions = named(&victims.regions, victims.addresses, context);
    if !regions.is_empty() {
        let regions = context.list(&regions);
        texts.push(context.either(
            format!("これらのIPアドレスの地域は、多い順に{regions}でした。"),
            format!("By region, they were most often in {regions}."),
        ));
    }
    let ports = named(&victims.ports, victims.addresses, context);
    if !ports.is_empty() {
        let ports = context.list(&ports);
        texts.push(context.either(
            format!("攻撃を受けたとみられるポートは、多い順に{ports}でした。"),
            format!("The attacks went, as far as can be told, most often to {ports}."),
        ));
    }
    texts.join(context.lang.gap())
}

/// "Of 1,200 source addresses from Japan investigated on 5 July 2022, 720 (60 %) were video recorders …" `None` when
/// nothing was investigated or the classes do not fit in.
#[must_use]
pub fn devices(devices: &Devices, context: &Context) -> Option<String> {
    let region = clean(&devices.region);
    let items = devices
        .classes
        .iter()
        .filter(|(_, number)| *number > 0)
        .take(NAMED_MAX)
        .map(|(class, number)| {
            let (class, percent) = (clean(class), share_of(*number, devices.investigated, context.lang)?);
            let number = count(*number);
            Some(context.either(
                format!("{class}が{number}件（{percent}）"),
                format!("{number} ({percent}) were {class}"),
            ))
        })
        .collect::<Option<Vec<String>>>()?;
    if items.is_empty() {
        return None;
    }
    let (items, all, date) = (context.list(&items), count(devices.investigated), context.day_of_year(devices.date));
    Some(context.either(
        format!("{region}を送信元地域とする送信元IPアドレスのうち、{date}に調査した{all}件の内訳は、{items}でした。"),
        format!("Of the {all} source addresses from {region} investigated on {date}, {items}."),
    ))
}
