//! What the Markdown must hold, and what must not come out of hostile text.

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::escape::{address, code, text};
use super::{commentary, render};
use crate::document::{Document, Lang};
use crate::sample::{HOSTILE, document};

fn events(markdown: &str) -> Vec<Event<'_>> {
    Parser::new_ext(
        markdown,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_GFM,
    )
    .collect()
}

/// The structure: every element without its text, addresses and levels apart.
fn shape(markdown: &str) -> Vec<String> {
    let mut found = Vec::new();
    for event in events(markdown) {
        match event {
            Event::Start(Tag::Link { .. }) => found.push("link".to_owned()),
            Event::Start(Tag::Image { .. }) => found.push("image".to_owned()),
            Event::Start(tag) => found.push(format!("{tag:?}")),
            Event::End(tag) => found.push(format!("{tag:?}")),
            Event::Html(html) | Event::InlineHtml(html) => panic!("{html}"),
            Event::Code(_) => found.push("code".to_owned()),
            Event::Rule => found.push("rule".to_owned()),
            Event::Text(_) | Event::SoftBreak => {}
            other @ (Event::HardBreak
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_)) => panic!("{other:?}"),
        }
    }
    found
}

#[test]
fn hostile_text_adds_no_markup() {
    let calm = render(&document(|name| name.replace(' ', "-")));
    for hostile in [
        HOSTILE,
        "\n# x\n\n- y\n\n<!-- \\",
        "_x_ __y__ ~~z~~ ``",
        "\\",
        "| --- |",
        "&#60;b&#62;",
    ] {
        let wild = render(&document(|name| format!("{name}{hostile}{name}").replace(' ', "-")));
        // Whoever writes an address with the end of a line in it gets no link.
        if !hostile.contains('\n') {
            assert_eq!(shape(&calm), shape(&wild), "{wild}");
        }
        shape(&wild);
    }
    for begin in ["# ", "- ", "+ ", "1. ", "23) ", "> ", "=", "---", "    ", "\t"] {
        let wild = render(&document(|name| {
            let blank = [
                "url", "script", "source", "data", "figure", "table", "outer", "inner", "unknown", "strong",
            ];
            if blank.contains(&name) {
                name.to_owned()
            } else {
                format!("{begin}{name}")
            }
        }));
        assert_eq!(shape(&calm), shape(&wild), "{begin:?}: {wild}");
    }
}

#[test]
fn text_is_shown_as_it_was() {
    let cases = [
        ("23/TCP (telnet), 1.5 times", "23/TCP (telnet), 1.5 times"),
        ("SELECT dst_port FROM packets_daily", "SELECT dst_port FROM packets_daily"),
        ("_x_ a*b", "\\_x\\_ a\\*b"),
        ("2022. Then", "2022\\. Then"),
        ("2022.5", "2022.5"),
        ("a\nb", "a b"),
        ("AT&T & &amp;", "AT\\&T & \\&amp;"),
        (
            "see https://x.example and www.example.org",
            "see https\\://x.example and www\\.example.org",
        ),
    ];
    for (plain, expected) in cases {
        assert_eq!(text(plain), expected);
        let shown: String = events(&text(plain))
            .into_iter()
            .filter_map(|event| {
                if let Event::Text(text) = event {
                    Some(text.into_string())
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(shown, plain.replace('\n', " "));
    }
    for typed in ["a", "`", "a``b", " a ", "``` x"] {
        let written = code(typed);
        assert!(
            events(&written)
                .iter()
                .any(|event| matches!(event, Event::Code(shown) if **shown == *typed)),
            "{written}"
        );
    }
    assert_eq!(
        address("https://x/(a)?b=1&c=<d>").as_deref(),
        Some("https://x/%28a%29?b=1\\&c=%3Cd%3E")
    );
    assert_eq!(address("ftp://x"), None);
    assert_eq!(address("https://x y"), None);
}

#[test]
fn words_are_of_the_language_and_files_beside_it() {
    let plain = |name: &str| name.replace(' ', "-");
    let japanese = render(&Document {
        lang: Lang::Japanese,
        ..document(plain)
    });
    for piece in [
        "**図1** figure-caption",
        "![alternative](figure.svg)",
        "データとSQL：[data.csv](data.csv)",
        "### 1.1 inner-title",
        "\\[1\\] date",
    ] {
        assert!(japanese.contains(piece), "{piece}: {japanese}");
    }
    assert!(render(&document(plain)).contains("| rank | port | packets |\n| :-: | --- | --: |\n| 1 | 23/TCP | 1,024 |"));
}

#[test]
fn commentary_is_written_anew() {
    let cases = [
        ("a *b* **c** `d`", "a *b* **c** `d`"),
        ("# a\n\n#### b", "### a\n\n#### b"),
        ("a\n===\n\nb", "### a\n\nb"),
        ("<script>*x*</script>", "\\<script>\\*x\\*\\</script>"),
        ("[a](javascript:x) ![b](https://c/d)", "a [b](https://c/d)"),
        ("- a\n- b\n  1. c\n  2. d", "- a\n- b\n\n  1. c\n  2. d"),
        ("> a\n> - b", "> a\n>\n> - b"),
        ("```\n# x\n```", "```\n# x\n```"),
        ("|a|b|\n|-|-:|\n|`x\\|y`|2|", "| a | b |\n| --- | --: |\n| `x\\|y` | 2 |"),
        ("\\# a\n\\- b", "\\# a\n\\- b"),
    ];
    for (written, expected) in cases {
        assert_eq!(commentary::render(written, 2), expected, "{written:?}");
        assert_eq!(commentary::render(expected, 2), expected, "again: {written:?}");
    }
    for written in [
        ">".repeat(20_000),
        "- ".repeat(20_000),
        "*".repeat(20_000),
        format!("{}x", "1. ".repeat(20_000)),
    ] {
        assert!(commentary::render(&written, 2).len() < 2_000_000);
    }
}
