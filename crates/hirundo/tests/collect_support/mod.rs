//! A collector on loopback, sensors with real certificates that speak to it, and batches made to order.
#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod client;
pub(crate) mod shelf;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hirundo::collector::authority::{Authority, SENSOR_SECS};
use hirundo::collector::centre::{Centre, Settings};
use hirundo::collector::server::Collector;
use hirundo::collector::{now_secs, now_us, token};
use hirundo::store::Store;
use hirundo::store::sensors::Sensor;
use hirundo::store::tokens::Issue;
use hirundo_packet::batch::{Builder, Header, Minute};
use hirundo_packet::decode::{Decoded, decode_into};
use hirundo_packet::encode::{Addresses, Framing, IpHeader, Tcp, Transport, encode};
use hirundo_packet::wire::{EnrollRequest, EnrollResponse, Token, VERSION};
use hirundo_packet::{flag, kind};
use http::Method;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;

use client::{Answer, Client};
use shelf::Shelf;

/// Address under which the collector is known in its certificate.
const HOST: &str = "127.0.0.1";

/// A key and what it was certified for.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: KeyPair,
}

impl Identity {
    pub(crate) fn chain(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        (vec![self.certificate.clone()], key.into())
    }
}

/// A key and a request to certify it.
pub(crate) fn request() -> (KeyPair, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let csr = CertificateParams::default().serialize_request(&key).expect("a request");
    let csr = csr.pem().expect("a request as PEM");
    (key, csr)
}

/// A collector in this process, over a shelf in place of a lake.
pub(crate) struct Site {
    folder: TempDir,
    pub(crate) store: Store,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) collector: Option<Collector>,
    pub(crate) address: SocketAddr,
}

impl Site {
    pub(crate) async fn start() -> Site {
        Site::with(|_| {}).await
    }

    /// With other settings than the tests' usual ones.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        Authority::create(folder.path(), "test", now_secs()).expect("an authority");
        let store = Store::create(folder.path()).await.expect("a store");
        let addresses = [format!("https://{HOST}:4443")];
        store.found("test", &addresses, now_secs()).await.expect("a centre");
        let mut settings = Settings::new("127.0.0.1:0".parse().expect("an address"));
        settings.commit_every = Duration::from_millis(20);
        settings.metrics = Some("127.0.0.1:0".parse().expect("an address"));
        change(&mut settings);
        let shelf = Arc::new(Shelf::default());
        let authority = Authority::open(folder.path()).expect("the authority");
        let own = Store::open(folder.path()).await.expect("the store");
        let collector = Collector::start(Centre::new(own, authority, settings), Shelf::opener(&shelf))
            .await
            .expect("a collector");
        Site {
            address: collector.address,
            folder,
            store,
            shelf,
            collector: Some(collector),
        }
    }

    pub(crate) fn centre(&self) -> &Centre {
        &self.collector.as_ref().expect("a collector that runs").centre
    }

    pub(crate) fn authority(&self) -> Authority {
        Authority::open(self.folder.path()).expect("the authority")
    }

    /// Files in quarantine.
    pub(crate) fn quarantine_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("quarantine"));
        entries.map_or_else(|_| Vec::new(), |entries| entries.flatten().map(|entry| entry.path()).collect())
    }

    pub(crate) async fn token(&self, name: &str) -> Token {
        if self.store.sensor(name).await.expect("the store").is_none() {
            let sensor = Sensor::new(name, Some("home".to_owned()), Some("JP".to_owned()), now_secs());
            self.store.add_sensor(&sensor).await.expect("a new sensor");
        }
        let token = token::make(name, &[], &self.authority().sha256()).expect("a token");
        self.store.add_token(name, &token.secret, now_secs()).await.expect("a token kept");
        token
    }

    /// Asks for a certificate as a sensor does, with whatever token.
    pub(crate) async fn enrol(&self, token: &Token) -> (Answer, KeyPair) {
        let (key, csr) = request();
        let request = EnrollRequest {
            version: VERSION,
            sensor: token.sensor.clone(),
            secret: token.secret.clone(),
            csr,
            software: "test".to_owned(),
        };
        let stranger = self.stranger().await;
        let body = serde_json::to_vec(&request).expect("JSON");
        let answer = stranger.send(Method::POST, "/v1/enroll", body).await.expect("an answer");
        (answer, key)
    }

    /// A sensor that was added and enrolled.
    pub(crate) async fn sensor(&self, name: &str) -> Identity {
        let (answer, key) = self.enrol(&self.token(name).await).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let response: EnrollResponse = answer.json();
        assert_eq!(response.sensor, name);
        let certificate = CertificateDer::from_pem_slice(response.certificate.as_bytes()).expect("a certificate");
        Identity { certificate, key }
    }

    /// A certificate of our authority for a sensor that the centre knows, which ends so many seconds from now.
    pub(crate) async fn ending(&self, name: &str, secs: i64) -> Identity {
        self.token(name).await;
        let (key, csr) = request();
        let made = self
            .authority()
            .certify_sensor(&csr, name, now_secs() + secs - SENSOR_SECS)
            .expect("a certificate");
        let issue = Issue {
            serial: &made.serial,
            ends_secs: made.ends_secs,
        };
        assert!(self.store.renew(name, issue, now_secs()).await.expect("the store"));
        let certificate = CertificateDer::from_pem_slice(made.pem.as_bytes()).expect("a certificate");
        Identity { certificate, key }
    }

    /// Connects without a certificate.
    pub(crate) async fn stranger(&self) -> Client {
        Client::connect(self.address, &self.authority(), None).await.expect("a connection")
    }

    /// Connects as a sensor.
    pub(crate) async fn connect(&self, identity: &Identity) -> Client {
        Client::connect(self.address, &self.authority(), Some(identity))
            .await
            .expect("a connection")
    }

    pub(crate) async fn stop(mut self) -> Arc<Shelf> {
        self.collector.take().expect("a collector that runs").stop().await;
        Arc::clone(&self.shelf)
    }
}

/// A batch of so many SYNs, all at one time.
pub(crate) fn batch_at(sensor: &str, epoch: u64, number: u64, packets: u32, time_us: i64) -> Vec<u8> {
    batch_of(sensor, epoch, number, &vec![time_us; packets as usize])
}

/// A batch of SYNs at these times.
pub(crate) fn batch_of(sensor: &str, epoch: u64, number: u64, times_us: &[i64]) -> Vec<u8> {
    let syns: Vec<(i64, u16)> = times_us.iter().map(|&time_us| (time_us, 1_460)).collect();
    batch_with(sensor, epoch, number, &syns)
}

/// A batch of SYNs: at which time, with which largest segment. Health is of the first one's minute.
pub(crate) fn batch_with(sensor: &str, epoch: u64, number: u64, syns: &[(i64, u16)]) -> Vec<u8> {
    let begin_us = syns.first().expect("a packet").0.div_euclid(60_000_000) * 60_000_000;
    let mut builder = Builder::new();
    let mut frame = Vec::new();
    for (n, &(time_us, segment)) in (0..).zip(syns) {
        let [high, low] = segment.to_be_bytes();
        let options = [2, 4, high, low];
        let tcp = Tcp {
            src_port: 40_000,
            dst_port: 23,
            seq: n,
            ack: 0,
            flags: flag::SYN,
            window: 29_200,
            options: &options,
            payload: &[],
        };
        let salt = u32::try_from(number & 0xff).expect("a byte") << 16;
        let header = IpHeader {
            addresses: Addresses::V4 {
                src: 0x0101_0000 + salt + n,
                dst: 0xc000_0201,
            },
            ttl: 50,
            id: 7,
            part: 0,
        };
        encode(Framing::Ethernet, &header, &Transport::Tcp(tcp), &mut frame).expect("a packet that can be encoded");
        let mut decoded = Decoded::default();
        decode_into(Framing::Ethernet.link(), &frame, time_us, &mut decoded).expect("a packet that can be decoded");
        (decoded.packet.kind, decoded.packet.probe) = kind::classify_wide(&decoded.packet, &decoded.wide, decoded.payload);
        assert!(builder.push(&decoded, 64));
    }
    assert!(builder.minute(Minute {
        begin_us,
        up: true,
        dropped_kernel: 3,
        ..Minute::default()
    }));
    let header = Header {
        sensor: sensor.to_owned(),
        epoch,
        number,
        sealed_us: begin_us,
        hidden: false,
    };
    let mut bytes = Vec::new();
    builder.encode(&header, &mut bytes).expect("a batch");
    bytes
}

/// What is left of a batch whose packets the sensor had to drop: its minutes.
pub(crate) fn emptied(sensor: &str, epoch: u64, number: u64, dropped: u64) -> Vec<u8> {
    let mut builder = Builder::new();
    let sealed_us = now_us();
    assert!(builder.minute(Minute {
        begin_us: sealed_us.div_euclid(60_000_000) * 60_000_000,
        up: true,
        dropped_spool: dropped,
        ..Minute::default()
    }));
    let header = Header {
        sensor: sensor.to_owned(),
        epoch,
        number,
        sealed_us,
        hidden: false,
    };
    let mut bytes = Vec::new();
    builder.encode(&header, &mut bytes).expect("a batch");
    bytes
}

/// A batch of just now.
pub(crate) fn batch(sensor: &str, epoch: u64, number: u64, packets: u32) -> Vec<u8> {
    batch_at(sensor, epoch, number, packets, now_us() - 1_000_000)
}

/// Waits until something holds, and fails the test when it does not within ten seconds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not come true");
}
