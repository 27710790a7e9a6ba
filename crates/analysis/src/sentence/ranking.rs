//! What changed in a ranking, and where two rankings differ.

use super::number::{count, rank};
use super::{Context, capitalized, clean};
use crate::ranking::{Previous, Ranking};

/// A place in a ranking and the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rank {
    /// What is ranked, in the language of the sentences.
    pub name: String,
    /// Rank in the period, from 1; `None` when it has none.
    pub rank: Option<u32>,
    /// Rank in the period before.
    pub previous: Previous,
}

impl Rank {
    /// Rank in the period before where it is known by number.
    fn before(&self) -> Option<u32> {
        match self.previous {
            Previous::Rank(place) => Some(place),
            Previous::Outside(_) | Previous::New | Previous::Unobserved => None,
        }
    }
}

/// The entries of a ranking and those that left it, named, for [`ranking_changes`].
pub fn named<K>(ranking: &Ranking<K>, name: impl Fn(&K) -> String) -> Vec<Rank> {
    let entries = ranking.entries.iter().map(|entry| Rank {
        name: name(&entry.key),
        rank: Some(entry.rank),
        previous: entry.previous,
    });
    let left = ranking.left.iter().map(|left| Rank {
        name: name(&left.key),
        rank: left.rank,
        previous: Previous::Rank(left.previous),
    });
    entries.chain(left).collect()
}

/// Places of one region in two rankings by the cumulative number of sources (distinct a day, added up over the days).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankDifference {
    /// Region, in the language of the sentence.
    pub name: String,
    /// Tool, in the language of the sentence.
    pub tool: String,
    /// Rank by the sources of packets with the mark of the tool, from 1.
    pub by_tool: u32,
    /// Rank by all sources, from 1.
    pub by_all: u32,
}

/// What rose, fell, entered and left the first `top` places: a sentence each, or one that nothing changed. Empty when
/// nothing is known of the period before.
///
/// `ranks` holds the first `top` of both periods at least.
#[must_use]
pub fn ranking_changes(ranks: &[Rank], top: u32, context: &Context) -> Vec<String> {
    if top == 0 || ranks.iter().all(|entry| entry.previous == Previous::Unobserved) || ranks.iter().all(|entry| entry.rank.is_none()) {
        return Vec::new();
    }
    let inside = |place: Option<u32>| place.is_some_and(|place| place <= top);
    let mut sorted: Vec<&Rank> = ranks.iter().filter(|entry| entry.previous != Previous::Unobserved).collect();
    sorted.sort_by_key(|entry| (entry.rank.unwrap_or(u32::MAX), entry.before().unwrap_or(u32::MAX), &entry.name));
    let pick = |now: bool, before: bool| -> Vec<&Rank> {
        sorted
            .iter()
            .copied()
            .filter(|entry| inside(entry.rank) == now && inside(entry.before()) == before)
            .collect()
    };
    let span = context.span().name(context.lang);
    let (stayed, entered, left) = (pick(true, true), pick(true, false), pick(false, true));
    let mut texts = Vec::new();
    texts.extend(moves(&stayed, span, context));
    if !entered.is_empty() {
        let items: Vec<String> = entered.iter().map(|entry| entering(entry, span, context)).collect();
        let items = context.list(&items);
        texts.push(context.either(
            format!("{items}が新たに上位{top}位に入りました。"),
            capitalized(&format!("{items} entered the top {top}.")),
        ));
    }
    if !left.is_empty() {
        let items: Vec<String> = left.iter().map(|entry| leaving(entry, span, context)).collect();
        let items = context.list(&items);
        texts.push(context.either(
            format!("{items}は上位{top}位から外れました。"),
            capitalized(&format!("{items} left the top {top}.")),
        ));
    }
    if texts.is_empty() {
        texts.push(context.either(
            format!("上位{top}位の順位は前{span}から変わりませんでした。"),
            format!("The order of the top {top} did not change from the previous {span}."),
        ));
    }
    texts
}

/// "Compared with the previous quarter, A rose from 2nd to 1st and B fell from 1st to 2nd."
fn moves(stayed: &[&Rank], span: &str, context: &Context) -> Option<String> {
    let places = stayed.iter().filter_map(|entry| Some((entry, entry.rank?, entry.before()?)));
    let moved: Vec<_> = places.filter(|(_, now, before)| now != before).collect();
    if moved.is_empty() {
        return None;
    }
    let items: Vec<String> = moved
        .into_iter()
        .map(|(entry, now, before)| {
            let name = clean(&entry.name);
            let (now_text, before_text) = (rank(now, context.lang), rank(before, context.lang));
            let (japanese, english) = if now < before { ("上昇", "rose") } else { ("下降", "fell") };
            context.either(
                format!("{name}は{before_text}から{now_text}に{japanese}し"),
                format!("{name} {english} from {before_text} to {now_text}"),
            )
        })
        .collect();
    let items = context.list(&items);
    Some(context.either(
        format!("前{span}と比べて、{items}ました。"),
        format!("Compared with the previous {span}, {items}."),
    ))
}

fn entering(entry: &Rank, span: &str, context: &Context) -> String {
    let remark = match entry.previous {
        Previous::Rank(place) => {
            let place = rank(place, context.lang);
            context.either(format!("前{span}{place}"), format!("{place} before"))
        }
        Previous::Outside(known) => {
            let known = count(u64::from(known));
            context.either(format!("前{span}は{known}位圏外"), format!("outside the top {known} before"))
        }
        Previous::New => context.either(format!("前{span}は観測なし"), "not seen before".to_owned()),
        Previous::Unobserved => context.either(format!("前{span}の順位は不明"), "rank before unknown".to_owned()),
    };
    context.remark(&entry.name, &remark)
}

fn leaving(entry: &Rank, span: &str, context: &Context) -> String {
    let previous = entry.before().map(|place| rank(place, context.lang)).unwrap_or_default();
    let remark = match entry.rank.map(|place| rank(place, context.lang)) {
        Some(now) => context.either(format!("前{span}{previous}、今回{now}"), format!("{previous} before, now {now}")),
        None => context.either(
            format!("前{span}{previous}、今回は順位なし"),
            format!("{previous} before, now not ranked"),
        ),
    };
    context.remark(&entry.name, &remark)
}

/// "Japan ranked 8th by the cumulative number of source addresses with the mark of Mirai, but 19th by that of all." `again`: another region was told of
/// just before.
#[must_use]
pub fn rank_difference(difference: &RankDifference, again: bool, context: &Context) -> String {
    let (name, tool) = (clean(&difference.name), clean(&difference.tool));
    let (by_tool, by_all) = (rank(difference.by_tool, context.lang), rank(difference.by_all, context.lang));
    let measure = context.either(
        "送信元IPアドレスの延べ数（日ごとの異なり数の合計）では、".to_owned(),
        "By the cumulative number of source addresses (distinct each day, added up), ".to_owned(),
    );
    let (begin, name) = if again {
        (String::new(), capitalized(&name))
    } else {
        (measure, name)
    };
    if difference.by_tool == difference.by_all {
        return context.either(
            format!("{begin}{name}は、{tool}の特徴を持つパケットの送信元と全送信元のいずれにおいても{by_all}でした。"),
            format!("{begin}{name} ranked {by_all} both among the sources of packets with the mark of {tool} and among all sources."),
        );
    }
    context.either(
        format!("{begin}{name}は、{tool}の特徴を持つパケットの送信元で{by_tool}、全送信元で{by_all}でした。"),
        format!("{begin}{name} ranked {by_tool} among the sources of packets with the mark of {tool} and {by_all} among all sources."),
    )
}
