//! What was done: addresses notified by kind of recipient, and how many were still seen later beside those not notified.

use hirundo_analysis::notified::{Group, Outcome, RECENT_DAYS, Share, WINDOW_DAYS};
use hirundo_analysis::sentence::notified::{self as told, Notified};
use hirundo_press::document::{Align, Block, Fact, Inline, Section, Table};

use super::{Desk, count, section};
use crate::report::commentary::Place;
use crate::report::figures::{COUNT_MIN, portion, untold};
use crate::report::followed::Followed;
use crate::report::notified::Recipient;
use crate::report::rows::whole;
use crate::report::safety::{DataKind, Disclosure};

/// Recipients in the table of editions for members.
const RECIPIENTS_SHOWN: usize = 20;
/// What stands where a number would be computed from others.
const UNTOLD: &str = "–";
/// A row of the tables: a kind of recipient, or all.
struct Row<'a> {
    name: String,
    group: &'a Group,
}

impl Desk<'_> {
    /// What was done, with the analyst's words; `None` where nothing was notified and nothing is said.
    pub(super) fn notifications(&mut self) -> Option<Section> {
        let mut part = section("notifications", self.say("対応", "What was done"), Vec::new());
        if let Some(followed) = self.order.followed {
            self.followed(followed, &mut part);
        }
        self.comment(&Place::Notifications, &mut part.blocks);
        (!part.blocks.is_empty()).then_some(part)
    }

    fn followed(&mut self, followed: &Followed, part: &mut Section) {
        let all = &followed.all;
        let mut recipients: Vec<(Recipient, &Group)> = followed.kinds.iter().map(|(kind, group)| (*kind, group)).collect();
        recipients.sort_by_key(|(kind, group)| (std::cmp::Reverse(group.notified), *kind));
        let sizes: Vec<f64> = recipients.iter().map(|(_, group)| group.notified as f64).collect();
        let is_told = untold(&sizes).into_iter().all(|untold| !untold);
        let notified = Notified {
            addresses: all.notified,
            followed: all.followed,
            // From all but one, and the whole, that one could be computed.
            recipients: recipients
                .iter()
                .filter(|_| is_told)
                .map(|(kind, group)| (kind.spoken(self.order.lang).to_owned(), group.notified))
                .collect(),
            least: whole(COUNT_MIN),
        };
        let mut facts = vec![told::notified(&notified, &self.context)];
        if followed.ipv6 > 0 {
            facts.push(self.say("IPv6アドレスへの通知は含まれていません。", "Addresses of IPv6 are not among them."));
        }
        let few = (all.notified as f64) < COUNT_MIN;
        let data = "table-notified";
        if !few {
            let mut rows: Vec<Row<'_>> = recipients
                .iter()
                .map(|(kind, group)| Row {
                    name: kind.label(self.order.lang).to_owned(),
                    group,
                })
                .collect();
            if rows.len() == 1 {
                rows.clear();
            }
            rows.push(Row {
                name: self.say("合計", "All"),
                group: all,
            });
            let table = self.notified_table(followed, &rows);
            part.blocks.push(table);
            part.blocks.push(Block::Facts(self.sourced(facts, data)));
            for (at, outcome) in all.outcomes.iter().enumerate() {
                let id = format!("table-still-seen-{}", outcome.later);
                let is_told = outcome.known as f64 >= COUNT_MIN;
                if is_told {
                    let table = self.still_seen_table(&id, followed, &rows, at);
                    part.blocks.push(table);
                }
                let seen = told::still_seen(outcome, whole(COUNT_MIN), &self.context).into_iter();
                let data = if is_told { id.as_str() } else { data };
                part.blocks.push(Block::Facts(self.sourced(seen.collect(), data)));
            }
            let note = self.compared_note(followed);
            part.blocks.push(Block::Paragraph(vec![Inline::Text(note)]));
            if !self.order.rules.edition.is_public() {
                let table = self.recipient_table(followed);
                part.blocks.push(table);
            }
        } else {
            part.blocks
                .push(Block::Facts(facts.into_iter().map(|text| self.unsourced(text)).collect()));
        }
    }

    fn sourced(&self, texts: Vec<String>, data: &str) -> Vec<Fact> {
        texts.into_iter().map(|text| self.fact(text, data)).collect()
    }

    /// A sentence behind which no data are published.
    fn unsourced(&self, text: String) -> Fact {
        Fact {
            text,
            finding: String::new(),
            data: None,
        }
    }

    fn notified_table(&mut self, followed: &Followed, rows: &[Row<'_>]) -> Block {
        let notified = column(rows, |group| group.notified);
        let recent = column(rows, |group| group.followed);
        let cells = rows.iter().zip(notified).zip(recent);
        let table = Table {
            id: "table-notified".to_owned(),
            caption: self.say("通知した送信元IPアドレスの数", "Source addresses notified"),
            columns: vec![
                (self.say("通知先", "Recipients"), Align::Left),
                (self.say("通知したIPアドレス数", "Addresses notified"), Align::Right),
                (self.say("うち追跡対象のIPアドレス数", "Of them, addresses followed"), Align::Right),
            ],
            rows: cells
                .map(|((row, notified), recent)| vec![row.name.clone(), notified, recent])
                .collect(),
            note: None,
            data: Some("table-notified".to_owned()),
        };
        let note = self.say(
            &format!("期間中に複数回通知したIPアドレスは、最初の通知で数えています。追跡対象は、通知の日までの{RECENT_DAYS}日間に観測されていたもの。"),
            &format!("An address that was notified several times in the period counts with the first. Followed: seen in the {RECENT_DAYS} days up to the notification."),
        );
        let note = Some(self.note(followed, &self.small(&table, &note)));
        self.of_notified(Table { note, ..table }, followed, |_| {})
    }

    /// Those still seen in one of the weeks looked at.
    fn still_seen_table(&mut self, id: &str, followed: &Followed, rows: &[Row<'_>], at: usize) -> Block {
        let outcome = |group: &Group| group.outcomes.get(at).copied().unwrap_or_default();
        let known = column(rows, |group| outcome(group).known);
        let seen = column(rows, |group| outcome(group).seen);
        // An address may serve as comparison for several kinds: these are no parts of a whole.
        let others = rows.iter().map(|row| count(outcome(row.group).others as f64));
        let cells = rows.iter().zip(known).zip(seen).zip(others).map(|(((row, known), seen), others)| {
            let outcome = outcome(row.group);
            let own = share(&known, &seen, outcome.share(), outcome.known as f64);
            let compared = (outcome.others as f64 >= COUNT_MIN && outcome.matched as f64 >= COUNT_MIN).then(|| outcome.others());
            let of_others = compared.flatten().map_or_else(|| UNTOLD.to_owned(), |share| ranged(&share));
            let difference = difference(&outcome, &own, &of_others);
            vec![row.name.clone(), known, seen, own, others, of_others, difference]
        });
        let from = outcome(&followed.all).later;
        let to = from + WINDOW_DAYS - 1;
        let percent = self.say("割合（%）", "Share (%)");
        let of_others = self.say("通知なしの割合（%）", "Share, not notified (%)");
        let difference = self.say("差（ポイント）", "Difference (points)");
        let ratios = [percent.clone(), of_others.clone(), difference.clone()];
        let table = Table {
            id: id.to_owned(),
            caption: self.say(
                &format!("通知の{from}～{to}日後に観測された送信元IPアドレスと、通知していないものとの比較"),
                &format!("Source addresses still seen {from} to {to} days after notification, beside those not notified"),
            ),
            columns: vec![
                (self.say("通知先", "Recipients"), Align::Left),
                (self.say("対象アドレス数", "Addresses"), Align::Right),
                (self.say("観測されたアドレス数", "Addresses seen"), Align::Right),
                (percent, Align::Right),
                (self.say("通知なしのアドレス数", "Addresses not notified"), Align::Right),
                (of_others, Align::Right),
                (difference, Align::Right),
            ],
            rows: cells.collect(),
            note: None,
            data: Some(id.to_owned()),
        };
        let intervals = self.say("括弧内は95%信頼区間。", "In parentheses, 95 % confidence intervals.");
        let note = self.small(&table, &intervals);
        let note = Some(self.note(followed, &note));
        self.of_notified(Table { note, ..table }, followed, |disclosure| {
            disclosure.kinds.extend(ratios.map(|head| (head, DataKind::RatioOfTold)));
        })
    }

    /// A note with what stands in the table for small numbers.
    fn small(&self, table: &Table, note: &str) -> String {
        let is_untold = table.rows.iter().flatten().any(|cell| cell == UNTOLD);
        if !is_untold {
            return note.to_owned();
        }
        self.say(
            &format!("{note}「–」は、数が少ないため、または他の数から少数の値が計算できるため示さないもの。"),
            &format!("{note} –: not told, because it is small or a small number could be computed from it."),
        )
    }

    /// How the comparison is made, and what it does not say.
    fn compared_note(&self, followed: &Followed) -> String {
        let sample = match followed.one_in {
            ..=1 => String::new(),
            one_in => self.say(
                &format!("比較対象は、{one_in}件に1件の割合で抽出しています。"),
                &format!(" One in {one_in} of them was looked at."),
            ),
        };
        self.say(
            &format!("比較対象は、通知した送信元IPアドレスと同じ地域・同じツールの特徴を持ち、最後に観測された日も同じで、その時点で通知していないものです。割合は、通知したものの構成に合わせて重み付けしています。{sample}観測されなくなったことは、必ずしも対処されたことを意味しません（IPアドレスの利用者の変更などにもよります）。また、通知先は無作為に選ばれたものではないため、差のすべてが通知の効果とは限りません。"),
            &format!("Those compared are addresses of the same region, with the mark of the same tool, last seen on the same day, that had not been notified by then; their share is weighted to the mixture of the notified.{sample} An address that is no longer seen has not necessarily been mended; it may have changed hands. And the notified were not chosen by lot, so a difference need not be the work of notification alone."),
        )
    }

    /// A note, with whether the notifications are made up.
    fn note(&self, followed: &Followed, note: &str) -> String {
        if !followed.simulated {
            return note.to_owned();
        }
        self.say(
            &format!("{note}通知はシミュレーションによるものです。"),
            &format!("{note} The notifications are simulated."),
        )
    }

    /// Recipients by name, for members.
    fn recipient_table(&mut self, followed: &Followed) -> Block {
        let named = followed.recipients.iter().take(RECIPIENTS_SHOWN);
        let rows = named.map(|(kind, name, group)| {
            let unnamed = self.say("（名称なし）", "(no name)");
            let mut cells = vec![
                name.clone().unwrap_or(unnamed),
                kind.label(self.order.lang).to_owned(),
                count(group.notified as f64),
            ];
            for outcome in &group.outcomes {
                cells.push(portion(outcome.seen as f64, outcome.known as f64, 0));
            }
            cells
        });
        let seen: Vec<String> = followed
            .all
            .outcomes
            .iter()
            .map(|outcome| {
                let (from, to) = (outcome.later, outcome.later + WINDOW_DAYS - 1);
                self.say(
                    &format!("{from}～{to}日後の割合（%）"),
                    &format!("Share seen {from}–{to} days later (%)"),
                )
            })
            .collect();
        let mut columns = vec![
            (self.say("通知先の名称", "Recipient"), Align::Left),
            (self.say("種別", "Kind"), Align::Left),
            (self.say("通知したIPアドレス数", "Addresses notified"), Align::Right),
        ];
        columns.extend(seen.iter().map(|head| (head.clone(), Align::Right)));
        let name = self.say("通知先の名称", "Recipient");
        let table = Table {
            id: "table-recipients".to_owned(),
            caption: self.say("通知先別の状況", "What became of the addresses, by recipient"),
            columns,
            rows: rows.collect(),
            note: Some(self.note(
                followed,
                &self.say(
                    &format!(
                        "通知したIPアドレスの多い順に{RECIPIENTS_SHOWN}件まで。割合は、追跡対象で結果が分かっているものに占める割合。"
                    ),
                    &format!("The {RECIPIENTS_SHOWN} with most addresses. Shares are of those followed whose outcome is known."),
                ),
            )),
            data: Some("table-recipients".to_owned()),
        };
        self.of_notified(table, followed, |disclosure| {
            disclosure.kinds.insert(name, DataKind::Label);
            disclosure.kinds.extend(seen.into_iter().map(|head| (head, DataKind::RatioOfTold)));
        })
    }

    /// A table of what was counted up to the last day looked at.
    fn of_notified(&mut self, table: Table, followed: &Followed, disclose: impl FnOnce(&mut Disclosure)) -> Block {
        self.table(table, followed.sql.clone(), |disclosure| {
            disclosure.newest = followed.last;
            disclose(disclosure);
        })
    }
}

/// A column of counts: all is the last row and is told when it is not small; of the others none that could be computed.
fn column(rows: &[Row<'_>], of: impl Fn(&Group) -> u64) -> Vec<String> {
    let values: Vec<f64> = rows.iter().map(|row| of(row.group) as f64).collect();
    let (parts, _) = values.split_at(values.len().saturating_sub(1));
    let untold = untold(parts).into_iter().chain([false]);
    let cell = |(value, untold): (&f64, bool)| {
        if untold && *value >= COUNT_MIN {
            UNTOLD.to_owned()
        } else {
            count(*value)
        }
    };
    values.iter().zip(untold).map(cell).collect()
}

/// A share with its interval; of a small count only a bound, of one that is not told nothing.
fn share(known: &str, seen: &str, share: Option<Share>, whole: f64) -> String {
    match share {
        Some(_) if known == UNTOLD || seen == UNTOLD || known.starts_with('<') => UNTOLD.to_owned(),
        Some(_) if seen.starts_with('<') => portion(0.0, whole, 0),
        Some(share) => ranged(&share),
        None => UNTOLD.to_owned(),
    }
}

/// The difference where both shares are told.
fn difference(outcome: &Outcome, own: &str, others: &str) -> String {
    let is_told = |cell: &str| cell.starts_with(|first: char| first.is_ascii_digit());
    let told = outcome.difference().filter(|_| is_told(own) && is_told(others));
    let signed = |part: f64| {
        format!("{:+.0}", part * 100.0)
            .replace('-', "−")
            .replace("+0", "0")
            .replace("−0", "0")
    };
    told.map_or_else(
        || UNTOLD.to_owned(),
        |told| {
            let (low, high) = (signed(told.interval.low), signed(told.interval.high));
            format!("{} ({low} – {high})", signed(told.share))
        },
    )
}

/// `62 (55–69)`.
fn ranged(share: &Share) -> String {
    let percent = |part: f64| format!("{:.0}", part * 100.0);
    format!(
        "{} ({}–{})",
        percent(share.share),
        percent(share.interval.low),
        percent(share.interval.high)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(notified: &[u64]) -> Vec<Group> {
        let group = |notified: &u64| Group {
            notified: *notified,
            ..Group::default()
        };
        notified.iter().map(group).collect()
    }

    #[test]
    fn a_small_kind_cannot_be_computed_from_the_others() {
        for (notified, expected) in [
            (&[84, 20, 5, 109][..], &["84", "–", "<10", "109"][..]),
            (&[84, 25, 109], &["84", "25", "109"]),
            (&[4, 3, 7], &["<10", "<10", "<10"]),
            (&[1_234], &["1,234"]),
            (&[], &[]),
        ] {
            let groups = groups(notified);
            let rows: Vec<Row<'_>> = groups
                .iter()
                .map(|group| Row {
                    name: String::new(),
                    group,
                })
                .collect();
            assert_eq!(column(&rows, |group| group.notified), expected);
        }
    }

    #[test]
    fn shares_and_differences_are_told_only_of_what_is() {
        let outcome = Outcome {
            known: 200,
            seen: 130,
            matched: 200,
            matched_seen: 130,
            others: 1_234,
            others_share: 0.8,
            others_effective: 900.0,
            ..Outcome::default()
        };
        let own = share("200", "130", outcome.share(), 200.0);
        assert_eq!(own, "65 (58–71)");
        assert_eq!(difference(&outcome, &own, "80 (77–82)"), "−15 (−22 – −8)");
        assert_eq!(difference(&outcome, "<5", "80 (77–82)"), UNTOLD);
        assert_eq!(difference(&outcome, &own, UNTOLD), UNTOLD);
        assert_eq!(share("200", "<10", outcome.share(), 200.0), "<5");
        for (known, seen) in [("–", "130"), ("200", "–"), ("<10", "<10")] {
            assert_eq!(share(known, seen, outcome.share(), 200.0), UNTOLD, "{known} {seen}");
        }
        let same = Outcome {
            others_share: 0.652,
            ..outcome
        };
        assert!(
            difference(&same, &own, "65 (62–68)").starts_with("0 ("),
            "{}",
            difference(&same, &own, "65 (62–68)")
        );
    }
}
