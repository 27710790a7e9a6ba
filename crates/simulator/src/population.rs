//! One population's packets of one day: how many from where to which port, by which of its sources, and when.

use crate::apportion::{Apportion, Carry};
use crate::curve::MICRO;
use crate::datagram::Datagram;
use crate::day::{DAY_US, Day};
use crate::dice::{Dice, Purpose, fnv1a, mix};
use crate::host::{Host, Pool};
use crate::region::REGIONS;
use crate::rhythm::{Burst, Pacing};
use crate::scenario::{Population, Scenario, Sensor, Target};
use crate::tool::{Tool, headers};

/// A population on its way through the days.
pub(crate) struct Crowd<'a> {
    population: &'a Population,
    sensors: &'a [Sensor],
    seed: u64,
    label: u64,
    /// Packets a day to whole numbers.
    packets: Carry,
    /// Packets of a day among the regions.
    by_region: Apportion,
    /// Packets of a region among the ports, one for each region.
    by_port: Vec<Apportion>,
    /// Running sums of the sensors' weights, one row for each port.
    sensor_sums: Vec<Vec<u64>>,
}

impl<'a> Crowd<'a> {
    pub(crate) fn new(scenario: &'a Scenario, population: &'a Population, seed: u64) -> Crowd<'a> {
        let row = |&(target, _): &(Target, _)| sensor_sums(&scenario.sensors, &population.sensors, target);
        Crowd {
            population,
            sensors: &scenario.sensors,
            seed,
            label: fnv1a(population.name.as_bytes()),
            packets: Carry::default(),
            by_region: Apportion::default(),
            by_port: vec![Apportion::default(); population.regions.len()],
            sensor_sums: population.ports.iter().map(row).collect(),
        }
    }

    /// How many packets the population sends on `day`.
    pub(crate) fn due(&mut self, day: Day) -> u64 {
        let population = self.population;
        let mut dice = Dice::new(self.seed, Purpose::Noise, self.label, u64::from(day.0.unsigned_abs()));
        // Two uniform draws make a triangular noise of at most ± noise_percent.
        let swing = i64::from(dice.u16()) + i64::from(dice.u16()) - 65_535;
        let noise = MICRO + swing * i64::from(population.noise_percent) * 10_000 / 65_535;
        let due = i128::from(population.packets.at(day)) * i128::from(noise) / i128::from(MICRO);
        let due = due * i128::from(week_percent(population.weekend_percent, day)) / 100_000;
        self.packets.whole(i64::try_from(due).unwrap_or(i64::MAX))
    }

    /// Appends the packets of `day`, `due` in number (fewer where a sensor was down), in no order.
    pub(crate) fn send(&mut self, day: Day, due: u64, out: &mut Vec<Datagram>) {
        let population = self.population;
        let shares = |at: usize| population.regions[at].1.at(day).unsigned_abs();
        let weights: Vec<u64> = (0..population.regions.len()).map(shares).collect();
        let packets = self.by_region.divide(due, &weights);
        let source_sum: i64 = population.regions.iter().map(|(_, _, sources)| sources.at(day)).sum();
        for (at, &packets) in packets.iter().enumerate() {
            if packets == 0 {
                continue;
            }
            let (region, _, source_share) = &population.regions[at];
            let weights: Vec<u64> = population.ports.iter().map(|(_, w)| w.at(day).unsigned_abs()).collect();
            let ports = self.by_port[at].divide(packets, &weights);
            let sources = i128::from(population.sources.at(day)) * i128::from(source_share.at(day));
            let sources = sources / i128::from(source_sum.max(1));
            let sources = u64::try_from((sources + 500_000) / 1_000_000).unwrap_or(0).clamp(1, packets);
            let label = mix(self.label, *region as u64);
            let dice = Dice::new(self.seed, Purpose::Traffic, label, u64::from(day.0.unsigned_abs()));
            let pool = Pool {
                seed: self.seed,
                label,
                region: &REGIONS[*region],
                lease_days: population.lease_days,
                tail: population.tail,
            };
            self.send_region(day, *region, &ports, &pool, sources, dice, out);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "all of it is the day's plan for one region, used once")]
    fn send_region(&self, day: Day, region: usize, ports: &[u64], pool: &Pool<'_>, sources: u64, mut dice: Dice, out: &mut Vec<Datagram>) {
        let population = self.population;
        let mut plan: Vec<usize> = Vec::new();
        for (port, &count) in ports.iter().enumerate() {
            plan.extend(std::iter::repeat_n(port, usize::try_from(count).unwrap_or(0)));
        }
        dice.shuffle(&mut plan);
        let hosts: Vec<Host> = (0..sources).map(|slot| pool.host(slot, day)).collect();
        let counts = share_among(&hosts, plan.len(), &mut dice);
        let hours = population.rhythm.sums();
        let mut targets = plan.into_iter();
        for (host, &count) in hosts.iter().zip(&counts) {
            let start = population.rhythm.time_us(&hours, day, pool.region, &mut dice);
            let burst = Burst::new(start, day, &mut dice);
            for nth in 0..count {
                let Some(port) = targets.next() else { return };
                let time_us = match population.pacing {
                    Pacing::Spread => population.rhythm.time_us(&hours, day, pool.region, &mut dice),
                    Pacing::Burst => burst.time_us(&mut dice),
                    Pacing::Even => even(day, host, nth, count),
                };
                let drawn = dice.weighted(&self.sensor_sums[port]);
                // A host set up wrongly has one address in its settings.
                let (place, nth_address) = if population.tool == Tool::Misconfiguration {
                    let place = usize::try_from(host.flavour).unwrap_or(0);
                    (place % population.sensors.len(), u64::from(host.key))
                } else {
                    (drawn, dice.u64())
                };
                let sensor = population.sensors[place];
                let dst = self.sensors[sensor].address(nth_address);
                let target = port_of(population.ports[port].0, &mut dice);
                let headers = headers(population.tool, host, dst, target, nth, &mut dice);
                if self.sensors[sensor].is_down(time_us) {
                    continue;
                }
                out.push(Datagram {
                    time_us,
                    src: host.address,
                    dst,
                    id: headers.id,
                    ttl: headers.ttl.saturating_sub(host.hops),
                    dont_fragment: headers.dont_fragment,
                    sensor: u16::try_from(sensor).unwrap_or(u16::MAX),
                    region: u8::try_from(region).unwrap_or(u8::MAX),
                    tool: population.tool,
                    body: headers.body,
                });
            }
        }
    }
}

/// Weekend or weekday factor in 1/100,000 such that a week's sum is that of seven plain days.
fn week_percent(weekend_percent: u32, day: Day) -> i64 {
    let weekend = i64::from(weekend_percent);
    if day.weekday() >= 5 {
        weekend * 1000
    } else {
        (700 - 2 * weekend) * 200
    }
}

/// Each host gets one packet, the rest go by the hosts' weights.
fn share_among(hosts: &[Host], packets: usize, dice: &mut Dice) -> Vec<u32> {
    let mut sum = 0u64;
    let sums: Vec<u64> = hosts
        .iter()
        .map(|host| {
            sum += host.weight;
            sum
        })
        .collect();
    let mut counts = vec![1u32; hosts.len()];
    for _ in hosts.len()..packets {
        counts[dice.weighted(&sums)] += 1;
    }
    counts
}

/// The `nth` of `count` even times of the day, from an offset that the host keeps.
fn even(day: Day, host: &Host, nth: u32, count: u32) -> i64 {
    let step = DAY_US / i64::from(count.max(1));
    day.start_us() + i64::from(nth) * step + i64::from(host.key) % step.max(1)
}

fn port_of(target: Target, dice: &mut Dice) -> (u8, u16) {
    match target {
        Target::Port(protocol, port) => (protocol, port),
        Target::Any(protocol) => (protocol, dice.port(1, 65_535)),
    }
}

/// Running sums of how likely each of the reached sensors is for a packet to `target`.
fn sensor_sums(sensors: &[Sensor], reached: &[usize], target: Target) -> Vec<u64> {
    let mut sum = 0;
    let weight = |sensor: &Sensor| {
        let preferred = match target {
            Target::Port(protocol, port) => sensor
                .prefers
                .iter()
                .find(|(wanted, _)| *wanted == (protocol, port))
                .map(|&(_, factor)| factor),
            Target::Any(_) => None,
        };
        sensor.weight * preferred.unwrap_or(1_000_000) / 1000
    };
    reached
        .iter()
        .map(|&at| {
            sum += sensors.get(at).map_or(0, weight);
            sum
        })
        .collect()
}
