//! What the kernel knows of its clock: whether a daemon keeps it right, and how far off it may be.
#![allow(unsafe_code, reason = "adjtimex is a system call that std does not have")]

/// State of the kernel's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discipline {
    /// Whether a daemon has set it lately.
    pub synchronised: bool,
    /// How far off it may be at most, by the kernel's reckoning, microseconds; 16 seconds stand for unknown.
    pub error_us_max: i64,
}

/// Asks the kernel; `None` where it does not say (in some containers).
#[must_use]
pub fn discipline() -> Option<Discipline> {
    // SAFETY: all zeros are a value of this struct of plain numbers, and mean that nothing is to be set.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the struct lives during the call; the kernel only writes into it.
    let clock = unsafe { libc::adjtimex(&raw mut state) };
    (clock >= 0).then_some(Discipline {
        synchronised: clock != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0,
        error_us_max: state.maxerror,
    })
}
