//! The readers of databases out of the program, without the query engine that it is linked with.
#![allow(dead_code, reason = "a target uses a part of them")]

#[path = "../../../crates/hirundo/src/intel/bogon.rs"]
mod bogon;
#[path = "../../../crates/hirundo/src/intel/database.rs"]
mod database;
#[path = "../../../crates/hirundo/src/intel/delimited.rs"]
mod delimited;
#[path = "../../../crates/hirundo/src/intel/mmdb.rs"]
mod mmdb;
#[path = "../../../crates/hirundo/src/intel/region.rs"]
mod region;
#[path = "../../../crates/hirundo/src/intel/span.rs"]
mod span;

/// Reads an MMDB file and lays its ranges out.
pub(crate) fn check_mmdb(bytes: &[u8]) {
    match mmdb::read(bytes) {
        Ok(content) => {
            assert!(content.spans.len() <= database::RANGES_MAX);
            let flat = content.spans.flattened();
            assert!(flat.region_v4.is_sorted_by_key(|span| span.first) && flat.asn_v6.is_sorted_by_key(|span| span.first));
            for spans in [&flat.region_v4, &flat.region_v6] {
                assert!(spans.windows(2).all(|pair| pair[0].last < pair[1].first), "ranges overlap");
                assert!(
                    spans
                        .iter()
                        .all(|span| span.first <= span.last && region::code(region::code_text(span.value)) == Some(span.value))
                );
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
