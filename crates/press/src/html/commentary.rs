//! CommonMark written by an analyst as HTML: raw HTML shown as text, links to the Web only, no pictures.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::block::link_start;
use super::escape::Escaped;

/// Renders below a heading of this level; headings in it begin one deeper and leave out none.
pub(super) fn render(text: &str, level: usize) -> String {
    let mut writer = Writer {
        out: String::new(),
        level,
        deepest: level,
        headings: Vec::new(),
        links: Vec::new(),
        alignments: Vec::new(),
        column: 0,
        in_head: false,
        broken: None,
        last: None,
    };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        writer.event(event);
    }
    writer.out
}

struct Writer {
    out: String,
    /// Level of the heading around it, and of the heading before.
    level: usize,
    deepest: usize,
    /// Levels of open headings.
    headings: Vec<usize>,
    /// Open links and pictures: whether an element was opened.
    links: Vec<bool>,
    alignments: Vec<Alignment>,
    column: usize,
    in_head: bool,
    /// Where a line of the source ended, until the next text.
    broken: Option<usize>,
    /// Last character of text.
    last: Option<char>,
}

impl Writer {
    fn push(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => self.text(&text),
            Event::Code(text) => {
                self.push("<code>");
                self.text(&text);
                self.push("</code>");
            }
            Event::SoftBreak => self.broken = Some(self.out.len()),
            Event::HardBreak => self.push("<br>\n"),
            Event::Rule => self.push("<hr>\n"),
            Event::TaskListMarker(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(place) = self.broken.take() {
            let next = text.chars().next();
            // Japanese has no spaces, so the end of a line within it is none either.
            if !(self.last.is_some_and(is_east_asian) && next.is_some_and(is_east_asian)) {
                self.out.insert(place, '\n');
            }
        }
        self.last = text.chars().next_back().or(self.last);
        self.push(&Escaped(text).to_string());
    }

    fn start(&mut self, tag: Tag) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.push("<p>"),
            Tag::Heading { level, .. } => {
                let level = (self.level + level as usize).min(self.deepest + 1).min(6);
                self.deepest = level;
                self.headings.push(level);
                self.push(&format!("<h{level}>"));
            }
            Tag::BlockQuote(_) => self.push("<blockquote>"),
            Tag::CodeBlock(CodeBlockKind::Indented | CodeBlockKind::Fenced(_)) => self.push("<pre tabindex=\"0\"><code>"),
            Tag::List(None) => self.push("<ul>"),
            Tag::List(Some(first)) => self.push(&format!("<ol start=\"{}\">", first.min(999_999_999))),
            Tag::Item => self.push("<li>"),
            Tag::Table(alignments) => {
                self.alignments = alignments;
                self.push("<div class=\"scroll\" tabindex=\"0\"><table>");
            }
            Tag::TableHead => {
                (self.in_head, self.column) = (true, 0);
                self.push("<thead><tr>");
            }
            Tag::TableRow => {
                self.column = 0;
                self.push("<tr>");
            }
            Tag::TableCell => self.cell(),
            Tag::Emphasis => self.push("<em>"),
            Tag::Strong => self.push("<strong>"),
            Tag::Strikethrough => self.push("<del>"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                // A link in a link is none; a picture is its text, linked.
                let opened = if self.links.contains(&true) { None } else { link_start(&dest_url) };
                self.links.push(opened.is_some());
                self.push(&opened.unwrap_or_default());
            }
            Tag::Superscript
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
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.push("</p>\n"),
            TagEnd::Heading(_) => {
                let level = self.headings.pop().unwrap_or(6);
                self.push(&format!("</h{level}>\n"));
            }
            TagEnd::BlockQuote(_) => self.push("</blockquote>\n"),
            TagEnd::CodeBlock => self.push("</code></pre>\n"),
            TagEnd::List(true) => self.push("</ol>\n"),
            TagEnd::List(false) => self.push("</ul>\n"),
            TagEnd::Item => self.push("</li>"),
            TagEnd::Table => self.push("</tbody></table></div>\n"),
            TagEnd::TableHead => {
                self.in_head = false;
                self.push("</tr></thead><tbody>");
            }
            TagEnd::TableRow => self.push("</tr>"),
            TagEnd::TableCell => {
                self.column += 1;
                self.push(if self.in_head { "</th>" } else { "</td>" });
            }
            TagEnd::Emphasis => self.push("</em>"),
            TagEnd::Strong => self.push("</strong>"),
            TagEnd::Strikethrough => self.push("</del>"),
            TagEnd::Link | TagEnd::Image => {
                if self.links.pop().unwrap_or_default() {
                    self.push("</a>");
                }
            }
            TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn cell(&mut self) {
        let class = match self.alignments.get(self.column) {
            Some(Alignment::Right) => " class=\"r\"",
            Some(Alignment::Center) => " class=\"c\"",
            Some(Alignment::Left | Alignment::None) | None => "",
        };
        let element = if self.in_head { "th scope=\"col\"" } else { "td" };
        self.push(&format!("<{element}{class}>"));
    }
}

/// Whether a character is of a script written without spaces, or its punctuation.
fn is_east_asian(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}
