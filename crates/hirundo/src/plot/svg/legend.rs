//! What tells series apart besides colour: markers and dashes; and the legend of lines and of parts.

use super::ink::{HALO, REST, TEXT, escaped, fill, fitted, stroke, text_width};
use super::sheet::{LABEL, PAD, ROW, Sheet};

/// Share of the width that a name in a legend may take.
const NAME_SHARE_MAX: f64 = 0.42;
/// Room before a name: for a piece of line or a square.
const SAMPLE: f64 = 26.0;

/// Markers that there are; from the seventh series on they come again, on dashed lines.
const MARKERS: usize = 6;

/// Lines of the seventh series and of later ones are dashed.
pub(super) fn dashes(series: usize) -> &'static str {
    if series < MARKERS { "" } else { " stroke-dasharray=\"7 4\"" }
}

/// The marker of a series: a shape of its own for each of six, so that lines can be told apart without colour.
pub(super) fn marker(series: usize, (x, y): (f64, f64)) -> String {
    let path = match series % MARKERS {
        0 => format!("M{:.1} {y:.1}a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0Z", x - 3.4),
        1 => format!("M{:.1} {:.1}h6.2v6.2h-6.2Z", x - 3.1, y - 3.1),
        2 => format!("M{x:.1} {:.1}l4.1 7.1h-8.2Z", y - 4.6),
        3 => format!("M{x:.1} {:.1}l4.3 4.3l-4.3 4.3l-4.3 -4.3Z", y - 4.3),
        4 => format!("M{x:.1} {:.1}l4.1 -7.1h-8.2Z", y + 4.6),
        // A plus.
        _ => format!("M{:.1} {:.1}h2.6v3h3v2.6h-3v3h-2.6v-3h-3v-2.6h3Z", x - 1.3, y - 4.3),
    };
    // Two classes would make the rules of the dark look longer; the outline is an element of its own.
    format!(
        "<path d=\"{path}\" fill=\"none\" stroke-width=\"2\" {}/><path d=\"{path}\" {}/>",
        HALO.attributes(),
        fill(series)
    )
}

/// How an entry of a legend looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sample {
    /// A line of that series, with its marker.
    Line(usize),
    /// A line that is alone.
    Only(usize),
    /// A bar of that series.
    Bar(usize),
    /// A bar of what is not told apart.
    Rest,
}

/// Draws the entries in as many rows as they need from `y` downwards. Returns where they end.
pub(super) fn draw(sheet: &mut Sheet, mut y: f64, entries: &[(Sample, String)]) -> f64 {
    let mut x = PAD;
    for (sample, name) in entries {
        let short = fitted(name, LABEL, sheet.width * NAME_SHARE_MAX);
        let length = SAMPLE + text_width(&short, LABEL) + 14.0;
        if x > PAD && x + length > sheet.width - PAD + 14.0 {
            (x, y) = (PAD, y + ROW);
        }
        let middle = y + 6.0;
        if short != *name {
            sheet.push(&format!("<g><title>{}</title>", escaped(&super::super::words::name(name))));
        }
        draw_sample(sheet, *sample, (x, middle));
        let indent = match sample {
            Sample::Line(_) | Sample::Only(_) => SAMPLE,
            Sample::Bar(_) | Sample::Rest => SAMPLE - 9.0,
        };
        let attributes = format!("font-size=\"{LABEL}\" {}", TEXT.attributes());
        sheet.text((x + indent, middle + 4.3), &attributes, &short);
        if short != *name {
            sheet.push("</g>");
        }
        x += length - SAMPLE + indent;
    }
    if entries.is_empty() { y } else { y + ROW + 2.0 }
}

fn draw_sample(sheet: &mut Sheet, sample: Sample, (x, y): (f64, f64)) {
    let square = |paint: String| {
        format!(
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" rx=\"1.5\" {paint}/>",
            y - 6.0
        )
    };
    let line = |series: usize| {
        format!(
            "<path d=\"M{x:.1} {y:.1}h20\" fill=\"none\" stroke-width=\"2.4\" {}{}/>",
            stroke(series),
            dashes(series)
        )
    };
    match sample {
        Sample::Line(series) => sheet.push(&(line(series) + &marker(series, (x + 10.0, y)))),
        Sample::Only(series) => sheet.push(&line(series)),
        Sample::Bar(series) => sheet.push(&square(fill(series))),
        Sample::Rest => sheet.push(&square(REST.attributes())),
    }
}

/// The days that bear a marker: about six, in another place for each series, so that markers do not meet.
pub(super) fn marker_days(series: usize, count: usize, days: usize) -> Vec<usize> {
    if count < 2 || days < 14 {
        return Vec::new();
    }
    let distance = days.div_ceil(6);
    // Half the distance for the first, then spread over it.
    let first = (distance / 2 + series * distance * 2 / 5) % distance;
    (first..days).step_by(distance).collect()
}
