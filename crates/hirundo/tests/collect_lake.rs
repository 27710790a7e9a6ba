//! The real program as centre and collectors over a real lake: what was acknowledged is there, once, whatever is killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod collect_support;
mod support;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use collect_support::client::{Answer, Client};
use collect_support::{Identity, batch, batch_at, batch_with, request};
use hirundo::collector::authority::Authority;
use hirundo::collector::now_us;
use hirundo_packet::wire::{BatchResponse, EnrollRequest, EnrollResponse, TOKEN_PREFIX, Token};
use http::Method;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use support::{Dice, Lake, Place, Ran, hirundo, run};
use tokio::task::JoinSet;

/// Epoch of all batches here.
const EPOCH: u64 = 42;
/// Packets of a batch.
const PACKETS: u32 = 50;

/// A centre in a folder that goes away.
struct Centre {
    place: Place,
}

impl Centre {
    fn new() -> Centre {
        let centre = Centre { place: Place::new() };
        centre
            .run(&["centre", "init", "--name", "test", "--address", "https://127.0.0.1:4443"])
            .expect(0);
        centre
    }

    fn folder(&self) -> PathBuf {
        self.place.path("centre")
    }

    fn lake(&self) -> Lake {
        self.place.lake()
    }

    fn authority(&self) -> Authority {
        Authority::open(&self.folder()).unwrap()
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = hirundo(args);
        command.env_remove("HIRUNDO_CENTRE");
        command.arg("--lake").arg(self.lake().0).arg("--centre").arg(self.folder());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args))
    }

    /// Adds a sensor; its token.
    fn add(&self, name: &str) -> Token {
        let ran = self
            .run(&["sensor", "add", name, "--group", "home", "--region", "jp"])
            .expect(0)
            .says(&["hirundo-sensor enroll"]);
        let json = URL_SAFE_NO_PAD
            .decode(ran.stdout.trim().strip_prefix(TOKEN_PREFIX).unwrap())
            .unwrap();
        serde_json::from_slice(&json).unwrap()
    }

    fn collect(&self) -> Collector {
        self.collect_with("100ms")
    }

    fn collect_with(&self, commit_every: &str) -> Collector {
        self.collect_so(&["--commit-every", commit_every])
    }

    fn collect_so(&self, options: &[&str]) -> Collector {
        let mut child = self
            .command(&["collect", "--listen", "127.0.0.1:0", "--metrics", "none"])
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = errors.next().expect("it says where it listens").unwrap();
            if let Some(rest) = line.strip_prefix("collecting at ") {
                break rest.split(' ').next().unwrap().parse().unwrap();
            }
        };
        // What it says later must not fill the pipe.
        let told = std::thread::spawn(move || errors.map_while(Result::ok).collect());
        Collector { child, address, told }
    }

    async fn enrol(&self, collector: &Collector, token: &Token) -> Identity {
        let (key, csr) = request();
        let body = serde_json::to_vec(&EnrollRequest {
            version: 1,
            sensor: token.sensor.clone(),
            secret: token.secret.clone(),
            csr,
            software: "test".to_owned(),
        });
        let stranger = Client::connect(collector.address, &self.authority(), None).await.unwrap();
        let answer = stranger.send(Method::POST, "/v1/enroll", body.unwrap()).await.unwrap();
        answer.expect(200, "");
        let response: EnrollResponse = answer.json();
        let certificate = CertificateDer::from_pem_slice(response.certificate.as_bytes()).unwrap();
        Identity { certificate, key }
    }

    async fn connect(&self, collector: &Collector, identity: &Identity) -> Client {
        Client::connect(collector.address, &self.authority(), Some(identity)).await.unwrap()
    }
}

/// A collector that runs as a process.
struct Collector {
    child: Child,
    address: SocketAddr,
    told: std::thread::JoinHandle<Vec<String>>,
}

impl Collector {
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as systemd does; what it said.
    fn terminate(mut self) -> Vec<String> {
        let killed = std::process::Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(killed.success());
        let status = self.child.wait().unwrap();
        let told = self.told.join().unwrap();
        assert_eq!(status.code(), Some(0), "{told:?}");
        told
    }
}

fn is_known(answer: &Answer) -> bool {
    answer.expect(200, "known");
    answer.json::<BatchResponse>().known
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_token_to_rows() {
    let centre = Centre::new();
    let token = centre.add("jp-01");
    assert_eq!(
        (token.sensor.as_str(), token.centres.as_slice()),
        ("jp-01", &["https://127.0.0.1:4443".to_owned()][..])
    );
    assert_eq!(token.ca_sha256, centre.authority().sha256());
    centre
        .run(&["sensor", "add", "jp-01"])
        .expect(2)
        .says(&["there is a sensor jp-01 already", "sensor token jp-01"]);
    centre
        .run(&["sensor", "add", "../x"])
        .expect(2)
        .says(&["cannot be a sensor's name"]);
    centre
        .run(&["centre", "init", "--name", "again", "--address", "https://x:1"])
        .expect(2)
        .says(&["already"]);
    let collector = centre.collect();
    let client = centre.connect(&collector, &centre.enrol(&collector, &token).await).await;
    let body = batch("jp-01", EPOCH, 0, PACKETS);
    assert!(!is_known(&client.batch(EPOCH, 0, body.clone()).await));
    assert!(is_known(&client.batch(EPOCH, 0, body).await));
    let lake = centre.lake();
    let rows = lake.ask("SELECT sensor, dst_port, count(*) AS n FROM packets GROUP BY sensor, dst_port");
    assert_eq!(rows, [serde_json::json!({ "sensor": "jp-01", "dst_port": 23, "n": PACKETS })]);
    let seen = lake.ask("SELECT sum(kept) AS kept, sum(dropped_kernel) AS dropped FROM sensors WHERE sensor = 'jp-01'");
    assert_eq!(seen, [serde_json::json!({ "kept": PACKETS, "dropped": 3 })]);
    let roster = std::fs::read_to_string(lake.0.join("_hirundo/roster.json")).unwrap();
    assert!(
        roster.contains("\"jp-01\"") && roster.contains("\"home\"") && roster.contains("\"JP\""),
        "{roster}"
    );
    let rows = centre.run(&["sensors", "--format", "json"]).expect(0).rows();
    assert_eq!(
        (rows[0]["name"].as_str(), rows[0]["packets"].as_i64()),
        (Some("jp-01"), Some(i64::from(PACKETS)))
    );
    let shown = centre.run(&["sensor", "show", "jp-01"]).expect(0).stdout;
    assert!(shown.contains("enrolled") && shown.contains("awaited"), "{shown}");
    lake.run(&["lake", "verify"]).expect(0);
    collector.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batches_to_two_collectors_at_once_are_stored_once() {
    let centre = Centre::new();
    let token = centre.add("jp-01");
    let (one, two) = (centre.collect(), centre.collect());
    let identity = centre.enrol(&one, &token).await;
    let clients = [centre.connect(&one, &identity).await, centre.connect(&two, &identity).await];
    let mut sending = JoinSet::new();
    for number in 0..30 {
        let body = batch("jp-01", EPOCH, number, PACKETS);
        for client in &clients {
            let (client, body) = (client.clone(), body.clone());
            sending.spawn(async move { (number, is_known(&client.batch(EPOCH, number, body).await)) });
        }
    }
    let mut fresh: Vec<u64> = sending
        .join_all()
        .await
        .into_iter()
        .filter(|(_, known)| !known)
        .map(|(number, _)| number)
        .collect();
    fresh.sort_unstable();
    assert_eq!(fresh, (0..30).collect::<Vec<_>>(), "each is new to one of them");
    assert_eq!(centre.lake().number("SELECT count(*) FROM packets"), 30 * i64::from(PACKETS));
    centre.lake().run(&["lake", "verify"]).expect(0);
    one.terminate();
    two.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_killed_at_any_moment_loses_nothing_that_it_acknowledged() {
    const BATCHES: u64 = 60;
    const KILLS: usize = 6;
    let centre = Centre::new();
    let token = centre.add("jp-01");
    let mut collector = centre.collect();
    let identity = centre.enrol(&collector, &token).await;
    let bodies: Vec<Vec<u8>> = (0..BATCHES).map(|number| batch("jp-01", EPOCH, number, PACKETS)).collect();
    let mut acknowledged = vec![false; bodies.len()];
    let mut dice = Dice::new(1);
    for _ in 0..KILLS {
        let client = centre.connect(&collector, &identity).await;
        let mut sending = JoinSet::new();
        for (number, body) in bodies.iter().enumerate().filter(|(number, _)| !acknowledged[*number]).take(15) {
            let (client, body) = (client.clone(), body.clone());
            let path = hirundo_packet::wire::batch_path(EPOCH, number as u64);
            sending.spawn(async move { (number, client.send(Method::POST, &path, body).await) });
        }
        tokio::time::sleep(Duration::from_millis(u64::from(dice.below(400)))).await;
        collector.kill();
        for (number, answer) in sending.join_all().await {
            acknowledged[number] |= answer.is_ok_and(|answer| answer.status == 200);
        }
        collector = centre.collect();
    }
    // What was acknowledged is known; what was not is stored now, or was before its answer could be given.
    let client = centre.connect(&collector, &identity).await;
    for (number, body) in bodies.iter().enumerate() {
        let known = is_known(&client.batch(EPOCH, number as u64, body.clone()).await);
        assert!(known || !acknowledged[number], "batch {number} was acknowledged and is gone");
    }
    collector.terminate();
    let (all, distinct) = (
        i64::try_from(BATCHES).unwrap() * i64::from(PACKETS),
        "SELECT count(DISTINCT src) FROM packets",
    );
    assert_eq!(centre.lake().number("SELECT count(*) FROM packets"), all);
    assert_eq!(centre.lake().number(distinct), all);
    centre.lake().run(&["lake", "verify"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_a_collector_stores_and_answers_what_waits() {
    let centre = Centre::new();
    let token = centre.add("jp-01");
    let collector = centre.collect_with("60s");
    let client = centre.connect(&collector, &centre.enrol(&collector, &token).await).await;
    let mut sending = JoinSet::new();
    for number in 0..10 {
        let client = client.clone();
        sending.spawn(async move { client.batch(EPOCH, number, batch("jp-01", EPOCH, number, PACKETS)).await });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let told = tokio::task::spawn_blocking(move || collector.terminate()).await.unwrap();
    assert!(told.iter().any(|line| line.contains("ending")), "{told:?}");
    for answer in sending.join_all().await {
        assert!(!is_known(&answer));
    }
    assert_eq!(centre.lake().number("SELECT count(*) FROM packets"), 10 * i64::from(PACKETS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_cannot_be_written_is_stored_into_when_it_can() {
    let centre = Centre::new();
    let token = centre.add("jp-01");
    let collector = centre.collect();
    let client = centre.connect(&collector, &centre.enrol(&collector, &token).await).await;
    assert!(!is_known(&client.batch(EPOCH, 0, batch("jp-01", EPOCH, 0, PACKETS)).await));
    // A file where the folder of records should be, which even root cannot write into.
    let (records, aside) = (centre.lake().0.join("_hirundo/batches"), centre.place.path("aside"));
    std::fs::rename(&records, &aside).unwrap();
    std::fs::write(&records, "in the way").unwrap();
    let body = batch("jp-01", EPOCH, 1, PACKETS);
    client.batch(EPOCH, 1, body.clone()).await.expect(503, "could not be stored now");
    std::fs::remove_file(&records).unwrap();
    std::fs::rename(&aside, &records).unwrap();
    let mut answer = client.batch(EPOCH, 1, body.clone()).await;
    for _ in 0..20 {
        if answer.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        answer = client.batch(EPOCH, 1, body.clone()).await;
    }
    answer.expect(200, "");
    assert_eq!(centre.lake().number("SELECT count(*) FROM packets"), 2 * i64::from(PACKETS));
    centre.lake().run(&["lake", "verify"]).expect(0);
    collector.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantine_is_listed_released_and_deleted() {
    let centre = Centre::new();
    let token = centre.add("jp-01");
    centre.add("jp-02");
    let collector = centre.collect();
    let client = centre.connect(&collector, &centre.enrol(&collector, &token).await).await;
    let early = now_us() + 3_600_000_000;
    client
        .batch(EPOCH, 0, batch_at("jp-01", EPOCH, 0, PACKETS, early))
        .await
        .expect(202, "ahead");
    client.batch(EPOCH, 1, batch("jp-02", EPOCH, 1, PACKETS)).await.expect(403, "");
    client.batch(EPOCH, 2, vec![1; 100]).await.expect(400, "");
    let listed = centre.run(&["quarantine", "list", "--format", "json"]).expect(0).rows();
    let kept: Vec<_> = listed
        .iter()
        .map(|row| (row["id"].as_i64(), row["kept"].as_str(), row["packets"].as_i64()))
        .collect();
    let packets = i64::from(PACKETS);
    assert_eq!(
        kept,
        [
            (Some(1), Some("held"), Some(packets)),
            (Some(2), Some("refused"), Some(0)),
            (Some(3), Some("refused"), Some(0))
        ]
    );
    assert!(
        centre
            .run(&["quarantine", "list", "jp-02", "--format", "json"])
            .expect(0)
            .rows()
            .is_empty()
    );
    let shown = centre.run(&["quarantine", "show", "1"]).expect(0).stdout;
    assert!(shown.contains("held: a packet is") && shown.contains("50 packets from"), "{shown}");
    centre.run(&["quarantine", "show", "3"]).expect(1);
    centre
        .run(&["quarantine", "show", "9"])
        .expect(2)
        .says(&["nothing is in quarantine under number 9"]);
    // Another sensor's packets are not let in under any name.
    centre
        .run(&["quarantine", "release", "2"])
        .expect(2)
        .says(&["it says it is of jp-02, and came from jp-01"]);
    centre.run(&["quarantine", "release", "3"]).expect(2).says(&["can only be deleted"]);
    assert_eq!(
        centre
            .run(&["quarantine", "release", "1"])
            .expect(0)
            .says(&["50 packets of number 1"])
            .status,
        Some(0)
    );
    assert_eq!(centre.lake().number("SELECT count(*) FROM packets WHERE sensor = 'jp-01'"), packets);
    centre.run(&["quarantine", "delete", "2", "3"]).expect(0);
    assert!(centre.run(&["quarantine", "list", "--format", "json"]).expect(0).rows().is_empty());
    assert_eq!(std::fs::read_dir(centre.folder().join("quarantine")).unwrap().count(), 0);
    // Sent again under its name, it is the lake that knows it.
    client
        .batch(EPOCH, 0, batch("jp-01", EPOCH, 0, PACKETS))
        .await
        .expect(409, "another batch of this name");
    collector.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_sensor_is_refused_and_taken_back_by_a_new_token() {
    let centre = Centre::new();
    let token = centre.add("jp-01");
    let collector = centre.collect();
    let old = centre.enrol(&collector, &token).await;
    centre.run(&["sensor", "revoke", "jp-01", "--why", "stolen"]).expect(0);
    centre.run(&["sensor", "revoke", "jp-01"]).expect(1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let client = centre.connect(&collector, &old).await;
    client
        .batch(EPOCH, 0, batch("jp-01", EPOCH, 0, PACKETS))
        .await
        .expect(403, "revoked");
    centre.run(&["sensor", "token", "jp-01"]).expect(2).says(&["--readmit"]);
    let ran = centre.run(&["sensor", "token", "jp-01", "--readmit", "--format", "json"]).expect(0);
    let text = ran.json()["token"].as_str().unwrap().to_owned();
    let json = URL_SAFE_NO_PAD.decode(text.strip_prefix(TOKEN_PREFIX).unwrap()).unwrap();
    let new = centre.enrol(&collector, &serde_json::from_slice(&json).unwrap()).await;
    assert!(!is_known(
        &centre
            .connect(&collector, &new)
            .await
            .batch(EPOCH, 0, batch("jp-01", EPOCH, 0, PACKETS))
            .await
    ));
    // The stolen key stays refused.
    client
        .batch(EPOCH, 1, batch("jp-01", EPOCH, 1, PACKETS))
        .await
        .expect(403, "revoked");
    centre.run(&["sensor", "remove", "jp-01"]).expect(0);
    centre.run(&["sensor", "show", "jp-01"]).expect(2).says(&["there is no sensor"]);
    assert_eq!(centre.lake().number("SELECT count(*) FROM packets"), i64::from(PACKETS));
    collector.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_centres_own_rules_mark_what_has_no_mark() {
    let centre = Centre::new();
    let token = centre.add("jp-01");
    let rules = centre.place.path("rules.toml");
    std::fs::write(&rules, "[[rule]]\nname = \"own\"\nsource = \"a test\"\ndst_port = 23\nttl = 50\n").unwrap();
    let collector = centre.collect_so(&["--commit-every", "100ms", "--rules", rules.to_str().unwrap()]);
    let client = centre.connect(&collector, &centre.enrol(&collector, &token).await).await;
    assert!(!is_known(&client.batch(EPOCH, 0, batch("jp-01", EPOCH, 0, PACKETS)).await));
    let marked = centre.lake().number("SELECT count(*) FROM packets WHERE mark = 'own'");
    assert_eq!(marked, i64::from(PACKETS));
    collector.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sensor_uses_up_what_sensors_share_in_a_segment() {
    let centre = Centre::new();
    let (loud, quiet) = (centre.add("loud"), centre.add("quiet"));
    let collector = centre.collect_with("3s");
    let (loud, quiet) = (centre.enrol(&collector, &loud).await, centre.enrol(&collector, &quiet).await);
    let (loud, quiet) = (centre.connect(&collector, &loud).await, centre.connect(&collector, &quiet).await);
    // More different TCP options than a segment has numbers for, and then another sensor's, to be stored with them.
    let syns = |segments: std::ops::RangeInclusive<u16>| segments.map(|segment| (now_us(), segment)).collect::<Vec<_>>();
    let (first, second) = (
        batch_with("loud", EPOCH, 0, &syns(1..=64_000)),
        batch_with("loud", EPOCH, 1, &syns(64_001..=65_500)),
    );
    let own = batch_with("quiet", EPOCH, 0, &syns(65_502..=65_503));
    let last = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        quiet.batch(EPOCH, 0, own).await
    };
    let (one, two, three) = tokio::join!(loud.batch(EPOCH, 0, first), loud.batch(EPOCH, 1, second), last);
    assert!([one, two, three].iter().all(|answer| !is_known(answer)));
    let sql = "SELECT tcp_options FROM packets WHERE sensor = 'quiet' ORDER BY 1";
    assert_eq!(centre.lake().texts(sql), ["M65502", "M65503"]);
    assert_eq!(centre.lake().number("SELECT count(*) FROM packets"), 65_502);
    collector.terminate();
}
