//! The terminal: whether there is one, how wide, what it can show; and errors as one line.

use std::io::IsTerminal;

/// What standard output is.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Columns of the terminal, `None` when it is none.
    pub width: Option<usize>,
    /// Lines of the terminal.
    pub height: usize,
    /// Whether colours may be used.
    pub colour: bool,
    /// Whether anything but ASCII may be used.
    pub utf8: bool,
}

/// Looks at standard output and the environment.
pub fn screen() -> Screen {
    let terminal = std::io::stdout().is_terminal();
    let size = if terminal { terminal_size() } else { None };
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let plain = locale.is_some_and(|locale| matches!(locale.as_str(), "C" | "POSIX"));
    Screen {
        width: size.map(|size| size.0).or(terminal.then_some(80)),
        height: size.map_or(24, |size| size.1),
        colour: terminal && std::env::var_os("NO_COLOR").is_none(),
        utf8: !(terminal && plain),
    }
}

fn terminal_size() -> Option<(usize, usize)> {
    let (rows, columns) = console::Term::stdout().size_checked()?;
    Some((usize::from(columns), usize::from(rows)))
}

/// Whether progress may be shown: only to a person.
pub fn may_show_progress(quiet: bool) -> bool {
    !quiet && std::io::stderr().is_terminal()
}

/// An error with its causes, each said once, then what to do, on a line of its own.
pub fn one_line(error: &anyhow::Error) -> String {
    let (mut text, mut hints) = (String::new(), Vec::new());
    for cause in error.chain() {
        let cause = cause.to_string();
        let (cause, hint) = cause
            .split_once("; hint: ")
            .map_or((cause.as_str(), None), |(cause, hint)| (cause, Some(hint.to_owned())));
        hints.extend(hint);
        if text.contains(cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(cause);
    }
    hints.dedup();
    for hint in hints {
        text.push_str("\nhint: ");
        text.push_str(&hint);
    }
    text
}
