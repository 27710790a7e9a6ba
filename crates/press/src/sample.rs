//! A document with every kind of block and every field filled, for tests of the renderers.

use crate::document::{Align, Block, Data, Document, Fact, Figure, Inline, Lang, Reference, Section, Table};

/// Text that breaks out of elements, attributes, comments, tables, links and code where it is not escaped.
pub(crate) const HOSTILE: &str =
    "\"'><img/src=x/onerror=alert(1)><script>alert(2)</script></style></title>--></pre>`|[x](https://evil.example)*b*&lt;\u{202e}";

/// The drawing in the document.
pub(crate) const DRAWING: &str = "<svg viewBox=\"0 0 9 9\" id=\"f-svg\"><style>#f-svg .a{fill:red}</style><g class=\"day\" data-label=\"1 May\"><rect x=\"1\" y=\"1\" width=\"3\" height=\"3\"/><title>1 May</title></g></svg>";

/// A document whose texts, ids and addresses all hold what `fill` makes of their name.
pub(crate) fn document(fill: impl Fn(&str) -> String) -> Document {
    let text = |name: &str| Inline::Text(fill(name));
    // What hides in an address keeps it from being a link, which would change the structure.
    let address = |name: &str| format!("https://example.org/{}", fill(name).replace(crate::labels::is_hidden, ""));
    Document {
        lang: Lang::English,
        title: fill("title"),
        subtitle: fill("subtitle"),
        publisher: fill("publisher"),
        made: fill("made"),
        label: Some(fill("label")),
        warning: Some(fill("warning")),
        summary: vec![Block::Facts(vec![fact(&fill, "first", true), fact(&fill, "second", false)])],
        sections: vec![Section {
            id: fill("outer"),
            title: fill("outer title"),
            numbered: true,
            blocks: vec![
                Block::Paragraph(vec![
                    text("plain"),
                    Inline::Strong(fill("strong")),
                    Inline::Code(fill("code")),
                    Inline::Link {
                        text: fill("link"),
                        url: address("url"),
                    },
                    Inline::Link {
                        text: fill("dangerous"),
                        url: format!("javascript:{}", fill("script")),
                    },
                    Inline::Ref(fill("figure")),
                    Inline::Ref(fill("unknown")),
                    Inline::Cite(1),
                    Inline::Cite(9),
                ]),
                Block::List(vec![vec![text("item")], vec![Inline::Ref(fill("table"))]]),
            ],
            sections: vec![Section {
                id: fill("inner"),
                title: fill("inner title"),
                numbered: true,
                blocks: vec![
                    Block::Heading(fill("heading")),
                    table(&fill),
                    figure(&fill),
                    references(&fill, address("source")),
                ],
                sections: Vec::new(),
            }],
        }],
        data: vec![Data {
            id: fill("data"),
            title: fill("data title"),
            csv: format!("name,count\n\"{}\",12\nplain,3\n", fill("cell").replace('"', "\"\"")),
            sql: format!("SELECT '{}'", fill("sql")),
        }],
    }
}

fn fact(fill: &impl Fn(&str) -> String, name: &str, backed: bool) -> Fact {
    Fact {
        text: fill(name),
        finding: fill("finding"),
        data: backed.then(|| fill("data")),
    }
}

fn table(fill: &impl Fn(&str) -> String) -> Block {
    Block::Table(Table {
        id: fill("table"),
        caption: fill("table caption"),
        columns: vec![
            (fill("rank"), Align::Centre),
            (fill("port"), Align::Left),
            (fill("packets"), Align::Right),
        ],
        rows: vec![vec![fill("1"), fill("23/TCP"), fill("1,024")]],
        note: Some(fill("table note")),
        data: Some(fill("data")),
    })
}

fn figure(fill: &impl Fn(&str) -> String) -> Block {
    Block::Figure(Figure {
        id: fill("figure"),
        caption: fill("figure caption"),
        svg: DRAWING.to_owned(),
        alt: fill("alternative"),
        note: Some(fill("figure note")),
        data: Some(fill("data")),
    })
}

fn references(fill: &impl Fn(&str) -> String, url: String) -> Block {
    Block::References(vec![Reference {
        number: 1,
        date: fill("date"),
        text: fill("event"),
        source: fill("who"),
        url: Some(url),
    }])
}
