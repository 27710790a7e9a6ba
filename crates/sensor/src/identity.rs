//! The key and certificate of the sensor: made at enrolment, kept in its state folder, renewed in time.
//!
//! All of it is one file, which is replaced as a whole: at any moment there is an identity or there is none.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hirundo_packet::wire;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::uplink::{self, Centre, Settings, Trouble, tls};

/// Version of the file.
const VERSION: u32 = 1;
/// The file in the state folder.
const FILE: &str = "identity.json";
/// Most bytes of the file.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// Most characters of a token.
const TOKEN_BYTES_MAX: usize = 8 << 10;
const DAY_SECS: i64 = 86_400;

/// Why there is no identity, or not a new one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Never enrolled.
    #[error("{} is not there: this sensor is not enrolled; hint: hirundo-sensor enroll TOKEN, with a token of the centre (hirundo sensor add NAME)", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Enrolled before.
    #[error(
        "this sensor is enrolled as {sensor} and its certificate holds for {}; hint: --force replaces it",
        Identity::days(*.secs_left)
    )]
    Exists {
        /// Its name.
        sensor: String,
        /// What is left of the certificate's validity.
        secs_left: i64,
    },
    /// The token is none.
    #[error("this is no token: {reason}; hint: it begins with {} and is copied as a whole", wire::TOKEN_PREFIX)]
    Token {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody answered, or not our centre, or it refused.
    #[error("enrolling as {sensor}: {source}")]
    Centre {
        /// Name in the token.
        sensor: String,
        /// Why.
        source: Trouble,
    },
    /// What the centre gave cannot be used.
    #[error("the centre's answer cannot be used: {reason:#}")]
    Answer {
        /// Why.
        reason: anyhow::Error,
    },
    /// The file is damaged, or others can read it.
    #[error("identity {}: {reason:#}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: anyhow::Error,
    },
    /// Something of this machine.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// What the file holds.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    sensor: String,
    centres: Vec<String>,
    certificate: String,
    ca: String,
    key: String,
}

/// Who the sensor is for its centre. Its key is never shown.
#[derive(Clone)]
pub struct Identity {
    /// Name, as the certificate says it.
    pub sensor: String,
    /// Where collectors are.
    pub centres: Vec<String>,
    /// Certificate, PEM.
    pub certificate: String,
    /// The centre's CAs, PEM.
    pub ca: String,
    /// Begin of the certificate's validity, seconds since 1970.
    pub not_before_secs: i64,
    /// End of the certificate's validity, seconds since 1970.
    pub not_after_secs: i64,
    key: String,
    path: PathBuf,
}

/// A renewal that was begun: the next key, which counts only once its certificate is there.
pub struct Renewal {
    /// What the centre is asked.
    pub request: wire::RenewRequest,
    key: KeyPair,
}

impl Identity {
    /// Reads the identity of a state folder.
    ///
    /// # Errors
    /// [`Error::Missing`] when the sensor was never enrolled; otherwise what is wrong with the file.
    pub fn load(state_dir: &Path) -> Result<Self, Error> {
        let path = state_dir.join(FILE);
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| {
            let mode = file.metadata()?.mode();
            file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
            Ok(mode)
        });
        let wrong = |reason: anyhow::Error| Error::File {
            path: path.clone(),
            reason,
        };
        let mode = match read {
            Ok(mode) => mode,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::Missing { path }),
            Err(error) => return Err(wrong(error.into())),
        };
        if mode & 0o077 != 0 {
            return Err(wrong(anyhow::anyhow!("others may read the key in it; hint: chmod 600")));
        }
        let stored: Stored =
            serde_json::from_str(&text).map_err(|error| wrong(anyhow::anyhow!("it is damaged: {error}; hint: enrol again")))?;
        if stored.version != VERSION {
            let reason = anyhow::anyhow!("its version is {}, this program reads {VERSION}; hint: enrol again", stored.version);
            return Err(wrong(reason));
        }
        Self::new(stored, path.clone()).map_err(wrong)
    }

    /// Checks that all of it belongs together.
    fn new(stored: Stored, path: PathBuf) -> anyhow::Result<Self> {
        let certificates = tls::certificates(&stored.certificate).context("the certificate")?;
        tls::certificates(&stored.ca).context("the centre's CA")?;
        let certificate = certificates.first().context("the certificate is missing")?;
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate.as_ref()).context("the certificate is damaged")?;
        let names: Vec<&str> = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok()).collect();
        anyhow::ensure!(wire::is_sensor_name(&stored.sensor), "{:?} is no sensor's name", stored.sensor);
        anyhow::ensure!(
            names == [stored.sensor.as_str()],
            "the certificate is for {names:?}, not for {}",
            stored.sensor
        );
        let key = KeyPair::from_pem(&stored.key).context("the key is damaged")?;
        anyhow::ensure!(
            key.subject_public_key_info() == parsed.public_key().raw,
            "the certificate is for another key"
        );
        anyhow::ensure!(!stored.centres.is_empty(), "it names no centre");
        for centre in &stored.centres {
            centre.parse::<Centre>()?;
        }
        let (not_before_secs, not_after_secs) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        let last_secs = u64::try_from(not_after_secs.saturating_sub(1)).unwrap_or(0);
        tls::check_issued(certificate, &stored.ca, last_secs).context("the certificate is not of the centre's CA")?;
        Ok(Self {
            not_before_secs,
            not_after_secs,
            sensor: stored.sensor,
            centres: stored.centres,
            certificate: stored.certificate,
            ca: stored.ca,
            key: stored.key,
            path,
        })
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Seconds that the certificate still holds; negative when it has run out.
    #[must_use]
    pub fn secs_left(&self, now_secs: i64) -> i64 {
        self.not_after_secs.saturating_sub(now_secs)
    }

    /// Whether less than a third of the certificate's validity is left, or none: the centre judges by its own clock.
    #[must_use]
    pub fn renewal_due(&self, now_secs: i64) -> bool {
        let validity_secs = self.not_after_secs.saturating_sub(self.not_before_secs);
        self.secs_left(now_secs) < validity_secs / 3
    }

    /// A stretch of validity in words.
    #[must_use]
    pub fn days(secs_left: i64) -> String {
        let (days, hours) = (secs_left.saturating_abs() / DAY_SECS, secs_left.saturating_abs() % DAY_SECS / 3600);
        match (secs_left < 0, days) {
            (true, 0) => format!("certificate expired {hours} h ago"),
            (true, _) => format!("certificate expired {days} days ago"),
            (false, 0) => format!("{hours} h"),
            (false, _) => format!("{days} days"),
        }
    }

    /// Makes the next key and the request for its certificate.
    pub(crate) fn begin_renewal(&self, software: &str) -> anyhow::Result<Renewal> {
        let (key, csr) = new_key(&self.sensor)?;
        let request = wire::RenewRequest {
            version: wire::VERSION,
            csr,
            software: software.to_owned(),
        };
        Ok(Renewal { request, key })
    }

    /// Checks and keeps what the centre gave.
    pub(crate) fn finish_renewal(&self, renewal: Renewal, response: wire::EnrollResponse) -> Result<Self, Error> {
        let identity = accept(response, &self.sensor, &renewal.key, self.path.clone(), None)?;
        identity.store()?;
        Ok(identity)
    }

    /// Replaces the file. A crash leaves the one before or this one.
    fn store(&self) -> anyhow::Result<()> {
        let stored = Stored {
            version: VERSION,
            sensor: self.sensor.clone(),
            centres: self.centres.clone(),
            certificate: self.certificate.clone(),
            ca: self.ca.clone(),
            key: self.key.clone(),
        };
        let text = serde_json::to_string_pretty(&stored)?;
        replace(&self.path, text.as_bytes()).with_context(|| format!("writing {}", self.path.display()))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("sensor", &self.sensor)
            .field("centres", &self.centres)
            .field("not_after_secs", &self.not_after_secs)
            .finish_non_exhaustive()
    }
}

/// A key and a request for its certificate.
fn new_key(sensor: &str) -> anyhow::Result<(KeyPair, String)> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("making a key")?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, sensor);
    let csr = params
        .serialize_request(&key)
        .and_then(|request| request.pem())
        .context("making a request")?;
    Ok((key, csr))
}

/// What the centre answered, if it fits what was asked.
fn accept(
    response: wire::EnrollResponse,
    sensor: &str,
    key: &KeyPair,
    path: PathBuf,
    ca_sha256: Option<[u8; 32]>,
) -> Result<Identity, Error> {
    let check = || {
        anyhow::ensure!(
            response.version == wire::VERSION,
            "it speaks version {}, this sensor {}",
            response.version,
            wire::VERSION
        );
        anyhow::ensure!(
            response.sensor == sensor,
            "it is for {:?}, not for {sensor}",
            uplink::clean(&response.sensor)
        );
        if let Some(expected) = ca_sha256 {
            let cas = tls::certificates(&response.ca).context("the centre's CA")?;
            anyhow::ensure!(
                cas.iter().any(|ca| tls::sha256(ca) == expected),
                "the token's CA is not among its CAs"
            );
        }
        let stored = Stored {
            version: VERSION,
            sensor: response.sensor,
            centres: response.centres,
            certificate: response.certificate,
            ca: response.ca,
            key: key.serialize_pem(),
        };
        Identity::new(stored, path)
    };
    check().map_err(|reason| Error::Answer { reason })
}

/// Reads a token.
///
/// # Errors
/// [`Error::Token`] says what is wrong, without repeating any of it: it holds a secret.
pub fn parse_token(text: &str) -> Result<wire::Token, Error> {
    let wrong = |reason| Error::Token { reason };
    let text = text.trim();
    if text.len() > TOKEN_BYTES_MAX {
        return Err(wrong("it is too long"));
    }
    let encoded = text.strip_prefix(wire::TOKEN_PREFIX).ok_or(wrong("it begins otherwise"))?;
    let json = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| wrong("part of it is missing or changed"))?;
    let token: wire::Token = serde_json::from_slice(&json).map_err(|_| wrong("part of it is missing or changed"))?;
    if token.version != wire::VERSION {
        return Err(wrong("it is of another version of the program"));
    }
    if !wire::is_sensor_name(&token.sensor) || token.centres.is_empty() || digest(&token.ca_sha256).is_none() {
        return Err(wrong("its fields are not understood"));
    }
    Ok(token)
}

/// 32 bytes of 64 hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Makes a key, has it certified by the centre that the token names, and keeps both in the state folder.
///
/// # Errors
/// When there is an identity that still holds and `force` is not set, the token is none, no centre answers, the one that
/// answers is not the token's or refuses, or the folder cannot be written.
pub fn enroll(token: &str, state_dir: &Path, settings: &Settings, force: bool) -> Result<Identity, Error> {
    let token = parse_token(token)?;
    let now_secs = clock::now_us() / 1_000_000;
    if !force
        && let Ok(identity) = Identity::load(state_dir)
        && identity.secs_left(now_secs) > 0
    {
        return Err(Error::Exists {
            secs_left: identity.secs_left(now_secs),
            sensor: identity.sensor,
        });
    }
    settings.validate()?;
    let path = state_dir.join(FILE);
    // A token is good once, so what can fail here should fail before it is used.
    fs::create_dir_all(state_dir)
        .and_then(|()| writable(&path))
        .with_context(|| format!("writing to {}", state_dir.display()))?;
    let ca_sha256 = digest(&token.ca_sha256).ok_or(Error::Token {
        reason: "its CA is not understood",
    })?;
    let (key, csr) = new_key(&token.sensor)?;
    let request = wire::EnrollRequest {
        version: wire::VERSION,
        sensor: token.sensor.clone(),
        secret: token.secret.clone(),
        csr,
        software: uplink::SOFTWARE.to_owned(),
    };
    let response = ask_centres(&token, settings, ca_sha256, &request)?;
    let identity = accept(response, &token.sensor, &key, path, Some(ca_sha256))?;
    identity.store()?;
    Ok(identity)
}

/// Asks the token's centres, one after the other, until one answers.
fn ask_centres(
    token: &wire::Token,
    settings: &Settings,
    ca_sha256: [u8; 32],
    request: &wire::EnrollRequest,
) -> Result<wire::EnrollResponse, Error> {
    let config = tls::for_token(ca_sha256, &Arc::default())?;
    let runtime = uplink::runtime().context("starting")?;
    let wrong = |source| Error::Centre {
        sensor: token.sensor.clone(),
        source,
    };
    let mut last = None;
    for centre in settings.centres_or(&token.centres)? {
        let ask = uplink::Ask::json(wire::ENROLL_PATH, request).context("writing the request")?;
        match runtime.block_on(uplink::once(settings, &centre, Arc::clone(&config), ask)) {
            Ok(answer) => return answer.ok().map_err(wrong),
            Err(trouble) => last = Some(trouble),
        }
    }
    Err(last.map_or_else(
        || Error::Token {
            reason: "it names no centre",
        },
        wrong,
    ))
}

/// Path of what is written before it is whole.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}

/// A new file beside `path` that only we may read, of whoever the folder is of: enrolment may run as root.
fn create(path: &Path) -> io::Result<File> {
    let unfinished = unfinished(path);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let (ours, theirs) = (file.metadata()?, fs::metadata(folder)?);
    if (ours.uid(), ours.gid()) != (theirs.uid(), theirs.gid()) && ours.uid() == 0 {
        std::os::unix::fs::fchown(&file, Some(theirs.uid()), Some(theirs.gid()))?;
    }
    Ok(file)
}

fn writable(path: &Path) -> io::Result<()> {
    create(path)?;
    fs::remove_file(unfinished(path))
}

/// Replaces a file by one with these bytes, durably.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(unfinished(path), path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
