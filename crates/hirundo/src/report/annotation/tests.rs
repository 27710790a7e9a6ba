//! Tests of annotations: what is read, what is refused and where, and how entries are numbered.

use super::*;
use crate::period::Day;

fn period(text: &str) -> Period {
    Period::parse(text, Day(0)).unwrap().unwrap()
}

const FILE: &str = r#"# Annotations
[[annotation]]
date = 2022-05-18
text.ja = "ルーターの脆弱性が公表された"
text.en = "Vulnerability of a router published"
link = "https://jvn.example.jp/jp/JVN00000001/"
source = "JVN"
figures = ["ports", "mirai-home"]

[[annotation]]
date = ["2022-03-30", "2022-04-02"]
text = { ja = "大規模な障害", en = "Large outage" }
source.ja = "総務省"
source.en = "Ministry"

[[reference]]
text.en = "Quarterly report"
link = "http://[2001:db8::1]:8080/report"

[[annotation]]
date = 2022-01-01
text.ja = "前の期間"
"#;

#[test]
fn numbers_by_day_and_keeps_the_same_number_everywhere() {
    let read = Annotations::parse(FILE).unwrap();
    let quarter = period("2022Q2");
    let numbered: Vec<_> = read
        .numbered(&quarter)
        .iter()
        .map(|(number, entry)| (*number, entry.line))
        .collect();
    assert_eq!(numbered, [(1, 10), (2, 2), (3, 16)]);
    assert_eq!(read.outside(&quarter).iter().map(|entry| entry.line).collect::<Vec<_>>(), [20]);

    let marks = |shown: &str, figure| -> Vec<(u32, String)> {
        let marks = read.marks(&quarter, &period(shown), &[figure], Lang::English);
        marks.iter().map(|mark| (mark.number, mark.day.to_string())).collect()
    };
    assert_eq!(
        marks("2022Q2", "ports"),
        [(1, "2022-04-01".to_owned()), (2, "2022-05-18".to_owned())]
    );
    assert_eq!(marks("2022Q2", "regions"), [(1, "2022-04-01".to_owned())]);
    assert_eq!(marks("2022-05", "mirai-home"), [(2, "2022-05-18".to_owned())]);
    assert_eq!(marks("2022-04-02..2022-04-09", "ports"), [(1, "2022-04-02".to_owned())]);

    let references = read.references(&quarter, Lang::Japanese);
    let shown: Vec<_> = references
        .iter()
        .map(|entry| (entry.number, entry.date.as_str(), entry.text.as_str(), entry.source.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (1, "2022年3月30日～4月2日", "大規模な障害", "総務省"),
            (2, "2022年5月18日", "ルーターの脆弱性が公表された", "JVN"),
            // Not written in Japanese: the other language stands in.
            (3, "", "Quarterly report", ""),
        ]
    );
    assert_eq!(references[2].url.as_deref(), Some("http://[2001:db8::1]:8080/report"));
    assert_eq!(read.entries[3].text.only(Lang::English), None);
}

#[test]
fn refuses_with_line_and_hint() {
    let entry = "[[annotation]]\ndate = 2022-05-18\ntext.ja = \"x\"\n";
    for (text, line, says) in [
        ("[[anotation]]\ndate = 2022-05-18\n".to_owned(), 1, "did you mean `annotation`?"),
        (format!("{entry}lnik = \"https://a.example\"\n"), 4, "did you mean `link`?"),
        (format!("{entry}colour = 1\n"), 4, "it takes date, text, link, source, figures"),
        (format!("{entry}text.fr = \"x\"\n"), 4, "the key `fr`"),
        (format!("{entry}figures = [\"ports\", \"port\"]\n"), 4, "did you mean `ports`?"),
        (format!("{entry}figures = []\n"), 4, "leave it out for all figures"),
        (format!("{entry}figures = \"ports\"\n"), 4, "which is no list"),
        (format!("{entry}link = \"javascript://a.example\"\n"), 4, "neither http nor https"),
        (format!("{entry}link = \"https://localhost\"\n"), 4, "names no host"),
        (format!("{entry}link = \"https://me@a.example/\"\n"), 4, "user name"),
        (format!("{entry}link = \"https://a.example/a b\"\n"), 4, "space"),
        (format!("{entry}link = \"www.a.example\"\n"), 4, "no address of the Web"),
        (format!("{entry}text.en = \"\"\n"), 4, "which is empty"),
        (format!("{entry}text.en = 5\n"), 4, "which is no text"),
        (format!("{entry}text.en = \"a\\u202Eb\"\n"), 4, "cannot be seen"),
        (format!("{entry}text.en = \"{}\"\n", "x".repeat(401)), 4, "at most 400 characters"),
        ("[[annotation]]\ntext.ja = \"x\"\n".to_owned(), 1, "without `date`"),
        ("[[annotation]]\ndate = 2022-05-18\n".to_owned(), 1, "without `text`"),
        (
            "[[annotation]]\ndate = 2022-05-18\ntext = \"x\"\n".to_owned(),
            3,
            "for each language",
        ),
        (
            "[[annotation]]\ndate = \"18 May\"\ntext.ja = \"x\"\n".to_owned(),
            2,
            "no day of the calendar",
        ),
        (
            "[[annotation]]\ndate = 2022-05-18T10:00:00\ntext.ja = \"x\"\n".to_owned(),
            2,
            "no day of the calendar",
        ),
        (
            "[[annotation]]\ndate = [2022-05-18, 2022-05-01]\ntext.ja = \"x\"\n".to_owned(),
            2,
            "ends before it starts",
        ),
        (
            "[[annotation]]\ndate = []\ntext.ja = \"x\"\n".to_owned(),
            2,
            "neither one day nor two",
        ),
        ("[annotation]\ndate = 2022-05-18\n".to_owned(), 1, "two brackets"),
        (
            "[[reference]]\ntext.ja = \"x\"\ndate = 2022-05-18\n".to_owned(),
            3,
            "begins with `[[annotation]]`",
        ),
        ("[[annotation]]\ndate = = 3\n".to_owned(), 2, "as TOML"),
    ] {
        let faults = Annotations::parse(&text).unwrap_err();
        let found = faults.iter().any(|fault| fault.line() == line && fault.to_string().contains(says));
        assert!(found, "{text}\nexpected line {line} to say {says:?}, got {faults:#?}");
        assert!(faults.iter().all(|fault| fault.to_string().contains("hint: ")), "{faults:#?}");
    }
}

#[test]
fn is_bounded() {
    let entry = "[[reference]]\ntext.ja = \"x\"\n";
    assert_eq!(Annotations::parse(&entry.repeat(ENTRIES_MAX)).unwrap().entries.len(), ENTRIES_MAX);
    let faults = Annotations::parse(&entry.repeat(ENTRIES_MAX + 1)).unwrap_err();
    assert_eq!(faults, [AnnotationError::Count { line: 1001 }]);
    assert!(matches!(
        Annotations::parse(&" ".repeat(FILE_BYTES_MAX + 1)).unwrap_err()[0],
        AnnotationError::Size { .. }
    ));
    let keys: String = (0..50_000).map(|number| format!("k{number} = 1\n")).collect();
    assert_eq!(Annotations::parse(&keys).unwrap_err().len(), 100);
    // Nesting is bounded by the reader of TOML; this must return.
    assert!(Annotations::parse(&format!("a = {}", "[".repeat(100_000))).is_err());
}
