//! What is known of the sensors besides their packets: group, hosting region, watched addresses, and whether they are real.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::lake::Lake;

/// Where the lake keeps it.
const ROSTER: &str = "_hirundo/roster.json";
/// Most sensors of a roster; a bound on what a file can ask for.
const SENSORS_MAX: usize = 100_000;

/// The sensors of a lake. Its form as TOML is `sensors.toml`, which lies beside captures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// What was simulated, when the packets are: every product of such a lake says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<String>,
    /// Databases that said where sources are, with their dates.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub databases: BTreeSet<String>,
    /// The sensors.
    #[serde(default, rename = "sensor")]
    pub sensors: Vec<Sensor>,
}

/// One sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensor {
    /// Its name, as in the tables.
    pub name: String,
    /// Group it is counted in, such as `home` or `abroad`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Region that hosts it, ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Addresses or networks it watches. They never leave the lake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

impl Roster {
    /// The sensor of that name.
    #[must_use]
    pub fn sensor(&self, name: &str) -> Option<&Sensor> {
        self.sensors.iter().find(|sensor| sensor.name == name)
    }

    /// Takes over another's sensors; of one that both know, the other's.
    pub fn merge(&mut self, other: Roster) {
        if other.simulated.is_some() {
            self.simulated = other.simulated;
        }
        self.databases.extend(other.databases);
        for sensor in other.sensors {
            match self.sensors.iter_mut().find(|known| known.name == sensor.name) {
                Some(known) => *known = sensor,
                None => self.sensors.push(sensor),
            }
        }
        self.sensors.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

impl Lake {
    /// What is known of its sensors; nothing for a lake that was never told.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn roster(&self) -> Result<Roster> {
        Ok(self.parsed(ROSTER)?.unwrap_or_default())
    }

    /// Adds to what is known of the sensors.
    ///
    /// # Errors
    /// When the record cannot be read or written, or would hold too many.
    pub fn merge_roster(&self, roster: Roster) -> Result<()> {
        let path = self.store().path(ROSTER);
        self.update(ROSTER, &mut |bytes| {
            let damaged = |reason: String| Error::Damaged {
                path: path.clone(),
                reason,
            };
            let before: Roster = match bytes {
                Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?,
                None => Roster::default(),
            };
            let mut all = before.clone();
            all.merge(roster.clone());
            if all == before {
                return Ok(None);
            }
            if all.sensors.len() > SENSORS_MAX {
                let count = all.sensors.len();
                return Err(damaged(format!(
                    "it would hold {count} sensors, and at most {SENSORS_MAX} are kept"
                )));
            }
            serde_json::to_vec_pretty(&all)
                .map(Some)
                .map_err(|error| damaged(error.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_later_counts() {
        let named = |name: &str, group: &str| Sensor {
            name: name.to_owned(),
            group: Some(group.to_owned()),
            ..Sensor::default()
        };
        let mut roster = Roster {
            simulated: Some("noise".to_owned()),
            sensors: vec![named("b", "home"), named("c", "home")],
            ..Roster::default()
        };
        roster.merge(Roster {
            sensors: vec![named("c", "abroad"), named("a", "home")],
            ..Roster::default()
        });
        let all: Vec<_> = roster
            .sensors
            .iter()
            .map(|sensor| (sensor.name.as_str(), sensor.group.as_deref()))
            .collect();
        assert_eq!(all, [("a", Some("home")), ("b", Some("home")), ("c", Some("abroad"))]);
        assert_eq!(roster.simulated.as_deref(), Some("noise"));
    }
}
