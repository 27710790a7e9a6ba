//! What a page must hold, and what must not come out of hostile text.

use std::collections::{BTreeMap, HashSet};

use html5gum::{DefaultEmitter, Token, Tokenizer};

use super::{ROWS_MAX, commentary, policy, render, sheet::Sheet};
use crate::document::{Align, Block, Document, Inline, Lang, Table};
use crate::sample::{DRAWING, HOSTILE, document};

/// A start tag: name, attributes.
type Element = (String, BTreeMap<String, String>);

const VOID: [&str; 5] = ["meta", "link", "br", "hr", "img"];

/// The elements of a page in order; panics where they do not close in turn.
fn elements(page: &str) -> Vec<Element> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(page, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                let attributes = tag.attributes.iter().map(|(name, value)| {
                    let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
                    (name.into_owned(), value.into_owned())
                });
                found.push((name.clone(), attributes.collect()));
                if !tag.self_closing && !VOID.contains(&name.as_str()) {
                    open.push(name);
                }
            }
            Token::EndTag(tag) => assert_eq!(open.pop().unwrap().as_bytes(), &**tag.name, "after {found:?}"),
            Token::Error(error) => panic!("{error:?}"),
            Token::String(_) | Token::Comment(_) | Token::Doctype(_) => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    found
}

fn plain(name: &str) -> String {
    name.replace(' ', "-")
}

fn hostile(name: &str) -> String {
    format!("{name}{HOSTILE}").replace(' ', "-")
}

#[test]
fn hostile_text_adds_no_element_and_no_attribute() {
    let shape = |page: &str| -> Vec<(String, Vec<String>)> {
        elements(page)
            .into_iter()
            .map(|(name, attributes)| (name, attributes.into_keys().collect()))
            .collect()
    };
    let (calm, wild) = (render(&document(plain)), render(&document(hostile)));
    assert_eq!(shape(&calm), shape(&wild));
    assert!(calm.matches("<tr>").count() >= 5);
}

#[test]
fn hostile_pages_have_one_script_and_no_address_but_the_webs() {
    let page = render(&document(hostile));
    let found = elements(&page);
    assert_eq!(found.iter().filter(|(name, _)| name == "script").count(), 1);
    assert_eq!(found.iter().filter(|(name, _)| name == "style").count(), 2);
    for (name, attributes) in &found {
        for (attribute, value) in attributes {
            assert!(
                !attribute.starts_with("on") && attribute != "src" && attribute != "style",
                "{name} {attribute}"
            );
            if attribute == "href" {
                let allowed = ["#", "https://example.org/", "data:,", "data:text/csv;charset=utf-8;base64,"];
                assert!(allowed.iter().any(|begin| value.starts_with(begin)), "{value}");
            }
        }
    }
    assert!(!page.contains('\u{202e}'));
}

#[test]
fn links_within_the_page_lead_somewhere_and_ids_differ() {
    for page in [render(&document(plain)), render(&document(hostile))] {
        let found = elements(&page);
        let ids: Vec<&String> = found.iter().filter_map(|(_, attributes)| attributes.get("id")).collect();
        let different: HashSet<&String> = ids.iter().copied().collect();
        assert_eq!(ids.len(), different.len());
        for name in ["href", "aria-labelledby", "aria-describedby"] {
            for value in found.iter().filter_map(|(_, attributes)| attributes.get(name)) {
                let target = if name == "href" {
                    value.strip_prefix('#')
                } else {
                    Some(value.as_str())
                };
                assert!(target.is_none_or(|target| different.contains(&target.to_owned())), "{value}");
            }
        }
    }
}

#[test]
fn policy_admits_what_the_page_holds_and_nothing_else() {
    let page = render(&document(plain));
    let content = elements(&page).into_iter().find_map(|(_, attributes)| {
        let policy = attributes.get("http-equiv")? == "Content-Security-Policy";
        policy.then(|| attributes.get("content").cloned())?
    });
    let content = content.unwrap();
    assert!(content.starts_with("default-src 'none'; ") && !content.contains("unsafe"));
    let between = |begin: &str, end: &str| page.split(begin).nth(1).unwrap().split(end).next().unwrap().to_owned();
    let admitted = [between("<style>", "</style>"), policy::styles(DRAWING).collect()];
    let script = between("<script>", "</script>");
    assert_eq!(content, policy::policy(admitted.iter().map(String::as_str), &script));
    // The digest of "abc" in FIPS 180-4, in base 64.
    let known = policy::policy(["abc"].into_iter(), "abc");
    assert!(known.contains("style-src 'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='; script-src 'sha256-ung"));
}

#[test]
fn numbers_labels_and_back_links_are_written() {
    let cases = [
        (
            Lang::English,
            ["Figure 1</a>", "<span class=\"label\">Table 1</span>", "lang=\"en\""],
        ),
        (Lang::Japanese, ["図1</a>", "<span class=\"label\">表1</span>", "lang=\"ja\""]),
    ];
    for (lang, expected) in cases {
        let page = render(&Document { lang, ..document(plain) });
        let common = [
            "<span class=\"number\">1.1</span> inner-title</h3>",
            "href=\"#cite-1-1\"",
            "href=\"#reference-1\">[1]</a>",
            "[9]",
        ];
        for piece in expected.iter().chain(&common) {
            assert!(page.contains(piece), "{piece}");
        }
        assert!(!page.contains("#reference-9") && !page.contains("href=\"javascript"));
    }
}

#[test]
fn labels_of_the_traffic_light_protocol_have_its_colours() {
    let cases = [
        ("TLP:RED", "tlp-red"),
        ("TLP:AMBER", "tlp-amber"),
        ("TLP:AMBER+STRICT", "tlp-amber-strict"),
        ("TLP:GREEN", "tlp-green"),
        ("TLP:CLEAR", "tlp-clear"),
        ("TLP:WHITE", "tlp-other"),
    ];
    for (label, class) in cases {
        let page = render(&Document {
            label: Some(label.to_owned()),
            ..document(plain)
        });
        assert_eq!(
            page.matches(&format!("<strong class=\"tlp {class}\">{label}</strong>")).count(),
            3,
            "{label}"
        );
    }
    let none = render(&Document {
        label: None,
        warning: None,
        ..document(plain)
    });
    assert!(!none.contains("<strong class=\"tlp") && !none.contains("id=\"warning\""));
}

#[test]
fn long_tables_are_cut_and_say_so_and_their_file_is_complete() {
    let mut long = document(plain);
    long.data[0].csv = "n\n".to_owned() + &"1\n".repeat(1_234);
    long.summary = vec![Block::Table(Table {
        id: "long".to_owned(),
        caption: String::new(),
        columns: vec![("n".to_owned(), Align::Right)],
        rows: vec![vec!["7".to_owned(), "too many".to_owned()]; ROWS_MAX + 1],
        note: None,
        data: None,
    })];
    let page = render(&long);
    assert!(page.contains("The first 200 of 1,234 rows are shown."));
    assert!(page.contains("The first 200 of 201 rows are shown."));
    assert_eq!(page.matches("<td class=\"r\">7</td>").count(), ROWS_MAX);
    assert!(!page.contains("too many"));
    assert!(page.contains(&policy::data_address(&long.data[0].csv)));
}

#[test]
fn an_empty_document_is_a_page() {
    let empty = Document {
        lang: Lang::Japanese,
        title: String::new(),
        subtitle: String::new(),
        publisher: String::new(),
        made: String::new(),
        label: None,
        warning: None,
        summary: Vec::new(),
        sections: Vec::new(),
        data: Vec::new(),
    };
    elements(&render(&empty));
    let blank = Document {
        summary: vec![
            Block::Facts(vec![]),
            Block::Paragraph(vec![Inline::Text(String::new())]),
            Block::Commentary(String::new()),
        ],
        ..empty
    };
    elements(&render(&blank));
}

/// CSV, the head, the rows kept, the number of all rows.
type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a [&'a str]], usize);

#[test]
fn csv_is_read_as_it_is_meant() {
    let cases: [Case; 6] = [
        ("", &[], &[], 0),
        ("a,b\n1,2\n", &["a", "b"], &[&["1", "2"]], 1),
        ("a,b\r\n\"x, \"\"y\"\"\r\nz\",\r\n", &["a", "b"], &[&["x, \"y\"\r\nz", ""]], 1),
        ("a\n1\n\n2\n3\n4", &["a"], &[&["1"], &["2"], &["3"]], 4),
        ("a\n\"never closed", &["a"], &[&["never closed"]], 1),
        ("a,\n,\n", &["a", ""], &[&["", ""]], 1),
    ];
    for (csv, head, rows, rows_all) in cases {
        let sheet = Sheet::read(csv, 3);
        let names: Vec<&str> = sheet.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names.as_slice(), sheet.rows_all), (head, rows_all), "{csv:?}");
        assert_eq!(sheet.rows, rows, "{csv:?}");
    }
    let aligned = Sheet::read("a,b,c\n1,x,\n-2.5e3,3,\n", 9);
    let aligns: Vec<Align> = aligned.columns.iter().map(|(_, align)| *align).collect();
    assert_eq!(aligns, [Align::Right, Align::Left, Align::Left]);
    assert!(Sheet::read(&format!("a\n{}\n", "x".repeat(5_000)), 9).rows[0][0].chars().count() < 400);
    assert!(Sheet::read(&",".repeat(5_000), 9).columns.len() < 100);
}

#[test]
fn commentary_is_common_mark_without_html_and_pictures() {
    let cases = [
        ("a *b* **c** `d<`", "<p>a <em>b</em> <strong>c</strong> <code>d&lt;</code></p>\n"),
        ("# a\n\n#### b\n\n# c", "<h3>a</h3>\n<h4>b</h4>\n<h3>c</h3>\n"),
        ("<script>x</script>\n", "<p>&lt;script&gt;x&lt;/script&gt;\n</p>\n"),
        ("x <b onclick=1>y", "<p>x &lt;b onclick=1&gt;y</p>\n"),
        ("[a](javascript:x) [b](data:x) [c](/d)", "<p>a b c</p>\n"),
        (
            "[a](https://b/?x=1&y=\"2)",
            "<p><a href=\"https://b/?x=1&amp;y=&quot;2\" rel=\"external noopener noreferrer\">a</a></p>\n",
        ),
        (
            "![a](https://b/c.png)",
            "<p><a href=\"https://b/c.png\" rel=\"external noopener noreferrer\">a</a></p>\n",
        ),
        (
            "[![a](https://b)](https://c)",
            "<p><a href=\"https://c\" rel=\"external noopener noreferrer\">a</a></p>\n",
        ),
        ("観測\n*点*と\nport", "<p>観測<em>点</em>と\nport</p>\n"),
        ("2. a\n3. b", "<ol start=\"2\"><li>a</li><li>b</li></ol>\n"),
    ];
    for (written, expected) in cases {
        assert_eq!(commentary::render(written, 2), expected, "{written:?}");
    }
    let table = commentary::render("|a|b|\n|--|-:|\n|1|2|", 2);
    assert!(table.contains("<th scope=\"col\" class=\"r\">b</th>") && table.contains("<td class=\"r\">2</td>"));
    for written in [
        HOSTILE.to_owned(),
        ">".repeat(20_000),
        "- ".repeat(20_000),
        "[".repeat(20_000),
        "*".repeat(20_000),
    ] {
        let found = elements(&commentary::render(&written, 2));
        assert!(
            found
                .iter()
                .all(|(name, _)| ["p", "a", "em", "strong", "blockquote", "ul", "li", "hr"].contains(&name.as_str())),
            "{found:?}"
        );
    }
}
