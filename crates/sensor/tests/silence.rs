//! The rules that keep a kernel silent, and the check that tells whether it is, in a network of our own.
//!
//! Two network namespaces joined by a veth pair, made by `unshare` and gone with their processes. The sensor's side
//! runs this test program again ([`sensor_side`]); the other side knocks.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use hirundo_sensor::check::{self, Asked, Certificate, Parts, Row, Site, State};
use hirundo_sensor::outbox::Waiting;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

const WATCHED: [&str; 2] = ["192.0.2.1", "2001:db8:53::1"];
/// Long enough for knocking at all doors of both addresses.
const LISTEN: Duration = Duration::from_secs(6);
/// A kernel of the same machine answers within a millisecond.
const PATIENCE: Duration = Duration::from_millis(400);

/// The example rules as they are shipped; their sets name the addresses that this test watches.
fn shipped_rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/nftables/hirundo-sensor.nft")
}

#[test]
fn without_rules_the_kernel_answers_and_the_check_says_so() {
    let found = observe(None);
    assert_eq!(found.answers, ["tcp refused", "udp refused", "echo"].repeat(2), "{found:?}");
    assert_eq!(found.state("silence (rules)"), State::Fail, "{found:?}");
    assert_eq!(found.state("silence (heard)"), State::Fail, "{found:?}");
}

#[test]
fn with_the_shipped_rules_it_is_silent_and_the_sensor_still_hears() {
    let found = observe(Some(&shipped_rules()));
    assert_eq!(found.answers, ["tcp nothing", "udp nothing", "no echo"].repeat(2), "{found:?}");
    assert_eq!(found.state("silence (rules)"), State::Ok, "{found:?}");
    assert_eq!(found.state("silence (heard)"), State::Ok, "{found:?}");
    assert!(found.text("silence (heard)").contains("none was answered"), "{found:?}");
}

#[test]
fn rules_that_reject_are_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("reject.nft");
    let rules = "table inet t { chain c {\n type filter hook input priority 0; ip daddr 192.0.2.0/24 reject; icmpv6 type nd-neighbor-solicit accept; ip6 daddr 2001:db8:53::/64 reject\n}\n}\n";
    fs::write(&path, rules).expect("written");
    let found = observe(Some(&path));
    assert_eq!(found.state("silence (rules)"), State::Warn, "{found:?}");
    assert_eq!(found.state("silence (heard)"), State::Fail, "{found:?}");
}

/// What the two sides found.
#[derive(Debug)]
struct Found {
    rows: Vec<(String, String, String)>,
    answers: Vec<String>,
}

impl Found {
    fn state(&self, name: &str) -> State {
        let states: Vec<_> = self.rows.iter().filter(|row| row.0 == name).map(|row| row.1.as_str()).collect();
        match states.as_slice() {
            [] => panic!("no row {name}: {self:?}"),
            all if all.contains(&"fail") => State::Fail,
            all if all.contains(&"warn") => State::Warn,
            _ => State::Ok,
        }
    }

    fn text(&self, name: &str) -> String {
        self.rows
            .iter()
            .find(|row| row.0 == name)
            .map(|row| row.2.clone())
            .unwrap_or_default()
    }
}

/// A process that is ended with us.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().expect("was running");
        self.0.wait().expect("ended");
    }
}

/// In a namespace of its own; as root of a user namespace where we are not root.
fn unshared() -> Command {
    let mut command = Command::new("unshare");
    if Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n") {
        command.arg("-n");
    } else {
        command.args(["-r", "-n"]);
    }
    command
}

fn this_test(command: &mut Command, name: &str) {
    let program = std::env::current_exe().expect("this program");
    command.arg(program).args(["--ignored", "--exact", name, "--nocapture"]);
}

/// Makes the network, loads rules, checks on the one side while the other knocks.
fn observe(rules: Option<&Path>) -> Found {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = unshared();
    this_test(&mut command, "sensor_side");
    let output = command
        .env("HIRUNDO_TEST_FOLDER", folder.path())
        .env("HIRUNDO_TEST_RULES", rules.unwrap_or(Path::new("")))
        .output()
        .expect("unshare (util-linux) is needed");
    assert!(output.status.success(), "{}", text(&output));
    let rows: serde_json::Value = serde_json::from_slice(&fs::read(folder.path().join("rows")).expect("rows")).expect("JSON");
    let field = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = rows.as_array().expect("rows").iter();
    let answers = fs::read_to_string(folder.path().join("answers")).expect("answers");
    Found {
        rows: rows
            .map(|row| (field(row, "name"), field(row, "state"), field(row, "found")))
            .collect(),
        answers: answers.lines().map(ToOwned::to_owned).collect(),
    }
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn shell(line: &str) {
    let output = Command::new("sh").args(["-euc", line]).output().expect("sh");
    assert!(output.status.success(), "{line}: {}", text(&output));
}

#[test]
#[ignore = "the sensor's side of the other tests"]
fn sensor_side() {
    let folder = PathBuf::from(std::env::var_os("HIRUNDO_TEST_FOLDER").expect("started by another test"));
    let other = Command::new("unshare")
        .args(["-n", "sh", "-c", "echo ready; exec sleep 60"])
        .stdout(Stdio::piped())
        .spawn();
    let mut other = Ended(other.expect("unshare (util-linux) is needed"));
    // The namespace is there when it speaks.
    let mut ready = [0; 6];
    other.0.stdout.take().expect("piped").read_exact(&mut ready).expect("ready");
    let pid = other.0.id();
    let there = format!("nsenter -t {pid} -n");
    shell(&format!(
        "ip link set lo up; ip link add watch0 type veth peer name peer0; ip link set peer0 netns {pid}; \
         ip address add 192.0.2.1/24 dev watch0; ip -6 address add 2001:db8:53::1/64 dev watch0 nodad; ip link set watch0 up; \
         {there} ip address add 192.0.2.9/24 dev peer0; {there} ip -6 address add 2001:db8:53::9/64 dev peer0 nodad; \
         {there} ip link set peer0 up"
    ));
    let rules = std::env::var("HIRUNDO_TEST_RULES").unwrap_or_default();
    if !rules.is_empty() {
        shell(&format!("nft -f '{rules}'"));
    }
    let mut command = Command::new("nsenter");
    command.args(["-t", &pid.to_string(), "-n"]);
    this_test(&mut command, "other_side");
    let knocking = command.stdout(Stdio::null()).spawn().expect("nsenter");
    let site = Site {
        interfaces: vec!["watch0".to_owned()],
        watched: ["192.0.2.0/24", "2001:db8:53::/64"]
            .map(|net| net.parse().expect("a network"))
            .to_vec(),
        config: folder.join("none"),
        state: folder.clone(),
        spool: folder.join("spool"),
        user: "root".to_owned(),
        spool_bytes_max: 1 << 20,
        listen: LISTEN,
        offline: true,
    };
    let rows: Vec<Row> = check::run(&site, &NoParts);
    let mut knocking = knocking;
    assert!(knocking.wait().expect("ended").success());
    let mut file = fs::File::create(folder.join("rows")).expect("made");
    check::json(&mut file, &rows).expect("written");
}

#[test]
#[ignore = "the other side of the other tests"]
fn other_side() {
    let folder = PathBuf::from(std::env::var_os("HIRUNDO_TEST_FOLDER").expect("started by another test"));
    // The sensor's side opens its ears meanwhile.
    std::thread::sleep(Duration::from_secs(1));
    let mut answers = fs::File::create(folder.join("answers")).expect("made");
    for address in WATCHED {
        let address: std::net::IpAddr = address.parse().expect("an address");
        for answer in [tcp(address), udp(address), echo(address)] {
            writeln!(answers, "{answer}").expect("written");
        }
    }
}

fn tcp(address: std::net::IpAddr) -> &'static str {
    match TcpStream::connect_timeout(&SocketAddr::new(address, 2323), PATIENCE) {
        Ok(_) => "tcp open",
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => "tcp refused",
        Err(_) => "tcp nothing",
    }
}

fn udp(address: std::net::IpAddr) -> &'static str {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).expect("a socket");
    socket.connect((address, 5353)).expect("connected");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    socket.send(b"anybody?").expect("sent");
    match socket.recv(&mut [0; 64]) {
        Ok(_) => "udp answered",
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => "udp refused",
        Err(_) => "udp nothing",
    }
}

fn echo(address: std::net::IpAddr) -> &'static str {
    let (domain, protocol, kind, answer) = if address.is_ipv4() {
        (Domain::IPV4, Protocol::ICMPV4, 8, 0)
    } else {
        (Domain::IPV6, Protocol::ICMPV6, 128, 129)
    };
    let mut socket = Socket::new(domain, Type::RAW, Some(protocol)).expect("a raw socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    // Type, code, checksum, identifier, sequence number; the kernel fills in the checksum for ICMPv6 only.
    let mut request = [kind, 0, 0, 0, 7, 7, 0, 1];
    if address.is_ipv4() {
        let sum = !(0x0800_u16 + 0x0707 + 0x0001);
        request[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    let to = SockAddr::from(SocketAddr::new(address, 0));
    socket.send_to(&request, &to).expect("sent");
    // Answers to the other knocks, and neighbour discovery, arrive at this socket too.
    for _ in 0..16 {
        let mut bytes = [0; 128];
        let Ok(read) = socket.read(&mut bytes) else { return "no echo" };
        let header = if address.is_ipv4() { 20 } else { 0 };
        if read > header && bytes[header] == answer {
            return "echo";
        }
    }
    "no echo"
}

/// Stands for parts that are not tried here.
struct NoParts;

impl Parts for NoParts {
    fn open_ring(&self, _: &str) -> Result<String, String> {
        Ok("opened".to_owned())
    }
    fn certificate(&self) -> Result<Option<Certificate>, String> {
        Ok(None)
    }
    fn ask_centres(&self) -> Result<Vec<Asked>, String> {
        Ok(Vec::new())
    }
    fn waiting(&self) -> Result<Option<Waiting>, String> {
        Ok(None)
    }
}
