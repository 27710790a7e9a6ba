//! All that the typesetter sees: the template, the document's values, the fonts. No files, packages, network or clock.

use std::path::PathBuf;

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Dict, Duration};
use typst::syntax::{FileId, Source};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};

use super::fonts::Fonts;

const TEMPLATE: &str = include_str!("template.typ");

/// The world of one document.
pub(super) struct Press<'a> {
    library: LazyHash<Library>,
    template: Source,
    fonts: &'a Fonts,
}

impl<'a> Press<'a> {
    /// With `inputs` as what the template sees as `sys.inputs`.
    pub(super) fn new(inputs: Dict, fonts: &'a Fonts) -> Self {
        Self {
            library: LazyHash::new(Library::builder().with_inputs(inputs).build()),
            template: Source::detached(TEMPLATE),
            fonts,
        }
    }
}

impl World for Press<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.fonts.book()
    }

    fn main(&self) -> FileId {
        self.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.template.id() {
            Ok(self.template.clone())
        } else {
            Err(nothing_there())
        }
    }

    fn file(&self, _id: FileId) -> FileResult<Bytes> {
        Err(nothing_there())
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.font(index)
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn nothing_there() -> FileError {
    FileError::NotFound(PathBuf::new())
}
