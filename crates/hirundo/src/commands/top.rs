//! `hirundo top`: rankings with the rank in the period before.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, UInt8Type, UInt16Type, UInt32Type};
use arrow::record_batch::RecordBatch;
use hirundo_lake::{Measure, Session, Subject};

use super::{Done, block_on, filter, period, session};
use crate::cli::{self, By, Global, What};
use crate::intel::{region, service};
use crate::period::{Lang, Period};
use crate::screen::screen;
use crate::view::{self, Format, Options};

/// Memory for a ranking, bytes.
const MEMORY_BYTES: usize = hirundo_lake::session::MEMORY_BYTES_DEFAULT;
/// Ranks up to this are printed for the period before; further down is "outside the top 10".
const RANK_BEFORE_MAX: i64 = 10;

/// Runs the command.
pub fn run(global: &Global, options: &cli::Top) -> Result<Done> {
    if options.what == What::All {
        bail!("there is nothing to rank in `all`; hint: `hirundo trend all` follows it");
    }
    let only = filter(&options.only)?;
    let session = session(global, MEMORY_BYTES)?;
    block_on(global, async {
        let Some(now) = period(&session, &options.period).await? else {
            bail!("the lake is empty; hint: fill it with `hirundo ingest PATH`");
        };
        let before = match &options.before {
            Some(text) => period(&session, text).await?,
            None => now.previous(),
        };
        let limit = if options.limit == 0 { i64::MAX } else { i64::from(options.limit) };
        // Without a period before, ask for an empty one: the columns are then empty.
        let before_days = before.map_or((1, 0), days);
        let answer = session
            .top(subject(options.what), measure(options.by), &only, days(now), before_days, limit)
            .await?;
        let batches = answer.all().await?;
        let observed = observed_of(&session, &only.sensors, now).await?;
        let observed_before = match before {
            Some(before) => observed_of(&session, &only.sensors, before).await?,
            None => Observed::default(),
        };
        let table = table(global, options, &batches, observed_before.sensors > 0)?;
        let title = format!("{}  {}", title(options, global.lang()), now.label(global.lang()));
        let mut notes = vec![observed.sentence(global.lang())];
        if let Some(before) = before.filter(|_| observed_before.sensors > 0) {
            notes.push(match global.lang() {
                Lang::English => format!(
                    "before: {}, {}",
                    before.label(Lang::English),
                    observed_before.sentence(Lang::English)
                ),
                Lang::Japanese => format!(
                    "前の期間: {}、{}",
                    before.label(Lang::Japanese),
                    observed_before.sentence(Lang::Japanese)
                ),
            });
        }
        if options.what == What::Ports {
            notes.push(match global.lang() {
                Lang::English => "a service name says what the port is registered for, not what the packets speak".to_owned(),
                Lang::Japanese => "サービス名はIANAの登録名であり、そのプロトコルに則ったパケットとは限りません".to_owned(),
            });
        }
        let screen = screen();
        let view_options = Options {
            title: Some(title),
            notes,
            rows_max: 0,
            width: screen.width,
            utf8: screen.utf8,
            ..Options::default()
        };
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        view::show(global.format, &table.schema(), &[table], view_options, &mut out)?;
        out.flush()?;
        Ok(Done::Yes)
    })
}

/// A period as the lake takes it.
pub fn days(period: Period) -> (i32, i32) {
    (period.first().0, period.last().0)
}

/// What is asked, in the lake's words.
pub fn subject(what: What) -> Subject {
    match what {
        What::Ports => Subject::Ports,
        What::Regions => Subject::Regions,
        What::Sources => Subject::Sources,
        What::Tools => Subject::Tools,
        What::Networks => Subject::Networks,
        What::Kinds => Subject::Kinds,
        What::Sensors => Subject::Sensors,
        What::Scanners => Subject::Scanners,
        What::All => Subject::All,
    }
}

/// What is counted, in the lake's words.
pub fn measure(by: By) -> Measure {
    match by {
        By::Packets => Measure::Packets,
        By::Bytes => Measure::Bytes,
        By::Sources => Measure::Sources,
        By::CumulativeSources => Measure::CumulativeSources,
    }
}

/// Name of what is counted.
pub fn unit(by: By, lang: Lang) -> &'static str {
    match (by, lang) {
        (By::Packets, Lang::English) => "packets",
        (By::Packets, Lang::Japanese) => "パケット数",
        (By::Bytes, Lang::English) => "bytes",
        (By::Bytes, Lang::Japanese) => "バイト数",
        (By::Sources, Lang::English) => "distinct sources",
        (By::Sources, Lang::Japanese) => "送信元アドレス数",
        (By::CumulativeSources, Lang::English) => "distinct sources a day, added up",
        (By::CumulativeSources, Lang::Japanese) => "送信元アドレスの延べ数",
    }
}

fn title(options: &cli::Top, lang: Lang) -> String {
    let count = if options.limit == 0 {
        String::new()
    } else {
        format!(" {}", options.limit)
    };
    match lang {
        Lang::English => format!("Top{count} {} by {}", name(options.what, lang), unit(options.by, lang)),
        Lang::Japanese => format!("{}の上位{count}（{}）", name(options.what, lang), unit(options.by, lang)),
    }
}

/// Name of what is ranked.
pub fn name(what: What, lang: Lang) -> &'static str {
    let (english, japanese) = match what {
        What::Ports => ("destination ports", "宛先ポート"),
        What::Regions => ("source regions", "送信元地域"),
        What::Sources => ("sources", "送信元アドレス"),
        What::Tools => ("tools", "ツール"),
        What::Networks => ("networks", "ネットワーク"),
        What::Kinds => ("kinds of packets", "パケットの種別"),
        What::Sensors => ("sensors", "センサー"),
        What::Scanners => ("known research scanners", "調査スキャナー"),
        What::All => ("all packets", "全パケット"),
    };
    match lang {
        Lang::English => english,
        Lang::Japanese => japanese,
    }
}

/// Sensors and sensor-days behind a number.
#[derive(Clone, Copy, Debug, Default)]
struct Observed {
    sensors: i64,
    sensor_days: f64,
    days: usize,
}

impl Observed {
    fn sentence(self, lang: Lang) -> String {
        match lang {
            Lang::English => format!(
                "observed: {} sensors at most, {:.1} sensor-days over {} days",
                self.sensors, self.sensor_days, self.days
            ),
            Lang::Japanese => format!(
                "観測: 最大{}センサー、{}日間で延べ{:.1}センサー日",
                self.sensors, self.days, self.sensor_days
            ),
        }
    }
}

async fn observed_of(session: &Session, sensors: &[String], period: Period) -> Result<Observed> {
    let mut observed = Observed::default();
    for batch in session.sensor_days(sensors, days(period)).await?.all().await? {
        let count = batch.column(1).as_primitive::<Int64Type>();
        let sum = batch.column(2).as_primitive::<Float64Type>();
        observed.days += batch.num_rows();
        observed.sensors = observed.sensors.max(count.iter().flatten().max().unwrap_or(0));
        observed.sensor_days += sum.iter().flatten().sum::<f64>();
    }
    Ok(observed)
}

/// The labels of the subject's columns, row by row: as people write them.
pub fn labels(what: What, batch: &RecordBatch, from: usize, lang: Lang) -> Vec<String> {
    let none = || match lang {
        Lang::English => "none".to_owned(),
        Lang::Japanese => "なし".to_owned(),
    };
    (0..batch.num_rows())
        .map(|row| match what {
            What::Ports => {
                let proto = batch.column(from).as_primitive::<UInt8Type>().value(row);
                let ports = batch.column(from + 1).as_primitive::<UInt16Type>();
                if ports.is_null(row) {
                    service::protocol(proto)
                } else {
                    service::label(proto, ports.value(row))
                }
            }
            What::Regions => region_label(&text(batch.column(from), row).unwrap_or_default(), lang),
            What::Networks => {
                let asn = batch.column(from).as_primitive::<UInt32Type>();
                if asn.is_null(row) {
                    none()
                } else {
                    format!("AS{}", asn.value(row))
                }
            }
            What::Sources | What::Tools | What::Kinds | What::Sensors | What::Scanners | What::All => {
                text(batch.column(from), row).unwrap_or_else(none)
            }
        })
        .collect()
}

fn region_label(code: &str, lang: Lang) -> String {
    let language = match lang {
        Lang::English => region::Language::English,
        Lang::Japanese => region::Language::Japanese,
    };
    match region::code(code).and_then(|number| region::name(number, language)) {
        Some(name) if name != code => format!("{code} {name}"),
        Some(_) | None => code.to_owned(),
    }
}

fn text(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    let view = column.as_string_view_opt().map(|texts| texts.value(row).to_owned());
    view.or_else(|| column.as_string_opt::<i32>().map(|texts| texts.value(row).to_owned()))
}

/// The answer as people read it: rank, label, value, share, rank before.
fn table(global: &Global, options: &cli::Top, batches: &[RecordBatch], has_before: bool) -> Result<RecordBatch> {
    let (mut ranks, mut names, mut values, mut shares) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut ranks_before, mut before_texts, mut values_before) = (Vec::new(), Vec::new(), Vec::new());
    for batch in batches {
        let at = batch.num_columns() - 4;
        names.extend(labels(options.what, batch, 1, global.lang()));
        let value = batch.column(at).as_primitive::<Int64Type>();
        let share = batch.column(at + 1).as_primitive::<Float64Type>();
        let rank_before = batch.column(at + 2).as_primitive::<Int64Type>();
        let value_before = batch.column(at + 3).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            ranks.push(i64::try_from(ranks.len() + 1)?);
            values.push(value.value(row));
            shares.push((share.value(row) * 100.0).round() / 100.0);
            let before = (!rank_before.is_null(row)).then(|| rank_before.value(row));
            ranks_before.push(before);
            values_before.push((!value_before.is_null(row)).then(|| value_before.value(row)));
            before_texts.push(rank_text(before, has_before, global.lang()));
        }
    }
    let for_people = global.format == Format::Table;
    let heads = match (for_people, global.lang()) {
        (false, _) => ["rank", "name", "value", "share", "rank_before"],
        (true, Lang::English) => [
            "rank",
            name(options.what, Lang::English),
            unit(options.by, Lang::English),
            "share %",
            "rank before",
        ],
        (true, Lang::Japanese) => [
            "順位",
            name(options.what, Lang::Japanese),
            unit(options.by, Lang::Japanese),
            "割合 %",
            "前の期間の順位",
        ],
    };
    let before_column: ArrayRef = if for_people {
        Arc::new(StringArray::from(before_texts))
    } else {
        Arc::new(Int64Array::from(ranks_before))
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ranks)),
        Arc::new(StringArray::from(names)),
        Arc::new(Int64Array::from(values)),
        Arc::new(Float64Array::from(shares)),
        before_column,
    ];
    let mut fields: Vec<Field> = columns
        .iter()
        .zip(heads)
        .map(|(column, head)| Field::new(head, column.data_type().clone(), true))
        .collect();
    if !for_people {
        columns.push(Arc::new(Int64Array::from(values_before)));
        fields.push(Field::new("value_before", DataType::Int64, true));
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn rank_text(before: Option<i64>, has_before: bool, lang: Lang) -> Option<String> {
    if !has_before {
        return None;
    }
    Some(match (before, lang) {
        (Some(rank), _) if rank <= RANK_BEFORE_MAX => rank.to_string(),
        (Some(_), Lang::English) => "outside the top 10".to_owned(),
        (Some(_), Lang::Japanese) => "10位圏外".to_owned(),
        (None, Lang::English) => "new".to_owned(),
        (None, Lang::Japanese) => "新規".to_owned(),
    })
}
