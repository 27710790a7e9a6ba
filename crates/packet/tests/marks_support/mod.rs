//! Packets and payloads that several tests of marks, kinds and probes make.

use hirundo_packet::{Packet, Present};

pub(crate) const SRC: u32 = 0x0808_0808;

pub(crate) const DST: u32 = 0x0506_0708;

pub(crate) fn udp(src_port: u16, dst_port: u16) -> Packet {
    Packet {
        src: SRC,
        dst: DST,
        proto: 17,
        src_port,
        dst_port,
        present: Present::PORTS,
        ..Packet::default()
    }
}

/// A DNS-like message: flags, the four counts, then one question of this type and class for "a.b".
pub(crate) fn dns(flags: u16, counts: [u16; 4], kind: u16, class: u16) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34];
    for word in [flags, counts[0], counts[1], counts[2], counts[3]] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend([1, b'a', 1, b'b', 0]);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes
}

/// A NetBIOS name message with a question of this type.
pub(crate) fn netbios(flags: u16, kind: u16) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34];
    for word in [flags, 1, 0, 0, 0] {
        bytes.extend(u16::to_be_bytes(word));
    }
    bytes.push(32);
    bytes.extend([b'A'; 32]);
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

pub(crate) fn rpc(kind: u32, program: u32, procedure: u32) -> Vec<u8> {
    [9, kind, 2, program, 2, procedure, 0, 0, 0, 0]
        .into_iter()
        .flat_map(u32::to_be_bytes)
        .collect()
}

pub(crate) fn zeros(start: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.resize(len, 0);
    bytes
}

pub(crate) fn snmp(version: u8, community: &[u8], pdu: u8) -> Vec<u8> {
    let length = u8::try_from(community.len()).expect("short");
    let inner = [&[2, 1, version, 4, length], community, &[pdu, 2, 5, 0]].concat();
    [&[0x30, u8::try_from(inner.len()).expect("short")], inner.as_slice()].concat()
}

/// One request for every row of the table, in the table's order.
#[allow(clippy::too_many_lines, reason = "a table")]
pub(crate) fn requests() -> Vec<(u16, Vec<u8>, &'static str)> {
    let dtls = {
        let mut hello = zeros(&[22, 0xfe, 0xff], 115);
        hello[13] = 1;
        hello
    };
    let l2tp = [&[0xc8, 2, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 8, 0, 0, 0, 0, 0, 1][..], &[0; 40]].concat();
    let raknet = [
        &[1, 0, 0, 0, 0, 0, 0, 0, 9][..],
        &[0, 255, 255, 0, 254, 254, 254, 254, 253, 253, 253, 253, 0x12, 0x34, 0x56, 0x78],
    ]
    .concat();
    let ike = |version: u8| {
        let mut head = zeros(&[9; 8], 60);
        head[17] = version;
        head
    };
    let question = |kind, class| dns(0x0100, [1, 0, 0, 0], kind, class);
    vec![
        (7, b"abc".to_vec(), "echo-any"),
        (13, b"abc".to_vec(), "daytime-any"),
        (17, b"\r\n".to_vec(), "qotd-any"),
        (19, vec![1], "chargen-any"),
        (53, question(16, 3), "dns-version"),
        (53, question(255, 1), "dns-any"),
        (53, question(1, 1), "dns-query"),
        (69, b"\0\x01/a\0netascii\0".to_vec(), "tftp-read"),
        (69, b"\0\x02/a\0netascii\0".to_vec(), "tftp-write"),
        (111, rpc(0, 100_000, 4), "portmap-dump"),
        (111, rpc(0, 100_000, 0), "portmap-other"),
        (2049, rpc(0, 100_003, 0), "rpc-call"),
        (123, zeros(&[0x17, 0, 3, 0x2a], 8), "ntp-monlist"),
        (123, zeros(&[0x17, 0, 3, 1], 8), "ntp-private"),
        (123, zeros(&[0x16, 2, 0, 1], 12), "ntp-readvar"),
        (123, zeros(&[0x16, 1, 0, 1], 12), "ntp-control"),
        (123, zeros(&[0xe3, 0, 4, 0xfa], 48), "ntp-client"),
        (137, netbios(0, 0x21), "netbios-status"),
        (161, snmp(0, b"public", 0xa0), "snmp-v1-public"),
        (161, snmp(1, b"public", 0xa1), "snmp-v2c-public"),
        (161, snmp(0, b"private", 0xa0), "snmp-v1-other"),
        (161, snmp(1, b"", 0xa1), "snmp-v2c-other"),
        (161, [0x30, 0x3a, 2, 1, 3, 0x30, 0x0f, 2, 2].to_vec(), "snmp-v3"),
        (177, vec![0, 1, 0, 2, 0, 1, 0], "xdmcp-query"),
        (
            389,
            vec![0x30, 0x84, 0, 0, 0, 0x2d, 2, 1, 1, 0x63, 0x84, 0, 0, 0, 0x24],
            "ldap-search",
        ),
        (427, vec![2, 9, 0, 0, 29], "slp-request"),
        (500, ike(0x10), "ike-v1"),
        (4500, [vec![0; 4], ike(0x20)].concat(), "ike-v2"),
        (520, zeros(&[1, 1], 24), "rip-request"),
        (523, b"DB2GETADDR\0SQL09010\0".to_vec(), "db2-discovery"),
        (623, zeros(&[6, 0, 0xff, 7], 23), "ipmi-rmcp"),
        (1194, zeros(&[0x38], 14), "openvpn-reset"),
        (1434, vec![2], "mssql-browser"),
        (1604, vec![0x1e, 0, 1, 0x30, 2, 0xfd, 0xa8, 0xe3, 0], "citrix-browser"),
        (1812, zeros(&[1, 0, 0, 20], 20), "radius-access"),
        (1646, zeros(&[4, 0, 0, 20], 20), "radius-accounting"),
        (1701, l2tp, "l2tp-start"),
        (9999, b"M-SEARCH * HTTP/1.1\r\n".to_vec(), "ssdp-search"),
        (2152, zeros(&[0x32, 1, 0, 4], 12), "gtp-echo"),
        (2362, b"DVKT\0\x01".to_vec(), "digi-discovery"),
        (3283, vec![0, 0x14, 0, 1, 3], "ard-discovery"),
        (3389, zeros(&[0, 0, 0, 0, 0, 0, 0, 0xff], 18), "rdp-udp"),
        (9999, zeros(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], 20), "stun-binding"),
        (3702, b"<:/>\n".to_vec(), "wsd-discovery"),
        (5065, b"OPTIONS sip:100@1.2.3.4 SIP/2.0\r\n".to_vec(), "sip-options"),
        (5060, b"REGISTER sip:1.2.3.4 SIP/2.0\r\n".to_vec(), "sip-register"),
        (9999, b"INVITE sip:900@1.2.3.4 SIP/2.0\r\n".to_vec(), "sip-invite"),
        (5093, vec![0x7a, 0, 0, 0, 0, 0], "sentinel-query"),
        (5351, vec![0, 0, 0, 0], "natpmp-address"),
        (5351, zeros(&[2, 1], 60), "pcp-request"),
        (5353, question(12, 1), "mdns-query"),
        (5632, b"NQ".to_vec(), "pcanywhere-query"),
        (5683, b"\x40\x01\x7d\x70\xbb.well-known\x04core".to_vec(), "coap-discovery"),
        (5683, b"\x40\x01\x7d\x70\xb1a".to_vec(), "coap-other"),
        (10001, vec![1, 0, 0, 0], "ubiquiti-discovery"),
        (10074, b"call.startblast 2000".to_vec(), "mitel-startblast"),
        (11211, b"\0\0\0\0\0\x01\0\0stats\r\n".to_vec(), "memcached-stats"),
        (11211, b"\0\0\0\0\0\x01\0\0get a\r\n".to_vec(), "memcached-get"),
        (11211, b"\0\0\0\0\0\x01\0\0set a 0 0 1\r\n".to_vec(), "memcached-other"),
        (16471, vec![9; 16], "zeroaccess-getl"),
        (17185, rpc(0, 0x5555_5555, 1), "wdbrpc"),
        (19132, raknet, "raknet-ping"),
        (9999, b"\xff\xff\xff\xffTSource Engine Query\0".to_vec(), "source-info"),
        (27015, b"\xff\xff\xff\xffU\xff\xff\xff\xff".to_vec(), "source-other"),
        (27960, b"\xff\xff\xff\xffgetstatus\x10".to_vec(), "quake3-status"),
        (37810, vec![0xff], "dvr-discovery"),
        (44818, zeros(&[0x63, 0], 24), "enip-identity"),
        (47808, vec![0x81, 0x0a, 0, 0x11, 1, 4, 0, 5], "bacnet-request"),
        (53413, b"AA\0\0AAAA cd /var".to_vec(), "netis-backdoor"),
        (4433, dtls, "dtls-hello"),
        (443, zeros(&[0xc0, 0xba, 0xba, 0xba, 0xba, 8], 1200), "quic-initial"),
        (51820, zeros(&[1], 148), "wireguard-start"),
        (9999, b" ".to_vec(), "one-byte"),
    ]
}
