//! Lists of research scanners in the forms they are published, good and hostile.

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

use intel::{Intel, IntelOptions};

/// Folder of the published feeds, beside the workspace.
fn feeds(below: &str) -> PathBuf {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/feeds")).join(below);
    assert!(folder.exists(), "these tests need the published feeds in {}", folder.display());
    folder
}

fn load(scanners: Vec<PathBuf>, bundled_scanners: bool) -> Intel {
    Intel::load(&IntelOptions {
        databases: Vec::new(),
        search: false,
        scanners,
        bundled_scanners,
    })
    .unwrap()
}

fn check(intel: &Intel, address: &str, expected: &str) {
    let place = match address.parse().unwrap() {
        IpAddr::V4(address) => intel.on(0).place_v4(address.to_bits()),
        IpAddr::V6(address) => intel.on(0).place_v6(&address.octets()),
    };
    assert_eq!(intel.scanner_name(place.scanner), expected, "{address}");
}

#[test]
fn published_lists_agree_on_names() {
    for folder in ["acknowledged_scanners", "misp-warninglists", "maltrail"] {
        let intel = load(vec![feeds(folder)], false);
        check(&intel, "162.142.125.7", "censys");
        check(&intel, "8.8.8.8", "");
        // Private space is nobody's scanner, whatever a list says (rfc1918 is among the warning lists).
        check(&intel, "10.0.0.1", "");
    }
    let acknowledged = load(vec![feeds("acknowledged_scanners")], false);
    check(&acknowledged, "146.88.240.9", "arbor-observatory");
    check(&acknowledged, "2602:80d:1000:b0cc:e::1", "censys");
    check(&acknowledged, "2a02:d480:4c0:10d4::5", "mpi-infmpg");
    let misp = load(vec![feeds("misp-warninglists")], false);
    check(&misp, "45.83.64.2", "alphastrike");
    check(&misp, "2a00:5980:93::130", "circl");
    // Known sinkholes are not scanners.
    check(&misp, "104.155.11.149", "");
    let maltrail = load(vec![feeds("maltrail")], false);
    check(&maltrail, "35.203.210.1", "paloaltonetworks");
    check(&maltrail, "5.63.151.9", "rapid7");
    check(&maltrail, "13.249.87.1", "unnamed");
}

#[test]
fn published_files_are_read_whole() {
    let check = |file: &str, prefixes: usize, bad_lines: usize| {
        let intel = load(vec![feeds(file)], false);
        let [list] = intel.scanner_lists() else { panic!("{file}") };
        assert_eq!(
            (list.prefixes, list.bad_lines),
            (prefixes, bad_lines),
            "{file}: {:?}",
            list.first_bad
        );
    };
    check(
        "acknowledged_scanners/acknowledged_scanners_base/ipset_IPv4/nethash.arbor-observatory.com.ipset",
        1,
        0,
    );
    check("misp-warninglists/censys-scanning/list.json", 13, 0);
    check("misp-warninglists/stretchoid-nt-scanning/list.json", 1839, 0);
    check("maltrail/mass_scanner_cidr.txt", 1106, 0);
}

#[test]
fn the_binary_carries_a_list() {
    let intel = load(Vec::new(), true);
    let [list] = intel.scanner_lists() else { panic!("one list") };
    assert_eq!(list.bad_lines, 0, "{:?}", list.first_bad);
    assert!(list.prefixes > 3000, "{}", list.prefixes);
    check(&intel, "162.142.125.7", "censys");
    check(&intel, "2602:80d:1003::1", "censys");
    check(&intel, "185.194.94.170", "circl");
}

fn written(name: &str, text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn the_longest_prefix_names_the_organisation_and_the_first_list_wins() {
    let (_one, wide) = written("wide.txt", b"5.0.0.0/16\n5.0.1.0/24 # scan.narrow.example.org\n5.0.2.2\n");
    let (_two, later) = written("later.txt", b"5.0.0.0/16\n5.0.1.7 # inner\n");
    let intel = load(vec![wide, later], false);
    check(&intel, "5.0.0.1", "wide");
    check(&intel, "5.0.1.1", "example");
    check(&intel, "5.0.1.7", "inner");
    check(&intel, "5.0.1.8", "example");
    check(&intel, "5.0.2.2", "wide");
    check(&intel, "5.1.0.0", "");
    assert_eq!(intel.scanner_name(u16::MAX), "");
}

#[test]
fn comments_and_files_tell_the_organisation() {
    let check_line = |line: &str, expected: &str| {
        let (_folder, path) = written("lists/acme/ips.txt", format!("9.9.9.9 {line}\n").as_bytes());
        check(&load(vec![path], false), "9.9.9.9", expected);
    };
    check_line("", "acme");
    check_line("#", "acme");
    check_line("# 9.9.9.9", "acme");
    check_line("# (unknown)", "acme");
    check_line("# Reference: https://example.com/", "acme");
    check_line("# turtle.census.shodan.io", "shodan");
    check_line("# researchscan512.eecs.umich.edu.", "umich");
    check_line("# shodan.io(parking)", "shodan");
    check_line("# scan.ncsc.gov.uk", "ncsc");
    check_line("# Cortex Xpanse", "paloaltonetworks");
    check_line("# ltx71", "ltx71");
    check_line("# ...", "unnamed");
    check_line(&format!("# {}", "x".repeat(10_000)), &"x".repeat(48));
}

#[test]
fn bad_lines_are_counted_and_the_first_is_told() {
    let text = b"1.1.1.1\n\n# comment\nrubbish\n0.0.0.0/0\n::/0\n1.2.3.4/33\n1.2.3.4 5.6.7.8\n\xff\xfe\nadd one\n2.2.2.2\n";
    let (_folder, path) = written("some.txt", text);
    let intel = load(vec![path], false);
    let [list] = intel.scanner_lists() else { panic!("one list") };
    assert_eq!((list.prefixes, list.bad_lines), (2, 7));
    assert_eq!(list.first_bad, Some((4, "neither an address nor a prefix")));
    check(&intel, "200.1.1.1", "");
}

#[test]
fn what_is_no_list_is_refused_when_named_and_passed_over_in_a_folder() {
    let refused = |name: &str, text: &[u8], expected: &str| {
        let (folder, path) = written(name, text);
        let options = |scanners| IntelOptions {
            scanners,
            search: false,
            ..IntelOptions::default()
        };
        let error = Intel::load(&options(vec![path])).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let intel = Intel::load(&options(vec![folder.path().to_owned()])).unwrap();
        let told = intel
            .warnings()
            .iter()
            .any(|warning| warning.contains(name) && warning.contains(expected));
        assert!(told, "{:?}", intel.warnings());
    };
    refused("empty.txt", b"", "no prefix in it could be read");
    refused("prose.txt", b"Nothing but prose.\n", "line 1: the line has more than a prefix");
    refused("broken.json", b"{\"list\": [1.1.1.1", "no warning list");
    refused("other.json", b"{\"name\": \"x\"}", "missing field `list`");
    refused(
        "rfc1918.json",
        b"{\"name\": \"RFC 1918\", \"list\": [\"10.0.0.0/8\"]}",
        "does not speak of scanning",
    );
    refused(
        "deep.json",
        format!("{{\"list\":{}", "[".repeat(100_000)).as_bytes(),
        "no warning list",
    );
}
