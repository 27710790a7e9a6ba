//! Research scanners: regular sweeps over every sensor and every port, from a few addresses that stay.

use crate::datagram::Datagram;
use crate::day::{DAY_US, Day};
use crate::dice::{Dice, Purpose, fnv1a};
use crate::host::{Host, Pool, Tail};
use crate::region::REGIONS;
use crate::scenario::{Scenario, Survey};
use crate::tool::headers;

/// An hour in microseconds.
const HOUR_US: i64 = 3_600_000_000;

/// Appends the packets of those sweeps of `survey` that start on `day`, except where sensors were down.
///
/// A sweep is one packet to every address of every sensor at every port, spread over `sweep_minutes`; what would
/// fall behind midnight comes at the day's end instead, so that a day's packets are all in its own files.
pub(crate) fn sweep(scenario: &Scenario, survey: &Survey, seed: u64, day: Day, out: &mut Vec<Datagram>) {
    if day < survey.from || day > survey.to {
        return;
    }
    let label = fnv1a(survey.name.as_bytes());
    let region = &REGIONS[survey.region];
    // Surveys announce their addresses, so they keep them for years.
    let pool = Pool {
        seed,
        label,
        region,
        lease_days: 10_000,
        tail: Tail::Even,
    };
    let hosts: Vec<Host> = (0..u64::from(survey.addresses)).map(|slot| pool.host(slot, day)).collect();
    let every_us = i64::from(survey.every_hours) * HOUR_US;
    let first_us = survey.from.start_us() + i64::from(survey.start_hour) * HOUR_US;
    let mut start_us = first_us;
    if start_us < day.start_us() {
        start_us += (day.start_us() - start_us + every_us - 1) / every_us * every_us;
    }
    let end_us = day.start_us() + DAY_US;
    while start_us < end_us {
        let mut dice = Dice::new(seed, Purpose::Survey, label, start_us.unsigned_abs());
        let span_us = (i64::from(survey.sweep_minutes) * 60_000_000).min(end_us - start_us);
        one_sweep(scenario, survey, &hosts, (start_us, span_us.unsigned_abs()), &mut dice, out);
        start_us += every_us;
    }
}

/// How many packets a sweep has when no sensor is down.
pub(crate) fn packets_per_sweep(scenario: &Scenario, survey: &Survey) -> u64 {
    let addresses: u64 = scenario.sensors.iter().map(|sensor| u64::from(sensor.address_count())).sum();
    addresses * survey.ports.len() as u64
}

fn one_sweep(
    scenario: &Scenario,
    survey: &Survey,
    hosts: &[Host],
    (start_us, span_us): (i64, u64),
    dice: &mut Dice,
    out: &mut Vec<Datagram>,
) {
    for (at, sensor) in scenario.sensors.iter().enumerate() {
        for nth in 0..u64::from(sensor.address_count()) {
            for (sequence, &target) in (0u32..).zip(&survey.ports) {
                let time_us = start_us + i64::try_from(dice.below(span_us)).unwrap_or(0);
                let host = &hosts[dice.index(hosts.len())];
                let dst = sensor.address(nth);
                let headers = headers(survey.tool, host, dst, target, sequence, dice);
                if sensor.is_down(time_us) {
                    continue;
                }
                out.push(Datagram {
                    time_us,
                    src: host.address,
                    dst,
                    id: headers.id,
                    ttl: headers.ttl.saturating_sub(host.hops),
                    dont_fragment: headers.dont_fragment,
                    sensor: u16::try_from(at).unwrap_or(u16::MAX),
                    region: u8::try_from(survey.region).unwrap_or(u8::MAX),
                    tool: survey.tool,
                    body: headers.body,
                });
            }
        }
    }
}
