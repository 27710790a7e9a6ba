//! A slope chart: ranks of one period at the left, of the next at the right, and a line for each item.

use super::super::ranks::{ITEMS_MAX, Ranked, Ranks};
use super::super::words::{alt_ranks, name};
use super::ink::{SOFT, TEXT, fitted, stroke, text_width};
use super::legend::{dashes, marker};
use super::sheet::{LABEL, PAD, Sheet};
use super::{Options, hover, real};

/// Distance of the rows.
const ROW: f64 = 22.0;
/// Share of the width that names may take on either side.
const NAME_SHARE_MAX: f64 = 0.34;
/// Bounds of half the distance of the two sides.
const HALF_MIN: f64 = 30.0;
const HALF_MAX: f64 = 150.0;
/// Least room for a rank.
const RANK_MIN: f64 = 26.0;

/// Draws the figure.
pub(super) fn draw(chart: &Ranks, options: &Options) -> String {
    let mut sheet = Sheet::new(options, chart.lang);
    let items: Vec<&Ranked> = chart.items.iter().take(ITEMS_MAX).collect();
    let title = options.titled.then_some(chart.title.as_str());
    let y = sheet.head(title, sheet.word("rank", "順位"), 0.0);
    let centre = sheet.width / 2.0;
    let ranks = items.iter().flat_map(|item| [item.before, item.now]).flatten();
    let rank_room = ranks
        .map(|rank| text_width(&rank.to_string(), LABEL) + 12.0)
        .fold(RANK_MIN, f64::max);
    let room = (centre - PAD - rank_room - 10.0 - HALF_MIN).min(sheet.width * NAME_SHARE_MAX);
    let widest = items.iter().map(|item| text_width(&item.name, LABEL)).fold(0.0, f64::max).min(room);
    // The heads stand over the names and their ranks.
    let heads = [&chart.before, &chart.now].map(|head| text_width(head, LABEL * 1.06) - rank_room);
    let widest = heads.into_iter().fold(widest, f64::max).min(room);
    let half = (centre - PAD - widest - rank_room - 12.0).clamp(HALF_MIN, HALF_MAX);
    let (left, right) = (centre - half, centre + half);
    for (x, anchor, text) in [(left, "end", &chart.before), (right, "start", &chart.now)] {
        let attributes = format!(
            "text-anchor=\"{anchor}\" font-size=\"{LABEL}\" font-weight=\"bold\" {}",
            TEXT.attributes()
        );
        let text = fitted(text, LABEL * 1.06, left - PAD);
        sheet.text((x, y + LABEL), &attributes, &text);
    }
    let top = y + LABEL + 18.0;
    let before = rows(&items, |item| item.before);
    let now = rows(&items, |item| item.now);
    let place = |row: usize| top + real(row) * ROW;
    for (series, item) in items.iter().enumerate() {
        let (from, to) = (before.get(series).copied().flatten(), now.get(series).copied().flatten());
        let rank = |rank: Option<u32>| rank.map_or("–".to_owned(), |rank| rank.to_string());
        let words = [format!("{}: {} → {}", name(&item.name), rank(item.before), rank(item.now))];
        let text = if options.interactive { hover::title(&words) } else { String::new() };
        sheet.push(&format!("<g class=\"item\">{text}"));
        if let (Some(from), Some(to)) = (from, to) {
            let (start, end) = (place(from), place(to));
            sheet.push(&format!(
                "<path d=\"M{left:.1} {start:.1}L{right:.1} {end:.1}\" fill=\"none\" stroke-width=\"2.2\" {}{}/>",
                stroke(series),
                dashes(series)
            ));
        }
        for (row, x, outwards, anchor, number) in [(from, left, -1.0, "end", item.before), (to, right, 1.0, "start", item.now)] {
            let Some(row) = row else { continue };
            let y = place(row);
            sheet.push(&marker(series, (x, y)));
            let baseline = y + LABEL * 0.36;
            let anchor = format!("text-anchor=\"{anchor}\" font-size=\"{LABEL}\"");
            let (rank, text) = (rank(number), fitted(&item.name, LABEL, room));
            sheet.text((x + outwards * 10.0, baseline), &format!("{anchor} {}", SOFT.attributes()), &rank);
            sheet.text(
                (x + outwards * (10.0 + rank_room), baseline),
                &format!("{anchor} {}", TEXT.attributes()),
                &text,
            );
        }
        sheet.push("</g>");
    }
    let shown = before.iter().chain(&now).flatten().max().map_or(0, |row| row + 1);
    sheet.finish(place(shown) + PAD - ROW / 2.0, &chart.title, &alt_ranks(chart))
}

/// The row of each item on one side, by its rank; `None` where it has none there.
fn rows(items: &[&Ranked], rank: impl Fn(&Ranked) -> Option<u32>) -> Vec<Option<usize>> {
    let mut order: Vec<(u32, usize)> = items
        .iter()
        .enumerate()
        .filter_map(|(item, ranked)| Some((rank(ranked)?, item)))
        .collect();
    order.sort_unstable();
    let row_of = |item| order.iter().position(|(_, other)| *other == item);
    (0..items.len()).map(row_of).collect()
}
