//! Bytes to packets: capture files in, decoded, marked and classified rows out. No clock, no network, no async.
//!
//! The way through: [`capture::Capture`] reads frames out of a file's bytes, [`decode::decode`] turns a
//! frame into a [`Packet`], [`mark::MarkTable`] says which tool's mark it bears, [`kind::classify`] what
//! kind of packet it is and which service a UDP payload asks for. [`encode`] builds frames and capture
//! files for the simulator and the tests.

pub mod batch;
pub mod capture;
pub mod decode;
pub mod encode;
pub mod kind;
pub mod mark;
pub mod options;
pub mod packet;
pub mod probe;
pub mod wire;

pub use packet::{Kind, Packet, Present, Wide, flag};

/// Link-layer type of a frame, by its number in the tcpdump.org registry (LINKTYPE_…).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);
