//! Real captures against independent truth: number of packets, first and last time, link type.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod capture_support;

use std::collections::BTreeMap;
use std::fs::File;

use capture_support::{Reading, read_all, traces};

/// Where this reader and the truth (tshark 4.0.17) differ, and who is right.
struct Difference {
    file: &'static str,
    packets: usize,
    last_ns: Option<i64>,
    why: &'static str,
}

const DIFFERENCES: [Difference; 3] = [
    Difference {
        file: "hk_output_le__difficult__test202.pcapng",
        packets: 8,
        last_ns: Some(1_340_954_905_301_858_000),
        why: "tshark prints three blocks that are no packets; capinfos counts 8 too",
    },
    Difference {
        file: "sv_bug-6875-01__fuzz.pcap",
        packets: 1,
        last_ns: Some(1_508_525_002_992_213_000),
        why: "the second record claims 1409179648 bytes; tshark takes the file for a variant with longer \
              record headers and makes a packet of time -1409179648 out of it",
    },
    Difference {
        file: "td_timestamp_invalid_micro.pcap",
        packets: 3,
        last_ns: Some(1_418_147_517_483_648_000),
        why: "the third packet has second 1418145370 and 0x80000000 microseconds, which is added; tshark \
              multiplies by 1000 in 32 bits, which gives 0",
    },
];

/// Files that are rejected when opened, and words of the error.
const REJECTED: [(&str, &str); 2] = [
    ("lp_pcap-invalid-version-1.pcap", "version 1.4 is not supported"),
    ("lt_5_packets.erf", "looks like ERF"),
];

/// Files with damage behind their last packet, and the error's text.
const DAMAGED: [(&str, &str); 2] = [
    (
        "sv_bug-1450-04__tls_DER-incomplete-header.pcap",
        "read packet 7 at byte 5035 of the capture: the packet claims 4325376 captured bytes, more than 262144",
    ),
    (
        "sv_bug-6875-01__fuzz.pcap",
        "read packet 2 at byte 228 of the capture: the packet claims 1409179648 captured bytes, more than 262144",
    ),
];

/// Link type numbers of the names in the truth.
const LINKS: [(&str, u32); 10] = [
    ("ether", 1),
    ("null", 0),
    ("ppp", 9),
    ("rawip", 101),
    ("rawip6", 229),
    ("chdlc", 104),
    ("linux-sll", 113),
    ("linux-sll2", 276),
    ("ieee-802-11-radiotap", 127),
    ("nflog", 239),
];

#[test]
fn every_trace_agrees_with_the_truth() {
    let mut wrong = Vec::new();
    let rows = truth();
    assert!(rows.len() >= 50, "only {} traces", rows.len());
    for row in &rows {
        let file = row["file"].as_str();
        let result = read_all(File::open(traces().join(file)).unwrap());
        match (result, REJECTED.iter().find(|(name, _)| *name == file)) {
            (Err(error), Some((_, words))) => {
                assert!(error.to_string().contains(words), "{file}: {error}")
            }
            (Ok(_), Some(_)) => wrong.push(format!("{file}: should have been rejected")),
            (Err(error), None) => wrong.push(format!("{file}: {error}")),
            (Ok(reading), None) => wrong.extend(compare(row, &reading)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(row: &BTreeMap<String, String>, reading: &Reading) -> Vec<String> {
    let file = row["file"].as_str();
    let mut wrong = Vec::new();
    let mut check = |what: &str, found: String, expected: String| {
        if found != expected {
            wrong.push(format!("{file}: {what} is {found}, not {expected}"));
        }
    };
    let difference = DIFFERENCES.iter().find(|difference| difference.file == file);
    let times = |key: &str| (!row[key].is_empty()).then(|| nanoseconds(&row[key]));
    let (packets, last) = match difference {
        Some(known) => (known.packets, known.last_ns),
        None => (row["packets.total"].parse().unwrap(), times("ts.last")),
    };
    let why = difference.map_or("", |known| known.why);
    check(
        &format!("number of packets ({why})"),
        reading.frames.len().to_string(),
        packets.to_string(),
    );
    let first_found = reading.frames.first().map(|frame| frame.time_ns);
    check("first time", format!("{first_found:?}"), format!("{:?}", times("ts.first")));
    let last_found = reading.frames.last().map(|frame| frame.time_ns);
    check("last time", format!("{last_found:?}"), format!("{last:?}"));
    if let Some((_, link)) = LINKS.iter().find(|(name, _)| *name == row["capinfos.File_encapsulation"]) {
        let others = reading.frames.iter().filter(|frame| frame.link.0 != *link).count();
        check("frames of another link type", others.to_string(), "0".to_owned());
    }
    let error = reading.error.as_ref().map(ToString::to_string);
    let expected = DAMAGED.iter().find(|(name, _)| *name == file).map(|(_, error)| (*error).to_owned());
    check("error", format!("{error:?}"), format!("{expected:?}"));
    wrong
}

/// The rows of `truth.csv`, by column; no field before the last columns is quoted.
fn truth() -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(traces().join("truth.csv")).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let fields = columns.iter().zip(line.split(','));
            fields.map(|(name, field)| ((*name).to_owned(), field.to_owned())).collect()
        })
        .collect()
}

/// Seconds with nine decimals as nanoseconds.
fn nanoseconds(text: &str) -> i64 {
    if text == "0E-9" {
        return 0;
    }
    let (seconds, fraction) = text.split_once('.').unwrap();
    assert_eq!(fraction.len(), 9, "{text}");
    format!("{seconds}{fraction}").parse().unwrap()
}

#[test]
fn formats_of_traces_are_told_by_content() {
    let cases = [
        ("ark_bigendian.pcap", "pcap, microseconds, big-endian"),
        ("derived_nmap.pcap.zst", "pcap, microseconds, little-endian, in zstd"),
        ("lt_100_packetsns.pcap", "pcap, nanoseconds, little-endian"),
        ("lt_sll.pcap.gz", "pcap, microseconds, little-endian, in gzip"),
        ("nd_tcp_scan.pcapng", "pcap, microseconds, little-endian"),
        ("nd_upnp.pcap", "pcapng, little-endian"),
        ("hk_output_be__basic__test001.pcapng", "pcapng, big-endian"),
        ("ws_icmp.pcapng.gz", "pcapng, little-endian, in gzip"),
    ];
    for (file, expected) in cases {
        let path = traces().join(file);
        let reading = read_all(File::open(&path).unwrap()).unwrap();
        assert_eq!(reading.format, expected, "{file}");
        assert_eq!(reading.bytes_read, path.metadata().unwrap().len(), "{file}");
    }
}

#[test]
fn a_fraction_of_a_second_or_more_is_added_and_counted() {
    let reading = read_all(File::open(traces().join("td_timestamp_invalid_micro.pcap")).unwrap()).unwrap();
    assert_eq!((reading.frames.len(), reading.times_over), (3, 2));
    let times: Vec<i64> = reading.frames.iter().map(|frame| frame.time_ns).collect();
    let expected = [1_418_145_369_999_999_000, 1_418_145_371_000_000_000, 1_418_147_517_483_648_000];
    assert_eq!(times, expected);
}
