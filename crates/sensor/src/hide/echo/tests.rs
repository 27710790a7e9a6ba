//! Every form is found, near misses are not.

use super::*;

/// 203.0.113.9, the destination, and 192.0.2.77, another watched address.
const DST: u32 = 0xcb00_7109;
const OTHER: u32 = 0xc000_024d;

fn watched() -> Watched {
    Watched::new(&["203.0.113.9/32", "192.0.2.77/32", "2001:db8:9::/64"].map(|network| network.parse().unwrap()))
}

fn check_v4(payload: &[u8], expected: bool) {
    let watched = watched();
    let secret = Secret {
        dst: Destination::V4(DST),
        watched: &watched,
    };
    assert_eq!(echoes(payload, &secret), expected, "{}", payload.escape_ascii());
}

#[test]
fn addresses_of_ipv4_are_found_in_every_form() {
    let binary = [
        DST.to_be_bytes(),
        DST.to_le_bytes(),
        (!DST).to_be_bytes(),
        (DST ^ STUN_COOKIE).to_be_bytes(),
        OTHER.to_be_bytes(),
        OTHER.to_le_bytes(),
        (OTHER ^ STUN_COOKIE).to_be_bytes(),
    ];
    for bytes in binary {
        check_v4(&bytes, true);
        check_v4(&[b"some text before", &bytes[..], b"\xff\xfe\xfd and behind"].concat(), true);
    }
    let texts = [
        "GET / HTTP/1.1\r\nHost: 203.0.113.9\r\n\r\n",
        "OPTIONS sip:100@203.0.113.9:5060 SIP/2.0",
        "192.0.2.77",
        "9.113.0.203.in-addr.arpa",
        "PORT 203,0,113,9,4,1",
        "host-203-0-113-9.example.net",
        "[203, 0, 113, 9]",
        "203.000.113.009",
        "3405803785",
        "id=3405803785;",
        "0313.0.0161.011",
        "031300070411",
        "cb007109",
        "CB007109",
        "0xcb.0x00.0x71.0x9",
        "xcb00710912",
        "cb:00:71:09",
        "097100cb",
        "\\xcb\\x00\\x71\\x09",
        "203%2E0%2e113%2E9",
        "%32%30%33.0.113.9",
        "MjAzLjAuMTEzLjk=",
        "/path/MjAzLjAuMTEzLjk",
        "ywBxCQ==",
        // Cut behind the third number.
        "Host: 203.0.113.",
        "203.0.113",
        "0xcb0071",
    ];
    for text in texts {
        check_v4(text.as_bytes(), true);
    }
    check_v4(
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x019\x03113\x010\x03203\x07in-addr\x04arpa\0\0\x0c\0\x01",
        true,
    );
    let utf16: Vec<u8> = "\\\\203.0.113.9\\IPC$".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check_v4(&utf16, true);
    let embedded = ["prefix ", "203.0.113.9"].concat();
    for from in 0..3 {
        let encoded = encode_base64(&embedded.as_bytes()[from..]);
        check_v4(encoded.as_bytes(), true);
    }
}

fn encode_base64(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(alphabet[(group >> (18 - 6 * place)) as usize & 63]);
        }
    }
    text
}

#[test]
fn other_payloads_are_left_alone() {
    let texts = [
        "",
        "GET / HTTP/1.1\r\nHost: 198.51.100.7\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64)\r\n\r\n",
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n",
        "203.0.114.9",
        "192.0.2.78",
        "203 0",
        "20300113009",
        "version 113",
        "OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/UDP nm;branch=foo;rport\r\nMax-Forwards: 70\r\n\r\n",
    ];
    for text in texts {
        check_v4(text.as_bytes(), false);
    }
    check_v4(b"\x17\0\x03\x2a\0\0\0\0", false);
    check_v4(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03", false);
    let mut state = 7_u32;
    let random: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(20_000)
    .collect();
    random.chunks(64).for_each(|payload| check_v4(payload, false));
}

#[test]
fn addresses_of_ipv6_are_found_in_every_form() {
    let dst: Ipv6Addr = "2001:db8:7:1::a9".parse().unwrap();
    let other: Ipv6Addr = "2001:db8:9::42".parse().unwrap();
    let watched = watched();
    let secret = Secret {
        dst: Destination::V6(dst.to_bits()),
        watched: &watched,
    };
    let check = |payload: &[u8], expected: bool| assert_eq!(echoes(payload, &secret), expected, "{}", payload.escape_ascii());
    for address in [dst, other] {
        let bits = address.to_bits();
        let nibbles: Vec<String> = format!("{bits:032x}").chars().rev().map(|digit| digit.to_string()).collect();
        let mut wire = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0".to_vec();
        nibbles
            .iter()
            .for_each(|digit| wire.extend(["\x01", digit.as_str()].concat().as_bytes()));
        wire.extend(b"\x03ip6\x04arpa\0\0\x0c\0\x01");
        check(&wire, true);
        let full: Vec<String> = address.segments().iter().map(|group| format!("{group:04X}")).collect();
        let texts = [
            address.to_string(),
            format!("http://[{address}]:80/"),
            format!("{address}:"),
            full.join(":"),
            format!("{bits:032x}"),
            format!("{bits}"),
            [nibbles.join("."), ".ip6.arpa".to_owned()].concat(),
            address.to_string().replace(':', "%3A"),
        ];
        texts.iter().for_each(|text| check(text.as_bytes(), true));
        for bytes in [bits.to_be_bytes(), bits.to_le_bytes(), (!bits).to_be_bytes()] {
            check(&[b"before", &bytes[..], b"behind"].concat(), true);
        }
        let words: Vec<u8> = bits.to_be_bytes().chunks(4).flat_map(|word| word.iter().rev().copied()).collect();
        check(&words, true);
        let stun = *b"\x21\x12\xa4\x42transaction.";
        let masked = (bits ^ u128::from_be_bytes(stun)).to_be_bytes();
        check(
            &[b"\x01\x01\0\x18", &stun[..], b"\0\x20\0\x14\0\x02\x12\x34", &masked].concat(),
            true,
        );
    }
    check(&dst.octets()[..8], true);
    check(b"2001:db8:7:1", true);
    check(b"2001:db8:7:2::a9", false);
    check(b"2001:db8:7:0:1", false);
    check(b"fe80::1 and 12:34:56", false);
    check(b"203.0.113.9", true);
}

#[test]
fn only_what_could_be_kept_is_looked_at() {
    let mut payload = vec![b' '; 300];
    payload.extend(b"203.0.113.9");
    check_v4(&payload, true);
    payload.splice(0..0, vec![b' '; 200]);
    check_v4(&payload, false);
}
