//! Where our parts take the place of the engine's.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode};

use super::count::is_ours;
use super::partial::GroupRunsExec;
use super::read::read_here;
use super::runs::is_comparable;

/// Puts [`GroupRunsExec`] where the engine planned a partial aggregation that it can do, and has files read by us.
#[derive(Debug)]
pub(super) struct OurParts;

impl PhysicalOptimizerRule for OurParts {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let replaced = plan.transform_up(|plan| {
            let aggregate = plan.downcast_ref::<AggregateExec>().filter(|aggregate| can_be_ours(aggregate));
            let ours = aggregate.map(|aggregate| Arc::new(GroupRunsExec::new(aggregate.clone())) as Arc<dyn ExecutionPlan>);
            Ok(match ours.or_else(|| read_here(plan.as_ref())) {
                Some(ours) => Transformed::yes(ours),
                None => Transformed::no(plan),
            })
        })?;
        Ok(replaced.data)
    }

    fn name(&self) -> &str {
        "our_parts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Raw rows in no declared order, grouped by columns whose runs can be told, no grouping sets, no limit.
fn can_be_ours(aggregate: &AggregateExec) -> bool {
    let group_by = aggregate.group_expr();
    let schema = aggregate.input().schema();
    *aggregate.mode() == AggregateMode::Partial
        && *aggregate.input_order_mode() == InputOrderMode::Linear
        && aggregate.limit_options().is_none()
        && !group_by.expr().is_empty()
        && group_by.is_single()
        && group_by
            .expr()
            .iter()
            .all(|(key, _)| key.data_type(&schema).is_ok_and(|kind| is_comparable(&kind)))
        && aggregate.aggr_expr().iter().all(|function| function.groups_accumulator_supported())
}

/// One of the engine's rules; the one that splits a distinct count into two groupings leaves out those that are
/// counted at once by our set.
pub(super) fn unless_counted_at_once(rule: Arc<dyn OptimizerRule + Send + Sync>) -> Arc<dyn OptimizerRule + Send + Sync> {
    if rule.name() == SPLITS {
        return Arc::new(UnlessCountedAtOnce(rule));
    }
    rule
}

/// The engine's name of that rule.
const SPLITS: &str = "single_distinct_aggregation_to_group_by";

#[derive(Debug)]
struct UnlessCountedAtOnce(Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for UnlessCountedAtOnce {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if counts_at_once(&plan) {
            return Ok(Transformed::no(plan));
        }
        self.0.rewrite(plan, config)
    }
}

/// Whether everything that a grouping counts distinct is counted by us.
fn counts_at_once(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Aggregate(aggregate) = plan else { return false };
    let schema = aggregate.input.schema();
    let is_at_once = |expression: &Expr| {
        let Expr::AggregateFunction(function) = expression else {
            return true;
        };
        let arguments = &function.params.args;
        !function.params.distinct
            || function.func.name() == "count" && arguments.len() == 1 && arguments[0].get_type(schema).is_ok_and(|kind| is_ours(&kind))
    };
    aggregate.aggr_expr.iter().all(is_at_once)
}
