//! Databases and lists as their publishers give them, good and hostile, through the whole of `intel`.

#![allow(dead_code, unreachable_pub, reason = "a module of the binary, tested from outside it")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests may panic, and cut random numbers to size"
)]

#[path = "../src/intel/mod.rs"]
mod intel;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use intel::bogon::Area;
use intel::database::DatabaseError;
use intel::{Intel, IntelError, IntelOptions, Place, region};

/// Folder of the published feeds, beside the workspace.
fn feeds(below: &str) -> PathBuf {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/feeds")).join(below);
    assert!(folder.exists(), "these tests need the published feeds in {}", folder.display());
    folder
}

fn only(databases: &[&Path]) -> IntelOptions {
    IntelOptions {
        databases: databases.iter().map(|path| path.display().to_string()).collect(),
        search: false,
        scanners: Vec::new(),
        bundled_scanners: false,
    }
}

fn place(intel: &Intel, day: i32, address: &str) -> Place {
    match address.parse().unwrap() {
        IpAddr::V4(address) => intel.on(day).place_v4(address.to_bits()),
        IpAddr::V6(address) => intel.on(day).place_v6(&address.octets()),
    }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A stream of numbers that is the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[test]
fn region_and_as_of_maxminds_layout() {
    let country = feeds("maxmind-test/test-data/GeoLite2-Country-Test.mmdb");
    let asn = feeds("maxmind-test/test-data/GeoLite2-ASN-Test.mmdb");
    let intel = Intel::load(&only(&[&country, &asn])).unwrap();
    let check = |address: &str, text: &str, number: u32| {
        let found = place(&intel, 20_000, address);
        assert_eq!((region::code_text(found.region), found.asn), (text, number), "{address}");
    };
    check("2.125.160.216", "GB", 0);
    check("89.160.20.112", "SE", 29_518);
    check("1.128.0.0", "ZZ", 1221);
    check("2001:218::1", "JP", 0);
    check("10.1.2.3", "private", 0);
    check("::1", "loopback", 0);
    check("2001:db8::1", "documentation", 0);
    check("250.0.0.1", "reserved", 0);
    assert_eq!(intel.as_name(1221), Some("Telstra Pty Ltd"));
    let sources: Vec<_> = intel.versions().map(|version| version.kind()).collect();
    assert_eq!(sources, ["region", "AS"]);
    assert!(intel.versions().all(|version| version.source.contains("MaxMind")));
    assert_eq!(intel.warnings(), &[] as &[String]);
}

#[test]
fn every_published_test_database_is_read_or_refused_with_a_reason() {
    let folder = feeds("maxmind-test");
    let mut read = Vec::new();
    let mut refused = Vec::new();
    for path in files(&folder, "mmdb") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        match Intel::load(&only(&[&path])) {
            Ok(intel) => {
                place(&intel, 0, "1.2.3.4");
                read.push(name);
            }
            Err(IntelError::Database { file, source }) => {
                assert_eq!(file, path);
                let message = source.to_string();
                assert!(message.len() > 20 && message.len() < 2000, "{message}");
                refused.push((name, message));
            }
            Err(other) => panic!("{}: {other}", path.display()),
        }
    }
    let is_read = |name: &str| read.iter().any(|one| one == name);
    let why = |name: &str| {
        let found = refused.iter().find(|(one, _)| one == name);
        found.unwrap_or_else(|| panic!("{name} was read")).1.as_str()
    };
    for good in [
        "GeoLite2-Country-Test",
        "GeoLite2-City-Test",
        "GeoLite2-ASN-Test",
        "GeoIP2-Country-Test",
        "GeoIP2-City-Test",
        "GeoIP2-ISP-Test",
        "GeoIP2-Enterprise-Test",
        "GeoIP2-Precision-Enterprise-Test",
        "GeoIP2-Country-Shield-Test",
        "GeoIP2-City-Shield-Test",
    ] {
        assert!(is_read(good), "{good}: {}", why(good));
    }
    for foreign in [
        "GeoIP2-Domain-Test",
        "GeoIP2-Connection-Type-Test",
        "MaxMind-DB-string-value-entries",
        "MaxMind-DB-test-ipv4-24",
        "MaxMind-DB-test-ipv6-32",
        "MaxMind-DB-test-decoder",
    ] {
        assert!(why(foreign).starts_with("no record has a field"), "{foreign}: {}", why(foreign));
    }
    for bad in files(&feeds("maxmind-test/bad-data"), "mmdb") {
        let name = bad.file_stem().unwrap().to_string_lossy().into_owned();
        why(&name);
    }
    for bad in [
        "GeoIP2-City-Test-Invalid-Node-Count",
        "MaxMind-DB-test-broken-pointers-24",
        "MaxMind-DB-test-broken-search-tree-24",
    ] {
        why(bad);
    }
}

#[test]
fn a_damaged_database_never_panics_or_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mmdb");
    let mut numbers = Numbers(3);
    for name in ["GeoLite2-ASN-Test", "GeoLite2-Country-Test", "MaxMind-DB-test-mixed-24"] {
        let good = std::fs::read(feeds("maxmind-test/test-data").join(format!("{name}.mmdb"))).unwrap();
        for round in 0..150 {
            let mut bytes = good.clone();
            for _ in 0..=round % 12 {
                let at = numbers.next() as usize % bytes.len();
                bytes[at] = numbers.next() as u8;
            }
            if round % 3 == 0 {
                bytes.truncate(numbers.next() as usize % bytes.len());
            }
            std::fs::write(&path, &bytes).unwrap();
            // Whether it is read or refused: it ends, and answers.
            if let Ok(intel) = Intel::load(&only(&[&path])) {
                place(&intel, 0, "1.2.3.4");
                place(&intel, 0, "2a00::1");
            }
        }
    }
}

/// An IPv6 database of `nodes` (left and right records of 32 bits) over one empty map as data.
fn crafted(nodes: &[(u32, u32)], ip_version: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = nodes
        .iter()
        .flat_map(|(left, right)| [left.to_be_bytes(), right.to_be_bytes()])
        .flatten()
        .collect();
    bytes.extend([0; 16]);
    bytes.extend([0xe1, 0x4c]);
    bytes.extend(b"country_code\x42JP");
    bytes.extend(b"\xab\xcd\xefMaxMind.com\xe9");
    let text = |text: &str| {
        let mut field = vec![0x40 | text.len() as u8];
        field.extend(text.as_bytes());
        field
    };
    let mut metadata = Vec::new();
    metadata.extend(text("binary_format_major_version"));
    metadata.extend([0xa1, 2]);
    metadata.extend(text("binary_format_minor_version"));
    metadata.extend([0xa0]);
    metadata.extend(text("build_epoch"));
    metadata.extend([0x04, 0x02, 0x62, 0x46, 0x5f, 0x80]);
    metadata.extend(text("database_type"));
    metadata.extend(text("crafted"));
    metadata.extend(text("description"));
    metadata.extend([0xe0]);
    metadata.extend(text("ip_version"));
    metadata.extend([0xa1, ip_version]);
    metadata.extend(text("languages"));
    metadata.extend([0x00, 0x04]);
    metadata.extend(text("node_count"));
    metadata.push(0xc4);
    metadata.extend((nodes.len() as u32).to_be_bytes());
    metadata.extend(text("record_size"));
    metadata.extend([0xa1, 32]);
    bytes.extend(metadata);
    bytes
}

#[test]
fn a_tree_that_is_a_web_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.mmdb");
    let load = |nodes: &[(u32, u32)], version| {
        std::fs::write(&path, crafted(nodes, version)).unwrap();
        Intel::load(&only(&[&path]))
    };
    // First that the crafted file is one: 0.0.0.0/1 nothing, 128.0.0.0/1 Japan.
    let intel = load(&[(1, 1 + 16)], 4).unwrap();
    assert_eq!(region::code_text(place(&intel, 0, "130.0.0.1").region), "JP");
    assert_eq!(region::code_text(place(&intel, 0, "1.0.0.1").region), "ZZ");
    assert_eq!(intel.versions().next().unwrap().date(), "2022-04-01");
    // Both sides of each node lead to the next: 127 nodes, 2^127 leaves, of data or of nothing.
    for leaf in [127 + 16, 127] {
        let mut nodes: Vec<_> = (1..127).map(|next| (next, next)).collect();
        nodes.push((leaf, leaf));
        let error = load(&nodes, 6).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }
    // A node that leads to itself.
    for nodes in [&[(0, 0)][..], &[(1, 1), (0, 0)], &[(0, 1 + 16)]] {
        let error = load(nodes, 4).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }
}

#[test]
fn versions_answer_for_their_days() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let databases = vec![
        write("region.2022-04-01.csv", "1.0.0.0,1.255.255.255,JP\n"),
        write("region-new.csv", "1.0.0.0,1.255.255.255,KR\n2a00::,2a00:ffff::,DE\n") + "@2022-07-01",
        write("filler.csv", "1.0.0.0,2.255.255.255,US\n") + "@2022-07-01",
        write("as.csv", "1.2.0.0,1.2.255.255,64500,\"Example, One\"\n") + "@2022-05-01",
    ];
    let intel = Intel::load(&IntelOptions { databases, ..only(&[]) }).unwrap();
    let check = |day: i32, address: &str, text: &str, asn: u32| {
        let found = place(&intel, day, address);
        assert_eq!((region::code_text(found.region), found.asn), (text, asn), "day {day}, {address}");
    };
    let (april, may, july) = (19_083, 19_113, 19_174);
    // Before the first: the oldest of each kind.
    check(i32::MIN, "1.2.3.4", "JP", 64_500);
    check(april, "1.2.3.4", "JP", 64_500);
    check(may, "1.2.3.4", "JP", 64_500);
    check(july - 1, "1.2.3.4", "JP", 64_500);
    check(july - 1, "2.0.0.1", "ZZ", 0);
    check(july, "1.2.3.4", "KR", 64_500);
    check(july, "1.3.3.4", "KR", 0);
    // Of one day, the first that was named answers, and the next fills its gaps.
    check(july, "2.0.0.1", "US", 0);
    check(i32::MAX, "1.2.3.4", "KR", 64_500);
    // The only IPv6 regions there are answer for every day.
    check(april, "2a00::1", "DE", 0);
    assert_eq!(intel.as_name(64_500), Some("Example, One"));
    let used: Vec<_> = intel.versions_on(april).map(|version| version.date()).collect();
    assert_eq!(used, ["2022-04-01", "2022-07-01", "2022-05-01"]);
    assert_eq!(intel.versions_on(july).count(), 3);
}

#[test]
fn what_cannot_be_used_says_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: &[u8], suffix: &str, expected: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let databases = vec![format!("{}{suffix}", path.display())];
        let error = Intel::load(&IntelOptions { databases, ..only(&[]) }).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(name), "{error}");
    };
    check("a.csv", b"1.0.0.0,1.0.0.255,JP\n", "", "hint: write PATH@2022-04-01");
    check("b.csv", b"1.0.0.0,1.0.0.255,JP\n", "@2022-02-30", "is no date");
    check("c.csv", b"", "@2022-04-01", "holds no networks");
    check("d.csv", b"hello\n", "@2022-04-01", "line 1: the first column is no address");
    check("e.mmdb", b"hello\n", "", "is damaged");
    check("f.csv.gz", b"\x1f\x8b\x08", "", "hint: unpack it first");
    let missing = vec![folder.path().join("missing.mmdb").display().to_string()];
    let error = Intel::load(&IntelOptions {
        databases: missing,
        ..only(&[])
    })
    .unwrap_err();
    assert!(
        matches!(
            error,
            IntelError::Database {
                source: DatabaseError::Read { .. },
                ..
            }
        ),
        "{error}"
    );
    let empty = tempfile::tempdir().unwrap();
    let error = Intel::load(&only(&[empty.path()])).unwrap_err();
    assert!(matches!(error, IntelError::EmptyFolder { .. }), "{error}");
}

#[test]
fn without_databases_it_warns_and_still_names_special_space() {
    let intel = Intel::load(&only(&[])).unwrap();
    assert_eq!(intel.warnings().len(), 2);
    assert!(intel.warnings().iter().all(|warning| warning.contains("setup/geo.sh")));
    assert_eq!(place(&intel, 0, "8.8.8.8"), Place::default());
    assert_eq!(place(&intel, 0, "192.168.1.1").region, Area::Private.code());
    assert_eq!(place(&intel, 0, "2a00::1"), Place::default());
    assert_eq!(intel.versions().len(), 0);
    assert!(intel.len_bytes() < 4 << 20, "{}", intel.len_bytes());
}
