//! Everything in a document that can be read, as source and as rendered, each with where it stands.

use std::borrow::Cow;

use hirundo_press::document::{Block, Data, Document, Figure, Inline, Section, Table};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Attributes of SVG that hold nothing but geometry, in which numbers may stand side by side like addresses.
const GEOMETRY: [&str; 5] = ["d", "points", "transform", "viewBox", "stroke-dasharray"];
/// Elements and attributes of a figure.
const NODES_MAX: u32 = 200_000;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Words.
    Prose,
    /// Address of a reference.
    Reference,
    /// SQL.
    Sql,
}

/// A piece of text.
pub(super) struct Piece<'a> {
    /// Where it stands, in words.
    pub(super) place: String,
    /// The text.
    pub(super) text: Cow<'a, str>,
    /// What it is.
    pub(super) form: Form,
}

/// All pieces of a document, and the places of figures that cannot be read.
pub(super) fn pieces(document: &Document) -> (Vec<Piece<'_>>, Vec<String>) {
    let mut list = List {
        pieces: Vec::new(),
        unreadable: Vec::new(),
    };
    for text in [&document.title, &document.subtitle, &document.publisher, &document.made] {
        list.prose("title page", text);
    }
    for text in [&document.label, &document.warning].into_iter().flatten() {
        list.prose("title page", text);
    }
    list.blocks("summary", &document.summary);
    for section in &document.sections {
        list.section(section);
    }
    for data in &document.data {
        list.data(data);
    }
    (list.pieces, list.unreadable)
}

/// All tables and figures with the ids of their data, tables with themselves.
pub(super) fn shown_data(document: &Document) -> Vec<(String, Option<&str>, Option<&Table>)> {
    let mut shown = Vec::new();
    add_shown(&document.summary, &mut shown);
    let mut open: Vec<&Section> = document.sections.iter().rev().collect();
    while let Some(section) = open.pop() {
        add_shown(&section.blocks, &mut shown);
        open.extend(section.sections.iter().rev());
    }
    shown
}

fn add_shown<'a>(blocks: &'a [Block], shown: &mut Vec<(String, Option<&'a str>, Option<&'a Table>)>) {
    for block in blocks {
        match block {
            Block::Table(table) => shown.push((table_place(table), table.data.as_deref(), Some(table))),
            Block::Figure(figure) => shown.push((figure_place(figure), figure.data.as_deref(), None)),
            Block::Paragraph(_) | Block::Facts(_) | Block::Commentary(_) | Block::List(_) | Block::References(_) | Block::Heading(_) => {}
        }
    }
}

fn table_place(table: &Table) -> String {
    format!("table `{}`", table.id)
}

fn figure_place(figure: &Figure) -> String {
    format!("figure `{}`", figure.id)
}

struct List<'a> {
    pieces: Vec<Piece<'a>>,
    unreadable: Vec<String>,
}

impl<'a> List<'a> {
    fn add(&mut self, place: &str, text: impl Into<Cow<'a, str>>, form: Form) {
        let (place, text) = (place.to_owned(), text.into());
        if !text.is_empty() {
            self.pieces.push(Piece { place, text, form });
        }
    }

    fn prose(&mut self, place: &str, text: &'a str) {
        self.add(place, text, Form::Prose);
    }

    fn section(&mut self, section: &'a Section) {
        let place = format!("section `{}`", section.id);
        self.prose(&place, &section.id);
        self.prose(&place, &section.title);
        self.blocks(&place, &section.blocks);
        for inner in &section.sections {
            self.section(inner);
        }
    }

    fn blocks(&mut self, place: &str, blocks: &'a [Block]) {
        for block in blocks {
            match block {
                Block::Paragraph(inlines) => self.inlines(place, inlines),
                Block::List(items) => items.iter().for_each(|item| self.inlines(place, item)),
                Block::Facts(facts) => {
                    for fact in facts {
                        self.prose(place, &fact.text);
                        self.prose(place, &fact.finding);
                        self.prose(place, fact.data.as_deref().unwrap_or(""));
                    }
                }
                Block::Commentary(text) => self.commentary(&format!("{place}, commentary"), text),
                Block::Table(table) => self.table(table),
                Block::Figure(figure) => self.figure(figure),
                Block::Heading(text) => self.prose(place, text),
                Block::References(references) => {
                    for reference in references {
                        let place = format!("reference {}", reference.number);
                        self.prose(&place, &reference.date);
                        self.prose(&place, &reference.text);
                        self.prose(&place, &reference.source);
                        self.add(&place, reference.url.as_deref().unwrap_or(""), Form::Reference);
                    }
                }
            }
        }
    }

    /// Running text as a whole, so that what emphasis parts is read together, and each address of a link.
    fn inlines(&mut self, place: &str, inlines: &'a [Inline]) {
        let mut text = String::new();
        for inline in inlines {
            match inline {
                Inline::Text(part) | Inline::Strong(part) | Inline::Code(part) | Inline::Ref(part) => text.push_str(part),
                Inline::Link { text: part, url } => {
                    text.push_str(part);
                    self.prose(place, url);
                }
                Inline::Cite(number) => text.push_str(&format!("[{number}]")),
            }
        }
        self.add(place, text, Form::Prose);
    }

    /// Commentary as source, and as it reads once rendered: without escapes, entities and emphasis.
    fn commentary(&mut self, place: &str, source: &'a str) {
        self.prose(place, source);
        let mut text = String::new();
        for event in Parser::new_ext(source, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
            match event {
                Event::Text(part) | Event::Code(part) | Event::Html(part) | Event::InlineHtml(part) => text.push_str(&part),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    self.add(place, dest_url.to_string(), Form::Prose)
                }
                Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image) => {}
                Event::End(_) | Event::SoftBreak | Event::HardBreak | Event::Rule => text.push('\n'),
                Event::Start(_) | Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {
                }
            }
        }
        self.add(place, text, Form::Prose);
    }

    fn table(&mut self, table: &'a Table) {
        let place = table_place(table);
        self.prose(&place, &table.id);
        self.prose(&place, &table.caption);
        self.prose(&place, table.note.as_deref().unwrap_or(""));
        self.prose(&place, table.data.as_deref().unwrap_or(""));
        for (head, _) in &table.columns {
            self.prose(&place, head);
        }
        for (number, row) in (1..).zip(&table.rows) {
            for cell in row {
                self.prose(&format!("{place}, row {number}"), cell);
            }
        }
    }

    fn figure(&mut self, figure: &'a Figure) {
        let place = figure_place(figure);
        for text in [&figure.id, &figure.caption, &figure.alt] {
            self.prose(&place, text);
        }
        self.prose(&place, figure.note.as_deref().unwrap_or(""));
        self.prose(&place, figure.data.as_deref().unwrap_or(""));
        let options = roxmltree::ParsingOptions {
            nodes_limit: NODES_MAX,
            ..roxmltree::ParsingOptions::default()
        };
        match roxmltree::Document::parse_with_options(&figure.svg, options) {
            Ok(svg) => self.svg(&format!("{place}, drawing"), &svg),
            Err(_) => self.unreadable.push(place),
        }
    }

    /// The texts, comments and attributes of a drawing. Text that several elements make up is read as one.
    fn svg(&mut self, place: &str, svg: &roxmltree::Document<'_>) {
        for node in svg.descendants() {
            for attribute in node.attributes().filter(|attribute| !GEOMETRY.contains(&attribute.name())) {
                self.add(place, attribute.value().to_owned(), Form::Prose);
            }
            if node.is_comment() || node.is_pi() {
                let instruction = node.pi().and_then(|instruction| instruction.value).unwrap_or("");
                self.add(place, format!("{} {instruction}", node.text().unwrap_or("")), Form::Prose);
            }
            let is_line = matches!(node.tag_name().name(), "text" | "title" | "desc" | "style");
            let is_loose = node.is_text()
                && !node
                    .ancestors()
                    .any(|above| matches!(above.tag_name().name(), "text" | "title" | "desc" | "style"));
            if is_line || is_loose {
                let text: String = node
                    .descendants()
                    .filter(roxmltree::Node::is_text)
                    .filter_map(|part| part.text())
                    .collect();
                self.add(place, text, Form::Prose);
            }
        }
    }

    fn data(&mut self, data: &'a Data) {
        let place = format!("data `{}`", data.id);
        self.prose(&place, &data.id);
        self.prose(&place, &data.title);
        self.add(&format!("{place}, CSV"), data.csv.as_str(), Form::Prose);
        self.add(&format!("{place}, SQL"), data.sql.as_str(), Form::Sql);
    }
}
