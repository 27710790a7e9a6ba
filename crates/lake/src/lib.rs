//! The lake: packets to Parquet and back. Schema, writing, roll-ups, compaction, retention, and the only door to the query engine.

pub mod codes;
pub mod compact;
pub mod encode;
mod engine;
pub mod error;
pub mod export;
pub mod functions;
pub mod hybrid;
pub mod lake;
pub mod names;
pub mod observation;
pub mod question;
pub mod readback;
pub mod retain;
pub mod rollup;
pub mod roster;
pub mod schema;
pub mod seal;
pub mod segment;
mod sensors;
pub mod session;
pub mod sort;
pub mod store;
pub mod tables;
pub mod verify;

pub use error::{Error, Result};
pub use lake::{Lake, Piece, PieceId, Writer};
pub use observation::Question;
pub use question::{Days, Filter, Measure, Subject};
pub use roster::Roster;
pub use session::{Answer, Parameter, Session};
