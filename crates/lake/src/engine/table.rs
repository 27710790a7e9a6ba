//! Groups and their states in the making: the engine's own group values and accumulators, asked once a run.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, UInt32Array};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use datafusion::physical_plan::aggregates::{AggregateExec, PhysicalGroupBy, aggregate_expressions, evaluate_group_by};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::runs::Runs;

/// One aggregate of all groups.
enum State {
    /// `count(*)`: lengths of runs are added up.
    Rows(Vec<i64>),
    /// Anything else.
    Other {
        accumulator: Box<dyn GroupsAccumulator>,
        arguments: Vec<Arc<dyn PhysicalExpr>>,
        filter: Option<Arc<dyn PhysicalExpr>>,
    },
}

/// The groups of one partition.
pub(super) struct GroupTable {
    schema: SchemaRef,
    group_schema: SchemaRef,
    group_by: PhysicalGroupBy,
    values: Box<dyn GroupValues>,
    states: Vec<State>,
    runs: Runs,
    /// Group of each run.
    run_groups: Vec<usize>,
    /// Group of each row.
    row_groups: Vec<usize>,
    recent: Recent,
}

impl GroupTable {
    /// For what `aggregate` groups and sums up.
    pub(super) fn new(aggregate: &AggregateExec) -> Result<GroupTable> {
        let group_schema = aggregate.group_expr().group_schema(&aggregate.input().schema())?;
        let arguments = aggregate_expressions(aggregate.aggr_expr(), aggregate.mode(), 0)?;
        let mut states = Vec::new();
        for ((function, arguments), filter) in aggregate.aggr_expr().iter().zip(arguments).zip(aggregate.filter_expr()) {
            let counts_rows = function.fun().name() == "count" && !function.is_distinct() && filter.is_none();
            states.push(if counts_rows && arguments.iter().all(is_never_null) {
                State::Rows(Vec::new())
            } else {
                State::Other {
                    accumulator: function.create_groups_accumulator()?,
                    arguments,
                    filter: filter.clone(),
                }
            });
        }
        Ok(GroupTable {
            schema: aggregate.schema(),
            values: new_group_values(Arc::clone(&group_schema), &GroupOrdering::None)?,
            group_schema,
            group_by: aggregate.group_expr().clone(),
            states,
            runs: Runs::default(),
            run_groups: Vec::new(),
            row_groups: Vec::new(),
            recent: Recent::default(),
        })
    }

    /// Groups so far.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes it takes.
    pub(super) fn size_bytes(&self) -> usize {
        let states = self.states.iter().map(|state| match state {
            State::Rows(counts) => counts.capacity() * size_of::<i64>(),
            State::Other { accumulator, .. } => accumulator.size(),
        });
        states.sum::<usize>() + self.values.size() + self.row_groups.capacity() * size_of::<usize>()
    }

    /// Adds the rows of a batch.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let keys = self.keys(batch)?;
        let rows = batch.num_rows();
        self.runs.find(&keys, rows);
        self.find_groups(&keys)?;
        let total = self.values.len();
        let run_ends = self.runs.starts.iter().skip(1).map(|&start| start as usize).chain([rows]);
        if self.states.iter().any(|state| matches!(state, State::Other { .. })) {
            self.row_groups.clear();
            for (&group, end) in self.run_groups.iter().zip(run_ends.clone()) {
                self.row_groups.resize(end, group);
            }
        }
        for state in &mut self.states {
            match state {
                State::Rows(counts) => {
                    counts.resize(total, 0);
                    let mut start = 0;
                    for (&group, end) in self.run_groups.iter().zip(run_ends.clone()) {
                        counts[group] += (end - start) as i64;
                        start = end;
                    }
                }
                State::Other {
                    accumulator,
                    arguments,
                    filter,
                } => {
                    let (values, filter) = evaluate(arguments, filter.as_ref(), batch)?;
                    accumulator.update_batch(&values, &self.row_groups, filter.as_ref(), total)?;
                }
            }
        }
        Ok(())
    }

    /// All groups with their states; the table is empty afterwards.
    pub(super) fn take(&mut self) -> Result<Option<RecordBatch>> {
        if self.values.is_empty() {
            return Ok(None);
        }
        let mut columns = self.values.emit(EmitTo::All)?;
        for state in &mut self.states {
            match state {
                State::Rows(counts) => columns.push(Arc::new(Int64Array::from(std::mem::take(counts)))),
                State::Other { accumulator, .. } => columns.extend(accumulator.state(EmitTo::All)?),
            }
        }
        self.values = new_group_values(Arc::clone(&self.group_schema), &GroupOrdering::None)?;
        self.recent = Recent::default();
        Ok(Some(RecordBatch::try_new(Arc::clone(&self.schema), columns)?))
    }

    /// The states of a batch whose every row is its own group.
    pub(super) fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = self.keys(batch)?;
        for state in &self.states {
            match state {
                State::Rows(_) => columns.push(Arc::new(Int64Array::from_value(1, batch.num_rows()))),
                State::Other {
                    accumulator,
                    arguments,
                    filter,
                } => {
                    let (values, filter) = evaluate(arguments, filter.as_ref(), batch)?;
                    columns.extend(accumulator.convert_to_state(&values, filter.as_ref())?);
                }
            }
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    fn keys(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        Ok(evaluate_group_by(&self.group_by, batch)?.into_iter().next().unwrap_or_default())
    }

    /// Finds the group of each run.
    fn find_groups(&mut self, keys: &[ArrayRef]) -> Result<()> {
        let views = match keys {
            [key] if *key.data_type() == DataType::Utf8View && key.null_count() == 0 => Some(key.as_string_view().views()),
            _ => None,
        };
        let Some(views) = views else {
            let firsts = firsts(keys, &self.runs.starts)?;
            return self.values.intern(&firsts, &mut self.run_groups);
        };
        self.recent.look_up(views, &self.runs.starts, &mut self.run_groups);
        if self.recent.missed.is_empty() {
            return Ok(());
        }
        let rows: Vec<u32> = self.recent.missed.iter().map(|&run| self.runs.starts[run]).collect();
        let firsts = firsts(keys, &rows)?;
        let mut groups = Vec::new();
        self.values.intern(&firsts, &mut groups)?;
        for ((&run, &row), &group) in self.recent.missed.iter().zip(&rows).zip(&groups) {
            self.run_groups[run] = group;
            self.recent.entries.note(views[row as usize], group);
        }
        Ok(())
    }
}

/// The rows named of every column.
fn firsts(columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<ArrayRef>> {
    if columns.iter().all(|column| column.len() == rows.len()) {
        return Ok(columns.to_vec());
    }
    let rows = UInt32Array::from(rows.to_vec());
    let taken = columns.iter().map(|column| arrow::compute::take(column, &rows, None));
    Ok(taken.collect::<std::result::Result<Vec<_>, _>>()?)
}

fn evaluate(
    arguments: &[Arc<dyn PhysicalExpr>],
    filter: Option<&Arc<dyn PhysicalExpr>>,
    batch: &RecordBatch,
) -> Result<(Vec<ArrayRef>, Option<BooleanArray>)> {
    let array = |expression: &Arc<dyn PhysicalExpr>| expression.evaluate(batch)?.into_array(batch.num_rows());
    let values = arguments.iter().map(array).collect::<Result<Vec<_>>>()?;
    let filter = filter.map(array).transpose()?;
    Ok((values, filter.map(|filter| filter.as_boolean().clone())))
}

fn is_never_null(argument: &Arc<dyn PhysicalExpr>) -> bool {
    argument.downcast_ref::<Literal>().is_some_and(|literal| !literal.value().is_null())
}

/// Short texts and their groups, by a table that a text finds its one place in: for few different texts, such as regions.
#[derive(Debug, Default)]
struct Recent {
    entries: Entries,
    /// Runs whose text was not there.
    missed: Vec<usize>,
}

impl Recent {
    fn look_up(&mut self, views: &[u128], starts: &[u32], groups: &mut Vec<usize>) {
        groups.clear();
        self.missed.clear();
        for (run, &start) in starts.iter().enumerate() {
            let group = self.entries.group(views[start as usize]);
            if group.is_none() {
                self.missed.push(run);
            }
            groups.push(group.unwrap_or(usize::MAX));
        }
    }
}

/// Places of the table.
const PLACES: usize = 1 << 10;
/// Bytes of a text that is held in its view; a longer one is told by where it is kept, which says nothing in the next batch.
const INLINE_BYTES: u128 = 12;

#[derive(Debug)]
struct Entries(Vec<(u128, usize)>);

impl Default for Entries {
    fn default() -> Self {
        // No short text has a view like this.
        Entries(vec![(u128::MAX, 0); PLACES])
    }
}

impl Entries {
    #[inline(always)]
    fn place(view: u128) -> usize {
        // Length and first four bytes are in the low half, where regions differ.
        let word = ((view ^ view >> 64) & u128::from(u32::MAX)) ^ (view >> 32 & u128::from(u32::MAX));
        usize::try_from((word * 0x9e37_79b1) >> 22).unwrap_or(usize::MAX) % PLACES
    }

    #[inline(always)]
    fn group(&self, view: u128) -> Option<usize> {
        let (known, group) = self.0[Self::place(view)];
        (known == view).then_some(group)
    }

    fn note(&mut self, view: u128, group: usize) {
        if view & u128::from(u32::MAX) <= INLINE_BYTES {
            self.0[Self::place(view)] = (view, group);
        }
    }
}
