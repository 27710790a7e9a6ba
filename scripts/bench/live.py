"""Live capture beside tcpdump and dumpcap: the highest rate without loss, CPU a packet, memory."""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import measure
import page

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PAGE = os.path.join(ROOT, "docs", "performance.md")
PART = "live"
# What all contenders are told: first bytes of a frame, and memory for frames that wait, MiB.
SNAP_BYTES = 256
RING_MIB = 32
# Different frames; they are sent again and again.
MADE = 1_000_000
# Longest wait for a contender to be ready, and to end.
PATIENCE_SECS = 60
# A search ends when the bounds are this close, as a part of what the generator can.
CLOSE = 0.1
STEPS_MAX = 8
# Packets a second at which CPU is measured; 0 is as fast as the generator can.
RATES = (100_000, 0)


@dataclass
class Captured:
    """One run: what was sent, what was captured, what it took."""

    sent: int
    captured: int
    dropped: int
    rate: float
    cpu_secs: float
    peak_bytes: int
    kept_bytes: int

    @property
    def lost(self):
        return self.sent - self.captured

    def cpu_ns(self, idle_secs=0.0):
        """CPU a packet, less what it takes to start, wait and end."""
        return (self.cpu_secs - idle_secs) * 1e9 / max(self.captured, 1)


class Link:
    """Two namespaces with a veth pair between them; they go when the block ends."""

    def __enter__(self):
        self.names = [f"hirundo-{os.getpid()}-{end}" for end in ("from", "to")]
        for name in self.names:
            run("ip", "netns", "add", name)
            run(*self.within(name), "sysctl", "-q", "-w", "net.ipv6.conf.default.disable_ipv6=1")
        sender, receiver = self.names
        run(*self.within(sender), "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", receiver)
        run(*self.within(sender), "ip", "link", "set", "v0", "up")
        run(*self.within(receiver), "ip", "link", "set", "v1", "up")
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    @staticmethod
    def within(name):
        return "ip", "netns", "exec", name

    def sender(self):
        return self.within(self.names[0])

    def receiver(self):
        return self.within(self.names[1])


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise measure.Failed(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Tcpdump:
    name = "tcpdump -w"
    program = "tcpdump"
    ready = "listening on"

    def command(self, work):
        return ["tcpdump", "-i", "v1", "-n", "-Z", "root", "-s", str(SNAP_BYTES), "-B", str(RING_MIB << 10), "-w", os.path.join(work, "out.pcap")]

    def counts(self, text):
        return int(re.search(r"(\d+) packets? captured", text)[1]), int(re.search(r"(\d+) packets? dropped by kernel", text)[1])


class Dumpcap:
    name = "dumpcap -w"
    program = "dumpcap"
    ready = "Capturing on"

    def command(self, work):
        return ["dumpcap", "-i", "v1", "-q", "-s", str(SNAP_BYTES), "-B", str(RING_MIB), "-w", os.path.join(work, "out.pcapng")]

    def counts(self, text):
        captured = int(re.search(r"Packets captured: (\d+)", text)[1])
        return captured, int(re.search(r"received/dropped on interface '?v1'?: \d+/(\d+)", text)[1])


class Sensor:
    """Decodes, marks, classifies, journals, compresses and forces to disk what the others only write."""

    name = "hirundo-sensor"
    ready = "captures live:v1"

    def __init__(self, program):
        self.program = program

    def command(self, work):
        config = os.path.join(work, "sensor.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'[run]\nname = "bench"\nuser = "nobody"\n[capture]\nsources = ["live:v1"]\nsnap_bytes = {SNAP_BYTES}\nring_mib = {RING_MIB}\n')
        return [self.program, "--config", config, "--state", os.path.join(work, "state"), "run"]

    def counts(self, text):
        found = re.search(r"(\d+) frames seen, (\d+) packets kept, (\d+) dropped by the kernel", text)
        return int(found[2]), int(found[3])


class Bench:
    def __init__(self, options, link):
        self.link, self.options = link, options
        self.generate = options.generate
        self.made = MADE // (10 if options.quick else 1)

    def measure(self, contender, rate, seconds, cores):
        """One run at a rate; 0 is as fast as can be. `cores`: of the generator and of the contender."""
        work = tempfile.mkdtemp(prefix="hirundo-live-", dir=self.options.work)
        os.chmod(work, 0o755)
        log = os.path.join(work, "log")
        try:
            with open(log, "wb") as err:
                command = [*self.link.receiver(), *polite(cores[1]), *contender.command(work)]
                child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=err, stderr=err, env=measure.surroundings())
            try:
                wait_for(log, contender.ready, child)
                sent = self.send(rate, seconds, cores[0])
                # What waits in the ring is read within a moment; the others are asked to end only then, too.
                time.sleep(1.0)
            finally:
                child.send_signal(signal.SIGINT)
                usage = reap(child)
            with open(log, encoding="utf-8", errors="replace") as file:
                text = file.read()
            if child.returncode != 0:
                raise measure.Failed(f"{contender.name} ended with {child.returncode}: {text[-1000:]}")
            captured, dropped = contender.counts(text)
            kept = sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(work) for name in names)
            return Captured(sent["sent"], captured, dropped, sent["rate"], usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, kept)
        finally:
            shutil.rmtree(work)

    def send(self, rate, seconds, core):
        words = ["v0", "--made", str(self.made), "--loop", "0", "--seconds", str(seconds), "--spin"]
        words += ["--rate", str(int(rate))] if rate else []
        return json.loads(run(*self.link.sender(), *polite(core), self.generate, *words))


def polite(core):
    """On one core, before what else runs on this machine."""
    return "taskset", "-c", str(core), "nice", "-n", "-19"


def wait_for(log, words, child):
    until = time.monotonic() + PATIENCE_SECS
    while time.monotonic() < until:
        with open(log, encoding="utf-8", errors="replace") as file:
            if words in file.read():
                time.sleep(0.3)
                return
        if child.poll() is not None:
            break
        time.sleep(0.05)
    with open(log, encoding="utf-8", errors="replace") as file:
        raise measure.Failed(f"{child.args} is not ready: {file.read()[-1000:]}")


def reap(child):
    until = time.monotonic() + PATIENCE_SECS
    while time.monotonic() < until:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage
        time.sleep(0.05)
    child.kill()
    child.wait()
    raise measure.Failed(f"{child.args} did not end")


def highest(bench, contenders, cores, most, seconds):
    """For each contender the highest rate at which nothing is lost: a bounded search, all of them in turn at each step.

    A rate that the generator itself does not reach ends the search: what was sent was kept.
    """
    bounds = {one.name: [0.0, most] for one in contenders}
    limited = set()
    left = list(contenders)
    for step in range(STEPS_MAX):
        for one in list(left):
            lowest, upper = bounds[one.name]
            # The first step tries the most that the generator can.
            rate = most if step == 0 else (lowest + upper) / 2
            lossless, tried = try_rate(bench, one, rate, seconds, cores)
            if lossless:
                bounds[one.name] = [max(lowest, lossless), upper]
                if step == 0 or lossless < rate * 0.95:
                    limited.add(one.name)
            else:
                bounds[one.name] = [lowest, min(upper, tried)]
            lowest, upper = bounds[one.name]
            if one.name in limited or upper - lowest <= CLOSE * most:
                left.remove(one)
    return {name: (lowest, name in limited) for name, (lowest, _) in bounds.items()}


def try_rate(bench, contender, rate, seconds, cores):
    """The rate reached without loss, or None; and the least rate that was tried with loss."""
    tried = rate
    # Lost once may be somebody else's fault on a busy machine; three times is not.
    for _ in range(3):
        done = bench.measure(contender, rate, seconds, cores)
        say(f"{contender.name}, cores {cores}: {done.rate:,.0f}/s, lost {done.lost} (kernel says {done.dropped}), {done.cpu_ns():.0f} ns")
        if done.lost <= 0:
            return done.rate, tried
        tried = min(tried, done.rate)
    return None, tried


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def bench_live(options):
    with Link() as link:
        bench = Bench(options, link)
        contenders = [Sensor(options.sensor)] + [one for one in (Tcpdump(), Dumpcap()) if shutil.which(one.program)]
        missing = [one.name for one in (Tcpdump(), Dumpcap()) if not shutil.which(one.program)]
        seconds, rounds = (2, 1) if options.quick else (6, options.rounds)
        cores = sorted(os.sched_getaffinity(0))
        apart, together = (cores[0], cores[-1]), (cores[0], cores[0])
        most = max(bench.send(0, seconds, cores[0])["rate"] for _ in range(2))
        say(f"the generator alone sends {most:,.0f} a second")
        text = apart_and_together(bench, contenders, apart, together, most, seconds)
        text += at_rates(bench, contenders, apart, rounds, seconds)
        if missing:
            text += f"\nNot installed: {', '.join(missing)}.\n"
        return text


def apart_and_together(bench, contenders, apart, together, most, seconds):
    alone = highest(bench, contenders, apart, most, seconds)
    shared = highest(bench, contenders, together, most, seconds)
    rows = [(f"`{one.name}`", highest_text(alone[one.name]), highest_text(shared[one.name])) for one in contenders]
    head = ("program", "packets/s without loss, a core of its own", "packets/s without loss, the generator's core")
    note = "The generator alone sends {} packets/s. “All sent” is what it managed beside the contender, which kept all of it.\n\n"
    return note.format(page.number(most)) + page.table(head, rows)


def highest_text(found):
    rate, is_limited = found
    return f"{page.number(rate)}, all sent" if is_limited else page.number(rate)


def at_rates(bench, contenders, cores, rounds, seconds):
    """CPU, losses, memory and bytes at two rates, and as fast as the generator can."""
    idle = {one.name: [] for one in contenders}
    for _ in range(rounds):
        for one in contenders:
            idle[one.name].append(bench.measure(one, 1, 1, cores).cpu_secs)
    idle = {name: statistics.median(secs) for name, secs in idle.items()}
    rows = []
    for rate in RATES:
        runs = {one.name: [] for one in contenders}
        for _ in range(rounds):
            for one in contenders:
                done = bench.measure(one, rate, seconds, cores)
                say(f"{one.name} at {done.rate:,.0f}/s: {done.cpu_ns(idle[one.name]):.0f} ns, lost {done.lost}, peak {done.peak_bytes / 1e6:.0f} MB")
                runs[one.name].append(done)
        for name, all_of in runs.items():
            rows.append(row_of(name, all_of, idle[name]))
    head = ("program", "packets/s sent", "CPU ns a packet", "CPU ns a packet with start and end", f"lost in {rounds} runs", "peak MB", "bytes kept a packet")
    return "\n" + page.table(head, rows)


def row_of(name, runs, idle_secs):
    def span(values):
        values = sorted(values)
        return f"{page.number(statistics.median(values))} ({page.number(values[0])}–{page.number(values[-1])})"

    return (
        f"`{name}`",
        page.number(statistics.median(one.rate for one in runs)),
        span([one.cpu_ns(idle_secs) for one in runs]),
        span([one.cpu_ns() for one in runs]),
        page.count(sum(one.lost for one in runs)),
        page.megabytes(max(one.peak_bytes for one in runs)),
        f"{statistics.median(one.kept_bytes / max(one.captured, 1) for one in runs):.1f}",
    )


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench-live.sh", description="Measures live capture and writes docs/performance.md.")
    parser.add_argument("--quick", action="store_true", help="short runs; prints only")
    parser.add_argument("--print", action="store_true", help="print only, leave docs/performance.md as it is")
    parser.add_argument("--rounds", type=int, default=5, help="rounds at each rate (%(default)s)")
    parser.add_argument("--work", default=tempfile.gettempdir(), help="where captures and spools are written (%(default)s)")
    parser.add_argument("--sensor", default="", help=argparse.SUPPRESS)
    parser.add_argument("--generate", default="", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    machine, begun = page.machine(), time.monotonic()
    try:
        text = bench_live(options)
    except measure.Failed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 2
    text = f"First {SNAP_BYTES} bytes of each frame, {RING_MIB} MiB for frames that wait, everything to the same disk, interleaved.\n\n" + text
    text += f"\n*{machine}; `scripts/bench-live.sh`, {time.monotonic() - begun:.0f} s.*\n"
    print(f"## {PART}\n\n{text}", flush=True)
    if not (options.quick or options.print):
        page.write(PAGE, PART, text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
