//! The parts of a figure: where they are, and their elements.

use super::super::axis::{DayTick, Values, day_text, day_ticks, index};
use super::super::label::spread;
use super::super::series::{Chart, Line, gaps};
use super::ink::{
    AXIS, BADGE, BADGE_TEXT, FONTS, GRID, HATCH, PAPER, SOFT, TEXT, VEIL, dark_style, escaped, fill, identifier, stroke, text_width,
};
use super::{Options, path, real};
use crate::period::Lang;
use crate::view::text::{shorten, thousands};

/// Space around everything.
const PAD: f64 = 18.0;
/// Sizes of text.
const TITLE: f64 = 18.0;
const LABEL: f64 = 13.0;
const SMALL: f64 = 12.0;
/// Distance of the names at the line ends from each other, and from the lines.
const NAME_GAP: f64 = 17.0;
const NAME_OFFSET: f64 = 22.0;
/// Share of the width that names at the line ends may take.
const NAME_SHARE_MAX: f64 = 0.26;
/// Columns of a name in the legend.
const LEGEND_COLUMNS_MAX: usize = 48;
/// Height of a row of the legend and of the list of marks.
const ROW: f64 = 20.0;
/// Radius of a mark's badge, and how many rows of badges there are where marks are close.
const BADGE_RADIUS: f64 = 9.0;
const BADGE_ROWS_MAX: usize = 3;

/// A chart and its places, in pixels.
pub(super) struct Figure<'a> {
    chart: &'a Chart,
    options: &'a Options,
    id: String,
    lines: Vec<Line>,
    days: usize,
    gaps: Vec<(usize, usize)>,
    values: Values,
    ticks: Vec<DayTick>,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// Names at the line ends; otherwise in a legend above the drawing.
    direct: bool,
    /// Places of the legend's entries: series, x, y.
    legend: Vec<(usize, f64, f64)>,
    /// Row and place of each mark's badge.
    badges: Vec<(usize, f64)>,
    out: String,
}

impl<'a> Figure<'a> {
    pub(super) fn lay_out(chart: &'a Chart, options: &'a Options, width: f64, height: f64) -> Figure<'a> {
        let lines: Vec<Line> = chart.drawn().collect();
        let days = chart.period.len_days();
        let head = if options.titled { PAD + TITLE + 36.0 } else { PAD };
        let ticks_max = index((height - head) / 60.0, 10).max(2);
        let values = Values::of(&lines, ticks_max);
        let tick_width = |tick: &f64| text_width(&values.label(*tick), SMALL);
        let left = PAD + values.ticks.iter().map(tick_width).fold(10.0, f64::max) + 10.0;
        let mut figure = Figure {
            chart,
            options,
            id: identifier(&options.id),
            gaps: gaps(&lines, days),
            lines,
            days,
            values,
            ticks: Vec::new(),
            width,
            height,
            left,
            right: width - PAD,
            top: head,
            bottom: height - PAD - 38.0,
            direct: false,
            legend: Vec::new(),
            badges: Vec::new(),
            out: String::new(),
        };
        figure.place_names();
        let labels = match chart.lang {
            Lang::English => "30 Sep",
            Lang::Japanese => "2022年",
        };
        let labels_max = (figure.right - left) / (text_width(labels, SMALL) + 16.0);
        figure.ticks = day_ticks(&chart.period, chart.lang, index(labels_max.floor(), 40));
        figure.place_badges();
        figure
    }

    /// Names go to the line ends if they fit there, else into a legend.
    fn place_names(&mut self) {
        let widest = self
            .lines
            .iter()
            .map(|line| text_width(&line.name, LABEL) * 1.06)
            .fold(0.0, f64::max);
        let room = self.width * NAME_SHARE_MAX;
        let badges = if self.chart.marks_drawn().next().is_some() { 60.0 } else { 0.0 };
        let rows = (self.bottom - self.top - badges) / NAME_GAP;
        let named = self.lines.iter().all(|line| line.end().is_some());
        self.direct = self.width >= 480.0 && widest <= room && named && real(self.lines.len()) <= rows;
        if self.direct {
            self.right = self.width - PAD - NAME_OFFSET - widest;
            return;
        }
        let (mut x, mut y) = (PAD, self.top + 4.0);
        for (number, line) in self.lines.iter().enumerate() {
            let name = shorten(&line.name, LEGEND_COLUMNS_MAX);
            let entry = 26.0 + text_width(&name, LABEL) + 18.0;
            if x > PAD && x + entry > self.width - PAD {
                (x, y) = (PAD, y + ROW);
            }
            self.legend.push((number, x, y));
            x += entry;
        }
        if !self.legend.is_empty() {
            let added = y - self.top + ROW;
            self.move_drawing(added);
        }
    }

    /// Badges stand above the drawing, in further rows where they would touch.
    fn place_badges(&mut self) {
        let mut ends = [f64::NEG_INFINITY; BADGE_ROWS_MAX];
        let mut days: Vec<(usize, usize)> = self
            .chart
            .marks_drawn()
            .enumerate()
            .map(|(number, (day, _))| (day, number))
            .collect();
        days.sort_unstable();
        let mut badges = vec![(0, 0.0); days.len()];
        for (day, number) in days {
            let x = self.x(real(day));
            let row = ends.iter().position(|end| x - end >= 2.0 * BADGE_RADIUS + 2.0);
            let row = row.unwrap_or(BADGE_ROWS_MAX - 1);
            if let (Some(end), Some(badge)) = (ends.get_mut(row), badges.get_mut(number)) {
                *end = x;
                *badge = (row, x);
            }
        }
        if let Some(rows) = badges.iter().map(|(row, _)| row + 1).max() {
            self.move_drawing(real(rows) * (2.0 * BADGE_RADIUS + 3.0) + 4.0);
        }
        self.badges = badges;
    }

    /// Makes room above the drawing, which keeps its size.
    fn move_drawing(&mut self, by: f64) {
        self.top += by;
        self.bottom += by;
        self.height += by;
    }

    /// The middle of a day, counted within the period.
    fn x(&self, day: f64) -> f64 {
        self.left + (day + 0.5) / real(self.days) * (self.right - self.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - self.values.share(value) * (self.bottom - self.top)
    }

    /// All elements, the background first.
    pub(super) fn draw(mut self) -> String {
        let notes = self.notes();
        if !notes.is_empty() {
            self.height += real(notes.len()) * ROW + 8.0;
        }
        let (width, height, id) = (self.width, self.height, self.id.clone());
        let (title, description) = (escaped(&self.chart.title), escaped(&self.description()));
        self.push(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"{id}\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
             font-family=\"{FONTS}\" font-size=\"{SMALL}\">"
        ));
        self.push(&format!(
            "<title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{description}</desc>"
        ));
        self.push(&dark_style(&id));
        self.push(&format!(
            "<rect width=\"{width:.0}\" height=\"{height:.0}\" {}/>",
            PAPER.attributes()
        ));
        self.draw_head();
        self.draw_gaps();
        self.draw_values();
        self.draw_days();
        self.draw_lines();
        self.draw_marks();
        self.draw_names();
        self.draw_notes(&notes);
        self.push("</svg>");
        self.out
    }

    fn push(&mut self, element: &str) {
        self.out.push_str(element);
        self.out.push('\n');
    }

    fn push_text(&mut self, (x, y): (f64, f64), attributes: &str, text: &str) {
        let text = escaped(text);
        self.push(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{text}</text>"));
    }

    /// The text for those who do not see the figure.
    fn description(&self) -> String {
        let (lang, days) = (self.chart.lang, self.days);
        let names: Vec<&str> = self.lines.iter().map(|line| line.name.as_str()).collect();
        let missing: usize = self.gaps.iter().map(|(_, count)| count).sum();
        let (period, unit) = (self.chart.period.label(lang), &self.chart.unit);
        match lang {
            Lang::English => format!(
                "Line chart, {period} (UTC), {unit}, with 7-day means: {}. {missing} of {days} days without observation.",
                names.join("; ")
            ),
            Lang::Japanese => format!(
                "折れ線グラフ、{period}（UTC）、{unit}、7日間の平均つき: {}。{days}日のうち観測のない日: {missing}日。",
                names.join("、")
            ),
        }
    }

    fn draw_head(&mut self) {
        if !self.options.titled {
            return;
        }
        let columns = index((self.width - 2.0 * PAD) / (TITLE * 0.56), 1_000);
        let title = shorten(&self.chart.title, columns).into_owned();
        self.push_text(
            (PAD, PAD + TITLE - 2.0),
            &format!("font-size=\"{TITLE}\" font-weight=\"bold\" {}", TEXT.attributes()),
            &title,
        );
        let key = match self.chart.lang {
            Lang::English => "thin line: each day, bold line: 7-day mean",
            Lang::Japanese => "細線: 各日、太線: 7日間の平均",
        };
        let columns = index((self.width - 2.0 * PAD) / (SMALL * 0.56), 1_000);
        let unit = shorten(&format!("{}  ({key})", self.chart.unit), columns).into_owned();
        self.push_text((PAD, PAD + TITLE + 17.0), &SOFT.attributes(), &unit);
    }

    /// Days that nobody observed: a hatched band over the whole height.
    fn draw_gaps(&mut self) {
        if self.gaps.is_empty() {
            return;
        }
        let id = self.id.clone();
        self.push(&format!(
            "<defs><pattern id=\"{id}-g\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
             <rect width=\"6\" height=\"6\" {}/><path d=\"M-1 7L7 -1M-1 1L1 -1M5 7L7 5\" stroke-width=\"1\" {}/>\
             </pattern></defs>",
            VEIL.attributes(),
            HATCH.attributes()
        ));
        for (first, count) in self.gaps.clone() {
            let (from, to) = (self.x(real(first) - 0.5), self.x(real(first + count) - 0.5));
            let (y, height) = (self.top, self.bottom - self.top);
            let width = to - from;
            self.push(&format!(
                "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"url(#{id}-g)\"/>"
            ));
        }
        if self.gaps.iter().map(|(_, count)| count).sum::<usize>() == self.days {
            let text = match self.chart.lang {
                Lang::English => "no observation",
                Lang::Japanese => "観測なし",
            };
            let place = ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0);
            self.push_text(
                place,
                &format!("text-anchor=\"middle\" font-size=\"15\" {}", SOFT.attributes()),
                text,
            );
        }
    }

    /// The grid and the labels of the values.
    fn draw_values(&mut self) {
        for tick in self.values.ticks.clone() {
            let (y, left, right) = (self.y(tick), self.left, self.right);
            let tone = if tick == 0.0 { AXIS } else { GRID };
            self.push(&format!(
                "<path d=\"M{left:.1} {y:.1}H{right:.1}\" stroke-width=\"1\" {}/>",
                tone.attributes()
            ));
            let label = self.values.label(tick);
            let attributes = format!("text-anchor=\"end\" {}", SOFT.attributes());
            self.push_text((left - 8.0, y + 4.0), &attributes, &label);
        }
    }

    /// The ticks and labels of the days.
    fn draw_days(&mut self) {
        for tick in self.ticks.clone() {
            let (x, y) = (self.x(real(tick.index)), self.bottom);
            let length = if tick.label.is_empty() { 3.0 } else { 6.0 };
            self.push(&format!(
                "<path d=\"M{x:.1} {y:.1}v{length}\" stroke-width=\"1\" {}/>",
                AXIS.attributes()
            ));
            if tick.label.is_empty() {
                continue;
            }
            let attributes = format!("text-anchor=\"middle\" {}", SOFT.attributes());
            self.push_text((x, y + 20.0), &attributes, &tick.label);
            if !tick.year.is_empty() {
                self.push_text((x, y + 36.0), &format!("font-weight=\"bold\" {attributes}"), &tick.year);
            }
        }
    }

    /// Daily values finely, the mean boldly over them; the first series on top.
    fn draw_lines(&mut self) {
        let few = self.days <= 45;
        for bold in [false, true] {
            for (number, line) in std::mem::take(&mut self.lines).into_iter().enumerate().rev() {
                let values = if bold { &line.mean } else { &line.daily };
                let drawn = path::draw(values, |day, value| (self.x(day), self.y(value)));
                let (width, opacity) = if bold { ("2.6", "1") } else { ("1", "0.5") };
                if !drawn.path.is_empty() {
                    self.push(&format!(
                        "<path d=\"{}\" fill=\"none\" stroke-width=\"{width}\" stroke-opacity=\"{opacity}\" \
                         stroke-linejoin=\"round\" stroke-linecap=\"round\" {}{}/>",
                        drawn.path,
                        stroke(number),
                        dashes(number)
                    ));
                }
                let all: Vec<(f64, f64)> = if few && !bold {
                    let each = line.daily.iter().enumerate();
                    each.filter_map(|(day, value)| Some((self.x(real(day)), self.y((*value)?))))
                        .collect()
                } else {
                    drawn.alone
                };
                let (radius, opacity) = if self.days <= 3 {
                    (4.0, "1")
                } else {
                    (1.7, if bold { "1" } else { "0.6" })
                };
                for (x, y) in all {
                    self.push(&format!(
                        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill-opacity=\"{opacity}\" {}/>",
                        fill(number)
                    ));
                }
                self.lines.push(line);
            }
            // They were taken from the last to the first.
            self.lines.reverse();
        }
    }

    /// Numbered badges above the drawing, each with a line down to its day.
    fn draw_marks(&mut self) {
        let marks: Vec<_> = self.chart.marks_drawn().map(|(_, mark)| mark).collect();
        for (mark, (row, x)) in marks.into_iter().zip(self.badges.clone()) {
            let y = self.top - 4.0 - BADGE_RADIUS - real(row) * (2.0 * BADGE_RADIUS + 3.0);
            let (start, bottom) = (y + BADGE_RADIUS, self.bottom);
            let text = format!("{} {}", day_text(mark.day, self.chart.lang), mark.text);
            let number = mark.number.to_string();
            let size = if number.len() > 2 { 9.0 } else { 11.0 };
            self.push(&format!("<g><title>{}</title>", escaped(&text)));
            self.push(&format!(
                "<path d=\"M{x:.1} {start:.1}V{bottom:.1}\" stroke-width=\"1\" stroke-dasharray=\"3 3\" {}/>",
                AXIS.attributes()
            ));
            self.push(&format!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{BADGE_RADIUS}\" {}/>",
                BADGE.attributes()
            ));
            self.push_text(
                (x, y + size * 0.36),
                &format!(
                    "text-anchor=\"middle\" font-size=\"{size}\" font-weight=\"bold\" {}",
                    BADGE_TEXT.attributes()
                ),
                &number,
            );
            self.push("</g>");
        }
    }

    /// The names at the line ends, kept apart and joined to them, or the legend.
    fn draw_names(&mut self) {
        for (number, x, y) in self.legend.clone() {
            let end = x + 20.0;
            self.push(&format!(
                "<path d=\"M{x:.1} {y:.1}H{end:.1}\" fill=\"none\" stroke-width=\"3\" stroke-linecap=\"round\" {}{}/>",
                stroke(number),
                dashes(number)
            ));
            let name = self.lines.get(number).map_or("", |line| line.name.as_str());
            let name = shorten(name, LEGEND_COLUMNS_MAX).into_owned();
            self.push_text((x + 26.0, y + 4.5), &format!("font-size=\"{LABEL}\" {}", TEXT.attributes()), &name);
        }
        if !self.direct {
            return;
        }
        let ends: Vec<(f64, f64)> = self
            .lines
            .iter()
            .filter_map(|line| line.end().map(|(day, value)| (self.x(real(day)), self.y(value))))
            .collect();
        let wanted: Vec<f64> = ends.iter().map(|(_, y)| *y).collect();
        let placed = spread(&wanted, NAME_GAP, self.top + 4.0, self.bottom - 2.0);
        let names: Vec<String> = self.lines.iter().map(|line| line.name.clone()).collect();
        for (number, ((end, y), name)) in ends.into_iter().zip(names).enumerate() {
            let to = placed.get(number).copied().unwrap_or(y);
            let (x, bend) = (self.right + NAME_OFFSET, self.right + 4.0);
            let (from, tip) = (end + 3.0, x - 4.0);
            self.push(&format!(
                "<path d=\"M{from:.1} {y:.1}H{bend:.1}L{tip:.1} {to:.1}\" fill=\"none\" stroke-width=\"1\" \
                 stroke-opacity=\"0.6\" {}/>",
                stroke(number)
            ));
            let attributes = format!("font-size=\"{LABEL}\" font-weight=\"bold\" {}", fill(number));
            self.push_text((x, to + 4.5), &attributes, &name);
        }
    }

    /// The lines under the figure: what the hatching means, what is not drawn, the marks' texts.
    fn notes(&self) -> Vec<(Option<u32>, String)> {
        let mut notes = Vec::new();
        let english = self.chart.lang == Lang::English;
        if !self.gaps.is_empty() {
            let text = if english {
                "Hatched: no observation"
            } else {
                "斜線: 観測なし"
            };
            notes.push((None, text.to_owned()));
        }
        if self.chart.left_out() > 0 {
            let count = thousands(&self.chart.left_out().to_string());
            let text = if english {
                format!("{count} more series are not drawn")
            } else {
                format!("ほか{count}系列は描いていない")
            };
            notes.push((None, text));
        }
        if self.options.marks_listed {
            let columns = index((self.width - 2.0 * PAD - 26.0) / (SMALL * 0.56), 1_000);
            for (_, mark) in self.chart.marks_drawn() {
                let text = format!("{}  {}", day_text(mark.day, self.chart.lang), mark.text);
                notes.push((Some(mark.number), shorten(&text, columns).into_owned()));
            }
        }
        notes
    }

    fn draw_notes(&mut self, notes: &[(Option<u32>, String)]) {
        let mut y = self.height - PAD - real(notes.len()) * ROW + 14.0;
        for (number, text) in notes {
            let x = match number {
                Some(number) => {
                    let attributes = format!("font-weight=\"bold\" {}", TEXT.attributes());
                    self.push_text((PAD, y), &attributes, &number.to_string());
                    PAD + 26.0
                }
                None => PAD,
            };
            self.push_text((x, y), &SOFT.attributes(), text);
            y += ROW;
        }
    }
}

/// Series after the ninth have the colours of the first again, and dashes.
fn dashes(series: usize) -> &'static str {
    if series < super::ink::SERIES.len() {
        ""
    } else {
        " stroke-dasharray=\"7 4\""
    }
}
