"""Three sensors and a centre on one machine, live: simulated traffic of the last days, replayed fast.

Everything is real but the traffic: the centre's authority, tokens, mutual TLS, spools, the lake. No rights are needed,
because the sensors replay captures instead of listening to an interface.
"""

import datetime
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import processes
from processes import Failed, Process

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIO = os.path.join(HERE, "..", "..", "crates", "simulator", "scenarios", "sample.toml")
# First day of the scenario as it stands, and how many days it has.
FIRST_DAY, DAYS = datetime.date(2022, 4, 1), 3
# Sensors of the scenario: name, group, region; the last hides its addresses.
SENSORS = (("jp-1", "home", "JP"), ("jp-2", "home", "JP"), ("us-1", "abroad", "US"))
HIDES = "us-1"
READY_SECS, DRAIN_SECS = 30, 40
# How often the table of the sensors is printed where there is no terminal.
SHOW_EVERY_SECS = 15


class Demo:
    """The centre, the sensors, and their folder."""

    def __init__(self, options):
        self.options = options
        self.hirundo, self.sensor = os.path.join(options.bin, "hirundo"), os.path.join(options.bin, "hirundo-sensor")
        self.work = tempfile.mkdtemp(prefix="hirundo-demo-fleet-")
        self.environment = {"HIRUNDO_LAKE": self.path("lake"), "HIRUNDO_CENTRE": self.path("centre")}
        self.port = free_port()
        self.running = []

    def path(self, *names):
        return os.path.join(self.work, *names)

    def ask(self, *words, show=True):
        """Runs a command of the centre, as a person would."""
        if show:
            print(f"\n$ hirundo {' '.join(quoted(word) for word in words)}", flush=True)
        return processes.run([self.hirundo, *words], self.path("centre.log"), environment=self.environment)

    def start(self, name, command):
        process = Process(name, command, self.path(f"{name}.log"), self.environment)
        process.start()
        self.running.append(process)
        return process

    def make(self):
        self.simulate()
        self.ask("centre", "init", "--name", "demo", "--address", f"https://localhost:{self.port}")
        print(f"\n$ hirundo collect --listen 127.0.0.1:{self.port} &")
        collect = [self.hirundo, "collect", "--listen", f"127.0.0.1:{self.port}", "--metrics", "none", "--commit-every", "2s"]
        self.start("collector", collect)
        wait("the collector listens", lambda: listens(self.port))
        for name, group, region in SENSORS:
            token = self.ask("sensor", "add", name, "--group", group, "--region", region).strip()
            print(f"{token[:40]}…\n\n$ hirundo-sensor enroll TOKEN      # on {name}{', which hides its addresses' if name == HIDES else ''}")
            print(processes.run([*self.of(name), "enroll", token], self.path(f"{name}.log")).strip(), flush=True)

    def simulate(self):
        """The scenario, moved to the days before today."""
        move = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=DAYS) - FIRST_DAY
        with open(SCENARIO) as file:
            text = file.read()
        moved = re.sub(r"\d{4}-\d\d-\d\d", lambda found: str(datetime.date.fromisoformat(found[0]) + move), text)
        with open(self.path("scenario.toml"), "w") as file:
            file.write(moved)
        self.first, self.last = FIRST_DAY + move, FIRST_DAY + move + datetime.timedelta(days=DAYS - 1)
        processes.run([self.hirundo, "simulate", self.path("scenario.toml"), "--out", self.path("captures")], self.path("centre.log"))

    def of(self, name):
        """The sensor's program with its configuration, which is written if it is not there."""
        path = self.path(f"{name}.toml")
        if not os.path.exists(path):
            os.mkdir(self.path(name), 0o700)
            captures = sorted(os.listdir(self.path("captures", name)))
            sources = ", ".join(f'"pcap:{self.path("captures", name, capture)}"' for capture in captures)
            pace = max(1, DAYS * 86_400 // self.options.seconds)
            with open(path, "w") as file:
                file.write(
                    f'[run]\nstate = "{self.path(name)}"\nuser = "{user()}"\n\n'
                    f'[capture]\nsources = [{sources}]\npace = "{pace}x"\n\n'
                    f"[hide]\ndestinations = {'true' if name == HIDES else 'false'}\n\n"
                    "[spool]\nbatch_secs = 2\n\n[uplink]\nheartbeat_secs = 2\n"
                )
        return [self.sensor, "--config", path]

    def show(self):
        """The sensors, live on a terminal; elsewhere now and then."""
        until = time.monotonic() + self.options.seconds + DRAIN_SECS / 8
        while time.monotonic() < until:
            if sys.stdout.isatty():
                print("\n$ hirundo sensors", flush=True)
                live = subprocess.Popen([self.hirundo, "sensors"], env=processes.surroundings(self.environment))
                try:
                    live.wait(max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    live.terminate()
                    live.wait()
            else:
                time.sleep(min(SHOW_EVERY_SECS, max(0.1, until - time.monotonic())))
                print(self.ask("sensors", "--once"), flush=True)

    def drain(self, replaying):
        """Waits until the sensors have sent everything, then ends them."""
        until = time.monotonic() + DRAIN_SECS
        while time.monotonic() < until and any(process.is_running() for process in replaying):
            time.sleep(0.2)
        for process in replaying:
            code = process.child.poll() if process.child else None
            if code not in (None, 0):
                raise Failed(f"{process.name} ended with {code}; hint: its log {process.log}")
            process.end()

    def results(self):
        period = f"{self.first}..{self.last}"
        print(self.ask("top", "ports", "--period", period, "-n", "5"))
        print(self.ask("top", "regions", "--period", period, "-n", "3"))
        print(self.ask("query", "SELECT sensor, count(*) AS packets, count(tcp_seq) AS with_seq, ip(min(dst)) AS dst FROM packets GROUP BY 1 ORDER BY 1"))
        print(f"{HIDES} hides its addresses: its dst is a pseudonym, and no sequence number came that could give it away.")

    def end(self):
        for process in reversed(self.running):
            process.end()


def quoted(word):
    return word if re.fullmatch(r"[\w./:=,@%+-]+", word) else f'"{word}"'


def user():
    """Whom sensors run as: ourselves."""
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


def wait(what, is_so):
    until = time.monotonic() + READY_SECS
    while not is_so():
        if time.monotonic() > until:
            raise Failed(f"{what}: not within {READY_SECS} s")
        time.sleep(0.1)


def run(options):
    """The whole of `fleet.sh demo`; its exit code."""
    demo = Demo(options)
    kept = False
    try:
        demo.make()
        print(f"\n$ hirundo-sensor run      # three times; {DAYS} days of simulated traffic in {options.seconds} seconds", flush=True)
        replaying = [demo.start(name, [*demo.of(name), "run"]) for name, _, _ in SENSORS]
        demo.show()
        demo.drain(replaying)
        demo.results()
        if options.keep:
            kept = True
            print(f"\nThe collector goes on; Ctrl-C ends it. export HIRUNDO_LAKE={demo.path('lake')} HIRUNDO_CENTRE={demo.path('centre')}", flush=True)
            while True:
                time.sleep(1)
    except KeyboardInterrupt:
        if not kept:
            raise
    except Failed:
        print(f"fleet.sh: logs are in {demo.work}", file=sys.stderr)
        kept = True
        raise
    finally:
        demo.end()
        if not kept:
            shutil.rmtree(demo.work, ignore_errors=True)
    return 0
