//! A document as GitHub-flavoured Markdown, with its figures and data as files beside it.

mod commentary;
mod escape;
#[cfg(test)]
mod tests;

use crate::document::{Align, Block, Data, Document, Fact, Figure, Inline, Reference, Section, Table};
use crate::labels::{Labels, Words, file_name, section_number};
use escape::{address, code, fenced, link, text};

/// Rows of a table that stand in the text; the file of its data has all.
pub const ROWS_MAX: usize = 200;

/// The document as Markdown, readable as it is.
///
/// Figures are pictures in files `ID.svg`, data are files `ID.csv`, both in the same folder (ids of letters,
/// digits, `-` and `_` as they are, other characters as `_`). What would become markup is escaped; raw HTML in
/// commentary is shown as text. Links lead to http and https only.
pub fn render(document: &Document) -> String {
    let mut writer = Writer {
        document,
        labels: Labels::of(document),
        words: Words::of(document.lang),
        out: String::new(),
    };
    writer.head();
    if !document.summary.is_empty() {
        writer.heading(2, writer.words.summary);
        writer.blocks(&document.summary, 2);
    }
    writer.sections(&document.sections, 2, "");
    writer.appendix();
    writer.out
}

struct Writer<'a> {
    document: &'a Document,
    labels: Labels<'a>,
    words: &'static Words,
    out: String,
}

impl Writer<'_> {
    /// A block of its own; nothing when there is nothing in it.
    fn block(&mut self, content: &str) {
        let trimmed = content.trim();
        if trimmed.is_empty() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str(trimmed);
        self.out.push('\n');
    }

    fn heading(&mut self, level: usize, escaped: &str) {
        let marks = "#".repeat(level.min(6));
        self.block(&format!("{marks} {}", escaped.trim()));
    }

    fn head(&mut self) {
        let document = self.document;
        self.heading(1, &text(&document.title));
        let mut parts = Vec::new();
        if !document.subtitle.is_empty() {
            parts.push(text(&document.subtitle));
        }
        if !document.publisher.is_empty() {
            parts.push(text(&document.publisher));
        }
        if !document.made.is_empty() {
            parts.push(format!("{}{}{}", self.words.made, self.words.colon, text(&document.made)));
        }
        if let Some(label) = document.label.as_deref().filter(|label| !label.trim().is_empty()) {
            parts.push(format!("**{}**", text(label.trim())));
        }
        self.block(&parts.join(" · "));
        if let Some(warning) = document.warning.as_deref().filter(|warning| !warning.trim().is_empty()) {
            self.block(&format!("> [!WARNING]\n> **{}**", text(warning.trim())));
        }
    }

    fn sections(&mut self, sections: &[Section], level: usize, around: &str) {
        let mut counted = 0;
        for section in sections {
            let number = section_number(around, section, &mut counted);
            let title = if number.is_empty() {
                text(&section.title)
            } else {
                format!("{number} {}", text(&section.title))
            };
            self.heading(level, &title);
            self.blocks(&section.blocks, level);
            self.sections(&section.sections, level + 1, &number);
        }
    }

    fn blocks(&mut self, blocks: &[Block], level: usize) {
        for block in blocks {
            match block {
                Block::Paragraph(inlines) => {
                    let paragraph = self.inlines(inlines);
                    self.block(&paragraph);
                }
                Block::Facts(facts) => self.facts(facts),
                Block::Commentary(written) => {
                    let lines = commentary::render(written, level);
                    let quoted: Vec<String> = lines.lines().map(|line| format!("> {line}").trim_end().to_owned()).collect();
                    self.block(&format!("> **{}**\n>\n{}", self.words.commentary, quoted.join("\n")));
                }
                Block::List(items) => {
                    let lines: Vec<String> = items.iter().map(|item| format!("- {}", self.inlines(item).trim())).collect();
                    self.block(&lines.join("\n"));
                }
                Block::Table(table) => self.table(table),
                Block::Figure(figure) => self.figure(figure),
                Block::References(references) => self.references(references),
                Block::Heading(title) => self.heading(level + 1, &text(title)),
            }
        }
    }

    fn inlines(&self, inlines: &[Inline]) -> String {
        let mut out = String::new();
        for inline in inlines {
            match inline {
                Inline::Text(plain) => out.push_str(&text(plain)),
                // Asterisks between a letter and a sign of punctuation would be shown as such.
                Inline::Strong(strong) if strong.starts_with(char::is_alphanumeric) && strong.ends_with(char::is_alphanumeric) => {
                    out.push_str(&format!("**{}**", text(strong)));
                }
                Inline::Strong(strong) => out.push_str(&text(strong)),
                Inline::Code(typed) => out.push_str(&code(typed)),
                Inline::Link { text, url } => out.push_str(&link(text, url)),
                Inline::Ref(id) => match self.labels.find(id) {
                    Some(label) => out.push_str(&label.text),
                    None => out.push_str(&text(id)),
                },
                Inline::Cite(number) => out.push_str(&format!("\\[{number}\\]")),
            }
        }
        out
    }

    /// The sentences as a paragraph, and below it what backs them, in their order.
    fn facts(&mut self, facts: &[Fact]) {
        let sentences: Vec<String> = facts.iter().map(|fact| text(fact.text.trim())).collect();
        self.block(&sentences.join(self.words.space));
        let mut proofs: Vec<String> = Vec::new();
        for fact in facts {
            let data = fact.data.as_deref().and_then(|id| self.file(id));
            let finding = code(&fact.finding);
            let proof = data.map_or(finding.clone(), |file| format!("{finding} ({file})").trim_start().to_owned());
            if !proof.is_empty() && !proofs.contains(&proof) {
                proofs.push(proof);
            }
        }
        if !proofs.is_empty() {
            self.block(&format!("*{}*{}{}", self.words.evidence, self.words.colon, proofs.join(", ")));
        }
    }

    /// A link to the file of data; `None` where the document has no such data.
    fn file(&self, id: &str) -> Option<String> {
        let data = self.document.data.iter().find(|data| data.id == id)?;
        let file = file_name(&data.id, "csv");
        Some(format!("[{}]({file})", text(&file)))
    }

    fn figure(&mut self, figure: &Figure) {
        let Some(label) = self.labels.find(&figure.id) else { return };
        self.block(&format!("**{}** {}", label.text, text(&figure.caption)));
        let alt = if figure.alt.is_empty() { &figure.caption } else { &figure.alt };
        self.block(&format!("![{}]({})", text(alt), file_name(&figure.id, "svg")));
        self.under(figure.note.as_deref(), figure.data.as_deref());
    }

    fn table(&mut self, table: &Table) {
        let Some(label) = self.labels.find(&table.id) else { return };
        self.block(&format!("**{}** {}", label.text, text(&table.caption)));
        let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let cell = |content: &str| text(content).trim().to_owned();
        let rule = |align: &Align| match align {
            Align::Left => "---".to_owned(),
            Align::Right => "--:".to_owned(),
            Align::Centre => ":-:".to_owned(),
        };
        let mut lines = vec![
            row(table.columns.iter().map(|(name, _)| cell(name)).collect()),
            row(table.columns.iter().map(|(_, align)| rule(align)).collect()),
        ];
        for cells in table.rows.iter().take(ROWS_MAX) {
            let places = 0..table.columns.len();
            lines.push(row(places
                .map(|place| cells.get(place).map_or_else(String::new, |content| cell(content)))
                .collect()));
        }
        if !table.columns.is_empty() {
            self.block(&lines.join("\n"));
        }
        if table.rows.len() > ROWS_MAX {
            self.block(&self.words.rows_shown(ROWS_MAX, table.rows.len()));
        }
        self.under(table.note.as_deref(), table.data.as_deref());
    }

    /// What stands under a table or figure.
    fn under(&mut self, note: Option<&str>, data: Option<&str>) {
        if let Some(note) = note {
            self.block(&text(note));
        }
        if let Some(file) = data.and_then(|id| self.file(id)) {
            self.block(&format!("{}{}{file}", self.words.data_and_sql, self.words.colon));
        }
    }

    fn references(&mut self, references: &[Reference]) {
        let lines: Vec<String> = references.iter().map(reference).collect();
        self.block(&lines.join("\n"));
    }

    fn appendix(&mut self) {
        if self.document.data.is_empty() {
            return;
        }
        self.heading(2, self.words.appendix);
        self.block(self.words.appendix_lead);
        for data in &self.document.data {
            self.data(data);
        }
    }

    fn data(&mut self, data: &Data) {
        let title = if data.title.is_empty() { &data.id } else { &data.title };
        self.heading(3, &text(title));
        let file = self.file(&data.id).unwrap_or_default();
        let users: Vec<String> = self.labels.users(&data.id).into_iter().map(|label| label.text).collect();
        if users.is_empty() {
            self.block(&file);
        } else {
            self.block(&format!("{file} · {}{}{}", self.words.used_in, self.words.colon, users.join(", ")));
        }
        if data.sql.trim().is_empty() {
            self.block(self.words.computed);
        } else {
            self.block(&fenced("sql", &data.sql));
        }
    }
}

/// An entry of the references, as an item of a list.
fn reference(reference: &Reference) -> String {
    let mut parts = vec![format!("- \\[{}\\]", reference.number)];
    if !reference.date.is_empty() {
        parts.push(text(&reference.date));
    }
    parts.push(match reference.url.as_deref() {
        Some(url) if address(url).is_some() => link(&reference.text, url),
        Some(_) | None => text(&reference.text),
    });
    if !reference.source.is_empty() {
        parts.push(format!("— {}", text(&reference.source)));
    }
    parts.join(" ")
}
