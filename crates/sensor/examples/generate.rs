//! Sends the frames of a capture, or frames it makes itself, to an interface at a given rate:
//! `generate INTERFACE FILE --rate 100000 --seconds 10`, `generate INTERFACE --made 1000000 --loop 0 --seconds 10`.
//!
//! Meant for network namespaces that a test made itself. What the kernel refuses for want of room is sent again, so
//! `sent` is what went to the other end of a veth pair. Prints one line of JSON; SIGTERM ends it early.
#![allow(unsafe_code, reason = "sendmmsg, a packet socket and a signal handler, which std does not have")]

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use hirundo_packet::capture::Capture;
use hirundo_packet::encode::{self, Addresses, Framing, IpHeader, Tcp, Transport, Udp};

/// Most frames in one call.
const BATCH_MAX: usize = 64;
/// Most bytes of frames that are kept in memory.
const FRAMES_BYTES_MAX: usize = 2 << 30;
/// How long nothing may go out before that is an error.
const STUCK: Duration = Duration::from_secs(30);
/// Pause when the kernel has no room, or the rate is ahead by more than that.
const PAUSE: Duration = Duration::from_micros(100);
/// Header for captures without one: to everybody, from a locally administered address; the EtherType follows.
const ETHERNET: [u8; 12] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1];

static STOP: AtomicBool = AtomicBool::new(false);

#[derive(Parser)]
struct Options {
    /// Interface to send to
    interface: String,
    /// Capture of Ethernet or raw IP frames; `-` for standard input
    #[arg(required_unless_present = "made", conflicts_with = "made")]
    file: Option<PathBuf>,
    /// Makes so many frames instead, all different, as a telescope receives them: a tenth bear Mirai's mark, a quarter
    /// masscan's, a tenth zmap's, a tenth are UDP with a payload; destinations are one /16
    #[arg(long, value_name = "FRAMES")]
    made: Option<u32>,
    /// Frames a second; as fast as can be without
    #[arg(long)]
    rate: Option<u32>,
    /// Ends after so many seconds
    #[arg(long)]
    seconds: Option<f64>,
    /// Ends after so many frames
    #[arg(long)]
    count: Option<u64>,
    /// How often the capture is sent; 0 means until time or count end it
    #[arg(long = "loop", default_value_t = 1)]
    rounds: u64,
    /// Spin instead of sleeping between frames: steadier, and takes a whole core
    #[arg(long)]
    spin: bool,
    /// Send through the queueing discipline, so that netem sees the frames
    #[arg(long)]
    qdisc: bool,
}

#[allow(clippy::print_stdout, reason = "its output is what the example is for")]
fn main() -> Result<()> {
    let options = Options::parse();
    if options.rounds == 0 && options.seconds.is_none() && options.count.is_none() {
        bail!("send for ever; hint: give --seconds or --count");
    }
    let frames = match (&options.file, options.made) {
        (Some(path), _) => Frames::read(path)?,
        (None, made) => Frames::make(made.unwrap_or(1))?,
    };
    let socket = open(&options.interface, options.qdisc)?;
    stop_on_signals();
    let sent = send(&options, &frames, &socket)?;
    println!(
        "{{\"sent\":{},\"too_long\":{},\"waited\":{},\"seconds\":{:.6},\"rate\":{:.0}}}",
        sent.frames,
        sent.too_long,
        sent.waited,
        sent.seconds,
        sent.frames as f64 / sent.seconds.max(1e-9),
    );
    io::stdout().flush()?;
    Ok(())
}

/// All frames of a capture, one behind the other.
struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    fn read(path: &std::path::Path) -> Result<Frames> {
        let input: Box<dyn io::Read + Send> = if path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).with_context(|| format!("open {}", path.display()))?)
        };
        let mut capture = Capture::open(input)?;
        let mut frames = Frames {
            bytes: Vec::new(),
            ends: Vec::new(),
        };
        while let Some(frame) = capture.next()? {
            match frame.link.0 {
                1 => {}
                12 | 14 | 101 | 228 | 229 => {
                    frames.bytes.extend(ETHERNET);
                    let v6 = frame.data.first().is_some_and(|first| first >> 4 == 6);
                    frames.bytes.extend(if v6 { [0x86, 0xdd] } else { [8, 0] });
                }
                other => bail!("send frames of link type {other}; hint: Ethernet and raw IP can be sent"),
            }
            frames.bytes.extend(frame.data);
            frames.ends.push(frames.bytes.len());
            if frames.bytes.len() > FRAMES_BYTES_MAX {
                bail!("keep {} in memory: more than {FRAMES_BYTES_MAX} bytes of frames", path.display());
            }
        }
        if frames.ends.is_empty() {
            bail!("send {}: it has no frames", path.display());
        }
        Ok(frames)
    }

    /// Frames that differ in their sources; the same ones every time.
    fn make(count: u32) -> Result<Frames> {
        let mut frames = Frames {
            bytes: Vec::new(),
            ends: Vec::new(),
        };
        let mut frame = Vec::new();
        for number in 0..count {
            // Two rounds of a multiplicative hash: numbers that look like chance and never repeat.
            let chance = number.wrapping_mul(0x9e37_79b1) ^ 0x5bd1_e995;
            let chance = (chance ^ chance >> 15).wrapping_mul(0x85eb_ca6b);
            make_frame(number, chance, &mut frame)?;
            frames.bytes.extend(&frame);
            frames.ends.push(frames.bytes.len());
            if frames.bytes.len() > FRAMES_BYTES_MAX {
                bail!("keep {count} frames in memory: more than {FRAMES_BYTES_MAX} bytes; hint: fewer, and --loop");
            }
        }
        if count == 0 {
            bail!("send no frames at all; hint: --made 1000000");
        }
        Ok(frames)
    }

    fn frame(&self, number: usize) -> &[u8] {
        let from = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[from..self.ends[number]]
    }
}

/// One frame, `chance` deciding what it is.
fn make_frame(number: u32, chance: u32, out: &mut Vec<u8>) -> Result<()> {
    let (src, dst) = (chance | 0x0100_0000, 0xc612_0000 | chance & 0xffff);
    let (src_port, seq) = (u16::try_from(1024 + chance % 60_000)?, chance.rotate_left(7));
    let dst_port = [23, 2323, 445, 22, 3389, 8080, 80, 5555][chance as usize >> 5 & 7];
    let half = |value: u32| u16::try_from(value & 0xffff).unwrap_or_default();
    let mut header = IpHeader {
        addresses: Addresses::V4 { src, dst },
        ttl: u8::try_from(40 + chance % 80)?,
        id: half(chance >> 3),
        part: 0,
    };
    let mut tcp = Tcp {
        src_port,
        dst_port,
        seq,
        flags: 2,
        window: half(chance >> 5) | 1024,
        ..Tcp::default()
    };
    let payload = [0x47; 256];
    let transport = match number % 20 {
        0 | 1 => Transport::Tcp(Tcp { seq: dst, ..tcp }),
        2..=6 => {
            header.id = half(dst ^ seq ^ dst >> 16 ^ u32::from(dst_port));
            Transport::Tcp(tcp)
        }
        7 | 8 => {
            header.id = 54_321;
            tcp.window = 65_535;
            Transport::Tcp(tcp)
        }
        9 | 10 => Transport::Udp(Udp {
            src_port,
            dst_port,
            payload: &payload[..16 + chance as usize % 240],
        }),
        _ => {
            // Segment size, selective acknowledgements, timestamps, nothing, window scale: as Linux asks.
            tcp.options = &[2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
            Transport::Tcp(tcp)
        }
    };
    encode::encode(Framing::Ethernet, &header, &transport, out)?;
    Ok(())
}

#[derive(Default)]
struct Sent {
    frames: u64,
    too_long: u64,
    waited: u64,
    seconds: f64,
}

fn send(options: &Options, frames: &Frames, socket: &OwnedFd) -> Result<Sent> {
    let total = (options.rounds > 0).then(|| options.rounds.saturating_mul(frames.ends.len() as u64));
    let most = total.unwrap_or(u64::MAX).min(options.count.unwrap_or(u64::MAX));
    let mut sent = Sent::default();
    let begun = Instant::now();
    let mut progress = begun;
    let mut next = 0;
    while sent.frames + sent.too_long < most && !STOP.load(Ordering::Relaxed) {
        let elapsed = begun.elapsed();
        if options.seconds.is_some_and(|seconds| elapsed.as_secs_f64() >= seconds) {
            break;
        }
        let done = sent.frames + sent.too_long;
        let allowed = options.rate.map_or(u64::MAX, |rate| {
            let due = u128::from(rate) * elapsed.as_nanos() / 1_000_000_000;
            u64::try_from(due).unwrap_or(u64::MAX).saturating_add(1)
        });
        let room = allowed.min(most).saturating_sub(done);
        if room == 0 {
            pause(options.spin);
            continue;
        }
        let many = usize::try_from(room)
            .unwrap_or(BATCH_MAX)
            .min(BATCH_MAX)
            .min(frames.ends.len() - next);
        match send_some(socket, frames, next..next + many) {
            Ok(went) => {
                next = (next + went) % frames.ends.len();
                sent.frames += went as u64;
                progress = Instant::now();
            }
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                next = (next + 1) % frames.ends.len();
                sent.too_long += 1;
            }
            Err(error) if is_passing(&error) && progress.elapsed() < STUCK => {
                sent.waited += 1;
                pause(options.spin);
            }
            Err(error) => return Err(error).with_context(|| format!("send to {} after {} frames", options.interface, sent.frames)),
        }
    }
    sent.seconds = begun.elapsed().as_secs_f64();
    Ok(sent)
}

/// No room, or a link that is down for a while.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR | libc::ENETDOWN | libc::ENOMEM)
    )
}

fn pause(spin: bool) {
    if spin {
        std::hint::spin_loop();
    } else {
        std::thread::sleep(PAUSE);
    }
}

/// How many of the frames went out.
fn send_some(socket: &OwnedFd, frames: &Frames, range: std::ops::Range<usize>) -> io::Result<usize> {
    let mut parts: Vec<libc::iovec> = range
        .map(|number| {
            let frame = frames.frame(number);
            libc::iovec {
                iov_base: frame.as_ptr().cast_mut().cast(),
                iov_len: frame.len(),
            }
        })
        .collect();
    let mut messages: Vec<libc::mmsghdr> = parts
        .iter_mut()
        .map(|part| {
            // SAFETY: all zeros are a value of this struct of numbers and pointers.
            let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message
        })
        .collect();
    let many = u32::try_from(messages.len()).unwrap_or(0);
    // SAFETY: messages, parts and the frames that they point to live during the call; the kernel only reads the frames.
    let went = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), many, 0) };
    usize::try_from(went).map_err(|_| io::Error::last_os_error())
}

fn open(interface: &str, qdisc: bool) -> Result<OwnedFd> {
    let name = CString::new(interface)?;
    // SAFETY: the name ends with a zero and lives during the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        bail!("send to {interface}: there is no such interface; hint: `ip link` lists them");
    }
    // SAFETY: no memory is passed.
    let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error()).context("open a packet socket; hint: it needs CAP_NET_RAW");
    }
    // SAFETY: the descriptor is new and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: all zeros are a value of this struct of plain numbers.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET)?;
    address.sll_ifindex = i32::try_from(index)?;
    let length = u32::try_from(size_of_val(&address))?;
    // SAFETY: the address lives during the call and is as long as said.
    if unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) } < 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("bind to {interface}"));
    }
    if !qdisc {
        let yes: libc::c_int = 1;
        let length = u32::try_from(size_of_val(&yes))?;
        let option = libc::PACKET_QDISC_BYPASS;
        // SAFETY: the value lives during the call and is as long as said.
        let set = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, (&raw const yes).cast(), length) };
        if set < 0 {
            return Err(io::Error::last_os_error()).context("pass by the queueing discipline");
        }
    }
    Ok(socket)
}

extern "C" fn note_signal(_: libc::c_int) {
    STOP.store(true, Ordering::Relaxed);
}

fn stop_on_signals() {
    let handler = note_signal as extern "C" fn(libc::c_int);
    for signal in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: the handler only stores into an atomic.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}
