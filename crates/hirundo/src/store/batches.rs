//! Digests of the batches stored lately, so that the same name with other bytes is told.

use anyhow::{Context, Result};

use super::{BEGIN_WRITE, Store};

/// How long a digest is kept, seconds. A sensor deletes what was acknowledged, so what comes again comes soon; later, the
/// lake still knows the name and stores nothing twice.
const KEPT_SECS: i64 = 8 * 86_400;

/// A batch that is durable in the lake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Sensor.
    pub sensor: String,
    /// Run of the sensor process.
    pub epoch: u64,
    /// Number in the run.
    pub number: u64,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// Packets in it.
    pub packets: u64,
}

impl Store {
    /// Notes what was stored.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn stored(&self, batches: &[Stored], now_secs: i64) -> Result<()> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        for batch in batches {
            sqlx::query("INSERT OR IGNORE INTO batches (sensor, epoch, number, digest, stored_secs) VALUES (?, ?, ?, ?, ?)")
                .bind(&batch.sensor)
                .bind(batch.epoch.cast_signed())
                .bind(batch.number.cast_signed())
                .bind(batch.digest.to_vec())
                .bind(now_secs)
                .execute(&mut *transaction)
                .await
                .context("could not note a stored batch")?;
            sqlx::query("UPDATE health SET batch_secs = ?, packets = packets + ? WHERE sensor = ?")
                .bind(now_secs)
                .bind(batch.packets.cast_signed())
                .bind(&batch.sensor)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Digest under which a batch of that name was stored lately.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn digest_of(&self, sensor: &str, epoch: u64, number: u64) -> Result<Option<Vec<u8>>> {
        let found: Option<(Vec<u8>,)> = sqlx::query_as("SELECT digest FROM batches WHERE sensor = ? AND epoch = ? AND number = ?")
            .bind(sensor)
            .bind(epoch.cast_signed())
            .bind(number.cast_signed())
            .fetch_optional(&self.pool)
            .await
            .context("could not look a batch up")?;
        Ok(found.map(|(digest,)| digest))
    }

    /// Forgets digests and rates that are old.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn forget(&self, now_secs: i64) -> Result<()> {
        sqlx::query("DELETE FROM batches WHERE stored_secs < ?")
            .bind(now_secs - KEPT_SECS)
            .execute(&self.pool)
            .await?;
        sqlx::query("DELETE FROM rates WHERE minute < ?")
            .bind((now_secs - super::health::RATES_SECS) / 60)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
