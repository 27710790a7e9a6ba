//! Which service a UDP payload asks for: surveys, worms and amplification abuse send the same requests.

pub(crate) mod read;
mod request;
mod table;

use crate::{Packet, Present};
pub use table::PROBES;

/// A known UDP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Name in the lake.
    pub name: &'static str,
    /// Service it asks.
    pub service: &'static str,
    /// Destination ports at which it counts, as inclusive ranges; empty where the payload alone tells.
    pub ports: &'static [(u16, u16)],
    /// What it asks for.
    pub meaning: &'static str,
    /// Where the fact is from.
    pub source: &'static str,
}

/// The number of the request that `payload` is, 0 for none: the index in [`PROBES`] plus one.
///
/// The payload may be cut short by the capture; an empty one asks for nothing. Replies are not told from
/// requests here where only the source port tells: ask [`crate::kind::classify`] for that.
#[must_use]
pub fn probe(packet: &Packet, payload: &[u8]) -> u8 {
    if packet.proto != 17 || !packet.present.has(Present::PORTS) || payload.is_empty() {
        return 0;
    }
    let at_port = request::at_port(packet.dst_port, payload);
    if at_port == 0 { request::anywhere(payload) } else { at_port }
}

/// The name of a probe number; empty for 0 and for numbers nobody defined.
#[must_use]
pub fn name(probe: u8) -> &'static str {
    let at = usize::from(probe).checked_sub(1);
    at.and_then(|at| PROBES.get(at)).map_or("", |probe| probe.name)
}

/// The number of a name, at compile time: a name that is not in the table does not compile.
const fn number(name: &str) -> u8 {
    let mut at = 0;
    while at < PROBES.len() {
        if same(PROBES[at].name.as_bytes(), name.as_bytes()) {
            #[allow(clippy::cast_possible_truncation, reason = "the table is shorter than 255, asserted below")]
            return at as u8 + 1;
        }
        at += 1;
    }
    panic!("no such request in the table");
}

const _: () = assert!(PROBES.len() < 255);

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
