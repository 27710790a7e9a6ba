//! Which text of a banner the fingerprints of a file are matched against, in the form recog expects it.

use super::super::host::Banner;

/// What banners have a text for.
const KNOWN: [&str; 21] = [
    "http_header.server",
    "http_header.wwwauth",
    "http_header.cookie",
    "http_header.x-powered-by",
    "html_title",
    "favicon.md5",
    "rtsp_header.server",
    "sip_header.server",
    "sip_header.user_agent",
    "ssh.banner",
    "ftp.banner",
    "telnet.banner",
    "smtp.banner",
    "pop3.banner",
    "imap4.banner",
    "nntp.banner",
    "dns.versionbind",
    "snmp.sys_description",
    "x509.subject",
    "x509.issuer",
    "tls.jarm",
];

/// Whether banners have a text for fingerprints with this `matches`.
pub(super) fn known(matches: &str) -> bool {
    KNOWN.contains(&matches) || matches == "operating_system.name"
}

/// The text of a banner for fingerprints with this `matches`.
pub(super) fn text<'a>(banner: &'a Banner, matches: &str) -> Option<&'a str> {
    let text = match matches {
        "http_header.server" if banner.spoken() == "rtsp" => None,
        "http_header.server" => banner.server(),
        "http_header.wwwauth" => banner.authenticate(),
        "http_header.cookie" => banner.cookie.as_deref().or_else(|| banner.header("set-cookie")),
        "http_header.x-powered-by" => banner.header("x-powered-by"),
        "html_title" => banner.html_title.as_deref(),
        "favicon.md5" => banner.favicon_md5.as_deref(),
        "rtsp_header.server" => spoken(banner, "rtsp").and_then(|_| banner.header("server")),
        "sip_header.server" => spoken(banner, "sip").and_then(|_| banner.header("server")),
        "sip_header.user_agent" => spoken(banner, "sip").and_then(|_| banner.header("user-agent")),
        "ssh.banner" => spoken(banner, "ssh").and_then(after_version),
        "ftp.banner" => spoken(banner, "ftp").and_then(|text| first_line(text).map(|line| without(line, "220"))),
        "smtp.banner" => spoken(banner, "smtp").and_then(|text| first_line(text).map(|line| without(line, "220"))),
        "nntp.banner" => spoken(banner, "nntp").and_then(|text| first_line(text).map(|line| without(line, "200"))),
        "pop3.banner" => spoken(banner, "pop3").and_then(|text| first_line(text).map(|line| without(line, "+OK"))),
        "imap4.banner" => spoken(banner, "imap").and_then(|text| first_line(text).map(|line| without(line, "* OK"))),
        "telnet.banner" => spoken(banner, "telnet").map(str::trim),
        "dns.versionbind" => spoken(banner, "dns").and_then(first_line),
        "snmp.sys_description" => spoken(banner, "snmp").map(str::trim),
        "x509.subject" => banner.certificate_subject.as_deref(),
        "x509.issuer" => banner.certificate_issuer.as_deref(),
        "tls.jarm" => banner.jarm.as_deref(),
        "operating_system.name" => banner.os.as_deref(),
        _ => None,
    };
    text.filter(|text| !text.is_empty())
}

/// The banner's text when it speaks this protocol.
fn spoken<'a>(banner: &'a Banner, protocol: &str) -> Option<&'a str> {
    (banner.spoken() == protocol).then_some(banner.text.as_deref()?)
}

fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

/// A line without the reply code it starts with.
fn without<'a>(line: &'a str, code: &str) -> &'a str {
    line.strip_prefix(code).map_or(line, |rest| rest.trim_start_matches(['-', ' ']))
}

/// SSH's identification without its protocol version: `OpenSSH_9.6` of `SSH-2.0-OpenSSH_9.6`.
fn after_version(text: &str) -> Option<&str> {
    let line = first_line(text)?;
    match line.strip_prefix("SSH-") {
        Some(rest) => rest.split_once('-').map(|(_, software)| software),
        None => Some(line),
    }
}
