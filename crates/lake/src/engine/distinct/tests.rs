//! The accumulators against a plain set, however their states are split and merged.

use std::collections::HashSet;

use arrow::array::UInt32Array;

use super::*;

/// Rows of group, value (null now and then) and filter.
fn rows(seed: u64, count: usize, groups: usize) -> Vec<(usize, Option<u32>, Option<bool>)> {
    let mut state = seed;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    (0..count)
        .map(|_| {
            let value = (next() % 7 != 0).then(|| u32::try_from(next() % 500 * 8_000_000).unwrap());
            let filter = [Some(true), Some(true), Some(false), None][next() % 4];
            (next() % groups, value, filter)
        })
        .collect()
}

fn plain(rows: &[(usize, Option<u32>, Option<bool>)], groups: usize, filtered: bool) -> Vec<i64> {
    let mut sets = vec![HashSet::new(); groups];
    for &(group, value, filter) in rows {
        if !filtered || filter == Some(true) {
            sets[group].extend(value);
        }
    }
    sets.iter().map(|set| i64::try_from(set.len()).unwrap()).collect()
}

type Columns = (Vec<usize>, ArrayRef, BooleanArray);

fn columns(rows: &[(usize, Option<u32>, Option<bool>)]) -> Columns {
    let values: UInt32Array = rows.iter().map(|row| row.1).collect();
    (
        rows.iter().map(|row| row.0).collect(),
        Arc::new(values),
        rows.iter().map(|row| row.2).collect(),
    )
}

fn counts(array: &ArrayRef) -> Vec<i64> {
    array.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec()
}

#[test]
fn counts_what_a_plain_set_counts() {
    for (seed, groups) in [(1, 1), (2, 7), (3, 300)] {
        for filtered in [false, true] {
            let rows = rows(seed, 20_000, groups);
            let mut ours = Distinct::<UInt32Type>::default();
            for batch in rows.chunks(1_000) {
                let (group, value, filter) = columns(batch);
                ours.update_batch(&[value], &group, filtered.then_some(&filter), groups).unwrap();
            }
            assert_eq!(
                counts(&ours.evaluate(EmitTo::All).unwrap()),
                plain(&rows, groups, filtered),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn parts_merge_to_the_whole() {
    let groups = 40;
    for seed in 10..14 {
        let rows = rows(seed, 9_000, groups);
        let mut merged = Distinct::<UInt32Type>::default();
        for (n, part) in rows.chunks(3_000).enumerate() {
            let mut ours = Distinct::<UInt32Type>::default();
            let (group, value, filter) = columns(part);
            let (states, groups_of_states) = if n == 1 {
                (ours.convert_to_state(&[value], Some(&filter)).unwrap(), group)
            } else {
                ours.update_batch(&[value], &group, Some(&filter), groups).unwrap();
                (ours.state(EmitTo::All).unwrap(), (0..groups).collect())
            };
            merged.merge_batch(&states, &groups_of_states, groups).unwrap();
        }
        assert_eq!(
            counts(&merged.evaluate(EmitTo::All).unwrap()),
            plain(&rows, groups, true),
            "seed {seed}"
        );
    }
}

#[test]
fn groups_come_out_a_few_at_a_time() {
    let groups = 10;
    let rows = rows(20, 5_000, groups);
    let expected = plain(&rows, groups, false);
    let mut ours = Distinct::<UInt32Type>::default();
    let (group, value, _) = columns(&rows);
    ours.update_batch(&[value], &group, None, groups).unwrap();
    assert_eq!(counts(&ours.evaluate(EmitTo::First(3)).unwrap()), expected[..3]);
    let states = ours.state(EmitTo::First(4)).unwrap();
    let lists = states[0].as_list::<i32>();
    let lengths: Vec<i64> = (0..lists.len()).map(|row| i64::from(lists.value_length(row))).collect();
    assert_eq!(lengths, expected[3..7]);
    assert_eq!(counts(&ours.evaluate(EmitTo::All).unwrap()), expected[7..]);
    assert!(ours.counts.is_empty() && ours.pairs.iter().next().is_none());
}

#[test]
fn all_rows_are_one_group_without_grouping() {
    let rows = rows(30, 8_000, 1);
    let expected = plain(&rows, 1, false)[0];
    let mut whole = DistinctOfAll::<UInt32Type>::default();
    for part in rows.chunks(2_500) {
        let mut ours = DistinctOfAll::<UInt32Type>::default();
        ours.update_batch(&[columns(part).1]).unwrap();
        let states: Vec<ArrayRef> = ours.state().unwrap().iter().map(|state| state.to_array().unwrap()).collect();
        whole.merge_batch(&states).unwrap();
    }
    assert_eq!(whole.evaluate().unwrap(), ScalarValue::Int64(Some(expected)));
    assert_eq!(
        DistinctOfAll::<UInt32Type>::default().evaluate().unwrap(),
        ScalarValue::Int64(Some(0))
    );
}
