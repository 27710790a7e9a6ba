//! Asking the lake: one session for everything that queries it, and the only place that knows the engine.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SQLOptions, SessionConfig, SessionContext};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;

use crate::compact::is_compact;
use crate::error::{Error, Result};
use crate::functions;
use crate::lake::Lake;
use crate::pinned::Pinned;
use crate::question::Days;
use crate::record::day_of;
use crate::schema::{self, Table};
use crate::store::Lock;

/// Memory a session may use for sorting and grouping before it spills to disk, bytes, unless told otherwise.
pub const MEMORY_BYTES_DEFAULT: usize = 2 << 30;

/// Where the engine finds the lake's files.
const ROOT: &str = "hirundo://lake/";

/// A value for a `$name` in a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// A day, days since 1970.
    Day(i32),
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl From<Parameter> for ScalarValue {
    fn from(parameter: Parameter) -> ScalarValue {
        match parameter {
            Parameter::Day(day) => ScalarValue::Date32(Some(day)),
            Parameter::Number(number) => ScalarValue::Int64(Some(number)),
            Parameter::Text(text) => ScalarValue::Utf8(Some(text)),
        }
    }
}

/// Answer of a query, batch by batch.
pub struct Answer {
    stream: SendableRecordBatchStream,
}

impl Answer {
    /// Columns of the answer.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// The next batch, `None` at the end.
    ///
    /// # Errors
    /// When the query fails on the way.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        use futures::StreamExt;
        Ok(self.stream.next().await.transpose()?)
    }

    /// All batches. For answers known to be small.
    ///
    /// # Errors
    /// When the query fails on the way.
    pub async fn all(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await? {
            batches.push(batch);
        }
        Ok(batches)
    }
}

/// A session over one lake as it was when the session was opened. While it lives, no compaction changes files under it.
pub struct Session {
    context: SessionContext,
    /// Days with files of `sources` that came since the day was compacted, or before.
    unsettled: BTreeSet<i64>,
    _lock: Option<Lock>,
}

impl Session {
    /// Opens a session; `threads` 0 means as many as there are cores.
    ///
    /// # Errors
    /// When the lake cannot be read or the engine refuses its settings.
    pub fn open(lake: &Lake, threads: usize, memory_bytes: usize) -> Result<Session> {
        let lock = lake.read_lock()?;
        let snapshot = lake.snapshot()?;
        snapshot.check_present(lake.store())?;
        let sources = snapshot.files.keys().filter(|path| path.starts_with(schema::SOURCES.name));
        let unsettled = sources.filter(|path| !is_compact(path)).filter_map(|path| day_of(path)).collect();
        let mut config = SessionConfig::new().with_information_schema(true);
        let options = config.options_mut();
        options.execution.time_zone = Some("UTC".to_owned());
        // Footers are read when a file is scanned; reading all of them to plan would cost more than it saves.
        options.execution.collect_statistics = false;
        options.execution.listing_table_ignore_subdirectory = false;
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.reorder_filters = true;
        options.execution.parquet.enable_page_index = false;
        if threads > 0 {
            options.execution.target_partitions = threads;
        }
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory_bytes)))
            .build_arc()?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        functions::register(&context);
        let files = snapshot.files.into_iter().map(|(path, record)| (path, record.bytes));
        let pinned = Pinned::new(lake.store().clone(), files)?;
        context.register_object_store(ListingTableUrl::parse(ROOT)?.object_store().as_ref(), Arc::new(pinned));
        for table in schema::TABLES {
            context.register_table(table.name, Arc::new(listing(table, &context)?))?;
        }
        Ok(Session {
            context,
            unsettled,
            _lock: lock,
        })
    }

    /// Whether all days of a span are compacted, so that what is "exact once compacted" is exact.
    #[must_use]
    pub fn is_settled(&self, days: Days) -> bool {
        self.unsettled
            .range(i64::from(days.0)..=i64::from(days.1).max(i64::from(days.0)))
            .next()
            .is_none()
    }

    /// Asks. Only questions: nothing that would change or create anything.
    ///
    /// # Errors
    /// When the text is not a query, or names what is not there.
    pub async fn ask(&self, sql: &str, parameters: &[(&str, Parameter)]) -> Result<Answer> {
        let frame = self.frame(sql, parameters).await?;
        Ok(Answer {
            stream: frame.execute_stream().await?,
        })
    }

    /// The plan of a query as text; `analyze` runs it and adds what each step did.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub async fn explain(&self, sql: &str, analyze: bool) -> Result<String> {
        let frame = self.frame(sql, &[]).await?.explain(false, analyze)?;
        let batches = frame.collect().await?;
        let text = arrow::util::pretty::pretty_format_batches(&batches);
        text.map(|text| text.to_string()).map_err(|source| Error::Arrow {
            action: "show the plan",
            source,
        })
    }

    async fn frame(&self, sql: &str, parameters: &[(&str, Parameter)]) -> Result<DataFrame> {
        let only_questions = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let frame = self.context.sql_with_options(sql, only_questions).await?;
        if parameters.is_empty() {
            return Ok(frame);
        }
        let values: HashMap<String, ScalarValue> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone().into()))
            .collect();
        Ok(frame.with_param_values(ParamValues::from(values))?)
    }
}

fn listing(table: &Table, context: &SessionContext) -> Result<ListingTable> {
    let url = ListingTableUrl::parse(format!("{ROOT}{}/", table.name))?;
    let format = ParquetFormat::default().with_options(context.copied_table_options().parquet);
    let options = ListingOptions::new(Arc::new(format))
        .with_file_extension(".parquet")
        .with_table_partition_cols(vec![(schema::DAY.to_owned(), DataType::Date32)]);
    let config = ListingTableConfig::new(url)
        .with_listing_options(options)
        .with_schema(view_types(&table.arrow()));
    Ok(ListingTable::try_new(config)?)
}

/// The same schema with texts and bytes as views, which the engine groups and compares faster.
fn view_types(schema: &Schema) -> SchemaRef {
    let view = |field: &Field| {
        let kind = if *field.data_type() == DataType::Utf8 {
            DataType::Utf8View
        } else if *field.data_type() == DataType::Binary {
            DataType::BinaryView
        } else {
            field.data_type().clone()
        };
        Field::new(field.name(), kind, field.is_nullable())
    };
    let fields = schema.fields().iter().map(|field| view(field));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
