//! What says that a device of a class is at an address, and the candidates it adds up to.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::class::Class;
use super::host::{Host, Provider};

/// Most pieces of evidence kept for an address.
pub const EVIDENCE_MAX: usize = 48;

/// How sure a piece of evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A guess: counted only where nothing better is known of the address.
    Low,
    /// Likely.
    Medium,
    /// The device names itself.
    High,
}

impl Confidence {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// One reason to believe in a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What the device is.
    pub class: Class,
    /// Who made it, where known.
    pub vendor: Option<String>,
    /// What it is called, where known.
    pub product: Option<String>,
    /// The rule that says so: `recog:http_servers.xml:3067`, `device:hikvision-web`, `provider:webcam`.
    pub by: String,
    /// The port it was seen at; `None` when it holds for the whole address.
    pub port: Option<u16>,
    /// How sure it is.
    pub confidence: Confidence,
}

impl Evidence {
    pub(super) fn new(
        class: Class,
        vendor: Option<String>,
        product: Option<String>,
        by: &str,
        port: Option<u16>,
        confidence: Confidence,
    ) -> Evidence {
        Evidence {
            class,
            vendor,
            product,
            by: by.to_owned(),
            port,
            confidence,
        }
    }

    /// How much it says: the surer, and the more it names, the better.
    fn worth(&self) -> (Confidence, bool, bool) {
        (self.confidence, self.vendor.is_some(), self.product.is_some())
    }
}

/// The devices that may be at one address. Several may answer through one router, so there may be several classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// The address.
    pub address: IpAddr,
    /// Whether anything answered. An address without an answer has no classes and is not part of a share's whole.
    pub answered: bool,
    /// Who investigated.
    pub providers: BTreeSet<Provider>,
    /// The earliest and the latest look-up; `None` when no record says.
    pub looked_up: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// A record of it says that it was made up for a demonstration.
    pub simulated: bool,
    /// Its classes: those of evidence that is more than a guess, else those guessed, else [`Class::Unknown`].
    pub classes: BTreeSet<Class>,
    /// Why, at most [`EVIDENCE_MAX`], the best first.
    pub evidence: Vec<Evidence>,
}

impl Candidates {
    /// The candidates of a host with its evidence.
    pub(super) fn new(host: &Host, evidence: Vec<Evidence>) -> Candidates {
        let mut candidates = Candidates {
            address: host.address,
            answered: host.answered(),
            providers: BTreeSet::from([host.provider]),
            looked_up: host.looked_up.map(|time| (time, time)),
            simulated: host.simulated,
            classes: BTreeSet::new(),
            evidence,
        };
        candidates.settle();
        candidates
    }

    /// Adds what another record says of the same address.
    pub fn merge(&mut self, other: Candidates) {
        self.answered |= other.answered;
        self.providers.extend(other.providers);
        self.simulated |= other.simulated;
        self.looked_up = match (self.looked_up, other.looked_up) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        self.evidence.extend(other.evidence);
        self.settle();
    }

    /// The best evidence for a class.
    #[must_use]
    pub fn best(&self, class: Class) -> Option<&Evidence> {
        self.evidence.iter().find(|evidence| evidence.class == class)
    }

    /// Orders the evidence, drops what says nothing new, and derives the classes.
    fn settle(&mut self) {
        self.evidence.sort_by(|one, two| {
            two.worth()
                .cmp(&one.worth())
                .then_with(|| (one.class, one.port, &one.by).cmp(&(two.class, two.port, &two.by)))
        });
        self.evidence
            .dedup_by(|later, earlier| (later.class, later.port, &later.by) == (earlier.class, earlier.port, &earlier.by));
        self.evidence.truncate(EVIDENCE_MAX);
        let of = |least: Confidence| {
            self.evidence
                .iter()
                .filter(move |evidence| evidence.confidence >= least)
                .map(|evidence| evidence.class)
        };
        let mut classes: BTreeSet<Class> = of(Confidence::Medium).collect();
        if classes.is_empty() {
            classes = of(Confidence::Low).collect();
        }
        if classes.is_empty() && self.answered {
            classes.insert(Class::Unknown);
        }
        self.classes = classes;
    }
}
