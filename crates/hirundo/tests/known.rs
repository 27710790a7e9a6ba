//! What is known of ports, in the report of the simulated quarter, in the list of findings, and by the command.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod scenario_support;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use scenario_support::quarters;
use serde_json::Value;
use support::{Ran, hirundo, run, shared};

/// Some entries of the catalogue.
const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/known/known_exploited_vulnerabilities.sample.json"
);
/// A section about each: new port of Mirai type, port of cameras, shared port, port of which nothing is known.
const SECTIONS: &str = "\
<!-- phenomenon: port-5501-tcp.packets.appear.2022-05-21 -->
Words.

<!-- phenomenon: port-37777-tcp.packets.bulge.2022-04-03 -->
Words.

<!-- phenomenon: port-80-tcp.packets.trend.2022-03-25 -->
Words.

<!-- phenomenon: port-554-tcp.packets.bulge.2022-04-03 -->
Words.
";

fn catalogue() -> String {
    let path = shared("feeds/cisa-kev/known_exploited_vulnerabilities.json");
    path.to_str().unwrap().to_owned()
}

/// Runs `report` in a folder of its own, with sections about ports.
fn report(name: &str, args: &[&str]) -> (PathBuf, Ran) {
    let (simulated, lake) = quarters();
    let folder = simulated.place.path(name);
    fs::create_dir_all(folder.join("commentary")).unwrap();
    for lang in ["ja", "en"] {
        fs::write(folder.join(format!("commentary/2022Q2.{lang}.md")), SECTIONS).unwrap();
    }
    let mut all: Vec<&str> = vec!["report", "2022Q2", "--made", "2022-07-20"];
    all.extend(args);
    let dir = folder.to_str().unwrap().to_owned();
    all.extend(["--dir", &dir]);
    (folder.clone(), lake.run(&all))
}

fn markdown(folder: &Path, lang: &str) -> String {
    fs::read_to_string(folder.join(format!("2022Q2/2022Q2.{lang}.md/report.md"))).unwrap()
}

/// The report for everybody holds the tables in both languages, and so passes the rules of publication.
#[test]
fn the_report_says_what_fits_and_how_well() {
    let (folder, ran) = report("fits", &["--as", "md,html,data", "--known", &catalogue()]);
    ran.expect(0);
    for (lang, texts) in [
        (
            "en",
            [
                "What is known that fits the rise of packets to 5501/TCP (fcp-addr-srvr2) (KEV catalogue, version 2025.08.25)",
                "| Mirai-type malware observed from Japan, 2022 (malware) \\[1\\] | 2022-08 (after the period) | moderate (73) |",
                "| Unicornscan (tool) \\[3\\] | – | strong (100) | 100 % of the increase bear its mark |",
                "| CVE-2020-5735, Amcrest Cameras and NVR Stack-based Buffer Overflow Vulnerability \\[5\\] | 2021-11-03 | weak (35) |",
                "it does not say that this is the cause",
                "All of these fits are weak",
                "Nothing in the lists consulted is about this port.",
                "[Known Exploited Vulnerabilities Catalog, version 2025.08.25](https://www.cisa.gov/known-exploited-vulnerabilities-catalog)",
                "version 2025.08.25: 1,404 entries, of which ",
            ],
        ),
        (
            "ja",
            [
                "5501/TCP（fcp-addr-srvr2）宛のパケットの増加に該当しうる既知の脆弱性・マルウェア・ツール（KEVカタログ 2025.08.25版）",
                "| 日本から観測されたMirai型マルウェア（2022年）（マルウェア） \\[1\\] | 2022-08（期間終了後） | 中程度（73） |",
                "| Unicornscan（ツール） \\[3\\] | – | 強い（100） | 増加分の100％にその特徴がある |",
                "| CVE-2020-5735、Amcrest Cameras and NVR Stack-based Buffer Overflow Vulnerability \\[5\\] | 2021-11-03 | 弱い（35） |",
                "原因であることを示すものではありません",
                "いずれの適合度も弱く",
                "このポートに関する項目はありませんでした。",
                "[Known Exploited Vulnerabilities Catalog（2025.08.25版）](https://www.cisa.gov/known-exploited-vulnerabilities-catalog)",
                "2025.08.25版: 1,404件。",
            ],
        ),
    ] {
        let told = markdown(&folder, lang);
        for text in texts {
            assert!(told.contains(text), "{text:?} is not in:\n{told}");
        }
        let page = fs::read_to_string(folder.join(format!("2022Q2/2022Q2.{lang}.html"))).unwrap();
        assert!(page.contains("id=\"table-phenomenon-2-known\""), "{lang}");
        let data = folder.join(format!("2022Q2/2022Q2.{lang}.data"));
        let csv = fs::read_to_string(data.join("phenomenon-2-known.csv")).unwrap();
        assert!(csv.contains("\nCVE-2020-5735,vulnerability,CVE-2020-5735,"), "{csv}");
        assert!(!data.join("phenomenon-4-known.csv").exists(), "nothing fits, so there is no table");
        let sql = fs::read_to_string(data.join("phenomenon-2-known.sql")).unwrap();
        quarters().1.run(&["query", "--format", "csv", &sql]).expect(0);
    }
}

/// Without a catalogue no section speaks of it, and the appendix says that none was given.
#[test]
fn without_a_catalogue_nothing_is_held_against_anything() {
    let (folder, ran) = report("bare", &["--as", "md"]);
    ran.expect(0);
    for (lang, none, head) in [
        ("en", "No catalogue of known vulnerabilities was given", "What is known that fits"),
        ("ja", "既知の脆弱性のカタログが指定されていないため", "該当しうる"),
    ] {
        let told = markdown(&folder, lang);
        assert!(told.contains(none) && !told.contains(head) && !told.contains("CVE-"), "{told}");
    }
}

/// A catalogue that could be made to show a sensor shows none: what it says is read like everything else.
#[test]
fn a_hostile_catalogue_is_not_published() {
    let (simulated, _) = quarters();
    let watched = &simulated.scenario.sensors[0].name;
    let text = fs::read_to_string(SAMPLE).unwrap();
    let text = text.replace("Amcrest Cameras and NVR", &format!("{watched} at 198.18.0.1"));
    let path = simulated.place.path("hostile.json");
    fs::write(&path, text).unwrap();
    let (folder, ran) = report("hostile", &["--as", "md", "--known", path.to_str().unwrap()]);
    ran.expect(2).says(&["is named", "198.18.0.1", "TLP:CLEAR"]);
    assert!(!folder.join("2022Q2").exists());
}

#[test]
fn a_file_that_is_no_catalogue_stops_the_report() {
    let (simulated, _) = quarters();
    let text = fs::read_to_string(SAMPLE).unwrap();
    let path = simulated.place.path("truncated.json");
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let (folder, ran) = report("truncated", &["--as", "md", "--known", path.to_str().unwrap()]);
    ran.expect(2).says(&["truncated.json", "ends too early", "hint: download it again"]);
    assert!(!folder.join("2022Q2").exists());
    report("none", &["--as", "md", "--known", "/nowhere/kev.json"])
        .1
        .expect(2)
        .says(&["/nowhere/kev.json", "hint: "]);
}

/// Entries that cannot be read are told, and the others are used.
#[test]
fn odd_entries_are_told() {
    let (simulated, _) = quarters();
    let text = fs::read_to_string(SAMPLE).unwrap();
    let path = simulated.place.path("odd.json");
    fs::write(&path, text.replacen("\"cveID\": \"CVE-", "\"cveID\": \"XXX-", 1)).unwrap();
    let known = run(&mut hirundo([
        "known",
        "8291/tcp",
        "--format",
        "json",
        "--known",
        path.to_str().unwrap(),
    ]));
    let known = known.expect(0).says(&["1 entries are left out", "cveID is no CVE"]);
    assert_eq!(known.rows().len(), 2);
}

#[test]
fn findings_come_with_what_fits_them() {
    let (_, lake) = quarters();
    let all = lake.run(&["report", "findings", "2022Q2", "--format", "json", "--known", &catalogue()]);
    let all = all.expect(0).json();
    assert_eq!(all["catalogue"], "2025.08.25");
    let find = |id: &str| -> &Value {
        let mut findings = all["findings"].as_array().unwrap().iter();
        findings.find(|finding| finding["id"] == id).unwrap()
    };
    let fits = &find("port-5501-tcp.packets.appear.2022-05-21")["fits"];
    assert_eq!(
        (fits[0]["id"].as_str(), fits[0]["fit"].as_str()),
        (Some("mirai-type-2022"), Some("moderate"))
    );
    assert_eq!(
        (fits[0]["known_later"].as_bool(), fits[0]["mark_percent"].as_f64()),
        (Some(true), Some(100.0))
    );
    let chance = &fits[0]["chance"];
    assert!(
        chance["days"].as_u64() < chance["days_of"].as_u64() && chance["days_of"] == 91,
        "{chance}"
    );
    // What falls, and what is no port, is held against nothing.
    for id in ["port-445-tcp.packets.trend.2022-03-18", "tool-mirai.packets.growth.2022-04-01"] {
        assert_eq!(find(id)["fits"], Value::Null, "{id}");
    }
    let plain = lake.run(&["report", "findings", "2022Q2", "--format", "json"]).expect(0).json();
    assert!(plain["catalogue"].is_null() && !plain["findings"].to_string().contains("\"fits\""));
    let table = lake.run(&["report", "findings", "2022Q2", "--known", SAMPLE]).expect(0).stdout;
    assert!(
        table.contains("         ~ moderate (73)  Mirai-type malware observed from Japan, 2022: "),
        "{table}"
    );
    let csv = lake
        .run(&["report", "findings", "2022Q2", "--format", "csv", "--known", SAMPLE])
        .expect(0)
        .stdout;
    assert!(csv.starts_with("id,surprise,sentence,fits\n"), "{csv}");
}

/// The analyst sees it in the skeleton, as a comment that is not published.
#[test]
fn the_skeleton_lists_what_fits() {
    let (simulated, lake) = quarters();
    let dir = simulated.place.path("skeleton");
    let dir = dir.to_str().unwrap();
    lake.run(&["report", "init", "2022Q2", "--dir", dir, "--known", SAMPLE]).expect(0);
    for (lang, text) in [
        (
            "en",
            "  fits (which is no cause): moderate (73) Mirai-type malware observed from Japan, 2022: ",
        ),
        (
            "ja",
            "  該当しうるもの（原因とは限らない）: 中程度（73） 日本から観測されたMirai型マルウェア（2022年）: ",
        ),
    ] {
        let path = format!("{dir}/commentary/2022Q2.{lang}.md");
        let skeleton = fs::read_to_string(&path).unwrap();
        assert!(skeleton.contains(text), "{text:?} is not in:\n{skeleton}");
    }
    // What is written of it is a comment: the skeleton still reads, and nothing of the list is in the report.
    lake.run(&["report", "2022Q2", "--dir", dir, "--as", "md", "--made", "2022-07-20"])
        .expect(0);
    assert!(!markdown(Path::new(dir), "en").contains("Mirai-type malware observed from Japan"));
}

/// A question about a port needs no lake.
#[test]
fn what_is_known_of_a_port_can_be_asked() {
    let known = |args: &[&str]| run(&mut hirundo([&["known", "--lake", "/nowhere"], args].concat()));
    let rows = known(&["8291/tcp", "--format", "json", "--known", &catalogue()]).expect(0).rows();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["CVE-2018-7445", "CVE-2018-14847"]);
    assert_eq!(rows[1]["known_on"], "2021-12-01");
    let rows = known(&["6379/tcp", "--onset", "2022-05-21", "--format", "json", "--known", &catalogue()]);
    let rows = rows.expect(0).rows();
    assert_eq!(
        (rows[0]["name"].as_str(), rows[0]["fit"].as_str()),
        (Some("CVE-2022-20821"), Some("moderate"))
    );
    let own = known(&["37215/tcp", "--lang", "ja"])
        .expect(0)
        .says(&["holds no vulnerabilities", "hint: --known"]);
    assert!(own.stdout.contains("マルウェア") && own.stdout.contains("Satori"), "{}", own.stdout);
    known(&["4444/tcp", "--known", SAMPLE]).expect(0);
    for (args, says) in [
        (&["icmp"][..], "names no port"),
        (&["8291/sctp"], "hint: write 23/tcp"),
        (&["8291/tcp", "--onset", "2022Q2"], "hint: --onset 2022-05-21"),
    ] {
        known(args).expect(2).says(&[says]);
    }
}
