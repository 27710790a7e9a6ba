//! Marks of tools: what a packet's header gives away, and what the packets of a source together say.
//!
//! A mark is a statement about one packet; the tool of a source is [`Evidence::verdict`]. Both use the
//! same numbers: 1..=31 built in, 32..=255 from a rule file. `docs/marks.md` is generated from
//! [`MarkTable::entries`].

mod built_in;
mod evidence;
mod parse;
mod rules;

pub use built_in::{MASSCAN_ID, MASSCAN_NEW, MASSCAN_OLD, MIRAI, NMAP, UNICORNSCAN, ZMAP_ID, ZMAP_NEW, ZMAP_OR_XMAP};
pub use evidence::Evidence;
pub use parse::RuleError;

use crate::{Packet, Present};
use rules::{Gate, Rule, Scope};

/// Number of the first mark of a rule file; the built-in ones stand below.
pub const FIRST_RULE: u8 = 32;
/// Rules a file may hold.
pub const RULES_MAX: usize = 200;

/// One mark as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number in the lake's columns of marks and tools, never 0.
    pub number: u8,
    /// Name in the lake.
    pub name: String,
    /// What a single packet must be, in words; empty where no single packet tells.
    pub rule: String,
    /// What two SYNs of a source must have in common, in words; empty where there is no such test.
    pub pair: String,
    /// Log2 of the chance that a packet with random fields passes (for a pair test three such SYNs);
    /// none where the rule is a shape that other programs may share.
    pub chance_log2: Option<i32>,
    /// Where the fact is from.
    pub source: String,
    /// Marked packets a source needs for the verdict.
    pub min_packets: u32,
    /// Whether somebody read it in the tool's own source or in a capture; false for hearsay.
    pub confirmed: bool,
}

/// Every mark known to this process: the built-in ones and those of a rule file.
#[derive(Clone, Debug)]
pub struct MarkTable {
    entries: Vec<Entry>,
    built_in: usize,
    /// One for each rule, close together in memory.
    gates: Vec<Gate>,
    rules: Vec<Rule>,
}

impl MarkTable {
    /// The built-in marks alone.
    #[must_use]
    pub fn built_in() -> MarkTable {
        let entries = built_in::entries();
        MarkTable {
            built_in: entries.len(),
            entries,
            gates: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// The built-in marks and the rules of a TOML file (its text; the form is in `docs/marks.md`).
    ///
    /// # Errors
    /// When the text is no TOML, is too long, or a rule is not of the right form: the error names the
    /// rule and what is wrong with it.
    pub fn with_rules(toml_text: &str) -> Result<MarkTable, RuleError> {
        let mut table = MarkTable::built_in();
        let parsed = parse::parse(toml_text, &table.entries)?;
        for (number, (mut rule, mut entry)) in (FIRST_RULE..=u8::MAX).zip(parsed) {
            rule.mark = number;
            entry.number = number;
            table.gates.push(Gate::of(&rule));
            table.rules.push(rule);
            table.entries.push(entry);
        }
        Ok(table)
    }

    /// The mark of a packet, 0 for none; `options` are its raw TCP options, `payload` what was captured.
    ///
    /// Precedence: default headers with a test of their own (Mirai, Masscan, old ZMap), then the rules
    /// of the file in their order, then common shapes and bare IP identifications.
    #[inline]
    #[must_use]
    pub fn mark(&self, packet: &Packet, options: &[u8], payload: &[u8]) -> u8 {
        if !packet.is_syn() {
            return if self.rules.is_empty() {
                0
            } else {
                self.ruled(packet, options, payload)
            };
        }
        let narrow = !packet.present.has(Present::WIDE) && packet.present.has(Present::PORTS);
        let strong = if narrow { built_in::strong(packet, options) } else { 0 };
        if strong != 0 {
            return strong;
        }
        let ruled = if self.rules.is_empty() {
            0
        } else {
            self.ruled(packet, options, payload)
        };
        if ruled == 0 && narrow {
            built_in::weak(packet, options)
        } else {
            ruled
        }
    }

    /// The name of a mark or tool; empty for 0 and for numbers nobody defined.
    #[must_use]
    pub fn name(&self, mark: u8) -> &str {
        self.entry(mark).map_or("", |entry| entry.name.as_str())
    }

    /// Every mark, ordered by number.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The entry of a number, none for 0 and for numbers nobody defined.
    #[must_use]
    pub fn entry(&self, mark: u8) -> Option<&Entry> {
        let at = if mark < FIRST_RULE {
            usize::from(mark).checked_sub(1).filter(|at| *at < self.built_in)?
        } else {
            self.built_in + usize::from(mark - FIRST_RULE)
        };
        self.entries.get(at)
    }

    /// The first rule of the file that holds.
    #[cold]
    #[inline(never)]
    fn ruled(&self, packet: &Packet, options: &[u8], payload: &[u8]) -> u8 {
        let rules = self.gates.iter().zip(&self.rules);
        rules
            .filter(|(gate, _)| gate.lets_pass(packet, payload))
            .find(|(_, rule)| rule.holds(packet, options, payload))
            .map_or(0, |(_, rule)| rule.mark)
    }

    /// Which packets of a source a mark can be on: what its share is measured against.
    fn scope(&self, mark: u8) -> Scope {
        let rule = mark.checked_sub(FIRST_RULE).and_then(|at| self.rules.get(usize::from(at)));
        rule.map_or(Scope::Syns, |rule| rule.scope())
    }
}
