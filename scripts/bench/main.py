"""Runs the parts of the benchmark that were asked for, prints their tables and writes them into docs/performance.md."""

import argparse
import os
import shutil
import sys
import tempfile
import time

import asking
import ingesting
import measure
import page

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PAGE = os.path.join(ROOT, "docs", "performance.md")
PARTS = ("stages", "ingest", "asking", "quarter")
# By how much smaller a quick run is.
QUICK = 20
# Sizes of a full run.
DEFAULTS = {"packets": 10_000_000, "asked_packets": 100_000_000, "rounds": 5, "quick": False}


class Bench:
    """What to run, at which size, where."""

    def __init__(self, options):
        smaller = QUICK if options.quick else 1
        self.hirundo, self.stages, self.duckdb = options.hirundo, options.stages, options.duckdb
        # A folder of our own: it is deleted with everything in it.
        self.work, self.keep = os.path.join(options.work, "hirundo-bench"), options.keep
        self.packets = options.packets // smaller
        self.asked_packets = options.asked_packets // smaller
        self.asked_days = 10
        self.tshark_packets = 200_000 // smaller
        self.rounds = 1 if options.quick else options.rounds
        self.asked_rounds = 2 if options.quick else 5
        self.quarter_rounds = 3 if options.quick else 20
        self.report_rounds = 2 if options.quick else 7
        databases = os.path.join(ROOT, "data", "geo")
        self.geo = ["--geo", databases] if os.path.isdir(databases) and os.listdir(databases) else []

    def hirundo_run(self, lake, *words):
        return measure.run([self.hirundo, "--lake", lake, *words])

    def discard(self, folder):
        if not self.keep:
            shutil.rmtree(folder, ignore_errors=True)

    def capture(self):
        """The capture to ingest, read once so that it is in the page cache."""
        path = os.path.join(self.work, f"benchmark-{self.packets}.pcap")
        if not os.path.exists(path):
            measure.run([self.hirundo, "simulate", "--benchmark", str(self.packets), "--out", path + ".partial", "-q"])
            os.replace(path + ".partial", path)
        with open(path, "rb") as file:
            while file.read(1 << 20):
                pass
        return path


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench.sh", description="Measures Hirundo and writes docs/performance.md.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the size, few rounds; prints only")
    parser.add_argument("--print", action="store_true", help="print only, leave docs/performance.md as it is")
    parser.add_argument("--work", default=tempfile.gettempdir(), help="where the folder hirundo-bench for captures and lakes is made (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave that folder; the next run takes the capture and the lakes in it")
    parser.add_argument("--rounds", type=int, default=DEFAULTS["rounds"], help="rounds of stages and ingest (%(default)s)")
    parser.add_argument("--packets", type=int, default=DEFAULTS["packets"], help="packets to ingest (%(default)s)")
    parser.add_argument("--asked-packets", type=int, default=DEFAULTS["asked_packets"], help="packets to ask about (%(default)s)")
    for name in ("hirundo", "stages", "duckdb"):
        parser.add_argument(f"--{name}", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]}; hint: parts are {', '.join(PARTS)}")
    return options


def run_part(bench, part):
    if part in ("stages", "ingest"):
        capture = bench.capture()
        return ingesting.stages(bench, capture) if part == "stages" else ingesting.whole(bench, capture)
    return asking.ask(bench) if part == "asking" else asking.quarter(bench)


def again(options, part):
    """The command that repeats a part."""
    other = [(name, getattr(options, name)) for name, default in DEFAULTS.items() if getattr(options, name) != default]
    words = [part] + [f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}") for name, value in other]
    return f"scripts/bench.sh {' '.join(words)}"


def main(arguments):
    options = parse(arguments)
    bench = Bench(options)
    os.makedirs(bench.work, exist_ok=True)
    try:
        for part in options.parts or PARTS:
            machine, begun = page.machine(), time.monotonic()
            print(f"bench: {part} …", file=sys.stderr)
            text = f"{run_part(bench, part)}\n*{machine}; `{again(options, part)}`, {time.monotonic() - begun:.0f} s.*\n"
            print(f"## {part}\n\n{text}", flush=True)
            if not (options.quick or options.print):
                page.write(PAGE, part, text)
    except measure.Failed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 2
    finally:
        bench.discard(bench.work)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
