//! Landlock: which files are left.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope,
};

use super::{Held, Plan};

/// What this is written for; an older kernel closes what it knows, from Linux 5.13 on.
const WRITTEN_FOR: ABI = ABI::V6;

/// Read by the C library to find a name's address, and by us to trust a proxy's certificate. As a folder, because
/// these files are replaced by new ones of the same name; what not everybody may read, the file's mode keeps from us.
const READABLE: [&str; 4] = ["/etc", "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf"];

/// Where a process that stays root may not read all of `/etc`.
const READABLE_ROOT: [&str; 9] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
];

/// For keys.
const RANDOM: [&str; 1] = ["/dev/urandom"];

/// Closes all files but those of the plan; also TCP ports to listen on, and signals and abstract sockets of others.
pub(super) fn close(plan: &Plan) -> Held {
    match restrict(plan) {
        Ok(RulesetStatus::FullyEnforced) => Held::Fully,
        Ok(RulesetStatus::PartiallyEnforced) => Held::Partly,
        Ok(RulesetStatus::NotEnforced) => Held::Not("this kernel has no Landlock, or it is switched off".to_owned()),
        Err(error) => Held::Not(error.to_string()),
    }
}

fn restrict(plan: &Plan) -> Result<RulesetStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(WRITTEN_FOR))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(WRITTEN_FOR))?
        .create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = read
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    let etc: &[&str] = if super::privilege::ids().0 == 0 {
        &READABLE_ROOT
    } else {
        &READABLE
    };
    let given = etc.iter().chain(&RANDOM).map(Path::new);
    for path in given.chain(plan.readable.iter().map(AsRef::as_ref)) {
        rules = beneath(rules, path, read)?;
    }
    rules = beneath(rules, &plan.state_folder, write)?;
    Ok(rules.restrict_self()?.ruleset)
}

/// A path that is not there needs no rule.
fn beneath(rules: landlock::RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<landlock::RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(rules);
    };
    // A file has no entries to list, make or remove.
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(WRITTEN_FOR)
    };
    rules.add_rule(PathBeneath::new(opened, access))
}
