//! What an investigation says about one address: the host and the banners of its ports, bounded in every direction.

use std::borrow::Cow;
use std::net::IpAddr;

use chrono::{DateTime, NaiveDateTime, Utc};

/// Longest banner text that is kept, in bytes.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Longest other text that is kept (title, header, name), in bytes.
pub const FIELD_BYTES_MAX: usize = 512;

/// Most banners of a record that are kept; the rest is counted.
pub const BANNERS_MAX: usize = 128;

/// Most names, CPEs, tags or device words of a host or banner that are kept, of each.
pub const NAMES_MAX: usize = 32;

/// Who investigated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Shodan: banners or host records.
    Shodan,
    /// Shodan's InternetDB: a summary of each address.
    InternetDb,
    /// Censys: hosts of Search v2 or of the Platform.
    Censys,
}

impl Provider {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Provider::Shodan => "shodan",
            Provider::InternetDb => "internetdb",
            Provider::Censys => "censys",
        }
    }
}

/// What one record of an investigation says about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The address.
    pub address: IpAddr,
    /// When the provider last looked; `None` when the record does not say.
    pub looked_up: Option<DateTime<Utc>>,
    /// Who looked.
    pub provider: Provider,
    /// The record says that it was made up for a demonstration.
    pub simulated: bool,
    /// Host names.
    pub hostnames: Vec<String>,
    /// CPEs that belong to no port in particular, as given.
    pub cpes: Vec<String>,
    /// Tags or labels of the whole host.
    pub tags: Vec<String>,
    /// The provider's words for the whole host's device (`IP Camera`), as far as it has them.
    pub device_types: Vec<String>,
    /// The operating system the provider names for the whole host.
    pub os: Option<String>,
    /// What answers, at most [`BANNERS_MAX`].
    pub banners: Vec<Banner>,
    /// Banners left out because there were more.
    pub banners_left_out: usize,
}

impl Host {
    /// A host of which nothing is known yet.
    #[must_use]
    pub fn new(address: IpAddr, provider: Provider) -> Host {
        Host {
            address,
            looked_up: None,
            provider,
            simulated: false,
            hostnames: Vec::new(),
            cpes: Vec::new(),
            tags: Vec::new(),
            device_types: Vec::new(),
            os: None,
            banners: Vec::new(),
            banners_left_out: 0,
        }
    }

    /// Whether anything answered: an address without is not part of a share's whole.
    #[must_use]
    pub fn answered(&self) -> bool {
        !(self.banners.is_empty() && self.cpes.is_empty())
    }

    /// Adds a banner, or counts it when there are too many.
    pub fn add(&mut self, banner: Banner) {
        if self.banners.len() < BANNERS_MAX {
            self.banners.push(banner);
        } else {
            self.banners_left_out = self.banners_left_out.saturating_add(1);
        }
    }
}

/// What answered at one port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Banner {
    /// The port.
    pub port: u16,
    /// `tcp`, `udp` or what the provider says.
    pub transport: Option<String>,
    /// What was spoken, in lower case: `http`, `rtsp-tcp`, `ssh`. Shodan's module, Censys's service name.
    pub service: Option<String>,
    /// Product, as the provider found it.
    pub product: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The answer as text, at most [`TEXT_BYTES_MAX`].
    pub text: Option<String>,
    /// Title of the page.
    pub html_title: Option<String>,
    /// `Server` header of HTTP.
    pub http_server: Option<String>,
    /// `WWW-Authenticate` header of HTTP.
    pub www_authenticate: Option<String>,
    /// First `Set-Cookie` header of HTTP.
    pub cookie: Option<String>,
    /// MD5 of the icon, lower-case hexadecimal digits.
    pub favicon_md5: Option<String>,
    /// MurmurHash3 of the icon's Base64, as Shodan counts it.
    pub favicon_mmh3: Option<i32>,
    /// Subject of the certificate: `CN=…,OU=…,O=…`.
    pub certificate_subject: Option<String>,
    /// Issuer of the certificate, in the same form.
    pub certificate_issuer: Option<String>,
    /// JARM fingerprint of the TLS server.
    pub jarm: Option<String>,
    /// The provider's word for the device.
    pub device_type: Option<String>,
    /// The operating system the provider names.
    pub os: Option<String>,
    /// CPEs, as given.
    pub cpes: Vec<String>,
    /// Tags or labels.
    pub tags: Vec<String>,
}

impl Banner {
    /// What was spoken, without its transport: the provider's word, else the start of the text, else the usual port.
    #[must_use]
    pub fn spoken(&self) -> &str {
        let text = self.text.as_deref().unwrap_or("");
        for (start, name) in [("SSH-", "ssh"), ("RTSP/1.", "rtsp"), ("SIP/2.0", "sip"), ("HTTP/1.", "http")] {
            if text.starts_with(start) {
                return name;
            }
        }
        if let Some(service) = &self.service {
            return service.split(['-', '_', '/']).next().unwrap_or(service);
        }
        match self.port {
            21 => "ftp",
            22 => "ssh",
            23 | 2323 => "telnet",
            25 | 465 | 587 => "smtp",
            53 => "dns",
            80 | 443 | 8080 | 8443 => "http",
            110 | 995 => "pop3",
            119 => "nntp",
            143 | 993 => "imap",
            161 => "snmp",
            554 => "rtsp",
            5060 => "sip",
            _ => "",
        }
    }

    /// A header of a text that starts like HTTP, RTSP or SIP; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let text = self.text.as_deref()?;
        let first = text.lines().next()?;
        if !(first.starts_with("HTTP/") || first.starts_with("RTSP/") || first.starts_with("SIP/")) {
            return None;
        }
        text.lines().skip(1).take_while(|line| !line.trim().is_empty()).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The `Server` header, from its own field or from the text of an HTTP answer.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.http_server.as_deref().or_else(|| self.header("server"))
    }

    /// The `WWW-Authenticate` header, likewise.
    #[must_use]
    pub fn authenticate(&self) -> Option<&str> {
        self.www_authenticate.as_deref().or_else(|| self.header("www-authenticate"))
    }
}

/// A CPE of either form as `part:vendor:product`, lower case: `h:hikvision:ds-7608`. `None` for other text.
#[must_use]
pub fn cpe_name(cpe: &str) -> Option<String> {
    let rest = cpe.strip_prefix("cpe:2.3:").or_else(|| cpe.strip_prefix("cpe:/"))?;
    let mut parts = rest.split(':');
    let (part, vendor) = (parts.next()?, parts.next()?);
    let product = parts.next().unwrap_or("");
    Some(format!("{part}:{vendor}:{product}").to_ascii_lowercase())
}

/// The first `bytes_max` bytes of a text, cut between characters.
#[must_use]
pub(super) fn bounded(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

/// A time as providers write it: RFC 3339, or without a zone, which means UTC.
#[must_use]
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"));
    local.ok().map(|time| time.and_utc())
}

/// A text without control characters other than line ends and tabs, so that it can be shown.
#[must_use]
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let bad = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if text.contains(bad) {
        Cow::Owned(text.replace(bad, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
