//! `hirundo trend`: series day by day with their 7-day mean, as a plot, an SVG figure, or numbers.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{ArrayRef, AsArray, Date32Array, Float64Array, StringArray};
use arrow::datatypes::{DataType, Date32Type, Field, Float64Type, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use hirundo_lake::{Filter, Session};

use super::top::{days, labels, measure, name, subject, unit};
use super::{Done, block_on, filter, period, session};
use crate::cli::{self, Global, What};
use crate::period::{Day, Lang, Period};
use crate::plot::{Chart, SERIES_MAX, Series, svg, terminal};
use crate::screen::screen;
use crate::view::{self, Format, Options};

/// Days before the period that the 7-day mean of its first days needs.
const LEAD_IN_DAYS: i32 = 6;
/// Width of the plot where there is no terminal, columns.
const WIDTH_DEFAULT: usize = 100;

/// Runs the command.
pub fn run(global: &Global, options: &cli::Trend) -> Result<Done> {
    let only = filter(&options.only)?;
    if options.limit == 0 || options.limit as usize > SERIES_MAX {
        bail!(
            "a plot of {} series cannot be read; hint: --limit takes 1 to {SERIES_MAX}",
            options.limit
        );
    }
    let session = session(global, hirundo_lake::session::MEMORY_BYTES_DEFAULT)?;
    block_on(global, async {
        let Some(span) = period(&session, &options.period).await? else {
            bail!("the lake is empty; hint: fill it with `hirundo ingest PATH`");
        };
        let chart = chart(global, options, &session, &only, span).await?;
        if let Some(path) = &options.svg {
            write_svg(path, &chart)?;
        }
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let screen = screen();
        if global.format == Format::Table {
            let terminal = terminal::Terminal {
                width: screen.width.unwrap_or(WIDTH_DEFAULT),
                height: (screen.height * 3 / 4).clamp(16, 40),
                colour: screen.colour,
                utf8: screen.utf8,
            };
            writeln!(out, "{}", terminal::render(&chart, &terminal))?;
        }
        if global.format != Format::Table || options.numbers {
            let table = numbers(&chart)?;
            let view_options = Options {
                rows_max: 0,
                width: screen.width,
                utf8: screen.utf8,
                ..Options::default()
            };
            view::show(global.format, &table.schema(), &[table], view_options, &mut out)?;
        }
        out.flush()?;
        Ok(Done::Yes)
    })
}

/// The largest series of the period; a day without observation is a gap, an observed day without packets a zero.
async fn chart(global: &Global, options: &cli::Trend, session: &Session, only: &Filter, span: Period) -> Result<Chart> {
    let with_lead_in = Period::new(span.first().plus(-LEAD_IN_DAYS), span.last())?;
    let observed = observed(session, only, with_lead_in).await?;
    let mut largest: Vec<(String, HashMap<i32, f64>)> = Vec::new();
    let lead_in = with_lead_in.first().0;
    let answer = session
        .trend(
            subject(options.what),
            measure(options.by),
            only,
            days(span),
            lead_in,
            i64::from(options.limit),
        )
        .await?;
    for batch in answer.all().await? {
        let day = batch.column(0).as_primitive::<Date32Type>();
        let is_all = options.what == What::All;
        let value = batch
            .column(batch.num_columns() - if is_all { 1 } else { 2 })
            .as_primitive::<Int64Type>();
        let names = if is_all {
            vec![unit(options.by, global.lang()).to_owned(); batch.num_rows()]
        } else {
            labels(options.what, &batch, 1, global.lang())
        };
        for (row, name) in names.into_iter().enumerate() {
            if largest.last().is_none_or(|last| last.0 != name) {
                largest.push((name, HashMap::new()));
            }
            if let Some((_, values)) = largest.last_mut() {
                values.insert(day.value(row), value.value(row) as f64);
            }
        }
    }
    let mut chart = Chart::new(
        title(options, global.lang(), span),
        value_unit(options, global.lang()),
        span,
        global.lang(),
    );
    for (name, values) in largest {
        let at = |day: Day| {
            let sensor_days = observed.get(&day.0)?;
            let value = values.get(&day.0).copied().unwrap_or(0.0);
            if !options.per_sensor {
                Some(value)
            } else if *sensor_days > 0.0 {
                Some(value / sensor_days)
            } else {
                None
            }
        };
        let mut line = Series::new(name, span.days().map(at).collect());
        line.lead_in = (1..=LEAD_IN_DAYS).rev().map(|back| at(span.first().plus(-back))).collect();
        chart.series.push(line);
    }
    Ok(chart)
}

/// Sensor-days of each day on which anything was observed.
async fn observed(session: &Session, only: &Filter, period: Period) -> Result<HashMap<i32, f64>> {
    let mut observed = HashMap::new();
    for batch in session.sensor_days(&only.sensors, days(period)).await?.all().await? {
        let day = batch.column(0).as_primitive::<Date32Type>();
        let sensor_days = batch.column(2).as_primitive::<Float64Type>();
        observed.extend((0..batch.num_rows()).map(|row| (day.value(row), sensor_days.value(row))));
    }
    Ok(observed)
}

fn title(options: &cli::Trend, lang: Lang, period: Period) -> String {
    format!("{}  {}", name(options.what, lang), period.label(lang))
}

fn value_unit(options: &cli::Trend, lang: Lang) -> String {
    let unit = unit(options.by, lang);
    match (options.per_sensor, lang) {
        (false, Lang::English) => format!("{unit} a day"),
        (true, Lang::English) => format!("{unit} a sensor-day"),
        (false, Lang::Japanese) => format!("1日あたりの{unit}"),
        (true, Lang::Japanese) => format!("1センサー日あたりの{unit}"),
    }
}

fn write_svg(path: &Path, chart: &Chart) -> Result<()> {
    let figure = svg::render(chart, &svg::Options::default());
    std::fs::write(path, figure).with_context(|| format!("could not write the figure {}", path.display()))
}

/// The chart as numbers: day, series, value, mean of 7 days; both null in a gap.
fn numbers(chart: &Chart) -> Result<RecordBatch> {
    let days = chart.period.len_days();
    let (mut day, mut name, mut value, mut mean) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for series in &chart.series {
        day.extend(chart.period.days().map(|day| day.0));
        name.extend(std::iter::repeat_n(series.name.as_str(), days));
        value.extend(series.daily(days));
        mean.extend(series.mean(days));
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(day)),
        Arc::new(StringArray::from(name)),
        Arc::new(Float64Array::from(value)),
        Arc::new(Float64Array::from(mean)),
    ];
    let fields = vec![
        Field::new("day", DataType::Date32, false),
        Field::new("series", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("mean_7_days", DataType::Float64, true),
    ];
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
