//! Certificates given to sensors, and whether one may still come in.

use anyhow::{Context, Result};
use sqlx::{Sqlite, Transaction};

use super::tokens::Issue;
use super::{BEGIN_WRITE, Store};

/// How long a certificate that is over is remembered, seconds.
const REMEMBERED_SECS: i64 = 365 * 86_400;

/// What the centre says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may come in, with these limits.
    Admitted {
        /// Batches a minute.
        batches_a_minute: i64,
        /// Bytes a minute.
        bytes_a_minute: i64,
    },
    /// The sensor or its certificate is revoked.
    Revoked,
    /// The centre never gave it, or the sensor was removed since.
    Unknown,
}

pub(super) async fn insert(transaction: &mut Transaction<'_, Sqlite>, sensor: &str, issue: Issue<'_>, now_secs: i64) -> Result<()> {
    sqlx::query("DELETE FROM certificates WHERE ends_secs < ?")
        .bind(now_secs - REMEMBERED_SECS)
        .execute(&mut **transaction)
        .await?;
    sqlx::query("INSERT INTO certificates (serial, sensor, made_secs, ends_secs) VALUES (?, ?, ?, ?)")
        .bind(issue.serial)
        .bind(sensor)
        .bind(now_secs)
        .bind(issue.ends_secs)
        .execute(&mut **transaction)
        .await
        .context("could not note the certificate")?;
    Ok(())
}

impl Store {
    /// Notes a certificate given for one that still holds; whether the sensor may have one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn renew(&self, sensor: &str, issue: Issue<'_>, now_secs: i64) -> Result<bool> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        let may: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM sensors WHERE name = ? AND revoked_secs IS NULL")
            .bind(sensor)
            .fetch_optional(&mut *transaction)
            .await?;
        if may.is_none() {
            return Ok(false);
        }
        insert(&mut transaction, sensor, issue, now_secs).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Whether a certificate of a sensor may come in.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn admission(&self, sensor: &str, serial: &str) -> Result<Admission> {
        let found: Option<(Option<i64>, Option<i64>, i64, i64)> = sqlx::query_as(
            "SELECT sensors.revoked_secs, certificates.revoked_secs, sensors.batches_a_minute, sensors.bytes_a_minute \
             FROM certificates JOIN sensors ON sensors.name = certificates.sensor \
             WHERE certificates.serial = ? AND certificates.sensor = ?",
        )
        .bind(serial)
        .bind(sensor)
        .fetch_optional(&self.pool)
        .await
        .context("could not look the certificate up")?;
        Ok(match found {
            None => Admission::Unknown,
            Some((None, None, batches_a_minute, bytes_a_minute)) => Admission::Admitted {
                batches_a_minute,
                bytes_a_minute,
            },
            Some(_) => Admission::Revoked,
        })
    }

    /// When the certificates that hold end, latest of each sensor.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn certificate_ends(&self) -> Result<std::collections::HashMap<String, i64>> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT sensor, max(ends_secs) FROM certificates WHERE revoked_secs IS NULL GROUP BY sensor")
                .fetch_all(&self.pool)
                .await
                .context("could not read the certificates")?;
        Ok(rows.into_iter().collect())
    }
}
