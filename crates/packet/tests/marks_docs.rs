//! `docs/marks.md` against the code: its generated tables must be what the code says. UPDATE_GOLDEN=1 rewrites them.

use hirundo_packet::mark::{Entry, MarkTable};
use hirundo_packet::probe::{PROBES, Probe};
use std::fmt::Write as _;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/marks.md");

/// A cell must not end itself.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn mark_row(entry: &Entry) -> String {
    let rule = match (entry.rule.as_str(), entry.pair.as_str()) {
        (rule, "") => rule.to_owned(),
        ("", pair) => format!("Source only: {pair}"),
        (rule, pair) => format!("{rule}. Source also: {pair}"),
    };
    let chance = entry
        .chance_log2
        .map_or_else(|| "common shape".to_owned(), |chance| format!("2^{chance}"));
    let confirmed = if entry.confirmed { "yes" } else { "no" };
    format!(
        "| {} | `{}` | {} | {chance} | {} | {confirmed} | {} |\n",
        entry.number,
        entry.name,
        cell(&rule),
        entry.min_packets,
        cell(&entry.source)
    )
}

fn marks(entries: impl Iterator<Item = Entry>) -> String {
    let head = "| number | name | rule | by chance | packets for a verdict | confirmed | source |\n|---|---|---|---|---|---|---|\n";
    entries.fold(head.to_owned(), |mut table, entry| {
        table.push_str(&mark_row(&entry));
        table
    })
}

fn probe_row(number: usize, probe: &Probe) -> String {
    let ports: Vec<String> = probe
        .ports
        .iter()
        .map(|(low, high)| if low == high { low.to_string() } else { format!("{low}–{high}") })
        .collect();
    let ports = if ports.is_empty() { "any".to_owned() } else { ports.join(", ") };
    format!(
        "| {number} | `{}` | {} | {ports} | {} | {} |\n",
        probe.name,
        cell(probe.service),
        cell(probe.meaning),
        cell(probe.source)
    )
}

fn probes() -> String {
    let mut table = "| number | name | service | port | asks for | source |\n|---|---|---|---|---|---|\n".to_owned();
    for (at, probe) in PROBES.iter().enumerate() {
        write!(table, "{}", probe_row(at + 1, probe)).expect("a String takes every write");
    }
    table
}

/// The page with the text between the markers of `name` replaced.
fn replaced(page: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end of {name} -->"));
    let from = page.find(&begin).unwrap_or_else(|| panic!("docs/marks.md lacks {begin}")) + begin.len();
    let to = page[from..].find(&end).unwrap_or_else(|| panic!("docs/marks.md lacks {end}")) + from;
    format!("{}\n{table}\n{}", &page[..from], &page[to..])
}

#[test]
fn the_reference_is_what_the_code_says() {
    let page = std::fs::read_to_string(PATH).expect("docs/marks.md is needed");
    let example = MarkTable::with_rules(include_str!("../rules/example.toml")).unwrap();
    let is_rule = |entry: &&Entry| entry.number >= hirundo_packet::mark::FIRST_RULE;
    let mut expected = replaced(&page, "marks", &marks(MarkTable::built_in().entries().cloned()));
    expected = replaced(&expected, "example", &marks(example.entries().filter(is_rule).cloned()));
    expected = replaced(&expected, "probes", &probes());
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|wanted| wanted == "1") {
        std::fs::write(PATH, &expected).unwrap();
    } else {
        assert!(
            page == expected,
            "docs/marks.md is not what the code says; hint: UPDATE_GOLDEN=1 rewrites it"
        );
    }
}
