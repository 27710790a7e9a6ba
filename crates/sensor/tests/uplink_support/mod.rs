//! A centre for tests: an authority, and a server over real TLS and HTTP/2 on loopback that does as it is told.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    reason = "shared by several tests; one that cannot go on has failed"
)]

mod authority;
mod outbox;
mod server;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

pub use authority::{Authority, Validity};
use hirundo_packet::wire;
use hirundo_sensor::identity::Identity;
use hirundo_sensor::uplink::{self, Handle, Settings};
pub use outbox::{TestOutbox, content};
pub use server::{Asked, Centre, Options, Plan};

/// Name of the sensor in the tests.
pub const SENSOR: &str = "jp-01";

/// Longest wait for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Settings that hurry and are repeatable.
pub fn settings() -> Settings {
    Settings {
        pause_secs_max: 1,
        seed: Some(1),
        ..Settings::default()
    }
}

/// What a sensor says about itself.
pub fn vital() -> Arc<dyn uplink::Vital> {
    Arc::new(|| wire::Heartbeat {
        epoch: 7,
        seen: 100,
        kept: 90,
        hidden: true,
        ..wire::Heartbeat::default()
    })
}

/// Starts an uplink.
pub fn start(settings: Settings, identity: Identity, outbox: &Arc<TestOutbox>) -> Handle {
    let outbox = Arc::clone(outbox) as Arc<dyn hirundo_sensor::outbox::Outbox>;
    uplink::spawn(settings, identity, outbox, vital(), Arc::new(AtomicBool::new(false))).unwrap()
}

/// An enrolled sensor's identity in a folder.
pub fn enrolled(authority: &Authority, centres: &[String], validity: Validity, folder: &Path) -> Identity {
    use std::os::unix::fs::PermissionsExt as _;
    let (certificate, key) = authority.sensor(SENSOR, validity);
    let stored = serde_json::json!({
        "version": 1, "sensor": SENSOR, "centres": centres, "certificate": certificate, "ca": authority.pem(), "key": key,
    });
    let path = folder.join("identity.json");
    std::fs::write(&path, stored.to_string()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    Identity::load(folder).unwrap()
}
