//! Where a centre is: `https://host:port`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::trouble::Trouble;

/// Address of a centre.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Centre {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Centre {
    /// `host:port`, as in a URI: IPv6 in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        authority(&self.host, self.port)
    }
}

/// `host:port`, IPv6 in brackets.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Host without brackets and port of an authority that has nothing else.
pub(super) fn host_and_port(authority: &http::uri::Authority) -> Option<(String, u16)> {
    let host = authority.host();
    let host = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']'))?;
    (!host.is_empty()).then(|| authority.port_u16().map(|port| (host.to_owned(), port)))?
}

impl fmt::Display for Centre {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "https://{}", self.authority())
    }
}

impl FromStr for Centre {
    type Err = Trouble;

    fn from_str(text: &str) -> Result<Self, Trouble> {
        let wrong = || Trouble::Address {
            text: super::trouble::clean(text),
        };
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        if uri.scheme_str() != Some("https") || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        if authority.as_str().contains('@') {
            return Err(wrong());
        }
        let (host, port) = host_and_port(authority).ok_or_else(wrong)?;
        Ok(Self { host, port })
    }
}

impl TryFrom<String> for Centre {
    type Error = Trouble;

    fn try_from(text: String) -> Result<Self, Trouble> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centres() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let centre = text.parse::<Centre>().ok();
            let found = centre.as_ref().map(|centre| (centre.host.as_str(), centre.port));
            assert_eq!(found, expected, "{text}");
            if let Some(centre) = &centre {
                assert_eq!(centre.to_string().parse::<Centre>().ok().as_ref(), Some(centre));
            }
        };
        check("https://centre.example:4443", Some(("centre.example", 4443)));
        check("https://192.0.2.1:4443/", Some(("192.0.2.1", 4443)));
        check("https://[2001:db8::1]:4443", Some(("2001:db8::1", 4443)));
        check("https://centre.example", None);
        check("http://centre.example:4443", None);
        check("https://user@centre.example:4443", None);
        check("https://centre.example:4443/path", None);
        check("https://centre.example:4443?query", None);
        check("https://centre.example:99999", None);
        check("centre.example:4443", None);
        check("https://:4443", None);
        check("", None);
    }
}
