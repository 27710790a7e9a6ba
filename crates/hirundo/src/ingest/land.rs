//! Batches of sensors into the lake: several sensors' batches become one segment, each batch a piece.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use hirundo_lake::names::World;
use hirundo_lake::seal::Sealer;
use hirundo_lake::segment::{Health, Segment};
use hirundo_lake::{Committed, Committer, Lake, Location, Piece, PieceId};
use hirundo_packet::batch::{Batch, Minute};
use hirundo_packet::decode::Reason;
use hirundo_packet::mark::MarkTable;
use hirundo_packet::options::Interner;

use crate::collector::gather::{Landed, Landing, Trouble};
use crate::collector::hex;
use crate::collector::shipment::Shipment;
use crate::intel::Intel;

/// How often the same batches are sealed anew because another collector stored some of them meanwhile.
const TRIES_MAX: usize = 8;

/// Distinct signatures of TCP options from which on sensors do not share a segment: beyond some more, further ones are told
/// apart no longer, and no sensor may do that to another.
const SIGNATURES_ENOUGH: usize = 60_000;
const _: () = assert!(SIGNATURES_ENOUGH < Interner::DISTINCT_MAX as usize);

/// What is needed to make rows of batches.
#[derive(Clone)]
pub struct Ground {
    /// Where the lake is.
    pub lake: Location,
    /// Where sources are.
    pub intel: Arc<Intel>,
    /// Marks of tools, with those of the centre's own rule file.
    pub marks: Arc<MarkTable>,
}

/// An open lake that batches are stored in.
pub struct Land {
    ground: Ground,
    committer: Committer,
    sealer: Sealer,
    segment: Segment,
}

impl Land {
    /// Opens the lake, or makes it.
    ///
    /// # Errors
    /// When the lake cannot be opened.
    pub fn open(ground: &Ground) -> anyhow::Result<Land> {
        let lake = Lake::open_or_create(&ground.lake)?;
        Ok(Land {
            committer: lake.committer()?,
            sealer: Sealer::new()?,
            segment: Segment::default(),
            ground: ground.clone(),
        })
    }

    fn id(shipment: &Shipment) -> PieceId {
        let name = &shipment.name;
        PieceId::shipped(name.epoch, name.number, &name.sensor)
    }

    /// Adds a batch to the segment; the piece it is.
    fn push(&mut self, shipment: &Shipment) -> Result<Piece, Trouble> {
        let batch = Batch::decode(&shipment.bytes).map_err(|error| Trouble::Batch(error.into()))?;
        let segment = &mut self.segment;
        segment.begin_piece();
        let sensor = segment.sensor(&shipment.name.sensor);
        let own_rules = !batch.header.hidden;
        for mut decoded in batch.packets() {
            if own_rules && decoded.packet.mark == 0 {
                decoded.packet.mark = self.ground.marks.mark(&decoded.packet, decoded.options, decoded.payload);
            }
            segment.push_shipped(&decoded, sensor);
        }
        for minute in &batch.minutes {
            segment.push_health(sensor, health(minute, shipment.skew_us));
        }
        segment.keep_piece();
        Ok(piece(shipment, &batch))
    }

    /// Makes one segment of these; `None` when some sensor's TCP options would leave no room for the others'.
    fn fill(&mut self, shipments: &[&Shipment], together: Together) -> Result<Option<Vec<Piece>>, Trouble> {
        self.segment.clear();
        let mut pieces = Vec::with_capacity(shipments.len());
        for shipment in shipments {
            pieces.push(self.push(shipment)?);
        }
        let crowded = self.segment.options.len() > SIGNATURES_ENOUGH && self.segment.sensors.len() > 1;
        Ok((together == Together::Sensor || !crowded).then_some(pieces))
    }

    fn commit(&mut self, pieces: &[Piece]) -> Result<Committed, Trouble> {
        let world = World {
            atlas: self.ground.intel.as_ref(),
            marks: &self.ground.marks,
        };
        let files = self
            .sealer
            .seal(&self.segment, world)
            .context("could not make the lake's files of batches")
            .map_err(Trouble::Batch)?;
        self.committer
            .commit(pieces, &files)
            .context("could not store batches in the lake")
            .map_err(Trouble::Lake)
    }

    /// Stores what is not known; what became of each, or `None` when they do not go together.
    fn store(&mut self, shipments: &[&Shipment], together: Together) -> Result<Option<Vec<Landed>>, Trouble> {
        let ids: Vec<PieceId> = shipments.iter().map(|shipment| Land::id(shipment)).collect();
        let mut known: HashSet<PieceId> = ids.iter().filter(|id| self.committer.known().contains(id)).cloned().collect();
        for _ in 0..TRIES_MAX {
            let both = shipments.iter().zip(&ids).filter(|(_, id)| !known.contains(id));
            let fresh: Vec<&Shipment> = both.map(|(shipment, _)| *shipment).collect();
            if fresh.is_empty() {
                break;
            }
            let Some(pieces) = self.fill(&fresh, together)? else {
                return Ok(None);
            };
            match self.commit(&pieces)? {
                Committed::Stored => break,
                Committed::Known(more) if more.is_empty() => return Err(puzzled()),
                Committed::Known(more) => known.extend(more),
            }
        }
        if ids.iter().any(|id| !self.committer.known().contains(id)) {
            return Err(puzzled());
        }
        let landed = |id: &PieceId| if known.contains(id) { Landed::Known } else { Landed::Stored };
        Ok(Some(ids.iter().map(landed).collect()))
    }
}

/// Whose batches make one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Together {
    All,
    Sensor,
}

impl Landing for Land {
    fn land(&mut self, shipments: &[Shipment]) -> Result<Vec<Landed>, Trouble> {
        let all: Vec<&Shipment> = shipments.iter().collect();
        if let Some(landed) = self.store(&all, Together::All)? {
            return Ok(landed);
        }
        let mut of_sensor: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, shipment) in shipments.iter().enumerate() {
            of_sensor.entry(&shipment.name.sensor).or_default().push(place);
        }
        let mut landed = vec![Landed::Known; shipments.len()];
        for places in of_sensor.into_values() {
            let own: Vec<&Shipment> = places.iter().filter_map(|&place| shipments.get(place)).collect();
            let stored = self.store(&own, Together::Sensor)?.ok_or_else(puzzled)?;
            for (&place, outcome) in places.iter().zip(stored) {
                landed[place] = outcome;
            }
        }
        Ok(landed)
    }
}

fn puzzled() -> Trouble {
    Trouble::Lake(anyhow!("other collectors stored the same batches again and again at the same time"))
}

fn health(minute: &Minute, skew_us: Option<i64>) -> Health {
    let Minute {
        begin_us,
        up,
        seen,
        kept,
        unreadable,
        dropped_kernel,
        dropped_spool,
        missed,
        ring_fill_permille: _,
    } = *minute;
    Health {
        begin_us,
        up,
        seen,
        kept,
        unreadable,
        dropped_kernel,
        dropped_spool,
        missed,
        clock_skew_us: skew_us,
    }
}

fn piece(shipment: &Shipment, batch: &Batch) -> Piece {
    let seen = batch.minutes.iter().fold(0_u64, |sum, minute| sum.saturating_add(minute.seen));
    let unreadable: BTreeMap<String, u64> = Reason::ALL
        .iter()
        .zip(batch.reasons)
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| (reason.name().to_owned(), count))
        .collect();
    Piece {
        id: Land::id(shipment),
        origin: format!("sensor batch, sha256 {}", hex(&shipment.sha256)),
        frames: seen,
        packets: batch.len() as u64,
        unreadable,
    }
}
