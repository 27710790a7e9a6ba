//! What was done: addresses notified, and how many of them were still seen later, beside those not notified.

use super::number::{count, share, share_of};
use super::{Context, clean};
use crate::Lang;
use crate::notified::{Outcome, RECENT_DAYS, Share, WINDOW_DAYS};

/// Kinds of recipients named.
const NAMED_MAX: usize = 5;

/// Addresses notified in the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notified {
    /// Addresses.
    pub addresses: u64,
    /// Of them, seen in the days up to the notification.
    pub followed: u64,
    /// Addresses by kind of recipient (in English as it stands after "to"), most first.
    pub recipients: Vec<(String, u64)>,
    /// Counts below this are told as such.
    pub least: u64,
}

/// "In the quarter, 240 source addresses were notified: to internet service providers (83 %) and CSIRTs (17 %)." and how many are
/// followed.
#[must_use]
pub fn notified(notified: &Notified, context: &Context) -> String {
    let span = context.span().name(context.lang);
    if notified.addresses < notified.least {
        let least = count(notified.least);
        return context.either(
            format!("この{span}に通知した送信元IPアドレスは{least}件未満でした。"),
            format!("In the {span}, fewer than {least} source addresses were notified."),
        );
    }
    let told = notified.recipients.iter().filter(|(_, number)| *number >= notified.least);
    let told: Vec<String> = told
        .take(NAMED_MAX)
        .filter_map(|(name, number)| Some(context.remark(name, &share_of(*number, notified.addresses, context.lang)?)))
        .collect();
    let (all, list) = (count(notified.addresses), context.list(&told));
    let first = match (context.lang, told.is_empty()) {
        (Lang::English, true) => format!("In the {span}, {all} source addresses were notified."),
        (Lang::English, false) => format!("In the {span}, {all} source addresses were notified, to {list}."),
        (Lang::Japanese, true) => format!("この{span}に、送信元IPアドレス{all}件について通知を行いました。"),
        (Lang::Japanese, false) => format!("この{span}に、送信元IPアドレス{all}件について通知を行いました。通知先の内訳は{list}です。"),
    };
    let followed = number(notified.followed, notified.least, context.lang);
    let second = context.either(
        format!("このうち、通知の日までの{RECENT_DAYS}日間に観測されていたもの（{followed}）を追跡の対象としました。"),
        format!("Of these, {followed} had been seen in the {RECENT_DAYS} days up to the notification, and are followed here."),
    );
    [first, second].join(context.lang.gap())
}

/// "7 to 13 days later, 130 of 200 addresses (65 %; 95 % interval: 58 to 71 %) were still seen; of 1,234 comparable addresses that
/// were not notified, 80 % (77 to 83 %)." and what that comes to. `None` while nothing is known.
#[must_use]
pub fn still_seen(outcome: &Outcome, least: u64, context: &Context) -> Option<String> {
    let mut texts = Vec::new();
    if outcome.known >= least {
        texts.push(seen(outcome, least, context)?);
        texts.extend(compared(outcome, least, context));
    }
    texts.extend(unknown(outcome, least, context));
    (!texts.is_empty()).then(|| texts.join(context.lang.gap()))
}

/// Days from and to which an address is looked for, as they are said.
fn later(outcome: &Outcome, lang: Lang) -> String {
    let (from, to) = (outcome.later, outcome.later + WINDOW_DAYS - 1);
    match lang {
        Lang::English => format!("{from} to {to} days later"),
        Lang::Japanese => format!("通知の{from}日後から{to}日後までの間"),
    }
}

fn seen(outcome: &Outcome, least: u64, context: &Context) -> Option<String> {
    let (when, known) = (later(outcome, context.lang), count(outcome.known));
    if outcome.seen < least {
        let (seen, most) = (count(least), format!("{:.0}", (100.0 * least as f64 / outcome.known as f64).ceil()));
        return Some(context.either(
            format!("{when}に引き続き観測されたものは、{known}件のうち{seen}件未満（{most}％未満）でした。"),
            format!("{when}, fewer than {seen} of {known} addresses (less than {most} %) were still seen."),
        ));
    }
    let (seen, share) = (count(outcome.seen), outcome.share()?);
    let (percent, interval) = (percent(share.share, context.lang)?, interval(&share, context.lang));
    Some(context.either(
        format!("{when}に引き続き観測されたものは、{known}件のうち{seen}件（{percent}、95％信頼区間は{interval}）でした。"),
        format!("{when}, {seen} of {known} addresses ({percent}; 95 % confidence interval {interval}) were still seen."),
    ))
}

fn compared(outcome: &Outcome, least: u64, context: &Context) -> Vec<String> {
    let told = || {
        let others = outcome.others().filter(|_| outcome.others >= least && outcome.matched >= least)?;
        Some((others, percent(others.share, context.lang)?))
    };
    let Some((others, percent)) = told() else {
        return vec![context.either(
            "比較できる、通知していない送信元IPアドレスが少ないため、比較はできません。".to_owned(),
            "Too few comparable addresses were not notified to tell whether that is less.".to_owned(),
        )];
    };
    let (number, interval) = (count(outcome.others), interval(&others, context.lang));
    let mut texts = vec![context.either(
        format!("通知していない同様の送信元IPアドレス{number}件では、この割合は{percent}（{interval}）でした。"),
        format!("Of {number} comparable addresses that were not notified, {percent} ({interval}) were."),
    )];
    let at_most = Outcome {
        matched_seen: least.saturating_sub(1).min(outcome.matched),
        ..*outcome
    };
    if outcome.seen >= least {
        texts.extend(outcome.difference().map(|difference| difference_of(&difference, context)));
    } else if at_most.difference().is_some_and(|most| most.interval.high < 0.0) {
        // Whatever the small number is, it is less.
        texts.push(context.either(
            "通知した送信元IPアドレスの割合は、これを明らかに下回っています。".to_owned(),
            "The share of the notified is clearly lower.".to_owned(),
        ));
    }
    texts
}

fn difference_of(difference: &Share, context: &Context) -> String {
    if difference.interval.has(0.0) {
        return context.either(
            "両者の差は、偶然によるばらつきの範囲内です。".to_owned(),
            "The difference between the two is no larger than chance alone may make it.".to_owned(),
        );
    }
    let points = |part: f64| format!("{:.0}", (part * 100.0).abs());
    let (by, mut least, mut most) = (points(difference.share), difference.interval.low, difference.interval.high);
    if least.abs() > most.abs() {
        (least, most) = (most, least);
    }
    let (least, most) = (points(least), points(most));
    let (lower, less) = if difference.share < 0.0 {
        ("低く", "lower")
    } else {
        ("高く", "higher")
    };
    context.either(
        format!("通知した送信元IPアドレスの割合は、これより{by}ポイント（{least}～{most}ポイント）{lower}なっています。"),
        format!("The share of the notified is {by} percentage points {less} ({least} to {most})."),
    )
}

fn unknown(outcome: &Outcome, least: u64, context: &Context) -> Vec<String> {
    let when = later(outcome, context.lang);
    let mut texts = Vec::new();
    if outcome.pending > 0 {
        let pending = number(outcome.pending, least, context.lang);
        texts.push(context.either(
            format!("{pending}については、{when}のデータがまだそろっていないため、含めていません。"),
            format!("For {pending} it is not known yet what was seen {when}."),
        ));
    }
    if outcome.unobserved > 0 {
        let unobserved = number(outcome.unobserved, least, context.lang);
        texts.push(context.either(
            format!("{unobserved}については、{when}に観測の中断が多く、判断できません。"),
            format!("For {unobserved} too little was observed {when} to tell."),
        ));
    }
    texts
}

/// A number of addresses; a small one only as such.
fn number(value: u64, least: u64, lang: Lang) -> String {
    match (value < least, lang) {
        (true, Lang::English) => format!("fewer than {}", count(least)),
        (true, Lang::Japanese) => format!("{}件未満", count(least)),
        (false, Lang::English) => count(value),
        (false, Lang::Japanese) => format!("{}件", count(value)),
    }
}

fn percent(part: f64, lang: Lang) -> Option<String> {
    share(part * 100.0, lang)
}

fn interval(share: &Share, lang: Lang) -> String {
    let (low, high) = (share.interval.low * 100.0, share.interval.high * 100.0);
    clean(&match lang {
        Lang::English => format!("{low:.0} to {high:.0} %"),
        Lang::Japanese => format!("{low:.0}～{high:.0}％"),
    })
}
