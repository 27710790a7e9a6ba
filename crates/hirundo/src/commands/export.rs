//! `hirundo export`: packets (or another table) out of the lake, by default without what shows where the sensors are.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

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
            write_file(answer, options.written_as, &options.out).await?
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

/// Writes a file that is there whole or not at all; what is no regular file (a pipe, a device) is written to.
async fn write_file(answer: Answer, kind: ExportAs, path: &Path) -> Result<u64> {
    let failed = || format!("could not write {}", path.display());
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let mut file = File::options().write(true).open(path).with_context(failed)?;
        return write(answer, kind, &mut file).await.with_context(failed);
    }
    // A link is followed: what it points to is replaced, not the link.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    let mut out = BufWriter::new(&mut file);
    let rows = write(answer, kind, &mut out).await.with_context(failed)?;
    out.flush().with_context(failed)?;
    drop(out);
    file.persist(&path).with_context(failed)?;
    Ok(rows)
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
