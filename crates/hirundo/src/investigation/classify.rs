//! From hosts to candidates: asks recog, the table of devices and the provider, and adds up what several records say.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::class::Class;
use super::evidence::{Candidates, Confidence, Evidence};
use super::host::{Banner, Host};
use super::read::{ReadError, Summary, read};
use super::recog::Recog;
use super::rule::{DeviceTable, Subject};

/// Most addresses of an investigation.
pub const ADDRESSES_MAX: usize = 5_000_000;

/// Why an investigation could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum InvestigationError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It has too many addresses.
    #[error("the investigation has more than {addresses_max} addresses; hint: take in one region at a time")]
    TooMany {
        /// The limit.
        addresses_max: usize,
    },
}

/// What turns banners into classes.
#[derive(Debug, Default)]
pub struct Classifier {
    table: DeviceTable,
    recog: Option<Recog>,
}

impl Classifier {
    /// With a table of devices, and recog's fingerprints if the user has them.
    #[must_use]
    pub fn new(table: DeviceTable, recog: Option<Recog>) -> Classifier {
        Classifier { table, recog }
    }

    /// The candidates of one record.
    #[must_use]
    pub fn classify(&self, host: &Host) -> Candidates {
        let mut evidence = Vec::new();
        for word in &host.device_types {
            evidence.extend(by_word(word, None));
        }
        self.table.look(&Subject::of_host(host), &mut |found, _| evidence.push(found));
        for banner in &host.banners {
            evidence.append(&mut self.of_banner(banner));
        }
        Candidates::new(host, evidence)
    }

    /// What one banner says. One port is one device: the classes of the most trusted evidence count, the rest is kept as a guess.
    fn of_banner(&self, banner: &Banner) -> Vec<Evidence> {
        let mut found: Vec<(Trust, Evidence)> = Vec::new();
        let mut add = |origin, evidence: Evidence| found.push(((evidence.confidence, origin), evidence));
        if let Some(evidence) = banner.device_type.as_deref().and_then(|word| by_word(word, Some(banner.port))) {
            add(Origin::Provider, evidence);
        }
        if let Some(recog) = &self.recog {
            recog.look(banner, &mut |evidence| add(Origin::Recog, evidence));
        }
        self.table.look(&Subject::of_banner(banner), &mut |evidence, one_class| {
            add(if one_class { Origin::TableOne } else { Origin::TableSeveral }, evidence);
        });
        let best = found.iter().map(|(trust, _)| *trust).max();
        let classes: BTreeSet<Class> = found
            .iter()
            .filter(|(trust, _)| Some(*trust) == best)
            .map(|(_, evidence)| evidence.class)
            .collect();
        let settle = |(_, mut evidence): (Trust, Evidence)| {
            if !classes.contains(&evidence.class) {
                evidence.confidence = Confidence::Low;
            }
            evidence
        };
        found.into_iter().map(settle).collect()
    }
}

/// How far evidence about one port is trusted before other: first its confidence, then where it is from.
type Trust = (Confidence, Origin);

/// Where evidence is from, the most trusted last. The table comes after recog because it knows which servers recorders and
/// cameras of one maker share, where recog settles for one of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Provider,
    Recog,
    TableSeveral,
    TableOne,
}

/// The provider's word for a device, in the words of [`Class::of_word`].
fn by_word(word: &str, port: Option<u16>) -> Option<Evidence> {
    let class = Class::of_word(word)?;
    let by = format!("provider:{}", word.to_lowercase());
    Some(Evidence::new(class, None, None, &by, port, Confidence::Medium))
}

/// What investigations say of many addresses.
#[derive(Debug, Default)]
pub struct Investigation {
    candidates: BTreeMap<IpAddr, Candidates>,
}

impl Investigation {
    /// Takes in one file; `undated` is the day of records that give none.
    ///
    /// # Errors
    /// When it cannot be read or has too many addresses. What was read before stays.
    pub fn take(
        &mut self,
        input: impl Read,
        classifier: &Classifier,
        undated: Option<DateTime<Utc>>,
    ) -> Result<Summary, InvestigationError> {
        let mut left_out = false;
        let summary = read(input, undated, |host| left_out |= !self.add(classifier.classify(&host)))?;
        if left_out {
            return Err(InvestigationError::TooMany {
                addresses_max: ADDRESSES_MAX,
            });
        }
        Ok(summary)
    }

    /// Adds the candidates of a record to those of its address; false when there are too many addresses.
    pub fn add(&mut self, candidates: Candidates) -> bool {
        if let Some(known) = self.candidates.get_mut(&candidates.address) {
            known.merge(candidates);
            return true;
        }
        let room = self.candidates.len() < ADDRESSES_MAX;
        if room {
            self.candidates.insert(candidates.address, candidates);
        }
        room
    }

    /// The candidates of every address, in the order of addresses.
    pub fn iter(&self) -> impl Iterator<Item = &Candidates> {
        self.candidates.values()
    }

    /// The candidates of an address.
    #[must_use]
    pub fn get(&self, address: IpAddr) -> Option<&Candidates> {
        self.candidates.get(&address)
    }

    /// How many addresses there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }
}
