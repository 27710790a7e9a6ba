//! Measures batches: `cargo run --release -p hirundo-packet --example batch -- [--packets N] [--rounds N] [--plain|--hidden]`.
//!
//! Packets are those of the simulator's benchmark capture (what tools, misguided hosts and victims of floods send to a
//! /16), marked and classified, at random distances in time. One thread, its CPU time, nanoseconds a packet, the
//! least of all rounds.

use std::error::Error;
use std::io::{Cursor, Write};

use cpu_time::ThreadTime;
use hirundo_packet::batch::{Batch, Builder, Header};
use hirundo_packet::capture::Capture;
use hirundo_packet::decode::{Decoded, decode};
use hirundo_packet::kind::classify_wide;
use hirundo_packet::mark::MarkTable;
use hirundo_packet::{LinkType, Present};
use hirundo_simulator::BenchmarkCapture;

/// Packets a second of the sensors that are measured, and what they are.
const SENSORS: [(u32, &str); 3] = [(20, "one address"), (1_000, "some hundred addresses"), (100_000, "a flood")];
/// Seconds after which a batch is sealed.
const BATCH_SECS: i64 = 10;
/// Bytes kept of a payload.
const PAYLOAD_BYTES: u8 = 64;

/// What to measure.
struct Plan {
    packets: u64,
    rounds: usize,
    hidden: bool,
}

/// What a sensor's packets cost.
#[derive(Debug)]
struct Findings {
    rate_pps: u32,
    sensor: &'static str,
    batches: usize,
    packets: usize,
    payload_bytes: usize,
    encoded_bytes: usize,
    journal_bytes: usize,
    push_ns: f64,
    journal_ns: f64,
    encode_ns: f64,
    decode_ns: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let findings = measure(&plan(std::env::args().skip(1))?)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "packets/s  per batch  bytes  of payload  push  journal  encode  decode (ns)  journal bytes"
    )?;
    for found in findings {
        let each = |count: usize| count as f64 / found.packets.max(1) as f64;
        writeln!(
            out,
            "{:>9}  {:>9}  {:>5.1}  {:>10.1}  {:>4.1}  {:>7.1}  {:>6.1}  {:>11.1}  {:>13.1}  {}",
            found.rate_pps,
            found.packets / found.batches.max(1),
            each(found.encoded_bytes),
            each(found.payload_bytes),
            found.push_ns,
            found.journal_ns,
            found.encode_ns,
            found.decode_ns,
            each(found.journal_bytes),
            found.sensor,
        )?;
    }
    Ok(())
}

fn plan(mut arguments: impl Iterator<Item = String>) -> Result<Plan, Box<dyn Error>> {
    let mut plan = Plan {
        packets: 1_000_000,
        rounds: 3,
        hidden: false,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a number"));
        match argument.as_str() {
            "--packets" => plan.packets = value()?.parse()?,
            "--rounds" => plan.rounds = value()?.parse()?,
            "--hidden" => plan.hidden = true,
            "--plain" => plan.hidden = false,
            _ => return Err(format!("unknown option {argument}").into()),
        }
    }
    Ok(plan)
}

fn measure(plan: &Plan) -> Result<Vec<Findings>, Box<dyn Error>> {
    let mut file = Vec::new();
    BenchmarkCapture::hour(plan.packets, 1).write(&mut file)?;
    let mut frames = Vec::new();
    let mut capture = Capture::open(Box::new(Cursor::new(file)))?;
    while let Some(frame) = capture.next()? {
        frames.push((frame.link, frame.data.to_vec()));
    }
    let marks = MarkTable::built_in();
    let decoded: Vec<Decoded<'_>> = frames
        .iter()
        .filter_map(|(link, frame)| prepare(*link, frame, &marks, plan.hidden))
        .collect();
    Ok(SENSORS
        .iter()
        .map(|(rate_pps, sensor)| {
            // A slow sensor is measured with fewer packets, or it would take hundreds of thousands of batches.
            let count = decoded.len().min(*rate_pps as usize * 2000);
            sensor_of(*rate_pps, sensor, plan, decoded.get(..count).unwrap_or_default())
        })
        .collect())
}

fn prepare<'a>(link: LinkType, frame: &'a [u8], marks: &MarkTable, hidden: bool) -> Option<Decoded<'a>> {
    let mut decoded = decode(link, frame, 0).ok()?;
    decoded.packet.mark = marks.mark(&decoded.packet, decoded.options, decoded.payload);
    (decoded.packet.kind, decoded.packet.probe) = classify_wide(&decoded.packet, &decoded.wide, decoded.payload);
    if hidden {
        decoded.packet.present.set(Present::HIDDEN);
        decoded.packet.present.0 &= !Present::IP_ID.0;
        (decoded.packet.tcp_seq, decoded.packet.ip_id) = (0, 0);
    }
    Some(decoded)
}

fn sensor_of(rate_pps: u32, sensor: &'static str, plan: &Plan, packets: &[Decoded<'_>]) -> Findings {
    let mut packets = packets.to_vec();
    let mut dice = 1_u64;
    let mut time_us = 1_650_000_000_000_000.0_f64;
    for decoded in &mut packets {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = ((dice >> 11) as f64 + 1.0) / 2_f64.powi(53);
        time_us -= uniform.ln() * 1e6 / f64::from(rate_pps);
        #[allow(clippy::cast_possible_truncation, reason = "a time of this century")]
        let time_us = time_us as i64;
        decoded.packet.time_us = if plan.hidden { time_us - time_us % 1_000_000 } else { time_us };
    }
    let mut findings = Findings {
        rate_pps,
        sensor,
        batches: 0,
        packets: packets.len(),
        payload_bytes: 0,
        encoded_bytes: 0,
        journal_bytes: 0,
        push_ns: f64::MAX,
        journal_ns: f64::MAX,
        encode_ns: f64::MAX,
        decode_ns: f64::MAX,
    };
    for _ in 0..plan.rounds.max(1) {
        once(&packets, plan.hidden, &mut findings);
    }
    findings
}

/// One round: the CPU time of each step.
fn once(packets: &[Decoded<'_>], hidden: bool, findings: &mut Findings) {
    let header = Header {
        sensor: "jp-01".to_owned(),
        hidden,
        ..Header::default()
    };
    let mut builder = Builder::new();
    let (mut journal, mut encoded) = (Vec::new(), Vec::new());
    let mut spent_ns = [0.0; 4];
    let mut time = |step: usize, work: &mut dyn FnMut()| {
        let start = ThreadTime::now();
        work();
        spent_ns[step] += start.elapsed().as_nanos() as f64;
    };
    (
        findings.batches,
        findings.payload_bytes,
        findings.encoded_bytes,
        findings.journal_bytes,
    ) = (0, 0, 0, 0);
    let mut rest = packets;
    while let Some(first) = rest.first() {
        let is_in = |decoded: &Decoded<'_>| decoded.packet.time_us < first.packet.time_us + BATCH_SECS * 1_000_000;
        let count = rest
            .iter()
            .take(hirundo_packet::batch::PACKETS_MAX)
            .take_while(|decoded| is_in(decoded))
            .count();
        let (batch, after) = rest.split_at(count);
        rest = after;
        builder.clear();
        // As blocks of the ring come in.
        for block in batch.chunks(1000) {
            time(0, &mut || {
                for decoded in block {
                    builder.push(decoded, PAYLOAD_BYTES);
                }
            });
            journal.clear();
            time(1, &mut || {
                builder.journal(&mut journal);
            });
            findings.journal_bytes += journal.len();
        }
        encoded.clear();
        time(2, &mut || {
            builder
                .encode(&header, &mut encoded)
                .map_or_else(|error| unreachable!("{error}"), drop);
        });
        time(3, &mut || {
            let batch = Batch::decode(&encoded).unwrap_or_else(|error| unreachable!("{error}"));
            findings.payload_bytes += batch.packets().map(|decoded| decoded.payload.len()).sum::<usize>();
        });
        findings.encoded_bytes += encoded.len();
        findings.batches += 1;
    }
    let each = spent_ns.map(|spent_ns| spent_ns / packets.len().max(1) as f64);
    findings.push_ns = findings.push_ns.min(each[0]);
    findings.journal_ns = findings.journal_ns.min(each[1]);
    findings.encode_ns = findings.encode_ns.min(each[2]);
    findings.decode_ns = findings.decode_ns.min(each[3]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_needs_at_most_25_bytes() {
        for hidden in ["--plain", "--hidden"] {
            let arguments = ["--packets", "60000", "--rounds", "1", hidden].map(str::to_owned);
            let findings = measure(&plan(arguments.into_iter()).unwrap()).unwrap();
            assert_eq!(findings.len(), SENSORS.len());
            for found in findings {
                assert!(found.packets > 30_000 && found.batches > 0 && found.payload_bytes > 0, "{found:?}");
                assert!(found.push_ns > 0.0 && found.encode_ns > 0.0, "{found:?}");
                let bytes = found.encoded_bytes as f64 / found.packets as f64;
                // Whoever has but one address has few packets a batch, and none of what can be left out.
                assert!(bytes < 25.0 && bytes > 10.0, "{found:?}");
            }
        }
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(plan(["--packet".to_owned()].into_iter()).is_err());
    }
}
