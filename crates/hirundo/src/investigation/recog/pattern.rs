//! A pattern of recog, which is written for Ruby, as a regular expression of ours with bounds.

use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};

use super::literal;

/// Steps back a pattern may take before it is given up, for those that need look-around or back-references.
const BACKTRACK_MAX: usize = 50_000;

/// Largest compiled pattern, in bytes.
const COMPILED_BYTES_MAX: usize = 32 << 20;

/// Largest cache of a pattern's lazy automaton, in bytes; there are thousands of patterns.
const CACHE_BYTES_MAX: usize = 256 << 10;

/// Flags of a fingerprint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// Case does not matter.
    pub(super) ignore_case: bool,
    /// `.` matches line ends.
    pub(super) dot_newline: bool,
}

impl Flags {
    /// From `REG_ICASE,REG_DOT_NEWLINE`. In Ruby, for which they are written, `REG_MULTILINE` too lets `.` match line ends.
    pub(super) fn of(names: &str) -> Flags {
        let has = |wanted: &str| names.split(',').any(|name| name.trim() == wanted);
        Flags {
            ignore_case: has("REG_ICASE"),
            dot_newline: has("REG_DOT_NEWLINE") || has("REG_MULTILINE"),
        }
    }
}

/// A pattern and a text it cannot match without. It is compiled when a text first passes the filter: thousands of compiled
/// patterns take half a gigabyte, and an investigation needs some hundreds.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    literal: Option<String>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Takes a pattern that compiles; the error says why another does not.
    pub(super) fn new(pattern: &str, flags: Flags) -> Result<Pattern, String> {
        // In Ruby ^ and $ always stand at the ends of lines. The flags are written into the pattern, because with the
        // builder's multi_line fancy-regex 0.16 takes \A for the start of any line.
        let ignore_case = if flags.ignore_case { "i" } else { "" };
        let dot_newline = if flags.dot_newline { "s" } else { "" };
        let text = format!("(?m{ignore_case}{dot_newline}){pattern}");
        compile(&text)?;
        Ok(Pattern {
            text,
            literal: literal::of(pattern),
            compiled: OnceLock::new(),
        })
    }

    /// A text that every match contains, in lower case (the comparison is without case).
    pub(super) fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }

    /// The groups of the first match, the whole match as group 0; `None` without a match, or when it takes too many steps.
    pub(super) fn groups(&self, text: &str) -> Option<Vec<Option<String>>> {
        let regex = self.compiled.get_or_init(|| compile(&self.text).ok()).as_ref()?;
        let captures = regex.captures(text).ok().flatten()?;
        Some(captures.iter().map(|group| group.map(|group| group.as_str().to_owned())).collect())
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .backtrack_limit(BACKTRACK_MAX)
        .delegate_size_limit(COMPILED_BYTES_MAX)
        .delegate_dfa_size_limit(CACHE_BYTES_MAX)
        .build()
        .map_err(|error| error.to_string())
}
