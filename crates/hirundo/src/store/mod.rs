//! What the centre knows besides traffic: sensors, tokens, certificates, health, quarantine, events; in one SQLite file.
//!
//! Several processes may have it open: collectors, and whoever runs a command. Every change that reads first is one
//! transaction that takes the right to write before it reads. Times are seconds since 1970 unless their name says otherwise,
//! and are handed in, so that nothing here reads the clock.

pub mod batches;
pub mod certificates;
pub mod events;
pub mod health;
pub mod quarantine;
pub mod schema;
pub mod sensors;
#[cfg(test)]
mod tests;
pub mod tokens;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};

/// Name of the file in the centre's folder.
pub const FILE: &str = "centre.sqlite";
/// Connections of a process.
const CONNECTIONS_MAX: u32 = 4;
/// Longest wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for a connection of our own.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Takes the right to write at once, so that two who read and then write do not both fail.
const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// The open file.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    folder: PathBuf,
}

impl Store {
    /// Opens the centre's file in its folder.
    ///
    /// # Errors
    /// When there is none, or it is of another version, or cannot be opened.
    pub async fn open(folder: &Path) -> Result<Store> {
        if !folder.join(FILE).is_file() {
            bail!(
                "there is no centre in {}; hint: `hirundo centre init` makes one, or name its folder with --centre",
                folder.display()
            );
        }
        Store::connect(folder, false).await
    }

    /// Makes the file in a folder that is there, or opens it when it is made already.
    ///
    /// # Errors
    /// When it cannot be made, or is of another version.
    pub async fn create(folder: &Path) -> Result<Store> {
        Store::connect(folder, true).await
    }

    async fn connect(folder: &Path, create: bool) -> Result<Store> {
        let path = folder.join(FILE);
        let what = || format!("could not open {}", path.display());
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // On a full disk SQLite ends a transaction by itself, which sqlx does not notice: such a connection would
            // refuse every further transaction.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
            .connect_with(options)
            .await
            .with_context(what)?;
        let store = Store {
            pool,
            folder: folder.to_owned(),
        };
        store.migrate().await.with_context(what)?;
        Ok(store)
    }

    /// The centre's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings the schema to the version of this program.
    async fn migrate(&self) -> Result<()> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        let (version,): (i64,) = sqlx::query_as("PRAGMA user_version").fetch_one(&mut *transaction).await?;
        match version {
            schema::VERSION => {}
            0 => {
                sqlx::raw_sql(schema::SQL).execute(&mut *transaction).await?;
            }
            other => bail!(
                "it has version {other} and this program knows {}; hint: use the version of hirundo that wrote it",
                schema::VERSION
            ),
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Closes it: whatever was committed is in the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
