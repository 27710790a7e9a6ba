//! What is printed: pages, text, hostile text, the same bytes each time, and what is refused.

use typst::foundations::NativeElement;
use typst::layout::{Frame, FrameItem};
use typst::model::{FigureElem, HeadingElem, LinkElem};

use super::{Fonts, PdfError, lay_out, render};
use crate::document::{Align, Block, Document, Fact, Figure, Inline, Lang, Reference, Section, Table};

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"f\" viewBox=\"0 0 90 30\" font-family=\"sans-serif\">\
                   <rect width=\"90\" height=\"30\" fill=\"#eee\"/><text x=\"4\" y=\"20\" font-size=\"9\">packets</text></svg>";

fn fonts() -> Fonts {
    Fonts::new(Vec::new()).unwrap()
}

fn document(blocks: Vec<Block>) -> Document {
    Document {
        lang: Lang::English,
        title: "Observation Report".into(),
        subtitle: "April to June 2022".into(),
        publisher: "Example CSIRT".into(),
        made: "15 July 2022".into(),
        label: Some("TLP:GREEN".into()),
        warning: Some("SIMULATED DATA".into()),
        summary: vec![paragraph("In short.")],
        sections: vec![section("overview", blocks)],
        data: Vec::new(),
    }
}

fn section(id: &str, blocks: Vec<Block>) -> Section {
    Section {
        id: id.into(),
        title: format!("About {id}"),
        numbered: true,
        blocks,
        sections: Vec::new(),
    }
}

fn paragraph(text: &str) -> Block {
    Block::Paragraph(vec![Inline::Text(text.into())])
}

fn figure(id: &str, svg: &str) -> Block {
    let svg = svg.into();
    Block::Figure(Figure {
        id: id.into(),
        caption: "The course".into(),
        svg,
        alt: "A line".into(),
        note: Some("A note".into()),
        data: None,
    })
}

fn table(id: &str, rows: Vec<Vec<String>>) -> Block {
    let columns = vec![("Port".into(), Align::Left), ("Packets".into(), Align::Right)];
    Block::Table(Table {
        id: id.into(),
        caption: "Ports".into(),
        columns,
        rows,
        note: None,
        data: None,
    })
}

/// The text of each page, without spaces, for lines break anywhere.
fn pages(document: &Document) -> Vec<String> {
    let laid_out = lay_out(document, &fonts()).unwrap();
    laid_out
        .pages()
        .iter()
        .map(|page| read(&page.frame).split_whitespace().collect())
        .collect()
}

fn read(frame: &Frame) -> String {
    let mut text = String::new();
    for (_, item) in frame.items() {
        match item {
            FrameItem::Text(words) => text.push_str(&words.text),
            FrameItem::Group(group) => text.push_str(&read(&group.frame)),
            FrameItem::Shape(..) | FrameItem::Image(..) | FrameItem::Link(..) | FrameItem::Tag(_) => {}
        }
    }
    text
}

#[track_caller]
fn has(text: &str, expected: &str) {
    let expected: String = expected.split_whitespace().collect();
    assert!(text.contains(&expected), "{expected} is not in {text}");
}

#[test]
fn a_report_has_title_page_contents_and_sections() {
    let blocks = vec![
        Block::Facts(vec![
            Fact {
                text: "23/TCP rose.".into(),
                finding: "f1".into(),
                data: None,
            },
            Fact {
                text: "22/TCP fell.".into(),
                finding: "f2".into(),
                data: None,
            },
        ]),
        Block::Paragraph(vec![
            Inline::Ref("course".into()),
            Inline::Text(" and ".into()),
            Inline::Ref("ports".into()),
            Inline::Cite(7),
        ]),
        table("ports", vec![vec!["23/TCP".into(), "4,810".into()]]),
        figure("course", SVG),
        Block::References(vec![Reference {
            number: 7,
            date: "1 May 2022".into(),
            text: "An advisory".into(),
            source: "A maker".into(),
            url: Some("https://example.org/a".into()),
        }]),
    ];
    let pages = pages(&document(blocks));
    let [title, contents, body] = pages.as_slice() else {
        panic!("{} pages", pages.len())
    };
    for expected in [
        "Observation Report",
        "April to June 2022",
        "Example CSIRT",
        "15 July 2022",
        "SIMULATED DATA",
        "In short.",
        "1/3",
    ] {
        has(title, expected);
    }
    for expected in ["Contents", "About overview", "Figure 1 The course", "Table 1 Ports"] {
        has(contents, expected);
    }
    for expected in [
        "Observation Report, April to June 2022",
        "1 About overview",
        "23/TCP rose. 22/TCP fell.",
        "Figure 1 and Table 1 [7]",
        "Table 1 Ports",
        "Figure 1 The course",
        "A note",
        "[7] 1 May 2022. An advisory. A maker https://example.org/a",
        "3/3",
    ] {
        has(body, expected);
    }
    for page in &pages {
        assert_eq!(page.matches("TLP:GREEN").count(), 2, "above and below: {page}");
    }
}

#[test]
fn the_pdf_is_tagged_and_the_same_each_time() {
    let document = document(vec![figure("course", SVG), table("ports", vec![vec!["23/TCP".into(), "1".into()]])]);
    let bytes = render(&document, &fonts()).unwrap();
    assert!(bytes.starts_with(b"%PDF-1.7"));
    let text = String::from_utf8_lossy(&bytes);
    for expected in ["/MarkInfo", "/StructTreeRoot", "/Lang(en)", "pdfuaid:part", "/Outlines"] {
        assert!(text.contains(expected), "no {expected}");
    }
    assert!(!text.contains("/CreationDate"), "the clock has no place in it");
    assert_eq!(render(&document, &fonts()).unwrap(), bytes);
}

#[test]
fn a_long_table_repeats_its_head() {
    let rows = (0..120).map(|n| vec![format!("{n}/TCP"), format!("{}", n * 37)]).collect();
    let pages = pages(&document(vec![table("ports", rows)]));
    let with_rows: Vec<_> = pages.iter().filter(|page| page.contains("/TCP")).collect();
    assert!(with_rows.len() >= 3, "{} pages", with_rows.len());
    for page in with_rows {
        has(page, "Port Packets");
    }
}

#[test]
fn hostile_text_stays_text() {
    const EVIL: &str = "#panic(1) $x^2$ \\ \"a\" // b /* c @ports <ports> `d` *e* _f_ = g - h #{sys.inputs} ]) #read(\"/etc/passwd\")";
    let mut report = document(vec![
        paragraph(EVIL),
        Block::Facts(vec![Fact {
            text: EVIL.into(),
            finding: EVIL.into(),
            data: Some(EVIL.into()),
        }]),
        Block::Heading(EVIL.into()),
        Block::List(vec![vec![Inline::Strong(EVIL.into()), Inline::Code(EVIL.into())]]),
        Block::Paragraph(vec![
            Inline::Link {
                text: EVIL.into(),
                url: "javascript:alert(1)".into(),
            },
            Inline::Cite(3),
        ]),
        table("ports", vec![vec![EVIL.into(), EVIL.into()]]),
        Block::References(vec![Reference {
            number: 1,
            date: EVIL.into(),
            text: EVIL.into(),
            source: EVIL.into(),
            url: Some(EVIL.into()),
        }]),
        Block::Commentary("#panic(2) $y$ \\# <script>alert(1)</script> ![shot](file:///etc/passwd) @ports".into()),
        Block::Commentary("```\n#panic(3)\n```".into()),
    ]);
    for field in [&mut report.title, &mut report.subtitle, &mut report.publisher, &mut report.made] {
        EVIL.clone_into(field);
    }
    report.label = Some(EVIL.into());
    report.warning = Some(EVIL.into());
    let far = format!("https://example.org/{}", "x".repeat(9_000));
    report.sections[0].blocks.push(Block::Commentary(format!("[far]({far})")));
    let text = pages(&report).concat();
    let evil: String = EVIL.split_whitespace().collect();
    assert!(text.matches(&evil).count() >= 14, "{text}");
    has(&text, "#panic(2)$y$# <script>alert(1)</script> ![shot](file:///etc/passwd) @ports");
    has(&text, "#panic(3)");
    render(&report, &fonts()).unwrap();
}

#[test]
fn characters_that_hide_or_are_missing_are_replaced() {
    let text = pages(&document(vec![paragraph("a\u{202e}b\u{0}c\nd \u{1f525} e")])).concat();
    has(&text, "a\u{fffd}b\u{fffd}c d \u{fffd} e");
    render(
        &document(vec![
            paragraph("\u{1f525}\u{200d}\u{fe0f}\u{e0101}"),
            figure("f", &SVG.replace("packets", "\u{1f525}")),
        ]),
        &fonts(),
    )
    .unwrap();
}

#[test]
fn commentary_is_commonmark() {
    let markdown = "# Head\n\nOne *two* **three**\nfour `five`\n\n3. a\n4. b\n   - c\n\n> quoted\n\n[web](https://example.org/x) [other](ftp://example.org)\n\n---\n\nend";
    let report = document(vec![Block::Commentary(markdown.into())]);
    let laid_out = lay_out(&report, &fonts()).unwrap();
    let text: String = laid_out
        .pages()
        .iter()
        .map(|page| read(&page.frame))
        .collect::<String>()
        .split_whitespace()
        .collect();
    has(&text, "Head One two three four five 3. a 4. b");
    has(&text, "c quoted web other end");
    let introspector = laid_out.introspector();
    let found = |element: typst::foundations::Element| typst::introspection::Introspector::query(introspector.as_ref(), &element.select());
    let levels: Vec<usize> = found(HeadingElem::ELEM)
        .iter()
        .filter_map(|heading| heading.to_packed::<HeadingElem>())
        .map(|heading| heading.resolve_level(typst::foundations::StyleChain::default()).get())
        .collect();
    assert_eq!(levels.last(), Some(&2), "{levels:?}");
    assert_eq!(found(FigureElem::ELEM).len(), 0);
    let to_web = found(LinkElem::ELEM)
        .iter()
        .filter(|link| format!("{link:?}").contains("example.org"))
        .count();
    assert_eq!(to_web, 1);
}

#[test]
fn lines_of_japanese_join_without_space_and_nesting_is_bounded() {
    let mut characters = super::characters::Characters::new(Box::leak(Box::new(fonts())));
    let joined = |markdown: &str, characters: &mut _| format!("{:?}", super::commentary::blocks(markdown, 2, characters));
    assert!(!joined("観測\n報告", &mut characters).contains("\" \""));
    assert!(joined("seen\nagain", &mut characters).contains("\" \""));
    let deep = format!("{} end", "> ".repeat(5_000));
    let text = pages(&document(vec![Block::Commentary(deep)])).concat();
    has(&text, "end");
}

#[test]
fn japanese_without_a_font_is_refused_with_a_hint() {
    let drawn = figure("course", &SVG.replace("packets", "パケット"));
    // Of the last only the words that print adds itself are Japanese.
    for document in [
        document(vec![paragraph("観測")]),
        document(vec![drawn]),
        Document {
            lang: Lang::Japanese,
            ..document(vec![])
        },
    ] {
        let message = render(&document, &fonts()).unwrap_err().to_string();
        assert!(message.contains("hint: setup/fonts.sh"), "{message}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let message = |blocks| render(&document(blocks), &fonts()).unwrap_err().to_string();
    let broken = message(vec![figure("course", "<svg xmlns=\"http://www.w3.org/2000/svg\"><path")]);
    assert!(broken.starts_with("drawing figure course: failed to parse SVG"), "{broken}");
    let linked = SVG.replace("<rect", "<image href=\"/etc/passwd\" width=\"9\" height=\"9\"/><rect");
    let outside = message(vec![figure("course", &linked)]);
    assert!(outside.contains("failed to load linked image"), "{outside}");
    assert!(message(vec![figure("overview", SVG)]).contains("\"overview\" is empty or stands twice"));
    assert!(message(vec![Block::Paragraph(vec![Inline::Ref("nowhere".into())])]).contains("\"nowhere\""));
    assert!(message(vec![table("t", vec![vec!["1".into()]])]).contains("row 1 has 1 cells, the table has 2 columns"));
}

#[test]
fn what_is_empty_leaves_nothing() {
    let mut report = document(vec![
        Block::Paragraph(Vec::new()),
        Block::Facts(Vec::new()),
        Block::Commentary("- \n- a\n\n> \n\n# \n\n[](https://example.org)\n\n1.\n".into()),
        Block::List(vec![Vec::new()]),
        Block::List(Vec::new()),
        table("no-rows", Vec::new()),
        Block::Table(Table {
            id: "nothing".into(),
            caption: String::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            note: None,
            data: None,
        }),
        Block::References(Vec::new()),
        Block::Heading(String::new()),
    ]);
    for field in [&mut report.subtitle, &mut report.publisher, &mut report.made] {
        field.clear();
    }
    (report.label, report.warning, report.summary) = (None, None, Vec::new());
    render(&report, &fonts()).unwrap();
    report.sections.clear();
    render(&report, &fonts()).unwrap();
}

#[test]
fn files_that_are_not_fonts_are_refused() {
    let refused = Fonts::new(vec![("readme.ttf".into(), b"not a font".to_vec())]).unwrap_err();
    assert!(matches!(refused, PdfError::Font { name, .. } if name == "readme.ttf"));
    let nowhere = Fonts::load(std::path::Path::new("no/such/folder")).unwrap_err().to_string();
    assert!(nowhere.starts_with("reading fonts from no/such/folder: "), "{nowhere}");
}

#[test]
#[ignore = "needs the fonts that setup/fonts.sh brings to data/fonts"]
fn a_japanese_report_is_set_in_the_font_brought() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/fonts");
    let fonts = Fonts::load(std::path::Path::new(folder)).unwrap();
    assert_eq!(fonts.families().first().map(String::as_str), Some("Noto Sans JP"));
    let mut report = document(vec![
        figure("course", &SVG.replace("packets", "パケット")),
        Block::Paragraph(vec![Inline::Ref("course".into()), Inline::Text("に𠮟咤\u{1f525}".into())]),
    ]);
    report.lang = Lang::Japanese;
    let laid_out = lay_out(&report, &fonts).unwrap();
    let text: String = laid_out.pages().iter().map(|page| read(&page.frame)).collect();
    for expected in ["目次", "概要", "図1", "に𠮟咤\u{fffd}"] {
        has(&text.split_whitespace().collect::<String>(), expected);
    }
    let bytes = render(&report, &fonts).unwrap();
    assert_eq!(render(&report, &fonts).unwrap(), bytes);
    assert!(String::from_utf8_lossy(&bytes).contains("+NotoSansJP-Regular"));
    assert!(bytes.len() < 200_000, "the fonts are cut to what is used: {} bytes", bytes.len());
}
