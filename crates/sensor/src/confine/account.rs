//! Users and groups from `/etc/passwd` and `/etc/group`, and the state folder that belongs to one.
//!
//! Read by ourselves, because a static program cannot count on the C library's name services.

use std::fs::DirBuilder;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::Path;

use super::Error;

/// Most bytes read of `/etc/passwd` or `/etc/group`.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Mode of a state folder: it holds a key.
const FOLDER_MODE: u32 = 0o700;

/// Numbers of a user and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// User.
    pub user: u32,
    /// Group.
    pub group: u32,
}

impl Account {
    /// A user by name or number, with the group if one is named, else its own.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn find(user: &str, group: Option<&str>) -> Result<Self, Error> {
        let of = |path| text(Path::new(path)).unwrap_or_default();
        Self::find_in(&of("/etc/passwd"), &of("/etc/group"), user, group)
    }

    fn find_in(passwd: &str, groups: &str, user: &str, group: Option<&str>) -> Result<Self, Error> {
        let none = |what, name: &str| Error::NoAccount {
            what,
            name: name.to_owned(),
        };
        let entry = entries(passwd).find(|fields| fields.first() == Some(&user) || fields.get(2) == Some(&user));
        let (id, own_group) = match entry.as_deref() {
            Some([_, _, id, group, ..]) => (id.parse().ok(), group.parse().ok()),
            Some(_) => (None, None),
            // A number needs no name: containers often have none.
            None => (user.parse().ok(), user.parse().ok()),
        };
        let id = id.ok_or_else(|| none("user", user))?;
        let group = match group {
            None => own_group.ok_or_else(|| none("group", user))?,
            Some(name) => entries(groups)
                .find(|fields| fields.first() == Some(&name))
                .and_then(|fields| fields.get(2).and_then(|id| id.parse().ok()))
                .or_else(|| name.parse().ok())
                .ok_or_else(|| none("group", name))?,
        };
        Ok(Self { user: id, group })
    }
}

/// Name of a user, for people; the number where there is none.
pub(crate) fn name_of(user: u32) -> String {
    let passwd = text(Path::new("/etc/passwd")).unwrap_or_default();
    let number = user.to_string();
    let found = entries(&passwd)
        .find(|fields| fields.get(2) == Some(&number.as_str()))
        .and_then(|fields| fields.first().map(|name| (*name).to_owned()));
    found.unwrap_or(number)
}

fn entries(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Makes the state folder if it is missing, for `account` or else for whoever we are, and checks whose it is.
pub(super) fn prepare_folder(path: &Path, account: Option<Account>) -> Result<(), Error> {
    let owner = account.map_or_else(|| super::privilege::ids().0, |account| account.user);
    let refuse = |hint: String, source| Error::Folder {
        path: path.to_owned(),
        hint,
        source,
    };
    let name = name_of(owner);
    let give = format!("`install -d -m 700 -o {name} {}` as root", path.display());
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Ok(()) => {
            if let Some(account) = account {
                chown(path, Some(account.user), Some(account.group)).map_err(|error| refuse(give, error))?;
            }
            return Ok(());
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(refuse("the folder above it must be there".to_owned(), error));
        }
        Err(error) => return Err(refuse(give, error)),
    }
    let found = std::fs::metadata(path).map_err(|error| refuse(give, error))?;
    if !found.is_dir() {
        return Err(refuse(
            "something else has this name".to_owned(),
            io::ErrorKind::NotADirectory.into(),
        ));
    }
    if found.uid() != owner {
        let hint = format!(
            "it belongs to {}; `chown -R {name}: {}` as root gives it to {name}",
            name_of(found.uid()),
            path.display()
        );
        return Err(refuse(hint, io::ErrorKind::PermissionDenied.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name_and_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nsensor:x:997:996::/:/bin/false\nbroken\n::\nodd:x:many:1::/:\n";
        let groups = "root:x:0:\nsensor:x:996:\npcap:x:120:sensor\n";
        let find = |user, group| {
            Account::find_in(passwd, groups, user, group)
                .map(|account| (account.user, account.group))
                .map_err(|error| error.to_string())
        };
        assert_eq!(find("sensor", None), Ok((997, 996)));
        assert_eq!(find("997", None), Ok((997, 996)));
        assert_eq!(find("sensor", Some("pcap")), Ok((997, 120)));
        assert_eq!(find("sensor", Some("7")), Ok((997, 7)));
        assert_eq!(find("4242", None), Ok((4242, 4242)));
        for (user, group) in [
            ("nobody", None),
            ("odd", None),
            ("broken", None),
            ("sensor", Some("wheel")),
            ("-1", None),
        ] {
            let error = find(user, group).expect_err(user);
            assert!(error.contains("there is no") && error.contains("; hint: "), "{error}");
        }
    }

    #[test]
    fn a_state_folder_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        prepare_folder(&path, None).expect("made");
        assert_eq!(std::fs::metadata(&path).expect("there").mode() & 0o7777, FOLDER_MODE);
        prepare_folder(&path, None).expect("there already");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert!(prepare_folder(&file, None).is_err());
        assert!(prepare_folder(&folder.path().join("no/where"), None).is_err());
        let other = Account {
            user: super::super::privilege::ids().0 + 1,
            group: 0,
        };
        let error = prepare_folder(&path, Some(other)).expect_err("another's").to_string();
        assert!(error.contains("chown -R"), "{error}");
    }
}
