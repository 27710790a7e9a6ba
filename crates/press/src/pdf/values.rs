//! The document as values for the template: strings stay strings, so that nothing in them is read as markup or code.

use std::collections::BTreeSet;

use typst::diag::LoadedWithin;
use typst::foundations::{Array, Bytes, IntoValue, Value, dict};
use typst::loading::{LoadSource, Loaded};
use typst::syntax::Spanned;
use typst::visualize::SvgImage;

use super::PdfError;
use super::characters::Characters;
use super::commentary;
use super::fonts::Fonts;
use crate::document::{Align, Block, Document, Fact, Figure, Inline, Lang, Reference, Section, Table};
use crate::labels::Words;

/// Longer tables may break over pages.
const ROWS_TOGETHER_MAX: usize = 18;
/// Characters that fit beside each other in a table of full width; wider tables are set smaller.
const TABLE_COLUMNS_MAX: usize = 88;
/// The same of a table that is set smaller.
const TABLE_COLUMNS_DENSE_MAX: usize = 104;
/// A column's share of the width goes by its longest text, within these bounds, plus what stands between columns.
const COLUMN_MIN: usize = 4;
const COLUMN_MAX: usize = 36;
const COLUMN_GAP: usize = 3;

/// Longest address that becomes a link; the typesetter takes up to 8,000 bytes.
const URL_LEN_BYTES_MAX: usize = 2_000;

/// Whether an address is one of the Web.
pub(super) fn is_web(url: &str) -> bool {
    if url.len() > URL_LEN_BYTES_MAX {
        return false;
    }
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    (lower.starts_with("https://") || lower.starts_with("http://")) && !url.contains(|c: char| c.is_control() || c.is_whitespace())
}

/// A piece of plain text.
pub(super) fn text(shown: String) -> Value {
    dict! { "kind" => "text", "text" => shown }.into_value()
}

/// The whole document.
///
/// # Errors
/// See [`PdfError`]; all but what the typesetter itself finds.
pub(super) fn of_document(document: &Document, fonts: &Fonts) -> Result<Value, PdfError> {
    let mut anchors = Anchors::default();
    anchors.gather(&document.summary)?;
    for section in &document.sections {
        anchors.gather_section(section)?;
    }
    let mut setter = Setter {
        lang: document.lang,
        anchors: &anchors,
        characters: Characters::new(fonts),
    };
    let summary = setter.blocks(&document.summary, 2)?;
    let mut sections = Array::new();
    for section in &document.sections {
        sections.push(setter.section(section, 1)?);
    }
    let title = setter.line(&document.title);
    let subtitle = setter.line(&document.subtitle);
    let publisher = setter.line(&document.publisher);
    let between = match document.lang {
        Lang::Japanese | Lang::English if subtitle.is_empty() => "",
        Lang::Japanese => "　",
        Lang::English => ", ",
    };
    let heading = format!("{title}{between}{subtitle}");
    let authors: Array = Some(publisher.clone())
        .filter(|name| !name.is_empty())
        .into_iter()
        .map(IntoValue::into_value)
        .collect();
    let region = match document.lang {
        Lang::Japanese => "JP".into_value(),
        Lang::English => Value::None,
    };
    let value = dict! {
        "lang" => Words::of(document.lang).tag,
        "region" => region,
        "families" => fonts.families().iter().cloned().map(IntoValue::into_value).collect::<Array>(),
        "mono" => fonts.typewriter().into_iter().map(IntoValue::into_value).collect::<Array>(),
        "words" => setter.words(),
        "heading" => heading,
        "title" => title,
        "subtitle" => subtitle,
        "publisher" => publisher,
        "authors" => authors,
        "made" => setter.line(&document.made),
        "label" => document.label.as_deref().map_or(Value::None, |label| setter.label(label)),
        "warning" => setter.maybe(document.warning.as_deref()),
        "summary" => summary,
        "figures" => anchors.figures > 0,
        "tables" => anchors.tables > 0,
        "sections" => sections,
    };
    setter.characters.finish()?;
    Ok(value.into_value())
}

/// What can be referred to.
#[derive(Default)]
struct Anchors<'a> {
    ids: BTreeSet<&'a str>,
    shown: BTreeSet<&'a str>,
    references: BTreeSet<u32>,
    figures: usize,
    tables: usize,
}

impl<'a> Anchors<'a> {
    fn gather_section(&mut self, section: &'a Section) -> Result<(), PdfError> {
        self.add(&section.id)?;
        self.gather(&section.blocks)?;
        section.sections.iter().try_for_each(|part| self.gather_section(part))
    }

    fn gather(&mut self, blocks: &'a [Block]) -> Result<(), PdfError> {
        for block in blocks {
            match block {
                Block::Table(table) => {
                    self.add(&table.id)?;
                    self.shown.insert(&table.id);
                    self.tables += 1;
                }
                Block::Figure(figure) => {
                    self.add(&figure.id)?;
                    self.shown.insert(&figure.id);
                    self.figures += 1;
                }
                Block::References(entries) => {
                    for entry in entries {
                        if !self.references.insert(entry.number) {
                            return Err(PdfError::Id { id: mark(entry.number) });
                        }
                    }
                }
                Block::Paragraph(_) | Block::Facts(_) | Block::Commentary(_) | Block::List(_) | Block::Heading(_) => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, id: &'a str) -> Result<(), PdfError> {
        if id.is_empty() || !self.ids.insert(id) {
            return Err(PdfError::Id { id: id.to_owned() });
        }
        Ok(())
    }
}

fn mark(number: u32) -> String {
    format!("[{number}]")
}

/// Turns parts into values.
struct Setter<'a> {
    lang: Lang,
    anchors: &'a Anchors<'a>,
    characters: Characters<'a>,
}

impl Setter<'_> {
    fn line(&mut self, words: &str) -> String {
        self.characters.line(words)
    }

    fn maybe(&mut self, words: Option<&str>) -> Value {
        words.map_or(Value::None, |words| self.line(words).into_value())
    }

    /// Words that print adds itself.
    fn words(&mut self) -> Value {
        let words = Words::of(self.lang);
        let (table, figure, tables, figures) = match self.lang {
            Lang::Japanese => ("表", "図", "表一覧", "図一覧"),
            Lang::English => ("Table\u{a0}", "Figure\u{a0}", "Tables", "Figures"),
        };
        dict! {
            "table" => self.line(table),
            "figure" => self.line(figure),
            "tables" => self.line(tables),
            "figures" => self.line(figures),
            "contents" => self.line(words.contents),
            "summary" => self.line(words.summary),
            "commentary" => self.line(words.commentary),
        }
        .into_value()
    }

    /// Colours after FIRST's Traffic Light Protocol 2.0, always on black; other labels in white.
    fn label(&mut self, label: &str) -> Value {
        let colour = match label {
            "TLP:RED" => "#ff2b2b",
            "TLP:AMBER" | "TLP:AMBER+STRICT" => "#ffc000",
            "TLP:GREEN" => "#33ff00",
            _ => "#ffffff",
        };
        dict! { "text" => self.line(label), "colour" => colour }.into_value()
    }

    fn section(&mut self, section: &Section, level: usize) -> Result<Value, PdfError> {
        let blocks = self.blocks(&section.blocks, level + 1)?;
        let mut sections = Array::new();
        for part in &section.sections {
            sections.push(self.section(part, level + 1)?);
        }
        Ok(dict! {
            "id" => section.id.clone(),
            "title" => self.line(if section.title.trim().is_empty() { &section.id } else { &section.title }),
            "numbered" => section.numbered,
            "blocks" => blocks,
            "sections" => sections,
        }
        .into_value())
    }

    /// Blocks under a heading; sub-headings among them are of `level`.
    fn blocks(&mut self, blocks: &[Block], level: usize) -> Result<Array, PdfError> {
        let mut set = Array::new();
        for block in blocks {
            match block {
                Block::Paragraph(inlines) => set.push(self.paragraph(inlines)?),
                Block::Facts(facts) => set.push(self.facts(facts)),
                Block::Commentary(markdown) => {
                    let blocks = commentary::blocks(markdown, level, &mut self.characters);
                    set.push(dict! { "kind" => "commentary", "blocks" => blocks }.into_value());
                }
                Block::List(items) => {
                    let mut list = Array::new();
                    for item in items {
                        list.push(Value::Array([self.paragraph(item)?].into_iter().collect()));
                    }
                    set.push(dict! { "kind" => "list", "items" => list }.into_value());
                }
                Block::Table(table) => set.push(self.table(table)?),
                Block::Figure(figure) => set.push(self.figure(figure)?),
                Block::References(entries) => set.push(self.references(entries)),
                Block::Heading(heading) if heading.trim().is_empty() => {}
                Block::Heading(heading) => {
                    let body: Array = [text(self.line(heading))].into_iter().collect();
                    let level = i64::try_from(level).unwrap_or(i64::MAX);
                    set.push(dict! { "kind" => "heading", "level" => level, "body" => body }.into_value());
                }
            }
        }
        Ok(set)
    }

    fn paragraph(&mut self, inlines: &[Inline]) -> Result<Value, PdfError> {
        let mut body = Array::new();
        for inline in inlines {
            body.push(self.inline(inline)?);
        }
        Ok(dict! { "kind" => "paragraph", "body" => body }.into_value())
    }

    fn inline(&mut self, inline: &Inline) -> Result<Value, PdfError> {
        Ok(match inline {
            Inline::Text(words) => text(self.line(words)),
            Inline::Strong(words) => {
                let body: Array = [text(self.line(words))].into_iter().collect();
                dict! { "kind" => "strong", "body" => body }.into_value()
            }
            Inline::Code(words) => dict! { "kind" => "code", "text" => self.line(words) }.into_value(),
            Inline::Link { text: words, url } if is_web(url) => {
                let body: Array = [text(self.line(words))].into_iter().collect();
                dict! { "kind" => "link", "url" => url.clone(), "body" => body }.into_value()
            }
            Inline::Link { text: words, .. } => text(self.line(words)),
            Inline::Ref(id) if self.anchors.shown.contains(id.as_str()) => dict! { "kind" => "ref", "id" => id.clone() }.into_value(),
            Inline::Ref(id) => return Err(PdfError::Reference { id: id.clone() }),
            Inline::Cite(number) => {
                let known = self.anchors.references.contains(number);
                dict! { "kind" => "cite", "number" => i64::from(*number), "known" => known }.into_value()
            }
        })
    }

    /// Sentences one after the other; Latin ones have a space between.
    fn facts(&mut self, facts: &[Fact]) -> Value {
        let sentences: Vec<String> = facts.iter().map(|fact| self.line(&fact.text)).collect();
        let body: Array = [text(sentences.join(Words::of(self.lang).space))].into_iter().collect();
        dict! { "kind" => "paragraph", "body" => body }.into_value()
    }

    fn table(&mut self, table: &Table) -> Result<Value, PdfError> {
        let heads: Vec<usize> = table.columns.iter().map(|(head, _)| width(head)).collect();
        let mut cells = vec![0; heads.len()];
        let mut rows = Array::new();
        for (number, row) in table.rows.iter().enumerate() {
            if row.len() != table.columns.len() {
                return Err(PdfError::Row {
                    id: table.id.clone(),
                    row: number + 1,
                    cells: row.len(),
                    columns: table.columns.len(),
                });
            }
            for (widest, cell) in cells.iter_mut().zip(row) {
                *widest = width(cell).max(*widest);
            }
            rows.push(row.iter().map(|cell| self.line(cell).into_value()).collect::<Array>().into_value());
        }
        let (widths, dense) = widths(&heads, &cells);
        let mut columns = Array::new();
        for (head, align) in &table.columns {
            let align = match align {
                Align::Left => "left",
                Align::Right => "right",
                Align::Centre => "centre",
            };
            columns.push(dict! { "head" => self.line(head), "align" => align }.into_value());
        }
        let widths: Array = widths
            .into_iter()
            .map(|widest| i64::try_from(widest).unwrap_or(1).into_value())
            .collect();
        Ok(dict! {
            "kind" => "table",
            "id" => table.id.clone(),
            "caption" => self.line(&table.caption),
            "columns" => columns,
            "widths" => widths,
            "dense" => dense,
            "rows" => rows,
            "breakable" => table.rows.len() > ROWS_TOGETHER_MAX,
            "note" => self.maybe(table.note.as_deref()),
        }
        .into_value())
    }

    fn figure(&mut self, figure: &Figure) -> Result<Value, PdfError> {
        let svg = Bytes::from_string(self.characters.svg(&figure.svg));
        // Tried here first, where the figure's name is known.
        let loaded = Loaded::new(Spanned::detached(LoadSource::Bytes), svg.clone());
        if let Err(diagnostics) = SvgImage::new(svg.clone()).within(&loaded) {
            let reason = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
            return Err(PdfError::Figure {
                id: figure.id.clone(),
                reason,
            });
        }
        Ok(dict! {
            "kind" => "figure",
            "id" => figure.id.clone(),
            "caption" => self.line(&figure.caption),
            "svg" => svg,
            "alt" => self.line(&figure.alt),
            "note" => self.maybe(figure.note.as_deref()),
        }
        .into_value())
    }

    fn references(&mut self, references: &[Reference]) -> Value {
        let between = match self.lang {
            Lang::Japanese => "　",
            Lang::English => ". ",
        };
        let mut entries = Array::new();
        for entry in references {
            let parts = [&entry.date, &entry.text, &entry.source];
            let parts: Vec<String> = parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(|part| self.line(part))
                .collect();
            let url = entry
                .url
                .as_deref()
                .filter(|url| is_web(url))
                .map_or(Value::None, IntoValue::into_value);
            entries.push(dict! { "number" => i64::from(entry.number), "text" => parts.join(between), "url" => url }.into_value());
        }
        dict! { "kind" => "references", "entries" => entries }.into_value()
    }
}

/// The widths of columns by those of their heads and of their widest cells, and whether the table is set smaller. Where
/// there is not room for all on one line, the longest heads take two, and then the widest columns as much as they must.
fn widths(heads: &[usize], cells: &[usize]) -> (Vec<usize>, bool) {
    let sized = |head_most: usize, most: usize| -> Vec<usize> {
        let halved = |head: usize| if head > head_most { head.div_ceil(2) + 1 } else { head };
        let columns = heads.iter().zip(cells);
        columns
            .map(|(head, cell)| halved(*head).max(*cell).clamp(COLUMN_MIN, most) + COLUMN_GAP)
            .collect()
    };
    let plain = sized(usize::MAX, COLUMN_MAX);
    if plain.iter().sum::<usize>() <= TABLE_COLUMNS_MAX {
        return (plain, false);
    }
    let heads = (COLUMN_MIN..=COLUMN_MAX).rev().map(|head_most| sized(head_most, COLUMN_MAX));
    let columns = (COLUMN_MIN..=COLUMN_MAX).rev().map(|most| sized(COLUMN_MIN, most));
    let fits = |widths: &Vec<usize>| widths.iter().sum::<usize>() <= TABLE_COLUMNS_DENSE_MAX;
    (heads.chain(columns).find(fits).unwrap_or(plain), true)
}

/// About how many Latin characters wide a text is.
fn width(text: &str) -> usize {
    text.chars()
        .map(|character| if super::characters::is_japanese(character) { 2 } else { 1 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_columns_keep_their_width_beside_wide_ones() {
        for (heads, cells, expected, dense) in [
            (&[4, 10][..], &[2, 20][..], &[7, 23][..], false),
            // Set smaller, heads have room; then the longest take two lines.
            (&[20, 24, 24, 24], &[20, 9, 9, 9], &[23, 27, 27, 27], true),
            (&[20, 30, 25, 20], &[20, 9, 9, 9], &[23, 19, 28, 23], true),
            // The widest gives way, the day beside it does not.
            (&[4, 4, 4, 8], &[36, 36, 36, 12], &[29, 29, 29, 15], true),
        ] {
            assert_eq!(widths(heads, cells), (expected.to_vec(), dense), "{heads:?} {cells:?}");
        }
        let many = vec![36; 40];
        let (columns, dense) = widths(&many, &many);
        assert!(dense && columns.len() == 40 && columns.iter().all(|width| *width > 0));
    }
}
