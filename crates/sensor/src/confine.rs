//! Gives up privileges once the sockets are open: user, capabilities, Landlock, seccomp.
//!
//! What holds afterwards, for the whole process and for good: it is not root, has no capability and cannot get one;
//! it writes nowhere but in its state folder; it reads there, in `/etc` what everybody may read, and what the plan
//! names; it starts no program and opens no port. A packet socket that was open before goes on.

mod account;
mod files;
mod privilege;
mod syscalls;

use std::path::PathBuf;

use crate::config::Sandbox;

pub use account::Account;
pub(crate) use account::name_of as account_name;
pub(crate) use privilege::effective as capabilities;

/// What is to be left of the process.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whom to become when started by root: a name of `/etc/passwd`, or a number. Without effect otherwise.
    pub user: String,
    /// Group to become; the user's own without it.
    pub group: Option<String>,
    /// The only folder that can be written to; made if it is missing.
    pub state_folder: PathBuf,
    /// What can be read besides: captures to replay, for example. What is missing is passed over.
    pub readable: Vec<PathBuf>,
    /// Whether Landlock and seccomp must, may or shall not be used.
    pub sandbox: Sandbox,
}

/// What holds after [`apply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// User of the process.
    pub user: u32,
    /// Group of the process.
    pub group: u32,
    /// How far files are closed to it.
    pub files: Held,
    /// How far system calls are.
    pub syscalls: Held,
}

/// How far a restriction holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// As meant.
    Fully,
    /// As far as this kernel knows it.
    Partly,
    /// Not at all, and why.
    Not(String),
}

/// Why privileges could not be given up. The process must not go on then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Threads are there already: they would keep what this one gives up.
    #[error("could not give up privileges: {threads} threads are running; this is a defect of the sensor, please report it")]
    Threads {
        /// How many.
        threads: usize,
    },
    /// There is no such user or group.
    #[error(
        "there is no {what} {name:?} on this machine; hint: `useradd --system --no-create-home --shell /usr/sbin/nologin {name}`, or another one in [run]"
    )]
    NoAccount {
        /// `user` or `group`.
        what: &'static str,
        /// Which.
        name: String,
    },
    /// The state folder could not be made ready.
    #[error("could not prepare the state folder {}; hint: {hint}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What to do.
        hint: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A system call refused.
    #[error("could not {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A restriction that must hold does not.
    #[error("could not close {what} to the sensor: {why}; hint: [run] sandbox = \"available\" goes on without")]
    Sandbox {
        /// Files or system calls.
        what: &'static str,
        /// Why.
        why: String,
    },
}

/// Gives up everything that `plan` does not name. To be called when sockets are open and no thread is running yet.
///
/// # Errors
/// See [`Error`]; nothing must be done afterwards then, for part of it may hold.
pub fn apply(plan: &Plan) -> Result<Report, Error> {
    one_thread()?;
    become_user(plan)?;
    privilege::drop_capabilities()?;
    privilege::no_new_privileges()?;
    let (files, syscalls) = match plan.sandbox {
        Sandbox::Off => {
            let off = Held::Not("switched off".to_owned());
            (off.clone(), off)
        }
        Sandbox::Available | Sandbox::Required => (files::close(plan), syscalls::close()),
    };
    if plan.sandbox == Sandbox::Required {
        for (what, held) in [("files", &files), ("system calls", &syscalls)] {
            if let Held::Not(why) = held {
                return Err(Error::Sandbox { what, why: why.clone() });
            }
        }
    }
    let (user, group) = privilege::ids();
    Ok(Report {
        user,
        group,
        files,
        syscalls,
    })
}

/// Becomes the plan's user, when this is root; makes the state folder and checks that it is the user's. The first step
/// of [`apply`]; enough for commands that only write into the state folder.
///
/// # Errors
/// See [`Error`].
pub fn become_user(plan: &Plan) -> Result<(), Error> {
    let (user, _) = privilege::ids();
    if user != 0 {
        return account::prepare_folder(&plan.state_folder, None);
    }
    let account = Account::find(&plan.user, plan.group.as_deref())?;
    account::prepare_folder(&plan.state_folder, Some(account))?;
    privilege::drop_bounding()?;
    privilege::become_account(account)
}

fn one_thread() -> Result<(), Error> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads == 1 { Ok(()) } else { Err(Error::Threads { threads }) }
}

impl std::fmt::Display for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fully => formatter.write_str("closed"),
            Self::Partly => formatter.write_str("closed as far as this kernel can"),
            Self::Not(why) => write!(formatter, "open ({why})"),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "user {}, group {}, no capabilities, files {}, system calls {}",
            self.user, self.group, self.files, self.syscalls
        )
    }
}
