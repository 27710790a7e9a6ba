//! What a sensor can no longer do after it gave up its privileges, each beside the same attempt before.
//!
//! Privileges are given up before there are threads, so each attempt is a process of its own, and this test has no
//! harness: with the argument `attempt` it is the process that tries.
#![allow(clippy::print_stdout, reason = "it is its own harness")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::Duration;

use hirundo_sensor::config::Sandbox;
use hirundo_sensor::confine::{self, Plan};
use socket2::{Domain, Protocol, Socket, Type};

/// `ETH_P_ALL` in network order.
const ALL_FRAMES: i32 = 0x0300;

/// What is tried, and what is to come of it without and with confinement. `SIGSYS` is the kernel's answer to an intruder.
const ATTEMPTS: &[(&str, &str, &str)] = &[
    // What a sensor needs.
    ("write state", "ok", "ok"),
    ("rename state", "ok", "ok"),
    ("read /etc/hosts", "ok", "ok"),
    ("read /dev/urandom", "ok", "ok"),
    ("connect", "ok", "ok"),
    ("thread", "ok", "ok"),
    ("clock", "ok", "ok"),
    // What it does not.
    ("read /bin/sh", "ok", "EACCES"),
    ("write elsewhere", "ok", "EACCES"),
    ("list /", "ok", "EACCES"),
    ("read /sys", "ok", "EACCES"),
    ("start program", "ok", "EPERM"),
    ("become program", "ok", "SIGSYS"),
    ("listen", "ok", "EPERM"),
    ("udp port", "ok", "EPERM"),
    ("unix socket", "ok", "EPERM"),
];

/// The same, where this is root.
const ATTEMPTS_OF_ROOT: &[(&str, &str, &str)] = &[
    ("read /etc/shadow", "ok", "EACCES"),
    ("packet socket", "ok", "EPERM"),
    ("old packet socket", "ok", "ok"),
    ("user", "0", "65534"),
    ("chown", "ok", "EPERM"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).map(String::as_str) == Some("attempt") {
        return attempt(&arguments[2..]);
    }
    let root = fs::metadata("/proc/self").expect("/proc").uid() == 0;
    let mut failed = 0;
    let mut passed = 0;
    let mut tally = |name: &str, problem: Option<String>| match problem {
        None => {
            passed += 1;
            println!("test {name} ... ok");
        }
        Some(problem) => {
            failed += 1;
            println!("test {name} ... FAILED: {problem}");
        }
    };
    for (what, before, after) in ATTEMPTS {
        tally(what, compare(what, before, after));
    }
    if root {
        for (what, before, after) in ATTEMPTS_OF_ROOT {
            tally(what, compare(what, before, after));
        }
        tally("capabilities", without_sandbox("capabilities", "none"));
        tally("another's state folder is refused", another_s_folder());
    } else {
        println!("not root: what only root could do before is not tried");
    }
    tally("threads are refused", refused("threads", "required", "threads are running"));
    tally(
        "a user that is not there is refused",
        root.then(|| refused("nothing", "nobody-at-all", "there is no user")).flatten(),
    );
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out",
        if failed == 0 { "ok" } else { "FAILED" }
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A folder that everybody may enter, with one for everybody to write to.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        mode(folder.path(), 0o755);
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).expect("made");
        mode(&elsewhere, 0o777);
        Self(folder)
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

fn start(place: &Place, how: &str, what: &str) -> Output {
    // Somebody to connect to.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    Command::new(std::env::current_exe().expect("this program"))
        .args(["attempt", how, &place.0.path().to_string_lossy(), &port.to_string(), what])
        .output()
        .expect("started")
}

fn said(output: &Output) -> String {
    match output.status.signal() {
        Some(libc::SIGSYS) => "SIGSYS".to_owned(),
        Some(other) => format!("signal {other}"),
        None => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    }
}

fn compare(what: &str, before: &str, after: &str) -> Option<String> {
    for (how, expected) in [("free", before), ("required", after)] {
        let output = start(&Place::new(), how, what);
        let found = said(&output);
        if found != expected {
            let error = String::from_utf8_lossy(&output.stderr);
            return Some(format!("{how}: expected {expected}, found {found}; {}", error.trim()));
        }
    }
    None
}

/// Landlock closes `/proc/self/status`, so this is looked at without.
fn without_sandbox(what: &str, expected: &str) -> Option<String> {
    let (before, after) = (said(&start(&Place::new(), "free", what)), said(&start(&Place::new(), "off", what)));
    (before == expected || after != expected).then(|| format!("before: {before}, after: {after}"))
}

fn refused(what: &str, how: &str, expected: &str) -> Option<String> {
    let found = said(&start(&Place::new(), how, what));
    (!found.contains(expected)).then_some(found)
}

fn another_s_folder() -> Option<String> {
    let place = Place::new();
    fs::create_dir(place.state()).expect("made");
    let found = said(&start(&place, "required", "nothing"));
    (!found.contains("it belongs to root")).then_some(found)
}

/// The process that tries. Prints what came of it.
fn attempt(arguments: &[String]) -> ExitCode {
    let [how, folder, port, what] = arguments else {
        return ExitCode::FAILURE;
    };
    let folder = Path::new(folder);
    let user = if how == "nobody-at-all" { how.as_str() } else { "nobody" };
    let plan = Plan {
        user: user.to_owned(),
        group: None,
        state_folder: folder.join("state"),
        readable: Vec::new(),
        sandbox: if how == "off" { Sandbox::Off } else { Sandbox::Required },
    };
    let packets = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL_FRAMES)));
    if what == "threads" {
        std::thread::spawn(|| std::thread::sleep(Duration::from_secs(60)));
    }
    let result = if how == "free" {
        fs::create_dir(folder.join("state")).expect("made");
        Ok(())
    } else {
        confine::apply(&plan)
            .map(|_| ())
            .map_err(|error| match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            })
    };
    let text = match result {
        Err(error) => error,
        Ok(()) => name(attempted(what, folder, port, packets)),
    };
    // Standard output was open before.
    writeln!(std::io::stdout(), "{text}").expect("written");
    ExitCode::SUCCESS
}

fn name(result: std::io::Result<String>) -> String {
    match result {
        Ok(text) => text,
        Err(error) => match error.raw_os_error() {
            Some(libc::EACCES) => "EACCES".to_owned(),
            Some(libc::EPERM) => "EPERM".to_owned(),
            _ => error.to_string(),
        },
    }
}

fn attempted(what: &str, folder: &Path, port: &str, packets: std::io::Result<Socket>) -> std::io::Result<String> {
    let state = folder.join("state");
    match what {
        "write state" => {
            let mut file = fs::File::create(state.join("file"))?;
            file.write_all(b"text")?;
            file.sync_all()?;
        }
        "rename state" => {
            fs::create_dir(state.join("spool"))?;
            fs::write(state.join("a"), "text")?;
            fs::rename(state.join("a"), state.join("spool/b"))?;
            fs::File::open(state.join("spool"))?.sync_all()?;
            fs::remove_file(state.join("spool/b"))?;
        }
        "read /etc/hosts" => drop(fs::read("/etc/hosts")?),
        "read /dev/urandom" => fs::File::open("/dev/urandom")?.read_exact(&mut [0; 8])?,
        "read /sys" => drop(fs::read("/sys/class/net/lo/statistics/rx_packets")?),
        "connect" => drop(TcpStream::connect(format!("127.0.0.1:{port}"))?),
        "thread" => {
            let joined = std::thread::Builder::new().name("other".to_owned()).spawn(|| 7)?.join();
            return Ok(if joined.is_ok() { "ok" } else { "panicked" }.to_owned());
        }
        "clock" => {
            let said = hirundo_sensor::clock::discipline().is_some();
            return Ok(if said { "ok" } else { "not said" }.to_owned());
        }
        "read /bin/sh" => drop(fs::File::open("/bin/sh")?),
        "write elsewhere" => fs::write(folder.join("elsewhere/file"), "text")?,
        "list /" => drop(fs::read_dir("/")?),
        "start program" => drop(Command::new("/bin/true").status()?),
        "become program" => return Err(Command::new("/bin/echo").arg("ok").exec()),
        "listen" => drop(TcpListener::bind("127.0.0.1:0")?),
        "udp port" => drop(std::net::UdpSocket::bind("127.0.0.1:0")?),
        "unix socket" => drop(std::os::unix::net::UnixDatagram::unbound()?),
        "read /etc/shadow" => drop(fs::read("/etc/shadow")?),
        "packet socket" => drop(Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL_FRAMES)))?),
        "old packet socket" => {
            let mut packets = packets?;
            packets.set_read_timeout(Some(Duration::from_secs(5)))?;
            // Over the loopback, where the socket listens too.
            drop(TcpStream::connect(format!("127.0.0.1:{port}"))?);
            let read = packets.read(&mut [0; 64])?;
            return Ok(if read > 0 { "ok" } else { "nothing" }.to_owned());
        }
        "capabilities" => {
            let status = fs::read_to_string("/proc/self/status")?;
            let held = status
                .lines()
                .filter(|line| line.starts_with("Cap") && !line.ends_with("0000000000000000"));
            return Ok(if held.count() == 0 { "none" } else { "some" }.to_owned());
        }
        "user" => {
            let file = fs::File::create(state.join("mine"))?;
            return Ok(file.metadata()?.uid().to_string());
        }
        "chown" => {
            fs::write(state.join("file"), "text")?;
            std::os::unix::fs::chown(state.join("file"), Some(0), Some(1))?;
        }
        _ => {}
    }
    Ok("ok".to_owned())
}
