//! Why something fits, and how well: words for what `correlate` found. They say that it fits, never that it is the cause.

use super::{Context, clean};
use crate::Lang;
use crate::correlate::{Candidate, Chance, Fit, Kind};

/// Up to so many days are told in days,
const DAYS_MAX: u64 = 60;
/// so many in months, and more in years.
const MONTHS_DAYS_MAX: u64 = 730;
const MONTH_DAYS: f64 = 30.44;
const YEAR_DAYS: f64 = 365.25;

impl Fit {
    /// In one word.
    #[must_use]
    pub const fn word(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Fit::Weak, Lang::English) => "weak",
            (Fit::Moderate, Lang::English) => "moderate",
            (Fit::Strong, Lang::English) => "strong",
            (Fit::Weak, Lang::Japanese) => "弱い",
            (Fit::Moderate, Lang::Japanese) => "中程度",
            (Fit::Strong, Lang::Japanese) => "強い",
        }
    }
}

impl Kind {
    /// In one word.
    #[must_use]
    pub const fn word(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Kind::Vulnerability, Lang::English) => "vulnerability",
            (Kind::Malware, Lang::English) => "malware",
            (Kind::Tool, Lang::English) => "tool",
            (Kind::Vulnerability, Lang::Japanese) => "脆弱性",
            (Kind::Malware, Lang::Japanese) => "マルウェア",
            (Kind::Tool, Lang::Japanese) => "ツール",
        }
    }
}

/// The parts of a fit: port, date, mark; one line without full stop.
#[must_use]
pub fn why(candidate: &Candidate, kind: Kind, context: &Context) -> String {
    let parts = [
        port(candidate, kind, context),
        date(candidate, kind, context),
        mark(candidate, context),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let gap = match context.lang {
        Lang::English => "; ",
        Lang::Japanese => "。",
    };
    clean_long(&parts.join(gap))
}

/// How often a candidate as good is there by chance: `23 % of days, 4 % of ports`.
#[must_use]
pub fn chance(chance: Option<Chance>, context: &Context) -> String {
    let Some(chance) = chance else { return "–".to_owned() };
    let (days, ports) = (100.0 * chance.of_days(), 100.0 * chance.of_ports());
    context.either(
        format!("日の{days:.0}％、ポートの{ports:.0}％"),
        format!("{days:.0} % of days, {ports:.0} % of ports"),
    )
}

fn port(candidate: &Candidate, kind: Kind, context: &Context) -> Option<String> {
    if kind == Kind::Tool {
        return None;
    }
    let count = candidate.products;
    Some(match (count, context.lang) {
        (0 | 1, Lang::English) => "the only one known of this port".to_owned(),
        (0 | 1, Lang::Japanese) => "このポートで唯一の既知のもの".to_owned(),
        (_, Lang::English) => format!("one of {count} known of this port"),
        (_, Lang::Japanese) => format!("このポートで既知の{count}件の1つ"),
    })
}

fn date(candidate: &Candidate, kind: Kind, context: &Context) -> Option<String> {
    let after = candidate.days_after?;
    if candidate.founding {
        return Some(context.either("カタログの開始時から掲載".to_owned(), "in the catalogue since it began".to_owned()));
    }
    let span = span(after.unsigned_abs(), context.lang);
    let what = match (kind, context.lang) {
        (Kind::Vulnerability, Lang::English) => "added",
        (Kind::Malware | Kind::Tool, Lang::English) => "seen or reported first",
        (Kind::Vulnerability, Lang::Japanese) => "追加",
        (Kind::Malware | Kind::Tool, Lang::Japanese) => "初めて観測・報告",
    };
    let text = match (after, context.lang) {
        (0, Lang::English) => format!("{what} on the day of the onset"),
        (1.., Lang::English) => format!("{what} {span} after the onset"),
        (_, Lang::English) => format!("{what} {span} before the onset"),
        (0, Lang::Japanese) => format!("増加が始まった日に{what}"),
        (1.., Lang::Japanese) => format!("増加開始の{span}後に{what}"),
        (_, Lang::Japanese) => format!("増加開始の{span}前に{what}"),
    };
    let late = match (candidate.late, context.lang) {
        (false, _) => "",
        (true, Lang::English) => ", published years earlier",
        (true, Lang::Japanese) => "（公表はさらに2年以上前）",
    };
    Some(format!("{text}{late}"))
}

fn mark(candidate: &Candidate, context: &Context) -> Option<String> {
    let percent = candidate.mark_percent?;
    Some(if percent >= 1.0 {
        context.either(
            format!("増加分の{percent:.0}％にその特徴がある"),
            format!("{percent:.0} % of the increase bear its mark"),
        )
    } else {
        context.either(
            "増加分の10％以上を占めるほどの特徴は見られない".to_owned(),
            "its mark is not borne by 10 % of the increase".to_owned(),
        )
    })
}

/// `12 days`, `5 months`, `4 years`, rounded.
fn span(days: u64, lang: Lang) -> String {
    let rounded = |unit: f64| (days as f64 / unit).round();
    let (number, english, japanese) = if days <= DAYS_MAX {
        (days as f64, "day", "日")
    } else if days <= MONTHS_DAYS_MAX {
        (rounded(MONTH_DAYS), "month", "か月")
    } else {
        (rounded(YEAR_DAYS), "year", "年")
    };
    match lang {
        Lang::English if number == 1.0 => format!("{number:.0} {english}"),
        Lang::English => format!("{number:.0} {english}s"),
        Lang::Japanese => format!("{number:.0}{japanese}"),
    }
}

/// One line; its parts are ours, and so bounded.
fn clean_long(text: &str) -> String {
    if text.chars().any(char::is_control) {
        clean(text)
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::Points;

    fn candidate(products: usize, days_after: Option<i64>, late: bool, mark_percent: Option<f64>) -> Candidate {
        Candidate {
            entry: 0,
            points: Points::default(),
            score: 0.0,
            products,
            days_after,
            late,
            founding: false,
            mark_percent,
            chance: None,
            fit: Fit::Weak,
        }
    }

    #[test]
    fn reasons_are_told_part_by_part() {
        let told = |candidate: &Candidate, kind, lang| {
            let context = Context {
                lang,
                period: (19_083, 19_173),
            };
            why(candidate, kind, &context)
        };
        for (given, kind, english, japanese) in [
            (
                candidate(1, Some(12), false, None),
                Kind::Vulnerability,
                "the only one known of this port; added 12 days after the onset",
                "このポートで唯一の既知のもの。増加開始の12日後に追加",
            ),
            (
                candidate(146, Some(-1_200), true, None),
                Kind::Vulnerability,
                "one of 146 known of this port; added 3 years before the onset, published years earlier",
                "このポートで既知の146件の1つ。増加開始の3年前に追加（公表はさらに2年以上前）",
            ),
            (
                candidate(2, Some(-1), false, Some(98.4)),
                Kind::Malware,
                "one of 2 known of this port; seen or reported first 1 day before the onset; 98 % of the increase bear its mark",
                "このポートで既知の2件の1つ。増加開始の1日前に初めて観測・報告。増加分の98％にその特徴がある",
            ),
            (
                candidate(0, None, false, Some(85.0)),
                Kind::Tool,
                "85 % of the increase bear its mark",
                "増加分の85％にその特徴がある",
            ),
        ] {
            assert_eq!(told(&given, kind, Lang::English), english);
            assert_eq!(told(&given, kind, Lang::Japanese), japanese);
        }
        let founding = Candidate {
            founding: true,
            ..candidate(1, Some(-150), true, None)
        };
        let english = "the only one known of this port; in the catalogue since it began";
        assert_eq!(told(&founding, Kind::Vulnerability, Lang::English), english);
        for (days, english, japanese) in [
            (0, "0 days", "0日"),
            (60, "60 days", "60日"),
            (61, "2 months", "2か月"),
            (731, "2 years", "2年"),
        ] {
            assert_eq!(
                (span(days, Lang::English), span(days, Lang::Japanese)),
                (english.to_owned(), japanese.to_owned())
            );
        }
    }
}
