//! Shodan's layouts: a banner (bulk export, stream, search matches), a host with its banners, and InternetDB's summary.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::host::{Banner, Host, Provider, time};
use super::json::{at, field, fields, list, port, text};

/// The order in which a certificate's names are written: from the one's own to the country.
const NAME_ORDER: [&str; 9] = ["serialNumber", "CN", "OU", "O", "L", "ST", "C", "emailAddress", "UID"];

/// A banner: `{port, ip_str, data, …}`. A host of that one banner.
pub(super) fn banner_host(value: &Value) -> Result<Host, &'static str> {
    let mut host = Host::new(address(value)?, Provider::Shodan);
    host.looked_up = field(value, &["timestamp"]).as_deref().and_then(time);
    host.simulated = simulated(value);
    host.hostnames = fields(value, &["hostnames"]);
    host.add(banner(value).ok_or("a banner without a port")?);
    Ok(host)
}

/// A host: `{ip_str, last_update, data: [banner…]}`, or without `data` when it was asked for in short.
pub(super) fn host(value: &Value) -> Result<Host, &'static str> {
    let mut host = Host::new(address(value)?, Provider::Shodan);
    let banners = list(value, &["data"]);
    let last = banners
        .iter()
        .filter_map(|banner| field(banner, &["timestamp"]).as_deref().and_then(time))
        .max();
    host.looked_up = field(value, &["last_update"]).as_deref().and_then(time).or(last);
    host.simulated = simulated(value);
    host.hostnames = fields(value, &["hostnames"]);
    host.tags = fields(value, &["tags"]);
    host.os = field(value, &["os"]);
    for value in banners {
        if let Some(banner) = banner(value) {
            host.add(banner);
        }
    }
    if banners.is_empty() {
        add_ports(&mut host, value);
    }
    Ok(host)
}

/// InternetDB: `{ip, ports, cpes, hostnames, tags, vulns}`. It gives no date.
pub(super) fn internet_db(value: &Value) -> Result<Host, &'static str> {
    let mut host = Host::new(address(value)?, Provider::InternetDb);
    host.simulated = simulated(value);
    host.hostnames = fields(value, &["hostnames"]);
    host.cpes = fields(value, &["cpes"]);
    host.tags = fields(value, &["tags"]);
    add_ports(&mut host, value);
    Ok(host)
}

fn add_ports(host: &mut Host, value: &Value) {
    for value in list(value, &["ports"]) {
        if let Some(port) = port(value, &[]) {
            host.add(Banner { port, ..Banner::default() });
        }
    }
}

/// Whether a record says that it was made up.
fn simulated(value: &Value) -> bool {
    at(value, &["_simulated"]).and_then(Value::as_bool).unwrap_or(false)
}

/// The address: `ip_str`, else `ip` as text, else `ip` as the number of an IPv4 address.
fn address(value: &Value) -> Result<IpAddr, &'static str> {
    let said = field(value, &["ip_str"]).or_else(|| field(value, &["ip"])).ok_or("no address")?;
    if let Ok(number) = said.parse::<u32>() {
        return Ok(IpAddr::from(number.to_be_bytes()));
    }
    said.parse().map_err(|_| "the address is none")
}

fn banner(value: &Value) -> Option<Banner> {
    let cpes = fields(value, &["cpe23"]);
    Some(Banner {
        port: port(value, &["port"])?,
        transport: field(value, &["transport"]),
        service: field(value, &["_shodan", "module"]).map(|module| module.to_ascii_lowercase()),
        product: field(value, &["product"]),
        version: field(value, &["version"]),
        text: text(value, &["data"]),
        html_title: field(value, &["http", "title"]).or_else(|| field(value, &["title"])),
        http_server: field(value, &["http", "server"]),
        www_authenticate: None,
        cookie: None,
        favicon_md5: None,
        favicon_mmh3: favicon(value),
        certificate_subject: at(value, &["ssl", "cert", "subject"]).and_then(Value::as_object).and_then(name),
        certificate_issuer: at(value, &["ssl", "cert", "issuer"]).and_then(Value::as_object).and_then(name),
        jarm: field(value, &["ssl", "jarm"]),
        device_type: field(value, &["devicetype"]),
        os: field(value, &["os"]),
        cpes: if cpes.is_empty() { fields(value, &["cpe"]) } else { cpes },
        tags: fields(value, &["tags"]),
    })
}

fn favicon(value: &Value) -> Option<i32> {
    i32::try_from(at(value, &["http", "favicon", "hash"])?.as_i64()?).ok()
}

/// A certificate's name as one line: `CN=…,OU=…,O=…`, commas within a part escaped.
fn name(parts: &Map<String, Value>) -> Option<String> {
    let known = NAME_ORDER.iter().filter_map(|key| parts.get(*key).map(|value| (*key, value)));
    let line: Vec<String> = known
        .filter_map(|(key, value)| {
            let value = field(value, &[])?.replace(',', "\\,");
            Some(format!("{}={value}", if key == "serialNumber" { "SERIALNUMBER" } else { key }))
        })
        .collect();
    (!line.is_empty()).then(|| line.join(","))
}
