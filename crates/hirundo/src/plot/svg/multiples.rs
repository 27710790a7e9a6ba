//! A line chart as small multiples: a small drawing for each series, the same days below, an own axis of values.

use super::super::axis::index;
use super::super::series::{Chart, Line, gaps};
use super::super::words::alt;
use super::badge::Badges;
use super::figure::{DAYS_HEIGHT, head, notes, values};
use super::ink::{TEXT, fitted, text_width};
use super::panel::{self, Drawn, Frame};
use super::sheet::{LABEL, PAD, Sheet};
use super::{Options, hover, real};

/// A small drawing is at least this wide, for the names of months.
const WIDTH_MIN: f64 = 200.0;
/// Columns of small drawings.
const COLUMNS_MAX: usize = 3;
/// Distance between columns, and the bounds of the height of a small drawing.
const GUTTER: f64 = 18.0;
const HEIGHT_MIN: f64 = 70.0;
const HEIGHT_MAX: f64 = 130.0;
/// Height of the name above a small drawing, and of the room below it where there are no dates.
const NAME_HEIGHT: f64 = 22.0;
const GAP_BELOW: f64 = 14.0;

/// Draws the figure.
pub(super) fn draw(chart: &Chart, options: &Options) -> String {
    let lines: Vec<Line> = chart.drawn().collect();
    let mut sheet = Sheet::new(options, chart.lang);
    let top = head(&mut sheet, chart, options, &lines) + 4.0;
    let (columns, rows) = grid(lines.len(), sheet.width);
    let width = (sheet.width - 2.0 * PAD - GUTTER * real(columns - 1)) / real(columns);
    let height = (options.size().1 - top - DAYS_HEIGHT) / real(rows) - NAME_HEIGHT - GAP_BELOW;
    let height = height.clamp(HEIGHT_MIN, HEIGHT_MAX);
    let mut frames = frames(chart, options, &lines, columns, width, height);
    let above = head_height(chart, &lines, &frames);
    let hatched = lines
        .iter()
        .any(|line| !gaps(std::slice::from_ref(line), chart.period.len_days()).is_empty());
    if hatched {
        panel::define_hatch(&mut sheet);
    }
    let mut y = top;
    for row in 0..rows {
        let mut dated = false;
        for (series, (line, frame)) in lines.iter().zip(&mut frames).enumerate().skip(row * columns).take(columns) {
            (frame.top, frame.bottom) = (y + above, y + above + height);
            // Dates stand below the last of each column.
            let last = series + columns >= lines.len();
            dated |= last;
            let name = fitted(&line.name, LABEL * 1.06, width);
            let attributes = format!("font-size=\"{LABEL}\" font-weight=\"bold\" {}", TEXT.attributes());
            sheet.text((frame.right - width, y + LABEL), &attributes, &name);
            draw_one(&mut sheet, chart, frame, &Drawn { series, line }, last, options.interactive);
        }
        y += above + height + if dated { DAYS_HEIGHT } else { GAP_BELOW };
    }
    let logarithmic = frames.iter().any(|frame| frame.values.logarithmic());
    let mut notes = notes(chart, options, hatched, logarithmic);
    if lines.len() > 1 {
        let text = sheet.word("Each drawing has a scale of its own", "縦軸の目盛は図ごとに異なる");
        notes.insert(0, (None, text.to_owned()));
    }
    let end = sheet.notes(y, &notes);
    sheet.finish(end + PAD, &chart.title, &alt(chart))
}

/// The axes of each drawing and where it is from left to right; its height is not decided yet.
fn frames(chart: &Chart, options: &Options, lines: &[Line], columns: usize, width: f64, height: f64) -> Vec<Frame> {
    let ticks_max = index(height / 28.0, 5).max(2);
    let axes: Vec<_> = lines
        .iter()
        .map(|line| values(std::slice::from_ref(line), options.scale, ticks_max))
        .collect();
    // One width for the labels of all, so that days stand below each other.
    let labels = axes.iter().map(Frame::labels_width).fold(0.0, f64::max).min(width / 2.0);
    let placed = axes.into_iter().enumerate().map(|(series, values)| {
        let left = PAD + real(series % columns) * (width + GUTTER);
        Frame {
            left: left + labels,
            right: left + width,
            top: 0.0,
            bottom: 0.0,
            days: chart.period.len_days(),
            values,
        }
    });
    placed.collect()
}

/// The room above each drawing: marks stand beside the names where there is room for both, else below them.
fn head_height(chart: &Chart, lines: &[Line], frames: &[Frame]) -> f64 {
    // The marks stand alike in all drawings.
    let Some(first) = frames.first().map(|frame| Badges::of(chart, frame)) else {
        return NAME_HEIGHT;
    };
    let widest = lines.iter().map(|line| text_width(&line.name, LABEL * 1.06)).fold(0.0, f64::max);
    if first.left() > PAD + widest + 6.0 {
        NAME_HEIGHT.max(first.height())
    } else {
        NAME_HEIGHT + first.height()
    }
}

/// A small drawing without its name. What its own series lacks is hatched.
fn draw_one(sheet: &mut Sheet, chart: &Chart, frame: &Frame, drawn: &Drawn, dated: bool, interactive: bool) {
    let gaps = gaps(std::slice::from_ref(drawn.line), frame.days);
    let badges = Badges::of(chart, frame);
    frame.draw_gaps(sheet, &gaps);
    frame.draw_values(sheet);
    frame.draw_days(sheet, &frame.day_ticks(chart), dated);
    frame.draw_gap_words(sheet, &gaps);
    badges.draw_lines(sheet, frame);
    frame.draw_lines(sheet, std::slice::from_ref(drawn));
    if interactive {
        hover::draw_days(sheet, chart, frame, std::slice::from_ref(drawn));
    }
    badges.draw(sheet, frame, interactive);
}

/// Columns and rows for so many drawings: as few rows as the width allows, as even as possible.
fn grid(count: usize, width: f64) -> (usize, usize) {
    let fit = index(((width - 2.0 * PAD + GUTTER) / (WIDTH_MIN + GUTTER)).floor(), COLUMNS_MAX).max(1);
    let fit = if count == 4 { fit.min(2) } else { fit.min(count.max(1)) };
    (fit, count.div_ceil(fit).max(1))
}
