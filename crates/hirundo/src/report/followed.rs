//! What became of the notified addresses: the lake asked for them, and for the addresses that they are compared with.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, Date32Array, StringArray, UInt32Array};
use arrow::record_batch::RecordBatch;
use hirundo_analysis::notified::{Calendar, Group, LATER, Notification, RECENT_DAYS, Sightings, WINDOW_DAYS, follow, needed};
use hirundo_lake::observation::{Sighted, sighting_words};
use hirundo_lake::{Question, Session};

use super::facts::coverage_of;
use super::notified::{Entry, Notified, Recipient, SIMULATED};
use super::rows::{Rows, word};
use crate::period::{Day, Period};

/// Addresses that the notified are compared with, at most: of more, one in 2, 4, 8, ... is looked at.
const OTHERS_MAX: f64 = 500_000.0;
/// Part of the network that must observe on a day for it to count as observed; as of a day's rate.
const OBSERVED_MIN: f64 = 0.3;
/// Words of 64 days looked at, at most: a year's notifications and what follows them.
const WORDS_MAX: usize = 8;
/// Names under which a session keeps the addresses notified, and the places to compare them at.
const ADDRESSES_KEPT: &str = "notified_kept";
const PLACES_KEPT: &str = "notified_places_kept";
/// One day of a source in so many leads to a notification in a simulation,
const SIMULATED_ONE_IN: u64 = 6;
/// to so many recipients.
const SIMULATED_RECIPIENTS: u64 = 5;

/// What became of the addresses notified in a period.
pub struct Followed {
    /// By kind of recipient, those that there are.
    pub kinds: Vec<(Recipient, Group)>,
    /// By recipient, most addresses first; not compared.
    pub recipients: Vec<(Recipient, Option<String>, Group)>,
    /// All together.
    pub all: Group,
    /// Addresses notified that are of IPv6, which are not followed and not among the others.
    pub ipv6: u64,
    /// One address in so many was looked at for comparison.
    pub one_in: u64,
    /// Last day looked at.
    pub last: Day,
    /// Whether any of the notifications was made up for a demonstration.
    pub simulated: bool,
    /// SQL of the sightings that all this is counted of.
    pub sql: String,
}

/// Numbers of (region, tool).
#[derive(Default)]
struct Strata(HashMap<(String, Option<String>), u32>);

impl Strata {
    fn number(&mut self, region: &str, tool: Option<&str>) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry((region.to_owned(), tool.map(str::to_owned))).or_insert(next)
    }

    /// An answer to [`Question::sightings`].
    fn sightings(&mut self, rows: &Rows, days: (i32, i32)) -> Result<Sightings> {
        let number = usize::try_from(days.1 - days.0 + 1).unwrap_or_default();
        let mut sightings = Sightings::new(days.0, number);
        let ((regions, region_names), (tools, tool_names)) = (rows.codes("region")?, rows.codes("tool")?);
        let columns: Vec<Vec<Option<i64>>> = (0..sightings.stride())
            .map(|at| rows.integers(&format!("days_{at}")))
            .collect::<Result<_>>()?;
        let mut words = vec![0; columns.len()];
        let mut known: HashMap<(Option<usize>, Option<usize>), u32> = HashMap::new();
        for (at, src) in rows.counts("src")?.into_iter().enumerate() {
            let (region, tool) = (regions.get(at).copied().flatten(), tools.get(at).copied().flatten());
            let stratum = *known.entry((region, tool)).or_insert_with(|| {
                let text = |names: &[String], at: Option<usize>| at.and_then(|at| names.get(at)).cloned();
                let region = text(&region_names, region).unwrap_or_default();
                self.number(&region, text(&tool_names, tool).as_deref())
            });
            for (word, column) in words.iter_mut().zip(&columns) {
                *word = column.get(at).copied().flatten().unwrap_or_default().cast_unsigned();
            }
            sightings.push(word(src), stratum, &words)?;
        }
        Ok(sightings)
    }

    /// Places as a table that a session keeps.
    fn table(&self, places: &[(u32, i32)]) -> Result<RecordBatch> {
        let names: BTreeMap<u32, &(String, Option<String>)> = self.0.iter().map(|(names, number)| (*number, names)).collect();
        let named = places.iter().filter_map(|(stratum, day)| Some((*names.get(stratum)?, *day)));
        let (names, days): (Vec<_>, Vec<i32>) = named.unzip();
        let regions = StringArray::from_iter_values(names.iter().map(|(region, _)| region));
        let tools = StringArray::from_iter_values(names.iter().map(|(_, tool)| tool.as_deref().unwrap_or_default()));
        Ok(RecordBatch::try_from_iter([
            ("day", Arc::new(Date32Array::from(days)) as ArrayRef),
            ("region", Arc::new(regions)),
            ("tool", Arc::new(tools)),
        ])?)
    }
}

/// Follows the addresses notified in the period, up to the last day of the lake and to the newest that may be told; `None`
/// where none was.
pub async fn followed(session: &Session, notified: &Notified, period: Period, newest: Day) -> Result<Option<Followed>> {
    let entries = notified.first_in(&period);
    let (Some(first), Some(last), Some(span)) = (entries.first(), entries.last(), session.span().await?) else {
        return Ok(None);
    };
    let from = first.day.0 - RECENT_DAYS + 1;
    let reach = LATER.into_iter().max().unwrap_or_default() + WINDOW_DAYS - 1;
    let days = (from, (last.day.0 + reach).min(span.1).min(newest.0).max(from));
    if sighting_words(days) > WORDS_MAX {
        tracing::warn!(
            "what became of the notified addresses is left out: {period} is too long; hint: make the report of a year, or of less"
        );
        return Ok(None);
    }
    let calendar = calendar(&Rows::ask(session, Question::coverage(days.0, days.1)).await?, days)?;
    let mut strata = Strata::default();
    let notifications: Vec<(&Entry, u32)> = entries.iter().filter_map(|entry| Some((*entry, ipv4(entry.address)?))).collect();
    session.keep(ADDRESSES_KEPT, vec![addresses(&notifications)?])?;
    let rows = Rows::ask(session, Question::sightings(days, &Sighted::In { table: ADDRESSES_KEPT })).await?;
    let seen = strata.sightings(&rows, days)?;
    let kinds: Vec<Recipient> = Recipient::ALL
        .into_iter()
        .filter(|kind| notifications.iter().any(|(entry, _)| entry.recipient == *kind))
        .collect();
    let by_kind = grouped(&notifications, |entry| kinds.iter().position(|kind| *kind == entry.recipient));
    let places = needed(&by_kind, &seen);
    let (others, one_in) = others(session, &mut strata, &places, days).await?;
    let mut groups = follow(&by_kind, kinds.len(), &seen, &others, &since(notified), &calendar);
    let all = groups.pop().unwrap_or_default();
    Ok(Some(Followed {
        kinds: kinds.into_iter().zip(groups).collect(),
        recipients: by_recipient(&notifications, &seen, &calendar, days),
        all,
        ipv6: entries.len().saturating_sub(notifications.len()) as u64,
        one_in,
        last: Day(days.1),
        simulated: entries.iter().any(|entry| entry.is_simulated),
        sql: rows.question.sql,
    }))
}

/// Addresses that were where and when the notified were last seen.
async fn others(session: &Session, strata: &mut Strata, places: &[(u32, i32)], days: (i32, i32)) -> Result<(Sightings, u64)> {
    let seen = places.iter().map(|(_, day)| *day);
    let (Some(first), Some(last)) = (seen.clone().min(), seen.max()) else {
        return Ok((Sightings::new(days.0, 0), 1));
    };
    session.keep(PLACES_KEPT, vec![strata.table(places)?])?;
    let number = Rows::ask(session, Question::sighted((first, last), PLACES_KEPT)).await?;
    let number = number.counts("sources")?.into_iter().sum::<f64>();
    let mut one_in = 1;
    while number / one_in as f64 > OTHERS_MAX {
        one_in *= 2;
    }
    let at = Sighted::At {
        places: PLACES_KEPT,
        one_in,
    };
    let rows = Rows::ask(session, Question::sightings(days, &at)).await?;
    Ok((strata.sightings(&rows, days)?, one_in))
}

fn ipv4(address: IpAddr) -> Option<u32> {
    match address {
        IpAddr::V4(address) => Some(address.to_bits()),
        IpAddr::V6(_) => None,
    }
}

/// When each address of the file was first notified, in whatever period.
fn since(notified: &Notified) -> HashMap<u32, i32> {
    let mut since = HashMap::new();
    for entry in &notified.entries {
        let Some(address) = ipv4(entry.address) else { continue };
        let day = since.entry(address).or_insert(entry.day.0);
        *day = entry.day.0.min(*day);
    }
    since
}

/// Addresses as a table that a session keeps.
fn addresses(notifications: &[(&Entry, u32)]) -> Result<RecordBatch> {
    let all: BTreeSet<u32> = notifications.iter().map(|(_, address)| *address).collect();
    let column: ArrayRef = Arc::new(UInt32Array::from_iter_values(all));
    Ok(RecordBatch::try_from_iter([("src", column)])?)
}

fn calendar(coverage: &Rows, days: (i32, i32)) -> Result<Calendar> {
    let (sensors, coverage) = coverage_of(coverage, days.0, days.1)?;
    let number = usize::try_from(days.1 - days.0 + 1).unwrap_or_default();
    let up = |at: usize| coverage.up.iter().filter_map(|up| up.get(at)).sum::<f64>();
    Ok(Calendar {
        first: days.0,
        observed: (0..number).map(|at| up(at) >= OBSERVED_MIN * sensors.len().max(1) as f64).collect(),
    })
}

fn grouped(notifications: &[(&Entry, u32)], group: impl Fn(&Entry) -> Option<usize>) -> Vec<Notification> {
    let one = |(entry, address): &(&Entry, u32)| Notification {
        address: *address,
        day: entry.day.0,
        group: group(entry).unwrap_or(usize::MAX),
    };
    notifications.iter().map(one).collect()
}

fn by_recipient(
    notifications: &[(&Entry, u32)],
    seen: &Sightings,
    calendar: &Calendar,
    days: (i32, i32),
) -> Vec<(Recipient, Option<String>, Group)> {
    let key = |entry: &Entry| (entry.recipient, entry.name.clone());
    let names: BTreeSet<_> = notifications.iter().map(|(entry, _)| key(entry)).collect();
    let at: BTreeMap<_, usize> = names.iter().cloned().zip(0..).collect();
    let by_name = grouped(notifications, |entry| at.get(&key(entry)).copied());
    let groups = follow(&by_name, names.len(), seen, &Sightings::new(days.0, 0), &HashMap::new(), calendar);
    let mut recipients: Vec<_> = names
        .into_iter()
        .zip(groups)
        .map(|((kind, name), group)| (kind, name, group))
        .collect();
    recipients.sort_by_key(|(.., group)| std::cmp::Reverse(group.notified));
    recipients
}

/// Made-up notifications of the period's sources of a tool from a region, for demonstrations: the simulated know nothing of
/// them, so they are still seen as often as those that were not notified.
pub async fn simulated(session: &Session, tool: &str, region: &str, period: Period, seed: u64) -> Result<String> {
    let days = (period.first().0, period.last().0);
    let of = Sighted::Of { region, tool: Some(tool) };
    let rows = Rows::ask(session, Question::sightings(days, &of)).await?;
    let columns: Vec<Vec<Option<i64>>> = (0..sighting_words(days))
        .map(|at| rows.integers(&format!("days_{at}")))
        .collect::<Result<_>>()?;
    let mut made: Vec<(Day, u32, u64)> = Vec::new();
    for (at, src) in rows.counts("src")?.into_iter().enumerate() {
        let words = columns
            .iter()
            .map(|column| column.get(at).copied().flatten().unwrap_or_default().cast_unsigned());
        let seen = words
            .zip(0..)
            .flat_map(|(bits, word)| (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| 64 * word + bit));
        // Whether it is notified because of a day does not depend on what it does later.
        let chosen = seen
            .map(|day| (day, mixed(seed ^ (u64::from(word(src)) << 16) ^ mixed(day))))
            .find(|(_, dice)| dice.is_multiple_of(SIMULATED_ONE_IN));
        let Some((day, dice)) = chosen else { continue };
        // From none to two days later, as long as notifying takes.
        let day = days.0 + i32::try_from(day + dice / SIMULATED_ONE_IN % 3).unwrap_or_default();
        if day <= days.1 {
            made.push((Day(day), word(src), dice >> 8));
        }
    }
    made.sort_unstable();
    let mut text =
        String::from("# Simulated notifications of simulated sources, for demonstrations.\nnotified,address,kind,recipient,reason\n");
    for (day, src, dice) in made {
        let (kind, name) = match dice % 10 {
            ..7 => (Recipient::Provider, "Example Telecom"),
            7..9 => (Recipient::Csirt, "Example CSIRT"),
            _ => (Recipient::Owner, "Example University"),
        };
        let number = dice / 10 % SIMULATED_RECIPIENTS + 1;
        let address = IpAddr::V4(src.into());
        text.push_str(&format!("{},{address},{},{name} {number},{SIMULATED}\n", day.to_date(), kind.tag()));
    }
    Ok(text)
}

/// The finaliser of SplitMix64: neighbours come out far apart.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
