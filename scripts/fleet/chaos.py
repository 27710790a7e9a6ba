"""A fleet under chaos: sends packets, breaks everything, heals it, and holds the lake against what was sent."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import network
import plan
import processes
import verdict
from processes import Failed, Process, fill, free

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 4443
# Room of each sensor's disk and of its spool in it, and of the centre's disk (short form, long form), MiB.
SENSOR_DISK_MIB, SPOOL_MIB, CENTRE_DISK_MIB = 32, 16, (128, 768)
# How long programs may take until they listen or capture, and the lake until it has everything.
READY_SECS = 60
SETTLE_SECS = 240
# How often the lake is asked while it is waited for.
ASK_SECS = 3.0
CLOCK_VARIABLE = "HIRUNDO_CLOCK_OFFSET_FILE"


def sensor_name(sensor):
    return f"s{sensor:02}"


class Fleet:
    """Everything that runs, and where it is."""

    def __init__(self, options):
        self.options = options
        self.hirundo = os.path.join(options.bin, "hirundo")
        self.sensor = os.path.join(options.bin, "hirundo-sensor")
        self.work = tempfile.mkdtemp(prefix="hirundo-fleet-")
        # Sensors run as somebody else and must get to their folders.
        os.chmod(self.work, 0o755)
        self.logs = os.path.join(self.work, "logs")
        os.mkdir(self.logs)
        self.disk = os.path.join(self.work, "centre-disk")
        self.lake, self.centre = os.path.join(self.disk, "lake"), os.path.join(self.disk, "centre")
        self.network = network.Network(options.sensors, options.collectors)
        self.sensors, self.collectors = [], []
        self.sender = None
        # Events that took place.
        self.begun = []
        self.sent_log = os.path.join(self.work, "sent")

    def log(self, name):
        return os.path.join(self.logs, f"{name}.log")

    def ask(self, *words):
        """Runs a command of the centre."""
        return processes.run([self.hirundo, "--lake", self.lake, *words], self.log("centre"), environment={"HIRUNDO_CENTRE": self.centre})

    def make(self):
        mount(self.disk, CENTRE_DISK_MIB[0 if self.options.short else 1])
        self.network.make()
        self.make_centre()
        for collector in range(self.options.collectors):
            self.collectors.append(self.make_collector(collector))
        for collector in self.collectors:
            collector.start()
        for collector in range(self.options.collectors):
            self.wait("a collector listens", lambda: self.listens(collector))
        for sensor in range(self.options.sensors):
            self.sensors.append(self.make_sensor(sensor))
        for sensor in self.sensors:
            sensor.start()
        for sensor in range(self.options.sensors):
            self.wait(f"sensor {sensor} captures", lambda: self.captures(sensor))

    def make_centre(self):
        addresses = [f"--address=https://{self.network.address(collector)}:{PORT}" for collector in range(self.options.collectors)]
        self.ask("centre", "init", "--name", "fleet", *addresses)

    def make_collector(self, collector):
        name = f"c{collector}"
        listen = f"{self.network.address(collector)}:{PORT}"
        command = [
            self.hirundo, "--lake", self.lake, "collect", "--centre", self.centre,
            "--listen", listen, "--metrics", "none", "--commit-every", "2s",
        ]
        return Process(name, network.enter(name, *command), self.log(name))

    def make_sensor(self, sensor):
        name = sensor_name(sensor)
        folder = os.path.join(self.work, name)
        mount(folder, SENSOR_DISK_MIB)
        state = os.path.join(folder, "state")
        os.mkdir(state, 0o700)
        user = "nobody" if may_become("nobody", state) else "root"
        config = os.path.join(self.work, f"{name}.toml")
        with open(config, "w") as file:
            file.write(self.config(sensor, state, user))
        clock = os.path.join(state, "clock-offset")
        with open(clock, "w") as file:
            file.write("0")
        os.chmod(clock, 0o644)
        token = self.ask("sensor", "add", name, "--group", "home", "--region", "JP").strip()
        command = network.enter(f"s{sensor}", self.sensor, "--config", config)
        processes.run([*command, "enroll", token], self.log(name))
        process = Process(name, [*command, "run"], self.log(name), {CLOCK_VARIABLE: clock})
        process.folder, process.state, process.clock = folder, state, clock
        return process

    def config(self, sensor, state, user):
        """Every third sensor hides its addresses, every second looks at some networks only."""
        pings, batch_secs = ("ping_secs = [2, 3]\n", 3) if self.options.short else ("", 10)
        watched = 'addresses = ["203.0.113.0/24", "2001:db8::/32"]\n' if sensor % 2 else ""
        return (
            f'[run]\nstate = "{state}"\nuser = "{user}"\n\n'
            f'[capture]\nsources = ["live:cap0"]\npromiscuous = true\nring_mib = 4\n{watched}\n'
            f"[hide]\ndestinations = {'true' if sensor % 3 == 2 else 'false'}\n\n"
            f"[spool]\nbytes_max = {SPOOL_MIB << 20}\nbatch_secs = {batch_secs}\n\n"
            f'[uplink]\norder = "random"\npause_secs_max = 5\n{pings}'
        )

    def wait(self, what, is_so):
        until = time.monotonic() + READY_SECS
        while not is_so():
            self.look()
            if time.monotonic() > until:
                raise Failed(f"{what}: not within {READY_SECS} s; hint: logs are in {self.logs}")
            time.sleep(0.1)

    def listens(self, collector):
        try:
            socket.create_connection((self.network.address(collector), PORT), 0.5).close()
        except OSError:
            return False
        return True

    def captures(self, sensor):
        """Whether a running packet socket is bound to an interface there."""
        table = subprocess.run(network.enter(f"s{sensor}", "cat", "/proc/self/net/packet"), capture_output=True, text=True, check=False).stdout
        rows = [row.split() for row in table.splitlines()[1:]]
        return any(len(row) > 5 and row[4] != "0" and row[5] == "1" for row in rows)

    def look(self):
        for process in self.sensors + self.collectors:
            process.look()

    def send(self):
        options = self.options
        interfaces = [f"gen{sensor}" for sensor in range(options.sensors)]
        numbers = [str(options.seed), str(options.rate), str(options.seconds)]
        command = [sys.executable, "-B", os.path.join(HERE, "generator.py"), self.sent_log, *numbers, *interfaces]
        self.sender = Process("generator", command, self.log("generator"))
        self.sender.start()

    def begin(self, event):
        """Breaks something."""
        target = event.target
        act = {
            "cut": lambda: self.network.cut(target, True),
            "loss": lambda: self.network.lose(target, event.value),
            "slow": lambda: self.network.slow(target, event.value, random.Random(event.value).randint(*plan.SLOW_MS)),
            "partition": lambda: self.network.part(target, True),
            "blackout": lambda: self.network.black_out(True),
            "kill-sensor": lambda: self.sensors[target].kill(),
            "kill-collector": lambda: self.collectors[target].kill(),
            "fill-spool": lambda: self.sensors[target].fill(self.sensors[target].folder),
            "fill-lake": lambda: fill(self.disk),
            "step-clock": lambda: self.step(target, event.value),
        }
        act[event.kind]()

    def finish(self, event):
        """Makes it whole again."""
        target = event.target
        act = {
            "cut": lambda: self.network.cut(target, False),
            "loss": lambda: self.network.lose(target, 0),
            "slow": lambda: self.network.slow(target, 0, 0),
            "partition": lambda: self.network.part(target, False),
            "blackout": lambda: self.network.black_out(False),
            "kill-sensor": lambda: self.sensors[target].restart(),
            "kill-collector": lambda: self.collectors[target].restart(),
            "fill-spool": lambda: self.sensors[target].free(self.sensors[target].folder),
            "fill-lake": lambda: free(self.disk),
            "step-clock": lambda: self.step(target, 0),
        }
        act[event.kind]()

    def step(self, sensor, secs):
        path = self.sensors[sensor].clock
        # In place: the folder belongs to the sensor.
        with open(path, "r+") as file:
            file.write(f"{secs * 1_000_000:<20}")

    def break_and_send(self, say):
        """The whole time of traffic."""
        coming = plan.make(self.options)
        going = []
        self.send()
        begun = time.monotonic()
        while time.monotonic() < begun + self.options.seconds:
            now = time.monotonic() - begun
            for event in [event for event in going if event.until <= now]:
                self.finish(event)
                going.remove(event)
            while coming and coming[0].at <= now:
                event = coming.pop(0)
                say(f"  {event}")
                self.begin(event)
                self.begun.append(event)
                going.append(event)
            self.look()
            time.sleep(0.05)
        for event in going:
            self.finish(event)
        self.network.heal()
        self.sender.child.wait()

    def settle(self, say):
        """Waits until everything is in the lake or counted as lost; says how it stands then."""
        begun = time.monotonic()
        counts = {}
        while time.monotonic() < begun + SETTLE_SECS:
            self.look()
            counts = verdict.counts(self)
            if all(count.is_balanced() for count in counts.values()):
                break
            for _ in range(int(ASK_SECS / 0.1)):
                self.look()
                time.sleep(0.1)
        say(f"settled after {time.monotonic() - begun:.0f} s")
        return counts

    def end(self):
        """Ends everything in order; exit codes of what did not end well."""
        codes = {process.name: process.end() for process in self.sensors}
        codes |= {process.name: process.end() for process in self.collectors}
        return {name: code for name, code in codes.items() if code != 0}

    def save(self):
        """Keeps what is on the disks, which go with the namespace: the centre's, and the sensors' without their keys."""
        kept = os.path.join(self.work, "disks")
        shutil.copytree(self.disk, os.path.join(kept, "centre"), ignore=shutil.ignore_patterns("filler", "*.key"), dirs_exist_ok=True)
        for sensor in self.sensors:
            target = os.path.join(kept, sensor.name)
            shutil.copytree(sensor.folder, target, ignore=shutil.ignore_patterns("filler", "identity.json", "*.key"), dirs_exist_ok=True)

    def kill(self):
        for process in [self.sender, *self.sensors, *self.collectors]:
            if process is not None:
                process.kill()


def mount(folder, mib):
    os.mkdir(folder)
    network.call("mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0755", "tmpfs", folder)


def may_become(user, folder):
    """Gives a folder to a user; not possible where there is only one, as in a user namespace."""
    try:
        shutil.chown(folder, user)
    except (LookupError, OSError):
        return False
    return True


def run_fleet(fleet, say):
    say(f"{fleet.options.sensors} sensors, {fleet.options.collectors} collectors, seed {fleet.options.seed}; logs in {fleet.logs}")
    fleet.make()
    say("all are enrolled and capture; packets are sent")
    fleet.break_and_send(say)
    say("all is healed; waiting for what is still on its way")
    fleet.settle(say)
    codes = fleet.end()
    return verdict.judge(fleet, codes)


def run(options):
    """The whole of `fleet.sh chaos`; its exit code."""
    begun = time.monotonic()

    def say(words):
        print(f"[{time.monotonic() - begun:6.1f} s] {words}", file=sys.stderr, flush=True)

    fleet = Fleet(options)
    # Nobody looks at the logs of what went well, or of what they ended themselves.
    keep = True
    try:
        judgement = run_fleet(fleet, say)
        print(judgement.text)
        keep = options.keep or not judgement.good
    except KeyboardInterrupt:
        keep = options.keep
        raise
    finally:
        fleet.kill()
        if keep:
            fleet.save()
            print(f"fleet.sh: logs, configurations, disks and what was sent are in {fleet.work}", file=sys.stderr)
        else:
            unmount_and_remove(fleet)
    return 0 if judgement.good else 1


def unmount_and_remove(fleet):
    """The mounts are ours alone; what is left of the folder is not."""
    for folder in [fleet.disk, *(sensor.folder for sensor in fleet.sensors)]:
        subprocess.run(["umount", folder], capture_output=True, check=False)
    shutil.rmtree(fleet.work, ignore_errors=True)
