//! Rights, rings, disk room and modes of files.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Parts, Row, Site};
use crate::confine::account_name;

/// `CAP_NET_RAW`, bit of linux/capability.h.
const NET_RAW: u32 = 13;
/// What a spool needs beside its batches: the journal, the batch in the making.
const SPOOL_ROOM_BYTES: u64 = 64 << 20;

/// May this process open packet sockets?
pub(super) fn rights(site: &Site) -> Row {
    const NAME: &str = "rights";
    if site.interfaces.is_empty() {
        return Row::ok(NAME, "none are needed to read files");
    }
    match crate::confine::capabilities() {
        Some(held) if held >> NET_RAW & 1 == 1 => Row::ok(NAME, "may open packet sockets (CAP_NET_RAW)"),
        Some(_) => Row::fail(
            NAME,
            "may not open packet sockets",
            "run this as root (`sudo hirundo-sensor check`); the service itself gets CAP_NET_RAW from systemd",
        ),
        None => Row::warn(NAME, "the kernel does not say which capabilities there are", "is /proc mounted?"),
    }
}

/// Can a ring be opened on each interface?
pub(super) fn rings(site: &Site, parts: &dyn Parts) -> Vec<Row> {
    let look = |interface: &String| {
        let name = format!("ring {interface}");
        let folder = Path::new("/sys/class/net").join(interface);
        if let Err(error) = super::kernel::index(interface) {
            return Row::fail(&name, error.to_string(), "`ip -br link` lists the interfaces there are");
        }
        let state = super::host::text(folder.join("operstate")).unwrap_or_default();
        match parts.open_ring(interface) {
            Err(error) => told(&name, &error),
            // Virtual interfaces say "unknown" when they are up.
            Ok(_) if state.trim() == "down" => Row::warn(
                &name,
                "opened, but the interface is down",
                format!("`ip link set {interface} up`, and look at the cable"),
            ),
            Ok(what) => Row::ok(&name, what),
        }
    };
    site.interfaces.iter().map(look).collect()
}

/// An error of our own parts, which brings its hint along.
pub(super) fn told(name: &str, error: &str) -> Row {
    match error.split_once("; hint: ") {
        Some((what, hint)) => Row::fail(name, what, hint),
        None => Row::fail(name, error, "see docs/sensor.md, Troubleshooting"),
    }
}

/// Does what the spool may hold fit on its disk?
pub(super) fn disk(site: &Site) -> Row {
    const NAME: &str = "disk";
    let Some(folder) = [&site.spool, &site.state].into_iter().find_map(|path| existing(path)) else {
        return Row::fail(
            NAME,
            format!("there is no {}", site.state.display()),
            "the package makes it; else `install -d -m 700 -o hirundo-sensor`",
        );
    };
    let Some((free, total)) = room(folder) else {
        return Row::warn(
            NAME,
            format!("the disk of {} does not say how full it is", folder.display()),
            "look at it with df",
        );
    };
    let used = used_bytes(&site.spool);
    judge_room(site.spool_bytes_max, used, free, total)
}

fn judge_room(wanted: u64, used: u64, free: u64, total: u64) -> Row {
    const NAME: &str = "disk";
    let needed = wanted.saturating_sub(used).saturating_add(SPOOL_ROOM_BYTES);
    let found = format!(
        "{} free of {}; the spool holds {} and may grow to {}",
        bytes(free),
        bytes(total),
        bytes(used),
        bytes(wanted)
    );
    let hint = "make room, or let [spool] bytes_max be smaller: a full disk makes the sensor drop its oldest batches early";
    if free < SPOOL_ROOM_BYTES {
        Row::fail(NAME, found, hint)
    } else if free < needed {
        Row::warn(NAME, found, hint)
    } else {
        Row::ok(NAME, found)
    }
}

/// The nearest folder above that is there.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors().find(|path| !path.as_os_str().is_empty() && path.is_dir())
}

/// Bytes free for others than root, and of the whole disk.
fn room(folder: &Path) -> Option<(u64, u64)> {
    super::kernel::room(folder).ok()
}

/// Bytes of the files right in a folder and in those in it; enough for a spool, and bounded.
fn used_bytes(folder: &Path) -> u64 {
    let files = |folder: &Path| -> Vec<(std::path::PathBuf, Metadata)> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .take(1 << 20)
            .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
            .collect()
    };
    let mut sum: u64 = 0;
    for (path, found) in files(folder) {
        if found.is_file() {
            sum = sum.saturating_add(found.len());
        } else if found.is_dir() {
            let within = files(&path).into_iter().filter(|(_, found)| found.is_file());
            sum = within.fold(sum, |sum, (_, found)| sum.saturating_add(found.len()));
        }
    }
    sum
}

/// Who can read and write the configuration and the state folder?
pub(super) fn modes(site: &Site) -> Vec<Row> {
    const NAME: &str = "files";
    let mut rows = Vec::new();
    if let Ok(found) = std::fs::metadata(&site.config)
        && found.mode() & 0o002 != 0
    {
        rows.push(Row::fail(
            NAME,
            format!("everybody may write {}", site.config.display()),
            format!("chmod o-w {}", site.config.display()),
        ));
    }
    if let Ok(found) = std::fs::metadata(&site.state) {
        let path = site.state.display();
        if found.mode() & 0o077 != 0 {
            rows.push(Row::fail(
                NAME,
                format!("others may look into {path}, which holds keys (mode {:o})", found.mode() & 0o777),
                format!("chmod 700 {path}"),
            ));
        }
        let owner = account_name(found.uid());
        if owner != site.user && found.uid().to_string() != site.user {
            rows.push(Row::warn(
                NAME,
                format!("{path} belongs to {owner}, but the service runs as {}", site.user),
                format!("chown -R {}: {path}", site.user),
            ));
        }
        rows.extend(open_files(&site.state));
    }
    if rows.is_empty() {
        rows.push(Row::ok(NAME, "keys and spool are the sensor's alone"));
    }
    rows
}

/// Files right in the state folder that others can read: the keys are there.
fn open_files(folder: &Path) -> Option<Row> {
    let entries = std::fs::read_dir(folder).ok()?;
    let open = entries
        .take(1 << 16)
        .flatten()
        .find(|entry| entry.metadata().is_ok_and(|found| found.is_file() && found.mode() & 0o077 != 0))?;
    let path = open.path();
    Some(Row::fail(
        "files",
        format!("others may read {}", path.display()),
        format!("chmod 600 {}", path.display()),
    ))
}

/// Bytes for people.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TB", 40), ("GB", 30), ("MB", 20), ("kB", 10)];
    for (unit, shift) in UNITS {
        let whole = count >> shift;
        if whole > 0 {
            let tenths = (count - (whole << shift)).saturating_mul(10) >> shift;
            return format!("{whole}.{tenths} {unit}");
        }
    }
    format!("{count} B")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::State;
    use super::*;

    #[test]
    fn a_disk_must_hold_what_the_spool_may() {
        const GB: u64 = 1 << 30;
        assert_eq!(judge_room(GB, 0, 2 * GB, 9 * GB).state, State::Ok);
        assert_eq!(judge_room(GB, 0, GB, 9 * GB).state, State::Warn);
        assert_eq!(judge_room(GB, GB, GB, 9 * GB).state, State::Ok, "what is used counts");
        assert_eq!(judge_room(GB, 0, 1 << 20, 9 * GB).state, State::Fail);
    }

    #[test]
    fn bytes_are_said_shortly() {
        assert_eq!(
            [0, 1023, 1024, 1536, 5 << 30].map(bytes),
            ["0 B", "1023 B", "1.0 kB", "1.5 kB", "5.0 GB"]
        );
    }

    #[test]
    fn files_that_others_can_read_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("mode");
        let key = folder.path().join("identity.json");
        let config = folder.path().join("sensor.toml");
        std::fs::write(&key, "key").expect("written");
        std::fs::write(&config, "").expect("written");
        mode(folder.path(), 0o700);
        mode(&key, 0o600);
        mode(&config, 0o600);
        let site = Site {
            config: config.clone(),
            state: folder.path().to_owned(),
            user: std::fs::metadata(&key).expect("there").uid().to_string(),
            ..Site::default()
        };
        let worst = || super::super::worst(&modes(&site));
        assert_eq!(worst(), State::Ok);
        mode(&key, 0o640);
        assert_eq!(worst(), State::Fail);
        mode(&key, 0o600);
        mode(folder.path(), 0o755);
        assert_eq!(worst(), State::Fail);
        mode(folder.path(), 0o700);
        mode(&config, 0o602);
        assert_eq!(worst(), State::Fail);
        mode(&config, 0o600);
        let other = Site {
            user: "somebody-else".to_owned(),
            ..site.clone()
        };
        assert_eq!(super::super::worst(&modes(&other)), State::Warn);
    }
}
