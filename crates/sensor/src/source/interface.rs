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
/// `IFF_UP`.
const UP: u64 = 1;

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
    counters: Option<Counters>,
}

/// Files of an interface that are read while it is captured.
#[derive(Debug)]
struct Counters {
    received: File,
    flags: File,
}

impl Interface {
    /// Finds an interface and opens its counters, which can be read on when files cannot be opened any more.
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
        let counters = match counters(name, index) {
            Ok(counters) => Some(counters),
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
            counters,
        })
    }

    /// Frames received so far, where that can be known.
    pub(super) fn received(&self) -> Option<u64> {
        number(&self.counters.as_ref()?.received)
    }

    /// Whether it is up; so it is where that cannot be known.
    pub(super) fn is_up(&self) -> bool {
        let flags = self.counters.as_ref().and_then(|counters| number(&counters.flags));
        flags.is_none_or(|flags| flags & UP != 0)
    }
}

/// The number in a file of `/sys`, as it is now.
fn number(file: &File) -> Option<u64> {
    let mut text = [0; 32];
    let length = file.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..length)?).ok()?.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// What to say when a packet socket is refused.
pub(super) fn refused(name: &str) -> String {
    format!("open a packet socket for {name}; hint: it needs CAP_NET_RAW: start as root, or by the systemd unit, which grants it")
}

/// The files of an interface, if `/sys` shows the namespace that we are in.
fn counters(name: &str, index: u32) -> io::Result<Counters> {
    let folder = format!("/sys/class/net/{name}");
    let shown = fs::read_to_string(format!("{folder}/ifindex"))?;
    if shown.trim() != index.to_string() {
        return Err(io::Error::other("/sys shows another network namespace; hint: mount it anew"));
    }
    Ok(Counters {
        received: File::open(format!("{folder}/statistics/rx_packets"))?,
        flags: File::open(format!("{folder}/flags"))?,
    })
}

/// Of boot, network namespace and number.
fn identity(index: u32) -> u64 {
    let boot = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::metadata("/proc/self/ns/net").map_or(0, |there| there.ino());
    let all = [&boot, namespace.to_le_bytes().as_slice(), &index.to_le_bytes()].concat();
    u64::try_from(XxHash3_128::oneshot(&all) >> 64).unwrap_or(0)
}
