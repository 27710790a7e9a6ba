#!/usr/bin/env bash
# Makes the Debian package of the sensor from the static program, and prints where it is.
#
#   scripts/sensor-deb.sh [--program FILE] [--out DIR]
#
# Without --program the static program is built first (scripts/sensor-static.sh). The same commit gives the same
# package, byte for byte, where the same program goes in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=
out=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/hirundo/target}/packages
while [ $# -gt 0 ]; do
    case $1 in
        --program) program=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        *) echo "unknown option $1; hint: see the first lines of $0" >&2; exit 2 ;;
    esac
done
if [ -z "$program" ]; then
    program=$(scripts/sensor-static.sh | sed -n 1p)
fi

case $(od -An -tx1 -j18 -N2 "$program" | tr -d ' ') in
    3e00) arch=amd64 ;;
    b700) arch=arm64 ;;
    *) echo "$program is for a machine that has no package yet" >&2; exit 2 ;;
esac
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
# put MODE FILE TO
put() { install -D -m "$1" "$2" "$root/$3"; }
umask 022
doc=usr/share/doc/hirundo-sensor
put 755 "$program" usr/bin/hirundo-sensor
put 644 crates/sensor/data/sensor.toml etc/hirundo-sensor/sensor.toml
put 644 packaging/systemd/hirundo-sensor.service usr/lib/systemd/system/hirundo-sensor.service
put 644 packaging/nftables/hirundo-sensor.nft $doc/examples/hirundo-sensor.nft
put 644 packaging/debian/copyright $doc/copyright
for page in docs/sensor.md docs/sensor.ja.md; do
    put 644 "$page" "$doc/$(basename "$page")"
done
mkdir -p "$root/usr/share/man/man8"
"$program" man | gzip -9n >"$root/usr/share/man/man8/hirundo-sensor.8.gz"
cargo tree --locked -p hirundo-sensor -e normal --prefix none --format '{p} {l}' 2>/dev/null \
    | sed 's/ (\/[^)]*)//; s/ (\*)$//; s/ (proc-macro)//' | sort -u >"$root/$doc/libraries"
printf 'hirundo-sensor (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n\n -- The Hirundo authors <hirundo@localhost>  %s\n' \
    "$version" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$root/$doc/changelog.gz"

mkdir "$root/DEBIAN"
size=$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
sed "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@SIZE@/$size/" packaging/debian/control.in >"$root/DEBIAN/control"
install -m 644 packaging/debian/conffiles "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 packaging/debian/$script "$root/DEBIAN/$script"
done
(cd "$root" && find usr etc -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$out"
package=$out/hirundo-sensor_${version}_$arch.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
printf '%s\n' "$package"
