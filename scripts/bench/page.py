"""Markdown tables, the description of the machine, and their places in docs/performance.md."""

import datetime
import os
import platform
import re
import subprocess


def table(head, rows):
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def number(value):
    """Three figures that say something, thousands set apart."""
    if value >= 1000:
        digits = len(str(int(value)))
        return f"{round(value, 3 - digits):,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 0.001 else f"{value:.1g}"


def count(value):
    """A whole number, thousands set apart."""
    return f"{value:,}"


def span(series, value, scale=1.0):
    """Median and, in brackets, least and greatest."""
    least, greatest = series.span(value)
    return f"{number(series.median(value) * scale)} ({number(least * scale)}–{number(greatest * scale)})"


def megabytes(value):
    return f"{value / 1e6:,.0f}"


def machine():
    """What it was measured on."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    if names:
        model = names[0]
    with open("/proc/meminfo", encoding="utf-8") as info:
        memory_kib = next(int(line.split()[1]) for line in info if line.startswith("MemTotal"))
    cores = len(os.sched_getaffinity(0))
    day = datetime.datetime.now(datetime.timezone.utc).date()
    load = os.getloadavg()[0]
    told = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    version = f"version {told.stdout.strip()}, " if told.returncode == 0 else ""
    return f"{version}{model}, {cores} cores, {memory_kib / 2**20:.0f} GiB of memory, Linux {platform.release()}, {day}; load when it began {load:.1f}"


def write(path, part, text):
    """Puts a part's text between its markers; the rest of the page stays as it is."""
    with open(path, encoding="utf-8") as page:
        before = page.read()
    begin, end = f"<!-- bench:begin {part} -->", f"<!-- bench:end {part} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(before):
        raise SystemExit(f"bench: {path} has no place for {part}; hint: put the lines {begin} and {end} where it belongs")
    after = pattern.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", before)
    partial = f"{path}.partial"
    with open(partial, "w", encoding="utf-8") as page:
        page.write(after)
    os.replace(partial, path)
