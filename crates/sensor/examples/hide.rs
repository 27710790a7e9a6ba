//! Measures what hiding costs: `cargo run --release -p hirundo-sensor --example hide`.
//!
//! One thread, nanoseconds a packet, the least of all rounds: packets without payload to a /16 whose pseudonyms are
//! known, such whose pseudonym must be made first, and payloads by their length.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use hirundo_packet::decode::Decoded;
use hirundo_packet::{Present, flag};
use hirundo_sensor::hide::{Hider, Key};

/// Packets of a measurement.
const PACKETS: u32 = 20_000;
/// Measurements; the fastest is the one least disturbed by other programs.
const ROUNDS: usize = 7;
/// A request as browsers and scanners send it, with nothing of the sensor's in it.
const TEXT: &[u8] = b"GET /cgi-bin/luci/;stok=/locale?form=country HTTP/1.1\r\nHost: example.org\r\nUser-Agent: Mozilla/5.0 (X11; \
Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/100.0 Safari/537.36\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n";

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for (what, cost_ns) in measure(PACKETS, ROUNDS)? {
        writeln!(out, "{cost_ns:>8.1} ns  {what}")?;
    }
    Ok(())
}

fn measure(packets: u32, rounds: usize) -> Result<Vec<(String, f64)>, Box<dyn Error>> {
    let key = std::array::from_fn(|place| u8::try_from(place).unwrap_or(0));
    let key = Key::new(key).ok_or("a key has two halves")?;
    let hider = Hider::new(&key, &["198.18.0.0/16".parse()?]);
    let cases = [
        ("pseudonym known", 0, 0xffff),
        ("pseudonym made", 0, u32::MAX),
        ("30 bytes of payload", 30, 0xffff),
        ("100 bytes of payload", 100, 0xffff),
        ("200 bytes of payload", 200, 0xffff),
    ];
    let mut findings = Vec::new();
    for (what, payload_bytes, spread) in cases {
        let mut best = f64::INFINITY;
        for round in 0..=rounds {
            let start = Instant::now();
            for nth in 0..packets {
                let mut decoded = packet(nth, spread);
                decoded.payload = TEXT.get(..payload_bytes).unwrap_or(TEXT);
                hider.hide(&mut decoded);
                black_box(&decoded);
            }
            // The first fills the cache.
            if round > 0 {
                best = best.min(start.elapsed().as_secs_f64());
            }
        }
        findings.push((what.to_owned(), best * 1e9 / f64::from(packets)));
    }
    Ok(findings)
}

/// A SYN to one of the addresses 198.18.0.0 and up, as many as `spread` has bits for.
fn packet(nth: u32, spread: u32) -> Decoded<'static> {
    let mut decoded = Decoded::default();
    let packet = &mut decoded.packet;
    let random = nth.wrapping_mul(0x9e37_79b9);
    packet.time_us = i64::from(nth);
    packet.src = random;
    packet.dst = 0xc612_0000 ^ (random.rotate_left(11) & spread);
    packet.ttl = 53;
    packet.tcp_flags = flag::SYN;
    packet.present.set(Present::TCP);
    packet.present.set(Present::PORTS);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_run_measures_every_case() {
        let findings = measure(300, 1).unwrap();
        assert_eq!(findings.len(), 5);
        assert!(findings.iter().all(|(_, cost_ns)| *cost_ns > 0.0), "{findings:?}");
    }
}
