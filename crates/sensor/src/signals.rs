//! Signals that ask the sensor to stop.
#![allow(unsafe_code, reason = "std sets no signal handlers")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_: libc::c_int) {
    STOP.store(true, Ordering::Relaxed);
}

/// Set once SIGTERM or SIGINT came; from this call on they do nothing else.
///
/// # Errors
/// When the system refuses.
pub fn stop_flag() -> io::Result<&'static AtomicBool> {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let handler = note as extern "C" fn(libc::c_int);
        // SAFETY: the handler only stores into an atomic, which it may.
        let before = unsafe { libc::signal(signal, handler as libc::sighandler_t) };
        if before == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(&STOP)
}
