//! A drawing of lines over days: its frame, its axes, the days not observed, and the lines themselves.

use super::super::axis::{DayTick, Values, day_ticks, index};
use super::super::series::{Chart, Line};
use super::super::words::not_observed;
use super::ink::{AXIS, GRID, HALO, HATCH, SOFT, VEIL, fill, stroke, text_width};
use super::legend::{dashes, marker, marker_days};
use super::sheet::{SMALL, Sheet};
use super::{path, real};
use crate::period::Lang;

/// Days beyond which ticks are months, as on the axis.
const DAYS_BY_DAY_MAX: usize = 62;
/// Days up to which each is drawn large.
const DAYS_FEW_MAX: usize = 7;
/// Lines up to which daily values are not drawn still finer.
const LINES_CLEAR_MAX: usize = 6;
/// Days from which on labels may be years.
const DAYS_BY_YEAR_MIN: usize = 1_100;

/// A line and the number of its series, which decides its colour and marker.
#[derive(Clone, Copy)]
pub(super) struct Drawn<'a> {
    pub(super) series: usize,
    pub(super) line: &'a Line,
}

/// The place of a drawing, in pixels, and what its axes mean.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) days: usize,
    pub(super) values: Values,
}

impl Frame {
    /// The middle of a day, counted within the period.
    pub(super) fn x(&self, day: f64) -> f64 {
        self.left + (day + 0.5) / real(self.days) * (self.right - self.left)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom - self.values.share(value) * (self.bottom - self.top)
    }

    /// The room that labels of values need.
    pub(super) fn labels_width(values: &Values) -> f64 {
        let each = values.ticks.iter().map(|tick| text_width(&values.label(*tick), SMALL));
        each.fold(8.0, f64::max) + 8.0
    }

    /// The ticks of days that fit.
    pub(super) fn day_ticks(&self, chart: &Chart) -> Vec<DayTick> {
        let named_by_month = (DAYS_BY_DAY_MAX + 1..DAYS_BY_YEAR_MIN).contains(&self.days);
        let widest = match (chart.lang, named_by_month) {
            (Lang::English, true) => "Sep",
            (Lang::Japanese, true) => "10月",
            (Lang::English, false) => "30 Sep",
            (Lang::Japanese, false) => "2022年",
        };
        let labels_max = (self.right - self.left) / (text_width(widest, SMALL) + 10.0);
        day_ticks(&chart.period, chart.lang, index(labels_max.floor(), 40))
    }

    /// Days that nobody observed: a hatched band over the whole height, with the word for it where it fits.
    pub(super) fn draw_gaps(&self, sheet: &mut Sheet, gaps: &[(usize, usize)]) {
        let id = sheet.id.clone();
        for (first, count) in gaps {
            let (from, to) = (self.x(real(*first) - 0.5), self.x(real(first + count) - 0.5));
            let (y, height, width) = (self.top, self.bottom - self.top, to - from);
            sheet.push(&format!(
                "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"url(#{id}-g)\"/>"
            ));
        }
    }

    /// The words on the bands; drawn after the lines of the grid.
    pub(super) fn draw_gap_words(&self, sheet: &mut Sheet, gaps: &[(usize, usize)]) {
        let word = not_observed(sheet.lang);
        let length = text_width(word, SMALL);
        for (first, count) in gaps {
            let (from, to) = (self.x(real(*first) - 0.5), self.x(real(first + count) - 0.5));
            let (x, y) = (f64::midpoint(from, to), f64::midpoint(self.top, self.bottom));
            let turned = if to - from > length + 10.0 {
                String::new()
            } else if to - from > SMALL + 3.0 && self.bottom - self.top > length + 10.0 {
                format!(" transform=\"rotate(-90 {x:.1} {y:.1})\"")
            } else {
                continue;
            };
            let place = (x, y + SMALL * 0.36);
            let halo = format!(
                "text-anchor=\"middle\" fill=\"none\" stroke-width=\"3\" stroke-linejoin=\"round\" {}{turned}",
                HALO.attributes()
            );
            sheet.text(place, &format!("aria-hidden=\"true\" {halo}"), word);
            sheet.text(place, &format!("text-anchor=\"middle\" {}{turned}", SOFT.attributes()), word);
        }
    }

    /// The grid and the labels of the values.
    pub(super) fn draw_values(&self, sheet: &mut Sheet) {
        for (number, tick) in self.values.ticks.iter().enumerate() {
            let (y, left, right) = (self.y(*tick), self.left, self.right);
            let ground = *tick == 0.0 || (self.values.logarithmic() && number == 0);
            let tone = if ground { AXIS } else { GRID };
            sheet.push(&format!(
                "<path d=\"M{left:.1} {y:.1}H{right:.1}\" fill=\"none\" stroke-width=\"1\" {}/>",
                tone.attributes()
            ));
            let label = self.values.label(*tick);
            let attributes = format!("text-anchor=\"end\" {}", SOFT.attributes());
            sheet.text((left - 6.0, y + SMALL * 0.36), &attributes, &label);
        }
    }

    /// The ticks of the days, with or without labels: months are named in their middle, days below their tick.
    pub(super) fn draw_days(&self, sheet: &mut Sheet, ticks: &[DayTick], labelled: bool) {
        let labels: Vec<usize> = ticks.iter().filter(|tick| !tick.label.is_empty()).map(|tick| tick.index).collect();
        let months = self.days > DAYS_BY_DAY_MAX;
        for tick in ticks {
            let (middle, y, named) = (self.x(real(tick.index)), self.bottom, !tick.label.is_empty());
            let x = if months { self.x(real(tick.index) - 0.5) } else { middle };
            if months && named && tick.index > 0 {
                let top = self.top;
                sheet.push(&format!(
                    "<path d=\"M{x:.1} {top:.1}V{y:.1}\" fill=\"none\" stroke-width=\"1\" {}/>",
                    GRID.attributes()
                ));
            }
            let length = if named { 6.0 } else { 3.0 };
            sheet.push(&format!(
                "<path d=\"M{x:.1} {y:.1}v{length}\" fill=\"none\" stroke-width=\"1\" {}/>",
                AXIS.attributes()
            ));
            if !named || !labelled {
                continue;
            }
            let next = labels.iter().copied().find(|next| *next > tick.index).unwrap_or(self.days);
            let end = self.x(real(next) - 0.5);
            let fits = end - x >= text_width(&tick.label, SMALL);
            let single = months && next - tick.index <= 31;
            if single && !fits {
                continue;
            }
            let place = if single { f64::midpoint(x, end) } else { x };
            let attributes = format!("text-anchor=\"middle\" {}", SOFT.attributes());
            sheet.text((place, y + 17.0), &attributes, &tick.label);
            if !tick.year.is_empty() {
                sheet.text((place, y + 31.0), &format!("font-weight=\"bold\" {attributes}"), &tick.year);
            }
        }
    }

    /// Daily values finely, the mean boldly over them; the first series on top. Markers where there are several.
    pub(super) fn draw_lines(&self, sheet: &mut Sheet, lines: &[Drawn]) {
        for drawn in lines.iter().rev() {
            let meant = drawn.line.mean.iter().any(Option::is_some);
            let (width, opacity) = match (meant, lines.len() <= LINES_CLEAR_MAX) {
                (false, _) => ("1.6", "0.9"),
                (true, true) => ("0.9", "0.5"),
                (true, false) => ("0.9", "0.3"),
            };
            let daily = self.draw_line(
                sheet,
                drawn.series,
                &drawn.line.daily,
                &format!("stroke-width=\"{width}\" stroke-opacity=\"{opacity}\""),
            );
            let all: Vec<(f64, f64)> = if self.days <= 45 {
                let each = drawn.line.daily.iter().enumerate();
                let places = each.filter_map(|(day, value)| Some((self.x(real(day)), self.y((*value)?))));
                places.collect()
            } else {
                daily
            };
            let (radius, opacity) = match (self.days <= DAYS_FEW_MAX, meant) {
                (true, _) => (2.6, "0.6"),
                (false, true) => (1.4, "0.6"),
                (false, false) => (2.2, "1"),
            };
            dots(sheet, &all, radius, opacity, drawn.series);
        }
        for drawn in lines.iter().rev() {
            let bold = format!("stroke-width=\"2.4\" stroke-opacity=\"1\"{}", dashes(drawn.series));
            let alone = self.draw_line(sheet, drawn.series, &drawn.line.mean, &bold);
            dots(sheet, &alone, if self.days <= DAYS_FEW_MAX { 3.6 } else { 1.7 }, "1", drawn.series);
            for day in marker_days(drawn.series, lines.len(), self.days) {
                if let Some(value) = drawn.line.mean.get(day).copied().flatten() {
                    sheet.push(&marker(drawn.series, (self.x(real(day)), self.y(value))));
                }
            }
        }
    }

    /// One line, cut at its gaps; days without a neighbour are returned.
    fn draw_line(&self, sheet: &mut Sheet, series: usize, values: &[Option<f64>], attributes: &str) -> Vec<(f64, f64)> {
        let way = path::draw(values, |day, value| (self.x(day), self.y(value)));
        if !way.path.is_empty() {
            sheet.push(&format!(
                "<path d=\"{}\" fill=\"none\" {attributes} stroke-linejoin=\"round\" stroke-linecap=\"round\" {}/>",
                way.path,
                stroke(series)
            ));
        }
        way.alone
    }
}

fn dots(sheet: &mut Sheet, places: &[(f64, f64)], radius: f64, opacity: &str, series: usize) {
    for (x, y) in places {
        sheet.push(&format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill-opacity=\"{opacity}\" {}/>",
            fill(series)
        ));
    }
}

/// The hatching of days not observed.
pub(super) fn define_hatch(sheet: &mut Sheet) {
    let id = sheet.id.clone();
    sheet.push(&format!(
        "<defs><pattern id=\"{id}-g\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><rect width=\"5\" height=\"5\" {}/>\
         <path d=\"M-1 6L6 -1M-1 1L1 -1M4 6L6 4\" fill=\"none\" stroke-width=\"0.9\" {}/></pattern></defs>",
        VEIL.attributes(),
        HATCH.attributes()
    ));
}

/// The key to thin and bold lines, ending at `right`. Returns the room it takes.
pub(super) fn draw_key(sheet: &mut Sheet, right: f64, y: f64, series: usize) -> f64 {
    let words = [sheet.word("each day", "各日"), sheet.word("7-day mean", "7日間の平均")];
    let mut x = right - key_width(sheet.lang);
    for (word, (width, opacity)) in words.into_iter().zip([("0.9", "0.6"), ("2.4", "1")]) {
        let middle = y - SMALL * 0.36;
        let paint = if series == 1 { stroke(0) } else { AXIS.attributes() };
        sheet.push(&format!(
            "<path d=\"M{x:.1} {middle:.1}h18\" fill=\"none\" stroke-width=\"{width}\" stroke-opacity=\"{opacity}\" {paint}/>"
        ));
        sheet.text((x + 23.0, y), &SOFT.attributes(), word);
        x += 23.0 + text_width(word, SMALL) + 12.0;
    }
    key_width(sheet.lang)
}

/// The room the key takes.
pub(super) fn key_width(lang: Lang) -> f64 {
    let words = match lang {
        Lang::English => ["each day", "7-day mean"],
        Lang::Japanese => ["各日", "7日間の平均"],
    };
    words.iter().map(|word| 35.0 + text_width(word, SMALL)).sum::<f64>() - 12.0
}
