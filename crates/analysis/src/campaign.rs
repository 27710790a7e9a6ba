//! Campaigns: sources that share a set of ports, a tool's mark and a rhythm.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use serde::Serialize;

use crate::invalid::{Invalid, within};

/// Days that a profile can tell apart: a quarter and a month before it.
pub const DAYS_MAX: u32 = 128;
/// A source with more ports than this is a survey, which no set of ports describes; it is left out.
pub const PORTS_MAX: usize = 64;
/// Share of the ports of both that two sets must have in common to be one campaign's (Jaccard). Our own choice:
/// sets of three that differ in one more port are one, sets of two are not.
pub const JACCARD_MIN: f64 = 0.7;
/// Share of the active days of the shorter that two must have in common.
pub const DAYS_SHARED_MIN: f64 = 0.5;
/// So many days without any source end a campaign. Our own choice: longer than a weekend.
pub const SILENT_DAYS: u32 = 3;
/// Sources fewer than this are no campaign. Our own choice.
pub const SOURCES_MIN: usize = 10;
/// A source that keeps to so many hours of the day runs by the clock.
pub const CLOCK_HOURS: u32 = 3;
/// Days on which it must have been seen for that: three within three hours come by chance once in hundreds.
pub const CLOCK_DAYS_MIN: u32 = 3;
/// Groups compared with the leaders, largest first.
pub const COMPARED_MAX: usize = 50_000;
/// Groups that others are compared with, largest first.
pub const LEADERS_MAX: usize = 1_000;
/// Regions listed of a campaign.
pub const REGIONS_MAX: usize = 20;

const HOURS: u32 = 24;

/// When a source is active, as far as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rhythm {
    /// Too seldom to say.
    Undecided,
    /// At any time of the day.
    Free,
    /// Within [`CLOCK_HOURS`] hours of the day (UTC) from this one on.
    Clock(u8),
}

/// What one source did in a period.
#[derive(Clone, Debug)]
pub struct Profile<'a, P> {
    source: IpAddr,
    region: &'a str,
    tool: Option<&'a str>,
    ports: Vec<P>,
    wide: bool,
    days: u128,
    hours: u32,
}

/// Sources that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Campaign<P> {
    /// Ports that at least half of the sources tried, ascending.
    pub ports: Vec<P>,
    /// Tool.
    pub tool: Option<String>,
    /// Rhythm of most sources that show one.
    pub rhythm: Rhythm,
    /// First day, from the begin of the period (0).
    pub first_day: u32,
    /// Last day.
    pub last_day: u32,
    /// Mean number of days on which a source was seen.
    pub days_of_source: f64,
    /// Sources active in each hour of the day (UTC), on any day: 24 numbers.
    pub hours: Vec<u64>,
    /// Regions with most sources, largest first, at most [`REGIONS_MAX`].
    pub regions: Vec<(String, u64)>,
    /// Places of its sources in the profiles handed in, ascending.
    pub members: Vec<usize>,
}

/// The campaigns, and what was left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Campaigns<P> {
    /// Largest first.
    pub campaigns: Vec<Campaign<P>>,
    /// Sources with too many ports.
    pub wide: usize,
    /// Sources in no campaign, as too few do the same.
    pub alone: usize,
    /// Groups that were too many to be compared with the leaders.
    pub uncompared: usize,
}

/// Tool, ports and rhythm.
type Signature<'a, P> = (Option<&'a str>, &'a [P], Rhythm);

/// Sources with the very same ports, tool and rhythm, and no long silence.
struct Group<'a, P> {
    tool: Option<&'a str>,
    ports: &'a [P],
    rhythm: Rhythm,
    days: u128,
    sketch: u64,
    members: Vec<usize>,
}

impl<'a, P: Ord + Copy> Profile<'a, P> {
    /// A source that was not seen yet.
    #[must_use]
    pub fn new(source: IpAddr, region: &'a str, tool: Option<&'a str>) -> Self {
        Profile {
            source,
            region,
            tool,
            ports: Vec::new(),
            wide: false,
            days: 0,
            hours: 0,
        }
    }

    /// Adds that it tried a port on a day (from the begin of the period) in an hour of the day (UTC).
    ///
    /// # Errors
    /// When the day is [`DAYS_MAX`] or more, or the hour 24 or more.
    pub fn add(&mut self, port: P, day: u32, hour: u32) -> Result<(), Invalid> {
        within(
            "day of a source's profile",
            f64::from(day),
            0.0,
            f64::from(DAYS_MAX - 1),
            "below 128",
        )?;
        within("hour of a source's profile", f64::from(hour), 0.0, f64::from(HOURS - 1), "below 24")?;
        self.days |= 1 << day;
        self.hours |= 1 << hour;
        if let Err(position) = self.ports.binary_search(&port) {
            if self.ports.len() < PORTS_MAX {
                self.ports.insert(position, port);
            } else {
                self.wide = true;
            }
        }
        Ok(())
    }

    /// The source's address.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        self.source
    }

    /// Its rhythm.
    #[must_use]
    pub fn rhythm(&self) -> Rhythm {
        if self.days.count_ones() < CLOCK_DAYS_MIN {
            return Rhythm::Undecided;
        }
        // The hours written twice, so that a window may pass midnight.
        let twice = u64::from(self.hours) | u64::from(self.hours) << HOURS;
        let fits = |start: &u32| (twice >> start & ((1 << CLOCK_HOURS) - 1)).count_ones() == self.hours.count_ones();
        // Begin at an hour in which it was seen, lest one hour fit three windows.
        let start = (0..HOURS).find(|start| self.hours >> start & 1 == 1 && fits(start));
        start.and_then(|start| u8::try_from(start).ok()).map_or(Rhythm::Free, Rhythm::Clock)
    }
}

/// Finds campaigns among the profiles of sources (one each). Sources with the very same ports, tool and rhythm are
/// grouped, groups are parted where all are silent for more than [`SILENT_DAYS`], and each group joins the largest
/// one with the same tool that it resembles in ports, days and rhythm. The result does not depend on the order of
/// profiles but for `members`. Bounded: [`COMPARED_MAX`] × [`LEADERS_MAX`] comparisons, memory as the profiles.
#[must_use]
pub fn campaigns<P: Ord + Hash + Copy>(profiles: &[Profile<'_, P>]) -> Campaigns<P> {
    let wide = profiles.iter().filter(|profile| profile.wide).count();
    let groups = groups(profiles);
    let uncompared = groups.len().saturating_sub(COMPARED_MAX);
    let mut campaigns: Vec<Campaign<P>> = merge(groups)
        .into_iter()
        .filter(|group| group.members.len() >= SOURCES_MIN)
        .map(|group| campaign(profiles, group))
        .collect();
    campaigns.sort_by(|left, right| {
        (right.members.len().cmp(&left.members.len()))
            .then_with(|| left.ports.cmp(&right.ports))
            .then_with(|| left.tool.cmp(&right.tool))
            .then_with(|| left.first_day.cmp(&right.first_day))
            .then_with(|| left.rhythm.cmp(&right.rhythm))
    });
    let grouped: usize = campaigns.iter().map(|campaign| campaign.members.len()).sum();
    Campaigns {
        alone: profiles.len() - wide - grouped,
        campaigns,
        wide,
        uncompared,
    }
}

/// Exact groups, largest first.
fn groups<'a, P: Ord + Hash + Copy>(profiles: &'a [Profile<'a, P>]) -> Vec<Group<'a, P>> {
    let mut by_signature: HashMap<Signature<'_, P>, Vec<usize>> = HashMap::new();
    for (place, profile) in profiles
        .iter()
        .enumerate()
        .filter(|(_, profile)| !profile.wide && profile.days != 0)
    {
        let signature = (profile.tool, profile.ports.as_slice(), profile.rhythm());
        by_signature.entry(signature).or_default().push(place);
    }
    let mut groups = Vec::with_capacity(by_signature.len());
    for ((tool, ports, rhythm), members) in by_signature {
        let sketch = ports.iter().fold(0, |sketch, port| sketch | bit(port));
        for (days, members) in waves(profiles, members) {
            groups.push(Group {
                tool,
                ports,
                rhythm,
                days,
                sketch,
                members,
            });
        }
    }
    groups.sort_unstable_by(|left, right| {
        (right.members.len().cmp(&left.members.len()))
            .then_with(|| (left.tool, left.ports, left.rhythm).cmp(&(right.tool, right.ports, right.rhythm)))
            .then_with(|| left.days.trailing_zeros().cmp(&right.days.trailing_zeros()))
    });
    groups
}

fn bit<P: Hash>(port: &P) -> u64 {
    let mut hasher = DefaultHasher::new();
    port.hash(&mut hasher);
    1 << (hasher.finish() % u64::from(u64::BITS))
}

/// Parts the members of a group where none is active for more than [`SILENT_DAYS`]; with the active days of each part.
/// A source that is active on both sides of a silence ties them together.
fn waves<P>(profiles: &[Profile<'_, P>], mut members: Vec<usize>) -> Vec<(u128, Vec<usize>)> {
    let days = |member: &usize| profiles.get(*member).map_or(0, |profile| profile.days);
    members.sort_by_key(|member| days(member).trailing_zeros());
    let mut waves: Vec<(u128, Vec<usize>)> = Vec::new();
    for member in members {
        let days = days(&member);
        match waves.last_mut() {
            Some((all, wave)) if days.trailing_zeros() <= last_day(*all) + SILENT_DAYS + 1 => {
                *all |= days;
                wave.push(member);
            }
            Some(_) | None => waves.push((days, vec![member])),
        }
    }
    waves
}

fn last_day(days: u128) -> u32 {
    u128::BITS.saturating_sub(days.leading_zeros() + 1)
}

/// Lets each group join the largest one that it resembles.
fn merge<P: Ord>(groups: Vec<Group<'_, P>>) -> Vec<Group<'_, P>> {
    let mut leaders: Vec<Group<'_, P>> = Vec::new();
    let mut rest = Vec::new();
    for (place, mut group) in groups.into_iter().enumerate() {
        let like = leaders.iter().position(|leader| place < COMPARED_MAX && alike(leader, &group));
        if let Some(leader) = like.and_then(|like| leaders.get_mut(like)) {
            // The leader keeps its own ports and days, lest campaigns grow into each other step by step.
            leader.members.append(&mut group.members);
        } else if leaders.len() < LEADERS_MAX {
            leaders.push(group);
        } else {
            rest.push(group);
        }
    }
    leaders.append(&mut rest);
    leaders
}

fn alike<P: Ord>(left: &Group<'_, P>, right: &Group<'_, P>) -> bool {
    let rhythms = match (left.rhythm, right.rhythm) {
        (Rhythm::Undecided, _) | (_, Rhythm::Undecided) | (Rhythm::Free, Rhythm::Free) => true,
        (Rhythm::Clock(one), Rhythm::Clock(other)) => {
            let apart = u32::from(one.abs_diff(other));
            apart.min(HOURS - apart) <= 1
        }
        (Rhythm::Clock(_), Rhythm::Free) | (Rhythm::Free, Rhythm::Clock(_)) => false,
    };
    if !rhythms || left.tool != right.tool {
        return false;
    }
    let shared = f64::from((left.days & right.days).count_ones());
    let shorter = f64::from(left.days.count_ones().min(right.days.count_ones()));
    if shared < DAYS_SHARED_MIN * shorter {
        return false;
    }
    // Ports of the one whose bit the other lacks are surely not the other's: most pairs end here.
    let lacking = (left.sketch & !right.sketch).count_ones() as usize;
    let common_max = left.ports.len().saturating_sub(lacking).min(right.ports.len());
    jaccard(common_max, left.ports.len(), right.ports.len()) >= JACCARD_MIN
        && jaccard(common(left.ports, right.ports), left.ports.len(), right.ports.len()) >= JACCARD_MIN
}

fn jaccard(common: usize, left: usize, right: usize) -> f64 {
    common as f64 / (left + right).saturating_sub(common).max(1) as f64
}

/// Number of equal elements of two ascending lists.
fn common<P: Ord>(left: &[P], right: &[P]) -> usize {
    let mut right = right.iter().peekable();
    left.iter()
        .filter(|port| {
            while right.next_if(|other| other < port).is_some() {}
            right.next_if(|other| other == port).is_some()
        })
        .count()
}

fn campaign<P: Ord + Copy>(profiles: &[Profile<'_, P>], mut group: Group<'_, P>) -> Campaign<P> {
    group.members.sort_unstable();
    let sources = group.members.len();
    let mut ports: BTreeMap<P, usize> = BTreeMap::new();
    let mut regions: BTreeMap<&str, u64> = BTreeMap::new();
    let mut rhythms: BTreeMap<Rhythm, usize> = BTreeMap::new();
    let mut hours = vec![0; HOURS as usize];
    let (mut days, mut source_days) = (0, 0_u64);
    for profile in group.members.iter().filter_map(|member| profiles.get(*member)) {
        for port in &profile.ports {
            *ports.entry(*port).or_default() += 1;
        }
        *regions.entry(profile.region).or_default() += 1;
        *rhythms.entry(profile.rhythm()).or_default() += 1;
        for (hour, count) in hours.iter_mut().enumerate() {
            *count += u64::from(profile.hours >> hour & 1);
        }
        days |= profile.days;
        source_days += u64::from(profile.days.count_ones());
    }
    rhythms.remove(&Rhythm::Undecided);
    let mut regions: Vec<(String, u64)> = regions.into_iter().map(|(region, count)| (region.to_owned(), count)).collect();
    regions.sort_by_key(|region| std::cmp::Reverse(region.1));
    regions.truncate(REGIONS_MAX);
    Campaign {
        ports: ports
            .into_iter()
            .filter(|(_, count)| 2 * count >= sources)
            .map(|(port, _)| port)
            .collect(),
        tool: group.tool.map(str::to_owned),
        // Of equally many the earlier rhythm: `max_by_key` takes the last.
        rhythm: rhythms
            .into_iter()
            .rev()
            .max_by_key(|(_, count)| *count)
            .map_or(Rhythm::Undecided, |(rhythm, _)| rhythm),
        first_day: u128::trailing_zeros(days),
        last_day: last_day(days),
        days_of_source: source_days as f64 / sources.max(1) as f64,
        hours,
        regions,
        members: group.members,
    }
}

#[cfg(test)]
#[path = "campaign/tests.rs"]
mod tests;
