//! Sentences about what sources do, for the golden files.

use super::*;
use crate::sentence::behaviour::{
    FallEnd, Group, RegionFall, ScanEvents, ScannersDaily, Surveyors, group, region_fall, scan_events, scanners_daily, surveyors,
};

pub(super) fn sentences(lang: Lang) -> Vec<String> {
    let mut texts = scans(lang);
    texts.extend(groups(lang));
    texts.extend(falls(lang));
    texts
}

fn scans(lang: Lang) -> Vec<String> {
    let context = quarter(lang);
    let names = Plain(lang);
    let events = ScanEvents {
        from: day(4, 1),
        to: day(6, 30),
        timeout_secs: 86_400,
        events: 12_345,
        sources: 6_789,
        several_sensors: 1_500,
        several_days: 987,
        one_in: 1,
    };
    let sampled = ScanEvents {
        from: day(6, 17),
        timeout_secs: 4_523,
        several_days: 0,
        one_in: 64,
        ..events
    };
    let surveys = Surveyors {
        ports: 10,
        a_day: 31.4,
        home_a_day: 0.42,
        home: names.region("JP"),
    };
    let nothing = ScanEvents { events: 0, ..events };
    assert_eq!(scan_events(&nothing, &context), None);
    let daily = |organisations, addresses_a_day| {
        scanners_daily(
            &ScannersDaily {
                organisations,
                addresses_a_day,
            },
            &context,
        )
    };
    [
        scan_events(&events, &context),
        scan_events(&sampled, &context),
        surveyors(&surveys, &context),
        daily(7, 54.3),
        daily(1, 2.0),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn groups(lang: Lang) -> Vec<String> {
    let context = quarter(lang);
    let names = Plain(lang);
    let ports = |numbers: &[u16]| numbers.iter().map(|number| names.port(6, Some(*number))).collect::<Vec<_>>();
    let one = Group {
        ports: ports(&[23, 2323]),
        tool: Some(names.tool("mirai")),
        sources: 120,
        one_in: 1,
        regions: vec![
            (names.region("BR"), 54),
            (names.region("US"), 24),
            (names.region("TW"), 1),
            (names.region("JP"), 1),
        ],
        from: None,
        to: None,
        clock: None,
    };
    let bounded = Group {
        ports: ports(&[22, 23, 80, 443, 2222, 5501, 8080, 8443]),
        tool: None,
        from: Some(day(5, 5)),
        to: Some(day(5, 20)),
        clock: Some(22),
        ..one.clone()
    };
    let began = Group {
        to: None,
        one_in: 32,
        ..bounded.clone()
    };
    let ended = Group {
        from: None,
        clock: None,
        ..bounded.clone()
    };
    let a_day = Group {
        to: Some(day(5, 5)),
        clock: None,
        ..bounded.clone()
    };
    let clock = Group {
        ports: ports(&[22]),
        clock: Some(3),
        ..one.clone()
    };
    let empty = Group {
        ports: Vec::new(),
        ..one.clone()
    };
    assert_eq!(group(&empty, &context), None);
    [one, bounded, began, ended, a_day, clock]
        .iter()
        .filter_map(|one| group(one, &context))
        .collect()
}

fn falls(lang: Lang) -> Vec<String> {
    let context = quarter(lang);
    let names = Plain(lang);
    let fall = |from, end, alone| RegionFall {
        region: names.region("US"),
        from,
        end,
        expected: 183.6,
        observed: 41.2,
        alone,
    };
    [
        fall(day(5, 10), FallEnd::Back(day(5, 14)), Some(true)),
        fall(day(5, 10), FallEnd::Back(day(5, 10)), None),
        fall(day(6, 26), FallEnd::Open, Some(true)),
        fall(day(5, 10), FallEnd::Lasting, Some(false)),
    ]
    .iter()
    .filter_map(|fall| region_fall(fall, &context))
    .collect()
}
