//! Ways to a centre: through proxies, over connections that die, and to servers that are not ours.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod uplink_support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hirundo_sensor::identity::Identity;
use hirundo_sensor::uplink::{Proxy, Settings, Trouble, probe};
use uplink_support::*;

/// Carries bytes between two sockets until either ends; frozen, it reads nothing more and says nothing.
fn carry(mut from: TcpStream, mut to: TcpStream, frozen: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        from.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        loop {
            if frozen.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_secs(30));
                return;
            }
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) if to.write_all(&buffer[..bytes]).is_ok() => {}
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                Ok(_) | Err(_) => break,
            }
        }
        to.shutdown(std::net::Shutdown::Both).ok();
    });
}

fn join(one: TcpStream, other: TcpStream, frozen: &Arc<AtomicBool>) {
    carry(one.try_clone().unwrap(), other.try_clone().unwrap(), Arc::clone(frozen));
    carry(other, one, Arc::clone(frozen));
}

/// A relay to `target`; while frozen, established connections hang without ending. New ones always work.
fn relay(target: SocketAddr) -> (SocketAddr, Arc<std::sync::Mutex<Vec<Arc<AtomicBool>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections: Arc<std::sync::Mutex<Vec<Arc<AtomicBool>>>> = Arc::default();
    let theirs = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let frozen = Arc::new(AtomicBool::new(false));
            theirs.lock().unwrap().push(Arc::clone(&frozen));
            join(stream, TcpStream::connect(target).unwrap(), &frozen);
        }
    });
    (address, connections)
}

/// A proxy that wants `user:geheim` and lets only CONNECT through.
fn proxy(connected: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
            // "user:geheim" in base64.
            let answer = match target {
                Some(target) if head.contains("Proxy-Authorization: Basic dXNlcjpnZWhlaW0=\r\n") => {
                    connected.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: a\r\n\r\n").unwrap();
                    join(stream, TcpStream::connect(target).unwrap(), &Arc::default());
                    continue;
                }
                Some(_) => "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                None => "HTTP/1.1 400 Bad Request\r\n\r\n",
            };
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

fn through(proxy: &str) -> Settings {
    Settings {
        proxy: Some(Proxy::try_from(proxy.to_owned()).unwrap()),
        ..settings()
    }
}

/// What asking the only centre gives.
fn asked(settings: &Settings, identity: &Identity) -> Result<i64, Trouble> {
    let mut probes = probe(settings, identity).unwrap();
    assert_eq!(probes.len(), 1);
    probes.remove(0).result.map(|(offset_us, _)| offset_us)
}

fn fails(settings: &Settings, identity: &Identity, expected: &[&str]) -> Trouble {
    let trouble = asked(settings, identity).unwrap_err();
    for part in expected {
        assert!(trouble.to_string().contains(part), "{trouble}: expected {part}");
    }
    trouble
}

#[test]
fn through_a_proxy_that_demands_connect_and_a_password() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| Plan::good(&asked.path));
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    let connected = Arc::new(AtomicUsize::new(0));
    let address = proxy(Arc::clone(&connected));
    let outbox = TestOutbox::with(6, 50_000);
    let uplink = start(through(&format!("http://user:geheim@{address}")), identity.clone(), &outbox);
    until("all are stored", || outbox.left().is_empty());
    uplink.stop();
    assert_eq!(connected.load(Ordering::Relaxed), 1);

    fails(
        &through(&format!("http://{address}")),
        &identity,
        &["407", "; hint: it wants a user and password"],
    );
    let trouble = fails(&through(&format!("http://user:falsch@{address}")), &identity, &["407"]);
    assert!(!trouble.to_string().contains("falsch"));
}

#[test]
fn proxies_that_are_none() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &["https://192.0.2.1:4443".to_owned()], Validity::FRESH, folder.path());
    let check = |answer: &'static [u8], expected: &str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // It may hang up before it has heard all of it.
            stream.read_exact(&mut [0]).unwrap();
            stream.write_all(answer).ok();
        });
        fails(&through(&format!("http://{address}")), &identity, &[expected]);
        server.join().unwrap();
    };
    check(b"HTTP/1.1 403 Forbidden\r\n\r\n", "must allow CONNECT");
    check(b"HTTP/1.0 502 Bad\x1b[31m\r\n\r\n", "502 Bad [31m");
    check(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "is it an HTTP proxy");
    check(b"", "does not connect");
    check(&[b'x'; 20_000], "no end");
}

#[test]
fn a_connection_that_is_dead_without_having_ended_is_given_up() {
    let authority = Authority::new();
    let centre = Centre::start(&authority, |asked| Plan::good(&asked.path));
    let (address, connections) = relay(centre.address);
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[format!("https://{address}")], Validity::FRESH, folder.path());
    let outbox = TestOutbox::with(2, 1000);
    let quick = Settings {
        ping_secs: (1, 2),
        ..settings()
    };
    let uplink = start(quick, identity, &outbox);
    until("the first are stored", || outbox.left().is_empty());
    connections.lock().unwrap()[0].store(true, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    outbox.put(2, 1000);
    until("it has connected again", || outbox.left().is_empty());
    let secs = begun.elapsed().as_secs_f64();
    assert!((1.0..15.0).contains(&secs), "{secs}");
    assert_eq!(uplink.state().connections, 2);
    uplink.stop();
}

#[test]
fn names_are_resolved_as_told() {
    let authority = Authority::new();
    let options = Options {
        authority: &authority,
        name: "centre.test",
        validity: Validity::FRESH,
        sensors_of: Some(&authority),
    };
    let centre = Centre::start_as(&options, |asked| Plan::good(&asked.path));
    let folder = tempfile::tempdir().unwrap();
    let host = format!("centre.test:{}", centre.address.port());
    let identity = enrolled(&authority, &[format!("https://{host}")], Validity::FRESH, folder.path());
    let mut fixed = settings();
    fixed.resolve.insert(host, vec!["127.0.0.1".parse().unwrap()]);
    assert!(asked(&fixed, &identity).unwrap().abs() < 5_000_000);
    assert!(asked(&settings(), &identity).is_err());
}

/// What a sensor says of a server with a certificate like this.
fn meets(name: &'static str, validity: Validity, expected: &[&str]) {
    let authority = Authority::new();
    let options = Options {
        authority: &authority,
        name,
        validity,
        sensors_of: Some(&authority),
    };
    let centre = Centre::start_as(&options, |asked| Plan::good(&asked.path));
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&authority, &[centre.url()], Validity::FRESH, folder.path());
    fails(&settings(), &identity, expected);
    let outbox = TestOutbox::with(2, 100);
    let uplink = start(settings(), identity, &outbox);
    until("it fails", || uplink.state().trouble.is_some());
    uplink.stop();
    assert_eq!((centre.asked().len(), outbox.left().len()), (0, 2));
}

#[test]
fn servers_with_another_name_or_time_are_refused() {
    meets(
        "192.0.2.7",
        Validity::FRESH,
        &["not valid for name", "; hint: the centre's certificate must name"],
    );
    meets("centre.test", Validity::FRESH, &["not valid for name"]);
    meets(
        "127.0.0.1",
        Validity::EXPIRED,
        &["expired", "; hint: if this sensor's clock is right"],
    );
    meets(
        "127.0.0.1",
        Validity(3600, 7200),
        &["not valid yet", "; hint: is this sensor's clock right"],
    );
}

#[test]
fn servers_of_another_authority_are_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let centre = Centre::start(&theirs, |asked| Plan::good(&asked.path));
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&ours, &[centre.url()], Validity::FRESH, folder.path());
    let trouble = fails(&settings(), &identity, &["TLS with 127.0.0.1", "; hint: this is not the centre"]);
    assert!(!trouble.is_refusal(), "somebody in between must not be taken for the centre's word");
    assert_eq!(centre.asked().len(), 0);
}

#[test]
fn servers_that_are_none_are_told() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let identity = enrolled(&authority, &[url], Validity::FRESH, folder.path());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
        stream.read_exact(&mut [0]).unwrap();
    });
    fails(&settings(), &identity, &["TLS with"]);
    server.join().unwrap();
    // Now nobody listens there.
    fails(&settings(), &identity, &["connecting to", "; hint: is a firewall between"]);
}

#[test]
fn a_centre_that_refuses_our_certificate_is_understood() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let options = Options {
        authority: &ours,
        name: "127.0.0.1",
        validity: Validity::FRESH,
        sensors_of: Some(&theirs),
    };
    let stranger = Centre::start_as(&options, |asked| Plan::good(&asked.path));
    let folder = tempfile::tempdir().unwrap();
    let identity = enrolled(&ours, &[stranger.url()], Validity::FRESH, folder.path());
    let trouble = fails(
        &settings(),
        &identity,
        &["; hint: the centre does not know this sensor's certificate"],
    );
    assert!(trouble.is_refusal());

    let centre = Centre::start(&ours, |asked| Plan::good(&asked.path));
    let identity = enrolled(&ours, &[centre.url()], Validity::EXPIRED, folder.path());
    let trouble = fails(&settings(), &identity, &["; hint: this sensor's certificate has run out"]);
    assert!(trouble.is_refusal());
    assert!(identity.secs_left(hirundo_sensor::clock::now_us() / 1_000_000) < 0);
}
