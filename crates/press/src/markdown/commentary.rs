//! CommonMark written by an analyst, written anew: headings below the section's, raw HTML as text, links to the Web only.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::escape::{address, code, fenced, text};

/// Quotations and lists in each other; what is deeper stands at this depth.
const DEPTH_MAX: usize = 24;

/// Renders below a heading of this level; headings in it begin one deeper and leave out none.
pub(super) fn render(written: &str, level: usize) -> String {
    let mut writer = Writer {
        level,
        deepest: level,
        containers: vec![Container::default()],
        ..Writer::default()
    };
    for event in Parser::new_ext(written, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        writer.event(event);
    }
    writer.flush();
    let first = writer.containers.into_iter().next().unwrap_or_default();
    first.lines.join("\n")
}

/// Lines of the document, of a quotation or of an item.
#[derive(Default)]
struct Container {
    lines: Vec<String>,
    /// Next number of a list that bears numbers; none for others and for what is no list.
    number: Option<u64>,
    /// Whether nothing stands between its blocks: items of a list.
    tight: bool,
}

#[derive(Default)]
struct Writer {
    level: usize,
    deepest: usize,
    containers: Vec<Container>,
    /// Running text not yet in a line.
    inline: String,
    /// Typed text of an open block of code.
    typed: Option<String>,
    /// Ends of open links; empty where the address is none of the Web.
    links: Vec<String>,
    cells: Vec<String>,
    alignments: Vec<Alignment>,
    in_table: bool,
}

impl Writer {
    fn event(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(plain)
            | Event::Html(plain)
            | Event::InlineHtml(plain)
            | Event::InlineMath(plain)
            | Event::DisplayMath(plain)
            | Event::FootnoteReference(plain) => match &mut self.typed {
                Some(typed) => typed.push_str(&plain),
                None => self.inline.push_str(&text(&plain)),
            },
            // A table's cells end at a bar even in code.
            Event::Code(typed) if self.in_table => self.inline.push_str(&code(&typed).replace('|', "\\|")),
            Event::Code(typed) => self.inline.push_str(&code(&typed)),
            Event::SoftBreak => self.inline.push('\n'),
            Event::HardBreak => self.inline.push_str("\\\n"),
            Event::Rule => self.add("* * *"),
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag) {
        match tag {
            Tag::BlockQuote(_) | Tag::Item => self.open(None, false),
            Tag::List(number) => self.open(number, true),
            Tag::CodeBlock(CodeBlockKind::Indented | CodeBlockKind::Fenced(_)) => {
                self.flush();
                self.typed = Some(String::new());
            }
            Tag::Table(alignments) => {
                (self.alignments, self.in_table) = (alignments, true);
                self.open(None, true);
            }
            Tag::TableHead | Tag::TableRow => self.cells.clear(),
            Tag::Emphasis => self.inline.push('*'),
            Tag::Strong => self.inline.push_str("**"),
            Tag::Strikethrough => self.inline.push_str("~~"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                // A link in a link is none; a picture is its text, linked.
                let nested = self.links.iter().any(|end| !end.is_empty());
                let end = if nested { None } else { address(&dest_url) };
                if end.is_some() {
                    self.inline.push('[');
                }
                self.links.push(end.map_or_else(String::new, |address| format!("]({address})")));
            }
            Tag::Paragraph | Tag::Heading { .. } | Tag::HtmlBlock => self.flush(),
            Tag::TableCell
            | Tag::Superscript
            | Tag::Subscript
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let level = (self.level + level as usize).min(self.deepest + 1).min(6);
                self.deepest = level;
                let title = std::mem::take(&mut self.inline).replace("\\\n", " ").replace('\n', " ");
                self.add(&format!("{} {}", "#".repeat(level), title.trim()));
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.flush(),
            TagEnd::BlockQuote(_) => self.close("> ", "> "),
            TagEnd::Item => self.close_item(),
            TagEnd::List(_) => self.close("", ""),
            TagEnd::CodeBlock => {
                let typed = self.typed.take().unwrap_or_default();
                self.add(&fenced("", &typed));
            }
            TagEnd::Table => {
                self.in_table = false;
                self.close("", "");
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.inline);
                self.cells.push(cell.trim().to_owned());
            }
            TagEnd::TableHead => {
                self.row();
                let rules = self.alignments.iter().map(|alignment| match alignment {
                    Alignment::Right => "--:",
                    Alignment::Center => ":-:",
                    Alignment::Left | Alignment::None => "---",
                });
                let rules: Vec<&str> = rules.collect();
                self.add(&format!("| {} |", rules.join(" | ")));
            }
            TagEnd::TableRow => self.row(),
            TagEnd::Emphasis => self.inline.push('*'),
            TagEnd::Strong => self.inline.push_str("**"),
            TagEnd::Strikethrough => self.inline.push_str("~~"),
            TagEnd::Link | TagEnd::Image => self.inline.push_str(&self.links.pop().unwrap_or_default()),
            TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn row(&mut self) {
        let row = format!("| {} |", self.cells.join(" | "));
        self.add(&row);
    }

    /// Running text becomes a block.
    fn flush(&mut self) {
        let inline = std::mem::take(&mut self.inline);
        if !inline.trim().is_empty() {
            self.add(inline.trim());
        }
    }

    fn add(&mut self, block: &str) {
        if let Some(container) = self.containers.last_mut() {
            if !container.tight && !container.lines.is_empty() {
                container.lines.push(String::new());
            }
            container.lines.extend(block.lines().map(str::to_owned));
        }
    }

    fn open(&mut self, number: Option<u64>, tight: bool) {
        self.flush();
        self.containers.push(Container {
            lines: Vec::new(),
            number,
            tight,
        });
    }

    /// Sets the lines of the innermost container into the one around it.
    fn close(&mut self, first: &str, others: &str) {
        self.flush();
        if self.containers.len() < 2 {
            return;
        }
        let inner = self.containers.pop().unwrap_or_default();
        if self.containers.len() > DEPTH_MAX {
            self.add(&inner.lines.join("\n"));
            return;
        }
        let mut block = String::new();
        for (number, line) in inner.lines.iter().enumerate() {
            let prefix = if number == 0 { first } else { others };
            block.push_str(format!("{prefix}{line}").trim_end());
            block.push('\n');
        }
        self.add(if block.is_empty() { first.trim_end() } else { &block });
    }

    fn close_item(&mut self) {
        self.flush();
        let place = self.containers.len().saturating_sub(2);
        let number = self.containers.get_mut(place).and_then(|list| {
            let number = list.number?;
            list.number = Some(number.saturating_add(1));
            Some(number)
        });
        let mark = number.map_or_else(|| "- ".to_owned(), |number| format!("{}. ", number.min(999_999_999)));
        let others = " ".repeat(mark.len());
        self.close(&mark, &others);
    }
}
