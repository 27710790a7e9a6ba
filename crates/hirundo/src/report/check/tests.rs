//! Tests of the check: one file with each problem, and files without any.

use super::super::commentary::Fact;
use super::*;
use crate::period::Day;

const ID: &str = "port-23-tcp.packets.trend.2022-05-08";

/// Commentary with every place, and what else is given in the place of ports.
fn text(ports: &str) -> String {
    let mut text = String::new();
    for place in Place::ALL {
        text.push_str(&format!(
            "{}\n{}\n",
            place.mark(),
            if place == Place::Ports { ports } else { "Words." }
        ));
    }
    text
}

fn problems(files: &Files) -> Vec<Problem> {
    problems_in(files, &[Lang::Japanese, Lang::English])
}

fn problems_in(files: &Files, langs: &[Lang]) -> Vec<Problem> {
    let period = Period::parse("2022Q2", Day(0)).unwrap().unwrap();
    let facts = Facts::from([
        (format!("{ID}.factor"), Fact::Number(4.6)),
        (format!("{ID}.percent"), Fact::Number(360.0)),
        (format!("{ID}.from"), Fact::Day(19_120)),
    ]);
    let noted = |id: &str, surprise| Noted {
        id: id.to_owned(),
        surprise,
        sentence: "It rose.".to_owned(),
    };
    let findings = [
        noted(ID, 12.0),
        noted("port-80-tcp.packets.jump.2022-04-03", 2.0),
        noted("odd", f64::NAN),
    ];
    let known = Known {
        period: &period,
        facts: &facts,
        findings: &findings,
        langs,
        surprise_min: 5.0,
    };
    check(files, &known)
}

fn files(japanese: &str, english: &str) -> Files {
    Files {
        japanese: Some(text(japanese)),
        english: Some(text(english)),
        annotations: Some(String::new()),
        notified: None,
    }
}

#[test]
fn notifications_are_looked_at() {
    let with = |rows: &str| Files {
        notified: Some(format!("notified,address,kind\n{rows}")),
        ..files(
            &format!("[約5倍](fact:{ID}.factor)に増えた。"),
            &format!("It rose [about 5 times](fact:{ID}.factor)."),
        )
    };
    assert_eq!(problems(&with("2022-05-10,203.0.113.7,isp\n2022-05-11,203.0.113.7,isp\n")), []);
    let found = problems(&with("2022-05-10,203.0.113.7,isp\n2022-05-10,203.0.113.7,isp\n"));
    assert!(
        matches!(found.as_slice(), [one] if one.severity == Severity::Warning && one.line == 3 && one.what.contains("line 2")),
        "{found:?}"
    );
    let found = problems(&with("2022-05-10,203.0.113.7,nobody\n"));
    assert!(
        matches!(found.as_slice(), [one] if one.severity == Severity::Error && one.line == 2 && one.hint.contains("csirt")),
        "{found:?}"
    );
}

#[test]
fn nothing_to_mend_in_good_files() {
    let good = files(
        &format!("[約5倍](fact:{ID}.factor)に、[5月8日](fact:{ID}.from)から増えた。"),
        &format!("It rose [about 5 times](fact:{ID}.factor) from [8 May](fact:{ID}.from) on."),
    );
    assert_eq!(problems(&good), []);
    let section = format!("Words.\n\n<!-- phenomenon: {ID} -->\n# Telnet\n\nWords.\n");
    assert_eq!(problems(&files(&section, &section)), []);
}

/// Line of the text of the place of ports.
const PORTS_LINE: u32 = 4;

/// Text at the place of ports in English; the problem: severity, line, words of it, words of its hint.
type Case = (&'static str, Severity, u32, &'static str, &'static str);

const CASES: &[Case] = &[
    (
        "Words. TODO",
        Severity::Error,
        PORTS_LINE,
        "a TODO is left at `ports`",
        "write the text",
    ),
    ("", Severity::Warning, 3, "nothing is written at `ports`", "take the mark away"),
    ("", Severity::Error, 3, "`ports` has text in the other language only", "translate"),
    (
        "[6](fact:ID.factor)",
        Severity::Error,
        PORTS_LINE,
        "`6` does not agree with `ID.factor`, which is 4.60",
        "write it anew",
    ),
    (
        "[8 June](fact:ID.from)",
        Severity::Error,
        PORTS_LINE,
        "`8 June` does not agree with `ID.from`, which is 2022-05-08",
        "anew",
    ),
    (
        "[360%](fact:ID.factor)",
        Severity::Error,
        PORTS_LINE,
        "another unit",
        "quote `ID.percent`",
    ),
    (
        "[much](fact:ID.factor)",
        Severity::Error,
        PORTS_LINE,
        "cannot compare `much`",
        "in digits",
    ),
    (
        "[5](fact:ID.facto)",
        Severity::Error,
        PORTS_LINE,
        "no fact is named",
        "did you mean `ID.factor`?",
    ),
    (
        "[5](fact:gone)",
        Severity::Error,
        PORTS_LINE,
        "no fact is named `gone`",
        "may be gone",
    ),
    (
        "It rose by 30 %.",
        Severity::Warning,
        PORTS_LINE,
        "`30 %` looks like a fact",
        "(fact:NAME)",
    ),
    (
        "[a](ftp://a.example/)",
        Severity::Error,
        PORTS_LINE,
        "neither http nor https",
        "https://",
    ),
    ("![a](https://a.example/a.png)", Severity::Warning, PORTS_LINE, "the image", "link"),
    (
        "a\n\n<!-- phenomenon: port-23-tcp.packets.trend.2022-05-09 -->\nb",
        Severity::Error,
        6,
        "no finding is named",
        ID,
    ),
    (
        "a\n\n<!-- place: prots -->\nb",
        Severity::Error,
        6,
        "no place is named `prots`",
        "did you mean `ports`?",
    ),
];

#[test]
fn every_problem_is_found_where_it_is() {
    let quoted = format!("[5](fact:{ID}.factor) ");
    for (english, severity, line, says, hint) in CASES {
        let (severity, line) = (*severity, *line);
        let english = english.replace("ID", ID);
        let found = problems(&files(&format!("{quoted}。"), &english));
        let file = Path::new("commentary/2022Q2.en.md");
        let (says, hint) = (says.replace("ID", ID), hint.replace("ID", ID));
        let is_it = |problem: &Problem| {
            problem.severity == severity
                && problem.file == file
                && problem.line == line
                && problem.what.contains(&says)
                && problem.hint.contains(&hint)
        };
        assert!(
            found.iter().any(is_it),
            "{english:?}\nexpected line {line}: {says} ({hint})\ngot {found:#?}"
        );
    }
}

#[test]
fn missing_files_and_places_are_named() {
    let found = problems(&Files::default());
    let shown: Vec<String> = found.iter().map(Problem::to_string).collect();
    assert!(
        shown[0].starts_with("commentary/2022Q2.en.md: error: no commentary in this language; hint: `hirundo report init 2022Q2`"),
        "{shown:?}"
    );
    assert!(
        shown
            .iter()
            .any(|line| line.starts_with("annotations.toml: warning: no annotations")),
        "{shown:?}"
    );
    let few = Files {
        english: Some("<!-- place: ports -->\nWords.\n".to_owned()),
        ..files("Words.", "")
    };
    let missing = problems(&few);
    assert!(
        missing
            .iter()
            .any(|problem| problem.severity == Severity::Warning && problem.what.contains("<!-- place: summary -->")),
        "{missing:#?}"
    );
}

#[test]
fn surprising_findings_want_a_word() {
    let silent = |japanese: &str, english: &str| {
        let found = problems(&files(japanese, english));
        found
            .iter()
            .filter(|problem| problem.what.starts_with("nothing is said"))
            .map(|problem| problem.what.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        silent("Words.", "Words."),
        [format!("nothing is said about `{ID}` (surprise 12.0): It rose.")]
    );
    assert_eq!(silent(&format!("[31%](fact:{ID}.share.region-jp)"), "Words."), [""; 0]);
    // One language is enough; the other is told of by other means.
    assert_eq!(silent(&format!("[5](fact:{ID}.factor)"), "Words."), [""; 0]);
}

#[test]
fn annotations_are_looked_at() {
    let with = |annotations: &str| {
        let mut files = files("Words.", "Words.");
        files.annotations = Some(annotations.to_owned());
        problems(&files)
            .iter()
            .map(Problem::to_string)
            .filter(|line| line.starts_with("annotations.toml"))
            .collect::<Vec<_>>()
    };
    let entry = "[[annotation]]\ndate = 2022-05-18\ntext.ja = \"x\"\n";
    assert_eq!(with(&format!("{entry}text.en = \"x\"\n")), [""; 0]);
    assert!(with(entry)[0].starts_with("annotations.toml:1: warning: an entry without `text.en`"));
    assert!(
        with(&format!("{entry}link = \"htp://a.example\"\n"))[0].starts_with("annotations.toml:4: error: cannot take the value of `link`")
    );
    let outside = with(&format!("\n{}", entry.replace("2022-05", "2022-09")));
    assert!(
        outside[0].starts_with("annotations.toml:2: warning: 1 annotations lie outside 2022Q2"),
        "{outside:?}"
    );
    assert!(with("[[annotation]]\ntext.ja = 5\n").len() == 2);
}

#[test]
fn only_the_languages_asked_for_are_looked_at() {
    let words = format!("It rose [about 5 times](fact:{ID}.factor) from [8 May](fact:{ID}.from) on.");
    let english = Files {
        english: Some(text(&words)),
        annotations: Some("[[annotation]]\ndate = 2022-05-18\ntext.en = \"A worm\"\n".to_owned()),
        ..Files::default()
    };
    assert_eq!(problems_in(&english, &[Lang::English]), []);
    let both = problems_in(&english, &[Lang::Japanese, Lang::English]);
    assert!(
        both.iter().any(|problem| problem.what == "no commentary in this language"),
        "{both:?}"
    );
    assert!(both.iter().any(|problem| problem.what.contains("`text.ja`")), "{both:?}");
    let silent = problems_in(
        &Files {
            english: Some(text("Words.")),
            ..english
        },
        &[Lang::English],
    );
    assert!(
        silent.iter().all(|problem| problem.file.ends_with("2022Q2.en.md")) && !silent.is_empty(),
        "{silent:?}"
    );
}

#[test]
fn reads_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let period = Period::parse("2022Q2", Day(0)).unwrap().unwrap();
    assert_eq!(Files::read(folder.path(), &period).unwrap(), Files::default());
    std::fs::create_dir(folder.path().join("commentary")).unwrap();
    std::fs::write(folder.path().join("commentary/2022Q2.ja.md"), "\u{feff}<!-- place: ports -->\n").unwrap();
    std::fs::write(folder.path().join("annotations.toml"), "あ".repeat(annotation::FILE_BYTES_MAX)).unwrap();
    let files = Files::read(folder.path(), &period).unwrap();
    assert_eq!(files.japanese.as_deref(), Some("<!-- place: ports -->\n"));
    assert!(files.annotations.as_ref().unwrap().len() <= annotation::FILE_BYTES_MAX + 4);
    assert!(
        problems(&files)
            .iter()
            .any(|problem| problem.what.starts_with("cannot read annotations of"))
    );
    std::fs::write(folder.path().join("commentary/2022Q2.en.md"), [0xff, 0xfe]).unwrap();
    assert!(
        Files::read(folder.path(), &period)
            .unwrap_err()
            .to_string()
            .contains("2022Q2.en.md")
    );
}
