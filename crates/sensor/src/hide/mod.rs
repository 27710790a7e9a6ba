//! Takes away what would show which addresses a sensor watches, after marks are known.
//!
//! | what | becomes |
//! |---|---|
//! | destination | its pseudonym, whatever it is: broadcast and multicast too |
//! | source, where it is close to the sensor | its pseudonym under the same key: the destination itself or another watched address, one of the same /24 (IPv6: /64), link-local, or any whose packet went to no watched address and so came from nearby |
//! | sequence number, IP identification | absent in all packets, not only in those of tools that put the address there |
//! | destination of a quoted packet | absent where it is close to the sensor; no other part of a quoted packet is kept at all |
//! | payload | empty where it holds an address in any form that `echo` lists |
//! | time to live | 32, 64, 128 or 255, the next above |
//! | time | the whole second before |
//! | values of TCP options | left out by [`hirundo_packet::batch`], but for segment size and window scale |
//!
//! Pseudonyms are prefix-preserving (ipcrypt-pfx): addresses of one network have pseudonyms of one network. What
//! remains are choices of the sender: ports, window, segment size and window scale, lengths, type and code of ICMP,
//! and what a payload says in a form of the sender's own. Whoever sends something unusual to an address and sees the
//! centre's raw data learns its pseudonym, as with every telescope; from what any known program sends of itself
//! nobody does.

mod echo;
mod key;
mod watched;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hirundo_packet::decode::Decoded;
use hirundo_packet::{Present, Wide};
use ipcrypt_rs::IpcryptPfx;
use ipnet::IpNet;
use serde::Deserialize;

use echo::{Destination, Secret};
pub use key::{Key, KeyError};
use watched::Watched;

/// Section `[hide]` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether destination addresses are replaced by pseudonyms whose key stays on the sensor, and everything
    /// blanked that would give them away.
    pub destinations: bool,
}

/// Entries of the cache for IPv4 (8 bytes each): a /16 fits.
const CACHE_V4: usize = 1 << 16;
/// Entries of the cache for IPv6 (32 bytes each).
const CACHE_V6: usize = 1 << 10;
/// Microseconds of a second.
const SECOND_US: i64 = 1_000_000;

/// Hides addresses under one key.
pub struct Hider {
    cipher: IpcryptPfx,
    watched: Watched,
    /// Bytes of a payload that could be kept, and room for a form of an address that begins in them.
    looked_at_bytes: usize,
    /// Address in the high half, its pseudonym in the low one; all ones where empty.
    cache_v4: Box<[AtomicU64]>,
    cache_v6: Mutex<Box<[(u128, u128)]>>,
}

impl Hider {
    /// With the networks that the sensor watches; without any, every destination counts as watched.
    #[must_use]
    pub fn new(key: &Key, watched: &[IpNet]) -> Hider {
        let cipher = key.cipher();
        let none = encrypt_v6(&cipher, 0);
        Hider {
            watched: Watched::new(watched),
            looked_at_bytes: usize::from(u8::MAX) + echo::FORM_BYTES_MAX,
            cache_v4: (0..CACHE_V4).map(|_| AtomicU64::new(u64::MAX)).collect(),
            cache_v6: Mutex::new(vec![(0, none); CACHE_V6].into_boxed_slice()),
            cipher,
        }
    }

    /// For batches that keep at most so many bytes of a payload: what is behind them need not be looked at.
    #[must_use]
    pub fn keeping(self, payload_bytes_max: u8) -> Hider {
        Hider {
            looked_at_bytes: usize::from(payload_bytes_max) + echo::FORM_BYTES_MAX,
            ..self
        }
    }

    /// Takes away what shows the destination. Mark, kind and probe must be known already: they cannot be found after.
    #[inline]
    pub fn hide(&self, decoded: &mut Decoded<'_>) {
        let packet = &mut decoded.packet;
        packet.present.set(Present::HIDDEN);
        packet.present.0 &= !Present::IP_ID.0;
        (packet.ip_id, packet.tcp_seq) = (0, 0);
        packet.ttl = initial_ttl(packet.ttl);
        packet.time_us = packet.time_us.saturating_sub(packet.time_us.rem_euclid(SECOND_US));
        if packet.present.has(Present::WIDE) {
            self.hide_v6(decoded);
        } else {
            self.hide_v4(decoded);
        }
    }

    #[inline]
    fn hide_v4(&self, decoded: &mut Decoded<'_>) {
        let packet = &mut decoded.packet;
        let (src, dst) = (packet.src, packet.dst);
        let watched = &self.watched;
        let is_near = |address: u32| address >> 8 == dst >> 8 || watched.has_v4(address);
        let came_far = watched.is_empty() || watched.has_v4(dst);
        if !decoded.payload.is_empty() && self.echoes(decoded.payload, Destination::V4(dst)) {
            decoded.payload = &[];
        }
        packet.dst = self.pseudonym_v4(dst);
        if !came_far || is_near(src) || Ipv4Addr::from_bits(src).is_link_local() {
            packet.src = self.pseudonym_v4(src);
        }
        if packet.present.has(Present::VICTIM) && (!came_far || is_near(packet.victim)) {
            packet.present.0 &= !Present::VICTIM.0;
            packet.victim = 0;
        }
    }

    #[cold]
    fn hide_v6(&self, decoded: &mut Decoded<'_>) {
        let Wide { src6, dst6, victim6 } = &mut decoded.wide;
        let (src, dst, victim) = (
            u128::from_be_bytes(*src6),
            u128::from_be_bytes(*dst6),
            u128::from_be_bytes(*victim6),
        );
        let watched = &self.watched;
        let is_near = |address: u128| address >> 64 == dst >> 64 || watched.has_v6(address);
        let came_far = watched.is_empty() || watched.has_v6(dst);
        if !decoded.payload.is_empty() && self.echoes(decoded.payload, Destination::V6(dst)) {
            decoded.payload = &[];
        }
        *dst6 = self.pseudonym_v6(dst).to_be_bytes();
        if !came_far || is_near(src) || Ipv6Addr::from_bits(src).is_unicast_link_local() {
            *src6 = self.pseudonym_v6(src).to_be_bytes();
        }
        if decoded.packet.present.has(Present::VICTIM) && (!came_far || is_near(victim)) {
            decoded.packet.present.0 &= !Present::VICTIM.0;
            *victim6 = [0; 16];
        }
    }

    #[cold]
    fn echoes(&self, payload: &[u8], dst: Destination) -> bool {
        let watched = &self.watched;
        let payload = payload.get(..self.looked_at_bytes).unwrap_or(payload);
        echo::echoes(payload, &Secret { dst, watched })
    }

    /// The pseudonym of an address of IPv4.
    #[inline]
    #[must_use]
    pub fn pseudonym_v4(&self, address: u32) -> u32 {
        let at = usize::try_from(address & (u32::MAX >> 16)).unwrap_or(0);
        let Some(entry) = self.cache_v4.get(at) else {
            return encrypt_v4(&self.cipher, address);
        };
        let found = entry.load(Ordering::Relaxed);
        let halves = |entry: u64| (u32::try_from(entry >> 32), u32::try_from(entry & u64::from(u32::MAX)));
        match halves(found) {
            // The address of all ones is never found here, because its entry looks empty.
            (Ok(known), Ok(pseudonym)) if known == address && address != u32::MAX => pseudonym,
            _ => {
                let pseudonym = encrypt_v4(&self.cipher, address);
                entry.store(u64::from(address) << 32 | u64::from(pseudonym), Ordering::Relaxed);
                pseudonym
            }
        }
    }

    /// The pseudonym of an address of IPv6.
    #[must_use]
    pub fn pseudonym_v6(&self, address: u128) -> u128 {
        let mut cache = self.cache_v6.lock().unwrap_or_else(PoisonError::into_inner);
        // Networks of IPv6 are told apart by the high half, their hosts by the low one.
        let mixed = (address ^ address >> 64 ^ address >> 32 ^ address >> 16) % CACHE_V6 as u128;
        let Some(entry) = usize::try_from(mixed).ok().and_then(|at| cache.get_mut(at)) else {
            return encrypt_v6(&self.cipher, address);
        };
        if entry.0 != address {
            *entry = (address, encrypt_v6(&self.cipher, address));
        }
        entry.1
    }
}

impl std::fmt::Debug for Hider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Hider(…)")
    }
}

/// The initial value that systems use, next above: hops from a sender to the sensor, and values of the sender's own
/// choice, are gone.
const fn initial_ttl(ttl: u8) -> u8 {
    match ttl {
        0..=32 => 32,
        33..=64 => 64,
        65..=128 => 128,
        129..=255 => 255,
    }
}

#[cold]
fn encrypt_v4(cipher: &IpcryptPfx, address: u32) -> u32 {
    match cipher.encrypt_ipaddr(IpAddr::V4(Ipv4Addr::from_bits(address))) {
        IpAddr::V4(pseudonym) => pseudonym.to_bits(),
        // Never: the prefix that stands for IPv4 is left as it is.
        IpAddr::V6(_) => 0,
    }
}

#[cold]
fn encrypt_v6(cipher: &IpcryptPfx, address: u128) -> u128 {
    match cipher.encrypt_ipaddr(IpAddr::V6(Ipv6Addr::from_bits(address))) {
        IpAddr::V6(pseudonym) => pseudonym.to_bits(),
        // One in 2^96 looks like an address of IPv4.
        IpAddr::V4(pseudonym) => pseudonym.to_ipv6_mapped().to_bits(),
    }
}
