//! Gives up privileges once the sockets are open: user, capabilities, Landlock, seccomp.
