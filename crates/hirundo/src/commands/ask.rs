//! `hirundo query`: SQL in, a table, JSON or CSV out.

use std::io::{Read, Write};

use anyhow::{Context, Result};

use super::{Done, block_on, session};
use crate::cli::{self, Global};
use crate::screen::screen;
use crate::view::{Options, View};

/// Longest query read from standard input, bytes.
const SQL_BYTES_MAX: u64 = 1 << 20;

/// Runs the command.
pub fn run(global: &Global, options: &cli::Query) -> Result<Done> {
    let mut sql = options.sql.clone();
    if sql == "-" {
        sql.clear();
        std::io::stdin()
            .take(SQL_BYTES_MAX)
            .read_to_string(&mut sql)
            .context("could not read the query from standard input")?;
    }
    let session = session(global, options.memory.saturating_mul(1 << 20))?;
    block_on(global, async {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        if options.explain || options.analyze {
            writeln!(out, "{}", session.explain(&sql, options.analyze).await?)?;
            out.flush()?;
            return Ok(Done::Yes);
        }
        let mut answer = session.ask(&sql, &[]).await?;
        let screen = screen();
        let view_options = Options {
            rows_max: options.limit as usize,
            width: screen.width,
            utf8: screen.utf8,
            ..Options::default()
        };
        let schema = answer.schema();
        let mut view = View::new(global.format, &schema, view_options, &mut out)?;
        while let Some(batch) = answer.next().await? {
            view.write(&batch)?;
        }
        view.finish()?;
        Ok(Done::Yes)
    })
}
