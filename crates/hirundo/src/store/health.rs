//! How the sensors said they were, and how fast their packets came, minute by minute.

use anyhow::{Context, Result};
use hirundo_packet::wire::Heartbeat;

use super::{BEGIN_WRITE, Store};

/// How long rates are kept, seconds.
pub const RATES_SECS: i64 = 26 * 3600;
/// Stretch of the rates whose median is usual, seconds.
pub const USUAL_SECS: i64 = 6 * 3600;

/// What the centre knows of how a sensor is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// Sensor.
    pub sensor: String,
    /// When its last heartbeat came.
    pub beat_secs: Option<i64>,
    /// What it said.
    pub beat: Option<Heartbeat>,
    /// When its last batch was stored.
    pub batch_secs: Option<i64>,
    /// Packets stored of it, in all.
    pub packets: i64,
    /// Its clock less the centre's, microseconds.
    pub skew_us: Option<i64>,
}

/// What one heartbeat said more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Minute since 1970.
    pub minute: i64,
    /// Packets kept.
    pub packets: i64,
    /// Packets dropped, by kernel or spool.
    pub dropped: i64,
}

impl Store {
    /// Notes a heartbeat, and the rate since the one before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn beat(&self, sensor: &str, beat: &Heartbeat, skew_us: Option<i64>, now_secs: i64) -> Result<()> {
        let mut transaction = self.pool.begin_with(BEGIN_WRITE).await?;
        let before: Option<(Option<i64>, Option<String>)> = sqlx::query_as("SELECT beat_secs, beat FROM health WHERE sensor = ?")
            .bind(sensor)
            .fetch_optional(&mut *transaction)
            .await?;
        let before = before.and_then(|(at, text)| Some((at?, serde_json::from_str::<Heartbeat>(&text?).ok()?)));
        if let Some(rate) = rate(before.as_ref(), beat, now_secs) {
            sqlx::query(
                "INSERT INTO rates (sensor, minute, packets, dropped) VALUES (?, ?, ?, ?) \
                 ON CONFLICT (sensor, minute) DO UPDATE SET packets = packets + excluded.packets, dropped = dropped + excluded.dropped",
            )
            .bind(sensor)
            .bind(rate.minute)
            .bind(rate.packets)
            .bind(rate.dropped)
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query("UPDATE health SET beat_secs = ?1, beat = ?2, skew_us = coalesce(?3, skew_us), skew_secs = ?1 WHERE sensor = ?4")
            .bind(now_secs)
            .bind(serde_json::to_string(beat)?)
            .bind(skew_us)
            .bind(sensor)
            .execute(&mut *transaction)
            .await
            .context("could not note a heartbeat")?;
        transaction.commit().await?;
        Ok(())
    }

    /// How every sensor is, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn health(&self) -> Result<Vec<Health>> {
        type Row = (String, Option<i64>, Option<String>, Option<i64>, i64, Option<i64>);
        let rows: Vec<Row> = sqlx::query_as("SELECT sensor, beat_secs, beat, batch_secs, packets, skew_us FROM health ORDER BY sensor")
            .fetch_all(&self.pool)
            .await
            .context("could not read how the sensors are")?;
        let health = |(sensor, beat_secs, beat, batch_secs, packets, skew_us): Row| Health {
            sensor,
            beat_secs,
            beat: beat.and_then(|text| serde_json::from_str(&text).ok()),
            batch_secs,
            packets,
            skew_us,
        };
        Ok(rows.into_iter().map(health).collect())
    }

    /// Rates of all sensors from a minute on: (sensor, rate), in order of sensor and minute.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn rates(&self, from_minute: i64) -> Result<Vec<(String, Rate)>> {
        let rows: Vec<(String, i64, i64, i64)> =
            sqlx::query_as("SELECT sensor, minute, packets, dropped FROM rates WHERE minute >= ? ORDER BY sensor, minute")
                .bind(from_minute)
                .fetch_all(&self.pool)
                .await
                .context("could not read the rates of the sensors")?;
        let rate = |(sensor, minute, packets, dropped)| (sensor, Rate { minute, packets, dropped });
        Ok(rows.into_iter().map(rate).collect())
    }
}

/// What a heartbeat says more than the one before, scaled to a minute; nothing for the first of a run, or after a gap
/// whose minutes cannot be told apart.
fn rate(before: Option<&(i64, Heartbeat)>, beat: &Heartbeat, now_secs: i64) -> Option<Rate> {
    /// Heartbeats come once a minute; closer ones are added up, farther ones are no rate.
    const GAP_SECS_MAX: i64 = 600;
    /// More than any interface brings; what a sensor claims beyond is not believed.
    const MORE_MAX: i64 = 1 << 40;
    let (at_secs, before) = before?;
    let secs = now_secs - at_secs;
    if before.epoch != beat.epoch || secs <= 0 || secs > GAP_SECS_MAX {
        return None;
    }
    let dropped = |beat: &Heartbeat| beat.dropped_kernel.saturating_add(beat.dropped_spool);
    let a_minute = |more: u64| {
        let more = i64::try_from(more).unwrap_or(i64::MAX).min(MORE_MAX);
        if secs > 60 { more.saturating_mul(60) / secs } else { more }
    };
    Some(Rate {
        minute: now_secs.div_euclid(60),
        packets: a_minute(beat.kept.saturating_sub(before.kept)),
        dropped: a_minute(dropped(beat).saturating_sub(dropped(before))),
    })
}
