//! Link-layer headers: each must lead to the packet behind it, or give the right reason why not.

mod decode_support;

use decode_support::{DST, SYN, V4, V6, ip, read};
use hirundo_packet::decode::Reason;

/// Asserts that `header` before a packet leads to it, and that no part of the header does or panics.
fn check_leads(link: u32, header: &[u8]) {
    let frame = [header, &ip(&V4, &SYN)].concat();
    let decoded = read(link, &frame).unwrap_or_else(|reason| panic!("{link} {header:02x?}: {reason:?}"));
    assert_eq!((decoded.packet.dst, decoded.packet.dst_port), (DST, 23), "{link} {header:02x?}");
    for len in 0..header.len() {
        let lost = read(link, &frame[..len]).map(|decoded| decoded.packet);
        let is_right = matches!(lost, Err(Reason::LinkCut | Reason::NotIp));
        assert!(is_right, "{link}, {len} of {header:02x?}: {lost:?}");
    }
}

/// LLC and SNAP with the EtherType of IPv4.
const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

fn before_snap(before: &[u8]) -> Vec<u8> {
    [before, &SNAP].concat()
}

fn ethernet(rest: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], rest].concat()
}

#[test]
fn ethernet_leads_to_the_packet() {
    let check = |rest: &[u8]| check_leads(1, &ethernet(rest));
    check(&[8, 0]);
    check(&[0x81, 0, 0, 7, 8, 0]);
    check(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0]);
    check(&[0x91, 0, 0, 7, 0x91, 0, 0, 7, 0x81, 0, 0, 8, 0x81, 0, 0, 9, 8, 0]);
    check(&[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64]);
    check(&[0x81, 0, 0, 7, 0x88, 0x48, 0, 1, 1, 64]);
    check(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 46, 0, 0x21]);
    check(&before_snap(&[0, 52]));
}

#[test]
fn serial_lines_and_loopback_lead_to_the_packet() {
    let cases: [(u32, &[u8]); 20] = [
        (0, &[2, 0, 0, 0]),
        (0, &[0, 0, 0, 2]),
        (0, &[0x0f, 0, 8, 0]),
        (108, &[0, 0, 0, 2]),
        (9, &[0, 0x21]),
        (9, &[0x21]),
        (9, &[0xff, 3, 0, 0x21]),
        (9, &[0xff, 3, 0x21]),
        (9, &[0xff, 3, 2, 0x81, 0, 1, 1, 64]),
        (50, &[0xff, 3, 0, 0x21]),
        (50, &[0x0f, 0, 8, 0]),
        (51, &[0x11, 0, 0, 1, 0, 46, 0, 0x21]),
        (12, &[]),
        (14, &[]),
        (101, &[]),
        (228, &[]),
        (104, &[0x8f, 0, 8, 0]),
        (104, &[0x0f, 0, 0x81, 0, 0, 7, 8, 0]),
        (113, &[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]),
        (276, &[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]),
    ];
    for (link, header) in cases {
        check_leads(link, header);
    }
    check_leads(113, &before_snap(&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4]));
}

#[test]
fn netfilter_log_leads_to_the_packet() {
    check_leads(239, &[2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 3, 0, 5, 0, 10, 0, 0x41, 0, 0, 0, 48, 0, 9, 0]);
    check_leads(239, &[2, 0, 0, 0, 0, 8, 0, 1, 8, 0, 3, 0, 0, 48, 0, 9]);
}

#[test]
fn wireless_leads_to_the_packet() {
    let frame = |control: [u8; 2], after: &[u8]| [&control[..], &[0; 20], &[0x10, 0], after].concat();
    check_leads(105, &frame([8, 1], &SNAP));
    check_leads(105, &frame([8, 3], &before_snap(&[0; 6])));
    check_leads(105, &frame([0x88, 1], &before_snap(&[0; 2])));
    check_leads(105, &frame([0x88, 0x81], &before_snap(&[0; 6])));
    check_leads(127, &[&[0, 0, 8, 0, 0, 0, 0, 0][..], &frame([8, 1], &SNAP)].concat());
    // With the field of flags, behind a timer and one more presence word, that tells of padding.
    let radiotap = [0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0x20];
    check_leads(127, &[&radiotap[..], &frame([0x88, 1], &before_snap(&[0; 4]))].concat());
}

#[test]
fn ipv6_is_found_behind_every_kind_of_announcement() {
    let cases: [(u32, Vec<u8>); 12] = [
        (1, ethernet(&[0x86, 0xdd])),
        (1, ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 46, 0, 0x57])),
        (1, ethernet(&[0x88, 0x47, 0, 1, 1, 64])),
        (0, vec![24, 0, 0, 0]),
        (0, vec![0, 0, 0, 30]),
        (0, vec![10, 0, 0, 0]),
        (108, vec![0, 0, 0, 28]),
        (9, vec![0, 0x57]),
        (101, vec![]),
        (229, vec![]),
        (104, vec![0x0f, 0, 0x86, 0xdd]),
        (239, vec![10, 0, 0, 0, 68, 0, 9, 0]),
    ];
    for (link, header) in cases {
        let frame = [header.as_slice(), &ip(&V6, &SYN)].concat();
        let decoded = read(link, &frame).unwrap_or_else(|reason| panic!("{link} {header:02x?}: {reason:?}"));
        assert_eq!(
            (decoded.wide.dst6, decoded.packet.dst_port),
            ([0x3f; 16], 23),
            "{link} {header:02x?}"
        );
    }
}

#[test]
fn frames_without_a_readable_ip_header_give_a_reason() {
    let v4 = ip(&V4, &SYN);
    let check = |link: u32, header: &[u8], packet: &[u8], expected: Reason| {
        let frame = [header, packet].concat();
        assert_eq!(read(link, &frame), Err(expected), "{link} {frame:02x?}");
    };
    let check_ethernet = |rest: &[u8], packet: &[u8], expected| check(1, &ethernet(rest), packet, expected);
    check_ethernet(&[8, 6], &v4, Reason::NotIp); // ARP
    check_ethernet(&[0x88, 0xcc], &v4, Reason::NotIp); // LLDP
    check_ethernet(&[0x88, 0x63, 0x11, 9], &v4, Reason::NotIp); // PPPoE discovery
    check_ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 8, 0xc0, 0x21], &v4, Reason::NotIp); // PPP link control
    check_ethernet(&[0, 40, 0x42, 0x42, 3], &v4, Reason::NotIp); // spanning tree
    check_ethernet(&[0x88, 0x47, 0, 0, 1, 64, 0, 0, 0, 0], &v4, Reason::NotIp); // pseudowire
    check_ethernet(&[0x81, 0, 0].repeat(20), &v4, Reason::NotIp);
    check_ethernet(&[0x81, 0, 0, 1].repeat(5), &v4, Reason::LinkTooDeep);
    check_ethernet(&[&[0x88, 0x47][..], &[0; 64]].concat(), &v4, Reason::LinkTooDeep);
    check_ethernet(&[8], &[], Reason::LinkCut);
    check_ethernet(&[8, 0], &[], Reason::Ipv4Cut);
    check_ethernet(&[8, 0], &v4[..19], Reason::Ipv4Cut);
    check_ethernet(&[0x86, 0xdd], &[0x60; 39], Reason::Ipv6Cut);
    check_ethernet(&[8, 0], &[0x60; 40], Reason::Ipv4BadVersion);
    check_ethernet(&[0x86, 0xdd], &[0x45; 40], Reason::Ipv6BadVersion);
    check_ethernet(&[8, 0], &[0x44; 40], Reason::Ipv4BadHeaderLength);
    check_ethernet(&[8, 0], &[0x4f; 59], Reason::Ipv4Cut);
    check(105, &[8, 0x41, 0, 0], &[0; 40], Reason::NotIp); // encrypted
    check(105, &[0x48, 1, 0, 0], &[0; 40], Reason::NotIp); // without a body
    check(105, &[0x80, 0, 0, 0], &[0; 40], Reason::NotIp); // beacon
    check(127, &[0, 0, 4, 0], &[0; 40], Reason::LinkCut);
    check(127, &[0, 0, 255, 255], &[0; 40], Reason::LinkCut);
    check(239, &[7, 0, 0, 0], &v4, Reason::NotIp); // bridged
    check(239, &[2, 0, 0, 0, 3, 0, 1, 0], &v4, Reason::LinkCut);
    check(
        239,
        &[&[2, 0, 0, 0][..], &[4, 0, 1, 0].repeat(40)].concat(),
        &v4,
        Reason::LinkTooDeep,
    );
    check(0, &[7, 0, 0, 0], &v4, Reason::NotIp);
    check(101, &[0x55], &v4, Reason::NotIp);
    check(147, &[], &v4, Reason::UnsupportedLink);
    check(u32::MAX, &[], &v4, Reason::UnsupportedLink);
}
