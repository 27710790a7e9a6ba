//! The report of the simulated quarter: every planted phenomenon is found and told, both forms can be read, nothing shows a sensor.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod scenario_support;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use scenario_support::quarters;
use serde_json::Value;
use support::Ran;

/// Days that a date may be off.
const DAYS_OFF: i64 = 3;
/// Part that a factor may be off.
const FACTOR_OFF: f64 = 0.15;

/// Runs `report` in a folder of its own.
fn report(name: &str, args: &[&str]) -> (PathBuf, Ran) {
    let (simulated, lake) = quarters();
    let folder = simulated.place.path(name);
    let mut all: Vec<&str> = vec!["report"];
    all.extend(args);
    let dir = folder.to_str().unwrap().to_owned();
    all.extend(["--dir", &dir]);
    (folder.clone(), lake.run(&all))
}

fn findings() -> &'static Value {
    static FINDINGS: OnceLock<Value> = OnceLock::new();
    FINDINGS.get_or_init(|| {
        quarters()
            .1
            .run(&["report", "findings", "2022Q2", "--format", "json"])
            .expect(0)
            .json()
    })
}

fn day(text: &str) -> i64 {
    let date: chrono::NaiveDate = text.parse().unwrap();
    i64::from(date.to_epoch_days())
}

/// Findings of a subject and kind of course: its fields.
fn courses<'a>(subject: &'a str, kind: &'a str) -> impl Iterator<Item = &'static Value> + 'a {
    let all = findings()["findings"].as_array().unwrap();
    let prefix = format!("{subject}.packets.{kind}.");
    all.iter()
        .filter(move |finding| finding["id"].as_str().unwrap().starts_with(&prefix))
        .map(move |finding| &finding["course"][kind])
}

/// There is a finding that begins on that day, give or take, with that factor, more or less.
fn check(subject: &str, kind: &str, from: &str, factor: Option<f64>) {
    let near = |course: &&Value| {
        let begin = day(course["from"].as_str().or(course["day"].as_str()).unwrap());
        let found = course["factor"].as_f64();
        let is_near = factor.is_none_or(|factor| found.is_some_and(|found| (found / factor - 1.0).abs() <= FACTOR_OFF));
        (begin - day(from)).abs() <= DAYS_OFF && is_near
    };
    let all: Vec<&Value> = courses(subject, kind).collect();
    assert!(all.iter().any(near), "{subject} {kind} from {from} by {factor:?}: found {all:?}");
}

#[test]
fn planted_phenomena_are_found() {
    check("port-23-tcp", "swing", "2022-04-01", None);
    check("port-23-tcp", "trend", "2022-05-08", Some(1.31));
    check("port-6379-tcp", "trend", "2022-04-01", Some(0.79));
    check("port-445-tcp", "trend", "2022-03-18", Some(0.6));
    check("port-icmp", "trend", "2022-03-22", Some(2.0));
    check("region-ru", "cross", "2022-05-18", None);
    check("region-kr", "bulge", "2022-04-03", None);
    check("region-kr", "trend", "2022-06-17", Some(1.2));
    check("tool-mirai", "trend", "2022-04-01", Some(1.3));
    check("tool-mirai", "trend", "2022-05-08", Some(1.37));
    check("tool-mirai-region-cn", "trend", "2022-04-01", Some(2.1));
    check("tool-mirai-region-kr", "trend", "2022-05-11", Some(2.0));
    check("tool-mirai-region-tw", "jump", "2022-06-26", Some(4.0));
    check("tool-mirai-region-jp", "trend", "2022-04-25", Some(5.0));
    check("tool-mirai-region-jp", "growth", "2022-04-01", Some(5.0));
}

/// Nothing is told to rise that the scenario lets be, or the other way round.
#[test]
fn quiet_subjects_are_told_as_quiet() {
    for subject in ["region-us", "region-gb"] {
        let told: Vec<&str> = findings()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["id"].as_str().unwrap())
            .filter(|id| id.starts_with(&format!("{subject}.packets.")) && !id.contains(".steady"))
            .collect();
        assert_eq!(told, Vec::<&str>::new());
    }
    let falls = |subject: &str| {
        courses(subject, "trend")
            .filter(|trend| trend["factor"].as_f64().unwrap() < 1.0)
            .count()
    };
    assert_eq!(falls("tool-mirai"), 0, "Mirai-type traffic never falls for good");
    assert_eq!(falls("region-ru"), 0);
}

/// What stands in the report, whatever it is printed as.
#[test]
fn the_report_tells_it_in_both_languages() {
    let (folder, ran) = report("told", &["2022Q2", "--as", "md,html,data", "--made", "2022-07-20"]);
    ran.expect(0);
    let told = [
        (
            "en",
            [
                "Simulated data (scenario two-quarters-2022, seed 1)",
                "| 1 | 23/TCP (telnet) | 2 | 165,391 | 14.1 |",
                "| 5 | ICMP | 10 | 64,552 | 5.5 |",
                "| 5 | South Korea | 6 | 84,108 | 7.2 |",
                "those from China from around 19 May on",
                "jumped to about 4 times their earlier level on 26 June",
                "Japan ranked 8th among the sources of packets with the mark of Mirai and 19th among all sources",
                "On 16 April, one sensor abroad observed nothing",
            ],
        ),
        (
            "ja",
            [
                "シミュレーションによるデータです",
                "| 1 | 23/TCP（telnet） | 2 | 165,391 | 14.1 |",
                "| 5 | ICMP | 10 | 64,552 | 5.5 |",
                "| 5 | 韓国 | 6 | 84,108 | 7.2 |",
                "5月19日頃から中国",
                "6月26日にそれまでの約4倍に急増",
                "日本は、Miraiの特徴を持つパケットの送信元で8位、全送信元で19位でした",
                "海外のセンサー1台で観測データが得られませんでした",
            ],
        ),
    ];
    for (lang, texts) in told {
        let markdown = fs::read_to_string(folder.join(format!("2022Q2/2022Q2.{lang}.md/report.md"))).unwrap();
        for text in texts {
            assert!(markdown.contains(text), "{text:?} is not in:\n{markdown}");
        }
        let page = fs::read_to_string(folder.join(format!("2022Q2/2022Q2.{lang}.html"))).unwrap();
        assert!(
            page.contains("TLP:CLEAR") && page.contains("id=\"figure-mirai-home\""),
            "no figure of the home region"
        );
        let data = folder.join(format!("2022Q2/2022Q2.{lang}.data"));
        let csv = fs::read_to_string(data.join("ports.csv")).unwrap();
        assert!(
            csv.starts_with("day,series,counted,observed_share,rate,mean_7_days\n2022-04-01,"),
            "{csv}"
        );
        let sql = fs::read_to_string(data.join("ports.sql")).unwrap();
        quarters().1.run(&["query", "--format", "csv", &sql]).expect(0);
    }
}

/// Everything that any public file says is free of sensors' names and addresses.
#[test]
fn nothing_published_shows_a_sensor() {
    let (folder, ran) = report("public", &["2022Q2", "--as", "md,html,data"]);
    ran.expect(0);
    let (simulated, _) = quarters();
    let mut files = 0;
    let mut folders = vec![folder.join("2022Q2")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                !text.contains("198.18.") && !text.contains("198.19."),
                "{} shows an address",
                path.display()
            );
            for sensor in &simulated.scenario.sensors {
                assert!(!text.contains(&sensor.name), "{} names {}", path.display(), sensor.name);
            }
        }
    }
    assert!(files > 30, "{files} files");
}

/// What is too new is not published, and nothing is written then.
#[test]
fn a_report_that_is_too_early_is_refused() {
    let (folder, ran) = report("early", &["2022Q2", "--as", "html", "--made", "2022-07-02"]);
    ran.expect(2).says(&["TLP:CLEAR", "--tlp amber"]);
    assert!(!folder.join("2022Q2").exists());
}

#[test]
fn the_analyst_is_led_from_skeleton_to_check() {
    let (folder, ran) = report("analyst", &["init", "2022Q2"]);
    ran.expect(0);
    let path = folder.join("commentary/2022Q2.en.md");
    let skeleton = fs::read_to_string(&path).unwrap();
    assert!(
        skeleton.contains("<!-- place: mirai-home -->") && skeleton.contains("tool-mirai-region-jp.packets.trend"),
        "{skeleton}"
    );
    // A second time nothing is overwritten.
    let words = skeleton.replace(
        "<!-- place: ports -->",
        "<!-- place: ports -->\nTelnet was observed [165,391](fact:ports.port-23-tcp.packets) times, [ICMP](fact:total.packets) [99](fact:ports.port-icmp.rank)th.\n",
    );
    fs::write(&path, &words).unwrap();
    report("analyst", &["init", "2022Q2"]).1.expect(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), words);
    let (_, ran) = report("analyst", &["check", "2022Q2"]);
    let ran = ran.expect(1);
    assert!(ran.stdout.contains("ports.port-icmp.rank"), "{}", ran.stdout);
    assert!(
        !ran.stdout.contains("ports.port-23-tcp.packets"),
        "a number that agrees is flagged:\n{}",
        ran.stdout
    );
    // What is wrong is not published, and neither is a text that is not done.
    report("analyst", &["2022Q2", "--as", "md"])
        .1
        .expect(2)
        .says(&["ports.port-icmp.rank", "total.packets"]);
    let mended = words.replace(", [ICMP](fact:total.packets) [99](fact:ports.port-icmp.rank)th", "");
    let mended = mended.replace("\nTODO\n", "\n");
    fs::write(&path, &mended).unwrap();
    report("analyst", &["2022Q2", "--as", "md"]).1.expect(0);
    let markdown = fs::read_to_string(folder.join("2022Q2/2022Q2.en.md/report.md")).unwrap();
    assert!(markdown.contains("Telnet was observed 165,391 times"), "{markdown}");
}

#[test]
fn annotations_become_marks_and_references() {
    let (simulated, _) = quarters();
    let folder = simulated.place.path("annotated");
    fs::create_dir_all(&folder).unwrap();
    let text = "[[annotation]]\ndate = 2022-06-26\ntext.en = \"A <b>worm</b> & more\"\ntext.ja = \"ワームの出現\"\nlink = \"https://example.org/worm\"\nsource.en = \"Example\"\n";
    fs::write(folder.join("annotations.toml"), text).unwrap();
    report("annotated", &["2022Q2", "--as", "html"]).1.expect(0);
    let page = fs::read_to_string(folder.join("2022Q2/2022Q2.en.html")).unwrap();
    assert!(page.contains("A &lt;b&gt;worm&lt;/b&gt; &amp; more") && !page.contains("<b>worm</b>"));
    assert!(page.contains("https://example.org/worm"));
}

#[test]
fn a_month_and_a_day_have_their_reports() {
    for period in ["2022-06", "2022-06-26"] {
        let (folder, ran) = report("shorter", &[period, "--as", "md"]);
        ran.expect(0);
        let markdown = fs::read_to_string(folder.join(format!("{period}/{period}.en.md/report.md"))).unwrap();
        assert!(markdown.contains("23/TCP (telnet)"), "{markdown}");
    }
    report("shorter", &["2021Q2"])
        .1
        .expect(2)
        .says(&["nothing was observed", "2022-01-01 to 2022-06-30"]);
    report("shorter", &["all"]).1.expect(2).says(&["needs a period"]);
}

/// Host investigations give classes with their denominator.
#[test]
fn investigations_say_what_the_sources_are() {
    report("devices", &["investigate", "2022Q2"]).1.expect(0);
    let (folder, ran) = report("devices", &["2022Q2", "--as", "md,data"]);
    ran.expect(0);
    let markdown = fs::read_to_string(folder.join("2022Q2/2022Q2.en.md/report.md")).unwrap();
    assert!(
        markdown.contains("source addresses from Japan investigated on 13 July 2022"),
        "{markdown}"
    );
    assert!(markdown.contains("The investigation is simulated."), "{markdown}");
    let csv = fs::read_to_string(folder.join("2022Q2/2022Q2.en.data/devices.csv")).unwrap();
    assert!(csv.contains("Japan,Video recorder (DVR/NVR),"), "{csv}");
}

/// The PDF has its pages and its fonts; the same report is the same file.
#[test]
fn the_pdf_is_typeset() {
    let fonts = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/fonts"));
    assert!(
        fonts.join("NotoSansJP-Regular.ttf").is_file(),
        "this test needs the fonts of the PDF; hint: run setup/fonts.sh"
    );
    let args = ["2022Q2", "--as", "pdf", "--made", "2022-07-20", "--fonts", fonts.to_str().unwrap()];
    let (folder, ran) = report("typeset", &args);
    ran.expect(0);
    let read = |lang: &str| fs::read(folder.join(format!("2022Q2/2022Q2.{lang}.pdf"))).unwrap();
    let first = read("ja");
    assert!(first.starts_with(b"%PDF-"));
    let count = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).filter(|window| *window == what).count();
    assert!((60_000..2_000_000).contains(&first.len()), "{} bytes", first.len());
    assert!(count(&first, b"/StructTreeRoot") > 0, "the PDF is not tagged");
    report("typeset", &args).1.expect(0);
    assert!(first == read("ja"), "the same report came out different");
}

/// What sources do: scans as events, ports that go together, groups, each with data that can be asked again.
#[test]
fn the_report_tells_what_sources_do() {
    let (folder, ran) = report("doings", &["2022Q2", "--as", "md,data", "--made", "2022-07-20"]);
    ran.expect(0);
    for (lang, texts) in [
        (
            "en",
            [
                "scan events (one source address at one port, until it is silent for 24 hours)",
                "sent packets to more than 10 ports, as surveys do",
                "| 23/TCP, 2323/TCP | Mirai |",
                "sent packets with the mark of Mirai to the same ports, 23/TCP (telnet) and 2323/TCP (3d-nfsd).",
            ],
        ),
        (
            "ja",
            [
                "24時間以上途絶えることのない一連の送信",
                "10を超えるポートへパケットを送信した、調査目的とみられる送信元IPアドレス",
                "| 23/TCP、2323/TCP | Mirai |",
                "の組み合わせにMiraiの特徴を持つパケットを送信した送信元IPアドレス",
            ],
        ),
    ] {
        let markdown = fs::read_to_string(folder.join(format!("2022Q2/2022Q2.{lang}.md/report.md"))).unwrap();
        for text in texts {
            assert!(markdown.contains(text), "{text:?} is not in:\n{markdown}");
        }
    }
    let data = folder.join("2022Q2/2022Q2.en.data");
    let sql = fs::read_to_string(data.join("table-scans.sql")).unwrap();
    quarters().1.run(&["query", "--format", "csv", &sql]).expect(0);
    // Events of a port cannot be fewer than its sources, and the busiest port comes first.
    let table = fs::read_to_string(data.join("table-scans.csv")).unwrap();
    let numbers = |line: &str| -> Vec<u64> { line.rsplit(',').filter_map(|cell| cell.parse().ok()).collect() };
    let rows: Vec<Vec<u64>> = table.lines().skip(1).map(numbers).collect();
    assert_eq!(rows.len(), 10, "{table}");
    assert!(rows.iter().all(|row| row[3] >= row[2]), "{table}");
    assert!(rows.is_sorted_by(|one, next| one[3] >= next[3]), "{table}");
}

/// A region that is cut off, and a research scanner, are told; the region's neighbours are not.
#[test]
fn a_region_that_is_cut_off_is_told() {
    let place = support::Place::new();
    let background = include_str!("../../simulator/scenarios/flat-noise.toml").replace("packets_max = 320000", "packets_max = 420000");
    let cut_off = "\n[[populations]]\nname = \"cut-off\"\ntool = \"linux\"\nregions = \"IR\"\n\
        packets = [[\"2022-08-09\", 300], [\"2022-08-10\", 30], [\"2022-08-14\", 30], [\"2022-08-15\", 300]]\n\
        sources = [[\"2022-08-09\", 90], [\"2022-08-10\", 14], [\"2022-08-14\", 14], [\"2022-08-15\", 90]]\n\
        ports = { \"23/tcp\" = 1 }\n";
    let file = place.path("region-outage.toml");
    fs::write(&file, background + cut_off).unwrap();
    let captures = place.path("captures");
    let lake = place.lake();
    let simulate = ["simulate".as_ref(), file.as_os_str(), "--out".as_ref(), captures.as_os_str()];
    lake.run(&simulate).expect(0);
    // Who scans every day is taken for an organisation.
    let everyday = place.path("first");
    let first = support::Lake(everyday);
    let geo = scenario_support::geo();
    first.ingest(&[captures.as_os_str(), "--geo".as_ref(), geo.as_os_str()]).expect(0);
    let daily =
        "SELECT ip(src) AS source FROM sources GROUP BY src HAVING count(DISTINCT day) > 85 AND max(ports) > 5 ORDER BY src LIMIT 5";
    let rows = first.ask(daily);
    let addresses: Vec<&str> = rows.iter().map(|row| row["source"].as_str().unwrap()).collect();
    assert!(!addresses.is_empty(), "the survey of the scenario is not there");
    let list = place.path("acme-scanning.json");
    let entries = serde_json::json!({ "name": "Acme scanning", "list": addresses });
    fs::write(&list, entries.to_string()).unwrap();
    let ingest = [
        captures.as_os_str(),
        "--geo".as_ref(),
        geo.as_os_str(),
        "--scanners".as_ref(),
        list.as_os_str(),
    ];
    lake.ingest(&ingest).expect(0);
    let name = lake.ask("SELECT DISTINCT scanner FROM sources WHERE scanner IS NOT NULL");
    let name = name[0]["scanner"].as_str().unwrap();
    let dir = place.path("reports");
    let report = ["report", "2022Q3", "--as", "md,data", "--made", "2022-10-20", "--dir"].map(std::ffi::OsStr::new);
    lake.run(&[&report[..], &[dir.as_os_str()]].concat()).expect(0);
    for (lang, told, scanner) in [
        (
            "en",
            "From 10 to 14 August, the number of source addresses from Iran fell to about",
            format!("| {name} |"),
        ),
        (
            "ja",
            "8月10日から14日にかけて、イランを送信元地域とする送信元IPアドレスの数は",
            format!("| {name} |"),
        ),
    ] {
        let markdown = fs::read_to_string(dir.join(format!("2022Q3/2022Q3.{lang}.md/report.md"))).unwrap();
        assert!(markdown.contains(told), "{told:?} is not in:\n{markdown}");
        assert!(markdown.contains(&scanner), "{scanner:?} is not in:\n{markdown}");
        assert!(markdown.contains("scanners.svg"), "no figure of scanners:\n{markdown}");
        let data = dir.join(format!("2022Q3/2022Q3.{lang}.data"));
        let table = fs::read_to_string(data.join("table-region-outages.csv")).unwrap();
        assert_eq!(table.lines().count(), 2, "one region fell:\n{table}");
        let csv = fs::read_to_string(data.join("scanners.csv")).unwrap();
        assert!(csv.contains(&format!(",{name},")), "{csv}");
        let sql = fs::read_to_string(data.join("scanners.sql")).unwrap();
        lake.run(&["query", "--format", "csv", &sql]).expect(0);
    }
}

/// What a session keeps is asked instead of the lake only where it comes to the same.
#[test]
fn an_answer_kept_is_the_answer_published() {
    let (_, lake) = quarters();
    let (folder, ran) = report("kept", &["2022Q2", "--as", "data", "--lang", "en", "--made", "2022-07-20"]);
    ran.expect(0);
    let data = folder.join("2022Q2/2022Q2.en.data");
    let csv = fs::read_to_string(data.join("backscatter.csv")).unwrap();
    let published = fs::read_to_string(data.join("backscatter.sql")).unwrap();
    let rows = lake.run(&["query", "--format", "csv", &published]).expect(0).stdout;
    assert!(rows.lines().count() > 1 && csv.lines().count() == 2, "{csv}");
    let count = |sql: &str| lake.number(sql);
    assert_eq!(
        count("SELECT count_addresses(src) FROM sources"),
        count("SELECT count(DISTINCT src) FROM sources"),
        "count_addresses is exact"
    );
    assert_eq!(
        count("SELECT count_addresses(src6) FROM sources"),
        count("SELECT count(DISTINCT src6) FROM sources")
    );
    assert_eq!(count("SELECT count_addresses(src) FROM sources WHERE day < DATE '1990-01-01'"), 0);
}

/// Each command takes what it uses, and findings have dates.
#[test]
fn commands_look_at_what_was_asked_for() {
    let (_, lake) = quarters();
    lake.run(&["report", "check", "2022Q2", "--tlp", "amber"])
        .expect(2)
        .says(&["--tlp"]);
    lake.run(&["report", "findings", "2022Q2", "--dir", "x"]).expect(2).says(&["--dir"]);
    let first = &findings()["findings"][0]["course"];
    let course = first.as_object().unwrap().values().next().unwrap();
    let date = course["from"].as_str().or(course["day"].as_str()).unwrap();
    assert!(date.parse::<chrono::NaiveDate>().is_ok(), "{date}");
    let (folder, ran) = report("one-language", &["init", "2022Q2", "--lang", "en"]);
    ran.expect(0);
    assert!(folder.join("commentary/2022Q2.en.md").is_file() && !folder.join("commentary/2022Q2.ja.md").exists());
    let (_, ran) = report("one-language", &["check", "2022Q2", "--lang", "en"]);
    assert!(
        !ran.expect(1).stdout.contains("2022Q2.ja.md"),
        "a language that was not asked for is checked"
    );
}

/// Rows of a published table, by the name in their first column.
fn table(path: &Path) -> std::collections::BTreeMap<String, Vec<String>> {
    let csv = fs::read_to_string(path).unwrap();
    let rows = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    rows.map(|row| (row[0].clone(), row)).collect()
}

/// The number that a cell begins with.
fn first(cell: &str) -> f64 {
    let number = cell.split(' ').next().unwrap().replace('−', "-");
    number.parse().unwrap_or_else(|_| panic!("{cell:?} begins with no number"))
}

/// Tables for another count: the notified (`n`), who was seen when (`seen`), and when the notified were last seen before (`last`),
/// as far as a week from the seventh day after it is over.
fn sightings_of(rows: &[Vec<&str>]) -> String {
    let values: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "(CAST({} AS BIGINT), {})",
                u32::from(row[1].parse::<std::net::Ipv4Addr>().unwrap()),
                day(row[0])
            )
        })
        .collect();
    format!(
        "WITH n AS (SELECT column1 AS src, column2 AS d FROM (VALUES {})), seen AS (
            SELECT CAST(src AS BIGINT) AS src, CAST(day AS INT) AS day, min(region) AS region, coalesce(min(tool), '') AS tool
            FROM packets WHERE kind IN ('scan', 'probe') AND src IS NOT NULL GROUP BY src, day
        ), last AS (
            SELECT n.src, n.d, max(seen.day) AS s FROM n JOIN seen ON seen.src = n.src AND seen.day BETWEEN n.d - 6 AND n.d
            WHERE n.d + 13 <= {} GROUP BY n.src, n.d
        )",
        values.join(", "),
        day("2022-06-30")
    )
}

/// The simulated know nothing of notifications: what is published is what another count comes to, and shows no effect.
#[test]
fn notified_addresses_are_followed() {
    let (simulated, lake) = quarters();
    let dir = simulated.place.path("notified");
    report("notified", &["notified", "2022Q2"]).1.expect(0).says(&[]);
    // Real notifications are never written over.
    let again = report("notified", &["notified", "2022Q2"]).1;
    again.expect(2).says(&["there already", "--out"]);
    let text = fs::read_to_string(dir.join("notified.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(2).map(|line| line.split(',').collect()).collect();
    assert!(rows.len() > 50 && rows.iter().all(|row| row[4] == "simulated"), "{text}");
    report("notified", &["2022Q2", "--as", "md,data", "--made", "2022-07-20"])
        .1
        .expect(0);

    let common = sightings_of(&rows);
    let number = |sql: &str| {
        let answer = lake.run(&["query", "--format", "csv", &format!("{common} {sql}")]).expect(0).stdout;
        answer.lines().nth(1).unwrap().parse::<f64>().unwrap()
    };
    let known = number("SELECT count(*) FROM last");
    let seen = number(
        "SELECT count(*) FROM last WHERE EXISTS (SELECT 1 FROM seen WHERE seen.src = last.src AND seen.day BETWEEN last.d + 7 AND last.d + 13)",
    );
    let others = number(
        ", cell AS (
            SELECT last.src, last.d, last.s, seen.region, seen.tool FROM last JOIN seen ON seen.src = last.src AND seen.day = last.s
        ), other AS (
            SELECT cell.src AS notified, cell.d, cell.s, o.src FROM cell
            JOIN seen o ON o.day = cell.s AND o.region = cell.region AND o.tool = cell.tool
            LEFT JOIN n ON n.src = o.src WHERE n.d IS NULL OR n.d > cell.d
        ), outcome AS (
            SELECT notified, other.src, max(CASE WHEN w.day > other.s AND w.day <= other.d THEN 1 ELSE 0 END) AS again,
                   max(CASE WHEN w.day BETWEEN other.d + 7 AND other.d + 13 THEN 1 ELSE 0 END) AS hit
            FROM other JOIN seen w ON w.src = other.src GROUP BY notified, other.src
        )
        SELECT avg(share) FROM (SELECT notified, avg(hit) AS share FROM outcome WHERE again = 0 GROUP BY notified)",
    );
    let data = dir.join("2022Q2/2022Q2.en.data");
    let all = &table(&data.join("table-still-seen-7.csv"))["All"];
    assert_eq!((first(&all[1]), first(&all[2])), (known, seen), "{all:?}");
    assert!(
        (first(&all[5]) - 100.0 * others).abs() <= 0.5,
        "{all:?}, counted otherwise: {others}"
    );
    // 95 %: with another seed it might be otherwise, with this one it is not.
    let markdown = fs::read_to_string(dir.join("2022Q2/2022Q2.en.md/report.md")).unwrap();
    for told in ["no larger than chance alone may make it", "The notifications are simulated."] {
        assert!(markdown.contains(told), "{markdown}");
    }
    let sql = fs::read_to_string(data.join("table-notified.sql")).unwrap();
    assert!(!sql.contains("notified_kept"), "{sql}");
    lake.run(&["query", "--format", "csv", &sql]).expect(0);
}

/// To the public no address and no name; to members the names.
#[test]
fn recipients_are_named_to_members() {
    let dir = quarters().0.place.path("recipients");
    report("recipients", &["notified", "2022Q2"]).1.expect(0);
    let text = fs::read_to_string(dir.join("notified.csv")).unwrap();
    for (tlp, is_named) in [("clear", false), ("green", false), ("amber", true)] {
        let args = ["2022Q2", "--as", "md,data", "--lang", "en", "--made", "2022-07-20", "--tlp", tlp];
        report("recipients", &args).1.expect(0);
        let folder = dir.join("2022Q2/2022Q2.en.md");
        let markdown = fs::read_to_string(folder.join("report.md")).unwrap();
        assert_eq!(
            markdown.contains("| Example Telecom 1 | Internet service providers |"),
            is_named,
            "{tlp}"
        );
        assert_eq!(folder.join("table-recipients.csv").exists(), is_named, "{tlp}");
        assert!(
            text.lines().skip(2).all(|row| !markdown.contains(row.split(',').nth(1).unwrap())),
            "{tlp}"
        );
    }
}

/// Sources of one population fall silent the day after they were notified, those of another go on.
#[test]
fn what_notification_does_is_told() {
    let place = support::Place::new();
    let population = |name: &str, packets: &str, port: u16| {
        format!(
            "[[populations]]\nname = \"{name}\"\ntool = \"mirai\"\nregions = \"US\"\npackets = {packets}\nsources = 80\nlease_days = 400\nports = {{ \"{port}/tcp\" = 1 }}\n"
        )
    };
    let sensor = |name: &str, region: &str, address: &str| {
        format!("[[sensors]]\nname = \"{name}\"\ngroup = \"home\"\nregion = \"{region}\"\naddresses = [\"{address}\"]\n")
    };
    let scenario = format!(
        "version = 1\nname = \"mended\"\ndescription = \"What is notified is mended.\"\nfirst_day = \"2022-07-01\"\nlast_day = \"2022-08-31\"\npackets_max = 60000\n{}{}{}{}\n",
        sensor("jp-1", "JP", "198.18.1.17"),
        sensor("us-1", "US", "198.19.3.140"),
        population("mended", "[[\"2022-08-01\", 400], [\"2022-08-02\", 0]]", 7001),
        population("left", "400", 7002),
    );
    let file = place.path("mended.toml");
    fs::write(&file, scenario).unwrap();
    let (captures, lake, dir) = (place.path("captures"), place.lake(), place.path("reports"));
    lake.run(&["simulate".as_ref(), file.as_os_str(), "--out".as_ref(), captures.as_os_str()])
        .expect(0);
    lake.ingest(&[captures.as_os_str(), "--geo".as_ref(), scenario_support::geo().as_os_str()])
        .expect(0);
    let mended = lake.ask("SELECT DISTINCT ip(src) AS source FROM packets WHERE dst_port = 7001 AND day = DATE '2022-08-01' ORDER BY 1");
    assert!(mended.len() > 40, "{} sources", mended.len());
    let rows = mended
        .iter()
        .map(|row| format!("2022-08-01,{},csirt\n", row["source"].as_str().unwrap()));
    fs::create_dir_all(&dir).unwrap();
    fs::write(
        dir.join("notified.csv"),
        "notified,address,kind\n".to_owned() + &rows.collect::<String>(),
    )
    .unwrap();
    let report = ["report", "2022Q3", "--as", "md,data", "--made", "2022-10-20", "--dir"].map(std::ffi::OsStr::new);
    lake.run(&[&report[..], &[dir.as_os_str()]].concat()).expect(0);
    for (lang, all, told) in [
        ("en", "All", "The share of the notified is clearly lower."),
        ("ja", "合計", "これを明らかに下回っています。"),
    ] {
        let markdown = fs::read_to_string(dir.join(format!("2022Q3/2022Q3.{lang}.md/report.md"))).unwrap();
        assert!(markdown.contains(told), "{markdown}");
        let row = &table(&dir.join(format!("2022Q3/2022Q3.{lang}.data/table-still-seen-7.csv")))[all];
        assert_eq!((first(&row[1]), row[2].as_str()), (mended.len() as f64, "<10"), "{row:?}");
        // 80 sources of 400 packets a day: hardly any is unseen for a week.
        assert!(first(&row[4]) > 40.0 && first(&row[5]) > 95.0, "{row:?}");
    }
    // Thirty days later the days are not over: 36 days from 1 August are 6 September.
    let en = fs::read_to_string(dir.join("2022Q3/2022Q3.en.md/report.md")).unwrap();
    assert!(
        en.contains(&format!(
            "For {} it is not known yet what was seen 30 to 36 days later.",
            mended.len()
        )),
        "{en}"
    );
    // A file that is wrong stops the report, and `check` says where.
    fs::write(
        dir.join("notified.csv"),
        "notified,address,kind\n2022-08-01,203.0.113.7,isp\n2022-08-01,203.0.113.300,isp\n",
    )
    .unwrap();
    lake.run(&[&report[..], &[dir.as_os_str()]].concat())
        .expect(2)
        .says(&["notified.csv:3", "203.0.113.300"]);
    let check = ["report", "check", "2022Q3", "--dir"].map(std::ffi::OsStr::new);
    let ran = lake.run(&[&check[..], &[dir.as_os_str()]].concat()).expect(1);
    assert!(
        ran.stdout
            .contains("notified.csv:3: error: cannot take `203.0.113.300` as `address`"),
        "{}",
        ran.stdout
    );
}
