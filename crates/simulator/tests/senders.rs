//! Who sent what, told packet by packet, adds up to the truth.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use hirundo_simulator::{Counts, Scenario, senders, truth};

#[test]
fn senders_add_up_to_the_truth() {
    let scenario = Scenario::shipped("sample").unwrap().unwrap();
    let mut tools: BTreeMap<String, Counts> = BTreeMap::new();
    let mut sources: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    senders(&scenario, 3, &mut |day, source, tool| {
        let day = day.to_string();
        let packets = tools.entry(day.clone()).or_default();
        *packets.entry(tool.name().to_owned()).or_default() += 1;
        sources.entry(day).or_default().insert(source);
    })
    .unwrap();
    let truth = truth(&scenario, 3).unwrap();
    assert_eq!(truth.days.len(), 3);
    for day in truth.days {
        assert_eq!(tools[&day.day], day.tools, "{}", day.day);
        assert_eq!(sources[&day.day].len() as u64, day.sources, "{}", day.day);
    }
}
