//! The content security policy of a page: nothing from outside, and only the styles and the script it was made with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The policy for these styles and this script, as the value of a `meta` element's attribute.
pub(super) fn policy<'a>(styles: impl Iterator<Item = &'a str>, script: &str) -> String {
    let mut sources: Vec<String> = styles.map(source).collect();
    sources.sort_unstable();
    sources.dedup();
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        sources.join(" "),
        source(script)
    )
}

/// The source expression that lets exactly this text pass.
fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// What stands in the style elements of a figure.
pub(super) fn styles(svg: &str) -> impl Iterator<Item = &str> {
    svg.split("<style").skip(1).filter_map(|rest| {
        let (_, content) = rest.split_once('>')?;
        Some(content.split_once("</style")?.0)
    })
}

/// A file as an address that holds it.
pub(super) fn data_address(content: &str) -> String {
    format!("data:text/csv;charset=utf-8;base64,{}", STANDARD.encode(content))
}
