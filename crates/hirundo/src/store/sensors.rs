//! The centre itself and its sensors: names, groups, regions, limits, and which of them are revoked.

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::{BEGIN_WRITE, Store};

/// Most sensors of a centre.
pub const SENSORS_MAX: i64 = 10_000;
/// Batches a sensor may send a minute unless said otherwise: a sensor makes six, and catches up after an outage.
pub const BATCHES_A_MINUTE: i64 = 1_200;
/// Bytes a sensor may send a minute unless said otherwise: 25 bytes a packet at 100,000 packets/s, three times.
pub const BYTES_A_MINUTE: i64 = 450_000_000;

/// The centre.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Centre {
    /// Its name, for people.
    pub name: String,
    /// Where its collectors are: `https://host:port`.
    pub addresses: Vec<String>,
    /// When it was made.
    pub made_secs: i64,
}

/// A sensor as the centre knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sensor {
    /// Name, also in its certificate and in the lake.
    pub name: String,
    /// Group it is counted in, such as `home` or `abroad`.
    pub group: Option<String>,
    /// Region that hosts it, ISO 3166-1 alpha-2.
    pub region: Option<String>,
    /// When it was added.
    pub added_secs: i64,
    /// Since when it is refused.
    pub revoked_secs: Option<i64>,
    /// Why.
    pub revoked_why: Option<String>,
    /// Batches it may send a minute.
    pub batches_a_minute: i64,
    /// Bytes it may send a minute.
    pub bytes_a_minute: i64,
}

type Row = (String, Option<String>, Option<String>, i64, Option<i64>, Option<String>, i64, i64);

const SELECT_ONE: &str = "SELECT name, member, region, added_secs, revoked_secs, revoked_why, batches_a_minute, bytes_a_minute \
     FROM sensors WHERE name = ?";
const SELECT_ALL: &str = "SELECT name, member, region, added_secs, revoked_secs, revoked_why, batches_a_minute, bytes_a_minute \
     FROM sensors ORDER BY name";

impl Sensor {
    /// A sensor with the usual limits.
    #[must_use]
    pub fn new(name: &str, group: Option<String>, region: Option<String>, now_secs: i64) -> Sensor {
        Sensor {
            name: name.to_owned(),
            group,
            region,
            added_secs: now_secs,
            revoked_secs: None,
            revoked_why: None,
            batches_a_minute: BATCHES_A_MINUTE,
            bytes_a_minute: BYTES_A_MINUTE,
        }
    }

    fn from_row(row: Row) -> Sensor {
        let (name, group, region, added_secs, revoked_secs, revoked_why, batches_a_minute, bytes_a_minute) = row;
        Sensor {
            name,
            group,
            region,
            added_secs,
            revoked_secs,
            revoked_why,
            batches_a_minute,
            bytes_a_minute,
        }
    }
}

impl Store {
    /// Says what the centre is; once.
    ///
    /// # Errors
    /// When it was said before, or the file cannot be written.
    pub async fn found(&self, name: &str, addresses: &[String], now_secs: i64) -> Result<()> {
        let done = sqlx::query("INSERT OR IGNORE INTO centre (id, name, addresses, made_secs) VALUES (1, ?, ?, ?)")
            .bind(name)
            .bind(serde_json::to_string(addresses)?)
            .bind(now_secs)
            .execute(&self.pool)
            .await
            .context("could not write what the centre is")?;
        if done.rows_affected() == 0 {
            bail!(
                "{} holds a centre already; hint: `hirundo centre show` says which",
                self.folder().display()
            );
        }
        Ok(())
    }

    /// What the centre is.
    ///
    /// # Errors
    /// When it was not said yet, or the file cannot be read.
    pub async fn centre(&self) -> Result<Centre> {
        let found: Option<(String, String, i64)> = sqlx::query_as("SELECT name, addresses, made_secs FROM centre WHERE id = 1")
            .fetch_optional(&self.pool)
            .await
            .context("could not read what the centre is")?;
        let Some((name, addresses, made_secs)) = found else {
            bail!(
                "the centre in {} was not made to its end; hint: delete the folder and `hirundo centre init` again",
                self.folder().display()
            );
        };
        Ok(Centre {
            name,
            addresses: serde_json::from_str(&addresses).context("could not read the centre's addresses")?,
            made_secs,
        })
    }

    /// Says where collectors are; sensors learn it when they renew their certificate.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_addresses(&self, addresses: &[String]) -> Result<()> {
        sqlx::query("UPDATE centre SET addresses = ? WHERE id = 1")
            .bind(serde_json::to_string(addresses)?)
            .execute(&self.pool)
            .await
            .context("could not write the centre's addresses")?;
        Ok(())
    }

    /// Adds a sensor.
    ///
    /// # Errors
    /// When one of that name is known, or there are too many, or the file cannot be written.
    pub async fn add_sensor(&self, sensor: &Sensor) -> Result<()> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM sensors").fetch_one(&mut *transaction).await?;
        if count >= SENSORS_MAX {
            bail!(
                "could not add {}: there are {count} sensors, and at most {SENSORS_MAX} are kept",
                sensor.name
            );
        }
        let added = sqlx::query(
            "INSERT OR IGNORE INTO sensors (name, member, region, added_secs, batches_a_minute, bytes_a_minute) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&sensor.name)
        .bind(&sensor.group)
        .bind(&sensor.region)
        .bind(sensor.added_secs)
        .bind(sensor.batches_a_minute)
        .bind(sensor.bytes_a_minute)
        .execute(&mut *transaction)
        .await
        .context("could not add the sensor")?;
        if added.rows_affected() == 0 {
            let name = &sensor.name;
            bail!("there is a sensor {name} already; hint: `hirundo sensor token {name}` gives it a new token");
        }
        sqlx::query("INSERT INTO health (sensor) VALUES (?)")
            .bind(&sensor.name)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Every sensor, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn sensors(&self) -> Result<Vec<Sensor>> {
        let rows: Vec<Row> = sqlx::query_as(SELECT_ALL)
            .fetch_all(&self.pool)
            .await
            .context("could not read the sensors")?;
        Ok(rows.into_iter().map(Sensor::from_row).collect())
    }

    /// The sensor of that name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn sensor(&self, name: &str) -> Result<Option<Sensor>> {
        let row: Option<Row> = sqlx::query_as(SELECT_ONE)
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .context("could not read the sensor")?;
        Ok(row.map(Sensor::from_row))
    }

    /// Refuses a sensor from now on, with all its certificates and tokens; whether there was one to refuse.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn revoke_sensor(&self, name: &str, why: &str, now_secs: i64) -> Result<bool> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        let revoked = sqlx::query("UPDATE sensors SET revoked_secs = ?, revoked_why = ? WHERE name = ? AND revoked_secs IS NULL")
            .bind(now_secs)
            .bind(why)
            .bind(name)
            .execute(&mut *transaction)
            .await
            .context("could not revoke the sensor")?;
        sqlx::query("UPDATE certificates SET revoked_secs = ? WHERE sensor = ? AND revoked_secs IS NULL")
            .bind(now_secs)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM tokens WHERE sensor = ? AND used_secs IS NULL")
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(revoked.rows_affected() > 0)
    }

    /// Takes a revoked sensor back; it needs a new token, its old certificates stay revoked.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn readmit_sensor(&self, name: &str) -> Result<()> {
        sqlx::query("UPDATE sensors SET revoked_secs = NULL, revoked_why = NULL WHERE name = ?")
            .bind(name)
            .execute(&self.pool)
            .await
            .context("could not take the sensor back")?;
        Ok(())
    }

    /// Forgets a sensor, its certificates, tokens and health; what it sent stays in the lake. Whether there was one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn remove_sensor(&self, name: &str) -> Result<bool> {
        let removed = sqlx::query("DELETE FROM sensors WHERE name = ?")
            .bind(name)
            .execute(&self.pool)
            .await
            .context("could not remove the sensor")?;
        Ok(removed.rows_affected() > 0)
    }

    /// Sets what a sensor may send a minute.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn limit_sensor(&self, name: &str, batches_a_minute: i64, bytes_a_minute: i64) -> Result<()> {
        sqlx::query("UPDATE sensors SET batches_a_minute = ?, bytes_a_minute = ? WHERE name = ?")
            .bind(batches_a_minute)
            .bind(bytes_a_minute)
            .bind(name)
            .execute(&self.pool)
            .await
            .context("could not set the sensor's limits")?;
        Ok(())
    }
}
