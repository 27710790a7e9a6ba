//! Puts the parts together: what each command does with sources, identity, spool and uplink.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Result, bail};
use hirundo_packet::wire;
use serde::Serialize;

use crate::check::{Asked, Certificate, Parts, Site};
use crate::commands::Done;
use crate::config::{Config, Loaded};
use crate::confine::{self, Plan};
use crate::hide::{Hider, Key};
use crate::identity::{self, Identity};
use crate::notes::{Notes, Noting};
use crate::observe::{Observer, Totals, Treatment};
use crate::outbox::{Outbox, Waiting};
use crate::own::Own;
use crate::said::one_line;
use crate::source::{self, Accounted, Sources};
use crate::spool::{self, Recovered, Spool};
use crate::{clock, signals, uplink};

/// Longest wait for the disk at the end.
const SEALED_WITHIN: Duration = Duration::from_secs(20);
/// How often the spool is looked at while it is shipped.
const SHIP_LOOK: Duration = Duration::from_millis(50);

/// Captures until told to stop or the files are at their end. After files, what is in the spool is brought to the centre
/// first, unless told to `leave` it for another time.
///
/// The order matters: sources are opened with the privileges there are, then these are given up, then everything else
/// is opened by the user that is left; threads come last.
///
/// # Errors
/// When something cannot be opened, or the capture ends by an error.
pub fn run(loaded: &Loaded, leave: bool) -> Result<Done> {
    let config = &loaded.config;
    let identity = identity(config)?;
    let sensor = name(config, identity.as_ref())?;
    let centres = match &identity {
        Some(identity) => config.uplink.centres_or(&identity.centres)?,
        None => Vec::new(),
    };
    let own = Arc::new(Own::new(&config.uplink, &centres));
    let mut sources = Sources::open(&config.capture, &own.ends())?;
    let report = confine::apply(&plan(config))?;
    tracing::info!("privileges given up: {report}");
    let stop = signals::stop_flag()?;

    let vital = Vital::new(epoch()?, config.hide.destinations);
    let (spool, recovered) = open_spool(config, &sensor, &vital)?;
    let hider = match config.hide.destinations {
        true => Some(Hider::new(
            &Key::load_or_make(&config.run.state)?,
            &config.capture.filter(&[]).watched,
        )),
        false => None,
    };
    let totals = Arc::clone(&vital.totals);
    let uplink = match identity {
        Some(identity) => {
            own.keep_looking()?;
            let (settings, outbox) = (config.uplink.clone(), Arc::clone(&spool));
            Some(uplink::spawn(settings, identity, outbox, Arc::new(vital), Arc::default())?)
        }
        None => {
            tracing::warn!("not enrolled: what is captured stays in the spool; hint: hirundo-sensor enroll TOKEN");
            None
        }
    };
    let treatment = Treatment {
        payload_bytes: config.capture.payload_bytes,
        batch: Duration::from_secs(config.spool.batch_secs.into()),
    };
    tracing::info!("sensor {sensor} captures {}", config.capture.sources.join(", "));
    let mut observer = Observer::new(Arc::clone(&spool), hider, treatment, Arc::clone(&totals));
    let mut noting = Noting::begin(&config.run.state);
    let ended = observer.run(&mut sources, &accounts(&recovered), stop, &mut |sources| {
        noting.look(uplink.as_ref());
        if let Some(ends) = own.news()
            && let Err(error) = sources.refilter(&config.capture, &ends)
        {
            tracing::warn!("the centre's traffic is not left out: {error:#}");
        }
    });
    if !spool.wait(SEALED_WITHIN) {
        tracing::warn!("the disk is slow: what is not sealed yet is found in its journal at the next start");
    }
    if let Some(uplink) = uplink {
        if !sources.is_live() && !leave {
            ship(&*spool, stop, || uplink.is_running());
        }
        noting.look(Some(&uplink));
        uplink.stop();
    }
    ended?;
    let [seen, kept, dropped] = [&totals.seen, &totals.kept, &totals.dropped_kernel].map(|count| count.load(Relaxed));
    tracing::info!("{seen} frames seen, {kept} packets kept, {dropped} dropped by the kernel");
    Ok(if sources.damaged() == 0 { Done::Yes } else { Done::No })
}

fn open_spool(config: &Config, sensor: &str, vital: &Vital) -> Result<(Arc<Spool>, Recovered)> {
    let folder = spool_folder(config);
    let (spool, recovered) = Spool::open(&folder, &config.spool, sensor, vital.epoch, vital.hidden, clock::now_us())?;
    if recovered.batches > 0 {
        let Recovered { batches, packets, .. } = recovered;
        tracing::info!("{batches} batches with {packets} packets were put together from the last run's journal");
    }
    Ok((spool, recovered))
}

/// Waits until the centre has everything.
fn ship(outbox: &dyn Outbox, stop: &AtomicBool, is_running: impl Fn() -> bool) {
    while outbox.state().batches > 0 && !stop.load(Relaxed) && is_running() {
        std::thread::sleep(SHIP_LOOK);
    }
}

/// Who the sensor is; `None` when it was never enrolled.
fn identity(config: &Config) -> Result<Option<Identity>> {
    match Identity::load(&config.run.state) {
        Ok(identity) => Ok(Some(identity)),
        Err(identity::Error::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn name(config: &Config, identity: Option<&Identity>) -> Result<String> {
    match (identity, &config.run.name) {
        (Some(identity), _) => Ok(identity.sensor.clone()),
        (None, Some(name)) => Ok(name.clone()),
        (None, None) => bail!("this sensor has no name yet; hint: hirundo-sensor enroll TOKEN, or [run] name = \"jp-01\" to do without"),
    }
}

/// A number that no other run has.
fn epoch() -> Result<u64> {
    let mut bytes = [0; 8];
    let random = rustls::crypto::ring::default_provider().secure_random;
    if random.fill(&mut bytes).is_err() {
        bail!("the system gives no random number for this run");
    }
    Ok(u64::from_le_bytes(bytes))
}

/// Interfaces' accounts of the last run.
fn accounts(recovered: &Recovered) -> Vec<Accounted> {
    let accounts = recovered.accounts.iter();
    accounts
        .map(|(interface, account)| Accounted {
            interface: interface.clone(),
            identity: account.identity,
            received: account.received,
        })
        .collect()
}

fn spool_folder(config: &Config) -> PathBuf {
    config.run.state.join("spool")
}

/// How this run is, for heartbeats.
struct Vital {
    epoch: u64,
    started_us: i64,
    hidden: bool,
    totals: Arc<Totals>,
}

impl Vital {
    fn new(epoch: u64, hidden: bool) -> Vital {
        Vital {
            epoch,
            started_us: clock::now_us(),
            hidden,
            totals: Arc::default(),
        }
    }
}

impl uplink::Vital for Vital {
    fn vital(&self) -> wire::Heartbeat {
        let totals = &self.totals;
        wire::Heartbeat {
            epoch: self.epoch,
            started_us: self.started_us,
            seen: totals.seen.load(Relaxed),
            kept: totals.kept.load(Relaxed),
            dropped_kernel: totals.dropped_kernel.load(Relaxed),
            missed: totals.missed.load(Relaxed),
            ring_fill_permille: totals.ring_fill_permille.load(Relaxed),
            hidden: self.hidden,
            clock_synchronised: clock::synchronised(),
            ..wire::Heartbeat::default()
        }
    }
}

/// What is to be left of the process: the state folder and, to read only, captures to replay and the proxy's password.
#[must_use]
pub fn plan(config: &Config) -> Plan {
    let captures = config.capture.sources.iter().filter_map(|source| source.strip_prefix("pcap:"));
    let readable = captures
        .map(PathBuf::from)
        .chain(config.uplink.proxy_password_file.clone())
        .collect();
    Plan {
        user: config.run.user.clone(),
        group: config.run.group.clone(),
        state_folder: config.run.state.clone(),
        readable,
        sandbox: config.run.sandbox,
    }
}

/// Makes the key and has it certified; what to tell the operator.
///
/// # Errors
/// When the token is none, the centre refuses, or the state folder cannot be written to.
pub fn enroll(config: &Config, token: &str, force: bool) -> Result<String> {
    let identity = identity::enroll(token, &config.run.state, &config.uplink, force)?;
    let left = identity.secs_left(clock::now_us() / 1_000_000);
    Ok(format!(
        "enrolled as {}, certified for {}; centres: {}",
        identity.sensor,
        Identity::days(left),
        identity.centres.join(", ")
    ))
}

/// What `check` looks at.
#[must_use]
pub fn site(loaded: &Loaded) -> Site {
    let config = &loaded.config;
    Site {
        interfaces: config.capture.interfaces().into_iter().map(str::to_owned).collect(),
        watched: config.capture.filter(&[]).watched,
        config: loaded.path.clone(),
        state: config.run.state.clone(),
        spool: spool_folder(config),
        user: config.run.user.clone(),
        spool_bytes_max: config.spool.bytes_max,
        ..Site::default()
    }
}

/// The sensor's own parts, for `check`.
#[derive(Debug)]
pub struct Equipment<'a> {
    config: &'a Config,
}

impl<'a> Equipment<'a> {
    /// Those of a configuration.
    #[must_use]
    pub const fn new(config: &'a Config) -> Self {
        Self { config }
    }
}

impl Parts for Equipment<'_> {
    fn open_ring(&self, interface: &str) -> Result<String, String> {
        let settings = source::Settings {
            sources: vec![format!("live:{interface}")],
            ..self.config.capture.clone()
        };
        let opened = Sources::open(&settings, &[]).and_then(|_| settings.program(interface, &[]));
        let program = opened.map_err(|error| one_line(&error))?;
        Ok(format!(
            "ring of {} MiB, filter of {} instructions",
            settings.ring_mib,
            program.len()
        ))
    }

    fn certificate(&self) -> Result<Option<Certificate>, String> {
        let identity = identity(self.config).map_err(|error| one_line(&error))?;
        Ok(identity.map(|identity| Certificate {
            sensor: identity.sensor,
            not_after_secs: identity.not_after_secs,
        }))
    }

    fn ask_centres(&self) -> Result<Vec<Asked>, String> {
        let identity = Identity::load(&self.config.run.state).map_err(|error| one_line(&error.into()))?;
        let probes = uplink::probe(&self.config.uplink, &identity).map_err(|error| one_line(&error))?;
        let asked = probes.into_iter().map(|probe| Asked {
            centre: probe.centre.to_string(),
            answer: probe.result.map_err(|trouble| one_line(&trouble.into())),
        });
        Ok(asked.collect())
    }

    fn waiting(&self) -> Result<Option<Waiting>, String> {
        spool::look(&spool_folder(self.config), &self.config.spool).map_err(|error| error.to_string())
    }
}

/// How the sensor is, without asking anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Name in the certificate; none when not enrolled.
    pub sensor: Option<String>,
    /// End of the certificate, seconds since 1970.
    pub not_after_secs: Option<i64>,
    /// Batches that wait.
    pub batches: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Most bytes they may have.
    pub bytes_max: u64,
    /// Since when the oldest waits, microseconds since 1970; none without one.
    pub oldest_us: Option<i64>,
    /// Batches that the centre refused.
    pub rejected: u64,
    /// When the centre acknowledged a batch last, microseconds since 1970; none before.
    pub acknowledged_us: Option<i64>,
    /// Centre that the sensor was connected to last.
    pub centre: Option<String>,
    /// What went wrong on the way to it, until something goes right.
    pub trouble: Option<String>,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now_us = crate::clock::now_us();
        let ago = |then_us: i64| span(now_us.saturating_sub(then_us) / 1_000_000);
        match &self.sensor {
            Some(sensor) => writeln!(formatter, "sensor        {sensor}")?,
            None => writeln!(formatter, "sensor        not enrolled; hint: hirundo-sensor enroll TOKEN")?,
        }
        if let Some(end) = self.not_after_secs {
            let left = end.saturating_sub(now_us / 1_000_000);
            let text = if left > 0 {
                format!("good for {}", span(left))
            } else {
                format!("ended {} ago", span(-left))
            };
            writeln!(formatter, "certificate   {text}")?;
        }
        writeln!(
            formatter,
            "spool         {} batches, {} of {} bytes",
            self.batches, self.bytes, self.bytes_max
        )?;
        if let Some(oldest) = self.oldest_us {
            writeln!(formatter, "oldest        {} ago", ago(oldest))?;
        }
        if self.rejected > 0 {
            writeln!(formatter, "refused       {} batches", self.rejected)?;
        }
        match self.acknowledged_us {
            Some(then) => writeln!(formatter, "acknowledged  {} ago", ago(then))?,
            None => writeln!(formatter, "acknowledged  nothing yet")?,
        }
        if let Some(centre) = &self.centre {
            writeln!(formatter, "centre        {centre}")?;
        }
        // What a peer said must not act on the terminal.
        let plain = |text: &str| text.replace(char::is_control, " ");
        self.trouble
            .iter()
            .try_for_each(|trouble| writeln!(formatter, "trouble       {}", plain(trouble)))
    }
}

/// How the sensor is.
///
/// # Errors
/// When identity or spool cannot be read.
pub fn status(config: &Config) -> Result<Status> {
    let identity = identity(config)?;
    let waiting = spool::look(&spool_folder(config), &config.spool)?.unwrap_or_default();
    let notes = Notes::load(&config.run.state);
    Ok(Status {
        sensor: identity.as_ref().map(|identity| identity.sensor.clone()),
        not_after_secs: identity.as_ref().map(|identity| identity.not_after_secs),
        batches: waiting.batches,
        bytes: waiting.bytes,
        bytes_max: waiting.bytes_max,
        oldest_us: (waiting.oldest_us > 0).then_some(waiting.oldest_us),
        rejected: waiting.rejected,
        acknowledged_us: (notes.acknowledged_us > 0).then_some(notes.acknowledged_us),
        centre: notes.centre,
        trouble: notes.trouble,
    })
}

/// A span of time for people.
fn span(secs: i64) -> String {
    match secs {
        172_800.. => format!("{} days", secs / 86_400),
        7_200.. => format!("{} hours", secs / 3_600),
        120.. => format!("{} minutes", secs / 60),
        _ => format!("{secs} seconds"),
    }
}

/// The filter that the kernel is given, as `tcpdump -d` shows one.
///
/// # Errors
/// When an interface is not there, or the filter would be too long.
pub fn filter(config: &Config, interface: Option<&str>) -> Result<String> {
    let own = match identity(config)? {
        Some(identity) => Own::new(&config.uplink, &config.uplink.centres_or(&identity.centres)?).ends(),
        None => Vec::new(),
    };
    let interfaces = match interface {
        Some(interface) => vec![interface],
        None => config.capture.interfaces(),
    };
    if interfaces.is_empty() {
        bail!("no interface is captured; hint: [capture] sources = [\"live:eth0\"], or --interface eth0");
    }
    let mut text = String::new();
    for interface in interfaces {
        let program = config.capture.program(interface, &own)?;
        text.push_str(&format!("# {interface}\n{}", source::listing(&program)));
    }
    Ok(text)
}
