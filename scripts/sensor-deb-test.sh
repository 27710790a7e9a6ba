#!/usr/bin/env bash
# Installs a package of the sensor into an empty root, looks at what it holds, and runs the program from there.
#
#   scripts/sensor-deb-test.sh PACKAGE
set -euo pipefail

package=$(realpath "$1")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

dpkg-deb --info "$package" >"$root/info"
grep -q '^ Package: hirundo-sensor$' "$root/info" || fail "no name"
grep -Eq '^ Architecture: (amd64|arm64)$' "$root/info" || fail "no architecture"
for script in postinst prerm postrm; do
    dpkg-deb --ctrl-tarfile "$package" | tar -xO "./$script" >"$root/$script"
    sh -n "$root/$script" || fail "$script is no shell script"
done

# Everything is root's, and nothing is open to everybody.
dpkg-deb --contents "$package" >"$root/contents"
if awk '$2 != "root/root"' "$root/contents" | grep -q .; then fail "not all of it is root's"; fi
if awk 'substr($1, 9, 1) == "w"' "$root/contents" | grep -q .; then fail "something can be written to by everybody"; fi

# dpkg's own way, as far as it goes in an empty root: the scripts need a shell and users there.
mkdir -p "$root/unpacked/var/lib/dpkg"
touch "$root/unpacked/var/lib/dpkg/status"
if [ "$(id -u)" -eq 0 ]; then
    dpkg --root="$root/unpacked" --force-depends --log=/dev/null --unpack "$package" >/dev/null
    dpkg --root="$root/unpacked" --status hirundo-sensor | grep -q '^Status: install ok unpacked$' || fail "dpkg did not unpack it"
fi
mkdir "$root/installed"
dpkg-deb --extract "$package" "$root/installed"
program=$root/installed/usr/bin/hirundo-sensor
"$program" --version | grep -q '^hirundo-sensor [0-9]' || fail "it does not say its version"
if ldd "$program" 2>&1 | grep -q '=>'; then fail "it needs libraries"; fi
"$program" --config "$root/installed/etc/hirundo-sensor/sensor.toml" config >/dev/null || fail "its own configuration will not do"
(cd "$root/installed" && dpkg-deb --ctrl-tarfile "$package" | tar -xO ./md5sums | md5sum -c --quiet) || fail "checksums differ"
if command -v man >/dev/null; then
    man -l --warnings "$root/installed/usr/share/man/man8/hirundo-sensor.8.gz" >/dev/null 2>"$root/man"
    [ ! -s "$root/man" ] || fail "the manual page: $(head -n 1 "$root/man")"
fi
if command -v nft >/dev/null && unshare -n true 2>/dev/null; then
    unshare -n nft -c -f "$root/installed/usr/share/doc/hirundo-sensor/examples/hirundo-sensor.nft" || fail "the rules"
fi
if command -v systemd-analyze >/dev/null; then
    unit=$root/installed/usr/lib/systemd/system/hirundo-sensor.service
    systemd-analyze verify --man=no --root="$root/installed" "$unit" 2>"$root/verify" || true
    if grep -E "hirundo-sensor.service:[0-9]+:" "$root/verify"; then fail "the unit"; fi
    # 0 is closed, 10 is open. What is left is what a sensor is for: packets, the Internet.
    systemd-analyze security --offline=yes --threshold=25 "$unit" >/dev/null || fail "the unit is less closed than it was"
fi
echo "ok: $(basename "$package"), $(stat -c %s "$package") bytes, program $(stat -c %s "$program") bytes"
