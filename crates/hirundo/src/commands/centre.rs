//! `hirundo centre`: makes a centre, and shows what it is.

use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use chrono::DateTime;

use super::{Done, block_on};
use crate::cli::Global;
use crate::cli::centre::{Centre, CentreCommand};
use crate::collector::address::Address;
use crate::collector::authority::Authority;
use crate::collector::now_secs;
use crate::screen::screen;
use crate::store::Store;
use crate::view::{self, Format, Options};

/// Most addresses of a centre, and of a token.
const ADDRESSES_MAX: usize = 16;
/// Longest name of a centre, bytes.
const NAME_BYTES_MAX: usize = 100;

/// Runs the command.
pub fn run(global: &Global, command: &Centre) -> Result<Done> {
    let folder = &command.folder.centre;
    block_on(global, async {
        match &command.command {
            CentreCommand::Init { name, addresses } => init(global, folder, name, addresses).await,
            CentreCommand::Show => show(global, folder).await,
            CentreCommand::Address { addresses } => {
                let store = Store::open(folder).await?;
                store.set_addresses(&self::addresses(addresses)?).await?;
                show(global, folder).await
            }
        }
    })
}

async fn init(global: &Global, folder: &Path, name: &str, addresses: &[String]) -> Result<Done> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        bail!("{name:?} cannot be a centre's name: it needs 1 to {NAME_BYTES_MAX} bytes and no control characters");
    }
    let addresses = self::addresses(addresses)?;
    if folder.join(crate::store::FILE).exists() {
        bail!(
            "there is a centre in {} already; hint: `hirundo centre show` says which",
            folder.display()
        );
    }
    // What is in quarantine shows which addresses are watched: nobody else needs to look in.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("could not make the folder {}", folder.display()))?;
    let authority = Authority::create(folder, name, now_secs())?;
    let store = Store::create(folder).await?;
    store.found(name, &addresses, now_secs()).await?;
    store.note(None, "made", &format!("centre {name} made"), now_secs()).await?;
    tell(
        global,
        &format!(
            "made the centre {name} in {}; its authority is {}\nkeep a copy of {} where nobody else can read it: who has it can be any sensor\nnext: hirundo sensor add NAME --group home --region JP",
            folder.display(),
            authority.sha256(),
            folder.join(crate::collector::authority::KEY_FILE).display()
        ),
    )?;
    store.close().await;
    Ok(Done::Yes)
}

async fn show(global: &Global, folder: &Path) -> Result<Done> {
    let store = Store::open(folder).await?;
    let centre = store.centre().await?;
    let authority = Authority::open(folder)?;
    let sensors = store.sensors().await?.len();
    let rows = [
        ("name", centre.name),
        ("made", time(centre.made_secs)),
        ("addresses", centre.addresses.join(" ")),
        ("authority", authority.sha256()),
        ("authority holds until", time(authority.ends_secs())),
        ("sensors", sensors.to_string()),
    ];
    let (names, values): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    store.close().await;
    table(
        global,
        None,
        vec![
            ("what", Arc::new(StringArray::from(names)) as ArrayRef),
            ("value", Arc::new(StringArray::from(values))),
        ],
    )
}

/// Addresses of collectors, checked.
pub(super) fn addresses(texts: &[String]) -> Result<Vec<String>> {
    if texts.len() > ADDRESSES_MAX {
        bail!(
            "{} addresses are too many; hint: at most {ADDRESSES_MAX}, or one of a balancer",
            texts.len()
        );
    }
    let address = |text: &String| {
        text.parse::<Address>()
            .map(|address| address.to_string())
            .map_err(anyhow::Error::msg)
    };
    texts.iter().map(address).collect()
}

/// Words for people, on standard error.
pub(super) fn tell(global: &Global, words: &str) -> Result<()> {
    if !global.quiet {
        writeln!(std::io::stderr().lock(), "{words}")?;
    }
    Ok(())
}

/// A time as UTC.
pub(super) fn time(secs: i64) -> String {
    DateTime::from_timestamp(secs, 0).map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}

/// Shows columns of equal length as rows.
pub(super) fn table(global: &Global, title: Option<String>, columns: Vec<(&str, ArrayRef)>) -> Result<Done> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))?;
    let screen = screen();
    let options = Options {
        title: title.filter(|_| global.format == Format::Table && !global.quiet),
        rows_max: 0,
        width: screen.width,
        utf8: screen.utf8,
        ..Options::default()
    };
    view::show(global.format, &batch.schema(), &[batch], options, &mut std::io::stdout().lock())?;
    Ok(Done::Yes)
}

/// A column of text.
pub(super) fn text<T: Into<String>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.map(|value| value.map(Into::into)).collect::<StringArray>())
}

/// A column of numbers.
pub(super) fn numbers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}
