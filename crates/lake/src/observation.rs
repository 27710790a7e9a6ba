//! What a report asks of the lake: named questions, each as SQL complete with its values, so that anyone can ask it again.

use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;

use crate::error::Result;
use crate::question::{Days, Filter, Measure, Subject, top_sql};
use crate::session::{Answer, Session};

/// A named question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name.
    pub name: &'static str,
    /// The SQL with all values in it.
    pub sql: String,
    /// The same over what a session keeps (see [`Session::keep`]), where that spares asking again.
    asked: Option<String>,
}

impl Question {
    fn new(name: &'static str, template: &str, values: &[(&str, String)]) -> Question {
        // Comments speak of the template; the text also has to be fit for a command line.
        let lines = template.lines().filter(|line| !line.trim_start().starts_with("--"));
        let bare: String = lines.map(|line| format!("{line}\n")).collect();
        Question {
            name,
            sql: filled(&bare, values),
            asked: None,
        }
    }

    /// When each sensor observed: day, sensor, up (0 to 1), seen, kept, unreadable, dropped.
    #[must_use]
    pub fn coverage(lead_in: i32, last: i32) -> Question {
        let template = include_str!("../sql/report/coverage.sql");
        Question::new("coverage", template, &[("lead_in", date(lead_in)), ("last", date(last))])
    }

    /// Day by day at each sensor, the `limit` busiest ports with at least `packets_min` packets in the period:
    /// day, sensor, proto, dst_port, packets, sources.
    #[must_use]
    pub fn port_days(lead_in: i32, period: Days, packets_min: u64, limit: u32) -> Question {
        let mut values = span(lead_in, period);
        values.extend([("packets_min", packets_min.to_string()), ("limit", limit.to_string())]);
        Question::new("port_days", include_str!("../sql/report/port_days.sql"), &values)
    }

    /// Day by day at each sensor: day, sensor, region, packets.
    #[must_use]
    pub fn region_days(lead_in: i32, last: i32, filter: &Filter) -> Question {
        let template = include_str!("../sql/report/region_days.sql").replace("{filter}", &filter.sql());
        Question::new("region_days", &template, &[("lead_in", date(lead_in)), ("last", date(last))])
    }

    /// Distinct sources, day by day at each sensor: day, sensor, region, sources. `settled` as
    /// [`Session::is_settled`] says of these days.
    #[must_use]
    pub fn region_sources(lead_in: i32, last: i32, filter: &Filter, settled: bool) -> Question {
        let span = format!("day BETWEEN {} AND {}{}", date(lead_in), date(last), filter.sql());
        let (hosts, sources) = if settled {
            ("sum(sensor_host)", format!("sources WHERE {span}"))
        } else {
            (
                "count(*)",
                format!("(SELECT DISTINCT day, sensor, region, src, src6 FROM sources WHERE {span})"),
            )
        };
        let template = include_str!("../sql/report/region_sources.sql");
        let template = template.replace("{hosts}", hosts).replace("{sources}", &sources);
        Question::new("region_sources", &template, &[])
    }

    /// Day by day at each sensor: day, sensor, mark, packets.
    #[must_use]
    pub fn mark_days(lead_in: i32, last: i32) -> Question {
        let template = include_str!("../sql/report/mark_days.sql");
        Question::new("mark_days", template, &[("lead_in", date(lead_in)), ("last", date(last))])
    }

    /// Day by day at each sensor, the `limit` busiest autonomous systems: day, sensor, asn, packets, sources, pairs (of
    /// packets with one source, in both orders).
    #[must_use]
    pub fn network_days(lead_in: i32, period: Days, limit: u32) -> Question {
        let mut values = span(lead_in, period);
        values.push(("limit", limit.to_string()));
        Question::new("network_days", include_str!("../sql/report/network_days.sql"), &values)
    }

    /// The ports of a mark's traffic: proto, dst_port, packets, marked, percent.
    #[must_use]
    pub fn mark_ports(period: Days, mark: &str, filter: &Filter, limit: u32) -> Question {
        let template = include_str!("../sql/report/mark_ports.sql").replace("{filter}", &filter.sql());
        let mut values = span(period.0, period);
        values.extend([("mark", crate::question::quote(mark)), ("limit", limit.to_string())]);
        Question::new("mark_ports", &template, &values)
    }

    /// One row: packets, bytes.
    #[must_use]
    pub fn totals(period: Days) -> Question {
        Question::new("totals", include_str!("../sql/report/totals.sql"), &span(period.0, period))
    }

    /// One row: sources, distinct over the whole period.
    #[must_use]
    pub fn distinct_sources(period: Days) -> Question {
        let template = include_str!("../sql/report/distinct_sources.sql");
        Question::new("distinct_sources", template, &span(period.0, period))
    }

    /// The `limit` busiest ports of each sensor: sensor, proto, dst_port, packets, rank, total (packets of the sensor).
    #[must_use]
    pub fn sensor_ports(period: Days, limit: u32) -> Question {
        let mut values = span(period.0, period);
        values.push(("limit", limit.to_string()));
        Question::new("sensor_ports", include_str!("../sql/report/sensor_ports.sql"), &values)
    }

    /// Which of the filter's ports each source tried: src, proto, dst_port.
    #[must_use]
    pub fn source_ports(period: Days, filter: &Filter) -> Question {
        let template = include_str!("../sql/report/source_ports.sql").replace("{filter}", &filter.sql());
        Question::new("source_ports", &template, &span(period.0, period))
    }

    /// What one source in `one_in` (chosen by its address) sent to each port at each sensor, day by day: src, region,
    /// tool, kind, proto, dst_port, sensor, day, first_secs, last_secs, hours (bit n: seen in hour n UTC), packets.
    #[must_use]
    pub fn scans(days: Days, one_in: u64) -> Question {
        let template = include_str!("../sql/report/scans.sql").replace("{sample}", &sample(one_in));
        Question::new("scans", &template, &span(days.0, days))
    }

    /// Day by day at each sensor, what research scanners sent: day, sensor, scanner, packets, addresses.
    #[must_use]
    pub fn scanner_days(lead_in: i32, last: i32) -> Question {
        let template = include_str!("../sql/report/scanner_days.sql");
        Question::new("scanner_days", template, &[("lead_in", date(lead_in)), ("last", date(last))])
    }

    /// Sources of a tool: src, region.
    #[must_use]
    pub fn tool_sources(period: Days, tool: &str) -> Question {
        let mut values = span(period.0, period);
        values.push(("tool", crate::question::quote(tool)));
        Question::new("tool_sources", include_str!("../sql/report/tool_sources.sql"), &values)
    }

    /// On which days sources scanned or probed: src, region, tool, and `days_0`, `days_1`, ... as
    /// [`sighting_words`] says. Published for all sources; asked for `only` some.
    #[must_use]
    pub fn sightings(days: Days, only: &Sighted<'_>) -> Question {
        let at = format!("(CAST(day AS INT) - {})", days.0);
        let word = |word: usize| {
            format!("bit_or(CASE WHEN {at} / 64 = {word} THEN CAST(1 AS BIGINT) << CAST({at} % 64 AS BIGINT) ELSE 0 END) AS days_{word}")
        };
        let words: Vec<String> = (0..sighting_words(days)).map(word).collect();
        let template = include_str!("../sql/report/sightings.sql").replace("{words}", &words.join(",\n       "));
        let of = |only: &str| Question::new("sightings", &template.replace("{only}", only), &span(days.0, days));
        Question {
            asked: Some(of(&only.sql()).sql),
            ..of("")
        }
    }

    /// One row: sources that scanned or probed at one of the places kept in a table.
    #[must_use]
    pub fn sighted(days: Days, places: &str) -> Question {
        let template = include_str!("../sql/report/sighted.sql").replace("{among}", &among(places));
        Question::new("sighted", &template, &span(days.0, days))
    }

    /// The `limit` hosts with most backscatter, at least `packets_min` packets: host, region, packets.
    #[must_use]
    pub fn victims(period: Days, packets_min: u64, limit: u32) -> Question {
        let mut values = span(period.0, period);
        values.extend([("packets_min", packets_min.to_string()), ("limit", limit.to_string())]);
        Question::new("victims", include_str!("../sql/report/victims.sql"), &values)
    }

    /// Their backscatter: host, proto, src_port, sensor, bin (seconds since 1970, ten seconds wide), packets.
    /// `kept`: the table in which the session keeps just these victims.
    #[must_use]
    pub fn backscatter(period: Days, packets_min: u64, limit: u32, kept: Option<&str>) -> Question {
        let template = include_str!("../sql/report/backscatter.sql");
        let of = |victims: &str| Question::new("backscatter", &template.replace("{victims}", victims), &span(period.0, period));
        Question {
            asked: kept.map(|table| of(&format!("SELECT host FROM {table}")).sql),
            ..of(&Question::victims(period, packets_min, limit).sql)
        }
    }

    /// A ranking with the period before, as [`Session::top`] gives it.
    #[must_use]
    pub fn ranking(
        session: &Session,
        subject: Subject,
        measure: Measure,
        filter: &Filter,
        now: Days,
        before: Days,
        limit: i64,
    ) -> Question {
        let settled = session.is_settled(now) && session.is_settled(before);
        let mut values = span(now.0, now);
        values.extend([
            ("before_first", date(before.0)),
            ("before_last", date(before.1)),
            ("limit", limit.to_string()),
        ]);
        Question::new("ranking", &top_sql(subject, measure, filter, settled), &values)
    }
}

/// Which sources [`Question::sightings`] is asked for. Tables are such as a session keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighted<'a> {
    /// Those of a region with a tool, or with none.
    Of {
        /// Region.
        region: &'a str,
        /// Tool.
        tool: Option<&'a str>,
    },
    /// Those in the column `src` of a table.
    In {
        /// The table.
        table: &'a str,
    },
    /// Those that were at one of the places (`day`, `region`, `tool`; no tool is an empty one) of a table; one in so many, chosen
    /// by address.
    At {
        /// The table.
        places: &'a str,
        /// One in so many.
        one_in: u64,
    },
}

impl Sighted<'_> {
    fn sql(&self) -> String {
        match self {
            Sighted::Of { region, tool } => {
                let tool = tool.map_or_else(|| "IS NULL".to_owned(), |tool| format!("= {}", crate::question::quote(tool)));
                format!("AND region = {} AND tool {tool}", crate::question::quote(region))
            }
            Sighted::In { table } => format!("AND src IN (SELECT src FROM {table})"),
            Sighted::At { places, one_in } => format!(
                "{} AND src IN (SELECT src FROM sources \
                 WHERE day BETWEEN $first AND $last AND src IS NOT NULL AND kind IN ('scan', 'probe') AND {})",
                sample(*one_in),
                among(places)
            ),
        }
    }
}

/// A row of `sources` at one of the places of a table.
fn among(places: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM {places} k WHERE k.day = sources.day AND k.region = sources.region AND k.tool = coalesce(sources.tool, ''))"
    )
}

/// One source in so many.
fn sample(one_in: u64) -> String {
    if one_in <= 1 {
        return String::new();
    }
    // A Weyl sequence of the addresses: neighbours fall into different classes, each as large as the others.
    format!("AND CAST(src AS BIGINT) * 40503 / 65536 % {one_in} = 0")
}

/// Words of 64 days each that a row of [`Question::sightings`] has. Bit n of word m is day 64 m + n, from the first.
#[must_use]
pub fn sighting_words(days: Days) -> usize {
    usize::try_from(i64::from(days.1) - i64::from(days.0) + 1).map_or(0, |days| days.div_ceil(64))
}

impl Session {
    /// Asks a named question.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn answer(&self, question: &Question) -> Result<Answer> {
        self.ask(question.asked.as_ref().unwrap_or(&question.sql), &[]).await
    }

    /// Keeps an answer as a table of that name while the session lasts, for a question that rests on it.
    ///
    /// # Errors
    /// When the batches are not of one schema, or the engine refuses the name.
    pub fn keep(&self, table: &str, batches: Vec<RecordBatch>) -> Result<()> {
        self.register(table, batches)
    }
}

fn span(lead_in: i32, period: Days) -> Vec<(&'static str, String)> {
    vec![("lead_in", date(lead_in)), ("first", date(period.0)), ("last", date(period.1))]
}

/// A day as SQL writes it.
fn date(day: i32) -> String {
    let text = NaiveDate::from_epoch_days(day).map_or_else(|| "1970-01-01".to_owned(), |date| date.to_string());
    format!("DATE '{text}'")
}

/// The template with each `$name` replaced by its value: the longest name that fits, once, left to right.
fn filled(template: &str, values: &[(&str, String)]) -> String {
    let mut sql = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        sql.push_str(before);
        let len = after
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(after.len());
        let (name, tail) = after.split_at(len);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => sql.push_str(value),
            None => {
                sql.push('$');
                sql.push_str(name);
            }
        }
        rest = tail;
    }
    sql + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_their_names_stood() {
        let filled = filled(
            "a $first b $first_day c $none $",
            &[("first", "1".to_owned()), ("first_day", "'x$first'".to_owned())],
        );
        assert_eq!(filled, "a 1 b 'x$first' c $none $");
    }

    /// The addresses that a question is asked for are not in what is published of it.
    #[test]
    fn sightings_are_published_of_all() {
        let place = Sighted::At {
            places: "places",
            one_in: 4,
        };
        let of = Sighted::Of {
            region: "JP",
            tool: Some("mirai"),
        };
        for (only, said) in [
            (Sighted::In { table: "addresses" }, "FROM addresses"),
            (place, "% 4 = 0"),
            (of, "tool = 'mirai'"),
        ] {
            let question = Question::sightings((19_083, 19_211), &only);
            let asked = question.asked.unwrap();
            assert!(!question.sql.contains(said) && asked.contains(said), "{asked}");
            assert!(
                question.sql.contains("days_2") && !question.sql.contains("days_3"),
                "{}",
                question.sql
            );
            assert!(!asked.contains(['$', '{', '}']), "{asked}");
        }
        assert_eq!([(0, 63), (0, 64), (5, 4)].map(sighting_words), [1, 2, 0]);
    }

    #[test]
    fn questions_are_complete() {
        let filter = Filter {
            regions: vec!["JP".to_owned()],
            ..Filter::default()
        };
        let period = (19_083, 19_173);
        for question in [
            Question::coverage(1, 2),
            Question::port_days(19_000, period, 10, 5),
            Question::region_days(1, 2, &filter),
            Question::region_sources(1, 2, &filter, true),
            Question::region_sources(1, 2, &filter, false),
            Question::mark_days(1, 2),
            Question::network_days(1, period, 5),
            Question::mark_ports(period, "mirai", &filter, 5),
            Question::totals(period),
            Question::distinct_sources(period),
            Question::sensor_ports(period, 10),
            Question::source_ports(period, &filter),
            Question::victims(period, 25, 9),
            Question::backscatter(period, 25, 9, None),
            Question::tool_sources(period, "mirai"),
            Question::scans(period, 1),
            Question::scans(period, 64),
            Question::scanner_days(1, 2),
            Question::sighted(period, "places"),
            Question::sightings(period, &Sighted::In { table: "addresses" }),
        ] {
            assert!(!question.sql.contains(['$', '{', '}']), "{}: {}", question.name, question.sql);
        }
        assert!(Question::totals(period).sql.contains("DATE '2022-04-01' AND DATE '2022-06-30'"));
    }
}
