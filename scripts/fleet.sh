#!/bin/sh
# Runs a fleet of sensors and a centre on this machine, as real processes over mutual TLS.
#
#   scripts/fleet.sh chaos                  20 sensors, 2 collectors, 10 minutes of traffic while everything breaks
#   scripts/fleet.sh chaos --short          3 sensors, 40 seconds
#   scripts/fleet.sh demo                   three sensors and a centre, live, for a minute
#   scripts/fleet.sh replay FOLDER          captures by ingest and through sensors: is it the same lake
#   scripts/fleet.sh chaos --help           all options
#
# `chaos` lives in namespaces of its own (network, processes, mounts): nothing of the machine's network is touched, and
# when it ends, however it ends, nothing of it is left. It needs root or user namespaces, and the programs ip, tc and
# nft. The programs are built first, unless HIRUNDO_FLEET_BUILT is set.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/hirundo/target}"
# A build directory may be relative to where cargo is called.
case $CARGO_TARGET_DIR in /*) ;; *) CARGO_TARGET_DIR="$PWD/$CARGO_TARGET_DIR" ;; esac

if ! command -v python3 >/dev/null; then
    echo "fleet.sh: python3 is needed; hint: install Python 3.9 or later" >&2
    exit 2
fi
case " $* " in
    *" --help "* | *" -h "* | *" --plan "*) exec python3 -B "$here/fleet/main.py" "$@" ;;
esac
case "${1-}" in
chaos | demo | replay) ;;
*)
    echo "usage: fleet.sh chaos|demo|replay [options]; hint: fleet.sh chaos --help" >&2
    exit 2
    ;;
esac

if [ -z "${HIRUNDO_FLEET_BUILT-}" ]; then
    cargo build --profile quick --locked -p hirundo -p hirundo-sensor >&2
fi
set -- "$@" --bin "$CARGO_TARGET_DIR/quick"
if [ "$1" != chaos ]; then
    exec python3 -B "$here/fleet/main.py" "$@"
fi

missing=
for program in ip tc nft unshare; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ]; then
    echo "fleet.sh: programs are missing:$missing; hint: install iproute2, nftables and util-linux" >&2
    exit 2
fi
# The first process of a PID namespace takes all others with it.
isolated="unshare --net --mount --pid --fork --kill-child --mount-proc"
if [ "$(id -u)" != 0 ]; then
    isolated="$isolated --user --map-root-user"
fi
if ! $isolated true 2>/dev/null; then
    echo "fleet.sh: this machine allows no namespaces of our own; hint: run it as root" >&2
    exit 2
fi
exec $isolated python3 -B "$here/fleet/main.py" "$@"
