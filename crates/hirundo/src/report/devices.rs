//! What the Mirai-type sources are: imported host investigations, held against the sources of the period.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hirundo_lake::{Question, Session};

use super::names::Names;
use super::rows::{Rows, word};
use crate::investigation::{Candidates, Class, Classifier, DeviceTable, Investigation, Recog};
use crate::period::{Day, Lang, Period};
use crate::view::text::thousands;

/// Regions shown: the home region, and those with most investigated addresses.
const REGIONS_SHOWN: usize = 8;
/// Investigated addresses below which a region is not shown.
const INVESTIGATED_MIN: u64 = 10;
/// Addresses below which a class is not told by itself; as [`super::figures::COUNT_MIN`].
const ADDRESSES_MIN: u64 = 10;

/// What an address may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One class of device.
    One(Class),
    /// Several devices behind one address: several candidates.
    Several,
    /// Classes with so few addresses that they are not told by themselves.
    Few,
}

/// The sources of one region.
#[derive(Clone, Debug)]
pub struct Region {
    /// Region.
    pub region: String,
    /// Investigated addresses that gave an answer: the denominator.
    pub investigated: u64,
    /// Addresses by kind, most first; they add up to the denominator.
    pub classes: Vec<(Kind, u64)>,
    /// Day of the latest look-up.
    pub looked_up: i32,
}

/// The sources of the period, as far as they were investigated.
#[derive(Clone, Debug)]
pub struct Devices {
    /// Regions with most investigated addresses.
    pub regions: Vec<Region>,
    /// Mirai-type sources of the period.
    pub sources: u64,
    /// Of them, investigated with an answer.
    pub investigated: u64,
    /// Whether the investigation was made up for a demonstration.
    pub simulated: bool,
    /// SQL that names the sources.
    pub sql: String,
}

/// Reads the investigations in `folder` and holds them against the period's sources; `None` where there are none.
pub async fn devices(
    session: &Session,
    folder: &Path,
    recog: Option<&Path>,
    tool: &str,
    home: &str,
    period: Period,
) -> Result<Option<Devices>> {
    let files = files(folder)?;
    if files.is_empty() {
        return Ok(None);
    }
    let recog = recog.map(Recog::load).transpose()?;
    let classifier = Classifier::new(DeviceTable::built_in()?, recog);
    let mut investigation = Investigation::default();
    for path in &files {
        let what = || format!("could not read the host investigation {}", path.display());
        let file = File::open(path).with_context(what)?;
        let summary = investigation.take(file, &classifier, None).with_context(what)?;
        if summary.bad > 0 {
            let first = summary
                .bad_kept
                .first()
                .map(|bad| format!("line {}: {}", bad.line, bad.reason))
                .unwrap_or_default();
            tracing::warn!("{}: {} records could not be read ({first})", path.display(), summary.bad);
        }
    }
    let sources = Rows::ask(session, Question::tool_sources((period.first().0, period.last().0), tool)).await?;
    let regions: HashMap<u32, String> = sources
        .counts("src")?
        .into_iter()
        .zip(sources.texts("region")?)
        .filter_map(|(src, region)| Some((word(src), region?)))
        .collect();
    Ok(Some(tally(&investigation, &regions, home, sources.question.sql)))
}

/// Files of a folder, in the order of their names; none where there is no folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    Ok(files)
}

fn tally(investigation: &Investigation, regions: &HashMap<u32, String>, home: &str, sql: String) -> Devices {
    let region_of = |address: IpAddr| match address {
        IpAddr::V4(address) => regions.get(&u32::from(address)),
        IpAddr::V6(_) => None,
    };
    let mut by_region: BTreeMap<&String, (BTreeMap<Kind, u64>, i32)> = BTreeMap::new();
    let (mut investigated, mut simulated) = (0, false);
    for candidates in investigation.iter().filter(|candidates| candidates.answered) {
        let Some(region) = region_of(candidates.address) else { continue };
        investigated += 1;
        simulated |= candidates.simulated;
        let (kinds, looked_up) = by_region.entry(region).or_default();
        *kinds.entry(kind(candidates)).or_default() += 1;
        if let Some((_, last)) = candidates.looked_up {
            *looked_up = (*looked_up).max(Day::from_date(last.date_naive()).0);
        }
    }
    let mut shown: Vec<Region> = by_region
        .into_iter()
        .map(|(region, (kinds, looked_up))| {
            let classes = frequent(kinds);
            Region {
                region: region.clone(),
                investigated: classes.iter().map(|(_, count)| count).sum(),
                classes,
                looked_up,
            }
        })
        .filter(|region| region.investigated >= INVESTIGATED_MIN)
        .collect();
    shown.sort_by(|a, b| {
        (b.region == home, b.investigated)
            .cmp(&(a.region == home, a.investigated))
            .then_with(|| a.region.cmp(&b.region))
    });
    shown.truncate(REGIONS_SHOWN);
    Devices {
        regions: shown,
        sources: regions.len() as u64,
        investigated,
        simulated,
        sql,
    }
}

/// Classes, most frequent first; those with few addresses in one, for each could be a host that somebody knows. The
/// least frequent of the others goes with them while what is in it would still be few: it is what the others leave of
/// the whole.
fn frequent(kinds: BTreeMap<Kind, u64>) -> Vec<(Kind, u64)> {
    let mut classes: Vec<(Kind, u64)> = kinds.into_iter().collect();
    classes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut few = 0;
    while let Some((_, addresses)) = classes.last().copied()
        && (addresses < ADDRESSES_MIN || (1..ADDRESSES_MIN).contains(&few))
    {
        few += addresses;
        classes.pop();
    }
    if few > 0 {
        let at = classes.partition_point(|(_, addresses)| *addresses >= few);
        classes.insert(at, (Kind::Few, few));
    }
    classes
}

fn kind(candidates: &Candidates) -> Kind {
    let mut classes = candidates.classes.iter();
    match (classes.next(), classes.next()) {
        (Some(class), None) => Kind::One(*class),
        (Some(_), Some(_)) => Kind::Several,
        (None, _) => Kind::One(Class::Unknown),
    }
}

impl Kind {
    /// Name in legends.
    pub fn label(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Kind::One(class), Lang::English) => class.english(),
            (Kind::One(class), Lang::Japanese) => class.japanese(),
            (Kind::Several, Lang::English) => "Several devices",
            (Kind::Several, Lang::Japanese) => "複数の機器",
            (Kind::Few, Lang::English) => "Less frequent classes",
            (Kind::Few, Lang::Japanese) => "少数の種別（合計）",
        }
    }

    /// Name in sentences.
    pub fn plural(self, lang: Lang) -> &'static str {
        if lang == Lang::Japanese {
            return self.label(lang);
        }
        match self {
            Kind::Several => "several devices behind one address",
            Kind::Few => "of less frequent classes",
            Kind::One(class) => match class {
                Class::VideoRecorder => "video recorders",
                Class::Camera => "network cameras",
                Class::Router => "routers",
                Class::Nas => "network storage",
                Class::Printer => "printers",
                Class::Firewall => "VPN devices or firewalls",
                Class::LinuxServer => "Linux servers",
                Class::WindowsHost => "Windows hosts",
                Class::Industrial => "industrial control devices",
                Class::Telephone => "telephones",
                Class::Media => "media devices",
                Class::Other => "other devices",
                Class::Unknown => "unknown",
            },
        }
    }
}

impl Devices {
    /// What stands under the figure.
    pub fn note(&self, lang: Lang) -> String {
        let simulated = match (self.simulated, lang) {
            (false, _) => "",
            (true, Lang::English) => " The investigation is simulated.",
            (true, Lang::Japanese) => "調査データはシミュレーションによるものです。",
        };
        let (investigated, sources) = (thousands(&self.investigated.to_string()), thousands(&self.sources.to_string()));
        match lang {
            Lang::English => format!(
                "n: source addresses that were investigated and answered, {investigated} of {sources} Mirai-type sources. Other devices may stand behind the same address, and addresses may have changed hands since.{simulated}"
            ),
            Lang::Japanese => format!(
                "nは調査により応答が得られた送信元アドレスの数です（Miraiの特徴を持つ送信元{sources}件のうち{investigated}件）。同じアドレスの背後に別の機器がある場合や、調査までにアドレスの利用者が変わった場合があります。{simulated}"
            ),
        }
    }

    /// As CSV.
    pub fn csv(&self, names: Names, lang: Lang) -> String {
        let mut text = String::from("region,class,addresses,investigated,percent\n");
        for region in &self.regions {
            for (kind, addresses) in &region.classes {
                text.push_str(&format!(
                    "{},{},{},{},{}\n",
                    super::figures::quoted(&names.region_name(&region.region)),
                    super::figures::quoted(kind.label(lang)),
                    super::figures::published(Some(*addresses as f64), 0),
                    region.investigated,
                    super::figures::portion(*addresses as f64, region.investigated as f64, 1)
                ));
            }
        }
        text
    }
}

/// A simulated investigation of the period's sources, for demonstrations: Shodan's layout, marked as simulated.
pub async fn simulated(session: &Session, tool: &str, period: Period, seed: u64) -> Result<String> {
    let rows = Rows::ask(session, Question::tool_sources((period.first().0, period.last().0), tool)).await?;
    let (src, region) = (rows.counts("src")?, rows.texts("region")?);
    let addresses: Vec<(IpAddr, &str)> = src
        .iter()
        .zip(&region)
        .map(|(src, region)| (IpAddr::V4(Ipv4Addr::from(word(*src))), region.as_deref().unwrap_or("ZZ")))
        .collect();
    let until = period.last().plus(14).to_date().and_hms_opt(0, 0, 0).unwrap_or_default().and_utc();
    Ok(crate::investigation::simulate(&addresses, until, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_addresses_are_not_told_by_class() {
        let all = [Class::Router, Class::VideoRecorder, Class::Nas, Class::Camera].map(Kind::One);
        for (counts, expected) in [
            (&[40, 30, 20, 10][..], &[40, 30, 20, 10][..]),
            // Two that are few, together not few.
            (&[40, 30, 6, 5], &[40, 30, 11]),
            // One that is few: the next goes with it, for what is left of the whole would tell it.
            (&[40, 30, 20, 5], &[40, 30, 25]),
            (&[40, 12, 3, 1], &[40, 16]),
            (&[10, 1], &[11]),
            (&[4, 6], &[10]),
        ] {
            let told = frequent(all.into_iter().zip(counts.iter().copied()).collect());
            let found: Vec<u64> = told.iter().map(|(_, addresses)| *addresses).collect();
            assert_eq!(found, expected, "{counts:?}");
            assert!(
                told.iter()
                    .all(|(kind, addresses)| *addresses >= ADDRESSES_MIN || *kind == Kind::Few)
            );
        }
    }
}
