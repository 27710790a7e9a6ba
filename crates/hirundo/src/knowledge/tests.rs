//! Catalogue and tables: the real ones, hostile ones, and what is known of which port.

use std::path::{Path, PathBuf};

use hirundo_analysis::correlate::{Fit, Rise};

use super::*;

/// Entries of the real catalogue, for the services of the table.
const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/known/known_exploited_vulnerabilities.sample.json"
);

fn real() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/feeds/cisa-kev/known_exploited_vulnerabilities.json");
    assert!(path.is_file(), "the published catalogue is needed, there is no {}", path.display());
    path
}

fn entry(cve: &str, added: &str) -> String {
    format!(
        r#"{{"cveID":"{cve}","vendorProject":"MikroTik","product":"RouterOS","vulnerabilityName":"A name","dateAdded":"{added}","shortDescription":"","requiredAction":"","dueDate":"{added}"}}"#
    )
}

fn catalogue(entries: &str) -> String {
    format!(
        r#"{{"title":"t","catalogVersion":"2025.08.25","dateReleased":"2025-08-25T17:04:19.9796Z","count":2,"vulnerabilities":[{entries}]}}"#
    )
}

fn knowledge(path: &Path) -> Knowledge {
    Knowledge::load(&[path.to_owned()]).unwrap().unwrap()
}

fn titles(knowledge: &Knowledge, port: Port) -> Vec<&str> {
    let at = knowledge.known.at(port);
    at.iter().map(|at| knowledge.about(*at).unwrap().title.as_str()).collect()
}

#[test]
fn the_published_catalogue_is_read_whole() {
    let read = Catalogue::read(&real()).unwrap();
    assert_eq!((read.vulnerabilities.len(), read.odd, read.count), (1_404, 0, Some(1_404)));
    assert_eq!(
        (read.version.as_str(), read.released.unwrap().to_string().as_str()),
        ("2025.08.25", "2025-08-25")
    );
    let winbox = read.vulnerabilities.iter().find(|one| one.cve == "CVE-2018-14847").unwrap();
    assert_eq!(
        (
            winbox.vendor.as_str(),
            winbox.product.as_str(),
            winbox.added.to_string().as_str(),
            winbox.published()
        ),
        ("MikroTik", "RouterOS", "2021-12-01", Some(2018))
    );
    let known = knowledge(&real());
    assert_eq!(titles(&known, (6, 8291)), ["CVE-2018-7445", "CVE-2018-14847"]);
    assert_eq!(titles(&known, (6, 6379)), ["P2PInfect", "CVE-2022-20821", "CVE-2022-0543"]);
    assert_eq!(titles(&known, (17, 8291)), Vec::<&str>::new());
    assert!(
        known.known.products((6, 80)) > 50,
        "80/TCP is shared by {}",
        known.known.products((6, 80))
    );
    let founding = known.known.entries().iter().filter(|entry| entry.founding).count();
    assert!(founding > 20, "{founding} placed entries are as old as the catalogue");
    // Every service is there for some entry, or it is no use.
    let origin = known.catalogue.unwrap();
    assert!((150..1_404).contains(&origin.placed), "{origin:?}");
}

/// Each service of the built-in table names products as the catalogue does.
#[test]
fn every_service_fits_an_entry_of_the_catalogue() {
    let (table, read) = (Table::built_in().unwrap(), Catalogue::read(&real()).unwrap());
    let mut fitting = BTreeSet::new();
    for vulnerability in &read.vulnerabilities {
        fitting.extend(table.services_of(vulnerability).into_iter().map(|source| source.name));
    }
    let (services, malware, tools) = table.rows();
    assert_eq!(fitting.len(), services, "{fitting:?}");
    assert!(services >= 40 && malware >= 20 && tools >= 3, "{services} {malware} {tools}");
    for (entry, source, _) in table.others() {
        assert!(source.url.starts_with("https://"), "{source:?}");
        assert_eq!(entry.kind == Kind::Tool, source.ports.is_empty(), "{entry:?}");
    }
}

/// At ports that everything with a web interface shares, nothing fits any day of four years better than weakly.
#[test]
fn shared_ports_fit_weakly_whenever_something_rises() {
    let known = knowledge(&real()).known;
    let day = |text: &str| Day::from_date(text.parse().unwrap()).0;
    for port in [80, 443, 8080].map(|port| (6, port)) {
        for onset in (day("2021-11-03")..day("2025-08-25")).step_by(5) {
            let rise = Rise { port, onset, marks: None };
            for candidate in known.candidates(&rise, (onset - 45, onset + 45), &known.ports()) {
                assert_eq!(candidate.fit, Fit::Weak, "{port:?} on {}: {candidate:?}", Day(onset));
            }
        }
    }
}

#[test]
fn what_is_no_catalogue_is_refused_with_a_reason() {
    let whole = std::fs::read(SAMPLE).unwrap();
    let half = &whole[..whole.len() / 2];
    let nested = "[".repeat(100_000);
    let huge = vec![b' '; usize::try_from(FILE_BYTES_MAX).unwrap() + 1];
    let many = catalogue(&vec!["0"; ENTRIES_MAX + 1].join(","));
    let none_readable = catalogue("1,2,3");
    let cases: [(&[u8], &str); 12] = [
        (b"", "no JSON"),
        (half, "no JSON"),
        (b"\xff\xfe{", "no JSON"),
        (nested.as_bytes(), "no JSON"),
        (&huge, "more than"),
        (many.as_bytes(), "more than"),
        (b"[]", "no list of vulnerabilities"),
        (b"{}", "no list of vulnerabilities"),
        (br#"{"catalogVersion":"1","vulnerabilities":{}}"#, "are no list"),
        (br#"{"vulnerabilities":[]}"#, "no version"),
        (br#"{"catalogVersion":7,"vulnerabilities":[]}"#, "no version"),
        (none_readable.as_bytes(), "none of its entries"),
    ];
    for (bytes, expected) in cases {
        let error = Catalogue::parse(bytes).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("hint: "), "{expected}: {error}");
    }
    let error = Catalogue::read(Path::new("/nowhere/kev.json")).unwrap_err().to_string();
    assert!(error.contains("hint: "), "{error}");
}

/// Cut anywhere it is refused; with any byte changed it is refused, or read with at most one entry less.
#[test]
fn damaged_catalogues_are_refused_or_lose_what_is_damaged() {
    let whole = std::fs::read(SAMPLE).unwrap();
    let entries = Catalogue::parse(&whole).unwrap().vulnerabilities.len();
    for at in (0..whole.len() - 2).step_by(53) {
        assert!(Catalogue::parse(&whole[..at]).is_err(), "cut at {at}");
        for byte in [0, b'"', b'[', b'}', 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            if let Ok(read) = Catalogue::parse(&damaged) {
                let found = read.vulnerabilities.len();
                assert!(
                    found + 1 >= entries && found + read.odd == entries,
                    "{found} entries with byte {at} as {byte}"
                );
            }
        }
    }
}

#[test]
fn odd_entries_are_left_out_counted_and_named() {
    let good = entry("CVE-2018-14847", "2021-12-01");
    let odd = [
        good.clone(),
        "null".to_owned(),
        "[]".to_owned(),
        good.replace("CVE-2018-14847", "CVE-18-1"),
        good.replace("CVE-2018-14847", "CVE-2018-12345678901234567890"),
        good.replace("CVE-2018-14847", "CVE-2018-1485\u{202e}"),
        entry("CVE-2018-1", "2021-12-01"),
        entry("CVE-2018-10001", "2021-13-01"),
        entry("CVE-2018-10002", "99999-01-01"),
        entry("CVE-2018-10003", "日本語日本語"),
        entry("CVE-2018-10004", "0001-01-01"),
        good.replace("\"RouterOS\"", "17").replace("14847", "10005"),
        good.replace("MikroTik", " ").replace("14847", "10006"),
    ];
    let text = catalogue(&format!("{good},{}", odd.join(",")));
    let read = Catalogue::parse(text.as_bytes()).unwrap();
    // A hidden character is taken out, and what is left is a CVE.
    let cves: Vec<&str> = read.vulnerabilities.iter().map(|one| one.cve.as_str()).collect();
    assert_eq!(cves, ["CVE-2018-14847", "CVE-2018-1485"]);
    assert_eq!(read.odd, odd.len() - 1);
    assert_eq!(read.odd_kept.len(), ODD_KEPT_MAX);
    assert_eq!(read.odd_kept[0], "entry 2: CVE-2018-14847 is there twice");
}

#[test]
fn texts_are_bounded_and_show_what_they_are() {
    let long = "x".repeat(1_000_000);
    let text = catalogue(&entry("CVE-2018-14847", "2021-12-01").replace("A name", &format!("A\\n\\u202ename {long}")));
    let read = Catalogue::parse(text.as_bytes()).unwrap();
    let name = &read.vulnerabilities[0].name;
    assert!(name.starts_with("A name xxx") && name.chars().count() <= 300, "{}", name.len());
}

#[test]
fn tables_of_users_add_to_the_built_in_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(SAMPLE, folder.path().join("known_exploited_vulnerabilities.json")).unwrap();
    std::fs::write(folder.path().join("schema.json"), "{}").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "left alone").unwrap();
    let own = "[[malware]]\nid = \"own\"\nname = \"Our bot\"\nports = [\"8291/tcp\"]\nreported = \"2022-05\"\nsource = \"https://example.org/\"\n";
    std::fs::write(folder.path().join("own.toml"), own).unwrap();
    let known = knowledge(folder.path());
    assert_eq!(titles(&known, (6, 8291)), ["CVE-2018-7445", "Our bot", "CVE-2018-14847"]);
    let at = known.known.at((6, 8291))[1];
    assert_eq!(known.about(at).unwrap().known.as_deref(), Some("2022-05"));
    assert_eq!(known.known.products((6, 8291)), 2);
}

#[test]
fn tables_that_say_something_impossible_are_refused() {
    let service = |change: (&str, &str)| {
        let good =
            "[[service]]\nid = \"a\"\nname = \"A\"\nports = [\"1/tcp\"]\nsource = \"https://example.org/\"\nany = [{ vendor = \"V\" }]\n";
        assert!(change.0.is_empty() || good.contains(change.0), "{change:?}");
        good.replace(change.0, change.1)
    };
    let check = |text: &str, expected: &str| {
        let mut table = Table::built_in().unwrap();
        let before = table.rows();
        let error = table.add(text, "own.toml").unwrap_err();
        let told = format!("{error}");
        assert!(told.contains("own.toml") && told.contains(expected), "{expected}: {told}");
        assert_eq!(table.rows(), before, "nothing is added");
    };
    let cases = [
        (("id = \"a\"", "id = \"snmp\""), "another row has this id"),
        (("id = \"a\"", "id = \"A b\""), "its id must be"),
        (("name = \"A\"", "name = \"\""), "its name is empty"),
        (("name = \"A\"", "name = \"A\\u202eB\""), "characters that do not show"),
        (("1/tcp", "70000/tcp"), "its ports must be"),
        (("1/tcp", "1/sctp"), "its ports must be"),
        (("[\"1/tcp\"]", "[]"), "no port"),
        (("https://example.org/", "somewhere"), "address of a page"),
        (("https://example.org/", "javascript:alert(1)"), "address of a page"),
        (("{ vendor = \"V\" }", ""), "no condition"),
        (("{ vendor = \"V\" }", "{}"), "says nothing"),
        (("vendor = \"V\"", "text = \"x\""), "too short"),
        (("vendor = \"V\"", "cve = \"CVE-1\""), "no CVE"),
        (("vendor = \"V\"", "vendr = \"V\""), "hint: "),
    ];
    for (change, expected) in cases {
        check(&service(change), expected);
    }
    let malware = "[[malware]]\nid = \"m\"\nname = \"M\"\nports = [\"1/tcp\"]\nreported = \"2022-13\"\nsource = \"https://example.org/\"\n";
    check(malware, "reported must be");
    check(
        "[[tool]]\nid = \"t\"\nname = \"T\"\nmarks = []\nsource = \"https://example.org/\"\n",
        "known by its marks",
    );
    check(&"#".repeat(TABLE_BYTES_MAX + 1), "bytes");
    let many: String = (0..=ROWS_MAX)
        .map(|number| service(("id = \"a\"", &format!("id = \"a{number}\""))))
        .collect();
    check(&many, "rows");
    let mut table = Table::built_in().unwrap();
    table.add(&service(("", "")), "own.toml").unwrap();
}

#[test]
fn paths_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let load = |paths: &[PathBuf]| Knowledge::load(paths);
    assert!(load(&[]).unwrap().is_none());
    let error = |paths: &[PathBuf]| format!("{:#}", load(paths).unwrap_err());
    assert!(error(&[folder.path().to_owned()]).contains("hint: put CISA's"));
    let (first, second) = (folder.path().join("a.json"), folder.path().join("b.json"));
    for path in [&first, &second] {
        std::fs::copy(SAMPLE, path).unwrap();
    }
    assert!(error(&[first.clone(), second]).contains("two catalogues"));
    assert!(
        load(&[first.clone(), first.clone()]).unwrap().is_some(),
        "the same file twice is one"
    );
    let text = folder.path().join("a.txt");
    std::fs::write(&text, "").unwrap();
    assert!(error(&[text]).contains("neither a catalogue"));
    assert!(error(&[folder.path().join("none.toml")]).contains("hint: "));
}
