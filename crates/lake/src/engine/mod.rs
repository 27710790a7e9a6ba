//! What is added to the query engine: grouping of rows that come in runs, and a set for exact distinct counts.
//!
//! The engine stays what it is: it plans, decodes, filters, merges and sorts. Added are three general parts where
//! our files give it more than it takes: rows are stored sorted by destination port and source, so that equal
//! keys stand together ([`runs`]); what is counted distinct are 32-bit addresses, which need half the memory
//! of the engine's own set ([`pairs`]); and files lie on this machine, mostly in its page cache ([`read`]).

mod count;
mod distinct;
mod pairs;
mod partial;
mod read;
mod rule;
mod runs;
mod table;

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::AggregateUDF;
use datafusion::optimizer::Optimizer;

/// A context of the engine with our parts in it.
pub(crate) fn context(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionContext {
    let rules = Optimizer::new().rules.into_iter().map(rule::unless_counted_at_once).collect();
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rules(rules)
        .with_physical_optimizer_rule(Arc::new(rule::OurParts))
        .build();
    let context = SessionContext::new_with_state(state);
    context.register_udaf(AggregateUDF::from(count::Count::default()));
    context
}

#[cfg(test)]
mod tests;
