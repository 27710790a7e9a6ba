//! Where runs of equal keys begin in a batch.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};

/// Whether runs of a type are looked for: types whose values are equal exactly when their bits are, or, for
/// views, are surely equal when their bits are.
pub(super) fn is_comparable(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, _)
            | DataType::Utf8View
            | DataType::BinaryView
    )
}

/// Finds the first rows of runs; keeps its scratch space.
#[derive(Debug, Default)]
pub(super) struct Runs {
    differs: Vec<u8>,
    /// First row of each run, in order; the first is 0.
    pub(super) starts: Vec<u32>,
}

impl Runs {
    /// Looks for runs in which all `columns` stay the same. Rows of one run surely have equal keys; two runs
    /// that follow each other may have equal keys too.
    pub(super) fn find(&mut self, columns: &[ArrayRef], rows: usize) {
        self.differs.clear();
        self.differs.resize(rows, 0);
        self.starts.clear();
        let Some(first) = self.differs.first_mut() else { return };
        *first = 1;
        for column in columns {
            mark(column, &mut self.differs);
        }
        let (eights, rest) = self.differs.as_chunks::<8>();
        let mut row = 0;
        for eight in eights {
            if u64::from_ne_bytes(*eight) != 0 {
                let begins = (row..row + 8).zip(eight).filter(|(_, differs)| **differs != 0);
                self.starts.extend(begins.map(|(row, _)| row));
            }
            row += 8;
        }
        let begins = (row..).zip(rest).filter(|(_, differs)| **differs != 0);
        self.starts.extend(begins.map(|(row, _)| row));
    }
}

fn mark(column: &ArrayRef, differs: &mut [u8]) {
    let is_compared = compare_as::<UInt8Type>(column, differs)
        || compare_as::<UInt16Type>(column, differs)
        || compare_as::<UInt32Type>(column, differs)
        || compare_as::<UInt64Type>(column, differs)
        || compare_as::<Int8Type>(column, differs)
        || compare_as::<Int16Type>(column, differs)
        || compare_as::<Int32Type>(column, differs)
        || compare_as::<Int64Type>(column, differs)
        || compare_as::<Date32Type>(column, differs)
        || compare_as::<TimestampMicrosecondType>(column, differs)
        || compare_views(column, differs);
    if !is_compared {
        differs.fill(1);
    }
    // What stands in the place of a null is no value: nulls are compared by themselves.
    if let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) {
        let mut last = nulls.is_valid(0);
        for (row, differs) in differs.iter_mut().enumerate() {
            let valid = nulls.is_valid(row);
            *differs |= u8::from(valid != last);
            last = valid;
        }
    }
}

fn compare_as<T: ArrowPrimitiveType>(column: &ArrayRef, differs: &mut [u8]) -> bool {
    let Some(column) = column.as_primitive_opt::<T>() else {
        return false;
    };
    compare(column.values(), differs);
    true
}

fn compare_views(column: &ArrayRef, differs: &mut [u8]) -> bool {
    let texts = column.as_string_view_opt().map(|column| column.views());
    let Some(views) = texts.or_else(|| column.as_binary_view_opt().map(|column| column.views())) else {
        return false;
    };
    compare(views, differs);
    true
}

#[inline]
fn compare<T: PartialEq>(values: &[T], differs: &mut [u8]) {
    let pairs = values.iter().zip(values.iter().skip(1));
    for (differs, (last, value)) in differs.iter_mut().skip(1).zip(pairs) {
        *differs |= u8::from(value != last);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{StringViewArray, UInt8Array, UInt16Array};

    use super::*;

    fn check(columns: &[ArrayRef], expected: &[u32]) {
        let mut runs = Runs::default();
        runs.find(columns, columns[0].len());
        assert_eq!(runs.starts, expected);
    }

    #[test]
    fn runs_begin_where_any_column_changes() {
        let ports: ArrayRef = Arc::new(UInt16Array::from(vec![23, 23, 23, 80, 80, 80, 80, 80, 80, 443]));
        let protocols: ArrayRef = Arc::new(UInt8Array::from(vec![6, 6, 17, 17, 17, 17, 17, 17, 6, 6]));
        check(&[Arc::clone(&ports)], &[0, 3, 9]);
        check(&[ports, protocols], &[0, 2, 3, 8, 9]);
    }

    #[test]
    fn nulls_are_runs_of_their_own() {
        let ports: ArrayRef = Arc::new(UInt16Array::from(vec![Some(0), None, None, Some(0), Some(0), Some(7), None]));
        check(&[ports], &[0, 1, 3, 5, 6]);
        let regions: ArrayRef = Arc::new(StringViewArray::from(vec![None, Some("JP"), Some("JP"), Some("US"), None]));
        check(&[regions], &[0, 1, 3, 4]);
    }

    #[test]
    fn an_empty_batch_has_none() {
        check(&[Arc::new(UInt8Array::from(Vec::<u8>::new()))], &[]);
    }

    #[test]
    fn long_texts_may_begin_runs_but_never_join_unequal_ones() {
        let texts = ["M1460,N,W8,N,N,S", "M1460,N,W8,N,N,S", "M1460,N,W8,N,N,T", "M1460,N,W8,N,N,S"];
        let mut runs = Runs::default();
        runs.find(&[Arc::new(StringViewArray::from_iter_values(texts))], 4);
        assert!(runs.starts.contains(&2) && runs.starts.contains(&3), "{:?}", runs.starts);
    }
}
