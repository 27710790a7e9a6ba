//! What a collector promises: who floods harms nobody else, nothing is acknowledged that is not stored, health is known.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod collect_support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use collect_support::client::{Client, Drip, End};
use collect_support::{Site, batch, request, until};
use hirundo::collector::{health, metrics, now_secs, now_us};
use hirundo_packet::wire::{BatchResponse, EnrollResponse, Heartbeat, HeartbeatResponse, RenewRequest};
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Epoch of all batches here.
const EPOCH: u64 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_floods_waits_and_others_do_not() {
    let site = Site::start().await;
    let (loud, quiet) = (site.sensor("loud").await, site.sensor("quiet").await);
    site.store.limit_sensor("loud", 20, 1 << 30).await.unwrap();
    let mut flood = JoinSet::new();
    for connection in 0..4 {
        let client = site.connect(&loud).await;
        for number in connection * 25..connection * 25 + 25 {
            let client = client.clone();
            flood.spawn(async move { client.batch(EPOCH, number, batch("loud", EPOCH, number, 10)).await });
        }
    }
    let client = site.connect(&quiet).await;
    for number in 0..10 {
        client.batch(EPOCH, number, batch("quiet", EPOCH, number, 10)).await.expect(200, "");
    }
    let answers = flood.join_all().await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    // Twenty, and what trickles in while the test runs.
    assert!(
        (20..40).contains(&count(200)) && count(200) + count(429) == 100,
        "{} stored",
        count(200)
    );
    for answer in answers.iter().filter(|answer| answer.status == 429) {
        answer.expect(429, "sends more than it may");
        let secs: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&secs));
    }
    assert_eq!(site.shelf.count(), count(200) + 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sensor_can_take_the_memory_of_all() {
    // While the lake is held up, one sensor sends what it can; another's batch still finds room.
    let site = Site::with(|settings| settings.memory_bytes = 4 << 20).await;
    let (greedy, modest) = (site.sensor("greedy").await, site.sensor("modest").await);
    site.shelf.change(|state| state.held = true);
    let client = site.connect(&greedy).await;
    let mut sending = JoinSet::new();
    for number in 0..40 {
        let client = client.clone();
        let body = batch("greedy", EPOCH, number, 20_000);
        sending.spawn(async move { client.batch(EPOCH, number, body).await });
    }
    // Half-sent bodies on top, in the way of slow senders.
    for number in 100..110 {
        let client = client.clone();
        sending.spawn(async move {
            let half = Drip::body([vec![0; 200 << 10]], Duration::ZERO, End::Never);
            client.drip(EPOCH, number, half).await.unwrap()
        });
    }
    until("some are turned away", async || {
        sending.len() == 50 && site.centre().meters.in_flight("greedy") > 3
    })
    .await;
    let other = site.connect(&modest).await;
    let waits = tokio::spawn(async move { other.batch(EPOCH, 0, batch("modest", EPOCH, 0, 1_000)).await });
    until("it waits with the others", async || site.centre().meters.in_flight("modest") == 1).await;
    assert!(
        site.centre().budget.used_bytes() <= 2 << 20,
        "{}",
        site.centre().budget.used_bytes()
    );
    site.shelf.change(|state| state.held = false);
    waits.await.unwrap().expect(200, "\"known\":false");
    let mut stored = 0;
    while let Some(answer) = sending.join_next().await {
        let status = answer.unwrap().status;
        assert!(matches!(status, 200 | 408 | 429 | 503), "{status}");
        stored += usize::from(status == 200);
    }
    assert_eq!(site.shelf.count(), stored + 1);
    until("memory is given back", async || site.centre().budget.used_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_given_back() {
    let site = Site::with(|settings| {
        settings.doors.of_address_max = 4;
        settings.doors.of_sensor_max = 2;
        settings.doors.strangers_max = 1;
        settings.doors.handshake_max = Duration::from_secs(1);
    })
    .await;
    let time = |client: Client| async move { client.send(Method::GET, "/v1/time", Vec::new()).await };
    let jp = site.sensor("jp-01").await;
    until("the enrolment's connection is over", async || site.centre().open_connections() == 0).await;
    // Two of the sensor, no third.
    let (one, two) = (site.connect(&jp).await, site.connect(&jp).await);
    time(one.clone()).await.unwrap();
    time(two.clone()).await.unwrap();
    assert!(turned_away(Client::connect(site.address, &site.authority(), Some(&jp)).await).await);
    // One without certificate, no second.
    let stranger = site.stranger().await;
    time(stranger.clone()).await.unwrap();
    assert!(turned_away(Client::connect(site.address, &site.authority(), None).await).await);
    // Four of the address, no fifth, whoever it is.
    let _mute = TcpStream::connect(site.address).await.unwrap();
    assert!(turned_away(Client::connect(site.address, &site.authority(), None).await).await);
    drop((one, two, stranger));
    until("places are given back", async || site.centre().open_connections() == 0).await;
    site.connect(&jp)
        .await
        .batch(EPOCH, 0, batch("jp-01", EPOCH, 0, 10))
        .await
        .expect(200, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_begins_to_shake_hands_keeps_nobody_else_out() {
    let site = Site::start().await;
    let jp = site.sensor("jp-01").await;
    let mut mute = Vec::new();
    for _ in 0..200 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        mute.push(socket.connect(site.address).await.unwrap());
    }
    let begun = Instant::now();
    site.connect(&jp)
        .await
        .batch(EPOCH, 0, batch("jp-01", EPOCH, 0, 10))
        .await
        .expect(200, "");
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    let most = i64::try_from(site.centre().settings.doors.shaking_max).unwrap();
    until("most of them are cut", async || site.centre().open_connections() <= most + 1).await;
}

/// Whether a connection was cut before anything was answered.
async fn turned_away(client: Result<Client, String>) -> bool {
    match client {
        Err(_) => true,
        Ok(client) => client.send(Method::GET, "/v1/time", Vec::new()).await.is_err(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_reset_at_once_harm_nobody() {
    let site = Site::start().await;
    let (rapid, honest) = (site.sensor("rapid").await, site.sensor("honest").await);
    let client = site.connect(&rapid).await;
    for number in 0..2_000 {
        let body = Drip::body([vec![0; 10]], Duration::ZERO, End::Never);
        let asked = client.drip(EPOCH, number, body);
        // Asked, and not waited for.
        drop(tokio::time::timeout(Duration::from_micros(50), asked).await);
    }
    let other = site.connect(&honest).await;
    for number in 0..5 {
        other.batch(EPOCH, number, batch("honest", EPOCH, number, 10)).await.expect(200, "");
    }
    until("nothing of it is left", async || site.centre().meters.in_flight("rapid") == 0).await;
    assert_eq!(site.shelf.count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_refuses_is_tried_again_and_nothing_is_acknowledged_meanwhile() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    site.shelf.change(|state| state.refuses = true);
    for number in 0..3 {
        let answer = client.batch(EPOCH, number, batch("jp-01", EPOCH, number, 10)).await;
        answer.expect(503, "could not be stored now");
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(site.shelf.count(), 0);
    site.shelf.change(|state| state.refuses = false);
    // What it has is stored without being sent again; sent again, it is known and stored once.
    until("what waited is stored", async || site.shelf.count() == 3).await;
    for number in 0..3 {
        // The first may still come in time to wait with what is being stored.
        client.batch(EPOCH, number, batch_again(&site, number)).await.expect(200, "");
        let again: BatchResponse = client.batch(EPOCH, number, batch_again(&site, number)).await.json();
        assert!(again.known);
    }
    assert_eq!(site.shelf.count(), 3);
}

/// The bytes of a stored batch.
fn batch_again(site: &Site, number: u64) -> Vec<u8> {
    let found = site.shelf.look(|state| {
        state
            .stored
            .iter()
            .find(|(name, _)| name.number == number)
            .map(|(_, bytes)| bytes.clone())
    });
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_breaks_storing_is_put_aside_and_the_others_are_stored() {
    let site = Site::with(|settings| settings.commit_every = Duration::from_millis(500)).await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    site.shelf.change(|state| state.sick = HashSet::from([3]));
    let mut sending = JoinSet::new();
    for number in 0..6 {
        let client = client.clone();
        sending.spawn(async move { (number, client.batch(EPOCH, number, batch("jp-01", EPOCH, number, 10)).await) });
    }
    for (number, answer) in sending.join_all().await {
        let (status, words) = if number == 3 { (202, "could not be stored") } else { (200, "") };
        answer.expect(status, words);
    }
    assert_eq!(site.shelf.count(), 5);
    let kept = site.store.quarantine(None).await.unwrap();
    assert!(kept.len() == 1 && kept[0].number == 3 && kept[0].held, "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_stored_together_and_at_the_end_at_once() {
    let site = Site::with(|settings| settings.commit_every = Duration::from_secs(30)).await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    let mut sending = JoinSet::new();
    for number in 0..20 {
        let client = client.clone();
        sending.spawn(async move { client.batch(EPOCH, number, batch("jp-01", EPOCH, number, 10)).await });
    }
    until("they wait", async || site.centre().gather.waiting() == (20, 200)).await;
    assert_eq!(site.shelf.count(), 0);
    let begun = Instant::now();
    let shelf = site.stop().await;
    for answer in sending.join_all().await {
        answer.expect(200, "\"known\":false");
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(shelf.look(|state| (state.stored.len(), state.commits)), (20, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_under_the_one_that_holds() {
    let site = Site::start().await;
    let identity = site.sensor("jp-01").await;
    let client = site.connect(&identity).await;
    site.store.set_addresses(&["https://127.0.0.1:9".to_owned()]).await.unwrap();
    let (key, csr) = request();
    let body = serde_json::to_vec(&RenewRequest {
        version: 1,
        csr,
        software: "test".to_owned(),
    });
    let answer = client.send(Method::POST, "/v1/renew", body.unwrap()).await.unwrap();
    answer.expect(200, "BEGIN CERTIFICATE");
    let response: EnrollResponse = answer.json();
    assert_eq!(
        (response.sensor.as_str(), response.centres.as_slice()),
        ("jp-01", &["https://127.0.0.1:9".to_owned()][..])
    );
    assert!((response.not_after_secs - now_secs() - 30 * 86_400).abs() < 60);
    let certificate = rustls::pki_types::pem::PemObject::from_pem_slice(response.certificate.as_bytes()).unwrap();
    let renewed = site.connect(&collect_support::Identity { certificate, key }).await;
    // Both hold: what is on the way under the old one is not lost.
    renewed.batch(EPOCH, 0, batch("jp-01", EPOCH, 0, 10)).await.expect(200, "");
    client.batch(EPOCH, 1, batch("jp-01", EPOCH, 1, 10)).await.expect(200, "");
}

async fn beat(client: &Client, beat: &Heartbeat) -> HeartbeatResponse {
    let body = serde_json::to_vec(beat).unwrap();
    let answer = client.send(Method::POST, "/v1/heartbeat", body).await.unwrap();
    answer.expect(200, "now_us");
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_make_health_and_metrics() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    site.token("jp-02").await;
    let mut said = Heartbeat {
        version: 1,
        software: env!("CARGO_PKG_VERSION").to_owned(),
        now_us: now_us(),
        epoch: EPOCH,
        kept: 1_000,
        clock_synchronised: Some(true),
        hidden: true,
        ..Heartbeat::default()
    };
    assert_eq!(beat(&client, &said).await.notes, Vec::<String>::new());
    client.batch(EPOCH, 0, batch("jp-01", EPOCH, 0, 10)).await.expect(200, "");
    let rows = health::rows(&site.store, now_secs()).await.unwrap();
    let states: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.state)).collect();
    assert_eq!(states, [("jp-01", health::State::Good), ("jp-02", health::State::Awaited)]);
    assert_eq!((rows[0].packets, rows[0].hidden), (10, Some(true)));
    assert!(rows[0].skew_us.unwrap().abs() < 2_000_000);
    // A minute later it is told how fast packets come, and what went wrong.
    said.kept = 1_600;
    said.dropped_spool = 5;
    said.software = "0.0.0-other".to_owned();
    said.clock_synchronised = Some(false);
    let later = site.store.health().await.unwrap()[0].beat_secs.unwrap() + 60;
    site.store.beat("jp-01", &said, None, later).await.unwrap();
    let row = health::rows(&site.store, later + 1).await.unwrap().remove(0);
    assert_eq!(row.packets_a_minute, Some(600));
    let causes: Vec<_> = row.reasons.iter().map(|(cause, _)| cause.name()).collect();
    assert_eq!(causes, ["losing", "clock", "version"]);
    let notes = beat(&client, &said).await.notes;
    assert!(
        notes.len() == 2 && notes[0].contains("not synchronised") && notes[1].contains("0.0.0-other"),
        "{notes:?}"
    );
    site.stranger().await.batch(EPOCH, 1, Vec::new()).await.expect(401, "");
    let text = scrape(&site).await;
    assert_eq!(text, metrics_again(&site, &text).await);
    for line in [
        "hirundo_collector_batches_total{outcome=\"stored\"} 1",
        "hirundo_sensor_dropped_packets{sensor=\"jp-01\",group=\"home\",region=\"JP\"} 5.0",
        "hirundo_sensor_state{sensor=\"jp-02\",group=\"home\",region=\"JP\",state=\"awaited\"} 1.0",
        "hirundo_sensor_trouble{sensor=\"jp-01\",group=\"home\",region=\"JP\",cause=\"losing\"} 1.0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for file in ["grafana/hirundo-sensors.json", "prometheus/alerts.yml"] {
        check_names(file, &text);
    }
    // No address of a sensor, nor of a connection.
    assert!(!text.contains("127.0.0.1") && !text.contains("192.0.2"), "{text}");
}

/// Dashboard and alerts ask for nothing that is not served.
fn check_names(file: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging").join(file);
    let asked = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let served: HashSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let words = asked.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: HashSet<String> = words
        .filter(|word| word.starts_with("hirundo_"))
        .map(|word| word.trim_end_matches("_total").trim_end_matches("_bucket").to_owned())
        .collect();
    assert!(names.len() > 5, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !served.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{file} asks for {missing:?}");
}

/// What Prometheus gets.
async fn scrape(site: &Site) -> String {
    let address = site.collector.as_ref().unwrap().metrics_address.unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("# EOF"), "{text}");
    text
}

/// The same text, when the one made here has the same names of metrics.
async fn metrics_again(site: &Site, text: &str) -> String {
    let names = |text: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.strip_prefix("# HELP "))
            .map(|rest| rest.split(' ').next().unwrap().to_owned())
            .collect()
    };
    let made = metrics::text(site.centre()).await.unwrap();
    assert_eq!(names(&made), names(text));
    text.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_of_another_version_or_too_many_are_refused() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    let body = serde_json::json!({ "version": 2 }).to_string().into_bytes();
    client
        .send(Method::POST, "/v1/heartbeat", body.clone())
        .await
        .unwrap()
        .expect(400, "speaks version 2 and the centre version 1");
    let said = Heartbeat {
        version: 2,
        ..Heartbeat::default()
    };
    let body = serde_json::to_vec(&said).unwrap();
    client
        .send(Method::POST, "/v1/heartbeat", body.clone())
        .await
        .unwrap()
        .expect(400, "speaks version 2 and the centre version 1");
    let mut refused = 0;
    for _ in 0..150 {
        refused += usize::from(client.send(Method::POST, "/v1/heartbeat", body.clone()).await.unwrap().status == 429);
    }
    assert!((20..=40).contains(&refused), "{refused}");
    client.batch(EPOCH, 0, batch("jp-01", EPOCH, 0, 10)).await.expect(200, "");
}
