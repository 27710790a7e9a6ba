//! Where a collector is: `https://host:port`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Longest host.
const HOST_BYTES_MAX: usize = 253;

/// Address of a collector as sensors are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address, IPv6 without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let wrong = || format!("{text:?} is no address of a collector; hint: write https://collector.example:4443");
        let rest = text.strip_prefix("https://").ok_or_else(wrong)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match (bracketed, host.parse::<IpAddr>()) {
            (Some(inner), _) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            (None, Ok(IpAddr::V4(_))) => host,
            (None, Err(_)) if is_host_name(host) => host,
            _ => return Err(wrong()),
        };
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        Ok(Address {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // All digits and dots would be an IP address, and it was none.
    host.len() <= HOST_BYTES_MAX && host.split('.').all(label) && host.bytes().any(|byte| byte.is_ascii_alphabetic())
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port } = self;
        if host.contains(':') {
            write!(formatter, "https://[{host}]:{port}")
        } else {
            write!(formatter, "https://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        let check = |text: &str, expected: Option<&str>| {
            let read = text.parse::<Address>().ok().map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check("https://collector.example:4443", Some("https://collector.example:4443"));
        check("https://Collector.Example:4443/", Some("https://collector.example:4443"));
        check("https://192.0.2.1:4443", Some("https://192.0.2.1:4443"));
        check("https://[2001:db8::1]:4443", Some("https://[2001:db8::1]:4443"));
        check("https://localhost:1", Some("https://localhost:1"));
        check("http://collector.example:4443", None);
        check("https://collector.example", None);
        check("https://collector.example:0", None);
        check("https://collector.example:70000", None);
        check("https://2001:db8::1:4443", None);
        check("https://[192.0.2.1]:4443", None);
        check("https://300.1.1.1:4443", None);
        check("https://a b:4443", None);
        check("https://-a:4443", None);
        check("https://a@b:4443", None);
        check("https://:4443", None);
    }
}
