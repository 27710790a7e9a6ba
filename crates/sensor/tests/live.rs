//! Live capture from real interfaces, in network namespaces that the tests make themselves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod live_support;

use std::io::Write;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use hirundo_packet::decode::decode;
use hirundo_packet::encode::Framing;
use hirundo_sensor::clock;
use hirundo_sensor::source::{self, Network, Settings, Sources};
use live_support::{Sender, inside, ip, pair, syn, tunnel};

/// Longest wait for frames that were sent.
const PATIENCE: Duration = Duration::from_secs(20);
const WAIT: Duration = Duration::from_millis(20);

fn settings(interface: &str) -> Settings {
    Settings {
        sources: vec![format!("live:{interface}")],
        block_ms: 10,
        ..Settings::default()
    }
}

fn open(settings: &Settings) -> Sources {
    Sources::open(settings, &[]).unwrap()
}

/// A frame as it was lent: time, link type, length on the wire, bytes.
type Lent = (i64, u32, u32, Vec<u8>);

fn read_one(sources: &mut Sources, into: &mut Vec<Lent>) -> bool {
    let round = sources.read(WAIT, |frame| {
        into.push((frame.time_ns, frame.link.0, frame.wire_len, frame.data.to_vec()));
    });
    round.unwrap().ended
}

/// Waits until so many frames came, and a little longer for those that should not.
fn read(sources: &mut Sources, count: usize) -> Vec<Lent> {
    let mut frames = Vec::new();
    let begun = Instant::now();
    while frames.len() < count {
        assert!(begun.elapsed() < PATIENCE, "{} frames came of {count}", frames.len());
        read_one(sources, &mut frames);
    }
    for _ in 0..5 {
        read_one(sources, &mut frames);
    }
    frames
}

fn hosts(frames: &[Lent]) -> Vec<u8> {
    let host = |(_, link, _, data): &Lent| {
        let decoded = decode(hirundo_packet::LinkType(*link), data, 0).unwrap();
        u8::try_from(decoded.packet.dst & 0xff).unwrap()
    };
    frames.iter().map(host).collect()
}

#[test]
fn frames_come_whole_in_order_and_once() {
    if !inside("frames_come_whole_in_order_and_once") {
        return;
    }
    pair("v0", "v1");
    let before_us = clock::now_us();
    let mut sources = open(&settings("v0"));
    let (sender, own) = (Sender::new("v1"), Sender::new("v0"));
    let mut sent = Vec::new();
    for number in 0..200_u32 {
        let mut frame = syn(Framing::Ethernet, u8::try_from(number).unwrap(), number);
        if number % 3 == 0 {
            // A customer tag within a service tag.
            frame.splice(12..12, [0x88, 0xa8, 0, 7, 0x81, 0, 0, 8]);
        }
        sender.send(&frame);
        sent.push(frame);
        // What the machine itself sends is not captured.
        own.send(&syn(Framing::Ethernet, 250, number));
    }
    let frames = read(&mut sources, sent.len());
    assert_eq!(hosts(&frames), (0..200).collect::<Vec<u8>>());
    let now_us = clock::now_us();
    for ((time_ns, link, wire_len, data), sent) in frames.iter().zip(&sent) {
        assert_eq!(*link, 1);
        assert!((before_us..=now_us).contains(&(time_ns / 1000)), "{time_ns}");
        // The kernel may have taken the outer tag off; what is decoded is the same, see above.
        assert!(
            data.len() == sent.len() || data.len() + 4 == sent.len(),
            "{} of {}",
            data.len(),
            sent.len()
        );
        assert_eq!(*wire_len as usize, data.len());
    }
    let health = sources.count().unwrap();
    assert!(health.listening && health.dropped == 0 && health.fill_permille > 0, "{health:?}");
}

#[test]
fn only_watched_addresses_are_taken_and_cut() {
    if !inside("only_watched_addresses_are_taken_and_cut") {
        return;
    }
    pair("v0", "v1");
    let network = |text: &str| Network::try_from(text.to_owned()).unwrap();
    let mut sources = open(&Settings {
        addresses: vec![network("198.51.100.0/25")],
        exclude: vec![network("198.51.100.7")],
        snap_bytes: 64,
        promiscuous: true,
        ..settings("v0")
    });
    let sender = Sender::new("v1");
    for host in [1, 7, 130, 2] {
        let mut frame = syn(Framing::Ethernet, host, 0);
        frame.resize(1000, 0);
        sender.send(&frame);
    }
    let frames = read(&mut sources, 2);
    assert_eq!(hosts(&frames), [1, 2]);
    assert!(frames.iter().all(|(_, _, wire_len, data)| (*wire_len, data.len()) == (1000, 64)));
}

#[test]
fn the_loopback_is_heard_once() {
    if !inside("the_loopback_is_heard_once") {
        return;
    }
    ip("link set lo up");
    let mut sources = open(&settings("lo"));
    let (from, to) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    for _ in 0..10 {
        from.send_to(b"x", to.local_addr().unwrap()).unwrap();
    }
    let frames = read(&mut sources, 10);
    assert_eq!(frames.len(), 10);
    assert!(
        frames
            .iter()
            .all(|frame| decode(hirundo_packet::LinkType(frame.1), &frame.3, 0).unwrap().packet.proto == 17)
    );
}

#[test]
fn an_interface_without_link_header_is_captured() {
    if !inside("an_interface_without_link_header_is_captured") {
        return;
    }
    let mut tunnel = tunnel("t0");
    let mut sources = open(&Settings {
        addresses: vec![Network::try_from("198.51.100.0/28".to_owned()).unwrap()],
        ..settings("t0")
    });
    for host in [1, 100, 2] {
        tunnel.write_all(&syn(Framing::RawIp, host, 0)).unwrap();
    }
    let frames = read(&mut sources, 2);
    assert_eq!(hosts(&frames), [1, 2]);
    assert!(frames.iter().all(|frame| frame.1 == 228));
}

#[test]
fn two_interfaces_are_read_in_turn() {
    if !inside("two_interfaces_are_read_in_turn") {
        return;
    }
    pair("v0", "v1");
    pair("w0", "w1");
    let mut sources = open(&Settings {
        sources: vec!["live:v0".to_owned(), "live:w0".to_owned()],
        ..settings("v0")
    });
    let senders = [Sender::new("v1"), Sender::new("w1")];
    for number in 0..100 {
        senders[usize::from(number % 2)].send(&syn(Framing::Ethernet, number, 0));
    }
    let mut all = hosts(&read(&mut sources, 100));
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<u8>>());
}

#[test]
fn what_came_while_nobody_listened_is_counted() {
    if !inside("what_came_while_nobody_listened_is_counted") {
        return;
    }
    pair("v0", "v1");
    let sender = Sender::new("v1");
    let send = |hosts: &[u8]| hosts.iter().for_each(|host| sender.send(&syn(Framing::Ethernet, *host, 0)));
    let settings = Settings {
        addresses: vec![Network::try_from("198.51.100.0/25".to_owned()).unwrap()],
        ..settings("v0")
    };
    let mut sources = open(&settings);
    send(&[1, 2, 200, 3, 201]);
    assert_eq!(read(&mut sources, 3).len(), 3);
    // What the filter refused is accounted for once the counters have been looked at twice.
    for _ in 0..2 {
        sources.count().unwrap();
        std::thread::sleep(Duration::from_millis(250));
    }
    let before = sources.accounted();
    assert_eq!(before.len(), 1);
    drop(sources);
    send(&[4, 202, 5, 6]);
    let mut sources = open(&settings);
    let now = sources.accounted();
    assert_eq!(source::missed(&before, &now), Some(4), "the interface's counter knows no filter");
    // What was lent but not noted down before the sensor was killed was missed as well.
    send(&[7, 8]);
    assert_eq!(read(&mut sources, 2).len(), 2);
    drop(sources);
    assert_eq!(source::missed(&now, &open(&settings).accounted()), Some(2));
    // Another interface of the same name has another counter.
    ip("link delete v0");
    pair("v0", "v1");
    assert_eq!(source::missed(&before, &open(&settings).accounted()), None);
}

#[test]
fn what_the_ring_cannot_hold_is_counted() {
    if !inside("what_the_ring_cannot_hold_is_counted") {
        return;
    }
    pair("v0", "v1");
    let mut sources = open(&Settings {
        ring_mib: 1,
        ..settings("v0")
    });
    let before = sources.accounted();
    let sender = Sender::new("v1");
    let sent = 20_000;
    for number in 0..sent {
        sender.send(&syn(Framing::Ethernet, 1, number));
    }
    let frames = read(&mut sources, 1);
    let health = sources.count().unwrap();
    assert!(health.dropped > 0 && health.fill_permille == 1000, "{health:?}");
    assert_eq!(frames.len() as u64 + health.dropped, u64::from(sent));
    let accounted = source::missed(&before, &sources.accounted());
    assert_eq!(accounted, Some(u64::from(sent)), "dropped frames are not missed ones as well");
}

#[test]
fn stopping_drains_the_ring() {
    if !inside("stopping_drains_the_ring") {
        return;
    }
    pair("v0", "v1");
    let settings = Settings {
        block_ms: 200,
        ..settings("v0")
    };
    let mut sources = open(&settings);
    let sender = Sender::new("v1");
    for number in 0..100 {
        sender.send(&syn(Framing::Ethernet, number, 0));
    }
    sources.stop();
    sender.send(&syn(Framing::Ethernet, 250, 0));
    let mut frames = Vec::new();
    let begun = Instant::now();
    while !read_one(&mut sources, &mut frames) {
        assert!(begun.elapsed() < PATIENCE, "it does not end");
    }
    assert_eq!(hosts(&frames), (0..100).collect::<Vec<u8>>());
    let before = sources.accounted();
    drop(sources);
    assert_eq!(source::missed(&before, &open(&settings).accounted()), Some(1));
}

#[test]
fn an_interface_may_go_down_but_not_away() {
    if !inside("an_interface_may_go_down_but_not_away") {
        return;
    }
    pair("v0", "v1");
    let mut sources = open(&settings("v0"));
    ip("link set v0 down");
    assert!(!sources.count().unwrap().listening);
    // An interface that is down is waited for, not asked in haste.
    let begun = Instant::now();
    for _ in 0..10 {
        read_one(&mut sources, &mut Vec::new());
    }
    assert!(begun.elapsed() >= WAIT * 8, "{:?}", begun.elapsed());
    ip("link set v0 up");
    assert!(sources.count().unwrap().listening);
    // The kernel takes a moment until it sends over the link again; what it throws away before says nothing.
    let (sender, begun, mut frames) = (Sender::new("v1"), Instant::now(), Vec::new());
    while frames.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "nothing comes from an interface that is up again");
        sender.send(&syn(Framing::Ethernet, 1, 0));
        read_one(&mut sources, &mut frames);
    }
    assert!(hosts(&frames).iter().all(|host| *host == 1));
    ip("link delete v0");
    let gone = sources.count().unwrap_err().to_string();
    assert!(gone.contains("v0: the interface is gone; hint: "), "{gone}");
}

#[test]
fn what_is_not_there_is_refused_with_a_hint() {
    if !inside("what_is_not_there_is_refused_with_a_hint") {
        return;
    }
    for name in ["nowhere", "", "../up", "a-name-that-is-too-long"] {
        let refused = Sources::open(&settings(name), &[]).unwrap_err().to_string();
        assert!(refused.contains("; hint: "), "{refused}");
    }
}
