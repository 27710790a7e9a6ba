//! `hirundo docs`: reference pages, generated from the code that they describe.

use std::io::Write;

use anyhow::Result;
use hirundo_packet::decode::Reason;
use hirundo_packet::mark::MarkTable;

use super::Done;
use crate::cli::Page;

/// Prints a page as Markdown.
pub fn run(page: Page) -> Result<Done> {
    let text = match page {
        Page::Tables => hirundo_lake::schema::reference(),
        Page::Functions => functions(),
        Page::Marks => marks(),
        Page::Reasons => reasons(),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Done::Yes)
}

fn functions() -> String {
    let mut text = String::from(
        "# SQL functions\n\nBeside those of the engine (standard SQL, dates, texts, regular expressions):\n\n| function | meaning |\n|---|---|\n",
    );
    for (name, meaning) in hirundo_lake::functions::REFERENCE {
        text.push_str(&format!("| `{name}` | {meaning} |\n"));
    }
    text
}

fn marks() -> String {
    let mut text = String::from("# Marks of tools\n\n| mark | rule | source |\n|---|---|---|\n");
    for entry in MarkTable::built_in().entries() {
        text.push_str(&format!("| `{}` | {} | {} |\n", entry.name, entry.rule, entry.source));
    }
    text
}

fn reasons() -> String {
    let mut text = String::from("# What decoding can count\n\n| reason | row kept | meaning |\n|---|---|---|\n");
    for reason in Reason::ALL {
        let kept = if reason.loses_packet() { "" } else { "yes" };
        text.push_str(&format!("| `{}` | {kept} | {} |\n", reason.name(), reason.meaning()));
    }
    text
}
