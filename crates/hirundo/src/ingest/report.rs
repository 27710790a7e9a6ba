//! What an ingest did, for people and for machines.

use std::collections::BTreeMap;

use serde::Serialize;

use super::inputs::Input;
use super::reader::Outcome;

/// Most damaged inputs listed one by one.
const DAMAGED_LISTED_MAX: usize = 1000;

/// Totals over all inputs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Captures read to their end or to the damage.
    pub captures: u64,
    /// Frames read.
    pub frames: u64,
    /// Packets stored now.
    pub packets: u64,
    /// Packets that were in the lake already.
    pub known: u64,
    /// Frames without a readable IP header, and parts of packets that could not be read, by reason.
    pub unreadable: BTreeMap<&'static str, u64>,
    /// Inputs that ended early or could not be read at all, with the reason.
    pub damaged: Vec<Damaged>,
    /// How many those are.
    pub damaged_count: u64,
}

/// One damaged input.
#[derive(Clone, Debug, Serialize)]
pub struct Damaged {
    /// The file.
    pub file: String,
    /// Where and why.
    pub reason: String,
    /// Packets before the damage, which are in the lake.
    pub packets: u64,
}

impl Report {
    /// Adds what happened to one capture.
    pub fn add(&mut self, input: &Input, outcome: &Outcome) {
        self.captures += u64::from(outcome.format.is_some());
        self.frames += outcome.frames;
        self.packets += outcome.packets;
        self.known += outcome.known;
        for (reason, count) in &outcome.unreadable {
            *self.unreadable.entry(reason).or_default() += count;
        }
        if let Some(reason) = &outcome.damage {
            self.damaged_count += 1;
            if self.damaged.len() < DAMAGED_LISTED_MAX {
                let packets = outcome.packets + outcome.known;
                self.damaged.push(Damaged {
                    file: input.path.display().to_string(),
                    reason: reason.clone(),
                    packets,
                });
            }
        }
    }
}
