//! The engine's `count`, with our accumulators where numbers of at most 32 bits are counted distinct.

use arrow::datatypes::{DataType, FieldRef, UInt16Type, UInt32Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::count::Count as Engines;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature, StatisticsArgs,
};

use super::distinct::{Distinct, DistinctOfAll};

/// The engine's own in everything but [`is_ours`].
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Count {
    engines: Engines,
}

/// Whether distinct values of a type are counted by us.
pub(super) fn is_ours(kind: &DataType) -> bool {
    matches!(kind, DataType::UInt16 | DataType::UInt32)
}

fn is_counted_by_us(args: &AccumulatorArgs<'_>) -> bool {
    args.is_distinct && args.exprs.len() == 1 && is_ours(args.expr_fields[0].data_type())
}

impl AggregateUDFImpl for Count {
    fn name(&self) -> &str {
        self.engines.name()
    }

    fn signature(&self) -> &Signature {
        self.engines.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.engines.return_type(arguments)
    }

    fn is_nullable(&self) -> bool {
        self.engines.is_nullable()
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.engines.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        // 16-bit numbers without groups: the engine has a bitmap of all of them.
        if is_counted_by_us(&args) && *args.expr_fields[0].data_type() == DataType::UInt32 {
            return Ok(Box::new(DistinctOfAll::<UInt32Type>::default()));
        }
        self.engines.accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.engines.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        if !is_counted_by_us(&args) {
            return self.engines.create_groups_accumulator(args);
        }
        if *args.expr_fields[0].data_type() == DataType::UInt16 {
            return Ok(Box::new(Distinct::<UInt16Type>::default()));
        }
        Ok(Box::new(Distinct::<UInt32Type>::default()))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.engines.create_sliding_accumulator(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.engines.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.engines.reverse_expr()
    }

    fn default_value(&self, kind: &DataType) -> Result<ScalarValue> {
        self.engines.default_value(kind)
    }

    fn value_from_stats(&self, args: &StatisticsArgs<'_>) -> Option<ScalarValue> {
        self.engines.value_from_stats(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.engines.documentation()
    }

    fn set_monotonicity(&self, kind: &DataType) -> SetMonotonicity {
        self.engines.set_monotonicity(kind)
    }
}
