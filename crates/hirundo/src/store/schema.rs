//! The tables of the centre's file, version 1.

/// Version of the tables, in SQLite's `user_version`.
pub const VERSION: i64 = 1;

/// Makes the tables in an empty file.
pub const SQL: &str = "
CREATE TABLE centre (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    -- JSON: https://host:port of every collector that sensors may be told of
    addresses TEXT NOT NULL,
    made_secs INTEGER NOT NULL
) STRICT;
CREATE TABLE sensors (
    name TEXT PRIMARY KEY,
    member TEXT,
    region TEXT,
    added_secs INTEGER NOT NULL,
    revoked_secs INTEGER,
    revoked_why TEXT,
    batches_a_minute INTEGER NOT NULL,
    bytes_a_minute INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The secret itself is never kept.
CREATE TABLE tokens (
    secret_sha256 BLOB PRIMARY KEY,
    sensor TEXT NOT NULL REFERENCES sensors (name) ON DELETE CASCADE,
    made_secs INTEGER NOT NULL,
    ends_secs INTEGER NOT NULL,
    used_secs INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_sensor ON tokens (sensor);
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY,
    sensor TEXT NOT NULL REFERENCES sensors (name) ON DELETE CASCADE,
    made_secs INTEGER NOT NULL,
    ends_secs INTEGER NOT NULL,
    revoked_secs INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_by_sensor ON certificates (sensor);
CREATE TABLE health (
    sensor TEXT PRIMARY KEY REFERENCES sensors (name) ON DELETE CASCADE,
    beat_secs INTEGER,
    -- JSON: the last heartbeat as it came
    beat TEXT,
    batch_secs INTEGER,
    packets INTEGER NOT NULL DEFAULT 0,
    skew_us INTEGER,
    skew_secs INTEGER
) STRICT, WITHOUT ROWID;
-- What heartbeats said of each minute: the difference of their totals.
CREATE TABLE rates (
    sensor TEXT NOT NULL REFERENCES sensors (name) ON DELETE CASCADE,
    minute INTEGER NOT NULL,
    packets INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    PRIMARY KEY (sensor, minute)
) STRICT, WITHOUT ROWID;
-- Digests of what was stored lately: a name that comes again with other bytes is told by them.
CREATE TABLE batches (
    sensor TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    stored_secs INTEGER NOT NULL,
    PRIMARY KEY (sensor, epoch, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_age ON batches (stored_secs);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_secs INTEGER NOT NULL,
    sensor TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    -- SHA-256 of the body, also the name of its file
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    packets INTEGER NOT NULL,
    -- whether the sensor was told that we keep it, so that it is the only copy
    held INTEGER NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (sensor, epoch, number, sha256)
) STRICT;
CREATE INDEX quarantine_by_body ON quarantine (sha256);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_secs INTEGER NOT NULL,
    sensor TEXT,
    kind TEXT NOT NULL,
    words TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_sensor ON events (sensor, id);
PRAGMA user_version = 1;
";
