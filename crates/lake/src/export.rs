//! Tables out of the lake: what a row looks like outside, and Parquet for other programs.

use std::io::Write;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::error::{Result, parquet};
use crate::question::{Days, Filter};
use crate::schema::{self, Table};
use crate::session::{Answer, Parameter, Session};

/// How addresses are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// As the lake has them: integers and bytes.
    AsTheyAre,
    /// As text, IPv4 and IPv6 in one column.
    AsText,
}

/// Columns that hold an address, by name.
const ADDRESSES: [&str; 6] = ["src", "dst", "src6", "dst6", "victim", "victim6"];

/// The SELECT list of a table. `hide` leaves out destination addresses, and the fields of marked packets
/// from which they can be computed: the sequence number of Mirai-type packets is the destination, the IP
/// id of Masscan is made of it.
fn select(table: &Table, hide: bool, addresses: Addresses) -> String {
    let mut list = vec![schema::DAY.to_owned()];
    for column in table.columns {
        let name = column.name;
        let destination = name == "dst" || name == "dst6";
        let item = match (hide, addresses) {
            (true, _) if destination => continue,
            (true, _) if name == "tcp_seq" => "CASE WHEN mark = 'mirai' OR tcp_seq = dst THEN NULL ELSE tcp_seq END AS tcp_seq".to_owned(),
            (true, _) if name == "ip_id" => "CASE WHEN mark LIKE 'masscan%' THEN NULL ELSE ip_id END AS ip_id".to_owned(),
            (_, Addresses::AsText) if ADDRESSES.contains(&name) && name.ends_with('6') => continue,
            (_, Addresses::AsText) if ADDRESSES.contains(&name) => format!("coalesce(ip({name}), ip({name}6)) AS {name}"),
            (_, Addresses::AsText | Addresses::AsTheyAre) => name.to_owned(),
        };
        list.push(item);
    }
    list.join(", ")
}

impl Session {
    /// Rows of a table over days, for the world outside.
    ///
    /// # Errors
    /// When there is no such table, or the query fails.
    pub async fn table(&self, name: &str, filter: &Filter, days: Days, hide: bool, addresses: Addresses) -> Result<Answer> {
        let Some(table) = Table::named(name) else {
            let names: Vec<&str> = schema::TABLES.iter().map(|table| table.name).collect();
            return Err(crate::error::Error::NoTable {
                name: name.to_owned(),
                tables: names.join(", "),
            });
        };
        let sql = format!(
            "SELECT {} FROM {name} WHERE day BETWEEN $first AND $last {}",
            select(table, hide, addresses),
            filter.sql()
        );
        self.ask(&sql, &[("first", Parameter::Day(days.0)), ("last", Parameter::Day(days.1))])
            .await
    }
}

/// A Parquet file being written, batch by batch, in bounded memory.
pub struct ParquetOut<'a> {
    writer: ArrowWriter<&'a mut (dyn Write + Send)>,
}

impl<'a> ParquetOut<'a> {
    /// Begins a file of that schema.
    ///
    /// # Errors
    /// When the schema cannot be written as Parquet.
    pub fn new(out: &'a mut (dyn Write + Send), schema: &SchemaRef) -> Result<ParquetOut<'a>> {
        let zstd = Compression::ZSTD(ZstdLevel::try_new(3).map_err(parquet("choose the compression of"))?);
        let properties = WriterProperties::builder()
            .set_compression(zstd)
            .set_max_row_group_row_count(Some(crate::encode::ROW_GROUP_ROWS))
            .build();
        let writer = ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties)).map_err(parquet("begin"))?;
        Ok(ParquetOut { writer })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When the output refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(parquet("write"))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the output refuses.
    pub fn finish(self) -> Result<()> {
        self.writer.close().map(drop).map_err(parquet("end"))
    }
}
