//! Tests of the files to begin with: they read back, quote what is true, and are never written over.

use super::super::annotation::Annotations;
use super::super::commentary::{Commentary, Fact, Verdict, judge};
use super::super::notified::{Notified, Recipient};
use super::*;
use crate::period::Day;

const LANGS: [Lang; 2] = [Lang::Japanese, Lang::English];

fn skeleton() -> Skeleton {
    let found = |id: &str, surprise, sentence: &str, factor: &str| Found {
        id: id.to_owned(),
        sentence: sentence.to_owned(),
        surprise,
        facts: vec![
            (format!("{id}.factor"), factor.to_owned()),
            (format!("{id}.from"), "2022-05-08".to_owned()),
        ],
        fits: vec!["weak (20)  CVE-2022-0001 --> product".to_owned()],
    };
    let places = |sentence: &str, factor: &str| {
        let small = found("port-80-tcp.packets.trend.2022-04-01", 2.0, "small --> text", "2");
        let large = found("port-23-tcp.packets.trend.2022-05-08", 12.34, sentence, factor);
        BTreeMap::from([(Place::Ports, vec![small, large])])
    };
    Skeleton {
        period: Period::parse("2022Q2", Day(0)).unwrap().unwrap(),
        japanese: places("23/TCPが5倍に増えた。", "5倍"),
        english: places("23/TCP rose fivefold.", "5 times"),
    }
}

#[test]
fn reads_back_with_every_place_and_quotes_that_hold() {
    for (lang, sentence) in [(Lang::Japanese, "23/TCPが5倍に増えた。"), (Lang::English, "23/TCP rose fivefold.")] {
        let text = skeleton().commentary(lang);
        let read = Commentary::parse(&text).unwrap();
        let places: Vec<_> = read.sections.iter().map(|section| section.place.clone()).collect();
        assert_eq!(places, Place::ALL);
        // Nothing of the lists is published.
        assert!(
            read.sections
                .iter()
                .all(|section| section.text == "TODO" && section.todos.len() == 1),
            "{read:#?}"
        );
        let (large, small) = (text.find(sentence).unwrap(), text.find("small - -> text").unwrap());
        assert!(large < small, "most surprising first");

        // What stands there to be copied reads as quotations that agree with the facts.
        let start = text.find('[').map(|_| text.find("  [").unwrap()).unwrap();
        let line = text[start..].lines().next().unwrap();
        let copied = Commentary::parse(&format!("<!-- place: ports -->\n{}\n", line.trim())).unwrap();
        let quotes = &copied.sections[0].quotes;
        assert_eq!(quotes.len(), 2);
        assert_eq!(quotes[0].fact, "port-23-tcp.packets.trend.2022-05-08.factor");
        assert_eq!(judge(&quotes[0].text, &quotes[0].fact, &Fact::Number(5.2)), Verdict::Agrees);
        assert_eq!(judge(&quotes[1].text, &quotes[1].fact, &Fact::Day(19_120)), Verdict::Agrees);
    }
}

#[test]
fn examples_of_annotations_are_right_once_uncommented() {
    let text = skeleton().annotations();
    assert_eq!(Annotations::parse(&text).unwrap().entries.len(), 0);
    let (_, examples) = text.split_once("#\n").unwrap();
    let examples: Vec<&str> = examples
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(""))
        .filter(|line| line.starts_with("[[") || line.contains(" = "))
        .collect();
    let read = Annotations::parse(&examples.join("\n")).unwrap();
    assert_eq!(read.numbered(&skeleton().period).len(), 2);
}

#[test]
fn the_example_of_a_notification_is_right_once_uncommented() {
    assert_eq!(Notified::parse(NOTIFIED), Ok(Notified::default()));
    let head = NOTIFIED.lines().last().unwrap();
    let (_, example) = NOTIFIED.split_once("# Example:\n# ").unwrap();
    let example = example.lines().next().unwrap();
    let read = Notified::parse(&format!("{head}\n{example}\n")).unwrap();
    assert_eq!(read.entries.len(), 1);
    // Every kind that there is is named.
    assert!(Recipient::ALL.iter().all(|kind| NOTIFIED.contains(kind.tag())));
}

#[test]
fn never_writes_over() {
    let folder = tempfile::tempdir().unwrap();
    let first = skeleton().write(folder.path(), &LANGS).unwrap();
    assert_eq!((first.made.len(), first.kept.len()), (4, 0));
    let english = folder.path().join("commentary/2022Q2.en.md");
    assert!(first.made.contains(&english));
    fs::write(&english, "mine").unwrap();
    fs::remove_file(folder.path().join("annotations.toml")).unwrap();
    let second = skeleton().write(folder.path(), &LANGS).unwrap();
    assert_eq!((second.made.len(), second.kept.len()), (1, 3));
    assert_eq!(fs::read_to_string(&english).unwrap(), "mine");
    let blocked = folder.path().join("annotations.toml");
    assert!(
        skeleton()
            .write(&blocked, &LANGS)
            .unwrap_err()
            .to_string()
            .contains("annotations.toml")
    );
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let mut skeleton = skeleton();
    let one = skeleton.english[&Place::Ports][0].clone();
    skeleton.english.insert(Place::Ports, vec![one; FOUND_MAX + 3]);
    let text = skeleton.commentary(Lang::English);
    assert_eq!(text.matches("small - -> text").count(), FOUND_MAX);
    assert!(text.contains("* and further 3\n"));
}
