//! Pieces: what is stored is known by them, and a piece that is stored is never stored again.
//!
//! A piece of a capture is named by a digest of its bytes; a batch that a sensor shipped by the run of the
//! sensor and its number in it. Numbers follow one another, so what is known of a year of batches is a few
//! runs and not millions of names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

/// Longest name of a piece in a record, bytes: more than any sensor's name needs.
const ID_BYTES_MAX: usize = 4096;

/// Where a piece came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Way {
    /// A capture: the number is a digest of its bytes.
    Capture,
    /// A sensor: the number is (epoch, number).
    Shipped,
}

/// Name of a piece.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PieceId {
    way: Way,
    number: u128,
    sensor: String,
}

impl PieceId {
    /// Of a stretch of a capture, from the digest of its bytes and the sensor's name.
    #[must_use]
    pub fn new(digest: u128, sensor: &str) -> PieceId {
        PieceId {
            way: Way::Capture,
            number: digest,
            sensor: sensor.to_owned(),
        }
    }

    /// Of a batch that a sensor shipped.
    #[must_use]
    pub fn shipped(epoch: u64, number: u64, sensor: &str) -> PieceId {
        PieceId {
            way: Way::Shipped,
            number: u128::from(epoch) << 64 | u128::from(number),
            sensor: sensor.to_owned(),
        }
    }

    /// Whether a sensor shipped it.
    #[must_use]
    pub fn is_shipped(&self) -> bool {
        self.way == Way::Shipped
    }
}

impl std::fmt::Display for PieceId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PieceId { way, number, sensor } = self;
        match way {
            Way::Capture => write!(formatter, "{number:032x}-{sensor}"),
            Way::Shipped => write!(formatter, "{:016x}.{:016x}-{sensor}", number >> 64, number & u128::from(u64::MAX)),
        }
    }
}

impl From<PieceId> for String {
    fn from(id: PieceId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for PieceId {
    type Error = String;

    fn try_from(text: String) -> Result<PieceId, String> {
        let wrong = || format!("{:?} is no name of a piece", text.chars().take(80).collect::<String>());
        let (digits, sensor) = text.split_once('-').filter(|_| text.len() <= ID_BYTES_MAX).ok_or_else(wrong)?;
        let hex = |digits: &str, length: usize| {
            let is_hex = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_hex.then(|| u128::from_str_radix(digits, 16).ok()).flatten().ok_or_else(wrong)
        };
        let (way, number) = match digits.split_once('.') {
            Some((epoch, number)) => (Way::Shipped, hex(epoch, 16)? << 64 | hex(number, 16)?),
            None => (Way::Capture, hex(digits, 32)?),
        };
        Ok(PieceId {
            way,
            number,
            sensor: sensor.to_owned(),
        })
    }
}

/// One piece as a record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its name.
    pub id: PieceId,
    /// Where it came from, for people.
    pub origin: String,
    /// Frames read.
    pub frames: u64,
    /// Of them stored as packets.
    pub packets: u64,
    /// Frames and parts of packets that could not be read, by reason.
    pub unreadable: BTreeMap<String, u64>,
}

/// The pieces that are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    runs: HashMap<String, [Runs; 2]>,
    lengths: HashMap<String, BTreeSet<u64>>,
}

impl Known {
    /// Whether a piece is stored.
    #[must_use]
    pub fn contains(&self, id: &PieceId) -> bool {
        self.runs
            .get(&id.sensor)
            .is_some_and(|runs| runs[id.way as usize].contains(id.number))
    }

    /// Adds a piece of so many frames; false when it was there.
    pub fn insert(&mut self, id: &PieceId, frames: u64) -> bool {
        if !id.is_shipped() {
            self.lengths.entry(id.sensor.clone()).or_default().insert(frames);
        }
        self.runs.entry(id.sensor.clone()).or_default()[id.way as usize].insert(id.number)
    }

    /// Frame counts of the stored pieces of a sensor's captures: where a capture that has grown since it was
    /// last read may go on.
    #[must_use]
    pub fn lengths(&self, sensor: &str) -> Option<&BTreeSet<u64>> {
        self.lengths.get(sensor)
    }
}

/// Numbers, as runs of consecutive ones: first to last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
struct Runs(BTreeMap<u128, u128>);

impl From<Runs> for Vec<String> {
    fn from(runs: Runs) -> Vec<String> {
        let text = |(first, last)| {
            if first == last {
                format!("{first:x}")
            } else {
                format!("{first:x}-{last:x}")
            }
        };
        runs.0.into_iter().map(text).collect()
    }
}

impl TryFrom<Vec<String>> for Runs {
    type Error = std::num::ParseIntError;

    fn try_from(texts: Vec<String>) -> Result<Runs, std::num::ParseIntError> {
        let run = |text: String| {
            let (first, last) = text.split_once('-').unwrap_or((&text, &text));
            Ok((u128::from_str_radix(first, 16)?, u128::from_str_radix(last, 16)?))
        };
        texts.into_iter().map(run).collect::<Result<_, _>>().map(Runs)
    }
}

impl Runs {
    fn contains(&self, number: u128) -> bool {
        self.0.range(..=number).next_back().is_some_and(|(_, &last)| number <= last)
    }

    /// Adds a number; false when it was there.
    fn insert(&mut self, number: u128) -> bool {
        let before = self.0.range(..=number).next_back().map(|(&first, &last)| (first, last));
        if before.is_some_and(|(_, last)| number <= last) {
            return false;
        }
        let first = match before {
            Some((first, last)) if last.checked_add(1) == Some(number) => first,
            Some(_) | None => number,
        };
        let next = number.checked_add(1);
        let last = next.and_then(|next| self.0.remove(&next)).unwrap_or(number);
        self.0.insert(first, last);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let ids = [
            PieceId::new(0, "tokyo"),
            PieceId::new(u128::MAX, "a-b-c"),
            PieceId::shipped(0, 0, "tokyo"),
            PieceId::shipped(u64::MAX, 7, "tokyo-2"),
        ];
        for id in &ids {
            assert_eq!(PieceId::try_from(id.to_string()).as_ref(), Ok(id));
        }
        assert_eq!(ids[1].to_string(), "ffffffffffffffffffffffffffffffff-a-b-c");
        assert_eq!(ids[3].to_string(), "ffffffffffffffff.0000000000000007-tokyo-2");
        assert!(ids.iter().collect::<HashSet<_>>().len() == ids.len());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "-",
            "tokyo",
            "12-tokyo",
            "+0000000000000000000000000000007-tokyo",
            "0000000000000000.000000000000000-tokyo",
            "00000000000000.000000000000000000-tokyo",
            "０0000000000000000000000000000000-tokyo",
        ] {
            assert!(PieceId::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(PieceId::try_from(format!("{:032x}-{}", 1, "x".repeat(5000))).is_err());
    }

    /// Against a plain set, in an order that makes runs grow at both ends, join, and begin anew.
    #[test]
    fn runs_hold_what_a_set_holds() {
        let (mut runs, mut set) = (Runs::default(), HashSet::new());
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let number = match state >> 33 & 3 {
                0 => u128::MAX - u128::from(state >> 40 & 63),
                1 => u128::from(state >> 40 & 63),
                _ => 1000 + u128::from(state >> 40 & 511),
            };
            assert_eq!(runs.contains(number), set.contains(&number), "{number}");
            assert_eq!(runs.insert(number), set.insert(number), "{number}");
        }
        assert_eq!(runs.0, BTreeMap::from([(0, 63), (1000, 1511), (u128::MAX - 63, u128::MAX)]));
    }

    #[test]
    fn batches_of_a_sensor_are_one_run_an_epoch_and_no_length() {
        let mut known = Known::default();
        for epoch in [7, 9] {
            for number in 0..1000 {
                assert!(known.insert(&PieceId::shipped(epoch, number, "tokyo"), number));
            }
        }
        assert!(known.insert(&PieceId::new(7 << 64 | 5, "tokyo"), 20));
        assert!(!known.insert(&PieceId::shipped(7, 5, "tokyo"), 20));
        assert!(!known.contains(&PieceId::shipped(7, 1000, "tokyo")) && !known.contains(&PieceId::shipped(7, 5, "osaka")));
        let runs = &known.runs["tokyo"];
        assert_eq!(runs.each_ref().map(|runs| runs.0.len()), [1, 2]);
        assert_eq!(known.lengths("tokyo"), Some(&BTreeSet::from([20])));
        assert_eq!(known.lengths("osaka"), None);
        let text = serde_json::to_string(&known).expect("write");
        assert!(text.len() < 300, "{text}");
        assert_eq!(serde_json::from_str::<Known>(&text).expect("read"), known);
    }
}
