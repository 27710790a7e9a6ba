//! The XML of recog: fingerprints with their patterns, flags and parameters; examples and descriptions are passed over.

use roxmltree::{Document, Node, ParsingOptions};

use super::pattern::Flags;
use super::{FINGERPRINTS_MAX, Param};

/// Most nodes of a document.
const NODES_MAX: u32 = 2_000_000;

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 65_536;

/// Most parameters of a fingerprint.
const PARAMS_MAX: usize = 64;

/// A file, its patterns not yet compiled.
#[derive(Debug)]
pub(super) struct File {
    /// What they are matched against: `http_header.server`. Files without `matches` get their protocol and `.banner`.
    pub(super) matches: String,
    /// In the order of the file, which is the order of precedence.
    pub(super) fingerprints: Vec<Raw>,
}

/// A fingerprint, its pattern not yet compiled.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) line: u32,
    pub(super) pattern: String,
    pub(super) flags: Flags,
    pub(super) params: Vec<Param>,
}

/// Reads a file's text. The error says what is wrong.
pub(super) fn read(text: &str) -> Result<File, String> {
    let options = ParsingOptions {
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if !root.has_tag_name("fingerprints") {
        return Err(format!("it starts with <{}>, not <fingerprints>", root.tag_name().name()));
    }
    let matches = match (root.attribute("matches"), root.attribute("protocol")) {
        (Some(matches), _) => matches.to_owned(),
        (None, Some(protocol)) => format!("{protocol}.banner"),
        (None, None) => return Err("<fingerprints> says neither matches nor protocol".to_owned()),
    };
    let mut fingerprints = Vec::new();
    for node in root.children().filter(|node| node.has_tag_name("fingerprint")) {
        if fingerprints.len() >= FINGERPRINTS_MAX {
            return Err(format!("it has more than {FINGERPRINTS_MAX} fingerprints"));
        }
        fingerprints.push(fingerprint(&document, node)?);
    }
    Ok(File { matches, fingerprints })
}

fn fingerprint(document: &Document<'_>, node: Node<'_, '_>) -> Result<Raw, String> {
    let line = document.text_pos_at(node.range().start).row;
    let pattern = node
        .attribute("pattern")
        .ok_or_else(|| format!("the fingerprint at line {line} has no pattern"))?;
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("the pattern at line {line} has more than {PATTERN_BYTES_MAX} bytes"));
    }
    let params = node.children().filter(|child| child.has_tag_name("param")).take(PARAMS_MAX);
    Ok(Raw {
        line,
        pattern: pattern.to_owned(),
        flags: Flags::of(node.attribute("flags").unwrap_or("")),
        params: params.filter_map(param).collect(),
    })
}

/// A parameter; one without position or name says nothing.
fn param(node: Node<'_, '_>) -> Option<Param> {
    Some(Param {
        group: node.attribute("pos")?.parse().ok()?,
        name: node.attribute("name")?.to_owned(),
        value: node.attribute("value").unwrap_or("").to_owned(),
    })
}
