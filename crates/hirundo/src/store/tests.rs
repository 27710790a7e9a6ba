//! The file by itself: versions, tokens, limits of quarantine, what is forgotten.

use hirundo_packet::wire::Heartbeat;

use super::batches::Stored;
use super::quarantine::{BYTES_A_SENSOR_MAX, BYTES_MAX, Kept};
use super::sensors::Sensor;
use super::tokens::{Issue, TOKEN_SECS, TokenRefusal};
use super::*;

const NOW: i64 = 1_700_000_000;

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).await.unwrap();
    store.add_sensor(&Sensor::new("jp-01", None, None, NOW)).await.unwrap();
    (folder, store)
}

#[tokio::test]
async fn a_file_of_another_version_is_refused() {
    let (folder, store) = store().await;
    sqlx::query("PRAGMA user_version = 99").execute(&store.pool).await.unwrap();
    store.close().await;
    let error = format!("{:#}", Store::open(folder.path()).await.unwrap_err());
    assert!(error.contains("version 99 and this program knows 1; hint:"), "{error}");
    let nowhere = tempfile::tempdir().unwrap();
    let error = format!("{:#}", Store::open(nowhere.path()).await.unwrap_err());
    assert!(error.contains("hint: `hirundo centre init`"), "{error}");
    assert!(std::fs::read_dir(nowhere.path()).unwrap().next().is_none(), "looking makes nothing");
}

#[tokio::test]
async fn secrets_are_not_in_the_file_and_tokens_are_good_once_and_in_time() {
    let (folder, store) = store().await;
    let secret = "c0ffee".repeat(8);
    store.add_token("jp-01", &secret, NOW).await.unwrap();
    let enrol = async |serial: &str, now| {
        let issue = Issue {
            serial,
            ends_secs: now + 100,
        };
        store.enrol("jp-01", &secret, issue, now).await.unwrap()
    };
    assert_eq!(enrol("01", NOW + TOKEN_SECS).await, Err(TokenRefusal::Over));
    assert_eq!(enrol("02", NOW + TOKEN_SECS - 1).await, Ok(()));
    assert_eq!(enrol("03", NOW + 1).await, Err(TokenRefusal::Used));
    let ends = store.certificate_ends().await.unwrap();
    assert_eq!(ends["jp-01"], NOW + TOKEN_SECS + 99, "a refused enrolment leaves no certificate");
    store.close().await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

fn kept(number: u64, bytes: i64) -> Kept {
    Kept {
        id: 0,
        at_secs: NOW,
        sensor: "jp-01".to_owned(),
        epoch: u64::MAX,
        number,
        sha256: format!("{number:064x}"),
        bytes,
        packets: 0,
        held: false,
        reason: "test".to_owned(),
    }
}

#[tokio::test]
async fn quarantine_is_bounded_for_a_sensor_and_in_all() {
    let (_folder, store) = store().await;
    assert!(store.keep(&kept(0, BYTES_A_SENSOR_MAX - 10)).await.unwrap());
    assert!(!store.keep(&kept(1, 11)).await.unwrap());
    assert!(!store.has_room(&kept(1, 11)).await.unwrap());
    assert!(
        store.keep(&kept(0, BYTES_A_SENSOR_MAX - 10)).await.unwrap(),
        "what is there has room"
    );
    assert!(store.keep(&kept(u64::MAX, 10)).await.unwrap());
    let listed = store.quarantine(Some("jp-01")).await.unwrap();
    assert_eq!(listed.iter().map(|kept| kept.number).collect::<Vec<_>>(), [0, u64::MAX]);
    for n in 0..BYTES_MAX / BYTES_A_SENSOR_MAX {
        let other = Kept {
            sensor: format!("other-{n}"),
            ..kept(7, BYTES_A_SENSOR_MAX)
        };
        let is_last = n == BYTES_MAX / BYTES_A_SENSOR_MAX - 1;
        assert_eq!(store.keep(&other).await.unwrap(), !is_last, "{n}");
    }
    // The same body under two names goes with the last of them.
    let all = store.quarantine(None).await.unwrap();
    let same: Vec<_> = all.iter().filter(|kept| kept.number == 7).collect();
    assert!(!store.unkeep(same[0]).await.unwrap() && store.has_body(&same[0].sha256).await.unwrap());
    assert!(store.unkeep(&all[0]).await.unwrap() && !store.has_body(&all[0].sha256).await.unwrap());
}

#[tokio::test]
async fn digests_and_rates_are_forgotten_and_totals_stay() {
    let (_folder, store) = store().await;
    let batch = |number: u64| Stored {
        sensor: "jp-01".to_owned(),
        epoch: u64::MAX,
        number,
        digest: [7; 32],
        packets: 5,
    };
    store.stored(&[batch(0), batch(u64::MAX)], NOW).await.unwrap();
    store.stored(&[batch(1)], NOW + 8 * 86_400).await.unwrap();
    let beat = |kept: u64| Heartbeat {
        kept,
        ..Heartbeat::default()
    };
    store.beat("jp-01", &beat(0), Some(-3), NOW).await.unwrap();
    store.beat("jp-01", &beat(u64::MAX), None, NOW + 60).await.unwrap();
    assert_eq!(store.rates(0).await.unwrap().len(), 1);
    store.forget(NOW + 8 * 86_400 + 1).await.unwrap();
    assert_eq!(store.digest_of("jp-01", u64::MAX, 0).await.unwrap(), None);
    assert_eq!(store.digest_of("jp-01", u64::MAX, 1).await.unwrap(), Some(vec![7; 32]));
    assert!(store.rates(0).await.unwrap().is_empty());
    let health = store.health().await.unwrap().remove(0);
    assert_eq!((health.packets, health.skew_us, health.beat_secs), (15, Some(-3), Some(NOW + 60)));
}

#[tokio::test]
async fn rates_are_of_one_run_and_without_gaps() {
    let (_folder, store) = store().await;
    let mut beat = Heartbeat::default();
    let mut at = NOW;
    let mut say = async |kept: u64, epoch: u64, secs: i64| {
        at += secs;
        (beat.kept, beat.epoch) = (kept, epoch);
        store.beat("jp-01", &beat, None, at).await.unwrap();
        store
            .rates(0)
            .await
            .unwrap()
            .into_iter()
            .map(|(_, rate)| rate.packets)
            .collect::<Vec<_>>()
    };
    assert_eq!(say(1_000, 1, 0).await, Vec::<i64>::new());
    assert_eq!(say(1_100, 1, 60).await, [100]);
    assert_eq!(say(1_400, 1, 120).await, [100, 150], "two minutes, scaled to one");
    assert_eq!(say(5, 2, 60).await, [100, 150], "another run counts anew");
    assert_eq!(say(65, 2, 60).await, [100, 150, 60]);
    assert_eq!(say(10_000, 2, 3_600).await, [100, 150, 60], "a gap is no rate");
    assert_eq!(say(1, 2, 60).await, [100, 150, 60, 0], "nothing is less than nothing");
}

#[tokio::test]
async fn events_are_cut_at_whole_characters_and_the_oldest_go() {
    let (_folder, store) = store().await;
    store.note(Some("jp-01"), "test", &"語".repeat(400), NOW).await.unwrap();
    let noted = store.events(Some("jp-01"), 10).await.unwrap();
    assert_eq!(noted[0].words, "語".repeat(166));
    assert!(store.events(Some("jp-02"), 10).await.unwrap().is_empty());
    sqlx::query("UPDATE sqlite_sequence SET seq = 99998 WHERE name = 'events'")
        .execute(&store.pool)
        .await
        .unwrap();
    store.note(None, "test", "a", NOW).await.unwrap();
    store.note(None, "test", "b", NOW).await.unwrap();
    let words: Vec<_> = store.events(None, 10).await.unwrap().into_iter().map(|event| event.words).collect();
    assert_eq!(words, ["b", "a"]);
}

/// As on a full disk: SQLite ends the transaction, and what sqlx then does to end it fails.
#[tokio::test]
async fn a_transaction_that_sqlite_ended_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).await.unwrap();
    for round in 0..8 {
        let mut transaction = store.pool.begin_with(BEGIN_WRITE).await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *transaction).await.unwrap();
        assert!(transaction.commit().await.is_err(), "round {round}");
    }
    store.found("centre", &["https://a.example:1".to_owned()], 1).await.unwrap();
}
