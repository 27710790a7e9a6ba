"""Captures twice into two lakes, by `hirundo ingest` and through sensors and a collector: both must be the same.

Every capture has a sensor of its own, so that one that is damaged disturbs no other. Days are compacted before they are
compared: a tool is judged over what came together, and a sensor's batches come together otherwise than a file does.
"""

import os
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import demo
import processes
from processes import Failed, Process

DRAIN_SECS = 120
# Sensors at a time.
SIDE_BY_SIDE = 8
# What is compared, by table. Losses and clocks are what only sensors know.
TABLES = {
    "packets": "*",
    "hourly": "*",
    "daily": "*",
    "ports": "*",
    # Which sensor's row of a host is the one that counts over all sensors depends on the order of files.
    "sources": "* EXCEPT (host)",
    "sensors": "hour, sensor, up_slots, seen, kept, unreadable",
}
# Lines of a difference that are shown.
SHOWN = 5


class Replay:
    """Two lakes, a centre, and a sensor for each capture."""

    def __init__(self, options):
        self.hirundo, self.sensor = os.path.join(options.bin, "hirundo"), os.path.join(options.bin, "hirundo-sensor")
        self.work = tempfile.mkdtemp(prefix="hirundo-replay-")
        self.captures = captures(options.captures)
        self.port = demo.free_port()
        self.collector = None
        self.lakes = {way: {"HIRUNDO_LAKE": self.path(way), "HIRUNDO_CENTRE": self.path("centre")} for way in ("ingested", "shipped")}

    def path(self, *names):
        return os.path.join(self.work, *names)

    def ask(self, way, *words, expect=(0,)):
        return processes.run([self.hirundo, *words], self.path("centre.log"), expect, environment=self.lakes[way])

    def ingest(self):
        for name, capture in self.captures.items():
            # 1 and 2: damaged, or no capture at all; what could be read before is in the lake.
            self.ask("ingested", "ingest", "-q", "--sensor", name, capture, expect=(0, 1, 2))

    def ship(self):
        self.ask("shipped", "centre", "init", "--name", "replay", "--address", f"https://localhost:{self.port}")
        collect = [self.hirundo, "collect", "--listen", f"127.0.0.1:{self.port}", "--metrics", "none", "--commit-every", "1s", "--any-time"]
        self.collector = Process("collector", collect, self.path("collector.log"), self.lakes["shipped"])
        self.collector.start()
        demo.wait("the collector listens", lambda: demo.listens(self.port))
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(self.replay, self.captures, self.captures.values()))
        self.collector.end()

    def release(self):
        """Captures whose times are years apart are held; an operator lets them in."""
        held = self.ask("shipped", "quarantine", "list", "--format", "csv").strip().splitlines()[1:]
        for line in held:
            print(f"held, then released: {line[:200]}")
            self.ask("shipped", "quarantine", "release", line.split(",")[0])
        return len(held)

    def replay(self, name, capture):
        state, configuration = self.path("sensors", name), self.path(f"{name}.toml")
        os.makedirs(state, 0o700)
        with open(configuration, "w") as file:
            file.write(
                f'[run]\nstate = "{state}"\nuser = "{demo.user()}"\n\n[capture]\nsources = ["pcap:{capture}"]\n\n[spool]\nbatch_secs = 1\n'
            )
        token = self.ask("shipped", "sensor", "add", name).strip()
        processes.run([self.sensor, "--config", configuration, "enroll", token], self.path("sensors.log"))
        # It ends when the centre has everything.
        processes.run([self.sensor, "--config", configuration, "run"], self.path("sensors.log"), (0, 1, 2), DRAIN_SECS)

    def rows(self, way, table):
        lines = self.ask(way, "query", "--format", "csv", f"SELECT {TABLES[table]} FROM {table}").splitlines()
        if table != "sensors":
            return lines[:1] + sorted(lines[1:])
        return lines[:1] + sorted(united(lines[1:]))

    def compare(self):
        """What differs, in words."""
        found = []
        for table in TABLES:
            one, two = self.rows("ingested", table), self.rows("shipped", table)
            print(f"{table:10} {len(one) - 1:8,} rows ingested, {len(two) - 1:8,} shipped: {'the same' if one == two else 'DIFFERENT'}", flush=True)
            if one != two:
                found.append(table)
                only = [("ingested", sorted(set(one) - set(two))), ("shipped", sorted(set(two) - set(one)))]
                for way, lines in only:
                    for line in lines[:SHOWN]:
                        print(f"  only {way}: {line[:240]}")
        return found


def united(lines):
    """Rows of `sensors` of one hour and sensor added up, as whoever asks that table must."""
    sums = {}
    for line in lines:
        hour, sensor, slots, *counts = line.split(",")
        known = sums.setdefault((hour, sensor), [0] * (1 + len(counts)))
        known[0] |= int(slots)
        for at, count in enumerate(counts, 1):
            known[at] += int(count)
    return [",".join([*key, *map(str, values)]) for key, values in sums.items()]


def captures(paths):
    """Captures by the names of their sensors."""
    found = {}
    for path in paths:
        files = [os.path.join(path, name) for name in sorted(os.listdir(path))] if os.path.isdir(path) else [path]
        for file in files:
            if re.search(r"\.(pcap|pcapng|erf)(\.\w+)?$", file):
                found[f"t{len(found):02}-{re.sub('[^A-Za-z0-9]+', '-', os.path.basename(file))[:50]}"] = os.path.abspath(file)
    if not found:
        raise Failed(f"no captures in {', '.join(paths)}; hint: name folders or files that end in .pcap or .pcapng")
    return found


def run(options):
    """The whole of `fleet.sh replay`; its exit code."""
    replay = Replay(options)
    different = None
    try:
        begun = time.monotonic()
        replay.ingest()
        replay.ship()
        held = replay.release()
        for way in replay.lakes:
            replay.ask(way, "lake", "compact", "--force", "-q")
            replay.ask(way, "lake", "verify")
        different = replay.compare()
        print(f"{len(replay.captures)} captures, {held} batches held and released, {time.monotonic() - begun:.0f} s")
        return 1 if different else 0
    finally:
        if replay.collector:
            replay.collector.end()
        if different == []:
            shutil.rmtree(replay.work, ignore_errors=True)
        else:
            print(f"fleet.sh: lakes and logs are in {replay.work}", file=sys.stderr)
