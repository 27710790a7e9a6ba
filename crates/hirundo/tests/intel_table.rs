//! The flattened tables against the databases' own lookup, and how fast both the loading and the asking are.

#![allow(dead_code, unreachable_pub, reason = "a module of the binary, tested from outside it")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests may panic, and cut random numbers to size"
)]

#[path = "../src/intel/mod.rs"]
mod intel;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use intel::{Intel, IntelOptions, Place, region};

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

/// What the database itself answers, through the same fields that we read.
fn asked(reader: &maxminddb::Reader<Vec<u8>>, address: IpAddr) -> (Option<u16>, u32) {
    use maxminddb::path;
    let found = reader.lookup(address).unwrap();
    let text = |path: &[maxminddb::PathElement<'_>]| found.decode_path::<String>(path).ok().flatten();
    let region = [
        text(&path!["country", "iso_code"]),
        text(&path!["country_code"]),
        text(&path!["registered_country", "iso_code"]),
    ];
    let region = region.into_iter().flatten().find_map(|text| region::code_of(&text));
    let asn = found.decode_path::<u32>(&path!["autonomous_system_number"]).ok().flatten();
    let inner = found
        .decode_path::<u32>(&path!["traits", "autonomous_system_number"])
        .ok()
        .flatten();
    (region, asn.or(inner).unwrap_or(0))
}

/// Compares the flattened table with the database's own lookup; special areas are ours alone.
fn compare(path: &Path, addresses: impl Iterator<Item = IpAddr>) -> usize {
    let intel = Intel::load(&only(&[path])).unwrap();
    let reader = maxminddb::Reader::open_readfile(path).unwrap();
    let mut known = 0;
    for address in addresses {
        let found = match address {
            IpAddr::V4(address) => intel.on(0).place_v4(address.to_bits()),
            IpAddr::V6(_) if reader.metadata().ip_version == 4 => continue,
            IpAddr::V6(address) => intel.on(0).place_v6(&address.octets()),
        };
        if region::is_special(found.region) {
            continue;
        }
        let (region, asn) = asked(&reader, address);
        let expected = Place {
            region: region.unwrap_or(region::UNKNOWN),
            asn,
            scanner: 0,
        };
        assert_eq!(found, expected, "{address} in {}", path.display());
        known += usize::from(region.is_some() || asn != 0);
    }
    known
}

/// Addresses at and around the edges of every network of a database, and as many anywhere.
fn edges(path: &Path) -> Vec<IpAddr> {
    let reader = maxminddb::Reader::open_readfile(path).unwrap();
    let mut addresses = Vec::new();
    let mut numbers = Numbers(7);
    for network in reader.networks(maxminddb::WithinOptions::default()).unwrap() {
        match network.unwrap().network().unwrap() {
            net if net.is_ipv4() => {
                let IpAddr::V4(first) = net.network() else { unreachable!() };
                let last = first.to_bits() | u32::MAX.checked_shr(net.prefix().into()).unwrap_or(0);
                for edge in [first.to_bits().wrapping_sub(1), first.to_bits(), last, last.wrapping_add(1)] {
                    addresses.push(IpAddr::V4(edge.into()));
                }
                addresses.push(IpAddr::V4(Ipv4Addr::from_bits((numbers.next() >> 32) as u32)));
            }
            net => {
                let IpAddr::V6(first) = net.network() else { unreachable!() };
                let last = first.to_bits() | u128::MAX.checked_shr(net.prefix().into()).unwrap_or(0);
                for edge in [first.to_bits().wrapping_sub(1), first.to_bits(), last, last.wrapping_add(1)] {
                    addresses.push(IpAddr::V6(edge.into()));
                }
                let high = u128::from(numbers.next() >> 3 | 1 << 61) << 64;
                addresses.push(IpAddr::V6(Ipv6Addr::from_bits(high | u128::from(numbers.next()))));
            }
        }
    }
    addresses
}

#[test]
fn the_table_equals_the_databases_own_lookup_at_every_edge() {
    let folder = feeds("maxmind-test/test-data");
    let mut compared = 0;
    for path in files(&folder, "mmdb") {
        match Intel::load(&only(&[&path])) {
            Ok(_) => {
                let known = compare(&path, edges(&path).into_iter());
                compared += usize::from(known > 0);
            }
            Err(_) => continue,
        }
    }
    assert!(compared >= 8, "only {compared} databases could be compared");
}

/// Half anywhere, half in the upper 16 bits of one of the database's own networks.
fn a_million(path: &Path) -> impl Iterator<Item = IpAddr> {
    let known: Vec<u32> = edges(path)
        .into_iter()
        .filter_map(|address| match address {
            IpAddr::V4(address) => Some(address.to_bits()),
            IpAddr::V6(_) => None,
        })
        .collect();
    let mut numbers = Numbers(1);
    (0..1_000_000).map(move |round| {
        let anywhere = (numbers.next() >> 32) as u32;
        let near = known[numbers.next() as usize % known.len()] & 0xffff_0000 | anywhere & 0xffff;
        IpAddr::V4(Ipv4Addr::from_bits(if round % 2 == 0 { anywhere } else { near }))
    })
}

#[test]
fn the_table_equals_the_databases_own_lookup_on_a_million_addresses() {
    for name in ["GeoIP2-Country-Test", "GeoIP2-ISP-Test", "GeoIP2-Enterprise-Test"] {
        let path = feeds("maxmind-test/test-data").join(format!("{name}.mmdb"));
        let known = compare(&path, a_million(&path));
        assert!(known > 1000, "{name}: {known}");
    }
}

#[test]
#[ignore = "needs the free databases: run setup/geo.sh first, or name their folder in HIRUNDO_TEST_GEO"]
fn the_free_databases_equal_their_own_lookup() {
    let folder =
        std::env::var_os("HIRUNDO_TEST_GEO").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/geo"), PathBuf::from);
    let found = files(&folder, "mmdb");
    assert!(!found.is_empty(), "no database in {}", folder.display());
    for path in found {
        assert!(compare(&path, a_million(&path)) > 500_000);
        assert!(compare(&path, edges(&path).into_iter()) > 100_000);
    }
}

/// Nanoseconds a lookup, and how long loading takes. Run with
/// `cargo test --release --test intel_table -- --ignored --nocapture timing`.
#[test]
#[ignore = "a measurement: needs the free databases of setup/geo.sh, or HIRUNDO_TEST_GEO"]
fn timing() {
    use std::hint::black_box;
    use std::time::Instant;
    let folder =
        std::env::var_os("HIRUNDO_TEST_GEO").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/geo"), PathBuf::from);
    let start = Instant::now();
    let intel = Intel::load(&IntelOptions {
        bundled_scanners: true,
        ..only(&[&folder])
    })
    .unwrap();
    println!("load {:?}, {} MB", start.elapsed(), intel.len_bytes() / 1_000_000);
    for version in intel.versions() {
        println!(
            "  {} {} {}: {} ranges",
            version.file.display(),
            version.date(),
            version.kind(),
            version.ranges
        );
    }
    let gazetteer = intel.on(i32::MAX);
    let mut numbers = Numbers(9);
    let random: Vec<u32> = (0..4_000_000).map(|_| (numbers.next() >> 32) as u32).collect();
    let mut sorted = random.clone();
    sorted.sort_unstable();
    // As a telescope sees sources: most packets from few.
    let skewed: Vec<u32> = (0..4_000_000)
        .map(|_| random[(numbers.next() % 1000 * (numbers.next() % 1000)) as usize])
        .collect();
    for (name, addresses) in [("random", &random), ("sorted", &sorted), ("skewed", &skewed)] {
        let start = Instant::now();
        let known = addresses
            .iter()
            .filter(|address| gazetteer.place_v4(black_box(**address)).asn != 0)
            .count();
        let ns = start.elapsed().as_nanos() as f64 / addresses.len() as f64;
        println!("v4 {name}: {ns:.1} ns, {known} with an AS");
    }
    let wide: Vec<[u8; 16]> = (0..1_000_000)
        .map(|_| (u128::from(numbers.next() >> 3 | 1 << 61) << 64).to_be_bytes())
        .collect();
    let start = Instant::now();
    let known = wide
        .iter()
        .filter(|address| gazetteer.place_v6(black_box(address)).asn != 0)
        .count();
    println!(
        "v6 random: {:.1} ns, {known} with an AS",
        start.elapsed().as_nanos() as f64 / wide.len() as f64
    );
}
