//! A lake in an object store: the real program against a server that speaks S3 on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use support::{DAY_US, Dice, Lake, Place, Ran, Sent, at, flood, hirundo, pcap, run, shared};

/// The key of the tests, which nothing may print.
const SECRET: &str = "a-secret-that-nobody-prints";
/// Longest that a killed process still counts as the one that ingests.
const LEASE_SECS: u64 = 60;

/// The object store, which ends with the test.
struct Server {
    child: Child,
    _ends_it: ChildStdin,
    port: u16,
}

impl Server {
    fn start() -> Server {
        let setup = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../setup"));
        let made = run(&mut Command::new(setup.join("s3.sh"))).expect(0);
        let mut child = Command::new(made.stdout.trim())
            .arg(setup.join("s3_server.py"))
            .arg("hirundo")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server {
            port: line.trim().parse().unwrap_or_else(|_| panic!("no port but {line:?}")),
            _ends_it: child.stdin.take().unwrap(),
            child,
        }
    }

    fn command(&self, lake: &str, args: &[&str]) -> Command {
        let mut command = hirundo(args);
        command
            .args(["--lake", lake])
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "hirundo")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", "us-east-1")
            .env("NO_PROXY", "127.0.0.1");
        command
    }

    fn run(&self, lake: &str, args: &[&str]) -> Ran {
        let ran = run(&mut self.command(lake, args));
        assert!(!ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET), "{ran:?}");
        ran
    }

    /// Runs it again until no process that was killed counts as ingesting any more.
    fn run_after_kill(&self, lake: &str, args: &[&str]) -> Ran {
        let begun = Instant::now();
        loop {
            let ran = self.run(lake, args);
            if !ran.stderr.contains("is being written by another process") {
                return ran;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(LEASE_SECS),
                "the lease of a killed process does not end"
            );
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const SUMS: &str = "SELECT (SELECT count(*) FROM packets) AS packets, (SELECT sum(packets) FROM hourly) AS hourly,
    (SELECT sum(packets) FROM daily) AS daily, (SELECT sum(packets) FROM ports) AS ports, (SELECT sum(packets) FROM sources) AS sources,
    (SELECT sum(kept) FROM sensors) AS sensors";

/// What both must answer alike.
const QUESTIONS: &[&[&str]] = &[
    &["query", SUMS],
    &[
        "query",
        "SELECT * FROM packets ORDER BY time, sensor, src, dst, src_port, dst_port, tcp_seq, ip_id, ip_len, payload LIMIT 3000",
    ],
    &[
        "query",
        "SELECT sensor, hour, seen, kept, unreadable, up_slots FROM sensors ORDER BY 1, 2, 3, 4, 5",
    ],
    &[
        "query",
        "SELECT day, count(*), sum(packets), sum(bytes), sum(host) FROM sources GROUP BY day ORDER BY day",
    ],
    &["query", "SELECT * FROM hourly WHERE day = DATE '2022-04-01' ORDER BY ALL"],
    &["top", "ports", "--period", "all"],
    &["top", "sources", "--period", "all"],
    &["lake", "stats"],
];

/// Both lakes answer every question alike; how much they said.
fn compare(server: &Server, remote: &str, local: &Lake) -> usize {
    let mut said = 0;
    for question in QUESTIONS {
        let mut args = question.to_vec();
        args.extend(["--format", "json"]);
        let (there, here) = (server.run(remote, &args), local.run(&args));
        assert_eq!(
            (there.status, &there.stdout),
            (here.status, &here.stdout),
            "{question:?}\n{}\n{}",
            there.stderr,
            here.stderr
        );
        said += here.stdout.len();
    }
    said
}

#[test]
fn a_bucket_answers_as_a_folder_does() {
    let (server, place) = (Server::start(), Place::new());
    let (remote, local) = ("s3://hirundo/one/lake", place.lake());
    let traces = shared("traces");
    let traces = traces.to_str().unwrap();
    let (there, here) = (
        server.run(remote, &["ingest", "--quiet", "--format", "json", traces]),
        local.run(&["ingest", "--quiet", "--format", "json", traces]),
    );
    assert_eq!((there.status, &there.stdout), (here.status, &here.stdout), "{}", there.stderr);
    assert!(compare(&server, remote, &local) > 100_000);
    let again = server.run(remote, &["ingest", "--quiet", "--format", "json", traces]);
    assert_eq!(again.json()["packets"], 0);
    server.run(remote, &["lake", "verify"]).expect(0);
    // What compaction makes is the same too, whatever the files are called.
    let args = ["lake", "compact", "--period", "all", "--format", "json"];
    let (there, here) = (server.run(remote, &args).expect(0), local.run(&args).expect(0));
    assert_eq!(there.stdout, here.stdout);
    assert!(there.json()[0]["files_after"].as_u64().unwrap() > 0);
    compare(&server, remote, &local);
    server.run(remote, &["lake", "verify"]).expect(0);
    let args = ["export", "--as", "csv", "--period", "all", "--quiet"];
    let lines = |ran: Ran| {
        let mut lines: Vec<String> = ran.expect(0).stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(server.run(remote, &args)), lines(local.run(&args)));
    for lake in [&|args: &[&str]| server.run(remote, args), &|args: &[&str]| local.run(args)] as [&dyn Fn(&[&str]) -> Ran; 2] {
        lake(&["lake", "retain", "--packets", "1", "--from", "2030-01-01"]).expect(0);
    }
    compare(&server, remote, &local);
    server.run(remote, &["lake", "verify"]).expect(0);
}

#[test]
fn one_ingests_and_others_read() {
    let (server, place) = (Server::start(), Place::new());
    let lake = "s3://hirundo";
    let twenty = |day: &str| -> Vec<Sent> { (0..20).map(|n| Sent::syn(at(day) + n, "203.0.113.1", "198.51.100.7", 23)).collect() };
    let capture = place.capture("a.pcap", &twenty("2022-04-01T00:00:00"));
    let capture = capture.to_str().unwrap();
    server.run(lake, &["ingest", capture]).expect(0);
    let start = || {
        server
            .command(lake, &["ingest", "-", "--format", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (mut first, begun) = (start(), Instant::now());
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let ran = server.run(lake, &["ingest", capture]);
        if ran.status == Some(2) {
            ran.says(&["is being written by another process", "\nhint: "]);
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "two ingest at once");
        if first.try_wait().unwrap().is_some() {
            // It came when the other was at it.
            first = start();
        }
    }
    assert_eq!(server.run(lake, &["query", SUMS, "--format", "json"]).rows()[0]["packets"], 20);
    // Longer than a lease that is not renewed.
    std::thread::sleep(Duration::from_secs(35));
    server.run(lake, &["ingest", capture]).expect(2);
    first
        .stdin
        .take()
        .unwrap()
        .write_all(&pcap(&twenty("2022-04-02T00:00:00")))
        .unwrap();
    let report = Ran::from(first.wait_with_output().unwrap()).expect(0);
    assert_eq!(report.json()["packets"], 20);
    // It was given back at once.
    server.run(lake, &["ingest", capture]).expect(0);
    assert_eq!(server.run(lake, &["query", SUMS, "--format", "json"]).rows()[0]["sensors"], 40);
}

#[test]
fn a_killed_ingest_is_completed_by_the_next() {
    const CAPTURES: u32 = 6;
    const PACKETS_EACH: u32 = 270_000;
    let (server, place) = (Server::start(), Place::new());
    let folder = place.path("in/tokyo");
    std::fs::create_dir_all(&folder).unwrap();
    for n in 0..CAPTURES {
        let start = at("2022-04-01T00:00:00") + i64::from(n) * DAY_US / 4;
        flood(&folder.join(format!("{n}.pcap")), u64::from(n), PACKETS_EACH, start, DAY_US / 4);
    }
    let folder = place.path("in");
    let args = ["ingest", "--quiet", "--format", "json", folder.to_str().unwrap()];
    let begun = Instant::now();
    let all = i64::from(CAPTURES * PACKETS_EACH);
    assert_eq!(server.run("s3://hirundo/whole", &args).expect(0).json()["packets"], all);
    let undisturbed = begun.elapsed();
    let mut dice = Dice::new(20_261_126);
    let (lake, mut killed) = ("s3://hirundo/killed", 0);
    let mut stored = Vec::new();
    while killed < 3 {
        let mut child = server
            .command(lake, &args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(undisturbed * (300 + dice.below(600)) / 1000);
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        killed += 1;
        let asked = server.run(lake, &["query", SUMS, "--format", "json"]);
        if asked.status == Some(0) {
            let row = asked.rows()[0].clone();
            let sums: Vec<i64> = row.as_object().unwrap().values().map(|sum| sum.as_i64().unwrap_or(0)).collect();
            assert_eq!(sums, vec![sums[0]; 6]);
            stored.push(sums[0]);
        }
        // Until it counts no more.
        server.run_after_kill(lake, &["ingest", "--quiet", place.capture("none.pcap", &[]).to_str().unwrap()]);
    }
    println!("undisturbed {undisturbed:?}, {killed} kills, stored then: {stored:?}");
    assert!(killed > 0);
    server.run_after_kill(lake, &args).expect(0);
    let stats = ["lake", "stats", "--format", "json"];
    assert_eq!(server.run(lake, &stats).stdout, server.run("s3://hirundo/whole", &stats).stdout);
    let sums = server.run(lake, &["query", SUMS, "--format", "json"]).rows()[0].clone();
    assert!(sums.as_object().unwrap().values().all(|sum| sum.as_i64() == Some(all)), "{sums}");
    server.run(lake, &["lake", "verify", "--repair"]);
    server.run(lake, &["lake", "verify"]).expect(0);
}

#[test]
fn what_is_wrong_is_said() {
    let (server, place) = (Server::start(), Place::new());
    let capture = place.capture("a.pcap", &[Sent::syn(at("2022-04-01T00:00:00"), "203.0.113.1", "198.51.100.7", 23)]);
    let ingest = ["ingest", capture.to_str().unwrap()];
    server
        .run("s3://hirundo/nothing", &["query", "SELECT 1"])
        .expect(2)
        .says(&["s3://hirundo/nothing", "there is no lake here", "hint: "]);
    server
        .run("s3://no-such-bucket/lake", &ingest)
        .expect(2)
        .says(&["no-such-bucket", "make the bucket first"]);
    server
        .run("s3://hirundo/a/../b", &ingest)
        .expect(2)
        .says(&["hint: write s3://bucket/prefix"]);
    server.run("gs://hirundo/a", &ingest).expect(2).says(&["not supported", "hint: "]);
    let mut anonymous = server.command("s3://hirundo/lake", &ingest);
    run(anonymous.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY"))
        .expect(2)
        .says(&["there are no credentials", "AWS_ACCESS_KEY_ID"]);
    let mut plain = server.command("s3://hirundo/lake", &ingest);
    run(plain.env_remove("AWS_ALLOW_HTTP")).expect(2).says(&["AWS_ALLOW_HTTP"]);
    // Whatever is logged, the key is not.
    let mut logged = server.command("s3://no-such-bucket/lake", &ingest);
    let ran = run(logged.env("HIRUNDO_LOG", "trace")).expect(2);
    assert!(ran.stderr.len() > 500 && !ran.stderr.contains(SECRET), "{}", ran.stderr);
    // Somebody else's objects are no lake.
    server.run("s3://hirundo/parent/lake", &ingest).expect(0);
    server.run("s3://hirundo/parent", &ingest).expect(2).says(&["it is no lake"]);
}
