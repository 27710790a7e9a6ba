//! Investigations from file to shares: every layout, bad input, several devices behind one address, the made-up one.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::Path;

use chrono::{DateTime, TimeZone, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use hirundo::investigation::{
    BANNERS_MAX, Candidates, Class, Classifier, Confidence, DeviceTable, EVIDENCE_MAX, Host, Investigation, NAMES_MAX, Provider,
    RECORD_BYTES_MAX, ReadError, Recog, Summary, TEXT_BYTES_MAX, read, rows, shares, simulate,
};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/investigation");
const RECOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/feeds/recog/xml");

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(DATA).join(name)).expect("sample file")
}

fn day(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, day, 0, 0, 0).single().expect("day")
}

fn hosts(bytes: &[u8]) -> (Vec<Host>, Summary) {
    let mut hosts = Vec::new();
    let summary = read(bytes, None, |host| hosts.push(host)).expect("readable");
    (hosts, summary)
}

fn table() -> Classifier {
    Classifier::new(DeviceTable::built_in().expect("table"), None)
}

fn with_recog() -> Classifier {
    assert!(Path::new(RECOG).is_dir(), "the published fingerprints are missing: {RECOG}");
    Classifier::new(
        DeviceTable::built_in().expect("table"),
        Some(Recog::load(Path::new(RECOG)).expect("recog")),
    )
}

fn classes(candidates: &Candidates) -> Vec<&'static str> {
    candidates.classes.iter().map(|class| class.name()).collect()
}

/// Address and classes of every address of a sample.
fn investigated(name: &str, classifier: &Classifier) -> Vec<(String, Vec<&'static str>)> {
    let mut investigation = Investigation::default();
    investigation.take(sample(name).as_slice(), classifier, None).expect("readable");
    investigation
        .iter()
        .map(|candidates| (candidates.address.to_string(), classes(candidates)))
        .collect()
}

#[test]
fn every_layout_is_read() {
    let recog = with_recog();
    type Expected<'a> = &'a [(&'a str, &'a [&'a str])];
    let cases: [(&str, Expected<'_>); 5] = [
        (
            "shodan-banners.ndjson",
            &[
                ("198.51.100.7", &["video-recorder", "router"]),
                ("198.51.100.8", &["linux-server"]),
                ("198.51.100.10", &["industrial"]),
                ("2001:db8::5", &["router"]),
            ],
        ),
        ("shodan-host.json", &[("203.0.113.20", &["video-recorder", "camera", "nas"])]),
        (
            "internetdb.json",
            &[
                ("192.0.2.1", &["router"]),
                ("192.0.2.2", &["video-recorder", "camera"]),
                ("192.0.2.3", &["unknown"]),
                ("192.0.2.4", &[]),
            ],
        ),
        ("censys-v2.json", &[("203.0.113.40", &["video-recorder", "camera", "router"])]),
        (
            "censys-platform.json",
            &[("203.0.113.50", &["video-recorder"]), ("203.0.113.51", &[])],
        ),
    ];
    for classifier in [&table(), &recog] {
        for (name, expected) in cases {
            let expected: Vec<(String, Vec<&str>)> = expected
                .iter()
                .map(|(address, classes)| ((*address).to_owned(), classes.to_vec()))
                .collect();
            assert_eq!(investigated(name, classifier), expected, "{name}");
        }
    }
}

#[test]
fn a_banner_keeps_what_rules_need() {
    let (all, summary) = hosts(&sample("shodan-banners.ndjson"));
    assert_eq!((summary.records, summary.bad, summary.undated), (5, 3, 0));
    let bad: Vec<u64> = summary.bad_kept.iter().map(|bad| bad.line).collect();
    assert_eq!(bad, [5, 6, 7], "{:?}", summary.bad_kept);
    let banner = &all[1].banners[0];
    assert_eq!(
        banner.certificate_subject.as_deref(),
        Some("CN=Vigor Router,OU=DrayTek Support,O=DrayTek Corp.,L=HuKou,ST=HsinChu,C=TW")
    );
    assert_eq!(
        all[0].looked_up,
        Some(day(2022, 6, 3) + chrono::Duration::microseconds((4 * 3600 + 5 * 60 + 6) * 1_000_000 + 123_456))
    );
    assert_eq!(all[0].banners[0].favicon_mmh3, Some(-1234));

    let (all, _) = hosts(&sample("censys-v2.json"));
    let (host, banner) = (&all[0], &all[0].banners[0]);
    assert_eq!(
        (host.provider, host.hostnames.as_slice()),
        (Provider::Censys, ["camera.example.jp".to_owned()].as_slice())
    );
    assert_eq!(banner.http_server.as_deref(), Some("App-webs/"));
    assert_eq!(banner.www_authenticate.as_deref(), Some("Digest realm=\"IP Camera(12345)\""));
    assert_eq!(banner.favicon_md5.as_deref(), Some("89b932fcc47cf4ca3faadb0cfdef89cf"));
    assert_eq!(
        host.banners[1].certificate_subject.as_deref(),
        Some("CN=Vigor Router,OU=DrayTek Support,O=DrayTek Corp.,L=HuKou,ST=HsinChu,C=TW")
    );

    let (all, _) = hosts(&sample("censys-platform.json"));
    assert_eq!(all[0].banners[0].http_server.as_deref(), Some("DNVRS-Webs"));
    assert_eq!(all[0].banners[0].favicon_mmh3, Some(999_357_577));
    assert!(all[0].answered() && !all[1].answered());
}

#[test]
fn the_same_in_every_wrapping() {
    let (alone, _) = hosts(&sample("shodan-host.json"));
    let text = String::from_utf8(sample("shodan-host.json")).expect("text");
    let line = text.replace('\n', " ");
    let gzip = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("write");
        encoder.finish().expect("gzip")
    };
    let twice = [alone[0].clone(), alone[0].clone()];
    let cases: [(&str, Vec<u8>, &[Host]); 8] = [
        ("one line", line.clone().into_bytes(), &alone),
        ("lines", format!("{line}\n\n{line}\r\n").into_bytes(), &twice),
        ("a list", format!("[{text},\n{text}]").into_bytes(), &twice),
        ("a list of lines", format!("[\n{line},\n{line}\n]\n").into_bytes(), &twice),
        ("one after the other", format!("{text}\n{text}").into_bytes(), &twice),
        ("a byte order mark", format!("\u{feff}{text}").into_bytes(), &alone),
        ("gzip", gzip(&text), &alone),
        (
            "gzip, two members",
            [gzip(&format!("{line}\n")), gzip(&format!("{line}\n"))].concat(),
            &twice,
        ),
    ];
    for (what, bytes, expected) in cases {
        let (found, summary) = hosts(&bytes);
        assert_eq!(found, expected, "{what}");
        assert_eq!(summary.bad, 0, "{what}");
    }
}

/// Gives one byte at a time, as a slow pipe may.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let end = buffer.len().min(1);
        self.0.read(&mut buffer[..end])
    }
}

#[test]
fn a_slow_pipe_reads_as_a_file() {
    for name in ["shodan-host.json", "shodan-banners.ndjson", "censys-v2.json"] {
        let mut found = Vec::new();
        read(Slow(&sample(name)), None, |host| found.push(host)).expect("readable");
        assert_eq!(found, hosts(&sample(name)).0, "{name}");
    }
}

#[test]
fn input_from_outside_is_bounded() {
    let huge = "x".repeat(TEXT_BYTES_MAX * 3);
    let many: Vec<String> = (0..BANNERS_MAX + 5)
        .map(|port| format!(r#"{{"port":{port},"data":"{huge}é"}}"#))
        .collect();
    let tags: Vec<String> = (0..NAMES_MAX * 2).map(|tag| format!("\"t{tag}\"")).collect();
    let host = format!(
        r#"{{"ip_str":"192.0.2.1","tags":[{}],"data":[{}]}}"#,
        tags.join(","),
        many.join(",")
    );
    let (found, _) = hosts(host.as_bytes());
    assert_eq!(
        (found[0].banners.len(), found[0].banners_left_out, found[0].tags.len()),
        (BANNERS_MAX, 5, NAMES_MAX)
    );
    assert_eq!(found[0].banners[0].text.as_ref().map(String::len), Some(TEXT_BYTES_MAX));

    let good = r#"{"ip_str":"192.0.2.9","port":1,"data":"\u0000\u001b[31m"}"#;
    let deep = format!("{{\"ip_str\":{}", "[".repeat(1000));
    let long = format!("{{\"ip_str\":\"{}\"}}", "x".repeat(RECORD_BYTES_MAX));
    for (what, bad) in [
        ("deep", deep.as_str()),
        ("long", long.as_str()),
        ("number", "17"),
        ("list", "[]"),
        ("other", "{\"a\":1}"),
    ] {
        let (found, summary) = hosts(format!("{good}\n{bad}\n{good}\n").as_bytes());
        assert_eq!((found.len(), summary.bad), (2, u64::from(what != "list")), "{what}");
        assert_eq!(summary.bad_kept.first().map_or(2, |bad| bad.line), 2, "{what}");
    }
    let (found, _) = hosts(good.as_bytes());
    assert_eq!(found[0].banners[0].text.as_deref(), Some("\u{fffd}\u{fffd}[31m"));
    // In a document, a record too long does not hide the next.
    let (found, summary) = hosts(format!("[{long},\n{good}]").as_bytes());
    assert_eq!((found.len(), summary.bad), (1, 1));
    let (found, summary) = hosts(format!("[{good},\n{{\"ip_str\":").as_bytes());
    assert_eq!((found.len(), summary.bad, summary.bad_kept[0].line), (1, 1, 2));

    let unknown = read("name,port\n192.0.2.1,80\n".as_bytes(), None, |_| {}).expect_err("CSV");
    assert!(matches!(unknown, ReadError::UnknownLayout { bad: 2, line: 1, .. }), "{unknown}");
    assert_eq!(read(&b""[..], None, |_| {}).expect("nothing"), Summary::default());
    let mut broken = GzEncoder::new(Vec::new(), Compression::fast());
    broken.write_all(format!("{good}\n").repeat(20_000).as_bytes()).expect("write");
    let broken = broken.finish().expect("gzip");
    let mut found = 0;
    let summary = read(&broken[..broken.len() / 2], None, |_| found += 1).expect("what there is");
    assert!(found > 0 && summary.bad > 0);
}

#[test]
fn fields_of_the_wrong_type_are_absent() {
    let odd = r#"{"ip_str":"192.0.2.1","port":80,"timestamp":7,"data":[],"http":"no","ssl":{"cert":{"subject":[]}},"cpe23":"cpe:2.3:o:mikrotik:routeros:7","hostnames":{},"tags":null,"product":{"a":1}}"#;
    let (found, _) = hosts(odd.as_bytes());
    assert_eq!(found[0].banners[0].cpes, ["cpe:2.3:o:mikrotik:routeros:7"]);
    assert_eq!((found[0].looked_up, &found[0].banners[0].product), (None, &None));
    assert_eq!(classes(&table().classify(&found[0])), ["router"]);
}

#[test]
fn one_port_is_one_device_and_guesses_count_only_alone() {
    let classify = |text: &str| table().classify(&hosts(text.as_bytes()).0[0]);
    let sure = classify(r#"{"ip_str":"192.0.2.1","port":80,"devicetype":"webcam","http":{"server":"DNVRS-Webs"}}"#);
    assert_eq!(classes(&sure), ["video-recorder"], "the page names itself, the provider guesses");
    let guess = classify(r#"{"ip_str":"192.0.2.1","port":80,"os":"Linux 2.6.x"}"#);
    assert_eq!(classes(&guess), ["linux-server"]);
    assert_eq!(guess.evidence[0].confidence, Confidence::Low);
    let mut both = guess;
    both.merge(sure);
    assert_eq!(classes(&both), ["video-recorder"]);
    let nothing = classify(r#"{"ip_str":"192.0.2.1","port":80,"data":"HTTP/1.1 200 OK\r\n\r\n"}"#);
    assert_eq!(classes(&nothing), ["unknown"]);
    let mut known = nothing;
    for _ in 0..EVIDENCE_MAX * 2 {
        known.merge(classify(r#"{"ip_str":"192.0.2.1","port":8080,"devicetype":"router"}"#));
    }
    assert_eq!((classes(&known), known.evidence.len()), (vec!["router"], 1));
}

#[test]
fn a_users_table_adds_rules() {
    let mut table = DeviceTable::built_in().expect("table");
    let before = table.len();
    let own = "[[rule]]\nid = \"own\"\nclass = [\"camera\"]\nconfidence = \"high\"\nsource = \"here\"\nproduct-from = \"title\"\nall = [{ field = \"title\", starts = \"MyCam\" }, { field = \"port\", is = \"81\" }]\n";
    table.add(own, "own.toml").expect("own table");
    assert_eq!(table.len(), before + 1);
    let classifier = Classifier::new(table.clone(), None);
    let of = |port: u16| {
        classifier.classify(&hosts(format!(r#"{{"ip_str":"192.0.2.1","port":{port},"http":{{"title":"MYCAM 7"}}}}"#).as_bytes()).0[0])
    };
    assert_eq!((classes(&of(81)), classes(&of(82))), (vec!["camera"], vec!["unknown"]));
    assert_eq!(
        of(81).best(Class::Camera).and_then(|evidence| evidence.product.as_deref()),
        Some("MYCAM 7")
    );
    for (what, bad) in [
        ("twice", own.to_owned()),
        ("unknown class", own.replace("own", "two").replace("camera", "unknown")),
        ("short", own.replace("own", "three").replace("MyCam", "My")),
        ("no source", own.replace("own", "four").replace("here", " ")),
        (
            "two at once",
            own.replace("own", "five")
                .replace("starts = \"MyCam\"", "starts = \"MyCam\", is = \"x\""),
        ),
        ("unknown key", own.replace("own", "six").replace("source", "sauce")),
        ("unknown class name", own.replace("own", "seven").replace("camera", "kamera")),
    ] {
        let error = table.add(&bad, "own.toml").expect_err(what);
        assert!(error.to_string().contains("own.toml"), "{what}: {error}");
        assert_eq!(table.len(), before + 1, "{what}");
    }
}

#[test]
fn shares_count_what_answered() {
    let mut investigation = Investigation::default();
    for name in ["shodan-banners.ndjson", "internetdb.json", "censys-platform.json"] {
        investigation
            .take(sample(name).as_slice(), &table(), Some(day(2022, 7, 1)))
            .expect("readable");
    }
    let region = |address: IpAddr| match address {
        IpAddr::V4(address) if address.octets()[0] == 192 => Some("KR"),
        IpAddr::V4(_) => Some("JP"),
        IpAddr::V6(_) => None,
    };
    let shares = shares(investigation.iter(), region);
    let korea = &shares[&Some("KR")];
    assert_eq!((korea.investigated, korea.without_answer, korea.several), (3, 1, 1));
    let expected = BTreeMap::from([
        (Class::VideoRecorder, 1),
        (Class::Camera, 1),
        (Class::Router, 1),
        (Class::Unknown, 1),
    ]);
    assert_eq!(korea.classes, expected);
    assert_eq!(korea.of(Class::Camera).map(|share| format!("{share:.3}")).as_deref(), Some("0.333"));
    assert!(korea.may_exceed_whole());
    assert_eq!(
        korea.looked_up,
        Some((day(2022, 7, 1), day(2022, 7, 1))),
        "InternetDB gives no day, the caller does"
    );
    let japan = &shares[&Some("JP")];
    assert_eq!((japan.investigated, japan.without_answer), (4, 1));
    assert_eq!(shares[&None::<&str>].investigated, 1);

    let stored: Vec<_> = investigation
        .get("198.51.100.7".parse().expect("address"))
        .into_iter()
        .flat_map(rows)
        .collect();
    let seen: Vec<_> = stored
        .iter()
        .map(|row| (row.class, row.vendor.as_deref(), row.port, row.rule.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (Class::VideoRecorder, Some("TVT"), Some(80), "device:tvt-recorder"),
            (Class::Router, Some("DrayTek"), Some(443), "device:draytek"),
        ]
    );
    assert_eq!((stored[0].provider.as_str(), stored[0].simulated), ("shodan", false));
    assert_eq!(stored[0].looked_up, Some(day(2022, 6, 5)));
}

#[test]
fn a_made_up_investigation_says_so_and_has_the_mix_it_should() {
    let regions = ["JP", "KR", "US", "BR"];
    let addresses: Vec<(IpAddr, &str)> = (0..8000_u32)
        .map(|at| (IpAddr::from((0x0a00_0000 + at).to_be_bytes()), regions[at as usize % 4]))
        .collect();
    let until = day(2022, 7, 1);
    let text = simulate(&addresses, until, 7);
    assert_eq!(text, simulate(&addresses, until, 7));
    assert_ne!(text, simulate(&addresses, until, 8));
    assert!(
        text.contains(&simulate(&addresses[100..101], until, 7)),
        "an address is the same in whatever company"
    );
    assert!(text.lines().all(|line| line.contains("\"_simulated\":true")));
    for classifier in [table(), with_recog()] {
        let mut investigation = Investigation::default();
        let summary = investigation.take(text.as_bytes(), &classifier, None).expect("readable");
        assert_eq!((summary.bad, summary.simulated), (0, summary.records));
        assert!(investigation.len() > 6500 && investigation.len() < 7100, "{}", investigation.len());
        let shares = shares(investigation.iter(), |address| {
            addresses.iter().find(|(known, _)| *known == address).map(|(_, region)| *region)
        });
        for (region, class, low, high) in [
            ("JP", Class::VideoRecorder, 0.55, 0.75),
            ("KR", Class::VideoRecorder, 0.55, 0.75),
            ("US", Class::LinuxServer, 0.50, 0.70),
            ("US", Class::VideoRecorder, 0.05, 0.20),
            ("BR", Class::Router, 0.18, 0.35),
        ] {
            let share = shares[&Some(region)].of(class).expect("investigated");
            assert!(share > low && share < high, "{region} {class} {share}");
        }
        assert_eq!(shares[&Some("JP")].simulated, shares[&Some("JP")].investigated);
        let unknown = shares[&Some("US")].of(Class::Unknown).expect("investigated");
        assert!(unknown > 0.05 && unknown < 0.2, "{unknown}");
    }
}
