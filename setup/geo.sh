#!/bin/sh
# Brings the free databases of regions and ASes, without an account: geo.sh [FOLDER], data/geo by default.
#
# The versions are pinned in package-lock.json. Files carry their date in the name, so a later set stands
# beside an earlier one and old traffic is located as of its day. Does nothing, and needs no network, when
# the pinned files are there already.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
folder=${1:-"$here/../data/geo"}

# 2.3.2026061719 was made on 2026-06-17 at 19 h.
version() {
    sed -n 's|^ *"@ip-location-db/'"$1"'": *"\([0-9.]*\)".*|\1|p' "$here/package.json"
}
day() {
    version "$1" | sed 's/.*\.\([0-9]\{4\}\)\([0-9]\{2\}\)\([0-9]\{2\}\)[0-9]*$/\1-\2-\3/'
}
regions=$(day geo-whois-asn-country-mmdb)
ases=$(day asn)
case "$regions $ases" in
    [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]\ [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;;
    *) echo "geo.sh: no date in the versions that package.json pins" >&2; exit 2 ;;
esac
region_file="geo-whois-asn-country.$regions.mmdb"
v4_file="asn-ipv4.$ases.csv"
v6_file="asn-ipv6.$ases.csv"

mkdir -p "$folder"
if [ ! -s "$folder/$region_file" ] || [ ! -s "$folder/$v4_file" ] || [ ! -s "$folder/$v6_file" ]; then
    if ! command -v npm >/dev/null; then
        echo "geo.sh: npm is needed to bring the databases; hint: install Node.js, or put MMDB files of your own in $folder" >&2
        exit 2
    fi
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' HUP INT TERM
    cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work/"
    if ! (cd "$work" && npm ci --omit=dev --ignore-scripts --loglevel=error >npm.log 2>&1); then
        cat "$work/npm.log" >&2
        echo "geo.sh: npm could not bring the databases" >&2
        exit 2
    fi
    from="$work/node_modules/@ip-location-db"
    # Under another name first: an interrupted copy must not look like a database.
    take() {
        cp "$1" "$folder/$2.part"
        chmod 644 "$folder/$2.part"
        mv "$folder/$2.part" "$folder/$2"
    }
    take "$from/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb" "$region_file"
    take "$from/asn/asn-ipv4.csv" "$v4_file"
    take "$from/asn/asn-ipv6.csv" "$v6_file"
fi

folder=$(CDPATH='' cd -- "$folder" && pwd)
cat <<END
$folder/$region_file
    region, $regions: ip-location-db geo-whois-asn-country; CC0-1.0, WHOIS and registry data CC BY 4.0 by the NRO (nro.net)
$folder/$v4_file
$folder/$v6_file
    AS, $ases: ip-location-db asn; CC BY 4.0 by RouteViews (routeviews.org), the NRO (nro.net) and DB-IP
    (pages that show its results must link to https://db-ip.com: "IP Geolocation by DB-IP")
END
