//! What stands in for the lake: keeps batches by name, and refuses or breaks when told to.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use hirundo::collector::gather::{Landed, Landing, Opener, Trouble};
use hirundo::collector::shipment::{Name, Shipment};

/// Longest time that landing is held up, so that a test that failed ends.
const HELD_MAX: Duration = Duration::from_secs(60);

/// What is on it, and how it behaves.
#[derive(Default)]
pub(crate) struct State {
    /// Bytes by name.
    pub(crate) stored: HashMap<Name, Vec<u8>>,
    /// How often something was stored.
    pub(crate) commits: usize,
    /// It refuses, as a full disk does.
    pub(crate) refuses: bool,
    /// It does not come back.
    pub(crate) held: bool,
    /// Numbers of batches that make it panic.
    pub(crate) sick: HashSet<u64>,
}

/// Shared by a collector and its test.
#[derive(Default)]
pub(crate) struct Shelf {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shelf {
    pub(crate) fn opener(shelf: &Arc<Shelf>) -> Opener {
        let shelf = Arc::clone(shelf);
        Box::new(move || Ok(Box::new(Arm(Arc::clone(&shelf))) as Box<dyn Landing>))
    }

    /// Changes it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Looks at it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn count(&self) -> usize {
        self.look(|state| state.stored.len())
    }
}

struct Arm(Arc<Shelf>);

impl Landing for Arm {
    fn land(&mut self, shipments: &[Shipment]) -> Result<Vec<Landed>, Trouble> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = self
            .0
            .changed
            .wait_timeout_while(state, HELD_MAX, |state| state.held)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(
            !shipments.iter().any(|shipment| state.sick.contains(&shipment.name.number)),
            "a sick batch, as planned"
        );
        if state.refuses {
            return Err(Trouble::Lake(anyhow!("no space left, as planned")));
        }
        state.commits += 1;
        let land = |shipment: &Shipment| match state.stored.insert(shipment.name.clone(), shipment.bytes.to_vec()) {
            None => Landed::Stored,
            Some(_) => Landed::Known,
        };
        Ok(shipments.iter().map(land).collect())
    }
}
