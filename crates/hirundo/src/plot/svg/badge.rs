//! Numbered badges of marks above a drawing, with lines down to their days.

use super::super::axis::day_text;
use super::super::series::Chart;
use super::ink::{AXIS, BADGE, BADGE_TEXT, HALO, escaped, text_width};
use super::panel::Frame;
use super::sheet::{Sheet, TINY};
use super::{hover, real};

/// Height of a badge, and the distance of its rows.
const HEIGHT: f64 = 16.0;
const ROW: f64 = 18.0;
/// Rows of badges; what does not fit into them shares a badge.
const ROWS_MAX: usize = 4;
/// Numbers written in one badge.
const NUMBERS_MAX: usize = 3;

/// A badge: one mark, or several of the same day or of days too near each other.
struct Badge {
    row: usize,
    x: f64,
    width: f64,
    /// Index of each mark among those drawn.
    marks: Vec<usize>,
}

/// The badges of a chart.
pub(super) struct Badges {
    badges: Vec<Badge>,
    numbers: Vec<(u32, usize, String)>,
}

impl Badges {
    /// Places the badges, from the first day to the last.
    pub(super) fn of(chart: &Chart, frame: &Frame) -> Badges {
        let mut numbers: Vec<(u32, usize, String)> = chart
            .marks_drawn()
            .map(|(day, mark)| {
                let text = format!("{}: {}", day_text(mark.day, chart.lang), super::super::words::name(&mark.text));
                (mark.number, day, text)
            })
            .collect();
        numbers.sort_by_key(|(number, day, _)| (*day, *number));
        let mut placed = Badges {
            badges: Vec::new(),
            numbers,
        };
        for mark in 0..placed.numbers.len() {
            placed.place(mark, frame);
        }
        // Badges that have grown beyond the drawing push those before them to the left.
        let mut ends = [frame.right + HEIGHT / 2.0; ROWS_MAX];
        for badge in placed.badges.iter_mut().rev() {
            if let Some(end) = ends.get_mut(badge.row) {
                badge.x = badge.x.min(*end - badge.width / 2.0);
                *end = badge.x - badge.width / 2.0 - 2.0;
            }
        }
        placed
    }

    fn place(&mut self, mark: usize, frame: &Frame) {
        let Some((_, day, _)) = self.numbers.get(mark) else { return };
        let (day, x) = (*day, frame.x(real(*day)));
        let first_of = |badge: &Badge| {
            badge
                .marks
                .first()
                .and_then(|first| self.numbers.get(*first))
                .map(|(_, day, _)| *day)
        };
        if self.badges.last().is_some_and(|last| first_of(last) == Some(day)) {
            self.join(mark);
            return;
        }
        let width = self.label_width(&[mark]);
        let free = |row: &usize| {
            let last = self.badges.iter().rev().find(|badge| badge.row == *row);
            last.is_none_or(|last| x - last.x >= (last.width + width) / 2.0 + 2.0)
        };
        match (0..ROWS_MAX).find(free) {
            Some(row) => self.badges.push(Badge {
                row,
                x,
                width,
                marks: vec![mark],
            }),
            None => self.join(mark),
        }
    }

    /// Adds a mark to the badge before it, which grows to the right, where there is none yet in its row.
    fn join(&mut self, mark: usize) {
        let Some(mut badge) = self.badges.pop() else { return };
        badge.marks.push(mark);
        let (before, width) = (badge.width, self.label_width(&badge.marks));
        badge.x += (width - before) / 2.0;
        badge.width = width;
        self.badges.push(badge);
    }

    /// What is written in a badge: its numbers, as a range where they follow each other.
    fn label(&self, marks: &[usize]) -> String {
        let mut numbers: Vec<u32> = marks
            .iter()
            .filter_map(|mark| self.numbers.get(*mark))
            .map(|(number, _, _)| *number)
            .collect();
        numbers.sort_unstable();
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
            return String::new();
        };
        let follow = numbers
            .windows(2)
            .all(|pair| pair.first().map(|number| number.saturating_add(1)) == pair.last().copied());
        if numbers.len() > 2 && follow {
            return format!("{first}–{last}");
        }
        let mut shown: Vec<String> = numbers.iter().take(NUMBERS_MAX).map(u32::to_string).collect();
        if numbers.len() > NUMBERS_MAX {
            shown.push("…".to_owned());
        }
        shown.join(",")
    }

    fn label_width(&self, marks: &[usize]) -> f64 {
        (text_width(&self.label(marks), TINY * 1.06) + 7.0).max(HEIGHT)
    }

    /// The room the badges need above the drawing.
    pub(super) fn height(&self) -> f64 {
        let rows = self.badges.iter().map(|badge| badge.row + 1).max();
        rows.map_or(0.0, |rows| real(rows) * ROW + 4.0)
    }

    /// The left edge of the first badge.
    pub(super) fn left(&self) -> f64 {
        let each = self.badges.iter().map(|badge| badge.x - badge.width / 2.0);
        each.fold(f64::INFINITY, f64::min)
    }

    /// The lines down to the days.
    pub(super) fn draw_lines(&self, sheet: &mut Sheet, frame: &Frame) {
        for badge in &self.badges {
            let top = middle(badge, frame);
            for (_, day, _) in badge.marks.iter().filter_map(|mark| self.numbers.get(*mark)) {
                let (x, bottom) = (frame.x(real(*day)), frame.bottom);
                let from = if (x - badge.x).abs() <= badge.width / 2.0 { top } else { frame.top };
                sheet.push(&format!(
                    "<path d=\"M{x:.1} {from:.1}V{bottom:.1}\" fill=\"none\" stroke-width=\"0.8\" stroke-dasharray=\"3 2.5\" {}/>",
                    AXIS.attributes()
                ));
            }
        }
    }

    /// The badges themselves; what they stand for is said under the pointer where the figure is interactive.
    pub(super) fn draw(&self, sheet: &mut Sheet, frame: &Frame, interactive: bool) {
        for badge in &self.badges {
            let (label, y) = (self.label(&badge.marks), middle(badge, frame));
            let (left, top, width) = (badge.x - badge.width / 2.0, y - HEIGHT / 2.0, badge.width);
            let mut title = String::new();
            if interactive {
                let texts = badge.marks.iter().filter_map(|mark| self.numbers.get(*mark));
                let lines: Vec<String> = texts.map(|(number, _, text)| format!("{number}  {text}")).collect();
                title = hover::title(&lines);
            }
            let half = HEIGHT / 2.0;
            let shape = format!("x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"{half}\"");
            sheet.push(&format!(
                "<g>{title}<rect {shape} fill=\"none\" stroke-width=\"2\" {}/><rect {shape} {}/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"{TINY}\" font-weight=\"bold\" {}>{}</text></g>",
                HALO.attributes(),
                BADGE.attributes(),
                badge.x,
                y + TINY * 0.36,
                BADGE_TEXT.attributes(),
                escaped(&label)
            ));
        }
    }
}

/// The middle of a badge's height.
fn middle(badge: &Badge, frame: &Frame) -> f64 {
    frame.top - 4.0 - HEIGHT / 2.0 - real(badge.row) * ROW
}
