"""Runs programs and says what each took: CPU and wall seconds, peak memory, as the kernel accounts a finished child."""

import os
import resource
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field


@dataclass
class Run:
    """One run of one program."""

    wall_secs: float
    cpu_secs: float
    peak_bytes: int
    stdout: str
    stderr: str


class Failed(Exception):
    """A program ended otherwise than it should."""


def run(command, expect=(0,), stdin=None, discard=False):
    """Runs a command to its end; output goes to files, so that no pipe slows it down, or is thrown away."""
    with open(os.devnull, "w+b") if discard else tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        child = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=err, env=surroundings())
        _, status, usage = os.wait4(child.pid, 0)
        wall_secs = time.monotonic() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        if not discard:
            out.seek(0)
        err.seek(0)
        stdout, stderr = ("" if discard else out.read().decode(errors="replace")), err.read().decode(errors="replace")
    if child.returncode not in expect:
        raise Failed(f"{' '.join(command)} ended with {child.returncode}: {stderr.strip()[-2000:]}")
    cpu_secs = usage.ru_utime + usage.ru_stime
    return Run(wall_secs, cpu_secs, usage.ru_maxrss * 1024, stdout, stderr)


def surroundings():
    """The same for every program: UTC, C locale, none of our own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HIRUNDO_", "LC_"))}
    return kept | {"TZ": "UTC", "LC_ALL": "C.UTF-8"}


def peak_floor_bytes():
    """A child starts as a copy of this program, so a smaller peak than ours is not told apart from it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@dataclass
class Series:
    """All runs of one contender."""

    runs: list = field(default_factory=list)

    def median(self, value):
        return statistics.median(value(one) for one in self.runs)

    def span(self, value):
        values = [value(one) for one in self.runs]
        return min(values), max(values)


def interleave(contenders, rounds):
    """Runs every contender in turn, `rounds` times (A B C A B C), so that what disturbs one disturbs all."""
    series = {name: Series() for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            series[name].runs.append(contender())
    return series
