#!/bin/sh
# Simulates phenomena with a known truth, holds what Hirundo finds against it, and writes docs/findings.md.
#
#   scripts/evaluate.sh                    everything: some ten minutes on two cores, 500 MB of disk
#   scripts/evaluate.sh --quick            two seeds of each scenario; prints only, writes nothing
#   scripts/evaluate.sh outage --print     only these scenarios
#   scripts/evaluate.sh --details FILE     also every miss and contradiction with its numbers
#   scripts/evaluate.sh --help             all options
#
# HIRUNDO names the program to evaluate; without it, one is built.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/.."

if ! python3 -c 'import tomllib' 2>/dev/null; then
    echo "evaluate.sh: python3 with tomllib is needed; hint: install Python 3.11 or later" >&2
    exit 2
fi
case " $* " in
    *" --help "* | *" -h "*) exec python3 -B "$here/evaluate/main.py" --hirundo hirundo "$@" ;;
esac

if [ -z "${HIRUNDO:-}" ]; then
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/hirundo/target}"
    cargo build --release --locked -p hirundo --bin hirundo >&2
    HIRUNDO="$CARGO_TARGET_DIR/release/hirundo"
fi
sh "$here/../setup/geo.sh" >/dev/null 2>&1 || true
if [ -z "$(ls "$here/../data/geo" 2>/dev/null)" ]; then
    echo "evaluate.sh: there are no databases of regions in data/geo, and without them no region is found; hint: run setup/geo.sh" >&2
    exit 2
fi

exec python3 -B "$here/evaluate/main.py" --hirundo "$HIRUNDO" "$@"
