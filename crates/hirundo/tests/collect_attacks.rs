//! Attacks on a collector, each tried and refused, while another sensor's batches go on being stored.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod collect_support;

use std::time::{Duration, Instant};

use collect_support::client::{Client, Drip, End, request};
use collect_support::{Identity, Site, batch, batch_at, until};
use hirundo::collector::authority::Authority;
use hirundo::collector::{now_secs, now_us};
use hirundo_packet::batch::{ENCODED_BYTES_MAX, VERSION};
use hirundo_packet::wire::{BatchResponse, Refusal, batch_path};
use http::Method;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Epoch of all batches here.
const EPOCH: u64 = 0x0123_4567_89ab_cdef;

/// Another sensor is stored as if nothing were.
async fn others_go_on(site: &Site) {
    let client = site.connect(&site.sensor("honest").await).await;
    let before = site.shelf.count();
    for number in 0..3 {
        client
            .batch(EPOCH, number, batch("honest", EPOCH, number, 10))
            .await
            .expect(200, "");
    }
    assert_eq!(site.shelf.count(), before + 3);
}

/// Reasons in quarantine.
async fn quarantined(site: &Site) -> Vec<(String, bool, String)> {
    let kept = site.store.quarantine(None).await.unwrap();
    assert_eq!(kept.len(), site.quarantine_files().len());
    kept.into_iter().map(|kept| (kept.sensor, kept.held, kept.reason)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_certificate() {
    let site = Site::start().await;
    let stranger = site.stranger().await;
    stranger
        .batch(EPOCH, 0, batch("jp-01", EPOCH, 0, 10))
        .await
        .expect(401, "this needs a sensor's certificate");
    for path in ["/v1/heartbeat", "/v1/renew"] {
        stranger
            .send(Method::POST, path, b"{}".to_vec())
            .await
            .unwrap()
            .expect(401, "certificate");
    }
    stranger
        .send(Method::GET, "/v1/time", Vec::new())
        .await
        .unwrap()
        .expect(200, "now_us");
    assert_eq!(site.shelf.count(), 0);
    others_go_on(&site).await;
}

/// A certificate that TLS refuses: the connection is cut before anything is answered.
async fn is_cut(site: &Site, identity: &Identity) {
    let cut = match Client::connect(site.address, &site.authority(), Some(identity)).await {
        Err(error) => error,
        // In TLS 1.3 the client is done before the server has looked at its certificate.
        Ok(client) => client
            .send(Method::POST, &batch_path(EPOCH, 0), batch("jp-01", EPOCH, 0, 10))
            .await
            .expect_err("no answer"),
    };
    assert!(!cut.contains("in time"), "{cut}");
    assert_eq!(site.shelf.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority() {
    let site = Site::start().await;
    site.sensor("jp-01").await;
    let folder = tempfile::tempdir().unwrap();
    let other = Authority::create(folder.path(), "test", now_secs()).unwrap();
    let (key, csr) = collect_support::request();
    let made = other.certify_sensor(&csr, "jp-01", now_secs()).unwrap();
    let certificate = CertificateDer::from_pem_slice(made.pem.as_bytes()).unwrap();
    is_cut(&site, &Identity { certificate, key }).await;
    others_go_on(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_the_centre_never_gave() {
    // Signed with the right key, but not noted: the sensor was removed since, or the key was copied.
    let site = Site::start().await;
    site.sensor("jp-01").await;
    let (key, csr) = collect_support::request();
    let made = site.authority().certify_sensor(&csr, "jp-01", now_secs()).unwrap();
    let certificate = CertificateDer::from_pem_slice(made.pem.as_bytes()).unwrap();
    let client = site.connect(&Identity { certificate, key }).await;
    client
        .batch(EPOCH, 0, batch("jp-01", EPOCH, 0, 10))
        .await
        .expect(403, "does not know this certificate");
    assert_eq!(site.shelf.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_whose_time_is_over() {
    let site = Site::start().await;
    is_cut(&site, &site.ending("jp-01", -60).await).await;
    // One that ends while its connection is open does not outlive it.
    let client = site.connect(&site.ending("jp-02", 3).await).await;
    client.batch(EPOCH, 0, batch("jp-02", EPOCH, 0, 10)).await.expect(200, "");
    tokio::time::sleep(Duration::from_secs(4)).await;
    client
        .batch(EPOCH, 1, batch("jp-02", EPOCH, 1, 10))
        .await
        .expect(403, "time is over");
    assert_eq!(site.shelf.count(), 1);
    others_go_on(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_sensor_on_a_connection_that_is_open() {
    let site = Site::start().await;
    let identity = site.sensor("jp-01").await;
    let client = site.connect(&identity).await;
    client.batch(EPOCH, 0, batch("jp-01", EPOCH, 0, 10)).await.expect(200, "");
    assert!(site.store.revoke_sensor("jp-01", "stolen", now_secs()).await.unwrap());
    let revoked = Instant::now();
    let mut number = 1;
    loop {
        let answer = client.batch(EPOCH, number, batch("jp-01", EPOCH, number, 10)).await;
        number += 1;
        if answer.status == 403 {
            answer.expect(403, "revoked");
            break;
        }
        // Two seconds are promised; a busy machine has its own.
        assert!(revoked.elapsed() < Duration::from_secs(5), "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again = site.connect(&identity).await;
    for path in ["/v1/heartbeat", "/v1/renew"] {
        again.send(Method::POST, path, b"{}".to_vec()).await.unwrap().expect(403, "revoked");
    }
    others_go_on(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sensors_name() {
    let site = Site::start().await;
    let (liar, honest) = (site.sensor("liar").await, site.sensor("honest").await);
    let stolen = batch("honest", EPOCH, 0, 10);
    site.connect(&liar)
        .await
        .batch(EPOCH, 0, stolen)
        .await
        .expect(403, "another sensor's");
    assert_eq!(site.shelf.count(), 0);
    let kept = quarantined(&site).await;
    assert_eq!(kept, [("liar".to_owned(), false, "it says that it is of sensor honest".to_owned())]);
    let events = site.store.events(Some("liar"), 1).await.unwrap();
    assert!(events[0].kind == "refused" && events[0].words.contains("status 403"), "{events:?}");
    // The name is not used up for the one whose it is.
    site.connect(&honest)
        .await
        .batch(EPOCH, 0, batch("honest", EPOCH, 0, 20))
        .await
        .expect(200, "\"known\":false");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_under_another_number() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    client
        .batch(EPOCH, 1, batch("jp-01", EPOCH, 0, 10))
        .await
        .expect(400, "not the one that the path names");
    client
        .batch(EPOCH + 1, 0, batch("jp-01", EPOCH, 0, 10))
        .await
        .expect(400, "not the one that the path names");
    for path in [
        "/v1/batches/1/0",
        "/v1/batches/0123456789ABCDEF/0",
        "/v1/batches/0123456789abcdef/-1",
        "/v1/batches/0123456789abcdef/+1",
    ] {
        let answer = client.send(Method::POST, path, batch("jp-01", EPOCH, 0, 10)).await.unwrap();
        answer.expect(400, "names no batch");
    }
    assert_eq!(site.shelf.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_bodies() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    // Announced: refused before a byte of it is read.
    let begun = Instant::now();
    let mut announced = request(
        Method::POST,
        &batch_path(EPOCH, 0),
        now_us(),
        Drip::body([], Duration::ZERO, End::Never),
    );
    announced
        .headers_mut()
        .insert("content-length", (ENCODED_BYTES_MAX as u64 + 1).into());
    client.request(announced).await.unwrap().expect(413, "more than");
    assert!(begun.elapsed() < Duration::from_secs(15), "it waited for the body");
    // Not announced: refused once it is too long.
    let pieces = (0..=ENCODED_BYTES_MAX >> 20).map(|_| vec![0; 1 << 20]);
    client
        .drip(EPOCH, 1, Drip::body(pieces, Duration::ZERO, End::Never))
        .await
        .unwrap()
        .expect(413, "more than");
    until("its memory is given back", async || site.centre().budget.used_bytes() == 0).await;
    let enrolment = vec![b' '; 100 << 10];
    site.stranger()
        .await
        .send(Method::POST, "/v1/enroll", enrolment)
        .await
        .unwrap()
        .expect(413, "more than");
    others_go_on(&site).await;
}

/// A batch with other columns, and a checksum that is right.
fn with_columns(batch: &[u8], columns: &[u8]) -> Vec<u8> {
    let head = u32::from_le_bytes(batch[8..12].try_into().unwrap()) as usize;
    let mut bytes = batch[..12 + head].to_vec();
    bytes.extend_from_slice(columns);
    bytes.extend(twox_hash::XxHash3_128::oneshot(&bytes).to_le_bytes());
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_by_compression() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    let honest = batch("jp-01", EPOCH, 0, 10);
    // Four times what a batch may take in memory, in some kilobytes, as the first plane of the first columns.
    let bomb = zstd::stream::encode_all(std::io::Read::take(std::io::repeat(0), 256 << 20), 1).unwrap();
    let mut length = Vec::new();
    let mut left = bomb.len();
    while left >= 0x80 {
        length.push(u8::try_from(left & 0x7f | 0x80).unwrap());
        left >>= 7;
    }
    length.push(u8::try_from(left).unwrap());
    for begin in [&[1, 2][..], &[2]] {
        let columns = [begin, &length, &bomb].concat();
        let answer = client.batch(EPOCH, 0, with_columns(&honest, &columns)).await;
        answer.expect(400, "read a batch");
    }
    assert_eq!(site.shelf.count(), 0);
    // The head alone is enough to say so.
    client
        .batch(EPOCH, 0, with_columns(&honest, &[]))
        .await
        .expect(400, "ends too early");
    client.batch(EPOCH, 0, honest).await.expect(200, "");
    others_go_on(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_batches() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    let whole = batch("jp-01", EPOCH, 0, 100);
    for length in [0, 1, 12, whole.len() / 2, whole.len() - 1] {
        client.batch(EPOCH, 0, whole[..length].to_vec()).await.expect(400, "read a batch");
    }
    let mut changed = whole.clone();
    changed[40] ^= 1;
    client.batch(EPOCH, 0, changed).await.expect(400, "checksum");
    // Cut on the way: the stream ends, the connection goes on.
    let half = whole[..whole.len() / 2].to_vec();
    client
        .drip(EPOCH, 0, Drip::body([half], Duration::ZERO, End::Cut))
        .await
        .expect_err("a stream that was reset");
    assert_eq!((site.shelf.count(), quarantined(&site).await.len()), (0, 6));
    client.batch(EPOCH, 0, whole).await.expect(200, "\"known\":false");
    others_go_on(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_another_version() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    let mut other = batch("jp-01", EPOCH, 0, 10);
    other[7] = VERSION + 1;
    let answer = client.batch(EPOCH, 0, other).await;
    // Not 400: the sensor keeps it until the older side is updated.
    answer.expect(426, &format!("version {}", VERSION + 1));
    let refusal: Refusal = answer.json();
    assert!(refusal.error.contains(&format!("version {VERSION} is understood")), "{refusal:?}");
    assert_eq!(refusal.hint.as_deref(), Some("update the older of sensor and centre"));
    let mut spoken = request(
        Method::POST,
        &batch_path(EPOCH, 0),
        now_us(),
        collect_support::client::full(Vec::new()),
    );
    spoken.headers_mut().insert("hirundo-wire", 7.into());
    client
        .request(spoken)
        .await
        .unwrap()
        .expect(426, "speaks version 7 and the centre version 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_senders() {
    let site = Site::with(|settings| {
        settings.patience.silence_max = Duration::from_secs(1);
        settings.patience.grace = Duration::from_secs(2);
        settings.patience.bytes_a_second_min = 1_000;
        settings.doors.handshake_max = Duration::from_secs(1);
        settings.doors.stranger_max = Duration::from_secs(2);
        settings.doors.idle_max = Duration::from_secs(2);
    })
    .await;
    let client = site.connect(&site.sensor("slow").await).await;
    let begun = Instant::now();
    // Silent after the first byte; and a byte now and then.
    let silent = client.drip(EPOCH, 0, Drip::body([vec![0]], Duration::ZERO, End::Never));
    let drops = (0..200).map(|_| vec![0]);
    let dripping = client.drip(EPOCH, 1, Drip::body(drops, Duration::from_millis(200), End::Well));
    // A connection that never says a word, and one that shakes hands and then is silent.
    let mut mute = TcpStream::connect(site.address).await.unwrap();
    let idle = site.stranger().await;
    let (silent, dripping) = tokio::join!(silent, dripping);
    silent.unwrap().expect(408, "too slowly");
    dripping.unwrap().expect(408, "too slowly");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let mut byte = [0];
    let cut = tokio::time::timeout(Duration::from_secs(20), mute.read(&mut byte))
        .await
        .expect("cut in time");
    assert!(matches!(cut, Ok(0) | Err(_)), "{cut:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    idle.send(Method::GET, "/v1/time", Vec::new())
        .await
        .expect_err("a connection that was cut");
    assert_eq!(site.shelf.count(), 0);
    others_go_on(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replays() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    let first = batch("jp-01", EPOCH, 0, 10);
    let answer: BatchResponse = client.batch(EPOCH, 0, first.clone()).await.json();
    assert!(!answer.known);
    for _ in 0..5 {
        let again: BatchResponse = client.batch(EPOCH, 0, first.clone()).await.json();
        assert!(again.known);
    }
    // The same name with other packets: refused, and the first stays what is stored.
    client
        .batch(EPOCH, 0, batch("jp-01", EPOCH, 0, 11))
        .await
        .expect(409, "another batch of this name");
    let kept = quarantined(&site).await;
    assert_eq!(
        kept,
        [("jp-01".to_owned(), false, "another batch of this name was sent before".to_owned())]
    );
    assert!(
        site.shelf
            .look(|state| state.stored.len() == 1 && state.stored.values().all(|bytes| *bytes == first))
    );
    // Without its packets, which the sensor had to drop before it heard that we have them: known, and not stored.
    let emptied = collect_support::emptied("jp-01", EPOCH, 0, 10);
    client.batch(EPOCH, 0, emptied).await.expect(200, "\"known\":true");
    assert!(site.shelf.look(|state| state.stored.values().all(|bytes| *bytes == first)));
    // Both at once, before either is stored.
    site.shelf.change(|state| state.held = true);
    let (one, two) = (batch("jp-01", EPOCH, 1, 10), batch("jp-01", EPOCH, 1, 11));
    let waits = tokio::spawn({
        let client = client.clone();
        async move { client.batch(EPOCH, 1, one).await }
    });
    until("it waits", async || site.centre().meters.in_flight("jp-01") > 0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    client.batch(EPOCH, 1, two).await.expect(409, "another batch of this name");
    let emptied = collect_support::emptied("jp-01", EPOCH, 1, 10);
    client.batch(EPOCH, 1, emptied).await.expect(503, "could not be stored now");
    site.shelf.change(|state| state.held = false);
    waits.await.unwrap().expect(200, "\"known\":false");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens() {
    let site = Site::start().await;
    let good = site.token("jp-01").await;
    let other = site.token("jp-02").await;
    let with = |sensor: &str, secret: &str| hirundo_packet::wire::Token {
        sensor: sensor.to_owned(),
        secret: secret.to_owned(),
        ..good.clone()
    };
    // Wrong: made up, another sensor's, a sensor that is none, a name that is none.
    for (sensor, secret) in [
        ("jp-01", "00".repeat(32)),
        ("jp-01", other.secret.clone()),
        ("jp-03", good.secret.clone()),
        ("../jp-01", good.secret.clone()),
    ] {
        let (answer, _) = site.enrol(&with(sensor, &secret)).await;
        answer.expect(403, "does not know this token");
    }
    // A request that is none does not use it up.
    let body = serde_json::json!({ "version": 1, "sensor": "jp-01", "secret": good.secret, "csr": "none", "software": "" });
    let stranger = site.stranger().await;
    let answer = stranger
        .send(Method::POST, "/v1/enroll", body.to_string().into_bytes())
        .await
        .unwrap();
    answer.expect(400, "certificate signing request");
    // Good once.
    let (answer, _) = site.enrol(&good).await;
    answer.expect(200, "BEGIN CERTIFICATE");
    let (answer, _) = site.enrol(&good).await;
    answer.expect(403, "used before");
    // Its time is over, to the second.
    let old = site.token("jp-04").await;
    let late = now_secs() - hirundo::store::tokens::TOKEN_SECS;
    site.store.add_token("jp-04", &old.secret, late).await.unwrap();
    let (answer, _) = site.enrol(&old).await;
    answer.expect(403, "time is over");
    // A newer one makes the older void; a revoked sensor has none.
    let (older, newer) = (site.token("jp-05").await, site.token("jp-05").await);
    let (answer, _) = site.enrol(&older).await;
    answer.expect(403, "does not know this token");
    site.store.revoke_sensor("jp-05", "", now_secs()).await.unwrap();
    let (answer, _) = site.enrol(&newer).await;
    answer.expect(403, "");
    assert_eq!(site.shelf.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_raced_for_is_good_once() {
    let site = Site::start().await;
    let token = site.token("jp-01").await;
    let race = (0..8).map(|_| site.enrol(&token));
    let answers = futures_all(race).await;
    let won = answers.iter().filter(|(answer, _)| answer.status == 200).count();
    assert_eq!(won, 1, "{:?}", answers.iter().map(|(answer, _)| answer.status).collect::<Vec<_>>());
}

/// Runs futures at once.
async fn futures_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    let mut done: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in running.iter_mut().zip(&mut done) {
            if let Some(polled) = future
                && let std::task::Poll::Ready(output) = polled.as_mut().poll(context)
            {
                (*done, *future) = (Some(output), None);
            }
        }
        if running.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_cannot_be_right() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    let minute = 60_000_000;
    let at = |number: u64, offset_us: i64| batch_at("jp-01", EPOCH, number, 10, now_us() + offset_us);
    client.batch(EPOCH, 0, at(0, 9 * minute)).await.expect(200, "");
    client
        .batch(EPOCH, 1, at(1, 11 * minute))
        .await
        .expect(202, "ahead of the centre's clock");
    client.batch(EPOCH, 2, at(2, -34 * 1_440 * minute)).await.expect(200, "");
    client.batch(EPOCH, 3, at(3, -36 * 1_440 * minute)).await.expect(202, "36 d old");
    client
        .batch(EPOCH, 4, batch_at("jp-01", EPOCH, 4, 10, i64::MAX / 2))
        .await
        .expect(202, "");
    client
        .batch(EPOCH, 5, batch_at("jp-01", EPOCH, 5, 10, i64::MIN / 2))
        .await
        .expect(202, "");
    // Every day would be a file in every table.
    let days: Vec<i64> = (0..30).map(|day| now_us() - day * 1_440 * minute).collect();
    client
        .batch(EPOCH, 8, collect_support::batch_of("jp-01", EPOCH, 8, &days))
        .await
        .expect(202, "its packets span 2");
    // A clock half an hour fast is made allowance for, once it is known; one that is a day fast is not.
    let fast = |number: u64, skew_us: i64| {
        let body = collect_support::client::full(at(number, skew_us));
        client.request(request(Method::POST, &batch_path(EPOCH, number), now_us() + skew_us, body))
    };
    fast(6, 30 * minute).await.unwrap().expect(200, "");
    fast(7, 1_440 * minute).await.unwrap().expect(202, "ahead");
    assert_eq!(site.shelf.count(), 3);
    let kept = quarantined(&site).await;
    assert!(kept.len() == 6 && kept.iter().all(|(_, held, _)| *held), "{kept:?}");
    others_go_on(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quarantine_takes_no_more_and_loses_nothing_that_was_to_be_held() {
    let site = Site::start().await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    let full = hirundo::store::quarantine::Kept {
        id: 0,
        at_secs: now_secs(),
        sensor: "jp-01".to_owned(),
        epoch: 0,
        number: 0,
        sha256: "00".repeat(32),
        bytes: hirundo::store::quarantine::BYTES_A_SENSOR_MAX,
        packets: 0,
        held: false,
        reason: "test".to_owned(),
    };
    assert!(site.store.keep(&full).await.unwrap());
    // To be held: not taken, so that the sensor keeps it. To be refused: refused, without a copy.
    let early = batch_at("jp-01", EPOCH, 0, 10, now_us() + 3_600_000_000);
    client.batch(EPOCH, 0, early.clone()).await.expect(503, "no room");
    client.batch(EPOCH, 1, vec![0; 50]).await.expect(400, "read a batch");
    let events = site.store.events(Some("jp-01"), 1).await.unwrap();
    assert!(events[0].words.contains("no copy is kept"), "{events:?}");
    assert!(site.quarantine_files().is_empty());
    let kept = site.store.quarantine(None).await.unwrap().remove(0);
    assert!(site.store.unkeep(&kept).await.unwrap());
    client.batch(EPOCH, 0, early).await.expect(202, "ahead");
    assert_eq!(site.quarantine_files().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn captures_that_are_replayed_may_be_of_any_time_but_not_of_all_times() {
    let site = Site::with(|settings| settings.times = hirundo::collector::shipment::Times::Any).await;
    let client = site.connect(&site.sensor("jp-01").await).await;
    let year = 366 * 86_400 * 1_000_000;
    client
        .batch(EPOCH, 0, batch_at("jp-01", EPOCH, 0, 10, 24 * year))
        .await
        .expect(200, "");
    client
        .batch(EPOCH, 1, batch_at("jp-01", EPOCH, 1, 10, 68 * year))
        .await
        .expect(200, "");
    let both = collect_support::batch_of("jp-01", EPOCH, 2, &[24 * year, 26 * year]);
    client.batch(EPOCH, 2, both).await.expect(202, "its packets span 732 d");
    assert_eq!(site.shelf.count(), 2);
}
