//! Campaigns planted among noise must come out, whole and apart.

use std::net::Ipv4Addr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(number))
}

/// A source with its ports at each of these (day, hour).
fn source(number: u32, tool: Option<&'static str>, ports: &[u16], times: &[(u32, u32)]) -> Profile<'static, u16> {
    let region = if number.is_multiple_of(3) { "CN" } else { "US" };
    let mut profile = Profile::new(address(number), region, tool);
    for port in ports {
        for (day, hour) in times {
            profile.add(*port, *day, *hour).unwrap();
        }
    }
    profile
}

fn below(dice: &mut ChaCha8Rng, end: u32) -> u32 {
    dice.next_u32() % end
}

/// Three campaigns of 200, 100 and 60 sources, among 2,000 sources with ports, days and hours by chance.
fn planted(seed: u64) -> Vec<Profile<'static, u16>> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut profiles = Vec::new();
    for number in 0..200 {
        let times: Vec<(u32, u32)> = (0..6).map(|_| (10 + below(&mut dice, 20), below(&mut dice, 24))).collect();
        // One in ten has one more port.
        let ports: &[u16] = if number % 10 == 0 { &[23, 80, 2323, 8080] } else { &[23, 80, 2323] };
        profiles.push(source(number, Some("mirai"), ports, &times));
    }
    for number in 1_000..1_100 {
        let times: Vec<(u32, u32)> = (0..8)
            .map(|_| (20 + below(&mut dice, 10), (22 + below(&mut dice, 2)) % 24))
            .collect();
        profiles.push(source(number, None, &[5_555, 6_379], &times));
    }
    for number in 2_000..2_060 {
        let times: Vec<(u32, u32)> = (0..8).map(|_| (20 + below(&mut dice, 10), below(&mut dice, 24))).collect();
        profiles.push(source(number, None, &[5_555, 6_379], &times));
    }
    for number in 10_000..12_000 {
        let count = 2 + below(&mut dice, 4);
        let ports: Vec<u16> = (0..count).map(|_| u16::try_from(below(&mut dice, 60_000)).unwrap()).collect();
        let times: Vec<(u32, u32)> = (0..4).map(|_| (below(&mut dice, 90), below(&mut dice, 24))).collect();
        profiles.push(source(number, None, &ports, &times));
    }
    profiles
}

#[test]
fn planted_campaigns_come_out() {
    for seed in 0..5 {
        let found = campaigns(&planted(seed));
        let told: Vec<_> = found
            .campaigns
            .iter()
            .map(|campaign| {
                (
                    campaign.ports.clone(),
                    campaign.tool.as_deref(),
                    campaign.rhythm,
                    campaign.members.len(),
                )
            })
            .collect();
        assert_eq!(told[0], (vec![23, 80, 2323], Some("mirai"), Rhythm::Free, 200), "seed {seed}");
        assert_eq!(
            (&told[1].0, told[1].2, told[1].3),
            (&vec![5_555, 6_379], Rhythm::Clock(22), 100),
            "seed {seed}"
        );
        assert_eq!(
            (&told[2].0, told[2].2, told[2].3),
            (&vec![5_555, 6_379], Rhythm::Free, 60),
            "seed {seed}"
        );
        assert_eq!((told.len(), found.alone), (3, 2_000));
        let first = &found.campaigns[0];
        assert_eq!((first.first_day, first.last_day), (10, 29));
        assert_eq!(first.regions, [("US".to_owned(), 133), ("CN".to_owned(), 67)]);
        assert!((4.0..=6.0).contains(&first.days_of_source));
        assert_eq!(first.hours.len(), 24);
    }
}

#[test]
fn order_of_profiles_does_not_matter() {
    let mut profiles = planted(9);
    let addresses = |profiles: &[Profile<'_, u16>], found: &Campaigns<u16>| -> Vec<Vec<IpAddr>> {
        let mut members: Vec<Vec<IpAddr>> = found
            .campaigns
            .iter()
            .map(|campaign| campaign.members.iter().map(|member| profiles[*member].source()).collect())
            .collect();
        members.iter_mut().for_each(|members| members.sort_unstable());
        members
    };
    let first = campaigns(&profiles);
    let first_addresses = addresses(&profiles, &first);
    profiles.reverse();
    let second = campaigns(&profiles);
    assert_eq!(addresses(&profiles, &second), first_addresses);
    assert_eq!(first.campaigns[0].regions, second.campaigns[0].regions);
}

#[test]
fn a_long_silence_parts_and_a_tool_parts() {
    let make = |gap: u32, tool: Option<&'static str>| -> Vec<Profile<'static, u16>> {
        let early = (0..20).map(|number| source(number, Some("zmap"), &[23], &[(5, 1)]));
        let late = (100..120).map(|number| source(number, tool, &[23], &[(5 + gap, 1)]));
        early.chain(late).collect()
    };
    for (gap, tool, expected) in [(4, Some("zmap"), 1), (5, Some("zmap"), 2), (0, None, 2), (0, Some("zmap"), 1)] {
        assert_eq!(campaigns(&make(gap, tool)).campaigns.len(), expected, "gap {gap}, {tool:?}");
    }
}

#[test]
fn other_hours_part_and_the_next_hour_does_not() {
    for (hour, other, expected) in [(3, 12, 2), (3, 5, 2), (3, 4, 1), (23, 0, 1), (3, 3, 1)] {
        let times = |hour: u32| [(1, hour), (2, hour), (3, hour)];
        let early = (0..20).map(|number| source(number, None, &[23], &times(hour)));
        let late = (100..130).map(|number| source(number, None, &[23], &times(other)));
        let found = campaigns(&early.chain(late).collect::<Vec<_>>());
        assert_eq!(found.campaigns.len(), expected, "{hour} and {other}");
    }
}

#[test]
fn ports_of_less_than_half_are_not_told() {
    let usual = (0..20).map(|number| source(number, None, &[1, 2, 3], &[(1, 1)]));
    let wider = (100..110).map(|number| source(number, None, &[1, 2, 3, 4], &[(1, 1)]));
    let found = campaigns(&usual.chain(wider).collect::<Vec<_>>());
    assert_eq!((found.campaigns.len(), &found.campaigns[0].ports), (1, &vec![1, 2, 3]));
}

#[test]
fn rhythm_of_a_source() {
    for (times, expected) in [
        (vec![(0, 3)], Rhythm::Undecided),
        (vec![(0, 3), (1, 3)], Rhythm::Undecided),
        (vec![(0, 3), (1, 3), (2, 3)], Rhythm::Clock(3)),
        (vec![(0, 23), (1, 0), (2, 1)], Rhythm::Clock(23)),
        (vec![(0, 22), (1, 0), (2, 1)], Rhythm::Free),
        ((0..24).map(|hour| (hour, hour)).collect(), Rhythm::Free),
    ] {
        assert_eq!(source(0, None, &[1], &times).rhythm(), expected, "{times:?}");
    }
}

#[test]
fn sets_in_common() {
    for (left, right, expected) in [
        (&[1, 2, 3][..], &[2, 3, 4][..], 2),
        (&[], &[1], 0),
        (&[1, 5, 9], &[0, 2, 4, 6, 8], 0),
        (&[7], &[7], 1),
    ] {
        assert_eq!(common(left, right), expected);
        assert_eq!(common(right, left), expected);
    }
}

#[test]
fn hostile_profiles() {
    assert_eq!(campaigns::<u16>(&[]).campaigns.len(), 0);
    let mut profile = Profile::new(address(1), "", None);
    assert!(profile.add(1_u16, DAYS_MAX, 0).is_err() && profile.add(1, 0, 24).is_err());
    profile.add(1, DAYS_MAX - 1, 23).unwrap();
    for port in 0..=u16::MAX {
        profile.add(port, 0, 0).unwrap();
    }
    let unseen = Profile::new(address(2), "", None);
    let found = campaigns(&[profile, unseen]);
    assert_eq!((found.wide, found.alone, found.campaigns.len()), (1, 1, 0));
}

/// As many sources as a quarter brings; in a release build about a second.
#[test]
fn a_million_sources() {
    let mut dice = ChaCha8Rng::seed_from_u64(3);
    let count = if cfg!(debug_assertions) { 50_000 } else { 1_000_000 };
    let profiles: Vec<Profile<'static, u16>> = (0..count)
        .map(|number| {
            // Half carry one of forty sets, half have up to five ports by chance.
            let ports: Vec<u16> = if number % 2 == 0 {
                (0..4).map(|port| 1_000 + u16::try_from(number % 80).unwrap() * 10 + port).collect()
            } else {
                (0..1 + below(&mut dice, 5))
                    .map(|_| u16::try_from(below(&mut dice, 3_000)).unwrap())
                    .collect()
            };
            let times: Vec<(u32, u32)> = (0..5).map(|_| (below(&mut dice, 90), below(&mut dice, 24))).collect();
            source(number, None, &ports, &times)
        })
        .collect();
    let begin = std::time::Instant::now();
    let found = campaigns(&profiles);
    println!("{count} sources: {:?}, {} uncompared", begin.elapsed(), found.uncompared);
    let planted = found
        .campaigns
        .iter()
        .filter(|campaign| campaign.ports.len() == 4 && campaign.members.len() >= 500);
    assert_eq!(planted.count(), 40);
}
