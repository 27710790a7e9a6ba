//! Whether something keeps this machine's clock right.

use super::Row;
use crate::clock::{Discipline, discipline};

const NAME: &str = "clock";
/// Packets are put in order across sensors by their times; a second is what analyses allow.
const ERROR_US_MAX: i64 = 1_000_000;

/// What the kernel says.
pub(super) fn synchronised() -> Row {
    judge(discipline())
}

fn judge(found: Option<Discipline>) -> Row {
    let hint = "install chrony or switch on systemd-timesyncd (`timedatectl set-ntp true`); packets bear this machine's time";
    match found {
        None => Row::warn(NAME, "the kernel does not say whether it is synchronised", hint),
        Some(found) if !found.synchronised => Row::warn(NAME, "nothing keeps the clock right", hint),
        Some(found) if found.error_us_max > ERROR_US_MAX => Row::warn(
            NAME,
            format!("synchronised, but it may be off by {} ms", found.error_us_max / 1_000),
            "wait until it has settled, or look at `chronyc tracking` or `timedatectl timesync-status`",
        ),
        Some(found) => Row::ok(NAME, format!("synchronised, off by {} ms at most", found.error_us_max / 1_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_that_nothing_keeps_right_is_told() {
        let state = |synchronised, error_us_max| {
            judge(Some(Discipline {
                synchronised,
                error_us_max,
            }))
            .state
        };
        assert_eq!(state(true, 20_000), State::Ok);
        assert_eq!(state(true, 2_000_000), State::Warn);
        assert_eq!(state(false, 16_000_000), State::Warn);
        assert_eq!(judge(None).state, State::Warn);
    }
}
