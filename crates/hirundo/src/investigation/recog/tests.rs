//! The published fingerprints against their own examples, which nobody here wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use roxmltree::{Document, Node};

use super::super::classify::Classifier;
use super::super::host::{Host, Provider, bounded};
use super::super::rule::DeviceTable;
use super::*;

fn published() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/feeds/recog/xml"));
    assert!(folder.is_dir(), "the published fingerprints are missing: {}", folder.display());
    folder
}

/// Base64 as RFC 4648 section 4 gives it, white space passed over.
fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| !letter.is_ascii_whitespace() && *letter != b'=') {
        let value = LETTERS.iter().position(|known| *known == letter).expect("a letter of Base64");
        bits = (bits << 6) | u32::try_from(value).expect("6 bits");
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).expect("8 bits"));
        }
    }
    bytes
}

/// An example: what is matched, and the parameters it says should come out.
fn example(node: Node<'_, '_>) -> Result<(String, BTreeMap<String, String>), &'static str> {
    if node.attribute("_filename").is_some() {
        return Err("the example is in a file of its own");
    }
    let text: String = node.children().filter_map(|child| child.text()).collect();
    let text = if node.attribute("_encoding") == Some("base64") {
        String::from_utf8(base64(&text)).map_err(|_| "the example is not UTF-8")?
    } else {
        text
    };
    let expected = node.attributes().filter(|attribute| !attribute.name().starts_with('_'));
    Ok((
        text,
        expected
            .map(|attribute| (attribute.name().to_owned(), attribute.value().to_owned()))
            .collect(),
    ))
}

/// Why an example does not come out as it says; `None` when it does.
fn wrong(database: &Database, line: u32, text: &str, expected: &BTreeMap<String, String>) -> Option<&'static str> {
    let Some(at) = database.fingerprints.iter().position(|fingerprint| fingerprint.line == line) else {
        return Some("the pattern does not compile");
    };
    let Some(identity) = database.fingerprints[at].identify(text, &database.file) else {
        return Some("no match");
    };
    if !database.index.possible(text).contains(&at) {
        return Some("kept out by the filter");
    }
    if expected
        .iter()
        .any(|(name, value)| identity.params.get(name).unwrap_or(&String::new()) != value)
    {
        return Some("another value");
    }
    if bounded(text, INPUT_BYTES_MAX).len() < text.len() && database.fingerprints[at].identify(bounded(text, INPUT_BYTES_MAX), "").is_none()
    {
        return Some("longer than the bound");
    }
    let first = database
        .index
        .possible(text)
        .into_iter()
        .find(|at| database.fingerprints[*at].identify(text, "").is_some());
    (first != Some(at)).then_some("an earlier fingerprint matches first")
}

#[test]
fn published_examples_come_out_as_they_say() {
    let mut files: Vec<PathBuf> = fs::read_dir(published())
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.sort();
    let (mut examples, mut fingerprints) = (0, 0);
    let mut reasons: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for path in files {
        let xml = fs::read_to_string(&path).expect("file");
        let file = path.file_name().expect("name").to_string_lossy().into_owned();
        let (database, refused) = Database::read(&xml, &file).expect("fingerprints");
        fingerprints += database.fingerprints.len() + refused.len();
        let document = Document::parse(&xml).expect("xml");
        for node in document.descendants().filter(|node| node.has_tag_name("example")) {
            let line = document.text_pos_at(node.parent().expect("fingerprint").range().start).row;
            examples += 1;
            let reason = match example(node) {
                Ok((text, expected)) => wrong(&database, line, &text, &expected),
                Err(reason) => Some(reason),
            };
            if let Some(reason) = reason {
                reasons.entry(reason).or_default().push(format!("{file}:{line}"));
            }
        }
        assert_eq!(refused, [], "every published pattern compiles");
    }
    println!("{fingerprints} fingerprints, {examples} examples, not as they say: {reasons:?}");
    assert!(
        fingerprints > 4_600 && examples > 7_500,
        "{fingerprints} fingerprints, {examples} examples"
    );
    // Binary answers of LDAP, and one of telnet: texts only are matched, and no provider gives those.
    assert_eq!(reasons.remove("the example is not UTF-8").map(|places| places.len()), Some(27));
    assert_eq!(reasons, BTreeMap::new());
}
#[test]
fn every_published_word_for_hardware_has_a_class() {
    let mut unknown = BTreeMap::new();
    for entry in fs::read_dir(published()).expect("folder") {
        let xml = fs::read_to_string(entry.expect("entry").path()).expect("file");
        for param in xml::read(&xml)
            .expect("fingerprints")
            .fingerprints
            .into_iter()
            .flat_map(|raw| raw.params)
        {
            if param.group == 0 && param.name == "hw.device" && Class::of_word(&param.value).is_none() {
                *unknown.entry(param.value).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(unknown, BTreeMap::new());
}

/// Two makers of rules, one text: where both name a class, they should not differ.
#[test]
fn the_table_agrees_with_published_examples() {
    let table = Classifier::new(DeviceTable::built_in().expect("table"), None);
    let (mut both, mut differ) = (0, Vec::new());
    for file in [
        "html_title.xml",
        "http_servers.xml",
        "http_wwwauth.xml",
        "telnet_banners.xml",
        "ftp_banners.xml",
        "x509_subjects.xml",
        "rtsp_servers.xml",
        "ssh_banners.xml",
        "favicons.xml",
    ] {
        let xml = fs::read_to_string(published().join(file)).expect("file");
        let (database, _) = Database::read(&xml, file).expect("fingerprints");
        let document = Document::parse(&xml).expect("xml");
        for node in document.descendants().filter(|node| node.has_tag_name("example")) {
            let Ok((text, _)) = example(node) else { continue };
            let Some(theirs) = database.identify(&text).and_then(|identity| evidence(&identity, 80)) else {
                continue;
            };
            let mut host = Host::new("192.0.2.1".parse().expect("address"), Provider::Shodan);
            host.add(banner(&database.matches, &text));
            let ours = table.classify(&host);
            // Their word for many a thing is "appliance" or "device", which is no contradiction.
            if theirs.confidence > Confidence::Low && theirs.class != Class::Other && !ours.evidence.is_empty() {
                both += 1;
                if !ours.classes.contains(&theirs.class) {
                    differ.push(format!(
                        "{} {text:?}: {} / {:?}",
                        theirs.by,
                        theirs.class,
                        ours.evidence.iter().map(|found| (&found.by, found.class)).collect::<Vec<_>>()
                    ));
                }
            }
        }
    }
    assert!(both > 200, "{both}");
    assert_eq!(differ, Vec::<String>::new());
}

/// A banner with the text where fingerprints of this kind look for it.
fn banner(matches: &str, text: &str) -> Banner {
    let mut banner = Banner::default();
    let (service, prefix) = matches.split_once('.').unwrap_or((matches, ""));
    let text = text.to_owned();
    match (service, prefix) {
        ("html_title", _) => banner.html_title = Some(text),
        ("http_header", "server") => banner.http_server = Some(text),
        ("http_header", _) => banner.www_authenticate = Some(text),
        ("rtsp_header", _) => banner.text = Some(format!("RTSP/1.0 200 OK\r\nServer: {text}\r\n\r\n")),
        ("x509", _) => banner.certificate_subject = Some(text),
        ("favicon", _) => banner.favicon_md5 = Some(text),
        ("ssh", _) => banner.text = Some(format!("SSH-2.0-{text}")),
        ("ftp", _) => banner.text = Some(format!("220 {text}")),
        (other, _) => {
            banner.service = Some(other.to_owned());
            banner.text = Some(text);
        }
    }
    banner
}

#[test]
fn the_filter_keeps_only_what_is_certain() {
    let cases = [
        ("^Cross Web Server$", Some("cross web server")),
        ("(?i)^DrayTek/Vigor(\\S+) UPnP", Some("draytek/vigor")),
        ("ab(?:c|d)efgh?i", Some("efg")),
        ("abcd+x", Some("abcd")),
        ("abcd*x", Some("abc")),
        ("abcd{2}xyzz", Some("xyzz")),
        ("one|two", None),
        ("[abc]def\\.ghi", Some("def.ghi")),
        ("[]abc]xyz", Some("xyz")),
        ("\\x41bcd", Some("bcd")),
        ("\\x{41}bcd", Some("bcd")),
        ("\\d+\\s", None),
        ("日本語abc", Some("abc")),
        ("(abc)\\1", None),
        ("(", None),
        ("abc\\", None),
    ];
    for (pattern, expected) in cases {
        assert_eq!(literal::of(pattern).as_deref(), expected, "{pattern}");
    }
}

#[test]
fn what_is_no_file_of_fingerprints_is_refused_and_a_bad_pattern_only_counted() {
    for (text, reason) in [
        ("", "root"),
        ("<a/>", "<a>"),
        ("<fingerprints/>", "neither"),
        ("<fingerprints matches='x'><fingerprint/></fingerprints>", "no pattern"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><fingerprints matches='x'>&b;</fingerprints>", "DTD"),
    ] {
        let error = Database::read(text, "a.xml").expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
    let text = "<fingerprints matches='html_title'>\n<fingerprint pattern='('/>\n<fingerprint pattern='^(a+)+\\1$'><param pos='0' name='hw.device' value='DVR'/></fingerprint></fingerprints>";
    let (database, refused) = Database::read(text, "a.xml").expect("fingerprints");
    assert_eq!((refused.len(), refused[0].line), (1, 2));
    assert!(database.identify("aaaa").is_some());
    // A pattern that would take for ever gives up instead.
    assert_eq!(database.identify(&format!("{}b", "a".repeat(INPUT_BYTES_MAX - 1))), None);
}
