//! A document as one web page that stands alone: no request to anywhere, complete without its script.

mod appendix;
mod block;
mod commentary;
mod escape;
mod policy;
mod sheet;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use crate::document::{Block, Document, Section};
use crate::labels::{Labels, Words, anchor, section_number};
use escape::Escaped;

/// Rows of a table, and of the data behind it, that stand in the page; the file of the data has all.
pub const ROWS_MAX: usize = 200;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The document as HTML: one file with its styles, script, figures and data, which nothing needs to be fetched for.
///
/// Every text is escaped; only [`svg`](crate::document::Figure::svg) of figures is set as given. The policy of the page admits the `<style>`
/// elements of the figures, but neither scripts nor `style` attributes in them. Ids of sections, tables, figures
/// and data must differ, as [`Document`] asks. Links to other addresses than http and https are shown as text.
pub fn render(document: &Document) -> String {
    let mut page = Page {
        document,
        labels: Labels::of(document),
        words: Words::of(document.lang),
        out: String::new(),
        facts: 0,
        cites: HashMap::new(),
        known: reference_numbers(document),
        references: HashSet::new(),
    };
    page.head();
    page.bar();
    page.push("<main id=\"main\" tabindex=\"-1\">");
    page.masthead();
    page.push("<div class=\"columns\">");
    page.contents();
    page.push("<article>");
    page.summary();
    page.sections(&document.sections, 2, "");
    page.appendix();
    page.push("</article></div></main>");
    page.foot();
    page.out
}

/// A page while it is written.
struct Page<'a> {
    document: &'a Document,
    labels: Labels<'a>,
    words: &'static Words,
    out: String,
    /// Facts written, for the ids of their proofs.
    facts: usize,
    /// How often each reference was cited, for the ids of the places.
    cites: HashMap<u32, usize>,
    /// Numbers of all references, and of those written.
    known: HashSet<u32>,
    references: HashSet<u32>,
}

impl<'a> Page<'a> {
    fn push(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    fn head(&mut self) {
        let document = self.document;
        let styles = figure_styles(document).into_iter().chain([STYLE]);
        let policy = policy::policy(styles, SCRIPT);
        let title = if document.subtitle.is_empty() {
            Escaped(&document.title).to_string()
        } else {
            format!("{} – {}", Escaped(&document.title), Escaped(&document.subtitle))
        };
        self.push(&format!(
            "<!DOCTYPE html>\n<html lang=\"{}\"{}>\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"generator\" content=\"Hirundo\">\n\
             <title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n",
            self.words.tag,
            traffic_light(document.label.as_deref()).map_or_else(String::new, |class| format!(" class=\"{class}\"")),
        ));
    }

    /// What stays in sight: title, warning, label, and the button that the script puts to use.
    fn bar(&mut self) {
        let (words, document) = (self.words, self.document);
        let [automatic, light, dark] = words.themes;
        self.push(&format!(
            "<a class=\"skip\" href=\"#main\">{}</a>\n<header class=\"bar\"><a class=\"bar-title\" href=\"#main\">{}</a>",
            words.skip,
            Escaped(&document.title)
        ));
        if let Some(warning) = document.warning.as_deref().filter(|warning| !warning.is_empty()) {
            self.push(&format!("<a class=\"bar-warning\" href=\"#warning\">{}</a>", Escaped(warning)));
        }
        self.label();
        self.push(&format!(
            "<button class=\"theme\" type=\"button\" hidden data-auto=\"{automatic}\" data-light=\"{light}\" data-dark=\"{dark}\">\
             <span aria-hidden=\"true\"></span></button></header>\n"
        ));
    }

    fn label(&mut self) {
        if let Some(label) = self.document.label.as_deref().filter(|label| !label.is_empty()) {
            let class = traffic_light(Some(label)).unwrap_or("tlp-other");
            self.push(&format!("<strong class=\"tlp {class}\">{}</strong>", Escaped(label)));
        }
    }

    fn masthead(&mut self) {
        let (words, document) = (self.words, self.document);
        self.push("<header class=\"masthead\"><div>");
        if !document.publisher.is_empty() {
            self.push(&format!("<p class=\"publisher\">{}</p>", Escaped(&document.publisher)));
        }
        self.push(&format!("<h1>{}</h1>", Escaped(&document.title)));
        if !document.subtitle.is_empty() {
            self.push(&format!("<p class=\"subtitle\">{}</p>", Escaped(&document.subtitle)));
        }
        self.push("<p class=\"meta\">");
        if !document.made.is_empty() {
            self.push(&format!("<span>{}{}{}</span>", words.made, words.colon, Escaped(&document.made)));
        }
        self.label();
        self.push("</p>");
        if let Some(warning) = document.warning.as_deref().filter(|warning| !warning.is_empty()) {
            self.push(&format!(
                "<div class=\"warning\" id=\"warning\" role=\"note\"><p>{}</p></div>",
                Escaped(warning)
            ));
        }
        self.push("</div></header>\n");
    }

    fn contents(&mut self) {
        let (words, document) = (self.words, self.document);
        self.push(&format!(
            "<nav class=\"contents\" aria-label=\"{0}\"><details open><summary>{0}</summary><ol>",
            words.contents
        ));
        if !document.summary.is_empty() {
            self.push(&format!("<li><a href=\"#summary\">{}</a></li>", words.summary));
        }
        self.entries(&document.sections, "");
        if !document.data.is_empty() {
            self.push(&format!("<li><a href=\"#appendix\">{}</a></li>", words.appendix));
        }
        self.push("</ol></details></nav>\n");
    }

    fn entries(&mut self, sections: &[Section], around: &str) {
        let mut counted = 0;
        for section in sections {
            let number = section_number(around, section, &mut counted);
            self.push(&format!("<li><a href=\"#{}\">", anchor("section", &section.id)));
            if !number.is_empty() {
                self.push(&format!("<span class=\"number\">{number}</span> "));
            }
            self.push(&format!("{}</a>", Escaped(&section.title)));
            if !section.sections.is_empty() {
                self.push("<ol>");
                self.entries(&section.sections, &number);
                self.push("</ol>");
            }
            self.push("</li>");
        }
    }

    fn summary(&mut self) {
        if self.document.summary.is_empty() {
            return;
        }
        self.push(&format!(
            "<section class=\"summary\" id=\"summary\"><h2>{}</h2>\n",
            self.words.summary
        ));
        self.blocks(&self.document.summary, 2);
        self.push("</section>\n");
    }

    /// Sections whose headings are of this level.
    fn sections(&mut self, sections: &'a [Section], level: usize, around: &str) {
        let mut counted = 0;
        for section in sections {
            let number = section_number(around, section, &mut counted);
            let marked = if number.is_empty() {
                String::new()
            } else {
                format!("<span class=\"number\">{number}</span> ")
            };
            let heading = level.min(6);
            self.push(&format!(
                "<section id=\"{}\"><h{heading}>{marked}{}</h{heading}>\n",
                anchor("section", &section.id),
                Escaped(&section.title)
            ));
            self.blocks(&section.blocks, heading);
            self.sections(&section.sections, level + 1, &number);
            self.push("</section>\n");
        }
    }

    fn foot(&mut self) {
        let (words, document) = (self.words, self.document);
        self.push("<footer class=\"foot\"><p>");
        self.label();
        let parts = [&document.publisher, &document.title, &document.subtitle, &document.made];
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            self.push(&format!("<span>{}</span>", Escaped(part)));
        }
        self.push("</p>");
        if let Some(warning) = document.warning.as_deref().filter(|warning| !warning.is_empty()) {
            self.push(&format!("<p>{}</p>", Escaped(warning)));
        }
        self.push(&format!(
            "<p><a href=\"#main\">{}</a></p></footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
            words.top
        ));
    }
}

/// All blocks of a document, in order.
fn blocks(document: &Document) -> Vec<&Block> {
    fn below<'a>(sections: &'a [Section], into: &mut Vec<&'a Block>) {
        for section in sections {
            into.extend(&section.blocks);
            below(&section.sections, into);
        }
    }
    let mut found = document.summary.iter().collect();
    below(&document.sections, &mut found);
    found
}

/// What stands in the style elements of all figures.
fn figure_styles(document: &Document) -> Vec<&str> {
    let mut styles = Vec::new();
    for block in blocks(document) {
        if let Block::Figure(figure) = block {
            styles.extend(policy::styles(&figure.svg));
        }
    }
    styles
}

/// Numbers of all references.
fn reference_numbers(document: &Document) -> HashSet<u32> {
    let mut numbers = HashSet::new();
    for block in blocks(document) {
        if let Block::References(references) = block {
            numbers.extend(references.iter().map(|reference| reference.number));
        }
    }
    numbers
}

/// The class of a label of the Traffic Light Protocol 2.0 (first.org/tlp).
fn traffic_light(label: Option<&str>) -> Option<&'static str> {
    match label?.trim() {
        "TLP:RED" => Some("tlp-red"),
        "TLP:AMBER" => Some("tlp-amber"),
        "TLP:AMBER+STRICT" => Some("tlp-amber-strict"),
        "TLP:GREEN" => Some("tlp-green"),
        "TLP:CLEAR" => Some("tlp-clear"),
        _ => None,
    }
}
