//! Databases as text: ranges or prefixes with a region, an AS or both, a line each.

use std::net::IpAddr;

use super::database::{Names, RANGES_MAX, Spans, asn_of};
use super::region;
use super::span::Span;

/// Longest line.
const LINE_BYTES_MAX: usize = 4096;

/// Most columns that are looked at.
const COLUMNS_MAX: usize = 6;

/// Bad lines that are passed over for each good one; a file with more is not such a table.
const BAD_PER_GOOD_MAX: usize = 1;

/// What a text database says.
#[derive(Debug)]
pub(super) struct Content {
    /// Ranges with a region or an AS, sorted and disjoint.
    pub(super) spans: Spans,
    /// Names of ASes.
    pub(super) names: Names,
    /// Lines that could not be read.
    pub(super) bad_lines: usize,
    /// The first of them: its number from 1, and what is wrong with it.
    pub(super) first_bad: Option<(usize, &'static str)>,
}

/// Why a text database was refused.
#[derive(Debug, thiserror::Error)]
pub enum DelimitedError {
    /// Too few of its lines are of a form we know.
    #[error(
        "{bad} of {lines} lines are in no known form, the first is line {first}: {reason}; hint: known are MMDB files, and text with the columns first,last,region | first,last,AS,name | first,last,AS,region,name | prefix,length,AS"
    )]
    UnknownForm {
        /// Lines that could not be read.
        bad: usize,
        /// Lines that are not empty or comments.
        lines: usize,
        /// Number of the first bad line, from 1.
        first: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More ranges than the limit.
    #[error("it has more than {max} ranges")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// It has no lines.
    #[error("the file holds no networks")]
    Empty,
}

/// What a line says.
struct Line<'a> {
    first: IpAddr,
    last: IpAddr,
    region: Option<u16>,
    asn: Option<u32>,
    name: Option<&'a str>,
}

/// Reads a text database: comma- or tab-separated; `#` starts a comment line.
///
/// # Errors
/// When more lines are bad than good, or there are none.
pub(super) fn read(bytes: &[u8]) -> Result<Content, DelimitedError> {
    let mut content = Content {
        spans: Spans::default(),
        names: Names::default(),
        bad_lines: 0,
        first_bad: None,
    };
    let mut good = 0_usize;
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1_usize..) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match parse(line) {
            Ok(line) => {
                good += 1;
                add(&mut content, &line);
                if content.spans.len() > RANGES_MAX {
                    return Err(DelimitedError::TooMany { max: RANGES_MAX });
                }
            }
            Err(reason) => {
                content.bad_lines += 1;
                content.first_bad.get_or_insert((number, reason));
            }
        }
    }
    let Content {
        bad_lines: bad, first_bad, ..
    } = content;
    if let Some((first, reason)) = first_bad
        && bad > good.saturating_mul(BAD_PER_GOOD_MAX)
    {
        return Err(DelimitedError::UnknownForm {
            bad,
            lines: bad + good,
            first,
            reason,
        });
    }
    if good == 0 {
        return Err(DelimitedError::Empty);
    }
    content.spans = content.spans.flattened();
    Ok(content)
}

fn parse(line: &[u8]) -> Result<Line<'_>, &'static str> {
    if line.len() > LINE_BYTES_MAX {
        return Err("the line is too long");
    }
    let line = str::from_utf8(line).map_err(|_| "the line is not UTF-8")?;
    let mut columns = [""; COLUMNS_MAX];
    let separator = if line.contains('\t') { '\t' } else { ',' };
    for (column, text) in columns.iter_mut().zip(split(line, separator)) {
        *column = text;
    }
    let [one, two, three, four, five, _] = columns;
    let first = address(one).ok_or("the first column is no address")?;
    let is_prefix = one.contains(['.', ':']) && !two.contains(['.', ':']);
    if !is_prefix {
        let last = address(two).ok_or("the second column is no address")?;
        return range(first, last, [three, four, five]);
    }
    // A prefix and its length, as RouteViews' tables of prefixes and origins have them.
    let length: u8 = two.parse().map_err(|_| "the second column is neither an address nor a length")?;
    let (number, bits) = wide(first);
    let span = Span::of_prefix(number, length, bits, ()).ok_or("the prefix is longer than the address")?;
    // Several origins are joined by `_` (announced by each) or `,` (an AS set): the first one counts.
    let origin = three.split(['_', ',']).next().unwrap_or_default();
    let asn = asn_of(origin).ok_or("the third column is no AS")?;
    let (first, last) = (narrow(span.first, bits), narrow(span.last, bits));
    Ok(Line {
        first,
        last,
        region: None,
        asn: Some(asn).filter(|asn| *asn != 0),
        name: None,
    })
}

/// The columns behind a range: a region; or an AS and its name; or an AS, its region and its name.
fn range<'a>(first: IpAddr, last: IpAddr, rest: [&'a str; 3]) -> Result<Line<'a>, &'static str> {
    let [three, four, five] = rest;
    if first.is_ipv4() != last.is_ipv4() {
        return Err("the range begins and ends in different address families");
    }
    if last < first {
        return Err("the range ends before it begins");
    }
    let line = Line {
        first,
        last,
        region: None,
        asn: None,
        name: None,
    };
    if let Some(asn) = asn_of(three) {
        let asn = Some(asn).filter(|asn| *asn != 0);
        let is_region = four.len() == 2 || four == "None";
        let (region, name) = if is_region && !five.is_empty() { (four, five) } else { ("", four) };
        let name = Some(name).filter(|name| !name.is_empty());
        return Ok(Line {
            asn,
            region: region::code_of(region),
            name,
            ..line
        });
    }
    if three.len() == 2 {
        return Ok(Line {
            region: region::code_of(three),
            ..line
        });
    }
    Err("the third column is neither an AS nor a region")
}

fn add(content: &mut Content, line: &Line<'_>) {
    let (first, bits) = wide(line.first);
    let (last, _) = wide(line.last);
    let spans = &mut content.spans;
    let (region, asn) = match bits {
        32 => (&mut spans.region_v4, &mut spans.asn_v4),
        _ => (&mut spans.region_v6, &mut spans.asn_v6),
    };
    region.extend(line.region.map(|value| Span { first, last, value }));
    asn.extend(line.asn.map(|value| Span { first, last, value }));
    if let (Some(asn), Some(name)) = (line.asn, line.name) {
        content.names.add(asn, name);
    }
}

/// An address in the usual form, or as one decimal number (above 32 bits: IPv6).
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let number: u128 = text.parse().ok()?;
    Some(u32::try_from(number).map_or_else(|_| narrow(number, 128), |number| IpAddr::V4(number.into())))
}

/// An address as a number, and the width of its family.
pub(super) fn wide(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn narrow(number: u128, bits: u8) -> IpAddr {
    match u32::try_from(number) {
        Ok(number) if bits == 32 => IpAddr::V4(number.into()),
        Ok(_) | Err(_) => IpAddr::V6(number.into()),
    }
}

/// The columns of a line; one in double quotes may hold the separator (a doubled quote inside it stays
/// doubled: only names have them).
fn split(line: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let quoted = text.strip_prefix('"').and_then(|inner| {
            let end = inner.match_indices('"').map(|(at, _)| at).find(|at| {
                let behind = inner.get(at + 1..).unwrap_or_default();
                behind.is_empty() || behind.starts_with(separator)
            })?;
            Some((inner.get(..end)?, inner.get(end + 1..)?))
        });
        let (column, behind) = quoted.unwrap_or_else(|| match text.find(separator) {
            Some(at) => text.split_at(at),
            None => (text, ""),
        });
        rest = behind.strip_prefix(separator);
        Some(column.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last address, region, AS and name.
    fn shown(line: &str) -> String {
        match parse(line.as_bytes()) {
            Ok(line) => {
                let region = line.region.map_or("-", region::code_text);
                let asn = line.asn.map_or_else(|| "-".to_owned(), |asn| asn.to_string());
                format!("{} {} {region} {asn} {}", line.first, line.last, line.name.unwrap_or("-"))
            }
            Err(reason) => reason.to_owned(),
        }
    }

    fn check(line: &str, expected: &str) {
        assert_eq!(shown(line), expected, "{line}");
    }

    #[test]
    fn lines_of_every_publisher() {
        // ip-location-db, addresses as text and as numbers.
        check("1.0.0.0,1.0.0.255,AU", "1.0.0.0 1.0.0.255 AU - -");
        check("\"1.0.0.0\",\"1.0.0.255\",\"AU\"", "1.0.0.0 1.0.0.255 AU - -");
        check("1.0.16.0,1.0.16.255,2519,ARTERIA", "1.0.16.0 1.0.16.255 - 2519 ARTERIA");
        check(
            "16777216,16777471,13335,\"Example, Inc.\"",
            "1.0.0.0 1.0.0.255 - 13335 Example, Inc.",
        );
        check("2001:200::,2001:200:ffff::,2500,WIDE", "2001:200:: 2001:200:ffff:: - 2500 WIDE");
        check(
            "42540528726795050063891204319802818560,42540528727329395276160870415022948351,2500,WIDE",
            "2001:200:: 2001:200:1b9:ffff:ffff:ffff:ffff:ffff - 2500 WIDE",
        );
        // IPtoASN.
        check("1.0.0.0\t1.0.0.255\t13335\tUS\tEXAMPLE", "1.0.0.0 1.0.0.255 US 13335 EXAMPLE");
        check("1.0.1.0\t1.0.3.255\t0\tNone\tNot routed", "1.0.1.0 1.0.3.255 - - Not routed");
        // RouteViews prefixes and origins.
        check("1.0.0.0\t24\t13335", "1.0.0.0 1.0.0.255 - 13335 -");
        check("1.0.0.0\t24\t4608_13335", "1.0.0.0 1.0.0.255 - 4608 -");
        check("2001:200::\t32\t2500", "2001:200:: 2001:200:ffff:ffff:ffff:ffff:ffff:ffff - 2500 -");
    }

    #[test]
    fn bad_lines_say_why() {
        check("", "the first column is no address");
        check("hello,world", "the first column is no address");
        check("1.0.0.0", "the second column is neither an address nor a length");
        check("1.0.0.0,33,5", "the prefix is longer than the address");
        check("1.0.0.0,24,x", "the third column is no AS");
        check("1.0.0.9,1.0.0.0,AU", "the range ends before it begins");
        check("1.0.0.0,2001::,AU", "the range begins and ends in different address families");
        check("1.0.0.0,1.0.0.1,AUS", "the third column is neither an AS nor a region");
        check("1.0.0.0,1.0.0.1", "the third column is neither an AS nor a region");
        check(&"1".repeat(5000), "the line is too long");
        check("\"", "the first column is no address");
        check("\"1.0.0.0,1.0.0.1,AU", "the first column is no address");
    }

    #[test]
    fn a_file_with_few_bad_lines_is_read_and_they_are_counted() {
        let content = read(b"# a comment\n1.0.0.0,1.0.0.255,AU\n\nrubbish\n1.0.1.0,1.0.1.255,CN\n").unwrap();
        assert_eq!(content.bad_lines, 1);
        assert_eq!(content.first_bad, Some((4, "the first column is no address")));
        assert_eq!(content.spans.region_v4.len(), 2);
        assert!(matches!(read(b""), Err(DelimitedError::Empty)));
        assert!(matches!(
            read(b"\xff\xfe\nrubbish\n1.0.0.0,1.0.0.255,AU\n"),
            Err(DelimitedError::UnknownForm {
                bad: 2,
                lines: 3,
                first: 1,
                ..
            })
        ));
    }
}
