//! The sensor's program: packets from interfaces or files into the spool, and from there to the centre.

fn main() {}
