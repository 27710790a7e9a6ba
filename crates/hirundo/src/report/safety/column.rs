//! What the columns of tables and data hold, and how their cells are read.

use chrono::NaiveDate;

use super::scan::folded;
use crate::period::Day;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// Counts or rates of packets, sources and the like: suppressed when small.
    Count,
    /// Ranks.
    Rank,
    /// Per cent, shares, factors, scores.
    Ratio,
    /// The same, of a count that its own row tells or suppresses together with it: no other count of the row can be
    /// computed from it. The maker vouches for that.
    RatioOfTold,
    /// How much was observed: sensors, days, hours.
    Extent,
    /// The day that the row counts.
    Day,
    /// A time of the day that the row counts.
    Moment,
    /// A day that is a fact of its own: begin of a rise, release of a list.
    Date,
    /// A sensor.
    Sensor,
    /// Addresses of hosts.
    Address,
    /// Names of what is counted: ports, regions, networks.
    Label,
}

/// Heads that are one kind as a whole, in the form of [`folded`].
const WHOLE: [(&[&str], DataKind); 8] = [
    (&["国", "国・地域"], DataKind::Label),
    (
        &[
            "src",
            "dst",
            "src6",
            "dst6",
            "ip",
            "address",
            "source-address",
            "destination-address",
            "victim",
            "victim6",
            "アドレス",
            "ipアドレス",
            "送信元アドレス",
            "宛先アドレス",
        ],
        DataKind::Address,
    ),
    (&["day", "date", "week", "日", "日付", "週", "月日"], DataKind::Day),
    (&["hour", "time", "minute", "timestamp", "時", "時刻", "日時"], DataKind::Moment),
    (&["sensor", "センサー"], DataKind::Sensor),
    (
        &[
            "from",
            "to",
            "first",
            "last",
            "peak",
            "since",
            "until",
            "begin",
            "end",
            "released",
            "開始",
            "終了",
            "開始日",
            "終了日",
            "公開日",
        ],
        DataKind::Date,
    ),
    (&["#", "no", "n"], DataKind::Rank),
    // What part of the network observed says nothing of what it saw.
    (&["observed-share"], DataKind::Extent),
];

/// Words of heads, in order of what they outweigh.
const WORDS: [(&[&str], DataKind); 5] = [
    (
        &[
            "percent",
            "%",
            "share",
            "ratio",
            "factor",
            "growth",
            "surprise",
            "score",
            "probability",
            "epss",
        ],
        DataKind::Ratio,
    ),
    (&["rank", "previous"], DataKind::Rank),
    (
        &[
            "packets",
            "sources",
            "addresses",
            "hosts",
            "victims",
            "attacks",
            "count",
            "bytes",
            "total",
            "mean",
            "median",
        ],
        DataKind::Count,
    ),
    (&["sensors", "days", "hours", "gaps"], DataKind::Extent),
    (
        &[
            "port",
            "ports",
            "protocol",
            "proto",
            "region",
            "asn",
            "as",
            "network",
            "name",
            "label",
            "service",
            "tool",
            "kind",
            "organisation",
            "product",
            "vendor",
            "cve",
            "class",
            "finding",
            "id",
            "version",
            "note",
            "title",
            "text",
            "column",
        ],
        DataKind::Label,
    ),
];

/// Parts of Japanese heads, in order of what they outweigh.
const PARTS: [(&[&str], DataKind); 5] = [
    (
        &["%", "割合", "比率", "倍", "増加率", "減少率", "前期比", "前年比"],
        DataKind::Ratio,
    ),
    (&["順位", "前四半期", "前期"], DataKind::Rank),
    (&["センサー数", "日数", "時間数", "稼働"], DataKind::Extent),
    (&["パケット", "数", "件", "平均", "合計"], DataKind::Count),
    (
        &[
            "ポート",
            "プロトコル",
            "地域",
            "ネットワーク",
            "名",
            "サービス",
            "ツール",
            "種別",
            "組織",
            "製品",
            "脆弱性",
            "備考",
            "内容",
            "版",
        ],
        DataKind::Label,
    ),
];

impl DataKind {
    /// What a column holds, by its head in English or Japanese. What is not known is taken for counts, the kind
    /// that must be careful; heads that are subjects (`23/TCP`) hold counts as well.
    #[must_use]
    pub fn of_head(head: &str) -> DataKind {
        let head = folded(head);
        let head = head.trim();
        if let Some((_, kind)) = WHOLE.iter().find(|(heads, _)| heads.contains(&head)) {
            return *kind;
        }
        let words: Vec<&str> = head.split(|letter: char| !letter.is_alphanumeric()).collect();
        let says = |known: &[&str]| known.iter().any(|word| words.contains(word));
        if says(&["src", "dst", "victim"]) && !says(&["port", "asn", "as", "region", "packets"]) {
            return DataKind::Address;
        }
        let by_word = WORDS.iter().find(|(known, _)| says(known));
        let by_part = PARTS.iter().find(|(known, _)| known.iter().any(|part| head.contains(part)));
        by_word.or(by_part).map_or(DataKind::Count, |(_, kind)| *kind)
    }
}

/// The count in a cell; `None` when there is none: empty, a gap, suppressed (`<10`), words, per cent.
pub(super) fn count(cell: &str) -> Option<f64> {
    let text: String = folded(cell)
        .chars()
        .filter(|letter| !matches!(letter, ',' | ' ' | '\u{a0}' | '\u{202f}'))
        .collect();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    // 12%, 23/TCP, 2022-05-18, 10:00; what else stands behind a number is its unit.
    let is_other = rest.starts_with(['%', '/', '-', ':', '位']);
    let exponent = rest.strip_prefix('e').is_some_and(|power| power.parse::<i32>().is_ok());
    if exponent {
        return text.parse().ok();
    }
    digits.parse().ok().filter(|_| !is_other)
}

/// A number for comparison with counts; exact up to 2^53, which limits are not near.
pub(super) const fn real(number: u64) -> f64 {
    number as f64
}

/// The day that a cell begins with, as ISO 8601.
pub(super) fn day(cell: &str) -> Option<Day> {
    NaiveDate::parse_from_str(cell.trim().get(..10)?, "%Y-%m-%d").ok().map(Day::from)
}

/// The rows of CSV (RFC 4180), heads included; `None` when a quoted field does not end.
pub(super) fn rows(csv: &str) -> Option<Vec<Vec<String>>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut letters = csv.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut field)),
            '\r' if !is_quoted && letters.peek() == Some(&'\n') => {}
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            other => field.push(other),
        }
    }
    if is_quoted {
        return None;
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    Some(rows)
}
