//! Reads a file of commentary: cuts it at its marks, takes comments out, and notes what is quoted where.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::super::nearest;
use super::{Commentary, CommentaryError, FILE_BYTES_MAX, Link, PHENOMENA_MAX, Place, QUOTES_MAX, Quote, Section, claims};

/// Faults that are listed; further ones are found when these are mended.
const FAULTS_MAX: usize = 100;
/// Longest id of a finding.
const FINDING_BYTES_MAX: usize = 200;
/// Claims in plain text that are noted in a file.
const CLAIMS_MAX: usize = 200;
/// What the pages render.
const OPTIONS: Options = Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH);

/// A mark of a place, and where its line ends.
struct Mark {
    place: Place,
    range: Range<usize>,
}

/// The file, its lines, and what was wrong so far.
struct Reader<'a> {
    text: &'a str,
    /// Where each line but the first begins, in bytes.
    starts: Vec<usize>,
    faults: Vec<CommentaryError>,
    quotes: usize,
    claims: usize,
}

/// Reads the whole file; see [`Commentary::parse`].
pub(super) fn commentary(text: &str) -> (Commentary, Vec<CommentaryError>) {
    if text.len() > FILE_BYTES_MAX {
        return (Commentary::default(), vec![CommentaryError::Size { bytes: text.len() }]);
    }
    let mut reader = Reader {
        text,
        starts: text.match_indices('\n').map(|(place, _)| place + 1).collect(),
        faults: Vec::new(),
        quotes: 0,
        claims: 0,
    };
    let marks = reader.marks();
    let head = 0..marks.first().map_or(text.len(), |mark| mark.range.start);
    let before = reader.section(Place::Summary, 0, head.clone());
    if !before.text.is_empty() {
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        let first = text.bytes().position(|byte| !blank(&byte)).unwrap_or(0);
        let line = before
            .text
            .lines()
            .next()
            .and_then(|line| text.find(line))
            .map_or(first, |place| place);
        let line = reader.line(line);
        reader.fault(CommentaryError::Before { line });
    }
    let ends: Vec<usize> = marks.iter().skip(1).map(|mark| mark.range.start).chain([text.len()]).collect();
    let mut sections: Vec<Section> = Vec::new();
    for (mark, end) in marks.into_iter().zip(ends) {
        let line = reader.line(mark.range.start);
        if let Some(known) = sections.iter().find(|section| section.place == mark.place) {
            let (place, first) = (mark.place, known.line);
            reader.fault(CommentaryError::Twice { line, place, first });
            continue;
        }
        let section = reader.section(mark.place, line, mark.range.end..end);
        sections.push(section);
    }
    reader.faults.sort_by_key(CommentaryError::line);
    (Commentary { sections }, reader.faults)
}

/// What stands in a comment that names a place.
fn named(comment: &str) -> Option<&str> {
    let inner = comment.strip_prefix("<!--")?.split("-->").next()?.trim();
    let is_mark = ["place:", "phenomenon:"].iter().any(|key| inner.starts_with(key));
    is_mark.then(|| inner.strip_prefix("place:").unwrap_or(inner).trim())
}

impl Reader<'_> {
    /// The line of a place in the text, from 1.
    fn line(&self, offset: usize) -> u32 {
        let before = self.starts.partition_point(|start| *start <= offset);
        u32::try_from(before).unwrap_or(u32::MAX - 1) + 1
    }

    fn fault(&mut self, fault: CommentaryError) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    /// The marks of the file that stand where marks may stand.
    fn marks(&mut self) -> Vec<Mark> {
        let mut marks: Vec<Mark> = Vec::new();
        let mut depth = 0_usize;
        let mut phenomena = 0_usize;
        for (event, range) in Parser::new_ext(self.text, OPTIONS).into_offset_iter() {
            let is_start = matches!(event, Event::Start(_));
            let is_block = matches!(event, Event::Start(Tag::HtmlBlock)) && depth == 0;
            let is_inside = matches!(event, Event::InlineHtml(_)) || (matches!(event, Event::Start(Tag::HtmlBlock)) && depth > 0);
            if is_block || is_inside {
                let found = self.mark(range, is_block, &mut phenomena);
                marks.extend(found);
            }
            if is_start {
                depth += 1;
            } else if matches!(event, Event::End(_)) {
                depth = depth.saturating_sub(1);
            }
        }
        marks
    }

    /// The mark that a comment is, if it is one.
    fn mark(&mut self, range: Range<usize>, is_block: bool, phenomena: &mut usize) -> Option<Mark> {
        let comment = self.text.get(range.clone())?;
        let line = self.line(range.start);
        if comment.starts_with("<!--") && !comment.contains("-->") {
            self.fault(CommentaryError::Unclosed { line });
            return None;
        }
        let name = named(comment)?;
        let (written, rest) = comment.split_once("-->")?;
        // The reader of CommonMark takes comments that follow each other for one block.
        if !is_block || written.contains('\n') || !rest.trim().is_empty() {
            let mark = format!("{written}-->").chars().take(FINDING_BYTES_MAX).collect();
            self.fault(CommentaryError::Misplaced { line, mark });
            return None;
        }
        if let Some(finding) = name.strip_prefix("phenomenon:").map(str::trim) {
            *phenomena += 1;
            let what = "sections about findings";
            let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if *phenomena > PHENOMENA_MAX {
                let most = PHENOMENA_MAX;
                self.fault(CommentaryError::Count { line, what, most });
                return None;
            }
            if !finding.is_empty() && finding.len() <= FINDING_BYTES_MAX && finding.bytes().all(is_id) {
                let place = Place::Phenomenon(finding.to_owned());
                return Some(Mark { place, range });
            }
            let hint = "write the id of a finding, as in `<!-- phenomenon: port-23-tcp.packets.trend.2022-05-08 -->`".to_owned();
            let name = finding.chars().take(40).collect();
            self.fault(CommentaryError::Unknown { line, name, hint });
            return None;
        }
        if let Some(place) = Place::ALL.into_iter().find(|place| place.name() == name) {
            return Some(Mark { place, range });
        }
        let names: Vec<&str> = Place::ALL.iter().map(Place::name).collect();
        let hint = nearest::hint(name, names.iter().copied(), &format!("places are {}", names.join(", ")));
        let name = name.chars().take(40).collect();
        self.fault(CommentaryError::Unknown { line, name, hint });
        None
    }

    /// The text between a mark and the next; `line` is that of the mark.
    fn section(&mut self, place: Place, line: u32, range: Range<usize>) -> Section {
        let source = self.text.get(range.clone()).unwrap_or("");
        let mut section = Section {
            place,
            line,
            title: None,
            text: String::new(),
            quotes: Vec::new(),
            links: Vec::new(),
            claims: Vec::new(),
            todos: Vec::new(),
        };
        let mut pass = Pass::default();
        for (event, at) in Parser::new_ext(source, OPTIONS).into_offset_iter() {
            let line = self.line(range.start + at.start);
            self.event(&event, &at, line, source, &mut pass, &mut section);
        }
        section.text = edited(source, &pass.edits).trim_matches(['\n', '\r']).trim_end().to_owned();
        section.todos.dedup();
        if self.quotes <= QUOTES_MAX && section.text.contains("](fact:") {
            let place = source.find("](fact:").unwrap_or(0);
            let line = pass.nested.unwrap_or_else(|| self.line(range.start + place));
            self.fault(CommentaryError::Quotation { line });
        }
        section
    }

    /// Takes one event of the reader of CommonMark into the section.
    fn event(&mut self, event: &Event<'_>, at: &Range<usize>, line: u32, source: &str, pass: &mut Pass, section: &mut Section) {
        if let Some(open) = pass.link.as_mut().filter(|_| !matches!(event, Event::End(TagEnd::Link))) {
            open.inner = Some(
                open.inner
                    .as_ref()
                    .map_or_else(|| at.clone(), |inner| inner.start.min(at.start)..inner.end.max(at.end)),
            );
        }
        match event {
            Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_) => {
                let is_block = matches!(event, Event::Start(_));
                pass.edits.extend(comments(source, at, is_block));
            }
            Event::Start(Tag::Heading { .. }) if pass.is_begin && matches!(section.place, Place::Phenomenon(_)) => {
                pass.title = Some((at.clone(), String::new()));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((range, title)) = pass.title.take() {
                    section.title = Some(title.trim().to_owned()).filter(|title| !title.is_empty());
                    pass.edits.push((range, "\n".to_owned()));
                }
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                pass.link = Some(Open {
                    range: at.clone(),
                    inner: None,
                    text: String::new(),
                    url: dest_url.to_string(),
                    line,
                });
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                let url = dest_url.to_string();
                section.links.push(Link { line, url, is_image: true });
            }
            Event::End(TagEnd::Link) => {
                if let Some(open) = pass.link.take() {
                    self.link(open, source, pass, section);
                }
            }
            Event::Start(Tag::CodeBlock(_)) => pass.is_code = true,
            Event::End(TagEnd::CodeBlock) => pass.is_code = false,
            Event::Text(text) | Event::Code(text) => self.words(event, text, line, pass, section),
            Event::SoftBreak | Event::HardBreak => {
                if let Some(open) = &mut pass.link {
                    open.text.push(' ');
                }
            }
            Event::Start(_)
            | Event::End(_)
            | Event::Html(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::Rule
            | Event::TaskListMarker(_) => {}
        }
        let is_comment = matches!(event, Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) | Event::Html(_));
        pass.is_begin &= is_comment;
    }

    /// Running text: part of a link or title, or words of the analyst that may claim something.
    fn words(&mut self, event: &Event<'_>, text: &str, line: u32, pass: &mut Pass, section: &mut Section) {
        if text.contains("TODO") || text.contains("FIXME") {
            section.todos.push(line);
        }
        if text.contains("](fact:") || text.ends_with("(fact:") {
            pass.nested = Some(line);
        }
        if let Some((_, title)) = &mut pass.title {
            title.push_str(text);
        }
        if let Some(open) = &mut pass.link {
            open.text.push_str(text);
        } else if matches!(event, Event::Text(_)) && !pass.is_code {
            for claim in claims(text) {
                if self.claims < CLAIMS_MAX {
                    self.claims += 1;
                    section.claims.push((line, claim));
                }
            }
        }
    }

    /// A link that has ended.
    fn link(&mut self, open: Open, source: &str, pass: &mut Pass, section: &mut Section) {
        self.quotes += 1;
        if self.quotes > QUOTES_MAX {
            if self.quotes == QUOTES_MAX + 1 {
                self.fault(CommentaryError::Count {
                    line: open.line,
                    what: "links",
                    most: QUOTES_MAX,
                });
            }
            return;
        }
        let line = open.line;
        let is_fact = open.url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("fact:"));
        if !is_fact {
            let (url, is_image) = (open.url, false);
            section.links.push(Link { line, url, is_image });
            return;
        }
        let inner = open.inner.and_then(|inner| source.get(inner)).unwrap_or("").trim();
        pass.edits.push((open.range, escaped(inner)));
        let fact = open.url.get(5..).unwrap_or("").to_owned();
        section.quotes.push(Quote {
            line,
            text: open.text.trim().to_owned(),
            fact,
        });
    }
}

/// What one pass over a section keeps in mind.
struct Pass {
    edits: Vec<(Range<usize>, String)>,
    link: Option<Open>,
    title: Option<(Range<usize>, String)>,
    /// Nothing but comments so far.
    is_begin: bool,
    is_code: bool,
    /// Line of something that looks like a quotation and is none.
    nested: Option<u32>,
}

impl Default for Pass {
    fn default() -> Pass {
        Pass {
            edits: Vec::new(),
            link: None,
            title: None,
            is_begin: true,
            is_code: false,
            nested: None,
        }
    }
}

/// A link that has begun.
struct Open {
    range: Range<usize>,
    /// Where its text stands in the source.
    inner: Option<Range<usize>>,
    text: String,
    url: String,
    line: u32,
}

/// The comments within a piece of raw HTML, each to be taken out. A block ends its paragraph and leaves a
/// line end.
fn comments(source: &str, at: &Range<usize>, is_block: bool) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut start = at.start;
    while let Some(begin) = source.get(start..at.end).and_then(|rest| rest.find("<!--")) {
        let begin = start + begin;
        let end = source
            .get(begin..at.end)
            .and_then(|rest| rest.find("-->"))
            .map_or(at.end, |end| begin + end + 3);
        found.push((begin..end, if is_block { "\n".to_owned() } else { String::new() }));
        start = end;
    }
    found
}

/// A text that may come to stand at the begin of a line and must not become a list or a heading there.
fn escaped(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (head, tail) = text.split_at(digits);
    if tail.starts_with(['.', ')']) && digits > 0 {
        return format!("{head}\\{tail}");
    }
    if digits == 0 && tail.starts_with(['-', '+', '#', '>', '=', '|', '<']) {
        return format!("\\{text}");
    }
    text.to_owned()
}

/// The source with the ranges replaced; ranges within others are left out.
fn edited(source: &str, edits: &[(Range<usize>, String)]) -> String {
    let mut edits: Vec<_> = edits.iter().collect();
    edits.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut text = String::with_capacity(source.len());
    let mut place = 0;
    for (range, new) in edits {
        if range.start < place {
            continue;
        }
        text.push_str(source.get(place..range.start).unwrap_or(""));
        text.push_str(new);
        place = range.end;
    }
    text.push_str(source.get(place..).unwrap_or(""));
    text
}
