//! MMDB files: which of the layouts in use a database has, and its networks as address ranges.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::database::{Names, RANGES_MAX, Spans, asn_of};
use super::region;
use super::span::{Span, append};

/// Longest text that is kept of a record; a longer one names no region and no AS.
const TEXT_BYTES_MAX: usize = 256;

/// Most fields that are kept of a record.
const FIELDS_MAX: usize = 64;

/// Most field names that an error shows.
const FIELDS_SHOWN_MAX: usize = 12;

/// Longest field name that an error shows.
const NAME_CHARS_MAX: usize = 40;

/// A well-made tree of n nodes has n + 1 leaves; damage that makes it a web has up to 2^128. Aliased
/// subtrees are left out of the count, so three times the nodes is generous.
const LEAVES_PER_NODE_MAX: usize = 3;

/// What an MMDB file says.
#[derive(Debug)]
pub(super) struct Content {
    /// Seconds since 1970 when it was built, as its metadata says.
    pub(super) build_epoch: u64,
    /// Its type, as its metadata says.
    pub(super) database_type: String,
    /// Ranges with a region or an AS.
    pub(super) spans: Spans,
    /// Names of ASes.
    pub(super) names: Names,
}

/// Why an MMDB file was refused.
#[derive(Debug, thiserror::Error)]
pub enum MmdbError {
    /// Its structure is damaged.
    #[error("the file is damaged: {source}")]
    Damaged {
        /// What the reader found.
        #[source]
        source: MaxMindDbError,
    },
    /// Its search tree has more leaves than its nodes allow.
    #[error("the file is damaged: its tree of {nodes} nodes leads to more than {max} networks")]
    Web {
        /// Nodes of the tree.
        nodes: usize,
        /// Leaves that were walked before giving up.
        max: usize,
    },
    /// More ranges than the limit.
    #[error("it has more than {max} ranges")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// None of the fields we know is in any record.
    #[error(
        "no record has a field known to hold a region (country.iso_code, country_code, country) or an AS (autonomous_system_number, asn); its type is {database_type:?}; fields seen: {fields}"
    )]
    UnknownLayout {
        /// The type in the metadata.
        database_type: String,
        /// Names of the fields in the first records.
        fields: String,
    },
}

impl From<MaxMindDbError> for MmdbError {
    fn from(source: MaxMindDbError) -> Self {
        MmdbError::Damaged { source }
    }
}

/// Reads all networks of an MMDB file.
///
/// # Errors
/// When the file is damaged, or of a layout that has neither regions nor ASes.
pub(super) fn read(bytes: &[u8]) -> Result<Content, MmdbError> {
    let reader = Reader::from_source(bytes)?;
    let metadata = reader.metadata();
    let nodes = metadata.node_count as usize;
    let max = nodes.saturating_mul(LEAVES_PER_NODE_MAX).saturating_add(1);
    let mut walk = Walk::default();
    let mut leaves = 0_usize;
    // With the empty networks, so that a tree of nothing but empty leaves is counted too.
    for leaf in reader.networks(WithinOptions::default().include_networks_without_data())? {
        let leaf = leaf?;
        leaves += 1;
        if leaves > max {
            return Err(MmdbError::Web { nodes, max });
        }
        let Some(offset) = leaf.offset() else {
            continue;
        };
        let found = match walk.known.get(&offset) {
            Some(found) => *found,
            None => {
                let found = leaf.decode::<Value>()?.map_or_else(Found::default, |value| walk.learn(&value));
                walk.known.insert(offset, found);
                found
            }
        };
        let network = leaf.network()?;
        walk.add(network.ip(), network.prefix(), found);
        if walk.spans.len() > RANGES_MAX {
            return Err(MmdbError::TooMany { max: RANGES_MAX });
        }
    }
    let database_type = metadata.database_type.chars().take(TEXT_BYTES_MAX).collect();
    if walk.spans.is_empty() && !walk.any_field_known {
        return Err(MmdbError::UnknownLayout {
            database_type,
            fields: walk.fields.join(", "),
        });
    }
    Ok(Content {
        build_epoch: metadata.build_epoch,
        database_type,
        spans: walk.spans,
        names: walk.names,
    })
}

/// What a record comes down to.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    region: Option<u16>,
    asn: Option<u32>,
}

/// What was gathered while walking the tree.
#[derive(Default)]
struct Walk {
    known: HashMap<usize, Found>,
    spans: Spans,
    names: Names,
    fields: Vec<String>,
    any_field_known: bool,
}

impl Walk {
    /// Boils a record down and remembers its AS's name.
    fn learn(&mut self, value: &Value) -> Found {
        let record = Record::of(value);
        self.any_field_known |= record.any_field_known;
        if let Value::Map(fields) = value {
            for (field, _) in fields {
                if self.fields.len() < FIELDS_SHOWN_MAX && !self.fields.contains(field) {
                    self.fields.push(field.clone());
                }
            }
        }
        if let (Some(asn), Some(name)) = (record.asn, record.as_name) {
            self.names.add(asn, &name);
        }
        Found {
            region: record.region,
            asn: record.asn,
        }
    }

    /// Notes a network. A record above the IPv4 part of an IPv6 tree answers for all of IPv4.
    fn add(&mut self, address: IpAddr, prefix: u8, found: Found) {
        let spans = &mut self.spans;
        match address {
            IpAddr::V4(address) => {
                let network = Span::of_prefix(address.to_bits().into(), prefix, 32, found);
                note(network, &mut spans.region_v4, &mut spans.asn_v4);
            }
            IpAddr::V6(address) => {
                if address.is_unspecified() && prefix <= 96 {
                    let all = Span::of_prefix(0, 0, 32, found);
                    note(all, &mut spans.region_v4, &mut spans.asn_v4);
                }
                let network = Span::of_prefix(address.to_bits(), prefix, 128, found);
                note(network, &mut spans.region_v6, &mut spans.asn_v6);
            }
        }
    }
}

/// Appends what was found of a network to the ranges of its family.
fn note(network: Option<Span<Found>>, regions: &mut Vec<Span<u16>>, ases: &mut Vec<Span<u32>>) {
    let Some(Span { first, last, value }) = network else {
        return;
    };
    if let Some(value) = value.region {
        append(regions, Span { first, last, value });
    }
    if let Some(value) = value.asn {
        append(ases, Span { first, last, value });
    }
}

/// What a record says, boiled down from any of the layouts: MaxMind and DB-IP (`country.iso_code`,
/// `autonomous_system_number`), IPinfo (`country_code` or `country`, `asn` as "AS123"), ip-location-db
/// (`country_code`).
#[derive(Debug, Default)]
struct Record {
    region: Option<u16>,
    asn: Option<u32>,
    as_name: Option<String>,
    /// Whether any field was one that can hold a region or an AS.
    any_field_known: bool,
}

/// Fields that hold a region, the first that has one counts.
const REGION_FIELDS: [&str; 3] = ["country", "country_code", "registered_country"];
/// Fields that hold an AS number.
const AS_FIELDS: [&str; 2] = ["autonomous_system_number", "asn"];
/// Fields that hold an AS's name.
const AS_NAME_FIELDS: [&str; 2] = ["autonomous_system_organization", "as_name"];
/// The field under which GeoIP2 Precision and Enterprise keep the AS.
const TRAITS: &str = "traits";
/// The field of a region's map that holds its code.
const ISO_CODE: &str = "iso_code";

impl Record {
    fn of(value: &Value) -> Record {
        let mut record = Record::default();
        for field in REGION_FIELDS {
            let Some(held) = value.field(field) else {
                continue;
            };
            let text = held.field(ISO_CODE).unwrap_or(held).text();
            record.any_field_known |= text.is_some();
            record.region = record.region.or_else(|| region::code_of(text?));
        }
        for holder in [Some(value), value.field(TRAITS)].into_iter().flatten() {
            let held = AS_FIELDS.into_iter().filter_map(|field| holder.field(field));
            for number in held {
                record.any_field_known = true;
                record.asn = record.asn.or_else(|| number.asn());
            }
            let mut names = AS_NAME_FIELDS.into_iter().filter_map(|field| holder.field(field)?.text());
            record.as_name = record.as_name.or_else(|| names.next().map(str::to_owned));
        }
        record
    }
}

/// A value of a record, without what nobody asks for.
#[derive(Debug)]
enum Value {
    Text(String),
    Number(u64),
    Map(Vec<(String, Value)>),
    Other,
}

impl Value {
    fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            Value::Text(_) | Value::Number(_) | Value::Other => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Map(_) | Value::Other => None,
        }
    }

    fn asn(&self) -> Option<u32> {
        match self {
            Value::Number(number) => u32::try_from(*number).ok(),
            Value::Text(text) => asn_of(text),
            Value::Map(_) | Value::Other => None,
        }
        .filter(|asn| *asn != 0)
    }

    /// Whether a field of this name is worth reading.
    fn wants(name: &str) -> bool {
        name == ISO_CODE || name == TRAITS || REGION_FIELDS.contains(&name) || AS_FIELDS.contains(&name) || AS_NAME_FIELDS.contains(&name)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// Takes values of every type.
struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key::<&str>()? {
            if Value::wants(key) && fields.len() < FIELDS_MAX {
                fields.push((key.to_owned(), map.next_value()?));
                continue;
            }
            map.next_value::<IgnoredAny>()?;
            if fields.len() < FIELDS_MAX {
                // Kept without its value, to say what a database has when it has nothing we know.
                fields.push((key.chars().take(NAME_CHARS_MAX).collect(), Value::Other));
            }
        }
        Ok(Value::Map(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(if text.len() <= TEXT_BYTES_MAX {
            Value::Text(text.to_owned())
        } else {
            Value::Other
        })
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(u64::try_from(number).map_or(Value::Other, Value::Number))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, region: Option<&str>, asn: Option<u32>, known: bool) {
        // The visitor borrows its keys, as the database's decoder lends them.
        let value: Value = serde_json::from_str(json).unwrap();
        let record = Record::of(&value);
        assert_eq!(record.region.map(region::code_text), region, "{json}");
        assert_eq!(record.asn, asn, "{json}");
        assert_eq!(record.any_field_known, known, "{json}");
    }

    #[test]
    fn every_layout_in_use_is_understood() {
        // MaxMind, DB-IP.
        check(r#"{"country":{"iso_code":"JP","names":{"en":"Japan"}}}"#, Some("JP"), None, true);
        check(r#"{"registered_country":{"iso_code":"US"}}"#, Some("US"), None, true);
        check(
            r#"{"registered_country":{"iso_code":"US"},"country":{"iso_code":"JP"}}"#,
            Some("JP"),
            None,
            true,
        );
        check(
            r#"{"autonomous_system_number":2907,"autonomous_system_organization":"SINET"}"#,
            None,
            Some(2907),
            true,
        );
        check(
            r#"{"country":{"iso_code":"GB"},"traits":{"autonomous_system_number":12}}"#,
            Some("GB"),
            Some(12),
            true,
        );
        // IPinfo, old and new.
        check(
            r#"{"country":"JP","country_name":"Japan","asn":"AS2907"}"#,
            Some("JP"),
            Some(2907),
            true,
        );
        check(
            r#"{"country":"Japan","country_code":"JP","asn":"AS2907","as_name":"NII"}"#,
            Some("JP"),
            Some(2907),
            true,
        );
        // ip-location-db.
        check(r#"{"country_code":"jp"}"#, Some("JP"), None, true);
        // Known fields that say nothing.
        check(r#"{"country_code":"","asn":""}"#, None, None, true);
        check(r#"{"asn":0}"#, None, None, true);
        check(r#"{"asn":4294967296}"#, None, None, true);
        check(r#"{"asn":-1}"#, None, None, true);
        // Nothing we know, or shapes no region has.
        check(r#"{"domain":"example.com"}"#, None, None, false);
        check(r#"{"country":{"geoname_id":5}}"#, None, None, false);
        check(r#"{"country":[1,2]}"#, None, None, false);
        check(r#""text""#, None, None, false);
        check("12", None, None, false);
        check("[1]", None, None, false);
    }

    #[test]
    fn a_record_of_many_fields_keeps_few() {
        let fields: Vec<String> = (0..10_000).map(|number| format!("\"f{number}\":1")).collect();
        let value: Value = serde_json::from_str(&format!("{{{}}}", fields.join(","))).unwrap();
        assert!(matches!(value, Value::Map(kept) if kept.len() == FIELDS_MAX));
    }
}
