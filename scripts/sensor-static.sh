#!/usr/bin/env bash
# Builds hirundo-sensor as one static file and prints where it is, how large it is, and that it needs nothing.
#
#   scripts/sensor-static.sh [TARGET]
#
# TARGET is a Rust target; without one, musl's where rustup has it, else glibc's with everything linked in.
# With glibc, names are looked up by the C library's own readers of /etc/hosts and DNS; other name services
# (nsswitch.conf) would need the very same glibc at run time and are passed over. Where that does not serve, write the
# addresses under [uplink.resolve] in sensor.toml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

machine=$(uname -m)
installed=$(rustup target list --installed 2>/dev/null || rustc -vV | sed -n 's/^host: //p')
target=${1:-}
if [ -z "$target" ]; then
    target=$machine-unknown-linux-gnu
    if grep -qx "$machine-unknown-linux-musl" <<<"$installed"; then
        target=$machine-unknown-linux-musl
    fi
fi
if ! grep -qx "$target" <<<"$installed"; then
    echo "the target $target is not installed; hint: rustup target add $target" >&2
    exit 2
fi

# A target of its own, because flags for the host's would count for build scripts too.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/hirundo/target}
export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
cargo build --profile sensor --locked --target "$target" -p hirundo-sensor >&2

program=$CARGO_TARGET_DIR/$target/sensor/hirundo-sensor
if ldd "$program" 2>&1 | grep -q '=>'; then
    echo "$program is not static: it needs $(ldd "$program" | grep -c '=>') libraries" >&2
    exit 1
fi
printf '%s\n' "$program"
printf 'target %s, %s bytes, ldd: %s\n' "$target" "$(stat -c %s "$program")" "$(ldd "$program" 2>&1 | head -n 1 | xargs)"
