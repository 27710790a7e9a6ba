//! The rule file: TOML text to compiled rules, strictly; every error names the rule and what is wrong.

use super::rules::{FLAGS, Ranges, Rule, Sequence};
use super::{Entry, RULES_MAX};
use crate::{Present, flag};
use toml::{Table, Value};

/// Length of a rule file.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// Length of a rule's name.
const NAME_BYTES_MAX: usize = 32;
/// Length of a rule's source and of its options signature.
const TEXT_BYTES_MAX: usize = 300;
/// Numbers and ranges in one list.
const RANGES_MAX: usize = 64;
/// Length of a payload condition.
const PAYLOAD_BYTES_MAX: usize = 64;
/// What `min_packets` may ask at most.
const MIN_PACKETS_MAX: i64 = 1000;
/// Marked packets a source needs when the rule says nothing.
const MIN_PACKETS_DEFAULT: i64 = 2;

/// Every key of a rule.
const KEYS: [&str; 19] = [
    "name",
    "source",
    "confirmed",
    "min_packets",
    "protocol",
    "flags_set",
    "flags_unset",
    "dst_port",
    "src_port",
    "ip_id",
    "ttl",
    "window",
    "ip_len",
    "seq",
    "options",
    "payload_text",
    "payload_hex",
    "payload_contains",
    "note",
];

/// Why a rule file was refused.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Longer than anybody's rules.
    #[error("cannot read the rule file: it has {len_bytes} bytes, at most {max_bytes} are read")]
    TooLong {
        /// Length of the text.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// No TOML.
    #[error("cannot read the rule file: it is no TOML")]
    Syntax {
        /// What the parser says, with line and column.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Something beside `[[rule]]` at the top of the file.
    #[error("cannot read the rule file: unknown key `{key}`; hint: a rule file holds [[rule]] tables and nothing else")]
    UnknownTable {
        /// The key.
        key: String,
    },
    /// More rules than mark numbers.
    #[error("cannot read the rule file: it holds {count} rules, at most {max} have a number")]
    TooMany {
        /// Rules in the file.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A key that no rule has.
    #[error("cannot read rule `{rule}`: unknown key `{key}`; hint: {hint}")]
    UnknownKey {
        /// Name of the rule, or its number in the file.
        rule: String,
        /// The key.
        key: String,
        /// The key that was probably meant, or all of them.
        hint: String,
    },
    /// A key that every rule must have.
    #[error("cannot read rule `{rule}`: `{key}` is missing")]
    Missing {
        /// Name of the rule, or its number in the file.
        rule: String,
        /// The key.
        key: &'static str,
    },
    /// A value of the wrong type or out of range.
    #[error("cannot read rule `{rule}`: `{key}` {why}")]
    Wrong {
        /// Name of the rule, or its number in the file.
        rule: String,
        /// The key.
        key: &'static str,
        /// What is wrong, as the end of a sentence that starts with the key.
        why: String,
    },
    /// The rule would hold for every packet.
    #[error(
        "cannot read rule `{rule}`: it has no condition beside the protocol and would mark everything; hint: add a window, a port, a payload …"
    )]
    NoCondition {
        /// Name of the rule.
        rule: String,
    },
}

/// The rules of a file with their entries; their numbers are still to be given.
pub(super) fn parse(text: &str, taken: &[Entry]) -> Result<Vec<(Rule, Entry)>, RuleError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(RuleError::TooLong {
            len_bytes: text.len(),
            max_bytes: FILE_BYTES_MAX,
        });
    }
    let file: Table = text.parse().map_err(|error| RuleError::Syntax { source: Box::new(error) })?;
    if let Some(key) = file.keys().find(|key| *key != "rule") {
        return Err(RuleError::UnknownTable { key: key.clone() });
    }
    let tables = match file.get("rule") {
        None => return Ok(Vec::new()),
        Some(Value::Array(tables)) => tables,
        Some(_) => {
            return Err(RuleError::UnknownTable { key: "rule".to_owned() });
        }
    };
    if tables.len() > RULES_MAX {
        return Err(RuleError::TooMany {
            count: tables.len(),
            max: RULES_MAX,
        });
    }
    let mut parsed: Vec<(Rule, Entry)> = Vec::with_capacity(tables.len());
    for (at, value) in tables.iter().enumerate() {
        let Value::Table(table) = value else {
            return Err(RuleError::UnknownTable { key: "rule".to_owned() });
        };
        let (rule, entry) = Reader::new(at, table).rule()?;
        if taken
            .iter()
            .chain(parsed.iter().map(|(_, entry)| entry))
            .any(|other| other.name == entry.name)
        {
            return Err(RuleError::Wrong {
                rule: entry.name,
                key: "name",
                why: "is taken by another mark".to_owned(),
            });
        }
        parsed.push((rule, entry));
    }
    Ok(parsed)
}

/// Reads one `[[rule]]`.
struct Reader<'a> {
    /// The rule's name where it has one, else its number in the file.
    rule: String,
    table: &'a Table,
}

impl<'a> Reader<'a> {
    fn new(at: usize, table: &'a Table) -> Reader<'a> {
        let named = table
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| name.len() <= NAME_BYTES_MAX);
        let rule = named.map_or_else(|| format!("number {}", at + 1), str::to_owned);
        Reader { rule, table }
    }

    fn rule(&self) -> Result<(Rule, Entry), RuleError> {
        if let Some(key) = self.table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(RuleError::UnknownKey {
                rule: self.rule.clone(),
                key: key.clone(),
                hint: hint(key),
            });
        }
        let mut rule = Rule {
            protocol: self.protocol()?,
            flags_set: self.flags("flags_set")?,
            flags_unset: self.flags("flags_unset")?,
            dst_port: self.ranges("dst_port", 0xffff)?,
            src_port: self.ranges("src_port", 0xffff)?,
            ip_id: self.ranges("ip_id", 0xffff)?,
            ttl: self.ranges("ttl", 0xff)?,
            window: self.ranges("window", 0xffff)?,
            ip_len: self.ranges("ip_len", 0xf_ffff)?,
            sequence: self.sequence()?,
            options: self.text("options", TEXT_BYTES_MAX)?.map(str::to_owned),
            prefix: self.prefix()?,
            contains: self.bytes("payload_contains")?.unwrap_or_default(),
            ..Rule::default()
        };
        self.check_conditions(&mut rule)?;
        let entry = Entry {
            number: 0,
            name: self.name()?,
            rule: rule.words(),
            pair: String::new(),
            chance_log2: rule.chance_log2(),
            source: self
                .text("source", TEXT_BYTES_MAX)?
                .filter(|text| !text.is_empty())
                .ok_or_else(|| self.missing("source"))?
                .to_owned(),
            min_packets: self.min_packets()?,
            confirmed: self.confirmed()?,
        };
        self.text("note", TEXT_BYTES_MAX)?;
        Ok((rule, entry))
    }

    /// Works out which fields the packet must have, and refuses rules that contradict themselves.
    fn check_conditions(&self, rule: &mut Rule) -> Result<(), RuleError> {
        let tcp =
            rule.flags_set != 0 || rule.flags_unset != 0 || !rule.window.is_empty() || rule.sequence.is_some() || rule.options.is_some();
        if tcp && rule.protocol.is_some_and(|protocol| protocol != 6) {
            return Err(self.wrong("protocol", "is not tcp, but flags, window, seq or options are asked for"));
        }
        if rule.flags_set & rule.flags_unset != 0 {
            return Err(self.wrong("flags_unset", "names a flag that flags_set names too"));
        }
        if rule.options.is_some() && rule.flags_set & flag::SYN == 0 {
            return Err(self.wrong("options", "needs flags_set = [\"SYN\"]; only options of SYNs are kept"));
        }
        let ports = !(rule.dst_port.is_empty() && rule.src_port.is_empty());
        let rest = [
            rule.ip_id.is_empty(),
            rule.ttl.is_empty(),
            rule.ip_len.is_empty(),
            rule.prefix.is_empty(),
            rule.contains.is_empty(),
        ];
        if !tcp && !ports && rest.iter().all(|empty| *empty) {
            return Err(RuleError::NoCondition { rule: self.rule.clone() });
        }
        for (needed, present) in [
            (tcp, Present::TCP),
            (ports, Present::PORTS),
            (!rule.ip_id.is_empty(), Present::IP_ID),
        ] {
            if needed {
                rule.needs.set(present);
            }
        }
        Ok(())
    }

    fn name(&self) -> Result<String, RuleError> {
        let name = self.text("name", NAME_BYTES_MAX)?.ok_or_else(|| self.missing("name"))?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(self.wrong("name", "must be made of a-z, 0-9 and -"));
        }
        Ok(name.to_owned())
    }

    fn min_packets(&self) -> Result<u32, RuleError> {
        let wanted = match self.table.get("min_packets") {
            None => MIN_PACKETS_DEFAULT,
            Some(Value::Integer(wanted)) if (1..=MIN_PACKETS_MAX).contains(wanted) => *wanted,
            Some(_) => {
                return Err(self.wrong("min_packets", format!("must be a number from 1 to {MIN_PACKETS_MAX}")));
            }
        };
        u32::try_from(wanted).map_err(|_| self.wrong("min_packets", "is out of range"))
    }

    fn confirmed(&self) -> Result<bool, RuleError> {
        match self.table.get("confirmed") {
            None => Ok(false),
            Some(Value::Boolean(confirmed)) => Ok(*confirmed),
            Some(_) => Err(self.wrong("confirmed", "must be true or false")),
        }
    }

    fn protocol(&self) -> Result<Option<u8>, RuleError> {
        let number = match self.table.get("protocol") {
            None => return Ok(None),
            Some(Value::String(name)) => match name.as_str() {
                "icmp" => Some(1),
                "tcp" => Some(6),
                "udp" => Some(17),
                "icmpv6" => Some(58),
                _ => None,
            },
            Some(Value::Integer(number)) => u8::try_from(*number).ok(),
            Some(_) => None,
        };
        let why = "must be \"tcp\", \"udp\", \"icmp\", \"icmpv6\" or a number from 0 to 255";
        number.map(Some).ok_or_else(|| self.wrong("protocol", why))
    }

    fn flags(&self, key: &'static str) -> Result<u16, RuleError> {
        let Some(value) = self.table.get(key) else {
            return Ok(0);
        };
        let why = "must be a list of FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, NS";
        let names = value
            .as_array()
            .filter(|names| !names.is_empty())
            .ok_or_else(|| self.wrong(key, why))?;
        names.iter().try_fold(0, |mask, name| {
            let known = FLAGS.iter().find(|(known, _)| name.as_str() == Some(known));
            known.map(|(_, bit)| mask | bit).ok_or_else(|| self.wrong(key, why))
        })
    }

    fn ranges(&self, key: &'static str, max: u32) -> Result<Ranges, RuleError> {
        let Some(value) = self.table.get(key) else {
            return Ok(Ranges::new());
        };
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        if items.is_empty() || items.len() > RANGES_MAX {
            return Err(self.wrong(key, format!("must hold 1 to {RANGES_MAX} numbers or ranges")));
        }
        items
            .iter()
            .map(|item| {
                let range = range(item).filter(|(low, high)| low <= high && *high <= max);
                range.ok_or_else(|| {
                    self.wrong(
                        key,
                        format!("must be numbers from 0 to {max} or ranges like \"20-30\", not {}", show(item)),
                    )
                })
            })
            .collect()
    }

    fn sequence(&self) -> Result<Option<Sequence>, RuleError> {
        let sequence = match self.table.get("seq") {
            None => return Ok(None),
            Some(Value::Integer(number)) => u32::try_from(*number).ok().map(Sequence::Equals),
            Some(Value::String(name)) => match name.as_str() {
                "destination" => Some(Sequence::Destination),
                "destination-reversed" => Some(Sequence::DestinationReversed),
                _ => None,
            },
            Some(_) => None,
        };
        let why = "must be a number below 2^32, \"destination\" or \"destination-reversed\"";
        sequence.map(Some).ok_or_else(|| self.wrong("seq", why))
    }

    fn prefix(&self) -> Result<Vec<u8>, RuleError> {
        let Some(hex) = self.text("payload_hex", 3 * PAYLOAD_BYTES_MAX)? else {
            return Ok(self.bytes("payload_text")?.unwrap_or_default());
        };
        if self.table.contains_key("payload_text") {
            return Err(self.wrong("payload_hex", "stands beside payload_text; one prefix is enough"));
        }
        let bytes = hex_bytes(hex).filter(|bytes| (1..=PAYLOAD_BYTES_MAX).contains(&bytes.len()));
        bytes.ok_or_else(|| self.wrong("payload_hex", format!("must be 1 to {PAYLOAD_BYTES_MAX} bytes in hexadecimal")))
    }

    fn bytes(&self, key: &'static str) -> Result<Option<Vec<u8>>, RuleError> {
        match self.text(key, PAYLOAD_BYTES_MAX)? {
            Some("") => Err(self.wrong(key, "is empty")),
            text => Ok(text.map(|text| text.as_bytes().to_vec())),
        }
    }

    fn text(&self, key: &'static str, max: usize) -> Result<Option<&'a str>, RuleError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= max => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, format!("must be a text of at most {max} bytes"))),
        }
    }

    fn missing(&self, key: &'static str) -> RuleError {
        RuleError::Missing {
            rule: self.rule.clone(),
            key,
        }
    }

    fn wrong(&self, key: &'static str, why: impl Into<String>) -> RuleError {
        RuleError::Wrong {
            rule: self.rule.clone(),
            key,
            why: why.into(),
        }
    }
}

/// A number, or "low-high".
fn range(value: &Value) -> Option<(u32, u32)> {
    if let Some(number) = value.as_integer() {
        let number = u32::try_from(number).ok()?;
        return Some((number, number));
    }
    let (low, high) = value.as_str()?.split_once('-')?;
    Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
}

/// A value as an error names it.
fn show(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::String(text) => format!("\"{}\"", text.chars().take(NAME_BYTES_MAX).collect::<String>()),
        Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            format!("a value of type {}", value.type_str())
        }
    }
}

/// Bytes in hexadecimal; blanks between bytes are allowed.
fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|digit| *digit != ' ')
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The key that shares the longest beginning, when that is three letters or more; else all keys.
fn hint(key: &str) -> String {
    let shared = |known: &str| known.chars().zip(key.chars()).take_while(|(a, b)| a == b).count();
    let nearest = KEYS
        .iter()
        .copied()
        .max_by_key(|known| shared(known))
        .filter(|known| shared(known) >= 3);
    nearest.map_or_else(
        || format!("the keys are {}", KEYS.join(", ")),
        |known| format!("did you mean `{known}`?"),
    )
}
