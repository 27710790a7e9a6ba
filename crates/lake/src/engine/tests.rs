//! Groupings of every shape give what the engine without our parts gives.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, StringViewArray, TimestampMicrosecondArray, UInt8Array, UInt16Array, UInt32Array};
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;

/// Numbers with long runs, nulls and repetition.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn number(&mut self, end: u64) -> u32 {
        u32::try_from(self.below(end)).unwrap()
    }

    fn column<T: Clone>(&mut self, rows: usize, run_max: u64, mut value: impl FnMut(&mut Dice) -> T) -> Vec<T> {
        let mut column = Vec::new();
        while column.len() < rows {
            let (next, run) = (value(self), 1 + self.number(run_max));
            column.extend(std::iter::repeat_n(next, run as usize));
        }
        column.truncate(rows);
        column
    }
}

fn batch(dice: &mut Dice, rows: usize) -> RecordBatch {
    let null = |dice: &mut Dice, value: u32| (dice.below(9) > 0).then_some(value);
    let port = dice.column(rows, 300, |dice| {
        let port = dice.number(400);
        null(dice, port).map(|port| u16::try_from(port).unwrap())
    });
    let proto = dice.column(rows, 900, |dice| u8::try_from(dice.number(3) * 5).unwrap());
    let src = dice.column(rows, 4, |dice| {
        let src = dice.number(60_000) * 70_000;
        null(dice, src)
    });
    let region = dice.column(rows, 6, |dice| ["JP", "US", "CN", "reserved", "ZZ"][dice.number(5) as usize]);
    let options = dice.column(rows, 3, |dice| {
        let text = format!("M{},N,W8,N,N,S", 1_400 + dice.number(40));
        (dice.below(4) > 0).then_some(text)
    });
    let time = dice.column(rows, 2, |dice| i64::from(dice.number(1 << 30)));
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "day",
            Arc::new(Date32Array::from(vec![i32::try_from(dice.number(3)).unwrap(); rows])),
        ),
        ("port", Arc::new(UInt16Array::from(port))),
        ("proto", Arc::new(UInt8Array::from(proto))),
        ("src", Arc::new(UInt32Array::from(src))),
        ("region", Arc::new(StringViewArray::from_iter_values(region))),
        ("options", Arc::new(StringViewArray::from(options))),
        ("time", Arc::new(TimestampMicrosecondArray::from(time).with_timezone("UTC"))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn table() -> MemTable {
    let mut dice = Dice(42);
    let mut partition = |batches: usize| (0..batches).map(|n| batch(&mut dice, [1, 4_000, 8_192][n % 3])).collect::<Vec<_>>();
    let partitions = vec![partition(20), partition(31)];
    MemTable::try_new(partitions[0][0].schema(), partitions).unwrap()
}

/// With our parts, and without.
fn contexts(memory_bytes: usize) -> [SessionContext; 2] {
    let table = Arc::new(table());
    [true, false].map(|ours| {
        let mut config = SessionConfig::new().with_target_partitions(2);
        let options = &mut config.options_mut().execution;
        options.skip_partial_aggregation_probe_rows_threshold = 20_000;
        options.skip_partial_aggregation_probe_ratio_threshold = 0.5;
        let pool = Arc::new(FairSpillPool::new(if ours { memory_bytes } else { 1 << 30 }));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
        let context = if ours {
            super::context(config, runtime)
        } else {
            SessionContext::new_with_config_rt(config, runtime)
        };
        context.register_table("packets", Arc::<MemTable>::clone(&table)).unwrap();
        context
    })
}

async fn rows(context: &SessionContext, sql: &str) -> Vec<String> {
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    let mut rows: Vec<String> = text
        .lines()
        .skip(3)
        .filter(|line| line.starts_with('|'))
        .map(str::to_owned)
        .collect();
    rows.sort_unstable();
    rows
}

async fn plan(context: &SessionContext, sql: &str) -> String {
    rows(context, &format!("EXPLAIN {sql}")).await.join("\n")
}

const QUESTIONS: [&str; 14] = [
    "SELECT proto, port, count(*) FROM packets GROUP BY proto, port",
    "SELECT region, count(*), count(DISTINCT src) FROM packets GROUP BY region",
    "SELECT day, count(DISTINCT src) FROM packets WHERE region = 'JP' GROUP BY day",
    "SELECT port, count(DISTINCT src), count(DISTINCT port), min(time), sum(proto) FROM packets GROUP BY port",
    "SELECT options, count(*), count(src), count(DISTINCT src) FROM packets GROUP BY options",
    "SELECT region, options, port, count(1), max(src) FROM packets GROUP BY region, options, port",
    "SELECT src, count(*), count(DISTINCT port) FROM packets GROUP BY src",
    "SELECT src, time, count(*), count(DISTINCT port), sum(proto) FROM packets GROUP BY src, time",
    "SELECT DISTINCT region, proto FROM packets",
    "SELECT region, count(*) FILTER (WHERE proto = 5), count(DISTINCT src) FILTER (WHERE port < 100) FROM packets GROUP BY region",
    "SELECT region, proto, count(*) FROM packets GROUP BY GROUPING SETS ((region), (proto), (region, proto))",
    "SELECT count(DISTINCT src), count(*) FROM packets",
    "SELECT region, count(DISTINCT options), count(DISTINCT src) FROM packets GROUP BY region",
    "SELECT count(DISTINCT src) FROM packets WHERE port = 70000",
];

/// Rows that the first stage hands on to the next.
async fn handed_on(context: &SessionContext, sql: &str) -> usize {
    let mut next = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    while next.name() != "GroupRunsExec" {
        let child = Arc::clone(next.children()[0]);
        next = child;
    }
    let batches = datafusion::physical_plan::collect(next, context.task_ctx()).await.unwrap();
    batches.iter().map(RecordBatch::num_rows).sum()
}

#[tokio::test]
async fn the_engine_gives_the_same_without_our_parts() {
    let [ours, engines] = contexts(1 << 30);
    for sql in QUESTIONS {
        assert_eq!(rows(&ours, sql).await, rows(&engines, sql).await, "{sql}");
    }
}

/// Little, but enough for the engine's last stage, which cannot do with less than one batch of states.
const LITTLE_MEMORY_BYTES: usize = 12 << 20;
/// Less than the sets of one partition take.
const TINY_MEMORY_BYTES: usize = 128 << 10;

#[tokio::test]
async fn little_memory_only_makes_more_parts() {
    let [ours, engines] = contexts(LITTLE_MEMORY_BYTES);
    for sql in &QUESTIONS[..7] {
        assert_eq!(rows(&ours, sql).await, rows(&engines, sql).await, "{sql}");
    }
    let ([ample, _], [tiny, _]) = (contexts(1 << 30), contexts(TINY_MEMORY_BYTES));
    let (few, many) = (handed_on(&ample, QUESTIONS[3]).await, handed_on(&tiny, QUESTIONS[3]).await);
    assert!(few < many, "memory was enough: {few} rows handed on, {many} with little of it");
}

#[tokio::test]
async fn rows_that_hardly_group_are_passed_on() {
    let [ours, engines] = contexts(1 << 30);
    let groups = rows(&engines, QUESTIONS[7]).await.len();
    let handed_on = handed_on(&ours, QUESTIONS[7]).await;
    assert!(handed_on > groups, "{groups} groups, {handed_on} rows handed on");
}

#[tokio::test]
async fn ours_is_planned_where_it_can_be_and_nowhere_else() {
    let [ours, engines] = contexts(1 << 30);
    for (question, expected) in QUESTIONS.iter().zip([
        true, true, true, true, true, true, true, true, true, true, false, false, false, false,
    ]) {
        assert_eq!(plan(&ours, question).await.contains("GroupRuns"), expected, "{question}");
        assert!(!plan(&engines, question).await.contains("GroupRuns"));
    }
    // A distinct count is not split into two groupings where our set counts it.
    let split = "SELECT region, count(DISTINCT src) FROM packets GROUP BY region";
    assert!(!plan(&ours, split).await.contains("alias1") && plan(&engines, split).await.contains("alias1"));
    let by_engine = "SELECT region, count(DISTINCT options) FROM packets GROUP BY region";
    assert!(plan(&ours, by_engine).await.contains("alias1"));
}
