//! The program as its operator meets it: commands, exit statuses, and a whole run inside its sandbox.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod uplink_support;

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hirundo_packet::batch::Batch;
use hirundo_packet::wire;
use uplink_support::*;

/// `nobody` on every Linux: whom the sensor becomes when these tests are root.
const NOBODY: u32 = 65_534;
const SECRET: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2";

/// A folder with a configuration and a state folder that is the sensor's.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(more: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let place = Place { folder };
        let text = format!(
            "[run]\nuser = \"nobody\"\nsandbox = \"required\"\nstate = {:?}\n\n{more}",
            place.state()
        );
        std::fs::write(place.config(), text).unwrap();
        place
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("sensor.toml")
    }

    /// What was put into the state folder becomes the sensor's.
    fn hand_over(&self) {
        std::fs::set_permissions(self.state(), std::fs::Permissions::from_mode(0o700)).unwrap();
        if is_root() {
            for entry in std::fs::read_dir(self.state()).unwrap() {
                chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
            }
            chown(self.state(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    fn start(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hirundo-sensor"))
            .arg("--config")
            .arg(self.config())
            .args(arguments)
            .env_remove("HIRUNDO_SENSOR_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs a command that must end with this status; its output and its messages.
    #[track_caller]
    fn run(&self, status: i32, arguments: &[&str]) -> (String, String) {
        said(status, &self.start(arguments, ""))
    }
}

#[track_caller]
fn said(status: i32, output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{out}{err}");
    (out, err)
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A centre at `localhost`, whose name the sensor has to look up, and which enrols.
fn centre(authority: &Arc<Authority>) -> Centre {
    let ours = Arc::clone(authority);
    let options = Options {
        authority,
        name: "localhost",
        validity: Validity::FRESH,
        sensors_of: Some(authority),
    };
    Centre::start_as(&options, move |asked| {
        if asked.path != wire::ENROLL_PATH || asked.body.is_empty() {
            return Plan::good(&asked.path);
        }
        let request: wire::EnrollRequest = serde_json::from_slice(&asked.body).unwrap();
        let response = wire::EnrollResponse {
            version: wire::VERSION,
            sensor: SENSOR.to_owned(),
            certificate: ours.certify(&request.csr, SENSOR, Validity::FRESH),
            ca: ours.pem().to_owned(),
            centres: vec![format!("https://{}", asked.authority)],
            not_after_secs: 0,
        };
        Plan::answer(200, serde_json::to_string(&response).unwrap())
    })
}

fn capture(folder: &Path) -> PathBuf {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces/ark_bigendian.pcap");
    let copy = folder.join("day.pcap");
    std::fs::copy(shared, &copy).expect("the folder `shared` lies beside the checkout");
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o644)).unwrap();
    copy
}

#[test]
fn a_replay_reaches_the_centre_from_inside_the_sandbox() {
    let authority = Arc::new(Authority::new());
    let centre = centre(&authority);
    let url = format!("https://localhost:{}", centre.address.port());
    let place = Place::new("[hide]\ndestinations = true\n");
    let token = wire::Token {
        version: wire::VERSION,
        centres: vec![url],
        sensor: SENSOR.to_owned(),
        ca_sha256: authority.sha256(),
        secret: SECRET.to_owned(),
    };
    let token = format!(
        "{}{}\n",
        wire::TOKEN_PREFIX,
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap())
    );
    let (told, log) = said(0, &place.start(&["enroll", "-"], &token));
    assert!(told.contains(SENSOR) && !format!("{told}{log}").contains(SECRET), "{told}{log}");
    let identity = std::fs::metadata(place.state().join("identity.json")).unwrap();
    assert_eq!(identity.mode() & 0o777, 0o600);
    if is_root() {
        assert_eq!(identity.uid(), NOBODY, "the service must be able to read it");
    }

    let source = format!("pcap:{}", capture(place.folder.path()).display());
    let (_, log) = place.run(0, &["run", "--source", &source]);
    assert!(log.contains("no capabilities, files closed, system calls closed"), "{log}");
    let batches: Vec<Batch> = centre.batches().iter().map(|asked| Batch::decode(&asked.body).unwrap()).collect();
    let packets: u64 = batches.iter().flat_map(|batch| &batch.minutes).map(|minute| minute.kept).sum();
    assert!(packets > 0 && log.contains(&format!("{packets} packets kept")), "{packets}: {log}");
    // Nothing was refused to the sensor that it needs.
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");

    let (status, _) = place.run(0, &["status"]);
    assert!(
        status.contains("sensor        jp-01\n") && status.contains("spool         0 batches"),
        "{status}"
    );
    assert!(status.contains("acknowledged  ") && status.contains("seconds ago"), "{status}");
    // Nobody else can read what is kept.
    for entry in walk(&place.state()) {
        assert_eq!(std::fs::metadata(&entry).unwrap().mode() & 0o077, 0, "{}", entry.display());
    }
    let (rows, _) = place.run(0, &["--format", "json", "check", "--listen", "0"]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&rows).unwrap();
    for name in ["certificate", "centre", "spool"] {
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!(row["state"], "ok", "{row}");
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(path) = all.get(at).cloned() {
        if path.is_dir() {
            all.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        at += 1;
    }
    all
}

#[test]
fn without_enrolment_it_captures_and_says_so() {
    let place = Place::new("");
    let source = format!("pcap:{}", capture(place.folder.path()).display());
    let (_, error) = place.run(2, &["run", "--source", &source]);
    assert!(error.contains("has no name yet; hint: hirundo-sensor enroll TOKEN"), "{error}");
    let place = Place::new("[spool]\nbatch_secs = 1\n");
    let text = std::fs::read_to_string(place.config()).unwrap();
    std::fs::write(place.config(), text.replace("[run]", "[run]\nname = \"jp-07\"")).unwrap();
    let source = format!("pcap:{}", capture(place.folder.path()).display());
    let (_, log) = place.run(0, &["run", "--source", &source]);
    assert!(log.contains("not enrolled"), "{log}");
    let (status, _) = place.run(1, &["status"]);
    assert!(
        status.contains("not enrolled; hint: ") && !status.contains(" 0 batches"),
        "{status}"
    );
    let (_, error) = place.run(2, &["enroll", "hirundo1.nonsense"]);
    assert!(error.starts_with("error: this is no token"), "{error}");
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let place = Place::new("[capture]\nsource = [\"live:eth0\"]\n");
    let (_, error) = place.run(2, &["run"]);
    assert!(error.contains("unknown field `source`") && error.contains("; hint: "), "{error}");
    let place = Place::new("");
    let (_, error) = place.run(2, &["run", "--source", "eth0"]);
    assert!(error.contains("eth0") && error.contains("; hint: "), "{error}");
    let (_, error) = place.run(2, &["filter"]);
    assert!(error.contains("; hint: "), "{error}");
    place.hand_over_made();
    let (rows, _) = place.run(1, &["check", "--offline", "--listen", "0"]);
    assert!(
        rows.contains("FAIL  certificate") && rows.contains("hint: ask the centre for a token"),
        "{rows}"
    );
    let (help, _) = place.run(0, &["--help"]);
    assert!(help.contains("Examples:") && help.contains("Exit status:"), "{help}");
}

impl Place {
    fn hand_over_made(&self) {
        std::fs::create_dir(self.state()).unwrap();
        self.hand_over();
    }
}

#[test]
fn the_configuration_is_printed_as_it_counts() {
    let place = Place::new("[capture]\nsources = [\"live:eth7\"]\n");
    let (printed, _) = place.run(0, &["config"]);
    assert!(
        printed.contains("sources = [\"live:eth7\"]") && printed.contains("ring_mib = 32"),
        "{printed}"
    );
    std::fs::write(place.config(), &printed).unwrap();
    let (again, _) = place.run(0, &["config"]);
    assert_eq!(again, printed);
    let (example, _) = place.run(0, &["config", "--example"]);
    assert_eq!(example, hirundo_sensor::config::EXAMPLE);
}
