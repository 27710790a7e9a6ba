//! Charts for terminals: braille dots, or letters where there is no UTF-8; the 7-day mean over the daily values.

mod canvas;

use std::borrow::Cow;

use super::axis::{DayTick, Values, day_text, day_ticks, index, real};
use super::label::spread;
use super::series::{Chart, Line, gaps};
use crate::period::Lang;
use crate::view::text::{shorten, thousands, visible, width};
use canvas::{Canvas, Ink};

/// Bounds of a chart, in columns and lines.
const WIDTH_MIN: usize = 40;
const WIDTH_MAX: usize = 400;
const HEIGHT_MIN: usize = 10;
const HEIGHT_MAX: usize = 200;
/// From this width on, series are named at the end of their lines.
const WIDTH_DIRECT_MIN: usize = 70;
/// Columns of a name at the end of a line.
const NAME_WIDTH_MAX: usize = 24;
/// Marks listed below the chart.
const MARKS_LISTED_MAX: usize = 12;
/// Colours of the series in the 256-colour table, apart from each other also for the colour-blind.
const COLOURS: [u8; 9] = [33, 208, 36, 176, 178, 117, 141, 248, 137];

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Columns; at least 40 and at most 400 are used.
    pub width: usize,
    /// Lines; at least 10 and at most 200 are used, and more for legends and marks if they need them.
    pub height: usize,
    /// Whether colours may be used (escape sequences after ECMA-48).
    pub colour: bool,
    /// Whether braille and box-drawing characters may be used.
    pub utf8: bool,
}

/// Draws a chart. Every line ends with a line feed; none is wider than the terminal.
pub fn render(chart: &Chart, terminal: &Terminal) -> String {
    let layout = Layout::of(chart, terminal);
    let canvas = layout.paint();
    let mut out = String::new();
    let title = layout.cut(&chart.title, layout.width);
    push_line(&mut out, &layout.styled(&title, "1"));
    push_line(&mut out, &layout.cut(&layout.subtitle(), layout.width));
    if !layout.marks.is_empty() {
        push_line(&mut out, &layout.mark_row());
    }
    for (row, line) in canvas.lines(&layout.ink()).iter().enumerate() {
        push_line(&mut out, &layout.row(row, line));
    }
    let (axis, dates) = layout.axis_rows();
    push_line(&mut out, &axis);
    push_line(&mut out, &dates);
    for line in layout.legend() {
        push_line(&mut out, &line);
    }
    out
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

/// Where everything goes.
struct Layout<'a> {
    chart: &'a Chart,
    terminal: Terminal,
    lang: Lang,
    lines: Vec<Line>,
    days: usize,
    values: Values,
    ticks: Vec<DayTick>,
    width: usize,
    /// Columns of the labels of values.
    left: usize,
    /// Columns and rows of the drawing.
    columns: usize,
    rows: usize,
    /// Columns of the names at the line ends; 0: a legend below instead.
    right: usize,
    /// Column and number of each mark.
    marks: Vec<(usize, u32)>,
}

impl<'a> Layout<'a> {
    fn of(chart: &'a Chart, terminal: &Terminal) -> Layout<'a> {
        let width_all = terminal.width.clamp(WIDTH_MIN, WIDTH_MAX);
        let lines: Vec<Line> = chart.drawn().collect();
        let above = if chart.marks_drawn().next().is_some() { 3 } else { 2 };
        let rows = terminal.height.clamp(HEIGHT_MIN, HEIGHT_MAX) - above - 2;
        let values = Values::of(&lines, (rows / 3).max(1));
        let left = values.ticks.iter().map(|tick| width(&values.label(*tick))).max().unwrap_or(1);
        let names = lines.iter().map(|line| width(&visible(&line.name)) + 2).max().unwrap_or(0);
        let direct = width_all >= WIDTH_DIRECT_MIN && lines.len() <= rows;
        let right = if direct { names.min(NAME_WIDTH_MAX) + 1 } else { 0 };
        let columns = width_all.saturating_sub(left + 2 + right).max(8);
        let days = chart.period.len_days();
        // Without UTF-8 there is no Japanese.
        let lang = if terminal.utf8 { chart.lang } else { Lang::English };
        let mut layout = Layout {
            chart,
            terminal: *terminal,
            lang,
            lines,
            days,
            values,
            ticks: day_ticks(&chart.period, lang, (columns / 9).max(1)),
            width: width_all,
            left,
            columns,
            rows,
            right,
            marks: Vec::new(),
        };
        layout.marks = chart.marks_drawn().map(|(day, mark)| (layout.column(day), mark.number)).collect();
        layout
    }

    /// The column of a day in the drawing.
    fn column(&self, day: usize) -> usize {
        let place = (real(day) + 0.5) / real(self.days) * real(self.columns);
        index(place.floor(), self.columns.saturating_sub(1))
    }

    fn paint(&self) -> Canvas {
        let mut canvas = Canvas::new(self.columns, self.rows, self.terminal.utf8);
        for (first, count) in gaps(&self.lines, self.days) {
            let edge = |day: usize| real(day) / real(self.days) * real(self.columns);
            for column in index(edge(first).floor(), self.columns)..index(edge(first + count).ceil(), self.columns) {
                canvas.veil(column);
            }
        }
        let at = |canvas: &Canvas, day: usize, value: f64| {
            let (wide, high) = canvas.dots();
            let x = index(((real(day) + 0.5) / real(self.days) * real(wide)).floor(), wide - 1);
            let y = index((1.0 - self.values.share(value)) * real(high - 1), high - 1);
            (x, y)
        };
        for (number, line) in self.lines.iter().enumerate() {
            for (day, value) in line.daily.iter().enumerate() {
                if let Some(value) = value {
                    let place = at(&canvas, day, *value);
                    canvas.dot(place, number, false);
                }
            }
        }
        // The first series is painted last, over the others.
        for (number, line) in self.lines.iter().enumerate().rev() {
            let mut before = None;
            for (day, value) in line.mean.iter().enumerate() {
                let here = value.map(|value| at(&canvas, day, value));
                if let Some(here) = here {
                    canvas.line(before.unwrap_or(here), here, number);
                }
                before = here;
            }
        }
        canvas
    }

    fn ink(&self) -> Ink<'static> {
        Ink {
            colours: &COLOURS,
            colour: self.terminal.colour,
            letters: self.lettered(),
        }
    }

    /// Whether series are told apart by letters: there are several, and no colour.
    fn lettered(&self) -> bool {
        !self.terminal.colour && self.lines.len() > 1
    }

    fn subtitle(&self) -> String {
        let dots = match self.lang {
            Lang::English => "dots: each day, line: 7-day mean",
            Lang::Japanese => "点: 各日、線: 7日間の平均",
        };
        let gap = match (gaps(&self.lines, self.days).is_empty(), self.lang, self.terminal.utf8) {
            (true, _, _) => "",
            (false, Lang::English, true) => ", ░: not observed",
            (false, Lang::English, false) => ", ':': not observed",
            (false, Lang::Japanese, _) => "、░: 観測なし",
        };
        format!("{} ({dots}{gap})", self.chart.unit)
    }

    /// The numbers of the marks above their days; of those that would overlap, the first stays.
    fn mark_row(&self) -> String {
        let mut row = " ".repeat(self.left + 2);
        let mut end = 0;
        for (column, number) in self.sorted_marks() {
            let text = number.to_string();
            if column >= end && column + text.len() <= self.columns + self.right {
                row.push_str(&" ".repeat(column - end));
                row.push_str(&text);
                // A space, so that 1 and 2 do not read as 12.
                row.push(' ');
                end = column + text.len() + 1;
            }
        }
        row
    }

    fn sorted_marks(&self) -> Vec<(usize, u32)> {
        let mut marks = self.marks.clone();
        marks.sort_unstable();
        marks
    }

    /// The name of the series whose line ends at each row.
    fn end_labels(&self) -> Vec<(usize, usize)> {
        let ends = self
            .lines
            .iter()
            .enumerate()
            .filter_map(|(number, line)| Some((number, line.end()?.1)));
        let (numbers, wanted): (Vec<usize>, Vec<f64>) = ends
            .map(|(number, value)| (number, (1.0 - self.values.share(value)) * real(self.rows - 1)))
            .unzip();
        let placed = spread(&wanted, 1.0, 0.0, real(self.rows - 1));
        let rows = placed.iter().map(|row| index((row + 1e-6).floor(), self.rows - 1));
        rows.zip(numbers).collect()
    }

    /// One line of the drawing with its value and its name.
    fn row(&self, row: usize, drawing: &str) -> String {
        let at_row = |tick: &&f64| index((1.0 - self.values.share(**tick)) * real(self.rows - 1), self.rows) == row;
        let tick = self.values.ticks.iter().find(at_row);
        let label = tick.map(|value| self.values.label(*value)).unwrap_or_default();
        let pad = " ".repeat(self.left - width(&label).min(self.left));
        let bar = match (tick.is_some(), self.terminal.utf8) {
            (true, true) => "┤",
            (false, true) => "│",
            (true, false) => "+",
            (false, false) => "|",
        };
        let mut line = format!("{pad}{label} {bar}{drawing}");
        if self.right > 0
            && let Some((_, number)) = self.end_labels().into_iter().find(|(at, _)| *at == row)
        {
            line.push(' ');
            line.push_str(&self.name(number, self.right.saturating_sub(1)));
        }
        line
    }

    /// A series' name, with its letter where letters tell the series apart, in its colour.
    fn name(&self, number: usize, columns: usize) -> String {
        let name = self.lines.get(number).map_or("", |line| line.name.as_str());
        let text = if self.lettered() {
            format!("{} {name}", canvas::letter(number))
        } else {
            name.to_owned()
        };
        let colour = COLOURS[number % COLOURS.len()];
        self.styled(&self.cut(&text, columns), &format!("1;38;5;{colour}"))
    }

    /// The line under the drawing, and the dates under it.
    fn axis_rows(&self) -> (String, String) {
        let (corner, line, tick) = if self.terminal.utf8 {
            ("└", '─', '┬')
        } else {
            ("+", '-', '+')
        };
        let mut axis = vec![line; self.columns];
        let mut dates = String::new();
        for day in &self.ticks {
            let column = self.column(day.index);
            if day.label.is_empty() {
                continue;
            }
            if let Some(place) = axis.get_mut(column) {
                *place = tick;
            }
            let label = match (day.year.is_empty(), self.lang) {
                (true, _) => day.label.clone(),
                (false, Lang::English) => format!("{} {}", day.label, day.year),
                (false, Lang::Japanese) if day.label.contains('/') => {
                    format!("{}{}", day.year.replace('年', "/"), day.label)
                }
                (false, Lang::Japanese) => format!("{}{}", day.year, day.label),
            };
            // The label starts under its tick, or earlier where it would leave the chart.
            let start = (column + 2 + self.left).min(self.width.saturating_sub(width(&label)));
            let used = width(&dates);
            if used == 0 || used < start {
                dates.push_str(&" ".repeat(start.saturating_sub(used)));
                dates.push_str(&label);
            }
        }
        let axis: String = axis.into_iter().collect();
        (format!("{} {corner}{axis}", " ".repeat(self.left)), dates)
    }

    /// The names, where they are not at the line ends, and the marks.
    fn legend(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.right == 0 {
            for number in 0..self.lines.len() {
                lines.push(format!("  {}", self.name(number, self.width - 2)));
            }
        }
        if self.chart.left_out() > 0 {
            let count = thousands(&self.chart.left_out().to_string());
            lines.push(match self.lang {
                Lang::English => format!("  and {count} more series, not drawn"),
                Lang::Japanese => format!("  ほか{count}系列は描いていない"),
            });
        }
        for (_, mark) in self.chart.marks_drawn().take(MARKS_LISTED_MAX) {
            let text = format!("  {} {} {}", mark.number, day_text(mark.day, self.lang), mark.text);
            lines.push(self.cut(&text, self.width).into_owned());
        }
        let more = self.marks.len().saturating_sub(MARKS_LISTED_MAX);
        if more > 0 {
            lines.push(match self.lang {
                Lang::English => format!("  and {more} more marks"),
                Lang::Japanese => format!("  ほか{more}件"),
            });
        }
        lines
    }

    /// A text made safe, and as much of it as fits.
    fn cut<'t>(&self, text: &'t str, columns: usize) -> Cow<'t, str> {
        if self.terminal.utf8 {
            return Cow::Owned(shorten(&visible(text), columns).into_owned());
        }
        let ascii = |character: char| {
            if (' '..='~').contains(&character) { character } else { '?' }
        };
        Cow::Owned(text.chars().take(columns).map(ascii).collect())
    }

    fn styled(&self, text: &str, style: &str) -> String {
        if self.terminal.colour {
            format!("\u{1b}[{style}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
