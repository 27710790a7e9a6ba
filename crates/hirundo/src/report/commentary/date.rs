//! Dates as people write them in Japanese and English: which days each would still be true of.

use chrono::Datelike;

use super::number::{begins, ends};
use crate::period::{Day, month_name};

/// Days by which "around" may miss.
const AROUND_DAYS: i32 = 1;
/// Last days of a month that are its end; longest month.
const MONTH_END_DAYS: u32 = 7;

/// A date in a text; what is `None` was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Date {
    year: Option<i32>,
    month: Option<u32>,
    part: Part,
    around: bool,
    /// First character of it.
    pub(super) start: usize,
    /// The one after its last.
    pub(super) end: usize,
}

/// The part of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// One day.
    Day(u32),
    /// From one day to another.
    Days(u32, u32),
    /// The last week.
    End,
    /// All of it.
    Whole,
}

/// A run of digits or of letters, or another character.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Number(u32, usize),
    Word(String),
    Mark(char),
}

/// A token and where it stands.
struct Placed {
    token: Token,
    start: usize,
    end: usize,
}

/// The dates of a text in the form of [`super::number::plain`].
pub(super) fn dates(text: &[char]) -> Vec<Date> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut place = 0;
    while place < tokens.len() {
        let Some((mut date, next)) = date(&tokens, place) else {
            place += 1;
            continue;
        };
        let bound = |at: usize| tokens.get(at).map_or((0, 0), |token| (token.start, token.end));
        (date.start, date.end) = (bound(place).0, bound(next.saturating_sub(1)).1);
        earlier_words(&tokens, place, &mut date);
        date.around = is_around(text, &date);
        found.push(date);
        place = next.max(place + 1);
    }
    found
}

impl Date {
    /// Whether it would be said of the day.
    pub(super) fn agrees(&self, day: Day) -> bool {
        let width = if self.around { AROUND_DAYS } else { 0 };
        (-width..=width).any(|step| self.holds(day.plus(step)))
    }

    /// Whether it names a month and a day of it, or a part of it.
    pub(super) fn is_full(&self) -> bool {
        self.month.is_some() && self.part != Part::Whole
    }

    fn holds(&self, day: Day) -> bool {
        let date = day.to_date();
        let last = date.num_days_in_month();
        let number = date.day();
        let is_part = match self.part {
            Part::Day(only) => number == only,
            Part::Days(from, to) => (from..=to).contains(&number),
            Part::End => number + MONTH_END_DAYS > u32::from(last),
            Part::Whole => true,
        };
        is_part && self.year.is_none_or(|year| year == date.year()) && self.month.is_none_or(|month| month == date.month())
    }
}

fn tokens(text: &[char]) -> Vec<Placed> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(head) = text.get(start) {
        let is_same =
            |other: &char| (head.is_ascii_digit() && other.is_ascii_digit()) || (head.is_ascii_alphabetic() && other.is_ascii_alphabetic());
        let rest = text.get(start..).unwrap_or(&[]);
        let len = rest.iter().take_while(|other| is_same(other)).count().max(1);
        let run: String = rest.iter().take(len).collect();
        let token = if head.is_ascii_digit() {
            Some(Token::Number(run.parse().unwrap_or(u32::MAX), len))
        } else if head.is_ascii_alphabetic() {
            Some(Token::Word(run))
        } else if *head == ' ' {
            None
        } else {
            Some(Token::Mark(*head))
        };
        let end = start + len;
        found.extend(token.map(|token| Placed { token, start, end }));
        start = end;
    }
    found
}

/// A date that begins with the token, and the token behind it.
fn date(tokens: &[Placed], at: usize) -> Option<(Date, usize)> {
    numeric(tokens, at).or_else(|| japanese(tokens, at)).or_else(|| english(tokens, at))
}

fn made(year: Option<i32>, month: Option<u32>, part: Part) -> Option<Date> {
    let is_day = match part {
        Part::Day(day) => (1..=31).contains(&day),
        Part::Days(..) | Part::End | Part::Whole => true,
    };
    let is_month = month.is_none_or(|month| (1..=12).contains(&month));
    (is_day && is_month).then_some(Date {
        year,
        month,
        part,
        around: false,
        start: 0,
        end: 0,
    })
}

fn token(tokens: &[Placed], at: usize) -> Option<&Token> {
    tokens.get(at).map(|placed| &placed.token)
}

/// A number of one or two digits.
fn short(tokens: &[Placed], at: usize) -> Option<u32> {
    match token(tokens, at)? {
        Token::Number(number, 1 | 2) => Some(*number),
        Token::Number(..) | Token::Word(_) | Token::Mark(_) => None,
    }
}

/// A year of four digits.
fn year(tokens: &[Placed], at: usize) -> Option<i32> {
    match token(tokens, at)? {
        Token::Number(number, 4) => i32::try_from(*number).ok(),
        Token::Number(..) | Token::Word(_) | Token::Mark(_) => None,
    }
}

fn is_mark(tokens: &[Placed], at: usize, mark: char) -> bool {
    token(tokens, at) == Some(&Token::Mark(mark))
}

fn is_word(tokens: &[Placed], at: usize, words: &[&str]) -> bool {
    matches!(token(tokens, at), Some(Token::Word(word)) if words.contains(&word.as_str()))
}

/// `2022-05-18`, `2022/5/18`, `5/18`.
fn numeric(tokens: &[Placed], at: usize) -> Option<(Date, usize)> {
    for mark in ['-', '/'] {
        let is_long = is_mark(tokens, at + 1, mark) && is_mark(tokens, at + 3, mark);
        if let (true, Some(year), Some(month), Some(day)) = (is_long, year(tokens, at), short(tokens, at + 2), short(tokens, at + 4)) {
            return Some((made(Some(year), Some(month), Part::Day(day))?, at + 5));
        }
    }
    let is_short = is_mark(tokens, at + 1, '/') && !is_mark(tokens, at + 3, '/');
    let (month, day) = (short(tokens, at)?, short(tokens, at + 2)?);
    let date = if is_short { made(None, Some(month), Part::Day(day)) } else { None };
    Some((date?, at + 3))
}

/// `2022年5月18日`, `5月中旬`, `5月`, `18日`.
fn japanese(tokens: &[Placed], at: usize) -> Option<(Date, usize)> {
    let written_year = year(tokens, at).filter(|_| is_mark(tokens, at + 1, '年'));
    let at_month = if written_year.is_some() { at + 2 } else { at };
    let number = short(tokens, at_month)?;
    if written_year.is_none() && is_mark(tokens, at_month + 1, '日') && !is_mark(tokens, at_month + 2, '間') {
        return Some((made(None, None, Part::Day(number))?, at_month + 2));
    }
    if !is_mark(tokens, at_month + 1, '月') {
        return None;
    }
    let after = at_month + 2;
    if let Some(day) = short(tokens, after).filter(|_| is_mark(tokens, after + 1, '日')) {
        return Some((made(written_year, Some(number), Part::Day(day))?, after + 2));
    }
    let parts: [(&[char], Part); 11] = [
        (&['上', '旬'], Part::Days(1, 10)),
        (&['中', '旬'], Part::Days(11, 20)),
        (&['下', '旬'], Part::Days(21, 31)),
        (&['初', '旬'], Part::Days(1, 10)),
        (&['初', 'め'], Part::Days(1, 7)),
        (&['初', '頭'], Part::Days(1, 7)),
        (&['頭'], Part::Days(1, 7)),
        (&['半', 'ば'], Part::Days(11, 20)),
        (&['前', '半'], Part::Days(1, 15)),
        (&['後', '半'], Part::Days(16, 31)),
        (&['末'], Part::End),
    ];
    let fits = |marks: &[char]| (after..).zip(marks).all(|(place, mark)| is_mark(tokens, place, *mark));
    let (marks, part) = parts
        .iter()
        .find(|(marks, _)| fits(marks))
        .map_or((0, Part::Whole), |(marks, part)| (marks.len(), *part));
    Some((made(written_year, Some(number), part)?, after + marks))
}

/// The month that a word names, in full or by its first three letters (and `sept`).
fn month(tokens: &[Placed], at: usize) -> Option<u32> {
    let Token::Word(word) = token(tokens, at)? else {
        return None;
    };
    (1..=12).find(|number| {
        let name = month_name(*number).to_ascii_lowercase();
        *word == name || name.get(..3) == Some(word) || (*number == 9 && word == "sept")
    })
}

/// `18 May 2022`, `18th of May`, `May 18, 2022`, `May 2022`, `the 18th`.
fn english(tokens: &[Placed], at: usize) -> Option<(Date, usize)> {
    let ordinal = |place: usize| {
        if is_word(tokens, place, &["st", "nd", "rd", "th"]) {
            place + 1
        } else {
            place
        }
    };
    let with_year = |place: usize| {
        let place_year = if is_mark(tokens, place, ',') { place + 1 } else { place };
        year(tokens, place_year).map_or((None, place), |year| (Some(year), place_year + 1))
    };
    if let Some(day) = short(tokens, at) {
        let after = ordinal(at + 1);
        let at_month = if is_word(tokens, after, &["of"]) { after + 1 } else { after };
        if let Some(month) = month(tokens, at_month) {
            let (year, next) = with_year(at_month + 1);
            return Some((made(year, Some(month), Part::Day(day))?, next));
        }
        return (after > at + 1)
            .then(|| made(None, None, Part::Day(day)))
            .flatten()
            .map(|date| (date, after));
    }
    let month = month(tokens, at)?;
    let at_day = if is_mark(tokens, at + 1, '.') { at + 2 } else { at + 1 };
    if let Some(day) = short(tokens, at_day) {
        let (year, next) = with_year(ordinal(at_day + 1));
        return Some((made(year, Some(month), Part::Day(day))?, next));
    }
    let (year, next) = with_year(at + 1);
    Some((made(year, Some(month), Part::Whole)?, next))
}

/// The words before an English month that name a part of it: `mid-May`, `the end of May`.
fn earlier_words(tokens: &[Placed], at: usize, date: &mut Date) {
    if date.part != Part::Whole || month(tokens, at).is_none() {
        return;
    }
    let is_before = |back: usize, words: &[&str]| at.checked_sub(back).is_some_and(|place| is_word(tokens, place, words));
    let hyphen = usize::from(at.checked_sub(1).is_some_and(|place| is_mark(tokens, place, '-')));
    let of = is_before(1, &["of"]);
    date.part = if is_before(1 + hyphen, &["early"]) {
        Part::Days(1, 10)
    } else if is_before(1 + hyphen, &["mid"]) || (of && is_before(2, &["middle"])) {
        Part::Days(11, 20)
    } else if is_before(1 + hyphen, &["late"]) {
        Part::Days(21, 31)
    } else if of && is_before(2, &["beginning", "start"]) {
        Part::Days(1, 7)
    } else if of && is_before(2, &["end"]) {
        Part::End
    } else {
        Part::Whole
    };
}

/// Whether words beside the date leave it open by a day.
fn is_around(text: &[char], date: &Date) -> bool {
    let mut before = date.start;
    loop {
        let space = before > 0 && text.get(before - 1) == Some(&' ');
        let article = ["the", "on"]
            .iter()
            .find(|word| ends(text, before, word))
            .map_or(0, |word| word.len());
        match usize::from(space) + article {
            0 => break,
            width => before = before.saturating_sub(width),
        }
    }
    let behind = (date.end..text.len()).find(|at| text.get(*at) != Some(&' ')).unwrap_or(text.len());
    let is_before = ["約", "およそ", "around", "about", "circa", "ca.", "approximately", "roughly", "~"]
        .iter()
        .any(|word| ends(text, before, word));
    is_before
        || ["頃", "ごろ", "ころ", "前後", "あたり", "or so"]
            .iter()
            .any(|word| begins(text, behind, word))
}
