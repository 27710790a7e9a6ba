//! Which share of the addresses of each region is a device of which class, and the rows that are stored.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::class::Class;
use super::evidence::{Candidates, Confidence};

/// The classes of the addresses of one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Addresses of which something answered: the whole of every share.
    pub investigated: u64,
    /// Addresses that were looked up and of which nothing answered; no part of the whole.
    pub without_answer: u64,
    /// Investigated addresses by class; an address with several classes counts in each.
    pub classes: BTreeMap<Class, u64>,
    /// Investigated addresses with more than one class. When there are any, the shares add up to more than the whole.
    pub several: u64,
    /// Investigated addresses whose data was made up for a demonstration.
    pub simulated: u64,
    /// The earliest and the latest look-up; `None` when no record says.
    pub looked_up: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Share {
    /// The share of a class, 0 to 1; `None` when nothing was investigated.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts of addresses are far below 2^52")]
    pub fn of(&self, class: Class) -> Option<f64> {
        let count = self.classes.get(&class).copied().unwrap_or(0);
        (self.investigated > 0).then(|| count as f64 / self.investigated as f64)
    }

    /// Whether the shares can add up to more than the whole.
    #[must_use]
    pub fn may_exceed_whole(&self) -> bool {
        self.several > 0
    }

    fn count(&mut self, candidates: &Candidates) {
        if !candidates.answered {
            self.without_answer = self.without_answer.saturating_add(1);
            return;
        }
        self.investigated = self.investigated.saturating_add(1);
        self.several = self.several.saturating_add(u64::from(candidates.classes.len() > 1));
        self.simulated = self.simulated.saturating_add(u64::from(candidates.simulated));
        for class in &candidates.classes {
            let count = self.classes.entry(*class).or_default();
            *count = count.saturating_add(1);
        }
        self.looked_up = match (self.looked_up, candidates.looked_up) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
    }
}

/// Shares by region. Addresses without a region are under `None`.
pub fn shares<'a, R: Ord>(
    candidates: impl IntoIterator<Item = &'a Candidates>,
    region_of: impl Fn(IpAddr) -> Option<R>,
) -> BTreeMap<Option<R>, Share> {
    let mut shares: BTreeMap<Option<R>, Share> = BTreeMap::new();
    for candidates in candidates {
        shares.entry(region_of(candidates.address)).or_default().count(candidates);
    }
    shares
}

/// One candidate of one address, as it is stored: a row for each address and class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The address.
    pub address: IpAddr,
    /// The latest look-up; `None` when no record says.
    pub looked_up: Option<DateTime<Utc>>,
    /// Who investigated: `shodan`, or several as `censys+shodan`.
    pub provider: String,
    /// What the device is.
    pub class: Class,
    /// Who made it, where known.
    pub vendor: Option<String>,
    /// What it is called, where known.
    pub product: Option<String>,
    /// The port of the best evidence.
    pub port: Option<u16>,
    /// The rule of the best evidence; empty for [`Class::Unknown`], for which there is none.
    pub rule: String,
    /// How sure that is; `None` for [`Class::Unknown`].
    pub confidence: Option<Confidence>,
    /// The data was made up for a demonstration.
    pub simulated: bool,
}

/// The rows of an address: one a class; none when nothing answered.
pub fn rows(candidates: &Candidates) -> impl Iterator<Item = Row> + '_ {
    let providers: Vec<&str> = candidates.providers.iter().map(|provider| provider.name()).collect();
    let provider = providers.join("+");
    candidates.classes.iter().map(move |class| {
        let best = candidates.best(*class);
        Row {
            address: candidates.address,
            looked_up: candidates.looked_up.map(|(_, last)| last),
            provider: provider.clone(),
            class: *class,
            vendor: best.and_then(|evidence| evidence.vendor.clone()),
            product: best.and_then(|evidence| evidence.product.clone()),
            port: best.and_then(|evidence| evidence.port),
            rule: best.map_or_else(String::new, |evidence| evidence.by.clone()),
            confidence: best.map(|evidence| evidence.confidence),
            simulated: candidates.simulated,
        }
    })
}
