//! Words and numbers of charts: readings of values and days, and the text for those who do not see a figure.

use chrono::{Datelike, Weekday};

use super::axis::day_text;
use super::bars::{Bars, Form};
use super::ranks::{ITEMS_MAX, Ranks};
use super::series::{Chart, Line, gaps};
use crate::period::{Day, Lang, month_name};
use crate::view::text::{shorten, thousands};

/// Columns of a name in running text and in what the pointer shows.
const NAME_COLUMNS_MAX: usize = 60;

/// What stands where nothing was observed.
pub fn not_observed(lang: Lang) -> &'static str {
    match lang {
        Lang::English => "not observed",
        Lang::Japanese => "観測なし",
    }
}

/// A value for people: whole numbers in full, others with three digits or so.
pub fn reading(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 || (size < 1e-3 && value != 0.0) {
        return format!("{value:.2e}");
    }
    let decimals = if value.fract() == 0.0 || size >= 1000.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        3
    };
    thousands(&format!("{value:.decimals$}"))
}

/// A share as a percentage: with a decimal where the whole is large enough for it to mean something.
pub fn percent(value: f64, whole: f64) -> String {
    let decimals = usize::from(whole >= 1000.0);
    format!("{:.decimals$}%", 100.0 * value / whole)
}

/// A day without its year: `18 May`, `5月18日`.
pub fn short_day(day: Day, lang: Lang) -> String {
    let date = day.to_date();
    match lang {
        Lang::English => format!("{} {}", date.day(), month_name(date.month()).get(..3).unwrap_or("?")),
        Lang::Japanese => format!("{}月{}日", date.month(), date.day()),
    }
}

/// A day in full with its day of the week: `18 May 2022 (Wed)`, `2022年5月18日（水）`.
pub fn long_day(day: Day, lang: Lang) -> String {
    let (english, japanese) = match day.to_date().weekday() {
        Weekday::Mon => ("Mon", "月"),
        Weekday::Tue => ("Tue", "火"),
        Weekday::Wed => ("Wed", "水"),
        Weekday::Thu => ("Thu", "木"),
        Weekday::Fri => ("Fri", "金"),
        Weekday::Sat => ("Sat", "土"),
        Weekday::Sun => ("Sun", "日"),
    };
    match lang {
        Lang::English => format!("{} ({english})", day.label(lang)),
        Lang::Japanese => format!("{}（{japanese}）", day.label(lang)),
    }
}

/// A name of bounded length.
pub(super) fn name(text: &str) -> String {
    shorten(text, NAME_COLUMNS_MAX).into_owned()
}

fn names<'a>(all: impl Iterator<Item = &'a str>, lang: Lang) -> String {
    let all: Vec<String> = all.map(name).collect();
    all.join(match lang {
        Lang::English => "; ",
        Lang::Japanese => "、",
    })
}

/// The text of a line chart for those who do not see it: what, when, how many lines, the range of values, the
/// highest day, the days not observed, the marks.
pub fn alt(chart: &Chart) -> String {
    let (lang, days) = (chart.lang, chart.period.len_days());
    let lines: Vec<Line> = chart.drawn().collect();
    let missing: usize = gaps(&lines, days).iter().map(|(_, count)| count).sum();
    let (period, unit, title) = (chart.period.label(lang), name(&chart.unit), name(&chart.title));
    let listed = names(lines.iter().map(|line| line.name.as_str()), lang);
    let count = lines.len();
    let means = lines.iter().any(|line| line.mean.iter().any(Option::is_some));
    let mut text = match lang {
        Lang::English => format!("Line chart: {title}. {period} (UTC), {unit}, {count} series"),
        Lang::Japanese => format!("折れ線グラフ: {title}。{period}（UTC）、{unit}、{count}系列"),
    };
    text.push_str(match (lang, means) {
        (Lang::English, true) => ", with 7-day means",
        (Lang::Japanese, true) => "（7日間の平均つき）",
        (Lang::English | Lang::Japanese, false) => "",
    });
    text.push_str(&match lang {
        Lang::English if count == 0 => ".".to_owned(),
        Lang::Japanese if count == 0 => "。".to_owned(),
        Lang::English => format!(": {listed}."),
        Lang::Japanese => format!(": {listed}。"),
    });
    text.push_str(&range(chart, &lines));
    text.push_str(&match lang {
        Lang::English => format!(" {missing} of {days} days not observed."),
        Lang::Japanese => format!("{days}日のうち観測のない日: {missing}日。"),
    });
    let marks: Vec<String> = chart
        .marks_drawn()
        .map(|(_, mark)| format!("{} ({})", mark.number, day_text(mark.day, lang)))
        .collect();
    if !marks.is_empty() {
        text.push_str(&match lang {
            Lang::English => format!(" Annotated: {}.", marks.join(", ")),
            Lang::Japanese => format!("注記: {}。", marks.join("、")),
        });
    }
    text
}

/// The lowest and the highest daily value, and whose and when the highest was.
fn range(chart: &Chart, lines: &[Line]) -> String {
    let values = lines.iter().flat_map(|line| {
        let days = line.daily.iter().zip(chart.period.days());
        days.filter_map(|(value, day)| value.map(|value| (value, day, line.name.as_str())))
    });
    let (mut low, mut high) = (f64::INFINITY, None);
    for (value, day, series) in values {
        low = low.min(value);
        if high.is_none_or(|(highest, _, _)| value > highest) {
            high = Some((value, day, series));
        }
    }
    let Some((highest, day, series)) = high else {
        return String::new();
    };
    let (low, high, series) = (reading(low), reading(highest), name(series));
    let day = day.label(chart.lang);
    match chart.lang {
        Lang::English => format!(" Daily values from {low} to {high}; highest on {day}: {series}."),
        Lang::Japanese => format!("各日の値は{low}から{high}まで。最大は{day}: {series}。"),
    }
}

/// The text of a bar chart for those who do not see it: each row with its values or shares.
pub fn alt_bars(chart: &Bars) -> String {
    let lang = chart.lang;
    let (title, unit) = (name(&chart.title), name(&chart.unit));
    let parts = chart.parts_drawn();
    let mut text = match lang {
        Lang::English => format!("Bar chart: {title}. {unit}."),
        Lang::Japanese => format!("棒グラフ: {title}。{unit}。"),
    };
    for (row, whole, values) in chart.rows_drawn() {
        let each = parts.iter().zip(&values).map(|(part, value)| {
            let of = match chart.form {
                Form::Shares => Some(whole),
                Form::Grouped => part.of,
            };
            format!("{} {}", name(&part.name), cell(*value, of, lang))
        });
        let each: Vec<String> = each.collect();
        let row = match chart.form {
            Form::Shares => format!("{} (n = {})", name(&row.name), reading(whole)),
            Form::Grouped => name(&row.name),
        };
        text.push_str(&match lang {
            Lang::English => format!(" {row}: {}.", each.join(", ")),
            Lang::Japanese => format!("{row}: {}。", each.join("、")),
        });
    }
    text
}

/// A value, or its share of a whole that is not zero.
pub(super) fn cell(value: Option<f64>, of: Option<f64>, lang: Lang) -> String {
    match (value, of) {
        (Some(value), Some(whole)) if whole > 0.0 => percent(value, whole),
        (Some(value), Some(_) | None) => reading(value),
        (None, _) => match lang {
            Lang::English => "unknown".to_owned(),
            Lang::Japanese => "不明".to_owned(),
        },
    }
}

/// The text of a slope chart for those who do not see it: each item with its two ranks.
pub fn alt_ranks(chart: &Ranks) -> String {
    let rank = |rank: Option<u32>| rank.map_or("–".to_owned(), |rank| rank.to_string());
    let each = chart.items.iter().take(ITEMS_MAX);
    let each: Vec<String> = each
        .map(|item| format!("{} {} → {}", name(&item.name), rank(item.before), rank(item.now)))
        .collect();
    let (title, before, now) = (name(&chart.title), name(&chart.before), name(&chart.now));
    match chart.lang {
        Lang::English => format!("Ranks: {title}. {before} → {now}: {}.", each.join("; ")),
        Lang::Japanese => format!("順位: {title}。{before} → {now}: {}。", each.join("、")),
    }
}
