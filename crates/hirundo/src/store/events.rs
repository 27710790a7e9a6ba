//! What happened, for people: enrolments, revocations, refusals, quarantine. The latest are kept.

use anyhow::{Context, Result};
use serde::Serialize;

use super::Store;

/// Most events kept; the oldest go.
pub const EVENTS_MAX: i64 = 20_000;
/// Longest text of an event.
const WORDS_BYTES_MAX: usize = 500;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When.
    pub at_secs: i64,
    /// At which sensor.
    pub sensor: Option<String>,
    /// What: `enrolled`, `renewed`, `revoked`, `refused`, `held`, `released`, …
    pub kind: String,
    /// In words.
    pub words: String,
}

impl Store {
    /// Notes that something happened.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn note(&self, sensor: Option<&str>, kind: &str, words: &str, now_secs: i64) -> Result<()> {
        let end = words.floor_char_boundary(WORDS_BYTES_MAX);
        let inserted = sqlx::query("INSERT INTO events (at_secs, sensor, kind, words) VALUES (?, ?, ?, ?)")
            .bind(now_secs)
            .bind(sensor)
            .bind(kind)
            .bind(&words[..end])
            .execute(&self.pool)
            .await
            .context("could not note an event")?;
        let id = inserted.last_insert_rowid();
        // Now and then, so that noting stays cheap.
        if id % 100 == 0 {
            sqlx::query("DELETE FROM events WHERE id <= ?")
                .bind(id - EVENTS_MAX)
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// The latest events, of all or of one sensor, the last first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn events(&self, sensor: Option<&str>, most: i64) -> Result<Vec<Event>> {
        let rows: Vec<(i64, Option<String>, String, String)> =
            sqlx::query_as("SELECT at_secs, sensor, kind, words FROM events WHERE ?1 IS NULL OR sensor = ?1 ORDER BY id DESC LIMIT ?2")
                .bind(sensor)
                .bind(most)
                .fetch_all(&self.pool)
                .await
                .context("could not read the events")?;
        let event = |(at_secs, sensor, kind, words)| Event {
            at_secs,
            sensor,
            kind,
            words,
        };
        Ok(rows.into_iter().map(event).collect())
    }
}
