//! Measures how fast a capture file is read: `read_speed FILE [ROUNDS]` prints nanoseconds a packet.

use std::fs::File;
use std::io::Read;
use std::time::Instant;

use hirundo_packet::capture::Capture;

#[allow(clippy::print_stdout, reason = "its output is what the example is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: read_speed FILE [ROUNDS]")?;
    let rounds: u32 = arguments.next().map_or(Ok(3), |rounds| rounds.parse())?;
    for _ in 0..rounds {
        let raw_ns = read_only(&path)?;
        let start = Instant::now();
        let mut capture = Capture::open(Box::new(File::open(&path)?))?;
        let (mut packets, mut bytes) = (0_u64, 0_u64);
        while let Some(frame) = capture.next()? {
            packets += 1;
            bytes += frame.data.len() as u64 ^ (frame.time_ns & 1).cast_unsigned();
        }
        let total_ns = start.elapsed().as_nanos();
        let each = |ns: u128| ns as f64 / packets.max(1) as f64;
        println!(
            "{}: {packets} packets ({bytes:#x}), {:.1} ns a packet, {:.1} of them read(2), digest {:032x}",
            capture.format(),
            each(total_ns),
            each(raw_ns),
            capture.take_digest(),
        );
    }
    Ok(())
}

/// What reading the file alone costs, in pieces of the same size.
fn read_only(path: &str) -> std::io::Result<u128> {
    let start = Instant::now();
    let mut file = File::open(path)?;
    let mut piece = vec![0; 1 << 20];
    while file.read(&mut piece)? > 0 {}
    Ok(start.elapsed().as_nanos())
}
