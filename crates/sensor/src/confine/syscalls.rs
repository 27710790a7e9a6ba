//! seccomp: which system calls are left.
//!
//! What a sensor needs is allowed; what nobody but an intruder would call ends the process; anything else is refused
//! with EPERM and logged by the kernel (`journalctl -k --grep SECCOMP`), so that a call we did not foresee shows up
//! as an error instead of ending the capture.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule};

use super::{Held, privilege};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Whatever their arguments are. Found by watching real runs with strace; the rest are what the C library calls
/// in their place in other versions.
const ALLOWED: &[libc::c_long] = &[
    // Files that are open, and those of the state folder (Landlock says which).
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_copy_file_range,
    libc::SYS_umask,
    // Memory; mmap and mprotect below.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    // Waiting.
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    // Connections that are made from here; socket below.
    libc::SYS_connect,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    // Clocks; adjtimex only reads without CAP_SYS_TIME.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_getrandom,
    // Threads and signals; clone below.
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_getcpu,
    // What the process is.
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
];

/// The same, by names that only older architectures have.
#[cfg(target_arch = "x86_64")]
const ALLOWED_OLD: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_arch_prctl,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_OLD: &[libc::c_long] = &[];

/// What a sensor never does, and an intruder would.
const NEVER: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_mount,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_keyctl,
];

/// `ioctl`s: whether a descriptor is a terminal, waits, and how much can be read from it.
const IOCTLS: [u64; 3] = [0x5401, 0x5421, 0x541b];
/// `prctl`s: names of threads and of memory (`PR_SET_VMA`).
const PRCTLS: [u64; 3] = [15, 16, 0x5356_4d41];
/// Address families of connections.
const FAMILIES: [u64; 2] = [2, 10];
/// Stream and datagram sockets, without the flags beside them.
const SOCKET_TYPES: [u64; 2] = [1, 2];
const SOCKET_TYPE_MASK: u64 = 0xf;
/// `PROT_EXEC`: no memory is executable that was not so at the start.
const PROT_EXEC: u64 = 4;
/// `CLONE_THREAD`: threads, no processes.
const CLONE_THREAD: u64 = 0x0001_0000;

/// Closes all system calls that are not named here.
pub(super) fn close() -> Held {
    let programs = match programs() {
        Ok(programs) => programs,
        Err(error) => return Held::Not(error.to_string()),
    };
    for program in &programs {
        if let Err(error) = privilege::install_filter(program) {
            return Held::Not(unsupported(&error));
        }
    }
    Held::Fully
}

fn unsupported(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EINVAL) => "this kernel has no seccomp filters".to_owned(),
        _ => error.to_string(),
    }
}

/// In the order in which they are installed; the strictest answer of all counts.
fn programs() -> Result<[BpfProgram; 3], seccompiler::BackendError> {
    let all = |calls: &[libc::c_long]| -> Rules { calls.iter().map(|&call| (call, Vec::new())).collect() };
    let compile = |rules, otherwise, matched| -> Result<BpfProgram, seccompiler::BackendError> {
        SeccompFilter::new(rules, otherwise, matched, std::env::consts::ARCH.try_into()?)?.try_into()
    };
    let mut allowed = all(ALLOWED);
    allowed.extend(all(ALLOWED_OLD));
    allowed.extend(conditional()?);
    Ok([
        compile(all(NEVER), SeccompAction::Allow, SeccompAction::KillProcess)?,
        // Its flags lie in memory, where a filter cannot look; the C library then takes clone.
        compile(
            all(&[libc::SYS_clone3]),
            SeccompAction::Allow,
            SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        )?,
        compile(allowed, SeccompAction::Errno(libc::EPERM.unsigned_abs()), SeccompAction::Allow)?,
    ])
}

/// Calls that are allowed with certain arguments.
fn conditional() -> Result<Rules, seccompiler::BackendError> {
    let rule = |conditions: &[(u8, SeccompCmpOp, u64)]| {
        let conditions = conditions
            .iter()
            .map(|(argument, operator, value)| SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), *value))
            .collect::<Result<Vec<_>, _>>()?;
        SeccompRule::new(conditions)
    };
    let equal = |argument, values: &[u64]| {
        values
            .iter()
            .map(|&value| rule(&[(argument, SeccompCmpOp::Eq, value)]))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut sockets = Vec::new();
    for family in FAMILIES {
        for kind in SOCKET_TYPES {
            sockets.push(rule(&[
                (0, SeccompCmpOp::Eq, family),
                (1, SeccompCmpOp::MaskedEq(SOCKET_TYPE_MASK), kind),
            ])?);
        }
    }
    let none = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    let reads_limit = SeccompRule::new(vec![none])?;
    let not_executable = rule(&[(2, SeccompCmpOp::MaskedEq(PROT_EXEC), 0)])?;
    Ok(BTreeMap::from([
        (libc::SYS_socket, sockets),
        (libc::SYS_socketpair, equal(0, &[1])?),
        (libc::SYS_ioctl, equal(1, &IOCTLS)?),
        (libc::SYS_prctl, equal(0, &PRCTLS)?),
        // Limits are read, not set; there are none of other processes' either.
        (libc::SYS_prlimit64, vec![reads_limit]),
        (libc::SYS_mmap, vec![not_executable.clone()]),
        (libc::SYS_mprotect, vec![not_executable]),
        (
            libc::SYS_clone,
            vec![rule(&[(0, SeccompCmpOp::MaskedEq(CLONE_THREAD), CLONE_THREAD)])?],
        ),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_both_allowed_and_deadly() {
        for call in NEVER {
            assert!(!ALLOWED.contains(call) && !ALLOWED_OLD.contains(call), "{call}");
        }
        for call in [
            libc::SYS_listen,
            libc::SYS_accept,
            libc::SYS_accept4,
            libc::SYS_bind,
            libc::SYS_fork,
        ] {
            assert!(!ALLOWED.contains(&call) && !ALLOWED_OLD.contains(&call), "{call}");
        }
    }

    #[test]
    fn the_filters_can_be_made() {
        // The kernel takes 4,096 instructions a program.
        for program in programs().expect("compiled") {
            assert!((4..4096).contains(&program.len()), "{}", program.len());
        }
    }
}
