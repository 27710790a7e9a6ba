//! What was done: notifications as the analysts keep them in `notified.csv`, read strictly.

mod parse;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::net::IpAddr;

use crate::period::{Day, Lang, Period};

pub use parse::NotifiedError;

/// Name of the file, which all periods share.
pub const NOTIFIED_FILE: &str = "notified.csv";
/// Largest file of notifications.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Most notifications in a file.
pub const ENTRIES_MAX: usize = 200_000;
/// Longest name of a recipient, and longest reason.
pub const TEXT_CHARS_MAX: usize = 200;
/// The reason that notifications of a demonstration bear.
pub const SIMULATED: &str = "simulated";

/// What a recipient is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipient {
    /// The provider whose network the address belongs to.
    Provider,
    /// A CSIRT that passes it on.
    Csirt,
    /// Who uses or runs the host.
    Owner,
    /// Who made the device.
    Vendor,
    /// Anybody else.
    Other,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Line of the file, from 1.
    pub line: u32,
    /// Day (UTC).
    pub day: Day,
    /// Address that it was about.
    pub address: IpAddr,
    /// To whom.
    pub recipient: Recipient,
    /// The recipient's name.
    pub name: Option<String>,
    /// Whether it was made up.
    pub is_simulated: bool,
}

/// The notifications of a file, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notified {
    /// The notifications.
    pub entries: Vec<Entry>,
}

impl Recipient {
    /// All, in the order in which they are told.
    pub const ALL: [Recipient; 5] = [
        Recipient::Provider,
        Recipient::Csirt,
        Recipient::Owner,
        Recipient::Vendor,
        Recipient::Other,
    ];

    /// As the file has it.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Recipient::Provider => "isp",
            Recipient::Csirt => "csirt",
            Recipient::Owner => "owner",
            Recipient::Vendor => "vendor",
            Recipient::Other => "other",
        }
    }

    /// As a report has it.
    #[must_use]
    pub const fn label(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Recipient::Provider, Lang::English) => "Internet service providers",
            (Recipient::Provider, Lang::Japanese) => "ISP",
            (Recipient::Csirt, _) => match lang {
                Lang::English => "CSIRTs",
                Lang::Japanese => "CSIRT",
            },
            (Recipient::Owner, Lang::English) => "Owners and operators",
            (Recipient::Owner, Lang::Japanese) => "所有者・管理者",
            (Recipient::Vendor, Lang::English) => "Vendors",
            (Recipient::Vendor, Lang::Japanese) => "製品開発者",
            (Recipient::Other, Lang::English) => "Others",
            (Recipient::Other, Lang::Japanese) => "その他",
        }
    }

    /// Within a sentence, in English behind "to".
    #[must_use]
    pub const fn spoken(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Recipient::Provider, Lang::English) => "internet service providers",
            (Recipient::Owner, Lang::English) => "owners and operators",
            (Recipient::Vendor, Lang::English) => "vendors",
            (Recipient::Other, Lang::English) => "others",
            (Recipient::Csirt, _) | (_, Lang::Japanese) => self.label(lang),
        }
    }
}

impl Notified {
    /// Reads the text of a `notified.csv`.
    ///
    /// # Errors
    /// Everything that is wrong with it (at most a hundred faults), in the order of lines.
    pub fn parse(text: &str) -> Result<Notified, Vec<NotifiedError>> {
        parse::notified(text)
    }

    /// The notifications of a period, the first of each address, in the order of days and lines.
    #[must_use]
    pub fn first_in(&self, period: &Period) -> Vec<&Entry> {
        let mut within: Vec<&Entry> = self.entries.iter().filter(|entry| period.contains(entry.day)).collect();
        within.sort_by_key(|entry| (entry.day, entry.line));
        let mut seen = HashSet::new();
        within.retain(|entry| seen.insert(entry.address));
        within
    }
}
