use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::finding::{Contribution, Measure, Origin, Trend};

const QUARTER: (Day, Day) = (19_083, 19_173);
const TCP: u8 = 6;

fn vulnerability(id: &str, product: &str, ports: &[u16], known: Day) -> Entry {
    Entry {
        id: id.to_owned(),
        kind: Kind::Vulnerability,
        product: product.to_owned(),
        ports: ports.iter().map(|port| (TCP, *port)).collect(),
        known: Some(known),
        published: Some(2022),
        known_year: Some(2022),
        founding: false,
        marks: Vec::new(),
    }
}

fn malware(id: &str, ports: &[u16], known: Day, marks: &[&str]) -> Entry {
    Entry {
        kind: Kind::Malware,
        published: None,
        marks: marks.iter().map(|mark| (*mark).to_owned()).collect(),
        ..vulnerability(id, id, ports, known)
    }
}

fn tool(id: &str, marks: &[&str]) -> Entry {
    Entry {
        kind: Kind::Tool,
        known: None,
        ..malware(id, &[], 0, marks)
    }
}

fn rise_at(port: u16, onset: Day) -> Rise<'static> {
    Rise {
        port: (TCP, port),
        onset,
        marks: None,
    }
}

/// A product at port 8291, one that became known `days` after the onset on day 40 of the quarter.
fn alone(days: Day) -> Known {
    Known::new(vec![vulnerability("CVE-2022-1", "router", &[8291], QUARTER.0 + 40 + days)])
}

/// Ports of which one is known of.
fn ports() -> Vec<Port> {
    [8291, 8728, 5501, 37215].map(|port| (TCP, port)).to_vec()
}

fn best(known: &Known, rise: &Rise<'_>) -> Option<Candidate> {
    known.candidates(rise, QUARTER, &ports()).into_iter().next()
}

#[test]
fn a_product_of_its_own_that_became_known_that_week_fits_strongly() {
    for (days, expected) in [
        (0, Fit::Strong),
        (-7, Fit::Strong),
        (10, Fit::Strong),
        (20, Fit::Moderate),
        (-20, Fit::Moderate),
        (60, Fit::Weak),
        (-900, Fit::Weak),
        (900, Fit::Weak),
    ] {
        let found = best(&alone(days), &rise_at(8291, QUARTER.0 + 40)).unwrap();
        assert_eq!(found.fit, expected, "{days} days: {found:?}");
        assert_eq!(found.days_after, Some(i64::from(days)));
        assert_eq!(found.points.port, 50.0);
    }
}

#[test]
fn another_port_fits_nothing() {
    assert_eq!(best(&alone(0), &rise_at(8728, QUARTER.0 + 40)), None);
    let udp = Rise {
        port: (17, 8291),
        ..rise_at(8291, QUARTER.0)
    };
    assert_eq!(best(&alone(0), &udp), None);
}

/// Points and words never grow with the distance of the dates.
#[test]
fn points_fall_with_the_distance_in_both_directions() {
    for sign in [-1, 1] {
        let of = |days: Day| best(&alone(sign * days), &rise_at(8291, QUARTER.0 + 40)).unwrap();
        let all: Vec<Candidate> = (0..800).map(of).collect();
        for pair in all.windows(2) {
            assert!(pair[1].score <= pair[0].score && pair[1].fit <= pair[0].fit, "{pair:?}");
        }
        assert!(all[0].score == 100.0 && all[799].score < 50.001);
        assert!((all[21].points.date - 25.0).abs() < 1e-9, "half after three weeks");
    }
}

#[test]
fn what_was_published_long_before_counts_for_half() {
    let mut entry = vulnerability("CVE-2018-14847", "router", &[8291], QUARTER.0 + 40);
    entry.published = Some(2018);
    let found = best(&Known::new(vec![entry]), &rise_at(8291, QUARTER.0 + 40)).unwrap();
    assert!(found.late && found.points.date == 25.0 && found.fit == Fit::Moderate, "{found:?}");
}

/// What was there from the beginning was known before: its day says nothing.
#[test]
fn what_was_there_when_the_list_began_has_no_day() {
    let mut entry = vulnerability("CVE-2022-1", "router", &[8291], QUARTER.0 + 40);
    entry.founding = true;
    let found = best(&Known::new(vec![entry]), &rise_at(8291, QUARTER.0 + 40)).unwrap();
    assert!(found.founding && found.points.date == 0.0 && found.fit == Fit::Weak, "{found:?}");
}

/// A port that many products share: every day has a candidate as good, so that none is more than weak.
#[test]
fn a_shared_port_fits_always_and_so_weakly() {
    let many = (0..120).map(|number| {
        let product = format!("product {number}");
        let day = QUARTER.0 - 20 + number;
        vulnerability(&format!("CVE-2022-{number}"), &product, &[80, 443], day)
    });
    let known = Known::new(many.collect());
    for onset in QUARTER.0..=QUARTER.1 {
        let found = known.candidates(&rise_at(80, onset), QUARTER, &[(TCP, 80), (TCP, 443), (TCP, 23)]);
        let best = &found[0];
        let chance = best.chance.unwrap();
        assert!(best.products == 120 && best.fit == Fit::Weak, "{best:?}");
        assert_eq!((chance.days, chance.days_of), (91, 91));
        assert_eq!((chance.ports, chance.ports_of), (1, 2), "443 is as good, 23 is not");
    }
}

/// Whatever the entries: rates lie between 0 and 1, and the day itself is among those as good.
#[test]
fn chances_are_parts() {
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    let mut below = |most: u32| dice.next_u32() % most;
    for _ in 0..200 {
        let count = below(12);
        let entries = (0..count).map(|number| {
            let port = u16::try_from(20 + below(4)).unwrap();
            let day = QUARTER.0 - 400 + Day::try_from(below(900)).unwrap();
            match below(3) {
                0 => malware(&format!("m{number}"), &[port], day, &["mirai"]),
                _ => vulnerability(&format!("v{number}"), &format!("p{}", below(4)), &[port], day),
            }
        });
        let known = Known::new(entries.collect());
        let marks = [("mirai".to_owned(), f64::from(below(150)))];
        let rise = Rise {
            marks: Some(&marks),
            ..rise_at(21, QUARTER.0 + Day::try_from(below(91)).unwrap())
        };
        let ports: Vec<Port> = (20..24).map(|port| (TCP, port)).collect();
        let found = known.candidates(&rise, QUARTER, &ports);
        for candidate in &found {
            let chance = candidate.chance.unwrap();
            assert!((1..=91).contains(&chance.days) && chance.days_of == 91 && chance.ports <= 3 && chance.ports_of == 3);
            assert!((0.0..=1.0).contains(&chance.of_days()) && (0.0..=1.0).contains(&chance.of_ports()));
            assert!((POINTS_MIN..=100.0).contains(&candidate.score));
        }
        assert!(found.windows(2).all(|pair| pair[0].fit >= pair[1].fit));
    }
}

#[test]
fn without_days_and_ports_nothing_is_better_than_chance() {
    let found = alone(0).candidates(&rise_at(8291, QUARTER.0 + 40), (1, 0), &[]);
    let chance = found[0].chance.unwrap();
    assert_eq!((chance.of_days(), chance.of_ports(), found[0].fit), (1.0, 1.0, Fit::Weak));
}

/// Old malware fits by its mark, and only where few ports are known of any.
#[test]
fn a_mark_counts_with_its_share() {
    let known = Known::new(vec![malware("bot", &[5501], QUARTER.0 - 3_000, &["mirai"])]);
    let with = |percent: f64| {
        let marks = [("mirai".to_owned(), percent)];
        let rise = Rise {
            marks: Some(&marks),
            ..rise_at(5501, QUARTER.0 + 40)
        };
        best(&known, &rise).unwrap()
    };
    for (percent, expected) in [
        (100.0, Fit::Moderate),
        (70.0, Fit::Moderate),
        (60.0, Fit::Weak),
        (20.0, Fit::Weak),
        (0.0, Fit::Weak),
    ] {
        let found = with(percent);
        assert_eq!(found.fit, expected, "{found:?}");
        assert_eq!(found.mark_percent, Some(percent));
    }
    let unasked = best(&known, &rise_at(5501, QUARTER.0 + 40)).unwrap();
    assert_eq!((unasked.mark_percent, unasked.points.mark), (None, 0.0));
}

#[test]
fn a_tool_is_told_by_its_mark_alone() {
    let known = Known::new(vec![tool("masscan", &["masscan-old", "masscan-new"])]);
    let marks = [("masscan-old".to_owned(), 50.0), ("masscan-new".to_owned(), 35.0)];
    let rise = Rise {
        marks: Some(&marks),
        ..rise_at(4444, QUARTER.0)
    };
    let found = best(&known, &rise).unwrap();
    assert_eq!((found.score, found.fit, found.chance), (85.0, Fit::Strong, None));
    assert_eq!(best(&known, &rise_at(4444, QUARTER.0)), None, "nobody asked for marks");
}

#[test]
fn only_rises_of_ports_have_an_onset() {
    let trend = |factor: f64| Trend {
        from: 100,
        to: 120,
        before: 10.0,
        after: 10.0 * factor,
        factor,
        factor_low: factor,
        factor_high: factor,
        open: false,
        steeper_from: None,
    };
    let port = Subject::Port {
        proto: TCP,
        port: Some(23),
    };
    let surge = |factor| Course::Surge {
        from: 100,
        to: 101,
        peak: 100,
        base: 0.0,
        factor,
        seconded: false,
    };
    let found = Some(((TCP, 23), 100));
    for (subject, course, expected) in [
        (port.clone(), Course::Trend(trend(2.0)), found),
        (port.clone(), Course::Trend(trend(0.5)), None),
        (port.clone(), Course::Jump(trend(2.0)), found),
        (port.clone(), surge(None), found),
        (port.clone(), surge(Some(0.3)), None),
        (port, Course::Steady { level: 1.0 }, None),
        (Subject::Port { proto: 1, port: None }, Course::Jump(trend(2.0)), None),
        (Subject::Region("JP".to_owned()), Course::Jump(trend(2.0)), None),
    ] {
        let finding = Finding {
            id: String::new(),
            subject,
            measure: Measure::Packets,
            course,
            surprise: 5.0,
            origin: Origin::default(),
        };
        assert_eq!(rise(&finding), expected, "{finding:?}");
        assert_eq!(marks(&finding), None, "nobody asked");
    }
}

#[test]
fn marks_are_those_of_the_origin() {
    let finding = Finding {
        id: String::new(),
        subject: Subject::Total,
        measure: Measure::Packets,
        course: Course::Steady { level: 1.0 },
        surprise: 0.0,
        origin: Origin {
            contributions: vec![
                Contribution {
                    subject: Subject::Tool("mirai".to_owned()),
                    percent: 80.0,
                },
                Contribution {
                    subject: Subject::Region("JP".to_owned()),
                    percent: 90.0,
                },
            ],
            busiest_source_percent: None,
            sensors: None,
        },
    };
    assert_eq!(marks(&finding), Some(vec![("mirai".to_owned(), 80.0)]));
}

#[test]
fn extreme_days_do_not_overflow() {
    let known = Known::new(vec![
        vulnerability("a", "a", &[1], Day::MAX),
        vulnerability("b", "b", &[1], Day::MIN),
    ]);
    for onset in [Day::MIN, 0, Day::MAX] {
        let found = known.candidates(&rise_at(1, onset), (0, 10), &ports());
        assert!(found.iter().all(|candidate| candidate.score.is_finite()));
    }
}
