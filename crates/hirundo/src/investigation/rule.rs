//! The project's own table of devices: what a banner must say, and what it then is. A user's file has the same form.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::class::Class;
use super::evidence::{Confidence, Evidence};
use super::host::{Banner, Host, cpe_name};

/// The table that comes with the program.
const BUILT_IN: &str = include_str!("devices.toml");

/// Longest table, in bytes.
pub const TABLE_BYTES_MAX: usize = 4 << 20;

/// Most rules of all tables together.
pub const RULES_MAX: usize = 10_000;

/// Shortest text that a rule may look for inside or at the start of another.
const PART_CHARS_MIN: usize = 3;

/// Why a table was refused.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It is not TOML of this form.
    #[error("cannot read the table of devices {name}")]
    Form {
        /// The table's name.
        name: String,
        /// Why not.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A rule says something impossible.
    #[error("rule {id} of the table of devices {name}: {reason}")]
    Rule {
        /// The table's name.
        name: String,
        /// The rule.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is too long.
    #[error("the table of devices {name} has more than {TABLE_BYTES_MAX} bytes or {RULES_MAX} rules")]
    TooLong {
        /// The table's name.
        name: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// One rule. It holds for a banner (or for what is said of the whole host) when one of `any` and each of `all` does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Rule {
    id: String,
    /// More than one where the banner is the same for both.
    class: Vec<Class>,
    vendor: Option<String>,
    product: Option<String>,
    /// The field whose text is the product's name.
    product_from: Option<Field>,
    confidence: Confidence,
    /// Where the fact is published.
    source: String,
    #[serde(default)]
    any: Vec<Condition>,
    #[serde(default)]
    all: Vec<Condition>,
}

/// What a field must say; without regard to case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    field: Field,
    is: Option<String>,
    starts: Option<String>,
    contains: Option<String>,
}

/// A field of a banner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Field {
    /// `Server` header of HTTP, RTSP or SIP.
    Server,
    /// Title of the page.
    Title,
    /// Realm of `WWW-Authenticate`.
    Realm,
    /// `Set-Cookie` header.
    Cookie,
    /// The whole text.
    Text,
    /// The provider's product name.
    Product,
    /// What is spoken, by the provider's word (`dahua-dvr`, `dvr_ip`).
    Service,
    /// The operating system the provider names.
    Os,
    /// MD5 of the icon.
    FaviconMd5,
    /// MurmurHash3 of the icon, signed decimal.
    FaviconMmh3,
    /// Subject of the certificate.
    Subject,
    /// Issuer of the certificate.
    Issuer,
    /// A CPE as `part:vendor:product`.
    Cpe,
    /// A tag or label of the provider.
    Tag,
    /// The port.
    Port,
}

impl Condition {
    fn wanted(&self) -> Option<&str> {
        self.is.as_deref().or(self.starts.as_deref()).or(self.contains.as_deref())
    }

    fn holds(&self, subject: &Subject) -> bool {
        let mut values = subject
            .values
            .iter()
            .filter(|(field, ..)| *field == self.field)
            .map(|(_, value, _)| value.as_str());
        values.any(|value| match (&self.is, &self.starts, &self.contains) {
            (Some(wanted), _, _) => value == wanted,
            (None, Some(wanted), _) => value.starts_with(wanted.as_str()),
            (None, None, Some(wanted)) => value.contains(wanted.as_str()),
            (None, None, None) => false,
        })
    }
}

/// The fields of a banner or of a whole host in lower case, made once for all rules.
#[derive(Debug)]
pub(super) struct Subject {
    port: Option<u16>,
    /// Field, text in lower case, text as it is.
    values: Vec<(Field, String, String)>,
}

impl Subject {
    /// Of a banner.
    pub(super) fn of_banner(banner: &Banner) -> Subject {
        let mut subject = Subject {
            port: Some(banner.port),
            values: Vec::new(),
        };
        let singles = [
            (Field::Server, banner.server()),
            (Field::Title, banner.html_title.as_deref()),
            (Field::Realm, banner.authenticate().and_then(realm)),
            (Field::Cookie, banner.cookie.as_deref().or_else(|| banner.header("set-cookie"))),
            (Field::Text, banner.text.as_deref()),
            (Field::Product, banner.product.as_deref()),
            (Field::Service, banner.service.as_deref()),
            (Field::Os, banner.os.as_deref()),
            (Field::FaviconMd5, banner.favicon_md5.as_deref()),
            (Field::Subject, banner.certificate_subject.as_deref()),
            (Field::Issuer, banner.certificate_issuer.as_deref()),
        ];
        for (field, value) in singles {
            subject.add(field, value);
        }
        subject.add(Field::Port, Some(&banner.port.to_string()));
        subject.add(Field::FaviconMmh3, banner.favicon_mmh3.map(|hash| hash.to_string()).as_deref());
        subject.add_lists(&banner.cpes, &banner.tags);
        subject
    }

    /// Of what is said of a whole host.
    pub(super) fn of_host(host: &Host) -> Subject {
        let mut subject = Subject {
            port: None,
            values: Vec::new(),
        };
        subject.add(Field::Os, host.os.as_deref());
        subject.add_lists(&host.cpes, &host.tags);
        subject
    }

    fn add(&mut self, field: Field, value: Option<&str>) {
        if let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) {
            self.values.push((field, value.to_lowercase(), value.to_owned()));
        }
    }

    fn add_lists(&mut self, cpes: &[String], tags: &[String]) {
        for cpe in cpes {
            self.add(Field::Cpe, cpe_name(cpe).as_deref());
        }
        for tag in tags {
            self.add(Field::Tag, Some(tag));
        }
    }

    fn text(&self, field: Field) -> Option<&str> {
        self.values.iter().find(|(of, ..)| *of == field).map(|(_, _, value)| value.as_str())
    }
}

/// The realm of `Basic realm="…"` or `Digest …, realm="…"`.
fn realm(authenticate: &str) -> Option<&str> {
    let start = authenticate.to_ascii_lowercase().find("realm=")?;
    let value = authenticate.get(start + "realm=".len()..)?;
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split([',', ' ']).next(),
    }
}

/// Rules of the built-in table and of those a user adds.
#[derive(Clone, Debug, Default)]
pub struct DeviceTable {
    rules: Vec<Rule>,
    ids: BTreeSet<String>,
}

impl DeviceTable {
    /// The table that comes with the program.
    ///
    /// # Errors
    /// Never with the table as released; tests hold it to that.
    pub fn built_in() -> Result<DeviceTable, TableError> {
        let mut table = DeviceTable::default();
        table.add(BUILT_IN, "devices.toml")?;
        Ok(table)
    }

    /// Adds the rules of a table's text; `name` is said in errors.
    ///
    /// # Errors
    /// When it is not of the form of the built-in table, or a rule says something impossible. Nothing is added then.
    pub fn add(&mut self, text: &str, name: &str) -> Result<(), TableError> {
        let too_long = || TableError::TooLong { name: name.to_owned() };
        if text.len() > TABLE_BYTES_MAX {
            return Err(too_long());
        }
        let file: File = toml::from_str(text).map_err(|source| TableError::Form {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        if self.rules.len().saturating_add(file.rule.len()) > RULES_MAX {
            return Err(too_long());
        }
        let mut ids = self.ids.clone();
        for rule in &file.rule {
            let fresh = ids.insert(rule.id.clone());
            let reason = if fresh { rule.check() } else { Err("another rule has this id") };
            reason.map_err(|reason| TableError::Rule {
                name: name.to_owned(),
                id: rule.id.clone(),
                reason,
            })?;
        }
        self.ids = ids;
        self.rules.extend(file.rule.into_iter().map(Rule::lowered));
        Ok(())
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Hands over what the rules say, and whether the rule names one class only.
    pub(super) fn look(&self, subject: &Subject, each: &mut dyn FnMut(Evidence, bool)) {
        for rule in self.rules.iter().filter(|rule| rule.holds(subject)) {
            let named = rule.product_from.and_then(|field| subject.text(field)).map(str::to_owned);
            for class in &rule.class {
                let product = named.clone().or_else(|| rule.product.clone());
                let by = format!("device:{}", rule.id);
                let evidence = Evidence::new(*class, rule.vendor.clone(), product, &by, subject.port, rule.confidence);
                each(evidence, rule.class.len() == 1);
            }
        }
    }
}

impl Rule {
    fn check(&self) -> Result<(), &'static str> {
        if self.class.is_empty() || self.class.contains(&Class::Unknown) {
            return Err("it names no class, or the class unknown");
        }
        if self.any.is_empty() && self.all.is_empty() {
            return Err("it has no condition");
        }
        if self.source.trim().is_empty() {
            return Err("it names no source");
        }
        for condition in self.any.iter().chain(&self.all) {
            let given = [&condition.is, &condition.starts, &condition.contains]
                .into_iter()
                .flatten()
                .count();
            if given != 1 {
                return Err("a condition says one of is, starts and contains");
            }
            let part = condition.is.is_none();
            if condition
                .wanted()
                .is_none_or(|wanted| wanted.is_empty() || (part && wanted.chars().count() < PART_CHARS_MIN))
            {
                return Err("a text to look for is too short");
            }
        }
        Ok(())
    }

    fn lowered(mut self) -> Rule {
        for condition in self.any.iter_mut().chain(&mut self.all) {
            for text in [&mut condition.is, &mut condition.starts, &mut condition.contains]
                .into_iter()
                .flatten()
            {
                *text = text.to_lowercase();
            }
        }
        self
    }

    fn holds(&self, subject: &Subject) -> bool {
        let any = self.any.is_empty() || self.any.iter().any(|condition| condition.holds(subject));
        any && self.all.iter().all(|condition| condition.holds(subject))
    }
}
