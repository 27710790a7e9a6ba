//! Text that came from outside, as Markdown that shows it and does nothing else.

use crate::labels::{is_hidden, web_address};

/// Running text: on one line, with what would become markup escaped, and otherwise as people write it.
pub(super) fn text(plain: &str) -> String {
    let characters: Vec<char> = plain.chars().map(visible).collect();
    let mut out = String::with_capacity(plain.len() + 8);
    let marker = marker_end(&characters);
    for (place, &character) in characters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| characters.get(place)).copied();
        let after = characters.get(place + 1).copied();
        let word = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
        let escaped = match character {
            '\\' | '`' | '*' | '[' | ']' | '<' | '~' | '$' | '|' => true,
            '_' => !(word(before) && word(after)),
            '&' => after.is_none_or(|after| after == '#' || after.is_alphanumeric()),
            // Addresses would become links, in GitHub's dialect.
            ':' => after.is_none_or(|after| after == '/'),
            '.' => {
                place >= 3
                    && characters
                        .get(place - 3..place)
                        .is_some_and(|www| www.iter().all(|w| w.eq_ignore_ascii_case(&'w')))
            }
            _ => false,
        };
        if escaped || marker == Some(place) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// The place of the character that would make the beginning of a line that of a list, heading, rule or quotation.
fn marker_end(characters: &[char]) -> Option<usize> {
    let begin = characters.iter().position(|character| *character != ' ')?;
    let rest = characters.get(begin..)?;
    if matches!(rest.first(), Some('#' | '>' | '-' | '+' | '=')) {
        return Some(begin);
    }
    let digits = rest.iter().take_while(|character| character.is_ascii_digit()).count();
    let closed = digits > 0 && matches!(rest.get(digits), Some('.' | ')')) && matches!(rest.get(digits + 1), None | Some(' '));
    closed.then_some(begin + digits)
}

/// Ends of lines as spaces, what hides as the replacement character.
fn visible(character: char) -> char {
    match character {
        '\n' | '\r' | '\t' => ' ',
        hidden if is_hidden(hidden) => '\u{fffd}',
        plain => plain,
    }
}

/// Something typed, on one line.
pub(super) fn code(typed: &str) -> String {
    let line: String = typed.chars().map(visible).collect();
    if line.trim().is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&line) + 1);
    let space = if line.starts_with(['`', ' ']) || line.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{space}{line}{space}{fence}")
}

/// Something typed, as a block.
pub(super) fn fenced(language: &str, typed: &str) -> String {
    let fence = "`".repeat((longest_run(typed) + 1).max(3));
    let kept = |character: char| {
        if character == '\n' || character == '\t' {
            character
        } else {
            visible(character)
        }
    };
    let lines: String = typed.replace("\r\n", "\n").chars().map(kept).collect();
    format!("{fence}{language}\n{}\n{fence}", lines.trim_end_matches('\n'))
}

fn longest_run(typed: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for character in typed.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A link if the address is one of the Web, else its text.
pub(super) fn link(shown: &str, url: &str) -> String {
    match address(url) {
        Some(address) => format!("[{}]({address})", text(if shown.is_empty() { url } else { shown })),
        None => text(shown),
    }
}

/// The address as the destination of a link; `None` if it is none of the Web.
pub(super) fn address(url: &str) -> Option<String> {
    let mut out = String::new();
    for character in web_address(url)?.chars() {
        match character {
            '(' | ')' | '<' | '>' | '\\' | '|' | '`' | '"' | '\'' | '[' | ']' | '*' => {
                out.push_str(&format!("%{:02X}", u32::from(character)));
            }
            '&' => out.push_str("\\&"),
            plain => out.push(plain),
        }
    }
    Some(out)
}
