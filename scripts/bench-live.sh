#!/bin/sh
# Measures live capture beside tcpdump and dumpcap, in network namespaces of its own, and writes docs/performance.md.
#
#   scripts/bench-live.sh            everything: some minutes; needs root
#   scripts/bench-live.sh --quick    short runs; prints only, writes nothing
#   scripts/bench-live.sh --help     all options
#
# tcpdump and dumpcap come from Debian's packages when this may install them; what is not there is listed as not installed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/hirundo/target}"

if ! command -v python3 >/dev/null; then
    echo "bench-live.sh: python3 is needed; hint: install Python 3.9 or later" >&2
    exit 2
fi
case " $* " in
    *" --help "* | *" -h "*) exec python3 -B "$here/bench/live.py" "$@" ;;
esac
if [ "$(id -u)" != 0 ]; then
    echo "bench-live.sh: network namespaces are needed; hint: run it as root" >&2
    exit 2
fi

cargo build --release --locked -p hirundo-sensor --bin hirundo-sensor --example generate >&2

for program in tcpdump dumpcap; do
    command -v "$program" >/dev/null && continue
    package=$(echo "$program" | sed 's/dumpcap/wireshark-common/')
    command -v apt-get >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package" >/dev/null 2>&1 ||
        echo "bench-live.sh: could not install $package; $program will be listed as not installed" >&2
done

exec python3 -B "$here/bench/live.py" --sensor "$CARGO_TARGET_DIR/release/hirundo-sensor" \
    --generate "$CARGO_TARGET_DIR/release/examples/generate" "$@"
