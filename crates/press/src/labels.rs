//! The words and numbers that renderers add to a document: "Figure 3", "Contents", anchors.

use std::collections::HashMap;

use crate::document::{Block, Document, Lang, Section};

/// Words of a language.
pub(crate) struct Words {
    pub(crate) tag: &'static str,
    pub(crate) contents: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) made: &'static str,
    pub(crate) commentary: &'static str,
    pub(crate) evidence: &'static str,
    pub(crate) finding: &'static str,
    pub(crate) data_and_sql: &'static str,
    pub(crate) appendix: &'static str,
    pub(crate) appendix_lead: &'static str,
    pub(crate) used_in: &'static str,
    pub(crate) computed: &'static str,
    pub(crate) download: &'static str,
    pub(crate) back: &'static str,
    pub(crate) top: &'static str,
    pub(crate) themes: [&'static str; 3],
    pub(crate) explore: &'static str,
    /// What stands between two sentences.
    pub(crate) space: &'static str,
    /// What stands between a label and its caption in plain text.
    pub(crate) colon: &'static str,
    figure: &'static str,
    table: &'static str,
}

const ENGLISH: Words = Words {
    tag: "en",
    contents: "Contents",
    summary: "Summary",
    skip: "Skip to content",
    made: "Published",
    commentary: "Analyst’s commentary",
    evidence: "Evidence",
    finding: "Finding",
    data_and_sql: "Data and SQL",
    appendix: "Data and queries",
    appendix_lead: "Every table, figure and sentence of fact rests on one of these queries. Each can be read here and downloaded complete as CSV.",
    used_in: "Used in",
    computed: "Computed from other data, without a query of its own.",
    download: "Download CSV",
    back: "Back to the text",
    top: "Back to top",
    themes: ["Theme: automatic", "Theme: light", "Theme: dark"],
    explore: "arrow keys show the values of each day",
    space: " ",
    colon: ": ",
    figure: "Figure ",
    table: "Table ",
};

const JAPANESE: Words = Words {
    tag: "ja",
    contents: "目次",
    summary: "概要",
    skip: "本文へ移動",
    made: "発行",
    commentary: "分析者のコメント",
    evidence: "根拠",
    finding: "検出結果",
    data_and_sql: "データとSQL",
    appendix: "データと問い合わせ",
    appendix_lead: "すべての表、図、事実の記述は、以下のいずれかの問い合わせに基づいています。それぞれここで確認でき、全行をCSVとして保存できます。",
    used_in: "使用箇所",
    computed: "他のデータから算出したもので、固有の問い合わせはありません。",
    download: "CSVを保存",
    back: "本文へ戻る",
    top: "先頭へ戻る",
    themes: ["配色：自動", "配色：ライト", "配色：ダーク"],
    explore: "矢印キーで日ごとの値を表示",
    space: "",
    colon: "：",
    figure: "図",
    table: "表",
};

impl Words {
    /// The words of a language.
    pub(crate) fn of(lang: Lang) -> &'static Words {
        match lang {
            Lang::English => &ENGLISH,
            Lang::Japanese => &JAPANESE,
        }
    }

    /// Says that only the first rows of a table are shown.
    pub(crate) fn rows_shown(&self, shown: usize, all: usize) -> String {
        let (shown, all) = (grouped(shown), grouped(all));
        if self.tag == "ja" {
            format!("全{all}行のうち先頭の{shown}行を表示しています。")
        } else {
            format!("The first {shown} of {all} rows are shown.")
        }
    }

    /// Says how many rows there are.
    pub(crate) fn rows(&self, all: usize) -> String {
        let counted = grouped(all);
        if self.tag == "ja" {
            format!("{counted}行")
        } else if all == 1 {
            "1 row".to_owned()
        } else {
            format!("{counted} rows")
        }
    }
}

/// A count with commas between thousands.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What a label stands at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Figure,
    Table,
}

/// A label, such as "Figure 3", and the anchor of what it stands at.
pub(crate) struct Label {
    pub(crate) text: String,
    pub(crate) anchor: String,
}

/// Labels of the tables and figures of a document.
pub(crate) struct Labels<'a> {
    words: &'static Words,
    numbers: HashMap<&'a str, (Kind, usize)>,
    /// Data and the tables and figures made of them, in order.
    users: HashMap<&'a str, Vec<&'a str>>,
    counts: [usize; 2],
}

impl<'a> Labels<'a> {
    /// Numbers the tables and figures of a document in their order.
    pub(crate) fn of(document: &'a Document) -> Labels<'a> {
        let mut labels = Labels {
            words: Words::of(document.lang),
            numbers: HashMap::new(),
            users: HashMap::new(),
            counts: [0; 2],
        };
        labels.number_blocks(&document.summary);
        labels.number_sections(&document.sections);
        labels
    }

    fn number_sections(&mut self, sections: &'a [Section]) {
        for section in sections {
            self.number_blocks(&section.blocks);
            self.number_sections(&section.sections);
        }
    }

    fn number_blocks(&mut self, blocks: &'a [Block]) {
        for block in blocks {
            match block {
                Block::Figure(figure) => self.number(&figure.id, Kind::Figure, figure.data.as_deref()),
                Block::Table(table) => self.number(&table.id, Kind::Table, table.data.as_deref()),
                Block::Paragraph(_)
                | Block::Facts(_)
                | Block::Commentary(_)
                | Block::List(_)
                | Block::References(_)
                | Block::Heading(_) => {}
            }
        }
    }

    fn number(&mut self, id: &'a str, kind: Kind, data: Option<&'a str>) {
        if self.numbers.contains_key(id) {
            return;
        }
        let [figures, tables] = &mut self.counts;
        let count = match kind {
            Kind::Figure => figures,
            Kind::Table => tables,
        };
        *count += 1;
        self.numbers.insert(id, (kind, *count));
        if let Some(data) = data {
            self.users.entry(data).or_default().push(id);
        }
    }

    /// The label of a table or figure; `None` where the document has none of this id.
    pub(crate) fn find(&self, id: &str) -> Option<Label> {
        let (kind, number) = self.numbers.get(id)?;
        let (word, prefix) = match kind {
            Kind::Figure => (self.words.figure, "figure"),
            Kind::Table => (self.words.table, "table"),
        };
        Some(Label {
            text: format!("{word}{number}"),
            anchor: anchor(prefix, id),
        })
    }

    /// Labels of the tables and figures that are made of these data.
    pub(crate) fn users(&self, data: &str) -> Vec<Label> {
        let ids = self.users.get(data).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.find(id)).collect()
    }
}

/// The number of a section below those of the sections around it ("2.1"); empty for one that bears none.
pub(crate) fn section_number(around: &str, section: &Section, counted: &mut usize) -> String {
    if !section.numbered {
        return String::new();
    }
    *counted += 1;
    if around.is_empty() {
        counted.to_string()
    } else {
        format!("{around}.{counted}")
    }
}

/// An anchor: letters, digits, `-`, `.`; everything else by its number, so that different ids stay different.
pub(crate) fn anchor(prefix: &str, id: &str) -> String {
    let mut out = format!("{prefix}-");
    for character in id.chars() {
        if character.is_ascii_alphanumeric() || character == '-' || character == '.' {
            out.push(character);
        } else {
            out.push_str(&format!("_{:x}_", u32::from(character)));
        }
    }
    out
}

/// A name of a file, made of an id: letters, digits, `-`, `_`, `.` in the middle.
pub(crate) fn file_name(id: &str, extension: &str) -> String {
    let kept = |character: char| {
        if character.is_ascii_alphanumeric() || matches!(character, '-' | '_') {
            character
        } else {
            '_'
        }
    };
    let stem: String = id.chars().take(120).map(kept).collect();
    format!("{stem}.{extension}")
}

/// The address if it is one of the Web (http, https) and holds nothing that hides.
pub(crate) fn web_address(url: &str) -> Option<&str> {
    let trimmed = url.trim();
    let (scheme, rest) = trimmed.split_once("://")?;
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let plain = !rest.is_empty() && !rest.chars().any(|character| character.is_whitespace() || is_hidden(character));
    (web && plain).then_some(trimmed)
}

/// Whether a character is a control or changes the direction of the text around it.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}
