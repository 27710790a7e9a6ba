//! Sentences about notified addresses and about places, for the golden files.

use super::*;
use crate::notified::Outcome;
use crate::sentence::notified::{Notified, notified, still_seen};
use crate::sentence::place::{Apart, Volumes, apart, common, extremes, only_here, only_here_means, volumes};

const LEAST: u64 = 10;

pub(super) fn sentences(lang: Lang) -> Vec<String> {
    let mut texts = of_notified(lang);
    texts.extend(of_places(lang));
    texts
}

fn of_notified(lang: Lang) -> Vec<String> {
    let context = quarter(lang);
    let text = |japanese: &str, english: &str| context.either(japanese.to_owned(), english.to_owned());
    let kinds = |provider, csirt| vec![(text("ISP", "internet service providers"), provider), ("CSIRTs".to_owned(), csirt)];
    let some = |addresses, followed, recipients| Notified {
        addresses,
        followed,
        recipients,
        least: LEAST,
    };
    let outcome = Outcome {
        later: 7,
        pending: 12,
        unobserved: 0,
        known: 200,
        seen: 130,
        matched: 200,
        matched_seen: 130,
        others: 1_234,
        others_share: 0.8,
        others_effective: 900.0,
    };
    let same = Outcome {
        later: 30,
        others_share: 0.66,
        pending: 0,
        unobserved: 4,
        ..outcome
    };
    let few = Outcome {
        seen: 3,
        matched_seen: 3,
        pending: 0,
        ..outcome
    };
    let alone = Outcome {
        matched: 0,
        matched_seen: 0,
        others: 0,
        others_effective: 0.0,
        ..few
    };
    let not_yet = Outcome {
        known: 9,
        pending: 203,
        ..outcome
    };
    assert_eq!(still_seen(&Outcome::default(), LEAST, &context), None);
    let mut texts = vec![
        notified(&some(240, 212, kinds(200, 40)), &context),
        notified(&some(240, 9, kinds(235, 5)), &context),
        notified(&some(9, 9, kinds(9, 0)), &context),
    ];
    let told = [outcome, same, few, alone, not_yet].map(|outcome| still_seen(&outcome, LEAST, &context));
    texts.extend(told.into_iter().flatten());
    texts
}

fn of_places(lang: Lang) -> Vec<String> {
    let context = quarter(lang);
    let text = |japanese: &str, english: &str| context.either(japanese.to_owned(), english.to_owned());
    let (home, abroad) = (text("国内センサー", "domestic sensors"), text("海外センサー", "overseas sensors"));
    let rates = |left, right, alike| Volumes {
        places: vec![(home.clone(), left), (abroad.clone(), right)],
        alike,
    };
    let pair = |percent| Apart {
        left: home.clone(),
        right: abroad.clone(),
        percent,
    };
    let ports: Vec<String> = (0..7).map(|number| Plain(lang).port(6, Some(8000 + number))).collect();
    assert_eq!(volumes(&rates(f64::NAN, 1.0, false), &context), None);
    assert_eq!(only_here(&home, &[], &context), None);
    assert_eq!(common(10, 0, 1, &context), None);
    let mut texts: Vec<String> = [
        volumes(&rates(1_612.0, 1_688.0, true), &context),
        volumes(&rates(1_612.0, 16_880.0, false), &context),
        apart(&pair(12.3), &context),
        apart(&pair(0.4), &context),
        extremes(&pair(34.0), &pair(5.0), &context),
        only_here(&abroad, &ports, &context),
        only_here(&home, ports.get(..1).unwrap_or_default(), &context),
        common(10, 7, 6, &context),
    ]
    .into_iter()
    .flatten()
    .collect();
    texts.push(only_here_means(&context));
    texts
}
