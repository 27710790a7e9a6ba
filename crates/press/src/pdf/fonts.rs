//! The fonts a document is set in: those brought, and a serif and a typewriter face that are always there.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook, FontFlags, FontInfo};
use typst::utils::LazyHash;

use super::PdfError;
use super::characters::is_japanese;

/// Most font files that are loaded.
pub const FONT_FILES_MAX: usize = 64;
/// Longest font file; collections of all CJK languages have about 20 MB.
pub const FONT_LEN_BYTES_MAX: u64 = 64 << 20;

/// Families that come with the typesetter.
const SERIF: &str = "Libertinus Serif";
const TYPEWRITER: &str = "DejaVu Sans Mono";
/// What a Japanese font must have: kana, ideographs of every day, the ideographic full stop.
const JAPANESE: &str = "あア観測報告。";

/// Fonts, ready for [`render`](super::render); one set serves any number of documents and threads.
#[derive(Debug)]
pub struct Fonts {
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    families: Vec<String>,
    /// Characters that any font has.
    covered: HashSet<char>,
    /// Characters that the first family has in all its weights.
    common: HashSet<char>,
    japanese: bool,
}

impl Fonts {
    /// Fonts out of files, given as name and content; with none, what comes with the typesetter, which has no Japanese.
    ///
    /// # Errors
    /// Where a file is no TrueType or OpenType font or collection, or there are more than [`FONT_FILES_MAX`].
    pub fn new(files: Vec<(String, Vec<u8>)>) -> Result<Self, PdfError> {
        if files.len() > FONT_FILES_MAX {
            return Err(PdfError::Font {
                name: files.into_iter().nth(FONT_FILES_MAX).map(|(name, _)| name).unwrap_or_default(),
                reason: format!("more than {FONT_FILES_MAX} files"),
            });
        }
        let mut fonts = Vec::new();
        for (name, content) in files {
            let before = fonts.len();
            fonts.extend(Font::iter(Bytes::new(content)));
            if fonts.len() == before {
                let reason = "not a font".to_owned();
                return Err(PdfError::Font { name, reason });
            }
        }
        let brought = fonts.len();
        let always = typst_assets::fonts().flat_map(|content| Font::iter(Bytes::new(content)));
        fonts.extend(always.filter(|font| [SERIF, TYPEWRITER].contains(&font.info().family.as_str())));

        let (main, japanese) = main_family(fonts.iter().take(brought).map(Font::info)).unwrap_or((SERIF.to_owned(), false));
        let covered = fonts.iter().flat_map(|font| characters(font.info())).collect();
        let mut faces = fonts.iter().map(Font::info).filter(|info| info.family == main);
        let mut common: HashSet<char> = faces.next().map(|info| characters(info).collect()).unwrap_or_default();
        for face in faces {
            common.retain(|character| face.coverage.contains(*character as u32));
        }
        let book = LazyHash::new(FontBook::from_fonts(&fonts));
        let families = vec![main, SERIF.to_owned()];
        Ok(Self {
            book,
            fonts,
            families,
            covered,
            common,
            japanese,
        })
    }

    /// Fonts out of the files of a folder that end in `.ttf`, `.otf` or `.ttc`, in the order of their names.
    ///
    /// # Errors
    /// Where the folder or a file cannot be read, a file is longer than [`FONT_LEN_BYTES_MAX`], or see [`Fonts::new`].
    pub fn load(folder: &Path) -> Result<Self, PdfError> {
        let failed = |reason| PdfError::Folder {
            folder: folder.to_owned(),
            reason,
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if ["ttf", "otf", "ttc"].contains(&ending.to_ascii_lowercase().as_str()) {
                paths.push(path);
            }
        }
        paths.sort();
        paths.truncate(FONT_FILES_MAX + 1);
        let mut files = Vec::new();
        for path in paths {
            let name = path.display().to_string();
            let mut content = Vec::new();
            std::fs::File::open(&path)
                .and_then(|file| file.take(FONT_LEN_BYTES_MAX + 1).read_to_end(&mut content))
                .map_err(|reason| PdfError::Folder { folder: path, reason })?;
            if content.len() as u64 > FONT_LEN_BYTES_MAX {
                let reason = format!("longer than {FONT_LEN_BYTES_MAX} bytes");
                return Err(PdfError::Font { name, reason });
            }
            files.push((name, content));
        }
        Self::new(files)
    }

    /// Families for running text, the first that has a character sets it.
    pub(super) fn families(&self) -> &[String] {
        &self.families
    }

    /// Families for what is typed.
    pub(super) fn typewriter(&self) -> Vec<String> {
        [TYPEWRITER.to_owned()].into_iter().chain(self.families.iter().cloned()).collect()
    }

    /// Whether Japanese can be set.
    pub(super) fn has_japanese(&self) -> bool {
        self.japanese
    }

    /// Whether any font has a character.
    pub(super) fn has(&self, character: char) -> bool {
        self.covered.contains(&character)
    }

    /// Whether the first family has a character.
    pub(super) fn has_first(&self, character: char) -> bool {
        self.common.contains(&character)
    }

    pub(super) fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    pub(super) fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }
}

fn characters(info: &FontInfo) -> impl Iterator<Item = char> {
    info.coverage.iter().filter_map(char::from_u32)
}

/// The family for running text and whether it has Japanese: of those with Japanese one made for Japan, for
/// collections hold the same glyphs in the forms of other countries too; else the first with Latin.
fn main_family<'a>(infos: impl Iterator<Item = &'a FontInfo>) -> Option<(String, bool)> {
    let mut best: Option<(u8, &FontInfo)> = None;
    for info in infos {
        let japanese = JAPANESE.chars().all(|character| info.coverage.contains(character as u32));
        let latin = info.coverage.contains('a' as u32);
        if !latin || info.flags.contains(FontFlags::MONOSPACE) && !japanese {
            continue;
        }
        let made_for_japan = info.family.split(' ').any(|word| word == "JP") || info.family.chars().any(is_japanese);
        let sans = !info.flags.contains(FontFlags::SERIF);
        let even = info.family.contains("Mono");
        let rank = 8 * u8::from(japanese) + 4 * u8::from(!even) + 2 * u8::from(made_for_japan) + u8::from(sans);
        if best.is_none_or(|(highest, _)| rank > highest) {
            best = Some((rank, info));
        }
    }
    best.map(|(rank, info)| (info.family.clone(), rank >= 8))
}
