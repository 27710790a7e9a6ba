//! The analyst's CommonMark as blocks of the template.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use typst::foundations::{Array, IntoValue, Value, dict};

use super::characters::{Characters, is_japanese};
use super::values::{is_web, text};

/// Deepest nesting that is shown; what is nested deeper is set at this depth.
const DEPTH_MAX: usize = 10;

/// The blocks of a text; its headings become headings of `level`.
pub(super) fn blocks(markdown: &str, level: usize, characters: &mut Characters) -> Array {
    let mut builder = Builder {
        characters,
        level,
        open: vec![Open::default()],
        deeper: 0,
        said: 0,
        last: None,
        broken: false,
    };
    for event in Parser::new_ext(markdown, Options::empty()) {
        builder.take(event);
    }
    while builder.open.len() > 1 {
        builder.close();
    }
    builder.flush();
    builder.open.pop().map(|top| top.blocks).unwrap_or_default()
}

/// What an open element becomes when it closes.
#[derive(Default)]
enum Kind {
    /// The text as a whole, or an element without look of its own.
    #[default]
    Plain,
    Heading,
    Quote,
    Code,
    /// With the first number, where numbered.
    List(Option<u64>),
    Item,
    Emphasis,
    Strong,
    Link(String),
    Image(String),
}

/// An element that is not closed yet.
#[derive(Default)]
struct Open {
    kind: Kind,
    /// Finished blocks; items, in a list.
    blocks: Array,
    /// Inlines of the paragraph under way.
    inlines: Array,
    /// Text of a code block.
    code: String,
    /// What had been said when it opened; see [`Builder::said`].
    said: usize,
}

struct Builder<'a, 'f> {
    characters: &'a mut Characters<'f>,
    level: usize,
    open: Vec<Open>,
    /// Elements beyond the deepest nesting, to be closed without effect.
    deeper: usize,
    /// Visible characters so far: a heading that says nothing is none.
    said: usize,
    /// Last character, and whether a line ended after it.
    last: Option<char>,
    broken: bool,
}

impl Builder<'_, '_> {
    fn take(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(words) => {
                if let Some(Open {
                    kind: Kind::Code, code, ..
                }) = self.open.last_mut()
                {
                    code.push_str(&words);
                } else {
                    self.say(&words);
                }
            }
            Event::Html(words)
            | Event::InlineHtml(words)
            | Event::InlineMath(words)
            | Event::DisplayMath(words)
            | Event::FootnoteReference(words) => self.say(&words),
            Event::Code(words) => {
                self.bridge(None);
                self.said += 1;
                let shown = self.characters.line(&words);
                self.inline(dict! { "kind" => "code", "text" => shown }.into_value());
            }
            Event::SoftBreak => self.broken = true,
            Event::HardBreak => {
                self.inline(dict! { "kind" => "break" }.into_value());
                (self.last, self.broken) = (None, false);
            }
            Event::Rule => self.block(dict! { "kind" => "rule" }.into_value()),
            Event::TaskListMarker(done) => self.say(if done { "[x] " } else { "[ ] " }),
        }
    }

    /// Words of running text.
    fn say(&mut self, words: &str) {
        let Some(first) = words.chars().next() else { return };
        self.bridge(Some(first));
        let shown = self.characters.line(words);
        self.inline(text(shown));
        self.said += words.chars().filter(|character| !character.is_whitespace()).count();
        self.last = words.chars().last();
    }

    /// The end of a line is a space, except between Japanese characters.
    fn bridge(&mut self, next: Option<char>) {
        let joined = self.last.is_some_and(is_japanese) && next.is_some_and(is_japanese);
        if std::mem::take(&mut self.broken) && !joined && self.last.is_some() {
            self.inline(text(" ".to_owned()));
        }
        self.last = Some(next.unwrap_or('x'));
    }

    fn start(&mut self, tag: Tag) {
        let inline = matches!(tag, Tag::Emphasis | Tag::Strong | Tag::Link { .. } | Tag::Image { .. });
        if self.open.len() > DEPTH_MAX {
            if !inline {
                self.flush();
            }
            self.deeper += 1;
            return;
        }
        let kind = match tag {
            Tag::Heading { .. } => Kind::Heading,
            Tag::BlockQuote(_) => Kind::Quote,
            Tag::CodeBlock(_) => Kind::Code,
            Tag::List(start) => Kind::List(start),
            Tag::Item => Kind::Item,
            Tag::Emphasis => Kind::Emphasis,
            Tag::Strong => Kind::Strong,
            Tag::Link { dest_url, .. } => Kind::Link(dest_url.into_string()),
            Tag::Image { dest_url, .. } => Kind::Image(dest_url.into_string()),
            // The others are paragraphs, or belong to extensions that are not read.
            Tag::Paragraph
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Table(_)
            | Tag::TableHead
            | Tag::TableRow
            | Tag::TableCell
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => Kind::Plain,
        };
        if inline {
            self.bridge_open();
        } else {
            self.flush();
        }
        let said = self.said;
        self.open.push(Open {
            kind,
            said,
            ..Open::default()
        });
    }

    /// The end of a line before an inline element: what follows is not known yet, so its look decides nothing.
    fn bridge_open(&mut self) {
        if self.broken && !self.last.is_some_and(is_japanese) {
            self.bridge(None);
        }
    }

    fn end(&mut self, _tag: TagEnd) {
        // Starts and ends come in pairs, so the count alone tells whose end it is.
        if self.deeper > 0 {
            self.deeper -= 1;
        } else if self.open.len() > 1 {
            self.close();
        }
    }

    /// Closes the innermost element.
    fn close(&mut self) {
        let is_inline = |open: &Open| matches!(open.kind, Kind::Emphasis | Kind::Strong | Kind::Link(_) | Kind::Image(_));
        if self.open.last().is_some_and(is_inline) {
            let Some(open) = self.open.pop() else { return };
            self.close_inline(open);
            return;
        }
        if !self.open.last().is_some_and(|open| matches!(open.kind, Kind::Heading)) {
            self.flush();
        }
        let Some(open) = self.open.pop() else { return };
        (self.last, self.broken) = (None, false);
        match open.kind {
            Kind::Plain | Kind::Emphasis | Kind::Strong | Kind::Link(_) | Kind::Image(_) => {
                for block in open.blocks {
                    self.block(block);
                }
            }
            Kind::Heading if open.said == self.said => {}
            Kind::Heading => {
                let level = i64::try_from(self.level).unwrap_or(i64::MAX);
                self.block(dict! { "kind" => "heading", "level" => level, "body" => open.inlines }.into_value());
            }
            Kind::Quote => self.block(dict! { "kind" => "quote", "blocks" => open.blocks }.into_value()),
            Kind::Code => {
                let shown = self.characters.lines(&open.code);
                self.block(dict! { "kind" => "code", "text" => shown }.into_value());
            }
            Kind::List(None) => self.block(dict! { "kind" => "list", "items" => open.blocks }.into_value()),
            Kind::List(Some(start)) => {
                let start = i64::try_from(start).unwrap_or(1);
                self.block(dict! { "kind" => "numbers", "start" => start, "items" => open.blocks }.into_value());
            }
            Kind::Item => {
                if let Some(list) = self.open.last_mut() {
                    list.blocks.push(open.blocks.into_value());
                }
            }
        }
    }

    fn close_inline(&mut self, open: Open) {
        let body = open.inlines;
        match open.kind {
            Kind::Emphasis => self.inline(dict! { "kind" => "emphasis", "body" => body }.into_value()),
            Kind::Strong => self.inline(dict! { "kind" => "strong", "body" => body }.into_value()),
            Kind::Link(url) if is_web(&url) => {
                self.inline(dict! { "kind" => "link", "url" => url, "body" => body }.into_value());
            }
            Kind::Image(url) => {
                self.inline(text("![".to_owned()));
                self.spread(body);
                let end = self.characters.line(&format!("]({url})"));
                self.inline(text(end));
            }
            Kind::Link(_) | Kind::Plain | Kind::Heading | Kind::Quote | Kind::Code | Kind::List(_) | Kind::Item => self.spread(body),
        }
    }

    fn spread(&mut self, inlines: Array) {
        for inline in inlines {
            self.inline(inline);
        }
    }

    fn inline(&mut self, inline: Value) {
        if let Some(open) = self.open.last_mut() {
            open.inlines.push(inline);
        }
    }

    fn block(&mut self, block: Value) {
        if let Some(open) = self.open.last_mut() {
            open.blocks.push(block);
        }
    }

    /// Ends the paragraph under way.
    fn flush(&mut self) {
        (self.last, self.broken) = (None, false);
        if let Some(open) = self.open.last_mut()
            && !open.inlines.is_empty()
        {
            let body = std::mem::take(&mut open.inlines);
            open.blocks.push(dict! { "kind" => "paragraph", "body" => body }.into_value());
        }
    }
}
