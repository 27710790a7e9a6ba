//! The index of quarantine: which bodies are kept aside, of whom and why. The bodies are files beside.

use anyhow::{Context, Result};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::{BEGIN_WRITE, Store};

/// Most bodies kept of one sensor.
pub const ENTRIES_A_SENSOR_MAX: i64 = 2_000;
/// Most bytes kept of one sensor.
pub const BYTES_A_SENSOR_MAX: i64 = 256 << 20;
/// Most bytes kept in all.
pub const BYTES_MAX: i64 = 2 << 30;

/// A body kept aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its number, for commands.
    pub id: i64,
    /// When it came.
    pub at_secs: i64,
    /// Who sent it, by certificate.
    pub sensor: String,
    /// Run of the sensor process, as in the path.
    pub epoch: u64,
    /// Number in the run, as in the path.
    pub number: u64,
    /// SHA-256 of the body, hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: i64,
    /// Packets in it; 0 when it could not be read.
    pub packets: i64,
    /// Whether the sensor was told that the centre has it (status 202), so that this is the only copy.
    pub held: bool,
    /// Why it is here.
    pub reason: String,
}

type Row = (i64, i64, String, i64, i64, String, i64, i64, i64, String);

const SELECT: &str = "SELECT id, at_secs, sensor, epoch, number, sha256, bytes, packets, held, reason FROM quarantine \
     WHERE (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR sensor = ?2) ORDER BY id";

impl Kept {
    fn from_row(row: Row) -> Kept {
        let (id, at_secs, sensor, epoch, number, sha256, bytes, packets, held, reason) = row;
        Kept {
            id,
            at_secs,
            sensor,
            epoch: epoch.cast_unsigned(),
            number: number.cast_unsigned(),
            sha256,
            bytes,
            packets,
            held: held != 0,
            reason,
        }
    }
}

impl Store {
    /// Notes a body (its `id` is not looked at); whether there is room for it. One that is there already has room.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn keep(&self, kept: &Kept) -> Result<bool> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        let same: Option<(i64,)> = sqlx::query_as("SELECT id FROM quarantine WHERE sensor = ? AND epoch = ? AND number = ? AND sha256 = ?")
            .bind(&kept.sensor)
            .bind(kept.epoch.cast_signed())
            .bind(kept.number.cast_signed())
            .bind(&kept.sha256)
            .fetch_optional(&mut *transaction)
            .await?;
        if same.is_some() {
            return Ok(true);
        }
        if !room(&mut transaction, kept).await? {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO quarantine (at_secs, sensor, epoch, number, sha256, bytes, packets, held, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(kept.at_secs)
        .bind(&kept.sensor)
        .bind(kept.epoch.cast_signed())
        .bind(kept.number.cast_signed())
        .bind(&kept.sha256)
        .bind(kept.bytes)
        .bind(kept.packets)
        .bind(i64::from(kept.held))
        .bind(&kept.reason)
        .execute(&mut *transaction)
        .await
        .context("could not note what is kept in quarantine")?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Whether there is room for a body, as it looks now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn has_room(&self, kept: &Kept) -> Result<bool> {
        let mut connection = self.pool.acquire().await?;
        room(&mut connection, kept).await
    }

    /// Whether an entry has this body.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn has_body(&self, sha256: &str) -> Result<bool> {
        let found: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM quarantine WHERE sha256 = ? LIMIT 1")
            .bind(sha256)
            .fetch_optional(&self.pool)
            .await
            .context("could not look a body up")?;
        Ok(found.is_some())
    }

    /// What is kept, of all or of one sensor, in order of arrival.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn quarantine(&self, sensor: Option<&str>) -> Result<Vec<Kept>> {
        let rows: Vec<Row> = sqlx::query_as(SELECT)
            .bind(None::<i64>)
            .bind(sensor)
            .fetch_all(&self.pool)
            .await
            .context("could not read what is in quarantine")?;
        Ok(rows.into_iter().map(Kept::from_row).collect())
    }

    /// What is kept under that number.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn kept(&self, id: i64) -> Result<Option<Kept>> {
        let row: Option<Row> = sqlx::query_as(SELECT)
            .bind(id)
            .bind(None::<String>)
            .fetch_optional(&self.pool)
            .await
            .context("could not read what is in quarantine")?;
        Ok(row.map(Kept::from_row))
    }

    /// Forgets what is kept under that number; whether no other entry has the same body, so that its file may go.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn unkeep(&self, kept: &Kept) -> Result<bool> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        sqlx::query("DELETE FROM quarantine WHERE id = ?")
            .bind(kept.id)
            .execute(&mut *transaction)
            .await
            .context("could not delete from quarantine")?;
        let (others,): (i64,) = sqlx::query_as("SELECT count(*) FROM quarantine WHERE sha256 = ?")
            .bind(&kept.sha256)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(others == 0)
    }

    /// Entries in quarantine by sensor.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn quarantine_counts(&self) -> Result<std::collections::HashMap<String, i64>> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT sensor, count(*) FROM quarantine GROUP BY sensor")
            .fetch_all(&self.pool)
            .await
            .context("could not count what is in quarantine")?;
        Ok(rows.into_iter().collect())
    }
}

async fn room(connection: &mut SqliteConnection, kept: &Kept) -> Result<bool> {
    let (entries, bytes): (i64, i64) = sqlx::query_as("SELECT count(*), coalesce(sum(bytes), 0) FROM quarantine WHERE sensor = ?")
        .bind(&kept.sensor)
        .fetch_one(&mut *connection)
        .await
        .context("could not count what is in quarantine")?;
    let (all,): (i64,) = sqlx::query_as("SELECT coalesce(sum(bytes), 0) FROM quarantine")
        .fetch_one(&mut *connection)
        .await
        .context("could not count what is in quarantine")?;
    Ok(entries < ENTRIES_A_SENSOR_MAX && bytes + kept.bytes <= BYTES_A_SENSOR_MAX && all + kept.bytes <= BYTES_MAX)
}
