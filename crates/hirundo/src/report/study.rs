//! What the analyses make of the facts: series, findings with their origin, attacks, ports that go together.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use hirundo_analysis::attack::{Attacks, Observation, Row, attacks};
use hirundo_analysis::course::{Options, courses_seen, crossings, expected_false_alarms};
use hirundo_analysis::crowd::Seen;
use hirundo_analysis::exposure::{series, usual_shares};
use hirundo_analysis::finding::{Course, Finding, Measure, Origin, Subject};
use hirundo_analysis::origin::{Evidence, Shift, damping, origin};
use hirundo_analysis::outage::{self, Cause, Grid, Outage, outages};
use hirundo_analysis::series::{Counts, Series};
use hirundo_analysis::together::{Rule, Together, together};
use hirundo_lake::{Filter, Measure as Asked, Question, Roster, Session, Subject as Of};

use super::behaviour::{Behaviour, extent};
use super::facts::{Facts, MARK, Ranking};
use super::rows::{self, Rows, whole, word};
use crate::ingest::roster::range;
use crate::period::Period;

/// Findings whose origin is asked for: each costs queries.
const ORIGINS_ASKED: usize = 8;
/// Parts asked for of each way to divide a finding.
const PARTS_ASKED: i64 = 6;
/// Smallest factor of a trend in the number of sources.
const SOURCES_FACTOR_MIN: f64 = 1.25;
/// The same of what comes from an autonomous system.
const NETWORK_FACTOR_MIN: f64 = 2.0;
/// Places of a ranking whose curves are compared.
const COMPARED: usize = 10;
/// Ports of marked traffic in the table.
const MARK_PORTS: u32 = 5;
/// Ports asked for of each sensor: so many more than are shown that of one which is large at one place is known how large it
/// is elsewhere.
pub const SENSOR_PORTS: u32 = 1_000;
/// Last days of the period whose sources are looked at for ports that go together.
const TOGETHER_DAYS: i32 = 7;
/// Packets of backscatter below which a host is no victim; the rule then scales to the observation.
const BACKSCATTER_MIN: u64 = 5;
/// Hosts with most backscatter that are looked at,
const VICTIMS_MAX: u32 = 20_000;
/// (the session keeps them under this name)
const VICTIMS_KEPT: &str = "victims_kept";
/// as many of them as have so many packets together.
const BACKSCATTER_PACKETS_MAX: f64 = 500_000.0;
const DAY_SECS: i64 = 86_400;
/// Days of comparison for a finding that is shorter than this.
const BASE_DAYS: i32 = 7;

/// Facts and what they say.
pub struct Study {
    /// The facts.
    pub facts: Facts,
    /// Rates of everything counted.
    pub series: Vec<Series>,
    /// What was found, the most surprising first.
    pub findings: Vec<Finding>,
    /// False alarms to be expected of noise alone, over all series.
    pub false_alarms: f64,
    /// Denial of service seen in backscatter.
    pub attacks: Attacks,
    /// Its source.
    pub attack_rows: Rows,
    /// Ports of the marked traffic.
    pub mark_ports: Rows,
    /// The same from the home region.
    pub mark_ports_home: Rows,
    /// Ports that go together with those of the marked traffic.
    pub together: Together<(u8, u16)>,
    /// Busiest ports of each sensor.
    pub sensor_ports: Rows,
    /// What sources did in the last days of the period.
    pub behaviour: Behaviour,
    /// Falls of the number of a region's sources that begin in the period.
    pub falls: Vec<Outage>,
    /// Packets of research scanners by organisation, the busiest first.
    pub scanner_series: Vec<Series>,
}

/// What is asked beside the facts.
struct Further {
    mark_ports: Rows,
    mark_ports_home: Rows,
    sensor_ports: Rows,
    victims: Rows,
    attack_rows: Rows,
    together: Together<(u8, u16)>,
}

impl Further {
    /// Asks it, side by side where one question does not need the answer of another.
    async fn gather(session: &Session, days: (i32, i32), home: &str) -> Result<Further> {
        let home_only = Filter {
            regions: vec![home.to_owned()],
            ..Filter::default()
        };
        let backscatter = async {
            let victims = Rows::ask(session, Question::victims(days, BACKSCATTER_MIN, VICTIMS_MAX)).await?;
            let taken = taken(&victims)?;
            let kept = victims.first(usize::try_from(taken).unwrap_or(usize::MAX));
            let table = (!kept.is_empty()).then_some(VICTIMS_KEPT);
            session.keep(VICTIMS_KEPT, kept)?;
            let attack_rows = Rows::ask(session, Question::backscatter(days, BACKSCATTER_MIN, taken, table)).await?;
            anyhow::Ok((victims, attack_rows))
        };
        let ports = async {
            let mark_ports = Rows::ask(session, Question::mark_ports(days, MARK, &Filter::default(), MARK_PORTS)).await?;
            let together = find_together(session, &mark_ports, days).await?;
            anyhow::Ok((mark_ports, together))
        };
        let rest = Rows::ask_all(
            session,
            vec![
                Question::mark_ports(days, MARK, &home_only, MARK_PORTS),
                Question::sensor_ports(days, SENSOR_PORTS),
            ],
        );
        let ((victims, attack_rows), (mark_ports, together), rest) = tokio::try_join!(backscatter, ports, rest)?;
        let mut rest = rest.into_iter();
        let mut next = || rest.next().context("a question of the report has no answer");
        Ok(Further {
            mark_ports_home: next()?,
            sensor_ports: next()?,
            mark_ports,
            victims,
            attack_rows,
            together,
        })
    }
}

impl Study {
    /// Asks for the facts and analyses them, on so many threads; asks for what only a finding makes interesting.
    pub async fn make(session: &Session, roster: Roster, period: Period, span: (i32, i32), home: &str, threads: usize) -> Result<Study> {
        let days = (period.first().0, period.last().0);
        let cover = Facts::cover(session, period, span).await?;
        let extent = extent(&cover.kept, cover.lead_in, days);
        let (facts, further, sent) = tokio::try_join!(
            Facts::gather(session, roster, cover),
            Further::gather(session, days, home),
            Behaviour::ask(session, extent)
        )?;
        let begun = crate::clock::now();
        let series = rates(&facts);
        let options = Options::default();
        let mut findings = found(&facts, &series, days, &options, threads);
        for ranking in [&facts.ports, &facts.regions] {
            findings.extend(crossings(&compared(ranking, &series), days, &options));
        }
        findings.sort_by(|a, b| b.surprise.total_cmp(&a.surprise).then_with(|| a.id.cmp(&b.id)));
        let false_alarms = expected_false_alarms(&series, days, &options);
        let attacks = find_attacks(&facts, &further.victims, &further.attack_rows)?;
        let behaviour = Behaviour::of(&facts, extent, sent, home)?;
        let secs = (crate::clock::now() - begun).as_seconds_f64();
        tracing::debug!("{} findings in {} series in {secs:.2} s", findings.len(), series.len());
        ask_origins(session, &facts, &mut findings).await?;
        Ok(Study {
            false_alarms,
            attacks,
            behaviour,
            falls: falls(&series, days)?,
            scanner_series: scanner_rates(&facts),
            together: further.together,
            mark_ports_home: further.mark_ports_home,
            sensor_ports: further.sensor_ports,
            mark_ports: further.mark_ports,
            attack_rows: further.attack_rows,
            series,
            findings,
            facts,
        })
    }

    /// The series of a subject.
    pub fn series_of(&self, subject: &Subject) -> Option<&Series> {
        self.series
            .iter()
            .find(|series| series.subject == *subject && series.measure == Measure::Packets)
    }

    /// Findings of a subject, of packets.
    pub fn findings_of(&self, subject: &Subject) -> Vec<&Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.subject == *subject && finding.measure == Measure::Packets)
            .collect()
    }

    /// Whether a finding is one source's or one sensor's own affair.
    pub fn is_damped(finding: &Finding) -> bool {
        damping(&finding.origin).is_some()
    }

    /// Findings that the fixed sections do not tell: the most surprising first, one a subject.
    pub fn notable(&self) -> Vec<&Finding> {
        let at = notable(&self.facts, &self.findings);
        at.into_iter().filter_map(|at| self.findings.get(at)).collect()
    }
}

/// Packets of research scanners, the busiest organisation first.
fn scanner_rates(facts: &Facts) -> Vec<Series> {
    let overall = facts.counts_of(&Subject::Total, Measure::Packets);
    let overall = overall.map(|counts| usual_shares(&facts.coverage, counts, None));
    let rate = |counts: &Counts| series(&facts.coverage, counts, &usual_shares(&facts.coverage, counts, overall.as_deref()));
    let ranked = facts.scanners.rows.iter();
    ranked
        .filter_map(|row| facts.scanner_counts.iter().find(|counts| counts.subject == row.subject))
        .map(rate)
        .collect()
}

/// Falls of the number of a region's sources, other than those that came of our own outages.
fn falls(series: &[Series], days: (i32, i32)) -> Result<Vec<Outage>> {
    let of_sources = || series.iter().filter(|series| series.measure == Measure::Sources);
    let Some(total) = of_sources().find(|series| series.subject == Subject::Total) else {
        return Ok(Vec::new());
    };
    let grid = Grid {
        first_secs: i64::from(total.first) * DAY_SECS,
        step_secs: 86_400,
        coverage: total.exposure.iter().map(|exposure| exposure.clamp(0.0, 1.0)).collect(),
    };
    let counts: Vec<(&str, Vec<u64>)> = of_sources()
        .filter_map(|series| {
            let Subject::Region(region) = &series.subject else { return None };
            Some((region.as_str(), series.counts.iter().copied().map(whole).collect()))
        })
        .collect();
    let regions: Vec<outage::Region<'_>> = counts.iter().map(|(region, sources)| outage::Region { region, sources }).collect();
    let begins = |fall: &Outage| (i64::from(days.0)..=i64::from(days.1)).contains(&fall.begin_secs.div_euclid(DAY_SECS));
    let found = outages(&grid, &regions)?;
    Ok(found.into_iter().filter(|fall| fall.cause != Cause::Ours && begins(fall)).collect())
}

/// Findings of all series, each series by itself.
fn found(facts: &Facts, series: &[Series], days: (i32, i32), options: &Options, threads: usize) -> Vec<Finding> {
    // Sources come and go with their leases, whatever the traffic does.
    let of_sources = Options {
        factor_min: SOURCES_FACTOR_MIN,
        ..*options
    };
    // So do the few heavy sources of a network.
    let of_networks = Options {
        factor_min: NETWORK_FACTOR_MIN,
        growth_factor_min: NETWORK_FACTOR_MIN,
        ..*options
    };
    let told = |(series, counts): &(&Series, &Counts)| {
        let options = match (&series.subject, series.measure) {
            (Subject::Network(_), _) => &of_networks,
            (_, Measure::Packets) => options,
            (_, Measure::Sources) => &of_sources,
        };
        let seen = Seen {
            coverage: &facts.coverage,
            counts,
        };
        courses_seen(series, Some(&seen), days, options)
    };
    // Each series was made of the counts in the same place.
    let made: Vec<(&Series, &Counts)> = series.iter().zip(&facts.counts).collect();
    on_threads(threads, &made, told).into_iter().flatten().collect()
}

/// Makes something of each item on at most so many threads; the results in the order of the items. Items next to each
/// other go to different threads, since they are often alike in what they cost.
pub fn on_threads<T: Sync, R: Send>(threads: usize, items: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads.min(items.len()).max(1);
    let part = |begin: usize| items.iter().skip(begin).step_by(threads).map(&make).collect::<Vec<R>>();
    let mut parts: Vec<std::vec::IntoIter<R>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|begin| scope.spawn(move || part(begin))).collect();
        let mut parts = vec![part(0).into_iter()];
        for worker in workers {
            match worker.join() {
                Ok(part) => parts.push(part.into_iter()),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        parts
    });
    (0..items.len()).filter_map(|at| parts.get_mut(at % threads)?.next()).collect()
}

/// Rates of everything counted. A sensor's usual share of all packets stands in where a subject is too rare.
fn rates(facts: &Facts) -> Vec<Series> {
    let of = |measure| {
        let counts = facts.counts_of(&Subject::Total, measure)?;
        Some(usual_shares(&facts.coverage, counts, None))
    };
    let (packets, sources) = (of(Measure::Packets), of(Measure::Sources));
    let rate = |counts: &Counts| {
        let overall = match counts.measure {
            Measure::Packets => packets.as_deref(),
            Measure::Sources => sources.as_deref(),
        };
        series(&facts.coverage, counts, &usual_shares(&facts.coverage, counts, overall))
    };
    facts.counts.iter().map(rate).collect()
}

/// Series of a ranking whose curves may cross.
fn compared(ranking: &Ranking, series: &[Series]) -> Vec<Series> {
    let subjects: Vec<&Subject> = ranking.rows.iter().take(COMPARED).map(|ranked| &ranked.subject).collect();
    let is_shown = |one: &&Series| one.measure == Measure::Packets && subjects.contains(&&one.subject);
    series.iter().filter(is_shown).cloned().collect()
}

/// Positions of findings that deserve a section of their own.
fn notable(facts: &Facts, findings: &[Finding]) -> Vec<usize> {
    let shown: Vec<&Subject> = facts
        .ports
        .rows
        .iter()
        .take(5)
        .chain(facts.regions.rows.iter().take(5))
        .map(|ranked| &ranked.subject)
        .collect();
    let mut seen: Vec<&Subject> = Vec::new();
    let mut chosen = Vec::new();
    for (at, finding) in findings.iter().enumerate() {
        let tells = match &finding.course {
            Course::Trend(_) | Course::Jump(_) | Course::Bulge { .. } | Course::Surge { .. } | Course::Appear { .. } => true,
            Course::Swing { .. } | Course::Cross { .. } | Course::Growth { .. } | Course::Steady { .. } => false,
        };
        let elsewhere = match &finding.subject {
            // Networks are many and small: chance alone makes some of them move.
            Subject::Total | Subject::Tool(_) | Subject::ToolRegion { .. } | Subject::Network(_) => true,
            Subject::Port { .. } | Subject::Region(_) | Subject::PortRegion { .. } => false,
        };
        if tells
            && !elsewhere
            && finding.measure == Measure::Packets
            && !shown.contains(&&finding.subject)
            && !seen.contains(&&finding.subject)
        {
            seen.push(&finding.subject);
            chosen.push(at);
        }
    }
    chosen
}

/// First and last day that a finding speaks of.
fn days_of(finding: &Finding, period: (i32, i32)) -> (i32, i32) {
    let (from, to) = match &finding.course {
        Course::Trend(trend) | Course::Jump(trend) => (trend.to.max(trend.from + BASE_DAYS - 1).min(period.1) - BASE_DAYS + 1, trend.to),
        Course::Bulge { from, to, .. }
        | Course::Swing { from, to, .. }
        | Course::Surge { from, to, .. }
        | Course::Appear { from, to, .. }
        | Course::Growth { from, to, .. } => (*from, *to),
        Course::Cross { day, .. } => (*day, period.1),
        Course::Steady { .. } => period,
    };
    (from, to.max(from).min(period.1))
}

/// Asks where the most surprising phenomena came from.
async fn ask_origins(session: &Session, facts: &Facts, findings: &mut [Finding]) -> Result<()> {
    let asked: Vec<usize> = notable(facts, findings).into_iter().take(ORIGINS_ASKED).collect();
    let origins = asked.iter().filter_map(|at| findings.get(*at));
    let origins: Vec<Origin> = futures::stream::iter(origins.map(|finding| ask_origin(session, facts, finding)))
        .buffered(ORIGINS_ASKED)
        .try_collect()
        .await?;
    for (at, origin) in asked.into_iter().zip(origins) {
        if let Some(finding) = findings.get_mut(at) {
            finding.origin = origin;
        }
    }
    Ok(())
}

async fn ask_origin(session: &Session, facts: &Facts, finding: &Finding) -> Result<Origin> {
    let period = (facts.period.first().0, facts.period.last().0);
    let now = days_of(finding, period);
    let begin = finding.course.from().unwrap_or(now.0).min(now.0);
    let before = (begin - BASE_DAYS.max(now.1 - now.0 + 1), begin - 1);
    let only = filter(&finding.subject);
    let ways: &[Of] = match &finding.subject {
        Subject::Port { .. } => &[Of::Regions, Of::Tools],
        Subject::Region(_) | Subject::Tool(_) | Subject::ToolRegion { .. } | Subject::PortRegion { .. } => &[Of::Ports],
        Subject::Network(_) | Subject::Total => &[Of::Regions],
    };
    let ranking = |way, limit| Question::ranking(session, way, Asked::Packets, &only, now, before, limit);
    let mut questions: Vec<Question> = ways.iter().map(|way| ranking(*way, PARTS_ASKED)).collect();
    questions.push(ranking(Of::Sources, 1));
    let answers = Rows::ask_all(session, questions).await?;
    let parts = ways.iter().zip(&answers).map(|(way, rows)| parts_of(*way, rows));
    let parts: Vec<_> = parts.collect::<Result<_>>()?;
    let busiest = answers.last().map(shifts).transpose()?.and_then(|shifts| shifts.first().copied());
    let sensors = sensors(facts, finding, now, before);
    let sum = |of: fn(&Shift) -> u64| sensors.iter().map(of).sum();
    let evidence = Evidence {
        total: Shift {
            now: sum(|shift| shift.now),
            before: sum(|shift| shift.before),
        },
        scale: scale(facts, now, before),
        parts: &parts,
        busiest_source: busiest,
        sensors: &sensors,
    };
    Ok(origin(&evidence)?)
}

/// Which packets a subject means.
fn filter(subject: &Subject) -> Filter {
    let mut filter = Filter::default();
    match subject {
        Subject::Total => {}
        Subject::Port { proto, port } => filter.ports.push((*proto, *port)),
        Subject::Region(region) => filter.regions.push(region.clone()),
        Subject::Network(asn) => filter.networks.push(*asn),
        Subject::Tool(tool) => filter.marks.push(tool.clone()),
        Subject::ToolRegion { tool, region } => {
            filter.marks.push(tool.clone());
            filter.regions.push(region.clone());
        }
        Subject::PortRegion { proto, port, region } => {
            filter.ports.push((*proto, *port));
            filter.regions.push(region.clone());
        }
    }
    filter
}

fn parts_of(way: Of, rows: &Rows) -> Result<Vec<(Subject, Shift)>> {
    let subjects: Vec<Option<Subject>> = match way {
        Of::Ports => super::facts::ports_of(rows)?,
        Of::Tools => rows.texts("tool")?.into_iter().map(|tool| Some(Subject::Tool(tool?))).collect(),
        Of::Networks => rows
            .numbers("asn")?
            .into_iter()
            .map(|asn| Some(Subject::Network(word(asn?))))
            .collect(),
        Of::Regions | Of::Sources | Of::Kinds | Of::Sensors | Of::Scanners | Of::All => rows
            .texts("region")?
            .into_iter()
            .map(|region| Some(Subject::Region(region?)))
            .collect(),
    };
    Ok(subjects
        .into_iter()
        .zip(shifts(rows)?)
        .filter_map(|(subject, shift)| Some((subject?, shift)))
        .collect())
}

fn shifts(rows: &Rows) -> Result<Vec<Shift>> {
    let shift = |(now, before): (f64, f64)| Shift {
        now: whole(now),
        before: whole(before),
    };
    Ok(rows
        .counts("value")?
        .into_iter()
        .zip(rows.counts("value_before")?)
        .map(shift)
        .collect())
}

/// Counts of the finding's subject at each sensor that observed in both spans.
fn sensors(facts: &Facts, finding: &Finding, now: (i32, i32), before: (i32, i32)) -> Vec<Shift> {
    let Some(counts) = facts.counts_of(&finding.subject, Measure::Packets) else {
        return Vec::new();
    };
    let sum = |values: &[f64], days: (i32, i32)| -> f64 {
        let at = |day: i32| usize::try_from(day - facts.lead_in.0).ok();
        (days.0..=days.1).filter_map(|day| values.get(at(day)?)).sum()
    };
    let both = |(up, counts): (&Vec<f64>, &Vec<f64>)| {
        (sum(up, now) > 0.0 && sum(up, before) > 0.0).then(|| Shift {
            now: whole(sum(counts, now)),
            before: whole(sum(counts, before)),
        })
    };
    facts.coverage.up.iter().zip(&counts.counts).filter_map(both).collect()
}

/// Observed sensor-days now divided by those before.
fn scale(facts: &Facts, now: (i32, i32), before: (i32, i32)) -> f64 {
    let sum = |days: (i32, i32)| -> f64 {
        let at = |day: i32| usize::try_from(day - facts.lead_in.0).ok();
        let of = |up: &Vec<f64>| (days.0..=days.1).filter_map(|day| up.get(at(day)?)).sum::<f64>();
        facts.coverage.up.iter().map(of).sum()
    };
    let (now, before) = (sum(now), sum(before));
    if now > 0.0 && before > 0.0 { now / before } else { 1.0 }
}

/// Number of addresses that each sensor watches; one where nobody said.
pub fn addresses(facts: &Facts) -> Vec<u64> {
    let count = |text: &String| match range(text) {
        Some((IpAddr::V4(first), IpAddr::V4(last))) => u64::from(u32::from(last) - u32::from(first)) + 1,
        Some(_) | None => 1,
    };
    let of = |name: &String| {
        facts
            .roster
            .sensor(name)
            .map_or(1, |sensor| sensor.addresses.iter().map(count).sum::<u64>().max(1))
    };
    facts.sensors.iter().map(of).collect()
}

/// How many of the victims, those with most backscatter first, are looked at.
fn taken(victims: &Rows) -> Result<u32> {
    let mut sum = 0.0;
    let mut fits = |packets: &f64| {
        sum += packets;
        sum <= BACKSCATTER_PACKETS_MAX
    };
    let taken = victims.counts("packets")?.iter().take_while(|packets| fits(packets)).count();
    Ok(u32::try_from(taken.max(1)).unwrap_or(u32::MAX))
}

fn find_attacks(facts: &Facts, victims: &Rows, answer: &Rows) -> Result<Attacks> {
    let (host, proto, port) = (answer.counts("host")?, answer.counts("proto")?, answer.numbers("src_port")?);
    let sensor = answer.texts("sensor")?;
    let known = victims.counts("host")?.into_iter().map(word).zip(victims.texts("region")?);
    let regions: HashMap<u32, String> = known.filter_map(|(host, region)| Some((host, region?))).collect();
    let (bin, packets) = (answer.counts("bin")?, answer.counts("packets")?);
    let mut sums: HashMap<(u32, u8), u64> = HashMap::new();
    for ((host, proto), packets) in host.iter().zip(&proto).zip(&packets) {
        *sums.entry((word(*host), rows::proto(*proto))).or_default() += whole(*packets);
    }
    let mut bins = Vec::with_capacity(answer.len());
    for at in 0..answer.len() {
        if sums
            .get(&(word(host[at]), rows::proto(proto[at])))
            .is_none_or(|sum| *sum < BACKSCATTER_MIN)
        {
            continue;
        }
        let name = sensor.get(at).and_then(Option::as_deref).unwrap_or_default();
        let Some(sensor) = facts.sensors.iter().position(|known| known == name) else {
            continue;
        };
        bins.push(Row {
            victim: IpAddr::V4(Ipv4Addr::from(word(host[at]))),
            proto: rows::proto(proto[at]),
            port: port[at].map(rows::port),
            region: regions.get(&word(host[at])).map_or("ZZ", String::as_str),
            sensor,
            begin_secs: whole(bin[at]).cast_signed(),
            packets: whole(packets[at]),
        });
    }
    let observation = Observation {
        addresses: addresses(facts),
        bin_secs: 10,
    };
    Ok(attacks(bins, &observation)?)
}

async fn find_together(session: &Session, mark_ports: &Rows, days: (i32, i32)) -> Result<Together<(u8, u16)>> {
    let ports = mark_ports.counts("proto")?.into_iter().zip(mark_ports.numbers("dst_port")?);
    let ports: Vec<(u8, Option<u16>)> = ports
        .filter_map(|(proto, port)| Some((rows::proto(proto), Some(rows::port(port?)))))
        .collect();
    if ports.is_empty() {
        return Ok(together::<u32, (u8, u16)>(Vec::new(), &Rule::default()));
    }
    let only = Filter {
        ports,
        ..Filter::default()
    };
    let last_days = ((days.1 - TOGETHER_DAYS + 1).max(days.0), days.1);
    let answer = Rows::ask(session, Question::source_ports(last_days, &only)).await?;
    let (src, proto, port) = (answer.counts("src")?, answer.counts("proto")?, answer.counts("dst_port")?);
    let tried = src.into_iter().zip(proto).zip(port);
    let tried = tried.map(|((src, proto), port)| (word(src), (rows::proto(proto), rows::port(port))));
    Ok(together(tried.collect(), &Rule::default()))
}
