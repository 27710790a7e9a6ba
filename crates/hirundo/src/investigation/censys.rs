//! Censys's layouts: hosts of Search v2 (`service_name`, `http.response`) and of the Platform (`protocol`, `endpoints`).
//!
//! Field names are those of the published records: docs.censys.com (Legacy Search host fields, Platform host dataset)
//! and the models of the Platform SDKs, censys/censys-sdk-go.

use std::collections::BTreeSet;

use serde_json::Value;

use super::host::{Banner, Host, NAMES_MAX, Provider, cpe_name, time};
use super::json::{at, field, fields, list, port, text};

/// A host: `{ip, services: […]}`.
pub(super) fn host(value: &Value) -> Result<Host, &'static str> {
    let address = field(value, &["ip"]).ok_or("no address")?;
    let mut host = Host::new(address.parse().map_err(|_| "the address is none")?, Provider::Censys);
    let services = list(value, &["services"]);
    let seen = services
        .iter()
        .filter_map(|service| field(service, &["scan_time"]).or_else(|| field(service, &["observed_at"])))
        .filter_map(|text| time(&text));
    host.looked_up = seen.max().or_else(|| field(value, &["last_updated_at"]).as_deref().and_then(time));
    host.simulated = at(value, &["_simulated"]).and_then(Value::as_bool).unwrap_or(false);
    host.hostnames = fields(value, &["dns", "names"]);
    if host.hostnames.is_empty() {
        host.hostnames = fields(value, &["dns", "reverse_dns", "names"]);
    }
    host.tags = labels(value);
    host.os = product(at(value, &["operating_system"]));
    host.device_types = device_types(at(value, &["operating_system"]))
        .into_iter()
        .chain(device_types(at(value, &["hardware"])))
        .collect();
    host.cpes = cpes(["operating_system", "hardware"].iter().filter_map(|key| value.get(key)));
    for service in services {
        if let Some(banner) = banner(service) {
            host.add(banner);
        }
    }
    Ok(host)
}

fn banner(service: &Value) -> Option<Banner> {
    let software = list(service, &["software"]);
    let hardware = list(service, &["hardware"]);
    let systems = list(service, &["operating_systems"]);
    // An endpoint is a page of an HTTP service on the Platform; the first tells what the device is.
    let page = list(service, &["endpoints"]).iter().find_map(|endpoint| endpoint.get("http"));
    let response = page.or_else(|| at(service, &["http", "response"]));
    let icon = response.and_then(|page| list(page, &["favicons"]).first());
    let (subject, issuer) = certificate(service);
    let named = hardware.first().or_else(|| software.first());
    Some(Banner {
        port: port(service, &["port"])?,
        transport: field(service, &["transport_protocol"]).map(|name| name.to_ascii_lowercase()),
        service: field(service, &["service_name"])
            .or_else(|| field(service, &["protocol"]))
            .map(|name| name.to_ascii_lowercase()),
        product: product(named),
        version: named.and_then(|named| field(named, &["version"])),
        text: text(service, &["banner"]),
        html_title: response.and_then(|page| field(page, &["html_title"])),
        http_server: response.and_then(|page| header(page, "server")),
        www_authenticate: response.and_then(|page| header(page, "www-authenticate")),
        cookie: response.and_then(|page| header(page, "set-cookie")),
        favicon_md5: icon.and_then(|icon| field(icon, &["hash_md5"]).or_else(|| field(icon, &["md5_hash"]))),
        favicon_mmh3: icon.and_then(|icon| mmh3(icon, "hash_shodan").or_else(|| mmh3(icon, "shodan_hash"))),
        certificate_subject: subject,
        certificate_issuer: issuer,
        jarm: field(service, &["jarm", "fingerprint"]),
        device_type: hardware
            .iter()
            .chain(software)
            .chain(systems)
            .find_map(|attribute| device_types(Some(attribute)).into_iter().next()),
        os: systems.iter().find_map(|system| product(Some(system))),
        cpes: cpes(hardware.iter().chain(software).chain(systems)),
        tags: labels(service),
    })
}

/// Vendor and product of an attribute in one text.
fn product(attribute: Option<&Value>) -> Option<String> {
    let attribute = attribute?;
    let vendor = field(attribute, &["vendor"]);
    match (vendor, field(attribute, &["product"])) {
        (Some(vendor), Some(product)) if product.to_lowercase().starts_with(&vendor.to_lowercase()) => Some(product),
        (Some(vendor), Some(product)) => Some(format!("{vendor} {product}")),
        (only, None) | (None, only) => only,
    }
}

/// Words for a device: the Platform's `type`, and v2's `other: [{key: "device", value}]`.
fn device_types(attribute: Option<&Value>) -> Vec<String> {
    let Some(attribute) = attribute else { return Vec::new() };
    let others = list(attribute, &["other"])
        .iter()
        .filter(|other| field(other, &["key"]).as_deref() == Some("device"));
    let mut words = fields(attribute, &["type"]);
    words.extend(others.filter_map(|other| field(other, &["value"])));
    words.truncate(NAMES_MAX);
    words
}

/// CPEs of attributes: as given, or made from part, vendor and product where the record has none.
fn cpes<'a>(attributes: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut names = BTreeSet::new();
    for attribute in attributes {
        let cpe = field(attribute, &["cpe"]).or_else(|| field(attribute, &["uniform_resource_identifier"]));
        let made = || {
            let part = field(attribute, &["part"])?;
            let vendor = field(attribute, &["vendor"])?.to_lowercase().replace(' ', "_");
            let product = field(attribute, &["product"])?.to_lowercase().replace(' ', "_");
            Some(format!("cpe:2.3:{part}:{vendor}:{product}"))
        };
        names.extend(cpe.filter(|cpe| cpe_name(cpe).is_some()).or_else(made));
        if names.len() >= NAMES_MAX {
            break;
        }
    }
    names.into_iter().collect()
}

/// Labels: words on v2, `{value}` on the Platform.
fn labels(value: &Value) -> Vec<String> {
    let labels = list(value, &["labels"]);
    labels
        .iter()
        .filter_map(|label| field(label, &[]).or_else(|| field(label, &["value"])))
        .take(NAMES_MAX)
        .collect()
}

/// A header of a page; names are written `Www_Authenticate`, `WWW-Authenticate` and in other ways, values stand in a
/// list (v2) or under `headers` (Platform).
fn header(page: &Value, name: &str) -> Option<String> {
    let headers = at(page, &["headers"])?.as_object()?;
    let same = |key: &str| key.len() == name.len() && key.bytes().zip(name.bytes()).all(|(one, other)| plain(one) == other);
    let value = headers.iter().find(|(key, _)| same(key)).map(|(_, value)| value)?;
    let values = if value.is_object() {
        fields(value, &["headers"])
    } else {
        fields(value, &[])
    };
    values.into_iter().next()
}

fn plain(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
}

fn mmh3(icon: &Value, key: &str) -> Option<i32> {
    i32::try_from(icon.get(key)?.as_i64()?).ok()
}

/// Subject and issuer: `tls.certificates.leaf_data` (v2), `cert.parsed` (Platform). Their parts are separated by `, `, recog wants `,`.
fn certificate(service: &Value) -> (Option<String>, Option<String>) {
    let leaf = at(service, &["tls", "certificates", "leaf_data"]).or_else(|| at(service, &["cert", "parsed"]));
    let Some(leaf) = leaf else { return (None, None) };
    let name = |key| field(leaf, &[key]).map(|name| recog_order(&name));
    (name("subject_dn"), name("issuer_dn"))
}

/// A name with its parts from the own name to the country, whichever end it came with first.
fn recog_order(name: &str) -> String {
    let parts: Vec<&str> = name.split(", ").collect();
    let own = parts.iter().position(|part| part.starts_with("CN="));
    let backwards = parts.len() > 1 && own == Some(parts.len() - 1);
    if backwards {
        parts.into_iter().rev().collect::<Vec<_>>().join(",")
    } else {
        parts.join(",")
    }
}
