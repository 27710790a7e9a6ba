//! Named questions: rankings, trends and what was observed, as SQL over the table that can answer them fastest.

use crate::error::Result;
use crate::session::{Answer, Parameter, Session};

/// What is ranked or followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Destination ports, with protocol; ICMP is one row.
    Ports,
    /// Regions of the sources.
    Regions,
    /// Source addresses.
    Sources,
    /// Tools of the sources.
    Tools,
    /// Autonomous systems of the sources.
    Networks,
    /// Kinds of packets.
    Kinds,
    /// Sensors.
    Sensors,
    /// Research organisations that scan.
    Scanners,
    /// Everything together: one series, no ranking.
    All,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Packets.
    Packets,
    /// Bytes, as the IP headers say.
    Bytes,
    /// Distinct source addresses of the whole period.
    Sources,
    /// Distinct source addresses of each day, added up over the days (延べ数).
    CumulativeSources,
}

/// Which packets count. Empty lists do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Sensors by name.
    pub sensors: Vec<String>,
    /// Regions by code.
    pub regions: Vec<String>,
    /// Protocol and destination port; port `None` is the whole protocol.
    pub ports: Vec<(u8, Option<u16>)>,
    /// Tools of the source by name; the empty name is "none".
    pub tools: Vec<String>,
    /// Marks of the packet by name; the empty name is "none".
    pub marks: Vec<String>,
    /// Kinds by name.
    pub kinds: Vec<String>,
    /// Autonomous systems of the source.
    pub networks: Vec<u32>,
    /// Organisations, when a known research scanner; the empty name is "none".
    pub scanners: Vec<String>,
    /// Networks the source address must be in, such as `192.0.2.0/24`.
    pub sources: Vec<String>,
}

/// A span of days, both included, days since 1970.
pub type Days = (i32, i32);

/// Table that answers, and how it counts.
struct Plan {
    table: String,
    value: &'static str,
    filter: String,
}

impl Subject {
    /// Columns it groups by.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Subject::Ports => &["proto", "dst_port"],
            Subject::Regions => &["region"],
            Subject::Sources => &["src", "src6"],
            Subject::Tools => &["tool"],
            Subject::Networks => &["asn"],
            Subject::Kinds => &["kind"],
            Subject::Sensors => &["sensor"],
            Subject::Scanners => &["scanner"],
            Subject::All => &[],
        }
    }

    /// Its columns as an answer shows them, from the table called `from`.
    fn shown(self, from: &str) -> Vec<String> {
        if self == Subject::Sources {
            return vec![format!("coalesce(ip({from}.src), ip({from}.src6)) AS source")];
        }
        self.keys().iter().map(|key| format!("{from}.{key}")).collect()
    }

    /// Condition that leaves out what has no network, or no organisation: there is nothing to rank.
    fn known(self) -> String {
        match self {
            Subject::Networks | Subject::Scanners => format!(" AND {} IS NOT NULL", self.keys().join(", ")),
            Subject::Ports | Subject::Regions | Subject::Sources | Subject::Tools | Subject::Kinds | Subject::Sensors | Subject::All => {
                String::new()
            }
        }
    }

    /// Whether the table `ports` has its columns.
    const fn is_of_port(self) -> bool {
        match self {
            Subject::Ports | Subject::Sensors | Subject::All => true,
            Subject::Regions | Subject::Sources | Subject::Tools | Subject::Networks | Subject::Kinds | Subject::Scanners => false,
        }
    }

    /// Distinct sources of a day as the table `sources` has counted them; `None` where a row that counts may
    /// be one that the filter, or the grouping, sets apart from others of its source.
    fn counted_hosts(self, filter: &Filter) -> Option<&'static str> {
        match self {
            Subject::Sensors if filter.kinds.is_empty() => Some("sum(sensor_host)"),
            Subject::Regions | Subject::Tools | Subject::Networks | Subject::Scanners | Subject::All if filter.kinds.is_empty() => {
                match filter.sensors.len() {
                    0 => Some("sum(host)"),
                    1 => Some("sum(sensor_host)"),
                    _ => None,
                }
            }
            Subject::Kinds
            | Subject::Sources
            | Subject::Ports
            | Subject::Sensors
            | Subject::Regions
            | Subject::Tools
            | Subject::Networks
            | Subject::Scanners
            | Subject::All => None,
        }
    }

    const fn needs_source(self) -> bool {
        match self {
            Subject::Sources | Subject::Networks | Subject::Scanners => true,
            Subject::Ports | Subject::Regions | Subject::Tools | Subject::Kinds | Subject::Sensors | Subject::All => false,
        }
    }
}

/// The cheapest table that has every column asked for.
///
/// `settled`: every day asked about is compacted, so that the table `sources` has counted its distinct sources.
fn plan(subject: Subject, measure: Measure, filter: &Filter, settled: bool) -> Plan {
    let by_port = subject == Subject::Ports || !filter.ports.is_empty() || !filter.marks.is_empty();
    let by_source = subject.needs_source()
        || matches!(measure, Measure::Sources | Measure::CumulativeSources)
        || !(filter.networks.is_empty() && filter.scanners.is_empty() && filter.sources.is_empty());
    let table = match (by_port, by_source) {
        (true, true) => "packets",
        (false, true) => "sources",
        (_, false) if subject.is_of_port() && filter.is_of_port() => "ports",
        (_, false) => "daily",
    };
    let value = match (measure, table) {
        (Measure::Packets, "packets") => "count(*)",
        (Measure::Packets, _) => "sum(packets)",
        (Measure::Bytes, "packets") => "sum(ip_len)",
        (Measure::Bytes, _) => "sum(bytes)",
        (Measure::Sources, _) => "count(DISTINCT src) + count(DISTINCT src6)",
        (Measure::CumulativeSources, _) => "sum(hosts)",
    };
    let counted = (settled && table == "sources" && measure == Measure::CumulativeSources)
        .then(|| subject.counted_hosts(filter))
        .flatten();
    let filter = filter.sql() + &subject.known();
    if let Some(value) = counted {
        return Plan {
            table: table.to_owned(),
            value,
            filter,
        };
    }
    if measure == Measure::CumulativeSources {
        // Distinct a day first; the outer query adds the days up.
        let keys: String = subject.keys().iter().map(|key| format!(", {key}")).collect();
        let distinct = |address: &str| {
            format!(
                "SELECT day{keys}, count(*) AS hosts FROM (SELECT DISTINCT day{keys}, {address} FROM {table} WHERE {address} IS NOT NULL {filter}) GROUP BY day{keys}"
            )
        };
        let table = match subject {
            Subject::Sources => format!("(SELECT day{keys}, 1 AS hosts FROM {table} WHERE true {filter} GROUP BY day{keys})"),
            Subject::Ports
            | Subject::Regions
            | Subject::Tools
            | Subject::Networks
            | Subject::Kinds
            | Subject::Sensors
            | Subject::Scanners
            | Subject::All => {
                format!("({} UNION ALL {})", distinct("src"), distinct("src6"))
            }
        };
        return Plan {
            table,
            value,
            filter: String::new(),
        };
    }
    Plan {
        table: table.to_owned(),
        value,
        filter,
    }
}

impl Filter {
    /// Whether it asks for nothing but sensors and ports.
    fn is_of_port(&self) -> bool {
        let others = [&self.regions, &self.tools, &self.marks, &self.kinds, &self.scanners, &self.sources];
        others.iter().all(|list| list.is_empty()) && self.networks.is_empty()
    }

    /// As SQL conditions, each begun with AND.
    #[must_use]
    pub fn sql(&self) -> String {
        let mut sql = String::new();
        for (column, values) in [
            ("sensor", &self.sensors),
            ("region", &self.regions),
            ("tool", &self.tools),
            ("mark", &self.marks),
            ("kind", &self.kinds),
            ("scanner", &self.scanners),
        ] {
            any(&mut sql, values.iter().map(|value| text_is(column, value)));
        }
        any(
            &mut sql,
            self.ports.iter().map(|(proto, port)| match port {
                Some(port) => format!("(proto = {proto} AND dst_port = {port})"),
                None => format!("proto = {proto}"),
            }),
        );
        any(&mut sql, self.networks.iter().map(|asn| format!("asn = {asn}")));
        any(
            &mut sql,
            self.sources.iter().map(|network| {
                let column = if network.contains(':') { "src6" } else { "src" };
                format!("in_network({column}, {})", quote(network))
            }),
        );
        sql
    }
}

fn any(sql: &mut String, conditions: impl Iterator<Item = String>) {
    let conditions: Vec<String> = conditions.collect();
    if !conditions.is_empty() {
        sql.push_str(&format!(" AND ({})", conditions.join(" OR ")));
    }
}

fn text_is(column: &str, value: &str) -> String {
    if value.is_empty() {
        format!("{column} IS NULL")
    } else {
        format!("{column} = {}", quote(value))
    }
}

pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn days(names: [&'static str; 2], days: Days) -> [(&'static str, Parameter); 2] {
    [(names[0], Parameter::Day(days.0)), (names[1], Parameter::Day(days.1))]
}

/// The SQL of a ranking: what the docs and the report show. Its parameters are `$first`, `$last`,
/// `$before_first`, `$before_last` and `$limit`. `settled`: all days of both periods are
/// (see [`Session::is_settled`]).
#[must_use]
pub fn top_sql(subject: Subject, measure: Measure, filter: &Filter, settled: bool) -> String {
    let plan = plan(subject, measure, filter, settled);
    let keys = subject.keys();
    let same: Vec<String> = keys.iter().map(|key| format!("(r.{key} IS NOT DISTINCT FROM b.{key})")).collect();
    include_str!("../sql/top.sql")
        .replace("{keys}", &keys.join(", "))
        .replace("{value}", plan.value)
        .replace("{table}", &plan.table)
        .replace("{filter}", &plan.filter)
        .replace("{shown}", &subject.shown("r").join(", "))
        .replace("{same}", &same.join(" AND "))
}

impl Session {
    /// Ranking of a period: columns rank, the subject's own, value, share (per cent), rank_before, value_before.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn top(&self, subject: Subject, measure: Measure, filter: &Filter, now: Days, before: Days, limit: i64) -> Result<Answer> {
        let settled = self.is_settled(now) && self.is_settled(before);
        let sql = top_sql(subject, measure, filter, settled);
        let mut parameters = days(["first", "last"], now).to_vec();
        parameters.extend(days(["before_first", "before_last"], before));
        parameters.push(("limit", Parameter::Number(limit)));
        self.ask(&sql, &parameters).await
    }

    /// Series of the `limit` largest of a period, from the day `lead_in` on (for means that look back):
    /// columns day, the subject's own, value, total (of the period); largest first, days in order. For
    /// [`Subject::All`] the columns are day and value.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn trend(
        &self,
        subject: Subject,
        measure: Measure,
        filter: &Filter,
        period: Days,
        lead_in: i32,
        limit: i64,
    ) -> Result<Answer> {
        let plan = plan(subject, measure, filter, self.is_settled((lead_in, period.1)));
        let keys = subject.keys();
        let template = if keys.is_empty() {
            include_str!("../sql/trend_all.sql")
        } else {
            include_str!("../sql/trend.sql")
        };
        let same: Vec<String> = keys.iter().map(|key| format!("(d.{key} IS NOT DISTINCT FROM l.{key})")).collect();
        let sql = template
            .replace("{keys}", &keys.join(", "))
            .replace("{value}", plan.value)
            .replace("{table}", &plan.table)
            .replace("{filter}", &plan.filter)
            .replace("{shown}", &subject.shown("d").join(", "))
            .replace("{order}", &keys.iter().map(|key| format!("d.{key}")).collect::<Vec<_>>().join(", "))
            .replace("{same}", &same.join(" AND "));
        let mut parameters = vec![("last", Parameter::Day(period.1)), ("lead_in", Parameter::Day(lead_in))];
        if !keys.is_empty() {
            parameters.extend([("first", Parameter::Day(period.0)), ("limit", Parameter::Number(limit))]);
        }
        self.ask(&sql, &parameters).await
    }

    /// What was observed each day: columns day, sensors, sensor_days, seen, kept, unreadable.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn sensor_days(&self, sensors: &[String], period: Days) -> Result<Answer> {
        let filter = Filter {
            sensors: sensors.to_vec(),
            ..Filter::default()
        };
        let sql = include_str!("../sql/sensor_days.sql").replace("{filter}", &filter.sql());
        self.ask(&sql, &days(["first", "last"], period)).await
    }

    /// FlowTuple rows of a period, in STARDUST's layout; `hide` writes 0.0.0.0 for every destination.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn flowtuple(&self, filter: &Filter, period: Days, hide: bool) -> Result<Answer> {
        // A row stands for packets to one destination whether its address is told or not.
        let destination = if hide { "'0.0.0.0'" } else { "ip(dst)" };
        let sql = include_str!("../sql/flowtuple.sql")
            .replace("{destination}", destination)
            .replace("{filter}", &filter.sql());
        self.ask(&sql, &days(["first", "last"], period)).await
    }

    /// First and last day with anything in the lake; `None` for an empty lake.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn span(&self) -> Result<Option<Days>> {
        use arrow::array::AsArray;
        use arrow::datatypes::Int32Type;
        let batches = self.ask(include_str!("../sql/span.sql"), &[]).await?.all().await?;
        let cell = |column: usize| {
            let array = batches.first()?.column(column).as_primitive::<Int32Type>();
            array.iter().next().flatten()
        };
        Ok(cell(0).zip(cell(1)))
    }
}
