//! The system calls that give up privileges.
#![allow(unsafe_code, reason = "the C library offers no other way to drop privileges")]

use std::io;

use super::{Account, Error};

/// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words of 32 capabilities.
const CAPABILITY_VERSION: u32 = 0x2008_0522;
/// Capabilities that a kernel may know of; the kernel refuses those it does not.
const CAPABILITIES: libc::c_ulong = 64;

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`, twice.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Effective user and group.
pub(crate) fn ids() -> (u32, u32) {
    // SAFETY: no arguments, cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// No program started from here could get a capability back; only a process that may do so can do it.
pub(super) fn drop_bounding() -> Result<(), Error> {
    for capability in 0..CAPABILITIES {
        // SAFETY: plain numbers.
        let done = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        let error = io::Error::last_os_error();
        if done != 0 && error.raw_os_error() != Some(libc::EINVAL) {
            return Err(system("drop the capabilities of later programs", error));
        }
    }
    Ok(())
}

/// From root to somebody else, with no way back.
pub(super) fn become_account(account: Account) -> Result<(), Error> {
    // SAFETY: no groups are read where their number is 0; the rest are plain numbers.
    unsafe {
        let left = check("leave the groups of root", libc::setgroups(0, std::ptr::null()));
        if !groups_are_fixed() {
            left?;
        }
        check("become the group", libc::setresgid(account.group, account.group, account.group))?;
        check("become the user", libc::setresuid(account.user, account.user, account.user))?;
        if account.user != 0 && libc::setresuid(0, 0, 0) == 0 {
            return Err(system("stay another user than root", io::ErrorKind::PermissionDenied.into()));
        }
    }
    Ok(())
}

/// In a user namespace that an ordinary user made, groups cannot be left; they are that user's and not root's.
fn groups_are_fixed() -> bool {
    std::fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "deny")
}

/// None is kept, of none of the kinds.
pub(super) fn drop_capabilities() -> Result<(), Error> {
    let header = Header {
        version: CAPABILITY_VERSION,
        pid: 0,
    };
    let none = [Data::default(); 2];
    // SAFETY: both live through the call and have the layout of linux/capability.h; the kernel only reads `none`.
    let done = unsafe {
        let cleared = libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        check("drop ambient capabilities", cleared)?;
        libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr())
    };
    if done != 0 {
        return Err(system("drop capabilities", io::Error::last_os_error()));
    }
    let left = effective();
    if left != Some(0) {
        return Err(system("drop capabilities: some are left", io::ErrorKind::Other.into()));
    }
    Ok(())
}

/// No program gives more rights than we have; nobody of the same user looks into our memory, no dump holds the key,
/// and what is written from now on is ours alone.
pub(super) fn no_new_privileges() -> Result<(), Error> {
    // SAFETY: plain numbers.
    unsafe {
        check("forgo new privileges", libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        check("forbid dumps", libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0))?;
        libc::umask(0o077);
        Ok(())
    }
}

/// Installs a seccomp filter for all threads; what it refuses is logged by the kernel.
pub(super) fn install_filter(program: &[seccompiler::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: program.as_ptr().cast_mut().cast(),
    };
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC | libc::SECCOMP_FILTER_FLAG_LOG;
    // SAFETY: the kernel copies the program, whose instructions have the layout of linux/filter.h, and keeps no pointer.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    match done {
        0 => Ok(()),
        ..0 => Err(io::Error::last_os_error()),
        1.. => Err(io::Error::other("a thread has another filter")),
    }
}

/// Capabilities in effect, as the kernel shows them.
pub(crate) fn effective() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn check(what: &'static str, done: libc::c_int) -> Result<(), Error> {
    if done == 0 {
        Ok(())
    } else {
        Err(system(what, io::Error::last_os_error()))
    }
}

fn system(what: &'static str, source: io::Error) -> Error {
    Error::System { what, source }
}
