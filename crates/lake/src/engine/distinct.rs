//! `count(DISTINCT number)` for numbers of at most 32 bits, in groups and without.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Int64Array, ListArray, PrimitiveArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Field, UInt16Type, UInt32Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::pairs::{Pairs, pair, parts};

/// Types whose values fit 32 bits.
pub(super) trait Narrow: ArrowPrimitiveType + std::fmt::Debug {
    /// As 32 bits.
    fn to_bits(value: Self::Native) -> u32;
    /// Back again.
    fn from_bits(bits: u32) -> Self::Native;
}

impl Narrow for UInt32Type {
    fn to_bits(value: u32) -> u32 {
        value
    }
    fn from_bits(bits: u32) -> u32 {
        bits
    }
}

impl Narrow for UInt16Type {
    fn to_bits(value: u16) -> u32 {
        u32::from(value)
    }
    fn from_bits(bits: u32) -> u16 {
        (bits & 0xffff) as u16
    }
}

/// Distinct numbers of every group. Its state is the list of them, group by group, as the engine's own is.
#[derive(Debug)]
pub(super) struct Distinct<T> {
    pairs: Pairs,
    counts: Vec<i64>,
    batch: Vec<u64>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Distinct {
            pairs: Pairs::default(),
            counts: Vec::new(),
            batch: Vec::new(),
            kind: PhantomData,
        }
    }
}

impl<T: Narrow> Distinct<T> {
    /// Gathers the pairs of a batch, leaving out those that follow their like: sources are stored sorted within a port.
    fn gather(&mut self, values: &PrimitiveArray<T>, groups: &[usize], filter: Option<&BooleanArray>) {
        self.batch.clear();
        let mut last = u64::MAX;
        let batch = &mut self.batch;
        let mut add = |group: usize, value: T::Native| {
            let next = pair(group, T::to_bits(value));
            if next != last {
                batch.push(next);
                last = next;
            }
        };
        if values.null_count() == 0 && filter.is_none() {
            for (&group, &value) in groups.iter().zip(values.values()) {
                add(group, value);
            }
            return;
        }
        for (row, &group) in groups.iter().enumerate() {
            if values.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row)) {
                add(group, values.value(row));
            }
        }
    }

    fn absorb(&mut self, groups: usize) -> Result<()> {
        if groups >= u32::MAX as usize {
            return exec_err!("more than {} groups", u32::MAX - 1);
        }
        self.counts.resize(groups, 0);
        let counts = &mut self.counts;
        self.pairs.extend(&self.batch, |group| counts[group] += 1);
        Ok(())
    }

    fn forget(&mut self, emitted: EmitTo) {
        match emitted {
            EmitTo::All => self.pairs = Pairs::default(),
            EmitTo::First(groups) => self.pairs.forget_first(groups),
        }
    }
}

impl<T: Narrow> GroupsAccumulator for Distinct<T> {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> Result<()> {
        self.gather(values[0].as_primitive::<T>(), groups, filter);
        self.absorb(total)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        let lists = values[0].as_list::<i32>();
        let numbers = lists.values().as_primitive::<T>();
        let offsets = lists.value_offsets();
        let ends = offsets.iter().zip(offsets.iter().skip(1));
        self.batch.clear();
        for ((&start, &end), &group) in ends.zip(groups) {
            let numbers = &numbers.values()[start as usize..end as usize];
            self.batch.extend(numbers.iter().map(|&number| pair(group, T::to_bits(number))));
        }
        self.pairs.reserve(self.batch.len());
        self.absorb(total)?;
        if self.batch.capacity() > 1 << 16 {
            self.batch = Vec::new();
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let counts = emit_to.take_needed(&mut self.counts);
        self.forget(emit_to);
        Ok(Arc::new(Int64Array::from(counts)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let counts = emit_to.take_needed(&mut self.counts);
        let (mut offsets, mut end) = (vec![0i32], 0i64);
        for count in &counts {
            end += count;
            let end = i32::try_from(end).map_err(|_| exec_datafusion_err!("more than {} distinct numbers in one batch", i32::MAX))?;
            offsets.push(end);
        }
        let mut at: Vec<usize> = offsets.iter().map(|&offset| offset.unsigned_abs() as usize).collect();
        let mut numbers = vec![T::Native::default(); at.last().copied().unwrap_or(0)];
        for (group, number) in self.pairs.iter().map(parts) {
            if group < counts.len() {
                numbers[at[group]] = T::from_bits(number);
                at[group] += 1;
            }
        }
        self.forget(emit_to);
        Ok(vec![Arc::new(lists::<T>(numbers, offsets)?)])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<T>();
        let (mut offsets, mut numbers) = (vec![0i32], Vec::with_capacity(values.len()));
        for row in 0..values.len() {
            if values.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row)) {
                numbers.push(values.value(row));
            }
            offsets.push(i32::try_from(numbers.len()).map_err(|_| exec_datafusion_err!("a batch is too long"))?);
        }
        Ok(vec![Arc::new(lists::<T>(numbers, offsets)?)])
    }

    fn size(&self) -> usize {
        self.pairs.size_bytes() + self.counts.capacity() * size_of::<i64>() + self.batch.capacity() * size_of::<u64>()
    }
}

fn lists<T: Narrow>(numbers: Vec<T::Native>, offsets: Vec<i32>) -> Result<ListArray> {
    let field = Arc::new(Field::new_list_field(T::DATA_TYPE, true));
    let numbers = PrimitiveArray::<T>::new(ScalarBuffer::from(numbers), None);
    Ok(ListArray::try_new(
        field,
        OffsetBuffer::new(offsets.into()),
        Arc::new(numbers),
        None,
    )?)
}

/// Distinct numbers of everything: one group.
#[derive(Debug)]
pub(super) struct DistinctOfAll<T>(Distinct<T>);

impl<T> Default for DistinctOfAll<T> {
    fn default() -> Self {
        DistinctOfAll(Distinct::default())
    }
}

impl<T: Narrow> Accumulator for DistinctOfAll<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let groups = vec![0; values[0].len()];
        self.0.update_batch(values, &groups, None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let groups = vec![0; states[0].len()];
        self.0.merge_batch(states, &groups, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.0.counts.first().copied().unwrap_or(0))))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.counts.resize(1, 0);
        let states = self.0.state(EmitTo::All)?;
        let scalar = |state: &ArrayRef| ScalarValue::List(Arc::new(state.as_list::<i32>().clone()));
        Ok(states.iter().map(scalar).collect())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.size()
    }
}

#[cfg(test)]
mod tests;
