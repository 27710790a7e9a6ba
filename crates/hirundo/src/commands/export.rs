//! `hirundo export`: packets (or another table) out of the lake, by default without what shows where the sensors are.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::{Context, Result, bail};
use hirundo_lake::Answer;
use hirundo_lake::export::{self, ParquetOut};

use super::{Done, block_on, filter, period, session, top};
use crate::cli::{self, ExportAs, Global};
use crate::view::{Format, Options, View};

/// Runs the command.
pub fn run(global: &Global, options: &cli::Export) -> Result<Done> {
    let only = filter(&options.only)?;
    if options.written_as == ExportAs::Flowtuple && options.table != "packets" {
        bail!("FlowTuple is made of packets; hint: leave out --table");
    }
    let session = session(global, hirundo_lake::session::MEMORY_BYTES_DEFAULT)?;
    block_on(global, async {
        let Some(span) = period(&session, &options.period).await? else {
            bail!("the lake is empty; hint: fill it with `hirundo ingest PATH`");
        };
        let days = top::days(span);
        let hide = !options.with_destinations;
        let answer = match options.written_as {
            ExportAs::Flowtuple => session.flowtuple(&only, days, hide).await?,
            ExportAs::Parquet => {
                session
                    .table(&options.table, &only, days, hide, export::Addresses::AsTheyAre)
                    .await?
            }
            ExportAs::Csv => session.table(&options.table, &only, days, hide, export::Addresses::AsText).await?,
        };
        let rows = if options.out.as_os_str() == "-" {
            write(answer, options.written_as, &mut std::io::stdout()).await?
        } else {
            let partial = options.out.with_extension("partial");
            let file = File::create(&partial).with_context(|| format!("could not create {}", partial.display()))?;
            let rows = write(answer, options.written_as, &mut BufWriter::new(file)).await?;
            std::fs::rename(&partial, &options.out).with_context(|| format!("could not write {}", options.out.display()))?;
            rows
        };
        if !global.quiet {
            let hidden = if hide {
                "; destination addresses and what gives them away were left out (--with-destinations keeps them)"
            } else {
                ""
            };
            writeln!(std::io::stderr().lock(), "{} rows written{hidden}", crate::view::text::count(rows))?;
        }
        Ok(Done::Yes)
    })
}

async fn write(mut answer: Answer, kind: ExportAs, out: &mut (dyn Write + Send)) -> Result<u64> {
    let schema = answer.schema();
    let mut rows = 0;
    match kind {
        ExportAs::Parquet => {
            let mut parquet = ParquetOut::new(out, &schema)?;
            while let Some(batch) = answer.next().await? {
                rows += batch.num_rows() as u64;
                parquet.write(&batch)?;
            }
            parquet.finish()?;
        }
        ExportAs::Csv | ExportAs::Flowtuple => {
            let mut out = BufWriter::new(out);
            let mut view = View::new(Format::Csv, &schema, Options::default(), &mut out)?;
            while let Some(batch) = answer.next().await? {
                rows += batch.num_rows() as u64;
                view.write(&batch)?;
            }
            view.finish()?;
        }
    }
    Ok(rows)
}
