//! The first stage of a grouping, for rows that come in runs.

use std::fmt;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{CardinalityEffect, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties};
use futures::StreamExt;

use super::table::GroupTable;

/// Does the work of the engine's partial aggregation that it was made from, and says of itself what that says.
#[derive(Debug)]
pub(super) struct GroupRunsExec {
    aggregate: AggregateExec,
    metrics: ExecutionPlanMetricsSet,
}

impl GroupRunsExec {
    pub(super) fn new(aggregate: AggregateExec) -> GroupRunsExec {
        GroupRunsExec {
            aggregate,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for GroupRunsExec {
    fn fmt_as(&self, kind: DisplayFormatType, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "GroupRuns: ")?;
        self.aggregate.fmt_as(kind, to)
    }
}

impl ExecutionPlan for GroupRunsExec {
    fn name(&self) -> &str {
        "GroupRunsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.aggregate.children()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replaced = Arc::new(self.aggregate.clone()).replace_children(children, options)?;
        let Some(aggregate) = replaced.downcast_ref::<AggregateExec>() else {
            return internal_err!("a partial aggregation became something else");
        };
        Ok(Arc::new(GroupRunsExec::new(aggregate.clone())))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(datafusion::physical_plan::execution_plan::ChildrenPropertiesMode::Recompute),
        )
    }

    fn apply_expressions(&self, visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        self.aggregate.apply_expressions(visit)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let options = &context.session_config().options().execution;
        let worker = Worker {
            table: GroupTable::new(&self.aggregate)?,
            input: Some(self.aggregate.input().execute(partition, Arc::clone(&context))?),
            reservation: MemoryConsumer::new(format!("GroupRuns[{partition}]"))
                .with_can_spill(true)
                .register(context.memory_pool()),
            metrics: BaselineMetrics::new(&self.metrics, partition),
            batch_rows: context.session_config().batch_size(),
            rows: 0,
            probed_rows: options.skip_partial_aggregation_probe_rows_threshold,
            groups_share_max: options.skip_partial_aggregation_probe_ratio_threshold,
            passes_rows_on: false,
            ready: None,
        };
        let stream = futures::stream::try_unfold(worker, |mut worker| async move {
            let batch = worker.next().await?;
            Ok(batch.map(|batch| (batch, worker)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.aggregate.child_stats_requests(partition)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.aggregate.statistics_from_inputs(inputs, args)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::LowerEqual
    }
}

/// One partition at work.
struct Worker {
    table: GroupTable,
    input: Option<SendableRecordBatchStream>,
    reservation: MemoryReservation,
    metrics: BaselineMetrics,
    batch_rows: usize,
    /// Rows seen.
    rows: usize,
    probed_rows: usize,
    groups_share_max: f64,
    /// Grouping was found not to pay: every row is passed on as a group of its own.
    passes_rows_on: bool,
    /// Groups that are handed on bit by bit.
    ready: Option<RecordBatch>,
}

impl Worker {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.take() {
                let rows = batch.num_rows().min(self.batch_rows);
                if rows < batch.num_rows() {
                    self.ready = Some(batch.slice(rows, batch.num_rows() - rows));
                }
                return Ok(Some(batch.slice(0, rows).record_output(&self.metrics)));
            }
            let Some(input) = &mut self.input else { return Ok(None) };
            let next = input.next().await.transpose()?;
            let compute = self.metrics.elapsed_compute().clone();
            let timed = compute.timer();
            match next {
                None => {
                    self.input = None;
                    self.emit()?;
                }
                Some(batch) if self.passes_rows_on => {
                    let converted = self.table.convert(&batch)?;
                    return Ok(Some(converted.record_output(&self.metrics)));
                }
                Some(batch) => self.add(&batch)?,
            }
            timed.done();
        }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.table.add(batch)?;
        self.rows += batch.num_rows();
        if self.rows >= self.probed_rows && self.table.len() as f64 > self.groups_share_max * self.rows as f64 {
            self.passes_rows_on = true;
            return self.emit();
        }
        match self.reservation.try_resize(self.table.size_bytes()) {
            // The next stage merges whatever it is given of a group.
            Err(DataFusionError::ResourcesExhausted(_)) => self.emit(),
            resized => resized,
        }
    }

    fn emit(&mut self) -> Result<()> {
        self.ready = self.table.take()?;
        self.reservation.free();
        Ok(())
    }
}
