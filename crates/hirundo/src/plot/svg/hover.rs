//! What a figure says under the pointer: an invisible piece for each day, with its values in words.

use super::super::series::Chart;
use super::super::words::{long_day, name, not_observed, reading, short_day};
use super::ink::{TEXT, escaped};
use super::panel::{Drawn, Frame};
use super::real;
use super::sheet::Sheet;
use crate::period::Lang;
use crate::view::text::shorten;

/// Days up to which each has its piece; of longer periods a day is less than a pixel wide.
const DAYS_MAX: usize = 750;
/// Columns of a name under the pointer; it is there once for each day.
const NAME_COLUMNS_MAX: usize = 32;

/// A `<title>` of several lines.
pub(super) fn title(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
    format!("<title>{}</title>", lines.join("\n"))
}

/// Draws a piece over the whole height for each day: `<g class="day" data-label="18 May">`.
pub(super) fn draw_days(sheet: &mut Sheet, chart: &Chart, frame: &Frame, lines: &[Drawn]) {
    if frame.days > DAYS_MAX || lines.is_empty() {
        return;
    }
    for (index, day) in chart.period.days().enumerate() {
        let (from, to) = (frame.x(real(index) - 0.5), frame.x(real(index) + 0.5));
        let mut words = vec![long_day(day, chart.lang)];
        words.extend(lines.iter().map(|drawn| line(drawn, index, chart.lang)));
        let marks = chart.marks_drawn().filter(|(marked, _)| *marked == index);
        words.extend(marks.map(|(_, mark)| format!("[{}] {}", mark.number, name(&mark.text))));
        let (top, width, height) = (frame.top, to - from, frame.bottom - frame.top);
        sheet.push(&format!(
            "<g class=\"day\" data-label=\"{}\"><rect x=\"{from:.2}\" y=\"{top:.1}\" width=\"{width:.2}\" height=\"{height:.1}\" \
             fill-opacity=\"0\" {}/>{}</g>",
            escaped(&short_day(day, chart.lang)),
            TEXT.attributes(),
            title(&words)
        ));
    }
}

/// A series on a day: name, value, 7-day mean.
fn line(drawn: &Drawn, day: usize, lang: Lang) -> String {
    let series = shorten(&drawn.line.name, NAME_COLUMNS_MAX);
    let Some(value) = drawn.line.daily.get(day).copied().flatten() else {
        return format!("{series}: {}", not_observed(lang));
    };
    let value = reading(value);
    match (drawn.line.mean.get(day).copied().flatten(), lang) {
        (Some(mean), Lang::English) => format!("{series}: {value}, 7-day mean {}", reading(mean)),
        (Some(mean), Lang::Japanese) => format!("{series}: {value}、7日間の平均 {}", reading(mean)),
        (None, Lang::English | Lang::Japanese) => format!("{series}: {value}"),
    }
}
