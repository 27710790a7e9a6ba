//! The document in print: an A4 PDF with contents, outline, tags and embedded fonts, set by typst.

mod characters;
mod commentary;
mod fonts;
#[cfg(test)]
mod tests;
mod values;
mod world;

pub use fonts::{FONT_FILES_MAX, FONT_LEN_BYTES_MAX, Fonts};

use std::path::PathBuf;

use typst::diag::{SourceDiagnostic, Warned};
use typst::foundations::{Dict, Smart};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::document::Document;
use world::Press;

/// Why a document could not be set.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The folder of fonts cannot be read.
    #[error("reading fonts from {}: {reason}; hint: setup/fonts.sh brings them", folder.display())]
    Folder {
        /// Which folder or file in it.
        folder: PathBuf,
        /// Why not.
        #[source]
        reason: std::io::Error,
    },
    /// A file is not a font, or one too big or too many.
    #[error("reading font {name}: {reason}; hint: TrueType and OpenType files (.ttf, .otf, .ttc) serve")]
    Font {
        /// Name of the file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The document has Japanese text and no font with Japanese is there.
    #[error(
        "setting the document: no font has {sample}; hint: setup/fonts.sh brings a Japanese font, and the folder it names must be given"
    )]
    NoJapanese {
        /// Some of the characters.
        sample: String,
    },
    /// A figure is not an SVG that can be drawn.
    #[error("drawing figure {id}: {reason}")]
    Figure {
        /// Id of the figure.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two parts have the same id, or one has none.
    #[error("setting the document: the id {id:?} is empty or stands twice")]
    Id {
        /// The id.
        id: String,
    },
    /// Text refers to a table or figure that does not exist.
    #[error("setting the document: text refers to {id:?}, but no table or figure has this id")]
    Reference {
        /// The id.
        id: String,
    },
    /// A row has more or fewer cells than the table has columns.
    #[error("setting table {id}: row {row} has {cells} cells, the table has {columns} columns")]
    Row {
        /// Id of the table.
        id: String,
        /// Number of the row, from 1.
        row: usize,
        /// Its cells.
        cells: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// The typesetter refused.
    #[error("setting the document: {message}")]
    Typeset {
        /// What it said, with its hints.
        message: String,
    },
}

/// The document as PDF 1.7, tagged after PDF/UA-1. The same document and fonts always give the same bytes.
///
/// # Errors
/// Where text is Japanese and no font is, a figure cannot be drawn, or ids, references or rows do not fit.
pub fn render(document: &Document, fonts: &Fonts) -> Result<Vec<u8>, PdfError> {
    let pages = lay_out(document, fonts)?;
    let options = PdfOptions {
        creator: Smart::Custom(Some("Hirundo".into())),
        standards: PdfStandards::new(&[PdfStandard::Ua_1]).map_err(|refused| PdfError::Typeset {
            message: refused.message().to_string(),
        })?,
        ..PdfOptions::default()
    };
    let bytes = typst_pdf::pdf(&pages, &options).map_err(|diagnostics| refusal(&diagnostics));
    // The typesetter remembers what it did; a service that renders again and again must not grow by it.
    typst::comemo::evict(0);
    bytes
}

fn lay_out(document: &Document, fonts: &Fonts) -> Result<PagedDocument, PdfError> {
    let mut inputs = Dict::new();
    inputs.insert("document".into(), values::of_document(document, fonts)?);
    let Warned { output, .. } = typst::compile(&Press::new(inputs, fonts));
    output.map_err(|diagnostics| refusal(&diagnostics))
}

/// What the typesetter said, in one line, with its hints.
fn refusal(diagnostics: &[SourceDiagnostic]) -> PdfError {
    let mut message = String::new();
    for diagnostic in diagnostics.iter().take(4) {
        if !message.is_empty() {
            message.push_str("; ");
        }
        message.push_str(&diagnostic.message);
        for hint in &diagnostic.hints {
            message.push_str("; hint: ");
            message.push_str(&hint.v);
        }
    }
    PdfError::Typeset { message }
}
