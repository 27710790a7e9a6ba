//! A horizontal bar chart: bars of equal length cut into shares, or groups of bars from a common zero.

use super::super::axis::{Values, index};
use super::super::bars::{Bars, Form, Part};
use super::super::series::Line;
use super::super::words::{alt_bars, cell, name, percent, reading};
use super::ink::{AXIS, GRID, HALO, REST, REST_TEXT, SOFT, TEXT, escaped, fill, fitted, text_on, text_width};
use super::legend::{self, Sample};
use super::sheet::{LABEL, PAD, SMALL, Sheet, TINY};
use super::{Options, hover, real};
use crate::period::Lang;
use crate::view::text::thousands;

/// Share of the width that names of rows may take.
const NAME_SHARE_MAX: f64 = 0.3;
/// Rows up to which bars are high enough for two lines of text.
const ROWS_HIGH_MAX: usize = 3;
/// Height of a bar of shares, when high and when not, and of one of a group.
const BAR_HIGH: f64 = 42.0;
const BAR: f64 = 22.0;
const BAR_THIN: f64 = 13.0;

/// Where the bars are.
struct Places {
    left: f64,
    right: f64,
    top: f64,
    values: Values,
    /// Height of a row, and of its bars together.
    row: f64,
    bars: f64,
}

impl Places {
    fn x(&self, value: f64) -> f64 {
        self.left + self.values.share(value) * (self.right - self.left)
    }
}

/// Draws the figure.
pub(super) fn draw(chart: &Bars, options: &Options) -> String {
    let mut sheet = Sheet::new(options, chart.lang);
    let (parts, rows) = (chart.parts_drawn(), chart.rows_drawn());
    let title = options.titled.then_some(chart.title.as_str());
    let mut top = sheet.head(title, &chart.unit, 0.0);
    if parts.len() > 1 {
        let entries: Vec<(Sample, String)> = parts
            .iter()
            .enumerate()
            .map(|(number, part)| (sample(part, number), with_denominator(part)))
            .collect();
        top = legend::draw(&mut sheet, top, &entries);
    }
    let places = places(chart, &parts, &rows, &sheet, top + 6.0);
    // No distance to a next row below the last.
    let bottom = (places.top + real(rows.len()) * places.row - (places.row - places.bars) + 6.0).max(places.top);
    draw_grid(&mut sheet, &places, bottom, percentages(chart));
    for (number, (row, whole, values)) in rows.iter().enumerate() {
        let y = places.top + real(number) * places.row;
        draw_name(&mut sheet, &places, y, &row.name, (chart.form == Form::Shares).then_some(*whole));
        match chart.form {
            Form::Shares => draw_shares(
                &mut sheet,
                chart,
                &places,
                y,
                &row.name,
                &shares(&parts, values, *whole),
                options.interactive,
            ),
            Form::Grouped => draw_group(&mut sheet, &places, y, &row.name, &parts, values, options.interactive),
        }
    }
    if chart.form == Form::Shares && rows.len() == 2 {
        draw_connections(&mut sheet, &places, &parts, &rows);
    }
    let end = sheet.notes(bottom + 22.0, &notes(chart, rows.is_empty() || parts.is_empty()));
    sheet.finish(end + PAD, &chart.title, &alt_bars(chart))
}

/// Whether the axis is in percent.
fn percentages(chart: &Bars) -> bool {
    match chart.form {
        Form::Shares => true,
        Form::Grouped => chart.parts.iter().all(|part| part.of.is_some_and(|of| of > 0.0)) && !chart.parts.is_empty(),
    }
}

fn sample(part: &Part, number: usize) -> Sample {
    if part.rest { Sample::Rest } else { Sample::Bar(number) }
}

/// The name of a part with what its values are shares of.
fn with_denominator(part: &Part) -> String {
    match part.of {
        Some(of) => format!("{} (n = {})", part.name, reading(of)),
        None => part.name.clone(),
    }
}

fn places(chart: &Bars, parts: &[Part], rows: &[(&super::super::bars::Bar, f64, Vec<Option<f64>>)], sheet: &Sheet, top: f64) -> Places {
    let widest = |(row, whole, _): &(&super::super::bars::Bar, f64, Vec<Option<f64>>)| {
        let denominator = match chart.form {
            Form::Shares => text_width(&format!("n = {}", reading(*whole)), TINY),
            Form::Grouped => 0.0,
        };
        text_width(&row.name, LABEL).min(sheet.width * NAME_SHARE_MAX).max(denominator)
    };
    let names = rows.iter().map(widest).fold(0.0, f64::max);
    let lengths = rows.iter().flat_map(|(_, _, values)| {
        let each = values.iter().zip(parts);
        each.map(|(value, part)| value.map(|value| length(chart, part, value)))
    });
    let line = Line {
        name: String::new(),
        daily: match chart.form {
            Form::Shares => vec![Some(100.0)],
            Form::Grouped => lengths.collect(),
        },
        mean: Vec::new(),
    };
    let (row, bars) = match chart.form {
        Form::Shares if rows.len() <= ROWS_HIGH_MAX => (BAR_HIGH + 26.0, BAR_HIGH),
        Form::Shares => (BAR + 12.0, BAR),
        Form::Grouped => {
            let bars = real(parts.len()) * (BAR_THIN + 1.0);
            (bars + 10.0, bars)
        }
    };
    let (left, beyond) = (PAD + names + 10.0, if chart.form == Form::Shares { 14.0 } else { 56.0 });
    Places {
        left,
        right: (sheet.width - PAD - beyond).max(left + 40.0),
        top,
        values: Values::of(&[line], index(sheet.width / 130.0, 5).max(2)),
        row,
        bars,
    }
}

/// The length of a bar of a group, in the unit of the axis.
fn length(chart: &Bars, part: &Part, value: f64) -> f64 {
    match part.of {
        Some(of) if percentages(chart) => 100.0 * value / of,
        Some(_) | None => value,
    }
}

fn draw_grid(sheet: &mut Sheet, places: &Places, bottom: f64, percent: bool) {
    for tick in &places.values.ticks {
        let (x, top) = (places.x(*tick), places.top - 4.0);
        let tone = if *tick == 0.0 { AXIS } else { GRID };
        sheet.push(&format!(
            "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" fill=\"none\" stroke-width=\"1\" {}/>",
            tone.attributes()
        ));
        let label = places.values.label(*tick) + if percent { "%" } else { "" };
        let attributes = format!("text-anchor=\"middle\" {}", SOFT.attributes());
        sheet.text((x, bottom + 14.0), &attributes, &label);
    }
}

/// The name of a row, with its denominator below.
fn draw_name(sheet: &mut Sheet, places: &Places, y: f64, text: &str, whole: Option<f64>) {
    let (x, middle) = (places.left - 8.0, y + places.bars / 2.0);
    let text = fitted(text, LABEL, sheet.width * NAME_SHARE_MAX);
    let up = if whole.is_some() { 6.0 } else { 0.0 };
    let attributes = format!("text-anchor=\"end\" font-size=\"{LABEL}\" {}", TEXT.attributes());
    sheet.text((x, middle + LABEL * 0.36 - up), &attributes, &text);
    if let Some(whole) = whole {
        let attributes = format!("text-anchor=\"end\" font-size=\"{TINY}\" {}", SOFT.attributes());
        sheet.text((x, middle + 12.0), &attributes, &format!("n = {}", reading(whole)));
    }
}

/// A piece of a bar of shares.
struct Piece<'a> {
    part: &'a Part,
    number: usize,
    /// Per cent of the whole at which it begins, and how many it takes.
    from: f64,
    share: f64,
    value: f64,
    whole: f64,
}

fn shares<'a>(parts: &'a [Part], values: &[Option<f64>], whole: f64) -> Vec<Piece<'a>> {
    let mut from = 0.0;
    let mut pieces = Vec::new();
    for (number, (part, value)) in parts.iter().zip(values).enumerate() {
        let Some(value) = value.filter(|value| *value > 0.0 && whole > 0.0) else {
            continue;
        };
        let share = 100.0 * value / whole;
        pieces.push(Piece {
            part,
            number,
            from,
            share,
            value,
            whole,
        });
        from += share;
    }
    pieces
}

fn draw_shares(sheet: &mut Sheet, chart: &Bars, places: &Places, y: f64, row: &str, pieces: &[Piece], interactive: bool) {
    if pieces.is_empty() {
        let text = cell(None, None, chart.lang);
        sheet.text((places.left + 8.0, y + places.bars / 2.0 + 4.0), &SOFT.attributes(), &text);
    }
    for piece in pieces {
        let (from, to) = (places.x(piece.from), places.x(piece.from + piece.share));
        let (width, height) = (to - from, places.bars);
        let (shape, text) = if piece.part.rest {
            (REST.attributes(), REST_TEXT.attributes())
        } else {
            (fill(piece.number), text_on(piece.number))
        };
        let share = percent(piece.value, piece.whole);
        let words = [
            name(row),
            format!(
                "{}: {share} ({} / {})",
                name(&piece.part.name),
                reading(piece.value),
                reading(piece.whole)
            ),
        ];
        let title = if interactive { hover::title(&words) } else { String::new() };
        let place = format!("x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"");
        sheet.push(&format!("<g class=\"bar\">{title}<rect {place} {shape}/>"));
        let (middle, centre) = (f64::midpoint(from, to), y + height / 2.0);
        let attributes = format!("text-anchor=\"middle\" font-size=\"{SMALL}\" {text}");
        let label = fitted(&piece.part.name, SMALL, width - 6.0);
        let named = height >= BAR_HIGH && label == piece.part.name;
        if text_width(&share, SMALL) + 5.0 <= width {
            let down = if named { 7.0 } else { 0.0 };
            sheet.text((middle, centre + SMALL * 0.36 + down), &attributes, &share);
            if named {
                sheet.text((middle, centre + SMALL * 0.36 - 7.0), &attributes, &label);
            }
        }
        sheet.push("</g>");
    }
    // Paper between the pieces keeps them apart without colour.
    for piece in pieces.iter().skip(1) {
        let (x, height) = (places.x(piece.from), places.bars);
        sheet.push(&format!(
            "<path d=\"M{x:.1} {y:.1}v{height:.1}\" fill=\"none\" stroke-width=\"1.2\" {}/>",
            HALO.attributes()
        ));
    }
}

/// Lines from the ends of the pieces of the first bar to those of the second.
fn draw_connections(sheet: &mut Sheet, places: &Places, parts: &[Part], rows: &[(&super::super::bars::Bar, f64, Vec<Option<f64>>)]) {
    let [(_, above, first), (_, below, second)] = rows else { return };
    if *above <= 0.0 || *below <= 0.0 {
        return;
    }
    let (mut upper, mut lower) = (0.0, 0.0);
    let (from, to) = (places.top + places.bars, places.top + places.row);
    for ((_, one), other) in parts.iter().zip(first).zip(second).take(parts.len().saturating_sub(1)) {
        upper += 100.0 * one.unwrap_or(0.0) / above;
        lower += 100.0 * other.unwrap_or(0.0) / below;
        let (start, end) = (places.x(upper), places.x(lower));
        sheet.push(&format!(
            "<path d=\"M{start:.1} {from:.1}L{end:.1} {to:.1}\" fill=\"none\" stroke-width=\"0.8\" {}/>",
            AXIS.attributes()
        ));
    }
}

fn draw_group(sheet: &mut Sheet, places: &Places, y: f64, row: &str, parts: &[Part], values: &[Option<f64>], interactive: bool) {
    let percent = parts.iter().all(|part| part.of.is_some_and(|of| of > 0.0));
    for (number, (part, value)) in parts.iter().zip(values).enumerate() {
        let top = y + real(number) * (BAR_THIN + 1.0);
        let of = part.of.filter(|_| percent);
        let text = cell(*value, of, sheet.lang);
        let length = value.map_or(0.0, |value| of.map_or(value, |of| 100.0 * value / of));
        let (x, width) = (places.left, places.x(length) - places.left);
        let shape = if part.rest { REST.attributes() } else { fill(number) };
        let counted = match (value, of) {
            (Some(value), Some(of)) => format!(" ({} / {})", reading(*value), reading(of)),
            (Some(_), None) | (None, _) => String::new(),
        };
        let words = [name(row), format!("{}: {text}{counted}", name(&part.name))];
        let title = if interactive { hover::title(&words) } else { String::new() };
        sheet.push(&format!(
            "<g class=\"bar\">{title}<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BAR_THIN}\" {shape}/>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{TINY}\" {}>{}</text></g>",
            x + width + 5.0,
            top + BAR_THIN / 2.0 + TINY * 0.36,
            SOFT.attributes(),
            escaped(&text)
        ));
    }
}

fn notes(chart: &Bars, empty: bool) -> Vec<(Option<String>, String)> {
    let mut notes = Vec::new();
    let mut note = |english: String, japanese: String| match chart.lang {
        Lang::English => notes.push((None, english)),
        Lang::Japanese => notes.push((None, japanese)),
    };
    if empty {
        note("No data".to_owned(), "データなし".to_owned());
    }
    for (count, english, japanese) in [(chart.rows_left_out(), "rows", "行"), (chart.parts_left_out(), "parts", "項目")] {
        if count > 0 {
            let count = thousands(&count.to_string());
            note(
                format!("{count} more {english} are not drawn"),
                format!("ほか{count}{japanese}は描いていない"),
            );
        }
    }
    notes
}
