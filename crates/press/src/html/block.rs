//! The pieces of a section as HTML.

use super::escape::Escaped;
use super::{Page, ROWS_MAX, commentary};
use crate::document::{Align, Block, Fact, Figure, Inline, Reference, Table};
use crate::labels::{anchor, web_address};

impl Page<'_> {
    /// Blocks of a section whose heading is of this level.
    pub(super) fn blocks(&mut self, blocks: &[Block], level: usize) {
        for block in blocks {
            match block {
                Block::Paragraph(inlines) => {
                    self.push("<p>");
                    self.inlines(inlines);
                    self.push("</p>\n");
                }
                Block::Facts(facts) => self.facts(facts),
                Block::Commentary(text) => {
                    self.push(&format!(
                        "<div class=\"commentary\"><p class=\"kicker\">{}</p>\n",
                        self.words.commentary
                    ));
                    self.push(&commentary::render(text, level));
                    self.push("</div>\n");
                }
                Block::List(items) => {
                    self.push("<ul>");
                    for item in items {
                        self.push("<li>");
                        self.inlines(item);
                        self.push("</li>");
                    }
                    self.push("</ul>\n");
                }
                Block::Table(table) => self.table(table),
                Block::Figure(figure) => self.figure(figure),
                Block::References(references) => self.references(references),
                Block::Heading(text) => {
                    let heading = (level + 1).min(6);
                    self.push(&format!("<h{heading}>{}</h{heading}>\n", Escaped(text)));
                }
            }
        }
    }

    fn inlines(&mut self, inlines: &[Inline]) {
        for inline in inlines {
            match inline {
                Inline::Text(text) => self.push(&Escaped(text).to_string()),
                Inline::Strong(text) => self.push(&format!("<strong>{}</strong>", Escaped(text))),
                Inline::Code(text) => self.push(&format!("<code>{}</code>", Escaped(text))),
                Inline::Link { text, url } => self.push(&link(text, url)),
                Inline::Ref(id) => match self.labels.find(id) {
                    Some(label) => self.push(&format!("<a class=\"ref\" href=\"#{}\">{}</a>", label.anchor, label.text)),
                    None => self.push(&Escaped(id).to_string()),
                },
                Inline::Cite(number) => self.cite(*number),
            }
        }
    }

    fn cite(&mut self, number: u32) {
        if !self.known.contains(&number) {
            self.push(&format!("[{number}]"));
            return;
        }
        let count = self.cites.entry(number).or_default();
        *count += 1;
        let place = *count;
        self.push(&format!(
            "<a class=\"cite\" id=\"cite-{number}-{place}\" href=\"#reference-{number}\">[{number}]</a>"
        ));
    }

    /// Sentences, each followed by a mark that says what backs it.
    fn facts(&mut self, facts: &[Fact]) {
        let words = self.words;
        self.push("<p class=\"facts\">");
        for (place, fact) in facts.iter().enumerate() {
            if place > 0 {
                self.push(words.space);
            }
            self.facts += 1;
            let id = format!("proof-{}", self.facts);
            let data = self.document.data.iter().find(|data| fact.data.as_ref() == Some(&data.id));
            let mark = match data {
                Some(data) => format!(
                    "<a class=\"mark\" href=\"#{}\" aria-label=\"{}\" aria-describedby=\"{id}\"></a>",
                    anchor("data", &data.id),
                    words.evidence
                ),
                None => format!(
                    "<button class=\"mark\" type=\"button\" aria-label=\"{}\" aria-describedby=\"{id}\"></button>",
                    words.evidence
                ),
            };
            let backing = data.map_or_else(String::new, |data| {
                format!(
                    "<span>{}{}{}</span>",
                    words.data_and_sql,
                    words.colon,
                    Escaped(if data.title.is_empty() { &data.id } else { &data.title })
                )
            });
            let finding = if fact.finding.is_empty() {
                String::new()
            } else {
                format!(
                    "<span>{}{}<code>{}</code></span>",
                    words.finding,
                    words.colon,
                    Escaped(&fact.finding)
                )
            };
            // No line ends between a number and its unit.
            let text = &fact.text.trim().replace(" %", "\u{a0}%");
            if finding.is_empty() && backing.is_empty() {
                self.push(&format!("<span class=\"fact\">{}</span>", Escaped(text)));
                continue;
            }
            // The mark stays on the line of the last character.
            let (last, _) = text.char_indices().next_back().unwrap_or_default();
            let (begin, end) = text.split_at(last);
            self.push(&format!(
                "<span class=\"fact\">{}<span class=\"proof\">{}{mark}<span class=\"tip\" role=\"tooltip\" id=\"{id}\">\
                 {finding}{backing}</span></span></span>",
                Escaped(begin),
                Escaped(end),
            ));
        }
        self.push("</p>\n");
    }

    fn figure(&mut self, figure: &Figure) {
        let Some(label) = self.labels.find(&figure.id) else { return };
        self.push(&format!("<figure class=\"drawing\" id=\"{}\">", label.anchor));
        self.caption(&label.text, &figure.caption, &label.anchor);
        self.push(&format!(
            "<div class=\"plot\" role=\"img\" tabindex=\"0\" aria-label=\"{}\" data-explore=\"{}\">{}</div>",
            Escaped(if figure.alt.is_empty() { &figure.caption } else { &figure.alt }),
            self.words.explore,
            figure.svg
        ));
        self.under(figure.note.as_deref(), None, figure.data.as_deref());
        self.push("</figure>\n");
    }

    fn table(&mut self, table: &Table) {
        let Some(label) = self.labels.find(&table.id) else { return };
        self.push(&format!("<figure class=\"tabular\" id=\"{}\">", label.anchor));
        self.caption(&label.text, &table.caption, &label.anchor);
        self.cells(&table.columns, &table.rows, &label.anchor);
        let cut = (table.rows.len() > ROWS_MAX).then(|| self.words.rows_shown(ROWS_MAX, table.rows.len()));
        self.under(table.note.as_deref(), cut.as_deref(), table.data.as_deref());
        self.push("</figure>\n");
    }

    fn caption(&mut self, label: &str, caption: &str, anchor: &str) {
        self.push(&format!(
            "<figcaption id=\"{anchor}-caption\"><span class=\"label\">{label}</span> {}</figcaption>",
            Escaped(caption)
        ));
    }

    /// What stands under a table or figure.
    fn under(&mut self, note: Option<&str>, cut: Option<&str>, data: Option<&str>) {
        for text in [note, cut].into_iter().flatten().filter(|text| !text.is_empty()) {
            self.push(&format!("<p class=\"note\">{}</p>", Escaped(text)));
        }
        let known = data.filter(|id| self.document.data.iter().any(|data| data.id == *id));
        if let Some(id) = known {
            self.push(&format!(
                "<p class=\"source\"><a href=\"#{}\">{}</a></p>",
                anchor("data", id),
                self.words.data_and_sql
            ));
        }
    }

    /// The first rows of a table whose caption stands at this anchor.
    pub(super) fn cells(&mut self, columns: &[(String, Align)], rows: &[Vec<String>], anchor: &str) {
        self.push(&format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{anchor}-caption\">\
             <table aria-labelledby=\"{anchor}-caption\"><thead><tr>"
        ));
        for (name, align) in columns {
            self.push(&format!("<th scope=\"col\"{}>{}</th>", class(*align), Escaped(name)));
        }
        self.push("</tr></thead><tbody>");
        for row in rows.iter().take(ROWS_MAX) {
            self.push("<tr>");
            for (place, (_, align)) in columns.iter().enumerate() {
                let cell = row.get(place).map_or("", String::as_str);
                self.push(&format!("<td{}>{}</td>", class(*align), Escaped(cell)));
            }
            self.push("</tr>");
        }
        self.push("</tbody></table></div>");
    }

    fn references(&mut self, references: &[Reference]) {
        self.push("<ol class=\"references\">");
        for reference in references {
            let number = reference.number;
            let first = self.references.insert(number);
            let id = if first {
                format!(" id=\"reference-{number}\"")
            } else {
                String::new()
            };
            self.push(&format!("<li{id}><span class=\"number\">[{number}]</span><div>"));
            if !reference.date.is_empty() {
                self.push(&format!("<span class=\"date\">{}</span> ", Escaped(&reference.date)));
            }
            let text = match &reference.url {
                Some(url) => link(&reference.text, url),
                None => Escaped(&reference.text).to_string(),
            };
            self.push(&text);
            if !reference.source.is_empty() {
                self.push(&format!(" <span class=\"from\">{}</span>", Escaped(&reference.source)));
            }
            if first {
                self.back_links(number);
            }
            self.push("</div></li>\n");
        }
        self.push("</ol>\n");
    }

    /// Links to where a reference was cited before.
    fn back_links(&mut self, number: u32) {
        for place in 1..=self.cites.get(&number).copied().unwrap_or_default() {
            self.push(&format!(
                " <a class=\"back\" href=\"#cite-{number}-{place}\" aria-label=\"{} ({place})\">↩</a>",
                self.words.back
            ));
        }
    }
}

/// A link if the address is one of the Web, else its text.
fn link(text: &str, url: &str) -> String {
    match link_start(url) {
        Some(start) => format!("{start}{}</a>", Escaped(if text.is_empty() { url } else { text })),
        None => Escaped(text).to_string(),
    }
}

/// The start of a link; `None` for an address that is none of the Web.
pub(super) fn link_start(url: &str) -> Option<String> {
    let address = web_address(url)?;
    Some(format!("<a href=\"{}\" rel=\"external noopener noreferrer\">", Escaped(address)))
}

fn class(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"r\"",
        Align::Centre => " class=\"c\"",
    }
}
