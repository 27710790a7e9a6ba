#!/bin/sh
# Runs every fuzz target for a while, one after another: fuzz.sh [SECONDS_PER_TARGET] [TARGET...]
#
# The inputs to begin with are made from the shared captures and feeds on each run and are not kept in the
# repository; what the runs themselves found worth keeping stays in fuzz/corpus and is used again. Stops at
# the first finding, with exit status 1, and says where it is.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
shared=$here/../shared
seconds=${1:-60}
[ $# -eq 0 ] || shift
case $seconds in
    '' | *[!0-9]*) echo "fuzz.sh: $seconds is no number of seconds" >&2; exit 2 ;;
esac
[ $# -gt 0 ] || set -- decode capture rules mmdb roundtrip batch
if [ ! -d "$shared/traces" ]; then
    echo "fuzz.sh: the shared captures are needed, there is no $shared/traces" >&2
    exit 2
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzz.sh: cargo-fuzz is needed; hint: cargo install cargo-fuzz" >&2
    exit 2
fi

# The flags for coverage are unlocked on the stable toolchain; without unsafe code, sanitizers find nothing.
export RUSTC_BOOTSTRAP=1
cd "$here/fuzz"
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
trap 'exit 130' HUP INT TERM

# Inputs to begin with, for one target, into a folder of its own.
seed() {
    mkdir -p "$seeds/$1"
    case $1 in
        decode) cargo run --quiet --release --example seeds -- "$shared/traces" "$seeds/decode" ;;
        # Large captures teach no more than small ones and slow every run down.
        capture) find "$shared/traces" -type f ! -name '*.csv' ! -name '*.md' -size -128k -exec cp {} "$seeds/capture/" \; ;;
        rules)
            cp "$here/crates/packet/rules/example.toml" "$seeds/rules/all"
            awk -v folder="$seeds/rules" '/^\[\[rule\]\]/ { at++ } at { print > (folder "/rule-" at) }' "$here/crates/packet/rules/example.toml"
            ;;
        mmdb) find "$shared/feeds/maxmind-test" -type f -name '*.mmdb' -size -64k -exec cp {} "$seeds/mmdb/" \; ;;
        # Without its checksum, which the target puts right.
        batch) head -c -16 "$here/crates/packet/tests/golden/batch-1.bin" >"$seeds/batch/whole" ;;
        roundtrip) head -c 400 "$here/crates/packet/rules/example.toml" >"$seeds/roundtrip/bytes" ;;
        *) echo "fuzz.sh: there is no target $1" >&2; exit 2 ;;
    esac
    # What is read-only where it comes from must not be so here.
    chmod -R u+w "$seeds/$1"
}

# The words of a format help with text and magic numbers.
words() {
    case $1 in
        rules) echo "-dict=$here/fuzz/rules.dict" ;;
        mmdb) echo "-dict=$here/fuzz/mmdb.dict" ;;
        capture) echo "-dict=$here/fuzz/capture.dict" ;;
    esac
}

for target; do
    seed "$target"
    mkdir -p "corpus/$target"
    log=$seeds/$target.log
    # shellcheck disable=SC2046 # at most one word
    if ! cargo fuzz run --sanitizer none "$target" "corpus/$target" "$seeds/$target" -- -max_total_time="$seconds" \
        -rss_limit_mb=3000 -timeout=20 -print_final_stats=1 $(words "$target") >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "fuzz.sh: $target found something, see fuzz/artifacts/$target" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    cover=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
    memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
    echo "$target: $runs runs in $seconds s, ${cover:-cov: 0} edges, $(ls "corpus/$target" | wc -l | tr -d ' ') inputs kept, $memory MB at most, nothing found"
done
