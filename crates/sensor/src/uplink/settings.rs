//! Section `[uplink]` of the configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use hirundo_packet::wire;
use serde::Deserialize;

use super::centre::{Centre, host_and_port};

/// Environment variable with the proxy's password.
pub(super) const PROXY_PASSWORD_VARIABLE: &str = "HIRUNDO_PROXY_PASSWORD";
/// Most bytes of the file with the proxy's password.
pub(super) const PASSWORD_BYTES_MAX: u64 = 4096;
/// Least bytes a second that a limit may say: below, no batch would ever arrive.
const BYTES_PER_SEC_MIN: u64 = 1024;
/// Most centres that are tried.
pub(super) const CENTRES_MAX: usize = 16;

/// Section `[uplink]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where collectors are, `https://host:port`; without any, as enrolment said.
    pub centres: Vec<Centre>,
    /// In which order they are tried.
    pub order: Order,
    /// HTTP proxy that lets us through by `CONNECT`: `http://host:port` or `http://user:password@host:port`.
    pub proxy: Option<Proxy>,
    /// File with the proxy's password, instead of in its URL; or the variable `HIRUNDO_PROXY_PASSWORD`.
    pub proxy_password_file: Option<PathBuf>,
    /// Addresses of `host:port` that are not asked of the system: for where a name cannot be resolved.
    pub resolve: BTreeMap<String, Vec<std::net::IpAddr>>,
    /// Most batches on the way at a time, 1 to 64.
    pub in_flight_max: usize,
    /// Most bytes on the way at a time (one batch more, at most).
    pub in_flight_bytes_max: usize,
    /// Most bytes of batches a second; 0 is no limit.
    pub bytes_per_sec_max: u64,
    /// Seconds between heartbeats.
    pub heartbeat_secs: u64,
    /// Longest pause between attempts to reach a centre, seconds.
    pub pause_secs_max: u64,
    /// Seconds after which the connection is asked whether it lives, and from then until it is given up.
    pub ping_secs: (u64, u64),
    /// Seed of what is random in pauses and order; otherwise from the system.
    #[serde(skip)]
    pub seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            centres: Vec::new(),
            order: Order::Given,
            proxy: None,
            proxy_password_file: None,
            resolve: BTreeMap::new(),
            in_flight_max: 16,
            in_flight_bytes_max: 32 << 20,
            bytes_per_sec_max: 0,
            heartbeat_secs: 60,
            pause_secs_max: 60,
            ping_secs: (10, 20),
            seed: None,
        }
    }
}

/// In which order centres are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As they stand: the first is home, the others stand in.
    #[default]
    Given,
    /// Shuffled at start, so that a fleet spreads over them.
    Random,
}

impl Settings {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// Says which setting is wrong.
    pub fn validate(&self) -> anyhow::Result<()> {
        let within = |name: &str, value: u64, least: u64, most: u64| {
            anyhow::ensure!(
                (least..=most).contains(&value),
                "uplink.{name} is {value}; hint: {least} to {most} are possible"
            );
            Ok(())
        };
        within("in_flight_max", self.in_flight_max as u64, 1, wire::IN_FLIGHT_MAX as u64)?;
        within("in_flight_bytes_max", self.in_flight_bytes_max as u64, 1 << 16, 1 << 30)?;
        within("heartbeat_secs", self.heartbeat_secs, 1, 3600)?;
        within("pause_secs_max", self.pause_secs_max, 1, 3600)?;
        within("ping_secs", self.ping_secs.0, 1, 600)?;
        within("ping_secs", self.ping_secs.1, 1, 600)?;
        if self.bytes_per_sec_max != 0 {
            within("bytes_per_sec_max", self.bytes_per_sec_max, BYTES_PER_SEC_MIN, 1 << 40)?;
        }
        within("centres (how many)", self.centres.len() as u64, 0, CENTRES_MAX as u64)?;
        for (name, addresses) in &self.resolve {
            let known = name.parse().ok().and_then(|authority| host_and_port(&authority));
            anyhow::ensure!(
                known.is_some(),
                "uplink.resolve: {name:?} is no host:port; hint: \"centre.example:4443\" is one"
            );
            anyhow::ensure!(!addresses.is_empty(), "uplink.resolve: {name} has no address");
        }
        if let Some(proxy) = &self.proxy {
            proxy.password(self.proxy_password_file.as_deref())?;
        }
        Ok(())
    }

    /// The centres: those that the configuration names, otherwise those of the enrolment.
    ///
    /// # Errors
    /// When there is none, or one is not understood.
    pub fn centres_or(&self, enrolled: &[String]) -> anyhow::Result<Vec<Centre>> {
        let centres = if self.centres.is_empty() {
            let parsed: Result<Vec<Centre>, _> = enrolled.iter().take(CENTRES_MAX).map(|text| text.parse()).collect();
            parsed.context("the enrolment's centres")?
        } else {
            self.centres.clone()
        };
        anyhow::ensure!(!centres.is_empty(), "no centre is known; hint: set uplink.centres or enrol again");
        Ok(centres)
    }
}

/// An HTTP proxy. Its password is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Proxy {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    user: Option<String>,
    password: Option<String>,
}

impl Proxy {
    /// User, if the URL has one.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password: of the URL, the file, or the environment, in this order.
    ///
    /// # Errors
    /// When the file cannot be read, or there is a password but no user.
    pub fn password(&self, file: Option<&std::path::Path>) -> anyhow::Result<Option<String>> {
        let password = match (&self.password, file) {
            (Some(password), _) => Some(password.clone()),
            (None, Some(path)) => Some(read_password(path)?),
            (None, None) => std::env::var(PROXY_PASSWORD_VARIABLE).ok(),
        };
        if password.is_some() && file.is_some() && self.user.is_none() {
            anyhow::bail!("uplink.proxy names no user for its password; hint: http://user@host:port");
        }
        Ok(password)
    }
}

fn read_password(path: &std::path::Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text))
        .with_context(|| format!("reading the proxy's password from {}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl TryFrom<String> for Proxy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The text may hold a password, so it is not repeated.
        let wrong = || "the proxy is not understood; hint: http://host:port or http://user@host:port".to_owned();
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        let (host, port) = host_and_port(authority).ok_or_else(wrong)?;
        let (user, password) = match authority.as_str().rsplit_once('@') {
            None => (None, None),
            Some((before, _)) => match before.split_once(':') {
                None => (Some(before), None),
                Some((user, password)) => (Some(user), Some(password)),
            },
        };
        let decoded = |part: Option<&str>| match part {
            None => Ok(None),
            Some(part) => percent_decoded(part).map(Some).ok_or_else(wrong),
        };
        Ok(Self {
            host,
            port,
            user: decoded(user)?,
            password: decoded(password)?,
        })
    }
}

/// Text with `%40` and the like resolved; `None` if it is not well-formed or holds signs that no header may.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after.get(2..)?;
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    (!decoded.contains(char::is_control)).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_understood_or_refused() {
        let check = |text: &str, expected: Result<(), &str>| {
            let found = toml::from_str::<Settings>(text)
                .map_err(|error| error.to_string())
                .and_then(|settings| settings.validate().map_err(|error| error.to_string()));
            match (found, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(part)) if error.contains(part) => {}
                (found, expected) => panic!("{text}: {found:?}, expected {expected:?}"),
            }
        };
        check("", Ok(()));
        check(
            "centres = [\"https://a.example:4443\"]\norder = \"random\"\nin_flight_max = 64",
            Ok(()),
        );
        check("resolve = {\"centre.example:4443\" = [\"192.0.2.1\", \"2001:db8::1\"]}", Ok(()));
        check("resolve = {\"centre.example\" = [\"192.0.2.1\"]}", Err("host:port"));
        check("resolve = {\"centre.example:1\" = []}", Err("no address"));
        check("proxy = \"http://user:pa%40ss@proxy.example:3128\"", Ok(()));
        check("proxy = \"socks5://proxy.example:1080\"", Err("http://host:port"));
        check("proxy = \"http://proxy.example\"", Err("http://host:port"));
        check("proxy = \"http://us%0aer@proxy.example:3128\"", Err("http://host:port"));
        check("in_flight_max = 65", Err("1 to 64"));
        check("in_flight_max = 0", Err("1 to 64"));
        check("bytes_per_sec_max = 100", Err("1024"));
        check("centres = [\"http://a.example:4443\"]", Err("https://host:port"));
        check("colour = 1", Err("unknown field"));
    }

    #[test]
    fn a_password_is_not_shown() {
        let proxy = Proxy::try_from("http://user:geheim%3a@[2001:db8::2]:3128".to_owned()).unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port, proxy.user()), ("2001:db8::2", 3128, Some("user")));
        assert_eq!(proxy.password(None).unwrap().as_deref(), Some("geheim:"));
        let settings = Settings {
            proxy: Some(proxy),
            ..Settings::default()
        };
        assert!(!format!("{settings:?}").contains("geheim"));
        let error = Proxy::try_from("ftp://user:geheim@host:1".to_owned()).unwrap_err();
        assert!(!error.contains("geheim"));
    }

    #[test]
    fn a_password_comes_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "geheim\n").unwrap();
        let proxy = Proxy::try_from("http://user@proxy.example:3128".to_owned()).unwrap();
        assert_eq!(proxy.password(Some(&path)).unwrap().as_deref(), Some("geheim"));
        let nobody = Proxy::try_from("http://proxy.example:3128".to_owned()).unwrap();
        assert!(nobody.password(Some(&path)).unwrap_err().to_string().contains("no user"));
        assert!(proxy.password(Some(&folder.path().join("none"))).is_err());
    }
}
