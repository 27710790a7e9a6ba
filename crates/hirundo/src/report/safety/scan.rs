//! Finds names of sensors and addresses in text, however they are written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::view::text::is_hidden;

/// Networks wider than these tell nothing of where a sensor is.
const WIDE_V4: u8 = 8;
const WIDE_V6: u8 = 16;
/// Networks wider than these are no hosts.
const HOST_V4: u8 = 16;
const HOST_V6: u8 = 32;
/// Integers of fewer digits are not taken for IPv4 addresses: 16777216 is 1.0.0.0.
const INTEGER_DIGITS: std::ops::RangeInclusive<usize> = 8..=10;

/// An address or network found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    /// As found, in the form of [`folded`].
    pub(super) text: String,
    /// First address.
    pub(super) first: IpAddr,
    /// Last address.
    pub(super) last: IpAddr,
    prefix: u8,
    /// Written in a way that other things are written too: a version, a number, a name of a host.
    is_doubtful: bool,
}

impl Literal {
    fn new(text: &str, address: IpAddr, prefix: u8, is_doubtful: bool) -> Option<Literal> {
        let network = ipnet::IpNet::new(address.to_canonical(), prefix).ok()?;
        Some(Literal {
            text: text.to_owned(),
            first: network.network(),
            last: network.broadcast(),
            prefix,
            is_doubtful,
        })
    }

    /// Whether it is so wide that it tells nothing of where a sensor is.
    pub(super) fn is_wide(&self) -> bool {
        self.prefix < if self.first.is_ipv4() { WIDE_V4 } else { WIDE_V6 }
    }

    /// Whether it is the address of a host, or of a network small enough to be one's own.
    pub(super) fn is_host(&self) -> bool {
        !self.is_doubtful && self.prefix >= if self.first.is_ipv4() { HOST_V4 } else { HOST_V6 }
    }
}

/// The text in one form: lower case, full-width letters narrow, hidden characters gone, `_` as `-`, and dots that
/// were written so that nobody follows an address (`[.]`) as dots.
pub(super) fn folded(text: &str) -> String {
    let narrow: String = text
        .chars()
        .filter_map(|character| match character {
            '\u{ff01}'..='\u{ff5d}' => char::from_u32(u32::from(character) - 0xfee0),
            '。' | '｡' => Some('.'),
            '‐' | '‑' | '−' => Some('-'),
            '\n' | '\r' | '\t' => Some(' '),
            hidden if is_hidden(hidden) => None,
            other => Some(other),
        })
        .collect();
    let mut text = narrow.to_lowercase().replace('_', "-");
    for (written, meant) in [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("[:]", ":"),
    ] {
        if text.contains(written) {
            text = text.replace(written, meant);
        }
    }
    text
}

/// The names to look for: as they are, and in the form of [`folded`].
pub(super) fn names<'a>(names: impl Iterator<Item = &'a String>) -> Vec<(String, String)> {
    let folded = names.map(|name| (name.clone(), folded(name).trim().to_owned()));
    folded.filter(|(_, folded)| !folded.is_empty()).collect()
}

/// The names that stand in a folded text as words of their own. Beside a letter or digit of ASCII a name may only
/// end where it does not end in one itself: in Japanese no space parts words.
pub(super) fn named<'a>(text: &'a str, names: &'a [(String, String)]) -> impl Iterator<Item = &'a str> {
    let is_word = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let stands = move |name: &str| {
        text.match_indices(name).any(|(start, _)| {
            let before = text.get(..start).and_then(|before| before.chars().next_back());
            let behind = text.get(start + name.len()..).and_then(|behind| behind.chars().next());
            let is_begun = is_word(before) && is_word(name.chars().next());
            let is_continued = is_word(behind) && is_word(name.chars().next_back());
            !is_begun && !is_continued
        })
    };
    names
        .iter()
        .filter(move |(_, folded)| stands(folded))
        .map(|(name, _)| name.as_str())
}

/// Whether a name says no more of a sensor than home or abroad, and a number.
pub(super) fn is_neutral(name: &str) -> bool {
    let text = folded(name);
    let groups = ["all", "home", "abroad", "domestic", "overseas", "全体", "国内", "国外", "海外"];
    let stems = [
        "domestic sensor",
        "overseas sensor",
        "foreign sensor",
        "sensor abroad",
        "sensor",
        "国内センサー",
        "国外センサー",
        "海外センサー",
        "センサー",
    ];
    let is_number = |rest: &str| (1..=3).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = stems.iter().filter_map(|stem| text.trim().strip_prefix(stem));
    groups.contains(&text.trim()) || numbered.map(str::trim).any(is_number)
}

/// The addresses and networks in a folded text: dotted, with wildcards, reversed (`in-addr.arpa`), with hyphens as
/// in names of hosts, IPv6.
pub(super) fn literals(text: &str) -> Vec<Literal> {
    let mut found = runs(text, |byte| byte.is_ascii_digit() || byte == b'.', |run| dotted(text, run));
    found.extend(runs(text, |byte| byte.is_ascii_digit() || byte == b'-', |run| hyphened(text, run)));
    found.extend(runs(text, |byte| byte.is_ascii_hexdigit() || byte == b':', |run| colons(text, run)));
    found
}

/// Integers that are IPv4 addresses in the columns of the lake.
pub(super) fn integers(text: &str) -> Vec<Literal> {
    runs(
        text,
        |byte| byte.is_ascii_digit() || byte == b'.',
        |(start, end)| {
            let run = text.get(start..end).filter(|run| INTEGER_DIGITS.contains(&run.len()))?;
            Literal::new(run, Ipv4Addr::from_bits(run.parse().ok()?).into(), 32, true)
        },
    )
}

/// What is found in the longest runs of the bytes.
fn runs(text: &str, belongs: impl Fn(u8) -> bool, find: impl Fn((usize, usize)) -> Option<Literal>) -> Vec<Literal> {
    let mut found = Vec::new();
    let mut start = None;
    for (place, byte) in text.bytes().chain([b' ']).enumerate() {
        match (belongs(byte), start) {
            (true, None) => start = Some(place),
            (false, Some(begin)) => {
                found.extend(find((begin, place)));
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    found
}

/// Up to four octets; leading zeros are read as people do.
fn octets<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    for part in parts {
        let is_octet = (1..=3).contains(&part.len());
        octets.push(part.parse().ok().filter(|_| is_octet && octets.len() < 4)?);
    }
    Some(octets)
}

/// The address that begins with the octets; the rest is zero.
fn address(octets: &[u8]) -> IpAddr {
    let mut whole = [0; 4];
    for (place, octet) in whole.iter_mut().zip(octets) {
        *place = *octet;
    }
    Ipv4Addr::from(whole).into()
}

/// The length of the prefix behind an address: `/24`.
fn prefix(text: &str, end: usize, most: u8) -> (u8, usize) {
    let rest = text.get(end..).unwrap_or("");
    let digits = rest
        .strip_prefix('/')
        .map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let written = rest.get(1..=digits).and_then(|digits| digits.parse().ok());
    match written.filter(|written| *written <= most) {
        Some(written) => (written, end + 1 + digits),
        None => (most, end),
    }
}

fn dotted(text: &str, (start, end): (usize, usize)) -> Option<Literal> {
    let run = text.get(start..end)?.trim_start_matches('.');
    let start = end - run.len();
    let octets = octets(run.trim_end_matches('.').split('.'))?;
    let len = u8::try_from(octets.len()).ok()?;
    let behind = text.get(end..).unwrap_or("");
    if run.ends_with('.') && behind.starts_with("in-addr.arpa") {
        let reversed: Vec<u8> = octets.iter().rev().copied().collect();
        return Literal::new(run, address(&reversed), len * 8, false);
    }
    // 192.0.2.x, 192.0.*.*
    let is_wild = run.ends_with('.') && (behind.starts_with('*') || is_placeholder(behind));
    if is_wild && (2..=3).contains(&len) {
        return Literal::new(run, address(&octets), len * 8, false);
    }
    if len != 4 {
        return None;
    }
    let end = start + run.trim_end_matches('.').len();
    let (prefix, end) = prefix(text, end, 32);
    // Versions of firmware are written v1.0.9.88.
    let is_version = text.get(..start).is_some_and(|before| before.ends_with('v'));
    Literal::new(text.get(start..end)?, address(&octets), prefix, is_version)
}

/// `x`, `xx`, `xxx`, and nothing that goes on as a word.
fn is_placeholder(text: &str) -> bool {
    let rest = text.trim_start_matches('x');
    (1..=3).contains(&(text.len() - rest.len())) && !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric())
}

fn hyphened(text: &str, (start, end): (usize, usize)) -> Option<Literal> {
    let run = text.get(start..end)?.trim_matches('-');
    let octets = octets(run.split('-'))?;
    if octets.len() == 4 {
        Literal::new(run, address(&octets), 32, true)
    } else {
        None
    }
}

fn colons(text: &str, (start, end): (usize, usize)) -> Option<Literal> {
    let is_letter = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let run = text.get(start..end)?;
    let is_inside = is_letter(text.get(..start)?.chars().next_back()) || is_letter(text.get(end..)?.chars().next());
    // The end of ::ffff:192.0.2.1 is found as a dotted address.
    let behind: String = text.get(end..)?.chars().take(2).collect();
    let is_cut = behind.starts_with('.') && behind.ends_with(|letter: char| letter.is_ascii_digit());
    if is_inside || is_cut || run.bytes().filter(|byte| *byte == b':').count() < 2 {
        return None;
    }
    // A colon may stand before ("from: ...") or behind ("...: what").
    let cut = [run, run.strip_suffix(':').unwrap_or(run), run.strip_prefix(':').unwrap_or(run)];
    let (written, address) = cut.iter().find_map(|run| Some((*run, run.parse::<Ipv6Addr>().ok()?)))?;
    let (prefix, behind) = if run.ends_with(written) {
        prefix(text, end, 128)
    } else {
        (128, end)
    };
    if address.is_unspecified() {
        return None;
    }
    let text = if behind > end { text.get(start..behind)? } else { written };
    match address.to_ipv4_mapped() {
        Some(mapped) => Literal::new(text, mapped.into(), prefix.saturating_sub(96).min(32), false),
        None => Literal::new(text, address.into(), prefix, false),
    }
}
