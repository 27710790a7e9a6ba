//! One-time tokens: made for a sensor, good once and for a while, kept as a digest only.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{BEGIN_WRITE, Store};

/// How long a token is good, seconds: a week.
pub const TOKEN_SECS: i64 = 7 * 86_400;
/// How long what is over is kept, so that its holder is told why it is not good.
const REMEMBERED_SECS: i64 = 90 * 86_400;

/// Why an enrolment is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// There is no such token for that sensor.
    Unknown,
    /// It was used before.
    Used,
    /// Its time is over.
    Over,
    /// The sensor is revoked.
    Revoked,
}

/// The certificate that an enrolment gives.
#[derive(Clone, Copy, Debug)]
pub struct Issue<'a> {
    /// Its serial number, hexadecimal.
    pub serial: &'a str,
    /// Until when it holds.
    pub ends_secs: i64,
}

/// SHA-256 of a secret as it stands in the token.
#[must_use]
pub fn secret_digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl Store {
    /// Keeps a new token of a sensor; those not used before are not good any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn add_token(&self, sensor: &str, secret: &str, now_secs: i64) -> Result<()> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        sqlx::query("DELETE FROM tokens WHERE (sensor = ? AND used_secs IS NULL) OR made_secs < ?")
            .bind(sensor)
            .bind(now_secs - REMEMBERED_SECS)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO tokens (secret_sha256, sensor, made_secs, ends_secs) VALUES (?, ?, ?, ?)")
            .bind(secret_digest(secret).to_vec())
            .bind(sensor)
            .bind(now_secs)
            .bind(now_secs + TOKEN_SECS)
            .execute(&mut *transaction)
            .await
            .context("could not keep the token")?;
        transaction.commit().await?;
        Ok(())
    }

    /// Uses a token up and notes the certificate given for it; the sensor's earlier certificates are revoked, because
    /// whoever enrols again has lost the key or never was the one who had it.
    ///
    /// # Errors
    /// When the file cannot be read or written; then nothing happened.
    pub async fn enrol(&self, sensor: &str, secret: &str, issue: Issue<'_>, now_secs: i64) -> Result<Result<(), TokenRefusal>> {
        let digest = secret_digest(secret).to_vec();
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        let found: Option<(i64, Option<i64>, Option<i64>)> = sqlx::query_as(
            "SELECT tokens.ends_secs, tokens.used_secs, sensors.revoked_secs FROM tokens JOIN sensors ON sensors.name = tokens.sensor \
             WHERE tokens.secret_sha256 = ? AND tokens.sensor = ?",
        )
        .bind(&digest)
        .bind(sensor)
        .fetch_optional(&mut *transaction)
        .await
        .context("could not look the token up")?;
        match found {
            None => return Ok(Err(TokenRefusal::Unknown)),
            Some((_, _, Some(_))) => return Ok(Err(TokenRefusal::Revoked)),
            Some((_, Some(_), None)) => return Ok(Err(TokenRefusal::Used)),
            Some((ends_secs, None, None)) if ends_secs <= now_secs => return Ok(Err(TokenRefusal::Over)),
            Some(_) => {}
        }
        sqlx::query("UPDATE tokens SET used_secs = ? WHERE secret_sha256 = ?")
            .bind(now_secs)
            .bind(&digest)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE certificates SET revoked_secs = ? WHERE sensor = ? AND revoked_secs IS NULL")
            .bind(now_secs)
            .bind(sensor)
            .execute(&mut *transaction)
            .await?;
        super::certificates::insert(&mut transaction, sensor, issue, now_secs).await?;
        transaction.commit().await.context("could not use the token")?;
        Ok(Ok(()))
    }
}
