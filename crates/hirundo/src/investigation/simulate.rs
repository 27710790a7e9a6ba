//! Makes up an investigation for a demonstration, in the layout of Shodan's export, each line marked as simulated.

use std::net::IpAddr;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};

/// How likely an address answers, of 1000.
const ANSWERS_PERMILLE: u64 = 850;

/// How likely a second device answers behind the same address, of 1000.
const SECOND_PERMILLE: u64 = 120;

/// Look-ups are spread over this many days before the given one.
const DAYS: u64 = 14;

/// A device with the banner it answers with: `(server, title, realm, text, port, product)`.
type Look = (&'static str, &'static str, &'static str, &'static str, u16, &'static str);

/// Recorders, as their servers and pages name themselves (see devices.toml for the sources).
const RECORDERS: [Look; 7] = [
    ("Cross Web Server", "", "", "", 80, ""),
    ("uc-httpd 1.0.0", "NETSurveillance WEB", "", "", 80, ""),
    ("DNVRS-Webs", "index", "", "", 8080, ""),
    ("DVRDVS-Webs", "", "", "", 80, ""),
    ("JAWS/1.0", "", "", "", 60001, ""),
    ("", "", "Merit LILIN Ent. Co., Ltd.", "", 80, ""),
    ("FUHO-DVR", "", "", "", 80, ""),
];
const CAMERAS: [Look; 3] = [
    ("Hipcam RealServer/V1.0", "", "", "rtsp", 554, ""),
    ("Linux/2.x UPnP/1.0 Avtech/1.0", "--- VIDEO WEB SERVER ---", "", "", 80, ""),
    ("Network Camera with Pan/Tilt", "", "", "", 80, ""),
];
const ROUTERS: [Look; 5] = [
    ("", "ASUS Login", "", "", 8443, ""),
    ("", "Vigor Login Page", "", "", 443, ""),
    ("", "", "AirStation", "", 80, ""),
    ("Aterm(HT)/1.0.12", "", "Aterm(admin)", "", 80, ""),
    ("", "RouterOS router configuration page", "", "", 80, ""),
];
const STORAGE: [Look; 2] = [
    ("nginx", "NAS\u{a0}-\u{a0}Synology\u{a0}DiskStation", "", "", 5000, ""),
    ("http server 1.0", "QNAP Turbo NAS", "", "", 8080, ""),
];
const SERVERS: [Look; 4] = [
    ("", "", "", "SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.10", 22, "OpenSSH"),
    ("", "", "", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", 22, "OpenSSH"),
    (
        "Apache/2.4.41 (Ubuntu)",
        "Apache2 Ubuntu Default Page: It works",
        "",
        "",
        80,
        "Apache httpd",
    ),
    ("Apache/2.4.6 (CentOS)", "", "", "", 80, "Apache httpd"),
];
const WINDOWS: [Look; 1] = [("Microsoft-IIS/10.0", "IIS Windows Server", "", "", 80, "Microsoft IIS httpd")];
const NAMELESS: [Look; 2] = [("lighttpd/1.4.35", "", "", "", 80, ""), ("", "", "", "login: ", 23, "")];

/// The devices of a region, each with its weight. The mixes are made up: recorders where reports find most of them.
fn mix(region: &str) -> [(u64, &'static [Look]); 7] {
    match region {
        "JP" | "KR" | "TW" => weights([60, 4, 14, 5, 5, 2, 10]),
        "CN" | "US" => weights([8, 3, 8, 3, 58, 8, 12]),
        _ => weights([22, 10, 24, 4, 22, 4, 14]),
    }
}

fn weights(of: [u64; 7]) -> [(u64, &'static [Look]); 7] {
    let [recorders, cameras, routers, storage, servers, windows, nameless] = of;
    [
        (recorders, &RECORDERS),
        (cameras, &CAMERAS),
        (routers, &ROUTERS),
        (storage, &STORAGE),
        (servers, &SERVERS),
        (windows, &WINDOWS),
        (nameless, &NAMELESS),
    ]
}

/// Makes up banners for addresses with their regions (two letters), a JSON object a line, as looked up in the days before
/// `until`. Every line carries `"_simulated": true`. Some addresses do not answer and have no line, some have two devices.
/// The same address, region, day and seed give the same lines, in whatever company.
#[must_use]
pub fn simulate(addresses: &[(IpAddr, &str)], until: DateTime<Utc>, seed: u64) -> String {
    let mut text = String::new();
    for (address, region) in addresses {
        let mut chance = Chance::new(*address, seed);
        if chance.below(1000) >= ANSWERS_PERMILLE {
            continue;
        }
        let first = pick(&mut chance, region);
        let second = (chance.below(1000) < SECOND_PERMILLE).then(|| pick(&mut chance, region));
        for (at, look) in std::iter::once(first).chain(second).enumerate() {
            let shifted = u16::try_from(at).unwrap_or(0);
            let back = Duration::seconds(i64::try_from(chance.below(DAYS * 86_400)).unwrap_or(0));
            let time = until.checked_sub_signed(back).unwrap_or(until);
            text.push_str(&line(*address, look, look.4.saturating_add(shifted), time).to_string());
            text.push('\n');
        }
    }
    text
}

fn pick(chance: &mut Chance, region: &str) -> &'static Look {
    let mix = mix(region);
    let mut left = chance.below(mix.iter().map(|(weight, _)| weight).sum());
    let group = mix.iter().find(|(weight, _)| {
        let here = left < *weight;
        left = left.saturating_sub(if here { 0 } else { *weight });
        here
    });
    let looks: &[Look] = group.map_or(&NAMELESS, |(_, looks)| looks);
    let at = usize::try_from(chance.below(looks.len() as u64)).unwrap_or(0);
    looks.get(at).unwrap_or(&NAMELESS[0])
}

fn line(address: IpAddr, look: &Look, port: u16, time: DateTime<Utc>) -> Value {
    let (server, title, realm, text, _, product) = *look;
    let http = text.is_empty();
    let rtsp = text == "rtsp";
    let mut data = String::new();
    if http {
        data.push_str(if realm.is_empty() {
            "HTTP/1.1 200 OK\r\n"
        } else {
            "HTTP/1.1 401 Unauthorized\r\n"
        });
        if !realm.is_empty() {
            data.push_str(&format!("WWW-Authenticate: Basic realm=\"{realm}\"\r\n"));
        }
    } else if rtsp {
        data.push_str("RTSP/1.0 200 OK\r\nCSeq: 1\r\n");
    } else {
        data.push_str(text);
    }
    if (http || rtsp) && !server.is_empty() {
        data.push_str(&format!("Server: {server}\r\n"));
    }
    if http || rtsp {
        data.push_str("\r\n");
    }
    let module = if http {
        "http"
    } else if rtsp {
        "rtsp-tcp"
    } else if port == 23 || port == 24 {
        "telnet"
    } else {
        "ssh"
    };
    let mut banner = json!({
        "_simulated": true,
        "_shodan": {"module": module, "crawler": "simulated"},
        "ip_str": address.to_string(),
        "port": port,
        "transport": "tcp",
        "timestamp": time.naive_utc().and_utc().to_rfc3339_opts(SecondsFormat::Micros, true).trim_end_matches('Z'),
        "data": data,
    });
    if let Value::Object(fields) = &mut banner {
        if http {
            let or_null = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
            fields.insert("http".to_owned(), json!({"server": or_null(server), "title": or_null(title)}));
        }
        if !product.is_empty() {
            fields.insert("product".to_owned(), product.into());
        }
    }
    banner
}

/// A source of chance: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), which needs no state but a number.
struct Chance(u64);

impl Chance {
    fn new(address: IpAddr, seed: u64) -> Chance {
        let mut chance = Chance(seed);
        let bytes = match address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        for half in [bytes & u128::from(u64::MAX), bytes >> 64] {
            chance.0 = chance.next() ^ u64::try_from(half).unwrap_or(0);
        }
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number under `end`; 0 when `end` is 0.
    fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }
}
