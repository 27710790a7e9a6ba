"""Questions to a lake: five in SQL beside DuckDB over the same files, and rankings out of the roll-ups."""

import csv
import io
import json
import os
import shutil
import subprocess

import ingesting
import measure
import page

THREADS = 2
HERE = os.path.dirname(os.path.abspath(__file__))


def questions(bench, lake):
    """Five questions; the rare port and the source are picked by rank, so that they are the same every time."""

    def one(sql):
        return json.loads(bench.hirundo_run(lake, "query", "--format", "json", sql).stdout)[0]

    ports = "SELECT dst_port, sum(packets) AS packets FROM daily WHERE proto = 6 AND dst_port IS NOT NULL GROUP BY dst_port"
    found = one(f"SELECT count(*) AS found FROM ({ports})")["found"]
    port = one(f"SELECT dst_port FROM ({ports}) ORDER BY packets DESC, dst_port LIMIT 1 OFFSET {found * 3 // 4}")["dst_port"]
    sources = "SELECT src, sum(packets) AS packets FROM sources WHERE src IS NOT NULL GROUP BY src"
    source = one(f"SELECT src FROM ({sources}) ORDER BY packets DESC, src LIMIT 1 OFFSET 1000")["src"]
    return {
        "top 5 ports": "SELECT proto, dst_port, count(*) AS packets FROM packets WHERE dst_port IS NOT NULL GROUP BY proto, dst_port ORDER BY packets DESC, proto, dst_port LIMIT 5",
        "packets and exact distinct sources by region": "SELECT region, count(*) AS packets, count(DISTINCT src) AS sources FROM packets GROUP BY region ORDER BY packets DESC, region",
        "distinct sources with Mirai's mark by day": "SELECT day, count(DISTINCT src) AS sources FROM packets WHERE mark = 'mirai' GROUP BY day ORDER BY day",
        f"one rare port ({port}/tcp)": f"SELECT day, count(*) AS packets, count(DISTINCT src) AS sources FROM packets WHERE proto = 6 AND dst_port = {port} GROUP BY day ORDER BY day",
        "one source's history": f"SELECT day, proto, dst_port, count(*) AS packets FROM packets WHERE src = {source} GROUP BY day, proto, dst_port ORDER BY day, proto, dst_port",
    }


def make_lake(bench, name, days):
    """A compacted lake of benchmark packets over `days` days; simulated straight into the ingest."""
    done_lake = os.path.join(bench.work, f"{name}-{bench.asked_packets}-{days}")
    if bench.keep and os.path.isdir(done_lake):
        return done_lake
    lake = done_lake + ".partial"
    shutil.rmtree(lake, ignore_errors=True)
    simulate = [bench.hirundo, "simulate", "--benchmark", str(bench.asked_packets), "--benchmark-days", str(days), "--out", "/dev/stdout", "-q"]
    with subprocess.Popen(simulate, stdout=subprocess.PIPE, env=measure.surroundings()) as source:
        ingest = [bench.hirundo, "--lake", lake, "--threads", str(THREADS), "ingest", *bench.geo, "-", "--format", "json"]
        done = measure.run(ingest, stdin=source.stdout)
        source.stdout.close()
    if source.returncode != 0:
        raise measure.Failed(f"{' '.join(simulate)} ended with {source.returncode}")
    stored = json.loads(done.stdout)["packets"]
    if stored != bench.asked_packets:
        raise measure.Failed(f"{stored} packets were stored of {bench.asked_packets}")
    bench.hirundo_run(lake, "lake", "compact", "-q")
    shutil.rmtree(done_lake, ignore_errors=True)
    os.replace(lake, done_lake)
    return done_lake


def describe(bench, lake, days):
    """How large a lake is."""
    sizes = ingesting.sizes(bench, lake)
    size = sum(one[1] for one in sizes.values())
    packets, files = sizes["packets"][0], sizes["packets"][2]
    return f"{page.count(packets)} packets over {days} days, compacted: {page.megabytes(size)} MB, `packets` in {files} files of {sizes['packets'][1] / packets:.2f} bytes a packet"


def ask(bench):
    """The five questions, whole processes, ours and DuckDB's in turn."""
    days = bench.asked_days
    lake = make_lake(bench, "asked", days)
    text = describe(bench, lake, days) + f"; {THREADS} threads, {bench.asked_rounds} interleaved rounds, files in the page cache, seconds: median (least–greatest).\n\n"
    rows = []
    for name, sql in questions(bench, lake).items():
        contenders = {"hirundo": lambda sql=sql: bench.hirundo_run(lake, "--threads", str(THREADS), "query", "--format", "csv", sql)}
        if bench.duckdb:
            contenders["duckdb"] = lambda sql=sql: measure.run([bench.duckdb, f"{HERE}/duckdb_ask.py", lake, str(THREADS), sql])
        measure.interleave(contenders, 1)
        series = measure.interleave(contenders, bench.asked_rounds)
        row = [name, page.span(series["hirundo"], lambda one: one.wall_secs), page.span(series["hirundo"], lambda one: one.cpu_secs)]
        if bench.duckdb:
            same(name, series)
            theirs = series["duckdb"]
            ratio = series["hirundo"].median(lambda one: one.wall_secs) / theirs.median(lambda one: one.wall_secs)
            row += [page.span(theirs, lambda one: one.wall_secs), page.span(theirs, lambda one: one.cpu_secs)]
            row += [page.span(theirs, lambda one: json.loads(one.stdout)["secs"]), f"{ratio:.2f}"]
        else:
            row += ["not installed", "", "", ""]
        rows.append(row)
    bench.discard(lake)
    head = ("question", "hirundo, wall", "hirundo, CPU", "DuckDB, wall", "DuckDB, CPU", "DuckDB, the question alone", "wall, hirundo ÷ DuckDB")
    note = "\nWall and CPU are of the whole process. DuckDB's is Python with the `duckdb` module; its last time is the question alone, inside that process."
    same_note = " Both gave the same rows to every question.\n" if bench.duckdb else "\n"
    return text + page.table(head, rows) + note + same_note


def same(name, series):
    """Both must give the same rows, or the comparison says nothing."""
    ours = list(csv.reader(io.StringIO(series["hirundo"].runs[-1].stdout)))[1:]
    theirs = json.loads(series["duckdb"].runs[-1].stdout)["rows"]
    theirs = [["" if cell == "None" else cell for cell in row] for row in theirs]
    if ours != theirs:
        pair = next(((mine, other) for mine, other in zip(ours, theirs) if mine != other), (len(ours), len(theirs)))
        raise measure.Failed(f"the answers to «{name}» differ: hirundo {pair[0]}, DuckDB {pair[1]}")


def quarter(bench):
    """Rankings and the report out of the roll-ups of a quarter."""
    days = 91
    lake = make_lake(bench, "quarter", days)
    text = describe(bench, lake, days) + f"; whole processes, {bench.quarter_rounds} interleaved rounds, milliseconds: median (least–greatest).\n\n"
    period = "2022-04-01..2022-06-30"
    commands = [
        ["top", "ports", "-p", period],
        ["top", "regions", "-p", period],
        ["top", "ports", "-p", period, "--region", "JP", "--mark", "mirai"],
        ["top", "regions", "-p", period, "--by", "cumulative-sources"],
        ["trend", "ports", "-p", period],
    ]
    contenders = {f"`hirundo {' '.join(words)}`": lambda words=words: bench.hirundo_run(lake, *words) for words in commands}
    measure.interleave(contenders, 1)
    series = measure.interleave(contenders, bench.quarter_rounds)
    reports = os.path.join(bench.work, "reports")
    words = ["report", "2022Q2", "--dir", reports, "--made", "2022-07-20", "-q"]
    report = {"`hirundo report 2022Q2`": lambda: bench.hirundo_run(lake, *words)}
    measure.interleave(report, 1)
    series |= measure.interleave(report, bench.report_rounds)
    forms = "page, PDF, Markdown and data" if any(name.endswith(".pdf") for name in os.listdir(os.path.join(reports, "2022Q2"))) else "page, Markdown and data (no fonts, so no PDF)"
    rows = [
        (name, page.span(runs, lambda one: one.wall_secs, 1e3), page.span(runs, lambda one: one.cpu_secs, 1e3), page.megabytes(max(one.peak_bytes for one in runs.runs)))
        for name, runs in series.items()
    ]
    bench.discard(lake)
    bench.discard(reports)
    note = f"\nThe report is in both languages, as {forms}; {bench.report_rounds} rounds.\n"
    return text + page.table(("command", "wall ms", "CPU ms", "peak MB"), rows) + note
