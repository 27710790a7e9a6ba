//! What a person, and what a program, reads of checks.

use std::io::{self, Write};

use super::{Row, State};

/// Columns before the text, and before a hint.
const INDENT: usize = 24;

/// A line a check, its hint beneath, the count at the end.
///
/// # Errors
/// When `out` cannot be written to.
pub fn table(out: &mut impl Write, rows: &[Row], width: usize, colour: bool) -> io::Result<()> {
    for row in rows {
        let (word, code) = match row.state {
            State::Ok => ("ok", "32"),
            State::Warn => ("warn", "33"),
            State::Fail => ("FAIL", "31;1"),
        };
        let word = format!("{word:<4}");
        let word = if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word };
        let mut lines = wrapped(&plain(&row.found), width.saturating_sub(INDENT)).into_iter();
        writeln!(out, "{word}  {:<17} {}", plain(&row.name), lines.next().unwrap_or_default())?;
        let hint = row.hint.as_deref().map(|hint| format!("hint: {}", plain(hint))).unwrap_or_default();
        for line in lines.chain(wrapped(&hint, width.saturating_sub(INDENT))) {
            writeln!(out, "{:INDENT$}{line}", "")?;
        }
    }
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    writeln!(
        out,
        "{} ok, {} to look at, {} failed",
        count(State::Ok),
        count(State::Warn),
        count(State::Fail)
    )
}

/// All rows as JSON.
///
/// # Errors
/// When `out` cannot be written to.
pub fn json(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, rows)?;
    writeln!(out)
}

/// What came from elsewhere must not act on the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Words in lines of at most `width`; a longer word has its own line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_people() {
        let rows = [
            Row::ok("rights", "may open packet sockets"),
            Row::warn("clock", "not synchronised", "install chrony"),
            Row::fail(
                "silence 192.0.2.0/24",
                "answers\x1b[2J were seen",
                "see the guide, in which it is explained at length",
            ),
        ];
        let mut out = Vec::new();
        table(&mut out, &rows, 60, false).expect("written");
        let expected = "\
ok    rights            may open packet sockets
warn  clock             not synchronised
                        hint: install chrony
FAIL  silence 192.0.2.0/24 answers [2J were seen
                        hint: see the guide, in which it is
                        explained at length
1 ok, 1 to look at, 1 failed
";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
}
