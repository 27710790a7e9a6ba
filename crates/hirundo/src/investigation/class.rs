//! What a device is: the classes that shares are counted by, and the words publishers use for them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of device answers at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Digital and network video recorders (DVR, NVR).
    VideoRecorder,
    /// Network cameras, and encoders of camera pictures.
    Camera,
    /// Routers of homes and offices, wireless access points, modems.
    Router,
    /// Network-attached storage.
    Nas,
    /// Printers, scanners and machines that do both.
    Printer,
    /// VPN gateways, firewalls and other security appliances.
    Firewall,
    /// Servers of general use under Linux.
    LinuxServer,
    /// Computers under Windows.
    WindowsHost,
    /// Control systems, building automation, serial device servers.
    Industrial,
    /// Telephones, telephone exchanges and video conferencing.
    Telephone,
    /// Television sets, set-top boxes, players and media servers.
    Media,
    /// A device of a known kind that has no class of its own.
    Other,
    /// The address was investigated, no rule says what it is.
    Unknown,
}

impl Class {
    /// Every class, in the order of reports.
    pub const ALL: [Class; 13] = [
        Class::VideoRecorder,
        Class::Camera,
        Class::Router,
        Class::Nas,
        Class::Printer,
        Class::Firewall,
        Class::LinuxServer,
        Class::WindowsHost,
        Class::Industrial,
        Class::Telephone,
        Class::Media,
        Class::Other,
        Class::Unknown,
    ];

    /// The name in tables and in rule files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::VideoRecorder => "video-recorder",
            Class::Camera => "camera",
            Class::Router => "router",
            Class::Nas => "nas",
            Class::Printer => "printer",
            Class::Firewall => "firewall",
            Class::LinuxServer => "linux-server",
            Class::WindowsHost => "windows-host",
            Class::Industrial => "industrial",
            Class::Telephone => "telephone",
            Class::Media => "media",
            Class::Other => "other",
            Class::Unknown => "unknown",
        }
    }

    /// The name for people, in English.
    #[must_use]
    pub const fn english(self) -> &'static str {
        match self {
            Class::VideoRecorder => "Video recorder (DVR/NVR)",
            Class::Camera => "Network camera",
            Class::Router => "Router",
            Class::Nas => "Network storage (NAS)",
            Class::Printer => "Printer",
            Class::Firewall => "VPN or firewall",
            Class::LinuxServer => "Linux server",
            Class::WindowsHost => "Windows host",
            Class::Industrial => "Industrial control",
            Class::Telephone => "Telephone",
            Class::Media => "Television or media",
            Class::Other => "Other device",
            Class::Unknown => "Unknown",
        }
    }

    /// The name for people, in Japanese.
    #[must_use]
    pub const fn japanese(self) -> &'static str {
        match self {
            Class::VideoRecorder => "ビデオレコーダー（DVR/NVR）",
            Class::Camera => "ネットワークカメラ",
            Class::Router => "ルーター",
            Class::Nas => "NAS",
            Class::Printer => "プリンター",
            Class::Firewall => "VPN・ファイアウォール",
            Class::LinuxServer => "Linuxサーバー",
            Class::WindowsHost => "Windows",
            Class::Industrial => "産業用制御機器",
            Class::Telephone => "電話",
            Class::Media => "テレビ・メディア機器",
            Class::Other => "その他の機器",
            Class::Unknown => "不明",
        }
    }

    /// The class with this name in tables.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The class a publisher's word for a device stands for, in any case: `DVR`, `broadband router`, `storage-misc`.
    /// The words are those of recog's `hw.device` and of Nmap's device types, which Shodan uses, and Censys's labels.
    /// `None` for words that say nothing about a device (`general purpose`).
    #[must_use]
    pub fn of_word(word: &str) -> Option<Class> {
        let word: String = word
            .trim()
            .chars()
            .map(|letter| {
                if matches!(letter, '-' | '_') {
                    ' '
                } else {
                    letter.to_ascii_lowercase()
                }
            })
            .collect();
        WORDS
            .iter()
            .find(|(_, words)| words.contains(&word.as_str()))
            .map(|(class, _)| *class)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Words for each class, lower case, with spaces for hyphens. Sources: the values of `hw.device`, `os.device` and
/// `service.device` in rapid7/recog; Nmap's list of device types (nmap.org/book/vscan-device-types.html);
/// Censys Platform labels (docs.censys.com).
const WORDS: [(Class, &[&str]); 12] = [
    (
        Class::VideoRecorder,
        &[
            "dvr",
            "nvr",
            "xvr",
            "cloud network video recorder",
            "network video recorder",
            "video recorder",
        ],
    ),
    (
        Class::Camera,
        &[
            "ip camera",
            "network camera",
            "camera",
            "webcam",
            "web cam",
            "video encoder",
            "video decoder",
        ],
    ),
    (
        Class::Router,
        &[
            "router",
            "broadband router",
            "adsl router",
            "wap",
            "wireless controller",
            "wlan repeater",
            "dsl modem",
            "adsl modem",
            "atm dsl unit",
            "dsu/csu",
            "cable modem",
            "docsis cable modem",
            "modem",
            "gateway",
        ],
    ),
    (
        Class::Nas,
        &["nas", "storage", "storage misc", "storage appliance", "network attached storage"],
    ),
    (
        Class::Printer,
        &[
            "printer",
            "print server",
            "multifunction device",
            "scanner",
            "network scanner",
            "copier",
            "fax server",
            "check scanner",
        ],
    ),
    (
        Class::Firewall,
        &[
            "firewall",
            "vpn",
            "security appliance",
            "security misc",
            "ips",
            "ids",
            "nac",
            "sd wan appliance",
            "remote access server",
        ],
    ),
    (Class::LinuxServer, &[]),
    (Class::WindowsHost, &[]),
    (
        Class::Industrial,
        &[
            "plc",
            "hmi",
            "hmi controller",
            "scada",
            "ics",
            "industrial control",
            "building automation",
            "device server",
            "relay controller",
            "power relay",
            "environment control",
            "power meter",
            "remote terminal",
            "sensor",
        ],
    ),
    (
        Class::Telephone,
        &[
            "voip",
            "voip phone",
            "voip adapter",
            "voip gateway",
            "voip server",
            "voip switch",
            "voice appliance",
            "sip gateway",
            "sip device",
            "phone",
            "pbx",
            "telecom",
            "telecom misc",
            "video conferencing",
            "viewstation",
            "media gateway",
        ],
    ),
    (
        Class::Media,
        &[
            "media device",
            "media server",
            "media player",
            "media receiver",
            "smart tv",
            "iptv",
            "av receiver",
            "network audio",
            "tv",
            "set top box",
            "game console",
        ],
    ),
    (
        Class::Other,
        &[
            "switch",
            "hub",
            "bridge",
            "device",
            "device hub",
            "appliance",
            "network appliance",
            "network management device",
            "kvm",
            "pdu",
            "ups",
            "power device",
            "load balancer",
            "web proxy",
            "proxy server",
            "lights out management",
            "remote management",
            "hypervisor",
            "support appliance",
            "monitoring",
            "multiplexer",
            "ethernet adapter",
            "access control",
            "alarm panel",
            "thin client",
            "terminal",
            "terminal server",
            "tape library",
            "management processor",
            "onboard administrator",
            "wan accelerator",
            "test instrument",
            "display controller",
            "wireless presenter",
            "point of sale",
            "light bulb",
            "medical",
            "mobile phone",
            "tablet",
            "specialized",
            "usb server",
            "dslam",
            "mainframe",
            "desktop",
            "laptop",
            "audio encoder",
            "data terminal",
            "handheld scanner",
            "jtag adapter",
            "powerline",
            "whiteboard",
        ],
    ),
];
