//! Any bytes as an MMDB file: refused with a reason, or ranges that can be laid out, in bounded time and memory.
#![no_main]

mod intel;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    intel::check_mmdb(bytes);
});
