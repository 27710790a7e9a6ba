//! A line chart in one drawing: names at the line ends, or in a legend where they do not fit there.

use super::super::axis::{Values, day_text, index};
use super::super::series::{Chart, Line, gaps};
use super::super::words::alt;
use super::badge::Badges;
use super::ink::{TEXT, fitted, stroke, text_width};
use super::legend::{self, Sample, marker};
use super::panel::{self, Drawn, Frame};
use super::sheet::{LABEL, PAD, SMALL, Sheet};
use super::{Options, Scale, hover, real, spread, wants_logarithm};
use crate::period::Lang;
use crate::view::text::thousands;

/// Distance of the names at the line ends from each other, and from the lines.
const NAME_GAP: f64 = 16.0;
const NAME_OFFSET: f64 = 34.0;
/// Share of the width that names at the line ends may take.
const NAME_SHARE_MAX: f64 = 0.27;
/// Narrower figures have a legend.
const WIDTH_DIRECT_MIN: f64 = 460.0;
/// Height of the labels of days.
pub(super) const DAYS_HEIGHT: f64 = 38.0;

/// Draws the figure.
pub(super) fn draw(chart: &Chart, options: &Options) -> String {
    let lines: Vec<Line> = chart.drawn().collect();
    let days = chart.period.len_days();
    let gaps = gaps(&lines, days);
    let drawn: Vec<Drawn> = lines.iter().enumerate().map(|(series, line)| Drawn { series, line }).collect();
    let mut sheet = Sheet::new(options, chart.lang);
    let mut top = head(&mut sheet, chart, options, &lines);
    let room = options.size().1 - top - DAYS_HEIGHT - PAD;
    let values = values(&lines, options.scale, index(room / 38.0, 10).max(2));
    let names = names_width(&lines, sheet.width, room);
    if names.is_none() {
        // A line alone that is named as its unit is named already.
        let named = |line: &Line| lines.len() > 1 || line.name != chart.unit;
        let entries: Vec<(Sample, String)> = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| named(line))
            .map(|(series, line)| {
                (
                    if lines.len() > 1 {
                        Sample::Line(series)
                    } else {
                        Sample::Only(series)
                    },
                    line.name.clone(),
                )
            })
            .collect();
        top = legend::draw(&mut sheet, top, &entries) + if entries.is_empty() { 0.0 } else { 4.0 };
    }
    let mut frame = Frame {
        left: PAD + Frame::labels_width(&values),
        right: sheet.width - PAD - names.map_or(0.0, |width| width + NAME_OFFSET),
        top: top + 4.0,
        bottom: 0.0,
        days,
        values,
    };
    let badges = Badges::of(chart, &frame);
    frame.top += badges.height();
    frame.bottom = frame.top + room.max(80.0);
    let ticks = frame.day_ticks(chart);
    if !gaps.is_empty() {
        panel::define_hatch(&mut sheet);
    }
    frame.draw_gaps(&mut sheet, &gaps);
    frame.draw_values(&mut sheet);
    frame.draw_days(&mut sheet, &ticks, true);
    frame.draw_gap_words(&mut sheet, &gaps);
    badges.draw_lines(&mut sheet, &frame);
    frame.draw_lines(&mut sheet, &drawn);
    if names.is_some() {
        draw_names(&mut sheet, &frame, &lines);
    }
    if options.interactive {
        hover::draw_days(&mut sheet, chart, &frame, &drawn);
    }
    badges.draw(&mut sheet, &frame, options.interactive);
    let notes = notes(chart, options, !gaps.is_empty(), frame.values.logarithmic());
    let end = sheet.notes(frame.bottom + DAYS_HEIGHT, &notes);
    sheet.finish(end + PAD, &chart.title, &alt(chart))
}

/// The title, the unit, and what thin and bold lines are.
pub(super) fn head(sheet: &mut Sheet, chart: &Chart, options: &Options, lines: &[Line]) -> f64 {
    let means = lines.iter().any(|line| line.mean.iter().any(Option::is_some));
    let key = panel::key_width(chart.lang);
    let unit = text_width(&chart.unit, SMALL).min(sheet.width);
    let keyed = means && unit + key + 3.0 * PAD < sheet.width;
    let title = options.titled.then_some(chart.title.as_str());
    let y = sheet.head(title, &chart.unit, if keyed { key + PAD } else { 0.0 });
    if keyed {
        let right = sheet.width - PAD;
        panel::draw_key(sheet, right, y - 10.0, lines.len());
    }
    y
}

/// The axis of values that the options ask for.
pub(super) fn values(lines: &[Line], scale: Scale, ticks_max: usize) -> Values {
    let logarithmic = match scale {
        Scale::Linear => false,
        Scale::Logarithmic => true,
        Scale::Automatic => wants_logarithm(lines),
    };
    if logarithmic {
        Values::logarithmic_of(lines, ticks_max)
    } else {
        Values::of(lines, ticks_max)
    }
}

/// The room for names at the line ends, if they fit there.
fn names_width(lines: &[Line], width: f64, height: f64) -> Option<f64> {
    let widest = lines.iter().map(|line| text_width(&line.name, LABEL)).fold(0.0, f64::max);
    let named = !lines.is_empty() && lines.iter().all(|line| line.end().is_some());
    let fits = widest <= width * NAME_SHARE_MAX && real(lines.len()) * NAME_GAP <= height;
    (lines.len() > 1 && width >= WIDTH_DIRECT_MIN && named && fits).then_some(widest)
}

/// The names at the line ends, kept apart and joined to them.
fn draw_names(sheet: &mut Sheet, frame: &Frame, lines: &[Line]) {
    let ends: Vec<(f64, f64)> = lines
        .iter()
        .filter_map(|line| line.end().map(|(day, value)| (frame.x(real(day)), frame.y(value))))
        .collect();
    let wanted: Vec<f64> = ends.iter().map(|(_, y)| *y).collect();
    let placed = spread(&wanted, NAME_GAP, frame.top + 4.0, frame.bottom - 2.0);
    let names: Vec<String> = lines.iter().map(|line| fitted(&line.name, LABEL, sheet.width)).collect();
    for (series, ((end, y), text)) in ends.into_iter().zip(names).enumerate() {
        let to = placed.get(series).copied().unwrap_or(y);
        let (x, bend) = (frame.right + NAME_OFFSET, frame.right + 3.0);
        let (from, tip) = (end + 2.0, x - 13.0);
        sheet.push(&format!(
            "<path d=\"M{from:.1} {y:.1}H{bend:.1}L{tip:.1} {to:.1}\" fill=\"none\" stroke-width=\"0.9\" {}/>",
            stroke(series)
        ));
        sheet.push(&marker(series, (x - 8.0, to)));
        let attributes = format!("font-size=\"{LABEL}\" {}", TEXT.attributes());
        sheet.text((x, to + LABEL * 0.36), &attributes, &text);
    }
}

/// The lines under the figure: what the hatching means, what is not drawn, the marks' texts.
pub(super) fn notes(chart: &Chart, options: &Options, hatched: bool, logarithmic: bool) -> Vec<(Option<String>, String)> {
    let mut notes = Vec::new();
    let word = |english: &str, japanese: &str| match chart.lang {
        Lang::English => english.to_owned(),
        Lang::Japanese => japanese.to_owned(),
    };
    if hatched {
        notes.push((None, word("Hatched: not observed", "斜線: 観測なし")));
    }
    if logarithmic {
        notes.push((
            None,
            word(
                "Logarithmic scale; values of zero stand on the lower edge",
                "縦軸は対数目盛。値が0の日は下端に描いている",
            ),
        ));
    }
    if chart.left_out() > 0 {
        let count = thousands(&chart.left_out().to_string());
        notes.push((
            None,
            word(
                &format!("{count} more series are not drawn"),
                &format!("ほか{count}系列は描いていない"),
            ),
        ));
    }
    if options.marks_listed {
        for (_, mark) in chart.marks_drawn() {
            let text = format!("{}  {}", day_text(mark.day, chart.lang), mark.text);
            notes.push((Some(mark.number.to_string()), text));
        }
    }
    notes
}
