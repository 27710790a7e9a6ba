//! An interface: how its frames begin, and how many it has received.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{Context, Result, bail};
use twox_hash::XxHash3_128;

use super::filter::Form;
use super::ring::{self, Socket};

/// Longest name of an interface, bytes: `IFNAMSIZ` without the zero.
const NAME_BYTES_MAX: usize = 15;
/// Kinds of hardware whose frames have an Ethernet header: Ethernet itself and `lo` (linux/if_arp.h).
const ETHERNET: [u16; 2] = [1, 772];

/// An interface that is there.
#[derive(Debug)]
pub(super) struct Interface {
    /// Its name.
    pub(super) name: String,
    /// Its number.
    pub(super) index: u32,
    /// How its frames begin.
    pub(super) form: Form,
    /// Tells this interface from one of the same name after a boot or in another namespace: their counters have nothing
    /// to do with each other.
    pub(super) identity: u64,
    counter: Option<File>,
}

impl Interface {
    /// Finds an interface and opens its counter, which must stay readable after the files are closed off.
    pub(super) fn find(name: &str) -> Result<Interface> {
        let usual = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !usual || name.starts_with('.') {
            bail!("open interface {name:?}: no interface has such a name; hint: `ip link` lists them");
        }
        let Some(index) = ring::index(name) else {
            bail!("open interface {name}: there is none of that name; hint: `ip link` lists them");
        };
        let socket = Socket::open(Form::Network).with_context(|| refused(name))?;
        let hardware = socket
            .hardware(name)
            .with_context(|| format!("ask what kind of interface {name} is"))?;
        let form = if ETHERNET.contains(&hardware) {
            Form::Ethernet
        } else {
            Form::Network
        };
        let counter = match counter(name, index) {
            Ok(counter) => Some(counter),
            Err(error) => {
                tracing::warn!("what {name} receives while the sensor is not running cannot be counted: {error}");
                None
            }
        };
        Ok(Interface {
            name: name.to_owned(),
            index,
            form,
            identity: identity(index),
            counter,
        })
    }

    /// Frames received so far, where that can be known.
    pub(super) fn received(&self) -> Option<u64> {
        let mut text = [0; 32];
        let length = self.counter.as_ref()?.read_at(&mut text, 0).ok()?;
        std::str::from_utf8(text.get(..length)?).ok()?.trim().parse().ok()
    }
}

/// What to say when a packet socket is refused.
pub(super) fn refused(name: &str) -> String {
    format!("open a packet socket for {name}; hint: it needs CAP_NET_RAW: start as root, or by the systemd unit, which grants it")
}

/// The counter of received frames, if `/sys` shows the namespace that we are in.
fn counter(name: &str, index: u32) -> io::Result<File> {
    let folder = format!("/sys/class/net/{name}");
    let shown = fs::read_to_string(format!("{folder}/ifindex"))?;
    if shown.trim() != index.to_string() {
        return Err(io::Error::other("/sys shows another network namespace; hint: mount it anew"));
    }
    File::open(format!("{folder}/statistics/rx_packets"))
}

/// Of boot, network namespace and number.
fn identity(index: u32) -> u64 {
    let boot = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::metadata("/proc/self/ns/net").map_or(0, |there| there.ino());
    let all = [&boot, namespace.to_le_bytes().as_slice(), &index.to_le_bytes()].concat();
    u64::try_from(XxHash3_128::oneshot(&all) >> 64).unwrap_or(0)
}
