//! What the sensors are, from `sensors.toml`: names, groups, regions, addresses.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hirundo_lake::Roster;

/// Name of the file in a folder of captures.
const FILE: &str = "sensors.toml";
/// Longest file, bytes.
const BYTES_MAX: u64 = 16 << 20;

/// The rosters of the folders named, and of a file named for itself.
pub fn find(paths: &[PathBuf], file: Option<&Path>) -> Result<Vec<Roster>> {
    let beside = paths.iter().map(|path| path.join(FILE)).filter(|path| path.is_file());
    let files: Vec<PathBuf> = beside.chain(file.map(Path::to_owned)).collect();
    files.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Roster> {
    let what = || format!("could not read what the sensors are from {}", path.display());
    if std::fs::metadata(path).with_context(what)?.len() > BYTES_MAX {
        bail!("{}: it has more than {BYTES_MAX} bytes", what());
    }
    let text = std::fs::read_to_string(path).with_context(what)?;
    let roster: Roster = toml::from_str(&text).with_context(what)?;
    for sensor in &roster.sensors {
        super::inputs::check_sensor(&sensor.name).with_context(what)?;
        if let Some(region) = &sensor.region
            && crate::intel::region::code(region).is_none()
        {
            bail!(
                "{}: sensor {} is in {region:?}, which is no region; hint: JP, US, …",
                what(),
                sensor.name
            );
        }
        for addresses in &sensor.addresses {
            if range(addresses).is_none() {
                bail!(
                    "{}: sensor {} watches {addresses:?}, which is no address; hint: 192.0.2.1, 192.0.2.0/28 or 192.0.2.1-192.0.2.9",
                    what(),
                    sensor.name
                );
            }
        }
    }
    Ok(roster)
}

/// First and last address of `a`, `a/24` or `a-b`.
pub fn range(text: &str) -> Option<(IpAddr, IpAddr)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address, address));
    }
    if let Ok(network) = text.parse::<ipnet::IpNet>() {
        return Some((network.network(), network.broadcast()));
    }
    let (first, last) = text.split_once('-')?;
    let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_people_write_them() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap()));
            assert_eq!(range(text), expected, "{text}");
        };
        check("192.0.2.7", Some(("192.0.2.7", "192.0.2.7")));
        check("192.0.2.7/28", Some(("192.0.2.0", "192.0.2.15")));
        check("192.0.2.7-192.0.2.9", Some(("192.0.2.7", "192.0.2.9")));
        check("2001:db8::/32", Some(("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")));
        check("192.0.2.9-192.0.2.7", None);
        check("192.0.2.9-2001:db8::1", None);
        check("sensor", None);
    }

    #[test]
    fn hostile_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for (text, complaint) in [
            ("[[sensor]]\nname = \"a\"\nregion = \"Atlantis\"\n", "no region"),
            ("[[sensor]]\nname = \"a\"\naddresses = [\"here\"]\n", "no address"),
            ("[[sensor]]\nname = \"\"\n", "cannot be a sensor's name"),
            ("[[sensor]]\nnam = \"a\"\n", "unknown field"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", read(&path).unwrap_err());
            assert!(error.contains(complaint), "{error}");
        }
    }
}
