#!/bin/sh
# Measures Hirundo beside programs that do parts of the same work, and writes docs/performance.md.
#
#   scripts/bench.sh                 everything: about half an hour, 5 GB of disk
#   scripts/bench.sh --quick         everything at a twentieth of the size; prints only, writes nothing
#   scripts/bench.sh ingest stages   only these parts: stages, ingest, asking, quarter
#   scripts/bench.sh --help          all options
#
# Programs to compare with come from Debian's packages when this may install them (as root), DuckDB from
# PyPI; what is not there is listed as not installed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/hirundo/target}"

if ! command -v python3 >/dev/null; then
    echo "bench.sh: python3 is needed; hint: install Python 3.9 or later" >&2
    exit 2
fi
case " $* " in
    *" --help "* | *" -h "*) exec python3 -B "$here/bench/main.py" "$@" ;;
esac

cargo build --release --locked -p hirundo --bin hirundo --example stages >&2

missing=
for program in tcpdump tshark nfpcapd; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    # One that cannot be had is no reason not to measure the others.
    for package in $(echo "$missing" | sed 's/nfpcapd/nfdump/'); do
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package" >/dev/null 2>&1 ||
            echo "bench.sh: could not install $package; it will be listed as not installed" >&2
    done
fi
duckdb=$("$here/../setup/duckdb.sh" 2>/dev/null) || duckdb=
sh "$here/../setup/geo.sh" >/dev/null 2>&1 || echo "bench.sh: no databases of regions; sources will not be located" >&2

exec python3 -B "$here/bench/main.py" --hirundo "$CARGO_TARGET_DIR/release/hirundo" \
    --stages "$CARGO_TARGET_DIR/release/examples/stages" --duckdb "$duckdb" "$@"
