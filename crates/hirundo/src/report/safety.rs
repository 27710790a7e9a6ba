//! Whether a report may leave the house: nothing in it tells where the sensors listen, or who they are.
//!
//! # Threat model
//! The reader is hostile, patient, and can send packets to any address of the Internet. A telescope that is
//! located is worthless: it is avoided, or fed. The reader locates it by *probe and response*: send a mark (an
//! odd port, an odd number of packets) to a set of addresses, wait for the report, look whether the mark shows;
//! halve the set; repeat (Bethencourt, Franklin, Vernon, and Shinoda, Ikai, Itoh, both USENIX Security 2005).
//! Each rule takes away a part of that, or of what a leak would give directly:
//! * **Names and addresses** ([`Rule::SensorName`], [`Rule::WatchedAddress`], [`Rule::SourceAddress`]): a name says
//!   who hosts a sensor, an address says where it is; addresses of sources are personal data in some countries, and
//!   the source of a probe finds its own there. They hide in SQL (also as integers), texts of figures, ids, file
//!   names, escaped or split by markup, so the whole document is read, as source and as it is rendered.
//! * **Small counts** ([`Rule::SmallCount`]): the mark of a probe is a small count where there was none; so zero is
//!   suppressed like one, for "0" beside "<10" would be the answer, and so would a percentage beside it.
//! * **No rare subject by day** ([`Rule::RareDaily`]): a port that nobody else sends to, by day, is a channel that the
//!   prober owns. Only what drowns a probe is shown by day: the top subjects, or what many sensors see much of.
//!   Nothing finer than a day ([`Rule::Fine`]).
//! * **No sensor by itself** ([`Rule::PerSensor`]): a series of one sensor tells which half was hit. Only totals of
//!   the whole period are shown for one, under a name that says no more than home or abroad. That (nearly) only one sees a
//!   port is told to the public of leading ports alone, and a port that hardly any sensor sees is not named (`assemble::places`).
//! * **Delay** ([`Rule::Fresh`]): each round of the search takes at least that long.
//! * **Label** ([`Rule::Label`]): what was made for members must not pass for public.
//! * **Everything declared** ([`Rule::Undisclosed`], [`Rule::Unreadable`]): what nobody vouches for is not published.
//!
//! Not covered: large marks (more packets than the noise of a top port), differences between editions or quarters,
//! percentages of which a reader knows the base, numbers in sentences and drawn lines that are not in the data of
//! their table or figure, and addresses spelt out in words.

mod column;
mod pieces;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use hirundo_press::document::{Data, Document};

use crate::period::Day;
use pieces::{Form, Piece};
use scan::Literal;

pub use column::DataKind;

/// Violations that are listed; further ones are found when these are mended.
pub const VIOLATIONS_MAX: usize = 1_000;
/// Violations of one rule listed for one place.
const PLACE_MAX: usize = 5;

/// For whom a report is made: the Traffic Light Protocol 2.0.
///
/// | rule | CLEAR | GREEN | AMBER | AMBER+STRICT | RED |
/// |---|---|---|---|---|---|
/// | names of sensors | none | none | the recipient's own | the recipient's own | the recipient's own |
/// | watched addresses | none | none | none | none | none |
/// | addresses of sources | none | none | yes | yes | yes |
/// | small counts, freshness, label, disclosure | held | held | held | held | held |
/// | rare subjects by day, finer than a day | none | none | yes | yes | yes |
/// | one sensor by itself | neutral name, whole period | the same | own sensors freely, others the same | as AMBER | as AMBER |
///
/// GREEN goes to a community whose members pass it on, and so is held to what the public may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// For everybody.
    Clear,
    /// For the community.
    Green,
    /// For the recipient's organisation and its clients.
    Amber,
    /// For the recipient's organisation.
    AmberStrict,
    /// For the recipients in person.
    Red,
}

/// What is kept out of a report, and from which sizes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// For whom it is made.
    pub edition: Edition,
    /// The day it is made.
    pub made: Day,
    /// Names of all sensors.
    pub sensors: Vec<String>,
    /// Names of the recipient's own sensors; without meaning for CLEAR and GREEN.
    pub own_sensors: Vec<String>,
    /// Addresses that sensors watch.
    pub addresses: Vec<RangeInclusive<IpAddr>>,
    /// Counts below this are suppressed.
    pub count_min: u64,
    /// Ranks up to this are shown by day.
    pub top: u32,
    /// Subjects of lesser rank are shown by day when at least so many sensors see them,
    pub sensors_min: u32,
    /// and at least so many packets a day come on average.
    pub daily_min: f64,
    /// Days that must lie between the last day of the data and the day the report is made.
    pub delay_days: u16,
}

/// How finely data are divided in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// Totals of the whole period.
    Period,
    /// By day, or by week.
    Day,
}

/// A subject that data show.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Its name, for messages.
    pub name: String,
    /// Its rank among its kind in the period, from 1; the total of all has rank 1. `None` when it was not ranked.
    pub rank: Option<u32>,
    /// How many sensors saw it in the period.
    pub sensors: u32,
    /// Packets a day on average, of all sensors.
    pub packets_per_day: f64,
}

/// What the maker of a [`Data`] says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Disclosure {
    /// Id of the data.
    pub data: String,
    /// How finely they are divided.
    pub granularity: Granularity,
    /// The subjects shown; must be named when `granularity` is [`Granularity::Day`].
    pub subjects: Vec<Shown>,
    /// The names under which single sensors are shown; empty when none are.
    pub sensors: Vec<String>,
    /// Last day that the data speak of.
    pub newest: Day,
    /// What columns hold, by head, in the data and in tables of them, where [`DataKind::of_head`] would not know.
    pub kinds: BTreeMap<String, DataKind>,
}

/// A rule that a report can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A sensor is named.
    SensorName,
    /// An address or network that a sensor watches.
    WatchedAddress,
    /// An address of a source.
    SourceAddress,
    /// A count below the least.
    SmallCount,
    /// A rare subject by day.
    RareDaily,
    /// Data finer than by day.
    Fine,
    /// One sensor by itself.
    PerSensor,
    /// Data that are too new.
    Fresh,
    /// Label that is not that of the edition.
    Label,
    /// Data that nothing is said of, or something else than they are.
    Undisclosed,
    /// Something that cannot be read and so not be checked.
    Unreadable,
}

/// A rule broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// Where in the document, in words.
    pub place: String,
    /// What was found. Names what must not be published: for the makers' eyes.
    pub what: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; hint: {}", self.place, self.what, self.hint)
    }
}

impl Edition {
    /// The label that stands on every page.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Edition::Clear => "TLP:CLEAR",
            Edition::Green => "TLP:GREEN",
            Edition::Amber => "TLP:AMBER",
            Edition::AmberStrict => "TLP:AMBER+STRICT",
            Edition::Red => "TLP:RED",
        }
    }

    /// Whether it is held to what the public may see.
    #[must_use]
    pub const fn is_public(self) -> bool {
        match self {
            Edition::Clear | Edition::Green => true,
            Edition::Amber | Edition::AmberStrict | Edition::Red => false,
        }
    }
}

impl Rules {
    /// The rules of an edition made on a day, with the usual sizes: counts from 10 on, top 10 by day, or seen by
    /// 3 sensors with 1,000 packets a day, a week of delay. Sensors and addresses are to be filled in.
    #[must_use]
    pub const fn new(edition: Edition, made: Day) -> Rules {
        Rules {
            edition,
            made,
            sensors: Vec::new(),
            own_sensors: Vec::new(),
            addresses: Vec::new(),
            count_min: 10,
            top: 10,
            sensors_min: 3,
            daily_min: 1_000.0,
            delay_days: 7,
        }
    }

    fn is_own(&self, sensor: &str) -> bool {
        !self.edition.is_public() && self.own_sensors.iter().any(|own| own == sensor)
    }

    /// Last day that data may speak of.
    #[must_use]
    pub fn newest(&self) -> Day {
        self.made.plus(-i32::from(self.delay_days))
    }
}

/// Reads the complete document, and all that its makers say of its data (`disclosures`, one for each id). What is
/// returned must be empty before an edition is written.
#[must_use]
pub fn check(document: &Document, disclosures: &[Disclosure], rules: &Rules) -> Vec<Violation> {
    let mut list = List {
        rules,
        found: BTreeSet::new(),
        names: scan::names(rules.sensors.iter().filter(|name| !rules.is_own(name))),
    };
    if document.label.as_deref() != Some(rules.edition.label()) {
        let what = format!("the label is {}", document.label.as_deref().unwrap_or("missing"));
        list.add(Rule::Label, "title page", what);
    }
    let (pieces, unreadable) = pieces::pieces(document);
    for place in unreadable {
        list.add(Rule::Unreadable, &place, "a figure that is no SVG".to_owned());
    }
    for piece in &pieces {
        list.piece(piece);
    }
    for data in &document.data {
        list.data(data, disclosures);
    }
    for (place, data, table) in pieces::shown_data(document) {
        let known = data.and_then(|id| disclosures.iter().find(|one| one.data == id));
        let is_there = data.is_some_and(|id| document.data.iter().any(|one| one.id == id));
        match known.filter(|_| is_there) {
            Some(disclosure) => {
                if let Some(table) = table {
                    let heads: Vec<&str> = table.columns.iter().map(|(head, _)| head.as_str()).collect();
                    list.columns(&place, &heads, &table.rows, disclosure);
                }
            }
            None => list.add(Rule::Undisclosed, &place, "shown without data that are disclosed".to_owned()),
        }
    }
    list.found.into_iter().take(VIOLATIONS_MAX).collect()
}

/// What was found so far.
struct List<'a> {
    rules: &'a Rules,
    found: BTreeSet<Violation>,
    /// Names of sensors, as they are looked for.
    names: Vec<(String, String)>,
}

impl List<'_> {
    fn add(&mut self, rule: Rule, place: &str, what: String) {
        if self.found.len() < VIOLATIONS_MAX {
            self.found.insert(Violation {
                rule,
                place: place.to_owned(),
                what,
                hint: hint(rule),
            });
        }
    }

    /// Names and addresses in a piece of text.
    fn piece(&mut self, piece: &Piece<'_>) {
        let text = scan::folded(&piece.text);
        let named: Vec<String> = scan::named(&text, &self.names).take(PLACE_MAX).map(str::to_owned).collect();
        for name in named {
            self.add(Rule::SensorName, &piece.place, format!("the sensor `{name}` is named"));
        }
        let mut literals = scan::literals(&text);
        if piece.form == Form::Sql {
            literals.extend(scan::integers(&text));
        }
        let (mut watched, mut sources) = (0, 0);
        for literal in &literals {
            if literal.is_among(&self.rules.addresses) {
                watched += 1;
                if watched <= PLACE_MAX {
                    self.add(
                        Rule::WatchedAddress,
                        &piece.place,
                        format!("`{}` is watched by a sensor", literal.text),
                    );
                }
            } else if self.rules.edition.is_public() && piece.form != Form::Reference && literal.is_host() {
                sources += 1;
                if sources <= PLACE_MAX {
                    self.add(Rule::SourceAddress, &piece.place, format!("the address `{}`", literal.text));
                }
            }
        }
    }

    /// The data behind a table or figure.
    fn data(&mut self, data: &Data, disclosures: &[Disclosure]) {
        let place = format!("data `{}`", data.id);
        let Some(disclosure) = disclosures.iter().find(|one| one.data == data.id) else {
            self.add(Rule::Undisclosed, &place, "nothing is said of what they show".to_owned());
            return;
        };
        self.subjects(&place, disclosure);
        self.sensors(&place, disclosure);
        if disclosure.newest > self.rules.newest() {
            self.fresh(&place, disclosure.newest);
        }
        let Some(mut rows) = column::rows(&data.csv) else {
            self.add(Rule::Unreadable, &place, "no CSV, a quoted field does not end".to_owned());
            return;
        };
        if rows.is_empty() {
            self.add(Rule::Unreadable, &place, "CSV without heads of columns".to_owned());
            return;
        }
        let heads = rows.remove(0);
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        self.columns(&place, &heads, &rows, disclosure);
    }

    /// What is shown by day must be common.
    fn subjects(&mut self, place: &str, disclosure: &Disclosure) {
        if disclosure.granularity == Granularity::Period || !self.rules.edition.is_public() {
            return;
        }
        if disclosure.subjects.is_empty() {
            self.add(Rule::Undisclosed, place, "daily data without the subjects they show".to_owned());
        }
        for subject in &disclosure.subjects {
            let is_top = subject.rank.is_some_and(|rank| (1..=self.rules.top).contains(&rank));
            let is_common = subject.sensors >= self.rules.sensors_min && subject.packets_per_day >= self.rules.daily_min;
            if !is_top && !is_common {
                let what = format!(
                    "`{}` by day: rank {}, seen by {} sensors, {:.1} packets a day",
                    subject.name,
                    subject.rank.map_or_else(|| "unknown".to_owned(), |rank| rank.to_string()),
                    subject.sensors,
                    subject.packets_per_day
                );
                self.add(Rule::RareDaily, place, what);
            }
        }
    }

    /// Single sensors stand under neutral names, with totals.
    fn sensors(&mut self, place: &str, disclosure: &Disclosure) {
        for sensor in disclosure.sensors.iter().filter(|sensor| !self.rules.is_own(sensor)) {
            if !scan::is_neutral(sensor) {
                self.add(Rule::PerSensor, place, format!("a sensor shown as `{sensor}`"));
            }
            if disclosure.granularity == Granularity::Day {
                self.add(Rule::PerSensor, place, format!("`{sensor}` by day"));
            }
        }
    }

    fn fresh(&mut self, place: &str, day: Day) {
        let what = format!(
            "speaks of {day}; made on {}, data up to {} may be shown",
            self.rules.made,
            self.rules.newest()
        );
        self.add(Rule::Fresh, place, what);
    }

    /// The columns of a table or of data, cell by cell.
    fn columns(&mut self, place: &str, heads: &[&str], rows: &[Vec<String>], disclosure: &Disclosure) {
        if rows.iter().any(|row| row.len() != heads.len()) {
            self.add(Rule::Unreadable, place, "rows that are longer or shorter than the heads".to_owned());
        }
        let kind_of = |head: &str| disclosure.kinds.get(head).copied().unwrap_or_else(|| DataKind::of_head(head));
        let kinds: Vec<DataKind> = heads.iter().map(|head| kind_of(head)).collect();
        self.ratios(place, &kinds, rows);
        for ((index, head), kind) in heads.iter().enumerate().zip(kinds) {
            let at = format!("{place}, column `{head}`");
            let cells = || rows.iter().filter_map(|row| row.get(index)).map(String::as_str);
            match kind {
                DataKind::Count => self.counts(&at, cells()),
                DataKind::Day => self.days(&at, cells(), disclosure),
                DataKind::Moment if self.rules.edition.is_public() => self.add(Rule::Fine, &at, "times of the day".to_owned()),
                DataKind::Sensor => self.sensor_cells(&at, cells(), disclosure),
                DataKind::Address if self.rules.edition.is_public() => {
                    self.add(Rule::SourceAddress, &at, "a column of addresses".to_owned());
                    self.integers(&at, cells());
                }
                DataKind::Address | DataKind::Label => self.integers(&at, cells()),
                DataKind::Moment | DataKind::Rank | DataKind::Ratio | DataKind::RatioOfTold | DataKind::Extent | DataKind::Date => {}
            }
        }
    }

    /// Watched addresses as the integers that the lake keeps.
    fn integers<'a>(&mut self, at: &str, cells: impl Iterator<Item = &'a str>) {
        let found: Vec<Literal> = cells
            .flat_map(scan::integers)
            .filter(|literal| literal.is_among(&self.rules.addresses))
            .take(PLACE_MAX)
            .collect();
        for literal in found {
            let what = format!("`{}` is the number of an address that a sensor watches", literal.text);
            self.add(Rule::WatchedAddress, at, what);
        }
    }

    /// From a percentage beside a suppressed count, that count can be computed.
    fn ratios(&mut self, place: &str, kinds: &[DataKind], rows: &[Vec<String>]) {
        let tells = |row: &&Vec<String>| {
            let cells = || row.iter().zip(kinds);
            let is_suppressed = cells().any(|(cell, kind)| *kind == DataKind::Count && cell.starts_with('<'));
            let is_number = |cell: &str| cell.starts_with(|first: char| first.is_ascii_digit());
            let is_told = |(cell, kind): (&String, &DataKind)| *kind == DataKind::Ratio && is_number(cell);
            is_suppressed && cells().any(is_told)
        };
        let told = rows.iter().filter(tells).count();
        if told > 0 {
            let what = format!("a percentage beside a suppressed count, in {told} rows");
            self.add(Rule::SmallCount, place, what);
        }
    }

    fn counts<'a>(&mut self, at: &str, cells: impl Iterator<Item = &'a str>) {
        let small = |cell: &&str| column::count(cell).is_some_and(|count| count < column::real(self.rules.count_min));
        let small: Vec<&str> = cells.filter(small).collect();
        if let Some(first) = small.first() {
            let what = format!("{} counts below {}, the first is `{first}`", small.len(), self.rules.count_min);
            self.add(Rule::SmallCount, at, what);
        }
    }

    fn days<'a>(&mut self, at: &str, cells: impl Iterator<Item = &'a str>, disclosure: &Disclosure) {
        if disclosure.granularity == Granularity::Period {
            self.add(
                Rule::Undisclosed,
                at,
                "daily data that are disclosed as totals of the period".to_owned(),
            );
        }
        let (mut newest, mut is_fine) = (None, false);
        for cell in cells {
            is_fine |= cell.contains(':');
            newest = newest.max(column::day(cell));
        }
        if is_fine && self.rules.edition.is_public() {
            self.add(Rule::Fine, at, "times of the day".to_owned());
        }
        if let Some(day) = newest.filter(|day| *day > self.rules.newest()) {
            self.fresh(at, day);
        }
    }

    fn sensor_cells<'a>(&mut self, at: &str, cells: impl Iterator<Item = &'a str>, disclosure: &Disclosure) {
        let unknown: BTreeSet<&str> = cells
            .filter(|cell| !cell.is_empty() && !disclosure.sensors.iter().any(|sensor| sensor == cell))
            .collect();
        for sensor in unknown.into_iter().take(PLACE_MAX) {
            self.add(Rule::PerSensor, at, format!("the sensor `{sensor}`, which is not disclosed"));
        }
    }
}

/// What to do when a rule is broken.
const fn hint(rule: Rule) -> &'static str {
    match rule {
        Rule::SensorName => "write a neutral name, such as \"domestic sensor 1\", or say it without",
        Rule::WatchedAddress => "take it out; in SQL, ask for all sensors",
        Rule::SourceAddress => "name the network (AS) or region instead; addresses belong into notifications",
        Rule::SmallCount => "write \"<10\" (the least count shown), or leave the rows out",
        Rule::RareDaily => "show its total of the period, or leave it out",
        Rule::Fine => "sum up by day",
        Rule::PerSensor => "show the total of the period under a name such as \"domestic sensor 1\"",
        Rule::Fresh => "publish later, or end the period earlier",
        Rule::Label => "set the label of the edition",
        Rule::Undisclosed => "say what the data show where they are made",
        Rule::Unreadable => "this is a fault of the program that made it",
    }
}

/// The addresses of a network, as [`Rules::addresses`] takes them.
#[must_use]
pub fn range(network: ipnet::IpNet) -> RangeInclusive<IpAddr> {
    network.network()..=network.broadcast()
}

impl Literal {
    /// Whether it shares addresses with a range. Networks so wide that they tell nothing do not count.
    fn is_among(&self, ranges: &[RangeInclusive<IpAddr>]) -> bool {
        !self.is_wide() && ranges.iter().any(|range| self.first <= *range.end() && *range.start() <= self.last)
    }
}
