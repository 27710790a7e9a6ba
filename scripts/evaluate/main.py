"""Simulates every scenario with many seeds, holds what Hirundo finds against the truth, and writes docs/findings.md."""

import argparse
import collections
import concurrent.futures
import json
import os
import shutil
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
# Running programs and writing pages is the benchmark's too.
sys.path.append(os.path.join(HERE, "..", "bench"))

import judge
import measure
import page
import sentences
import series
from judge import CONTRADICTS, COUNTED, FOLLOWS, INEXACT, RECALLED, Judge
from observed import Observed
from scenario import plan

PAGE = os.path.join(ROOT, "docs", "findings.md")
# Scenario, number of seeds, period of the report and its name in the truth.
SCENARIOS = (
    ("two-quarters-2022", 21, "2022Q2", "2022-Q2", ("2022-04-01", "2022-06-30")),
    ("flat-noise", 20, "2022Q3", "2022-Q3", ("2022-07-01", "2022-09-30")),
    ("outage", 5, "2022Q3", "2022-Q3", ("2022-07-01", "2022-09-30")),
    ("one-source-flood", 5, "2022Q3", "2022-Q3", ("2022-07-01", "2022-09-30")),
    ("region-swap", 5, "2022Q3", "2022-Q3", ("2022-07-01", "2022-09-30")),
    ("new-worm", 5, "2022Q3", "2022-Q3", ("2022-07-01", "2022-09-30")),
)
QUICK_SEEDS = 2
# Seeds from 201 on: no rule was made with them.
FIRST_SEED = 201
# The machine may be shared, and one run has its own peak of memory.
AT_ONCE_MAX = 2
VERDICTS = (RECALLED, FOLLOWS, COUNTED, INEXACT, CONTRADICTS)


class Run:
    """One seed of a scenario on the whole way: simulated, ingested, reported, judged."""

    def __init__(self, options, scenario, seed):
        self.name, _, self.period, self.quarter, days = scenario
        self.seed = seed
        self.days = tuple(series.day(one) for one in days)
        self.hirundo, self.failed = options.hirundo, None
        databases = os.path.join(ROOT, "data", "geo")
        with tempfile.TemporaryDirectory(prefix="hirundo-evaluate-", dir=options.work) as self.folder:
            self._run(["--geo", databases])

    def _hirundo(self, *words):
        return measure.run([self.hirundo, "--threads", "1", "--lake", os.path.join(self.folder, "lake"), *words]).stdout

    def _run(self, geo):
        captures, reports = os.path.join(self.folder, "captures"), os.path.join(self.folder, "reports")
        self._hirundo("simulate", self.name, "--seed", str(self.seed), "--out", captures, "-q")
        self._hirundo("ingest", captures, *geo, "-q")
        with open(os.path.join(captures, "truth.json"), encoding="utf-8") as file:
            truth = json.load(file)
        shutil.rmtree(captures)
        printed = self._report(reports)
        planned = plan(os.path.join(ROOT, "crates", "simulator", "scenarios", f"{self.name}.toml"))
        observed = Observed(truth, lambda sql: self._hirundo("query", sql, "--format", "json"))
        self.differences = observed.differences()
        self.series, self.expected = printed["series"], printed["expected_false_alarms"]
        judged = Judge(planned, observed, self.days, printed)
        self.plants, self.told, self.silent, self.twice = judged.plants, judged.told(), judged.silent, judged.twice
        for plant in self.plants:
            plant.due = sentences.due(plant, truth, self.quarter)
        self._sentences(truth, reports)

    def _report(self, reports):
        """The findings, and the report written; a program that fails has found nothing, and the others go on."""
        try:
            printed = json.loads(self._hirundo("report", "findings", self.period, "--format", "json"))
            self._hirundo("report", self.period, "--dir", reports, "--as", "md", "--lang", "ja,en", "-q")
            return printed
        except measure.Failed as failed:
            self.failed = str(failed).replace(self.folder, "")
            return {"findings": [], "series": 0, "expected_false_alarms": 0.0}

    def _sentences(self, truth, reports):
        for lang in [] if self.failed else sentences.LANGS:
            with open(os.path.join(reports, self.period, f"{self.period}.{lang}.md", "report.md"), encoding="utf-8") as file:
                markdown = file.read()
            for plant in self.plants:
                plant.told[lang] = sentences.told(markdown, lang, plant)

    def verdicts(self):
        return collections.Counter(finding.verdict for finding in self.told)


def total(runs):
    return sum((run.verdicts() for run in runs), collections.Counter())


def percent(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "–"


def found_table(groups):
    """Per scenario: what was planted and found, and what else was told."""
    rows = []
    for name, runs in groups.items():
        plants, told = [plant for run in runs for plant in run.plants], total(runs)
        whole = sum(told.values())
        recalled = sum(plant.recalled() for plant in plants)
        true = told[RECALLED] + told[FOLLOWS] + told[COUNTED]
        rows.append((name, len(runs), len(plants), recalled, percent(recalled, len(plants)), page.count(whole), *(page.count(told[verdict]) for verdict in VERDICTS), percent(true, whole)))
    head = ("scenario", "seeds", "planted", "recalled", "recall", "findings", "that recall", "follow", "true of counts", "inexact", "contradict", "precision")
    return page.table(head, rows)


def modelled_table(groups):
    """The same for packets of ports, regions and tools alone, whose plan is known."""
    rows = []
    for name, runs in groups.items():
        of_plan = [one for run in runs for one in run.told if one.measure == "packets" and one.key[0] != "network"]
        told = collections.Counter(one.verdict for one in of_plan)
        true, whole = told[RECALLED] + told[FOLLOWS] + told[COUNTED], len(of_plan)
        silent = sum(len(run.silent) for run in runs)
        rows.append((name, page.count(whole), *(page.count(told[verdict]) for verdict in (RECALLED, FOLLOWS, INEXACT, CONTRADICTS)), percent(true, whole), silent))
    return page.table(("scenario", "findings", "that recall", "follow", "inexact", "contradict", "precision", "level told of a moving plan"), rows)


def plants_table(groups):
    """Per planted phenomenon: in how many seeds it was found, and how far off."""
    rows = []
    for name, runs in groups.items():
        for nth, first in enumerate(runs[0].plants):
            plants = [run.plants[nth] for run in runs]
            found = [plant for plant in plants if plant.recalled()]
            told = [f"{sum(bool(plant.told.get(lang)) for plant in plants)}/{sum(plant.due for plant in plants)}" for lang in sentences.LANGS]
            rows.append((f"{name}: {first.label()}", f"{len(found)}/{len(plants)}", begins_off(found), sizes_off(found), *told))
    return page.table(("planted", "recalled", "begin off, days", "factor off", "told / due, English", "told / due, Japanese"), rows)


def begins_off(found):
    off = [plant.found.course["from"] - plant.begin for plant in found if plant.found and plant.found.kind not in ("steady", "cross")]
    return f"{min(off):+d}…{max(off):+d}" if off else "–"


def sizes_off(found):
    off = [plant.found.course["factor"] / plant.factor - 1 for plant in found if plant.found and plant.factor]
    return f"{100 * statistics.median(off):+.1f} % ({100 * min(off):+.1f}…{100 * max(off):+.1f})" if off else "–"


def alarms_table(groups):
    """What is told on noise, against how many false alarms are printed as expected."""
    rows = []
    for name in ("flat-noise", "outage"):
        runs = groups.get(name, [])
        if runs:
            surges = sum(one.kind == "surge" for run in runs for one in run.told)
            told = [len(run.told) for run in runs]
            networks = sum(one.key[0] == "network" for run in runs for one in run.told)
            expected = [run.expected for run in runs]
            rows.append((name, len(runs), f"{min(run.series for run in runs)}…{max(run.series for run in runs)}", f"{min(expected):.2f}…{max(expected):.2f}", f"{sum(expected):.1f}", sum(told), max(told), surges, networks))
    head = ("nothing happens in", "seeds", "series", "false alarms expected", "expected, all seeds", "findings told, all seeds", "most in one seed", "of them surges", "of them networks")
    return page.table(head, rows)


def details(groups):
    """Every miss, contradiction and inexact finding, for whoever mends the analysis."""
    lines = []
    for name, runs in groups.items():
        for run in runs:
            head = f"{name} {run.seed}"
            if run.failed:
                lines.append(f"{head}: failed: {run.failed}")
                continue
            if run.differences or run.twice:
                lines.append(f"{head}: {run.differences} days of ports and regions differ between lake and truth; {run.twice} findings printed twice")
            for plant in run.plants:
                if not plant.recalled():
                    truth = f" (truth x{plant.factor:.2f})" if plant.factor else ""
                    lines.append(f"{head}: missed {plant.label()}{truth}; told instead: " + ("; ".join(one.told() for one in plant.near) or "nothing"))
                elif plant.due and not all(plant.told.values()):
                    lines.append(f"{head}: not in the text: {plant.label()}: {plant.told}")
            for one in run.told:
                if one.verdict in (CONTRADICTS, INEXACT):
                    lines.append(f"{head}: {one.verdict}: {one.id}: {one.told()}; {one.why}")
            lines += [f"{head}: level told: {finding.id} though the plan's weeks differ by x{by:.2f}" for finding, by in run.silent]
    return "\n".join(lines) + "\n"


def text_of(groups):
    runs = [run for group in groups.values() for run in group]
    due = [plant for run in runs for plant in run.plants if plant.due]
    told = {lang: sum(bool(plant.told.get(lang)) for plant in due) for lang in sentences.LANGS}
    parts = [found_table(groups), "Packets of ports, regions and tools alone, for which the scenario has a plan:\n\n" + modelled_table(groups)]
    parts.append(
        f"Of {len(due)} planted phenomena that the public report should tell, the English text tells {told['en']}, the Japanese {told['ja']}. "
        f"Ports and regions had other packets in the lake than in the truth on {sum(run.differences for run in runs)} days; {sum(run.twice for run in runs)} findings were printed twice.\n"
    )
    failed = [f"{run.name} {run.seed}" for run in runs if run.failed]
    if failed:
        parts.append(f"The program failed with {', '.join(failed)}; what was planted there counts as not found.\n")
    parts.append(plants_table(groups))
    if "flat-noise" in groups or "outage" in groups:
        parts.append(alarms_table(groups))
    return "\n".join(parts)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="evaluate.sh", description="Holds findings against simulated truth and writes docs/findings.md.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all by default")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds of each; prints only, writes nothing")
    parser.add_argument("--seeds", type=int, help="seeds of each, instead of the usual number")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="first of them (%(default)s)")
    parser.add_argument("--print", action="store_true", help="print only, leave docs/findings.md as it is")
    parser.add_argument("--details", metavar="FILE", help="write every miss and contradiction with its numbers to FILE")
    parser.add_argument("--work", default=tempfile.gettempdir(), help="where folders for captures and lakes are made (%(default)s)")
    parser.add_argument("--at-once", type=int, default=AT_ONCE_MAX, help="seeds at once (%(default)s)")
    parser.add_argument("--hirundo", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    names = [scenario[0] for scenario in SCENARIOS]
    unknown = [name for name in options.scenarios if name not in names]
    if unknown:
        parser.error(f"unknown scenario {unknown[0]}; hint: there are {', '.join(names)}")
    return options


def run_all(options):
    """All seeds of all scenarios, in their order."""
    groups, waiting = {}, []
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        for scenario in SCENARIOS:
            if options.scenarios and scenario[0] not in options.scenarios:
                continue
            seeds = options.seeds or (QUICK_SEEDS if options.quick else scenario[1])
            waiting += [pool.submit(Run, options, scenario, seed) for seed in range(options.first_seed, options.first_seed + seeds)]
        try:
            for done in waiting:
                run = done.result()
                groups.setdefault(run.name, []).append(run)
                recalled = sum(plant.recalled() for plant in run.plants)
                print(f"evaluate: {run.name} {run.seed}: {recalled} of {len(run.plants)} planted, {len(run.told)} findings{', failed: ' + run.failed if run.failed else ''}", file=sys.stderr)
        except measure.Failed:
            pool.shutdown(cancel_futures=True)
            raise
    return groups


def main(arguments):
    options = parse(arguments)
    machine, begun = page.machine(), time.monotonic()
    try:
        groups = run_all(options)
    except measure.Failed as failed:
        print(f"evaluate: {failed}", file=sys.stderr)
        return 2
    words = " ".join(["scripts/evaluate.sh", *options.scenarios] + ([f"--seeds {options.seeds}"] if options.seeds else []) + ([f"--first-seed {options.first_seed}"] if options.first_seed != FIRST_SEED else []))
    text = f"{text_of(groups)}\n*{machine}; `{words}`, {time.monotonic() - begun:.0f} s.*\n"
    print(text, flush=True)
    if options.details:
        with open(options.details, "w", encoding="utf-8") as file:
            file.write(details(groups))
    if not (options.quick or options.print or options.scenarios):
        page.write(PAGE, "findings", text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
