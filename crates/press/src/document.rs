//! What a report is made of, whatever it is printed as: sections, paragraphs of fact, tables, figures, references.

/// Language of a document; decides the words that a renderer adds itself ("Figure 1", "Contents").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// Japanese.
    Japanese,
    /// English.
    English,
}

/// A document, ready to be rendered. Renderers number sections, tables and figures in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its language.
    pub lang: Lang,
    /// Title.
    pub title: String,
    /// Line under the title: the period.
    pub subtitle: String,
    /// Who publishes it; may be empty.
    pub publisher: String,
    /// When it was made, as people write it in that language.
    pub made: String,
    /// Traffic light label, such as `TLP:CLEAR`: stands on every page.
    pub label: Option<String>,
    /// What must not be overlooked on the title page, such as that the data are simulated.
    pub warning: Option<String>,
    /// Paragraphs on the title page: the summary.
    pub summary: Vec<Block>,
    /// The sections.
    pub sections: Vec<Section>,
    /// Data behind tables and figures, in order.
    pub data: Vec<Data>,
}

/// A section with a heading; sub-sections are sections in it, two levels at most.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Anchor: lower-case letters, digits and hyphens, unlike all others in the document.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Whether it bears a number; an appendix does not.
    pub numbered: bool,
    /// What stands in it, before its sub-sections.
    pub blocks: Vec<Block>,
    /// Sub-sections.
    pub sections: Vec<Section>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Running text that states no finding.
    Paragraph(Vec<Inline>),
    /// Sentences of fact, each with what backs it; set as one paragraph.
    Facts(Vec<Fact>),
    /// The analyst's words, as CommonMark. Raw HTML in it is shown as text.
    Commentary(String),
    /// Short items.
    List(Vec<Vec<Inline>>),
    /// A table.
    Table(Table),
    /// A figure.
    Figure(Figure),
    /// Numbered entries of the references.
    References(Vec<Reference>),
    /// A sub-heading without number.
    Heading(String),
}

/// A piece of running text.
#[derive(Clone, Debug, PartialEq)]
pub enum Inline {
    /// Plain text.
    Text(String),
    /// Emphasised text.
    Strong(String),
    /// Something typed, such as a command or SQL.
    Code(String),
    /// Link to an address of the Web (http, https only).
    Link {
        /// Shown.
        text: String,
        /// Where to.
        url: String,
    },
    /// Refers to a table or figure by its id: shown as "Figure 3".
    Ref(String),
    /// Refers to an entry of the references: shown as `[3]`.
    Cite(u32),
}

/// A sentence of fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The sentence, with its full stop.
    pub text: String,
    /// Id of the finding behind it; stands in the page (not in print) where a reader who asks sees it.
    pub finding: String,
    /// Id of the [`Data`] it can be checked with.
    pub data: Option<String>,
}

/// How a column of a table stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
    /// Ranks and marks.
    Centre,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Anchor, unlike all others in the document.
    pub id: String,
    /// Caption without "Table n".
    pub caption: String,
    /// Heads of the columns and how they stand.
    pub columns: Vec<(String, Align)>,
    /// Cells; each row as long as `columns`.
    pub rows: Vec<Vec<String>>,
    /// Text under it.
    pub note: Option<String>,
    /// Id of its [`Data`].
    pub data: Option<String>,
}

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Anchor, unlike all others in the document.
    pub id: String,
    /// Caption without "Figure n".
    pub caption: String,
    /// One `<svg>` element with its `viewBox`, as the program's own renderer made it; ids in it begin with `id`.
    pub svg: String,
    /// What it shows, in words.
    pub alt: String,
    /// Text under it.
    pub note: Option<String>,
    /// Id of its [`Data`].
    pub data: Option<String>,
}

/// An entry of the references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its number, the one of its mark on the figures.
    pub number: u32,
    /// Day it is about, as people write it; may be empty.
    pub date: String,
    /// What happened, or the title.
    pub text: String,
    /// Who says so; may be empty.
    pub source: String,
    /// Where to read it (http, https only).
    pub url: Option<String>,
}

/// The data of a table or figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// Id; its file is `ID.csv`.
    pub id: String,
    /// What it is.
    pub title: String,
    /// The rows as CSV with a head.
    pub csv: String,
    /// The SQL that gave it; empty when it is computed from others, which `title` then says.
    pub sql: String,
}
