//! The filter for the kernel, against a plain reading of what it is meant to take; run by an interpreter of our own and
//! by the kernel itself.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

use arbtest::arbitrary::{Result, Unstructured};
use hirundo_sensor::source::filter::{Endpoint, Filter, Form};
use hirundo_sensor::source::{INSTRUCTIONS_MAX, Instruction, attach};
use ipnet::IpNet;

const SNAP_BYTES: u32 = 100;

/// What the filter is meant to take, read off the frame without any haste.
fn takes(filter: &Filter, form: Form, frame: &[u8]) -> bool {
    if *filter == Filter::default() {
        return true;
    }
    let other = filter.watched.is_empty();
    let (version, ip) = match form {
        Form::Network => match frame.first() {
            Some(first) => (first >> 4, frame),
            None => return false,
        },
        Form::Ethernet => match untagged(frame) {
            Some((0x0800, ip)) => (4, ip),
            Some((0x86dd, ip)) => (6, ip),
            Some(_) => return other,
            None => return false,
        },
    };
    let Some(packet) = Packet::read(version, ip) else {
        return other;
    };
    let is_in = |networks: &[IpNet], address| networks.iter().any(|network| network.contains(&address));
    let is_own = |address, port: Option<u16>| {
        let mut ends = filter.own.iter().filter(|end| end.address == address);
        ends.any(|end| end.port.is_none() || end.port == port)
    };
    (filter.watched.is_empty() || is_in(&filter.watched, packet.dst))
        && !is_in(&filter.excluded, packet.src)
        && !is_in(&filter.excluded, packet.dst)
        && !is_own(packet.src, packet.src_port)
        && !is_own(packet.dst, packet.dst_port)
}

/// EtherType behind at most four tags, and what follows.
fn untagged(frame: &[u8]) -> Option<(u16, &[u8])> {
    for tags in 0..=4 {
        let at = 12 + 4 * tags;
        let ethertype = u16::from_be_bytes(frame.get(at..at + 2)?.try_into().unwrap());
        if tags == 4 || ![0x8100, 0x88a8, 0x9100].contains(&ethertype) {
            return Some((ethertype, &frame[at + 2..]));
        }
    }
    None
}

struct Packet {
    src: IpAddr,
    dst: IpAddr,
    src_port: Option<u16>,
    dst_port: Option<u16>,
}

impl Packet {
    fn read(version: u8, ip: &[u8]) -> Option<Packet> {
        let (src, dst, protocol, rest) = match version {
            4 => {
                let header: &[u8; 20] = ip.first_chunk()?;
                let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&header[at..at + 4]).unwrap());
                let first = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
                let rest = ip.get(usize::from(header[0] & 15) * 4..).filter(|_| first);
                (address(12), address(16), header[9], rest)
            }
            6 => {
                let header: &[u8; 40] = ip.first_chunk()?;
                let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&header[at..at + 16]).unwrap());
                (address(8), address(24), header[6], Some(&ip[40..]))
            }
            _ => return None,
        };
        let ports = rest.filter(|_| [6, 17].contains(&protocol)).and_then(|rest| rest.first_chunk());
        let port = |at: usize| ports.map(|ports: &[u8; 4]| u16::from_be_bytes([ports[at], ports[at + 1]]));
        Some(Packet {
            src,
            dst,
            src_port: port(0),
            dst_port: port(2),
        })
    }
}

/// Runs a program over a frame as the kernel does: the bytes to take.
fn run(program: &[Instruction], frame: &[u8]) -> u32 {
    let (mut a, mut x, mut kept, mut at) = (0_u32, 0_u32, 0_u32, 0_usize);
    let load = |at: u32, bytes: usize| {
        let from = usize::try_from(at).unwrap();
        let part = frame.get(from..from.checked_add(bytes)?)?;
        Some(part.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    };
    for _ in 0..program.len() {
        let Instruction {
            code,
            jump_true,
            jump_false,
            value,
        } = program[at];
        at += 1;
        let loaded = match code {
            0x30 => load(value, 1),
            0x28 => load(value, 2),
            0x50 => load(x + value, 1),
            0x48 => load(x + value, 2),
            0x40 => load(x + value, 4),
            0x00 => Some(value),
            0x80 => Some(u32::try_from(frame.len()).unwrap()),
            0x54 => Some(a & value),
            0x64 => Some(a << value),
            0x0c => Some(a.wrapping_add(x)),
            0x1c => Some(a.wrapping_sub(x)),
            _ => Some(a),
        };
        match loaded {
            Some(value) => a = value,
            None => return 0,
        }
        let mut jump = |holds| at += usize::from(if holds { jump_true } else { jump_false });
        match code {
            0x15 => jump(a == value),
            0x35 => jump(a >= value),
            0x45 => jump(a & value != 0),
            0x05 => at += usize::try_from(value).unwrap(),
            0x01 => x = value,
            0x61 => x = kept,
            0x03 => kept = x,
            0x07 => x = a,
            0x06 => return value,
            0x30 | 0x28 | 0x50 | 0x48 | 0x40 | 0x00 | 0x80 | 0x54 | 0x64 | 0x0c | 0x1c => {}
            _ => panic!("no such instruction {code:#x}"),
        }
    }
    panic!("a program of {} instructions did not end", program.len());
}

/// The kernel as a second interpreter: a socket with the filter, to which frames are sent.
struct Kernel {
    from: UnixDatagram,
    to: UnixDatagram,
}

impl Kernel {
    fn new(program: &[Instruction]) -> Kernel {
        let (from, to) = UnixDatagram::pair().unwrap();
        to.set_nonblocking(true).unwrap();
        attach(to.as_fd(), program).unwrap();
        Kernel { from, to }
    }

    fn takes(&self, frame: &[u8]) -> bool {
        self.from.send(frame).unwrap();
        let mut bytes = [0; 2048];
        match self.to.recv(&mut bytes) {
            Ok(length) => {
                assert_eq!(
                    length,
                    frame.len().min(SNAP_BYTES as usize),
                    "what is taken is cut to the snap length"
                );
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// An address near others: few bits vary, so that networks and packets meet.
fn address(random: &mut Unstructured<'_>) -> Result<IpAddr> {
    let few: [u8; 2] = random.arbitrary()?;
    Ok(if random.arbitrary()? {
        let first = random.choose(&[10, 192, 0, 255])?;
        IpAddr::V4(Ipv4Addr::new(*first, few[0] & 0x83, few[1] & 0xc1, random.int_in_range(0..=255)?))
    } else {
        let mut bytes = [0; 16];
        bytes[0] = 0x20;
        bytes[3] = few[0] & 3;
        bytes[7] = few[1] & 0x81;
        bytes[11] = few[0] >> 6;
        bytes[15] = random.int_in_range(0..=3)?;
        IpAddr::V6(Ipv6Addr::from(bytes))
    })
}

fn network(random: &mut Unstructured<'_>) -> Result<IpNet> {
    let address = address(random)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    // Long prefixes mostly; any now and then, down to the whole Internet.
    let prefix = if random.ratio(1, 8)? {
        random.int_in_range(0..=most)?
    } else {
        random.int_in_range(most - 10..=most)?
    };
    Ok(IpNet::new(address, prefix).unwrap())
}

fn several<'a, T>(random: &mut Unstructured<'a>, most: usize, one: impl Fn(&mut Unstructured<'a>) -> Result<T>) -> Result<Vec<T>> {
    let count = random.int_in_range(0..=most)?;
    (0..count).map(|_| one(random)).collect()
}

const PORTS: [u16; 4] = [22, 443, 8443, 0];

fn filter(random: &mut Unstructured<'_>) -> Result<Filter> {
    let own = |random: &mut Unstructured<'_>| {
        let address = address(random)?;
        let port = if random.ratio(3, 4)? { Some(*random.choose(&PORTS)?) } else { None };
        Ok(Endpoint { address, port })
    };
    Ok(Filter {
        watched: several(random, 12, network)?,
        excluded: several(random, 3, network)?,
        own: several(random, 6, own)?,
    })
}

/// A frame whose addresses are often those of the filter.
fn frame(random: &mut Unstructured<'_>, filter: &Filter, form: Form) -> Result<Vec<u8>> {
    let known: Vec<IpAddr> = filter.watched.iter().map(IpNet::network).collect();
    let known: Vec<IpAddr> = known.into_iter().chain(filter.own.iter().map(|end| end.address)).collect();
    let pick = |random: &mut Unstructured<'_>, v4: bool| {
        for _ in 0..4 {
            let one = if known.is_empty() || random.ratio(1, 3)? {
                address(random)?
            } else {
                *random.choose(&known)?
            };
            if one.is_ipv4() == v4 {
                return Ok(one);
            }
        }
        Ok(if v4 {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        })
    };
    let v4 = random.arbitrary()?;
    let (src, dst) = (pick(random, v4)?, pick(random, v4)?);
    let protocol = *random.choose(&[6, 17, 1])?;
    let mut bytes = Vec::new();
    if form == Form::Ethernet {
        bytes.extend([2; 12]);
        for _ in 0..random.int_in_range(0..=5)? {
            bytes.extend(random.choose(&[[0x81, 0, 0, 1], [0x88, 0xa8, 0, 2], [0x91, 0, 0, 3]])?);
        }
        bytes.extend(if random.ratio(1, 16)? {
            [8, 6]
        } else if v4 {
            [8, 0]
        } else {
            [0x86, 0xdd]
        });
    }
    let words = random.int_in_range(5..=7)?;
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let part: u8 = if random.ratio(1, 8)? { random.arbitrary()? } else { 0x40 };
            bytes.extend([0x40 | words, 0, 0, 60, 0, 0, part, 0, 64, protocol, 0, 0]);
            bytes.extend(src.octets());
            bytes.extend(dst.octets());
            bytes.extend(vec![0; usize::from(words - 5) * 4]);
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            bytes.extend([0x60, 0, 0, 0, 0, 20, protocol, 64]);
            bytes.extend(src.octets());
            bytes.extend(dst.octets());
        }
        _ => {}
    }
    for _ in 0..2 {
        bytes.extend(random.choose(&PORTS)?.to_be_bytes());
    }
    bytes.extend(vec![0; random.int_in_range(0..=120)?]);
    if random.ratio(1, 8)? {
        bytes.truncate(random.int_in_range(1..=bytes.len())?);
    }
    Ok(bytes)
}

#[test]
fn the_program_takes_what_is_meant() {
    let (mut taken, mut refused) = (0_u32, 0_u32);
    arbtest::arbtest(|random| {
        let filter = filter(random)?;
        let form = *random.choose(&[Form::Ethernet, Form::Network])?;
        let program = filter.compile(form, SNAP_BYTES).unwrap();
        let kernel = Kernel::new(&program);
        for _ in 0..16 {
            let frame = frame(random, &filter, form)?;
            let meant = takes(&filter, form, &frame);
            if meant {
                taken += 1;
            } else {
                refused += 1;
            }
            let bytes = if meant { SNAP_BYTES } else { 0 };
            assert_eq!(run(&program, &frame), bytes, "interpreted: {filter:?} {form:?} {frame:02x?}");
            assert_eq!(kernel.takes(&frame), meant, "by the kernel: {filter:?} {form:?} {frame:02x?}");
        }
        Ok(())
    })
    .size_min(512)
    .budget_ms(3000);
    assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused: nothing was tried");
}

/// Hundreds of networks: tests jump farther than they can by themselves.
#[test]
fn many_networks_fit() {
    let networks: Vec<IpNet> = (0..700_u32)
        .map(|number| IpNet::new(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number * 0x2000)), 24).unwrap())
        .chain((0..300_u128).map(|number| IpNet::new(IpAddr::V6(Ipv6Addr::from_bits(0x2001 << 112 | number << 72)), 64).unwrap()))
        .collect();
    let filter = Filter {
        watched: networks,
        ..Filter::default()
    };
    let program = filter.compile(Form::Network, SNAP_BYTES).unwrap();
    assert!(program.len() > 1000 && program.len() <= INSTRUCTIONS_MAX, "{}", program.len());
    let kernel = Kernel::new(&program);
    arbtest::arbtest(|random| {
        let number = random.int_in_range(0..=699)?;
        let offset = random.int_in_range(0..=0x2000 - 1)?;
        let mut frame = vec![0; 40];
        frame[0] = 0x45;
        frame[16..20].copy_from_slice(&(0x0a00_0000_u32 + number * 0x2000 + offset).to_be_bytes());
        assert_eq!(run(&program, &frame) != 0, offset < 256, "{number} {offset}");
        assert_eq!(kernel.takes(&frame), offset < 256, "{number} {offset}");
        Ok(())
    })
    .budget_ms(500);
}

#[test]
fn too_many_networks_are_refused_with_a_hint() {
    let watched = (0..5000_u32)
        .map(|number| IpNet::new(IpAddr::V4(Ipv4Addr::from_bits(number * 0x2000)), 32).unwrap())
        .collect();
    let filter = Filter {
        watched,
        ..Filter::default()
    };
    let refused = filter.compile(Form::Ethernet, SNAP_BYTES).unwrap_err().to_string();
    assert!(refused.contains("the kernel takes 4096; hint: "), "{refused}");
}

#[test]
fn without_a_wish_everything_is_taken() {
    let program = Filter::default().compile(Form::Ethernet, SNAP_BYTES).unwrap();
    assert_eq!(program.len(), 1);
    assert!(Kernel::new(&program).takes(&[1]));
}
