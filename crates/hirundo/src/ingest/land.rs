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

use crate::collector::gather::{Landed, Landing, Trouble};
use crate::collector::hex;
use crate::collector::shipment::Shipment;
use crate::intel::Intel;

/// How often the same batches are sealed anew because another collector stored some of them meanwhile.
const TRIES_MAX: usize = 8;

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

    /// Seals and commits what is not known; the pieces that turned out to be known, or nothing when all was stored.
    fn commit(&mut self, shipments: &[&Shipment]) -> Result<Committed, Trouble> {
        self.segment.clear();
        let mut pieces = Vec::with_capacity(shipments.len());
        for shipment in shipments {
            pieces.push(self.push(shipment)?);
        }
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
            .commit(&pieces, &files)
            .context("could not store batches in the lake")
            .map_err(Trouble::Lake)
    }
}

impl Landing for Land {
    fn land(&mut self, shipments: &[Shipment]) -> Result<Vec<Landed>, Trouble> {
        let ids: Vec<PieceId> = shipments.iter().map(Land::id).collect();
        let mut known: HashSet<PieceId> = ids.iter().filter(|id| self.committer.known().contains(id)).cloned().collect();
        for _ in 0..TRIES_MAX {
            let fresh: Vec<&Shipment> = shipments
                .iter()
                .zip(&ids)
                .filter(|(_, id)| !known.contains(id))
                .map(|(shipment, _)| shipment)
                .collect();
            if fresh.is_empty() {
                break;
            }
            match self.commit(&fresh)? {
                Committed::Stored => break,
                Committed::Known(more) if more.is_empty() => return Err(puzzled()),
                Committed::Known(more) => known.extend(more),
            }
        }
        // Whatever was not stored by us now is known: the loop ends early in no other way.
        let missing = ids.iter().any(|id| !self.committer.known().contains(id));
        if missing {
            return Err(puzzled());
        }
        let landed = |id: &PieceId| if known.contains(id) { Landed::Known } else { Landed::Stored };
        Ok(ids.iter().map(landed).collect())
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
