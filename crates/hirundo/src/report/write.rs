//! The files of a report: page, PDF, Markdown with its figures, CSV and SQL.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hirundo_press::document::{Block, Document, Figure, Section};
use hirundo_press::{html, markdown, pdf};

use crate::cli::ReportForm;

/// Writes a document in the forms asked for; the files, in the order of forms. `name` is what their names begin
/// with: `2022Q2.ja`.
pub fn write(folder: &Path, name: &str, document: &Document, forms: &[ReportForm], fonts: Option<&pdf::Fonts>) -> Result<Vec<PathBuf>> {
    make_folder(folder)?;
    let mut written = Vec::new();
    for form in forms {
        match form {
            ReportForm::Html => written.push(put(folder.join(format!("{name}.html")), html::render(document).as_bytes())?),
            ReportForm::Pdf => {
                let Some(fonts) = fonts else { continue };
                written.push(put(folder.join(format!("{name}.pdf")), &pdf::render(document, fonts)?)?);
            }
            ReportForm::Md => {
                let beside = folder.join(format!("{name}.md"));
                fresh_folder(&beside)?;
                for figure in figures(&document.sections) {
                    put(beside.join(format!("{}.svg", figure.id)), figure.svg.as_bytes())?;
                }
                for one in &document.data {
                    put(beside.join(format!("{}.csv", one.id)), one.csv.as_bytes())?;
                }
                written.push(put(beside.join("report.md"), markdown::render(document).as_bytes())?);
            }
            ReportForm::Data => {
                let data = folder.join(format!("{name}.data"));
                fresh_folder(&data)?;
                for one in &document.data {
                    put(data.join(format!("{}.csv", one.id)), one.csv.as_bytes())?;
                    if !one.sql.is_empty() {
                        let text = format!("{}\n", one.sql.trim_end());
                        put(data.join(format!("{}.sql", one.id)), text.as_bytes())?;
                    }
                }
                written.push(data);
            }
        }
    }
    Ok(written)
}

/// An empty folder: what an earlier edition left in it must not go out with this one.
fn fresh_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        std::fs::remove_dir_all(path).with_context(|| format!("could not empty the folder {}", path.display()))?;
    }
    make_folder(path)
}

fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("could not make the folder {}", path.display()))
}

fn put(path: PathBuf, bytes: &[u8]) -> Result<PathBuf> {
    std::fs::write(&path, bytes).with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}

/// All figures, in order.
fn figures(sections: &[Section]) -> Vec<&Figure> {
    let mut found = Vec::new();
    for section in sections {
        for block in &section.blocks {
            if let Block::Figure(figure) = block {
                found.push(figure);
            }
        }
        found.extend(figures(&section.sections));
    }
    found
}
